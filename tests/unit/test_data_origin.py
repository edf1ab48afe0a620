"""What the rows say of where they come from stands above what the protocol says, and origins never mix."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.unit import small_trial
from tests.unit.small_trial import change, protocol
from tests.unit.synthetic_trial import adae, adex, adsl, adtte, frames, patients

from equipoise.data.adam import read_adam
from equipoise.errors import DataError


def every(frame_of: dict[str, pl.DataFrame], **columns: Any) -> dict[str, pl.DataFrame]:
    """All data sets with columns set throughout, or dropped by None."""
    gone = [name for name, value in columns.items() if value is None]
    kept = {name: pl.lit(value) for name, value in columns.items() if value is not None}
    return {name: frame.drop(gone).with_columns(**kept) for name, frame in frame_of.items()}


@pytest.mark.parametrize("stated", ["observed", "simulated", "reconstructed"])
@pytest.mark.parametrize(
    ("columns", "origin"),
    [
        ({}, "reconstructed"),
        ({"SYNTYPE": "Reconstructed "}, "reconstructed"),
        ({"SYNTYPE": "simulated"}, "simulated"),
        ({"SYNTYPE": None}, "simulated"),
        ({"SYNTYPE": ""}, "simulated"),
        ({"SYNTHFL": "y"}, "reconstructed"),
        ({"STUDYID": "TANDEM"}, "reconstructed"),
    ],
)
def test_the_rows_stand_above_the_protocol(tmp_path: Path, stated: str, columns: dict[str, Any], origin: str) -> None:
    read = read_adam(every(frames(), **columns), protocol(tmp_path, f'origin = "{stated}"\n'))
    assert read.origin == origin
    assert any("as SYNTHFL and SYNTYPE say" in note for note in read.notes) == (stated != origin)
    cut, dummy = read.cut("2020-03-01"), read.with_dummy_labels(1)
    assert cut.origin == origin
    for column in {"SYNTHFL", "SYNTYPE"} & set(read.adtte.columns):
        assert cut.adtte[column].to_list() == dummy.adtte[column].to_list() == read.adtte[column].to_list()


def test_an_argument_that_contradicts_the_rows_is_refused(tmp_path: Path) -> None:
    trial = protocol(tmp_path)
    for asked in ("observed", "simulated"):
        with pytest.raises(DataError, match=rf"origin is reconstructed, not {asked} \(ADTTE frame, column SYNTHFL\)"):
            read_adam(frames(), trial, origin=asked)  # type: ignore[arg-type]
    assert read_adam(frames(), trial, origin="reconstructed").notes == ()
    assert read_adam(frames(), trial, origin="dummy").origin == "dummy"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"adsl": change(adsl(), "SYNTHFL", 4, None)}, r"no Y in 1 subject \(ADSL frame, column SYNTHFL, .*SMALL-05\)"),
        ({"adae": adae().drop("SYNTHFL")}, r"no Y in 3 subjects \(ADAE frame, .*-01, SYN-SMALL-02, SYN-SMALL-06\)"),
        ({"adtte": adtte().drop("SYNTHFL")}, r"no Y in 6 subjects \(ADTTE frame, .*-05 and 1 more\)"),
        ({"adex": change(adex(), "SYNTYPE", 3, "SIMULATED")}, r"SIMULATED in 1 subject \(ADEX frame, .*-04\)"),
        ({"adsl": change(adsl(), "SYNTYPE", 3, "COPIED")}, r"'COPIED' is unknown \(ADSL frame, .*-04\)"),
        (
            {"adsl": change(adsl(), "SYNTHFL", 4, "N"), "adtte": change(adtte(), "SYNTHFL", 4, "N")},
            r"no Y in 1 subject .*subject SYN-SMALL-05\)",
        ),
    ],
)
def test_origins_never_mix(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        patients(tmp_path, **changed)


def test_the_smaller_group_is_named_though_it_is_the_synthetic_one(tmp_path: Path) -> None:
    one = small_trial.adtte().with_columns(SYNTHFL=pl.Series(["Y"] + [None] * 5 + ["Y"] + [None] * 5))
    with pytest.raises(DataError, match=r"; Y in 1 subject \(ADTTE frame, column SYNTHFL, subject 01\)"):
        small_trial.patients(tmp_path, adtte=one, adsl=None, adae=None)


def test_names_of_synthetic_data_without_marks(tmp_path: Path) -> None:
    bare = every(frames(), SYNTHFL=None, SYNTYPE=None)
    trial = protocol(tmp_path)
    read = read_adam(bare, trial)
    assert read.origin == "simulated"
    assert "origin simulated, not observed: every STUDYID and USUBJID begins with SYN" in read.notes[0]
    with pytest.raises(DataError, match="add the column SYNTHFL with N"):
        read_adam(bare, trial, origin="observed")
    assert read_adam(bare, trial, origin="reconstructed").origin == "reconstructed"
    assert read_adam(bare, protocol(tmp_path, 'origin = "reconstructed"\n')).origin == "reconstructed"
    patient = {name: change(frame, "USUBJID", 0, "01") for name, frame in bare.items()}
    assert read_adam(patient, trial).origin == "observed"
    flagged = read_adam(every(bare, SYNTHFL="N"), trial, origin="observed")
    assert (flagged.origin, flagged.notes) == ("observed", ())
    assert read_adam(every(bare, STUDYID=None), trial).origin == "observed"


def test_some_dummies_are_refused(tmp_path: Path) -> None:
    some = small_trial.adtte().with_columns(DUMMYFL=pl.Series(["Y"] * 6 + [None] * 6))
    with pytest.raises(DataError, match=r"rows with DUMMYFL = Y stand beside rows without"):
        small_trial.patients(tmp_path, adtte=some, adsl=None, adae=None)


@pytest.mark.parametrize("grade", [["3", "1", "2", "5"], [3, 1, 2, 5], [3.0, 1.0, 2.0, 5.0]])
def test_grades_are_text_from_every_source(tmp_path: Path, grade: list[Any]) -> None:
    frame = small_trial.adae().with_columns(AETOXGR=pl.Series(grade), NYHACLS=pl.Series([None, None, None, 4]))
    frame.write_csv(tmp_path / "adae.csv")
    # In CSV a 3.0 is text already, and stays what it is.
    for source in (frame, tmp_path / "adae.csv") if frame.schema["AETOXGR"] != pl.Float64 else (frame,):
        read = small_trial.patients(tmp_path, adae=source).adae
        assert read is not None
        assert read["AETOXGR"].to_list() == ["3", "1", "2", "5"]
        assert read["NYHACLS"].to_list() == [None, None, None, "4"]
