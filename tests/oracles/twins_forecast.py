"""The number of events by a day a second time: one subject after the other, integrals by quadrature, slopes by
differences.

Written for the tests from the definition: nothing is integrated in closed form here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

from scipy.integrate import quad

Rates = tuple[list[float], list[float]]  # hazards of event and of drop-out by piece


def piece_of(t: float, starts: Sequence[float]) -> int:
    """The piece of a time; a border belongs to the piece that ends there."""
    found = 0
    for k, start in enumerate(starts):
        if t > start:
            found = k
    return found


def counted(
    rows: Sequence[tuple[float, float, str]], starts: Sequence[float]
) -> tuple[list[int], list[int], list[float]]:
    """Events, drop-outs and days at risk by piece, of (entry, time, "event" or "left" or "followed")."""
    events, left, days = [0] * len(starts), [0] * len(starts), [0.0] * len(starts)
    for entry, time, what in rows:
        for k, start in enumerate(starts):
            end = starts[k + 1] if k + 1 < len(starts) else math.inf
            if min(time, end) > max(entry, start):
                days[k] += min(time, end) - max(entry, start)
        if what == "event":
            events[piece_of(time, starts)] += 1
        if what == "left":
            left[piece_of(time, starts)] += 1
    return events, left, days


def cumulative(rates: Sequence[float], starts: Sequence[float], t: float) -> float:
    total = 0.0
    for k, start in enumerate(starts):
        end = starts[k + 1] if k + 1 < len(starts) else math.inf
        total += rates[k] * max(min(t, end) - start, 0.0)
    return total


def at_work(rates: Rates, starts: Sequence[float], age: float) -> Callable[[float], float]:
    """The density of the event at a time since randomization, of one who is at risk at an age."""
    event, left = rates
    both = [a + b for a, b in zip(event, left, strict=True)]
    begun = cumulative(both, starts, age)
    return lambda t: event[piece_of(t, starts)] * math.exp(begun - cumulative(both, starts, t))


def integral(f: Callable[[float], float], edges: Sequence[float]) -> float:
    """From the first to the last edge, smooth between them; what falls fast is at the beginning of each stretch."""
    total = 0.0
    for a, b in pairwise(edges):
        for low, high in pairwise([a, *(a + (b - a) / 4**k for k in (3, 2, 1)), b]):
            total += quad(f, low, high, epsabs=1e-13, epsrel=1e-12, limit=200)[0] if high > low else 0.0
    return total


def chance(rates: Rates, starts: Sequence[float], age: float, after: float) -> float:
    """Of an event between an age and ``after`` days later: hazard times the share still at risk, integrated."""
    edges = [age, *(s for s in starts if age < s < age + after), age + after]
    return integral(at_work(rates, starts, age), edges)


def newcomers_chance(
    rates: Rates, starts: Sequence[float], accrual: Sequence[tuple[float, float]], after: float
) -> float:
    """Expected events among those who come: at each time since randomization the density of the event times the number
    who will have been in for so long."""
    changes = [0.0]
    for length, _ in accrual:
        changes.append(changes[-1] + length)

    def entered(by: float) -> float:
        return sum(
            rate * max(min(by, end) - begin, 0.0)
            for (begin, end), (_, rate) in zip(pairwise(changes), accrual, strict=True)
        )

    density = at_work(rates, starts, 0.0)
    edges = sorted({0.0, after, *(e for e in (*starts, *(after - c for c in changes)) if 0 < e < after)})
    return integral(lambda s: density(s) * entered(after - s), edges)


def slope(of: Callable[[float], float], at: float) -> float:
    """A derivative by differences, twice the step taken out."""
    step = 1e-3 * at
    near, far = ((of(at + h) - of(at - h)) / (2 * h) for h in (step, 2 * step))
    return (4 * near - far) / 3


def law(
    rows: Sequence[tuple[float, float, str]],
    starts: Sequence[float],
    accrual: Sequence[tuple[float, float]],
    after: float,
) -> tuple[float, float]:
    """Mean and standard deviation of the number of events by ``after`` days; accrual is (days, patients a day)."""
    events, left, days = counted(rows, starts)
    rates = ([e / d for e, d in zip(events, days, strict=True)], [e / d for e, d in zip(left, days, strict=True)])
    ages = [time for _, time, what in rows if what == "followed"]
    coming = sum(length * rate for length, rate in accrual)

    def mean(at: Rates) -> float:
        own = sum(chance(at, starts, age, after) for age in ages)
        return own + newcomers_chance(at, starts, accrual, after)

    variance = sum(p * max(1 - p, 0.0) for p in (chance(rates, starts, age, after) for age in ages))
    if coming:
        q = newcomers_chance(rates, starts, accrual, after) / coming
        variance += coming * q * max(1 - q, 0.0)
    for which, numbers in enumerate((events, left)):
        for k, number in enumerate(numbers):
            if number == 0:
                continue

            def moved(value: float, which: int = which, k: int = k) -> float:
                changed = ([*rates[0]], [*rates[1]])
                changed[which][k] = value
                return mean(changed)

            variance += slope(moved, rates[which][k]) ** 2 * number / days[k] ** 2
    return sum(events) + mean(rates), math.sqrt(variance)
