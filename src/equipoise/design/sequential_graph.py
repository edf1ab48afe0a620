"""Alpha graphs whose hypotheses are tested at several looks: what is rejected so far, and which bounds are in force."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import brentq

from .. import results
from ..errors import DesignError
from ..results import Row
from .alpha_graph import AlphaGraph
from .boundaries import HaybittlePeto, PampallonaTsiatis
from .crossing import Vector
from .given import FrozenMapping, named, real_number
from .group_sequential import GroupSequential, group_sequential

if TYPE_CHECKING:
    import polars as pl

# Bounds of Lan-DeMets spending of O'Brien-Fleming type fall as alpha rises only while the normal quantile of half of
# alpha is 1 or more: below, what a late look may spend begins to shrink. All other bounds here fall up to any alpha.
_MOST = 0.31731
_LEAST = 1e-12  # the recursion leaves out tails of 1e-17, which would show in smaller alphas
_EXACT = 1e-12
_NO_LOOK = "it has not been looked at yet"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Standing:
    """Where one hypothesis of an alpha graph stands; ``z`` (m,) of its looks so far, the other arrays (k,) of all.

    ``alpha`` is what it holds now or, ``rejected``, held then; ``efficacy_bounds`` are those in force at that alpha,
    infinite where it is none. ``look`` (from 1) is the first whose z reached its bound. ``sequential_p`` is the
    smallest alpha at which the hypothesis alone would have been rejected by now, ``adjusted_p`` the smallest alpha of
    the whole graph; both are ``nan``, with a ``reason``, where there was no look.
    """

    hypothesis: str
    rejected: bool
    alpha: float
    look: int | None
    information_fractions: Vector
    efficacy_bounds: Vector
    z: Vector
    sequential_p: float
    adjusted_p: float
    method: str
    reason: str

    def __post_init__(self) -> None:
        results.read_only(self)

    def __str__(self) -> str:
        if self.rejected:
            return f"{self.hypothesis} is rejected at look {self.look} (alpha {self.alpha:g})"
        text = f"{self.hypothesis} is not rejected"
        if self.alpha < _LEAST:
            return f"{text} and holds no alpha"
        text += f" and holds alpha {self.alpha:g}"
        ahead = len(self.z)
        if ahead == len(self.efficacy_bounds):
            return text
        return f"{text}, next bound {results.fixed(float(self.efficacy_bounds[ahead]), 3)} at look {ahead + 1}"

    def rows(self) -> list[Row]:
        """Alpha, P values, and z and bounds by information fraction (``at``) as rows of the long table."""
        alpha = "alpha at rejection" if self.rejected else "alpha held"
        said: list[tuple[str, float | None, float, str, str]] = [
            (alpha, None, self.alpha, f"{self.alpha:g}", ""),
            ("sequential P", None, self.sequential_p, results.p_value(self.sequential_p), self.reason),
            ("adjusted P", None, self.adjusted_p, results.p_value(self.adjusted_p), self.reason),
        ]
        if self.look is not None:
            at = float(self.information_fractions[self.look - 1])
            said.append(("look of rejection", at, float(self.look), str(self.look), ""))
        times = self.information_fractions.tolist()
        said += [("z", t, z, results.fixed(z, 3), "") for t, z in zip(times, self.z.tolist(), strict=False)]
        said += [
            ("efficacy bound", t, bound, results.fixed(bound, 3), "" if math.isfinite(bound) else "nothing is spent")
            for t, bound in zip(times, self.efficacy_bounds.tolist(), strict=True)
        ]
        return [
            Row(
                endpoint=self.hypothesis,
                statistic=statistic,
                at=at,
                method=self.method,
                **results.number(value, text, reason),  # type: ignore[arg-type]
            )
            for statistic, at, value, text, reason in said
        ]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SequentialGraphTest:
    """What an alpha graph made of the looks so far: ``rejected`` in order, ``standings`` by hypothesis.

    ``graphs`` begins with the graph as designed; each further one is what a rejection left. A hypothesis is rejected
    at ``alpha`` exactly where its adjusted P is at most alpha.
    """

    alpha: float
    rejected: tuple[str, ...]
    standings: Mapping[str, Standing]
    graphs: tuple[AlphaGraph, ...]
    method: str

    @property
    def adjusted_p(self) -> dict[str, float]:
        """Adjusted (sequential) P of every hypothesis."""
        return {name: standing.adjusted_p for name, standing in self.standings.items()}

    @property
    def graph(self) -> AlphaGraph:
        """The graph that is left, in which the next look will be tested."""
        return self.graphs[-1]

    def __str__(self) -> str:
        order = [*self.rejected, *(name for name in self.standings if name not in self.rejected)]
        said = "; ".join(str(self.standings[name]) for name in order)
        return f"Alpha graph with group sequential tests at one-sided alpha {self.alpha:g}: {said}"

    def rows(self) -> list[Row]:
        """Those of every hypothesis, as rows of the long table."""
        return [row for standing in self.standings.values() for row in standing.rows()]

    def table(self) -> pl.DataFrame:
        """``rows()`` as the long table."""
        return results.long_table(self.rows())


def sequential_graph(
    graph: AlphaGraph, tests: Mapping[str, GroupSequential], z: Mapping[str, Sequence[float]], *, alpha: float
) -> SequentialGraphTest:
    """Which hypotheses can be rejected by now, each tested at looks of its own and handing on its alpha once rejected.

    ``tests`` give each hypothesis its looks and the family of its bounds, one-sided; the alpha they were made with
    counts for nothing, as bounds are found anew at the alpha that a hypothesis holds, for efficacy alone (futility is
    not binding). ``z`` is that of the looks so far, above zero in favour of the experimental arm: none, ``[]``, where
    there was no look yet. ``alpha`` is the one-sided family-wise error, kept strongly whatever the dependence of the
    endpoints: each intersection is tested by weighted Bonferroni of group sequential tests (Maurer and Bretz 2013).

    When a hypothesis receives alpha, all its looks so far are read again at the bounds of its new alpha, also those
    that have passed; it is the same as testing its sequential P (Liu and Anderson 2008) in the graph. So the order in
    which looks of different hypotheses came does not matter. A trial that forbids looking back would claim less.

    Sequential P below 1e-12 is given as that, from 0.317 up as 1. Raises ``DesignError`` for tests and z that do not
    fit the graph, for two-sided tests, binding futility, and families whose bounds do not fall as alpha rises.

    >>> from equipoise.design import HwangShihDeCani
    >>> graph = AlphaGraph(weights={"PFS": 0.2, "OS": 0.8}, transitions={"PFS": {"OS": 1}, "OS": {"PFS": 1}})
    >>> looks = {"PFS": [0.8, 1], "OS": [0.494, 0.701, 1]}
    >>> tests = {name: group_sequential(alpha=0.025, sided=1, information_fractions=t, efficacy=HwangShihDeCani(-4))
    ...          for name, t in looks.items()}
    >>> found = sequential_graph(graph, tests, {"PFS": [3.0], "OS": [1.2]}, alpha=0.025)
    >>> print(found)
    Alpha graph with group sequential tests at one-sided alpha 0.025: PFS is rejected at look 1 (alpha 0.005); OS is
    not rejected and holds alpha 0.025, next bound 2.520 at look 2
    """
    seen = _checked(graph, tests, z, alpha)
    sequential = {name: _sequential_p(tests[name], seen[name]) for name in graph.weights}
    rejected, graphs, held = _rejections(graph, tests, seen, sequential, alpha)
    adjusted = graph.test(sequential, alpha).adjusted_p
    standings = {}
    for name in graph.weights:
        own, bounds = held[name]
        out, looked = name in rejected, len(seen[name]) > 0
        # Bounds decide; where z is a bound but for rounding, the P, which is found from it, follows.
        p = min(adjusted[name], alpha) if out else max(adjusted[name], math.nextafter(alpha, 1.0))
        standings[name] = Standing(
            hypothesis=name,
            rejected=out,
            alpha=own,
            look=_first(seen[name], bounds) if out else None,
            information_fractions=tests[name].information_fractions,
            efficacy_bounds=bounds,
            z=seen[name],
            sequential_p=sequential[name] if looked else math.nan,
            adjusted_p=p if looked else math.nan,
            method=f"{tests[name].method} in an alpha graph",
            reason="" if looked else _NO_LOOK,
        )
    return SequentialGraphTest(
        alpha=float(alpha),
        rejected=tuple(rejected),
        standings=FrozenMapping(standings),
        graphs=tuple(graphs),
        method="alpha graph with group sequential tests, all looks so far read at the alpha held",
    )


def _rejections(
    graph: AlphaGraph,
    tests: Mapping[str, GroupSequential],
    seen: Mapping[str, Vector],
    sequential: Mapping[str, float],
    alpha: float,
) -> tuple[list[str], list[AlphaGraph], dict[str, tuple[float, Vector]]]:
    """Hypotheses in the order of rejection, the graphs, and the alpha and bounds that each hypothesis had last."""
    held: dict[str, tuple[float, Vector]] = {}
    left, graphs, rejected = graph, [graph], list[str]()
    while left.weights:
        for name, weight in left.weights.items():
            if name not in held or held[name][0] != weight * alpha:
                held[name] = (weight * alpha, _bounds(tests[name], weight * alpha))
        crossed = [name for name in left.weights if _first(seen[name], held[name][1]) is not None]
        if not crossed:
            break
        nearest = min(crossed, key=lambda name: sequential[name] / left.weights[name])
        left = left.without(nearest)
        rejected.append(nearest)
        graphs.append(left)
    return rejected, graphs, held


def _first(z: Vector, bounds: Vector) -> int | None:
    """The first look, from 1, whose z has reached its bound."""
    reached = np.flatnonzero(z >= bounds[: len(z)])
    return int(reached[0]) + 1 if len(reached) else None


def _bounds(test: GroupSequential, alpha: float) -> Vector:
    """Efficacy bounds of all looks at an alpha, futility left aside."""
    if alpha < _LEAST:
        return np.full(len(test.information_fractions), math.inf)
    return group_sequential(
        alpha=alpha,
        sided=1,
        information_fractions=test.information_fractions.tolist(),
        efficacy=test.efficacy,
        spending_fractions=test.spending_fractions.tolist(),
    ).efficacy_bounds


def _sequential_p(test: GroupSequential, z: Vector) -> float:
    """The alpha at which one of the z so far is on its bound and none beyond."""

    def beyond(log_alpha: float) -> float:
        return max(float((z - _bounds(test, math.exp(log_alpha))[: len(z)]).max()), -100.0)

    least, most = math.log(_LEAST * (1 + 1e-9)), math.log(_MOST)
    if not len(z) or beyond(most) < 0:
        return 1.0
    if beyond(least) >= 0:
        return _LEAST
    return float(math.exp(brentq(beyond, least, most, xtol=_EXACT, rtol=_EXACT)))


def _checked(graph: object, tests: object, z: object, alpha: object) -> dict[str, Vector]:
    """The z so far (m,) by hypothesis, or why they cannot be tested in the graph."""
    if not isinstance(graph, AlphaGraph):
        raise DesignError(f"{graph!r} is no alpha graph", where="graph", remedy="Give an AlphaGraph.")
    if not 0 < real_number(alpha) <= _MOST:
        raise DesignError(
            f"alpha = {alpha!r} is not between 0 and 0.317", where="alpha", remedy="Give the one-sided, such as 0.025."
        )
    names = ", ".join(graph.weights)
    for what, given, remedy in (
        ("tests", tests, f"Give one for each of {names}."),
        ("z", z, f"Give those so far for each of {names}; [] before a look."),
    ):
        if not (isinstance(given, Mapping) and named(given) and set(given) == set(graph.weights)):
            shown = (", ".join(given) or "nobody") if isinstance(given, Mapping) and named(given) else repr(given)
            raise DesignError(f"{what} are given for {shown}", where=what, remedy=remedy)
    assert isinstance(tests, Mapping)
    assert isinstance(z, Mapping)
    for name in graph.weights:
        _check_test(tests[name], f"tests, {name}")
    return {name: _z(z[name], len(tests[name].information_fractions), f"z, {name}") for name in graph.weights}


def _check_test(test: object, where: str) -> None:
    if not isinstance(test, GroupSequential):
        raise DesignError(
            f"{test!r} is no group sequential test", where=where, remedy="Give that of group_sequential()."
        )
    if test.sided != 1:
        raise DesignError(
            "a two-sided test hands on no alpha of one side", where=where, remedy="Take sided=1 with half of alpha."
        )
    if isinstance(test.efficacy, HaybittlePeto | PampallonaTsiatis):
        raise DesignError(
            f"{test.efficacy} do not all fall as alpha rises",
            where=where,
            remedy="Take a spending function or Wang-Tsiatis bounds.",
        )
    if test.binding:
        raise DesignError(
            "bounds are found anew for efficacy alone, which is not the test with binding futility that is given",
            where=where,
            remedy="Take binding=False.",
        )


def _z(given: object, looks: int, where: str) -> Vector:
    listed = list(given) if isinstance(given, Sequence | np.ndarray) and not isinstance(given, str) else [given]
    seen = np.array([real_number(value) for value in listed], dtype=float)
    if len(seen) > looks or not np.isfinite(seen).all():
        raise DesignError(
            f"{given!r} are not one z a look so far",
            where=where,
            remedy=f"Give up to {looks} numbers, [] before a look.",
        )
    return seen
