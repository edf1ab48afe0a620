"""Accelerated failure time models: time ratios, where a covariate stretches or shrinks the time to the event."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit, log_ndtr, ndtr, ndtri

from .. import results
from ..data import TimeToEvent
from ..data.columns import refuse
from ..errors import ConvergenceError, UnsupportedError
from ..results import Origin, Row
from .convention import ArgumentError, check_level, refuse_competing, resolve_stratified, strata_words
from .cox_likelihood import ROUNDING, standardize
from .inference import ALIASED, NO_EVENTS, UNDETERMINED
from .maximize import Likelihood, Vector, maximize
from .model_matrix import model_matrix

if TYPE_CHECKING:
    import polars as pl

Distribution = Literal["weibull", "exponential", "lognormal", "loglogistic"]

NO_MAXIMUM = "the likelihood has no maximum: the model fits the times of the events exactly"
AWAY = "the likelihood has no finite maximum: the covariate separates those with an event from those without"
_NARROW = 1e6  # spread of log times over scale: what is left beside the model is rounding
_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Accelerated:
    """A fitted model log T = intercept + x'beta + scale * error.

    ``coef``, ``se``, ``z``, ``p`` (p,), ``log_limits`` (p, 2) and ``covariance`` (p + 1, p + 1), its last row and
    column that of log ``scale`` (nan where the scale is fixed); the intercept is the first of ``terms``. exp(coef) is
    a time ratio: above 1, times to the event are longer. A term that is not estimable is ``nan``, or infinite where
    its group has no events, with a text in ``reasons``. ``time_ratio``, ``conf_int`` and ``p_value`` are those of the
    first term after the intercept, nan where there is none. ``loglik`` is that of the times, not of their logarithms.
    """

    distribution: Distribution
    terms: tuple[str, ...]
    coef: Vector
    se: Vector
    z: Vector
    p: Vector
    log_limits: Vector
    covariance: Vector
    reasons: tuple[str, ...]
    scale: float
    log_scale_se: float
    loglik: float
    time_ratio: float
    conf_int: tuple[float, float]
    p_value: float
    subjects: int
    events: int
    level: float
    steps: int
    method: str
    origin: Origin

    def __post_init__(self) -> None:
        results.read_only(self)

    def __str__(self) -> str:
        if len(self.terms) < 2:
            return f"{self.method}: {self.subjects} subjects, {self.events} events"
        name = f"Time ratio {self.terms[1]}"
        if self.reasons[1]:
            return f"{name} {results.NOT_ESTIMABLE}: {self.reasons[1]} ({self.method})"
        low, high = (results.fixed(x, 2) for x in self.conf_int)
        return (
            f"{name} {results.fixed(self.time_ratio, 2)} ({100 * self.level:g}% CI {low} to {high}), "
            f"Wald {results.p_equals(self.p_value)} ({self.method})"
        )

    def rows(self) -> list[Row]:
        """Every term's time ratio with limits and P, the scale and the log-likelihood, as rows of the long table."""
        rows = []
        for i, term in enumerate(self.terms[1:], 1):
            reason = self.reasons[i]
            logs = [math.nan if reason else float(self.coef[i]), *(float(x) for x in self.log_limits[i])]
            with np.errstate(over="ignore"):
                values = np.exp(logs)
            names = ("time ratio", "time ratio lower limit", "time ratio upper limit")
            for name, value in zip(names, values.tolist(), strict=True):
                level = self.level if "limit" in name else None
                rows.append(self._row(name, value, results.fixed(value, 2), term, reason, level))
            rows.append(self._row("Wald P", float(self.p[i]), results.p_value(float(self.p[i])), term, reason))
        why = self.reasons[0]
        rows.append(self._row("scale", self.scale, results.significant(self.scale), "", why))
        rows.append(self._row("log-likelihood", self.loglik, results.fixed(self.loglik, 3), "", why))
        return rows

    def _row(self, statistic: str, value: float, text: str, term: str, reason: str, level: float | None = None) -> Row:
        shown = results.number(value, text, reason)
        return Row(
            group=term, statistic=statistic, level=level, method=self.method, origin=self.origin, **shown  # type: ignore[arg-type]
        )  # fmt: skip

    def table(self) -> pl.DataFrame:
        """The long table of the model."""
        return results.long_table(self.rows())


def accelerated(
    tte: TimeToEvent,
    covariates: Any = None,
    *,
    distribution: Distribution = "weibull",
    stratified: bool | None = None,
    level: float = 0.95,
) -> Accelerated:
    """By what factor times to the event are longer in the experimental arm than in control, given covariates.

    Maximum likelihood of log T = intercept + x'beta + scale * error, the error's law being the smallest extreme value's
    ("weibull"; "exponential" with the scale fixed at 1), the normal ("lognormal") or the logistic ("loglogistic").
    ``covariates`` is a frame or a mapping name -> array, as for ``cox``; strata enter as indicators against the first,
    with one scale for all. Standard errors are of the observed information. Source: Kalbfleisch and Prentice 1980.

    The likelihood is concave in coefficients over scale and 1 over scale (Burridge 1981), and maximized there.

    Raises ``DataError`` for a time of zero, whose logarithm there is none of, and for covariates that are missing or
    misaligned; ``UnsupportedError`` for late entry, weights and competing causes.

    >>> tte = TimeToEvent([6, 9, 10, 4, 5, 7], [1, 0, 1, 1, 1, 1], ["B"] * 3 + ["A"] * 3, control="A",
    ...                   experimental="B", unit="days")
    >>> print(accelerated(tte))
    Time ratio B v A 1.65 (95% CI 1.13 to 2.41), Wald P = 0.0100 (accelerated failure time model, Weibull, unstratified)
    """
    level = check_level(level)
    if distribution not in get_args(Distribution):
        known = ", ".join(get_args(Distribution))
        raise ArgumentError(f"unknown distribution {distribution!r}", remedy=f"Use one of {known}.")
    by_stratum = resolve_stratified(stratified, tte.strata)
    refuse_competing(int(tte.event.max()))
    if tte.entry is not None or tte.weight is not None:
        raise UnsupportedError(
            "accelerated failure time models are not there under late entry or weights", remedy="Use cox."
        )
    refuse(
        tte.time <= 0, "a time is zero, and has no logarithm", "time", tte.subject,
        "Count the day itself (add 1 day to every time), or leave the subjects out.",
    )  # fmt: skip
    matrix = model_matrix(tte, covariates)
    matrix.refuse_periods("accelerated failure time models take", "Use cox.")
    columns, terms = list(matrix.columns), list(matrix.terms)
    if by_stratum:
        first = matrix.arm_terms
        columns[first:first] = [(tte.stratum == s).astype(np.float64) for s in range(1, len(tte.strata))]
        terms[first:first] = [f"stratum {s} v {tte.strata[0]}" for s in tte.strata[1:]]
    x = np.column_stack([np.ones(tte.n), *columns])
    found = fitted(np.log(tte.time), tte.event > 0, x, distribution)
    width = ndtri(0.5 + level / 2)
    with np.errstate(invalid="ignore"):
        z = np.where(np.isfinite(found.coef), found.coef / found.se, np.nan)
        limits = np.column_stack([found.coef - width * found.se, found.coef + width * found.se])
    p = 2 * ndtr(-np.abs(z))
    one = len(terms) > 0
    with np.errstate(over="ignore"):
        ratios = np.exp(np.array([found.coef[1], *limits[1]])) if one else np.full(3, np.nan)
    return Accelerated(
        distribution=distribution,
        terms=("intercept", *terms),
        coef=found.coef,
        se=found.se,
        z=z,
        p=p,
        log_limits=limits,
        covariance=found.covariance,
        reasons=found.reasons,
        scale=found.scale,
        log_scale_se=found.log_scale_se,
        loglik=found.loglik,
        time_ratio=float(ratios[0]),
        conf_int=(float(ratios[1]), float(ratios[2])),
        p_value=float(p[1]) if one else math.nan,
        subjects=tte.n,
        events=tte.events,
        level=level,
        steps=found.steps,
        method=_method(distribution, tte, by_stratum, tuple(terms[matrix.arm_terms :]) if matrix.arm_terms else ()),
        origin=tte.origin,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fit:
    """The maximum of a likelihood: ``coef`` and ``se`` (p,), ``covariance`` with log scale last, reasons by term."""

    coef: Vector
    se: Vector
    covariance: Vector
    reasons: tuple[str, ...]
    scale: float
    log_scale_se: float
    loglik: float
    steps: int


def fitted(log_time: Vector, event: NDArray[np.bool_], x: Vector, distribution: Distribution) -> Fit:
    """The model of log times (n,) with columns x (n, p), the first of which is constant at 1."""
    p = x.shape[1]
    if not event.any():
        return _nothing(p, NO_EVENTS)
    columns, middle, size = _comparable(x[:, 1:])
    center = float(log_time.mean())
    spread = float(log_time.std())
    free = distribution != "exponential"
    if free and spread <= 1e-12 * max(abs(center), 1.0):
        return _nothing(p, NO_MAXIMUM)
    unit = spread if free else 1.0
    y = (log_time - center) / unit
    a = np.column_stack([-np.ones(len(y)), -columns, *([y] if free else [])])
    target = _likelihood(a, None if free else y, event, _LAWS[distribution])
    start = np.zeros(a.shape[1])
    start[p:] = 1.0
    noise = ROUNDING * (a * a).sum(axis=0)
    ranges = np.maximum(a.max(axis=0) - a.min(axis=0), 1.0)
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            fit = maximize(target, noise, ranges, 1.0, start=start)
    except ConvergenceError:
        return _nothing(p, NO_MAXIMUM)
    rate = float(fit.beta[p]) if free else 1.0
    finite = fit.used & (fit.direction == 0)
    if free and not (finite[p] and rate < _NARROW):
        return _nothing(p, NO_MAXIMUM)
    covariance = np.full((len(fit.beta), len(fit.beta)), np.nan)
    covariance[np.ix_(finite, finite)] = np.linalg.inv(fit.information[np.ix_(finite, finite)])
    g, covariance = _as_given(fit.beta[:p], rate, covariance, unit, middle / size, size, center, fit.used[:p])
    away = fit.direction[:p] != 0
    g[away] = fit.direction[:p][away] * np.inf
    g[~fit.used[:p]] = np.nan
    reasons = tuple(
        ALIASED if not used else UNDETERMINED if math.isnan(d) else AWAY if d else ""
        for used, d in zip(fit.used[:p], fit.direction[:p], strict=True)
    )
    with np.errstate(invalid="ignore"):
        se = np.sqrt(covariance.diagonal())
    loglik = fit.loglik - float(log_time[event].sum()) - event.sum() * math.log(unit)
    return Fit(
        coef=g, se=se[:p], covariance=covariance, reasons=reasons, scale=unit / rate, log_scale_se=float(se[p]),
        loglik=loglik, steps=fit.steps,
    )  # fmt: skip


def _comparable(x: Vector) -> tuple[Vector, Vector, Vector]:
    """Columns of one scale, with what was taken from each and what it was then divided by.

    Indicators stay as they are: a group without events then leaves the intercept alone.
    """
    plain = np.isin(x, (0.0, 1.0)).all(axis=0)
    columns, size = standardize(x)
    size = np.where(plain, 1.0, size)
    return np.where(plain, x, columns), np.where(plain, 0.0, x.mean(axis=0)), size


def _as_given(
    g: Vector, rate: float, covariance: Vector, unit: float, shifted: Vector, size: Vector, center: float,
    used: NDArray[np.bool_],
) -> tuple[Vector, Vector]:  # fmt: skip
    """Coefficients in the units of the columns with log scale last, from those over scale of comparable columns.

    ``shifted`` (p - 1,) is what was taken from each column, divided by its ``size``. ``covariance`` is of (g, 1 over
    scale), or of g alone where the scale is fixed. What is not used counts as 0.
    """
    p = len(g)
    g = np.where(used, g, 0.0)
    free = len(covariance) > p
    beta = unit * g / rate
    # d(beta, log scale) / d(g, rate): exact at the maximum, where the score is zero.
    jacobian = np.zeros((p + 1, p + free))
    jacobian[:p, :p] = np.eye(p) * unit / rate
    if free:
        jacobian[:p, p] = -beta / rate
        jacobian[p, p] = -1 / rate
    shift = np.eye(p + 1)
    shift[range(1, p), range(1, p)] = 1 / size
    shift[0, 1:p] = -shifted
    full = shift @ jacobian
    known = np.isfinite(covariance.diagonal())
    spread = full[:, known] @ covariance[np.ix_(known, known)] @ full[:, known].T
    lost = np.append(~known[:p], not free)
    spread[lost, :], spread[:, lost] = np.nan, np.nan
    beta = shift[:p, :p] @ beta
    beta[0] += center
    return beta, spread


def _nothing(p: int, reason: str) -> Fit:
    none = np.full(p, np.nan)
    return Fit(
        coef=none, se=none.copy(), covariance=np.full((p + 1, p + 1), np.nan), reasons=(reason,) * p, scale=math.nan,
        log_scale_se=math.nan, loglik=math.nan, steps=0,
    )  # fmt: skip


Law = Callable[[Vector, Vector], tuple[Vector, Vector, Vector]]  # z, event -> log-likelihood, its two derivatives


def _extreme_value(z: Vector, event: Vector) -> tuple[Vector, Vector, Vector]:
    e = np.exp(z)
    return event * z - e, event - e, -e


def _normal(z: Vector, event: Vector) -> tuple[Vector, Vector, Vector]:
    tail = log_ndtr(-z)
    density = -0.5 * z * z - _HALF_LOG_2PI
    hazard = np.exp(density - tail)
    happened = event > 0
    return (
        np.where(happened, density, tail),
        np.where(happened, -z, -hazard),
        np.where(happened, -1.0, -hazard * (hazard - z)),
    )


def _logistic(z: Vector, event: Vector) -> tuple[Vector, Vector, Vector]:
    p = expit(z)
    return event * z + (1 + event) * log_expit(-z), event - (1 + event) * p, -(1 + event) * p * (1 - p)


_LAWS: dict[str, Law] = {
    "weibull": _extreme_value,
    "exponential": _extreme_value,
    "lognormal": _normal,
    "loglogistic": _logistic,
}


def _likelihood(a: Vector, fixed: Vector | None, event: NDArray[np.bool_], law: Law) -> Likelihood:
    """Of z = a delta, the last of delta being 1 over scale; with the scale fixed, of z = fixed + a delta."""
    happened = event.astype(np.float64)
    count = float(happened.sum())

    def at(delta: Vector) -> tuple[float, Vector, Vector]:
        z = a @ delta if fixed is None else fixed + a @ delta
        value, first, second = law(z, happened)
        loglik, score, information = float(value.sum()), a.T @ first, -(a.T * second) @ a
        if fixed is None:
            rate = float(delta[-1])
            if rate <= 0:
                return -math.inf, score, information
            loglik += count * math.log(rate)
            score[-1] += count / rate
            information[-1, -1] += count / rate**2
        return loglik, score, information

    return at


_NAMES = {
    "weibull": "Weibull",
    "exponential": "exponential",
    "lognormal": "lognormal",
    "loglogistic": "log-logistic",
}


def _method(distribution: Distribution, tte: TimeToEvent, by_stratum: bool, covariates: tuple[str, ...]) -> str:
    others = [c for c in covariates if not (by_stratum and c.startswith("stratum "))]
    words = ["accelerated failure time model", _NAMES[distribution], strata_words(by_stratum, tte)]
    return ", ".join(words + ([f"adjusted for {', '.join(others)}"] if others else []))
