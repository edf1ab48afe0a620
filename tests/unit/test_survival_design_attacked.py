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


