"""Which file holds which data set, and its columns as they stand there, before any of them is typed."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Mapping
from datetime import date
from itertools import islice
from numbers import Number
from pathlib import Path
from typing import Any

import narwhals as nw
import polars as pl

from ..errors import DataError
from .xpt import read_xpt

DATASETS = ("adsl", "adtte", "adae", "adex")
FRAME = "<frame>"
SUFFIXES = (".xpt", ".csv", ".parquet")
_ROWS_AT_ONCE = 50_000


def locate(source: object, measurements: str | None = None) -> dict[str, object]:
    """Data set -> path or frame, from a folder or a mapping; ``measurements`` is a further data set that is wanted."""
    wanted = DATASETS if measurements is None else (*DATASETS, measurements)
    if isinstance(source, Mapping):
        return _named(source, wanted)
    if not isinstance(source, str | Path):
        raise DataError(
            f"patients cannot be read from a {type(source).__name__}",
            remedy='Give a folder, or a mapping such as {"adtte": path or frame, "adsl": ...}.',
        )
    folder = Path(source)
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "does not exist"
        raise DataError(
            f"the data folder {what}",
            file=str(folder),
            remedy='Give the folder that holds the data sets, or name files: {"adtte": path, "adsl": path}.',
        )
    files = sorted(p for p in folder.iterdir() if p.is_file())
    found = {name: path for name in wanted if (path := _candidate(name, files, folder)) is not None}
    if "adtte" not in found:
        held = ", ".join(p.name for p in files[:20]) or "nothing"
        raise DataError(
            "there is no ADTTE (adtte.xpt, adtte.csv or adtte.parquet)",
            file=str(folder),
            remedy=f"Put it there, or name the file; the folder holds: {held}.",
        )
    return dict(found)


def _candidate(name: str, files: list[Path], folder: Path) -> Path | None:
    """``adtte.csv``, else the one ``adtte_*.csv``; two candidates are an error, never a choice."""
    stems = [(p, p.stem.lower()) for p in files if p.suffix.lower() in SUFFIXES]
    exact = [p for p, stem in stems if stem == name]
    longer = [p for p, stem in stems if stem.startswith(name) and not stem[len(name) :][:1].isalnum()]
    candidates = exact or longer
    if len(candidates) > 1:
        raise DataError(
            f"{len(candidates)} files could be {name.upper()}: {', '.join(p.name for p in candidates)}",
            file=str(folder),
            remedy=f'Keep one, or name it: {{"{name}": path}}.',
        )
    return candidates[0] if candidates else None


def _named(source: Mapping[Any, object], wanted: tuple[str, ...]) -> dict[str, object]:
    found = {str(key).lower(): value for key, value in source.items() if value is not None}
    for key in found:
        if key not in wanted:
            raise DataError(f"there is no data set {key!r}", remedy=f"Known: {', '.join(wanted)}.")
    if "adtte" not in found:
        raise DataError("ADTTE is not given", remedy='Add "adtte": the file or frame that holds it.')
    return {name: found[name] for name in wanted if name in found}


def read_raw(item: object) -> tuple[pl.DataFrame, str, str | None, bool]:
    """Columns as they stand, file name, SHA-256 of the file (None for a frame), and whether all is text."""
    if not isinstance(item, str | Path):
        return _from_frame(item), FRAME, None, False
    path = Path(item)
    if not path.is_file():
        held = ", ".join(sorted(p.name for p in path.parent.iterdir())[:20]) if path.parent.is_dir() else ""
        raise DataError(
            "the file does not exist" if not path.exists() else "this is a folder, not a file",
            file=str(path),
            remedy=f"Its folder holds: {held or 'nothing'}." if path.parent.is_dir() else "Correct the path.",
        )
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise DataError(
            f"files of the kind {suffix!r} cannot be read",
            file=path.name,
            remedy=f"Give one of: {', '.join(SUFFIXES)}.",
        )
    readers = {".xpt": read_xpt, ".csv": _read_csv, ".parquet": _read_parquet}
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        return readers[suffix](path), path.name, digest, suffix == ".csv"
    except OSError as error:
        raise DataError(f"the file cannot be read ({error.strerror})", file=path.name) from None


def _read_parquet(path: Path) -> pl.DataFrame:
    try:
        return pl.read_parquet(path)
    except pl.exceptions.PolarsError as error:
        reason = str(error).splitlines()[0]
        raise DataError(
            f"the Parquet file cannot be read ({reason})", file=path.name, remedy="Write the file again."
        ) from None


def _read_csv(path: Path) -> pl.DataFrame:
    """Every field as text. A row with a field too many or too few is refused: it would shift or lose values."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = csv.reader(stream, strict=True)
            header = [name.strip() for name in next(rows, [])]
            _check_header(header, path.name)
            schema = dict.fromkeys(header, pl.String)
            parts = [
                pl.DataFrame(dict(zip(header, zip(*chunk, strict=True), strict=True)), schema=schema)
                for chunk in _chunks(rows, len(header), path.name)
            ]
            return pl.concat(parts) if parts else pl.DataFrame(schema=schema)
    except UnicodeDecodeError:
        raise DataError("the CSV file is not UTF-8", file=path.name, remedy="Save it as UTF-8.") from None
    except csv.Error as error:
        raise DataError(
            f"the CSV file breaks off or has a stray quotation mark ({error})",
            file=path.name,
            remedy="Export the file again.",
        ) from None


def _chunks(rows: Any, width: int, file: str) -> Iterator[list[list[str]]]:
    while chunk := list(islice(rows, _ROWS_AT_ONCE)):
        kept = [row for row in chunk if row]
        if any(len(row) != width for row in kept):
            bad = next(row for row in kept if len(row) != width)
            raise DataError(
                f"a row has {len(bad)} fields where the header has {width}: "
                f"{','.join(bad)[:60]!r} (before line {rows.line_num + 1})",
                file=file,
                remedy="Export the file again, with commas between fields and quotation marks around text.",
            )
        if kept:
            yield kept


def _check_header(header: list[str], file: str) -> None:
    if not header:
        raise DataError("the CSV file is empty", file=file, remedy="Export it again.")
    if "" in header:
        raise DataError(
            f"column {header.index('') + 1} of the CSV file has no name", file=file, remedy="Name or drop it."
        )
    twice = {name for name in header if header.count(name) > 1}
    if twice:
        raise DataError("a column name occurs twice", file=file, column=min(twice), remedy="Rename one.")


def _from_frame(frame: object) -> pl.DataFrame:
    try:
        native: Any = nw.from_native(frame)
    except TypeError:
        raise DataError(
            f"a {type(frame).__name__} is neither a path nor a frame",
            remedy="Give a path, or a polars, pandas or pyarrow frame.",
        ) from None
    if isinstance(native, nw.LazyFrame):
        native = native.collect()
    if native.implementation.is_polars() or native.implementation.is_pyarrow():
        converted: pl.DataFrame = native.to_polars()
        return converted
    # Column by column through Python values: pandas keeps text, dates and gaps in columns of objects.
    return pl.DataFrame({str(column.name): _column(column) for column in native.iter_columns()})


def _column(column: Any) -> pl.Series:
    gaps = column.is_null().to_list()
    values = [None if gap else value for value, gap in zip(column.to_list(), gaps, strict=True)]
    present = [v for v in values if v is not None and v == v]
    values = [v if v is None or v == v else None for v in values]
    alike = any(all(isinstance(v, kind) for v in present) for kind in (str, bool, date)) or not any(
        isinstance(v, bool) or not isinstance(v, Number) for v in present
    )
    return pl.Series(values if alike else [None if v is None else str(v) for v in values], strict=False)
