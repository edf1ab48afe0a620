"""TAnDEM's simulated patients under a protocol with an analysis of overall survival had nobody switched.

For tests alone: the bundled protocol holds no such analysis, since its published numbers cannot tell.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import polars as pl

from equipoise.data import Patients
from equipoise.protocol import Protocol, example, read
from equipoise.simulate import trial as simulated

ESTIMAND = """
[estimands."OS, had nobody switched"]
treatment = { experimental = "T+A", control = "A" }
population = "ITT"
variable = "OS"
summary = "hazard ratio"
intercurrent_events."crossover to trastuzumab" = { strategy = "hypothetical", date = "XODT" }

"""
NAME = "OS, adjusted"
ANALYSIS = """
[analyses."OS, adjusted"]
estimand = "OS, had nobody switched"
role = "supplementary"
landmarks = ["24 months"]
"""
SWITCHING = """
[analyses."OS, adjusted".switching]
method = "rpsftm"
"""


def text(switching: str = SWITCHING, analysis: str = ANALYSIS, estimand: str = ESTIMAND) -> str:
    """The bundled protocol with a further estimand and analysis, and the published numbers that stay."""
    bundled = example("tandem").source.read_text(encoding="utf-8")
    head, tail = bundled.split("[testing]\n")
    return f"{head}{estimand}{analysis}{switching}\n[testing]\n{tail}"


def protocol(folder: Path, switching: str = SWITCHING, analysis: str = ANALYSIS, estimand: str = ESTIMAND) -> Protocol:
    path = folder / "switching.toml"
    path.write_text(text(switching, analysis, estimand), encoding="utf-8")
    return read(path)


@cache
def patients(seed: int = 1) -> Patients:
    """One simulated trial of 207."""
    return simulated(example("tandem"), seed=seed)


def with_adsl(data: Patients, *columns: pl.Expr | pl.Series) -> Patients:
    """The patients with other columns of ADSL."""
    from dataclasses import replace

    assert data.adsl is not None
    return replace(data, adsl=data.adsl.with_columns(*columns))
