"""`equipoise run tandem`: from the abstract's numbers to patients, analyses, tie-out and report."""

from __future__ import annotations

import contextlib
import io
import json
import re
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
from tests.end_to_end.pages import Page

from equipoise import analyze, cli
from equipoise.data import read_adam
from equipoise.protocol import FURTHER_PARTS, example
from equipoise.reconstruct import digest, read_calibration
from equipoise.reconstruct.strain import beside

# The abstract, as it prints (the source stands in the protocol).
SENTENCE = (
    "the abstract cannot tell what overall survival would have been without crossover; every value here is an "
    "assumption returned"
)
PRINTED = {
    "subjects, T+A": "103", "subjects, A": "104", "PFS, ITT: hazard ratio": "0.63",
    "PFS, ITT: hazard ratio lower limit": "0.47", "PFS, ITT: hazard ratio upper limit": "0.84",
    "PFS, ITT: median, T+A": "4.8", "PFS, ITT: median, A": "2.4", "PFS, ITT: P": ".0016",
    "population confirmed: subjects": "150", "PFS, confirmed: median, T+A": "5.6", "PFS, confirmed: median, A": "3.8",
    "PFS, confirmed: P": ".006", "OS, ITT: P": "not significant", "OS, confirmed: P": "not significant",
    "crossed over, A": "70%", "grade 3 adverse event, T+A": "23%", "grade 4 adverse event, T+A": "5%",
    "grade 3 adverse event, A": "15%", "grade 4 adverse event, A": "1%", "NYHA class II heart failure, T+A": "1",
    "adverse event, T+A": "more frequent", "serious adverse event, T+A": "more frequent",
}  # fmt: skip
DATA_SETS = ("adsl", "adtte", "adae", "adex")


@dataclass(frozen=True)
class Done:
    code: int
    screen: str
    folder: Path


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    folder = tmp_path_factory.mktemp("tandem")
    screen = io.StringIO()
    with contextlib.redirect_stdout(screen), pytest.raises(SystemExit) as left:
        cli.main(["run", "tandem", "--out", str(folder), "--cohorts", "10"])
    assert isinstance(left.value.code, int)
    return Done(code=left.value.code, screen=screen.getvalue(), folder=folder)


def test_it_is_clean_and_the_first_screen_ties_out(done: Done) -> None:
    assert done.code == 0
    first = done.screen.splitlines()[:32]
    assert "RECONSTRUCTED DATA" in first[0]
    table = "\n".join(first)
    assert re.search(r"published\s+synthetic cohort \(constructed to agree\)\s+agrees", table)
    for name, printed in PRINTED.items():
        assert re.search(rf"^ *{re.escape(name)}\s+{re.escape(printed)}\s.*\syes\s*$", table, re.MULTILINE), name
    assert "a pass does not support the model" in table
    assert "no treatment effect (control): 8 of 8 cohorts meet every number" in table


def test_the_report_holds_every_part(done: Done) -> None:
    page = Page((done.folder / "report.html").read_text(encoding="utf-8"))
    headings = [block.heading for block in page.blocks]
    for heading in (
        "Tie-out with the published numbers", "Flow of subjects", "PFS, ITT (primary)", "OS, ITT (exploratory)",
        "Crossover", "Dose and exposure", "Adverse events", "Strain of the model",
        "What the published numbers do not determine",
    ):  # fmt: skip
        assert heading in headings
    tie = page.blocks[headings.index("Tie-out with the published numbers")].tables[0]
    assert tie[0][1:] == ["published", "synthetic cohort (constructed to agree)", "agrees"]
    assert {line[0]: line[1] for line in tie[1:]} == PRINTED
    assert {line[3] for line in tie[1:]} == {"yes"}
    assert "RECONSTRUCTED DATA" in page.header
    text = " ".join(page.visible)
    assert "conditional on these models; not a confidence interval" in text
    assert "a pass does not support the model" in text.lower()
    assert "Nominal P" in text
    assert "Usually not flagged, though it is not the model: hazard ratio 0.80" in text
    primary = page.blocks[headings.index("PFS, ITT (primary)")]
    assert "RECONSTRUCTED" in primary.figure_texts
    assert any("centrally confirmed" in t for t in primary.figure_texts)  # the forest


@pytest.mark.parametrize("format_", ["csv", "parquet", "xpt"])
def test_the_files_keep_their_origin_and_print_the_same(done: Done, format_: str) -> None:
    folder, trial = done.folder / "adam" / format_, example("tandem")
    assert sorted(p.name for p in folder.iterdir()) == sorted(["README.txt", *(f"{d}.{format_}" for d in DATA_SETS)])
    assert (folder / "README.txt").read_text(encoding="utf-8").startswith("SYNTHETIC DATA")
    data = read_adam(folder, trial)
    assert data.origin == "reconstructed"
    for frame in data.frames().values():
        assert frame["STUDYID"].str.starts_with("SYN").all()
        assert frame["USUBJID"].str.starts_with("SYN").all()
        assert (frame["SYNTHFL"] == "Y").all()
    assert all(tie.agrees for tie in analyze.tie_out(trial, data))


def test_every_number_is_a_row(done: Done) -> None:
    rows = pl.read_csv(done.folder / "results.csv", infer_schema_length=None)
    assert set(rows["origin"]) == {"reconstructed"}
    ties = rows.filter(pl.col("analysis") == "tie-out")
    assert ties.height == 3 * len(PRINTED)
    spread = rows.filter(pl.col("analysis") == "spread")
    assert spread["method"].str.contains("10 cohorts, conditional on these models; not a confidence interval").all()
    hazard = spread.filter(pl.col("statistic").str.starts_with("PFS, ITT: hazard ratio, "))
    assert set(hazard["text"]) == {"0.63"}  # what is printed does not vary, the rest does
    rates = spread.filter(pl.col("statistic").str.starts_with("PFS, ITT: survival, "))
    assert rates["value"].n_unique() > 3


def test_the_stored_strain_is_of_this_model() -> None:
    """Rebuild it with benchmarks/strain.py when the model, the targets or the search kernels change."""
    trial = example("tandem")
    held = read_calibration(beside(trial))
    assert held is not None
    assert held.digest == digest(trial, trial.scenario["stated"], "A")
    assert len(held.reference) >= 200
    power = {name: flagged / of for name, flagged, of in held.power}
    assert power["stated model, at the published numbers"] <= 0.05
    assert power["trials drawn from the stated model, rebuilt"] <= 0.11
    assert power["no treatment effect, at the published numbers"] >= 0.9
    assert power["hazard ratio 0.40, at the published numbers"] >= 0.9
    assert power["hazard ratio 0.80, at the published numbers"] < 0.5


def test_reconstruct_alone_writes_the_same_patients(
    done: Done, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main(["reconstruct", "tandem", "--out", str(tmp_path), "--cohorts", "10", "--json"])
    assert left.value.code == 0
    document = json.loads(capsys.readouterr().out)
    assert document["origin"] == "reconstructed"
    assert {r["text"] for r in document["results"] if r["statistic"].startswith("agrees: ")} == {"yes"}
    for dataset in DATA_SETS:
        name = f"adam/csv/{dataset}.csv"
        assert (tmp_path / name).read_bytes() == (done.folder / name).read_bytes()
    assert not (tmp_path / "report.html").exists()


def test_a_reconstruction_has_no_cut_and_no_dummy(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main(["run", "tandem", "--cut", "2005-01-01", "--out", str(tmp_path / "o")])
    assert left.value.code == 2
    assert "equipoise reconstruct tandem" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_what_crossover_did_is_only_demonstrated(done: Done) -> None:
    """No adjusted hazard ratio stands among the analyses, in their sentences or in the tie-out: only what was assumed,
    under the sentence that says so."""
    lines = done.screen.splitlines()
    assert lines.count(SENTENCE) == 1
    said = lines.index(SENTENCE)
    tied = next(i for i, line in enumerate(lines) if "no treatment effect (control)" in line)
    first = next(i for i, line in enumerate(lines) if line.startswith("PFS, ITT (primary)"))
    assert tied < said < first
    adjusted = re.compile(r"RPSFTM|IPE\b|[Tt]wo-stage|[Cc]ensored at switch|none crossing|nobody crossing")
    assert any(adjusted.search(line) for line in lines[said:first])
    assert not any(adjusted.search(line) for line in (*lines[:said], *lines[first:]))
    rows = pl.read_csv(done.folder / "results.csv", infer_schema_length=None).fill_null("")
    shown = rows.filter(pl.concat_str("statistic", "text", "method", "group", separator=" ").str.contains("RPSFTM"))
    assert set(shown["role"]) == set(shown["analysis"]) == {"demonstration"}
    trial = example("tandem")
    assert "demonstration" in FURTHER_PARTS
    assert "demonstration" not in trial.analyses
    own = rows.filter(pl.col("role") == "demonstration")
    assert own.filter(pl.col("statistic") == "meaning")["text"].to_list() == [SENTENCE]
    met = own.filter(pl.col("statistic") == "cohorts that meet every number")
    assert met["text"].to_list() == ["10 of 10"] * 4


def test_the_demonstration_stands_near_the_end_of_the_report(done: Done) -> None:
    page = Page((done.folder / "report.html").read_text(encoding="utf-8"))
    headings = [block.heading for block in page.blocks]
    at = headings.index("Demonstration: without crossover, by what is assumed of it")
    assert headings[at + 1] == "What every number rests on"
    block = page.blocks[at]
    assert block.tables[0][0][1:] == [
        "no effect (1)", "half effect (0.735)", "full effect (0.54)", "the model's own (0.45)"
    ]  # fmt: skip
    assert "RECONSTRUCTED" in block.figure_texts
    assert SENTENCE.lower() in " ".join(page.visible).lower()
