"""What survival designs refuse, and what a plan says at its looks."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from equipoise.design import (
    FutilityBounds,
    HaybittlePeto,
    HwangShihDeCani,
    LanDeMets,
    MaxCombo,
    Milestone,
    Plan,
    RestrictedMean,
    accrual,
    dropout,
    event_fractions,
    formulas,
    group_sequential,
    hazard,
    in_whole_numbers,
    median,
    piecewise_hazard_ratio,
    pocock,
    read_plan,
    save_plan,
    survival,
    survival_at,
)
from equipoise.errors import DesignError, EquipoiseError, UnsupportedError
from equipoise.survival import TimeToEvent, cox, logrank
from equipoise.survival.weights import FlemingHarrington, ModestlyWeighted

ONE = {"E": 1, "C": 1}
OF = LanDeMets("obrien-fleming")
TEST = group_sequential(alpha=0.025, sided=1, information_fractions=[0.5, 1], efficacy=OF)
EARLY = group_sequential(alpha=0.025, sided=1, information_fractions=[0.05, 1], efficacy=OF)
POWERED = group_sequential(
    alpha=0.025, sided=1, information_fractions=[0.5, 1], efficacy=OF, power=0.9, futility=HwangShihDeCani(-2)
)


def asked(test: Any = TEST, **change: Any) -> dict[str, Any]:
    given = {
        "hazard_ratio": 0.7,
        "power": 0.9,
        "control": median("6 months"),
        "allocation": ONE,
        "accrual": accrual("24 months"),
        "follow_up": "12 months",
    }
    return {"test": test, **{k: v for k, v in {**given, **change}.items() if v != "left out"}}


def made(test: Any = TEST, **change: Any) -> Plan:
    return survival(**asked(test, **change))


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no test": ({"test": 3}, "is no test"),
    "hazard ratio of the null": ({"hazard_ratio": 1.0}, "no trial finds no effect (hazard_ratio). Such as 0.7"),
    "null of the margin": ({"hazard_ratio": 1.3, "null_hazard_ratio": 1.3}, "Such as 0.91"),
    "wrong side": ({"hazard_ratio": 1.4}, "favours the control arm"),
    "wrong side of benefit": ({"hazard_ratio": 0.7, "event_is": "benefit"}, "wrong side"),
    "ratio of zero": ({"hazard_ratio": 0}, "a hazard ratio of 0 is none"),
    "ratio of text": ({"hazard_ratio": "0.7"}, "'0.7' is none"),
    "ratio nan": ({"hazard_ratio": math.nan}, "is none"),
    "ratios of strata that are not": ({"hazard_ratio": {"a": 0.7}}, "strata are none"),
    "power below alpha": ({"power": 0.02}, "power = 0.02 is not between alpha (0.025 a side) and 1"),
    "power of one": ({"power": 1}, "not between alpha"),
    "power of text": ({"power": "high"}, "power = 'high'"),
    "another power": ({"test": POWERED, "power": 0.8}, "but the test was made for 0.9"),
    "null ratio": ({"null_hazard_ratio": -1}, "null_hazard_ratio = -1 is none"),
    "margin by Freedman": ({"null_hazard_ratio": 1.2, "method": "freedman"}, "has no margin"),
    "margin of means": ({"null_hazard_ratio": 1.2, "method": RestrictedMean("9 months")}, "has no margin"),
    "no control": ({"control": "6 months"}, "'6 months' is none (control). Such as eq.design.median"),
    "control without events": ({"control": hazard(0)}, "nobody of the control arm ever has an event"),
    "control by strata that are not": ({"control": {"a": median("6 months")}}, "a trial without strata"),
    "one arm": ({"allocation": {"E": 1}}, "no allocation to two arms"),
    "three arms": ({"allocation": {"E": 1, "F": 1, "C": 1}}, "a trial of 3 arms has no design here"),
    "nobody in an arm": ({"allocation": {"E": 1, "C": 0}}, "an allocation of"),
    "accrual of text": ({"accrual": "24 months"}, "is no accrual"),
    "events below zero": ({"events": -3, "power": None}, "events = -3 is not a number above zero"),
    "patients of text": ({"patients": "many", "power": None}, "patients = 'many'"),
    "too much": ({"events": 200, "patients": 300}, "three must be, no more"),
    "too little": ({"follow_up": None}, "three must be, no fewer"),
    "events, effect and power": ({"events": 200, "follow_up": None}, "already say how many events are needed"),
    "no effect": ({"hazard_ratio": None, "power": None, "events": 200, "patients": 300}, "say nothing of the effect"),
    "shares of strata": ({"strata": {"a": 0.3, "b": 0.3}}, "do not add up to 1"),
    "strata of a list": ({"strata": ["a", "b"]}, "gives no shares by stratum"),
    "no dropout": ({"dropout": 0.05}, "0.05 is none (dropout)"),
    "dropout of arms that are not": ({"dropout": {"A": hazard(0.1), "B": hazard(0.1)}}, "not for E, C"),
    "no method": ({"method": "magic"}, "'magic' is no method"),
    "delayed by a formula": ({"hazard_ratio": piecewise_hazard_ratio([1, 0.5], until=["3 months"])}, "one constant"),
    "no direction": ({"event_is": "good"}, "event_is = 'good'"),
    "follow-up of each too short": ({"follow_up_each": "6 months"}, "the last patient is followed for 12 months"),
    "nobody is followed": ({"follow_up_each": "0 months"}, "nobody is followed"),
    "a number for a duration": ({"follow_up": 12}, "12 is not a duration"),
    "more events than patients have": (
        {"power": None, "events": 310, "patients": 300, "follow_up": None},
        "never have 310 events: at most 300 are expected (events). Ask for 299 events or fewer, or take 311 patients",
    ),
    "tau after a last look during accrual": (
        {"power": None, "events": 20, "patients": 300, "follow_up": None, "method": RestrictedMean("9 months")},
        "nobody is followed for 273.938 days by day",
    ),
    "patients that never have the power": (
        {"patients": 250, "follow_up": None}, "250 patients never give a power of 0.9: at most 250",
    ),
    "more patients than are needed": (
        {"patients": 900, "follow_up": None},
        "before the last of them enters (patients). Take 544 over that time, or a shorter accrual; or give events in "
        "place of power, and the last look may come while patients still enter.",
    ),
    "no ratio can be found": ({"hazard_ratio": None, "patients": 5}, "no hazard ratio from 0.999 to 0.02"),
    "tau after the end": ({"method": RestrictedMean("40 months")}, "nobody is followed for"),
    "milestone after a look": ({"method": Milestone("40 months")}, "Look later, follow longer"),
    "look before anybody is followed": (
        {"method": RestrictedMean("30 months"), "test": EARLY}, "before anybody is followed",
    ),
    "crossing hazards that cancel": (
        {"hazard_ratio": piecewise_hazard_ratio([1.5, 1.0], until=["3 months"]), "method": "score"},
        "the test sees no effect that favours the experimental arm",
    ),
    "patients and rates": (
        {"accrual": accrual([("10 months", 20)]), "patients": 300, "power": None}, "accrual brings 200",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    change, words = REFUSED[name]
    with pytest.raises(EquipoiseError) as caught:
        survival(**asked(**change)) if "test" in change else made(**change)
    assert words in str(caught.value)
    kind = UnsupportedError if name == "three arms" else EquipoiseError
    assert isinstance(caught.value, kind)


def test_two_sided_or_futile_maxcombo_is_unsupported() -> None:
    method = MaxCombo((FlemingHarrington(0, 0), FlemingHarrington(0, 1)))
    two = group_sequential(alpha=0.05, sided=2, information_fractions=[0.5, 1], efficacy=OF)
    for test in (two, POWERED):
        with pytest.raises(UnsupportedError, match="one-sided and without futility"):
            survival(**asked(test, method=method, power=None if test is POWERED else 0.9))
    for bad in ((FlemingHarrington(0, 0),), (FlemingHarrington(0, 0),) * 2, ("a", "b")):
        with pytest.raises(DesignError, match="two weights or more"):
            MaxCombo(bad)  # type: ignore[arg-type]
    with pytest.raises(DesignError, match="none of the weights"):
        MaxCombo(method.weights, interim=FlemingHarrington(1, 0))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: median("0 months"), "is none"),
        (lambda: median("6 months", shape=0), "shape = 0"),
        (lambda: median("6 months", shape="1"), "shape = '1'"),  # type: ignore[arg-type]
        (lambda: median(6), "not a duration"),  # type: ignore[arg-type]
        (lambda: hazard(-0.1), "below zero"),
        (lambda: hazard("x"), "no number"),  # type: ignore[arg-type]
        (lambda: hazard([0.1, 0.2]), "0 times at which they change"),
        (lambda: hazard([0.1, 0.2, 0.3], until=["5 months", "5 months"]), "do not rise"),
        (lambda: hazard([0.1, math.inf], until=["5 months"]), "no number"),
        (lambda: hazard([]), "no number"),
        (lambda: survival_at({}), "gives no shares"),
        (lambda: survival_at({"12 months": 0.4, "24 months": 0.6}), "do not fall"),
        (lambda: survival_at({"24 months": 0.6, "12 months": 0.4}), "do not fall from 1 over rising times"),
        (lambda: survival_at({"12 months": 0}), "above zero"),
        (lambda: survival_at({"12 months": "0.5"}), "do not fall"),  # type: ignore[dict-item]
        (lambda: dropout(1, by="12 months"), "is none"),
        (lambda: dropout(-0.1, by="12 months"), "is none"),
        (lambda: piecewise_hazard_ratio([1, 0], until=["3 months"]), "is none"),
        (lambda: accrual([]), "needs periods"),
        (lambda: accrual([("3 months", -1)]), "needs periods"),
        (lambda: accrual([("3 months", 0)]), "last rate above zero"),
        (lambda: accrual([(None, 3), ("3 months", 1)]), "needs periods"),
        (lambda: accrual([(None, 3)], relative=True), "without an end"),
        (lambda: accrual(24), "accrual of 24 is none"),  # type: ignore[arg-type]
        (lambda: accrual("0 months"), "longer than nothing"),
        (lambda: RestrictedMean("0 months"), "no time"),
        (lambda: Milestone(3), "not a duration"),  # type: ignore[arg-type]
        (lambda: event_fractions([], **BITS), "do not come one after the other"),
        (lambda: event_fractions(["9 months", "3 months"], **BITS), "do not come one after the other"),
        (lambda: event_fractions(["0 months", "3 months"], **BITS), "after the first patient"),
        (lambda: event_fractions(["9 months"], **{**BITS, "accrual": accrual([(None, 3)])}), "no end"),
        (lambda: in_whole_numbers(made(), block_size=3), "a block of 3 does not hold 1:1"),
        (lambda: in_whole_numbers(made(), block_size=2.0), "a block of 2.0"),  # type: ignore[arg-type]
    ],
)
def test_assumptions_that_are_none(call: Any, words: str) -> None:
    with pytest.raises(EquipoiseError) as caught:
        call()
    assert words in str(caught.value)


BITS: dict[str, Any] = {
    "control": median("6 months"), "allocation": ONE, "accrual": accrual("24 months"), "hazard_ratio": 0.7,
}  # fmt: skip


def test_a_test_with_power_gives_power_and_can_be_asked_for_it() -> None:
    assert made(POWERED, power=None).power == pytest.approx(0.9, rel=1e-9)
    asked_of = made(POWERED, power=None, patients=380)
    assert asked_of.solved == ("power", "events")
    assert 0.5 < asked_of.power < 0.99


@pytest.mark.parametrize(
    "method",
    [
        "schoenfeld", "freedman", "hsieh-freedman", "lachin-foulkes", "bernstein-lagakos", "score", "exact score",
        "average hazard ratio", FlemingHarrington(0, 1), ModestlyWeighted(delay="4 months"),
        ModestlyWeighted(survival=0.6), RestrictedMean("9 months"), Milestone("9 months"),
        MaxCombo((FlemingHarrington(0, 0), FlemingHarrington(0, 1)), interim=FlemingHarrington(0, 0)),
    ],
)  # fmt: skip
def test_every_method_makes_a_plan_that_is_saved_and_read_again(method: Any, tmp_path: Path) -> None:
    plan = made(method=method)
    assert plan.power == pytest.approx(0.9, rel=1e-7)
    near = (
        2e-3 if method in ("score", "exact score", "average hazard ratio") else 1e-9
    )  # bounds at fractions of events, not of variance
    assert plan.false_claim.sum() == pytest.approx(0.025, rel=near)
    assert (np.diff(plan.look_times) > 0).all()
    assert str(plan)
    assert plan.looks().count("\n") == 2
    save_plan(plan, tmp_path / "plan.json")
    again = read_plan(tmp_path / "plan.json")
    assert again == plan
    assert hash(again) == hash(plan)
    whole = in_whole_numbers(plan)
    assert whole.patients % 2 == pytest.approx(0)
    save_plan(whole, tmp_path / "whole.json")
    assert read_plan(tmp_path / "whole.json") == whole
    with pytest.raises(ValueError, match="read-only"):
        plan.efficacy_bounds[0] = 0


@pytest.mark.parametrize(
    "test",
    [
        group_sequential(alpha=0.05, sided=2, information_fractions=[0.5, 1], efficacy=pocock()),
        group_sequential(alpha=0.025, sided=1, information_fractions=[0.4, 0.7, 1], efficacy=HaybittlePeto()),
        group_sequential(
            alpha=0.025, sided=1, information_fractions=[0.5, 1], efficacy=OF,
            futility=FutilityBounds(conditional_power=[0.2]), binding=True, power=0.8,
        ),
        POWERED,
    ],
)  # fmt: skip
def test_plans_of_other_tests_are_saved_too(test: Any, tmp_path: Path) -> None:
    plan = made(
        test, power=None if test.power else 0.85, strata={"a": 0.5, "b": 0.5}, dropout=dropout(0.1, by="1 year")
    )
    save_plan(plan, tmp_path / "plan.json")
    assert read_plan(tmp_path / "plan.json") == plan
    assert in_whole_numbers(plan).power > 0.79


def test_files_that_are_no_plans(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    with pytest.raises(DesignError, match="cannot be read"):
        read_plan(path)
    for text in (
        "",
        "[]",
        "{}",
        '{"equipoise": "1", "inputs": 3, "solved": {}}',
        '{"inputs": {"test": {"record": "x"}}}',
    ):
        path.write_text(text)
        with pytest.raises(EquipoiseError):
            read_plan(path)
    save_plan(made(), path)
    document = json.loads(path.read_text())
    document["solved"]["patients"] += 1
    path.write_text(json.dumps(document))
    with pytest.raises(DesignError, match=r"solved again it differs \(solved.patients\)"):
        read_plan(path)


def data(plan: Plan, n: int = 160, seed: int = 1) -> TimeToEvent:
    draws = np.random.default_rng(seed)
    arm = np.array(["C", "E"])[np.arange(n) % 2]
    time = draws.exponential(np.where(arm == "E", 400, 180))
    return TimeToEvent(np.minimum(time, 700), (time < 700).astype(int), arm, control="C", experimental="E", unit="days")


def test_decisions_read_results() -> None:
    plan = made()
    tte = data(plan)
    test, model = logrank(tte), cox(tte)
    first = plan.decide(1, test)
    assert first.information == test.observed.sum()
    assert first.z == test.z
    assert first.verdict == "efficacy"
    assert first.information_fraction == pytest.approx(first.information / plan.events)
    spent = TEST.observed([first.information], planned=plan.events).efficacy_bounds[0]
    assert first.efficacy_bound == pytest.approx(spent, rel=1e-12)
    assert "of 331.5 events" in str(first)
    second = plan.decide(1, model)
    assert second.information == first.information
    assert second.z == pytest.approx(-model.coef[0] / model.se[0])
    raw = plan.decide(1, -3.0, favours="C", information=165)
    assert raw.z == 3.0
    assert plan.decide(1, 0.5, favours="E", information=165).verdict == "go on"
    assert plan.decide(2, 0.5, favours="E", information=330, earlier=[165]).verdict == "no claim"
    assert plan.decide(1, 0.5, favours="E", information=165, final=True).verdict == "no claim"
    swapped = plan.decide(1, logrank(tte).z, favours="E", information=first.information)
    assert swapped.verdict == first.verdict


def test_decisions_on_futility_harm_and_two_sides() -> None:
    plan = made(POWERED, power=None)
    assert plan.decide(1, -0.5, favours="E", information=plan.events / 2).verdict == "futility"
    assert "not binding" in str(plan.decide(1, 1.5, favours="E", information=plan.events / 2))
    early = plan.decide(1, 1.0, favours="E", information=0.4 * plan.events)
    late = plan.decide(1, 1.0, favours="E", information=0.6 * plan.events)
    assert early.efficacy_bound > late.efficacy_bound
    two = made(group_sequential(alpha=0.05, sided=2, information_fractions=[0.5, 1], efficacy=OF))
    assert two.decide(1, 3.5, favours="C", information=two.events / 2).verdict == "efficacy of the control arm"


DECIDED: dict[str, tuple[Any, str]] = {
    "z without an arm": (lambda p: p.decide(1, 2.0, information=100), "does not say which arm it favours"),
    "another arm": (lambda p: p.decide(1, 2.0, favours="B", information=100), "Say 'E' or 'C'"),
    "z without events": (lambda p: p.decide(1, 2.0, favours="E"), "needs its information, here events"),
    "no z": (lambda p: p.decide(1, "2", favours="E", information=100), "is no result"),
    "nan": (lambda p: p.decide(1, math.nan, favours="E", information=100), "is no result"),
    "look 0": (lambda p: p.decide(0, 2.0, favours="E", information=100), "Looks count from 1"),
    "no earlier look": (lambda p: p.decide(2, 2.0, favours="E", information=100), "0 earlier looks"),
    "events that fall": (lambda p: p.decide(2, 2.0, favours="E", information=100, earlier=[120]), ""),
    "arm of a test": (lambda p: p.decide(1, logrank(data(p)), favours="E"), "knows which arm it favours"),
    "arms turned": (lambda p: p.decide(1, logrank(data(p).swap())), "the plan E with C"),
    "another weight": (lambda p: p.decide(1, logrank(data(p), gamma=1)), "has weight"),
}  # fmt: skip


@pytest.mark.parametrize("name", DECIDED)
def test_decisions_that_are_refused(name: str) -> None:
    call, words = DECIDED[name]
    with pytest.raises(EquipoiseError) as caught:
        call(made())
    assert words in str(caught.value)


def test_a_weighted_test_has_information_of_its_own() -> None:
    plan = made(method=FlemingHarrington(0, 1))
    assert plan.information_basis == "the information of the test"
    tte = data(plan)
    found = plan.decide(1, logrank(tte, gamma=1))
    assert found.information == logrank(tte, gamma=1).variance[0, 0]
    assert found.information_fraction == pytest.approx(found.information / plan.look_information[-1])
    assert plan.look_information[0] / plan.look_information[1] == pytest.approx(0.5, rel=1e-9)
    assert (plan.look_events.sum(axis=1) / plan.events)[0] > 0.5  # early events weigh little
    with pytest.raises(DesignError, match="has weight"):
        plan.decide(1, logrank(tte))
    with pytest.raises(DesignError, match="Give its z with favours"):
        plan.decide(1, cox(tte))
    means = made(method=RestrictedMean("6 months"))
    with pytest.raises(DesignError, match="Give its z with favours"):
        means.decide(1, logrank(tte))
    at = float(means.look_information[0])
    assert means.decide(1, 3.0, favours="E", information=at).verdict == "efficacy"
    assert means.decide(1, 3.0, favours="E", information=at).efficacy_bound == pytest.approx(means.efficacy_bounds[0])


def test_a_maxcombo_plan_does_not_decide() -> None:
    plan = made(method=MaxCombo((FlemingHarrington(0, 0), FlemingHarrington(0, 1))))
    with pytest.raises(UnsupportedError, match="correlations"):
        plan.decide(1, 3.0, favours="E", information=100)


def test_a_log_rank_test_is_not_of_a_margin() -> None:
    plan = made(hazard_ratio=0.9, null_hazard_ratio=1.3)
    with pytest.raises(DesignError, match="Give a Cox model"):
        plan.decide(1, logrank(data(plan)))
    model = cox(data(plan))
    assert plan.decide(1, model).z == pytest.approx((math.log(1.3) - model.coef[0]) / model.se[0])


def test_side_by_side_needs_one_that_applies() -> None:
    with pytest.raises(DesignError, match="no trial finds no effect"):
        formulas(
            TEST,
            hazard_ratio=1.0,
            power=0.9,
            follow_up="9 months",
            **{k: v for k, v in BITS.items() if k != "hazard_ratio"},
        )
