"""A plan in whole numbers: events that can be counted, patients in whole blocks of every stratum."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

from ..errors import DesignError
from ..results import fixed
from ..units import DAYS_PER_MONTH
from .accrual import Accrual
from .course import events_share, longest
from .given import FrozenMapping, whole_number
from .group_sequential import GroupSequential, group_sequential
from .methods import counts_events
from .plan import Plan
from .plan_document import TEST, decoded
from .survival_design import survival

_LARGEST = 10**6  # patients in a block
_ROUNDING = 1e-7  # 150.00000003 events are 150


def in_whole_numbers(plan: Plan, *, block_size: int | None = None) -> Plan:
    """The plan with whole events at each look and whole blocks in each stratum, and the power that it then has.

    The last look has the events rounded up, the others the nearest whole number, and bounds are those of these
    fractions; the looks of a test with information of its own stay at their fractions of it. Each stratum has its
    patients rounded up to whole blocks of ``block_size``, by default the smallest that holds the allocation, and more
    where so many never have the events; its share is what it then is. Accrual at relative rates quickens, at absolute
    rates it lasts as long as is needed; the follow-up is what the events take. More patients
    have the events sooner: where an effect changes with time, and by the score where arms are very unequal or nearly
    all have events, the power may then fall.

    Raises ``DesignError`` for a block that does not hold the allocation, for looks that fall on one event, and where
    the last look would come before the last patient though it did not in ``plan``.

    >>> from equipoise.design import accrual, group_sequential, median, obrien_fleming
    >>> test = group_sequential(alpha=0.025, sided=1, information_fractions=[0.5, 1], efficacy=obrien_fleming())
    >>> plan = survival(test, hazard_ratio=0.65, power=0.9, control=median("6 months"), allocation={"B": 2, "A": 1},
    ...                 accrual=accrual("24 months"), follow_up="12 months")
    >>> whole = in_whole_numbers(plan)
    >>> whole.patients, whole.look_events.sum(axis=1).round(6).tolist(), whole.power > 0.9
    (306.0, [128.0, 257.0], True)
    """
    if not isinstance(plan, Plan):
        raise DesignError(f"{plan!r} is no plan", where="in_whole_numbers", remedy="Give what survival() returns.")
    block = _block(plan.population.allocation, block_size)
    events = _events(plan)
    numbers = _patients(plan, block, events[-1])
    patients = sum(numbers.values())
    given: dict[str, Any] = {name: decoded(value) for name, value in plan.inputs.items()}
    strata = given["strata"] and {name: number / patients for name, number in numbers.items()}
    asked = {
        **given,
        "test": _at(plan.test, [one / events[-1] for one in events]) if counts_events(plan.method) else plan.test,
        "hazard_ratio": _ratios(plan, given["strata"]),
        "power": None,
        "events": events[-1],
        "patients": patients,
        "follow_up": None,
        "strata": strata,
        "accrual": _accrual(plan, given["accrual"], patients),
    }
    found = survival(**asked)
    if found.during_accrual and not plan.during_accrual:
        raise DesignError(
            f"in whole blocks of {block}, {events[-1]} events are expected {_months(found.duration)} months after the "
            f"first patient, before the last enters at {_months(found.accrual.duration)}",
            where="follow_up" if block_size is None else "block_size",
            remedy="Follow the last patient for longer, or take a smaller block.",
        )
    return found


def _months(time: float) -> str:
    return fixed(time / DAYS_PER_MONTH, 2)


def _events(plan: Plan) -> list[int]:
    """Whole events at each look; at the last alone, where looks come by information of another kind."""
    last = math.ceil(plan.events - _ROUNDING)
    if not counts_events(plan.method):
        return [last]
    planned = plan.test.information_fractions[:-1] * plan.events
    events = [*(int(fixed(float(one), 0)) for one in planned), last]
    if any(later <= former for former, later in zip([0, *events], events, strict=False)):
        raise DesignError(
            f"looks at {', '.join(map(str, events))} events are not one after the other",
            where="information_fractions",
            remedy="Have fewer looks.",
        )
    return events


def _patients(plan: Plan, block: int, events: int) -> dict[str, int]:
    """Whole blocks in each stratum, as many as the planned patients need, and as ever have so many events."""
    wanted = plan.patients
    while True:
        numbers = {
            name: block * math.ceil(share * wanted / block - _ROUNDING)
            for name, share in plan.population.strata.items()
        }
        patients = sum(numbers.values())
        shares = FrozenMapping({name: number / patients for name, number in numbers.items()})
        course = replace(plan.population, strata=shares).course(plan.hazard_ratio, plan.accrual)
        most = patients * events_share(course, longest(course))
        if most >= events:
            return numbers
        wanted = max(wanted * events / most, wanted + 1)


def _block(allocation: tuple[float, float], block_size: int | None) -> int:
    ratio = Fraction(allocation[0] / allocation[1]).limit_denominator(100)
    least = ratio.numerator + ratio.denominator
    if block_size is None:
        return least
    size = whole_number(block_size)
    if size is None or not 1 <= size < _LARGEST or size % least:
        raise DesignError(
            f"a block of {block_size!r} does not hold {ratio.numerator}:{ratio.denominator}",
            where="block_size",
            remedy=f"Take a multiple of {least}.",
        )
    return size


def _at(test: GroupSequential, fractions: list[float]) -> GroupSequential:
    """The same test at other information fractions; errors are spent at those, unless at others from the start."""
    made: dict[str, Any] = {name: getattr(test, name) for name in TEST}
    if (test.spending_fractions == test.information_fractions).all():
        made["spending_fractions"] = None
    return group_sequential(**{**made, "information_fractions": fractions})


def _ratios(plan: Plan, strata: object) -> object:
    return plan.hazard_ratio if strata else next(iter(plan.hazard_ratio.values()))


def _accrual(plan: Plan, given: Accrual, patients: int) -> Accrual:
    """Rates that were given stay as they are, and the last period ends when all have entered."""
    if given.relative:
        return plan.accrual.scaled(patients)
    return given.until(patients)
