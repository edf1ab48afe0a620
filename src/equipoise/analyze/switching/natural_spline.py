"""Natural cubic splines of time, with R's basis: what a switching model has for an intercept that changes by visit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline

from .record import Vector


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Knots:
    """Boundary knots ``low`` and ``high``, and the ``inner`` ones between them."""

    low: float
    high: float
    inner: Vector

    @property
    def df(self) -> int:
        """Number of columns."""
        return len(self.inner) + 1


def knots_of(times: Vector, df: int) -> Knots | None:
    """Boundary knots at the range of the times, inner ones at their quantiles 1/df, 2/df ... (type 7).

    Quantiles that fall on one another or on the boundary are left out, so that there may be fewer columns than ``df``;
    None where not even a straight line is left: no df, or no two different times.

    >>> knots_of(np.array([1.0, 2.0, 4.0, 8.0]), 2).inner.tolist(), knots_of(np.array([3.0, 3.0]), 2)
    ([3.0], None)
    """
    if df < 1 or not len(times) or times.min() == times.max():
        return None
    low, high = float(times.min()), float(times.max())
    inner = np.unique(np.quantile(times, np.arange(1, df) / df))
    return Knots(low=low, high=high, inner=inner[(inner > low) & (inner < high)])


def natural_spline(times: Vector, knots: Knots) -> Vector:
    """Columns of a natural cubic spline at the times, (n, df), without the constant: linear beyond the boundary.

    The B-spline columns but the first, turned so that two of the directions are those whose second derivative at a
    boundary knot is not zero, and without these (R's ns; its coefficients are these too).

    >>> natural_spline(np.array([0.0, 5.0, 10.0]), Knots(low=0.0, high=10.0, inner=np.empty(0)))[:, 0].round(6).tolist()
    [0.0, 0.400892, 0.801784]
    """
    ends = np.array([knots.low, knots.high])
    at = np.concatenate([[knots.low] * 4, knots.inner, [knots.high] * 4])
    basis = BSpline(at, np.eye(len(at) - 4), 3)
    inside = np.clip(times, knots.low, knots.high)
    columns = np.array(basis(inside)) + _beyond(times, ends, np.array(basis(ends, nu=1)))
    bend = np.array(basis(ends, nu=2))[:, 1:]
    turned = np.linalg.qr(bend.T, mode="complete")[0][:, 2:]
    return np.asarray(columns[:, 1:] @ turned, dtype=np.float64)


def _beyond(times: Vector, ends: Vector, slopes: NDArray[np.float64]) -> Vector:
    """What a straight line adds before the first and after the last knot."""
    before = np.minimum(times - ends[0], 0.0)[:, None]
    after = np.maximum(times - ends[1], 0.0)[:, None]
    return np.asarray(before * slopes[0] + after * slopes[1])
