"""Many trials of the kernel against a second program in plain Python."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.oracles import twin_trials as twin
from tests.properties.examples import plenty

from equipoise.kernels.trials import DAY, FOUND, MET, Z, simulate_trials
from equipoise.protocol import Randomization
from equipoise.randomize import Purpose, allocate, generator
from equipoise.simulate import Cut

KINDS = ("events", "day", "later", "earlier")


@st.composite
def trials(draw: st.DrawFn) -> dict[str, Any]:
    lengths = draw(st.lists(st.integers(5, 200), min_size=1, max_size=3))
    paces = [draw(st.floats(0.2, 3.0)) for _ in lengths]
    whole = np.cumsum([0.0, *(n * p for n, p in zip(lengths, paces, strict=True))])
    end = sum(lengths) + draw(st.integers(1, 600))
    cut = st.tuples(st.sampled_from(KINDS), st.integers(1, 40), st.integers(1, 900))
    return {
        "seed": draw(st.integers(0, 2**64 - 1)),
        "first": draw(st.integers(0, 10**9)),
        "n": draw(st.integers(2, 40)),
        "shares": draw(st.sampled_from([[1.0], [0.4, 0.6], [0.2, 0.3, 0.5]])),
        "ends": np.cumsum([0.0, *lengths]),
        "entered": whole / whole[-1],
        "end": end,
        "shape": draw(st.sampled_from([1.0, 0.7, 1.6])),
        "scale": draw(st.floats(20, 600)),
        "ratio": draw(st.floats(0.2, 3.0)),
        "lost": draw(st.sampled_from([0.0, 0.001, 0.01])),
        "cuts": draw(st.lists(cut, min_size=1, max_size=3)),
        "sizes": draw(st.sampled_from([(), (2,), (2, 4)])),
        "own laws": draw(st.booleans()),  # of each stratum
    }


def cut_of(kind: str, events: int, day: int) -> Cut:
    if kind in ("later", "earlier"):
        return Cut(events=events, time=f"{day} days", which=kind)  # type: ignore[arg-type]
    return Cut(events=events) if kind == "events" else Cut(time=f"{day} days")


@plenty(60)
@given(trials())
def test_looks_of_trials(case: dict[str, Any]) -> None:
    n, shares = case["n"], case["shares"]
    blocks, strata = case["sizes"], len(case["shares"]) > 1 and bool(case["sizes"])
    ratio, lost = case["ratio"], case["lost"]
    rules = np.zeros((len(case["cuts"]), 2, 4))  # in any order: no look comes before the one before it
    for k, one in enumerate(case["cuts"]):
        parts = cut_of(*one).rule((None,), None)
        rules[k, : len(parts)] = parts
    laws = np.zeros((len(shares) if case["own laws"] else 1, 2, 5, 5))
    for s in range(len(laws)):
        for a, factor in ((0, 1.0), (1, ratio)):
            laws[s, a, 1, :3] = 1.0, case["shape"], case["scale"] * (1 + s) * factor ** (-1 / case["shape"])
            if lost:
                laws[s, a, 4] = 2.0, 1.0, 0.0, math.inf, lost
    levels = np.full((1, len(shares)), 2.0)
    levels[0, :-1] = np.cumsum(shares)[:-1]
    results = np.empty((2, len(case["cuts"]), 1, FOUND))
    timings = np.zeros((2, 9))
    timings[:, :2] = case["ends"][-1], case["end"]
    simulate_trials(
        np.uint64(case["seed"]), case["first"], levels, np.ones((2, 2, 1, len(shares))), np.array([int(strata)]),
        np.array([1, 1]), np.array(blocks, dtype=np.int64), np.empty(0, dtype=np.int64),
        np.stack([case["ends"], case["entered"]]), False, laws,
        0, np.ones((5, 2)), timings, math.inf, np.array([-1.0, 0.0, 1.0, 1.0]),
        np.zeros((5, 2)), np.empty(0), -1, np.full((1, len(shares), len(shares)), -1.0),
        rules, np.array([7]), np.array([7]),
        np.array([0, 1]), np.array([1]), False, np.full(2, math.nan), n, results,
        np.zeros((0, 1, 1, 4, n), dtype=np.int64),
    )  # fmt: skip
    procedure = Randomization(
        procedure="permuted blocks" if blocks else "simple", allocation={"C": 1, "E": 1}, block_sizes=blocks,
        strata=("X",) if strata else (),
    )  # fmt: skip
    for i in range(2):
        address = {"seed": case["seed"], "trial": case["first"] + i}
        u = np.clip(generator(**address, purpose=Purpose.NOISE).random((9, n)), 1e-15, 1 - 1e-15)
        drawn = generator(**address, purpose=Purpose.BASELINE).random(n)
        codes = (drawn[:, None] >= np.cumsum(shares)[:-1]).sum(axis=1)
        stream = generator(**address, purpose=Purpose.ALLOCATION)
        arm = allocate(procedure, codes if strata else np.zeros(n, dtype=int), stream=stream)
        people = [
            twin.patient(
                (x, u[2, j], u[5, j]), list(zip(case["ends"], case["entered"], strict=True)),
                (case["shape"], laws[codes[j] if case["own laws"] else 0, arm[j], 1, 2]), lost, int(codes[j]),
                experimental=bool(arm[j]),
            )
            for j, x in enumerate(np.sort(u[0]))
        ]  # fmt: skip
        for k, (met, day, z) in enumerate(twin.looks(people, case["cuts"], case["end"])):
            ours = results[i, k, 0]
            assert (ours[MET], ours[DAY]) == (met, day)
            assert ours[Z] == pytest.approx(z, rel=1e-9, abs=1e-12, nan_ok=True)
