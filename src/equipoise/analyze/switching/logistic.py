"""Pooled logistic regression: the chance that something happens at the end of a row, given the row's covariates."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit

from ... import results
from ...errors import ConvergenceError
from ...survival.cox_likelihood import ROUNDING, standardize
from ...survival.inference import ALIASED, UNDETERMINED
from ...survival.maximize import Evaluated, maximize
from .record import Vector

SEPARATED = (
    "the likelihood has no finite maximum: the covariate separates the rows that end in a switch from the others"
)
NO_EVENTS = "no row ends in a switch"
ONLY_EVENTS = "every row ends in a switch"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Logistic:
    """Coefficients (p,) of logit P = x'coef with standard errors of the information, and of the sandwich by cluster.

    ``log_kept`` and ``log_left`` (n,) are the logarithms of 1 - P and of P by row. ``loglik`` with an intercept alone,
    and at the maximum. A coefficient is infinite under separation and ``nan`` where aliased, with a text in
    ``reasons``.
    """

    coef: Vector
    se: Vector
    robust_se: Vector
    reasons: tuple[str, ...]
    log_kept: Vector
    log_left: Vector
    loglik: tuple[float, float]
    rows: int
    events: int

    def __post_init__(self) -> None:
        results.read_only(self)


def pooled_logistic(y: NDArray[np.bool_], x: Vector, cluster: NDArray[np.int64]) -> Logistic:
    """Maximum likelihood of y (n,) on the columns x (n, p), the first of which is constant at 1.

    ``cluster`` (n,): whose row it is. The sandwich is D'D, D being the scores summed by cluster, times the inverse
    information (Liang and Zeger 1986), without a factor for few clusters.

    >>> found = pooled_logistic(np.array([True, False, False, False]), np.ones((4, 1)), np.arange(4))
    >>> float(np.exp(found.coef[0]).round(9)), found.reasons  # odds of 1 to 3
    (0.333333333, ('',))
    """
    happened = y.astype(np.float64)
    n, p = x.shape
    events = int(happened.sum())
    if events == 0 or events == n:
        why = ONLY_EVENTS if events else NO_EVENTS
        none, certain, never = np.full(p, np.nan), np.zeros(n), np.full(n, -np.inf)
        kept, left = (never, certain) if events else (certain, never)
        return Logistic(
            coef=none, se=none.copy(), robust_se=none.copy(), reasons=(why,) * p, log_kept=kept, log_left=left,
            loglik=(0.0, 0.0), rows=n, events=events,
        )  # fmt: skip
    columns, middle, size = comparable(x[:, 1:])
    a = np.column_stack([np.ones(n), columns])

    def likelihood(beta: Vector) -> Evaluated:
        eta = a @ beta
        chance = expit(eta)
        value = float((happened * eta + log_expit(-eta)).sum())
        return value, a.T @ (happened - chance), (a.T * (chance * (1 - chance))) @ a

    try:
        fit = maximize(likelihood, ROUNDING * (a * a).sum(axis=0), _ranges(a), 1.0)
    except ConvergenceError as e:
        raise ConvergenceError(
            "the pooled logistic model of switching did not converge", last=e.last, remedy="Give it fewer columns."
        ) from None
    eta = a @ np.where(fit.used, fit.beta, 0.0)
    finite = fit.used & (fit.direction == 0)
    try:
        inverse = np.asarray(np.linalg.inv(fit.information[np.ix_(finite, finite)]), dtype=np.float64)
    except np.linalg.LinAlgError:  # chances so near 0 and 1 that rows no longer tell the columns apart
        raise ConvergenceError(
            "the pooled logistic model of switching did not converge: its information is singular", last=fit.beta,
            remedy="Give it fewer columns.",
        ) from None  # fmt: skip
    scores = a[:, finite] * (happened - expit(eta))[:, None]
    summed = np.zeros((int(cluster.max()) + 1, scores.shape[1]))
    np.add.at(summed, cluster, scores)
    back = np.diag(1 / np.concatenate([[1.0], size]))
    back[0, 1:] = -middle / size
    coef = back @ np.where(fit.used, fit.beta, 0.0)
    away = fit.direction != 0
    coef[away], coef[~fit.used] = fit.direction[away] * np.inf, np.nan
    rate = events / n
    return Logistic(
        coef=coef,
        se=_errors(back, inverse, finite),
        robust_se=_errors(back, inverse @ (summed.T @ summed) @ inverse, finite),
        reasons=tuple(
            ALIASED if not used else UNDETERMINED if math.isnan(d) else SEPARATED if d else ""
            for used, d in zip(fit.used, fit.direction, strict=True)
        ),
        log_kept=np.asarray(log_expit(-eta)),
        log_left=np.asarray(log_expit(eta)),
        loglik=(events * math.log(rate) + (n - events) * math.log1p(-rate), fit.loglik),
        rows=n,
        events=events,
    )


def comparable(x: Vector) -> tuple[Vector, Vector, Vector]:
    """Columns of one scale, what was taken from each and what it was then divided by; indicators as they are."""
    plain = np.isin(x, (0.0, 1.0)).all(axis=0)
    columns, size = standardize(x)
    size = np.where(plain, 1.0, size)
    return np.where(plain, x, columns), np.where(plain, 0.0, x.mean(axis=0)), size


def _ranges(a: Vector) -> Vector:
    return np.maximum(a.max(axis=0) - a.min(axis=0), 1.0)


def _errors(back: Vector, covariance: Vector, finite: NDArray[np.bool_]) -> Vector:
    """Standard errors in the units of the columns; nan where a coefficient is not finite."""
    part = back[:, finite]
    variance = np.einsum("ij,jk,ik->i", part, covariance, part)
    return np.where(finite, np.sqrt(np.maximum(variance, 0.0)), np.nan)
