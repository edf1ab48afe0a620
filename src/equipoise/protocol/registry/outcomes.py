"""Outcome measures of a record: what kind each is, and its values by arm."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ...units import TimeUnit
from .arms import Arms
from .record import Node, clean, denominators, tables, text

Kind = Literal["median", "rate", "count", "percent", "ratio only"]

_UNITS: dict[str, TimeUnit] = {"day": "days", "week": "weeks", "month": "months", "year": "years"}
_TIME_TO = re.compile(
    r"surviv|\btime (?:to|until|from)\b|\b(?:PFS2?|OS|TTP|DFS|EFS|RFS|MFS|TTF|iDFS|DMFS|LRFS)\b|[- ]free interval",
    re.IGNORECASE,
)
_NO_COMPARISON = re.compile(r"(?i:\bduration of (?:\w+ ){0,3}(?:response|remission|benefit))|\bDO?R\b")
_RESPONDERS = re.compile(
    r"\bresponders\b|"
    r"\b(?:with|had|achieved|achieving|experienced) (?:an? )?(?:\w+ ){0,3}(?:response|remission|CR|PR)\b",
    re.IGNORECASE,
)
_OF_A_DRUG = re.compile(r"concentration|\bT ?max\b|half[- ]life|\bt ?1/2\b|pharmacokinetic", re.IGNORECASE)
_FREE = re.compile(
    r"surviv|\b(?:progression|relapse|recurrence|disease|event|metastas[ie]s|failure)[- ]free\b|\balive\b|"
    r"\b(?:PFS|OS|DFS|EFS|RFS)\b",
    re.IGNORECASE,
)
_EVENT = re.compile(r"\bevents?\b|\bdied\b|\bdeaths?\b|\bnot surviv|\bwithout surviv", re.IGNORECASE)
_PEOPLE = r"(?:study )?(?:participants?|patients?|subjects?)"
_NUMBERS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "twelve": 12}
_LENGTH = re.compile(
    rf"\b([0-9]+(?:\.[0-9]+)?|{'|'.join(_NUMBERS)})[\s-]*(day|week|month|year|yr|mo)s?\b", re.IGNORECASE
)
_AT_LENGTH = re.compile(r"\b(day|week|month|year)s?\s+([0-9]+(?:\.[0-9]+)?)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One value of one arm. ``of`` are the participants that it is counted in, None where the record is silent."""

    arm: str
    heading: str
    value: str
    lower: str
    upper: str
    comment: str
    of: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """An outcome measure whose groups are known as arms."""

    node: Node
    title: str
    arms: dict[str, str]
    strangers: tuple[str, ...]
    cells: tuple[Cell, ...]
    headings: tuple[str, ...]

    @property
    def role(self) -> str:
        return text(self.node, "type")

    @property
    def unit(self) -> str:
        return text(self.node, "unitOfMeasure")

    @property
    def dispersion(self) -> str:
        return text(self.node, "dispersionType")

    @property
    def percent(self) -> bool:
        return bool(re.search(r"percent|%", re.sub(r"[0-9.]+\s*%", "", self.unit), re.IGNORECASE))

    def of_arm(self, arm: str) -> Cell | None:
        """The value of an arm, where the outcome has one value an arm."""
        return next((cell for cell in self.cells if cell.arm == arm), None) if len(self.headings) == 1 else None


def outcome_of(node: Node, arms: Arms) -> Outcome:
    """An outcome measure of the record, its values in the order of the record."""
    groups = tables(node, "groups")
    known = arms.of_groups(groups)
    cells = list(_cells(node, known))
    strangers = [text(g, "title") or text(g, "id") for g in groups if text(g, "id") not in known]
    title = text(node, "title") or "An outcome without a title"
    headings = tuple(dict.fromkeys(heading for heading, _ in _headed(node)))
    return Outcome(
        node=node, title=title, arms=known, strangers=tuple(strangers), cells=tuple(cells), headings=headings
    )


def _headed(node: Node) -> Iterator[tuple[str, tuple[Node, Node]]]:
    """Classes and categories of an outcome, each under its heading."""
    for row in tables(node, "classes"):
        for category in tables(row, "categories"):
            heading = ": ".join(part for part in (text(row, "title"), text(category, "title")) if part)
            yield heading, (row, category)


def _cells(node: Node, arms: dict[str, str]) -> Iterator[Cell]:
    for heading, (row, category) in _headed(node):
        counted = denominators(node) | denominators(row)
        for found in tables(category, "measurements"):
            group = text(found, "groupId")
            if group in arms:
                yield Cell(
                    arm=arms[group], heading=heading, value=text(found, "value"), lower=text(found, "lowerLimit"),
                    upper=text(found, "upperLimit"), comment=text(found, "comment"), of=counted.get(group),
                )  # fmt: skip


def time_unit(outcome: Outcome) -> TimeUnit | None:
    """The unit of time in which an outcome is measured; None if it is measured in something else."""
    if re.search(rf"\bper\b|/|person|{_PEOPLE}", outcome.unit, re.IGNORECASE):
        return None
    words = re.findall(r"[a-z]+", outcome.unit.casefold())
    found = {_UNITS[word.rstrip("s")] for word in words if word.rstrip("s") in _UNITS}
    return found.pop() if len(found) == 1 and not outcome.percent else None


def kind_of(outcome: Outcome) -> tuple[Kind | None, str]:
    """What an outcome is for a protocol; or None and why it is nothing."""
    title, measure = outcome.title, text(outcome.node, "paramType")
    has_ratio = any(ratio_of(analysis) == "hazard ratio" for analysis in tables(outcome.node, "analyses"))
    if outcome.strangers and not outcome.arms:
        return None, f"its groups ({', '.join(outcome.strangers)}) are none of the arms"
    if not outcome.cells and not tables(outcome.node, "analyses"):
        return None, "the record posts no numbers of it"
    if time_unit(outcome):
        if _NO_COMPARISON.search(title):
            return None, "counted from response, in responders only, it compares no randomized arms"
        if _RESPONDERS.search(text(outcome.node, "populationDescription")):
            return None, "measured in those with a response only, it compares no randomized arms"
        if _OF_A_DRUG.search(title):
            return None, "it is no time to an event"
        if _TIME_TO.search(title):
            said = f"{title} {outcome.unit} {text(outcome.node, 'description')}"
            if measure == "MEDIAN" or (measure in ("NUMBER", "") and re.search(r"\bmedian\b", said, re.IGNORECASE)):
                return "median", ""
            if has_ratio:
                return "ratio only", ""
            return None, f"a time to an event, but not printed as a median ({measure or 'no type'})"
    counts = re.match(rf"(?:number of )?{_PEOPLE}\b", outcome.unit, re.IGNORECASE) and not outcome.percent
    percent = re.match(rf"(?:percent(?:age)?|%)\s*(?:of )?{_PEOPLE}\b", outcome.unit, re.IGNORECASE)
    share = outcome.percent or re.search(r"probabilit|proportion|\brate\b|fraction", outcome.unit, re.IGNORECASE)
    if share and measure != "COUNT_OF_PARTICIPANTS" and rate_times(outcome):
        return "rate", ""
    if measure in ("COUNT_OF_PARTICIPANTS", "NUMBER") and (counts or percent):
        return ("percent" if percent else "count"), ""
    if has_ratio:
        return "ratio only", ""
    return None, "neither a time to an event nor a count of participants"


def rate_times(outcome: Outcome) -> dict[str, str]:
    """The time of each heading, where an outcome is the share that is event-free at a time; else nothing."""
    bare = re.sub(r"event[- ]free", "", outcome.title, flags=re.IGNORECASE)
    if not _FREE.search(outcome.title) or _EVENT.search(bare) or _NO_COMPARISON.search(outcome.title):
        return {}
    times = {heading: _length(heading) or _length(outcome.title) for heading in outcome.headings}
    return times if times and all(times.values()) and len(set(times.values())) == len(times) else {}


def _length(words: str) -> str:
    """The one duration that a text names; nothing if it names none or several.

    >>> _length("PFS at Month 12"), _length("12-month rate"), _length("at 6 and 12 months, or 1 year")
    ('12 months', '12 months', '')
    """
    found = {(count, unit) for count, unit in _LENGTH.findall(words)}
    found |= {(count, unit) for unit, count in _AT_LENGTH.findall(words)}
    said = {
        (
            str(_NUMBERS.get(count.casefold(), count)),
            {"yr": "year", "mo": "month"}.get(unit.casefold(), unit.casefold()),
        )
        for count, unit in found
    }
    if len(said) != 1:
        return ""
    count, unit = said.pop()
    return f"{count} {unit}{'' if count == '1' else 's'}"


def ratio_of(analysis: Node) -> str:
    """Which ratio an analysis estimates, by the record's name for it; nothing for any other parameter."""
    name = text(analysis, "paramType").casefold()
    if re.search(r"\blog\b", name) or "difference" in name:
        return ""
    if re.search(r"hazards? ratio|\bhr\b", name):
        return "hazard ratio"
    if "cox" in name and "hazard" in name:
        return "cox"
    return "odds ratio" if re.search(r"odds ratio", name) else ""


def comments_of(analysis: Node, *keys: str) -> str:
    """The texts under these keys of an analysis, as one."""
    return ". ".join(part for part in (clean(analysis.get(key)) for key in keys) if part)
