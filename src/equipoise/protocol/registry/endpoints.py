"""What the outcome measures of a record make of a protocol: populations, endpoints, estimands, analyses, numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from . import toml
from .analyses import Comparison, add_p, add_ratio, comparisons, stratified_of, test_of
from .arms import Arms
from .numbers import Numbers, confidence_of, decimal, reached, share
from .outcomes import Cell, Kind, Outcome, kind_of, outcome_of, rate_times, ratio_of, time_unit
from .record import Node, clean, shortened, text

_KNOWN = (
    ("PFS2", r"\bPFS-?2\b|second progression[- ]free survival", None),
    ("PFS", r"progression[- ]free survival|\bPFS\b", ["progression", "death"]),
    ("DFS", r"disease[- ]free survival|\bi?DFS\b", None),
    ("EFS", r"event[- ]free survival|\bEFS\b", None),
    ("RFS", r"(?:relapse|recurrence)[- ]free survival|\bRFS\b", None),
    ("MFS", r"metastas[ie]s[- ]free survival|\bMFS\b", None),
    ("OS", r"overall survival|\bOS\b", ["death"]),
    ("TTP", r"time (?:to|until) (?:tumou?r |disease |first )*progression|\bTTP\b", ["progression"]),
    ("TTF", r"time (?:to|until) treatment failure|\bTTF\b", None),
)
_BENEFIT = re.compile(
    r"\btime (?:to|until) .*\b(?:response|remission|recovery|improvement|resolution|healing|discharge|engraftment)",
    re.IGNORECASE,
)
_ASSESSOR = re.compile(r"independent|central|\bB?I[CR]+[CF]?\b|\bIR[CFO]\b|investigator|local", re.IGNORECASE)
_ITT = re.compile(r"\bITT\b|intent(?:ion)?[- ]to[- ]treat|\ball randomi[sz]ed\b", re.IGNORECASE)
_PART = re.compile(
    r"\bm(?:odified )?[- ]?(?:ITT|intent)|\bexclud|\bexcept|\bsubset|\bsubgroup|"
    r"\breceived\b|\btreated\b|\bat least\b|\bmeasurable\b|\bevaluable\b|\bbaseline\b",
    re.IGNORECASE,
)
_ROLES = {"PRIMARY": "primary", "SECONDARY": "key secondary", "POST_HOC": "post hoc"}


@dataclass(slots=True)
class Plan:
    """The sections that grow as outcomes are read, each by name."""

    arms: Arms
    numbers: Numbers
    populations: dict[str, dict[str, Any]] = field(default_factory=dict)
    endpoints: dict[str, dict[str, Any]] = field(default_factory=dict)
    estimands: dict[str, dict[str, Any]] = field(default_factory=dict)
    analyses: dict[str, dict[str, Any]] = field(default_factory=dict)
    subjects: dict[str, int] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)


def read_outcomes(nodes: list[Node], plan: Plan) -> None:
    """Every outcome measure: medians first, since rates belong to their endpoints."""
    found: list[tuple[Kind, Outcome]] = []
    for node in nodes:
        outcome = outcome_of(node, plan.arms)
        kind, why = kind_of(outcome)
        if kind is None:
            plan.numbers.leave_out(f"outcome {outcome.title}", why)
            continue
        for title in outcome.strangers:
            plan.numbers.leave_out(f"outcome {outcome.title}, group {title}", "it is none of the arms")
        found.append((kind, outcome))
        plan.outcomes.append(outcome)
    for kinds in (("median", "ratio only"), ("rate",), ("count", "percent")):
        for kind, outcome in found:
            if kind in kinds:
                _read(kind, outcome, plan)


def _read(kind: Kind, outcome: Outcome, plan: Plan) -> None:
    compared = comparisons(outcome, plan.arms, plan.numbers)
    timed = kind in ("median", "rate", "ratio only")
    if not timed and len(outcome.headings) == 1 and any(ratio_of(c.node) in ("hazard ratio", "cox") for c in compared):
        timed = True  # participants with an event are counted, and a hazard ratio of the time to it is given
    if len(outcome.headings) > 1 and kind in ("median", "ratio only"):
        listed = ", ".join(shortened(heading, 40) or "without a title" for heading in outcome.headings)
        why = f"it has {len(outcome.headings)} rows an arm ({listed}), and its analyses do not say of which they are"
        plan.numbers.leave_out(f"outcome {outcome.title}", why)
        return
    estimands = _estimands(kind, outcome, plan, compared) if timed else {}
    if kind in ("count", "percent"):
        _counts(kind, outcome, plan)
    elif kind == "median":
        _medians(outcome, plan, estimands)
    elif kind == "rate":
        _rates(outcome, plan, estimands)
    elif outcome.cells:
        what = f"numbers of the type {text(outcome.node, 'paramType') or 'unknown'} in {outcome.unit or 'no unit'}"
        shown = "; ".join(f"{cell.arm} {cell.value}" for cell in outcome.cells)
        plan.numbers.leave_out(f"values of {outcome.title} ({shown})", f"a protocol does not publish {what}")
    for comparison in compared:
        if timed:
            keys = {"estimand": estimands[comparison.experimental, comparison.control]}
        elif len(outcome.headings) == 1:
            keys = {"outcome": _named(outcome, outcome.headings[0])}
        else:
            plan.numbers.leave_out(
                comparison.name, "the outcome has several rows, and the analysis does not say of which"
            )
            continue
        add_ratio(comparison, outcome, kind, plan.numbers, keys)
        add_p(comparison, kind, plan.numbers, keys)


def _estimands(kind: Kind, outcome: Outcome, plan: Plan, compared: list[Comparison]) -> dict[tuple[str, str], str]:
    """Names of the estimands of an outcome by their two arms; new ones are added with their analyses."""
    pairs = list(dict.fromkeys((c.experimental, c.control) for c in compared))
    measured = [arm.name for arm in plan.arms.arms if arm.name in {cell.arm for cell in outcome.cells}]
    listed = bool(pairs)
    for arm in measured:
        if any(arm in pair for pair in pairs):
            continue
        others = [other for other in measured if other != arm]
        wanted = [plan.arms.pair(arm, other) for other in others if plan.arms[other].role != plan.arms[arm].role]
        pairs += [pair for pair in wanted[:1] if not isinstance(pair, str)]
    if not pairs:
        return {}
    population = _population(outcome, plan)
    endpoint = _endpoint(kind, outcome, plan)
    found: dict[tuple[str, str], str] = {}
    for experimental, control in dict.fromkeys(pairs):
        treatment = {"experimental": experimental, "control": control}
        estimand = {"treatment": treatment, "population": population, "variable": endpoint, "summary": "hazard ratio"}
        same = [name for name, other in plan.estimands.items() if other == estimand]
        several = len(plan.arms.arms) > 2
        short = f"{endpoint}, {experimental} against {control}" if several else endpoint
        if not same and f"{short}, treatment policy" in plan.estimands:
            short = f"{short}, {population}"
        name = same[0] if same else f"{short}, treatment policy"
        plan.estimands[name] = estimand
        found[experimental, control] = name
        nodes = [c.node for c in compared if (c.experimental, c.control) == (experimental, control)]
        if (nodes or not listed) and short not in plan.analyses:
            plan.analyses[short] = _analysis(name, outcome, nodes)
    return found


def _analysis(estimand: str, outcome: Outcome, nodes: list[Node]) -> dict[str, Any]:
    """The analysis of an estimand, as far as the record says how it was done."""
    role: Any = _ROLES.get(outcome.role, "exploratory")
    if outcome.role not in ("PRIMARY", "POST_HOC"):
        said = outcome.role.replace("_", " ").lower() or "nothing"
        role = toml.assumed(role, f"the record calls the outcome {said}, and does not say more of its role")
    tests = {test_of(node) for node in nodes} - {None}
    strata = {stratified_of(node) for node in nodes} - {None}
    levels = {confidence_of(text(node, "ciPctValue")) for node in nodes if text(node, "ciNumSides") != "ONE_SIDED"} - {
        None
    }
    test: Any = toml.unknown("the record names no test, or none that a protocol has by that name")
    if tests:
        test = "logrank" if "logrank" in tests else "cox"
    stratified: Any = toml.unknown("the record does not say whether it was stratified, or says both")
    if strata == {True}:
        stratified = toml.unknown("the record says that it was, and the columns of the strata are not known")
    elif strata == {False}:
        stratified = False
    level = next(iter(levels)) if len(levels) == 1 and levels != {0.95} else None
    return {"estimand": estimand, "role": role, "test": test, "stratified": stratified, "confidence": level}


def _population(outcome: Outcome, plan: Plan) -> str:
    """The population of an outcome, by the record's words for it."""
    said = text(outcome.node, "populationDescription")
    label: Any = said or toml.assumed("Subjects analyzed", "the record describes no analysis population")
    for name, population in plan.populations.items():
        if population["label"] == label:
            return name
    if said and _ITT.search(said) and not _PART.search(said) and "ITT" not in plan.populations:
        name = "ITT"
    else:
        name = f"population {len(plan.populations) + 1}"
    plan.populations[name] = {"label": label, "flag": toml.unknown("the column of this sponsor's data is not known")}
    return name


def _endpoint(kind: Kind, outcome: Outcome, plan: Plan) -> str:
    """The endpoint of an outcome. A rate belongs to the one endpoint of its kind, where the same person assessed it."""
    base, events = "TTE", None
    for name, pattern, ends in _KNOWN:
        if re.search(pattern, outcome.title, re.IGNORECASE):
            base, events = name, ends
            break
    alike = [name for name in plan.endpoints if name == base or name.startswith(f"{base} ")]
    if kind == "rate" and base != "TTE" and len(alike) == 1:
        own, said = _assessors(plan.endpoints[alike[0]]), _assessors({"label": outcome.title, **outcome.node})
        if own == said or not own or not said:
            return alike[0]
    name, again = base, 2
    while name in plan.endpoints:
        name, again = f"{base} {again}", again + 1
    benefit = toml.assumed("benefit", "the title names something that patients hope for")
    plan.endpoints[name] = {
        "label": outcome.title,
        "definition": text(outcome.node, "description") or toml.unknown("the record does not define it"),
        "event_is": benefit if _BENEFIT.search(outcome.title) else None,
        "parameter": None if name == base else f"{base}_{again - 1}",
        "unit": time_unit(outcome) if kind == "median" else None,
        "events": events,
    }
    if _BENEFIT.search(outcome.title):
        plan.numbers.choose(f"endpoints.{toml.key(name)}.event_is: taken as a benefit by the title {outcome.title}")
    return name


def _assessors(said: Mapping[str, Any]) -> set[str]:
    """Who saw the events, in the words of an outcome or an endpoint."""
    words = " ".join(clean(said.get(key)) for key in ("label", "definition", "description"))
    return {word.casefold() for word in _ASSESSOR.findall(words)}


def _medians(outcome: Outcome, plan: Plan, estimands: dict[tuple[str, str], str]) -> None:
    level, confidence = confidence_of(outcome.dispersion), "confidence" in outcome.dispersion.casefold()
    for cell in outcome.cells:
        names = [name for pair, name in estimands.items() if cell.arm in pair]
        if not names or cell.of == 0:
            why = "nobody was analyzed" if names else "no other arm has a value that it could be compared with"
            plan.numbers.leave_out(f"{outcome.title}, {cell.arm}: {cell.value}", why)
            continue
        printed = reached(cell.value, cell.comment)
        limits = {end: getattr(cell, end) for end in ("lower", "upper")}
        what = f"{outcome.title}, {cell.arm}: median"
        if not printed:
            plan.numbers.leave_out(f"{what} {cell.value}", _no_number(cell))
        for name in names if printed else ():
            plan.numbers.add(what, printed, statistic="median", estimand=name, arm=cell.arm)
        for end, given in limits.items():
            if not given:
                continue
            shown = reached(given, cell.comment, lower=end == "lower")
            if not confidence:
                kind = outcome.dispersion or "nothing"
                why = f"the record calls them {kind}, which is no confidence interval"
                plan.numbers.leave_out(f"{what}, {end} limit {given}", why)
            elif not shown:
                plan.numbers.leave_out(f"{what}, {end} limit {given}", _no_number(cell))
            for name in names if confidence and shown else ():
                keys: dict[str, Any] = {"estimand": name, "arm": cell.arm, "confidence": level}
                plan.numbers.add(f"{what}, {end} limit", shown, statistic=f"median {end} limit", **keys)


def _no_number(cell: Cell) -> str:
    return f"no number, and not said to be not reached ({shortened(cell.comment, 80) or 'no comment'})"


def _rates(outcome: Outcome, plan: Plan, estimands: dict[tuple[str, str], str]) -> None:
    times = rate_times(outcome)
    said = f"{outcome.title} {text(outcome.node, 'description')}"
    doubts = []
    if not re.search(r"kaplan|product[- ]limit", said, re.IGNORECASE):
        doubts.append("the record does not say how the rate was estimated; taken as a Kaplan-Meier estimate")
    variables = {plan.estimands[name]["variable"] for name in estimands.values()}
    of = [plan.endpoints[variable] for variable in variables]
    if any(_assessors(one) != _assessors({"label": outcome.title, **outcome.node}) for one in of):
        doubts.append(f"the record does not say who assessed it; taken as of the endpoint {of[0]['label']}")
    reason = "; ".join(doubts)
    for cell in outcome.cells:
        what = f"{outcome.title}{f', {cell.heading}' if cell.heading else ''}, {cell.arm}"
        names = [name for pair, name in estimands.items() if cell.arm in pair]
        printed = share(cell.value, outcome.percent)
        if not names or not printed:
            why = "no number" if names else "no other arm has a value that it could be compared with"
            plan.numbers.leave_out(f"{what} {cell.value}", why)
            continue
        keys = {"arm": cell.arm, "at": times[cell.heading]}
        for name in names:
            plan.numbers.add(what, printed, reason=reason, statistic="event-free rate", estimand=name, **keys)
            _landmark(plan, name, keys["at"])
        _limits_shown(outcome, cell, what, plan)
    if reason:
        plan.numbers.choose(f"{outcome.title}: {reason}")


def _landmark(plan: Plan, estimand: str, at: str) -> None:
    """An analysis of the estimand gives the rate at a time for which one is printed."""
    for analysis in plan.analyses.values():
        if analysis["estimand"] == estimand and at not in analysis.setdefault("landmarks", []):
            analysis["landmarks"].append(at)


def _counts(kind: Kind, outcome: Outcome, plan: Plan) -> None:
    """Counts and percentages of participants with an outcome; they are shown, since no model here has outcomes."""
    for cell in outcome.cells:
        named = _named(outcome, cell.heading)
        what = f"{named}, {cell.arm}"
        printed = share(cell.value, kind == "percent")
        plain = decimal(printed.removesuffix("%"))
        most = 100 if printed.endswith("%") else cell.of
        if plain is None:
            plan.numbers.leave_out(f"{what} {cell.value}", "no number")
        elif not cell.of:
            why = "nobody was analyzed" if cell.of == 0 else "the record does not say of how many participants"
            plan.numbers.leave_out(f"{what} {cell.value}", why)
        elif most is not None and plain > most:
            plan.numbers.leave_out(
                f"{what} {cell.value}", f"it is above its denominator ({most}{'%' * (most != cell.of)})"
            )
        else:
            keys: dict[str, Any] = {"outcome": named, "arm": cell.arm, "of": cell.of, "use": "shown"}
            plan.numbers.add(what, printed, statistic="responders", **keys)
            _limits_shown(outcome, cell, what, plan)


def _named(outcome: Outcome, heading: str) -> str:
    return f"{outcome.title}: {heading}" if heading else outcome.title


def _limits_shown(outcome: Outcome, cell: Cell, what: str, plan: Plan) -> None:
    """Limits of a share: a protocol has no statistic of that name, so they are shown under their words."""
    for end in ("lower", "upper"):
        printed = share(getattr(cell, end), outcome.percent)
        if printed:
            label = f"{_named(outcome, cell.heading)}: {end} limit ({outcome.dispersion or 'of nothing named'})"
            plan.numbers.add(f"{what}, {end} limit", printed, statistic="other", arm=cell.arm, label=label, use="shown")
        elif getattr(cell, end):
            plan.numbers.leave_out(f"{what}, {end} limit {getattr(cell, end)}", "no number")


def add_population_sizes(plan: Plan) -> None:
    """Subjects by arm of populations that are not the whole arm, where all outcomes in it count the same."""
    sizes: dict[tuple[str, str], set[int]] = {}
    for outcome in plan.outcomes:
        said = text(outcome.node, "populationDescription")
        for name in (name for name, population in plan.populations.items() if said and population["label"] == said):
            for cell in outcome.cells:
                sizes.setdefault((name, cell.arm), set()).update([cell.of] if cell.of else [])
    for (name, arm), counted in sizes.items():
        if len(counted) > 1:
            listed = " and ".join(str(count) for count in sorted(counted))
            plan.numbers.leave_out(f"subjects of {arm} in {name}", f"outcomes in it count {listed}")
        elif counted and counted != {plan.subjects.get(arm)}:
            keys: dict[str, Any] = {"population": name, "arm": arm, "use": "shown"}
            plan.numbers.add(f"subjects of {arm} in {name}", str(counted.pop()), statistic="subjects", **keys)
