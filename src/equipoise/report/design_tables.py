"""A plan laid out as tables, from rows of the long table: no number is made here."""

from __future__ import annotations

from collections.abc import Sequence

from ..results import Row
from .tables import INDENT, Table

Lines = list[tuple[str, tuple[str, ...]]]
# Statistic of a bound, and its label; the estimate stands under the name that it has.
_BOUND = (
    ("z", "Z"),
    ("P one-sided", "P, one-sided"),
    ("P two-sided", "P, two-sided"),
    ("hazard ratio", "Hazard ratio"),
    ("difference in restricted means", "Difference in restricted means, days"),
    ("difference in survival", "Difference in survival"),
    ("conditional power", "Conditional power, the trend going on"),
)
_SPENT = {
    "efficacy": (
        ("alpha spent", "Alpha spent"),
        ("probability of efficacy by then", "Power by then"),
        ("probability of a false claim by then", "Type I error by then, bounds obeyed"),
    ),
    "futility": (
        ("beta spent", "Beta spent"),
        ("probability of stopping for futility", "Probability of stopping here, under the effect"),
    ),
}


def design_tables(rows: Sequence[Row]) -> tuple[Table, ...]:
    """Looks, what the trial takes, formulas side by side, and assurance, each where it has rows."""
    found = (looks_table(rows), taken_table(rows), formulas_table(rows), assurance_table(rows))
    return tuple(table for table in found if table.lines)


def looks_table(rows: Sequence[Row]) -> Table:
    """The looks side by side: when they come, their bounds on every scale, and what they spend."""
    plan = [r for r in rows if r.analysis == "design"]
    looks = sorted({r.at for r in plan if r.statistic == "look time" and r.at is not None})
    arms = list(dict.fromkeys(r.group for r in plan if r.statistic == "events" and r.group))
    held = {(r.statistic, r.group, r.at): r for r in plan}
    lines: Lines = []

    def line(label: str, statistic: str, group: str = "") -> None:
        cells = [held.get((statistic, group, at)) for at in looks]
        if any(cells):
            lines.append((label, tuple("" if cell is None else cell.text for cell in cells)))

    line("Information fraction", "information fraction")
    line("Expected after the first patient", "look time")
    line("Events", "events")
    for arm in arms:
        line(f"{INDENT}expected in {arm}", "events", arm)
    line("Patients randomized", "patients")
    line("Patients who have dropped out", "dropouts")
    for side, spent in _SPENT.items():
        if not any((f"{side} bound z", "", at) in held for at in looks):
            continue
        lines.append((f"Bound for {side}", ()))
        for name, label in _BOUND:
            line(f"{INDENT}{label}", f"{side} bound {name}")
        for statistic, label in spent:
            line(f"{INDENT}{label}", statistic)
    heads = [f"Look {at:g}" for at in looks] if len(looks) > 1 else ["The only look"]
    return Table(title="Looks", head=("", *heads), lines=tuple(lines), right=len(looks))


def taken_table(rows: Sequence[Row]) -> Table:
    """What the trial takes at the most, and on average."""
    held = {(r.statistic, r.group): r.text for r in rows if r.analysis == "design" and r.at is None}
    groups = ("under the effect", "under no effect")
    lines: Lines = []
    for label, what, most in (
        ("Events", "events", "events in all"),
        ("Patients", "patients", "patients in all"),
        ("Time from the first patient", "duration", "duration"),
    ):
        so_far = held.get((f"{what} by the last look", ""))  # not all patients, where the look comes during accrual
        lines.append((label, (so_far or held[most, ""], *(held[f"expected {what}", group] for group in groups))))
        of = f"{INDENT}{{}}" + ", if all enter" * bool(so_far)
        lines += [(of.format(g), (text, "", "")) for (name, g), text in held.items() if name == most and g]
    return Table(
        title="What the trial takes, with its looks",
        head=("", "At the last look", "Mean, under the effect", "Mean, under no effect"),
        lines=tuple(lines),
        right=3,
    )


def formulas_table(rows: Sequence[Row]) -> Table:
    """One trial by every formula."""
    own = [r for r in rows if r.analysis == "formulas"]
    held = {(r.group, r.statistic): r for r in own}
    lines: Lines = []
    for group in dict.fromkeys(r.group for r in own):
        reason = held[group, "events"].reason
        cells = [held[group, name].text for name in ("events", "patients", "power")] if not reason else [reason, "", ""]
        lines.append((group, tuple(cells)))
    return Table(
        title="The same trial by every formula, not rounded",
        head=("", "Events", "Patients", "Power"),
        lines=tuple(lines),
        right=3,
    )


def assurance_table(rows: Sequence[Row]) -> Table:
    """The probability of a claim under what is believed, of the plan and of the trial of the published effect."""
    own = [r for r in rows if r.analysis == "assurance"]
    held = {(r.group, r.statistic): r for r in own}
    of_published = any(r.statistic == "assurance by the published effect" for r in own)
    names = ["assurance", *(["assurance by the published effect"] if of_published else [])]
    sizes = [f"{_size(rows, part)}" for part in ("design", "published effect")]
    lines: Lines = []
    for group in dict.fromkeys(r.group for r in own):
        low, middle, high = (
            held[group, name].text
            for name in (
                "prior hazard ratio lower limit",
                "prior median hazard ratio",
                "prior hazard ratio upper limit",
            )
        )
        said = [f"{row.text}: {row.reason}" if row.reason else row.text for row in (held[group, n] for n in names)]
        lines.append((group, (f"{middle} ({low}, {high})", *said)))
    heads = [f"Assurance, {sizes[0]}", *([f"Sized by the published effect, {sizes[1]}"] if of_published else [])]
    return Table(
        title="Probability of a claim under what is believed of the effect",
        head=("Prior", "Hazard ratio (95% of the prior)", *heads),
        lines=tuple(lines),
        right=len(heads),
    )


def comparison_tables(rows: Sequence[Row]) -> tuple[Table, ...]:
    """Every formula with the power that it has in simulated trials, and the bounds of the design with their size; none
    without rows of a comparison."""
    own = [r for r in rows if r.analysis == "comparison"]
    return (_simulated(own), _levels(own)) if own else ()


def _simulated(rows: Sequence[Row]) -> Table:
    own = {(r.group, r.statistic): r for r in rows}
    never = "share of trials whose events never come"
    heads = ["Events", "Patients", "Power planned", "Power simulated (Monte Carlo error)"]
    heads += ["Events never come"] * any(r.statistic == never for r in rows)
    lines: Lines = []
    for group in dict.fromkeys(r.group for r in rows if r.statistic == "events"):
        name, reason = group.split(" (")[0], own[group, "events"].reason
        if reason:
            lines.append((name, (*[""] * len(heads), reason)))
            continue
        cells = [own[group, which].text for which in ("events", "patients", "power planned")]
        cells.append(_with_error(own[group, "power"], own[group, "power Monte Carlo error"]))
        if len(heads) > len(cells):
            cells.append(own[group, never].text if (group, never) in own else "")
        lines.append((name, (*cells, own[group, "verdict"].text)))
    return Table(
        title="Formulas in whole numbers, their power settled by simulation",
        head=("", *heads, "Verdict"),
        lines=tuple(lines),
        right=len(heads) + 1,
    )


def _levels(rows: Sequence[Row]) -> Table:
    own = {(r.group, r.statistic, r.at): r for r in rows}
    looks = sorted({r.at for r in rows if r.statistic == "critical value z" and r.at is not None})
    lines: Lines = []
    for group in dict.fromkeys(r.group for r in rows if r.statistic == "type I error"):
        of = {statistic: row for (name, statistic, _), row in own.items() if name == group}
        label = group
        if "constant" in of:
            label = f"{group}, {_with_error(of['constant'], of['constant Monte Carlo error'])}"
        if of["type I error"].reason:
            lines.append((label, ("", "", of["type I error"].reason)))
            continue
        shares = [_with_error(of[name], of[f"{name} Monte Carlo error"]) for name in ("type I error", "power")]
        lines.append((label, (*(own[group, "critical value z", at].text for at in looks), *shares, of["verdict"].text)))
    heads = [f"Z at look {at:g}" for at in looks] if len(looks) > 1 else ["Z"] * len(looks)
    heads += ["Type I error, one-sided", "Power simulated", "Verdict"]
    return Table(
        title="The test of this design: critical values, with type I error and power in simulated trials (and their "
        "Monte Carlo errors)",
        head=("", *heads),
        lines=tuple(lines),
        right=len(heads),
    )


def _with_error(value: Row, error: Row) -> str:
    return f"{value.text}\N{NO-BREAK SPACE}({error.text})"


def _size(rows: Sequence[Row], part: str) -> str:
    return next(
        (f"{r.text} events" for r in rows if r.analysis == part and r.statistic == "events in all"), "no events"
    )
