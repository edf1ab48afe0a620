"""When a running trial will have its events: a forecast from blinded data, with what is not known about it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import ndtri

from .. import results
from ..data import TimeToEvent
from ..data.data_cut import as_date
from ..errors import DataError, DesignError
from ..results import Origin, Row
from ..survival.convention import check_level
from ..units import DAYS_PER_MONTH, days
from .expected_events import Hazards, Waiting, expected_events, fitted_hazards
from .given import real_number, whole_number

if TYPE_CHECKING:
    import polars as pl

Vector = NDArray[np.float64]
_STEP = 1.25  # of the search for a crossing, which no curve makes twice within
_EXACT = 1e-10  # days


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EventForecast:
    """When the ``events``-th event is expected, by pooled data in which ``events_so_far`` had happened at the cutoff.

    ``days`` after the cutoff are those by which the event is as likely as not to have happened; by ``lower_days`` it
    has with probability (1 - level) / 2, by ``upper_days`` with 1 less that. Each is ``inf``, with a ``reason``, where
    the chance never becomes so large; ``date``, ``lower`` and ``upper`` are the ISO dates on which they end, or None.
    ``most`` is the number of events that can be expected in the end. ``expected`` (a,) is that by the dates ``at``,
    ``expected_sd`` its standard deviation, sampling and estimation together. Hazards (j,) are per day from ``starts``
    (days since randomization) on.
    """

    events: int
    events_so_far: int
    cutoff: str
    days: float
    lower_days: float
    upper_days: float
    level: float
    most: float
    at: tuple[str, ...]
    expected: Vector
    expected_sd: Vector
    starts: Vector
    event_hazard: Vector
    dropout_hazard: Vector
    followed: int
    newcomers: float
    method: str
    reason: str
    origin: Origin

    def __post_init__(self) -> None:
        results.read_only(self)

    @property
    def date(self) -> str | None:
        """The day by whose end the event is as likely as not to have happened."""
        return _day(self.cutoff, self.days)

    @property
    def lower(self) -> str | None:
        """The day of the lower limit."""
        return _day(self.cutoff, self.lower_days)

    @property
    def upper(self) -> str | None:
        """The day of the upper limit."""
        return _day(self.cutoff, self.upper_days)

    def __str__(self) -> str:
        name, level = _ordinal(self.events), f"{100 * self.level:g}% interval"
        so_far = f"{self.events_so_far} events by {self.cutoff}"
        low, high = self.lower or results.NOT_REACHED, self.upper or results.NOT_REACHED
        if self.date is None:
            when = f"The {name} event is not expected ({level} {low} to {high})"
        else:
            when = f"The {name} event is expected on {self.date} ({level} {low} to {high})"
        return f"{when}; {so_far}, {self.method}" + (f"; {self.reason}" if self.reason else "")

    def rows(self) -> list[Row]:
        """Days after the cutoff with their dates, and expected events by days after the cutoff (``at``)."""
        name = f"{_ordinal(self.events)} event"
        said: list[tuple[str, float | None, float, str, str]] = [
            (name, None, self.days, self.date or results.fixed(self.days, 0), "days"),
            (f"{name} lower limit", None, self.lower_days, self.lower or results.fixed(self.lower_days, 0), "days"),
            (f"{name} upper limit", None, self.upper_days, self.upper or results.fixed(self.upper_days, 0), "days"),
            ("events in the end", None, self.most, results.fixed(self.most, 1), "events"),
        ]
        for when, mean, sd in zip(self.at, self.expected.tolist(), self.expected_sd.tolist(), strict=True):
            after = float((date.fromisoformat(when) - date.fromisoformat(self.cutoff)).days)
            said.append((f"events expected by {when}", after, mean, results.fixed(mean, 1), "events"))
            said.append((f"events expected by {when} standard deviation", after, sd, results.fixed(sd, 1), "events"))
        return [
            Row(
                statistic=statistic,
                at=at,
                level=self.level if "limit" in statistic else None,
                unit=unit,
                method=self.method,
                origin=self.origin,
                **results.number(value, text, self.reason if math.isinf(value) else ""),  # type: ignore[arg-type]
            )
            for statistic, at, value, text, unit in said
        ]

    def table(self) -> pl.DataFrame:
        """``rows()`` as the long table."""
        return results.long_table(self.rows())


def event_forecast(
    tte: TimeToEvent,
    *,
    followed: ArrayLike,
    events: int,
    cutoff: str | date,
    accrual: Sequence[tuple[str, float]] = (),
    pieces: Sequence[str] = (),
    at: Sequence[str | date] = (),
    level: float = 0.95,
) -> EventForecast:
    """The date of an event to come, such as the 300th death that triggers the final analysis, from blinded data.

    ``tte`` holds time since randomization until the event, or until ``cutoff``, or until a subject left; arms are
    pooled and not looked at. ``followed`` (n,) says who, of those without the event, is still under observation at the
    cutoff: the others have dropped out. ``accrual`` are the patients still to be randomized from the cutoff on, as
    (duration, patients per month), the form of a design's accrual: [("3 months", 12), ("2 months", 20)]. ``pieces``
    are the times since randomization at which hazards change, ["6 months", "12 months"]. ``at`` are dates by which
    the expected number of events is wanted.

    Hazards of event and of drop-out are constant within a piece: number over time at risk. From them follows for each
    subject, given that he is at risk now, the chance of an event by a day, and for the patients to come, who are of a
    fixed number and enter at random at their rates. The number of events by a day then has a mean M and a variance V:
    that of independent events, and that of the estimated hazards by the delta method. The forecast is the day on which
    M = events - 1/2, by which the event is as likely as not to have happened; limits are where M +- z sqrt(V) is
    there. Bagiella and Heitjan (2001) take the day on which M = events, half an event later, and simulate the interval.
    As hazards are of all arms together, the forecast takes for granted that their mixture does not change within a
    piece; under a strong effect it falls, and a single piece then gives dates that are too early.

    Raises ``DataError`` for flags that do not fit and weighted data, ``DesignError`` for a number of events that has
    been reached, and for pieces without an event, whose hazard and its uncertainty nobody can tell.

    >>> tte = TimeToEvent([100, 200, 250, 300, 300, 300, 300, 250], [1, 1, 1, 0, 0, 0, 0, 0], unit="days")
    >>> followed = [False] * 3 + [True] * 4 + [False]
    >>> print(event_forecast(tte, followed=followed, events=5, cutoff="2006-03-31", level=0.8))
    The 5th event is expected on 2007-03-13 (80% interval 2006-07-10 to not reached); 3 events by 2006-03-31, blinded,
    arms pooled, constant hazards of event and drop-out; no more than 6.0 events can be expected in the end
    """
    _check_data(tte)
    check_level(level)
    day = as_date(cutoff)
    happened = tte.event == 1
    waits = _flags(followed, tte) & ~happened
    so_far = int(np.count_nonzero(happened))
    target = _target(events, so_far)
    periods = _periods(accrual)
    entry = np.zeros(tte.n) if tte.entry is None else tte.entry
    hazards = _fitted(entry, tte.time, happened, ~happened & ~waits, pieces)
    waiting = Waiting(tte.time[waits], *periods)
    z = float(ndtri(0.5 + level / 2))

    def law(after: float) -> tuple[float, float]:
        mean, variance = expected_events(hazards, waiting, after)
        return so_far + mean, math.sqrt(variance)

    most = law(math.inf)[0]
    when, early, late = _crossings(law, target - 0.5, z, hazards, waiting)
    wanted = [as_date(x) for x in at]
    for x in wanted:
        if x < day:
            raise DesignError(f"{x} is before the cutoff {day}", where="at", remedy="Give dates after it.")
    found = [law(float((x - day).days)) for x in wanted]
    reason = ""
    if math.isinf(max(when, early, late)):
        reason = f"no more than {results.fixed(most, 1)} events can be expected in the end"
    elif _day(day.isoformat(), max(when, early, late)) is None:
        reason = "dates after the year 9999 are not given"
    return EventForecast(
        events=target,
        events_so_far=so_far,
        cutoff=day.isoformat(),
        days=when,
        lower_days=early,
        upper_days=late,
        level=level,
        most=most,
        at=tuple(x.isoformat() for x in wanted),
        expected=np.array([m for m, _ in found]),
        expected_sd=np.array([s for _, s in found]),
        starts=hazards.starts,
        event_hazard=hazards.event,
        dropout_hazard=hazards.dropout,
        followed=int(np.count_nonzero(waits)),
        newcomers=waiting.newcomers,
        method="blinded, arms pooled, constant hazards of event and drop-out"
        + (f" in each of {len(hazards.starts)} pieces" if len(hazards.starts) > 1 else ""),
        reason=reason,
        origin=tte.origin,
    )


def _crossings(
    law: Callable[[float], tuple[float, float]], level: float, z: float, hazards: Hazards, waiting: Waiting
) -> tuple[float, float, float]:
    """The days on which the mean, and the mean with z standard deviations added and taken away, first reach a level."""
    end = waiting.until + hazards.lasting
    steps = [0.0]
    after = min(end, 0.01 / float(hazards.event.max()))
    while after < end:
        steps.append(after)
        after *= _STEP
    steps.append(end)
    known = [law(t) for t in steps]

    def first(times: float) -> float:
        def short(t: float) -> float:
            mean, sd = law(t)
            return mean + times * sd - level

        for (a, b), (mean, sd) in zip(pairwise(steps), known[1:], strict=True):
            if mean + times * sd >= level:
                return float(brentq(short, a, b, xtol=_EXACT))
        return math.inf

    return first(0.0), first(z), first(-z)


def _day(cutoff: str, after: float) -> str | None:
    """The date on which a time after the end of the cutoff's day lies."""
    day = date.fromisoformat(cutoff)
    if after > (date.max - day).days:
        return None
    return (day + timedelta(days=math.ceil(after))).isoformat()


def _ordinal(number: int) -> str:
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


# ----------------------------------------------------------------------------------------------------- what is given
def _check_data(tte: object) -> None:
    if not isinstance(tte, TimeToEvent):
        raise DataError(f"{type(tte).__name__} is no TimeToEvent", remedy="Make one of time and event.")
    if tte.weight is not None:
        raise DataError("rows are weighted", column="weight", remedy="Give one row a subject, without weights.")
    if (tte.event > 1).any():
        raise DataError(
            "there are events of several causes",
            column="event",
            subjects=tte.subject[tte.event > 1].tolist(),
            remedy="Say which with cause(), the others then count as having dropped out, or take any_event().",
        )


def _flags(followed: object, tte: TimeToEvent) -> NDArray[np.bool_]:
    flags = np.asarray(followed)
    if flags.shape != (tte.n,):
        raise DataError(
            f"followed has shape {flags.shape}, time has ({tte.n},)", column="followed", remedy="Give one a subject."
        )
    if flags.dtype != np.bool_:
        raise DataError(f"followed is {flags.dtype}, not boolean", column="followed", remedy="Mark True or False.")
    return flags


def _target(events: object, so_far: int) -> int:
    target = whole_number(events)
    if target is None or target < 1:
        raise DesignError(f"events = {events!r} is no number of events", where="events", remedy="Such as 300.")
    if target <= so_far:
        raise DesignError(
            f"the {_ordinal(target)} event has happened: there are {so_far}",
            where="events",
            remedy=f"Give more than {so_far}.",
        )
    return target


def _periods(accrual: object) -> tuple[Vector, Vector]:
    """Days after the cutoff at which rates of accrual change (p + 1,), and the rates per day (p,)."""
    lengths, rates = [], []
    remedy = 'Such as [("3 months", 12), ("2 months", 20)], patients per month.'
    if isinstance(accrual, str) or not isinstance(accrual, Sequence):
        raise DesignError(f"accrual of {accrual!r} is none", where="accrual", remedy=remedy)
    for period in accrual:
        if isinstance(period, str) or not isinstance(period, Sequence) or len(period) != 2:
            raise DesignError(f"{period!r} is no period of accrual", where="accrual", remedy=remedy)
        length, rate = days(period[0]), real_number(period[1])
        if not (length > 0 and 0 <= rate < math.inf):
            raise DesignError(f"{period!r} is no period of accrual", where="accrual", remedy=remedy)
        lengths.append(length)
        rates.append(rate / DAYS_PER_MONTH)
    return np.cumsum([0.0, *lengths]), np.array(rates, dtype=float)


def _fitted(
    entry: Vector, time: Vector, happened: NDArray[np.bool_], left: NDArray[np.bool_], pieces: object
) -> Hazards:
    if isinstance(pieces, str) or not isinstance(pieces, Sequence):
        raise DesignError(f"{pieces!r} are no times", where="pieces", remedy='Such as ["6 months", "12 months"].')
    starts = np.array([0.0, *(days(piece) for piece in pieces)])
    if (np.diff(starts) <= 0).any():
        raise DesignError(f"{list(pieces)} do not rise from above zero", where="pieces", remedy="Sort them.")
    hazards = fitted_hazards(entry, time, happened, left, starts)
    for k, (number, exposure) in enumerate(zip(hazards.events, hazards.exposure, strict=True)):
        if number == 0 or exposure <= 0:
            what = "nobody was at risk" if exposure <= 0 else "no event has happened"
            if len(starts) == 1:
                raise DesignError(what, where="event", remedy="A forecast needs events under follow-up to go by.")
            raise DesignError(
                f"{what} in the piece from day {starts[k]:g} since randomization",
                where="pieces",
                remedy="Take fewer or earlier pieces.",
            )
    return hazards
