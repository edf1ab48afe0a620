"""The page of curves that were digitized and rebuilt: laid out from rows of the long table, no number is made here."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Sequence
from importlib.metadata import version  # noqa: TID251 - reads version numbers, imports nothing
from pathlib import Path

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.figure import Figure

from ..protocol import Protocol
from ..reconstruct import DigitizedTrial
from ..results import Row, duration
from ..units import TimeUnit, days_per
from .document import environment, write_files
from .drawing import COLORS, STYLE, svg, write_across
from .figures import draw_risk_table
from .rebuilt import tie_out_notes, tie_out_table
from .tables import Table, results_table

_MARK = "RECONSTRUCTED: times and events were rebuilt from a printed figure; no row is a patient of the trial"
_LINES = [("at risk, printed", "Printed"), ("at risk, reached", "Rebuilt")]
USES = (
    "Made for: a hazard ratio, median or rate of this endpoint that was not printed; other models of the same curve, "
    "as a cost model needs them; pooling with other trials, where it is said that this one was rebuilt from a figure "
    "and how well it met its printed numbers; seeing whether figure, risk table and text agree; teaching and software.",
    "Not for: passing as the individual patient data of the trial, in a meta-analysis or a submission; regulatory or "
    "clinical decisions; subgroups, covariates, strata or crossover, of which a curve tells nothing; two endpoints of "
    "one person; who was censored when, or why.",
    "Nothing printed but the numbers at risk and the totals of events was aimed at: any other number that agrees "
    "speaks for the digitization. A stratified or adjusted hazard ratio need not agree with that of two plain curves, "
    "even if both are right.",
    "After the last printed number at risk, and wherever few are left, the rebuilt curve rests on assumptions.",
)


def write_digitized(trial: Protocol, found: DigitizedTrial, out: str | Path) -> tuple[Path, ...]:
    """Write digitized.html and digitized.csv (the long table) into a folder; returns the files."""
    texts = {"digitized.csv": found.table().write_csv(), "digitized.html": digitized_html(trial, found)}
    return write_files(Path(out), texts)


def digitized_html(trial: Protocol, found: DigitizedTrial) -> str:
    """The rebuilt curves as one HTML page without any reference to the outside."""
    rows = found.rows()
    endpoint = found.trial.endpoints[found.trial.estimands[found.estimand].variable]
    arms = list(found.arms)
    return environment().get_template("digitized.html").render(
        trial=trial,
        mark=_MARK,
        alarming=True,
        estimand=found.estimand,
        sentence=str(found),
        figure=Markup(digitized_figure(rows, arms, endpoint.label, endpoint.unit)),
        tie_out=tie_out_table(rows, "reconstructed"),
        tie_out_notes=tie_out_notes(rows) if found.ties else (),
        tables=(effects_table(rows, arms), agreement_table(rows, arms, endpoint.unit)),
        warnings=found.warnings,
        uses=USES,
        notes=found.notes,
        methods=list(dict.fromkeys(row.method for row in rows if row.method and row.analysis == "digitized")),
        all_results=results_table([row for row in rows if not row.statistic.startswith("curve")]),
        provenance=_provenance(trial, found),
    )  # fmt: skip


def digitized_figure(rows: Sequence[Row], arms: Sequence[str], label: str, unit: TimeUnit) -> str:
    """Clicks over the rebuilt curves, above the numbers at risk as printed and as rebuilt, as SVG."""
    per = days_per(unit)
    marks = sorted({row.at for row in rows if row.statistic == "at risk, printed" and row.at is not None})
    last = max(row.at or 0.0 for row in rows if row.statistic.startswith("curve"))
    with mpl.rc_context(STYLE):
        table = 0.34 + 0.47 * len(arms)
        figure = Figure(figsize=(7.2, 3.76 + table + 0.06 * len(arms)))
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(4.1, table))
        for color, arm in zip(COLORS, arms, strict=False):
            x, y = _points(rows, arm, "curve, rebuilt", per)
            end = max(_points(rows, arm, "curve, digitized", per)[0])
            above.step([0.0, *x, end], [1.0, *y, (y or [1.0])[-1]], where="post", color=color, linewidth=1.4,
                       label=f"{arm}, rebuilt")  # fmt: skip
            x, y = _points(rows, arm, "curve, digitized", per)
            above.plot(x, y, linestyle="", marker="o", markersize=2.6, markerfacecolor="none", markeredgewidth=0.6,
                       color=color, alpha=0.8, label=f"{arm}, clicks")  # fmt: skip
        above.set_ylim(0, 1.02)
        above.set_xlim(0, last / per * 1.02)
        above.set_ylabel(f"{label} (probability)")
        above.set_xticks([mark / per for mark in marks] if len(marks) > 1 else above.get_xticks())
        above.tick_params(labelbottom=True)
        above.set_xlabel(f"Time ({unit})")
        above.set_xlim(0, last / per * 1.02)
        above.legend(frameon=False, loc="upper right")
        draw_risk_table(below, rows, arms, marks, per, _LINES)
        write_across(above, "RECONSTRUCTED")
        figure.subplots_adjust(left=0.17, right=0.98, top=0.97, bottom=0.03, hspace=0.32)
        return svg(figure)


def _points(rows: Sequence[Row], arm: str, statistic: str, per: float) -> tuple[list[float], list[float]]:
    found = [(row.at or 0.0, row.value or 0.0) for row in rows if (row.group, row.statistic) == (arm, statistic)]
    return [at / per for at, _ in found], [value for _, value in found]


def effects_table(rows: Sequence[Row], arms: Sequence[str]) -> Table:
    """What the rebuilt patients say: subjects, events, medians, hazard ratio and P."""
    found = {(row.statistic, row.group): row for row in rows if row.analysis == "digitized"}
    unit = found["median", arms[0]].unit
    lines = [
        ("Subjects", (*(found["subjects", arm].text for arm in arms), "")),
        ("Events", (*(found["events", arm].text for arm in arms), "")),
        (f"Median, {unit}", (*(found["median", arm].text for arm in arms), "")),
    ]
    if ("hazard ratio", "") in found:
        ratio, low, high = (found[f"hazard ratio{s}", ""] for s in ("", " lower limit", " upper limit"))
        lines.append(
            (
                f"Hazard ratio ({100 * (ratio.level or 0):g}% CI)",
                (*("" for _ in arms), f"{ratio.text} ({low.text}, {high.text})"),
            )
        )
        lines.append(("Log-rank P", (*("" for _ in arms), found["test P", ""].text)))
    return Table(title="The rebuilt patients", head=("", *arms, "Contrast"), lines=tuple(lines), right=len(arms) + 1)


def agreement_table(rows: Sequence[Row], arms: Sequence[str], unit: TimeUnit) -> Table:
    """How near the rebuilt curves are to the clicks, and how many are censored from each printed time on."""
    mine = {(row.statistic, row.group, row.at): row for row in rows if row.analysis == "digitized"}
    lines: list[tuple[str, tuple[str, ...]]] = []
    for statistic in ("greatest distance from the clicks", "noise of the clicks"):
        texts = (next(row.text for row in rows if (row.statistic, row.group) == (statistic, arm)) for arm in arms)
        lines.append((statistic.capitalize(), tuple(texts)))
    for at in sorted({at for statistic, _, at in mine if statistic == "censored from here on" and at is not None}):
        cells = (mine.get(("censored from here on", arm, at)) for arm in arms)
        label = f"Censored from {duration(at, unit)} {unit} on"
        lines.append((label, tuple("" if cell is None else cell.text for cell in cells)))
    return Table(title="Curves and censoring", head=("", *arms), lines=tuple(lines), right=len(arms))


def _provenance(trial: Protocol, found: DigitizedTrial) -> Sequence[str]:
    software = ", ".join(f"{p} {version(p)}" for p in ("equipoise", "numpy", "scipy", "numba", "polars", "matplotlib"))
    curves = [curve for curve in trial.published.curves if curve.estimand == found.estimand]
    files = dict.fromkeys(trial.source.parent / curve.file for curve in curves)
    return [
        f"Software: {software}, Python {platform.python_version()}.",
        *(f"Curve of {curve.arm}: {curve.file}; {trial.published.sources[curve.source]}" for curve in curves),
        f"Protocol SHA-256: {trial.digest}",
        *(f"{file.name} SHA-256: {hashlib.sha256(file.read_bytes()).hexdigest()}" for file in files),
        f"Results table SHA-256: {hashlib.sha256(found.table().write_csv().encode()).hexdigest()}",
    ]
