"""Kaplan-Meier: the survival curve of each arm, its limits, quantiles, landmarks and risk table."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from .. import results
from ..data import TimeToEvent
from ..errors import DataError
from ..kernels import kaplan_meier_steps
from ..results import Entry, Origin, Row
from ..units import TimeUnit, days, days_per
from .convention import (
    ArgumentError,
    ConfType,
    Convention,
    check_level,
    refuse_competing,
    resolve_conf_type,
)
from .risk_sets import risk_sets

if TYPE_CHECKING:
    import polars as pl

# R's tolerance for "the curve equals p": products of fractions rarely give a printed 0.5 exactly.
_SAME_HEIGHT = float(np.sqrt(np.finfo(float).eps))


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantile:
    """The time by which a share ``p`` of the subjects have had the event, in days, with its limits.

    ``inf`` where the curve, or its limit, never comes down that far: "not reached".
    """

    p: float
    time: float
    lower: float
    upper: float

    @property
    def conf_int(self) -> tuple[float, float]:
        return self.lower, self.upper


@dataclass(frozen=True, slots=True, kw_only=True)
class Landmark:
    """Survival at a fixed time (days): ``nan`` with a ``reason`` once nobody is followed that long.

    ``at_risk`` counts subjects with time >= t, ``events`` those with an event at time <= t.
    """

    time: float
    survival: float
    lower: float
    upper: float
    at_risk: float
    events: float
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RiskTable:
    """At risk (time >= t), events and censorings before t; without late entry they sum to everybody."""

    time: NDArray[np.float64]
    at_risk: NDArray[np.float64]
    events: NDArray[np.float64]
    censored: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curve:
    """One arm's Kaplan-Meier estimate at its k distinct times (days); arrays (k,), read-only.

    ``std_error`` is of the survival itself (Greenwood, or the infinitesimal jackknife under probability
    weights); ``lower`` and ``upper`` are ``nan`` where they are not defined: at survival 0 and, for log-log, at 1.
    """

    group: str
    subjects: float
    events: float
    time: NDArray[np.float64]
    at_risk: NDArray[np.float64]
    event: NDArray[np.float64]
    censored: NDArray[np.float64]
    survival: NDArray[np.float64]
    std_error: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    level: float
    conf_type: ConfType
    convention: Convention
    entry: NDArray[np.float64] | None

    @property
    def median(self) -> float:
        """Median time in days; ``inf`` when not reached."""
        return self.quantile(0.5).time

    @property
    def median_ci(self) -> tuple[float, float]:
        """Brookmeyer-Crowley limits of the median, in days; ``inf`` when not reached."""
        return self.quantile(0.5).conf_int

    def quantile(self, p: float) -> Quantile:
        """Time by which a share ``p`` has had the event, with Brookmeyer-Crowley limits (1982).

        The first time at which the curve is at most 1 - p; where the curve equals 1 - p over a flat stretch
        that later drops, the middle of the stretch (R's rule, and SAS's). Where it stays at 1 - p to the
        end, R's printed median takes the first such time and SAS says not reached. The limits apply the rule to the
        limits of the curve.
        """
        if not 0 < p < 1:
            raise ArgumentError(f"p = {p} is not between 0 and 1", remedy="The median is p = 0.5.")
        sas = self.convention == "sas"
        return Quantile(
            p=p,
            time=_crossing(self.time, self.survival, 1 - p, sas),
            lower=_crossing(self.time, self.lower, 1 - p, sas),
            upper=_crossing(self.time, self.upper, 1 - p, sas),
        )

    def at(self, times: Sequence[str]) -> tuple[Landmark, ...]:
        """Landmark survival at durations such as ``["12 months"]``."""
        return tuple(self._landmark(days(t)) for t in _listed(times))

    def _landmark(self, t: float) -> Landmark:
        at_risk = float(self._at_risk(np.array([t]))[0])
        i = int(np.searchsorted(self.time, t, side="right")) - 1
        events = float(self.event[: i + 1].sum())
        if t > self.time[-1] and self.survival[-1] > 0:
            reason = f"nobody is followed for {t:g} days; follow-up ends at {self.time[-1]:g} days"
            nan = math.nan
            return Landmark(time=t, survival=nan, lower=nan, upper=nan, at_risk=0.0, events=events, reason=reason)
        bare = math.nan if self.conf_type == "log-log" else 1.0
        survival, lower, upper = (
            (float(a[i]) for a in (self.survival, self.lower, self.upper)) if i >= 0 else (1.0, bare, bare)
        )
        reason = f"{self.conf_type} limits are not defined where survival is {survival:g}" if math.isnan(lower) else ""
        return Landmark(
            time=t, survival=survival, lower=lower, upper=upper, at_risk=at_risk, events=events, reason=reason
        )

    def risk_table(self, times: Sequence[str]) -> RiskTable:
        """At risk, events and censorings at durations such as ``["0 days", "6 months"]``."""
        return self.risk_table_at(np.array([days(t) for t in _listed(times)]))

    def risk_table_at(self, t: NDArray[np.float64]) -> RiskTable:
        """The risk table at times in days."""
        before = np.searchsorted(self.time, t, side="left")
        cumulative = np.concatenate([np.zeros((2, 1)), np.cumsum([self.event, self.censored], axis=1)], axis=1)
        return RiskTable(time=t, at_risk=self._at_risk(t), events=cumulative[0][before], censored=cumulative[1][before])

    def _at_risk(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        before = np.searchsorted(self.time, t, side="left")
        gone = np.concatenate([[0.0], np.cumsum(self.event + self.censored)])[before]
        if self.entry is None:
            return self.subjects - gone
        entered = np.concatenate([[0.0], np.cumsum(self.entry[:, 1])])
        return entered[np.searchsorted(self.entry[:, 0], t, side="left")] - gone

    def __str__(self) -> str:
        middle = self.quantile(0.5)
        low, high = (results.duration(x, "days") for x in middle.conf_int)
        unit = "" if math.isinf(middle.time) else " days"
        return (
            f"{self.group}: {self.events:g} events in {self.subjects:g} subjects, "
            f"median {results.duration(middle.time, 'days')}{unit} "
            f"({100 * self.level:g}% CI {low} to {high}; {self.conf_type} limits)"
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KaplanMeier(Mapping[str, Curve]):
    """The curves by arm: ``km["A"]``."""

    curves: tuple[Curve, ...]
    method: str
    origin: Origin

    def __getitem__(self, arm: str) -> Curve:
        for curve in self.curves:
            if curve.group == arm:
                return curve
        raise DataError(f"there is no arm {arm!r}", column="arm", remedy=f"Arms: {', '.join(self)}.")

    def __iter__(self) -> Iterator[str]:
        return iter(curve.group for curve in self.curves)

    def __len__(self) -> int:
        return len(self.curves)

    def __str__(self) -> str:
        return "; ".join(str(c) for c in self.curves)

    def rows(self, landmarks: Sequence[str] = (), unit: TimeUnit = "days") -> list[Row]:
        """Subjects, events, quartiles and landmark survival by arm, as rows of the long table."""
        told = [entry for curve in self.curves for entry in _entries(curve, landmarks, unit)]
        return results.rows_from(told, method=self.method, origin=self.origin)

    def table(self) -> pl.DataFrame:
        """The long table of the quartiles."""
        return results.long_table(self.rows())


def kaplan_meier(
    tte: TimeToEvent,
    *,
    level: float = 0.95,
    conf_type: ConfType | None = None,
    convention: Convention = "house",
) -> KaplanMeier:
    """The probability of being event-free beyond t in each arm, strata pooled (Kaplan and Meier 1958).

    Variance by Greenwood (1926), or by the infinitesimal jackknife under probability weights. Limits are
    plain S -+ z se, log, or log-log (house and SAS: log-log; R: log), cut at 0 and 1 as R does. Censorings
    count after events of the same time; entry < t <= time is at risk. Once an empty risk set meets a
    late entry the curve goes on from where it stood.

    Raises ``UnsupportedError`` for competing causes.

    >>> tte = TimeToEvent([5, 8, 8, 12], [1, 0, 1, 1], unit="days")
    >>> km = kaplan_meier(tte)["all"]
    >>> km.survival.tolist(), km.median
    ([0.75, 0.5, 0.0], 10.0)
    """
    check_level(level)
    resolved = resolve_conf_type(conf_type, convention)
    refuse_competing(int(tte.event.max()))
    curves = tuple(
        _curve(tte, code, level=level, conf_type=resolved, convention=convention) for code in range(len(tte.arms))
    )
    robust = tte.weight_type == "probability"
    variance = "infinitesimal jackknife variance" if robust else "Greenwood variance"
    method = f"Kaplan-Meier, {variance}, {resolved} limits, quantiles by {'SAS' if convention == 'sas' else 'R'}'s rule"
    return KaplanMeier(curves=curves, method=method, origin=tte.origin)


def survival_limits(
    survival: NDArray[np.float64], log_se: NDArray[np.float64], level: float, conf_type: ConfType
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Limits of survival (k,) from the standard error of its logarithm.

    ``nan`` where survival is 0 and, for log-log, where it is 1: the formula divides by zero there, and R
    prints NA too.
    """
    z = ndtri(0.5 + level / 2)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if conf_type == "plain":
            lower, upper = survival * (1 - z * log_se), survival * (1 + z * log_se)
        elif conf_type == "log":
            lower, upper = survival * np.exp(-z * log_se), survival * np.exp(z * log_se)
        else:
            lower = np.log(survival)
            factor = -z * log_se
            factor /= lower
            np.exp(factor, out=factor)
            upper = lower / factor
            lower *= factor
            np.exp(lower, out=lower)
            np.exp(upper, out=upper)
    np.clip(lower, 0, 1, out=lower)
    np.clip(upper, 0, 1, out=upper)
    undefined = (survival == 0) | ((conf_type == "log-log") & (survival == 1))
    lower[undefined], upper[undefined] = np.nan, np.nan
    return lower, upper


def _curve(tte: TimeToEvent, code: int, *, level: float, conf_type: ConfType, convention: Convention) -> Curve:
    sets = risk_sets(tte, False)
    rows = np.flatnonzero(sets.arm == code)
    time, event, weight = sets.time[rows], sets.event[rows], sets.weight[rows]
    entry = None
    if tte.entry is not None:
        entry = np.column_stack([sets.entry[rows], weight])
        entry = entry[np.argsort(entry[:, 0], kind="stable")]
    k, steps = kaplan_meier_steps(time, event, weight, np.empty((0, 2)) if entry is None else entry)
    steps = steps[:, :k] if k > 0.9 * len(time) else steps[:, :k].copy()  # a little waste costs less than a copy
    at, at_risk, deaths, censored, survival, greenwood = steps
    if tte.weight_type == "probability":
        late = None if tte.entry is None else sets.entry[rows]
        log_se = np.sqrt(_jackknife(at, at_risk, deaths, time, event, weight, late))
    else:
        log_se = np.sqrt(greenwood, out=greenwood)
    lower, upper = survival_limits(survival, log_se, level, conf_type)
    std_error = np.zeros(k)
    np.multiply(survival, log_se, out=std_error, where=survival > 0)
    for array in (at, at_risk, deaths, censored, survival, std_error, lower, upper):
        array.flags.writeable = False
    return Curve(
        group=tte.arms[code],
        subjects=float(weight.sum()),
        events=float(deaths.sum()),
        time=at,
        at_risk=at_risk,
        event=deaths,
        censored=censored,
        survival=survival,
        std_error=std_error,
        lower=lower,
        upper=upper,
        level=level,
        conf_type=conf_type,
        convention=convention,
        entry=entry,
    )


def _jackknife(
    at: NDArray[np.float64],
    at_risk: NDArray[np.float64],
    deaths: NDArray[np.float64],
    time: NDArray[np.float64],
    event: NDArray[np.bool_],
    weight: NDArray[np.float64],
    entry: NDArray[np.float64] | None,
) -> NDArray[np.float64]:
    """Infinitesimal jackknife variance of log S(t): sum over subjects of (w_i d log S / d w_i)^2.

    d log S(t) / d w_i is G(min(t, x_i)) - G(entry_i) less 1 / (n - d) at an own event, with
    G the sum of h / (n - d); a subject's part stands still after its exit.
    """
    left = at_risk - deaths
    own = np.divide(1.0, left, out=np.zeros_like(left), where=left > 0)  # S is 0, without a variance, once left is 0
    step = np.divide(deaths, at_risk, out=np.zeros_like(left), where=deaths > 0) * own
    total = np.cumsum(step)
    exit_at = np.searchsorted(at, time)
    start = np.zeros(len(time))
    if entry is not None:
        entered = np.searchsorted(at, entry, side="right")
        start = np.concatenate([[0.0], total])[entered]
    final = weight * (total[exit_at] - start - np.where(event, own[exit_at], 0.0))
    k = len(at)
    settled = np.cumsum(np.bincount(exit_at, weights=final**2, minlength=k))
    # Subjects still followed at t: (total(t) - start)^2 summed through its three moments.
    w2 = weight**2
    moments = []
    for power in range(3):
        inside = np.zeros(k + 1)
        if entry is None:
            inside[0] += (w2 * start**power).sum()
        else:
            np.add.at(inside, entered, w2 * start**power)
        np.subtract.at(inside, exit_at, w2 * start**power)
        moments.append(np.cumsum(inside)[:k])
    running = total**2 * moments[0] - 2 * total * moments[1] + moments[2]
    return np.maximum(settled + running, 0.0)


def _crossing(time: NDArray[np.float64], height: NDArray[np.float64], p: float, strict_end: bool) -> float:
    """First time at which a falling curve is at most p, or the middle of a flat stretch at p."""
    reached = height <= p + _SAME_HEIGHT
    i = int(reached.argmax())
    if not reached[i]:
        return math.inf
    if height[i] < p - _SAME_HEIGHT:
        return float(time[i])
    below = height[i:] < p - _SAME_HEIGHT
    j = int(below.argmax())
    if not below[j]:
        return math.inf if strict_end else float(time[i])
    return float(time[i] + time[i + j]) / 2


def _listed(times: Sequence[str]) -> Sequence[str]:
    if isinstance(times, str):
        raise ArgumentError("times must be a list", remedy=f'Write ["{times}"].')
    return times


def _entries(curve: Curve, landmarks: Sequence[str], unit: TimeUnit) -> Iterator[Entry]:
    for name, value in (("subjects", curve.subjects), ("events", curve.events)):
        yield Entry(group=curve.group, statistic=name, value=value, text=f"{value:g}", unit="subjects")

    def told(statistic: str, value: float, text: str, reason: str, at: float | None = None) -> Entry:
        shown = results.number(value if at is not None else value / days_per(unit), text, reason)
        return Entry(
            group=curve.group, statistic=statistic, at=at, level=curve.level if "limit" in statistic else None,
            unit="probability" if at is not None else unit, **shown,  # type: ignore[arg-type]
        )  # fmt: skip

    for p, name in ((0.25, "lower quartile"), (0.5, "median"), (0.75, "upper quartile")):
        q = curve.quantile(p)
        for suffix, value in (("", q.time), (" lower limit", q.lower), (" upper limit", q.upper)):
            what = "limit of the curve" if suffix else "curve"
            reason = f"the {what} does not come down to {1 - p:g}" if math.isinf(value) else ""
            yield told(name + suffix, value, results.duration(value, unit), reason)
    for mark in curve.at(landmarks):
        for suffix, value in (("", mark.survival), (" lower limit", mark.lower), (" upper limit", mark.upper)):
            reason = mark.reason if math.isnan(value) else ""
            yield told("survival" + suffix, value, results.fixed(value, 3), reason, mark.time)
