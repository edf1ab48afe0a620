"""Kaplan-Meier curves of simulated trials with the truth, drawn from rows of the long table and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MultipleLocator, PercentFormatter

from ..results import Row
from ..simulate import TRUTH
from ..units import DAYS_PER_MONTH
from .drawing import COLORS, STYLE, svg, write_across

_DASHES: tuple[Literal["-", "--"], ...] = ("-", "--")
_TICKS = (1, 2, 3, 6, 12, 24, 60, 120)  # months


def ensemble_figure(rows: Sequence[Row], label: str, truth: str, single: str) -> str:
    """Thin lines of single trials below thick ones of the truth, the arms apart by color and dash, as SVG. ``label`` is
    the endpoint's; ``truth`` and ``single`` say in the legend what the lines are."""
    arms = list(dict.fromkeys(row.group for row in rows))
    lines: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for row in rows:
        if row.at is not None and row.value is not None:
            lines.setdefault((row.statistic, row.group), []).append((row.at / DAYS_PER_MONTH, row.value))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 4.3))
        axes = figure.subplots()
        for (statistic, arm), points in lines.items():
            i, thick = arms.index(arm), statistic == TRUTH
            axes.plot(
                [x for x, _ in points], [y for _, y in points], color=COLORS[i], linestyle=_DASHES[i],
                linewidth=2.6 if thick else 0.6, alpha=1.0 if thick else 0.3, zorder=3 if thick else 2,
            )  # fmt: skip
            if thick:  # a white line beneath, so that it is seen among many thin ones
                axes.plot([x for x, _ in points], [y for _, y in points], color="white", linewidth=4.2, zorder=2.5)
        handles = [
            Line2D([], [], color=COLORS[i], linestyle=dash, linewidth=wide, alpha=alpha, label=f"{arm}, {what}")
            for i, arm in enumerate(arms)
            for dash, wide, alpha, what in ((_DASHES[i], 2.6, 1.0, truth), (_DASHES[i], 0.8, 0.5, single))
        ]
        axes.legend(handles=handles, frameon=False, loc="upper right", handlelength=3.2)
        axes.set_xlim(0, None)
        axes.set_ylim(0, 1.02)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        last = max(x for points in lines.values() for x, _ in points)
        axes.xaxis.set_major_locator(MultipleLocator(next((t for t in _TICKS if last / t <= 11), last / 10)))
        axes.set_xlabel("Months since randomization")
        axes.set_ylabel(label)
        axes.grid(axis="y", linewidth=0.4, alpha=0.5)
        write_across(axes, "SIMULATED")
        figure.tight_layout()
        return svg(figure)
