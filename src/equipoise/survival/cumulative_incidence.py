"""Cumulative incidence: the probability of each of several competing causes by a time, by arm."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from .. import results
from ..data import TimeToEvent
from ..errors import DataError
from ..results import Origin, Row
from ..units import days
from .causes import Array, copies, counts, tie_share
from .convention import ArgumentError, check_level

if TYPE_CHECKING:
    import polars as pl

IncidenceLimits = Literal["plain", "log-log"]
_ONE = 1 - 1e-12  # a sum of fractions that is 1 but for rounding


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidenceLandmark:
    """Cumulative incidence at a fixed time (days): ``nan`` with a ``reason`` once nobody is followed that long.

    ``at_risk`` counts subjects with time >= t, ``events`` and ``competing`` those who had the cause, or another, at
    a time <= t.
    """

    time: float
    estimate: float
    std_error: float
    lower: float
    upper: float
    at_risk: float
    events: float
    competing: float
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Incidence:
    """One arm's cumulative incidence of one cause at the arm's k distinct times (days); arrays (k,), read-only.

    ``event`` counts the cause, ``competing`` all others, ``event_free`` is the probability of no event of any cause.
    ``lower`` and ``upper`` are ``nan`` where log-log limits are not defined: at incidence 0 and 1.
    """

    group: str
    cause: int
    subjects: float
    events: float
    time: Array
    at_risk: Array
    event: Array
    competing: Array
    censored: Array
    estimate: Array
    std_error: Array
    lower: Array
    upper: Array
    event_free: Array
    level: float
    conf_type: IncidenceLimits

    def __post_init__(self) -> None:
        results.read_only(self)

    def at(self, times: Sequence[str]) -> tuple[IncidenceLandmark, ...]:
        """Cumulative incidence at durations such as ``["12 months"]``."""
        if isinstance(times, str):
            raise ArgumentError("times must be a list", remedy=f'Write ["{times}"].')
        return tuple(self._landmark(days(t)) for t in times)

    def _landmark(self, t: float) -> IncidenceLandmark:
        i = int(np.searchsorted(self.time, t, side="right")) - 1
        gone = int(np.searchsorted(self.time, t, side="left"))
        at_risk = float(self.at_risk[gone]) if gone < len(self.time) else 0.0
        events, competing = float(self.event[: i + 1].sum()), float(self.competing[: i + 1].sum())
        bare = math.nan if self.conf_type == "log-log" else 0.0
        values = (0.0, 0.0, bare, bare)
        reason = ""
        if t > self.time[-1] and self.event_free[-1] > 0:
            values = (math.nan,) * 4
            reason = f"nobody is followed for {t:g} days; follow-up ends at {self.time[-1]:g} days"
        elif i >= 0:
            values = tuple(float(a[i]) for a in (self.estimate, self.std_error, self.lower, self.upper))  # type: ignore[assignment]
        if not reason and math.isnan(values[2]):
            reason = f"{self.conf_type} limits are not defined where the cumulative incidence is {values[0]:g}"
        return IncidenceLandmark(
            time=t, estimate=values[0], std_error=values[1], lower=values[2], upper=values[3], at_risk=at_risk,
            events=events, competing=competing, reason=reason,
        )  # fmt: skip

    def __str__(self) -> str:
        last = self._landmark(float(self.time[-1]))
        limits = last.reason
        if not limits:
            low, high = (results.fixed(x, 3) for x in (last.lower, last.upper))
            limits = f"{100 * self.level:g}% CI {low} to {high}; {self.conf_type} limits"
        return (
            f"{self.group}: {self.events:g} events of cause {self.cause} in {self.subjects:g} subjects, cumulative "
            f"incidence {results.fixed(last.estimate, 3)} at {results.duration(last.time, 'days')} days, the last "
            f"time ({limits})"
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ArmIncidence(Mapping[int, Incidence]):
    """One arm's curves by cause: ``ci["A"][1]``."""

    group: str
    curves: tuple[Incidence, ...]

    def __getitem__(self, cause: int) -> Incidence:
        for curve in self.curves:
            if curve.cause == cause:
                return curve
        causes = ", ".join(map(str, self))
        raise DataError(f"no event of cause {cause!r} occurred", column="event", remedy=f"Causes: {causes}.")

    def __iter__(self) -> Iterator[int]:
        return iter(curve.cause for curve in self.curves)

    def __len__(self) -> int:
        return len(self.curves)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CumulativeIncidence(Mapping[str, ArmIncidence]):
    """The curves by arm, then by cause: ``ci["A"][1]``. Every arm has the causes that occur in any, and cause 1."""

    arms: tuple[ArmIncidence, ...]
    method: str
    origin: Origin

    def __getitem__(self, arm: str) -> ArmIncidence:
        for curves in self.arms:
            if curves.group == arm:
                return curves
        raise DataError(f"there is no arm {arm!r}", column="arm", remedy=f"Arms: {', '.join(self)}.")

    def __iter__(self) -> Iterator[str]:
        return iter(curves.group for curves in self.arms)

    def __len__(self) -> int:
        return len(self.arms)

    def __str__(self) -> str:
        return "; ".join(str(curve) for arm in self.arms for curve in arm.values())

    def rows(self, landmarks: Sequence[str] = ()) -> list[Row]:
        """Subjects, events and landmark incidence by arm and cause, as rows of the long table."""
        rows: list[Row] = []
        for arm in self.arms:
            n = arm.curves[0].subjects
            rows.append(self._row(arm.group, "subjects", n, f"{n:g}", unit="subjects"))
            for cause, curve in arm.items():
                shown = f"{curve.events:g}"
                rows.append(self._row(arm.group, f"events of cause {cause}", curve.events, shown, unit="subjects"))
            for cause, curve in arm.items():
                for mark in curve.at(landmarks):
                    for suffix in ("", " lower limit", " upper limit"):
                        value = {"": mark.estimate, " lower limit": mark.lower}.get(suffix, mark.upper)
                        rows.append(
                            self._row(
                                arm.group, f"cumulative incidence of cause {cause}{suffix}", value,
                                results.fixed(value, 3), mark.reason if math.isnan(value) else "", unit="probability",
                                at=mark.time, level=curve.level if suffix else None,
                            )
                        )  # fmt: skip
        return rows

    def _row(
        self, group: str, statistic: str, value: float, text: str, reason: str = "", *, unit: str,
        at: float | None = None, level: float | None = None,
    ) -> Row:  # fmt: skip
        return Row(
            group=group, statistic=statistic, at=at, level=level, unit=unit, method=self.method, origin=self.origin,
            **results.number(value, text, reason),  # type: ignore[arg-type]
        )  # fmt: skip

    def table(self, landmarks: Sequence[str] = ()) -> pl.DataFrame:
        """The long table of events and landmarks."""
        return results.long_table(self.rows(landmarks))


def cumulative_incidence(
    tte: TimeToEvent, *, level: float = 0.95, conf_type: IncidenceLimits | None = None
) -> CumulativeIncidence:
    """The probability that a cause has struck by t, while all causes act, in each arm; strata pooled.

    Aalen and Johansen (1978): F(t) is the sum over event times of S(t-) d / Y, with S the Kaplan-Meier estimate of no
    event of any cause, d events of the cause among Y at risk; over all causes F sums to 1 - S. Variance of Aalen
    (1978), with (Y - d) / (Y - 1) for d events of a cause at one time, as in R's cmprsk; causes that strike at the same
    time count as independent. With one cause F is 1 - S, and the variance Greenwood's S^2 sum d / (Y (Y - d)) with
    Y - 1 in place of Y. Limits are log-log, F^exp(-+z se / (F log F)), or plain, F -+ z se cut at 0 and 1. Case weights
    count copies.

    Raises ``UnsupportedError`` for late entry, probability weights and case weights that are not whole.

    >>> tte = TimeToEvent([5, 8, 8, 12], [1, 0, 2, 1], unit="days")
    >>> ci = cumulative_incidence(tte)["all"]
    >>> ci[1].estimate.tolist(), ci[2].estimate.tolist()
    ([0.25, 0.25, 0.75], [0.0, 0.25, 0.25])
    """
    check_level(level)
    if conf_type not in (None, "plain", "log-log"):
        raise ArgumentError(f"unknown conf_type {conf_type!r}", remedy="Use plain or log-log.")
    limits = conf_type or "log-log"
    weight = copies(tte, "cumulative incidence")
    causes, code = np.unique(np.concatenate([[0, 1], tte.event]), return_inverse=True)
    code = code.reshape(-1)[2:]
    order = tte.order if len(tte.strata) < 2 else np.argsort(tte.time)
    arms = []
    for a, group in enumerate(tte.arms):
        rows = order[tte.arm[order] == a]
        time, leaving, present = counts(tte.time[rows], code[rows], weight[rows], len(causes))
        curves = _curves(group, causes[1:], time, leaving, present.sum(axis=1), level, limits)
        arms.append(ArmIncidence(group=group, curves=curves))
    scale = "log(-log F)" if limits == "log-log" else "F"
    method = f"cumulative incidence (Aalen-Johansen), Aalen variance, {limits} limits on {scale}"
    return CumulativeIncidence(arms=tuple(arms), method=method, origin=tte.origin)


def _curves(
    group: str, causes: NDArray[np.int64], time: Array, leaving: Array, at_risk: Array, level: float,
    conf_type: IncidenceLimits,
) -> tuple[Incidence, ...]:  # fmt: skip
    """The curves of one arm from its counts: ``leaving`` (k, 1 + causes) with the censored first."""
    censored, failing = leaving[:, 0], leaving[:, 1:]
    failed = failing.sum(axis=1)
    after = np.cumprod(1 - failed / at_risk)
    before = np.concatenate([[1.0], after[:-1]])
    curves = []
    for j, cause in enumerate(causes.tolist()):
        event, competing = failing[:, j], failed - failing[:, j]
        estimate = np.minimum(np.cumsum(before * event / at_risk), 1.0)
        std_error = np.sqrt(incidence_variance(estimate, before, after, event, competing, at_risk))
        lower, upper = incidence_limits(estimate, std_error, level, conf_type)
        curves.append(
            Incidence(
                group=group, cause=cause, subjects=float(leaving.sum()), events=float(event.sum()), time=time,
                at_risk=at_risk, event=event, competing=competing, censored=censored, estimate=estimate,
                std_error=std_error, lower=lower, upper=upper, event_free=after, level=level, conf_type=conf_type,
            )
        )  # fmt: skip
    return tuple(curves)


def incidence_variance(
    estimate: Array, before: Array, after: Array, event: Array, competing: Array, at_risk: Array
) -> Array:
    """Aalen's variance of F at each of k times, all (k,): the martingales of the cause and of the others.

    A jump at u of the cause moves F(t) by S(u-)/Y (1 - x), one of another cause by -S(u-)/Y x, with
    x = (F(t) - F(u)) / S(u): who has gone cannot be struck later. The squares are summed with running moments of
    F(t) - F(u), which only grows, so that nothing cancels.
    """
    scale = (before / at_risk) ** 2
    own = scale * event * tie_share(event, at_risk)
    other = scale * competing * tie_share(competing, at_risk)
    left = after > 0  # once nobody is left F stands still
    per = np.divide(1.0, after, out=np.zeros_like(after), where=left)

    def earlier(terms: Array) -> Array:
        return np.concatenate([[0.0], np.cumsum(terms)[:-1]])

    step = np.diff(estimate, prepend=0.0)
    both = (own + other) * per**2
    count, cross = earlier(both), earlier(own * per)
    first = np.cumsum(step * count)  # sum over u of (F(t) - F(u)) both(u)
    second = np.cumsum(2 * step * np.concatenate([[0.0], first[:-1]]) + step**2 * count)
    return np.maximum(np.cumsum(own) - 2 * np.cumsum(step * cross) + second, 0.0)


def incidence_limits(
    estimate: Array, std_error: Array, level: float, conf_type: IncidenceLimits
) -> tuple[Array, Array]:
    """Limits of a cumulative incidence (k,); log-log ones are ``nan`` at 0 and 1, where they divide by zero."""
    z = float(ndtri(0.5 + level / 2))
    if conf_type == "plain":
        return np.clip(estimate - z * std_error, 0, 1), np.clip(estimate + z * std_error, 0, 1)
    lower, upper = np.full_like(estimate, np.nan), np.full_like(estimate, np.nan)
    inside = (estimate > 0) & (estimate < _ONE)
    f = estimate[inside]
    with np.errstate(over="ignore"):  # an infinite power: the limits are 0 and 1
        power = np.exp(-z * std_error[inside] / (f * np.log(f)))
    lower[inside], upper[inside] = f**power, f ** (1 / power)
    return lower, upper
