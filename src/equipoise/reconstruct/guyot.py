"""Times and events of one arm from its digitized Kaplan-Meier curve and printed numbers at risk (Guyot et al. 2012)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..data import TimeToEvent
from ..errors import DataError
from ..results import Row, fixed, long_table, read_only
from ..units import TimeUnit, days_per
from .clicks import NOISE, SLIP, checked, curve_under
from .counting import AT_ONCE, Counted, PrintedAtRisk, count, counted_events

if TYPE_CHECKING:
    import polars as pl

METHOD = "Guyot et al. 2012, deaths and censorings by interval of the risk table"
_FAR = 0.05  # from the clicks and a step more: no curve that belongs to its risk table was so far off
_AT_RATE = "after the last printed number at risk people are censored at the rate of the interval before"
_LEAVING = "after the last printed number at risk as many are censored as leave the total of events"
_PULLS = (0.2, 5.0)
_MOST_BENT = 1.6
_HALVINGS = 14


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DigitizedArm:
    """One arm rebuilt from its curve: ``time`` and ``event`` (n,) of its subjects, in days, and how they were found.

    ``at_risk_time`` (j,), ``printed`` and ``reached`` are the printed numbers at risk beside those of the rebuilt
    subjects, ``censored`` (j,) who is censored from each such time on; ``click_time``, ``click_survival`` (k,) the
    clicks, ``curve_time``, ``curve_survival`` (m,) the rebuilt curve, ``distance`` the greatest one between both, at
    ``distance_at``. ``noise`` is the standard deviation of the clicks as they tell it, ``total`` the printed total
    of events. All times in days.
    """

    time: NDArray[np.float64]
    event: NDArray[np.int64]
    at_risk_time: NDArray[np.float64]
    printed: NDArray[np.int64]
    reached: NDArray[np.int64]
    censored: NDArray[np.int64]
    click_time: NDArray[np.float64]
    click_survival: NDArray[np.float64]
    curve_time: NDArray[np.float64]
    curve_survival: NDArray[np.float64]
    distance: float
    distance_at: float
    noise: float
    total: int | None
    unit: TimeUnit
    notes: tuple[str, ...]
    method: str = METHOD
    origin: Literal["reconstructed"] = "reconstructed"

    def __post_init__(self) -> None:
        read_only(self)

    @property
    def subjects(self) -> int:
        return len(self.time)

    @property
    def events(self) -> int:
        return int(self.event.sum())

    def __str__(self) -> str:
        met = "" if (self.printed == self.reached).all() else "not "
        return (
            f"{self.subjects} subjects with {self.events} events, rebuilt from {len(self.click_time)} clicks: the "
            f"curve lies within {fixed(self.distance, 3)} of them, and the numbers at risk are {met}all met"
        )

    def rows(self, arm: str = "") -> list[Row]:
        """Clicks, rebuilt curve, numbers at risk printed and reached, and what tells how well they agree."""

        def row(statistic: str, value: float, text: str, at: float | None = None, unit: str = "") -> Row:
            return Row(
                analysis="digitized", role="digitized", group=arm, statistic=statistic, at=at, value=float(value),
                text=text, unit=unit, method=self.method, origin=self.origin,
            )  # fmt: skip

        found = [
            row("subjects", self.subjects, str(self.subjects)),
            row("events", self.events, str(self.events)),
            row("greatest distance from the clicks", self.distance, fixed(self.distance, 4), self.distance_at),
            row("noise of the clicks", self.noise, fixed(self.noise, 4)),
        ]
        for k, at in enumerate(self.at_risk_time.tolist()):
            for statistic, values in (("at risk, printed", self.printed), ("at risk, reached", self.reached),
                                      ("censored from here on", self.censored)):  # fmt: skip
                found.append(row(statistic, values[k], str(values[k]), at))
        for statistic, x, y in (("curve, digitized", self.click_time, self.click_survival),
                                ("curve, rebuilt", self.curve_time, self.curve_survival)):  # fmt: skip
            found += [row(statistic, s, fixed(s, 4), t) for t, s in zip(x.tolist(), y.tolist(), strict=True)]
        return found

    def table(self) -> pl.DataFrame:
        """The rows as a long table."""
        return long_table(self.rows())


def guyot(
    time: ArrayLike,
    survival: ArrayLike,
    *,
    at_risk_times: ArrayLike,
    at_risk: ArrayLike,
    events: int | None = None,
    unit: TimeUnit,
) -> DigitizedArm:
    """Times and events of subjects whose Kaplan-Meier curve and numbers at risk are those of one published arm.

    ``time`` and ``survival`` (k,) are clicks on the printed curve in order of time, from (0, 1) to its end; ``at_risk``
    (j,) the numbers printed under it at ``at_risk_times``, the first at time zero (without a risk table this one
    alone); ``events`` the total, if it is known. Times are in ``unit``.

    Within an interval of the risk table each click takes the number of deaths that brings the curve nearest to it, and
    the number censored is moved until the next printed number is met. After the last printed number people are
    censored at the rate of the interval before, or as many as leave the total of events (Guyot, Ades, Ouwens, Welton,
    BMC Med Res Methodol 2012;12:9). Other than there the noise of the clicks is taken out first, by what a Kaplan-Meier
    curve of so many subjects does between them; the censored are spread evenly over the time at risk, not over
    time, and several deaths of a gap over the gap; printed numbers are met exactly even where the curve would have more
    people die than leave; and a total of events is met in the one of three ways that stays nearest to the curve: by the
    number censored after the last printed one, by earlier or later censoring in all intervals, or by a bend of the
    curve within the noise of a hand.

    Raises ``DataError`` for clicks that are no survival curve, a risk table that grows, goes beyond the curve or does
    not begin at time zero, and for a curve, risk table and total that contradict each other.

    >>> arm = guyot([0, 2, 2, 4, 4, 6], [1, 1, 0.9, 0.9, 0.8, 0.8], at_risk_times=[0, 5], at_risk=[10, 7],
    ...             unit="months")
    >>> print(arm)
    10 subjects with 2 events, rebuilt from 6 clicks: the curve lies within 0.013 of them, and the numbers at risk are
    all met
    >>> (arm.time[arm.event == 1] / 30.4375).tolist(), arm.censored.tolist()
    ([2.0, 4.0], [1, 7])
    """
    per = days_per(unit)
    x, y = checked(time, survival)
    table, notes = _risk_table(at_risk_times, at_risk, float(x[-1]))
    total = _total(events, int(table.number[0]))
    s, noise = curve_under(x, y, _about_at_risk(x, np.clip(y, 0, 1), table))
    plain = count(x, s, table, None)
    apart, step = _distances(x, y, plain)
    if table.number[-1] == 0:  # printed: nobody dies after that
        step[x >= table.time[-1]] = 0.0
    wrong = int(np.argmax(apart - step))
    if apart[wrong] > _FAR + step[wrong]:
        raise DataError(
            "no subjects with these numbers at risk have this curve: the nearest differs by "
            f"{fixed(apart[wrong], 2)} at time {x[wrong]:g}",
            column="at_risk",
            remedy="See whether curve and numbers are of the same arm, and the times of one unit.",
        )
    found, more = (plain, []) if total is None else _with_total(x, y, s, table, plain, total)
    curve_time, curve = _kaplan_meier(found.time, found.event)
    apart, _ = _distances(x, y, found)
    far = int(np.argmax(apart))
    told = [
        *(note for note in notes if note != _AT_RATE or _LEAVING not in more),
        *more,
        *_beyond(x, apart, found, unit),
    ]
    return DigitizedArm(
        time=found.time * per, event=found.event, at_risk_time=table.time * per, printed=table.number,
        reached=np.array([(found.time >= t).sum() for t in table.time], dtype=np.int64),
        censored=np.asarray(found.censored, dtype=np.int64), click_time=x * per, click_survival=y,
        curve_time=curve_time * per, curve_survival=curve, distance=float(apart[far]),
        distance_at=float(x[far]) * per, noise=noise, total=total, unit=unit, notes=tuple(told),
    )  # fmt: skip


def two_arms(
    arms: Mapping[str, DigitizedArm],
    *,
    experimental: str,
    control: str,
    event_is: Literal["harm", "benefit"] = "harm",
) -> TimeToEvent:
    """Two rebuilt arms as one endpoint, of the origin "reconstructed".

    >>> one = guyot([0, 4, 9], [1, 0.9, 0.8], at_risk_times=[0], at_risk=[10], unit="months")
    >>> print(two_arms({"A": one, "B": one}, experimental="A", control="B"))
    20 subjects, 4 events (B: 10 subjects, 2 events; A: 10 subjects, 2 events)
    """
    for arm in (experimental, control):
        if arm not in arms:
            raise DataError(f"there is no curve of {arm!r}", column="arm", remedy=f"Rebuilt: {', '.join(arms)}.")
    return TimeToEvent(
        np.concatenate([arms[control].time, arms[experimental].time]),
        np.concatenate([arms[control].event, arms[experimental].event]),
        [control] * arms[control].subjects + [experimental] * arms[experimental].subjects,
        control=control, experimental=experimental, unit="days", event_is=event_is, origin="reconstructed",
    )  # fmt: skip


def _risk_table(times: ArrayLike, numbers: ArrayLike, end: float) -> tuple[PrintedAtRisk, list[str]]:
    """The printed numbers at risk as far as the curve goes, and what was assumed of them."""
    t, n = np.array(times, dtype=np.float64), np.array(numbers, dtype=np.float64)
    if t.ndim != 1 or t.shape != n.shape or not len(t):
        raise DataError(
            f"there are {t.size} times and {n.size} numbers at risk",
            column="at_risk",
            remedy="Give a number for each time; without a risk table the number of subjects at time zero.",
        )
    if not (np.isfinite(t).all() and np.isfinite(n).all()):
        raise DataError("a number of the risk table is missing", column="at_risk", remedy="Leave its time out too.")
    if t[0] != 0:
        raise DataError(
            f"the risk table begins at time {t[0]:g}, and time zero is missing",
            column="at_risk_times",
            remedy="Give the number of subjects at time zero first.",
        )
    if (np.diff(t) <= 0).any():
        raise DataError("the times of the risk table do not grow", column="at_risk_times", remedy="Sort them.")
    if (n != np.floor(n)).any() or (n < 0).any() or n[0] < 1:
        raise DataError("a number at risk is no count of people", column="at_risk", remedy="Give whole numbers.")
    if (np.diff(n) > 0).any():
        k = int(np.argmax(np.diff(n) > 0))
        raise DataError(
            f"the numbers at risk grow from {n[k]:g} at time {t[k]:g} to {n[k + 1]:g} at time {t[k + 1]:g}",
            column="at_risk",
            remedy="Nobody enters later: check the numbers, and that all are of this arm.",
        )
    beyond = (t > end * (1 + SLIP)) & (n > 0)
    if beyond.any():
        k = int(np.argmax(beyond))
        raise DataError(
            f"{n[k]:g} subjects are at risk at time {t[k]:g}, but the curve ends at {end:g}",
            column="at_risk_times",
            remedy="Click the curve to its end, and give both times in the same unit.",
        )
    inside = (t <= end * (1 + SLIP)) & ((n > 0) | (t < end))
    t, n = np.minimum(t[inside], end), n[inside]
    notes = []
    if len(t) == 1:
        notes.append("there is no risk table: nobody is taken to be censored before the end of the curve, but as many "
                     "as a total of events leaves")  # fmt: skip
    elif end > t[-1] and n[-1] > 0:
        notes.append(_AT_RATE)
    return PrintedAtRisk(time=t, number=n.astype(np.int64)), notes


def _total(events: int | None, subjects: int) -> int | None:
    if events is None:
        return None
    if isinstance(events, bool) or not isinstance(events, (int, np.integer)) or events < 0:
        raise DataError(f"{events!r} is no number of events", column="events", remedy="Give a whole number.")
    if events > subjects:
        raise DataError(
            f"{events} events are more than the {subjects} subjects",
            column="events",
            remedy="Give the events of this arm alone.",
        )
    return int(events)


def _about_at_risk(x: NDArray[np.float64], s: NDArray[np.float64], table: PrintedAtRisk) -> NDArray[np.float64]:
    """Numbers at risk at the clicks: between printed ones evenly, after the last as the curve falls."""
    about = np.interp(x, table.time, table.number)
    last = float(np.interp(table.time[-1], x, s))
    after = x > table.time[-1]
    about[after] = table.number[-1] * (s[after] / last if last > 0 else 0.0)
    return about


def _with_total(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    s: NDArray[np.float64],
    table: PrintedAtRisk,
    plain: Counted,
    total: int,
) -> tuple[Counted, list[str]]:
    """The arm with its total of events. It is met by the number censored after the last printed number at risk (as in
    the paper), by earlier or later censoring in all intervals, or by a bend of the curve within the noise of a hand: of
    what meets it and is not too far off, the nearest to the curve is taken, in mean squares."""
    if counted_events(plain) == total:
        return plain, []
    ways = [
        (count(x, s, table, total), _LEAVING),
        (
            _halved(lambda pull: count(x, s, table, None, pull), total, *_PULLS, more_events=False),
            "within their intervals people are censored earlier or later, so that the total of events is met",
        ),
        (
            _halved(lambda power: count(x, s**power, table, None), total, *_bends(s), more_events=True),
            "the curve is bent within the noise of a hand, so that the total of events is met",
        ),
    ]
    met: list[tuple[float, Counted, str]] = []
    for made, note in ways:
        apart, step = _distances(x, y, made)
        if counted_events(made) == total and (apart - step).max() <= _FAR:
            met.append((float(np.mean(_distances(x, s, made)[0] ** 2)), made, note))
    if not met:
        raise DataError(
            f"{total} events do not belong to this curve and these numbers at risk, which have about "
            f"{counted_events(plain)}",
            column="events",
            remedy="Check the total: it is of this arm, of this endpoint, and up to the end of this curve.",
        )
    _, nearest, note = min(met, key=lambda way: way[0])
    return nearest, [note]


def _bends(s: NDArray[np.float64]) -> tuple[float, float]:
    """The powers of a curve that move it nowhere by more than a hand can miss by."""
    powers = np.geomspace(1 / _MOST_BENT, _MOST_BENT, 97)
    kept = [float(p) for p in powers if np.abs(s**p - s).max() <= NOISE]
    return kept[0], kept[-1]


def _halved(made: Callable[[float], Counted], total: int, low: float, high: float, *, more_events: bool) -> Counted:
    """What comes nearest to the total of events between two settings, by halving their ratio."""
    best: Counted | None = None
    for _ in range(_HALVINGS):
        middle = math.sqrt(low * high)
        found = made(middle)
        apart = counted_events(found) - total
        if best is None or abs(apart) < abs(counted_events(best) - total):
            best = found
        if apart == 0:
            break
        if (apart > 0) == more_events:
            high = middle
        else:
            low = middle
    assert best is not None
    return best


def _beyond(x: NDArray[np.float64], apart: NDArray[np.float64], found: Counted, unit: TimeUnit) -> list[str]:
    """What is said where the curve falls on after nobody is left at risk."""
    last = float(found.time.max())
    off = float(apart[x > last].max(initial=0.0))
    if off <= _FAR:
        return []
    return [
        f"from {fixed(last, 1)} {unit} on nobody is left at risk, and the curve is not followed: it ends "
        f"{fixed(off, 2)} away from the rebuilt one"
    ]


def _kaplan_meier(
    time: NDArray[np.float64], event: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The rebuilt curve at its steps."""
    at, deaths = np.unique(time[event == 1], return_counts=True)
    at_risk = len(time) - np.searchsorted(np.sort(time), at * (1 - AT_ONCE), side="left")
    return at, np.asarray(np.cumprod(1 - deaths / at_risk), dtype=np.float64)


def _distances(
    x: NDArray[np.float64], y: NDArray[np.float64], found: Counted
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How far each click lies from the rebuilt curve (one on a vertical line is on it), and what one death is there."""
    curve_time, curve = _kaplan_meier(found.time, found.event)
    steps = np.r_[1.0, curve]
    after = steps[np.searchsorted(curve_time, x, side="right")]
    before = steps[np.searchsorted(curve_time, x, side="left")]
    at_risk = len(found.time) - np.searchsorted(np.sort(found.time), x, side="left")
    # Beyond the last subject the curve is not followed at all: ``_beyond`` says so.
    return np.maximum(np.maximum(y - before, after - y), 0.0), np.maximum(before, y) / np.maximum(at_risk, 1)
