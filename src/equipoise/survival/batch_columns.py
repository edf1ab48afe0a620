"""The columns of a batch of trials as they are given, made into checked arrays. Refusals name trial and subject."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import DataError, UnsupportedError

_BITS = 26  # a near tie is 2^-26 of the mean time, see data/columns.py; a number has 52 bits
_MOST_BITS = 14  # 2^(14 - 52) of a time is 4e-12


def times_column(
    time: ArrayLike, sizes: int | ArrayLike, scale: float
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The times as given, and where each trial begins (m + 1,)."""
    given = np.asarray(time)
    if given.ndim != 1 or given.dtype.kind not in "fiu":
        what = f"time is an array of {given.dtype}, shape {given.shape}"
        raise DataError(what, column="time", remedy="Give the times of all trials as one array of numbers.")
    times = np.ascontiguousarray(given, dtype=np.float64)
    starts = trial_starts(sizes, len(times))
    most = np.finfo(np.float64).max / scale
    if not (times.min() >= 0 and times.max() <= most):  # a nan fails this too
        missing, below = np.isnan(times), times < 0
        bad, what = (missing, "time is missing") if missing.any() else (below, "a time is below zero")
        if not bad.any():
            bad, what = times > most, "time is not finite"
        _refuse(bad, what, "time", starts, "Mend the times, or leave the subjects out.")
    return times, starts


def trial_starts(sizes: int | ArrayLike, rows: int) -> NDArray[np.int64]:
    """Where trials begin, from their common size or the size of each."""
    given = np.asarray(sizes)
    remedy = "Give the rows of each trial: one whole number for all, or one by trial; they add up to all rows."
    if given.dtype.kind not in "iu" or given.ndim > 1:
        raise DataError(f"sizes are {given.dtype}, shape {given.shape}", column="sizes", remedy=remedy)
    if rows == 0:
        raise DataError("there are no rows", column="time", remedy="Give at least one trial.")
    if (given < 0).any() or (given.ndim == 0 and given < 1):
        raise DataError(f"a size is {int(given.min())}", column="sizes", remedy=remedy)
    if given.ndim == 0:
        if rows % int(given):
            raise DataError(f"{rows} rows are not a multiple of {int(given)}", column="sizes", remedy=remedy)
        return np.arange(0, rows + 1, int(given), dtype=np.int64)
    if int(given.sum()) != rows:
        raise DataError(f"sizes add up to {int(given.sum())}, time has {rows} rows", column="sizes", remedy=remedy)
    return np.concatenate([[0], np.cumsum(given, dtype=np.int64)])


def code_column(column: ArrayLike, name: str, starts: NDArray[np.int64]) -> NDArray[np.uint8]:
    """A column of 0 and 1 as bytes."""
    given = np.asarray(column)
    meaning = {"event": "0 is censored, 1 the event", "arm": "0 is control, 1 experimental"}[name]
    if given.shape != (starts[-1],):
        raise DataError(f"{name} has shape {given.shape}, time has ({starts[-1]},)", column=name, remedy="Align them.")
    if given.dtype.kind == "b":
        return np.ascontiguousarray(given).view(np.uint8)
    if given.dtype.kind not in "iuf":
        raise DataError(f"{name} is an array of {given.dtype}", column=name, remedy=f"Give codes: {meaning}.")
    whole = given.dtype.kind != "f"
    if not (whole and given.min() >= 0 and given.max() <= 1):
        known = (given == 0) | (given == 1)
        what = f"{name} is missing" if not whole and np.isnan(given).any() else f"{name} is neither 0 nor 1"
        _refuse(~known, what, name, starts, f"{meaning}.")
    return np.ascontiguousarray(given, dtype=np.uint8)


def strata_column(strata: ArrayLike | None, starts: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """Codes (n,), or (0,) without, and how many there may be."""
    codes, count, bits = np.empty(0, dtype=np.int64), 1, 2
    largest = int(np.diff(starts).max())
    if strata is not None:
        given = np.asarray(strata)
        if given.shape != (starts[-1],) or given.dtype.kind not in "iu":
            what = f"strata are {given.dtype} of shape {given.shape}, time has shape ({starts[-1]},)"
            raise DataError(what, column="strata", remedy="Give one whole number from 0 by row.")
        codes = np.ascontiguousarray(given, dtype=np.int64)
        _refuse(codes < 0, "a stratum is below zero", "strata", starts, "Number the strata from 0.")
        count = int(codes.max()) + 1
        bits += (count - 1).bit_length()
    # Times with the same key differ by less than 2^(bits - 52) of them. They must be near-tied: no time exceeds the sum
    # of all, so the mean is at least 1 / largest of any.
    if largest << bits > 1 << _BITS or bits > _MOST_BITS:
        raise UnsupportedError(
            f"a trial of {largest} rows in {count} strata does not fit into the keys of a batch",
            remedy="Number the strata of each trial from 0, or analyze large trials as a TimeToEvent each.",
        )
    return codes, count


def _refuse(bad: NDArray[np.bool_], what: str, column: str, starts: NDArray[np.int64], remedy: str) -> None:
    """Name rows by trial (from 0) and subject within it (from 1)."""
    if not bad.any():
        return
    rows = np.flatnonzero(bad)
    trials = np.searchsorted(starts, rows, side="right") - 1
    names = [f"{r - starts[t] + 1} of trial {t}" for r, t in zip(rows.tolist(), trials.tolist(), strict=True)]
    raise DataError(f"{what} in {len(rows)} of {starts[-1]} rows", column=column, subjects=names, remedy=remedy)
