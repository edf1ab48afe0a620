"""The data cut, dummy labels and the records of one endpoint."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from tests.unit.small_trial import adae, adex, adsl, adtte, change, patients, protocol

from equipoise.data.patients import Patients
from equipoise.data.rules import check
from equipoise.errors import DataError

DAYS = [date(2020, 1, 1) + timedelta(days=26 * i) for i in range(10)]


def same(one: Patients, other: Patients) -> None:
    assert one.frames().keys() == other.frames().keys()
    for name, frame in one.frames().items():
        assert_frame_equal(frame, other.frames()[name])


def test_a_cut_by_hand(tmp_path: Path) -> None:
    cut = patients(tmp_path).cut("2020-03-01")
    rows = {r["USUBJID"]: r for r in cut.endpoint_rows("PFS").to_dicts()}
    assert (rows["01"]["AVAL"], rows["01"]["CNSR"]) == (32.0, 0)
    assert (rows["02"]["AVAL"], rows["02"]["CNSR"]) == (57.0, 0)  # on the day of the cut: it is in
    assert (rows["03"]["AVAL"], rows["03"]["CNSR"]) == (52.0, 3)  # 10 January to 1 March, both counted
    assert rows["03"]["ADT"] == date(2020, 3, 1)
    assert rows["03"]["EVNTDESC"] == "Censored at the data cut"
    assert (rows["05"]["AVAL"], rows["05"]["CNSR"]) == (22.0, 2)
    assert cut.adsl is not None
    assert cut.adsl["SWITCH"].to_list() == [date(2020, 3, 1)] + [None] * 5
    assert cut.adsl["DTHDT"].null_count() == 6
    assert cut.adsl["DTHFL"].null_count() == 6
    assert cut.adae is not None
    assert cut.adae["AEDECOD"].to_list() == ["Nausea", "Nausea", "Fatigue"]
    assert cut.adae["AENDT"].to_list() == [None, None, date(2020, 2, 2)]
    assert (cut.cutoff, cut.cut_code) == (date(2020, 3, 1), 3)
    assert "cut on 2020-03-01" in str(cut)
    assert check(cut, protocol(tmp_path)) == ()


def test_who_entered_later_is_gone_everywhere(tmp_path: Path) -> None:
    cut = patients(tmp_path).cut(date(2020, 1, 12))
    assert cut.adsl is not None
    assert cut.adsl["USUBJID"].to_list() == ["01", "02", "03"]
    assert set(cut.adtte["USUBJID"]) == {"01", "02", "03"}
    assert cut.adae is not None
    assert set(cut.adae["USUBJID"]) == {"01", "02"}
    alone = patients(tmp_path, adsl=None, adae=None).cut(datetime(2020, 1, 12, 23))
    assert_frame_equal(alone.adtte, cut.adtte)


def test_a_record_that_starts_later_goes_but_its_patient_stays(tmp_path: Path) -> None:
    response = adtte()[:1].with_columns(PARAMCD=pl.lit("DOR"), STARTDT=pl.lit(date(2020, 1, 22)), AVAL=11.0)
    cut = patients(tmp_path, adtte=pl.concat([adtte(), response])).cut("2020-01-12")
    assert "DOR" not in cut.adtte["PARAMCD"].to_list()
    assert "01" in cut.adtte["USUBJID"].to_list()


@pytest.mark.parametrize("day", DAYS)
def test_a_cut_is_idempotent_and_cuts_compose(tmp_path: Path, day: date) -> None:
    whole = patients(tmp_path, adex=adex())
    at_once = whole.cut(day)
    same(at_once.cut(day), at_once)
    for later in DAYS:
        if later >= day:
            twice = whole.cut(later).cut(day)
            same(twice, at_once)
            assert (twice.cutoff, twice.cut_code, twice.notes) == (day, 3, at_once.notes)
            back = at_once.cut(later)
            same(back, at_once)
            assert back.cutoff == day


def test_a_cut_after_all_dates_changes_nothing(tmp_path: Path) -> None:
    whole = patients(tmp_path)
    same(whole.cut("2021-01-01"), whole)


def test_the_files_own_way_of_counting(tmp_path: Path) -> None:
    from_zero = adtte().with_columns(pl.col("AVAL") - 1)
    cut = patients(tmp_path, adtte=from_zero).cut("2020-01-25")
    times = dict(zip(cut.adtte["USUBJID"], cut.adtte["AVAL"], strict=True))
    assert (times["01"], times["06"]) == (24.0, 0.0)
    assert [f for f in check(cut, protocol(tmp_path)) if f.severity == "error"] == []
    months = adtte().with_columns((pl.col("AVAL") / 30.4375).round(2))
    unit = 'time_unit = "months"\n'
    cut = patients(tmp_path, unit, adtte=months).cut("2020-01-25")
    assert cut.adtte["AVAL"][0] == pytest.approx(25 / 30.4375)
    assert check(cut, protocol(tmp_path, unit)) == ()


def test_what_restates_the_old_end_goes(tmp_path: Path) -> None:
    frame = adtte().with_columns(
        SRCDOM=pl.lit("ADRS"), ADY=pl.lit(9), DTHDTC=pl.lit("2020-04"), LASTDTM=pl.lit(datetime(2020, 3, 5, 8))
    )
    cut = patients(tmp_path, adtte=frame).cut("2020-03-01").adtte
    after = pl.Series([end > date(2020, 3, 1) for end in frame["ADT"]])
    for column in ("SRCDOM", "ADY"):
        assert cut.filter(after)[column].null_count() == after.sum()
        assert cut.filter(~after)[column].null_count() == 0
    assert cut["DTHDTC"].null_count() == cut["LASTDTM"].null_count() == 12


def test_a_treatment_that_goes_on_after_the_cut_keeps_no_number(tmp_path: Path) -> None:
    cut = patients(tmp_path, adex=adex()).cut("2020-03-01")
    assert cut.adex is not None
    assert cut.adex["USUBJID"].to_list() == ["01", "02", "03", "06"]
    assert cut.adex["EXTRT"].to_list() == ["drug A", "drug B", "drug A", "drug B"]
    assert cut.adex["TRTEDT"].to_list() == [date(2020, 2, 1), date(2020, 3, 1), None, None]
    assert cut.adex["TRTDURD"].to_list() == [32, 57, None, None]
    assert cut.adex["NDOSEG"].to_list() == [31, 8, None, None]
    assert cut.adex["CDOSEG"].to_list() == [31.5, 800.0, None, None]
    assert any("given totals are not recomputed" in note for note in cut.notes)
    early = patients(tmp_path, adex=adex()).cut("2020-01-07").adex
    assert early is not None
    assert early["USUBJID"].to_list() == ["01", "02"]
    without_end = patients(tmp_path, adex=adex().drop("TRTEDT")).cut("2020-03-01").adex
    assert without_end is not None
    assert without_end["NDOSEG"].null_count() == 4
    own_dates = adex().with_columns(ASTDT=pl.lit(date(2020, 4, 1)), AENDT=pl.lit(date(2020, 4, 9)))
    later = patients(tmp_path, adex=own_dates).cut("2020-03-01").adex
    assert later is not None
    assert later.height == 0
    with pytest.raises(DataError, match=r"each treatment starts \(ADEX, column TRTSDT\)"):
        patients(tmp_path, adex=adex().drop("TRTSDT")).cut("2020-03-01")


def test_a_cut_that_cannot_be_made(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there are none \(ADTTE frame, column STARTDT\)"):
        patients(tmp_path, adtte=adtte().drop("STARTDT")).cut("2020-03-01")
    with pytest.raises(DataError, match=r"some are missing .*subject 03\)"):
        patients(tmp_path, adtte=change(adtte(), "ADT", 2, None)).cut("2020-03-01")
    with pytest.raises(DataError, match=r"neither ADT - STARTDT \+ 1 nor .*subject 04\)"):
        patients(tmp_path, adtte=change(adtte(), "AVAL", 3, 5.0)).cut("2020-03-01")
    with pytest.raises(DataError, match=r"whole censoring codes"):
        patients(tmp_path, adtte=change(adtte(), "CNSR", 3, 2.5)).cut("2020-03-01")
    with pytest.raises(DataError, match=r"adverse event starts .*column ASTDT"):
        patients(tmp_path, adae=adae().drop("ASTDT")).cut("2020-03-01")
    for text in ("2020-03", "March", 20200301):
        with pytest.raises(DataError, match="is not a date"):
            patients(tmp_path).cut(text)  # type: ignore[arg-type]


def test_dummy_labels_follow_the_patient_everywhere(tmp_path: Path) -> None:
    arms = ["A", "B", "A", "B", "A", "B"] * 2
    frame = adtte().with_columns(TRT01P=pl.Series(arms), ARMCD=pl.Series([f"arm {a}" for a in arms]))
    whole = patients(tmp_path, adtte=frame)
    dummy = whole.with_dummy_labels(5)
    assert dummy.adsl is not None
    assert dummy.origin == "dummy"
    assert any("DUMMY" in note for note in dummy.notes)
    assert "origin DUMMY" in str(dummy)
    label = dict(zip(dummy.adsl["USUBJID"], dummy.adsl["TRT01P"], strict=True))
    assert [label[s] for s in dummy.adtte["USUBJID"]] == dummy.adtte["TRT01P"].to_list()
    assert [f"arm {label[s]}" for s in dummy.adtte["USUBJID"]] == dummy.adtte["ARMCD"].to_list()
    assert [1 if label[s] == "A" else 2 for s in dummy.adsl["USUBJID"]] == dummy.adsl["TRT01PN"].to_list()
    assert sorted(label.values()) == ["A", "A", "A", "B", "B", "B"]
    assert "TRT01A" not in dummy.adsl.columns
    assert "ADSL.TRT01A" in dummy.notes[-1]
    untouched = [c for c in frame.columns if c not in ("TRT01P", "ARMCD")]
    assert_frame_equal(dummy.adtte.select(untouched), whole.adtte.select(untouched))


def test_dummy_labels_take_exposure_out(tmp_path: Path) -> None:
    dummy = patients(tmp_path, adex=adex()).with_dummy_labels(5)
    assert dummy.adex is None
    assert "DUMMY: ADEX was dropped because what was given tells the arm" in dummy.notes
    assert set(dummy.files) == set(dummy.digests) == {"adsl", "adtte", "adae"}


def test_dummy_labels_depend_on_the_seed_alone(tmp_path: Path) -> None:
    one = patients(tmp_path).with_dummy_labels(1)
    same(one, patients(tmp_path).with_dummy_labels(1))
    turned = patients(tmp_path, adsl=adsl().reverse()).with_dummy_labels(1)
    assert one.adsl is not None
    assert turned.adsl is not None
    assert_frame_equal(turned.adsl.reverse(), one.adsl)
    labels = {
        tuple(p.adsl["TRT01P"]) for s in range(20) if (p := patients(tmp_path).with_dummy_labels(s)).adsl is not None
    }
    assert len(labels) > 5


def test_dummy_labels_of_screening_failures_stay_with_them(tmp_path: Path) -> None:
    failure = adsl()[:1].with_columns(USUBJID=pl.lit("07"), TRT01P=pl.lit("Screen Failure"), TRT01PN=pl.lit(9))
    whole = patients(tmp_path, adsl=pl.concat([adsl(), failure], how="vertical_relaxed"))
    for seed in range(10):
        dummy = whole.with_dummy_labels(seed).adsl
        assert dummy is not None
        assert dummy["TRT01P"][-1] == "Screen Failure"


def test_dummy_labels_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no data set has the column of the arm"):
        patients(tmp_path, adsl=None).with_dummy_labels(1)
    with pytest.raises(DataError, match=r"in two arms .*subjects 02, 04, 06\)"):
        patients(tmp_path, adtte=adtte().with_columns(TRT01P=pl.lit("A"))).with_dummy_labels(1)


def test_endpoint_rows_join_adsl_and_keep_adttes_own(tmp_path: Path) -> None:
    shuffled = adsl().with_columns(ITTFL=pl.lit("N")).reverse()
    rows = patients(tmp_path, adsl=shuffled).endpoint_rows("OS")
    assert rows["USUBJID"].to_list() == adtte()["USUBJID"][:6].to_list()
    assert rows["ITTFL"].to_list() == ["Y"] * 6
    assert rows["TRT01P"].to_list() == ["A", "B", "A", "B", "A", "B"]
    assert rows.equals(patients(tmp_path, adsl=shuffled.reverse()).endpoint_rows("OS"))  # in ADTTE's own order
    assert patients(tmp_path, adsl=None).endpoint_rows("OS").columns == adtte().columns
    with pytest.raises(DataError, match=r"PARAMCD 'TTP' .*holds: PFS, OS"):
        patients(tmp_path).endpoint_rows("TTP")
    with pytest.raises(DataError, match=r"more than one record of a subject .*subject 02\)"):
        patients(tmp_path, adsl=pl.concat([adsl(), adsl()[1:2]])).endpoint_rows("OS")
