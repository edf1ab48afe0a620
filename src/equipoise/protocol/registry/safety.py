"""Subjects and adverse events of a record, by arm."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from .endpoints import Plan
from .numbers import decimal
from .record import Node, denominators, shortened, table, tables, text, whole


def add_subjects(results: Node, plan: Plan) -> None:
    """How many subjects each arm had: those who started the first period, else those with a baseline."""
    module = table(results, "participantFlowModule")
    known = plan.arms.of_groups(tables(module, "groups"))
    started: dict[str, str] = {}
    for period in tables(module, "periods")[:1]:
        for milestone in tables(period, "milestones"):
            if text(milestone, "type").upper() == "STARTED":
                for row in tables(milestone, "achievements"):
                    started[known.get(text(row, "groupId"), "")] = text(row, "numSubjects")
    baseline = table(results, "baselineCharacteristicsModule")
    by_id = plan.arms.of_groups(tables(baseline, "groups"))
    counted = {by_id[group]: str(n) for group, n in denominators(baseline).items() if group in by_id}
    for arm in plan.arms.arms:
        printed = started.get(arm.name) or counted.get(arm.name)
        if printed is None:
            why = "neither the participant flow nor the baseline has a group of that title with a number"
            plan.numbers.leave_out(f"subjects of {arm.name}", why)
            continue
        if counted.get(arm.name, printed) != printed:
            said = f"{printed} started the first period, {counted[arm.name]} have a baseline; the former were taken"
            plan.numbers.choose(f"subjects of {arm.name}: {said}")
        if plan.numbers.add(f"subjects of {arm.name}", printed, statistic="subjects", arm=arm.name):
            plan.subjects[arm.name] = whole(printed) or 0


def add_adverse_events(results: Node, plan: Plan) -> None:
    """Subjects with adverse events: any serious one, terms at or above the threshold; others and deaths are shown.

    The record's "other" events are those that are not serious and above a threshold. They are not any adverse event,
    and of a term that also has serious events not all subjects with the term: they are shown with words that say so.
    """
    module = table(results, "adverseEventsModule")
    groups = tables(module, "eventGroups")
    known = plan.arms.of_groups(groups)
    said = text(module, "frequencyThreshold")
    threshold = decimal(said.removesuffix("%").strip()) or Decimal(0)
    for group in groups:
        arm = known.get(text(group, "id"))
        if arm is None:
            plan.numbers.leave_out(f"adverse events of the group {text(group, 'title')}", "it is none of the arms")
            continue
        _one(plan, arm, "any serious adverse event", (group, "serious"), serious=True)
        above = f" at or above {said}%" if threshold else ""
        _one(plan, arm, f"Adverse events that are not serious{above}", (group, "other"), shown=True)
        _one(plan, arm, "Deaths from any cause, among adverse events", (group, "deaths"), shown=True)
    serious = [event for event in tables(module, "seriousEvents") if _happened(event)]
    both = {text(event, "term").casefold() for event in serious}
    for events, is_serious in ((serious, True), (tables(module, "otherEvents"), False)):
        rare = 0
        for event in events:
            if not _reaches(event, known, threshold):
                rare += 1
                continue
            _of_term(plan, event, known, both, is_serious)
        if rare:
            kind = "serious" if is_serious else "other"
            plan.numbers.leave_out(
                f"{rare} {kind} adverse event term{'s' * (rare > 1)}", f"below {said or 0}% in every arm"
            )


def _of_term(plan: Plan, event: Node, known: dict[str, str], both: set[str], serious: bool) -> None:
    """The subjects of each arm with a term."""
    term = text(event, "term")
    if not term:
        plan.numbers.leave_out("an adverse event", "it has no term")
        return
    for stats in tables(event, "stats"):
        arm = known.get(text(stats, "groupId"))
        if arm is None:
            continue
        if serious:
            _one(plan, arm, f"serious {term}", (stats, "num"), term=term, serious=True)
        elif term.casefold() in both:
            _one(plan, arm, f"{term}, not serious", (stats, "num"), shown=True)
        else:
            _one(plan, arm, term, (stats, "num"), term=term)


def _one(
    plan: Plan, arm: str, what: str, at: tuple[Node, str], *, shown: bool = False, term: str = "", serious: bool = False
) -> None:
    """One count of subjects in an arm, where it is a count of those at risk."""
    node, prefix = at
    names = ("numAffected", "numAtRisk") if prefix == "num" else (f"{prefix}NumAffected", f"{prefix}NumAtRisk")
    printed, at_risk = (text(node, name) for name in names)
    what_for = f"{what}, {arm}"
    count, of = whole(printed), whole(at_risk)
    if not printed and (shown or not at_risk):
        return
    if count is None:
        plan.numbers.leave_out(f"{what_for} {printed or '(no number)'}", "it is no count")
    elif not of:
        why = "nobody was at risk" if of == 0 else "the record does not say how many were at risk"
        plan.numbers.leave_out(f"{what_for} {printed}", why)
    elif count > of:
        plan.numbers.leave_out(f"{what_for} {printed}", f"it is above its denominator ({of})")
    elif shown:
        plan.numbers.add(
            what_for, printed, statistic="other", arm=arm, label=shortened(what), of=of, use="shown", tier="C"
        )
    else:
        keys: dict[str, Any] = {"term": term or None, "serious": True if serious else None, "arm": arm}
        if of != plan.subjects.get(arm):
            keys |= {"of": of, "use": "shown"}
        plan.numbers.add(what_for, printed, statistic="adverse event", tier="C", **keys)


def _happened(event: Node) -> bool:
    return any((whole(text(stats, "numAffected")) or 0) > 0 for stats in tables(event, "stats"))


def _reaches(event: Node, known: dict[str, str], threshold: Decimal) -> bool:
    """Whether a term is at or above the threshold in some arm, or cannot be told to be below."""
    for stats in tables(event, "stats"):
        count, of = whole(text(stats, "numAffected")), whole(text(stats, "numAtRisk"))
        if text(stats, "groupId") in known and (count is None or not of or 100 * Decimal(count) >= threshold * of):
            return True
    return False
