"""Shares of subjects: Wilson's and Clopper-Pearson limits of one, Newcombe's limits of the difference of two."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import betaincinv, ndtri

from .. import results
from ..errors import DataError
from ..survival.convention import check_level
from .counts import one_share

MOST_EXACT = 10**8  # events, and others: beyond, the quantile of the beta distribution loses digits
NOBODY = "there is no subject"
WILSON = "Wilson score limits without continuity correction"
CLOPPER_PEARSON = "exact Clopper-Pearson limits"
NEWCOMBE = "Newcombe's hybrid score limits (method 10) without continuity correction"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proportion:
    """One share with its limits; ``nan`` beside a ``reason`` where nobody is there to have one."""

    estimate: float
    conf_int: tuple[float, float]
    level: float
    reason: str
    method: str

    def __str__(self) -> str:
        return _sentence("Proportion", self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The first share minus the second with its limits; ``nan`` beside a ``reason`` where one of them has none."""

    estimate: float
    conf_int: tuple[float, float]
    level: float
    reason: str
    method: str

    def __str__(self) -> str:
        return _sentence("Difference of proportions", self)


def wilson(events: int, total: int, level: float = 0.95) -> Proportion:
    """The share of subjects who have the event, with Wilson's limits.

    Limits are all shares that the score test at ``1 - level`` does not reject. None of ``total`` have the lower
    limit 0, all have the upper limit 1; a total of 0 is not estimable. Raises ``DataError`` for counts that cannot
    be, ``ArgumentError`` for a level outside 0 to 1. Source: Wilson 1927; Newcombe 1998 (single proportion).

    >>> print(wilson(81, 263))
    Proportion 0.3080 (95% CI 0.2553 to 0.3662)
    >>> wilson(0, 0).reason
    'there is no subject'
    """
    level = check_level(level)
    return _wilson(*one_share(events, total), level)


def _wilson(events: int, total: int, level: float) -> Proportion:
    if total == 0:
        return Proportion(estimate=math.nan, conf_int=(math.nan,) * 2, level=level, reason=NOBODY, method=WILSON)
    limits = _wilson_limits(events, total, float(ndtri((1 + level) / 2)))
    return Proportion(estimate=events / total, conf_int=limits, level=level, reason="", method=WILSON)


def _wilson_limits(events: int, total: int, z: float) -> tuple[float, float]:
    return _lower(events, total, z), 1 - _lower(total - events, total, z)


def clopper_pearson(events: int, total: int, level: float = 0.95) -> Proportion:
    """The share of subjects who have the event, with exact limits, which cover at least as often as they say.

    Limits are all shares under which neither so few nor so many events have a probability below half of
    ``1 - level``. None of ``total`` have the lower limit 0, all have the upper limit 1; a total of 0 is not estimable.
    Raises ``DataError`` for counts that cannot be and for more than 10^8 both with and without the event,
    ``ArgumentError`` for a level outside 0 to 1. Source: Clopper and Pearson 1934.

    >>> print(clopper_pearson(23, 103))
    Proportion 0.2233 (95% CI 0.1471 to 0.3160)
    """
    level = check_level(level)
    events, total = one_share(events, total)
    method = CLOPPER_PEARSON
    if total == 0:
        return Proportion(estimate=math.nan, conf_int=(math.nan,) * 2, level=level, reason=NOBODY, method=method)
    if min(events, total - events) > MOST_EXACT:
        raise DataError(
            f"exact limits of {events} of {total} would lose digits",
            column="events",
            remedy="Use wilson(): with more than 10^8 events and as many others its limits are the same.",
        )
    tail = (1 - level) / 2
    lower = float(betaincinv(events, total - events + 1, tail)) if events else 0.0
    upper = float(betaincinv(events + 1, total - events, 1 - tail)) if events < total else 1.0
    return Proportion(estimate=events / total, conf_int=(lower, upper), level=level, reason="", method=method)


def difference(events_1: int, total_1: int, events_2: int, total_2: int, level: float = 0.95) -> Difference:
    """The share who have the event among the first subjects minus that among the second, with Newcombe's limits.

    Each limit lies from the estimate as far as the two Wilson limits that bring the shares closest (or farthest
    apart) lie from theirs, added as squares. A total of 0 is not estimable. Raises ``DataError`` for counts that
    cannot be, ``ArgumentError`` for a level outside 0 to 1. Source: Newcombe 1998, method 10, and its example:

    >>> print(difference(56, 70, 48, 80))
    Difference of proportions 0.2000 (95% CI 0.0524 to 0.3339)
    >>> difference(1, 2, 0, 0).reason
    'there is no subject'
    """
    level = check_level(level)
    counts_1 = one_share(events_1, total_1, ("events_1", "total_1"))
    counts_2 = one_share(events_2, total_2, ("events_2", "total_2"))
    if counts_1[1] == 0 or counts_2[1] == 0:
        return Difference(estimate=math.nan, conf_int=(math.nan,) * 2, level=level, reason=NOBODY, method=NEWCOMBE)
    z = float(ndtri((1 + level) / 2))
    first, second = (events / total for events, total in (counts_1, counts_2))
    (low_1, high_1), (low_2, high_2) = _wilson_limits(*counts_1, z), _wilson_limits(*counts_2, z)
    estimate = first - second
    lower = estimate - math.hypot(first - low_1, high_2 - second)
    upper = estimate + math.hypot(high_1 - first, second - low_2)
    return Difference(estimate=estimate, conf_int=(lower, upper), level=level, reason="", method=NEWCOMBE)


def _lower(events: int, total: int, z: float) -> float:
    """The smaller root of (n + z^2) p^2 - (2 x + z^2) p + x^2 / n = 0, in the form that loses no digit near 0."""
    middle = 2 * events + z * z
    root = z * math.sqrt(z * z + 4 * events * (total - events) / total)
    return 2 * events * events / total / (middle + root)


def _sentence(name: str, share: Proportion | Difference) -> str:
    if share.reason:
        return f"{name} {results.NOT_ESTIMABLE}: {share.reason}"
    low, high = (results.fixed(x, 4) for x in share.conf_int)
    return f"{name} {results.fixed(share.estimate, 4)} ({100 * share.level:g}% CI {low} to {high})"
