"""Allocations against the plain twin: every block holds the ratio, totals are possible, totals asked for are kept."""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import dataclass

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tests.oracles import twins_randomize as twins
from tests.properties.examples import plenty

from equipoise.errors import DesignError
from equipoise.protocol import Randomization
from equipoise.randomize import Purpose, allocate, allocation_list, generator
from equipoise.randomize.totals import wanted_totals

NAMES = "ABC"


@dataclass(frozen=True)
class Case:
    ratio: tuple[int, ...]
    sizes: tuple[int, ...]
    strata: list[int]
    seed: int

    @property
    def randomization(self) -> Randomization:
        allocation = dict(zip(NAMES, self.ratio, strict=False))
        return Randomization(
            procedure="permuted blocks", allocation=allocation, block_sizes=self.sizes, strata=("x", "y")
        )

    @property
    def stream(self) -> np.random.Generator:
        return generator(self.seed, purpose=Purpose.ALLOCATION)

    @property
    def exact(self) -> bool:
        return len(self.ratio) == 2 or len(set(self.sizes)) == 1

    def named(self, totals: tuple[int, ...]) -> dict[str, int]:
        return dict(zip(NAMES, totals, strict=False))


@st.composite
def cases(draw: st.DrawFn, most: int = 25) -> Case:
    ratio = draw(st.sampled_from([(1, 1), (2, 1), (1, 1, 1), (3, 2, 1)]))
    turns = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    # codes with gaps and out of order: a stratum is a name, not a place in a list
    strata = draw(st.lists(st.sampled_from(draw(st.sampled_from([[0], [3, 1], [7, 0, 2, 5]]))), max_size=most))
    return Case(ratio, tuple(t * sum(ratio) for t in turns), strata, draw(st.integers(0, 2**64 - 1)))


def totals_of(arms: np.ndarray, case: Case) -> tuple[int, ...]:
    return tuple(int((arms == k).sum()) for k in range(len(case.ratio)))


@plenty(150)
@given(cases())
def test_every_block_holds_the_ratio(case: Case) -> None:
    arms = allocate(case.randomization, case.strata, stream=case.stream)
    assert arms.dtype == np.int64
    assert arms.shape == (len(case.strata),)
    for stratum in set(case.strata):
        mine = arms[np.array(case.strata) == stratum].tolist()
        assert twins.could_be(case.ratio, case.sizes, mine)
    assert totals_of(arms, case) in twins.possible_totals(case.ratio, case.sizes, case.strata)


@plenty(150)
@given(cases())
def test_totals_asked_for_are_kept(case: Case) -> None:
    shape = twins.blocks(case.ratio, case.sizes, case.strata, random.Random(case.seed))
    wanted = tuple(shape.count(k) for k in range(len(case.ratio)))
    arms = allocate(case.randomization, case.strata, stream=case.stream, counts=case.named(wanted))
    assert totals_of(arms, case) == wanted
    for stratum in set(case.strata):
        assert twins.could_be(case.ratio, case.sizes, arms[np.array(case.strata) == stratum].tolist())


@plenty(200)
@given(cases(most=14), st.data())
def test_only_impossible_totals_are_refused_at_once(case: Case, data: st.DataObject) -> None:
    n = len(case.strata)
    first = data.draw(st.integers(0, n))
    second = data.draw(st.integers(0, n - first)) if len(case.ratio) == 3 else n - first
    wanted = (first, second, n - first - second)[: len(case.ratio)]
    possible = twins.possible_totals(case.ratio, case.sizes, case.strata)
    lengths = np.array(list(Counter(case.strata).values()), dtype=np.int64)
    try:
        kept = wanted_totals(case.randomization, lengths, case.named(wanted))  # nothing is drawn
    except DesignError as refused:
        assert wanted not in possible
        remedy = str(refused).partition("Possible: ")[2]
        for k in range(len(case.ratio)):
            low, high = min(p[k] for p in possible), max(p[k] for p in possible)
            assert f"{NAMES[k]} {low} to {high}" in remedy
        nearest = re.search(r"The nearest: (.*)\.$", remedy)
        assert (nearest is not None) == case.exact
        if nearest:
            found = tuple(int(x.split()[1]) for x in nearest[1].split(", "))
            assert found in possible
            assert apart(found, wanted) == min(apart(p, wanted) for p in possible)
    else:
        assert tuple(kept.tolist()) == wanted
        assert wanted in possible or not case.exact


def apart(a: tuple[int, ...], b: tuple[int, ...]) -> int:
    return sum(abs(x - y) for x, y in zip(a, b, strict=True))


@plenty(60)
@given(cases(), st.integers(1, 30))
def test_a_list_has_complete_blocks(case: Case, length: int) -> None:
    names = ("north", "south")
    rows = allocation_list(case.randomization, length, seed=case.seed, strata=names).table().rows(named=True)
    assert [r["number"] for r in rows] == list(range(1, len(rows) + 1))
    assert [r["stratum"] for r in rows] == sorted(r["stratum"] for r in rows)
    for name in names:
        mine = [r for r in rows if r["stratum"] == name]
        assert len(mine) >= length
        assert len(mine) - mine[-1]["block_size"] < length
        for block in range(1, mine[-1]["block"] + 1):
            places = [r for r in mine if r["block"] == block]
            size = places[0]["block_size"]
            assert size in case.sizes
            assert [(r["position"], r["block_size"]) for r in places] == [(i, size) for i in range(1, size + 1)]
            assert sorted(NAMES.index(r["arm"]) for r in places) == twins.content(case.ratio, size)


@plenty(60)
@given(st.sampled_from([(1, 1), (2, 1), (3, 2, 1)]), st.integers(0, 30), st.integers(0, 2**64 - 1))
def test_simple_randomization_keeps_totals(ratio: tuple[int, ...], n: int, seed: int) -> None:
    coin = Randomization(procedure="simple", allocation=dict(zip(NAMES, ratio, strict=False)))
    wanted = Counter(twins.simple(ratio, n, random.Random(seed)))
    counts = {NAMES[k]: wanted[k] for k in range(len(ratio))}
    arms = allocate(coin, [0] * n, stream=generator(seed, purpose=Purpose.ALLOCATION), counts=counts)
    assert Counter(arms.tolist()) == wanted
