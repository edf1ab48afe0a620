"""The plan of a survival trial: what was assumed, what was asked for, and all that follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .. import results
from ..results import Row
from ..survival.cox_result import Cox
from ..survival.logrank import LogRank
from .accrual import Accrual
from .course import at_risk, dropouts_share, events_share, longest, time_of
from .crossing import Crossing
from .decision import Decision, decide
from .given import FrozenMapping
from .group_sequential import GroupSequential
from .hazards import HazardRatio
from .methods import Method, Milestone, RestrictedMean, counts_events, is_formula
from .plan_document import encoded
from .plan_rows import plan_rows
from .plan_text import paragraph, table
from .population import Population
from .size import Asked, Solved
from .trial_power import Looks, Powered, looks_of, powered

if TYPE_CHECKING:
    import polars as pl

Vector = NDArray[np.float64]


_OPEN = ("ratios", "power", "events", "patients", "follow_up")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Expected:
    """What a trial is expected to take where it stops at a bound: means over its looks, durations in days."""

    events: float
    patients: float
    duration: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """The plan of a two-arm trial with a time to an event; arrays are (k,), a value a look, durations in days.

    ``test`` is the group sequential test as planned, with ``information_fractions`` of events, or of the
    information of a test that weighs them (``information_basis``; ``look_information``); ``efficacy_bounds``,
    ``futility_bounds`` and ``harm_bounds`` (None without) are on Z, above zero in favour of the experimental arm,
    and ``efficacy_effects`` and ``futility_effects`` the estimates at them: hazard ratios, or for
    ``RestrictedMean`` (days) and ``Milestone`` differences; None where a test has no estimate. ``look_times`` are
    expected under the effect, as are ``look_events`` (control, experimental: (k, 2)), ``look_patients`` and
    ``look_dropouts``. ``patients`` are those of the whole accrual; where the last look is expected before it ends
    (``during_accrual``), the last of ``look_patients`` have entered by then, and ``follow_up``, of the last patient,
    is 0. ``stop_for_efficacy`` and ``stop_for_futility`` are the probabilities of stopping at each
    look under the effect, ``false_claim`` that of efficacy under none. ``under_effect`` and ``under_none`` are what
    the trial takes on average. ``solved`` names what was not given; ``inputs`` are what was, as they are saved.
    """

    test: GroupSequential
    method: Method
    population: Population
    hazard_ratio: Mapping[str, HazardRatio]
    null_hazard_ratio: float
    event_is: str
    power: float
    events: float
    patients: float
    accrual: Accrual
    follow_up: float
    solved: tuple[str, ...]
    efficacy_bounds: Vector
    futility_bounds: Vector | None
    harm_bounds: Vector | None
    efficacy_effects: Vector | None
    futility_effects: Vector | None
    look_times: Vector
    look_events: Vector
    look_information: Vector
    look_patients: Vector
    look_dropouts: Vector
    stop_for_efficacy: Vector
    stop_for_futility: Vector
    false_claim: Vector
    under_effect: Expected
    under_none: Expected
    inputs: Mapping[str, object]

    def __post_init__(self) -> None:
        results.read_only(self)

    @property
    def duration(self) -> float:
        """Days from the first patient to the last look."""
        return float(self.look_times[-1])

    @property
    def during_accrual(self) -> bool:
        """Whether the last look is expected while patients still enter."""
        return self.duration < self.accrual.duration

    @property
    def information_basis(self) -> str:
        """What information fractions are of: events, or the information of the test itself."""
        return "events" if counts_events(self.method) else "the information of the test"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Plan) and encoded(self) == encoded(other)

    def __hash__(self) -> int:
        return hash(repr(encoded(self)))

    def __str__(self) -> str:
        return paragraph(self)

    def looks(self) -> str:
        """The looks as a table of text: times, events, bounds on every scale, error spent and power."""
        return table(self)

    def decide(
        self,
        look: int,
        result: LogRank | Cox | float,
        *,
        favours: str | None = None,
        information: float | None = None,
        earlier: Sequence[float] = (),
        final: bool | None = None,
    ) -> Decision:
        """The verdict at a look (from 1), by the bounds at the information observed.

        ``result`` is a log-rank test or a Cox model of the arms of the plan, which know their direction and their
        information; a z alone needs ``favours``, the arm that it favours where it is above zero, and ``information``:
        events, or that of the test (see ``information_basis``). ``earlier`` is the information at the looks before,
        which may have come early or late. The last look, by default the last that was planned, spends all that is left.

        Raises ``DesignError`` for a result of other arms or of another test than the plan's.

        >>> from equipoise.design import accrual, group_sequential, median, obrien_fleming, survival
        >>> test = group_sequential(alpha=0.025, sided=1, information_fractions=[0.5, 1], efficacy=obrien_fleming())
        >>> plan = survival(test, hazard_ratio=0.65, power=0.9, control=median("6 months"), allocation={"B": 1, "A": 1},
        ...                 accrual=accrual("24 months"), follow_up="12 months")
        >>> plan.decide(1, 2.9, favours="B", information=114).verdict
        'efficacy'
        """
        return decide(self, look, result, favours=favours, information=information, earlier=earlier, final=final)

    def rows(self) -> list[Row]:
        """Assumptions, looks, bounds and curves as rows of the long table; ``at`` is the number of a look, or as
        ``plan_rows`` says.

        >>> from equipoise.design import accrual, group_sequential, median, obrien_fleming, survival
        >>> test = group_sequential(alpha=0.025, sided=1, information_fractions=[0.5, 1], efficacy=obrien_fleming())
        >>> plan = survival(test, hazard_ratio=0.65, power=0.9, control=median("6 months"), allocation={"B": 1, "A": 1},
        ...                 accrual=accrual("24 months"), follow_up="12 months")
        >>> [(row.at, row.statistic, row.text) for row in plan.rows() if row.statistic.startswith("efficacy bound z")]
        [(1, 'efficacy bound z', '2.797'), (2, 'efficacy bound z', '1.977')]
        """
        return plan_rows(self)

    def table(self) -> pl.DataFrame:
        """The long table of the plan."""
        return results.long_table(self.rows())


def plan_of(asked: Asked, solved: Solved, inputs: Mapping[str, object]) -> Plan:
    """All that follows from what was solved; ``inputs`` are what the caller gave, as they are saved."""
    test, method = asked.test, asked.method
    course = asked.course(solved.ratios, solved.accrual)
    n = solved.patients
    looks = looks_of(course, solved.end, test, method, asked.null_ratio, asked.sign)
    found = powered(test, course, looks, n, method)
    seen = [at_risk(course, float(at)) for at in looks.calendar]
    entered = solved.accrual.entered(looks.calendar) * n
    information = _information(asked, looks, n)
    futility = found.lower
    return Plan(
        test=test,
        method=method,
        population=asked.population,
        hazard_ratio=FrozenMapping(solved.ratios),
        null_hazard_ratio=asked.null_ratio,
        event_is="harm" if asked.sign > 0 else "benefit",
        power=found.power,
        events=float(looks.events[-1]) * n,
        patients=n,
        accrual=solved.accrual,
        follow_up=max(solved.follow_up, 0.0),
        solved=tuple(name for name in _OPEN if getattr(asked, name) is None),
        inputs=inputs,
        efficacy_bounds=found.upper,
        futility_bounds=futility,
        harm_bounds=test.harm_bounds,
        efficacy_effects=_effects(asked, found.upper, information),
        futility_effects=None if futility is None else _effects(asked, futility, information),
        look_times=looks.calendar,
        look_events=np.array([one.events.sum(axis=0) for one in seen]) * n,
        look_information=looks.events * n if counts_events(method) or information is None else information,
        look_patients=entered,
        look_dropouts=np.array([dropouts_share(course, one) for one in seen]) * n,
        stop_for_efficacy=found.effect.upper,
        stop_for_futility=found.effect.within if test.sided == 2 else found.effect.lower,
        false_claim=found.nothing.upper,
        under_effect=_expected(found.effect, looks.events * n, entered, looks.calendar),
        under_none=_under_none(asked, solved, looks, found),
    )


def _information(asked: Asked, looks: Looks, patients: float) -> Vector | None:
    """Information on the log hazard ratio, or on what else is estimated, under no effect."""
    if is_formula(asked.method):
        share = asked.population.share
        return np.asarray(looks.events * patients * share * (1 - share))
    if not looks.effects:
        return None
    return np.array([one.null for one in looks.effects]) * patients


def _effects(asked: Asked, bounds: Vector, information: Vector | None) -> Vector | None:
    """The estimates whose Z are the bounds."""
    if information is None:
        return None
    estimate = bounds / np.sqrt(information)
    if isinstance(asked.method, RestrictedMean | Milestone):
        return np.asarray(asked.sign * estimate)
    return np.asarray(asked.null_ratio * np.exp(-asked.sign * estimate))


def _expected(stops: Crossing, events: Vector, patients: Vector, calendar: Vector) -> Expected:
    at = stops.stopping
    return Expected(events=float(at @ events), patients=float(at @ patients), duration=float(at @ calendar))


def _under_none(asked: Asked, solved: Solved, looks: Looks, found: Powered) -> Expected:
    """Looks come when their events do, which under no effect is earlier, or never: then at the end of all events."""
    course = asked.course(solved.ratios, solved.accrual).under(asked.null_ratio)
    last = longest(course)
    most = events_share(course, last)
    calendar = np.array([last if share >= most else time_of(course, float(share)) for share in looks.events])
    entered = solved.accrual.entered(calendar) * solved.patients
    return _expected(found.nothing, looks.events * solved.patients, entered, calendar)
