"""Second program for multiplicity: every procedure as the closed test that it is, all intersections written out.

Nothing here shares code with the package.  P values are a sequence; an intersection is a tuple of their positions.  The
numbers may be fractions (nothing is turned into a float), so that a P value on a border stays there.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

Number = Any  # float or Fraction
Local = Callable[[tuple[int, ...], Sequence[Number]], Number]
Graph = tuple[list[Number], list[list[Number]]]


def intersections(count: int) -> list[tuple[int, ...]]:
    everyone = range(count)
    return [i for size in range(1, count + 1) for i in itertools.combinations(everyone, size)]


def closed_test(p_values: Sequence[Number], local: Local) -> list[Number]:
    """Marcus, Peritz and Gabriel (1976): adjusted P = the largest local P of the intersections with the hypothesis.

    local(intersection, p_values) -> P; a local P above 1 counts as 1.
    """
    found = {i: min(local(i, p_values), 1) for i in intersections(len(p_values))}
    return [max(p for i, p in found.items() if k in i) for k in range(len(p_values))]


# ----------------------------------------------------------------------------------------- tests of one intersection
def bonferroni(intersection: tuple[int, ...], p_values: Sequence[Number]) -> Number:
    """Number of hypotheses times the smallest P."""
    return len(intersection) * min(p_values[k] for k in intersection)


def simes(intersection: tuple[int, ...], p_values: Sequence[Number]) -> Number:
    """Simes (1986): the smallest of n p(k) / k, p(k) the k-th smallest."""
    n, ordered = len(intersection), sorted(p_values[k] for k in intersection)
    return min(n * p / k for k, p in enumerate(ordered, start=1))


def step_up(intersection: tuple[int, ...], p_values: Sequence[Number]) -> Number:
    """Hochberg (1988) for one intersection: the smallest of (n - k + 1) p(k)."""
    n, ordered = len(intersection), sorted(p_values[k] for k in intersection)
    return min((n - k + 1) * p for k, p in enumerate(ordered, start=1))


def holm(p_values: Sequence[Number]) -> list[Number]:
    """Holm (1979): the closed test of Bonferroni's."""
    return closed_test(p_values, bonferroni)


def hommel(p_values: Sequence[Number]) -> list[Number]:
    """Hommel (1988): the closed test of Simes's."""
    return closed_test(p_values, simes)


def hochberg(p_values: Sequence[Number]) -> list[Number]:
    """Hochberg (1988): the closed test of `step_up`, which never rejects more than Simes's."""
    return closed_test(p_values, step_up)


# ------------------------------------------------------------------------------------------------------ alpha graphs
def without(graph: Graph, j: int) -> Graph:
    """The graph after hypothesis j is removed (Bretz, Maurer, Brannath and Posch 2009).

    w_l + w_j g_jl; g_lk becomes (g_lk + g_lj g_jk) / (1 - g_lj g_jl) for l, k other than j, l other than k, and 0
    where g_lj g_jl is 1.  What belonged to j is 0.
    Give fractions where a loop may be 1: with rounding, 1 - g_lj g_jl is then 1e-16 and the quotient is noise.
    """
    w, g = graph
    others = [k for k in range(len(w)) if k != j]
    new_w = [Fraction(0) if k == j else w[k] + w[j] * g[j][k] for k in range(len(w))]
    new_g = [[Fraction(0)] * len(w) for _ in w]
    for l in others:
        loop = g[l][j] * g[j][l]
        for k in others:
            if l != k and loop < 1:
                new_g[l][k] = (g[l][k] + g[l][j] * g[j][k]) / (1 - loop)
    return new_w, new_g


def weights_of(graph: Graph, intersection: tuple[int, ...]) -> list[Number]:
    """The weights of an intersection: all others removed one by one (the order makes no difference)."""
    for j in range(len(graph[0])):
        if j not in intersection:
            graph = without(graph, j)
    return [graph[0][k] for k in intersection]


def weighted_bonferroni(weights: Sequence[Number], p_values: Sequence[Number]) -> Number:
    """The smallest p / w; a hypothesis without weight cannot reject the intersection; 1 if none has weight."""
    return min((p / w for w, p in zip(weights, p_values, strict=True) if w > 0), default=1)


def alpha_graph(
    weights: Sequence[Number], transitions: Sequence[Sequence[Number]], p_values: Sequence[Number]
) -> list[Number]:
    """Adjusted P of the graph (Bretz et al. 2009): the closed test by weighted Bonferroni of the intersections."""
    graph: Graph = (list(weights), [list(row) for row in transitions])
    return closed_test(p_values, lambda i, p: weighted_bonferroni(weights_of(graph, i), [p[k] for k in i]))


def alpha_graph_in_steps(
    weights: Sequence[Number], transitions: Sequence[Sequence[Number]], p_values: Sequence[Number], alpha: Number
) -> tuple[list[int], list[Graph]]:
    """The sequentially rejective form: reject where p / w is smallest (the first of equals) while p <= w alpha, w > 0.

    -> hypotheses in the order of their rejection, and the graphs: the first, and the one after each rejection.
    The same hypotheses in any order of rejection that the rule allows (Bretz et al. 2009).
    """
    graph: Graph = (list(weights), [list(row) for row in transitions])
    graphs, rejected = [graph], list[int]()
    while True:
        open_ = [k for k, w in enumerate(graph[0]) if k not in rejected and w > 0 and p_values[k] <= w * alpha]
        if not open_:
            return rejected, graphs
        k = min(open_, key=lambda k: (p_values[k] / graph[0][k], k))
        rejected.append(k)
        graph = without(graph, k)
        graphs.append(graph)
