"""The probability that correlated normal variables all lie within limits, by quadrature and without chance.

Plackett (1954): the derivative of the probability in a correlation is the bivariate density at the corners of
the two coordinates' limits, times the probability that the others lie within theirs, given that corner. So the
probability is the product of the margins plus one integral, over a path from no correlation to all of it, of
probabilities with two coordinates less. The ends are the normal and, by Owen's T function (Owen 1956), the
bivariate normal distribution. On the path every matrix is positive definite but the last, so that a singular
one is no special case: its corners are smoothed by u = 1 - t, and nodes are dense around u = 0.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, owens_t

from ..errors import UnsupportedError
from .convention import ArgumentError

Floats = NDArray[np.float64]

_MOST = 8  # coordinates: each two more take some hundred times as long
_EQUAL = 1e-14  # correlations this near to 1 or -1 are 1 or -1
_ROUNDING = 1e-9  # what a correlation matrix may lack in symmetry, diagonal and definiteness
_FAR = 38.0  # beyond it no normal variable lies, in floating point
_AT_ONCE = 100_000  # nodes held in memory


def rectangle_probability(lower: ArrayLike, upper: ArrayLike, correlation: ArrayLike) -> float:
    """P(lower <= Z <= upper) for Z normal with means 0, variances 1 and this correlation, of any rank.

    lower, upper (n,): may be infinite; correlation (n, n): symmetric, unit diagonal, positive semidefinite.
    Deterministic; absolute error below 1e-9 for up to six coordinates, 1e-7 for seven and eight, not counting
    those without limits and those that copy another. (Correlations within 1e-14 of 1 or -1 are taken as these,
    which may change the probability by 2e-8.) Up to four coordinates take milliseconds, five a tenth of a second,
    six a second, seven up to half a minute, eight minutes.

    Raises ``ArgumentError`` for limits or a matrix that are none, ``UnsupportedError`` beyond eight.

    Plackett (1954); Gassmann (2003) and Genz (2004) compare this with other ways.

    >>> rectangle_probability([0, 0, 0], [np.inf] * 3, np.eye(3))
    0.125
    >>> print(f"{rectangle_probability([-np.inf] * 2, [0, 0], [[1, 0.5], [0.5, 1]]):.12f}")  # 1/4 + asin(1/2) / (2 pi)
    0.333333333333
    """
    return _inside_and_outside(lower, upper, correlation)[0]


def outside_probability(lower: ArrayLike, upper: ArrayLike, correlation: ArrayLike) -> float:
    """1 - rectangle_probability, without loss of digits where it is small: the P value of a maximum.

    >>> print(f"{outside_probability([-np.inf] * 2, [10, 10], np.eye(2)):.6e}")  # 1 - ndtr(10)**2
    1.523971e-23
    """
    return _inside_and_outside(lower, upper, correlation)[1]


def _inside_and_outside(lower: ArrayLike, upper: ArrayLike, correlation: ArrayLike) -> tuple[float, float]:
    low, high, r = _reduced(*_checked(lower, upper, correlation))
    n = len(low)
    if (low >= high).any():
        return 0.0, 1.0
    if n > _MOST:
        raise UnsupportedError(
            f"the rectangle has {n} coordinates that differ",
            where="multivariate normal probability",
            remedy=f"It is computed for up to {_MOST}.",
        )
    inside, outside = _between(low, high), ndtr(low) + ndtr(-high)
    with_others = _dependence(low, high, r)
    # Bonferroni's bounds hold whatever the correlation; in the far tail they keep rounding inside
    all_in = min(max(float(np.prod(inside)) + with_others, 1 - float(outside.sum()), 0.0), float(inside.min(initial=1)))
    with np.errstate(divide="ignore"):  # a coordinate that is outside for certain
        apart = -math.expm1(float(np.log1p(-np.minimum(outside, 1.0)).sum()))
    any_out = min(max(apart - with_others, float(outside.max(initial=0.0))), float(outside.sum()), 1.0)
    return all_in, any_out


def _checked(lower: ArrayLike, upper: ArrayLike, correlation: ArrayLike) -> tuple[Floats, Floats, Floats]:
    low, high, r = (np.array(x, dtype=float) for x in (lower, upper, correlation))
    where = "multivariate normal probability"
    n = len(low) if low.ndim == 1 else -1
    if low.shape != high.shape or r.shape != (n, n):
        raise ArgumentError(
            f"limits of shapes {low.shape} and {high.shape} do not fit a correlation matrix of shape {r.shape}",
            where=where, remedy="Give n lower and n upper limits and an n by n matrix.",
        )  # fmt: skip
    if np.isnan(low).any() or np.isnan(high).any() or (low > high).any():
        raise ArgumentError(
            "a lower limit is missing or above its upper limit", where=where, remedy="Order the limits."
        )
    if not np.isfinite(r).all() or (abs(r - r.T) > _ROUNDING).any() or (abs(np.diag(r) - 1) > _ROUNDING).any():
        raise ArgumentError(
            "the matrix is no correlation matrix", where=where, remedy="It must be symmetric with 1 on its diagonal."
        )
    if n and (least := float(np.linalg.eigvalsh(r)[0])) < -_ROUNDING * n:
        raise ArgumentError(
            f"the correlations contradict each other: their matrix has the eigenvalue {least:g}",
            where=where,
            remedy="It must be positive semidefinite.",
        )
    return low, high, np.clip((r + r.T) / 2, -1, 1)


def _reduced(low: Floats, high: Floats, r: Floats) -> tuple[Floats, Floats, Floats]:
    """Without coordinates that have no limits, or copy another; each with a finite upper limit."""
    low, high = np.where(low < -_FAR, -math.inf, low), np.where(high > _FAR, math.inf, high)
    low, high = np.minimum(low, _FAR), np.maximum(high, -_FAR)
    turn = np.where(np.isinf(high) & np.isfinite(low), -1.0, 1.0)
    low, high = np.where(turn < 0, -high, low), np.where(turn < 0, -low, high)
    r = r * turn * turn[:, None]
    kept: list[int] = []
    for j in np.flatnonzero(np.isfinite(low) | (high < math.inf)):
        copied = next((i for i in kept if abs(r[i, j]) >= 1 - _EQUAL), None)
        if copied is None:
            kept.append(int(j))
            continue
        a, b = (low[j], high[j]) if r[copied, j] > 0 else (-high[j], -low[j])
        low[copied], high[copied] = max(low[copied], a), min(high[copied], b)
    return low[kept], high[kept], r[np.ix_(kept, kept)]


def _between(low: Floats, high: Floats) -> Floats:
    """P(low <= Z <= high), from the tail in which they lie."""
    return np.where(low > 0, ndtr(-low) - ndtr(-high), ndtr(high) - ndtr(low))


def _dependence(low: Floats, high: Floats, r: Floats) -> float:
    """What correlation adds to the product of the margins."""
    n = len(low)
    if n < 2:
        return 0.0
    widest = float(abs(r[np.triu_indices(n, 1)]).max())
    tolerance = 1e-13 if n <= 4 else 1e-10 if n == 5 else 1e-9 if n == 6 else 1e-7
    # a correlation of 1 - d has its corner at u = d; the outermost integral is cheap and never the coarse one
    nearest = 2.0 ** math.floor(math.log2(max(1 - widest, _EQUAL)) / 2 - 2)
    nodes = _nodes(min(tolerance, 1e-11), 5, nearest)
    symmetric = bool((low == -high).all())
    total = _added(low[None], high[None], r[None], nodes, tolerance, outermost=True, symmetric=symmetric)
    return float(total[0])


@lru_cache(maxsize=64)
def _nodes(tolerance: float, least: int, nearest: float = 1.0) -> tuple[Floats, Floats]:
    """Nodes u of [0, 1] and weights for du: Gauss-Legendre in sqrt(u), on panels that halve toward 0.

    In s = sqrt(u), du / sqrt(1 - rho^2) stays smooth where rho goes to 1. On each panel the error falls by
    some eleven a node; a panel near 0 counts by its u and needs fewer. Measured, not proved: the constants.
    """
    want = 1e-3 / tolerance
    edges, points = [1.0, 0.9, 0.7], []
    while edges[-1] ** 2 * want > 1 or edges[-1] > nearest:
        edges.append(edges[-1] / 2)
    edges.append(0.0)
    for top, bottom in pairwise(edges):
        count = max(least, math.ceil(math.log(max(want * top**1.4, 1.0)) / 2.4))
        x, weight = np.polynomial.legendre.leggauss(count)
        s = (top + bottom) / 2 + (top - bottom) / 2 * x
        points.append((s * s, (top - bottom) * s * weight))
    u, du = (np.concatenate(x) for x in zip(*points, strict=True))
    return u, du


def _probability(low: Floats, high: Floats, r: Floats, tolerance: Floats) -> Floats:
    """P(low <= Z <= high) for m rectangles: low, high (m, n); r (m, n, n); tolerance (m,) of the absolute error."""
    n = low.shape[1]
    if n == 0:
        return np.ones(len(low))
    if n == 1:
        return _between(low[:, 0], high[:, 0])
    if n == 2:
        return _bivariate(low, high, r[:, 0, 1])
    out = np.prod(_between(low, high), axis=1)
    decade = np.clip(np.floor(np.log10(tolerance)), -14, -2)
    for d in np.unique(decade):
        nodes = _nodes(10.0**d, 2)
        these = np.flatnonzero(decade == d)
        step = max(1, _AT_ONCE // (2 * n * n * len(nodes[0])))
        for part in np.split(these, range(step, len(these), step)):
            out[part] += _added(low[part], high[part], r[part], nodes, 10.0**d)
    return out


def _bivariate(low: Floats, high: Floats, r: Floats) -> Floats:
    """P(low <= Z <= high) for m pairs: low, high (m, 2) with finite upper limits; r (m,)."""
    out = _owen(high[:, 0], high[:, 1], r)
    first, second = low[:, 0] > -_FAR, low[:, 1] > -_FAR
    for bounded, x, y, sign in (
        (first, low[:, 0], high[:, 1], -1.0),
        (second, high[:, 0], low[:, 1], -1.0),
        (first & second, low[:, 0], low[:, 1], 1.0),
    ):
        if bounded.any():
            out[bounded] += sign * _owen(x[bounded], y[bounded], r[bounded])
    return out


def _owen(h: Floats, k: Floats, r: Floats) -> Floats:
    """P(Z1 <= h, Z2 <= k) by Owen's T function (Owen 1956)."""
    h, k = (np.where(x == 0, 1e-300, x) for x in (h, k))  # the limit from above, which settles signs
    root = np.maximum(np.sqrt((1 - r) * (1 + r)), 1e-200)
    with np.errstate(over="ignore"):
        t = owens_t(h, (k - r * h) / h / root) + owens_t(k, (h - r * k) / k / root)
    return (ndtr(h) + ndtr(k)) / 2 - t - np.where((h > 0) != (k > 0), 0.5, 0.0)


def _added(
    low: Floats,
    high: Floats,
    r: Floats,
    nodes: tuple[Floats, Floats],
    tolerance: float,
    *,
    outermost: bool = False,
    symmetric: bool = False,
) -> Floats:
    """The integral over the path, for m rectangles of n coordinates: what ``_probability`` lacks of the product.

    ``symmetric``: low = -high, so that two corners stand for four. The outermost integral may be tiny and the
    P value of a far tail: its tolerance is relative.
    """
    m, n = low.shape
    pairs = np.array(np.triu_indices(n, 1))
    others = np.array([[k for k in range(n) if k not in pair] for pair in pairs.T], dtype=int)
    corner, weight = _corners(low, high, r[:, pairs[0], pairs[1]], pairs, nodes[0], symmetric)
    weight = weight * nodes[1]
    size = abs(weight)
    scale = min(float(size.sum()), 1.0) if outermost else 1.0
    if not scale > 0:
        return np.zeros(m)
    kind, row, pair, at = np.nonzero(size > 0.01 * tolerance * scale)
    weight = weight[kind, row, pair, at]
    inner = _given(low, high, r, row, pairs[:, pair], others[pair], corner[:, kind, row, pair], nodes[0][at])
    probability = _probability(*inner, tolerance * np.sqrt(scale / abs(weight)))
    total = np.bincount(row, weights=weight * probability, minlength=m).astype(float)
    return 2 * total if symmetric else total


def _corners(
    low: Floats, high: Floats, r: Floats, pairs: NDArray[np.int64], u: Floats, symmetric: bool
) -> tuple[Floats, Floats]:
    """Corners of each pair's limits and the derivative along the path there.

    r (m, p): correlation of each pair. Returns corner (2, c, m, p) and r times the bivariate density at the
    correlation (1 - u) r, with the corner's sign (c, m, p, u).
    """
    bounded = np.isfinite(low)
    finite = np.where(bounded, low, 0.0)
    kinds = [(1, 1), (1, 0), (0, 1), (0, 0)] if bounded.any() else [(1, 1)]
    if symmetric:
        kinds = kinds[:2]
    corner = np.empty((2, len(kinds), *r.shape))
    sign = np.ones((len(kinds), *r.shape))
    for c, kind in enumerate(kinds):
        for which in range(2):
            column = pairs[which]
            corner[which, c] = (high if kind[which] else finite)[:, column]
            if not kind[which]:
                sign[c] *= np.where(bounded[:, column], -1.0, 0.0)
    x, y = corner[..., None]
    r = r[..., None]
    more, less = _sum_and_difference(r, u)
    density = np.exp(-((x + y) ** 2 / more + (x - y) ** 2 / less) / 4) / (2 * math.pi * np.sqrt(more * less))
    return corner, sign[..., None] * r * density


def _sum_and_difference(r: Floats, u: Floats) -> tuple[Floats, Floats]:
    """1 + rho and 1 - rho at rho = (1 - u) r, without cancellation: half the variances of sum and difference."""
    return 1 + r - r * u, 1 - r + r * u


def _given(
    low: Floats,
    high: Floats,
    r: Floats,
    row: NDArray[np.int64],
    pair: NDArray[np.int64],
    others: NDArray[np.int64],
    corner: Floats,
    u: Floats,
) -> tuple[Floats, Floats, Floats]:
    """Limits and correlation of the others, given that a pair sits in a corner, all correlations times 1 - u.

    row (q,) names the rectangle, pair (2, q) the pair, others (q, n - 2) the rest; corner (2, q) its place;
    u (q,). Sum and difference of the pair are independent, which spares digits where the pair is nearly one.
    """
    rows, (first, second), u = row[:, None], pair[:, :, None], u[:, None]
    more, less = (np.sqrt(2 * x) for x in _sum_and_difference(r[rows, first, second], u))
    to_first, to_second = r[rows, others, first], r[rows, others, second]
    a, b = (1 - u) * (to_first + to_second) / more, (1 - u) * (to_first - to_second) / less
    mean = a * (corner[0] + corner[1])[:, None] / more + b * (corner[0] - corner[1])[:, None] / less
    deviation = np.sqrt(np.maximum(1 - a * a - b * b, 1e-32))
    low, high = (low[rows, others] - mean) / deviation, (high[rows, others] - mean) / deviation
    if others.shape[1] < 2:
        return low, high, np.ones((len(row), 1, 1))
    between = (1 - u)[:, :, None] * r[row[:, None, None], others[:, :, None], others[:, None, :]]
    covariance = between - a[:, :, None] * a[:, None] - b[:, :, None] * b[:, None]
    return low, high, np.clip(covariance / (deviation[:, :, None] * deviation[:, None]), -1, 1)
