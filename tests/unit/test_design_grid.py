"""Grids of designs from a protocol: each cell is a run of its looks, differences are those of the same trials."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import equipoise as eq
from equipoise.design import LanDeMets, group_sequential
from equipoise.errors import DesignError, ProtocolError, UnsupportedError
from equipoise.protocol import Protocol, Simulation, read
from equipoise.report import simulation_html, simulation_tables
from equipoise.simulate import Cut, Looks, compare_designs, operating, study, without_effect

TOML = Path(__file__).parent / "simulated_trial.toml"
SCENARIO = '[scenario.late]\nbased_on = "everything"\nlabel = "Seen late"\ndetection = { visit = "late scan" }\n'
HEAD = '[simulation.looks]\nlabel = "Looks"\nestimand = "PFS"\nalpha = 0.05\nsided = 2\n'
DESIGNS = """designs."one look" = { events = [120] }
designs."two looks" = { events = [60, 120], efficacy = { family = "Lan-DeMets", kind = "obrien-fleming" } }
"""


def protocol(tmp_path: Path, text: str) -> Protocol:
    file = tmp_path / "trial.toml"
    file.write_text(f"{TOML.read_text()}\n{SCENARIO}\n{text}")
    return read(file)


def test_each_cell_is_a_run_of_its_looks(tmp_path: Path) -> None:
    trial = protocol(tmp_path, HEAD + DESIGNS + 'scenarios = ["everything", "late"]\nmilestone = "9 months"\n')
    found = study(trial, trials=300, seed=3)
    (grid,) = found.designs
    assert grid.settings == ("Everything at once", "Seen late")
    assert grid.designs == ("one look", "two looks")
    test = group_sequential(
        alpha=0.05, sided=2, information_fractions=[0.5, 1.0], efficacy=LanDeMets("obrien-fleming")
    )  # fmt: skip
    last = Cut(events=120, time="48 months", which="earlier")
    twice = Looks(cuts=(Cut(events=60), last), efficacy=test.efficacy_bounds, sided=2)
    once = Looks(cuts=(last,), efficacy=[1.959963984540054], sided=2)
    for scenario, label in (("everything", "Everything at once"), ("late", "Seen late")):
        own = {cell.design: cell.run for cell in grid.cells if cell.setting == label}
        given = {"scenario": scenario, "estimand": "PFS", "trials": 300, "seed": 3}
        for name, looks in (("one look", once), ("two looks", twice)):
            run = operating(trial, looks=looks, at="9 months", **given)  # type: ignore[arg-type]
            assert own[name].power == run.power
            assert np.array_equal(own[name].day, run.day)
        beside = compare_designs(trial, {"one look": once, "two looks": twice}, **given)  # type: ignore[arg-type]
        assert np.array_equal(grid.paired[label].power_difference, beside.power_difference)
        held = {(r.group, r.statistic, r.at): r.value for r in grid.rows()}
        assert held[f"{label}: two looks", "power", None] == own["two looks"].power
        assert held[f"{label}: two looks - one look", "difference in power", None] == beside.power_difference[1]
        assert (f"{label}: two looks", "bias of difference of survival", 1.0) not in held
        assert (f"{label}: two looks", "mean difference of survival", 2.0) in held
    assert {row.toml_path for row in grid.rows()} == {"simulation.looks"}
    assert len({(r.analysis, r.group, r.statistic, r.at) for r in found.rows() if r.role == "simulation"}) == len(
        [r for r in found.rows() if r.role == "simulation"]
    )
    notes = " ".join(found.notes)
    assert "two looks: looks at 60, 120 events, bounds on Z 2.9626, 1.9686" in notes
    assert "one look: looks at 120 events, bounds on Z 1.9600" in notes
    tables = {table.title: table for table in simulation_tables(found)}
    power = [line for line, _ in tables["Looks: power (Monte Carlo error)"].lines]
    assert [line.strip() for line in power] == [
        "Everything at once", "Seen late", "Minus one look, in the same trials", "Everything at once", "Seen late",
    ]  # fmt: skip
    page = simulation_html(trial, found)
    assert "Looks: probability of each decision (Monte Carlo error)" in page


def test_hazard_ratios_of_a_design(tmp_path: Path) -> None:
    """One design over hazard ratios, under a scenario in which nobody is cured; no differences, and a size."""
    text = HEAD.replace('"PFS"', '"OS"') + 'designs."one look" = { events = [100] }\n'
    trial = protocol(tmp_path, text + 'scenario = "survival alone"\nhazard_ratio = [0.6, 1.0]\n')
    (grid,) = study(trial, trials=2_000, seed=3).designs
    assert grid.settings == ("Survival alone, hazard ratio 0.6", "Survival alone, hazard ratio 1")
    assert not grid.paired
    powers = [cell.run.power for cell in grid.cells]
    assert powers[0] > 0.4
    assert powers[1] == pytest.approx(0.025, abs=4 * math.sqrt(0.025 * 0.975 / 2_000))
    none = without_effect(trial.scenario["survival alone"], of="survival")
    looks = Looks(cuts=(Cut(events=100, time="36 months", which="earlier"),), efficacy=[1.959963984540054], sided=2)
    assert operating(trial, looks=looks, scenario=none, estimand="OS", trials=2_000, seed=3).power == powers[1]
    assert simulation_html(trial, study(trial, trials=20, seed=3))


def test_futility_and_events_that_do_not_come(tmp_path: Path) -> None:
    text = HEAD.replace("0.05\nsided = 2", "0.025\nsided = 1").replace('"PFS"', '"OS"') + (
        'scenario = "survival alone"\ndesigns."one look" = { events = [140] }\n'
        'designs."with futility" = { events = [70, 140], efficacy = { family = "Kim-DeMets", rho = 3.0 }, '
        'futility = { family = "Kim-DeMets", rho = 2.0 }, power = 0.9 }\n'
    )
    found = study(protocol(tmp_path, text), trials=400, seed=3)
    (grid,) = found.designs
    run = next(cell.run for cell in grid.cells if cell.design == "with futility")
    assert run.futility[0] > 0.05
    assert run.futility[1] == 0
    assert run.unmet[1] == 0  # the last look comes at the cut-off
    assert run.short[1] > 0.5
    assert any("with futility: 140 events do not come before the cut-off in" in note for note in found.notes)


def test_a_grid_that_is_stopped_keeps_what_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether within a setting or before its first thousand trials; stopped before anything is done, it ends."""
    trial = protocol(tmp_path, HEAD + DESIGNS)
    done = iter(range(100))
    real = eq.simulate.design_grid.operating

    def stopping(*given: Any, **more: Any) -> Any:
        if next(done) == 1:
            raise KeyboardInterrupt
        return real(*given, **more)

    monkeypatch.setattr(eq.simulate.design_grid, "operating", stopping)
    found = study(trial, trials=50, seed=1)
    assert found.interrupted
    assert [cell.design for cell in found.designs[0].cells] == ["one look"]
    assert found.notes[0].startswith("the run was stopped from the keyboard")
    assert simulation_html(trial, found)
    done = iter([1])
    with pytest.raises(KeyboardInterrupt):
        study(trial, trials=50, seed=1)
    monkeypatch.undo()
    plain = protocol(
        tmp_path, HEAD.replace('"PFS"', '"OS"') + 'scenario = "survival alone"\nhazard_ratio = [0.6, 0.8]\n'
    )
    done = iter(range(100))
    monkeypatch.setattr(eq.simulate.grid, "operating", stopping)
    found = study(plain, trials=50, seed=1)
    assert found.interrupted
    assert [cell.x for cell in found.grids[0].cells] == [0.6]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"designs": {"a": {"events": [100]}}}, "no grid"),
        ({"designs": {"a": {"events": []}}}, "at least 1 item"),
        ({"designs": {"a": {"events": [100, 90], "efficacy": {"family": "Pocock"}}}}, "must rise"),
        ({"designs": {"a": {"events": [50, 100]}}}, "several looks need bounds"),
        ({"designs": {"a": {"events": [100], "power": 0.9}}}, "`power` goes with"),
        ({"designs": {"a": {"events": [100]}, "b": {"events": [90]}}, "events": [100]}, "`events` does not go with"),
        ({"designs": {"a": {"events": [100]}, "b": {"events": [90]}}, "delay": ["3 months"], "hazard_ratio": [0.6]},
         "`delay` does not go with"),
        ({"designs": {"a": {"events": [100]}}, "scenarios": ["x", "x"]}, "named twice"),
        ({"designs": {"a": {"events": [100]}}, "scenarios": ["x", "y"], "scenario": "x"}, "either `scenario` or"),
        ({"scenarios": ["x", "y"], "hazard_ratio": [0.6]}, "`scenarios` go with `designs`"),
        ({"designs": {"a": {"events": [100]}, " ": {"events": [90]}}}, "a design has a name"),
        ({}, "either `hazard_ratio` or `crossover`, or `designs`"),
    ],
)  # fmt: skip
def test_grids_that_are_none(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Simulation.model_validate({"label": "x", "estimand": "PFS", "alpha": 0.05, "sided": 2, **given})


@pytest.mark.parametrize(
    ("text", "error", "where", "words"),
    [
        (
            DESIGNS + 'scenarios = ["everything", "lat"]\n',
            ProtocolError, "simulation.looks.scenarios[1]", 'mean "late"',
        ),
        (
            DESIGNS.replace("} }", '}, futility = { family = "Kim-DeMets", rho = 2.0 }, power = 0.9 }'),
            DesignError, 'simulation.looks.designs."two looks"', "one-sided",
        ),
        (
            DESIGNS.replace('"Lan-DeMets", kind = "obrien-fleming"', '"Pampallona-Tsiatis"').replace(
                "} }", "}, power = 0.9 }"
            ),
            UnsupportedError, 'simulation.looks.designs."two looks"', "two-sided test are not simulated",
        ),
        (
            DESIGNS.replace('"Lan-DeMets", kind = "obrien-fleming"', '"user", shares = [0.5]'),
            DesignError, 'simulation.looks.designs."two looks"', "shares",
        ),
        (DESIGNS + "hazard_ratio = [0.6, 1.0]\n", ProtocolError, "simulation.looks.hazard_ratio", "cured"),
    ],
)  # fmt: skip
def test_designs_that_are_none(tmp_path: Path, text: str, error: type, where: str, words: str) -> None:
    with pytest.raises(error, match=words) as caught:
        study(protocol(tmp_path, HEAD + text), trials=10)
    assert caught.value.where == where


def test_scenarios_of_one_label_are_two_settings(tmp_path: Path) -> None:
    """based_on inherits the label: the name then tells them apart, and so do hazard ratios that are nearly alike."""
    scenario = '[scenario.null]\nbased_on = "survival alone"\ndeath_before_progression = { median = "12 months" }\n'
    text = HEAD.replace('"PFS"', '"OS"') + 'designs."one look" = { events = [60] }\ndesigns.two = { events = [90] }\n'
    trial = protocol(tmp_path, scenario + text + 'scenarios = ["survival alone", "null"]\n')
    (grid,) = study(trial, trials=200, seed=1).designs
    assert grid.settings == ("Survival alone (survival alone)", "Survival alone (null)")
    assert set(grid.paired) == set(grid.settings)
    rows = [(r.group, r.statistic, r.at) for r in grid.rows()]
    assert len(set(rows)) == len(rows)
    ratios = 'scenario = "survival alone"\nhazard_ratio = [0.6666666, 0.6666667]\n'
    (grid,) = study(protocol(tmp_path, text + ratios), trials=20, seed=1).designs
    assert grid.settings == (
        "Survival alone, hazard ratio 0.6666666", "Survival alone, hazard ratio 0.6666667",
    )  # fmt: skip


def test_a_precision_is_that_of_the_first_design(tmp_path: Path) -> None:
    """The others, and the differences, are of the same trials: what stands side by side can be subtracted."""
    text = HEAD.replace('"PFS"', '"OS"') + 'scenario = "survival alone"\n' + DESIGNS
    (grid,) = study(protocol(tmp_path, text), trials=20_000, seed=1, precision=0.009).designs
    first, second = (cell.run for cell in grid.cells)
    paired = grid.paired["Survival alone"]
    assert first.trials == second.trials == paired.trials < 20_000
    assert paired.power_difference[1] == pytest.approx(second.power - first.power, abs=1e-12)


def test_curves_that_cannot_be_drawn_do_not_lose_the_trials(tmp_path: Path) -> None:
    text = HEAD.replace('"PFS"', '"OS"') + 'scenario = "survival alone"\nhazard_ratio = [0.5]\nsubjects = 2\n'
    found = study(protocol(tmp_path, text), trials=5, seed=1)
    assert len(found.grids) == 1
    assert found.curves == ()
    assert any(note.startswith("no curves of OS, Survival alone: ") for note in found.notes)
    assert "5 simulated trials of each setting; seed 1" in found.notes


def test_paired_trials_do_not_depend_on_where_they_run(tmp_path: Path) -> None:
    trial = protocol(tmp_path, "")
    looks = {name: Looks(cuts=(Cut(events=n),), efficacy=[2.0], sided=1) for name, n in (("a", 60), ("b", 90))}
    given: dict[str, Any] = {"scenario": "survival alone", "estimand": "OS", "trials": 2_500, "seed": 3}
    one = compare_designs(trial, looks, executor=ThreadPoolExecutor(1), **given)
    other = compare_designs(trial, looks, **given)
    assert [(r.statistic, r.value) for r in one.rows()] == [(r.statistic, r.value) for r in other.rows()]
    with pytest.raises(DesignError, match="no executor"):
        compare_designs(trial, looks, executor=3, **given)


def test_bias_and_coverage_of_designs_are_tables(tmp_path: Path) -> None:
    text = HEAD.replace('"PFS"', '"OS"') + DESIGNS.replace("120", "80") + 'scenario = "survival alone"\ntruth = true\n'
    titles = [table.title for table in simulation_tables(study(protocol(tmp_path, text), trials=50, seed=1))]
    assert "Looks: bias of log hazard ratio at the last look, had no trial stopped before (Monte Carlo error)" in titles
    assert (
        "Looks: coverage of log hazard ratio at the last look, had no trial stopped before (Monte Carlo error)"
        in titles
    )
