"""Alpha graphs with group sequential tests against the closed test, over random graphs, looks, families and z."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.oracles import twins_multiplicity as multiplicity
from tests.oracles import twins_sequential_graph as twin
from tests.properties.examples import plenty
from tests.properties.test_design_against_twins import looks, spending

from equipoise.design import AlphaGraph, SequentialGraphTest, group_sequential, sequential_graph

NEAR = 1e-6  # of z to a bound: the second program's bounds are good to 1e-7


@st.composite
def graphs(draw: st.DrawFn) -> tuple[AlphaGraph, multiplicity.Graph]:
    """A graph of two or three hypotheses in tenths, and the twin's in fractions."""
    n = draw(st.integers(2, 3))

    def shares(count: int) -> list[Fraction]:
        parts = draw(st.lists(st.integers(0, 5), min_size=count, max_size=count))
        return [
            Fraction(p, max(sum(parts), 10)) if draw(st.booleans()) else Fraction(p, max(sum(parts), 1)) for p in parts
        ]

    weights = shares(n)
    assume(sum(weights) > 0)
    rows = []
    for i in range(n):
        row = shares(n - 1)
        rows.append([*row[:i], Fraction(0), *row[i:]])
    names = [f"H{i}" for i in range(n)]
    ours = AlphaGraph(
        weights={name: float(w) for name, w in zip(names, weights, strict=True)},
        transitions={
            name: {to: float(g) for to, g in zip(names, row, strict=True)}
            for name, row in zip(names, rows, strict=True)
        },
    )
    return ours, (weights, rows)


def tried(data: st.DataObject) -> tuple[SequentialGraphTest, multiplicity.Graph, list[twin.Look], list[list[float]]]:
    graph, plain = data.draw(graphs())
    names = list(graph.weights)
    alpha = data.draw(st.sampled_from([0.01, 0.025, 0.1]))
    tests, plainly, z = {}, [], []
    for name in names:
        t = data.draw(looks().filter(lambda t: len(t) < 4))
        family, spent = data.draw(spending(len(t)))
        tests[name] = group_sequential(alpha=0.2, sided=1, information_fractions=t, efficacy=family)  # type: ignore[arg-type]
        plainly.append((t, spent))
        z.append(data.draw(st.lists(st.floats(1.2, 4), max_size=len(t))))
    found = sequential_graph(graph, tests, dict(zip(names, z, strict=True)), alpha=alpha)
    for standing in found.standings.values():
        seen = len(standing.z)
        assume(not (abs(standing.z - standing.efficacy_bounds[:seen]) < NEAR).any())
    return found, plain, plainly, z  # type: ignore[return-value]


@given(st.data())
@plenty(150)
def test_stepwise_is_the_closed_test(data: st.DataObject) -> None:
    """Both twins reject the same; so do we, at the alphas and looks of the stepwise one, in whatever order."""
    found, graph, plainly, z = tried(data)
    names = list(found.standings)
    assert {names.index(h) for h in found.rejected} == twin.closed(graph, plainly, z, found.alpha)
    assert set(twin.stepwise(graph, plainly, z, found.alpha)) == {names.index(h) for h in found.rejected}
    for name, s in found.standings.items():
        i = names.index(name)
        assert (s.look is not None) == s.rejected == (name in found.rejected)
        crossed = twin.reached(plainly[i], z[i], s.alpha)
        assert crossed[:1] == ([s.look] if s.rejected else [])
        assert not s.rejected or s.adjusted_p <= found.alpha
        assert not z[i] or s.rejected or s.adjusted_p > found.alpha
    left = list(found.graph.weights)
    for name in left:
        assert found.standings[name].alpha == pytest.approx(found.alpha * found.graph.weights[name], abs=1e-15)


@given(st.data())
@plenty(80)
def test_sequential_p_is_where_the_test_turns(data: st.DataObject) -> None:
    """A hypothesis alone crosses just above its sequential P and not just below; the graph rejects at an alpha of just
    above the adjusted P and not of just below."""
    found, graph, plainly, z = tried(data)
    names = list(found.standings)
    step = 1e-5
    for i, s in enumerate(found.standings.values()):
        if not z[i] or not 1e-9 < s.sequential_p < 0.31:
            continue
        assert twin.reached(plainly[i], z[i], s.sequential_p * (1 + step))
        assert not twin.reached(plainly[i], z[i], s.sequential_p * (1 - step))
        if s.adjusted_p < 0.31 and s.adjusted_p != pytest.approx(found.alpha, rel=2 * step):
            assert i in twin.closed(graph, plainly, z, s.adjusted_p * (1 + step)), names[i]
            assert i not in twin.closed(graph, plainly, z, s.adjusted_p * (1 - step)), names[i]


@given(st.data())
@plenty(60)
def test_bounds_fall_as_alpha_rises(data: st.DataObject) -> None:
    """What the short cut of the closed test rests on."""
    t = data.draw(looks())
    family, _ = data.draw(spending(len(t)))
    low, high = sorted(data.draw(st.lists(st.floats(-8, math.log10(0.317)), min_size=2, max_size=2)))
    bounds = [
        group_sequential(alpha=10**x, sided=1, information_fractions=t, efficacy=family).efficacy_bounds  # type: ignore[arg-type]
        for x in (low, high)
    ]
    assert (np.where(np.isinf(bounds[1]), 0, bounds[1]) <= bounds[0] + 1e-9).all()
