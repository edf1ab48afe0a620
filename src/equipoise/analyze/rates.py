"""Events over exposure: exact limits of a rate, score limits of the difference and ratio of two."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import gammaincinv, ndtr

from .. import results
from ..errors import DataError
from ..survival.convention import check_level
from ..units import TimeUnit, days, days_per
from .two_proportions import NO_CONTROL_EVENTS, NO_EVENTS, Comparison, counts_by_stratum, ratio_limits, score_limits

GARWOOD = "exact Poisson limits (Garwood)"
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

    Raises ``DataError`` for no count and for exposure that is not above zero, ``ArgumentError`` for the level.

    >>> print(exposure_adjusted_rate(12, 300, unit="years"))
    Rate per 100 years 4.000 (95% CI 2.067 to 6.987)
    """
    check_level(level)
    x = _count(events, "events")
    time = _exposure(exposure, unit, "exposure") / days(per)
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
    check_level(level)
    x1, x0 = _count(events_1, "events_1"), _count(events_0, "events_0")
    t1 = _exposure(exposure_1, unit, "exposure_1") / days(per)
    t0 = _exposure(exposure_0, unit, "exposure_0") / days(per)
    estimate = x1 / t1 - x0 / t0

    def z_of(delta: float) -> float:
        total, linear = t1 + t0, (t1 + t0) * delta - x1 - x0
        root = math.sqrt(max(linear**2 + 4 * total * x0 * delta, 0.0))
        # Of the two forms of the root the one without cancellation.
        rate_0 = (root - linear) / (2 * total) if linear <= 0 else 2 * x0 * delta / (root + linear)
        rate_0 = max(rate_0, 0.0, -delta)
        variance = (rate_0 + delta) / t1 + rate_0 / t0
        off = estimate - delta
        return off / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, off) if off else 0.0

    # Differences run from minus to plus infinity: they are searched for as t = d / (scale + |d|), from -1 to 1.
    scale = (x1 + x0 + 1) / (t1 + t0)
    low, high = score_limits(
        lambda t: z_of(scale * t / (1 - abs(t))), estimate / (scale + abs(estimate)), (-1.0, 1.0), level
    )
    limits = (scale * low / (1 - abs(low)), scale * high / (1 - abs(high)))
    name, method = f"Rate difference per {per}", f"rate difference per {per} of exposure, {_SCORE}"
    return _compared(name, estimate, limits, z_of(0.0), level, method)


def rate_ratio(
    events_1: int, exposure_1: float, events_0: int, exposure_0: float, *, unit: TimeUnit, level: float = 0.95
) -> Comparison:
    """The experimental arm's (1) events per exposure over those of the control arm (0).

    Limits are all ratios that the score test does not reject, with the rates by maximum likelihood under the ratio
    (Miettinen and Nurminen 1985). Errors as in ``exposure_adjusted_rate``; without any event not estimable.

    >>> print(rate_ratio(12, 300, 5, 310, unit="years"))
    Rate ratio 2.4800 (95% CI 0.9115 to 6.7478), P = 0.0775
    """
    check_level(level)
    x1, x0 = _count(events_1, "events_1"), _count(events_0, "events_0")
    t1, t0 = _exposure(exposure_1, unit, "exposure_1"), _exposure(exposure_0, unit, "exposure_0")
    method = f"rate ratio, {_SCORE}"
    if x1 + x0 == 0:
        nan = math.nan
        return _compared("Rate ratio", nan, (nan, nan), nan, level, method, NO_EVENTS)

    def z_of(ratio: float) -> float:
        rate_0 = (x1 + x0) / (t1 * ratio + t0)
        return (x1 / t1 - ratio * x0 / t0) / math.sqrt(ratio * rate_0 / t1 + ratio**2 * rate_0 / t0)

    estimate = x1 / t1 / (x0 / t0) if x0 else math.inf
    limits = ratio_limits(z_of, estimate, level)
    reason = "" if x0 else NO_CONTROL_EVENTS
    return _compared("Rate ratio", estimate, limits, z_of(1.0), level, method, reason)


def _count(events: int, name: str) -> int:
    return int(counts_by_stratum(**{name: events})[name][0])


def _exposure(exposure: float, unit: TimeUnit, name: str) -> float:
    """Exposure in days."""
    if not (isinstance(exposure, int | float) and 0 < exposure < math.inf):
        raise DataError(
            f"{exposure!r} is no exposure", column=name, remedy="Give the time at risk of all subjects, above zero."
        )
    return float(exposure) * days_per(unit)


def _compared(
    name: str, estimate: float, limits: tuple[float, float], z: float, level: float, method: str, reason: str = ""
) -> Comparison:
    return Comparison(
        name=name, estimate=estimate, conf_int=limits, z=z, p_value=float(2 * ndtr(-abs(z))), level=level,
        reason=reason,
        silent_strata=(), method=method,
    )  # fmt: skip
