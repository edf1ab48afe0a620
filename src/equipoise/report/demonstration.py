"""What adjusting for crossover gives by what is assumed of it, laid out from rows of the long table alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..results import Row
from .drawing import COLORS, INK, STYLE, svg, write_across
from .tables import Table

_MARKS = ("median", "smallest", "largest")
_REACHED, _MODEL = "cohorts that meet every number", "hazard ratio in the model, nobody crossing"
_RATIO = ": hazard ratio"
_SHOWN = "the cohort shown"
_READ = (
    "Each column is an assumption: a hazard ratio of death from the crossing on, which no printed number tells. Cells "
    "are the median (smallest to largest) over cohorts that reach every printed number under it; these are no "
    "confidence intervals.",
    "The same patients, none crossing: the patients of each cohort, followed with nobody crossing over. It is what a "
    "method would have to return on that cohort, and it follows the assumption.",
    "The model, nobody crossing: before any printed number was reached. Where the cohorts lie elsewhere, the printed "
    "numbers moved them there.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A demonstration: its tables, the sentence that stands with every value, footnotes, and the rows behind it."""

    name: str
    sentence: str
    table: Table
    cohort_shown: str
    footnotes: tuple[str, ...]
    rows: tuple[Row, ...]


def demonstrations(rows: Sequence[Row], labels: Mapping[str, str]) -> tuple[Shown, ...]:
    """Every demonstration among the rows; ``labels`` names the endpoints.

    >>> demonstrations([], {})
    ()
    """
    of = [r for r in rows if r.role == "demonstration"]
    return tuple(
        _demonstration(tuple(r for r in of if r.toml_path == path), labels)
        for path in dict.fromkeys(r.toml_path for r in of)
    )


def _demonstration(rows: tuple[Row, ...], labels: Mapping[str, str]) -> Shown:
    groups, ways = _groups(rows), _ways(rows)
    texts = {(r.group, r.statistic): r.text for r in rows}
    lines = [("Cohorts that meet every number", tuple(texts[g, _REACHED] for g in groups))]
    for way in ways:
        cells = []
        for g in groups:
            middle, low, high = (texts[g, f"{way}{_RATIO}, {mark}"] for mark in _MARKS)
            cells.append(middle if middle == low == high else f"{middle} ({low} to {high})")
        lines.append((_capital(way), tuple(cells)))
    lines.append(("The model, nobody crossing", tuple(texts[g, _MODEL] for g in groups)))
    first = [r for r in rows if r.group == groups[0]]
    methods = [f"{_capital(r.statistic.split(':')[0])}: {r.method.rpartition('; over the ')[0]}" for r in first
               if r.statistic.endswith(f"{_RATIO}, median")]  # fmt: skip
    methods += [f"The model: {r.method}" for r in first if r.statistic == _MODEL]
    methods += [f"Cohorts: {r.method.partition(';')[0]}" for r in first if r.statistic == _REACHED]
    reasons = [f"{g}, {w}: {r.reason}" for g in groups for w in ways
               for r in rows if (r.group, r.statistic) == (g, f"{w}{_RATIO}, median") and r.reason]  # fmt: skip
    here = [r for r in rows if r.group == _SHOWN]
    return Shown(
        name="Demonstration: without crossover, by what is assumed of it",
        sentence=next(r.text for r in rows if r.statistic == "meaning"),
        table=Table(
            title=f"{labels.get(rows[0].endpoint, rows[0].endpoint)}: hazard ratio by the assumed effect of crossing "
            "over (hazard ratio of death from then on)",
            head=("", *groups),
            lines=tuple(lines),
        ),
        cohort_shown=_of_the_cohort(here),
        footnotes=(
            *_READ,
            *(f"{m}." for m in methods),
            *(f"{_capital(r)}." for r in reasons),
            *(f"{_capital(_SHOWN)}, {r.method}." for r in here if r.statistic == "RPSFTM: hazard ratio"),
            *(f"{_capital(_SHOWN)}, RPSFTM: {r.text}." for r in here if r.statistic.endswith("warning on switching")),
        ),
        rows=rows,
    )


def _of_the_cohort(rows: Sequence[Row]) -> str:
    """RPSFTM of the cohort that is shown, with both kinds of limits, and what these are of."""
    texts = {r.statistic.removeprefix("RPSFTM: "): r for r in rows}
    ratio, low, high = (texts[f"hazard ratio{kind}"] for kind in ("", " lower limit", " upper limit"))
    if ratio.value is None:
        return f"On {_SHOWN}, RPSFTM has no hazard ratio: {ratio.reason}"
    level = f"{100 * (low.level or 0.95):g}%"
    inverted = f"{level} limits {low.text} to {high.text} by test inversion" if low.value is not None else low.reason
    ends = [texts[f"bootstrap hazard ratio {kind} limit"] for kind in ("lower", "upper")]
    drawn = f"{ends[0].text} to {ends[1].text} by {texts['bootstrap samples'].text} bootstrap samples"
    drawn = drawn if ends[0].value is not None else f"none by bootstrap: {ends[0].reason}"
    return (
        f"On {_SHOWN}, RPSFTM gives {ratio.text} ({inverted}, {drawn}). These limits are of sampling patients like "
        "those of this one cohort; of what other cohorts with the same digits would give they say nothing"
    )


def demonstration_figure(shown: Shown, mark: str = "") -> str:
    """Median and range by assumed effect and method on a log axis, as SVG; a line where the model itself lies with
    nobody crossing. ``mark`` is written across the figure."""
    groups, ways = _groups(shown.rows), _ways(shown.rows)
    values = {(r.group, r.statistic): r.value for r in shown.rows}
    lines = len(groups) * (len(ways) + 1)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 0.8 + 0.19 * lines))
        axes = figure.subplots()
        y, seen = 0, [0.5, 2.0]
        names: list[tuple[int, str]] = []
        for group in groups:
            axes.text(-0.42, -y, group, transform=axes.get_yaxis_transform(), fontsize=8, weight="bold", va="center")
            model = values[group, _MODEL]
            if model is not None:
                axes.plot([model, model], [-y - 0.5, -y - len(ways) - 0.45], color=COLORS[1], linewidth=1.2)
            for k, way in enumerate(ways, start=1):
                names.append((-y - k, way))
                three = [values[group, f"{way}{_RATIO}, {m}"] for m in _MARKS]
                seen += list(_draw(axes, -y - k, three, color=COLORS[2] if k == len(ways) else COLORS[0]))
            y += len(ways) + 1
        for at, way in names:
            axes.text(-0.40, at, way, transform=axes.get_yaxis_transform(), fontsize=8, va="center")
        _finish(axes, min(seen), max(seen), lines)
        write_across(axes, mark)
        height = figure.get_figheight()
        figure.subplots_adjust(left=0.295, right=0.98, top=1 - 0.1 / height, bottom=0.55 / height)
        return svg(figure)


def _draw(axes: Axes, y: float, three: Sequence[float | None], color: str) -> Iterator[float]:
    middle, low, high = three
    if middle is None or low is None or high is None:
        return
    axes.plot([low, high], [y, y], color=INK, linewidth=1.1)
    axes.plot([middle], [y], marker="o", color=color, markersize=5)
    yield from (low, high)


def _finish(axes: Axes, low: float, high: float, lines: int) -> None:
    axes.set_xscale("log")
    axes.set_xlim(low / 1.1, high * 1.1)
    ticks = [t for t in (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10, 20) if low / 1.1 <= t <= high * 1.1]
    axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axes.minorticks_off()
    axes.axvline(1, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.set_ylim(-lines + 0.4, 0.6)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("hazard ratio: median and range over cohorts; line: the model, nobody crossing", fontsize=8)


def _groups(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(r.group for r in rows if r.statistic == _REACHED))


def _ways(rows: Sequence[Row]) -> list[str]:
    end = f"{_RATIO}, median"
    return list(dict.fromkeys(r.statistic.removesuffix(end) for r in rows if r.statistic.endswith(end)))


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
