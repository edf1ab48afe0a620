"""The tie-out: every published number beside the same number computed from the patients."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from .. import results
from ..data import Patients, TimeToEvent
from ..errors import DataError
from ..protocol import Printed, Protocol, PublishedNumber, describe_number
from ..protocol.published import Tier
from ..results import Row
from ..survival import cox, kaplan_meier, logrank
from ..units import days, days_per
from .estimand import endpoint
from .safety import adverse_event_count

_COX = {"hazard ratio": "estimate", "hazard ratio lower limit": "lower", "hazard ratio upper limit": "upper"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tie:
    """One published number (``index`` is its place in the protocol) beside the computed one, as text, and whether
    the computed value prints as published; ``value`` is the computed one, in the printed unit."""

    index: int
    number: PublishedNumber
    name: str
    value: float
    computed: str
    agrees: bool
    method: str


@dataclass(frozen=True, slots=True)
class _Computed:
    """A value with the text that stands for it; ``plain`` is the number alone, rounded as the published one is."""

    value: float
    text: str
    plain: str
    method: str


def tie_out(trial: Protocol, data: Patients, tier: Tier = "A") -> tuple[Tie, ...]:
    """Each published number of a tier (and those above it) recomputed by the functions that analyze the trial.

    A number agrees if the computed value, rounded half away from zero to the printed decimals, is the printed one;
    "not significant" if P exceeds alpha; "more frequent" if the arm's share exceeds every other's.
    """
    case = _Case(trial=trial, data=data)
    return tuple(case.tie(i, n) for i, n in trial.published.of_tier(tier) if n.use == "target")


def tie_out_rows(trial: Protocol, data: Patients, ties: tuple[Tie, ...]) -> Iterator[Row]:
    """Three rows a number, which share its TOML path: published, computed, agrees."""
    for tie in ties:
        n = tie.number
        estimand = None if n.estimand is None else trial.estimands[n.estimand]
        common: dict[str, Any] = {
            "analysis": "tie-out",
            "role": "tie-out",
            "estimand": n.estimand or "",
            "population": estimand.population if estimand else n.population or "",
            "endpoint": estimand.variable if estimand else "",
            "group": n.arm or "",
            "toml_path": f"published.numbers[{tie.index}]",
            "origin": data.origin,
        }
        yield Row(
            statistic=f"published: {tie.name}",
            text=n.printed.text,
            method=f"tier {n.tier}: {_source(trial, n)}",
            **common,
        )
        value = tie.value if math.isfinite(tie.value) else None
        yield Row(statistic=f"computed: {tie.name}", value=value, text=tie.computed, method=tie.method, **common)
        yield Row(statistic=f"agrees: {tie.name}", text="yes" if tie.agrees else "no", **common)


def _source(trial: Protocol, number: PublishedNumber) -> str:
    derived = " (derived from printed numbers)" if number.status == "derived" else ""
    return trial.published.sources[number.source] + derived


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """The trial and its patients, and how each kind of number is computed from them."""

    trial: Protocol
    data: Patients

    def tie(self, index: int, number: PublishedNumber) -> Tie:
        compute: dict[str, Callable[[PublishedNumber], _Computed]] = {
            "subjects": self._subjects,
            "P": self._p,
            "event-free rate": self._rate,
            "known event-free": self._known_free,
            "events": self._events,
            "crossed over": self._crossed,
            "adverse event": self._adverse_event,
            "responders": self._responders,
            **dict.fromkeys(_COX, self._hazard_ratio),
            **dict.fromkeys(("median", "median lower limit", "median upper limit"), self._median),
        }
        found = compute[number.statistic](number)
        return Tie(
            index=index, number=number, name=describe_number(number, self._of(number)), value=found.value,
            computed=found.text, agrees=self._agrees(number, found), method=found.method,
        )  # fmt: skip

    def _of(self, number: PublishedNumber) -> str:
        """Endpoint and population of an estimand, as a table has room for."""
        if number.estimand is None:
            return f"population {number.population}" if number.population else ""
        estimand = self.trial.estimands[number.estimand]
        return f"{estimand.variable}, {estimand.population}"

    def _agrees(self, number: PublishedNumber, found: _Computed) -> bool:
        printed = number.printed
        alpha = self.trial.testing.alpha if self.trial.testing else 0.05
        if printed.word == "not significant":
            return found.value > alpha
        if printed.word == "significant":
            return found.value <= alpha
        if printed.word == "more frequent":
            here = self._share(number, str(number.arm))
            return all(here > self._share(number, arm) for arm in self.trial.arms if arm != number.arm)
        if printed.word == "not reached":
            return math.isinf(found.value)
        if printed.bound:
            low, high = printed.window
            return found.value > low if printed.bound == ">" else found.value < high
        return found.plain == results.fixed(printed.value, printed.decimals)

    def _tte(self, number: PublishedNumber) -> TimeToEvent:
        return endpoint(self.trial, self.data, estimand=str(number.estimand))

    def _stratified(self, number: PublishedNumber) -> bool | None:
        """As the number says, else as the protocol's first analysis of the estimand is."""
        if number.stratified is not None:
            return number.stratified
        of = [a.stratified for a in self.trial.analyses.values() if a.estimand == number.estimand]
        return of[0] if of else None

    def _hazard_ratio(self, number: PublishedNumber) -> _Computed:
        level = number.confidence or 0.95
        fit = cox(self._tte(number), stratified=self._stratified(number), level=level)
        assert isinstance(fit.hazard_ratio, float)
        which = {"estimate": fit.hazard_ratio, "lower": float(fit.conf_int[0]), "upper": float(fit.conf_int[1])}
        return _rounded(which[_COX[number.statistic]], number.printed, fit.method)

    def _p(self, number: PublishedNumber) -> _Computed:
        test = logrank(self._tte(number), stratified=self._stratified(number))
        sided = number.sided or (self.trial.testing.sided if self.trial.testing else 2)
        p = test.p_one_sided if sided == 1 else test.p_value
        value = math.nan if p is None else float(p)
        text = results.p_equals(value) if number.printed.word or number.printed.bound else ""
        return _rounded(value, number.printed, f"{test.method}, {sided}-sided", text)

    def _median(self, number: PublishedNumber) -> _Computed:
        level = number.confidence or 0.95
        curves = kaplan_meier(self._tte(number), conf_type=number.conf_type, level=level)
        curve = curves[str(number.arm)]
        low, high = curve.median_ci
        days_found = {"median": curve.median, "median lower limit": low, "median upper limit": high}[number.statistic]
        unit = self.trial.endpoints[self.trial.estimands[str(number.estimand)].variable].unit
        return _rounded(days_found / days_per(unit), number.printed, curves.method)

    def _rate(self, number: PublishedNumber) -> _Computed:
        curves = kaplan_meier(self._tte(number))
        rate = curves[str(number.arm)].at([str(number.at)])[0].survival
        if not number.printed.percent:
            return _rounded(rate, number.printed, curves.method)
        plain = results.fixed(100 * rate, number.printed.decimals)
        return _Computed(rate, f"{plain}%", plain, curves.method)

    def _known_free(self, number: PublishedNumber) -> _Computed:
        curve = kaplan_meier(self._tte(number))[str(number.arm)]
        count = int(curve.risk_table_at(np.array([days(str(number.at))])).at_risk[0])
        return _count(count, int(curve.subjects), number.printed, "subjects at risk at that time")

    def _events(self, number: PublishedNumber) -> _Computed:
        curves = kaplan_meier(self._tte(number))
        chosen = [c for name, c in curves.items() if number.arm in (None, name)]
        count, total = int(sum(c.events for c in chosen)), int(sum(c.subjects for c in chosen))
        return _count(count, total, number.printed, "events")

    def _subjects(self, number: PublishedNumber) -> _Computed:
        rows = self._adsl(number)
        if number.population is not None:
            population = self.trial.populations[number.population]
            conditions = {**population.where, **({population.flag: "Y"} if population.flag else {})}
            for column, value in conditions.items():
                rows = rows.filter(pl.col(column.upper()) == value)
        if number.arm is not None:
            rows = rows.filter(pl.col(self.data.names.arm) == self.trial.arm_in_data(number.arm))
        return _count(rows.height, rows.height, number.printed, "subjects in ADSL", shown_of=False)

    def _crossed(self, number: PublishedNumber) -> _Computed:
        rows = self._adsl(number).filter(pl.col(self.data.names.arm) == self.trial.arm_in_data(str(number.arm)))
        if "XOFL" not in rows.columns:
            raise DataError("nothing says who crossed over", file="ADSL", column="XOFL", remedy="Add the flag.")
        return _count(rows.filter(pl.col("XOFL") == "Y").height, rows.height, number.printed, "XOFL = Y in ADSL")

    def _responders(self, number: PublishedNumber) -> _Computed:
        column = str(number.column).upper()
        rows = self._adsl(number).filter(pl.col(self.data.names.arm) == self.trial.arm_in_data(str(number.arm)))
        if column not in rows.columns:
            raise DataError(
                f"nothing says who has the outcome {number.outcome!r}",
                file="ADSL",
                column=column,
                remedy="Add the flag, or name its column with the published number.",
            )
        return _count(rows.filter(pl.col(column) == "Y").height, rows.height, number.printed, f"{column} = Y in ADSL")

    def _adsl(self, number: PublishedNumber) -> pl.DataFrame:
        if self.data.adsl is None:
            raise DataError(
                f"{describe_number(number)} cannot be counted without ADSL", remedy="Give ADSL beside ADTTE."
            )
        return self.data.adsl

    def _adverse_event(self, number: PublishedNumber) -> _Computed:
        count, total = self._events_in(number, str(number.arm))
        method = "subjects with at least one such event"
        if number.printed.word:
            each = " v ".join(
                f"{results.percent(*self._events_in(number, arm), 0)}% of {arm}"
                for arm in (number.arm, *(a for a in self.trial.arms if a != number.arm))
                if arm is not None
            )
            return _Computed(float(count), each, "", method)
        return _count(count, total, number.printed, method)

    def _share(self, number: PublishedNumber, arm: str) -> float:
        count, total = self._events_in(number, arm)
        return count / total

    def _events_in(self, number: PublishedNumber, arm: str) -> tuple[int, int]:
        return adverse_event_count(
            self.trial, self.data, arm, grade=number.grade, serious=number.serious, nyha=number.nyha, term=number.term
        )


def _rounded(value: float, printed: Printed, method: str, text: str = "") -> _Computed:
    plain = results.fixed(value, printed.decimals)
    return _Computed(value, text or plain, plain, method)


def _count(count: int, total: int, printed: Printed, method: str, *, shown_of: bool = True) -> _Computed:
    if printed.percent:
        plain = results.fixed(float(results.percent(count, total, printed.decimals)), printed.decimals)
        return _Computed(float(count), f"{plain}% ({count} of {total})", plain, method)
    return _Computed(float(count), f"{count} of {total}" if shown_of else str(count), str(count), method)
