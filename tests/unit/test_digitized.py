"""Digitized curves: what is refused with which remedy, what files are read, and what a protocol makes of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.unit.digitized_trial import HEAD, curve, known, written

from equipoise import analyze
from equipoise.data import check, read_adam, write_adam
from equipoise.errors import DataError, ProtocolError
from equipoise.protocol import read
from equipoise.reconstruct import digitized, guyot, read_digitized, two_arms
from equipoise.report import html
from equipoise.survival import cox, kaplan_meier

TIME = [0.0, 3.0, 6.0, 9.0, 12.0, 15.0]
SURVIVAL = [1.0, 0.9, 0.75, 0.6, 0.5, 0.45]


def rebuilt(**changed: Any) -> Any:
    given: dict[str, Any] = {
        "time": TIME, "survival": SURVIVAL, "at_risk_times": [0, 6, 12], "at_risk": [100, 70, 38], "unit": "months",
    }  # fmt: skip
    return guyot(**{**given, **changed})


def test_an_arm_as_it_should_be() -> None:
    arm = rebuilt()
    assert arm.subjects == 100
    assert arm.reached.tolist() == [100, 70, 38]
    assert arm.distance < 0.01
    assert arm.origin == "reconstructed"
    assert "after the last printed number at risk" in arm.notes[0]
    with pytest.raises(FrozenInstanceError):
        arm.noise = 1.0
    with pytest.raises(ValueError, match="read-only"):
        arm.time[0] = 1.0


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "one click": ({"time": [0], "survival": [1]}, "a curve needs two clicks at least, there is 1"),
    "lengths": ({"time": [0, 1]}, r"times have shape \(2,\), survival \(6,\)"),
    "a missing number": (
        {"survival": [1, 0.9, math.nan, 0.6, 0.5, 0.45]},
        r"missing or infinite at click 3 of 6 \(time 6, survival nan\) \(column survival\)",
    ),
    "text": ({"survival": ["1", "x", 0, 0, 0, 0]}, "a click is no pair of numbers"),
    "unsorted": ({"time": [0, 6, 3, 9, 12, 15]}, "the times go back at click 3 of 6.*Sort the clicks"),
    "a curve that rises": (
        {"survival": [1, 0.9, 0.75, 0.6, 0.65, 0.45]},
        "the curve rises by more than 0.04.*at click 5 of 6 .*No survival curve rises",
    ),
    "survival above 1": ({"survival": [1.06, 0.9, 0.75, 0.6, 0.5, 0.45]}, "survival lies outside 0 to 1 at click 1"),
    "survival below 0": ({"survival": [1, 0.9, 0.75, 0.6, 0.5, -0.1]}, "survival lies outside 0 to 1 at click 6"),
    "percentages": ({"survival": [100, 90, 75, 60, 50, 45]}, "survival is as great as 100.*percent = true"),
    "exchanged axes": ({"time": SURVIVAL, "survival": TIME}, "the axes are exchanged.*time first and survival second"),
    "exchanged percentages": (
        {"time": [100 * s for s in SURVIVAL], "survival": TIME},
        "the axes are exchanged",
    ),
    "time zero of the curve": (
        {"time": [3, 6, 9, 12, 15, 18], "survival": [0.9, 0.8, 0.7, 0.6, 0.5, 0.45]},
        "the curve begins at time 3 with survival 0.9, not at time zero",
    ),
    "no time": ({"time": [0] * 6}, "no click lies after time zero"),
    "time zero of the table": (
        {"at_risk_times": [6, 12], "at_risk": [70, 38]},
        "the risk table begins at time 6, and time zero is missing",
    ),
    "a table that grows": (
        {"at_risk": [100, 70, 75]},
        "the numbers at risk grow from 70 at time 6 to 75 at time 12.*Nobody enters later",
    ),
    "times of the table": ({"at_risk_times": [0, 12, 6]}, "the times of the risk table do not grow"),
    "beyond the curve": (
        {"at_risk_times": [0, 6, 18]},
        "38 subjects are at risk at time 18, but the curve ends at 15.*same unit",
    ),
    "half a person": ({"at_risk": [100, 70.5, 38]}, "no count of people"),
    "nobody": ({"at_risk_times": [0], "at_risk": [0]}, "no count of people"),
    "a missing count": ({"at_risk": [100, math.nan, 38]}, "a number of the risk table is missing"),
    "no table": ({"at_risk_times": [], "at_risk": []}, "0 times and 0 numbers at risk.*time zero"),
    "lengths of the table": ({"at_risk": [100, 70]}, "3 times and 2 numbers"),
    "events above n": ({"events": 101}, "101 events are more than the 100 subjects"),
    "half an event": ({"events": 50.5}, "no number of events"),
    "events against the curve": (
        {"events": 12},
        r"12 events do not belong to this curve and these numbers at risk, which have about \d+ \(column events\)",
    ),
    "no event of a curve that falls": ({"events": 0}, "0 events do not belong to this curve"),
    "more events than the curve": ({"events": 75}, "75 events do not belong to this curve"),
    "another arm's table": (
        {"at_risk": [100, 95, 90]},
        "no subjects with these numbers at risk have this curve: the nearest differs by .*same arm",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name: str) -> None:
    changed, sentence = REFUSED[name]
    with pytest.raises(DataError, match=sentence):
        rebuilt(**changed)


@pytest.mark.parametrize("events", [49, 52, 54])
def test_a_total_that_is_near_is_met(events: int) -> None:
    arm = rebuilt(events=events)
    assert arm.events == events
    assert arm.reached.tolist() == [100, 70, 38]
    assert arm.distance < 0.05


def test_slips_of_the_hand() -> None:
    arm = rebuilt(time=[0.1, 3, 6, 5.95, 12, 15], survival=[1.01, 0.9, 0.75, 0.76, 0.5, -0.01 + 0.46])
    assert arm.click_time.tolist() == sorted(arm.click_time.tolist())
    assert (arm.click_time[0], arm.click_survival[0]) == (0, 1)


def test_nobody_at_risk_beyond_the_curve_is_no_contradiction() -> None:
    arm = rebuilt(at_risk_times=[0, 6, 12, 18], at_risk=[100, 70, 38, 0])
    assert arm.printed.tolist() == [100, 70, 38]


def test_a_flat_curve_and_one_that_reaches_zero() -> None:
    assert guyot([0, 9], [1, 1], at_risk_times=[0], at_risk=[7], unit="weeks").events == 0
    ended = guyot([0, 4, 4, 9, 9], [1, 1, 0.5, 0.5, 0], at_risk_times=[0], at_risk=[8], unit="weeks")
    assert ended.events == 8
    assert ended.curve_survival[-1] == 0
    assert sorted(set(ended.time.tolist())) == [28.0, 63.0]


def test_units() -> None:
    assert rebuilt(unit="years").time == pytest.approx(12 * rebuilt().time)


def test_rows_and_table() -> None:
    arm = rebuilt(events=52)
    rows = {(r.statistic, r.at) for r in arm.rows("A")}
    assert ("curve, digitized", 0.0) in rows
    assert ("at risk, printed", 6 * 30.4375) in rows
    assert all(r.group == "A" and r.origin == "reconstructed" and r.text for r in arm.rows("A"))
    assert arm.table().height == len(arm.rows())


def test_a_curve_that_falls_where_nobody_is_left() -> None:
    """Of 100, 22 die and 73 are censored until month 6; so nobody is left of 5 soon after, and the curve falls on."""
    time, survival = [0, 2, 4, 6, 9, 12], [1, 0.85, 0.7, 0.55, 0.4, 0.3]
    arm = guyot(time, survival, at_risk_times=[0, 6], at_risk=[100, 5], unit="months")
    assert any("nobody is left at risk, and the curve is not followed" in note for note in arm.notes)
    with pytest.raises(DataError, match="have this curve: the nearest differs by .* at time 12"):
        guyot(time, survival, at_risk_times=[0, 6], at_risk=[100, 0], unit="months")


def test_an_arm_that_is_missing() -> None:
    with pytest.raises(DataError, match="there is no curve of 'B'.*Rebuilt: A"):
        two_arms({"A": rebuilt()}, experimental="A", control="B")


# Files

FILES: dict[str, tuple[str, dict[str, list[float]]]] = {
    "one dataset": ("0, 1\n3.5, 0.91\n", {"curve": [1, 0.91]}),
    "one dataset, decimal comma": ("0;1\n3,5;0,91\n", {"curve": [1, 0.91]}),
    "one dataset with X,Y": ("X,Y\n0,1\n3.5,0.91\n", {"curve": [1, 0.91]}),
    "all datasets": ("new,,old,\nX,Y,X,Y\n0,1,0,1\n,,3,0.8\n", {"new": [1], "old": [1, 0.8]}),
    "all datasets, decimal comma": ("new;;old;\nX;Y;X;Y\n0;1;0;1\n2,5;0,9;3;0,8\n", {"new": [1, 0.9], "old": [1, 0.8]}),
    "datasets without a name": (",,b,\nX,Y,X,Y\n0,1,0,1\n", {"dataset 1": [1], "b": [1]}),
    "a byte order mark": ("\ufefftime,survival\n0,1\n3,0.9\n", {"curve": [1, 0.9]}),
    "a table": ("time,survival\n0,1\n\n3,0.9\n", {"curve": [1, 0.9]}),
    "a table with arms": ("Arm,Time,Survival\nA,0,1\nB,0,1\nA,2,0.9\n", {"A": [1, 0.9], "B": [1]}),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_files(tmp_path: Path, name: str) -> None:
    text, expected = FILES[name]
    path = tmp_path / "curve.csv"
    path.write_text(text, encoding="utf-8")
    assert {k: c.survival.tolist() for k, c in read_digitized(path).items()} == expected


BAD_FILES: dict[str, tuple[str, str]] = {
    "empty": ("", "the file is empty"),
    "no points": ("a,\nX,Y\n,\n", "holds no point"),
    "words": ("hello\n", "a file that begins 'hello' is no curve as they are known .*Known are"),
    "three columns": ("0,1,2\n", "is no curve as they are known"),
    "decimal commas between commas": ("0,0,1,0\n3,5,0,9\n", "is no curve as they are known"),
    "half a point": ("a,\nX,Y\n0,1\n3,\n", "row 4 holds half a point"),
    "text": ("time,survival\n0,1\n3,none\n", "row 3 holds 'none' where a number should be"),
    "percent signs": ("time,survival\n0,100%\n3,90%\n", "row 2 holds the percentage '100%'.*percent = true"),
    "percentages": ("0,100\n3,90\n", "survival is as great as 100.*percent = true"),
    "exchanged": ("1,0\n0.8,5\n0.3,12\n", "the axes are exchanged"),
    "a name twice": ("a,,a,\nX,Y,X,Y\n0,1,0,1\n", "two curves are called 'a'"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_files_that_are_refused(tmp_path: Path, name: str) -> None:
    text, sentence = BAD_FILES[name]
    path = tmp_path / "curve.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=sentence) as refused:
        read_digitized(path)
    assert "curve.csv" in str(refused.value)


def test_percentages_that_were_announced(tmp_path: Path) -> None:
    path = tmp_path / "curve.csv"
    path.write_text("0,100\n3,90\n")
    assert read_digitized(path, percent=True)["curve"].survival.tolist() == [1, 0.9]
    path.write_text("0,1\n3,0.9\n")
    with pytest.raises(DataError, match="said to be percentages, but is never above 1"):
        read_digitized(path, percent=True)
    with pytest.raises(DataError, match="cannot be read: No such file"):
        read_digitized(tmp_path / "none.csv")


# The protocol


def test_a_trial_is_rebuilt_near_the_data_behind_its_curves(tmp_path: Path) -> None:
    found = digitized(written(tmp_path))
    truth, curves = known()
    assert abs(math.log(cox(found.tte).hazard_ratio / cox(truth).hazard_ratio)) < 0.03
    for arm in "CE":
        assert kaplan_meier(found.tte)[arm].median == pytest.approx(kaplan_meier(truth)[arm].median, rel=0.04)
        assert found.arms[arm].events == curves[arm].events
        assert found.arms[arm].reached.tolist() == curves[arm].at_risk.tolist()
    assert [t.agrees for t in found.ties] == [True, True, True]
    assert found.warnings == ()
    assert "3 of 3 printed numbers are met" in str(found)
    assert found.table().height == len(found.rows())
    assert {r.toml_path for r in found.rows() if r.statistic == "events" and r.group == "E"} == {"published.curves[1]"}


def test_patients_are_marked_and_analyzed(tmp_path: Path) -> None:
    trial = written(tmp_path)
    found = digitized(trial)
    for frame in found.patients.frames().values():
        assert set(frame["SYNTHFL"]) == {"Y"}
        assert set(frame["SYNTYPE"]) == {"RECONSTRUCTED"}
        assert frame["USUBJID"].str.starts_with("SYN-").all()
    assert set(found.patients.adtte["PARAMCD"]) == {"OS"}
    assert set(found.patients.adsl["MARKER"]) == {"positive"}
    results = analyze.run(found.trial, found.patients)
    assert results.origin == "reconstructed"
    assert results.analyses == ("OS",)
    ratio = next(r.value for r in results.rows if r.statistic == "hazard ratio")
    assert ratio == pytest.approx(cox(found.tte).hazard_ratio, rel=1e-12)
    assert not [f for f in check(found.patients, found.trial) if f.severity == "error"]
    assert "RECONSTRUCTED DATA" in html(found.trial, results)
    write_adam(found.patients, tmp_path / "adam")
    for form in ("csv", "xpt"):
        again = read_adam(tmp_path / "adam" / form, found.trial)
        assert again.origin == "reconstructed"
        assert again.adtte["AVAL"].to_numpy() == pytest.approx(found.patients.adtte["AVAL"].to_numpy(), rel=1e-12)


def test_other_names_of_the_data(tmp_path: Path) -> None:
    written(tmp_path)
    path = tmp_path / "drawn.toml"
    path.write_text(path.read_text().replace(
        "[data]\n", '[data]\ntime_unit = "months"\nevent_codes = [1, 3]\narms = { E = "10 mg", C = "placebo" }\n'
    ))  # fmt: skip
    found = digitized(read(path))
    assert set(found.patients.adtte["CNSR"]) == {1, 2}
    assert found.patients.adtte["AVAL"].max() <= 36
    assert set(found.patients.adsl["TRT01P"]) == {"10 mg", "placebo"}
    ratio = next(r.value for r in analyze.run(found.trial, found.patients).rows if r.statistic == "hazard ratio")
    assert ratio == pytest.approx(cox(found.tte).hazard_ratio, rel=1e-9)


def test_other_subjects_at_time_zero_than_published(tmp_path: Path) -> None:
    path = written(tmp_path).source
    assert not digitized(read(path)).warnings
    text = path.read_text()
    assert '"E", printed = "200"' in text
    path.write_text(text.replace('"E", printed = "200"', '"E", printed = "210"'))
    assert digitized(read(path)).warnings == ("E: 200 subjects are at risk at time zero, 210 are published",)


def test_the_curve_of_another_arm_is_not_taken(tmp_path: Path) -> None:
    path = written(tmp_path).source
    (tmp_path / "curves.csv").write_text("time,survival,arm\n0,1,C\n3,0.8,C\n24,0.2,C\n", encoding="utf-8")
    with pytest.raises(DataError, match="the file has no curve 'E'.*Name one of its curves as dataset: 'C'"):
        digitized(read(path))


def test_printed_numbers_that_the_curves_do_not_have(tmp_path: Path) -> None:
    written(tmp_path)
    path = tmp_path / "drawn.toml"
    path.write_text(path.read_text().replace('arm = "C", printed = "', 'arm = "C", printed = "4'))
    found = digitized(read(path))
    assert [t.agrees for t in found.ties] == [True, False, True]
    assert found.warnings[0].startswith("does not agree with the published number: OS, marked: median, C")


REFUSED_PROTOCOLS: dict[str, tuple[Callable[[str], str], type[Exception], str]] = {
    "no curve of an arm": (
        lambda text: text[: text.rindex("[[published.curves]]")], ProtocolError, "there is no curve of E for OS",
    ),
    "an unknown arm": (lambda t: t.replace('arm = "E"\nfile', 'arm = "F"\nfile'), ProtocolError, "no arm of the est"),
    "an unknown source": (
        lambda t: t.replace('source = "figure"\nevents', 'source = "table"\nevents'), ProtocolError,
        "no source 'table'",
    ),
    "a curve twice": (
        lambda t: t.replace('arm = "E"\nfile', 'arm = "C"\nfile'), ProtocolError, "there are 2 curves of C for OS",
    ),
    "an unknown key": (lambda t: t.replace("file =", "path ="), ProtocolError, "unknown key 'path'"),
    "a bare time": (lambda t: t.replace('"0 months"', '"0"'), ProtocolError, "at_risk: '0' is not a duration"),
    "no such file": (
        lambda t: t.replace('"curves.csv"', '"none.csv"'), DataError,
        r"cannot be read.*published.curves\[1\], none.csv",
    ),
    "one curve for two arms": (
        lambda t: t.replace('\nfile', '\ndataset = "C"\nfile'), DataError,
        r"the curve 'C' is that of two arms \(published.curves\[1\], curves.csv dataset\). Name the curve of each",
    ),
    "no such dataset": (
        lambda t: t.replace('arm = "E"\nfile', 'dataset = "F"\narm = "E"\nfile'), DataError,
        r"has no curve 'F' \(published.curves\[1\], curves.csv dataset\). Name one of its curves as dataset: 'C', 'E'",
    ),
    "a table that grows": (
        lambda t: t.replace('"6 months" = 1', '"6 months" = 9'), DataError,
        r"the numbers at risk grow .*published.curves\[1\], curves.csv at_risk",
    ),
    "a total of other arms": (
        lambda t: t.replace("events = 1", "events = 9"), DataError, r"events are more than the 200 subjects",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED_PROTOCOLS)
def test_protocols_that_are_refused(tmp_path: Path, name: str) -> None:
    changed, error, sentence = REFUSED_PROTOCOLS[name]
    written(tmp_path)
    path = tmp_path / "drawn.toml"
    before = path.read_text()
    path.write_text(changed(before))
    assert path.read_text() != before
    with pytest.raises(error, match=sentence):
        digitized(read(path))


def test_curves_of_two_estimands(tmp_path: Path) -> None:
    _, curves = known()
    trial = written(tmp_path, "".join(curve(arm, c, estimand="PFS") for arm, c in curves.items()))
    with pytest.raises(ProtocolError, match="curves of 2 estimands, whose patients cannot be joined: OS, PFS"):
        digitized(trial)
    found = digitized(trial, estimand="PFS")
    assert set(found.patients.adtte["PARAMCD"]) == {"PFS"}
    assert found.trial.testing is None  # its first test is of another endpoint
    assert [t.number.printed.text for t in found.ties] == ["0.50"]
    with pytest.raises(ProtocolError, match="there is no curve of 'TTP'"):
        digitized(trial, estimand="TTP")


def test_no_curve(tmp_path: Path) -> None:
    path = tmp_path / "none.toml"
    path.write_text(HEAD)
    with pytest.raises(ProtocolError, match=r"the protocol of drawn has no digitized curve \(published.curves\)"):
        digitized(read(path))


def test_a_curve_is_the_same_in_percent(tmp_path: Path) -> None:
    _, curves = known()
    plain = curves["C"].rebuilt(totals=True)
    path = tmp_path / "c.csv"
    points = zip(curves["C"].time.tolist(), curves["C"].survival.tolist(), strict=True)
    path.write_text("\n".join(f"{t!r};{100 * s!r}".replace(".", ",") for t, s in points))
    clicks = read_digitized(path, percent=True)["c"]
    again = guyot(
        clicks.time, clicks.survival, at_risk_times=curves["C"].at_risk_times, at_risk=curves["C"].at_risk,
        events=curves["C"].events, unit="months",
    )  # fmt: skip
    assert np.array_equal(plain.event, again.event)
    assert again.time == pytest.approx(plain.time, rel=1e-9)
