"""Exposure: how long each drug was given, how often and how much, by arm, as rows of the long table."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from .. import results
from ..data import Patients
from ..errors import DataError
from ..protocol import Protocol
from ..results import Entry, Row
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
    given = _given(data, data.adex)
    arm_of = dict(zip(counted[names.subject].to_list(), counted[names.arm].to_list(), strict=True))
    sizes = Counter(arm_of.values())
    whose = [None if subject is None else arm_of.get(subject) for subject in given.subject]
    inside = [i for i, arm in enumerate(whose) if arm is not None]
    told: list[Entry] = []
    for drug in sorted({given.drug[i] for i in inside}):
        of_drug = [i for i in inside if given.drug[i] == drug]
        unit = next((given.unit[i] for i in of_drug if given.unit[i] is not None), _UNSTATED)
        for arm in arms:
            own = np.array([i for i in of_drug if whose[i] == arm], dtype=np.int64)
            numbers = {name: values[own] for name, values in given.numbers.items()}
            of_arm = _Drug(n=len(own), numbers=numbers, subjects=sizes[arm], unit=str(unit))
            told += [one._replace(group=arm, statistic=f"drug: {drug}: {one.statistic}") for one in of_arm.entries()]
    n = len(set(given.subject)) - len({given.subject[i] for i in inside})
    why = "subjects of ADEX who are in neither arm of the safety population"
    told.append(Entry(statistic="subjects not counted", value=float(n), text=str(n), unit="subjects", method=why))
    return results.rows_from(
        told, analysis="exposure", role="exposure", population=trial.safety.population, toml_path="safety",
        origin=data.origin,
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Drug:
    """One drug in one arm: the numbers of its ``n`` records, the subjects of the arm, the unit of its dose."""

    n: int
    numbers: dict[str, NDArray[np.float64]]
    subjects: int
    unit: str

    def entries(self) -> Iterator[Entry]:
        text = results.count_percent(self.n, self.subjects)
        yield Entry(statistic="subjects treated", value=float(self.n), text=text, unit="subjects", method=_TREATED)
        if self.n:
            yield from self._duration()
            yield from self._administrations()
            yield from self._dose()

    def _duration(self) -> Iterator[Entry]:
        found = spread(self._of("TRTDURD"))
        five = {
            "median": found.median, "lower quartile": found.lower_quartile, "upper quartile": found.upper_quartile,
            "minimum": found.minimum, "maximum": found.maximum,
        }  # fmt: skip
        for name, value in five.items():
            shown = results.number(value, results.duration(value, "months"), found.reason)
            method = f"TRTDURD, text in months; {METHOD}"
            yield Entry(statistic=f"duration of treatment {name}", unit="days", method=method, **shown)  # type: ignore[arg-type]
        yield from self.missing("duration of treatment", found.missing)

    def _administrations(self) -> Iterator[Entry]:
        given = self._of("NDOSEG")
        found = spread(given)
        total = float(np.nansum(given)) if found.count else found.median
        for name, value in (("total", total), ("median", found.median)):
            shown = results.number(value, _short(value), found.reason)
            yield Entry(statistic=f"administrations given {name}", unit="administrations", method="NDOSEG", **shown)  # type: ignore[arg-type]
        yield from self.missing("administrations given", found.missing)

    def _dose(self) -> Iterator[Entry]:
        given = self._of("CDOSEG")
        found = spread(given)
        shown = results.number(found.median, f"{_short(found.median)} {self.unit}", found.reason)
        yield Entry(statistic="cumulative dose given median", unit=self.unit, method="CDOSEG", **shown)  # type: ignore[arg-type]
        yield from self.missing("cumulative dose given", found.missing)
        intensity = relative_dose_intensity(given, self._of("CDOSEP"))
        found = spread(intensity)
        shown = results.number(found.median, results.fixed(found.median, 1), found.reason)
        method = "cumulative dose given / planned (CDOSEG / CDOSEP), in percent"
        yield Entry(statistic="relative dose intensity median", unit="percent", method=method, **shown)  # type: ignore[arg-type]
        high = int((intensity >= HIGH_INTENSITY).sum())
        value = float(high) if found.count else math.nan
        shown = results.number(value, results.count_percent(high, found.count), found.reason)
        of_known = f"{method}; n in percent of those whose intensity is known"
        yield Entry(statistic="relative dose intensity at least 90%", unit="subjects", method=of_known, **shown)  # type: ignore[arg-type]
        yield from self.missing("relative dose intensity", found.missing)

    def missing(self, what: str, n: int) -> Iterator[Entry]:
        """Told where there are any: a median of the others is not one of all."""
        if n:
            why = "treated subjects who are in no figure of it"
            yield Entry(statistic=f"{what} not known", value=float(n), text=str(n), unit="subjects", method=why)

    def _of(self, column: str) -> NDArray[np.float64]:
        return self.numbers.get(column, np.full(self.n, np.nan))


def _short(value: float) -> str:
    """A count or a dose: whole, or with a decimal (three below 10)."""
    text = results.fixed(value, 1 if value >= 10 else 3)
    return text.rstrip("0").rstrip(".") if "." in text else text


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Given:
    """ADEX, one record a subject and drug that was given; numbers that are not known are ``nan``."""

    subject: list[object]
    drug: list[str]
    unit: list[object]
    numbers: dict[str, NDArray[np.float64]]


def _given(data: Patients, adex: pl.DataFrame) -> _Given:
    """ADEX's records of drugs that were given, every value checked."""
    subject, file = adex[data.names.subject], data.files.get("adex", "ADEX")

    def refuse(bad: pl.Series, what: str, column: str, remedy: str) -> None:
        if bad.any():
            found = subject.filter(bad).unique(maintain_order=True).to_list()
            raise DataError(what, file=file, column=column, subjects=found, remedy=remedy)

    if "EXTRT" not in adex.columns:
        raise DataError("exposure to no drug is on record", file=file, column="EXTRT", remedy="Add the drug's name.")
    if adex["EXTRT"].null_count():
        refuse(adex["EXTRT"].is_null(), "a record of exposure names no drug", "EXTRT", "Name it.")
    whose = subject.to_list()
    drug = adex["EXTRT"].cast(pl.String).to_list()
    unit: list[object] = [None] * adex.height
    if len(set(zip(whose, drug, strict=True))) < adex.height:
        twice = adex.select(data.names.subject, "EXTRT").is_duplicated()
        refuse(twice, "ADEX holds more than one record of a subject and drug", "EXTRT", "Give the sums in one record.")
    if "DOSEU" in adex.columns:
        unit = adex["DOSEU"].to_list()
        units: dict[str, set[object]] = {}
        for name, own in set(zip(drug, unit, strict=True)):
            if own is not None:
                units.setdefault(name, set()).add(own)
        if any(len(held) > 1 for held in units.values()):
            several = pl.Series([len(units.get(name, ())) > 1 for name in drug])
            refuse(several, "the dose of a drug has more than one unit", "DOSEU", "Use one unit.")
    numbers = {}
    for column in (c for c in _NUMBERS if c in adex.columns):
        number = adex[column].cast(pl.Float64, strict=False)
        numbers[column] = number.to_numpy()
        wrong = (numbers[column] < 0) | np.isinf(numbers[column])
        if number.null_count() > adex[column].null_count() or wrong.any():
            no_number = (number.is_null() & adex[column].is_not_null()) | pl.Series(wrong)
            refuse(no_number, "exposure is a number, zero or more", column, "Correct it, or leave it empty.")
    kept = np.flatnonzero(~(numbers["NDOSEG"] <= 0)) if "NDOSEG" in numbers else np.arange(adex.height)
    places = kept.tolist()
    return _Given(
        subject=[whose[i] for i in places], drug=[drug[i] for i in places], unit=[unit[i] for i in places],
        numbers={name: values[kept] for name, values in numbers.items()},
    )  # fmt: skip
