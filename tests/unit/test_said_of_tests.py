"""What is said of a test: which hypothesis, which decision, and why there is none."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from tests.unit import made_trial
from tests.unit.test_analyses_of_every_kind import frame, run, trial_of

from equipoise import cli
from equipoise.analyze import Results
from equipoise.report.document import html
from equipoise.report.tables import primary_table
from equipoise.results import Row
from equipoise.survival import cox


def row(found: Results, statistic: str, group: str = "") -> Row:
    return next(r for r in found.rows if r.statistic == statistic and r.group == group)


def margin(folder: Path, null: float, sided: int = 1, event: str = "harm") -> Results:
    trial = trial_of(
        folder, "", f"null_hazard_ratio = {null}",
        endpoint=f'{made_trial.ENDPOINT}event_is = "{event}"\n',
        testing=made_trial.TESTING.replace("sided = 2", f"sided = {sided}"),
    )  # fmt: skip
    return run(trial, frame())[0]


def test_the_fixture_has_its_hazard_ratio_between_the_margins(tmp_path: Path) -> None:
    found = row(margin(tmp_path, 1.3), "hazard ratio", "new v old").value
    assert found is not None
    assert 0.2 < found < 1.3


@pytest.mark.parametrize(
    ("null", "sided", "event", "sentence", "decision"),
    [
        (5, 1, "harm", "of hazard ratio 5 or more (non-inferiority)", "fixed sequence), hazard ratio below 5: non-inf"),
        (5, 2, "harm", "of hazard ratio 5 (non-inferiority)", "fixed sequence), hazard ratio below 5: non-inferiority"),
        (0.1, 2, "harm", "of hazard ratio 0.1 (superiority by a margin)", "hazard ratio above 0.1: no superiority"),
        (0.1, 1, "harm", "of hazard ratio 0.1 or more (superior", "hazard ratio 0.1: superiority by a margin is not"),
        (0.1, 1, "benefit", "of hazard ratio 0.1 or less (non-inf", "hazard ratio above 0.1: non-inferiority"),
        (5, 2, "benefit", "of hazard ratio 5 (superiority by a margin)", "hazard ratio below 5: no superiority by a"),
    ],
)
def test_a_margin_is_named(tmp_path: Path, null: float, sided: int, event: str, sentence: str, decision: str) -> None:
    found = margin(tmp_path, null, sided, event)
    assert sentence in row(found, "sentence").text
    assert decision in row(found, "test decision").text
    assert "control arm" not in row(found, "test decision").text
    assert f"null hazard ratio {null:g}" in row(found, "test P").method


def test_only_the_arms_own_p_is_of_the_margin(tmp_path: Path) -> None:
    trial = trial_of(tmp_path, "", 'null_hazard_ratio = 1.3\ncovariates = ["AGE"]')
    found, tte, covariates = run(trial, frame())
    of_margin = {(r.statistic, r.group) for r in found.rows if "null hazard ratio 1.3" in r.method}
    assert of_margin == {
        ("Wald P", "new v old"), ("Wald P one-sided", "new v old"), ("test P", ""), ("sentence", ""),
    }  # fmt: skip
    # ... and these are those of no effect:
    plain = cox(tte, covariates)
    assert row(found, "model likelihood ratio P").value == plain.likelihood_ratio.p_value
    assert row(found, "Wald P", "AGE").value == plain.p[1]
    assert row(found, "model Wald P").method == plain.method
    assert (
        "in all randomized patients; intercurrent events: none named; tested is hazard ratio 1.3 (non-inferiority)."
        in (" ".join(html(trial, found).split()))
    )


def main(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as left:
        cli.main(arguments)
    assert isinstance(left.value.code, int)
    return left.value.code, capsys.readouterr().out


THREE = (
    made_trial.PRIMARY
    + '\n[analyses.second]\nestimand = "effect"\nrole = "key secondary"\ntest = "maxcombo"\n'
    + '\n[analyses.third]\nestimand = "effect"\nrole = "sensitivity"\ntest = "cox"\n'
)


def test_every_decision_is_printed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    testing = made_trial.TESTING.replace('["primary"]', '["primary", "second"]')
    rows = (
        frame().drop("SEX").with_columns(EVNTDESC=pl.when(pl.col("CNSR") == 0).then(pl.lit("a")).otherwise(pl.lit("b")))
    )
    path = made_trial.files(tmp_path, rows, analyses=THREE, testing=testing)
    code, out = main(capsys, "analyze", str(path))
    assert code == 0
    said = [line for line in out.splitlines() if line.startswith(("Significant", "Not significant", "Not tested"))]
    assert len(said) == 2
    assert "step 1 of 2" in said[0]
    assert said[1].startswith("Not tested: primary was not") or "step 2 of 2" in said[1]


def test_a_report_prints_why_it_leaves_with_one(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    rows = frame().with_columns(CNSR=pl.lit(1), EVNTDESC=pl.lit("Alive"))
    path = made_trial.files(tmp_path, rows)
    for command in ("report", "run"):
        code, out = main(capsys, command, str(path), "--out", str(tmp_path / "out"))
        assert code == 1
        assert out.count("Warning: primary: there are no events") == 1


@pytest.mark.parametrize("test", ["logrank", "maxcombo", "cox"])
def test_without_events_every_empty_cell_says_why(tmp_path: Path, test: str) -> None:
    trial = trial_of(
        tmp_path, "", f'test = "{test}"\ndiagnostics = ["proportional hazards"]\nlandmarks = ["0 days", "9 years"]'
    )
    found, _, _ = run(trial, frame().with_columns(CNSR=pl.lit(1)))
    assert row(found, "test P").text == "not estimable"
    assert row(found, "test P").reason == "there are no events"
    assert row(found, "test decision").text == "not tested: there are no events"
    cells = dict(primary_table(trial, found.rows, "primary").lines)
    assert cells["Hazard ratio, new v old (95% CI)"][-1] == "not estimable: there are no events"
    assert cells["P, proportional hazards"][-1] == "not estimable: there are no events"
    assert cells["Testing order"][-1] == "not tested: there are no events"
    assert cells["Event-free at 0 days (95% CI)"][0] == (
        "1.000 (not estimable: log-log limits are not defined where survival is 1)"
    )
    assert cells["Event-free at 9 years (95% CI)"][0].startswith("not estimable: nobody is followed for 3287.25 days")


SEPARATED = "the likelihood has no finite maximum"


@pytest.mark.parametrize(
    ("summary", "lines", "reason"),
    [
        ("", 'test = "cox"', SEPARATED),
        ('"subdistribution hazard ratio"', 'test = "fine-gray"', SEPARATED),
        ('"ratio of milestone survival"\nmilestone = "9 years"', "", "beyond the follow-up"),
        ('"difference in restricted mean survival time"\nrestriction_time = "9 years"', "", "follow"),
        ('"average hazard ratio"\nrestriction_time = "9 years"', "", "follow"),
        ('"marginal hazard ratio"', 'covariates = ["X"]\ntest = "marginal hazard ratio"', "collinear within an arm"),
    ],
)
def test_a_test_without_a_p_has_the_reason_of_the_test(tmp_path: Path, summary: str, lines: str, reason: str) -> None:
    rows = frame(competing="subdistribution" in summary).with_columns(X=pl.lit("one"))
    if reason == SEPARATED:  # nobody of the new arm has the event
        rows = rows.with_columns(CNSR=pl.when(pl.col("TRT01P") == "new").then(1).otherwise(pl.col("CNSR")))
    endpoint = made_trial.ENDPOINT + "competing_codes = [2]\n"
    found, _, _ = run(trial_of(tmp_path, summary, lines, endpoint=endpoint), rows)
    test = row(found, "test P")
    assert test.value is None
    assert reason in test.reason
    assert row(found, "test decision").text == f"not tested: {test.reason}"
