"""Deaths at clicks and censorings between printed numbers at risk: the counts behind a digitized curve."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_SAME = 1e-9  # curves that differ by less are equally near a click: fewer deaths are taken
AT_ONCE = 1e-9  # of the time: a death and a censoring as near as this are at one time, the death first
_SINGLE = 1.5  # deaths: less than this is one
_BEFORE = 1e-6  # of a time: just before it, and yet no near tie


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PrintedAtRisk:
    """The risk table: ``number`` (j,) of subjects at risk (time >= t) at ``time`` (j,), the first at zero."""

    time: Array
    number: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Counted:
    """Subjects, (n,): times with 1 for a death and 0 for a censoring; ``censored`` from each printed time on, those
    who reach the end of the curve counted with the last."""

    time: Array
    event: NDArray[np.int64]
    censored: tuple[int, ...]


def counted_events(found: Counted) -> int:
    """How many died."""
    return int(found.event.sum())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Stretch:
    """An interval of the risk table: the curve ``s`` at its borders and the clicks ``x`` between; who enters it with
    which rebuilt survival; whether it ends at a printed number (``wanted``), which deaths must precede."""

    x: Array
    s: Array
    times: list[float]  # as ``x``, and ``aims`` as ``s``: taken one by one a list is quicker
    aims: list[float]
    subjects: int
    survival: float
    wanted: int | None

    def censorings(self, many: int, pull: float) -> Array:
        """Times of so many censorings, spread evenly over the time at risk; a ``pull`` above 1 brings them forward."""
        at_risk = np.r_[0.0, np.cumsum(np.diff(self.x) * (self.s[1:] + self.s[:-1]) / 2)]
        if at_risk[-1] <= 0:
            at_risk = self.x - self.x[0]
        shares = ((np.arange(many) + 0.5) / max(many, 1)) ** pull
        return np.interp(shares * at_risk[-1], at_risk, self.x)

    def deaths_in(self, gap: int, many: int) -> list[float]:
        """Times of the deaths of a gap between clicks: a single one at the click that shows it, several spread evenly
        over the gap. Nobody dies at a printed time itself, since those who do are at risk there."""
        low, high = self.times[gap], self.times[gap + 1]
        if many == 1 and (self.wanted is None or gap < len(self.times) - 2):
            return [high]
        return [low + (high - low) * (j + 0.5) / many for j in range(many)]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Walked:
    """An interval once walked through: deaths by gap, who is left, with which survival."""

    deaths: tuple[int, ...]
    left: int
    survival: float


def count(x: Array, s: Array, table: PrintedAtRisk, total: int | None, pull: float = 1.0) -> Counted:
    """The subjects behind a curve ``s`` (k,) at times ``x`` (k,) and a risk table, interval after interval."""
    subjects, survival, rate = int(table.number[0]), 1.0, 0.0
    times: list[Array] = []
    events: list[int] = []
    censored: list[int] = []
    deaths = 0
    for k, start in enumerate(table.time):
        last = k + 1 == len(table.time)
        end = float(x[-1]) if last else float(table.time[k + 1])
        if end <= start:
            censored.append(0)
            continue
        stretch = _stretch(x, s, float(start), end, subjects, survival, None if last else int(table.number[k + 1]))
        if last:
            many = _at_rate(stretch, rate)
            if total is not None:
                many = _towards_total(stretch, total - deaths, many, pull)
            walked, late = _walk(stretch, stretch.censorings(many, pull)), 0
        else:
            many, walked, late = _towards_printed(stretch, pull)
        for gap, here in enumerate(walked.deaths):
            times.append(np.array(stretch.deaths_in(gap, here)))
        # Those who must have left beyond what the curve explains, just before the printed number.
        out = np.r_[stretch.censorings(many, pull), np.full(late, end * (1 - _BEFORE))]
        times.append(out)
        events += [1] * sum(walked.deaths) + [0] * len(out)
        deaths += sum(walked.deaths)
        left = walked.left - late
        rate = len(out) / max((subjects + left) / 2 * (end - float(start)), 1e-12)
        censored.append(len(out))
        subjects, survival = left, walked.survival
    censored[-1] += subjects
    times.append(np.full(subjects, x[-1]))
    events += [0] * subjects
    return Counted(time=np.concatenate(times), event=np.array(events, dtype=np.int64), censored=tuple(censored))


def _stretch(
    x: Array, s: Array, start: float, end: float, subjects: int, survival: float, wanted: int | None
) -> _Stretch:
    """The curve between two times, with its clicks there. Who dies at a printed time is at risk there: a vertical line
    at such a time belongs to the interval after it, but for its top."""
    first = int(np.searchsorted(x, start, side="left"))
    first += int(first < len(x) and x[first] == start)  # the top of the line is the border itself
    beyond = len(x) if wanted is None else int(np.searchsorted(x, end, side="left"))
    borders = [] if wanted is None else [_at_border(x, s, end, wanted)]
    at = np.r_[start, x[first:beyond], [end] * len(borders)]
    of = np.r_[_at_border(x, s, start, subjects), s[first:beyond], borders]
    return _Stretch(
        x=at, s=of, times=at.tolist(), aims=of.tolist(), subjects=subjects, survival=survival, wanted=wanted
    )


def _at_border(x: Array, s: Array, at: float, subjects: int) -> float:
    """The curve at a printed time that need not have been clicked: between clicks it falls evenly, but where it falls
    by a single death (with so many ``subjects`` at risk), which is at the click that shows it."""
    k = int(np.searchsorted(x, at, side="left"))
    if k == len(x) or x[k] == at:
        return float(s[min(k, len(x) - 1)])
    fall = s[k - 1] - s[k]
    if fall * subjects < _SINGLE * s[k - 1]:
        return float(s[k - 1])
    return float(s[k - 1] - fall * (at - x[k - 1]) / (x[k] - x[k - 1]))


def _walk(stretch: _Stretch, out: Array, most: int | None = None) -> _Walked:
    """Through an interval from click to click: each takes the number of deaths that brings the rebuilt curve nearest
    to the clicked one, when people are censored at the times ``out``. In all no more than ``most`` die, by default all
    who are not censored."""
    n, survival = stretch.subjects, stretch.survival
    spare = n - len(out) if most is None else most
    cut = np.searchsorted(out, stretch.x * (1 - AT_ONCE), side="left")  # who leaves at a click, leaves after its deaths
    cut[0], cut[-1] = 0, len(out)
    left, deaths = out.tolist(), []
    for gap in range(len(stretch.times) - 1):
        gone = left[cut[gap] : cut[gap + 1]]
        here, survival = _nearest(stretch, gap, gone, n, survival, spare)
        deaths.append(here)
        n -= here + len(gone)
        spare -= here
    return _Walked(deaths=tuple(deaths), left=n, survival=survival)


def _nearest(stretch: _Stretch, gap: int, gone: list[float], n: int, survival: float, most: int) -> tuple[int, float]:
    """The number of deaths in a gap, up to ``most``, after which the curve is nearest to the next click."""
    aim = stretch.aims[gap + 1]

    def after(deaths: int) -> float:
        if not gone:
            return survival * (n - deaths) / n if n else survival
        left = survival
        for j, time in enumerate(stretch.deaths_in(gap, deaths)):
            left *= 1 - 1 / (n - j - bisect_left(gone, time * (1 - AT_ONCE)))
        return left

    share = 1 - aim / survival if survival > 0 else 0.0
    here = min(max(int((n - len(gone) / 2) * share), 0), most)
    away = abs(after(here) - aim)
    for step in (-1, 1):
        while 0 <= here + step <= most:
            other = abs(after(here + step) - aim)
            if other > away - _SAME and not (step < 0 and other <= away + _SAME):
                break
            here, away = here + step, other
    return here, after(here)


def _towards_printed(stretch: _Stretch, pull: float) -> tuple[int, _Walked, int]:
    """How many are censored before the next printed number, the deaths beside them, and who else must have left.

    Begins with those whom the fall of the curve does not explain, and moves their number by what is left over until
    the printed number is met. The curve cannot have more people die than leave: then it is not followed.
    """
    assert stretch.wanted is not None
    lost = stretch.subjects - stretch.wanted
    kept = stretch.s[-1] / stretch.s[0] if stretch.s[0] > 0 else 0.0
    many = min(max(_whole(stretch.subjects * kept - stretch.wanted), 0), lost)
    over: dict[int, int] = {}
    while many not in over:
        walked = _walk(stretch, stretch.censorings(many, pull))
        over[many] = walked.left - stretch.wanted
        many = min(max(many + over[many], 0), lost)
    many = min(over, key=lambda m: (abs(over[m]), m))
    walked = _walk(stretch, stretch.censorings(many, pull), lost - many)
    return many, walked, walked.left - stretch.wanted


def _at_rate(stretch: _Stretch, rate: float) -> int:
    """How many are censored after the last printed number, at the rate of the interval before."""
    if stretch.s[0] <= 0:
        return 0
    at_risk = float(np.sum(np.diff(stretch.x) * (stretch.s[1:] + stretch.s[:-1]) / 2) / stretch.s[0]) * stretch.subjects
    return min(stretch.subjects, _whole(rate * at_risk))


def _towards_total(stretch: _Stretch, events: int, many: int, pull: float) -> int:
    """How many are censored after the last printed number, so that as many die there as the total leaves."""
    over: dict[int, int] = {}
    while many not in over:
        over[many] = sum(_walk(stretch, stretch.censorings(many, pull)).deaths) - events
        many = min(max(many + over[many], 0), stretch.subjects)
    return min(over, key=lambda m: (abs(over[m]), m))


def _whole(value: float) -> int:
    """The nearest whole number, of two the lower, also where rounding left a trace above the middle."""
    return int(np.ceil(value - 0.5 - _SAME))
