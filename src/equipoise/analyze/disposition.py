"""Disposition: the subjects of each arm from randomization to analysis, and who crossed over when, as rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from .. import results
from ..data import Patients
from ..data.patients import rows_where
from ..errors import DataError
from ..protocol import Protocol
from ..results import Entry, Row
from ..units import days
from .estimand import members, subject_level
from .spread import spread

CROSSED_BY = ("3 months", "6 months", "12 months")
_ANALYZED = "subjects of the population with a record of the endpoint; for safety all of it"


def disposition_rows(trial: Protocol, data: Patients) -> list[Row]:
    """Subjects randomized, treated, with events on record, crossed over and analyzed, by arm; times to crossover.

    Every arm of the protocol is counted, those that [safety] compares first. Times are in days from date to date
    (their text in months). Empty without [safety] or ADSL. Raises ``DataError`` for a crossover without a date, a
    date without a crossover, or one before randomization. Source of the layout: Schulz, Altman, Moher 2010 (CONSORT).

    >>> from equipoise.data import read_adam
    >>> from equipoise.protocol import Contrast, Safety, example
    >>> trial = example("veteran")
    >>> safety = Safety(population="ITT", treatment=Contrast(experimental="test", control="standard"))
    >>> rows = disposition_rows(trial.model_copy(update={"safety": safety}), read_adam(None, trial))
    >>> [(r.group, r.text) for r in rows if r.statistic == "randomized"]
    [('', '137'), ('test', '68'), ('standard', '69')]
    """
    if trial.safety is None or data.adsl is None:
        return []
    compared = (trial.safety.treatment.experimental, trial.safety.treatment.control)
    case = _case(trial, data, (*compared, *(a for a in trial.arms if a not in compared)))
    told = [*case.entered(), *case.on_record(), *case.crossover(), *case.analyzed()]
    return results.rows_from(told, analysis="disposition", role="disposition", toml_path="safety", origin=data.origin)


def _case(trial: Protocol, data: Patients, arms: tuple[str, ...]) -> _Case:
    """ADSL's subjects of the protocol's arms; with a date of randomization, if ADSL has."""
    names, everybody = data.names, subject_level(data)
    places = {trial.arm_in_data(arm): i for i, arm in enumerate(arms)}
    arm = np.array([places.get(label, -1) for label in everybody[names.arm].cast(pl.String).to_list()], dtype=np.int64)
    kept = arm >= 0
    for column in ("RANDDT", "TRTSDT", "XODT"):
        if column in everybody.columns and everybody[column].dtype != pl.Date:
            raise DataError("dates are needed", file=data.files.get("adsl", ""), column=column, remedy="Give dates.")
    if "RANDDT" in everybody.columns:
        kept &= ~np.isnat(everybody["RANDDT"].to_numpy())
    randomized = everybody if kept.all() else rows_where(everybody, pl.Series(kept))
    arm = arm[kept]
    sizes = np.bincount(arm, minlength=len(arms)).tolist()
    code = data.adtte[names.censoring].cast(pl.Float64).to_numpy()
    event = np.isin(code, list(names.event_codes))
    place = {subject: i for i, subject in enumerate(randomized[names.subject].to_list()) if subject is not None}
    codes: dict[str | None, int] = {}
    parameter = [codes.setdefault(held, len(codes)) for held in data.adtte[names.parameter].to_list()]
    return _Case(
        trial=trial, data=data, randomized=randomized, arm=arm, place=place,
        sizes=dict(zip(arms, sizes, strict=True)), codes=codes, parameter=np.array(parameter, dtype=np.int64),
        whose=np.array([place.get(subject, -1) for subject in data.adtte[names.subject].to_list()], dtype=np.int64),
        event=event, censored=~event & ~np.isnan(code),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Case:
    """The randomized subjects, and how they are counted by arm.

    ``arm`` holds the place of each subject's arm in ``sizes``, which has the subjects of each arm; ``place`` is a
    subject's row in ``randomized``. Of each record of ADTTE, ``whose`` is that row, -1 for subjects who are not there,
    ``parameter`` its PARAMCD by ``codes``, and ``event`` and ``censored`` what it tells; one without a code is neither.
    """

    trial: Protocol
    data: Patients
    randomized: pl.DataFrame
    arm: NDArray[np.int64]
    place: dict[object, int]
    sizes: dict[str, int]
    codes: dict[str | None, int]
    parameter: NDArray[np.int64]
    whose: NDArray[np.int64]
    event: NDArray[np.bool_]
    censored: NDArray[np.bool_]

    def entered(self) -> Iterator[Entry]:
        dated = " and a date of randomization (RANDDT)" if "RANDDT" in self.randomized.columns else ""
        method = f"subjects of ADSL with an arm of the protocol{dated}"
        for arm, n in {"": self.randomized.height, **self.sizes}.items():
            yield Entry(group=arm, statistic="randomized", value=float(n), text=str(n), unit="subjects", method=method)
        if "TRTSDT" in self.randomized.columns:
            started = ~np.isnat(self.dates("TRTSDT"))
            yield from self.counted("treated", np.flatnonzero(started), "with a first day of treatment (TRTSDT)")
            yield from self.counted("not treated", np.flatnonzero(~started), "without a first day of treatment")

    def on_record(self) -> Iterator[Entry]:
        """Events and censorings of every endpoint that ADTTE holds, whatever the estimands do with them."""
        method = "records of ADTTE as they stand, whatever the estimands make of them"
        for endpoint in self.trial.endpoints:
            records = self.records(endpoint)
            if records is None:
                continue
            own = self.whose[records]
            without = np.ones(self.randomized.height, dtype=bool)
            without[own] = False
            parts = {
                "events": own[self.event[records]], "censored": own[self.censored[records]],
                "no record": np.flatnonzero(without),
            }  # fmt: skip
            for statistic, subjects in parts.items():
                if statistic != "no record" or len(subjects):
                    yield from self.counted(statistic, subjects, method, endpoint=endpoint)

    def records(self, endpoint: str) -> NDArray[np.int64] | None:
        """Places of ADTTE's records of an endpoint, of randomized subjects; None where it holds no record of it."""
        held = self.held(endpoint)
        return np.flatnonzero(held & (self.whose >= 0)) if held.any() else None

    def held(self, endpoint: str) -> NDArray[np.bool_]:
        """Which records of ADTTE are of an endpoint."""
        held: NDArray[np.bool_] = self.parameter == self.codes.get(self.trial.parameter(endpoint), -1)
        return held

    def analyzed(self) -> Iterator[Entry]:
        """Subjects in each population and endpoint that an analysis estimates; then the safety population."""
        assert self.trial.safety is not None
        estimands = [self.trial.estimands[a.estimand] for a in self.trial.analyses.values()]
        wanted = dict.fromkeys((e.population, e.variable) for e in estimands)
        for population, endpoint in wanted:
            rows = self.data.endpoint_rows(self.trial.parameter(endpoint))
            inside = members(self.trial, self.data, population, rows)
            own = self.whose[self.held(endpoint)][inside]
            analyzed = np.zeros(self.randomized.height, dtype=bool)
            analyzed[own[own >= 0]] = True
            both = [e.treatment for e in estimands if (e.population, e.variable) == (population, endpoint)]
            compared = {arm for t in both for arm in (t.experimental, t.control)}
            counts = self.counted("analyzed", np.flatnonzero(analyzed), _ANALYZED, population, endpoint)
            yield from (row for row in counts if row.group in compared)
        if self.data.adae is not None or self.data.adex is not None:
            population = self.trial.safety.population
            treatment = self.trial.safety.treatment
            inside = members(self.trial, self.data, population, self.randomized)
            named = np.fromiter(self.place.values(), dtype=np.int64, count=len(self.place))
            counts = self.counted("analyzed", named[inside[named]], _ANALYZED, population)
            yield from (row for row in counts if row.group in (treatment.experimental, treatment.control))

    def crossover(self) -> Iterator[Entry]:
        if "XOFL" not in self.randomized.columns:
            return
        crossed = self.crossed()
        yield from self.counted("crossed over", crossed, "XOFL = Y")
        if "RANDDT" not in self.randomized.columns:
            return
        for place, (arm, size) in enumerate(self.sizes.items()):
            own = crossed[self.arm[crossed] == place]
            if not len(own):
                continue
            time = _days(self.dates("XODT")[own] - self.dates("RANDDT")[own])
            yield from self.times(arm, "time to crossover", time, "XODT - RANDDT of those who crossed over")
            for mark in CROSSED_BY:
                n = int((time <= days(mark)).sum())
                method = (
                    "crossed over so many days after randomization or earlier, percent of all randomized to the arm"
                )
                yield Entry(
                    group=arm, statistic=f"crossed over by {mark}", at=days(mark), value=float(n),
                    text=results.count_percent(n, size), unit="subjects", method=method,
                )  # fmt: skip
            yield from self.after_progression(arm, own)

    def dates(self, column: str) -> NDArray[np.datetime64]:
        """A column of dates of the randomized subjects; where it is absent none is known."""
        if column not in self.randomized.columns:
            return np.full(self.randomized.height, np.datetime64("NaT", "D"))
        return self.randomized[column].to_numpy()

    def crossed(self) -> NDArray[np.int64]:
        """Those who crossed over; refuses a flag without its date, a date without its flag, and a date too early."""
        crossed = np.array([flag == "Y" for flag in self.randomized["XOFL"].to_list()], dtype=bool)
        file, date = self.data.files.get("adsl", ""), self.dates("XODT")
        dated = ~np.isnat(date)

        def refuse(bad: NDArray[np.bool_], what: str, remedy: str) -> None:
            if bad.any():
                found = self.randomized[self.data.names.subject].filter(pl.Series(bad)).to_list()
                raise DataError(what, file=file, column="XODT", subjects=found, remedy=remedy)

        refuse(crossed & ~dated, "a subject crossed over without a date", "Add it, or mend XOFL.")
        refuse(dated & ~crossed, "a date of crossover stands beside no crossover", "Set XOFL to Y, or remove the date.")
        if "RANDDT" in self.randomized.columns:
            refuse(crossed & (date < self.dates("RANDDT")), "a crossover lies before randomization", "Mend the dates.")
        return np.flatnonzero(crossed)

    def after_progression(self, arm: str, crossed: NDArray[np.int64]) -> Iterator[Entry]:
        """Time from the event of the endpoint of progression to crossover, where that event came first."""
        names, endpoint = self.data.names, _endpoint_of_progression(self.trial)
        records = None if endpoint is None else self.records(endpoint)
        if endpoint is None or records is None or names.end_date not in self.data.adtte.columns:
            return
        inside = np.zeros(self.randomized.height, dtype=bool)
        inside[crossed] = True
        events = records[self.event[records] & inside[self.whose[records]]]
        since = self.dates("XODT")[self.whose[events]] - self.data.adtte[names.end_date].to_numpy()[events]
        time = _days(since[since >= np.timedelta64(0)])
        parameter = self.trial.parameter(endpoint)
        method = f"XODT - {names.end_date} of the event of {parameter}, of those who had it by the day of crossover"
        yield from self.times(arm, "time from progression to crossover", time, method, endpoint)
        n, total = len(crossed) - len(time), len(crossed)
        yield Entry(
            group=arm, endpoint=endpoint, statistic="crossed over without an event before", value=float(n),
            text=results.count_percent(n, total), unit="subjects",
            method=f"no event of {parameter} by the day of crossover, percent of those who crossed over",
        )  # fmt: skip

    def counted(
        self, statistic: str, subjects: NDArray[np.int64], method: str, population: str = "", endpoint: str = ""
    ) -> Iterator[Entry]:
        counts = np.bincount(self.arm[subjects], minlength=len(self.sizes)).tolist()
        for (arm, size), n in zip(self.sizes.items(), counts, strict=True):
            yield Entry(
                group=arm, statistic=statistic, population=population, endpoint=endpoint, value=float(n),
                text=results.count_percent(n, size), unit="subjects", method=method,
            )  # fmt: skip

    def times(self, arm: str, what: str, time: NDArray[np.float64], method: str, endpoint: str = "") -> Iterator[Entry]:
        found = spread(time)
        for name, value in (("median", found.median), ("minimum", found.minimum), ("maximum", found.maximum)):
            shown = results.number(value, results.duration(value, "months"), found.reason)
            yield Entry(
                group=arm, endpoint=endpoint, statistic=f"{what} {name}", unit="days",
                method=f"{method}; days, text in months", **shown,  # type: ignore[arg-type]
            )  # fmt: skip


def _days(span: NDArray[np.timedelta64]) -> NDArray[np.float64]:
    return np.trunc(span / np.timedelta64(1, "D"))


def _endpoint_of_progression(trial: Protocol) -> str | None:
    """The endpoint that progression ends, by its ``events``, else by its name."""
    stated = [name for name, e in trial.endpoints.items() if e.events and "progression" in e.events]
    return next(iter(stated), "PFS" if "PFS" in trial.endpoints else None)
