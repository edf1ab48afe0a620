"""The panel: a row (start, stop] for every visit of a subject, with what was known when it began."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ... import results
from ...data import TimeToEvent
from ...survival import TimeVarying
from ...survival.convention import ArgumentError
from ...survival.model_matrix import model_matrix
from .record import Switches, Vector

_SWITCH = "treatment switched"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Panel:
    """Rows (start, stop] of the subjects of a record, by subject and time; a subject's rows follow one another.

    ``tte`` holds them as an endpoint with late entry, its event on a subject's last row; ``owner`` (m,) the subject's
    row in the record. ``crossed`` marks rows at whose end the subject switches, ``after`` those that begin at the
    switch or later, ``last`` a subject's last. Columns (m, p) of covariates at baseline and of those that vary, with
    their terms.
    """

    tte: TimeToEvent
    owner: NDArray[np.int64]
    crossed: NDArray[np.bool_]
    after: NDArray[np.bool_]
    last: NDArray[np.bool_]
    baseline: Vector
    baseline_terms: tuple[str, ...]
    varying: Vector
    varying_terms: tuple[str, ...]

    def __post_init__(self) -> None:
        results.read_only(self)

    @property
    def start(self) -> Vector:
        """When each row begins; a day before 0 for the first, so that day 0 is in it."""
        assert self.tte.entry is not None
        return self.tte.entry

    def stratum_indicators(self) -> Vector:
        """Indicators of every stratum but the first, (m, s - 1)."""
        return np.equal.outer(self.tte.stratum, np.arange(1, len(self.tte.strata))).astype(np.float64)


def panel(switches: Switches, varying: Mapping[str, TimeVarying], covariates: Sequence[str], *, visits: bool) -> Panel:
    """The rows of the record's subjects, cut wherever a covariate was measured and at the switch.

    ``varying``: covariates that vary with time, each measurement beginning a row, of which there must be one if
    ``visits`` are needed; ``covariates``: names of baseline covariates in the record.
    """
    if not isinstance(varying, Mapping) or (visits and not varying):
        raise ArgumentError(
            "there are no visits, at which somebody might or might not switch", where="varying",
            remedy="Give what was measured at them: name -> TimeVarying(subject=, start=, value=, unit=).",
        )  # fmt: skip
    for name, path in varying.items():
        if not isinstance(path, TimeVarying):
            raise ArgumentError(
                f"{name} is no TimeVarying covariate", where="varying",
                remedy="Give TimeVarying(subject=, start=, value=, unit=); baseline covariates go into the record.",
            )  # fmt: skip
    tte = switches.tte
    fixed = switches.columns(covariates) or {}
    both = sorted(set(fixed) & set(varying))
    if both or _SWITCH in varying:
        raise ArgumentError(f"{both[0] if both else _SWITCH} is given twice", where="varying", remedy="Rename one.")
    moved = np.flatnonzero(switches.switched)
    path = TimeVarying(
        subject=np.concatenate([tte.subject, tte.subject[moved]]),
        start=np.concatenate([np.zeros(tte.n), switches.switch[moved]]),
        value=np.concatenate([np.zeros(tte.n), np.ones(len(moved))]),
        unit="days",
    )
    matrix = model_matrix(tte, {**fixed, **varying, _SWITCH: path})
    assert matrix.owner is not None
    owner, rows = matrix.owner, matrix.tte
    terms = matrix.terms[matrix.arm_terms :]
    width = sum(c.width for c in matrix.layout[: len(fixed)])
    columns = np.column_stack(matrix.covariates)
    return Panel(
        tte=rows,
        owner=owner,
        crossed=rows.time == switches.switch[owner],
        after=columns[:, -1] > 0,
        last=np.concatenate([np.diff(owner) > 0, [True]]),
        baseline=columns[:, :width],
        baseline_terms=terms[:width],
        varying=columns[:, width:-1],
        varying_terms=terms[width:-1],
    )


def cut_rows(start: Vector, stop: Vector, times: Vector) -> tuple[NDArray[np.int64], Vector, Vector]:
    """Rows cut at the times (sorted) inside them: the row each piece is of, its start and its stop.

    >>> [found.tolist() for found in cut_rows(np.array([0.0, 2.0]), np.array([5.0, 3.0]), np.array([2.0, 4.0]))]
    [[0, 0, 0, 1], [0.0, 2.0, 4.0, 2.0], [2.0, 4.0, 5.0, 3.0]]
    """
    first = np.searchsorted(times, start, side="right")
    inside = np.maximum(np.searchsorted(times, stop, side="left") - first, 0)
    row = np.repeat(np.arange(len(start)), inside + 1)
    piece = np.arange(len(row)) - np.repeat(np.cumsum(inside + 1) - inside - 1, inside + 1)
    padded = np.append(times, np.inf)
    number = first[row] + piece
    begin = np.where(piece == 0, start[row], padded[np.maximum(number - 1, 0)])
    end = np.where(piece == inside[row], stop[row], padded[np.minimum(number, len(times))])
    return row, begin, end
