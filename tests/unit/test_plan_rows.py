"""A plan as rows of the long table: the numbers of the record, look by look, with a reason wherever there is none."""

from __future__ import annotations

import math

import pytest

from equipoise import design
from equipoise.design import Plan
from equipoise.results import COLUMNS, Row
from equipoise.survival import FlemingHarrington


def planned(futility: object = None, method: object = "schoenfeld", **test: object) -> Plan:
    given = {"alpha": 0.025, "sided": 1, "information_fractions": [0.4, 0.7, 1], "power": 0.9} | test
    kind = design.LanDeMets("obrien-fleming")
    return design.survival(
        design.group_sequential(**{"efficacy": kind, "futility": futility, **given}),
        control=design.median("6 months"),
        allocation={"B": 2, "A": 1},
        accrual=design.accrual("24 months"),
        follow_up="12 months",
        hazard_ratio=0.65,
        dropout=design.dropout(0.05, by="12 months"),
        method=method,
    )


def of(plan: Plan, statistic: str, group: str = "") -> list[Row]:
    return [row for row in plan.rows() if row.statistic == statistic and row.group == group]


def values(plan: Plan, statistic: str, group: str = "") -> list[float | None]:
    return [row.value for row in of(plan, statistic, group)]


def test_every_number_of_the_looks_is_a_row() -> None:
    plan = planned(design.HwangShihDeCani(-2))
    assert plan.futility_bounds is not None
    assert plan.futility_effects is not None
    assert plan.efficacy_effects is not None
    assert values(plan, "information fraction") == [0.4, 0.7, 1]
    assert values(plan, "look time") == plan.look_times.tolist()
    assert values(plan, "events") == pytest.approx(plan.look_events.sum(axis=1).tolist())
    assert values(plan, "events", "A") == plan.look_events[:, 0].tolist()
    assert values(plan, "events", "B") == plan.look_events[:, 1].tolist()
    assert values(plan, "patients") == plan.look_patients.tolist()
    assert values(plan, "dropouts") == plan.look_dropouts.tolist()
    assert values(plan, "efficacy bound z") == plan.efficacy_bounds.tolist()
    assert values(plan, "futility bound z") == plan.futility_bounds.tolist()
    assert values(plan, "efficacy bound hazard ratio") == plan.efficacy_effects.tolist()
    assert values(plan, "futility bound hazard ratio") == plan.futility_effects.tolist()
    assert values(plan, "alpha spent") == plan.test.alpha_spent.tolist()
    assert plan.test.beta_spent is not None
    assert values(plan, "beta spent") == plan.test.beta_spent.tolist()
    assert values(plan, "probability of efficacy by then")[-1] == pytest.approx(plan.power)
    assert [row.at for row in of(plan, "events")] == [1, 2, 3]
    assert values(plan, "power") == [plan.power]
    assert values(plan, "events in all") == [plan.events]
    assert sum(values(plan, "patients in all", arm)[0] or 0 for arm in "AB") == pytest.approx(plan.patients)
    for group, taken in (("under the effect", plan.under_effect), ("under no effect", plan.under_none)):
        assert values(plan, "expected events", group) == [taken.events]
        assert values(plan, "expected patients", group) == [taken.patients]
        assert values(plan, "expected duration", group) == [taken.duration]


def test_bounds_on_the_scale_of_conditional_power() -> None:
    plan = planned(design.HwangShihDeCani(-2))
    for side, bounds in (("efficacy", plan.efficacy_bounds), ("futility", plan.futility_bounds)):
        found = of(plan, f"{side} bound conditional power")
        assert [row.at for row in found] == [1, 2]  # after the last look nothing comes
        for row, z in zip(found, bounds, strict=False):
            going_on = design.conditional_power(plan.test, float(z), look=int(row.at or 0), obey_futility=False)
            assert row.value == float(going_on[-1])


def test_what_has_no_value_has_a_reason() -> None:
    late = planned(efficacy=design.UserSpending((0, 0.5, 1)))
    (first, *_) = of(late, "efficacy bound z")
    assert (first.value, first.text, first.reason) == (None, "none", "there is no bound at this look")
    assert [row.at for row in of(late, "efficacy bound hazard ratio")] == [2, 3]
    combo = design.MaxCombo((FlemingHarrington(0, 0), FlemingHarrington(0, 1)))
    plan = planned(method=combo, information_fractions=[0.7, 1])
    for statistic in ("efficacy bound P one-sided", "efficacy bound conditional power"):
        assert {row.reason for row in of(plan, statistic)} == {"a MaxCombo test has no normal statistic"}
    assert not of(plan, "efficacy bound hazard ratio")
    for one in (late, plan, planned(design.HwangShihDeCani(-2))):
        assert all(row.reason for row in one.rows() if row.value is None and row.statistic != "sentence")
        assert all(row.method and not row.origin for row in one.rows())


def test_curves_pass_through_the_looks() -> None:
    plan = planned(design.KimDeMets(2))
    curve = of(plan, "curve expected events", "under the effect")
    assert curve[0].value == 0
    assert (curve[-1].at or 0) >= plan.duration
    course = plan.population.course(plan.hazard_ratio, plan.accrual)
    day = next(row for row in curve if row.at == 24 * 30.4375)
    assert day.value == pytest.approx(plan.patients * design.course.events_share(course, 24 * 30.4375), rel=1e-12)
    alpha, beta = of(plan, "curve alpha spent"), of(plan, "curve beta spent")
    assert (alpha[0].value, alpha[40].at, alpha[-1].value) == (0, pytest.approx(0.4), pytest.approx(0.025))
    assert alpha[40].value == pytest.approx(plan.test.alpha_spent[0], rel=1e-9)
    assert beta[70].value == pytest.approx(0.1 * 0.7**2)


def test_two_sided_tests_have_both_p_values() -> None:
    plan = planned(alpha=0.05, sided=2)
    one, two = values(plan, "efficacy bound P one-sided"), values(plan, "efficacy bound P two-sided")
    assert two == [2 * (p or 0) for p in one]
    assert values(plan, "curve alpha spent")[-1] == pytest.approx(0.05)


def test_the_table_is_long_and_the_looks_are_text() -> None:
    plan = planned()
    assert tuple(plan.table().columns) == COLUMNS
    assert plan.table().height == len(plan.rows())
    assert plan.looks().splitlines()[0].split()[:2] == ["look", "months"]
    assert all(math.isfinite(row.value) for row in plan.rows() if row.value is not None)


def test_differences_are_in_their_own_unit() -> None:
    plan = planned(method=design.RestrictedMean("12 months"))
    (row, *_) = of(plan, "efficacy bound difference in restricted means")
    assert row.unit == "days"
    plan = planned(method=design.Milestone("12 months"))
    assert len(of(plan, "efficacy bound difference in survival")) == 3
