"""IPE, two-stage estimation and weights where their assumptions hold, and where they do not (slow tier).

Few trials, to see that each method estimates what it says: coverage of 95% limits of the effect of switching (psi) or
of the hazard ratio had nobody switched, within three Monte Carlo standard errors of what is due, and the mean error.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy.special import expit

from equipoise.analyze.switching import Switches, ipcw, ipe, msm, naive, two_stage, two_stage_g
from equipoise.survival import TimeToEvent, TimeVarying, cox

pytestmark = pytest.mark.slow
TRIALS, N = 200, 400
PSI = -0.5
VISIT, VISITS = 30.0, 24


def within(covered: int, trials: int, low: float, high: float) -> None:
    """A share of trials between two rates, but for three Monte Carlo standard errors."""
    rate = covered / trials
    assert low - 3 * math.sqrt(low * (1 - low) / trials) <= rate <= high + 3 * math.sqrt(high * (1 - high) / trials), (
        rate
    )


def endpoint(time: np.ndarray, event: np.ndarray, arm: np.ndarray) -> TimeToEvent:
    return TimeToEvent(time, event, arm, control=0, experimental=1, unit="days")


# ---- weights: a marker that raises hazard and chance of switching, and that the arm's own effect leaves alone ----


def followed(rng: np.random.Generator, n: int, switching: bool) -> dict[str, Any]:
    """Visit by visit: the marker, then death within the visit or, at its end, a switch that halves the hazard."""
    arm, base = np.arange(n) % 2, rng.integers(0, 2, n)
    marker = np.zeros((n, VISITS), dtype=int)
    time, event, switch = np.full(n, VISIT * VISITS), np.zeros(n, dtype=int), np.full(n, math.inf)
    before, alive = np.zeros(n), np.ones(n, dtype=bool)
    for k in range(VISITS):
        marker[:, k] = rng.random(n) < expit(-3.0 + 0.5 * base + 5.0 * before)
        before = marker[:, k]
        hazard = 0.0012 * np.exp(0.4 * base + 1.5 * before - 0.5 * arm + math.log(0.5) * np.isfinite(switch))
        wait = rng.exponential(1 / hazard)
        dies = alive & (wait <= VISIT)
        time[dies], event[dies] = VISIT * k + wait[dies], 1
        alive &= ~dies
        if switching and k < VISITS - 1:
            moves = rng.random(n) < expit(-3.0 + 0.3 * base + 1.8 * before)
            moves &= alive & (arm == 0) & np.isinf(switch)
            switch[moves] = VISIT * (k + 1)
    return {"arm": arm, "base": base, "marker": marker, "time": time, "event": event, "switch": switch}


@cache
def truth() -> float:
    """The log hazard ratio given the baseline covariate, of many subjects of whom nobody switches."""
    d = followed(np.random.default_rng(1), 400_000, False)
    return float(cox(endpoint(d["time"], d["event"], d["arm"]), {"base": d["base"]}).coef[0])


def visits(marker: np.ndarray) -> dict[str, TimeVarying]:
    n, k = marker.shape
    subject, start = np.repeat(np.arange(1, n + 1), k), np.tile(VISIT * np.arange(k), n)
    return {"marker": TimeVarying(subject=subject, start=start, value=marker.ravel(), unit="days")}


def weighed(seed: int) -> tuple[Switches, dict[str, TimeVarying]]:
    d = followed(np.random.default_rng([2, seed]), N, True)
    tte = endpoint(d["time"], d["event"], d["arm"])
    return Switches(tte=tte, switch=d["switch"], covariates={"base": d["base"]}), visits(d["marker"])


@pytest.mark.parametrize("way", ["logistic", "cox", "msm"])
def test_weights_where_nothing_is_unmeasured(way: str) -> None:
    """Robust limits take the weights for known, and may cover up to 98%."""
    covered, errors = 0, []
    for seed in range(TRIALS):
        record, paths = weighed(seed)
        if way == "msm":
            found = msm(record, paths, covariates=["base"])
        else:
            found = ipcw(record, paths, covariates=["base"], model=way)  # type: ignore[arg-type]
        low, high = found.conf_int
        covered += low <= math.exp(truth()) <= high
        errors.append(math.log(found.hazard_ratio) - truth())
    within(covered, TRIALS, 0.94, 0.98)
    assert abs(np.mean(errors)) < 0.03 + 3 * np.std(errors) / math.sqrt(TRIALS), np.mean(errors)


def test_naive_censoring_is_seen_to_fail() -> None:
    """Who is worse off switches: those who are left in control do better than control would have done."""
    errors = [
        math.log(naive(weighed(seed)[0], "censored at switch", covariates=["base"]).hazard_ratio) - truth()
        for seed in range(TRIALS)
    ]
    assert np.mean(errors) > 0.05, np.mean(errors)


# ---- factors of time: what a subject would live is drawn first, and then prolonged ----


def structural(seed: int, at_once: bool, confounded: bool) -> tuple[Switches, dict[str, TimeVarying], np.ndarray]:
    """Control switches after progression, at it or at later visits; the marker sees how long is left.

    With ``confounded`` the switch depends on the marker of the visit; else on the one at progression.
    """
    rng = np.random.default_rng([3, seed])
    arm = np.arange(N) % 2
    progression = VISIT * rng.integers(1, 6, N)
    left = 150 * rng.weibull(1.5, N) + 1  # without a switch, from progression on
    time, switch = progression + left, np.full(N, math.inf)
    left_at = progression[:, None] + left[:, None] - VISIT * np.arange(VISITS)
    marker = (rng.random((N, VISITS)) < expit(2.0 - left_at / 50)).astype(int)
    first = (progression / VISIT).astype(int)
    then = marker[np.arange(N), first]
    for k in range(VISITS):
        day = VISIT * k
        seen = then if at_once else marker[:, k - 1] if confounded else then
        chance = expit(-0.3 + 1.0 * seen) if at_once else expit(-2.0 + (2.0 if confounded else 0.7) * seen)
        may = (arm == 0) & np.isinf(switch) & (day < time) & ((first == k) if at_once else (first <= k))
        moves = may & (rng.random(N) < chance)
        switch[moves] = day
    moved = np.isfinite(switch)
    time[moved] = switch[moved] + (time - switch)[moved] * math.exp(-PSI)
    time[arm == 1] = time[arm == 1] * math.exp(0.3)
    end = rng.uniform(400, 720, N)
    progression = np.minimum(progression * np.where(arm == 1, math.exp(0.3), 1.0), end)
    event = (time <= end).astype(int)
    switch = np.where(switch < np.minimum(time, end), switch, math.inf)
    observed = np.minimum(time, end)
    progression = np.where(progression < observed, progression, math.inf)
    record = Switches(tte=endpoint(observed, event, arm), switch=switch, progression=progression, administrative=end)
    return record, visits(marker), then


def covers(found: Any) -> bool:
    """Whether limits hold psi; one that the grid does not reach is beyond it."""
    low, high = found.psi_conf_int
    return not low > PSI and not high < PSI


def test_two_stages_where_people_switch_at_progression() -> None:
    found = []
    for seed in range(TRIALS):
        record, _, then = structural(seed, at_once=True, confounded=False)
        found.append(two_stage(record, {"marker": then}))
    within(sum(covers(f) for f in found), TRIALS, 0.94, 0.96)
    psi = np.array([f.psi for f in found])
    assert abs(psi.mean() - PSI) < 3 * psi.std() / math.sqrt(TRIALS) + 0.02, psi.mean()


def test_g_estimation_under_confounding_after_progression() -> None:
    """The simple method, which sees the marker at progression alone and takes later switchers for survivors, fails."""
    trials = 100
    found, simple = [], []
    for seed in range(trials):
        record, paths, then = structural(seed, at_once=False, confounded=True)
        found.append(two_stage_g(record, paths, grid=np.linspace(-2, 2, 41)))
        simple.append(two_stage(record, {"marker": then}).psi)
    known = [f for f in found if not f.reason]
    assert len(known) > 0.95 * trials
    within(sum(covers(f) for f in known), len(known), 0.93, 0.97)
    psi = np.array([f.psi for f in known])
    assert abs(psi.mean() - PSI) < 3 * psi.std() / math.sqrt(len(psi)) + 0.03, psi.mean()
    assert abs(np.mean(simple) - PSI) > 0.2, np.mean(simple)


def test_ipe_where_the_effect_is_common() -> None:
    """Times of both arms are exponential without treatment, which multiplies what is left by exp(-psi)."""
    covered, psi = 0, []
    for seed in range(TRIALS):
        rng = np.random.default_rng([4, seed])
        arm = np.arange(N) % 2
        untreated = rng.exponential(300, N) + 1e-9
        start = np.where(arm == 1, 0.0, np.where(rng.random(N) < 0.6, rng.uniform(10, 300, N), math.inf))
        time = np.where(
            untreated > start, start + (untreated - np.minimum(start, untreated)) * math.exp(-PSI), untreated
        )
        end = rng.uniform(300, 900, N)
        observed = np.minimum(time, end)
        switch = np.where((arm == 0) & (start < observed), start, math.inf)
        tte = endpoint(observed, (time <= end).astype(int), arm)
        found = ipe(Switches(tte=tte, switch=switch, administrative=end))
        covered += covers(found)
        psi.append(found.psi)
    within(covered, TRIALS, 0.94, 0.96)
    assert abs(np.mean(psi) - PSI) < 3 * np.std(psi) / math.sqrt(TRIALS) + 0.01, np.mean(psi)
