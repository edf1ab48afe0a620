"""The chance of crossing each bound at each look, by recursive integration."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ..kernels import carry, quadrature, tail

Vector = NDArray[np.float64]
Region = tuple[float, float]

_FAR = 8.5  # standard deviations: what lies beyond weighs less than 1e-16 of all
_PANEL = 2.5  # standard deviations of the narrowest density in an integrand, see kernels.quadrature


@dataclass(frozen=True, slots=True, eq=False)
class Bounds:
    """Bounds on Z, above zero in favour of the experimental arm, at information ``fractions``; each (k,).

    A trial stops for efficacy at or above ``upper`` and stops at or below ``lower``: for futility, or in a two-sided
    test for the other arm. Between -inner and inner a two-sided trial stops for futility. ``inf``, ``-inf`` and 0 are
    bounds that are not there.
    """

    fractions: Vector
    upper: Vector
    lower: Vector
    inner: Vector

    def regions(self, look: int) -> tuple[Region, ...]:
        """Where a trial goes on."""
        low, high, inner = float(self.lower[look]), float(self.upper[look]), float(self.inner[look])
        return ((low, high),) if inner <= 0 else ((low, -inner), (inner, high))


@dataclass(frozen=True, slots=True, eq=False)
class Crossing:
    """Probabilities by look (k,), under one drift, of stopping above ``upper``, below ``lower`` and ``within`` inner
    bounds."""

    upper: Vector
    lower: Vector
    within: Vector

    @property
    def stopping(self) -> Vector:
        """The probability of stopping at each look, at the last for whatever reason."""
        stops = self.upper + self.lower + self.within
        return np.append(stops[:-1], 1 - stops[:-1].sum())


@dataclass(frozen=True, slots=True, eq=False)
class GoingOn:
    """Where Z stands in the trials that went on from a look: nodes ``z`` and their probabilities ``mass``, both (m,).

    ``drift`` is what the score gains per information; from the start, the mean of Z at information fraction 1. ``mean``
    is that of Z here, had no trial stopped. Before the first look all mass sits at z = 0, no information. ``far`` is
    the distance from the mean up to which nodes lie, see ``far_enough``.
    """

    drift: float
    fraction: float = 0.0
    z: Vector = field(default_factory=lambda: np.zeros(1))
    mass: Vector = field(default_factory=lambda: np.ones(1))
    far: float = _FAR
    mean: float = 0.0

    def mean_at(self, fraction: float) -> float:
        """The mean of Z at a later fraction, had no trial stopped."""
        gained = self.drift * (fraction - self.fraction)
        return (self.mean * math.sqrt(self.fraction) + gained) / math.sqrt(fraction)

    def above(self, fraction: float, bound: float) -> float:
        """The probability of going on from here and lying above a bound at the next look."""
        if math.isinf(bound):
            return 0.0 if bound > 0 else float(self.mass.sum())
        return float(tail(self.z, self.mass, self.fraction, fraction, self.drift, bound))

    def below(self, fraction: float, bound: float) -> float:
        """The probability of going on from here and lying below a bound at the next look."""
        if math.isinf(bound):
            return 0.0 if bound < 0 else float(self.mass.sum())
        return float(tail(-self.z, self.mass, self.fraction, fraction, -self.drift, -bound))

    def on(self, fraction: float, regions: Sequence[Region], ahead: float) -> GoingOn:
        """At the next look, those who go on: with Z in one of the regions. ``ahead`` is the look after it."""
        mean = self.mean_at(fraction)
        narrowest = math.sqrt(min(fraction - self.fraction, ahead - fraction, fraction) / fraction)
        parts = [quadrature(max(a, mean - self.far), min(b, mean + self.far), _PANEL * narrowest) for a, b in regions]
        z, weights = (np.concatenate(x) for x in zip(*parts, strict=True))
        mass = carry(self.z, self.mass, self.fraction, fraction, self.drift, z, weights)
        return GoingOn(self.drift, fraction, z, mass, self.far, mean)


def far_enough(deviations: float) -> float:
    """How far nodes must lie for the digits of a tail probability beyond so many standard deviations: a path to there
    from outside the nodes weighs 1e-16 of that tail."""
    return math.hypot(deviations, _FAR)


def crossing(bounds: Bounds, drift: float, far: float = _FAR) -> Crossing:
    """Probabilities of stopping at each look, where the mean of Z is drift sqrt(fraction).

    The joint law of Z is that of Brownian motion at the fractions (canonical form; Jennison and Turnbull 2000). At the
    last look a trial that does not cross ``upper`` (or ``lower``, two-sided) has failed.

    >>> fixed = Bounds(np.array([1.0]), np.array([1.959964]), np.array([-np.inf]), np.zeros(1))
    >>> round(float(crossing(fixed, 3.241516).upper[0]), 6)
    0.9
    """
    return crossing_along(bounds, drift * np.sqrt(bounds.fractions), far)


def crossing_along(bounds: Bounds, means: Vector, far: float = _FAR) -> Crossing:
    """The same where the mean of Z is any at each look, (k,): an effect that grows or wanes, the covariance as before.

    >>> two = Bounds(np.array([0.5, 1.0]), np.array([np.inf, 1.959964]), np.full(2, -np.inf), np.zeros(2))
    >>> round(float(crossing_along(two, np.array([0.0, 3.241516])).upper[1]), 6)
    0.9
    """
    times = bounds.fractions.tolist()
    found = np.zeros((3, len(times)))
    steps = drifts(bounds.fractions, means).tolist()
    going = GoingOn(steps[0], far=far)
    for k, t in enumerate(times):
        upper, lower, inner = float(bounds.upper[k]), float(bounds.lower[k]), float(bounds.inner[k])
        found[0, k], found[1, k] = going.above(t, upper), going.below(t, min(lower, upper))
        if inner > 0:
            found[2, k] = max(going.above(t, -inner) - going.above(t, inner), 0.0)
        if k + 1 < len(times):
            going = replace(going.on(t, bounds.regions(k), times[k + 1]), drift=steps[k + 1])
    return Crossing(*found)


def drifts(fractions: Vector, means: Vector) -> Vector:
    """The drift from look to look (k,) under which Z has these means: what its score gains per information."""
    return np.asarray(np.diff(means * np.sqrt(fractions), prepend=0.0) / np.diff(fractions, prepend=0.0))
