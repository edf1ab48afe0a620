"""The protocol as a synopsis that a physician can read, and a patient's dose calendar, as lines of text."""

from __future__ import annotations

from collections.abc import Iterator

from .analyses import Analysis, Testing
from .arms import dose_calendar, plain
from .choices import effect_uses_strata, null_hypothesis, test_of
from .design import design_lines
from .estimands import Estimand
from .switching import switching_words
from .trial import Protocol

Section = tuple[str, list[str]]


def synopsis(protocol: Protocol) -> list[Section]:
    """(heading, lines) in the order in which a reader asks: who, what is given, what is measured, how it is judged."""
    about = protocol.trial
    first = [about.title]
    first += [f"Phase {about.phase}"] if about.phase else []
    first += [text for text in (about.design, about.indication) if text]
    first += [f"Stratified by {about.stratification}"] if about.stratification else []
    first += [f"Interim analyses: {about.interim_analyses}"] if about.interim_analyses else []
    first += [f"Sponsor: {about.sponsor}"] if about.sponsor else []
    first += [f"Registry: {about.registry}"] if about.registry else []
    sections: list[Section] = [("Trial", first)]
    sections.append(("Treatment", list(_treatment(protocol))))
    sections.append(("Patients", list(_patients(protocol))))
    sections.append(("Visits", [_visit(v) for v in protocol.visits.values()]))
    sections.append(("Endpoints", list(_endpoints(protocol))))
    sections.append(("Estimands", [f"{n}: {describe(e, protocol)}" for n, e in protocol.estimands.items()]))
    sections.append(("Analyses", list(_analyses(protocol))))
    sections.append(("Design", list(design_lines(protocol))))
    sections.append(("Models", [f"model {n}: {s.label}" for n, s in protocol.scenario.items()]))
    sections.append(("Simulations", [f"{n}: {s.label}" for n, s in protocol.simulation.items()]))
    sections.append(("Published", list(_published(protocol))))
    sections.append(("Assumed", [f"{path}: {why}" for path, why in protocol.assumed.items()]))
    sections.append(("Unknown", [f"{path}: {why}" for path, why in protocol.unknown.items()]))
    sections.append(("Sources", list(about.sources)))
    return [(heading, lines) for heading, lines in sections if lines]


def calendars(protocol: Protocol, weight_kg: float, last_day: int = 28) -> list[Section]:
    """For each arm, what a patient of this weight is given on which day of the first four weeks."""
    sections: list[Section] = []
    for name, arm in protocol.arms.items():
        heading = f"{name}: {arm.label}, patient of {plain(weight_kg)} kg, days 1 to {last_day}"
        path = f"arms.{name}.regimen"
        entries = dose_calendar(arm, weight_kg, last_day)
        if arm.regimen is None:
            sections.append((heading, [f"no dose calendar: {protocol.unknown.get(path, 'no regimen is given')}"]))
            continue
        lines = []
        for entry in entries:
            run = entry.last_day > entry.first_day
            when = f"days {entry.first_day} to {entry.last_day}" if run else f"day {entry.first_day}"
            lines.append(
                f"{when}: {entry.drug} {plain(entry.amount)} {entry.unit}{' each day' if run else ''}, {entry.route}"
            )
        until = {r.until for r in arm.regimen}
        lines.append(f"and so on until {' or '.join(sorted(until))}")
        sections.append((heading, lines))
    return sections


def describe(estimand: Estimand, protocol: Protocol) -> str:
    """An estimand in one plain sentence."""
    arms, t = protocol.arms, estimand.treatment
    events = "; ".join(f"{name}: {rule.strategy}" for name, rule in estimand.intercurrent_events.items())
    summary = estimand.summary
    if estimand.restriction_time:
        summary = f"{summary} up to {estimand.restriction_time}"  # type: ignore[assignment]
    if estimand.milestone:
        summary = f"{summary} at {estimand.milestone}"  # type: ignore[assignment]
    return (
        f"the {summary} of {_lower_first(protocol.endpoints[estimand.variable].label)}, "
        f"{arms[t.experimental].label} against {arms[t.control].label}, "
        f"in {_lower_first(protocol.populations[estimand.population].label)}; intercurrent events: "
        f"{events or 'none named'}"
    )


def _published(protocol: Protocol) -> Iterator[str]:
    """How many printed numbers there are, by tier, and where from."""
    numbers = protocol.published.numbers
    if numbers:
        tiers = [(tier, sum(n.tier == tier for n in numbers)) for tier in ("A", "B", "C")]
        yield "printed numbers: " + ", ".join(f"{count} of tier {tier}" for tier, count in tiers if count)
        yield from (f"{name}: {citation}" for name, citation in protocol.published.sources.items())


def _lower_first(text: str) -> str:
    return text if text[:2].isupper() else text[0].lower() + text[1:]


def _treatment(protocol: Protocol) -> Iterator[str]:
    for name, arm in protocol.arms.items():
        head = f"{name} ({arm.role}): {arm.label}"
        if arm.regimen is None:
            yield f"{head}; regimen not given"
        else:
            yield head
            yield from (f"  {regimen}" for regimen in arm.regimen)


def _patients(protocol: Protocol) -> Iterator[str]:
    rules = protocol.eligibility
    for heading, lines in (("eligible", rules and rules.include), ("not eligible", rules and rules.exclude)):
        yield from (f"{heading}: {line}" for line in lines or ())
    for name, population in protocol.populations.items():
        yield f"population {name}: {population.label}"
    if protocol.randomization:
        r = protocol.randomization
        blocks = f" of {' or '.join(map(str, r.block_sizes))}" if r.block_sizes else ""
        strata = f", within {' and '.join(r.strata)}" if r.strata else ""
        procedure = "simple randomization" if r.procedure == "simple" else f"permuted blocks{blocks}"
        arms, ratio = ":".join(r.allocation), ":".join(map(str, r.allocation.values()))
        yield f"randomized by {procedure}, {arms} {ratio}{strata}"


def _visit(visit: object) -> str:
    label, at, every, until = (getattr(visit, k) for k in ("label", "at", "every", "until"))
    return (
        label
        + (f", {at}" if at else "")
        + (f", every {every}" if every else "")
        + (f", until {until}" if until else "")
    )


def _endpoints(protocol: Protocol) -> Iterator[str]:
    for name, endpoint in protocol.endpoints.items():
        meaning = f": {endpoint.definition}" if endpoint.definition else ""
        yield f"{name}, {endpoint.label}{meaning}" + (
            " (the event is a benefit)" if endpoint.event_is == "benefit" else ""
        )


_KINDS = {
    "logrank": "log-rank test",
    "maxcombo": "MaxCombo test",
    "cox": "Wald test in a Cox model",
    "restricted mean": "test of restricted means",
    "milestone": "test of milestone survival",
    "average hazard ratio": "test of the average hazard ratio",
    "adjusted logrank": "covariate-adjusted log-rank test",
    "marginal hazard ratio": "Wald test of the marginal hazard ratio",
    "gray": "Gray's test",
    "fine-gray": "Wald test in a Fine-Gray model",
}


_BESIDE = ("logrank", "maxcombo", "adjusted logrank", "gray")
"""Tests that stand beside an estimate; the others are made of it."""

_ESTIMATES = {"subdistribution hazard ratio": "Fine-Gray model"}


def _shares(testing: Testing) -> str:
    """The graph in words."""
    parts = [f"{name} {plain(w)}" for name, w in testing.weights.items()]
    parts += [f"{a} to {b} {plain(g)}" for a, row in testing.transitions.items() for b, g in row.items()]
    return ", ".join(parts)


def _computed(protocol: Protocol, analysis: Analysis) -> str:
    """The test and what it is made with; of the estimate beside it what is not the same."""
    summary, test = protocol.estimands[analysis.estimand].summary, test_of(protocol, analysis)
    of_effect = _strata_words(protocol, analysis, effect_uses_strata(summary, analysis.stratified))
    refined = ["Firth penalty"] if analysis.penalty else []
    refined += [f"{analysis.limits} limits"] if analysis.limits else []
    adjusted = [f"adjusted for {', '.join(analysis.covariates)}"] if analysis.covariates else []
    ties = [f"{analysis.ties} ties"] if analysis.ties else []
    null = null_hypothesis(protocol, analysis)
    if analysis.switching is not None:
        return ", ".join([switching_words(analysis), of_effect, *adjusted, *ties])
    if test not in _BESIDE:
        kind = f"{_KINDS[test]} of {null}" if null else _KINDS[test]
        kind = f"penalized likelihood ratio{kind.removeprefix('Wald')}" if analysis.penalty else kind
        return ", ".join([kind, *refined, of_effect, *adjusted, *ties])
    of_test = _strata_words(protocol, analysis, analysis.stratified is not False)
    own = [] if of_effect == of_test else [of_effect]
    shared = adjusted if test == "adjusted logrank" else []
    own += [f"with {' and '.join(refined)}"] if refined else []
    own += (adjusted if not shared else []) + ties
    beside = f"; {_ESTIMATES.get(summary, summary)} {', '.join(own)}" if own else ""
    return ", ".join([_weighted(analysis, _KINDS[test]), of_test, *shared]) + beside


def _strata_words(protocol: Protocol, analysis: Analysis, used: bool) -> str:
    strata = protocol.data.strata
    factors = strata.as_randomized if analysis.strata == "as randomized" else strata.as_verified
    return f"stratified by {' and '.join(factors)} ({analysis.strata})" if used and factors else "unstratified"


def _weighted(analysis: Analysis, kind: str) -> str:
    """The log-rank test by its weights, if it has any."""
    if analysis.rho or analysis.gamma:
        return f"Fleming-Harrington ({plain(analysis.rho)}, {plain(analysis.gamma)}) test"
    if analysis.weights:
        delay = f" (delay {analysis.delay})" if analysis.delay else ""
        return f"{analysis.weights[0].upper()}{analysis.weights[1:]}{delay} log-rank test"
    return kind


def _analyses(protocol: Protocol) -> Iterator[str]:
    for name, analysis in protocol.analyses.items():
        rule = (
            f"; {analysis.convention} convention"
            if analysis.convention == "house"
            else f"; convention of {analysis.convention.upper()}"
        )
        yield f"{name} ({analysis.role}): {analysis.estimand}; {_computed(protocol, analysis)}{rule}"
    if protocol.testing:
        t = protocol.testing
        order = ", ".join(t.order)
        named = {"holm": "Holm", "hochberg": "Hochberg", "hommel": "Hommel", "graph": f"a graph ({_shares(t)})"}
        procedure = named.get(t.procedure, t.procedure)
        alpha = f"{t.sided}-sided alpha {plain(t.alpha)}"
        yield f"tested by {procedure}, {alpha}: {order}; other P values are nominal"
