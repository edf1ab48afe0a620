"""The expected course of a trial: who is at risk and who has had an event, by arm and stratum, at a calendar time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .accrual import Accrual
from .hazards import Hazard, HazardRatio

Vector = NDArray[np.float64]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)
_PANEL = 3.0  # cumulative hazard in a panel: 16 nodes integrate its exponential to rounding
_DYADIC = 60  # halvings towards zero, where a Weibull hazard is infinite or has a kink
_LONGEST = 73_000.0  # days: nobody is followed for 200 years
_NEAR = 1e-13  # of a day, relative: where a search for a date ends
_ALL = 40.0  # cumulative hazard by which everyone has had an event
_NOBODY = 60.0  # cumulative hazard after which an arm is not integrated finely: e^-60 of it is left


@dataclass(frozen=True, slots=True)
class Stratum:
    """A share of the patients, with the hazard of the control arm and the hazard ratio of the experimental one."""

    share: float
    control: Hazard
    hazard_ratio: HazardRatio


@dataclass(frozen=True, slots=True)
class Course:
    """What a trial is expected to do: strata, accrual, dropout of control and experimental arm, the experimental share
    of patients, and the longest follow-up of a patient (days, infinite: until the analysis)."""

    strata: tuple[Stratum, ...]
    accrual: Accrual
    dropout: tuple[Hazard, Hazard]
    experimental_share: float
    follow_up_each: float = math.inf

    def hazards(self, stratum: Stratum) -> tuple[Hazard, Hazard]:
        """Control and experimental hazard."""
        return stratum.control, _experimental(stratum)

    def under(self, ratio: float, *, control: float = 1.0) -> Course:
        """The same trial under a constant hazard ratio, hazards of the control arm multiplied by ``control``."""
        factor, constant = HazardRatio((0.0,), (control,)), HazardRatio((0.0,), (ratio,))
        strata = [replace(one, control=one.control.times(factor), hazard_ratio=constant) for one in self.strata]
        return replace(self, strata=tuple(strata))


@lru_cache(maxsize=256)  # asked for at every calendar time of a search
def _experimental(stratum: Stratum) -> Hazard:
    return stratum.control.times(stratum.hazard_ratio)


@dataclass(frozen=True, slots=True, eq=False)
class AtRisk:
    """Per patient randomized in all, at nodes ``time`` (m,) of follow-up with ``weight`` (m,), for strata s and arms
    (control, experimental): the share ``at_risk`` (s, 2, m), hazards ``hazard`` (s, 2, m) and survival ``survival``
    (s, 2, m). An integral over follow-up is a sum over nodes times weight."""

    time: Vector
    weight: Vector
    at_risk: Vector
    hazard: Vector
    survival: Vector

    @property
    def events(self) -> Vector:
        """Events per patient randomized in all, (s, 2)."""
        return np.asarray((self.at_risk * self.hazard) @ self.weight)

    def upto(self, values: Vector) -> Vector:
        """Integrals of values (..., m) from zero to each node."""
        shaped = values.reshape(*values.shape[:-1], -1, 16)
        panels = self.weight.reshape(-1, 16)
        half = panels.sum(1) / 2
        inside = half[:, None] * (shaped @ _TO_NODE)
        before = np.cumsum((shaped * panels).sum(-1), axis=-1) - (shaped * panels).sum(-1)
        return np.asarray((before[..., None] + inside).reshape(values.shape))


def _to_node() -> Vector:
    """(16, 16): times values at the nodes, their polynomial's integral from -1 to each node."""
    basis = np.polynomial.legendre.legvander(_NODES, 15)
    coefficients = np.linalg.inv(basis)  # values -> Legendre coefficients
    raised = np.array([np.polynomial.legendre.legint(c, lbnd=-1) for c in np.eye(16)])  # (16, 17)
    to = raised @ np.polynomial.legendre.legvander(_NODES, 16).T
    return np.asarray(coefficients.T @ to)


_TO_NODE = _to_node()


def at_risk(course: Course, calendar: float, *, end: float = math.inf, knots: Sequence[float] = ()) -> AtRisk:
    """Patients at risk by follow-up time, were the data cut ``calendar`` days after the first patient.

    Nobody is at risk after ``calendar`` days of follow-up, or the follow-up of each; integrals may end before, at
    ``end``; panels end at further ``knots``. At risk at follow-up s are those who entered by calendar - s and have had
    neither event nor dropout.
    """
    last = min(calendar, course.follow_up_each, end)
    pairs = [course.hazards(stratum) for stratum in course.strata]
    steps = np.cumsum([0.0, *course.accrual.lengths])
    every = [one for pair in (*pairs, course.dropout) for one in pair]
    edges = {x for one in every for x in one.starts} | {calendar - float(x) for x in steps} | {float(x) for x in knots}
    edges |= {one.reaching(_NOBODY) for one in every}
    time, weight = _panels(sorted(x for x in edges if 0 < x < last), last, every)
    entered = course.accrual.entered(calendar - time)
    kept = [one.survival(time) for one in course.dropout]
    shares = (1 - course.experimental_share, course.experimental_share)
    survival = np.array([[one.survival(time) for one in pair] for pair in pairs])
    hazards = np.array([[one.at(time) for one in pair] for pair in pairs])
    risk = np.array(
        [
            [stratum.share * shares[arm] * survival[s, arm] * kept[arm] * entered for arm in (0, 1)]
            for s, stratum in enumerate(course.strata)
        ]
    )
    return AtRisk(time, weight, risk, hazards, survival)


def _panels(knots: list[float], last: float, hazards: list[Hazard]) -> tuple[Vector, Vector]:
    """Gauss-Legendre nodes from 0 to last, in panels that end at the knots and are short where hazards are high."""
    edges = [0.0]
    bent = any(one.shape != 1 for one in hazards)
    for high in (*knots, last):
        low = edges[-1]
        if bent and low == 0:
            edges.extend((high * 0.5 ** np.arange(_DYADIC, 0, -1)).tolist())
            low = edges[-1]
        gain = max(min(one.gone(high), _NOBODY) - min(one.gone(low), _NOBODY) for one in hazards)
        m = max(math.ceil(gain / _PANEL), 4 if bent else 1)
        edges.extend(low + (high - low) * (i + 1) / m for i in range(m))
    points = np.array(edges)
    half, middle = np.diff(points) / 2, (points[1:] + points[:-1]) / 2
    return (middle[:, None] + half[:, None] * _NODES).ravel(), (half[:, None] * _WEIGHTS).ravel()


def events_share(course: Course, calendar: float) -> float:
    """Expected events by a calendar time, per patient randomized in all."""
    return float(at_risk(course, calendar).events.sum()) if calendar > 0 else 0.0


def dropouts_share(course: Course, found: AtRisk) -> float:
    """Expected dropouts by the time at which patients are at risk so, per patient randomized in all."""
    leaving = np.array([one.at(found.time) for one in course.dropout])
    return float(((found.at_risk * leaving) @ found.weight).sum())


@lru_cache(maxsize=256)
def longest(course: Course) -> float:
    """The calendar time by which events have stopped coming."""
    follow_up = course.follow_up_each
    if math.isinf(follow_up):
        follow_up = max(_followed(one) for stratum in course.strata for one in course.hazards(stratum))
    return min(course.accrual.duration + follow_up, _LONGEST)


def _followed(one: Hazard) -> float:
    """Days by which everybody has had an event, or all who ever will, or as many as anybody may wait for."""
    last = max((at for at, rate in enumerate(one.rates) if rate), default=0)
    ends = (*one.starts[1:], math.inf)
    return min(one.reaching(_ALL), ends[last], _LONGEST)


def time_of(course: Course, events: float, *, before: float = math.inf) -> float:
    """The calendar time (days) by which so many events per patient are expected; infinite where they never are.

    ``before`` is a time by which they are known to have come. Newton's steps, halving where one would leave the
    interval.
    """
    high = before
    if math.isinf(before):
        high = longest(course)
        most = events_share(course, high)
        if events > most:
            return math.inf if events > most * (1 + 1e-9) else high
    low, at = 0.0, min(course.accrual.duration, high / 2)
    for _ in range(200):
        found, speed = _events_and_speed(course, at)
        low, high = (at, high) if found < events else (low, at)
        step = (events - found) / speed if speed > 0 else math.inf
        if abs(step) <= _NEAR * (1 + at) or high - low <= _NEAR * (1 + at):
            return at
        at = at + step if low < at + step < high else 0.5 * (low + high)
    return at


def _events_and_speed(course: Course, calendar: float) -> tuple[float, float]:
    """Events per patient randomized in all by a calendar time, and those a day at that time: of the patients of each
    day of entry, who are as long in the trial as it is since then."""
    found = at_risk(course, calendar)
    entered = course.accrual.entered(calendar - found.time)
    entering = course.accrual.rate(calendar - found.time)
    dying = (found.at_risk * found.hazard).sum(axis=(0, 1)) * found.weight
    with np.errstate(invalid="ignore", divide="ignore"):
        speed = np.where(entered > 0, dying * entering / entered, 0.0)
    return float(dying.sum()), float(speed.sum())
