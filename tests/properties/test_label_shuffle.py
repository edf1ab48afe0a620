"""Shuffled treatment labels change every between-arm statistic, and nothing that does not know the arm."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

import equipoise as eq

SHUFFLES = 100
with (Path(__file__).parent.parent / "reference" / "data" / "veteran.csv").open() as f:
    ROWS = list(csv.DictReader(f))
TIME, STATUS, TEST = (np.array([float(r[k]) for r in ROWS]) for k in ("time", "status", "test"))
CELL = np.array([r["celltype"] for r in ROWS])


def between(arm: np.ndarray) -> dict[str, float]:
    tte = eq.survival.TimeToEvent(TIME, STATUS, arm, control=0, experimental=1, unit="days", strata={"cell": CELL})
    test, strata = eq.survival.logrank(tte, stratified=False), eq.survival.logrank(tte)
    weighted = eq.survival.logrank(tte, rho=1, stratified=False)
    fit, adjusted = eq.survival.cox(tte, stratified=False), eq.survival.cox(tte)
    km, means = eq.survival.kaplan_meier(tte), eq.survival.rmst(tte, tau="180 days", stratified=False)
    return {
        "z": test.z, "chi-square": test.statistic, "P": test.p_value, "stratified z": strata.z, "rho 1": weighted.z,
        "hazard ratio": fit.hazard_ratio, "coefficient": fit.coef[0], "upper limit": fit.conf_int[1],
        "stratified hazard ratio": adjusted.hazard_ratio, "likelihood ratio": fit.likelihood_ratio.statistic,
        "mean difference": means.difference, "mean P": means.p_value,
        "median difference": km["1"].median - km["0"].median,
        "survival difference": km["1"].at(["90 days"])[0].survival - km["0"].at(["90 days"])[0].survival,
    }  # fmt: skip


def totals(arm: np.ndarray) -> tuple[object, ...]:
    tte = eq.survival.TimeToEvent(TIME, STATUS, arm, control=0, experimental=1, unit="days")
    pooled = eq.survival.kaplan_meier(eq.survival.TimeToEvent(tte.time, tte.event, unit="days"))["all"]
    curves = eq.survival.kaplan_meier(tte)
    observed = eq.survival.logrank(tte)
    return (
        tte.n,
        int(tte.event.sum()),
        pooled.survival.tobytes(),
        pooled.std_error.tobytes(),
        pooled.median,
        pooled.median_ci,
        sum(c.subjects for c in curves.values()),
        sum(c.events for c in curves.values()),
        float(observed.observed.sum()),
        round(float(observed.expected.sum()), 9),
        eq.survival.cox(tte).loglik[0],
    )


def test_labels_matter_and_totals_do_not() -> None:
    rng = np.random.default_rng(20)
    real, whole = between(TEST), totals(TEST)
    changed = dict.fromkeys(real, 0)
    for _ in range(SHUFFLES):
        arm = rng.permutation(TEST)
        for name, value in between(arm).items():
            changed[name] += value != real[name]
        assert totals(arm) == whole
    # a difference of medians is a difference of two of some hundred times, so a few shuffles may hit the real one
    assert changed.pop("median difference") >= 95
    assert min(changed.values()) >= SHUFFLES - 1, changed


def test_swapped_labels_invert_the_effect() -> None:
    real, other = between(TEST), between(1 - TEST)
    for name in ("z", "stratified z", "rho 1", "coefficient", "mean difference", "median difference"):
        np.testing.assert_allclose(other[name], -real[name], rtol=1e-9)
    for name in ("hazard ratio", "stratified hazard ratio"):
        np.testing.assert_allclose(other[name], 1 / real[name], rtol=1e-9)
    for name in ("chi-square", "P", "likelihood ratio", "mean P"):
        np.testing.assert_allclose(other[name], real[name], rtol=1e-9)
