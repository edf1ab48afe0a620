"""What was measured on visits after randomization, as covariates that vary with time."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ...data import Patients
from ...data.data_cut import MEASURED_ON
from ...data.day_count import OFFSET, count_days
from ...errors import DataError
from ...protocol import Analysis, Protocol
from ...survival import TimeVarying
from ..estimand import population_rows

SAME_DAY = 0.5  # what is seen on a day comes before a switch on it, so many days
VALUE = "AVAL"


def measured(
    trial: Protocol, data: Patients, analysis: Analysis, rows: pl.DataFrame | None = None
) -> dict[str, TimeVarying]:
    """The measurements that an analysis adjusted for switching names, by PARAMCD; ``rows`` are its ``population_rows``.

    Days are counted as AVAL of the endpoint counts them. Of those on or before the day of randomization the last is
    the baseline, which everybody needs; a later one holds from its day on, before a switch on that day. A measurement
    without a value is none: the one before it goes on.

    Raises ``DataError`` where there are no such measurements, for one without a date, for two of a subject on a day,
    and for subjects without a baseline.

    >>> from equipoise.data import read_adam
    >>> from equipoise.protocol import Switching, example
    >>> analysis = example("veteran").analyses["adjusted"].model_copy(update={"switching": Switching(method="ipcw")})
    >>> measured(example("veteran"), read_adam(None, example("veteran")), analysis)
    {}
    """
    assert analysis.switching is not None
    if not analysis.switching.varying:
        return {}
    name, frame = data.names.measurements or "", data.measurements
    if frame is None:
        raise DataError(f"there is no {name.upper()}, the measurements on visits", remedy="Add it to the data.")
    parameter = data.names.parameter
    for column, dtype in ((parameter, pl.String), (VALUE, None), (MEASURED_ON, pl.Date)):
        held = frame.schema.get(column)
        if held is None or (held != dtype if dtype is not None else not held.is_numeric()):
            state = "not in the data" if held is None else f"of {held}"
            raise DataError(
                f"a column of the measurements is {state}", file=data.file_of(name), column=column,
                remedy=f"A record has {parameter} (text), {VALUE} (a number) and {MEASURED_ON} (a date).",
            )  # fmt: skip
    rows = count_days(population_rows(trial, data, analysis.estimand) if rows is None else rows, data.names)
    subject, start = data.names.subject, data.names.start_date
    whose = rows.select(subject, pl.col(start).alias("__start__"), OFFSET)
    known = frame.filter(pl.col(VALUE).is_not_null()).join(whose, on=subject, how="inner", maintain_order="left")
    return {
        code: _path(known.filter(pl.col(parameter) == code), code, rows, data) for code in analysis.switching.varying
    }


def _path(records: pl.DataFrame, code: str, rows: pl.DataFrame, data: Patients) -> TimeVarying:
    """One parameter's measurements; ``rows`` are the subjects."""
    subject, file = data.names.subject, data.file_of(data.names.measurements or "")
    if records.is_empty():
        raise DataError(
            f"nothing is measured as {code!r}", file=file, column=data.names.parameter,
            remedy="Correct varying in the analysis, or the data.",
        )  # fmt: skip
    ids = records[subject].to_numpy()
    undated = records[MEASURED_ON].is_null().to_numpy()
    _refuse(undated, f"a measurement of {code} has no date", (file, MEASURED_ON), ids, "Complete the dates.")
    twice = records.select(subject, MEASURED_ON).is_duplicated().to_numpy()
    remedy = "Keep one record a subject and day."
    _refuse(twice, f"{code} is measured twice on a day", (file, MEASURED_ON), ids, remedy)
    records = records.sort(subject, MEASURED_ON, maintain_order=True)
    elapsed = (records[MEASURED_ON] - records["__start__"]).dt.total_days()
    before = (elapsed <= 0).to_numpy()
    who = records[subject].to_numpy()
    last_before = before & np.append((who[1:] != who[:-1]) | ~before[1:], True)
    first = ~np.isin(rows[subject].to_numpy(), who[last_before])
    _refuse(
        first, f"{code} is not measured on or before the day of randomization", (file, data.names.parameter),
        rows[subject].to_numpy(), "Add the baseline.",
    )  # fmt: skip
    day = np.where(before, 0.0, (elapsed + records[OFFSET]).to_numpy() - SAME_DAY)
    kept = last_before | ~before
    return TimeVarying(subject=who[kept], start=day[kept], value=records[VALUE].to_numpy()[kept], unit="days")


def _refuse(bad: NDArray[np.bool_], what: str, where: tuple[str, str], ids: NDArray[Any], remedy: str) -> None:
    """Refuses what is bad, (n,), in a file and column, of subjects each named once."""
    if bad.any():
        subjects = list(dict.fromkeys(ids[bad].tolist()))
        raise DataError(what, file=where[0], column=where[1], subjects=subjects, remedy=remedy)
