"""The profile likelihood of one coefficient: the others at their maximum. Its limits, and the test of a value."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtri

from ..errors import ConvergenceError
from .cox_likelihood import Design
from .inference import UNDETERMINED
from .maximize import Maximum, Restricted, Vector, block, maximize, solve

UNBOUNDED = "the profile likelihood stays above what the limit asks for, however far the coefficient goes"
_STEPS = 100
_STRIDE = 5.0  # no first step outward moves the linear predictor further, each next one twice as far
_FAR = 1e4  # a linear predictor: e to its power is no number
_CLOSE = 1e-8  # a Newton step of this share of the interval leaves its square


def profile_limits(
    likelihood: Restricted, fit: Maximum, covariates: Design, level: float
) -> tuple[Vector, tuple[str, ...]]:
    """Limits of each coefficient (p, 2) by the profile likelihood, and by term the reason why one is infinite.

    The values at which twice the drop of the log-likelihood, maximized over the other coefficients, is the chi-square
    quantile on one degree of freedom. ``nan`` where the term is not estimable. Coefficients and limits are in the units
    of the design.
    """
    width = float(ndtri(0.5 + level / 2))
    finite = fit.used & (fit.direction == 0)
    error = np.zeros(len(fit.beta))
    if finite.any():
        error[finite] = np.sqrt(np.linalg.inv(block(fit.information, finite)).diagonal())
    limits = np.full((len(fit.beta), 2), np.nan)
    reasons = [""] * len(fit.beta)
    for j in np.flatnonzero(fit.used):
        for at, side in enumerate((-1.0, 1.0)):
            if math.isnan(fit.direction[j]) or fit.direction[j] == side:
                limits[j, at] = side * math.inf
            else:
                limits[j, at] = _limit(likelihood, fit, covariates, int(j), side, width, float(error[j]))
            if math.isinf(limits[j, at]):
                reasons[j] = UNDETERMINED if math.isnan(fit.direction[j]) else UNBOUNDED
    return limits, tuple(reasons)


def likelihood_roots(likelihood: Restricted, fit: Maximum, covariates: Design, values: Vector) -> Vector:
    """Signed roots of the likelihood ratio statistics of each coefficient's being a value (p,); ``nan`` if not used."""
    roots = np.full(len(fit.beta), np.nan)
    for j in np.flatnonzero(fit.used):
        held = _held(likelihood, fit, covariates, int(j), float(values[j]), fit)
        drop = max(fit.loglik - held.loglik, 0.0)
        roots[j] = math.copysign(math.sqrt(2 * drop), fit.beta[j] - values[j])
    return roots


def _held(likelihood: Restricted, fit: Maximum, covariates: Design, j: int, value: float, near: Maximum) -> Maximum:
    """The maximum over the other coefficients, coefficient j held at a value, from a maximum ``near``.

    The others start where they would be, were the likelihood quadratic; at zero what the fit has at infinity.
    """
    others = fit.used.copy()
    others[j] = False
    finite = others & (fit.direction == 0)
    start = near.beta.copy()
    if finite.any():
        start[finite] -= solve(block(near.information, finite), near.information[finite, j]) * (value - start[j])
    if near is fit:
        start[fit.direction != 0] = 0.0
    start[j] = value
    return maximize(likelihood(others), covariates.noise, covariates.spread, covariates.unit, start, others)


def _limit(
    likelihood: Restricted, fit: Maximum, covariates: Design, j: int, side: float, width: float, error: float
) -> float:
    """Where the profile likelihood of coefficient j has dropped by width^2 / 2, on one side; infinite if nowhere.

    Newton's method. The profile of a concave likelihood is concave, so that steps from beyond the limit come back to
    it without passing it, and a step from before it goes beyond. A penalized likelihood need not be concave: a step
    that leaves the stretch between a value before the limit and one beyond halves the stretch instead.
    """
    target = fit.loglik - width**2 / 2
    separated = fit.direction[j] != 0
    before = -side * math.inf if separated else float(fit.beta[j])
    beyond = side * math.inf
    stride = _STRIDE / float(covariates.spread[j])
    value = 0.0 if separated else before + side * width * error
    near = fit
    for _ in range(_STEPS):
        near = _held(likelihood, fit, covariates, j, value, near)
        above, slope = near.loglik - target, float(near.score[j])
        before, beyond = (value, beyond) if above >= 0 else (before, value)
        if above >= 0 and abs(value) * covariates.spread[j] > _FAR:
            return side * math.inf
        step = -above / slope if slope * side < 0 else side * math.inf
        if abs(step) <= _CLOSE * abs(value - fit.beta[j]):
            return value + step
        if math.isinf(beyond):
            step = side * min(abs(step), stride)
            stride *= 2
        if not side * before < side * (value + step) < side * beyond:
            step = (before + beyond) / 2 - value if math.isfinite(before) else -side * stride
        value += step
    raise ConvergenceError(
        f"no limit by the profile likelihood in {_STEPS} steps", last=near.beta, remedy='Use conf_type = "wald".'
    )
