"""A study record of ClinicalTrials.gov with posted results -> the text of a protocol that ``protocol.read`` accepts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import toml
from .arms import arms_of
from .endpoints import Plan, add_population_sizes, read_outcomes
from .numbers import SOURCE, Numbers
from .record import Node, record_of, shortened, table, tables, text, texts
from .safety import add_adverse_events, add_subjects

_PHASES = {"EARLY_PHASE1": "early I", "PHASE1": "I", "PHASE2": "II", "PHASE3": "III", "PHASE4": "IV"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A drafted protocol: its TOML ``text``; what of the record was ``left_out`` and why; which ``choices`` were made
    that the record does not settle. Both lists also stand in the text as comments."""

    text: str
    left_out: tuple[str, ...]
    choices: tuple[str, ...]

    @property
    def remarks(self) -> tuple[str, ...]:
        """What somebody must look at: the choices to check, then what was left out."""
        return (*(f"to decide: {line}" for line in self.choices), *(f"left out: {line}" for line in self.left_out))

    def __str__(self) -> str:
        left, made = len(self.left_out), len(self.choices)
        return (
            f"a drafted protocol; {left} thing{'s' * (left != 1)} left out, {made} choice{'s' * (made != 1)} to check"
        )


def drafted(record: str | Path | Node) -> Draft:
    """Draft a protocol from one study record (ClinicalTrials.gov API v2, JSON, with posted results).

    Every printed number keeps its text. What the record does not say is unknown, or assumed with a reason where a
    protocol needs it; what cannot stand in a protocol is left out with a reason; nothing is guessed from free text but
    what is named there (a log-rank test, its sides, its strata). A ratio is kept only where the arms' values agree
    with experimental over control. Doses are not read. ``record`` is a file, or the record itself.

    Raises ``ProtocolError`` for what is no such record, has no results, or fewer than two arms.

    >>> groups = [{"id": "OG000", "title": "E"}, {"id": "OG001", "title": "C"}]
    >>> found = drafted({"resultsSection": {"outcomeMeasuresModule": {"outcomeMeasures": [
    ...     {"type": "PRIMARY", "title": "Overall survival", "paramType": "MEDIAN", "unitOfMeasure": "Months",
    ...      "groups": groups, "classes": [{"categories": [{"measurements": [
    ...          {"groupId": "OG000", "value": "12.10"}, {"groupId": "OG001", "value": "9.8"}]}]}]}]}}})
    >>> 'arm = "E", printed = "12.10"' in found.text
    True
    >>> print(found)
    a drafted protocol; 2 things left out, 2 choices to check
    """
    study = record_of(record)
    arms, numbers = arms_of(study), Numbers()
    plan = Plan(arms=arms, numbers=numbers)
    for choice in arms.choices:
        numbers.choose(choice)
    results = table(study, "resultsSection")
    outcomes = tables(table(results, "outcomeMeasuresModule"), "outcomeMeasures")
    add_subjects(results, plan)
    read_outcomes(outcomes, plan)
    add_population_sizes(plan)
    add_adverse_events(results, plan)
    return Draft(text=_text(study, plan), left_out=tuple(numbers.left_out), choices=tuple(numbers.choices))


def draft(record: str | Path | Node) -> str:
    """The text of a protocol drafted from one study record; ``drafted`` also gives what was left out."""
    return drafted(record).text


def _text(study: Node, plan: Plan) -> str:
    numbers = plan.numbers
    lines = [
        "# Drafted from the posted results of a study record; nothing here was read in the paper. Complete it by hand:",
        "# what is unknown, what is assumed, and what the comments say was left out.",
        *(f"# to decide: {choice}" for choice in numbers.choices),
        "",
        f"testing = {toml.value(toml.unknown('the record names no level, sides or order of the tests as a whole'))}",
        f"randomization = {toml.value(toml.unknown('the record does not say by which procedure, blocks or strata'))}",
        f"eligibility = {toml.value(toml.unknown('the registry has it as text only'))}",
        "",
        *toml.table(("trial",), _about(study)),
    ]
    for arm in plan.arms.arms:
        role: Any = toml.assumed(arm.role, arm.role_reason) if arm.role_reason else arm.role
        items = {"label": arm.label, "role": role, "regimen": toml.unknown(arm.regimen)}
        lines += ["", *toml.table(("arms", arm.name), items)]
    for section in ("populations", "endpoints", "estimands", "analyses"):
        for name, items in getattr(plan, section).items():
            lines += ["", *toml.table((section, name), items)]
    lines += ["", "[published]", f"sources.{SOURCE} = {toml.string(_source(study))}", "numbers = ["]
    lines += [f"  {toml.value(number)}," for number in numbers.kept]
    lines += ["]", *([""] if numbers.left_out else []), *(f"# left out: {line}" for line in numbers.left_out)]
    return "\n".join(lines) + "\n"


def _about(study: Node) -> dict[str, Any]:
    """``[trial]``: what the record says of the trial as a whole."""
    section = table(study, "protocolSection")
    names, design = table(section, "identificationModule"), table(section, "designModule")
    nct = text(names, "nctId")
    title = text(names, "officialTitle") or text(names, "briefTitle") or nct
    short = text(names, "acronym") or nct or shortened(text(names, "briefTitle"), 40)
    nameless = "the record has neither title nor number"
    phases = "/".join(_PHASES[phase] for phase in texts(design, "phases") if phase in _PHASES)
    return {
        "title": title or toml.assumed("A trial without a title", nameless),
        "short_name": short or toml.assumed("untitled", nameless),
        "phase": phases or toml.unknown("the record names no phase"),
        "indication": "; ".join(texts(table(section, "conditionsModule"), "conditions")),
        "design": _design(design) or toml.unknown("the record does not describe the design"),
        "stratification": toml.unknown("the record has no field for stratification factors"),
        "interim_analyses": toml.unknown("the record has no field for interim analyses"),
        "sponsor": text(table(section, "sponsorCollaboratorsModule", "leadSponsor"), "name"),
        "registry": nct,
        "sources": [_source(study)],
    }


def _design(design: Node) -> str:
    info = table(design, "designInfo")
    masking = text(table(info, "maskingInfo"), "masking")
    parts = [text(info, "allocation"), f"{text(info, 'interventionModel')} assignment", f"masking {masking}"]
    said = [p.replace("_", " ").lower() for p in parts if p.strip() not in ("", "assignment", "masking", "NA")]
    return ", ".join(said)


def _source(study: Node) -> str:
    """The record, with the dates on which its results were posted and it was last changed."""
    status = table(study, "protocolSection", "statusModule")
    nct = text(table(study, "protocolSection", "identificationModule"), "nctId")
    posted = text(table(status, "resultsFirstPostDateStruct"), "date")
    updated = text(table(status, "lastUpdatePostDateStruct"), "date")
    when = [f"first posted {posted}"] * bool(posted) + [f"last update {updated}"] * bool(updated)
    return f"ClinicalTrials.gov {nct or 'record without a number'}, posted results ({', '.join(when) or 'no date'})"
