"""The new kernels on the smallest and emptiest input, for a process of its own in which indexes are checked.

numba does not check them. Without compilation numpy refuses an index beyond an array's end; one before its
beginning counts from the end in both, so arrays here are ``Fenced``: they refuse that, too.
"""

from __future__ import annotations

import itertools
import math
import warnings
from typing import Any

import numpy as np

from equipoise import kernels
from equipoise.kernels import batch_arms, history, search, targets, treatment


class Fenced(np.ndarray):
    """An array that has no place before its beginning."""

    def _inside(self, index: Any) -> None:
        for place in index if isinstance(index, tuple) else (index,):
            if not isinstance(place, slice) and place < 0:
                raise IndexError(f"{place} lies before the beginning")

    def __getitem__(self, index: Any) -> Any:
        self._inside(index)
        return super().__getitem__(index)

    def __setitem__(self, index: Any, value: Any) -> None:
        self._inside(index)
        super().__setitem__(index, value)


def fenced(array: Any, kind: Any = float) -> Any:
    return np.array(array, dtype=kind).view(Fenced)


def laws() -> Any:
    """Progression in three pieces (with an empty one), Weibull deaths, nobody drops out or is lost."""
    return fenced([
        [2, 3, 0, 30, 60, math.inf, 0.01, 0.0, 0.002], [1, 1.2, 900, *[0] * 6], [1, 0.8, 300, *[0] * 6], [0.0] * 9,
        [0.0] * 9,
    ])  # fmt: skip


def model(visits: int) -> tuple[Any, ...]:
    timing = [200, 500, 56 if visits else 0, 100, 84, 4, 0.1, 0.1, 9]
    return laws(), fenced(np.ones((5, 2))), fenced(timing), fenced([0, 0.5, 10, 0.7])


def run(n: int, visits: int, sides: list[list[int]], rows: list[tuple[int, ...]], steps: int) -> None:
    rng = np.random.default_rng(n + visits)
    u = fenced(rng.random((n, 9 + visits)))
    u[0, :] = 1 - 1e-15
    u[n - 1, :] = 1e-15
    arm = fenced(rng.integers(0, 2, n), np.int64)
    frozen = (arm, fenced(np.ones(n)), fenced(np.ones(n)), *model(visits))
    out, _ = history.histories(u, *frozen)
    assert (out[:, [5, 7, 9, 11]] >= 1).all()
    out, t, s = out.view(Fenced), len(rows), len(sides)
    aims = (
        fenced(np.array(sides).reshape(s, n), np.int8), fenced(rng.integers(0, 3, s), np.int64),
        fenced(np.array(rows).reshape(t, 5), np.int64), fenced(np.tile([1e6, 1e6, 1e6], (t, 1))),
        *(fenced(np.zeros((k, n)), np.int64) for k in (3, 3, s)), fenced(np.zeros(s), np.int64),
    )  # fmt: skip
    found = [fenced(np.zeros(k)) for k in (s, t, t, s + 1)]
    energy = search.measure(out, *aims, fenced(np.zeros((9, n))), *found)
    assert math.isfinite(energy)
    state = fenced([energy, energy])
    key = fenced([5, 6], np.uint64)
    last = search.anneal(u, out, u.copy(), state, *frozen, *aims, *found, key, 0, steps, 1e9, 0.0)
    assert last == (steps if t else 0)


def every_target(sets: int) -> list[tuple[int, ...]]:
    rows = [(targets.CROSSINGS, -1, -1, 0, 0)]
    for number in range(sets):
        for kind in range(12):
            arms = (-1,) if kind <= targets.Z or kind == targets.TAIL else (0, 1)
            rows += [(kind, number, a, kind % 3, 40) for a in arms if kind != targets.CROSSINGS]
        rows += [(kind, number, -1, 0, 40) for kind in (targets.KNOWN_FREE, targets.EVENTS)]
    return rows


def a_batch(rows: list[tuple[float, int, int, int]], sizes: list[int], strata: int, limits: list[float]) -> None:
    """Trials of (time, event, arm, stratum)."""
    time, event, arm, stratum = (list(column) for column in zip(*rows, strict=True)) if rows else ([], [], [], [])
    raw = fenced(time).view(np.uint64)
    starts = fenced([0, *np.cumsum(sizes)], np.int64)
    codes = fenced(stratum if strata > 1 else [], np.int64)
    keys, taken = kernels.pack_keys(raw, fenced(event, np.uint8), fenced(arm, np.uint8), codes, starts)
    for first, last in itertools.pairwise(starts):
        np.asarray(keys)[first:last].sort()
    keys = np.asarray(keys).view(Fenced)
    results = fenced(np.empty((len(sizes), batch_arms.COLUMNS)))
    for efron in (True, False):
        own = keys.copy()
        status = kernels.analyze_trials(
            own, own.view(np.float64), taken, raw, starts, strata, efron, True, fenced(limits), results
        )
        assert len(status) == len(sizes)


def batches() -> None:
    rows = [(5.0, 1, 0, 1), (5.0, 0, 1, 0), (3.0, 1, 1, 2), (0.0, 1, 0, 0), (8.5, 1, 1, 1)]
    for sizes in ([5], [1, 4], [0, 5, 0], [1, 1, 1, 1, 1], [2, 3]):
        for strata in (1, 3):
            for limit in (0.0, 5.0, 8.5, 9.0, math.nan):
                a_batch(rows, sizes, strata, [limit, limit])
                a_batch([(t, 1 - e, a, s) for t, e, a, s in rows], sizes, strata, [limit, math.nan])
    a_batch([], [0], 1, [1.0, 1.0])


def copies() -> None:
    """Models of bootstrap samples of nobody, of one subject, of one arm, and of some."""
    for n, drawn in ((1, [0]), (1, [2]), (2, [1, 0]), (4, [1, 1, 0, 2]), (4, [0, 3, 1, 1])):
        time, event = fenced([5.0, 5.0, 3.0, 8.5][:n]), fenced([1, 0, 1, 1][:n], bool)
        arm, some = fenced([0, 1, 1, 0][:n], np.int64), fenced([drawn], np.int64)
        on, end, order = fenced([0, 5, 3, 2][:n]), fenced([9, math.inf, 3, 9][:n]), np.argsort(time, kind="stable")
        a = fenced(np.column_stack([-np.ones(n), -arm, np.log(time)]))
        for size in (2, 3):
            kernels.accelerated_draws(size, a, event, some, fenced([0, 0, 1.0]))
            kernels.accelerated_again(
                fenced([-0.3, 0.4]), size, time, on, end, event, arm, some[0], 0.0, 1.0, a, fenced([0, 0, 1.0])
            )
        of = fenced(np.repeat(np.arange(n), 2), np.int64)
        for rows in (0, len(of)):
            x = fenced(np.column_stack([np.ones(rows), np.zeros(rows), np.arange(rows)]))
            kernels.switching_tests(
                fenced([-0.4, 0.0, 0.5]), time, on, end, event, some[0], fenced([order] * 2, np.int64), of[:rows],
                fenced(np.arange(rows) % 2, bool), x, fenced(np.zeros((2, 3))),
            )  # fmt: skip
        kernels.ratio_draws(
            some, fenced([time]), fenced([event], bool), arm, fenced([0, n], np.int64), fenced([order], np.int64)
        )


def main() -> None:
    batches()
    copies()
    for n, visits in ((1, 0), (2, 0), (1, 9), (7, 0), (7, 9)):
        nobody, control, treated = [-1] * n, [0] * n, [1] * n
        both = [i % 2 for i in range(n)]
        run(n, visits, [nobody, control, treated, both], every_target(4), 40)
        run(n, visits, [], every_target(0), 40)
        run(n, visits, [], [], 40)
        run(n, visits, [both], [], 40)
    kernels.philox(fenced([2**64 - 1, 2**64 - 1], np.uint64), 2**63 - 1, 2**63 - 1, fenced(np.zeros(4)))
    one = np.ones((2, 2))
    regimens = fenced([[0, 8, 1, 6, 21, 22, 1, 1], [1, 0, 0, 1, 1, 9, 0, 0]])
    treatment.doses_given(fenced([1, 400], np.int64), fenced([0, 1], np.int64), fenced([70, 80]), regimens, 0.1, one)
    nothing = fenced(np.zeros((0, 8)))
    treatment.doses_given(fenced([1], np.int64), fenced([0], np.int64), fenced([70]), nothing, 0.1, fenced([[]]))
    for kinds in (0, 2):
        treatment.adverse_event_days(
            fenced([1, 9], np.int64), fenced([0, 1], np.int64), fenced([2, 0.5]), fenced(np.full((2, kinds), 0.5)),
            fenced([0.1, 0.2]), fenced(np.full((2, kinds), 0.1)), fenced(np.full((2, kinds + 1), 1 - 2**-53)),
        )  # fmt: skip
    print("inside")


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # whole numbers of 64 bits wrap, as they should
    main()
