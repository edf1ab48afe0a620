"""ADaM data sets -> Patients: every column gets one type, whatever file it came from.

Character columns become String (trailing blanks dropped, nothing left means missing), dates Date, other
numbers Int64 if all are whole and Float64 otherwise; the time is always Float64. In CSV an empty field
and ``NA`` mean missing, in text columns too, and a note says where ``NA`` stood.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import polars as pl

from ..errors import DataError
from ..protocol import DataNames, Protocol
from ..results import Origin
from .files import locate, read_raw
from .origin import DUMMY, KIND, SYNTHETIC, origin_of
from .patients import Patients

# Text that may look like numbers; as numbers identifiers would lose leading zeros, and grade 3 is "3" from every file.
_TEXT = frozenset(
    {"STUDYID", "USUBJID", "SUBJID", "SITEID", "PARAM", "PARAMCD", "EVNTDESC", "CNSDTDSC", "ARM", "ARMCD"}
    | {"AETOXGR", "NYHACLS", SYNTHETIC, KIND, DUMMY}
)
_WHOLE = r"^[+-]?(0|[1-9]\d*)$"
_NUMBER = r"^[+-]?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][+-]?\d+)?$"
_ANY_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"  # where only a number can stand, 007 is 7
_ISO_DATE = r"^\d{4}-\d{2}-\d{2}$"
_EXACT_WHOLE = 2.0**53


def read_adam(source: Any, trial: Protocol, *, origin: Origin | None = None) -> Patients:
    """ADTTE, and ADSL, ADAE, ADEX and the measurements that the protocol names where there are any, read and typed;
    ``check`` judges what they say.

    ``source`` is a folder, a mapping ``{"adtte": path or frame, "adsl": ..., ...}``, or None for the protocol's
    ``[data] path``. Files are SAS transport (version 5), CSV or Parquet; frames are any that narwhals supports.
    Names of files and columns may be in either case; columns come out in upper case.

    ``origin`` None takes the protocol's, unless the rows say that they are synthetic (SYNTHFL = Y, SYNTYPE) or
    dummies: then theirs stands, and an ``origin`` that contradicts it is refused, as are rows of two origins.

    >>> import polars as pl
    >>> from equipoise.protocol import example
    >>> rows = {"usubjid": ["1", "2"], "paramcd": ["OS", "OS"], "aval": [5, 8], "cnsr": [0, 1]}
    >>> print(read_adam({"adtte": pl.DataFrame(rows)}, example("veteran")))
    2 patients in ADTTE (OS: 2 records), origin observed
    """
    found = locate(_path_of(trial) if source is None else source, trial.data.measurements)
    names = names_in_upper_case(trial.data)
    frames: dict[str, pl.DataFrame] = {}
    files: dict[str, str] = {}
    digests: dict[str, str] = {}
    notes: list[str] = []
    for dataset, item in found.items():
        raw, file, digest, is_text = read_raw(item)
        typing = Typing(dataset=dataset, file=_shown(file, dataset), names=names, dates=_dates(trial))
        frame = typing.upper(raw)
        if is_text:
            frame, without = _infer(frame, typing)
            notes += without
        frames[dataset] = typing.typed(frame)
        files[dataset] = file
        digests[dataset] = digest or _digest(frames[dataset])
    if frames["adtte"].height == 0:
        raise DataError(
            "ADTTE holds no record", file=_shown(files["adtte"], "adtte"), remedy="Export the data set again."
        )
    where = {name: _shown(file, name) for name, file in files.items()}
    settled, said = origin_of(frames, where, names.subject, stated=trial.data.origin, asked=origin)
    return Patients(
        adtte=frames["adtte"],
        adsl=frames.get("adsl"),
        adae=frames.get("adae"),
        adex=frames.get("adex"),
        measurements=frames.get(trial.data.measurements or ""),
        files=files,
        digests=digests,
        origin=settled,
        notes=(*notes, *said),
        names=names,
    )


def names_in_upper_case(names: DataNames) -> DataNames:
    """The protocol's column names as they stand in the frames."""
    columns = ("subject", "arm", "parameter", "time", "censoring", "start_date", "end_date")
    strata = names.strata.model_copy(
        update={
            "as_randomized": [c.upper() for c in names.strata.as_randomized],
            "as_verified": [c.upper() for c in names.strata.as_verified],
        }
    )
    upper: dict[str, object] = {c: str(getattr(names, c)).upper() for c in columns}
    return names.model_copy(update={**upper, "strata": strata})


def _path_of(trial: Protocol) -> Path:
    if trial.data.path is None:
        raise DataError(
            f"no data are given, and the protocol of {trial.name} names none",
            remedy='Give a folder, or write path = "..." under [data] in the protocol.'
            + (" `equipoise reconstruct` makes some from its published numbers." if trial.published.numbers else ""),
        )
    return trial.source.parent / trial.data.path


def _shown(file: str, dataset: str) -> str:
    return f"{dataset.upper()} frame" if file.startswith("<") else file


def _dates(trial: Protocol) -> frozenset[str]:
    """Columns that the protocol says hold dates."""
    events = [e.date for estimand in trial.estimands.values() for e in estimand.intercurrent_events.values()]
    return frozenset(name.upper() for name in (trial.data.start_date, trial.data.end_date, *events) if name is not None)


def _digest(frame: pl.DataFrame) -> str:
    """SHA-256 of the typed content: equal frames have equal digests, whichever library held them."""
    head = ",".join(f"{name}:{dtype}" for name, dtype in frame.schema.items())
    return hashlib.sha256((head + "\n" + frame.write_csv()).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Typing:
    """How the columns of one data set are typed, by their names and by what they hold."""

    dataset: str
    file: str
    names: DataNames
    dates: frozenset[str]

    def upper(self, raw: pl.DataFrame) -> pl.DataFrame:
        """Column names in upper case, and those there without which the records say nothing."""
        columns = [name.strip().upper() for name in raw.columns]
        for name in columns:
            if columns.count(name) > 1:
                raise DataError(
                    "a column occurs twice, in different case", file=self.file, column=name, remedy="Drop one."
                )
        needed = {"subject": self.names.subject}
        if self.dataset == "adtte":
            needed |= {key: getattr(self.names, key) for key in ("parameter", "time", "censoring")}
        for key, name in needed.items():
            if name not in columns:
                close = get_close_matches(name, columns, n=1)
                hint = f"Did you mean {close[0]}? " if close else ""
                raise DataError(
                    "the column is missing",
                    file=self.file,
                    column=name,
                    remedy=f"{hint}Add it, or name the right one as {key} under [data] in the protocol; "
                    f"the columns are: {', '.join(columns[:30])}.",
                )
        return raw.rename(dict(zip(raw.columns, columns, strict=True)))

    def is_text(self, name: str) -> bool:
        return name in _TEXT or name in (self.names.subject, self.names.parameter, self.names.arm)

    def is_date(self, name: str) -> bool:
        return name in self.dates or (name.endswith("DT") and len(name) > 2)

    def is_number(self, name: str) -> bool:
        return self.dataset == "adtte" and name in (self.names.time, self.names.censoring)

    def typed(self, frame: pl.DataFrame) -> pl.DataFrame:
        bare = frame.with_columns(_plain(column, self.file) for column in frame.iter_columns())
        subjects = whole(bare[self.names.subject]).cast(pl.String)
        if missing := subjects.null_count():
            raise DataError(
                f"{missing} records name no subject",
                file=self.file,
                column=self.names.subject,
                remedy="Complete or remove them.",
            )
        return bare.with_columns(self._column(column, subjects) for column in bare.iter_columns())

    def _column(self, column: pl.Series, subjects: pl.Series) -> pl.Series:
        name = column.name
        if self.is_text(name):
            return whole(column).cast(pl.String)
        if self.is_number(name):
            number = self._number(column, subjects)
            return number if name == self.names.time else whole(number)
        if self.is_date(name):
            return self._date(column, subjects)
        if column.null_count() == len(column):
            return column.cast(pl.String)
        return whole(column)

    def _number(self, column: pl.Series, subjects: pl.Series) -> pl.Series:
        if not (column.dtype.is_numeric() or column.dtype in (pl.String, pl.Null)):
            raise DataError(
                f"the column holds {column.dtype} where numbers are needed",
                file=self.file,
                column=column.name,
                remedy="Give numbers.",
            )
        if column.dtype == pl.String:
            stripped = column.str.strip_chars()
            self._refuse(
                column, subjects, ~stripped.str.contains(_ANY_NUMBER), "text where a number is needed", "a number"
            )
            return stripped.str.strip_prefix("+").cast(pl.Float64)
        return column.cast(pl.Float64)

    def _date(self, column: pl.Series, subjects: pl.Series) -> pl.Series:
        if column.dtype == pl.Date or column.null_count() == len(column):
            return column.cast(pl.Date)
        if isinstance(column.dtype, pl.Datetime):
            clock = column.dt.truncate("1d") != column
            self._refuse(column, subjects, clock, "a time of day where a date is needed", "a date alone")
            return column.dt.date()
        if column.dtype != pl.String:
            raise DataError(
                "the column holds numbers where dates are needed",
                file=self.file,
                column=column.name,
                remedy="Give it a date format (DATE9. in SAS), or write ISO dates such as 2005-03-14.",
            )
        parsed = column.str.to_date("%Y-%m-%d", strict=False)
        bad = ~column.str.contains(_ISO_DATE) | (parsed.is_null() & column.is_not_null())
        self._refuse(column, subjects, bad, "what is not a complete date", "a complete ISO date such as 2005-03-14")
        return parsed

    def _refuse(self, column: pl.Series, subjects: pl.Series, bad: pl.Series, what: str, instead: str) -> None:
        bad = bad.fill_null(False)
        if not bad.any():
            return
        example = str(column.filter(bad)[0])
        raise DataError(
            f"{bad.sum()} of {len(bad)} records hold {what}, such as {example!r}",
            file=self.file,
            column=column.name,
            subjects=subjects.filter(bad).unique(maintain_order=True).to_list(),
            remedy=f"Write {instead}, or leave the field empty.",
        )


def _plain(column: pl.Series, file: str) -> pl.Series:
    """One of String, Int64, Float64, Date, Datetime, Time; what stands for missing becomes null."""
    dtype = column.dtype
    if dtype in (pl.Categorical, pl.Enum, pl.Null):
        column, dtype = column.cast(pl.String), pl.String()
    if dtype == pl.String:
        kept = column.str.strip_chars_end(" ")
        return kept.set(kept == "", None)
    if dtype == pl.Boolean:
        return column.replace_strict({True: "Y", False: "N"}, return_dtype=pl.String)
    if dtype.is_float():
        return column.cast(pl.Float64).fill_nan(None)
    if dtype.is_decimal():
        return column.cast(pl.Float64)
    if dtype.is_integer():
        return column.cast(pl.Int64)
    if dtype.is_temporal() and dtype != pl.Duration:
        return column
    raise DataError(f"the column holds {dtype}", file=file, column=column.name, remedy="Give text, numbers or dates.")


def whole(column: pl.Series) -> pl.Series:
    """Whole numbers as Int64: a level 1 is then 1 from every source, never 1.0.

    >>> whole(pl.Series([1.0, 2.0])).to_list(), whole(pl.Series([1.0, 2.5])).to_list()
    ([1, 2], [1.0, 2.5])
    """
    if column.dtype != pl.Float64 or column.null_count() == len(column):
        return column
    exact = (column == column.round(0)) & (column.abs() < _EXACT_WHOLE)
    return column.cast(pl.Int64) if exact.all() else column


def _infer(frame: pl.DataFrame, typing: Typing) -> tuple[pl.DataFrame, list[str]]:
    """Numbers out of a file that is all text, over its full length; ``NA`` and empty fields are missing."""
    columns, notes = [], []
    for column in frame.iter_columns():
        not_available = (column == "NA").fill_null(False)
        kept = column.str.strip_chars_end(" ")
        kept = kept.set((kept == "") | not_available, None)
        keep_text = typing.is_text(column.name) or typing.is_date(column.name)
        if keep_text or typing.is_number(column.name) or kept.null_count() == len(kept):
            number = None
        else:
            number = as_number(kept)
        if number is None and not_available.any() and not typing.is_number(column.name):
            notes.append(f"{typing.file}: NA is read as missing in {column.name} ({not_available.sum()} records)")
        columns.append(kept if number is None else number)
    return pl.DataFrame(columns), notes


def as_number(column: pl.Series) -> pl.Series | None:
    """The column of text as numbers if every value is one; a leading zero or 19 digits make it an identifier.

    >>> as_number(pl.Series(["1", "20"])).to_list(), as_number(pl.Series(["01", "20"]))
    ([1, 20], None)
    """
    bare = column.str.strip_chars()
    if bare.str.contains(_WHOLE).all():
        exact = (bare.str.len_chars() <= 18).all()
        return bare.str.strip_prefix("+").cast(pl.Int64) if exact else None
    return bare.str.strip_prefix("+").cast(pl.Float64) if bare.str.contains(_NUMBER).all() else None


def strays(column: pl.Series) -> pl.Series:
    """Which cells hold text where more than half of those that are not empty hold a number; none where text is meant.

    A column without numbers is one of categories, and so are codes with leading zeros and columns that are always text.

    >>> strays(pl.Series(["61", "abc", "70", None])).to_list(), strays(pl.Series(["A", "B", "1"])).any()
    ([False, True, False, False], False)
    """
    none = pl.Series([False] * len(column), dtype=pl.Boolean)
    if column.dtype != pl.String or column.name in _TEXT:
        return none
    number = column.str.strip_chars().str.contains(_NUMBER)
    mostly = 2 * int(number.sum()) > len(column) - column.null_count()
    return ~number.fill_null(True) if mostly else none
