"""Counts, multiplicity and Rubin's rules against R (counts.json), and against published examples and other programs
(counts_cases.json), at the tolerance written in each case."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from scipy.special import ndtr

from equipoise.analyze import (
    adjusted_p,
    clopper_pearson,
    cmh,
    exposure_adjusted_rate,
    fisher,
    pool,
    rate_difference,
    rate_ratio,
    risk_difference,
    risk_ratio,
)
from equipoise.design import AlphaGraph

FOLDER = Path(__file__).parent
R = json.loads((FOLDER / "counts.json").read_text())
CASES = json.loads((FOLDER / "counts_cases.json").read_text())


def ids(case: Any) -> str:
    return case["id"] if "id" in case else "-".join(f"{float(v):g}" for v in next(iter(case.values())))


def near(got: float, want: Any, rel: float = 1e-9, abs_: float = 1e-12) -> None:
    """R leaves NaN where a value is not defined."""
    assert got == pytest.approx(float(want), rel=rel, abs=abs_, nan_ok=True)


def whole(values: list[float]) -> list[int]:
    return [int(v) for v in values]


@pytest.mark.parametrize("case", R["binomial"], ids=ids)
def test_clopper_pearson(case: Any) -> None:
    found = clopper_pearson(*whole(case["counts"]), case["level"][0]).conf_int
    for got, want in zip(found, case["limits"], strict=True):
        near(got, want, abs_=0)


@pytest.mark.parametrize("case", R["poisson"], ids=ids)
def test_exact_limits_of_a_rate(case: Any) -> None:
    events, exposure = int(case["events"][0]), float(case["exposure"][0])
    found = exposure_adjusted_rate(events, exposure, unit="days", per="1 day", level=case["level"][0])
    for got, want in zip(found.conf_int, case["limits"], strict=True):
        near(got, want, abs_=0)


@pytest.mark.parametrize("case", R["fisher"], ids=ids)
def test_fisher(case: Any) -> None:
    found = fisher(*whole(case["counts"]))
    near(found.p_value, case["two_sided"][0], abs_=0)
    near(found.p_more, case["greater"][0], abs_=0)
    near(found.p_fewer, case["less"][0], abs_=0)


@pytest.mark.parametrize("case", R["cmh"], ids=ids)
def test_cmh(case: Any) -> None:
    counts = [whole(case[k]) for k in ("events_1", "total_1", "events_0", "total_0")]
    for level, limits in ((0.95, "limits"), (0.8, "limits_80")):
        found = cmh(*counts, level=level)
        near(found.statistic, case["chi_square"][0])
        near(found.p_value, case["p_value"][0])
        if math.isnan(found.statistic):
            continue
        near(found.odds_ratio, case["odds_ratio"][0])
        if math.isnan(found.conf_int[0]):  # R computes limits of 0 and infinity: 0 and NaN, or NaN
            assert found.odds_ratio == 0 or math.isinf(found.odds_ratio)
            continue
        for got, want in zip(found.conf_int, case[limits], strict=True):
            near(got, want)
    corrected = cmh(*counts, correction=True)
    near(corrected.statistic, case["chi_square_corrected"][0])
    near(corrected.p_value, case["p_value_corrected"][0])


@pytest.mark.parametrize("case", R["p_adjust"], ids=ids)
def test_adjusted_p(case: Any) -> None:
    p = {f"H{i}": float(x) for i, x in enumerate(case["p"])}
    for procedure in ("holm", "hochberg", "hommel"):
        found = adjusted_p(p, procedure)  # type: ignore[arg-type]
        assert list(found.values()) == pytest.approx([float(x) for x in case[procedure]], rel=1e-12)


@pytest.mark.parametrize("case", R["rubin"], ids=ids)
def test_rubin(case: Any) -> None:
    """Degrees of freedom of a finite complete-data analysis (Barnard and Rubin 1999) are not asked for here."""
    found = pool(case["estimates"], case["variances"])
    near(found.estimate, case["estimate"][0])
    near(found.within, case["within"][0])
    near(found.between, case["between"][0])
    near(found.std_error**2, case["total"][0])
    if math.isinf(float(case["complete_df"][0])) and found.df < 1e6:  # mice takes a share below 1e-4 as 1e-4
        near(found.df, case["df"][0])
        near(found.p_value, case["p_value"][0])
        for got, want in zip(found.limits(0.95), case["limits"], strict=True):
            near(got, want)


SCORES: dict[str, Callable[..., Any]] = {
    "risk_difference": risk_difference,
    "risk_ratio": risk_ratio,
    "rate_difference": rate_difference,
    "rate_ratio": rate_ratio,
}


def offered(case: dict[str, Any]) -> bool:
    """Whether there is such a comparison: rates are not stratified."""
    stratified_rates = case["kind"].startswith("rate") and isinstance(case["inputs"]["events_1"], list)
    return case["kind"] in SCORES and not stratified_rates


def compared(case: dict[str, Any]) -> Any:
    inputs = dict(case["inputs"])
    weights = inputs.pop("weights", "cmh")
    counts = [inputs[k] for k in ("events_1", "total_1", "events_0", "total_0")]
    if case["kind"].startswith("rate"):
        counts = [int(counts[0]), float(counts[1]), int(counts[2]), float(counts[3])]
        per = {"per": "1 day"} if case["kind"] == "rate_difference" else {}
        return SCORES[case["kind"]](*counts, unit="days", level=inputs["level"], **per)
    if isinstance(weights, list):  # the sizes of the strata
        assert weights == [a + b for a, b in zip(counts[1], counts[3], strict=True)]
        weights = "sample size"
    return SCORES[case["kind"]](*counts, level=inputs["level"], weights=weights)


@pytest.mark.parametrize("case", [c for c in CASES if offered(c)], ids=ids)
def test_score_limits(case: dict[str, Any]) -> None:
    found = compared(case)

    def agrees(name: str, got: float) -> None:
        if name in case["outputs"]:
            rel, abs_ = (t.get(name, 0) if isinstance(t, dict) else t for t in (case["rel_tol"], case["abs_tol"]))
            near(got, case["outputs"][name], rel, abs_)

    agrees("estimate", found.estimate)
    agrees("lower", found.conf_int[0])
    agrees("upper", found.conf_int[1])
    agrees("z", found.z)
    agrees("chi_square", found.z**2)
    agrees("p_value", found.p_value)


def test_a_score_away_from_no_effect_is_a_limit() -> None:
    """SAS prints the probability of the score at another value: it is a limit at the level which that implies."""
    checked = 0
    for case in CASES:
        if "below_at" not in case["outputs"]:
            continue
        at, below = case["outputs"]["below_at"]
        level = abs(1 - 2 * below)
        if not 0.02 < level < 0.9999 or not offered(case):
            continue
        found = compared({**case, "inputs": {**case["inputs"], "level": level}})
        side = found.conf_int[0] if found.estimate > at else found.conf_int[1]
        near(side, at, 1e-6, 1e-8)  # the printed probability has ten digits
        assert ndtr(0) == 0.5
        checked += 1
    assert checked > 20


GRAPHS = [c for c in CASES if c["kind"] == "alpha_graph"]


@pytest.mark.parametrize("case", GRAPHS, ids=ids)
def test_alpha_graphs(case: dict[str, Any]) -> None:
    given, out = case["inputs"], case["outputs"]
    weights = [float(Fraction(str(w))) for w in given["weights"]]
    names = [f"H{i + 1}" for i in range(len(weights))]
    graph = AlphaGraph(
        weights=dict(zip(names, weights, strict=True)),
        transitions={
            a: {b: float(Fraction(str(g))) for b, g in zip(names, row, strict=True) if Fraction(str(g))}
            for a, row in zip(names, given["transitions"], strict=True)
        },
    )
    found = graph.test(dict(zip(names, map(float, given["p_values"]), strict=True)), float(given["alpha"]))
    if "adjusted" in out:
        want = [float(p) for p in out["adjusted"]]
        rel = max(case["rel_tol"], 1e-12)
        assert list(found.adjusted_p.values()) == pytest.approx(want, rel=rel, abs=case["abs_tol"])
    if "rejected" in out:
        assert [name in found.rejected for name in names] == [bool(r) for r in out["rejected"]]


def test_a_published_step_up_example() -> None:
    case = next(c for c in CASES if c["kind"] == "step_up_published")
    p = {str(i): float(x) for i, x in enumerate(case["inputs"]["p_values"])}
    holm, hochberg = adjusted_p(p, "holm"), adjusted_p(p, "hochberg")
    smallest = min(p, key=lambda k: p[k])
    near(holm[smallest], case["outputs"]["holm_11"], 0, case["abs_tol"])
    near(hochberg[smallest], case["outputs"]["hochberg_11"], 0, case["abs_tol"])
    for name in p:
        if name != smallest:
            near(hochberg[name], case["outputs"]["hochberg_others"], 0, case["abs_tol"])
