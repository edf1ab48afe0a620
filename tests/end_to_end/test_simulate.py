"""``equipoise simulate``: the protocol's grids and the looks of its design, as text, JSON and a page."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from equipoise.cli import main
from equipoise.errors import EquipoiseError, ProtocolError
from equipoise.protocol import example, read
from equipoise.report import simulation_html, simulation_tables
from equipoise.report.simulation import grid_tables
from equipoise.simulate import study

TOML = Path(__file__).parents[1] / "unit" / "simulated_trial.toml"
OTHERS = """
[scenario."no effect"]
based_on = "survival alone"
label = "No effect"
death_before_progression = { median = "12 months" }

[scenario."turned round"]
based_on = "survival alone"
label = "Turned round"
death_before_progression = { median = "12 months", hazard_ratio = { Placebo = 1.4 } }
"""
GRID = """
[simulation.power]
label = "Power"
estimand = "OS"
scenario = "survival alone"
alpha = 0.025
sided = 1
hazard_ratio = [0.5, 1.0]
"""


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "equipoise.cli", *arguments], capture_output=True, text=True, check=False
    )


def with_grid(folder: Path, grid: str = GRID) -> Path:
    file = folder / "trial.toml"
    file.write_text(TOML.read_text() + OTHERS + grid)
    return file


def test_tandem(tmp_path: Path) -> None:
    """Power falls with the hazard ratio and with crossover; the estimate of 0.63 is no place to compute a power."""
    done = command("simulate", "tandem", "--trials", "300", "--json", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["results"]
    power = {(r["analysis"], r["group"], r["at"]): r["value"] for r in rows if r["statistic"] == "power"}
    progression, survival = "power for progression-free survival", "overall survival by crossover"
    for group in ("182 events", "189 events", "196 events"):
        falling = [power[progression, group, x] for x in (0.5, 0.6, 0.7, 0.8, 1.0)]
        assert falling == sorted(falling, reverse=True)
    assert {at for name, _, at in power if name == progression}.isdisjoint({0.63})
    assert power[survival, "no effect", 0.0] == power[survival, "no effect", 1.0]
    assert power[survival, "full effect", 1.0] < power[survival, "half effect", 1.0] < power[survival, "no effect", 1.0]
    assert power["simulation", "what the plan assumes", None] > 0.8
    assert {r["origin"] for r in rows} == {"simulated"}
    assert any("182 to 196" in note for note in json.loads(done.stdout)["notes"])
    table = pl.read_csv(tmp_path / "simulation.csv", infer_schema=False)
    assert table.height == len(rows)
    page = (tmp_path / "simulation.html").read_text()
    assert page.count("<svg") == 6
    assert "What looking earlier costs and saves" in page
    paired = {(r["statistic"], r["group"]): r["value"] for r in rows if r["analysis"] == "designs"}
    saved = paired["difference in expected events", "the group sequential design - one look"]
    assert saved is not None
    assert saved < 0
    assert "all of it" in page
    curves = {(r["analysis"], r["estimand"]) for r in rows if r["statistic"] == "survival"}
    assert curves == {("curves stated", "PFS, treatment policy"), ("curves stated", "OS, treatment policy")}
    assert "SIMULATED" in page


def test_text_tables_and_a_seed(tmp_path: Path) -> None:
    file = with_grid(tmp_path)
    done = command("simulate", str(file), "--trials", "500", "--seed", "3")
    assert done.returncode == 0, done.stderr
    assert "SIMULATED TRIALS" in done.stdout
    found = study(read(file), trials=500, seed=3)
    texts = [text for table in simulation_tables(found) for _, cells in table.lines for text in cells]
    assert all(text in done.stdout for text in texts)
    assert len([row for row in found.rows() if not row.statistic.startswith("survival")]) == 24
    assert command("simulate", str(file), "--trials", "500", "--seed", "4").stdout != done.stdout


def test_estimates_beside_the_power(tmp_path: Path) -> None:
    """Restricted mean and milestone beside the hazard ratio, with bias and coverage of a million patients' values."""
    grid = GRID + 'restricted_mean = "12 months"\nmilestone = "12 months"\ntruth = true\n'
    protocol = read(with_grid(tmp_path, grid))
    found = study(protocol, trials=3000, precision=0.02)
    (own,) = found.grids
    assert {cell.run.trials for cell in own.cells} == {1000}  # the power is known to 0.02 after the first thousand
    rows = {(r.statistic, r.at): r for r in own.rows()}
    for name in ("log hazard ratio", "difference of restricted means", "difference of survival"):
        for x in (0.5, 1.0):
            value, error = rows[f"bias of {name}", x].value, rows[f"bias of {name} Monte Carlo error", x].value
            assert value is not None
            assert error is not None
            assert abs(value) < 4 * error + (0.03 if name == "log hazard ratio" else 0.0)
            covered = rows[f"coverage of {name}", x].value
            assert covered is not None
            assert abs(covered - 0.95) < 0.03
    method = rows["coverage of difference of survival", 0.5].method
    assert "restricted means to 12 months, in days" in method
    assert "survival at 12 months" in method
    assert "coverage of 95% Wald limits" in method
    titles = [table.title for table in grid_tables(own)]
    assert "Power: coverage of difference of survival (Monte Carlo error)" in titles
    assert "Power: bias of log hazard ratio (Monte Carlo error)" in titles
    assert len(titles) == 10
    assert "coverage of difference of restricted means" in simulation_html(protocol, found)
    plain = study(read(with_grid(tmp_path)), trials=20)
    assert [len(grid_tables(one)) for one in plain.grids] == [2]
    with pytest.raises(ProtocolError, match="`milestone` is a time of a day or more"):
        read(with_grid(tmp_path, GRID + 'milestone = "0 days"\n'))


def test_events_that_do_not_come_are_told(tmp_path: Path) -> None:
    grid = GRID + "events = [20, 5000]\n"
    found = study(read(with_grid(tmp_path, grid)), trials=100)
    told = [note for note in found.notes if "do not come in every trial" in note]
    fewest = min(cell.run.events[1] for cell in found.grids[0].cells)
    assert len(told) == 1
    assert told[0].startswith("Power: 5000 events do not come in every trial before the cut-off")
    assert told[0].endswith(f"of 0.5 they do not in 100 of 100 trials, and there are {fewest:.1f} on average")


def test_a_page_of_a_run_that_was_stopped(tmp_path: Path) -> None:
    def stop_at(words: str) -> Callable[[str], None]:
        def stop(text: str) -> None:
            if words in text:
                raise KeyboardInterrupt

        return stop

    trial = read(with_grid(tmp_path))
    with pytest.raises(KeyboardInterrupt):
        study(trial, trials=100, progress=stop_at("hazard ratio 0.5"))
    part = study(trial, trials=100, progress=stop_at("hazard ratio 1"))
    assert part.interrupted
    assert [cell.x for cell in part.grids[0].cells] == [0.5]
    assert "stopped from the keyboard" in simulation_html(trial, part)
    assert "Power" in simulation_html(trial, study(trial, trials=100))

    found = study(trial, trials=100, progress=stop_at("curves"))
    assert found.interrupted
    assert found.curves == ()
    assert len(found.rows()) == 24
    assert "simulation.csv holds it too" in simulation_html(trial, found)


@pytest.mark.parametrize(
    ("grid", "words"),
    [
        ("", "nothing to simulate"),
        (GRID.replace('"OS"', '"ORR"'), "estimand"),
        (GRID.replace('"survival alone"', '"x"'), "scenario"),
        (GRID.replace("hazard_ratio = [0.5, 1.0]", ""), "what is varied"),
        (GRID + "crossover = [0.5]\n", "what is varied"),
        (GRID.replace("[0.5, 1.0]", "[1.0, 0.5]"), "must rise"),
        (GRID.replace("[0.5, 1.0]", "[-1]"), "Give 0.001 or more"),
        (GRID.replace("hazard_ratio = [0.5, 1.0]", "crossover = [0.5]\nafter_crossing = { none = 1 }"), "no crossover"),
        (GRID.replace("hazard_ratio = [0.5, 1.0]", "crossover = [0.5]"), "go together"),
        (GRID.replace("0.025", "0.6"), "less than 0.5"),
        (GRID.replace("survival alone", "no effect"), "no hazard ratio of 'Drug'"),
        (GRID.replace("survival alone", "turned round"), "not of 'Drug' alone"),
    ],
)
def test_what_is_refused(tmp_path: Path, grid: str, words: str) -> None:
    with pytest.raises(EquipoiseError) as caught:
        study(read(with_grid(tmp_path, grid)), trials=10)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["simulate", "tandem", "--trials", "0"], "no number of trials"),
        (["simulate", "tandem", "--seed", "-1", "--trials", "10"], "no seed"),
        (["simulate", "veteran"], "nothing to simulate"),
        (["simulate", "tandem", "--trials", "10.5"], "not a whole number"),
        (["reconstruct", "tandem", "--seed", "1e3"], "not a whole number"),
        (["design", "tandem", "--trials", "100"], "nothing is simulated"),
    ],
)
def test_wrong_arguments(arguments: list[str], why: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    assert why in capsys.readouterr().err


def test_crossover_over_a_grid_of_one_cell() -> None:
    trial = example("tandem")
    asked = trial.simulation["overall survival by crossover"].model_copy(update={"crossover": (0.7,)})
    found = study(trial.model_copy(update={"simulation": {"one": asked}, "design": None}), trials=200)
    assert [cell.group for cell in found.grids[0].cells] == ["no effect", "half effect", "full effect"]


def test_a_folder_that_cannot_be_is_refused_before_anything_is_simulated(tmp_path: Path) -> None:
    file = with_grid(tmp_path)
    there = tmp_path / "a file"
    there.write_text("")
    done = command("simulate", str(file), "--trials", "10", "--out", str(there / "below"))
    assert done.returncode == 2
    assert "the report cannot be written: there is a file of this name" in done.stderr
    assert "simulating" not in done.stderr
    assert not done.stdout
