"""Milestone survival: the share of each arm that is free of the event at a time, and their contrasts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .. import results
from ..data import TimeToEvent
from ..errors import DataError
from ..results import Origin, Row
from .contrast import (
    Contrast,
    Limits,
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


@dataclass(frozen=True, slots=True, kw_only=True)
class MilestoneSurvival:
    """One arm: survival at the milestone, its standard error and plain Wald limits (``nan`` without a variance)."""

    group: str
    survival: float
    std_error: float
    conf_int: Limits


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Milestone:
    """Survival at a time ``at`` (days) by arm (``m["A"]``) and, with two arms, their contrasts.

    ``difference`` is experimental minus control with Wald limits ``conf_int``, ``p_value`` (two-sided) and
    ``p_one_sided`` (of benefit); ``ratio`` of survival, experimental over control, has limits on the log scale. All
    None with one group or more than two. Where they have no value ``reason`` says why; ``note`` names the parts of
    a stratified estimate whose variance is 0.
    """

    arms: Mapping[str, MilestoneSurvival]
    at: float
    difference: float | None
    conf_int: Limits | None
    p_value: float | None
    p_one_sided: float | None
    ratio: Contrast | None
    level: float
    stratified: bool
    reason: str
    note: str
    method: str
    origin: Origin

    def __getitem__(self, arm: str) -> MilestoneSurvival:
        if arm not in self.arms:
            raise DataError(f"there is no arm {arm!r}", column="arm", remedy=f"Arms: {', '.join(self.arms)}.")
        return self.arms[arm]

    def __str__(self) -> str:
        shares = ", ".join(f"{m.group} {results.fixed(m.survival, 3)}" for m in self.arms.values())
        text = f"Survival at {self.at:g} days: {shares}"
        if self.difference is None or self.conf_int is None or self.p_value is None:
            return text
        shown = results.fixed(self.difference, 3)
        if self.reason:
            return f"{text}; difference {shown}, limits {results.NOT_ESTIMABLE}: {self.reason}"
        low, high = (results.fixed(x, 3) for x in self.conf_int)
        limits = f"({100 * self.level:g}% CI {low} to {high})"
        return f"{text}; difference {shown} {limits}, {results.p_equals(self.p_value)}"

    def rows(self) -> list[Row]:
        """Survival by arm, difference and ratio as rows of the long table."""
        rows: list[Row] = []

        def add(group: str, statistic: str, value: float, text: str, unit: str, reason: str) -> None:
            level = self.level if "limit" in statistic else None
            shown = results.number(value, text, reason)
            rows.append(
                Row(group=group, statistic=statistic, at=self.at, level=level, unit=unit, method=self.method,
                    origin=self.origin, **shown)  # type: ignore[arg-type]
            )  # fmt: skip

        def triple(group: str, name: str, value: float, limits: Limits, unit: str, reason: str) -> None:
            for suffix, v in (("", value), (" lower limit", limits[0]), (" upper limit", limits[1])):
                add(group, name + suffix, v, results.fixed(v, 3 if unit else 2), unit, reason)

        noted = self.reason or self.note
        for m in self.arms.values():
            triple(m.group, "milestone survival", m.survival, m.conf_int, "probability", noted)
        if self.difference is not None and self.conf_int is not None and self.p_value is not None:
            triple("", "milestone survival difference", self.difference, self.conf_int, "probability", noted)
            p_one_sided = math.nan if self.p_one_sided is None else self.p_one_sided
            for name, p in (("P", self.p_value), ("P one-sided", p_one_sided)):
                add("", f"milestone survival difference {name}", p, results.p_value(p), "", noted)
        if self.ratio is not None:
            reason = self.ratio.reason or self.note
            triple("", "milestone survival ratio", self.ratio.estimate, self.ratio.conf_int, "", reason)
            add("", "milestone survival ratio P", self.ratio.p_value, results.p_value(self.ratio.p_value), "", reason)
        return rows

    def table(self) -> pl.DataFrame:
        """The long table of milestone survival."""
        return results.long_table(self.rows())


def milestone(tte: TimeToEvent, *, at: str, stratified: bool | None = None, level: float = 0.95) -> Milestone:
    """The share free of the event at the time ``at`` (a duration, events then included), by arm and contrasted.

    The Kaplan-Meier estimate with Greenwood's variance and plain Wald limits; the ratio by the delta method on the log
    scale (Klein, Logan, Harhoff and Andersen 2007 compare these with other scales). Stratified: an arm's survival
    is that of its strata by their shares of all subjects, which are taken as fixed.

    Limits and P are ``nan`` with a reason where an arm's survival is 0 or 1, as its variance is 0 there. Everything is
    where the milestone lies beyond an arm's follow-up, or a stratum has nobody of an arm. Raises ``DataError`` for a
    milestone of zero, ``UnsupportedError`` under probability weights, late entry and competing causes.

    >>> tte = TimeToEvent([5, 8, 8, 12, 3, 4, 9, 9], [1, 0, 1, 1, 1, 1, 1, 0], [*"BBBBAAAA"], control="A",
    ...                   experimental="B", unit="days")
    >>> print(milestone(tte, at="8 days"))
    Survival at 8 days: A 0.500, B 0.500; difference 0.000 (95% CI -0.693 to 0.693), P = 1.0000
    """
    check_level(level)
    limit = positive_time("milestone", at)
    refuse_weights_and_entry(tte, "differences in milestone survival")
    refuse_competing(int(tte.event.max()))
    by_stratum = resolve_stratified(stratified, tte.strata)
    found = values_by_arm(tte, by_stratum, "milestone", limit, _height)
    z = normal_quantile(level)
    arms = {
        arm: MilestoneSurvival(group=arm, survival=height, std_error=se, conf_int=wald(height, se, z)[0])
        for arm, height, se in zip(tte.arms, found.value, found.std_error, strict=True)
    }
    reason, note = found.reason, ""
    certain = [m for m in arms.values() if m.std_error == 0]
    if not reason and certain:
        told = " and ".join(f"{m.group}, where survival is {m.survival:g}" for m in certain)
        reason = f"the variance is 0 in {told}"
    elif found.flat:
        note = f"the variance is 0 in {listed(found.flat)}, where survival is 0 or 1"
    difference = conf_int = p_value = p_one_sided = contrast = None
    if tte.control is not None and tte.experimental is not None:
        a, b = arms[tte.control], arms[tte.experimental]
        se_a, se_b = (math.nan if certain else m.std_error for m in (a, b))
        difference, se = b.survival - a.survival, math.hypot(se_a, se_b)
        conf_int, p_value = wald(difference, se, z)
        p_one_sided = p_of_benefit(difference / se, tte.event_is) if se > 0 else math.nan
        contrast = ratio(b.survival, se_b, a.survival, se_a, z, reason, "survival")
    return Milestone(
        arms=arms, at=limit, difference=difference, conf_int=conf_int, p_value=p_value, p_one_sided=p_one_sided,
        ratio=contrast, level=level, stratified=by_stratum, reason=reason, note=note,
        method=f"Kaplan-Meier survival at {limit:g} days, {strata_words(by_stratum, tte)}, Greenwood variance, "
        "plain Wald limits, ratio on the log scale",
        origin=tte.origin,
    )  # fmt: skip


def _height(steps: Steps, at: float) -> tuple[float, float]:
    """Survival at a time, events then included, and its variance."""
    i = int(np.searchsorted(steps.time, at, side="right")) - 1
    if i < 0:
        return 1.0, 0.0
    s = float(steps.survival[i])
    return s, s**2 * float(steps.greenwood[i]) if s > 0 else 0.0
