"""Kaplan-Meier curves of single simulated trials beside the truth, as numbers, rows and a figure."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import equipoise as eq
from equipoise.errors import EquipoiseError
from equipoise.protocol import Hazard, Protocol, Scenario, read
from equipoise.report.ensemble import ensemble_figure
from equipoise.simulate import Curves, curves
from equipoise.units import DAYS_PER_MONTH


@pytest.fixture(scope="module")
def protocol() -> Protocol:
    return read(Path(__file__).parent / "simulated_trial.toml")


def exponential(protocol: Protocol) -> Scenario:
    law = Hazard(median="12 months", hazard_ratio={"Drug": 0.5})
    return protocol.scenario["survival alone"].model_copy(update={"death_before_progression": law})


@pytest.fixture(scope="module")
def found(protocol: Protocol) -> Curves:
    return curves(protocol, exponential(protocol), estimand="OS", trials=6, seed=4)


def test_the_truth_is_the_law_of_the_model(found: Curves) -> None:
    """Of 33,333 and 66,667 patients: within four standard errors of exp(-h t), whatever the dropout, and the event is
    in by the end of its day."""
    for i, (ratio, n) in enumerate(((0.5, 66_667), (1.0, 33_333))):
        expected = np.exp(-math.log(2) / 12 * ratio * found.time / DAYS_PER_MONTH)
        at_risk = n * expected * np.clip((1096 - found.time) / 365, 0.01, 1) * 0.7
        assert (np.abs(found.truth[i] - expected) < 4.5 * np.sqrt(expected * (1 - expected) / at_risk) + 0.002).all()


def test_single_curves_are_those_of_single_trials(protocol: Protocol, found: Curves) -> None:
    assert found.arms == ("Drug", "Placebo")
    for number in (0, 5):
        data = eq.simulate.trial(protocol, exponential(protocol), seed=4, number=number)
        km = eq.survival.kaplan_meier(eq.analyze.endpoint(protocol, data, estimand="OS"))
        for i, arm in enumerate(found.arms):
            for t, height in zip(found.time, found.single[number, i], strict=True):
                said = km[arm].at([f"{t:.0f} days"])[0].survival
                assert height == said or (math.isnan(height) and math.isnan(said))
    assert np.isnan(found.single).any()  # some arm of some trial is not followed to the end of the grid
    assert np.isfinite(found.single[:, :, -1]).any()
    assert len(found.time) <= 102
    assert (np.diff(found.time) == np.diff(found.time)[0]).all()


def test_single_trials_scatter_about_the_truth(protocol: Protocol) -> None:
    many = curves(protocol, "everything", estimand="PFS", trials=25, seed=2)
    at = int(np.searchsorted(many.time, 180))
    off = many.single[:, :, at] - many.truth[:, at]
    error = np.sqrt(many.truth[:, at] * (1 - many.truth[:, at]) / np.array([160, 80]))
    assert (np.abs(off.mean(axis=0)) < 4 * error / 5).all()
    assert (off.std(axis=0) < 1.6 * error).all()
    assert (off.std(axis=0) > 0.5 * error).all()
    assert many.name == "everything"


def test_arms_that_the_data_call_otherwise(tmp_path: Path, found: Curves) -> None:
    text = (Path(__file__).parent / "simulated_trial.toml").read_text()
    file = tmp_path / "trial.toml"
    file.write_text(text.replace("[data]\n", '[data]\narms = { Drug = "Verum 10 mg" }\n'))
    other = read(file)
    again = curves(other, exponential(other), estimand="OS", trials=1, seed=4)
    assert again.arms == found.arms
    assert again.truth[:, :50].tolist() == found.truth[:, :50].tolist()


def test_rows_a_sentence_and_a_figure_from_rows_alone(found: Curves) -> None:
    rows = found.rows()
    assert len(rows) == np.isfinite(found.single).sum() + np.isfinite(found.truth).sum()
    assert {r.analysis for r in rows} == {"curves Survival alone"}
    assert {r.statistic for r in rows} == {"survival", *(f"survival in trial {n}" for n in range(6))}
    truth = {(r.group, r.at): r.value for r in rows if r.statistic == "survival"}
    assert truth["Placebo", found.time[9]] == found.truth[1, 9]
    assert {(r.origin, r.estimand, r.endpoint, r.unit) for r in rows} == {("simulated", "OS", "OS", "")}
    assert found.table().height == len(rows)
    text = str(found)
    assert text.startswith("Kaplan-Meier curves of 6 simulated trials of 150 patients (Survival alone, seed 4) beside")
    assert "single trials of Drug lie between" in text
    figure = ensemble_figure(rows, "Overall survival", "100,000 patients", "6 single trials")
    assert figure == ensemble_figure(rows, "Overall survival", "100,000 patients", "6 single trials")
    for word in ("Months since randomization", "Placebo, 100,000 patients", "Drug, 6 single trials", "SIMULATED"):
        assert word in figure
    fewer = ensemble_figure([r for r in rows if r.statistic == "survival"], "Overall survival", "a", "b")
    assert figure.count("<path") - fewer.count("<path") >= 12
    with pytest.raises(ValueError, match="read-only"):
        found.truth[0, 0] = 1


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"trials": 0}, "no number of trials"),
        ({"trials": True}, "no number of trials"),
        ({"seed": -1}, "no seed"),
        ({"scenario": "x"}, "no scenario 'x'"),
        ({"estimand": "x"}, "no estimand 'x'"),
        ({"subjects": 1}, "2 or more"),
    ],
)
def test_what_is_refused(protocol: Protocol, changed: dict[str, Any], words: str) -> None:
    with pytest.raises(EquipoiseError) as caught:
        curves(protocol, **{"trials": 1, **changed})
    assert words in str(caught.value)
