"""Inverse probability weights of rows: their truncation, and what they say of an analysis that rests on them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ... import results
from ...results import Origin, Row
from ...survival.convention import ArgumentError, is_number
from .record import Vector
from .who_switched import FEW_EVENTS

LARGE = 10.0  # a row that stands for more than so many is named
FEW_LEFT = 0.5  # effective share of an arm's subjects below which weights are named: a rule of thumb, no theorem
UNSTEADY = 0.1  # stabilized weights have mean 1 if the models hold: a mean further off is named


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightSummary:
    """The weights of an arm's rows as they were used, and the ``unstabilized`` maximum before any truncation.

    ``effective`` is the number of equally weighted subjects whose mean would vary as much: (sum w)^2 / sum w^2 over
    subjects, each with its last weight. ``events`` are those that count, of ``subjects``. ``at`` is the day on which
    the heaviest row begins, of subject ``heaviest``.
    """

    arm: str
    subjects: int
    rows: int
    events: int
    minimum: float
    lower_quartile: float
    median: float
    mean: float
    upper_quartile: float
    maximum: float
    unstabilized: float
    effective: float
    heaviest: str
    at: float

    def __str__(self) -> str:
        low, mean, high = (results.fixed(x, 2) for x in (self.minimum, self.mean, self.maximum))
        return (
            f"{self.arm}: weights {low} to {high}, mean {mean}, effective sample size "
            f"{results.fixed(self.effective, 0)} of {self.subjects}"
        )


def checked_truncation(truncate: Sequence[float] | None) -> tuple[float, float] | None:
    """Lower and upper share of the weights' distribution beyond which they are cut; None: nowhere."""
    if truncate is None:
        return None
    wanted: tuple[Any, ...] = tuple(truncate) if isinstance(truncate, list | tuple) else ()
    if len(wanted) != 2 or not all(is_number(x) for x in wanted) or not 0 <= wanted[0] < 0.5 < wanted[1] <= 1:
        raise ArgumentError(
            f"truncate = {truncate!r} is no pair of shares around the median",
            remedy="Such as (0.01, 0.99), or (0, 0.99) for large weights only.",
        )
    return float(wanted[0]), float(wanted[1])


def truncated(weight: Vector, arm: NDArray[np.int64], arms: Sequence[int], truncate: tuple[float, float]) -> Vector:
    """Weights cut at the quantiles (type 7) of their arm's rows, in the arms that have a switching model."""
    found = weight.copy()
    for code in arms:
        rows = arm == code
        low, high = np.quantile(weight[rows], truncate)
        found[rows] = np.clip(weight[rows], low, high)
    return found


def running(log_chance: Vector, owner: NDArray[np.int64], including: bool) -> Vector:
    """Sum of the log chances over a subject's rows up to each, with the row itself if ``including``.

    >>> running(np.array([1.0, 2.0, 4.0]), np.array([0, 0, 1]), False).tolist()
    [0.0, 1.0, 0.0]
    """
    total = np.cumsum(log_chance)
    first = np.concatenate([[True], np.diff(owner) > 0])
    before = (total - log_chance)[first][np.cumsum(first) - 1]
    found = total - before
    return found if including else found - log_chance


def weight_summary(
    arm: int,
    arms: tuple[str, ...],
    codes: NDArray[np.int64],
    owner: NDArray[np.int64],
    subject: NDArray[np.generic],
    start: Vector,
    event: NDArray[np.bool_],
    weight: Vector,
    unstabilized: Vector,
) -> WeightSummary:
    """The weights of an arm in numbers; all columns (m,) by row, by subject and time, but ``subject`` by owner."""
    rows = np.flatnonzero(codes == arm)
    own, of = weight[rows], owner[rows]
    final = own[np.concatenate([np.diff(of) > 0, [True]])]
    low, first, median, third, high = (float(q) for q in np.quantile(own, [0, 0.25, 0.5, 0.75, 1]))
    top = rows[int(np.argmax(own))]
    return WeightSummary(
        arm=arms[arm],
        subjects=len(final),
        rows=len(rows),
        events=int(event[rows].sum()),
        minimum=low,
        lower_quartile=first,
        median=median,
        mean=float(own.mean()),
        upper_quartile=third,
        maximum=high,
        unstabilized=float(unstabilized[rows].max()),
        effective=float(final.sum() ** 2 / (final**2).sum()),
        heaviest=str(subject[owner[top]]),
        at=max(float(start[top]), 0.0),
    )


def weight_warnings(found: Sequence[WeightSummary], stabilized: bool) -> list[str]:
    """What speaks against an analysis that rests on these weights."""
    said = []
    for arm in found:
        if arm.maximum > LARGE:
            said.append(
                f"positivity is in doubt in {arm.arm}: from day {results.fixed(arm.at, 0)} on, subject {arm.heaviest} "
                f"stands for {results.fixed(arm.maximum, 1)} subjects"
            )
        if stabilized and abs(arm.mean - 1) > UNSTEADY:
            said.append(
                f"stabilized weights in {arm.arm} have mean {results.fixed(arm.mean, 2)} instead of 1: the models of "
                "switching do not fit, or positivity fails"
            )
        if arm.effective < FEW_LEFT * arm.subjects:
            effective, least = results.fixed(arm.effective, 1), results.fixed(arm.minimum, 3)
            said.append(
                f"unequal weights in {arm.arm} leave an effective sample size of {effective} of {arm.subjects} "
                f"subjects, less than half (smallest weight {least}): little is known, and positivity may be in doubt"
            )
        if arm.events < FEW_EVENTS:
            noun = f"event{'s' * (arm.events != 1)} in {arm.arm} {'are' if arm.events != 1 else 'is'}"
            said.append(f"only {arm.events} {noun} left to weigh (fewer than {FEW_EVENTS})")
    return said


def weight_rows(found: Sequence[WeightSummary], method: str, origin: Origin) -> list[Row]:
    """The weights as rows of the long table."""
    rows = []
    for arm in found:
        values = {
            "smallest weight": arm.minimum, "lower quartile of weights": arm.lower_quartile,
            "median weight": arm.median, "mean weight": arm.mean, "upper quartile of weights": arm.upper_quartile,
            "largest weight": arm.maximum, "largest unstabilized weight": arm.unstabilized,
        }  # fmt: skip
        rows += [_row(arm.arm, name, value, results.fixed(value, 3), method, origin) for name, value in values.items()]
        text = results.fixed(arm.effective, 1)
        rows.append(_row(arm.arm, "effective sample size", arm.effective, text, method, origin))
        rows.append(_row(arm.arm, "weighted events", float(arm.events), str(arm.events), method, origin))
    return rows


def _row(group: str, statistic: str, value: float, text: str, method: str, origin: Origin) -> Row:
    shown = results.number(value, text, "" if math.isfinite(value) else "a weight is beyond floating point")
    return Row(group=group, statistic=statistic, method=method, origin=origin, **shown)  # type: ignore[arg-type]
