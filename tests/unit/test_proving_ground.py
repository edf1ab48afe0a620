"""Adjustments on the proving ground: the functions themselves, whoever runs them; advice; and what is refused."""

from __future__ import annotations

import json
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from equipoise.analyze.switching import ipcw, ipe, msm, naive, rpsftm, two_stage, two_stage_g
from equipoise.cli import main
from equipoise.errors import DesignError, ProtocolError, UnsupportedError
from equipoise.protocol import Protocol, example
from equipoise.report import advice_html, advice_tables
from equipoise.simulate import (
    METHODS,
    Ground,
    Lives,
    Proven,
    Setting,
    advice,
    advise,
    ground,
    lives_of,
    prove,
    settings_of,
    switched_trial,
)
from equipoise.simulate.advice import _best, _time_ratio

LIVES = Lives(
    progression=(1.0, 1.0, 300.0), death_before=(1.0, 1.0, 500.0), death_after=(1.0, 1.0, 500.0), patients=(80, 80),
    accrual=540.0, cutoff=1500.0,
)  # fmt: skip
LATER = Setting(time_ratio=1.5, share=0.6, odds=3.0, timing="after progression")


@pytest.fixture(scope="module")
def here() -> Ground:
    return ground(LIVES, LATER, seed=3, patients=2_000)


@pytest.fixture(autouse=True)
def fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rough truth is enough where it is not what is tested."""
    monkeypatch.setattr(advice, "_PATIENTS", 4_000)
    monkeypatch.setattr(advice, "_MEDIANS", 4_000)


@pytest.fixture(scope="module")
def tandem() -> Protocol:
    return example("tandem")


def test_every_method_is_the_public_function(here: Ground) -> None:
    found = prove(here, trials=2, draws=30)
    trial = switched_trial(here, 1)
    record, grid = trial.record, np.linspace(-2, 2, 41)
    drawn: dict[str, Any] = {"draws": 30, "seed": 1}
    direct = {
        "as observed": naive(record, "as observed"),
        "RPSFTM": rpsftm(record, **drawn),
        "IPE": ipe(record, **drawn),
        "two-stage": two_stage(record, trial.at_progression(), since="switch", **drawn),
        "two-stage with g-estimation": two_stage_g(record, trial.visits(), grid=grid, **drawn),
        "IPCW": ipcw(record, trial.visits()),
        "MSM": msm(record, trial.visits()),
    }
    for name, analysis in direct.items():
        mine = found.found[1, list(METHODS).index(name)]
        assert math.exp(mine[0]) == pytest.approx(analysis.hazard_ratio, rel=1e-12)
        assert np.exp(mine[1:3]).tolist() == pytest.approx(list(analysis.conf_int), rel=1e-12, nan_ok=True)
        if getattr(analysis, "bootstrap", None) is not None:
            assert np.exp(mine[3:5]).tolist() == pytest.approx(
                list(analysis.bootstrap.conf_int), rel=1e-12, nan_ok=True
            )


def test_it_does_not_matter_who_runs_them(here: Ground) -> None:
    told: list[float] = []
    alone = prove(here, trials=12, methods=["as observed", "RPSFTM"], progress=told.append)
    with ThreadPoolExecutor(2) as pool:
        together = prove(here, trials=12, methods=["as observed", "RPSFTM"], executor=pool)
    assert np.array_equal(alone.found, together.found, equal_nan=True)
    assert told[-1] == 1.0
    assert np.array_equal(prove(here, trials=7, methods=["RPSFTM"]).found, alone.found[:7, 1:], equal_nan=True)


def test_failures_are_counted_with_their_reasons() -> None:
    """In trials of six patients some methods find nothing; each such trial has a reason."""
    small = ground(replace(LIVES, patients=(3, 3)), LATER, seed=1, patients=2_000)
    found = prove(small, trials=12)
    for method, reasons in zip(found.methods, found.failures, strict=True):
        missing = 12 - len(found.errors(method))
        assert sum(times for _, times in reasons) == missing
        assert all(reason for reason, _ in reasons)
    assert any(found.failures)
    assert found.table().height == len(found.rows())


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Setting(time_ratio=0, share=0.5), "time_ratio = 0 is not above 0"),
        (lambda: Setting(time_ratio=1.5, share=1.0), "1.0 is no share of those"),
        (lambda: Setting(time_ratio=1.5, share=0.5, kept=3), "kept = 3 is no share of an effect"),
        (lambda: Setting(time_ratio=1.5, share=0.5, timing="never"), "unknown timing 'never'"),  # type: ignore[arg-type]
        (lambda: ground(LIVES, replace(LATER, share=0.999), seed=1, patients=2_000), "live to switch"),
        (
            lambda: ground(replace(LIVES, progression=(0.0, 0.0, 0.0)), LATER, seed=1, patients=2_000),
            "nobody progresses",
        ),
        (lambda: ground(replace(LIVES, death_after=(0.0, 0.0, 0.0)), LATER, seed=1, patients=2_000), "never die"),
        (lambda: prove(ground(LIVES, LATER, seed=1, patients=2_000), trials=0), "0 is no number of trials"),
        (lambda: prove(ground(LIVES, LATER, seed=1, patients=2_000), trials=2, draws=1), "1 bootstrap samples"),
        (
            lambda: prove(ground(LIVES, LATER, seed=1, patients=2_000), trials=2, methods=["magic"]),
            "there is no method 'magic'",
        ),
    ],
)
def test_what_is_refused(call: Any, words: str) -> None:
    with pytest.raises(DesignError, match=words):
        call()


def test_lives_and_settings_of_a_protocol(tandem: Protocol) -> None:
    """The control arm's laws: a hazard ratio of 1.85 on death after progression divides the Weibull scale by
    1.85^(1/0.85); the arms differ in median survival by the ratio that the settings have."""
    stated = tandem.scenario["stated"]
    lives = lives_of(tandem, stated)
    scale = 18.5 * 30.4375 / math.log(2) ** (1 / 0.85) * 1.85 ** (-1 / 0.85)
    assert lives.death_after[:3] == pytest.approx((1.0, 0.85, scale))
    assert lives.patients == (104, 103)
    ratio = _time_ratio(tandem, stated, lives)
    named = settings_of(tandem, stated, lives, [0.3, 0.7])
    assert len(named) == 12
    assert {one.share for _, one in named} == {0.3, 0.7}
    assert all(one.time_ratio == ratio for _, one in named)
    assert sum(not one.measured for _, one in named) == 2


def test_no_crossover_is_refused() -> None:
    with pytest.raises(ProtocolError, match="no scenario"):
        advise(example("veteran"), trials=2, seed=1)


def test_models_without_a_place_are_refused(tandem: Protocol) -> None:
    stated = tandem.scenario["stated"]
    with pytest.raises(ProtocolError, match="no crossover after progression"):
        advise(tandem, stated.model_copy(update={"crossover": None}), trials=2, seed=1)
    assert stated.progression is not None
    cured = stated.progression.model_copy(update={"cured": {"A": 0.1}})
    with pytest.raises(UnsupportedError, match="never have an event"):
        advise(tandem, stated.model_copy(update={"progression": cured}), trials=2, seed=1)


def test_the_share_of_a_crossover_that_depends_on_a_factor(tandem: Protocol) -> None:
    """0.725 of the patients cross over at 0.8, the others at the probability of levels that are not named, 0.2."""
    stated = tandem.scenario["stated"]
    assert stated.crossover is not None
    by = stated.crossover.model_copy(update={"by": "HRCONFFL", "shares": {"Y": 0.8}, "probability": 0.2})
    scenario = stated.model_copy(update={"crossover": by})
    lives = lives_of(tandem, scenario)
    assert [one.share for _, one in settings_of(tandem, scenario, lives)] == pytest.approx([0.635] * 6)
    assert {one.share for _, one in settings_of(tandem, scenario, lives, [0.3])} == {0.3}
    everybody = stated.model_copy(
        update={"crossover": by.model_copy(update={"shares": {"Y": 1.0}, "probability": 1.0})}
    )
    with pytest.raises(ProtocolError, match="100% of those who progress.*--share"):
        settings_of(tandem, everybody, lives)


def test_what_cannot_be_advised(tandem: Protocol) -> None:
    """A single trial has no Monte Carlo error, by which everything it says is said; crossover goes one way."""
    with pytest.raises(DesignError, match="one trial does not tell"):
        advise(tandem, trials=1, seed=1)
    stated = tandem.scenario["stated"]
    assert stated.crossover is not None
    back = stated.model_copy(update={"crossover": stated.crossover.model_copy(update={"arm": "T+A"})})
    with pytest.raises(UnsupportedError, match="not the other way"):
        advise(tandem, back, trials=2, seed=1)


def ranked(errors: dict[str, float], spread: float = 0.001, n: int = 400) -> Proven:
    """A setting in which each method errs by so much in every trial, give or take a spread."""
    here = Ground(lives=LIVES, setting=LATER, seed=1, intercept=0.0, middle=1.0, hazard_ratio=0.5)
    found = np.full((n, len(METHODS), 10), math.nan)
    for m, name in enumerate(METHODS):
        found[:, m, 0] = math.log(0.5) + errors.get(name, 1.0) + spread * np.linspace(-1, 1, n)
    return Proven(
        ground=here, label="made", methods=tuple(METHODS), draws=0, found=found, failures=((),) * len(METHODS)
    )


def test_the_best_errs_least_where_it_errs_most() -> None:
    """RPSFTM is the better one in one setting and the worse one in the other; 0.2 at worst beats 0.3."""
    first, second = ranked({"RPSFTM": 0.1, "IPCW": 0.2}), ranked({"RPSFTM": 0.3, "IPCW": 0.15})
    assert _best([first, second]) == ("IPCW",)
    near = ranked({"RPSFTM": 0.2, "IPCW": 0.2, "as observed": 0.0}, spread=0.1)
    assert set(_best([near])) == {"RPSFTM", "IPCW"}


def test_a_method_that_often_fails_is_not_advised() -> None:
    one = ranked({"RPSFTM": 0.1, "IPCW": 0.2})
    found = one.found.copy()
    found[:40, list(METHODS).index("RPSFTM"), 0] = math.nan
    assert _best([replace(one, found=found)]) == ("IPCW",)
    none = np.full_like(found, math.nan)
    assert _best([replace(one, found=none)]) == ()


def test_advice_on_paper_and_page(tandem: Protocol, tmp_path: Path) -> None:
    found = advise(tandem, trials=3, seed=1, shares=[0.5])
    tables = advice_tables(found.rows())
    assert len(tables) == len(found.proven) == 6
    assert [label for label, _ in tables[0].lines] == list(METHODS)
    page = advice_html(tandem, found)
    assert page.count("<svg") == 1
    assert all(sentence.split(":")[0] in page for sentence in found.sentences)
    assert found.worst("RPSFTM") in found.proven
    assert (
        "104 patients in control and 103 on the experimental treatment, which multiplies time by 2.02; 50% of" in page
    )


def test_the_command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as left:
        main(["switching", "tandem", "--trials", "2", "--share", "0.5", "--out", str(tmp_path), "--json"])
    assert left.value.code == 0
    said = json.loads(capsys.readouterr().out)
    assert {row["role"] for row in said["results"]} == {"simulation"}
    assert {row["origin"] for row in said["results"]} == {"simulated"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["switching.csv", "switching.html"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--share", "2"], "2.0 is no share of those"),
        (["--share", "x"], "--share"),
        (["--trials", "0"], "0 is no number of trials"),
        (["--draws", "1"], "1 bootstrap samples"),
        (["--seed", "-1"], "seed"),
    ],
)
def test_what_the_command_refuses(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["switching", "tandem", *arguments])
    assert left.value.code == 2
    assert words in capsys.readouterr().err
