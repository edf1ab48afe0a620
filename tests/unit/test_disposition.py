"""Disposition and crossover counted by hand, and dates that cannot be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.unit import made_trial
from tests.unit.test_safety import SAFETY, only

from equipoise import analyze
from equipoise.analyze.disposition import disposition_rows
from equipoise.data import Patients
from equipoise.errors import DataError
from equipoise.protocol import Protocol

DAY = date(2020, 1, 1)
ENDPOINTS = '\n[endpoints.OS]\nlabel = "Overall survival"\n\n[endpoints.PFS]\nlabel = "Progression-free survival"\n'
# 01 to 03 new, 04 to 07 old; 08 has an arm but was never randomized, 09 is in an arm that the protocol does not have.
SUBJECTS = [f"0{i}" for i in range(1, 10)]
ARMS = ["new"] * 3 + ["old"] * 4 + ["old", "pilot"]
STARTED = [1, 1, None, 1, 1, 1, 2, None, 1]  # day of the first dose
CROSSED = [None, None, None, 60, 92, 400, 91, None, None]
PFS = [(50, 1), (80, 0), (90, 1), (30, 1), (120, 1), (399, 1), (91, 1)]  # day, event; 05 crossed before its event
OS = [(100, 1), (80, 0), (90, 1), (700, 0), (500, 1), (600, 1)]  # 07 has no record


def on(day: int | None) -> date | None:
    """Days after randomization, on 1 January 2020."""
    return None if day is None else DAY + timedelta(days=day)


def adsl(**changed: Sequence[object]) -> pl.DataFrame:
    columns: dict[str, Sequence[object]] = {
        "USUBJID": SUBJECTS, "TRT01P": ARMS, "RANDDT": [DAY] * 7 + [None, DAY], "TRTSDT": [on(d) for d in STARTED],
        "SAFFL": ["Y" if d else "N" for d in STARTED], "XOFL": ["Y" if d else "N" for d in CROSSED],
        "XODT": [on(d) for d in CROSSED], **changed,
    }  # fmt: skip
    return pl.DataFrame(columns)


def adtte() -> pl.DataFrame:
    parts = []
    for name, records in (("PFS", PFS), ("OS", OS)):
        n = len(records)
        frame = made_trial.adtte([d for d, _ in records], [e for _, e in records], ARMS[:n], USUBJID=SUBJECTS[:n])
        ends = [on(d) for d, _ in records]
        parts.append(
            frame.with_columns(pl.lit(name).alias("PARAMCD"), pl.lit(DAY).alias("STARTDT"), pl.Series("ADT", ends))
        )
    return pl.concat(parts)


def case(folder: Path, subjects: pl.DataFrame | None = None, **parts: str) -> tuple[Protocol, Patients]:
    trial = made_trial.protocol(folder, **{"endpoint": ENDPOINTS, "testing": made_trial.TESTING + SAFETY, **parts})
    return trial, made_trial.patients(trial, adtte(), adsl=adsl() if subjects is None else subjects)


def test_by_hand(tmp_path: Path) -> None:
    rows = disposition_rows(*case(tmp_path))

    def both(statistic: str, endpoint: str = "") -> tuple[str, str]:
        found = {r.group: r.text for r in rows if r.statistic == statistic and r.endpoint == endpoint}
        return found["new"], found["old"]

    assert only(rows, "randomized", "").value == 7
    assert both("randomized") == ("3", "4")
    assert both("treated") == ("2 (66.7)", "4 (100)")
    assert both("not treated") == ("1 (33.3)", "0")
    assert both("events", "PFS") == ("2 (66.7)", "4 (100)")
    assert both("censored", "PFS") == ("1 (33.3)", "0")
    assert both("events", "OS") == ("2 (66.7)", "2 (50.0)")
    assert both("censored", "OS") == ("1 (33.3)", "1 (25.0)")
    assert both("no record", "OS") == ("0", "1 (25.0)")
    assert not [r for r in rows if r.statistic == "no record" and r.endpoint == "PFS"]
    assert both("crossed over") == ("0", "4 (100)")
    assert both("analyzed", "OS") == ("3 (100)", "3 (75.0)")  # by the protocol's one analysis, of OS
    assert not [r for r in rows if r.statistic == "analyzed" and r.population == "treated"]  # nothing to tell of it
    for row in rows:
        assert (row.analysis, row.role, row.toml_path) == ("disposition", "disposition", "safety")


def test_crossover_by_hand(tmp_path: Path) -> None:
    rows = disposition_rows(*case(tmp_path))
    # days 60, 91, 92, 400; three months are 91.3125 days
    expected: dict[str, tuple[float, str]] = {
        "time to crossover median": (91.5, "3.0"),
        "time to crossover minimum": (60, "2.0"),
        "time to crossover maximum": (400, "13.1"),
        "crossed over by 3 months": (2, "2 (50.0)"),
        "crossed over by 6 months": (3, "3 (75.0)"),
        "crossed over by 12 months": (3, "3 (75.0)"),
        # 04 after 30 days, 07 on the very day, 06 after 1; 05 crossed 28 days before its event
        "time from progression to crossover median": (1, "0.0"),
        "time from progression to crossover minimum": (0, "0.0"),
        "time from progression to crossover maximum": (30, "1.0"),
        "crossed over without an event before": (1, "1 (25.0)"),
    }
    for statistic, (value, text) in expected.items():
        row = only(rows, statistic, "old")
        assert (row.value, row.text) == (value, text), statistic
    assert only(rows, "crossed over by 3 months", "old").at == 91.3125
    assert not [r for r in rows if r.group == "new" and "crossover" in r.statistic]


def test_the_safety_population_is_analyzed_where_there_is_something_to_tell(tmp_path: Path) -> None:
    trial, data = case(tmp_path)
    data = replace(data, adae=pl.DataFrame({"USUBJID": ["01"]}))
    found = [r.text for r in disposition_rows(trial, data) if r.statistic == "analyzed" and r.population == "treated"]
    assert found == ["2 (66.7)", "4 (100)"]


def test_the_endpoint_that_progression_ends_goes_before_the_one_named_so(tmp_path: Path) -> None:
    stated = (
        ENDPOINTS + '\n[endpoints.TTP]\nlabel = "Time to progression"\nparameter = "PFS"\nevents = ["progression"]\n'
    )
    rows = disposition_rows(*case(tmp_path, endpoint=stated))
    assert only(rows, "time from progression to crossover median", "old").endpoint == "TTP"


def test_no_crossover_no_rows(tmp_path: Path) -> None:
    rows = disposition_rows(*case(tmp_path, adsl().drop("XOFL", "XODT")))
    assert not [r for r in rows if "cross" in r.statistic]
    nobody = disposition_rows(*case(tmp_path, adsl(XOFL=["N"] * 9, XODT=[None] * 9)))
    assert [r.text for r in nobody if "cross" in r.statistic] == ["0", "0"]


def test_what_adsl_does_not_hold_is_left_out(tmp_path: Path) -> None:
    rows = disposition_rows(*case(tmp_path, adsl().drop("RANDDT", "TRTSDT")))
    assert only(rows, "randomized", "old").value == 5  # nothing says that 08 was not
    told = {r.statistic for r in rows}
    assert not told & {"treated", "not treated", "time to crossover median"}
    assert "crossed over" in told


def test_every_arm_of_the_protocol_is_counted_the_compared_ones_first(tmp_path: Path) -> None:
    third = made_trial.HEAD.replace(
        "[arms.new]",
        '[arms.pilot]\nlabel = "P"\nrole = "experimental"\nregimen = { unknown = "made up" }\n\n[arms.new]',
    )
    rows = disposition_rows(*case(tmp_path, head=third))
    assert [(r.group, r.text) for r in rows if r.statistic == "randomized"] == [
        ("", "8"), ("new", "3"), ("old", "4"), ("pilot", "1"),
    ]  # fmt: skip
    assert {r.group for r in rows if r.statistic == "analyzed"} == {"new", "old"}


def dated(row: int, value: Any) -> list[date | None]:
    days = [on(d) for d in CROSSED]
    days[row] = value
    return days


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"XODT": dated(3, None)}, "crossed over without a date.*XODT, subject 04.*mend XOFL"),
        ({"XODT": dated(3, DAY - timedelta(days=1))}, "lies before randomization.*subject 04"),
        ({"XODT": dated(0, DAY)}, "stands beside no crossover.*subject 01"),
        ({"XOFL": ["N"] * 3 + [None] + ["Y"] * 3 + ["N"] * 2}, "stands beside no crossover.*subject 04"),
    ],
)
def test_crossovers_that_cannot_be(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    trial, data = case(tmp_path, adsl(**changed))
    with pytest.raises(DataError, match=message):
        disposition_rows(trial, data)
    assert any("XODT" in told for told in analyze.refusals(trial, data))


def test_a_crossover_on_the_day_of_randomization_can_be(tmp_path: Path) -> None:
    rows = disposition_rows(*case(tmp_path, adsl(XODT=dated(3, DAY))))
    assert only(rows, "time to crossover minimum", "old").value == 0


def test_flags_without_any_date_column(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="crossed over without a date"):
        disposition_rows(*case(tmp_path, adsl().drop("XODT")))


def test_dates_must_be_dates(tmp_path: Path) -> None:
    trial, data = case(tmp_path)
    assert data.adsl is not None
    with pytest.raises(DataError, match="dates are needed.*RANDDT"):
        disposition_rows(trial, replace(data, adsl=data.adsl.with_columns(pl.col("RANDDT").cast(pl.String))))
