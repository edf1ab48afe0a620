"""The search: patients drawn from the model are moved, one at a time, until every printed number is met."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..kernels import anneal, histories, measure
from ..protocol import Protocol
from ..randomize import Purpose, generator
from ..simulate import Baseline, Cohort, Model, cohort, draw_baseline, draw_uniforms
from .refusals import population_columns
from .targets import AnalysisSet, Targets

STEPS = 150_000
_LONGER = 4  # times as many steps at every further attempt: what is nearly met needs slower cooling
_RETRY = 24  # a retry's streams are those of trial number + retry * 2**24
_HOT, _COLD = 0.4, 0.002
_CHUNK = 10_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """The cohort of one seed: ``gaps`` (targets,) are distances from the windows, all 0 where it ``agrees``;
    ``values`` (targets,) the searched numbers as ``kernels.measure`` gives them."""

    cohort: Cohort
    targets: Targets
    gaps: NDArray[np.float64]
    values: NDArray[np.float64]
    steps: int
    attempts: int

    @property
    def agrees(self) -> bool:
        """Whether every searched target is met."""
        return not self.gaps.any()

    @property
    def distance(self) -> float:
        """The sum of the distances, in units of about a standard error."""
        return float(self.gaps.sum())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _State:
    """What the kernels keep between steps."""

    time: NDArray[np.int64]
    event: NDArray[np.int64]
    order: NDArray[np.int64]
    size: NDArray[np.int64]
    work: NDArray[np.float64]
    beta: NDArray[np.float64]
    gaps: NDArray[np.float64]
    values: NDArray[np.float64]
    energies: NDArray[np.float64]


def _state(n: int, sets: int, targets: int) -> _State:
    return _State(
        time=np.zeros((3, n), dtype=np.int64),
        event=np.zeros((3, n), dtype=np.int64),
        order=np.zeros((sets, n), dtype=np.int64),
        size=np.zeros(sets, dtype=np.int64),
        work=np.zeros((9, n)),
        beta=np.zeros(sets),
        gaps=np.zeros(targets),
        values=np.zeros(targets),
        energies=np.zeros(sets + 1),
    )


def search(
    trial: Protocol,
    model: Model,
    targets: Targets,
    *,
    seed: int,
    number: int = 0,
    attempts: int = 3,
    steps: int = STEPS,
    progress: Callable[[float], None] = lambda _: None,
) -> Found:
    """A cohort of the model that meets every target, or the closest one of all attempts.

    Patients are a function of their random numbers. One patient's are moved at a time (Metropolis et al. 1953) by moves
    that leave their law as it is, and a move is accepted by how far the cohort is from the rounding windows, ever more
    strictly (Kirkpatrick et al. 1983). So a cohort is approximately a draw from the model given the printed numbers.
    ``seed`` and ``number`` address the random numbers; ``progress`` is told the share of the work that is done.
    """
    best: Found | None = None
    for retry in range(attempts):
        found = _attempt(
            trial, model, targets, seed, number + (retry << _RETRY), steps * (_LONGER if retry else 1),
            lambda share, done=retry: progress((done + share) / attempts),  # type: ignore[misc]
        )  # fmt: skip
        if best is None or found.distance < best.distance:
            best = found
        if found.agrees:
            break
    assert best is not None
    progress(1.0)
    return best


def _attempt(
    trial: Protocol, model: Model, targets: Targets, seed: int, number: int, steps: int,
    progress: Callable[[float], None],
) -> Found:  # fmt: skip
    who = draw_baseline(trial, model.scenario, targets.subjects, seed=seed, number=number, levels=targets.levels)
    u = draw_uniforms(model, len(who), seed=seed, number=number)
    frozen = (who.arm, who.on_progression, who.on_death, model.laws, model.ratios, model.timing, model.crossing)
    history, _ = histories(u, *frozen)
    sides = _sides(trial, model, who, targets.sets)
    places = np.array([s.place for s in targets.sets], dtype=np.int64)
    rows, windows = targets.rows, targets.windows
    state = _state(len(who), len(targets.sets), len(rows))
    aims = (sides, places, rows, windows, state.time, state.event, state.order, state.size)
    energy = measure(history, *aims, state.work, state.beta, state.gaps, state.values, state.energies)
    least = np.array([energy, energy])
    best = u.copy()
    key = generator(seed, trial=number, purpose=Purpose.SEARCH).bit_generator.state["state"]["key"]
    done = 0
    while done < steps and least[0] > 0:
        upto = min(done + _CHUNK, steps)
        reached = anneal(
            u, history, best, least, *frozen, *aims, state.beta, state.gaps, state.values, state.energies, key, done,
            upto, _HOT, math.log(_HOT / _COLD) / steps,
        )  # fmt: skip
        done = int(reached)
        progress(done / steps)
        if reached < upto:
            break
    return _settled(trial, model, targets, who, best, aims, state, seed, number, done)


def _settled(
    trial: Protocol, model: Model, targets: Targets, who: Baseline, best: NDArray[np.float64], aims: Any,
    state: _State, seed: int, number: int, steps: int,
) -> Found:  # fmt: skip
    """The best uniforms as a cohort, with its distances measured afresh."""
    drawn = cohort(
        trial, model, who, best, seed=seed, number=number, event_counts=targets.event_counts,
        more_frequent=targets.more_frequent, responders=targets.responders,
    )  # fmt: skip
    measure(drawn.history, *aims, state.work, state.beta, state.gaps, state.values, state.energies)  # type: ignore[call-arg]
    return Found(
        cohort=drawn,
        targets=targets,
        gaps=state.gaps.copy(),
        values=state.values.copy(),
        steps=steps,
        attempts=(number >> _RETRY) + 1,
    )


def _sides(trial: Protocol, model: Model, who: Baseline, sets: tuple[AnalysisSet, ...]) -> NDArray[np.int16]:
    """For each set who is in which arm: 1 experimental, 0 control, plus twice the stratum; -1 not in it."""
    sides = np.full((len(sets), len(who)), -1, dtype=np.int16)
    for row, here in zip(sides, sets, strict=True):
        inside = members(trial, model, who, here.population)
        stratum = np.zeros(len(who), dtype=np.int64)
        for column in here.strata:
            stratum = stratum * len(model.scenario.factors[column].levels) + who.factors[column]
        for side, arm in enumerate((here.control, here.experimental)):
            chosen = inside & (who.arm == model.arms.index(arm))
            row[chosen] = side + 2 * stratum[chosen]
    return sides


def members(trial: Protocol, model: Model, who: Baseline, population: str) -> NDArray[np.bool_]:
    """Who is in a population: by its columns that the model has as factors; by any other column everybody."""
    inside = np.ones(len(who), dtype=bool)
    for column, level in population_columns(trial.populations[population]).items():
        factor = model.scenario.factors.get(column)
        if factor is not None:
            inside &= who.factors[column] == list(factor.levels).index(level)
    return inside
