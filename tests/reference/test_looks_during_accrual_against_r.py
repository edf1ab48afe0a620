"""A last look before the last patient, against getPowerSurvival of rpact 3.3.4 (R 4.2.2); its follow-up time is then
below zero (-5.44 months in the first case), ours 0 with a reason.

    first:  getPowerSurvival(getDesignGroupSequential(kMax = 3, alpha = 0.025, typeOfDesign = "OF",
              informationRates = c(75, 113, 150) / 150), directionUpper = FALSE, lambda2 = log(2) / 2.4,
              hazardRatio = 0.63, maxNumberOfEvents = 150, maxNumberOfSubjects = 207, accrualTime = c(0, 36))
    second: getPowerSurvival(getDesignGroupSequential(kMax = 2, alpha = 0.025, typeOfDesign = "asOF",
              informationRates = c(0.6, 1)), directionUpper = FALSE, hazardRatio = 0.7, maxNumberOfEvents = 120,
              maxNumberOfSubjects = 400, piecewiseSurvivalTime = list("0 - <5" = 0.10, "5 - <12" = 0.06, ">=12" = 0.04),
              accrualTime = c(0, 6, 30), accrualIntensity = c(0.4, 0.6), allocationRatioPlanned = 2,
              dropoutRate1 = 0.1, dropoutRate2 = 0.05, dropoutTime = 12)

printed with options(digits = 15): analysisTime, numberOfSubjects, overallReject, rejectPerStage,
expectedNumberOfSubjects, studyDuration, expectedNumberOfEvents.
"""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from scipy.integrate import quad

from equipoise.design import (
    LanDeMets,
    Plan,
    accrual,
    dropout,
    group_sequential,
    hazard,
    median,
    obrien_fleming,
    survival,
)
from equipoise.units import DAYS_PER_MONTH as MONTH


def test_even_accrual_and_exponential_times() -> None:
    plan = survival(
        group_sequential(
            alpha=0.025, sided=1, information_fractions=[0.5, 113 / 150, 1], efficacy=obrien_fleming()
        ),
        hazard_ratio=0.63, events=150, patients=207, control=median("2.4 months"), allocation={"E": 1, "C": 1},
        accrual=accrual("36 months"),
    )  # fmt: skip
    assert plan.look_times / MONTH == pytest.approx([17.3953214997940, 24.0954785216794, 30.5553456990526], rel=1e-10)
    assert plan.look_patients == pytest.approx([100.023098623816, 138.549001499656, 175.693237769552], rel=1e-10)
    # rpact's bounds stop some 1e-8 below alpha (docs/designs.md)
    assert plan.power == pytest.approx(0.798484123480829, rel=1e-8)
    assert plan.stop_for_efficacy == pytest.approx([0.194164901495519, 0.359991625667463, 0.244327596317847], rel=1e-7)
    taken = plan.under_effect
    assert taken.patients == pytest.approx(147.629138547699, rel=1e-8)
    assert taken.duration / MONTH == pytest.approx(25.6746327909041, rel=1e-8)
    assert taken.events == pytest.approx(122.117942129443, rel=1e-8)


@pytest.fixture(scope="module")
def pieces() -> Plan:
    return survival(
        group_sequential(
            alpha=0.025, sided=1, information_fractions=[0.6, 1], efficacy=LanDeMets("obrien-fleming")
        ),
        hazard_ratio=0.7, events=120, patients=400, allocation={"E": 2, "C": 1},
        control=hazard([0.10, 0.06, 0.04], until=["5 months", "12 months"]),
        dropout={"E": dropout(0.1, by="12 months"), "C": dropout(0.05, by="12 months")},
        accrual=accrual([("6 months", 0.4), ("24 months", 0.6)], relative=True),
    )  # fmt: skip


def test_accrual_and_hazards_in_pieces(pieces: Plan) -> None:
    """Times to 1e-6: rpact's own count of events at its time differs from the integral below by 8e-7 of them."""
    assert pieces.look_times / MONTH == pytest.approx([16.3129690252170, 22.2694628312960], rel=1e-6)
    assert pieces.look_patients == pytest.approx([204.470986074531, 289.563754732800], rel=1e-6)
    assert pieces.power == pytest.approx(0.449216487170314, rel=1e-8)
    assert pieces.stop_for_efficacy == pytest.approx([0.107131127366170, 0.342085359804144], rel=1e-7)
    assert _events(22.2694628312960) == pytest.approx(120 * (1 + 7.7e-7), rel=1e-8)


def test_their_number_by_a_third_integration(pieces: Plan) -> None:
    for time, events in zip(pieces.look_times / MONTH, (72, 120), strict=True):
        assert _events(float(time)) == pytest.approx(events, rel=1e-12)


def _events(end: float) -> float:
    """Those by a month: who entered a time s before it, times the density of events at s, summed over s."""
    early, later = (400 * rate / (6 * 0.4 + 24 * 0.6) for rate in (0.4, 0.6))

    def entered(by: float) -> float:
        return early * min(by, 6.0) + later * max(by - 6.0, 0.0)

    def rate(s: float) -> float:
        return 0.10 if s < 5 else 0.06 if s < 12 else 0.04

    def passed(s: float) -> float:
        return 0.10 * min(s, 5.0) + 0.06 * max(min(s, 12.0) - 5, 0.0) + 0.04 * max(s - 12.0, 0.0)

    total = 0.0
    for share, ratio, lost in ((2 / 3, 0.7, 0.1), (1 / 3, 1.0, 0.05)):
        leaving = -math.log(1 - lost) / 12

        def density(s: float, share: float = share, ratio: float = ratio, leaving: float = leaving) -> float:
            return share * entered(end - s) * ratio * rate(s) * math.exp(-ratio * passed(s) - leaving * s)

        for low, high in pairwise(sorted({0.0, 5.0, 12.0, end - 6, end})):
            total += quad(density, low, high, epsabs=1e-13, epsrel=1e-13)[0]
    return total
