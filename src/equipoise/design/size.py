"""Sizes a survival trial: two of effect, power, events, patients and follow-up are left open and solved for."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

from scipy.optimize import brentq

from ..errors import DesignError
from .accrual import Accrual
from .course import Course, events_share, longest, time_of
from .group_sequential import GroupSequential
from .hazards import HazardRatio
from .methods import Method, earliest
from .population import Population
from .trial_power import Looks, looks_of, patients_for, powered

T = TypeVar("T")
Point = tuple[float, float | None]

_EXACT = 1e-13
_STRONGEST = 0.02  # the strongest effect that is looked for, as a hazard ratio over the null's
_STEP = 1.5  # from point to point of a search
_HALVINGS = 50
_FURTHEST = 30 * 365.25  # days of follow-up that are tried
_SAME = 1e-9  # relative: a last look so near to the end of accrual is there


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is given, None where it is to be solved for; durations in days."""

    test: GroupSequential
    method: Method
    null_ratio: float
    sign: int
    population: Population
    accrual: Accrual
    ratios: Mapping[str, HazardRatio] | None
    power: float | None
    events: float | None
    patients: float | None
    follow_up: float | None

    def course(self, ratios: Mapping[str, HazardRatio], accrual: Accrual) -> Course:
        """The expected course under hazard ratios by stratum."""
        return self.population.course(ratios, accrual)

    def looks(self, course: Course, end: float) -> Looks:
        """The planned looks of a course that ends then."""
        return looks_of(course, end, self.test, self.method, self.null_ratio, self.sign)


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    """What came of it; accrual at absolute rates, durations in days. ``follow_up`` is from the end of accrual to the
    last look: below zero where the events are expected while patients still enter."""

    ratios: Mapping[str, HazardRatio]
    accrual: Accrual
    patients: float
    follow_up: float

    @property
    def end(self) -> float:
        """Days from the first patient to the last look."""
        return self.accrual.duration + self.follow_up


def solve(asked: Asked) -> Solved:
    """Two of effect, power, events, patients and follow-up from the other three.

    Power ties effect to events (or to patients and follow-up, for tests that weigh them by time); the course of the
    trial ties events to patients and follow-up.
    """
    unknown = _unknown(asked)
    if asked.ratios is None:
        return _detectable(asked)
    if unknown == {"events", "patients"}:
        return _how_many(asked)
    if unknown == {"events", "follow_up"}:
        return _how_long(asked)
    return _with_events(asked, asked.ratios)


def _given(value: T | None) -> T:
    """What is known to have been given."""
    assert value is not None
    return value


def _unknown(asked: Asked) -> set[str]:
    given = {
        "hazard_ratio": asked.ratios,
        "power": asked.power,
        "events": asked.events,
        "patients": asked.patients,
        "follow_up": asked.follow_up,
    }
    unknown = {name for name, value in given.items() if value is None}
    known = ", ".join(name for name in given if name not in unknown)
    if len(unknown) != 2:
        few = len(unknown) > 2
        raise DesignError(
            f"{known or 'nothing'} given: of hazard_ratio, power, events, patients and follow_up three must be, "
            f"no {'fewer' if few else 'more'}",
            where="survival",
            remedy="Absolute accrual rates with an end give patients, a test with a power gives power."
            if not few
            else "Such as hazard_ratio, power and follow_up, with accrual over a duration.",
        )
    if unknown == {"patients", "follow_up"}:
        raise DesignError(
            "hazard_ratio and power already say how many events are needed",
            where="events",
            remedy="Leave out one of hazard_ratio, power and events, and give patients or follow_up.",
        )
    if unknown == {"hazard_ratio", "power"}:
        raise DesignError(
            "events, patients and follow_up say nothing of the effect",
            where="survival",
            remedy="Give hazard_ratio or power, and leave out one of the three.",
        )
    return unknown


def _how_many(asked: Asked) -> Solved:
    """Patients for a power, at a given follow-up."""
    power, follow_up, ratios = _given(asked.power), _given(asked.follow_up), _given(asked.ratios)

    def needed(accrual: Accrual) -> float:
        course = asked.course(ratios, accrual)
        return patients_for(asked.test, course, asked.looks(course, accrual.duration + follow_up), power, asked.method)

    accrual = asked.accrual
    if not accrual.open:
        patients = needed(accrual)
        return Solved(ratios=ratios, accrual=accrual.scaled(patients), patients=patients, follow_up=follow_up)

    def spare(days: float) -> float:
        ending = accrual.ending(days)
        return ending.patients - needed(ending)

    duration = first_crossing(spare, _upwards(1.0, _FURTHEST))
    if duration is None:
        enough = spare(_FURTHEST) >= 0  # says why, where that makes no trial
        raise DesignError(
            "a day of accrual brings more patients than are needed"
            if enough
            else "thirty years of accrual do not bring the patients that are needed",
            where="accrual",
            remedy="Give lower rates." if enough else "Give higher rates, a longer follow-up or a larger effect.",
        )
    ending = accrual.ending(duration)
    return Solved(ratios=ratios, accrual=ending, patients=ending.patients, follow_up=follow_up)


def _entered(asked: Asked, patients: float) -> Accrual:
    """Accrual of so many patients: relative rates are scaled, an open end is closed."""
    if asked.accrual.open:
        return asked.accrual.until(patients)
    return asked.accrual.scaled(patients)


def _how_long(asked: Asked) -> Solved:
    """The shortest follow-up of the last patient that gives a power, at given patients."""
    ratios, power, patients = _given(asked.ratios), _given(asked.power), _given(asked.patients)
    accrual = _entered(asked, patients)
    course = asked.course(ratios, accrual)
    whole = _whole(asked, course)
    fewest = math.inf

    def spare(follow_up: float) -> float:
        nonlocal fewest
        looks = asked.looks(course, accrual.duration + follow_up)
        needed = patients_for(asked.test, course, looks, power, asked.method)
        fewest = min(fewest, needed)
        return patients - needed

    try:
        at_once = spare(0.0)
    except DesignError:  # nothing to be seen as yet
        at_once = -1.0
    if at_once > 0:
        raise DesignError(
            f"{patients:g} patients have the power before the last of them enters",
            where="patients",
            remedy=f"Take {math.ceil(patients - at_once)} over that time, or a shorter accrual; or give events in "
            "place of power, and the last look may come while patients still enter.",
        )
    found = first_crossing(spare, [0.0, *_upwards(whole / 256, whole)])
    if found is not None:
        return Solved(ratios=ratios, accrual=accrual, patients=patients, follow_up=found)
    spare(whole)  # says why, where no follow-up makes a trial
    if fewest <= patients:
        raise DesignError(
            f"{patients:g} patients have the power as soon as the test of the {asked.method} can be made",
            where="patients",
            remedy=f"Take {math.floor(fewest)} or fewer, or an earlier time.",
        )
    raise DesignError(
        f"{patients:g} patients never give a power of {power:g}: at most "
        f"{patients * events_share(course, accrual.duration + whole):.4g} of them have an event",
        where="patients",
        remedy=f"At this accrual take at least {math.ceil(fewest * 1.02)} patients, a larger effect or less power.",
    )


def _whole(asked: Asked, course: Course) -> float:
    """Follow-up of the last patient beyond which nothing more is seen."""
    after = min(longest(course) - course.accrual.duration, _FURTHEST)
    seen = earliest(asked.method)
    return min(after, seen) if seen else after


def _with_events(asked: Asked, ratios: Mapping[str, HazardRatio]) -> Solved:
    """Patients or follow-up for given events, or neither where both are given. Events and patients are what a trial
    promises: where so many events are expected before accrual ends, the last look comes then."""
    if asked.events is None:
        patients, follow_up = _given(asked.patients), _given(asked.follow_up)
        return Solved(ratios=ratios, accrual=_entered(asked, patients), patients=patients, follow_up=follow_up)
    if asked.patients is None:
        return _patients_of_events(asked, ratios, asked.events)
    accrual = _entered(asked, asked.patients)
    course = asked.course(ratios, accrual)
    end = time_of(course, asked.events / asked.patients)
    if math.isinf(end):
        most = asked.patients * events_share(course, longest(course))
        raise DesignError(
            f"{asked.patients:g} patients never have {asked.events:g} events: at most {most:.4g} are expected",
            where="events",
            remedy=f"Ask for {math.floor(most)} events or fewer, or take "
            f"{math.ceil(asked.patients * asked.events / most)} patients or more.",
        )
    follow_up = end - accrual.duration
    if abs(follow_up) <= _SAME * end:
        follow_up = 0.0
    return Solved(ratios=ratios, accrual=accrual, patients=asked.patients, follow_up=follow_up)


def _patients_of_events(asked: Asked, ratios: Mapping[str, HazardRatio], events: float) -> Solved:
    follow_up, accrual = _given(asked.follow_up), asked.accrual
    if not accrual.open:
        share = events_share(asked.course(ratios, accrual), accrual.duration + follow_up)
        if not share > 0:
            raise DesignError("nobody is expected to have an event", where="follow_up", remedy="Follow longer.")
        patients = events / share
        return Solved(ratios=ratios, accrual=accrual.scaled(patients), patients=patients, follow_up=follow_up)

    def spare(days: float) -> float:
        ending = accrual.ending(days)
        return ending.patients * events_share(asked.course(ratios, ending), days + follow_up) - events

    duration = first_crossing(spare, _upwards(1.0, _FURTHEST))
    if duration is None:
        enough = spare(_FURTHEST) >= 0
        raise DesignError(
            f"a day of accrual brings more than {events:g} events"
            if enough
            else f"thirty years of accrual do not bring {events:g} events",
            where="events",
            remedy="Give lower rates." if enough else "Give higher rates.",
        )
    ending = accrual.ending(duration)
    return Solved(ratios=ratios, accrual=ending, patients=ending.patients, follow_up=follow_up)


def _detectable(asked: Asked) -> Solved:
    """The hazard ratio, constant and the same in all strata, that is found with a power."""
    power = _given(asked.power)

    def solved(log: float) -> Solved:
        ratio = asked.null_ratio * math.exp(-asked.sign * log)
        ratios = dict.fromkeys(asked.population.strata, HazardRatio((0.0,), (ratio,)))
        return _with_events(asked, ratios)

    def reached(log: float) -> float:
        found = solved(log)
        course = asked.course(found.ratios, found.accrual)
        return powered(asked.test, course, asked.looks(course, found.end), found.patients, asked.method).power - power

    strongest = -math.log(_STRONGEST)
    found = first_crossing(reached, _upwards(1e-3, strongest))
    if found is not None:
        return solved(found)
    weak, strong = (asked.null_ratio * math.exp(-asked.sign * log) for log in (1e-3, strongest))
    why = ""
    try:
        reached(1e-3)
    except DesignError as error:
        why = f"; at {weak:.3g}, {error.what}"
    raise DesignError(
        f"no hazard ratio from {weak:.3g} to {strong:.3g} is found with a power of {power:g}{why}",
        where="power",
        remedy="Take other numbers of patients and events, or another power.",
    )


def first_crossing(rising: Callable[[float], float], points: Sequence[float]) -> float | None:
    """Where a function first rises through zero, looked for from point to point upwards; None where it does not.

    Where it raises ``DesignError`` there is no trial; the edge of what is one is closed in on.
    """

    def value(at: float) -> float | None:
        try:
            return rising(at)
        except DesignError:
            return None

    known = None
    for low, high in pairwise(points):
        below = value(low) if low == points[0] else known
        known = value(high)
        ends = _bracket(value, (low, below), (high, known))
        if ends:
            return float(brentq(rising, *ends, xtol=1e-12, rtol=_EXACT))
    return None


def _bracket(value: Callable[[float], float | None], start: Point, end: Point) -> tuple[float, float] | None:
    """Ends between which a function rises through zero, if it does; it may not be there (None) on one side of them."""
    (low, below), (high, above) = start, end
    if below is not None and above is not None:
        return (low, high) if below < 0 <= above else None
    if (above is None or above < 0) if below is None else below >= 0:
        return None
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        found = value(middle)
        if below is None:
            if found is not None and found < 0:
                return middle, high
            low, high = (middle, high) if found is None else (low, middle)
        else:
            if found is not None and found >= 0:
                return low, middle
            low, high = (low, middle) if found is None else (middle, high)
    return None


def _upwards(low: float, high: float) -> list[float]:
    """Points from low to high, each some way above the one before."""
    return [*(low * _STEP**k for k in range(math.ceil(math.log(high / low) / math.log(_STEP)))), high]
