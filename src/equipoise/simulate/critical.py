"""Claims of simulated trials at bounds, and bounds at which no more of them than alpha are claims."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtrit

from .looks import Looks

Vector = NDArray[np.float64]


def error_of(share: float, trials: float) -> float:
    """The Monte Carlo error of a share of the trials; where all or none have it, of (x + 1) / (n + 2), since so many
    trials do not show that every one would; nan without trials.

    >>> round(error_of(0.5, 100), 4), round(error_of(0.0, 10), 4)
    (0.05, 0.0874)
    """
    if not trials or math.isnan(share):
        return math.nan
    if share <= 0 or share >= 1:
        share = 1 / (trials + 2)
    return math.sqrt(share * (1 - share) / trials)


def claims(z: Vector, looks: Looks) -> float:
    """The share of trials with Z (n, k) that stop for efficacy at the looks' bounds; nan stops for nothing."""
    with np.errstate(invalid="ignore"):
        up = z >= looks.efficacy
        stops = up | (z <= looks.futility) | ((z <= -looks.efficacy) & (looks.sided == 2))  # type: ignore[operator]
    first = np.where(stops.any(axis=1), stops.argmax(axis=1), 0)
    return float(up[np.arange(len(z)), first].mean())


def t_bounds(z: Vector, events: Vector) -> Vector:
    """Bounds on Z referred to t with events - 2 degrees of freedom, at each look's nominal one-sided level (k,);
    infinite at looks of fewer than 3 events.

    >>> t_bounds(np.array([1.959963984540054, np.inf]), np.array([32.0, 64.0])).round(4).tolist()
    [2.0423, inf]
    """
    some = (events > 2) & np.isfinite(z)  # stdtrit(df, 0) is infinite on the wrong side
    return np.where(some, -stdtrit(np.where(some, events - 2, 1), np.where(some, ndtr(-z), 0.5)), np.inf)


def constant(z: Vector, looks: Looks, alpha: float) -> tuple[float, float]:
    """By what all efficacy bounds are to be multiplied so that the share of trials with Z (n, k) that claim efficacy is
    alpha, or the next below it; with its Monte Carlo error.

    >>> from equipoise.simulate import Cut
    >>> looks_at_one = Looks(cuts=(Cut(events=9),), efficacy=[2.0], sided=1)
    >>> constant(np.array([[1.0], [2.0], [3.0], [5.0]]), looks_at_one, 0.5)[0]
    1.25
    """
    with np.errstate(invalid="ignore"):
        multiple = np.where(np.isfinite(looks.efficacy) & ~np.isnan(z), z / looks.efficacy, -np.inf)
        futile = z <= looks.futility  # type: ignore[operator]
    before = np.zeros((len(z), 1), dtype=bool)
    gone = np.hstack([before, np.logical_or.accumulate(futile, axis=1)[:, :-1]])
    if looks.sided == 2:  # the bound on the other side moves with this one: who is further out there has stopped there
        other = np.maximum.accumulate(np.where(np.isfinite(multiple), -multiple, -np.inf), axis=1)[:, :-1]
        gone[:, 1:] |= multiple[:, 1:] <= other
    highest = np.where(gone, -np.inf, multiple).max(axis=1)
    spread = error_of(alpha, len(z))
    low, high = (_quantile(highest, level) for level in (alpha + spread, alpha - spread))
    return _quantile(highest, alpha), (high - low) / 2


def _quantile(values: Vector, share: float) -> float:
    """What no more than the share of the values reach, between two of them."""
    ordered = np.sort(values)[::-1]
    allowed = math.floor(max(share, 0.0) * len(values) + 1e-9)
    last = ordered[min(allowed, len(values) - 1)]  # the highest that must not reach it
    above = ordered[ordered > last]
    return float((last + above[-1]) / 2) if len(above) else float(np.nextafter(last, np.inf))
