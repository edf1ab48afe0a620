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
from collections.abc import Iterator, Sequence
from statistics import NormalDist
from typing import Any

import mpmath
import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
R_TOL = float(np.sqrt(np.finfo(float).eps))  # 1.49e-8


def _floats(x: ArrayLike | None, n: int, default: float) -> Floats:
    return np.full(n, default) if x is None else np.asarray(x, dtype=float)


def _codes(x: ArrayLike | None, n: int) -> Ints:
    return np.zeros(n, dtype=np.int64) if x is None else np.asarray(x, dtype=np.int64)


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
def km(
    time: ArrayLike,
    event: ArrayLike,
    entry: ArrayLike | None = None,
    weight: ArrayLike | None = None,
) -> dict[str, Floats]:
    """Product-limit estimate (Kaplan & Meier 1958) at all distinct exit times.

    greenwood_se: S * sqrt(sum d / (n (n - d))) (Greenwood 1926), nan where S is 0.
    robust_se: infinitesimal jackknife, sqrt(sum_i (w_i dS/dw_i)^2) (Jaeckel 1972);
    dS/dw_i is the product rule applied to S = prod(1 - h_k), h_k = d_k / n_k.
    """
    t = np.asarray(time, dtype=float)
    dead = np.asarray(event).astype(bool)
    n = len(t)
    start, w = _floats(entry, n, -math.inf), _floats(weight, n, 1.0)
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


def km_limits(
    survival: ArrayLike, se: ArrayLike, level: float = 0.95, conf_type: str = "log"
) -> tuple[Floats, Floats]:
    """Pointwise limits with R's edge rules; `se` is the standard error of S itself.

    plain: S -+ z se, clipped to [0, 1].  log: exp(log S -+ z se/S), upper at most 1.
    log-log: exp(-exp(log(-log S) +- z se/(S log S))) (Kalbfleisch & Prentice 1980).
    S == 1 gives (1, 1); S == 0 or an undefined se gives nan.
    """
    z = NormalDist().inv_cdf(0.5 + level / 2)
    lower, upper = [], []
    for s, e in zip(np.asarray(survival, dtype=float), np.asarray(se, dtype=float), strict=True):
        if not (s > 0) or not math.isfinite(e):
            lo = up = math.nan
        elif s >= 1:
            lo = up = 1.0
        elif conf_type == "plain":
            lo, up = max(s - z * e, 0.0), min(s + z * e, 1.0)
        elif conf_type == "log":
            lo, up = s * math.exp(-z * e / s), min(s * math.exp(z * e / s), 1.0)
        elif conf_type == "log-log":
            center, half = math.log(-math.log(s)), z * e / (s * abs(math.log(s)))
            lo, up = math.exp(-math.exp(center + half)), math.exp(-math.exp(center - half))
        else:
            raise ValueError(conf_type)
        lower.append(lo)
        upper.append(up)
    return np.array(lower), np.array(upper)


def quantile(time: ArrayLike, survival: ArrayLike, p: float, tolerance: float = R_TOL) -> float:
    """Time by which a share p has failed, by R's rule (Brookmeyer & Crowley 1982).

    The first t with S(t) <= 1 - p (within the tolerance).  If S equals 1 - p there
    and drops later, the midpoint of t and the time of that drop.  nan if never reached.
    nan values of a curve (limits at S = 0) count as absent.
    """
    t, s = np.asarray(time, dtype=float), np.asarray(survival, dtype=float)
    keep = ~np.isnan(s)
    t, s = t[keep], s[keep]
    target = 1.0 - p
    for k in range(len(t)):
        if s[k] <= target + tolerance:
            if abs(s[k] - target) <= tolerance:
                for later in range(k + 1, len(t)):
                    if s[later] < target - tolerance:
                        return float((t[k] + t[later]) / 2)
            return float(t[k])
    return math.nan


# -------------------------------------------------------------------- log-rank
def logrank(
    time: ArrayLike,
    event: ArrayLike,
    group: ArrayLike,
    n_groups: int,
    strata: ArrayLike | None = None,
    entry: ArrayLike | None = None,
    rho: float = 0.0,
    gamma: float = 0.0,
    weight: ArrayLike | None = None,
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
    stratum, start = _codes(strata, n), _floats(entry, n, -math.inf)
    w = _floats(weight, n, 1.0)
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


# ------------------------------------------------------------------------- Cox
RiskSet = tuple[Ints, Ints]


def _risk_sets(
    time: ArrayLike, event: ArrayLike, strata: ArrayLike | None, entry: ArrayLike | None
) -> Iterator[RiskSet]:
    """(rows dying, rows at risk) for every stratum and distinct event time."""
    t, dead = np.asarray(time, dtype=float), np.asarray(event).astype(bool)
    stratum, start = _codes(strata, len(t)), _floats(entry, len(t), -math.inf)
    for s in np.unique(stratum):
        for u in np.unique(t[(stratum == s) & dead]):
            dying = np.flatnonzero((stratum == s) & dead & (t == u))
            at_risk = np.flatnonzero((stratum == s) & (start < u) & (u <= t))
            yield dying, at_risk


def discrete_term(dying: Sequence[Any], others: Sequence[Any]) -> Any:
    """prod(dying) / sum over all subsets of size d of prod (Cox 1972), by recursion.

    e_k after adding r = e_k + r e_(k-1): the elementary symmetric polynomials.
    """
    d = len(dying)
    e = [mpmath.mpf(1)] + [mpmath.mpf(0)] * d
    for r in [*dying, *others]:
        for k in range(d, 0, -1):
            e[k] += r * e[k - 1]
    return mpmath.fprod(dying) / e[d]


def discrete_term_by_subsets(dying: Sequence[Any], others: Sequence[Any]) -> Any:
    """The same, literally: list every subset of size d of the risk set."""
    subsets = itertools.combinations([*dying, *others], len(dying))
    return mpmath.fprod(dying) / mpmath.fsum(mpmath.fprod(s) for s in subsets)


def marginal_term(dying: Sequence[Any], others: Sequence[Any]) -> Any:
    """Integral over (0, inf) of prod(1 - exp(-r_j t / R)) exp(-t) dt, R = sum(others).

    DeLong, Guirguis & So (1994); with u = exp(-t) it is the integral over (0, 1) of
    prod(1 - u^(r_j / R)).  The value is 1 when nobody else is at risk.
    """
    rest = mpmath.fsum(others)
    if rest == 0:
        return mpmath.mpf(1)
    powers = [r / rest for r in dying]
    return mpmath.quad(lambda u: mpmath.fprod(1 - u**a for a in powers), [0, 0.5, 1])


def marginal_term_by_orders(dying: Sequence[Any], others: Sequence[Any]) -> Any:
    """The same as the sum over all orders in which the tied deaths can have happened
    (Kalbfleisch & Prentice 1973)."""
    rest = mpmath.fsum(others)
    terms = []
    for order in itertools.permutations(dying):
        term = mpmath.mpf(1)
        for k, r in enumerate(order):
            term *= r / (rest + mpmath.fsum(order[k:]))
        terms.append(term)
    return mpmath.fsum(terms)


def _exact_loglik(beta: Sequence[Any], x: Floats, sets: list[RiskSet], ties: str) -> Any:
    """Log-likelihood of the two exact methods in mpmath numbers."""
    total = mpmath.mpf(0)
    used = np.unique(np.concatenate([r for _, r in sets])) if sets else []
    risk = {i: mpmath.exp(mpmath.fsum(b * mpmath.mpf(float(v)) for b, v in zip(beta, x[i], strict=True))) for i in used}
    for dying, at_risk in sets:
        first = [risk[i] for i in dying]
        others = [risk[i] for i in at_risk if i not in set(dying)]
        if ties == "discrete":
            total += mpmath.log(discrete_term(first, others))
        elif len(first) <= 5:
            total += mpmath.log(marginal_term_by_orders(first, others))
        else:
            total += mpmath.log(marginal_term(first, others))
    return total


def cox_loglik(
    beta: ArrayLike,
    time: ArrayLike,
    event: ArrayLike,
    X: ArrayLike,
    ties: str = "efron",
    strata: ArrayLike | None = None,
    entry: ArrayLike | None = None,
    weight: ArrayLike | None = None,
) -> float:
    """Log partial likelihood (Cox 1972).

    breslow (Breslow 1974), efron (Efron 1977; weighted: tied deaths share their mean
    weight, Therneau & Grambsch 2000), discrete (Cox 1972, exact conditional),
    exact-marginal (Kalbfleisch & Prentice 1973).
    """
    return _cox(beta, time, event, X, ties, strata, entry, weight, derivatives=False)[0]


def cox_derivatives(
    beta: ArrayLike,
    time: ArrayLike,
    event: ArrayLike,
    X: ArrayLike,
    ties: str = "efron",
    strata: ArrayLike | None = None,
    entry: ArrayLike | None = None,
    weight: ArrayLike | None = None,
) -> tuple[Floats, Floats]:
    """Score and information (minus the second derivative) of `cox_loglik`.

    Exact methods: central differences in 50-digit numbers (step 1e-12, error ~1e-24).
    """
    return _cox(beta, time, event, X, ties, strata, entry, weight)[1:]


def _cox(
    beta: ArrayLike,
    time: ArrayLike,
    event: ArrayLike,
    X: ArrayLike,
    ties: str,
    strata: ArrayLike | None,
    entry: ArrayLike | None,
    weight: ArrayLike | None,
    derivatives: bool = True,
) -> tuple[float, Floats, Floats]:
    x, b = np.asarray(X, dtype=float), np.asarray(beta, dtype=float)
    n, p = x.shape
    sets = list(_risk_sets(time, event, strata, entry))
    if ties in ("discrete", "exact-marginal"):
        if weight is not None:
            raise ValueError("case weights have no meaning in an exact method")
        return _exact_derivatives(b, x, sets, ties, derivatives)
    if ties not in ("efron", "breslow"):
        raise ValueError(ties)
    w = _floats(weight, n, 1.0)
    loglik, score, information = 0.0, np.zeros(p), np.zeros((p, p))
    for dying, at_risk in sets:
        z = x - x[at_risk].mean(axis=0)  # the likelihood does not see a common shift
        eta = z @ b
        shift = float(eta[at_risk].max())
        d = len(dying)
        mean_weight = float(w[dying].mean())
        loglik += float(w[dying] @ (eta[dying] - shift))
        score += w[dying] @ z[dying]
        for k in range(d):
            c, s0, mean = _step(z, eta - shift, w, dying, at_risk, k / d if ties == "efron" else 0.0)
            loglik -= mean_weight * math.log(s0)
            score -= mean_weight * mean
            dev = z[at_risk] - mean
            information += mean_weight * (dev.T * c) @ dev / s0
    return loglik, score, information


def _step(
    z: Floats, eta: Floats, w: Floats, dying: Ints, at_risk: Ints, removed: float
) -> tuple[Floats, float, Floats]:
    """Risk weights of those at risk when a share `removed` of each tied death is gone."""
    c = w[at_risk] * np.exp(eta[at_risk])
    c = np.where(np.isin(at_risk, dying), (1.0 - removed) * c, c)
    s0 = float(c.sum())
    return c, s0, c @ z[at_risk] / s0


def _exact_derivatives(
    b: Floats, x: Floats, sets: list[RiskSet], ties: str, derivatives: bool
) -> tuple[float, Floats, Floats]:
    p = x.shape[1]
    with mpmath.workdps(50):
        step = mpmath.mpf(10) ** -12

        def at(*moves: tuple[int, int]) -> Any:
            """The log-likelihood after moving coefficient j by `times` steps."""
            point = [mpmath.mpf(float(v)) for v in b]
            for j, times in moves:
                point[j] += times * step
            return _exact_loglik(point, x, sets, ties)

        center = at()
        score, information = np.zeros(p), np.zeros((p, p))
        if not derivatives:
            return float(center), score, information
        for j in range(p):
            up, down = at((j, 1)), at((j, -1))
            score[j] = float((up - down) / (2 * step))
            information[j, j] = float(-(up - 2 * center + down) / step**2)
            for k in range(j):
                cross = at((j, 1), (k, 1)) - at((j, 1), (k, -1)) - at((j, -1), (k, 1)) + at((j, -1), (k, -1))
                information[j, k] = information[k, j] = float(-cross / (4 * step**2))
        return float(center), score, information


def cox_fit(
    time: ArrayLike,
    event: ArrayLike,
    X: ArrayLike,
    ties: str = "efron",
    strata: ArrayLike | None = None,
    entry: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    max_iter: int = 60,
) -> dict[str, Any]:
    """Newton-Raphson from 0.  Columns are taken in order; one that adds no information
    at 0 to those before it gets coef nan and variance 0.  `converged` is False when the
    score does not vanish (for example an infinite estimate).
    """
    raw = np.asarray(X, dtype=float)
    p = raw.shape[1]
    scale = np.maximum(raw.std(axis=0), 1e-300)
    scale = np.where(scale > 1e-14 * np.abs(raw).max(axis=0, initial=0), scale, 1.0)
    x = (raw - raw.mean(axis=0)) / scale

    def ends(b: Floats, cols: list[int]) -> tuple[float, Floats, Floats]:
        return _cox(b, time, event, x[:, cols], ties, strata, entry, weight)

    null, score0, info0 = ends(np.zeros(p), list(range(p)))
    kept: list[int] = []
    for j in range(p):
        rest = info0[j, j]
        if kept:
            rest -= info0[j, kept] @ np.linalg.solve(info0[np.ix_(kept, kept)], info0[kept, j])
        if rest > 1e-10 * max(info0[j, j], 1.0):
            kept.append(j)
    u0, i0 = score0[kept], info0[np.ix_(kept, kept)]
    score_test = float(u0 @ np.linalg.solve(i0, u0)) if kept else 0.0
    beta, loglik, score, info = np.zeros(len(kept)), null, u0, i0
    for _ in range(max_iter if kept else 0):
        if np.max(np.abs(score) / np.sqrt(np.diag(info))) < 1e-13 or np.linalg.cond(info) > 1e13:
            break
        move = np.linalg.solve(info, score)
        for _ in range(40):
            new = ends(beta + move, kept)
            if new[0] >= loglik - 1e-12 * (1 + abs(loglik)):
                break
            move = move / 2
        beta, (loglik, score, info) = beta + move, new
    converged = not kept or float(np.max(np.abs(beta))) < 15 and float(np.max(np.abs(score))) < 1e-8
    coef, var = np.full(p, np.nan), np.zeros((p, p))
    wald = 0.0
    if kept:
        coef[kept] = beta / scale[kept]
        wald = float(beta @ info @ beta)
        var[np.ix_(kept, kept)] = np.linalg.pinv(info) / np.outer(scale[kept], scale[kept])
    return {
        "coef": coef,
        "var": var,
        "loglik": (null, loglik),
        "score_test": score_test,
        "wald": wald,
        "lr": 2 * (loglik - null),
        "converged": converged,
    }


def cox_score_residuals(
    coef: ArrayLike,
    time: ArrayLike,
    event: ArrayLike,
    X: ArrayLike,
    ties: str = "efron",
    weight: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    entry: ArrayLike | None = None,
) -> Floats:
    """d(weighted score)/d(w_i), one row per subject (Therneau & Grambsch 2000, ch. 7).

    With mean death weight m and k = 0..d-1: the score at one time is
    sum_D w_j x_j - m sum_k xbar_k, so a death i adds x_i - mean_k(xbar_k), and anyone at
    risk adds -m sum_k (x_i - xbar_k) a_ik exp(x_i b) / S0_k, with a_ik = 1 - k/d for the
    tied deaths under Efron and 1 otherwise.
    """
    x, b = np.asarray(X, dtype=float), np.asarray(coef, dtype=float)
    n = len(x)
    w = _floats(weight, n, 1.0)
    residual = np.zeros_like(x)
    for dying, at_risk in _risk_sets(time, event, strata, entry):
        z = x - x[at_risk].mean(axis=0)
        eta = z @ b
        eta = eta - eta[at_risk].max()
        d, mean_weight = len(dying), float(w[dying].mean())
        for k in range(d):
            c, s0, mean = _step(z, eta, w, dying, at_risk, k / d if ties == "efron" else 0.0)
            residual[dying] += (z[dying] - mean) / d
            residual[at_risk] -= mean_weight * (z[at_risk] - mean) * (c / w[at_risk])[:, None] / s0
    return residual


def _cluster_sums(rows: Floats, cluster: ArrayLike | None) -> Floats:
    if cluster is None:
        return rows
    label = np.asarray(cluster)
    return np.array([rows[label == c].sum(axis=0) for c in np.unique(label)])


def cox_robust_variance(
    coef: ArrayLike,
    time: ArrayLike,
    event: ArrayLike,
    X: ArrayLike,
    ties: str = "efron",
    weight: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    entry: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
) -> dict[str, Any]:
    """Sandwich variance (Lin & Wei 1989) with weighted score residuals, summed by cluster.

    robust_score: U' (sum u u')^-1 U with the clusters' weighted score residuals u at 0.
    """
    n, p = np.asarray(X, dtype=float).shape
    w = _floats(weight, n, 1.0)[:, None]
    _, info = cox_derivatives(coef, time, event, X, ties, strata, entry, weight)
    inverse = np.linalg.inv(info)
    u = _cluster_sums(w * cox_score_residuals(coef, time, event, X, ties, weight, strata, entry), cluster)
    u0 = _cluster_sums(w * cox_score_residuals(np.zeros(p), time, event, X, ties, weight, strata, entry), cluster)
    total = u0.sum(axis=0)
    return {
        "var": inverse @ (u.T @ u) @ inverse,
        "naive_var": inverse,
        "robust_score": float(total @ np.linalg.pinv(u0.T @ u0) @ total),
    }


# ------------------------------------------------------------ concordance, RMST
def concordance(
    time: ArrayLike,
    event: ArrayLike,
    risk_score: ArrayLike,
    strata: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    entry: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
) -> dict[str, float]:
    """Harrell's C (1982) over pairs of one stratum; a high score should die first.

    A death at t is compared with everyone at risk at t who is not a death at t (one
    censored at t counts as longer lived).  C = (concordant + tied_x/2) / comparable;
    the pair counts w_i w_j.  se: infinitesimal jackknife sqrt(sum (w_i dC/dw_i)^2).
    """
    t, dead = np.asarray(time, dtype=float), np.asarray(event).astype(bool)
    x, n = np.asarray(risk_score, dtype=float), len(np.asarray(time))
    stratum, start, w = _codes(strata, n), _floats(entry, n, -math.inf), _floats(weight, n, 1.0)
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
    influence = _cluster_sums(w * (good - c * pairs) / total, cluster)
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
