"""Restricted mean survival time: the area under each arm's curve up to a time, and their contrast."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr, ndtri

from .. import results
from ..data import TimeToEvent
from ..errors import DataError, UnsupportedError
from ..results import Origin, Row
from ..units import DAYS_PER, TimeUnit, days, days_per
from .convention import check_level
from .kaplan_meier import Curve, kaplan_meier

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True, kw_only=True)
class RestrictedMean:
    """One arm: mean event-free days up to tau, its standard error and limits; ``lost`` is tau less the mean."""

    group: str
    rmst: float
    std_error: float
    conf_int: tuple[float, float]

    tau: float

    @property
    def rmtl(self) -> float:
        """Restricted mean time lost."""
        return self.tau - self.rmst


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """Experimental against control, with limits and two-sided P; ``nan`` with a ``reason`` where it has none."""

    estimate: float
    conf_int: tuple[float, float]
    p_value: float
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rmst:
    """Restricted means by arm (``rm["A"]``) and, with two arms, their contrasts; all in days.

    ``difference`` is experimental minus control with ``conf_int``, ``p_value`` (two-sided) and
    ``p_one_sided`` (of benefit); ``ratio`` of means and ``rmtl_ratio`` of times lost are experimental over
    control, on the log scale. None with one group or more than two.
    """

    arms: Mapping[str, RestrictedMean]
    tau: float
    difference: float | None
    conf_int: tuple[float, float] | None
    p_value: float | None
    p_one_sided: float | None
    ratio: Contrast | None
    rmtl_ratio: Contrast | None
    level: float
    reason: str
    method: str
    origin: Origin

    def __getitem__(self, arm: str) -> RestrictedMean:
        if arm not in self.arms:
            raise DataError(f"there is no arm {arm!r}", column="arm", remedy=f"Arms: {', '.join(self.arms)}.")
        return self.arms[arm]

    def __str__(self) -> str:
        means = ", ".join(f"{m.group} {results.fixed(m.rmst, 1)}" for m in self.arms.values())
        text = f"Restricted mean survival time up to {self.tau:g} days: {means} days"
        if self.difference is None or self.conf_int is None or self.p_value is None:
            return text
        if self.reason:
            return f"{text}; difference {results.NOT_ESTIMABLE}: {self.reason}"
        low, high = (results.fixed(x, 1) for x in self.conf_int)
        return (
            f"{text}; difference {results.fixed(self.difference, 1)} days ({100 * self.level:g}% CI {low} to {high}), "
            f"{results.p_equals(self.p_value)}"
        )

    def rows(self, unit: TimeUnit = "days") -> list[Row]:
        """Means, difference and ratio as rows of the long table."""
        rows: list[Row] = []

        def add(group: str, statistic: str, value: float, text: str, kind: str = unit, reason: str = "") -> None:
            level = self.level if "limit" in statistic else None
            shown = results.number(value / days_per(kind) if kind in DAYS_PER else value, text, reason)
            rows.append(
                Row(group=group, statistic=statistic, at=self.tau, level=level, unit=kind, method=self.method,
                    origin=self.origin, **shown)  # type: ignore[arg-type]
            )  # fmt: skip

        def triple(group: str, name: str, value: float, limits: tuple[float, float]) -> None:
            for suffix, v in (("", value), (" lower limit", limits[0]), (" upper limit", limits[1])):
                add(group, name + suffix, v, results.duration(v, unit), reason=self.reason)

        for mean in self.arms.values():
            triple(mean.group, "restricted mean", mean.rmst, mean.conf_int)
        if self.difference is not None and self.conf_int is not None and self.p_value is not None:
            triple("", "restricted mean difference", self.difference, self.conf_int)
            add("", "restricted mean difference P", self.p_value, results.p_value(self.p_value), "", self.reason)
        for name, contrast in (("restricted mean ratio", self.ratio), ("restricted time lost ratio", self.rmtl_ratio)):
            if contrast is None:
                continue
            for suffix, v in (("", contrast.estimate), (" lower limit", contrast.conf_int[0]),
                              (" upper limit", contrast.conf_int[1])):  # fmt: skip
                add("", name + suffix, v, results.fixed(v, 2), "", contrast.reason)
            add("", f"{name} P", contrast.p_value, results.p_value(contrast.p_value), "", contrast.reason)
        return rows

    def table(self) -> pl.DataFrame:
        """The long table of the restricted means."""
        return results.long_table(self.rows())


def rmst(tte: TimeToEvent, *, tau: str, level: float = 0.95) -> Rmst:
    """The mean time free of the event within the first ``tau`` (a duration), by arm and contrasted; unstratified.

    Area under the Kaplan-Meier curve up to tau; variance by Greenwood's formula for it, the sum over event
    times of (area from t to tau)^2 d / (n (n - d)) (Klein and Moeschberger 2003; Royston and Parmar 2013).
    Ratios by the delta method on the log scale.

    Where tau lies beyond an arm's follow-up that arm, and every contrast, is ``nan`` with a reason that names
    the largest tau of all. Raises ``DataError`` for tau of zero, ``UnsupportedError`` under probability weights.

    >>> tte = TimeToEvent([5, 8, 8, 12], [1, 0, 1, 1], unit="days")
    >>> rmst(tte, tau="10 days")["all"].rmst
    8.25
    """
    check_level(level)
    limit = days(tau)
    if limit <= 0:
        raise DataError(f"tau = {tau!r} is not above zero", remedy="Restrict the mean to a positive time.")
    if tte.weight_type == "probability" or tte.entry is not None:
        raise UnsupportedError(
            "restricted means have no variance here under probability weights or late entry",
            remedy="Use kaplan_meier for the curves.",
        )
    curves = kaplan_meier(tte, level=level)
    follow_up = {arm: math.inf if c.survival[-1] == 0 else float(c.time[-1]) for arm, c in curves.items()}
    reason = ""
    if limit > min(follow_up.values()):
        short = " and ".join(arm for arm, furthest in follow_up.items() if limit > furthest)
        reason = (
            f"tau = {limit:g} days lies beyond the follow-up of {short}; "
            f"the largest tau that every arm supports is {min(follow_up.values()):g} days"
        )
    z = float(ndtri(0.5 + level / 2))
    arms = {arm: _restricted(curve, limit, z, limit > follow_up[arm]) for arm, curve in curves.items()}
    difference = conf_int = p_value = p_one_sided = ratio = lost = None
    if tte.control is not None and tte.experimental is not None:
        a, b = arms[tte.control], arms[tte.experimental]
        difference = b.rmst - a.rmst
        se = math.hypot(a.std_error, b.std_error)
        conf_int = (difference - z * se, difference + z * se)
        p_value, p_one_sided = math.nan, math.nan
        if se > 0:
            favours = 1.0 if tte.event_is == "harm" else -1.0
            p_value = float(2 * ndtr(-abs(difference / se)))
            p_one_sided = float(ndtr(-favours * difference / se))
        elif not reason:
            conf_int, reason = (math.nan, math.nan), "neither arm has a variance: no event before tau leaves anybody"
        ratio = _ratio(b.rmst, b.std_error, a.rmst, a.std_error, z, reason)
        lost = _ratio(b.rmtl, b.std_error, a.rmtl, a.std_error, z, reason)
    return Rmst(
        arms=arms,
        tau=limit,
        difference=difference,
        conf_int=conf_int,
        p_value=p_value,
        p_one_sided=p_one_sided,
        ratio=ratio,
        rmtl_ratio=lost,
        level=level,
        reason=reason,
        method=f"restricted mean survival time up to {limit:g} days, unstratified, Greenwood variance",
        origin=tte.origin,
    )


def _restricted(curve: Curve, tau: float, z: float, beyond: bool) -> RestrictedMean:
    if beyond:
        nan = math.nan
        return RestrictedMean(group=curve.group, rmst=nan, std_error=nan, conf_int=(nan, nan), tau=tau)
    inside = curve.time <= tau
    time, deaths, at_risk = curve.time[inside], curve.event[inside], curve.at_risk[inside]
    heights = np.concatenate([[1.0], curve.survival[inside]])
    areas = heights * np.diff(np.concatenate([[0.0], time, [tau]]))
    remaining = np.cumsum(areas[::-1])[::-1][1:]  # area from each time to tau
    left = at_risk - deaths
    terms = np.zeros(len(time))
    np.divide(remaining**2 * deaths, at_risk * left, out=terms, where=(left > 0) & (deaths > 0))
    mean, se = float(areas.sum()), math.sqrt(float(terms.sum()))
    return RestrictedMean(group=curve.group, rmst=mean, std_error=se, conf_int=(mean - z * se, mean + z * se), tau=tau)


def _ratio(b: float, se_b: float, a: float, se_a: float, z: float, reason: str) -> Contrast:
    nan = (math.nan, math.nan)
    if math.isnan(a + b):
        return Contrast(estimate=math.nan, conf_int=nan, p_value=math.nan, reason=reason)
    if a <= 0 or b <= 0:
        return Contrast(estimate=math.nan, conf_int=nan, p_value=math.nan, reason="a mean of zero has no ratio")
    log, se = math.log(b / a), math.hypot(se_b / b, se_a / a)
    if se == 0:
        return Contrast(estimate=b / a, conf_int=nan, p_value=math.nan, reason="neither arm has a variance")
    limits = (math.exp(log - z * se), math.exp(log + z * se))
    return Contrast(estimate=b / a, conf_int=limits, p_value=float(2 * ndtr(-abs(log / se))))
