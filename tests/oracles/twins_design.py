"""Group sequential tests a second time: Simpson's rule on the grids of Jennison and Turnbull, bisection, plain NumPy.

Written for the tests, from the same papers and without a look at the package: another quadrature, another search for
the bounds, log tails not used.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.special import ndtr, ndtri

R = 96  # grid parameter: 16 leaves 1e-5, this one 1e-9 (1e-7 where two looks are 0.02 apart)


def grid(mean: float, low: float, high: float, r: int = R) -> tuple[np.ndarray, np.ndarray]:
    """Points and Simpson weights from low to high: dense within 3 of the mean, then at logarithmic distances."""
    i = np.arange(1, 6 * r)
    x = np.where(
        i < r,
        mean - 3 - 4 * np.log(r / np.minimum(i, r)),
        np.where(
            i <= 5 * r,
            mean - 3 + 3 * (i - r) / (2 * r),
            mean + 3 + 4 * np.log(r / (6.0 * r - np.minimum(i, 6 * r - 1))),
        ),
    )
    if high <= low:
        return np.zeros(0), np.zeros(0)
    inside = x[(x > low) & (x < high)]
    x = np.concatenate([[max(low, x[0])], inside, [min(high, x[-1])]])
    x = np.unique(x)
    step = np.diff(x)
    points = np.sort(np.concatenate([x, (x[:-1] + x[1:]) / 2]))
    weights = np.zeros(len(points))
    weights[0:-1:2] += step / 6
    weights[1::2] += 4 * step / 6
    weights[2::2] += step / 6
    return points, weights


class Trial:
    """What goes on after some looks, as (z, mass); ``regions`` are where a trial goes on."""

    def __init__(self, drift: float) -> None:
        self.drift, self.t = drift, 0.0
        self.z, self.mass = np.zeros(1), np.ones(1)

    def standard(self, t: float, y: np.ndarray) -> np.ndarray:
        """(len(y), m): the normal deviate that carries z to y."""
        step = t - self.t
        return (y[:, None] * math.sqrt(t) - self.z * math.sqrt(self.t) - self.drift * step) / math.sqrt(step)

    def above(self, t: float, y: float) -> float:
        return float((ndtr(-self.standard(t, np.array([y])))[0] * self.mass).sum())

    def below(self, t: float, y: float) -> float:
        return float((ndtr(self.standard(t, np.array([y])))[0] * self.mass).sum())

    def go(self, t: float, regions: list[tuple[float, float]]) -> None:
        mean = self.drift * math.sqrt(t)
        parts = [grid(mean, low, high) for low, high in regions]
        z, w = np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])
        density = np.exp(-(self.standard(t, z) ** 2) / 2) @ self.mass * math.sqrt(t / (t - self.t) / (2 * math.pi))
        self.z, self.mass, self.t = z, w * density, t


def regions(upper: float, lower: float, inner: float) -> list[tuple[float, float]]:
    return [(lower, -inner), (inner, upper)] if inner > 0 else [(lower, upper)]


def stops(t: list[float], upper: list[float], lower: list[float], inner: list[float], drift: float) -> np.ndarray:
    """(3, k): stopping above, below, within."""
    trial, found = Trial(drift), np.zeros((3, len(t)))
    for k, now in enumerate(t):
        found[0, k] = trial.above(now, upper[k])
        found[1, k] = trial.below(now, lower[k])
        if inner[k] > 0:
            found[2, k] = trial.above(now, -inner[k]) - trial.above(now, inner[k])
        trial.go(now, regions(upper[k], lower[k], inner[k]))
    return found


def bisect(f: Callable[[float], float], low: float, high: float) -> float:
    """Where a rising function crosses zero."""
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if f(middle) > 0 else (middle, high)
    return (low + high) / 2


def spent_upper(t: list[float], alpha: list[float], two_sided: bool) -> list[float]:
    """Upper bounds that spend cumulative alpha (a side)."""
    trial, upper, before = Trial(0.0), [], 0.0
    for now, spent in zip(t, alpha, strict=True):
        upper.append(bisect(lambda z, now=now, rest=spent - before: rest - trial.above(now, z), -10, 12))  # type: ignore[misc]
        trial.go(now, [(-upper[-1] if two_sided else -math.inf, upper[-1])])
        before = spent
    return upper


def spent_lower(t: list[float], beta: list[float], upper: list[float], drift: float) -> list[float]:
    """Lower bounds that spend cumulative beta under a drift, below upper bounds that are given."""
    trial, lower, before = Trial(drift), [], 0.0
    for k, (now, spent) in enumerate(zip(t, beta, strict=True)):
        bound = bisect(lambda z, now=now, rest=spent - before: trial.below(now, z) - rest, -10, 12)  # type: ignore[misc]
        lower.append(min(bound, upper[k]))
        trial.go(now, [(lower[-1], upper[k])])
        before = spent
    return lower


def lan_demets(kind: str, t: list[float], error: float) -> list[float]:
    if kind == "pocock":
        return [error * math.log(1 + (math.e - 1) * x) for x in t]
    return [2 * float(ndtr(ndtri(error / 2) / math.sqrt(x))) for x in t]


def futility_value(kind: str, z: float, t: float, last: float, drift: float | None, information: float) -> float | None:
    """What a futility bound z at fraction t says on another scale; without a drift under the trend."""
    if math.isinf(z):
        return None
    if kind == "z":
        return z
    if kind == "p":
        return float(ndtr(-z))
    if kind == "hazard_ratio":
        return math.exp(-z / math.sqrt(information * t))
    trial = Trial(z / math.sqrt(t) if drift is None else drift)
    trial.t, trial.z = t, np.array([z])
    return trial.above(1.0, last)
