"""Exposure counted by hand, and records that contradict each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from tests.unit.test_safety import case, only

from equipoise.analyze.exposure import exposure_rows, relative_dose_intensity
from equipoise.analyze.spread import spread
from equipoise.data import Patients
from equipoise.errors import DataError
from equipoise.protocol import Protocol
from equipoise.results import NOT_ESTIMABLE, Row

COLUMNS = ("USUBJID", "EXTRT", "DOSEU", "TRTDURD", "NDOSEP", "NDOSEG", "CDOSEP", "CDOSEG")
# new: 01 to 05 treated (06 is not in the population); old: 07 to 11
RECORDS: list[tuple[Any, ...]] = [
    ("01", "drug", "mg", 10, 2, 2, 100.0, 100.0),  # 100 %
    ("02", "drug", "mg", 20, 4, 3, 200.0, 180.0),  # 90 %
    ("03", "drug", "mg", 40, 8, 7, 400.0, 350.0),  # 87.5 %
    ("04", "drug", "mg", 80, 16, 15, 800.0, None),
    ("05", "drug", "mg", 5, 1, 0, 50.0, 0.0),  # none was given: not treated
    ("06", "drug", "mg", 900, 9, 9, 9.0, 9.0),  # not in the population
    ("07", "other: drug", None, 30, 3, 3, 0.0, 30.0),  # none was planned
]


def adex(records: Sequence[tuple[Any, ...]] = tuple(RECORDS)) -> pl.DataFrame:
    return pl.DataFrame(list(records), schema=list(COLUMNS), orient="row", infer_schema_length=None)


def given(folder: Path, frame: pl.DataFrame | None = None) -> tuple[Protocol, Patients]:
    trial, data = case(folder)
    return trial, replace(data, adex=adex() if frame is None else frame)


def test_by_hand(tmp_path: Path) -> None:
    rows = exposure_rows(*given(tmp_path))
    # durations 10, 20, 40, 80: median 30, quartiles at the places 1.75 and 3.25: 17.5 and 50
    expected: dict[str, tuple[float, str, str]] = {
        "subjects treated": (4, "4 (80.0)", "subjects"),
        "duration of treatment median": (30, "1.0", "days"),
        "duration of treatment lower quartile": (17.5, "0.6", "days"),
        "duration of treatment upper quartile": (50, "1.6", "days"),
        "duration of treatment minimum": (10, "0.3", "days"),
        "duration of treatment maximum": (80, "2.6", "days"),
        "administrations given total": (27, "27", "administrations"),
        "administrations given median": (5, "5", "administrations"),
        "cumulative dose given median": (180, "180 mg", "mg"),  # of 100, 180, 350
        "cumulative dose given not known": (1, "1", "subjects"),
        "relative dose intensity median": (90, "90.0", "percent"),  # of 100, 90, 87.5
        "relative dose intensity at least 90%": (2, "2 (66.7)", "subjects"),
        "relative dose intensity not known": (1, "1", "subjects"),
    }
    own = {r.statistic.removeprefix("drug: drug: "): r for r in rows if r.group == "new" and ": drug: " in r.statistic}
    assert list(own) == [*expected, "drug: other: drug: subjects treated"]
    for statistic, (value, text, unit) in expected.items():
        assert (own[statistic].value, own[statistic].text, own[statistic].unit) == (value, text, unit), statistic
    assert only(rows, "drug: drug: subjects treated", "old").text == "0"
    assert only(rows, "subjects not counted", "").value == 1
    for row in rows:
        assert (row.analysis, row.role, row.population, row.toml_path) == ("exposure", "exposure", "treated", "safety")


def test_a_dose_that_was_not_planned_has_no_intensity(tmp_path: Path) -> None:
    rows = exposure_rows(*given(tmp_path))
    for statistic in ("relative dose intensity median", "relative dose intensity at least 90%"):
        row = only(rows, f"drug: other: drug: {statistic}", "old")
        assert (row.value, row.text, row.reason) == (None, NOT_ESTIMABLE, "there is no value")
    assert only(rows, "drug: other: drug: cumulative dose given median", "old").unit == "unit not stated"


def test_columns_that_are_not_there_are_not_known(tmp_path: Path) -> None:
    rows = exposure_rows(*given(tmp_path, adex().select("USUBJID", "EXTRT")))
    assert only(rows, "drug: drug: subjects treated", "new").text == "5 (100)"  # no count says that 05 had none
    assert only(rows, "drug: drug: duration of treatment median", "new").reason == "there is no value"
    assert only(rows, "drug: drug: duration of treatment not known", "new").value == 5


def test_exactly_nine_tenths_are_at_least_nine_tenths() -> None:
    for planned in range(1, 2000):
        assert relative_dose_intensity(np.array([planned * 9.0]), np.array([planned * 10.0]))[0] == 90


def changed(record: int, **values: Any) -> pl.DataFrame:
    rows = [dict(zip(COLUMNS, r, strict=True)) for r in RECORDS]
    rows[record] |= values
    return adex([tuple(r[c] for c in COLUMNS) for r in rows])


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (changed(1, USUBJID="01"), "more than one record of a subject and drug.*subject 01"),
        (changed(1, EXTRT=None), "names no drug.*subject 02"),
        (changed(1, DOSEU="g"), "more than one unit.*DOSEU"),
        (changed(1, TRTDURD=-1), "zero or more.*TRTDURD, subject 02"),
        (changed(1, CDOSEG=float("inf")), "zero or more.*CDOSEG"),
        (adex().with_columns(pl.lit("many").alias("NDOSEG")), "zero or more.*NDOSEG"),
        (adex().drop("EXTRT"), "exposure to no drug is on record.*EXTRT"),
    ],
)
def test_records_that_contradict_each_other(tmp_path: Path, frame: pl.DataFrame, message: str) -> None:
    with pytest.raises(DataError, match=message):
        exposure_rows(*given(tmp_path, frame))


def test_nobody_was_given_anything(tmp_path: Path) -> None:
    rows: list[Row] = exposure_rows(*given(tmp_path, adex()[:0]))
    assert [r.statistic for r in rows] == ["subjects not counted"]


def test_quartiles_are_rs_type_7() -> None:
    # R: quantile(c(1, 2, 4, 8, 16)) is 1 2 4 8 16; quantile(c(7, 15, 36, 39, 40, 41)) is 7 20.25 37.5 39.75 41
    found = spread([7, 15, 36, 39, 40, 41])
    assert (found.lower_quartile, found.median, found.upper_quartile) == (20.25, 37.5, 39.75)
    assert (found.minimum, found.maximum, found.count, found.missing) == (7, 41, 6, 0)
    one = spread([3.0, float("nan")])
    assert (one.minimum, one.median, one.maximum, one.missing) == (3, 3, 3, 1)
