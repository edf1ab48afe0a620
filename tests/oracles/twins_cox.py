"""Twins of the Cox model, see `twins` for the conventions."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import mpmath
import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
MaybeArray = ArrayLike | None


def floats(x: MaybeArray, n: int, default: float) -> Floats:
    return np.full(n, default) if x is None else np.asarray(x, dtype=float)


def codes(x: MaybeArray, n: int) -> Ints:
    return np.zeros(n, dtype=np.int64) if x is None else np.asarray(x, dtype=np.int64)


RiskSet = tuple[Ints, Ints]


def _risk_sets(time: ArrayLike, event: ArrayLike, strata: MaybeArray, entry: MaybeArray) -> Iterator[RiskSet]:
    """(rows dying, rows at risk) for every stratum and distinct event time."""
    t, dead = np.asarray(time, dtype=float), np.asarray(event).astype(bool)
    stratum, start = codes(strata, len(t)), floats(entry, len(t), -math.inf)
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
    used: list[int] = sorted({int(i) for _, at_risk in sets for i in at_risk})
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
    strata: MaybeArray = None,
    entry: MaybeArray = None,
    weight: MaybeArray = None,
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
    strata: MaybeArray = None,
    entry: MaybeArray = None,
    weight: MaybeArray = None,
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
    strata: MaybeArray,
    entry: MaybeArray,
    weight: MaybeArray,
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
    w = floats(weight, n, 1.0)
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
    strata: MaybeArray = None,
    entry: MaybeArray = None,
    weight: MaybeArray = None,
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
        with np.errstate(invalid="ignore"):  # a covariate that does not vary among those at risk has no information
            small = np.max(np.abs(score) / np.sqrt(np.diag(info))) < 1e-13
        if small or np.linalg.cond(info) > 1e13:
            break
        move = np.linalg.solve(info, score)
        for _ in range(40):
            new = ends(beta + move, kept)
            if new[0] >= loglik - 1e-12 * (1 + abs(loglik)):
                break
            move = move / 2
        beta, (loglik, score, info) = beta + move, new
    converged = not kept or (float(np.max(np.abs(beta))) < 15 and float(np.max(np.abs(score))) < 1e-8)
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
    weight: MaybeArray = None,
    strata: MaybeArray = None,
    entry: MaybeArray = None,
) -> Floats:
    """d(weighted score)/d(w_i), one row per subject (Therneau & Grambsch 2000, ch. 7).

    With mean death weight m and k = 0..d-1: the score at one time is
    sum_D w_j x_j - m sum_k xbar_k, so a death i adds x_i - mean_k(xbar_k), and anyone at
    risk adds -m sum_k (x_i - xbar_k) a_ik exp(x_i b) / S0_k, with a_ik = 1 - k/d for the
    tied deaths under Efron and 1 otherwise.
    """
    x, b = np.asarray(X, dtype=float), np.asarray(coef, dtype=float)
    n = len(x)
    w = floats(weight, n, 1.0)
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


def cluster_sums(rows: Floats, cluster: MaybeArray) -> Floats:
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
    weight: MaybeArray = None,
    strata: MaybeArray = None,
    entry: MaybeArray = None,
    cluster: MaybeArray = None,
) -> dict[str, Any]:
    """Sandwich variance (Lin & Wei 1989) with weighted score residuals, summed by cluster.

    robust_score: U' (sum u u')^-1 U with the clusters' weighted score residuals u at 0.
    """
    n, p = np.asarray(X, dtype=float).shape
    w = floats(weight, n, 1.0)[:, None]
    _, info = cox_derivatives(coef, time, event, X, ties, strata, entry, weight)
    inverse = np.linalg.inv(info)
    u = cluster_sums(w * cox_score_residuals(coef, time, event, X, ties, weight, strata, entry), cluster)
    u0 = cluster_sums(w * cox_score_residuals(np.zeros(p), time, event, X, ties, weight, strata, entry), cluster)
    total = u0.sum(axis=0)
    return {
        "var": inverse @ (u.T @ u) @ inverse,
        "naive_var": inverse,
        "robust_score": float(total @ np.linalg.pinv(u0.T @ u0) @ total),
    }
