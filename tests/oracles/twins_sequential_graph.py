"""Alpha graphs with group sequential tests a second time: the closed test itself, every intersection at every look.

Written for the tests from the definition (Maurer and Bretz 2013): an intersection is rejected where one of its
hypotheses, at the alpha that the graph gives it there, has reached a bound at one of its looks so far. Bounds are those
of the second program of group sequential tests; nothing is inverted, no sequential P is found.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tests.oracles import twins_design, twins_multiplicity

Spent = Callable[[Sequence[float], float], Sequence[float]]  # fractions, alpha -> cumulative alpha
Look = tuple[list[float], Spent]  # information fractions of all looks, and spending, of a hypothesis


def reached(look: Look, z: Sequence[float], alpha: float) -> list[int]:
    """The looks, from 1, whose z reached the bound at an alpha."""
    fractions, spent = look
    if alpha <= 0 or not z:
        return []
    t = fractions[: len(z)]
    upper = twins_design.spent_upper(t, list(spent(fractions, alpha))[: len(z)], two_sided=False)
    return [k for k, (value, bound) in enumerate(zip(z, upper, strict=True), start=1) if value >= bound]


def closed(graph: Any, looks: Sequence[Look], z: Sequence[Sequence[float]], alpha: float) -> set[int]:
    """Hypotheses all of whose intersections are rejected."""
    count = len(z)
    kept = set(range(count))
    for intersection in twins_multiplicity.intersections(count):
        weights = twins_multiplicity.weights_of(graph, intersection)
        if not any(reached(looks[i], z[i], float(w) * alpha) for i, w in zip(intersection, weights, strict=True)):
            kept -= set(intersection)
    return kept


def stepwise(
    graph: Any, looks: Sequence[Look], z: Sequence[Sequence[float]], alpha: float
) -> dict[int, tuple[float, int]]:
    """Rejected hypotheses with the alpha and the first look of their rejection: always the first that can be is."""
    found: dict[int, tuple[float, int]] = {}
    while True:
        for i in range(len(z)):
            share = float(graph[0][i]) * alpha
            crossed = [] if i in found else reached(looks[i], z[i], share)
            if crossed:
                found[i] = (share, crossed[0])
                graph = twins_multiplicity.without(graph, i)
                break
        else:
            return found
