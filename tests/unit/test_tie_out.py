"""The tie-out: each statistic recomputed from patients; a wrong number says no; words; observed data."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from tests.unit import published_trial as made

from equipoise import run as stages
from equipoise.analyze import Tie, endpoint, tie_out, tie_out_rows
from equipoise.data import Patients
from equipoise.errors import DataError
from equipoise.protocol import Printed, Protocol, example
from equipoise.reconstruct import search
from equipoise.reconstruct.ensemble import as_patients, task_of
from equipoise.results import fixed
from equipoise.survival import cox, kaplan_meier, logrank

# Every statistic once, with a printed text that the drawn patients do not have.
EVERY = """
{ statistic = "hazard ratio lower limit", estimand = "PFS", printed = "0.01", source = "paper" },
{ statistic = "hazard ratio upper limit", estimand = "PFS", printed = "9.99", source = "paper" },
{ statistic = "median lower limit", estimand = "PFS", arm = "old", printed = "0.1", source = "paper" },
{ statistic = "median upper limit", estimand = "PFS", arm = "old", printed = "99.9", source = "paper" },
{ statistic = "event-free rate", estimand = "OS", arm = "old", at = "12 months", printed = "99.99%", source = "paper" },
{ statistic = "event-free rate", estimand = "PFS", arm = "old", at = "6 months", printed = "0.999", source = "paper" },
{ statistic = "known event-free", estimand = "OS", arm = "old", at = "12 months", printed = "62", source = "paper" },
{ statistic = "events", estimand = "PFS", printed = "1", source = "paper" },
{ statistic = "events", estimand = "PFS", arm = "old", printed = "100%", source = "paper" },
{ statistic = "P", estimand = "marked", printed = "0.9876", source = "paper" },
"""


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> tuple[Protocol, Patients]:
    trial = made.protocol(tmp_path_factory.mktemp("trial"), more=EVERY)
    small = made.protocol(tmp_path_factory.mktemp("small"))
    task = task_of(small, "stated", small.scenario["stated"], "A", 0)
    return trial, as_patients(small, search(small, task.model, task.targets, seed=3, attempts=1, steps=0))


def tie(ties: tuple[Tie, ...], statistic: str, **of: object) -> Tie:
    (one,) = (
        t for t in ties if t.number.statistic == statistic and all(getattr(t.number, k) == v for k, v in of.items())
    )
    return one


def printed_as(trial: Protocol, ties: tuple[Tie, ...]) -> Protocol:
    """The protocol with every number replaced by what was computed."""
    numbers = []
    for one in ties:
        n = one.number
        text = one.computed.partition(" ")[0] if not n.printed.word else n.printed.text
        numbers.append(n.model_copy(update={"printed": Printed.read(text)}))
    return trial.model_copy(update={"published": trial.published.model_copy(update={"numbers": tuple(numbers)})})


def test_every_statistic_beside_the_functions_that_analyze(case: tuple[Protocol, Patients]) -> None:
    trial, data = case
    ties = tie_out(trial, data)
    assert len(ties) == len(trial.published.numbers)
    pfs, survival = (endpoint(trial, data, estimand=name) for name in ("PFS", "OS"))
    fit, curve, alive = cox(pfs), kaplan_meier(pfs)["old"], kaplan_meier(survival)["old"]
    assert isinstance(fit.hazard_ratio, float)
    assert tie(ties, "hazard ratio").value == fit.hazard_ratio
    assert tie(ties, "hazard ratio lower limit").value == fit.conf_int[0]
    assert tie(ties, "hazard ratio upper limit").value == fit.conf_int[1]
    median = tie(ties, "median", arm="old")
    assert median.value == curve.median / 30.4375
    assert median.computed == fixed(curve.median / 30.4375, 1)
    assert tie(ties, "median lower limit").value == curve.median_ci[0] / 30.4375
    assert tie(ties, "median upper limit").value == curve.median_ci[1] / 30.4375
    assert tie(ties, "P", estimand="marked").value == logrank(endpoint(trial, data, estimand="marked")).p_value
    rate = tie(ties, "event-free rate", estimand="OS")
    assert rate.value == alive.at(["12 months"])[0].survival
    assert rate.computed == f"{fixed(100 * rate.value, 2)}%"
    assert tie(ties, "event-free rate", estimand="PFS").computed == fixed(curve.at(["6 months"])[0].survival, 3)
    times = data.adtte.filter((pl.col("PARAMCD") == "OS") & (pl.col("TRT01P") == "old"))["AVAL"]
    assert tie(ties, "known event-free").computed == f"{(times >= 365.25).sum()} of 62"
    events = data.adtte.filter((pl.col("PARAMCD") == "PFS") & (pl.col("CNSR") == 0))
    assert tie(ties, "events", arm=None).computed == f"{events.height} of 122"
    old = events.filter(pl.col("TRT01P") == "old").height
    assert tie(ties, "events", arm="old").computed.endswith(f"({old} of 62)")
    assert data.adsl is not None
    crossed = (data.adsl["XOFL"] == "Y").sum()
    assert tie(ties, "crossed over").computed == f"{crossed} of 62"
    assert tie(ties, "subjects", population="marked").computed == "74"
    assert tie(ties, "adverse event", grade=3).computed == "12% (7 of 60)"


def test_a_wrong_number_says_no_and_the_right_one_yes(case: tuple[Protocol, Patients]) -> None:
    trial, data = case
    ties = tie_out(trial, data)
    invented = [t for t in ties if t.index >= len(ties) - 10]
    assert len(invented) == 10
    assert not any(t.agrees for t in invented)
    right = printed_as(trial, ties)
    assert [t.name for t in tie_out(right, data) if not t.agrees] == []


def test_the_last_digit_decides(case: tuple[Protocol, Patients]) -> None:
    trial, data = case
    ties = tie_out(trial, data)
    for one in ties:
        if one.number.printed.word or one.number.printed.percent or one.number.statistic == "subjects":
            continue
        plain = Printed.read(one.computed.partition(" ")[0])
        for step in (-1, 1):
            text = fixed(plain.value + step * 10.0**-plain.decimals, plain.decimals)
            if float(text) < 0:
                continue
            number = one.number.model_copy(update={"printed": Printed.read(text)})
            other = trial.model_copy(update={"published": trial.published.model_copy(update={"numbers": (number,)})})
            assert not tie_out(other, data)[0].agrees, (one.name, text)


def only(trial: Protocol, printed: str, **of: object) -> Protocol:
    """The trial with one number of it, printed otherwise."""
    (number,) = (n for n in trial.published.numbers if all(getattr(n, k) == v for k, v in of.items()))
    number = number.model_copy(update={"printed": Printed.read(printed)})
    return trial.model_copy(update={"published": trial.published.model_copy(update={"numbers": (number,)})})


def test_words(case: tuple[Protocol, Patients]) -> None:
    trial, data = case
    p = tie(tie_out(trial, data), "P", estimand="marked").value
    said = {
        w: tie_out(only(trial, w, statistic="P", estimand="marked"), data)[0]
        for w in ("significant", "not significant")
    }
    assert said["significant"].agrees == (p <= 0.05)
    assert said["not significant"].agrees == (p > 0.05)
    assert said["significant"].computed.startswith("P ")
    assert not tie_out(only(trial, "not reached", statistic="median", arm="old"), data)[0].agrees
    for arm, agrees in (("new", True), ("old", False)):
        number = trial.published.numbers[9].model_copy(update={"arm": arm})
        one = trial.model_copy(update={"published": trial.published.model_copy(update={"numbers": (number,)})})
        (more,) = tie_out(one, data)
        assert more.agrees is agrees
        assert " v " in more.computed


def test_bounds(case: tuple[Protocol, Patients]) -> None:
    trial, data = case
    p = tie(tie_out(trial, data), "P", estimand="marked").value
    for text, agrees in (("<1", True), (">0", True), ("<0.0000001", False)):
        assert tie_out(only(trial, text, statistic="P", estimand="marked"), data)[0].agrees is agrees
    assert 1e-7 < p < 1
    assert tie_out(only(trial, "<99", statistic="median", arm="old"), data)[0].agrees
    assert not tie_out(only(trial, ">99", statistic="median", arm="old"), data)[0].agrees


def test_a_median_that_is_not_reached(case: tuple[Protocol, Patients]) -> None:
    trial, data = case
    nobody = replace(
        data, adtte=data.adtte.with_columns(CNSR=pl.when(pl.col("TRT01P") == "old").then(1).otherwise("CNSR"))
    )
    reached = tie_out(only(trial, "4.1", statistic="median", arm="old"), nobody)[0]
    assert not reached.agrees
    assert math.isinf(reached.value)
    assert reached.computed == "not reached"
    assert tie_out(only(trial, "not reached", statistic="median", arm="old"), nobody)[0].agrees
    assert tie_out(only(trial, ">9.9", statistic="median", arm="old"), nobody)[0].agrees


def test_rows_share_the_path_of_their_number(case: tuple[Protocol, Patients]) -> None:
    trial, data = case
    ties = tie_out(trial, data)
    rows = list(tie_out_rows(trial, data, ties))
    assert len(rows) == 3 * len(ties)
    for i, one in enumerate(ties):
        three = rows[3 * i : 3 * i + 3]
        assert {r.toml_path for r in three} == {f"published.numbers[{one.index}]"}
        assert [r.statistic.partition(":")[0] for r in three] == ["published", "computed", "agrees"]
        assert three[2].text == ("yes" if one.agrees else "no")
        assert {r.origin for r in three} == {"reconstructed"}
    assert rows[0].method == "tier A: A paper"


def test_shown_numbers_and_lower_tiers_are_left_out() -> None:
    trial = example("tandem")
    task = task_of(trial, "stated", trial.scenario["stated"], "A", 0)
    data = as_patients(trial, search(trial, task.model, task.targets, seed=1, attempts=1, steps=0))
    lengths = {tier: len(tie_out(trial, data, tier)) for tier in ("A", "B", "C")}  # type: ignore[arg-type]
    assert lengths == {"A": 22, "B": 28, "C": 42}


def test_observed_data_are_tied_out_too(case: tuple[Protocol, Patients], tmp_path: Path) -> None:
    trial, data = case
    observed = replace(data, origin="observed")
    done = stages.run(trial, observed, tmp_path)
    wrong = [t for t in done.ties if not t.agrees]
    assert len(wrong) >= 10
    said = [w for w in done.results.warnings if w.startswith("does not agree with the published number: ")]
    assert len(said) == len(wrong)
    assert "events" in " ".join(said)
    right = stages.run(printed_as(trial, done.ties), observed, tmp_path / "right")
    assert all(t.agrees for t in right.ties)
    assert {r.origin for r in right.results.rows if r.analysis == "tie-out"} == {"observed"}


def test_what_the_data_cannot_say(case: tuple[Protocol, Patients]) -> None:
    trial, data = case
    with pytest.raises(DataError, match="cannot be counted without ADSL"):
        tie_out(only(trial, "60", statistic="subjects", arm="new"), replace(data, adsl=None))
    assert data.adsl is not None
    with pytest.raises(DataError, match="nothing says who crossed over"):
        tie_out(only(trial, "34", statistic="crossed over"), replace(data, adsl=data.adsl.drop("XOFL")))
