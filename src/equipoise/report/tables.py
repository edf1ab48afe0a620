"""Rows of the long table laid out as tables for reading: no number is made here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from ..protocol import Protocol
from ..results import NOT_ESTIMABLE, Row
from ..units import days

INDENT = "\N{EM SPACE}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table for reading: a head, and lines of (label, cells); a label without cells is a heading.

    A label that begins with ``INDENT`` stands under the one before; the last ``right`` columns align on the right.
    """

    title: str
    head: tuple[str, ...]
    lines: tuple[tuple[str, tuple[str, ...]], ...]
    right: int = 0


def primary_table(trial: Protocol, rows: Sequence[Row], name: str) -> Table:
    """One analysis as it would stand in a paper: arms side by side, then the contrast and its test."""
    analysis = trial.analyses[name]
    estimand = trial.estimands[analysis.estimand]
    arms = (estimand.treatment.experimental, estimand.treatment.control)
    unit = trial.endpoints[estimand.variable].unit
    find = _finder(rows)
    ci = f"({100 * analysis.confidence:g}% CI)"
    lines: list[tuple[str, tuple[str, ...]]] = []

    def by_arm(label: str, cell: Callable[[str], str]) -> None:
        lines.append((label, (*(cell(arm) for arm in arms), "")))

    def contrast(label: str, text: str) -> None:
        lines.append((label, ("",) * len(arms) + (text,)))

    by_arm("Subjects", partial(find, "subjects"))
    by_arm("Events", partial(find, "events"))
    for statistic in ("lower quartile", "median", "upper quartile"):
        by_arm(f"{statistic.capitalize()}, {unit} {ci}", partial(_with_limits, find, statistic))
    for mark in analysis.landmarks:
        by_arm(f"Event-free at {mark} {ci}", partial(_with_limits, find, "survival", at=days(mark)))
    if estimand.restriction_time is not None:
        by_arm(
            f"Restricted mean up to {estimand.restriction_time}, {unit} {ci}",
            partial(_with_limits, find, "restricted mean"),
        )
        contrast(f"Difference in restricted means, {unit} {ci}", _with_limits(find, "restricted mean difference", ""))
        contrast(f"Ratio of restricted means {ci}", _with_limits(find, "restricted mean ratio", ""))
    for term in dict.fromkeys(r.group for r in rows if r.statistic == "hazard ratio"):
        contrast(f"Hazard ratio, {term} {ci}", _with_limits(find, "hazard ratio", term))
    test = next(r for r in rows if r.statistic == "test P")
    decision = find("test decision", "")
    contrast(f"{'Nominal P' if decision.startswith('nominal') else 'P'}, {test.method}", test.text)
    contrast("Testing order", decision)
    return Table(title=analysis.estimand, head=("", *arms, "Contrast"), lines=tuple(lines))


def results_table(rows: Iterable[Row]) -> Table:
    """Every row but the curves, as they are: analysis, group, statistic, time, text, method or reason."""
    lines = tuple(
        (
            r.analysis,
            (r.group, r.statistic, "" if r.at is None else f"{r.at:g}", r.text, r.unit if r.value is not None else "",
             r.reason or r.method),
        )
        for r in rows
        if not r.statistic.startswith("curve") and r.statistic != "sentence"
    )  # fmt: skip
    return Table(
        title="All results",
        head=(
            "Analysis",
            "Group",
            "Statistic",
            "At (days)",
            "Result",
            "Unit of value",
            "Method, or why there is no value",
        ),
        lines=lines,
    )


def _finder(rows: Sequence[Row]) -> Callable[..., str]:
    def find(statistic: str, group: str, at: float | None = None) -> str:
        for row in rows:
            if row.statistic == statistic and row.group == group and (at is None or row.at == at):
                return row.text
        return NOT_ESTIMABLE

    return find


def _with_limits(find: Callable[..., str], statistic: str, group: str, at: float | None = None) -> str:
    estimate = find(statistic, group, at)
    if estimate == NOT_ESTIMABLE:
        return estimate
    low, high = (find(f"{statistic} {side} limit", group, at) for side in ("lower", "upper"))
    return f"{estimate} ({low}, {high})"
