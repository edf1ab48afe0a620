"""Kaplan-Meier figures as rows of the long table: curves, limits, censorings and the table of numbers at risk."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

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
    found: list[_Series] = []
    per = days_per(unit)
    last = max(float(c.time[-1]) for c in curves.values())
    marks = time_marks(last / per, unit) * per
    for arm, curve in curves.items():
        found += _heights(arm, "curve survival", curve.survival, curve, "survival")
        lost = curve.censored > 0
        found.append(_counts(arm, "curve censored", curve.time[lost], curve.censored[lost]))
        table = curve.risk_table_at(marks)
        found.append(_counts(arm, "at risk", marks, table.at_risk))
        found.append(_counts(arm, "events before", marks, table.events))
        found.append(_counts(arm, "censored before", marks, table.censored))
    return _rows(found, context)


def incidence_rows(curves: CumulativeIncidence, unit: TimeUnit, **context: Any) -> list[Row]:
    """Everything that a figure of cumulative incidence of the first cause draws, as ``figure_rows`` does."""
    found: list[_Series] = []
    per = days_per(unit)
    first = {arm: by_cause[1] for arm, by_cause in curves.items()}
    last = max(float(c.time[-1]) for c in first.values())
    marks = time_marks(last / per, unit) * per
    for arm, curve in first.items():
        found += _heights(arm, "curve cumulative incidence", curve.estimate, curve, "the incidence")
        lost = curve.censored > 0
        found.append(_counts(arm, "curve censored", curve.time[lost], curve.censored[lost]))
        before = np.searchsorted(curve.time, marks, side="left")
        gone = {
            name: np.concatenate([[0.0], np.cumsum(counts)])[before]
            for name, counts in (("events", curve.event), ("competing", curve.competing), ("censored", curve.censored))
        }
        found.append(_counts(arm, "at risk", marks, curve.subjects - np.sum([*gone.values()], axis=0)))
        found += [_counts(arm, f"{name} before", marks, counts) for name, counts in gone.items()]
    return _rows(found, context)


class _Series(NamedTuple):
    """Points of a figure that belong together: fields of rows, lists with a value a point."""

    group: str
    statistic: str
    level: float | None
    unit: str
    at: list[float]
    value: list[float | None]
    text: list[str]
    reason: list[str]


def _heights(
    arm: str, statistic: str, heights: NDArray[np.float64], curve: Curve | Incidence, what: str
) -> Iterator[_Series]:
    """A curve and its limits at all its times."""
    why, at = f"not defined where {what} is 0 or 1", curve.time.tolist()
    for name, values, level in (
        (statistic, heights, None),
        ("curve lower limit", curve.lower, curve.level),
        ("curve upper limit", curve.upper, curve.level),
    ):
        value, reason = values.tolist(), [""] * len(at)
        for i in np.flatnonzero(~np.isfinite(values)).tolist():
            value[i], reason[i] = None, why
        yield _Series(arm, name, level, "probability", at, value, results.fixed_each(values, 4), reason)


def _counts(arm: str, statistic: str, at: NDArray[np.float64], counts: NDArray[np.float64]) -> _Series:
    value = counts.astype(float).tolist()
    text = [f"{count:g}" for count in value]
    return _Series(arm, statistic, None, "subjects", at.astype(float).tolist(), value, text, [""] * len(value))


def _rows(found: Sequence[_Series], context: Mapping[str, Any]) -> list[Row]:
    """The points of all series, one after another, made at once."""
    columns: dict[str, list[Any]] = {name: [] for name in _Series._fields}
    for series in found:
        for held, column in zip(series, columns.values(), strict=True):
            column += held if isinstance(held, list) else [held] * len(series.at)
    return results.rows_of(**columns, **context)


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
