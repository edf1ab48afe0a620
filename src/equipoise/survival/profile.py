"""The profile likelihood of one coefficient: the others at their maximum. Its limits, and the test of a value."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from ..errors import ConvergenceError
from .cox_likelihood import Design
from .inference import UNDETERMINED
from .maximize import Maximum, Restricted, Vector, block, maximize, solve

UNBOUNDED = "the profile likelihood stays above what the limit asks for, however far the coefficient goes"
NOT_FOUND = "the search for a limit of the profile likelihood did not end: too many terms for the events"
_STEPS = 100
_STRIDE = 5.0  # no first step outward moves the linear predictor further, each next one twice as far
_FAR = 1e4  # a linear predictor: e to its power is no number
_CLOSE = 1e-8  # a Newton step of this share of the interval leaves its square


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Profiled:
    """A likelihood with its maximum, of whose coefficients the profiles are asked for, in the units of the design.

    ``concave``: a penalized likelihood need not be, and may have several maxima once a coefficient is held.
    """

    likelihood: Restricted
    fit: Maximum
    design: Design
    concave: bool


def profile_limits(of: Profiled, level: float) -> tuple[Vector, tuple[str, ...]]:
    """Limits of each coefficient (p, 2) by the profile likelihood, and by term the reason why one is no number.

    The values at which twice the drop of the log-likelihood, maximized over the other coefficients, is the chi-square
    quantile on one degree of freedom. ``nan`` where the term is not estimable, or where separation in several
    directions at once leaves the search without end.
    """
    fit = of.fit
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
                try:
                    limits[j, at] = _limit(of, int(j), side, width, float(error[j]))
                except ConvergenceError:
                    reasons[j] = NOT_FOUND
            if math.isinf(limits[j, at]):
                reasons[j] = reasons[j] or (UNDETERMINED if math.isnan(fit.direction[j]) else UNBOUNDED)
    return limits, tuple(reasons)


def likelihood_roots(of: Profiled, values: Vector) -> Vector:
    """Signed roots of the likelihood ratio statistics of each coefficient's being a value (p,); ``nan`` if not used."""
    roots = np.full(len(of.fit.beta), np.nan)
    for j in np.flatnonzero(of.fit.used):
        held = _held(of, int(j), float(values[j]), of.fit)
        drop = max(of.fit.loglik - held.loglik, 0.0)
        roots[j] = math.copysign(math.sqrt(2 * drop), of.fit.beta[j] - values[j])
    return roots


def _held(of: Profiled, j: int, value: float, near: Maximum) -> Maximum:
    """The maximum over the other coefficients, coefficient j held at a value, from a maximum ``near``.

    The others start where they would be, were the likelihood quadratic; at zero what the fit has at infinity. Where
    there may be several maxima also from the fit and from zero: the highest counts.
    """
    fit = of.fit
    others = fit.used.copy()
    others[j] = False
    finite = others & (fit.direction == 0)
    start = near.beta.copy()
    if finite.any():
        start[finite] -= solve(block(near.information, finite), near.information[finite, j]) * (value - start[j])
    if near is fit:
        start[fit.direction != 0] = 0.0
    starts = [start] if of.concave or not others.any() else [start, fit.beta.copy(), np.zeros(len(start))]
    found: list[Maximum] = []
    for number, start in enumerate(starts, start=1):
        start[j] = value
        d = of.design
        try:
            found.append(maximize(of.likelihood(others), d.noise, d.spread, d.unit, start, others))
        except ConvergenceError:  # from far out, where rounding has the slope, a penalized likelihood may not climb
            if number == len(starts) and not found:
                raise
    return max(found, key=lambda held: held.loglik)


def _limit(of: Profiled, j: int, side: float, width: float, error: float) -> float:
    """Where the profile likelihood of coefficient j has dropped by width^2 / 2, on one side; infinite if nowhere.

    Newton's method. The profile of a concave likelihood is concave, so that steps from beyond the limit come back to
    it without passing it, and a step from before it goes beyond. A penalized likelihood need not be concave: a step
    that leaves the stretch between a value before the limit and one beyond halves the stretch instead.
    """
    fit, spread = of.fit, float(of.design.spread[j])
    target = fit.loglik - width**2 / 2
    separated = fit.direction[j] != 0
    before = -side * math.inf if separated else float(fit.beta[j])
    beyond = side * math.inf
    stride = _STRIDE / spread
    value = 0.0 if separated else before + side * width * error
    near = fit
    for _ in range(_STEPS):
        near = _held(of, j, value, near)
        above, slope = near.loglik - target, float(near.score[j])
        before, beyond = (value, beyond) if above >= 0 else (before, value)
        if above >= 0 and abs(value) * spread > _FAR:
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
