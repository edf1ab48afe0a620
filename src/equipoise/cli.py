"""The command line: one protocol in, text, JSON or a report out. Exit 0 clean, 1 with warnings, 2 refused."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version  # noqa: TID251 - reads the version number, imports nothing
from typing import TYPE_CHECKING, Annotated, Any

import cyclopts
from cyclopts import App, Parameter
from cyclopts.validators import Number

from .errors import EquipoiseError

if TYPE_CHECKING:
    from collections.abc import Callable

    from .analyze import Results
    from .data import Finding, Patients
    from .protocol import Protocol
    from .report import Table

app = App(
    name="equipoise",
    version=lambda: version("equipoise"),
    help="A randomized phase III trial with a time-to-event endpoint, from one protocol file.",
)

Data = Annotated[str | None, Parameter(help="Folder of ADaM files; default: the protocol's [data] path.")]
Cut = Annotated[str | None, Parameter(help="Data cut (YYYY-MM-DD): the data as they stood on that day.")]
Dummy = Annotated[
    int | None,
    Parameter(help="Seed: permute the arm labels for a dry run; all output says DUMMY.", validator=Number(gte=0)),
]
Json = Annotated[bool, Parameter(name="--json", negative="", help="One JSON document on standard output.")]
Out = Annotated[str, Parameter(help="Folder to write into.")]


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point: run a command and leave with its exit code."""
    try:
        code = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except EquipoiseError as error:
        code = _refuse(str(error))
    except cyclopts.CycloptsError as error:
        code = _refuse(" ".join(str(error).split()) + ' See "equipoise --help".')
    except KeyboardInterrupt:
        code = _refuse("stopped; nothing was written half")
    except BrokenPipeError:
        code = 0
    sys.exit(code if isinstance(code, int) else 0)


@app.command
def check(
    protocol: str,
    *,
    data: Data = None,
    cut: Cut = None,
    patient_weight: Annotated[float | None, Parameter(help="Kilograms: print the dose calendar.")] = None,
    json_: Json = False,
) -> int:
    """Print the protocol as a synopsis, and what the conformance rules find in its data.

    Parameters
    ----------
    protocol
        A protocol file, or the name of a bundled example.
    """
    from .protocol import calendars, synopsis

    trial = _protocol(protocol)
    doses = [] if patient_weight is None else calendars(trial, patient_weight)
    sections = synopsis(trial) + doses
    patients = None
    findings: tuple[Finding, ...] = ()
    if data is not None or trial.data.path is not None:
        from .data import check as check_data

        patients = _patients(trial, data, cut, None)
        findings = check_data(patients, trial)
    if json_:
        _print_json(trial, patients, [], [str(f) for f in findings], synopsis=dict(sections))
    else:
        console = _console()
        for heading, lines in sections:
            console.print(f"[bold]{_escape(heading)}[/bold]")
            for line in lines:
                console.print(f"  {_escape(line)}", soft_wrap=True)
        if patients is not None:
            console.print("[bold]Data[/bold]")
            console.print(f"  {_escape(str(patients))}", soft_wrap=True)
            for note in [*patients.notes, *(str(f) for f in findings)] or ["no finding"]:
                console.print(f"  {_escape(note)}", soft_wrap=True)
    severities = {f.severity for f in findings}
    return 2 if "error" in severities else 1 if "warning" in severities else 0


@app.command
def analyze(protocol: str, *, data: Data = None, cut: Cut = None, dummy: Dummy = None, json_: Json = False) -> int:
    """Run every analysis that the protocol lists and print the results.

    Parameters
    ----------
    protocol
        A protocol file, or the name of a bundled example.
    """
    trial = _protocol(protocol)
    with _progress(quiet=json_) as tell:
        tell("reading the data")
        patients = _patients(trial, data, cut, dummy)
        tell("analyzing (the first run also compiles the kernels)")
        from .analyze import run

        results = run(trial, patients)
    if json_:
        _print_json(trial, patients, _row_list(results), [*results.notes, *results.warnings])
    else:
        _print_results(trial, results)
    return 1 if results.warnings else 0


@app.command
def report(
    protocol: str,
    *,
    data: Data = None,
    cut: Cut = None,
    dummy: Dummy = None,
    out: Out = "out",
    json_: Json = False,
) -> int:
    """Analyze and write report.html and results.csv.

    Parameters
    ----------
    protocol
        A protocol file, or the name of a bundled example.
    """
    return _run(protocol, data, cut, dummy, out, json_, print_results=False)


@app.command
def run(
    protocol: str,
    *,
    data: Data = None,
    cut: Cut = None,
    dummy: Dummy = None,
    out: Out = "out",
    json_: Json = False,
) -> int:
    """Check, analyze and report in one go.

    Parameters
    ----------
    protocol
        A protocol file, or the name of a bundled example.
    """
    return _run(protocol, data, cut, dummy, out, json_, print_results=True)


def _run(
    protocol: str, data: str | None, cut: str | None, dummy: int | None, out: str, as_json: bool, print_results: bool
) -> int:
    trial = _protocol(protocol)
    with _progress(quiet=as_json) as tell:
        tell("reading the data")
        patients = _patients(trial, data, cut, dummy)
        from .run import run as run_stages

        done = run_stages(trial, patients, out, tell)
    if as_json:
        _print_json(trial, patients, _row_list(done.results), [*done.results.notes, *done.results.warnings])
        return 1 if done.results.warnings else 0
    if print_results:
        _print_results(trial, done.results)
    for file in done.files:
        print(f"wrote {file}")
    return 1 if done.results.warnings else 0


def _protocol(name: str) -> Protocol:
    from .protocol import find

    return find(name)


def _patients(trial: Protocol, data: str | None, cut: str | None, dummy: int | None) -> Patients:
    from .data import read_adam

    patients = read_adam(data, trial)
    if cut is not None:
        patients = patients.cut(cut)
    return patients if dummy is None else patients.with_dummy_labels(dummy)


def _print_results(trial: Protocol, results: Results) -> None:
    from .report import primary_table

    console = _console()
    if results.origin != "observed":
        console.print(f"[bold reverse] {results.origin.upper()} DATA [/bold reverse]")
    for name in results.analyses:
        rows = results.of(name)
        console.print()
        console.print(
            f"[bold]{_escape(next(r.text for r in rows if r.statistic == 'sentence'))}.[/bold]", soft_wrap=True
        )
        if trial.analyses[name].role == "primary":
            console.print(_rich_table(primary_table(trial, rows, name)))
    console.print()
    for note in results.notes:
        console.print(f"Note: {_escape(note)}", soft_wrap=True)
    for warning in results.warnings:
        console.print(f"[bold]Warning:[/bold] {_escape(warning)}", soft_wrap=True)


def _rich_table(table: Table) -> Any:
    from rich import box
    from rich.table import Table as RichTable

    shown = RichTable(box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for head in table.head:
        shown.add_column(_escape(head))
    for label, cells in table.lines:
        shown.add_row(_escape(label), *(_escape(cell) for cell in cells))
    return shown


def _row_list(results: Results) -> list[dict[str, object]]:
    from .results import COLUMNS

    return [{name: getattr(row, name) for name in COLUMNS} for row in results.rows]


def _print_json(
    trial: Protocol, patients: Patients | None, rows: list[dict[str, object]], notes: list[str], **more: object
) -> None:
    document = {
        "equipoise": version("equipoise"),
        "protocol": {"name": trial.name, "sha256": trial.digest},
        "origin": None if patients is None else patients.origin,
        **more,
        "results": rows,
        "notes": notes,
    }
    print(json.dumps(document, allow_nan=False, ensure_ascii=False, indent=1))


def _console() -> Any:
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=110)


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(text)


@contextmanager
def _progress(quiet: bool) -> Iterator[Callable[[str], None]]:
    """Say on standard error what goes on: a spinner on a terminal, a line a stage elsewhere, nothing for JSON."""
    if quiet:
        yield lambda _: None
        return
    from rich.console import Console

    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield lambda text: console.print(f"{text} ...", markup=False)
        return
    with console.status("") as status:
        yield lambda text: status.update(f"{text} ...")


def _refuse(sentence: str) -> int:
    print(f"equipoise: {sentence}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    main()
