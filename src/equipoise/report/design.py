"""The page of a plan, and the files beside it: the long table, and the plan to be read again."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Sequence
from importlib.metadata import version  # noqa: TID251 - reads version numbers, imports nothing
from pathlib import Path
from tempfile import TemporaryDirectory

from markupsafe import Markup

from ..design import Justification, save_plan
from ..protocol import Protocol, describe
from ..results import ROUNDING_NOTE, Row, long_table
from ..units import MONTH_LENGTH_NOTE
from .design_figures import bounds_figure, course_figure, spending_figure
from .design_tables import assurance_table, comparison_tables, formulas_table, looks_table, taken_table
from .document import environment, write_files
from .tables import results_table

_MARK = "PLAN: nobody has been observed; every number follows from what is assumed"


def write_design(
    trial: Protocol, found: Justification, out: str | Path, comparison: Sequence[Row] = ()
) -> tuple[Path, ...]:
    """Write plan.json, looks.csv (the long table) and design.html into a folder; returns the files. ``comparison``:
    rows of ``simulate.compare``, where formulas were settled by simulation.

    Nothing is written half.
    """
    with TemporaryDirectory() as folder:
        saved = Path(folder) / "plan.json"
        save_plan(found.plan, saved)
        plan = saved.read_text(encoding="utf-8")
    table = long_table([*found.rows(), *comparison]).write_csv()
    texts = {"plan.json": plan, "looks.csv": table, "design.html": design_html(trial, found, comparison)}
    return write_files(Path(out), texts)


def design_html(trial: Protocol, found: Justification, comparison: Sequence[Row] = ()) -> str:
    """The plan as one HTML page without any reference to the outside."""
    rows = [*found.rows(), *comparison]
    plan = [r for r in rows if r.analysis == "design"]
    usual = (MONTH_LENGTH_NOTE, ROUNDING_NOTE)
    behind = [note for note in found.notes if note.startswith(("assumed:", "unknown:")) or note in usual]
    page = environment().get_template("design.html")
    return page.render(
        trial=trial,
        label=found.label,
        mark=_MARK,
        estimand=f"{found.context.estimand}: {describe(trial.estimands[found.context.estimand], trial)}",
        sentence=next(r.text for r in plan if r.statistic == "sentence"),
        looks=looks_table(rows),
        taken=taken_table(rows),
        formulas=formulas_table(rows),
        settled=comparison_tables(rows),
        recommendation=next((r.text for r in comparison if r.statistic == "sentence"), ""),
        settled_by=_settled_by(comparison),
        assurance=assurance_table(rows),
        bounds=Markup(bounds_figure(plan)),
        spending=Markup(spending_figure(plan)),
        course=Markup(course_figure(plan)),
        footnotes=_footnotes(plan),
        remarks=[note for note in found.notes if note not in behind],
        behind=behind,
        methods=_methods(rows),
        all_results=results_table(rows, at="At"),
        provenance=_provenance(found, rows),
    )


def _methods(rows: Sequence[Row]) -> list[str]:
    """The methods of the plan and of assurance; the formulas name themselves in their table."""
    own = [r for r in rows if r.analysis in ("design", "assurance") and not r.statistic.startswith("curve")]
    return list(dict.fromkeys(r.method for r in own if r.method and "before rounding" not in r.statistic))


def _settled_by(comparison: Sequence[Row]) -> list[str]:
    """How trials were simulated, and what errors and verdicts are."""
    if not comparison:
        return []
    held = {r.statistic: r for r in comparison}
    notes = [
        f"Simulation: {held['sentence'].method}.",
        "Monte Carlo error: the standard error of a share of the simulated trials; what lies within two of them is not "
        "told apart, so that a verdict may be a few events off.",
    ]
    if "share of trials whose events never come" in held:
        notes.append("A trial whose events never come claims nothing at its last look, which lowers the power.")
    if "critical value z" in held:
        test = held["critical value z"].method.split(";")[0]
        notes.append(f"{test[0].upper()}{test[1:]}.")
    if "constant" in held:
        notes.append(
            "t: each look's planned nominal level, referred to t with that look's events less two degrees of freedom. "
            "The constant multiplies all bounds, and is found on the same trials on which its type I error is shown."
        )
    return notes


def _footnotes(rows: Sequence[Row]) -> list[str]:
    """What the cells of the table of looks mean."""
    notes = [
        "Bounds on Z, above zero in favour of the experimental arm; the estimates are those whose Z lies at the bound.",
        "Conditional power: the probability of efficacy later on, should Z lie at the bound and the trend go on.",
        "Numbers by arm, patients and times are expected under the effect that the trial is sized for.",
    ]
    reasons = dict.fromkeys(f"{r.statistic}, look {r.at:g}: {r.reason}." for r in rows if r.reason and r.at is not None)
    return [*notes, *reasons]


def _provenance(found: Justification, rows: Sequence[Row]) -> list[str]:
    software = ", ".join(f"{p} {version(p)}" for p in ("equipoise", "numpy", "scipy", "numba", "polars", "matplotlib"))
    return [
        f"Software: {software}, Python {platform.python_version()}.",
        f"Protocol SHA-256: {found.protocol_digest}",
        f"Results table SHA-256: {hashlib.sha256(long_table(rows).write_csv().encode()).hexdigest()}",
    ]
