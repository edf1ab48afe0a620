"""The flow of subjects from randomization to analysis as SVG, drawn from rows of disposition and nothing else."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ..results import Row
from .drawing import INK, STYLE, svg, write_across

# Inches, at 8 points: a letter takes about 0.068, a line 0.165.
_WIDTH, _GAP, _PAD, _LETTER, _LINE, _ARROW = 7.4, 0.25, 0.1, 0.068, 0.165, 0.26


def flow_figure(rows: Sequence[Row], labels: Mapping[str, str], mark: str = "") -> str:
    """Randomized, then a column an arm: allocated and treated, crossed over, on record, analyzed; boxes and arrows.

    ``rows`` are those of disposition; ``labels`` names the endpoints; ``mark`` is written across the figure. Counts
    stand as ``n (%)``, of the subjects randomized to the arm. Source of the layout: Schulz, Altman, Moher 2010.

    >>> total = Row(statistic="randomized", text="4")
    >>> arms = [Row(group=arm, statistic="randomized", text="2") for arm in ("new", "old")]
    >>> "Allocated to new" in flow_figure([total, *arms], {})
    True
    """
    arms = [r.group for r in rows if r.statistic == "randomized" and r.group]
    column = (_WIDTH - _GAP * (len(arms) - 1)) / len(arms)
    levels: list[list[_Box | None]] = []
    for part in (_allocated, _crossed_over, _on_record, _analyzed):
        boxes = [part([r for r in rows if r.group == arm], arm, labels, column) for arm in arms]
        if any(boxes):
            levels.append(boxes)
    total = next(r.text for r in rows if r.statistic == "randomized" and not r.group)
    top = _box("Randomized", total, [], 2.2)
    height = top.height + 0.1 + sum(_tallest(boxes) + _ARROW for boxes in levels)
    height += _ARROW  # the fork takes two
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(_WIDTH + 0.1, height))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_xlim(-0.05, _WIDTH + 0.05)
        axes.set_ylim(-height + 0.05, 0.05)
        axes.axis("off")
        top.draw(axes, (_WIDTH - top.width) / 2, 0, top.height)
        middles = [i * (column + _GAP) + column / 2 for i in range(len(arms))]
        y = _fork(axes, _WIDTH / 2, middles, -top.height)
        for i, boxes in enumerate(levels):
            tallest = _tallest(boxes)
            for middle, box in zip(middles, boxes, strict=True):
                if box is None:
                    continue  # an arm that no estimand compares is not analyzed
                if i:
                    _arrow(axes, middle, y + _ARROW, y)
                box.draw(axes, middle - column / 2, y, tallest)
            y -= tallest + _ARROW
        write_across(axes, mark)
        return svg(figure)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Box:
    """A heading with its number, and lines of (text, number), wrapped to the width; all in inches."""

    heading: tuple[tuple[str, str], ...]
    lines: tuple[tuple[str, str], ...]
    width: float

    @property
    def height(self) -> float:
        return 2 * _PAD + _LINE * (len(self.heading) + len(self.lines))

    def draw(self, axes: Axes, left: float, top: float, height: float) -> None:
        shape = Rectangle((left, top - height), self.width, height, fill=False, edgecolor=INK, linewidth=0.9)
        axes.add_patch(shape)
        for i, (text, number) in enumerate((*self.heading, *self.lines)):
            y = top - _PAD - _LINE * (i + 0.5)
            weight = "bold" if i < len(self.heading) else "normal"
            for x, side, words in ((left + _PAD, "left", text), (left + self.width - _PAD, "right", number)):
                axes.text(x, y, words, ha=side, va="center", fontsize=8, weight=weight)


def _tallest(boxes: Sequence[_Box | None]) -> float:
    return max(box.height for box in boxes if box is not None)


def _box(heading: str, number: str, lines: Sequence[tuple[str, str]], width: float) -> _Box:
    """A box whose texts leave room for their numbers."""

    def wrapped(text: str, number: str, letter: float) -> list[tuple[str, str]]:
        room = int((width - 2 * _PAD) / letter) - len(number) - 1
        parts = textwrap.wrap(text, max(room, 12)) or [""]
        return [*((part, "") for part in parts[:-1]), (parts[-1], number)]

    return _Box(
        heading=tuple(wrapped(heading, number, 1.12 * _LETTER)),
        lines=tuple(line for text, n in lines for line in wrapped(text, n, _LETTER)),
        width=width,
    )


def _allocated(rows: Sequence[Row], arm: str, labels: Mapping[str, str], width: float) -> _Box | None:
    lines = [(r.statistic.capitalize(), r.text) for r in rows if r.statistic in ("treated", "not treated")]
    number = next(r.text for r in rows if r.statistic == "randomized")
    return _box(f"Allocated to {arm}", number, lines, width)


def _crossed_over(rows: Sequence[Row], arm: str, labels: Mapping[str, str], width: float) -> _Box | None:
    number = next((r.text for r in rows if r.statistic == "crossed over"), None)
    return None if number is None else _box("Crossed over", number, [], width)


def _on_record(rows: Sequence[Row], arm: str, labels: Mapping[str, str], width: float) -> _Box | None:
    words = {"events": "event", "censored": "censored", "no record": "no record"}
    lines = [
        (f"{labels.get(r.endpoint, r.endpoint)}: {words[r.statistic]}", r.text) for r in rows if r.statistic in words
    ]
    return _box("On record", "", lines, width) if lines else None


def _analyzed(rows: Sequence[Row], arm: str, labels: Mapping[str, str], width: float) -> _Box | None:
    """A line a population, or one for each of its endpoints where they differ in number."""
    found = [r for r in rows if r.statistic == "analyzed"]
    lines: list[tuple[str, str]] = []
    for population in dict.fromkeys(r.population for r in found):
        own = [r for r in found if r.population == population]
        if len({r.text for r in own}) == 1:
            lines.append((population, own[0].text))
        else:
            lines += [(f"{population}, {labels.get(r.endpoint, r.endpoint) or 'safety'}", r.text) for r in own]
    return _box("Analyzed", "", lines, width) if lines else None


def _fork(axes: Axes, x: float, to: Sequence[float], y: float) -> float:
    """From one box to several: down, across, and an arrow to each; returns where the arrows end."""
    across = y - _ARROW
    axes.plot([x, x], [y, across], color=INK, linewidth=0.9)
    axes.plot([min(to), max(to)], [across, across], color=INK, linewidth=0.9)
    for end in to:
        _arrow(axes, end, across, across - _ARROW)
    return across - _ARROW


def _arrow(axes: Axes, x: float, start: float, end: float) -> None:
    axes.annotate(
        "", xy=(x, end), xytext=(x, start),
        arrowprops={"arrowstyle": "-|>", "color": INK, "linewidth": 0.9, "shrinkA": 0, "shrinkB": 0},
    )  # fmt: skip
