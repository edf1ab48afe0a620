"""Which totals of the arms an allocation can have, so that an impossible request is refused before anything is drawn.

A stratum of m patients ends in an open block of size b that began after s patients (s a sum of block sizes). With the
ratio a (parts a_k, together A) arm k then has between a_k s / A and a_k (s + b) / A patients, and whatever keeps to
these limits and adds up to m is possible. Such a set is the base of a polymatroid (Edmonds 1970): it is all that for
every group of arms stays within

    f(group) = a(group) s / A + min(m - s, a(group) b / A),

and these limits of strata add up to those of the sum. With several block sizes the largest f over the open blocks that
can occur is a necessary limit. With two arms it is sufficient too: the possible totals of an arm are then intervals
that all contain the whole numbers next to m a_k / A, so that they join without a gap.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from ..errors import DesignError
from ..protocol import Randomization


def wanted_totals(
    randomization: Randomization, lengths: NDArray[np.int64], counts: Mapping[str, int]
) -> NDArray[np.int64]:
    """The totals asked for, in the order of ``allocation``, for strata of ``lengths`` patients.

    Refuses with DesignError arms that the allocation does not have or that are left out, totals that do not add up to
    the patients, and totals that the procedure cannot give; the remedy says between what each arm's total lies
    and, where that is known, the nearest possible totals.

    >>> coin = Randomization(procedure="simple", allocation={"A": 1, "B": 1})
    >>> wanted_totals(coin, np.array([5]), {"B": 3, "A": 2}).tolist()
    [2, 3]
    >>> blocks = Randomization(procedure="permuted blocks", allocation={"A": 1, "B": 1}, block_sizes=(4,))
    >>> wanted_totals(blocks, np.array([6]), {"A": 5, "B": 1})
    Traceback (most recent call last):
    equipoise.errors.DesignError: no allocation of 6 patients in permuted blocks of 4 has the totals A 5, B 1 (counts).
    Possible: A 2 to 4, B 2 to 4. The nearest: A 4, B 2.
    """
    arms = tuple(randomization.allocation)
    if set(counts) != set(arms):
        raise DesignError(
            f"totals are given for {', '.join(map(str, counts)) or 'no arm'}, the arms are {', '.join(arms)}",
            where="counts",
            remedy="Give one for each arm.",
        )
    wanted = [counts[arm] for arm in arms]
    if not all(isinstance(c, int | np.integer) and c >= 0 for c in wanted):
        shown = ", ".join(f"{arm} {counts[arm]}" for arm in arms)
        raise DesignError(f"no totals are {shown}", where="counts", remedy="Give whole numbers from 0 on.")
    n = int(lengths.sum())
    if sum(wanted) != n:
        raise DesignError(
            f"the totals {in_words(arms, wanted)} add up to {sum(wanted)}, not to the {n} patients",
            where="counts",
            remedy="Give totals that add up to the number of patients.",
        )
    if randomization.procedure == "permuted blocks":
        _require_possible(randomization, lengths, [int(c) for c in wanted])
    return np.array(wanted, dtype=np.int64)


def in_words(arms: Sequence[str], totals: Sequence[int] | NDArray[np.int64]) -> str:
    """Totals as they stand in a message.

    >>> in_words(("A", "B"), (104, 103))
    'A 104, B 103'
    """
    return ", ".join(f"{arm} {total}" for arm, total in zip(arms, totals, strict=True))


def _require_possible(randomization: Randomization, lengths: NDArray[np.int64], wanted: list[int]) -> None:
    limits = _limits(randomization, lengths)
    if _keeps(wanted, limits):
        return
    arms, n = tuple(randomization.allocation), sum(wanted)
    everyone = len(limits) - 1
    ranges = (f"{arm} {n - limits[everyone ^ 1 << k]} to {limits[1 << k]}" for k, arm in enumerate(arms))
    remedy = f"Possible: {', '.join(ranges)}."
    sizes = sorted(set(randomization.block_sizes))
    if len(arms) == 2 or len(sizes) == 1:
        remedy += f" The nearest: {in_words(arms, _nearest(wanted, limits))}."
    within = f" within {len(lengths)} strata" if len(lengths) > 1 else ""
    raise DesignError(
        f"no allocation of {n} patients in permuted blocks of {' or '.join(map(str, sizes))}{within} has the totals "
        f"{in_words(arms, wanted)}",
        where="counts",
        remedy=remedy,
    )


def _limits(randomization: Randomization, lengths: NDArray[np.int64]) -> list[int]:
    """f of every group of arms (bit k of the index: arm k is in the group), summed over strata."""
    ratio = tuple(randomization.allocation.values())
    parts = sum(ratio)
    multiples = sorted({size // parts for size in randomization.block_sizes})
    groups = [sum(a for k, a in enumerate(ratio) if group >> k & 1) for group in range(2 ** len(ratio))]
    longest = int(lengths.max(initial=0)) // parts
    reached = [True]  # whether so many times the ratio can be a number of complete blocks
    for j in range(1, longest + 1):
        reached.append(any(c <= j and reached[j - c] for c in multiples))
    limits = [0] * len(groups)
    for m, strata in Counter(lengths.tolist()).items():
        open_blocks = [
            (j, c)
            for c in multiples
            for j in range(max(0, -(-m // parts) - c), -(-m // parts))
            if reached[j]
        ]  # fmt: skip
        for group, a in enumerate(groups):
            limits[group] += strata * max(a * j + min(m - parts * j, a * c) for j, c in open_blocks)
    return limits


def _keeps(totals: Sequence[int], limits: Sequence[int]) -> bool:
    """No group of arms has more than its limit (the group of all has it exactly)."""
    return all(
        sum(total for k, total in enumerate(totals) if group >> k & 1) <= limit for group, limit in enumerate(limits)
    )


def _nearest(wanted: Sequence[int], limits: Sequence[int]) -> list[int]:
    """Possible totals with the smallest sum of differences from those wanted.

    Patients are moved from arm to arm, one at a time, as long as that brings the totals closer; in the base of a
    polymatroid no better totals are then left anywhere (Murota 2003).
    """
    group, totals = 0, []
    for k in range(len(wanted)):  # a corner to start from
        totals.append(limits[group | 1 << k] - limits[group])
        group |= 1 << k
    moved = True
    while moved:
        moved = False
        for giver, taker in permutations(range(len(wanted)), 2):
            after = [t - (k == giver) + (k == taker) for k, t in enumerate(totals)]
            if _apart(after, wanted) < _apart(totals, wanted) and _keeps(after, limits):
                totals, moved = after, True
    return totals


def _apart(totals: Sequence[int], wanted: Sequence[int]) -> int:
    return sum(abs(t - w) for t, w in zip(totals, wanted, strict=True))
