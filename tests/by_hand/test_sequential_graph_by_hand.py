"""Alpha graphs with group sequential tests worked on paper; spending a t makes first looks exact, alpha / 2 at 1/2."""

from __future__ import annotations

import math

import pytest
from scipy.special import ndtri
from tests.by_hand.test_design_by_hand import second_look

from equipoise.design import AlphaGraph, HwangShihDeCani, KimDeMets, group_sequential, obrien_fleming, sequential_graph

EACH_OTHER = AlphaGraph(weights={"PFS": 1 / 5, "OS": 4 / 5}, transitions={"PFS": {"OS": 1}, "OS": {"PFS": 1}})
HALVES = group_sequential(alpha=0.025, sided=1, information_fractions=[0.5, 1], efficacy=KimDeMets(1))


def z_of(tail: float) -> float:
    return -float(ndtri(tail))


def test_alpha_passes_on_and_bounds_fall() -> None:
    """PFS holds .025 / 5 = .005, spends .0025 first, and has a tail of .002: rejected. OS at .02 would need .01 and has
    .0115; at .02 + .005 = .025 it needs .0125: rejected. Sequential P 2 x .002 = .004 and 2 x .0115 = .023; adjusted
    .004 x 5 = .02, and for OS the larger of .02 and .023 x 1."""
    found = sequential_graph(
        EACH_OTHER, {"PFS": HALVES, "OS": HALVES}, {"PFS": [z_of(0.002)], "OS": [z_of(0.0115)]}, alpha=0.025
    )
    assert found.rejected == ("PFS", "OS")
    pfs, os = found.standings["PFS"], found.standings["OS"]
    assert (pfs.alpha, pfs.look, os.alpha, os.look) == (pytest.approx(0.005, rel=1e-15), 1, pytest.approx(0.025), 1)
    assert pfs.efficacy_bounds[0] == pytest.approx(z_of(0.0025), rel=1e-13)
    assert os.efficacy_bounds[0] == pytest.approx(z_of(0.0125), rel=1e-13)
    assert [pfs.sequential_p, os.sequential_p] == pytest.approx([0.004, 0.023], rel=1e-11)
    assert found.adjusted_p == pytest.approx({"PFS": 0.02, "OS": 0.023}, rel=1e-11)
    assert [dict(g.weights) for g in found.graphs[1:]] == [{"OS": 1.0}, {}]


def test_what_is_not_rejected_keeps_its_alpha() -> None:
    """PFS has a tail of .003 where it may have .0025. Nothing is handed on: OS, .0115 against .01, stays."""
    found = sequential_graph(
        EACH_OTHER, {"PFS": HALVES, "OS": HALVES}, {"PFS": [z_of(0.003)], "OS": [z_of(0.0115)]}, alpha=0.025
    )
    assert found.rejected == ()
    os = found.standings["OS"]
    first, last = os.efficacy_bounds.tolist()
    assert (os.alpha, first) == (pytest.approx(0.02, rel=1e-15), pytest.approx(z_of(0.01), rel=1e-13))
    assert second_look(first, last, 0.5, 0.0) == pytest.approx(0.01, rel=1e-9)  # the other half, at the second look
    # The closed test: both intersections and the larger of .006 / (1/5) = .03 and .023 / (4/5) = .02875 is the least.
    assert found.adjusted_p == pytest.approx({"PFS": 0.02875, "OS": 0.02875}, rel=1e-11)


def test_a_look_that_has_passed_is_read_again() -> None:
    """OS was at .0115 at its first look, not enough at .02, and fell back to z = 1 at its second. Then PFS is rejected
    at its second look, OS holds .025, and its first look is a crossing."""
    tests = {"PFS": HALVES, "OS": HALVES}
    before = sequential_graph(EACH_OTHER, tests, {"PFS": [1.0], "OS": [z_of(0.0115), 1.0]}, alpha=0.025)
    assert before.rejected == ()
    found = sequential_graph(EACH_OTHER, tests, {"PFS": [1.0, 4.0], "OS": [z_of(0.0115), 1.0]}, alpha=0.025)
    assert found.rejected == ("PFS", "OS")
    assert (found.standings["PFS"].look, found.standings["OS"].look) == (2, 1)


def test_a_gatekeeper_gives_nothing_before_it_is_rejected() -> None:
    """OS holds no alpha while PFS stands, whatever its z; it has the whole of it afterwards."""
    graph = AlphaGraph(weights={"PFS": 1, "OS": 0}, transitions={"PFS": {"OS": 1}})
    tests = {"PFS": HALVES, "OS": HALVES}
    kept = sequential_graph(graph, tests, {"PFS": [1.0], "OS": [9.0]}, alpha=0.025)
    assert kept.rejected == ()
    assert kept.standings["OS"].alpha == 0
    assert kept.standings["OS"].efficacy_bounds.tolist() == [math.inf, math.inf]
    opened = sequential_graph(graph, tests, {"PFS": [3.0], "OS": []}, alpha=0.025)
    assert opened.rejected == ("PFS",)
    assert opened.standings["OS"].alpha == 0.025
    assert opened.standings["OS"].efficacy_bounds[0] == pytest.approx(z_of(0.0125), rel=1e-13)


def test_one_look_each_is_the_graph_of_p_values() -> None:
    once = group_sequential(alpha=0.05, sided=1, information_fractions=[1], efficacy=obrien_fleming())
    graph = AlphaGraph(
        weights={"P1": 0.5, "P2": 0.5, "S1": 0, "S2": 0},
        transitions={"P1": {"S1": 1}, "P2": {"S2": 1}, "S1": {"P2": 1}, "S2": {"P1": 1}},
    )
    p = {"P1": 0.01, "P2": 0.02, "S1": 0.01, "S2": 0.024}
    plain = graph.test(p, alpha=0.025)
    found = sequential_graph(graph, dict.fromkeys(p, once), {n: [z_of(x)] for n, x in p.items()}, alpha=0.025)
    assert found.rejected == plain.rejected == ("P1", "S1", "P2", "S2")
    assert found.adjusted_p == pytest.approx(dict(plain.adjusted_p), rel=1e-10)
    assert [dict(g.weights) for g in found.graphs] == [dict(g.weights) for g in plain.graphs]


def test_published_bounds_of_an_alpha_split_between_pfs_and_os() -> None:
    """lrstat's vignettes split .025 into .005 for PFS and .020 for OS, whose Hwang-Shih-DeCani bounds (gamma -4) at
    information fractions .494, .701 and 1 are 2.831, 2.600 and 2.100. The fractions are printed to three decimals, so
    the last digit of the bounds is not."""
    os = group_sequential(alpha=0.025, sided=1, information_fractions=[0.494, 0.701, 1], efficacy=HwangShihDeCani(-4))
    pfs = group_sequential(alpha=0.025, sided=1, information_fractions=[1], efficacy=HwangShihDeCani(-4))
    found = sequential_graph(EACH_OTHER, {"PFS": pfs, "OS": os}, {"PFS": [], "OS": [2.7]}, alpha=0.025)
    assert found.standings["PFS"].efficacy_bounds.tolist() == pytest.approx([z_of(0.005)], abs=1e-12)
    assert found.standings["OS"].efficacy_bounds.tolist() == pytest.approx([2.831, 2.600, 2.100], abs=1e-3)
    assert found.rejected == ()
