"""read_adam: every format gives the same patients, and what cannot be read is refused in one sentence."""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from pathlib import Path

import polars as pl
import pyreadstat
import pytest
from polars.testing import assert_frame_equal
from tests.unit.small_trial import adae, adsl, adtte, change, frames, patients, protocol

from equipoise.data.adam import read_adam
from equipoise.data.patients import Patients
from equipoise.data.xpt import _layout
from equipoise.errors import DataError

DATES = ("STARTDT", "ADT", "RANDDT", "TRTSDT", "SWITCH", "DTHDT", "ASTDT", "AENDT")


def write_xpt(frame: pl.DataFrame, path: Path) -> None:
    formats = {c: "DATE9." for c in frame.columns if c in DATES}
    pyreadstat.write_xport(
        frame, str(path), table_name=path.stem[:8].upper(), file_format_version=5, variable_format=formats
    )


def same(one: Patients, other: Patients) -> None:
    for name in ("adtte", "adsl", "adae"):
        assert_frame_equal(getattr(one, name), getattr(other, name))


def test_three_formats_and_frames_give_the_same_patients(tmp_path: Path) -> None:
    trial = protocol(tmp_path)
    expected = patients(tmp_path)
    for kind in ("xpt", "csv", "parquet"):
        folder = tmp_path / kind
        folder.mkdir()
        for name, frame in frames().items():
            path = folder / f"{name}.{kind}"
            if kind == "xpt":
                write_xpt(frame, path)
            elif kind == "csv":
                frame.write_csv(path)
            else:
                frame.write_parquet(path)
        read = read_adam(folder, trial)
        same(read, expected)
        assert read.files["adtte"] == f"adtte.{kind}"
        assert read.digests["adtte"] == hashlib.sha256((folder / f"adtte.{kind}").read_bytes()).hexdigest()


@pytest.mark.parametrize("library", ["pandas", "pyarrow", "lazy"])
def test_frames_of_other_libraries(tmp_path: Path, library: str) -> None:
    if library == "lazy":
        given = {name: frame.lazy() for name, frame in frames().items()}
    else:
        pytest.importorskip("pandas")
        pytest.importorskip("pyarrow")
        convert = "to_pandas" if library == "pandas" else "to_arrow"
        given = {name: getattr(frame, convert)() for name, frame in frames().items()}
    expected, read = patients(tmp_path), read_adam(given, protocol(tmp_path))
    same(read, expected)
    assert read.digests == expected.digests
    assert read.files["adtte"] == "<frame>"


def test_pandas_objects(tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(
        {
            "usubjid": pd.Categorical(["1", "2"]),
            "PARAMCD": ["PFS", "PFS"],
            "AVAL": [1.0, 2.0],
            "CNSR": pd.array([1, 0], dtype="Int64"),
            "ADT": [date(2020, 1, 1), None],
            "NOTE": ["x", float("nan")],
            "SAFFL": [True, False],
        }
    )
    read = read_adam({"adtte": frame}, protocol(tmp_path)).adtte
    assert read.schema["ADT"] == pl.Date
    assert read["NOTE"].to_list() == ["x", None]
    assert read["SAFFL"].to_list() == ["Y", "N"]
    frame["AVAL"] = [1.0, "12x"]
    with pytest.raises(DataError, match=r"'12x'.*column AVAL, subject 2\)"):
        read_adam({"adtte": frame}, protocol(tmp_path))


def test_names_in_either_case(tmp_path: Path) -> None:
    trial = protocol(tmp_path, 'subject = "usubjid"\narm = "trt01p"\n')
    folder = tmp_path / "data"
    folder.mkdir()
    adtte().rename(str.lower).write_csv(folder / "ADTTE_pfs.CSV")
    adsl().rename(str.lower).write_csv(folder / "Adsl.csv")
    (folder / "adsl.json").write_text("{}")
    read = read_adam(folder, trial)
    assert_frame_equal(read.adtte, patients(tmp_path).adtte)
    assert read.files == {"adtte": "ADTTE_pfs.CSV", "adsl": "Adsl.csv"}
    assert read.names.subject == "USUBJID"
    assert read.adae is None


def test_the_protocol_names_the_folder(tmp_path: Path) -> None:
    (tmp_path / "adam").mkdir()
    adtte().write_parquet(tmp_path / "adam" / "adtte.parquet")
    assert read_adam(None, protocol(tmp_path, 'path = "adam"\n')).adtte.height == 12
    with pytest.raises(DataError, match="no data are given"):
        read_adam(None, protocol(tmp_path))


def test_types(tmp_path: Path) -> None:
    read = patients(tmp_path)
    assert read.adtte.schema["AVAL"] == pl.Float64
    assert read.adtte.schema["CNSR"] == pl.Int64
    assert read.adsl is not None
    assert read.adsl.schema["WEIGHTBL"] == pl.Float64
    assert read.adsl.schema["AGE"] == pl.Int64
    assert read.adsl.schema["SWITCH"] == pl.Date


def test_subjects_and_arms_that_are_numbers_become_text(tmp_path: Path) -> None:
    rows = {
        "USUBJID": [1.0, 2.0],
        "PARAMCD": ["PFS", "PFS"],
        "AVAL": ["5", " 6.5"],
        "CNSR": [0, 1],
        "TRT01P": [1.0, 2.0],
    }
    read = read_adam({"adtte": pl.DataFrame(rows)}, protocol(tmp_path)).adtte
    assert read["USUBJID"].to_list() == read["TRT01P"].to_list() == ["1", "2"]
    assert read["AVAL"].to_list() == [5.0, 6.5]


def test_csv_inference_looks_at_every_row_and_keeps_identifiers(tmp_path: Path) -> None:
    rows = ["USUBJID,PARAMCD,AVAL,CNSR,SITEID,AGE,RACE,ZIP,KEY,EMPTY"]
    rows += [f"{i:05d},PFS,{i + 1},0,7,{i},NA,{i:04d},{10**19 + i}," for i in range(3000)]
    rows += ["x1,PFS,05.5,1,008,older,WHITE,0001,1,", ""]
    (tmp_path / "adtte.csv").write_text("\n".join(rows))
    read = read_adam(tmp_path, protocol(tmp_path))
    assert read.adtte["USUBJID"][0] == "00000"
    assert read.adtte["SITEID"][-1] == "008"
    assert read.adtte["AGE"][-1] == "older"
    assert read.adtte["ZIP"][0] == "0000"
    assert read.adtte["KEY"][1] == "10000000000000000001"
    assert read.adtte["AVAL"][-1] == 5.5
    assert read.adtte["RACE"].null_count() == 3000
    assert read.adtte["EMPTY"].null_count() == 3001
    assert read.notes == ("adtte.csv: NA is read as missing in RACE (3000 records)",)


def test_blanks_are_missing(tmp_path: Path) -> None:
    frame = adtte().with_columns(EVNTDESC=pl.lit("  "), ITTFL=pl.lit("Y  "))
    read = patients(tmp_path, adtte=frame).adtte
    assert read["EVNTDESC"].null_count() == 12
    assert set(read["ITTFL"]) == {"Y"}


@pytest.mark.parametrize("name", ["ADT", "RANDDT", "SWITCH"])
@pytest.mark.parametrize("text", ["2020-03", "2020-02-30", "14MAR2020", "2020-03-01T10:00"])
def test_partial_dates_are_refused(tmp_path: Path, name: str, text: str) -> None:
    where = "adtte" if name == "ADT" else "adsl"
    base = (adtte() if name == "ADT" else adsl()).with_columns(pl.col(name).cast(pl.String))
    with pytest.raises(DataError, match=rf"complete date, such as '{text}'.*column {name}, subject 02\)"):
        patients(tmp_path, **{where: change(base, name, 1, text)})


def test_dates_that_are_numbers_or_moments(tmp_path: Path) -> None:
    numbers = adtte().with_columns(ADT=pl.lit(22000))
    with pytest.raises(DataError, match=r"holds numbers where dates are needed .*column ADT"):
        patients(tmp_path, adtte=numbers)
    midnight = adtte().with_columns(pl.col("ADT").cast(pl.Datetime))
    assert_frame_equal(patients(tmp_path, adtte=midnight).adtte, patients(tmp_path).adtte)
    with pytest.raises(DataError, match=r"a time of day .*subject 03\)"):
        patients(tmp_path, adtte=change(midnight, "ADT", 2, datetime(2020, 4, 1, 9)))


def test_text_in_aval(tmp_path: Path) -> None:
    frame = adtte().with_columns(pl.col("AVAL").cast(pl.String))
    change(frame, "AVAL", 3, "12x").write_csv(tmp_path / "adtte.csv")
    with pytest.raises(DataError) as caught:
        read_adam(tmp_path, protocol(tmp_path))
    assert str(caught.value) == (
        "1 of 12 records hold text where a number is needed, such as '12x' "
        "(adtte.csv, column AVAL, subject 04). Write a number, or leave the field empty."
    )


def test_a_record_without_subject(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"1 records name no subject \(ADTTE frame, column USUBJID\)"):
        patients(tmp_path, adtte=change(adtte(), "USUBJID", 3, ""))


def test_a_missing_column_names_a_close_one(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"column AVAL\).*Did you mean AVALL\?"):
        patients(tmp_path, adtte=adtte().rename({"AVAL": "AVALL"}))
    with pytest.raises(DataError, match="occurs twice"):
        patients(tmp_path, adtte=adtte().with_columns(aval=1))


def test_files_that_are_not_there(tmp_path: Path) -> None:
    trial = protocol(tmp_path)
    with pytest.raises(DataError, match="does not exist"):
        read_adam(tmp_path / "nowhere", trial)
    with pytest.raises(DataError, match=r"there is no ADTTE .*the folder holds: small.toml"):
        read_adam(tmp_path, trial)
    with pytest.raises(DataError, match=r"the file does not exist .*holds: small.toml"):
        read_adam({"adtte": tmp_path / "adtte.csv"}, trial)
    with pytest.raises(DataError, match="is a file, not a folder"):
        read_adam(tmp_path / "small.toml", trial)
    with pytest.raises(DataError, match="kind '.toml'"):
        read_adam({"ADTTE": tmp_path / "small.toml"}, trial)
    with pytest.raises(DataError, match="no data set 'adxx'"):
        read_adam({"adtte": adtte(), "adxx": adsl()}, trial)
    with pytest.raises(DataError, match="ADTTE is not given"):
        read_adam({"adsl": adsl()}, trial)
    with pytest.raises(DataError, match="neither a path nor a frame"):
        read_adam({"adtte": 3}, trial)


def test_two_candidates(tmp_path: Path) -> None:
    trial = protocol(tmp_path)
    adtte().write_csv(tmp_path / "adtte_pfs.csv")
    adtte().write_csv(tmp_path / "adtte_os.csv")
    with pytest.raises(DataError, match=r"2 files could be ADTTE: adtte_os.csv, adtte_pfs.csv"):
        read_adam(tmp_path, trial)
    adtte().write_csv(tmp_path / "adtte.csv")
    assert read_adam(tmp_path, trial).files["adtte"] == "adtte.csv"
    adtte().write_parquet(tmp_path / "ADTTE.parquet")
    with pytest.raises(DataError, match=r"ADTTE.parquet, adtte.csv"):
        read_adam(tmp_path, trial)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("USUBJID,PARAMCD,AVAL,CNSR\n1,PFS,5\n", "a row has 3 fields where the header has 4"),
        ("USUBJID,PARAMCD,AVAL,CNSR\n1,PFS,5,0,7\n", "a row has 5 fields"),
        ('USUBJID,PARAMCD,AVAL,CNSR\n1,"PFS,5,0\n', "breaks off"),
        ("USUBJID,AVAL,AVAL\n", "occurs twice"),
        (",USUBJID,AVAL\n", "has no name"),
        ("", "is empty"),
        ("USUBJID,PARAMCD,AVAL,CNSR\n", "holds no record"),
    ],
)
def test_broken_csv(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "adtte.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        read_adam(tmp_path, protocol(tmp_path))


def test_csv_in_another_encoding_and_parquet_cut_short(tmp_path: Path) -> None:
    (tmp_path / "adtte.csv").write_bytes("USUBJID\né".encode("latin-1"))
    with pytest.raises(DataError, match="not UTF-8"):
        read_adam(tmp_path, protocol(tmp_path))
    path = tmp_path / "adtte.parquet"
    adtte().write_parquet(path)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(DataError, match="Parquet file cannot be read"):
        read_adam({"adtte": path}, protocol(tmp_path))


def test_every_cut_of_a_transport_file_is_refused(tmp_path: Path) -> None:
    trial, path = protocol(tmp_path), tmp_path / "adtte.xpt"
    wide = pl.concat([adtte()] * 4).with_columns(
        (pl.col("USUBJID") + pl.int_range(48).cast(pl.String)).alias("USUBJID")
    )
    write_xpt(wide, path)
    raw = path.read_bytes()
    assert read_adam(tmp_path, trial).adtte.height == 48
    observation, start = _layout(raw, "adtte.xpt")
    for length in [40, 200, 500, *range(640, len(raw), 80), len(raw) - 1, len(raw) - 81]:
        path.write_bytes(raw[:length])
        if length > start and (length - start) % observation == 0:
            continue  # between two observations: a shorter file, as far as anybody can tell
        with pytest.raises(DataError, match=r"cut short or damaged|not a SAS transport|holds no record"):
            read_adam(tmp_path, trial)
    path.write_bytes(raw + raw[240:])
    with pytest.raises(DataError, match="more than one data set"):
        read_adam(tmp_path, trial)
    path.write_bytes(b"PK" + raw[2:])
    with pytest.raises(DataError, match="not a SAS transport file"):
        read_adam(tmp_path, trial)
    path.write_bytes(raw.replace(b"LIBRARY", b"LIBV8  ", 1))
    with pytest.raises(DataError, match="version 8"):
        read_adam(tmp_path, trial)


@pytest.mark.parametrize("records", range(1, 14))
def test_short_observations_leave_padding_that_is_no_record(tmp_path: Path, records: int) -> None:
    path = tmp_path / "adae.xpt"
    write_xpt(pl.DataFrame({"USUBJID": [str(i) for i in range(records)]}), path)
    read = read_adam({"adtte": adtte(), "adae": path}, protocol(tmp_path))
    assert read.adae is not None
    assert read.adae.height == records


def test_transport_file_that_is_not_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "adtte.xpt"
    write_xpt(adtte().with_columns(EVNTDESC=pl.lit("é")), path)
    path.write_bytes(path.read_bytes().replace("é".encode(), b"\xe9 "))
    with pytest.raises(DataError, match="not UTF-8"):
        read_adam(tmp_path, protocol(tmp_path))


def test_patients_say_what_they_are(tmp_path: Path) -> None:
    read = patients(tmp_path)
    assert str(read) == "6 patients in ADTTE (PFS: 6 records, OS: 6 records), origin observed"
    with pytest.raises(TypeError):
        read.files["adtte"] = "x"  # type: ignore[index]
    assert adae().height == 4
