"""Disposition: the subjects of each arm from randomization to analysis, and who crossed over when, as rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from .. import results
from ..data import Patients
from ..errors import DataError
from ..protocol import Protocol
from ..results import Row
from ..units import days
from .estimand import in_population, subject_level
from .spread import spread

CROSSED_BY = ("3 months", "6 months", "12 months")
_ARM = "arm"
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
    arms = (*compared, *(a for a in trial.arms if a not in compared))
    case = _Case(trial=trial, data=data, arms=arms, randomized=_randomized(trial, data, arms))
    rows = [*case.entered(), *case.on_record(), *case.crossover(), *case.analyzed()]
    context: dict[str, Any] = {"analysis": "disposition", "role": "disposition", "toml_path": "safety"}
    return [replace(row, **context, origin=data.origin) for row in rows]


def _randomized(trial: Protocol, data: Patients, arms: tuple[str, ...]) -> pl.DataFrame:
    """ADSL's subjects of the protocol's arms, the arm by its name there; with a date of randomization, if ADSL has."""
    labels = {trial.arm_in_data(a): a for a in arms}
    label = pl.col(data.names.arm).cast(pl.String)
    frame = subject_level(data).filter(label.is_in(list(labels)))
    frame = frame.with_columns(label.replace_strict(labels, return_dtype=pl.String).alias(_ARM))
    for column in ("RANDDT", "TRTSDT", "XODT"):
        if column in frame.columns and frame[column].dtype != pl.Date:
            raise DataError("dates are needed", file=data.files.get("adsl", ""), column=column, remedy="Give dates.")
    return frame.filter(pl.col("RANDDT").is_not_null()) if "RANDDT" in frame.columns else frame


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Case:
    """The randomized subjects, and how they are counted by arm."""

    trial: Protocol
    data: Patients
    arms: tuple[str, ...]
    randomized: pl.DataFrame

    @property
    def sizes(self) -> dict[str, int]:
        return _by_arm(self.randomized, self.arms)

    def entered(self) -> Iterator[Row]:
        dated = " and a date of randomization (RANDDT)" if "RANDDT" in self.randomized.columns else ""
        method = f"subjects of ADSL with an arm of the protocol{dated}"
        total = self.randomized.height
        yield Row(statistic="randomized", value=float(total), text=str(total), unit="subjects", method=method)
        for arm, n in self.sizes.items():
            yield Row(group=arm, statistic="randomized", value=float(n), text=str(n), unit="subjects", method=method)
        if "TRTSDT" in self.randomized.columns:
            started = pl.col("TRTSDT").is_not_null()
            yield from self.counted(
                "treated", self.randomized.filter(started), "with a first day of treatment (TRTSDT)"
            )
            yield from self.counted("not treated", self.randomized.filter(~started), "without a first day of treatment")

    def on_record(self) -> Iterator[Row]:
        """Events and censorings of every endpoint that ADTTE holds, whatever the estimands do with them."""
        names = self.data.names
        method = "records of ADTTE as they stand, whatever the estimands make of them"
        for endpoint in self.trial.endpoints:
            records = self.records(endpoint)
            if records is None:
                continue
            event = pl.col(names.censoring).is_in(list(names.event_codes))
            without = self.randomized.join(records, on=names.subject, how="anti")
            parts = {"events": records.filter(event), "censored": records.filter(~event), "no record": without}
            for statistic, frame in parts.items():
                if statistic != "no record" or not frame.is_empty():
                    yield from self.counted(statistic, frame, method, endpoint=endpoint)

    def records(self, endpoint: str) -> pl.DataFrame | None:
        """ADTTE's records of an endpoint, of randomized subjects, with their arm."""
        names = self.data.names
        rows = self.data.adtte.filter(pl.col(names.parameter) == self.trial.parameter(endpoint))
        if rows.is_empty():
            return None
        return rows.join(self.randomized.select(names.subject, _ARM), on=names.subject)

    def analyzed(self) -> Iterator[Row]:
        """Subjects in each population and endpoint that an analysis estimates; then the safety population."""
        names = self.data.names
        assert self.trial.safety is not None
        estimands = [self.trial.estimands[a.estimand] for a in self.trial.analyses.values()]
        wanted = dict.fromkeys((e.population, e.variable) for e in estimands)
        for population, endpoint in wanted:
            rows = self.data.endpoint_rows(self.trial.parameter(endpoint))
            inside = in_population(self.trial, self.data, population, rows)
            both = [e.treatment for e in estimands if (e.population, e.variable) == (population, endpoint)]
            compared = {arm for t in both for arm in (t.experimental, t.control)}
            frame = self.randomized.join(inside, on=names.subject, how="semi")
            counts = self.counted("analyzed", frame, _ANALYZED, population, endpoint)
            yield from (row for row in counts if row.group in compared)
        if self.data.adae is not None or self.data.adex is not None:
            population = self.trial.safety.population
            frame = in_population(self.trial, self.data, population, self.randomized)
            treatment = self.trial.safety.treatment
            counts = self.counted("analyzed", frame, _ANALYZED, population)
            yield from (row for row in counts if row.group in (treatment.experimental, treatment.control))

    def crossover(self) -> Iterator[Row]:
        if "XOFL" not in self.randomized.columns:
            return
        crossed = self.crossed()
        yield from self.counted("crossed over", crossed, "XOFL = Y")
        if "RANDDT" not in crossed.columns:
            return
        crossed = crossed.with_columns((pl.col("XODT") - pl.col("RANDDT")).dt.total_days().alias("days"))
        for arm in [a for a in self.arms if (crossed[_ARM] == a).any()]:
            own = crossed.filter(pl.col(_ARM) == arm)
            time = own["days"].to_numpy().astype(np.float64)
            yield from _times(arm, "time to crossover", time, "XODT - RANDDT of those who crossed over")
            for mark in CROSSED_BY:
                n, size = int((time <= days(mark)).sum()), self.sizes[arm]
                method = (
                    "crossed over so many days after randomization or earlier, percent of all randomized to the arm"
                )
                yield Row(
                    group=arm, statistic=f"crossed over by {mark}", at=days(mark), value=float(n),
                    text=results.count_percent(n, size), unit="subjects", method=method,
                )  # fmt: skip
            yield from self.after_progression(arm, own)

    def crossed(self) -> pl.DataFrame:
        """Those who crossed over; refuses a flag without its date, a date without its flag, and a date too early."""
        crossed = self.randomized.filter(pl.col("XOFL") == "Y")
        names, file = self.data.names, self.data.files.get("adsl", "")
        if "XODT" not in crossed.columns:
            crossed = crossed.with_columns(pl.lit(None, dtype=pl.Date).alias("XODT"))

        def refuse(bad: pl.DataFrame, what: str, remedy: str) -> None:
            if not bad.is_empty():
                raise DataError(what, file=file, column="XODT", subjects=bad[names.subject].to_list(), remedy=remedy)

        refuse(
            crossed.filter(pl.col("XODT").is_null()), "a subject crossed over without a date", "Add it, or mend XOFL."
        )
        if "XODT" in self.randomized.columns:
            dated = self.randomized.filter(pl.col("XODT").is_not_null() & pl.col("XOFL").ne_missing("Y"))
            refuse(dated, "a date of crossover stands beside no crossover", "Set XOFL to Y, or remove the date.")
        if "RANDDT" in crossed.columns:
            early = crossed.filter(pl.col("XODT") < pl.col("RANDDT"))
            refuse(early, "a crossover lies before randomization", "Mend the dates.")
        return crossed

    def after_progression(self, arm: str, crossed: pl.DataFrame) -> Iterator[Row]:
        """Time from the event of the endpoint of progression to crossover, where that event came first."""
        names, endpoint = self.data.names, _endpoint_of_progression(self.trial)
        records = None if endpoint is None else self.records(endpoint)
        if endpoint is None or records is None or names.end_date not in records.columns:
            return
        events = records.filter(pl.col(names.censoring).is_in(list(names.event_codes)))
        joined = crossed.join(
            events.select(names.subject, pl.col(names.end_date).alias("_end")), on=names.subject, how="left"
        )
        after = joined.filter(pl.col("_end") <= pl.col("XODT"))
        time = (after["XODT"] - after["_end"]).dt.total_days().to_numpy().astype(np.float64)
        parameter = self.trial.parameter(endpoint)
        method = f"XODT - {names.end_date} of the event of {parameter}, of those who had it by the day of crossover"
        yield from _times(arm, "time from progression to crossover", time, method, endpoint)
        n, total = crossed.height - after.height, crossed.height
        yield Row(
            group=arm, endpoint=endpoint, statistic="crossed over without an event before", value=float(n),
            text=results.count_percent(n, total), unit="subjects",
            method=f"no event of {parameter} by the day of crossover, percent of those who crossed over",
        )  # fmt: skip

    def counted(
        self, statistic: str, frame: pl.DataFrame, method: str, population: str = "", endpoint: str = ""
    ) -> Iterator[Row]:
        for arm, n in _by_arm(frame, self.arms).items():
            yield Row(
                group=arm, statistic=statistic, population=population, endpoint=endpoint, value=float(n),
                text=results.count_percent(n, self.sizes[arm]), unit="subjects", method=method,
            )  # fmt: skip


def _by_arm(frame: pl.DataFrame, arms: tuple[str, ...]) -> dict[str, int]:
    counts = dict(frame.group_by(_ARM).len().iter_rows())
    return {arm: counts.get(arm, 0) for arm in arms}


def _times(arm: str, what: str, time: NDArray[np.float64], method: str, endpoint: str = "") -> Iterator[Row]:
    found = spread(time)
    for name, value in (("median", found.median), ("minimum", found.minimum), ("maximum", found.maximum)):
        shown = results.number(value, results.duration(value, "months"), found.reason)
        yield Row(
            group=arm, endpoint=endpoint, statistic=f"{what} {name}", unit="days",
            method=f"{method}; days, text in months", **shown,  # type: ignore[arg-type]
        )  # fmt: skip


def _endpoint_of_progression(trial: Protocol) -> str | None:
    """The endpoint that progression ends, by its ``events``, else by its name."""
    stated = [name for name, e in trial.endpoints.items() if e.events and "progression" in e.events]
    return next(iter(stated), "PFS" if "PFS" in trial.endpoints else None)
