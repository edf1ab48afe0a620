"""What analyses adjusted for switching say against themselves, and curves that their weights give."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.unit import switching_trial
from tests.unit.test_switching_methods import N, everybody, marker, record, subjects
from tests.unit.test_switching_rows import both_arms

import equipoise as eq
from equipoise.analyze.adjusted import NO_CURVE, adjusted, estimate_of
from equipoise.analyze.switching import Recensored, ipcw, ipe, msm, two_stage, two_stage_g
from equipoise.analyze.switching.weights import weight_warnings
from equipoise.analyze.switching_rows import _against_common_effect
from equipoise.survival import kaplan_meier


def test_a_curve_is_not_stabilized_by_what_it_is_not_adjusted_for() -> None:
    """A numerator that knows the age leaves switching to depend on it, which a curve of everybody would keep."""
    strata = np.arange(N) % 3
    known = [
        ipcw(record(), marker(), covariates=["age"], truncate=(0, 0.9)),
        msm(record(), marker(), covariates=["age"], truncate=(0, 0.9)),
        ipcw(record(strata=strata), marker(), truncate=(0, 0.9)),
        ipcw(record(strata=strata), marker(), model="cox", truncate=(0, 0.9)),
    ]
    for found in known:
        rows = found.weighted
        mine = rows.arm == "A"
        assert rows.of_curve[mine] == pytest.approx(np.minimum(rows.unstabilized, rows.of_curve.max())[mine])
        assert rows.of_curve.max() == pytest.approx(np.quantile(rows.unstabilized[mine], 0.9))
        assert found.curves is not None
        assert "not stabilized" in found.curves.method
    plain = ipcw(record(strata=strata), marker(), stratified=False)
    assert (plain.weighted.of_curve == plain.weighted.used).all()
    assert plain.curves is not None
    assert "as the outcome model" in plain.curves.method


def test_curves_count_subjects_once_and_events_before_a_switch() -> None:
    d = subjects()
    for found in (ipcw(record(), marker()), ipcw(record(), marker(), model="cox"), msm(record(), marker())):
        assert found.curves is not None
        for arm, curve in found.curves.items():
            mine = d["arm"] == arm
            assert curve.subjects == mine.sum() == curve.at_risk[0]
            assert curve.events == (mine & np.isinf(d["switch"]) & (d["event"] == 1)).sum()
            assert (np.diff(curve.survival) <= 0).all()
        observed = kaplan_meier(record().tte)["B"]
        assert found.curves["B"].survival == pytest.approx(observed.survival, rel=1e-12)
        assert found.curves["B"].lower == pytest.approx(observed.lower, rel=1e-9, nan_ok=True)


def test_a_weight_beyond_floating_point_has_no_curve(tmp_path: Path) -> None:
    found = ipcw(record(), marker())
    weight = np.where(np.arange(len(found.weighted.used)) == 1, math.inf, found.weighted.used)
    found = replace(found, weighted=replace(found.weighted, of_curve=weight))
    assert found.curves is None
    table = '\n[analyses."OS, adjusted".switching]\nmethod = "ipcw"\ndraws = 0\nbeside = []\n'
    trial = switching_trial.protocol(tmp_path, table)
    mine = adjusted(trial, switching_trial.patients(), trial.analyses[switching_trial.NAME])
    assert mine.curves is not None
    assert replace(mine.estimate, found=found).no_curve == NO_CURVE


@pytest.mark.parametrize("method", ["ipcw", "msm"])
def test_the_report_draws_the_weighted_curve(tmp_path: Path, method: str) -> None:
    table = f'\n[analyses."OS, adjusted".switching]\nmethod = "{method}"\ndraws = 0\nbeside = []\n'
    trial = switching_trial.protocol(tmp_path, table)
    found = eq.analyze.run(trial, switching_trial.patients())
    mine = [r for r in found.of(switching_trial.NAME) if r.group == "A"]
    assert {r.statistic for r in mine if r.value is not None} >= {"median", "survival", "survival lower limit"}
    page = eq.report.html(trial, found)
    assert "and had nobody switched (dashed)" in page
    assert f"rows before a switch, weighted by {method.upper()}" in page


def test_without_a_limit_nothing_is_said_of_a_common_effect(tmp_path: Path) -> None:
    plan = both_arms(tmp_path, 2.0)
    common, other = estimate_of(plan, "rpsftm"), estimate_of(plan, "two-stage")
    factor = common.factors[0]
    no_upper = replace(factor, conf_int=(factor.conf_int[0], math.nan), limit_reasons=("", "Z does not pass -1.96"))
    said = _against_common_effect(replace(common, factors=(no_upper,)), [common, other], "experimental")
    assert [kind for kind, _ in said] == ["note on switching"] * 2
    untold = "whether they differ cannot be told, for RPSFTM's has no {} limit (Z does not pass -1.96)"
    assert said[0][1].endswith(untold.format("upper"))
    assert said[1][1].endswith(untold.format("lower"))  # there a common effect makes it 1 over the factor
    assert not any("no sign" in text for _, text in said)
    endless = replace(factor, conf_int=(0.0, math.inf))
    said = _against_common_effect(replace(common, factors=(endless,)), [common, other], "experimental")
    assert all("RPSFTM's has no lower limit; RPSFTM's has no upper limit" in text for _, text in said)


@pytest.mark.parametrize("keep", [1, 3])
def test_few_who_switched(keep: int) -> None:
    d = subjects()
    kept = np.flatnonzero(np.isfinite(d["switch"]) & (d["event"] == 1))[:keep]
    switch = np.where(np.isin(np.arange(N), kept), d["switch"], math.inf)
    who = "1 subject who" if keep == 1 else "3 subjects who"
    warned = f"the acceleration factor in A rests on {who} switched (fewer than 10)"
    for found in (two_stage(record(switch=switch)), two_stage_g(record(switch=switch), marker(), time_df=0)):
        assert not found.effects[0].reason
        assert any(w.startswith(warned) for w in found.warnings), found.name
    for found in (two_stage(record()), two_stage_g(record(), marker())):
        assert not any("rests on" in w for w in found.warnings)


def test_ipe_where_everybody_switched_rests_on_its_law() -> None:
    said = "everybody in A switched: nobody of the arm is left to compare them with, so that the factor rests on"
    assert any(w.startswith(said) for w in ipe(everybody()).warnings)
    assert not any("rests on the law" in w for w in ipe(record()).warnings)


@pytest.mark.parametrize("law", ["weibull", "lognormal"])
def test_the_model_of_ipe_is_that_of_the_times_it_restores(law: str) -> None:
    found = ipe(record(strata=np.arange(N) % 2), distribution=law, covariates=["age"]).effects[0]  # type: ignore[arg-type]
    assert found.model is not None
    assert -found.model.coef[1] == pytest.approx(found.psi, abs=1e-6)


def test_a_small_effective_size_is_told() -> None:
    """From progression on the mean is below 1 by design, and only what is left is judged."""
    summary = ipcw(record(), marker()).summaries[0]
    small = replace(summary, effective=0.49 * summary.subjects, minimum=0.0123, mean=1.0, maximum=2.0)
    low = [w for w in weight_warnings([small], True) if "effective" in w]
    assert low == [
        f"unequal weights in A leave an effective sample size of 19.6 of {summary.subjects} subjects, less than half "
        "(smallest weight 0.012): little is known, and positivity may be in doubt"
    ]
    half = replace(small, effective=0.5 * summary.subjects)
    assert not any("effective" in w for w in weight_warnings([half], True))


def test_no_tail_is_lost_where_the_last_day_stays() -> None:
    lost = Recensored(arm="A", of=10, subjects=3, events=6, events_lost=1, followed=898, followed_after=898)
    assert str(lost) == "recensoring cut the follow-up of 3 of 10 subjects in A and took 1 of 6 events"
    assert str(replace(lost, followed_after=700)).endswith("; nothing is known after day 700 (without it: 898)")
