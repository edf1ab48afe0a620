"""The report of a trial with [safety]: every number on the page a row, aligned, marked, and in its place."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tests.end_to_end.pages import Block, Page, numbers
from tests.unit import safety_trial

from equipoise import analyze, report
from equipoise.analyze import Results
from equipoise.protocol import Protocol
from equipoise.report.safety import safety_parts
from equipoise.results import Row

PARTS = ["Flow of subjects", "Crossover", "Dose and exposure", "Adverse events", "Adverse events by body system"]


@cache
def computed(origin: str = "observed") -> tuple[Protocol, Results, str]:
    with TemporaryDirectory() as folder:
        text = safety_trial.PROTOCOL.replace("[data]\n", f'[data]\norigin = "{origin}"\n')
        trial = safety_trial.protocol(Path(folder), text)
    results = analyze.run(trial, safety_trial.patients(trial))
    return trial, results, report.html(trial, results)


def blocks(origin: str = "observed") -> dict[str, Block]:
    return {b.heading: b for b in Page(computed(origin)[2]).blocks}


def plain(text: str) -> str:
    """Without the spaces as wide as a digit that align a count (the page's reader makes plain ones of them)."""
    return text.replace("( ", "(")


def rows_of(name: str) -> list[Row]:
    return [r for r in computed()[1].rows if r.analysis == name]


def test_the_parts_stand_in_the_order_of_a_study_report() -> None:
    headings = list(blocks())
    assert headings[0] == PARTS[0]  # subjects before results, as in ICH E3
    assert headings[1:4] == ["Primary", "Confirmed (exploratory)", "Survival (key secondary)"]
    assert headings[4:8] == PARTS[1:]
    assert headings[8] == "What every number rests on"


@pytest.mark.parametrize(
    ("heading", "analysis"),
    [
        ("Crossover", "disposition"),
        ("Dose and exposure", "exposure"),
        ("Adverse events", "safety"),
        ("Adverse events by body system", "safety"),
    ],
)
def test_every_number_of_a_cell_is_a_row(heading: str, analysis: str) -> None:
    allowed = {n for r in rows_of(analysis) for n in numbers(r.text)}
    tables = blocks()[heading].tables
    counted = 0
    for table in tables:
        for line in table[1:]:
            for cell in line[1:]:
                counted += len(numbers(cell))
                assert set(numbers(cell)) <= allowed, (heading, cell)
    assert counted > 5


def test_every_row_is_on_the_page() -> None:
    """No figure of [safety] is computed and then not shown."""
    page = blocks()
    shown = [cell for name in PARTS for table in page[name].tables for line in table for cell in line]
    shown += [t for name in PARTS for t in (*page[name].figure_texts, *page[name].notes)]
    text = plain(" ".join(shown))
    for row in (r for name in ("disposition", "exposure", "safety") for r in rows_of(name)):
        assert row.text in text, row


def test_adverse_events_side_by_side() -> None:
    (table,) = blocks()["Adverse events"].tables
    assert table[0] == ["", "T+A, n (%) of 103", "A, n (%) of 99", "Difference in percentage points", "95% CI"]
    of = {(r.statistic, r.group): r.text for r in rows_of("safety")}
    lines = {line[0]: line[1:] for line in table[1:]}
    assert lines["By grade"] == []
    for label, statistic in (
        ("Any adverse event", "adverse event"),
        ("Serious adverse event", "serious adverse event"),
        ("Grade 3", "grade 3 adverse event"),
        ("Grade 3 or higher", "grade 3 or higher adverse event"),
        ("Cardiac event", "cardiac event"),
        ("NYHA class II", "cardiac event, NYHA class II"),
    ):
        low, high = (of[f"{statistic} difference {side} limit", "T+A v A"] for side in ("lower", "upper"))
        counts = [of[statistic, arm] for arm in ("T+A", "A")]
        cells = [plain(cell) for cell in lines[label]]
        assert cells == [*counts, of[f"{statistic} difference", "T+A v A"], f"({low}, {high})"], label
    assert lines["Unknown grade"][2:] == ["–", "–"]


def test_terms_by_system_then_by_frequency_in_the_experimental_arm() -> None:
    table = blocks()["Adverse events by body system"].tables[0][1:]
    systems = sorted({k[0] for k in safety_trial.KINDS})
    assert [line[0] for line in table if line[0] in systems] == systems
    place, last = "", 0
    known = {(s, t) for s, t, *_ in safety_trial.KINDS}
    for line in table:
        count = int(line[1].split(" ")[0])
        if line[0] in systems:
            place, last = line[0], 10**6
            continue
        assert (place, line[0]) in known
        assert count <= last
        last = count


def test_columns_of_counts_are_aligned() -> None:
    """n, bracket and decimal point stand under one another, filled up with spaces as wide as a digit."""
    for part in safety_parts(computed()[1].rows, {})[2:]:
        for column in (0, 1):
            cells = [cells[column] for _, cells in part.tables[0].lines if cells]
            assert len({len(c) for c in cells if "(" in c}) == 1, cells
            assert len({c.index("(") for c in cells if "(" in c}) == 1
            assert len({len(c.partition(" (")[0]) for c in cells}) == 1


def test_the_flow_holds_every_count_of_disposition() -> None:
    texts = blocks()["Flow of subjects"].figure_texts
    for row in rows_of("disposition"):
        if row.statistic in ("randomized", "treated", "not treated", "events", "censored", "crossed over", "analyzed"):
            assert row.text in texts, row
    assert texts[:2] == ["Randomized", "207"]
    assert texts.count("On record") == texts.count("Analyzed") == 2


def test_footnotes_name_the_methods() -> None:
    page = blocks()
    notes = " ".join(page["Adverse events"].notes)
    for needed in ("Newcombe", "TRTEMFL = Y", "a subject with events of two grades counts in both",
                   "by arm as randomized", "Subjects not counted: 0", "unknown grade"):  # fmt: skip
        assert needed in notes, needed
    assert "type 7 of Hyndman and Fan" in " ".join(page["Dose and exposure"].notes)
    assert "XODT - RANDDT" in " ".join(page["Crossover"].notes)
    assert "n (%) of the subjects randomized" in " ".join(page["Flow of subjects"].notes)


@pytest.mark.parametrize("origin", ["observed", "simulated"])
def test_the_origin_is_written_across_the_flow(origin: str) -> None:
    texts = blocks(origin)["Flow of subjects"].figure_texts
    assert ("SIMULATED" in texts) == (origin == "simulated")
    assert {r.origin for r in computed(origin)[1].rows} == {origin}


def test_the_command_line_loops_over_analyses_only(capsys: pytest.CaptureFixture[str]) -> None:
    from equipoise import printing

    trial, results, _ = computed()
    assert results.analyses == ("primary", "confirmed", "survival")
    printing.print_results(trial, results)
    assert "safety" not in capsys.readouterr().out


def test_boxes_hold_their_texts(tmp_path: Path) -> None:
    """Long names are wrapped: at eight points a letter takes about 4.9 of a column's points."""
    long = "Antibody given every three weeks together with the endocrine drug once a day"
    trial = safety_trial.protocol(tmp_path, safety_trial.PROTOCOL.replace('"T+A"', f'"{long}"'))
    page = Page(report.html(trial, analyze.run(trial, safety_trial.patients(trial))))
    texts = next(b for b in page.blocks if b.heading == "Flow of subjects").figure_texts
    start = texts.index("103")  # the number stands on the last line of its heading
    assert " ".join(texts[: start + 1]).startswith("Randomized 207 Allocated to Antibody given")
    assert all(word in " ".join(texts[:start]) for word in long.split())
    assert max(len(t) for t in texts) <= 50


def test_two_runs_draw_the_same(tmp_path: Path) -> None:
    trial, results, html = computed()
    assert report.html(trial, results) == html
