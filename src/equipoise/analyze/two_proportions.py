"""Two shares compared: Miettinen and Nurminen's score limits of their difference and ratio, stratified or not."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, ndtr, ndtri

from .. import results
from ..survival.convention import ArgumentError, check_level
from .counts import Counts, Vector, two_by_two

StratumWeights = Literal["cmh", "sample size"]

NO_STRATUM = "no stratum holds subjects of both arms"
NO_EVENTS = "nobody has the event in either arm"
NO_CONTROL_EVENTS = "nobody has the event in the control arm: the ratio has no upper limit"
_WEIGHTS = {"cmh": "Cochran-Mantel-Haenszel weights", "sample size": "weights by sample size"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Experimental against control: an effect of counts with score limits and the two-sided P of no effect.

    ``z`` is above zero where the experimental arm has the larger share or rate. What is not estimable is ``nan``
    beside a ``reason``; an upper limit of ``inf`` is none. ``silent_strata`` counts from 1 the strata that hold one
    arm only and say nothing.
    """

    name: str
    estimate: float
    conf_int: tuple[float, float]
    z: float
    p_value: float
    level: float
    reason: str
    silent_strata: tuple[int, ...]
    method: str

    def __str__(self) -> str:
        if math.isnan(self.estimate):
            return f"{self.name} {results.NOT_ESTIMABLE}: {self.reason}"
        low, high = (results.fixed(x, 4) for x in self.conf_int)
        shown = "infinite" if math.isinf(self.estimate) else results.fixed(self.estimate, 4)
        if math.isinf(self.conf_int[1]):
            high = "infinity"
        return f"{self.name} {shown} ({100 * self.level:g}% CI {low} to {high}), {results.p_equals(self.p_value)}"


def risk_difference(
    events_1: Counts,
    total_1: Counts,
    events_0: Counts,
    total_0: Counts,
    *,
    level: float = 0.95,
    weights: StratumWeights = "cmh",
) -> Comparison:
    """The share who have the event in the experimental arm (1) less that in the control arm (0), common to all strata.

    Counts are whole numbers, or sequences with one entry a stratum. Limits are all differences that the score test
    does not reject; its variance takes the shares by maximum likelihood under the difference, times N / (N - 1)
    (Miettinen and Nurminen 1985; the closed form of Farrington and Manning 1990). Strata are weighted by
    n1 n0 / (n1 + n0) ("cmh"; the test is then that of Cochran, Mantel and Haenszel) or by their size.

    Raises ``DataError`` for counts that cannot be, ``ArgumentError`` for a level or weights that do not exist.

    >>> print(risk_difference(72, 103, 49, 104))
    Risk difference 0.2279 (95% CI 0.0940 to 0.3538), P = 0.0009
    """
    tables = _tables(events_1, total_1, events_0, total_0)
    level = check_level(level)
    w, method = _weights(tables, weights), _method("risk difference", tables, weights)
    if not len(w):
        return _none("Risk difference", NO_STRATUM, tables, level, method)
    share_1, share_0 = tables.x1 / tables.n1, tables.x0 / tables.n0
    fails_1, fails_0 = _failures(tables)
    by_stratum = np.where(fails_1 + fails_0 < 1, fails_0 - fails_1, share_1 - share_0)
    estimate = min(1.0, max(-1.0, float(w @ by_stratum / w.sum())))

    def z_of(delta: float, off: float) -> float:
        variance = _variances_given_difference(tables, delta)
        return _z(off * float(w.sum()), float(w**2 @ (variance * tables.correction)))

    quantile = float(ndtri(0.5 + level / 2))
    limits = _limit_of_difference(z_of, estimate, -1.0, quantile), _limit_of_difference(z_of, estimate, 1.0, quantile)
    return _compared("Risk difference", estimate, limits, z_of(0.0, estimate), level, tables, method)


def risk_ratio(
    events_1: Counts,
    total_1: Counts,
    events_0: Counts,
    total_0: Counts,
    *,
    level: float = 0.95,
    weights: StratumWeights = "cmh",
) -> Comparison:
    """The share who have the event in the experimental arm (1) over that in the control arm (0), common to all strata.

    Counts, strata and weights as in ``risk_difference``; the ratio is that of the weighted shares, limits are all
    ratios that the score test does not reject (Miettinen and Nurminen 1985). Without an event among the control arm's
    the ratio is infinite and has a lower limit only.

    Raises ``DataError`` for counts that cannot be, ``ArgumentError`` for a level or weights that do not exist.

    >>> print(risk_ratio(72, 103, 49, 104))
    Risk ratio 1.4837 (95% CI 1.1738 to 1.9038), P = 0.0009
    """
    tables = _tables(events_1, total_1, events_0, total_0)
    level = check_level(level)
    w, method = _weights(tables, weights), _method("risk ratio", tables, weights)
    if not len(w):
        return _none("Risk ratio", NO_STRATUM, tables, level, method)
    share_1, share_0 = tables.x1 / tables.n1, tables.x0 / tables.n0
    above, below = float(w @ share_1), float(w @ share_0)
    if above == 0 and below == 0:
        return _none("Risk ratio", NO_EVENTS, tables, level, method)

    fails_1, fails_0 = _failures(tables)

    def z_of(ratio: float) -> float:
        few = abs(1 - ratio) + fails_1 + ratio * fails_0 < share_1 + ratio * share_0
        off = np.where(few, (1 - ratio) - (fails_1 - ratio * fails_0), share_1 - ratio * share_0)
        return _z(float(w @ off), float(w**2 @ (_variances_given_ratio(tables, ratio) * tables.correction)))

    estimate = above / below if below > 0 else math.inf
    limits = _limits_of_ratio(z_of, estimate, float(ndtri(0.5 + level / 2)))
    reason = NO_CONTROL_EVENTS if below == 0 else ""
    return _compared("Risk ratio", estimate, limits, z_of(1.0), level, tables, method, reason)


def crossing(z_of: Callable[[float], float], start: float, value: float) -> float:
    """Where a falling function of any number comes to ``value``: steps away from ``start`` double until beyond it."""
    near, step = start, 1.0 if z_of(start) > value else -1.0
    while (z_of(near + step) > value) == (step > 0):
        near, step = near + step, 2 * step
    return float(brentq(lambda x: z_of(x) - value, near, near + step, xtol=1e-15, rtol=1e-15))


def _limit_of_difference(z_of: Callable[[float, float], float], estimate: float, end: float, quantile: float) -> float:
    """The difference on the way from the estimate to an end of the range that the score test just does not reject.

    Searched for as the log odds of the share of the way, so that neither a limit next to the estimate (many subjects)
    nor one next to the end is lost. ``z_of`` takes a difference, and by how much the estimate exceeds it.
    """
    side, way = math.copysign(1.0, end), abs(end - estimate)
    if way == 0:
        return end

    def at(odds: float) -> float:
        return estimate + side * way * float(expit(odds)) if odds < 0 else end - side * way * float(expit(-odds))

    return at(crossing(lambda odds: side * z_of(at(odds), -side * way * float(expit(odds))), 0.0, -quantile))


def _limits_of_ratio(z_of: Callable[[float], float], estimate: float, quantile: float) -> tuple[float, float]:
    """Limits of a ratio, searched for as its logarithm; 0 and infinity are their own limits."""
    start = 0.0 if estimate == 0 or math.isinf(estimate) else math.log(estimate)
    low = 0.0 if estimate == 0 else math.exp(crossing(lambda x: z_of(math.exp(x)), start, quantile))
    high = math.inf if math.isinf(estimate) else math.exp(crossing(lambda x: z_of(math.exp(x)), start, -quantile))
    return low, high


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Tables:
    """Events x and totals n by stratum (h,), of the strata that hold both arms; ``silent`` are the others."""

    x1: Vector
    n1: Vector
    x0: Vector
    n0: Vector
    silent: tuple[int, ...]
    given: int

    @property
    def correction(self) -> Vector:
        """N / (N - 1)."""
        size = self.n1 + self.n0
        return size / (size - 1)


def _tables(events_1: Counts, total_1: Counts, events_0: Counts, total_0: Counts) -> _Tables:
    x1, n1, x0, n0 = two_by_two(events_1, total_1, events_0, total_0)
    both = (n1 > 0) & (n0 > 0)
    silent = tuple((np.flatnonzero(~both) + 1).tolist())
    return _Tables(x1=x1[both], n1=n1[both], x0=x0[both], n0=n0[both], silent=silent, given=len(x1))


def _weights(tables: _Tables, weights: str) -> Vector:
    if weights not in tuple(_WEIGHTS):
        raise ArgumentError(f"unknown weights {weights!r}", remedy=f"Use one of {', '.join(_WEIGHTS)}.")
    size = tables.n1 + tables.n0
    return tables.n1 * tables.n0 / size if weights == "cmh" else size


def _failures(tables: _Tables) -> tuple[Vector, Vector]:
    """Shares without the event: differences are taken of the smaller numbers, so that shares next to 1 keep digits."""
    return (tables.n1 - tables.x1) / tables.n1, (tables.n0 - tables.x0) / tables.n0


def smaller_rate(x: Vector, u: Vector, gap: float, amount: Vector) -> Vector:
    """s with x / s + u / (s + gap) = amount, by the form of the quadratic's root that loses no digit."""
    linear = amount * gap - x - u
    root = np.sqrt(linear**2 + 4 * amount * x * gap) + np.abs(linear)
    return np.where(linear <= 0, root / (2 * amount), 2 * x * gap / np.maximum(root, 1e-300))


def _variances_given_difference(tables: _Tables, delta: float) -> Vector:
    """Variance (h,) of the difference of the shares that make the counts most likely while it is delta.

    s is the smaller share, s + gap the larger: x of n and u of m have the event. The slope of the likelihood,
    x / s - (n - x) / (1 - s) + u / (s + gap) - (m - u) / (1 - gap - s), falls in s. Where it is still above zero in
    the middle, failures and events change places: s is then the least of the four probabilities and keeps its digits.
    Newton steps find its zero, between bounds that come from holding the two slow terms at their ends.
    """
    gap = abs(delta)
    middle = (1 - gap) / 2
    if middle <= 0:
        return np.zeros_like(tables.n1)
    arms = (tables.x0, tables.n0, tables.x1, tables.n1) if delta >= 0 else (tables.x1, tables.n1, tables.x0, tables.n0)
    x, n, u, m = arms
    turned = (x - (m - u)) / middle + (u - (n - x)) / (middle + gap) > 0
    x, n, u, m = (np.where(turned, b, a) for a, b in zip(arms, (m - u, m, n - x, n), strict=True))
    y, v = n - x, m - u
    low = smaller_rate(x, u, gap, y / (middle + gap) + v / middle)
    high = np.minimum(smaller_rate(x, u, gap, y + v / (2 * middle)), middle)
    s = (low + high) / 2
    for _ in range(200):
        up, down, rest = s + gap, 1 - s, (1 - gap) - s
        over_s = np.divide(x, s, out=np.zeros_like(s), where=x > 0)
        over_up = np.divide(u, up, out=np.zeros_like(s), where=u > 0)
        slope = over_s - y / down + over_up - v / rest
        bend = np.divide(over_s, s, out=np.zeros_like(s), where=x > 0) + y / down**2 + v / rest**2
        bend += np.divide(over_up, up, out=np.zeros_like(s), where=u > 0)
        low, high = np.where(slope > 0, s, low), np.where(slope > 0, high, s)
        new = s + slope / bend
        new = np.where((new >= low) & (new <= high), new, (low + high) / 2)
        moved, s = np.abs(new - s), new
        if np.all((moved <= 1e-10 * s) | (moved <= 4e-16 * (s + gap))):
            break
    return np.asarray(s * (1 - s) / n + (s + gap) * ((1 - gap) - s) / m, dtype=np.float64)


def _variances_given_ratio(tables: _Tables, ratio: float) -> Vector:
    """Variance (h,) of share 1 - ratio x share 0, at the shares that make the counts most likely while it is zero.

    The shares and their complements are roots of quadratics with a common discriminant; each is taken in the form, and
    the discriminant written as the sum, that does not cancel.
    """
    n1, n0, x1, x0 = tables.n1, tables.n0, tables.x1, tables.x0
    size, y1, y0 = n1 + n0, n1 - x1, n0 - x0
    b = (n1 + x0) * ratio + x1 + n0
    root = np.sqrt(((n1 + x0) * ratio - (x1 + n0)) ** 2 + 4 * ratio * y1 * y0)
    p0 = 2 * (x1 + x0) / (b + root)

    def complement(linear: Vector, product: Vector, twice: float | Vector) -> Vector:
        other = root + np.abs(linear)
        return np.where(linear > 0, 2 * product / np.maximum(other, 1e-300), other / twice)

    q0 = complement(b - 2 * size * ratio, y0 * (1 - ratio), 2 * size * ratio)
    q1 = complement(b - 2 * size, y1 * (ratio - 1), 2 * size)
    return np.asarray(ratio * p0 * np.maximum(q1, 0) / n1 + ratio**2 * p0 * np.maximum(q0, 0) / n0, dtype=np.float64)


def _z(difference: float, variance: float) -> float:
    """The score; 0, its limit, where nobody or everybody has the event and no difference is asked about."""
    if variance > 0:
        return difference / math.sqrt(variance)
    return math.copysign(math.inf, difference) if difference else 0.0


def _method(name: str, tables: _Tables, weights: str) -> str:
    strata = f"{tables.given} strata, {_WEIGHTS[weights]}" if tables.given > 1 else "unstratified"
    return f"{name}, Miettinen-Nurminen score limits and test, {strata}, two-sided"


def _none(name: str, reason: str, tables: _Tables, level: float, method: str) -> Comparison:
    nan = math.nan
    return Comparison(
        name=name, estimate=nan, conf_int=(nan, nan), z=nan, p_value=nan, level=level, reason=reason,
        silent_strata=tables.silent, method=method,
    )  # fmt: skip


def _compared(
    name: str,
    estimate: float,
    limits: tuple[float, float],
    z: float,
    level: float,
    tables: _Tables,
    method: str,
    reason: str = "",
) -> Comparison:
    return Comparison(
        name=name, estimate=estimate, conf_int=limits, z=z, p_value=float(2 * ndtr(-abs(z))), level=level,
        reason=reason,
        silent_strata=tables.silent, method=method,
    )  # fmt: skip
