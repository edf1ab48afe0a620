"""Simulated trials of a two-sided design: its type I error is of claims for either arm."""

from __future__ import annotations

from pathlib import Path

import pytest

from equipoise.design import accrual, group_sequential, median, obrien_fleming, survival
from equipoise.protocol import read
from equipoise.report import simulation_tables
from equipoise.results import fixed
from equipoise.simulate import operating, study


def test_the_type_one_error_is_of_either_arm() -> None:
    test = group_sequential(alpha=0.05, sided=2, information_fractions=[0.6, 1], efficacy=obrien_fleming())
    plan = survival(
        test, hazard_ratio=0.65, power=0.8, control=median("6 months"), allocation={"E": 1, "C": 1},
        accrual=accrual("12 months"), follow_up="9 months",
    )  # fmt: skip
    none = operating(None, plan=plan, hazard_ratio=1.0, trials=20_000, seed=1, cox=False)
    assert none.either == none.power + none.control.sum()
    assert none.either == pytest.approx(
        0.05, abs=4 * none.error(0.05) + 0.002
    )  # as one-sided designs of this size have
    rows = {r.statistic: r.text for r in none.rows()}
    assert rows["claim for either arm"] == fixed(none.either, 4)
    assert f"of a claim for either arm {fixed(none.either, 4)} (Monte Carlo error" in str(none)


def test_the_table_of_a_plan_says_which_claims_it_counts(tmp_path: Path) -> None:
    text = (Path(__file__).parent / "compared_trial.toml").read_text()
    one, two = tmp_path / "one.toml", tmp_path / "two.toml"
    one.write_text(text)
    assert "alpha = 0.025" in text
    assert "sided = 1" in text
    two.write_text(text.replace("alpha = 0.025", "alpha = 0.05").replace("sided = 1", "sided = 2"))
    labels = []
    for file in (one, two):
        found = study(read(file), trials=200, seed=1)
        (table,) = [t for t in simulation_tables(found) if "what its looks do" in t.title]
        labels.append([label for label, _ in table.lines][:2])
    assert labels[0][0] == "Trials with a claim (power, type I error)"
    assert labels[1] == [
        "Trials with a claim for the experimental arm (power)",
        "Trials with a claim for either arm (two-sided type I error)",
    ]
