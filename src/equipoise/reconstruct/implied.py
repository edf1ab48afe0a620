"""What a printed ratio with its limits implies: standard error, events, Z of the tests. Floats and arrays only.

A ratio's logarithm b and its standard error s are known by windows only: the logarithms of the limits (a, c) = b -+ q s
lie in a rectangle, their mean in a strip. What remains is a polygon; standard error, and Z = -b / s, have their least
and greatest values at its corners (the one is linear in (a, c), the other a ratio of linear functions), so that nothing
is searched for.

Between Wald's test and the two others stands a fact of every Cox model with the arm alone, stratified or not, ties
handled as they may be: each event adds the cumulant function of a 0-1 variable to the log-likelihood (tied events that
of their sum, under the discrete model), whose third derivative is never above its second. So the information I(t)
changes by no more than a factor e^|t - b| between b and t, and with B = |b|

    I (e^-B - 1 + B) <= LR / 2 <= I (e^B - 1 - B),      2 (1 - e^(-B/2)) sqrt I <= |Z score| <= 2 (e^(B/2) - 1) sqrt I

(the second from U(0) = integral of I(t) over (0, b), I(t) as steep as allowed from 0 to the middle and from there to b:
the extremes of U(0) / sqrt I(0) have I(0) = I(b)). Limits of the likelihood are held by the same inequality.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from .windows import Window

Corners = NDArray[np.float64]
_LEAST = 1e-9  # of a ratio: 0.00 prints what is above zero
_NO_WIDTH = 1e-9  # of an interval


def logarithms(window: Window) -> Window:
    """A window of a ratio on the log scale; what is not above zero counts as a hair above it."""
    return math.log(max(window[0], _LEAST)), math.log(max(window[1], _LEAST))


def corners(estimate: Window | None, lower: Window, upper: Window) -> Corners:
    """Corners (k, 2) of the log limits that print as windows of a ratio and its limits do, the limits in order.

    Empty where no estimate lies in the middle of its limits, or they are not apart. Without an estimate the strip is
    the plane.

    >>> corners((0.625, 0.635), (0.465, 0.475), (0.835, 0.845)).shape
    (5, 2)
    >>> len(corners((0.36, 0.36), (0.465, 0.475), (0.835, 0.845)))
    0
    """
    (a0, a1), (c0, c1) = logarithms(lower), logarithms(upper)
    if a0 > a1 or c0 > c1:
        return np.empty((0, 2))
    shape = [(a0, c0), (a1, c0), (a1, c1), (a0, c1)]
    shape = _cut(shape, (-1.0, 1.0), 0.0)  # c - a >= 0
    if estimate is not None:
        b0, b1 = logarithms(estimate)
        shape = _cut(shape, (1.0, 1.0), 2 * b0)
        shape = _cut(shape, (-1.0, -1.0), -2 * b1)
    if max((c - a for a, c in shape), default=0.0) <= _NO_WIDTH:
        return np.empty((0, 2))  # no standard error is zero
    return np.array(shape, dtype=float).reshape(-1, 2)


def _cut(shape: list[tuple[float, float]], normal: tuple[float, float], least: float) -> list[tuple[float, float]]:
    """The part of a convex polygon where normal . x >= least; rounding of a part in 1e12 cuts nothing off."""
    if not shape:
        return []
    over = [normal[0] * x + normal[1] * y - least for x, y in shape]
    over = [0.0 if abs(v) < 1e-12 else v for v in over]
    kept = []
    for i, (here, v) in enumerate(zip(shape, over, strict=True)):
        last, before = shape[i - 1], over[i - 1]
        if v * before < 0:
            share = before / (before - v)
            kept.append((last[0] + share * (here[0] - last[0]), last[1] + share * (here[1] - last[1])))
        if v >= 0:
            kept.append(here)
    return list(dict.fromkeys(kept))


def estimates(found: Corners) -> Window:
    """Least and greatest log estimate."""
    middle = found.sum(axis=1) / 2
    return float(middle.min()), float(middle.max())


def standard_errors(found: Corners, level: float) -> Window:
    """Least and greatest standard error of the log ratio, the limits being Wald's.

    >>> found = corners((0.625, 0.635), (0.465, 0.475), (0.835, 0.845))
    >>> [float(f"{s:.4f}") for s in standard_errors(found, 0.95)]
    [0.1439, 0.1524]
    """
    half = (found[:, 1] - found[:, 0]) / (2 * quantile(level))
    return float(half.min()), float(half.max())


def quantile(level: float) -> float:
    """The standard normal quantile of a two-sided level."""
    return float(ndtri(0.5 + level / 2))


def wald_z(found: Corners, level: float) -> Window:
    """Least and greatest Z = -b / s; above zero where the ratio is below one.

    >>> found = corners((0.625, 0.635), (0.465, 0.475), (0.835, 0.845))
    >>> [float(f"{p:.4f}") for p in p_values(wald_z(found, 0.95), 2)]
    [0.0022, 0.0013]
    """
    total, width = found.sum(axis=1), found[:, 1] - found[:, 0]
    z = [
        -quantile(level) * t / w if w > 0 else math.copysign(math.inf, -t) if t else 0.0
        for t, w in zip(total, width, strict=True)
    ]
    return float(min(z)), float(max(z))


def p_values(z: Window, sided: int) -> Window:
    """P of the least and of the greatest Z: two-sided, or one-sided of benefit."""
    if sided == 1:
        return float(ndtr(-z[0])), float(ndtr(-z[1]))
    nearest = 0.0 if z[0] <= 0 <= z[1] else min(abs(z[0]), abs(z[1]))
    return float(2 * ndtr(-nearest)), float(2 * ndtr(-max(abs(z[0]), abs(z[1]))))


def least_events(found: Corners, level: float) -> Window:
    """4 / s^2 at the greatest and the least standard error. An event adds at most 1/4 to the information, so that no
    Cox model has fewer events than the first.

    >>> found = corners((0.625, 0.635), (0.465, 0.475), (0.835, 0.845))
    >>> [float(f"{d:.1f}") for d in least_events(found, 0.95)]
    [172.3, 193.1]
    """
    low, high = standard_errors(found, level)
    return 4 / high**2, (math.inf if low <= 0 else 4 / low**2)


def by_allocation(events: float, allocation: tuple[float, float]) -> float:
    """The number of events of which 4 / s^2 is what an allocation leaves: (1 + r)^2 / (4 r) times as many.

    >>> by_allocation(365, (2, 1))
    410.625
    """
    one, other = allocation
    return events * (one + other) ** 2 / (4 * one * other)


def likelihood_limits_fit(estimate: Window, lower: Window, upper: Window) -> bool:
    """Whether limits of the likelihood of a Cox model with the arm alone, of whatever level, can print so.

    Both limits lie where twice the drop of the log-likelihood is one number. With steps u and v from the estimate, the
    smaller u: e^-v - 1 + v <= e^u - 1 - u. The least v for the greatest u is at a corner of the windows.

    >>> lower, upper = (0.255, 0.265), (1.125, 1.135)
    >>> likelihood_limits_fit((0.505, 0.515), lower, upper), likelihood_limits_fit((0.405, 0.415), lower, upper)
    (True, False)
    """
    (b0, b1), (a0, a1), (c0, c1) = logarithms(estimate), logarithms(lower), logarithms(upper)
    if (a0 + c0) / 2 > b1:
        near, far = b1 - a0, c0 - b1
    elif (a1 + c1) / 2 < b0:
        near, far = c1 - b0, b0 - a1
    else:
        return True
    return near >= 0 and math.exp(-far) - 1 + far <= math.exp(near) - 1 - near


def stretch(test: str, b: Window) -> Window:
    """By which factors Z of another test of the same model can differ from Wald's, given the log estimate (theorem).

    >>> [float(f"{f:.3f}") for f in stretch("likelihood ratio", (-0.5, -0.4))]
    [0.923, 1.091]
    """
    far = max(abs(b[0]), abs(b[1]))
    if test == "Wald" or far < 1e-6:
        return 1.0, 1.0
    if test == "log-rank":
        return (1 - math.exp(-far / 2)) / (far / 2), (math.exp(far / 2) - 1) / (far / 2)
    return math.sqrt(2 * (math.expm1(-far) + far)) / far, math.sqrt(2 * (math.expm1(far) - far)) / far


def stretched(z: Window, by: Window) -> Window:
    """A range of Z with each end moved outward by the factor that moves it most."""
    return min(z[0] * by[0], z[0] * by[1]), max(z[1] * by[0], z[1] * by[1])


def z_of_p(p: Window, sided: int) -> Window:
    """The range of Z, of |Z| if two-sided, that a window of P stands for."""
    low, high = (min(max(x, 0.0), 1.0) / sided for x in p)
    return float(-ndtri(high)), float(-ndtri(low))


def apart(z: Window, printed: Window, sided: int) -> float:
    """How far a range of Z is from the one of a P; 0 where they meet. A one-sided P may be of either side."""
    turned = (-z[1], -z[0])
    if sided == 2:
        nearest = 0.0 if z[0] <= 0 <= z[1] else min(abs(z[0]), abs(z[1]))
        return _between((nearest, max(abs(z[0]), abs(z[1]))), printed)
    return min(_between(z, printed), _between(turned, printed))


def _between(first: Window, second: Window) -> float:
    if first[1] < second[0]:
        return second[0] - first[1]
    return max(first[0] - second[1], 0.0) if first[0] > second[1] else 0.0


def implied_levels(found: Corners, p: Window, sided: int) -> Window:
    """The levels of Wald limits that go with a P: (c - a) / |a + c| times its |Z| is the quantile."""
    z = tuple(abs(x) for x in z_of_p(p, sided))
    total, width = np.abs(found.sum(axis=1)), found[:, 1] - found[:, 0]
    ratios = [w / t if t > 0 else math.inf for t, w in zip(total, width, strict=True)]
    if np.any(found.sum(axis=1) > 0) and np.any(found.sum(axis=1) < 0):
        ratios.append(math.inf)
    ends = [r * x if r * x == r * x else 0.0 for r in (min(ratios), max(ratios)) for x in z]
    return float(2 * ndtr(min(ends)) - 1), float(2 * ndtr(max(ends)) - 1)
