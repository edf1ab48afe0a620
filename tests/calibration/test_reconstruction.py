"""The search reaches every digit from every seed; the strain diagnostic holds its level and tells models apart.

A seeded fraction of benchmarks/strain.py, whose full table (100 seeds a model) stands in docs/reconstruction.md.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from equipoise.protocol import Scenario, example
from equipoise.reconstruct import Calibration, read_calibration, rebuilt_strain, search, strain, targets
from equipoise.reconstruct.ensemble import search_all, task_of
from equipoise.reconstruct.strain import COHORTS, LEVEL, beside
from equipoise.simulate import model, without_effect

TRIAL = example("tandem")
STATED = TRIAL.scenario["stated"]
SEEDS = 60


@pytest.fixture(scope="module")
def known() -> Calibration:
    held = read_calibration(beside(TRIAL))
    assert held is not None
    return held


def flagged(scenario: Scenario, known: Calibration, seeds: range) -> int:
    task = task_of(TRIAL, "", scenario, "A", 0)
    count = 0
    for seed in seeds:
        found = search_all(TRIAL, [replace(task, number=(1 << 23) + j) for j in range(COHORTS)], seed=seed)
        count += known.p_value(strain(TRIAL, [f for f in found if f.agrees])) <= LEVEL
    return count


@pytest.mark.slow
def test_sixty_of_sixty_consecutive_seeds_reach_every_digit() -> None:
    aims, made = targets(TRIAL, STATED, "A"), model(TRIAL, STATED)
    found = [search(TRIAL, made, aims, seed=seed, attempts=2) for seed in range(1, SEEDS + 1)]
    assert sum(f.agrees for f in found) == SEEDS


@pytest.mark.slow
def test_the_stated_model_is_rarely_flagged_and_no_effect_nearly_always(known: Calibration) -> None:
    seeds = range(9001, 9011)
    assert flagged(STATED, known, seeds) <= 2  # at most 5 of 100 in full
    assert flagged(without_effect(STATED), known, seeds) >= 8  # at least 90 of 100 in full
    assert flagged(without_effect(STATED, 0.40), known, seeds) >= 8


@pytest.mark.slow
def test_trials_of_the_model_are_flagged_at_the_nominal_level(known: Calibration) -> None:
    """Of 20 rebuilt trials 1 is expected; 5 or more have probability .003 at 5%, .03 where the true level is 9%."""
    values = [rebuilt_strain(TRIAL, STATED, "A", seed=9, number=50_000 + k) for k in range(20)]
    done = [v for v in values if v is not None]
    assert len(done) >= 18
    assert sum(known.p_value(v) <= LEVEL for v in done) <= 4
