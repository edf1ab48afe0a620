"""The data cut: ADTTE, ADSL, ADAE and ADEX as a data monitoring committee would have seen them on a date.

What happened on the date itself is in. A record that goes on after it is censored at the date, because
ADTTE does not hold the assessments before it. Dates after the cut are taken out together with the columns
that only restate them (DTHDT with DTHFL, DTHDTC, ...); other columns stay as the files have them.
What was planned and given in ADEX is a total over the whole of a treatment, and nothing tells how much of
it lies before the cut: a treatment that is not known to have ended by then keeps no number.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from ..errors import DataError
from ..protocol import DataNames
from ..units import days_per
from .day_count import FITS, OFFSET, count_days

DESCRIPTION = "Censored at the data cut"
AE_START = "ASTDT"
MEASURED_ON = "ADT"
# A record of ADEX has dates of its own under the first names; files of one record a treatment may use the second.
_EX_START, _EX_END = ("ASTDT", "TRTSDT"), ("AENDT", "TRTEDT")
_ENTRY = ("RANDDT", "STARTDT")
_DESCRIPTIONS = ("EVNTDESC", "CNSDTDSC")
# What these say of a record is no longer true once its end is another one.
_OF_THE_OLD_END = ("ADTM", "ADTF", "ADY", "AVALC", "SRCDOM", "SRCVAR", "SRCSEQ")
_RESTATE = ("FL", "DTF", "DTM", "DTC", "DY", "ADY", "CAUS")


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """The data sets together, and the names of their files for what is refused."""

    adtte: pl.DataFrame
    adsl: pl.DataFrame | None
    adae: pl.DataFrame | None
    adex: pl.DataFrame | None
    measurements: pl.DataFrame | None = None
    file: str


def as_date(value: str | date) -> date:
    """A cut-off date; refuses anything but a complete ISO date.

    >>> as_date("2006-03-31")
    datetime.date(2006, 3, 31)
    """
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise DataError(
            f"{value!r} is not a date", remedy='Write it as a complete ISO date, as in "2006-03-31".'
        ) from None


def free_code(adtte: pl.DataFrame, names: DataNames) -> int:
    """The CNSR code that a cut gives: one more than any in use."""
    codes = adtte[names.censoring]
    if not codes.dtype.is_integer() or codes.null_count():
        raise DataError(
            "a cut needs whole censoring codes",
            column=names.censoring,
            remedy="Correct what the check lists under TTE-01 first.",
        )
    highest = codes.max()
    return 1 + max(0, *names.event_codes, highest if isinstance(highest, int) else 0)


def cut_frames(frames: Frames, names: DataNames, cutoff: date, code: int) -> Frames:
    """The frames as they would have been on ``cutoff``."""
    _require_dates(frames, names)
    late = _entered_later(frames, names, cutoff)
    keep = ~pl.col(names.subject).is_in(late.to_list())
    adtte = frames.adtte.filter(keep & (pl.col(names.start_date) <= cutoff))
    adtte = _censor(adtte, names, cutoff, code, frames.file)
    adsl, adae = frames.adsl, frames.adae
    if adae is not None:
        known = pl.col(AE_START).is_null() | (pl.col(AE_START) <= cutoff)
        adae = _forget(adae.filter(keep & known), cutoff, ())
    adex = None if frames.adex is None else _cut_exposure(frames.adex.filter(keep), names, cutoff)
    measured = frames.measurements
    if measured is not None:
        known = pl.col(MEASURED_ON).is_null() | (pl.col(MEASURED_ON) <= cutoff)
        measured = _forget(measured.filter(keep & known), cutoff, ())
    return Frames(
        adtte=_forget(adtte, cutoff, (names.start_date, names.end_date)),
        adsl=None if adsl is None else _forget(adsl.filter(keep), cutoff, ()),
        adae=adae,
        adex=adex,
        measurements=measured,
        file=frames.file,
    )


def _require_dates(frames: Frames, names: DataNames) -> None:
    for column in (names.start_date, names.end_date):
        if column not in frames.adtte.columns:
            raise DataError(
                "a data cut needs the dates on which each record starts and ends, and there are none",
                file=frames.file,
                column=column,
                remedy="Add the column, or name it under [data] in the protocol.",
            )
        empty = frames.adtte.filter(pl.col(column).is_null())
        if empty.height:
            raise DataError(
                "a data cut needs every date, and some are missing",
                file=frames.file,
                column=column,
                subjects=empty[names.subject].unique(maintain_order=True).to_list(),
                remedy="Complete the dates.",
            )
    if frames.adae is not None and AE_START not in frames.adae.columns:
        raise DataError(
            "a data cut needs the date on which each adverse event starts",
            file="ADAE",
            column=AE_START,
            remedy="Add the column, or cut without ADAE.",
        )
    if frames.measurements is not None and MEASURED_ON not in frames.measurements.columns:
        raise DataError(
            "a data cut needs the date of each measurement", column=MEASURED_ON,
            remedy="Add the column, or cut without the measurements.",
        )  # fmt: skip
    if frames.adex is not None and _first_of(_EX_START, frames.adex) is None:
        raise DataError(
            "a data cut needs the date on which each treatment starts",
            file="ADEX",
            column=_EX_START[-1],
            remedy="Add the column, or cut without ADEX.",
        )


def _entered_later(frames: Frames, names: DataNames, cutoff: date) -> pl.Series:
    """Patients who had not entered by the cut: by ADSL's RANDDT or STARTDT, else by their first start date."""
    subject = names.subject
    first = frames.adtte.group_by(subject).agg(pl.col(names.start_date).min().alias("_first"))
    entry = first
    columns = ["_first"]
    if frames.adsl is not None:
        columns = [c for c in _ENTRY if c in frames.adsl.columns] + ["_first"]
        per_patient = frames.adsl.group_by(subject).agg(pl.col(c).min() for c in columns if c != "_first")
        entry = first.join(per_patient, on=subject, how="full", coalesce=True)
    return entry.filter(pl.coalesce(columns) > cutoff)[subject]


def _censor(adtte: pl.DataFrame, names: DataNames, cutoff: date, code: int, file: str) -> pl.DataFrame:
    """Records that go on after the cut, censored there; AVAL by the file's own way of counting days."""
    counted = count_days(adtte, names)
    after = pl.col(names.end_date) > cutoff
    cut_parameters = counted.filter(after)[names.parameter].unique()
    unclear = counted.filter(pl.col(names.parameter).is_in(cut_parameters.to_list()) & ~pl.col(FITS).fill_null(False))
    if unclear.height:
        raise DataError(
            f"a data cut must recompute {names.time}, which is neither {names.end_date} - {names.start_date} "
            f"+ 1 nor {names.end_date} - {names.start_date} in {names.time_unit} for all records of a parameter",
            file=file,
            column=names.time,
            subjects=unclear[names.subject].unique(maintain_order=True).to_list(),
            remedy="Correct the records that the check lists under TTE-04, or [data] time_unit.",
        )
    length = (pl.lit(cutoff) - pl.col(names.start_date)).dt.total_days() + pl.col(OFFSET)
    new: dict[str, pl.Expr] = {
        names.time: length / days_per(names.time_unit),
        names.censoring: pl.lit(code, dtype=pl.Int64),
        names.end_date: pl.lit(cutoff),
    }
    new |= {c: pl.lit(DESCRIPTION) for c in _DESCRIPTIONS}
    new |= {c: pl.lit(None) for c in _OF_THE_OLD_END}
    return counted.with_columns(
        pl.when(after).then(value).otherwise(pl.col(column)).alias(column)
        for column, value in new.items()
        if column in adtte.columns
    ).drop(OFFSET, FITS)


def _cut_exposure(adex: pl.DataFrame, names: DataNames, cutoff: date) -> pl.DataFrame:
    """Treatments that had started by the cut; numbers stay only where the treatment is known to have ended by then."""
    start, end = _first_of(_EX_START, adex), _first_of(_EX_END, adex)
    known = adex.filter(pl.col(start).is_null() | (pl.col(start) <= cutoff)) if start is not None else adex
    ended = pl.lit(False) if end is None else (pl.col(end) <= cutoff).fill_null(False)
    totals = [c for c, dtype in adex.schema.items() if dtype.is_numeric() and c != f"{names.arm}N"]
    totals += [c for c in ("AVALC",) if c in adex.columns]
    limited = known.with_columns(pl.when(ended).then(pl.col(c)).alias(c) for c in totals)
    return _forget(limited, cutoff, ())


def _first_of(columns: tuple[str, ...], frame: pl.DataFrame) -> str | None:
    return next((c for c in columns if c in frame.columns), None)


def _forget(frame: pl.DataFrame, cutoff: date, keep: tuple[str, ...]) -> pl.DataFrame:
    """Dates after the cut, and the columns that restate them, become null."""
    future: dict[str, pl.Expr] = {}
    for column, dtype in frame.schema.items():
        if column in keep:
            continue
        if dtype == pl.Date:
            later = pl.col(column) > cutoff
            stem = column.removesuffix("DT")
            restated = [stem + end for end in _RESTATE] if column.endswith("DT") else []
        elif isinstance(dtype, pl.Datetime):
            later, restated = pl.col(column).dt.date() > cutoff, []
        elif column.endswith("DTC") and dtype == pl.String:
            # ISO dates in text sort as dates do; of a partial date only what is certain counts.
            later, restated = pl.col(column).str.slice(0, 10) > cutoff.isoformat(), []
        else:
            continue
        for name in [column, *(c for c in restated if c in frame.columns)]:
            future[name] = future[name] | later if name in future else later
    return frame.with_columns(
        pl.when(when.fill_null(False)).then(None).otherwise(pl.col(name)).alias(name) for name, when in future.items()
    )
