"""Competing causes of failure: what their methods ask of the data, and the counts that they share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..data import TimeToEvent
from ..errors import UnsupportedError
from .convention import ArgumentError

Array = NDArray[np.float64]


def check_cause(cause: int) -> None:
    """A cause is a code 1, 2, ..."""
    if isinstance(cause, bool) or not isinstance(cause, int | np.integer) or cause < 1:
        raise ArgumentError(f"{cause!r} is no cause", remedy="Causes are the codes 1, 2, ...; 0 is censored.")


def copies(tte: TimeToEvent, method: str) -> Array:
    """Copies of each subject, (n,); refuses late entry, probability weights and weights that are not whole."""
    if tte.entry is not None:
        raise UnsupportedError(
            f"{method} has no proof here under late entry",
            remedy="Use tte.cause(k) with cox(), logrank() or kaplan_meier(), which allow it.",
        )
    if tte.weight is None:
        return np.ones(tte.n)
    if tte.weight_type == "probability":
        raise UnsupportedError(
            f"{method} has no variance here under probability weights", remedy="Use tte.cause(k) with cox()."
        )
    if (tte.weight != np.round(tte.weight)).any():
        raise UnsupportedError(
            "case weights that are not whole numbers do not count copies of a subject", remedy="Use whole numbers."
        )
    return tte.weight


def distinct(time: Array) -> NDArray[np.int64]:
    """Where each distinct time begins among times in ascending order."""
    return np.flatnonzero(np.concatenate([[True] * (len(time) > 0), time[1:] != time[:-1]]))


def counts(time: Array, code: NDArray[np.int64], weight: Array, cells: int) -> tuple[Array, Array, Array]:
    """Distinct times (k,), leaving at each by ``code`` (k, cells), and still there just before it (k, cells).

    ``time`` is in ascending order; ``code`` sorts its rows into cells such as causes, or groups by causes.
    """
    begin = distinct(time)
    step = np.repeat(np.arange(len(begin)), np.diff(np.append(begin, len(time))))
    cell = step * cells + code
    leaving = np.bincount(cell, weights=weight, minlength=len(begin) * cells).astype(float).reshape(-1, cells)
    present: Array = np.cumsum(leaving[::-1], axis=0)[::-1]
    return time[begin], leaving, present


def tie_share(failing: Array, of: Array) -> Array:
    """What is left of a variance when ``failing`` of ``of`` at risk fail at once: 1 - (d - 1) / (n - 1), 1 for one."""
    share = np.ones(np.broadcast_shapes(failing.shape, of.shape))
    np.divide(failing - 1.0, of - 1.0, out=share, where=(failing > 1) & (of > 1))
    share = np.where((failing > 1) & (of > 1), 1.0 - share, 1.0)
    share[np.abs(share) < 1e-12] = 0.0  # everybody at once: what is left is rounding
    return share
