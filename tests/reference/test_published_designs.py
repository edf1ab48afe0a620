"""Worked examples as others have published them, in the digits they print."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.special import ndtr

from equipoise.design import (
    FutilityBounds,
    HwangShihDeCani,
    LanDeMets,
    MaxCombo,
    UserSpending,
    accrual,
    dropout,
    event_fractions,
    group_sequential,
    hazard,
    in_whole_numbers,
    median,
    obrien_fleming,
    piecewise_hazard_ratio,
    pocock,
    survival,
)
from equipoise.design.crossing import Bounds, crossing_along
from equipoise.design.methods import at_risk_for, effect_at, score, weight_at
from equipoise.design.trial_power import looks_of, powered
from equipoise.results import fixed
from equipoise.survival.weights import FlemingHarrington
from equipoise.units import DAYS_PER_MONTH as MONTH

ONE = {"E": 1, "C": 1}
OF = LanDeMets("obrien-fleming")


def printed(values: Any, digits: int) -> list[str]:
    return [fixed(float(value), digits) for value in values]


def test_pocock_nominal_p() -> None:
    """Pocock's two-sided P at 0.05, two to five looks."""
    for looks, want in zip((2, 3, 4, 5), ("0.0294", "0.0221", "0.0182", "0.0158"), strict=True):
        test = group_sequential(
            alpha=0.05, sided=2, information_fractions=[i / looks for i in range(1, looks + 1)], efficacy=pocock()
        )
        assert printed(test.nominal_p, 4) == [want] * looks


def test_medians_of_11_and_17_months() -> None:
    """Two-sided 5%, 80%, 2:1, looks at 50, 75 and 100%: bounds 2.963, 2.359, 2.014, nominal P 0.0031, 0.0183, 0.044,
    about 180 events (160 to 200 accepted); a run printed there 185. Schoenfeld gives 190, Freedman 169, Lachin and
    Foulkes in between."""
    test = group_sequential(alpha=0.05, sided=2, information_fractions=[0.5, 0.75, 1], efficacy=OF)
    assert printed(test.efficacy_bounds, 3) == ["2.963", "2.359", "2.014"]
    assert printed(test.nominal_p, 4) == ["0.0031", "0.0183", "0.0440"]
    needed = {}
    for method in ("schoenfeld", "freedman", "lachin-foulkes", "score"):
        plan = survival(
            test, hazard_ratio=11 / 17, power=0.8, control=median("11 months"), allocation={"E": 2, "C": 1},
            accrual=accrual("18 months"), follow_up="12 months", dropout=dropout(0.15, by="30 months"), method=method,
        )  # fmt: skip
        needed[method] = plan.events
        assert 160 <= plan.events <= 200
    assert needed["freedman"] < needed["score"] < needed["schoenfeld"]


def test_delayed_effect_by_the_score() -> None:
    """A vignette of lrstat: looks at 80 and 100% of 315 events of 468 patients."""
    test = group_sequential(alpha=0.025, sided=1, information_fractions=[0.8, 1], efficacy=OF)
    ramp = [("1 month", 26 / 9 * m) for m in range(1, 10)] + [("13 months", 26.0)]
    late = piecewise_hazard_ratio([1, 0.58], until=["6 months"])
    lost = hazard(-math.log(1 - 0.05) / 12)
    plan = survival(
        test, hazard_ratio=late, control=median("13 months"), allocation=ONE, accrual=accrual(ramp), dropout=lost,
        events=315, method="score",
    )  # fmt: skip
    assert fixed(plan.patients, 0) == "468"
    assert printed(plan.look_times / MONTH, 1) == ["31.4", "41.5"]
    assert printed(plan.look_events.sum(axis=1), 0) == ["252", "315"]
    assert printed(plan.look_dropouts, 1) == ["23.1", "29.8"]
    assert printed(plan.efficacy_bounds, 3) == ["2.250", "2.025"]
    assert printed(ndtr(-plan.efficacy_bounds), 4) == ["0.0122", "0.0214"]
    assert np.cumsum(plan.stop_for_efficacy) == pytest.approx([0.4511, 0.8016], abs=1e-4)  # the 315 events are rounded
    assert plan.under_effect.events == pytest.approx(286.6, abs=0.06)
    assert plan.under_effect.duration / MONTH == pytest.approx(36.9, abs=0.06)
    course = plan.population.course(plan.hazard_ratio, plan.accrual)
    seen = [effect_at(course, float(t), "score", 1.0).null * plan.patients for t in plan.look_times]
    assert seen == pytest.approx([62.76, 77.96], abs=0.02)


def test_delayed_effect_by_the_average_hazard_ratio() -> None:
    """A vignette of gsDesign2: four looks by the calendar, 461.6 patients, a futility bound of z -1.64 at two looks.

    Its size rests on a power that adds up two readings of its bounds (see the stored cases), so the course is compared
    at its own number of patients.
    """
    entering = accrual([("2 months", 0.25), ("2 months", 0.5), ("2 months", 0.75), ("6 months", 1)], relative=True)
    late = piecewise_hazard_ratio([1, 0.6], until=["4 months"])
    looks = ["12 months", "16 months", "26 months", "36 months"]
    fractions = event_fractions(
        looks, hazard_ratio=late, control=median("12 months"), allocation=ONE, accrual=entering, dropout=hazard(0.001)
    )
    assert printed(fractions, 2) == ["0.30", "0.49", "0.80", "1.00"]
    futility = FutilityBounds(p=[0.95, 0.95, None])  # z -1.64
    test = group_sequential(alpha=0.025, sided=1, information_fractions=fractions, efficacy=OF, futility=futility)
    plan = survival(
        test, hazard_ratio=late, control=median("12 months"), allocation=ONE, accrual=entering, dropout=hazard(0.001),
        patients=461.6, follow_up="24 months", method="average hazard ratio",
    )  # fmt: skip
    assert printed(plan.look_times / MONTH, 1) == ["12.0", "16.0", "26.0", "36.0"]
    assert plan.look_events.sum(axis=1) == pytest.approx([100, 163.7, 270, 335.5], abs=0.06)
    course = plan.population.course(plan.hazard_ratio, plan.accrual)
    sizes = [effect_at(course, float(t), "average hazard ratio", 1.0).size for t in plan.look_times]
    assert printed([math.exp(-size) for size in sizes], 2) == ["0.88", "0.81", "0.72", "0.69"]
    assert printed(plan.efficacy_bounds, 2) == ["3.94", "3.01", "2.26", "2.03"]
    assert printed(ndtr(-plan.efficacy_bounds), 4) == ["0.0000", "0.0013", "0.0120", "0.0212"]
    assert plan.efficacy_effects == pytest.approx([0.4545, 0.6250, 0.7598, 0.8013], abs=1e-4)
    # Its power takes the bounds as they are under the effect too, ours as they are on the scale of the estimate.
    real = np.array([effect_at(course, float(t), "average hazard ratio", 1.0).real for t in plan.look_times])
    assert plan.futility_bounds is not None
    as_they_are = Bounds(real / real[-1], plan.efficacy_bounds, plan.futility_bounds, np.zeros(4))
    theirs = crossing_along(as_they_are, np.array(sizes) * np.sqrt(real * 461.6))
    assert np.cumsum(theirs.upper) == pytest.approx([0.0005, 0.0496, 0.6677, 0.9000], abs=2e-4)
    assert np.cumsum(plan.stop_for_efficacy) == pytest.approx([0.0005, 0.0496, 0.6677, 0.9000], abs=0.009)
    assert np.cumsum(plan.stop_for_futility)[:2] == pytest.approx([0.0115, 0.0119], abs=1e-4)
    assert plan.futility_effects is not None
    assert plan.futility_effects[:2] == pytest.approx([1.3896, 1.2932], abs=1e-4)


def test_maxcombo_with_an_interim_logrank() -> None:
    """Prior (2020), as computed in a vignette of lrstat: hazards equal until 1.5, halved from then on, 100 patients.
    The alpha used at the interim is that of the bound it prints, 2.968."""
    late = piecewise_hazard_ratio([1, 0.5], until=["1.5 months"])
    first = float(ndtr(-2.968)) / 0.025
    test = group_sequential(alpha=0.025, sided=1, information_fractions=[0.5, 1], efficacy=UserSpending((first, 1)))
    weights = (FlemingHarrington(0, 0), FlemingHarrington(0, 1))
    plan = survival(
        test, hazard_ratio=late, control=hazard(0.25), allocation=ONE, accrual=accrual([("4 months", 25)]),
        follow_up="46.324 months", method=MaxCombo(weights, interim=weights[0]),
    )  # fmt: skip
    course = plan.population.course(plan.hazard_ratio, plan.accrual)
    printed_there = {
        5.363: [(-3.178997, 12.46380), (-1.385268, 1.164020), (None, 3.241192)],
        50.324: [(-10.544685, 22.26989), (-6.608297, 6.161009), (None, 10.082599)],
    }
    for time, rows in printed_there.items():
        for weight, (u, v) in zip((*weights, FlemingHarrington(0, 0.5)), rows, strict=True):
            found = at_risk_for(course, time * MONTH, [weight])
            effect = score(found, weight_at(found, weight), 1.0)
            assert effect.real * 100 == pytest.approx(v, rel=1e-6)
            if u is not None:
                assert -effect.size * effect.real * 100 == pytest.approx(u, rel=1e-6)
    assert plan.efficacy_bounds == pytest.approx([2.968, 2.137001], abs=2e-4)
    assert plan.power == pytest.approx(0.7242952, abs=2e-4)  # its first look is at exactly 50 events, of 99.9
    exact = looks_of(course, 50.324 * MONTH, test, plan.method, 1.0)
    assert powered(test, course, exact, 100, plan.method).power == pytest.approx(plan.power, rel=1e-9)


def test_hsd_bounds_of_overall_survival() -> None:
    """A vignette of lrstat with three arms; its hypothesis on OS of A and C alone, alpha 0.020, 196 events."""
    test = group_sequential(
        alpha=0.020, sided=1, information_fractions=[96.8 / 196, 137.5 / 196, 1], efficacy=HwangShihDeCani(-4)
    )
    assert test.efficacy_bounds == pytest.approx([2.831, 2.600, 2.100], abs=1e-3)
    assert printed(test.alpha_spent, 4) == ["0.0023", "0.0058", "0.0200"]


def test_events_in_whole_numbers_keep_the_power() -> None:
    """DFS: 250 events at HR 0.70 and 3:1 are those of 1:1 times (1 + r)^2 / 4r (a published query's rule)."""
    test = group_sequential(alpha=0.025, sided=1, information_fractions=[1], efficacy=obrien_fleming())
    one, three = (
        survival(
            test, hazard_ratio=0.7, power=0.8, control=median("60 months"), allocation=allocation,
            accrual=accrual("57 months"), follow_up="24 months",
        )
        for allocation in (ONE, {"E": 3, "C": 1})
    )  # fmt: skip
    assert three.events / one.events == pytest.approx(16 / 12, rel=1e-12)
    whole = in_whole_numbers(three, block_size=8)
    assert whole.events == pytest.approx(math.ceil(three.events), rel=1e-9)
    assert whole.patients % 8 == 0
    assert 0.8 <= whole.power < 0.802
