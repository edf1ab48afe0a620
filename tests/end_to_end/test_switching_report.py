"""From a protocol with an adjusted analysis to the page: who switched, the curves, every method with its grounds."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tests.end_to_end.pages import Block, Page, numbers
from tests.unit import switching_trial

from equipoise import analyze, cli, report
from equipoise.analyze import Results
from equipoise.data import write_adam
from equipoise.protocol import Protocol

HEADING = "Treatment switching"


@cache
def computed(method: str = "rpsftm") -> tuple[Protocol, Results, str]:
    table = f'\n[analyses."OS, adjusted".switching]\nmethod = "{method}"\ndraws = 50\n'
    with TemporaryDirectory() as folder:
        trial = switching_trial.protocol(Path(folder), table)
    results = analyze.run(trial, switching_trial.patients())
    return trial, results, report.html(trial, results)


def blocks(method: str = "rpsftm") -> dict[str, Block]:
    return {b.heading: b for b in Page(computed(method)[2]).blocks}


def table(block: Block, caption: str) -> dict[str, list[str]]:
    found = next(t for c, t in zip(block.captions, block.tables, strict=True) if c.startswith(caption))
    return {line[0]: line[1:] for line in found}


@pytest.mark.parametrize("method", ["rpsftm", "ipcw"])
def test_every_number_of_the_section_is_a_row(method: str) -> None:
    block = blocks(method)[HEADING]
    texts = {t for r in computed(method)[1].of("switching") for t in numbers(f"{r.text} {r.method} {r.reason}")}
    shown = [n for found in block.tables for line in found[1:] for cell in line[1:] for n in numbers(cell)]
    shown += [n for sentence in block.sentences for n in numbers(sentence)]
    shown += [n for note in block.notes for n in numbers(note)]
    assert len(shown) > 60
    assert {n for n in shown if n not in texts} <= {"1"}  # a factor above 1


def test_the_methods_side_by_side() -> None:
    _, results, _ = computed()
    block = blocks()[HEADING]
    estimates = table(block, "The hazard ratio as observed")
    assert list(estimates)[1:] == [
        "as observed", "censored at switch", "switchers excluded", "treatment received", "RPSFTM (this analysis)",
        "IPE", "two-stage", "two-stage with g-estimation", "IPCW", "MSM",
    ]  # fmt: skip
    rows = {(r.group, r.statistic): r.text for r in results.of("switching")}
    for name, cells in list(estimates.items())[1:]:
        method = name.removesuffix(" (this analysis)")
        assert cells[0] == rows[method, "hazard ratio"]
        assert cells[3] == rows[method, "P"]
    observed = next(r.text for r in results.of("OS, ITT") if r.statistic == "hazard ratio")
    assert estimates["as observed"][0] == observed
    grounds = table(block, "What each method rests on")
    assert grounds["RPSFTM"][0].startswith("a common treatment effect")
    assert "two-stage finds a factor of" in grounds["RPSFTM"][1]
    assert "no covariate measured after randomization" in grounds["IPCW"][1]
    assert "weights" in grounds["IPCW"][2]
    assert all(cells[0] for cells in grounds.values())


def test_the_figure_shows_what_was_and_what_would_have_been() -> None:
    block = blocks()[HEADING]
    assert {"T+A", "A", "A, had nobody switched", "SIMULATED", "At risk"} <= set(block.figure_texts)
    weighted = blocks("ipcw")[HEADING]
    assert "A, had nobody switched" in weighted.figure_texts
    said = "Curves had nobody switched are of the rows before a switch, weighted by IPCW; numbers at risk"
    assert any(note.startswith(said) for note in weighted.notes)


@pytest.mark.parametrize("method", ["rpsftm", "ipcw"])
def test_the_analysis_does_not_say_that_patients_are_censored(method: str) -> None:
    block = blocks(method)["OS, adjusted (supplementary)"]
    named = {"rpsftm": "RPSFTM", "ipcw": "IPCW"}[method]
    assert not any("are censored at" in note for note in block.notes)
    assert any(f"nobody is censored at it; what would have been had nobody switched is estimated by {named}" in note
               for note in block.notes)  # fmt: skip
    assert "had nobody switched: hazard ratio" in block.sentences[0]
    assert block.tables[0][0][0] == ""
    assert block.figure_texts
    assert ", median " in block.sentences[0]


def test_the_bundled_trial_has_no_such_section() -> None:
    trial = switching_trial.example("tandem")
    page = report.html(trial, analyze.run(trial, switching_trial.patients()))
    assert HEADING not in [b.heading for b in Page(page).blocks]
    assert "had nobody switched" not in page


def test_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trial = switching_trial.protocol(
        tmp_path, '\n[analyses."OS, adjusted".switching]\nmethod = "two-stage"\nbeside = []\ndraws = 0\n'
    )
    data = switching_trial.patients()
    write_adam(data, tmp_path / "adam")
    for command, said in (
        ("check", "hazard ratio had nobody switched, by two-stage, limits of the method"),
        ("analyze", "had nobody switched: hazard ratio"),
    ):
        with pytest.raises(SystemExit) as done:
            cli.main([command, str(trial.source), "--data", str(tmp_path / "adam" / "csv")])
        out = " ".join(capsys.readouterr().out.split())
        assert done.value.code in (0, 1), out
        assert said in out
