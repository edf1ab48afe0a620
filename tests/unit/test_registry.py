"""A registry record in, a protocol out: printed numbers come back as they stood, what cannot stand is named, and what
is no record with results is refused in a sentence. Every record here is invented."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.unit.registry_study import (
    BENEFIT,
    DOR,
    FILE,
    ORR,
    OS,
    PFS,
    RATES,
    SCALE,
    C,
    E,
    Study,
    analysis,
    arm_groups,
    measured,
    numbers,
    outcome,
    printed,
    read_draft,
    safety,
    study,
)

from equipoise import cli
from equipoise.errors import ProtocolError
from equipoise.protocol import draft, drafted, read
from equipoise.reconstruct.targets import targets

PFS_NAME, OS_NAME = "PFS, treatment policy", "OS, treatment policy"


def left(record: Study, *words: str) -> bool:
    """Whether one line of what was left out has all of the words."""
    return any(all(word in line for word in words) for line in drafted(record).left_out)


# The record as it is


def test_every_number_comes_back_as_it_is_printed() -> None:
    found, trial = read_draft(FILE)
    assert printed(trial, statistic="subjects") == ["301", "299"]
    for arm, pfs, os in ((E, ["14.20", "11.1", "16.6"], ["not reached", "33.0", "not reached"]),
                         (C, ["9.3", "8.4", "10.90"], ["31.7", "28.1", "not reached"])):  # fmt: skip
        for estimand, expected in ((PFS_NAME, pfs), (OS_NAME, os)):
            got = [printed(trial, statistic=s, estimand=estimand, arm=arm) for s in
                   ("median", "median lower limit", "median upper limit")]  # fmt: skip
            assert got == [[text] for text in expected]
    for estimand, expected in ((PFS_NAME, ["0.64", "0.520", "0.79"]), (OS_NAME, ["0.80", "0.63", "1.01"])):
        ratio = [n for n in numbers(trial, estimand=estimand) if n.statistic.startswith("hazard ratio")]
        assert [n.printed.text for n in ratio] == expected
        assert [n.confidence for n in ratio] == [None, 0.95, 0.95]
        assert {n.stratified for n in ratio} == {estimand == PFS_NAME}
    (p,), (q,) = (numbers(trial, statistic="P", estimand=name) for name in (PFS_NAME, OS_NAME))
    assert (p.printed.text, p.sided, p.stratified, p.method) == ("<0.001", 2, True, "log-rank")
    assert (q.printed.text, q.sided, q.stratified, q.method) == ("0.0312", 1, False, "log-rank")
    assert {n.use for n in (p, q)} == {"target"}
    rates = numbers(trial, statistic="event-free rate")
    assert [(n.arm, n.at, n.printed.text) for n in rates] == [
        (E, "6 months", "78.4%"), (C, "6 months", "66%"), (E, "12 months", "55.1%"), (C, "12 months", "40.2%"),
    ]  # fmt: skip
    assert {n.estimand for n in rates} == {PFS_NAME}
    assert trial.analyses["PFS"].landmarks == ("6 months", "12 months")
    responders = numbers(trial, statistic="responders")
    assert [(n.outcome, n.printed.text, n.of) for n in responders] == [
        ("Objective Response Rate", "43.7%", 252), ("Objective Response Rate", "30.0%", 240),
        ("Number of Participants With Clinical Benefit", "210", 301),
        ("Number of Participants With Clinical Benefit", "167", 299),
    ]  # fmt: skip
    assert printed(trial, statistic="odds ratio", outcome="Objective Response Rate") == ["1.81"]
    assert printed(trial, statistic="P", outcome="Objective Response Rate") == ["0.0017"]
    assert len(found.left_out) == 3
    assert not found.choices


def test_the_trial_is_what_the_record_says_and_no_more() -> None:
    _, trial = read_draft(FILE)
    assert trial.name == "INVENTA-1"
    assert (trial.trial.phase, trial.trial.sponsor, trial.trial.registry) == ("III", "Invented Pharma", "NCT00000000")
    assert "posted results (first posted 2019-05-06, last update 2020-01-02)" in trial.trial.sources[0]
    assert [(a.label, a.role, a.regimen) for a in trial.arms.values()] == [
        (E, "experimental", None), (C, "control", None)
    ]  # fmt: skip
    assert "text only: Novatinib 100 mg twice daily" in trial.unknown[f'arms."{E}".regimen']
    assert {"testing", "randomization", "eligibility", "trial.stratification"} <= set(trial.unknown)
    assert trial.populations["ITT"].label == "All randomized participants (intent to treat)"
    assert {name: (e.unit, e.events) for name, e in trial.endpoints.items()} == {
        "PFS": ("months", ("progression", "death")), "OS": ("months", ("death",))
    }  # fmt: skip
    assert {name: (a.role, a.test, a.stratified) for name, a in trial.analyses.items()} == {
        "PFS": ("primary", "logrank", None), "OS": ("key secondary", "logrank", False)
    }  # fmt: skip
    assert "analyses.OS.role" in trial.assumed
    assert "analyses.PFS.stratified" in trial.unknown


def test_adverse_events_are_of_those_at_risk() -> None:
    found, trial = read_draft(FILE)
    serious = numbers(trial, statistic="adverse event", serious=True, term=None)
    assert [(n.arm, n.printed.text, n.of, n.use) for n in serious] == [
        (E, "64", 300, "shown"),
        (C, "38", None, "target"),
    ]
    assert printed(trial, term="Neutropenia") == ["150", "9"]
    # Pneumonia was also serious in some: those who had it not serious are not all who had it.
    assert printed(trial, term="Pneumonia", serious=True) == ["16", "5"]
    assert not numbers(trial, term="Pneumonia", serious=None)
    assert printed(trial, statistic="other", label="Pneumonia, not serious") == ["20", "18"]
    assert printed(trial, statistic="other", label="Adverse events that are not serious at or above 5%") == [
        "281",
        "240",
    ]
    assert not numbers(trial, term="Syncope")
    assert "1 serious adverse event term: below 5% in every arm" in found.left_out
    assert {n.tier for n in trial.published.numbers if n.statistic == "adverse event"} == {"C"}


def test_what_was_left_out_stands_in_the_text_as_comments() -> None:
    found = drafted(FILE)
    comments = [line.removeprefix("# left out: ") for line in found.text.splitlines() if line.startswith("# left out:")]
    assert comments == list(found.left_out)
    assert left(study(), "Duration of Response", "in responders only")
    assert left(study(), "Invented Scale", "neither a time to an event nor a count")
    assert draft(FILE) == found.text


# Which arm is which


def swap(record: Study) -> None:
    analysis(record)["groupIds"].reverse()


def test_control_listed_first_is_settled_by_the_medians() -> None:
    record = study()
    swap(record)
    _, trial = read_draft(record)
    assert printed(trial, statistic="hazard ratio", estimand=PFS_NAME) == ["0.64"]


def test_a_ratio_that_the_medians_contradict_is_left_out_with_its_limits() -> None:
    record = study()
    swap(record)
    analysis(record).update(paramValue="1.56", ciLowerLimit="1.27", ciUpperLimit="1.92")
    _, trial = read_draft(record)
    assert not [n for n in numbers(trial, estimand=PFS_NAME) if n.statistic.startswith("hazard ratio")]
    assert printed(trial, statistic="P", estimand=PFS_NAME) == ["<0.001"]
    assert left(record, "1.56", "1.27 to 1.92", "contradicts", f"14.20 in {E} and 9.3 in {C}")


def test_where_the_arms_are_silent_the_order_decides_and_is_assumed() -> None:
    record = study()
    for cell in measured(record, PFS):
        cell.update(value="9.3")
    found, trial = read_draft(record)
    assert printed(trial, statistic="hazard ratio", estimand=PFS_NAME) == ["0.64"]
    assert any("the direction of the hazard ratio 0.64" in line for line in found.choices)
    assert sum(f"taken as {E} over {C}" in reason for reason in trial.assumed.values()) == 3
    swap(record)
    _, trial = read_draft(record)
    assert not numbers(trial, statistic="hazard ratio", estimand=PFS_NAME)
    assert left(record, "0.64", f"lists {C} first")


def test_a_median_that_is_not_reached_is_the_longer_one() -> None:
    record = study()
    analysis(record, OS)["groupIds"].reverse()
    _, trial = read_draft(record)
    assert printed(trial, statistic="hazard ratio", estimand=OS_NAME) == ["0.80"]
    analysis(record, OS)["paramValue"] = "1.25"
    assert left(record, "1.25", "contradicts")


def test_odds_ratios_are_the_other_way_round() -> None:
    record = study()
    analysis(record, ORR).update(paramValue="0.55", ciLowerLimit="0.38", ciUpperLimit="0.80")
    _, trial = read_draft(record)
    assert not numbers(trial, statistic="odds ratio")
    assert left(record, "0.55", "contradicts the values of the arms (43.7")


def test_a_parameter_called_cox_is_a_hazard_ratio_only_if_the_arms_confirm_it() -> None:
    record = study()
    analysis(record)["paramType"] = "Cox Proportional Hazard"
    _, trial = read_draft(record)
    assert printed(trial, statistic="hazard ratio", estimand=PFS_NAME) == ["0.64"]
    analysis(record).update(paramValue="-0.45", ciLowerLimit="-0.65", ciUpperLimit="-0.24")
    _, trial = read_draft(record)
    assert not numbers(trial, statistic="hazard ratio", estimand=PFS_NAME)
    for cell in measured(record, PFS):
        cell.update(value="9.3")
    assert left(record, '"Cox Proportional Hazard"')
    analysis(record)["paramType"] = "Hazard Ratio, log"
    assert left(record, "Hazard Ratio, log is nothing that a protocol publishes")


def test_ids_differ_between_modules_and_titles_do_not() -> None:
    """The outcome lists its groups the other way round: OG000 is the control arm."""
    record = study()
    node = outcome(record, PFS)
    node["groups"][0]["id"], node["groups"][1]["id"] = "OG001", "OG000"
    for cell in measured(record, PFS):
        cell["value"] = {"14.20": "9.9", "9.3": "15.5"}[cell["value"]]
    _, trial = read_draft(record)
    assert printed(trial, statistic="median", estimand=PFS_NAME, arm=E) == ["15.5"]
    assert printed(trial, statistic="median", estimand=PFS_NAME, arm=C) == ["9.9"]


@pytest.mark.parametrize(
    "title", ["NOVATINIB + LETROZOLE", "Novatinib plus letrozole", "Letrozole + Novatinib", "Arm 7"]
)
def test_titles_that_say_the_same_are_the_same_arm(title: str) -> None:
    """In other words, or with the arm's own description under another title."""
    record = study()
    outcome(record, PFS)["groups"][0] |= {"title": title, "description": arm_groups(record)[0]["description"]}
    _, trial = read_draft(record)
    assert printed(trial, statistic="median", estimand=PFS_NAME, arm=E) == ["14.20"]


@pytest.mark.parametrize("title", ["Novatinib", "Placebo, then Novatinib", "Total", ""])
def test_a_group_that_is_not_surely_an_arm_is_left_out(title: str) -> None:
    record = study()
    outcome(record, PFS)["groups"][0] |= {"title": title, "description": ""}
    _, trial = read_draft(record)
    assert "14.20" not in printed(trial, statistic="median")
    assert left(record, title or "OG000", "none of the arms")


def test_two_groups_of_one_title_are_neither() -> None:
    record = study()
    for group in outcome(record, PFS)["groups"]:
        group |= {"title": E, "description": "the same"}
    _, trial = read_draft(record)
    assert "14.20" not in printed(trial, statistic="median")


def test_arm_groups_without_a_title_of_the_results_give_way_to_the_results() -> None:
    record = study()
    for group, label in zip(arm_groups(record), ("1", "2"), strict=True):
        group |= {"label": label, "description": ""}
    found, trial = read_draft(record)
    assert list(trial.arms) == [E, C]
    assert trial.arms[C].role == "control"
    assert len(found.choices) == 2
    assert f"({C} was taken as control)" in found.choices[1]


def test_roles_of_arms_from_the_results_are_taken_in_order_and_said_to_be() -> None:
    """As in records that name a drug by its code among the arm groups and by its name among the results."""
    record = study()
    for group in arm_groups(record):
        group |= {"label": group["label"].replace("Novatinib", "INV-0001") + " (Stage 2)", "description": ""}
    arm_groups(record).reverse()
    found, trial = read_draft(record)
    assert [(name, arm.role) for name, arm in trial.arms.items()] == [(E, "control"), (C, "experimental")]
    assert "taken in their order" in trial.assumed[f'arms."{E}".role']
    # The order was wrong here, and the medians say so: no ratio is turned round in silence.
    assert not numbers(trial, statistic="hazard ratio")
    assert sum("contradicts the values of the arms" in line for line in found.left_out) == 3


def test_arm_groups_that_only_the_safety_results_know() -> None:
    record = study()
    titles = ("Novatinib (all randomized)", "Placebo (all randomized)")
    for node in record["resultsSection"]["outcomeMeasuresModule"]["outcomeMeasures"]:
        for group, title in zip(node["groups"], titles, strict=True):
            group |= {"title": title, "description": ""}
    found, trial = read_draft(record)
    assert tuple(trial.arms) == titles
    assert printed(trial, statistic="median", estimand=PFS_NAME) == ["14.20", "9.3"]
    assert any("adverse events of the group" in line for line in found.left_out)


def test_a_share_that_is_free_of_a_symptom_is_no_survival() -> None:
    record = study()
    outcome(record, RATES)["title"] = "Percentage of Participants Seizure-Free"
    _, trial = read_draft(record)
    assert not numbers(trial, statistic="event-free rate")
    assert printed(trial, outcome="Percentage of Participants Seizure-Free: 6 Months", arm=E) == ["78.4%"]


def test_many_terms_take_no_time() -> None:
    record = study()
    term = safety(record)["otherEvents"][0]
    safety(record)["otherEvents"] = [{**term, "term": f"Term {i}"} for i in range(3000)]
    before = time.perf_counter()
    assert len(numbers(read_draft(record)[1], statistic="adverse event")) > 6000
    assert time.perf_counter() - before < 20


@pytest.mark.parametrize(
    "types", [["EXPERIMENTAL"] * 2, ["ACTIVE_COMPARATOR"] * 2, [None, None], ["OTHER", "EXPERIMENTAL"]]
)
def test_roles_that_the_record_does_not_give_are_assumed(types: list[str | None]) -> None:
    record = study()
    for group, kind in zip(arm_groups(record), types, strict=True):
        group["type"] = kind
    found, trial = read_draft(record)
    assert [arm.role for arm in trial.arms.values()] == ["experimental", "control"]
    assert f'arms."{E}".role' in trial.assumed
    assert any("the roles of the arms" in line for line in found.choices)


def test_active_and_placebo_without_an_experimental_arm() -> None:
    record = study()
    arm_groups(record)[0]["type"] = "ACTIVE_COMPARATOR"
    arm_groups(record).reverse()
    _, trial = read_draft(record)
    assert (trial.arms[E].role, trial.arms[C].role) == ("experimental", "control")


def three_arms() -> Study:
    record = study()
    arm_groups(record).insert(1, {"label": "Novatinib Alone", "type": "EXPERIMENTAL"})
    for which, value in ((PFS, "7.7"), (OS, "29.9")):
        node = outcome(record, which)
        node["groups"].append({"id": "OG002", "title": "Novatinib Alone"})
        node["denoms"][0]["counts"].append({"groupId": "OG002", "value": "298"})
        measured(record, which).append({"groupId": "OG002", "value": value})
    flow = record["resultsSection"]["participantFlowModule"]
    flow["groups"].append({"id": "FG002", "title": "Novatinib Alone"})
    flow["periods"][0]["milestones"][0]["achievements"].append({"groupId": "FG002", "numSubjects": "298"})
    return record


def test_of_three_arms_those_are_compared_that_the_analysis_names() -> None:
    record = three_arms()
    outcome(record, PFS)["analyses"].append({"groupIds": ["OG000", "OG001", "OG002"], "pValue": "0.02"})
    found, trial = read_draft(record)
    assert list(trial.arms) == [E, "Novatinib Alone", C]
    assert trial.estimands[f"PFS, {E} against {C}, treatment policy"].treatment.experimental == E
    assert printed(trial, statistic="hazard ratio") == ["0.64", "0.80"]
    assert printed(trial, statistic="median", arm="Novatinib Alone") == ["7.7", "29.9"]
    assert printed(trial, statistic="subjects") == ["301", "298", "299"]
    assert f"PFS, Novatinib Alone against {C}" not in trial.analyses
    assert any("3 groups" in line and "P 0.02" in line for line in found.left_out)


def test_two_experimental_arms_compared_with_each_other() -> None:
    record = three_arms()
    analysis(record)["groupIds"] = ["OG002", "OG000"]
    analysis(record)["paramValue"] = "0.50"
    _, trial = read_draft(record)
    name = f"PFS, {E} against Novatinib Alone, treatment policy"
    assert printed(trial, estimand=name, statistic="hazard ratio") == ["0.50"]
    assert printed(trial, estimand=name, statistic="median") == ["14.20", "7.7"]


@pytest.mark.parametrize("groups", [["OG000"], [], ["OG000", "OG000"], ["OG000", "OG009"], None])
def test_analyses_that_are_not_of_two_arms_are_left_out(groups: Any) -> None:
    record = study()
    analysis(record)["groupIds"] = groups
    _, trial = read_draft(record)
    assert not numbers(trial, statistic="hazard ratio", estimand=PFS_NAME)
    assert not numbers(trial, statistic="P", estimand=PFS_NAME)
    assert printed(trial, statistic="median", estimand=PFS_NAME) == ["14.20", "9.3"]
    assert left(record, "0.64", "0.520 to 0.79", "P <0.001")


# P values, limits, sides


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("<0.001", "<0.001"), ("< 0.001", "< 0.001"), ("&lt;0.001", "<0.001"), ("&lt; .0001", "< .0001"),
        (".0016", ".0016"), ("p<0.05", "<0.05"), ("P = 0.0460", "0.0460"), (">0.99", ">0.99"),
        ("NS", "not significant"), ("0.0000", "0.0000"),
    ],
)  # fmt: skip
def test_p_values_as_they_are_written(written: str, expected: str) -> None:
    record = study()
    analysis(record)["pValue"] = written
    _, trial = read_draft(record)
    assert printed(trial, statistic="P", estimand=PFS_NAME) == [expected]


@pytest.mark.parametrize("written", ["1.2E-5", "<=0.001", "≤0.001", "NA", "see comment", "1.3", "0.01-0.02", "0,03"])
def test_what_is_no_p_value_is_left_out(written: str) -> None:
    record = study()
    analysis(record)["pValue"] = written
    _, trial = read_draft(record)
    assert not numbers(trial, statistic="P", estimand=PFS_NAME)
    assert left(record, "P", written)


@pytest.mark.parametrize(
    ("comment", "method", "sided"),
    [
        ("2-sided", "Log Rank", 2), ("One sided", "Log Rank", 1), ("Two-tailed", "Log Rank", 2),
        ("", "2-sided log-rank", 2),        ("", "Log Rank", None), ("1-sided and 2-sided", "Log Rank", None),
        ("with its 2-sided 95% CI", "Log Rank", None),
    ],
)  # fmt: skip
def test_sides_are_read_and_not_guessed(comment: str, method: str, sided: int | None) -> None:
    record = study()
    analysis(record).update(pValueComment=comment, statisticalMethod=method)
    _, trial = read_draft(record)
    assert [n.sided for n in numbers(trial, statistic="P", estimand=PFS_NAME)] == [sided]


@pytest.mark.parametrize(
    ("method", "comment", "expected", "stratified", "use"),
    [
        ("Log Rank", "", "log-rank", None, "target"),
        ("Stratified log-rank test", "", "log-rank", True, "target"),
        ("Unstratified Log Rank", "", "log-rank", False, "target"),
        ("Log Rank", "Stratified by region", "log-rank", True, "target"),
        ("Log Rank", "Not stratified", "log-rank", False, "target"),
        ("Log Rank", "Stratified; unstratified was a sensitivity analysis", "log-rank", None, "target"),
        ("Log Rank", "Fleming-Harrington weights", "Log Rank; Fleming-Harrington weights", None, "shown"),
        ("Regression, Cox", "", "Regression, Cox", None, "shown"),
        ("", "", None, None, "target"),
    ],
)
def test_methods(method: str, comment: str, expected: str | None, stratified: bool | None, use: str) -> None:
    record = study()
    analysis(record).update(statisticalMethod=method, statisticalComment=comment)
    _, trial = read_draft(record)
    (p,) = numbers(trial, statistic="P", estimand=PFS_NAME)
    assert (p.method, p.stratified, p.use) == (expected, stratified, use)


def test_a_p_value_of_non_inferiority_is_no_p_value_of_no_difference() -> None:
    record = study()
    analysis(record)["nonInferiorityType"] = "NON_INFERIORITY"
    _, trial = read_draft(record)
    assert not numbers(trial, statistic="P", estimand=PFS_NAME)
    (other,) = [n for n in numbers(trial, statistic="other") if "non-inferiority" in (n.label or "")]
    assert other.printed.text == "<0.001"


@pytest.mark.parametrize(
    ("level", "expected"), [("97.5", 0.975), ("95", 0.95), ("99.9%", 0.999), ("", None), ("40", None)]
)
def test_levels_of_limits(level: str, expected: float | None) -> None:
    record = study()
    analysis(record)["ciPctValue"] = level
    outcome(record, PFS)["dispersionType"] = f"{level}{'%' * level.isdigit()} Confidence Interval"
    _, trial = read_draft(record)
    ratio = [n for n in numbers(trial, estimand=PFS_NAME) if n.statistic.startswith("hazard ratio ")]
    assert [n.confidence for n in ratio] == [expected] * 2
    assert trial.analyses["PFS"].confidence == (expected or 0.95)
    medians = [n for n in numbers(trial, estimand=PFS_NAME) if n.statistic.startswith("median ")]
    assert [n.confidence for n in medians] == [expected] * 4


def test_one_sided_limits() -> None:
    """A one-sided limit at 97.5% is the limit of a two-sided interval at 95%; two are left out."""
    record = study()
    analysis(record).update(ciNumSides="ONE_SIDED", ciPctValue="97.5")
    assert left(record, "limits 0.520 and 0.79", "one-sided")
    del analysis(record)["ciLowerLimit"]
    _, trial = read_draft(record)
    (upper,) = [n for n in numbers(trial, estimand=PFS_NAME) if n.statistic.startswith("hazard ratio ")]
    assert (upper.statistic, upper.printed.text, upper.confidence) == ("hazard ratio upper limit", "0.79", 0.95)


def test_limits_that_are_no_confidence_limits_are_left_out() -> None:
    record = study()
    outcome(record, PFS)["dispersionType"] = "Full Range"
    _, trial = read_draft(record)
    assert not numbers(trial, statistic="median lower limit", estimand=PFS_NAME)
    assert left(record, "lower limit 11.1", "Full Range")


def test_a_second_analysis_is_shown_beside_the_first() -> None:
    record = study()
    second = {
        **analysis(record),
        "statisticalMethod": "Unstratified Log Rank",
        "paramValue": "0.66",
        "pValue": "0.0004",
    }
    outcome(record, PFS)["analyses"].append(second)
    _, trial = read_draft(record)
    ratios = numbers(trial, statistic="hazard ratio", estimand=PFS_NAME)
    assert [(n.printed.text, n.use, n.stratified) for n in ratios] == [
        ("0.64", "target", True),
        ("0.66", "shown", False),
    ]
    assert [n.use for n in numbers(trial, statistic="P", estimand=PFS_NAME)] == ["target", "shown"]
    uppers = numbers(trial, statistic="hazard ratio upper limit", estimand=PFS_NAME)
    assert [n.use for n in uppers] == ["target", "shown"]


# What is no number


@pytest.mark.parametrize(
    ("value", "comment", "expected"),
    [
        ("NA", "Median not reached", "not reached"), ("Not reached", "", "not reached"), ("NR", "", "not reached"),
        ("NA", "Insufficient number of participants with events", "not reached"),
        ("NA", "Could not be estimated", "not reached"), ("NA", "", None), ("NA", "Not collected", None),
        ("", "", None),        ("12.5+", "", None), ("1,2", "", None), ("-3.1", "", None),
    ],
)  # fmt: skip
def test_a_median_that_is_no_number(value: str, comment: str, expected: str | None) -> None:
    record = study()
    measured(record, PFS)[0].update(value=value, comment=comment)
    _, trial = read_draft(record)
    assert printed(trial, statistic="median", estimand=PFS_NAME, arm=E) == ([expected] if expected else [])
    if not expected:
        assert left(record, f"{E}: median {value}".rstrip())


def test_a_lower_limit_that_cannot_be_estimated_is_not_said_to_be_not_reached() -> None:
    record = study()
    measured(record, PFS)[0].update(lowerLimit="NA", comment="Not estimable")
    _, trial = read_draft(record)
    assert not numbers(trial, statistic="median lower limit", estimand=PFS_NAME, arm=E)
    measured(record, PFS)[0].update(comment="Lower limit not reached")
    _, trial = read_draft(record)
    assert printed(trial, statistic="median lower limit", estimand=PFS_NAME, arm=E) == ["not reached"]


@pytest.mark.parametrize(
    ("which", "value", "why"),
    [
        (BENEFIT, "302", "above its denominator (301)"), (ORR, "100.1", "above its denominator (100%)"),
        (BENEFIT, "NA", "no number"), (BENEFIT, "12.5", "no count"),
        (RATES, "102", "no rate"), (RATES, "NA", "no number"),
    ],
)  # fmt: skip
def test_counts_and_shares_that_cannot_be(which: int, value: str, why: str) -> None:
    record = study()
    measured(record, which)[0]["value"] = value
    _, trial = read_draft(record)
    assert not {value, f"{value}%"} & set(printed(trial))
    assert left(record, value, why)


def test_a_count_without_its_denominator_is_left_out() -> None:
    record = study()
    del outcome(record, BENEFIT)["denoms"]
    _, trial = read_draft(record)
    assert not numbers(trial, outcome="Number of Participants With Clinical Benefit")
    assert left(record, "Clinical Benefit", "does not say of how many")
    outcome(record, BENEFIT)["denoms"] = [{"units": "Participants", "counts": [{"groupId": "OG000", "value": "0"}]}]
    assert left(record, "Clinical Benefit", "nobody was analyzed")


def test_adverse_events_that_cannot_be() -> None:
    record = study()
    groups = safety(record)["eventGroups"]
    groups[0].update(seriousNumAffected=301)
    groups[1].update(seriousNumAtRisk=0)
    safety(record)["otherEvents"][0]["stats"][0].update(numAffected=None)
    _, trial = read_draft(record)
    assert not numbers(trial, statistic="adverse event", serious=True, term=None)
    assert printed(trial, term="Neutropenia") == ["9"]
    assert left(record, "serious", "301", "above its denominator (300)")
    assert left(record, "serious", "38", "nobody was at risk")
    assert left(record, "Neutropenia", "no count")
    del groups[1]["seriousNumAtRisk"]
    assert left(record, "serious", "38", "does not say how many were at risk")


def test_an_event_group_that_is_no_arm_is_left_out() -> None:
    record = study()
    safety(record)["eventGroups"].append({"id": "EG002", "title": "Placebo, then Novatinib", "seriousNumAffected": 3})
    assert left(record, "Placebo, then Novatinib", "none of the arms")


# Kinds of outcomes


def test_a_rate_without_its_estimator_is_assumed_to_be_one_of_kaplan_and_meier() -> None:
    record = study()
    outcome(record, RATES)["description"] = ""
    found, trial = read_draft(record)
    assert len(printed(trial, statistic="event-free rate")) == 4
    assert any("Kaplan-Meier" in reason for reason in trial.assumed.values())
    assert any("Kaplan-Meier" in line for line in found.choices)


def test_a_rate_that_somebody_else_assessed_is_of_another_endpoint() -> None:
    record = study()
    outcome(record, RATES)["description"] = "Kaplan-Meier estimates by independent central review"
    _, trial = read_draft(record)
    assert {n.estimand for n in numbers(trial, statistic="event-free rate")} == {"PFS 2, treatment policy"}


def test_a_probability_stays_one() -> None:
    record = study()
    outcome(record, RATES)["unitOfMeasure"] = "probability"
    for row in (0, 1):
        for cell, value in zip(measured(record, RATES, row), (".784", "0.660"), strict=True):
            cell.update(value=value)
    _, trial = read_draft(record)
    assert printed(trial, statistic="event-free rate") == [".784", "0.660"] * 2


def test_outcomes_of_one_title_are_two_endpoints() -> None:
    record = study()
    outcome(record, OS)["title"] = outcome(record, PFS)["title"]
    _, trial = read_draft(record)
    assert list(trial.endpoints)[:2] == ["PFS", "PFS 2"]
    assert len({e.parameter or name for name, e in trial.endpoints.items()}) == len(trial.endpoints)
    assert printed(trial, statistic="hazard ratio", estimand="PFS, treatment policy") == ["0.64"]
    assert printed(trial, statistic="hazard ratio", estimand="PFS 2, treatment policy") == ["0.80"]


@pytest.mark.parametrize(
    ("unit", "expected"), [("weeks", "weeks"), ("Days", "days"), ("Month", "months"), ("years", "years")]
)
def test_units_of_time(unit: str, expected: str) -> None:
    record = study()
    outcome(record, PFS)["unitOfMeasure"] = unit
    _, trial = read_draft(record)
    assert trial.endpoints["PFS"].unit == expected


def test_a_unit_may_name_its_interval() -> None:
    record = study()
    outcome(record, PFS)["unitOfMeasure"] = "months (95% CI)"
    _, trial = read_draft(record)
    assert printed(trial, statistic="median", estimand=PFS_NAME) == ["14.20", "9.3"]


def test_what_is_measured_in_responders_compares_no_randomized_arms() -> None:
    record = study()
    outcome(record, OS).update(
        title="Time to Response", populationDescription="Participants who had a confirmed response"
    )
    assert left(record, "Time to Response", "in those with a response only")


def test_a_p_value_of_a_rate_at_a_time_is_not_that_of_the_curves() -> None:
    record = study()
    del analysis(record)["pValue"]
    both = {"groupIds": ["OG000", "OG001"], "pValue": "0.0007"}
    outcome(record, RATES)["analyses"] = [both]
    assert not numbers(read_draft(record)[1], statistic="P", estimand=PFS_NAME)
    assert left(record, "P 0.0007", "does not say that it compares times")
    both["statisticalMethod"] = "Log Rank"
    assert printed(read_draft(record)[1], statistic="P", estimand=PFS_NAME) == ["0.0007"]


def test_values_in_a_unit_that_no_protocol_has_are_left_out_beside_their_ratio() -> None:
    record = study()
    outcome(record, OS).update(unitOfMeasure="events per 100 patient-years", paramType="NUMBER")
    for cell, value in zip(measured(record, OS), ("8.1", "10.2"), strict=True):
        cell.update(value=value, lowerLimit=None, upperLimit=None)
    found, trial = read_draft(record)
    assert printed(trial, statistic="hazard ratio", estimand=OS_NAME) == ["0.80"]
    assert any("8.1" in line and "events per 100 patient-years" in line for line in found.left_out)


def test_those_who_received_treatment_are_not_called_all_randomized() -> None:
    record = study()
    outcome(record, PFS)["populationDescription"] = "All randomized participants who received at least one dose"
    _, trial = read_draft(record)
    assert trial.populations["population 1"].label.endswith("at least one dose")


def test_flow_and_baseline_that_count_otherwise() -> None:
    record = study()
    record["resultsSection"]["baselineCharacteristicsModule"]["denoms"][0]["counts"][0]["value"] = "300"
    found, trial = read_draft(record)
    assert printed(trial, statistic="subjects") == ["301", "299"]
    assert any("301 started" in line and "300 have a baseline" in line for line in found.choices)


def test_a_mean_time_is_no_median() -> None:
    record = study()
    outcome(record, PFS)["paramType"] = "MEAN"
    assert left(record, "values of Progression-Free", "numbers of the type MEAN in Months")
    assert printed(read_draft(record)[1], statistic="hazard ratio", estimand=PFS_NAME) == ["0.64"]
    del outcome(record, PFS)["analyses"]
    assert left(record, "Progression-Free", "not printed as a median (MEAN)")


def test_a_median_with_several_rows_is_left_out() -> None:
    record = study()
    outcome(record, PFS)["classes"].append({**outcome(record, PFS)["classes"][0], "title": "Centrally reviewed"})
    _, trial = read_draft(record)
    assert not numbers(trial, statistic="median", estimand=PFS_NAME)
    assert left(record, "Progression-Free", "2 rows an arm")


def test_time_to_a_benefit_is_marked() -> None:
    record = study()
    outcome(record, OS)["title"] = "Time to First Response"
    found, trial = read_draft(record)
    assert trial.endpoints["TTE"].event_is == "benefit"
    assert "endpoints.TTE.event_is" in trial.assumed
    assert any("endpoints.TTE.event_is" in line for line in found.choices)


def test_participants_with_an_event_and_a_hazard_ratio() -> None:
    """Trials of cardiovascular outcomes print counts under the hazard ratio of the time to the event."""
    record = study()
    node = outcome(record, BENEFIT)
    node.update(title="Number of Participants With an Invented Cardiac Event", analyses=[analysis(study(), OS)])
    measured(record, BENEFIT)[0]["value"] = "120"
    _, trial = read_draft(record)
    assert printed(trial, statistic="responders", outcome=node["title"]) == ["120", "167"]
    assert printed(trial, statistic="hazard ratio", estimand="TTE, treatment policy") == ["0.80"]
    node["title"] = "Number of Participants Free of an Invented Cardiac Event"
    node["analyses"][0]["groupIds"] = ["OG001", "OG000"]
    assert left(record, "0.80", "the title does not tell whether it counts events")


def test_a_part_of_the_randomized_is_a_population_of_its_own() -> None:
    record = study()
    node = outcome(record, OS)
    node["populationDescription"] = "Modified intent-to-treat: all randomized with a sample"
    for count, value in zip(node["denoms"][0]["counts"], ("290", "281"), strict=True):
        count["value"] = value
    _, trial = read_draft(record)
    assert trial.populations["population 2"].label == node["populationDescription"]
    assert printed(trial, statistic="subjects", population="population 2") == ["290", "281"]
    assert {n.use for n in numbers(trial, population="population 2")} == {"shown"}


def test_without_flow_the_baseline_counts_the_subjects_and_without_both_nobody_does() -> None:
    record = study()
    del record["resultsSection"]["participantFlowModule"]
    _, trial = read_draft(record)
    assert printed(trial, statistic="subjects", population=None) == ["301", "299"]
    del record["resultsSection"]["baselineCharacteristicsModule"]
    _, trial = read_draft(record)
    assert not numbers(trial, statistic="subjects", population=None)
    assert left(record, f"subjects of {E}", "neither")


# Any field may be missing, or be something else


def paths(node: object, at: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    found = [] if not at else [at]
    for key, value in inner:
        found += paths(value, (*at, key))
    return found


def parent(record: Any, path: tuple[str | int, ...]) -> Any:
    for key in path[:-1]:
        record = record[key]
    return record


def refusal(record: Study) -> str:
    """The sentence with which a record is refused; nothing if its draft is read."""
    try:
        read_draft(record)
    except ProtocolError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("value", ["absent", None, [], {}, 7, '&lt;x&gt; "q" \\ \n\u2028 Ω', [None, "x", 3], True])
def test_no_field_is_needed_but_results_and_arms(value: object) -> None:
    """Every field in turn is taken away or is something that it should not be: a draft that is read, or a sentence."""
    every = paths(study())
    refused = []
    for path in every[:: 3 if value == "absent" else 7]:
        record = study()
        if value == "absent":
            del parent(record, path)[path[-1]]
        else:
            parent(record, path)[path[-1]] = value
        refused += [sentence] if (sentence := refusal(record)) else []
    assert len(refused) < 12
    assert not [sentence for sentence in refused if "\n" in sentence or "results" not in sentence]


def test_the_toy_of_a_results_section_alone() -> None:
    toy = {"resultsSection": {"outcomeMeasuresModule": {"outcomeMeasures": [
        {"type": "PRIMARY", "title": "PFS", "groups": [{"id": "OG000", "title": "E"}, {"id": "OG001", "title": "C"}],
         "denoms": [{"units": "Participants", "counts": [{"groupId": "OG000", "value": "50"}]}],
         "analyses": [{"groupIds": ["OG000", "OG001"], "paramType": "Hazard Ratio (HR)", "paramValue": "0.70",
                       "ciPctValue": "95", "ciNumSides": "TWO_SIDED", "ciLowerLimit": "0.45", "ciUpperLimit": "1.09",
                       "pValue": "0.11"}]}]}}, "hasResults": True}  # fmt: skip
    found, trial = read_draft(toy)
    assert [n.printed.text for n in trial.published.numbers] == ["0.70", "0.45", "1.09", "0.11"]
    assert {"arms.E.role", "trial.title", "published.numbers[0].printed"} <= set(trial.assumed)
    assert found.choices


TITLES = [
    'The "quoted" \\ back\\slash',
    "Ωmega-3 – über «тест» 試験",
    "tab\tand\nline\u2028break",
    "]] = { # '''",
    "&lt;5 &amp; more",
]


@pytest.mark.parametrize("title", TITLES)
def test_titles_and_labels_of_any_kind(title: str) -> None:
    record = study()
    names = record["protocolSection"]["identificationModule"]
    names.update(officialTitle=title, acronym=title)
    arm_groups(record)[0]["label"] = title
    for module, key in (("participantFlowModule", "groups"), ("adverseEventsModule", "eventGroups")):
        record["resultsSection"][module][key][0]["title"] = title
    for node in record["resultsSection"]["outcomeMeasuresModule"]["outcomeMeasures"]:
        node["groups"][0]["title"] = title
        node["title"] += f" {title}"
        node["populationDescription"] = title
    safety(record)["otherEvents"][0]["term"] = title
    expected = " ".join(title.replace("&lt;", "<").replace("&amp;", "&").split())
    _, trial = read_draft(record)
    assert (trial.trial.title, trial.name) == (expected, expected)
    assert list(trial.arms) == [expected, C]
    assert [p.label for p in trial.populations.values()] == [expected]
    assert printed(trial, statistic="median", arm=expected) == ["14.20", "not reached"]
    assert printed(trial, term=expected) == ["150", "9"]


# What is refused


def as_json(edit: Callable[[Study], object]) -> Callable[[], str]:
    def written() -> str:
        record = study()
        found = edit(record)
        return json.dumps(record if found is None else found)

    return written


REFUSED: dict[str, tuple[Callable[[], str], str]] = {
    "hasResults false": (as_json(lambda r: r.update(hasResults=False)), "NCT00000000 has no posted results"),
    "no resultsSection": (as_json(lambda r: r.pop("resultsSection") and None), "NCT00000000 has no posted results"),
    "empty resultsSection": (as_json(lambda r: r.update(resultsSection={})), "NCT00000000 has no posted results"),
    "empty modules": (
        as_json(lambda r: r.update(resultsSection={"outcomeMeasuresModule": {}})),
        "has no posted results",
    ),
    "a list": (as_json(lambda r: [r, r]), "a list of 2 studies"),
    "an answer to a search": (as_json(lambda r: {"studies": [r]}), "a list of 1 study"),
    "version 1": (as_json(lambda r: {"FullStudiesResponse": {}}), "old service (version 1)"),
    "another JSON": (as_json(lambda r: {"hello": 1}), "no study record"),
    "a number": (lambda: "3", "no study record"),
    "not JSON": (lambda: '{"protocolSection": ', "is not JSON (line 1)"),
    "too deep": (lambda: "[" * 100_000, "is not JSON"),
    "empty": (lambda: "", "is not JSON"),
    "XML": (lambda: '<?xml version="1.0"?><clinical_study/>', "is XML or a web page"),
    "one arm": (as_json(lambda r: arm_groups(r).pop() and outcomes_of_one_arm(r)), "the record has 1 arm"),
    "not randomized": (
        as_json(lambda r: r["protocolSection"]["designModule"]["designInfo"].update(allocation="NON_RANDOMIZED")),
        "allocation was NON_RANDOMIZED",
    ),
}


def outcomes_of_one_arm(record: Study) -> None:
    """Nobody but the first arm anywhere."""
    results = record["resultsSection"]
    results["participantFlowModule"]["groups"].pop()
    results["adverseEventsModule"]["eventGroups"].pop()
    for node in results["outcomeMeasuresModule"]["outcomeMeasures"]:
        node["groups"].pop()


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_record_with_results_is_refused(name: str, tmp_path: Path) -> None:
    write, words = REFUSED[name]
    path = tmp_path / "record.json"
    path.write_text(write(), encoding="utf-8")
    with pytest.raises(ProtocolError) as refused:
        drafted(path)
    assert words in str(refused.value)
    assert refused.value.remedy
    assert "\n" not in str(refused.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ProtocolError, match="there is no file"):
        drafted(tmp_path / "none.json")
    with pytest.raises(ProtocolError, match="cannot be read"):
        drafted(tmp_path)
    (tmp_path / "latin.json").write_bytes('{"a": "é"}'.encode("latin-1"))
    with pytest.raises(ProtocolError, match="not UTF-8"):
        drafted(tmp_path / "latin.json")


MODEL = f"""
[visits.tumor]
label = "Tumor assessment"
every = "8 weeks"

[scenario.stated]
label = "Exponential progression"
assumed = "no source gives a model"
first_patient = 2014-01-01
accrual = "13 months"
cutoff = "40 months"
progression = {{ median = "9 months", hazard_ratio = {{ "{E}" = 0.64 }} }}
death_before_progression = {{ median = "60 months" }}
death_after_progression = {{ median = "18 months" }}
detection = {{ visit = "tumor", spread = "3 days", missed = 0.05, between_visits = 0.4 }}
dropout = {{ median = "48 months" }}
"""


def test_a_draft_needs_a_model_and_nothing_else_to_be_aimed_at(tmp_path: Path) -> None:
    record = study()
    analysis(record)["statisticalMethod"] = "Log Rank"  # stratified numbers cannot be aimed at
    path = tmp_path / "trial.toml"
    path.write_text(draft(record) + MODEL, encoding="utf-8")
    trial = read(path)
    found = targets(trial, trial.scenario["stated"], "A")
    assert dict(found.subjects) == {E: 301, C: 299}
    assert (
        len(found.searched) == 2 * 10 + 4
    )  # of each endpoint two medians with limits, ratio with limits, P; and rates


# The command line


def main(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    said = capsys.readouterr()
    assert isinstance(stopped.value.code, int)
    return stopped.value.code, said.out, said.err


def test_the_command_prints_the_draft_and_lists_what_was_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = main(capsys, "draft", str(FILE))
    found = drafted(FILE)
    assert (code, out) == (1, found.text)
    assert err.splitlines() == [f"equipoise: {line}" for line in found.remarks]


def test_the_command_writes_a_new_file_only_and_check_reads_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "trial.toml"
    assert main(capsys, "draft", str(FILE), "--out", str(out))[0] == 1
    assert out.read_text(encoding="utf-8") == draft(FILE)
    code, _, err = main(capsys, "draft", str(FILE), "--out", str(out))
    assert (code, err) == (
        2, f"equipoise: the file {str(out)!r} exists (--out). Give another name; a draft that was worked on is not "
        "written over.\n",
    )  # fmt: skip
    code, printed_, _ = main(capsys, "check", str(out))
    assert code == 0
    assert "46 of tier A, 12 of tier C" in printed_


def test_nothing_left_out_is_exit_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = study()
    outcomes = record["resultsSection"]["outcomeMeasuresModule"]["outcomeMeasures"]
    del outcomes[DOR : SCALE + 1]
    safety(record)["seriousEvents"].pop()
    path = tmp_path / "record.json"
    path.write_text(json.dumps(record), encoding="utf-8")
    code, out, err = main(capsys, "draft", str(path))
    assert (code, err) == (0, "")
    assert "# left out" not in out


VARIANTS: dict[str, Callable[[], Study]] = {"as it is": study, "three arms": three_arms}


@pytest.mark.parametrize("name", VARIANTS)
def test_check_runs_on_drafts(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "trial.toml"
    path.write_text(draft(VARIANTS[name]()), encoding="utf-8")
    assert main(capsys, "check", str(path))[0] == 0


def test_a_record_without_results_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "record.json"
    path.write_text(json.dumps({"hasResults": False, "protocolSection": {}}), encoding="utf-8")
    code, out, err = main(capsys, "draft", str(path))
    assert (code, out) == (2, "")
    assert err == (
        "equipoise: the record has no posted results, so that there are no numbers to draft from (record.json). "
        "Write the protocol by hand, with the numbers of the paper under [published].\n"
    )
