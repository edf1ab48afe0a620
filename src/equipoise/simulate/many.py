"""Many trials through one kernel, in chunks, wherever an executor puts them: sums that do not depend on where."""

from __future__ import annotations

import math
import multiprocessing
import os
import pickle
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..design.given import real_number
from ..errors import DesignError, UnsupportedError
from ..kernels import simulate_trials
from ..kernels.history import OS_DAY, PFS_DAY, TTP_DAY
from ..kernels.trials import DAY, ENTERED_BY, EVENTS, FOUND, LOG_RATIO, MEANS, MET, SHARES, Z
from ..units import days
from .kept import Kept, kept_in
from .looks import Looks
from .nature import Nature
from .own_analysis import ESTIMATE, HIGH, LOW, OwnAnalysis, analyzed, estimate_of

T = TypeVar("T")
Vector = NDArray[np.float64]
CHUNK = 1_000  # trials after which a wanted precision is asked for, whoever has simulated them
_AHEAD, _AHEAD_ELSEWHERE = 4, 256  # chunks under way: for each core, and for an executor whose size nobody tells
_MOST = 10**10  # trials
_LIMIT = 1.959963984540054
RATIO = "log hazard ratio"
# Estimates and their columns, each followed by its standard error.
ESTIMATES: Mapping[str, int] = {
    RATIO: LOG_RATIO, "difference of restricted means": MEANS, "difference of survival": SHARES
}  # fmt: skip
_FIELDS = {0: PFS_DAY, 1: OS_DAY, 2: TTP_DAY}  # of an endpoint in a history


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trials:
    """What is simulated: patients of ``nature`` at ``looks``; the arms ``experimental`` and ``control`` are tested by a
    log-rank test of ``endpoint`` (0 progression or death, 1 death, 2 progression), stratified ``by`` factors (names),
    and with a Cox model if ``cox``; ``seed``. ``tau`` and ``at``: times of a restricted mean and of a milestone whose
    differences are wanted. ``counted``: further endpoints whose
    events a cut may count, by name as ``endpoint``; ``first_day``: the date of the first patient, for cuts on dates.
    ``truth``: true values (k) of the estimates with their Monte Carlo errors (k), by their
    names in ``ESTIMATES``, if they are known, of which coverage is counted. ``analysis`` takes a ``TimeToEvent``
    (and, if it takes two arguments, a frame of the factors) and gives the Z of another test than the log-rank's, which
    then meets the bounds, or an ``AnalysisResult``."""

    nature: Nature
    looks: Looks
    experimental: str
    control: str
    endpoint: int
    seed: int
    by: tuple[str, ...] = ()
    cox: bool = True
    tau: str | None = None
    at: str | None = None
    counted: Mapping[str, int] = field(default_factory=dict)
    first_day: date | None = None
    truth: Mapping[str, tuple[tuple[float, ...], tuple[float, ...]]] = field(default_factory=dict)
    analysis: OwnAnalysis | None = None

    def rules(self) -> Vector:
        """The cuts of the looks as the kernel takes them."""
        return self.looks.rules((None, *self._also_counted()), self.first_day)

    def _also_counted(self) -> dict[str, int]:
        """The further endpoints whose events the cuts of these looks count."""
        named = {part.endpoint for cut in self.looks.cuts for part in cut.parts} - {None}
        known = dict(self.counted)  # all of them where one is unknown, so that the refusal names them
        return {name: place for name, place in known.items() if name in named or not named <= known.keys()}

    def found(self, first: int, trials: int) -> Vector:
        """Of trials first, first + 1, ... what was found at each look, (trials, k, 14); see ``kernels.trials``."""
        return self._simulated(first, trials, (self.endpoint,))[0][:, :, 0]

    def found_of(self, first: int, trials: int, endpoints: Sequence[int]) -> Vector:
        """The same for several endpoints of the same patients, (trials, k, endpoints, 14); cuts at events count those
        of ``endpoint``."""
        return self._simulated(first, trials, tuple(endpoints))[0]

    def tested(self, first: int, trials: int) -> tuple[Vector, list[str]]:
        """``found``, where ``analysis`` is given with its Z and estimate, (trials, k, 18); and what went wrong."""
        if self.analysis is None:
            return self.found(first, trials), []
        each = [self._analyzed(number) for number in range(first, first + trials)]
        return np.concatenate([one for one, _ in each]), [why for _, wrong in each for why in wrong]

    def _analyzed(self, number: int) -> tuple[Vector, list[str]]:
        every, data = self._simulated(number, 1, (self.endpoint,), data=True)
        return analyzed(self, every[:, :, 0], data[0, :, 0], number)

    def _simulated(
        self, first: int, trials: int, endpoints: tuple[int, ...], *, data: bool = False
    ) -> tuple[Vector, NDArray[np.int64]]:
        one, by = self.nature, self.by
        shape = (len(self.looks.cuts), len(endpoints))
        out = np.empty((trials, *shape, FOUND))
        tested = np.zeros((trials if data else 0, *shape, 4 + len(one.factors), one.patients), dtype=np.int64)
        simulate_trials(
            np.uint64(self.seed), first, one.shares, one.effects, one.places, one.ratio, one.sizes, one.totals,
            one.accrual, one.evenly, one.laws, one.laws_by, one.ratios, one.timings, one.each, one.crossing, one.cured,
            one.crosses, one.crosses_by, one.measured, self.rules(),
            np.array([_FIELDS[place] for place in (self.endpoint, *self._also_counted().values())]),
            np.array([_FIELDS[endpoint] for endpoint in endpoints]),
            np.array([one.arms.index(self.control), one.arms.index(self.experimental)]),
            np.array([name in by for name in one.factors], dtype=np.int64), self.cox,
            np.array([math.nan if limit is None else days(limit) for limit in (self.tau, self.at)]), one.patients, out,
            tested,
        )  # fmt: skip
        return out, tested


@dataclass(slots=True)
class Sums:
    """Sums over trials, by look (k,) but for what counts whole trials."""

    trials: int
    by_look: dict[str, Vector] = field(default_factory=dict)
    whole: dict[str, float] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def add(self, other: Sums) -> None:
        """Take in the next trials."""
        self.trials += other.trials
        for name, value in other.by_look.items():
            self.by_look[name] = self.by_look.get(name, 0.0) + value
        self.wrong += other.wrong
        for name, total in other.whole.items():
            self.whole[name] = self.whole.get(name, 0.0) + total


def _chunk(task: Trials, first: int, trials: int, keep: bool) -> tuple[Sums, Vector | None]:
    """What a chunk of trials adds, and what was found in each if that is kept; runs wherever an executor puts it."""
    found, wrong = task.tested(first, trials)
    return sums_of(task, found, wrong), found if keep else None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stops:
    """Where trials end: at the look ``at`` (trials,), the last one for those that never stop; ``efficacy``, ``control``
    and ``futility`` (trials, k) are true at the look at which a trial stops so; ``crossed`` (trials, k) wherever the
    bound for efficacy is met, stopped before or not."""

    at: NDArray[np.intp]
    efficacy: NDArray[np.bool_]
    control: NDArray[np.bool_]
    futility: NDArray[np.bool_]
    crossed: NDArray[np.bool_]

    @property
    def claimed(self) -> NDArray[np.bool_]:
        """Whether a trial ends with a claim for the experimental arm, (trials,)."""
        return np.asarray(self.efficacy.any(axis=1))


def stops(task: Trials, found: Vector) -> Stops:
    """The look at which each trial stops, and why; of them (trials, k, 14) was found."""
    looks = task.looks
    met, z = found[:, :, MET] == 1, found[:, :, Z]
    with np.errstate(invalid="ignore"):
        claim = met & (z >= looks.efficacy)
        other = met & (z <= -looks.efficacy) & (looks.sided == 2)
        futile = met & (z <= looks.futility) & ~claim  # type: ignore[operator]
    stop = claim | other | futile
    at = np.where(stop.any(axis=1), stop.argmax(axis=1), stop.shape[1] - 1)
    here = np.arange(len(at))
    first = np.zeros_like(stop)
    first[here, at] = stop[here, at]
    return Stops(at=at, efficacy=claim & first, control=other & first, futility=futile & first, crossed=claim)


def estimates_of(task: Trials) -> dict[str, int]:
    """The estimates that are asked for, with their columns in what is found."""
    asked = (task.cox, task.tau is not None, task.at is not None)
    found = {name: column for (name, column), is_so in zip(ESTIMATES.items(), asked, strict=True) if is_so}
    return found if task.analysis is None else {**found, estimate_of(task.analysis): ESTIMATE}


def sums_of(task: Trials, found: Vector, wrong: Sequence[str] = ()) -> Sums:
    """What trials add, of which (trials, k, 14) was found, and what went wrong in them."""
    trials, met, z = len(found), found[:, :, MET] == 1, found[:, :, Z]
    ended = stops(task, found)
    here = np.arange(trials)
    got = Sums(trials, wrong=list(wrong))
    for name in ("efficacy", "control", "futility", "crossed"):
        got.by_look[name] = getattr(ended, name).sum(axis=0).astype(float)
    got.by_look["unmet"] = (~met).sum(axis=0).astype(float)
    values = {
        "day": found[:, :, DAY],
        "patients": found[:, :, ENTERED_BY : ENTERED_BY + 2].sum(axis=2),
        "events": found[:, :, EVENTS : EVENTS + 2].sum(axis=2),
        "events control": found[:, :, EVENTS],
        "z": np.where(np.isfinite(z), z, 0.0),
    }
    got.by_look["short"] = (values["events"] < task.looks.wanted).sum(axis=0).astype(float)
    got.by_look["with z"] = np.isfinite(z).sum(axis=0).astype(float)
    own = "" if task.analysis is None else estimate_of(task.analysis)
    for name, at_column in {**ESTIMATES, **({own: ESTIMATE} if own else {})}.items():
        value, error = found[:, :, at_column], found[:, :, at_column + 1]
        has = np.isfinite(value) & (error > 0)
        values |= {name: np.where(has, value, 0.0), f"{name} error": np.where(has, error, 0.0)}
        got.by_look[f"with {name}"] = has.sum(axis=0).astype(float)
        if name in task.truth:
            true = np.array(task.truth[name][0])
            far = np.abs(np.where(has, value, np.inf) - true)
            inside = far <= _LIMIT * values[f"{name} error"]
            if name == own:
                inside = has & (found[:, :, LOW] <= true) & (true <= found[:, :, HIGH])
            got.by_look[f"covered {name}"] = inside.sum(axis=0).astype(float)
        if name == own:  # whose Z meets the bounds as it is
            continue
        with np.errstate(divide="ignore", invalid="ignore"):
            other_z = np.where(has, (-1 if name == RATIO else 1) * value / error, -np.inf)
        got.by_look[f"crossed by {name}"] = (met & (other_z >= task.looks.efficacy)).sum(axis=0).astype(float)
    for name, one in values.items():
        got.by_look[name], got.by_look[f"{name} squared"] = one.sum(axis=0), (one * one).sum(axis=0)
        if name in ("day", "patients", "events"):
            last = one[here, ended.at]
            got.whole[name], got.whole[f"{name} squared"] = float(last.sum()), float((last * last).sum())
    return got


def run_trials(
    task: Trials,
    trials: int,
    *,
    precision: float | None = None,
    executor: Executor | None = None,
    keep: str | Path | None = None,
    progress: Callable[[float], None] = lambda _: None,
) -> tuple[Sums, bool]:
    """Sums over trials 0, 1, ..., which depend neither on the executor nor on its workers; and whether the run was
    stopped from the keyboard, so that they are of the trials that were done.

    ``precision``: stop as soon as the Monte Carlo error of the power is no larger, asked after every 1,000 trials.
    ``executor``: any of ``concurrent.futures`` (threads of this machine by default), a Dask cluster's too. ``keep``: a
    folder in which every trial is kept as Parquet; trials that are there already are not simulated again.

    Raises ``DesignError`` for numbers that are none, ``UnsupportedError`` for a pool of forked processes.
    """
    check_trials(trials)
    if precision is not None and not 0 < real_number(precision) < 0.5:
        raise DesignError(f"precision = {precision!r} is none", where="precision", remedy="Such as 0.002.")
    check_executor(executor, task)
    chunks = ((first, min(CHUNK, trials - first)) for first in range(0, trials, CHUNK))
    total = Sums(0)
    interrupted = False
    taken = _in_order(task, chunks, executor, None if keep is None else kept_in(keep, task))
    try:
        for got in taken:
            total.add(got)
            progress(total.trials / trials)
            share = (total.by_look["efficacy"].sum() + 1) / (total.trials + 2)
            if precision is not None and math.sqrt(share * (1 - share) / total.trials) <= precision:
                break
    except KeyboardInterrupt:
        if not total.trials:
            raise
        interrupted = True
    finally:
        taken.close()
    return total, interrupted


def _in_order(
    task: Trials, chunks: Iterator[tuple[int, int]], executor: Executor | None, kept: Kept | None
) -> Generator[Sums]:
    """What each chunk adds, in their order; some are under way at a time, and what is not taken is cancelled."""
    own = ThreadPoolExecutor(max_workers=os.cpu_count() or 1) if executor is None else None
    pool = executor or own
    assert pool is not None
    ahead = _AHEAD * (os.cpu_count() or 1) if executor is None else _AHEAD_ELSEWHERE
    waiting: list[tuple[int, Future[tuple[Sums, Vector | None]] | Sums]] = []
    try:
        while True:
            for first, trials in islice(chunks, ahead - len(waiting)):
                held = None if kept is None else kept.read(first, trials, len(task.looks.cuts))
                if held is None:
                    waiting.append((first, pool.submit(_chunk, task, first, trials, kept is not None)))
                else:
                    waiting.append((first, sums_of(task, *held)))
            if not waiting:
                return
            first, one = waiting.pop(0)
            if isinstance(one, Sums):
                yield one
                continue
            sums, found = one.result()
            if kept is not None and found is not None:
                kept.write(first, found, sums.wrong)
            yield sums
    finally:
        for _, one in waiting:
            if not isinstance(one, Sums):
                one.cancel()
        if own is not None:
            own.shutdown(wait=True, cancel_futures=True)


def in_order(executor: Executor | None, function: Callable[..., T], calls: Sequence[tuple[object, ...]]) -> Iterator[T]:
    """What a function gives of some arguments, in their order, wherever an executor (threads by default) puts it."""
    own = ThreadPoolExecutor(max_workers=os.cpu_count() or 1) if executor is None else None
    pool = executor or own
    assert pool is not None
    waiting = [pool.submit(function, *one) for one in calls]
    try:
        for later in waiting:
            yield later.result()
    finally:
        for later in waiting:
            later.cancel()
        if own is not None:
            own.shutdown(wait=True, cancel_futures=True)


def check_trials(trials: object) -> None:
    """Refuse what is no number of trials."""
    if isinstance(trials, bool) or not isinstance(trials, int | np.integer) or trials < 1:
        raise DesignError(f"{trials!r} is no number of trials", where="trials", remedy="Such as 10_000.")
    if trials > _MOST:
        raise DesignError(
            "these are more trials than can be simulated", where="trials", remedy=f"Give at most {_MOST:,}."
        )


def check_executor(executor: object, task: Trials) -> None:
    """Refuse what is no executor, one of forked processes, and an analysis that cannot be sent to another process."""
    if executor is not None and not hasattr(executor, "submit"):
        raise DesignError(
            f"{executor!r} is no executor", where="executor", remedy="Give one of concurrent.futures, or None."
        )
    if isinstance(executor, ProcessPoolExecutor):
        context = getattr(executor, "_mp_context", None)
        if (context or multiprocessing).get_start_method(allow_none=False) == "fork":
            raise UnsupportedError(
                "a pool of forked processes hangs with threads of the libraries beneath",
                where="executor",
                remedy='Take threads (None), or ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")).',
            )
        try:
            pickle.dumps(task.analysis)
        except Exception as error:  # whatever a function's own pickling raises
            raise UnsupportedError(
                f"the analysis cannot be sent to another process: {error}",
                where="analysis",
                remedy="Define it at the top of a module, or take threads (None).",
            ) from None
