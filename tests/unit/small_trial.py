"""A trial of six patients as ADaM frames, and the protocol that names their columns."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from equipoise.data.adam import read_adam
from equipoise.data.patients import Patients
from equipoise.protocol import Protocol, read

PROTOCOL = """
[trial]
title = "A small trial"
short_name = "small"

[arms.A]
label = "A"
role = "control"
regimen = { unknown = "none" }

[arms.B]
label = "B"
role = "experimental"
regimen = { unknown = "none" }

[populations.ITT]
label = "All"
flag = "ITTFL"

[endpoints.PFS]
label = "Progression-free survival"

[endpoints.OS]
label = "Overall survival"

[estimands.one]
treatment = { experimental = "B", control = "A" }
population = "ITT"
variable = "PFS"
summary = "hazard ratio"
intercurrent_events.crossover = { strategy = "hypothetical", date = "SWITCH" }

[data]
"""

SUBJECTS = [f"0{i}" for i in range(1, 7)]
ARMS = ["A", "B", "A", "B", "A", "B"]
START = [date(2020, 1, d) for d in (1, 5, 10, 15, 20, 25)]
PFS_END = [date(2020, 2, 1), date(2020, 3, 1), date(2020, 4, 1), date(2020, 5, 1), date(2020, 2, 10), date(2020, 6, 1)]
OS_END = [date(2020, 6, 1), date(2020, 7, 1), date(2020, 4, 1), date(2020, 8, 1), date(2020, 3, 10), date(2020, 9, 1)]
PFS_CODE, OS_CODE = [0, 0, 1, 0, 2, 1], [0, 1, 0, 1, 0, 1]


def protocol(folder: Path, data: str = "") -> Protocol:
    path = folder / "small.toml"
    path.write_text(PROTOCOL + data)
    return read(path)


def adtte() -> pl.DataFrame:
    starts, ends, codes = START * 2, PFS_END + OS_END, PFS_CODE + OS_CODE
    days = [float((end - start).days + 1) for start, end in zip(starts, ends, strict=True)]
    reasons = {0: "Event", 1: "Alive at last contact", 2: "Lost to follow-up"}
    return pl.DataFrame(
        {
            "USUBJID": SUBJECTS * 2,
            "PARAMCD": ["PFS"] * 6 + ["OS"] * 6,
            "PARAM": ["Progression-free survival (days)"] * 6 + ["Overall survival (days)"] * 6,
            "AVAL": days,
            "CNSR": codes,
            "EVNTDESC": [reasons[c] for c in codes],
            "STARTDT": starts,
            "ADT": ends,
            "ITTFL": ["Y"] * 12,
        }
    )


def adsl() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "USUBJID": SUBJECTS,
            "TRT01P": ARMS,
            "TRT01PN": [1 if a == "A" else 2 for a in ARMS],
            "TRT01A": ["A", "B", "A", "B", "A", "A"],
            "AGE": [50, 61, 47, 70, 66, 58],
            "WEIGHTBL": [60.5, 71.0, None, 66.25, 80.0, 55.5],
            "ITTFL": ["Y"] * 6,
            "RANDDT": START,
            "TRTSDT": START,
            "SWITCH": [date(2020, 3, 1), None, None, None, None, date(2020, 7, 1)],
            "DTHDT": [date(2020, 6, 1), None, date(2020, 4, 1), None, date(2020, 3, 10), None],
            "DTHFL": ["Y", None, "Y", None, "Y", None],
        }
    )


def adae() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "USUBJID": ["01", "01", "02", "06"],
            "AEDECOD": ["Nausea", "Rash", "Nausea", "Fatigue"],
            "ASTDT": [date(2020, 1, 3), date(2020, 5, 3), None, date(2020, 2, 1)],
            "AENDT": [date(2020, 4, 3), date(2020, 5, 9), None, date(2020, 2, 2)],
        }
    )


def adex() -> pl.DataFrame:
    """Exposure, which only the tests of it take in: one treatment still goes on, one patient changed treatment."""
    return pl.DataFrame(
        {
            "USUBJID": ["01", "02", "03", "06", "06"],
            "TRT01P": ["A", "B", "A", "B", "B"],
            "EXTRT": ["drug A", "drug B", "drug A", "drug B", "drug A"],
            "TRTSDT": [START[0], START[1], START[2], START[5], date(2020, 7, 1)],
            "TRTEDT": [date(2020, 2, 1), date(2020, 3, 1), date(2020, 3, 2), None, date(2020, 7, 5)],
            "TRTDURD": [32, 57, 53, None, 5],
            "NDOSEG": [31, 8, 53, 4, 5],
            "CDOSEG": [31.5, 800.0, 53.0, 400.0, 5.0],
        }
    )


def frames() -> dict[str, pl.DataFrame]:
    return {"adtte": adtte(), "adsl": adsl(), "adae": adae()}


def patients(folder: Path, data: str = "", **changed: Any) -> Patients:
    """The small trial, with data sets replaced (or taken out by None)."""
    return read_adam({**frames(), **changed}, protocol(folder, data))


def change(frame: pl.DataFrame, column: str, row: int, value: object) -> pl.DataFrame:
    """The frame with one cell changed."""
    values = frame[column].to_list()
    values[row] = value
    return frame.with_columns(pl.Series(column, values, strict=False))
