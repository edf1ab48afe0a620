"""Which formula sizes a trial rightly, and whether its test keeps its level: settled by simulated trials."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from ..design import Justification, Plan, justification
from ..design.from_protocol import section, whole
from ..design.methods import FORMULAS
from ..errors import DesignError, EquipoiseError, UnsupportedError
from ..kernels.trials import MET, Z
from ..protocol import Protocol
from .characteristics import Operating
from .comparison import ERRORS, PLANNED, SIMULATED, T_TYPE, Comparison, CriticalValues, Simulated
from .critical import claims, constant, error_of, t_bounds
from .looks import Looks, looks_of
from .many import CHUNK, Trials
from .nature import nature_of
from .operating import operating

Vector = NDArray[np.float64]


def compare(
    trial: Protocol,
    *,
    trials: int,
    seed: int,
    executor: Executor | None = None,
    progress: Callable[[float], None] = lambda _: None,
) -> Comparison:
    """Which formula's plan of the protocol's [design] reaches the power asked for with the fewest events, in simulated
    trials of the patients whom it assumes; and whether the design's own test keeps its one-sided alpha.

    Where the size is above alpha by more than two Monte Carlo errors, bounds that would keep it stand beside it:
    quantiles of t with events - 2 degrees of freedom at each look's nominal level, and the planned bounds times one
    constant by which these very trials have the size alpha. Plans that cannot be simulated stand beside the reason.

    Raises ``DesignError`` as ``justification`` does and for numbers that are none, and ``UnsupportedError`` where
    nothing can be simulated.

    >>> from equipoise.protocol import example
    >>> found = compare(example("tandem"), trials=2000, seed=1)
    >>> [one.events for one in found.formulas]
    [332, 334, 335, 335, 337, 340, 342, 342]
    """
    found = justification(trial)
    own = ThreadPoolExecutor(max_workers=os.cpu_count() or 1) if executor is None else None
    pool = executor or own
    assert pool is not None
    try:
        return _compared(trial, found, _Runs(trials, seed, pool, progress))
    finally:
        if own is not None:
            own.shutdown(wait=True, cancel_futures=True)


@dataclass(slots=True)
class _Runs:
    """Runs of the same many trials, one after the other, and how much of them is done."""

    trials: int
    seed: int
    executor: Executor
    progress: Callable[[float], None]
    runs: int = 1
    done: int = 0

    def told(self, share: float) -> None:
        self.progress(min((self.done + share) / self.runs, 1.0))

    def power(self, plan: Plan) -> Operating:
        """A plan under its effect."""
        got = operating(
            None, plan=plan, trials=self.trials, seed=self.seed, cox=False, executor=self.executor, progress=self.told
        )
        if got.interrupted:  # formulas over different numbers of trials would not be comparable
            raise KeyboardInterrupt
        self.done += 1
        return got

    def z(self, plan: Plan, looks: Looks, hazard_ratio: float | None) -> Vector:
        """Z at each look of each trial (n, k), as if none had stopped; nan where the look's events never came."""
        people = plan.population
        task = Trials(
            nature=nature_of(plan, hazard_ratio=hazard_ratio),
            looks=looks,
            experimental=people.experimental,
            control=people.control_arm,
            endpoint=1,
            seed=self.seed,
            by=("stratum",) if len(people.strata) > 1 else (),
            cox=False,
        )
        chunks = [(first, min(CHUNK, self.trials - first)) for first in range(0, self.trials, CHUNK)]
        waiting: list[Future[Vector]] = [self.executor.submit(_z, task, *chunk) for chunk in chunks]
        parts = []
        try:
            for one in waiting:
                parts.append(one.result())
                self.told(len(parts) / len(chunks))
        finally:
            for one in waiting:
                one.cancel()
        self.done += 1
        return np.concatenate(parts)


def _z(task: Trials, first: int, trials: int) -> Vector:
    """A chunk; runs wherever an executor puts it."""
    found = task.found(first, trials)
    return np.where(found[:, :, MET] == 1, found[:, :, Z], np.nan)


def _compared(trial: Protocol, found: Justification, runs: _Runs) -> Comparison:
    plans: dict[str, Plan | str] = {}
    for name, plan in found.side_by_side.plans.items():
        plans[name] = _in_whole_numbers(trial, plan)
    plans |= dict(found.side_by_side.refused)
    reason = _refusal(found.plan)
    can = [plan for plan in plans.values() if isinstance(plan, Plan)]
    if not can:
        raise UnsupportedError(
            f"nothing of this design can be simulated: {reason or next(iter(plans.values()))}",
            where="design",
            remedy="Draw patients of a scenario with simulate.trial and analyze them.",
        )
    own = {name: _drawn(plan) for name, plan in plans.items() if isinstance(plan, Plan)}
    runs.runs = len(set(own.values())) + (0 if reason else 2)
    done: dict[tuple[object, ...], Operating] = {}
    for name, drawn in own.items():  # formulas that agree on the trial need one run
        done[drawn] = done.get(drawn) or runs.power(plans[name])  # type: ignore[arg-type]
    formulas = [_by_formula(name, plan, done.get(own.get(name, ()))) for name, plan in plans.items()]
    formulas.sort(key=lambda one: (bool(one.reason), one.events, one.patients))
    open_ = {"power", "ratios"} & set(found.unrounded.solved)
    test = found.plan.test
    return Comparison(
        trials=runs.trials,
        seed=runs.seed,
        asked=None if open_ else section(trial).power,
        formulas=tuple(formulas),
        alpha=test.alpha / test.sided,
        binding=None if test.futility_bounds is None else test.binding,
        critical=() if reason else _critical(found.plan, runs),
        reason=reason,
        context=found.context,
    )


def _in_whole_numbers(trial: Protocol, plan: Plan) -> Plan | str:
    """What can be simulated, or why nothing can."""
    try:
        rounded = whole(trial, plan)
    except EquipoiseError as error:
        return error.what
    return _refusal(rounded) or rounded


def _refusal(plan: Plan) -> str:
    """Why a plan cannot be simulated; empty where it can."""
    try:
        looks_of(plan)
        nature_of(plan)
    except (DesignError, UnsupportedError) as error:
        return error.what
    return ""


def _drawn(plan: Plan) -> tuple[object, ...]:
    """All that simulated trials of a plan depend on."""
    looks, drawn = looks_of(plan), nature_of(plan)
    every = [getattr(one, field.name) for one in (looks, drawn) for field in fields(one)]
    return tuple(one.tobytes() if isinstance(one, np.ndarray) else one for one in every)


def _by_formula(name: str, plan: Plan | str, got: Operating | None) -> Simulated:
    label = FORMULAS[name]
    if isinstance(plan, str) or got is None:
        return Simulated(formula=label, plan=None, reason=str(plan))
    return Simulated(formula=label, plan=plan, power=got.power, error=got.power_error, unmet=float(got.unmet[-1]))


def _critical(plan: Plan, runs: _Runs) -> tuple[CriticalValues, ...]:
    """The planned bounds, and others where these do not keep alpha."""
    looks = looks_of(plan)
    events = np.array([float(cut.events or 0) for cut in looks.cuts])
    alpha = plan.test.alpha / plan.test.sided
    none, effect = runs.z(plan, looks, 1.0), runs.z(plan, looks, None)
    promised = looks if plan.test.binding else replace(looks, futility=None)

    def valued(label: str, z: Vector, c: float = math.nan, c_error: float = math.nan) -> CriticalValues:
        size, power = (claims(of, replace(at, efficacy=z)) for of, at in ((none, promised), (effect, looks)))
        return CriticalValues(
            label=label, z=np.array(z), size=size, size_error=error_of(size, runs.trials), power=power,
            power_error=error_of(power, runs.trials), constant=c, constant_error=c_error,
        )  # fmt: skip

    planned = valued(PLANNED, looks.efficacy)
    if not planned.size > alpha + ERRORS * planned.size_error or not (looks.efficacy > 0).all():
        return (planned,)
    c, error = constant(none, promised, alpha)
    return (
        planned,
        valued(T_TYPE, t_bounds(looks.efficacy, events)),
        valued(SIMULATED, c * looks.efficacy, c, error),
    )
