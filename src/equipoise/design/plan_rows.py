"""A plan as rows of the long table: what was assumed, every number of its looks, and the curves that figures need."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from .. import results
from ..results import Row, fixed
from ..units import DAYS_PER_MONTH
from .conditional_power import conditional_power
from .course import events_share
from .methods import MaxCombo, Milestone, RestrictedMean, name_of
from .plan_text import entered, still_entering
from .spending import HwangShihDeCani, KimDeMets, LanDeMets

if TYPE_CHECKING:
    from .plan import Plan

Vector = NDArray[np.float64]
_POINTS = 120  # of a curve over calendar time, at the most
_NO_TEST = "a MaxCombo test has no normal statistic"
UNDER_EFFECT, UNDER_NONE = "under the effect", "under no effect"


def plan_rows(plan: Plan) -> list[Row]:
    """The rows of a plan. ``at`` is the number of the look; of "hazard ratio" the day on from which it holds, of "curve
    expected" rows the day after the first patient, of "curve ... spent" rows the information fraction. Nobody has been
    observed: ``origin`` is empty."""
    method = f"{plan.test.method}; {name_of(plan.method)}"
    rows = [*_totals(plan), *_looks(plan), *_bounds(plan), *_course(plan), *_spending(plan)]
    return [replace(row, method=row.method or method, origin="") for row in rows]


def _row(
    statistic: str,
    value: float,
    text: str,
    *,
    group: str = "",
    at: float | None = None,
    unit: str = "",
    reason: str = "",
    method: str = "",
) -> Row:
    shown = results.number(value, text, "" if math.isfinite(value) else reason)
    return Row(statistic=statistic, group=group, at=at, unit=unit, method=method, **shown)  # type: ignore[arg-type]


def _months(time: float) -> str:
    return fixed(time / DAYS_PER_MONTH, 1)


def _count(value: float) -> str:
    """An expected number of people: whole where it is, or with a decimal."""
    return fixed(value, 0) if abs(value - float(fixed(value, 0))) < 1e-9 else fixed(value, 1)


def _share(value: float) -> str:
    """A probability, bounded at both ends as P values are; nothing is 0."""
    return "0" if value == 0 else results.p_value(value)


def _totals(plan: Plan) -> Iterator[Row]:
    people, test = plan.population, plan.test
    yield Row(statistic="sentence", text=str(plan).removesuffix("."))
    yield _row("alpha", test.alpha, f"{test.alpha:g}, {'one' if test.sided == 1 else 'two'}-sided")
    yield _row("power", plan.power, fixed(plan.power, 4))
    for name, ratio in plan.hazard_ratio.items():
        for start, value in zip(ratio.starts, ratio.values, strict=True):
            yield _row("hazard ratio", value, fixed(value, 3), group=name, at=start)
    yield _row("null hazard ratio", plan.null_hazard_ratio, f"{plan.null_hazard_ratio:g}")
    yield _row("events in all", plan.events, _count(plan.events))
    yield _row("patients in all", plan.patients, _count(plan.patients))
    if plan.during_accrual:
        yield _row("patients by the last look", float(plan.look_patients[-1]), entered(plan))
    for arm, share in ((people.experimental, people.share), (people.control_arm, 1 - people.share)):
        yield _row("patients in all", plan.patients * share, _count(plan.patients * share), group=arm)
    for name, share in people.strata.items():
        if name:
            yield _row("patients in all", plan.patients * share, _count(plan.patients * share), group=name)
    for what, time, why in (
        ("accrual duration", plan.accrual.duration, ""),
        ("follow-up of the last patient", plan.follow_up, still_entering(plan) if plan.during_accrual else ""),
        ("duration", plan.duration, ""),
    ):
        yield replace(_row(what, time, f"{_months(time)} months", unit="days"), reason=why)
    for group, taken in ((UNDER_EFFECT, plan.under_effect), (UNDER_NONE, plan.under_none)):
        yield _row("expected events", taken.events, fixed(taken.events, 1), group=group)
        yield _row("expected patients", taken.patients, fixed(taken.patients, 1), group=group)
        yield _row("expected duration", taken.duration, f"{_months(taken.duration)} months", group=group, unit="days")
    if test.inflation is not None:
        yield _row("inflation of information by the looks", test.inflation, fixed(test.inflation, 4))


def _looks(plan: Plan) -> Iterator[Row]:
    people, test = plan.population, plan.test
    power, false = np.cumsum(plan.stop_for_efficacy), np.cumsum(plan.false_claim)
    for k, at in enumerate(range(1, len(plan.look_times) + 1)):

        def share(statistic: str, value: float, at: int = at) -> Row:
            return _row(statistic, float(value), _share(float(value)), at=at)

        control, experimental = (float(x) for x in plan.look_events[k])
        fraction = float(test.information_fractions[k])
        yield _row("information fraction", fraction, fixed(fraction, 4), at=at)
        time = float(plan.look_times[k])
        yield _row("look time", time, f"{_months(time)} months", at=at, unit="days")
        yield _row("events", control + experimental, _count(control + experimental), at=at)
        yield _row("events", experimental, _count(experimental), at=at, group=people.experimental)
        yield _row("events", control, _count(control), at=at, group=people.control_arm)
        yield _row("patients", float(plan.look_patients[k]), _count(float(plan.look_patients[k])), at=at)
        yield _row("dropouts", float(plan.look_dropouts[k]), _count(float(plan.look_dropouts[k])), at=at)
        yield share("alpha spent", test.alpha_spent[k])
        if test.beta_spent is not None:
            yield share("beta spent", test.beta_spent[k])
        yield share("probability of efficacy by then", power[k])
        yield share("probability of stopping for efficacy", plan.stop_for_efficacy[k])
        yield share("probability of stopping for futility", plan.stop_for_futility[k])
        yield share("probability of a false claim by then", false[k])


def _bounds(plan: Plan) -> Iterator[Row]:
    """Bounds on the scales of Z, P, the estimate and conditional power."""
    sides = [("efficacy", plan.efficacy_bounds, plan.efficacy_effects)]
    if plan.futility_bounds is not None:
        sides.append(("futility", plan.futility_bounds, plan.futility_effects))
    name, unit, digits = _scale(plan)
    for side, bounds, effects in sides:
        for k, z in enumerate(bounds.tolist()):
            at, of = k + 1, f"{side} bound"
            if not math.isfinite(z) or (side == "futility" and plan.test.sided == 2 and z == 0):
                yield Row(statistic=f"{of} z", at=at, text="none", reason="there is no bound at this look")
                continue
            yield _row(f"{of} z", z, fixed(z, 3), at=at)
            combo = isinstance(plan.method, MaxCombo)
            p = math.nan if combo else float(ndtr(-z))
            yield _row(f"{of} P one-sided", p, results.p_value(p), at=at, reason=_NO_TEST)
            if plan.test.sided == 2 and side == "efficacy":
                yield _row(f"{of} P two-sided", 2 * p, results.p_value(2 * p), at=at, reason=_NO_TEST)
            if effects is not None:
                value = float(effects[k])
                yield _row(f"{of} {name}", value, fixed(value, digits), at=at, unit=unit)
            if at < len(bounds):
                yield _conditional(plan, side, z, at)


def _scale(plan: Plan) -> tuple[str, str, int]:
    """What a test estimates: its name, unit and decimals."""
    if isinstance(plan.method, RestrictedMean):
        return "difference in restricted means", "days", 2
    if isinstance(plan.method, Milestone):
        return "difference in survival", "", 3
    return "hazard ratio", "", 3


def _conditional(plan: Plan, side: str, z: float, at: int) -> Row:
    """The chance of efficacy later, should the trial go on from its bound as it went so far, whatever futility says."""
    chance = math.nan
    if not isinstance(plan.method, MaxCombo):
        chance = float(conditional_power(plan.test, z, look=at, obey_futility=False)[-1])
    return _row(
        f"{side} bound conditional power",
        chance,
        _share(chance),
        at=at,
        reason=_NO_TEST,
        method="conditional power under the trend so far, further futility bounds not obeyed",
    )


def _course(plan: Plan) -> Iterator[Row]:
    """Expected events and patients over calendar time."""
    n, course = plan.patients, plan.population.course(plan.hazard_ratio, plan.accrual)
    last = math.ceil(max(plan.duration, plan.accrual.duration) / DAYS_PER_MONTH)
    step = math.ceil(last / _POINTS)
    changes = np.cumsum(plan.accrual.lengths).tolist()  # where the line of patients bends
    days = sorted({*(month * DAYS_PER_MONTH for month in range(0, last + step, step)), *changes})
    for group, one in ((UNDER_EFFECT, course), (UNDER_NONE, course.under(plan.null_hazard_ratio))):
        for day in days:
            events = n * events_share(one, day)
            yield _row("curve expected events", events, fixed(events, 1), group=group, at=day)
    for day, share in zip(days, plan.accrual.entered(days).tolist(), strict=True):
        yield _row("curve expected patients", n * share, fixed(n * share, 1), at=day)


def _spending(plan: Plan) -> Iterator[Row]:
    """Spending functions between the looks, where errors are spent by information."""
    test = plan.test
    if (test.spending_fractions != test.information_fractions).any():
        return
    fractions = np.linspace(0, 1, 101)
    beta = None if test.power is None else 1 - test.power
    for name, function, error in (("alpha", test.efficacy, test.alpha), ("beta", test.futility, beta)):
        if not isinstance(function, LanDeMets | KimDeMets | HwangShihDeCani) or error is None:
            continue
        sides = test.sided if name == "alpha" else 1
        spent = sides * function.spent(fractions, error / sides)
        for t, value in zip(fractions.tolist(), spent.tolist(), strict=True):
            yield _row(f"curve {name} spent", value, fixed(value, 4), at=t, method=str(function))
