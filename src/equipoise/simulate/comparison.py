"""What simulated trials say of every formula and of a design's test: a record, a sentence, and rows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from .. import results
from ..design import Plan
from ..design.plan_text import at_most
from ..results import NOT_ESTIMABLE, ROUNDING_NOTE, Row, fixed

if TYPE_CHECKING:
    import polars as pl

Vector = NDArray[np.float64]
ERRORS = 2  # what lies within so many Monte Carlo errors is not told apart
_RARE = 5e-4  # a smaller share of trials without their events is not spoken of
PLANNED, T_TYPE, SIMULATED = "bounds as planned", "t with events - 2 degrees of freedom", "bounds times a constant"


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """A formula's plan in whole numbers (None where there is none), and the ``power`` that it has in simulated trials
    with its Monte Carlo ``error``; ``unmet`` is the share of trials whose events never come. ``reason`` says why a
    plan is not simulated; its numbers are then ``nan``."""

    formula: str
    plan: Plan | None
    power: float = math.nan
    error: float = math.nan
    unmet: float = math.nan
    reason: str = ""

    @property
    def events(self) -> int:
        """Events at the last look; 0 without a plan."""
        return 0 if self.plan is None else int(fixed(self.plan.events, 0))

    @property
    def patients(self) -> int:
        """Patients; 0 without a plan."""
        return 0 if self.plan is None else int(fixed(self.plan.patients, 0))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CriticalValues:
    """Efficacy bounds ``z`` (k,) of the design, and in simulated trials the one-sided type I error (``size``) and the
    ``power`` that a test with them has, with Monte Carlo errors. ``constant``: by what the planned bounds were
    multiplied, with its Monte Carlo error; ``nan`` where they were not."""

    label: str
    z: Vector
    size: float
    size_error: float
    power: float
    power_error: float
    constant: float = math.nan
    constant_error: float = math.nan

    def __post_init__(self) -> None:
        results.read_only(self)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparison:
    """Every formula's plan and what simulated trials say of it, the fewest events first; then the test of the design.

    ``asked`` is the power asked for, None where the plan was solved for power or effect. ``critical`` holds the planned
    bounds, then, where their one-sided type I error is above ``alpha`` by more than two Monte Carlo errors, bounds that
    would keep it; empty where the design cannot be simulated (``reason``). The size of bounds for futility that are not
    ``binding`` is that of a trial which ignores them, for which alpha is promised.
    """

    trials: int
    seed: int
    asked: float | None
    formulas: tuple[Simulated, ...]
    alpha: float
    binding: bool | None
    critical: tuple[CriticalValues, ...]
    reason: str
    context: Row

    @property
    def kept(self) -> tuple[Simulated, ...]:
        """The formulas whose plans have the power asked for, or more, within two Monte Carlo errors."""
        goal = 0.0 if self.asked is None else self.asked
        return tuple(one for one in self.formulas if not one.reason and one.power >= goal - ERRORS * one.error)

    @property
    def reached(self) -> tuple[Simulated, ...]:
        """The formulas whose plans have the power asked for, or more, in the trials that were simulated: of these the
        one with the fewest events is named. An allowance for the error would name the luckiest of the small plans."""
        return tuple(one for one in self.kept if one.power >= (0.0 if self.asked is None else self.asked))

    @property
    def undecided(self) -> bool:
        """Whether plans of different sizes all have the power asked for within two Monte Carlo errors, no more and no
        less."""
        told = [one for one in self.formulas if not one.reason]
        alike = all(abs(self._off(one)) <= ERRORS * one.error for one in told)
        return self.asked is not None and alike and len({one.events for one in told}) > 1

    def _off(self, one: Simulated) -> float:
        """Power over what was asked for, or else over what the formula plans."""
        assert one.plan is not None
        return one.power - (one.plan.power if self.asked is None else self.asked)

    def verdict(self, one: Simulated) -> str:
        """What the simulated trials say of one formula, in a few words."""
        if one.reason:
            return NOT_ESTIMABLE
        off = self._off(one)
        points = f"{fixed(100 * abs(off), 1)} points"
        within = abs(off) <= ERRORS * one.error
        if self.asked is None:
            return "has what it plans" if within else f"{points} {'less' if off < 0 else 'more'} than planned"
        if self.undecided:
            return "not told apart"
        if off < 0:
            return f"{points} short" + (", which is within two errors" if within else "")
        more = one.events - self.reached[0].events
        if not more:
            return "fewest events that reach it" + ("" if within else f", {points} above")
        return f"reaches it with {more} {_events(more)} more" if within else f"{more} {_events(more)} too many"

    def __str__(self) -> str:
        return self._recommended() + self._inflated()

    def _inflated(self) -> str:
        """Powers flatter where the test claims too often."""
        if len(self.critical) < 2:
            return ""
        planned, kept = self.critical[0], self.critical[-1]
        sizes = f"{fixed(100 * planned.size, 2)}%", f"{fixed(100 * kept.power, 1)}%"
        error = fixed(100 * planned.size_error, 2)
        return (
            f"; but the test of this design had a one-sided type I error of {sizes[0]} (Monte Carlo error {error} "
            f"points), not {100 * self.alpha:.6g}%, which flatters these powers: with bounds that keep alpha in the "
            f"same trials its own is {sizes[1]}"
        )

    def _recommended(self) -> str:
        told = [one for one in self.formulas if not one.reason]
        if not told:
            return "No formula's plan can be simulated"
        error = fixed(100 * max(one.error for one in told), 2)
        how = f"{self.trials:,} simulated trials for each formula (Monte Carlo error up to {error} points)"
        if self.asked is None:
            return "; ".join([f"No power was asked for; in {how}", *_groups(self, told)])
        goal = f"{100 * self.asked:.6g}%"
        if self.undecided:
            return (
                f"The Monte Carlo error is too large to tell the formulas apart: in {how} all their plans, of "
                f"{told[0].events} to {told[-1].events} events, have the power of {goal} asked for within two errors"
                f"{_enough(self.asked, self.alpha, told)}"
            )
        if not self.kept:
            best = max(told, key=lambda one: one.power)
            first = f"no formula keeps the power of {goal} asked for within two errors; nearest is {_short(best)}"
            return "; ".join([f"In {how} {first}", *_groups(self, told)])
        if self.reached:
            least = [one for one in self.reached if one.events == self.reached[0].events]
            first = f"the power of {goal} asked for is reached with the fewest events by {_named(least)}: "
        else:
            least = [max(self.kept, key=lambda one: one.power)]
            first = (
                f"no formula reaches the power of {goal} asked for; nearest, within two errors, is {_named(least)}: "
            )
        first += f"{least[0].events} events among {least[0].patients} patients"
        return "; ".join([f"In {how} {first}", *_groups(self, [one for one in told if one not in least])])

    def rows(self) -> list[Row]:
        """Rows of the long table: the recommendation, each formula, and the bounds of the design."""
        shared = {name: getattr(self.context, name) for name in ("estimand", "population", "endpoint")}
        return [
            replace(row, analysis="comparison", role="simulation", origin="simulated", toml_path="design", **shared)
            for row in _rows(self)
        ]

    def table(self) -> pl.DataFrame:
        """The long table of all of it."""
        return results.long_table(self.rows())


def _events(number: int) -> str:
    return "event" if number == 1 else "events"


def _named(of: list[Simulated]) -> str:
    names = [_short(one) for one in of]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _groups(found: Comparison, of: list[Simulated]) -> Iterator[str]:
    """The formulas of which the same is said, each time once."""
    said: dict[str, list[Simulated]] = {}
    for one in of:
        said.setdefault(found.verdict(one), []).append(one)
    for verdict, those in said.items():
        yield f"{_named(those)}: {verdict}"


def _short(one: Simulated) -> str:
    """The name of a formula without its sources."""
    return one.formula.split(" (")[0]


def _enough(power: float, alpha: float, told: list[Simulated]) -> str:
    """How many trials would show it, were one end of these plans right: half of the difference in power that their
    events make is then four Monte Carlo errors."""
    sure = float(ndtri(1 - alpha))
    root = math.sqrt(told[-1].events / told[0].events)
    half = (float(ndtr(root * (sure + float(ndtri(power))) - sure)) - power) / 2
    thousands = math.ceil(power * (1 - power) * (2 * ERRORS / half) ** 2 / 1000)
    return f"; about {1000 * thousands:,} trials would tell them apart"


def _rows(found: Comparison) -> Iterator[Row]:
    method = (
        f"{found.trials:,} simulated trials, seed {found.seed}; log-rank test, times in whole days; "
        f" patients as the plan assumes them; {ROUNDING_NOTE}"
    )
    yield Row(statistic="sentence", text=str(found), method=method)
    for one in found.formulas:
        yield from _of_formula(found, one, {"group": one.formula, "method": f"{one.formula}; {method}"})
    if found.reason:
        yield Row(group=PLANNED, statistic="type I error", text=NOT_ESTIMABLE, reason=found.reason, method=method)
    for values in found.critical:
        yield from _of_bounds(found, values, {"group": values.label, "method": f"{_test(found)}; {method}"})


def _row(statistic: str, value: float, digits: int, more: dict[str, Any], at: float | None = None) -> Row:
    held: dict[str, Any] = results.number(value, fixed(value, digits))
    return Row(statistic=statistic, at=at, **held, **more)


def _of_formula(found: Comparison, one: Simulated, more: dict[str, Any]) -> Iterator[Row]:
    if one.plan is None:
        yield Row(statistic="events", text=NOT_ESTIMABLE, reason=one.reason, **more)
        return
    yield _row("events", one.events, 0, {"unit": "events", **more})
    patients = f"{at_most(one.plan)}{one.patients}"
    yield Row(statistic="patients", value=float(one.patients), text=patients, unit="patients", **more)
    yield _row("power planned", one.plan.power, 4, more)
    yield _row("power", one.power, 4, more)
    yield _row("power Monte Carlo error", one.error, 4, more)
    if one.unmet >= _RARE:
        yield _row("share of trials whose events never come", one.unmet, 4, more)
    yield Row(statistic="verdict", text=found.verdict(one), **more)


def _of_bounds(found: Comparison, one: CriticalValues, more: dict[str, Any]) -> Iterator[Row]:
    if math.isfinite(one.constant):
        yield _row("constant", one.constant, 4, more)
        yield _row("constant Monte Carlo error", one.constant_error, 4, more)
    for k, z in enumerate(one.z.tolist()):
        held = results.number(z, fixed(z, 3), "" if math.isfinite(z) else "no bound for efficacy at this look")
        yield Row(statistic="critical value z", at=float(k + 1), **held, **more)  # type: ignore[arg-type]
    yield _row("type I error", one.size, 4, more)
    yield _row("type I error Monte Carlo error", one.size_error, 4, more)
    yield _row("power", one.power, 4, more)
    yield _row("power Monte Carlo error", one.power_error, 4, more)
    yield Row(statistic="verdict", text=_level(found, one), **more)


def _test(found: Comparison) -> str:
    """What is simulated of the design's own test."""
    if found.binding is None:
        return "one-sided type I error at a hazard ratio of 1"
    obeyed = "obeyed" if found.binding else "ignored, since they are not binding"
    return f"one-sided type I error at a hazard ratio of 1, bounds for futility {obeyed}, power with them obeyed"


def _level(found: Comparison, one: CriticalValues) -> str:
    """The size of some bounds beside alpha."""
    alpha = f"{found.alpha:.6g}"
    if one.label == SIMULATED:
        return f"alpha {alpha}, fitted on these trials"
    off = one.size - found.alpha
    if abs(off) <= ERRORS * one.size_error:
        return f"within two errors of alpha {alpha}"
    return f"{fixed(100 * abs(off), 2)} points {'above' if off > 0 else 'below'} alpha {alpha}"
