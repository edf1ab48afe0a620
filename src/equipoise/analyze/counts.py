"""Counts of subjects and events as callers give them: whole numbers, one or one a stratum; anything else is refused."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError

Vector = NDArray[np.float64]
Counts = int | Sequence[int]

MOST = 10**15  # every whole number up to here is a float of its own, with room for sums
_WHOLE = "Give whole numbers from 0."


def counts_by_stratum(**given: Counts) -> dict[str, Vector]:
    """Counts as arrays with one entry a stratum; refuses what is no count, and lists of different lengths."""
    found: dict[str, Vector] = {}
    for name, value in given.items():
        try:
            column = np.atleast_1d(np.asarray(value))
        except (TypeError, ValueError):  # lists of lists of different lengths
            column = np.empty(0)
        if column.dtype.kind not in "iuf" or column.ndim != 1 or not len(column):
            raise DataError(f"{_shown(value)} is no count of subjects", column=name, remedy="Give whole numbers.")
        wrong = ~np.isfinite(column) | (column < 0) | (column != np.floor(column))
        if wrong.any():
            raise DataError(f"{column[wrong][0]} is no count of subjects", column=name, remedy=_WHOLE)
        if (column > MOST).any():
            raise DataError(f"{column.max()} is more than 10^15, no count of subjects", column=name, remedy=_WHOLE)
        found[name] = column.astype(np.float64)
    if len({len(column) for column in found.values()}) > 1:
        lengths = ", ".join(f"{name} {len(column)}" for name, column in found.items())
        raise DataError(f"the counts have different numbers of strata: {lengths}", remedy="Give one entry a stratum.")
    return found


def one_count(value: int, name: str) -> int:
    """A count as a Python integer, which no product overflows; refuses lists too."""
    if type(value) is int and 0 <= value <= MOST:
        return value
    found = counts_by_stratum(**{name: value})[name]
    if np.ndim(value):
        raise DataError(f"{_shown(value)} is no single count", column=name, remedy="Give one whole number, no list.")
    return int(found[0])


def one_share(events: int, total: int, names: tuple[str, str] = ("events", "total")) -> tuple[int, int]:
    """Events and total as Python integers; refuses more events than subjects."""
    x, n = one_count(events, names[0]), one_count(total, names[1])
    if x > n:
        raise DataError(
            f"{x} of {n} is no share of subjects", column=names[0], remedy="Give events from 0 to the total."
        )
    return x, n


def two_by_two(events_1: Counts, total_1: Counts, events_0: Counts, total_0: Counts) -> tuple[Vector, ...]:
    """The four counts by stratum; refuses more events than subjects."""
    found = counts_by_stratum(events_1=events_1, total_1=total_1, events_0=events_0, total_0=total_0)
    for arm in ("1", "0"):
        x, n = found[f"events_{arm}"], found[f"total_{arm}"]
        more = x > n
        if more.any():
            h = int(np.argmax(more))
            raise DataError(
                f"{x[h]:g} of {n[h]:g} is no share of subjects",
                column=f"events_{arm}" + (f", stratum {h + 1}" if len(x) > 1 else ""),
                remedy="Give events from 0 to the total.",
            )
    return tuple(found.values())


def _shown(value: object) -> str:
    try:
        text = repr(value)
    except ValueError:  # Python writes no integer of more than 4,300 digits
        text = "a number of thousands of digits"
    return text if len(text) <= 60 else text[:57] + "..."
