"""Rows of the long table laid out as tables for reading: no number is made here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from ..protocol import Estimand, Protocol
from ..results import NOT_ESTIMABLE, Row
from ..units import days

INDENT = "\N{EM SPACE}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table for reading: a head, and lines of (label, cells); a label without cells is a heading.

    A label that begins with ``INDENT`` stands under the one before; the last ``right`` columns align on the right.
    ``notes`` stand below it.
    """

    title: str
    head: tuple[str, ...]
    lines: tuple[tuple[str, tuple[str, ...]], ...]
    right: int = 0
    notes: tuple[str, ...] = ()


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
    if any(r.statistic == "events" for r in rows):
        by_arm("Events", partial(find, "events"))
        for statistic in ("lower quartile", "median", "upper quartile"):
            by_arm(f"{statistic.capitalize()}, {unit} {ci}", partial(_with_limits, find, statistic))
        for mark in analysis.landmarks:
            by_arm(f"Event-free at {mark} {ci}", partial(_with_limits, find, "survival", at=days(mark)))
    else:
        by_arm("Events", partial(find, "events of cause 1"))
        by_arm("Competing events", partial(find, "events of cause 2"))
        for mark in analysis.landmarks:
            incidence = partial(_with_limits, find, "cumulative incidence of cause 1", at=days(mark))
            by_arm(f"Cumulative incidence at {mark} {ci}", incidence)
    if any(r.statistic == "median follow-up" for r in rows):
        by_arm(f"Median follow-up, {unit} {ci}", partial(_with_limits, find, "median follow-up"))
    for label, statistic in _arm_values(estimand, unit):
        by_arm(f"{label} {ci}", partial(_with_limits, find, statistic))
    for label, statistic in _contrasts(estimand, unit):
        contrast(f"{label} {ci}", _with_limits(find, statistic, ""))
    for statistic in ("hazard ratio", "subdistribution hazard ratio"):
        for term in dict.fromkeys(r.group for r in rows if r.statistic == statistic):
            contrast(f"{statistic.capitalize()}, {term} {ci}", _with_limits(find, statistic, term))
    for row in rows:
        if row.statistic == "proportional hazards P" and row.group in ("", "global"):
            contrast("P, proportional hazards", _said(row))
    test = next(r for r in rows if r.statistic == "test P")
    decision = find("test decision", "")
    contrast(f"{'Nominal P' if decision.startswith('nominal') else 'P'}, {test.method}", _said(test))
    contrast("Testing order", decision)
    return Table(title=analysis.estimand, head=("", *arms, "Contrast"), lines=tuple(lines))


def _arm_values(estimand: Estimand, unit: str) -> list[tuple[str, str]]:
    """Label and statistic of what the summary says of each arm."""
    if "restricted" in estimand.summary:
        return [(f"Restricted mean up to {estimand.restriction_time}, {unit}", "restricted mean")]
    return [(f"Survival at {estimand.milestone}", "milestone survival")] if estimand.milestone else []


def _contrasts(estimand: Estimand, unit: str) -> list[tuple[str, str]]:
    """Label and statistic of the contrasts that belong to a summary."""
    if "restricted" in estimand.summary:
        return [
            (f"Difference in restricted means, {unit}", "restricted mean difference"),
            ("Ratio of restricted means", "restricted mean ratio"),
        ]
    if estimand.milestone:
        at = estimand.milestone
        return [
            (f"Difference in survival at {at}", "milestone survival difference"),
            (f"Ratio of survival at {at}", "milestone survival ratio"),
        ]
    if estimand.summary == "average hazard ratio":
        return [(f"Average hazard ratio up to {estimand.restriction_time}", "average hazard ratio")]
    return [("Marginal hazard ratio", "marginal hazard ratio")] if estimand.summary == "marginal hazard ratio" else []


def results_table(rows: Iterable[Row], at: str = "At (days)") -> Table:
    """Every row but the curves, as they are: analysis, group, statistic, ``at``, text, method or reason."""
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
            at,
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
                return _said(row)
        return NOT_ESTIMABLE

    return find


def _with_limits(find: Callable[..., str], statistic: str, group: str, at: float | None = None) -> str:
    estimate = find(statistic, group, at)
    if estimate.startswith(NOT_ESTIMABLE):
        return estimate
    low, high = (find(f"{statistic} {side} limit", group, at) for side in ("lower", "upper"))
    return f"{estimate} ({low})" if low == high and low.startswith(NOT_ESTIMABLE) else f"{estimate} ({low}, {high})"


def _said(row: Row) -> str:
    """The text of a row, and where it is not estimable why: an empty place must not stand without its reason."""
    return f"{row.text}: {row.reason}" if row.text == NOT_ESTIMABLE and row.reason != NOT_ESTIMABLE else row.text
