"""Patients: the data sets of one trial, typed, with where they came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from types import MappingProxyType

import polars as pl

from ..errors import DataError
from ..protocol import DataNames
from ..results import Origin
from .data_cut import Frames, as_date, cut_frames, free_code
from .dummy import shuffled_arms, with_arms

_CUT_NOTE, _DUMMY_NOTE = "Data cut ", "DUMMY"
_EXPOSURE_NOTE = (
    f"{_CUT_NOTE}of ADEX: a treatment that is not known to have ended by then keeps no number, since its planned "
    "and given totals are not recomputed"
)


def rows_where(frame: pl.DataFrame, mask: pl.Series) -> pl.DataFrame:
    """``frame.filter`` column by column: for a few hundred rows the query engine takes five times as long."""
    first, *others = [column.filter(mask) for column in frame.get_columns()]
    return first.to_frame().hstack(others)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Patients:
    """ADTTE, and ADSL, ADAE, ADEX (exposure) and ``measurements`` on visits where there are any, of one origin.

    ``files`` and ``digests`` map a data set to its file name and SHA-256 (of the content, for a frame).
    ``names`` are the protocol's ``[data]`` names in upper case, as the columns are. ``cut_code`` is the
    CNSR code that the data cut gave.
    """

    adtte: pl.DataFrame
    adsl: pl.DataFrame | None = None
    adae: pl.DataFrame | None = None
    adex: pl.DataFrame | None = None
    measurements: pl.DataFrame | None = None
    files: Mapping[str, str]
    digests: Mapping[str, str]
    origin: Origin
    cutoff: date | None = None
    cut_code: int | None = None
    notes: tuple[str, ...] = ()
    names: DataNames
    prepared: dict[str, pl.DataFrame] = field(
        default_factory=dict, init=False, repr=False
    )  # rows by endpoint, once each

    def __post_init__(self) -> None:
        object.__setattr__(self, "files", MappingProxyType(dict(self.files)))
        object.__setattr__(self, "digests", MappingProxyType(dict(self.digests)))

    def __str__(self) -> str:
        counts = self.adtte.group_by(self.names.parameter, maintain_order=True).len()
        records = ", ".join(f"{name}: {count} records" for name, count in counts.iter_rows())
        patients = self.adtte[self.names.subject].n_unique()
        cut = f", cut on {self.cutoff}" if self.cutoff else ""
        origin = "DUMMY" if self.origin == "dummy" else self.origin
        return f"{patients} patients in ADTTE ({records}){cut}, origin {origin}"

    def cut(self, cutoff: str | date) -> Patients:
        """The patients as a data monitoring committee would have seen them on ``cutoff``.

        What happened on the day itself is in. Patients who entered later are gone; a record that goes on
        is censored at the cut, with a CNSR code that the file does not use (one more than its highest)
        and AVAL counted as the file counts; adverse events, treatments and measurements that come later are gone, and
        dates after the cut are null, as are the numbers of a treatment (doses, duration) that is not known
        to have ended by then. Cutting again at a later date changes nothing.
        """
        day = as_date(cutoff)
        code = free_code(self.adtte, self.names) if self.cut_code is None else self.cut_code
        frames = Frames(
            adtte=self.adtte, adsl=self.adsl, adae=self.adae, adex=self.adex, measurements=self.measurements,
            file=self.file_of("adtte"),
        )  # fmt: skip
        known = day if self.cutoff is None else min(day, self.cutoff)
        after = cut_frames(frames, self.names, known, code)
        if after.adtte.is_empty():
            raise DataError(
                f"nobody had entered by the data cut {known}",
                file=self.file_of("adtte"),
                column=self.names.start_date,
                remedy=f"The first patient entered on {self.adtte[self.names.start_date].min()!s}.",
            )
        note = (
            f"{_CUT_NOTE}{known}: records that go on after it are censored there "
            f"({self.names.censoring} = {code}), since ADTTE does not hold the last assessment before it"
        )
        notes = [note] if after.adex is None else [note, _EXPOSURE_NOTE]
        return replace(
            self,
            adtte=after.adtte,
            adsl=after.adsl,
            adae=after.adae,
            adex=after.adex,
            measurements=after.measurements,
            cutoff=known,
            cut_code=code,
            notes=(*(n for n in self.notes if not n.startswith(_CUT_NOTE)), *notes),
        )

    def with_dummy_labels(self, seed: int) -> Patients:
        """The same patients with their arm labels permuted, for a dry run before unblinding.

        One permutation for all data sets; columns that are one to one with the arm follow it, other
        columns that tell a treatment (TRT01A, TRTA, ARM, ...) are dropped. So is ADEX: what was given, how
        often and in how many records tells the arm, whatever label stands beside it. The origin becomes "dummy".
        """
        present = {name: frame for name, frame in self.frames().items() if name != "adex"}
        shuffled = shuffled_arms(present, self.names, seed)
        dropped: list[str] = []
        relabeled: dict[str, pl.DataFrame] = {}
        for name, frame in present.items():
            relabeled[name], gone = with_arms(frame, shuffled, self.names)
            dropped += [f"{name.upper()}.{column}" for column in gone]
        notes = [
            *(n for n in self.notes if not n.startswith(_DUMMY_NOTE)),
            f"{_DUMMY_NOTE}: arm labels were permuted over patients (seed {seed}); no number here compares treatments",
        ]
        if self.adex is not None:
            notes.append(f"{_DUMMY_NOTE}: ADEX was dropped because what was given tells the arm")
        if dropped:
            notes.append(f"{_DUMMY_NOTE}: columns dropped because they tell the arm: {', '.join(dropped)}")
        return replace(
            self,
            adtte=relabeled["adtte"],
            adsl=relabeled.get("adsl"),
            adae=relabeled.get("adae"),
            adex=None,
            measurements=relabeled.get(self.names.measurements or ""),
            files={name: file for name, file in self.files.items() if name in present},
            digests={name: digest for name, digest in self.digests.items() if name in present},
            origin="dummy",
            notes=tuple(notes),
        )

    def frames(self) -> dict[str, pl.DataFrame]:
        """The data sets that there are, by their names in lower case."""
        frames = {"adsl": self.adsl, "adtte": self.adtte, "adae": self.adae, "adex": self.adex}
        frames[self.names.measurements or ""] = self.measurements
        return {name: frame for name, frame in frames.items() if frame is not None}

    def endpoint_rows(self, parameter: str) -> pl.DataFrame:
        """ADTTE's records of one PARAMCD, with the columns of ADSL that ADTTE lacks.

        Where both have a column ADTTE's own stands (rule TTE-14 says whether they agree).
        """
        if parameter not in self.prepared:
            self.prepared[parameter] = self._endpoint_rows(parameter)
        return self.prepared[parameter]

    def _endpoint_rows(self, parameter: str) -> pl.DataFrame:
        names = self.names
        rows = rows_where(self.adtte, self.adtte[names.parameter] == parameter)
        if rows.height == 0:
            held = self.adtte[names.parameter].drop_nulls().unique(maintain_order=True).to_list()
            raise DataError(
                f"there is no record with {names.parameter} {parameter!r}",
                file=self.file_of("adtte"),
                column=names.parameter,
                remedy=f"Set the endpoint's parameter in the protocol; the file holds: {', '.join(held)}.",
            )
        if self.adsl is None:
            return rows
        if self.adsl[names.subject].n_unique() < self.adsl.height:
            twice = self.adsl.filter(self.adsl[names.subject].is_duplicated())
            raise DataError(
                "ADSL holds more than one record of a subject",
                file=self.file_of("adsl"),
                column=names.subject,
                subjects=twice[names.subject].unique(maintain_order=True).to_list(),
                remedy="Keep one record a subject.",
            )
        own = set(rows.columns)
        wanted = [names.subject, *(c for c in self.adsl.columns if c not in own)]
        if rows[names.subject].equals(self.adsl[names.subject], null_equal=False):
            return rows.hstack([self.adsl[name] for name in wanted[1:]])
        return rows.join(self.adsl[wanted], on=names.subject, how="left", maintain_order="left")

    def file_of(self, dataset: str) -> str:
        """The file of a data set as an error names it."""
        file = self.files.get(dataset, "")
        return file if file and not file.startswith("<") else f"{dataset.upper()} frame"
