"""Drawn patients as the data sets of a trial: ADSL, ADTTE, ADAE and ADEX, marked as synthetic in every row."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..data import Patients
from ..data.adam import names_in_upper_case
from ..errors import ProtocolError
from ..protocol import Protocol, quoted
from .cohort import ENDPOINTS, Cohort

_ROMAN = ("", "I", "II", "III", "IV")
_UNSPECIFIED = "Not specified"
_MARKS = ("STUDYID", "USUBJID", "SYNTHFL", "SYNTYPE")
_EPOCH = date(1970, 1, 1)


def patients(
    trial: Protocol, drawn: Cohort, *, origin: Literal["simulated", "reconstructed"], notes: tuple[str, ...] = ()
) -> Patients:
    """The patients of a cohort as data sets.

    STUDYID and USUBJID begin with SYN, SYNTHFL is Y and SYNTYPE the origin, so that no file of them can be taken for
    observed data. Times are whole days, day 1 the day of randomization. Raises ``ProtocolError`` for an endpoint
    whose events the protocol does not say.
    """
    frame = _subjects(trial, drawn, origin)
    adsl = _adsl(trial, drawn, frame)
    frames: dict[str, Any] = {"adsl": adsl, "adtte": _adtte(trial, drawn, adsl)}
    if drawn.model.scenario.adverse_events is not None:
        frames["adae"] = _adae(drawn, adsl)
    if len(drawn.doses[0][0]):
        frames["adex"] = _adex(trial, drawn, adsl)
    about = f"<{origin} from the scenario {drawn.model.scenario.label!r}, seed {drawn.seed}>"
    return Patients(
        **frames,
        files=dict.fromkeys(frames, about),
        digests={},
        origin=origin,
        notes=notes,
        names=names_in_upper_case(trial.data),
    )


def _subjects(trial: Protocol, drawn: Cohort, origin: str) -> pl.DataFrame:
    """What every data set begins with."""
    return marked_subjects(trial, [drawn.model.arms[a] for a in drawn.baseline.arm], origin)


def marked_subjects(trial: Protocol, arms: Sequence[str], origin: str) -> pl.DataFrame:
    """Subjects of these arms (the protocol's names) with what marks every row of them as synthetic: STUDYID and USUBJID
    begin with SYN, SYNTHFL is Y and SYNTYPE the origin.

    >>> from equipoise.protocol import example
    >>> marked_subjects(example("veteran"), ["test", "standard"], "reconstructed")["USUBJID"].to_list()
    ['SYN-VETERAN-0001', 'SYN-VETERAN-0002']
    """
    study = "SYN-" + re.sub(r"[^A-Z0-9]+", "", trial.name.upper())[:12]
    n, named = len(arms), {arm: trial.arm_in_data(arm) for arm in set(arms)}
    return _frame(n, {
        "STUDYID": study,
        "USUBJID": _texts(f"{study}-{i + 1:04d}" for i in range(n)),
        "SYNTHFL": "Y",
        "SYNTYPE": origin.upper(),
        trial.data.arm.upper(): _texts(named[arm] for arm in arms),
    })  # fmt: skip


def _adsl(trial: Protocol, drawn: Cohort, subjects: pl.DataFrame) -> pl.DataFrame:
    scenario, history = drawn.model.scenario, drawn.column
    start = scenario.first_patient
    entry = history("entry")
    columns: dict[str, Any] = {"SUBJID": _texts(u.rpartition("-")[2] for u in subjects["USUBJID"].to_list())}
    if drawn.sites is not None:
        columns["SITEID"] = _coded(list(scenario.sites), drawn.sites)
    arm = trial.data.arm.upper()
    columns[f"{arm}N"] = drawn.baseline.arm + 1
    columns["TRT01A"] = subjects[arm]
    columns["RANDDT"] = _dates(start, entry, np.zeros_like(entry))
    columns["TRTSDT"] = columns["RANDDT"]
    columns["TRTEDT"] = _dates(start, entry, history("treatment_end") - 1)
    columns["DTHDT"] = _dates(start, entry, history("death") - 1, history("death") > 0)
    columns["LSTALVDT"] = _dates(start, entry, history("os_day") - 1)
    # The last day of which anything is known: of D days from the first patient on, the D-th.
    columns["DCUTDT"] = _dates(start, np.full_like(entry, drawn.model.timing[1] - 1), np.zeros_like(entry))
    flags = [p.flag.upper() for p in trial.populations.values() if p.flag]
    for flag in dict.fromkeys(["ITTFL", "SAFFL", *flags]):
        if flag not in {name.upper() for name in scenario.factors}:
            columns[flag] = "Y"
    for name, factor in scenario.factors.items():
        columns[name.upper()] = _coded(list(factor.levels), drawn.baseline.factors[name])
    for column, responds in drawn.responders.items():
        columns[column.upper()] = _coded(("N", "Y"), responds)
    if scenario.crossover is not None:
        crossed = history("crossover") > 0
        columns["XOFL"] = _coded(("N", "Y"), crossed)
        columns["XODT"] = _dates(start, entry, history("crossover") - 1, crossed)
    if scenario.weight is not None:
        columns["WEIGHTBL"] = drawn.baseline.weight
    return _beside(subjects, columns)


def _beside(frame: pl.DataFrame, columns: dict[str, Any]) -> pl.DataFrame:
    """A frame and further columns; one that it has already stays as it is, and a single value stands in every row."""
    held = set(frame.columns)
    return frame.hstack([_series(name, values, frame.height) for name, values in columns.items() if name not in held])


def _frame(n: int, columns: dict[str, Any]) -> pl.DataFrame:
    """A frame of n rows; a single value stands in every row."""
    first, *others = [_series(name, values, n) for name, values in columns.items()]
    return first.to_frame().hstack(others)


def _series(name: str, values: Any, n: int) -> pl.Series:
    if isinstance(values, str):
        return pl.Series(name, [values], dtype=pl.String).new_from_index(0, n)
    return values.alias(name) if isinstance(values, pl.Series) else pl.Series(name, values)


def _texts(values: Iterable[str | None]) -> pl.Series:
    return pl.Series(list(values), dtype=pl.String)


def _coded(labels: Sequence[str | None], codes: NDArray[np.int64] | NDArray[np.bool_]) -> pl.Series:
    """The label of each code, from 0."""
    return _texts([labels[code] for code in codes.tolist()])


def _dates(
    start: date, entry: NDArray[np.int64], day: NDArray[np.int64], where: NDArray[np.bool_] | None = None
) -> pl.Series:
    """Calendar dates of days after entry (0: the day of randomization)."""
    days = (start - _EPOCH).days + entry + day
    known = days if where is None else np.where(where, days, np.nan)
    return pl.Series(known, nan_to_null=True).cast(pl.Int32).cast(pl.Date)


def endpoint_place(trial: Protocol, endpoint: str) -> int:
    """Which of the kernel's endpoints one of the protocol is: 0 progression or death, 1 death, 2 progression."""
    events = trial.endpoints[endpoint].events
    if events is None:
        raise ProtocolError(
            f"the protocol does not say what ends {endpoint}",
            where=f"endpoints.{quoted(endpoint)}.events",
            remedy='Add it, as in events = ["progression", "death"].',
        )
    return ENDPOINTS[frozenset(events)]


def _adtte(trial: Protocol, drawn: Cohort, adsl: pl.DataFrame) -> pl.DataFrame:
    history, names = drawn.column, names_in_upper_case(trial.data)
    n, k = adsl.height, len(trial.endpoints)
    subjects = {c: pl.concat([adsl[c]] * k) for c in adsl.columns if c in (*_MARKS, names.arm)}
    parameters, labels, days, events, described, reasons = [], [], [], [], [], []
    for endpoint, about in trial.endpoints.items():
        place = endpoint_place(trial, endpoint)
        day, event = (history(("pfs_", "os_", "ttp_")[place] + what) for what in ("day", "event"))
        of_death = history("death") == day
        if place != 1:
            of_death &= history("progression") != day
        censored = "Last assessment without the event" if place != 1 else "Last known alive"
        parameters += [trial.parameter(endpoint)] * n
        labels += [about.label] * n
        days.append(day)
        events.append(event)
        happened = event.tolist()
        what = [("Progression", "Death")[died] for died in of_death.tolist()]
        described += [text if e else None for text, e in zip(what, happened, strict=True)]
        reasons += [None if e else censored for e in happened]
    day = np.concatenate(days)
    return _frame(n * k, subjects | {
        names.parameter: _texts(parameters),
        "PARAM": _texts(labels),
        names.time: day.astype(float),
        names.censoring: 1 - np.concatenate(events),
        "EVNTDESC": _texts(described),
        "CNSDTDSC": _texts(reasons),
        names.start_date: pl.concat([adsl["RANDDT"]] * k),
        names.end_date: _dates(drawn.model.scenario.first_patient, np.tile(history("entry"), k), day - 1),
    })  # fmt: skip


def _adae(drawn: Cohort, adsl: pl.DataFrame) -> pl.DataFrame:
    events = drawn.model.scenario.adverse_events
    assert events is not None
    subject, kind = np.nonzero(drawn.adverse_events)
    day = drawn.adverse_events[subject, kind]
    kinds = [*events.kinds, None]
    start = drawn.model.scenario.first_patient
    terms = _coded(["Adverse event, term not specified" if c is None else c.term for c in kinds], kind)
    return _frame(len(subject), _who(adsl, subject) | {
        "AETERM": terms,
        "AEDECOD": terms,
        "AEBODSYS": _coded([_UNSPECIFIED if c is None else c.system for c in kinds], kind),
        "AETOXGR": _coded([str(c.grade) if c and c.grade else None for c in kinds], kind),
        "AESER": _coded(["Y" if c and c.serious else "N" for c in kinds], kind),
        "NYHACLS": _coded([_ROMAN[c.nyha] if c and c.nyha else None for c in kinds], kind),
        "ASTDT": _dates(start, drawn.column("entry")[subject], day - 1),
        "ASTDY": day,
        "TRTEMFL": "Y",
    })  # fmt: skip


def _adex(trial: Protocol, drawn: Cohort, adsl: pl.DataFrame) -> pl.DataFrame:
    planned, given, amount_planned, amount_given = drawn.doses
    regimens = [r for arm in trial.arms.values() for r in arm.regimen or ()]
    subject, which = np.nonzero(planned >= 0)
    # The model has no body surface: of a dose by it the number of doses is known, not their amount.
    known = np.array([
        "m2" not in (r.maintenance.dose.per, r.loading.dose.per if r.loading else "") for r in regimens
    ])[which]  # fmt: skip
    return _frame(len(subject), _who(adsl, subject) | {
        "EXTRT": _coded([r.drug for r in regimens], which),
        "EXROUTE": _coded([r.route for r in regimens], which),
        "DOSEU": _coded([r.maintenance.dose.unit.partition("/")[0] for r in regimens], which),
        "TRTSDT": adsl["TRTSDT"][subject],
        "TRTEDT": adsl["TRTEDT"][subject],
        "TRTDURD": drawn.column("treatment_end")[subject],
        "NDOSEP": planned[subject, which],
        "NDOSEG": given[subject, which],
        "CDOSEP": _amounts(amount_planned[subject, which], known),
        "CDOSEG": _amounts(amount_given[subject, which], known),
    })  # fmt: skip


def _who(adsl: pl.DataFrame, subject: NDArray[np.int64]) -> dict[str, Any]:
    """The marks and the arm of these subjects, as every data set begins; marks are the same in all."""
    columns: dict[str, Any] = {c: adsl[c][0] for c in adsl.columns if c in _MARKS}
    for column in ("USUBJID", adsl.columns[4]):
        columns[column] = _coded(adsl[column].to_list(), subject)
    return columns


def _amounts(amounts: NDArray[np.float64], known: NDArray[np.bool_]) -> pl.Series:
    """Total amounts; null where they depend on a weight or a body surface that the model does not give."""
    return pl.Series(np.where(known, np.round(amounts, 6), np.nan), nan_to_null=True)
