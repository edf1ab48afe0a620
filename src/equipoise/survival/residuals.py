"""Residuals of a Cox model: martingale, deviance, score, dfbeta, Schoenfeld."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from .. import results
from .convention import ArgumentError
from .cox_result import Cox
from .cox_steps import death_steps, martingale_rows, score_rows, steps_of
from .maximize import Vector

Kind = Literal["martingale", "deviance", "score", "dfbeta", "dfbetas"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Schoenfeld:
    """One residual a death, by stratum and time: its covariates less the mean of those at risk then.

    ``value`` (d, p) by ``terms``, in the units of the covariates or, if ``scaled``, of the coefficients; ``time`` (d,)
    in days, ``subject`` (d,), ``stratum`` (d,) codes.
    """

    terms: tuple[str, ...]
    value: Vector
    time: Vector
    subject: NDArray[Any]
    stratum: NDArray[np.int64]
    scaled: bool

    def __post_init__(self) -> None:
        results.read_only(self)


def residuals(fit: Cox, kind: Kind) -> Vector:
    """How far each subject is from what the model expects of it, in the order of its endpoint.

    "martingale" (n,): events less the cumulative hazard met (Barlow and Prentice 1988; under Efron's ties as
    Therneau and Grambsch 2000); "deviance" (n,): its normalized form; "score" (n, p): the subject's share of the
    score, before its weight; "dfbeta" (n, p): the change of the coefficients that its weight makes, approximately;
    "dfbetas": the same in standard errors (naive ones). Rows of a subject with time-varying covariates are added up.

    Raises ``ArgumentError`` for another kind, ``UnsupportedError`` for exact ties and coefficients without a value.

    >>> from equipoise.survival import TimeToEvent, cox
    >>> tte = TimeToEvent([6, 9, 10, 4, 5, 7], [1, 0, 1, 1, 1, 1], ["B"] * 3 + ["A"] * 3, control="A",
    ...                   experimental="B", unit="days")
    >>> [round(r, 3) for r in residuals(cox(tte), "martingale").tolist()]
    [0.757, -0.378, -0.378, 0.719, 0.327, -1.046]
    """
    if kind not in get_args(Kind):
        raise ArgumentError(
            f"there are no {kind!r} residuals", remedy=f"Use one of {', '.join(get_args(Kind))}, or schoenfeld()."
        )
    steps, f = steps_of(fit), fit.fitted
    if kind in ("martingale", "deviance"):
        martingale = _by_subject(fit, martingale_rows(f.beta, f.x, f.sets, steps))
        if kind == "martingale":
            return martingale
        happened = _by_subject(fit, f.sets.event.astype(np.float64))
        return deviances(martingale, happened)
    score = score_rows(f.beta, f.x, f.sets, steps) * f.scale
    if kind == "score":
        return _by_subject(fit, score)
    change = _by_subject(fit, score * f.sets.weight[:, None]) @ fit.naive_covariance
    return change if kind == "dfbeta" else change / np.sqrt(np.diagonal(fit.naive_covariance))


def schoenfeld(fit: Cox, *, scaled: bool = False) -> Schoenfeld:
    """Covariates of each death less their mean among those at risk, which should not change with time.

    Under Efron's ties the mean is that over the tied terms. ``scaled`` (Grambsch and Therneau 1994): the residual
    times the covariance of the coefficients and the number of deaths, plus the coefficients, so that their smooth
    over time estimates how the coefficient changes. Raises as ``residuals``.

    >>> from equipoise.survival import TimeToEvent, cox
    >>> tte = TimeToEvent([6, 9, 10, 4, 5, 7], [1, 0, 1, 1, 1, 1], ["B"] * 3 + ["A"] * 3, control="A",
    ...                   experimental="B", unit="days")
    >>> schoenfeld(cox(tte)).value[:, 0].round(3).tolist()
    [-0.156, -0.217, 0.643, -0.27, 0.0]
    """
    steps = steps_of(fit)
    f = fit.fitted
    rows, step = death_steps(f.sets, steps)
    in_order = np.lexsort((f.sets.order[rows], step))  # tied deaths in the order of the endpoint
    rows, step = rows[in_order], step[in_order]
    value = (f.x[rows] - steps.mean[step]) * f.scale
    if scaled:
        value = fit.coef + len(rows) * value @ fit.naive_covariance
    return Schoenfeld(
        terms=fit.terms,
        value=value,
        time=f.sets.time[rows],
        subject=f.matrix.tte.subject[f.sets.order[rows]],
        stratum=steps.stratum[step],
        scaled=scaled,
    )


def deviances(martingale: Vector, happened: Vector) -> Vector:
    """sign(M) sqrt(-2 (M + d log(d - M))): M of (n,) subjects with d events, 0 or 1."""
    log = np.zeros(len(martingale))
    np.log1p(-martingale, out=log, where=(happened > 0) & (martingale < 1))
    inside = np.maximum(-2 * (martingale + log), 0.0)
    return np.asarray(np.sign(martingale) * np.sqrt(inside))


def _by_subject(fit: Cox, rows: Vector) -> Vector:
    """Rows in the order of the sets, back in the order of the endpoint; rows of one subject added up."""
    f = fit.fitted
    out = np.empty_like(rows)
    out[f.sets.order] = rows
    owner = f.matrix.owner
    if owner is None:
        return out
    total = np.zeros((f.matrix.subjects, *rows.shape[1:]))
    np.add.at(total, owner, out)
    return total
