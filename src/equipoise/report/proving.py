"""The page of adjustments for switching on the proving ground: laid out from rows, no number is made here."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Sequence
from importlib.metadata import version  # noqa: TID251 - reads version numbers, imports nothing
from pathlib import Path

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.figure import Figure

from ..protocol import Protocol
from ..results import Row
from ..simulate import Advice
from .document import environment, write_files
from .drawing import COLORS, INK, STYLE, svg
from .tables import Table, results_table

_MARK = "SIMULATED: no patient stands behind any number here; each follows from the settings and their random numbers"
_BIAS, _RMSE = "bias of the log hazard ratio", "root mean square error of the log hazard ratio"
_DRAWN, _BY_BOOTSTRAP = "coverage by bootstrap", "By bootstrap"
_HEAD = ("", "Hazard ratio", "Bias, log", "Root mean square", "Coverage")


def write_advice(trial: Protocol, found: Advice, out: str | Path) -> tuple[Path, ...]:
    """Write switching.html and switching.csv (the long table) into a folder; returns the files."""
    texts = {"switching.csv": found.table().write_csv(), "switching.html": advice_html(trial, found)}
    return write_files(Path(out), texts)


def advice_html(trial: Protocol, found: Advice) -> str:
    """What adjustments make of simulated trials as one HTML page without any reference to the outside."""
    rows = found.rows()
    return environment().get_template("switching.html").render(
        trial=trial,
        mark=_MARK,
        sentences=found.sentences,
        figure=Markup(bias_figure(rows)),
        tables=advice_tables(rows),
        notes=found.notes,
        methods=list(dict.fromkeys(row.method for row in rows if row.statistic == "true hazard ratio")),
        all_results=results_table(rows),
        provenance=_provenance(trial, found),
    )  # fmt: skip


def advice_tables(rows: Sequence[Row]) -> list[Table]:
    """Each setting: mean hazard ratio, bias, error, coverage, and how often there is an estimate, by method."""
    tables = []
    for label, by_method in _settings(rows).items():
        methods = {name: held for name, held in by_method.items() if name}
        drawn = any(_DRAWN in held for held in methods.values())
        head = [*_HEAD, *([_BY_BOOTSTRAP] if drawn else []), "Estimate"]
        lines = []
        for name, held in methods.items():
            with_error = [f"{held[x]} ({held.get(f'{x} Monte Carlo error', '')})" for x in (_BIAS, _RMSE)]
            cells = [held["geometric mean of hazard ratios"], *with_error, held.get("coverage", "")]
            cells += [held.get(_DRAWN, "")] if drawn else []
            lines.append((name, (*cells, held["trials with an estimate"])))
        truth = by_method[""]["true hazard ratio"]
        title = f"{label[0].upper()}{label[1:]}: the true hazard ratio is {truth} (Monte Carlo errors in brackets)"
        tables.append(Table(title=title, head=tuple(head), lines=tuple(lines), right=len(head) - 1))
    return tables


def _settings(rows: Sequence[Row]) -> dict[str, dict[str, dict[str, str]]]:
    """Texts by setting, method and statistic."""
    found: dict[str, dict[str, dict[str, str]]] = {}
    for row in rows:
        if row.endpoint:
            found.setdefault(row.endpoint, {}).setdefault(row.group, {})[row.statistic] = row.text
    return found


def bias_figure(rows: Sequence[Row]) -> str:
    """The bias of every method by setting, with the standard deviation over trials on either side."""
    values = {(r.endpoint, r.group, r.statistic): r.value for r in rows if r.endpoint}
    settings = list(dict.fromkeys(r.endpoint for r in rows if r.endpoint))
    methods = list(dict.fromkeys(r.group for r in rows if r.group))
    with mpl.rc_context(STYLE):
        below = 0.25 + 0.18 * len(settings)  # inches for the legend
        height = 0.8 + 0.5 * len(methods) + below
        figure = Figure(figsize=(7.6, height))
        axes = figure.subplots()
        for k, setting in enumerate(settings):
            shift = 0.7 * ((k + 0.5) / len(settings) - 0.5)
            points = []
            for i, method in enumerate(methods):
                bias = values.get((setting, method, _BIAS))
                spread = values.get((setting, method, "standard deviation of log hazard ratios"))
                if bias is not None and spread is not None:
                    points.append((bias, i + shift, spread))
            axes.errorbar(
                [x for x, _, _ in points], [y for _, y, _ in points], xerr=[s for _, _, s in points], linestyle="none",
                marker=("o", "s", "^", "D", "v")[k % 5], markersize=4, linewidth=0.8, color=COLORS[k % len(COLORS)],
                alpha=1.0 if k < len(COLORS) else 0.55, label=setting,
            )  # fmt: skip
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.set_yticks(range(len(methods)), methods)
        axes.invert_yaxis()
        axes.set_xlabel("Error of the log hazard ratio: bias, and standard deviation over trials (below 0: too good)")
        axes.grid(axis="x", linewidth=0.4, alpha=0.5)
        figure.legend(frameon=False, loc="lower center", fontsize=8)
        figure.tight_layout(rect=(0, below / height, 1, 1))
        return svg(figure)


def _provenance(trial: Protocol, found: Advice) -> list[str]:
    software = ", ".join(f"{p} {version(p)}" for p in ("equipoise", "numpy", "scipy", "numba", "polars", "matplotlib"))
    return [
        f"Software: {software}, Python {platform.python_version()}.",
        f"Protocol SHA-256: {trial.digest}",
        f"Results table SHA-256: {hashlib.sha256(found.table().write_csv().encode()).hexdigest()}",
    ]
