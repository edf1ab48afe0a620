"""Patients drawn from a scenario, as data sets: what the rules, dates, doses and marks of them must be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from tests.unit import published_trial as made

from equipoise.analyze import run, tie_out
from equipoise.data import Patients, check, read_adam, write_adam
from equipoise.protocol import Protocol, example
from equipoise.reconstruct import Found, search
from equipoise.reconstruct.ensemble import as_patients, task_of
from equipoise.simulate import patients


def found(trial: Protocol, seed: int = 1, steps: int = 0) -> Found:
    task = task_of(trial, "stated", trial.scenario["stated"], "A", 0)
    return search(trial, task.model, task.targets, seed=seed, attempts=1, steps=steps)


@pytest.fixture(scope="module", params=["made", "tandem"])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Protocol, Patients]:
    trial = example("tandem") if request.param == "tandem" else made.protocol(tmp_path_factory.mktemp("trial"))
    return trial, as_patients(trial, found(trial))


def test_no_rule_finds_anything(case: tuple[Protocol, Patients]) -> None:
    trial, data = case
    assert [str(f) for f in check(data, trial) if f.severity != "not applicable"] == []


def test_every_row_says_what_it_is(case: tuple[Protocol, Patients]) -> None:
    trial, data = case
    assert data.origin == "reconstructed"
    frames = [data.adsl, data.adtte, data.adae, data.adex]
    for frame in frames:
        assert frame is not None
        assert frame["USUBJID"].str.starts_with("SYN-").all()
        assert frame["STUDYID"].str.starts_with("SYN-").all()
        assert frame["SYNTHFL"].unique().to_list() == ["Y"]
        assert frame["SYNTYPE"].unique().to_list() == ["RECONSTRUCTED"]
    simulated = patients(trial, found(trial).cohort, origin="simulated")
    assert simulated.adtte["SYNTYPE"].unique().to_list() == ["SIMULATED"]


def test_arms_and_population_flags(case: tuple[Protocol, Patients]) -> None:
    trial, data = case
    assert data.adsl is not None
    counts = dict(data.adsl["TRT01P"].value_counts().iter_rows())
    printed = {n.arm: int(n.printed.value) for n in trial.published.numbers if n.statistic == "subjects" and n.arm}
    assert counts == printed
    flag = next(p.flag for name, p in trial.populations.items() if name in ("confirmed", "marked"))
    size = next(int(n.printed.value) for n in trial.published.numbers if n.population)
    assert (data.adsl[str(flag)] == "Y").sum() == size
    assert (data.adsl["ITTFL"] == "Y").all()
    assert data.adsl["USUBJID"].n_unique() == data.adsl.height


def test_dates_are_in_order(case: tuple[Protocol, Patients]) -> None:
    trial, data = case
    assert data.adsl is not None
    assert data.adae is not None
    scenario = trial.scenario["stated"]
    adsl = data.adsl
    assert adsl["RANDDT"].min() >= scenario.first_patient  # type: ignore[operator]
    assert (adsl["TRTEDT"] >= adsl["TRTSDT"]).all()
    assert (adsl["LSTALVDT"] <= adsl["DCUTDT"]).all()
    dead = adsl.filter(pl.col("DTHDT").is_not_null())
    assert 0 < dead.height < adsl.height
    assert (dead["DTHDT"] == dead["LSTALVDT"]).all()
    records = data.adtte.join(adsl.select("USUBJID", "DTHDT", "DCUTDT", "TRTEDT"), on="USUBJID")
    assert ((records["ADT"] - records["STARTDT"]).dt.total_days() + 1 == records["AVAL"]).all()
    assert (records["ADT"] <= records["DCUTDT"]).all()
    deaths = records.filter(pl.col("EVNTDESC") == "Death")
    assert (deaths["ADT"] == deaths["DTHDT"]).all()
    survival = data.adtte.filter(pl.col("PARAMCD") == "OS").select("USUBJID", OS="AVAL")
    free = data.adtte.filter(pl.col("PARAMCD") == "PFS").join(survival, on="USUBJID")
    assert (free["AVAL"] <= free["OS"]).all()
    events = data.adae.join(adsl.select("USUBJID", "TRTSDT", "TRTEDT"), on="USUBJID")
    assert ((events["ASTDT"] >= events["TRTSDT"]) & (events["ASTDT"] <= events["TRTEDT"])).all()


def test_crossing_comes_after_progression(case: tuple[Protocol, Patients]) -> None:
    trial, data = case
    assert data.adsl is not None
    assert trial.scenario["stated"].crossover is not None
    crossed = data.adsl.filter(pl.col("XOFL") == "Y")
    assert crossed.height > 10
    assert crossed["TRT01P"].unique().to_list() == [trial.scenario["stated"].crossover.arm]
    assert (data.adsl["XODT"].is_not_null() == (data.adsl["XOFL"] == "Y")).all()
    progressed = data.adtte.filter((pl.col("PARAMCD") == "PFS") & (pl.col("EVNTDESC") == "Progression"))
    both = crossed.join(progressed.select("USUBJID", "ADT"), on="USUBJID")
    assert both.height == crossed.height
    assert (both["XODT"] >= both["ADT"]).all()
    assert (both["XODT"] <= both["LSTALVDT"]).all()


def test_doses_are_those_of_the_regimen(case: tuple[Protocol, Patients]) -> None:
    trial, data = case
    assert data.adex is not None
    assert data.adsl is not None
    drugs = {r.drug: r for a in trial.arms.values() for r in a.regimen or ()}
    rows = data.adex.join(data.adsl.select("USUBJID", "WEIGHTBL"), on="USUBJID")
    assert set(rows["EXTRT"]) == set(drugs)
    for row in rows.iter_rows(named=True):
        regimen = drugs[row["EXTRT"]]
        assert 0 <= row["NDOSEG"] <= row["NDOSEP"]
        days = range(regimen.maintenance_from, row["TRTDURD"] + 1, int(regimen.interval_days))
        loading = regimen.loading is not None and row["TRTDURD"] >= regimen.loading.day
        assert row["NDOSEP"] == len(days) + loading
        each = regimen.maintenance.dose
        if each.per == "m2":
            assert (row["CDOSEP"], row["CDOSEG"]) == (None, None)
            continue
        first = regimen.loading.dose.for_weight(row["WEIGHTBL"])[0] if loading and regimen.loading else 0.0
        total = first + len(days) * each.for_weight(row["WEIGHTBL"])[0]
        assert row["CDOSEP"] == pytest.approx(total, abs=1e-5)
        assert row["CDOSEG"] <= row["CDOSEP"]


def test_without_a_weight_amounts_by_weight_are_missing(tmp_path: Path) -> None:
    plain = made.SCENARIO.replace("weight = { mean = 70.0, sd = 10.0 }\n", "")
    data = as_patients(*(lambda t: (t, found(t)))(made.protocol(tmp_path, scenario=plain)))
    assert data.adex is not None
    assert data.adex["CDOSEP"].null_count() == data.adex.height
    assert data.adex["NDOSEP"].null_count() == 0
    write_adam(data, tmp_path / "adam")


def test_the_safety_population_has_the_printed_counts(case: tuple[Protocol, Patients]) -> None:
    trial, data = case
    ties = {t.name: t for t in tie_out(trial, data)}
    of_events = [t for t in ties.values() if t.number.statistic == "adverse event"]
    assert of_events
    assert all(t.agrees for t in of_events)


def test_as_many_have_any_adverse_event_as_have_a_kind(tmp_path: Path) -> None:
    rare = made.SCENARIO.replace("any = { new = 0.8, old = 0.6 }", "any = { new = 0.3, old = 0.2 }")
    high = made.NUMBERS.replace('printed = "12%"', 'printed = "40"')
    trial = made.protocol(tmp_path, high, scenario=rare)
    ties = [t for t in tie_out(trial, as_patients(trial, found(trial))) if t.number.grade == 3]
    assert [t.computed for t in ties] == ["40 of 60"]


@pytest.mark.parametrize("form", ["csv", "parquet", "xpt"])
def test_written_and_read_back(case: tuple[Protocol, Patients], tmp_path: Path, form: str) -> None:
    trial, data = case
    write_adam(data, tmp_path / "adam", [form])
    again = read_adam(tmp_path / "adam" / form, trial)
    assert again.origin == "reconstructed"
    assert tie_out(trial, again) == tie_out(trial, data)
    assert [str(f) for f in check(again, trial) if f.severity != "not applicable"] == []
    first, second = ([replace(row, reason="") for row in run(trial, d).rows] for d in (data, again))
    assert first == second
