"""The order in which hypotheses are tested, so that the chance of any false claim stays at alpha."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from ..design import AlphaGraph
from ..design.given import is_p_value, named, real_number, whole_number
from ..errors import DataError
from ..results import fixed, p_value
from ..survival.convention import ArgumentError

Procedure = Literal["fixed sequence", "holm", "hochberg", "hommel", "graph"]
_NAMES = {"holm": "Holm", "hochberg": "Hochberg", "hommel": "Hommel", "graph": "alpha graph"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What became of one hypothesis: ``significant`` is None where it was not tested.

    ``adjusted_p`` is the smallest level at which the procedure would reject it.
    """

    significant: bool | None
    adjusted_p: float
    sentence: str


def decide(
    p_values: Mapping[str, float],
    procedure: Procedure,
    alpha: float,
    sided: int,
    graph: AlphaGraph | None = None,
    reasons: Mapping[str, str] | None = None,
) -> dict[str, Decision]:
    """Test the hypotheses, in the order given or by their P values. Family-wise error at most alpha, strongly.

    Fixed sequence (Maurer, Hothorn and Lehmacher 1995): each at full alpha until the first fails. Holm
    (1979): the smallest P at alpha/m, the next at alpha/(m - 1) ..., until one fails. Graph (Bretz, Maurer,
    Brannath and Posch 2009): as ``graph`` hands alpha on. Hochberg (1988): the largest P at alpha, the next at
    alpha/2 ..., until one holds, which then holds for all below it. Hommel (1988): the closed test of Simes' tests.
    The last two keep alpha where the tests are independent or positively dependent (Simes' inequality), the
    others whatever the dependence.
    A P that is not estimable is not tested, and counts as 1 for the others; ``reasons`` say why by name.

    Raises ``DataError`` for a number that is no P value, ``DesignError`` for a graph that does not fit,
    ``ArgumentError`` for a procedure, alpha or sidedness that does not exist.

    >>> decide({"PFS": 0.04, "OS": 0.20, "QoL": 0.01}, "fixed sequence", 0.05, 2)["QoL"].sentence
    'not tested: OS was not significant before it'
    >>> decide({"PFS": 0.04, "OS": 0.03}, "hochberg", 0.05, 2)["PFS"].sentence
    'significant at 2-sided 0.05 (Hochberg, adjusted P 0.0400)'
    """
    _check_procedure(procedure, get_args(Procedure))
    if not 0 < real_number(alpha) < 1:
        raise ArgumentError(f"alpha = {alpha!r} is not between 0 and 1", where="alpha", remedy="Such as 0.05.")
    if whole_number(sided) not in (1, 2):
        raise ArgumentError(f"no test is {sided!r}-sided", where="sided", remedy="Give 1 or 2.")
    alpha = float(alpha)
    if procedure == "fixed sequence":
        check_p(p_values)
        return _fixed_sequence({name: float(p) for name, p in p_values.items()}, alpha, sided, reasons or {})
    adjusted = adjusted_p(p_values, procedure, graph)
    return {
        name: _untested(name, reasons or {})
        if math.isnan(p_values[name])
        else Decision(
            significant=p <= alpha,
            adjusted_p=p,
            sentence=_sentence(p <= alpha, alpha, sided, f"{_NAMES[procedure]}, adjusted P {p_value(p)}"),
        )
        for name, p in adjusted.items()
    }


def adjusted_p(
    p_values: Mapping[str, float],
    procedure: Literal["holm", "hochberg", "hommel", "graph"],
    graph: AlphaGraph | None = None,
) -> dict[str, float]:
    """For each hypothesis the smallest level at which the procedure rejects it; 1 for a P that is not estimable.

    The same as R's ``p.adjust`` for Holm, Hochberg and Hommel. Errors as in ``decide``.

    >>> adjusted_p({"A": 0.01, "B": 0.02, "C": 0.04}, "hommel")
    {'A': 0.03, 'B': 0.04, 'C': 0.04}
    """
    _check_procedure(procedure, tuple(_NAMES))
    check_p(p_values)
    if graph is not None and not isinstance(graph, AlphaGraph):
        raise ArgumentError(f"{graph!r} is no alpha graph", where="graph", remedy="Give an AlphaGraph.")
    if (procedure == "graph") is (graph is None):
        remedy = 'Give a graph with procedure = "graph", and only there.'
        raise DataError(f"the procedure {procedure!r} and the graph do not belong together", remedy=remedy)
    if graph is not None:
        return dict(graph.test(p_values, 0.5).adjusted_p)
    known = {name: 1.0 if math.isnan(p) else float(p) for name, p in p_values.items()}
    ordered = sorted(known, key=lambda name: known[name])
    if procedure == "hommel":
        return {name: _hommel(known[name], [p for other, p in known.items() if other != name]) for name in known}
    found: dict[str, float] = {}
    m, reached = len(ordered), 0.0 if procedure == "holm" else 1.0
    if procedure == "holm":
        for i, name in enumerate(ordered):
            found[name] = reached = max(reached, min(1.0, (m - i) * known[name]))
    else:
        for i, name in enumerate(reversed(ordered)):
            found[name] = reached = min(reached, (i + 1) * known[name])
    return {name: found[name] for name in known}


def _hommel(p: float, others: list[float]) -> float:
    """The largest Simes P of an intersection that holds p: of each size the one with the largest others."""
    others = sorted(others, reverse=True)
    return max(simes([p, *others[:size]]) for size in range(len(others) + 1))


def simes(p_values: list[float]) -> float:
    """Simes' (1986) P of the hypothesis that all are true: the least of m p(k) / k over the ordered P values.

    >>> simes([0.02, 0.03])
    0.03
    """
    m = len(p_values)
    return min(m * p / k for k, p in enumerate(sorted(p_values), start=1))


def check_p(p_values: Mapping[str, float]) -> None:
    """Refuse what is no mapping of names to P values; ``nan`` is a P that is not estimable."""
    if not named(p_values):
        raise DataError(f"{p_values!r} are no P values by hypothesis", remedy='Such as {"PFS": 0.01, "OS": 0.2}.')
    for name, p in p_values.items():
        if not is_p_value(p):
            raise DataError(f"{p!r} is no P value", column=name, remedy="A P value lies from 0 to 1.")


def _check_procedure(procedure: str, known: tuple[str, ...]) -> None:
    if procedure not in known:
        raise ArgumentError(f"unknown procedure {procedure!r}", remedy=f"Use one of {', '.join(known)}.")


def _untested(name: str, reasons: Mapping[str, str]) -> Decision:
    why = reasons.get(name) or "its P is not estimable"
    return Decision(significant=None, adjusted_p=1.0, sentence=f"not tested: {why}")


def _fixed_sequence(
    p_values: Mapping[str, float], alpha: float, sided: int, reasons: Mapping[str, str]
) -> dict[str, Decision]:
    decisions: dict[str, Decision] = {}
    stopped_by, largest = "", 0.0
    for i, (name, p) in enumerate(p_values.items(), start=1):
        largest = 1.0 if math.isnan(p) else max(largest, p)
        if stopped_by:
            sentence = f"not tested: {stopped_by} before it"
            decisions[name] = Decision(significant=None, adjusted_p=largest, sentence=sentence)
            continue
        if math.isnan(p):
            decisions[name], stopped_by = _untested(name, reasons), f"{name} was not tested"
            continue
        significant = p <= alpha
        sentence = _sentence(significant, alpha, sided, f"step {i} of {len(p_values)}, fixed sequence")
        decisions[name] = Decision(significant=significant, adjusted_p=largest, sentence=sentence)
        if not significant:
            stopped_by = f"{name} was not significant"
    return decisions


def _sentence(significant: bool, alpha: float, sided: int, how: str) -> str:
    level = fixed(alpha, 4).rstrip("0")
    return f"{'significant' if significant else 'not significant'} at {sided}-sided {level} ({how})"
