"""Folders into which nothing can be written are refused before any work, and nothing is left of the trying."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from equipoise import cli
from equipoise.errors import EquipoiseError
from equipoise.options import check_folder


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        cli.main(arguments)
    assert isinstance(left.value.code, int)
    return left.value.code


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


COMMANDS = ["simulate", "switching", "design", "audit", "report", "run", "reconstruct"]
OPTIONS = [*((command, "--out") for command in COMMANDS), ("simulate", "--keep")]


@pytest.mark.parametrize(("command", "option"), OPTIONS)
@pytest.mark.parametrize("folder", ["", " ", "a file", "a file/below", "a\0b", "/proc/x", "/proc/x/y"])
def test_folders_that_cannot_be(
    command: str, option: str, folder: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    if folder.startswith("/proc") and not Path("/proc/self").exists():
        pytest.skip("this system has no /proc")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a file").write_text("mine")
    assert run(command, "tandem", option, folder) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1  # nothing was begun
    assert ("cannot be kept" if option == "--keep" else "the report cannot be written") in said.err
    assert f"Choose another {option} folder." in said.err
    assert files(tmp_path) == [tmp_path / "a file"]


def test_what_was_made_is_taken_away_and_what_was_there_stays(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("mine")
    before = files(tmp_path)
    for folder in ("mine", "mine/new", "new/deeper/still", "."):
        check_folder(str(tmp_path / folder))
        assert files(tmp_path) == before
    check_folder(None)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="everything may be written to")
def test_a_folder_of_somebody_else(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    for folder in (tmp_path, tmp_path / "below"):
        with pytest.raises(EquipoiseError, match="no permission to write"):
            check_folder(str(folder))
