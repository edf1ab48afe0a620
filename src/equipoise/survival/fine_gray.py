"""The proportional subdistribution hazards model: how arms and covariates move the incidence of a cause."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from .. import results
from ..data import TimeToEvent
from ..results import Origin, Row
from .causes import Array, check_cause, copies, counts, distinct
from .convention import ArgumentError, check_level
from .cox_likelihood import ROUNDING, standardize
from .inference import NO_EVENTS, SEPARATED, Test, infer, wald_limits
from .maximize import Likelihood, maximize
from .model_matrix import ModelMatrix, model_matrix

if TYPE_CHECKING:
    import polars as pl

_SEPARATED = "the likelihood has no finite maximum: the covariate separates the events"
_STRIDE = 300.0  # powers of e by which the scale of a sum goes up: a product of two has room for 700
_NUMBERS_AT_ONCE = 4_000_000  # of products of two covariates


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FineGray:
    """A fitted proportional subdistribution hazards model of one cause.

    ``coef``, ``se``, ``z`` and ``p`` (p,) by term with their ``covariance`` (p, p), a sandwich. The arm's term comes
    first: with two arms ``hazard_ratio`` (of the subdistribution, experimental over control), ``conf_int``, ``p_value``
    (Wald, two-sided) and ``p_one_sided`` (of benefit) are floats of that term; otherwise ``hazard_ratio`` is (p,),
    ``conf_int`` (p, 2) and ``p_value`` that of ``wald``, the joint test. ``loglik`` at zero and at the maximum is of a
    weighted partial likelihood, whose ratio has no chi-square distribution. A term that cannot be estimated has an
    infinite coefficient (separation) or ``nan``, and a text in ``reasons``; ``warnings`` says the same in sentences.
    """

    cause: int
    terms: tuple[str, ...]
    coef: Array
    se: Array
    z: Array
    p: Array
    reasons: tuple[str, ...]
    covariance: Array
    hazard_ratio: float | Array
    conf_int: tuple[float, float] | Array
    p_value: float
    p_one_sided: float | None
    loglik: tuple[float, float]
    wald: Test
    subjects: int
    events: int
    competing: int
    dropped: tuple[str, ...]
    level: float
    steps: int
    warnings: tuple[str, ...]
    method: str
    origin: Origin

    def __post_init__(self) -> None:
        results.read_only(self)

    def __str__(self) -> str:
        if isinstance(self.hazard_ratio, float) and isinstance(self.conf_int, tuple):
            if self.reasons[0]:
                what = f"Subdistribution hazard ratio {self.terms[0]} {results.NOT_ESTIMABLE}"
                return f"{what}: {self.reasons[0]} ({self.method})"
            low, high = (results.fixed(x, 2) for x in self.conf_int)
            return (
                f"Subdistribution hazard ratio {self.terms[0]} {results.fixed(self.hazard_ratio, 2)} "
                f"({100 * self.level:g}% CI {low} to {high}), Wald {results.p_equals(self.p_value)} ({self.method})"
            )
        return (
            f"{self.method}: {len(self.terms)} terms, Wald chi-square {results.significant(self.wald.statistic)} "
            f"on {self.wald.df} df, {results.p_equals(self.p_value)}"
        )

    def limits(self) -> Array:
        """Wald limits of every subdistribution hazard ratio, (p, 2)."""
        return wald_limits(self.coef, self.se, self.level)

    def rows(self) -> list[Row]:
        """Every term's subdistribution hazard ratio with limits and P, then the joint test, as rows."""
        rows: list[Row] = []
        name = "subdistribution hazard ratio"
        limits = self.limits()
        for i, term in enumerate(self.terms):
            reason = self.reasons[i]
            with np.errstate(over="ignore"):
                shown = [math.nan] * 3 if reason else [float(np.exp(self.coef[i])), *map(float, limits[i])]
            if any(math.isinf(x) for x in shown):
                reason = "a hazard ratio per unit of this covariate is too large to be a number: rescale the covariate"
                shown = [math.nan] * 3
            for suffix, value in zip(("", " lower limit", " upper limit"), shown, strict=True):
                level = self.level if suffix else None
                rows.append(self._row(name + suffix, value, results.fixed(value, 2), term, reason, level))
            p = float(self.p[i])
            rows.append(self._row("Wald P", p, results.p_value(p), term, self.reasons[i]))
        text, p_text = results.significant(self.wald.statistic), results.p_value(self.wald.p_value)
        rows.append(self._row("model Wald chi-square", self.wald.statistic, text, "", self.wald.reason))
        rows.append(self._row("model Wald P", self.wald.p_value, p_text, "", self.wald.reason))
        return rows

    def _row(self, statistic: str, value: float, text: str, term: str, reason: str, level: float | None = None) -> Row:
        shown = results.number(value, text, reason)
        return Row(
            group=term, statistic=statistic, level=level, method=self.method, origin=self.origin, **shown  # type: ignore[arg-type]
        )  # fmt: skip

    def table(self) -> pl.DataFrame:
        """The long table of the model."""
        return results.long_table(self.rows())


def fine_gray(
    tte: TimeToEvent,
    covariates: Any = None,
    *,
    cause: int = 1,
    level: float = 0.95,
    missing: Literal["refuse", "drop"] = "refuse",
) -> FineGray:
    """The ratio of subdistribution hazards of a cause, experimental over control, constant over time, given covariates.

    Fine and Gray (1999): the hazard of the cause among those whom it has not struck, so that a ratio below 1 is a lower
    cumulative incidence; whom another cause struck stays in the risk set with weight G(t-) / G(T-), where G is the
    Kaplan-Meier estimate of being uncensored, of all arms together (failures of the same time are at risk of
    censoring). Breslow's ties; their sandwich variance, which counts that G is estimated. ``covariates`` as in ``cox``:
    a frame or a mapping name -> array, text columns as indicators against their first level. Strata of the
    TimeToEvent are not used. ``event_is`` says whether the cause asked for is a harm or a benefit. Case weights count
    copies.

    Raises ``DataError`` for covariates that are missing or misaligned, ``UnsupportedError`` for covariates that vary
    with time, late entry, probability weights and case weights that are not whole, ``ConvergenceError``.

    >>> tte = TimeToEvent([5, 8, 9, 12, 6, 7, 11], [1, 0, 2, 1, 2, 1, 0], ["A"] * 4 + ["B"] * 3, control="A",
    ...                   experimental="B", unit="days")
    >>> fit = fine_gray(tte)
    >>> round(fit.hazard_ratio, 6), round(fit.p_value, 6)
    (0.81806, 0.848199)
    """
    check_level(level)
    check_cause(cause)
    matrix = model_matrix(tte, covariates, missing)
    if not matrix.terms:
        raise ArgumentError("the model has no term", remedy="Give arm labels or covariates.")
    matrix.refuse_periods("the Fine-Gray model takes", "Use tte.cause(k) with cox().")
    sample = _sample(matrix, cause)
    subjects = sample.weight if tte.weight_type == "count" else np.ones(len(sample.weight))
    events = int(subjects[sample.event].sum())
    unit = float(sample.weight[sample.event].mean()) if events else 1.0
    noise = ROUNDING * ((sample.x * sample.x) @ (sample.weight * sample.event))
    fit = maximize(_likelihood(sample), noise, np.ptp(sample.x, axis=1), unit)
    parts = _influence(sample, fit.beta) * np.sqrt(sample.weight)[:, None]  # so many copies, each its own square
    found = infer(fit, sample.scale, events > 0, unit, (parts, parts))
    instead = {SEPARATED: _SEPARATED, NO_EVENTS: f"no event of cause {cause} occurred"}
    of_arm = {**instead, SEPARATED: f"{_SEPARATED} (Gray's test stays valid)"}
    reasons = tuple((of_arm if i < matrix.arm_terms else instead).get(r, r) for i, r in enumerate(found.reasons))
    limits = wald_limits(found.coef, found.se, level)
    two_arms = matrix.arm_terms == 1
    favours = -1.0 if tte.event_is == "harm" else 1.0
    wald = found.wald
    if wald.reason:
        wald = Test(statistic=math.nan, df=wald.df, p_value=math.nan, reason=instead.get(wald.reason, wald.reason))
    with np.errstate(over="ignore"):
        ratio = np.exp(found.coef)
    return FineGray(
        cause=int(cause),
        terms=matrix.terms,
        coef=found.coef,
        se=found.se,
        z=found.z,
        p=2 * ndtr(-np.abs(found.z)),
        reasons=reasons,
        covariance=found.covariance,
        hazard_ratio=float(ratio[0]) if two_arms else ratio,
        conf_int=(float(limits[0, 0]), float(limits[0, 1])) if two_arms else limits,
        p_value=float(2 * ndtr(-abs(found.z[0]))) if two_arms else wald.p_value,
        p_one_sided=float(ndtr(-favours * found.z[0])) if two_arms else None,
        loglik=(fit.loglik_null, fit.loglik),
        wald=wald,
        subjects=matrix.subjects,
        events=events,
        competing=int(subjects[np.isfinite(sample.struck)].sum()),
        dropped=matrix.dropped,
        level=level,
        steps=fit.steps,
        warnings=tuple(f"{t}: {r}" for t, r in zip(matrix.terms, reasons, strict=True) if r),
        method=_method(cause, matrix),
        origin=tte.origin,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Sample:
    """Subjects (n,) by ascending time, and the m distinct times of the cause.

    ``x`` (p, n) is centred and divided by ``scale`` (p,), ``weight`` counts copies. ``struck`` is -log G(T-) for those
    whom another cause struck, else -inf; ``at_event`` (m,) is log G(t-), with ``deaths`` events and ``first`` the first
    row that is still there; ``last`` (n,) counts event times up to a subject's own. ``at`` (k,) are all distinct times,
    with ``censorings`` of ``at_risk``.
    """

    x: Array
    scale: Array
    time: Array
    event: NDArray[np.bool_]
    censored: NDArray[np.bool_]
    weight: Array
    struck: Array
    at_event: Array
    deaths: Array
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    at: Array
    censorings: Array
    at_risk: Array


def _sample(matrix: ModelMatrix, cause: int) -> _Sample:
    tte = matrix.tte
    order = tte.order if len(tte.strata) < 2 else np.argsort(tte.time)
    time, code = tte.time[order], tte.event[order]
    weight = copies(tte, "the Fine-Gray model")[order]
    event, censored = code == cause, code == 0
    at, leaving, present = counts(time, censored.astype(np.int64), weight, 2)
    at_risk = present.sum(axis=1)
    # Somebody is at risk at each of these times, so that G just before it is above zero.
    after = np.cumprod(1 - leaving[:-1, 1] / at_risk[:-1])
    before = np.log(np.concatenate([[1.0], after]))
    rows = np.flatnonzero(event)
    begin = distinct(time[rows])
    times = time[rows[begin]]
    x, scale = standardize(matrix.x[order])
    return _Sample(
        x=np.ascontiguousarray(x.T),
        scale=scale,
        time=time,
        event=event,
        censored=censored,
        weight=weight,
        struck=np.where(event | censored, -np.inf, -before[np.searchsorted(at, time)]),
        at_event=before[np.searchsorted(at, times)],
        deaths=np.add.reduceat(weight[rows], begin) if len(rows) else np.empty(0),
        first=np.searchsorted(time, times, side="left"),
        last=np.searchsorted(times, time, side="right"),
        at=at,
        censorings=leaving[:, 1],
        at_risk=at_risk,
    )


def _running(values: Array, logs: Array) -> tuple[Array, Array]:
    """Sums of values (q, n) times e^logs over the rows before each, (q, n + 1), as multiples of e^scale (n + 1,).

    The scale goes up in strides with the largest term so far, so that under separation, where terms differ by more
    powers than a number has room for, what counts neither over- nor underflows; it is -inf where nothing is summed.
    """
    n = len(logs)
    sums, scale = np.zeros((len(values), n + 1)), np.full(n + 1, -np.inf)
    top = np.maximum.accumulate(logs)
    some = int(np.searchsorted(top, -np.inf, side="right"))
    if some == n:
        return sums, scale
    level = np.floor((top[some:] - top[some]) / _STRIDE)
    begin = [*(some + distinct(level)).tolist(), n]
    before = float(top[some])
    for a, b in pairwise(begin):
        here = float(top[some] + _STRIDE * level[a - some])
        part = sums[:, a + 1 : b + 1]
        np.cumsum(values[:, a:b] * np.exp(logs[a:b] - here), axis=1, out=part)
        part += sums[:, a : a + 1] * np.exp(before - here)
        scale[a + 1 : b + 1] = before = here
    return sums, scale


def _onward(values: Array, logs: Array) -> tuple[Array, Array]:
    """The same over each row and those after it."""
    sums, scale = _running(values[:, ::-1], logs[::-1])
    return sums[:, ::-1], scale[::-1]


def _added(one: tuple[Array, Array], other: tuple[Array, Array]) -> tuple[Array, Array]:
    """Two sums of different scale on the larger one."""
    top = np.maximum(one[1], other[1])
    base = np.where(top > -np.inf, top, 0.0)
    return one[0] * np.exp(one[1] - base) + other[0] * np.exp(other[1] - base), top


def _risk(s: _Sample, values: Array, logs: Array) -> tuple[Array, Array]:
    """Sums of values (q, n) times e^logs over the weighted risk set of each event time, (q, m), and their scale (m,).

    Those still there count whole; those whom another cause struck before t as G(t-) / G(T-).
    """
    there, gone = _onward(values, logs), _running(values, logs + s.struck)
    return _added(
        (there[0][:, s.first], there[1][s.first]), (gone[0][:, s.first], gone[1][s.first] + s.at_event)
    )  # fmt: skip


def _hazards(s: _Sample, values: Array, logs: Array) -> tuple[Array, Array]:
    """Sums of values (q, m) times e^logs over the event times at which a subject is at risk, (q, n), and their scale.

    Those up to its own time count whole, those after it as G(t-) / G(T-) if another cause struck it.
    """
    own, late = _running(values, logs), _onward(values, logs + s.at_event)
    return _added((own[0][:, s.last], own[1][s.last]), (late[0][:, s.last], late[1][s.last] + s.struck))


def _likelihood(s: _Sample) -> Likelihood:
    """The weighted log partial likelihood with Breslow's ties, its score and information."""
    p = len(s.x)
    happened = s.weight * s.event
    one = np.ones((1, len(s.time)))
    rows, columns = np.triu_indices(p)
    chunk = max(1, _NUMBERS_AT_ONCE // len(s.time))

    def at(beta: Array) -> tuple[float, Array, Array]:
        if not len(s.first):
            return 0.0, np.zeros(p), np.zeros((p, p))
        predictor = beta @ s.x
        risk = np.log(s.weight) + predictor
        sums, top = _risk(s, np.concatenate([one, s.x]), risk)
        total, mean = sums[0], sums[1:] / sums[0]
        loglik = float(happened @ predictor - s.deaths @ (np.log(total) + top))
        score = s.x @ happened - mean @ s.deaths
        information = np.empty((p, p))
        for some in range(0, len(rows), chunk):
            a, b = rows[some : some + chunk], columns[some : some + chunk]
            second = _risk(s, s.x[a] * s.x[b], risk)[0] / total
            information[a, b] = information[b, a] = (second - mean[a] * mean[b]) @ s.deaths
        return loglik, score, information

    return at


def _influence(s: _Sample, beta: Array) -> Array:
    """What each subject adds to the score, (n, p): eta, its weighted residual, and psi, its part in estimating G.

    eta_i is the integral of (x_i - mean) w_i dM_i. psi_i is that of q(u) / Y(u) against the martingale of censoring,
    where q(u) sums the residuals from u on of those whom another cause struck before u, and Y(u) are at risk
    (Fine and Gray 1999).
    """
    p, n, m = len(s.x), len(s.time), len(s.first)
    if not m:
        return np.zeros((n, p))
    predictor = beta @ s.x
    risk = np.log(s.weight) + predictor
    own = np.concatenate([np.ones((1, n)), s.x])
    sums, top = _risk(s, own, risk)
    mean = sums[1:] / sums[0]
    hazard = np.log(s.deaths / sums[0]) - top
    of_means = np.concatenate([np.ones((1, m)), mean])
    steps, scale = _hazards(s, of_means, hazard)
    steps = steps * np.exp(predictor + scale)
    eta = steps[1:] - s.x * steps[0]
    rows = np.flatnonzero(s.event)
    eta[:, rows] += s.x[:, rows] - mean[:, s.last[rows] - 1]
    gone, gone_scale = (a[..., distinct(s.time)] for a in _running(own, risk + s.struck))  # struck before u
    since = np.searchsorted(s.time[s.first], s.at, side="left")  # event times from u on
    ahead, ahead_scale = (a[..., since] for a in _onward(of_means, hazard + s.at_event))
    share = np.exp(gone_scale + ahead_scale) / s.at_risk
    q = (gone[1:] * ahead[0] - gone[0] * ahead[1:]) * share
    place = np.searchsorted(s.at, s.time)
    psi = np.where(s.censored, q[:, place], 0.0) - np.cumsum(q * s.censorings / s.at_risk, axis=1)[:, place]
    return np.asarray((eta + psi).T, dtype=np.float64)


def _method(cause: int, matrix: ModelMatrix) -> str:
    covariates = matrix.terms[matrix.arm_terms :]
    adjusted = f", adjusted for {', '.join(covariates)}" if covariates and matrix.arm_terms else ""
    return (
        f"Fine-Gray model of cause {cause}, Breslow ties, unstratified, pooled censoring weights{adjusted}, "
        "Wald limits with the variance of Fine and Gray"
    )
