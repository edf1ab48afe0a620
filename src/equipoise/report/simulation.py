"""The page of simulated trials, and the long table beside it: laid out from rows, no number is made here."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version  # noqa: TID251 - reads version numbers, imports nothing
from itertools import product
from pathlib import Path

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ..protocol import Protocol
from ..results import Row
from ..simulate import TRUTH, Curves, DesignGrid, Grid, Paired, Study
from .document import environment, write_files
from .drawing import COLORS, STYLE, svg
from .ensemble import ensemble_figure
from .tables import INDENT, Table, results_table

_MARK = "SIMULATED: no patient stands behind any number here; each follows from the model and its random numbers"
_VARIED = {"hazard ratio": "Hazard ratio of the model", "crossover": "Share of those progressing who cross over"}
_MARKERS = ("o", "s", "^", "D")
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
    from the first design; decisions by look."""
    rows = list(grid.rows())
    held = {(r.group, r.statistic, r.at): r.text for r in rows}

    def cell(group: str, statistic: str, at: float | None = None) -> str:
        if (group, statistic, at) not in held:
            return ""
        return f"{held[group, statistic, at]} ({held[group, f'{statistic} Monte Carlo error', at]})"

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
    last = {cell.design: float(len(cell.run.looks.cuts)) for cell in grid.cells}
    estimates = [
        _of_designs(
            f"{grid.label}: {statistic} at the last look, had no trial stopped before (Monte Carlo error)",
            grid.designs,
            [(s, tuple(cell(f"{s}: {d}", statistic, last[d]) for d in grid.designs)) for s in grid.settings],
        )
        for statistic in _of_estimates(rows)
    ]  # fmt: skip
    return (*tables, decisions, *estimates)


def _of_designs(title: str, head: Sequence[str], lines: Sequence[tuple[str, tuple[str, ...]]]) -> Table:
    return Table(title=title, head=("", *head), lines=tuple(lines), right=len(head))


def _estimate_tables(grid: Grid) -> Iterator[Table]:
    """Other estimates than the hazard ratio, and of all whose truth is known their bias and coverage."""
    for statistic in _of_estimates(list(grid.rows())):
        if statistic != "mean log hazard ratio":
            title = f"{grid.label}: {statistic} (Monte Carlo error)"
            yield _by_group(grid, title, statistic, f"{statistic} Monte Carlo error")


def _of_estimates(rows: Sequence[Row]) -> list[str]:
    """Means of estimates, and where their truth is known their bias and coverage: what has a Monte Carlo error."""
    told = dict.fromkeys(row.statistic for row in rows)
    kinds = ("mean ", "bias of ", "coverage of ")
    return [s for s in told if s.startswith(kinds) and s != "mean z" and f"{s} Monte Carlo error" in told]


def power_table(grid: Grid) -> Table:
    """Power by what is varied, with its Monte Carlo error."""
    return _by_group(grid, f"{grid.label}: power (Monte Carlo error)", "power", "power Monte Carlo error")


def ratio_table(grid: Grid) -> Table:
    """What the trials estimate on average."""
    return _by_group(grid, f"{grid.label}: geometric mean of the estimated hazard ratios",
                     "geometric mean of hazard ratios")  # fmt: skip


def _by_group(grid: Grid, title: str, statistic: str, error: str = "") -> Table:
    rows = list(grid.rows())
    held = {(r.statistic, r.group, r.at): r.text for r in rows}
    groups = list(dict.fromkeys(r.group for r in rows))
    levels = list(dict.fromkeys(r.at for r in rows))
    lines = []
    for x in levels:
        cells = []
        for group in groups:
            text = held.get((statistic, group, x), "")
            cells.append(f"{text} ({held[error, group, x]})" if error and text else text)
        lines.append((f"{x:g}", tuple(cells)))
    return Table(title=title, head=(_VARIED[grid.varied], *groups), lines=tuple(lines), right=len(groups))


def plan_table(found: Study) -> Table | None:
    """The looks of the plan under what it assumes and under no effect; None where there is no plan."""
    if not found.of_plan:
        return None
    runs = [(run.label, {(r.statistic, r.at): r.text for r in run.rows()}) for run in found.of_plan]
    lines: list[tuple[str, tuple[str, ...]]] = []

    def line(label: str, statistic: str, at: float | None = None) -> None:
        error = f"{statistic} Monte Carlo error"
        lines.append((label, tuple(
            texts[statistic, at] + (f" ({texts[error, at]})" if (error, at) in texts else "") for _, texts in runs
        )))  # fmt: skip

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
            if any(texts[statistic, k + 1.0] != "0.0000" for _, texts in runs):
                line(f"{INDENT}{label}", statistic, k + 1.0)
    return Table(
        title=f"{found.plan_label}: what its looks do (Monte Carlo error)",
        head=("", *(label for label, _ in runs)),
        lines=tuple(lines),
        right=len(runs),
    )


def power_figure(grid: Grid) -> str:
    """Power over what is varied, a line a group, with two Monte Carlo errors on either side."""
    rows = list(grid.rows())
    groups = list(dict.fromkeys(r.group for r in rows))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 3.9))
        axes = figure.subplots()
        for i, group in enumerate(groups):
            points = [(r.at or 0.0, r.value or 0.0) for r in rows if r.group == group and r.statistic == "power"]
            errors = [r.value or 0.0 for r in rows if r.group == group and r.statistic == "power Monte Carlo error"]
            axes.errorbar(
                [x for x, _ in points], [y for _, y in points], yerr=[2 * e for e in errors],
                color=COLORS[i % len(COLORS)], marker=_MARKERS[i % len(_MARKERS)], markersize=4, linewidth=1.4,
                linestyle=("-", "--", ":", "-.")[i % 4], capsize=2, label=group,
            )  # fmt: skip
        axes.set_ylim(0, 1.02)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        axes.set_xlabel(_VARIED[grid.varied])
        axes.set_ylabel("Power")
        if grid.varied == "crossover":
            axes.xaxis.set_major_formatter(PercentFormatter(1.0))
        axes.grid(axis="y", linewidth=0.4, alpha=0.5)
        if any(groups):
            axes.legend(frameon=False, loc="best")
        figure.tight_layout()
        return svg(figure)


def curves_figure(trial: Protocol, found: Curves) -> str:
    """Single trials and the truth."""
    rows = found.rows()
    return ensemble_figure(
        rows, trial.endpoints[rows[0].endpoint].label, f"{found.patients:,} patients",
        f"{len(found.single)} single trials",
    )  # fmt: skip


def _heading(trial: Protocol, found: Curves) -> str:
    what = trial.endpoints[found.context.endpoint].label
    return f"{what}: what single trials of {found.subjects} patients show ({found.label})"


def decisions_figure(found: Study) -> str:
    """Which decision comes at which look, a bar for each setting of the plan's trials."""
    kinds = {"efficacy": ("a claim", COLORS[0]), "futility": ("futility", COLORS[1]), "control": ("harm", COLORS[3])}
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 0.9 + 0.55 * len(found.of_plan)))
        axes = figure.subplots()
        for i, run in enumerate(found.of_plan):
            shares = {(r.statistic, r.at): r.value or 0.0 for r in run.rows()}
            left = 0.0
            for k in range(len(run.looks.cuts)):
                for kind, (label, color) in kinds.items():
                    share = shares[f"probability of {kind}", k + 1.0]
                    if share > 0:
                        axes.barh(i, share, left=left, height=0.6, color=color, edgecolor="white", alpha=1 - 0.2 * k)
                    if share >= 0.12:
                        axes.text(left + share / 2, i, f"look {k + 1}:\n{label}", ha="center", va="center", fontsize=7,
                                  color="white")  # fmt: skip
                    left += share
            axes.barh(i, 1 - left, left=left, height=0.6, color="#DDDDDD", edgecolor="white")
            if 1 - left >= 0.12:
                axes.text(left + (1 - left) / 2, i, "no claim", ha="center", va="center", fontsize=7)
        axes.set_yticks(range(len(found.of_plan)), [run.label for run in found.of_plan])
        axes.invert_yaxis()
        axes.set_xlim(0, 1)
        axes.xaxis.set_major_formatter(PercentFormatter(1.0))
        axes.set_xlabel("Share of the trials")
        figure.tight_layout()
        return svg(figure)


def paired_figure(found: Mapping[str, Paired]) -> str:
    """What each design changes against the first in the same trials, by setting, with two Monte Carlo errors on either
    side."""
    rows = [replace(r, group=f"{setting}: {r.group}" if setting else r.group)
            for setting, one in found.items() for r in one.rows()]  # fmt: skip
    panels = (
        ("difference in power", "Power", 100.0, "percentage points"),
        ("difference in expected events", "Expected events", 1.0, "events"),
        ("difference in expected day", "Expected duration", 1.0, "days"),
    )
    groups = list(dict.fromkeys(r.group for r in rows if r.statistic == panels[0][0]))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 1.3 + 0.4 * len(groups)))
        for k, (axes, (statistic, title, scale, unit)) in enumerate(
            zip(figure.subplots(1, len(panels), sharey=True), panels, strict=True)
        ):
            held = {(r.group, r.statistic): scale * (r.value or 0.0) for r in rows}
            axes.errorbar(
                [held[g, statistic] for g in groups], range(len(groups)),
                xerr=[2 * held[g, f"{statistic} Monte Carlo error"] for g in groups], fmt="o", markersize=4,
                color=COLORS[0], capsize=2,
            )  # fmt: skip
            axes.axvline(0, color="#888888", linewidth=0.8, linestyle="--")
            axes.set_title(title, fontsize=8)
            axes.set_xlabel(unit)
            axes.margins(x=0.25)
            axes.set_ylim(len(groups) - 0.5, -0.5)
            if not k:
                axes.set_yticks(range(len(groups)), [g.replace(" - ", "\nminus ") for g in groups])
        figure.tight_layout(w_pad=1.5)
        return svg(figure)


def _provenance(trial: Protocol, found: Study) -> Sequence[str]:
    software = ", ".join(f"{p} {version(p)}" for p in ("equipoise", "numpy", "scipy", "numba", "polars", "matplotlib"))
    return [
        f"Software: {software}, Python {platform.python_version()}.",
        f"Protocol SHA-256: {trial.digest}",
        f"Results table SHA-256: {hashlib.sha256(found.table().write_csv().encode()).hexdigest()}",
    ]
