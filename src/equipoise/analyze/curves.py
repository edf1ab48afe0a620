"""Kaplan-Meier figures as rows of the long table: curves, limits, censorings and the table of numbers at risk."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from .. import results
from ..results import Row
from ..survival import CumulativeIncidence, Curve, Incidence
from ..units import TimeUnit, days_per

_MOST_STEPS = 8
_STEPS: dict[TimeUnit, tuple[float, ...]] = {
    "days": (1, 2, 5, 7, 14, 28, 30, 50, 60, 90, 100, 180, 200, 250, 360, 500),
    "weeks": (1, 2, 4, 8, 12, 26, 52, 104),
    "months": (1, 2, 3, 6, 12, 24, 36, 60),
    "years": (0.25, 0.5, 1, 2, 5, 10),
}


def figure_rows(curves: Mapping[str, Curve], unit: TimeUnit) -> list[Row]:
    """Everything that a Kaplan-Meier figure draws, at times in days."""
    rows: list[Row] = []
    per = days_per(unit)
    last = max(float(c.time[-1]) for c in curves.values())
    marks = time_marks(last / per, unit) * per
    for arm, curve in curves.items():
        rows += _series(arm, "curve survival", curve.survival, curve, "survival")
        lost = curve.censored > 0
        rows += _counts(arm, "curve censored", curve.time[lost], curve.censored[lost])
        table = curve.risk_table_at(marks)
        rows += _counts(arm, "at risk", marks, table.at_risk)
        rows += _counts(arm, "events before", marks, table.events)
        rows += _counts(arm, "censored before", marks, table.censored)
    return rows


def incidence_rows(curves: CumulativeIncidence, unit: TimeUnit) -> list[Row]:
    """Everything that a figure of cumulative incidence of the first cause draws, at times in days."""
    rows: list[Row] = []
    per = days_per(unit)
    first = {arm: by_cause[1] for arm, by_cause in curves.items()}
    last = max(float(c.time[-1]) for c in first.values())
    marks = time_marks(last / per, unit) * per
    for arm, curve in first.items():
        rows += _series(arm, "curve cumulative incidence", curve.estimate, curve, "the incidence")
        lost = curve.censored > 0
        rows += _counts(arm, "curve censored", curve.time[lost], curve.censored[lost])
        before = np.searchsorted(curve.time, marks, side="left")
        gone = {
            name: np.concatenate([[0.0], np.cumsum(counts)])[before]
            for name, counts in (("events", curve.event), ("competing", curve.competing), ("censored", curve.censored))
        }
        rows += _counts(arm, "at risk", marks, curve.subjects - np.sum([*gone.values()], axis=0))
        rows += [row for name, counts in gone.items() for row in _counts(arm, f"{name} before", marks, counts)]
    return rows


def _series(arm: str, statistic: str, heights: NDArray[np.float64], curve: Curve | Incidence, what: str) -> list[Row]:
    """A curve and its limits at all its times."""
    series = (
        (statistic, heights, None),
        ("curve lower limit", curve.lower, curve.level),
        ("curve upper limit", curve.upper, curve.level),
    )
    rows: list[Row] = []
    for name, values, level in series:
        for t, v in zip(curve.time, values, strict=True):
            reason = f"not defined where {what} is 0 or 1" if math.isnan(v) else ""
            shown = results.number(float(v), results.fixed(float(v), 4), reason)
            rows.append(Row(group=arm, statistic=name, at=float(t), level=level, unit="probability", **shown))  # type: ignore[arg-type]
    return rows


def _counts(arm: str, statistic: str, at: NDArray[np.float64], counts: NDArray[np.float64]) -> list[Row]:
    return [
        Row(group=arm, statistic=statistic, at=float(t), value=float(c), text=f"{c:g}", unit="subjects")
        for t, c in zip(at, counts, strict=True)
    ]


def time_marks(last: float, unit: TimeUnit) -> NDArray[np.float64]:
    """Marks of the time axis from 0 to the last follow-up, in round steps, at most eight of them.

    >>> time_marks(33.0, "months").tolist()
    [0.0, 6.0, 12.0, 18.0, 24.0, 30.0]
    """
    wanted = last / _MOST_STEPS
    power = 10.0 ** math.floor(math.log10(wanted)) if wanted > 0 else 1.0
    round_steps = (*_STEPS[unit], *(s * power for s in (1, 2, 5, 10)))
    step = next(s for s in round_steps if s >= wanted)
    return np.arange(0, last + 1e-9, step)
