"""Grids over a hazard ratio whose effect begins late, or with accrual over another time."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

import equipoise as eq
from equipoise.errors import EquipoiseError, ProtocolError
from equipoise.protocol import Protocol, RatioPiece, read
from equipoise.protocol.varied import accrued, delayed, follow_up
from equipoise.report import simulation_html, simulation_tables
from equipoise.simulate import Cut, Looks, operating, study
from equipoise.units import days

TOML = Path(__file__).parent / "simulated_trial.toml"
SCENARIO = """
[scenario.constant]
label = "Constant hazard"
first_patient = 2020-01-01
accrual = "12 months"
cutoff = "36 months"
patients = 200
death_before_progression = { median = "12 months", hazard_ratio = { Drug = 0.7 } }
factors = { REGION = { levels = { East = 0.3, West = 0.7 } } }
"""
GRID = """
[simulation.power]
label = "Power"
estimand = "OS"
scenario = "constant"
alpha = 0.025
sided = 1
hazard_ratio = [0.6, 1.0]
"""
DELAY = GRID + 'delay = ["0 months", "3 months", "6 months"]\n'
ACCRUAL = GRID + 'events = [120]\naccrual = ["6 months", "12 months", "24 months"]\n'


def protocol(folder: Path, grid: str, scenario: str = SCENARIO) -> Protocol:
    file = folder / "trial.toml"
    file.write_text(TOML.read_text() + scenario + grid)
    return read(file)


def powers(found: Any) -> dict[tuple[str, float], float]:
    rows = [row for grid in found.grids for row in grid.rows()]
    return {(r.group, r.at): r.value for r in rows if r.statistic == "power"}


def test_an_effect_that_comes_late_has_less_power(tmp_path: Path) -> None:
    trial = protocol(tmp_path, DELAY)
    found = study(trial, trials=1_000)
    power = powers(found)
    assert list(dict.fromkeys(group for group, _ in power)) == [f"delay of {n} months" for n in (0, 3, 6)]
    at_once, three, six = (power[f"delay of {n} months", 0.6] for n in (0, 3, 6))
    assert at_once > three + 0.05
    assert three > six + 0.05
    assert power["delay of 0 months", 1.0] == power["delay of 3 months", 1.0] == power["delay of 6 months", 1.0]
    plain = study(protocol(tmp_path, GRID), trials=1_000)
    assert [power["delay of 0 months", x] for x in (0.6, 1.0)] == list(powers(plain).values())
    looks = Looks(cuts=(Cut(time="36 months"),), efficacy=[1.959963984540054], sided=1)
    law = trial.scenario["constant"].death_before_progression
    assert law is not None
    pieces = (RatioPiece(hazard_ratio=1.0, until="3 months"), RatioPiece(hazard_ratio=0.6))
    late = law.model_copy(update={"hazard_ratio": {}, "changing_hazard_ratio": {"Drug": pieces}})
    by_hand = trial.scenario["constant"].model_copy(update={"death_before_progression": late})
    assert operating(trial, looks=looks, scenario=by_hand, estimand="OS", trials=1_000, seed=1).power == three
    assert any("until the delay" in note for note in found.notes)
    assert "delay of 6 months" in simulation_html(trial, found)
    assert simulation_tables(found)[0].head == (
        "Hazard ratio of the model",
        *(f"delay of {n} months" for n in (0, 3, 6)),
    )


def test_no_effect_before_the_delay_and_all_of_it_after(tmp_path: Path) -> None:
    """The survival of 20,000 patients: exp(-h t) in both arms until the delay, then with the hazard 0.5 h."""
    trial = protocol(tmp_path, DELAY)
    late = delayed(trial.scenario["constant"], 0.5, "6 months", of_survival=True, path="x")
    data = eq.simulate.trial(trial, late, seed=3, subjects=20_000)
    curves = eq.survival.kaplan_meier(eq.analyze.endpoint(trial, data, estimand="OS"))
    for arm, ratio in (("Placebo", 1.0), ("Drug", 0.5)):
        for months in (3, 6, 12, 24):
            here = curves[arm].at([f"{months} months"])[0]
            hazard = math.log(2) / 12 * (min(months, 6) + ratio * max(months - 6, 0))
            assert here.survival == pytest.approx(math.exp(-hazard), abs=0.018)  # four standard errors


def test_accrual_takes_its_time_and_the_last_patient_is_followed_as_long(tmp_path: Path) -> None:
    trial = protocol(tmp_path, ACCRUAL)
    scenario = trial.scenario["constant"]
    longer = accrued(scenario, "24 months", path="x")
    assert follow_up(longer) == follow_up(scenario) == 731
    assert (longer.accrual, longer.cutoff) == ("731 days", "1462 days")
    same = accrued(scenario, "12 months", path="x")
    assert [days(one) for one in (same.accrual, same.cutoff)] == [365, 1096]
    found = study(trial, trials=1_000)
    cells = {(cell.group, cell.x): cell for cell in found.grids[0].cells}
    look = {n: cells[f"accrual over {n} months, 120 events", 0.6].run.day[0] for n in (6, 12, 24)}
    assert look[6] + 60 < look[12] < look[24] - 120
    tables = simulation_tables(found)
    assert [len(table.lines) for table in tables] == [2, 2, 2]
    assert "mean days" in tables[2].title
    plain = study(protocol(tmp_path, GRID + "events = [120]\n"), trials=1_000)
    ours = [cells["accrual over 12 months, 120 events", x].run.power for x in (0.6, 1.0)]
    assert ours == [cell.run.power for cell in plain.grids[0].cells]
    assert any("accrual over 6 months or 12 months or 24 months, cut off 731 days after" in n for n in found.notes)


def test_without_events_the_cut_off_moves_with_the_accrual(tmp_path: Path) -> None:
    found = study(protocol(tmp_path, ACCRUAL.replace("events = [120]\n", "")), trials=50)
    assert [cell.run.day[0] for cell in found.grids[0].cells] == [914, 914, 1096, 1096, 1462, 1462]


UNCURED = """
[scenario.uncured]
based_on = "everything"
label = "Nobody is cured"
progression.pieces = [{ monthly_hazard = 0.12, until = "3 months" }, { monthly_hazard = 0.08 }]
progression.hazard_ratio = { Drug = 0.6 }
"""


def test_a_delay_on_progression(tmp_path: Path) -> None:
    """Of an endpoint that counts progression the delay is of progression; deaths keep what the scenario says."""
    grid = DELAY.replace('"OS"', '"PFS"').replace('"constant"', '"uncured"')
    trial = protocol(tmp_path, UNCURED + grid)
    scenario = trial.scenario["uncured"]
    late = delayed(scenario, 0.5, "2 months", of_survival=False, path="x")
    assert late.death_after_progression is scenario.death_after_progression
    assert late.progression is not None
    assert late.progression.pieces == scenario.progression.pieces  # type: ignore[union-attr]
    assert [p.until for p in late.progression.changing_hazard_ratio["Drug"]] == ["2 months", None]
    power = powers(study(trial, trials=300))
    assert power["delay of 0 months", 0.6] > power["delay of 6 months", 0.6]


PACED = 'accrual_pace = [{ pace = 1, until = "8 months" }, { pace = 2 }]\npatients = 200'


@pytest.mark.parametrize(
    ("grid", "scenario", "words"),
    [
        (DELAY, SCENARIO.replace('"12 months", haz', '"12 months", shape = 1.2, haz'), "not a shape"),
        (DELAY.replace('"constant"', '"uncured"'), SCENARIO + UNCURED, "cannot be delayed"),
        (DELAY.replace('"constant"', '"everything"').replace('"OS"', '"PFS"'), SCENARIO, "cured"),
        (DELAY + 'accrual = ["6 months"]\n', SCENARIO, "not both"),
        (DELAY.replace("hazard_ratio = [0.6, 1.0]", ""), SCENARIO, "what is varied"),
        (DELAY.replace("hazard_ratio = [0.6, 1.0]", "crossover = [0.5]\nafter_crossing = { none = 1 }"), SCENARIO,
         "go with `hazard_ratio`"),
        (DELAY.replace('"0 months", ', '"9 months", '), SCENARIO, "`delay` must rise"),
        (DELAY.replace('"3 months"', '"0 weeks"'), SCENARIO, "`delay` must rise"),
        (DELAY.replace('"3 months"', "3"), SCENARIO, "is not a duration"),
        (ACCRUAL.replace('"6 months", ', '"0 days", '), SCENARIO, "a day or more"),
        (ACCRUAL, SCENARIO.replace("patients = 200", PACED), "accrual_pace changes after"),
    ],
)  # fmt: skip
def test_what_is_refused_on_reading(tmp_path: Path, grid: str, scenario: str, words: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        protocol(tmp_path, grid, scenario)
    assert words in str(caught.value)
    assert "simulation.power" in caught.value.where


def test_a_grid_made_by_hand_is_refused_when_it_is_simulated(tmp_path: Path) -> None:
    trial = protocol(tmp_path, GRID.replace('"constant"', '"survival alone"'))
    asked = trial.simulation["power"].model_copy(update={"delay": ("3 months",)})
    with pytest.raises(EquipoiseError, match=r"not a shape \(simulation\.power\.delay\)"):
        study(trial.model_copy(update={"simulation": {"power": asked}}), trials=10)
