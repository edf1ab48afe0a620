"""Where rows come from, as the rows themselves say it, so that no file can pass for another kind.

``SYNTHFL`` = Y marks a row behind which there is no patient, ``SYNTYPE`` says how it was made, ``DUMMYFL``
= Y that the arm labels were permuted. Origins never mix: of one study all rows are marked, or none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import polars as pl

from ..errors import DataError
from ..results import Origin

SYNTHETIC, KIND, DUMMY = "SYNTHFL", "SYNTYPE", "DUMMYFL"
PREFIX = "SYN"
_KINDS: Mapping[str, Literal["reconstructed", "simulated"]] = {
    "RECONSTRUCTED": "reconstructed",
    "SIMULATED": "simulated",
}
_DUMMY_NOTE = "DUMMY: arm labels were permuted before these files were written; no number here compares treatments"

Frames = Mapping[str, pl.DataFrame]


def origin_of(
    frames: Frames, files: Mapping[str, str], subject: str, *, stated: Origin, asked: Origin | None
) -> tuple[Origin, tuple[str, ...]]:
    """The origin of typed data sets, and notes on it: what the rows say stands above what the protocol states.

    ``subject`` is the column of subjects, ``files`` what to call each data set, ``asked`` an origin that the
    caller insists on. Raises ``DataError`` where origins are mixed, or ``asked`` contradicts the rows.

    >>> rows = pl.DataFrame({"USUBJID": ["SYN-1"], "SYNTHFL": ["Y"], "SYNTYPE": ["Reconstructed"]})
    >>> origin_of({"adtte": rows}, {}, "USUBJID", stated="reconstructed", asked=None)
    ('reconstructed', ())
    """
    kind = synthetic_kind(frames, files, subject)
    found: Origin | None = "dummy" if has_dummy_labels(frames, files, subject) else kind
    if found is None:
        return _unmarked(frames, files, subject, stated if asked is None else asked, insisted=asked is not None)
    if asked is not None and asked not in (found, "dummy"):
        raise DataError(
            f"the rows say that their origin is {found}, not {asked}",
            file=files.get("adtte", ""),
            column=DUMMY if found == "dummy" else SYNTHETIC,
            remedy="Leave origin out: it is read from the files.",
        )
    if found == "dummy":
        return found, (_DUMMY_NOTE,)
    if asked is None and found != stated:
        note = f"origin {found}, as {SYNTHETIC} and {KIND} say in the files; [data] origin of the protocol is {stated}"
        return found, (note,)
    return asked or found, ()


def _unmarked(
    frames: Frames, files: Mapping[str, str], subject: str, origin: Origin, *, insisted: bool
) -> tuple[Origin, tuple[str, ...]]:
    """The origin of rows without a mark. Those that are named as synthetic rows are do not pass for patients."""
    flagged = any(SYNTHETIC in frame.columns for frame in frames.values())
    if origin != "observed" or flagged or not _named_synthetic(frames, subject):
        return origin, ()
    if insisted:
        raise DataError(
            f"every STUDYID and {subject} begins with {PREFIX}, as those of synthetic data do, and no {SYNTHETIC} "
            "says that these are patients",
            file=files.get("adtte", ""),
            column="STUDYID",
            remedy=f"If they are patients, add the column {SYNTHETIC} with N; if not, leave origin out.",
        )
    return "simulated", (
        f"origin simulated, not observed: every STUDYID and {subject} begins with {PREFIX}, as those of synthetic data "
        f"do; if these are patients, add the column {SYNTHETIC} with N",
    )


def _named_synthetic(frames: Frames, subject: str) -> bool:
    studies = [frame["STUDYID"] for frame in frames.values() if "STUDYID" in frame.columns]
    named = [*studies, *(frame[subject] for frame in frames.values())]
    return bool(studies) and all(c.cast(pl.String).str.starts_with(PREFIX).fill_null(False).all() for c in named)


def synthetic_kind(
    frames: Frames, files: Mapping[str, str], subject: str
) -> Literal["reconstructed", "simulated"] | None:
    """How the rows were made, or None if they are not synthetic; rows without SYNTYPE count as simulated.

    >>> synthetic_kind({"adtte": pl.DataFrame({"USUBJID": ["SYN-1"], "SYNTHFL": ["Y"]})}, {}, "USUBJID")
    'simulated'
    """
    if not _all_or_none(frames, files, subject, SYNTHETIC):
        return None
    kinds = _said(frames, subject, KIND).drop_nulls("value")
    unknown = kinds.filter(~pl.col("value").is_in(list(_KINDS)))
    if unknown.height:
        raise DataError(
            f"{KIND} {unknown['value'][0]!r} is unknown",
            file=files.get(unknown["dataset"][0], ""),
            column=KIND,
            subjects=unknown["subject"].unique(maintain_order=True).to_list(),
            remedy=f"Write {' or '.join(_KINDS)}.",
        )
    _refuse_two(kinds, files, KIND, "reconstructed rows stand beside simulated ones")
    return _KINDS[kinds["value"][0]] if kinds.height else "simulated"


def has_dummy_labels(frames: Frames, files: Mapping[str, str], subject: str) -> bool:
    """Whether the rows say that their arm labels were permuted.

    >>> has_dummy_labels({"adtte": pl.DataFrame({"USUBJID": ["1"], "DUMMYFL": ["Y"]})}, {}, "USUBJID")
    True
    """
    return _all_or_none(frames, files, subject, DUMMY)


def require_marks(frames: Frames, files: Mapping[str, str], subject: str, origin: Origin) -> None:
    """Refuse rows whose marks do not say, or contradict, the origin that their patients have.

    >>> require_marks({"adtte": pl.DataFrame({"USUBJID": ["1"]})}, {}, "USUBJID", "observed")
    >>> require_marks({"adtte": pl.DataFrame({"USUBJID": ["1"]})}, {"adtte": "ADTTE"}, "USUBJID", "simulated")
    Traceback (most recent call last):
    equipoise.errors.DataError: the origin is simulated, and the column that says so is missing
    (ADTTE, column STUDYID). Every data set needs STUDYID, USUBJID, SYNTHFL and SYNTYPE.
    """
    kind = synthetic_kind(frames, files, subject)
    dummy = has_dummy_labels(frames, files, subject)
    if (origin == "observed" and kind is not None) or (dummy and origin != "dummy"):
        raise DataError(
            f"the rows say that their origin is {'dummy' if dummy else kind}, not {origin}",
            file=files.get("adtte", ""),
            column=DUMMY if dummy else SYNTHETIC,
            remedy="Give the patients the origin that their rows have.",
        )
    expected = kind if origin == "dummy" else origin
    if expected is None or expected == "observed":
        _unmarked(frames, files, subject, origin, insisted=True)
        return
    named = pl.col("value").str.starts_with(PREFIX)
    wanted = dict.fromkeys(("STUDYID", "USUBJID", subject), (named, f"does not begin with {PREFIX}"))
    wanted[SYNTHETIC] = (pl.col("value") == "Y", "is not Y")
    wanted[KIND] = (pl.col("value") == expected.upper(), f"is not {expected.upper()}")
    for dataset, frame in frames.items():
        for column, (good, what) in wanted.items():
            _require(frame, files.get(dataset, ""), subject, column, good, what, expected)


def _require(frame: pl.DataFrame, file: str, subject: str, column: str, good: pl.Expr, what: str, origin: str) -> None:
    if column not in frame.columns:
        raise DataError(
            f"the origin is {origin}, and the column that says so is missing",
            file=file,
            column=column,
            remedy=f"Every data set needs STUDYID, USUBJID, {SYNTHETIC} and {KIND}.",
        )
    rows = frame.select(pl.col(subject).alias("subject"), pl.col(column).cast(pl.String).alias("value"))
    bad = rows.filter(~good.fill_null(False))
    if bad.height:
        raise DataError(
            f"the origin is {origin}, but {column} {what} in {bad.height} row{'' if bad.height == 1 else 's'}",
            file=file,
            column=column,
            subjects=bad["subject"].unique(maintain_order=True).to_list(),
            remedy=f"Mark every row; patients do not stand beside {origin} ones.",
        )


def _said(frames: Frames, subject: str, column: str) -> pl.DataFrame:
    """Data set, subject and what the column says in upper case, for every row; null where it says nothing."""
    parts = []
    for dataset, frame in frames.items():
        said = pl.col(column).cast(pl.String) if column in frame.columns else pl.lit(None, dtype=pl.String)
        parts.append(
            frame.select(
                pl.lit(dataset).alias("dataset"),
                pl.col(subject).cast(pl.String).alias("subject"),
                said.str.strip_chars().str.to_uppercase().alias("value"),
            )
        )
    said_by_all = pl.concat(parts)
    return said_by_all.with_columns(pl.when(pl.col("value") != "").then(pl.col("value")))


def _all_or_none(frames: Frames, files: Mapping[str, str], subject: str, flag: str) -> bool:
    """Whether all rows have the flag; refuses some."""
    marked = pl.when(pl.col("value") == "Y").then(pl.lit("Y")).otherwise(pl.lit("")).alias("value")
    rows = _said(frames, subject, flag).with_columns(marked)
    _refuse_two(rows, files, flag, f"rows with {flag} = Y stand beside rows without")
    return bool(rows.height) and rows["value"][0] == "Y"


def _refuse_two(rows: pl.DataFrame, files: Mapping[str, str], column: str, what: str) -> None:
    """One value throughout; of two, the subjects with the rarer one are named."""
    if rows["value"].n_unique() < 2:
        return
    counts = rows.group_by("value").agg(pl.col("subject").n_unique()).sort("subject", "value")
    fewer = rows.filter(pl.col("value") == counts["value"][0])
    held = counts["value"][0] or "no Y"
    subjects = fewer["subject"].unique(maintain_order=True).to_list()
    raise DataError(
        f"origins never mix, and {what}; {held} in {len(subjects)} subject{'' if len(subjects) == 1 else 's'}",
        file=files.get(fewer["dataset"][0], ""),
        column=column,
        subjects=subjects,
        remedy="Keep each origin in a study of its own, or complete the column.",
    )
