"""The page of simulated trials, and the long table beside it: laid out from rows, no number is made here."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version  # noqa: TID251 - reads version numbers, imports nothing
from itertools import product
from pathlib import Path

from markupsafe import Markup

from ..protocol import Protocol
from ..results import Row
from ..simulate import TRUTH, Curves, DesignGrid, Grid, Study
from .document import environment, write_files
from .simulation_cells import ESTIMATED, Told, estimate_name, notes_of, told_cell
from .simulation_figures import VARIED, curves_figure, decisions_figure, paired_figure, power_figure
from .tables import INDENT, Table, results_table

_MARK = "SIMULATED: no patient stands behind any number here; each follows from the model and its random numbers"
_BY_LOOK = (
    ("probability of efficacy", "Stops with a claim"),
    ("probability of futility", "Stops for futility"),
    ("probability of control", "Stops with a claim for the control arm"),
    ("probability of unmet", "Ends before its number of events"),
    ("events", "Mean events"),
    ("patients", "Mean patients randomized"),
    ("look day", "Mean days from the first patient"),
    ("mean z", "Mean Z"),
    ("standard deviation of z", "Standard deviation of Z"),
)


def write_simulation(trial: Protocol, found: Study, out: str | Path) -> tuple[Path, ...]:
    """Write simulation.html and simulation.csv (the long table) into a folder; returns the files."""
    texts = {"simulation.csv": found.table().write_csv(), "simulation.html": simulation_html(trial, found)}
    return write_files(Path(out), texts)


def simulation_html(trial: Protocol, found: Study) -> str:
    """Simulated trials as one HTML page without any reference to the outside."""
    rows = found.rows()
    return environment().get_template("simulation.html").render(
        trial=trial,
        mark=_MARK,
        grids=[(grid, Markup(power_figure(grid)), grid_tables(grid)) for grid in found.grids],
        designs=[
            (grid, Markup(paired_figure(grid.paired)) if grid.paired else "", design_tables(grid))
            for grid in found.designs
        ],
        curves=[(one, _heading(trial, one), Markup(curves_figure(trial, one))) for one in found.curves],
        plan=plan_table(found),
        decisions=Markup(decisions_figure(found)) if found.of_plan else "",
        paired=None if found.paired is None else (found.paired, Markup(paired_figure({"": found.paired}))),
        notes=found.notes,
        methods=list(dict.fromkeys(row.method for row in rows if row.method)),
        all_results=results_table([row for row in rows if not row.statistic.startswith(TRUTH)], at="At"),
        provenance=_provenance(trial, found),
    )  # fmt: skip


def simulation_tables(found: Study) -> tuple[Table, ...]:
    """Power over each grid, the mean estimate, and what the plan does."""
    tables = [table for grid in found.grids for table in grid_tables(grid)]
    tables += [table for grid in found.designs for table in design_tables(grid)]
    plan = plan_table(found)
    return (*tables, *([plan] if plan is not None else []))


def grid_tables(grid: Grid) -> tuple[Table, ...]:
    """Power, the mean estimate, and where they are what differs, the days of the looks."""
    days = _by_group(grid, f"{grid.label}: mean days from the first patient to the look", "look day")
    return power_table(grid), ratio_table(grid), *_estimate_tables(grid), *([days] if grid.dated else [])


def design_tables(grid: DesignGrid) -> tuple[Table, ...]:
    """Designs beside each other in each setting: power, and events and days at which trials end, with the differences
    from the first design; decisions by look; estimates."""
    held = {(r.group, r.statistic, r.at): r for r in grid.rows()}

    def cell(group: str, statistic: str, at: float | None = None) -> str:
        row = held.get((group, statistic, at))
        return "" if row is None else told_cell(row, held[group, f"{statistic} Monte Carlo error", at])

    first, *others = grid.designs
    tables = []
    for statistic, title in (
        ("power", "power"), ("expected events", "mean events at the end"),
        ("expected day", "mean days from the first patient to the end"),
    ):  # fmt: skip
        lines = [(s, tuple(cell(f"{s}: {d}", statistic) for d in grid.designs)) for s in grid.settings]
        if grid.paired:
            lines.append((f"Minus {first}, in the same trials", ()))
        lines += [
            (INDENT + s, ("", *(cell(f"{s}: {d} - {first}", f"difference in {statistic}") for d in others)))
            for s in grid.paired
        ]
        tables.append(_of_designs(f"{grid.label}: {title} (Monte Carlo error)", grid.designs, lines))
    kinds = [(kind, label) for kind, label in _BY_LOOK if kind.startswith("probability of")]
    lines = []
    for design in grid.designs:
        lines.append((design, ()))
        looks = next(one.run.looks.cuts for one in grid.cells if one.design == design)
        for k, (kind, label) in product(range(len(looks)), kinds):
            texts = tuple(cell(f"{s}: {design}", kind, k + 1.0) for s in grid.settings)
            if any(text and not text.startswith("0.0000") for text in texts):
                lines.append((f"{INDENT}Look {k + 1}: {label.lower()}", texts))
    title = f"{grid.label}: probability of each decision (Monte Carlo error)"
    decisions = _of_designs(title, grid.settings, lines)
    return (*tables, decisions, *_estimates_of_designs(grid, held))


def _estimates_of_designs(grid: DesignGrid, held: Mapping[tuple[str, str, float | None], Row]) -> Iterator[Table]:
    """What trials estimate at the last look of each design, by setting."""
    cells = {(cell.setting, cell.design): cell.run for cell in grid.cells}
    for statistic in _of_estimates(list(held.values())):
        lines, told = [], []
        for setting in grid.settings:
            texts = []
            for design in grid.designs:
                run = cells.get((setting, design))
                if run is None:  # the run was stopped before
                    texts.append("")
                    continue
                look = len(run.looks.cuts)
                group = f"{setting}: {design}"
                count = float(run.estimates[estimate_name(statistic)].trials[look - 1])
                one = Told(held[group, statistic, look], held[group, f"{statistic} Monte Carlo error", look],
                           count, run.trials)  # fmt: skip
                texts.append(str(one))
                told.append(one)
            lines.append((setting, tuple(texts)))
        title = f"{grid.label}: {statistic} at the last look, had no trial stopped before (Monte Carlo error)"
        yield _of_designs(title, grid.designs, lines, notes_of(statistic, told))


def _of_designs(
    title: str, head: Sequence[str], lines: Sequence[tuple[str, tuple[str, ...]]], notes: tuple[str, ...] = ()
) -> Table:
    return Table(title=title, head=("", *head), lines=tuple(lines), right=len(head), notes=notes)


def _estimate_tables(grid: Grid) -> Iterator[Table]:
    """Other estimates than the hazard ratio, and of all whose truth is known their bias and coverage."""
    for statistic in _of_estimates(list(grid.rows())):
        if statistic != "mean log hazard ratio":
            title = f"{grid.label}: {statistic} (Monte Carlo error)"
            yield _by_group(grid, title, statistic, f"{statistic} Monte Carlo error")


def _of_estimates(rows: Sequence[Row]) -> list[str]:
    """Means of estimates, and where their truth is known their bias and coverage: what has a Monte Carlo error."""
    told = dict.fromkeys(row.statistic for row in rows)
    return [
        s for s in told
        if s.startswith(ESTIMATED) and s != "mean z" and f"{s} Monte Carlo error" in told
    ]  # fmt: skip


def power_table(grid: Grid) -> Table:
    """Power by what is varied, with its Monte Carlo error."""
    return _by_group(grid, f"{grid.label}: power (Monte Carlo error)", "power", "power Monte Carlo error")


def ratio_table(grid: Grid) -> Table:
    """What the trials estimate on average."""
    return _by_group(grid, f"{grid.label}: geometric mean of the estimated hazard ratios",
                     "geometric mean of hazard ratios")  # fmt: skip


def _by_group(grid: Grid, title: str, statistic: str, error: str = "") -> Table:
    held = {(r.statistic, r.group, r.at): r for r in grid.rows()}
    cells = {(cell.group, cell.x): cell for cell in grid.cells}
    groups = list(dict.fromkeys(r.group for r in held.values()))
    levels = list(dict.fromkeys(r.at for r in held.values()))
    name = estimate_name(statistic)
    lines, told = [], []
    for x in levels:
        texts = []
        for group in groups:
            if (statistic, group, x) not in held:  # the run was stopped before
                texts.append("")
                continue
            cell = cells[group, float(x or 0.0)]
            count = float(cell.run.estimates[name].trials[cell.look]) if name else cell.run.trials
            one = Told(held[statistic, group, x], held[error, group, x] if error else None, count, cell.run.trials)
            texts.append(str(one))
            told.append(one)
        lines.append((f"{x:g}", tuple(texts)))
    head = (VARIED[grid.varied], *groups)
    return Table(title=title, head=head, lines=tuple(lines), right=len(groups), notes=notes_of(statistic, told))


def plan_table(found: Study) -> Table | None:
    """The looks of the plan under what it assumes and under no effect; None where there is no plan."""
    if not found.of_plan:
        return None
    runs = [(run, {(r.statistic, r.at): r for r in run.rows()}) for run in found.of_plan]
    lines: list[tuple[str, tuple[str, ...]]] = []
    tested: list[Told] = []

    def line(label: str, statistic: str, at: float | None = None) -> None:
        error = f"{statistic} Monte Carlo error"
        told = [
            Told(rows[statistic, at], rows.get((error, at)),
                 float(run.z_trials[int(at) - 1]) if at and statistic.endswith(" z") else run.trials, run.trials)
            for run, rows in runs
        ]  # fmt: skip
        tested.extend(told)
        lines.append((label, tuple(map(str, told))))

    if found.of_plan[0].looks.sided == 1:
        line("Trials with a claim (power, type I error)", "power")
    else:
        line("Trials with a claim for the experimental arm (power)", "power")
        line("Trials with a claim for either arm (two-sided type I error)", "claim for either arm")
    line("Expected events", "expected events")
    line("Expected patients", "expected patients")
    line("Expected days from the first patient", "expected day")
    for k in range(len(found.of_plan[0].looks.cuts)):
        lines.append((f"Look {k + 1}, {found.of_plan[0].looks.cuts[k]}", ()))
        for statistic, label in _BY_LOOK:
            if any(rows[statistic, k + 1.0].text != "0.0000" for _, rows in runs):
                line(f"{INDENT}{label}", statistic, k + 1.0)
    return Table(
        title=f"{found.plan_label}: what its looks do (Monte Carlo error)",
        head=("", *(run.label for run, _ in runs)),
        lines=tuple(lines),
        right=len(runs),
        notes=notes_of("mean z", tested),
    )


def _heading(trial: Protocol, found: Curves) -> str:
    what = trial.endpoints[found.context.endpoint].label
    return f"{what}: what single trials of {found.subjects} patients show ({found.label})"


def _provenance(trial: Protocol, found: Study) -> Sequence[str]:
    software = ", ".join(f"{p} {version(p)}" for p in ("equipoise", "numpy", "scipy", "numba", "polars", "matplotlib"))
    return [
        f"Software: {software}, Python {platform.python_version()}.",
        f"Protocol SHA-256: {trial.digest}",
        f"Results table SHA-256: {hashlib.sha256(found.table().write_csv().encode()).hexdigest()}",
    ]
