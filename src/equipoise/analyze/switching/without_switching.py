"""The effect had nobody switched, from times that are put back to what they would have been without the switch."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ... import results
from ...data import TimeToEvent
from ...results import Origin, Row
from ...survival import Accelerated, Cox, KaplanMeier, LogRank, cox, kaplan_meier, logrank
from .bootstrap import Bootstrap
from .counterfactual import Recensored, loss_rows
from .psi_search import Psi
from .record import Switches, Vector
from .who_switched import FEW_EVENTS

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SwitchEffect:
    """What switching did to the time left: it multiplied it by ``time_ratio`` = exp(-psi), the acceleration factor.

    ``arm`` is that whose subjects switched, empty where one effect holds for both. ``model`` is the accelerated failure
    time model that it is from, or ``search`` Z at every psi with all roots; ``path`` the psi of each iteration. Where
    there is no estimate it is ``nan`` and ``reason`` says why; ``limit_reasons`` of psi's limits likewise.
    """

    arm: str
    psi: float
    psi_conf_int: tuple[float, float]
    reason: str = ""
    limit_reasons: tuple[str, str] = ("", "")
    model: Accelerated | None = field(default=None, repr=False)
    search: Psi | None = field(default=None, repr=False)
    path: tuple[float, ...] = ()

    @property
    def time_ratio(self) -> float:
        """exp(-psi): above 1, those who switched lived longer for it."""
        return math.exp(-self.psi)

    @property
    def time_ratio_conf_int(self) -> tuple[float, float]:
        """Its limits."""
        low, high = self.psi_conf_int
        return math.exp(-high), math.exp(-low)

    def __str__(self) -> str:
        name = f"Acceleration factor of switching{f' in {self.arm}' if self.arm else ''}"
        if self.reason:
            return f"{name} {results.NOT_ESTIMABLE}: {self.reason}"
        low, high = (results.fixed(x, 2) for x in self.time_ratio_conf_int)
        return f"{name} {results.fixed(self.time_ratio, 2)} ({low} to {high}), psi {results.fixed(self.psi, 3)}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WithoutSwitching:
    """The hazard ratio had nobody switched, experimental over control, of a Cox model of ``unswitched`` times.

    ``effects``: what switching did, of each arm in which it happened. ``unswitched`` are both arms' times as they
    would have been (recensored), ``model`` and ``log_rank`` their Cox model and log-rank test; ``observed`` is the
    log-rank test as observed. ``limits_by`` says whether ``conf_int`` and ``p_value`` (two-sided) are the Cox model's,
    which takes the effect of switching for known, or by inversion of the test as observed, whose P it keeps.
    ``recensored`` is what recensoring took. ``reason`` says why there is no hazard ratio. ``assumption`` is what the
    result rests on, ``warnings`` what in the data speaks against it, ``notes`` what did not need adjusting.
    """

    name: str
    effects: tuple[SwitchEffect, ...]
    hazard_ratio: float
    conf_int: tuple[float, float]
    p_value: float
    reason: str
    limit_reason: str
    limits_by: str
    unswitched: TimeToEvent | None = field(repr=False)
    model: Cox | None = field(repr=False)
    log_rank: LogRank | None = field(repr=False)
    observed: LogRank
    recensored: tuple[Recensored, ...]
    groups: tuple[str, str]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    assumption: str
    level: float
    method: str
    origin: Origin
    bootstrap: Bootstrap | None = field(default=None, repr=False)

    @property
    def psi(self) -> float:
        """That of the first effect; ``nan`` where nobody switched."""
        return self.effects[0].psi if self.effects else math.nan

    @property
    def psi_conf_int(self) -> tuple[float, float]:
        """Its limits."""
        return self.effects[0].psi_conf_int if self.effects else (math.nan, math.nan)

    @property
    def curves(self) -> KaplanMeier | None:
        """Kaplan-Meier of both arms had nobody switched; None without an estimate."""
        return None if self.unswitched is None else kaplan_meier(self.unswitched, level=self.level)

    def __str__(self) -> str:
        name = f"Hazard ratio {self.groups[1]} v {self.groups[0]} had nobody switched"
        if self.reason:
            return f"{name} {results.NOT_ESTIMABLE}: {self.reason} ({self.method})"
        low, high = (results.fixed(x, 2) for x in self.conf_int)
        factors = "".join(f"; {str(e)[0].lower()}{str(e)[1:]}" for e in self.effects)
        return (
            f"{name} {results.fixed(self.hazard_ratio, 2)} ({100 * self.level:g}% CI {low} to {high}"
            f"{bootstrap_words(self.bootstrap, self.level)}), {results.p_equals(self.p_value)}{factors} ({self.method})"
        )

    def rows(self) -> list[Row]:
        """Hazard ratio, P, the effects of switching, their roots and Z, and what recensoring took, as rows."""
        arms = f"{self.groups[1]} v {self.groups[0]}"
        rows = [self._row("hazard ratio", self.hazard_ratio, 2, arms, self.reason)]
        why = self.limit_reason or self.reason
        rows += self._limits("hazard ratio", self.conf_int, 2, arms, (why, why))
        shown = results.number(self.p_value, results.p_value(self.p_value), self.reason)
        rows.append(Row(group=arms, statistic="P", method=self.method, origin=self.origin, **shown))  # type: ignore[arg-type]
        for e in self.effects:
            low, high = e.limit_reasons
            for name, digits, value, limits, whys in (
                ("psi", 3, e.psi, e.psi_conf_int, (low, high)),
                ("acceleration factor", 2, e.time_ratio, e.time_ratio_conf_int, (high, low)),
            ):
                rows.append(self._row(name, value, digits, e.arm, e.reason))
                rows += self._limits(name, limits, digits, e.arm, (whys[0] or e.reason, whys[1] or e.reason))
            if e.search is not None:
                rows += [self._row("root of Z", root, 3, e.arm, "") for root in e.search.roots]
                for psi, z in zip(e.search.grid.tolist(), e.search.z.tolist(), strict=True):
                    reason = "" if math.isfinite(z) else "Z has no variance at this psi"
                    rows.append(self._row("Z", z, 3, e.arm, reason, at=psi))
        rows += bootstrap_rows(self.bootstrap, self._row, arms, self.level)
        if self.bootstrap is not None and self.effects:
            drawn, arm = self.bootstrap, self.effects[0].arm
            rows += self._limits("bootstrap psi", drawn.psi_conf_int, 3, arm, (drawn.reason, drawn.reason))
        rows += loss_rows(self.recensored, self.method, self.origin)
        return rows + said_rows(self.assumption, self.notes, self.warnings, self.method, self.origin)

    def _limits(
        self, name: str, limits: tuple[float, float], digits: int, group: str, whys: tuple[str, str]
    ) -> list[Row]:
        ends = zip(("lower", "upper"), limits, whys, strict=True)
        return [self._row(f"{name} {end} limit", x, digits, group, why, self.level) for end, x, why in ends]

    def _row(
        self, statistic: str, value: float, digits: int, group: str, reason: str, level: float | None = None,
        at: float | None = None,
    ) -> Row:  # fmt: skip
        shown = results.number(value, results.fixed(value, digits), reason)
        return Row(
            group=group, statistic=statistic, at=at, level=level, method=self.method, origin=self.origin, **shown  # type: ignore[arg-type]
        )  # fmt: skip

    def table(self) -> pl.DataFrame:
        """The long table of the analysis."""
        return results.long_table(self.rows())


def bootstrap_words(drawn: Bootstrap | None, level: float) -> str:
    """What a sentence says of the bootstrap's limits; nothing without one."""
    if drawn is None:
        return ""
    low, high = (results.fixed(x, 2) for x in drawn.conf_int)
    return f"; {100 * level:g}% CI by bootstrap {results.NOT_ESTIMABLE if drawn.reason else f'{low} to {high}'}"


def bootstrap_rows(drawn: Bootstrap | None, row: Callable[..., Row], group: str, level: float) -> list[Row]:
    """The bootstrap's limits, standard error of the log hazard ratio, samples and failures; ``row`` makes a row."""
    if drawn is None:
        return []
    low, high = drawn.conf_int
    return [
        row("bootstrap hazard ratio lower limit", low, 2, group, drawn.reason, level),
        row("bootstrap hazard ratio upper limit", high, 2, group, drawn.reason, level),
        row("bootstrap standard error of the log hazard ratio", drawn.std_error, 3, group, drawn.reason),
        row("bootstrap samples", float(drawn.draws), 0, group, ""),
        row("bootstrap samples without an estimate", float(drawn.failed), 0, group, ""),
    ]


def said_rows(
    assumption: str, notes: tuple[str, ...], warnings: tuple[str, ...], method: str, origin: Origin
) -> list[Row]:
    """What an analysis rests on and what is said of it, as rows that have a text and no value."""
    said = [
        ("assumption on switching", (assumption,)),
        ("note on switching", notes),
        ("warning on switching", warnings),
    ]
    return [Row(statistic=kind, text=t, method=method, origin=origin) for kind, texts in said for t in texts]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Compared:
    """Both arms without switching: their Cox model and log-rank test; all None beside a ``reason``."""

    unswitched: TimeToEvent | None
    model: Cox | None
    log_rank: LogRank | None
    beta: float
    reason: str


def compared(
    unswitched: TimeToEvent | None, covariates: dict[str, Any] | None, stratified: bool, level: float, reason: str
) -> Compared:
    """The arms of times without switching compared, unless there is a reason why there are none."""
    if reason or unswitched is None:
        return Compared(unswitched=None, model=None, log_rank=None, beta=math.nan, reason=reason)
    model = cox(unswitched, covariates, stratified=stratified, level=level)
    return Compared(
        unswitched=unswitched,
        model=model,
        log_rank=logrank(unswitched, stratified=stratified),
        beta=math.nan if model.reasons[0] else float(model.coef[0]),
        reason=model.reasons[0],
    )


def what_speaks_against(
    switches: Switches, effects: tuple[SwitchEffect, ...], lost: tuple[Recensored, ...]
) -> tuple[str, ...]:
    """Several roots, missing limits, events that recensoring takes, and few events among those who did not switch."""
    texts = []
    for e in effects:
        roots = e.search.roots if e.search is not None else ()
        if len(roots) > 1:
            shown = ", ".join(results.fixed(root, 3) for root in roots)
            texts.append(f"Z passes 0 at {len(roots)} psi ({shown}); the one nearest to 0 is used")
        ends = zip(("lower", "upper"), e.limit_reasons, strict=True)
        texts += [f"psi has no {which} limit: {why}" for which, why in ends if why]
    texts += [str(arm) for arm in lost if arm.events_lost]
    for arm in switches.may_switch:
        mine = (switches.tte.arm == switches.tte.arms.index(arm)) & ~switches.switched
        events = int((switches.tte.event[mine] > 0).sum())
        if switches.switched_in(arm).any() and events < FEW_EVENTS:
            noun = f"event{'s' * (events != 1)} in {arm} {'are' if events != 1 else 'is'}"
            texts.append(f"only {events} {noun} of subjects who did not switch (fewer than {FEW_EVENTS})")
    return tuple(texts)


def by_arm(switches: Switches, psi: dict[int, float]) -> Vector:
    """exp(psi) - 1 by subject, of the own arm's psi; 0 in arms without one, (n,)."""
    factor = np.zeros(switches.n)
    for arm, value in psi.items():
        factor[switches.tte.arm == arm] = math.expm1(value)
    return factor
