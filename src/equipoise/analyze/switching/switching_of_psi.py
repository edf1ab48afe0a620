"""Z of the time without a switch in a model of who switches, as a function of psi: of the data, or of a sample."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ...errors import EquipoiseError
from ...kernels import switching_tests
from .counterfactual import cut_times
from .logistic import comparable, pooled_logistic
from .natural_spline import knots_of
from .panel import Panel
from .psi_search import halved
from .record import Switches, Vector
from .restored_draws import Copies
from .switching_model import spline_columns

_ROUNDING = 1e-6  # of a standard error


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SwitchingOfPsi:
    """Z of the time without a switch in a model of who switches, as a function of psi.

    By subject who progressed (k,): ``left`` since progression, ``on`` of it since the switch, ``end`` to administrative
    censoring (inf: no recensoring), ``event``, and the ``copies`` of them that a bootstrap sample holds (1 in the
    data); by visit (m,), those of a subject lying together, the subject's place ``of``, the ``day``, whether it
    ``crossed``, and the ``columns`` beside a spline of ``df`` columns of time, the constant first. ``x`` (m, p) has
    all columns, ``scaled`` on one scale for the kernel, with room for the residual as the second. ``last`` (2, p)
    and ``order`` (2, k), where the last search for a maximum ended and how times lay there, for psi below 0 and not,
    are where the next one begins, and change; what is found is the same.
    """

    left: Vector
    on: Vector
    end: Vector
    event: NDArray[np.bool_]
    copies: Copies
    of: NDArray[np.int64]
    day: Vector
    crossed: NDArray[np.bool_]
    columns: Vector
    df: int
    x: Vector
    scaled: Vector
    last: Vector
    order: NDArray[np.int64]

    @classmethod
    def made(
        cls, subjects: tuple[Vector, Vector, Vector, NDArray[np.bool_]], copies: Copies, of: NDArray[np.int64],
        visits: tuple[Vector, NDArray[np.bool_], Vector], df: int,
    ) -> Self:  # fmt: skip
        """From left, on, end and event; copies; of; and day, crossed and columns."""
        day, crossed, columns = visits
        kept, telling = told(crossed, columns)
        of, day, crossed, columns = of[kept], day[kept], crossed[kept], columns[np.ix_(kept, telling)]
        shape, _ = spline_columns(day, knots_of(np.repeat(day[crossed], copies[of[crossed]]), df))
        x = np.column_stack([columns[:, :1], np.zeros(len(of)), columns[:, 1:], shape])
        left, on, end, event = subjects
        scaled = x.copy()
        scaled[:, 2:] = comparable(x[:, 2:])[0] if len(x) else x[:, 2:]
        return cls(
            left=left, on=on, end=end, event=event, copies=copies, of=of, day=day, crossed=crossed, columns=columns,
            df=df, x=x, scaled=scaled, last=np.zeros((2, x.shape[1])), order=np.array([np.argsort(left)] * 2),
        )  # fmt: skip

    def sample(self, copies: Copies, *, apart: bool = False) -> Self:
        """Of a bootstrap sample, given its copies of each subject (k,); ``apart``: every copy a subject of its own."""
        there = np.repeat(np.arange(len(copies)), copies) if apart else np.flatnonzero(copies)
        counts = np.bincount(self.of, minlength=len(copies))
        before, times = (np.cumsum(counts) - counts)[there], counts[there]
        of = np.repeat(np.arange(len(there)), times)
        rows = np.arange(len(of)) - np.repeat(np.cumsum(times) - times - before, times)
        subjects = (self.left[there], self.on[there], self.end[there], self.event[there])
        visits = (self.day[rows], self.crossed[rows], self.columns[rows])
        held = np.ones(len(there), dtype=np.int64) if apart else copies[there]
        return self.made(subjects, held, of, visits, self.df)

    def at(self, psi: Vector) -> Vector:
        """Z at each psi of a grid; nan where the model has no finite coefficient."""
        factors = np.array([math.expm1(p) for p in psi.tolist()])
        z = np.asarray(
            switching_tests(
                factors, self.left, self.on, self.end, self.event, self.copies, self.order, self.of, self.crossed,
                self.scaled, self.last,
            )
        )  # fmt: skip
        doubted = np.flatnonzero(np.isnan(z))
        if len(doubted):
            apart = self.sample(self.copies, apart=True)
            z[doubted] = [apart.plain(float(p)) for p in psi[doubted]]
        return z

    def plain(self, psi: float) -> float:
        """Z at one psi by the pooled logistic model, each subject counting once; nan where there is none."""
        time, event = cut_times(self.left, self.on, np.full(len(self.left), math.expm1(psi)), self.end, self.event)
        x = self.x.copy()
        x[:, 1] = martingale(time, event)[self.of]
        try:
            fit = pooled_logistic(self.crossed, x, self.of)
        except EquipoiseError:  # no maximum is found: no statistic at this psi
            return math.nan
        se, least = float(fit.robust_se[1]), _ROUNDING * float(fit.se[1])  # scores that add up to 0 by subject
        return float(fit.coef[1]) / se if not fit.reasons[1] and se > least else math.nan

    def crossing(self, low: float, high: float, target: float) -> float:
        """Where Z passes a target between two psi; nan if it cannot be told."""
        return halved(lambda psi: float(self.at(np.array([psi]))[0]), low, high, target)


def switching_of_psi(
    switches: Switches, rows: Panel, arm: int, base: Vector, ends: Vector, asked: tuple[int, bool]
) -> tuple[SwitchingOfPsi, NDArray[np.int64]]:
    """The visits of an arm from progression on: those that end at it or later, up to the switch.

    As in the models of ``ipcw`` the row in which follow-up of somebody who never switched ends is left out. Beside it,
    who of the record its subjects are, (k,).
    """
    df, by_stratum = asked
    tte = switches.tte
    who = np.flatnonzero((tte.arm == arm) & np.isfinite(base))
    place = np.full(tte.n, -1)
    place[who] = np.arange(len(who))
    picked = np.flatnonzero(
        (place[rows.owner] >= 0) & (rows.tte.time >= base[rows.owner]) & ~rows.after & (rows.crossed | ~rows.last)
    )
    strata = rows.stratum_indicators()[picked] if by_stratum else np.empty((len(picked), 0))
    left = tte.time[who] - base[who]
    on = (tte.time - np.minimum(switches.switch, tte.time))[who]
    columns = np.column_stack([np.ones(len(picked)), rows.baseline[picked], rows.varying[picked], strata])
    found = SwitchingOfPsi.made(
        (left, on, ends[who] - base[who], tte.event[who] > 0), np.ones(len(who), dtype=np.int64),
        place[rows.owner[picked]], (rows.tte.time[picked], rows.crossed[picked], columns), df,
    )  # fmt: skip
    return found, who


def told(crossed: NDArray[np.bool_], columns: Vector) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Visits and columns from which a model of switching can be told, the constant column first.

    Where nobody switches at one value of an indicator, its coefficient is infinite, the chance there 0, and those
    visits say nothing of the other coefficients: without them, and the indicator, the maximum is the same.

    >>> kept, telling = told(np.array([False, True, False]), np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 1.0]]))
    >>> kept.tolist(), telling.tolist()
    ([1, 2], [0])
    """
    kept, telling = np.arange(len(crossed)), np.arange(columns.shape[1])
    while crossed[kept].any():
        for j in telling[1:]:
            column, here = columns[kept, j], crossed[kept]
            values = np.unique(column)
            if len(values) == 2 and np.isin(values, (0.0, 1.0)).all():
                mute = [v for v in values if not here[column == v].any()]
                if mute:
                    kept, telling = kept[column != mute[0]], telling[telling != j]
                    break
        else:
            break
    return kept, telling


def martingale(time: Vector, event: NDArray[np.bool_]) -> Vector:
    """Events less the hazard met by each subject, (n,), of one group without covariates, with Efron's ties.

    With d of n dying together the hazard jumps by 1/n + 1/(n-1) + ... + 1/(n-d+1); each of the d meets the r-th of
    these terms with a share 1 - r/d, r from 0 on.

    >>> martingale(np.array([1.0, 2.0, 2.0]), np.array([True, True, False])).round(6).tolist()  # 2/3, 1/6, -5/6
    [0.666667, 0.166667, -0.833333]
    """
    times, deaths = np.unique(time[event], return_counts=True)
    if not len(times):
        return np.zeros(len(time))
    ordered = np.sort(time)
    at_risk = len(time) - np.searchsorted(ordered, times, side="left")
    sums = np.concatenate([[0.0], np.cumsum(1.0 / np.arange(1, len(time) + 1))])
    jump = sums[at_risk] - sums[at_risk - deaths]
    own = 1.0 - (at_risk - deaths) / deaths * jump
    total = np.concatenate([[0.0], np.cumsum(jump)])
    met = total[np.searchsorted(times, time, side="right")]
    step = np.searchsorted(times, time[event])
    met[event] = total[step] + own[step]
    return np.asarray(event - met, dtype=np.float64)
