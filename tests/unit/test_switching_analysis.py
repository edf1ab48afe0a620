"""An analysis adjusted for switching on patients: its numbers are its functions', and what data cannot bear."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from tests.unit import switching_trial
from tests.unit.switching_trial import ANALYSIS, ESTIMAND, NAME

import equipoise as eq
from equipoise.analyze import Results, refusals, switching
from equipoise.data import Patients
from equipoise.errors import DataError, EquipoiseError
from equipoise.protocol import Protocol

METHODS = ("rpsftm", "ipe", "two-stage", "two-stage g-estimation", "ipcw", "msm")
RATIO = ("RPSFTM", "hazard ratio")
CONTROL = pl.col("TRT01P") == "A"


def asked(folder: Path, *lines: str, method: str = "rpsftm", analysis: str = ANALYSIS, **more: str) -> Protocol:
    table = "\n".join([f'\n[analyses."OS, adjusted".switching]\nmethod = "{method}"', *lines, ""])
    return switching_trial.protocol(folder, table, analysis, **more)


def value(found: Results, statistic: str, group: str, analysis: str = "switching") -> float:
    rows = [r for r in found.rows if (r.analysis, r.statistic, r.group) == (analysis, statistic, group)]
    assert len(rows) == 1, (statistic, group, len(rows))
    assert rows[0].value is not None, rows[0].reason
    return rows[0].value


def close(got: Any, want: Any) -> None:
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-14)


def called(record: switching.Switches, method: str, draws: int) -> Any:
    """The functions behind the words of a protocol, called directly."""
    drawn: dict[str, Any] = {"draws": draws, "seed": 7}
    simple = {"rpsftm": switching.rpsftm, "ipe": switching.ipe}
    if method in simple:
        return simple[method](record, **drawn)
    if method == "two-stage":
        return switching.two_stage(record, offset=1, **drawn)
    time, progression = record.tte.time, record.progression
    assert progression is not None
    visits = [(i, day) for i in range(record.n) for day in range(0, math.ceil(time[i]), 28)]
    weeks = [max(day - progression[i], 0) / 7 for i, day in visits]
    ids, starts = zip(*visits, strict=True)
    path = eq.survival.TimeVarying(subject=record.tte.subject[list(ids)], start=starts, value=weeks, unit="days")
    varying = {"weeks since progression": path}
    if method == "two-stage g-estimation":
        return switching.two_stage_g(record, varying, **drawn)
    earlier = replace(record, progression=np.maximum(progression - 0.5, 0))
    weigh = switching.ipcw if method == "ipcw" else switching.msm
    return weigh(earlier, varying, since="progression", **drawn)


@pytest.mark.parametrize("method", METHODS)
def test_the_rows_are_the_functions_numbers(tmp_path: Path, method: str) -> None:
    draws = 0 if method == "two-stage g-estimation" else 40
    more = ["seed = 7"] if draws else []
    trial = asked(tmp_path, f"draws = {draws}", "beside = []", *more, method=method)
    data = switching_trial.patients()
    found = eq.analyze.run(trial, data)
    record = switching.switches(trial, data, estimand="OS, had nobody switched")
    direct = called(record, method, draws)
    name = next(r.group for r in found.rows if r.statistic == "method of the analysis")
    close(value(found, "hazard ratio", name), direct.hazard_ratio)
    close(value(found, "hazard ratio", "T+A v A", NAME), direct.hazard_ratio)
    limits = direct.conf_int if direct.bootstrap is None else direct.bootstrap.conf_int
    for side, own, first in zip(("lower", "upper"), direct.conf_int, limits, strict=True):
        close(value(found, f"hazard ratio {side} limit", name), own)
        close(value(found, f"hazard ratio {side} limit", "T+A v A", NAME), first)
        if draws:
            close(value(found, f"bootstrap hazard ratio {side} limit", name), first)
    close(value(found, "P", name), direct.p_value)
    close(value(found, "test P", "", NAME), direct.p_value)
    if method in ("ipcw", "msm"):
        assert not [r for r in found.of("switching") if r.statistic.startswith("acceleration factor")]
    else:
        close(value(found, "acceleration factor", name), math.exp(-direct.psi))
    after = direct.curves
    close(value(found, "lower quartile", "A", NAME), after["A"].quantile(0.25).time / eq.units.days_per("months"))
    close(value(found, "subjects", "A", NAME), 106)
    drawn = [r.value for r in found.of("switching") if r.group == "A, had nobody switched"
             and r.statistic == "curve survival"]  # fmt: skip
    close(drawn, after["A"].survival)
    sentence = next(r.text for r in found.of(NAME) if r.statistic == "sentence")
    assert sentence.startswith("Overall survival, T+A against A had nobody switched: hazard ratio ")
    assert (" by bootstrap)" in sentence) == bool(draws)
    assert (" as observed" in sentence) == (method in ("rpsftm", "ipe"))
    assert sentence.endswith(" with the factor of switching taken for known") == method.startswith("two-stage")
    assert any("the P takes the factor" in text for text in found.warnings) == method.startswith("two-stage")


def test_treatment_policy_is_as_it_was(tmp_path: Path) -> None:
    """The rows of all other analyses do not know of the hypothetical one; as observed it says what they say."""
    data = switching_trial.patients()
    trial = asked(tmp_path, "draws = 0", 'beside = ["ipe", "two-stage", "ipcw", "msm"]')
    found, before = eq.analyze.run(trial, data), eq.analyze.run(eq.protocol.example("tandem"), data)
    assert [r for r in found.rows if r.analysis not in (NAME, "switching")] == list(before.rows)
    assert set(before.analyses) == set(found.analyses) - {NAME}
    close(
        value(found, "hazard ratio", "as observed"),
        next(r.value for r in before.of("OS, ITT") if r.statistic == "hazard ratio"),
    )
    groups = list(dict.fromkeys(r.group for r in found.of("switching") if r.statistic == "hazard ratio"))
    assert groups == ["as observed", "censored at switch", "switchers excluded", "treatment received", "RPSFTM", "IPE",
                      "two-stage", "IPCW", "MSM"]  # fmt: skip
    assert {r.toml_path for r in found.of("switching")} == {'analyses."OS, adjusted".switching'}
    assert {(r.role, r.origin, r.endpoint, r.population) for r in found.of("switching")} == {
        ("switching", "simulated", "OS", "ITT")
    }
    narrow = [r.group for r in found.of("switching") if r.text.startswith("limits by inversion are narrower")]
    assert narrow == ["IPE"]  # 0.90 to 1.11 beside 0.70 to 1.40
    assert any("two-stage finds a factor of" in r.text for r in found.of("switching") if r.group == "RPSFTM")


def test_not_in_full_leaves_the_part_out(tmp_path: Path) -> None:
    trial = asked(tmp_path, "draws = 0")
    whole, short = (eq.analyze.run(trial, switching_trial.patients(), in_full=full) for full in (True, False))
    assert short.of("switching") == ()
    assert short.of(NAME) == tuple(r for r in whole.of(NAME) if not _of_figure(r.statistic))


def _of_figure(statistic: str) -> bool:
    return statistic.startswith("curve") or statistic in ("at risk", "events before", "censored before")


def test_settings_reach_the_methods(tmp_path: Path) -> None:
    analysis = f'{ANALYSIS}covariates = ["HRCONFFL"]\nconfidence = 0.9\nconvention = "r"\n'
    lines = ["draws = 0", 'beside = ["ipcw"]', 'visits = "tumor"', 'since = "randomization"', 'recensor = "all arms"']
    data = switching_trial.patients()
    trial = asked(tmp_path, *lines, analysis=analysis)
    found = eq.analyze.run(trial, data)
    record = switching.switches(trial, data, estimand="OS, had nobody switched", covariates=["HRCONFFL"])
    direct = switching.rpsftm(record, covariates=["HRCONFFL"], recensor="all arms", level=0.9)
    close(value(found, "hazard ratio", "RPSFTM"), direct.hazard_ratio)
    close(value(found, "hazard ratio lower limit", "RPSFTM"), direct.conf_int[0])
    plan = switching.planned(trial, data, trial.analyses[NAME])
    assert plan.visits[:3].tolist() == [0, 56, 112]
    assert np.diff(plan.visits)[-1] == 84
    weighted = plan.found("ipcw")
    assert isinstance(weighted, switching.Weighted)
    assert weighted.models[0].terms[:3] == ("intercept", "HRCONFFL: Y v N", "progressed")
    close(value(found, "hazard ratio", "IPCW"), weighted.hazard_ratio)
    words = next(r.method for r in found.of("switching") if (r.group, r.statistic) == ("IPCW", "hazard ratio"))
    assert words.endswith("; visits as scheduled (tumor); who switches may depend on progressed")
    limit = next(r for r in found.of(NAME) if r.statistic == "median lower limit" and r.group == "A")
    assert limit.level == 0.9
    assert "log limits" in limit.method


def test_strata_and_one_sided_tests(tmp_path: Path) -> None:
    """In the testing order, one-sided, within strata: the P of the stratified log-rank test as observed."""
    text = switching_trial.text('\n[analyses."OS, adjusted".switching]\nmethod = "rpsftm"\ndraws = 0\nbeside = []\n')
    text = text.replace('order = ["PFS, ITT"]', 'order = ["PFS, ITT", "OS, adjusted"]')
    text = text.replace("sided = { value = 2", "sided = { value = 1", 1)
    path = tmp_path / "strata.toml"
    path.write_text(f'{text}\n[data]\nstrata = {{ as_randomized = ["HRCONFFL"] }}\n', encoding="utf-8")
    trial = eq.protocol.read(path)
    data = replace(switching_trial.patients(), names=trial.data)
    found = eq.analyze.run(trial, data)
    record = switching.switches(trial, data, estimand="OS, had nobody switched")
    assert record.tte.strata == ("N", "Y")
    direct = switching.rpsftm(record)
    close(value(found, "hazard ratio", "RPSFTM"), direct.hazard_ratio)
    one_sided = eq.survival.logrank(record.tte).p_one_sided
    close(value(found, "test P", "", NAME), one_sided)
    said = next(r.text for r in found.of(NAME) if r.statistic == "sentence")
    assert "log-rank one-sided P = " in said
    assert said.endswith(" as observed")
    assert "strata" in {r.statistic for r in found.of(NAME) if r.text != "none"}


def with_dates(data: Patients, switch: pl.Expr) -> Patients:
    assert data.adsl is not None
    adsl = data.adsl.with_columns(switch.alias("XODT"))
    return replace(data, adsl=adsl.with_columns(
        pl.when(pl.col("XODT").is_null()).then(pl.lit("N")).otherwise(pl.lit("Y")).alias("XOFL")
    ))  # fmt: skip


def first_of(arm: str, days: int) -> pl.Expr:
    here = pl.col("TRT01P") == arm
    chosen = here & (here.cum_sum() == 1)
    return pl.when(chosen).then(pl.col("RANDDT") + timedelta(days=days)).otherwise(pl.col("XODT"))


def test_dates_that_are_refused(tmp_path: Path) -> None:
    """`check` finds what would stop the analysis, in the words in which the analysis refuses."""
    trial, data = asked(tmp_path, "draws = 0"), switching_trial.patients()
    assert data.adsl is not None
    late = pl.col("XODT") + timedelta(days=4000)
    for patients, column, what in (
        (replace(data, adsl=data.adsl.drop("XODT")), "XODT", "date of the intercurrent event"),
        (replace(data, adsl=data.adsl.drop("DCUTDT")), "DCUTDT", "administrative censoring is not known"),
        (with_dates(data, first_of("A", -3)), "XODT", "lies before the start"),
        (with_dates(data, first_of("T+A", 3)), "XODT", "in an arm that may not switch"),
        (with_dates(data, late), "XODT", "a switch lies after the event"),
        (
            switching_trial.with_adsl(data, pl.lit(date(2004, 5, 1)).alias("DCUTDT")),
            "DCUTDT",
            "administrative censoring lies before the observed time .ADSL",
        ),
    ):
        with pytest.raises(DataError, match=what) as found:
            eq.analyze.run(trial, patients)
        assert found.value.column == column
        assert str(found.value).startswith("analysis OS, adjusted: ")
        assert str(found.value) in refusals(trial, patients)
    assert refusals(trial, data) == ()


def test_the_date_of_the_cut_is_asked_for_where_recensoring_needs_it(tmp_path: Path) -> None:
    data = switching_trial.patients()
    assert data.adsl is not None
    without = replace(data, adsl=data.adsl.drop("DCUTDT"))
    for method, lines in (("ipcw", ()), ("msm", ()), ("two-stage", ("recensor = false",))):
        trial = asked(tmp_path, "draws = 0", "beside = []", *lines, method=method)
        assert eq.analyze.run(trial, without).of("switching") == eq.analyze.run(trial, data).of("switching")
    trial = asked(tmp_path, "draws = 0", 'beside = ["rpsftm"]', method="ipcw")
    row = next(r for r in eq.analyze.run(trial, without).of("switching") if (r.group, r.statistic) == RATIO)
    assert "administrative censoring is not known" in row.reason


def test_the_mean_of_weights_is_judged_where_it_says_something(tmp_path: Path) -> None:
    """From progression on nobody switches before, whom the numerator, a model of everybody, has switching there."""
    data = switching_trial.patients()
    for since, told in (("progression", False), ("randomization", True)):
        trial = asked(tmp_path, "draws = 0", "beside = []", f'since = "{since}"', method="msm")
        assert any("instead of 1" in text for text in eq.analyze.run(trial, data).warnings) == told


def test_columns_that_are_not_there(tmp_path: Path) -> None:
    data = switching_trial.patients()
    trial = asked(tmp_path, 'at_progression = ["ECOGPD"]', "draws = 0", method="two-stage")
    with pytest.raises(DataError, match="covariate at progression is not in the data") as found:
        eq.analyze.run(trial, data)
    assert found.value.column == "ECOGPD"
    assert str(found.value) in refusals(trial, data)
    marker = pl.Series("ECOGPD", [float(i % 3) for i in range(207)])
    there = eq.analyze.run(trial, switching_trial.with_adsl(data, marker))
    assert "adjusted for ECOGPD" in next(r.method for r in there.of("switching") if r.group == "two-stage")
    missing = asked(tmp_path, "draws = 0", analysis=f'{ANALYSIS}covariates = ["AGE"]\n')
    with pytest.raises(DataError, match="the covariate is not in the data"):
        eq.analyze.run(missing, data)


@pytest.mark.parametrize("method", METHODS)
def test_nobody_switches(tmp_path: Path, method: str) -> None:
    """A result: what was observed, and that there was nothing to adjust for."""
    data = with_dates(switching_trial.patients(), pl.lit(None, dtype=pl.Date))
    found = eq.analyze.run(asked(tmp_path, "draws = 0", "beside = []", method=method), data)
    name = next(r.group for r in found.rows if r.statistic == "method of the analysis")
    assert math.isclose(value(found, "hazard ratio", name), value(found, "hazard ratio", "as observed"), rel_tol=1e-9)
    assert f"{NAME}: nobody in A switched: there is nothing to adjust for" in found.warnings
    assert not any("narrower" in text for text in found.warnings)


@pytest.mark.parametrize("method", METHODS)
def test_everybody_switches(tmp_path: Path, method: str) -> None:
    """A number with its warning, or none with its reason; no accident."""
    data = with_dates(switching_trial.patients(), everybody())
    lines = ['since = "randomization"'] if method in ("ipcw", "msm") else []
    trial = asked(tmp_path, "draws = 0", "beside = []", *lines, method=method)
    assert trial.testing is not None
    trial = trial.model_copy(update={"testing": trial.testing.model_copy(update={"sided": 1})})
    found = eq.analyze.run(trial, data)
    row = next(r for r in found.of(NAME) if r.statistic == "hazard ratio")
    assert row.value is not None or row.reason
    test = next(r for r in found.of(NAME) if r.statistic == "test P")
    assert (test.value is not None) == (row.value is not None)
    assert f"{NAME}: everybody in A switched" in found.warnings
    eq.report.html(trial, found)


def test_nothing_is_said_of_limits_that_are_not_there(tmp_path: Path) -> None:
    """Everybody switched: nobody is left to compare them with, in no sample either."""
    trial = asked(tmp_path, "draws = 40", 'beside = ["two-stage", "ipcw"]')
    found = eq.analyze.run(trial, with_dates(switching_trial.patients(), everybody()))
    said = [r.text for r in found.of("switching") if r.statistic == "warning on switching" and r.group == "two-stage"]
    assert "40 of 40 bootstrap samples have no estimate" in said
    page = eq.report.html(trial, found)
    assert "IPCW: IPCW" not in page


def everybody() -> pl.Expr:
    day = pl.col("RANDDT") + timedelta(days=1)
    return pl.when(CONTROL & pl.col("XODT").is_null()).then(day).otherwise(pl.col("XODT"))


def test_times_to_a_switch_that_nobody_made_have_their_reason(tmp_path: Path) -> None:
    trial = asked(tmp_path, "draws = 0", "beside = []")
    found = eq.analyze.run(trial, with_dates(switching_trial.patients(), pl.lit(None, dtype=pl.Date)))
    why = {r.reason for r in found.of("switching") if r.statistic.endswith("to switch median")}
    assert why == {"nobody switched"}


def test_two_analyses_of_an_estimand_have_sections_of_their_own(tmp_path: Path) -> None:
    second = ANALYSIS.replace(NAME, "OS, two-stage")
    lines = ["draws = 0", "beside = []", second, '[analyses."OS, two-stage".switching]\nmethod = "two-stage"']
    trial = asked(tmp_path, *lines, "draws = 0", "beside = []")
    page = eq.report.html(trial, eq.analyze.run(trial, switching_trial.patients()))
    for name in (NAME, "OS, two-stage"):
        assert f"<h2>Treatment switching: {name}</h2>" in page


def test_a_method_beside_that_cannot_be_computed_says_why(tmp_path: Path) -> None:
    """Somebody switched before progression: weights from progression on are refused, and stand with their reason."""
    data = with_dates(switching_trial.patients(), first_of("A", 0))
    trial = asked(tmp_path, "draws = 0", 'beside = ["ipcw", "two-stage"]')
    found = eq.analyze.run(trial, data)
    row = next(r for r in found.of("switching") if r.group == "IPCW" and r.statistic == "hazard ratio")
    assert row.value is None
    assert "no row from progression on ends in it (subject" in row.reason
    own = asked(tmp_path, "draws = 0", method="ipcw")
    with pytest.raises(EquipoiseError, match="no row from progression on ends in it .*XODT.*since = "):
        eq.analyze.run(own, data)
    assert data.adtte is not None
    alone = replace(data, adtte=data.adtte.filter(pl.col("PARAMCD") != "PFS"))
    with pytest.raises(DataError, match="day of progression is not known .*column PARAMCD PFS.*Add the endpoint"):
        switching.planned(trial, alone, trial.analyses[NAME]).found("two-stage")
    assert any("no row from progression on" in text for text in refusals(own, data))


def test_both_arms_may_switch(tmp_path: Path) -> None:
    day = pl.col("RANDDT") + timedelta(days=40)
    some = (pl.col("TRT01P") == "T+A") & (pl.col("SUBJID").cast(pl.Int64) % 3 == 0)
    some = some & (pl.coalesce("DTHDT", "LSTALVDT") > day)
    data = with_dates(switching_trial.patients(), pl.when(some).then(day).otherwise(pl.col("XODT")))
    trial = asked(tmp_path, 'may_switch = ["A", "T+A"]', 'since = "randomization"', "draws = 0")
    found = eq.analyze.run(trial, data)
    groups = {r.group for r in found.of("switching") if r.statistic == "curve survival"}
    assert groups == {"T+A", "A", "T+A, had nobody switched", "A, had nobody switched"}
    factors = {r.statistic for r in found.of("switching") if r.statistic.startswith("acceleration factor in")}
    assert {"acceleration factor in A", "acceleration factor in T+A"} <= factors
    eq.report.html(trial, found)


def test_dummy_labels(tmp_path: Path) -> None:
    """A dry run: those who switched are in both arms, and may."""
    trial = asked(tmp_path, "draws = 0")
    found = eq.analyze.run(trial, switching_trial.patients().with_dummy_labels(4))
    assert {r.group for r in found.of("switching") if r.statistic == "switched"} == {"A", "T+A"}
    assert {r.origin for r in found.of("switching")} == {"dummy"}
    assert "DUMMY" in eq.report.html(trial, found)


def test_at_a_data_cut(tmp_path: Path) -> None:
    """Whoever switched after the cut has not switched yet, and administrative censoring falls on it."""
    trial, data = asked(tmp_path, "draws = 0", "beside = []"), switching_trial.patients().cut(date(2003, 6, 1))
    record = switching.planned(trial, data, trial.analyses[NAME]).record
    assert data.adsl is not None
    assert int(record.switched.sum()) == data.adsl.filter(pl.col("XODT") <= date(2003, 6, 1)).height
    assert record.administrative is not None
    assert (record.administrative >= record.tte.time).all()
    close(value(eq.analyze.run(trial, data), "hazard ratio", "RPSFTM"), switching.rpsftm(record).hazard_ratio)


def test_a_switch_on_the_day_of_death(tmp_path: Path) -> None:
    """Death and the event of PFS on one day are the death, but for who switched on that day: they had progressed."""
    data, trial = switching_trial.patients(), asked(tmp_path, "draws = 0")
    assert data.adsl is not None
    died = data.adsl.filter(CONTROL & pl.col("DTHDT").is_not_null() & pl.col("XODT").is_null())["USUBJID"][:2].to_list()
    end = {row["USUBJID"]: row for row in data.adtte.filter(pl.col("PARAMCD") == "OS").iter_rows(named=True)}
    rows = pl.col("USUBJID").is_in(died) & (pl.col("PARAMCD") == "PFS")
    moved = data.adtte.with_columns(*(
        pl.when(rows).then(pl.col("USUBJID").replace_strict({s: end[s][c] for s in died}, default=None))
        .otherwise(pl.col(c)).alias(c) for c in ("AVAL", "ADT", "CNSR")
    ))  # fmt: skip
    switched = pl.when(pl.col("USUBJID") == died[0]).then(pl.col("DTHDT")).otherwise(pl.col("XODT"))
    patients = with_dates(replace(data, adtte=moved), switched)
    record = switching.switches(trial, patients, estimand="OS, had nobody switched")
    where = [record.tte.subject.tolist().index(s) for s in died]
    assert record.progression is not None
    assert record.progression[where].tolist() == [record.tte.time[where[0]], math.inf]
    assert record.switch[where[0]] == record.tte.time[where[0]]
    assert eq.analyze.run(trial, patients).of("switching")


def test_a_switch_after_another_event_that_ends_follow_up_is_none(tmp_path: Path) -> None:
    """Follow-up that is censored at another date knows of no switch after it."""
    other = 'intercurrent_events."other drug" = { strategy = "while on treatment", date = "OTHDT" }\n'
    trial = asked(tmp_path, "draws = 0", "beside = []", estimand=f"{ESTIMAND}{other}")
    data = switching_trial.patients()
    assert data.adsl is not None
    moved = data.adsl["XODT"].is_not_null().to_numpy().nonzero()[0][:5]
    days = pl.Series("OTHDT", [data.adsl["XODT"][i] - timedelta(days=1) if i in moved else None
                               for i in range(data.adsl.height)], dtype=pl.Date)  # fmt: skip
    plan = switching.planned(trial, switching_trial.with_adsl(data, days), trial.analyses[NAME])
    assert int(plan.record.switched.sum()) == data.adsl["XODT"].is_not_null().sum() - len(moved)
