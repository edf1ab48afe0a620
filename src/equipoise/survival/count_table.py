"""A file larger than memory as a TimeToEvent: subjects who are alike become one row, weighted by their number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..data import TimeToEvent
from ..data.factor import label
from ..errors import DataError
from ..results import Origin
from ..units import TimeUnit

if TYPE_CHECKING:
    import polars as pl

_COUNT = "count"


def count_table(
    source: str | Path | pl.LazyFrame,
    *,
    time: str,
    event: str | tuple[str, object],
    unit: TimeUnit,
    arm: str | None = None,
    control: object = None,
    experimental: object = None,
    strata: str | Sequence[str] | None = None,
    event_is: Literal["harm", "benefit"] = "harm",
    origin: Origin = "observed",
) -> TimeToEvent:
    """The subjects of a Parquet file, one a row, counted by stratum, arm, time and event, never held all at once.

    ``source`` is a path, a glob such as "trial-*.parquet", or a lazy polars frame (of any kind of file, filtered as you
    like); the other arguments are column names and settings as in ``TimeToEvent.from_frame``. Rows are read through
    polars' streaming engine. What comes back has weights of type "count": ``kaplan_meier``, ``logrank``, ``rmst`` and
    ``cox`` of arms and strata give what they give of all the rows.

    Memory holds a row for each combination that occurs. With whole-day times that is a few thousand rows whatever the
    number of subjects; with continuous times nearly every subject is one, and little is saved. Identifiers are not
    looked at: a subject with two rows counts twice.

    Raises ``DataError`` naming the column and how many subjects: for missing values, times that are negative or not
    numbers, event codes that are not whole numbers from 0, other arms than the two named; and for a file or column that
    is not there.

    >>> import polars as pl
    >>> rows = pl.LazyFrame({"AVAL": [5, 8, 8, 8, 12], "EVNT": [1, 0, 1, 1, 1], "TRTP": ["A", "B", "A", "A", "B"]})
    >>> tte = count_table(rows, time="AVAL", event="EVNT", unit="days", arm="TRTP", control="A", experimental="B")
    >>> print(tte, "in", tte.n, "rows")
    5 subjects, 4 events (A: 3 subjects, 3 events; B: 2 subjects, 1 event) in 4 rows
    """
    import polars as pl

    frame = _lazy(source)
    file = "" if isinstance(source, pl.LazyFrame) else str(source)
    factors = [strata] if isinstance(strata, str) else list(strata or ())
    event_column, marks = event if isinstance(event, tuple) else (event, None)
    wanted = {"time": time, "event": event_column, **({} if arm is None else {"arm": arm})}
    wanted |= {f"stratum {i}": name for i, name in enumerate(factors)}
    _check_schema(frame, wanted, marks, file)
    columns = {role: pl.col(name) for role, name in wanted.items()}
    if marks is not None:
        columns["event"] = columns["event"].is_in(np.atleast_1d(np.asarray(marks)).tolist())
    columns |= {role: columns[role].cast(pl.Float64) for role in ("time", "event")}
    counted = frame.group_by([column.alias(role) for role, column in columns.items()]).agg(pl.len().alias(_COUNT))
    with _readable(file):
        table = counted.collect(engine="streaming")
    _check_values(table, wanted, file)
    if experimental is not None and arm is not None:
        _check_arms(table, arm, (control, experimental), file)
    table = table.sort([role for role in columns if role not in ("time", "event")] + ["time", "event"])
    return TimeToEvent(
        table["time"].to_numpy(),
        table["event"].to_numpy(),
        None if arm is None else table["arm"].to_numpy(),
        control=control,
        experimental=experimental,
        unit=unit,
        strata={name: table[f"stratum {i}"].to_numpy() for i, name in enumerate(factors)} or None,
        weight=table[_COUNT].to_numpy(),
        weight_type="count",
        event_is=event_is,
        origin=origin,
    )


def _lazy(source: Any) -> pl.LazyFrame:
    import polars as pl

    if isinstance(source, pl.LazyFrame):
        return source
    if not isinstance(source, str | Path):
        raise DataError(
            f"{type(source).__name__} is neither a path nor a lazy frame",
            remedy="Give the path of a Parquet file, or a polars LazyFrame; TimeToEvent.from_frame takes frames.",
        )
    return pl.scan_parquet(source)


@contextmanager
def _readable(file: str) -> Iterator[None]:
    """Turn what polars says of a file into an error of ours."""
    import polars as pl

    try:
        yield
    except (OSError, pl.exceptions.PolarsError) as error:
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise DataError(f"the rows cannot be read: {said}", file=file, remedy="Check path and format.") from None


def _check_schema(frame: pl.LazyFrame, wanted: dict[str, str], marks: object, file: str) -> None:
    import polars as pl

    with _readable(file):
        schema = frame.collect_schema()
    for name in wanted.values():
        if name not in schema:
            raise DataError(
                "there is no such column", file=file, column=name, remedy=f"Columns: {', '.join(schema.names())}."
            )
    kinds = {role: schema[name] for role, name in wanted.items()}
    if not kinds["time"].is_numeric():
        what = f"{wanted['time']} holds {kinds['time']}, not numbers"
        raise DataError(what, file=file, column=wanted["time"], remedy="Give numbers and their unit.")
    number = kinds["event"].is_numeric() or kinds["event"] == pl.Boolean
    if number != (marks is None or np.asarray(marks).dtype.kind in "biuf"):
        what = f"{wanted['event']} holds {kinds['event']}, not {'codes' if marks is None else 'values such as these'}"
        remedy = 'Give codes 0 and 1, or say which values mark the event: ("CNSR", 0).'
        raise DataError(what, file=file, column=wanted["event"], remedy=remedy)


def _check_values(table: pl.DataFrame, wanted: dict[str, str], file: str) -> None:
    """Refuse what a TimeToEvent refuses, by number of subjects: there is nobody to name."""
    import polars as pl

    total = int(table[_COUNT].sum())
    if total == 0:
        raise DataError("nobody is in the population", file=file, remedy="Check the filter, or the file.")

    def refuse(bad: pl.Expr, role: str, what: str, remedy: str) -> None:
        count = table.filter(bad)[_COUNT].sum()
        if count:
            name = wanted[role]
            raise DataError(f"{name} {what} for {count} of {total} subjects", file=file, column=name, remedy=remedy)

    for role in wanted:
        column, kind = pl.col(role), table.schema[role]
        absent = column.is_null()
        if kind.is_float():
            absent = absent | column.is_nan()
        elif kind == pl.String:
            absent = absent | (column == "")
        refuse(absent, role, "is missing", "Complete the values, or filter the rows out of a lazy frame.")
    refuse(pl.col("time").is_infinite(), "time", "is not finite", "Mend the values, or leave the rows out.")
    refuse(pl.col("time") < 0, "time", "is below zero", "Times run from the start of observation.")
    code = pl.col("event")
    whole = (code >= 0) & (code == code.floor()) & code.is_finite()
    refuse(~whole, "event", "is not a whole number from 0 up", "0 is censored, 1 the event.")


def _check_arms(table: pl.DataFrame, name: str, named: tuple[object, object], file: str) -> None:
    """Refuse arms beyond the two of the contrast."""
    import polars as pl

    by_arm = table.group_by("arm").agg(pl.col(_COUNT).sum()).sort("arm")
    others = {label(a): int(c) for a, c in by_arm.iter_rows() if label(a) not in {label(n) for n in named}}
    if others:
        listed = ", ".join(list(others)[:5]) + (" ..." if len(others) > 5 else "")
        raise DataError(
            f"{sum(others.values())} of {int(table[_COUNT].sum())} subjects are in other arms ({listed})",
            file=file,
            column=name,
            remedy="Filter the rows of the two arms out of a lazy frame, or name the control only.",
        )
