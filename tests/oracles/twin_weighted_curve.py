"""A weighted Kaplan-Meier curve a second time: loops over death times from its definition, derivatives by steps."""

from __future__ import annotations

import math
from collections.abc import Sequence

Rows = Sequence[tuple[int, float, float, bool, float]]  # owner, start, stop, death, weight


def height(rows: Rows, at: float) -> float:
    """S(at): of those with start < u <= stop, the share by weight that lives past each death time u <= at. Everybody's
    first row begins before day 0."""
    first: dict[int, float] = {}
    for owner, start, *_ in rows:
        first[owner] = min(start, first.get(owner, math.inf))
    survival = 1.0
    for u in sorted({stop for _, _, stop, death, _ in rows if death and stop <= at}):
        here = [r for r in rows if (r[1] < u or r[1] == first[r[0]]) and u <= r[2]]
        dying = sum(w for _, _, stop, death, w in here if death and stop == u)
        survival *= 1 - dying / sum(w for *_, w in here)
    return survival


def variance_of_log(rows: Rows, at: float, step: float = 1e-5) -> float:
    """The sum over subjects of (d log S(at) / d log of all weights of the subject) squared, by central differences."""
    total = 0.0
    for who in {owner for owner, *_ in rows}:
        moved = []
        for factor in (1 + step, 1 - step):
            changed = [(o, a, b, d, w * factor if o == who else w) for o, a, b, d, w in rows]
            moved.append(math.log(height(changed, at)))
        total += ((moved[0] - moved[1]) / (2 * step)) ** 2
    return total
