"""The proportional hazards model: hazard ratios with every standard test, limits and concordance."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from ..data import TimeToEvent
from ..data.factor import factor, missing_values
from ..errors import DataError, UnsupportedError
from .convention import (
    ArgumentError,
    Convention,
    Interval,
    Penalty,
    Ties,
    check_flag,
    check_level,
    is_number,
    refuse_competing,
    refuse_counts,
    resolve_interval,
    resolve_stratified,
    resolve_ties,
)
from .cox_likelihood import Design, design, likelihood
from .cox_result import Cox, Fitted, null_in_method
from .cox_steps import score_rows, steps_at
from .firth import maximize_penalized
from .inference import Inference, infer, penalized_tests
from .maximize import Likelihood, Maximum, Vector, maximize
from .model_matrix import ModelMatrix, model_matrix
from .profile import Profiled, likelihood_roots, profile_limits
from .risk_sets import RiskSets, risk_sets


def cox(
    tte: TimeToEvent,
    covariates: Any = None,
    *,
    stratified: bool | None = None,
    ties: Ties | None = None,
    robust: bool | None = None,
    cluster: ArrayLike | None = None,
    level: float = 0.95,
    conf_type: Interval | None = None,
    penalty: Penalty | None = None,
    null_hazard_ratio: float = 1.0,
    convention: Convention = "house",
    missing: Literal["refuse", "drop"] = "refuse",
) -> Cox:
    """The hazard ratio of experimental over control, constant over time, given covariates and strata.

    Cox (1972) with ties by Efron (1977), Breslow (1974), the discrete model (Cox 1972; R's "exact") or the
    exact marginal likelihood (Kalbfleisch and Prentice 1973; SAS's EXACT). ``covariates`` is a frame or a
    mapping name -> array, aligned with the rows; text columns become indicators against their first
    level. Under probability weights, or with ``cluster`` (one label by row), the variance is the
    sandwich of Lin and Wei (1989). Case weights act as in R: as copies, except that a tied death of weight 2 is one
    tied death for Efron. Count weights are copies in that too, and go with arms and strata only. Late entry is
    allowed.

    Limits are Wald's, or with ``conf_type`` "profile" the values at which twice the drop of the log-likelihood,
    maximized over the other coefficients, is the chi-square quantile: they exist on one side under separation too.
    ``penalty`` "firth" adds half the log determinant of the information (Firth 1993; Heinze and Schemper 2001), so
    that estimates are finite under separation; P values and, unless said otherwise, limits are then of the penalized
    likelihood ratio, standard errors of the information. With hardly more events than terms a penalized profile may
    have several maxima; the highest of those reached from three starts counts.

    ``null_hazard_ratio`` is what the P values of the arm's term test: ``p_one_sided`` is against HR >= it for a harm
    (non-inferiority where it is above 1), HR <= it for a benefit. The tests of the model stay tests of no effect.

    Raises ``DataError`` for covariates that are missing or misaligned, ``UnsupportedError`` for weights
    or robust variance with an exact method or a penalty, for robust variance with profile likelihood limits, and for
    competing causes, ``ConvergenceError``.

    >>> tte = TimeToEvent([6, 9, 10, 4, 5, 7], [1, 0, 1, 1, 1, 1], ["B"] * 3 + ["A"] * 3, control="A",
    ...                   experimental="B", unit="days")
    >>> print(cox(tte))
    Hazard ratio B v A 0.18 (95% CI 0.02 to 1.84), Wald P = 0.1498 (Cox model, Efron ties, unstratified, Wald
    limits)
    >>> cox(tte, conf_type="profile").conf_int[1] < cox(tte).conf_int[1]
    True
    """
    check_level(level)
    interval = resolve_interval(conf_type, penalty, convention)
    tied, by_stratum, matrix = _model(tte, covariates, stratified, ties, convention, missing)
    _check_null(null_hazard_ratio, matrix)
    clusters = _clusters(cluster, tte, matrix)
    sandwich = _resolve_robust(robust, tied, matrix.tte, cluster is not None)
    _refuse_likelihood(interval, penalty, tied, sandwich, matrix.tte)
    for asked, what in (
        (matrix.tte.entry is not None, "a Cox model with late entry"),
        (sandwich, "a robust variance"),
    ):
        if asked:
            refuse_counts(matrix.tte.weight_type, what)
    sets, standard, target = _likelihood(matrix, by_stratum, tied)
    if penalty:
        restricted, fit = maximize_penalized(target, sets, standard, tied)
    else:
        restricted, fit = lambda moving: target, maximize(target, standard.noise, standard.spread, standard.unit)
    group = None if clusters is None else clusters[sets.order]
    residuals = None
    if sandwich:
        x = standard.x
        at_maximum, at_zero = (_residuals(b, sets, x, tied, group) for b in (fit.beta, np.zeros_like(fit.beta)))
        residuals = (at_maximum, at_zero)
    events = matrix.tte.events
    found = infer(fit, standard.scale, events > 0, standard.unit, residuals)
    null = np.zeros(len(matrix.terms))
    null[0] = math.log(null_hazard_ratio)
    z = (found.coef - null) / found.se
    profiled = Profiled(likelihood=restricted, fit=fit, design=standard, concave=not penalty)
    if penalty:
        z = likelihood_roots(profiled, null * standard.scale)
        found = penalized_tests(found)
    limit_reasons = ("",) * len(matrix.terms)
    if interval == "profile":
        log_limits, limit_reasons = profile_limits(profiled, level)
        log_limits = log_limits / standard.scale[:, None]
    else:
        log_limits = found.coef[:, None] + ndtri(0.5 + level / 2) * found.se[:, None] * _SIDES
    return Cox(
        **_of_first_term(found, z, log_limits, matrix.arm_terms == 1, tte.event_is == "benefit"),
        terms=matrix.terms,
        coef=found.coef,
        se=found.se,
        z=z,
        p=2 * ndtr(-np.abs(z)),
        reasons=found.reasons,
        covariance=found.covariance,
        naive_covariance=found.naive_covariance,
        log_limits=log_limits,
        limit_reasons=limit_reasons,
        null_hazard_ratio=null_hazard_ratio,
        loglik=(fit.loglik_null, fit.loglik),
        likelihood_ratio=found.likelihood_ratio,
        wald=found.wald,
        score=found.score,
        robust_score=found.robust_score,
        subjects=matrix.subjects,
        events=events,
        dropped=matrix.dropped,
        ties=tied,
        penalty=penalty,
        robust=sandwich,
        stratified=by_stratum,
        conf_type=interval,
        level=level,
        steps=fit.steps,
        warnings=tuple(f"{t}: {r}" for t, r in zip(matrix.terms, found.reasons, strict=True) if r),
        method=_method(tied, sandwich, by_stratum, matrix) + _refinements(interval, penalty, null_hazard_ratio),
        origin=tte.origin,
        fitted=Fitted(
            matrix=matrix,
            sets=sets,
            design=standard,
            beta=np.where(fit.used, fit.beta, 0.0),
            used=fit.used,
            cluster=group,
        ),
    )


def partial_maximum(
    tte: TimeToEvent,
    covariates: Any = None,
    *,
    stratified: bool | None = None,
    ties: Ties | None = None,
    convention: Convention = "house",
) -> Maximum:
    """The maximum that ``cox`` with these arguments finds, for comparisons of likelihoods, which need nothing else.

    >>> tte = TimeToEvent([6, 9, 10, 4, 5, 7], [1, 0, 1, 1, 1, 1], ["B"] * 3 + ["A"] * 3, control="A",
    ...                   experimental="B", unit="days")
    >>> partial_maximum(tte).loglik == cox(tte).loglik[1]
    True
    """
    tied, by_stratum, matrix = _model(tte, covariates, stratified, ties, convention)
    _, standard, target = _likelihood(matrix, by_stratum, tied)
    return maximize(target, standard.noise, standard.spread, standard.unit)


def _model(
    tte: TimeToEvent,
    covariates: Any,
    stratified: bool | None,
    ties: Ties | None,
    convention: Convention,
    missing: Literal["refuse", "drop"] = "refuse",
) -> tuple[Ties, bool, ModelMatrix]:
    """How ties are treated, whether risk sets are those of strata, and the terms."""
    tied, by_stratum = resolve_ties(ties, convention), resolve_stratified(stratified, tte.strata)
    refuse_competing(int(tte.event.max()))
    matrix = model_matrix(tte, covariates, missing)
    if not matrix.terms:
        raise ArgumentError("the model has no term", remedy="Give arm labels or covariates.")
    if matrix.covariates:
        refuse_counts(matrix.tte.weight_type, "a Cox model with covariates")
    return tied, by_stratum, matrix


def _likelihood(matrix: ModelMatrix, by_stratum: bool, tied: Ties) -> tuple[RiskSets, Design, Likelihood]:
    """Risk sets, the terms made ready for them, and the partial likelihood as a function of coefficients."""
    sets = risk_sets(matrix.tte, by_stratum)
    standard = design(matrix, sets)
    return sets, standard, likelihood(sets, standard, tied, matrix.tte.weight_type in ("case", "probability"))


_SIDES = np.array([-1.0, 1.0])


def _of_first_term(found: Inference, z: Vector, log_limits: Vector, two_arms: bool, benefit: bool) -> dict[str, Any]:
    """Hazard ratio, limits and P of the contrast of two arms; without one, of all terms."""
    with np.errstate(over="ignore"):
        ratios, limits = np.exp(found.coef), np.exp(log_limits)
    if not two_arms:
        p = found.likelihood_ratio.p_value
        return {"hazard_ratio": ratios, "conf_int": limits, "p_value": p, "p_one_sided": None}
    first = float(z[0])
    return {
        "hazard_ratio": float(ratios[0]),
        "conf_int": (float(limits[0, 0]), float(limits[0, 1])),
        "p_value": float(2 * ndtr(-abs(first))),
        "p_one_sided": float(ndtr(-first if benefit else first)),
    }


def _residuals(beta: Vector, sets: RiskSets, x: Vector, ties: Ties, cluster: NDArray[np.int64] | None) -> Vector:
    """Weighted score residuals, summed by cluster; not finite where a separation puts risks beyond floating point."""
    with np.errstate(over="ignore", invalid="ignore"):
        parts = score_rows(beta, x, sets, steps_at(beta, x, sets, ties == "efron"))
    parts = parts * sets.weight[:, None]
    if cluster is None:
        return parts
    return np.column_stack([np.bincount(cluster, weights=parts[:, a]) for a in range(parts.shape[1])])


def _clusters(cluster: ArrayLike | None, tte: TimeToEvent, matrix: ModelMatrix) -> NDArray[np.int64] | None:
    """Codes of the rows' clusters; rows of one subject are always in one."""
    if cluster is None:
        return matrix.owner
    column = np.asarray(cluster)
    if column.shape != (tte.n,):
        raise ArgumentError(f"cluster has shape {column.shape}, the endpoint {tte.n} subjects", remedy="Align them.")
    column = column if matrix.kept is None else column[matrix.kept]
    column = column if matrix.owner is None else column[matrix.owner]
    absent = missing_values(column)
    if absent.any():
        raise DataError(
            f"cluster is missing for {int(absent.sum())} of {len(absent)} subjects",
            column="cluster",
            subjects=matrix.tte.subject[absent].tolist(),
            remedy="Complete it; a subject on its own is a cluster with its own label.",
        )
    return factor(column).codes


def _resolve_robust(robust: bool | None, ties: Ties, tte: TimeToEvent, clustered: bool) -> bool:
    needed = clustered or tte.weight_type == "probability"
    check_flag("robust", robust)
    if robust is False and needed:
        raise ArgumentError(
            "probability weights and clusters have no model-based variance", remedy="Leave robust out, or set it True."
        )
    sandwich = needed if robust is None else robust
    if ties in ("discrete", "exact-marginal") and (sandwich or tte.weight is not None):
        raise UnsupportedError(
            f"{ties} ties have neither weights nor a robust variance", remedy="Use Efron's or Breslow's ties."
        )
    return sandwich


def _check_null(null_hazard_ratio: float, matrix: ModelMatrix) -> None:
    if not (is_number(null_hazard_ratio) and null_hazard_ratio > 0 and math.isfinite(null_hazard_ratio)):
        raise ArgumentError(
            f"null_hazard_ratio = {null_hazard_ratio!r} is no hazard ratio",
            remedy="Give a number above zero, such as 1.3.",
        )
    if null_hazard_ratio != 1 and matrix.arm_terms != 1:
        raise ArgumentError(
            "null_hazard_ratio is of a contrast of two arms, which this model does not have",
            remedy="Give the labels of two arms, or leave it out.",
        )


def _refuse_likelihood(
    interval: Interval, penalty: Penalty | None, ties: Ties, sandwich: bool, tte: TimeToEvent
) -> None:
    """Limits and penalties of a likelihood need one: a sandwich variance says that the model's is not trusted."""
    if penalty and (sandwich or tte.weight is not None):
        raise UnsupportedError(
            "Firth's penalty has neither weights nor a robust variance", remedy="Leave out the one or the other."
        )
    if penalty and ties not in ("efron", "breslow"):
        raise UnsupportedError(f"Firth's penalty is not there for {ties} ties", remedy="Use Efron's or Breslow's ties.")
    if interval == "profile" and sandwich:
        raise UnsupportedError(
            "profile likelihood limits do not go with a robust variance, which does not rely on the likelihood",
            remedy='Use conf_type = "wald".',
        )


def _method(ties: Ties, robust: bool, stratified: bool, matrix: ModelMatrix) -> str:
    name = {"efron": "Efron", "breslow": "Breslow"}.get(ties, ties)
    names = matrix.tte.strata_names
    by = f" by {' and '.join(names)}" if names else ""
    words = ["Cox model", f"{name} ties", f"stratified{by}" if stratified else "unstratified"]
    covariates = matrix.terms[matrix.arm_terms :]
    words += [f"adjusted for {', '.join(covariates)}"] if covariates and matrix.arm_terms else []
    return ", ".join(words + (["robust variance"] if robust else []))


def _refinements(interval: Interval, penalty: Penalty | None, null_hazard_ratio: float) -> str:
    words = ["Firth penalty"] if penalty else []
    words += ["profile likelihood limits"] if interval == "profile" else ["Wald limits"]
    return "".join(f", {w}" for w in words) + null_in_method(null_hazard_ratio)
