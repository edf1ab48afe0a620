"""Treatment switching laid out for reading, from rows of the long table: no number is made here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from ..results import NOT_ESTIMABLE, Row
from ..units import TimeUnit
from .figures import SURVIVAL, curves_figure
from .safety import Part
from .tables import INDENT, Table

_DASH = "\N{EN DASH}"
_SPECIAL = ("curve", "at risk", "events before", "censored before")


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchingSection:
    """The section of one analysis adjusted for switching: its sentence, tables, figure and footnotes."""

    heading: str
    sentence: str
    part: Part
    figure: Markup
    caption: str


def switching_sections(
    rows: Sequence[Row], labels: Mapping[str, str], units: Mapping[str, TimeUnit], mark: str
) -> tuple[SwitchingSection, ...]:
    """A section for every analysis adjusted for switching; ``labels`` and ``units`` are those of the endpoints.

    >>> switching_sections([], {}, {}, "")
    ()
    """
    mine = [r for r in rows if r.analysis == "switching"]
    paths = list(dict.fromkeys(r.toml_path for r in mine))
    found = []
    for path in paths:
        here = [r for r in mine if r.toml_path == path]
        first = here[0]
        heading = "Treatment switching" if len(paths) == 1 else f"Treatment switching: {_analysis_of(path)}"
        groups = list(dict.fromkeys(r.group for r in here if r.statistic == SURVIVAL))
        unreal = tuple(g for g in groups[2:])
        drawn = curves_figure(here, groups, labels[first.endpoint], units[first.endpoint], mark, dashed=unreal)
        tables = (_who(here), _estimates(here), _grounds(here))
        found.append(
            SwitchingSection(
                heading=heading,
                sentence=next(r.text for r in here if r.statistic == "who switched"),
                part=Part(name=heading, tables=tables, footnotes=_footnotes(here)),
                figure=Markup(drawn),
                caption="Kaplan-Meier curves as observed" + (", and had nobody switched (dashed)" if unreal else ""),
            )
        )
    return tuple(found)


def _analysis_of(path: str) -> str:
    """The name of the analysis whose TOML path it is: an estimand may have several.

    >>> _analysis_of('analyses."OS, by IPCW".switching')
    'OS, by IPCW'
    """
    name = path.removeprefix("analyses.").removesuffix(".switching")
    return name[1:-1] if name.startswith('"') else name


def _texts(rows: Sequence[Row]) -> dict[tuple[str, str], str]:
    return {
        (r.statistic, r.group): r.text if r.value is not None or not r.reason else f"{NOT_ESTIMABLE}: {r.reason}"
        for r in rows
        if not r.statistic.startswith(_SPECIAL)
    }


def _who(rows: Sequence[Row]) -> Table:
    """Who switched when, in the arms in which it is possible."""
    arms = list(dict.fromkeys(r.group for r in rows if r.statistic == "switched"))
    texts = _texts(rows)
    unit = next(r.unit for r in rows if r.statistic == "time to switch median")

    def cells(statistic: str) -> tuple[str, ...]:
        return tuple(texts.get((statistic, arm), _DASH) for arm in arms)

    def ranges(name: str, low: str, high: str) -> tuple[str, ...]:
        found = []
        for arm in arms:
            middle, a, b = (texts.get((f"{name} {which}", arm), _DASH) for which in ("median", low, high))
            found.append(middle if not middle[:1].isdigit() else f"{middle} ({a} to {b})")
        return tuple(found)

    lines: list[tuple[str, tuple[str, ...]]] = [("Switched, n (%)", cells("switched"))]
    for label, name in (
        ("Randomization to switch", "time to switch"),
        ("Progression to switch", "time from progression to switch"),
    ):
        lines.append((f"{label}, {unit}: median (quartiles)", ranges(name, "lower quartile", "upper quartile")))
        lines.append((f"{INDENT}median (range)", ranges(name, "minimum", "maximum")))
    if any(r.statistic == "progressed" for r in rows):
        lines.append(("Progressed, n (%)", cells("progressed")))
        without = cells("switched without progression before")
        lines.append(("Switched without progression before, n (% of those who switched)", without))
    lines.append(("Events among those who switched", cells("events among switchers")))
    lines.append(("Events among those who did not", cells("events among non-switchers")))
    return Table(title="Who switched, and when", head=("", *arms), lines=tuple(lines))


def _methods(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(r.group for r in rows if r.statistic == "hazard ratio"))


def _estimates(rows: Sequence[Row]) -> Table:
    """Every method's numbers; the analysis' own is named as such."""
    texts = _texts(rows)
    own = next(r.group for r in rows if r.statistic == "method of the analysis")
    level = next(r.level for r in rows if r.statistic == "hazard ratio lower limit") or 0.0

    def limits(name: str, method: str) -> str:
        low, high = (texts.get((f"{name} {side} limit", method), _DASH) for side in ("lower", "upper"))
        return low if low == high else f"{low} to {high}"

    lines = []
    for method in _methods(rows):
        label = f"{method} (this analysis)" if method == own else method
        estimate = texts["hazard ratio", method]
        if estimate.startswith(NOT_ESTIMABLE):
            lines.append((label, (estimate, "", "", texts["P", method] if method == own else "", "")))
            continue
        factors = list(dict.fromkeys(
            r.statistic for r in rows
            if r.group == method and r.statistic.startswith("acceleration factor") and "limit" not in r.statistic
        ))  # fmt: skip
        told = [
            f"{name.removeprefix('acceleration factor').strip()} {texts[name, method]} ({limits(name, method)})".strip()
            for name in factors
        ]
        numbers = (estimate, limits("hazard ratio", method), limits("bootstrap hazard ratio", method))
        lines.append((label, (*numbers, texts["P", method], "; ".join(told) or _DASH)))
    ci = f"{100 * level:g}% CI"
    head = ("", "Hazard ratio", f"{ci} of the method", f"{ci} by bootstrap", "P", f"Acceleration factor ({ci})")
    return Table(
        title="The hazard ratio as observed, and had nobody switched, by method", head=head, lines=tuple(lines)
    )


def _grounds(rows: Sequence[Row]) -> Table:
    """What each method assumes, what in the data speaks against it, and what else is known."""
    lines = []
    for method in _methods(rows):
        mine = [r for r in rows if r.group == method]

        def said(kind: str, mine: Sequence[Row] = mine) -> str:
            texts = [r.text for r in mine if r.statistic == f"{kind} on switching"]
            return "; ".join(t.removeprefix("assumes ") for t in texts)

        looked = any(r.statistic == "acceleration factor" for r in mine) or said("warning") or said("note")
        against = said("warning") or ("nothing found" if looked else _DASH)
        lines.append((method, (said("assumption") or _DASH, against, said("note") or _DASH)))
    head = ("", "It assumes", "What in the data speaks against it", "What else the data tell")
    return Table(title="What each method rests on", head=head, lines=tuple(lines))


def _footnotes(rows: Sequence[Row]) -> tuple[str, ...]:
    notes = [r.text for r in rows if r.statistic == "warning on switching" and not r.group]
    for statistic in ("hazard ratio", "P"):
        made: dict[str, dict[str, None]] = {}
        for row in rows:
            if row.method and row.group and row.statistic == statistic and row.value is not None:
                made.setdefault(row.method, {})[row.group] = None
        of = "P of " if statistic == "P" else ""
        notes += [f"{of}{', '.join(names)}: {method}" for method, names in made.items()]
    notes += [r.text for r in rows if r.statistic == "note on the curves"]
    samples = dict.fromkeys(
        f"{r.group}: {r.method}, {r.text} of them without an estimate"
        for r in rows
        if r.statistic == "bootstrap samples without an estimate"
    )
    notes += list(samples)
    both = any(r.statistic.startswith("acceleration factor in ") for r in rows)
    common = "; a factor without an arm is that of the experimental arm's treatment" if both else ""
    notes.append(
        "An acceleration factor above 1 says that the other arm's treatment prolongs the time that follows"
        f"{common}; no method can prove what it assumes"
    )
    return tuple(f"{note[0].upper()}{note[1:]}." for note in dict.fromkeys(notes))
