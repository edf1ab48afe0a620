"""Every summary, test and setting that a protocol can name gives the numbers of the function behind it, a sentence, a
table and a page."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from tests.unit import made_trial

import equipoise as eq
from equipoise.analyze import Results, endpoint
from equipoise.errors import ProtocolError
from equipoise.protocol import Protocol
from equipoise.report.document import html
from equipoise.report.tables import primary_table

N = 120


def frame(competing: bool = False) -> pl.DataFrame:
    rng = np.random.default_rng(8)
    arm = ["n" if i % 2 else "o" for i in range(N)]
    age = rng.normal(60, 8, N).round(1)
    time = np.ceil(rng.exponential(200 * np.where(np.arange(N) % 2, 1.5, 1.0) * np.exp(-(age - 60) / 30)))
    lost = np.ceil(rng.uniform(60, 500, N))
    cnsr = np.where(time <= lost, 0, 1)
    if competing:
        cnsr = np.where((cnsr == 0) & (rng.random(N) < 0.3), 2, cnsr)
    rows = made_trial.adtte(np.minimum(time, lost).tolist(), [0] * N, arm, AGE=age.tolist())  # type: ignore[arg-type]
    sex = [str(s) for s in rng.choice(["f", "m"], N)]
    return rows.with_columns(pl.Series("CNSR", cnsr), pl.Series("SEX", sex))


STRATA = '\n[data]\nstrata = { as_randomized = ["SEX"] }\n'


def trial_of(folder: Path, summary: str = "", analysis: str = "", **parts: str) -> Protocol:
    estimand = made_trial.ESTIMAND.replace('"hazard ratio"', summary) if summary else made_trial.ESTIMAND
    return made_trial.protocol(
        folder, estimand=estimand, analyses=f"{made_trial.PRIMARY}{analysis}\n", data=STRATA, **parts
    )


def run(trial: Protocol, rows: pl.DataFrame) -> tuple[Results, Any, dict[str, np.ndarray]]:
    data = eq.data.read_adam({"adtte": rows}, trial)
    found = eq.analyze.run(trial, data)
    tte = endpoint(trial, data, estimand="effect")
    return found, tte, {"AGE": rows["AGE"].to_numpy()}


def value(found: Results, statistic: str, group: str = "") -> float:
    rows = [r for r in found.rows if r.statistic == statistic and r.group == group]
    assert len(rows) == 1, (statistic, group, len(rows))
    assert rows[0].value is not None, rows[0].reason
    return rows[0].value


def sentence(found: Results) -> str:
    return str(found)


s = eq.survival
AT, TAU = "180 days", "300 days"

# What the protocol says, and from the endpoint the number that must stand in the table: (statistic, group, function).
KINDS: dict[str, tuple[str, str, list[tuple[str, str, Callable[[Any, Any], float]]], str]] = {
    "modest weights": (
        "", 'weights = "modestly weighted"\ndelay = "90 days"',
        [("test P", "", lambda t, x: s.logrank(t, weights=s.ModestlyWeighted(delay="90 days")).p_value)],
        "modestly weighted (delay 90 days) log-rank P",
    ),
    "gehan": (
        "", 'weights = "gehan"', [("test P", "", lambda t, x: s.logrank(t, weights=s.Gehan()).p_value)],
        "Gehan log-rank P",
    ),
    "tarone-ware": (
        "", 'weights = "tarone-ware"', [("test P", "", lambda t, x: s.logrank(t, weights=s.TaroneWare()).p_value)],
        "Tarone-Ware log-rank P",
    ),
    "maxcombo": ("", 'test = "maxcombo"', [("test P", "", lambda t, x: s.maxcombo(t).p_value)], "MaxCombo P"),
    "adjusted log-rank": (
        "", 'test = "adjusted logrank"\ncovariates = ["AGE"]',
        [("test P", "", lambda t, x: s.adjusted_logrank(t, x).p_value)], "adjusted log-rank P",
    ),
    "profile limits": (
        "", 'limits = "profile"',
        [("hazard ratio upper limit", "new v old", lambda t, x: s.cox(t, conf_type="profile").conf_int[1])],
        "log-rank P",
    ),
    "firth": (
        "", 'penalty = "firth"',
        [("hazard ratio", "new v old", lambda t, x: s.cox(t, penalty="firth").hazard_ratio),
         ("test P", "", lambda t, x: s.cox(t, penalty="firth").p_value)],
        "penalized likelihood ratio P",
    ),
    "non-inferiority": (
        "", "null_hazard_ratio = 1.3",
        [("test P", "", lambda t, x: s.cox(t, null_hazard_ratio=1.3).p_value)], "Wald P",
    ),
    "milestone": (
        f'"difference in milestone survival"\nmilestone = "{AT}"', "",
        [("milestone survival difference", "", lambda t, x: s.milestone(t, at=AT, stratified=False).difference),
         ("test P", "", lambda t, x: s.milestone(t, at=AT, stratified=False).p_value)],
        "difference in survival at 180 days",
    ),
    "milestone, stratified ratio": (
        f'"ratio of milestone survival"\nmilestone = "{AT}"', "stratified = true",
        [("milestone survival ratio", "", lambda t, x: s.milestone(t, at=AT).ratio.estimate),
         ("test P", "", lambda t, x: s.milestone(t, at=AT).ratio.p_value)],
        "ratio of survival at 180 days",
    ),
    "adjusted means": (
        f'"difference in restricted mean survival time"\nrestriction_time = "{TAU}"', 'covariates = ["AGE"]',
        [("restricted mean difference", "", lambda t, x: s.rmst(t, tau=TAU, covariates=x).difference)],
        "adjusted difference in restricted means up to 300 days (days)",
    ),
    "average hazard ratio": (
        f'"average hazard ratio"\nrestriction_time = "{TAU}"', "",
        [("average hazard ratio", "", lambda t, x: s.average_hazard_ratio(t, tau=TAU).hazard_ratio),
         ("test P", "", lambda t, x: s.average_hazard_ratio(t, tau=TAU).p_value)],
        "average hazard ratio up to 300 days",
    ),
    "marginal hazard ratio": (
        '"marginal hazard ratio"', 'covariates = ["AGE"]',
        [("marginal hazard ratio", "", lambda t, x: s.marginal_hazard_ratio(t, x).hazard_ratio),
         ("test P", "", lambda t, x: s.adjusted_logrank(t, x).p_value)],
        "marginal hazard ratio",
    ),
    "marginal hazard ratio, its own test": (
        '"marginal hazard ratio"', 'covariates = ["AGE"]\ntest = "marginal hazard ratio"',
        [("test P", "", lambda t, x: s.marginal_hazard_ratio(t, x).p_value)], "Wald P",
    ),
    "subdistribution": (
        '"subdistribution hazard ratio"', f'landmarks = ["{AT}"]',
        [("subdistribution hazard ratio", "new v old", lambda t, x: s.fine_gray(t).hazard_ratio),
         ("test P", "", lambda t, x: s.gray(t).p_value),
         ("cumulative incidence of cause 1", "old",
          lambda t, x: s.cumulative_incidence(t)["old"][1].at([AT])[0].estimate)],
        "subdistribution hazard ratio",
    ),
    "subdistribution, its own test": (
        '"subdistribution hazard ratio"', 'test = "fine-gray"\ncovariates = ["AGE"]',
        [("test P", "", lambda t, x: s.fine_gray(t, x).p_value)], "Wald P",
    ),
    "diagnostics": (
        "", 'diagnostics = ["proportional hazards", "follow-up"]',
        [("proportional hazards P", "global", lambda t, x: s.zph(s.cox(t)).tests["global"].p_value),
         ("median follow-up", "new", lambda t, x: s.follow_up(t)["new"].median)],
        "log-rank P",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_the_numbers_are_those_of_the_function(name: str, tmp_path: Path) -> None:
    summary, analysis, wanted, words = KINDS[name]
    competing = "subdistribution" in name
    parts = {"endpoint": made_trial.ENDPOINT + "competing_codes = [2]\n"} if competing else {}
    trial = trial_of(tmp_path, summary, analysis, **parts)
    found, tte, covariates = run(trial, frame(competing))
    assert tte.event.max() == (2 if competing else 1)
    for statistic, group, function in wanted:
        assert value(found, statistic, group) == pytest.approx(function(tte, covariates), rel=1e-12)
    assert words in sentence(found), sentence(found)
    table = primary_table(trial, found.rows, "primary")
    shown = " ".join(cell for _, cells in table.lines for cell in cells)
    assert "not estimable" not in shown, table.lines
    assert words.split(" P")[0] in page_words(html(trial, found))
    labels = [label for label, _ in table.lines]
    assert ("P, proportional hazards" in labels) == (name == "diagnostics")
    assert ("Median follow-up, days (95% CI)" in labels) == (name == "diagnostics")


def page_words(page: str) -> str:
    return " ".join(page.split())


def test_a_page_of_competing_risks_draws_incidence(tmp_path: Path) -> None:
    trial = trial_of(
        tmp_path, '"subdistribution hazard ratio"', endpoint=made_trial.ENDPOINT + "competing_codes = [2]\n"
    )
    found, _, _ = run(trial, frame(competing=True))
    page = html(trial, found)
    assert "Cumulative incidence with 95% pointwise confidence limits" in page_words(page)
    assert "Competing events" in page
    counts = {r.at: r.value for r in found.rows if r.statistic == "at risk" and r.group == "new"}
    assert counts[0.0] == N / 2
    at = max(counts)
    parts = [r.value or 0 for r in found.rows if r.group == "new" and r.at == at and r.statistic.endswith(" before")]
    assert (counts[at] or 0) + sum(parts) == N / 2
    # The same data, censored at what competes: the cause-specific hazard ratio.
    (tmp_path / "cause").mkdir()
    other = trial_of(tmp_path / "cause", endpoint=made_trial.ENDPOINT + "competing_codes = [2]\n")
    censored, tte, _ = run(other, frame(competing=True))
    assert tte.event.max() == 1
    (note,) = [n for n in censored.notes if "compete" in n]
    assert re.search(r": \d+ events that compete with .* \(CNSR = 2\) count as censored", note)
    assert not any("compete" in n for n in found.notes)


def test_a_code_that_nobody_holds_is_a_warning(tmp_path: Path) -> None:
    trial = trial_of(tmp_path, endpoint=made_trial.ENDPOINT + "competing_codes = [7]\n")
    found, _, _ = run(trial, frame(competing=True))
    assert any("holds an event that competes (CNSR = 7)" in w for w in found.warnings)


def test_a_code_cannot_be_the_event_and_compete(tmp_path: Path) -> None:
    trial = trial_of(
        tmp_path, '"subdistribution hazard ratio"', endpoint=made_trial.ENDPOINT + "competing_codes = [0]\n"
    )
    with pytest.raises(ProtocolError, match="the censoring code 0 is both the event and one that competes"):
        run(trial, frame(competing=True))


GRAPH = """
[testing]
procedure = "graph"
alpha = 0.05
sided = 2
order = ["primary", "second"]
weights = { primary = 1.0, second = 0.0 }
transitions = { primary = { second = 1.0 } }
"""


@pytest.mark.parametrize("procedure", ["holm", "hochberg", "hommel", "graph"])
def test_testing_procedures(procedure: str, tmp_path: Path) -> None:
    second = '\n[analyses.second]\nestimand = "effect"\nrole = "key secondary"\ntest = "maxcombo"\n'
    plain = GRAPH.split("weights")[0].replace('"graph"', f'"{procedure}"')
    trial = trial_of(tmp_path, analysis=second, testing=GRAPH if procedure == "graph" else plain)
    found, tte, _ = run(trial, frame())
    p = {"primary": s.logrank(tte).p_value, "second": s.maxcombo(tte).p_value}
    graph = None
    if procedure == "graph":
        graph = eq.design.AlphaGraph(weights={"primary": 1, "second": 0}, transitions={"primary": {"second": 1}})
    want = eq.analyze.adjusted_p(p, procedure, graph)  # type: ignore[arg-type]
    for name, adjusted in want.items():
        rows = [r for r in found.of(name) if r.statistic == "multiplicity-adjusted P"]
        assert rows[0].value == pytest.approx(adjusted, rel=1e-12)
    words = {"graph": "a graph (primary 1, second 0, primary to second 1)"}.get(procedure, procedure.capitalize())
    from equipoise.protocol import synopsis

    assert any(words in line for _, lines in synopsis(trial) for line in lines)


def test_zph_that_cannot_be_made_says_why(tmp_path: Path) -> None:
    trial = trial_of(tmp_path, analysis='ties = "discrete"\ndiagnostics = ["proportional hazards"]')
    found, _, _ = run(trial, frame())
    row = next(r for r in found.rows if r.statistic == "proportional hazards P")
    assert row.value is None
    assert "under discrete ties" in row.reason
