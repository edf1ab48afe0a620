"""Printed numbers that cannot stand together, found without any search."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise

from ..errors import ProtocolError, UnsupportedError
from ..protocol import Population, Printed, Protocol, PublishedNumber, Scenario, describe_number, quoted
from ..results import percent

_LEVEL = 0.95  # of the limits that the search computes
_TRIPLES = (
    ("hazard ratio", "hazard ratio lower limit", "hazard ratio upper limit"),
    ("median", "median lower limit", "median upper limit"),
)


def check_agreement(
    trial: Protocol, scenario: Scenario, numbers: list[tuple[int, PublishedNumber]], subjects: Mapping[str, int]
) -> None:
    """Refuses an estimate outside its own interval, a number printed in two ways, and analyses that no search does."""
    by_name: dict[tuple[object, ...], list[tuple[int, PublishedNumber]]] = {}
    for index, number in numbers:
        own = number.model_dump(exclude={"printed", "source", "tier", "status", "use", "label", "method"})
        same = by_name.setdefault(tuple(own.values()), [])
        for other, before in same:
            if not _agree(trial, before, number, subjects):
                raise ProtocolError(
                    f'the same number is printed as "{before.printed}" and as "{number.printed}"',
                    where=f"published.numbers[{other}] and [{index}]",
                    remedy='Keep one as a target, and give the other use = "shown".',
                )
        same.append((index, number))
    for estimand, arm in dict.fromkeys((n.estimand, n.arm) for _, n in numbers):
        here: dict[str, tuple[int, PublishedNumber]] = {
            n.statistic: (i, n) for i, n in numbers if (n.estimand, n.arm) == (estimand, arm)
        }
        for estimate, lower, upper in _TRIPLES:
            _inside(here, estimate, lower, upper)
    _searched_for(trial, scenario, numbers)


def _agree(trial: Protocol, first: PublishedNumber, second: PublishedNumber, subjects: Mapping[str, int]) -> bool:
    """Whether some value prints as both, as 0.799 does as 0.80 and as 0.799, or 24 of 103 as 24 and as 23%."""
    if first.statistic == "adverse event" and "more frequent" in (first.printed.word, second.printed.word):
        return True
    if first.printed.percent != second.printed.percent:
        if first.arm is None or first.statistic == "event-free rate":
            return True
        both = (set(n.printed.counts(subjects[first.arm])) for n in (first, second))
        return bool(set.intersection(*both))
    (a, b), (c, d) = _values(trial, first.printed), _values(trial, second.printed)
    return max(a, c) < min(b, d) or (a, b) == (c, d)


def _values(trial: Protocol, printed: Printed) -> tuple[float, float]:
    """Values that print so: the window of a number, and what a word says of a P value or a median."""
    alpha = trial.testing.alpha if trial.testing else 0.05
    words = {"not significant": (alpha, 2.0), "significant": (0.0, alpha), "not reached": (math.inf, math.inf)}
    return words[printed.word] if printed.word else printed.window


def population_columns(population: Population) -> dict[str, str]:
    """The columns that say who is in a population, with their values there."""
    columns = {column: str(value) for column, value in population.where.items()}
    return columns | ({population.flag: "Y"} if population.flag else {})


def check_population(trial: Protocol, scenario: Scenario, name: str) -> None:
    """Refuses a population of which the model cannot say who is in it."""
    population = trial.populations[name]
    for column, level in population_columns(population).items():
        factor = scenario.factors.get(column)
        if factor is None and column == population.flag:
            continue  # a flag that the model does not have is Y for everybody
        if factor is None or level not in factor.levels:
            raise ProtocolError(
                f"the model does not say who is in the population {name}: no factor {column} has the level {level}",
                where=f"populations.{quoted(name)}",
                remedy=f"Add [scenario.NAME.factors.{column}] with levels = {{ {level} = share, ... }}.",
            )


def check_adverse_events(
    trial: Protocol,
    scenario: Scenario,
    numbers: list[tuple[int, PublishedNumber]],
    counts: Mapping[tuple[str, int], tuple[int, ...]],
    more_frequent: tuple[tuple[str, int], ...],
    subjects: Mapping[str, int],
) -> None:
    """Refuses counts (arm and kind, -1 for any) that cannot be nested, and an order that the model or they forbid."""
    index, first = next(((i, n) for i, n in numbers if n.statistic == "adverse event"), (0, None))
    if first is None:
        return
    path = f"published.numbers[{index}]"
    flag = trial.populations[trial.safety.population].flag if trial.safety else ""
    if trial.safety is None or flag in scenario.factors:
        raise ProtocolError(
            "subjects with adverse events are to be counted, and the protocol does not say of whom"
            if trial.safety is None
            else "subjects with adverse events of a part of the arm, whose size is not fixed, cannot be aimed at",
            where=path,
            remedy="Add [safety] with a population and a treatment, everybody being in the population.",
        )
    kinds = scenario.adverse_events.kinds if scenario.adverse_events else ()
    for (arm, kind), allowed in counts.items():
        most = counts.get((arm, -1), (subjects[arm],))[-1]
        if kind >= 0 and allowed[0] > most:
            raise ProtocolError(
                f"{allowed[0]} subjects of {arm} are to have the adverse event {kinds[kind].term!r}, "
                f"but only {most} any adverse event",
                where=path,
                remedy="Check both counts against their source.",
            )
    for arm, kind in more_frequent:
        _check_order(scenario, counts, subjects, arm, kind, path)


def _check_order(
    scenario: Scenario, counts: Mapping[tuple[str, int], tuple[int, ...]], subjects: Mapping[str, int], arm: str,
    kind: int, path: str,
) -> None:  # fmt: skip
    """An arm can have the larger share of subjects with an adverse event than any other."""
    events = scenario.adverse_events
    assert events is not None
    shares = events.any if kind < 0 else events.kinds[kind].probability
    for other in (a for a in subjects if a != arm):
        here, there = ((counts[a, kind][-1] / subjects[a]) if (a, kind) in counts else None for a in (arm, other))
        if (here or shares.get(arm, 0.0)) <= (there or shares.get(other, 0.0)) and (here, there) != (None, None):
            what = f"the counts make it no more frequent there than in {other}"
        elif (here, there) == (None, None) and shares.get(arm, 0.0) < shares.get(other, 0.0):
            what = f"the model makes it rarer there than in {other}"
        else:
            continue
        raise ProtocolError(
            f"an adverse event is to be more frequent in {arm}, but {what}",
            where=path,
            remedy="Check the counts, and the shares of [scenario.NAME.adverse_events].",
        )


def _inside(here: dict[str, tuple[int, PublishedNumber]], estimate: str, lower: str, upper: str) -> None:
    """Limits and estimate may be equal in print, but not in the wrong order."""
    order = [here[name] for name in (lower, estimate, upper) if name in here and not here[name][1].printed.word]
    for (_, first), (place, second) in pairwise(order):
        if first.printed.window[0] >= second.printed.window[1]:
            what = f"{first.statistic} {first.printed} lies above {second.statistic} {second.printed}"
            if estimate in (first.statistic, second.statistic):
                shown = " to ".join(str(here[n][1].printed) if n in here else "?" for n in (lower, upper))
                what = f"the {estimate} {here[estimate][1].printed} lies outside its printed interval {shown}"
            raise ProtocolError(
                what,
                where=f"published.numbers[{place}].printed",
                remedy="Check the numbers against their source; no data can print both.",
            )


def check_responders(trial: Protocol, scenario: Scenario, number: PublishedNumber, index: int) -> None:
    """Refuses a column for responders that ADSL has for something else."""
    column = str(number.column).upper()
    taken = {"ITTFL", "SAFFL", "SYNTHFL", "XOFL", *(p.flag.upper() for p in trial.populations.values() if p.flag)}
    if column in taken or column in {name.upper() for name in scenario.factors} or not column.endswith("FL"):
        raise ProtocolError(
            f"{column} is no flag of responders: " + ("ADSL has it for something else" if column.endswith("FL") else
                                                      "flags end in FL"),
            where=f"published.numbers[{index}].column",
            remedy='Name one of their own, such as "RESPFL".',
        )  # fmt: skip


def printed_count(number: PublishedNumber, total: int, index: int) -> tuple[int, ...]:
    """Counts of ``total`` that print as the number does; refuses a number that no count prints."""
    found = number.printed.counts(total)
    if not found:
        what = f'"{number.printed}" of {total}'
        nearest = "" if not number.printed.percent else _nearest(number.printed.value, total)
        raise ProtocolError(
            f"{describe_number(number)}: no count prints {what}",
            where=f"published.numbers[{index}].printed",
            remedy=f"Check the percentage and the number of subjects{nearest}.",
        )
    return found


def _nearest(printed: float, total: int) -> str:
    below = math.floor(printed * total / 100)
    near = ", ".join(f"{k} is {percent(k, total, 2)}%" for k in (below, below + 1) if 0 <= k <= total)
    return f": of {total}, {near}"


def strata_of(trial: Protocol, number: PublishedNumber) -> tuple[str, ...]:
    """Columns over which a number's analysis is stratified: as the number says, else as the protocol's first analysis
    of the estimand is, which takes the strata if there are any."""
    if number.statistic != "P" and not number.statistic.startswith("hazard ratio"):
        return ()
    stratified = number.stratified
    if stratified is None:
        of = [a.stratified for a in trial.analyses.values() if a.estimand == number.estimand]
        stratified = of[0] if of else None
    return () if stratified is False else tuple(trial.data.strata.as_randomized)


def _searched_for(trial: Protocol, scenario: Scenario, numbers: list[tuple[int, PublishedNumber]]) -> None:
    for index, number in numbers:
        if number.confidence not in (None, _LEVEL):
            raise UnsupportedError(
                f"limits of another level than {100 * _LEVEL:g}% cannot be aimed at",
                where=f"published.numbers[{index}].confidence",
                remedy='Set use = "shown".',
            )
        strata = strata_of(trial, number)
        if number.stratified and not strata:
            raise ProtocolError(
                "a number is of a stratified analysis, and nothing says of which strata",
                where=f"published.numbers[{index}].stratified",
                remedy='Name their columns under [data] strata = { as_randomized = ["COLUMN"] }.',
            )
        for column in strata:
            if column not in scenario.factors:
                raise ProtocolError(
                    f"the model does not say who is in which stratum: it has no factor {column}",
                    where=f"published.numbers[{index}]",
                    remedy=f"Add [scenario.NAME.factors.{quoted(column)}] with its levels, or set stratified = false "
                    "on the number or its analysis if it was not stratified.",
                )
