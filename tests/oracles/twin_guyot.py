"""Times and events from a digitized curve a second time: people in lists, curves as fractions, matrices in full.

Written for the tests from the description: Guyot et al. (BMC Med Res Methodol 2012;12:9), and where the
package says that it differs. Nothing is banded or vectorized; every number of deaths is tried.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

import numpy as np

NOISES = (0.0002, 0.0005, 0.001, 0.0015, 0.002, 0.003, 0.004, 0.005, 0.006, 0.007, 0.008, 0.01, 0.012, 0.015)
Person = tuple[float, int]


def whole(value: float) -> int:
    """Nearest whole number, of two the lower."""
    below = math.floor(value)
    return below + (value - below > 0.5 + 1e-9)


def never_rising(values: Sequence[float]) -> list[float]:
    """Nearest curve that does not rise, by the min-max formula."""
    n = len(values)
    sums = [0.0]
    for value in values:
        sums.append(sums[-1] + value)
    return [
        min(max((sums[b + 1] - sums[a]) / (b + 1 - a) for b in range(i, n)) for a in range(i + 1)) for i in range(n)
    ]


def read_off(at: float, x: Sequence[float], y: Sequence[float]) -> float:
    """The broken line through points; of several at one time the last."""
    for k in range(len(x) - 1, -1, -1):
        if x[k] <= at:
            if k + 1 == len(x) or x[k] == at:
                return y[k]
            return y[k] + (y[k + 1] - y[k]) * (at - x[k]) / (x[k + 1] - x[k])
    return y[0]


def part_falls(
    x: Sequence[float], y: Sequence[float], s: Sequence[float], chances: Sequence[float], noise: float, a: int, b: int
) -> list[float]:
    """Falls of the gaps from click a to click b: even, or of two parts where a click is three deviations off."""
    shares = [(x[j] - x[a]) / (x[b] - x[a]) if x[b] > x[a] else (j - a) / (b - a) for j in range(a, b + 1)]
    down = s[a] - s[b]
    chance = sum(chances[a:b]) / (b - a) * down
    worst, at = 3.0, None
    for j in range(a + 1, b):
        f = shares[j - a]
        off = abs(y[j] - (s[a] - down * f)) / math.sqrt(chance * f * (1 - f) + noise**2)
        if off > worst:
            worst, at = off, j
    if at is None:
        return [down * (shares[j + 1] - shares[j]) for j in range(b - a)]
    return part_falls(x, y, s, chances, noise, a, at) + part_falls(x, y, s, chances, noise, at, b)


def curve_under(x: Sequence[float], y: Sequence[float], at_risk: Sequence[float]) -> tuple[list[float], float]:
    """The posterior mean of a curve whose steps are normal around its even fall, given clicks with normal noise."""
    k = len(x) - 1
    s = [min(max(v, 0.0), 1.0) for v in never_rising(y)]
    cumulate = np.tril(np.ones((k, k)))
    noise = 0.005
    for _ in range(3):
        ends = {k}
        for part in range(9):
            ends.add(next((j for j in range(k + 1) if x[j] >= x[-1] * part / 8), k))
        chances = [(s[j] + s[j + 1]) / 2 / max((at_risk[j] + at_risk[j + 1]) / 2, 1.0) for j in range(k)]
        falls = []
        for a, b in pairwise(sorted(ends)):
            falls += part_falls(x, y, s, chances, noise, a, b)
        spread = []
        for j in range(k):
            middle, many = (s[j] + s[j + 1]) / 2, max((at_risk[j] + at_risk[j + 1]) / 2, 1.0)
            line = (middle / many) ** 2 if x[j + 1] - x[j] <= 0.005 * x[-1] else 0.0
            spread.append(max(middle * falls[j] / many, line, 1e-9))
        mean = 1 - cumulate @ np.array(falls)
        prior = cumulate @ np.diag(spread) @ cumulate.T
        off = np.array(y[1:]) - mean
        likely, means = [], []
        for candidate in NOISES:
            covariance = prior + candidate**2 * np.eye(k)
            solved = np.linalg.solve(covariance, off)
            likely.append(-0.5 * np.linalg.slogdet(covariance)[1] - 0.5 * off @ solved)
            means.append(mean + prior @ solved)
        chosen = min(j for j in range(len(NOISES)) if likely[j] >= max(likely) - 1.92)
        noise = NOISES[chosen]
        s = [1.0, *(min(max(v, 0.0), 1.0) for v in never_rising([min(v, 1.0) for v in means[chosen]]))]
    return s, noise


def at_border(at: float, x: Sequence[float], s: Sequence[float], subjects: int) -> float:
    """The curve at a printed time: of one death in a gap nothing is seen before its click."""
    if at in x:
        return s[list(x).index(at)]
    before = max(j for j in range(len(x)) if x[j] <= at)
    after = min(before + 1, len(x) - 1)
    deaths = (1 - s[after] / s[before]) * subjects if s[before] > 0 else 0.0
    return s[before] if deaths < 1.5 else read_off(at, x, s)


def censoring_times(xs: Sequence[float], ss: Sequence[float], many: int, pull: float) -> list[float]:
    """Evenly over the time at risk: shares (j - 1/2) / many of it, to the power of the pull."""
    area = [0.0]
    for j in range(len(xs) - 1):
        area.append(area[-1] + (xs[j + 1] - xs[j]) * (ss[j] + ss[j + 1]) / 2)
    if area[-1] <= 0:
        area = [v - xs[0] for v in xs]
    times = []
    for j in range(many):
        share = ((j + 0.5) / many) ** pull * area[-1]
        times.append(read_off(share, area, xs))
    return times


def death_times(low: float, high: float, many: int, before_printed: bool) -> list[float]:
    if many == 1 and not before_printed:
        return [high]
    return [low + (high - low) * (j + 0.5) / many for j in range(many)]


def survival_after(entering: int, survival: Fraction, deaths: Sequence[float], gone: Sequence[float]) -> Fraction:
    """The Kaplan-Meier product over the deaths; who is censored at the same time is still at risk."""
    for j, death in enumerate(deaths):
        at_risk = entering - j - sum(g < death * (1 - 1e-9) for g in gone)
        survival *= 1 - Fraction(1, at_risk)
    return survival


def walk(
    xs: Sequence[float], ss: Sequence[float], entering: int, survival: Fraction, out: Sequence[float], most: int,
    printed: bool,
) -> tuple[list[float], int, Fraction]:  # fmt: skip
    """Deaths from click to click, who is left and the rebuilt survival."""
    deaths: list[float] = []
    n = entering
    for gap in range(len(xs) - 1):
        gone = [
            t for t in out
            if (gap == 0 or t >= xs[gap] * (1 - 1e-9)) and (gap == len(xs) - 2 or t < xs[gap + 1] * (1 - 1e-9))
        ]  # fmt: skip
        tried = []
        for many in range(most - len(deaths) + 1):
            here = death_times(xs[gap], xs[gap + 1], many, printed and gap == len(xs) - 2)
            after = survival_after(n, survival, here, gone)
            tried.append((abs(float(after) - ss[gap + 1]), here, after))
        nearest = min(away for away, _, _ in tried)
        _, here, survival = next(t for t in tried if t[0] <= nearest + 1e-9)
        deaths += here
        n -= len(here) + len(gone)
    return deaths, n, survival


def count(
    x: Sequence[float], s: Sequence[float], times: Sequence[float], numbers: Sequence[int], total: int | None,
    pull: float = 1.0,
) -> list[Person]:  # fmt: skip
    """The people behind a curve, interval after interval."""
    people: list[Person] = []
    n, survival, rate, died = numbers[0], Fraction(1), 0.0, 0
    for k, start in enumerate(times):
        last = k == len(times) - 1
        end = x[-1] if last else times[k + 1]
        if end <= start:
            break
        inner = [j for j in range(len(x)) if start <= x[j] and (last or x[j] < end)]
        if inner and x[inner[0]] == start:
            inner = inner[1:]  # the top of a vertical line is the border
        xs = [start, *(x[j] for j in inner), *([] if last else [end])]
        ss = [at_border(start, x, s, n), *(s[j] for j in inner)]
        if not last:
            ss.append(at_border(end, x, s, numbers[k + 1]))
        if last:
            area = sum((xs[j + 1] - xs[j]) * (ss[j] + ss[j + 1]) / 2 for j in range(len(xs) - 1))
            many = 0 if ss[0] <= 0 else min(n, whole(rate * area / ss[0] * n))
            over: dict[int, int] = {}
            while total is not None and many not in over:
                deaths, _, _ = walk(xs, ss, n, survival, censoring_times(xs, ss, many, pull), n - many, False)
                over[many] = died + len(deaths) - total
                many = min(max(many + over[many], 0), n)
            if over:
                many = min(over, key=lambda m: (abs(over[m]), m))
            out = censoring_times(xs, ss, many, pull)
            deaths, left, survival = walk(xs, ss, n, survival, out, n - many, False)
        else:
            lost = n - numbers[k + 1]
            many = min(max(whole(n * (ss[-1] / ss[0] if ss[0] > 0 else 0.0) - numbers[k + 1]), 0), lost)
            over = {}
            while many not in over:
                _, left, _ = walk(xs, ss, n, survival, censoring_times(xs, ss, many, pull), n - many, True)
                over[many] = left - numbers[k + 1]
                many = min(max(many + over[many], 0), lost)
            many = min(over, key=lambda m: (abs(over[m]), m))
            out = censoring_times(xs, ss, many, pull)
            deaths, left, survival = walk(xs, ss, n, survival, out, lost - many, True)
            while left > numbers[k + 1]:
                out.append(end * (1 - 1e-6))
                left -= 1
        people += [(t, 1) for t in deaths] + [(t, 0) for t in out]
        rate = len(out) / max((n + left) / 2 * (end - start), 1e-12)
        died += len(deaths)
        n = left
    return people + [(x[-1], 0)] * n
