"""The times that would have been: without the experimental treatment, or with nobody switching; and recensoring."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ... import results
from ...data import TimeToEvent
from ...results import Row
from ...survival.convention import ArgumentError
from .record import Switches, Vector

Recensor = bool | Literal["all arms"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recensored:
    """What recensoring took from one arm: subjects whose follow-up it cut, and the events that fell behind the cut.

    ``followed`` and ``followed_after`` are the last days on which anybody of the arm would have been at risk with and
    without the cut: between them lies the tail that is lost.
    """

    arm: str
    of: int
    subjects: int
    events: int
    events_lost: int
    followed: float
    followed_after: float

    @property
    def share(self) -> float:
        """Share of the arm's subjects whose follow-up was cut."""
        return self.subjects / self.of

    def __str__(self) -> str:
        if not self.subjects:
            return f"recensoring cut nobody in {self.arm}"
        after, without = (results.duration(day, "days") for day in (self.followed_after, self.followed))
        tail = "" if after == without else f"; nothing is known after day {after} (without it: {without})"
        return (
            f"recensoring cut the follow-up of {self.subjects} of {self.of} subjects in {self.arm} and took "
            f"{self.events_lost} of {self.events} events{tail}"
        )


def untreated(switches: Switches, psi: float, *, recensor: Recensor = True) -> TimeToEvent:
    """Both arms as they would have been without any experimental treatment, if it multiplies time left by exp(-psi).

    U = T_off + e^psi T_on, T_on the days on the experimental treatment. Recensored subjects are cut at
    D* = min(C, e^psi C), C the day of administrative censoring, whether they switched or not: else U would be
    censored depending on prognosis. An event counts if U <= D*. ``recensor`` True does so in the arms in which
    switching is possible and happened; "all arms" in both; False in none. Source: Robins and Tsiatis 1991; White,
    Babiker, Walker and Darbyshire 1999.

    >>> from equipoise.data import TimeToEvent
    >>> tte = TimeToEvent([4, 8, 6, 10], [1, 1, 1, 0], ["A", "A", "B", "B"], control="A", experimental="B", unit="days")
    >>> found = untreated(Switches(tte=tte, switch=[np.inf, 4, np.inf, np.inf], administrative=[10] * 4), np.log(0.5))
    >>> found.time.tolist(), found.event.tolist()
    ([4.0, 5.0, 3.0, 5.0], [1, 0, 1, 0])
    """
    return scaled(switches, switches.on_experimental, np.full(switches.n, math.expm1(_real(psi))), recensor)


def unswitched(switches: Switches, psi: float, *, recensor: Recensor = True) -> TimeToEvent:
    """Both arms as they would have been if nobody had switched: control without, experimental with the treatment.

    The control arm as in ``untreated``; the experimental arm as observed, but for its own switchers, whose time off
    the treatment is multiplied by exp(-psi) (and whose arm is recensored at min(C, e^-psi C)).

    >>> from equipoise.data import TimeToEvent
    >>> tte = TimeToEvent([4, 8, 6, 10], [1, 1, 1, 0], ["A", "A", "B", "B"], control="A", experimental="B", unit="days")
    >>> found = unswitched(Switches(tte=tte, switch=[np.inf, 4, np.inf, np.inf], administrative=[10] * 4), np.log(0.5))
    >>> found.time.tolist(), found.event.tolist()
    ([4.0, 5.0, 6.0, 10.0], [1, 0, 1, 0])
    """
    psi = _real(psi)
    share, factor = unswitched_shares(switches, psi)
    return scaled(switches, share, factor, recensor)


def unswitched_shares(switches: Switches, psi: float) -> tuple[Vector, Vector]:
    """The days that nobody would have spent as they were spent, and the factor less 1 by which they change, (n,)."""
    control, on = switches.tte.arm == 0, switches.on_experimental
    return np.where(control, on, switches.tte.time - on), np.where(control, math.expm1(psi), math.expm1(-psi))


def cuts(switches: Switches, recensor: Recensor) -> Vector:
    """The day C of administrative censoring of those who are recensored, inf for others, (n,)."""
    if not (isinstance(recensor, bool | np.bool_) or recensor == "all arms"):
        raise ArgumentError(
            f"recensor = {recensor!r} is unknown",
            remedy='Use True (arms in which switching is possible), "all arms" or False.',
        )
    if recensor is False:
        return np.full(switches.n, math.inf)
    rows = np.ones(switches.n, dtype=np.bool_)
    if recensor != "all arms":
        happened = [code for code, arm in enumerate(switches.tte.arms) if switches.switched_in(arm).any()]
        rows = switches.possible & np.isin(switches.tte.arm, happened)
    return np.where(rows, switches.end(), math.inf) if rows.any() else np.full(switches.n, math.inf)


def recensored_words(recensor: Recensor) -> str:
    """What ``method`` says of recensoring."""
    if recensor == "all arms":
        return "recensored in all arms"
    return "recensored in arms with switching" if recensor else "not recensored"


def losses(switches: Switches, psi: float, recensor: Recensor) -> tuple[Recensored, ...]:
    """What recensoring takes from each arm of the data as nobody would have switched."""
    share, factor = unswitched_shares(switches, psi)
    with_end, without = (scaled(switches, share, factor, how) for how in (recensor, False))
    return lost_between(without, with_end)


def lost_between(without: TimeToEvent, with_end: TimeToEvent) -> tuple[Recensored, ...]:
    """What recensoring took from each arm, given the same subjects without it and with it."""
    found = []
    for code, arm in enumerate(without.arms):
        mine = without.arm == code
        found.append(
            Recensored(
                arm=arm,
                of=int(mine.sum()),
                subjects=int((mine & (with_end.time < without.time)).sum()),
                events=int((mine & (without.event > 0)).sum()),
                events_lost=int((mine & (without.event > with_end.event)).sum()),
                followed=float(without.time[mine].max()),
                followed_after=float(with_end.time[mine].max()),
            )
        )
    return tuple(found)


def loss_rows(found: tuple[Recensored, ...], method: str, origin: results.Origin) -> list[Row]:
    """The losses as rows of the long table."""
    rows = []
    for arm in found:
        counts = (
            ("subjects recensored", arm.subjects, arm.of),
            ("events lost to recensoring", arm.events_lost, arm.events),
        )
        for name, n, of in counts:
            rows.append(
                Row(group=arm.arm, statistic=name, value=float(n), text=results.count_percent(n, of), unit="subjects",
                    method=method, origin=origin)
            )  # fmt: skip
        for name, day in (("last day followed", arm.followed), ("last day followed, recensored", arm.followed_after)):
            text = results.duration(day, "days")
            rows.append(
                Row(group=arm.arm, statistic=name, value=day, text=text, unit="days", method=method, origin=origin)
            )
    return rows


def scaled(switches: Switches, share: Vector, factor: Vector, recensor: Recensor) -> TimeToEvent:
    """Both arms with ``share`` (n,) of their times changed by the factor less 1, (n,), and recensored."""
    tte = switches.tte
    time, event = cut_times(tte.time, share, factor, cuts(switches, recensor), tte.event > 0)
    return tte._with(time=time, event=event.astype(np.int64))


def cut_times(
    time: Vector, share: Vector, factor: Vector, end: Vector, event: NDArray[np.bool_]
) -> tuple[Vector, NDArray[np.bool_]]:
    """Times with ``share`` of them changed by the factor less 1, cut at min(C, (1 + factor) C); all (n,)."""
    found = time + factor * share
    finite = np.isfinite(end)
    known = np.where(finite, end, 0.0)
    last = np.where(finite, known + np.minimum(factor, 0.0) * known, math.inf)
    return np.minimum(found, last), event & (found <= last)


def _real(psi: float) -> float:
    value = float(psi)
    if not abs(value) <= 50:
        raise ArgumentError(f"psi = {psi!r} is no logarithm of a time ratio", remedy="Give a number near 0.")
    return value
