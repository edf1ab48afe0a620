"""Arms of a record: from its arm groups, and which group of a results module is which of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ...errors import ProtocolError
from .record import Node, shortened, table, tables, text, texts

_CONTROLS = ("ACTIVE_COMPARATOR", "PLACEBO_COMPARATOR", "SHAM_COMPARATOR", "NO_INTERVENTION")
_FILLERS = {"plus", "and", "with", "alone", "only", "arm", "group", "the"}
_NAME = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftedArm:
    """An arm as it will stand in the protocol; ``role_reason`` says why its role had to be assumed, if it had."""

    name: str
    label: str
    description: str
    role: Literal["experimental", "control"]
    role_reason: str = ""
    regimen: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Arms:
    """The arms in the order of the record. Ids of groups differ between modules: groups are matched by their title."""

    arms: tuple[DraftedArm, ...]
    choices: tuple[str, ...] = field(default=())

    def __getitem__(self, name: str) -> DraftedArm:
        return next(arm for arm in self.arms if arm.name == name)

    def of_groups(self, groups: Sequence[Node]) -> dict[str, str]:
        """Names of arms by group id, of the groups that are an arm beyond doubt.

        A title must be an arm's label, as written or but for case, punctuation and the order of words; or the
        descriptions must be the same. What fits two arms, or one arm twice, is matched to none.
        """
        return _matched([(a.name, a.label, a.description) for a in self.arms], groups)

    def pair(self, one: str, other: str) -> tuple[str, str] | str:
        """Experimental and control of a comparison of two arms; or the reason why there is none."""
        first, second = sorted((one, other), key=[arm.name for arm in self.arms].index)
        roles = self[first].role, self[second].role
        if roles == ("control", "control"):
            return f"{first} and {second} are both control arms"
        return (second, first) if roles == ("control", "experimental") else (first, second)


def arms_of(record: Node) -> Arms:
    """The arms of the protocol: the record's arm groups; where no title of the results is an arm group's label, the
    groups of the results. Refuses a record with fewer than two."""
    module = table(record, "protocolSection", "armsInterventionsModule")
    groups = tables(module, "armGroups")
    reason = in_order = ""
    reference = _reference(record, groups)
    if reference:
        reason = "no arm group's label is a title of the results, so that the arms are the groups of the results"
        types = [text(g, "type") for g in groups] if len(groups) == len(reference) else [""] * len(reference)
        in_order = "the roles are those of the record's arm groups, taken in their order" if any(types) else ""
        groups = [
            {"label": g.get("title"), "description": g.get("description"), "type": kind}
            for g, kind in zip(reference, types, strict=True)
        ]
    if len(groups) < 2:
        raise ProtocolError(
            f"the record has {len(groups) or 'no'} arm{'s' * (len(groups) != 1)}",
            where="armsInterventionsModule.armGroups",
            remedy="A protocol is of a randomized trial, which has at least two.",
        )
    allocation = text(table(record, "protocolSection", "designModule", "designInfo"), "allocation")
    if allocation == "NON_RANDOMIZED":
        raise ProtocolError(
            f"the record says that allocation was {allocation}",
            where="designModule.designInfo.allocation",
            remedy="A protocol is of a randomized trial; arms that were not randomized are not compared here.",
        )
    labels = [text(g, "label") or f"Arm {i} (the record has no label)" for i, g in enumerate(groups, start=1)]
    roles, why = _roles([text(g, "type") for g in groups], labels)
    why = why or in_order
    arms = tuple(
        DraftedArm(
            name=name, label=label, description=text(group, "description"), role=role,
            role_reason=why, regimen=_regimen(module, group),
        )
        for name, label, group, role in zip(_names(labels), labels, groups, roles, strict=True)
    )  # fmt: skip
    controls = " and ".join(arm.name for arm in arms if arm.role == "control")
    choices = [reason] if reason else []
    if allocation not in ("", "RANDOMIZED"):
        choices.append(f"whether the arms were randomized: the record says that allocation was {allocation}")
    choices += [f"the roles of the arms ({controls} was taken as control): {why}"] if why else []
    return Arms(arms=arms, choices=tuple(choices))


def _reference(record: Node, arm_groups: list[Node]) -> list[Node]:
    """Groups of the results that stand for the arms, where the outcomes do not know the arm groups; else none.

    Those of the participant flow, if the outcomes have their titles; else those of the first outcome.
    """
    results = table(record, "resultsSection")
    outcomes = tables(table(results, "outcomeMeasuresModule"), "outcomeMeasures")
    measured = [groups for groups in (_titled(outcome, "groups") for outcome in outcomes) if len(groups) > 1]
    others = (
        _titled(table(results, "participantFlowModule"), "groups"),
        _titled(table(results, "adverseEventsModule"), "eventGroups"),
    )
    flow, events = (groups if len(groups) > 1 else [] for groups in others)
    known_to = measured or [groups for groups in (flow, events) if groups]

    def known(rows: list[tuple[str, str, str]]) -> bool:
        return any(len(_matched(rows, groups)) > 1 for groups in known_to)

    if not known_to or known([(str(i), text(g, "label"), text(g, "description")) for i, g in enumerate(arm_groups)]):
        return []
    if flow and known([(str(i), text(g, "title"), text(g, "description")) for i, g in enumerate(flow)]):
        return flow
    return known_to[0]


def _titled(module: Node, key: str) -> list[Node]:
    return [group for group in tables(module, key) if text(group, "title")]


def _roles(types: list[str], labels: list[str]) -> tuple[list[Literal["experimental", "control"]], str]:
    """A role for each arm, and the reason if the record does not give both roles."""
    if "EXPERIMENTAL" in types and any(t in _CONTROLS for t in types):
        others = sorted({t or "of no type" for t in types} - {"EXPERIMENTAL", *_CONTROLS})
        why = f"the record has an arm that is {' and '.join(others)}, which was taken as experimental" if others else ""
        return ["control" if t in _CONTROLS else "experimental" for t in types], why
    ranks = {"EXPERIMENTAL": 0, "": 1, "OTHER": 1, "ACTIVE_COMPARATOR": 2}
    rank = [
        3 if re.match(r"placebo|no (treatment|intervention)", label, re.I) else ranks.get(kind, 3)
        for kind, label in zip(types, labels, strict=True)
    ]
    control = max(range(len(types)), key=lambda i: (rank[i], i))
    said = ", ".join(dict.fromkeys(types)).strip(", ") or "nothing"
    why = f"the record types the arms as {said}, which does not say which of them is experimental and which control"
    return ["control" if i == control else "experimental" for i in range(len(types))], why


def _names(labels: list[str]) -> list[str]:
    """Names of arms: their labels, cut where they are long, and no two the same."""
    names: list[str] = []
    for label in labels:
        name, again = shortened(label, _NAME), 2
        while name in names:
            name, again = f"{shortened(label, _NAME)} ({again})", again + 1
        names.append(name)
    return names


def _regimen(module: Node, group: Node) -> str:
    """What the record says of the treatment, which is text and is not read for doses."""
    label = text(group, "label")
    given = texts(group, "interventionNames") or [
        text(i, "name") for i in tables(module, "interventions") if label and label in texts(i, "armGroupLabels")
    ]
    said = "; ".join(part for part in (text(group, "description"), ", ".join(given)) if part)
    return f"the registry has it as text only: {shortened(said, 400)}" if said else "the record does not describe it"


def _matched(rows: Sequence[tuple[str, str, str]], groups: Sequence[Node]) -> dict[str, str]:
    """Group ids to names of (name, label, description), from the strictest way of being the same to the loosest."""
    found: dict[str, str] = {}
    ids = Counter(text(g, "id") for g in groups)
    ways: tuple[Callable[[str, str], object], ...] = (
        lambda title, description: title,
        lambda title, description: re.sub(r"[\W_]", "", title.casefold()),
        lambda title, description: tuple(sorted(_words(title))),
        lambda title, description: description,
    )
    for way in ways:
        arms: dict[object, list[str]] = {}
        open_groups: dict[object, list[str]] = {}
        for name, label, description in rows:
            arms.setdefault(way(label, description), []).append(name)
        for group in groups:
            open_groups.setdefault(way(text(group, "title"), text(group, "description")), []).append(text(group, "id"))
        for said, group_ids in open_groups.items():
            names = arms.get(said, [])
            if not said or len(names) != 1 or len(group_ids) != 1 or ids[group_ids[0]] != 1:
                continue
            if group_ids[0] not in found and names[0] not in found.values():
                found[group_ids[0]] = names[0]
    return found


def _words(title: str) -> list[str]:
    return [word for word in re.findall(r"[^\W_]+", title.casefold()) if word not in _FILLERS]
