"""`equipoise audit`: table, JSON, files, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from equipoise.cli import main
from equipoise.protocol import example, read
from equipoise.reconstruct import CLOSING, audit
from equipoise.report import audit_html, audit_table
from equipoise.results import COLUMNS

HERE = Path(__file__).parent / "audited"


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(["audit", *arguments])
    return int(left.value.code or 0)


def test_what_is_consistent_leaves_with_0(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run("tandem", "--out", str(tmp_path / "page")) == 0
    out = capsys.readouterr().out
    assert "0.0013 to 0.0022" in out
    assert "taken for granted (1): Wald limits" in out
    assert "Warning" not in out
    assert f"{CLOSING}.\nwrote " in out
    table = pl.read_csv(tmp_path / "page" / "audit.csv")
    assert tuple(table.columns) == COLUMNS
    assert set(table.filter(pl.col("statistic").str.ends_with("verdict"))["text"]) == {"consistent"}


def test_what_is_notable_leaves_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(str(HERE / "record1.toml")) == 1
    out = capsys.readouterr().out
    assert "counts of 265 to 269 subjects can print all of them" in out
    assert out.rstrip().endswith(f"{CLOSING}.")


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(str(HERE / "keynote024.toml"), "--json") == 1
    document = json.loads(capsys.readouterr().out)
    assert document["protocol"]["name"] == "KEYNOTE-024"
    assert {row["analysis"] for row in document["results"]} == {"audit"}
    assert any("one-sided P" in note for note in document["notes"])
    assert document["notes"][-1].endswith(CLOSING)


def test_json_with_files_is_one_document(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run("tandem", "--json", "--out", str(tmp_path)) == 0
    json.loads(capsys.readouterr().out)
    assert (tmp_path / "audit.html").is_file()


def test_a_protocol_without_published_numbers_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("veteran") == 2
    assert "no published number that could be audited" in capsys.readouterr().err


def test_the_page() -> None:
    found = audit(read(HERE / "gist.toml"))
    page = audit_html(found)
    assert page.count(CLOSING) >= 2
    for check in found.checks:
        assert check.verdict in page
    assert page.count('class="warning"') == len(found.warnings)
    assert "http" not in page.replace("http-equiv", "")
    assert "10.1016/S0140-6736(06)69446-4" in page
    assert found.trial.digest in page


def test_every_check_stands_in_the_table_under_one_heading() -> None:
    found = audit(example("tandem"))
    table = audit_table(found)
    headings = [label for label, cells in table.lines if not cells]
    assert len(headings) == len(set(headings))
    assert len(table.lines) - len(headings) == len(found.checks)
