"""Designs on the same simulated trials: each as ``operating`` has it, and differences with their paired errors."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from equipoise.design import LanDeMets, Plan, accrual, group_sequential, median, survival
from equipoise.errors import EquipoiseError
from equipoise.kernels.trials import DAY, EVENTS, MET, Z
from equipoise.protocol import Protocol, read
from equipoise.simulate import Cut, Looks, Paired, Trials, compare_designs, looks_of, nature, operating
from equipoise.simulate.many import stops, sums_of
from equipoise.simulate.operating import analyzed_by
from equipoise.simulate.trial import analysis_of

ONE = Looks(cuts=(Cut(events=90),), efficacy=[1.96], sided=1)
TWO = Looks(cuts=(Cut(events=50), Cut(events=90)), efficacy=[2.7, 1.98], futility=[0.2, -math.inf], sided=1)
LATE = Looks(cuts=(Cut(time="30 months"),), efficacy=[1.96], sided=1)
DESIGNS = {"one look": ONE, "two looks": TWO, "on a day": LATE}


@pytest.fixture(scope="module")
def protocol() -> Protocol:
    return read(Path(__file__).parent / "simulated_trial.toml")


@pytest.fixture(scope="module")
def found(protocol: Protocol) -> Paired:
    return compare_designs(protocol, DESIGNS, scenario="survival alone", estimand="OS", trials=2_500, seed=5)


def singles(protocol: Protocol, looks: Looks, trials: int, first: int = 0) -> tuple[Trials, Any]:
    scenario = protocol.scenario["survival alone"]
    of = analyzed_by(protocol, scenario, analysis_of(protocol, "OS"))
    task = Trials(nature=nature(protocol, scenario, 150), looks=looks, seed=5, **of)
    return task, task.found(first, trials)


@pytest.mark.parametrize("name", DESIGNS)
def test_each_design_is_what_operating_says_of_it(protocol: Protocol, found: Paired, name: str) -> None:
    alone = operating(protocol, looks=DESIGNS[name], scenario="survival alone", estimand="OS", trials=2_500, seed=5)
    d = list(DESIGNS).index(name)
    assert found.power[d] == alone.power
    assert found.power_error[d] == pytest.approx(alone.power_error, rel=1e-12)
    for kind in ("events", "day"):
        mean, error = alone.expected[kind]
        assert getattr(found, kind)[d] == mean
        assert getattr(found, f"{kind}_error")[d] == pytest.approx(error, rel=1e-9)


def by_rule(looks: Looks, found: Any) -> list[tuple[float, float, float]]:
    """Claim, events and day of each trial, the rule read out one look after another."""
    ends = []
    for trial in found:
        claim = 0.0
        for k, look in enumerate(trial):
            if look[MET] == 1 and look[Z] >= looks.efficacy[k]:
                claim = 1.0
                break
            if look[MET] == 1 and looks.futility is not None and look[Z] <= looks.futility[k]:
                break
        ends.append((claim, float(look[EVENTS] + look[EVENTS + 1]), float(look[DAY])))
    return ends


def test_differences_are_of_single_trials(protocol: Protocol, found: Paired) -> None:
    one, two = (np.array(by_rule(looks, singles(protocol, looks, 2_500)[1])) for looks in (ONE, TWO))
    off = two - one
    assert 0 < (off[:, 0] != 0).sum() < 500
    for k, kind in enumerate(("power", "events", "day")):
        assert getattr(found, f"{kind}_difference")[1] == pytest.approx(off[:, k].mean(), rel=1e-12)
        assert getattr(found, f"{kind}_difference_error")[1] == pytest.approx(off[:, k].std() / 50, rel=1e-9)
        assert getattr(found, f"{kind}_difference")[0] == getattr(found, f"{kind}_difference_error")[0] == 0
    independent = math.hypot(found.power_error[0], found.power_error[1])
    assert found.power_difference_error[1] < independent / 2


def test_the_error_of_a_paired_difference_is_the_spread_of_such_differences(protocol: Protocol) -> None:
    runs = [
        compare_designs(protocol, {"a": ONE, "b": TWO}, scenario="survival alone", estimand="OS", trials=400, seed=seed)
        for seed in range(40)
    ]
    for kind in ("power", "events", "day"):
        spread = np.std([getattr(run, f"{kind}_difference")[1] for run in runs], ddof=1)
        told = np.mean([getattr(run, f"{kind}_difference_error")[1] for run in runs])
        assert 0.7 < spread / told < 1.4, kind  # a standard deviation of 40 has a relative error of 11%


def test_the_same_design_twice_differs_in_nothing(protocol: Protocol) -> None:
    same = compare_designs(protocol, {"a": TWO, "b": TWO}, scenario="everything", trials=200, seed=1)
    for kind in ("power", "events", "day"):
        assert getattr(same, f"{kind}_difference").tolist() == [0, 0]
        assert getattr(same, f"{kind}_difference_error").tolist() == [0, 0]
    assert same.context.estimand == "PFS"


def test_where_trials_stop(protocol: Protocol) -> None:
    """Two-sided: a claim for the control arm stops a trial and is no claim; unmet looks stop nothing."""
    both = Looks(cuts=(Cut(events=60), Cut(events=110)), efficacy=[0.8, 0.5], sided=2)
    task, seen = singles(protocol, both, 400)
    ended = stops(task, seen)
    first = np.abs(seen[:, 0, Z]) >= 0.8
    assert (ended.at == np.where(first, 0, 1)).all()
    assert (
        ended.claimed == np.where(first, seen[:, 0, Z] >= 0.8, (seen[:, 1, Z] >= 0.5) & (seen[:, 1, MET] == 1))
    ).all()
    assert ended.control[:, 0].sum() == (seen[:, 0, Z] <= -0.8).sum() > 0
    assert (seen[:, 1, MET] == 0).any()
    sums = sums_of(task, seen)
    assert sums.by_look["efficacy"].sum() == ended.claimed.sum()


def test_rows_and_a_sentence(found: Paired) -> None:
    rows = {(r.group, r.statistic): r for r in found.rows()}
    assert found.table().height == len(found.rows()) == 1 + 3 * 6 + 2 * 6
    assert rows["two looks - one look", "difference in power"].value == found.power_difference[1]
    assert (
        rows["two looks - one look", "difference in power Monte Carlo error"].value == found.power_difference_error[1]
    )
    assert rows["one look", "expected day"].unit == "days"
    assert {r.origin for r in found.rows()} == {"simulated"}
    text = str(found)
    assert text.startswith(
        "In the same 2,500 simulated trials of 150 patients (Survival alone, seed 5) the power of one"
    )
    assert (
        f"two looks differs from it by {rows['two looks - one look', 'difference in power'].text} in power"
        in text.replace("by +", "by ")
    )
    with pytest.raises(ValueError, match="read-only"):
        found.power[0] = 1


@pytest.mark.parametrize(
    ("designs", "more", "words"),
    [
        ({"a": ONE}, {}, "two or more"),
        ({}, {}, "two or more"),
        ([ONE, TWO], {}, "names no designs"),
        ({"a": ONE, "b": "x"}, {}, "has no looks"),
        ({"a": ONE, " ": TWO}, {}, "has no looks"),
        ({"a": ONE, "b": Looks(cuts=(Cut(events=60),), efficacy=[1.96], sided=2)}, {}, "one-sided and two-sided"),
        ({"a": ONE, "b": TWO}, {"trials": 0}, "no number of trials"),
        ({"a": ONE, "b": TWO}, {"seed": -1}, "no seed"),
        ({"a": ONE, "b": TWO}, {"scenario": "x"}, "no scenario"),
        ({"a": ONE, "b": TWO}, {"estimand": "ORR"}, "no analysis"),
        ({"a": ONE, "b": TWO}, {"subjects": 1}, "2 or more"),
    ],
)  # fmt: skip
def test_what_is_refused(protocol: Protocol, designs: Any, more: dict[str, Any], words: str) -> None:
    with pytest.raises(EquipoiseError) as caught:
        compare_designs(protocol, designs, **{"scenario": "survival alone", "trials": 10, "seed": 1, **more})
    assert words in str(caught.value)


@pytest.fixture(scope="module")
def plan() -> Plan:
    test = group_sequential(alpha=0.025, sided=1, information_fractions=[0.6, 1], efficacy=LanDeMets("obrien-fleming"))
    return survival(
        test, hazard_ratio=0.65, power=0.8, control=median("6 months"), allocation={"E": 1, "C": 1},
        accrual=accrual("12 months"), follow_up="9 months",
    )  # fmt: skip


def test_the_patients_that_a_plan_assumes(plan: Plan) -> None:
    looks = looks_of(plan)
    found = compare_designs(None, {"planned": looks, "last": once(looks)}, plan=plan, trials=1_500, seed=2)
    alone = operating(None, plan=plan, trials=1_500, seed=2)
    assert (found.power[0], found.events[0]) == (alone.power, alone.expected["events"][0])
    assert found.subjects == round(plan.patients)
    assert found.events_difference[1] > 10 * found.events_difference_error[1]
    for more in ({"scenario": "x"}, {"subjects": 20}, {"estimand": "OS"}):
        with pytest.raises(EquipoiseError, match="the plan says who the patients are"):
            compare_designs(None, {"a": ONE, "b": TWO}, plan=plan, trials=10, seed=1, **more)  # type: ignore[arg-type]
    with pytest.raises(EquipoiseError, match="nothing says who the patients are"):
        compare_designs(None, {"a": ONE, "b": TWO}, trials=10, seed=1)


def once(looks: Looks) -> Looks:
    return Looks(cuts=looks.cuts[-1:], efficacy=[1.959963984540054], sided=looks.sided)


def test_a_plan_is_no_design(protocol: Protocol, plan: Plan) -> None:
    with pytest.raises(EquipoiseError, match="has no looks"):
        compare_designs(protocol, {"a": ONE, "b": plan}, scenario="survival alone", trials=10, seed=1)  # type: ignore[dict-item]
