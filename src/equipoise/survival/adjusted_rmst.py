"""Restricted means adjusted for covariates: regression of the restricted time, weighted for censoring."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data import TimeToEvent
from ..errors import UnsupportedError
from .contrast import NAN_LIMITS, Contrast, Vector, log_wald, normal_quantile, p_of_benefit, wald
from .convention import ArgumentError
from .cox_likelihood import ROUNDING, standardize
from .maximize import estimable
from .model_matrix import model_matrix
from .risk_sets import copies

_METHOD = (
    "contrasts adjusted for {} by inverse probability of censoring weights within arm, sandwich variance; "
    "the arms' means are not adjusted"
)
_STEPS = 50
_FAR = 16.0  # a mean e^16 times the largest time is none
_NOTHING = 1e-10  # a fitted mean below this share of the average is on its way to zero


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Adjusted:
    """The fields of ``Rmst`` that contrast the arms, the ``terms`` adjusted for, and how, or why not."""

    contrasts: dict[str, Any]
    terms: tuple[str, ...]
    reason: str
    method: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Censoring:
    """Of one arm: its ``rows`` by restricted time, and the m distinct censoring times before tau.

    ``at_risk`` (m,) of being censored there, ``lost`` (m,) censored there. Events come before censorings of the same
    time, so that whoever dies at t is not at risk of being censored at t. By row: how many censoring times come
    ``before`` its own, and whether it is ``censored`` at one of them; ``above`` (m,): rows up to each censoring time.
    """

    rows: NDArray[np.int64]
    at_risk: Vector
    lost: Vector
    before: NDArray[np.int64]
    censored: NDArray[np.bool_]
    above: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Regression:
    """Restricted times (n,), their weights (n,), and the design (n, 1 + p): intercept, arm, covariates, standardized.

    ``scale`` is what the arm's column was divided by.
    """

    restricted: Vector
    weight: Vector
    design: Vector
    scale: float
    censoring: tuple[_Censoring, ...]

    def arm_effect(self, y: Vector, log_link: bool) -> tuple[float, float, str]:
        """The arm's coefficient in the model of y and its standard error; or ``nan`` and why."""
        known = self.weight > 0
        b, why = _fit(self.design[known], self.weight[known], y[known], log_link)
        if why:
            return math.nan, math.nan, why
        eta = self.design @ b
        if log_link and eta.max() > math.log(y.max()) + _FAR:
            return math.nan, math.nan, "a log-linear model has no sensible mean for somebody who is censored"
        mean = np.exp(eta) if log_link else eta
        residual = y - mean
        residual[np.abs(residual) <= ROUNDING * float(y.max())] = 0.0
        score = self.design * (self.weight * residual)[:, None]
        for part in self.censoring:
            _add_martingale(score, part)
        bread = np.linalg.inv(self.design.T @ (self.design * mean[:, None] if log_link else self.design))
        spread = score @ bread[:, 1]
        se = math.sqrt(float(spread @ spread)) / self.scale
        return float(b[1]) / self.scale, se, "" if se > 0 else "the model leaves no variance"


def adjusted_contrasts(
    tte: TimeToEvent, covariates: Any, stratified: bool | None, tau: float, level: float, reason: str
) -> Adjusted:
    """Difference, ratio and ratio of times lost given the covariates; ``reason``: why they have no value, if known.

    Y = min(T, tau) is known of whoever has the event, or is followed, up to tau. Weights 1 / G(Y-), G the Kaplan-Meier
    estimate of censoring in the arm, stand for the others. With link g and mean g^-1(x'b) the estimating equation is
    sum w x (Y - mean) = 0, b has variance A^-1 B A^-1, A = sum of x x' dmean/deta over all subjects, B the squares of
    the equation's terms, each with its integral with respect to the censoring martingale (Tian, Zhao and Wei 2014).
    """
    if stratified:
        raise UnsupportedError(
            "restricted means are not both stratified and adjusted for covariates",
            remedy="Set stratified=False; strata may be given among the covariates.",
        )
    if tte.experimental is None:
        raise ArgumentError("an adjusted restricted mean contrasts two arms", remedy="Name control and experimental.")
    matrix = model_matrix(tte, covariates)
    matrix.refuse_periods("adjusted restricted means take", "Give the values at baseline.")
    rows = copies(tte, "adjusted restricted means")
    terms = matrix.terms[1:]
    method = _METHOD.format(", ".join(terms) if terms else "no covariate")
    model = _regression(matrix.x[rows], tte.time[rows], tte.event[rows] > 0, tte.arm[rows], tau, bool(reason))
    reason = reason or _collinear(model, ("intercept", *matrix.terms))
    if reason:
        return Adjusted(contrasts=_without(reason), terms=terms, reason=reason, method=method)
    z = normal_quantile(level)
    difference, se, reason = model.arm_effect(model.restricted, False)
    conf_int, p_value = wald(difference, se, z)
    ratio, lost = model.arm_effect(model.restricted, True), model.arm_effect(tau - model.restricted, True)
    contrasts = {
        "difference": difference,
        "conf_int": conf_int,
        "p_value": p_value,
        "p_one_sided": p_of_benefit(difference / se, tte.event_is) if se > 0 else math.nan,
        "ratio": log_wald(ratio[0], ratio[1], z, ratio[2]),
        "rmtl_ratio": log_wald(lost[0], lost[1], z, lost[2]),
    }
    return Adjusted(contrasts=contrasts, terms=terms, reason=reason, method=method)


def _without(reason: str) -> dict[str, Any]:
    none = Contrast(estimate=math.nan, conf_int=NAN_LIMITS, p_value=math.nan, reason=reason)
    return {
        "difference": math.nan, "conf_int": NAN_LIMITS, "p_value": math.nan, "p_one_sided": math.nan,
        "ratio": none, "rmtl_ratio": none,
    }  # fmt: skip


def _regression(
    x: Vector, time: Vector, event: NDArray[np.bool_], arm: NDArray[np.int64], tau: float, unknown: bool
) -> _Regression:
    """Standardized design and weights; where the curves are ``unknown`` at tau there is nothing to weigh."""
    x, scale = standardize(x)
    parts = () if unknown else tuple(_censoring(np.flatnonzero(arm == code), time, event, tau) for code in (0, 1))
    return _Regression(
        restricted=np.minimum(time, tau),
        weight=_weights(len(time), parts),
        design=np.column_stack([np.ones(len(time)), x]),
        scale=float(scale[0]),
        censoring=parts,
    )


def _censoring(rows: NDArray[np.int64], time: Vector, event: NDArray[np.bool_], tau: float) -> _Censoring:
    rows = rows[np.argsort(time[rows], kind="stable")]
    own = time[rows]
    censored = ~event[rows] & (own < tau)
    at, lost = np.unique(own[censored], return_counts=True)
    above = np.searchsorted(own, at, side="right")
    return _Censoring(
        rows=rows,
        at_risk=(len(own) - above + lost).astype(float),
        lost=lost.astype(float),
        before=np.searchsorted(at, np.minimum(own, tau), side="left"),
        censored=censored,
        above=above,
    )


def _weights(n: int, censoring: tuple[_Censoring, ...]) -> Vector:
    """1 / G(Y-) of whose restricted time is known, 0 of the others; never infinite, as tau is within follow-up."""
    weight = np.zeros(n)
    for part in censoring:
        uncensored = np.concatenate([[1.0], np.cumprod((part.at_risk - part.lost) / part.at_risk)])
        known = ~part.censored
        weight[part.rows[known]] = 1 / uncensored[part.before[known]]
    return weight


def _add_martingale(score: Vector, part: _Censoring) -> None:
    """Adds, in place, the integral of Q / R with respect to each subject's censoring martingale.

    Q(c) is the sum of the terms of those whose restricted time is above c, R(c) the number at risk of censoring.
    """
    if len(part.at_risk) == 0:
        return
    own = score[part.rows]
    total = np.zeros((len(own) + 1, own.shape[1]))
    np.cumsum(own, axis=0, out=total[1:])
    share = (total[-1] - total[part.above]) / part.at_risk[:, None]
    met = np.zeros((len(share) + 1, own.shape[1]))
    np.cumsum(share * (part.lost / part.at_risk)[:, None], axis=0, out=met[1:])
    own -= met[part.before + part.censored]
    own[part.censored] += share[part.before[part.censored]]
    score[part.rows] = own


def _fit(design: Vector, weight: Vector, y: Vector, log_link: bool) -> tuple[Vector, str]:
    """Solves sum w x (y - mean) = 0; empty beside a reason where there is no finite solution."""
    weighted = design * weight[:, None]
    total = weighted.T @ y
    b = np.asarray(np.linalg.solve(weighted.T @ design, total), dtype=np.float64)
    if not log_link:
        return b, ""
    if total[0] > 0:
        # Newton's method starts from the linear model's effects relative to the mean, none too far from it.
        b *= weight.sum() / total[0]
        b[0] = 0.0
        b /= max(1.0, float(np.abs(design @ b).max()))
        b[0] = math.log(total[0] / weight.sum())
        for _ in range(_STEPS):
            mean = np.exp(design @ b)
            try:
                step = np.linalg.solve(weighted.T @ (design * mean[:, None]), total - weighted.T @ mean)
            except np.linalg.LinAlgError:
                break
            length = float(np.abs(design @ step).max())
            if mean.min() < _NOTHING * total[0] / weight.sum():
                break
            if length < 1e-7:  # the step after this would be its square
                return np.asarray(b + step, dtype=np.float64), ""
            b = b + step * min(1.0, 2 / length)
    return np.empty(0), "a log-linear model has no finite solution: an arm or a covariate has a mean of zero"


def _collinear(model: _Regression, names: tuple[str, ...]) -> str:
    """Why the regression has no solution, or nothing: columns that say nothing that those before them do not."""
    gram = model.design.T @ (model.design * model.weight[:, None])
    used = estimable(gram, ROUNDING * np.diagonal(gram))
    if used.all():
        return ""
    idle = ", ".join(name for name, is_used in zip(names, used, strict=True) if not is_used)
    return f"the covariates are collinear: {idle} (what the arm and the columns before say already)"
