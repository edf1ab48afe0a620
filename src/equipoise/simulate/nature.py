"""How nature behaves in many trials: a scenario of the protocol, or what a plan assumes, as arrays of a kernel."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ..design import Plan
from ..design.course import longest
from ..design.hazards import Hazard, HazardRatio
from ..errors import UnsupportedError
from ..protocol import Protocol, Randomization, Scenario
from ..randomize.totals import wanted_totals
from ..results import read_only
from .cohort import measured_shares, randomization_of
from .model import law_of, model

Vector = NDArray[np.float64]
Codes = NDArray[np.int64]
_LONGER = 5.0  # a trial of a plan goes on for so many times the planned duration, if its events are long in coming


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Nature:
    """Patients of a two-arm or larger trial, as ``kernels.simulate_trials`` draws them.

    ``arms`` in the order of ``ratio`` (a,); ``factors`` with the names of their ``levels``, ``shares`` (f, l)
    cumulative, ``effects`` (a, 2, f, l) on progression and death, ``places`` (f,) 1 where the randomization is
    stratified; ``sizes`` of blocks (none: simple randomization),
    ``totals`` (a,) of the arms (none: as they come). ``laws`` (s, a, 5, w) by true level of
    factor ``laws_by`` (s is 1 where one is for all), ``ratios`` (5, a), ``timings``
    (a, 9) and ``crossing`` (4,); ``cured`` (5, a) shares; ``crosses`` (l,) by true level of factor ``crosses_by`` (-1:
    none); ``measured`` (f, l, l) cumulative shares for which true levels are taken (-1: as they are); ``each``: longest
    follow-up of a patient in days; ``accrual`` (2, p + 1) and ``evenly``.
    """

    label: str
    patients: int
    arms: tuple[str, ...]
    ratio: Codes
    sizes: Codes
    totals: Codes
    factors: tuple[str, ...]
    levels: tuple[tuple[str, ...], ...]
    shares: Vector
    effects: Vector
    places: Codes
    accrual: Vector
    evenly: bool
    laws: Vector
    laws_by: int
    ratios: Vector
    timings: Vector
    crossing: Vector
    each: float
    cured: Vector
    crosses: Vector
    crosses_by: int
    measured: Vector

    def __post_init__(self) -> None:
        read_only(self)


def nature(trial: Protocol, scenario: Scenario, patients: int | Mapping[str, int]) -> Nature:
    """The patients of a scenario, allocated by the protocol's own procedure.

    >>> from equipoise.protocol import example
    >>> trial = example("tandem")
    >>> nature(trial, trial.scenario["stated"], 207).arms
    ('T+A', 'A')
    """
    made = model(trial, scenario)
    chosen = randomization_of(trial, scenario.factors)
    arms = tuple(chosen.allocation)
    order = [made.arms.index(arm) for arm in arms]
    factors = scenario.factors
    most = max((len(one.levels) for one in factors.values()), default=1)
    shares, effects = np.full((len(factors), most), 2.0), np.ones((len(arms), 2, len(factors), most))
    for f, one in enumerate(factors.values()):
        shares[f, : len(one.levels) - 1] = np.cumsum(list(one.levels.values()))[:-1]
        for a, arm in enumerate(arms):
            effects[a, :, f, : len(one.levels)] = one.ratios(arm)
    measured = np.full((len(factors), most, most), -1.0)
    for f, one in enumerate(factors.values()):
        if one.measured:
            own = measured_shares(one)
            measured[f] = 2.0
            measured[f, : len(own), : len(own) - 1] = own[:, :-1]
    crossing = made.crossing.copy()
    if crossing[0] >= 0:
        crossing[0] = arms.index(made.arms[int(crossing[0])]) if made.arms[int(crossing[0])] in arms else -1
    return Nature(
        label=scenario.label,
        patients=sum(patients.values()) if isinstance(patients, Mapping) else patients,
        arms=arms,
        ratio=np.array(list(chosen.allocation.values()), dtype=np.int64),
        sizes=np.array(chosen.block_sizes, dtype=np.int64),
        totals=_totals(chosen, patients),
        factors=tuple(factors),
        levels=tuple(tuple(one.levels) for one in factors.values()),
        shares=shares,
        effects=effects,
        places=np.array([name in chosen.strata for name in factors], dtype=np.int64),
        accrual=made.accrual,
        evenly=made.evenly,
        laws=made.laws_by_arm[:, order],
        laws_by=0 if made.laws_by is None else list(factors).index(made.laws_by),
        ratios=made.ratios[:, order],
        timings=made.timings[order],
        crossing=crossing,
        each=math.inf,
        cured=made.cured[:, order],
        crosses=made.crosses,
        crosses_by=-1 if not len(made.crosses) else list(factors).index(str(scenario.crossover.by)),  # type: ignore[union-attr]
        measured=measured,
    )


def _totals(chosen: Randomization, patients: int | Mapping[str, int]) -> Codes:
    """The totals of the arms, where they are given.

    Raises ``UnsupportedError`` for permuted blocks: those with given totals are drawn until they match.
    """
    if not isinstance(patients, Mapping):
        return np.empty(0, dtype=np.int64)
    if chosen.procedure != "simple":
        raise UnsupportedError(
            "many trials whose arms have given numbers of patients are simulated for simple randomization alone",
            where="subjects",
            remedy="Give the number in all, of which blocks keep the ratio.",
        )
    return wanted_totals(chosen, np.array([sum(patients.values())]), patients)


def nature_of(plan: Plan, *, hazard_ratio: float | None = None) -> Nature:
    """The patients whom a plan assumes, with its hazard ratios or a constant one; allocated in the smallest blocks.

    The plan's event ends both progression-free and overall survival. Times are whole days. All patients of the plan are
    drawn over all of its accrual, wherever its last look is expected. A trial ends when its events have stopped coming,
    or after five times its planned duration or its accrual, whichever is longer.

    Raises ``UnsupportedError`` for a Weibull hazard whose hazard ratio changes.
    """
    people = plan.population
    strata = tuple(people.strata)
    changed = plan.hazard_ratio
    if hazard_ratio is not None:
        changed = dict.fromkeys(changed, HazardRatio((0.0,), (hazard_ratio,)))
    course = people.course(changed, plan.accrual)
    pairs = [(one.control.times(one.hazard_ratio), one.control) for one in course.strata]
    every = [hazard for pair in pairs for hazard in pair] + list(course.dropout)
    width = 3 + 2 * max(len(one.starts) for one in every)
    laws = np.zeros((len(strata), 2, 5, width))
    for s, pair in enumerate(pairs):
        for a, hazard in enumerate(pair):
            laws[s, a, 1] = _law(hazard, width)
            laws[s, a, 4] = _law(course.dropout[1 - a], width)
    experimental, control = (Fraction(x).limit_denominator(100) for x in people.allocation)
    whole = Fraction(experimental, control)
    timing = np.zeros(9)
    ends = np.cumsum([0.0, *plan.accrual.lengths])
    timing[0] = max(1.0, math.floor(ends[-1] + 0.5))
    timing[1] = math.ceil(min(longest(course), _LONGER * max(plan.duration, plan.accrual.duration))) + 1
    shares = np.full((1, len(strata)), 2.0)
    shares[0, :-1] = np.cumsum(list(people.strata.values()))[:-1]
    return Nature(
        label="what the plan assumes" if hazard_ratio is None else f"the plan with a hazard ratio of {hazard_ratio:g}",
        patients=math.floor(plan.patients + 0.5),
        arms=(people.experimental, people.control_arm),
        ratio=np.array([whole.numerator, whole.denominator], dtype=np.int64),
        sizes=np.array([whole.numerator + whole.denominator], dtype=np.int64),
        totals=np.empty(0, dtype=np.int64),
        factors=("stratum",),
        levels=(strata,),
        shares=shares,
        effects=np.ones((2, 2, 1, len(strata))),
        places=np.ones(1, dtype=np.int64),
        accrual=np.stack([ends, plan.accrual.entered(ends)]),
        evenly=False,
        laws=laws,
        laws_by=0,
        ratios=np.ones((5, 2)),
        timings=np.stack([timing, timing]),
        crossing=np.array([-1.0, 0.0, 1.0, 1.0]),
        each=people.follow_up_each,
        cured=np.zeros((5, 2)),
        crosses=np.empty(0),
        crosses_by=-1,
        measured=np.full((1, len(strata), len(strata)), -1.0),
    )


def _law(hazard: Hazard, width: int) -> Vector:
    """A hazard as the kernel takes it."""
    if hazard.shape == 1:
        if not any(hazard.rates):
            return np.zeros(width)
        return law_of(np.array([*hazard.starts[1:], math.inf]), np.array(hazard.rates), width)
    if len(hazard.starts) > 1:
        raise UnsupportedError(
            "a Weibull hazard times a hazard ratio that changes cannot be simulated",
            where="control",
            remedy="Give the control hazard in pieces.",
        )
    law = np.zeros(width)
    law[:3] = 1.0, hazard.shape, hazard.rates[0] ** (-1 / hazard.shape)
    return law
