"""A scenario of the protocol as the arrays that the history kernel takes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..protocol import Hazard, Protocol, Scenario
from ..units import DAYS_PER_MONTH, days

_LAWS = ("progression", "death_before_progression", "death_after_progression", "dropout", "loss_to_follow_up")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Model:
    """A scenario for patients of ``arms``: laws (5, w), ratios (5, arms), timing (8,), crossing (4,) as
    ``kernels.histories`` describes them, and the number of uniforms a patient needs."""

    scenario: Scenario
    arms: tuple[str, ...]
    laws: NDArray[np.float64]
    ratios: NDArray[np.float64]
    timing: NDArray[np.float64]
    crossing: NDArray[np.float64]
    uniforms: int


def model(trial: Protocol, scenario: Scenario) -> Model:
    """The arrays of a scenario.

    >>> from equipoise.protocol import example
    >>> trial = example("tandem")
    >>> model(trial, trial.scenario["stated"]).arms
    ('T+A', 'A')
    """
    arms = tuple(trial.arms)
    hazards = [getattr(scenario, name) for name in _LAWS]
    pieces = max([len(h.pieces) for h in hazards if h is not None] + [1])
    laws = np.stack([_law(h, pieces) for h in hazards])
    ratios = np.array([[1.0 if h is None else h.hazard_ratio.get(arm, 1.0) for arm in arms] for h in hazards])
    timing, visits = _timing(trial, scenario)
    crossing = np.array([-1.0, 0.0, 1.0, 1.0])
    if scenario.crossover is not None:
        c = scenario.crossover
        crossing = np.array([arms.index(c.arm), c.probability, days(c.delay), c.death_hazard_ratio], dtype=float)
    return Model(
        scenario=scenario, arms=arms, laws=laws, ratios=ratios, timing=timing, crossing=crossing, uniforms=9 + visits
    )


def without_effect(
    scenario: Scenario, hazard_ratio: float = 1.0, *, of: Literal["progression", "survival"] = "progression"
) -> Scenario:
    """The scenario with another hazard ratio in every arm that has one: 1 is no treatment effect on progression, or, of
    "survival", neither on progression nor on death before or after it."""
    changed = {}
    for name in _LAWS[:1] if of == "progression" else _LAWS[:3]:
        law: Hazard | None = getattr(scenario, name)
        if law is not None:
            changed[name] = law.model_copy(update={"hazard_ratio": dict.fromkeys(law.hazard_ratio, hazard_ratio)})
    return scenario.model_copy(update=changed)


def _law(hazard: Hazard | None, pieces: int) -> NDArray[np.float64]:
    law = np.zeros(3 + 2 * pieces)
    if hazard is None:
        return law
    if hazard.median is not None:
        law[:3] = 1.0, hazard.shape, days(hazard.median) / math.log(2.0) ** (1.0 / hazard.shape)
        return law
    law[:2] = 2.0, len(hazard.pieces)
    for i, piece in enumerate(hazard.pieces):
        law[3 + i] = math.inf if piece.until is None else days(piece.until)
        law[3 + pieces + i] = piece.monthly_hazard / DAYS_PER_MONTH
    return law


def _whole(duration: str) -> float:
    """The nearest whole day."""
    return math.floor(days(duration) + 0.5)


def _timing(trial: Protocol, scenario: Scenario) -> tuple[NDArray[np.float64], int]:
    """Accrual, cut-off and visits in days; and how many visits fit into the time to the cut-off."""
    timing = np.zeros(8)
    timing[:2] = _whole(scenario.accrual), _whole(scenario.cutoff)
    seen = scenario.detection
    if seen is None:
        return timing, 0
    visit = trial.visits[seen.visit]
    assert visit.every is not None
    timing[2] = _whole(visit.every)
    if visit.later_from is not None and visit.later_every is not None:
        timing[3:5] = days(visit.later_from), _whole(visit.later_every)
    timing[5:] = days(seen.spread), seen.missed, seen.between_visits
    return timing, math.ceil(timing[1] / min(x for x in timing[[2, 4]] if x > 0)) + 1
