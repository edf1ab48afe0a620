"""Twins of the covariate-adjusted log-rank test and of the marginal hazard ratio; conventions as in `twins`.

Ye, Shao and Yi (2024, Biometrika 111:691; arXiv 2201.11948), Section 3 and, with strata, Section S2.3; the formulas
were read in the documentation of RobinCar2 ("Survival Analysis with RobinCar2") and of RobinCar
(robincar_logrank), which quote them. Arms are 0 and 1, no late entry, no case weights.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .twins_cox import Floats, MaybeArray, codes


def event_times(time: ArrayLike, event: ArrayLike, arm: ArrayLike, strata: MaybeArray = None) -> list[dict[str, float]]:
    """For each stratum and each of its event times: who is at risk (y0, y1) and who dies (d0, d1), by arm."""
    t, dead = np.asarray(time, dtype=float), np.asarray(event).astype(bool)
    a, stratum = np.asarray(arm, dtype=np.int64), codes(strata, len(t))
    rows = []
    for s in np.unique(stratum):
        for u in np.unique(t[(stratum == s) & dead]):
            row = {"stratum": float(s), "time": float(u)}
            for k in (0, 1):
                inside = (stratum == s) & (a == k)
                row[f"y{k}"] = float((inside & (t >= u)).sum())
                row[f"d{k}"] = float((inside & (t == u) & dead).sum())
            rows.append(row)
    return rows


def _score(rows: list[dict[str, float]], n: int, theta: float) -> float:
    total = 0.0
    for row in rows:
        expected = math.exp(theta) * row["y1"] / (row["y0"] + math.exp(theta) * row["y1"])
        total += row["d1"] * (1 - expected) + row["d0"] * (0 - expected)
    return total / n


def score(time: ArrayLike, event: ArrayLike, arm: ArrayLike, theta: float, strata: MaybeArray = None) -> float:
    """U(theta) = 1/n sum over deaths of (I_i - e^theta Y_1 / (Y_0 + e^theta Y_1)), within strata."""
    return _score(event_times(time, event, arm, strata), len(np.asarray(time)), theta)


def information(
    time: ArrayLike, event: ArrayLike, arm: ArrayLike, theta: float, strata: MaybeArray = None, ties: bool = False
) -> float:
    """sigma_L^2(theta) = 1/n sum over deaths of e^theta Y_0 Y_1 / (Y_0 + e^theta Y_1)^2, within strata.

    ties: the hypergeometric factor (Y - d) / (Y - 1) as well; it belongs to theta = 0, where the result is the
    variance of the log-rank test over n.
    """
    total = 0.0
    for row in event_times(time, event, arm, strata):
        y, d = row["y0"] + row["y1"], row["d0"] + row["d1"]
        weighted = row["y0"] + math.exp(theta) * row["y1"]
        factor = (y - d) / (y - 1) if ties and y > 1 else 1.0
        total += d * math.exp(theta) * row["y0"] * row["y1"] / weighted**2 * factor
    return total / len(np.asarray(time))


def derived_outcomes(
    time: ArrayLike, event: ArrayLike, arm: ArrayLike, theta: float, strata: MaybeArray = None
) -> Floats:
    """O_i(theta) in the own arm of each subject, within strata.

    Arm 1: sum over event times of Y_0 / Y_theta (dN_i - at risk e^theta d / Y_theta); arm 0: sum of
    e^theta Y_1 / Y_theta (dN_i - at risk d / Y_theta); Y_theta = Y_0 + e^theta Y_1. So U is, up to the mean over n,
    the sum of O in arm 1 minus that in arm 0.
    """
    t, dead = np.asarray(time, dtype=float), np.asarray(event).astype(bool)
    a, stratum = np.asarray(arm, dtype=np.int64), codes(strata, len(t))
    ratio = math.exp(theta)
    outcome = np.zeros(len(t))
    for row in event_times(time, event, arm, strata):
        weighted = row["y0"] + ratio * row["y1"]
        deaths = row["d0"] + row["d1"]
        for i in np.flatnonzero((stratum == row["stratum"]) & (t >= row["time"])):
            dies = 1.0 if dead[i] and t[i] == row["time"] else 0.0
            if a[i] == 1:
                outcome[i] += row["y0"] / weighted * (dies - ratio * deaths / weighted)
            else:
                outcome[i] += ratio * row["y1"] / weighted * (dies - deaths / weighted)
    return outcome


def correction(
    time: ArrayLike, event: ArrayLike, arm: ArrayLike, X: ArrayLike, theta: float, strata: MaybeArray = None
) -> dict[str, Any]:
    """What the covariates take away from U and from its variance, with slopes found at `theta`.

    slope_a: least squares of O on X in arm a, both centered in each stratum and arm (pooled over strata).
    score: 1/n sum (I_i (X_i - Xbar_z)' slope_1 - (1 - I_i) (X_i - Xbar_z)' slope_0).
    variance: p (1 - p) (slope_0 + slope_1)' S (slope_0 + slope_1), p the share of arm 1 and S the average over strata
    (weights n_z / n) of the covariance of X (divisor n_z - 1; 0 in a stratum of one, whose covariance does not exist).
    Where the columns are collinear in an arm the slope is the shortest one.
    """
    x = np.asarray(X, dtype=float)
    a, stratum = np.asarray(arm, dtype=np.int64), codes(strata, len(x))
    outcome = derived_outcomes(time, event, arm, theta, strata)
    n, p = x.shape
    slopes = []
    for k in (0, 1):
        left, right = np.zeros((p, p)), np.zeros(p)
        for s in np.unique(stratum):
            rows = np.flatnonzero((stratum == s) & (a == k))
            for i in rows:
                deviation = x[i] - x[rows].mean(axis=0)
                left += np.outer(deviation, deviation)
                right += deviation * outcome[i]
        slopes.append(np.linalg.pinv(left, rcond=1e-12, hermitian=True) @ right)
    taken = 0.0
    spread = np.zeros((p, p))
    for s in np.unique(stratum):
        rows = np.flatnonzero(stratum == s)
        center = x[rows].mean(axis=0)
        for i in rows:
            taken += float((x[i] - center) @ slopes[a[i]]) * (1 if a[i] == 1 else -1) / n
            if len(rows) > 1:
                spread += len(rows) / n * np.outer(x[i] - center, x[i] - center) / (len(rows) - 1)
    share = float((a == 1).mean())
    both = slopes[0] + slopes[1]
    return {"slopes": slopes, "score": taken, "variance": share * (1 - share) * float(both @ spread @ both)}


def adjusted_logrank(
    time: ArrayLike, event: ArrayLike, arm: ArrayLike, X: ArrayLike, strata: MaybeArray = None
) -> dict[str, Any]:
    """Covariate-adjusted (stratified) log-rank test: everything at theta = 0.

    u, sigma2: of the log-rank test, on the scale 1/n; u_adjusted = u - correction's score, sigma2_adjusted = sigma2 -
    correction's variance. z = -sqrt(n) u / sigma, so that z > 0 favors arm 1 where an event is a harm.
    """
    n = len(np.asarray(time))
    u = score(time, event, arm, 0.0, strata)
    sigma2 = information(time, event, arm, 0.0, strata, ties=True)
    taken = correction(time, event, arm, X, 0.0, strata)
    u_adjusted, sigma2_adjusted = u - taken["score"], sigma2 - taken["variance"]

    def z(numerator: float, variance: float) -> float:
        return -math.sqrt(n) * numerator / math.sqrt(variance) if variance > 0 else math.nan

    return {
        "n": n,
        "u": u,
        "sigma2": sigma2,
        "z": z(u, sigma2),
        "u_adjusted": u_adjusted,
        "sigma2_adjusted": sigma2_adjusted,
        "z_adjusted": z(u_adjusted, sigma2_adjusted),
        "slopes": taken["slopes"],
    }


def _root(function: Any) -> float:
    """Bisection of a falling function over (-30, 30); -inf or inf where it does not cross zero there, nan where it is
    constant."""
    low, high = -30.0, 30.0
    if function(low) == function(high):
        return math.nan
    if function(low) <= 0:
        return -math.inf
    if function(high) >= 0:
        return math.inf
    for _ in range(100):
        middle = (low + high) / 2
        if function(middle) > 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def marginal_hazard_ratio(
    time: ArrayLike, event: ArrayLike, arm: ArrayLike, X: ArrayLike, strata: MaybeArray = None
) -> dict[str, float]:
    """The marginal log hazard ratio of arm 1: the root of U(theta) - correction's score.

    The slopes are found at the unadjusted root theta_L. Standard error: sqrt(g - correction's variance) /
    (sqrt(n) g) with g = sigma_L^2 at the adjusted root (as published; RobinCar2's default); `se_at_unadjusted` has g
    at theta_L (RobinCar). No factor for ties: with them U(theta) = 0 is Breslow's equation.
    """
    n = len(np.asarray(time))
    rows = event_times(time, event, arm, strata)
    theta = _root(lambda t: _score(rows, n, t))
    result = {"theta": theta, "se": math.nan, "theta_adjusted": math.nan}
    result |= {"se_adjusted": math.nan, "se_at_unadjusted": math.nan}
    if not math.isfinite(theta):
        return result
    g = information(time, event, arm, theta, strata)
    taken = correction(time, event, arm, X, theta, strata)
    result["se"] = 1 / math.sqrt(n * g) if g > 0 else math.nan
    if g > taken["variance"]:
        result["se_at_unadjusted"] = math.sqrt(g - taken["variance"]) / (math.sqrt(n) * g)
    result["theta_adjusted"] = _root(lambda t: _score(rows, n, t) - taken["score"])
    if math.isfinite(result["theta_adjusted"]):
        g = information(time, event, arm, result["theta_adjusted"], strata)
        if g > taken["variance"]:
            result["se_adjusted"] = math.sqrt(g - taken["variance"]) / (math.sqrt(n) * g)
    return result
