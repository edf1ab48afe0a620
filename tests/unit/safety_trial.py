"""A made-up trial of 207 subjects in two arms with adverse events, exposure and crossover, from a fixed seed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from equipoise.data import Patients, read_adam
from equipoise.protocol import Protocol, read

PROTOCOL = """
[trial]
title = "A made-up trial of an antibody added to an endocrine drug"
short_name = "made-safety"

[arms."T+A"]
label = "Antibody and endocrine drug"
role = "experimental"
regimen = { unknown = "made up" }

[arms.A]
label = "Endocrine drug"
role = "control"
regimen = { unknown = "made up" }

[populations.ITT]
label = "All randomized subjects"
flag = "ITTFL"

[populations.confirmed]
label = "Subjects with confirmed receptors"
flag = "HRFL"

[populations.Safety]
label = "Subjects who took a drug"
flag = "SAFFL"

[endpoints.PFS]
label = "Progression-free survival"
events = ["progression", "death"]

[endpoints.OS]
label = "Overall survival"
events = ["death"]

[estimands."PFS, ITT"]
treatment = { experimental = "T+A", control = "A" }
population = "ITT"
variable = "PFS"
summary = "hazard ratio"

[estimands."PFS, confirmed"]
treatment = { experimental = "T+A", control = "A" }
population = "confirmed"
variable = "PFS"
summary = "hazard ratio"

[estimands."OS, ITT"]
treatment = { experimental = "T+A", control = "A" }
population = "ITT"
variable = "OS"
summary = "hazard ratio"

[analyses.primary]
estimand = "PFS, ITT"
role = "primary"

[analyses.confirmed]
estimand = "PFS, confirmed"
role = "exploratory"

[analyses.survival]
estimand = "OS, ITT"
role = "key secondary"

[safety]
population = "Safety"
treatment = { experimental = "T+A", control = "A" }

[data]
arms = { "T+A" = "Antibody + endocrine", A = "Endocrine" }
"""

# System, term, share of each arm, highest grade.
KINDS = [
    ("Blood and lymphatic system disorders", "Anaemia", 0.07, 0.05, 3),
    ("Cardiac disorders", "Cardiac failure congestive", 0.05, 0.01, 4),
    ("Cardiac disorders", "Left ventricular dysfunction", 0.06, 0.01, 3),
    ("Cardiac disorders", "Palpitations", 0.04, 0.03, 2),
    ("Gastrointestinal disorders", "Diarrhoea", 0.20, 0.08, 3),
    ("Gastrointestinal disorders", "Vomiting", 0.21, 0.05, 3),
    ("Gastrointestinal disorders", "Nausea", 0.17, 0.09, 3),
    ("Gastrointestinal disorders", "Constipation", 0.09, 0.11, 2),
    ("General disorders and administration site conditions", "Fatigue", 0.21, 0.10, 3),
    ("General disorders and administration site conditions", "Pyrexia", 0.17, 0.03, 3),
    ("General disorders and administration site conditions", "Chills", 0.14, 0.0, 2),
    ("Infections and infestations", "Nasopharyngitis", 0.16, 0.06, 2),
    ("Infections and infestations", "Pneumonia", 0.03, 0.02, 5),
    ("Musculoskeletal and connective tissue disorders", "Arthralgia", 0.16, 0.11, 3),
    ("Musculoskeletal and connective tissue disorders", "Back pain", 0.15, 0.09, 3),
    ("Nervous system disorders", "Headache", 0.14, 0.06, 2),
    ("Respiratory, thoracic and mediastinal disorders", "Cough", 0.14, 0.07, 2),
    ("Respiratory, thoracic and mediastinal disorders", "Dyspnoea", 0.12, 0.10, 4),
    ("Skin and subcutaneous tissue disorders", "Rash", 0.11, 0.01, 2),
]
LABELS = {"T+A": "Antibody + endocrine", "A": "Endocrine"}


def protocol(folder: Path, text: str = PROTOCOL) -> Protocol:
    path = folder / "safety.toml"
    path.write_text(text, encoding="utf-8")
    return read(path)


def frames(seed: int = 207) -> dict[str, pl.DataFrame]:
    """ADSL, ADTTE, ADAE and ADEX of 103 subjects of T+A and 104 of A."""
    rng = np.random.default_rng(seed)
    arm = ["T+A"] * 103 + ["A"] * 104
    subject = [f"S-{i:03d}" for i in range(1, 208)]
    start = [date(2003, 1, 6) + timedelta(days=int(d)) for d in rng.integers(0, 900, 207)]
    hazard = np.array([1 / 210 if a == "T+A" else 1 / 110 for a in arm])
    progression = np.ceil(rng.exponential(1 / hazard)).astype(int)
    death = progression + np.ceil(rng.exponential(500, 207)).astype(int)
    loss = rng.integers(400, 1500, 207)
    crossed = np.array([a == "A" for a in arm]) & (progression < loss) & (rng.random(207) < 0.6)
    crossing = np.minimum(progression + rng.integers(1, 60, 207), death)
    treated = rng.random(207) > 0.015
    on = np.minimum(progression, loss)
    day = [s + timedelta(days=int(c)) if x else None for s, c, x in zip(start, crossing, crossed, strict=True)]
    adsl = pl.DataFrame(
        {
            "USUBJID": subject, "TRT01P": [LABELS[a] for a in arm], "RANDDT": start, "ITTFL": ["Y"] * 207,
            "HRFL": ["Y" if x < 0.72 else "N" for x in rng.random(207)],
            "SAFFL": ["Y" if t else "N" for t in treated],
            "TRTSDT": [s if t else None for s, t in zip(start, treated, strict=True)],
            "TRTEDT": [s + timedelta(days=int(n)) if t else None for s, t, n in zip(start, treated, on, strict=True)],
            "XOFL": ["Y" if x else "N" for x in crossed], "XODT": day,
        }
    )  # fmt: skip
    tte = [_endpoint(subject, arm, start, name, end, loss) for name, end in (("PFS", progression), ("OS", death))]
    return {
        "adsl": adsl,
        "adtte": pl.concat(tte),
        "adae": _events(rng, subject, arm, start, on, treated),
        "adex": _exposure(rng, subject, arm, on, treated, crossed),
    }


def _endpoint(
    subject: list[str], arm: list[str], start: list[date], name: str, end: np.ndarray, loss: np.ndarray
) -> pl.DataFrame:
    time = np.minimum(end, loss)
    return pl.DataFrame(
        {
            "USUBJID": subject, "TRT01P": [LABELS[a] for a in arm], "PARAMCD": [name] * 207,
            "AVAL": time.astype(float) + 1, "CNSR": (end > loss).astype(int), "STARTDT": start,
            "ADT": [s + timedelta(days=int(t)) for s, t in zip(start, time, strict=True)],
        }
    )  # fmt: skip


def _events(
    rng: np.random.Generator, subject: list[str], arm: list[str], start: list[date], on: np.ndarray, treated: np.ndarray
) -> pl.DataFrame:
    rows: list[dict[str, Any]] = []
    for i, name in enumerate(subject):
        for system, term, new, old, highest in KINDS:
            if not treated[i] or rng.random() > (new if arm[i] == "T+A" else old):
                continue
            for _ in range(int(rng.integers(1, 3))):
                grade = min(int(rng.geometric(0.55)), highest)
                cardiac = system.startswith("Cardiac") and term != "Palpitations"
                rows.append(
                    {
                        "USUBJID": name, "AETERM": term.lower(), "AEDECOD": term, "AEBODSYS": system,
                        "AETOXGR": None if rng.random() < 0.02 else str(grade),
                        "AESER": "Y" if grade >= 3 and rng.random() < 0.6 else "N",
                        "NYHACLS": ("I", "II", "III", "IV")[grade - 1] if cardiac else None,
                        "ASTDT": start[i] + timedelta(days=int(rng.integers(0, max(int(on[i]), 1)))), "TRTEMFL": "Y",
                    }
                )  # fmt: skip
    return pl.DataFrame(rows)


def _exposure(
    rng: np.random.Generator, subject: list[str], arm: list[str], on: np.ndarray, treated: np.ndarray,
    crossed: np.ndarray,
) -> pl.DataFrame:  # fmt: skip
    rows: list[dict[str, Any]] = []
    for i, name in enumerate(subject):
        if not treated[i]:
            continue
        days = int(on[i])
        missed = int((rng.random(days) < 0.02).sum())
        rows.append(_drug(name, "Endocrine drug", days, days, days - missed, 1.0))
        if arm[i] == "T+A" or crossed[i]:
            weeks = days // 7 + 1
            late = int((rng.random(weeks) < 0.03).sum())
            rows.append(
                _drug(name, "Antibody", days, weeks, max(weeks - late, 1), round(float(rng.normal(140, 20)), 1))
            )
    return pl.DataFrame(rows)


def _drug(name: str, drug: str, days: int, planned: int, given: int, dose: float) -> dict[str, Any]:
    return {
        "USUBJID": name, "EXTRT": drug, "DOSEU": "mg", "TRTDURD": days, "NDOSEP": planned, "NDOSEG": given,
        "CDOSEP": planned * dose, "CDOSEG": given * dose,
    }  # fmt: skip


def patients(trial: Protocol, **changed: Any) -> Patients:
    """The trial's patients, with data sets replaced (or taken out by None)."""
    given = {**frames(), **changed}
    adex = given.pop("adex")
    return replace(read_adam(given, trial), adex=adex)
