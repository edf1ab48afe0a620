"""The command line: what it loads, what it prints, and one sentence with exit code 2 for every bad input."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pyreadstat
import pytest
from tests.unit import made_trial

from equipoise import cli
from equipoise.results import COLUMNS

PYTHON = Path(sys.executable)
TIME, EVENT, ARM = [5, 8, 9, 4, 7, 6, 11, 3], [1, 1, 0, 1, 1, 1, 0, 1], "nonononn"


def eight() -> pl.DataFrame:
    return made_trial.adtte(TIME, EVENT, ARM, EVNTDESC=["Death" if e else "Alive" for e in EVENT], ITTFL=["Y"] * 8)


def shell(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The installed program, in a process of its own."""
    return subprocess.run(
        [str(PYTHON), "-m", "equipoise.cli", *arguments], capture_output=True, text=True, timeout=120, check=False
    )


def main(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output, and standard error without the lines that tell of progress."""
    with pytest.raises(SystemExit) as left:
        cli.main(arguments)
    said = capsys.readouterr()
    errors = [line for line in said.err.splitlines() if not line.endswith(" ...")]
    assert isinstance(left.value.code, int)
    return left.value.code, said.out, "\n".join(errors)


def loaded(statement: str) -> set[str]:
    """Top-level modules in memory after a statement, in a process of its own."""
    code = f"import sys; {statement}; print(*sorted({{m.partition('.')[0] for m in sys.modules}}))"
    return set(subprocess.run([str(PYTHON), "-c", code], capture_output=True, text=True, check=True).stdout.split())


# What starts fast


@pytest.mark.parametrize("statement", ["import equipoise", "import equipoise.cli"])
def test_starting_loads_nothing_heavy(statement: str) -> None:
    assert not loaded(statement) & {"numba", "polars", "pydantic", "matplotlib", "scipy", "numpy", "jinja2"}


def test_reading_a_protocol_loads_no_frames_and_no_kernels() -> None:
    assert not loaded("import equipoise; equipoise.protocol.example('tandem')") & {"numba", "polars", "matplotlib"}


def test_the_stages_are_named_by_the_root() -> None:
    import equipoise

    for stage in equipoise.__all__:
        assert getattr(equipoise, stage) is not None
        assert stage in dir(equipoise)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        equipoise.nothing  # noqa: B018


def test_help_comes_quickly_and_names_the_commands() -> None:
    start = time.perf_counter()
    done = shell("--help")
    assert time.perf_counter() - start < 5  # a loose bound: half a second on a quiet machine
    assert done.returncode == 0
    for command in ("check", "analyze", "report", "run", "design"):
        assert command in done.stdout
        assert shell(command, "--help").returncode == 0
    assert shell("--version").stdout.strip() == "0.1.0"


# What is printed


def test_the_main_job_in_its_own_process(tmp_path: Path) -> None:
    done = shell("run", "veteran", "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert "hazard ratio 1.02 (95% CI 0.71 to 1.45)" in done.stdout
    assert "log-rank P = 0.9277" in done.stdout
    assert "52.5 (43, 90)" in done.stdout
    assert "assumed: testing.alpha" in done.stdout
    assert sorted(f.name for f in (tmp_path / "out").iterdir()) == ["report.html", "results.csv"]


def test_json_is_one_document_and_nothing_else() -> None:
    done = shell("analyze", "veteran", "--json")
    assert done.returncode == 0
    assert done.stderr == ""
    document = json.loads(done.stdout)
    assert {"equipoise", "protocol", "origin", "results", "notes"} <= set(document)
    assert document["origin"] == "observed"
    assert all(tuple(row) == COLUMNS for row in document["results"])
    (ratio,) = (r for r in document["results"] if r["statistic"] == "hazard ratio" and r["analysis"] == "primary")
    assert ratio["value"] == pytest.approx(1.017900903938943, rel=1e-6)


@pytest.mark.parametrize("command", ["check", "analyze", "report", "run"])
def test_json_of_every_command(capsys: pytest.CaptureFixture[str], tmp_path: Path, command: str) -> None:
    out = ["--out", str(tmp_path)] if command in ("report", "run") else []
    with pytest.raises(SystemExit) as left:
        cli.main([command, "veteran", "--json", *out])
    said = capsys.readouterr()
    assert left.value.code == 0
    assert said.err == ""
    assert json.loads(said.out)["protocol"]["name"] == "veteran"
    assert len(list(tmp_path.iterdir())) == (2 if out else 0)


def test_json_carries_dummy(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["analyze", "veteran", "--json", "--dummy", "4"])
    document = json.loads(capsys.readouterr().out)
    assert document["origin"] == "dummy"
    assert {row["origin"] for row in document["results"]} == {"dummy"}


def test_check_prints_the_synopsis_and_the_doses(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = main(capsys, "check", "tandem", "--patient-weight", "70")
    assert (code, err) == (0, "")
    for line in ("day 1: trastuzumab 280 mg, intravenous", "day 22: trastuzumab 140 mg", "anastrozole 1 mg each day"):
        assert line in out
    assert all(len(line) == len(line.rstrip()) for line in out.splitlines())


def test_check_lists_the_findings(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    two_reasons = eight().with_columns(EVNTDESC=pl.Series(["Death", "Death", "Lost", *["Death"] * 3, "Alive", "Death"]))
    path = made_trial.files(tmp_path, two_reasons)
    code, out, _ = main(capsys, "check", str(path))
    assert code == 1
    assert "TTE-08 warning" in out
    broken = two_reasons.with_columns(CNSR=pl.Series([-1, *[0] * 7]))
    path = made_trial.files(tmp_path, broken)
    code, out, _ = main(capsys, "check", str(path))
    assert code == 2
    assert "TTE-01 error" in out
    assert "subject 001" in out


def test_a_data_folder_may_be_given(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = made_trial.files(tmp_path, eight(), data="")
    assert main(capsys, "analyze", str(path))[0] == 2
    code, out, _ = main(capsys, "analyze", str(path), "--data", str(tmp_path / "adam"))
    assert code == 0
    assert "Overall survival, new against old" in out


# Exit 1: done, with warnings


def test_warnings_exit_with_one_and_are_printed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    several = eight().with_columns(EVNTDESC=pl.Series(["Death", "Death", "Lost", *["Death"] * 3, "Alive", "Death"]))
    path = made_trial.files(tmp_path, several)
    out = str(tmp_path / "out")
    for command, more in (("analyze", []), ("report", ["--out", out]), ("run", ["--out", out])):
        code, said, err = main(capsys, command, str(path), *more)
        assert code == 1, command
        assert err == ""
        if command != "report":
            assert "Warning: TTE-08 warning" in said
    assert "TTE-08" in (tmp_path / "out" / "report.html").read_text()
    code, said, _ = main(capsys, "analyze", str(path), "--json")
    assert code == 1
    assert any("TTE-08" in note for note in json.loads(said)["notes"])


# Exit 2: one sentence


def replaced(column: str, row: int, value: object) -> pl.DataFrame:
    frame = eight()
    values: list[object] = frame[column].to_list()
    values[row] = value
    return frame.with_columns(pl.Series(column, values, strict=False))


def as_text(column: str, row: int, value: str) -> pl.DataFrame:
    return (
        eight()
        .with_columns(pl.col(column).cast(pl.String))
        .with_columns(pl.Series(column, [value if i == row else str(v) for i, v in enumerate(eight()[column])]))
    )


def cut_short(folder: Path) -> Path:
    """An XPT file whose last record is half there, and whose header is whole."""
    path = made_trial.files(folder, eight())
    (folder / "adam" / "adtte.csv").unlink()
    whole = folder / "adam" / "adtte.xpt"
    pyreadstat.write_xport(eight().to_pandas(), str(whole), table_name="ADTTE", file_format_version=5)
    whole.write_bytes(whole.read_bytes()[:-200])
    return path


def with_frame(frame: pl.DataFrame, **changed: str) -> Callable[[Path], Path]:
    return lambda folder: made_trial.files(folder, frame, **changed)


POPULATION = made_trial.HEAD + 'flag = "ITTFL"\n'
DOSE = 'regimen = [{ drug = "x", route = "oral", until = "p", maintenance = { dose = "4", every = "1 day" } }]'

BAD: dict[str, tuple[Callable[[Path], Path], str]] = {
    "missing protocol": (lambda folder: folder / "none.toml", "there is no protocol file"),
    "missing data folder": (
        with_frame(eight(), data='\n[data]\npath = "nowhere"\n'),
        "the data folder does not exist",
    ),
    "no data named": (with_frame(eight(), data=""), "no data are given"),
    "wrong column": (with_frame(eight().rename({"AVAL": "AVALX"})), "column AVAL). Did you mean AVALX?"),
    "text in AVAL": (with_frame(as_text("AVAL", 2, "nine")), "text where a number is needed, such as 'nine'"),
    "CNSR of 2.5": (with_frame(replaced("CNSR", 3, 2.5)), "rule TTE-01"),
    "AVAL of zero": (with_frame(replaced("AVAL", 3, 0.0)), "rule TTE-02"),
    "one arm only": (with_frame(eight().with_columns(TRT01P=pl.lit("new"))), "is in arm 'old'"),
    "arm column absent": (with_frame(eight().drop("TRT01P")), "column TRT01P"),
    "nobody in the population": (
        with_frame(eight().with_columns(ITTFL=pl.lit("N")), head=POPULATION),
        "nobody is in the population ITT",
    ),
    "a population of another type": (
        with_frame(eight(), head=made_trial.HEAD + "where = { ITTFL = 1 }\n"),
        "which the column cannot hold",
    ),
    "misspelt key": (
        with_frame(eight(), head=made_trial.HEAD.replace("short_name", "shortname")),
        'unknown key \'shortname\' (trial.shortname). Did you mean "short_name"?',
    ),
    "dose without a unit": (
        with_frame(eight(), head=made_trial.HEAD.replace('regimen = { unknown = "made up" }', DOSE, 1)),
        "is a dose without a unit",
    ),
    "XPT cut short": (cut_short, "adtte.xpt"),
    "not TOML": (with_frame(eight(), head="[trial\n"), "is not a TOML file"),
    "a record twice": (with_frame(pl.concat([eight(), eight()])), "rule TTE-05"),
    "missing covariate": (
        with_frame(replaced("ITTFL", 0, None), analyses=made_trial.PRIMARY + 'covariates = ["ITTFL"]\n'),
        "ITTFL is missing for 1 of 8 subjects",
    ),
    "a covariate twice": (
        with_frame(eight(), analyses=made_trial.PRIMARY + 'covariates = ["ITTFL", "ittfl"]\n'),
        "covariates name 'ITTFL' twice",
    ),
    "no analyses": (with_frame(eight(), analyses="", testing=""), "the protocol lists no analysis"),
    "an endpoint the file has not": (
        with_frame(eight(), endpoint=made_trial.ENDPOINT + 'parameter = "PFS"\n'),
        "no record with PARAMCD 'PFS'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_sentence(capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str) -> None:
    make, what = BAD[name]
    path = make(tmp_path)
    before = sorted(f.relative_to(tmp_path) for f in tmp_path.rglob("*"))
    for command in ("analyze", "report", "run"):
        out = ["--out", str(tmp_path / "out")] if command != "analyze" else []
        code, said, err = main(capsys, command, str(path), *out)
        assert code == 2
        assert said == ""
        assert err.startswith("equipoise: ")
        assert err.count("\n") == 0
        assert err.endswith((".", ")", "?"))
        assert what in err
        assert "Traceback" not in err
    assert sorted(f.relative_to(tmp_path) for f in tmp_path.rglob("*")) == before


def test_bad_input_in_its_own_process(tmp_path: Path) -> None:
    path = made_trial.files(tmp_path, as_text("AVAL", 2, "nine"))
    done = shell("run", str(path), "--out", str(tmp_path / "out"))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith("equipoise: 1 of 8 records hold text")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["analyse", "veteran"], "analyse"),
        (["analyze"], "protocol"),
        (["analyze", "veteran", "--colour"], "--colour"),
        (["analyze", "veteran", "--dummy", "x"], "--dummy"),
        (["analyze", "veteran", "--dummy", "-1"], "--dummy"),
        (["analyze", "veteran", "--cut", "soon"], "'soon' is not a date"),
        (["analyze", "veteran", "--cut", "1980-01-01"], "a data cut needs the dates"),
        (["check", "tandem", "--patient-weight", "seventy"], "--patient-weight"),
        (["check", "tandem", "--patient-weight", "7"], "a patient weight of 7 kg is not plausible"),
        (["check", "veteran", "--patient-weight", "nan"], "is not plausible"),
        (["check", "tandme"], "tandem, veteran"),
        (["analyze", "tandem"], "no data are given"),
        (["check", "."], "cannot be read"),
    ],
)
def test_bad_arguments_are_one_sentence(capsys: pytest.CaptureFixture[str], arguments: list[str], what: str) -> None:
    code, said, err = main(capsys, *arguments)
    assert code == 2
    assert said == ""
    assert err.startswith("equipoise: ")
    assert err.count("\n") == 0
    assert what in err


@pytest.mark.parametrize("where", ["", "deeper"])
def test_an_out_folder_that_cannot_be(capsys: pytest.CaptureFixture[str], tmp_path: Path, where: str) -> None:
    taken = tmp_path / "taken"
    taken.write_text("mine")
    code, said, err = main(capsys, "run", "veteran", "--out", str(taken / where))
    assert code == 2
    assert said == ""
    assert "the report cannot be written" in err
    assert [f.name for f in tmp_path.iterdir()] == ["taken"]
    assert taken.read_text() == "mine"


def test_what_nobody_foresaw_is_one_sentence_and_never_exit_code_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise AttributeError("'FineGray' object\nhas no attribute 'fitted'")

    monkeypatch.setattr("equipoise.analyze.run", broken)
    code, out, err = main(capsys, "analyze", "veteran")
    assert code == 2
    assert out == ""
    assert err.startswith("equipoise: the program itself failed (cli.py, line ")
    assert err.endswith("AttributeError: 'FineGray' object has no attribute 'fitted'. Please report it.")
    assert len(err.splitlines()) == 1


def test_no_events_and_every_diagnostic(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    rows = eight().with_columns(pl.lit(1).alias("CNSR"), pl.lit("Alive").alias("EVNTDESC"))
    asked = made_trial.PRIMARY + 'diagnostics = ["proportional hazards", "follow-up"]\n'
    code, out, err = main(capsys, "analyze", str(made_trial.files(tmp_path, rows, analyses=asked)))
    assert (code, err) == (1, "")
    assert "Warning: primary: there are no events" in out
