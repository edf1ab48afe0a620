"""Testing procedures worked on paper."""

from __future__ import annotations

import pytest

from equipoise.analyze import adjusted_p, closed_test, decide
from equipoise.design import AlphaGraph

P = {"A": 0.01, "B": 0.02, "C": 0.03, "D": 0.5}


def test_hochberg() -> None:
    """From the largest: 1 x .5, 2 x .03, 3 x .02, 4 x .01; each the least of itself and those above."""
    want = {"A": 0.04, "B": 0.06, "C": 0.06, "D": 0.5}
    assert adjusted_p(P, "hochberg") == pytest.approx(want, rel=1e-15)
    # All below alpha: every hypothesis is rejected at the first step, which Holm would not do.
    assert adjusted_p({"A": 0.04, "B": 0.045}, "hochberg") == pytest.approx({"A": 0.045, "B": 0.045}, rel=1e-15)
    assert adjusted_p({"A": 0.04, "B": 0.045}, "holm") == pytest.approx({"A": 0.08, "B": 0.08}, rel=1e-15)


def test_hommel_is_the_closed_simes_test() -> None:
    """For A the largest Simes P of an intersection: {A, B, C, D} min(.04, .04, .04, .5) = .04; {A, C, D}
    min(.03, .045, .5) = .03; {A, D} .02; {A} .01. For B: {B, C, D} min(.06, .045, .5) = .045. For C: {C, D} .06."""
    want = {"A": 0.04, "B": 0.045, "C": 0.06, "D": 0.5}
    assert adjusted_p(P, "hommel") == pytest.approx(want, rel=1e-15)
    assert dict(closed_test(P, "simes").adjusted_p) == pytest.approx(want, rel=1e-15)


def test_closed_bonferroni_is_holm() -> None:
    want = {"A": 0.04, "B": 0.06, "C": 0.06, "D": 0.5}
    assert adjusted_p(P, "holm") == pytest.approx(want, rel=1e-15)
    found = closed_test(P, "bonferroni")
    assert dict(found.adjusted_p) == pytest.approx(want, rel=1e-15)
    assert found.intersections[frozenset("BC")] == pytest.approx(0.04, rel=1e-15)
    # Weights 3 : 1 in {A, B}: min(.03 * 4/3, .02 * 4) = .04.
    weighted = closed_test({"A": 0.03, "B": 0.02}, "bonferroni", weights={"A": 3, "B": 1})
    assert dict(weighted.adjusted_p) == pytest.approx({"A": 0.04, "B": 0.04}, rel=1e-15)


def test_a_graph_hands_alpha_on() -> None:
    """Two primaries at half alpha each with a secondary each; the primary first hands to its secondary, that to the
    other primary. P1 .01 at .0125 is rejected; S1 (.0125) at .02 is not; nothing of it reaches P2."""
    graph = AlphaGraph(
        weights={"P1": 0.5, "P2": 0.5, "S1": 0, "S2": 0},
        transitions={"P1": {"S1": 1}, "P2": {"S2": 1}, "S1": {"P2": 1}, "S2": {"P1": 1}},
    )
    found = graph.test({"P1": 0.01, "P2": 0.02, "S1": 0.02, "S2": 0.03}, alpha=0.025)
    assert found.rejected == ("P1",)
    assert dict(found.adjusted_p) == pytest.approx({"P1": 0.02, "P2": 0.04, "S1": 0.04, "S2": 0.04}, rel=1e-15)
    # With S1 at .01 its share goes on to P2: (.5 + .5) alpha, .02 is rejected, and S2 is tested at full alpha.
    found = graph.test({"P1": 0.01, "P2": 0.02, "S1": 0.01, "S2": 0.024}, alpha=0.025)
    assert found.rejected == ("P1", "S1", "P2", "S2")
    assert dict(found.adjusted_p) == pytest.approx({"P1": 0.02, "P2": 0.02, "S1": 0.02, "S2": 0.024}, rel=1e-15)
    assert [dict(g.weights) for g in found.graphs[1:3]] == [{"P2": 0.5, "S1": 0.5, "S2": 0.0}, {"P2": 1.0, "S2": 0.0}]


def test_arrows_through_a_rejected_hypothesis() -> None:
    """B to A half, A to B half, both halves to C: without B, A hands (1/2 + 1/2 * 1/2) / (1 - 1/4) = 1 to C."""
    graph = AlphaGraph(
        weights={"A": 0.6, "B": 0.4, "C": 0},
        transitions={"A": {"B": 0.5, "C": 0.5}, "B": {"A": 0.5, "C": 0.5}},
    )
    after = graph.without("B")
    assert dict(after.weights) == pytest.approx({"A": 0.8, "C": 0.2}, rel=1e-15)
    assert after.transitions["A"]["C"] == pytest.approx(1.0, rel=1e-15)
    assert graph.weights_of(["C"]) == pytest.approx({"C": 1.0}, rel=1e-15)


def test_holm_as_a_graph() -> None:
    third = dict.fromkeys("ABC", 1 / 3)
    graph = AlphaGraph(weights=third, transitions={n: {m: 0.5 for m in "ABC" if m != n} for n in "ABC"})
    p = {"A": 0.01, "B": 0.02, "C": 0.04}
    assert adjusted_p(p, "graph", graph) == pytest.approx(adjusted_p(p, "holm"), rel=1e-12)
    found = decide(p, "graph", 0.05, 2, graph)
    assert found["C"].sentence == "significant at 2-sided 0.05 (alpha graph, adjusted P 0.0400)"
