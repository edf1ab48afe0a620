"""How the values of a sample are spread: range, quartiles, median."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

METHOD = "quartiles by linear interpolation between order statistics (type 7 of Hyndman and Fan 1996)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A sample in five numbers, in the unit of its values; ``nan`` beside a ``reason`` where there is no value.

    ``count`` is the number of values; ``missing`` of those that are not there.
    """

    count: int
    missing: int
    minimum: float
    lower_quartile: float
    median: float
    upper_quartile: float
    maximum: float
    reason: str = ""

    def __str__(self) -> str:
        if self.reason:
            return self.reason
        return f"{self.count} values from {self.minimum:g} to {self.maximum:g}, median {self.median:g}"


def spread(values: ArrayLike) -> Spread:
    """Median, quartiles and range of the values that are there; ``nan`` is a missing one.

    The quantile p is the value at the place 1 + (n - 1) p of the sorted sample, between two values in proportion.
    Source: Hyndman and Fan 1996, their type 7, which is R's default.

    >>> print(spread([1.0, 2.0, 4.0, 8.0]))
    4 values from 1 to 8, median 3
    >>> spread([1.0, 2.0, 4.0, 8.0]).upper_quartile
    5.0
    >>> spread([]).reason
    'there is no value'
    """
    given = np.asarray(values, dtype=np.float64)
    known = given[~np.isnan(given)]
    missing = int(given.size - known.size)
    if known.size == 0:
        five, reason = [math.nan] * 5, "there is no value"
    else:
        ordered = np.sort(known).tolist()
        five, reason = [_quantile(ordered, p) for p in (0, 0.25, 0.5, 0.75, 1)], ""
    low, q1, median, q3, high = five
    return Spread(
        count=int(known.size), missing=missing, minimum=low, lower_quartile=q1, median=median, upper_quartile=q3,
        maximum=high, reason=reason,
    )  # fmt: skip


def _quantile(ordered: list[float], p: float) -> float:
    """As ``np.quantile``, to the bit, without the tenth of a millisecond that it takes for a hundred values."""
    place = (len(ordered) - 1) * p
    below = int(place)
    low, high, part = ordered[below], ordered[min(below + 1, len(ordered) - 1)], place - below
    return low + (high - low) * part if part < 0.5 else high - (high - low) * (1 - part)
