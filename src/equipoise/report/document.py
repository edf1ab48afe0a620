"""The report: one self-contained HTML file, written whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version  # noqa: TID251 - reads version numbers, imports nothing
from pathlib import Path

import jinja2
from markupsafe import Markup

from ..analyze import Results, conventions
from ..errors import EquipoiseError, UnsupportedError
from ..protocol import Protocol, describe, null_hypothesis, switching_event
from ..protocol.switching import NAMES
from ..results import Row
from .demonstration import demonstration_figure, demonstrations
from .figures import INCIDENCE, SURVIVAL, curves_figure, forest_figure
from .flow import flow_figure
from .rebuilt import rebuilt_parts, tie_out_notes, tie_out_table
from .safety import flow_footnotes, safety_parts
from .switching import switching_sections
from .tables import INDENT, primary_table, results_table

FORMATS = ("html",)
_ORIGINS = {
    "observed": "Observed data",
    "simulated": "SIMULATED DATA: no patient stands behind any number here",
    "reconstructed": "RECONSTRUCTED DATA: built from published numbers, not from patients",
    "dummy": "DUMMY: arm labels were permuted; no number here compares treatments",
}


def write(trial: Protocol, results: Results, out: str | Path, formats: Sequence[str] = ("html",)) -> tuple[Path, ...]:
    """Write the report and the long table of results into a folder; returns the files.

    Raises ``UnsupportedError`` for a format that has no writer yet; nothing is written half.
    """
    for name in formats:
        if name not in FORMATS:
            raise UnsupportedError(f"there is no {name!r} report yet", remedy=f"Formats: {', '.join(FORMATS)}.")
    return write_files(Path(out), {"report.html": html(trial, results), "results.csv": results.table().write_csv()})


def write_files(folder: Path, texts: Mapping[str, str]) -> tuple[Path, ...]:
    """Write files by name into a folder, all or none."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return _write_whole({folder / name: text for name, text in texts.items()})
    except OSError as error:
        raise EquipoiseError(
            f"the report cannot be written: {error.strerror}", where=str(folder), remedy="Choose another --out folder."
        ) from None


def _write_whole(files: Mapping[Path, str]) -> tuple[Path, ...]:
    """Write all beside their targets, then move all into place: no half a file, no half a report is ever seen."""
    beside = {path: path.with_name(f".{path.name}.{os.getpid()}") for path in files}
    try:
        for path, text in files.items():
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, f"{path.name} is a folder", str(path))
            beside[path].write_text(text, encoding="utf-8")
        for path, written in beside.items():
            written.replace(path)
    finally:
        for written in beside.values():
            written.unlink(missing_ok=True)
    return tuple(files)


def environment() -> jinja2.Environment:
    """The templates of all pages; what is not given to one is refused."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("equipoise.report"), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    made.globals["indent"] = INDENT
    return made


def html(trial: Protocol, results: Results) -> str:
    """The report as one HTML page without any reference to the outside."""
    return (
        environment()
        .get_template("report.html")
        .render(
            trial=trial,
            results=results,
            mark=_ORIGINS[results.origin],
            alarming=results.origin != "observed",
            flow=_flow(trial, results),
            tie_out=tie_out_table(results.rows, results.origin),
            tie_out_notes=tie_out_notes(results.rows),
            parts=(*safety_parts(results.rows, _labels(trial)), *rebuilt_parts(results.rows)),
            switching=switching_sections(
                results.rows, _labels(trial), {name: e.unit for name, e in trial.endpoints.items()}, _mark(results)
            ),
            demonstrations=_demonstrations(trial, results),
            sections=[_section(trial, results, name) for name in results.analyses],
            all_results=results_table(results.rows),
            behind=[
                *conventions(trial),
                *results.notes,
                *(f"unknown: {path}: {why}" for path, why in trial.unknown.items()),
            ],
            provenance=_provenance(results),
        )
    )


def _labels(trial: Protocol) -> dict[str, str]:
    return {name: endpoint.label for name, endpoint in trial.endpoints.items()}


def _mark(results: Results) -> str:
    """What is written across a figure of data that nobody observed."""
    return "" if results.origin == "observed" else results.origin.upper()


def _flow(trial: Protocol, results: Results) -> dict[str, object] | None:
    """The flow of subjects, where the results hold disposition."""
    rows = results.of("disposition")
    if not any(r.role == "disposition" for r in rows):
        return None
    return {
        "figure": Markup(flow_figure(rows, _labels(trial), _mark(results))),
        "footnotes": flow_footnotes(rows),
    }


def _demonstrations(trial: Protocol, results: Results) -> list[dict[str, object]]:
    """What is made without any published number on it, with its figure."""
    return [
        {"shown": shown, "figure": Markup(demonstration_figure(shown, _mark(results)))}
        for shown in demonstrations(results.rows, _labels(trial))
    ]


def _section(trial: Protocol, results: Results, name: str) -> dict[str, object]:
    """One analysis: sentence, table, figures, and the footnotes that name what was done."""
    rows = results.of(name)
    analysis = trial.analyses[name]
    estimand = trial.estimands[analysis.estimand]
    unit = trial.endpoints[estimand.variable].unit
    arms = (estimand.treatment.experimental, estimand.treatment.control)
    restricted = estimand.restriction_time is not None or estimand.milestone is not None
    table = primary_table(trial, rows, name)
    mark = _mark(results)
    drawn = any(r.statistic in (SURVIVAL, INCIDENCE) for r in rows)
    figure = curves_figure(rows, arms, trial.endpoints[estimand.variable].label, unit, mark) if drawn else ""
    forest = ""
    if any(r.statistic == "interaction P" for r in rows):
        forest = forest_figure(rows, arms, _favoured(trial, analysis.estimand), mark)
    return {
        "name": name,
        "role": analysis.role,
        "sentence": next(r.text for r in rows if r.statistic == "sentence"),
        "table": table,
        "figure": Markup(figure),
        "curves": "Cumulative incidence" if any(r.statistic == INCIDENCE for r in rows) else "Kaplan-Meier curves",
        "forest": Markup(forest),
        "footnotes": _footnotes(trial, name, rows),
        "draw_figure": drawn
        and (analysis.role in ("primary", "key secondary") or restricted or _first_of_estimand(trial, name)),
    }


def _first_of_estimand(trial: Protocol, name: str) -> bool:
    """A second analysis of an estimand has the same curves; they are drawn once."""
    estimand = trial.analyses[name].estimand
    return next(n for n, a in trial.analyses.items() if a.estimand == estimand) == name


def _favoured(trial: Protocol, estimand: str) -> tuple[str, str]:
    """Which arm a hazard ratio below 1 favours, then the other."""
    chosen = trial.estimands[estimand]
    arms = (chosen.treatment.experimental, chosen.treatment.control)
    return arms if trial.endpoints[chosen.variable].event_is == "harm" else (arms[1], arms[0])


def _footnotes(trial: Protocol, name: str, rows: Sequence[Row]) -> list[str]:
    analysis = trial.analyses[name]
    estimand = trial.estimands[analysis.estimand]
    null = null_hypothesis(trial, analysis)
    notes = [f"Estimand: {describe(estimand, trial)}{f'; tested is {null}' if null else ''}."]
    switch = None if analysis.switching is None else switching_event(trial, analysis)
    if analysis.switching is not None:
        notes.append(
            f"{switch}: nobody is censored at it; what would have been had nobody switched is estimated by "
            f"{NAMES[analysis.switching.method]}, on an assumption that stands under Treatment switching."
        )
    censoring = [
        event for event, rule in estimand.intercurrent_events.items()
        if rule.strategy in ("hypothetical", "while on treatment") and event != switch
    ]  # fmt: skip
    if censoring:
        notes.append(
            f"Patients are censored at {', '.join(censoring)}: this estimates the estimand only if that censoring is "
            "independent of what would have followed."
        )
    notes.append(f"Contrast: {estimand.treatment.experimental} against {estimand.treatment.control}.")
    methods = dict.fromkeys(r.method for r in rows if r.method and r.statistic not in ("sentence", "test P"))
    notes.append(f"Methods: {'; '.join(methods)}.")
    for statistic in ("strata", "strata without information", "near-tied times merged"):
        notes += [f"{statistic.capitalize()}: {r.text}." for r in rows if r.statistic == statistic and r.text != "0"]
    for row in rows:
        if row.statistic == "subgroup missing":
            notes.append(f"{row.group}: {row.text} subjects have no value and are in no row.")
    reasons = dict.fromkeys(
        f"{r.group + ', ' if r.group else ''}{r.statistic}: {r.reason}"
        for r in rows
        if r.reason and not r.statistic.startswith("curve")
    )
    return notes + [f"{reason}." for reason in reasons]


def _provenance(results: Results) -> list[str]:
    software = ", ".join(f"{p} {version(p)}" for p in ("equipoise", "numpy", "scipy", "numba", "polars", "matplotlib"))
    lines = [
        f"Software: {software}, Python {platform.python_version()}.",
        f"Protocol SHA-256: {results.protocol_digest}",
    ]
    lines += [f"{name.upper()}: {results.data_files[name]}, SHA-256: {d}" for name, d in results.data_digests.items()]
    digest = hashlib.sha256(results.table().write_csv().encode()).hexdigest()
    return [*lines, f"Results table SHA-256: {digest}"]
