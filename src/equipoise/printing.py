"""What the command line prints: results as text for a terminal, or one JSON document; and what goes on meanwhile."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version  # noqa: TID251 - reads the version number, imports nothing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import EquipoiseError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from .analyze import Results
    from .data import Patients
    from .design import Justification
    from .protocol import Draft, Protocol
    from .reconstruct import Audit
    from .report import Table
    from .results import Row
    from .run import Run
    from .simulate import Advice, Comparison, Study


def print_results(trial: Protocol, results: Results) -> None:
    """Each analysis as a sentence, the primary one with its table, and the remarks."""
    from .report import primary_table

    console = console_of()
    if results.origin != "observed" and not any(r.analysis == "tie-out" for r in results.rows):
        console.print(f"[bold reverse] {results.origin.upper()} DATA [/bold reverse]")
    for name in results.analyses:
        rows, analysis = results.of(name), trial.analyses[name]
        console.print(f"\n{escape(name)} ({analysis.role}): {escape(analysis.estimand)}", soft_wrap=True)
        console.print(
            f"[bold]{escape(next(r.text for r in rows if r.statistic == 'sentence'))}.[/bold]", soft_wrap=True
        )
        if trial.testing is not None and name in trial.testing.order:
            decision = next(r.text for r in rows if r.statistic == "test decision")
            console.print(f"{decision[0].upper()}{escape(decision[1:])}.", soft_wrap=True)
        if analysis.role == "primary":
            console.print(rich_table(primary_table(trial, rows, name)))
    console.print()
    print_remarks(results.notes, results.warnings)


def print_tie_out(results: Results) -> None:
    """The published numbers beside the computed ones, and the strain of the model where there is one."""
    from .report import tie_out_table

    console = console_of()
    if results.origin != "observed":
        console.print(f"[bold reverse] {results.origin.upper()} DATA [/bold reverse]")
    table = tie_out_table(results.rows, results.origin)
    if table is not None:
        console.print(rich_table(table))
    rows = [r for r in results.rows if r.analysis == "strain"]
    for group in dict.fromkeys(r.group for r in rows if r.statistic == "strain"):
        texts = {r.statistic: r.text for r in rows if r.group == group}
        met = texts["cohorts that meet every number"]
        verdict = f", strain P = {texts['strain P']}: {texts['strain verdict']}" if "strain P" in texts else ""
        console.print(f"{escape(group)}: {met} cohorts meet every number{verdict}", soft_wrap=True)


def print_demonstrations(trial: Protocol, results: Results) -> None:
    """Hazard ratios without crossover by what is assumed of it, under the sentence that says what they are."""
    from .report import demonstrations

    console = console_of()
    for shown in demonstrations(results.rows, {name: e.label for name, e in trial.endpoints.items()}):
        console.print(f"\n[bold]{escape(shown.name)}[/bold]", soft_wrap=True)
        console.print(escape(shown.sentence), soft_wrap=True)
        console.print(rich_table(shown.table))
        console.print(f"{escape(shown.cohort_shown)}.", soft_wrap=True)


def print_run(trial: Protocol, done: Run, as_json: bool, *, in_full: bool, tied_out: bool = False) -> int:
    """What a run computed, and the exit code: 1 where a statistician must look at something."""
    results = done.results
    if as_json:
        print_json(trial, done.data, results.rows, [*results.notes, *results.warnings])
        return 1 if results.warnings else 0
    if in_full or tied_out:
        print_tie_out(results)
    if in_full:
        print_demonstrations(trial, results)
        print_results(trial, results)
    else:
        print_remarks(results.notes, results.warnings)
    name_files(done.files)
    return 1 if results.warnings else 0


def name_files(files: Sequence[Path]) -> None:
    """The files that were written, a line a folder."""
    for folder in dict.fromkeys(file.parent for file in files):
        print(f"wrote {folder}: {', '.join(file.name for file in files if file.parent == folder)}")


def print_design(found: Justification) -> None:
    """A plan as a paragraph, its tables, and what a reader must know of them."""
    from .report import design_tables

    console = console_of()
    console.print(f"[bold]{escape(found.label)}[/bold]", soft_wrap=True)
    console.print(escape(str(found)), soft_wrap=True)
    for table in design_tables(found.rows()):
        console.print(f"\n[bold]{escape(table.title)}[/bold]", soft_wrap=True)
        console.print(rich_table(table))
    console.print()
    print_remarks(found.notes, ())


def print_simulation(found: Study) -> None:
    """Simulated trials as tables, and what a reader must know of them."""
    from .report import simulation_tables

    console = console_of()
    console.print("[bold reverse] SIMULATED TRIALS [/bold reverse]")
    for table in simulation_tables(found):
        console.print(f"\n[bold]{escape(table.title)}[/bold]", soft_wrap=True)
        console.print(rich_table(table))
        for note in table.notes:
            console.print(escape(note), soft_wrap=True)
    console.print()
    print_remarks(found.notes, ())


def print_advice(found: Advice) -> None:
    """What each adjustment for switching makes of simulated trials, and which one to pre-specify."""
    from .report import advice_tables

    console = console_of()
    console.print("[bold reverse] SIMULATED TRIALS [/bold reverse]")
    for table in advice_tables(found.rows()):
        console.print(f"\n[bold]{escape(table.title)}[/bold]", soft_wrap=True)
        console.print(rich_table(table))
    console.print()
    for i, sentence in enumerate(found.sentences):
        console.print(f"[bold]{escape(sentence)}[/bold]" if not i else escape(sentence), soft_wrap=True)
    console.print()
    print_remarks(found.notes, ())


def print_audit(found: Audit, files: Sequence[Path] = (), *, as_json: bool = False) -> int:
    """Verdicts as a table, what was taken for granted, and what a reader should look at; or all of it as JSON.

    The exit code: 1 if there is anything to look at.
    """
    from .report import audit_table, taken_for_granted

    if as_json:
        print_json(found.trial, None, found.rows(), [*found.assumed, *found.warnings, str(found)])
        return 1 if found.warnings else 0
    console = console_of()
    table = audit_table(found)
    console.print(f"[bold]{escape(table.title)}[/bold]", soft_wrap=True)
    console.print(rich_table(table))
    print_remarks(taken_for_granted(found), found.warnings)
    console.print(f"{escape(str(found))}.", soft_wrap=True)
    name_files(files)
    return 1 if found.warnings else 0


def print_comparison(compared: Comparison) -> None:
    """Every formula and the design's own test as simulated trials have them, and what follows."""
    from .report import comparison_tables

    console = console_of()
    for table in comparison_tables(compared.rows()):
        console.print(f"\n[bold]{escape(table.title)}[/bold]", soft_wrap=True)
        console.print(rich_table(table))
    console.print(f"\n{escape(str(compared))}.", soft_wrap=True)


def print_remarks(notes: Iterable[str], warnings: Iterable[str]) -> None:
    """Notes, then warnings, a line each."""
    console = console_of()
    for note in notes:
        console.print(f"Note: {escape(note)}", soft_wrap=True)
    for warning in warnings:
        console.print(f"[bold]Warning:[/bold] {escape(warning)}", soft_wrap=True)


def rich_table(table: Table) -> Any:
    """A table of the report as one for a terminal."""
    from rich import box
    from rich.table import Table as RichTable

    shown = RichTable(box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for at, head in enumerate(table.head):
        shown.add_column(escape(head), justify="right" if at >= len(table.head) - table.right else "left")
    for label, cells in table.lines:
        shown.add_row(escape(label), *(escape(cell) for cell in cells))
    return shown


def print_json(
    trial: Protocol, patients: Patients | None, rows: Iterable[Row], notes: list[str], **more: object
) -> None:
    """One JSON document on standard output."""
    from .results import COLUMNS

    document = {
        "equipoise": version("equipoise"),
        "protocol": {"name": trial.name, "sha256": trial.digest},
        "origin": None if patients is None else patients.origin,
        **more,
        "results": [{name: getattr(row, name) for name in COLUMNS} for row in rows],
        "notes": notes,
    }
    print(json.dumps(document, allow_nan=False, ensure_ascii=False, indent=1))


def console_of() -> Any:
    """Standard output, 110 columns wide where it is no terminal."""
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=110)


def escape(text: str) -> str:
    """Text that holds brackets, for a console that would read them."""
    from rich.markup import escape

    return escape(text)


@contextmanager
def progress(quiet: bool) -> Iterator[Callable[[str], None]]:
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


def in_tenths(tell: Callable[[str], None]) -> Callable[[float], None]:
    """What is told of a share that is done, whenever another tenth is."""
    said = 0

    def progress(share: float) -> None:
        nonlocal said
        tenths = int(10 * share)
        if said < tenths < 10:
            said = tenths
            tell(f"simulating: {10 * tenths}% done")

    return progress


def print_sections(sections: Iterable[tuple[str, Sequence[str]]]) -> None:
    """Headings, each with its lines."""
    console = console_of()
    for heading, lines in sections:
        console.print(f"[bold]{escape(heading)}[/bold]")
        for line in lines:
            console.print(f"  {escape(line)}", soft_wrap=True)


def print_draft(found: Draft, out: str | None) -> int:
    """Print a drafted protocol, or write it to a new file; what somebody must look at goes to standard error."""
    if out is None:
        print(found.text, end="")
    else:
        try:
            with Path(out).open("x", encoding="utf-8", newline="\n") as file:
                file.write(found.text)
        except FileExistsError:
            remedy = "Give another name; a draft that was worked on is not written over."
            raise EquipoiseError(f"the file {out!r} exists", where="--out", remedy=remedy) from None
        print(f"wrote {out}: {found}")
    for line in found.remarks:
        print(f"equipoise: {line}", file=sys.stderr)
    return 1 if found.remarks else 0
