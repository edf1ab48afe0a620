"""Designs compared on the same simulated trials: what another set of looks changes, trial by trial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .. import results
from ..errors import DesignError
from ..kernels.trials import DAY, EVENTS
from ..protocol import Protocol, Scenario
from ..results import ROUNDING_NOTE, Row, fixed
from ..units import DAYS_PER_MONTH
from .characteristics import name_of_test
from .looks import Looks
from .many import CHUNK, Trials, check_executor, check_trials, in_order, stops
from .nature import Nature, nature, nature_of
from .operating import analyzed_by, of_plan, seed_of
from .protocol_analysis import protocol_analysis
from .trial import Subjects, analysis_of, scenario_of, subjects_of

if TYPE_CHECKING:
    import polars as pl

    from ..design import Plan

Vector = NDArray[np.float64]
_KINDS = ("power", "events", "day")  # what is known of the end of each trial, in this order


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Paired:
    """What the same ``trials`` simulated trials do under each of the ``designs`` (d, by name); arrays are (d,).

    ``power``: shares with a claim for the experimental arm; ``events`` and ``day``: means at which trials end, days
    from the first patient. Each ``_error`` is its Monte Carlo error. ``power_difference``, ``events_difference`` and
    ``day_difference`` are each design minus the first one, and theirs are the errors of the paired differences, from
    the differences of the single trials; zero for the first design itself.
    """

    label: str
    test: str
    designs: Mapping[str, Looks]
    trials: int
    seed: int
    subjects: int
    power: Vector
    power_error: Vector
    events: Vector
    events_error: Vector
    day: Vector
    day_error: Vector
    power_difference: Vector
    power_difference_error: Vector
    events_difference: Vector
    events_difference_error: Vector
    day_difference: Vector
    day_difference_error: Vector
    context: Row

    def __post_init__(self) -> None:
        results.read_only(self)

    def __str__(self) -> str:
        first, *others = self.designs
        against = "; ".join(self._against(d, name) for d, name in enumerate(others, start=1))
        return (
            f"In the same {self.trials:,} simulated trials of {self.subjects} patients ({self.label}, seed {self.seed})"
            f" the power of {first} is {fixed(self.power[0], 4)} (Monte Carlo error {fixed(self.power_error[0], 4)}), "
            f"with {fixed(self.events[0], 1)} events and {fixed(self.day[0] / DAYS_PER_MONTH, 1)} months on average; "
            f"{against}; the Monte Carlo errors of differences are those of the paired differences"
        )

    def _against(self, d: int, name: str) -> str:
        def off(kind: str, digits: int) -> tuple[str, str]:
            value = float(getattr(self, f"{kind}_difference")[d])
            error = float(getattr(self, f"{kind}_difference_error")[d])
            return _signed(value, digits), fixed(error, digits)

        power, events, day = off("power", 4), off("events", 1), off("day", 1)
        return (
            f"{name} differs from it by {power[0]} in power (Monte Carlo error {power[1]}), {events[0]} in events "
            f"({events[1]}) and {day[0]} in days ({day[1]})"
        )

    def rows(self) -> list[Row]:
        """Rows of the long table: each design, and its differences from the first."""
        first = next(iter(self.designs))
        method = (
            f"{self.trials:,} simulated trials, seed {self.seed}, the same for every design; {self.test}, times in "
            f"whole days; Monte Carlo errors of differences from the differences of single trials; {ROUNDING_NOTE}"
        )
        found = [replace(self.context, statistic="sentence", text=str(self), method=method)]

        def row(d: int, group: str, statistic: str, kind: str, digits: int, unit: str) -> None:
            value, error = float(getattr(self, kind)[d]), float(getattr(self, f"{kind}_error")[d])
            for name, one, more in ((statistic, value, 0), (f"{statistic} Monte Carlo error", error, int(digits == 1))):
                held: dict[str, Any] = results.number(one, fixed(one, digits + more))
                found.append(replace(self.context, statistic=name, group=group, unit=unit, method=method, **held))

        for d, name in enumerate(self.designs):
            row(d, name, "power", "power", 4, "")
            row(d, name, "expected events", "events", 1, "events")
            row(d, name, "expected day", "day", 1, "days")
            if d:
                row(d, f"{name} - {first}", "difference in power", "power_difference", 4, "")
                row(d, f"{name} - {first}", "difference in expected events", "events_difference", 1, "events")
                row(d, f"{name} - {first}", "difference in expected day", "day_difference", 1, "days")
        return found

    def table(self) -> pl.DataFrame:
        """The long table of all of it."""
        return results.long_table(self.rows())


def _signed(value: float, digits: int) -> str:
    text = fixed(value, digits)
    return text if value <= 0 else f"+{text}"


def compare_designs(
    protocol: Protocol | None,
    designs: Mapping[str, Looks],
    *,
    scenario: str | Scenario | None = None,
    plan: Plan | None = None,
    trials: int,
    seed: int,
    estimand: str | None = None,
    subjects: Subjects | None = None,
    executor: Executor | None = None,
) -> Paired:
    """Power, events and days at which trials end under each of some sets of looks, and how they differ from the first:
    in the same simulated trials of the same patients, so that chance is mostly taken out of the differences.

    ``executor``: see ``run_trials``. Patients and the test are those of ``operating`` with ``scenario``, ``estimand``
    and ``subjects``: what a design says by itself is what ``operating`` says of its looks with the same seed and number
    of trials. Or they are those that a ``plan`` assumes, and the protocol is not looked at.

    Raises ``DesignError`` for fewer than two designs, for what is no ``Looks``, where tests of one and of two sides are
    mixed, and for a scenario beside a plan; what ``operating`` raises for the others.

    >>> from equipoise.protocol import example
    >>> from equipoise.simulate import Cut
    >>> once = Looks(cuts=(Cut(events=190),), efficacy=[1.96], sided=2)
    >>> twice = Looks(cuts=(Cut(events=95), Cut(events=190)), efficacy=[2.797, 1.977], sided=2)
    >>> found = compare_designs(example("tandem"), {"one look": once, "two looks": twice}, scenario="stated",
    ...                         trials=500, seed=1)
    >>> bool(found.power_difference_error[1] < found.power_error[1] / 2)
    True
    """
    named = _checked(designs)
    check_trials(trials)
    drawn, how, label, context = _patients(protocol, scenario, plan, estimand, subjects)
    tasks = [Trials(nature=drawn, looks=looks, seed=seed_of(seed), cox=False, **how) for looks in named.values()]
    check_executor(executor, tasks[0])
    total = np.zeros((4, len(_KINDS), len(tasks)))
    for sums in in_order(
        executor, _sums, [(tasks, first, min(CHUNK, trials - first)) for first in range(0, trials, CHUNK)]
    ):
        total += sums
    numbers: dict[str, Vector] = {}
    for k, kind in enumerate(_KINDS):
        for i, name in enumerate((kind, f"{kind}_difference")):
            mean = total[2 * i, k] / trials
            numbers[name] = mean
            numbers[f"{name}_error"] = np.sqrt(np.maximum(total[2 * i + 1, k] / trials - mean**2, 0.0) / trials)
    return Paired(
        label=label, test=name_of_test(tasks[0]), designs=named, trials=int(trials), seed=int(seed),
        subjects=drawn.patients, context=context, **numbers,
    )  # fmt: skip


def _sums(tasks: Sequence[Trials], first: int, trials: int) -> Vector:
    """What a chunk of trials adds, (4, kinds, designs): ends and their squares, then differences from the first design
    and theirs; runs wherever an executor puts it."""
    ends = np.stack([_ends(task, task.tested(first, trials)[0]) for task in tasks], axis=-1)
    parts = [power for one in (ends, ends - ends[:, :, :1]) for power in (one, one * one)]
    return np.stack([part.sum(axis=0) for part in parts])


def _patients(
    protocol: Protocol | None, scenario: str | Scenario | None, plan: Plan | None, estimand: str | None,
    subjects: Subjects | None,
) -> tuple[Nature, dict[str, Any], str, Row]:  # fmt: skip
    """What draws the patients, how they are tested, in words, and what rows say of it."""
    empty = Row(statistic="", analysis="designs", role="simulation", origin="simulated")
    if plan is not None:
        if scenario is not None or subjects is not None or estimand is not None:
            raise DesignError(
                "the plan says who the patients are", where="plan", remedy="Leave scenario, subjects and estimand out."
            )
        return nature_of(plan), of_plan(plan), "as the plan assumes", empty
    if protocol is None or scenario is None:
        raise DesignError(
            "nothing says who the patients are", where="scenario", remedy="Name a scenario, or give a plan."
        )
    chosen = scenario_of(protocol, scenario)
    analysis = analysis_of(protocol, estimand)
    about = protocol.estimands[analysis.estimand]
    context = replace(empty, estimand=analysis.estimand, population=about.population, endpoint=about.variable)
    how = {**analyzed_by(protocol, chosen, analysis), "analysis": protocol_analysis(protocol, chosen, analysis)}
    return nature(protocol, chosen, subjects_of(protocol, chosen, subjects)), how, chosen.label, context


def _ends(task: Trials, found: Vector) -> Vector:
    """Of each trial whether it ends with a claim, its events and its day, (trials, 3)."""
    ended = stops(task, found)
    last = found[np.arange(len(found)), ended.at]
    return np.stack([ended.claimed.astype(float), last[:, EVENTS : EVENTS + 2].sum(axis=1), last[:, DAY]], axis=1)


def _checked(designs: object) -> Mapping[str, Looks]:
    remedy = 'Such as {"one look": looks_of(plan), "two looks": Looks(cuts=..., efficacy=..., sided=1)}.'
    if not isinstance(designs, Mapping):
        raise DesignError(f"{designs!r} names no designs", where="designs", remedy=remedy)
    for name, looks in designs.items():
        if not isinstance(name, str) or not name.strip() or not isinstance(looks, Looks):
            raise DesignError(f"the design {name!r} has no looks: {looks!r}", where="designs", remedy=remedy)
    if len(designs) < 2:
        raise DesignError("designs are compared with each other, two or more", where="designs", remedy=remedy)
    if len({looks.sided for looks in designs.values()}) > 1:
        raise DesignError(
            "one-sided and two-sided tests are not compared: designs differ in their looks and bounds only",
            where="designs",
            remedy="Give all of them the same sided, and a bound for alpha / 2 where that is one-sided.",
        )
    return MappingProxyType(dict(designs))
