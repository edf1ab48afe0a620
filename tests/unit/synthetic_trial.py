"""A reconstructed trial of six rows as ADaM frames, with every column that a reconstruction hands over."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from tests.unit.small_trial import ARMS, OS_CODE, OS_END, PFS_CODE, PFS_END, START, SUBJECTS, protocol

from equipoise.data.adam import read_adam
from equipoise.data.patients import Patients

END = [day + timedelta(days=60) for day in START]


def _marked(subjects: list[str], kind: str, **columns: Any) -> pl.DataFrame:
    arms = dict(zip(SUBJECTS, ARMS, strict=True))
    head = {
        "STUDYID": ["SYN-SMALL"] * len(subjects),
        "USUBJID": [f"SYN-SMALL-{s}" for s in subjects],
        "SYNTHFL": ["Y"] * len(subjects),
        "SYNTYPE": [kind] * len(subjects),
        "TRT01P": [arms[s] for s in subjects],
    }
    schema = dict.fromkeys(head, pl.String) if not subjects else None
    return pl.DataFrame(head, schema=schema).with_columns(pl.Series(n, v, strict=False) for n, v in columns.items())


def adsl(kind: str = "RECONSTRUCTED") -> pl.DataFrame:
    return _marked(
        SUBJECTS,
        kind,
        SUBJID=SUBJECTS,
        TRT01A=ARMS,
        RANDDT=START,
        TRTSDT=START,
        TRTEDT=END,
        DTHDT=[END[0], None, END[2], None, END[4], None],
        LSTALVDT=[None, OS_END[1], None, OS_END[3], None, OS_END[5]],
        DCUTDT=[date(2020, 12, 31)] * 6,
        ITTFL=["Y"] * 6,
        SAFFL=["Y", "N", "Y", "Y", "Y", "Y"],
        VISCERAL=["Y", "N", None, "Y", "N", "N"],
        REGION1=["East, far", 'so-called "West"', "Süd", None, "East, far", "Süd"],
        XOFL=["Y", "N", "N", "N", "N", "N"],
        XODT=[date(2020, 5, 1)] + [None] * 5,
        WEIGHTBL=[60.5, 71.0, None, 66.25, 80.1, 55.55],
    )


def adtte(kind: str = "RECONSTRUCTED") -> pl.DataFrame:
    starts, ends, codes = START * 2, PFS_END + OS_END, PFS_CODE + OS_CODE
    reasons = {0: "Event", 1: "Alive at last contact", 2: "Lost to follow-up"}
    return _marked(
        SUBJECTS * 2,
        kind,
        PARAMCD=["PFS"] * 6 + ["OS"] * 6,
        PARAM=["Progression-free survival (days)"] * 6 + ["Overall survival (days)"] * 6,
        AVAL=[(end - start).days + 1 for start, end in zip(starts, ends, strict=True)],
        CNSR=codes,
        EVNTDESC=[reasons[c] for c in codes],
        CNSDTDSC=[None if c == 0 else "Last contact" for c in codes],
        STARTDT=starts,
        ADT=ends,
    )


def adae(kind: str = "RECONSTRUCTED") -> pl.DataFrame:
    return _marked(
        ["01", "01", "02", "06"],
        kind,
        AETERM=["nausea", "rash", "nausea", "heart failure"],
        AEDECOD=["Nausea", "Rash", "Nausea", "Cardiac failure"],
        AEBODSYS=["Gastrointestinal disorders", "Skin", "Gastrointestinal disorders", "Cardiac disorders"],
        AETOXGR=["3", "1", None, "5"],
        AESER=["N", "N", None, "Y"],
        NYHACLS=[None, None, None, "IV"],
        ASTDT=[date(2020, 1, 3), date(2020, 5, 3), None, date(2020, 2, 1)],
        ASTDY=[3, 124, None, 8],
        TRTEMFL=["Y", "N", "Y", "Y"],
    )


def adex(kind: str = "RECONSTRUCTED") -> pl.DataFrame:
    subjects = [*SUBJECTS, "02"]
    return _marked(
        subjects,
        kind,
        EXTRT=[f"drug {a}" for a in ARMS] + ["drug A"],
        EXROUTE=["oral", "infusion"] * 3 + ["oral"],
        DOSEU=["mg", "mg/kg"] * 3 + ["mg"],
        TRTSDT=[*START, date(2020, 4, 1)],
        TRTEDT=[*END[:5], None, date(2020, 4, 30)],
        TRTDURD=[61] * 5 + [None, 30],
        NDOSEP=[61, 9] * 3 + [30],
        NDOSEG=[60, 9] * 3 + [29],
        CDOSEP=[61.0, 20.0] * 3 + [30.0],
        CDOSEG=[60.0, 19.5] * 3 + [29.0],
    )


def frames(kind: str = "RECONSTRUCTED") -> dict[str, pl.DataFrame]:
    return {"adsl": adsl(kind), "adtte": adtte(kind), "adae": adae(kind), "adex": adex(kind)}


def patients(folder: Path, kind: str = "RECONSTRUCTED", **changed: Any) -> Patients:
    """The synthetic trial, with data sets replaced (or taken out by None), beside a protocol that says observed."""
    return read_adam({**frames(kind), **changed}, protocol(folder))
