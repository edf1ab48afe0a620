"""Sizes a survival trial: two of effect, power, events, patients and follow-up are left open and solved for."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from scipy.optimize import brentq

from ..errors import DesignError
from ..units import DAYS_PER_MONTH
from .accrual import Accrual
from .course import Course, events_share, longest, time_of
from .group_sequential import GroupSequential
from .hazards import HazardRatio
from .methods import Method
from .population import Population
from .trial_power import Looks, looks_of, patients_for, powered

T = TypeVar("T")

_EXACT = 1e-13
_STRONGEST = 0.02  # the strongest effect that is looked for, as a hazard ratio over the null's
_FURTHEST = 30 * 365.25  # days of follow-up that are tried


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
    """What came of it; accrual at absolute rates, durations in days."""

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
        limit = "no fewer" if len(unknown) > 2 else "no more"
        raise DesignError(
            f"{known or 'nothing'} given: of hazard_ratio, power, events, patients and follow_up three must be, "
            f"{limit}",
            where="survival",
            remedy="Absolute accrual rates with an end give patients, a test with a power gives power."
            if limit == "no more"
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
    refusal = DesignError(
        "thirty years of accrual do not bring the patients that are needed",
        where="accrual",
        remedy="Give higher rates, a longer follow-up or a larger effect.",
    )

    def spare(days: float) -> float:
        nonlocal refusal
        ending = accrual.ending(days)
        try:
            return ending.patients - needed(ending)
        except DesignError as error:  # a trial as short as that is none: a longer one may be
            refusal = error
            return -1.0

    try:
        duration = _crossing(spare, 1.0, _FURTHEST, refusal)
    except DesignError:
        raise refusal from None
    ending = accrual.ending(duration)
    return Solved(ratios=ratios, accrual=ending, patients=ending.patients, follow_up=follow_up)


def _entered(asked: Asked, patients: float) -> Accrual:
    """Accrual of so many patients: relative rates are scaled, an open end is closed."""
    if asked.accrual.open:
        return asked.accrual.until(patients)
    return asked.accrual.scaled(patients)


def _how_long(asked: Asked) -> Solved:
    """Follow-up of the last patient for a power, at given patients."""
    ratios, power, patients = _given(asked.ratios), _given(asked.power), _given(asked.patients)
    accrual = _entered(asked, patients)
    course = asked.course(ratios, accrual)
    last = min(longest(course), accrual.duration + _FURTHEST)

    def spare(end: float) -> float:
        return patients - patients_for(asked.test, course, asked.looks(course, end), power, asked.method)

    if spare(last) < 0:
        least = patients - spare(last)
        raise DesignError(
            f"{patients:g} patients never give a power of {power:g}: at most "
            f"{patients * events_share(course, last):.4g} of them have an event",
            where="patients",
            remedy=f"At this accrual take at least {math.ceil(least * 1.02)} patients, a larger effect or less power.",
        )
    if spare(accrual.duration) > 0:
        raise DesignError(
            f"{patients:g} patients have the power before the last of them enters",
            where="patients",
            remedy=f"Take {math.ceil(patients - spare(accrual.duration))} over that time, or a shorter accrual.",
        )
    end = brentq(spare, accrual.duration, last, xtol=1e-10, rtol=_EXACT)
    return Solved(ratios=ratios, accrual=accrual, patients=patients, follow_up=end - accrual.duration)


def _with_events(asked: Asked, ratios: Mapping[str, HazardRatio]) -> Solved:
    """Patients or follow-up for given events, or neither where both are given."""
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
    if end < accrual.duration:
        raise DesignError(
            f"{asked.events:g} events are expected {end / DAYS_PER_MONTH:.4g} months after the first patient, "
            f"before the last enters at {accrual.duration / DAYS_PER_MONTH:.4g}",
            where="events",
            remedy=f"Ask for more than {asked.patients * events_share(course, accrual.duration):.4g} events, "
            "or take fewer patients.",
        )
    return Solved(ratios=ratios, accrual=accrual, patients=asked.patients, follow_up=end - accrual.duration)


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

    refusal = DesignError(
        f"thirty years of accrual do not bring {events:g} events", where="events", remedy="Give higher rates."
    )
    ending = accrual.ending(_crossing(spare, 1.0, _FURTHEST, refusal))
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

    refusal = DesignError(
        f"no hazard ratio above {_STRONGEST * asked.null_ratio:g} is found with a power of {power:g}",
        where="power",
        remedy="Take more patients or events, or less power.",
    )
    return solved(_crossing(reached, 1e-3, -math.log(_STRONGEST), refusal))


def _crossing(rising: Callable[[float], float], low: float, high: float, refusal: DesignError) -> float:
    """Where a rising function passes zero; looked for upwards, since its end may be no trial at all."""
    if rising(low) > 0:
        raise refusal
    at = low
    while at < high:
        at = min(at * 1.5, high)
        if rising(at) >= 0:
            return float(brentq(rising, low, at, xtol=1e-12, rtol=_EXACT))
        low = at
    raise refusal
