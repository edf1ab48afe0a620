"""What every adjustment for switching makes of many trials whose truth is known: bias, error, coverage, failures."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .. import results
from ..analyze.switching import ipcw, ipe, msm, naive, rpsftm, two_stage, two_stage_g
from ..design.given import whole_number
from ..errors import DesignError, EquipoiseError
from ..results import Row, fixed
from .ground import Ground, Switched, switched_trial

if TYPE_CHECKING:
    import polars as pl

Vector = NDArray[np.float64]
Analysis = Callable[[Switched, Mapping[str, Any]], Any]

_GRID = np.linspace(-2.0, 2.0, 41)
_CHUNK = 5  # trials that a worker takes at once
METHODS: Mapping[str, Analysis] = {
    "as observed": lambda t, _: naive(t.record, "as observed"),
    "censored at switch": lambda t, _: naive(t.record, "censored at switch"),
    "switchers excluded": lambda t, _: naive(t.record, "switchers excluded"),
    "treatment received": lambda t, _: naive(t.record, "treatment received"),
    "RPSFTM": lambda t, drawn: rpsftm(t.record, **drawn),
    "IPE": lambda t, drawn: ipe(t.record, **drawn),
    "two-stage": lambda t, drawn: two_stage(t.record, t.at_progression(), since="switch", **drawn),
    "two-stage with g-estimation": lambda t, drawn: two_stage_g(t.record, t.visits(), grid=_GRID, **drawn),
    "IPCW": lambda t, _: ipcw(t.record, t.visits()),
    "MSM": lambda t, _: msm(t.record, t.visits()),
}
"""The methods as they are used here: with what was seen at the visits where a method takes it, no baseline covariates,
so that all estimate the hazard ratio of the arms alone."""
ADJUSTED = tuple(METHODS)[4:]
TWO_STAGE = ("two-stage", "two-stage with g-estimation")

_FIELDS = 10
_LIMITS = {"model": 1, "bootstrap": 3, "psi": 6, "bootstrap psi": 8}  # where each kind of limits stands


_COVERAGES = (
    ("model", "coverage"), ("bootstrap", "coverage by bootstrap"), ("psi", "coverage of psi"),
    ("bootstrap psi", "coverage of psi by bootstrap"),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Proven:
    """What ``methods`` made of so many trials of a ground: ``found`` (trials, methods, 10) log hazard ratio with limits
    and those of a bootstrap (``nan`` without), psi with both likewise; ``nan`` where a trial gave none. ``failures``
    holds by method the reasons and how often each was given."""

    ground: Ground
    label: str
    methods: tuple[str, ...]
    draws: int
    found: Vector
    failures: tuple[tuple[tuple[str, int], ...], ...]

    def __post_init__(self) -> None:
        results.read_only(self)

    @property
    def trials(self) -> int:
        """Number of trials."""
        return len(self.found)

    def errors(self, method: str) -> Vector:
        """Log hazard ratio less the true one, of the trials that have one, (k,)."""
        values = self.found[:, self.methods.index(method), 0]
        return values[np.isfinite(values)] - math.log(self.ground.hazard_ratio)

    def bias(self, method: str) -> float:
        """Mean error of the log hazard ratio; ``nan`` if no trial has one."""
        errors = self.errors(method)
        return float(errors.mean()) if len(errors) else math.nan

    def bias_error(self, method: str) -> float:
        """Its Monte Carlo error."""
        return self.spread(method) / math.sqrt(max(len(self.errors(method)), 1))

    def spread(self, method: str) -> float:
        """Standard deviation of the log hazard ratio over trials."""
        errors = self.errors(method)
        return float(errors.std(ddof=1)) if len(errors) > 1 else math.nan

    def rmse(self, method: str) -> float:
        """Root mean square error of the log hazard ratio."""
        errors = self.errors(method)
        return float(np.sqrt((errors**2).mean())) if len(errors) else math.nan

    def rmse_error(self, method: str) -> float:
        """Its Monte Carlo error, by the delta method."""
        squares, rmse = self.errors(method) ** 2, self.rmse(method)
        return float(squares.std(ddof=1) / math.sqrt(len(squares)) / (2 * rmse)) if len(squares) > 1 else math.nan

    def converged(self, method: str) -> float:
        """The share of trials with an estimate."""
        return len(self.errors(method)) / self.trials

    def coverage(self, method: str, of: str = "model") -> tuple[float, int]:
        """The share of trials whose limits hold the truth, and of how many: ``of`` the hazard ratio by the method's own
        limits ("model") or the bootstrap's ("bootstrap"), or of "psi" and "bootstrap psi", which are of the effect of
        switching in two-stage methods. A limit that a search did not reach is beyond the truth; trials without an
        estimate, or without any limits, are left out."""
        at, mine = _LIMITS[of], self.found[:, self.methods.index(method)]
        truth = math.log(self.ground.hazard_ratio)
        if "psi" in of:
            truth = self.ground.psi_of_switching if method in TWO_STAGE else self.ground.psi
        known = np.isfinite(mine[:, 5 if "psi" in of else 0]) & np.isfinite(mine[:, at : at + 2]).any(axis=1)
        if not known.any():
            return math.nan, 0
        low, high = mine[known, at], mine[known, at + 1]
        return float((~(low > truth) & ~(high < truth)).mean()), int(known.sum())

    def rows(self) -> list[Row]:
        """By method: geometric mean of the hazard ratios, bias, spread and error of their logarithm, coverage and
        convergence, each with its Monte Carlo error, as rows of the long table."""
        rows = [self._row("", "true hazard ratio", self.ground.hazard_ratio, 3)]
        rows.append(self._row("", "true psi", self.ground.psi, 3))
        for i, method in enumerate(self.methods):
            n = len(self.errors(method))
            none = "" if n > 1 else "fewer than two trials have an estimate"
            bias, spread = self.bias(method), self.spread(method)
            for name, value, error in (
                ("geometric mean of hazard ratios", self.ground.hazard_ratio * math.exp(bias), math.nan),
                ("bias of the log hazard ratio", bias, self.bias_error(method)),
                ("standard deviation of log hazard ratios", spread, math.nan),
                ("root mean square error of the log hazard ratio", self.rmse(method), self.rmse_error(method)),
            ):
                rows.append(self._row(method, name, value, 3, none))
                if math.isfinite(error):
                    rows.append(self._row(method, f"{name} Monte Carlo error", error, 3))
            for of, name in _COVERAGES:
                share, known = self.coverage(method, of)
                if known:
                    rows.append(self._row(method, name, share, 4))
                    rows.append(self._row(method, f"{name} Monte Carlo error", _binomial(share, known), 4))
            share = self.converged(method)
            rows.append(self._row(method, "trials with an estimate", share, 4))
            for reason, times in self.failures[i]:
                rows.append(self._row(method, "trials without an estimate", float(times), 0, "", reason))
        return rows

    def _row(self, method: str, statistic: str, value: float, digits: int, reason: str = "", note: str = "") -> Row:
        words = [
            f"{self.trials:,} simulated trials of {sum(self.ground.lives.patients):,}, seed {self.ground.seed}",
            f"{self.ground.setting}, time ratio {self.ground.setting.time_ratio:g}",
            *([f"{self.draws} bootstrap samples"] if self.draws else []), *([note] if note else []),
        ]  # fmt: skip
        return Row(
            analysis="switching", role="simulation", group=method, endpoint=self.label, statistic=statistic,
            method="; ".join(words), origin="simulated", **results.number(value, fixed(value, digits), reason),  # type: ignore[arg-type]
        )  # fmt: skip

    def table(self) -> pl.DataFrame:
        """The long table of it."""
        return results.long_table(self.rows())


def prove(
    ground: Ground,
    *,
    trials: int,
    draws: int = 0,
    methods: Sequence[str] = tuple(METHODS),
    label: str = "",
    executor: Executor | None = None,
    progress: Callable[[float], None] = lambda _: None,
) -> Proven:
    """What the methods make of trials 0, 1, ... of a ground, with ``draws`` bootstrap samples of those that take some.

    Whoever simulates them, trial i is the same trial with the same samples; an ``executor`` takes them in chunks.
    Raises ``DesignError`` for numbers and methods that are none. A method that refuses a trial, or finds no estimate,
    has none for it, which is counted with its reason.

    >>> from equipoise.simulate.ground import Lives, Setting, ground
    >>> steady = Lives(progression=(1, 1, 300), death_before=(1, 1, 400), death_after=(1, 1, 400), patients=(80, 80),
    ...                accrual=400, cutoff=1200)
    >>> there = ground(steady, Setting(time_ratio=1.5, share=0.6), seed=1)
    >>> found = prove(there, trials=4, methods=["as observed", "RPSFTM"])
    >>> found.converged("RPSFTM"), bool(found.bias("as observed") > found.bias("RPSFTM"))
    (1.0, True)
    """
    number, samples = whole_number(trials), whole_number(draws)
    if number is None or number < 1:
        raise DesignError(f"{trials!r} is no number of trials", where="trials", remedy="Give 100 or more.")
    if samples is None or samples < 0 or samples == 1:
        raise DesignError(
            f"{draws!r} bootstrap samples tell of no limits", where="draws", remedy="Give 0 for none, or 200 or more."
        )
    unknown = [name for name in methods if name not in METHODS]
    if unknown:
        raise DesignError(f"there is no method {unknown[0]!r}", where="methods", remedy=f"Known: {', '.join(METHODS)}.")
    named = tuple(methods)
    firsts = range(0, number, _CHUNK)
    jobs = [(ground, first, min(_CHUNK, number - first), named, samples) for first in firsts]
    parts: list[tuple[Vector, list[dict[str, int]]]] = []
    for part in map(_chunk, jobs) if executor is None else executor.map(_chunk, jobs):
        parts.append(part)
        progress(len(parts) / len(jobs))
    tally: list[dict[str, int]] = [{} for _ in named]
    for _, reasons in parts:
        for mine, theirs in zip(tally, reasons, strict=True):
            for reason, times in theirs.items():
                mine[reason] = mine.get(reason, 0) + times
    return Proven(
        ground=ground,
        label=label or str(ground.setting),
        methods=named,
        draws=samples,
        found=np.concatenate([found for found, _ in parts]),
        failures=tuple(tuple(sorted(mine.items(), key=lambda one: -one[1])) for mine in tally),
    )


Job = tuple[Ground, int, int, tuple[str, ...], int]


def _chunk(job: Job) -> tuple[Vector, list[dict[str, int]]]:
    """What each method found in some trials, (trials, methods, 10), and by method why there was no estimate."""
    ground, first, count, methods, draws = job
    found = np.full((count, len(methods), _FIELDS), math.nan)
    reasons: list[dict[str, int]] = [{} for _ in methods]
    for i in range(count):
        trial = switched_trial(ground, first + i)
        sampled = {"draws": draws, "seed": first + i} if draws else {}
        for m, name in enumerate(methods):
            found[i, m], reason = _estimates(METHODS[name], trial, sampled)
            if reason:
                reasons[m][reason] = reasons[m].get(reason, 0) + 1
    return found, reasons


def _estimates(analysis: Analysis, trial: Switched, sampled: Mapping[str, Any]) -> tuple[Vector, str]:
    """One method in one trial; nan and a reason where there is no estimate."""
    nothing = np.full(_FIELDS, math.nan)
    try:
        found = analysis(trial, sampled)
    except EquipoiseError as error:
        return nothing, error.what
    if not 0 < found.hazard_ratio < math.inf:
        return nothing, getattr(found, "hazard_ratio_reason", "") or found.reason or "the hazard ratio is not finite"
    drawn = getattr(found, "bootstrap", None)
    none = (math.nan, math.nan)
    ratios = [found.hazard_ratio, *found.conf_int, *(none if drawn is None else drawn.conf_int)]
    psi = [getattr(found, "psi", math.nan), *getattr(found, "psi_conf_int", none)]
    psi += none if drawn is None else drawn.psi_conf_int
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.array([*np.log(ratios), *psi]), ""


@contextmanager
def on_cores() -> Iterator[Executor | None]:
    """A process for each core, started afresh; None where there is but one core. What is asked for need not wait."""
    cores = os.cpu_count() or 1
    if cores == 1:
        yield None
        return
    with ProcessPoolExecutor(cores, mp_context=get_context("spawn")) as pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _binomial(share: float, n: int) -> float:
    return math.sqrt(share * (1 - share) / n)
