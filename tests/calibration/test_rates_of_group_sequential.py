"""Group sequential tests on simulated statistics: size, power, coverage after a stop (slow tier).

Z at the looks is drawn from its normal law, so what is tested is the recursion and the ordering, not the approximation
of a log-rank test by that law. Monte Carlo errors stand beside the rates, 4.5 of them are allowed.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from equipoise.design import (
    HwangShihDeCani,
    LanDeMets,
    PampallonaTsiatis,
    WangTsiatis,
    group_sequential,
    pocock,
    repeated,
    stagewise,
)

pytestmark = pytest.mark.slow

SEED, TRIALS, FAMILY_WISE = 20261128, 1_000_000, 4.5
LOOKS = [0.3, 0.6, 0.8, 1.0]
OF = LanDeMets("obrien-fleming")
TESTS = {
    "Pocock": group_sequential(alpha=0.025, sided=1, information_fractions=LOOKS, efficacy=pocock(), power=0.9),
    "Wang-Tsiatis, two-sided": group_sequential(
        alpha=0.05, sided=2, information_fractions=LOOKS, efficacy=WangTsiatis(0.25), power=0.8
    ),
    "Lan-DeMets": group_sequential(alpha=0.025, sided=1, information_fractions=LOOKS, efficacy=OF, power=0.9),
    "binding futility": group_sequential(
        alpha=0.025, sided=1, information_fractions=LOOKS, efficacy=OF, futility=HwangShihDeCani(-2), power=0.9,
        binding=True,
    ),
    "free futility": group_sequential(
        alpha=0.025, sided=1, information_fractions=LOOKS, efficacy=OF, futility=OF, power=0.85
    ),
    "Pampallona-Tsiatis, two-sided": group_sequential(
        alpha=0.05, sided=2, information_fractions=LOOKS, efficacy=PampallonaTsiatis(), power=0.9, binding=True
    ),
}  # fmt: skip


def drawn(drift: float, trials: int, stream: int) -> np.ndarray:
    """(trials, k): Z at the looks."""
    rng = np.random.default_rng([SEED, stream])
    steps = np.diff(LOOKS, prepend=0.0)
    score = np.cumsum(rng.normal(drift * steps, np.sqrt(steps), (trials, len(steps))), axis=1)
    return np.asarray(score / np.sqrt(LOOKS))


def stopped(name: str, z: np.ndarray) -> np.ndarray:
    """(3, k): shares of trials that stop above, below and within the bounds at each look."""
    bounds = TESTS[name].bounds
    above, below = z >= bounds.upper, z <= bounds.lower
    within = (abs(z) < bounds.inner) & (bounds.inner > 0)
    going = np.ones(len(z), dtype=bool)
    found = np.zeros((3, z.shape[1]))
    for k in range(z.shape[1]):
        for i, stops in enumerate((above, below, within)):
            found[i, k] = (going & stops[:, k]).mean()
        going &= ~(above | below | within)[:, k]
    return found


@pytest.mark.parametrize("name", TESTS)
@pytest.mark.parametrize("effect", ["none", "half", "design"])
def test_stopping(name: str, effect: str) -> None:
    test = TESTS[name]
    assert test.drift is not None
    drift = {"none": 0.0, "half": test.drift / 2, "design": test.drift}[effect]
    crossing = test.crossing(drift)
    found = stopped(name, drawn(drift, TRIALS, list(TESTS).index(name)))
    for got, want in zip(found, (crossing.upper, crossing.lower, crossing.within), strict=True):
        error = np.sqrt(want * (1 - want) / TRIALS)
        assert (abs(got - want) <= FAMILY_WISE * error + 1e-5).all(), (got, want)
    print(f"{name}, {effect}: {found[0].sum():.5f} in simulation, {crossing.upper.sum():.5f} computed")


@pytest.mark.parametrize("drift", [0.0, 2.0, 3.5])
@pytest.mark.parametrize("name", ["Pocock", "binding futility"])
def test_coverage_after_a_stop(name: str, drift: float) -> None:
    """Exact limits cover as often as they say, the median unbiased estimate lies on each side half of the time, and
    repeated limits cover at every look together."""
    test, trials, information = TESTS[name], 1_500, 100.0
    truth = math.exp(-drift / math.sqrt(information))
    covered = above = repeats = 0
    for z in drawn(drift, trials, 50):
        ends = (z >= test.bounds.upper) | (z <= test.bounds.lower)
        last = int(np.argmax(ends)) if ends.any() else len(z) - 1
        found = stagewise(test, z[: last + 1].tolist(), information * LOOKS[last])
        covered += found.conf_int[0] <= truth <= found.conf_int[1]
        above += found.hazard_ratio > truth
        roots = np.sqrt(information * np.array(LOOKS))
        reach = test.efficacy_bounds / roots
        repeats += bool((abs(z / roots + math.log(truth)) <= reach).all())
    error = math.sqrt(0.95 * 0.05 / trials)
    rates = ", ".join(f"{n / trials:.4f}" for n in (covered, above, repeats))
    print(f"{name}, drift {drift}: covered, above, repeatedly covered {rates}")
    if name == "Pocock":  # with futility a stop below is no result of the ordering by efficacy alone
        assert abs(covered / trials - 0.95) <= FAMILY_WISE * error
        assert abs(above / trials - 0.5) <= FAMILY_WISE * 0.5 / math.sqrt(trials)
    assert repeats / trials >= 0.95 - FAMILY_WISE * error


def test_repeated_limits_are_those_counted() -> None:
    test = TESTS["Pocock"]
    z, information = [1.0, 1.5], [30.0, 60.0]
    found = repeated(test, z, information)
    np.testing.assert_allclose(found.upper, np.exp((-np.array(z) + test.efficacy_bounds[:2]) / np.sqrt(information)))
