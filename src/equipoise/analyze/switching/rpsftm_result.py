"""What a rank preserving structural failure time model says, with its audit trail."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ... import results
from ...data import TimeToEvent
from ...results import Origin, Row
from ...survival import Cox, KaplanMeier, LogRank, kaplan_meier
from .bootstrap import Bootstrap
from .counterfactual import Recensored, loss_rows
from .psi_search import Psi

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RPSFTM:
    """The effect had nobody switched, under a rank preserving structural failure time model.

    ``psi`` is below 0 where the experimental treatment prolongs the time to the event: it multiplies time by
    ``time_ratio`` = exp(-psi). ``search`` holds Z on the grid, every root, and the limits of psi by inversion of the
    test. ``hazard_ratio`` is experimental over control of a Cox model of ``unswitched`` (``model``): the experimental
    arm as observed, the control arm as it would have been. Its ``conf_int`` is by inversion, exp(b -+ q b / z) with z
    of the log-rank test of the data as observed (``observed``), whose two-sided ``p_value`` the model keeps; beside it
    that of ``bootstrap``, if samples were drawn. ``untreated`` holds both arms' times without treatment, which do not
    differ at psi; ``recensored`` what recensoring took from each arm at psi.

    Where there is no estimate it is ``nan`` and ``reason`` says why; ``limit_reasons`` (low, high) of psi and
    ``hazard_ratio_reason`` likewise. ``notes`` are what the data cannot tell, ``warnings`` what speaks against belief.
    """

    psi: float
    psi_conf_int: tuple[float, float]
    time_ratio: float
    time_ratio_conf_int: tuple[float, float]
    hazard_ratio: float
    conf_int: tuple[float, float]
    p_value: float
    z: float
    reason: str
    limit_reasons: tuple[str, str]
    hazard_ratio_reason: str
    level: float
    search: Psi
    observed: LogRank
    untreated: TimeToEvent | None = field(repr=False)
    unswitched: TimeToEvent | None = field(repr=False)
    model: Cox | None = field(repr=False)
    recensored: tuple[Recensored, ...]
    bootstrap: Bootstrap | None = field(repr=False)
    groups: tuple[str, str]
    possible: str
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    method: str
    origin: Origin

    @property
    def curves(self) -> KaplanMeier | None:
        """Kaplan-Meier of both arms had nobody switched; None without an estimate."""
        return None if self.unswitched is None else kaplan_meier(self.unswitched, level=self.level)

    def __str__(self) -> str:
        p = f"{'stratified ' if self.observed.stratified else ''}log-rank {results.p_equals(self.p_value)} as observed"
        if self.hazard_ratio_reason and math.isnan(self.hazard_ratio):
            why = self.hazard_ratio_reason
            return f"Hazard ratio without switching {results.NOT_ESTIMABLE}: {why}; {p} ({self.method})"
        level = f"{100 * self.level:g}% CI"
        how = f"{level} {self._to(self.conf_int)} by test inversion"
        if self.bootstrap is not None:
            how += f", {self._to(self.bootstrap.conf_int)} by bootstrap"
        return (
            f"Had nobody in {self.possible} switched, the hazard ratio {self.groups[1]} v {self.groups[0]} would have "
            f"been {results.fixed(self.hazard_ratio, 2)} ({how}), {p}; time ratio {results.fixed(self.time_ratio, 2)} "
            f"({level} {self._to(self.time_ratio_conf_int)}) ({self.method})"
        )

    @staticmethod
    def _to(limits: tuple[float, float]) -> str:
        return " to ".join(results.fixed(x, 2) for x in limits)

    def rows(self) -> list[Row]:
        """Estimates with limits, P as observed, roots, losses, Z over the grid and notes, as rows of the long table."""
        rows = []
        low, high = self.limit_reasons
        for name, value, limits, why in (
            ("psi", self.psi, self.psi_conf_int, (self.reason, low, high)),
            ("time ratio", self.time_ratio, self.time_ratio_conf_int, (self.reason, high, low)),
            ("hazard ratio", self.hazard_ratio, self.conf_int, (self.hazard_ratio_reason,) * 3),
        ):
            digits = 3 if name == "psi" else 2
            for kind, x, reason in zip(("", " lower limit", " upper limit"), (value, *limits), why, strict=True):
                rows.append(self._row(name + kind, x, results.fixed(x, digits), reason, self.level if kind else None))
        if self.bootstrap is not None:
            rows += self._bootstrap_rows(self.bootstrap)
        rows.append(self._row("log-rank P", self.p_value, results.p_value(self.p_value), self.observed.reason))
        for root in self.search.roots:
            rows.append(self._row("root of Z", root, results.fixed(root, 3)))
        rows += loss_rows(self.recensored, self.method, self.origin)
        for at, z in zip(self.search.grid.tolist(), self.search.z.tolist(), strict=True):
            reason = "" if math.isfinite(z) else "there is no statistic at this psi"
            rows.append(self._row("Z of the times without treatment", z, results.fixed(z, 3), reason, at=at))
        for kind, texts in (("note", self.notes), ("warning", self.warnings)):
            rows += [
                Row(statistic=f"{kind} on switching", text=t, method=self.method, origin=self.origin) for t in texts
            ]
        return rows

    def _bootstrap_rows(self, found: Bootstrap) -> list[Row]:
        rows = []
        for name, limits in (("psi", found.psi_conf_int), ("hazard ratio", found.conf_int)):
            for kind, x in zip((" lower limit", " upper limit"), limits, strict=True):
                text = results.fixed(x, 3 if name == "psi" else 2)
                rows.append(self._row(f"bootstrap {name}{kind}", x, text, found.reason, self.level))
        for name, n in (("bootstrap samples", found.draws), ("bootstrap samples without an estimate", found.failed)):
            rows.append(self._row(name, float(n), str(n)))
        return rows

    def _row(
        self, statistic: str, value: float, text: str, reason: str = "", level: float | None = None,
        at: float | None = None,
    ) -> Row:  # fmt: skip
        shown = results.number(value, text, "" if math.isfinite(value) else reason)
        return Row(statistic=statistic, level=level, at=at, method=self.method, origin=self.origin, **shown)  # type: ignore[arg-type]

    def table(self) -> pl.DataFrame:
        """The long table of the analysis."""
        return results.long_table(self.rows())
