"""Events over exposure: exact limits of a rate, score limits of the difference and ratio of two."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaincinv, ndtr, ndtri

from .. import results
from ..design.given import real_number
from ..errors import DataError
from ..survival.convention import ArgumentError, check_level
from ..units import TimeUnit, days, days_per
from .counts import one_count
from .two_proportions import NO_CONTROL_EVENTS, NO_EVENTS, Comparison, crossing, smaller_rate

GARWOOD = "exact Poisson limits (Garwood)"
_LEAST, _MOST = 1e-6, 1e20  # days of exposure
_SCORE = "score limits and test for Poisson rates (Miettinen-Nurminen), two-sided"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Events per so much exposure (``per``) with limits."""

    estimate: float
    conf_int: tuple[float, float]
    per: str
    level: float
    method: str

    def __str__(self) -> str:
        low, high = (results.significant(x) for x in self.conf_int)
        shown = results.significant(self.estimate)
        return f"Rate per {self.per} {shown} ({100 * self.level:g}% CI {low} to {high})"


def exposure_adjusted_rate(
    events: int, exposure: float, *, unit: TimeUnit, per: str = "100 years", level: float = 0.95
) -> Rate:
    """Events per ``per`` of exposure, taking events as Poisson: their number is compared with the time at risk.

    ``exposure`` is the sum over subjects in ``unit``; it ends with a subject's event where only first events count.
    Limits by Garwood (1936): every rate under which neither so few nor so many events are unlikely.

    Raises ``DataError`` for what is no single count and for exposure that is not above zero, ``ArgumentError`` for a
    level outside 0 to 1 and a ``per`` of no time.

    >>> print(exposure_adjusted_rate(12, 300, unit="years"))
    Rate per 100 years 4.000 (95% CI 2.067 to 6.987)
    """
    level = check_level(level)
    x = one_count(events, "events")
    time = _exposure(exposure, unit, "exposure") / _per(per)
    tail = (1 - level) / 2
    limits = (float(gammaincinv(x, tail)) if x else 0.0, float(gammaincinv(x + 1, 1 - tail)))
    return Rate(
        estimate=x / time,
        conf_int=(limits[0] / time, limits[1] / time),
        per=per,
        level=level,
        method=f"events per {per} of exposure, {GARWOOD}",
    )


def rate_difference(
    events_1: int,
    exposure_1: float,
    events_0: int,
    exposure_0: float,
    *,
    unit: TimeUnit,
    per: str = "100 years",
    level: float = 0.95,
) -> Comparison:
    """The experimental arm's (1) events per ``per`` of exposure less those of the control arm (0).

    Limits are all differences that the score test does not reject, with the rates by maximum likelihood under the
    difference (Miettinen and Nurminen 1985). Errors as in ``exposure_adjusted_rate``.

    >>> print(rate_difference(12, 300, 5, 310, unit="years"))
    Rate difference per 100 years 2.3871 (95% CI -0.2931 to 5.5547), P = 0.0775
    """
    level = check_level(level)
    x1, x0 = one_count(events_1, "events_1"), one_count(events_0, "events_0")
    t1 = _exposure(exposure_1, unit, "exposure_1") / _per(per)
    t0 = _exposure(exposure_0, unit, "exposure_0") / _per(per)
    estimate = x1 / t1 - x0 / t0

    def z_of(delta: float, off: float) -> float:
        gap = abs(delta)
        (x, t), (u, s) = ((x0, t0), (x1, t1)) if delta >= 0 else ((x1, t1), (x0, t0))
        smaller = float(smaller_rate(np.array(x), np.array(u), gap, np.array(t1 + t0)))
        variance = smaller / t + (smaller + gap) / s
        return off / math.sqrt(variance) if variance > 0 else 0.0

    # A limit is searched for as the logarithm of its distance from the estimate, which no scale of exposure loses.
    quantile, start = float(ndtri(0.5 + level / 2)), 0.5 * math.log((x1 + 1) / t1**2 + (x0 + 1) / t0**2)

    def limit(side: float) -> float:
        way = crossing(
            lambda log: side * z_of(estimate + side * math.exp(log), -side * math.exp(log)), start, -quantile
        )
        return estimate + side * math.exp(way)

    limits = limit(-1.0), limit(1.0)
    name, method = f"Rate difference per {per}", f"rate difference per {per} of exposure, {_SCORE}"
    return _compared(name, estimate, limits, z_of(0.0, estimate), level, method)


def rate_ratio(
    events_1: int, exposure_1: float, events_0: int, exposure_0: float, *, unit: TimeUnit, level: float = 0.95
) -> Comparison:
    """The experimental arm's (1) events per exposure over those of the control arm (0).

    Limits are all ratios that the score test does not reject, with the rates by maximum likelihood under the ratio
    (Miettinen and Nurminen 1985). Errors as in ``exposure_adjusted_rate``; without any event not estimable.

    >>> print(rate_ratio(12, 300, 5, 310, unit="years"))
    Rate ratio 2.4800 (95% CI 0.9115 to 6.7478), P = 0.0775
    """
    level = check_level(level)
    x1, x0 = one_count(events_1, "events_1"), one_count(events_0, "events_0")
    t1, t0 = _exposure(exposure_1, unit, "exposure_1"), _exposure(exposure_0, unit, "exposure_0")
    method = f"rate ratio, {_SCORE}"
    if x1 + x0 == 0:
        nan = math.nan
        return _compared("Rate ratio", nan, (nan, nan), nan, level, method, NO_EVENTS)

    # In rho = ratio t1 / t0 the score is (x1 - rho x0) / sqrt(rho (x1 + x0)): a quadratic in the root of rho.
    scale, quantile = t0 / t1, float(ndtri(0.5 + level / 2))
    spread = quantile * math.sqrt(x1 + x0)
    root = spread + math.sqrt(spread**2 + 4 * x1 * x0)
    low = scale * (2 * x1 / root) ** 2
    high = scale * (root / (2 * x0)) ** 2 if x0 else math.inf
    estimate = scale * x1 / x0 if x0 else math.inf
    z = (x1 - x0 / scale) / math.sqrt((x1 + x0) / scale)
    reason = "" if x0 else NO_CONTROL_EVENTS
    return _compared("Rate ratio", estimate, (low, high), z, level, method, reason)


def _exposure(exposure: float, unit: TimeUnit, name: str) -> float:
    """Exposure in days; refuses what is none, and what no trial has, before a rate of it overflows or vanishes."""
    time = real_number(exposure) * days_per(unit)
    if not _LEAST <= time <= _MOST:
        raise DataError(
            f"{exposure!r} is no exposure",
            column=name,
            remedy="Give the time at risk of all subjects as one number, from a millionth of a day to 10^20 days.",
        )
    return time


def _per(per: str) -> float:
    """Days of the exposure that events are counted per."""
    time = days(per)
    if not _LEAST <= time <= _MOST:
        raise ArgumentError(f"{per!r} is no time to count events per", where="per", remedy='Such as "100 years".')
    return time


def _compared(
    name: str, estimate: float, limits: tuple[float, float], z: float, level: float, method: str, reason: str = ""
) -> Comparison:
    return Comparison(
        name=name, estimate=estimate, conf_int=limits, z=z, p_value=float(2 * ndtr(-abs(z))), level=level,
        reason=reason,
        silent_strata=(), method=method,
    )  # fmt: skip
