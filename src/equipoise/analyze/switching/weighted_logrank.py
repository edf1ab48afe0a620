"""The log-rank test of rows that carry weights, which may change from row to row of a subject."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from .record import Vector

NO_CONTRAST = "no death tells the arms apart"


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightedLogRank:
    """Weighted deaths less expected ones in the experimental arm, their variance, and z (above 0 favours that arm)."""

    score: float
    variance: float
    z: float
    p_value: float
    reason: str = ""


def weighted_logrank(
    start: Vector,
    stop: Vector,
    event: NDArray[np.bool_],
    arm: NDArray[np.int64],
    weight: Vector,
    stratum: NDArray[np.int64],
    sign: float = -1.0,
) -> WeightedLogRank:
    """Equal hazards in the weighted population, of rows (start, stop], all (m,); arm 1 is the experimental one.

    With N the weights at risk and n the rows, each death time adds d(n - d) / (n(n - 1)) times
    (N1/N)^2 sum w^2 in control + (N0/N)^2 sum w^2 in experimental to the variance (Xie and Liu 2005). ``sign``: -1
    where the event is a harm. With all weights 1 this is the log-rank test.

    >>> rows = np.zeros(4), np.array([1.0, 2, 3, 4]), np.ones(4, dtype=bool), np.array([0, 1, 0, 1])
    >>> found = weighted_logrank(*rows, np.ones(4), np.zeros(4, dtype=np.int64))
    >>> round(found.score, 6), round(found.variance, 6)  # 0 + 1 + 0 + 1 less 1/2 + 2/3 + 1/2 + 1
    (-0.666667, 0.722222)
    """
    score = variance = 0.0
    for code in np.unique(stratum):
        rows = stratum == code
        u, v = _of_stratum(start[rows], stop[rows], event[rows], arm[rows], weight[rows])
        score, variance = score + u, variance + v
    if not variance > 0:
        return WeightedLogRank(score=score, variance=0.0, z=math.nan, p_value=math.nan, reason=NO_CONTRAST)
    z = sign * score / math.sqrt(variance)
    return WeightedLogRank(score=score, variance=variance, z=z, p_value=float(2 * ndtr(-abs(z))))


def _of_stratum(
    start: Vector, stop: Vector, event: NDArray[np.bool_], arm: NDArray[np.int64], weight: Vector
) -> tuple[float, float]:
    times, when = np.unique(stop[event], return_inverse=True)
    if not len(times):
        return 0.0, 0.0
    treated = arm == 1
    by_stop, by_start = np.argsort(stop), np.argsort(start)
    at_stop = np.searchsorted(stop[by_stop], times, side="left")
    at_start = np.searchsorted(start[by_start], times, side="left")

    def at_risk(values: Vector) -> Vector:
        """Sum over rows with start < t <= stop."""
        began = np.concatenate([[0.0], np.cumsum(values[by_start])])[at_start]
        ended = np.concatenate([[0.0], np.cumsum(values[by_stop])])[at_stop]
        return began - ended

    def dying(values: Vector) -> Vector:
        return np.bincount(when.reshape(-1), weights=values[event], minlength=len(times)).astype(np.float64)

    n, d = at_risk(np.ones(len(stop))), dying(np.ones(len(stop)))
    total, in_treated = at_risk(weight), at_risk(weight * treated)
    share = in_treated / total
    squares = share**2 * at_risk(weight**2 * ~treated) + (1 - share) ** 2 * at_risk(weight**2 * treated)
    several = n > 1
    factor = np.where(several, d * (n - d) / np.where(several, n * (n - 1), 1.0), 0.0)
    from_treated = at_risk(treated.astype(np.float64))  # whole numbers: where one arm alone is at risk, nothing counts
    mixed = (from_treated > 0) & (from_treated < n)
    score = dying(weight * treated) - dying(weight) * share
    return float((score * mixed).sum()), float((factor * squares * mixed).sum())
