"""Figures of simulated trials as SVG: power over a grid, decisions by look, paired designs, single trials."""

from __future__ import annotations

import math
import textwrap
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from ..protocol import Protocol
from ..simulate import Curves, Grid, Paired, Study
from .drawing import COLORS, INK, STYLE, svg
from .ensemble import ensemble_figure

VARIED = {"hazard ratio": "Hazard ratio of the model", "crossover": "Share of those progressing who cross over"}
_WIDTH = 7.2  # inches
# Lines of the power figure: six of Okabe and Ito's colors, each with a marker of its own; the second time the markers
# are open and the dashes others, so that twelve differ in grey too.
_LINE_COLORS = (*COLORS, "#56B4E9", INK)
_MARKERS = ("o", "s", "^", "D", "v", "P")
_DASHES = ("-", "--", ":", "-.", (0, (8, 2)), (0, (5, 1, 1, 1, 1, 1)))
_TOLD_APART = 2 * len(_MARKERS)
_INSIDE = 4  # names that fit into the figure: more stand beside it
_NAME = 28  # letters of a line of a name
_HEADING = 90  # letters of a line above a figure
_PANEL = 1.3  # inches that a panel has at least


def power_figure(grid: Grid) -> str:
    """Power over what is varied, a line a group, with two Monte Carlo errors on either side; where groups are more
    than the lines that can be told apart, in panels below each other."""
    rows = list(grid.rows())
    groups = list(dict.fromkeys(r.group for r in rows))
    panels = _panels(groups)
    names = {group: wrapped(group, _NAME) for group in groups}
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


def wrapped(text: str, width: int) -> str:
    """The text in as few lines of so many letters as it needs, much the same in length.

    >>> wrapped("Survival alone, hazard ratio 0.6", 28)
    'Survival alone,\\nhazard ratio 0.6'
    """
    fewest = len(textwrap.wrap(text, width, break_on_hyphens=False))
    longest = min(width, max(map(len, text.split()), default=1))
    for narrow in range(longest, width + 1):
        lines = textwrap.wrap(text, narrow, break_on_hyphens=False)
        if len(lines) <= fewest:
            return "\n".join(lines)
    return text


def paired_figure(found: Mapping[str, Paired]) -> str:
    """What each design changes against the first in the same trials, by setting, with two Monte Carlo errors on either
    side."""
    with mpl.rc_context(STYLE):
        return svg(draw_paired(found))


def draw_paired(found: Mapping[str, Paired]) -> Figure:
    """The figure of ``paired_figure``."""
    panels = (
        ("difference in power", "Power", 100.0, "percentage points"),
        ("difference in expected events", "Expected events", 1.0, "events"),
        ("difference in expected day", "Expected duration", 1.0, "days"),
    )
    lines = _paired_lines(found)
    heights = [0.14 * (1 + line.label.count("\n")) + 0.16 for line in lines]
    places = [sum(heights[:i]) + height / 2 for i, height in enumerate(heights)]
    shown = [(y, line.held) for y, line in zip(places, lines, strict=True) if line.held]
    first = next(name for one in found.values() for name in one.designs)
    heading = wrapped(f"Each design minus {first}, in the same trials", _HEADING)
    with mpl.rc_context(STYLE):
        above = 0.2 + 0.16 * (1 + heading.count("\n"))
        figure = Figure(figsize=(_WIDTH, 0.9 + above + sum(heights)))
        figure.suptitle(heading, x=0.01, ha="left", fontsize=9)
        every = figure.subplots(1, len(panels), sharey=True)
        for axes, (statistic, title, scale, unit) in zip(every, panels, strict=True):
            axes.errorbar(
                [scale * held[statistic] for _, held in shown], [y for y, _ in shown],
                xerr=[2 * scale * held[f"{statistic} Monte Carlo error"] for _, held in shown], fmt="o", markersize=4,
                color=COLORS[0], capsize=2,
            )  # fmt: skip
            axes.axvline(0, color="#888888", linewidth=0.8, linestyle="--")
            axes.set_title(title, fontsize=8)
            axes.set_xlabel(unit, fontsize=8)
            axes.margins(x=0.25)
            axes.xaxis.set_major_locator(MaxNLocator(nbins=3, steps=[1, 2, 5, 10]))
            axes.tick_params(axis="x", labelsize=8)
            axes.tick_params(axis="y", length=0)
            axes.set_ylim(sum(heights), 0)
        every[0].set_yticks(places, [line.label for line in lines], fontsize=8)
        for text, line in zip(every[0].get_yticklabels(), lines, strict=True):
            text.set_fontweight("normal" if line.held else "bold")
        _lay_out(figure, every[0])
        return figure


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of the paired figure: its wrapped label, and values by statistic, none for the heading of a setting."""

    label: str
    held: Mapping[str, float]


def _paired_lines(found: Mapping[str, Paired]) -> list[_Line]:
    lines = []
    for setting, one in found.items():
        if setting:
            lines.append(_Line(wrapped(setting, _NAME), {}))
        rows = one.rows()
        first, *others = one.designs
        for name in others:
            held = {r.statistic: r.value or 0.0 for r in rows if r.group == f"{name} - {first}"}
            lines.append(_Line(wrapped(name, _NAME), held))
    return lines


def _lay_out(figure: Figure, axes: Axes) -> None:
    """Room for the labels; where it leaves too little for the panels, which are as wide as ``axes``, a wider figure."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph|Tight layout not applied")
        for _ in range(3):  # a wider figure may have other ticks
            figure.tight_layout(w_pad=1.5)
            lacking = _PANEL - axes.get_position().width * figure.get_figwidth()
            if lacking <= 0:
                return
            figure.set_figwidth(figure.get_figwidth() + 3 * lacking + 0.1)
        figure.tight_layout(w_pad=1.5)
