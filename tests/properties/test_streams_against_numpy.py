"""Streams in kernels are numpy's: doubles, whole numbers, shuffles, and the allocation of a trial."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.properties.examples import plenty

from equipoise.kernels import allocate_in_blocks, allocate_simply, fill_uniforms
from equipoise.protocol import Randomization
from equipoise.randomize import Purpose, allocate, generator

SEED = st.integers(0, 2**64 - 1)
NUMBER = st.integers(0, 2**56 - 1)


def address(number: int, purpose: Purpose) -> np.uint64:
    return np.uint64(number << 8 | purpose.value)


@plenty(60)
@given(SEED, NUMBER, st.integers(0, 50), st.integers(0, 50))
def test_doubles(seed: int, number: int, first: int, n: int) -> None:
    theirs = generator(seed, trial=number, purpose=Purpose.NOISE).random(first + n)
    ours = np.empty(n)
    fill_uniforms(np.uint64(seed), address(number, Purpose.NOISE), first, ours)
    assert ours.tolist() == theirs[first:].tolist()


@plenty(80)
@given(
    SEED,
    NUMBER,
    st.lists(st.integers(1, 3), min_size=2, max_size=3),
    st.lists(st.integers(1, 4), min_size=1, max_size=3),
    st.lists(st.integers(0, 2), min_size=1, max_size=60),
)
def test_permuted_blocks(seed: int, number: int, ratio: list[int], times: list[int], strata: list[int]) -> None:
    sizes = [sum(ratio) * one for one in times]
    procedure = Randomization(
        procedure="permuted blocks", allocation=dict(zip("ABC", ratio, strict=False)), block_sizes=sizes, strata=("X",)
    )
    theirs = allocate(procedure, strata, stream=generator(seed, trial=number, purpose=Purpose.ALLOCATION))
    ours = np.empty(len(strata), dtype=np.int64)
    queue = np.array(strata)
    allocate_in_blocks(
        np.uint64(seed), address(number, Purpose.ALLOCATION), np.bincount(queue, minlength=3), np.array(ratio),
        np.array(sizes), queue, ours,
    )  # fmt: skip
    assert ours.tolist() == theirs.tolist()


@pytest.mark.parametrize("ratio", [(1, 1), (2, 1), (1, 2, 4)])
def test_simple_randomization(ratio: tuple[int, ...]) -> None:
    procedure = Randomization(procedure="simple", allocation=dict(zip("ABC", ratio, strict=False)))
    theirs = allocate(procedure, np.zeros(999, dtype=int), stream=generator(3, trial=8, purpose=Purpose.ALLOCATION))
    ours = np.empty(999, dtype=np.int64)
    allocate_simply(np.uint64(3), address(8, Purpose.ALLOCATION), np.array(ratio), ours)
    assert ours.tolist() == theirs.tolist()
