"""Bounds, spending and expected events of a plan as SVG, drawn from rows of the long table and nothing else."""

from __future__ import annotations

import math
from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator

from ..results import Row, significant
from ..units import DAYS_PER_MONTH
from .drawing import COLORS, INK, STYLE, svg

Points = list[tuple[float, float, str]]
_SIDES = {"efficacy": (COLORS[0], "o"), "futility": (COLORS[1], "s")}
_ESTIMATES = {
    "hazard ratio": "Hazard ratio",
    "difference in restricted means": "Difference in restricted means (days)",
    "difference in survival": "Difference in survival",
}
_GREY = "#777777"
_TOLD = 4  # bounds that have their numbers beside them; the table has them all


def bounds_figure(rows: Sequence[Row]) -> str:
    """The bounds over events, on the scales of Z, the estimate, the one-sided P and conditional power, as an SVG
    document; a scale on which a test has no bound is left out."""
    events = {r.at: r.value for r in rows if r.statistic == "events" and not r.group and r.at is not None}
    scales = [
        ("z", "Z"),
        *_ESTIMATES.items(),
        ("P one-sided", "P, one-sided"),
        ("conditional power", "Conditional power"),
    ]
    found = {
        (name, side): [
            (events[r.at] or 0.0, r.value, r.text)
            for r in rows
            if r.statistic == f"{side} bound {name}" and r.value is not None and r.at is not None
        ]
        for name, _ in scales
        for side in _SIDES
    }
    shown = [(name, label) for name, label in scales if any(found[name, side] for side in _SIDES)]
    most = max(value or 0.0 for value in events.values())
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 0.25 + 2.75 * ((len(shown) + 1) // 2)))
        panels = figure.subplots((len(shown) + 1) // 2, 2, squeeze=False).ravel()
        for axes, (name, label) in zip(panels, shown, strict=False):
            for side, other in zip(_SIDES, reversed(_SIDES), strict=True):
                _draw_bounds(axes, found[name, side], side, above=_is_above(found[name, side], found[name, other]))
            _scale(axes, name)
            axes.set_xlim(0, most * 1.12)
            axes.set_title(label, loc="left", fontsize=9, weight="bold")
            axes.set_xlabel("Events")
            for value in events.values():
                axes.axvline(value or 0.0, color=_GREY, linewidth=0.5, alpha=0.5, zorder=0)
        for axes in panels[len(shown) :]:
            axes.axis("off")
        figure.tight_layout(h_pad=1.6, w_pad=1.6, rect=(0, 0, 1, 0.95))
        if any(found[name, "futility"] for name, _ in shown):
            figure.legend(*panels[0].get_legend_handles_labels(), frameon=False, loc="upper right", ncols=2)
        return svg(figure)


def _is_above(own: Points, other: Points) -> bool:
    """Where the numbers of a side stand free: away from the other side, else above a line that does not rise."""
    if not own:
        return True
    return own[0][1] > other[0][1] if other else own[0][1] >= own[-1][1]


def _draw_bounds(axes: Axes, points: Points, side: str, *, above: bool) -> None:
    """A line through the bounds of one side, each with its number, away from the other side's, unless there are too
    many to be read. Where both meet, the number is that of efficacy."""
    if not points:
        return
    color, marker = _SIDES[side]
    times, heights = [t for t, _, _ in points], [h for _, h, _ in points]
    axes.plot(times, heights, color=color, marker=marker, markersize=5, linewidth=1.4, label=side)
    told = {t.xy for t in axes.texts if isinstance(t, Annotation)}
    for at, height, text in points if len(points) <= _TOLD else ():
        if any(at == x and math.isclose(height, y) for x, y in told):
            continue
        axes.annotate(
            text, (at, height), xytext=(0, 7 if above else -13), textcoords="offset points", ha="center",
            fontsize=8, color=color,
        )  # fmt: skip


def _scale(axes: Axes, name: str) -> None:
    """Limits that leave room for the numbers; where no effect lies."""
    if name == "conditional power":
        axes.set_ylim(-0.18, 1.15)
        axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    elif name == "P one-sided":
        axes.set_yscale("log")
        low, high = axes.get_ylim()
        low, high = low / 2.5, high * 2.5
        axes.set_ylim(low, high)
        steps = (1, 2, 5) if high / low < 1000 else (1,)
        ticks = [step * 10.0**k for k in range(-15, 1) for step in steps if low <= step * 10.0**k <= min(high, 1)]
        axes.yaxis.set_major_locator(FixedLocator(ticks))
        axes.yaxis.set_major_formatter(lambda value, _: significant(value, 1))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.yaxis.set_minor_locator(NullLocator())
    else:
        none = 1.0 if name == "hazard ratio" else 0.0
        low, high = axes.get_ylim()
        low, high = min(low, none), max(high, none)
        axes.set_ylim(low - 0.12 * (high - low), high + 0.12 * (high - low))
        axes.axhline(none, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))


def spending_figure(rows: Sequence[Row]) -> str:
    """Error spent over the information: the spending function where there is one, and the looks as points."""
    errors = [name for name in ("alpha", "beta") if any(r.statistic == f"{name} spent" for r in rows)]
    fractions = {r.at: r.value for r in rows if r.statistic == "information fraction"}
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 2.9))
        panels = figure.subplots(1, 2, squeeze=False).ravel()
        for axes, name in zip(panels, errors, strict=False):
            color, marker = _SIDES["efficacy" if name == "alpha" else "futility"]
            curve = [(r.at or 0.0, r.value or 0.0) for r in rows if r.statistic == f"curve {name} spent"]
            axes.plot([t for t, _ in curve], [v for _, v in curve], color=color, linewidth=1.4)
            spent = [r for r in rows if r.statistic == f"{name} spent"]
            for row in spent:
                at, value = fractions[row.at] or 0.0, row.value or 0.0
                axes.plot([at], [value], marker, color=color, markersize=5)
                axes.annotate(
                    row.text,
                    (at, value),
                    xytext=(-5, 5),
                    textcoords="offset points",
                    ha="right",
                    fontsize=8,
                    color=color,
                )
            axes.set_xlim(0, 1.04)
            axes.set_ylim(0, max(r.value or 0.0 for r in spent) * 1.18)
            axes.set_title(f"{name.capitalize()} spent", loc="left", fontsize=9, weight="bold")
            axes.set_xlabel("Information fraction")
        for axes in panels[len(errors) :]:
            axes.axis("off")
        figure.tight_layout(w_pad=1.6)
        return svg(figure)


def course_figure(rows: Sequence[Row]) -> str:
    """Events and patients that are expected over calendar time, with the looks."""
    looks = [r for r in rows if r.statistic == "look time"]
    events = {r.at: r for r in rows if r.statistic == "events" and not r.group}
    lines = {"under the effect": (COLORS[0], "-"), "under no effect": (COLORS[1], "--")}
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 3.9))
        axes = figure.subplots()
        patients = _months(rows, "curve expected patients", "")
        axes.plot(*patients, color=_GREY, linewidth=1.2, label="patients randomized")
        for group, (color, style) in lines.items():
            months, heights = _months(rows, "curve expected events", group)
            axes.plot(months, heights, color=color, linestyle=style, linewidth=1.6, label=f"events {group}")
        for row in looks:
            at, event = (row.value or 0.0) / DAYS_PER_MONTH, events[row.at]
            axes.plot([at], [event.value or 0.0], "o", color=COLORS[0], markersize=6)
            axes.plot([at, at], [0, event.value or 0.0], color=_GREY, linewidth=0.6, zorder=0)
            axes.annotate(
                f"look {row.at:g}\n{event.text} events\n{row.text}", (at, event.value or 0.0), xytext=(6, -4),
                textcoords="offset points", fontsize=8, va="top",
            )  # fmt: skip
        axes.set_xlim(0, max(patients[0]) * 1.1)
        axes.set_ylim(0, max(patients[1]) * 1.08)
        axes.set_xlabel("Months since the first patient")
        axes.set_ylabel("Expected number")
        axes.legend(frameon=False, loc="upper left")
        figure.tight_layout()
        return svg(figure)


def _months(rows: Sequence[Row], statistic: str, group: str) -> tuple[list[float], list[float]]:
    found = [r for r in rows if r.statistic == statistic and r.group == group]
    return [(r.at or 0.0) / DAYS_PER_MONTH for r in found], [r.value or 0.0 for r in found]
