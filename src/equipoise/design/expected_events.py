"""How many of those who wait will have had the event by a day: mean and variance under piecewise constant hazards."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(32)
_OVER = 40.0  # cumulative hazard after which nobody is left: 4e-18


@dataclass(frozen=True, slots=True, eq=False)
class Hazards:
    """Constant hazards of event and drop-out, per day, in the pieces that begin at ``starts``; all (j,).

    Each is a number over the ``exposure``, the days at risk in the piece, so that its variance is number / exposure^2.
    """

    starts: Vector
    events: Vector
    dropouts: Vector
    exposure: Vector

    @property
    def event(self) -> Vector:
        return self.events / self.exposure

    @property
    def dropout(self) -> Vector:
        return self.dropouts / self.exposure

    @property
    def variances(self) -> Vector:
        """(2j,): of the hazards of event, then of drop-out; they are uncorrelated."""
        return np.concatenate([self.events, self.dropouts]) / np.tile(self.exposure, 2) ** 2

    @property
    def lasting(self) -> float:
        """Days after which nobody who waits now is left."""
        return float(self.starts[-1] + _OVER / (self.event + self.dropout)[-1])


@dataclass(frozen=True, slots=True, eq=False)
class Waiting:
    """Who may still have the event: those followed, (m,) days since randomization, and those to come, at ``rates`` (p,)
    a day between ``changes`` (p + 1,) days from now."""

    ages: Vector
    changes: Vector
    rates: Vector

    @property
    def newcomers(self) -> float:
        return float(self.rates @ np.diff(self.changes))

    @property
    def until(self) -> float:
        """Days until the last has come."""
        return float(self.changes[-1])


def fitted_hazards(
    entry: Vector, time: Vector, happened: NDArray[np.bool_], left: NDArray[np.bool_], starts: Vector
) -> Hazards:
    """Numbers and days at risk by piece; a time on the border of two pieces belongs to the earlier."""
    ends = np.append(starts[1:], np.inf)
    piece = np.maximum(np.searchsorted(starts, time, side="left") - 1, 0)
    count = [np.bincount(piece[rows], minlength=len(starts)).astype(float) for rows in (happened, left)]
    within = np.minimum(time[:, None], ends) - np.maximum(entry[:, None], starts)
    return Hazards(starts, count[0], count[1], np.maximum(within, 0.0).sum(axis=0))


def expected_events(hazards: Hazards, waiting: Waiting, after: float) -> tuple[float, float]:
    """Mean and variance of the number of events from now until so many days ``after``.

    A subject has the event or not, whatever others have; the newcomers are a fixed number, each entering at a time of
    its own drawn at the rates, so theirs is a binomial number. To this is added what the hazards miss by, by the delta
    method, which all share.
    """
    p, slopes = event_probability(hazards, waiting.ages, np.full(len(waiting.ages), after))
    mean, variance, slope = float(p.sum()), float((p * np.maximum(1 - p, 0.0)).sum()), slopes.sum(axis=0)
    if waiting.newcomers > 0:
        s, weight = _followed_later(hazards, waiting, after)
        q, slopes = event_probability(hazards, np.zeros(len(s)), s)
        own = float(weight @ q)
        mean += own
        variance += max(own * (1 - own / waiting.newcomers), 0.0)
        slope = slope + weight @ slopes
    return mean, variance + float(slope**2 @ hazards.variances)


def event_probability(hazards: Hazards, ages: Vector, after: Vector) -> tuple[Vector, Vector]:
    """Probabilities (m,) of the event within ``after`` days, before drop-out, at risk at an age (m,); and their
    derivatives (m, 2j) by the hazards of event, then of drop-out.

    In a piece of length l with hazards a of event and b of drop-out, a S G is added, S the share still at risk at its
    beginning and G = (1 - e^(-(a + b) l)) / (a + b) the days at risk of each.
    """
    event, rate = hazards.event, hazards.event + hazards.dropout
    ends = np.append(hazards.starts[1:], np.inf)
    length = np.minimum((ages + after)[:, None], ends) - np.maximum(ages[:, None], hazards.starts)
    length = np.minimum(np.maximum(length, 0.0), _OVER / rate)  # nobody is left beyond
    x = rate * length
    before = np.exp(-(np.cumsum(x, axis=1) - x))
    at_risk = -np.expm1(-x) / rate
    # The derivative of G by a + b, of which a difference would leave nothing where x is small.
    small = -(length**2) * (0.5 - x / 3 + x**2 / 8 - x**3 / 30)
    bent = np.where(x < 1e-3, small, (length * np.exp(-x) - at_risk) / rate)
    had = event * before * at_risk
    later = had.sum(axis=1, keepdims=True) - np.cumsum(had, axis=1)
    by_rate = event * before * bent - length * later
    return had.sum(axis=1), np.hstack([before * at_risk + by_rate, by_rate])


def _followed_later(hazards: Hazards, waiting: Waiting, after: float) -> tuple[Vector, Vector]:
    """Days that newcomers will have been followed, and how many newcomers each of them stands for.

    Nodes of Gauss and Legendre between all days at which the rate of accrual or a hazard changes, so that the
    integrand is smooth.
    """
    if math.isinf(after):
        return np.array([math.inf]), np.array([waiting.newcomers])
    nodes, weights = [], []
    for begin, end, rate in zip(waiting.changes, waiting.changes[1:], waiting.rates, strict=False):
        least, most = max(after - end, 0.0), after - begin
        if most <= least or rate == 0:
            continue
        inside = hazards.starts[(hazards.starts > least) & (hazards.starts < most)]
        edges = np.array([least, *inside, most])
        half = np.diff(edges)[:, None] / 2
        nodes.append(((edges[:-1, None] + half) + half * _NODES).ravel())
        weights.append((rate * half * _WEIGHTS).ravel())
    return (np.concatenate(nodes), np.concatenate(weights)) if nodes else (np.zeros(0), np.zeros(0))
