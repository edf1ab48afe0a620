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
METHODS = ("schoenfeld", "lachin-foulkes", "score", "average hazard ratio", FlemingHarrington(0, 1), COMBO)


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


