"""Whatever titles a registry record has, and whatever numbers it prints, they survive draft and read."""

from __future__ import annotations

import html
import re
import unicodedata
from decimal import Decimal

from hypothesis import assume, given
from hypothesis import strategies as st
from tests.properties.examples import plenty
from tests.unit.registry_study import (
    BENEFIT,
    OS,
    PFS,
    RATES,
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

TITLE = st.text(min_size=1, max_size=70) | st.text(
    alphabet="\"\\\n\r\t\x00\x1b\x7f\u2028\u0085#[]{}='&;lt<>% aZ9é", min_size=1
)
DIGITS = st.text(alphabet="0123456789", min_size=1, max_size=6)
PLAIN = st.builds(lambda a, b: f"{a}.{b}" if b else a, DIGITS, DIGITS | st.just("")) | DIGITS.map(".{}".format)
SHARE = st.builds(lambda a, b: f"{a}.{b}" if b else f"{a}", st.integers(0, 99), DIGITS | st.just(""))
P_VALUE = st.builds("{}0.{}".format, st.sampled_from(["", "<", ">", "< ", "> "]), DIGITS)


def as_read(title: str) -> str:
    """One line: entities as their characters, controls as spaces, spaces run together."""
    said = re.sub(r"&#?\w{1,31};", lambda m: html.unescape(m.group()), title)
    return " ".join("".join(" " if unicodedata.category(c) == "Cc" else c for c in said).split())


@plenty(60)
@given(arm=TITLE, other=TITLE, title=TITLE, outcome_title=TITLE, term=TITLE, population=TITLE)
def test_titles_come_back(arm: str, other: str, title: str, outcome_title: str, term: str, population: str) -> None:
    assume(as_read(arm) and as_read(other) and as_read(arm) != as_read(other))
    assume(as_read(title) and as_read(term) and as_read(population))
    record = study()
    results = record["resultsSection"]
    record["protocolSection"]["identificationModule"].update(officialTitle=title, acronym=title)
    nodes = results["outcomeMeasuresModule"]["outcomeMeasures"]
    modules = [results["participantFlowModule"]["groups"], results["adverseEventsModule"]["eventGroups"]]
    for groups in [*modules, *(node["groups"] for node in nodes)]:
        groups[0]["title"], groups[1]["title"] = arm, other
    arm_groups(record)[0]["label"], arm_groups(record)[1]["label"] = arm, other
    outcome(record, PFS)["title"] = f"Overall survival {outcome_title}"
    outcome(record, PFS)["populationDescription"] = population
    safety(record)["otherEvents"][0]["term"] = term
    assume(as_read(term).casefold() != "pneumonia")
    _, trial = read_draft(record)
    assert (trial.trial.title, trial.name) == (as_read(title), as_read(title))
    assert [a.label for a in trial.arms.values()] == [as_read(arm), as_read(other)]
    assert trial.endpoints["OS"].label == as_read(f"Overall survival {outcome_title}")
    assert as_read(population) in {p.label for p in trial.populations.values()}
    assert printed(trial, term=as_read(term)) == ["150", "9"]
    first, second = trial.arms
    assert printed(trial, statistic="median", arm=first)[:1] == ["14.20"]
    assert printed(trial, statistic="median", arm=second)[:1] == ["9.3"]


@plenty(60)
@given(
    medians=st.tuples(PLAIN, PLAIN), limits=st.tuples(PLAIN, PLAIN), ratio=PLAIN, p=P_VALUE, rate=SHARE, data=st.data()
)
def test_numbers_come_back_as_printed(
    medians: tuple[str, str], limits: tuple[str, str], ratio: str, p: str, rate: str, data: st.DataObject
) -> None:
    record = study()
    for cell, value in zip(measured(record, PFS), medians, strict=True):
        cell.update(value=value, lowerLimit=limits[0], upperLimit=limits[1])
    analysis(record).update(paramValue=ratio, ciLowerLimit=limits[0], ciUpperLimit=limits[1], pValue=p)
    measured(record, RATES)[0]["value"] = rate
    count = data.draw(st.integers(0, 301).map(str))
    measured(record, BENEFIT)[0]["value"] = count
    found, trial = read_draft(record)
    name = "PFS, treatment policy"
    assert printed(trial, statistic="median", estimand=name) == list(medians)
    for end, limit in zip(("lower", "upper"), limits, strict=True):
        assert printed(trial, statistic=f"median {end} limit", estimand=name) == [limit, limit]
    assert printed(trial, statistic="P", estimand=name) == [p]
    assert printed(trial, statistic="event-free rate")[0] == f"{rate}%"
    assert printed(trial, statistic="responders")[2] == count
    # The ratio is there as it is printed; or left out, where the medians contradict it or nothing above zero prints so.
    kept = printed(trial, statistic="hazard ratio", estimand=name)
    if (Decimal(medians[0]) - Decimal(medians[1])) * (Decimal(ratio) - 1) > 0:
        assert not kept
    assert kept == [ratio] or any(ratio in line for line in found.left_out)
    assert len(numbers(trial, estimand=name, statistic="P")) == 1


@plenty(30)
@given(
    value=st.text(max_size=20) | st.integers() | st.floats() | st.none(),
    which=st.sampled_from([PFS, OS, RATES, BENEFIT]),
)
def test_any_value_is_kept_as_printed_or_left_out(value: object, which: int) -> None:
    """Values that no registry should hold give a draft that is read."""
    record = study()
    measured(record, which)[0].update(value=value, upperLimit=value)
    read_draft(record)
