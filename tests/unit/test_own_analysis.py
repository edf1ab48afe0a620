"""Simulated trials analyzed by functions of one's own: Z, estimates with their bias and coverage, covariates."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import equipoise as eq
from equipoise.errors import DesignError
from equipoise.protocol import Protocol, read
from equipoise.simulate import AnalysisResult, Cut, Looks, operating, trial
from equipoise.simulate.own_analysis import OWN, takes_factors
from equipoise.survival import TimeToEvent

TOML = Path(__file__).parent / "simulated_trial.toml"
LOOKS = Looks(cuts=(Cut(events=60), Cut(events=120)), efficacy=[2.5, 2.0], sided=1)


@pytest.fixture(scope="module")
def protocol() -> Protocol:
    return read(TOML)


def by_cox(tte: TimeToEvent) -> AnalysisResult:
    fit = eq.survival.cox(tte, stratified=True)
    return AnalysisResult(
        z=float(eq.survival.logrank(tte, stratified=True).z or 0.0),
        estimate=float(fit.coef[0]),
        standard_error=float(fit.se[0]),
    )


def adjusted(tte: TimeToEvent, factors: pl.DataFrame) -> AnalysisResult:
    fit = eq.survival.cox(tte, covariates=factors, stratified=False)
    return AnalysisResult(
        z=-float(fit.coef[0] / fit.se[0]), estimate=float(fit.coef[0]), standard_error=float(fit.se[0])
    )


def test_a_cox_model_of_ones_own_has_the_bias_and_coverage_of_ours(protocol: Protocol) -> None:
    """The same trials, the same million patients: estimate, truth, bias and coverage are those of the fused kernel."""
    run = {"looks": LOOKS, "scenario": "everything", "trials": 60, "seed": 1, "truth": True}
    own = operating(protocol, analysis=by_cox, cox=False, **run)  # type: ignore[arg-type]
    ours = operating(protocol, **run).estimates["log hazard ratio"]  # type: ignore[arg-type]
    mine = own.estimates[OWN]
    for name in ("trials", "mean", "sd", "standard_error", "truth", "truth_error", "covered"):
        assert getattr(mine, name) == pytest.approx(getattr(ours, name), rel=1e-9)
    assert mine.crossed is None
    told = {row.statistic: row for row in own.rows() if row.at == 2.0}
    assert told[f"bias of {OWN}"].value == pytest.approx(float(ours.mean[1] - ours.truth[1]), rel=1e-8)  # type: ignore[index]
    assert told[f"coverage of {OWN}"].value == pytest.approx(float(ours.covered[1]))  # type: ignore[index]
    assert f"coverage of {OWN} Monte Carlo error" in told
    assert f"probability of a bound crossed by {OWN}" not in told


def test_a_function_of_two_arguments_sees_the_factors(protocol: Protocol) -> None:
    """An adjusted Cox model in simulated trials is that of the same trials' own data sets."""
    task = {"looks": LOOKS, "scenario": "everything", "trials": 3, "seed": 4, "executor": ThreadPoolExecutor(1)}
    seen: list[tuple[float, dict[str, list[Any]]]] = []

    def analysis(tte: TimeToEvent, factors: pl.DataFrame) -> AnalysisResult:
        given = adjusted(tte, factors)
        seen.append((given.estimate, factors.to_dict(as_series=False)))
        return given

    assert not operating(protocol, analysis=analysis, **task).wrong  # type: ignore[arg-type]
    for number in range(3):
        for k, cut in enumerate(LOOKS.cuts):
            data = trial(protocol, "everything", seed=4, number=number, cut=cut, estimand="PFS")
            rows = data.endpoint_rows("PFS")
            tte = eq.analyze.endpoint(protocol, data, estimand="PFS")
            fit = eq.survival.cox(tte, covariates=rows.select("REGION", "SEX"), stratified=False)
            estimate, factors = seen[2 * number + k]
            assert estimate == pytest.approx(float(fit.coef[0]), rel=1e-9)
            assert sorted(factors["REGION"]) == sorted(rows["REGION"].to_list())


def test_bias_and_coverage_by_hand(protocol: Protocol) -> None:
    """Estimates 1, 2, 3, 4 with limits that two of four times hold the truth, which is 3 in every large trial."""
    answers = iter([(1.0, (0.0, 2.0)), (2.0, (1.5, 3.0)), (3.0, (2.9, 3.1)), (4.0, (3.5, 9.0))])

    def analysis(tte: TimeToEvent) -> AnalysisResult:
        estimate, limits = (3.0, (0.0, 9.0)) if len(tte.time) > 1_000 else next(answers)
        return AnalysisResult(z=0.0, estimate=estimate, standard_error=0.5, limits=limits)

    once = Looks(cuts=(Cut(time="20 months"),), efficacy=[2.0], sided=1)
    found = operating(
        protocol, looks=once, scenario="everything", trials=4, seed=1, cox=False, truth=True, analysis=analysis,
        executor=ThreadPoolExecutor(1),
    )  # fmt: skip
    told = {row.statistic: row.value for row in found.rows() if row.at == 1.0}
    assert told[f"mean {OWN}"] == 2.5
    assert told[f"true {OWN}"] == 3.0
    assert told[f"bias of {OWN}"] == -0.5
    assert told[f"coverage of {OWN}"] == 0.5
    assert told[f"standard deviation of {OWN}"] == pytest.approx(math.sqrt(1.25))
    assert found.power == 0.0


def test_z_alone_has_no_estimate(protocol: Protocol) -> None:
    found = operating(
        protocol, looks=LOOKS, scenario="survival alone", estimand="OS", trials=3, seed=1, truth=True,
        analysis=lambda tte: float(eq.survival.logrank(tte).z or 0.0),
    )  # fmt: skip
    assert OWN not in found.estimates
    assert found.estimates["log hazard ratio"].truth is not None


def test_an_estimate_in_some_trials_only_is_of_those(protocol: Protocol) -> None:
    """It is told in how many; the others are named."""
    turns = iter(range(100))

    def analysis(tte: TimeToEvent) -> AnalysisResult:
        if next(turns) % 4 == 0:
            raise ValueError("no fit")
        return AnalysisResult(z=1.0, estimate=2.0, standard_error=1.0)

    found = operating(
        protocol, looks=LOOKS, scenario="survival alone", estimand="OS", trials=4, seed=1, analysis=analysis,
        executor=ThreadPoolExecutor(1),
    )  # fmt: skip
    assert found.estimates[OWN].trials.tolist() == [2.0, 4.0]
    assert found.estimates[OWN].mean.tolist() == [2.0, 2.0]
    assert len(found.wrong) == 2


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"z": math.nan, "estimate": 1.0, "standard_error": 1.0}, "are no result"),
        ({"z": 1.0, "estimate": math.nan, "standard_error": 1.0}, "are no result"),
        ({"z": 1.0, "estimate": math.inf, "standard_error": 1.0}, "are no result"),
        ({"z": 1.0, "estimate": 1.0, "standard_error": 0.0}, "are no result"),
        ({"z": 1.0, "estimate": "1", "standard_error": 1.0}, "are no result"),
        ({"z": 1.0, "estimate": 1.0, "standard_error": 1.0, "limits": (2.0, 1.0)}, "the lower first"),
        ({"z": 1.0, "estimate": 1.0, "standard_error": 1.0, "limits": (1.0,)}, "the lower first"),
        ({"z": 1.0, "estimate": 1.0, "standard_error": 1.0, "limits": (math.nan, 1.0)}, "the lower first"),
    ],
)
def test_results_that_are_none(given: dict[str, Any], words: str) -> None:
    with pytest.raises(DesignError, match=words):
        AnalysisResult(**given)


def test_which_functions_take_the_factors() -> None:
    assert takes_factors(adjusted)
    assert not takes_factors(by_cox)
    assert not takes_factors(lambda tte, tau=5: 0.0)
    assert not takes_factors(lambda *everything: 0.0)
    assert not takes_factors(max)


def test_z_that_is_none_is_named(protocol: Protocol) -> None:
    """Infinite, text or a truth value: the look claims nothing, and says what was given."""
    given = {"once": Looks(cuts=(Cut(time="20 months"),), efficacy=[2.0], sided=1)}
    for value, words in ((math.inf, "gives inf"), ("2.7", "gives '2.7'"), (True, "gives True"), (None, "gives None")):
        found = operating(
            protocol, looks=given["once"], scenario="everything", trials=2, seed=1, analysis=lambda _, v=value: v
        )  # type: ignore[misc]
        assert found.power == 0
        assert len(found.wrong) == 2
        assert words in found.wrong[0]


def test_a_truth_that_cannot_be_found_says_why(protocol: Protocol) -> None:
    def analysis(tte: TimeToEvent) -> AnalysisResult:
        if len(tte.time) > 1_000:
            raise ZeroDivisionError("too many")
        return AnalysisResult(z=0.0, estimate=1.0, standard_error=1.0)

    once = Looks(cuts=(Cut(time="20 months"),), efficacy=[2.0], sided=1)
    run: dict[str, Any] = {"looks": once, "scenario": "everything", "trials": 2, "seed": 1, "truth": True}
    found = operating(protocol, cox=False, analysis=analysis, **run)
    assert found.wrong == ("in the million patients of the truth: ZeroDivisionError: too many",)
    with pytest.raises(DesignError, match="gives Z alone"):
        operating(protocol, cox=False, analysis=lambda _: 1.0, **run)


@pytest.mark.parametrize("analysis", [3, lambda a, b, c: 1.0], ids=["a number", "three arguments"])
def test_what_is_no_analysis_is_refused_up_front(protocol: Protocol, analysis: Any) -> None:
    with pytest.raises(DesignError, match="no function of a TimeToEvent"):
        operating(protocol, looks=LOOKS, scenario="everything", trials=2, seed=1, analysis=analysis)
