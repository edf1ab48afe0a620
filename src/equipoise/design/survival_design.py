"""Designs a two-arm trial with a time to an event."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal, TypedDict

from ..errors import DesignError
from ..units import days
from .accrual import Accrual
from .futility import FutilityBounds
from .given import FrozenMapping, real_number
from .group_sequential import GroupSequential
from .hazards import Hazard, HazardRatio
from .methods import MaxCombo, Method, Milestone, RestrictedMean, check_method, effect_at, is_formula, name_of
from .plan import Plan, plan_of
from .plan_document import encoded
from .population import population, ratios_of
from .size import Asked, Solved, solve

_LONGEST = 100 * 365.25  # days
_FAR = 3.0
EventIs = Literal["harm", "benefit"]
Ratio = float | HazardRatio | Mapping[str, float | HazardRatio]


class Inputs(TypedDict, total=False):
    """The arguments of ``survival`` but the test."""

    control: Hazard | Mapping[str, Hazard]
    allocation: Mapping[str, float]
    accrual: Accrual
    hazard_ratio: Ratio | None
    null_hazard_ratio: float
    power: float | None
    events: float | None
    patients: float | None
    follow_up: str | None
    dropout: Hazard | Mapping[str, Hazard] | None
    strata: Mapping[str, float] | None
    follow_up_each: str | None
    method: Method
    event_is: EventIs


def survival(  # noqa: PLR0913 - the house plan's public name; each is an assumption that a protocol states
    test: GroupSequential,
    *,
    control: Hazard | Mapping[str, Hazard],
    allocation: Mapping[str, float],
    accrual: Accrual,
    hazard_ratio: Ratio | None = None,
    null_hazard_ratio: float = 1.0,
    power: float | None = None,
    events: float | None = None,
    patients: float | None = None,
    follow_up: str | None = None,
    dropout: Hazard | Mapping[str, Hazard] | None = None,
    strata: Mapping[str, float] | None = None,
    follow_up_each: str | None = None,
    method: Method = "schoenfeld",
    event_is: EventIs = "harm",
) -> Plan:
    """Sizes a trial that compares the hazard of an event in two arms, with its looks and bounds.

    Of ``hazard_ratio`` (experimental over control), ``power``, ``events``, ``patients`` and ``follow_up`` (of the last
    patient) three are given, by themselves, by a test that has a power, or by accrual at absolute rates; the other two
    are solved for. Accrual with an open end is solved for with the patients. Where both events and patients are given
    and the events are expected before the last patient enters, the last look comes then (``Plan.during_accrual``).

    ``control`` is the hazard of the control arm (``median``, ``hazard``, ``survival_at``), by stratum if ``strata``
    gives shares; ``dropout`` is of both arms or by arm; ``allocation`` names the experimental arm first. Without
    ``follow_up_each`` patients are followed until the last look. ``null_hazard_ratio`` above 1 makes a test of
    non-inferiority where events are harm.

    ``method`` says how effect and power are tied: a formula for a constant hazard ratio ("schoenfeld", "freedman",
    "hsieh-freedman", "lachin-foulkes", "bernstein-lagakos"), "score", "exact score" or "average hazard ratio" for any,
    a weighted log-rank test (``FlemingHarrington``, ``ModestlyWeighted``), ``RestrictedMean``, ``Milestone`` or
    ``MaxCombo``.
    Events and patients are not rounded: see ``in_whole_numbers``.

    Raises ``DesignError`` for what is no design, with the nearest that is; ``UnsupportedError`` for more than two
    arms.

    >>> from equipoise.design import accrual, group_sequential, median, obrien_fleming
    >>> test = group_sequential(alpha=0.025, sided=1, information_fractions=[0.4, 0.7, 1], efficacy=obrien_fleming())
    >>> plan = survival(test, hazard_ratio=0.65, power=0.9, control=median("6 months"), allocation={"B": 1, "A": 1},
    ...                 accrual=accrual("24 months"), follow_up="12 months")
    >>> f"{plan.events:.3f} {plan.patients:.3f}"
    '230.645 267.061'
    """
    given: Inputs = {
        "control": control,
        "allocation": allocation,
        "accrual": accrual,
        "hazard_ratio": hazard_ratio,
        "null_hazard_ratio": null_hazard_ratio,
        "power": power,
        "events": events,
        "patients": patients,
        "follow_up": follow_up,
        "dropout": dropout,
        "strata": strata,
        "follow_up_each": follow_up_each,
        "method": method,
        "event_is": event_is,
    }
    asked = _asked(test, given)
    inputs = {"test": test, **given}
    solved = solve(asked)
    if method == "exact score":
        _check_near(asked, solved)
    return plan_of(asked, solved, FrozenMapping({name: encoded(value) for name, value in inputs.items()}))


def _check_near(asked: Asked, solved: Solved) -> None:
    """Refuses a trial so far from no effect that a variance of first order says nothing."""
    seen = effect_at(asked.course(solved.ratios, solved.accrual), solved.end, asked.method, asked.null_ratio)
    if not 1 / _FAR < seen.null / seen.real < _FAR:
        raise DesignError(
            f"Z would have variance {seen.null / seen.real:.3g}: so far from no effect this is no approximation",
            where="method",
            remedy='Take arms of more equal size or a smaller effect, or method="score".',
        )


def _asked(test: GroupSequential, given: Inputs) -> Asked:
    """What is asked for, or why it is no design."""
    if not isinstance(test, GroupSequential):
        raise DesignError(f"{test!r} is no test", where="survival", remedy="Give what group_sequential() returns.")
    method, accrual, event_is = given["method"], given["accrual"], given["event_is"]
    check_method(method)
    _check_test(test, given["null_hazard_ratio"], event_is)
    if not isinstance(accrual, Accrual):
        raise DesignError(
            f"{accrual!r} is no accrual", where="accrual", remedy='Such as eq.design.accrual("24 months").'
        )
    if not isinstance(event_is, str) or event_is not in ("harm", "benefit"):
        raise DesignError(f"event_is = {event_is!r}", where="event_is", remedy='Say "harm" or "benefit".')
    follow_up, each = given["follow_up"], given["follow_up_each"]
    people = population(given["control"], given["allocation"], given["dropout"], given["strata"], each)
    sign = 1 if event_is == "harm" else -1
    null = _null(given["null_hazard_ratio"], method)
    ratio = given["hazard_ratio"]
    ratios = None if ratio is None else ratios_of(ratio, people.strata)
    if ratios is not None:
        _check_effect(ratios, null, sign, method)
    asked = Asked(
        test=test,
        method=method,
        null_ratio=null,
        sign=sign,
        population=people,
        accrual=accrual,
        ratios=ratios,
        power=_power(given["power"], test),
        events=_positive("events", given["events"]),
        patients=_patients(given["patients"], accrual),
        follow_up=_follow_up(follow_up, each),
    )
    if given["power"] is None and _known(asked) == 4:
        asked = replace(asked, power=None)  # a test made for a power may be asked which it has
    if follow_up is None and each is not None and _known(asked) < 3:
        asked = replace(asked, follow_up=days(each))  # the last look comes when the last patient is through
    return asked


def _check_test(test: GroupSequential, null: object, event_is: object) -> None:
    """Refuses a test that is not as planned, and futility by hazard ratio where z = 0 is another or above is worse."""
    if test.seen is not None:
        raise DesignError(
            "the test is at information that was observed",
            where="test",
            remedy="Take it as it was planned; Plan.decide finds the bounds at a look.",
        )
    by_ratio = isinstance(test.futility, FutilityBounds) and test.futility.kind == "hazard_ratio"
    if by_ratio and (str(event_is) == "benefit" or real_number(null) != 1):
        raise DesignError(
            "futility bounds by hazard ratio are those of a test of 1, in which less is better",
            where="futility",
            remedy="Give them as z, p or conditional power; plan.futility_effects says which hazard ratio each is.",
        )


def _known(asked: Asked) -> int:
    given = (asked.ratios, asked.power, asked.events, asked.patients, asked.follow_up)
    return sum(value is not None for value in given)


def _null(given: object, method: Method) -> float:
    null = real_number(given)
    if not 0 < null < math.inf:
        raise DesignError(
            f"null_hazard_ratio = {given!r} is none", where="null_hazard_ratio", remedy="1, or a margin such as 1.3."
        )
    if null != 1 and (
        method in ("freedman", "hsieh-freedman") or isinstance(method, RestrictedMean | Milestone | MaxCombo)
    ):
        raise DesignError(
            f"{name_of(method)} has no margin on the hazard ratio",
            where="null_hazard_ratio",
            remedy='Take method="schoenfeld", "lachin-foulkes" or "exact score".',
        )
    return null


def _check_effect(ratios: Mapping[str, HazardRatio], null: float, sign: int, method: Method) -> None:
    """Formulas want one constant ratio; all want an effect, and a formula one in the right direction."""
    values = {value for one in ratios.values() for value in one.values}
    if values == {null}:
        raise DesignError(
            f"the hazard ratio {null:g} is the null hazard ratio: no trial finds no effect",
            where="hazard_ratio",
            remedy=f"Such as {0.7 * null if sign > 0 else null / 0.7:.2g}.",
        )
    if not is_formula(method):
        return
    if len(values) > 1:
        raise DesignError(
            f"{name_of(method)} is for one constant hazard ratio",
            where="method",
            remedy='Take "exact score" or "average hazard ratio" for ratios that change with time or stratum.',
        )
    ratio = values.pop()
    if sign * (ratio - null) > 0:
        raise DesignError(
            f"a hazard ratio of {ratio:g} lies on the wrong side of {null:g}: it favours the control arm",
            where="hazard_ratio",
            remedy=f"Give experimental over control, such as {null * null / ratio:.3g}"
            + ('; or event_is="benefit", where events are what is hoped for.' if sign > 0 else "."),
        )


def _power(power: object, test: GroupSequential) -> float | None:
    if power is None:
        return test.power
    value = real_number(power)
    if not test.alpha / test.sided < value < 1:
        raise DesignError(
            f"power = {power!r} is not between alpha ({test.alpha / test.sided:g} a side) and 1",
            where="power",
            remedy="Such as 0.9.",
        )
    if test.power is not None and value != test.power:
        raise DesignError(
            f"power = {value:g}, but the test was made for {test.power:g}",
            where="power",
            remedy="Give one of them: futility bounds rest on it.",
        )
    return value


def _positive(name: str, value: object) -> float | None:
    if value is None:
        return None
    number = real_number(value)
    if not 0 < number < 1e9:
        raise DesignError(f"{name} = {value!r} is not a number above zero", where=name, remedy="Such as 200.")
    return number


def _patients(patients: object, accrual: Accrual) -> float | None:
    """Given, or brought by absolute rates."""
    number = _positive("patients", patients)
    if accrual.relative or accrual.open:
        return number
    if number is not None and abs(number - accrual.patients) > 1e-6 * number:
        raise DesignError(
            f"patients = {number:g}, but accrual brings {accrual.patients:.6g}",
            where="patients",
            remedy="Give one of them; a last length of None lets accrual go on until all have entered.",
        )
    return accrual.patients if number is None else number


def _follow_up(follow_up: str | None, each: str | None) -> float | None:
    """Follow-up of the last patient."""
    if follow_up is None:
        return None
    if each is not None and days(follow_up) > days(each):
        raise DesignError(
            f"the last patient is followed for {follow_up}, each for {each} only",
            where="follow_up",
            remedy="Leave it out, or follow each longer.",
        )
    if days(follow_up) > _LONGEST:
        raise DesignError(
            f"a follow-up of {follow_up} is longer than a hundred years",
            where="follow_up",
            remedy='Such as "12 months".',
        )
    return days(follow_up)
