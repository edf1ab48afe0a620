"""Drawn patients as the data sets of a trial: ADSL, ADTTE, ADAE and ADEX, marked as synthetic in every row."""

from __future__ import annotations

import re
from collections.abc import Sequence
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
    n = len(arms)
    return pl.DataFrame({
        "STUDYID": [study] * n,
        "USUBJID": [f"{study}-{i + 1:04d}" for i in range(n)],
        "SYNTHFL": ["Y"] * n,
        "SYNTYPE": [origin.upper()] * n,
        trial.data.arm.upper(): [trial.arm_in_data(arm) for arm in arms],
    })  # fmt: skip


def _adsl(trial: Protocol, drawn: Cohort, subjects: pl.DataFrame) -> pl.DataFrame:
    scenario, history = drawn.model.scenario, drawn.column
    start = scenario.first_patient
    entry = history("entry")
    columns: dict[str, Any] = {"SUBJID": [u[-4:] for u in subjects["USUBJID"]]}
    if drawn.sites is not None:
        columns["SITEID"] = np.array(list(scenario.sites))[drawn.sites]
    arm = trial.data.arm.upper()
    columns[f"{arm}N"] = drawn.baseline.arm + 1
    columns["TRT01A"] = subjects[arm]
    columns["RANDDT"] = _dates(start, entry, np.zeros_like(entry))
    columns["TRTSDT"] = columns["RANDDT"]
    columns["TRTEDT"] = _dates(start, entry, history("treatment_end") - 1)
    columns["DTHDT"] = _dates(start, entry, history("death") - 1, history("death") > 0)
    columns["LSTALVDT"] = _dates(start, entry, history("os_day") - 1)
    columns["DCUTDT"] = _dates(start, np.full_like(entry, drawn.model.timing[1]), np.zeros_like(entry))
    flags = [p.flag.upper() for p in trial.populations.values() if p.flag]
    for flag in dict.fromkeys(["ITTFL", "SAFFL", *flags]):
        if flag not in {name.upper() for name in scenario.factors}:
            columns[flag] = ["Y"] * len(entry)
    for name, factor in scenario.factors.items():
        columns[name.upper()] = np.array(list(factor.levels))[drawn.baseline.factors[name]]
    for column, responds in drawn.responders.items():
        columns[column.upper()] = np.where(responds, "Y", "N")
    if scenario.crossover is not None:
        crossed = history("crossover") > 0
        columns["XOFL"] = np.where(crossed, "Y", "N")
        columns["XODT"] = _dates(start, entry, history("crossover") - 1, crossed)
    if scenario.weight is not None:
        columns["WEIGHTBL"] = drawn.baseline.weight
    return _beside(subjects, columns)


def _beside(frame: pl.DataFrame, columns: dict[str, Any]) -> pl.DataFrame:
    """A frame and further columns; one that it has already stays as it is, and a single value stands in every row."""
    made = []
    for name, values in columns.items():
        if name not in frame.columns:
            alone = isinstance(values, str)
            made.append(pl.Series(name, [values] * frame.height, dtype=pl.String) if alone else pl.Series(name, values))
    return frame.hstack(made)


def _dates(
    start: date, entry: NDArray[np.int64], day: NDArray[np.int64], where: NDArray[np.bool_] | None = None
) -> pl.Series:
    """Calendar dates of days after entry (0: the day of randomization)."""
    found = np.datetime64(start, "D") + (entry + day).astype("timedelta64[D]")
    if where is not None:
        found[~where] = np.datetime64("NaT")
    return pl.Series(found)


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
    kept = [c for c in adsl.columns if c in ("STUDYID", "USUBJID", "SYNTHFL", "SYNTYPE", names.arm)]
    subjects = adsl.select(kept)
    parts = []
    for endpoint, about in trial.endpoints.items():
        place = endpoint_place(trial, endpoint)
        day, event = (history(("pfs_", "os_", "ttp_")[place] + what) for what in ("day", "event"))
        death = history("death")
        of_death = (event == 1) & (death == day) & ((history("progression") != day) if place != 1 else True)
        described = np.where(of_death, "Death", "Progression").astype(object)
        described[event == 0] = None
        reason = np.where(event == 0, "Last assessment without the event" if place != 1 else "Last known alive", "")
        parts.append(_beside(subjects, {
            names.parameter: trial.parameter(endpoint),
            "PARAM": about.label,
            names.time: day.astype(float),
            names.censoring: 1 - event,
            "EVNTDESC": pl.Series(described.tolist(), dtype=pl.String),
            "CNSDTDSC": pl.Series([r or None for r in reason], dtype=pl.String),
            names.start_date: adsl["RANDDT"],
            names.end_date: _dates(drawn.model.scenario.first_patient, history("entry"), day - 1),
        }))  # fmt: skip
    return pl.concat(parts)


def _adae(drawn: Cohort, adsl: pl.DataFrame) -> pl.DataFrame:
    events = drawn.model.scenario.adverse_events
    assert events is not None
    subject, kind = np.nonzero(drawn.adverse_events)
    day = drawn.adverse_events[subject, kind]
    kinds = [*events.kinds, None]
    chosen = [kinds[k] for k in kind]
    first = [a for a in adsl.columns if a in ("STUDYID", "USUBJID", "SYNTHFL", "SYNTYPE")] + [adsl.columns[4]]
    start = drawn.model.scenario.first_patient
    terms = ["Adverse event, term not specified" if c is None else c.term for c in chosen]
    texts: dict[str, list[Any]] = {
        "AETERM": terms,
        "AEDECOD": terms,
        "AEBODSYS": [_UNSPECIFIED if c is None else c.system for c in chosen],
        "AETOXGR": [str(c.grade) if c and c.grade else None for c in chosen],
        "AESER": ["Y" if c and c.serious else "N" for c in chosen],
        "NYHACLS": [_ROMAN[c.nyha] if c and c.nyha else None for c in chosen],
    }
    columns: dict[str, Any] = {name: pl.Series(values, dtype=pl.String) for name, values in texts.items()}
    columns |= {"ASTDT": _dates(start, drawn.column("entry")[subject], day - 1), "ASTDY": day, "TRTEMFL": "Y"}
    return _beside(adsl.select(first)[subject], columns)


def _adex(trial: Protocol, drawn: Cohort, adsl: pl.DataFrame) -> pl.DataFrame:
    planned, given, amount_planned, amount_given = drawn.doses
    regimens = [r for arm in trial.arms.values() for r in arm.regimen or ()]
    first = [a for a in adsl.columns if a in ("STUDYID", "USUBJID", "SYNTHFL", "SYNTYPE")] + [adsl.columns[4]]
    subjects = adsl.select(first)
    parts = []
    for j, regimen in enumerate(regimens):
        mine = np.nonzero(planned[:, j] >= 0)[0]
        unit = regimen.maintenance.dose.unit.partition("/")[0]
        # The model has no body surface: of a dose by it the number of doses is known, not their amount.
        known = "m2" not in (regimen.maintenance.dose.per, regimen.loading.dose.per if regimen.loading else "")
        parts.append(_beside(subjects[mine], {
            "EXTRT": regimen.drug,
            "EXROUTE": regimen.route,
            "DOSEU": unit,
            "TRTSDT": adsl["TRTSDT"][mine],
            "TRTEDT": adsl["TRTEDT"][mine],
            "TRTDURD": drawn.column("treatment_end")[mine],
            "NDOSEP": planned[mine, j],
            "NDOSEG": given[mine, j],
            "CDOSEP": _amounts("CDOSEP", amount_planned[mine, j], known),
            "CDOSEG": _amounts("CDOSEG", amount_given[mine, j], known),
        }))  # fmt: skip
    return pl.concat(parts).sort("USUBJID", maintain_order=True)


def _amounts(name: str, amounts: NDArray[np.float64], known: bool) -> pl.Series:
    """Total amounts; null where they depend on a weight or a body surface that the model does not give."""
    if not known:
        return pl.Series(name, [None] * len(amounts), dtype=pl.Float64)
    return pl.Series(name, np.round(amounts, 6), nan_to_null=True)
