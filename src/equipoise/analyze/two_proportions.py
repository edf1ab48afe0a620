"""Two shares compared: Miettinen and Nurminen's score limits of their difference and ratio, stratified or not."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from .. import results
from ..errors import DataError
from ..survival.convention import ArgumentError, check_level

Vector = NDArray[np.float64]
Counts = int | Sequence[int]
StratumWeights = Literal["cmh", "sample size"]

NO_STRATUM = "no stratum holds subjects of both arms"
NO_EVENTS = "nobody has the event in either arm"
NO_CONTROL_EVENTS = "nobody has the event in the control arm: the ratio has no upper limit"
_NEAR_END = 1e-12  # a root closer to an end of the range than this share of the way to it is the end
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
    check_level(level)
    w, method = _weights(tables, weights), _method("risk difference", tables, weights)
    if not len(w):
        return _none("Risk difference", NO_STRATUM, tables, level, method)
    share_1, share_0 = tables.x1 / tables.n1, tables.x0 / tables.n0
    estimate = float(w @ (share_1 - share_0) / w.sum())

    def z_of(delta: float) -> float:
        p0 = _shares_given_difference(tables, delta)
        p1 = np.clip(p0 + delta, 0.0, 1.0)
        variance = p1 * (1 - p1) / tables.n1 + p0 * (1 - p0) / tables.n0
        return _z(float(w @ (share_1 - share_0 - delta)), float(w**2 @ (variance * tables.correction)))

    limits = score_limits(z_of, estimate, (-1.0, 1.0), level)
    return _compared("Risk difference", estimate, limits, z_of(0.0), level, tables, method)


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
    check_level(level)
    w, method = _weights(tables, weights), _method("risk ratio", tables, weights)
    if not len(w):
        return _none("Risk ratio", NO_STRATUM, tables, level, method)
    share_1, share_0 = tables.x1 / tables.n1, tables.x0 / tables.n0
    above, below = float(w @ share_1), float(w @ share_0)
    if above == 0 and below == 0:
        return _none("Risk ratio", NO_EVENTS, tables, level, method)

    def z_of(ratio: float) -> float:
        p0 = _shares_given_ratio(tables, ratio)
        p1 = ratio * p0
        variance = p1 * (1 - p1) / tables.n1 + ratio**2 * p0 * (1 - p0) / tables.n0
        return _z(float(w @ (share_1 - ratio * share_0)), float(w**2 @ (variance * tables.correction)))

    estimate = above / below if below > 0 else math.inf
    limits = ratio_limits(z_of, estimate, level)
    reason = NO_CONTROL_EVENTS if below == 0 else ""
    return _compared("Risk ratio", estimate, limits, z_of(1.0), level, tables, method, reason)


def score_limits(
    z_of: Callable[[float], float], estimate: float, ends: tuple[float, float], level: float
) -> tuple[float, float]:
    """The values at which a score statistic, which falls as its argument grows, comes to its two quantiles.

    ``ends`` of the parameter's range are finite; one that is not rejected is the limit itself.
    """
    quantile = float(ndtri(0.5 + level / 2))

    def root(side: float, end: float) -> float:
        way = end - estimate
        near, far = estimate + way * _NEAR_END, end - way * _NEAR_END
        if way == 0 or side * z_of(far) < quantile:
            return end
        return float(brentq(lambda x: z_of(x) - side * quantile, near, far, xtol=1e-16, rtol=1e-14))

    return root(1.0, ends[0]), root(-1.0, ends[1])


def ratio_limits(z_of: Callable[[float], float], estimate: float, level: float) -> tuple[float, float]:
    """Limits of a ratio, from 0 to infinity: searched for as the share r / (1 + r), which runs from 0 to 1."""
    share = 1.0 if math.isinf(estimate) else estimate / (1 + estimate)
    limits = score_limits(lambda s: z_of(s / (1 - s)), share, (0.0, 1.0), level)
    low, high = (math.inf if s == 1 else s / (1 - s) for s in limits)
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


def counts_by_stratum(**given: Counts) -> dict[str, Vector]:
    """Counts as arrays with one entry a stratum; refuses what is no count, and lists of different lengths."""
    found: dict[str, Vector] = {}
    for name, value in given.items():
        column = np.atleast_1d(np.asarray(value))
        if column.dtype.kind not in "iuf" or column.ndim != 1 or not len(column):
            raise DataError(f"{value!r} is no count of subjects", column=name, remedy="Give whole numbers.")
        wrong = ~np.isfinite(column) | (column < 0) | (column != np.floor(column))
        if wrong.any():
            raise DataError(
                f"{column[wrong][0]} is no count of subjects", column=name, remedy="Give whole numbers from 0."
            )
        found[name] = column.astype(np.float64)
    if len({len(column) for column in found.values()}) > 1:
        lengths = ", ".join(f"{name} {len(column)}" for name, column in found.items())
        raise DataError(f"the counts have different numbers of strata: {lengths}", remedy="Give one entry a stratum.")
    return found


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


def _tables(events_1: Counts, total_1: Counts, events_0: Counts, total_0: Counts) -> _Tables:
    x1, n1, x0, n0 = two_by_two(events_1, total_1, events_0, total_0)
    both = (n1 > 0) & (n0 > 0)
    silent = tuple((np.flatnonzero(~both) + 1).tolist())
    return _Tables(x1=x1[both], n1=n1[both], x0=x0[both], n0=n0[both], silent=silent, given=len(x1))


def _weights(tables: _Tables, weights: str) -> Vector:
    if weights not in _WEIGHTS:
        raise ArgumentError(f"unknown weights {weights!r}", remedy=f"Use one of {', '.join(_WEIGHTS)}.")
    size = tables.n1 + tables.n0
    return tables.n1 * tables.n0 / size if weights == "cmh" else size


def _shares_given_difference(tables: _Tables, delta: float) -> Vector:
    """Control shares (h,) that make the counts most likely while the difference is delta.

    The score equation in p0 is a cubic with three real roots, of which one is a pair of shares (Farrington and
    Manning 1990); two Newton steps on it restore the digits that the arc cosine loses where roots meet.
    """
    n1, n0, x1, x0 = tables.n1, tables.n0, tables.x1, tables.x0
    third = n1 + n0
    second = (n1 + 2 * n0) * delta - third - x1 - x0
    first = (n0 * delta - third - 2 * x0) * delta + x1 + x0
    zeroth = x0 * delta * (1 - delta)
    b = second / (3 * third)
    q = b**3 - first * second / (6 * third**2) + zeroth / (2 * third)
    p = np.where(q < 0, -1.0, 1.0) * np.sqrt(np.maximum(b**2 - first / (3 * third), 0.0))
    ratio = np.divide(q, p**3, out=np.zeros_like(q), where=p != 0)
    angle = (math.pi + np.arccos(np.clip(ratio, -1.0, 1.0))) / 3
    low, high = max(0.0, -delta), min(1.0, 1.0 - delta)
    root = np.clip(2 * p * np.cos(angle) - b, low, high)
    for _ in range(2):
        value = ((third * root + second) * root + first) * root + zeroth
        slope = (3 * third * root + 2 * second) * root + first
        step = np.divide(value, slope, out=np.zeros_like(root), where=np.abs(slope) > 1e-6 * third)
        root = np.clip(root - step, low, high)
    return np.asarray(root, dtype=np.float64)


def _shares_given_ratio(tables: _Tables, ratio: float) -> Vector:
    """Control shares (h,) that make the counts most likely while the ratio is as given: the root of a quadratic."""
    n1, n0, x1, x0 = tables.n1, tables.n0, tables.x1, tables.x0
    a = (n1 + n0) * ratio
    b = (n1 + x0) * ratio + x1 + n0
    c = x1 + x0
    root = 2 * c / (b + np.sqrt(np.maximum(b**2 - 4 * a * c, 0.0)))
    return np.minimum(root, min(1.0, 1.0 / ratio) if ratio > 0 else 1.0)


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
