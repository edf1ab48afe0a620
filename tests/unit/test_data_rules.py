"""Every rule with a fixture that fires and one that does not, and what happens to a rule without its columns."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from tests.unit.small_trial import adae, adex, adsl, adtte, change, patients, protocol

from equipoise.data.rules import RULES, Finding, check, require_clean
from equipoise.errors import DataError


def findings(folder: Path, rule: str | None = None, data: str = "", **changed: object) -> list[Finding]:
    found = check(patients(folder, data, **changed), protocol(folder, data))
    return [f for f in found if rule is None or f.rule == rule]


def test_clean_files_have_no_finding(tmp_path: Path) -> None:
    assert findings(tmp_path) == []
    require_clean(patients(tmp_path), protocol(tmp_path))


def drop(frame: Callable[[], pl.DataFrame], column: str) -> pl.DataFrame:
    return frame().drop(column)


FIRES: list[tuple[str, str, pl.DataFrame, str, str, tuple[str, ...]]] = [
    ("TTE-01", "adtte", change(adtte(), "CNSR", 1, 2.5), "error", "CNSR", ("02",)),
    ("TTE-01", "adtte", change(adtte(), "CNSR", 2, -1), "error", "CNSR", ("03",)),
    ("TTE-01", "adtte", change(adtte(), "CNSR", 3, None), "error", "CNSR", ("04",)),
    ("TTE-02", "adtte", change(adtte(), "AVAL", 1, 0.0), "error", "AVAL", ("02",)),
    ("TTE-02", "adtte", change(adtte(), "AVAL", 1, None), "error", "AVAL", ("02",)),
    ("TTE-02", "adtte", change(adtte(), "AVAL", 1, float("inf")), "error", "AVAL", ("02",)),
    ("TTE-03", "adtte", change(adtte(), "ADT", 4, date(2019, 1, 1)), "error", "ADT", ("05",)),
    ("TTE-04", "adtte", change(adtte(), "AVAL", 4, 21.0), "error", "AVAL", ("05",)),
    ("TTE-05", "adtte", pl.concat([adtte(), adtte()[2:3]]), "error", "USUBJID", ("03",)),
    ("TTE-06", "adtte", change(adtte(), "PARAM", 5, "PFS"), "error", "PARAMCD", tuple(f"0{i}" for i in range(1, 7))),
    ("TTE-08", "adtte", change(adtte(), "EVNTDESC", 2, "Other"), "warning", "CNSR", ("03", "06")),
    ("TTE-14", "adtte", change(adtte(), "USUBJID", 3, "99"), "error", "USUBJID", ("99",)),
    ("TTE-14", "adae", change(adae(), "USUBJID", 2, "98"), "error", "USUBJID", ("98",)),
    ("TTE-14", "adex", change(adex(), "USUBJID", 2, "97"), "error", "USUBJID", ("97",)),
    ("TTE-14", "adtte", change(adtte(), "ITTFL", 2, "N"), "error", "ITTFL", ("03",)),
    ("ADSL-01", "adsl", pl.concat([adsl(), adsl()[1:2]]), "error", "USUBJID", ("02",)),
    ("ADSL-01", "adsl", change(adsl(), "TRT01PN", 0, 3), "error", "TRT01P", ("01", "03", "05")),
    ("ADSL-01", "adsl", change(adsl(), "TRTSDT", 4, date(2020, 1, 19)), "error", "TRTSDT", ("05",)),
    ("ADSL-02", "adsl", change(adsl(), "DTHFL", 4, "yes"), "warning", "DTHFL", ("05",)),
]


@pytest.mark.parametrize(("rule", "dataset", "frame", "severity", "column", "subjects"), FIRES)
def test_fires(
    tmp_path: Path,
    rule: str,
    dataset: str,
    frame: pl.DataFrame,
    severity: str,
    column: str,
    subjects: tuple[str, ...],
) -> None:
    (found,) = findings(tmp_path, rule, **{dataset: frame})
    assert (found.severity, found.file, found.column) == (severity, f"{dataset.upper()} frame", column)
    assert found.subjects == subjects
    assert found.remedy
    assert str(found).startswith(f"{rule} {severity}: ")


def test_every_rule_has_a_fixture_that_fires() -> None:
    assert {rule for rule, *_ in FIRES} == set(RULES)


@pytest.mark.parametrize(
    ("rule", "changed", "absent"),
    [
        ("TTE-03", {"adtte": drop(adtte, "ADT")}, "column ADT is absent"),
        ("TTE-04", {"adtte": adtte().drop("ADT", "STARTDT")}, "columns STARTDT, ADT are absent"),
        ("TTE-06", {"adtte": drop(adtte, "PARAM")}, "column PARAM is absent"),
        ("TTE-08", {"adtte": drop(adtte, "EVNTDESC")}, "column EVNTDESC is absent"),
        ("TTE-14", {"adsl": None}, "ADSL is absent"),
        ("ADSL-01", {"adsl": None}, "ADSL is absent"),
        ("ADSL-01", {"adsl": drop(adsl, "RANDDT")}, "column RANDDT is absent; the rest of the rule was applied"),
        ("ADSL-02", {"adsl": None, "adtte": drop(adtte, "ITTFL")}, "there is no flag column"),
    ],
)
def test_not_applicable(tmp_path: Path, rule: str, changed: dict[str, object], absent: str) -> None:
    (found,) = findings(tmp_path, rule, **changed)
    assert (found.severity, found.message, found.subjects) == ("not applicable", absent, ())


def test_either_way_of_counting_days_but_one_throughout(tmp_path: Path) -> None:
    from_zero = adtte().with_columns(pl.col("AVAL") - 1)
    assert findings(tmp_path, "TTE-04", adtte=from_zero) == []
    months = adtte().with_columns((pl.col("AVAL") / 30.4375).round(2))
    assert findings(tmp_path, "TTE-04", 'time_unit = "months"\n', adtte=months) == []
    (mixed,) = findings(tmp_path, "TTE-04", adtte=change(adtte(), "AVAL", 0, 31.0))
    assert "AVAL is not ADT - STARTDT + 1, as in the other records of PFS in days, in 1 record" in str(mixed)
    neither = findings(tmp_path, "TTE-04", adtte=adtte().with_columns(pl.col("AVAL") + 7))
    assert [f.severity for f in neither] == ["error", "error"]
    assert "AVAL of PFS is neither ADT - STARTDT + 1 nor ADT - STARTDT in days, in 6 records" in str(neither[0])


def test_a_parameter_that_no_endpoint_uses_warns(tmp_path: Path) -> None:
    other = adtte()[:1].with_columns(PARAMCD=pl.lit("DOR"), PARAM=pl.lit("Response"), AVAL=pl.lit(0.5))
    found = findings(tmp_path, adtte=pl.concat([adtte(), other]))
    assert [(f.rule, f.severity) for f in found] == [("TTE-04", "warning")]
    require_clean(patients(tmp_path, adtte=pl.concat([adtte(), other])), protocol(tmp_path))


def test_event_codes_are_no_reasons_of_censoring(tmp_path: Path) -> None:
    described = change(adtte(), "EVNTDESC", 0, "Death")
    assert findings(tmp_path, "TTE-08", adtte=described) == []
    reason_with_two_codes = change(adtte(), "EVNTDESC", 4, "Alive at last contact")
    (found,) = findings(tmp_path, "TTE-08", adtte=reason_with_two_codes)
    assert 'PFS: EVNTDESC "Alive at last contact" stands beside 2 CNSR' in found.message


def test_arm_and_strata_must_agree(tmp_path: Path) -> None:
    both = adtte().with_columns(TRT01P=pl.lit("A"), AGE=pl.Series([50, 61, 47, 70, 66, 59] * 2))
    found = findings(tmp_path, "TTE-14", 'strata.as_randomized = ["age"]\n', adtte=both)
    assert [(f.column, f.subjects) for f in found] == [("TRT01P", ("02", "04", "06")), ("AGE", ("06",))]


def test_errors_come_first_and_stop(tmp_path: Path) -> None:
    bad = change(change(change(adtte(), "CNSR", 1, 2.5), "AVAL", 0, None), "EVNTDESC", 2, "Other").drop("PARAM")
    found = findings(tmp_path, adtte=bad)
    assert [f.severity for f in found] == ["error", "error", "warning", "not applicable"]
    with pytest.raises(DataError) as caught:
        require_clean(patients(tmp_path, adtte=bad), protocol(tmp_path))
    assert str(caught.value) == (
        "rule TTE-01: CNSR is missing, negative or not whole in 1 record; 1 more error found "
        "(ADTTE frame, column CNSR, subject 02). "
        "Write 0 for the event and a whole number above 0 for each reason of censoring."
    )
