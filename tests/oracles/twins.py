"""Second program for the tests: slow twins written from the definitions.

Nothing here shares code with the package.  Every function is a plain loop over
risk sets, so that it can be checked by eye against the cited definition.
Conventions: a subject is at risk at t when entry < t <= time (entry None means
-inf); subjects censored at t are still at risk for the deaths at t; strata are
integer codes; weights are case weights.  Times are compared exactly, see
`tie_times` for R's rule of merging nearly equal times.
"""

from __future__ import annotations

import itertools
import math
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from .twins_cox import (
    Floats,
    MaybeArray,
    cluster_sums,
    codes,
    cox_derivatives,
    cox_fit,
    cox_loglik,
    cox_robust_variance,
    cox_score_residuals,
    discrete_term,
    discrete_term_by_subsets,
    floats,
    marginal_term,
    marginal_term_by_orders,
)

__all__ = [
    "concordance",
    "cox_derivatives",
    "cox_fit",
    "cox_loglik",
    "cox_robust_variance",
    "cox_score_residuals",
    "discrete_term",
    "discrete_term_by_subsets",
    "km",
    "km_limits",
    "logrank",
    "logrank_chisq",
    "marginal_term",
    "marginal_term_by_orders",
    "quantile",
    "rmst",
    "tie_times",
]

R_TOL = float(np.sqrt(np.finfo(float).eps))  # 1.49e-8


def tie_times(*columns: ArrayLike, tolerance: float = R_TOL) -> list[Floats]:
    """Merge nearly equal times as R's survival does before it fits.

    Two neighbors among the sorted distinct finite values of all columns are one
    time when their gap is <= tolerance, or <= tolerance * mean(|distinct values|);
    a merged run takes its smallest value (Therneau, survival vignette on tied times).
    """
    arrays = [np.asarray(c, dtype=float) for c in columns]
    values = np.unique(np.concatenate([a[np.isfinite(a)] for a in arrays]))
    scale = float(np.mean(np.abs(values)))
    merged: dict[float, float] = {}
    for k, v in enumerate(values):
        gap = v - values[k - 1] if k else math.inf
        near = gap <= tolerance or (scale > 0 and gap / scale <= tolerance)
        merged[float(v)] = merged[float(values[k - 1])] if near else float(v)
    return [np.array([merged.get(float(v), float(v)) for v in a]) for a in arrays]


# ---------------------------------------------------------------- Kaplan-Meier
def km(time: ArrayLike, event: ArrayLike, entry: MaybeArray = None, weight: MaybeArray = None) -> dict[str, Floats]:
    """Product-limit estimate (Kaplan & Meier 1958) at all distinct exit times.

    greenwood_se: S * sqrt(sum d / (n (n - d))) (Greenwood 1926), nan where S is 0.
    robust_se: infinitesimal jackknife, sqrt(sum_i (w_i dS/dw_i)^2) (Jaeckel 1972);
    dS/dw_i is the product rule applied to S = prod(1 - h_k), h_k = d_k / n_k.
    """
    t = np.asarray(time, dtype=float)
    dead = np.asarray(event).astype(bool)
    n = len(t)
    start, w = floats(entry, n, -math.inf), floats(weight, n, 1.0)
    grid = np.unique(t)
    n_risk, n_event, n_censor, hazard = [], [], [], []
    survival, greenwood, robust = [], [], []
    d_hazard: list[Floats] = []  # per time: dh_k/dw_i for every subject i
    greenwood_sum = 0.0
    for u in grid:
        at_risk = (start < u) & (u <= t)
        dying = dead & (t == u)
        nk, dk = float(w[at_risk].sum()), float(w[dying].sum())
        if np.array_equal(at_risk, dying):
            dk = nk  # the same people: keep rounding from hiding it
        n_risk.append(nk)
        n_event.append(dk)
        n_censor.append(float(w[(t == u) & ~dead].sum()))
        h = dk / nk if nk > 0 else 0.0
        hazard.append(h)
        d_hazard.append((dying * 1.0 - at_risk * h) / nk if nk > 0 else np.zeros(n))
        s = math.prod(1.0 - x for x in hazard)
        survival.append(s)
        if dk > 0:
            greenwood_sum += dk / (nk * (nk - dk)) if nk > dk else math.inf
        greenwood.append(s * math.sqrt(greenwood_sum) if s > 0 else math.nan)
        ds = np.zeros(n)
        for k in range(len(hazard)):
            others = math.prod(1.0 - hazard[m] for m in range(len(hazard)) if m != k)
            ds -= others * d_hazard[k]
        robust.append(math.sqrt(float(np.sum((w * ds) ** 2))))
    return {
        "time": grid,
        "n_risk": np.array(n_risk),
        "n_event": np.array(n_event),
        "n_censor": np.array(n_censor),
        "survival": np.array(survival),
        "greenwood_se": np.array(greenwood),
        "robust_se": np.array(robust),
    }


def km_limits(survival: ArrayLike, se: ArrayLike, level: float = 0.95, conf_type: str = "log") -> tuple[Floats, Floats]:
    """Pointwise limits with R's edge rules; `se` is the standard error of S itself.

    plain: S -+ z se, clipped to [0, 1].  log: exp(log S -+ z se/S), upper at most 1.
    log-log: exp(-exp(log(-log S) +- z se/(S log S))) (Kalbfleisch & Prentice 1980).
    nan where the formula is not defined: no se (Greenwood at S == 0), log at S == 0,
    log-log at S == 0 and at S == 1.  (plain and log give (1, 1) at S == 1 with se 0;
    plain gives (0, 0) at S == 0 with the infinitesimal jackknife's se 0.)
    """
    z = NormalDist().inv_cdf(0.5 + level / 2)
    lower, upper = [], []
    for s, e in zip(np.asarray(survival, dtype=float), np.asarray(se, dtype=float), strict=True):
        if not math.isfinite(e):
            lo = up = math.nan
        elif conf_type == "plain":
            lo, up = max(s - z * e, 0.0), min(s + z * e, 1.0)
        elif conf_type == "log":
            lo = up = math.nan
            if s > 0:
                lo = s * math.exp(-z * e / s)
                up = 1.0 if z * e / s > 700.0 else min(s * math.exp(z * e / s), 1.0)
        elif conf_type == "log-log":
            lo = up = math.nan
            if 0 < s < 1:
                center, half = math.log(-math.log(s)), z * e / (s * abs(math.log(s)))
                lo = 0.0 if center + half > 700.0 else math.exp(-math.exp(center + half))
                up = math.exp(-math.exp(center - half))
        else:
            raise ValueError(conf_type)
        lower.append(lo)
        upper.append(up)
    return np.array(lower), np.array(upper)


def quantile(
    time: ArrayLike, survival: ArrayLike, p: float, tolerance: float = R_TOL, flat_end: str = "first"
) -> float:
    """Time by which a share p has failed, by the rule of R's printed median (Brookmeyer & Crowley 1982).

    The first t with S(t) <= 1 - p (within the tolerance).  If S equals 1 - p there and
    drops later, the midpoint of t and the time of that drop.  If it never drops again:
    t ("first", summary(survfit)$table) or the midpoint of t and the last time ("last",
    quantile(survfit)).  nan if never reached; nan values of a curve count as absent.
    """
    t, s = np.asarray(time, dtype=float), np.asarray(survival, dtype=float)
    keep = ~np.isnan(s)
    t, s = t[keep], s[keep]
    target = 1.0 - p
    for k in range(len(t)):
        if s[k] > target + tolerance:
            continue
        if s[k] < target - tolerance:
            return float(t[k])
        for later in range(k + 1, len(t)):
            if s[later] < target - tolerance:
                return float((t[k] + t[later]) / 2)
        return float(t[k] if flat_end == "first" else (t[k] + t[-1]) / 2)
    return math.nan


# -------------------------------------------------------------------- log-rank
def logrank(
    time: ArrayLike,
    event: ArrayLike,
    group: ArrayLike,
    n_groups: int,
    strata: MaybeArray = None,
    entry: MaybeArray = None,
    rho: float = 0.0,
    gamma: float = 0.0,
    weight: MaybeArray = None,
) -> dict[str, Floats]:
    """Observed, expected, variance of the (weighted) log-rank test.

    Mantel (1966), Peto & Peto (1972); weight S(t-)^rho (1 - S(t-))^gamma with the
    pooled Kaplan-Meier of the stratum (Fleming & Harrington 1991).  Variance:
    multivariate hypergeometric, a time with one person at risk adds nothing.
    `weight` are integer case weights: the same as repeating the rows.
    """
    t, g = np.asarray(time, dtype=float), np.asarray(group, dtype=np.int64)
    dead = np.asarray(event).astype(bool)
    n = len(t)
    stratum, start = codes(strata, n), floats(entry, n, -math.inf)
    w = floats(weight, n, 1.0)
    observed, expected = np.zeros(n_groups), np.zeros(n_groups)
    variance = np.zeros((n_groups, n_groups))
    for s in np.unique(stratum):
        inside = stratum == s
        s_minus = 1.0
        for u in np.unique(t[inside & dead]):
            at_risk = inside & (start < u) & (u <= t)
            dying = inside & dead & (t == u)
            n_g = np.array([w[at_risk & (g == k)].sum() for k in range(n_groups)])
            d_g = np.array([w[dying & (g == k)].sum() for k in range(n_groups)])
            total, deaths = float(n_g.sum()), float(d_g.sum())
            if deaths == 0:
                continue
            fh = s_minus**rho * (1.0 - s_minus) ** gamma
            observed += fh * d_g
            expected += fh * deaths * n_g / total
            if total > 1:
                factor = deaths * (total - deaths) / (total - 1)
                share = n_g / total
                variance += fh**2 * factor * (np.diag(share) - np.outer(share, share))
            s_minus *= 1.0 - deaths / total
    return {"observed": observed, "expected": expected, "variance": variance}


def logrank_chisq(result: dict[str, Floats]) -> tuple[float, int]:
    """Chi-square and df: (O-E)' V^- (O-E) over the groups with expected > 0."""
    keep = result["expected"] > 0
    diff = (result["observed"] - result["expected"])[keep][1:]
    v = result["variance"][np.ix_(keep, keep)][1:, 1:]
    return float(diff @ np.linalg.pinv(v) @ diff), int(keep.sum()) - 1


# ------------------------------------------------------------ concordance, RMST
def concordance(
    time: ArrayLike,
    event: ArrayLike,
    risk_score: ArrayLike,
    strata: MaybeArray = None,
    weight: MaybeArray = None,
    entry: MaybeArray = None,
    cluster: MaybeArray = None,
) -> dict[str, float]:
    """Harrell's C (1982) over pairs of one stratum; a high score should die first.

    A death at t is compared with everyone at risk at t who is not a death at t (one
    censored at t counts as longer lived).  C = (concordant + tied_x/2) / comparable;
    the pair counts w_i w_j.  se: infinitesimal jackknife sqrt(sum (w_i dC/dw_i)^2).
    """
    t, dead = np.asarray(time, dtype=float), np.asarray(event).astype(bool)
    x, n = np.asarray(risk_score, dtype=float), len(np.asarray(time))
    stratum, start, w = codes(strata, n), floats(entry, n, -math.inf), floats(weight, n, 1.0)
    counts = dict.fromkeys(("concordant", "discordant", "tied_x", "tied_y", "tied_xy"), 0.0)
    good, pairs = np.zeros(n), np.zeros(n)  # derivatives of numerator, denominator by w_i
    for i in range(n):
        for j in range(n):
            if i == j or not dead[i] or stratum[i] != stratum[j] or not start[j] < t[i] <= t[j]:
                continue
            if t[i] == t[j] and dead[j]:
                if i < j:
                    counts["tied_xy" if x[i] == x[j] else "tied_y"] += w[i] * w[j]
                continue
            name = "tied_x" if x[i] == x[j] else "concordant" if x[i] > x[j] else "discordant"
            counts[name] += w[i] * w[j]
            value = {"tied_x": 0.5, "concordant": 1.0, "discordant": 0.0}[name]
            for a, other in ((i, j), (j, i)):
                good[a] += w[other] * value
                pairs[a] += w[other]
    total = counts["concordant"] + counts["discordant"] + counts["tied_x"]
    if total == 0:
        return {"C": math.nan, "se": math.nan, **counts}
    c = (counts["concordant"] + counts["tied_x"] / 2) / total
    influence = cluster_sums(w * (good - c * pairs) / total, cluster)
    return {"C": c, "se": math.sqrt(float(np.sum(influence**2))), **counts}


def rmst(time: ArrayLike, event: ArrayLike, tau: float) -> tuple[float, float]:
    """Area under S up to tau and its variance (Irwin 1949; Meier 1975).

    variance = sum over event times u <= tau of (area under S from u to tau)^2 d/(n(n-d)),
    a term with n == d adds 0.
    """
    fit = km(time, event)

    def area(start: float) -> float:
        """Integral of S over (start, tau)."""
        knots = [start, *[float(u) for u in fit["time"] if start < u < tau], tau]
        total = 0.0
        for left, right in itertools.pairwise(knots):
            before = fit["survival"][fit["time"] <= left]
            total += (right - left) * (float(before[-1]) if len(before) else 1.0)
        return total

    variance = 0.0
    for u, nk, dk in zip(fit["time"], fit["n_risk"], fit["n_event"], strict=True):
        if dk > 0 and u <= tau and nk > dk:
            variance += area(float(u)) ** 2 * dk / (nk * (nk - dk))
    return area(0.0), variance
