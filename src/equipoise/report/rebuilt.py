"""Tie-out, spread over an ensemble and strain, laid out from rows of the long table: no number is made here."""

from __future__ import annotations

from collections.abc import Sequence

from ..results import Row, duration
from ..units import DAYS_PER
from .safety import Part
from .tables import Table

_MARKS = ("smallest", "middle", "largest")
_PROVES = (
    "That a cohort prints the published numbers is no evidence for the model behind it; how many cohorts without any "
    "treatment effect print them too stands beside the strain.",
    "Use: checking software and pipelines, teaching, rehearsing analyses, auditing printed numbers. Not for: "
    "estimating anything that is not among the published numbers, meta-analysis as individual patients, regulatory or "
    "clinical use.",
    "Adverse events are placed at random given the time on treatment: only their counts mean anything. Survival by "
    "crossing over is made by the model.",
)


def tie_out_table(rows: Sequence[Row], origin: str) -> Table | None:
    """Every published number beside the computed one; None where the results hold none.

    >>> tie_out_table([], "observed") is None
    True
    """
    ties = [r for r in rows if r.analysis == "tie-out"]
    if not ties:
        return None
    lines = []
    for path in dict.fromkeys(r.toml_path for r in ties):
        published, computed, agrees = (r for r in ties if r.toml_path == path)
        name = published.statistic.removeprefix("published: ")
        lines.append((name, (published.text, computed.text, agrees.text)))
    # A cohort that was searched for had to agree, two curves that were rebuilt had not; files say neither.
    made = {r.analysis for r in rows}
    synthetic = "synthetic patients"
    if made & {"spread", "strain"}:
        synthetic = "synthetic cohort (constructed to agree)"
    elif "digitized" in made:
        synthetic = "rebuilt from the curves"
    second = {"reconstructed": synthetic, "simulated": "simulated cohort"}.get(origin, "recomputed")
    return Table(title="Published numbers", head=("", "published", second, "agrees"), lines=tuple(lines))


def rebuilt_parts(rows: Sequence[Row]) -> tuple[Part, ...]:
    """Spread and strain, each where it has rows.

    >>> rebuilt_parts([])
    ()
    """
    parts = (_strain([r for r in rows if r.analysis == "strain"]), _spread([r for r in rows if r.analysis == "spread"]))
    return tuple(p for p in parts if p is not None)


def tie_out_notes(rows: Sequence[Row]) -> tuple[str, ...]:
    """Sources of the published numbers, methods of the computed ones."""
    ties = [r for r in rows if r.analysis == "tie-out"]
    sources = dict.fromkeys(r.method for r in ties if r.statistic.startswith("published: "))
    methods = dict.fromkeys(r.method for r in ties if r.statistic.startswith("computed: "))
    rule = "A number agrees if the computed value, rounded half away from zero, is printed as published."
    return (rule, f"Sources: {'; '.join(sources)}.", f"Methods: {'; '.join(methods)}.")


def _spread(rows: Sequence[Row]) -> Part | None:
    if not rows:
        return None
    lines = []
    places = dict.fromkeys((r.statistic.rpartition(", ")[0], r.group, r.at) for r in rows)
    for name, group, at in places:
        here = [r for r in rows if (r.statistic.rpartition(", ")[0], r.group, r.at) == (name, group, at)]
        texts = {r.statistic.rpartition(", ")[2]: r.text for r in here}
        unit = f" ({here[0].unit})" if here[0].unit in DAYS_PER else ""
        when = f" at {duration(at, 'months')} months" if at is not None and name.endswith("survival") else ""
        lines.append((f"{name}{unit}{when}{', ' + group if group else ''}", tuple(texts[m] for m in _MARKS)))
    method = rows[0].method
    return Part(
        name="What the published numbers do not determine",
        tables=(Table(title=method[0].upper() + method[1:], head=("", *_MARKS), lines=tuple(lines)),),
        footnotes=(*_PROVES, *dict.fromkeys(f"{r.statistic}, {r.group}: {r.reason}." for r in rows if r.reason)),
    )


def _strain(rows: Sequence[Row]) -> Part | None:
    if not rows:
        return None
    groups = dict.fromkeys(r.group for r in rows if r.statistic == "cohorts that meet every number")
    heads = ("cohorts that meet every number", "strain", "strain P", "strain verdict")
    lines = []
    for group in groups:
        texts = {r.statistic: r.text for r in rows if r.group == group}
        lines.append((group, tuple(texts.get(h, "") for h in heads)))
    tables = [Table(title="Strain", head=("", "Meet every number", "Strain", "P", "Verdict"), lines=tuple(lines))]
    flagged = [(r.group, (r.text,)) for r in rows if r.statistic == "flagged"]
    if flagged:
        tables.append(Table(
            title="How often the diagnostic flags, measured beforehand", head=("Model behind the cohorts", "flagged"),
            lines=tuple(flagged),
        ))  # fmt: skip
    meaning = next(r.text for r in rows if r.statistic == "meaning")
    notes = [
        "Strain measures how uneven the model's random numbers had to become to print the published numbers; P "
        "compares it with trials drawn from the model and rebuilt from their own printed numbers.",
        f"{meaning[0].upper()}{meaning[1:]}.",
    ]
    notes += [f"Usually not flagged, though it is not the model: {r.text}." for r in rows
              if r.statistic == "usually not flagged"]  # fmt: skip
    notes += [f"{r.group[0].upper()}{r.group[1:]}, strain: {r.reason}." for r in rows if r.reason]
    methods = dict.fromkeys(r.method for r in rows if r.statistic == "strain P")
    return Part(name="Strain of the model", tables=tuple(tables), footnotes=(*notes, *(f"{m}." for m in methods)))
