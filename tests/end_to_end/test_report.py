"""The report as its reader gets it: every number a row of the results, one file, whole or not at all."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
from tests.end_to_end.pages import NUMBER, Page, numbers
from tests.unit import made_trial

from equipoise import analyze, cli, report
from equipoise.analyze import Results
from equipoise.data import read_adam
from equipoise.errors import EquipoiseError, UnsupportedError
from equipoise.protocol import Protocol, example
from equipoise.results import Row


@cache
def computed(dummy: int | None = None) -> tuple[Protocol, Results]:
    trial = example("veteran")
    data = read_adam(None, trial)
    return trial, analyze.run(trial, data if dummy is None else data.with_dummy_labels(dummy))


@pytest.fixture(scope="module")
def veteran() -> tuple[Protocol, Results, str]:
    trial, results = computed()
    return trial, results, report.html(trial, results)


def tokens(rows: tuple[Row, ...]) -> set[str]:
    """Every number of the text of the rows, but for the sentence, which only repeats them."""
    return {n for row in rows if row.statistic != "sentence" for n in numbers(row.text)}


def labels(trial: Protocol, rows: tuple[Row, ...], name: str) -> set[str]:
    """Numbers that label others: confidence levels, landmarks, the restriction time, the level of a test, subgroups."""
    analysis = trial.analyses[name]
    restriction = trial.estimands[analysis.estimand].restriction_time or ""
    words = [f"{100 * analysis.confidence:g}", *analysis.landmarks, restriction]
    words += [r.group for r in rows] + [r.method for r in rows if r.statistic == "test P"]
    return {n for word in words for n in numbers(word)}


def test_number_tokens() -> None:
    assert numbers("1.02 (95% CI 0.71 to 1.45), median 52.5 v 103 days") == [
        "1.02",
        "95",
        "0.71",
        "1.45",
        "52.5",
        "103",
    ]
    assert numbers("-6.6 (-45.3, 32.2); KPSGR1; 10-30") == ["-6.6", "-45.3", "32.2", "10", "30"]


def test_every_number_on_the_page_is_a_row(veteran: tuple[Protocol, Results, str]) -> None:
    trial, results, html = veteran
    page = Page(html)
    assert len(page.blocks) == len(results.analyses) + 1
    counted = 0
    for name, block in zip(results.analyses, page.blocks, strict=False):
        rows = results.of(name)
        assert block.heading.lower().startswith(name)
        allowed, named = tokens(rows), labels(trial, rows, name)
        shown = [*block.sentences, *block.figure_texts]
        shown += [cell for table in block.tables for line in table for cell in line]
        for text in shown:
            for number in numbers(text):
                counted += 1
                assert number in allowed or number in named, (name, number, text)
    assert counted > 150
    appendix = page.blocks[-1].tables[0][1:]
    kept = [r for r in results.rows if not r.statistic.startswith("curve") and r.statistic != "sentence"]
    assert len(appendix) == len(kept)
    for line, row in zip(appendix, kept, strict=True):
        assert line[:3] == [row.analysis, row.group, row.statistic]
        assert line[4] == " ".join(row.text.split())


def test_cells_of_the_primary_table_hold_no_number_but_rows(veteran: tuple[Protocol, Results, str]) -> None:
    """Stricter than above: a cell may not borrow a number from a label."""
    _, results, html = veteran
    for name, block in zip(results.analyses, Page(html).blocks, strict=False):
        allowed = tokens(results.of(name))
        for line in block.tables[0][1:]:
            for cell in line[1:]:
                assert set(numbers(cell)) <= allowed, (name, cell)


def test_every_number_a_paper_needs_is_in_the_primary_table(veteran: tuple[Protocol, Results, str]) -> None:
    _, results, html = veteran
    table = Page(html).blocks[0].tables[0]
    cells = [cell for line in table for cell in line]
    rows = results.of("primary")
    needed = ["subjects", "events", "lower quartile", "median", "upper quartile", "survival", "hazard ratio"]
    for row in rows:
        base = row.statistic.removesuffix(" lower limit").removesuffix(" upper limit")
        if base in needed or row.statistic in ("test P", "test decision"):
            assert any(row.text in cell for cell in cells), row
    head = table[0]
    assert head == ["", "test", "standard", "Contrast"]
    # the same cell, put together by hand
    assert ["Median, days (95% CI)", "52.5 (43, 90)", "103 (54, 126)", ""] in table
    assert ["Hazard ratio, test v standard (95% CI)", "", "", "1.02 (0.71, 1.45)"] in table


def test_figures_show_curves_risk_table_and_forest(veteran: tuple[Protocol, Results, str]) -> None:
    _, results, html = veteran
    block = Page(html).blocks[0]
    texts = block.figure_texts
    assert texts.count("At risk") == texts.count("Censored") == texts.count("Events") == 2
    rows = results.of("primary")
    marks = [r.at for r in rows if r.statistic == "at risk" and r.group == "test"]
    assert [float(t) for t in block.ticks[: len(marks)]] == marks
    for statistic in ("at risk", "events before", "censored before"):
        for row in rows:
            if row.statistic == statistic:
                assert row.text in texts, row
    for row in rows:
        if row.statistic == "interaction P":
            assert row.text in texts
            assert row.group in texts
    assert "favours test" in " ".join(texts)


def test_the_page_needs_nothing_from_outside(veteran: tuple[Protocol, Results, str]) -> None:
    page = Page(veteran[2])
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "link", "img", "iframe", "object", "embed", "video", "audio", "base", "form"}
    for tag, attributes in page.tags:
        for name, text in attributes.items():
            assert not name.startswith("on"), (tag, name)
            if name in ("src", "href", "xlink:href", "action", "data", "srcset"):
                assert text.startswith("#"), (tag, name, text)
    style = re.search(r"<style>(.*?)</style>", veteran[2], re.S)
    assert style is not None
    assert "url(" not in style.group(1)
    assert "@import" not in veteran[2]


def test_ids_of_two_figures_do_not_collide(veteran: tuple[Protocol, Results, str]) -> None:
    """An SVG whose clip path is another figure's would be cut wrongly."""
    svgs = re.findall(r"<svg.*?</svg>", veteran[2], re.S)
    assert len(svgs) == 3
    for svg in svgs:
        made = set(re.findall(r'id="([^"]+)"', svg))
        used = set(re.findall(r'(?:xlink:href="#|url\(#)([^")]+)', svg))
        assert used <= made


def test_two_runs_write_the_same_bytes(tmp_path: Path) -> None:
    written = []
    for folder in ("one", "two"):
        trial, results = computed.__wrapped__()
        written.append([f.read_bytes() for f in report.write(trial, results, tmp_path / folder)])
    assert written[0] == written[1]


def test_footnotes_name_what_was_done(veteran: tuple[Protocol, Results, str]) -> None:
    trial, results, html = veteran
    blocks = Page(html).blocks
    notes = " ".join(blocks[0].notes)
    for needed in ("Estimand: the hazard ratio of", "Contrast: test against standard", "Efron ties", "log-log limits",
                   "log-rank test", "Strata: none"):  # fmt: skip
        assert needed in notes, needed
    rests = " ".join(blocks[-1].notes)
    for needed in ("A month is 30.4375 days", "Tests are 2-sided", "half away from zero", trial.digest, "Kalbfleisch",
                   "assumed: testing.alpha".capitalize(), "Unknown: arms.test.regimen", "equipoise 0.1"):  # fmt: skip
        assert needed in rests, needed
    for digest in results.data_digests.values():
        assert digest in rests
    assert "Data cut" in Page(html).header


def test_dummy_is_marked_on_page_figures_and_terminal(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    trial, results = computed(dummy=1)
    page = Page(report.html(trial, results))
    assert "DUMMY: arm labels were permuted" in page.header
    drawn = [b for b in page.blocks if b.figure_texts]
    assert sum(b.figure_texts.count("DUMMY") for b in drawn) == 3  # two Kaplan-Meier figures and a forest plot
    with pytest.raises(SystemExit) as left:
        cli.main(["run", "veteran", "--dummy", "1", "--out", str(tmp_path)])
    assert left.value.code == 0
    said = capsys.readouterr().out
    assert "DUMMY DATA" in said
    assert "DUMMY" not in report.html(*computed())


def test_not_reached_prints(tmp_path: Path) -> None:
    frame = made_trial.adtte(range(10, 30), [1 if i < 4 else 0 for i in range(20)], "no" * 10)
    trial = made_trial.protocol(tmp_path)
    results = analyze.run(trial, made_trial.patients(trial, frame))
    table = Page(report.html(trial, results)).blocks[0].tables[0]
    (median,) = (line for line in table if line[0] == "Median, days (95% CI)")
    for cell in median[1:3]:
        assert cell.startswith("not reached (")
        assert cell.endswith(", not reached)")
    assert "medians not reached" in Page(report.html(trial, results)).blocks[0].sentences[0]


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>$x\\\\frac$&amp;"
    head = made_trial.HEAD.replace("[arms.new]", f'[arms."{evil}"]').replace("All randomized", "<b>All</b>")
    estimand = made_trial.ESTIMAND.replace('"new"', f'"{evil}"')
    names = f'\n[data]\narms = {{ "{evil}" = "new" }}\n'
    line = 'subgroups = [{ column = "SEX", label = "<i>Sex</i>" }]\n'
    trial = made_trial.protocol(tmp_path, head=head, estimand=estimand, data=names, analyses=made_trial.PRIMARY + line)
    frame = made_trial.adtte(range(1, 21), [1] * 20, "no" * 10, SEX=list("MMFFF" * 4))
    page = Page(report.html(trial, analyze.run(trial, made_trial.patients(trial, frame))))
    assert not {tag for tag, _ in page.tags} & {"script", "b", "i"}
    assert evil.replace("\\\\", "\\") in page.blocks[0].tables[0][0]


def test_a_file_in_the_way_leaves_nothing_behind(tmp_path: Path) -> None:
    trial, results = computed()
    inside = tmp_path / "a file"
    inside.write_text("mine")
    for out in (inside, inside / "deeper"):
        with pytest.raises(EquipoiseError, match=r"the report cannot be written: .* Choose another --out folder\."):
            report.write(trial, results, out)
    assert [f.name for f in tmp_path.iterdir()] == ["a file"]
    assert inside.read_text() == "mine"


@pytest.mark.parametrize("taken", ["report.html", "results.csv"])
def test_a_folder_in_the_way_of_one_file_stops_both(tmp_path: Path, taken: str) -> None:
    trial, results = computed()
    (tmp_path / taken).mkdir()
    with pytest.raises(EquipoiseError, match=f"{re.escape(taken)} is a folder"):
        report.write(trial, results, tmp_path)
    assert [f.name for f in tmp_path.iterdir()] == [taken]


def test_a_full_disk_leaves_the_old_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trial, results = computed()
    (tmp_path / "report.html").write_text("the old report")
    original = Path.write_text

    def fail(self: Path, text: str, **more: str) -> int:
        if "results.csv" in self.name:
            original(self, text[:100], **more)
            raise OSError(28, "No space left on device")
        return original(self, text, **more)

    monkeypatch.setattr(Path, "write_text", fail)
    with pytest.raises(EquipoiseError, match="No space left on device"):
        report.write(trial, results, tmp_path)
    assert [f.name for f in tmp_path.iterdir()] == ["report.html"]
    assert (tmp_path / "report.html").read_text() == "the old report"


def test_formats_without_a_writer_are_refused(tmp_path: Path) -> None:
    trial, results = computed()
    with pytest.raises(UnsupportedError, match="no 'pdf' report yet"):
        report.write(trial, results, tmp_path / "out", formats=["html", "pdf"])
    assert not (tmp_path / "out").exists()


def test_the_forest_favors_the_arm_with_the_lower_hazard_of_harm(tmp_path: Path) -> None:
    frame = made_trial.adtte(range(1, 21), [1] * 20, "no" * 10, SEX=list("MMFFF" * 4))
    line = 'subgroups = [{ column = "SEX", label = "Sex" }]\n'
    for event_is, below in (("harm", "new"), ("benefit", "old")):
        trial = made_trial.protocol(
            tmp_path,
            endpoint=made_trial.ENDPOINT + f'event_is = "{event_is}"\n',
            analyses=made_trial.PRIMARY + line,
        )
        html = report.html(trial, analyze.run(trial, made_trial.patients(trial, frame)))
        texts = " ".join(Page(html).blocks[0].figure_texts)
        assert re.search(rf"favours {below} .*hazard ratio.*favours", texts), event_is


def test_pattern_reads_minus_signs() -> None:
    assert NUMBER.findall("−6.6") == ["−6.6"]
