"""Curves by arm and forest figures as SVG, drawn from rows of the long table and nothing else."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..results import Row
from ..units import TimeUnit, days_per
from .drawing import COLORS, INK, STYLE, svg, write_across

SURVIVAL, INCIDENCE = "curve survival", "curve cumulative incidence"


def curves_figure(
    rows: Sequence[Row],
    arms: Sequence[str],
    label: str,
    unit: TimeUnit,
    mark: str = "",
    *,
    dashed: Collection[str] = (),
) -> str:
    """Kaplan-Meier curves, or the cumulative incidence where causes compete, with pointwise confidence limits and
    censoring marks above the extended risk table (KMunicate layout: Morris et al., BMJ Open 2019), as an SVG
    document. ``mark`` is written across the figure (DUMMY);
    curves of ``dashed`` were not observed, and stand without limits."""
    per = days_per(unit)
    at_risk = [r for r in rows if r.statistic == "at risk"]
    marks = sorted({_at(r) for r in at_risk})
    incidence = any(r.statistic == INCIDENCE for r in rows)
    curve = INCIDENCE if incidence else SURVIVAL
    last = max(_at(r) for r in rows if r.statistic == curve)
    lines = [("at risk", "At risk"), ("censored before", "Censored"), ("events before", "Events")]
    lines += [("competing before", "Competing")] if incidence else []
    with mpl.rc_context(STYLE):
        table = 0.34 + (0.17 + 0.15 * len(lines)) * len(arms)
        figure = Figure(figsize=(7.2, 3.76 + table + 0.06 * len(arms)))
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(4.1, table))
        for color, arm in zip(COLORS, arms, strict=False):
            _draw_curve(above, [r for r in rows if r.group == arm], arm, color, per, curve, arm in dashed)
        above.set_ylim(0, 1.02)
        above.set_xlim(0, last / per * 1.02)
        above.set_ylabel(f"{label} ({'cumulative incidence' if incidence else 'probability'})")
        above.set_xticks([m / per for m in marks])
        above.tick_params(labelbottom=True)
        above.set_xlabel(f"Time since randomization ({unit})")
        above.legend(frameon=False, loc="upper left" if incidence else "upper right")
        draw_risk_table(below, rows, arms, marks, per, lines)
        write_across(above, mark)
        figure.subplots_adjust(left=0.17, right=0.98, top=0.97, bottom=0.03, hspace=0.32)
        return svg(figure)


def _draw_curve(axes: Axes, rows: Sequence[Row], arm: str, color: str, per: float, curve: str, dashed: bool) -> None:
    def steps(statistic: str, start: float) -> tuple[list[float], list[float]]:
        found = [(0.0, start)]
        found += [(_at(r) / per, math.nan if r.value is None else r.value) for r in rows if r.statistic == statistic]
        return [t for t, _ in found], [v for _, v in found]

    time, heights = steps(curve, 1.0 if curve == SURVIVAL else 0.0)
    _, lower = steps("curve lower limit", math.nan)
    _, upper = steps("curve upper limit", math.nan)
    axes.step(
        time, heights, where="post", color=color, linewidth=1.6, label=arm, linestyle=(0, (4, 2)) if dashed else "-"
    )
    if not dashed:
        axes.fill_between(time, lower, upper, step="post", color=color, alpha=0.16, linewidth=0)
    height = dict(zip(time, heights, strict=True))
    lost = [_at(r) / per for r in rows if r.statistic == "curve censored"]
    axes.plot(lost, [height[t] for t in lost], "|", color=color, markersize=6, markeredgewidth=1.0)


def draw_risk_table(
    axes: Axes,
    rows: Sequence[Row],
    arms: Sequence[str],
    marks: Sequence[float],
    per: float,
    lines: Sequence[tuple[str, str]],
) -> None:
    axes.axis("off")
    block = len(lines) + 1.0
    axes.set_ylim(-len(arms) * block, 0.2)
    for i, arm in enumerate(arms):
        top = -block * i - 0.6
        axes.text(-0.165, top, arm, transform=axes.get_yaxis_transform(), color=COLORS[i], weight="bold", va="center")
        for k, (statistic, name) in enumerate(lines, start=1):
            axes.text(-0.165, top - 0.95 * k, name, transform=axes.get_yaxis_transform(), va="center", fontsize=8)
            counts = {_at(r): r.text for r in rows if r.group == arm and r.statistic == statistic}
            for mark in marks:
                axes.text(mark / per, top - 0.95 * k, counts.get(mark, ""), ha="center", va="center", fontsize=8)


def forest_figure(rows: Sequence[Row], arms: tuple[str, str], favours: tuple[str, str], mark: str = "") -> str:
    """Hazard ratios with limits by subgroup on a log axis, with counts and the interaction P, as SVG.

    ``arms`` are experimental and control; ``favours`` names the arm that a hazard ratio below 1 favours,
    and the other; ``mark`` is written across the figure.
    """
    groups = list(dict.fromkeys(r.group for r in rows if r.statistic == "subgroup hazard ratio"))
    overall = _estimates(rows, "hazard ratio")
    level = 100 * (overall[1].level or 0.95)
    tests = {r.group: r for r in rows if r.statistic == "interaction P"}
    lines: list[tuple[str, str]] = [("", "All patients")]
    for label in tests:
        lines.append((label, ""))
        lines += [(label, g) for g in groups if g.startswith(f"{label}: ")]
    longest = max(len(group.removeprefix(f"{label}: ")) for label, group in lines)
    # Widths in inches: names, two columns of counts, the plot, effects, P; at 8 points a letter takes 0.066.
    names, counts, plot, effects, tests_wide = max(1.2, 0.25 + 0.066 * longest), 0.8, 2.9, 1.5, 0.8
    left = names + 2 * counts + 0.25
    width = left + plot + effects + tests_wide
    x = {"name": -left, "experimental": -left + names + counts / 2, "control": -left + names + 1.5 * counts,
         "effect": plot + 0.12, "test": plot + effects}  # fmt: skip
    place = _Place({key: inches / plot for key, inches in x.items()})
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, 0.95 + 0.27 * len(lines)))
        axes = figure.subplots()
        heads = {"name": "Subgroup", "experimental": f"{arms[0]}\nevents/n", "control": f"{arms[1]}\nevents/n",
                 "effect": f"Hazard ratio\n({level:g}% CI)", "test": "P for\ninteraction"}  # fmt: skip
        for column, head in heads.items():
            place.write(axes, column, 0.75, head, bold=True, above=True)
        drawn: list[float] = []
        for i, (label, group) in enumerate(lines):
            if label and not group:
                place.write(axes, "name", -i, label, bold=True)
                place.write(axes, "test", -i, tests[label].text)
                continue
            here = [r for r in rows if r.group == group] if label else []
            place.write(
                axes,
                "name",
                -i,
                ("\N{NO-BREAK SPACE}" * 3 if label else "") + group.removeprefix(f"{label}: "),
                bold=not label,
            )
            for arm, side in zip(arms, ("experimental", "control"), strict=True):
                prefix, suffix = ("subgroup ", f", {side}") if label else ("", "")
                count = {r.statistic: r.text for r in (here if label else [r for r in rows if r.group == arm])}
                text = f"{count[f'{prefix}events{suffix}']}/{count[f'{prefix}subjects{suffix}']}"
                place.write(axes, side, -i, text, bold=not label)
            estimates = _estimates(here, "subgroup hazard ratio") if label else overall
            place.write(axes, "effect", -i, _effect_text(estimates), bold=not label)
            drawn += _draw_estimate(axes, -i, estimates, not label)
        _finish_forest(axes, drawn, len(lines), favours)
        write_across(axes, mark)
        height = figure.get_figheight()
        figure.subplots_adjust(
            left=left / width, right=(left + plot) / width, top=1 - 0.5 / height, bottom=0.55 / height
        )
        return svg(figure)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the columns of text stand beside a plot, in widths of the plot."""

    x: dict[str, float]

    def write(self, axes: Axes, column: str, y: float, text: str, *, bold: bool = False, above: bool = False) -> None:
        axes.text(
            self.x[column],
            y,
            text,
            transform=axes.get_yaxis_transform(),
            fontsize=8,
            weight="bold" if bold else "normal",
            va="bottom" if above else "center",
            ha="center" if column in ("experimental", "control") else "left",
        )


def _estimates(rows: Sequence[Row], name: str) -> tuple[Row, Row, Row]:
    """The first hazard ratio among the rows, with its limits."""
    estimate, low, high = (
        next(r for r in rows if r.statistic == name + suffix) for suffix in ("", " lower limit", " upper limit")
    )
    return estimate, low, high


def _effect_text(estimates: tuple[Row, Row, Row]) -> str:
    estimate, low, high = estimates
    return estimate.text if estimate.value is None else f"{estimate.text} ({low.text}, {high.text})"


def _draw_estimate(axes: Axes, y: float, estimates: tuple[Row, Row, Row], overall: bool) -> list[float]:
    estimate, low, high = (row.value for row in estimates)
    if estimate is None or low is None or high is None:
        return []
    axes.plot([low, high], [y, y], color=INK, linewidth=1.1)
    axes.plot([estimate], [y], marker="D" if overall else "s", color=COLORS[0], markersize=6 if overall else 5)
    return [low, high]


def _finish_forest(axes: Axes, drawn: Sequence[float], lines: int, favours: tuple[str, str]) -> None:
    low, high = min([*drawn, 0.5]), max([*drawn, 2.0])
    low, high = max(low, 0.05), min(high, 20.0)
    axes.set_xscale("log")
    axes.set_xlim(low / 1.15, high * 1.15)
    ticks = [t for t in (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20) if low / 1.15 <= t <= high * 1.15]
    axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axes.minorticks_off()
    axes.axvline(1, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.set_ylim(-lines + 0.4, 0.6)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    left, right = "\N{LEFTWARDS ARROW}", "\N{RIGHTWARDS ARROW}"
    axes.set_xlabel(f"favours {favours[0]}  {left}  hazard ratio  {right}  favours {favours[1]}", fontsize=8)


def _at(row: Row) -> float:
    assert row.at is not None
    return row.at
