"""From a protocol with digitized curves to files and a page, by the command line."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from tests.end_to_end.pages import Page
from tests.unit.digitized_trial import curve, known, written

from equipoise import cli
from equipoise.data import read_adam
from equipoise.reconstruct import digitized
from equipoise.results import COLUMNS
from equipoise.survival import kaplan_meier


def main(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        cli.main(arguments)
    said = capsys.readouterr()
    assert isinstance(left.value.code, int)
    return left.value.code, said.out, said.err


def test_from_curves_to_files_and_a_page(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    trial = written(tmp_path)
    out = tmp_path / "out"
    code, said, err = main(capsys, "reconstruct", str(trial.source), "--curves", "--out", str(out))
    assert code == 0, err
    assert "RECONSTRUCTED DATA" in said
    assert "rebuilt from the curves" in said
    assert "constructed to agree" not in said
    assert sorted(f.name for f in out.iterdir()) == ["adam", "digitized.csv", "digitized.html"]
    with (out / "digitized.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert {row["origin"] for row in rows} == {"reconstructed"}
    found = digitized(trial)
    again = read_adam(out / "adam" / "csv", found.trial)
    assert again.origin == "reconstructed"
    assert again.adtte.height == 400
    readme = (out / "adam" / "csv" / "README.txt").read_text()
    assert "SYNTHETIC" in readme
    assert "rebuilt from digitized curves" in readme
    # The curve in the long table is that of the files.
    steps = [float(row["at"]) for row in rows if (row["statistic"], row["group"]) == ("curve, rebuilt", "C")]
    own = kaplan_meier(found.tte)["C"]
    assert steps == pytest.approx(own.time[own.event > 0].tolist())


def test_the_page(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    trial = written(tmp_path)
    main(capsys, "reconstruct", str(trial.source), "--curves", "--out", str(tmp_path / "out"))
    html = (tmp_path / "out" / "digitized.html").read_text()
    assert "http://" not in html.replace("http://www.w3.org", "").replace("http://purl.org", "").replace(
        "http://creativecommons.org", ""
    )
    page = Page(html)
    assert "RECONSTRUCTED" in page.header
    blocks = {block.heading: block for block in page.blocks}
    assert list(blocks) == [
        "Digitized against rebuilt", "Printed numbers", "What these data may be used for", "What every number rests on",
    ]  # fmt: skip
    first = blocks["Digitized against rebuilt"]
    assert "RECONSTRUCTED" in first.figure_texts
    assert {"Printed", "Rebuilt", "E, rebuilt", "E, clicks"} <= set(first.figure_texts)
    assert first.captions == ["The rebuilt patients", "Curves and censoring"]
    # The printed numbers at risk stand twice under the figure: as printed, and as rebuilt.
    _, curves = known()
    for arm in "CE":
        for number in curves[arm].at_risk:
            assert first.figure_texts.count(str(number)) >= 2
    assert next(line[1:] for line in blocks["Printed numbers"].tables[0]) == [
        "published",
        "rebuilt from the curves",
        "agrees",
    ]
    assert any("subgroups" in note for note in blocks["What these data may be used for"].notes)
    rest = " ".join(blocks["What every number rests on"].notes)
    assert "Guyot" in rest
    assert "evenly over the time at risk" in rest
    assert "curves.csv SHA-256" in rest


def test_a_number_that_is_not_met_leaves_with_1(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = written(tmp_path).source
    path.write_text(
        path.read_text().replace(
            'statistic = "hazard ratio", estimand = "OS", printed = "0',
            'statistic = "hazard ratio", estimand = "OS", printed = "2',
        )
    )
    code, said, _ = main(capsys, "reconstruct", str(path), "--curves", "--out", str(tmp_path / "out"))
    assert code == 1
    assert "does not agree with the published number" in said
    assert "does not agree" in (tmp_path / "out" / "digitized.html").read_text().casefold()


def test_json_and_two_estimands(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    _, curves = known()
    path = written(tmp_path, "".join(curve(arm, c, estimand="PFS") for arm, c in curves.items())).source
    out = str(tmp_path / "out")
    code, _, err = main(capsys, "reconstruct", str(path), "--curves", "--out", out)
    assert code == 2
    assert "curves of 2 estimands" in err
    code, said, err = main(capsys, "reconstruct", str(path), "--curves", "--estimand", "OS", "--out", out, "--json")
    assert code == 0, err
    document = json.loads(said)
    assert document["origin"] == "reconstructed"
    assert any(row["statistic"] == "at risk, reached" for row in document["results"])


REFUSED = {
    "chance": (["--curves", "--seed", "2"], "curves are rebuilt without chance (--seed, --cohorts)"),
    "a search of one estimand": (["--estimand", "OS"], "a search is for all estimands (--estimand)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str) -> None:
    more, sentence = REFUSED[name]
    code, said, err = main(capsys, "reconstruct", str(written(tmp_path).source), *more)
    assert (code, said) == (2, "")
    assert sentence in err


def test_no_curves_in_the_protocol(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, _, err = main(capsys, "reconstruct", "veteran", "--curves", "--out", str(tmp_path / "out"))
    assert code == 2
    assert "no digitized curve (published.curves)" in err
    assert not (tmp_path / "out").exists()
