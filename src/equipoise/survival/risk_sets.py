"""A TimeToEvent laid out as the kernels want it: sorted by stratum, then time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .. import results
from ..data import TimeToEvent
from ..errors import UnsupportedError
from .convention import refuse_weights_and_entry

_EMPTY = np.empty(0)
_NO_ROWS = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RiskSets:
    """Rows sorted by stratum, then time; ``starts`` (s + 1,) marks the strata. At risk: entry < t <= time.

    ``entry`` is in the same order; ``leaving`` and ``entering`` are rows of each stratum by descending
    and ascending entry. All three have length 0 when nobody enters late. The analyses of a TimeToEvent share its
    risk sets, so the arrays are read-only.
    """

    order: NDArray[np.int64]
    time: NDArray[np.float64]
    event: NDArray[np.bool_]
    arm: NDArray[np.int64]
    weight: NDArray[np.float64]
    starts: NDArray[np.int64]
    entry: NDArray[np.float64]
    leaving: NDArray[np.int64]
    entering: NDArray[np.int64]

    def __post_init__(self) -> None:
        results.read_only(self)


def risk_sets(tte: TimeToEvent, stratified: bool) -> RiskSets:
    """Sort once; without stratification all subjects form one stratum."""
    by_stratum = stratified and len(tte.strata) > 1
    found = tte.prepared.get(("risk sets", by_stratum))
    if found is None:
        found = tte.prepared["risk sets", by_stratum] = _laid_out(tte, by_stratum)
    return found


def sorted_rows(time: NDArray[np.float64], event: NDArray[np.bool_], weight: NDArray[np.float64]) -> RiskSets:
    """Rows that are sorted by time already, in one stratum and one arm, nobody entering late."""
    n = len(time)
    return RiskSets(
        order=np.arange(n), time=time, event=event, arm=np.zeros(n, dtype=np.int64), weight=weight,
        starts=np.array([0, n], dtype=np.int64), entry=_EMPTY, leaving=_NO_ROWS, entering=_NO_ROWS,
    )  # fmt: skip


def _laid_out(tte: TimeToEvent, by_stratum: bool) -> RiskSets:
    n = tte.n
    order = tte.order if by_stratum or len(tte.strata) < 2 else np.argsort(tte.time)
    starts = np.array([0, n], dtype=np.int64)
    if by_stratum:
        starts = np.concatenate([[0], np.cumsum(np.bincount(tte.stratum, minlength=len(tte.strata)))]).astype(np.int64)
    entry, leaving, entering = _EMPTY, _NO_ROWS, _NO_ROWS
    if tte.entry is not None:
        entry = tte.entry[order]
        stratum = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
        entering = np.lexsort((entry, stratum)).astype(np.int64)
        leaving = np.lexsort((-entry, stratum)).astype(np.int64)
    return RiskSets(
        order=order,
        time=tte.time[order],
        event=(tte.event > 0)[order],
        arm=tte.arm[order],
        weight=np.ones(n) if tte.weight is None else tte.weight[order],
        starts=starts,
        entry=entry,
        leaving=leaving,
        entering=entering,
    )


_MOST_COPIES = 1e8


def copies(tte: TimeToEvent, what: str) -> NDArray[np.int64]:
    """Row numbers, each as often as its case weight says: subjects for methods that know no weights.

    Raises ``UnsupportedError`` for probability weights, for case weights that are not whole, and for late entry.
    """
    refuse_weights_and_entry(tte, what)
    rows = np.arange(tte.n)
    if tte.weight is None:
        return rows
    if (tte.weight != np.round(tte.weight)).any():
        raise UnsupportedError(
            f"{what} take case weights as copies of a subject, and these are not whole numbers",
            remedy="Use whole numbers, or cox() with probability weights.",
        )
    total = float(tte.weight.sum())
    if total > _MOST_COPIES:
        raise UnsupportedError(
            f"{what} need a row a subject, and the weights count {total:g} of them",
            remedy=f"Up to {_MOST_COPIES:g}; kaplan_meier, logrank, rmst and cox of the arms take weights as they are.",
        )
    return np.repeat(rows, tte.weight.astype(np.int64))
