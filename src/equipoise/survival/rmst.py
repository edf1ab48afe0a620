"""Restricted mean survival time: the area under each arm's curve up to a time, and their contrasts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import results
from ..data import TimeToEvent
from ..errors import DataError
from ..results import Origin, Row
from ..units import DAYS_PER, TimeUnit, days_per
from .adjusted_rmst import adjusted_contrasts
from .contrast import (
    Contrast,
    Steps,
    listed,
    normal_quantile,
    p_of_benefit,
    positive_time,
    ratio,
    values_by_arm,
    wald,
)
from .convention import check_level, refuse_competing, refuse_weights_and_entry, resolve_stratified, strata_words

if TYPE_CHECKING:
    import polars as pl

_CONTRASTS = ("difference", "conf_int", "p_value", "p_one_sided", "ratio", "rmtl_ratio")


@dataclass(frozen=True, slots=True, kw_only=True)
class RestrictedMean:
    """One arm: mean event-free days up to tau, its standard error and limits; ``rmtl`` is tau less the mean."""

    group: str
    rmst: float
    std_error: float
    conf_int: tuple[float, float]

    tau: float

    @property
    def rmtl(self) -> float:
        """Restricted mean time lost."""
        return self.tau - self.rmst


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rmst:
    """Restricted means by arm (``rm["A"]``) and, with two arms, their contrasts; all in days.

    ``difference`` is experimental minus control with ``conf_int``, ``p_value`` (two-sided) and
    ``p_one_sided`` (of benefit); ``ratio`` of means and ``rmtl_ratio`` of times lost are experimental over
    control, on the log scale. None with one group or more than two. ``covariates`` names the terms that the
    contrasts are adjusted for; the arms' means are not. ``note`` names arms whose variance is 0.
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
    stratified: bool
    covariates: tuple[str, ...]
    reason: str
    note: str
    method: str
    origin: Origin

    def __getitem__(self, arm: str) -> RestrictedMean:
        if arm not in self.arms:
            raise DataError(f"there is no arm {arm!r}", column="arm", remedy=f"Arms: {', '.join(self.arms)}.")
        return self.arms[arm]

    def __str__(self) -> str:
        means = ", ".join(f"{m.group} {results.fixed(m.rmst, 1)}" for m in self.arms.values())
        text = f"Restricted mean survival time up to {self.tau:g} days: {means} days"
        difference = "adjusted difference" if self.covariates else "difference"
        if self.difference is None or self.conf_int is None or self.p_value is None:
            return text
        if self.reason:
            return f"{text}; {difference} {results.NOT_ESTIMABLE}: {self.reason}"
        low, high = (results.fixed(x, 1) for x in self.conf_int)
        return (
            f"{text}; {difference} {results.fixed(self.difference, 1)} days "
            f"({100 * self.level:g}% CI {low} to {high}), {results.p_equals(self.p_value)}"
        )

    def rows(self, unit: TimeUnit = "days") -> list[Row]:
        """Means, difference and ratio as rows of the long table."""
        rows: list[Row] = []
        noted = self.reason or self.note

        def add(group: str, statistic: str, value: float, text: str, kind: str = unit, reason: str = "") -> None:
            level = self.level if "limit" in statistic else None
            shown = results.number(value / days_per(kind) if kind in DAYS_PER else value, text, reason)
            rows.append(
                Row(group=group, statistic=statistic, at=self.tau, level=level, unit=kind, method=self.method,
                    origin=self.origin, **shown)  # type: ignore[arg-type]
            )  # fmt: skip

        def triple(group: str, name: str, value: float, limits: tuple[float, float]) -> None:
            for suffix, v in (("", value), (" lower limit", limits[0]), (" upper limit", limits[1])):
                why = self.note if group and math.isfinite(v) else noted
                add(group, name + suffix, v, results.duration(v, unit), reason=why)

        for mean in self.arms.values():
            triple(mean.group, "restricted mean", mean.rmst, mean.conf_int)
        if self.difference is not None and self.conf_int is not None and self.p_value is not None:
            triple("", "restricted mean difference", self.difference, self.conf_int)
            add("", "restricted mean difference P", self.p_value, results.p_value(self.p_value), "", noted)
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


def rmst(
    tte: TimeToEvent,
    *,
    tau: str,
    stratified: bool | None = None,
    covariates: Any = None,
    level: float = 0.95,
) -> Rmst:
    """The mean time free of the event within the first ``tau`` (a duration), by arm and contrasted.

    Area under the Kaplan-Meier curve up to tau; variance by Greenwood's formula for it, the sum over event
    times of (area from t to tau)^2 d / (n (n - d)) (Klein and Moeschberger 2003; Royston and Parmar 2013).
    Stratified: an arm's mean is that of its strata by their shares of all subjects, which are taken as fixed.
    Ratios by the delta method on the log scale.

    ``covariates`` (as in ``cox``; two arms) adjust the contrasts, not the arms' means: the effect of the arm in
    linear (difference) and log-linear (ratios) models of the restricted time given arm and covariates, weighted for
    censoring (Tian, Zhao and Wei 2014). They do not go with strata; strata may be given as covariates.

    Where tau lies beyond an arm's follow-up that arm, and every contrast, is ``nan`` with a reason that names
    the largest tau of all; so it is without somebody of each arm in each stratum. Raises ``DataError`` for tau of
    zero, ``UnsupportedError`` under probability weights and late entry, and for covariates with strata or weights.

    >>> tte = TimeToEvent([5, 8, 8, 12], [1, 0, 1, 1], unit="days")
    >>> rmst(tte, tau="10 days")["all"].rmst
    8.25
    """
    check_level(level)
    limit = positive_time("tau", tau)
    refuse_weights_and_entry(tte, "restricted means")
    refuse_competing(int(tte.event.max()))
    by_stratum = resolve_stratified(stratified, tte.strata) if covariates is None else False
    found = values_by_arm(tte, by_stratum, "tau", limit, _area)
    z = normal_quantile(level)
    arms = {
        arm: RestrictedMean(group=arm, rmst=mean, std_error=se, conf_int=(mean - z * se, mean + z * se), tau=limit)
        for arm, mean, se in zip(tte.arms, found.value, found.std_error, strict=True)
    }
    method = (
        f"restricted mean survival time up to {limit:g} days, {strata_words(by_stratum, tte)}, Greenwood variance, "
        "normal limits, of ratios on the log scale"
    )
    contrasts: dict[str, Any] = dict.fromkeys(_CONTRASTS)
    terms: tuple[str, ...] = ()
    reason = found.reason
    if covariates is not None:
        adjusted = adjusted_contrasts(tte, covariates, stratified, limit, level, reason)
        contrasts, terms, reason = adjusted.contrasts, adjusted.terms, adjusted.reason
        method = f"{method}; {adjusted.method}"
    elif tte.control is not None and tte.experimental is not None:
        contrasts, reason = _contrasts(arms[tte.control], arms[tte.experimental], z, tte, reason)
    note = f"the variance is 0 in {listed(found.flat)}: no event up to tau leaves anybody" if found.flat else ""
    return Rmst(
        arms=arms, tau=limit, level=level, stratified=by_stratum, covariates=terms, reason=reason, note=note,
        method=method, origin=tte.origin, **contrasts,
    )  # fmt: skip


def _contrasts(
    a: RestrictedMean, b: RestrictedMean, z: float, tte: TimeToEvent, reason: str
) -> tuple[dict[str, Any], str]:
    difference, se = b.rmst - a.rmst, math.hypot(a.std_error, b.std_error)
    conf_int, p_value = wald(difference, se, z)
    if se == 0:
        reason = "neither arm has a variance: no event before tau leaves anybody"
    return {
        "difference": difference,
        "conf_int": conf_int,
        "p_value": p_value,
        "p_one_sided": p_of_benefit(difference / se, tte.event_is) if se > 0 else math.nan,
        "ratio": ratio(b.rmst, b.std_error, a.rmst, a.std_error, z, reason),
        "rmtl_ratio": ratio(b.rmtl, b.std_error, a.rmtl, a.std_error, z, reason),
    }, reason


def _area(steps: Steps, tau: float) -> tuple[float, float]:
    """Area under the curve up to tau, and its variance."""
    inside = steps.time <= tau
    time, deaths, at_risk = steps.time[inside], steps.deaths[inside], steps.at_risk[inside]
    heights = np.concatenate([[1.0], steps.survival[inside]])
    areas = heights * np.diff(np.concatenate([[0.0], time, [tau]]))
    remaining = np.cumsum(areas[::-1])[::-1][1:]  # area from each time to tau
    left = at_risk - deaths
    terms = np.zeros(len(time))
    np.divide(remaining**2 * deaths, at_risk * left, out=terms, where=(left > 0) & (deaths > 0))
    return float(areas.sum()), float(terms.sum())
