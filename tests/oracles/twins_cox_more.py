"""Twins of what is built on a Cox fit, see `twins` for the conventions.

Data are rows: time, event, X and, where used, strata, entry, weight.  A (start, stop] row of a subject with
covariates that change is a row with entry = start; `by_subject` adds rows up.  `entry` None is -inf.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.stats import chi2, rankdata

from .twins import km_limits
from .twins_cox import (
    Floats,
    Ints,
    MaybeArray,
    _risk_sets,
    codes,
    cox_derivatives,
    cox_fit,
    cox_loglik,
    cox_score_residuals,
    floats,
)

Long = tuple[ArrayLike, ArrayLike, ArrayLike]  # subject, start, value: a covariate in long form


class Step(NamedTuple):
    """One of the d steps at an event time: Efron removes a share k/d of every tied death, Breslow nothing.

    `share` is 1 - k/d for the deaths and 1 for the others at risk, `s0` the sum of w share exp(x b), `mean` the mean of
    x with these weights, `jump` = (mean weight of the deaths) / s0 the increment of the cumulative baseline hazard at
    x = 0.
    """

    stratum: int
    time: float
    dying: Ints
    at_risk: Ints
    share: Floats
    s0: float
    mean: Floats
    jump: float
    deaths: int


def steps(
    coef: ArrayLike,
    time: ArrayLike,
    event: ArrayLike,
    X: ArrayLike,
    ties: str = "efron",
    strata: MaybeArray = None,
    entry: MaybeArray = None,
    weight: MaybeArray = None,
) -> Iterator[Step]:
    """By stratum, event time and k (Breslow 1974; Efron 1977; with weights as Therneau & Grambsch 2000)."""
    x, b, t = np.asarray(X, dtype=float), np.asarray(coef, dtype=float), np.asarray(time, dtype=float)
    w, stratum = floats(weight, len(t), 1.0), codes(strata, len(t))
    for dying, at_risk in _risk_sets(time, event, strata, entry):
        d = len(dying)
        dies = np.zeros(len(t), dtype=bool)
        dies[dying] = True
        risk = w[at_risk] * np.exp(x[at_risk] @ b)
        for k in range(d):
            removed = k / d if ties == "efron" else 0.0
            share = np.where(dies[at_risk], 1.0 - removed, 1.0)
            c = share * risk
            s0 = float(c.sum())
            jump = float(w[dying].mean()) / s0
            yield Step(
                int(stratum[dying[0]]), float(t[dying[0]]), dying, at_risk, share, s0, c @ x[at_risk] / s0, jump, d
            )


# ------------------------------------------------------------------- residuals
def martingale(coef: ArrayLike, time: ArrayLike, event: ArrayLike, X: ArrayLike, *rest: Any, **more: Any) -> Floats:
    """Events less the cumulative hazard, a row each (Barlow & Prentice 1988; Therneau, Grambsch & Fleming 1990).

    Under Efron's ties the hazard of a death at its own time is that of the steps, each times the share still there.
    Further arguments: ties, strata, entry, weight as in `steps`.
    """
    x, b = np.asarray(X, dtype=float), np.asarray(coef, dtype=float)
    residual = np.asarray(event).astype(float)
    for s in steps(coef, time, event, X, *rest, **more):
        residual[s.at_risk] -= s.share * np.exp(x[s.at_risk] @ b) * s.jump
    return residual


def deviance(martingale_residual: ArrayLike, event: ArrayLike) -> Floats:
    """sign(M) sqrt(-2 (M + N log(N - M))), N the events of the row or subject (Therneau, Grambsch & Fleming 1990)."""
    result = []
    for m, n in zip(np.asarray(martingale_residual, float), np.asarray(event, float), strict=True):
        inside = m + (n * math.log(n - m) if n > 0 else 0.0)
        result.append(math.copysign(math.sqrt(max(-2.0 * inside, 0.0)), m))
    return np.array(result)


def by_subject(rows: Floats, subject: ArrayLike) -> Floats:
    """Rows of a subject added up; subjects in the order of their first row."""
    label = np.asarray(subject)
    return np.array([rows[label == s].sum(axis=0) for s in dict.fromkeys(label.tolist())])


def dfbeta(
    coef: ArrayLike,
    time: ArrayLike,
    event: ArrayLike,
    X: ArrayLike,
    ties: str = "efron",
    strata: MaybeArray = None,
    entry: MaybeArray = None,
    weight: MaybeArray = None,
) -> Floats:
    """Score residual times the inverse information: the approximate change of the coefficients when a row is left out
    (Cain & Lange 1984; Reid & Crepeau 1985).  With weights: the change per unit of weight."""
    _, information = cox_derivatives(coef, time, event, X, ties, strata, entry, weight)
    score = cox_score_residuals(coef, time, event, X, ties, weight, strata, entry)
    return score @ np.linalg.inv(information)


def dfbetas(coef: ArrayLike, *data: Any, **more: Any) -> Floats:
    """`dfbeta` over the (model-based) standard errors of the coefficients."""
    _, information = cox_derivatives(coef, *data, **more)
    return dfbeta(coef, *data, **more) / np.sqrt(np.diag(np.linalg.inv(information)))


def schoenfeld(coef: ArrayLike, time: ArrayLike, event: ArrayLike, X: ArrayLike, *rest: Any, **more: Any) -> Any:
    """x of every death less the mean of x among those at risk (Schoenfeld 1982): time, stratum, row, value (deaths, p).

    Under Efron's ties the mean is the average of the means of the d steps.  By stratum, time, row.  Unweighted.
    """
    x = np.asarray(X, dtype=float)
    out: dict[str, list[Any]] = {"time": [], "stratum": [], "row": [], "value": []}
    means: list[Floats] = []
    for s in steps(coef, time, event, X, *rest, **more):
        means.append(s.mean)
        if len(means) < s.deaths:
            continue
        for i in s.dying:
            out["time"].append(s.time)
            out["stratum"].append(s.stratum)
            out["row"].append(int(i))
            out["value"].append(x[i] - np.mean(means, axis=0))
        means = []
    value = np.array(out["value"]).reshape(-1, x.shape[1])
    return {"time": np.array(out["time"]), "stratum": out["stratum"], "row": out["row"], "value": value}


def scaled_schoenfeld(coef: ArrayLike, *data: Any, **more: Any) -> Floats:
    """coef + (deaths) V r for every Schoenfeld residual r, V the inverse information (Grambsch & Therneau 1994)."""
    _, information = cox_derivatives(coef, *data, **more)
    r = schoenfeld(coef, *data, **more)["value"]
    return np.asarray(coef, dtype=float) + len(r) * r @ np.linalg.inv(information)


# ------------------------------------------------------- proportional hazards
def transformed_times(time: ArrayLike, event: ArrayLike, entry: MaybeArray, transform: str) -> dict[float, float]:
    """g(t) at every event time, over all strata together and without weights.

    km: 1 - S(t-), the Kaplan-Meier estimate just before t.  rank: the rank of t among the exit times of all rows,
    the censored ones too, ties at their mean rank.  identity: t.  log: log t.
    """
    t, dead = np.asarray(time, dtype=float), np.asarray(event).astype(bool)
    start, ranks = floats(entry, len(t), -math.inf), rankdata(t)
    g: dict[float, float] = {}
    survival = 1.0
    for u in np.unique(t[dead]):
        g[float(u)] = {
            "km": 1.0 - survival,
            "rank": float(ranks[t == u][0]),
            "identity": float(u),
            "log": math.log(u) if u > 0 else -math.inf,
        }[transform]
        survival *= 1.0 - float(np.sum(dead & (t == u))) / float(np.sum((start < u) & (u <= t)))
    return g


def zph(
    coef: ArrayLike,
    time: ArrayLike,
    event: ArrayLike,
    X: ArrayLike,
    ties: str = "efron",
    strata: MaybeArray = None,
    entry: MaybeArray = None,
    weight: MaybeArray = None,
    *,
    transform: str | Callable[[float], float] = "km",
    groups: Sequence[Sequence[int]] | None = None,
) -> dict[str, Any]:
    """Score test of x g(t) added to the model, at the fitted coefficients (Grambsch & Therneau 1994; the score test
    itself as in survival >= 3.0).

    Score of the added columns: sum over deaths of g(t) (x - mean).  Information of all columns and all added ones:
    blocks sum V, sum g V, sum g^2 V over the steps, V the variance of x among those at risk (times the mean weight of
    the deaths).  A term is tested with its own added columns alone beside all columns; GLOBAL with all of them.
    `groups`: columns of each term, default one column a term.  `g` is centered: it changes nothing but rounding.
    chisq is nan where the added columns have no information beside the model's (one event time, for example).
    """
    x, b = np.asarray(X, dtype=float), np.asarray(coef, dtype=float)
    p, w = x.shape[1], floats(weight, len(x), 1.0)
    table = transformed_times(time, event, entry, transform) if isinstance(transform, str) else {}
    g_of = transform if callable(transform) else table.__getitem__
    died = [float(u) for u, d in zip(np.asarray(time, float), np.asarray(event), strict=True) if d]
    center = float(np.mean([g_of(u) for u in died]))
    score, information = np.zeros(2 * p), np.zeros((2 * p, 2 * p))
    for s in steps(coef, time, event, X, ties, strata, entry, weight):
        g = g_of(s.time) - center
        m = float(w[s.dying].mean())
        dev = x[s.at_risk] - s.mean
        c = w[s.at_risk] * s.share * np.exp(x[s.at_risk] @ b)
        v = m * (dev.T * c) @ dev / s.s0
        information += np.block([[v, g * v], [g * v, g * g * v]])
        gain = w[s.dying] @ x[s.dying] / s.deaths - m * s.mean
        score += np.concatenate([gain, g * gain])
    score[:p] = 0.0  # at the maximum
    terms = [[j] for j in range(p)] if groups is None else [list(k) for k in groups]
    chisq, df = [], []
    for added in [*terms, [j for k in terms for j in k]]:
        old, new = list(range(p)), [p + j for j in added]
        cross = information[np.ix_(new, old)]
        size = np.sqrt(np.diag(information)[new])
        left = information[np.ix_(new, new)] - cross @ np.linalg.pinv(information[:p, :p], hermitian=True) @ cross.T
        full = np.all(size > 0) and np.linalg.matrix_rank(left / np.outer(size, size), tol=1e-10) == len(new)
        chisq.append(float(score[new] @ np.linalg.solve(left, score[new])) if full else math.nan)
        df.append(len(added))
    return {"chisq": np.array(chisq), "df": df, "p": chi2.sf(chisq, df)}


# ------------------------------------------ baseline hazard, predicted survival
def baseline_hazard(
    coef: ArrayLike, time: ArrayLike, event: ArrayLike, X: ArrayLike, *rest: Any, **more: Any
) -> dict[int, dict[str, Floats]]:
    """By stratum, at all its exit times: the cumulative hazard at x = 0 (Breslow 1974; under Efron's ties the d steps
    are added, as the Fleming-Harrington estimate does)."""
    zero = np.zeros(np.asarray(X).shape[1])
    curves = predicted_survival(zero, coef, time, event, X, *rest, **more)
    return {s: {"time": c["time"], "hazard": c["cumulative_hazard"]} for s, c in curves.items()}


def predicted_survival(
    profile: ArrayLike,
    coef: ArrayLike,
    time: ArrayLike,
    event: ArrayLike,
    X: ArrayLike,
    ties: str = "efron",
    strata: MaybeArray = None,
    entry: MaybeArray = None,
    weight: MaybeArray = None,
    *,
    covariance: ArrayLike | None = None,
    level: float = 0.95,
    conf_type: str = "log",
) -> dict[int, dict[str, Floats]]:
    """By stratum, at all its exit times: S(t | z) = exp(-H), H(t | z) = exp(z b) sum of the jumps (Breslow).

    Variance of H (Tsiatis 1981; Link 1984): exp(2 z b) (sum jump / s0 + q' C q), q = sum of (mean - z) jump, C the
    covariance of the coefficients (default: the inverse information).  std_error is that of log S.  Limits as
    `km_limits`, from the standard error S std_error of S.
    """
    z, b, t = np.asarray(profile, float), np.asarray(coef, float), np.asarray(time, float)
    stratum = codes(strata, len(t))
    if covariance is None:
        covariance = np.linalg.inv(cox_derivatives(coef, time, event, X, ties, strata, entry, weight)[1])
    path = list(steps(coef, time, event, X, ties, strata, entry, weight))
    risk = math.exp(float(z @ b))
    curves = {}
    for h in np.unique(stratum):
        grid = np.unique(t[stratum == h])
        hazard, se = [], []
        for u in grid:
            so_far = [s for s in path if s.stratum == h and s.time <= u]
            hazard.append(risk * sum(s.jump for s in so_far))
            q = sum((s.jump * (s.mean - z) for s in so_far), np.zeros(len(z)))
            variance = sum(s.jump / s.s0 for s in so_far) + float(q @ np.asarray(covariance, float) @ q)
            se.append(risk * math.sqrt(variance))
        survival = np.exp(-np.array(hazard))
        lower, upper = km_limits(survival, survival * np.array(se), level, conf_type)
        curves[int(h)] = {
            "time": grid,
            "cumulative_hazard": np.array(hazard),
            "survival": survival,
            "std_error": np.array(se),
            "lower": lower,
            "upper": upper,
        }
    return curves


# --------------------------------------------------------------- tests, limits
def likelihood_ratio(smaller: float, larger: float, df: int) -> tuple[float, int, float]:
    """Twice the gain of the maximized log-likelihood, df more coefficients: chi-square, df, P."""
    chisq = 2.0 * (larger - smaller)
    return chisq, df, float(chi2.sf(chisq, df))


def null_hazard_ratio(coef: float, se: float, null: float = 1.0, event_is: str = "harm") -> dict[str, float]:
    """Wald test of HR = null; z > 0 favors the experimental arm (HR below null for a harm, above it for a benefit)."""
    z = (math.log(null) - coef) / se * (1.0 if event_is == "harm" else -1.0)
    normal = NormalDist()
    return {"z": z, "p_value": 2.0 * normal.cdf(-abs(z)), "p_one_sided": normal.cdf(-z)}


Objective = Callable[[Floats], tuple[float, Floats, Floats]]  # b -> value, gradient, a curvature to step with


def held(objective: Objective, start: Floats, free: Sequence[int]) -> tuple[Floats, float]:
    """Maximize over the coefficients `free` alone by Newton steps, halved until the value does not fall.

    Stops when a step is no longer 1e-11 standard errors, or, on the way to infinity, when it would gain less than
    1e-14.
    """
    b, index = np.array(start, dtype=float), list(free)
    value, gradient, curvature = objective(b)
    for _ in range(300 if index else 0):
        h = curvature[np.ix_(index, index)]
        move = np.linalg.pinv(h, rcond=1e-14, hermitian=True) @ gradient[index]
        if float(np.max(np.abs(move) * np.sqrt(np.diag(h)))) < 1e-11:
            break
        if float(np.max(np.abs(b))) > 12.0 and float(gradient[index] @ move) < 1e-14:
            break
        move = move / max(float(np.max(np.abs(move))) / 5.0, 1.0)  # where l is flat a full step flies to 1e17
        for _ in range(50):
            trial = b.copy()
            trial[index] += move
            new = objective(trial)
            if new[0] >= value - 1e-13 * (1.0 + abs(value)):
                break
            move = move / 2.0
        b, (value, gradient, curvature) = trial, new
    return b, value


def _limits(objective: Objective, best: Floats, top: float, level: float) -> tuple[Floats, Floats]:
    """Where twice the drop of the profile is the chi-square quantile: outward in doubled steps, then a root search.

    The columns have been scaled to standard deviation 1, so that a coefficient beyond 40 stands for infinity."""
    p, cut = len(best), float(chi2.ppf(level, 1))
    lower, upper = np.zeros(p), np.zeros(p)
    for j in range(p):
        others = [k for k in range(p) if k != j]
        for side, limits in ((-1.0, lower), (1.0, upper)):
            last = best.copy()

            def gap(value: float, last: Floats = last, j: int = j, others: list[int] = others) -> float:
                # Where the likelihood is nearly flat a search may end before the top: the higher of two counts.
                starts = last.copy(), best.copy()
                for start in starts:
                    start[j] = value
                last[:], reached = max((held(objective, start, others) for start in starts), key=lambda end: end[1])
                return 2.0 * (top - reached) - cut

            step, inside, outside = 0.25, float(np.clip(best[j], -40.0, 40.0)), math.nan
            while math.isnan(outside) and side * inside < 40.0:
                tried = inside + side * step
                step *= 2.0
                if gap(tried) > 0:
                    outside = tried
                else:
                    inside = tried
            limits[j] = side * math.inf if math.isnan(outside) else brentq(gap, inside, outside, xtol=1e-13, rtol=1e-14)
    return lower, upper


def _scaled(X: ArrayLike) -> tuple[Floats, Floats]:
    x = np.asarray(X, dtype=float)
    scale = x.std(axis=0)
    return (x - x.mean(axis=0)) / scale, scale


def profile_limits(
    time: ArrayLike,
    event: ArrayLike,
    X: ArrayLike,
    ties: str = "efron",
    strata: MaybeArray = None,
    entry: MaybeArray = None,
    weight: MaybeArray = None,
    *,
    level: float = 0.95,
) -> tuple[Floats, Floats]:
    """Limits of every coefficient from its profile log partial likelihood (Venzon & Moolgavkar 1988).

    Every column must vary and add information.  Both values of b_j at which 2 (max l - max over the others of l) is
    the chi-square(1) quantile, by root search; -inf or inf where the profile never falls that far (separation).
    """
    x, scale = _scaled(X)

    def objective(b: Floats) -> tuple[float, Floats, Floats]:
        score, information = cox_derivatives(b, time, event, x, ties, strata, entry, weight)
        return cox_loglik(b, time, event, x, ties, strata, entry, weight), score, information

    fit = cox_fit(time, event, x, ties, strata, entry, weight)
    lower, upper = _limits(objective, fit["coef"], fit["loglik"][1], level)
    return lower / scale, upper / scale


def firth_objective(
    b: Floats,
    time: ArrayLike,
    event: ArrayLike,
    X: ArrayLike,
    ties: str = "efron",
    strata: MaybeArray = None,
    entry: MaybeArray = None,
) -> tuple[float, Floats, Floats]:
    """l + 1/2 log det I, its gradient, and a curvature to step with (Firth 1993; Heinze & Schemper 2001).

    d/db_j (1/2 log det I) = 1/2 trace(I^-1 dI/db_j), dI/db_j the third central moment of x with the weights of the
    steps, as I is the second.  The true curvature lies between I (much information) and some 3 I (one event): 2 I is
    stepped with, which converges in both.
    """
    x = np.asarray(X, dtype=float)
    dead = np.asarray(event).astype(bool)
    p = x.shape[1]
    loglik, score = float(np.sum(x[dead] @ b)), x[dead].sum(axis=0)
    information, third = np.zeros((p, p)), np.zeros((p, p, p))
    for s in steps(b, time, event, x, ties, strata, entry):
        dev = x[s.at_risk] - s.mean
        c = s.share * np.exp(x[s.at_risk] @ b) / s.s0
        loglik -= math.log(s.s0)
        score = score - s.mean
        information += (dev.T * c) @ dev
        third += np.einsum("i,ij,ik,il->jkl", c, dev, dev, dev)
    sign, log_det = np.linalg.slogdet(information)
    if sign <= 0:
        return -math.inf, score, information
    gradient = score + 0.5 * np.einsum("kl,jkl->j", np.linalg.inv(information), third)
    return loglik + 0.5 * float(log_det), gradient, 2.0 * information


def firth(
    time: ArrayLike,
    event: ArrayLike,
    X: ArrayLike,
    ties: str = "efron",
    strata: MaybeArray = None,
    entry: MaybeArray = None,
    *,
    level: float = 0.95,
) -> dict[str, Any]:
    """Penalized partial likelihood (Firth 1993; Heinze & Schemper 2001).

    coef: the maximum of l* = l + 1/2 log det I.  loglik: l* at 0 and at the maximum, of the columns as given.
    var: the inverse of the (unpenalized) information there.  chisq, p: 2 (max l* - max with b_j = 0), I always of all
    columns.  lower, upper: the profile of l*, as `profile_limits`.
    """
    x, scale = _scaled(X)
    data = (time, event, x, ties, strata, entry)
    p = x.shape[1]

    def objective(b: Floats) -> tuple[float, Floats, Floats]:
        return firth_objective(b, *data)

    best, top = held(objective, np.zeros(p), range(p))
    lower, upper = _limits(objective, best, top, level)
    chisq = []
    for j in range(p):
        at = best.copy()
        at[j] = 0.0
        chisq.append(2.0 * (top - held(objective, at, [k for k in range(p) if k != j])[1]))
    variance = np.linalg.inv(cox_derivatives(best, *data)[1])
    unit = float(np.sum(np.log(scale)))  # 1/2 log det I of the columns as given is larger by this
    return {
        "coef": best / scale,
        "var": variance / np.outer(scale, scale),
        "loglik": (objective(np.zeros(p))[0] + unit, top + unit),
        "chisq": np.array(chisq),
        "p": chi2.sf(chisq, 1),
        "lower": lower / scale,
        "upper": upper / scale,
    }


# ---------------------------------------------------- covariates that change
def value_at(long: Long, subject: int, t: float) -> float:
    """The value of the subject's last row with start < t; nan if there is none."""
    who, start, value = (np.asarray(c, dtype=float) for c in long)
    rows = [(float(s), float(v)) for w, s, v in zip(who, start, value, strict=True) if w == subject and s < t]
    return max(rows, key=lambda r: r[0])[1] if rows else math.nan


def split_rows(
    time: ArrayLike,
    event: ArrayLike,
    X: ArrayLike | None,
    varying: Sequence[Long],
    strata: MaybeArray = None,
    entry: MaybeArray = None,
    weight: MaybeArray = None,
) -> dict[str, Any]:
    """Subjects cut into (start, stop] rows at every event time of the data, covariates as they stand at the row's end.

    Subjects are 0, 1, ... in the order given; X holds what does not change, the columns of `varying` follow.  A Cox
    likelihood sees covariates at event times only, so this is the definition of a covariate that changes.
    """
    t, dead = np.asarray(time, dtype=float), np.asarray(event).astype(bool)
    n = len(t)
    fixed = np.zeros((n, 0)) if X is None else np.asarray(X, dtype=float)
    stratum, start, w = codes(strata, n), floats(entry, n, -math.inf), floats(weight, n, 1.0)
    names = ("subject", "entry", "time", "event", "strata", "weight", "X")
    rows: dict[str, list[Any]] = {k: [] for k in names}
    for i in range(n):
        ends = [float(u) for u in np.unique(t[dead]) if start[i] < u < t[i]]
        begins = [float(start[i]), *ends]
        for a, z in zip(begins, [*ends, float(t[i])], strict=True):
            x = [*fixed[i], *[value_at(long, i, z) for long in varying]]
            values = (i, a, z, bool(dead[i] and z == t[i]), stratum[i], w[i], x)
            for k, v in zip(names, values, strict=True):
                rows[k].append(v)
    return {k: np.array(v) for k, v in rows.items()}
