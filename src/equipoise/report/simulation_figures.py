"""Figures of simulated trials as SVG: power over a grid, decisions by look, paired designs, single trials."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ..protocol import Protocol
from ..simulate import Curves, Grid, Paired, Study
from .drawing import COLORS, INK, STYLE, svg
from .ensemble import ensemble_figure

VARIED = {"hazard ratio": "Hazard ratio of the model", "crossover": "Share of those progressing who cross over"}
_WIDTH = 7.2  # inches
# Lines of the power figure: six of Okabe and Ito's colors, each with a marker of its own, filled the first time and open
# the second, with another dash: twelve that differ in grey too.
_LINE_COLORS = (*COLORS, "#56B4E9", INK)
_MARKERS = ("o", "s", "^", "D", "v", "P")
_DASHES = ("-", "--", ":", "-.", (0, (8, 2)), (0, (5, 1, 1, 1, 1, 1)))
_TOLD_APART = 2 * len(_MARKERS)
_INSIDE = 4  # names that fit into the figure: more stand beside it
_NAME = 28  # letters of a line of a name


def power_figure(grid: Grid) -> str:
    """Power over what is varied, a line a group, with two Monte Carlo errors on either side; where groups are more
    than the lines that can be told apart, in panels below each other."""
    rows = list(grid.rows())
    groups = list(dict.fromkeys(r.group for r in rows))
    panels = _panels(groups)
    names = {group: textwrap.fill(group, _NAME) for group in groups}
    heights = [max(3.9, 0.5 + sum(0.06 + 0.15 * (1 + names[g].count("\n")) for g in panel)) for panel in panels]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(_WIDTH, sum(heights)))
        every = figure.subplots(len(panels), 1, squeeze=False, sharex=True, height_ratios=heights)[:, 0]
        for axes, panel in zip(every, panels, strict=True):
            for i, group in enumerate(panel):
                points = [(r.at or 0.0, r.value or 0.0) for r in rows if r.group == group and r.statistic == "power"]
                errors = [r.value or 0.0 for r in rows if r.group == group and r.statistic == "power Monte Carlo error"]
                axes.errorbar(
                    [x for x, _ in points], [y for _, y in points], yerr=[2 * e for e in errors], markersize=4,
                    linewidth=1.4, capsize=2, label=names[group], **line_style(i),
                )  # fmt: skip
            axes.set_ylim(0, 1.02)
            axes.yaxis.set_major_formatter(PercentFormatter(1.0))
            axes.set_xlabel(VARIED[grid.varied])
            axes.tick_params(labelbottom=True)
            axes.set_ylabel("Power")
            if grid.varied == "crossover":
                axes.xaxis.set_major_formatter(PercentFormatter(1.0))
            axes.grid(axis="y", linewidth=0.4, alpha=0.5)
            if len(groups) > _INSIDE:
                axes.legend(
                    frameon=False, loc="upper left", bbox_to_anchor=(1.01, 1.02), borderaxespad=0, fontsize=8,
                    handlelength=4,
                )  # fmt: skip
            elif any(groups):
                axes.legend(frameon=False, loc="best", handlelength=3)
        figure.tight_layout()
        return svg(figure)


def _panels(groups: Sequence[str]) -> list[Sequence[str]]:
    """The groups in as few parts of much the same size as can be told apart.

    >>> [len(panel) for panel in _panels([str(i) for i in range(15)])]
    [8, 7]
    """
    parts = max(1, math.ceil(len(groups) / _TOLD_APART))
    size = max(1, math.ceil(len(groups) / parts))
    return [groups[i : i + size] for i in range(0, len(groups), size)]


def line_style(i: int) -> dict[str, Any]:
    """How the line of a group looks: two of a color differ in their dash, and in whether the marker is filled."""
    kinds = len(_MARKERS)
    color = _LINE_COLORS[i % kinds]
    again = i // kinds
    return {
        "color": color, "marker": _MARKERS[i % kinds], "markerfacecolor": "white" if again else color,
        "linestyle": _DASHES[(i + 3 * again) % kinds],
    }  # fmt: skip


def curves_figure(trial: Protocol, found: Curves) -> str:
    """Single trials and the truth."""
    rows = found.rows()
    return ensemble_figure(
        rows, trial.endpoints[rows[0].endpoint].label, f"{found.patients:,} patients",
        f"{len(found.single)} single trials",
    )  # fmt: skip


def decisions_figure(found: Study) -> str:
    """Which decision comes at which look, a bar for each setting of the plan's trials."""
    kinds = {"efficacy": ("a claim", COLORS[0]), "futility": ("futility", COLORS[1]), "control": ("harm", COLORS[3])}
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(_WIDTH, 0.9 + 0.55 * len(found.of_plan)))
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
        figure = Figure(figsize=(_WIDTH, 1.3 + 0.4 * len(groups)))
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
