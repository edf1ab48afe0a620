"""Plans whose last look is expected while patients still enter: what they say, what keeps them, what stays refused."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equipoise.design import (
    HwangShihDeCani,
    LanDeMets,
    MaxCombo,
    Milestone,
    Plan,
    RestrictedMean,
    accrual,
    formulas,
    group_sequential,
    in_whole_numbers,
    justification,
    median,
    obrien_fleming,
    read_plan,
    save_plan,
    survival,
)
from equipoise.design.methods import FORMULAS
from equipoise.errors import DesignError
from equipoise.kernels.trials import DAY, ENTERED_BY, MET
from equipoise.protocol import read
from equipoise.report import design_html, design_tables
from equipoise.results import Row, long_table
from equipoise.simulate import Trials, looks_of, nature_of
from equipoise.survival import FlemingHarrington
from equipoise.units import DAYS_PER_MONTH

TOML = Path(__file__).parents[1] / "end_to_end" / "early_looks.toml"
OF = obrien_fleming()
THREE = group_sequential(alpha=0.025, sided=1, information_fractions=[0.5, 113 / 150, 1], efficacy=OF)
TWO = group_sequential(alpha=0.025, sided=1, information_fractions=[0.6, 1], efficacy=LanDeMets("obrien-fleming"))
WEIGHTED = FlemingHarrington(0, 1)
METHODS = (
    *FORMULAS,
    WEIGHTED,
    RestrictedMean("6 months"),
    Milestone("6 months"),
    MaxCombo((FlemingHarrington(0, 0), WEIGHTED)),
)


def early(test: Any = THREE, **change: Any) -> Plan:
    asked: dict[str, Any] = {
        "hazard_ratio": 0.63,
        "events": 150,
        "patients": 207,
        "control": median("2.4 months"),
        "allocation": {"Drug": 1, "Placebo": 1},
        "accrual": accrual("36 months"),
    }
    return survival(test, **{**asked, **change})


@pytest.fixture(scope="module")
def plan() -> Plan:
    return early()


def of(rows: list[Row], statistic: str) -> Row:
    (found,) = [row for row in rows if row.statistic == statistic and not row.group and row.at is None]
    return found


# What is said


def test_sentence(plan: Plan) -> None:
    said = str(plan)
    for words in (
        "150 events among at most 207 patients give a power of 79.8%",
        "5.75 a month for 36 months; the last look is expected at 30.6 months, while patients still enter: 175.7 of "
        "207 have entered by then. Assumed of Placebo",
        "expected 17.4, 24.1 and 30.6 months after the first patient",
        "Solved for power and the time of the last look",
    ):
        assert words in said, said
    assert "the last is followed" not in said
    assert "nobody is followed for longer than 6.0 months." in str(early(events=120, follow_up_each="6 months"))
    assert plan.looks().splitlines()[-1].split()[:4] == ["3", "30.6", "150", "175.7"]


def test_rows_hold_no_follow_up_below_zero(plan: Plan) -> None:
    rows = plan.rows()
    last = of(rows, "follow-up of the last patient")
    assert (last.value, last.text) == (0, "0.0 months")
    assert last.reason.startswith("the last look is expected at 30.6 months, while patients still enter: 175.7 of 207")
    by_then = of(rows, "patients by the last look")
    assert (by_then.value, by_then.text) == (plan.look_patients[-1], "175.7 of 207")
    assert of(rows, "patients in all").value == 207
    assert of(rows, "accrual duration").value == 36 * DAYS_PER_MONTH
    assert of(rows, "duration").value == plan.look_times[-1]
    assert min(row.value for row in rows if row.value is not None and row.unit == "days") >= 0
    usual = early(accrual=accrual("10 months")).rows()
    assert not [row for row in usual if row.statistic == "patients by the last look"]
    assert not of(usual, "follow-up of the last patient").reason


def test_curves_go_on_until_all_have_entered(plan: Plan) -> None:
    curve = [row for row in plan.rows() if row.statistic == "curve expected patients"]
    assert (curve[-1].at, curve[-1].value) == (36 * DAYS_PER_MONTH, 207)
    assert max(b.at - a.at for a, b in pairwise(curve)) < 31  # type: ignore[operator]


def test_report() -> None:
    trial = read(TOML)
    found = justification(trial)
    assert found.plan.during_accrual
    assert found.unrounded.during_accrual
    assert (found.unrounded.patients, found.plan.patients) == (207, 208)  # whole blocks
    note = "the last look is expected at 30.4 months, while patients still enter: 175.8 of 208 have entered by then"
    assert f"{note}; more enter if its events come later than expected" in found.notes
    assert any("150.00 events among at most 207.00 patients" in one for one in found.notes)
    page = design_html(trial, found)
    for words in (note, "175.8 of 208", "Drug, if all enter", "at most 207.0"):
        assert words in page, words
    _, taken, every, *_ = design_tables(found.rows())
    assert dict(taken.lines)["Patients"][0] == "175.8 of 208"
    assert len(every.lines) == len(FORMULAS)
    powers = {row.group: row.value for row in found.rows() if (row.analysis, row.statistic) == ("formulas", "power")}
    assert len(set(powers.values())) > 4
    assert long_table(found.rows()).height == len(found.rows())


# What keeps it


def test_round_trip(plan: Plan, tmp_path: Path) -> None:
    for one in (plan, in_whole_numbers(plan)):
        save_plan(one, tmp_path / "plan.json")
        again = read_plan(tmp_path / "plan.json")
        assert again == one
        assert again.during_accrual
        assert str(again) == str(one)
    saved = json.loads((tmp_path / "plan.json").read_text())
    assert saved["solved"]["follow_up"] == 0


def test_in_whole_numbers(plan: Plan) -> None:
    whole = in_whole_numbers(early(events=149.2, patients=206.5, test=TWO))
    assert (whole.patients, whole.during_accrual, whole.follow_up) == (208, True, 0)
    assert whole.look_events.sum(axis=1) == pytest.approx([90, 150], rel=1e-12)
    blocks = in_whole_numbers(plan, block_size=10)
    assert (blocks.patients, blocks.during_accrual) == (210, True)


def test_absolute_rates_and_an_open_end(plan: Plan) -> None:
    for enters in (accrual([("36 months", 5.75)]), accrual([(None, 5.75)])):
        same = early(accrual=enters)
        np.testing.assert_allclose(same.look_times, plan.look_times, rtol=1e-12)
        assert same.during_accrual


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_those_who_enter_later_do_not_matter(method: Any) -> None:
    """The same trial, closed to accrual on the day of its last look: events, times and power are the same.

    The exact score takes arms to have fixed shares of all who are recruited; of those who have entered they would make
    its variance .968099, not .968137, which is 3.4e-6 of the power (tolerance set after seeing that).
    """
    found = early(TWO, method=method, hazard_ratio=0.55)
    assert found.during_accrual
    end = found.duration
    closed = early(
        TWO, method=method, hazard_ratio=0.55, events=None, patients=None, follow_up="0 days",
        accrual=accrual([(f"{end!r} days", 207 / 36)]),
    )  # fmt: skip
    assert not closed.during_accrual
    for name in ("events", "power", "look_times", "look_events", "look_patients", "stop_for_efficacy", "false_claim"):
        rel = 2e-5 if method == "exact score" else 1e-8
        np.testing.assert_allclose(getattr(found, name), getattr(closed, name), rtol=rel, err_msg=name)


@settings(deadline=None, max_examples=60)
@given(
    months=st.floats(0.5, 40),
    over=st.floats(1, 60),
    ratio=st.floats(0.3, 0.9),
    patients=st.integers(60, 3000),
    late=st.floats(0.2, 5),
)
def test_events_and_patients_say_when(months: float, over: float, ratio: float, patients: int, late: float) -> None:
    """Events that are expected by a month, whether before or after the end of accrual, are back at that month."""
    enters = accrual([(f"{over / 2!r} months", 1), (f"{over / 2!r} months", late)], relative=True)
    by_month = early(
        TWO, hazard_ratio=ratio, patients=patients, events=None, accrual=enters, follow_up=f"{months!r} months"
    )
    back = early(TWO, hazard_ratio=ratio, patients=patients, events=by_month.events, accrual=enters)
    # near their end events hardly come, so that a share of 1e-13 of them is a long time
    left = 1 - by_month.events / patients
    assert back.duration == pytest.approx(by_month.duration, rel=1e-9, abs=1e-11 / left)
    assert not back.during_accrual
    fewer = early(TWO, hazard_ratio=ratio, patients=patients, events=by_month.events / (2 + months), accrual=enters)
    assert fewer.follow_up >= 0
    assert fewer.duration < by_month.duration
    assert fewer.during_accrual == (fewer.look_patients[-1] < patients)
    assert fewer.during_accrual == (fewer.duration < fewer.accrual.duration)
    assert fewer.events == pytest.approx(by_month.events / (2 + months), rel=1e-9)


def test_a_last_look_on_the_last_day_of_accrual() -> None:
    at_the_end = early(events=None, follow_up="0 days")
    again = early(events=at_the_end.events)
    assert (again.follow_up, again.during_accrual) == (0, False)
    assert "and the last is followed for 0.0 months" in str(again)
    assert early(events=at_the_end.events * (1 - 1e-6)).during_accrual
    later = early(events=at_the_end.events * (1 + 1e-6))
    assert later.follow_up > 0
    assert not later.during_accrual


def test_futility_and_two_sides() -> None:
    powered = group_sequential(
        alpha=0.025, sided=1, information_fractions=[0.5, 1], efficacy=OF, power=0.8, futility=HwangShihDeCani(-2)
    )
    found = early(powered)
    assert found.during_accrual
    assert found.futility_bounds is not None
    two = group_sequential(alpha=0.05, sided=2, information_fractions=[0.5, 113 / 150, 1], efficacy=OF)
    assert early(two).power == pytest.approx(early().power, rel=1e-5)


def test_formulas_side_by_side() -> None:
    found = formulas(
        THREE, hazard_ratio=0.63, events=150, patients=207, control=median("2.4 months"),
        allocation={"Drug": 1, "Placebo": 1}, accrual=accrual("36 months"),
    )  # fmt: skip
    assert not found.refused
    assert {one.events for one in found.plans.values()} == {found.plans["schoenfeld"].events}
    assert {one.duration for one in found.plans.values()} == {found.plans["schoenfeld"].duration}
    assert all(one.during_accrual for one in found.plans.values())


def test_decisions(plan: Plan) -> None:
    assert plan.decide(3, 2.5, favours="Drug", information=150, earlier=[75, 113]).verdict == "efficacy"
    assert plan.decide(2, 1.0, favours="Drug", information=110, earlier=[75]).verdict == "go on"


# What is simulated


@pytest.mark.parametrize("change", [{}, {"events": 20, "patients": 300}], ids=["late", "soon"])
@pytest.mark.parametrize("ratio", [None, 1.0])
def test_trials_draw_all_patients_and_wait_for_the_events(change: Any, ratio: float | None) -> None:
    one = early(TWO, **change)
    drawn = nature_of(one, hazard_ratio=ratio)
    assert drawn.patients == one.patients
    assert drawn.accrual[:, -1] == pytest.approx([36 * DAYS_PER_MONTH, 1])
    assert drawn.timings[0, 0] == math.floor(36 * DAYS_PER_MONTH + 0.5)
    trials = 2_000
    found = Trials(
        nature=drawn, looks=looks_of(one), experimental="Drug", control="Placebo", endpoint=1, seed=1, cox=False
    ).found(0, trials)
    assert (found[:, :, MET] == 1).all()
    entered = found[:, -1, ENTERED_BY : ENTERED_BY + 2].sum(axis=1)
    assert entered.max() <= one.patients
    day = found[:, -1, DAY]
    none = early(TWO, **change, hazard_ratio=0.9999, method="score")  # its looks come as without any effect
    planned = (none if ratio else one).duration, float((none if ratio else one).look_patients[-1])
    # The mean day of the n-th event is not that by which n are expected: 1.2% apart at 20 events (set after seeing it).
    assert day.mean() == pytest.approx(planned[0], rel=0.02)
    assert entered.mean() == pytest.approx(planned[1], rel=0.02)


# What stays refused


def test_a_power_before_the_last_patient_is_refused() -> None:
    """A power alone says nothing of when it is reached; the remedy names the way that works."""
    with pytest.raises(DesignError, match=r"207 patients have the power .* or give events in place of power") as told:
        early(events=None, power=0.6)
    assert told.value.where == "patients"
    assert early(events=100).during_accrual


def test_events_that_never_come_are_refused() -> None:
    with pytest.raises(DesignError, match="207 patients never have 208 events"):
        early(events=208)


def test_whole_numbers_do_not_bring_a_look_into_accrual() -> None:
    """Who asked for follow-up is not given a last look during accrual."""
    asked = early(events=None, patients=None, power=0.8, follow_up="0 days")
    with pytest.raises(DesignError, match=r"in whole blocks of 50, 151 events are .* enters at 36.00 \(block_size"):
        in_whole_numbers(asked, block_size=50)


@pytest.mark.parametrize("method", [RestrictedMean("31 months"), Milestone("31 months")], ids=str)
def test_nobody_is_followed_so_long_by_the_last_look(method: Any) -> None:
    with pytest.raises(DesignError, match="nobody is followed for"):
        early(method=method)
