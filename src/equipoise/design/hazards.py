"""How fast events come: hazards that are piecewise Weibull, and hazard ratios that may change with time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .. import results
from ..errors import DesignError
from ..units import DAYS_PER_MONTH, days
from .given import real_number
from .looks import listed

Vector = NDArray[np.float64]

_SHORTEST, _LONGEST = 1e-3, 1e7  # days: powers of medians beyond are no numbers


@dataclass(frozen=True, slots=True)
class Hazard:
    """A hazard of rates[j] times shape t^(shape - 1) from starts[j] on, t in days: piecewise exponential for shape 1.

    Made by ``median``, ``hazard``, ``survival_at`` and ``dropout``. Cumulative: the sum of rates[j] times what t^shape
    gains in the piece.

    >>> half = median("8 months")
    >>> half.survival([243.5, 487]).tolist()
    [0.5, 0.25]
    """

    starts: tuple[float, ...]
    rates: tuple[float, ...]
    shape: float = 1.0

    def cumulative(self, time: object) -> Vector:
        """Cumulative hazard at times (n,) in days."""
        t = np.asarray(time, dtype=float)
        ends = (*self.starts[1:], math.inf)
        total = np.zeros(t.shape)
        for start, end, rate in zip(self.starts, ends, self.rates, strict=True):
            if rate:
                total = total + rate * (np.clip(t, start, end) ** self.shape - start**self.shape)
        return np.asarray(total)

    def gone(self, t: float) -> float:
        """Cumulative hazard at one time, as ``cumulative`` gives it for many."""
        total = 0.0
        for start, end, rate in zip(self.starts, (*self.starts[1:], math.inf), self.rates, strict=True):
            if t <= start:
                break
            total += rate * (min(t, end) ** self.shape - start**self.shape)
        return total

    def at(self, time: object) -> Vector:
        """Hazard a day at times (n,) above zero, in days."""
        t = np.asarray(time, dtype=float)
        rate = np.array(self.rates)[np.searchsorted(self.starts, t, side="right") - 1]
        return np.asarray(rate if self.shape == 1 else rate * self.shape * t ** (self.shape - 1))

    def survival(self, time: object) -> Vector:
        """The share without an event at times (n,) in days."""
        return np.asarray(np.exp(-self.cumulative(time)))

    def median(self) -> float:
        """Days by which half have had an event; infinite where it is never half."""
        return self.reaching(math.log(2))

    def reaching(self, cumulative: float) -> float:
        """Days by which the cumulative hazard is so much; infinite where it never is."""
        left = cumulative
        for start, end, rate in zip(self.starts, (*self.starts[1:], math.inf), self.rates, strict=True):
            gain = rate * (end**self.shape - start**self.shape) if rate else 0.0
            if gain >= left:
                return float((start**self.shape + left / rate) ** (1 / self.shape))
            left -= gain
        return math.inf

    def times(self, ratio: HazardRatio) -> Hazard:
        """This hazard, multiplied by a hazard ratio that may change with time."""
        starts = sorted({*self.starts, *ratio.starts})
        base, factor = np.array(self.rates), np.array(ratio.values)
        rates = (
            base[np.searchsorted(self.starts, starts, side="right") - 1]
            * factor[np.searchsorted(ratio.starts, starts, side="right") - 1]
        )
        return Hazard(tuple(starts), tuple(rates.tolist()), self.shape)

    def __str__(self) -> str:
        if len(self.rates) == 1:
            told = f"median {results.fixed(self.median() / DAYS_PER_MONTH, 2)} months" if self.rates[0] else "none"
            return told + (f", Weibull shape {self.shape:g}" if self.shape != 1 else "")
        cuts = ", ".join(f"{start / DAYS_PER_MONTH:.4g}" for start in self.starts[1:])
        unit = DAYS_PER_MONTH**self.shape
        return f"{', '.join(f'{rate * unit:.4g}' for rate in self.rates)} a month, changing at {cuts} months"


@dataclass(frozen=True, slots=True)
class HazardRatio:
    """Hazard ratios, experimental over control, each from its start (days) on; the first start is zero.

    >>> print(piecewise_hazard_ratio([1, 0.55], until=["5 months"]))
    1 until 5 months, then 0.55
    """

    starts: tuple[float, ...]
    values: tuple[float, ...]

    def __str__(self) -> str:
        told = [
            f"{value:g} until {end / DAYS_PER_MONTH:.4g} months"
            for value, end in zip(self.values, self.starts[1:], strict=False)
        ]
        return ", then ".join([*told, f"{self.values[-1]:g}"])


def median(duration: str, *, shape: float = 1.0) -> Hazard:
    """A Weibull hazard by its median; exponential at shape 1.

    Raises ``DesignError`` for a median of zero and a shape that is not above zero.

    >>> print(median("2.4 months"))
    median 2.40 months
    """
    at = days(duration)
    if not _SHORTEST <= at <= _LONGEST:
        raise DesignError(
            f"a median of {duration} is none",
            where="median",
            remedy=f"Give a time from {_SHORTEST:g} days to {_LONGEST:g}.",
        )
    if not 0.2 <= real_number(shape) <= 10:
        raise DesignError(
            f"shape = {shape!r} is not between 0.2 and 10", where="median", remedy="1 is exponential, above 1 rising."
        )
    return Hazard((0.0,), (math.log(2) / at ** float(shape),), float(shape))


def hazard(monthly: float | Sequence[float], *, until: Sequence[str] = ()) -> Hazard:
    """Constant hazards, in events a month; ``until`` are the times at which they change, one fewer.

    >>> print(hazard([0.03, 0.06, 0.04], until=["5 months", "12 months"]))
    0.03, 0.06, 0.04 a month, changing at 5, 12 months
    """
    rates = _numbers(monthly, "hazard")
    starts = _starts(rates, until, "hazard")
    if min(rates) < 0:
        raise DesignError(f"a hazard of {min(rates):g} is below zero", where="hazard", remedy="Give rates a month.")
    return Hazard(starts, tuple(rate / DAYS_PER_MONTH for rate in rates))


def survival_at(shares: Mapping[str, float]) -> Hazard:
    """The piecewise exponential curve through the shares without an event at some times, as a paper prints them.

    >>> curve = survival_at({"12 months": 0.6, "60 months": 0.4})
    >>> curve.survival([365.25, 5 * 365.25]).round(9).tolist()
    [0.6, 0.4]
    """
    if not isinstance(shares, Mapping) or not shares:
        raise DesignError(f"{shares!r} gives no shares", where="survival_at", remedy='Such as {"12 months": 0.6}.')
    times = [days(at) for at in shares]
    left = [real_number(share) for share in shares.values()]
    falls = all(b < a for a, b in zip([1.0, *left], left, strict=False))
    rises = all(b > a for a, b in zip([0.0, *times], times, strict=False))
    if not (falls and rises and left[-1] > 0):
        raise DesignError(
            f"shares without an event {dict(shares)} do not fall from 1 over rising times, above zero",
            where="survival_at",
            remedy='Such as {"12 months": 0.6, "60 months": 0.4}.',
        )
    gains = -np.diff(np.log(left), prepend=0.0)
    rates = gains / np.diff(times, prepend=0.0)
    return Hazard((0.0, *times[:-1]), tuple(rates.tolist()))


def dropout(share: float, *, by: str) -> Hazard:
    """A constant hazard of dropping out, by which ``share`` would have left by a time if nobody had an event.

    >>> dropout(0.05, by="12 months").survival(365.25).round(9).tolist()
    0.95
    """
    if not 0 <= real_number(share) < 1 or not days(by) > 0:
        raise DesignError(
            f"a dropout of {share!r} by {by} is none", where="dropout", remedy='Such as dropout(0.05, by="12 months").'
        )
    return Hazard((0.0,), (-math.log1p(-float(share)) / days(by),))


def piecewise_hazard_ratio(values: Sequence[float], *, until: Sequence[str]) -> HazardRatio:
    """Hazard ratios that change at the times ``until``, one fewer than ratios: a delayed effect, or one that wanes."""
    ratios = _numbers(values, "hazard_ratio")
    if min(ratios) <= 0:
        raise DesignError(f"a hazard ratio of {min(ratios):g} is none", where="hazard_ratio", remedy="Above zero.")
    return HazardRatio(_starts(ratios, until, "hazard_ratio"), ratios)


def _numbers(given: object, where: str) -> tuple[float, ...]:
    """One number or several, finite."""
    many = [given] if not isinstance(given, Sequence | np.ndarray) or isinstance(given, str) else list(given)
    found = tuple(real_number(value) for value in many)
    if not found or not all(math.isfinite(value) for value in found):
        raise DesignError(f"{given!r} is no number, nor a list of numbers", where=where, remedy="Such as [0.03, 0.06].")
    return found


def _starts(values: tuple[float, ...], until: Sequence[str], where: str) -> tuple[float, ...]:
    times = [until] if isinstance(until, str) else listed(until)
    if times is None:
        raise DesignError(f"until = {until!r} are no times", where=where, remedy='Such as ["5 months", "12 months"].')
    ends = [days(end) for end in times]
    if len(ends) != len(values) - 1:
        raise DesignError(
            f"{len(values)} values have {len(ends)} times at which they change",
            where=where,
            remedy="Give one fewer: the last holds for ever.",
        )
    if any(later <= former for former, later in zip([0.0, *ends], ends, strict=False)):
        raise DesignError(f"the times {times} do not rise", where=where, remedy="Give them in order, above zero.")
    return (0.0, *ends)
