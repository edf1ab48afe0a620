"""Exposure: how long each drug was given, how often and how much, by arm, as rows of the long table."""

from __future__ import annotations

import math
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
from .estimand import subjects
from .spread import METHOD, spread

HIGH_INTENSITY = 90.0
_NUMBERS = ("TRTDURD", "NDOSEP", "NDOSEG", "CDOSEP", "CDOSEG")
_TREATED = (
    "subjects with a record of the drug, unless it counts no administration, in percent of the safety population; "
    "by arm as randomized, also after a crossover"
)
_UNSTATED = "unit not stated"


def relative_dose_intensity(given: NDArray[np.float64], planned: NDArray[np.float64]) -> NDArray[np.float64]:
    """The cumulative dose given in percent of the planned one, by subject; ``nan`` where no dose was planned.

    Both doses are in the same unit, of equal length.

    >>> relative_dose_intensity(np.array([90.0, 50.0]), np.array([100.0, 0.0])).tolist()
    [90.0, nan]
    """
    planned = np.where(planned > 0, planned, np.nan)
    # 100 x given first: 63 of 70 is then 90 exactly, and not a bit less than "at least 90%".
    percent: NDArray[np.float64] = 100 * given / planned
    return percent


def exposure_rows(trial: Protocol, data: Patients) -> list[Row]:
    """What subjects of the safety population were given, by arm and drug: time on it, administrations, dose.

    A subject counts as treated with a drug of which ADEX has a record, unless that counts no administration.
    Durations are in days (their text in months), doses in DOSEU, the relative dose intensity (given / planned) in
    percent. Empty without [safety] or ADEX. Raises ``DataError`` for records that contradict each other, and for a
    population or arm without subjects.

    >>> from equipoise.data import read_adam
    >>> from equipoise.protocol import example
    >>> exposure_rows(example("veteran"), read_adam(None, example("veteran")))
    []
    """
    if trial.safety is None or data.adex is None or data.adsl is None:
        return []
    names, arms = data.names, (trial.safety.treatment.experimental, trial.safety.treatment.control)
    counted = subjects(trial, data, trial.safety.population, arms)
    records = _records(data, data.adex)
    inside = records.join(counted.select(names.subject, names.arm), on=names.subject, how="inner")
    rows: list[Row] = []
    for drug in sorted(inside["EXTRT"].unique()):
        of_drug = inside.filter(pl.col("EXTRT") == drug)
        unit = next(iter(of_drug["DOSEU"].drop_nulls()), _UNSTATED) if "DOSEU" in of_drug.columns else _UNSTATED
        for arm in arms:
            frame = of_drug.filter(pl.col(names.arm) == arm)
            size = counted.filter(pl.col(names.arm) == arm).height
            own = _Drug(records=frame, subjects=size, unit=str(unit)).rows()
            rows += [replace(row, group=arm, statistic=f"drug: {drug}: {row.statistic}") for row in own]
    left_out = records[names.subject].n_unique() - inside[names.subject].n_unique()
    why = "subjects of ADEX who are in neither arm of the safety population"
    rows.append(
        Row(statistic="subjects not counted", value=float(left_out), text=str(left_out), unit="subjects", method=why)
    )
    context: dict[str, Any] = {"analysis": "exposure", "role": "exposure", "toml_path": "safety"}
    return [replace(row, **context, population=trial.safety.population, origin=data.origin) for row in rows]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Drug:
    """One drug in one arm: its records, the subjects of the arm, the unit of its dose."""

    records: pl.DataFrame
    subjects: int
    unit: str

    def rows(self) -> Iterator[Row]:
        n = self.records.height
        yield Row(
            statistic="subjects treated", value=float(n), text=results.count_percent(n, self.subjects),
            unit="subjects", method=_TREATED,
        )  # fmt: skip
        if n:
            yield from self._duration()
            yield from self._administrations()
            yield from self._dose()

    def _duration(self) -> Iterator[Row]:
        found = spread(self._of("TRTDURD"))
        five = {
            "median": found.median, "lower quartile": found.lower_quartile, "upper quartile": found.upper_quartile,
            "minimum": found.minimum, "maximum": found.maximum,
        }  # fmt: skip
        for name, value in five.items():
            shown = results.number(value, results.duration(value, "months"), found.reason)
            method = f"TRTDURD, text in months; {METHOD}"
            yield Row(statistic=f"duration of treatment {name}", unit="days", method=method, **shown)  # type: ignore[arg-type]
        yield from _missing("duration of treatment", found.missing)

    def _administrations(self) -> Iterator[Row]:
        given = self._of("NDOSEG")
        found = spread(given)
        total = float(np.nansum(given)) if found.count else found.median
        for name, value in (("total", total), ("median", found.median)):
            shown = results.number(value, _short(value), found.reason)
            yield Row(statistic=f"administrations given {name}", unit="administrations", method="NDOSEG", **shown)  # type: ignore[arg-type]
        yield from _missing("administrations given", found.missing)

    def _dose(self) -> Iterator[Row]:
        given = self._of("CDOSEG")
        found = spread(given)
        shown = results.number(found.median, f"{_short(found.median)} {self.unit}", found.reason)
        yield Row(statistic="cumulative dose given median", unit=self.unit, method="CDOSEG", **shown)  # type: ignore[arg-type]
        yield from _missing("cumulative dose given", found.missing)
        intensity = relative_dose_intensity(given, self._of("CDOSEP"))
        found = spread(intensity)
        shown = results.number(found.median, results.fixed(found.median, 1), found.reason)
        method = "cumulative dose given / planned (CDOSEG / CDOSEP), in percent"
        yield Row(statistic="relative dose intensity median", unit="percent", method=method, **shown)  # type: ignore[arg-type]
        high = int((intensity >= HIGH_INTENSITY).sum())
        value = float(high) if found.count else math.nan
        shown = results.number(value, results.count_percent(high, found.count), found.reason)
        of_known = f"{method}; n in percent of those whose intensity is known"
        yield Row(statistic="relative dose intensity at least 90%", unit="subjects", method=of_known, **shown)  # type: ignore[arg-type]
        yield from _missing("relative dose intensity", found.missing)

    def _of(self, column: str) -> NDArray[np.float64]:
        if column not in self.records.columns:
            return np.full(self.records.height, np.nan)
        return self.records[column].to_numpy().astype(np.float64)


def _short(value: float) -> str:
    """A count or a dose: whole, or with a decimal (three below 10)."""
    text = results.fixed(value, 1 if value >= 10 else 3)
    return text.rstrip("0").rstrip(".") if "." in text else text


def _missing(what: str, n: int) -> Iterator[Row]:
    """Told where there are any: a median of the others is not one of all."""
    if n:
        why = "treated subjects who are in no figure of it"
        yield Row(statistic=f"{what} not known", value=float(n), text=str(n), unit="subjects", method=why)


def _records(data: Patients, adex: pl.DataFrame) -> pl.DataFrame:
    """ADEX, one record a subject and drug, its numbers as numbers, of drugs that were given."""
    subject = data.names.subject
    file = data.files.get("adex", "ADEX")

    def refuse(what: str, column: str, bad: pl.Series, remedy: str) -> None:
        if bad.any():
            found = adex[subject].filter(bad).unique(maintain_order=True).to_list()
            raise DataError(what, file=file, column=column, subjects=found, remedy=remedy)

    if "EXTRT" not in adex.columns:
        raise DataError("exposure to no drug is on record", file=file, column="EXTRT", remedy="Add the drug's name.")
    refuse("a record of exposure names no drug", "EXTRT", adex["EXTRT"].is_null(), "Name it.")
    twice = adex.select(subject, "EXTRT").is_duplicated()
    refuse("ADEX holds more than one record of a subject and drug", "EXTRT", twice, "Give the sums in one record.")
    if "DOSEU" in adex.columns:
        units = pl.col("DOSEU").drop_nulls().n_unique().over("EXTRT")
        refuse(
            "the dose of a drug has more than one unit", "DOSEU", adex.select(units > 1).to_series(), "Use one unit."
        )
    frame = adex.with_columns(pl.col("EXTRT").cast(pl.String))
    for column in (c for c in _NUMBERS if c in adex.columns):
        number = adex[column].cast(pl.Float64, strict=False)
        wrong = (number.is_null() & adex[column].is_not_null()) | (number < 0).fill_null(False) | number.is_infinite()
        refuse("exposure is a number, zero or more", column, wrong.fill_null(False), "Correct it, or leave it empty.")
        frame = frame.with_columns(number)
    return frame.filter(pl.col("NDOSEG").fill_null(1) > 0) if "NDOSEG" in frame.columns else frame
