"""Adverse events counted by hand in six subjects of each arm, and what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.unit import made_trial, safety_trial

from equipoise import analyze
from equipoise.analyze import adverse_event_count
from equipoise.analyze.exposure import exposure_rows
from equipoise.analyze.proportions import difference
from equipoise.analyze.safety import safety_rows
from equipoise.data import Patients
from equipoise.errors import DataError, ProtocolError
from equipoise.protocol import Protocol
from equipoise.results import NOT_ESTIMABLE, Row

SAFETY = """
[populations.treated]
label = "Treated"
flag = "SAFFL"

[safety]
population = "treated"
treatment = { experimental = "new", control = "old" }
"""
# new is 01 to 06, old 07 to 12; 06 and 12 were not treated
SUBJECTS = [f"{i:02d}" for i in range(1, 13)]
TREATED = ["N" if s in ("06", "12") else "Y" for s in SUBJECTS]
GI, HEART = "Gastrointestinal disorders", "Cardiac disorders"
#   subject, term, system, grade, serious, NYHA
EVENTS: list[tuple[str, str, str, str | None, str | None, str | None]] = [
    ("01", "Nausea", GI, "3", "N", None),  # grades 3 and 4 in one subject
    ("01", "Nausea", GI, "4", "Y", None),  # the same term twice
    ("02", "Nausea", GI, "1", "N", None),
    ("02", "Cardiac failure", HEART, "2", "Y", "II"),
    ("03", "Oedema", "Vascular disorders", "2", "N", "III"),  # cardiac by its class alone
    ("04", "Vomiting", GI, None, "N", None),  # no grade
    ("07", "Palpitations", HEART, "1", "N", None),  # no class
    ("08", "Nausea", GI, "5", "Y", None),
    ("06", "Nausea", GI, "3", "Y", None),  # not treated: not in the population
]


def adsl(**changed: Sequence[object]) -> pl.DataFrame:
    columns: dict[str, Sequence[object]] = {
        "USUBJID": SUBJECTS, "TRT01P": ["new"] * 6 + ["old"] * 6, "SAFFL": TREATED, **changed,
    }  # fmt: skip
    return pl.DataFrame(columns)


def adae(events: Sequence[tuple[Any, ...]] = tuple(EVENTS)) -> pl.DataFrame:
    names = ("USUBJID", "AEDECOD", "AEBODSYS", "AETOXGR", "AESER", "NYHACLS")
    return pl.DataFrame(list(events), schema=dict.fromkeys(names, pl.String), orient="row")


def case(folder: Path, events: pl.DataFrame | None = None, **changed: Any) -> tuple[Protocol, Patients]:
    """The twelve subjects, with their adverse events; other data sets by name."""
    trial = made_trial.protocol(folder, testing=made_trial.TESTING + SAFETY)
    frame = made_trial.adtte(range(1, 13), [1] * 12, "n" * 6 + "o" * 6, USUBJID=SUBJECTS)
    given = {"adsl": adsl(), "adae": adae() if events is None else events, **changed}
    return trial, made_trial.patients(trial, frame, **{k: v for k, v in given.items() if v is not None})


def counts(rows: Sequence[Row], statistic: str) -> tuple[str, str]:
    """Texts of experimental and control."""
    found = {r.group: r.text for r in rows if r.statistic == statistic}
    return found["new"], found["old"]


def only(rows: Sequence[Row], statistic: str, group: str) -> Row:
    (row,) = (r for r in rows if r.statistic == statistic and r.group == group)
    return row


def test_counts_by_hand(tmp_path: Path) -> None:
    rows = safety_rows(*case(tmp_path))
    by_hand = {
        "subjects": ("5", "5"),
        "adverse event": ("4 (80.0)", "2 (40.0)"),
        "serious adverse event": ("2 (40.0)", "1 (20.0)"),
        "grade 1 adverse event": ("1 (20.0)", "1 (20.0)"),
        "grade 2 adverse event": ("2 (40.0)", "0"),
        "grade 3 adverse event": ("1 (20.0)", "0"),
        "grade 4 adverse event": ("1 (20.0)", "0"),
        "grade 5 adverse event": ("0", "1 (20.0)"),
        "grade 3 or higher adverse event": ("1 (20.0)", "1 (20.0)"),
        "adverse event of unknown grade": ("1 (20.0)", "0"),
        "cardiac event": ("2 (40.0)", "1 (20.0)"),
        "cardiac event, NYHA class II": ("1 (20.0)", "0"),
        "cardiac event, NYHA class III": ("1 (20.0)", "0"),
        "cardiac event of unknown NYHA class": ("0", "1 (20.0)"),
        f"body system: {HEART}": ("1 (20.0)", "1 (20.0)"),
        f"term: {HEART}: Cardiac failure": ("1 (20.0)", "0"),
        f"term: {HEART}: Palpitations": ("0", "1 (20.0)"),
        f"body system: {GI}": ("3 (60.0)", "1 (20.0)"),
        f"term: {GI}: Nausea": ("2 (40.0)", "1 (20.0)"),
        f"term: {GI}: Vomiting": ("1 (20.0)", "0"),
        "body system: Vascular disorders": ("1 (20.0)", "0"),
        "term: Vascular disorders: Oedema": ("1 (20.0)", "0"),
    }
    for statistic, texts in by_hand.items():
        assert counts(rows, statistic) == texts, statistic
    told = list(dict.fromkeys(r.statistic for r in rows if r.unit == "subjects" and r.group))
    assert told == list(by_hand)  # nothing else, and in this order: by system, then by frequency in the first arm
    assert only(rows, "subjects not counted", "").value == 1


def test_differences_are_newcombes_in_percentage_points(tmp_path: Path) -> None:
    rows = safety_rows(*case(tmp_path))
    found = difference(4, 5, 2, 5)
    names = ("difference", "difference lower limit", "difference upper limit")
    for name, value in zip(names, (found.estimate, *found.conf_int), strict=True):
        row = only(rows, f"adverse event {name}", "new v old")
        assert row.value == pytest.approx(100 * value)
        assert row.unit == "percentage points"
        assert row.level == (None if name == "difference" else 0.95)
        assert "Newcombe" in row.method
    assert only(rows, "adverse event difference", "new v old").text == "40.0"
    assert not [r for r in rows if r.statistic.startswith("adverse event of unknown grade difference")]


def test_every_row_says_where_it_belongs(tmp_path: Path) -> None:
    trial, data = case(tmp_path)
    for row in safety_rows(trial, replace(data, origin="simulated")):
        assert (row.analysis, row.role, row.population) == ("safety", "safety", "treated")
        assert (row.toml_path, row.origin) == ("safety", "simulated")
    method = only(safety_rows(trial, data), "grade 3 adverse event", "new").method
    assert "a subject with events of two grades counts in both" in method
    assert "all adverse events on record (ADAE has no TRTEMFL)" in method


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, (4, 5)),
        ({"grade": 3}, (1, 5)),
        ({"grade": 4}, (1, 5)),
        ({"grade": 5}, (0, 5)),
        ({"serious": True}, (2, 5)),
        ({"serious": False}, (4, 5)),
        ({"nyha": 2}, (1, 5)),
        ({"nyha": 1}, (0, 5)),
        ({"term": "Nausea"}, (2, 5)),
        ({"term": "NAUSEA"}, (2, 5)),
        ({"term": "Cough"}, (0, 5)),
        ({"term": "Nausea", "grade": 3, "serious": True}, (0, 5)),  # the serious one had grade 4
        ({"term": "Nausea", "grade": 4, "serious": True}, (1, 5)),
    ],
)
def test_adverse_event_count(tmp_path: Path, asked: dict[str, Any], expected: tuple[int, int]) -> None:
    assert adverse_event_count(*case(tmp_path), "new", **asked) == expected


def test_adverse_event_count_refuses(tmp_path: Path) -> None:
    trial, data = case(tmp_path)
    with pytest.raises(ProtocolError, match="no arm 'young'"):
        adverse_event_count(trial, data, "young")
    with pytest.raises(ProtocolError, match="in whom adverse events are counted"):
        adverse_event_count(trial.model_copy(update={"safety": None}), data, "new")
    with pytest.raises(DataError, match="there is no ADAE"):
        adverse_event_count(trial, replace(data, adae=None), "new")
    for column, asked in (("AETOXGR", {"grade": 3}), ("AESER", {"serious": True}), ("NYHACLS", {"nyha": 2})):
        assert data.adae is not None
        with pytest.raises(DataError, match=f"ADAE does not give it.*{column}"):
            adverse_event_count(trial, replace(data, adae=data.adae.drop(column)), "new", **asked)  # type: ignore[arg-type]


def test_only_treatment_emergent_events_count_where_adae_says_which(tmp_path: Path) -> None:
    flags = ["Y", "Y", "N", "Y", None, "Y", "Y", "Y", "Y"]
    rows = safety_rows(*case(tmp_path, adae().with_columns(pl.Series("TRTEMFL", flags))))
    assert counts(rows, "adverse event") == ("3 (60.0)", "2 (40.0)")  # 03's only event has no flag
    assert counts(rows, f"term: {GI}: Nausea") == ("1 (20.0)", "1 (20.0)")
    assert "treatment-emergent adverse events (TRTEMFL = Y)" in only(rows, "adverse event", "new").method
    assert only(rows, "events not counted", "").value == 2


def test_grades_may_be_numbers(tmp_path: Path) -> None:
    text = safety_rows(*case(tmp_path))
    for dtype in (pl.Int64, pl.Float64):
        trial, data = case(tmp_path, adae().with_columns(pl.col("AETOXGR").cast(dtype)))
        assert safety_rows(trial, data) == text


def test_no_events_at_all(tmp_path: Path) -> None:
    rows = safety_rows(*case(tmp_path, adae([])))
    for statistic in ("adverse event", "serious adverse event", "grade 3 or higher adverse event", "cardiac event"):
        assert counts(rows, statistic) == ("0", "0")
    assert not [r for r in rows if r.statistic.startswith(("grade 1", "term", "body", "cardiac event, "))]
    assert only(rows, "adverse event difference", "new v old").text == "0.0"


def test_what_adae_cannot_say_is_not_zero(tmp_path: Path) -> None:
    rows = safety_rows(*case(tmp_path, adae().select("USUBJID", "AEDECOD")))
    assert counts(rows, "adverse event") == ("4 (80.0)", "2 (40.0)")
    for statistic, column in (("serious adverse event", "AESER"), ("grade 3 or higher adverse event", "AETOXGR")):
        row = only(rows, statistic, "new")
        assert (row.value, row.text, row.reason) == (None, NOT_ESTIMABLE, f"ADAE has no column {column}")
    assert not [r for r in rows if r.statistic.startswith("cardiac")]
    assert counts(rows, "term: not coded: Nausea") == ("2 (40.0)", "1 (20.0)")


def test_a_term_without_a_code_keeps_its_own_words(tmp_path: Path) -> None:
    events = adae().with_columns(
        pl.when(pl.col("AEDECOD") == "Vomiting").then(None).otherwise("AEDECOD").alias("AEDECOD"),
        pl.lit("threw up").alias("AETERM"),
    )
    assert counts(safety_rows(*case(tmp_path, events)), f"term: {GI}: threw up") == ("1 (20.0)", "0")


def test_the_cardiac_body_system_may_be_in_capitals(tmp_path: Path) -> None:
    rows = safety_rows(*case(tmp_path, adae().with_columns(pl.col("AEBODSYS").str.to_uppercase())))
    assert counts(rows, "cardiac event") == ("2 (40.0)", "1 (20.0)")


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("AETOXGR", "6", r"not a grade from 1 to 5, such as '6' \(.*column AETOXGR, subject 02\)\. Write"),
        ("AETOXGR", "0", "not a grade from 1 to 5"),
        ("AETOXGR", "severe", "not a grade from 1 to 5"),
        ("AESER", "yes", r"not Y or N, such as 'yes' \(.*column AESER, subject 02\)"),
        ("NYHACLS", "2", "not I, II, III or IV"),
        ("TRTEMFL", "1", "not Y or N"),
    ],
)
def test_values_that_mean_nothing_are_refused(tmp_path: Path, column: str, value: str, message: str) -> None:
    events = adae().with_columns(pl.lit(None, dtype=pl.String).alias("TRTEMFL"))
    bad = events.with_columns(pl.when(pl.int_range(pl.len()) == 2).then(pl.lit(value)).otherwise(column).alias(column))
    trial, data = case(tmp_path, bad)
    with pytest.raises(DataError, match=message):
        safety_rows(trial, data)
    with pytest.raises(DataError, match=message):
        analyze.run(trial, data)
    (told,) = analyze.refusals(trial, data)
    assert column in told


def test_half_grades_are_refused(tmp_path: Path) -> None:
    events = adae().with_columns(pl.lit(2.5).alias("AETOXGR"))
    with pytest.raises(DataError, match=r"such as '2\.5'"):
        safety_rows(*case(tmp_path, events))


def test_an_arm_without_subjects_is_an_error(tmp_path: Path) -> None:
    trial, data = case(tmp_path, adsl=adsl(SAFFL=["Y"] * 6 + ["N"] * 6))
    with pytest.raises(DataError, match="nobody in the population treated is in arm 'old'"):
        safety_rows(trial, data)


def test_a_subject_twice_or_without_an_arm_is_an_error(tmp_path: Path) -> None:
    trial, data = case(tmp_path)
    assert data.adsl is not None
    with pytest.raises(DataError, match="more than one record of a subject.*subject 03"):
        safety_rows(trial, replace(data, adsl=pl.concat([data.adsl, data.adsl[2:3]])))
    with pytest.raises(DataError, match="says who is in which arm is not in the data.*TRT01P"):
        safety_rows(trial, replace(data, adsl=data.adsl.drop("TRT01P")))
    with pytest.raises(DataError, match="there is no ADSL"):
        adverse_event_count(trial, replace(data, adsl=None), "new")


def test_run_adds_the_parts_that_the_files_can_tell(tmp_path: Path) -> None:
    trial, data = case(tmp_path)
    results = analyze.run(trial, data)
    assert results.analyses == ("primary",)
    assert list(dict.fromkeys(r.analysis for r in results.rows)) == ["primary", "disposition", "safety"]
    assert results.of("safety") == tuple(safety_rows(trial, data))
    assert "exposure cannot be told: there is no ADEX" in results.notes
    bare = analyze.run(trial, replace(data, adsl=None, adae=None))
    assert {r.analysis for r in bare.rows} == {"primary"}
    assert "disposition, exposure and safety cannot be told: there is no ADSL" in bare.notes
    without = trial.model_copy(update={"safety": None})
    plain = analyze.run(without, data)
    assert {r.analysis for r in plain.rows} == {"primary"}
    assert not [n for n in plain.notes if "cannot be told" in n]
    assert not exposure_rows(trial, data)


@pytest.mark.parametrize("name", ["safety", "exposure", "disposition"])
def test_the_names_of_the_parts_are_taken(tmp_path: Path, name: str) -> None:
    parts = {
        "analyses": made_trial.PRIMARY.replace("primary]", f"{name}]"),
        "testing": made_trial.TESTING.replace('"primary"', f'"{name}"'),
    }
    with pytest.raises(ProtocolError, match=f'the name "{name}" is taken by another part'):
        made_trial.protocol(tmp_path, **parts)


def test_the_made_up_trial_by_a_plain_count(tmp_path: Path) -> None:
    """207 subjects: every figure again with sets and loops."""
    trial = safety_trial.protocol(tmp_path)
    data = safety_trial.patients(trial)
    assert data.adsl is not None
    assert data.adae is not None
    labels = {v: k for k, v in safety_trial.LABELS.items()}
    arm = {s: labels[a] for s, a, f in data.adsl.select("USUBJID", "TRT01P", "SAFFL").iter_rows() if f == "Y"}
    events = [e for e in data.adae.iter_rows(named=True) if e["USUBJID"] in arm]
    rows = safety_rows(trial, data)
    for name in safety_trial.LABELS:
        of_arm = [e for e in events if arm[e["USUBJID"]] == name]
        for k in range(1, 5):
            wanted = len({e["USUBJID"] for e in of_arm if int(e["AETOXGR"] or 0) == k})
            assert only(rows, f"grade {k} adverse event", name).value == wanted
            assert adverse_event_count(trial, data, name, grade=k) == (wanted, sum(a == name for a in arm.values()))
        high = len({e["USUBJID"] for e in of_arm if int(e["AETOXGR"] or 0) >= 3})
        assert only(rows, "grade 3 or higher adverse event", name).value == high
        for system, term, *_ in safety_trial.KINDS:
            wanted = len({e["USUBJID"] for e in of_arm if e["AEDECOD"] == term})
            assert only(rows, f"term: {system}: {term}", name).value == wanted
            assert adverse_event_count(trial, data, name, term=term)[0] == wanted
