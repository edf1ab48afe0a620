"""Trials made for one test each: a protocol from its parts, patients from a few lists."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from equipoise.data import Patients, read_adam
from equipoise.protocol import Protocol, read

HEAD = """
[trial]
title = "A made trial"
short_name = "made"

[arms.new]
label = "New"
role = "experimental"
regimen = { unknown = "made up" }

[arms.old]
label = "Old"
role = "control"
regimen = { unknown = "made up" }

[populations.ITT]
label = "All randomized patients"
"""

ENDPOINT = """
[endpoints.OS]
label = "Overall survival"
unit = "days"
"""

ESTIMAND = """
[estimands.effect]
treatment = { experimental = "new", control = "old" }
population = "ITT"
variable = "OS"
summary = "hazard ratio"
"""

PRIMARY = """
[analyses.primary]
estimand = "effect"
role = "primary"
"""

TESTING = """
[testing]
procedure = "fixed sequence"
alpha = 0.05
sided = 2
order = ["primary"]
"""

PARTS = {"head": HEAD, "endpoint": ENDPOINT, "estimand": ESTIMAND, "analyses": PRIMARY, "testing": TESTING, "data": ""}


def text(**changed: str) -> str:
    """The protocol as TOML, with parts replaced."""
    return "".join({**PARTS, **changed}.values())


def protocol(folder: Path, **changed: str) -> Protocol:
    """The protocol, written to a folder and read from there."""
    path = folder / "made.toml"
    path.write_text(text(**changed), encoding="utf-8")
    return read(path)


def adtte(time: Sequence[float], event: Sequence[int], arm: Sequence[str], **columns: Any) -> pl.DataFrame:
    """ADTTE of one endpoint; an event is CNSR 0. ``arm`` may be a word: "nnoo" is two new, then two old."""
    arms = [{"n": "new", "o": "old"}.get(a, a) for a in arm]
    return pl.DataFrame(
        {
            "USUBJID": [f"{i:03d}" for i in range(1, len(time) + 1)],
            "PARAMCD": ["OS"] * len(time),
            "TRT01P": arms,
            "AVAL": [float(t) for t in time],
            "CNSR": [1 - e for e in event],
            **columns,
        }
    )


def patients(trial: Protocol, frame: pl.DataFrame, **other: pl.DataFrame) -> Patients:
    """ADTTE, and other data sets by name, as patients."""
    return read_adam({"adtte": frame, **other}, trial)


def files(folder: Path, frame: pl.DataFrame, **changed: str) -> Path:
    """Protocol and ``adam/adtte.csv`` in a folder; returns the protocol file."""
    (folder / "adam").mkdir(parents=True, exist_ok=True)
    frame.write_csv(folder / "adam" / "adtte.csv")
    path = folder / "made.toml"
    path.write_text(text(**{"data": '\n[data]\npath = "adam"\n', **changed}), encoding="utf-8")
    return path
