"""Plain second program for structural failure time models: from the definition, subject by subject.

U(psi) = T_off + e^psi T_on; a recensored subject is cut at D = min(C, e^psi C), and its event counts if U <= D.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

Columns = dict[str, np.ndarray]  # time, event, arm (1 experimental), switch (inf: never), end, stratum


def settled(time: np.ndarray) -> np.ndarray:
    """Times that differ by rounding only, made one."""
    found = np.array(time, dtype=float)
    order = np.argsort(found, kind="stable")
    for before, after in itertools.pairwise(order):
        if found[after] - found[before] <= 1e-11 * abs(found).max():
            found[after] = found[before]
    return found


def on_off(d: Columns) -> tuple[np.ndarray, np.ndarray]:
    """Days on and off the experimental treatment."""
    on = np.empty(len(d["time"]))
    for i, (t, a, s) in enumerate(zip(d["time"], d["arm"], d["switch"], strict=True)):
        before = min(s, t)
        on[i] = before if a == 1 else t - before
    return on, d["time"] - on


def recensored(d: Columns, how: str, possible: set[int]) -> np.ndarray:
    """Whether a subject is recensored: "switching" arms, "all" or "none"."""
    happened = {int(a) for a, s in zip(d["arm"], d["switch"], strict=True) if math.isfinite(s)} & possible
    return np.array([how == "all" or (how == "switching" and int(a) in happened) for a in d["arm"]])


def cut(d: Columns, u: np.ndarray, k: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Times and events behind the cut, k (n,) being what time was multiplied by."""
    time, event = u.copy(), d["event"].copy()
    for i in np.flatnonzero(rows):
        last = min(d["end"][i], k[i] * d["end"][i])
        if u[i] > last * (1 + 1e-12):
            time[i], event[i] = last, 0
    return settled(time), event


def untreated(d: Columns, psi: float, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    on, off = on_off(d)
    return cut(d, off + math.exp(psi) * on, np.full(len(on), math.exp(psi)), rows)


def unswitched(d: Columns, psi: float, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    on, off = on_off(d)
    control = d["arm"] == 0
    u = np.where(control, off + math.exp(psi) * on, on + math.exp(-psi) * off)
    return cut(d, u, np.where(control, math.exp(psi), math.exp(-psi)), rows)


def logrank(time: np.ndarray, event: np.ndarray, arm: np.ndarray, stratum: np.ndarray) -> tuple[float, float]:
    """Expected less observed events of arm 1 and the hypergeometric variance, over strata."""
    score = variance = 0.0
    for s in np.unique(stratum):
        t, e, a = time[stratum == s], event[stratum == s], arm[stratum == s]
        for x in np.unique(t[e > 0]):
            n, n1 = (t >= x).sum(), ((t >= x) & (a == 1)).sum()
            d, d1 = ((t == x) & (e > 0)).sum(), ((t == x) & (e > 0) & (a == 1)).sum()
            score += d * n1 / n - d1
            if n > 1:
                variance += d * (n1 / n) * (1 - n1 / n) * (n - d) / (n - 1)
    return score, variance


def z_of(d: Columns, psi: float, rows: np.ndarray) -> float:
    time, event = untreated(d, psi, rows)
    score, variance = logrank(time, event, d["arm"], d["stratum"])
    return score / math.sqrt(variance) if variance > 1e-12 else math.nan


def side(z: float, target: float) -> float:
    return math.nan if math.isnan(z) else 0.0 if abs(z - target) <= 1e-10 else math.copysign(1.0, z - target)


def crossings(d: Columns, grid: np.ndarray, rows: np.ndarray, target: float, interpolate: bool) -> list[float]:
    """Every psi at which Z passes a target in a cell of the grid, or has it at a point."""
    z = [z_of(d, float(psi), rows) for psi in grid]
    sides = [side(x, target) for x in z]
    found = [float(psi) for psi, s in zip(grid, sides, strict=True) if s == 0]
    for j in range(len(grid) - 1):
        low, high = float(grid[j]), float(grid[j + 1])
        if sides[j] * sides[j + 1] != -1:
            continue
        if interpolate:
            found.append(low + (target - z[j]) / (z[j + 1] - z[j]) * (high - low))
            continue
        while high - low > 1e-6:
            middle = (low + high) / 2
            s = side(z_of(d, middle, rows), target)
            if s == 0 or math.isnan(s):
                low = high = middle if s == 0 else math.nan
            elif s == sides[j]:
                low = middle
            else:
                high = middle
        if not math.isnan(low):
            found.append((low + high) / 2)
    return sorted(found)


def limits(d: Columns, grid: np.ndarray, rows: np.ndarray, quantile: float, interpolate: bool) -> tuple[float, float]:
    """The outermost psi at which |Z| comes down to the quantile from the ends of the grid."""
    z = np.array([z_of(d, float(psi), rows) for psi in grid])
    known = np.flatnonzero(np.isfinite(z))
    found = []
    for place, outer in ((0, min), (-1, max)):
        if len(known) == 0 or abs(z[known[place]]) <= quantile:
            found.append(math.nan)
            continue
        at = crossings(d, grid, rows, math.copysign(quantile, z[known[place]]), interpolate)
        found.append(outer(at) if at else math.nan)
    return found[0], found[1]


def nearest(roots: list[float]) -> float:
    return min(roots, key=abs) if roots else math.nan


def log_ratio(time: np.ndarray, event: np.ndarray, arm: np.ndarray, stratum: np.ndarray) -> float:
    """The maximum of Efron's partial likelihood by halving its score; nan where it has none."""

    def score(b: float) -> float:
        total = 0.0
        for s in np.unique(stratum):
            t, e, a = time[stratum == s], event[stratum == s], arm[stratum == s]
            for x in np.unique(t[e > 0]):
                dead = (t == x) & (e > 0)
                n1, n0 = ((t >= x) & (a == 1)).sum(), ((t >= x) & (a == 0)).sum()
                d, d1 = dead.sum(), (dead & (a == 1)).sum()
                total += d1
                for r in range(d):
                    left1, left0 = (n1 - r / d * d1) * math.exp(b), n0 - r / d * (d - d1)
                    total -= left1 / (left1 + left0)
        return total

    low, high = -25.0, 25.0
    if score(low) <= 1e-8 or score(high) >= -1e-8:
        return math.nan
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if score(middle) > 0 else (low, middle)
    return (low + high) / 2


def draw(d: Columns, copies: np.ndarray, grid: np.ndarray, rows: np.ndarray, interpolate: bool) -> tuple[float, float]:
    """psi and log hazard ratio of one bootstrap sample."""
    take = np.repeat(np.arange(len(copies)), copies)
    sample, own = {k: v[take] for k, v in d.items()}, rows[take]
    psi = nearest(crossings(sample, grid, own, 0.0, interpolate))
    if math.isnan(psi):
        return math.nan, math.nan
    time, event = unswitched(sample, psi, own)
    return psi, log_ratio(time, event, sample["arm"], sample["stratum"])
