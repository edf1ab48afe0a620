"""What a Cox model says: the record of its numbers, and of the rows that they come from."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .. import results
from ..results import Entry, Origin, Row
from .concordance import Concordance, concordance, risk_ranks
from .convention import Interval, Penalty, Ties
from .cox_likelihood import Design
from .inference import Test
from .maximize import Vector
from .model_matrix import ModelMatrix
from .risk_sets import RiskSets

if TYPE_CHECKING:
    import polars as pl

TOO_LARGE = "a hazard ratio per unit of this covariate is too large to be a number: rescale the covariate"


def null_in_method(null_hazard_ratio: float) -> str:
    """How ``method`` names another null hypothesis than no effect: at its end."""
    return f", null hazard ratio {null_hazard_ratio:g}" if null_hazard_ratio != 1 else ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fitted:
    """The rows that a model was fitted to: what residuals, baseline hazard and further tests are computed from.

    ``matrix`` holds subjects and covariates as given; ``sets`` the same rows by stratum and time; ``design`` their
    covariates in the order of ``sets``, centred and divided by ``scale`` (p,): as ``x`` (n, p). ``beta`` (p,) are the
    coefficients in the units of ``x``, 0 where a term is not ``used``; ``cluster`` (n,) codes in the order of ``sets``,
    or None.
    """

    matrix: ModelMatrix
    sets: RiskSets
    design: Design
    beta: Vector
    used: NDArray[np.bool_]
    cluster: NDArray[np.int64] | None

    def __post_init__(self) -> None:
        results.read_only(self)

    @property
    def x(self) -> Vector:
        """Covariates of each row (n, p), made anew on each call in a model of arms alone."""
        return self.design.x

    @property
    def scale(self) -> Vector:
        """What the centred covariates were divided by, (p,)."""
        return self.design.scale


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cox:
    """A fitted proportional hazards model.

    ``coef``, ``se``, ``z`` and ``p`` (p,) by term; ``log_limits`` (p, 2) confidence limits of ``coef``;
    ``covariance`` (p, p), robust if ``robust``, beside the ``naive_covariance`` from the information. The arm's term
    comes first: with two arms ``hazard_ratio`` (experimental over control), ``conf_int``, ``p_value`` (two-sided) and
    ``p_one_sided`` (of benefit) are floats of that term, the P values of its hazard ratio being
    ``null_hazard_ratio``; otherwise ``hazard_ratio`` is (p,), ``conf_int`` (p, 2) and ``p_value`` is the likelihood
    ratio test's. P values are Wald's; under a ``penalty`` those of the penalized likelihood ratio, whose signed root
    ``z`` is then. ``loglik`` (with the penalty, if any) at zero and at the maximum. A term that cannot be estimated
    has an infinite coefficient (separation) or ``nan`` (aliased, or left undetermined by a separation) and a text in
    ``reasons``; so has one whose robust variance is zero, its coefficient kept. ``warnings`` says the same in
    sentences, ``limit_reasons`` why a profile likelihood limit is infinite (a hazard ratio of 0 or inf) or not found.
    """

    terms: tuple[str, ...]
    coef: Vector
    se: Vector
    z: Vector
    p: Vector
    reasons: tuple[str, ...]
    covariance: Vector
    naive_covariance: Vector
    log_limits: Vector
    limit_reasons: tuple[str, ...]
    hazard_ratio: float | Vector
    conf_int: tuple[float, float] | Vector
    p_value: float
    p_one_sided: float | None
    null_hazard_ratio: float
    loglik: tuple[float, float]
    likelihood_ratio: Test
    wald: Test
    score: Test
    robust_score: Test | None
    subjects: int
    events: int
    dropped: tuple[str, ...]
    ties: Ties
    penalty: Penalty | None
    robust: bool
    stratified: bool
    conf_type: Interval
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
        rank, ranks = risk_ranks(f.design.rows @ f.beta)  # of a handful of arms, where they are all there is
        rank = rank if f.design.group is None else rank[f.design.group]
        return concordance(f.sets, rank, ranks, f.cluster, f.matrix.tte.weight_type == "count")

    def __str__(self) -> str:
        if isinstance(self.hazard_ratio, float) and isinstance(self.conf_int, tuple):
            low, high = (results.fixed(x, 2) for x in self.conf_int)
            limits = f"({100 * self.level:g}% CI {low} to {high})"
            if self.reasons[0]:
                shown = "" if math.isnan(self.conf_int[0]) else f" {limits}"
                return f"Hazard ratio {self.terms[0]} {results.NOT_ESTIMABLE}{shown}: {self.reasons[0]} ({self.method})"
            return (
                f"Hazard ratio {self.terms[0]} {results.fixed(self.hazard_ratio, 2)} {limits}, "
                f"{self._p_name} {results.p_equals(self.p_value)} ({self.method})"
            )
        test = self.likelihood_ratio
        return (
            f"{self.method}: {len(self.terms)} terms, likelihood ratio chi-square "
            f"{results.significant(test.statistic)} on {test.df} df, {results.p_equals(test.p_value)}"
        )

    @property
    def _p_name(self) -> str:
        return "penalized likelihood ratio" if self.penalty else "Wald"

    def limits(self) -> Vector:
        """Confidence limits of every hazard ratio, (p, 2)."""
        with np.errstate(over="ignore"):
            return np.exp(self.log_limits)

    def rows(self) -> list[Row]:
        """Every term's hazard ratio with limits and P, then the tests of the model, as rows of the long table."""
        # Another null hypothesis is that of the arm's own P: estimates have none, the tests of the model no effect.
        plain = self.method.removesuffix(null_in_method(self.null_hazard_ratio))
        told = list(self._told())
        return results.rows_from(told, method=[entry.method or plain for entry in told], origin=self.origin)

    def _told(self) -> Iterator[Entry]:
        for i, term in enumerate(self.terms):
            yield from self._ratio(i)
            reason = self.reasons[i] if math.isnan(self.p[i]) else ""
            method = self.method if i == 0 else ""
            yield _entry(f"{self._p_name} P", float(self.p[i]), results.p_value(self.p[i]), term, reason, method=method)
            if i == 0 and self.p_one_sided is not None and self.null_hazard_ratio != 1:
                p = self.p_one_sided
                yield _entry(f"{self._p_name} P one-sided", p, results.p_value(p), term, reason, method=method)
        tests = [("likelihood ratio", self.likelihood_ratio), ("Wald", self.wald), ("score", self.score)]
        tests += [("robust score", self.robust_score)] if self.robust_score else []
        for name, test in tests:
            text = results.significant(test.statistic)
            yield _entry(f"model {name} chi-square", test.statistic, text, "", test.reason)
            yield _entry(f"model {name} P", test.p_value, results.p_value(test.p_value), "", test.reason)
        c = self.concordance
        yield _entry("concordance", c.estimate, results.fixed(c.estimate, 3), "", c.reason)
        yield _entry("concordance standard error", c.std_error, results.fixed(c.std_error, 3), "", c.reason)

    def _ratio(self, i: int) -> Iterator[Entry]:
        """A term's hazard ratio and its limits; a limit that the likelihood does not have says so."""
        reason = self.reasons[i]
        logs = [math.nan if reason else float(self.coef[i]), *(float(x) for x in self.log_limits[i])]
        with np.errstate(over="ignore"):
            values = np.exp(logs).tolist()
        if any(math.isinf(v) and math.isfinite(x) for v, x in zip(values, logs, strict=True)):
            reason, values, logs = TOO_LARGE, [math.nan] * 3, [math.nan] * 3
        names = ("hazard ratio", "hazard ratio lower limit", "hazard ratio upper limit")
        for name, value, log in zip(names, values, logs, strict=True):
            limit = name != "hazard ratio"
            why = "" if math.isfinite(log) else (limit and self.limit_reasons[i]) or reason
            level = self.level if limit else None
            yield _entry(name, value, results.fixed(value, 2), self.terms[i], why, level)

    def table(self) -> pl.DataFrame:
        """The long table of the model."""
        return results.long_table(self.rows())


def _entry(
    statistic: str, value: float, text: str, term: str, reason: str, level: float | None = None, method: str = ""
) -> Entry:
    shown = results.number(value, text, reason)
    return Entry(group=term, statistic=statistic, level=level, method=method, **shown)  # type: ignore[arg-type]
