"""Kaplan-Meier curves of rows that carry weights, which may change from row to row of a subject."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ...survival import Curve
from ...survival.convention import ConfType, Convention
from ...survival.kaplan_meier import survival_limits
from .record import Vector

_CELLS = 2_000_000  # subjects times death times that are held at once


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Steps:
    """What a weighted curve is made of at its k death times (days): weights ``dying`` and weights ``left`` after it,
    and the ``variance`` of log S, robust by subject."""

    time: Vector
    dying: Vector
    left: Vector
    variance: Vector

    @property
    def survival(self) -> Vector:
        """S after each death time, (k,)."""
        return np.asarray(np.cumprod(self.left / (self.left + self.dying)))


def weighted_steps(owner: NDArray[np.int64], start: Vector, stop: Vector, event: NDArray[np.bool_], weight: Vector
) -> Steps:  # fmt: skip
    """The steps of S(t), the product over death times u <= t of 1 - weights dying at u / weights at risk, start < u <=
    stop; rows (m,) by ``owner`` (0, 1 ...) and time, the first row of each from the origin on.

    The variance is the infinitesimal jackknife of log S: the sum over subjects of the square of what a subject's rows
    do together, d log S / d log(all weights of the subject), with the weights taken for known. With weights of 1 it is
    Greenwood's.

    >>> ones = np.ones(3)
    >>> found = weighted_steps(np.arange(3), 0 * ones, np.array([1.0, 2, 3]), np.array([True, True, False]), ones)
    >>> found.survival.round(6).tolist(), found.variance.round(6).tolist()  # 1/(3 2) and 1/(3 2) + 1/(2 1)
    ([0.666667, 0.333333], [0.166667, 0.666667])
    """
    times, when = np.unique(stop[event], return_inverse=True)
    k = len(times)
    dying = np.bincount(when.reshape(-1), weights=weight[event], minlength=k).astype(np.float64)
    left, squares = np.zeros(k), np.zeros(k)
    for row, at in _at_risk(owner, start, stop, times):
        goes = event[row] & (times[at] == stop[row])
        left += np.bincount(at[~goes], weights=weight[row[~goes]], minlength=k)
    some = left > 0  # S is 0, without a variance, once nobody is left
    own = np.divide(1.0, left, out=np.zeros(k), where=some)
    step = np.divide(dying * own, left + dying, out=np.zeros(k), where=some)
    for row, at in _at_risk(owner, start, stop, times):
        goes = event[row] & (times[at] == stop[row])
        who = owner[row] - owner[row[0]]
        parts = np.zeros((int(who[-1]) + 1, k))
        parts[who, at] = weight[row] * (step[at] - np.where(goes, own[at], 0.0))
        squares += (np.cumsum(parts, axis=1) ** 2).sum(axis=0)
    return Steps(time=times, dying=dying, left=left, variance=squares)


def _at_risk(
    owner: NDArray[np.int64], start: Vector, stop: Vector, times: Vector
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Each row with each death time at which it is at risk, as two arrays of places, some subjects at once."""
    first = np.concatenate([[True], np.diff(owner) > 0])
    # Everybody is followed from randomization on: a death on day 0 is at risk then.
    low = np.where(first, 0, np.searchsorted(times, start, side="right"))
    count = np.maximum(np.searchsorted(times, stop, side="right") - low, 0)
    at_once = max(_CELLS // max(len(times), 1), 1)
    bounds = np.searchsorted(owner, np.arange(0, owner[-1] + 1 + at_once, at_once))
    for begin, end in pairwise(bounds.tolist()):
        mine = count[begin:end]
        row = np.repeat(np.arange(begin, end), mine)
        if len(row):
            yield row, np.arange(len(row)) - np.repeat(np.cumsum(mine) - mine, mine) + low[row]


def weighted_curve(
    group: str,
    owner: NDArray[np.int64],
    rows: tuple[Vector, Vector, NDArray[np.bool_]],
    weight: Vector,
    *,
    level: float,
    conf_type: ConfType,
    convention: Convention,
) -> Curve:
    """One arm's weighted Kaplan-Meier curve of its ``rows`` (start, stop, event), (m,), by owner and time.

    Subjects, events, censorings and numbers at risk are counted, each subject once: weights are in the curve alone.
    """
    start, stop, event = rows
    steps = weighted_steps(owner, start, stop, event, weight)
    last = np.concatenate([np.diff(owner) > 0, [True]])
    exits, died = stop[last], event[last]
    time = np.unique(exits)  # a death ends a subject's rows
    events, gone = (
        np.bincount(np.searchsorted(time, exits[who]), minlength=len(time)).astype(np.float64)
        for who in (died, np.ones(len(exits), dtype=np.bool_))
    )
    after = np.searchsorted(steps.time, time, side="right")
    survival = np.concatenate([[1.0], steps.survival])[after]
    log_se = np.sqrt(np.concatenate([[0.0], steps.variance])[after])
    lower, upper = survival_limits(survival, log_se, level, conf_type)
    arrays = {
        "time": time, "at_risk": len(exits) - np.concatenate([[0.0], np.cumsum(gone)[:-1]]), "event": events,
        "censored": gone - events, "survival": survival, "std_error": np.where(survival > 0, survival * log_se, 0.0),
        "lower": lower, "upper": upper,
    }  # fmt: skip
    for array in arrays.values():
        array.flags.writeable = False
    return Curve(
        group=group, subjects=float(len(exits)), events=float(events.sum()), level=level, conf_type=conf_type,
        convention=convention, entry=None, **arrays,
    )  # fmt: skip
