"""Family-wise error of the procedures for several hypotheses, on correlated z with and without false hypotheses.

Three hypotheses with z of correlation 0.5, two-sided P; a family is in error where a true hypothesis is rejected.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from tests.calibration.simulated import SEED
from tests.oracles import twins_multiplicity as twins

from equipoise.analyze import closed_test, decide
from equipoise.design import AlphaGraph

ALPHA = 0.05
NAMES = ("a", "b", "c")
FALSE_BY = {"none": (0.0, 0.0, 0.0), "the first": (3.0, 0.0, 0.0), "the first two": (3.0, 3.0, 0.0)}
GRAPH = AlphaGraph(
    weights={"a": 0.5, "b": 0.5, "c": 0.0},
    transitions={"a": {"b": 0.5, "c": 0.5}, "b": {"a": 0.5, "c": 0.5}, "c": {"a": 0.5, "b": 0.5}},
)
SHARES = (0.5, 0.3, 0.2)

Rejects = Callable[[Mapping[str, float]], tuple[bool, ...]]


def p_values(false: str, count: int, seed: int = SEED) -> np.ndarray:
    """Rows of P values, (count, 3), addressed by (seed, which hypotheses are false)."""
    address = np.random.SeedSequence(seed, spawn_key=(100, list(FALSE_BY).index(false)))
    rng = np.random.Generator(np.random.Philox(address))
    z = math.sqrt(0.5) * rng.standard_normal((count, 1)) + math.sqrt(0.5) * rng.standard_normal((count, 3))
    return np.array([[math.erfc(abs(x) / math.sqrt(2)) for x in row] for row in z + np.array(FALSE_BY[false])])


def in_error(rejected: tuple[bool, ...], false: str) -> bool:
    return any(r for r, mean in zip(rejected, FALSE_BY[false], strict=True) if mean == 0)


@dataclass(frozen=True)
class Procedure:
    """Which hypotheses are rejected at ALPHA: by the package and by the second program."""

    name: str
    ours: Rejects
    second: Rejects

    def errors(self, false: str, count: int) -> tuple[int, int]:
        """Families in error, and families."""
        rows = p_values(false, count).tolist()
        return sum(in_error(self.ours(dict(zip(NAMES, row, strict=True))), false) for row in rows), count


def _decided(procedure: str, graph: AlphaGraph | None = None) -> Rejects:
    def rejects(p: Mapping[str, float]) -> tuple[bool, ...]:
        found = decide(p, procedure, ALPHA, 2, graph)  # type: ignore[arg-type]
        return tuple(found[name].significant is True for name in NAMES)

    return rejects


def _closed(local: str, shares: Mapping[str, float] | None = None) -> Rejects:
    def rejects(p: Mapping[str, float]) -> tuple[bool, ...]:
        found = closed_test(p, local, shares).adjusted_p  # type: ignore[arg-type]
        return tuple(found[name] <= ALPHA for name in NAMES)

    return rejects


def _adjusted(adjust: Callable[[list[float]], list[float]]) -> Rejects:
    return lambda p: tuple(q <= ALPHA for q in adjust(list(p.values())))


def _in_turn(p: Mapping[str, float]) -> tuple[bool, ...]:
    """Each at full alpha, as long as all before it were rejected."""
    found = [q <= ALPHA for q in p.values()]
    return tuple(all(found[: i + 1]) for i in range(len(found)))


def _bonferroni(intersection: tuple[int, ...], p: list[float]) -> float:
    total = sum(SHARES[k] for k in intersection)
    return min(p[k] / (SHARES[k] / total) for k in intersection)


_TRANSITIONS = [[GRAPH.transitions[one].get(other, 0.0) for other in NAMES] for one in NAMES]

PROCEDURES = [
    Procedure("fixed sequence", _decided("fixed sequence"), _in_turn),
    Procedure("Holm", _decided("holm"), _adjusted(twins.holm)),
    Procedure("Hochberg", _decided("hochberg"), _adjusted(twins.hochberg)),
    Procedure("Hommel", _decided("hommel"), _adjusted(twins.hommel)),
    Procedure(
        "alpha graph, half to each of two, handed on in halves",
        _decided("graph", GRAPH),
        _adjusted(lambda p: twins.alpha_graph(list(GRAPH.weights.values()), _TRANSITIONS, p)),
    ),
    Procedure("closed test, Simes", _closed("simes"), _adjusted(lambda p: twins.closed_test(p, twins.simes))),
    Procedure(
        "closed test, Bonferroni weighted 5:3:2",
        _closed("bonferroni", dict(zip(NAMES, SHARES, strict=True))),
        _adjusted(lambda p: twins.closed_test(p, _bonferroni)),
    ),
]
