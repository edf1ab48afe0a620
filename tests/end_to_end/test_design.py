"""equipoise design: the plan of a protocol as text, as JSON and as files; its page is drawn from rows alone."""

from __future__ import annotations

import io
import json
from pathlib import Path

import polars as pl
import pytest
from tests.end_to_end.pages import Page, numbers

from equipoise import cli, design, report, simulate
from equipoise.design import Justification, justification, read_plan
from equipoise.protocol import Protocol, example, read
from equipoise.results import COLUMNS

STRATIFIED = Path(__file__).parent / "stratified.toml"


def main(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output, and standard error without the lines that tell of progress."""
    with pytest.raises(SystemExit) as left:
        cli.main(arguments)
    said = capsys.readouterr()
    errors = [line for line in said.err.splitlines() if not line.endswith(" ...")]
    assert isinstance(left.value.code, int)
    return left.value.code, said.out, "\n".join(errors)


@pytest.fixture(scope="module")
def stratified() -> tuple[Protocol, Justification]:
    trial = read(STRATIFIED)
    return trial, justification(trial)


# TAnDEM: a trial that would follow it


def test_tandem_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    code, said, errors = main(capsys, "design", "tandem")
    assert (code, errors) == (0, "")
    for words in (
        "A trial that would follow TAnDEM",
        "335 events among 348 patients give a power of 90.1% for a hazard ratio of 0.700",
        "Looks at 66.6% and 100% of the events",
        "Schoenfeld (1981)",
        "Bernstein and Lagakos (1978)",
        "sized by the published hazard ratio of 0.63 the trial would have 200 events among 210 patients",
        "too good (the winner's curse)",
        "the assurance of that trial is 81.4% (what TAnDEM showed) and 18.8% (sceptical",
        "Note: unknown: design.looks_of_this_trial: no source read gives TAnDEM's own alpha",
        "Note: assumed: design.minimum_relevant_hazard_ratio: ",
    ):
        assert words in said, words
    lines = {line.strip().split("  ")[0]: line.split()[-2:] for line in said.splitlines()}
    assert lines["Z"] == ["2.512", "1.993"]
    assert lines["Hazard ratio"] == ["0.714", "0.804"]
    assert lines["Alpha spent"] == ["0.0060", "0.0250"]


def test_tandem_as_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    code, said, errors = main(capsys, "design", "tandem", "--json")
    assert (code, errors) == (0, "")
    document = json.loads(said)
    assert list(document) == ["equipoise", "protocol", "origin", "results", "notes"]
    assert document["protocol"]["name"] == "TAnDEM"
    assert document["origin"] is None
    assert all(tuple(row) == COLUMNS for row in document["results"])
    held = {(row["analysis"], row["statistic"], row["group"]): row["value"] for row in document["results"]}
    assert held["design", "events in all", ""] == pytest.approx(335)
    assert held["assurance", "assurance", "what TAnDEM showed"] == pytest.approx(0.90942, abs=1e-5)
    assert held["published effect", "patients in all", ""] == pytest.approx(210)
    assert any(note.startswith("unknown: design.looks_of_this_trial") for note in document["notes"])


def test_tandem_in_files(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, said, _ = main(capsys, "design", "tandem", "--out", str(tmp_path / "out"))
    assert code == 0
    assert f"wrote {tmp_path / 'out'}: plan.json, looks.csv, design.html" in said
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"plan.json", "looks.csv", "design.html"}
    found = justification(example("tandem"))
    assert read_plan(tmp_path / "out" / "plan.json") == found.plan
    assert (tmp_path / "out" / "looks.csv").read_text() == found.table().write_csv()
    assert (tmp_path / "out" / "design.html").read_text() == report.design_html(example("tandem"), found)


def test_the_synopsis_has_the_design(capsys: pytest.CaptureFixture[str]) -> None:
    code, said, _ = main(capsys, "check", "tandem")
    assert code == 0
    assert "minimum relevant hazard ratio: 0.7" in said
    assert "design.minimum_relevant_hazard_ratio: from the published median" in said
    assert "design.looks_of_this_trial: no source read" in said


# Two strata with hazards of their own, 2:1, futility, accrual that goes on


def test_a_stratified_trial(stratified: tuple[Protocol, Justification]) -> None:
    _, found = stratified
    plan = found.plan
    assert plan.method == "score"
    assert plan.population.allocation == (2, 1)
    assert dict(plan.population.control) == {
        "liver": design.hazard([0.12, 0.06], until=["6 months"]),
        "other": design.survival_at({"12 months": 0.6, "24 months": 0.42}),
    }
    assert [plan.patients * share % 6 for share in plan.population.strata.values()] == pytest.approx([0, 0], abs=1e-9)
    assert plan.look_events.sum(axis=1).tolist() == pytest.approx([129, 226, 323])
    assert plan.power >= 0.85
    assert plan.test.alpha_spent[-1] == pytest.approx(0.025)
    assert plan.false_claim.sum() < 0.025  # futility is obeyed, and paid for by nobody
    assert found.side_by_side.plans["freedman"].events < plan.events < found.side_by_side.plans["schoenfeld"].events


def test_a_stratified_trial_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    code, said, errors = main(capsys, "design", str(STRATIFIED))
    assert (code, errors) == (0, "")
    assert "323 events among 558 patients give a power of 85.1%" in said
    assert "Bound for futility" in said
    assert "Beta spent" in said
    assert "published effect" not in said


# The page


def cells(page: Page, heading: str) -> dict[str, list[str]]:
    block = next(block for block in page.blocks if block.heading == heading)
    return {row[0]: row[1:] for table in block.tables for row in table if row}


def test_the_page_says_what_the_rows_say(stratified: tuple[Protocol, Justification]) -> None:
    trial, found = stratified
    html = report.design_html(trial, found)
    page = Page(html)
    looks = cells(page, "Looks and bounds")
    rows = [r for r in found.rows() if r.analysis == "design"]
    for label, statistic in (
        ("Information fraction", "information fraction"),
        ("Events", "events"),
        ("Patients randomized", "patients"),
        ("Beta spent", "beta spent"),
        ("Power by then", "probability of efficacy by then"),
    ):
        assert looks[label] == [r.text for r in rows if r.statistic == statistic and not r.group], label
    assert looks["Z"] == [r.text for r in rows if r.statistic == "futility bound z"]  # the later of both
    texts = {r.text for r in found.rows()}
    for table in report.design_tables(found.rows()):
        for _, row in table.lines:
            for cell in row:
                assert not cell or all(part in " ".join(texts) for part in numbers(cell)), cell
    sentence = next(r.text for r in rows if r.statistic == "sentence")
    assert next(b for b in page.blocks if b.heading == "Sample size").sentences == [f"{sentence}."]


def test_figures_are_drawn_from_rows(stratified: tuple[Protocol, Justification]) -> None:
    trial, found = stratified
    page = Page(report.design_html(trial, found))
    rows = [r for r in found.rows() if r.analysis == "design"]
    written = [text for block in page.blocks for text in block.figure_texts]
    for side in ("efficacy", "futility"):
        for name in ("z", "hazard ratio", "P one-sided", "conditional power"):
            for row in (r for r in rows if r.statistic == f"{side} bound {name}"):
                assert row.text in written, (side, name)
    for title in ("Z", "Hazard ratio", "P, one-sided", "Conditional power", "Alpha spent", "Beta spent"):
        assert title in written
    for row in (r for r in rows if r.statistic in ("look time", "alpha spent", "beta spent")):
        assert row.text in written


def test_the_page_stands_alone_and_is_the_same_twice(stratified: tuple[Protocol, Justification]) -> None:
    trial, found = stratified
    html = report.design_html(trial, found)
    assert html == report.design_html(trial, justification(trial))
    for tag, given in Page(html).tags:
        for name in ("src", "href", "xlink:href"):
            assert given.get(name, "#").startswith("#"), (tag, given)
    assert "PLAN: nobody has been observed" in html


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        ("information_fractions = [0.4, 0.7, 1]", "information_fractions = [1]"),
        ("futility = {", "# futility = {"),
        ('futility = { family = "Hwang-Shih-DeCani", gamma = -2 }', ""),
        ('method = "score"', 'method = "schoenfeld"'),
        ('summary = "hazard ratio"', 'summary = "difference in milestone survival"\nmilestone = "12 months"'),
        ("sided = 1", "sided = 2"),
    ],
)
def test_pages_of_other_designs(changes: tuple[str, str], tmp_path: Path) -> None:
    text = STRATIFIED.read_text().replace(*changes)
    if "milestone =" in text:
        text = text.replace('method = "score"\n', "")
    if changes[0] == "sided = 1":
        text = text.replace('futility = { family = "Hwang-Shih-DeCani", gamma = -2 }', "")
        text = text.replace('{ family = "Hwang-Shih-DeCani", gamma = -4 }', '{ family = "Pampallona-Tsiatis" }')
    (tmp_path / "other.toml").write_text(text)
    trial = read(tmp_path / "other.toml")
    page = Page(report.design_html(trial, justification(trial)))
    assert cells(page, "Looks and bounds")["Z"]


# Formulas, settled by simulation

COMPARED = Path(__file__).parents[1] / "unit" / "compared_trial.toml"
COMPARE = ("--compare", "--trials", "2000")


def test_tandem_compared(capsys: pytest.CaptureFixture[str]) -> None:
    code, said, errors = main(capsys, "design", "tandem", *COMPARE)
    assert (code, errors) == (0, "")
    _, alone, _ = main(capsys, "design", "tandem")
    assert said.startswith(alone)
    more = said.removeprefix(alone)
    assert "Formulas in whole numbers, their power settled by simulation" in more
    assert "The test of this design: critical values" in more
    found = simulate.compare(example("tandem"), trials=2000, seed=1)
    assert more.rstrip().endswith(f"{found}.")
    lines = {line.strip().split("  ")[0]: line.split() for line in more.splitlines()}
    assert lines["Schoenfeld"][1:3] == ["335", "348"]


def test_compared_as_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    code, said, errors = main(capsys, "design", str(COMPARED), *COMPARE, "--seed", "3", "--json")
    assert (code, errors) == (0, "")
    rows = json.loads(said)["results"]
    assert all(tuple(row) == COLUMNS for row in rows)
    own = [row for row in rows if row["analysis"] == "comparison"]
    expected = simulate.compare(read(COMPARED), trials=2000, seed=3).rows()
    assert [(row["group"], row["statistic"], row["value"], row["text"]) for row in own] == [
        (row.group, row.statistic, row.value, row.text) for row in expected
    ]


def test_compared_in_files(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, said, _ = main(capsys, "design", str(COMPARED), *COMPARE, "--out", str(tmp_path))
    assert code == 0
    assert said.rstrip().endswith(f"wrote {tmp_path}: plan.json, looks.csv, design.html")
    trial = read(COMPARED)
    found, compared = justification(trial), simulate.compare(trial, trials=2000, seed=1)
    table = pl.concat([found.table(), compared.table()])
    assert (tmp_path / "looks.csv").read_text() == table.write_csv()
    html = (tmp_path / "design.html").read_text()
    assert html == report.design_html(trial, found, compared.rows())
    page = Page(html)
    block = next(block for block in page.blocks if block.heading == "Formulas, settled by simulation")
    assert block.sentences == [f"{compared}."]
    told = cells(page, "Formulas, settled by simulation")
    for one in compared.formulas:
        assert told[one.formula.split(" (")[0]][:2] == [str(one.events), str(one.patients)]
    texts = {r.text for r in compared.rows()}
    for table_ in report.comparison_tables(compared.rows()):
        for _, row in table_.lines:
            for cell in row:
                assert all(part in " ".join(texts) for part in numbers(cell)), cell
    assert "Formulas, settled by simulation" not in report.design_html(trial, found)


def test_numbers_of_trials_that_are_none(capsys: pytest.CaptureFixture[str]) -> None:
    code, said, errors = main(capsys, "design", "tandem", "--compare", "--trials", "0")
    assert (code, said) == (2, "")
    assert errors.startswith("equipoise: 0 is no number of trials (trials)")


# What is refused


def test_no_design_is_refused_with_a_remedy(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, said, errors = main(capsys, "design", "veteran", "--out", str(tmp_path / "out"))
    assert (code, said) == (2, "")
    assert errors.startswith("equipoise: the protocol has no [design] (design). Add the section: ")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("power = 0.85", "power = 0.02"),
        ("follow_up", "folow_up"),
        ('method = "score"', 'method = "score"\npatients = 30\nevents = 20'),
    ],
)
def test_bad_designs_leave_with_two_and_one_sentence(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, line: str, path: str
) -> None:
    (tmp_path / "bad.toml").write_text(STRATIFIED.read_text().replace(line, path))
    code, said, errors = main(capsys, "design", str(tmp_path / "bad.toml"))
    assert (code, said) == (2, "")
    assert len(errors.splitlines()) == 1
    assert "(design" in errors


def test_a_folder_that_cannot_be_written(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, said, errors = main(capsys, "design", "tandem", "--out", str(tmp_path / "file"))
    assert (code, said) == (2, "")
    assert "cannot be written" in errors


def test_the_long_table_can_be_read(stratified: tuple[Protocol, Justification]) -> None:
    table = pl.read_csv(io.StringIO(stratified[1].table().write_csv()), infer_schema_length=None)
    assert tuple(table.columns) == COLUMNS


# A last look while patients still enter

EARLY = Path(__file__).parent / "early_looks.toml"


def test_a_last_look_during_accrual(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, said, errors = main(capsys, "design", str(EARLY), *COMPARE, "--out", str(tmp_path))
    assert (code, errors) == (0, "")
    still = "the last look is expected at 30.4 months, while patients still enter: 175.8 of 208 have entered by then"
    assert f"5.778 a month for 36 months; {still}." in said
    assert f"Note: {still}; more enter if its events come later than expected" in said
    lines = {line.strip().split("  ")[0]: line.split() for line in said.splitlines()}
    assert lines["Patients"][:4] == ["Patients", "175.8", "of", "208"]
    assert lines["Drug, if all enter"][-1] == "104"
    assert lines["Schoenfeld"][1:5] == ["150", "at", "most", "208"]
    plan = read_plan(tmp_path / "plan.json")
    assert plan.during_accrual
    assert plan.look_events.sum(axis=1) == pytest.approx([75, 113, 150])
    table = pl.read_csv(tmp_path / "looks.csv", infer_schema_length=None).filter(analysis="design")
    last = table.filter(statistic="follow-up of the last patient").row(0, named=True)
    assert (last["value"], last["text"], last["reason"]) == (0, "0.0 months", still)
    page = Page((tmp_path / "design.html").read_text())
    assert cells(page, "Sample size")["Patients"][0] == "175.8 of 208"
    assert still in " ".join(s for block in page.blocks for s in block.sentences)
