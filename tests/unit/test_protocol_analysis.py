"""Many trials tested as the protocol says, whatever its analysis: what `analyze.run` finds in each of them."""

from __future__ import annotations

import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.stats import norm

import equipoise as eq
from equipoise.errors import DataError, UnsupportedError
from equipoise.kernels.trials import Z
from equipoise.protocol import Protocol, read
from equipoise.simulate import Cut, Looks, Trials, compare_designs, nature, operating, study, trial
from equipoise.simulate.operating import analyzed_by
from equipoise.simulate.own_analysis import ESTIMATE, HIGH, LOW
from equipoise.simulate.protocol_analysis import protocol_analysis
from equipoise.simulate.trial import analysis_of

LIMIT = 1.959963984540054
TOML = Path(__file__).parent / "simulated_trial.toml"
LOOKS = Looks(cuts=(Cut(events=60), Cut(events=120)), efficacy=[2.5, 2.0], sided=1)
RMST = 'summary = "difference in restricted mean survival time"\nrestriction_time = "6 months"'
RATIO = RMST.replace("difference in restricted mean survival time", "ratio of restricted mean survival times")
SHARE = 'summary = "difference in milestone survival"\nmilestone = "6 months"'
AVERAGE = 'summary = "average hazard ratio"\nrestriction_time = "6 months"'
# Summary and keys of the analysis; the row of its estimate, whether that is a ratio, and the row of its P.
CASES = {
    "late": ("", "gamma = 1.0", "hazard ratio", True, "log-rank P"),
    "gehan": ("", 'weights = "gehan"', "hazard ratio", True, "log-rank P"),
    "modest": ("", 'weights = "modestly weighted"\ndelay = "2 months"', "hazard ratio", True, "log-rank P"),
    "maxcombo": ("", 'test = "maxcombo"', "hazard ratio", True, "MaxCombo P one-sided"),
    "cox": ("", 'test = "cox"', "hazard ratio", True, "test P"),
    "breslow": ("", 'ties = "breslow"', "hazard ratio", True, "log-rank P"),
    "profile": ("", 'limits = "profile"', "hazard ratio", True, "log-rank P"),
    "firth": ("", 'penalty = "firth"', "hazard ratio", True, "test P"),
    "adjusted": ("", 'covariates = ["SEX"]', "hazard ratio", True, "test P"),
    "adjusted log-rank": ("", 'covariates = ["SEX"]\ntest = "adjusted logrank"', "hazard ratio", True, "test P"),
    "means": (RMST, "", "restricted mean difference", False, "test P"),
    "means, log-rank": (RMST, 'test = "logrank"', "restricted mean difference", False, "log-rank P"),
    "ratio of means": (RATIO, "", "restricted mean ratio", True, "test P"),
    "milestone": (SHARE, "", "milestone survival difference", False, "test P"),
    "average": (AVERAGE, "", "average hazard ratio", True, "test P"),
    "marginal": ('summary = "marginal hazard ratio"', 'covariates = ["SEX"]', "marginal hazard ratio", True, "test P"),
}  # fmt: skip
ADJUSTED = 'test = "adjusted logrank"\ncovariates = ["SEX"]'
TESTED_BY_THEIR_Z = ("late", "gehan", "modest", "means, log-rank", "adjusted log-rank")


def protocol(tmp_path: Path, summary: str = "", keys: str = "", more: str = "") -> Protocol:
    text = TOML.read_text()
    text = text.replace('summary = "hazard ratio"', summary or 'summary = "hazard ratio"', 1)
    text = text.replace('role = "primary"', f'role = "primary"\n{keys}', 1)
    file = tmp_path / "trial.toml"
    if "subdistribution" in summary:
        text = text.replace('events = ["progression", "death"]', 'events = ["progression"]\ncompeting_codes = [2]', 1)
    file.write_text(f"{text}\n{more}")
    return read(file)


@pytest.mark.parametrize("case", CASES)
def test_each_trial_is_analyzed_as_a_real_one(tmp_path: Path, case: str) -> None:
    summary, keys, row, ratio, p_row = CASES[case]
    given = protocol(tmp_path, summary, keys)
    chosen, analysis = given.scenario["everything"], analysis_of(given, "PFS")
    own = protocol_analysis(given, chosen, analysis)
    assert own is not None
    task = Trials(
        nature=nature(given, chosen, 240), looks=LOOKS, seed=4, analysis=own, **analyzed_by(given, chosen, analysis)
    )  # fmt: skip
    found, wrong = pickle.loads(pickle.dumps(task)).tested(0, 2) if case == "late" else task.tested(0, 2)
    assert not wrong
    for i in range(2):
        for k, cut in enumerate(LOOKS.cuts):
            data = trial(given, "everything", seed=4, number=i, cut=cut, estimand="PFS")
            rows = eq.analyze.run(given, data, in_full=False).of("PFS")
            held = {r.statistic: r.value for r in rows if r.group in ("", "Drug v Placebo", "Drug - Placebo")}
            days = 30.4375 if row == "restricted mean difference" else 1.0
            estimates = [_value(held, name, ratio) * days for name in (row, f"{row} lower limit", f"{row} upper limit")]
            assert found[i, k, ESTIMATE] == pytest.approx(estimates[0], rel=1e-9)
            assert found[i, k, [LOW, HIGH]] == pytest.approx(estimates[1:], rel=1e-9)
            p = held[p_row]
            assert p is not None
            z = norm.isf(p) if p_row.endswith("one-sided") else norm.isf(p / 2)
            assert abs(found[i, k, Z]) == pytest.approx(abs(z), rel=1e-6)  # the tail of a P, and the root in it
            if not p_row.endswith("one-sided"):
                better = estimates[0] < 0 if row.endswith("hazard ratio") else estimates[0] > 0
                z_row = "adjusted log-rank z" if case == "adjusted log-rank" else "log-rank z"
                if case in TESTED_BY_THEIR_Z:  # the estimate may lie on the other side
                    better = (held[z_row] or 0.0) > 0
                assert (found[i, k, Z] > 0) == better


def _value(held: dict[str, float | None], name: str, ratio: bool) -> float:
    value = held[name]
    assert value is not None
    return math.log(value) if ratio else value


def test_power_bias_and_coverage_of_a_difference_of_means(tmp_path: Path) -> None:
    """The protocol's analysis is that of the kernel where both have it: the difference of restricted means."""
    given = protocol(tmp_path, RMST)
    run: dict[str, Any] = {"looks": LOOKS, "scenario": "everything", "trials": 40, "seed": 2, "truth": True}
    found = operating(given, tau="6 months", **run)
    kernel = found.estimates["difference of restricted means"]
    name = "difference in restricted mean survival time"
    mine = found.estimates[name]
    # By default the means of the protocol are not by strata, those of the kernel are as the test is.
    assert mine.mean == pytest.approx(kernel.mean, abs=3)
    plain = protocol(tmp_path, RMST, "stratified = false")
    found = operating(plain, tau="6 months", **run)
    for statistic in ("mean", "sd", "standard_error", "truth", "covered"):
        one, other = (getattr(found.estimates[n], statistic) for n in (name, "difference of restricted means"))
        assert one == pytest.approx(other, rel=1e-9)
    assert found.power == pytest.approx(found.estimates["difference of restricted means"].crossed[1], abs=0.1)
    assert found.test.startswith("the protocol's analysis 'PFS' (restricted mean), unstratified; Cox model")
    statistics = {row.statistic for row in found.rows()}
    assert {f"bias of {name}", f"coverage of {name}", f"mean {name} Monte Carlo error"} <= statistics


def test_a_margin_of_non_inferiority(tmp_path: Path) -> None:
    """Z is that of the margin: log hazard ratio minus log margin over its standard error, turned round."""
    given = protocol(tmp_path, "", "null_hazard_ratio = 1.3")
    chosen, analysis = given.scenario["everything"], analysis_of(given, "PFS")
    task = Trials(
        nature=nature(given, chosen, 240), looks=LOOKS, seed=4, **analyzed_by(given, chosen, analysis),
        analysis=protocol_analysis(given, chosen, analysis),
    )  # fmt: skip
    found, wrong = task.tested(3, 1)
    assert not wrong
    error = (found[0, :, HIGH] - found[0, :, LOW]) / (2 * LIMIT)
    assert found[0, :, Z] == pytest.approx((math.log(1.3) - found[0, :, ESTIMATE]) / error, rel=1e-9)


def test_what_the_kernel_has_stays_with_it(tmp_path: Path) -> None:
    given = protocol(tmp_path)
    for name in ("PFS", "OS"):
        assert protocol_analysis(given, given.scenario["everything"], analysis_of(given, name)) is None


def test_a_grid_and_designs_by_command(tmp_path: Path) -> None:
    """A protocol whose primary test is weighted has its power over designs, by that test."""
    more = (
        '[simulation.x]\nlabel = "x"\nestimand = "PFS"\nalpha = 0.025\nsided = 1\nscenario = "everything"\n'
        'designs = { "early" = { events = [60] }, "late" = { events = [120] } }\n'
    )
    given = protocol(tmp_path, "", "gamma = 1.0", more)
    (grid,) = study(given, trials=30, seed=5).designs
    assert all(
        "the protocol's analysis 'PFS' (Fleming-Harrington (0, 1) log-rank)" in cell.run.test for cell in grid.cells
    )
    looks = {
        name: Looks(cuts=(Cut(events=n, time="48 months", which="earlier"),), efficacy=[LIMIT], sided=1)
        for name, n in (("early", 60), ("late", 120))
    }
    paired = compare_designs(given, looks, scenario="everything", estimand="PFS", trials=30, seed=5)
    assert [cell.run.power for cell in grid.cells] == paired.power.tolist()
    assert np.array_equal(next(iter(grid.paired.values())).power, paired.power)
    plain = compare_designs(protocol(tmp_path), looks, scenario="everything", estimand="PFS", trials=30, seed=5)
    assert paired.events.tolist() == plain.events.tolist()
    assert paired.power.tolist() != plain.power.tolist()


def test_trials_are_kept_with_what_went_wrong_in_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twelve of an adjusted analysis of which some have no result: whole, stopped in the middle and gone on with, and
    read again they are the same; another analysis does not take them."""
    monkeypatch.setattr("equipoise.simulate.many.CHUNK", 10)
    kept = tmp_path / "kept"
    few = Looks(cuts=(Cut(events=1), Cut(events=60)), efficacy=[2.5, 2.0], sided=1)

    def run(trials: int, keys: str, keep: Path | None) -> Any:
        given = protocol(tmp_path, "", keys)
        return operating(given, looks=few, scenario="everything", estimand="PFS", trials=trials, seed=3, keep=keep)

    whole = run(12, ADJUSTED, None)
    assert whole.wrong
    assert run(10, ADJUSTED, kept).trials == 10
    (folder,) = kept.iterdir()
    first = folder / "trials-000000000000-10.parquet"
    written = first.stat().st_mtime_ns
    for _ in range(2):
        again = run(12, ADJUSTED, kept)
        assert list(again.rows()) == list(whole.rows())
        assert again.wrong == whole.wrong
    assert first.stat().st_mtime_ns == written
    assert list(kept.iterdir()) == [folder]
    run(12, 'covariates = ["SEX"]', kept)
    assert len(list(kept.iterdir())) == 2
    pl.read_parquet(first).drop("wrong").write_parquet(first)
    with pytest.raises(DataError, match="does not hold the trials"):
        run(12, ADJUSTED, kept)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ('covariates = ["AGE"]', "no factor 'AGE', for which the analysis is adjusted"),
        ('summary = "subdistribution hazard ratio"', "of competing events is not simulated"),
    ],
)
def test_what_is_refused(tmp_path: Path, keys: str, words: str) -> None:
    given = protocol(tmp_path, keys) if keys.startswith("summary") else protocol(tmp_path, "", keys)
    with pytest.raises(UnsupportedError, match=words):
        operating(given, looks=LOOKS, scenario="everything", trials=2, seed=1)
