"""What ADaM demands of the files, as rules with an id: errors stop an analysis, warnings report.

An error in a parameter that no endpoint of the protocol uses is a warning: nothing is computed from it.
A rule that passes yields no finding; one that could not be applied says which file or column is absent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..errors import DataError, name_subjects
from ..protocol import DataNames, Protocol
from .day_count import FITS, OFFSET, count_days, fits_from_one
from .patients import Patients, rows_where

Severity = Literal["error", "warning", "not applicable"]
_ORDER: tuple[Severity, ...] = ("error", "warning", "not applicable")

RULES: Mapping[str, str] = MappingProxyType(
    {
        "TTE-01": "CNSR is a whole number, zero or more, and never missing.",
        "TTE-02": "AVAL is a number above zero, and never missing.",
        "TTE-03": "ADT is not before STARTDT.",
        "TTE-04": "AVAL is ADT - STARTDT + 1, or ADT - STARTDT, in its unit, one of them throughout a parameter.",
        "TTE-05": "ADTTE has one record per subject and parameter.",
        "TTE-06": "PARAMCD and PARAM are one to one.",
        "TTE-08": "Within a parameter, censoring codes and EVNTDESC are one to one.",
        "TTE-14": "Every subject of ADTTE, ADAE and ADEX is in ADSL, and arm, strata and flags agree with ADSL.",
        "ADSL-01": "ADSL has one record per subject, arm label and arm number are one to one, "
        "and RANDDT is not after TRTSDT.",
        "ADSL-02": "Flags are Y, N or missing.",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one rule found, where, in whom, and what to do about it.

    >>> print(Finding(rule="TTE-02", severity="error", file="adtte.csv", column="AVAL", subjects=("01",),
    ...               message="AVAL is missing or not above zero in 1 record", remedy="Correct it."))
    TTE-02 error: AVAL is missing or not above zero in 1 record (adtte.csv, column AVAL, subject 01). Correct it.
    """

    rule: str
    severity: Severity
    file: str
    column: str
    subjects: tuple[str, ...] = ()
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        column = f"column {self.column}" if self.column else ""
        where = ", ".join(p for p in (self.file, column, name_subjects(self.subjects)) if p)
        sentence = f"{self.rule} {self.severity}: {self.message}" + (f" ({where})" if where else "")
        return f"{sentence}. {self.remedy}" if self.remedy else sentence


def check(patients: Patients, trial: Protocol) -> tuple[Finding, ...]:
    """Every finding, errors first, then warnings, then the rules that could not be applied."""
    case = _Case(patients=patients, names=patients.names, trial=trial)
    findings = [finding for rule in _CHECKS for finding in rule(case)]
    return tuple(sorted(findings, key=lambda f: _ORDER.index(f.severity)))


def require_clean(patients: Patients, trial: Protocol) -> tuple[Finding, ...]:
    """Raise the first error that ``check`` finds, with the number of the others; return what is left."""
    findings = check(patients, trial)
    errors = [f for f in findings if f.severity == "error"]
    if not errors:
        return findings
    first, others = errors[0], len(errors) - 1
    more = f"; {others} more error{'s' if others > 1 else ''} found" if others else ""
    raise DataError(
        f"rule {first.rule}: {first.message}{more}",
        file=first.file,
        column=first.column,
        subjects=first.subjects,
        remedy=first.remedy,
    )


@dataclass(frozen=True, kw_only=True)
class _Case:
    """The patients under a rule, with the ways in which rules report."""

    patients: Patients
    names: DataNames
    trial: Protocol

    @cached_property
    def masks(self) -> Mapping[str, NDArray[np.bool_]]:
        """By rule, which records of ADTTE break it; rules whose columns are not there are left out."""
        return _broken(self)

    def broken(self, rule: str) -> pl.DataFrame:
        """The records of ADTTE that break a rule."""
        bad = self.masks[rule]
        return self.adtte.filter(pl.Series(bad)) if bad.any() else self.adtte.clear()

    def flags(self, frame: pl.DataFrame) -> list[str]:
        """Columns of flags: those that ADaM names so, and those of the protocol's populations."""
        named = {p.flag.upper() for p in self.trial.populations.values() if p.flag is not None}
        return [c for c in frame.columns if c.endswith("FL") or c in named]

    @property
    def adtte(self) -> pl.DataFrame:
        return self.patients.adtte

    def file(self, dataset: str) -> str:
        file = self.patients.files.get(dataset, "<frame>")
        return f"{dataset.upper()} frame" if file.startswith("<") else file

    def severity(self, parameter: str | None) -> Severity:
        """Error, unless the parameter is one that no endpoint of the protocol uses."""
        used = {self.trial.parameter(endpoint) for endpoint in self.trial.endpoints}
        return "warning" if used and parameter is not None and parameter not in used else "error"

    def finding(self, rule: str, dataset: str, column: str, bad: pl.DataFrame, message: str, remedy: str) -> Finding:
        return Finding(
            rule=rule,
            severity="error",
            file=self.file(dataset),
            column=column,
            subjects=tuple(bad[self.names.subject].unique(maintain_order=True).to_list()),
            message=message,
            remedy=remedy,
        )

    def by_use(self, rule: str, column: str, bad: pl.DataFrame, message: str, remedy: str) -> Iterator[Finding]:
        """Records of ADTTE: an error for those of the protocol's parameters, a warning for others."""
        severities = [self.severity(p) for p in bad[self.names.parameter]]
        for severity in ("error", "warning") if severities else ():
            part = bad.filter(pl.Series([s == severity for s in severities], dtype=pl.Boolean))
            if part.height:
                where = " of parameters that the protocol does not use" if severity == "warning" else ""
                text = f"{message} in {_records(part.height)}{where}"
                yield _as(self.finding(rule, "adtte", column, part, text, remedy), severity)

    def absent(self, rule: str, dataset: str, columns: list[str], part: str = "") -> Finding:
        """The rule, or a part of it, cannot be applied: the file or these columns are not there."""
        what = f"column {', '.join(columns)} is absent" if columns else f"{dataset.upper()} is absent"
        if len(columns) > 1:
            what = f"columns {', '.join(columns)} are absent"
        return Finding(
            rule=rule,
            severity="not applicable",
            file=self.file(dataset) if columns else "",
            column="",
            message=f"{what}{part}",
        )


def _broken(case: _Case) -> dict[str, NDArray[np.bool_]]:
    """Each rule of single records, over arrays: a file that keeps all of them is looked at once."""
    names, adtte = case.names, case.adtte
    code, time = (adtte[name].cast(pl.Float64).to_numpy() for name in (names.censoring, names.time))
    with np.errstate(invalid="ignore"):
        whole = (code >= 0) & (code == np.floor(code))
        positive = (time > 0) & np.isfinite(time)
        if case.patients.cut_code is not None:
            # Who entered on the day of the cut has no time yet where the file counts ADT - STARTDT.
            positive |= (time == 0) & (code == case.patients.cut_code)
        found = {"TTE-01": ~whole, "TTE-02": ~positive}
        records = set(zip(adtte[names.subject].to_list(), adtte[names.parameter].to_list(), strict=True))
        found["TTE-05"] = np.zeros(adtte.height, dtype=bool)
        if len(records) < adtte.height:
            found["TTE-05"] = adtte[[names.subject, names.parameter]].is_duplicated().to_numpy()
        if not _missing(adtte, [names.start_date, names.end_date]):
            days = np.trunc((adtte[names.end_date] - adtte[names.start_date]).to_numpy() / np.timedelta64(1, "D"))
            found["TTE-03"] = days < 0
            # What does not count from day 1 may count from day 0: the rule finds out.
            found["TTE-04"] = ~(fits_from_one(time, days, names) | np.isnan(time - days))
    return found


def _tte_01(case: _Case) -> Iterator[Finding]:
    yield from case.by_use(
        "TTE-01",
        case.names.censoring,
        case.broken("TTE-01"),
        f"{case.names.censoring} is missing, negative or not whole",
        "Write 0 for the event and a whole number above 0 for each reason of censoring.",
    )


def _tte_02(case: _Case) -> Iterator[Finding]:
    yield from case.by_use(
        "TTE-02",
        case.names.time,
        case.broken("TTE-02"),
        f"{case.names.time} is missing or not above zero",
        "Give every record its time; a record without one does not belong in ADTTE.",
    )


def _tte_03(case: _Case) -> Iterator[Finding]:
    start, end = case.names.start_date, case.names.end_date
    if missing := _missing(case.adtte, [start, end]):
        yield case.absent("TTE-03", "adtte", missing)
        return
    bad = case.broken("TTE-03")
    yield from case.by_use("TTE-03", end, bad, f"{end} is before {start}", "Correct the date that is wrong.")


def _tte_04(case: _Case) -> Iterator[Finding]:
    names = case.names
    start, end, time = names.start_date, names.end_date, names.time
    if missing := _missing(case.adtte, [start, end]):
        yield case.absent("TTE-04", "adtte", missing)
        return
    if not case.masks["TTE-04"].any():
        return
    counted = count_days(case.adtte, names)
    wrong = counted.filter(~pl.col(FITS))
    for parameter in wrong[names.parameter].unique(maintain_order=True).to_list():
        rows = counted.filter(pl.col(names.parameter).eq_missing(pl.lit(parameter, dtype=pl.String)))
        bad = rows.filter(~pl.col(FITS))
        if rows[FITS].any():
            rule = f"{end} - {start}" + (" + 1" if rows[OFFSET][0] else "")
            what = f"is not {rule}, as in the other records of {parameter}"
        else:
            what = f"of {parameter} is neither {end} - {start} + 1 nor {end} - {start}"
        text = f"{time} {what} in {names.time_unit}, in {_records(bad.height)}"
        remedy = "Derive the time from its dates, or correct time_unit under [data] in the protocol."
        yield _as(case.finding("TTE-04", "adtte", time, bad, text, remedy), case.severity(parameter))


def _tte_05(case: _Case) -> Iterator[Finding]:
    subject, parameter = case.names.subject, case.names.parameter
    bad = case.broken("TTE-05")
    yield from case.by_use(
        "TTE-05",
        subject,
        bad,
        f"a subject has more than one record of the same {parameter}",
        f"Keep one, or give another way of deriving the time its own {parameter}.",
    )


def _tte_06(case: _Case) -> Iterator[Finding]:
    code, label = case.names.parameter, "PARAM"
    if missing := _missing(case.adtte, [label]):
        yield case.absent("TTE-06", "adtte", missing)
        return
    for one, other, value, several in _several(case.adtte, code, label):
        bad = case.adtte.filter(pl.col(one).eq_missing(pl.lit(value, dtype=pl.String)))
        text = f"the {one} {_quoted(value)} stands beside {len(several)} {other}: {_listed(several)}"
        finding = case.finding("TTE-06", "adtte", one, bad, text, f"Give each {code} one {label}.")
        severities = {case.severity(p) for p in bad[code].to_list()}
        yield _as(finding, "error" if "error" in severities else "warning")


def _tte_08(case: _Case) -> Iterator[Finding]:
    names, text = case.names, "EVNTDESC"
    if missing := _missing(case.adtte, [text]):
        yield case.absent("TTE-08", "adtte", missing)
        return
    code = names.censoring
    codes = case.adtte[code].cast(pl.Float64).to_numpy()
    of_censored = pl.Series(~np.isin(codes, list(names.event_codes)) & ~np.isnan(codes))
    described = case.adtte[text].filter(of_censored)
    if described.null_count() == len(described):
        return
    censored = rows_where(case.adtte, of_censored).filter(pl.col(text).is_not_null())
    for (parameter,), rows in censored.group_by([names.parameter], maintain_order=True):
        said: list[str] = []
        bad = [rows.clear()]
        for one, other, value, several in _several(rows, code, text):
            said.append(f"{one} {_quoted(value)} stands beside {len(several)} {other}: {_listed(several)}")
            bad.append(rows.filter(pl.col(one) == value))
        if said:
            remedy = "Give each reason of censoring its own code."
            message = f"{parameter}: " + "; ".join(said)
            finding = case.finding("TTE-08", "adtte", code, pl.concat(bad), message, remedy)
            yield _as(finding, "warning")


def _tte_14(case: _Case) -> Iterator[Finding]:
    adsl, subject = case.patients.adsl, case.names.subject
    if adsl is None:
        yield case.absent("TTE-14", "adsl", [])
        return
    row_of: dict[object, int] = {}
    for i, known in enumerate(adsl[subject].to_list()):
        row_of.setdefault(known, i)
    for dataset, frame in case.patients.frames().items():
        listed = [] if dataset == "adsl" else frame[subject].to_list()
        if not set(listed) <= row_of.keys():
            lost = [who not in row_of for who in listed]
            unknown = frame.filter(pl.Series(lost))
            count = unknown[subject].n_unique()
            text = f"{count} subject{'s' if count > 1 else ''} of {dataset.upper()} not in ADSL"
            yield case.finding("TTE-14", dataset, subject, unknown, text, "Add them to ADSL.")
    strata = [*case.names.strata.as_randomized, *case.names.strata.as_verified]
    both = [c for c in case.adtte.columns if c in adsl.columns]
    places = [row_of.get(who, -1) for who in case.adtte[subject].to_list()]
    for column in (c for c in both if c == case.names.arm or c in strata or c.endswith("FL")):
        own, other = case.adtte[column], adsl[column]
        if own.dtype.is_numeric() != other.dtype.is_numeric():
            own, other = own.cast(pl.String), other.cast(pl.String)
        held, values = other.to_list(), own.to_list()
        if values == [held[i] if i >= 0 else None for i in places]:
            continue
        differs = [i >= 0 and value != held[i] for value, i in zip(values, places, strict=True)]
        if any(differs):
            bad = case.adtte.filter(pl.Series(differs))
            text = f"{column} differs between ADTTE and ADSL in {_records(bad.height)}"
            yield case.finding("TTE-14", "adtte", column, bad, text, "Correct the one that is wrong.")


def _adsl_01(case: _Case) -> Iterator[Finding]:
    adsl, names = case.patients.adsl, case.names
    if adsl is None:
        yield case.absent("ADSL-01", "adsl", [])
        return
    if adsl[names.subject].n_unique() < adsl.height:
        twice = adsl.filter(adsl[names.subject].is_duplicated())
        text = f"ADSL holds more than one record a subject, {_records(twice.height)} in all"
        yield case.finding("ADSL-01", "adsl", names.subject, twice, text, "Keep one record a subject.")
    arm, coded = names.arm, f"{names.arm}N"
    lacking = _missing(adsl, [arm, coded])
    if not lacking:
        for one, other, value, several in _several(adsl, arm, coded):
            bad = adsl.filter(pl.col(one).eq_missing(pl.lit(value, dtype=adsl.schema[one])))
            text = f"{one} {_quoted(value)} stands beside {len(several)} {other}: {_listed(several)}"
            yield case.finding("ADSL-01", "adsl", one, bad, text, f"Give each {arm} one {coded}.")
    lacking_dates = _missing(adsl, ["RANDDT", "TRTSDT"])
    if not lacking_dates:
        before = adsl["RANDDT"] > adsl["TRTSDT"]
        if before.any():
            early = adsl.filter(before)
            text = f"treatment starts before randomization in {_records(early.height)}"
            yield case.finding("ADSL-01", "adsl", "TRTSDT", early, text, "Correct the date that is wrong.")
    if lacking or lacking_dates:
        yield case.absent("ADSL-01", "adsl", lacking + lacking_dates, "; the rest of the rule was applied")


def _adsl_02(case: _Case) -> Iterator[Finding]:
    applied = False
    for dataset, frame in (("adsl", case.patients.adsl), ("adtte", case.adtte)):
        if frame is None:
            continue
        for column in case.flags(frame):
            applied = True
            flags = frame[column].cast(pl.String)
            if set(flags.to_list()) <= {"Y", "N", None}:
                continue
            bad = frame.filter(~pl.col(column).cast(pl.String).is_in(["Y", "N"]))
            values = bad[column].unique(maintain_order=True).to_list()
            text = f"the flag {column} holds {_listed(values)}"
            finding = case.finding("ADSL-02", dataset, column, bad, text, "Write Y, N or nothing.")
            yield _as(finding, "warning")
    if not applied:
        yield Finding(rule="ADSL-02", severity="not applicable", file="", column="", message="there is no flag column")


_CHECKS: tuple[Callable[[_Case], Iterator[Finding]], ...] = (
    _tte_01, _tte_02, _tte_03, _tte_04, _tte_05, _tte_06, _tte_08, _tte_14, _adsl_01, _adsl_02,
)  # fmt: skip


def _as(finding: Finding, severity: Severity) -> Finding:
    return replace(finding, severity=severity)


def _missing(frame: pl.DataFrame, columns: list[str]) -> list[str]:
    return [c for c in columns if c not in frame.columns]


def _several(frame: pl.DataFrame, one: str, other: str) -> Iterator[tuple[str, str, object, list[object]]]:
    """Values of one of two columns that stand beside more than one of the other: whose, beside whose, value, which."""
    pairs = list(dict.fromkeys(zip(frame[one].to_list(), frame[other].to_list(), strict=True)))
    for column, beside, place in ((one, other, 0), (other, one, 1)):
        found: dict[object, list[object]] = {}
        for pair in pairs:
            found.setdefault(pair[place], []).append(pair[1 - place])
        yield from ((column, beside, value, held) for value, held in found.items() if len(held) > 1)


def _records(count: int) -> str:
    return f"{count} record{'' if count == 1 else 's'}"


def _quoted(value: object) -> str:
    return "(missing)" if value is None else f'"{value}"' if isinstance(value, str) else str(value)


def _listed(values: list[object]) -> str:
    shown = ", ".join(_quoted(v) for v in values[:5])
    return shown + (f" and {len(values) - 5} more" if len(values) > 5 else "")
