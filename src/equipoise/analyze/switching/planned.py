"""What a protocol plans where people switch treatment: its methods, each on the same record of switching."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ...data import Patients
from ...errors import DataError
from ...protocol import (
    Analysis,
    Protocol,
    Switching,
    Visit,
    endpoint_of_progression,
    switching_event,
    switching_from,
)
from ...protocol.switching import OF_VISITS, WEIGHTING, SwitchingMethod
from ...survival import TimeVarying
from ...units import days
from ..covariates import covariates_of
from ..estimand import population_rows
from .from_protocol import CUTOFF_DATE, SWITCH_DATE, switches
from .g_estimation import two_stage_g
from .ipcw import ipcw
from .ipe import ipe
from .measured import SAME_DAY, measured
from .msm import msm
from .record import Switches, Vector
from .rpsftm import rpsftm
from .rpsftm_result import RPSFTM
from .two_stage import two_stage
from .weighted_result import Weighted
from .without_switching import WithoutSwitching

Found = RPSFTM | WithoutSwitching | Weighted
SINCE, PROGRESSED = "weeks since progression", "progressed"
ONLY_PROGRESSION = (
    "no covariate measured after randomization but progression is given: confounding of switching by others is not "
    "adjusted for"
)
_EVERY_DAYS = 28.0
_REMEDIES = {
    "switch": "Mend the dates; if people may switch in both arms, name both: switching.may_switch; if without a "
    'progression: switching.since = "randomization".',
    "administrative": "Give everybody the date of the data cut, on or after the last follow-up, or make the cut: "
    "data.cut(date). Without the column: recensor = false.",
    "progression": "Add the endpoint of progression to the data, or mend it.",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Planned:
    """An analysis adjusted for switching, before any of its methods is run: the ``record`` of switching, baseline
    ``covariates`` by name, those at progression as arrays (n,), and what was ``measured`` from visit to visit."""

    analysis: Analysis
    switching: Switching
    record: Switches
    covariates: tuple[str, ...]
    at_progression: dict[str, NDArray[Any]] | None
    measured: dict[str, TimeVarying]
    visits: Vector
    since: Literal["randomization", "progression"]
    named: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """The file and column of the data that hold a column of the record."""

    def found(self, method: SwitchingMethod, draws: int | None = None) -> Found:
        """What a method finds, with as many bootstrap samples as are planned unless said otherwise.

        Raises what the method raises, in the names of the data.
        """
        try:
            return self._found(method, draws)
        except DataError as error:
            raise _in_names_of_data(error, self.named) from None

    def _found(self, method: SwitchingMethod, draws: int | None) -> Found:
        samples = self.switching.draws_of(method) if draws is None else draws
        seed = 1 if self.switching.seed is None else self.switching.seed
        common: dict[str, Any] = {
            "covariates": self.covariates, "stratified": self.analysis.stratified, "draws": samples, "seed": seed,
            "level": self.analysis.confidence,
        }  # fmt: skip
        recensor = True if self.switching.recensor is None else self.switching.recensor
        if method == "rpsftm":
            return rpsftm(self.record, recensor=recensor, **common)
        if method == "ipe":
            return ipe(self.record, recensor=recensor, **common)
        if method == "two-stage":
            # The day of progression counts: progression and death on one day leave a day between them.
            return two_stage(self.record, self.at_progression, recensor=recensor, offset=1, **common)
        if method == "two-stage g-estimation":
            return two_stage_g(self.record, self._since_progression(), recensor=recensor, **common)
        ties = self.analysis.ties or ("breslow" if self.analysis.convention == "sas" else "efron")
        weigh = ipcw if method == "ipcw" else msm
        if self.since == "progression":
            return weigh(self._day_before(), self._since_progression(), since="progression", ties=ties, **common)
        return weigh(self.record, self._progressed(), ties=ties, **common)

    def warnings_of(self, method: SwitchingMethod) -> tuple[str, ...]:
        """What speaks against a method as it is planned, whatever it finds."""
        return () if method in ("rpsftm", "ipe", "two-stage") or self.measured else (ONLY_PROGRESSION,)

    def words_of(self, method: SwitchingMethod) -> str:
        """What the plan gives a method, where this says what was computed: visits, and what tells of who switches."""
        if method == "two-stage":
            return "; the day of progression itself counts"
        if method not in OF_VISITS:
            return ""
        of_progression = [SINCE if method not in WEIGHTING or self.since == "progression" else PROGRESSED]
        if self.record.progression is None:
            of_progression = []
        every = "every 4 weeks" if self.switching.visits is None else f"as scheduled ({self.switching.visits})"
        return f"; visits {every}; who switches may depend on {', '.join([*of_progression, *self.measured])}"

    def _known(self) -> Vector:
        if self.record.progression is None:
            raise DataError(
                "nothing that was measured after randomization is known, on which switching could have depended",
                column="progression",
                remedy="Add the endpoint of progression to the data.",
            )
        return self.record.progression

    def _day_before(self) -> Switches:
        """The record with progression half a day earlier, so that a switch on its day comes after it."""
        return replace(self.record, progression=np.maximum(self._known() - SAME_DAY, 0.0))

    def _visits(self) -> tuple[NDArray[np.int64], Vector]:
        """Each subject's visits while followed: the subject's row, and the day."""
        time = self.record.tte.time
        count = np.maximum(np.searchsorted(self.visits, time, side="left"), 1)
        owner = np.repeat(np.arange(len(time)), count)
        return owner, self.visits[np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)]

    def _since_progression(self) -> dict[str, TimeVarying]:
        progression, (owner, start) = self._known(), self._visits()
        weeks = np.maximum(start - progression[owner], 0.0) / 7.0
        subject = self.record.tte.subject[owner]
        return {SINCE: TimeVarying(subject=subject, start=start, value=weeks, unit="days"), **self.measured}

    def _progressed(self) -> dict[str, TimeVarying]:
        if self.measured and self.record.progression is None:
            return self.measured
        self._known()
        progression, (owner, start) = self._day_before().progression, self._visits()
        assert progression is not None
        some = np.flatnonzero(np.isfinite(progression) & ~np.isin(progression, self.visits))
        owner = np.concatenate([owner, some])
        start = np.concatenate([start, progression[some]])
        value = (start >= progression[owner]).astype(np.float64)
        subject = self.record.tte.subject[owner]
        return {PROGRESSED: TimeVarying(subject=subject, start=start, value=value, unit="days"), **self.measured}


def planned(trial: Protocol, data: Patients, analysis: Analysis, rows: pl.DataFrame | None = None) -> Planned:
    """The record of switching of an analysis and what its methods are given; ``rows`` are its ``population_rows``.

    Raises ``DataError`` for dates and columns that are not there, and for what ``Switches`` refuses.

    >>> from equipoise.protocol import Switching, example
    >>> from equipoise.simulate import trial as simulated
    >>> protocol = example("tandem")
    >>> analysis = protocol.analyses["OS, ITT"].model_copy(update={"switching": Switching(
    ...     method="rpsftm", event="crossover to trastuzumab")})
    >>> plan = planned(protocol, simulated(protocol, seed=1), analysis)
    >>> print(plan.record, plan.since)
    64 of 106 subjects in A switched; 32 events among those who switched, 34 among those who did not progression
    """
    switching = analysis.switching
    assert switching is not None
    covariates_of(trial, data, analysis, rows)  # refuses what is no covariate
    event = switching_event(trial, analysis)
    contrast = trial.estimands[analysis.estimand].treatment
    # Where arm labels are dummies those who switched are in both arms.
    may_switch = (contrast.control, contrast.experimental) if data.origin == "dummy" else switching.may_switch
    named = _named(trial, data, analysis, event)
    try:
        record = switches(
            trial, data, estimand=analysis.estimand, event=event, may_switch=may_switch,
            covariates=analysis.covariates, strata=analysis.strata,
        )  # fmt: skip
    except DataError as error:
        raise _in_names_of_data(error, named) from None
    visit = None if switching.visits is None else trial.visits[switching.visits]
    return Planned(
        analysis=analysis,
        switching=switching,
        record=record,
        covariates=tuple(c.upper() for c in analysis.covariates),
        at_progression=_at_progression(trial, data, analysis, rows),
        measured=measured(trial, data, analysis, rows),
        visits=visit_days(visit, float(record.tte.time.max())),
        since=switching_from(trial, switching),
        named=named,
    )


def _named(trial: Protocol, data: Patients, analysis: Analysis, event: str) -> dict[str, tuple[str, str]]:
    date = trial.estimands[analysis.estimand].intercurrent_events[event].date or SWITCH_DATE
    adsl, endpoint = data.file_of("adsl"), endpoint_of_progression(trial)
    found = {"switch": (adsl, date.upper()), "administrative": (adsl, CUTOFF_DATE)}
    if endpoint is not None:
        found["progression"] = (data.file_of("adtte"), f"{data.names.parameter} {trial.parameter(endpoint)}")
    return found


def _in_names_of_data(error: DataError, named: Mapping[str, tuple[str, str]]) -> DataError:
    """The same of the columns that the data have, with what can be done about them; else the error as it is."""
    if error.column not in named:
        return error
    file, column = named[error.column]
    return DataError(error.what, file=file, column=column, subjects=error.subjects, remedy=_REMEDIES[error.column])


def visit_days(visit: Visit | None, last: float) -> Vector:
    """The days of a schedule before the last day of follow-up, from randomization on; every 4 weeks without one.

    >>> visit_days(Visit(label="tumor", every="8 weeks", later_from="16 weeks", later_every="12 weeks"), 280).tolist()
    [0.0, 56.0, 112.0, 196.0]
    >>> visit_days(None, 60).tolist()
    [0.0, 28.0, 56.0]
    """
    every = _EVERY_DAYS if visit is None or visit.every is None else days(visit.every)
    found = np.arange(0.0, max(last, 1.0), every)
    if visit is None or visit.later_from is None or visit.later_every is None:
        return found
    found = found[found <= days(visit.later_from)]
    return np.concatenate([found, np.arange(found[-1], max(last, 1.0), days(visit.later_every))[1:]])


def _at_progression(
    trial: Protocol, data: Patients, analysis: Analysis, rows: pl.DataFrame | None
) -> dict[str, NDArray[Any]] | None:
    assert analysis.switching is not None
    names = [name.upper() for name in analysis.switching.at_progression]
    if not names:
        return None
    rows = population_rows(trial, data, analysis.estimand) if rows is None else rows
    for name in names:
        if name not in rows.columns:
            raise DataError(
                "the covariate at progression is not in the data", file=data.file_of("adsl"), column=name,
                remedy="Add the column to ADSL, or take it out of at_progression.",
            )  # fmt: skip
    return {name: rows[name].to_numpy() for name in names}
