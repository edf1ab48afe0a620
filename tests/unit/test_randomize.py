"""Streams, lists and refusals of randomize."""

from __future__ import annotations

import itertools
from dataclasses import FrozenInstanceError
from typing import Any

import numpy as np
import pytest

from equipoise.errors import DesignError
from equipoise.protocol import Randomization
from equipoise.randomize import Purpose, allocate, allocation_list, generator, procedures

BLOCKS = Randomization(procedure="permuted blocks", allocation={"A": 1, "B": 1}, block_sizes=(4,))
STRATIFIED = Randomization(
    procedure="permuted blocks", allocation={"new": 2, "old": 1}, block_sizes=(3, 6), strata=("region",)
)
COIN = Randomization(procedure="simple", allocation={"A": 1, "B": 1})


def stream(seed: int = 1) -> np.random.Generator:
    return generator(seed, purpose=Purpose.ALLOCATION)


def test_purposes_keep_their_numbers() -> None:
    assert {p.name: p.value for p in Purpose} == {
        "ALLOCATION": 1, "BASELINE": 2, "NOISE": 3, "SEARCH": 4, "ADVERSE_EVENTS": 5, "DOSES": 6,
        "IMPUTATION": 7, "MEASUREMENT": 8, "SITES": 9, "DISCONTINUATION": 10, "BOOTSTRAP": 11, "RESPONSE": 12,
        "PROVING": 13,
    }  # fmt: skip


def test_the_key_is_the_address() -> None:
    key = generator(5, trial=7, purpose=Purpose.NOISE).bit_generator.state["state"]["key"]
    assert key.tolist() == [5, 7 * 256 + 3]
    largest = generator(2**64 - 1, trial=2**56 - 1, purpose=Purpose.DOSES).bit_generator.state["state"]["key"]
    assert largest.tolist() == [2**64 - 1, (2**56 - 1) * 256 + 6]


def test_different_addresses_are_different_streams() -> None:
    seeds, numbers = (0, 1, 2, 256, 2**32, 2**64 - 1), (0, 1, 2, 256, 2**32, 2**56 - 1)
    seen = {
        tuple(generator(seed, trial=number, purpose=purpose).integers(2**63, size=2).tolist())
        for seed, number, purpose in itertools.product(seeds, numbers, Purpose)
    }
    assert len(seen) == len(seeds) * len(numbers) * len(Purpose)


def test_an_address_is_one_stream() -> None:
    one, two = (generator(3, trial=9, purpose=Purpose.SEARCH).random(5) for _ in range(2))
    assert one.tolist() == two.tolist()
    assert generator(np.int64(3), trial=np.int64(9), purpose=Purpose(4)).random() == one[0]


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ({"seed": -1}, r"-1 is no seed \(seed\). Give a whole number from 0 to 2\*\*64 - 1"),
        ({"seed": 2**64}, "18446744073709551616 is no seed"),
        ({"seed": 1.0}, r"1.0 is no seed"),
        ({"seed": True}, r"True is no seed"),
        ({"seed": "1"}, r"'1' is no seed"),
        ({"trial": -1}, r"-1 is no trial number \(trial\). Give a whole number from 0 to 2\*\*56 - 1"),
        ({"trial": 2**56}, "is no trial number"),
        ({"purpose": 99}, r"no stream has the purpose 99 \(purpose\). Known: ALLOCATION \(1\), .* BOOTSTRAP \(11\)"),
        ({"purpose": "noise"}, "no stream has the purpose 'noise'"),
    ],
)
def test_what_is_no_address(address: dict[str, Any], said: str) -> None:
    whole = {"seed": 1, "purpose": Purpose.NOISE, **address}
    with pytest.raises(DesignError, match=said):
        generator(whole.pop("seed"), **whole)


# A seed's list as it was when it was first drawn. If this fails, streams have changed and no trial can be drawn again.
FROZEN = [
    "EU block 1 of 6: ononnn",
    "EU block 2 of 6: nnonno",
    "US block 1 of 3: onn",
    "US block 2 of 3: non",
    "US block 3 of 3: onn",
    "US block 4 of 6: onnnno",
]
FROZEN_SIMPLE = "BBBAAAABBAAB"


def test_a_list_stays_what_it_was() -> None:
    found = allocation_list(STRATIFIED, 10, seed=20260101, strata=("EU", "US"))
    blocks: dict[str, str] = {}
    for stratum, block, size, arm in zip(found.stratum, found.block, found.block_size, found.arm, strict=True):
        name = f"{stratum} block {block} of {size}"
        blocks[name] = blocks.get(name, "") + arm[0]
    assert [f"{name}: {arms}" for name, arms in blocks.items()] == FROZEN
    assert "".join(allocation_list(COIN, 12, seed=20260101).arm) == FROZEN_SIMPLE


def test_a_list_is_frozen_and_a_table() -> None:
    found = allocation_list(BLOCKS, 7, seed=2)
    assert found == allocation_list(BLOCKS, 7, seed=2)
    assert found != allocation_list(BLOCKS, 7, seed=3)
    with pytest.raises(FrozenInstanceError):
        found.arm = ()  # type: ignore[misc]
    table = found.table()
    assert table.columns == ["number", "stratum", "block", "block_size", "position", "arm"]
    assert table.height == 8
    assert str(allocation_list(STRATIFIED, 3, seed=2, strata=("EU", "US"))).endswith(
        "in 2 strata, permuted blocks, seed 2"
    )


def test_a_simple_list_has_no_blocks() -> None:
    found = allocation_list(COIN, 3, seed=2)
    assert found.block == found.block_size == found.position == (None, None, None)
    assert found.table()["block"].null_count() == 3


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"length": 0}, "a list cannot have 0 places"),
        ({"strata": ()}, "missing or named twice"),
        ({"strata": ("EU", "EU")}, "missing or named twice"),
        ({"strata": ("EU", "US")}, r"but the randomization has none \(randomization.strata\)"),
        ({"seed": -2}, "-2 is no seed"),
    ],
)
def test_lists_that_are_refused(asked: dict[str, Any], said: str) -> None:
    whole = {"length": 4, "seed": 1, **asked}
    with pytest.raises(DesignError, match=said):
        allocation_list(BLOCKS, whole.pop("length"), **whole)


@pytest.mark.parametrize(
    ("strata", "said"),
    [
        ([[0, 0]], r"of shape \(1, 2\)"),
        ([0.0, 1.0], "but float64 of shape"),
        (["EU", "US"], "whole number a patient"),
        ([True, False], "but bool of shape"),
        ([0, 1], "patients are in 2 strata, but the randomization has none"),
    ],
)
@pytest.mark.parametrize("randomization", [BLOCKS, COIN])
def test_strata_that_are_refused(randomization: Randomization, strata: Any, said: str) -> None:
    with pytest.raises(DesignError, match=said):
        allocate(randomization, strata, stream=stream())


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"A": 2}, r"totals are given for A, the arms are A, B \(counts\). Give one for each arm"),
        ({}, "totals are given for no arm"),
        ({"A": 2, "B": 1, "C": 1}, "totals are given for A, B, C"),
        ({"A": 5, "B": -1}, r"no totals are A 5, B -1 \(counts\)"),
        ({"A": 2.0, "B": 2.0}, "no totals are A 2.0, B 2.0"),
        ({"A": 2, "B": 1}, "the totals A 2, B 1 add up to 3, not to the 4 patients"),
    ],
)
@pytest.mark.parametrize("randomization", [BLOCKS, COIN])
def test_totals_that_are_refused(randomization: Randomization, counts: dict[str, Any], said: str) -> None:
    with pytest.raises(DesignError, match=said):
        allocate(randomization, [0] * 4, stream=stream(), counts=counts)


def test_nothing_is_drawn_for_impossible_totals() -> None:
    used = stream()
    with pytest.raises(
        DesignError, match="no allocation of 4 patients in permuted blocks of 4 has the totals A 3, B 1"
    ):
        allocate(BLOCKS, [0] * 4, stream=used, counts={"A": 3, "B": 1})
    assert used.random() == stream().random()


def test_improbable_totals_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    # ten patients alone in their strata: all ten in one arm has the probability 2^-10
    monkeypatch.setattr(procedures, "TRIES", 20)
    alone = BLOCKS.model_copy(update={"strata": ("site",)})
    with pytest.raises(
        DesignError, match=r"none of 20 allocations drawn had the totals A 10, B 0 .* the nearest drawn: A"
    ):
        allocate(alone, range(10), stream=stream(), counts={"A": 10, "B": 0})
    monkeypatch.undo()
    assert allocate(alone, range(10), stream=stream(), counts={"A": 10, "B": 0}).tolist() == [0] * 10


def test_nobody_to_allocate() -> None:
    for randomization in (BLOCKS, COIN, STRATIFIED):
        none = dict.fromkeys(randomization.allocation, 0)
        for counts in (None, none):
            found = allocate(randomization, [], stream=stream(), counts=counts)
            assert found.shape == (0,)
            assert found.dtype == np.int64
