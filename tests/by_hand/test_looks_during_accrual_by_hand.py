"""A last look before the last patient, with the arithmetic written out: exponential times, even accrual over a.

Of n patients who enter evenly over a, n t / a have entered by t <= a, and with hazard h

    n (t - (1 - exp(-h t)) / h) / a

have had an event by then: the integral over entry at u of (1 - exp(-h (t - u))) n / a.
"""

from __future__ import annotations

import math
from typing import Any

import pytest
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from equipoise.design import accrual, group_sequential, hazard, median, obrien_fleming, survival
from equipoise.units import DAYS_PER_MONTH

A, N, RATIO = 36.0, 207, 0.63
CONTROL = math.log(2) / 2.4
GIVEN: dict[str, Any] = {"control": median("2.4 months"), "allocation": {"E": 1, "C": 1}, "hazard_ratio": RATIO}
LOOKS = group_sequential(
    alpha=0.025, sided=1, information_fractions=[0.5, 113 / 150, 1], efficacy=obrien_fleming()
)  # fmt: skip
ONE = group_sequential(alpha=0.025, sided=1, information_fractions=[1], efficacy=obrien_fleming())


def happened(t: float, rate: float, lost: float = 0.0) -> float:
    """The share of all patients of an arm who have had an event by t months, t <= a."""
    both = rate + lost
    return rate / both * (t + math.expm1(-both * t) / both) / A


def month_of(events: float, lost: float = 0.0) -> float:
    """When so many are expected in both arms together."""
    return float(
        brentq(
            lambda t: N / 2 * (happened(t, CONTROL, lost) + happened(t, RATIO * CONTROL, lost)) - events, 1e-6, A,
            xtol=1e-13, rtol=1e-14,
        )
    )  # fmt: skip


def test_three_looks_of_207() -> None:
    plan = survival(LOOKS, events=150, patients=N, accrual=accrual("36 months"), **GIVEN)
    months = [month_of(events) for events in (75, 113, 150)]
    assert months[-1] == pytest.approx(30.5553, abs=5e-5)
    assert plan.look_times / DAYS_PER_MONTH == pytest.approx(months, rel=1e-12)
    assert plan.look_patients == pytest.approx([N * month / A for month in months], rel=1e-12)
    for arm, rate in enumerate((CONTROL, RATIO * CONTROL)):
        assert plan.look_events[:, arm] == pytest.approx([N / 2 * happened(t, rate) for t in months], rel=1e-12)
    assert plan.during_accrual
    assert (plan.patients, plan.follow_up, plan.duration) == (N, 0, plan.look_times[-1])
    assert plan.accrual.duration == pytest.approx(A * DAYS_PER_MONTH, rel=1e-15)


def test_no_effect_brings_the_looks_forward() -> None:
    """Under none both arms have the hazard of the control."""
    plan = survival(ONE, events=150, patients=N, accrual=accrual("36 months"), **GIVEN)
    at = float(brentq(lambda t: N * happened(t, CONTROL) - 150, 1, A, xtol=1e-13, rtol=1e-14))
    assert plan.under_none.duration / DAYS_PER_MONTH == pytest.approx(at, rel=1e-12)
    assert plan.under_none.patients == pytest.approx(N * at / A, rel=1e-12)
    assert plan.under_effect.duration / DAYS_PER_MONTH == pytest.approx(month_of(150), rel=1e-12)


def test_power_is_that_of_the_events() -> None:
    """Schoenfeld: Z has the mean -log(ratio) sqrt(events) / 2 at the only look, whenever that is."""
    plan = survival(ONE, events=150, patients=N, accrual=accrual("36 months"), **GIVEN)
    drift = -math.log(RATIO) * math.sqrt(150) / 2
    assert plan.power == pytest.approx(float(ndtr(drift + ndtri(0.025))), rel=1e-12)
    later = survival(ONE, events=150, patients=N, accrual=accrual("10 months"), **GIVEN)
    assert not later.during_accrual
    assert later.power == pytest.approx(plan.power, rel=1e-12)


def test_those_who_leave_do_not_come_again() -> None:
    plan = survival(ONE, events=120, patients=N, accrual=accrual("36 months"), dropout=hazard(0.05), **GIVEN)
    assert plan.duration / DAYS_PER_MONTH == pytest.approx(month_of(120, 0.05), rel=1e-12)
    gone = [0.05 / rate * happened(month_of(120, 0.05), rate, 0.05) for rate in (CONTROL, RATIO * CONTROL)]
    assert plan.look_dropouts == pytest.approx([N / 2 * sum(gone)], rel=1e-12)


def test_the_effect_for_a_power() -> None:
    """Events say which ratio is found, 2 (z + z) / sqrt(events) on the log scale; it says when they come."""
    plan = survival(
        ONE, power=0.9, events=150, patients=N, accrual=accrual("36 months"), control=GIVEN["control"],
        allocation=GIVEN["allocation"],
    )  # fmt: skip
    ratio = math.exp(2 * (ndtri(0.025) - ndtri(0.9)) / math.sqrt(150))
    assert plan.hazard_ratio[""].values[0] == pytest.approx(ratio, rel=1e-9)
    assert plan.during_accrual
    by_then = [happened(plan.duration / DAYS_PER_MONTH, rate) for rate in (CONTROL, ratio * CONTROL)]
    assert N / 2 * sum(by_then) == pytest.approx(150, rel=1e-9)
