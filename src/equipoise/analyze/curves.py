"""Kaplan-Meier figures as rows of the long table: curves, limits, censorings and the table of numbers at risk."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

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


def figure_rows(curves: Mapping[str, Curve], unit: TimeUnit, **context: Any) -> list[Row]:
    """Everything that a Kaplan-Meier figure draws, at times in days; ``context`` are further fields of every row."""
    rows: list[Row] = []
    per = days_per(unit)
    last = max(float(c.time[-1]) for c in curves.values())
    marks = time_marks(last / per, unit) * per
    for arm, curve in curves.items():
        own = {"group": arm, **context}
        rows += _series("curve survival", curve.survival, curve, "survival", own)
        lost = curve.censored > 0
        rows += _counts("curve censored", curve.time[lost], curve.censored[lost], own)
        table = curve.risk_table_at(marks)
        rows += _counts("at risk", marks, table.at_risk, own)
        rows += _counts("events before", marks, table.events, own)
        rows += _counts("censored before", marks, table.censored, own)
    return rows


def incidence_rows(curves: CumulativeIncidence, unit: TimeUnit, **context: Any) -> list[Row]:
    """Everything that a figure of cumulative incidence of the first cause draws, as ``figure_rows`` does."""
    rows: list[Row] = []
    per = days_per(unit)
    first = {arm: by_cause[1] for arm, by_cause in curves.items()}
    last = max(float(c.time[-1]) for c in first.values())
    marks = time_marks(last / per, unit) * per
    for arm, curve in first.items():
        own = {"group": arm, **context}
        rows += _series("curve cumulative incidence", curve.estimate, curve, "the incidence", own)
        lost = curve.censored > 0
        rows += _counts("curve censored", curve.time[lost], curve.censored[lost], own)
        before = np.searchsorted(curve.time, marks, side="left")
        gone = {
            name: np.concatenate([[0.0], np.cumsum(counts)])[before]
            for name, counts in (("events", curve.event), ("competing", curve.competing), ("censored", curve.censored))
        }
        rows += _counts("at risk", marks, curve.subjects - np.sum([*gone.values()], axis=0), own)
        rows += [row for name, counts in gone.items() for row in _counts(f"{name} before", marks, counts, own)]
    return rows


def _series(
    statistic: str, heights: NDArray[np.float64], curve: Curve | Incidence, what: str, context: dict[str, Any]
) -> list[Row]:
    """A curve and its limits at all its times."""
    series = (
        (statistic, heights, None),
        ("curve lower limit", curve.lower, curve.level),
        ("curve upper limit", curve.upper, curve.level),
    )
    why = f"not defined where {what} is 0 or 1"
    rows: list[Row] = []
    for name, values, level in series:
        drawn = values.tolist()
        rows += results.rows_of(
            statistic=name, at=curve.time.tolist(), level=level, unit="probability",
            value=[v if math.isfinite(v) else None for v in drawn],
            text=[results.fixed(v, 4) for v in drawn],
            reason=["" if math.isfinite(v) else why for v in drawn], **context,
        )  # fmt: skip
    return rows


def _counts(statistic: str, at: NDArray[np.float64], counts: NDArray[np.float64], context: dict[str, Any]) -> list[Row]:
    value = counts.astype(float).tolist()
    text = [f"{count:g}" for count in value]
    return results.rows_of(
        statistic=statistic, at=at.astype(float).tolist(), value=value, text=text, unit="subjects", **context
    )


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
