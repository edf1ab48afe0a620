"""Many cohorts that print the same numbers: which one to show, and how far they differ where nothing was printed."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from .. import analyze
from ..data import Patients
from ..errors import UnsupportedError
from ..protocol import Protocol, Scenario, quoted
from ..results import NOT_REACHED, Row, fixed, number, p_value
from ..simulate import Model, model, patients
from .cohort import Found, search
from .targets import Targets, targets

HEADING = "conditional on these models; not a confidence interval"
_SHOWN = ("hazard ratio", "hazard ratio lower limit", "hazard ratio upper limit", "median", "survival", "events",
          "test P", "subgroup hazard ratio", "interaction P", "restricted mean difference")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One search: a scenario by its name, its arrays and targets, and the number that addresses its random numbers."""

    scenario: str
    model: Model
    targets: Targets
    number: int


def tasks(trial: Protocol, tier: str, cohorts: int, strained: int) -> list[Task]:
    """``cohorts`` searches: the first ``strained`` under the stated model, the others over the further ones in turn."""
    stated = stated_scenario(trial)
    others = [name for name in trial.scenario if name != stated] or [stated]
    names = [stated if j < strained else others[(j - strained) % len(others)] for j in range(cohorts)]
    made = {name: task_of(trial, name, trial.scenario[name], tier, 0) for name in dict.fromkeys(names)}
    return [replace(made[name], number=j) for j, name in enumerate(names)]


def task_of(trial: Protocol, name: str, scenario: Scenario, tier: str, number: int) -> Task:
    """A search under a scenario of the protocol, or a variant of one."""
    aims = targets(trial, scenario, tier)  # type: ignore[arg-type]
    made = model(trial, scenario)
    if not made.steady:
        raise UnsupportedError(
            "a reconstruction needs constant hazard ratios, hazards of one shape for all levels of a factor, and "
            "patients who enter on random days at one pace",
            where=f"scenario.{quoted(name)}" if name else "scenario",
            remedy="Leave out changing_hazard_ratio, levels of hazards, accrual_pace and entry, or reconstruct by "
            "another scenario.",
        )
    return Task(scenario=name, model=made, targets=aims, number=number)


def stated_scenario(trial: Protocol) -> str:
    """The name of the first scenario that the protocol states as its model."""
    return next((name for name, s in trial.scenario.items() if s.role == "stated"), next(iter(trial.scenario)))


def search_all(
    trial: Protocol,
    todo: Sequence[Task],
    *,
    seed: int,
    progress: Callable[[float], None] = lambda _: None,
) -> list[Found]:
    """Every search, on threads (the kernels hold no lock); the results do not depend on how many there are."""
    shares = [0.0] * len(todo)

    def one(i: int) -> Found:
        def tell(share: float) -> None:
            shares[i] = share
            progress(sum(shares) / len(shares))

        task = todo[i]
        return search(trial, task.model, task.targets, seed=seed, number=task.number, progress=tell)

    own = ThreadPoolExecutor(max_workers=os.cpu_count() or 1)
    try:
        return list(own.map(one, range(len(todo))))
    finally:
        own.shutdown(cancel_futures=True)  # an interrupt waits for the searches that run, not for those to come


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """What the analyses compute, in every cohort: the first row names it, ``values`` (cohorts,) are in its unit."""

    row: Row
    values: tuple[float, ...]


def quantities(trial: Protocol, cohorts: Sequence[Patients]) -> tuple[Quantity, ...]:
    """The main results of every analysis of the protocol, in each cohort."""
    found: dict[tuple[object, ...], list[Row]] = {}
    for data in cohorts:
        for row in analyze.run(trial, data, in_full=False).rows:
            if row.statistic in _SHOWN and row.analysis in trial.analyses:
                found.setdefault((row.analysis, row.group, row.statistic, row.at), []).append(row)
    return tuple(
        Quantity(row=rows[0], values=tuple(_value(row) for row in rows))
        for rows in found.values()
        if len(rows) == len(cohorts)
    )


def _value(row: Row) -> float:
    """The number of a row: infinite for a time that is not reached, nan for what is not estimable."""
    if row.value is not None:
        return row.value
    return math.inf if row.text == NOT_REACHED else math.nan


def most_central(found: Sequence[Quantity], candidates: Sequence[int]) -> int:
    """The candidate cohort that lies nearest to the middle of all of them, each quantity in units of its spread."""
    table = np.array([q.values for q in found if np.isfinite(q.values).all()], dtype=float)
    spread = np.subtract(*np.quantile(table, (0.75, 0.25), axis=1)) if len(table) else np.zeros(0)
    table, spread = table[spread > 0], spread[spread > 0, None]
    if not len(table):
        return candidates[0]
    distance = np.abs((table - np.median(table, axis=1, keepdims=True)) / spread).mean(axis=0)
    return int(min(candidates, key=lambda i: distance[i]))


def spread_rows(found: Sequence[Quantity], origin: str) -> Iterator[Row]:
    """Smallest, middle and largest value of each quantity over the cohorts, as rows that share their place."""
    for quantity in found:
        values = sorted(v for v in quantity.values if not math.isnan(v))
        missing = len(quantity.values) - len(values)
        if not values:
            continue
        first = quantity.row
        middle = (values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2
        marks = {"smallest": values[0], "middle": middle, "largest": values[-1]}
        for name, value in marks.items():
            yield replace(
                first,
                analysis="spread",
                role="spread",
                statistic=f"{first.analysis}: {first.statistic}, {name}",
                method=f"{len(quantity.values)} cohorts, {HEADING}",
                origin=origin,
                **number(value, _text(first, value), f"not estimable in {missing} cohorts" if missing else ""),  # type: ignore[arg-type]
            )


def _text(row: Row, value: float) -> str:
    if row.statistic.endswith(" P"):
        return p_value(value)
    if row.statistic == "events":
        return fixed(value, 0 if value == int(value) else 1)
    return fixed(value, 1 if row.statistic in ("median", "restricted mean difference") else 2)


def as_patients(trial: Protocol, found: Found) -> Patients:
    """The cohort of a search as data sets, with how it was made."""
    drawn, aims = found.cohort, found.targets
    missed = int((found.gaps > 0).sum())
    reached = "until" if found.agrees else "towards"
    outcome = "are met" if found.agrees else f"of which {missed} are NOT met"
    notes = (
        f"every patient is synthetic: drawn from the model {drawn.model.scenario.label!r} and moved {reached} "
        f"{len(aims.searched)} printed numbers of tier {aims.tier} {outcome} "
        f"(seed {drawn.seed}, trial number {drawn.number}, {found.steps} steps)",
    )
    return patients(trial, drawn, origin="reconstructed", notes=notes)
