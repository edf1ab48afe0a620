"""Firth's penalty: a log partial likelihood whose maximum is finite where a covariate separates the events."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..kernels import log_det_gradient
from .convention import Ties
from .cox_likelihood import Design
from .maximize import Evaluated, Likelihood, Maximum, Restricted, Vector, block, estimable, maximize
from .risk_sets import RiskSets

_STEP = 1e-5  # of the linear predictor, for the curvature: it steers the steps and is in no result


def maximize_penalized(
    likelihood: Likelihood, sets: RiskSets, covariates: Design, ties: Ties
) -> tuple[Restricted, Maximum]:
    """The penalized likelihood l + log det(information) / 2 and its maximum (Firth 1993; Heinze and Schemper 2001).

    The information of the maximum that is handed back is that of l, not of the penalized likelihood: its inverse is the
    covariance. The determinant is that in the units of the covariates as given, without the aliased ones.
    """
    used = estimable(likelihood(np.zeros(len(covariates.noise)))[2], covariates.noise)
    target = _penalized(likelihood, sets, covariates, ties == "efron", used)
    fit = maximize(target(used), covariates.noise, covariates.spread, covariates.unit, moving=used)
    return target, Maximum(
        beta=fit.beta, loglik=fit.loglik, score=fit.score, information=likelihood(fit.beta)[2],
        loglik_null=fit.loglik_null, score_null=fit.score_null, information_null=fit.information_null,
        used=used, direction=fit.direction, steps=fit.steps,
    )  # fmt: skip


def _penalized(
    likelihood: Likelihood, sets: RiskSets, covariates: Design, efron: bool, used: NDArray[np.bool_]
) -> Restricted:
    """The penalized log-likelihood, its score, and minus the derivative of the score, as a function."""
    kept = np.flatnonzero(used)
    x = np.ascontiguousarray(covariates.x[:, kept])
    width = _STEP / np.where(used, covariates.spread, 1.0)
    given = float(np.log(covariates.scale[kept]).sum())

    def evaluate(beta: Vector) -> Evaluated:
        """Value and score with the penalty; the information without it."""
        loglik, score, information = likelihood(beta)
        if not len(kept):
            return loglik, score, information
        sign, log_det = np.linalg.slogdet(block(information, used))
        if not sign > 0:  # so far out that rounding is all that is left
            return -math.inf, score, information
        inverse = np.linalg.inv(block(information, used))
        score = score.copy()
        score[kept] += 0.5 * log_det_gradient(
            beta[kept], x, sets.time, sets.event, sets.starts, sets.entry, sets.leaving, efron, inverse
        )
        return loglik + 0.5 * float(log_det) + given, score, information

    def penalized(beta: Vector, moving: NDArray[np.bool_]) -> Evaluated:
        """The curvature by differences of the score; where those who move are not on a hill, the information."""
        loglik, score, information = evaluate(beta)
        if loglik == -math.inf or not moving.any():
            return loglik, score, information
        curvature = information.copy()
        for j in np.flatnonzero(moving):
            aside = np.zeros(len(beta))
            aside[j] = width[j]
            curvature[j] = (evaluate(beta - aside)[1] - evaluate(beta + aside)[1]) / (2 * width[j])
        curvature = (curvature + curvature.T) / 2
        least = np.linalg.eigvalsh(block(curvature, moving))[0]
        hill = least > 1e-3 * np.linalg.eigvalsh(block(information, moving))[0]
        return loglik, score, curvature if hill else information

    return lambda moving: lambda beta: penalized(beta, moving)
