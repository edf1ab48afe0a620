"""The demonstration of crossover: what is assumed, what is rebuilt under it, how it is counted, and what is refused."""

from __future__ import annotations

import math
import os
from dataclasses import fields, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from equipoise.analyze import endpoint
from equipoise.data import Patients
from equipoise.errors import DataError, EquipoiseError, ProtocolError
from equipoise.printing import print_demonstrations
from equipoise.protocol import FURTHER_PARTS, Protocol, example
from equipoise.reconstruct import Assumed, Demonstration, Found, asked, demonstrate, search
from equipoise.reconstruct import demonstration as module
from equipoise.reconstruct.demonstration import (
    REPLAYED,
    WAYS,
    assumed,
    assumed_effects,
    meaning,
    none_crossing,
    ratio_in_model,
    summary,
    with_effect,
)
from equipoise.reconstruct.ensemble import as_patients, task_of
from equipoise.report import demonstrations
from equipoise.report.demonstration import demonstration_figure
from equipoise.results import COLUMNS
from equipoise.run import _with_demonstrations
from equipoise.simulate import Cut
from equipoise.simulate import trial as simulated

SENTENCE = (
    "the abstract cannot tell what overall survival would have been without crossover; every value here is an "
    "assumption returned"
)
TABLE, OS = "overall survival by crossover", "OS, treatment policy"


@pytest.fixture(scope="module")
def trial() -> Protocol:
    return example("tandem")


@pytest.fixture(scope="module")
def small(trial: Protocol) -> Demonstration:
    """One cohort under each assumption, with a small draw."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "PARTS", 2)
        patch.setattr(module, "PATIENTS", 500)
        patch.setattr(module, "DRAWS", 200)
        return demonstrate(trial, TABLE, simulated(trial, seed=1), cohorts=1)


def found_under(trial: Protocol, ratio: float, seed: int = 3) -> Found:
    start, _ = assumed_effects(trial, TABLE)
    task = task_of(trial, "", with_effect(start, ratio), "A", 0)
    return search(trial, task.model, task.targets, seed=seed)


def test_the_sentence_is_the_one_agreed_on(trial: Protocol) -> None:
    assert meaning(trial, "OS") == SENTENCE
    assert meaning(trial, "OS", "C").startswith("what is printed cannot tell")
    numbers = tuple(n.model_copy(update={"source": "paper"}) for n in trial.published.numbers)
    label = trial.endpoints["OS"].model_copy(update={"label": "OS from diagnosis"})
    update = {"published": trial.published.model_copy(update={"numbers": numbers}), "endpoints": {"OS": label}}
    other = trial.model_copy(update=update)
    assert meaning(other, "OS").startswith("the paper cannot tell what OS from diagnosis would have been")


def test_which_protocols_ask_for_it(trial: Protocol) -> None:
    assert asked(trial) == (TABLE,)
    unprinted = trial.published.model_copy(update={"numbers": ()})
    assert asked(trial.model_copy(update={"published": unprinted})) == ()
    assert asked(trial.model_copy(update={"simulation": {}})) == ()
    assert asked(example("veteran")) == ()


def test_the_own_effect_of_the_model_is_added_once(trial: Protocol) -> None:
    start, ratios = assumed_effects(trial, TABLE)
    assert start is trial.scenario["stated"]
    assert [ratio for _, ratio in ratios] == [1.0, 0.735, 0.54, 0.45]
    table = trial.simulation[TABLE].model_copy(update={"after_crossing": {"its own": 0.45, "none": 1.0}})
    again = trial.model_copy(update={"simulation": {TABLE: table}})
    assert assumed_effects(again, TABLE)[1] == (("its own", 0.45), ("none", 1.0))
    table = table.model_copy(update={"after_crossing": {"the model's own": 0.6}})  # a label that is taken
    again = trial.model_copy(update={"simulation": {TABLE: table}})
    assert assumed_effects(again, TABLE)[1] == (("the model's own", 0.6), ("the model's own", 0.45))
    assert start.crossover is not None
    made = with_effect(start, 0.7)
    assert made.crossover == start.crossover.model_copy(update={"death_hazard_ratio": 0.7})
    assert made.model_copy(update={"crossover": start.crossover}) == start


def test_median_and_range_by_hand() -> None:
    assert summary(np.array([0.9, 0.5, np.nan, 0.6, 0.8])) == (pytest.approx(0.7), 0.5, 0.9)  # (0.6 + 0.8) / 2
    assert summary(np.array([0.9, 0.5, 0.6])) == (0.6, 0.5, 0.9)
    assert all(math.isnan(x) for x in summary(np.array([])))


def test_without_crossing_those_who_crossed_die_no_later_and_nobody_else_changes(trial: Protocol) -> None:
    found = found_under(trial, 0.45)
    before, after = as_patients(trial, found), none_crossing(trial, found)
    crossed = (before.adsl["XOFL"] == "Y").to_numpy()
    assert crossed.sum() == 73  # 70% of 104
    assert not (after.adsl["XOFL"] == "Y").any()
    then, now = (endpoint(trial, data, estimand=OS) for data in (before, after))
    assert np.array_equal(then.time[~crossed], now.time[~crossed])
    assert np.array_equal(then.event[~crossed], now.event[~crossed])
    assert (now.time[crossed] <= then.time[crossed]).all()
    assert (now.event[crossed] >= then.event[crossed]).all()
    assert (now.time[crossed] < then.time[crossed]).any()
    first, second = (endpoint(trial, data, estimand="PFS, treatment policy") for data in (before, after))
    assert np.array_equal(first.time, second.time)
    assert np.array_equal(first.event, second.event)


def test_survival_after_a_crossing_by_hand(trial: Protocol) -> None:
    """With a constant hazard of death after progression, a days from the crossing on become a h without it."""
    found = found_under(trial, 0.5)
    start = found.cohort.model.scenario
    assert start.death_after_progression is not None
    law = start.death_after_progression.model_copy(update={"shape": 1.0})
    task = task_of(trial, "", start.model_copy(update={"death_after_progression": law}), "A", 0)
    constant = search(trial, task.model, task.targets, seed=3)
    before, after = as_patients(trial, constant), none_crossing(trial, constant)
    crossed = ((before.adsl["XOFL"] == "Y") & before.adsl["DTHDT"].is_not_null()).to_numpy()
    assert crossed.sum() > 20
    switch = (before.adsl["XODT"] - before.adsl["RANDDT"]).dt.total_days().to_numpy()[crossed] + 1.0
    then, now = (endpoint(trial, data, estimand=OS).time[crossed] for data in (before, after))
    assert np.abs((now - switch) - 0.5 * (then - switch)).max() <= 1.0  # days are whole


def test_without_an_effect_nothing_changes(trial: Protocol, small: Demonstration) -> None:
    (first, *others) = small.assumed
    assert first.death_hazard_ratio == 1.0
    ways = list(small.ways)
    assert first.ratios[0, ways.index(REPLAYED)] == first.ratios[0, ways.index("as observed")]
    for one in others:
        assert one.ratios[0, ways.index(REPLAYED)] < one.ratios[0, ways.index("as observed")]


def test_a_cohort_is_that_of_its_seed_and_effect(
    trial: Protocol, small: Demonstration, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, _ = assumed_effects(trial, TABLE)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    two = assumed(trial, OS, with_effect(start, 0.54), "full effect", cohorts=2)
    assert two.met == two.searched == 2
    assert np.array_equal(two.ratios[:1], small.assumed[2].ratios)
    assert not np.array_equal(two.ratios[0], two.ratios[1])
    other = assumed(trial, OS, with_effect(start, 0.54), "full effect", cohorts=1, seed=2)
    assert not np.array_equal(other.ratios, two.ratios[:1])


def test_the_model_without_crossing_does_not_know_what_crossing_does(
    trial: Protocol, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PARTS", 2)
    monkeypatch.setattr(module, "PATIENTS", 1000)
    start, _ = assumed_effects(trial, TABLE)
    ratio, error = ratio_in_model(trial, OS, start, seed=1)
    assert (ratio, error) == ratio_in_model(trial, OS, with_effect(start, 1.0), seed=1)
    assert ratio != ratio_in_model(trial, OS, start, seed=2)[0]
    assert error == pytest.approx(ratio * 2 / math.sqrt(1500), rel=0.1)  # about three in four of 2,000 die
    assert 0.4 < ratio < 0.6  # deaths after progression have 1 / 1.85, those before none


def test_rows_say_what_was_assumed_reached_and_drawn(small: Demonstration) -> None:
    rows = small.rows()
    assert {r.role for r in rows} == {r.analysis for r in rows} == {"demonstration"}
    assert "demonstration" in FURTHER_PARTS
    assert {r.origin for r in rows} == {"reconstructed"}
    assert {r.estimand for r in rows} == {OS}
    assert [r.text for r in rows if r.statistic == "meaning"] == [SENTENCE]
    groups = ["no effect (1)", "half effect (0.735)", "full effect (0.54)", "the model's own (0.45)"]
    of = {(r.group, r.statistic): r for r in rows}
    for group in groups:
        assert of[group, "cohorts that meet every number"].text == "1 of 1"
        assert "1,000 patients" in of[group, "hazard ratio in the model, nobody crossing"].method
        assert "seed 1" in of[group, "hazard ratio in the model, nobody crossing"].method
        for way in (*WAYS, REPLAYED):
            three = [of[group, f"{way}: hazard ratio, {m}"].value for m in ("median", "smallest", "largest")]
            assert len(set(three)) == 1
            assert "over the 1 of 1 cohorts" in of[group, f"{way}: hazard ratio, median"].method
    shown = [r for r in rows if r.group == "the cohort shown"]
    assert [r.text for r in shown if r.statistic == "RPSFTM: bootstrap samples"] == ["200"]
    drawn = [r for r in rows if "bootstrap" in r.statistic]
    assert {r.group for r in drawn} == {"the cohort shown"}
    assert len([r for r in drawn if "limit" in r.statistic]) == 2
    assert small.table().columns == list(COLUMNS)
    assert str(small).endswith(SENTENCE)
    assert "On 4 cohorts that print every published number of tier A, over 4 assumed effects" in str(small)
    none = tuple(replace(one, met=0, ratios=one.ratios[:0]) for one in small.assumed)
    assert str(replace(small, assumed=none)) == (
        "On 0 cohorts that print every published number of tier A, over 4 assumed effects of crossing over, there is "
        f"no hazard ratio of OS by RPSFTM to be shown: {SENTENCE}"
    )


def made_up(small: Demonstration, *cases: Assumed) -> Demonstration:
    values = {f.name: getattr(small, f.name) for f in fields(small)}
    ways = MappingProxyType({"as observed": "seen", "RPSFTM": "adjusted"})
    return Demonstration(**{**values, "assumed": cases, "ways": ways})


def case(met: int, ratios: list[list[float]]) -> Assumed:
    return Assumed(
        label="an effect", death_hazard_ratio=0.8, searched=5, met=met, ratios=np.array(ratios).reshape(met, 2)
    )


def test_what_is_not_found_and_not_estimable_is_counted(small: Demonstration) -> None:
    few = made_up(small, case(3, [[0.8, np.nan], [0.9, 0.7], [1.0, 0.5]]))
    rows = {r.statistic: r for r in few.rows() if r.group == "an effect (0.8)"}
    assert rows["cohorts that meet every number"].text == "3 of 5"
    assert (rows["as observed: hazard ratio, median"].text, rows["as observed: hazard ratio, median"].reason) == (
        "0.90", ""
    )  # fmt: skip
    assert rows["RPSFTM: hazard ratio, median"].text == "0.60"
    assert rows["RPSFTM: hazard ratio, smallest"].reason == "not estimable in 1 of 3 cohorts"
    (shown,) = demonstrations(few.rows(), {})
    assert ("RPSFTM", ("0.60 (0.50 to 0.70)",)) in shown.table.lines
    assert "An effect (0.8), RPSFTM: not estimable in 1 of 3 cohorts." in shown.footnotes


def test_an_effect_under_which_no_cohort_is_found_is_said(
    trial: Protocol, small: Demonstration, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(trial: Protocol, todo: list[Any], **_: Any) -> list[Found]:
        return [search(trial, t.model, t.targets, seed=1, number=t.number, steps=0, attempts=1) for t in todo]

    monkeypatch.setattr(module, "search_all", none)
    start, _ = assumed_effects(trial, TABLE)
    lost = assumed(trial, OS, start, "an effect", cohorts=2)
    assert (lost.searched, lost.met, lost.ratios.shape) == (2, 0, (0, len(WAYS) + 1))
    whole = made_up(small, replace(lost, ratios=lost.ratios[:, :2]), case(1, [[0.9, 0.7]]))
    rows = {(r.group, r.statistic): r for r in whole.rows()}
    row = rows["an effect (0.45)", "RPSFTM: hazard ratio, median"]
    assert (row.value, row.text, row.reason) == (None, "not estimable", "no cohort of 2 meets every number")
    assert rows["an effect (0.45)", "cohorts that meet every number"].text == "0 of 2"
    assert "from 0.70 to 0.70" in str(whole)
    (shown,) = demonstrations(whole.rows(), {})
    assert shown.table.lines[0] == ("Cohorts that meet every number", ("0 of 2", "1 of 5"))
    assert "not estimable" in dict(shown.table.lines)["RPSFTM"]
    assert "<svg" in demonstration_figure(shown)


def test_arrays_are_closed(small: Demonstration) -> None:
    with pytest.raises(ValueError, match="read-only"):
        small.assumed[0].ratios[0, 0] = 1.0


def test_screen_and_page_have_the_same_table(
    trial: Protocol, small: Demonstration, capsys: pytest.CaptureFixture[str]
) -> None:
    class Rows:
        rows = tuple(small.rows())

    print_demonstrations(trial, Rows())  # type: ignore[arg-type]
    screen = capsys.readouterr().out
    assert screen.splitlines().count(SENTENCE) == 1
    (shown,) = demonstrations(small.rows(), {"OS": "Overall survival"})
    assert shown.sentence == SENTENCE
    assert shown.table.title.startswith("Overall survival: hazard ratio by the assumed effect")
    assert [label for label, _ in shown.table.lines] == [
        "Cohorts that meet every number", "As observed", "RPSFTM", "IPE", "Two-stage", "Censored at switch",
        "The same patients, none crossing", "The model, nobody crossing",
    ]  # fmt: skip
    assert "of what other cohorts with the same digits would give they say nothing" in screen
    assert "by 200 bootstrap samples" in shown.cohort_shown
    figure = demonstration_figure(shown, "RECONSTRUCTED")
    assert figure.count("RECONSTRUCTED") >= 1
    assert all(name in figure for name in ("no effect (1)", "RPSFTM", "two-stage"))
    assert demonstrations([], {}) == ()


# What is refused


def test_refusals(trial: Protocol) -> None:
    shown = simulated(trial, seed=1)
    for name in ("power for progression-free survival", "no such table"):
        with pytest.raises(ProtocolError, match="varies no crossover"):
            demonstrate(trial, name, shown)
    with pytest.raises(ProtocolError, match="0 cohorts show nothing"):
        demonstrate(trial, TABLE, shown, cohorts=0)


def without_the_event(trial: Protocol) -> Protocol:
    plain = trial.estimands[OS].model_copy(update={"intercurrent_events": MappingProxyType({})})
    return trial.model_copy(update={"estimands": MappingProxyType({**trial.estimands, OS: plain})})


def test_an_estimand_without_the_switch_is_refused_before_any_search(
    trial: Protocol, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "search_all", lambda *_, **__: pytest.fail("searched"))
    with pytest.raises(ProtocolError, match="no intercurrent event that could be the switch"):
        demonstrate(without_the_event(trial), TABLE, simulated(trial, seed=1))


def test_switching_before_progression_ends_the_endpoint_is_refused(trial: Protocol) -> None:
    """Crossing over follows progression: of progression-free survival there is nothing to adjust."""
    name = "PFS, treatment policy"
    rule = trial.estimands[OS].intercurrent_events
    of_pfs = trial.estimands[name].model_copy(update={"intercurrent_events": rule})
    table = trial.simulation[TABLE].model_copy(update={"estimand": name})
    odd = trial.model_copy(update={
        "estimands": MappingProxyType({**trial.estimands, name: of_pfs}), "simulation": {TABLE: table},
    })  # fmt: skip
    with pytest.raises(DataError, match="a switch lies after the event"):
        demonstrate(odd, TABLE, simulated(trial, seed=1))


class Rebuilt:
    """What a reconstruction tells the demonstration."""

    def __init__(self, trial: Protocol, agrees: bool) -> None:
        self.agrees = agrees
        self.found = (found_under(trial, 0.45),)
        self.patients: Patients = as_patients(trial, self.found[0])


def test_a_run_goes_on_without_it(trial: Protocol, monkeypatch: pytest.MonkeyPatch) -> None:
    from equipoise.analyze import run as analyzed

    results = analyzed(trial, simulated(trial, seed=1, cut=Cut(events=100)), in_full=False)
    lost = _with_demonstrations(trial, results, Rebuilt(trial, agrees=False), "A", print)  # type: ignore[arg-type]
    assert lost is results
    odd = without_the_event(trial)
    told = _with_demonstrations(odd, results, Rebuilt(trial, agrees=True), "A", print)  # type: ignore[arg-type]
    assert told.rows == results.rows
    (warning,) = set(told.warnings) - set(results.warnings)
    assert warning.startswith(
        "what adjusting for crossover gives is not demonstrated: the estimand has no intercurrent"
    )


def test_a_way_that_refuses_a_cohort_is_nan() -> None:
    def refuses(_: Any) -> Any:
        raise EquipoiseError("no time is left")

    assert math.isnan(module._or_nan(refuses, None))
    for value, expected in ((0.5, 0.5), (math.inf, math.nan), (0.0, math.nan), (math.nan, math.nan)):
        found = module._or_nan(lambda v: type("Result", (), {"hazard_ratio": v}), value)
        assert found == expected or (math.isnan(found) and math.isnan(expected))
