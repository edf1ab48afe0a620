"""The kernel's random numbers against whole-number arithmetic and against numpy's generator."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.oracles import twin_random as twin

from equipoise.kernels import philox

WORDS = st.one_of(st.integers(0, 2**64 - 1), st.sampled_from([0, 1, 2**32, 2**63, 2**64 - 1]))
COUNTS = st.one_of(st.integers(0, 2**63 - 1), st.sampled_from([0, 1, 2**32 - 1, 2**32, 2**63 - 1]))


def kernel(key: tuple[int, int], first: int, second: int) -> list[float]:
    out = np.empty(4)
    philox(np.array(key, dtype=np.uint64), first, second, out)
    return out.tolist()


def words_of_numpy(key: tuple[int, int], first: int, second: int) -> list[int]:
    """numpy adds one to the 256-bit counter before its first block."""
    before = (first + (second << 64) - 1) % 2**256
    return np.random.Philox(key=np.array(key, dtype=np.uint64), counter=before).random_raw(4).tolist()


@settings(max_examples=500, deadline=None, derandomize=True, database=None)
@given(key=st.tuples(WORDS, WORDS), first=COUNTS, second=COUNTS)
def test_words_are_numpys_and_the_papers(key: tuple[int, int], first: int, second: int) -> None:
    words = list(twin.philox_words(key, (first, second, 0, 0)))
    assert words_of_numpy(key, first, second) == words
    found = kernel(key, first, second)
    assert found == [twin.uniform(w) for w in words]
    assert all(0 < x < 1 for x in found)


def test_the_map_stays_inside() -> None:
    assert twin.uniform(0) == 2**-53 > 0
    assert twin.uniform(2**64 - 1) == 1 - 2**-53 < 1


def test_addresses_do_not_share_draws() -> None:
    key = (20260101, 7)
    found = {tuple(kernel(key, i, j)) for i in range(60) for j in range(60)}
    assert len({x for block in found for x in block}) == 4 * 60 * 60


def test_the_key_of_a_generator_gives_its_numbers() -> None:
    """A key as the search takes it, from the state of a generator of addressed streams."""
    bits = np.random.Philox(np.random.SeedSequence(20260101, spawn_key=(3, 0)))
    key = bits.state["state"]["key"]
    assert kernel(tuple(int(k) for k in key), 1, 0) == [twin.uniform(int(w)) for w in bits.random_raw(4)]
