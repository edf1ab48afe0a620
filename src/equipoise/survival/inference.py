"""From the maximum of a partial likelihood to coefficients, their covariance, and tests, or the reasons why not."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, ndtri

from .cox_likelihood import ROUNDING
from .maximize import Maximum, Vector, block, solve

SEPARATED = "the likelihood has no finite maximum: the covariate separates the events (likelihood tests stay valid)"
ALIASED = "it says nothing that the strata and the terms before it do not"
UNDETERMINED = "another covariate separates the events, and what is left does not determine it"
TOO_FAR = "the robust variance is not found: beside an infinite coefficient, risks are beyond floating point"
NO_SPREAD = "the robust variance is zero: no cluster (or subject) pulls against another"
FEW_CLUSTERS = "a joint test needs more clusters than coefficients"
NO_EVENTS = "there are no events"
NO_SCORE = "a penalized likelihood has no score test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """A chi-square test of all estimable coefficients; ``nan`` with a ``reason`` where it has none."""

    statistic: float
    df: int
    p_value: float
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Inference:
    """Coefficients in the units of the covariates, with covariance (p, p), reasons by term, and tests of all terms.

    ``covariance`` is the sandwich where score residuals were given, ``naive_covariance`` the inverse information.
    """

    coef: Vector
    se: Vector
    reasons: tuple[str, ...]
    covariance: Vector
    naive_covariance: Vector
    likelihood_ratio: Test
    wald: Test
    score: Test
    robust_score: Test | None

    @property
    def z(self) -> Vector:
        """Coefficients over their standard errors (p,), ``nan`` where one has none."""
        with np.errstate(invalid="ignore"):
            return np.asarray(np.where(np.isfinite(self.coef), self.coef / self.se, np.nan))


def wald_limits(coef: Vector, se: Vector, level: float) -> Vector:
    """Wald limits of hazard ratios, (p, 2); nan where the standard error is."""
    width = ndtri(0.5 + level / 2) * se
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(np.exp(np.column_stack([coef - width, coef + width])))


def infer(fit: Maximum, scale: Vector, events: bool, unit: float, residuals: tuple[Vector, Vector] | None) -> Inference:
    """What a maximum says about each term.

    ``scale`` (p,): standard deviations by which the covariates were divided; ``unit``: mean weight of an event;
    ``residuals``: weighted score residuals at the maximum and at zero, summed by cluster, for the sandwich
    D'D with D = residuals times the inverse information (Lin and Wei 1989).
    """
    finite = fit.used & (fit.direction == 0)
    whole = bool(finite.all())
    inverse = _inverse(fit.information, finite, whole)
    naive = _filled(inverse / (scale[finite][:, None] * scale[finite]), finite, whole)
    covariance, no_spread, too_far = naive, np.zeros(len(fit.beta), dtype=bool), False
    robust_score, no_wald = None, ""
    if residuals is not None:
        with np.errstate(invalid="ignore"):
            parts = residuals[0][:, finite] @ inverse / scale[finite]
        covariance = _filled(parts.T @ parts, finite, whole)
        # The residuals sum to zero: with one cluster, or where each is zero, what is left is rounding.
        no_spread = np.diagonal(covariance) < ROUNDING * np.diagonal(naive)
        too_far = not np.isfinite(parts).all()
        no_spread |= finite & too_far
        covariance[no_spread, :], covariance[:, no_spread] = np.nan, np.nan
        no_wald = (
            TOO_FAR if too_far else NO_SPREAD if no_spread.any() else FEW_CLUSTERS if len(parts) <= finite.sum() else ""
        )
        robust_score = _robust_score(fit, residuals[1], unit)
    coef = fit.beta / scale
    if not whole:
        away = fit.direction != 0
        coef[away] = fit.direction[away] * np.inf
        coef[~fit.used] = np.nan
    se = np.sqrt(covariance.diagonal())
    likelihood_ratio, wald, score = _tests(fit, coef, covariance, "" if events else NO_EVENTS, no_wald)
    return Inference(
        coef=coef,
        se=se,
        reasons=tuple(
            TOO_FAR if flat and too_far else _reason(events, used, direction, flat)
            for used, direction, flat in zip(fit.used.tolist(), fit.direction.tolist(), no_spread.tolist(), strict=True)
        ),
        covariance=covariance,
        naive_covariance=naive,
        likelihood_ratio=likelihood_ratio,
        wald=wald,
        score=score,
        robust_score=robust_score,
    )


def penalized_tests(found: Inference) -> Inference:
    """The same without the score test: the slope of a penalized likelihood at zero is not the score of one."""
    df = found.score.df
    return replace(
        found, score=Test(statistic=math.nan, df=df, p_value=math.nan, reason=NO_SCORE if df else found.score.reason)
    )


def _reason(events: bool, used: bool, direction: float, no_spread: bool) -> str:
    """Why a term has no estimate; empty where it has one."""
    if not used:
        return ALIASED if events else NO_EVENTS
    if math.isnan(direction):
        return UNDETERMINED
    if direction != 0:
        return SEPARATED
    return NO_SPREAD if no_spread else ""


def _inverse(information: Vector, finite: NDArray[np.bool_], whole: bool) -> Vector:
    part = information if whole else block(information, finite)
    if part.shape == (1, 1):
        return 1 / part
    return np.asarray(np.linalg.inv(part), dtype=np.float64) if len(part) else part


def _filled(part: Vector, finite: NDArray[np.bool_], whole: bool) -> Vector:
    """A matrix of all terms from the block of those that are finite; ``nan`` elsewhere."""
    if whole:
        return part
    matrix = np.full((len(finite), len(finite)), np.nan)
    matrix[np.ix_(finite, finite)] = part
    return matrix


def _robust_score(fit: Maximum, parts: Vector, unit: float) -> Test:
    """The score over the spread of its parts, in the directions in which they do spread."""
    used = fit.used
    if not used.any():
        return Test(statistic=math.nan, df=0, p_value=math.nan, reason=ALIASED)
    parts = parts[:, used] / np.sqrt(unit * np.diagonal(fit.information_null)[used])
    values, vectors = np.linalg.eigh(parts.T @ parts)
    keep = values > max(1e-10 * values[-1], ROUNDING**2)
    if not keep.any():
        return Test(statistic=math.nan, df=0, p_value=math.nan, reason=NO_SPREAD)
    along = vectors[:, keep].T @ parts.sum(axis=0)
    return chi_square(float((along**2 / values[keep]).sum()), int(keep.sum()))


def _tests(fit: Maximum, coef: Vector, covariance: Vector, reason: str, no_wald: str) -> tuple[Test, Test, Test]:
    """Likelihood ratio, Wald and score test of every estimable term being zero."""
    df = int(np.count_nonzero(fit.used))
    if df == 0:
        none = Test(statistic=math.nan, df=0, p_value=math.nan, reason=reason or "no term is estimable")
        return none, none, none
    u = fit.score_null[fit.used]
    score = float(u @ solve(block(fit.information_null, fit.used), u))
    likelihood_ratio = max(2 * (fit.loglik - fit.loglik_null), 0.0)
    away = bool((fit.direction != 0).any())
    if away or no_wald:
        wald = Test(statistic=math.nan, df=df, p_value=math.nan, reason=SEPARATED if away else no_wald)
    else:
        b = coef[fit.used]
        wald = chi_square(float(b @ solve(block(covariance, fit.used), b)), df)
    return chi_square(likelihood_ratio, df), wald, chi_square(score, df)


def chi_square(statistic: float, df: int) -> Test:
    """The test of a statistic that is chi-square under its hypothesis."""
    return Test(statistic=statistic, df=df, p_value=float(chdtrc(df, statistic)))
