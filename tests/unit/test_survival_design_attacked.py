"""Survival designs under attack: extreme assumptions, searches that must not stop early, and what is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from equipoise.design import (
    FutilityBounds,
    HwangShihDeCani,
    LanDeMets,
    MaxCombo,
    Milestone,
    PampallonaTsiatis,
    RestrictedMean,
    UserSpending,
    accrual,
    dropout,
    event_fractions,
    formulas,
    group_sequential,
    hazard,
    in_whole_numbers,
    median,
    piecewise_hazard_ratio,
    read_plan,
    save_plan,
    survival,
)
from equipoise.errors import DesignError, EquipoiseError
from equipoise.survival import TimeToEvent, cox, logrank
from equipoise.survival.weights import FlemingHarrington, ModestlyWeighted

ONE = {"E": 1, "C": 1}
OF = LanDeMets("obrien-fleming")
FIXED = group_sequential(alpha=0.025, sided=1, information_fractions=[1], efficacy=OF)
TWO = group_sequential(alpha=0.025, sided=1, information_fractions=[0.5, 1], efficacy=OF)
COMBO = MaxCombo((FlemingHarrington(), FlemingHarrington(0, 1)))
METHODS = (
    "schoenfeld",
    "lachin-foulkes",
    "score",
    "exact score",
    "average hazard ratio",
    FlemingHarrington(0, 1),
    COMBO,
)


def plan(test: Any = FIXED, **change: Any) -> Any:
    given = {
        "control": median("9 months"),
        "allocation": ONE,
        "accrual": accrual("18 months"),
        "dropout": dropout(0.05, by="12 months"),
        **change,
    }
    return survival(test, **given)


def sized(test: Any = FIXED, **change: Any) -> Any:
    return plan(test, **{"hazard_ratio": 0.7, "power": 0.9, "follow_up": "12 months", **change})


# ------------------------------------------------------------------------------------------------- extreme assumptions
@pytest.mark.parametrize("method", METHODS, ids=str)
@pytest.mark.parametrize(
    "control", [median("1 day"), median("6 months", shape=10), median("6 months", shape=0.2), hazard(1e5)], ids=str
)
def test_hazards_that_leave_nobody(control: Any, method: Any) -> None:
    """Panels stay few and nothing is divided by nobody, where all have had an event long before the end."""
    found = sized(TWO, control=control, follow_up="60 months", method=method)
    assert 300 < found.events < 450
    assert found.events <= found.patients


def test_all_have_an_event() -> None:
    found = sized(control=hazard(1e5), follow_up="60 months", dropout=None)
    assert found.patients == pytest.approx(found.events, rel=1e-12)


def test_nobody_has_an_event_yet() -> None:
    for method in (*METHODS, Milestone("12 months"), RestrictedMean("12 months")):
        with pytest.raises(DesignError, match=r"by day 913.1.* nobody is expected to have an event"):
            sized(control=hazard([0, 0.1], until=["60 months"]), method=method)
    with pytest.raises(DesignError, match="nobody is expected to have an event by 18 months"):
        event_fractions(
            ["18 months", "70 months"],
            control=hazard([0, 0.1], until=["60 months"]),
            allocation=ONE,
            accrual=accrual("18 months"),
            hazard_ratio=0.7,
        )


@pytest.mark.parametrize("method", [*METHODS, ModestlyWeighted(survival=0.5), Milestone("12 months")], ids=str)
def test_hazards_that_set_in_late(method: Any) -> None:
    found = sized(TWO, control=hazard([0, 0.1], until=["6 months"]), follow_up="40 months", method=method)
    assert found.power == pytest.approx(0.9)


@pytest.mark.parametrize("method", [*METHODS, Milestone("12 months")], ids=str)
def test_accrual_that_pauses(method: Any) -> None:
    paused = accrual([("3 months", 5), ("3 months", 0), ("12 months", 15)], relative=True)
    assert sized(TWO, accrual=paused, method=method).power == pytest.approx(0.9)


def test_a_plateau_ends_the_trial_under_none() -> None:
    """Where under no effect the events never come, the trial ends with the last event, not after two hundred years."""
    found = sized(
        control=hazard([0.05, 0], until=["24 months"]), hazard_ratio=1.6, event_is="benefit", follow_up="24 months"
    )
    assert found.under_none.duration == pytest.approx(42 * 30.4375)


# ------------------------------------------------------------------------------------------------------------ searches
def test_milestone_power_is_reached_once() -> None:
    """Information does not grow once all are followed to the milestone: the shortest such follow-up is meant."""
    first = sized(method=Milestone("12 months"))
    again = plan(hazard_ratio=0.7, power=0.9, patients=first.patients * (1 + 1e-9), method=Milestone("12 months"))
    assert again.follow_up / 30.4375 == pytest.approx(12, abs=1e-3)


def test_restricted_mean_needs_follow_up_beyond_accrual() -> None:
    first = sized(method=RestrictedMean("24 months"), follow_up="18 months")
    again = plan(hazard_ratio=0.7, power=0.9, patients=first.patients, method=RestrictedMean("24 months"))
    assert again.follow_up / 30.4375 == pytest.approx(18, rel=1e-9)
    with pytest.raises(DesignError, match="500 patients have the power as soon as the test of the difference"):
        plan(hazard_ratio=0.7, power=0.8, patients=500, method=RestrictedMean("30 months"))


def test_crossing_hazards_have_no_effect_at_first() -> None:
    crossing = piecewise_hazard_ratio([1.6, 0.5], until=["6 months"])
    given: dict[str, Any] = {"hazard_ratio": crossing, "method": "score", "accrual": accrual("2 months")}
    with pytest.raises(DesignError, match="no effect that favours"):
        plan(power=0.8, follow_up="3 months", **given)
    first = plan(power=0.8, follow_up="40 months", **given)
    again = plan(power=0.8, patients=first.patients, **given)
    assert again.follow_up == pytest.approx(first.follow_up, rel=1e-8)


def test_waning_effects_are_seen_early() -> None:
    waning = piecewise_hazard_ratio([0.5, 1.3], until=["6 months"])
    given: dict[str, Any] = {"hazard_ratio": waning, "method": "score", "accrual": accrual("4 months")}
    first = plan(power=0.8, follow_up="2 months", **given)
    again = plan(power=0.8, patients=first.patients, **given)
    assert again.follow_up == pytest.approx(first.follow_up, rel=1e-8)
    assert plan(patients=first.patients, follow_up="60 months", **given).power < 0.3


@pytest.mark.parametrize(("patients", "events"), [(500, 200), (500, 215), (300, 255), (300, 266)])
def test_a_ratio_is_found_though_its_neighbours_are_no_trial(patients: int, events: int) -> None:
    """Under weak effects so many events come before the last patient, under strong ones they never come."""
    slow = {"follow_up_each": "36 months", "dropout": None} if patients == 300 else {}
    found = plan(power=0.9, patients=patients, events=events, **slow)
    ratio = found.hazard_ratio[""].values[0]
    z = 1.959963984540054 + 1.2815515655446004
    assert ratio == pytest.approx(math.exp(-2 * z / math.sqrt(events)), rel=1e-9)
    assert found.follow_up >= 0


def test_no_ratio_says_why() -> None:
    with pytest.raises(DesignError, match=r"from 0.999 to 0.02 .*; at 0.999, 500 patients never have 600 events"):
        plan(power=0.9, patients=500, events=600)


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_power_that_needs_nobody(method: Any) -> None:
    with pytest.raises(DesignError, match="fewer than 2 patients give a power of 0.0251"):
        sized(power=0.0251, method=method)


def test_accrual_that_is_too_fast() -> None:
    with pytest.raises(DesignError, match="a day of accrual brings more patients than are needed"):
        sized(accrual=accrual([(None, 1e6)]))
    with pytest.raises(DesignError, match="a day of accrual brings more than 50 events"):
        plan(hazard_ratio=0.7, events=50, follow_up="12 months", accrual=accrual([(None, 1e6)]))


def test_combo_of_a_large_alpha() -> None:
    lax = group_sequential(alpha=0.45, sided=1, information_fractions=[0.5, 1], efficacy=LanDeMets("pocock"))
    found = sized(lax, method=MaxCombo((FlemingHarrington(), FlemingHarrington(0, 0.01))))
    assert found.false_claim.sum() == pytest.approx(0.45, abs=1e-6)


# ------------------------------------------------------------------------------------------------------- whole numbers
@pytest.mark.parametrize(
    "method", ["lachin-foulkes", "score", FlemingHarrington(0, 1), Milestone("12 months")], ids=str
)
@pytest.mark.parametrize(
    "change",
    [
        {"follow_up_each": "24 months", "follow_up": None},
        {"control": hazard([0.06, 0.02, 0], until=["12 months", "30 months"]), "follow_up": "30 months"},
    ],
    ids=["each", "plateau"],
)
def test_whole_events_may_need_more_patients(change: Any, method: Any) -> None:
    """Where all who will have an event have had it, a part of an event more needs patients, not follow-up."""
    exact = sized(TWO, method=method, power=0.8, **change)
    whole = in_whole_numbers(exact)
    assert whole.events == pytest.approx(math.ceil(exact.events), rel=1e-12)
    assert whole.patients % 2 == 0
    assert exact.patients <= whole.patients <= exact.patients + 5
    assert whole.power > exact.power - 1e-3


def test_looks_by_own_information_stay_where_they_are() -> None:
    """Rounded events are no fractions of the information of a weighted test."""
    exact = sized(TWO, method=FlemingHarrington(0, 1))
    whole = in_whole_numbers(exact)
    np.testing.assert_array_equal(whole.test.information_fractions, [0.5, 1])
    np.testing.assert_array_equal(whole.efficacy_bounds, exact.efficacy_bounds)
    assert whole.look_information[0] == pytest.approx(whole.look_information[1] / 2)


# -------------------------------------------------------------------------------------------------------- what is said
def test_bounds_that_are_not_there_have_no_estimate() -> None:
    late = group_sequential(alpha=0.025, sided=1, information_fractions=[0.5, 1], efficacy=UserSpending((0, 1)))
    for method in ("schoenfeld", Milestone("6 months")):
        assert sized(late, method=method).looks().splitlines()[1].split()[4:7] == ["none", "none", "none"]
    two = group_sequential(
        alpha=0.05, sided=2, power=0.9, information_fractions=[1 / 3, 2 / 3, 1], efficacy=PampallonaTsiatis(0.2)
    )
    assert sized(two).looks().splitlines()[1].split()[-3:-1] == ["none", "none"]
    assert "P (one-sided)" not in sized(TWO, method=COMBO).looks()


def test_the_sentence_names_futility_and_information() -> None:
    both = group_sequential(
        alpha=0.025, sided=1, power=0.9, information_fractions=[0.5, 1], efficacy=PampallonaTsiatis(0.2)
    )
    assert "with Pampallona-Tsiatis bounds (delta 0.2, futility 0); those for futility not binding." in str(sized(both))
    assert "50% and 100% of the information of the test" in str(sized(TWO, method=Milestone("12 months")))
    assert "50% and 100% of the events" in str(sized(TWO))


def test_formulas_that_have_no_proof_stand_beside_others() -> None:
    binding = group_sequential(
        alpha=0.025,
        sided=1,
        power=0.9,
        information_fractions=[0.5, 1],
        efficacy=OF,
        futility=HwangShihDeCani(-2),
        binding=True,
    )
    found = formulas(
        binding,
        hazard_ratio=0.7,
        control=median("9 months"),
        allocation=ONE,
        accrual=accrual("18 months"),
        follow_up="12 months",
    )
    assert set(found.refused) == {"score", "exact score", "average hazard ratio"}


# ---------------------------------------------------------------------------------------------------------------- files
def test_arms_and_strata_may_be_called_like_a_record(tmp_path: Path) -> None:
    made = sized(
        allocation={"record": 2, "number": 1},
        strata={"record": 0.5, "kind": 0.5},
        control={"record": median("6 months"), "kind": median("9 months")},
        dropout={"record": dropout(0.1, by="12 months"), "number": dropout(0.2, by="12 months")},
    )
    save_plan(made, tmp_path / "plan.json")
    assert read_plan(tmp_path / "plan.json") == made
    assert in_whole_numbers(made).power > 0.9


def test_files_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(DesignError, match="cannot be written"):
        save_plan(sized(), tmp_path / "nowhere" / "plan.json")
    path = tmp_path / "plan.json"
    save_plan(sized(), path)
    document = json.loads(path.read_text())
    document["inputs"]["power"] = {"record": "number", "text": "many"}
    path.write_text(json.dumps(document))
    with pytest.raises(DesignError, match="is no saved plan"):
        read_plan(path)


# ------------------------------------------------------------------------------------------------------------ decisions
def observed(control: str, experimental: str, event_is: Any = "harm") -> TimeToEvent:
    draws = np.random.default_rng(1)
    arm = np.array(["C", "E"])[np.arange(160) % 2]
    time = draws.exponential(np.where(arm == "E", 400, 180))
    return TimeToEvent(
        time, np.ones(160), arm, control=control, experimental=experimental, unit="days", event_is=event_is
    )


def test_a_cox_model_of_swapped_arms_is_refused() -> None:
    """Its first term names both arms, but the coefficient has the other sign: the better arm would look worse."""
    made = sized(TWO)
    assert made.decide(1, cox(observed("C", "E"))).z > 3
    with pytest.raises(DesignError, match="first term is C v E, the plan compares E with C"):
        made.decide(1, cox(observed("E", "C")))


def test_a_log_rank_test_takes_events_as_the_plan_does() -> None:
    made = sized(TWO)
    assert made.decide(1, logrank(observed("C", "E"))).z > 3
    with pytest.raises(DesignError, match="does not take the event for a harm"):
        made.decide(1, logrank(observed("C", "E", "benefit")))
    hoped = sized(TWO, hazard_ratio=1.4, event_is="benefit")
    assert hoped.decide(1, logrank(observed("C", "E", "benefit"))).z < -3
    with pytest.raises(DesignError, match="does not take the event for a benefit"):
        hoped.decide(1, logrank(observed("C", "E")))


# ----------------------------------------------------------------------------------------------------------- refusals
RATIO = group_sequential(
    alpha=0.025,
    sided=1,
    information_fractions=[0.5, 1],
    efficacy=OF,
    futility=FutilityBounds(hazard_ratio=[1], information=80.0),
)
REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "futility by hazard ratio of benefit": (
        lambda: sized(RATIO, hazard_ratio=1.4, event_is="benefit"),
        "futility bounds by hazard ratio are those of a test of 1",
    ),
    "futility by hazard ratio of a margin": (
        lambda: sized(RATIO, hazard_ratio=0.95, null_hazard_ratio=1.3),
        "futility bounds by hazard ratio are those of a test of 1",
    ),
    "a test at observed information": (
        lambda: sized(TWO.observed([100.0], planned=200.0)),
        "the test is at information that was observed",
    ),
    "accrual that starts with nobody": (
        lambda: accrual([("3 months", 0), ("12 months", 10)]),
        "a first and a last rate above zero",
    ),
    "accrual for ever": (lambda: accrual("1000000000 years"), "longer than a hundred years"),
    "rates beyond all": (lambda: accrual([("3 months", 1e300)]), "rates above 1e+09 a month"),
    "follow-up for ever": (lambda: sized(follow_up="1000000000 years"), "longer than a hundred years"),
    "a median of no time": (lambda: median("0.0001 days", shape=10), "a median of 0.0001 days is none"),
    "a median of all time": (lambda: median("1000000000 years"), "a median of 1000000000 years is none"),
    "times that are none": (lambda: hazard([1, 2], until=5), "until = 5 are no times"),  # type: ignore[arg-type]
    "weights that are none": (lambda: MaxCombo(5), "needs two weights or more"),  # type: ignore[arg-type]
    "an interim weight that is none": (
        lambda: MaxCombo(COMBO.weights, interim=np.ones(2)),  # type: ignore[arg-type]
        "is none of the weights",
    ),
    "event_is an array": (lambda: sized(event_is=np.ones(2)), "event_is"),
    "whole numbers of nothing": (lambda: in_whole_numbers(None), "None is no plan"),  # type: ignore[arg-type]
    "a block beyond all": (lambda: in_whole_numbers(sized(), block_size=10**400), "does not hold 1:1"),
    "nothing to save": (lambda: save_plan(3, "x.json"), "3 is no plan"),  # type: ignore[arg-type]
    "no path": (lambda: save_plan(sized(), 3.5), "3.5 cannot be written"),  # type: ignore[arg-type]
    "fractions of no times": (
        lambda: event_fractions(
            5,  # type: ignore[arg-type]
            control=median("9 months"),
            allocation=ONE,
            accrual=accrual("18 months"),
            hazard_ratio=0.7,
        ),
        "looks at no time",
    ),
    "earlier looks that are none": (
        lambda: sized(TWO).decide(2, 1.0, favours="E", information=90, earlier=3),
        "the information of no earlier looks",
    ),
    "final that is neither": (
        lambda: sized(TWO).decide(1, 1.0, favours="E", information=90, final="no"),
        "final = 'no' is neither True nor False",
    ),
    "favours an array": (lambda: sized(TWO).decide(1, 1.0, favours=np.ones(2), information=90), "does not say which"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    call, words = REFUSED[name]
    with pytest.raises(EquipoiseError) as caught:
        call()
    assert words in str(caught.value)


# ------------------------------------------------------------------------------------------------ found later
SPENT = group_sequential(
    alpha=0.025, sided=1, power=0.9, information_fractions=[1 / 3, 2 / 3, 1], efficacy=OF, futility=HwangShihDeCani(-2)
)


@pytest.mark.parametrize(
    "method", ["score", "exact score", "average hazard ratio", FlemingHarrington(0, 1), "lachin-foulkes"], ids=str
)
def test_decisions_use_the_futility_bounds_of_the_plan(method: Any) -> None:
    """Under an effect that grows, spending asks for other bounds than under the drift of the canonical form."""
    late = piecewise_hazard_ratio([1, 0.55], until=["4 months"])
    made = sized(SPENT, method=method, hazard_ratio=0.7 if method == "lachin-foulkes" else late, follow_up="18 months")
    information = made.look_information.tolist()
    for k in (0, 1):
        found = made.decide(k + 1, 0.0, favours="E", information=information[k], earlier=information[:k])
        assert found.futility_bound == pytest.approx(made.futility_bounds[k], abs=1e-7)
        assert found.efficacy_bound == pytest.approx(made.efficacy_bounds[k], abs=1e-9)
    for share in (0.2, 0.5, 1.1):
        early = made.decide(1, 0.0, favours="E", information=share * information[-1])
        assert early.futility_bound is not None
        assert early.futility_bound <= early.efficacy_bound


@pytest.mark.parametrize("method", ["lachin-foulkes", "bernstein-lagakos"])
@pytest.mark.parametrize("allocation", [ONE, {"E": 3, "C": 1}])
def test_power_next_to_one(method: Any, allocation: Any) -> None:
    powers = [
        plan(TWO, hazard_ratio=0.7, patients=n, follow_up="18 months", method=method, allocation=allocation).power
        for n in (50, 400, 900, 1600, 5000, 1e5)
    ]
    assert (np.diff(powers) > -1e-12).all()
    assert powers[-1] == pytest.approx(1, abs=1e-12)


def test_combo_of_many_statistics_is_refused() -> None:
    weights = (*COMBO.weights, FlemingHarrington(1, 0), FlemingHarrington(1, 1))
    with pytest.raises(EquipoiseError, match="the looks have 8 statistics in all"):
        sized(TWO, method=MaxCombo(weights))
    assert sized(TWO, method=MaxCombo(weights[:3], interim=weights[0])).power == pytest.approx(0.9)
