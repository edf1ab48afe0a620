"""A second program for survival designs, from the definitions: integrals over the day of entry and over follow-up, each
by adaptive quadrature on plain functions, and closed forms where entry is uniform and hazards are constant."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
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


def variance_of_z(control: Arm, experimental: Arm, entry: list[tuple[float, float]], time: float, share: float,
                  null: float) -> float:  # fmt: skip
    """The variance of a log-rank Z at its number of events, by the delta method on a multinomial law: a patient of
    either arm has an event, or is censored, in one of many short bins; derivatives of Z by complex steps. The error
    goes with the square of their width, of which two are taken."""
    wide, narrow = (_variance_in_bins(control, experimental, entry, time, share, null, bins) for bins in (16, 32))
    return (4 * narrow - wide) / 3


def _variance_in_bins(control: Arm, experimental: Arm, entry: list[tuple[float, float]], time: float, share: float,
                      null: float, bins: int) -> float:  # fmt: skip
    ends = np.cumsum([length for length, _ in entry])

    def chances(at: float) -> np.ndarray:
        inside = sorted({float(b) for b in (*breaks_of(control, experimental), *(at - ends)) if 0 < b < at})
        knots = [0.0, *inside, at]
        gained = [
            min(max(arm.gone(b) - arm.gone(a) for arm in (control, experimental)), 12) for a, b in pairwise(knots)
        ]
        parts = [
            np.linspace(a, b, bins * math.ceil(gain / 2), endpoint=False)
            for (a, b), gain in zip(pairwise(knots), gained, strict=True)
        ]
        edges = np.concatenate([*parts, [at]])
        found = []
        for arm, part in ((control, 1 - share), (experimental, share)):
            y = np.array([part * arm.kept(s) * entered(entry, at - s) for s in edges])
            deaths = []
            for a, b in pairwise(edges):  # three Gauss-Legendre nodes a bin
                nodes = (a + b) / 2 + (b - a) / 2 * np.sqrt(0.6) * np.array([-1, 0, 1])
                here = [part * arm.kept(s) * entered(entry, at - s) * arm.rate(s) for s in nodes]
                deaths.append((b - a) / 2 * (np.array([5, 8, 5]) / 9 @ np.array(here)))
            found.append([np.array(deaths), y[:-1] - y[1:] - np.array(deaths)])
        return np.array(found)  # (arm, event or censored, bin)

    def z(p: np.ndarray) -> np.ndarray:
        leaving = p.sum(axis=-2)
        y = np.flip(np.cumsum(np.flip(leaving, -1), axis=-1), -1) - leaving / 2
        died = p[..., 0, :]
        y0, y1 = y[..., 0, :], null * y[..., 1, :]
        one = y1 / (y0 + y1)
        u = (died[..., 0, :] * one - died[..., 1, :] * (1 - one)).sum(axis=-1)
        v = ((died[..., 0, :] + died[..., 1, :]) * one * (1 - one)).sum(axis=-1)
        return u / np.sqrt(v)

    p = chances(time)
    step = 1e-30
    gradient = np.empty(p.size)
    for at in range(p.size):
        moved = p.astype(complex)
        moved.ravel()[at] += 1j * step
        gradient[at] = z(moved).imag / step
    gradient = gradient.reshape(p.shape)
    near = 1e-3 * time
    later, sooner = chances(time + near), chances(time - near)
    gradient[:, 0] -= (z(later) - z(sooner)) / (later[:, 0].sum() - sooner[:, 0].sum())
    within = (p * gradient**2).sum(axis=(1, 2)) - (p * gradient).sum(axis=(1, 2)) ** 2 / np.array([1 - share, share])
    return float(within.sum())


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
