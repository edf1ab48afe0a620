"""Twins of the accelerated failure time model, of weights for switching and of g-estimation: subject by subject.

Written from the definitions, with loops and dictionaries. A subject is a dictionary: id, arm (0 control), time, event,
switch (inf: never), progression, end (administrative censoring), base (its baseline covariates) and visits, a sorted
list of (day, values): what was measured on it holds until the next. Rows are dictionaries too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy import stats

Subject = dict[str, Any]
Line = dict[str, Any]


# ---- accelerated failure times ----


def log_density(law: str, t: float, mean: float, scale: float) -> float:
    """Log density of T where (log T - mean) / scale has the law's error."""
    return float(_law(law, mean, scale).logpdf(t))


def log_survival(law: str, t: float, mean: float, scale: float) -> float:
    return float(_law(law, mean, scale).logsf(t))


def _law(law: str, mean: float, scale: float) -> Any:
    if law in ("weibull", "exponential"):
        return stats.weibull_min(1 / scale, scale=math.exp(mean))
    if law == "lognormal":
        return stats.lognorm(scale, scale=math.exp(mean))
    return stats.fisk(1 / scale, scale=math.exp(mean))


def aft_loglik(
    coef: Sequence[float], scale: float, time: Sequence[float], event: Sequence[int], x: Any, law: str
) -> float:
    """Sum of log densities of events and log survival of the censored; x (n, p) with its constant."""
    total = 0.0
    for t, d, row in zip(time, event, np.asarray(x, dtype=float), strict=True):
        mean = float(np.dot(coef, row))
        total += log_density(law, t, mean, scale) if d else log_survival(law, t, mean, scale)
    return total


def hessian(f: Callable[[np.ndarray], float], at: np.ndarray, step: float = 1e-4) -> np.ndarray:
    """Second derivatives by central differences."""
    p = len(at)
    out = np.empty((p, p))
    for i in range(p):
        for j in range(p):
            a, b = np.zeros(p), np.zeros(p)
            a[i], b[j] = step, step
            out[i, j] = (f(at + a + b) - f(at + a - b) - f(at - a + b) + f(at - a - b)) / (4 * step * step)
    return out


# ---- the panel ----


def lines(subjects: Sequence[Subject], since_progression: bool = False) -> list[Line]:
    """A line (start, stop] for each visit, cut at the switch as well; the first begins before day 0.

    If nobody can switch before progression lines are cut there too; who has not progressed when a line begins cannot.
    """
    out = []
    for s in subjects:
        days = {day for day, _ in s["visits"]} | {s["switch"]}
        days |= {s["progression"]} if since_progression else set()
        cuts = sorted(day for day in days if day < s["time"])
        cuts = [-1.0] + [c for c in cuts if c > 0]
        for start, stop in zip(cuts, [*cuts[1:], s["time"]], strict=True):
            values = [v for day, v in s["visits"] if day <= max(start, 0)][-1]
            last = stop == s["time"]
            out.append(
                {"subject": s, "start": start, "stop": stop, "values": values, "last": last,
                 "event": int(last and s["event"]), "crossed": stop == s["switch"], "after": start >= s["switch"],
                 "open": not since_progression or s["progression"] <= max(start, 0)}
            )  # fmt: skip
    return out


def told(line: Line) -> bool:
    """Whether a line tells of switching: before the switch, and not the end of somebody who never switched."""
    return not line["after"] and (line["crossed"] or not line["last"])


# ---- natural splines ----


def truncated_powers(t: float, knots: Sequence[float]) -> list[float]:
    """A natural cubic spline's basis without the constant: t, and differences of truncated cubes."""

    def d(k: int) -> float:
        top = knots[-1]
        return (max(t - knots[k], 0.0) ** 3 - max(t - top, 0.0) ** 3) / (top - knots[k])

    return [t] + [d(k) - d(len(knots) - 2) for k in range(len(knots) - 2)]


def knots_at(times: Sequence[float], df: int) -> list[float]:
    """The range of the times, and between it the quantiles 1/df, 2/df ..., each once."""
    low, high = min(times), max(times)
    if df < 1 or low == high:
        return []
    inner = {float(np.quantile(times, j / df)) for j in range(1, df)}
    return [low, *sorted(k for k in inner if low < k < high), high]


# ---- logistic regression ----


def logistic(y: Sequence[int], x: Any) -> np.ndarray:
    """Coefficients by Newton's steps, each halved until the likelihood climbs; x with its constant."""
    rows, happened = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    scale = np.abs(rows).max(axis=0)
    rows = rows / scale

    def loglik(b: np.ndarray) -> float:
        return float(sum(h * e - np.logaddexp(0, e) for h, e in zip(happened, rows @ b, strict=True)))

    b = np.zeros(rows.shape[1])
    for _ in range(200):
        p = 1 / (1 + np.exp(-rows @ b))
        step = np.linalg.solve((rows.T * (p * (1 - p))) @ rows, rows.T @ (happened - p))
        factor = 1.0
        while loglik(b + factor * step) < loglik(b) - 1e-12 and factor > 1e-6:
            factor /= 2
        b = b + factor * step
        if np.abs(step).max() < 1e-13:
            break
    return b / scale


def robust_z(y: Sequence[int], x: Any, who: Sequence[Any], column: int) -> float:
    """A coefficient over its standard error by the sandwich, scores summed by subject."""
    rows = np.asarray(x, dtype=float)
    b = logistic(y, rows)
    p = 1 / (1 + np.exp(-rows @ b))
    bread = np.linalg.inv((rows.T * (p * (1 - p))) @ rows)
    sums: dict[Any, np.ndarray] = {}
    for i, w in enumerate(who):
        sums[w] = sums.get(w, np.zeros(rows.shape[1])) + rows[i] * (y[i] - p[i])
    meat = sum(np.outer(u, u) for u in sums.values())
    return float(b[column] / math.sqrt((bread @ meat @ bread)[column, column]))


# ---- weights ----


def columns_of(line: Line, part: str, knots: Sequence[float]) -> list[float]:
    moving = list(line["values"]) if part == "denominator" else []
    shape = truncated_powers(line["stop"], knots) if knots else []
    return [1.0, *line["subject"]["base"], *moving, *shape]


def chances_by_visit(panel: Sequence[Line], arms: Sequence[int], df: int, part: str) -> list[float]:
    """The chance of what happened at each line's end, 1 where nothing could: pooled over the visits of an arm."""
    out = [1.0] * len(panel)
    for arm in arms:
        mine = [i for i, line in enumerate(panel) if line["subject"]["arm"] == arm and told(line)]
        if part == "denominator":
            mine = [i for i in mine if panel[i]["open"]]
        knots = knots_at([panel[i]["stop"] for i in mine if panel[i]["crossed"]], df)
        x = [columns_of(panel[i], part, knots) for i in mine]
        y = [int(panel[i]["crossed"]) for i in mine]
        b = logistic(y, x)
        for i, row, crossed in zip(mine, x, y, strict=True):
            p = 1 / (1 + math.exp(-float(np.dot(b, row))))
            out[i] = p if crossed else 1 - p
    return out


def weights_by_visit(panel: Sequence[Line], arms: Sequence[int], df: int) -> list[tuple[float, float]]:
    """Unstabilized and stabilized weight of each line: products over the subject's lines before it."""
    below, above = (chances_by_visit(panel, arms, df, part) for part in ("denominator", "numerator"))
    out = []
    for line in panel:
        before = [j for j, o in enumerate(panel) if o["subject"] is line["subject"] and o["stop"] <= line["start"]]
        lower = math.prod(below[j] for j in before)
        out.append((1 / lower, math.prod(above[j] for j in before) / lower))
    return out


def hazard_jumps(rows: Sequence[tuple[float, float, bool, float]], efron: bool) -> dict[float, float]:
    """Jumps of the baseline hazard from rows (start, stop, switched, risk)."""
    jumps = {}
    for t in sorted({stop for _, stop, switched, _ in rows if switched}):
        at_risk = sum(r for start, stop, _, r in rows if start < t <= stop)
        dying = [r for _, stop, switched, r in rows if switched and stop == t]
        d = len(dying)
        jumps[t] = sum(1 / (at_risk - (j / d if efron else 0) * sum(dying)) for j in range(d))
    return jumps


# ---- the weighted log-rank test ----


def weighted_logrank(rows: Sequence[tuple[float, float, int, int, float]]) -> tuple[float, float]:
    """Score and variance (Xie and Liu 2005) of rows (start, stop, event, arm, weight)."""
    score = variance = 0.0
    for t in sorted({r[1] for r in rows if r[2]}):
        at_risk = [r for r in rows if r[0] < t <= r[1]]
        dying = [r for r in at_risk if r[2] and r[1] == t]
        weight = [sum(r[4] for r in at_risk if r[3] == arm) for arm in (0, 1)]
        share = weight[1] / sum(weight)
        score += sum(r[4] * (r[3] - share) for r in dying)
        n, d = len(at_risk), len(dying)
        if n > 1:
            spread = sum(r[4] ** 2 * (share**2 if r[3] == 0 else (1 - share) ** 2) for r in at_risk)
            variance += d * (n - d) / (n * (n - 1)) * spread
    return score, variance


# ---- g-estimation ----


def residual(times: Sequence[float], events: Sequence[int]) -> list[float]:
    """Martingale residuals of a group: Efron's ties."""
    out = []
    for t, e in zip(times, events, strict=True):
        met = 0.0
        for u in sorted({x for x, d in zip(times, events, strict=True) if d}):
            if u > t:
                continue
            n = sum(x >= u for x in times)
            d = sum(x == u and k for x, k in zip(times, events, strict=True))
            own = u == t and e  # of the tied deaths, each meets the r-th term with a share 1 - r/d
            met += sum((1 - r / d if own else 1.0) / (n - r) for r in range(d))
        out.append(e - met)
    return out


def g_statistic(subjects: Sequence[Subject], arm: int, psi: float, df: int) -> float:
    """Z of the residual of survival after progression without the switch, in a model of switching from then on."""
    who = [s for s in subjects if s["arm"] == arm and min(s["progression"], s["switch"]) < math.inf]
    base = {s["id"]: min(s["progression"], s["switch"]) for s in who}
    times, events = [], []
    for s in who:
        start = base[s["id"]]
        off = min(s["switch"], s["time"]) - start
        u = off + math.exp(psi) * (s["time"] - start - off)
        last = min(1, math.exp(psi)) * (s["end"] - start)
        times.append(min(u, last))
        events.append(int(s["event"] and u <= last))
    found = dict(zip(base, residual(times, events), strict=True))
    panel = [x for x in lines(subjects) if x["subject"]["id"] in base and told(x)]
    panel = [x for x in panel if x["stop"] >= base[x["subject"]["id"]]]
    knots = knots_at([x["stop"] for x in panel if x["crossed"]], df)
    rows = []
    for line in panel:
        first, *others = columns_of(line, "denominator", knots)
        rows.append([first, found[line["subject"]["id"]], *others])
    return robust_z([int(x["crossed"]) for x in panel], rows, [x["subject"]["id"] for x in panel], 1)


# ---- times put back ----


def restored(s: Subject, factor: float, start: float, cut: bool) -> tuple[float, int]:
    """Time and event had the time after ``start`` been ``factor`` times as long, cut at min(1, factor) end."""
    u = min(start, s["time"]) + factor * max(s["time"] - start, 0.0)
    if not cut:
        return u, s["event"]
    last = min(1.0, factor) * s["end"]
    return min(u, last), int(s["event"] and u <= last)


def after_progression(
    subjects: Sequence[Subject], arm: int, offset: float
) -> list[tuple[float, int, int, list[float]]]:
    """Time left after progression (or a switch before it), event, whether switched, baseline covariates."""
    out = []
    for s in subjects:
        base = min(s["progression"], s["switch"])
        if s["arm"] == arm and base < math.inf:
            out.append((s["time"] - base + offset, s["event"], int(s["switch"] < math.inf), s["base"]))
    return out
