"""Twins of means, milestones, average hazard ratios, weighted Cox regression and follow-up; conventions as in `twins`.

Arms are 0 and 1. Case weights are copies of a row.
"""

from __future__ import annotations

import itertools
import math
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from . import twins
from .twins_cox import Floats, MaybeArray, codes, floats


# ------------------------------------------------------------ one arm at one time
def kaplan_meier(
    time: ArrayLike, event: ArrayLike, entry: MaybeArray = None, weight: MaybeArray = None
) -> dict[str, Floats]:
    """`twins.km` without its robust standard error, which takes minutes on hundreds of rows. At all exit times."""
    t, dead = np.asarray(time, dtype=float), np.asarray(event).astype(bool)
    start, w = floats(entry, len(t), -math.inf), floats(weight, len(t), 1.0)
    at_risk = [w[(start < u) & (u <= t)].sum() for u in np.unique(t)]
    dying = [w[dead & (t == u)].sum() for u in np.unique(t)]
    return _product_limit(np.unique(t), at_risk, dying)


def _product_limit(grid: Floats, at_risk: list[float], leaving: list[float]) -> dict[str, Floats]:
    """S = prod (1 - d / n); Greenwood's standard error, nan where S is 0."""
    survival, greenwood_se = [], []
    s, total = 1.0, 0.0
    for y, d in zip(at_risk, leaving, strict=True):
        if d > 0:
            s *= 1 - d / y
            total += d / (y * (y - d)) if y > d else math.inf
        survival.append(s)
        greenwood_se.append(s * math.sqrt(total) if s > 0 else math.nan)
    return {
        "time": grid,
        "n_risk": np.array(at_risk),
        "n_event": np.array(leaving),
        "survival": np.array(survival),
        "greenwood_se": np.array(greenwood_se),
    }


def area(curve: dict[str, Floats], start: float, tau: float) -> float:
    """Integral of a curve over (start, tau)."""
    knots = [start, *[float(u) for u in curve["time"] if start < u < tau], tau]
    total = 0.0
    for left, right in itertools.pairwise(knots):
        before = curve["survival"][curve["time"] <= left]
        total += (right - left) * (float(before[-1]) if len(before) else 1.0)
    return total


def mean_of_arm(
    time: ArrayLike, event: ArrayLike, tau: float, entry: MaybeArray = None, weight: MaybeArray = None
) -> tuple[float, float]:
    """Restricted mean and its variance, as `twins.rmst`, with late entry and case weights."""
    curve = kaplan_meier(time, event, entry, weight)
    variance = 0.0
    for u, y, d in zip(curve["time"], curve["n_risk"], curve["n_event"], strict=True):
        if d > 0 and u <= tau and y > d:
            variance += area(curve, float(u), tau) ** 2 * d / (y * (y - d))
    return area(curve, 0.0, tau), variance


def survival_of_arm(
    time: ArrayLike, event: ArrayLike, at: float, entry: MaybeArray = None, weight: MaybeArray = None
) -> tuple[float, float]:
    """S(at) and Greenwood's variance; where S has reached 0 the variance is 0."""
    curve = kaplan_meier(time, event, entry, weight)
    survival, total = 1.0, 0.0
    for u, y, d in zip(curve["time"], curve["n_risk"], curve["n_event"], strict=True):
        if u <= at and d > 0:
            survival *= 1 - d / y
            total += d / (y * (y - d)) if y > d else 0.0
    return survival, survival**2 * total


def followed_to(time: ArrayLike, event: ArrayLike, tau: float, entry: MaybeArray = None) -> bool:
    """Whether the curve is known up to tau: somebody was followed that long, or the curve is 0 before."""
    curve = kaplan_meier(time, event, entry)
    return bool(tau <= curve["time"][-1] or curve["survival"][-1] == 0)


def _by_stratum(
    of_arm: Any,
    time: ArrayLike,
    event: ArrayLike,
    arm: ArrayLike,
    at: float,
    strata: MaybeArray,
    entry: MaybeArray,
    weight: MaybeArray,
) -> dict[str, Any]:
    """mu_a = sum over strata of (n_h / n) mu_ah, the variances with the shares squared; `missing` names strata in
    which an arm is empty or not followed to `at`."""
    t, dead, a = np.asarray(time, dtype=float), np.asarray(event), np.asarray(arm, dtype=np.int64)
    stratum = codes(strata, len(t))
    start, w = floats(entry, len(t), -math.inf), floats(weight, len(t), 1.0)
    value, variance, missing = [0.0, 0.0], [0.0, 0.0], []
    for s in np.unique(stratum):
        share = w[stratum == s].sum() / w.sum()
        for k in (0, 1):
            rows = (stratum == s) & (a == k)
            if not rows.any() or not followed_to(t[rows], dead[rows], at, start[rows]):
                missing.append(int(s))
                continue
            m, v = of_arm(t[rows], dead[rows], at, start[rows], w[rows])
            value[k] += share * m
            variance[k] += share**2 * v
    return {"value": value, "variance": variance, "missing": sorted(set(missing))}


def _contrasts(value: list[float], variance: list[float], level: float) -> dict[str, float]:
    """Difference of arm 1 and arm 0 with Wald limits, ratio with limits on the log scale (nan where it has none)."""
    z = NormalDist().inv_cdf(0.5 + level / 2)
    difference, se = value[1] - value[0], math.sqrt(variance[0] + variance[1])
    result = {"difference": difference, "se": se, "lower": difference - z * se, "upper": difference + z * se}
    result |= {"ratio": math.nan, "log_se": math.nan, "ratio_lower": math.nan, "ratio_upper": math.nan}
    if value[0] > 0:
        result["ratio"] = value[1] / value[0]
    if min(value) > 0:
        log_se = math.sqrt(variance[0] / value[0] ** 2 + variance[1] / value[1] ** 2)
        result["log_se"] = log_se
        result["ratio_lower"] = result["ratio"] * math.exp(-z * log_se)
        result["ratio_upper"] = result["ratio"] * math.exp(z * log_se)
    return result


def rmst(
    time: ArrayLike,
    event: ArrayLike,
    arm: ArrayLike,
    tau: float,
    strata: MaybeArray = None,
    level: float = 0.95,
    entry: MaybeArray = None,
    weight: MaybeArray = None,
) -> dict[str, Any]:
    """Restricted means of the two arms, standardized to the strata of the trial, and their contrasts.

    "value" and "variance" by arm; difference and ratio of restricted means; "lost" holds the same of tau - mean.
    When "missing" is not empty nothing else is to be used.
    """
    parts = _by_stratum(mean_of_arm, time, event, arm, tau, strata, entry, weight)
    lost = [tau - m for m in parts["value"]]
    return {
        **parts,
        **_contrasts(parts["value"], parts["variance"], level),
        "lost": _contrasts(lost, parts["variance"], level),
    }


def milestone(
    time: ArrayLike,
    event: ArrayLike,
    arm: ArrayLike,
    at: float,
    strata: MaybeArray = None,
    level: float = 0.95,
    entry: MaybeArray = None,
    weight: MaybeArray = None,
) -> dict[str, Any]:
    """Survival of the two arms at a time, standardized to the strata of the trial, and their contrasts."""
    parts = _by_stratum(survival_of_arm, time, event, arm, at, strata, entry, weight)
    return {**parts, **_contrasts(parts["value"], parts["variance"], level)}


# ------------------------------------------------------------- adjusted restricted mean
def censoring_curve(
    time: ArrayLike, event: ArrayLike, events_first: bool, entry: MaybeArray = None, weight: MaybeArray = None
) -> dict[str, Floats]:
    """Kaplan-Meier curve of the times of censoring; n_event counts the censored.

    events_first: those who die at a time are no longer at risk of being censored there (n_risk = Y - d); otherwise
    the indicator is merely reversed.
    """
    t, dead = np.asarray(time, dtype=float), np.asarray(event).astype(bool)
    start, w = floats(entry, len(t), -math.inf), floats(weight, len(t), 1.0)
    grid = np.unique(t)
    at_risk = [w[(start < u) & (u <= t) & ~(events_first & dead & (t == u))].sum() for u in grid]
    censored = [w[~dead & (t == u)].sum() for u in grid]
    return _product_limit(grid, at_risk, censored)


def height(curve: dict[str, Floats], at: float, before: bool = False) -> float:
    """The curve at a time, or just before it."""
    reached = curve["survival"][curve["time"] < at] if before else curve["survival"][curve["time"] <= at]
    return float(reached[-1]) if len(reached) else 1.0


def adjusted_rmst(
    time: ArrayLike,
    event: ArrayLike,
    arm: ArrayLike,
    X: ArrayLike,
    tau: float,
    link: str = "difference",
    events_first: bool = False,
) -> dict[str, Any]:
    """Regression of the restricted time on the arm and covariates (Tian, Zhao & Wei 2014), as survRM2 has it.

    y = min(T, tau), delta = 1 for an event and for anybody followed to tau. Solves sum w x (y - mu(x'b)) = 0 with
    w = delta / G(y), G the Kaplan-Meier curve of censoring (of y, delta) in the own arm, x = (1, arm, covariates).
    link "difference": mu(e) = e; "ratio": mu(e) = exp(e); "lost ratio": the same for tau - y in place of y.
    Variance: A^-1 (sum k k') A^-1, A = sum mu'(x'b) x x' and, with s_i = w_i x_i (y_i - mu_i),
    k_i = s_i + integral of Q / Y dM_i, Q(t) = sum over y_j >= t of s_j, Y and M at-risk count and martingale of
    censoring in the own arm.

    events_first False: G(y) of the merely reversed indicator, as survRM2 (a tied censoring weighs on the event);
    True: those dying at t are not at risk of censoring at t and w = delta / G(y-), which makes the model with the arm
    alone equal to the difference of the Kaplan-Meier means.
    """
    t, dead, a = np.asarray(time, dtype=float), np.asarray(event).astype(bool), np.asarray(arm, dtype=np.int64)
    n = len(t)
    x = np.column_stack([np.ones(n), a, np.asarray(X, dtype=float).reshape(n, -1)])
    y = np.minimum(t, tau)
    delta = dead | (t >= tau)
    w = np.zeros(n)
    for k in (0, 1):
        curve = censoring_curve(y[a == k], delta[a == k], events_first)
        for i in np.flatnonzero((a == k) & delta):
            w[i] = 1 / height(curve, float(y[i]), before=events_first)
    target = tau - y if link == "lost ratio" else y
    beta = np.zeros(x.shape[1])
    if link != "difference":
        beta[0] = math.log(float(w @ target) / float(w.sum()))
    for _ in range(100):
        mu = x @ beta if link == "difference" else np.exp(x @ beta)
        slope = np.ones(n) if link == "difference" else mu
        move = np.linalg.solve((x * (w * slope)[:, None]).T @ x, x.T @ (w * (target - mu)))
        beta = beta + move
        if np.abs(move).max() < 1e-14 * (1 + np.abs(beta).max()):
            break
    mu = x @ beta if link == "difference" else np.exp(x @ beta)
    slope = np.ones(n) if link == "difference" else mu
    s = x * (w * (target - mu))[:, None]
    k_rows = s.copy()
    for k in (0, 1):
        rows = np.flatnonzero(a == k)
        for u in np.unique(y[rows][~delta[rows]]):
            at_risk = [i for i in rows if y[i] > u or (y[i] == u and not (events_first and delta[i]))]
            censored = [i for i in rows if y[i] == u and not delta[i]]
            # who dies at u with the events first has left; s of the others
            later = np.sum([s[i] for i in at_risk], axis=0) / len(at_risk)
            for i in at_risk:
                k_rows[i] -= later * len(censored) / len(at_risk)
            for i in censored:
                k_rows[i] += later
    bread = np.linalg.inv((x * slope[:, None]).T @ x)
    return {"coef": beta, "var": bread @ (k_rows.T @ k_rows) @ bread, "weights": w}


# -------------------------------------------------------------- average hazard ratio
def _who_fails_first(time: Floats, dead: Any, arm: Any, tau: float, entry: Floats, weight: Any) -> tuple[Any, Any]:
    """(p_0, p_1): p_a is the sum over event times t <= tau of arm a of the drop of its Kaplan-Meier curve times the
    other arm's curve, taken half way between just before t and t. Weights may be complex numbers."""
    times = [np.unique(time[(arm == k) & dead & (time <= tau)]) for k in (0, 1)]
    everything = np.unique(np.concatenate(times))
    survival = [1.0, 1.0]
    result = [0.0, 0.0]
    for u in everything:
        after: list[Any] = []
        for k in (0, 1):
            at_risk = weight[(arm == k) & (entry < u) & (u <= time)].sum()
            dying = weight[(arm == k) & dead & (time == u)].sum()
            after.append(survival[k] * (1 - dying / at_risk) if at_risk != 0 else survival[k])
        for k in (0, 1):
            result[k] = result[k] + (survival[k] - after[k]) * (survival[1 - k] + after[1 - k]) / 2
        survival = after
    return result[0], result[1]


def average_hazard_ratio(
    time: ArrayLike,
    event: ArrayLike,
    arm: ArrayLike,
    tau: float,
    level: float = 0.95,
    entry: MaybeArray = None,
    weight: MaybeArray = None,
) -> dict[str, Any]:
    """Average hazard ratio of Kalbfleisch & Prentice (1981) with weight S_0 S_1: p_1 / p_0, see `_who_fails_first`.

    log_se: infinitesimal jackknife, sqrt(sum_i w_i u_i^2), u_i the derivative of log(p_1 / p_0) in the weight of
    subject i. The derivative is taken by really moving the weight, by 1e-30 i: the imaginary part over 1e-30 is exact
    to rounding. `missing`: the arms whose curve is not known up to tau.
    """
    t, dead, a = np.asarray(time, dtype=float), np.asarray(event).astype(bool), np.asarray(arm, dtype=np.int64)
    n = len(t)
    start, w = floats(entry, n, -math.inf), floats(weight, n, 1.0)
    missing = [k for k in (0, 1) if not followed_to(t[a == k], dead[a == k], tau, start[a == k])]
    p0, p1 = _who_fails_first(t, dead, a, tau, start, w)
    result = {"p0": float(p0), "p1": float(p1), "missing": missing}
    result |= {"ratio": math.nan, "log_se": math.nan, "lower": math.nan, "upper": math.nan}
    if p0 == 0 or p1 == 0:
        result["ratio"] = math.nan if p1 == p0 else math.inf if p0 == 0 else 0.0
        return result
    step = 1e-30
    total = 0.0
    for i in range(n):
        moved = w.astype(complex)
        moved[i] += step * 1j
        q0, q1 = _who_fails_first(t, dead, a, tau, start, moved)
        # p may be a plain number when the subject does not enter it
        total += w[i] * (complex(q1).imag / step / p1 - complex(q0).imag / step / p0) ** 2
    z = NormalDist().inv_cdf(0.5 + level / 2)
    result["ratio"], result["log_se"] = p1 / p0, math.sqrt(total)
    result["lower"] = result["ratio"] * math.exp(-z * result["log_se"])
    result["upper"] = result["ratio"] * math.exp(z * result["log_se"])
    return result


# ------------------------------------------------------------------ weighted Cox
def weighted_cox(
    time: ArrayLike, event: ArrayLike, X: ArrayLike, entry: MaybeArray = None, events_first: bool = True
) -> dict[str, Any]:
    """Weighted Cox regression for average hazard ratios (Schemper, Wakounig & Heinze 2009).

    Score: sum over event times of w(t) sum over the dying of (x_i - xbar(t, b)), Breslow's ties. w(t) = S(t-) / G(t-),
    S the Kaplan-Meier curve of all, G that of their censoring, scaled to mean 1 over the deaths (the scale changes
    neither the coefficients nor the robust variance). events_first False: G of the merely reversed indicator, as
    coxphw. var: sandwich of Lin & Wei (1989) with u_i = sum w (x_i - xbar)(dN_i - at risk exp(x_i b) d / S_0).
    """
    t, dead = np.asarray(time, dtype=float), np.asarray(event).astype(bool)
    raw = np.asarray(X, dtype=float)
    n, p = raw.shape
    start = floats(entry, n, -math.inf)
    x = raw - raw.mean(axis=0)
    survival, censoring = kaplan_meier(t, dead, entry), censoring_curve(t, dead, events_first, entry)
    times = np.unique(t[dead])
    deaths = np.array([float((dead & (t == u)).sum()) for u in times])
    weight = np.array([height(survival, u, before=True) / height(censoring, u, before=True) for u in times])
    weight = weight * deaths.sum() / (weight * deaths).sum()

    def sums(beta: Floats) -> tuple[Floats, Floats, Floats]:
        score, information, rows = np.zeros(p), np.zeros((p, p)), np.zeros((n, p))
        for u, w, d in zip(times, weight, deaths, strict=True):
            at_risk = (start < u) & (u <= t)
            dying = dead & (t == u)
            risk = np.where(at_risk, np.exp(x @ beta), 0.0)
            mean = risk @ x / risk.sum()
            score += w * (x[dying] - mean).sum(axis=0)
            information += w * d * ((x - mean).T * risk) @ (x - mean) / risk.sum()
            rows += w * (x - mean) * (dying - risk * d / risk.sum())[:, None]
        return score, information, rows

    beta = np.zeros(p)
    for _ in range(60):
        score, information, _rows = sums(beta)
        move = np.linalg.solve(information, score)
        while np.abs(move).max() > 5:
            move = move / 2
        beta = beta + move
        if np.abs(move).max() < 1e-14 * (1 + np.abs(beta).max()):
            break
    _, information, rows = sums(beta)
    inverse = np.linalg.inv(information)
    return {
        "coef": beta,
        "var": inverse @ (rows.T @ rows) @ inverse,
        "naive_var": inverse,
        "time": times,
        "weight": weight,
    }


# ---------------------------------------------------------------------- follow-up
def follow_up(
    time: ArrayLike, event: ArrayLike, events_first: bool = True, entry: MaybeArray = None, weight: MaybeArray = None
) -> dict[str, Any]:
    """Reverse Kaplan-Meier curve of the follow-up (Schemper & Smith 1996) of one group, see `censoring_curve`."""
    curve: dict[str, Any] = dict(censoring_curve(time, event, events_first, entry, weight))
    curve["median"] = twins.quantile(curve["time"], curve["survival"], 0.5)
    return curve
