"""Cells of tables of simulated trials: a value with its Monte Carlo error, of how many trials, or why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..results import NOT_ESTIMABLE, Row

ESTIMATED = ("mean ", "bias of ", "coverage of ")
_RATIOS = "geometric mean of hazard ratios"


@dataclass(frozen=True, slots=True)
class Told:
    """A cell: its row, that of its Monte Carlo error (None where none is shown), and of how many of the ``trials`` the
    value is.

    >>> bias = Row(statistic="bias of difference of survival", value=0.02, text="0.0200")
    >>> print(Told(bias, Row(statistic="error", value=0.004, text="0.0040"), 250.0, 300))
    0.0200 (0.0040), of 250 trials
    >>> print(Told(bias, Row(statistic="error", text="not estimable"), 1.0, 300))
    0.0200 (error not estimable), of 1 trial
    """

    row: Row
    error: Row | None
    count: float
    trials: int

    @property
    def of_fewer(self) -> bool:
        """Whether there is a value, and not every trial is in it."""
        return self.row.text != NOT_ESTIMABLE and self.count < self.trials

    def __str__(self) -> str:
        of = f", of {int(self.count):,} trial{'' if self.count == 1 else 's'}" if self.of_fewer else ""
        return told_cell(self.row, self.error) + of


def told_cell(row: Row, error: Row | None) -> str:
    """A value with its Monte Carlo error; what is not estimable is said once."""
    if error is None or row.text == NOT_ESTIMABLE:
        return row.text
    return f"{row.text} ({'error ' if error.text == NOT_ESTIMABLE else ''}{error.text})"


def estimate_name(statistic: str) -> str:
    """The estimate that a statistic is of; nothing for what is of all trials.

    >>> [estimate_name(one) for one in ("bias of difference of survival", "geometric mean of hazard ratios", "power")]
    ['difference of survival', 'log hazard ratio', '']
    """
    if statistic == _RATIOS:
        return "log hazard ratio"
    return next((statistic.removeprefix(kind) for kind in ESTIMATED if statistic.startswith(kind)), "")


def notes_of(statistic: str, cells: Sequence[Told]) -> tuple[str, ...]:
    """What must be known below a table: which trials are in a cell that is not of all, and why a cell has no value."""
    name = estimate_name(statistic)
    time = "restricted time" if "restricted mean" in name else "milestone" if "survival" in name else ""
    notes = []
    fewer = [cell for cell in cells if cell.of_fewer]
    if fewer:
        simulated = sorted({cell.trials for cell in fewer})
        of = " to ".join(f"{n:,}" for n in dict.fromkeys((simulated[0], simulated[-1])))
        if time:
            others = f"were not followed to the {time} in both arms, or had no event by it"
            by = "are selected by their follow-up, and are not as all trials would be"
        elif name in ("log hazard ratio", "z"):
            others = "had too few events for one, or all in one arm"
            by = "are selected by their events, and are not as all trials would be"
        else:
            others, by = "gave none", "are selected, and are not as all trials would be"
        what = "a Z" if name == "z" else "an estimate"
        notes.append(
            f"Where a cell names a number of trials, so many of the {of} simulated gave {what}; the others {others}. "
            f"Those that gave one {by}."
        )
    reasons = list(dict.fromkeys(cell.row.reason for cell in cells if cell.row.text == NOT_ESTIMABLE))
    if reasons:
        why = "; ".join(reasons)
        if time:
            why = f"the {time} lies beyond the follow-up at the look, or no event comes before it ({why})"
        notes.append(f"Not estimable: {why}.")
    if any(cell.error is not None and cell.row.text != NOT_ESTIMABLE == cell.error.text for cell in cells):
        notes.append("A mean of one trial has no Monte Carlo error that can be estimated.")
    return tuple(notes)
