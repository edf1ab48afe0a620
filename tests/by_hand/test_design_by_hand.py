"""Group sequential tests worked by hand: one look, two looks as a single integral, and what others have published."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import log_ndtr, ndtr, ndtri

from equipoise.design import (
    Bounds,
    FutilityBounds,
    Harm,
    HaybittlePeto,
    HwangShihDeCani,
    LanDeMets,
    UserSpending,
    assurance,
    group_sequential,
    obrien_fleming,
    pocock,
    predictive_power,
)
from equipoise.design.crossing import crossing
from equipoise.survival.multinormal import outside_probability


def second_look(z1: float, z2: float, t: float, drift: float) -> float:
    """P(Z1 < z1, Z2 >= z2): over x, the density of Z1 and what the increment (variance 1 - t) has still to bring."""

    def integrand(x: float) -> float:
        short = z2 - x * math.sqrt(t) - drift * (1 - t)
        return (
            math.exp(-((x - drift * math.sqrt(t)) ** 2) / 2) / math.sqrt(2 * math.pi) * ndtr(-short / math.sqrt(1 - t))
        )

    return float(quad(integrand, -9, z1, epsabs=1e-13, epsrel=1e-12, limit=200)[0])


def test_one_look_is_a_fixed_test() -> None:
    test = group_sequential(alpha=0.05, sided=2, information_fractions=[1], efficacy=obrien_fleming(), power=0.9)
    assert test.efficacy_bounds.tolist() == pytest.approx([-ndtri(0.025)], abs=1e-12)
    assert test.drift == pytest.approx(-ndtri(0.025) - ndtri(0.1), abs=1e-12)
    assert test.inflation == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("t", [0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("drift", [0.0, 3.0])
def test_two_looks_are_one_integral(t: float, drift: float) -> None:
    test = group_sequential(alpha=0.025, sided=1, information_fractions=[t, 1], efficacy=LanDeMets("pocock"))
    first, last = test.efficacy_bounds.tolist()
    found = test.crossing(drift).upper
    assert found[0] == pytest.approx(ndtr(drift * math.sqrt(t) - first), rel=1e-12)
    assert found[1] == pytest.approx(second_look(first, last, t, drift), rel=1e-9)
    if drift == 0:
        assert first == pytest.approx(-ndtri(0.025 * math.log(1 + (math.e - 1) * t)), rel=1e-12)
        assert found.sum() == pytest.approx(0.025, rel=1e-10)


@pytest.mark.parametrize("fractions", [[0.5, 0.51, 1], [0.98, 0.99, 1], [0.01, 0.5, 0.505, 1]])
def test_looks_close_to_each_other_are_a_rectangle_of_the_normal_law(fractions: list[float]) -> None:
    """Not to stop at any look is the probability of a rectangle, which another quadrature knows."""
    test = group_sequential(alpha=0.05, sided=2, information_fractions=fractions, efficacy=pocock())
    t = np.array(fractions)
    correlation = np.sqrt(np.minimum.outer(t, t) / np.maximum.outer(t, t))
    b = test.efficacy_bounds
    outside = outside_probability(-b, b, correlation)
    assert outside == pytest.approx(0.05, abs=1e-9)


def test_published_pocock() -> None:
    """Two-sided 0.05, two to five looks: 2.1783, 2.2895, 2.3613, 2.4132, nominal P .0294, .0221, .0182, .0158."""
    for k, z, p in ((2, 2.1783, 0.0294), (3, 2.2895, 0.0221), (4, 2.3613, 0.0182), (5, 2.4132, 0.0158)):
        even = [i / k for i in range(1, k + 1)]
        test = group_sequential(alpha=0.05, sided=2, information_fractions=even, efficacy=pocock())
        assert test.efficacy_bounds.round(4).tolist() == [z] * k
        assert test.nominal_p.round(4).tolist() == [p] * k


@pytest.mark.parametrize(
    ("alpha", "sided", "fractions", "efficacy", "z"),
    [
        # PFS at 50, 75 and 100% of the events, two-sided 5% (RConsortium/pharma-skills, issue 27)
        (0.05, 2, [0.5, 0.75, 1], LanDeMets("obrien-fleming"), [2.963, 2.359, 2.014]),
        # delayed effect, looks at 252 and 315 events (vignette of lrstat)
        (0.025, 1, [0.8, 1], LanDeMets("obrien-fleming"), [2.250, 2.025]),
        # OS with alpha 0.020 (vignette of lrstat on graphical multiplicity)
        (0.02, 1, [0.494, 0.701, 1], HwangShihDeCani(-4), [2.831, 2.600, 2.100]),
    ],
)
def test_published_bounds(alpha: float, sided: int, fractions: list[float], efficacy: object, z: list[float]) -> None:
    test = group_sequential(alpha=alpha, sided=sided, information_fractions=fractions, efficacy=efficacy)  # type: ignore[arg-type]
    assert test.efficacy_bounds.tolist() == pytest.approx(z, abs=0.0011)


def test_a_published_table_that_spends_too_much() -> None:
    """NANO (Trials 2022, 10.1186/s13063-022-06352-3, table 4): its last look keeps 1.96."""
    b = np.array([3.66474, 2.50210, 1.96])
    bounds = Bounds(np.array([1 / 3, 2 / 3, 1]), b, -b, np.zeros(3))
    assert 2 * crossing(bounds, 0.0).upper.sum() == pytest.approx(0.0545, abs=0.002)


def test_haybittle_peto_leaves_nearly_all_to_the_last_look() -> None:
    test = group_sequential(alpha=0.05, sided=2, information_fractions=[0.5, 1], efficacy=HaybittlePeto())
    first, last = test.efficacy_bounds.tolist()
    assert first == 3
    assert 2 * (ndtr(-3) + second_look(3, last, 0.5, 0) - second_look(-3, last, 0.5, 0)) == pytest.approx(
        0.05, abs=1e-9
    )


def test_an_early_look_that_spends_next_to_nothing_keeps_its_digits() -> None:
    """1.2e-23 are spent at the second look: a path there may have stood beyond 8.5 at the first."""
    family, t = LanDeMets("obrien-fleming"), [0.03, 0.05, 1]
    test = group_sequential(alpha=0.025, sided=1, information_fractions=t, efficacy=family)
    first, second = test.efficacy_bounds.tolist()[:2]
    r = math.sqrt(0.03 / 0.05)

    def integrand(x: float) -> float:
        return math.exp(-x * x / 2 + log_ndtr(-(second - r * x) / math.sqrt(1 - r * r))) / math.sqrt(2 * math.pi)

    crossed = quad(integrand, -5, first, points=[r * second], epsabs=0, epsrel=1e-12, limit=400)[0]
    spent = np.diff(family.spent(t, 0.025))[0]
    assert crossed == pytest.approx(spent, rel=1e-9)
    assert np.diff(test.alpha_spent)[0] == pytest.approx(spent, rel=1e-9)


@pytest.mark.parametrize("spread", [0.01, 1, 10, 100])
def test_assurance_of_one_look(spread: float) -> None:
    """Z is normal of mean m and variance 1 + s^2, whatever the width of the prior."""
    test = group_sequential(alpha=0.025, sided=1, information_fractions=[1], efficacy=obrien_fleming())
    want = ndtr((1.5 + ndtri(0.025)) / math.sqrt(1 + spread**2))
    assert assurance(test, (1.5, spread)) == pytest.approx(want, rel=1e-9)


def test_predictive_power_without_a_prior() -> None:
    """At fraction t the last Z is normal of mean z / sqrt t and variance (1 - t) / t, looks between left out."""
    test = group_sequential(alpha=0.025, sided=1, information_fractions=[0.4, 1], efficacy=LanDeMets("pocock"))
    last = float(test.efficacy_bounds[1])
    want = ndtr((1.2 / math.sqrt(0.4) - last) / math.sqrt(0.6 / 0.4))
    assert predictive_power(test, 1.2, look=1) == pytest.approx(want, rel=1e-10)


@pytest.mark.parametrize("under", ["trend", "design"])
def test_futility_by_conditional_power(under: str) -> None:
    """At the bound, the chance that what is still to come carries Z over the last bound is what was asked for."""
    futility = FutilityBounds(conditional_power=[0.15], under=under)  # type: ignore[arg-type]
    for binding in (False, True):
        test = group_sequential(
            alpha=0.025, sided=1, information_fractions=[0.4, 1], efficacy=LanDeMets("pocock"), futility=futility,
            power=0.9, binding=binding,
        )  # fmt: skip
        assert test.futility_bounds is not None
        assert test.drift is not None
        z, (first, last) = float(test.futility_bounds[0]), test.efficacy_bounds.tolist()
        drift = z / math.sqrt(0.4) if under == "trend" else test.drift
        # the increment of Z sqrt t is normal of mean 0.6 drift and variance 0.6
        assert ndtr((z * math.sqrt(0.4) + 0.6 * drift - last) / math.sqrt(0.6)) == pytest.approx(0.15, rel=1e-9)
        assert ndtr(test.drift * math.sqrt(0.4) - first) + second_look(first, last, 0.4, test.drift) - second_look(
            z, last, 0.4, test.drift
        ) == pytest.approx(0.9, abs=1e-9)
        stopped = second_look(z, last, 0.4, 0.0) if binding else 0.0
        assert ndtr(-first) + second_look(first, last, 0.4, 0.0) - stopped == pytest.approx(0.025, abs=1e-10)


def test_harm_is_the_mirror_of_a_test_for_benefit() -> None:
    """An error of 0.1 spent in halves: -1.6449 first, then so that one half more lies below it and not before."""
    test = group_sequential(
        alpha=0.025, sided=1, information_fractions=[0.5, 1], efficacy=LanDeMets("pocock"),
        harm=Harm(UserSpending((0.5, 1)), 0.1),
    )  # fmt: skip
    assert test.harm_bounds is not None
    first, last = test.harm_bounds.tolist()
    assert first == pytest.approx(ndtri(0.05), abs=1e-12)
    assert second_look(-first, -last, 0.5, 0.0) == pytest.approx(0.05, abs=1e-10)


@pytest.mark.parametrize("last", [150.0, 200.0, 260.0])
@pytest.mark.parametrize("family", [LanDeMets("pocock"), pocock(), HaybittlePeto(3)])
def test_observed_information_is_one_integral(last: float, family: object) -> None:
    """Planned at 100 of 200 events, looked at with 90: what is spent there is known, the last look takes the rest."""
    plan = group_sequential(alpha=0.025, sided=1, information_fractions=[0.5, 1], efficacy=family, power=0.9)  # type: ignore[arg-type]
    test = plan.observed([90, last], planned=200, final=True)
    first, second = test.efficacy_bounds.tolist()
    want = (
        -ndtri(0.025 * math.log(1 + (math.e - 1) * 0.45)) if isinstance(family, LanDeMets) else plan.efficacy_bounds[0]
    )
    assert first == pytest.approx(want, abs=1e-12)  # Pocock's and Haybittle's bounds are the same at every share
    t = 90 / last
    assert test.information_fractions.tolist() == [t, 1]
    assert ndtr(-first) + second_look(first, second, t, 0.0) == pytest.approx(0.025, abs=1e-10)
    assert plan.drift is not None
    drift = plan.drift * math.sqrt(last / 200)  # the planned effect, at the information there is
    assert test.drift == pytest.approx(drift, rel=1e-12)
    power = ndtr(drift * math.sqrt(t) - first) + second_look(first, second, t, drift)
    assert test.power == pytest.approx(power, abs=1e-9)


def test_constants_of_obrien_fleming_at_other_looks() -> None:
    """The constant over the root of the planned share, and two-sided the last look by the rectangle."""
    plan = group_sequential(alpha=0.05, sided=2, information_fractions=[0.5, 1], efficacy=obrien_fleming())
    test = plan.observed([90, 190], planned=200, final=True)
    c, (first, last), t = float(plan.efficacy_bounds[1]), test.efficacy_bounds.tolist(), 90 / 190
    assert first == pytest.approx(c / math.sqrt(0.45), rel=1e-12)
    crossed = ndtr(-first) + second_look(first, last, t, 0.0) - second_look(-first, last, t, 0.0)
    assert crossed == pytest.approx(0.025, abs=1e-10)
