"""write_adam: what is written reads back the same from every format, says what it is, and is whole or not there."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pyreadstat
import pytest
from polars.testing import assert_frame_equal
from tests.unit import small_trial
from tests.unit.small_trial import change, protocol
from tests.unit.synthetic_trial import adae, adex, adsl, adtte, frames, patients

from equipoise.data import check, write_adam
from equipoise.data.adam import read_adam
from equipoise.data.adam_writer import FORMATS
from equipoise.data.patients import Patients
from equipoise.errors import DataError


def made(folder: Path, kind: str = "RECONSTRUCTED", **changed: Any) -> Patients:
    """As a reconstruction makes them: frames that nothing has typed yet."""
    read = patients(folder, kind)
    return replace(read, **{**frames(kind), **changed}, notes=("seed 7", "model: published medians"))


def same(one: Patients, other: Patients) -> None:
    assert one.frames().keys() == other.frames().keys()
    for name, frame in one.frames().items():
        assert_frame_equal(frame, other.frames()[name])


def everything(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else b"" for p in sorted(folder.rglob("*"))}


@pytest.mark.parametrize("kind", ["RECONSTRUCTED", "SIMULATED"])
def test_all_formats_read_back_the_same(tmp_path: Path, kind: str) -> None:
    given = replace(made(tmp_path, kind), origin=kind.lower())  # type: ignore[arg-type]
    files = write_adam(given, tmp_path / "out")
    assert [p.relative_to(tmp_path / "out").as_posix() for p in files] == [
        f"{form}/{file}"
        for form in FORMATS
        for file in (f"adsl.{form}", f"adtte.{form}", f"adae.{form}", f"adex.{form}", "README.txt")
    ]
    assert all(p.is_file() for p in files)
    assert [p.name for p in sorted((tmp_path / "out").iterdir())] == ["csv", "parquet", "xpt"]
    for form in FORMATS:
        read = read_adam(tmp_path / "out" / form, protocol(tmp_path))
        same(read, patients(tmp_path, kind))
        assert read.origin == given.origin
        assert read.adsl is not None
        assert read.adae is not None
        assert read.adex is not None
        assert read.adae["AETOXGR"].to_list() == ["3", "1", None, "5"]
        assert read.adae["NYHACLS"].to_list() == [None, None, None, "IV"]
        assert read.adae.schema["ASTDY"] == read.adex.schema["NDOSEG"] == read.adtte.schema["CNSR"] == pl.Int64
        assert read.adsl["REGION1"].to_list() == adsl()["REGION1"].to_list()
        assert read.adsl["WEIGHTBL"].to_list() == [60.5, 71.0, None, 66.25, 80.1, 55.55]
        assert {c for c, d in read.adsl.schema.items() if d == pl.Date} == {
            "RANDDT", "TRTSDT", "TRTEDT", "DTHDT", "LSTALVDT", "DCUTDT", "XODT",
        }  # fmt: skip
        assert (
            read.digests["adex"] == hashlib.sha256((tmp_path / "out" / form / f"adex.{form}").read_bytes()).hexdigest()
        )
        write_adam(read, tmp_path / "again", (form,))
        same(read_adam(tmp_path / "again" / form, protocol(tmp_path)), read)


def test_data_sets_without_rows_or_not_there(tmp_path: Path) -> None:
    none = made(tmp_path, adae=adae().clear(), adex=None, adsl=None)
    write_adam(none, tmp_path / "out")
    for form in FORMATS:
        read = read_adam(tmp_path / "out" / form, protocol(tmp_path))
        assert read.adsl is read.adex is None
        assert read.adae is not None
        assert (read.adae.height, read.adae.columns) == (0, adae().columns)
        assert read.adae.schema["ASTDT"] == pl.Date


def test_observed_patients_read_back_the_same(tmp_path: Path) -> None:
    given = small_trial.patients(tmp_path)
    for form in FORMATS:
        write_adam(given, tmp_path / "out", [form])
        same(read_adam(tmp_path / "out" / form, protocol(tmp_path)), given)
        about = (tmp_path / "out" / form / "README.txt").read_text()
        assert about.startswith("Observed data: every subject is a patient\n\nStudy: not named in the files\n")
        assert "SYNTHETIC" not in about
        assert ("ADSL.SWITCH (dates that read as text unless the protocol names the column)" in about) == (
            form == "csv"
        )
    _, meta = pyreadstat.read_xport(str(tmp_path / "out" / "xpt" / "adsl.xpt"))
    assert meta.file_label == "Subject-Level"


def test_whole_days_and_sas_dates(tmp_path: Path) -> None:
    write_adam(made(tmp_path, adtte=adtte().with_columns(pl.col("AVAL").cast(pl.Float64))), tmp_path / "out")
    assert (
        "SYN-SMALL-01,Y,RECONSTRUCTED,A,PFS,Progression-free survival (days),32,0,Event,,2020-01-01,2020-02-01"
        in ((tmp_path / "out" / "csv" / "adtte.csv").read_text().splitlines()[1])
    )
    raw, meta = pyreadstat.read_xport(
        str(tmp_path / "out" / "xpt" / "adsl.xpt"), output_format="polars", disable_datetime_conversion=True
    )
    assert meta.original_variable_types["RANDDT"] == "DATE9"
    assert raw["RANDDT"][0] == (date(2020, 1, 1) - date(1960, 1, 1)).days


def test_labels_in_transport_files(tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas")
    write_adam(made(tmp_path), tmp_path / "out", ["xpt"])
    held = {}
    for name, frame in frames().items():
        path = str(tmp_path / "out" / "xpt" / f"{name}.xpt")
        _, meta = pyreadstat.read_xport(path)
        assert meta.table_name == name.upper()
        assert (Path(path).read_bytes()).startswith(b"HEADER RECORD*******LIBRARY HEADER RECORD")
        held[name] = meta.file_label
        labels = meta.column_names_to_labels
        assert list(labels) == frame.columns
        assert all(label and len(label) <= 40 for label in labels.values())
        assert labels["STUDYID"] == "Study Identifier"
        by_pandas = pd.read_sas(path, format="xport", encoding="utf-8")
        assert list(by_pandas.columns) == frame.columns
        assert by_pandas["USUBJID"].tolist() == frame["USUBJID"].to_list()
        assert set(by_pandas["SYNTYPE"]) == {"RECONSTRUCTED"}
        if name == "adsl":
            assert labels["RANDDT"] == "Date of Randomization"
            assert labels["VISCERAL"] == "VISCERAL"
            assert by_pandas["WEIGHTBL"].tolist()[-1] == 55.55
    assert held == {
        "adsl": "SYNTHETIC (RECONSTRUCTED) Subject-Level",
        "adtte": "SYNTHETIC (RECONSTRUCTED) Time-to-Event",
        "adae": "SYNTHETIC (RECONSTRUCTED) Adverse Events",
        "adex": "SYNTHETIC (RECONSTRUCTED) Exposure",
    }


def test_the_readme_says_what_the_files_are(tmp_path: Path) -> None:
    write_adam(made(tmp_path), tmp_path / "out")
    for form in FORMATS:
        text = (tmp_path / "out" / form / "README.txt").read_text()
        lines = text.splitlines()
        assert lines[0] == "SYNTHETIC DATA: no row is a patient"
        assert lines[2:8] == [
            "Study: SYN-SMALL", "Origin: reconstructed", "", "Notes:", "- seed 7", "- model: published medians",
        ]  # fmt: skip
        for use in ("software checks, teaching, rehearsal", "meta-analysis as individual patient data", "regulatory"):
            assert use in text
        rows = {"adsl": 6, "adtte": 12, "adae": 4, "adex": 7}
        for name, count in rows.items():
            digest = hashlib.sha256((tmp_path / "out" / form / f"{name}.{form}").read_bytes()).hexdigest()
            assert f"{name}.{form}  {count} rows  SHA-256 {digest}" in lines


def test_the_readme_warns_of_text_that_csv_reads_as_numbers(tmp_path: Path) -> None:
    given = made(tmp_path, adsl=adsl().with_columns(ECOG=pl.Series(["0", "1", "0", "1", "2", "0"])))
    write_adam(given, tmp_path / "out")
    said = "- ADSL.ECOG (text that reads as numbers)"
    assert said in (tmp_path / "out" / "csv" / "README.txt").read_text()
    assert said not in (tmp_path / "out" / "xpt" / "README.txt").read_text()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"adsl": adsl().drop("STUDYID")}, r"says so is missing \(ADSL, column STUDYID\)"),
        ({"adae": adae().drop("SYNTYPE")}, r"says so is missing \(ADAE, column SYNTYPE\)"),
        (
            {"adex": adex().drop("SYNTHFL")},
            r"never mix, .*\(ADEX, column SYNTHFL, subjects SYN-SMALL-01, .* 1 more",
        ),
        ({"adsl": change(adsl(), "STUDYID", 2, "SMALL")}, r"begin with SYN in 1 row .*ADSL, .*STUDYID, .*-03\)"),
        (
            {"adtte": change(adtte(), "USUBJID", 3, "04")},
            r"begin with SYN in 1 row .*ADTTE, .*USUBJID, subject 04",
        ),
        (
            {"adsl": change(adsl(), "SYNTHFL", 1, None)},
            r"no Y in 1 subject \(ADSL, .*SYNTHFL, subject SYN-SMALL-02",
        ),
        (
            {"adae": change(adae(), "SYNTHFL", 3, "N")},
            r"no Y in 1 subject \(ADAE, .*SYNTHFL, subject SYN-SMALL-06",
        ),
        ({"adae": change(adae(), "SYNTYPE", 3, "SIMULATED")}, r"SIMULATED in 1 subject \(ADAE, .*SYNTYPE, .*06\)"),
        ({"adae": change(adae(), "SYNTYPE", 3, None)}, r"SYNTYPE is not RECONSTRUCTED in 1 row \(ADAE, .*06\)"),
        ({"adae": change(adae(), "SYNTYPE", 3, "MADE UP")}, r"SYNTYPE 'MADE UP' is unknown \(ADAE, .*06\)"),
        ({"origin": "simulated"}, r"SYNTYPE is not SIMULATED in 6 rows \(ADSL, column SYNTYPE, .* 1 more\)"),
        ({"origin": "observed"}, r"their origin is reconstructed, not observed"),
    ],
)
def test_rows_that_do_not_say_what_they_are(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        write_adam(made(tmp_path, **changed), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_simulated_patients_without_marks_are_refused(tmp_path: Path) -> None:
    given = replace(small_trial.patients(tmp_path), origin="simulated")
    with pytest.raises(DataError, match="origin is simulated, and the column that says so is missing"):
        write_adam(given, tmp_path / "out")


def test_patients_that_would_read_as_simulated_are_refused(tmp_path: Path) -> None:
    given = patients(tmp_path)
    bare = {name: frame.drop("SYNTHFL", "SYNTYPE") for name, frame in given.frames().items()}
    with pytest.raises(DataError, match=r"add the column SYNTHFL with N"):
        write_adam(replace(given, origin="observed", **bare), tmp_path / "out")
    flagged = {name: frame.with_columns(SYNTHFL=pl.lit("N")) for name, frame in bare.items()}
    write_adam(replace(given, origin="observed", **flagged), tmp_path / "out")
    assert read_adam(tmp_path / "out" / "csv", protocol(tmp_path)).origin == "observed"


def test_the_rules_find_nothing_in_the_synthetic_trial(tmp_path: Path) -> None:
    assert {f.severity for f in check(patients(tmp_path), protocol(tmp_path))} <= {"not applicable"}


@pytest.mark.parametrize("synthetic", [False, True])
def test_dummy_labels_are_written_and_read_as_dummies(tmp_path: Path, synthetic: bool) -> None:
    whole = made(tmp_path) if synthetic else small_trial.patients(tmp_path)
    given = whole.with_dummy_labels(3)
    write_adam(given, tmp_path / "out")
    for form in FORMATS:
        read = read_adam(tmp_path / "out" / form, protocol(tmp_path))
        assert read.origin == "dummy"
        assert any(note.startswith("DUMMY: ") for note in read.notes)
        assert set(read.adtte["DUMMYFL"]) == {"Y"}
        assert read.adsl is not None
        assert given.adsl is not None
        assert read.adsl["TRT01P"].to_list() == given.adsl["TRT01P"].to_list()
        with pytest.raises(DataError, match=r"origin is dummy, not observed .*column DUMMYFL"):
            read_adam(tmp_path / "out" / form, protocol(tmp_path), origin="observed")
        first, second = (tmp_path / "out" / form / "README.txt").read_text().splitlines()[:2]
        assert first.startswith("SYNTHETIC DATA" if synthetic else "DUMMY ARM LABELS")
        assert second.startswith("DUMMY ARM LABELS" if synthetic else "")
    _, meta = pyreadstat.read_xport(str(tmp_path / "out" / "xpt" / "adtte.xpt"))
    start = "SYNTHETIC (RECONSTRUCTED) DUMMY LABELS T" if synthetic else "DUMMY LABELS Time-to-Event"
    assert meta.file_label == start
    with pytest.raises(DataError, match="origin is dummy, not observed"):
        write_adam(replace(read, origin="observed"), tmp_path / "observed")


def test_a_cut_keeps_the_marks_and_can_be_written(tmp_path: Path) -> None:
    cut = made(tmp_path).cut("2020-03-01")
    write_adam(cut, tmp_path / "out")
    for form in FORMATS:
        read = read_adam(tmp_path / "out" / form, protocol(tmp_path))
        assert read.origin == "reconstructed"
        assert read.adex is not None
        assert cut.adex is not None
        assert read.adex["NDOSEG"].to_list() == cut.adex["NDOSEG"].to_list()
        assert "- Data cut 2020-03-01: " in (tmp_path / "out" / form / "README.txt").read_text()


@pytest.mark.parametrize(
    ("changed", "formats", "message"),
    [
        ({"adsl": adsl().rename({"VISCERAL": "VISCERALX"})}, ["xpt"], r"at most 8 .*ADSL, column VISCERALX\)"),
        ({"adsl": adsl().with_columns(pl.lit(1).alias("A-B"))}, ["csv", "xpt"], r"capital letters.*column A-B\)"),
        (
            {"adae": change(adae(), "AETERM", 1, "x" * 201)},
            ["xpt"],
            r"more than 200 bytes.*subject SYN-SMALL-01\)",
        ),
        ({"adae": change(adae(), "AETERM", 1, "ü" * 101)}, ["xpt"], r"more than 200 bytes.*ADAE, column AETERM"),
        ({"adex": change(adex(), "NDOSEG", 1, 2**53 + 2)}, ["xpt"], r"more than 53 bits.*column NDOSEG"),
        ({"adex": change(adex(), "CDOSEG", 1, 1.5e80)}, ["xpt"], r"1e75 .*column CDOSEG"),
        ({"adex": change(adex(), "CDOSEG", 1, float("inf"))}, ["csv"], r"infinity \(ADEX, column CDOSEG"),
        ({"adsl": change(adsl(), "REGION1", 1, "NA")}, ["csv"], r"NA reads as missing .*REGION1, subject SYN-SMALL-02"),
        ({"adsl": adsl().with_columns(X=datetime(2020, 1, 1, 9))}, ["parquet"], r"holds Datetime.*column X\)"),
    ],
)
def test_what_a_format_cannot_hold(tmp_path: Path, changed: dict[str, Any], formats: list[str], message: str) -> None:
    given = made(tmp_path, **changed)
    with pytest.raises(DataError, match=message):
        write_adam(given, tmp_path / "out", formats)
    assert not (tmp_path / "out").exists()


def test_what_a_format_can_hold_is_left_to_it(tmp_path: Path) -> None:
    long = made(tmp_path, adae=change(adae(), "AETERM", 1, "ü" * 100))
    write_adam(long, tmp_path / "out", ["xpt"])
    read = read_adam(tmp_path / "out" / "xpt", protocol(tmp_path)).adae
    assert read is not None
    assert read["AETERM"][1] == "ü" * 100
    write_adam(made(tmp_path, adae=change(adae(), "AETERM", 1, "x" * 500)), tmp_path / "out", ["csv", "parquet"])


def test_formats_and_folders_refused(tmp_path: Path) -> None:
    given = made(tmp_path)
    for formats, message in (
        (["sas7bdat"], "no format 'sas7bdat'"),
        (["csv", "csv"], "'csv' is named twice"),
        ("csv", "not a list"),
        ([], "not a list"),
    ):
        with pytest.raises(DataError, match=message):
            write_adam(given, tmp_path / "out", formats)
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(DataError, match="this is a file, not a folder"):
        write_adam(given, file)
    with pytest.raises(DataError, match="cannot be written"):
        write_adam(given, file / "below")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "csv").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        write_adam(given, tmp_path / "out")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["csv"]


def test_no_data_set_of_another_study_stays_beside(tmp_path: Path) -> None:
    write_adam(made(tmp_path), tmp_path / "out", ["csv"])
    before = everything(tmp_path / "out")
    with pytest.raises(DataError, match=r"holds adex.csv, .*Remove it"):
        write_adam(made(tmp_path, adex=None), tmp_path / "out", ["csv"])
    assert everything(tmp_path / "out") == before
    (tmp_path / "two" / "xpt" / "README.txt").mkdir(parents=True)
    with pytest.raises(DataError, match="holds README.txt"):
        write_adam(made(tmp_path), tmp_path / "two")
    (tmp_path / "out" / "csv" / "kept.txt").write_text("mine")
    write_adam(made(tmp_path), tmp_path / "out", ["csv"])
    assert everything(tmp_path / "out") == {**before, "csv/kept.txt": b"mine"}


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RuntimeError("writer"), KeyboardInterrupt()])
@pytest.mark.parametrize("there", [False, True])
def test_a_writer_that_fails_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, there: bool
) -> None:
    out, changed = tmp_path / "deep" / "out", made(tmp_path, adsl=change(adsl(), "SAFFL", 0, "N"))
    if there:
        write_adam(made(tmp_path), out)
    before = everything(tmp_path)
    real, calls = pyreadstat.write_xport, []

    def failing(frame: object, path: str, **settings: Any) -> None:
        calls.append(path)
        if len(calls) == 3:
            Path(path).write_bytes(b"half")
            raise error
        real(frame, path, **settings)

    monkeypatch.setattr(pyreadstat, "write_xport", failing)
    expected = KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else DataError
    with pytest.raises(expected):
        write_adam(changed, out)
    assert len(calls) == 3
    assert everything(tmp_path) == before


@pytest.mark.parametrize("move", [1, 2, 7, 8, 12, 15])
@pytest.mark.parametrize("there", [False, True])
def test_a_move_that_fails_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, move: int, there: bool
) -> None:
    out, changed = tmp_path / "out", made(tmp_path, adsl=change(adsl(), "SAFFL", 0, "N"))
    if there:
        write_adam(made(tmp_path), out)
    before = everything(tmp_path)
    real, calls = Path.replace, []

    def failing(path: Path, target: Path) -> Path:
        calls.append(path)
        if len(calls) == move:
            raise PermissionError(13, "Permission denied")
        return real(path, target)

    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(DataError, match="cannot be written: Permission denied"):
        write_adam(changed, out)
    assert everything(tmp_path) == before
