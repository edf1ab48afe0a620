"""Patients -> ADaM data sets as CSV, Parquet and SAS transport files, which say in every row where they come from.

Each format has a folder of its own with a README.txt, and ``read_adam`` reads any of them. What is not
observed is marked in the rows (SYNTHFL, SYNTYPE, DUMMYFL), in the label of each transport file and in the
first line of each README. All files are written, or none.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ..errors import DataError
from .adam import Typing, as_number, whole
from .files import DATASETS, SUFFIXES
from .origin import DUMMY, require_marks, synthetic_kind
from .patients import Patients
from .variable_labels import DATASET_LABELS, label_of

FORMATS = ("csv", "parquet", "xpt")
_HELD = (pl.String, pl.Int64, pl.Float64, pl.Date)
_XPT_NAME = r"[A-Z_][A-Z0-9_]{0,7}"
_XPT_BYTES, _LABEL = 200, 40
# Outside these a transport file's floating point turns a number into zero or infinity.
_XPT_SMALLEST, _XPT_LARGEST = 1e-75, 1e75
_XPT_WHOLE = 2**53

_FIRST = {
    "observed": "Observed data: every subject is a patient",
    "dummy": "DUMMY ARM LABELS: no number here compares treatments",
    "synthetic": "SYNTHETIC DATA: no row is a patient",
}
_PURPOSE = {
    "observed": "The rows are patients: what they consented to says what these files may be used for.",
    "dummy": "May be used for: a dry run of an analysis.\n"
    "May not be used for: comparing treatments, in any way; the labels of the arms are permuted.",
    "synthetic": "May be used for: software checks, teaching, rehearsal of an analysis.\n"
    "May not be used for: estimating anything that was not targeted when the rows were made, meta-analysis as "
    "individual patient data, regulatory or clinical use.",
}

Frames = Mapping[str, pl.DataFrame]


def write_adam(patients: Patients, folder: str | Path, formats: Sequence[str] = FORMATS) -> tuple[Path, ...]:
    """Write the data sets that there are to ``folder/csv/adsl.csv``, ``folder/xpt/adsl.xpt`` ...; returns the files.

    SAS transport files are of version 5, with labels, and dates are SAS dates. Files of the same name are
    replaced. Raises ``DataError`` where rows do not say that they are synthetic or contradict the origin,
    where a format cannot hold a value, and where the folder cannot be written; then nothing is left behind.

    >>> from equipoise.data import read_adam
    >>> from equipoise.protocol import example
    >>> trial = example("veteran")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     files = write_adam(read_adam(None, trial), folder, ["xpt"])
    ...     print([path.name for path in files], read_adam(Path(folder) / "xpt", trial))
    ['adsl.xpt', 'adtte.xpt', 'README.txt'] 137 patients in ADTTE (OS: 137 records), origin observed
    """
    _check_formats(formats)
    frames = _as_read(patients)
    for dataset, frame in frames.items():
        _check_values(frame, dataset, patients)
        if "csv" in formats:
            _check_csv(frame, dataset, patients)
        if "xpt" in formats:
            _check_xpt(frame, dataset, patients)
    root = Path(folder)
    kind = synthetic_kind(frames, {}, patients.names.subject)
    try:
        _check_folder(root, frames, formats)
        return _write_whole(_Study(patients=patients, frames=frames, kind=kind), root, formats)
    except OSError as error:
        raise DataError(
            f"the data sets cannot be written: {error.strerror or error}",
            file=str(root),
            remedy="Choose another folder.",
        ) from None


def _check_formats(formats: Sequence[str]) -> None:
    known = f"Formats: {', '.join(FORMATS)}."
    if isinstance(formats, str) or not formats:
        raise DataError(f"formats = {formats!r} is not a list of formats", remedy=known)
    for name in formats:
        if name not in FORMATS:
            raise DataError(f"there is no format {name!r}", remedy=known)
        if list(formats).count(name) > 1:
            raise DataError(f"the format {name!r} is named twice", remedy="Name it once.")


def _as_read(patients: Patients) -> dict[str, pl.DataFrame]:
    """The data sets with the types that reading gives them, and with the marks that their origin demands."""
    names, frames = patients.names, patients.frames()
    called = {name: name.upper() for name in frames}
    for name, frame in frames.items():
        typing = Typing(dataset=name, file=called[name], names=names, dates=frozenset())
        typed = typing.typed(typing.upper(frame))
        if patients.origin == "dummy":
            typed = typed.with_columns(pl.lit("Y").alias(DUMMY))
        # The time is Float64 in reading; written, whole days are whole.
        frames[name] = typed.with_columns(whole(column) for column in typed.iter_columns())
    require_marks(frames, called, names.subject, patients.origin)
    return frames


def _refuse(rows: pl.DataFrame, what: str, dataset: str, column: str, patients: Patients, remedy: str) -> None:
    if rows.height:
        subjects = rows[patients.names.subject].unique(maintain_order=True).to_list()
        raise DataError(what, file=dataset.upper(), column=column, subjects=subjects, remedy=remedy)


def _check_values(frame: pl.DataFrame, dataset: str, patients: Patients) -> None:
    """What no format holds, or not all of them alike."""
    for column, dtype in frame.schema.items():
        if dtype not in _HELD:
            raise DataError(
                f"the column holds {dtype}, which the formats do not hold alike",
                file=dataset.upper(),
                column=column,
                remedy="Give text, numbers or dates, or drop the column.",
            )
        if dtype == pl.Float64:
            endless = frame.filter(pl.col(column).is_infinite())
            _refuse(endless, "the column holds infinity", dataset, column, patients, "Leave missing values empty.")


def _check_csv(frame: pl.DataFrame, dataset: str, patients: Patients) -> None:
    for column in (c for c, dtype in frame.schema.items() if dtype == pl.String):
        missing = frame.filter(pl.col(column) == "NA")
        _refuse(
            missing, "the text NA reads as missing from CSV", dataset, column, patients, "Write what it stands for."
        )


def _check_xpt(frame: pl.DataFrame, dataset: str, patients: Patients) -> None:
    """What SAS transport files of version 5 hold."""
    for column, dtype in frame.schema.items():
        if not re.fullmatch(_XPT_NAME, column):
            raise DataError(
                "a SAS transport file names variables with at most 8 capital letters, digits and underscores",
                file=dataset.upper(),
                column=column,
                remedy="Rename the column, or leave out the format xpt.",
            )
        if dtype == pl.String:
            long, what = pl.col(column).str.len_bytes() > _XPT_BYTES, f"text of more than {_XPT_BYTES} bytes"
        elif dtype == pl.Int64:
            long, what = pl.col(column).abs() > _XPT_WHOLE, "a whole number of more than 53 bits"
        elif dtype == pl.Float64:
            size = pl.col(column).abs()
            long, what = (size > _XPT_LARGEST) | ((size > 0) & (size < _XPT_SMALLEST)), "a number beyond 1e75 or 1e-75"
        else:
            continue
        said = f"the column holds {what}, which a SAS transport file cannot hold"
        _refuse(frame.filter(long), said, dataset, column, patients, "Shorten it, or leave out the format xpt.")


def _check_folder(root: Path, frames: Frames, formats: Sequence[str]) -> None:
    """Refuses a folder that is none, and one in which files would stand beside data sets of another study."""
    if root.exists() and not root.is_dir():
        raise DataError("this is a file, not a folder", file=str(root), remedy="Choose another folder.")
    for name in formats:
        own = root / name
        written = {f"{dataset}.{name}" for dataset in frames}
        for path in sorted(own.iterdir()) if own.is_dir() else ():
            taken = path.suffix.lower() in SUFFIXES and path.stem.lower().startswith(DATASETS)
            if (taken and path.name not in written) or (path.name in {*written, "README.txt"} and path.is_dir()):
                raise DataError(
                    f"the folder holds {path.name}, which would be read together with what is written",
                    file=str(own),
                    remedy="Remove it, or choose another folder.",
                )


def _write_whole(study: _Study, root: Path, formats: Sequence[str]) -> tuple[Path, ...]:
    """Write all into a hidden folder beside, then move all into place: no half a file, no half a study is ever seen."""
    folders = [root / name for name in formats]
    made = [path for path in (*folders, root, *root.parents) if not path.exists()]
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".equipoise-", dir=root, ignore_cleanup_errors=True) as hidden:
            beside = Path(hidden)
            moves: list[tuple[Path, Path]] = []
            for folder in folders:
                (beside / folder.name).mkdir()
                written = study.write(beside / folder.name, folder.name)
                moves += [(path, folder / path.name) for path in written]
            for folder in folders:
                folder.mkdir(exist_ok=True)
            _move(moves, beside)
    except BaseException:
        for path in made:
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()
        raise
    return tuple(target for _, target in moves)


def _move(moves: Sequence[tuple[Path, Path]], beside: Path) -> None:
    """Move all into place; if one cannot be moved, those before it are taken back and the old files return."""
    done: list[tuple[Path, Path | None]] = []
    try:
        for number, (written, target) in enumerate(moves):
            old = beside / f"old-{number}" if target.exists() else None
            done.append((target, old))
            if old is not None:
                target.replace(old)
            written.replace(target)
    except BaseException:
        for target, old in reversed(done):
            if old is None:
                target.unlink(missing_ok=True)
            elif old.exists():
                old.replace(target)
        raise


@dataclass(frozen=True, slots=True, kw_only=True)
class _Study:
    """What is written: the patients, their data sets as reading gives them, and how synthetic rows were made."""

    patients: Patients
    frames: Frames
    kind: str | None

    def write(self, folder: Path, form: str) -> list[Path]:
        """The data sets in one format, and their README, which holds their digests."""
        paths = {dataset: folder / f"{dataset}.{form}" for dataset in self.frames}
        for dataset, path in paths.items():
            try:
                self._write(dataset, path)
            except OSError:
                raise
            except Exception as error:  # the exceptions of the two writers have no base in common but Exception
                raise DataError(
                    f"the data set cannot be written ({error})", file=path.name, remedy="Choose another folder."
                ) from None
        about = folder / "README.txt"
        about.write_text("\n".join([*self._head(), *self._tail(paths, form)]) + "\n", encoding="utf-8", newline="\n")
        return [*paths.values(), about]

    def _write(self, dataset: str, path: Path) -> None:
        frame = self.frames[dataset]
        if path.suffix == ".csv":
            frame.write_csv(path)
        elif path.suffix == ".parquet":
            frame.write_parquet(path)
        else:
            import pyreadstat

            pyreadstat.write_xport(
                frame,
                str(path),
                file_label=self._label(dataset),
                column_labels=[label_of(column)[:_LABEL] for column in frame.columns],
                table_name=dataset.upper(),
                file_format_version=5,
                variable_format={c: "DATE9." for c, dtype in frame.schema.items() if dtype == pl.Date},
            )

    def _label(self, dataset: str) -> str:
        """SYNTHETIC first, then DUMMY, then what the data set is, as far as 40 characters go."""
        marks = [f"SYNTHETIC ({self.kind.upper()})"] if self.kind else []
        if self.patients.origin == "dummy":
            marks.append("DUMMY LABELS")
        return " ".join([*marks, DATASET_LABELS.get(dataset, "Measurements")])[:_LABEL].rstrip()

    def _head(self) -> list[str]:
        """What these files are, and what they may be used for."""
        dummy = self.patients.origin == "dummy"
        marks = [*(["synthetic"] if self.kind else []), *(["dummy"] if dummy else [])] or ["observed"]
        studies = [frame["STUDYID"] for frame in self.frames.values() if "STUDYID" in frame.columns]
        named = pl.concat(studies).drop_nulls().unique(maintain_order=True).to_list() if studies else []
        made = f" labels on {self.kind} rows" if self.kind and dummy else ""
        lines = [_FIRST[mark] for mark in marks]
        lines += ["", f"Study: {', '.join(named) or 'not named in the files'}"]
        lines += [f"Origin: {self.patients.origin}{made}"]
        if self.patients.notes:
            lines += ["", "Notes:", *(f"- {note}" for note in self.patients.notes)]
        return [*lines, "", *(_PURPOSE[mark] for mark in marks)]

    def _tail(self, paths: Mapping[str, Path], form: str) -> list[str]:
        """What is lost in this format, and what proves that the files are unchanged."""
        lost = _read_otherwise(self.frames, self.patients) if form == "csv" else []
        lines = ["", "Read otherwise from CSV than from the other formats:", *(f"- {w}" for w in lost)] if lost else []
        lines += ["", "Files:"]
        for dataset, path in paths.items():
            height = self.frames[dataset].height
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            lines.append(f"{path.name}  {height} row{'' if height == 1 else 's'}  SHA-256 {digest}")
        return lines


def _read_otherwise(frames: Frames, patients: Patients) -> list[str]:
    """Columns whose type is lost in CSV, which holds nothing but text."""
    found = []
    for dataset, frame in frames.items():
        typing = Typing(dataset=dataset, file=dataset, names=patients.names, dates=frozenset())
        for column in frame.iter_columns():
            where = f"{dataset.upper()}.{column.name}"
            if typing.is_text(column.name) or typing.is_date(column.name) or column.null_count() == len(column):
                continue
            if column.dtype == pl.String and as_number(column) is not None:
                found.append(f"{where} (text that reads as numbers)")
            if column.dtype == pl.Date:
                found.append(f"{where} (dates that read as text unless the protocol names the column)")
    return found
