"""A plan in words, as a statistician writes it, and its looks as a table."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from scipy.special import ndtr

from ..results import fixed, p_value
from ..units import DAYS_PER_MONTH, MONTH_LENGTH_NOTE
from .hazards import HazardRatio
from .methods import MaxCombo, Milestone, RestrictedMean, name_of

if TYPE_CHECKING:
    from .plan import Plan


def paragraph(plan: Plan) -> str:
    """The plan as it would stand in a protocol."""
    people, test = plan.population, plan.test
    sides = "one" if test.sided == 1 else "two"
    aim = "superiority" if plan.null_hazard_ratio == 1 else f"against a hazard ratio of {plan.null_hazard_ratio:g}"
    ratio = ":".join(f"{share:g}" for share in people.allocation)
    solved = " and ".join(solved_for(plan))
    return " ".join(
        (
            f"{people.experimental} against {people.control_arm}, {aim}, {sides}-sided alpha {test.alpha:g}:",
            f"{_number(plan.events)} events among {at_most(plan)}{_number(plan.patients)} patients give a power of",
            f"{fixed(100 * plan.power, 1)}% for {_effect(plan)}, by {name_of(plan.method)}.",
            f"Patients are randomized {ratio} ({people.experimental}:{people.control_arm}),",
            f"{plan.accrual}{_end(plan)}. {_assumed(plan)}",
            _looks(plan),
            f"On average the trial takes {_taken(plan, 'under_effect')} under that effect and",
            f"{_taken(plan, 'under_none')} under {_none(plan)}.",
            f"Solved for {solved}; {MONTH_LENGTH_NOTE}." if solved else f"{MONTH_LENGTH_NOTE.capitalize()}.",
        )
    )


def solved_for(plan: Plan) -> list[str]:
    """What was not given, by its name."""
    last = "the time of the last look" if plan.during_accrual else "follow-up"
    return [{"ratios": "the hazard ratio", "follow_up": last}.get(name, name) for name in plan.solved]


def at_most(plan: Plan) -> str:
    """What stands before a number of patients of whom not all will have entered by the last look."""
    return "at most " if plan.during_accrual else ""


def entered(plan: Plan) -> str:
    """How many are expected to have entered by the last look, where that comes during accrual."""
    return f"{_number(float(plan.look_patients[-1]))} of {_number(plan.patients)}"


def _end(plan: Plan) -> str:
    """How accrual and follow-up end."""
    each = plan.population.follow_up_each
    if plan.during_accrual:
        longest = "" if math.isinf(each) else f"; nobody is followed for longer than {_months(each)} months"
        return f"; {still_entering(plan)}{longest}"
    longest = "" if math.isinf(each) else f", none for longer than {_months(each)} months"
    return f", and the last is followed for {_months(plan.follow_up)} months{longest}"


def still_entering(plan: Plan) -> str:
    """Says of a last look that it comes during accrual."""
    return (
        f"the last look is expected at {_months(plan.duration)} months, while patients still enter: {entered(plan)} "
        "have entered by then"
    )


def _none(plan: Plan) -> str:
    """What the null hypothesis says: no effect, or one at the margin."""
    return "none" if plan.null_hazard_ratio == 1 else f"a hazard ratio of {plan.null_hazard_ratio:g}"


def _effect(plan: Plan) -> str:
    ratios = {str(one) for one in plan.hazard_ratio.values()}
    if len(ratios) > 1:
        return "hazard ratios of " + ", ".join(f"{one} ({name})" for name, one in plan.hazard_ratio.items())
    one = next(iter(plan.hazard_ratio.values()))
    return f"a hazard ratio of {_ratio(one)}"


def _ratio(one: HazardRatio) -> str:
    return fixed(one.values[0], 3) if len(one.values) == 1 else str(one)


def _assumed(plan: Plan) -> str:
    people = plan.population
    named = [
        f"{name}: {people.control[name]} ({fixed(100 * share, 0)}%)" for name, share in people.strata.items() if name
    ]
    curve = "; ".join(named) if named else str(people.control[""])
    leaving = {str(one) for one in people.dropout.values()}
    lost = "none" if leaving == {"none"} else ", ".join(f"{n} {_yearly(h)}" for n, h in people.dropout.items())
    return f"Assumed of {people.control_arm}: {curve}; dropout: {lost}."


def _yearly(one: object) -> str:
    return f"{fixed(100 * (1 - float(one.survival(365.25))), 1)}% in a year"  # type: ignore[attr-defined]


def _looks(plan: Plan) -> str:
    test = plan.test
    if len(plan.look_times) == 1:
        return f"One look, expected {_months(float(plan.look_times[0]))} months after the first patient."
    shares = _listed([f"{fixed(100 * t, 1)}%".replace(".0%", "%") for t in test.information_fractions.tolist()])
    times = _listed([_months(t) for t in plan.look_times.tolist()])
    basis = plan.information_basis.replace("events", "the events")
    binding = f"{'' if test.binding else 'not '}binding"
    if test.futility:
        futility = f"futility by {test.futility}, {binding}"
    else:
        futility = "no futility bound" if plan.futility_bounds is None else f"those for futility {binding}"
    return (
        f"Looks at {shares} of {basis}, expected {times} months after the first patient, with "
        f"{test.efficacy}; {futility}."
    )


def _taken(plan: Plan, which: str) -> str:
    found = getattr(plan, which)
    return f"{fixed(found.events, 1)} events, {fixed(found.patients, 1)} patients and {_months(found.duration)} months"


def _listed(texts: list[str]) -> str:
    return ", ".join(texts[:-1]) + f" and {texts[-1]}"


def _months(time: float) -> str:
    return fixed(time / DAYS_PER_MONTH, 1)


def _number(value: float) -> str:
    return fixed(value, 0) if abs(value - float(fixed(value, 0))) < 1e-9 else fixed(value, 1)


def table(plan: Plan) -> str:
    """The looks, one a line."""
    heads, rows = columns(plan)
    widths = [max(len(head), *(len(row[i]) for row in rows)) for i, head in enumerate(heads)]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in (heads, *rows)]
    return "\n".join(lines)


def columns(plan: Plan) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of the table of looks."""
    heads = ["look", "months", "events", "patients", "efficacy z"]
    normal = not isinstance(plan.method, MaxCombo)
    if normal:
        heads.append("P (one-sided)" if plan.test.sided == 1 else "P (two-sided)")
    unit = {RestrictedMean: "days", Milestone: "difference"}.get(type(plan.method), "HR")
    if plan.efficacy_effects is not None:  # the largest of several statistics has neither P nor estimate
        heads.append(f"{unit} at it")
    heads += ["alpha used", "power"]
    if plan.futility_bounds is not None:
        heads.append("futility z")
        if plan.futility_effects is not None:
            heads.append(f"{unit} at it ")
        heads.append("P(stop)")
    if plan.harm_bounds is not None:
        heads.append("harm z")
    return heads, [_cells(plan, k, normal) for k in range(len(plan.look_times))]


def _cells(plan: Plan, k: int, normal: bool) -> list[str]:
    """A row of the table of looks; ``normal`` where a bound has a P."""
    z = float(plan.efficacy_bounds[k])
    row = [str(k + 1), _months(float(plan.look_times[k])), _number(float(plan.look_events[k].sum()))]
    row += [_number(float(plan.look_patients[k])), _bound(z)]
    if normal:
        row.append(p_value(plan.test.sided * float(ndtr(-z))) if math.isfinite(z) else "none")
    if plan.efficacy_effects is not None:
        row.append(_at_bound(plan, z, float(plan.efficacy_effects[k])))
    row += [fixed(float(plan.test.alpha_spent[k]), 4), fixed(float(plan.stop_for_efficacy[: k + 1].sum()), 4)]
    if plan.futility_bounds is not None:
        z = float(plan.futility_bounds[k])
        if plan.test.sided == 2 and z == 0:  # no inner bound
            z = -math.inf
        row.append(_bound(z))
        if plan.futility_effects is not None:
            row.append(_at_bound(plan, z, float(plan.futility_effects[k])))
        row.append(fixed(float(plan.stop_for_futility[k]), 4))
    if plan.harm_bounds is not None:
        row.append(_bound(float(plan.harm_bounds[k])))
    return row


def _at_bound(plan: Plan, z: float, effect: float) -> str:
    return fixed(effect, 2 if isinstance(plan.method, RestrictedMean) else 3) if math.isfinite(z) else "none"


def _bound(z: float) -> str:
    return fixed(z, 3) if math.isfinite(z) else "none"
