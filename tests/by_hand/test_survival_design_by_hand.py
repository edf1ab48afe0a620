"""Survival designs with the arithmetic written out: exponential times, everybody entering at once or evenly."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.special import ndtri

from equipoise.design import (
    Accrual,
    FutilityBounds,
    Harm,
    HwangShihDeCani,
    LanDeMets,
    MaxCombo,
    Milestone,
    RestrictedMean,
    accrual,
    dropout,
    event_fractions,
    formulas,
    group_sequential,
    hazard,
    in_whole_numbers,
    median,
    obrien_fleming,
    piecewise_hazard_ratio,
    survival,
    survival_at,
)
from equipoise.design.course import Course, Stratum, at_risk, dropouts_share, events_share
from equipoise.design.exact_score import variance_of_z
from equipoise.design.hazards import Hazard, HazardRatio
from equipoise.design.methods import effect_at
from equipoise.errors import DesignError
from equipoise.survival.weights import FlemingHarrington

MONTH = 30.4375
Z = -float(ndtri(0.025)) + float(ndtri(0.9))  # 3.2415
ONE = {"E": 1, "C": 1}


def fixed(**more: Any) -> Any:
    return group_sequential(alpha=0.025, sided=1, information_fractions=[1], efficacy=obrien_fleming(), **more)


def at_once(rate: float, ratio: float, lost: float = 0.0, share: float = 0.5) -> Course:
    """Everybody enters in a thousandth of a day."""
    leaving = Hazard((0.0,), (lost,))
    return Course(
        (Stratum(1.0, Hazard((0.0,), (rate,)), HazardRatio((0.0,), (ratio,))),),
        Accrual((0.001,), (1.0,), False),
        (leaving, leaving),
        share,
    )


def test_events_of_competing_exponentials() -> None:
    """With hazard h and dropout d, h / (h + d) (1 - exp(-(h + d) t)) have an event by t."""
    found = at_risk(at_once(0.02, 0.5, 0.005), 100.0).events[0] * 2
    assert found == pytest.approx(
        [0.8 * (1 - math.exp(-2.5)), 2 / 3 * (1 - math.exp(-1.5))],
        rel=1e-4,  # entry takes a thousandth of a day
    )
    left = dropouts_share(at_once(0.02, 0.5, 0.005), at_risk(at_once(0.02, 0.5, 0.005), 100.0)) * 2
    assert left == pytest.approx(0.2 * (1 - math.exp(-2.5)) + 1 / 3 * (1 - math.exp(-1.5)), rel=1e-4)


def test_events_under_even_accrual() -> None:
    """Entry even over a, look at t > a: 1 - exp(-h t) (exp(h a) - 1) / (h a)."""
    h, a, t = math.log(2) / (6 * MONTH), 24 * MONTH, 36 * MONTH
    course = Course(
        (Stratum(1.0, Hazard((0.0,), (h,)), HazardRatio((0.0,), (0.7,))),),
        accrual("24 months"), (Hazard((0.0,), (0.0,)),) * 2, 0.5,
    )  # fmt: skip
    control, experimental = (1 - math.exp(-x * t) * math.expm1(x * a) / (x * a) for x in (h, 0.7 * h))
    assert at_risk(course, t).events[0] * 2 == pytest.approx([control, experimental], rel=1e-13)
    plan = survival(
        fixed(), hazard_ratio=0.7, power=0.9, control=median("6 months"), allocation=ONE,
        accrual=accrual("24 months"), follow_up="12 months",
    )  # fmt: skip
    events = 4 * Z**2 / math.log(0.7) ** 2
    assert plan.events == pytest.approx(events, rel=1e-12)
    assert plan.patients == pytest.approx(events / ((control + experimental) / 2), rel=1e-12)


@pytest.mark.parametrize(
    ("method", "r", "events"),
    [
        ("schoenfeld", 1, lambda h: 4 / math.log(h) ** 2),
        ("schoenfeld", 2, lambda h: 4.5 / math.log(h) ** 2),
        ("freedman", 1, lambda h: ((1 + h) / (1 - h)) ** 2),
        ("freedman", 2, lambda h: (1 + 2 * h) ** 2 / (2 * (1 - h) ** 2)),
        ("hsieh-freedman", 2, lambda h: 9 / 8 * ((1 + h) / (1 - h)) ** 2),
    ],
)
def test_formulas(method: Any, r: float, events: Any) -> None:
    plan = survival(
        fixed(), hazard_ratio=0.68, power=0.9, control=median("9 months"), allocation={"E": r, "C": 1},
        accrual=accrual("18 months"), follow_up="18 months", method=method,
    )  # fmt: skip
    assert plan.events == pytest.approx(Z**2 * events(0.68), rel=1e-12)


@pytest.mark.parametrize(("method", "pooled"), [("lachin-foulkes", 0.84), ("bernstein-lagakos", 1.0)])
def test_formulas_of_event_rates(method: Any, pooled: float) -> None:
    """Variances 1/events + 1/events under hazards (1, .68), and (.84, .84) or (1, 1), of all who entered at once."""
    rate, t, h = 0.01, 90.0, 0.68
    dies = [1 - math.exp(-rate * factor * t) for factor in (1, h, pooled)]
    real, null = 2 / dies[0] + 2 / dies[1], 4 / dies[2]  # times patients
    patients = ((-ndtri(0.025) * math.sqrt(null) + ndtri(0.9) * math.sqrt(real)) / math.log(h)) ** 2
    effect = effect_at(at_once(rate, h), t, method, 1.0)
    ours = ((-ndtri(0.025) / math.sqrt(effect.null) + ndtri(0.9) / math.sqrt(effect.real)) / effect.size) ** 2
    assert ours == pytest.approx(patients, rel=1e-4)


def test_score_under_no_effect_is_schoenfeld() -> None:
    """No effect, all at once: V = events q (1 - q), whatever the share q."""
    course = at_once(0.01, 1.0, share=2 / 3)
    effect = effect_at(course, 80.0, "score", 1.0)
    assert effect.size == pytest.approx(0, abs=1e-12)
    assert effect.null == pytest.approx(events_share(course, 80.0) * 2 / 9, rel=1e-12)


def test_margin() -> None:
    """Non-inferiority: the distance of the logs counts, 0.9 from 1.3."""
    plan = survival(
        fixed(), hazard_ratio=0.9, null_hazard_ratio=1.3, power=0.9, control=median("9 months"), allocation=ONE,
        accrual=accrual("18 months"), follow_up="18 months",
    )  # fmt: skip
    assert plan.events == pytest.approx(4 * (Z / math.log(1.3 / 0.9)) ** 2, rel=1e-12)
    assert plan.efficacy_effects == pytest.approx([1.3 * math.exp(1.959964 * -2 / math.sqrt(plan.events))], rel=1e-7)


def test_benefit_turns_the_sign() -> None:
    """Healing twice as fast, where events are benefit, is as easily seen as half the harm by Schoenfeld's formula."""
    better, harm = (
        survival(
            fixed(), hazard_ratio=ratio, power=0.9, control=median("9 months"), allocation=ONE,
            accrual=accrual("18 months"), follow_up="18 months", event_is=event_is,
        )
        for ratio, event_is in ((2.0, "benefit"), (0.5, "harm"))
    )  # fmt: skip
    assert better.events == pytest.approx(harm.events, rel=1e-12)
    assert better.efficacy_effects is not None
    assert better.efficacy_effects[0] > 1


def test_restricted_mean_of_exponentials() -> None:
    """No dropout, all followed: the mean to tau is (1 - exp(-h tau)) / h and the variance that of min(T, tau)."""
    h, tau = 0.01, 120.0
    mean = (1 - math.exp(-h * tau)) / h
    square = 2 / h**2 * (1 - math.exp(-h * tau) * (1 + h * tau))
    effect = effect_at(at_once(h, 0.5), 400.0, RestrictedMean("120 days"), 1.0)
    slow = (1 - math.exp(-h / 2 * tau)) / (h / 2)
    square_slow = 2 / (h / 2) ** 2 * (1 - math.exp(-h / 2 * tau) * (1 + h / 2 * tau))
    assert effect.size == pytest.approx(slow - mean, rel=1e-12)
    assert 1 / effect.real == pytest.approx(2 * (square - mean**2) + 2 * (square_slow - slow**2), rel=1e-9)


def test_milestone_of_exponentials() -> None:
    """All followed: binomial variances s (1 - s) / n."""
    a, b = math.exp(-1.0), math.exp(-0.5)
    effect = effect_at(at_once(0.01, 0.5), 400.0, Milestone("100 days"), 1.0)
    assert effect.size == pytest.approx(b - a, rel=1e-12)
    assert 1 / effect.real == pytest.approx(2 * a * (1 - a) + 2 * b * (1 - b), rel=1e-9)


def test_strata_add_up() -> None:
    """Two strata that are alike are one trial; an event share is the mean over strata that are not."""
    common: Any = {
        "hazard_ratio": 0.7,
        "power": 0.9,
        "allocation": ONE,
        "accrual": accrual("18 months"),
        "follow_up": "9 months",
    }
    for method in ("schoenfeld", "lachin-foulkes", "score"):
        one = survival(fixed(), control=median("9 months"), method=method, **common)
        two = survival(fixed(), control=median("9 months"), strata={"a": 0.3, "b": 0.7}, method=method, **common)
        assert two.patients == pytest.approx(one.patients, rel=1e-12)
    slow, fast = (survival(fixed(), control=median(m), **common) for m in ("20 months", "4 months"))
    both = survival(
        fixed(), control={"a": median("20 months"), "b": median("4 months")}, strata={"a": 0.25, "b": 0.75}, **common
    )
    mean = 0.25 * slow.events / slow.patients + 0.75 * fast.events / fast.patients
    assert both.events / both.patients == pytest.approx(mean, rel=1e-12)


def test_followed_for_a_time_each() -> None:
    """All followed for six months of a median of six: half of the control arm have an event."""
    plan = survival(
        fixed(), hazard_ratio=0.5, power=0.9, control=median("6 months"), allocation=ONE,
        accrual=accrual("24 months"), follow_up_each="6 months",
    )  # fmt: skip
    assert plan.follow_up == pytest.approx(6 * MONTH)
    assert plan.look_events[0] / plan.patients * 2 == pytest.approx([0.5, 1 - 0.5**0.5], rel=1e-12)


def test_accrual_at_given_rates() -> None:
    """Ten a month until 100 more than the 30 of the first two months have entered: 2 + 10 months."""
    entering = accrual([("2 months", 15), (None, 10)]).until(130)
    assert np.array(entering.lengths) / MONTH == pytest.approx([2, 10])
    assert accrual([("2 months", 15), (None, 10)]).until(15).duration / MONTH == pytest.approx(1)
    plan = survival(
        fixed(), hazard_ratio=0.6, power=0.9, control=median("6 months"), allocation=ONE,
        accrual=accrual([("2 months", 15), (None, 10)]), follow_up="6 months",
    )  # fmt: skip
    assert plan.patients == pytest.approx(30 + 10 * (plan.accrual.duration / MONTH - 2), rel=1e-12)
    assert plan.power == pytest.approx(0.9, rel=1e-10)


def test_whatever_is_solved_for_comes_back() -> None:
    """One trial, with each pair of its five numbers taken away and found again."""
    common: Any = {"control": median("8 months"), "allocation": {"E": 2, "C": 1}, "accrual": accrual("15 months")}
    test = group_sequential(alpha=0.025, sided=1, information_fractions=[0.6, 1], efficacy=LanDeMets("obrien-fleming"))
    for method in ("schoenfeld", "lachin-foulkes", "score"):
        whole = survival(test, hazard_ratio=0.65, power=0.85, follow_up="10 months", method=method, **common)
        known: Any = {
            "hazard_ratio": 0.65,
            "power": whole.power,
            "events": whole.events,
            "patients": whole.patients,
            "follow_up": "10 months",
        }
        pairs = [("events", "patients"), ("events", "follow_up"), ("events", "power"), ("events", "hazard_ratio"),
                 ("power", "patients"), ("power", "follow_up"), ("hazard_ratio", "patients"),
                 ("hazard_ratio", "follow_up")]  # fmt: skip
        for pair in pairs:
            plan = survival(test, **{k: v for k, v in known.items() if k not in pair}, method=method, **common)
            assert plan.events == pytest.approx(whole.events, rel=1e-7), pair
            assert plan.patients == pytest.approx(whole.patients, rel=1e-7), pair
            assert plan.power == pytest.approx(0.85, rel=1e-8), pair
            assert plan.follow_up / MONTH == pytest.approx(10, rel=1e-7), pair
            assert plan.hazard_ratio[""].values[0] == pytest.approx(0.65, rel=1e-8), pair


def test_curves_and_hazards() -> None:
    half = median("2.4 months", shape=0.6)
    assert half.survival(2.4 * MONTH) == pytest.approx(0.5, rel=1e-14)
    assert half.median() == pytest.approx(2.4 * MONTH, rel=1e-14)
    assert half.times(HazardRatio((0.0,), (0.5,))).survival(2.4 * MONTH) == pytest.approx(0.5**0.5)
    curve = survival_at({"12 months": 0.6, "60 months": 0.4})
    assert curve.survival([12 * MONTH, 60 * MONTH]) == pytest.approx([0.6, 0.4])
    assert curve.median() / MONTH == pytest.approx(12 + 48 * math.log(0.6 / 0.5) / math.log(0.6 / 0.4))
    assert dropout(0.05, by="12 months").survival(365.25) == pytest.approx(0.95)
    both = hazard([0.1, 0.2], until=["3 months"]).times(piecewise_hazard_ratio([1, 0.5], until=["6 months"]))
    assert np.array(both.rates) * MONTH == pytest.approx([0.1, 0.2, 0.1])
    assert both.cumulative(9 * MONTH) == pytest.approx(0.3 + 0.6 + 0.3)


def test_whole_numbers_hold_blocks_and_strata() -> None:
    test = group_sequential(alpha=0.025, sided=1, information_fractions=[0.5, 0.75, 1], efficacy=obrien_fleming())
    plan = survival(
        test, hazard_ratio=0.68, power=0.9, control=median("9 months"), allocation={"E": 2, "C": 1},
        accrual=accrual("18 months"), follow_up="18 months", strata={"a": 0.4, "b": 0.6},
    )  # fmt: skip
    whole = in_whole_numbers(plan, block_size=6)
    shares = {name: share * whole.patients for name, share in whole.population.strata.items()}
    for name, n in shares.items():
        assert n % 6 == pytest.approx(0, abs=1e-6) or n % 6 == pytest.approx(6, abs=1e-6)
        assert 0 <= n - plan.population.strata[name] * plan.patients < 6
    events = whole.look_events.sum(axis=1)
    assert events == pytest.approx(np.round(events), abs=1e-6)
    assert events[-1] == pytest.approx(math.ceil(plan.events), rel=1e-12)
    assert whole.power > 0.9
    assert whole.test.information_fractions[0] == pytest.approx(round(plan.events / 2) / math.ceil(plan.events))


@pytest.mark.parametrize(("share", "ratio", "variance"), [(0.75, 0.5, 1.28), (0.5, 0.5, 8 / 9), (0.25, 0.5, 32 / 49)])
def test_the_variance_of_z_while_events_are_rare(share: float, ratio: float, variance: float) -> None:
    """Arms stay at risk as randomized, so that of d events Binomial(d, theta) fall into the experimental arm, theta =
    share ratio / (share ratio + 1 - share), and Z = (d share - those) / sqrt(d share (1 - share)) has variance theta
    (1 - theta) / (share (1 - share)): 0.6 0.4 / (0.75 0.25) = 1.28."""
    rare = at_once(1e-8, ratio, share=share)
    assert variance_of_z(rare, at_risk(rare, 100.0), 100.0, 1.0) == pytest.approx(variance, rel=1e-5)


@pytest.mark.parametrize("null", [1.0, 1.3])
def test_the_variance_of_z_is_1_under_the_null_hypothesis_and_strata_alike_change_nothing(null: float) -> None:
    course = at_once(0.004, null, lost=0.001, share=0.75)
    assert variance_of_z(course, at_risk(course, 300.0), 300.0, null) == pytest.approx(1, abs=1e-12)
    (whole,) = at_once(0.004, 0.5, share=0.75).strata
    one = replace(course, strata=(whole,))
    two = replace(course, strata=(replace(whole, share=0.3), replace(whole, share=0.7)))
    found = [variance_of_z(each, at_risk(each, 300.0), 300.0, null) for each in (one, two)]
    assert found[1] == pytest.approx(found[0], rel=1e-12)
    assert effect_at(one, 300.0, "exact score", null).real == pytest.approx(
        effect_at(one, 300.0, "score", null).real / found[0], rel=1e-14
    )


def test_a_variance_of_first_order_is_refused_where_it_says_nothing() -> None:
    with pytest.raises(DesignError, match="no approximation"):
        survival(
            fixed(), hazard_ratio=0.05, power=0.9, control=median("9 months"), allocation={"E": 100, "C": 1},
            accrual=accrual("18 months"), follow_up="18 months", method="exact score",
        )  # fmt: skip


def test_by_the_calendar() -> None:
    """All at once, hazard h: fractions (1 - exp(-h t)) / (1 - exp(-h T)), both arms alike."""
    found = event_fractions(
        ["10 months", "30 months"], control=median("10 months"), allocation=ONE, accrual=accrual("0.0001 months"),
        hazard_ratio=1.0,
    )  # fmt: skip
    assert found == pytest.approx([0.5 / 0.875, 1], rel=1e-5)


def test_side_by_side_says_why_not() -> None:
    found = formulas(
        fixed(), hazard_ratio=piecewise_hazard_ratio([1, 0.5], until=["3 months"]), power=0.9,
        control=median("9 months"), allocation=ONE, accrual=accrual("18 months"), follow_up="18 months",
    )  # fmt: skip
    assert set(found.plans) == {"score", "exact score", "average hazard ratio"}
    assert "constant hazard ratio" in found.refused["schoenfeld"]


def test_a_plan_tells_what_it_is() -> None:
    test = group_sequential(
        alpha=0.025, sided=1, information_fractions=[0.5, 1], efficacy=LanDeMets("obrien-fleming"), power=0.9,
        futility=FutilityBounds(z=[0.0]), harm=Harm(HwangShihDeCani(-2), 0.1),
    )  # fmt: skip
    plan = survival(
        test, hazard_ratio=0.65, control=median("6 months"), allocation=ONE, accrual=accrual("24 months"),
        follow_up="12 months",
    )  # fmt: skip
    said = str(plan)
    for words in ("E against C", "hazard ratio of 0.650", "Schoenfeld (1981)", "randomized 1:1", "futility by z (0)",
                  "not binding", "a month is 30.4375 days", "Solved for events and patients"):  # fmt: skip
        assert words in said
    weights = (FlemingHarrington(0, 0), FlemingHarrington(0, 1))
    assert "MaxCombo" in str(MaxCombo(weights))
