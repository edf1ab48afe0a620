"""The panel: a row (start, stop] for every visit of a subject, with what was known when it began."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ... import results
from ...data import TimeToEvent
from ...data.columns import refuse
from ...errors import DataError
from ...survival import TimeVarying
from ...survival.convention import ArgumentError
from ...survival.model_matrix import model_matrix
from .record import Switches, Vector

SwitchingFrom = Literal["randomization", "progression"]

_SWITCH, _PROGRESSION = "treatment switched", "progression seen"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Panel:
    """Rows (start, stop] of the subjects of a record, by subject and time; a subject's rows follow one another.

    ``tte`` holds them as an endpoint with late entry, its event on a subject's last row; ``owner`` (m,) the subject's
    row in the record. ``crossed`` marks rows at whose end the subject switches, ``after`` those that begin at the
    switch or later, ``last`` a subject's last, ``open`` those in which a switch is possible.
    Columns (m, p) of covariates at baseline and of those that vary, with their terms.
    """

    tte: TimeToEvent
    owner: NDArray[np.int64]
    crossed: NDArray[np.bool_]
    after: NDArray[np.bool_]
    last: NDArray[np.bool_]
    open: NDArray[np.bool_]
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


def panel(
    switches: Switches,
    varying: Mapping[str, TimeVarying],
    covariates: Sequence[str],
    *,
    visits: bool,
    since: SwitchingFrom = "randomization",
) -> Panel:
    """The rows of the record's subjects, cut wherever a covariate was measured and at the switch.

    ``varying``: covariates that vary with time, each measurement beginning a row, of which there must be one if
    ``visits`` are needed; ``covariates``: names of baseline covariates in the record. With ``since`` "progression"
    rows are cut there too, and a switch is possible in those that begin at progression or later.
    """
    if since not in get_args(SwitchingFrom):
        raise ArgumentError(f"since = {since!r} is unknown", remedy="Use 'randomization' or 'progression'.")
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
    both += [name for name in (_SWITCH, _PROGRESSION) if name in varying]
    if both:
        raise ArgumentError(f"{both[0]} is given twice", where="varying", remedy="Rename one.")
    hidden = {_SWITCH: _from_day(tte, switches.switch)}
    if since == "progression":
        hidden[_PROGRESSION] = _from_day(tte, _possible_from(switches))
    matrix = model_matrix(tte, {**fixed, **varying, **hidden})
    assert matrix.owner is not None
    owner, rows = matrix.owner, matrix.tte
    terms = matrix.terms[matrix.arm_terms :]
    width = sum(c.width for c in matrix.layout[: len(fixed)])
    columns = np.column_stack(matrix.covariates)
    moves = columns.shape[1] - len(hidden)
    return Panel(
        tte=rows,
        owner=owner,
        crossed=rows.time == switches.switch[owner],
        after=columns[:, moves] > 0,
        last=np.concatenate([np.diff(owner) > 0, [True]]),
        open=columns[:, -1] > 0 if since == "progression" else np.ones(len(owner), dtype=np.bool_),
        baseline=columns[:, :width],
        baseline_terms=terms[:width],
        varying=columns[:, width:moves],
        varying_terms=terms[width:moves],
    )


def _from_day(tte: TimeToEvent, day: Vector) -> TimeVarying:
    """What is 0 until a day by subject, (n,), and 1 after it; inf for never."""
    some = np.flatnonzero(np.isfinite(day) & (day > 0))
    return TimeVarying(
        subject=np.concatenate([tte.subject, tte.subject[some]]),
        start=np.concatenate([np.zeros(tte.n), day[some]]),
        value=np.concatenate([(day <= 0).astype(np.float64), np.ones(len(some))]),
        unit="days",
    )


def _possible_from(switches: Switches) -> Vector:
    """The day of progression, once it is sure that nobody switched on it or before it."""
    if switches.progression is None:
        raise DataError(
            "the day of progression is not known, from which switching is possible", column="progression",
            remedy='Give progression to the record of switching, or since="randomization".',
        )  # fmt: skip
    refuse(
        switches.switched & ~(switches.progression < switches.switch),
        "a switch lies on the day of progression, before it, or without one: no row from progression on ends in it",
        "switch", switches.tte.subject,
        'Let progression come the day before a switch on the same day; where people switch without it, '
        'since="randomization".',
    )  # fmt: skip
    return switches.progression


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
