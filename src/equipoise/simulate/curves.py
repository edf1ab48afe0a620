"""Kaplan-Meier curves of single simulated trials, and beside them the curve that they all estimate."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .. import results
from ..analyze import endpoint
from ..data import TimeToEvent
from ..protocol import Protocol, Scenario
from ..results import ROUNDING_NOTE, Row, fixed
from ..survival import Curve, kaplan_meier
from ..units import DAYS_PER_MONTH
from .many import check_trials
from .operating import seed_of
from .trial import Subjects, analysis_of, number_of, scenario_of, subjects_of, trial

if TYPE_CHECKING:
    import polars as pl

Vector = NDArray[np.float64]
TRUTH = "survival"  # the statistic of the truth; that of a single trial is "survival in trial 7"
_PATIENTS, _LARGE, _ELSEWHERE = 1_000, 100, 1 << 40  # of a part of the large trial; parts; where their numbers begin
_POINTS = 100  # of the grid of times, about


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curves:
    """Kaplan-Meier curves of trials 0, 1, ... of a seed, each with ``subjects`` patients, at ``time`` (g,) in days.

    ``arms``: experimental and control. ``single`` (trials, 2, g) are the curves of the trials, ``truth`` (2, g) that of
    one trial of ``patients``, all of them observed as the trials are; nan once nobody of an arm is followed that long.
    ``time`` goes to the longest follow-up of the single trials, in steps of whole days.
    """

    name: str
    label: str
    arms: tuple[str, str]
    time: Vector
    single: Vector
    truth: Vector
    subjects: int
    patients: int
    seed: int
    context: Row

    def __post_init__(self) -> None:
        results.read_only(self)

    def __str__(self) -> str:
        half = len(self.time) // 2
        arms = [self._spread(i, half) for i in range(len(self.arms))]
        return (
            f"Kaplan-Meier curves of {len(self.single)} simulated trials of {self.subjects} patients ({self.label}, "
            f"seed {self.seed}) beside those of {self.patients:,} patients: at "
            f"{fixed(self.time[half] / DAYS_PER_MONTH, 1)} months {' and '.join(arms).rstrip(',')}"
        )

    def _spread(self, arm: int, at: int) -> str:
        """Between what single trials lie at one time, and the truth."""
        heights = self.single[:, arm, at]
        heights = heights[np.isfinite(heights)] if np.isfinite(heights).any() else np.full(1, np.nan)
        low, high, true = (fixed(float(x), 2) for x in (heights.min(), heights.max(), self.truth[arm, at]))
        return f"single trials of {self.arms[arm]} lie between {low} and {high}, the truth being {true},"

    def rows(self) -> list[Row]:
        """Rows of the long table, ``at`` in days: the truth, then each trial's, by arm, as far as a curve goes."""
        return [
            *self._of(TRUTH, self.truth, f"Kaplan-Meier, {self.patients:,} patients in {_LARGE} simulated trials"),
            *(
                row
                for number, curves in enumerate(self.single)
                for row in self._of(
                    f"{TRUTH} in trial {number}",
                    curves,
                    f"Kaplan-Meier, single simulated trials of {self.subjects} patients",
                )
            ),
        ]

    def _of(self, statistic: str, curves: Vector, how: str) -> Iterator[Row]:
        method = f"{self.label}; {how}, seed {self.seed}, times in whole days; {ROUNDING_NOTE}"
        for arm, curve in zip(self.arms, curves, strict=True):
            for at, value in zip(self.time.tolist(), curve.tolist(), strict=True):
                if math.isfinite(value):
                    yield replace(
                        self.context, statistic=statistic, group=arm, at=at, value=value, text=fixed(value, 4),
                        method=method,
                    )  # fmt: skip

    def table(self) -> pl.DataFrame:
        """The long table of all of it."""
        return results.long_table(self.rows())


def curves(
    protocol: Protocol,
    scenario: str | Scenario | None = None,
    *,
    estimand: str | None = None,
    subjects: Subjects | None = None,
    trials: int = 30,
    seed: int = 1,
) -> Curves:
    """The Kaplan-Meier curves by arm of single trials at the scenario's cut-off, and the truth: those of 100,000
    patients with the same estimand as it is observed, visits, crossover and all. How far apart single trials lie is
    what a trial of this size leaves to chance.

    The trials are those of ``trial`` with numbers 0, 1, ...; ``scenario`` and ``subjects`` are as there, ``estimand``
    is by default that of the primary analysis. The 100,000 patients are drawn as 100 trials of 1,000, and taken
    together.

    Raises what ``trial`` and ``analyze.endpoint`` raise, and ``DesignError`` for numbers that are none.

    >>> from equipoise.protocol import example
    >>> found = curves(example("tandem"), "stated", trials=3)
    >>> found.arms, found.single.shape == (3, 2, len(found.time))
    (('T+A', 'A'), True)
    """
    check_trials(trials)
    seed = seed_of(seed)
    chosen = scenario_of(protocol, scenario)
    own = subjects_of(protocol, chosen, subjects)
    wanted = analysis_of(protocol, None).estimand if estimand is None else estimand

    def observed(number: int, patients: Subjects) -> TimeToEvent:
        data = trial(protocol, chosen, seed=seed, number=number, subjects=patients)
        return endpoint(protocol, data, estimand=wanted)

    single = [kaplan_meier(observed(number, own)) for number in range(trials)]
    truth = kaplan_meier(_together([observed(_ELSEWHERE + part, _PATIENTS) for part in range(_LARGE)]))
    about = protocol.estimands[wanted]
    arms = (about.treatment.experimental, about.treatment.control)
    last = max(float(one[arm].time[-1]) for one in single for arm in arms)
    time = np.arange(0.0, last + 1.0, max(1.0, math.ceil(last / _POINTS)))
    name = next((name for name, one in protocol.scenario.items() if one is chosen), chosen.label)
    return Curves(
        name=name, label=chosen.label, arms=arms, time=time,
        single=np.array([[_heights(one[arm], time) for arm in arms] for one in single]),
        truth=np.array([_heights(truth[arm], time) for arm in arms]),
        subjects=number_of(own), patients=_PATIENTS * _LARGE, seed=seed,
        context=Row(
            statistic="", analysis=f"curves {name}", role="simulation", estimand=wanted, population=about.population,
            endpoint=about.variable, origin="simulated",
        ),
    )  # fmt: skip


def _together(parts: list[TimeToEvent]) -> TimeToEvent:
    """The patients of several trials as those of one."""
    first = parts[0]
    return TimeToEvent(
        np.concatenate([one.time for one in parts]),
        np.concatenate([one.event for one in parts]),
        np.concatenate([np.array(one.arms)[one.arm] for one in parts]),
        control=first.control, experimental=first.experimental, unit="days", event_is=first.event_is,
        origin="simulated",
    )  # fmt: skip


def _heights(curve: Curve, time: Vector) -> Vector:
    """A curve at some times; nan once nobody is followed that long."""
    heights = np.concatenate([[1.0], curve.survival])[np.searchsorted(curve.time, time, side="right")]
    return np.where((time > curve.time[-1]) & (curve.survival[-1] > 0), np.nan, heights)
