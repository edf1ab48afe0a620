"""A scenario of the protocol as the arrays that the history kernel takes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import UnsupportedError
from ..protocol import Hazard, Protocol, Scenario
from ..units import DAYS_PER_MONTH, days

Vector = NDArray[np.float64]
_LAWS = ("progression", "death_before_progression", "death_after_progression", "dropout", "loss_to_follow_up")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Model:
    """A scenario for patients of ``arms``: laws (5, w), ratios (5, arms), timing (9,), crossing (4,) as
    ``kernels.histories`` describes them, and the number of uniforms a patient needs.

    ``timings`` (arms, 9) are those of each arm, which differ where arms are seen at visits of their own.
    ``laws_by_arm`` (levels, arms, 5, w) are the laws of each arm where hazard ratios change with time or levels of a
    factor have hazards of their own (those of the others stay in ``ratios``), by true level of ``laws_by``, or of one
    level where that is None; ``accrual`` (2, p + 1) are days from zero on and the share of the patients who have
    entered by then, and ``evenly`` says whether they enter one after the other. ``cured`` (5, arms) are the shares that
    never have an event of a law; ``crosses`` (l,) the probabilities of crossing over by level of its factor, (0,) where
    that is one for all."""

    scenario: Scenario
    arms: tuple[str, ...]
    laws: NDArray[np.float64]
    ratios: NDArray[np.float64]
    timing: NDArray[np.float64]
    timings: NDArray[np.float64]
    crossing: NDArray[np.float64]
    uniforms: int
    laws_by_arm: NDArray[np.float64]
    laws_by: str | None
    accrual: NDArray[np.float64]
    evenly: bool
    cured: NDArray[np.float64]
    crosses: NDArray[np.float64]

    @property
    def steady(self) -> bool:
        """Whether hazards have one shape, hazard ratios and the probability of crossing are constant, nobody is cured,
        and patients enter on random days at one pace."""
        changing = any(one.changing_hazard_ratio or one.by for one in self.scenario.hazards.values())
        changing |= bool((self.timings != self.timing).any())
        changing |= bool(self.cured.any()) or len(self.crosses) > 0
        return not changing and self.accrual.shape[1] == 2 and not self.evenly


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
    ratios = np.array(
        [[1.0 if h is None or h.by else h.hazard_ratio.get(arm, 1.0) for arm in arms] for h in hazards]
    )  # those of a hazard by levels stand in its laws
    seen = scenario.detection
    timing, visits = _timing(trial, scenario, None if seen is None else seen.visit)
    own = [_timing(trial, scenario, seen.by_arm.get(a, seen.visit), a) if seen else (timing, visits) for a in arms]
    visits = max(most for _, most in own)
    crossing = np.array([-1.0, 0.0, 1.0, 1.0])
    if scenario.crossover is not None:
        c = scenario.crossover
        probability = 1.0 if c.by else c.probability  # uniforms are then turned for each level
        crossing = np.array([arms.index(c.arm), probability, days(c.delay), c.death_hazard_ratio], dtype=float)
    return Model(
        scenario=scenario,
        arms=arms,
        laws=laws,
        ratios=ratios,
        timing=timing,
        timings=np.stack([one for one, _ in own]),
        crossing=crossing,
        uniforms=9 + visits,
        laws_by_arm=_by_level(hazards, scenario, arms, laws),
        laws_by=scenario.hazards_by,
        accrual=_accrual(scenario, timing[0]),
        evenly=scenario.entry == "even",
        cured=np.array([[0.0 if h is None else h.cured.get(arm, 0.0) for arm in arms] for h in hazards]),
        crosses=_crosses(scenario),
    )


def without_effect(
    scenario: Scenario, hazard_ratio: float = 1.0, *, of: Literal["progression", "survival"] = "progression"
) -> Scenario:
    """The scenario with another hazard ratio in every arm that has one: 1 is no treatment effect on progression, or, of
    "survival", neither on progression nor on death before or after it. Nor does a factor then predict such an effect.

    Raises ``UnsupportedError`` where arms differ in the shares that are cured (an arm that is not named has none),
    where there is no progression whose effect could be taken away, and for a ratio other than 1 where the hazards have
    ratios of different arms.
    """
    changed: dict[str, Any] = {}
    laws = {name: getattr(scenario, name) for name in (_LAWS[:1] if of == "progression" else _LAWS[:3])}
    if of == "progression" and scenario.progression is None:
        raise UnsupportedError(
            "the scenario has no progression, and so no effect on it",
            where="scenario.NAME.progression",
            remedy='Say of="survival".',
        )
    arms = {frozenset(law.arms_with_ratio) for law in laws.values() if law is not None and law.arms_with_ratio}
    if hazard_ratio != 1 and len(arms) > 1:
        raise UnsupportedError(
            f"the hazards have ratios of different arms, of which {hazard_ratio:g} would be several effects",
            where="scenario.NAME",
            remedy='Say of="progression", or make a scenario based_on this one.',
        )
    for name, law in laws.items():
        if law is not None:
            if not law.cured_alike():
                raise UnsupportedError(
                    "arms differ in the shares that are cured, an effect which no hazard ratio takes away",
                    where=f"scenario.NAME.{name}.cured",
                    remedy="Make a scenario based_on this one in which they are the same.",
                )
            changed[name] = law.with_ratios({"hazard_ratio": dict.fromkeys(law.arms_with_ratio, hazard_ratio)})
    gone: dict[str, Any] = (
        {"progression_by_arm": {}} if of == "progression" else {"progression_by_arm": {}, "death_by_arm": {}}
    )
    if any(one.progression_by_arm or one.death_by_arm for one in scenario.factors.values()):
        factors = {name: one.model_copy(update=gone) for name, one in scenario.factors.items()}
        changed["factors"] = MappingProxyType(factors)
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


def stopping(model: Model) -> tuple[Vector, Vector, Vector]:
    """Of discontinuation: the law of each arm (arms, w), its hazard ratio and the share that never stops (arms,)."""
    hazard = model.scenario.discontinuation
    assert hazard is not None
    laws = _law(hazard, max(1, len(hazard.pieces)))[None]
    ratios = np.array([hazard.hazard_ratio.get(arm, 1.0) for arm in model.arms])
    never = np.array([hazard.cured.get(arm, 0.0) for arm in model.arms])
    return _by_level([hazard], model.scenario, model.arms, laws)[0, :, 0], ratios, never


def _crosses(scenario: Scenario) -> NDArray[np.float64]:
    """Probabilities of crossing over by level of the factor that they depend on."""
    crossover = scenario.crossover
    if crossover is None or crossover.by is None:
        return np.empty(0)
    levels = scenario.factors[crossover.by].levels
    return np.array([crossover.shares.get(level, crossover.probability) for level in levels])


def _by_level(
    hazards: Sequence[Hazard | None], scenario: Scenario, arms: tuple[str, ...], laws: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The laws (levels, arms, hazards, w) of each level and arm, with hazard ratios multiplied in where they change
    with time or where the hazard is by levels."""
    by = scenario.hazards_by
    levels = list(scenario.factors[by].levels) if by is not None else [""]
    found = [[[_own_law(h, level, arm) for h in hazards] for arm in arms] for level in levels]
    most = max([(len(one) - 3) // 2 for level in found for row in level for one in row if one is not None], default=0)
    width = max(laws.shape[1], 3 + 2 * most)
    wide = np.zeros((len(levels), len(arms), len(hazards), width))
    for at in np.ndindex(wide.shape[:3]):
        one = found[at[0]][at[1]][at[2]]
        wide[at] = _wider(laws[at[2]] if one is None else one, width)
    return wide


def _own_law(hazard: Hazard | None, level: str, arm: str) -> Vector | None:
    """The law of a level and an arm, its hazard ratio included; None where it is that of all, times a constant."""
    if hazard is None or (hazard.by is None and arm not in hazard.changing_hazard_ratio):
        return None
    own = hazard.of_level(level) if hazard.by is not None else hazard
    if arm in own.changing_hazard_ratio:
        ends, rates = _changed(own, arm)
        return law_of(ends, rates, 3 + 2 * len(ends))
    return law_times(_law(own, max(1, len(own.pieces))), own.hazard_ratio.get(arm, 1.0))


def law_times(law: Vector, ratio: float) -> Vector:
    """The law whose hazard is ``ratio`` times as high, as the kernel takes it."""
    law = law.copy()
    if law[0] == 1.0:
        law[2] *= ratio ** (-1.0 / law[1])
    elif law[0] == 2.0:
        law[3 + (len(law) - 3) // 2 :] *= ratio
    return law


def law_of(ends: Vector, rates: Vector, width: int) -> Vector:
    """The law of a hazard that is constant until each end (the last infinite), as the kernel takes it."""
    law = np.zeros(width)
    law[:2] = 2.0, len(ends)
    law[3 : 3 + len(ends)] = ends
    at = 3 + (width - 3) // 2
    law[at : at + len(ends)] = rates
    return law


def _wider(law: Vector, width: int) -> Vector:
    """A law with room for more pieces."""
    if law[0] == 2.0:
        pieces, at = int(law[1]), 3 + (len(law) - 3) // 2
        return law_of(law[3 : 3 + pieces], law[at : at + pieces], width)
    return np.concatenate([law, np.zeros(width - len(law))])


def _changed(hazard: Hazard, arm: str) -> tuple[Vector, Vector]:
    """Ends and rates a day of a hazard times a ratio that changes."""
    own = [(piece.until, piece.monthly_hazard / DAYS_PER_MONTH) for piece in hazard.pieces]
    if hazard.median is not None:
        own = [(None, math.log(2.0) / days(hazard.median))]
    ratios = [(piece.until, piece.hazard_ratio) for piece in hazard.changing_hazard_ratio[arm]]
    ends = [np.array([math.inf if until is None else days(until) for until, _ in one]) for one in (own, ratios)]
    both = np.unique(np.concatenate(ends))
    rates = [
        np.array([value for _, value in one])[np.searchsorted(end, both)]
        for one, end in zip((own, ratios), ends, strict=True)
    ]
    return both, rates[0] * rates[1]


def _accrual(scenario: Scenario, duration: float) -> Vector:
    """Days from zero on, and the share of the patients who have entered by then."""
    if scenario.sites:
        opens, closes, pace = open_sites(scenario)
        inside = {float(x) for x in (*opens, *closes) if 0 < x < duration}
        ends = np.array([0.0, *sorted(inside), duration])
        middle = (ends[1:] + ends[:-1]) / 2
        paces = ((opens <= middle[:, None]) & (middle[:, None] < closes)) @ pace
    else:
        pieces = scenario.accrual_pace
        ends = np.array([0.0, *(days(one.until) for one in pieces if one.until is not None), duration])
        paces = np.array([one.pace for one in pieces] or [1.0])
    entered = np.cumsum([0.0, *(np.diff(ends) * paces)])
    return np.stack([ends, entered / entered[-1]])


def open_sites(scenario: Scenario) -> tuple[Vector, Vector, Vector]:
    """Day on which each site opens, day on which it closes (infinite: never), and its pace."""
    sites = list(scenario.sites.values())
    opens = np.array([days(one.opens) for one in sites])
    closes = np.array([math.inf if one.closes is None else days(one.closes) for one in sites])
    return opens, closes, np.array([one.pace for one in sites])


def _whole(duration: str) -> float:
    """The nearest whole day."""
    return math.floor(days(duration) + 0.5)


def _timing(trial: Protocol, scenario: Scenario, name: str | None, arm: str = "") -> tuple[NDArray[np.float64], int]:
    """Accrual, cut-off and visits (of an arm) in days; and how many visits fit into the time to the cut-off."""
    timing = np.zeros(9)
    timing[:2] = _whole(scenario.accrual), _whole(scenario.cutoff)
    seen = scenario.detection
    if seen is None or name is None:
        return timing, 0
    visit = trial.visits[name]
    assert visit.every is not None
    timing[2] = _whole(visit.every)
    if visit.later_from is not None and visit.later_every is not None:
        timing[3:5] = days(visit.later_from), _whole(visit.later_every)
    timing[5:] = days(seen.spread), seen.missed, seen.between_visits, _whole(seen.lag.get(arm, "0 days"))
    return timing, math.ceil(timing[1] / min(x for x in timing[[2, 4]] if x > 0)) + 1
