"""The stages in order, for `equipoise run`: check the protocol and its data, analyze, report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from . import analyze, report
from .analyze import Results
from .data import Finding, Patients, check
from .protocol import Protocol


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Run:
    """What a run computed and the files that it wrote."""

    data: Patients
    findings: tuple[Finding, ...]
    results: Results
    files: tuple[Path, ...]


def run(trial: Protocol, data: Patients, out: str | Path, progress: Callable[[str], None] = lambda _: None) -> Run:
    """Check, analyze and report; ``progress`` is told what begins. Nothing is written before all is computed."""
    progress("checking the data")
    findings = check(data, trial)
    progress("analyzing (the first run also compiles the kernels)")
    results = analyze.run(trial, data)
    progress("writing the report")
    return Run(data=data, findings=findings, results=results, files=report.write(trial, results, out))
