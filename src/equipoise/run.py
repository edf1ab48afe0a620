"""The stages in order, for `equipoise run` and `equipoise reconstruct`: patients, check, analyze, tie out, report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version  # noqa: TID251 - reads the version number, imports nothing
from pathlib import Path

from . import analyze, report
from .analyze import Results, Tie, tie_out, tie_out_rows
from .data import Finding, Patients, check, write_adam
from .errors import EquipoiseError
from .protocol import Protocol
from .protocol.published import Tier
from .reconstruct import Reconstruction, asked, demonstrate, digitized, reconstruct


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Run:
    """What a run computed and the files that it wrote; ``ties`` are the published numbers beside the computed ones."""

    data: Patients
    findings: tuple[Finding, ...]
    results: Results
    ties: tuple[Tie, ...]
    files: tuple[Path, ...]


def run(
    trial: Protocol,
    data: Patients,
    out: str | Path,
    progress: Callable[[str], None] = lambda _: None,
    *,
    rebuilt: Reconstruction | None = None,
    tier: Tier = "A",
) -> Run:
    """Check, analyze, tie out and report; ``progress`` is told what begins. Nothing is written before all is computed.

    ``rebuilt`` is the reconstruction that the patients come from: its spread and strain become part of the results,
    and the patients are written as ADaM files.
    """
    progress("checking the data")
    findings = check(data, trial)
    progress("analyzing (the first run also compiles the kernels)")
    results = analyze.run(trial, data)
    ties: tuple[Tie, ...] = ()
    if trial.published.numbers and data.origin != "dummy":
        progress("tying out with the published numbers")
        ties = tie_out(trial, data, tier)
        results = _with_ties(trial, data, results, ties)
    if rebuilt is not None:
        results = _with_demonstrations(trial, _with_rebuilt(results, rebuilt), rebuilt, tier, progress)
    progress("writing the report")
    # Patients first: their folder may refuse them, and a page must not stand beside the patients of another run.
    patients = () if rebuilt is None else _write_rebuilt(rebuilt, data, Path(out))
    files = (*report.write(trial, results, out), *patients)
    return Run(data=data, findings=findings, results=results, ties=ties, files=files)


def _with_ties(trial: Protocol, data: Patients, results: Results, ties: tuple[Tie, ...]) -> Results:
    """The results with the tie-out; a published number that is not met is a warning."""
    apart = [f"{t.name}: published {t.number.printed}, computed {t.computed}" for t in ties if not t.agrees]
    return replace(
        results,
        rows=(*results.rows, *tie_out_rows(trial, data, ties)),
        warnings=(*results.warnings, *(f"does not agree with the published number: {text}" for text in apart)),
    )


def rebuild(
    trial: Protocol,
    *,
    out: str | Path,
    tier: Tier = "A",
    seed: int = 1,
    cohorts: int = 20,
    progress: Callable[[str], None] = lambda _: None,
) -> Reconstruction:
    """Patients from the protocol's published numbers. The strain's reference is kept in ``out`` (strain.json), so that
    the minutes that it takes for a protocol without a stored one are spent once."""
    kept = Path(out) / "strain.json"
    return reconstruct(
        trial, tier=tier, seed=seed, cohorts=cohorts, known_strain=kept, version=version("equipoise"), progress=progress
    )


def tied_out(
    trial: Protocol,
    rebuilt: Reconstruction,
    out: str | Path,
    tier: Tier = "A",
    progress: Callable[[str], None] = lambda _: None,
) -> Run:
    """Tie out a reconstruction and write its patients, without analyses and report."""
    progress("tying out with the published numbers")
    ties = tie_out(trial, rebuilt.patients, tier)
    tied = _with_ties(trial, rebuilt.patients, _empty(trial, rebuilt.patients), ties)
    results = _with_rebuilt(tied, rebuilt)
    files = _write_rebuilt(rebuilt, rebuilt.patients, Path(out))
    return Run(data=rebuilt.patients, findings=(), results=results, ties=ties, files=files)


def from_curves(
    trial: Protocol,
    out: str | Path,
    *,
    estimand: str | None = None,
    tier: Tier = "A",
    progress: Callable[[str], None] = lambda _: None,
) -> Run:
    """Patients from the protocol's digitized curves, tied out; with ADaM files, digitized.csv and the page."""
    progress("rebuilding the curves (the first run also compiles the kernels)")
    found = digitized(trial, estimand=estimand, tier=tier)
    results = replace(
        _empty(trial, found.patients), rows=tuple(found.rows()), notes=found.notes, warnings=found.warnings
    )
    progress("writing the report")
    patients = write_adam(found.patients, Path(out) / "adam")
    files = (*report.write_digitized(trial, found, out), *patients)
    return Run(data=found.patients, findings=(), results=results, ties=found.ties, files=files)


def _empty(trial: Protocol, data: Patients) -> Results:
    """Results of no analysis, for rows that come without one."""
    return Results(
        rows=(), notes=(), warnings=(), origin=data.origin, protocol_digest=trial.digest, data_digests={},
        data_files={}, cutoff="",
    )  # fmt: skip


def _with_rebuilt(results: Results, rebuilt: Reconstruction) -> Results:
    return replace(
        results,
        rows=(*results.rows, *rebuilt.rows),
        notes=tuple(dict.fromkeys((*results.notes, *rebuilt.patients.notes, *rebuilt.notes))),
        warnings=(*results.warnings, *rebuilt.warnings),
    )


def _with_demonstrations(
    trial: Protocol, results: Results, rebuilt: Reconstruction, tier: Tier, progress: Callable[[str], None]
) -> Results:
    """The results with what survival without crossover comes to under every assumption of the protocol; where it cannot
    be shown a warning says why, and where no cohort meets every number there is nothing to show."""
    seed = rebuilt.found[0].cohort.seed
    for name in asked(trial) if rebuilt.agrees else ():
        try:
            shown = demonstrate(trial, name, rebuilt.patients, tier=tier, seed=seed, progress=progress)
        except EquipoiseError as error:
            text = f"what adjusting for crossover gives is not demonstrated: {error}"
            results = replace(results, warnings=(*results.warnings, text))
        else:
            results = replace(results, rows=(*results.rows, *shown.rows()))
    return results


def _write_rebuilt(rebuilt: Reconstruction, data: Patients, folder: Path) -> tuple[Path, ...]:
    """The patients as ADaM files, and the strain's reference where it was not stored with the protocol."""
    files = write_adam(data, folder / "adam")
    if rebuilt.calibration is None or rebuilt.calibration.stored:
        return files
    kept = folder / "strain.json"
    kept.write_text(rebuilt.calibration.to_json(), encoding="utf-8")
    return (*files, kept)
