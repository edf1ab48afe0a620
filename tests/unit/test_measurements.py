"""Measurements on visits: read where the protocol names them, cut, written, and given to methods of switching."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from tests.unit import switching_trial
from tests.unit.switching_trial import ESTIMAND, NAME

import equipoise as eq
from equipoise.analyze import refusals, switching
from equipoise.data import Patients, read_adam, write_adam
from equipoise.errors import DataError, ProtocolError
from equipoise.protocol import Protocol, example, read

TABLE = """
[analyses."OS, adjusted".switching]
method = "ipcw"
beside = ["two-stage g-estimation"]
varying = ["ECOG"]
draws = 0
"""
DATA = '\n[data]\nmeasurements = "adqs"\n'


def protocol(folder: Path, table: str = TABLE, data: str = DATA, estimand: str = ESTIMAND) -> Protocol:
    path = folder / "measured.toml"
    path.write_text(f"{switching_trial.text(table, estimand=estimand)}{data}", encoding="utf-8")
    return read(path)


def adqs(data: Patients) -> pl.DataFrame:
    """ECOG before randomization (twice), then every 8 weeks while followed, worse after progression."""
    assert data.adsl is not None
    rows: list[dict[str, Any]] = []
    draw = np.random.default_rng(5)
    end = {r["USUBJID"]: r["ADT"] for r in data.adtte.filter(pl.col("PARAMCD") == "OS").iter_rows(named=True)}
    progressed = {r["USUBJID"]: r["ADT"] for r in data.adtte.filter(pl.col("PARAMCD") == "PFS").iter_rows(named=True)}
    for subject in data.adsl.iter_rows(named=True):
        start, who = subject["RANDDT"], subject["USUBJID"]
        marks = {key: subject[key] for key in ("STUDYID", "SYNTHFL", "SYNTYPE")}
        for day in (-14, 0, *range(56, 2000, 56)):
            on = start + timedelta(days=day)
            if on > end[who]:
                break
            value = float(draw.integers(0, 2) + (on > progressed[who]))
            rows.append({"USUBJID": who, **marks, "PARAMCD": "ECOG", "AVAL": value, "ADT": on})
    return pl.DataFrame(rows)


def patients(trial: Protocol) -> Patients:
    made = switching_trial.patients()
    frames = {"adsl": made.adsl, "adtte": made.adtte, "adqs": adqs(made)}
    return read_adam(frames, trial)


def test_the_methods_are_given_what_was_measured(tmp_path: Path) -> None:
    trial = protocol(tmp_path)
    data = patients(trial)
    found = eq.analyze.run(trial, data)
    plan = switching.planned(trial, data, trial.analyses[NAME])
    path = plan.measured["ECOG"]
    record = plan.record
    assert data.measurements is not None
    # Each subject's baseline is the measurement on the day of randomization (day 1), not that of a fortnight before.
    baseline = path.start == 0
    assert baseline.sum() == record.n
    by_hand = {(r["USUBJID"], r["ADT"]): r["AVAL"] for r in data.measurements.iter_rows(named=True)}
    assert data.adsl is not None
    start = dict(data.adsl.select("USUBJID", "RANDDT").iter_rows())
    for who, at, value in zip(path.subject.tolist(), path.start.tolist(), path.value.tolist(), strict=True):
        on = start[who] + timedelta(days=0 if at == 0 else int(at - 0.5))  # AVAL counts the first day as 1
        assert by_hand[who, on] == value
    assert len(path.start) == data.measurements.height - record.n
    direct = switching.ipcw(plan._day_before(), plan._since_progression(), since="progression")
    value = next(r.value for r in found.of(NAME) if r.statistic == "hazard ratio")
    assert value == pytest.approx(direct.hazard_ratio, rel=1e-12)
    model = next(m for m in direct.models if m.part == "denominator")
    assert "ECOG" in model.terms
    assert not any(r.text.startswith("no covariate measured after") for r in found.of("switching"))
    g = next(r for r in found.of("switching") if r.group == "two-stage with g-estimation")
    assert "ECOG" in g.method


def test_measurements_without_progression(tmp_path: Path) -> None:
    """Where switching may come at any time and no progression is on record, the measurements are the visits."""
    trial = protocol(tmp_path, TABLE.replace("draws", 'since = "randomization"\ndraws'))
    data = patients(trial)
    alone = replace(data, adtte=data.adtte.filter(pl.col("PARAMCD") != "PFS"))
    plan = switching.planned(trial, alone, trial.analyses[NAME])
    assert plan.record.progression is None
    found = plan.found("ipcw")
    assert isinstance(found, switching.Weighted)
    assert found.models[0].terms[:2] == ("intercept", "ECOG")
    bare = protocol(tmp_path, TABLE.replace('varying = ["ECOG"]', 'since = "randomization"'))
    with pytest.raises(DataError, match="nothing that was measured after randomization is known"):
        switching.planned(bare, alone, bare.analyses[NAME]).found("ipcw")


def test_what_is_refused(tmp_path: Path) -> None:
    trial = protocol(tmp_path)
    data = patients(trial)
    good = data.measurements
    assert good is not None
    first = good["USUBJID"][0]
    again = pl.concat([good, good.head(1)])
    for frame, column, what in (
        (None, "", "there is no ADQS"),
        (good.drop("ADT"), "ADT", "not in the data"),
        (good.with_columns(pl.lit("a").alias("AVAL")), "AVAL", "of String"),
        (good.with_columns(pl.lit("KPS").alias("PARAMCD")), "PARAMCD", "nothing is measured as 'ECOG'"),
        (good.with_columns(pl.when(pl.col("USUBJID") == first).then(None).otherwise(pl.col("ADT")).alias("ADT")), "ADT",
         "has no date"),
        (again, "ADT", "measured twice on a day"),
        (good.filter((pl.col("USUBJID") != first) | (pl.col("ADT") > date(2001, 3, 1))), "PARAMCD",
         "not measured on or before the day of randomization"),
    ):  # fmt: skip
        wrong = replace(data, measurements=frame)
        with pytest.raises(DataError, match=what) as found:
            eq.analyze.run(trial, wrong)
        assert found.value.column == column
        assert len(set(found.value.subjects)) == len(found.value.subjects)
        assert str(found.value) in refusals(trial, wrong)
    unknown = pl.concat([good, good.head(1).with_columns(pl.lit("nobody").alias("USUBJID"))])
    said = [str(f) for f in eq.data.check(replace(data, measurements=unknown), trial)]
    assert any("1 subject of ADQS not in ADSL" in text for text in said)


def test_what_the_protocol_may_not_say(tmp_path: Path) -> None:
    at = 'analyses."OS, adjusted".switching'
    with pytest.raises(ProtocolError, match="the data name no measurements") as found:
        protocol(tmp_path, data="")
    assert found.value.where == f"{at}.varying"
    idle = TABLE.replace('"ipcw"', '"rpsftm"').replace('"two-stage g-estimation"', '"ipe"')
    with pytest.raises(ProtocolError, match="varying would do nothing"):
        protocol(tmp_path, idle)
    for name in ("adsl", "ADQS"):
        with pytest.raises(ProtocolError, match="write a data set in lower case") as refused:
            protocol(tmp_path, data=f'\n[data]\nmeasurements = "{name}"\n')
        assert refused.value.where == "data"


def test_nobody_asks_for_measurements(tmp_path: Path) -> None:
    """A file that the protocol does not name is not read; as a frame it is refused as before."""
    trial = protocol(tmp_path)
    write_adam(patients(trial), tmp_path / "adam")
    assert (tmp_path / "adam" / "csv" / "adqs.csv").exists()
    assert read_adam(tmp_path / "adam" / "csv", example("tandem")).measurements is None
    with pytest.raises(DataError, match="there is no data set 'adqs'"):
        read_adam(
            {"adtte": switching_trial.patients().adtte, "adqs": adqs(switching_trial.patients())}, example("tandem")
        )


def test_written_and_read_again(tmp_path: Path) -> None:
    trial = protocol(tmp_path)
    data = patients(trial)
    assert data.measurements is not None
    write_adam(data, tmp_path / "adam")
    for kind in ("csv", "xpt"):
        back = read_adam(tmp_path / "adam" / kind, trial)
        assert back.measurements is not None
        columns = ["USUBJID", "PARAMCD", "AVAL", "ADT"]
        assert back.measurements.select(columns).rows() == data.measurements.select(columns).rows()
        assert set(back.digests) >= {"adqs", "adsl", "adtte"}


def test_cut_and_dummy(tmp_path: Path) -> None:
    trial = protocol(tmp_path)
    data = patients(trial)
    cut = data.cut("2003-06-01")
    assert cut.measurements is not None
    assert cut.measurements["ADT"].max() <= date(2003, 6, 1)  # type: ignore[operator]
    assert set(cut.measurements["USUBJID"]) <= set(cut.adtte["USUBJID"])
    dry = data.with_dummy_labels(3)
    assert dry.measurements is not None
    assert dry.measurements.height == adqs(switching_trial.patients()).height
    assert eq.analyze.run(trial, dry).of("switching")
    undated = replace(data, measurements=data.measurements.drop("ADT"))  # type: ignore[union-attr]
    with pytest.raises(DataError, match="needs the date of each measurement"):
        undated.cut("2003-06-01")
