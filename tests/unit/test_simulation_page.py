"""The page of simulated trials: what its cells say of few trials and of none, and that its figures can be read."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from equipoise.protocol import read
from equipoise.report import simulation_html, simulation_tables
from equipoise.report.simulation import plan_table
from equipoise.report.simulation_figures import VARIED, draw_paired, line_style, paired_figure, power_figure, wrapped
from equipoise.report.tables import Table
from equipoise.simulate import Study, study
from equipoise.simulate.characteristics import over_root

TOML = Path(__file__).parent / "simulated_trial.toml"
HEAD = """
[simulation.power]
label = "Power"
estimand = "OS"
scenario = "survival alone"
alpha = 0.025
sided = 1
"""
DESIGN = 'designs."one look" = { events = [130] }\n'
LOOKS = (
    'hazard_ratio = [0.5, 1.0]\nevents = [20, 60, 90, 130]\nrestricted_mean = "20 months"\nmilestone = "24 months"\n'
)


def simulated(tmp_path: Path, text: str, trials: int = 100, head: str = HEAD) -> tuple[Study, str]:
    file = tmp_path / "trial.toml"
    file.write_text(TOML.read_text() + head + text)
    trial = read(file)
    found = study(trial, trials=trials, seed=1)
    return found, simulation_html(trial, found)


def titled(tables: Sequence[Table], words: str) -> Table:
    (table,) = (table for table in tables if words in table.title)
    return table


def test_the_mean_of_one_trial_has_no_error() -> None:
    assert math.isnan(over_root(0.0, 1))
    assert math.isnan(over_root(math.nan, 0))
    assert over_root(1.0, 4) == 0.5


def test_a_cell_of_fewer_trials_than_all_says_of_how_many(tmp_path: Path) -> None:
    """In every cell: the count is that of the rows, and stands there if and only if it is not all of them."""
    found, page = simulated(tmp_path, LOOKS + "truth = true\n", trials=300)
    rows = {(r.statistic, r.group, r.at): r for r in found.rows()}
    tables = simulation_tables(found)
    fewer = whole = single = 0
    for name in ("restricted means", "survival"):
        for kind in ("mean", "bias of", "coverage of"):
            table = titled(tables, f"{kind} difference of {name}")
            for label, cells in table.lines:
                for group, cell in zip(table.head[1:], cells, strict=True):
                    at = float(label)
                    count = rows[f"trials with a difference of {name}", group, at]
                    value = rows[f"{kind} difference of {name}", group, at]
                    error = rows[f"{kind} difference of {name} Monte Carlo error", group, at]
                    assert count.value is not None
                    if value.value is None:
                        assert cell == "not estimable"
                    elif count.value == 300:
                        assert cell == f"{value.text} ({error.text})"
                        whole += 1
                    elif count.value == 1 and kind != "coverage of":
                        assert error.value is None
                        assert cell == f"{value.text} (error not estimable), of 1 trial"
                        assert "A mean of one trial has no Monte Carlo error that can be estimated." in table.notes
                        single += 1
                    else:
                        assert cell == f"{value.text} ({error.text}), of {count.text} trials"
                        assert "so many of the 300 simulated gave an estimate" in table.notes[0]
                        assert "selected by their follow-up" in table.notes[0]
                        assert table.notes[0] in page
                        fewer += 1
    assert min(fewer, whole, single) > 0
    power = titled(tables, "Power: power")
    assert power.notes == ()
    assert all("trial" not in cell for _, cells in power.lines for cell in cells)


def test_hazard_ratios_of_fewer_trials_than_all(tmp_path: Path) -> None:
    """After three events all may be in one arm: the hazard ratio of these trials is none."""
    found, _ = simulated(tmp_path, "hazard_ratio = [0.5]\nevents = [3, 60]\n")
    table = titled(simulation_tables(found), "geometric mean of the estimated hazard ratios")
    counts = [int(cell.run.estimates["log hazard ratio"].trials[cell.look]) for cell in found.grids[0].cells]
    assert counts[0] < counts[1] == 100
    ((_, (few, all_of_them)),) = table.lines
    assert few.endswith(f", of {counts[0]} trials")
    assert "trial" not in all_of_them
    assert "all in one arm" in table.notes[0]


def test_designs_say_of_how_many_trials_an_estimate_is(tmp_path: Path) -> None:
    looks = 'designs."early" = { events = [90] }\ndesigns."late" = { events = [130] }\nrestricted_mean = "20 months"\n'
    found, page = simulated(tmp_path, looks + "hazard_ratio = [1.0]\n")
    table = titled(simulation_tables(found), "mean difference of restricted means")
    counts = [int(cell.run.estimates["difference of restricted means"].trials[-1]) for cell in found.designs[0].cells]
    assert 1 < counts[0] < counts[1] == 100
    ((_, (early, late)),) = table.lines
    assert early.endswith(f"), of {counts[0]} trials")
    assert late.endswith(")")
    assert table.notes[0] in page


def test_the_plan_says_of_how_many_trials_z_is(tmp_path: Path) -> None:
    """Of a plan's looks: the count of those with a Z, one a number, none what is not estimable once."""
    found, _ = simulated(tmp_path, "hazard_ratio = [0.5]\nevents = [20, 60]\n")
    run = found.grids[0].cells[0].run
    for given, cell in (((99.0, 100.0), ", of 99 trials"), ((0.0, 100.0), "not estimable")):
        few = replace(run, z_trials=run.z * 0 + given, z=run.z * ([math.nan, 1.0] if given[0] == 0 else 1.0))
        table = plan_table(replace(found, of_plan=(few,), plan_label="Plan"))
        assert table is not None
        means = [cells[0] for label, cells in table.lines if label.strip() == "Mean Z"]
        assert means[0].endswith(cell)
        assert means[0].count("not estimable") == (given[0] == 0)
        assert "of" not in means[1]
        assert table.notes


def test_what_is_not_estimable_is_said_once_and_why(tmp_path: Path) -> None:
    """A time that no trial reaches, of a look and of all: each cell says it once, and a sentence below says why."""
    at_cut_off = 'hazard_ratio = [1.0]\nrestricted_mean = "60 months"\nmilestone = "60 months"\ntruth = true\n'
    for text in (LOOKS, at_cut_off, DESIGN + at_cut_off):
        found, page = simulated(tmp_path, text)
        tables = simulation_tables(found)
        cells = [cell for table in tables for _, one in table.lines for cell in one if "not estimable" in cell]
        assert cells
        assert all(cell == "not estimable" or "(error not estimable), of 1 trial" in cell for cell in cells)
        assert "not estimable (" not in page
        for table in tables:
            some = any("not estimable" in cell and "(error" not in cell for _, one in table.lines for cell in one)
            why = [note for note in table.notes if note.startswith("Not estimable: ")]
            assert len(why) == some
            assert all(note in page and "lies beyond the follow-up at the look" in note for note in why)
        assert "the milestone lies beyond" in " ".join(titled(tables, "mean difference of survival").notes)
    biases = titled(tables, "bias of difference of restricted means").notes
    assert "Not estimable: the restricted time lies beyond" in biases[0]
    assert "a million patients do not give it on the mean day of the look" in biases[0]


def test_lines_of_twelve_groups_differ() -> None:
    """By color, marker and dash, and in grey by the marker alone: no two have the same one, filled or open."""
    lines = [line_style(i) for i in range(12)]
    assert len({(one["color"], one["marker"], one["linestyle"]) for one in lines}) == 12
    assert len({(one["marker"], one["markerfacecolor"] == "white") for one in lines}) == 12
    for i, one in enumerate(lines):
        for other in lines[:i]:
            same = [name for name in ("color", "marker", "linestyle") if one[name] == other[name]]
            assert "linestyle" not in same or same == ["linestyle"]
            assert len(same) < 3


@pytest.mark.parametrize(("groups", "panels"), [(1, 1), (6, 1), (12, 1), (13, 2), (25, 3)])
def test_every_group_is_named_in_the_power_figure(tmp_path: Path, groups: int, panels: int) -> None:
    """Once, whole, and within the figure; of more than twelve in panels, no one with more than twelve."""
    events = [10 + 5 * i for i in range(groups)]
    found, _ = simulated(tmp_path, f"hazard_ratio = [0.5, 1.0]\nevents = {events}\n", trials=10)
    figure = power_figure(found.grids[0])
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", figure)
    assert [text for text in texts if text.endswith(" events")] == [f"{n} events" for n in events]
    assert texts.count("Power") == panels


def test_long_names_of_groups_are_wrapped_in_the_power_figure(tmp_path: Path) -> None:
    name = "full effect of crossing over as the steering committee has it"
    ratios = ", ".join(f'"{name}, number {i}" = 0.{i}' for i in range(3, 9))
    plain = (
        '\n[scenario.plain]\nbased_on = "everything"\nlabel = "Plain"\ncrossover = { arm = "Placebo", drug = "Drug", '
        'probability = 0.5, delay = "2 weeks", death_hazard_ratio = 0.7 }\n'
    )
    text = (
        plain + HEAD.replace("survival alone", "plain") + f"crossover = [0.2, 0.8]\nafter_crossing = {{ {ratios} }}\n"
    )
    found, _ = simulated(tmp_path, text, trials=10, head="")
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", power_figure(found.grids[0]))
    assert max(len(text) for text in texts if text != VARIED["crossover"]) <= 28 < len(name)
    assert sum("number" in text for text in texts) == 6


SPENDING = 'efficacy = {{ family = "Lan-DeMets", kind = "{}" }}'
LONG = f"""
[simulation.power.designs]
"one look at the end of the trial, without any interim analysis at all" = {{ events = [90] }}

[simulation.power.designs."two looks with O'Brien-Fleming spending as in the second amendment"]
events = [45, 90]
{SPENDING.format("obrien-fleming")}

[simulation.power.designs."THREE LOOKS WITH POCOCK SPENDING, WHICH {"W" * 36} ASKED FOR"]
events = [30, 60, 90]
{SPENDING.format("pocock")}
"""


def test_long_names_leave_the_panels_of_paired_designs_room(tmp_path: Path) -> None:
    """No two texts overlap, all lie within the figure, none in a panel; panels have their width."""
    found, page = simulated(tmp_path, "hazard_ratio = [0.6, 0.8, 1.0]\n" + LONG, trials=200)
    figure = draw_paired(found.designs[0].paired)
    axes = figure.get_axes()
    assert [one.get_title() for one in axes] == ["Power", "Expected events", "Expected duration"]
    for one in axes:
        assert one.get_position().width * figure.get_figwidth() >= 1.3
    titles = [one.title for one in axes] + [one.xaxis.label for one in axes]
    marks = [mark for one in axes for mark in one.get_xticklabels()]
    names = axes[0].get_yticklabels()
    assert len(names) == 3 + 6
    low, high = axes[0].get_xlim()
    boxes = [text.get_window_extent() for text in (*titles, *names, *figure.texts)]
    boxes += [mark.get_window_extent() for mark in marks if low <= mark.get_position()[0] <= high]
    for i, box in enumerate(boxes):
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= figure.bbox.x1
        assert box.y1 <= figure.bbox.y1
        assert not any(box.overlaps(other) for other in boxes[:i])
        assert not any(box.overlaps(one.get_window_extent()) for one in axes)
    assert "minus one look at the end of the trial" in " ".join(figure.texts[0].get_text().split())
    assert paired_figure(found.designs[0].paired) in page


def test_the_paired_figure_shows_the_differences(tmp_path: Path) -> None:
    """Every design but the first, below its setting, at the value of the row, in points, events and days."""
    found, _ = simulated(tmp_path, "hazard_ratio = [0.6, 1.0]\n" + LONG, trials=50)
    paired = found.designs[0].paired
    for axes, kind, scale in zip(draw_paired(paired).get_axes(), ("power", "events", "day"), (100, 1, 1), strict=True):
        drawn = [float(x) for x in axes.lines[0].get_xdata()]
        told = [scale * float(one) for by in paired.values() for one in getattr(by, f"{kind}_difference")[1:]]
        assert drawn == pytest.approx(told)


@pytest.mark.parametrize("text", ["", "a", "word " * 30, "x" * 100, "O'Brien-Fleming " * 4, "a " + "y" * 27])
def test_a_name_is_wrapped_whole(text: str) -> None:
    lines = wrapped(text, 28).split("\n")
    assert max(map(len, lines)) <= 28
    assert "".join("".join(lines).split()) == "".join(text.split())
