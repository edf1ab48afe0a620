"""Who switched, and when: counts, times to the switch and from progression to it, and the events that followed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ... import results
from ...results import Origin, Row
from ...units import TimeUnit, days_per
from ..spread import Spread, spread
from .record import Switches

if TYPE_CHECKING:
    import polars as pl

FEW_EVENTS = 10  # among those who did not switch: a rule of thumb for what weighting and regression can bear
_FIVE = ("minimum", "lower_quartile", "median", "upper_quartile", "maximum")


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmSwitches:
    """One arm: how many of ``subjects`` switched, when, and the events among those who did and who did not.

    ``to_switch`` days from randomization; ``from_progression`` days from a progression on or before the day of the
    switch, of those who had one; ``without_progression`` switched before one was seen, and is None where progression
    is not known of anybody. ``events_after`` among those who switched came after the switch, none before it.
    """

    arm: str
    may_switch: bool
    subjects: int
    switched: int
    to_switch: Spread
    from_progression: Spread
    progressed: int | None
    without_progression: int | None
    events_after: int
    events_without: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WhoSwitched:
    """Who switched, by arm, with ``warnings`` for what the data cannot bear."""

    arms: tuple[ArmSwitches, ...]
    warnings: tuple[str, ...]
    method: str
    origin: Origin

    def __str__(self) -> str:
        said = []
        for arm in self.arms:
            if not arm.may_switch:
                continue
            text = f"{arm.switched} of {arm.subjects} subjects in {arm.arm} switched"
            if arm.switched:
                text += f" ({results.percent(arm.switched, arm.subjects)}%), half of them by day "
                text += results.duration(arm.to_switch.median, "days")
            said.append(
                f"{text}; {_events(arm.events_after)} among those who did, {arm.events_without} among those who did not"
            )
        return "; ".join(said)

    def rows(self, unit: TimeUnit = "days") -> list[Row]:
        """Counts, times in ``unit`` and events by arm as rows of the long table; warnings last."""
        rows = []
        for arm in self.arms:
            counts = [
                ("switched", arm.switched, arm.subjects),
                ("did not switch", arm.subjects - arm.switched, arm.subjects),
            ]
            if arm.progressed is not None and arm.without_progression is not None:
                counts.append(("progressed", arm.progressed, arm.subjects))
                counts.append(("switched without progression before", arm.without_progression, arm.switched))
            for name, n, of in counts:
                rows.append(self._row(arm.arm, name, float(n), results.count_percent(n, of), "subjects"))
            for name, n in (("among switchers", arm.events_after), ("among non-switchers", arm.events_without)):
                rows.append(self._row(arm.arm, f"events {name}", float(n), str(n), "subjects"))
            nobody = "" if arm.switched else "nobody switched"
            unseen = "progression is not known" if arm.progressed is None else "nobody switched after a progression"
            rows += self._times(arm.arm, "time to switch", arm.to_switch, unit, nobody)
            rows += self._times(
                arm.arm, "time from progression to switch", arm.from_progression, unit, nobody or unseen
            )
        rows += [
            Row(statistic="warning on switching", text=t, method=self.method, origin=self.origin) for t in self.warnings
        ]
        return rows

    def _times(self, arm: str, name: str, found: Spread, unit: TimeUnit, why: str) -> list[Row]:
        rows = []
        for which in _FIVE:
            value = float(getattr(found, which))
            text = results.duration(value, unit) if math.isfinite(value) else ""
            name_of = f"{name} {which.replace('_', ' ')}"
            rows.append(self._row(arm, name_of, value / days_per(unit), text, unit, found.reason and why))
        return rows

    def _row(self, arm: str, statistic: str, value: float, text: str, unit: str, reason: str = "") -> Row:
        shown = results.number(value, text, reason)
        return Row(group=arm, statistic=statistic, unit=unit, method=self.method, origin=self.origin, **shown)  # type: ignore[arg-type]

    def table(self) -> pl.DataFrame:
        """The long table of the counts."""
        return results.long_table(self.rows())


def who_switched(switches: Switches) -> WhoSwitched:
    """Count and share of subjects who switched in each arm, when, how long after progression, and events after it.

    ``warnings`` name an arm in which nobody, or everybody, switched or no event followed a switch, and one with fewer
    than 10 events among those who did not switch: methods that compare the two rest on those events.

    >>> from equipoise.data import TimeToEvent
    >>> tte = TimeToEvent([5, 8, 8, 12], [1, 0, 1, 1], ["A", "B", "A", "B"], control="A", experimental="B", unit="days")
    >>> found = who_switched(Switches(tte=tte, switch=[np.inf, np.inf, 3, np.inf], progression=[4, np.inf, 1, 6]))
    >>> print(found)
    1 of 2 subjects in A switched (50.0%), half of them by day 3; 1 event among those who did, 1 among those who did not
    >>> found.arms[0].from_progression.median
    2.0
    >>> print(found.warnings[0])
    A has 1 event among those who did not switch: methods that weight or model them rest on fewer than 10
    """
    tte, arms, warnings = switches.tte, [], []
    happened = tte.event > 0
    for code, arm in enumerate(tte.arms):
        mine = tte.arm == code
        switched = mine & switches.switched
        after = progressed = None
        since = np.empty(0)
        if switches.progression is not None:
            first = switched & (switches.progression <= switches.switch)
            since = switches.switch[first] - switches.progression[first]
            after = int(switched.sum() - first.sum())
            progressed = int((mine & np.isfinite(switches.progression)).sum())
        without = int((mine & ~switches.switched & happened).sum())
        arms.append(
            ArmSwitches(
                arm=arm,
                may_switch=arm in switches.may_switch,
                subjects=int(mine.sum()),
                switched=int(switched.sum()),
                to_switch=spread(switches.switch[switched]),
                from_progression=spread(since),
                progressed=progressed,
                without_progression=after,
                events_after=int((switched & happened).sum()),
                events_without=without,
            )
        )
        if arm in switches.may_switch:
            why = switches.one_sided(arm)
            warnings += [why] if why else []
            if without < FEW_EVENTS and switched.any():
                warnings.append(
                    f"{arm} has {_events(without)} among those who did not switch: methods that weight or model them "
                    f"rest on fewer than {FEW_EVENTS}"
                )
    return WhoSwitched(
        arms=tuple(arms),
        warnings=tuple(warnings),
        method="share of all subjects of the arm; days from randomization; progression on or before the day of switch",
        origin=tte.origin,
    )


def _events(n: int) -> str:
    return f"{n} event" if n == 1 else f"{n} events"
