"""Randomization on small cases worked out with pencil and paper."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from fractions import Fraction as F

import numpy as np
import pytest

from equipoise.errors import DesignError
from equipoise.protocol import Randomization
from equipoise.randomize import Purpose, allocate, generator

A, B = 0, 1
STREAM = 20260202


def in_blocks(*sizes: int, a: int = 1, b: int = 1, strata: tuple[str, ...] = ()) -> Randomization:
    return Randomization(procedure="permuted blocks", allocation={"A": a, "B": b}, block_sizes=sizes, strata=strata)


def frequencies(found: Counter[tuple[int, ...]], law: dict[tuple[int, ...], F]) -> None:
    """Nothing else occurs, and each as often as it should, within 4.5 Monte Carlo standard errors."""
    n = found.total()
    assert set(found) <= set(law)
    for arms, p in law.items():
        assert abs(found[arms] / n - p) <= 4.5 * math.sqrt(p * (1 - p) / n), arms


def test_a_block_of_four_has_six_orders() -> None:
    # 4! / (2! 2!) = 6: AABB ABAB ABBA BAAB BABA BBAA, each with probability 1/6
    six = [(A, A, B, B), (A, B, A, B), (A, B, B, A), (B, A, A, B), (B, A, B, A), (B, B, A, A)]
    assert set(six) == set(itertools.permutations([A, A, B, B]))
    arms = allocate(in_blocks(4), np.zeros(24_000, dtype=int), stream=generator(STREAM, purpose=Purpose.ALLOCATION))
    frequencies(Counter(map(tuple, arms.reshape(-1, 4).tolist())), dict.fromkeys(six, F(1, 6)))


def test_the_last_place_of_a_block_is_determined() -> None:
    arms = allocate(in_blocks(3, a=2), np.zeros(300, dtype=int), stream=generator(1, purpose=Purpose.ALLOCATION))
    for first, second, third in arms.reshape(-1, 3).tolist():
        # two A and one B: after A and A comes B, otherwise A
        assert third == (B if (first, second) == (A, A) else A)


def test_two_patients_in_blocks_of_two_or_four() -> None:
    # a block of 2: AB, BA, 1/2 each. A block of 4 begins with AA in 1 of 6 orders, with AB in 2, BA in 2, BB in 1.
    # Each size with 1/2: AA 1/12, AB 1/4 + 1/6 = 5/12.
    law = {(A, A): F(1, 12), (A, B): F(5, 12), (B, A): F(5, 12), (B, B): F(1, 12)}
    stream = generator(2, purpose=Purpose.ALLOCATION)
    pairs = in_blocks(2, 4, strata=("pair",))
    arms = allocate(pairs, np.repeat(np.arange(6_000), 2), stream=stream)
    frequencies(Counter(map(tuple, arms.reshape(-1, 2).tolist())), law)


def test_three_patients_given_their_totals() -> None:
    # Of the six orders AABB, ABAB and BAAB have A twice in the first three places: AAB, ABA, BAA with 1/3 each.
    stream = generator(3, purpose=Purpose.ALLOCATION)
    found = Counter(
        tuple(allocate(in_blocks(4), [0] * 3, stream=stream, counts={"A": 2, "B": 1}).tolist()) for _ in range(3_000)
    )
    frequencies(found, dict.fromkeys([(A, A, B), (A, B, A), (B, A, A)], F(1, 3)))


@pytest.mark.parametrize(
    ("randomization", "strata", "asked", "remedy"),
    [
        # 6 patients: a block of 4 (2 and 2) and two places, which hold A 0, 1 or 2 times
        (in_blocks(4), [0] * 6, (5, 1), "Possible: A 2 to 4, B 2 to 4. The nearest: A 4, B 2."),
        # 7 patients: the open block has three places, A once or twice
        (in_blocks(4), [0] * 7, (2, 5), "Possible: A 3 to 4, B 3 to 4. The nearest: A 3, B 4."),
        # 5 and 5 in two strata: 2 to 3 in each
        (in_blocks(4, strata=("x",)), [0, 1] * 5, (7, 3), "Possible: A 4 to 6, B 4 to 6. The nearest: A 6, B 4."),
        # 2:1 in blocks of 3, 4 patients: A 2 and the next place
        (in_blocks(3, a=2), [0] * 4, (1, 3), "Possible: A 2 to 3, B 1 to 2. The nearest: A 2, B 2."),
        # a block of 2 holds one of each
        (in_blocks(2), [0] * 2, (2, 0), "Possible: A 1 to 1, B 1 to 1. The nearest: A 1, B 1."),
        # complete blocks only: nothing to choose
        (in_blocks(4), [0] * 8, (5, 3), "Possible: A 4 to 4, B 4 to 4. The nearest: A 4, B 4."),
    ],
)
def test_what_totals_are_possible(
    randomization: Randomization, strata: list[int], asked: tuple[int, int], remedy: str
) -> None:
    stream = generator(4, purpose=Purpose.ALLOCATION)
    with pytest.raises(DesignError, match="has the totals") as refused:
        allocate(randomization, strata, stream=stream, counts={"A": asked[0], "B": asked[1]})
    assert str(refused.value).endswith(remedy)


def test_blocks_of_two_or_four_reach_further() -> None:
    # not with blocks of 2 alone (above), but AABB begins with A and A
    stream = generator(5, purpose=Purpose.ALLOCATION)
    assert allocate(in_blocks(2, 4), [0] * 2, stream=stream, counts={"A": 2, "B": 0}).tolist() == [A, A]
