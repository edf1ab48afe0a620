"""Shuffling the treatment labels changes every number that compares the arms, and none that does not."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
import pytest

from equipoise import analyze
from equipoise.analyze import Results
from equipoise.data import read_adam
from equipoise.protocol import example

SHUFFLES = 100
CHANGED = 99

# Statistics by arm add up over arms to what does not depend on the labels.
TOTALS = ("subjects", "events", "observed events")
# What says nothing about treatment: counts of ties and degrees of freedom.
LABEL_FREE = ("near-tied times merged", "log-rank degrees of freedom")
# Concordance counts pairs that a model puts in the right order: one of a few thousand ratios, which in the
# adjusted model hangs on the Karnofsky score more than on the arm. It may meet itself now and then.
COUNTED = ("concordance",)
CHANGED_COUNTED = 90

Key = tuple[str, str, str, float | None]


def between(results: Results) -> Mapping[Key, float]:
    """Every statistic with a value that compares the arms: rows without an arm as their group."""
    found: dict[Key, float] = {}
    for row in results.rows:
        by_arm = row.group in ("test", "standard") or row.statistic.startswith(("subgroup subjects", "subgroup events"))
        if row.value is not None and not by_arm and row.statistic not in LABEL_FREE:
            found[(row.analysis, row.statistic, row.group, row.at)] = row.value
    return found


def totals(results: Results) -> dict[tuple[str, str, str], float]:
    sums: dict[tuple[str, str, str], float] = {}
    for row in results.rows:
        if row.value is None:
            continue
        if row.statistic in TOTALS:
            key = (row.analysis, row.statistic, "")
        elif row.statistic.startswith(("subgroup subjects", "subgroup events")):
            key = (row.analysis, row.statistic.partition(",")[0], row.group)
        else:
            continue
        sums[key] = sums.get(key, 0.0) + row.value
    return sums


@pytest.fixture(scope="module")
def runs() -> tuple[Results, list[Results]]:
    trial = example("veteran")
    data = read_adam(None, trial)
    assert data.adsl is not None
    shuffled = []
    for seed in range(SHUFFLES):
        order = np.random.Generator(np.random.Philox(seed)).permutation(data.adsl.height)
        labels = data.adsl["TRT01P"].gather(order)
        adsl = data.adsl.drop("TRT01PN").with_columns(labels)
        adtte = data.adtte.drop("TRT01P").join(adsl.select("USUBJID", "TRT01P"), on="USUBJID", maintain_order="left")
        assert adtte["TRT01P"].sort().equals(data.adtte["TRT01P"].sort())
        shuffled.append(analyze.run(trial, read_adam({"adsl": adsl, "adtte": adtte}, trial)))
    return analyze.run(trial, data), shuffled


def test_every_comparison_changes_at_full_precision(runs: tuple[Results, list[Results]]) -> None:
    truth, shuffled = runs
    original = between(truth)
    assert {
        (a, s)
        for a, s, g, _ in original
        if (a, s) in {("primary", "hazard ratio"), ("primary", "log-rank z"), ("restricted mean", "test P")}
    } == {("primary", "hazard ratio"), ("primary", "log-rank z"), ("restricted mean", "test P")}
    changed = dict.fromkeys(original, 0)
    for results in shuffled:
        now = between(results)
        for key, value in original.items():
            changed[key] += now.get(key) != value
    stuck = {
        key: count for key, count in changed.items() if count < (CHANGED_COUNTED if key[1] in COUNTED else CHANGED)
    }
    assert not stuck
    assert len(changed) > 80


def test_totals_never_change(runs: tuple[Results, list[Results]]) -> None:
    truth, shuffled = runs
    original = totals(truth)
    assert original[("primary", "events", "")] == 128
    assert original[("primary", "subjects", "")] == 137
    assert sum(v for (_, s, g), v in original.items() if s == "subgroup subjects" and g.startswith("Cell")) == 137
    for results in shuffled:
        assert totals(results) == original


def test_the_dummy_run_changes_them_too(runs: tuple[Results, list[Results]]) -> None:
    truth, _ = runs
    trial = example("veteran")
    dummy = analyze.run(trial, read_adam(None, trial).with_dummy_labels(11))
    original, now = between(truth), between(dummy)
    assert not [key for key, value in original.items() if now.get(key) == value and key[1] not in COUNTED]
    assert totals(dummy) == totals(truth)


def test_a_row_order_changes_nothing(runs: tuple[Results, list[Results]]) -> None:
    truth, _ = runs
    trial = example("veteran")
    data = read_adam(None, trial)
    assert data.adsl is not None
    moved = read_adam(
        {"adsl": data.adsl.sample(fraction=1, shuffle=True, seed=1), "adtte": data.adtte.reverse()}, trial
    )
    again = analyze.run(trial, moved)
    for one, other in zip(truth.rows, again.rows, strict=True):
        assert (one.statistic, one.group, one.text) == (other.statistic, other.group, other.text)
        if one.value is not None:
            assert other.value == pytest.approx(one.value, rel=1e-9, abs=1e-12)


def test_frames_and_files_give_the_same_results(runs: tuple[Results, list[Results]]) -> None:
    trial = example("veteran")
    data = read_adam(None, trial)
    assert data.adsl is not None
    frames: dict[str, pl.DataFrame] = {"adsl": data.adsl, "adtte": data.adtte}
    assert analyze.run(trial, read_adam(frames, trial)).rows == runs[0].rows
