"""How much worse censored subjects must have fared for a result to be lost: the tipping point."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from .. import results
from ..data import TimeToEvent
from ..design.given import real_number, whole_number
from ..errors import DataError, EquipoiseError
from ..results import Origin, Row
from ..survival import cox
from ..survival.convention import ArgumentError, check_level, resolve_stratified
from .imputation import Pooled, completed, deltas_by_arm, ends, marks, pool, random_numbers, require_plain

if TYPE_CHECKING:
    import polars as pl

LOST_AT_ONCE = "the result is not significant at the first delta already"
NEVER_LOST = "the result stays significant over the whole grid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The pooled hazard ratio at one delta, with limits and two-sided P; ``events`` is the mean over imputations."""

    delta: float
    hazard_ratio: float
    conf_int: tuple[float, float]
    p_value: float
    events: float
    pooled: Pooled


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TippingPoint:
    """The hazard ratio under each delta, and the first at which its P exceeds alpha; ``nan`` with a ``reason`` if none.

    ``filled`` subjects are censored ones whose times were drawn.
    """

    steps: tuple[Step, ...]
    delta: float
    arm: str
    imputations: int
    filled: int
    seed: int
    alpha: float
    level: float
    reason: str
    method: str
    origin: Origin

    def __str__(self) -> str:
        if self.reason:
            return f"Tipping point {results.NOT_ESTIMABLE}: {self.reason} ({self.method})"
        return (
            f"Tipping point: the result is lost once the hazard after censoring in {self.arm} is "
            f"{self.delta:g} times as high ({self.method})"
        )

    def rows(self) -> list[Row]:
        """The tipping point, then hazard ratio, limits and P at each delta, as rows of the long table."""
        rows = [self._row("tipping point", self.delta, f"{self.delta:g}", "", self.reason)]
        for step in self.steps:
            group = f"delta {step.delta:g}"
            names = ("hazard ratio", "hazard ratio lower limit", "hazard ratio upper limit")
            for name, value in zip(names, (step.hazard_ratio, *step.conf_int), strict=True):
                level = self.level if "limit" in name else None
                rows.append(self._row(name, value, results.fixed(value, 2), group, level=level))
            rows.append(self._row("pooled P", step.p_value, results.p_value(step.p_value), group))
            rows.append(self._row("mean events", step.events, results.fixed(step.events, 1), group))
        return rows

    def _row(
        self, statistic: str, value: float, text: str, group: str, reason: str = "", level: float | None = None
    ) -> Row:
        shown = results.number(value, text, reason)
        return Row(
            group=group, statistic=statistic, level=level, method=self.method, origin=self.origin, **shown  # type: ignore[arg-type]
        )  # fmt: skip

    def table(self) -> pl.DataFrame:
        """The long table of the steps."""
        return results.long_table(self.rows())


def tipping_point(
    tte: TimeToEvent,
    *,
    deltas: Sequence[float],
    until: str | ArrayLike,
    seed: int,
    imputations: int = 100,
    arm: str | None = None,
    reference: str | None = None,
    censored: ArrayLike | None = None,
    stratified: bool | None = None,
    alpha: float = 0.05,
    level: float = 0.95,
) -> TippingPoint:
    """How the hazard ratio changes as the hazard of one arm's censored subjects grows, and where its P passes alpha.

    For each of ``deltas``, in the order given, censored times are filled in ``imputations`` times (see ``impute``),
    with delta on the hazard after censoring in ``arm`` (default: the experimental one) and 1 in the other; the log
    hazard ratios of a Cox model (Efron ties) are pooled by Rubin's rules. The random numbers are the same for
    every delta. With ``reference`` both arms follow that arm's curve after censoring. Source: Lipkovich, Ratitch and
    O'Kelly 2016.

    Raises ``ArgumentError`` for a grid or number of imputations that is none, ``DataError`` where a completed data set
    has no hazard ratio.

    >>> time, event = [3, 5, 7, 2, 4, 9, 2, 4, 6, 3, 5, 1], [1, 0, 1, 0, 1, 0, 1, 1, 1, 0, 1, 1]
    >>> tte = TimeToEvent(time, event, ["B"] * 6 + ["A"] * 6, control="A", experimental="B", unit="months")
    >>> found = tipping_point(tte, deltas=[0.1, 1, 10], until="8 months", seed=1, imputations=20, alpha=0.15)
    >>> [results.fixed(step.hazard_ratio, 2) for step in found.steps], found.delta
    (['0.22', '0.29', '0.36'], 10.0)
    """
    level = check_level(level)
    require_plain(tte)
    if tte.experimental is None:
        raise ArgumentError("a tipping point compares two arms", remedy="Name control and experimental.")
    if np.asarray(deltas, dtype=object).ndim != 1:
        raise ArgumentError(f"{deltas!r} is no list of deltas", where="deltas", remedy="Such as [1, 1.5, 2].")
    if (whole_number(imputations) or 0) < 2 or not len(deltas) or not 0 < real_number(alpha) < 1:
        raise ArgumentError(
            f"{imputations!r} imputations, {len(deltas)} deltas, alpha {alpha!r}",
            remedy="Give two imputations or more, a list of deltas such as [1, 1.5, 2], and alpha between 0 and 1.",
        )
    changed = tte.experimental if arm is None else arm
    by_stratum = resolve_stratified(stratified, tte.strata)
    marked = marks(tte, censored)
    fill_in = partial(
        completed, tte, reference=reference, censored=marked, until=ends(tte, until), stratified=by_stratum
    )
    draws = [random_numbers(tte, seed, number) for number in range(1, imputations + 1)]
    steps = []
    for delta in deltas:
        factors = deltas_by_arm(tte, {changed: delta})
        fits = [_fit(fill_in(d, delta=factors), by_stratum, float(delta), i) for i, d in enumerate(draws, 1)]
        coef, variance, events = np.array(fits).T
        pooled = pool(coef, variance)
        low, high = pooled.limits(level)
        steps.append(
            Step(
                delta=float(delta),
                hazard_ratio=math.exp(pooled.estimate),
                conf_int=(math.exp(low), math.exp(high)),
                p_value=pooled.p_value,
                events=float(events.mean()),
                pooled=pooled,
            )
        )
    lost = [step.delta for step in steps if step.p_value > alpha]
    first = lost[0] if lost else math.nan
    at_once = steps[0].p_value > alpha
    return TippingPoint(
        steps=tuple(steps),
        delta=math.nan if at_once else first,
        arm=changed,
        imputations=int(imputations),
        filled=int(marked.sum()),
        seed=seed,
        alpha=float(alpha),
        level=level,
        reason=LOST_AT_ONCE if at_once else NEVER_LOST if not lost else "",
        method=_method(tte, imputations, changed, reference, by_stratum),
        origin=tte.origin,
    )


def _fit(tte: TimeToEvent, stratified: bool, delta: float, number: int) -> tuple[float, float, int]:
    """Log hazard ratio, its variance, and events of one completed data set."""
    try:
        fit = cox(tte, stratified=stratified)
    except EquipoiseError as error:
        error.args = (f"imputation {number}, delta {delta:g}: {error}",)
        raise
    if fit.reasons[0]:
        raise DataError(
            f"imputation {number}, delta {delta:g} has no hazard ratio: {fit.reasons[0]}",
            remedy="There are too few events for a tipping point.",
        )
    return float(fit.coef[0]), float(fit.se[0]) ** 2, fit.events


def _method(tte: TimeToEvent, imputations: int, arm: str, reference: str | None, stratified: bool) -> str:
    by = " and stratum" if stratified else ""
    curves = f"curve of {reference}" if reference else "Kaplan-Meier curves by arm"
    model = f"Cox model, Efron ties, {'stratified' if stratified else 'unstratified'}"
    return (
        f"{imputations} imputations, delta on the hazard after censoring in {arm}, {curves}{by}, bootstrap; {model}; "
        "Rubin's rules, two-sided"
    )
