"""Many two-arm trials at once, from flat arrays: what simulations and resampling ask for, without an object a trial."""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from .. import results
from ..data.columns import known_word, merge_near_ties
from ..errors import DataError
from ..kernels import analyze_trials, pack_keys
from ..kernels import batch_arms as columns
from ..results import Origin
from ..units import TimeUnit, days, days_per
from .batch_columns import code_column, strata_column, times_column
from .convention import ArgumentError, check_level

if TYPE_CHECKING:
    import polars as pl

_Floats = NDArray[np.float64]

_ROWS_AT_ONCE = 1 << 16  # keys, codes and tables of so many rows stay in a core's cache
_ARMS = ("control", "experimental")


class TrialStatus(enum.IntFlag):
    """What is not estimable in a trial, as bits: ``TrialStatus(batch.status[i])``."""

    NO_CONTROL = columns.NO_CONTROL
    NO_EXPERIMENTAL = columns.NO_EXPERIMENTAL
    NO_EVENTS = columns.NO_EVENTS
    LOGRANK_WITHOUT_INFORMATION = columns.NO_INFORMATION
    COX_WITHOUT_INFORMATION = columns.ALIASED
    SEPARATED = columns.SEPARATED
    TAU_BEYOND_CONTROL = columns.TAU_BEYOND
    TAU_BEYOND_EXPERIMENTAL = columns.TAU_BEYOND << 1
    AT_BEYOND_CONTROL = columns.AT_BEYOND
    AT_BEYOND_EXPERIMENTAL = columns.AT_BEYOND << 1
    STRATUM_WITHOUT_CONTROL = columns.ABSENT
    STRATUM_WITHOUT_EXPERIMENTAL = columns.ABSENT << 1


_REASONS = {
    TrialStatus.NO_CONTROL: "nobody is in the control arm",
    TrialStatus.NO_EXPERIMENTAL: "nobody is in the experimental arm",
    TrialStatus.NO_EVENTS: "there are no events",
    TrialStatus.LOGRANK_WITHOUT_INFORMATION: "log-rank: no event with both arms at risk was outlived by anybody",
    TrialStatus.COX_WITHOUT_INFORMATION: "Cox: at no event were both arms at risk",
    TrialStatus.SEPARATED: "Cox: the likelihood has no finite maximum, the arm separates the events",
    TrialStatus.TAU_BEYOND_CONTROL: "restricted mean: tau lies beyond the follow-up of the control arm",
    TrialStatus.TAU_BEYOND_EXPERIMENTAL: "restricted mean: tau lies beyond the follow-up of the experimental arm",
    TrialStatus.AT_BEYOND_CONTROL: "survival: nobody of the control arm is followed that long",
    TrialStatus.AT_BEYOND_EXPERIMENTAL: "survival: nobody of the experimental arm is followed that long",
    TrialStatus.STRATUM_WITHOUT_CONTROL: "restricted mean, survival: a stratum has nobody of the control arm",
    TrialStatus.STRATUM_WITHOUT_EXPERIMENTAL: "restricted mean, survival: a stratum has nobody of the experimental arm",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batch:
    """What was found in each of m trials: arrays (m,), or (m, 2) by arm, control first; read-only. Times in days.

    ``subjects``, and of the log-rank test ``observed`` and ``expected`` events (m, 2), ``variance``, the signed ``z``
    (above zero where the experimental arm does better), ``p_value`` (two-sided) and ``p_one_sided`` (of benefit).
    Of the Cox model ``coef`` (log hazard ratio, experimental over control), ``se`` and ``hazard_ratio``. ``median``
    (m, 2), ``inf`` where not reached. ``rmst`` and ``rmst_variance`` (m, 2) up to ``tau``, their ``rmst_difference``
    (experimental minus control) and ``rmst_difference_se``; ``survival`` and ``survival_se`` (m, 2) at ``at``: None
    unless asked for.

    What cannot be estimated is ``nan``, and ``status`` (m,) says why: 0, or bits of ``TrialStatus``; in words,
    ``reasons(i)``. A separated trial has an infinite ``coef``, a hazard ratio of 0 or ``inf``, and a ``se`` of ``nan``.
    """

    subjects: NDArray[np.int64]
    observed: _Floats
    expected: _Floats
    variance: _Floats
    z: _Floats
    p_value: _Floats
    p_one_sided: _Floats
    coef: _Floats
    se: _Floats
    hazard_ratio: _Floats
    median: _Floats
    rmst: _Floats | None
    rmst_variance: _Floats | None
    rmst_difference: _Floats | None
    rmst_difference_se: _Floats | None
    survival: _Floats | None
    survival_se: _Floats | None
    status: NDArray[np.int64]
    tau: float | None
    at: float | None
    ties: Literal["efron", "breslow"]
    stratified: bool
    method: str
    origin: Origin

    def __post_init__(self) -> None:
        results.read_only(self)

    def __len__(self) -> int:
        return len(self.status)

    def __str__(self) -> str:
        silent = int((self.status != 0).sum())
        text = f"{len(self)} trials of {int(self.subjects.sum())} subjects, {self.observed.sum():g} events"
        return f"{text}; {silent} with something that is not estimable ({self.method})"

    def reasons(self, trial: int) -> tuple[str, ...]:
        """Why numbers of a trial are not estimable, in words; empty if all are."""
        return _words(int(self.status[trial]))

    def limits(self, level: float = 0.95) -> _Floats:
        """Wald limits of the hazard ratios, (m, 2)."""
        check_level(level)
        width = ndtri(0.5 + level / 2) * self.se  # nan where the coefficient is infinite
        return np.exp(np.column_stack([self.coef - width, self.coef + width]))

    def table(self) -> pl.DataFrame:
        """A row a trial: every number, and the reasons."""
        import polars as pl

        shown: dict[str, Any] = {"trial": np.arange(len(self))}
        for name in ("subjects", "observed", "expected", "variance", "z", "p_value", "p_one_sided", "coef", "se",
                     "hazard_ratio", "median", "rmst", "rmst_variance", "rmst_difference", "rmst_difference_se",
                     "survival", "survival_se"):  # fmt: skip
            values = getattr(self, name)
            if values is not None and values.ndim == 2:
                shown |= {f"{name}_{arm}": values[:, i] for i, arm in enumerate(_ARMS)}
            elif values is not None:
                shown[name] = values
        words = {s: "; ".join(_words(s)) for s in np.unique(self.status).tolist()}
        shown["reason"] = [words[s] for s in self.status.tolist()]
        return pl.DataFrame(shown).with_columns(
            pl.lit(self.method).alias("method"), pl.lit(self.origin).alias("origin")
        )


def batch(
    time: ArrayLike,
    event: ArrayLike,
    arm: ArrayLike,
    *,
    sizes: int | ArrayLike,
    unit: TimeUnit,
    strata: ArrayLike | None = None,
    tau: str | None = None,
    at: str | None = None,
    ties: Literal["efron", "breslow"] | None = None,
    event_is: Literal["harm", "benefit"] = "harm",
    origin: Origin = "observed",
    executor: Executor | None = None,
) -> Batch:
    """Log-rank test, Cox model, medians, restricted means and survival at a time of many trials: of each the same
    numbers as ``logrank``, ``cox``, ``kaplan_meier``, ``rmst`` and ``milestone`` give.

    ``time``, ``event`` (0 censored, 1 the event) and ``arm`` (0 control, 1 experimental) hold the rows (n,) of all
    trials one after the other, ``sizes`` the rows of each: one number for all, or (m,). ``strata``: codes (n,) from 0;
    given, test and model are stratified by them, and restricted means and survival are averages over them by their
    shares of a trial's subjects; medians pool them as everywhere. ``tau`` (of the restricted mean) and ``at`` (of
    survival) are durations such as "12 months". Near-tied times are settled within each trial. With an
    ``executor`` of concurrent.futures the trials are analyzed in parallel; the numbers do not depend on it.

    Raises ``DataError`` for missing or negative times, other codes, and sizes that do not add up to the rows (a trial
    is named from 0, a subject in it from 1); ``UnsupportedError`` for a trial of more than 2^24 rows times strata. A
    trial without events or with an empty arm is not refused: see ``Batch``. The bits of a time are in its order, so
    stratum, arm and event ride in the lowest ones through one sort, and a trial becomes a table of subjects and deaths
    by arm at each time of death (Mantel 1966; Cox 1972; Efron 1977; Breslow 1974; Kaplan and Meier 1958).

    >>> two = batch([5, 8, 8, 12, 1, 2, 3, 4], [1, 0, 1, 1, 1, 1, 1, 1], [0, 1, 0, 1, 0, 1, 0, 1], sizes=4, unit="days")
    >>> two.hazard_ratio.round(6).tolist(), two.median.tolist()
    ([0.0, 0.390388], [[6.5, 12.0], [2.0, 3.0]])
    >>> two.reasons(0)
    ('Cox: the likelihood has no finite maximum, the arm separates the events',)
    """
    known_word("event_is", event_is, ("harm", "benefit"))
    known_word("origin", origin, get_args(Origin))
    if ties not in (None, "efron", "breslow"):
        raise ArgumentError(
            f"unknown ties {ties!r}",
            remedy='Use "efron" or "breslow"; exact methods are in cox(), one trial at a time.',
        )
    limits = np.array([_limit(tau, "tau", above=True), _limit(at, "at", above=False)])
    scale = days_per(unit)
    times, starts = times_column(time, sizes, scale)
    events, arms = code_column(event, "event", starts), code_column(arm, "arm", starts)
    stratum, strata_count = strata_column(strata, starts)
    tied: Literal["efron", "breslow"] = "breslow" if ties == "breslow" else "efron"
    parts = _parts(starts)
    jobs = [
        (times[a:b], events[a:b], arms[a:b], stratum[a:b], starts[i : j + 1] - a, scale, strata_count,
         tied == "efron", limits)
        for i, j in parts for a, b in [(starts[i], starts[j])]
    ]  # fmt: skip
    done: Iterable[tuple[_Floats, NDArray[np.int64]]]
    done = map(_analyze, jobs) if executor is None else executor.map(_analyze, jobs)
    numbers, statuses = (np.concatenate(each) for each in zip(*done, strict=True))
    return _batch(numbers, statuses, limits, tied, strata is not None, event_is, origin)


def _batch(
    numbers: _Floats,
    status: NDArray[np.int64],
    limits: _Floats,
    ties: Literal["efron", "breslow"],
    stratified: bool,
    event_is: str,
    origin: Origin,
) -> Batch:
    def of(column: int) -> _Floats:
        return numbers[:, column].copy()

    def by_arm(column: int) -> _Floats:
        return numbers[:, column : column + 2].copy()

    observed, expected, variance = by_arm(columns.OBSERVED), by_arm(columns.EXPECTED), of(columns.VARIANCE)
    sign = 1.0 if event_is == "harm" else -1.0
    z = np.full(len(numbers), np.nan)
    np.divide(sign * (expected[:, 1] - observed[:, 1]), np.sqrt(variance), out=z, where=variance > 0)
    coef = of(columns.COEF)
    tau, at = (None if math.isnan(limit) else float(limit) for limit in limits)
    rmst, rmst_variance = by_arm(columns.RMST), by_arm(columns.RMST_VARIANCE)
    tied = "Efron" if ties == "efron" else "Breslow"
    words = [f"log-rank test and Cox model, {tied} ties, {'stratified' if stratified else 'unstratified'}"]
    words += [] if tau is None else [f"restricted means up to {tau:g} days"]
    words += [] if at is None else [f"survival at {at:g} days"]
    return Batch(
        subjects=by_arm(columns.SUBJECTS).astype(np.int64),
        observed=observed,
        expected=expected,
        variance=variance,
        z=z,
        p_value=2 * ndtr(-np.abs(z)),
        p_one_sided=ndtr(-z),
        coef=coef,
        se=of(columns.SE),
        hazard_ratio=np.exp(coef),
        median=by_arm(columns.MEDIAN),
        rmst=None if tau is None else rmst,
        rmst_variance=None if tau is None else rmst_variance,
        rmst_difference=None if tau is None else rmst[:, 1] - rmst[:, 0],
        rmst_difference_se=None if tau is None else np.sqrt(rmst_variance.sum(axis=1)),
        survival=None if at is None else by_arm(columns.SURVIVAL),
        survival_se=None if at is None else by_arm(columns.SURVIVAL_SE),
        status=status,
        tau=tau,
        at=at,
        ties=ties,
        stratified=stratified,
        method=", ".join(words),
        origin=origin,
    )


def _analyze(job: tuple[Any, ...]) -> tuple[_Floats, NDArray[np.int64]]:
    """Numbers (m, COLUMNS) and status (m,) of some trials; those with near ties again, once these are settled."""
    time, event, arm, stratum, starts, scale, strata, efron, limits = job
    days_ = time * scale + 0.0  # -0.0 has the bits of a large number
    rest = (strata, efron, limits)
    numbers, status = _sorted_and_analyzed(days_, event, arm, stratum, starts, *rest, settled=False)
    again = np.flatnonzero(status == columns.NEAR_TIES)
    if len(again):
        pieces = [slice(starts[i], starts[i + 1]) for i in again]
        settled = np.concatenate([merge_near_ties(days_[p], None)[0] for p in pieces])
        event, arm, stratum = (np.concatenate([column[p] for p in pieces]) for column in (event, arm, stratum))
        starts = np.concatenate([[0], np.cumsum(np.diff(starts)[again])])
        numbers[again], status[again] = _sorted_and_analyzed(settled, event, arm, stratum, starts, *rest, settled=True)
    return numbers, status


def _sorted_and_analyzed(
    time: _Floats,
    event: NDArray[np.uint8],
    arm: NDArray[np.uint8],
    stratum: NDArray[np.int64],
    starts: NDArray[np.int64],
    strata: int,
    efron: bool,
    limits: _Floats,
    *,
    settled: bool,
) -> tuple[_Floats, NDArray[np.int64]]:
    raw = time.view(np.uint64)
    keys, taken = pack_keys(raw, event, arm, stratum, starts)
    sizes = np.diff(starts)
    if (sizes == sizes[0]).all():
        keys.reshape(len(sizes), sizes[0]).sort(axis=1)
    else:
        for begin, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
            keys[begin:end].sort()
    numbers = np.empty((len(sizes), columns.COLUMNS))
    status = analyze_trials(keys, keys.view(np.float64), taken, raw, starts, strata, efron, settled, limits, numbers)
    return numbers, status


def _parts(starts: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Trials first .. last - 1 of each part: about so many rows at once, at least one trial."""
    cuts = np.searchsorted(starts, np.arange(0, starts[-1] + _ROWS_AT_ONCE, _ROWS_AT_ONCE))
    cuts = np.unique(np.concatenate([[0], cuts[cuts < len(starts)], [len(starts) - 1]]))
    return list(zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True))


def _limit(duration: str | None, name: str, *, above: bool) -> float:
    if duration is None:
        return math.nan
    limit = days(duration)
    if above and limit <= 0:
        raise DataError(f"{name} = {duration!r} is not above zero", remedy="Restrict the mean to a positive time.")
    return limit


def _words(status: int) -> tuple[str, ...]:
    return tuple(text for bit, text in _REASONS.items() if status & bit)
