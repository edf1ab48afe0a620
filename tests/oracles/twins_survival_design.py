"""A second program for survival designs, from the definitions: integrals over the day of entry and over follow-up, each
by adaptive quadrature on plain functions, and closed forms where entry is uniform and hazards are constant."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from scipy.integrate import quad

Function = Callable[[float], float]


@dataclass(frozen=True)
class Arm:
    """Hazard and dropout hazard as steps [(from, rate), ...] in days, of a Weibull with this shape for the hazard."""

    hazard: list[tuple[float, float]]
    dropout: list[tuple[float, float]]
    shape: float = 1.0

    def rate(self, t: float) -> float:
        found = [rate for start, rate in self.hazard if start <= t][-1]
        return found * self.shape * t ** (self.shape - 1) if self.shape != 1 else found

    def gone(self, t: float) -> float:
        """Cumulative hazard of the event."""
        total = 0.0
        for (start, rate), (end, _) in pairwise([*self.hazard, (math.inf, 0.0)]):
            if t > start:
                total += rate * (min(t, end) ** self.shape - start**self.shape)
        return total

    def lost(self, t: float) -> float:
        total = 0.0
        for (start, rate), (end, _) in pairwise([*self.dropout, (math.inf, 0.0)]):
            if t > start:
                total += rate * (min(t, end) - start)
        return total

    def kept(self, t: float) -> float:
        return math.exp(-self.gone(t) - self.lost(t))


def integral(function: Function, low: float, high: float, breaks: list[float]) -> float:
    points = [low, *sorted({b for b in breaks if low < b < high}), high]
    return math.fsum(quad(function, a, b, epsabs=1e-13, epsrel=1e-12, limit=200)[0] for a, b in pairwise(points))


def breaks_of(*arms: Arm) -> list[float]:
    return [start for arm in arms for start, _ in (*arm.hazard, *arm.dropout)]


def event_share(arm: Arm, entry: list[tuple[float, float]], time: float, longest: float) -> float:
    """The share of an arm's patients with an event by a calendar time; entry [(length, rate), ...]: one patient enters
    on day e with density rate / all, and is followed for min(time - e, longest)."""
    everybody = sum(length * rate for length, rate in entry)
    total, start = 0.0, 0.0
    for length, rate in entry:
        end = min(start + length, time)

        def by(e: float) -> float:
            return integral(
                lambda s: arm.rate(s) * arm.kept(s) if s > 0 else 0.0, 0.0, min(time - e, longest), breaks_of(arm)
            )

        if end > start:
            kinks = [time - b for b in (*breaks_of(arm), longest)]
            total += rate / everybody * integral(by, start, end, kinks)
        start += length
    return total


def entered(entry: list[tuple[float, float]], time: float) -> float:
    """The share of all patients who have entered by a time."""
    everybody, so_far, start = sum(length * rate for length, rate in entry), 0.0, 0.0
    for length, rate in entry:
        so_far += rate * min(max(time - start, 0.0), length)
        start += length
    return so_far / everybody


def score(control: Arm, experimental: Arm, entry: list[tuple[float, float]], time: float, share: float, null: float,
          weight: Function) -> tuple[float, float]:  # fmt: skip
    """Mean and variance of a weighted log-rank score per patient; the weight is a function of follow-up."""

    def at(s: float) -> tuple[float, float]:
        here = entered(entry, time - s)
        return (1 - share) * control.kept(s) * here, share * experimental.kept(s) * here

    def mean(s: float) -> float:
        y0, y1 = at(s)
        total = y0 + null * y1
        return weight(s) * y0 * y1 / total * (null * control.rate(s) - experimental.rate(s)) if total > 0 else 0.0

    def variance(s: float) -> float:
        y0, y1 = at(s)
        total = y0 + null * y1
        deaths = y0 * control.rate(s) + y1 * experimental.rate(s)
        return weight(s) ** 2 * null * y0 * y1 / total**2 * deaths if total > 0 else 0.0

    steps, so_far = [], 0.0
    for length, _ in entry:
        so_far += length
        steps.append(time - so_far)
    breaks = [*breaks_of(control, experimental), *steps]
    return integral(mean, 0.0, time, breaks), integral(variance, 0.0, time, breaks)


def mixture(control: Arm, experimental: Arm, share: float, s: float) -> float:
    """The pooled curve where both arms drop out alike."""
    return (1 - share) * math.exp(-control.gone(s)) + share * math.exp(-experimental.gone(s))


def restricted_mean(arm: Arm, entry: list[tuple[float, float]], time: float, tau: float) -> tuple[float, float]:
    """The area under a curve to tau, and its variance per patient of the arm."""

    def curve(s: float) -> float:
        return math.exp(-arm.gone(s))

    def left(s: float) -> float:
        return integral(curve, s, tau, breaks_of(arm))

    def growing(s: float) -> float:
        return left(s) ** 2 * arm.rate(s) / (arm.kept(s) * entered(entry, time - s))

    steps, so_far = [], 0.0
    for length, _ in entry:
        so_far += length
        steps.append(time - so_far)
    return left(0.0), integral(growing, 0.0, tau, [*breaks_of(arm), *steps])
