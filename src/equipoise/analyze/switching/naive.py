"""The naive analyses, whose assumptions are seldom believed, to stand beside those that adjust for switching."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from ... import results
from ...data import TimeToEvent
from ...results import Origin, Row
from ...survival import Cox, LogRank, TimeVarying, cox, logrank
from ...survival.convention import ArgumentError, check_level, resolve_stratified
from .record import Switches

if TYPE_CHECKING:
    import polars as pl

Way = Literal["as observed", "censored at switch", "switchers excluded", "treatment received"]
ASSUMPTIONS: dict[str, str] = {
    "as observed": "treatment policy: the effect of assignment, switching being part of what follows it",
    "censored at switch": "assumes that those who switch would have fared as those who do not at the same time",
    "switchers excluded": "assumes that those who will switch are a random part of their arm, which surviving until "
    "the switch belies",
    "treatment received": "assumes that the hazard depends on the treatment of the moment alone, and that who switches "
    "has no other prognosis",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Naive:
    """A naive hazard ratio, experimental over control, with its limits.

    ``p_value`` (two-sided) is the log-rank test's (``test``), of "treatment received" the Cox model's (Wald).
    ``assumption`` says what would have to be true for it to be the effect without switching. ``nan`` with a
    ``reason`` where there is none; ``note`` where nobody, or everybody, of an arm switched.
    """

    way: str
    hazard_ratio: float
    conf_int: tuple[float, float]
    p_value: float
    subjects: int
    events: int
    level: float
    model: Cox | None = field(repr=False)
    test: LogRank | None = field(repr=False)
    assumption: str
    note: str
    reason: str
    method: str
    origin: Origin

    def __str__(self) -> str:
        if self.reason:
            return f"{self._name}: hazard ratio {results.NOT_ESTIMABLE}, {self.reason}"
        low, high = (results.fixed(x, 2) for x in self.conf_int)
        return (
            f"{self._name}: hazard ratio {results.fixed(self.hazard_ratio, 2)} ({100 * self.level:g}% CI {low} to "
            f"{high}), {self._p_name} {results.p_equals(self.p_value)}; {self.subjects} subjects, {self.events} events "
            f"({self.method})"
        )

    @property
    def _name(self) -> str:
        return self.way[0].upper() + self.way[1:]

    @property
    def _p_name(self) -> str:
        return "Wald" if self.test is None else "log-rank"

    def rows(self) -> list[Row]:
        """Hazard ratio, limits, P, subjects and events as rows of the long table."""
        rows = []
        for name, value in zip(("", " lower limit", " upper limit"), (self.hazard_ratio, *self.conf_int), strict=True):
            rows.append(self._row(f"hazard ratio{name}", value, results.fixed(value, 2), self.level if name else None))
        rows.append(self._row(f"{self._p_name} P", self.p_value, results.p_value(self.p_value)))
        for name, n in (("subjects", self.subjects), ("events", self.events)):
            rows.append(self._row(name, float(n), str(n)))
        return rows

    def _row(self, statistic: str, value: float, text: str, level: float | None = None) -> Row:
        shown = results.number(value, text, "" if math.isfinite(value) else self.reason)
        return Row(group=self.way, statistic=statistic, level=level, method=self.method, origin=self.origin, **shown)  # type: ignore[arg-type]

    def table(self) -> pl.DataFrame:
        """The long table of the analysis."""
        return results.long_table(self.rows())


def naive(
    switches: Switches,
    way: Way,
    *,
    covariates: Sequence[str] = (),
    stratified: bool | None = None,
    level: float = 0.95,
) -> Naive:
    """One of the naive analyses: what it estimates is an effect without switching only under its ``assumption``.

    "as observed" (intention to treat): everybody as randomized, whatever followed. "censored at switch": follow-up
    ends on the day of the switch (an event on that very day counts). "switchers excluded": they are left out.
    "treatment received": a Cox model of the experimental treatment as a covariate that changes at the switch, without
    the arm. Hazard ratios by Cox models with Efron's ties, ``covariates`` of the record, and strata.

    Raises ``ArgumentError`` for a way and covariates that are not known. Source: Morden et al. 2011.

    >>> tte = TimeToEvent([4, 8, 6, 3, 5, 10], [1, 1, 1, 1, 0, 1], ["A", "A", "A", "B", "B", "B"], control="A",
    ...                   experimental="B", unit="days")
    >>> record = Switches(tte=tte, switch=[np.inf, 5, np.inf, np.inf, np.inf, np.inf])
    >>> print(naive(record, "censored at switch"))
    Censored at switch: hazard ratio 0.57 (95% CI 0.05 to 6.33), log-rank P = 0.6419; 6 subjects, 4 events (Cox model,
    Efron ties, unstratified, Wald limits; assumes that those who switch would have fared as those who do not at the
    same time)
    """
    if way not in get_args(Way):
        raise ArgumentError(f"unknown analysis {way!r}", remedy=f"Use one of {', '.join(map(repr, get_args(Way)))}.")
    level = check_level(level)
    tte = switches.tte
    by_stratum = resolve_stratified(stratified, tte.strata)
    chosen = switches.columns(covariates)
    note = "; ".join(why for arm in switches.may_switch if (why := switches.one_sided(arm)))
    kept, gone = _rows(switches, way)
    data, more = tte, chosen
    if not gone:
        data, more = _DATA[way](switches, chosen)
    model = test = None
    reason = gone
    if not gone:
        model = cox(data, more, stratified=by_stratum, level=level)
        test = None if way == "treatment received" else logrank(data, stratified=by_stratum)
        reason = model.reasons[0]
    found = (math.nan, (math.nan, math.nan)) if model is None or reason else _first(model)
    wald = math.nan if model is None or reason else float(model.p[0])
    return Naive(
        way=way,
        hazard_ratio=found[0],
        conf_int=found[1],
        p_value=wald if test is None else test.p_value,
        subjects=kept,
        events=0 if gone else data.events,
        level=level,
        model=model,
        test=test,
        assumption=ASSUMPTIONS[way],
        note=note,
        reason=reason,
        method=f"{'Cox model' if model is None else model.method}; {ASSUMPTIONS[way]}",
        origin=tte.origin,
    )


def naive_analyses(
    switches: Switches, *, covariates: Sequence[str] = (), stratified: bool | None = None, level: float = 0.95
) -> tuple[Naive, ...]:
    """All naive analyses, in the order of ``Way``.

    >>> tte = TimeToEvent([4, 8, 6, 3, 5, 10], [1, 1, 1, 1, 0, 1], ["A", "A", "A", "B", "B", "B"], control="A",
    ...                   experimental="B", unit="days")
    >>> record = Switches(tte=tte, switch=[np.inf, 5, np.inf, np.inf, np.inf, np.inf])
    >>> [results.fixed(found.hazard_ratio, 2) for found in naive_analyses(record)]
    ['0.43', '0.57', '0.43', '0.44']
    """
    return tuple(
        naive(switches, way, covariates=covariates, stratified=stratified, level=level) for way in get_args(Way)
    )


def _first(model: Cox) -> tuple[float, tuple[float, float]]:
    """The hazard ratio of a model's first term and its limits."""
    low, high = model.limits()[0].tolist()
    return math.exp(float(model.coef[0])), (low, high)


def _rows(switches: Switches, way: str) -> tuple[int, str]:
    """How many subjects remain, and why nothing can be compared."""
    if way != "switchers excluded":
        return switches.n, ""
    left = [int((~switches.switched & (switches.tte.arm == code)).sum()) for code in range(2)]
    empty = [arm for arm, n in zip(switches.tte.arms, left, strict=True) if n == 0]
    return sum(left), f"everybody in {' and '.join(empty)} switched, so that nobody is left" if empty else ""


Data = tuple[TimeToEvent, dict[str, Any] | None]


def _as_observed(switches: Switches, covariates: dict[str, Any] | None) -> Data:
    return switches.tte, covariates


def _censored(switches: Switches, covariates: dict[str, Any] | None) -> Data:
    tte = switches.tte
    before = switches.switch < tte.time
    return tte._with(time=np.minimum(tte.time, switches.switch), event=np.where(before, 0, tte.event)), covariates


def _excluded(switches: Switches, covariates: dict[str, Any] | None) -> Data:
    stay = ~switches.switched
    return switches.tte.select(stay), covariates and {name: column[stay] for name, column in covariates.items()}


def _received(switches: Switches, covariates: dict[str, Any] | None) -> Data:
    """The endpoint without arms, and the treatment of the moment as its first covariate."""
    tte = switches.tte
    rows = np.concatenate([np.arange(tte.n), np.flatnonzero(switches.switch < tte.time)])
    later = np.arange(len(rows)) >= tte.n
    treatment = TimeVarying(
        subject=tte.subject[rows],
        start=np.where(later, switches.switch[rows], 0.0),
        value=np.where(later, 1 - tte.arm[rows], tte.arm[rows]),
        unit="days",
    )
    alone = tte._with(arm=np.zeros(tte.n, dtype=np.int64), arms=("all",), control=None, experimental=None)
    return alone, {f"{tte.arms[1]} v {tte.arms[0]}, received": treatment, **(covariates or {})}


_DATA: dict[str, Callable[[Switches, dict[str, Any] | None], Data]] = {
    "as observed": _as_observed,
    "censored at switch": _censored,
    "switchers excluded": _excluded,
    "treatment received": _received,
}
