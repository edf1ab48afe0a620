"""Second program for the search: what a paper prints of two arms, and how far it is from what was printed.

Everything is written from definitions with masks over all patients; nothing is kept from one call to the next. A target
is (kind, set, arm, type of limits, day) with a window (low, high, scale); a set is who is in it (side 1 experimental,
0 control, both plus twice the stratum; -1 not in it) and an endpoint (0 progression-free survival, 1 overall survival,
2 time to progression).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

KINDS = ("log hr", "log hr low", "log hr high", "z", "median", "median low", "median high", "rate", "known free",
         "events", "crossings", "tail")  # fmt: skip
CONF_TYPES = ("plain", "log", "log-log")
Z = 1.959963984540054
NEAR_HALF = 1.5e-8
Floats = NDArray[np.float64]


def event_times(time: Floats, event: Floats) -> list[float]:
    return sorted({float(t) for t, e in zip(time, event, strict=True) if e})


def curve(time: Floats, event: Floats) -> list[tuple[float, float, float]]:
    """(event time, Kaplan-Meier survival, Greenwood's sum) at every event time of one arm."""
    points, s, greenwood = [], 1.0, 0.0
    for t in event_times(time, event):
        n, d = int((time >= t).sum()), int(((time == t) & (event == 1)).sum())
        s = 0.0 if d == n else s * (1 - d / n)
        greenwood += d / (n * (n - d)) if d < n else math.inf
        points.append((t, s, greenwood))
    return points


def limit(s: float, greenwood: float, upper: bool, conf_type: str) -> float:
    """A pointwise 95% limit, cut at 1; nan where the formula is not defined."""
    if s == 0:
        return math.nan
    sign = 1 if upper else -1
    if conf_type == "plain":
        return min(1.0, s * (1 + sign * Z * math.sqrt(greenwood)))
    if conf_type == "log":
        return min(1.0, math.exp(math.log(s) + sign * Z * math.sqrt(greenwood)))
    if s == 1:
        return math.nan
    center = math.log(-math.log(s))
    return math.exp(-math.exp(center - sign * Z * math.sqrt(greenwood) / abs(math.log(s))))


def first_at_half(time: Floats, event: Floats, kind: str, conf_type: str) -> tuple[float, float]:
    """When the curve (or its limit) is first at most one half and its height there; else inf and the last height."""
    points = curve(time, event)
    for t, s, greenwood in points:
        height = s if kind == "median" else limit(s, greenwood, kind == "median high", conf_type)
        if height <= 0.5 + NEAR_HALF:
            return t, height
    return math.inf, points[-1][1] if points else 1.0


def strata_of(side: NDArray[np.int64]) -> list[NDArray[np.bool_]]:
    """Who is in which stratum."""
    return [side // 2 == stratum for stratum in sorted(set((side // 2).tolist()))]


def log_rank_z(time: Floats, event: Floats, side: NDArray[np.int64]) -> float:
    """(expected - observed) / standard error in the experimental arm, each summed over strata; 0 without variance."""
    parts = [log_rank_terms(time[here], event[here], side[here] % 2) for here in strata_of(side)]
    excess, variance = (math.fsum(x) for x in zip(*parts, strict=True)) if parts else (0.0, 0.0)
    return -excess / math.sqrt(variance) if variance > 0 else 0.0


def log_rank_terms(time: Floats, event: Floats, side: NDArray[np.int64]) -> tuple[float, float]:
    """Observed minus expected events in the experimental arm, and the hypergeometric variance."""
    excess = variance = 0.0
    for t in event_times(time, event):
        at_risk, dying = time >= t, (time == t) & (event == 1)
        n, n1, d = int(at_risk.sum()), int((at_risk & (side == 1)).sum()), int(dying.sum())
        excess += int((dying & (side == 1)).sum()) - d * n1 / n
        if n > 1:
            variance += d * n1 * (n - n1) * (n - d) / (n**2 * (n - 1))
    return excess, variance


def cox_terms(time: Floats, event: Floats, side: NDArray[np.int64], beta: float) -> tuple[float, float]:
    """Score and information of Efron's partial likelihood at a log hazard ratio, summed over strata."""
    parts = [cox_stratum(time[here], event[here], side[here] % 2, beta) for here in strata_of(side)]
    return tuple(math.fsum(x) for x in zip(*parts, strict=True)) if parts else (0.0, 0.0)  # type: ignore[return-value]


def cox_stratum(time: Floats, event: Floats, side: NDArray[np.int64], beta: float) -> tuple[float, float]:
    score = information = 0.0
    risk = np.exp(beta * (side == 1))
    for t in event_times(time, event):
        at_risk, dying = time >= t, (time == t) & (event == 1)
        d = int(dying.sum())
        score += int((dying & (side == 1)).sum())
        for m in range(d):
            weight = risk * (at_risk - m / d * dying)
            p = float(weight[side == 1].sum() / weight.sum())
            score -= p
            information += p * (1 - p)
    return score, information


def cox(time: Floats, event: Floats, side: NDArray[np.int64]) -> tuple[float, float]:
    """Log hazard ratio and standard error: the root of the score within 15 of zero; (nan, nan) if there is none."""

    def score(beta: float) -> float:
        return cox_terms(time, event, side, beta)[0]

    if cox_terms(time, event, side, 0.0)[1] == 0 or score(-15.0) <= 1e-4 or score(15.0) >= -1e-4:
        return math.nan, math.nan
    beta = float(brentq(score, -15.0, 15.0, xtol=1e-15, rtol=1e-15))
    return beta, 1 / math.sqrt(cox_terms(time, event, side, beta)[1])


def value(target: Sequence[int], time: Floats, event: Floats, side: NDArray[np.int64]) -> tuple[float, float]:
    """The number, and for medians and rates the height of the curve there."""
    kind, _, arm, conf_type, day = (int(x) for x in target)
    name = KINDS[kind]
    if name.startswith("log hr"):
        beta, se = cox(time, event, side)
        return beta + {"log hr": 0, "log hr low": -1, "log hr high": 1}[name] * Z * se, math.nan
    if name in ("z", "tail"):
        return log_rank_z(time, event, side), math.nan
    here = np.ones(len(time), dtype=bool) if arm == -1 else side == arm
    time, event = time[here], event[here]
    if name.startswith("median"):
        return first_at_half(time, event, name, CONF_TYPES[conf_type])
    if name == "rate":
        s = ([1.0] + [s for t, s, _ in curve(time, event) if t <= day])[-1]
        return (math.nan if s > 0 and day > max(time, default=0) else s), s
    return float((time >= day).sum() if name == "known free" else event.sum()), math.nan


def outside(value: float, low: float, high: float) -> float:
    return 0.0 if low <= value <= high else low - value if value < low else value - high


def gap(name: str, value: float, height: float, window: Sequence[float], last: float, day: int) -> float:
    """The distance of a value from its window, before it is divided by the scale.

    Medians and their limits are compared on the log scale. One that is not reached where a time was printed is 0.2, and
    how far the curve ends above one half, and how far the last time is from the window; one that is reached where "not
    reached" was printed (a window at infinity) is 0.2 and how far its curve is below one half there. A median whose
    curve is one half exactly is 0.1 more: programs differ in what they print. A rate on a day for which nobody of the
    arm was followed is 0.2 and the logarithm of day / last time of the arm more than the end of the curve is off.
    """
    low, high, _ = window
    if name.startswith("log hr") and math.isnan(value):
        return 10.0
    if name == "tail":  # to be outside
        return max(0.0, min(value - low, high - value))
    if name == "rate" and math.isnan(value):
        return outside(height, low, high) + 0.2 + math.log(day / max(last, 1.0))
    if not name.startswith("median"):
        return outside(value, low, high)
    if value == math.inf:
        return 0.0 if high == math.inf else 0.2 + max(0.0, height - 0.5) + abs(math.log(max(last, 1.0) / high))
    plateau = 0.1 if name == "median" and abs(height - 0.5) <= NEAR_HALF else 0.0
    if low == math.inf:
        return 0.2 + max(0.0, 0.5 - height) + plateau
    if low <= value <= high:
        return plateau
    return math.log(low / value if value < low else value / high) + plateau


def measure(
    columns: Sequence[tuple[Floats, Floats]],
    crossings: int,
    sides: NDArray[np.int64],
    endpoints: Sequence[int],
    targets: Sequence[Sequence[int]],
    windows: Sequence[Sequence[float]],
) -> tuple[list[float], list[float], float]:
    """Values, gaps in units of the scale, and their sum, the energy. ``columns``: time and event of each endpoint."""
    values, gaps = [], []
    for target, window in zip(targets, windows, strict=True):
        name = KINDS[target[0]]
        if name == "crossings":
            found, height, last = float(crossings), math.nan, math.nan
        else:
            inside = sides[target[1]] >= 0
            time, event = (c[inside] for c in columns[endpoints[target[1]]])
            found, height = value(target, time, event, sides[target[1]][inside])
            # a median's distance goes by the set's last time, a rate's by the arm's
            of = sides[target[1]][inside] == target[2] if name == "rate" else np.ones(len(time), dtype=bool)
            last = float(max(time[of], default=0.0))
        values.append(found)
        gaps.append(gap(name, found, height, window, last, target[4]) / window[2])
    return values, gaps, math.fsum(gaps)


def in_order(order: Sequence[int], time: Floats, event: Floats, side: NDArray[np.int64]) -> bool:
    """Whether an order names everybody of a set once, by time, events before censorings."""
    keys = [(time[i], -event[i]) for i in order]
    return keys == sorted(keys) and sorted(order) == np.nonzero(side >= 0)[0].tolist()
