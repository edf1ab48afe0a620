"""Frequencies of allocations, each within 4.5 Monte Carlo standard errors of its probability (slow tier)."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Mapping
from fractions import Fraction

import numpy as np
import pytest
from tests.oracles import twins_randomize as twins

from equipoise.protocol import Randomization
from equipoise.randomize import Purpose, allocate, generator

pytestmark = pytest.mark.slow

ERRORS = 4.5
Arms = tuple[int, ...]


def randomization(ratio: tuple[int, ...], *sizes: int, strata: tuple[str, ...] = ()) -> Randomization:
    return Randomization(
        procedure="permuted blocks" if sizes else "simple",
        allocation=dict(zip("ABC", ratio, strict=False)),
        block_sizes=sizes,
        strata=strata,
    )


def stream(trial: int) -> np.random.Generator:
    return generator(20260303, trial=trial, purpose=Purpose.ALLOCATION)


def expect(name: str, found: Counter[Arms], law: Mapping[Arms, Fraction]) -> None:
    n = found.total()
    assert set(found) <= set(law), name
    assert sum(law.values()) == 1
    away = {a: abs(found[a] / n - p) / math.sqrt(p * (1 - p) / n) for a, p in law.items()}
    worst = max(away, key=away.__getitem__)
    print(f"{name:65} {len(law):4} cells, {n} draws, largest deviation {away[worst]:.2f} errors")
    assert away[worst] <= ERRORS, (name, worst)


@pytest.mark.parametrize(
    ("ratio", "size"), [((1, 1), 2), ((1, 1), 4), ((1, 1), 6), ((2, 1), 3), ((2, 1), 6), ((1, 1, 1), 3), ((3, 2, 1), 6)]
)
def test_orders_of_a_block(ratio: tuple[int, ...], size: int) -> None:
    arms = allocate(randomization(ratio, size), np.zeros(100_000 * size, dtype=int), stream=stream(1))
    found = Counter(map(tuple, arms.reshape(-1, size).tolist()))
    expect(f"orders of a block of {size}, ratio {ratio}", found, twins.law_of_one_stratum(ratio, [size], size))


@pytest.mark.parametrize(("ratio", "sizes"), [((1, 1), (2, 4)), ((1, 1), (2, 2, 6)), ((2, 1), (3, 6))])
def test_sizes_drawn_at_random(ratio: tuple[int, ...], sizes: tuple[int, ...]) -> None:
    # strata of 7 patients, one after the other: independent sequences through more than one block
    found: Counter[Arms] = Counter()
    law = twins.law_of_one_stratum(ratio, sizes, 7)
    drawn = allocate(randomization(ratio, *sizes, strata=("x",)), np.repeat(np.arange(100_000), 7), stream=stream(2))
    found.update(map(tuple, drawn.reshape(-1, 7).tolist()))
    expect(f"7 patients in blocks of {sizes}, ratio {ratio}", found, law)


STRATA = [4, 1, 1, 4, 1, 4, 1]  # in order of entry: three of stratum 4, four of stratum 1
WANTED = (4, 3)


def test_strata_are_independent() -> None:
    blocks, use = randomization((1, 1), 2, 4, strata=("x",)), stream(3)
    found = Counter(tuple(allocate(blocks, STRATA, stream=use).tolist()) for _ in range(40_000))
    expect("two strata, blocks of 2 and 4", found, twins.law((1, 1), (2, 4), STRATA))


def test_the_law_given_the_totals() -> None:
    blocks, use, n = randomization((1, 1), 2, 4, strata=("x",)), stream(4), 40_000
    counts = dict(zip("AB", WANTED, strict=True))
    found = Counter(tuple(allocate(blocks, STRATA, stream=use, counts=counts).tolist()) for _ in range(n))
    expect("given the totals, counted", found, twins.given_totals(twins.law((1, 1), (2, 4), STRATA), WANTED))
    rng = random.Random(5)
    twin = Counter(tuple(twins.blocks_given_totals((1, 1), (2, 4), STRATA, WANTED, rng)) for _ in range(n))
    worst = 0.0
    for arms in set(found) | set(twin):
        p = (found[arms] + twin[arms]) / (2 * n)
        worst = max(worst, abs(found[arms] - twin[arms]) / n / math.sqrt(2 * p * (1 - p) / n))
    print(f"{'given the totals, against rejection by the twin':65} largest deviation {worst:.2f} errors")
    assert worst <= ERRORS


def test_three_arms_given_the_totals() -> None:
    ratio, sizes, strata = (1, 1, 1), (3, 6), [0, 0, 1, 1, 1, 1]
    blocks, use = randomization(ratio, *sizes, strata=("x",)), stream(5)
    counts = {"A": 3, "B": 2, "C": 1}
    found = Counter(tuple(allocate(blocks, strata, stream=use, counts=counts).tolist()) for _ in range(20_000))
    expect("three arms given the totals", found, twins.given_totals(twins.law(ratio, sizes, strata), (3, 2, 1)))


def test_simple_randomization() -> None:
    ratio, n = (3, 2, 1), 200_000
    arms = allocate(randomization(ratio), np.zeros(2 * n, dtype=int), stream=stream(6))
    law = {(i, j): Fraction(ratio[i] * ratio[j], 36) for i in range(3) for j in range(3)}
    expect("simple, pairs of patients, ratio (3, 2, 1)", Counter(map(tuple, arms.reshape(-1, 2).tolist())), law)


def test_simple_randomization_given_the_totals() -> None:
    coin, use = randomization((2, 1)), stream(7)
    counts = {"A": 3, "B": 2}
    found = Counter(tuple(allocate(coin, [0] * 5, stream=use, counts=counts).tolist()) for _ in range(40_000))
    every = twins.law_of_one_stratum((3, 2), [5], 5)  # all 10 arrangements, each with 1/10
    expect("simple, given the totals", found, every)
