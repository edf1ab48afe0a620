"""Weighted Cox regression: an average hazard ratio by weights that undo the censoring."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from .. import results
from ..data import TimeToEvent
from ..kernels import partial_likelihood
from ..results import Origin, Row
from .contrast import Limits, p_of_benefit
from .convention import ArgumentError, check_level, refuse_competing
from .cox_likelihood import ROUNDING, standardize
from .cox_steps import score_rows, steps_at
from .inference import infer, wald_limits
from .maximize import Vector, maximize
from .model_matrix import model_matrix
from .risk_sets import copies, sorted_rows

if TYPE_CHECKING:
    import polars as pl

_NO_ENTRY = np.empty(0)
_NO_ROWS = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WeightedCox:
    """A weighted Cox regression: ``coef``, ``se``, ``z``, ``p`` (p,) by term, ``covariance`` (p, p) robust.

    The arm's term comes first: with two arms ``hazard_ratio`` (the average one, experimental over control),
    ``conf_int``, ``p_value`` (two-sided) and ``p_one_sided`` (of benefit) are floats of that term; otherwise
    ``hazard_ratio`` is (p,), ``conf_int`` (p, 2), and the P values are None. ``weight`` (k,) of the events at ``time``
    (k,), their mean over the events 1. A term that cannot be estimated has a text in ``reasons``, as in ``Cox``.
    """

    terms: tuple[str, ...]
    coef: Vector
    se: Vector
    z: Vector
    p: Vector
    reasons: tuple[str, ...]
    covariance: Vector
    hazard_ratio: float | Vector
    conf_int: Limits | Vector
    p_value: float | None
    p_one_sided: float | None
    time: Vector
    weight: Vector
    subjects: int
    events: int
    level: float
    method: str
    origin: Origin

    def __post_init__(self) -> None:
        results.read_only(self)

    @property
    def warnings(self) -> tuple[str, ...]:
        """The reasons in sentences."""
        return tuple(f"{t}: {r}" for t, r in zip(self.terms, self.reasons, strict=True) if r)

    def limits(self) -> Vector:
        """Confidence limits of every average hazard ratio, (p, 2)."""
        return wald_limits(self.coef, self.se, self.level)

    def __str__(self) -> str:
        if self.reasons[0]:
            return f"Average hazard ratio {self.terms[0]} {results.NOT_ESTIMABLE}: {self.reasons[0]} ({self.method})"
        with np.errstate(over="ignore"):
            ratio = float(np.exp(self.coef[0]))
        low, high = (results.fixed(float(x), 2) for x in self.limits()[0])
        return (
            f"Average hazard ratio {self.terms[0]} {results.fixed(ratio, 2)} "
            f"({100 * self.level:g}% CI {low} to {high}), {results.p_equals(float(self.p[0]))} ({self.method})"
        )

    def rows(self) -> list[Row]:
        """Every term's average hazard ratio with limits and P as rows of the long table."""
        rows: list[Row] = []
        limits = self.limits()
        for i, (term, reason) in enumerate(zip(self.terms, self.reasons, strict=True)):
            with np.errstate(over="ignore"):
                ratio = float(np.exp(self.coef[i]))
            shown = [math.nan] * 4 if reason else [ratio, *limits[i].tolist(), float(self.p[i])]
            if any(math.isinf(x) for x in shown):
                reason = "a hazard ratio per unit of this covariate is too large to be a number: rescale the covariate"
                shown[:3] = [math.nan] * 3
            names = ["", " lower limit", " upper limit", " P"]
            for name, value in zip(names, shown, strict=True):
                text = results.p_value(value) if name == " P" else results.fixed(value, 2)
                rows.append(
                    Row(group=term, statistic=f"average hazard ratio{name}", method=self.method, origin=self.origin,
                        level=self.level if "limit" in name else None, **results.number(value, text, reason))  # type: ignore[arg-type]
                )  # fmt: skip
        return rows

    def table(self) -> pl.DataFrame:
        """The long table of the model."""
        return results.long_table(self.rows())


def weighted_cox(tte: TimeToEvent, covariates: Any = None, *, level: float = 0.95) -> WeightedCox:
    """The hazard ratio of experimental over control given covariates, averaged over time as if nobody were censored;
    unstratified.

    Weighted Cox regression of Schemper, Wakounig and Heinze (2009): an event at t counts with weight S(t-) / G(t-),
    normalized to mean 1 over the events; S is the pooled Kaplan-Meier estimate, G that of the censoring (events
    before censorings of the same time). Breslow's ties; the variance is the sandwich of Lin and Wei (1989) with the
    weights taken as fixed. Case weights count as copies. ``covariates`` as in ``cox``.

    Raises ``DataError`` for covariates that are missing or misaligned, ``ArgumentError`` without any term,
    ``UnsupportedError`` under probability weights, late entry and competing causes, ``ConvergenceError``.

    >>> tte = TimeToEvent([6, 9, 10, 4, 5, 7], [1, 0, 1, 1, 1, 1], ["B"] * 3 + ["A"] * 3, control="A",
    ...                   experimental="B", unit="days")
    >>> print(weighted_cox(tte))
    Average hazard ratio B v A 0.17 (95% CI 0.03 to 1.08), P = 0.0609 (weighted Cox model,
    weights S(t-) / G(t-), Breslow ties, unstratified, robust variance, Wald limits)
    """
    check_level(level)
    refuse_competing(int(tte.event.max()))
    matrix = model_matrix(tte, covariates)
    matrix.refuse_periods("weighted Cox regression takes", "Use cox().")
    if not matrix.terms:
        raise ArgumentError("the model has no term", remedy="Give arm labels or covariates.")
    rows = copies(tte, "weighted Cox regressions")
    rows = rows[np.argsort(tte.time[rows], kind="stable")]
    time, event = tte.time[rows], tte.event[rows] > 0
    weight = event_weights(time, event)
    x, scale = standardize(matrix.x[rows])
    noise = ROUNDING * (weight[event] @ x[event] ** 2)
    fit = maximize(_likelihood(x, time, event, weight), noise, np.ptp(x, axis=0), 1.0)
    residuals = tuple(_residuals(b, x, time, event, weight) for b in (fit.beta, np.zeros_like(fit.beta)))
    found = infer(fit, scale, bool(event.any()), 1.0, (residuals[0], residuals[1]))
    with np.errstate(invalid="ignore", over="ignore"):
        limits, ratios = wald_limits(found.coef, found.se, level), np.exp(found.coef)
    p = 2 * ndtr(-np.abs(found.z))
    two_arms = matrix.arm_terms == 1
    at = np.flatnonzero(event)[np.unique(time[event], return_index=True)[1]]
    words = ["weighted Cox model", "weights S(t-) / G(t-)", "Breslow ties", "unstratified"]
    words += ["adjusted"] * bool(matrix.arm_terms and len(matrix.terms) > matrix.arm_terms)
    return WeightedCox(
        terms=matrix.terms,
        coef=found.coef,
        se=found.se,
        z=found.z,
        p=p,
        reasons=found.reasons,
        covariance=found.covariance,
        hazard_ratio=float(ratios[0]) if two_arms else ratios,
        conf_int=(float(limits[0, 0]), float(limits[0, 1])) if two_arms else limits,
        p_value=float(p[0]) if two_arms else None,
        p_one_sided=p_of_benefit(-float(found.z[0]), tte.event_is) if two_arms else None,
        time=time[at],
        weight=weight[at],
        subjects=len(rows),
        events=int(event.sum()),
        level=level,
        method=", ".join([*words, "robust variance", "Wald limits"]),
        origin=tte.origin,
    )


def event_weights(time: Vector, event: NDArray[np.bool_]) -> Vector:
    """S(t-) / G(t-) at the time of each event, with mean 1 over the events; 1 for censored rows. Times ascending."""
    at, start = np.unique(time, return_index=True)
    at_risk = len(time) - start
    deaths = np.add.reduceat(event.astype(float), start)
    left = at_risk - deaths  # at risk of being censored: events come first
    lost = np.diff(np.append(start, len(time))) - deaths
    survival = np.concatenate([[1.0], np.cumprod(left / at_risk)])[:-1]
    kept = np.divide(left - lost, left, out=np.ones(len(at)), where=left > 0)
    uncensored = np.concatenate([[1.0], np.cumprod(kept)])[:-1]
    weight = np.ones(len(time))
    own = np.searchsorted(at, time[event])
    weight[event] = survival[own] / uncensored[own]  # above zero: whoever dies at t is neither dead nor censored before
    if event.any():
        weight[event] /= weight[event].mean()
    return weight


def _with_offset(x: Vector, weight: Vector) -> Vector:
    """A last column, of coefficient 1, that takes an event's weight out of the risk sets that it belongs to.

    The kernels weigh a row both as an event and at risk; with w e^(x b - log w) it is at risk with weight 1.
    """
    return np.column_stack([x, -np.log(weight)])


def _likelihood(x: Vector, time: Vector, event: NDArray[np.bool_], weight: Vector) -> Any:
    with_offset, starts = _with_offset(x, weight), np.array([0, len(time)])
    p, constant = x.shape[1], float(weight[event] @ np.log(weight[event]))

    def likelihood(beta: Vector) -> tuple[float, Vector, Vector]:
        loglik, score, information = partial_likelihood(
            np.append(beta, 1.0), with_offset, time, event, weight, starts, _NO_ENTRY, _NO_ROWS, False
        )
        return loglik + constant, score[:p].copy(), information[:p, :p].copy()

    return likelihood


def _residuals(beta: Vector, x: Vector, time: Vector, event: NDArray[np.bool_], weight: Vector) -> Vector:
    """Weighted score residuals (n, p), as in Lin and Wei (1989)."""
    with_offset, beta = _with_offset(x, weight), np.append(beta, 1.0)
    sets = sorted_rows(time, event, weight)
    parts = score_rows(beta, with_offset, sets, steps_at(beta, with_offset, sets, efron=False))
    return np.asarray(parts[:, : x.shape[1]] * weight[:, None])
