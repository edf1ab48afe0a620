"""The covariate-adjusted log-rank test, and the marginal hazard ratio that belongs to it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from .. import results
from ..data import TimeToEvent
from ..errors import ConvergenceError
from ..results import Origin, Row
from .contrast import Limits, log_wald, normal_quantile, p_of_benefit
from .convention import ArgumentError, check_level, refuse_competing, resolve_stratified, strata_words
from .cox_likelihood import ROUNDING, standardize
from .inference import NO_EVENTS
from .maximize import Vector, estimable
from .model_matrix import model_matrix
from .risk_sets import copies

if TYPE_CHECKING:
    import polars as pl

_STEPS = 100
_NO_CONTRAST = "at no event time were both arms at risk with somebody outliving it"
_ALL_EXPLAINED = "the covariates explain all of the variance, or more: too many for so few subjects"


@dataclass(frozen=True, slots=True, kw_only=True)
class AdjustedLogRank:
    """A covariate-adjusted log-rank test of the experimental arm against control.

    ``score`` is observed less expected events of the experimental arm, less what the ``covariates`` (terms) predict of
    it; ``z``, above zero where that arm does better, is the score over the root of its ``variance``; ``p_value``
    two-sided, ``p_one_sided`` of benefit; ``unadjusted_z`` is that of the log-rank test. ``nan`` with a ``reason``
    where there is none. ``left_out`` names strata without both arms, whose subjects do not count.
    """

    score: float
    variance: float
    z: float
    p_value: float
    p_one_sided: float
    unadjusted_z: float
    covariates: tuple[str, ...]
    subjects: int
    stratified: bool
    left_out: tuple[str, ...]
    method: str
    reason: str
    origin: Origin

    def __str__(self) -> str:
        if self.reason:
            return f"{self.method}: {results.NOT_ESTIMABLE}, {self.reason}"
        return (
            f"{self.method}: z = {results.fixed(self.z, 3)} (unadjusted {results.fixed(self.unadjusted_z, 3)}), "
            f"two-sided {results.p_equals(self.p_value)}"
        )

    def rows(self) -> list[Row]:
        """Score, variance, z and P, and the unadjusted z, as rows of the long table."""
        found = [
            ("score", self.score, results.significant(self.score)),
            ("variance", self.variance, results.significant(self.variance)),
            ("z", self.z, results.fixed(self.z, 3)),
            ("P", self.p_value, results.p_value(self.p_value)),
            ("P one-sided", self.p_one_sided, results.p_value(self.p_one_sided)),
        ]
        rows = [self._row(f"adjusted log-rank {name}", value, text) for name, value, text in found]
        return [*rows, self._row("log-rank z", self.unadjusted_z, results.fixed(self.unadjusted_z, 3))]

    def _row(self, statistic: str, value: float, text: str) -> Row:
        shown = results.number(value, text, "" if math.isfinite(value) else self.reason)
        return Row(statistic=statistic, method=self.method, origin=self.origin, **shown)  # type: ignore[arg-type]

    def table(self) -> pl.DataFrame:
        """The long table of the test."""
        return results.long_table(self.rows())


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginalHazardRatio:
    """A marginal hazard ratio, experimental over control, estimated with the help of ``covariates`` (terms).

    ``std_error`` and ``z`` are of its logarithm; ``p_value`` (Wald) two-sided, ``p_one_sided`` of benefit;
    ``unadjusted`` is the hazard ratio without covariates (Breslow ties), ``unadjusted_std_error`` of its logarithm.
    ``nan`` with a ``reason`` where there is none. ``left_out`` as in ``AdjustedLogRank``.
    """

    hazard_ratio: float
    std_error: float
    conf_int: Limits
    z: float
    p_value: float
    p_one_sided: float
    unadjusted: float
    unadjusted_std_error: float
    covariates: tuple[str, ...]
    subjects: int
    level: float
    stratified: bool
    left_out: tuple[str, ...]
    method: str
    reason: str
    origin: Origin

    def __str__(self) -> str:
        if self.reason:
            return f"Marginal hazard ratio {results.NOT_ESTIMABLE}: {self.reason} ({self.method})"
        low, high = (results.fixed(x, 2) for x in self.conf_int)
        return (
            f"Marginal hazard ratio {results.fixed(self.hazard_ratio, 2)} ({100 * self.level:g}% CI {low} to {high}), "
            f"Wald {results.p_equals(self.p_value)} ({self.method})"
        )

    def rows(self) -> list[Row]:
        """The hazard ratio with limits and P, and the unadjusted one, as rows of the long table."""
        found = [
            ("marginal hazard ratio", self.hazard_ratio, results.fixed(self.hazard_ratio, 2)),
            ("marginal hazard ratio lower limit", self.conf_int[0], results.fixed(self.conf_int[0], 2)),
            ("marginal hazard ratio upper limit", self.conf_int[1], results.fixed(self.conf_int[1], 2)),
            ("marginal hazard ratio P", self.p_value, results.p_value(self.p_value)),
            ("marginal hazard ratio P one-sided", self.p_one_sided, results.p_value(self.p_one_sided)),
            ("unadjusted hazard ratio", self.unadjusted, results.fixed(self.unadjusted, 2)),
        ]
        return [
            Row(statistic=name, level=self.level if "limit" in name else None, method=self.method, origin=self.origin,
                **results.number(value, text, "" if math.isfinite(value) else self.reason))  # type: ignore[arg-type]
            for name, value, text in found
        ]  # fmt: skip

    def table(self) -> pl.DataFrame:
        """The long table of the marginal hazard ratio."""
        return results.long_table(self.rows())


def adjusted_logrank(tte: TimeToEvent, covariates: Any, *, stratified: bool | None = None) -> AdjustedLogRank:
    """Whether the hazard is the same in both arms, tested with less noise: the part of the log-rank score that chance
    differences of the arms in baseline ``covariates`` explain is taken off it.

    Ye, Shao and Yi (2024), and their stratified test. Each subject's share of the score is regressed on the centred
    covariates within arms; the variance is the hypergeometric one less what the regression explains. Valid whatever the
    covariates' relation to the outcome, under simple and covariate-adaptive randomization; the null hypothesis is that
    of the log-rank test. ``covariates`` as in ``cox``; none at all give the log-rank test. Strata are not among them
    unless they are given. Subjects of strata without both arms are left out, as they tell nothing of a difference.
    Case weights must be whole numbers and count as copies.

    Not estimable, with a reason, without an event at which both arms are at risk and with collinear covariates. Raises
    ``ArgumentError`` without two arms, ``UnsupportedError`` under probability weights, late entry and competing causes.

    >>> tte = TimeToEvent([6, 9, 10, 4, 5, 7], [1, 0, 1, 1, 1, 1], ["B"] * 3 + ["A"] * 3, control="A",
    ...                   experimental="B", unit="days")
    >>> print(adjusted_logrank(tte, {"age": [61, 50, 43, 67, 70, 52]}))
    covariate-adjusted log-rank test, unstratified, adjusted for age: z = 1.005 (unadjusted 1.599), two-sided P = 0.3149
    """
    data = _layout(tte, covariates, stratified)
    reason = data.reason
    u = variance = z = unadjusted = math.nan
    if not reason:
        score, hypergeometric = data.score(0.0)[0], data.hypergeometric
        reason = "" if hypergeometric > 0 else _NO_CONTRAST
    if not reason:
        unadjusted = score / math.sqrt(hypergeometric)
        adjustment, explained, reason = data.adjustment(0.0)
        if not reason and hypergeometric - explained <= ROUNDING * hypergeometric:
            reason = _ALL_EXPLAINED
        if not reason:
            u, variance = score - adjustment, hypergeometric - explained
            z = u / math.sqrt(variance)
    favours = -1.0 if tte.event_is == "harm" else 1.0
    return AdjustedLogRank(
        score=u,
        variance=variance,
        z=favours * z,
        p_value=float(2 * ndtr(-abs(z))),
        p_one_sided=float(ndtr(-favours * z)),
        unadjusted_z=favours * unadjusted,
        covariates=data.terms,
        subjects=len(data.arm),
        stratified=data.stratified,
        left_out=data.left_out,
        method=_method("covariate-adjusted log-rank test", data, tte),
        reason=reason,
        origin=tte.origin,
    )


def marginal_hazard_ratio(
    tte: TimeToEvent, covariates: Any, *, stratified: bool | None = None, level: float = 0.95
) -> MarginalHazardRatio:
    """The hazard ratio of experimental over control in the whole population, not given the covariates; these only make
    its estimate more precise.

    A Cox model with covariates has another, conditional hazard ratio. Ye, Shao and Yi (2024): the root of the score
    for the arm alone (Breslow ties) less what ``covariates`` explain of it, the regression being that at the unadjusted
    estimate; its standard error is the root of (information less the explained variance) over the information, both at
    the estimate. Wald limits and P. The rest as in ``adjusted_logrank``.

    Not estimable, with a reason, also where no finite hazard ratio solves the equation.

    >>> tte = TimeToEvent([6, 9, 10, 4, 5, 7], [1, 0, 1, 1, 1, 1], ["B"] * 3 + ["A"] * 3, control="A",
    ...                   experimental="B", unit="days")
    >>> print(marginal_hazard_ratio(tte, {"age": [61, 50, 43, 67, 70, 52]}))
    Marginal hazard ratio 0.68 (95% CI 0.26 to 1.81), Wald P = 0.4403 (covariate-adjusted score equation for the
    marginal hazard ratio, Breslow ties, unstratified, adjusted for age, Wald limits)
    """
    check_level(level)
    data = _layout(tte, covariates, stratified)
    reason = data.reason
    theta = se = start = start_se = math.nan
    if not reason:
        start, reason = data.root(0.0)
    if not reason:
        start_se = 1 / math.sqrt(data.score(start)[1])
        adjustment, explained, reason = data.adjustment(start)
        if not reason:
            theta, reason = data.root(adjustment)
        if not reason:
            information = data.score(theta)[1]
            if information - explained <= ROUNDING * information:
                theta, reason = math.nan, _ALL_EXPLAINED
            else:
                se = math.sqrt(information - explained) / information
    found = log_wald(theta, se, normal_quantile(level), reason)
    z = theta / se
    return MarginalHazardRatio(
        hazard_ratio=found.estimate,
        std_error=se,
        conf_int=found.conf_int,
        z=z,
        p_value=found.p_value,
        p_one_sided=p_of_benefit(-z, tte.event_is),
        unadjusted=math.exp(start),
        unadjusted_std_error=start_se,
        covariates=data.terms,
        subjects=len(data.arm),
        level=level,
        stratified=data.stratified,
        left_out=data.left_out,
        method=_method("covariate-adjusted score equation for the marginal hazard ratio, Breslow ties", data, tte)
        + ", Wald limits",
        reason=reason,
        origin=tte.origin,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Layout:
    """Subjects of the strata with both arms, by stratum and time; risk sets at the K distinct times of each stratum.

    By subject: ``arm`` (1 experimental), ``event``, ``stratum`` from 0, ``x`` (n, p) standardized,
    ``at`` the index of its time. By time: ``experimental`` and ``control`` at risk, ``deaths``, and ``own_deaths`` of
    the experimental arm; ``first`` (n strata,) is where the times of a stratum begin.
    """

    arm: NDArray[np.int64]
    event: NDArray[np.bool_]
    stratum: NDArray[np.int64]
    x: Vector
    at: NDArray[np.int64]
    experimental: Vector
    control: Vector
    deaths: Vector
    own_deaths: Vector
    first: NDArray[np.int64]
    terms: tuple[str, ...]
    stratified: bool
    left_out: tuple[str, ...]
    reason: str

    def score(self, theta: float) -> tuple[float, float]:
        """Score and information of a log hazard ratio, Breslow ties."""
        share = self._share(theta)
        return float((self.own_deaths - self.deaths * share).sum()), float(self.deaths @ (share * (1 - share)))

    def _share(self, theta: float) -> Vector:
        """The experimental arm's share of the hazard at each time."""
        risk = math.exp(theta) * self.experimental
        return np.asarray(risk / (self.control + risk))

    @property
    def hypergeometric(self) -> float:
        """Variance of observed events under equal hazards (Mantel 1966)."""
        n = self.experimental + self.control
        spread = np.divide(n - self.deaths, n - 1, out=np.zeros(len(n)), where=n > 1)
        return float((self.deaths * spread) @ (self.experimental * self.control / n**2))

    def outcomes(self, theta: float) -> Vector:
        """Each subject's part of the score (with its sign turned in the control arm), the derived outcome.

        It is the integral of the other arm's share of the hazard with respect to the subject's martingale.
        """
        share, hazard = self._share(theta), self.deaths / (self.control + math.exp(theta) * self.experimental)
        other = np.stack([share, 1 - share])
        met = np.cumsum(other * hazard * np.array([[1.0], [math.exp(theta)]]), axis=1)
        before = np.concatenate([np.zeros((2, 1)), met], axis=1)[:, self.first]
        return np.where(self.event, other[self.arm, self.at], 0.0) - (
            met[self.arm, self.at] - before[self.arm, self.stratum]
        )

    def adjustment(self, theta: float) -> tuple[float, float, str]:
        """What the covariates explain of the score, and of its variance, with outcomes at ``theta``; or why nothing."""
        p = self.x.shape[1]
        if p == 0:
            return 0.0, 0.0, ""
        outcome = self.outcomes(theta)
        within_arm = self.x - _means(self.x, 2 * self.stratum + self.arm)
        noise = ROUNDING * (self.x**2).sum(axis=0)
        beta = np.zeros((2, p))
        for arm in (0, 1):
            rows = self.arm == arm
            own = within_arm[rows]
            gram = own.T @ own
            used = estimable(gram, noise)
            if not used.all():
                idle = ", ".join(t for t, is_used in zip(self.terms, used, strict=True) if not is_used)
                return math.nan, math.nan, f"the covariates are collinear within an arm: {idle}"
            beta[arm] = np.linalg.solve(gram, own.T @ outcome[rows])
        centred = self.x - _means(self.x, self.stratum)
        predicted = np.where(self.arm == 1, centred @ beta[1], -(centred @ beta[0]))
        size = np.bincount(self.stratum)
        # The subjects times their sample covariance within strata, averaged by the strata's shares.
        spread = float((size / (size - 1))[self.stratum] @ (centred @ beta.sum(axis=0)) ** 2)
        part = float(self.arm.mean())
        return float(predicted.sum()), part * (1 - part) * spread, ""

    def root(self, target: float) -> tuple[float, str]:
        """The log hazard ratio at which the score, which falls, equals ``target``; or why there is none."""
        informative = (self.experimental > 0) & (self.control > 0)
        own = float(self.own_deaths[informative].sum())
        if not own - float(self.deaths[informative].sum()) < target < own:
            return math.nan, "no finite hazard ratio solves the score equation: the arm separates the events"
        theta, low, high = 0.0, -math.inf, math.inf
        for _ in range(_STEPS):
            score, information = self.score(theta)
            gap = score - target
            low, high = (theta, high) if gap > 0 else (low, theta)
            step = min(max(gap / information, -2.0), 2.0) if information > 0 else math.copysign(2.0, gap)
            if abs(step) <= 1e-13 * (1 + abs(theta)):
                return theta + step, ""
            theta = theta + step if low < theta + step < high else (low + high) / 2
        raise ConvergenceError("the score equation did not converge", last=theta, remedy="Report the data set.")


def _layout(tte: TimeToEvent, covariates: Any, stratified: bool | None) -> _Layout:
    if tte.experimental is None:
        raise ArgumentError("the score compares two arms", remedy="Name control and experimental.")
    refuse_competing(int(tte.event.max()))
    by_stratum = resolve_stratified(stratified, tte.strata)
    matrix = model_matrix(tte, covariates)
    matrix.refuse_periods("covariate-adjusted tests take", "Give the values at baseline.")
    rows = copies(tte, "covariate-adjusted log-rank tests")
    code = tte.stratum if by_stratum else np.zeros(tte.n, dtype=np.int64)
    strata = tte.strata if by_stratum else ("",)
    present = np.bincount(2 * code + tte.arm, minlength=2 * len(strata)).reshape(-1, 2)
    both: NDArray[np.bool_] = np.asarray(present.min(axis=1) > 0)
    left_out = tuple(name for name, n in zip(strata, present, strict=True) if n.min() == 0 < n.max())
    rows = rows[both[code[rows]]]
    rows = rows[np.lexsort((tte.time[rows], code[rows]))] if by_stratum else rows[np.argsort(tte.time[rows])]
    stratum = (np.cumsum(both) - 1)[code[rows]]
    time, event, arm = tte.time[rows], tte.event[rows] > 0, tte.arm[rows]
    x = matrix.x[rows][:, matrix.arm_terms :]
    new = np.ones(len(rows), dtype=bool)
    new[1:] = (np.diff(time) != 0) | (np.diff(stratum) != 0)
    start = np.flatnonzero(new)
    at = np.cumsum(new) - 1
    last = np.cumsum(np.bincount(stratum))[stratum[start]]  # where each time's stratum ends
    treated = np.concatenate([[0], np.cumsum(arm)])
    experimental = (treated[last] - treated[start]).astype(float)
    deaths = np.bincount(at, weights=event, minlength=len(start)).astype(float)
    return _Layout(
        arm=arm, event=event, stratum=stratum,
        x=standardize(x)[0] if len(rows) else x, at=at, experimental=experimental,
        control=(last - start) - experimental, deaths=deaths,
        own_deaths=np.bincount(at, weights=event * arm, minlength=len(start)).astype(float),
        first=np.flatnonzero(np.diff(stratum[start], prepend=-1) != 0),
        terms=matrix.terms[matrix.arm_terms :], stratified=by_stratum, left_out=left_out,
        reason="no stratum has both arms" if len(rows) == 0 else "" if event.any() else NO_EVENTS,
    )  # fmt: skip


def _means(x: Vector, group: NDArray[np.int64]) -> Vector:
    """The mean of its group (codes), for each row."""
    sums = np.stack([np.bincount(group, weights=column) for column in x.T], axis=1)
    return np.asarray((sums / np.maximum(np.bincount(group), 1)[:, None])[group])


def _method(name: str, data: _Layout, tte: TimeToEvent) -> str:
    given = f"adjusted for {', '.join(data.terms)}" if data.terms else "no covariates"
    return f"{name}, {strata_words(data.stratified, tte)}, {given}"
