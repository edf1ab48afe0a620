"""The proportional hazards model: hazard ratios with every standard test, limits and concordance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from .. import results
from ..data import TimeToEvent
from ..data.factor import factor, missing_values
from ..errors import DataError, UnsupportedError
from ..kernels import score_residuals
from ..results import Origin, Row
from .concordance import Concordance, concordance, risk_ranks
from .convention import (
    ArgumentError,
    Convention,
    Ties,
    check_level,
    refuse_competing,
    resolve_stratified,
    resolve_ties,
)
from .cox_likelihood import likelihood, standardize
from .inference import ROUNDING, Test, infer
from .maximize import Vector, maximize
from .model_matrix import ModelMatrix, model_matrix
from .risk_sets import RiskSets, risk_sets

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fitted:
    """The rows that a model was fitted to: what residuals, baseline hazard and further tests are computed from.

    ``matrix`` holds subjects and covariates as given; ``sets`` the same rows by stratum and time; ``x`` (n, p) the
    covariates in the order of ``sets``, centred and divided by ``scale`` (p,); ``beta`` (p,) the coefficients in the
    units of ``x``, 0 where a term is not ``used``; ``cluster`` (n,) codes in the order of ``sets``, or None.
    """

    matrix: ModelMatrix
    sets: RiskSets
    x: Vector
    scale: Vector
    beta: Vector
    used: NDArray[np.bool_]
    cluster: NDArray[np.int64] | None

    def __post_init__(self) -> None:
        results.read_only(self)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cox:
    """A fitted proportional hazards model.

    ``coef``, ``se``, ``z`` and ``p`` (p,) by term; ``covariance`` (p, p), robust if ``robust``, beside the
    ``naive_covariance`` from the information. The arm's term comes first: with two arms ``hazard_ratio``
    (experimental over control), ``conf_int``, ``p_value`` (Wald, two-sided) and ``p_one_sided`` (of benefit)
    are floats of that term; otherwise ``hazard_ratio`` is (p,), ``conf_int`` (p, 2) and ``p_value`` is the likelihood
    ratio test's.
    ``loglik`` at zero and at the maximum. A term that cannot be estimated has an infinite coefficient (separation)
    or ``nan`` (aliased, or left undetermined by a separation) and a text in ``reasons``; so has one whose robust
    variance is zero, its coefficient kept. ``warnings`` says the same in sentences.
    """

    terms: tuple[str, ...]
    coef: Vector
    se: Vector
    z: Vector
    p: Vector
    reasons: tuple[str, ...]
    covariance: Vector
    naive_covariance: Vector
    hazard_ratio: float | Vector
    conf_int: tuple[float, float] | Vector
    p_value: float
    p_one_sided: float | None
    loglik: tuple[float, float]
    likelihood_ratio: Test
    wald: Test
    score: Test
    robust_score: Test | None
    subjects: int
    events: int
    dropped: tuple[str, ...]
    ties: Ties
    robust: bool
    stratified: bool
    level: float
    steps: int
    warnings: tuple[str, ...]
    method: str
    origin: Origin
    fitted: Fitted = field(repr=False)

    def __post_init__(self) -> None:
        results.read_only(self)

    @property
    def concordance(self) -> Concordance:
        """Harrell's concordance of the fitted risk with the times of events; computed when it is asked for."""
        f = self.fitted
        risk = _ranks(f.x, f.beta, f.scale, f.matrix, f.sets)
        return concordance(f.sets, *risk, f.cluster)

    def __str__(self) -> str:
        if isinstance(self.hazard_ratio, float) and isinstance(self.conf_int, tuple):
            if self.reasons[0]:
                return f"Hazard ratio {self.terms[0]} {results.NOT_ESTIMABLE}: {self.reasons[0]} ({self.method})"
            low, high = (results.fixed(x, 2) for x in self.conf_int)
            return (
                f"Hazard ratio {self.terms[0]} {results.fixed(self.hazard_ratio, 2)} "
                f"({100 * self.level:g}% CI {low} to {high}), Wald {results.p_equals(self.p_value)} ({self.method})"
            )
        test = self.likelihood_ratio
        return (
            f"{self.method}: {len(self.terms)} terms, likelihood ratio chi-square "
            f"{results.significant(test.statistic)} on {test.df} df, {results.p_equals(test.p_value)}"
        )

    def limits(self) -> Vector:
        """Confidence limits of every hazard ratio, (p, 2)."""
        return hazard_limits(self.coef, self.se, self.level)

    def rows(self) -> list[Row]:
        """Every term's hazard ratio with limits and P, then the tests of the model, as rows of the long table."""
        rows: list[Row] = []
        limits = self.limits()
        for i, term in enumerate(self.terms):
            reason = self.reasons[i]
            with np.errstate(over="ignore"):
                shown = [math.nan] * 4 if reason else [float(np.exp(self.coef[i])), *limits[i], self.p[i]]
            if any(math.isinf(x) for x in shown):
                reason = "a hazard ratio per unit of this covariate is too large to be a number: rescale the covariate"
                shown[:3] = [math.nan] * 3
            names = ("hazard ratio", "hazard ratio lower limit", "hazard ratio upper limit")
            for name, value in zip(names, shown[:3], strict=True):
                level = self.level if "limit" in name else None
                rows.append(self._row(name, float(value), results.fixed(value, 2), term, reason, level))
            rows.append(self._row("Wald P", float(shown[3]), results.p_value(shown[3]), term, reason))
        tests = [("likelihood ratio", self.likelihood_ratio), ("Wald", self.wald), ("score", self.score)]
        tests += [("robust score", self.robust_score)] if self.robust_score else []
        for name, test in tests:
            text = results.significant(test.statistic)
            rows.append(self._row(f"model {name} chi-square", test.statistic, text, "", test.reason))
            rows.append(self._row(f"model {name} P", test.p_value, results.p_value(test.p_value), "", test.reason))
        c = self.concordance
        rows.append(self._row("concordance", c.estimate, results.fixed(c.estimate, 3), "", c.reason))
        rows.append(self._row("concordance standard error", c.std_error, results.fixed(c.std_error, 3), "", c.reason))
        return rows

    def _row(self, statistic: str, value: float, text: str, term: str, reason: str, level: float | None = None) -> Row:
        shown = results.number(value, text, reason)
        return Row(
            group=term, statistic=statistic, level=level, method=self.method, origin=self.origin, **shown  # type: ignore[arg-type]
        )  # fmt: skip

    def table(self) -> pl.DataFrame:
        """The long table of the model."""
        return results.long_table(self.rows())


def cox(
    tte: TimeToEvent,
    covariates: Any = None,
    *,
    stratified: bool | None = None,
    ties: Ties | None = None,
    robust: bool | None = None,
    cluster: ArrayLike | None = None,
    level: float = 0.95,
    convention: Convention = "house",
    missing: Literal["refuse", "drop"] = "refuse",
) -> Cox:
    """The hazard ratio of experimental over control, constant over time, given covariates and strata.

    Cox (1972) with ties by Efron (1977), Breslow (1974), the discrete model (Cox 1972; R's "exact") or the
    exact marginal likelihood (Kalbfleisch and Prentice 1973; SAS's EXACT). ``covariates`` is a frame or a
    mapping name -> array, aligned with the rows; text columns become indicators against their first
    level. Under probability weights, or with ``cluster`` (one label by row), the variance is the
    sandwich of Lin and Wei (1989). Case weights act as in R: as copies, except that a tied death of weight 2 is one
    tied death for Efron. Late entry is allowed.

    Raises ``DataError`` for covariates that are missing or misaligned, ``UnsupportedError`` for weights
    or robust variance with an exact method and for competing causes, ``ConvergenceError``.

    >>> tte = TimeToEvent([6, 9, 10, 4, 5, 7], [1, 0, 1, 1, 1, 1], ["B"] * 3 + ["A"] * 3, control="A",
    ...                   experimental="B", unit="days")
    >>> print(cox(tte))
    Hazard ratio B v A 0.18 (95% CI 0.02 to 1.84), Wald P = 0.1498 (Cox model, Efron ties, unstratified)
    """
    check_level(level)
    tied = resolve_ties(ties, convention)
    by_stratum = resolve_stratified(stratified, tte.strata)
    refuse_competing(int(tte.event.max()))
    matrix = model_matrix(tte, covariates, missing)
    if not matrix.terms:
        raise ArgumentError("the model has no term", remedy="Give arm labels or covariates.")
    clusters = _clusters(cluster, tte, matrix)
    sandwich = _resolve_robust(robust, tied, matrix.tte, cluster is not None)
    sets = risk_sets(matrix.tte, by_stratum)
    x, scale = standardize(matrix.x[sets.order])
    # A column that is constant in every risk set (a function of the stratum, say) has information 0, computed as
    # the difference of two sums of about this size: what is left of it is rounding, not information.
    unit = float(sets.weight[sets.event].mean()) if sets.event.any() else 1.0
    noise = ROUNDING * ((sets.weight * sets.event) @ (x * x))
    groups = matrix.tte.arm[sets.order] if len(matrix.terms) == matrix.arm_terms else None
    fit = maximize(likelihood(sets, x, tied, groups), noise, np.ptp(x, axis=0), unit)
    group = None if clusters is None else clusters[sets.order]
    residuals = None
    if sandwich:
        at_maximum, at_zero = (_residuals(b, sets, x, tied, group) for b in (fit.beta, np.zeros_like(fit.beta)))
        residuals = (at_maximum, at_zero)
    found = infer(fit, scale, bool(sets.event.any()), unit, residuals)
    with np.errstate(invalid="ignore"):
        limits = hazard_limits(found.coef, found.se, level)
    two_arms = matrix.arm_terms == 1
    favours = -1.0 if tte.event_is == "harm" else 1.0
    return Cox(
        terms=matrix.terms,
        coef=found.coef,
        se=found.se,
        z=found.z,
        p=2 * ndtr(-np.abs(found.z)),
        reasons=found.reasons,
        covariance=found.covariance,
        naive_covariance=found.naive_covariance,
        hazard_ratio=float(np.exp(found.coef[0])) if two_arms else np.exp(found.coef),
        conf_int=(float(limits[0, 0]), float(limits[0, 1])) if two_arms else limits,
        p_value=float(2 * ndtr(-abs(found.z[0]))) if two_arms else found.likelihood_ratio.p_value,
        p_one_sided=float(ndtr(-favours * found.z[0])) if two_arms else None,
        loglik=(fit.loglik_null, fit.loglik),
        likelihood_ratio=found.likelihood_ratio,
        wald=found.wald,
        score=found.score,
        robust_score=found.robust_score,
        subjects=matrix.subjects,
        events=int(sets.event.sum()),
        dropped=matrix.dropped,
        ties=tied,
        robust=sandwich,
        stratified=by_stratum,
        level=level,
        steps=fit.steps,
        warnings=tuple(f"{t}: {r}" for t, r in zip(matrix.terms, found.reasons, strict=True) if r),
        method=_method(tied, sandwich, by_stratum, matrix, tte.strata_names),
        origin=tte.origin,
        fitted=Fitted(
            matrix=matrix,
            sets=sets,
            x=x,
            scale=scale,
            beta=np.where(fit.used, fit.beta, 0.0),
            used=fit.used,
            cluster=group,
        ),
    )


def hazard_limits(coef: Vector, se: Vector, level: float) -> Vector:
    """Wald limits of hazard ratios, (p, 2); nan where the standard error is."""
    width = ndtri(0.5 + level / 2) * se
    with np.errstate(over="ignore", invalid="ignore"):
        return np.exp(np.column_stack([coef - width, coef + width]))


def _residuals(beta: Vector, sets: RiskSets, x: Vector, ties: Ties, cluster: NDArray[np.int64] | None) -> Vector:
    """Weighted score residuals, summed by cluster."""
    parts: Vector = score_residuals(
        beta, x, sets.time, sets.event, sets.weight, sets.starts, sets.entry, sets.leaving, ties == "efron"
    )
    parts = parts * sets.weight[:, None]
    if cluster is None:
        return parts
    return np.column_stack([np.bincount(cluster, weights=parts[:, a]) for a in range(parts.shape[1])])


def _ranks(
    x: Vector, beta: Vector, scale: Vector, matrix: ModelMatrix, sets: RiskSets
) -> tuple[NDArray[np.int64], int]:
    """Rank of each row's risk score; with arms only, the ranks of a handful of arms."""
    if len(beta) == matrix.arm_terms:
        rank, ranks = risk_ranks(np.concatenate([[0.0], beta / scale]))
        return rank[matrix.tte.arm[sets.order]], ranks
    return risk_ranks(x @ beta)


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


def _method(ties: Ties, robust: bool, stratified: bool, matrix: ModelMatrix, names: Sequence[str]) -> str:
    name = {"efron": "Efron", "breslow": "Breslow"}.get(ties, ties)
    by = f" by {' and '.join(names)}" if names else ""
    words = ["Cox model", f"{name} ties", f"stratified{by}" if stratified else "unstratified"]
    covariates = len(matrix.terms) - matrix.arm_terms
    words += ["adjusted"] if covariates and matrix.arm_terms else []
    return ", ".join(words + (["robust variance"] if robust else []))
