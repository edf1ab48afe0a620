"""Family-wise error of an alpha graph with group sequential tests, on simulated statistics (slow tier).

Two endpoints whose Z at two looks each are correlated Brownian motions. The rates are of a million trials in which
bounds at the alpha that each endpoint can hold, its share or all, are applied to arrays; on some hundreds of them
sequential_graph() itself must decide the same. Monte Carlo errors are allowed 4.5 times, as elsewhere.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from equipoise.design import AlphaGraph, HwangShihDeCani, LanDeMets, group_sequential, sequential_graph

pytestmark = pytest.mark.slow

SEED, TRIALS, COMPARED, FAMILY_WISE, ALPHA = 20261128, 1_000_000, 400, 4.5, 0.025
NAMES = ("PFS", "OS")
LOOKS = {"PFS": [0.7, 1.0], "OS": [0.5, 1.0]}
TESTS = {
    "PFS": group_sequential(alpha=ALPHA, sided=1, information_fractions=LOOKS["PFS"], efficacy=LanDeMets("pocock")),
    "OS": group_sequential(alpha=ALPHA, sided=1, information_fractions=LOOKS["OS"], efficacy=HwangShihDeCani(-4)),
}
GRAPH = AlphaGraph(weights={"PFS": 0.2, "OS": 0.8}, transitions={"PFS": {"OS": 1}, "OS": {"PFS": 1}})
FREE = AlphaGraph(weights={"PFS": 0.2, "OS": 0.8}, transitions={})


def drawn(drift: dict[str, float], correlation: float, stream: int) -> dict[str, np.ndarray]:
    """(trials, 2) Z by endpoint."""
    rng = np.random.Generator(np.random.Philox([SEED, stream]))
    noise = rng.standard_normal((2, TRIALS, 2))
    noise[1] = correlation * noise[0] + math.sqrt(1 - correlation**2) * noise[1]
    found = {}
    for name, e in zip(NAMES, noise, strict=True):
        steps = np.diff(LOOKS[name], prepend=0.0)
        found[name] = np.cumsum(drift[name] * steps + np.sqrt(steps) * e, axis=1) / np.sqrt(LOOKS[name])
    return found


def rejected(z: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """(trials,) whether each endpoint is rejected in the end: at its share, or at all of alpha once the other is."""
    holding = {
        "share": GRAPH,
        "PFS": AlphaGraph(weights={"PFS": 1, "OS": 0}, transitions={}),
        "OS": AlphaGraph(weights={"PFS": 0, "OS": 1}, transitions={}),
    }
    before = {name: sequential_graph(g, TESTS, {n: [] for n in NAMES}, alpha=ALPHA) for name, g in holding.items()}
    bounds = {name: {n: s.efficacy_bounds for n, s in b.standings.items()} for name, b in before.items()}
    alone = {n: (z[n] >= bounds["share"][n]).any(axis=1) for n in NAMES}
    whole = {n: (z[n] >= bounds[n][n]).any(axis=1) for n in NAMES}
    return {"PFS": alone["PFS"] | (alone["OS"] & whole["PFS"]), "OS": alone["OS"] | (alone["PFS"] & whole["OS"])}


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("null", [("PFS", "OS"), ("OS",), ("PFS",)])
@pytest.mark.parametrize("effect", [1.5, 3.0, 8.0])
def test_family_wise_error(null: tuple[str, ...], effect: float, correlation: float) -> None:
    """At most alpha whatever is true; all of it where the endpoint with an effect is sure to hand on its share."""
    stream = int(1000 * effect + 100 * correlation) + 10 * len(null) + NAMES.index(null[0])
    z = drawn({n: 0.0 if n in null else effect for n in NAMES}, correlation, stream)
    found = rejected(z)
    error = np.any([found[n] for n in null], axis=0).mean()
    sampling = math.sqrt(ALPHA * (1 - ALPHA) / TRIALS)
    print(f"null {' and '.join(null)}, effect {effect}, correlation {correlation}: {error:.5f} (se {sampling:.5f})")
    assert error <= ALPHA + FAMILY_WISE * sampling
    if len(null) == 1 and effect == 8:
        assert error >= ALPHA - FAMILY_WISE * sampling
    for i in range(COMPARED // 20):
        one = sequential_graph(GRAPH, TESTS, {n: z[n][i].tolist() for n in NAMES}, alpha=ALPHA)
        assert set(one.rejected) == {n for n in NAMES if found[n][i]}


def test_handing_on_gains_power() -> None:
    """What is handed on is not lost: with effects on both, OS is claimed more often than at its own share."""
    z = drawn({"PFS": 4.0, "OS": 2.5}, 0.5, 1)
    found = rejected(z)
    own = z["OS"] >= sequential_graph(FREE, TESTS, {n: [] for n in NAMES}, alpha=ALPHA).standings["OS"].efficacy_bounds
    print(f"power for OS {found['OS'].mean():.4f}, without what PFS hands on {own.any(axis=1).mean():.4f}")
    assert found["OS"].mean() > own.any(axis=1).mean()
    for i in range(COMPARED):
        one = sequential_graph(GRAPH, TESTS, {n: z[n][i].tolist() for n in NAMES}, alpha=ALPHA)
        assert set(one.rejected) == {n for n in NAMES if found[n][i]}
