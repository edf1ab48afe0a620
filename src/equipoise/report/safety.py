"""Adverse events, exposure and crossover laid out as tables, from rows of the long table: no number is made here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..results import Row
from .tables import INDENT, Table

_Line = tuple[str, tuple[str, ...]]
_DIGIT, _NONE = "\N{FIGURE SPACE}", "\N{EN DASH}"
_COUNT = re.compile(r"^(\d+)(?: \((\d+)(\.\d+)?\))?$")
_SYSTEM, _TERM = "body system: ", "term: "


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A section of the report: what [safety] adds, its tables and the footnotes that name their methods."""

    name: str
    tables: tuple[Table, ...]
    footnotes: tuple[str, ...]


def safety_parts(rows: Sequence[Row], labels: Mapping[str, str]) -> tuple[Part, ...]:
    """Crossover, dose and exposure, adverse events, and these by body system: each where it has rows.

    ``labels`` names the endpoints. Columns are the arms, counts stand as ``n (%)``.

    >>> safety_parts([], {})
    ()
    """
    of = {name: [r for r in rows if r.analysis == name] for name in ("disposition", "exposure", "safety")}
    parts = [_crossover(of["disposition"], labels), _exposure(of["exposure"])]
    if of["safety"]:
        named = [r for r in of["safety"] if r.statistic.startswith((_SYSTEM, _TERM))]
        others = [r for r in of["safety"] if not r.statistic.startswith((_SYSTEM, _TERM))]
        parts.append(Part(name="Adverse events", tables=(_adverse_events(others),), footnotes=_footnotes(others)))
        if named:
            sizes = [r for r in others if r.statistic == "subjects"]
            table = _by_system([*sizes, *named])
            parts.append(Part(name="Adverse events by body system", tables=(table,), footnotes=_footnotes(named)))
    return tuple(p for p in parts if p is not None)


def flow_footnotes(rows: Sequence[Row]) -> tuple[str, ...]:
    """What each count of the flow of subjects is a count of.

    >>> flow_footnotes([Row(analysis="disposition", statistic="treated", text="2", method="with a first dose")])
    ('Treated: with a first dose.',)
    """
    return _footnotes([r for r in rows if r.analysis == "disposition" and not _of_crossover(r)])


def _of_crossover(row: Row) -> bool:
    return "crossover" in row.statistic or row.statistic.startswith("crossed over ")


def _crossover(rows: Sequence[Row], labels: Mapping[str, str]) -> Part | None:
    """Of the arms in which somebody crossed over."""
    arms = list(dict.fromkeys(r.group for r in rows if r.statistic == "time to crossover median"))
    if not arms:
        return None
    find = _Find.of(rows, arms)
    lines = [("Randomized", find.cells("randomized")), ("Crossed over, n (%)", find.cells("crossed over"))]
    for by in dict.fromkeys(r.statistic for r in rows if r.statistic.startswith("crossed over by ")):
        lines.append((f"{INDENT}{by.removeprefix('crossed over ')}, n (%)", find.cells(by)))
    lines.append(("Randomization to crossover, months: median (range)", find.ranges("time to crossover")))
    endpoint = next((r.endpoint for r in rows if r.statistic == "crossed over without an event before"), None)
    if endpoint is not None:
        label = labels.get(endpoint, endpoint)
        time = find.ranges("time from progression to crossover")
        lines.append((f"{label}: event to crossover, months: median (range)", time))
        without = find.cells("crossed over without an event before")
        lines.append((f"{label}: no event by the day of crossover, n (% of those who crossed over)", without))
    table = Table(title="Who crossed over, and when", head=("", *arms), lines=tuple(lines))
    return Part(name="Crossover", tables=(table,), footnotes=_footnotes([r for r in rows if _of_crossover(r)]))


def _exposure(rows: Sequence[Row]) -> Part | None:
    """Drugs by name, arms side by side; a dash where an arm was not given the drug."""
    arms = list(dict.fromkeys(r.group for r in rows if r.group))
    if not arms:
        return None
    find = _Find.of(rows, arms)
    lines: list[_Line] = []
    for at in dict.fromkeys(r.statistic.rpartition(": ")[0] for r in rows if r.group):
        time, given = f"{at}: duration of treatment", f"{at}: administrations given"
        intensity = f"{at}: relative dose intensity"
        lines += [
            (at.removeprefix("drug: "), ()),
            (f"{INDENT}Subjects treated, n (%)", find.cells(f"{at}: subjects treated")),
            (f"{INDENT}Duration of treatment, months: median (quartiles)", find.quartiles(time)),
            (f"{INDENT * 2}range", find.ends(time)),
            (f"{INDENT}Administrations given: total", find.cells(f"{given} total")),
            (f"{INDENT * 2}median a subject", find.cells(f"{given} median")),
            (f"{INDENT}Cumulative dose given: median", find.cells(f"{at}: cumulative dose given median")),
            (f"{INDENT}Relative dose intensity, %: median", find.cells(f"{intensity} median")),
            (f"{INDENT * 2}at least 90%, n (%)", find.cells(f"{intensity} at least 90%")),
        ]
        lines += [
            (f"{INDENT}{what[0].upper()}{what[1:]}, n", find.cells(f"{at}: {what}"))
            for what in dict.fromkeys(
                r.statistic.rpartition(": ")[2] for r in rows if r.statistic.startswith(f"{at}: ")
            )
            if what.endswith(" not known")
        ]
    table = Table(title="Drugs given, by arm as randomized", head=("", *arms), lines=tuple(lines))
    return Part(name="Dose and exposure", tables=(table,), footnotes=_footnotes(rows, of_drugs=True))


def _adverse_events(rows: Sequence[Row]) -> Table:
    """Any, serious, by grade, a worst grade 3 or higher, cardiac by NYHA class; arms side by side."""
    found = list(dict.fromkeys(r.statistic for r in rows if r.unit == "subjects" and r.group))
    lines: list[tuple[str, str | None]] = []
    for statistic in found:
        words = statistic.removesuffix(" adverse event")
        if statistic == "subjects":
            continue
        if words.startswith("grade ") and ("By grade", None) not in lines:
            lines.append(("By grade", None))
        if words.startswith("grade "):
            lines.append((INDENT + words.capitalize(), statistic))
        elif " of unknown " in statistic:
            lines.append((f"{INDENT}Unknown {statistic.partition(' of unknown ')[2]}", statistic))
        elif statistic.startswith("cardiac event, "):
            lines.append((INDENT + statistic.removeprefix("cardiac event, "), statistic))
        else:
            name = "any adverse event" if statistic == "adverse event" else statistic
            lines.append((name.capitalize(), statistic))
    return _compared("Subjects with adverse events", rows, lines)


def _by_system(rows: Sequence[Row]) -> Table:
    """In the order of the rows: systems by the alphabet, terms by frequency in the experimental arm.

    The rows of a system stand before those of its terms, so that a name which holds a colon is read rightly.
    """
    lines: list[tuple[str, str | None]] = []
    system = ""
    for statistic in dict.fromkeys(r.statistic for r in rows if r.unit == "subjects"):
        if statistic.startswith(_SYSTEM):
            system = statistic.removeprefix(_SYSTEM)
            lines.append((system, statistic))
        elif statistic.startswith(_TERM):
            lines.append((INDENT + statistic.removeprefix(f"{_TERM}{system}: "), statistic))
    return _compared("Subjects with adverse events, by body system and term", rows, lines)


def _compared(title: str, rows: Sequence[Row], lines: Iterable[tuple[str, str | None]]) -> Table:
    """Lines of (label, statistic): counts of the arms, then the difference with its limits; None is a heading."""
    sizes = {r.group: r.text for r in rows if r.statistic == "subjects"}
    limits = [r for r in rows if r.level is not None]
    between = limits[0].group
    find = _Find.of(rows, list(sizes))
    lines = list(lines)
    counts = iter(_padded([find.cells(s) for _, s in lines if s is not None]))
    made: list[_Line] = []
    for label, statistic in lines:
        if statistic is None:
            made.append((label, ()))
            continue
        name = f"{statistic} difference"
        estimate, low, high = (find.text(name + side, between) for side in ("", " lower limit", " upper limit"))
        made.append((label, (*next(counts), estimate, _NONE if low == _NONE else f"({low}, {high})")))
    head = (*(f"{arm}, n (%) of {n}" for arm, n in sizes.items()), "Difference in percentage points")
    return Table(
        title=title, head=("", *head, f"{100 * (limits[0].level or 0):g}% CI"), lines=tuple(made), right=2
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Find:
    """Texts of rows by statistic and group; a dash where there is no row."""

    texts: Mapping[tuple[str, str], str]
    arms: Sequence[str]

    @classmethod
    def of(cls, rows: Sequence[Row], arms: Sequence[str]) -> _Find:
        return cls({(r.statistic, r.group): r.text for r in rows}, arms)

    def text(self, statistic: str, group: str) -> str:
        return self.texts.get((statistic, group), _NONE)

    def cells(self, statistic: str) -> tuple[str, ...]:
        return tuple(self.text(statistic, arm) for arm in self.arms)

    def quartiles(self, what: str) -> tuple[str, ...]:
        return self._around(what, "lower quartile", "upper quartile")

    def ranges(self, what: str) -> tuple[str, ...]:
        return self._around(what, "minimum", "maximum")

    def ends(self, what: str) -> tuple[str, ...]:
        pairs = zip(self.cells(f"{what} minimum"), self.cells(f"{what} maximum"), strict=True)
        return tuple(low if low == high else f"{low} to {high}" for low, high in pairs)

    def _around(self, what: str, low: str, high: str) -> tuple[str, ...]:
        three = zip(*(self.cells(f"{what} {name}") for name in ("median", low, high)), strict=True)
        return tuple(m if m == a == b and not m[0].isdigit() else f"{m} ({a} to {b})" for m, a, b in three)


def _padded(lines: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    """Counts filled up from the left with spaces as wide as a digit, so that n, bracket and decimal point align.

    >>> _padded([["24 (23.3)"], ["8 (7.8)"], ["0"]])
    [('24 (23.3)',), ('\u20078 (\u20077.8)',), ('\u20070',)]
    """
    columns: list[list[str]] = []
    for column in zip(*lines, strict=True):
        parts = [_COUNT.match(text) for text in column]
        wide = [max((len(m.group(i) or "") for m in parts if m), default=0) for i in (1, 2)]
        columns.append(
            [text if m is None else _filled(m, wide[0], wide[1]) for text, m in zip(column, parts, strict=True)]
        )
    return list(zip(*columns, strict=True))


def _filled(count: re.Match[str], digits: int, percent: int) -> str:
    n, whole, rest = count.groups()
    n = n.rjust(digits, _DIGIT)
    return n if whole is None else f"{n} ({whole.rjust(percent, _DIGIT)}{rest or ''})"


def _footnotes(rows: Sequence[Row], of_drugs: bool = False) -> tuple[str, ...]:
    """Methods, each behind the figures that it made; then what was not counted, and why a figure is missing."""
    uncounted = [r for r in rows if r.statistic.endswith(" not counted")]
    made: dict[str, dict[str, None]] = {}
    for row in rows:
        if row.method and row not in uncounted:
            made.setdefault(row.method, {})[_figure(row, of_drugs)] = None
    # What holds for several figures is said once, and not again before the detail of each.
    common = next((m for m in made if sum(other.startswith(f"{m}; ") for other in made) > 1), "")
    notes = [f"All counts: {common}." if common else ""]
    notes += [f"{_listed(names)}: {m.removeprefix(f'{common}; ')}." for m, names in made.items() if m != common]
    notes += [f"{r.statistic}: {r.text} ({r.method})." for r in uncounted]
    missing: dict[tuple[str, str], dict[str, None]] = {}
    for row in rows:
        if row.reason:
            missing.setdefault((row.group, row.reason), {})[_figure(row, of_drugs)] = None
    notes += [f"{arm}, {_listed(names)}: {reason}." for (arm, reason), names in missing.items()]
    return tuple(note[0].upper() + note[1:] for note in dict.fromkeys(notes) if note)


def _listed(names: Iterable[str]) -> str:
    """Up to three names, else the first and the last of them."""
    given = list(names)
    return ", ".join(given) if len(given) <= 3 else f"{given[0]} to {given[-1]}"


def _figure(row: Row, of_drugs: bool) -> str:
    """What a row tells, without the name of a drug, a body system or a term."""
    name = row.statistic.rpartition(": ")[2] if of_drugs else row.statistic.partition(": ")[0]
    return "differences with limits" if row.unit == "percentage points" else name
