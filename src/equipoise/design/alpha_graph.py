"""Alpha graphs: each hypothesis holds a share of alpha and, once rejected, hands it on along its arrows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .. import results
from ..errors import DesignError
from .given import FrozenMapping, is_p_value, named, real_number

_SUM = 1e-9  # shares written as decimals (0.333) may miss their sum by rounding, not by more


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GraphTest:
    """What an alpha graph made of P values: ``rejected`` in the order of rejection, ``adjusted_p`` of every hypothesis.

    ``graphs`` begins with the graph as designed; each further one is what a rejection left. A hypothesis is rejected
    at ``alpha`` exactly where its adjusted P is at most alpha.
    """

    alpha: float
    rejected: tuple[str, ...]
    adjusted_p: Mapping[str, float]
    graphs: tuple[AlphaGraph, ...]

    def __str__(self) -> str:
        found = ", ".join(f"{h} (adjusted {results.p_equals(self.adjusted_p[h])})" for h in self.rejected)
        return f"Alpha graph at {self.alpha:g}: {'rejected ' + found if found else 'no hypothesis is rejected'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlphaGraph:
    """Hypotheses with their ``weights`` (shares of alpha) and ``transitions`` (what share goes where on rejection).

    Family-wise error at most alpha, strongly, whatever the dependence of the tests: a short cut of the closed test
    with weighted Bonferroni tests (Bretz, Maurer, Brannath and Posch 2009). A hypothesis may be any analysis of the
    protocol, an endpoint in a population. Weights sum to at most 1, so do the transitions out of each hypothesis;
    a hypothesis without transitions keeps its share.

    Raises ``DesignError`` for shares that are no shares and for names that are no hypotheses.

    >>> graph = AlphaGraph(weights={"PFS": 1, "OS": 0}, transitions={"PFS": {"OS": 1}})
    >>> print(graph.test({"PFS": 0.01, "OS": 0.02}, alpha=0.025))
    Alpha graph at 0.025: rejected PFS (adjusted P = 0.0100), OS (adjusted P = 0.0200)
    """

    weights: Mapping[str, float]
    transitions: Mapping[str, Mapping[str, float]]

    def __post_init__(self) -> None:
        _check(self.weights, self.transitions)
        weights = {name: float(w) for name, w in self.weights.items()}
        rows = {name: {to: float(g) for to, g in self.transitions.get(name, {}).items() if g} for name in weights}
        object.__setattr__(self, "weights", FrozenMapping(weights))
        object.__setattr__(self, "transitions", FrozenMapping({n: FrozenMapping(r) for n, r in rows.items()}))

    def without(self, hypothesis: str) -> AlphaGraph:
        """The graph once a hypothesis is rejected: its share and the arrows through it are handed on.

        w_l grows by w_j g_jl; g_lk becomes (g_lk + g_lj g_jk) / (1 - g_lj g_jl), 0 where all of it would go in a
        circle (Bretz, Maurer, Brannath and Posch 2009, Algorithm 1).
        """
        if hypothesis not in self.weights:
            raise DesignError(
                f"there is no hypothesis {hypothesis!r}", where="graph", remedy=f"Known: {', '.join(self.weights)}."
            )
        left = [name for name in self.weights if name != hypothesis]
        out = self.transitions[hypothesis]
        weights = {name: self.weights[name] + self.weights[hypothesis] * out.get(name, 0.0) for name in left}
        rows: dict[str, dict[str, float]] = {}
        for name in left:
            through = self.transitions[name].get(hypothesis, 0.0)
            back = 1.0 - through * out.get(name, 0.0)
            rows[name] = {
                to: (self.transitions[name].get(to, 0.0) + through * out.get(to, 0.0)) / back
                for to in left
                if to != name and back > _SUM
            }
        return AlphaGraph(weights=_at_most_one(weights), transitions={n: _at_most_one(r) for n, r in rows.items()})

    def weights_of(self, intersection: Iterable[str]) -> dict[str, float]:
        """Weights with which the closed test would test an intersection: all other hypotheses handed on their share.

        >>> fixed = AlphaGraph(weights={"PFS": 1, "OS": 0}, transitions={"PFS": {"OS": 1}})
        >>> fixed.weights_of(["OS"])
        {'OS': 1.0}
        """
        if isinstance(intersection, str) or not isinstance(intersection, Iterable):
            remedy = 'Such as ["PFS", "OS"].'
            raise DesignError(f"{intersection!r} is no list of hypotheses", where="intersection", remedy=remedy)
        kept = set(intersection)
        for name in kept - set(self.weights):
            self.without(name)
        graph = self
        for name in self.weights:
            if name not in kept:
                graph = graph.without(name)
        return dict(graph.weights)

    def test(self, p_values: Mapping[str, float], alpha: float) -> GraphTest:
        """Reject, hand on, and test again until nothing is left that can be rejected; a P of ``nan`` is none.

        One P value by hypothesis, one- or two-sided as ``alpha`` is. Raises ``DesignError`` for a hypothesis without a
        P value, a P value outside 0 to 1, and an alpha that is none.
        """
        if not 0 < real_number(alpha) < 1:
            raise DesignError(f"alpha = {alpha!r} is not between 0 and 1", where="alpha", remedy="Such as 0.025.")
        if not named(p_values) or set(p_values) != set(self.weights):
            given = ", ".join(p_values) if named(p_values) else repr(p_values)
            raise DesignError(
                f"P values are given for {given}",
                where="p_values",
                remedy=f"Give one for each of {', '.join(self.weights)}.",
            )
        for name, p in p_values.items():
            if not is_p_value(p):
                raise DesignError(f"{p!r} is no P value", where=f"p_values, {name}", remedy="It lies from 0 to 1.")
        known = {name: float(p) for name, p in p_values.items()}
        graph, graphs, rejected = self, [self], []
        adjusted: dict[str, float] = {}
        reached = 0.0
        while graph.weights:
            nearest = min(graph.weights, key=lambda name: _over(known[name], graph.weights[name]))
            reached = max(reached, min(_over(known[nearest], graph.weights[nearest]), 1.0))
            adjusted[nearest] = reached
            graph = graph.without(nearest)
            if reached <= alpha:
                rejected.append(nearest)
                graphs.append(graph)
        return GraphTest(
            alpha=float(alpha),
            rejected=tuple(rejected),
            adjusted_p=FrozenMapping({name: adjusted[name] for name in self.weights}),
            graphs=tuple(graphs),
        )

    def __str__(self) -> str:
        shares = ", ".join(f"{name} {results.significant(w)}" for name, w in self.weights.items())
        arrows = ", ".join(
            f"{name} to {to} {results.significant(g)}"
            for name, row in self.transitions.items()
            for to, g in row.items()
        )
        return f"Alpha graph: shares {shares}; {arrows or 'nothing is handed on'}"


def _over(p: float, weight: float) -> float:
    """The level at which a weighted Bonferroni test just rejects."""
    return math.inf if math.isnan(p) or weight <= 0 else p / weight


def _at_most_one(shares: dict[str, float]) -> dict[str, float]:
    """Shares whose sum exceeds 1 by rounding, brought back to it."""
    total = sum(shares.values())
    return {name: share / total for name, share in shares.items()} if total > 1 else shares


def _check(weights: Mapping[str, float], transitions: Mapping[str, Mapping[str, float]]) -> None:
    _check_shares(weights, "weights")
    if not named(transitions) or not all(named(row) for row in transitions.values()):
        raise DesignError(
            f"{transitions!r} are no transitions", where="transitions", remedy='Such as {"PFS": {"OS": 1}}.'
        )
    for name, row in transitions.items():
        where = f"transitions, {name}"
        for end in (name, *row):
            if end not in weights:
                remedy = f"Give it a weight (0 if it has no share yet), or name one of {', '.join(weights)}."
                raise DesignError(f"{end!r} is no hypothesis of the graph", where=where, remedy=remedy)
        if row.get(name):
            raise DesignError("a hypothesis hands its share to itself", where=where, remedy="Remove that arrow.")
        _check_shares(row, where)


def _check_shares(shares: Mapping[str, float], where: str) -> None:
    if not named(shares):
        raise DesignError(f"{shares!r} are no shares by hypothesis", where=where, remedy='Such as {"PFS": 1, "OS": 0}.')
    for name, share in shares.items():
        if not 0 <= real_number(share) <= 1:
            raise DesignError(f"{share!r} is no share", where=f"{where}, {name}", remedy="A share lies from 0 to 1.")
    total = sum(shares.values())
    if total > 1 + _SUM:
        raise DesignError(f"the shares sum to {total:g}, which is more than 1", where=where, remedy="Lower them.")
