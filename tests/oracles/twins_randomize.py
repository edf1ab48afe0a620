"""Second program for randomization: one patient after the other, and laws by counting.

Orders come from sorting by random keys. Laws are exact fractions from the definition: a block's size is one of the
entries of ``sizes``, each equally likely, and its order is one of the different orders of its content, each equally
likely. Only small cases can be counted.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

Arms = tuple[int, ...]
Law = dict[Arms, Fraction]


def content(ratio: Sequence[int], size: int) -> list[int]:
    """The arms in a block, in order of arm."""
    return [arm for arm, part in enumerate(ratio) for _ in range(part * size // sum(ratio))]


def random_order(arms: Sequence[int], rng: random.Random) -> list[int]:
    keys = [(rng.random(), place) for place in range(len(arms))]
    return [arms[place] for _, place in sorted(keys)]


def simple(ratio: Sequence[int], n: int, rng: random.Random) -> list[int]:
    return [rng.choice([arm for arm, part in enumerate(ratio) for _ in range(part)]) for _ in range(n)]


def blocks(ratio: Sequence[int], sizes: Sequence[int], strata: Sequence[int], rng: random.Random) -> list[int]:
    """Each patient takes the next place of the open block of the stratum; a new block is opened when it is used up."""
    waiting: dict[int, list[int]] = {}
    arms = []
    for stratum in strata:
        if not waiting.get(stratum):
            waiting[stratum] = random_order(content(ratio, rng.choice(list(sizes))), rng)
        arms.append(waiting[stratum].pop(0))
    return arms


def blocks_given_totals(
    ratio: Sequence[int], sizes: Sequence[int], strata: Sequence[int], wanted: Sequence[int], rng: random.Random
) -> list[int]:
    while True:
        arms = blocks(ratio, sizes, strata, rng)
        if [arms.count(k) for k in range(len(ratio))] == list(wanted):
            return arms


def law_of_one_stratum(ratio: Sequence[int], sizes: Sequence[int], m: int) -> Law:
    """The probability of each sequence of m arms."""
    if m == 0:
        return {(): Fraction(1)}
    law: Counter[Arms] = Counter()
    for size in sizes:
        orders = set(itertools.permutations(content(ratio, size)))
        each = Fraction(1, len(sizes) * len(orders))
        rest = law_of_one_stratum(ratio, sizes, max(m - size, 0))
        for order in orders:
            for later, p in rest.items():
                law[(order + later)[:m]] += each * p
    return dict(law)


def law(ratio: Sequence[int], sizes: Sequence[int], strata: Sequence[int]) -> Law:
    """The probability of each allocation, the arms in order of entry."""
    names = sorted(set(strata))
    single = [law_of_one_stratum(ratio, sizes, list(strata).count(s)) for s in names]
    found: Counter[Arms] = Counter()
    for picked in itertools.product(*(x.items() for x in single)):
        waiting = {s: list(arms) for s, (arms, _) in zip(names, picked, strict=True)}
        p = Fraction(1)
        for _, q in picked:
            p *= q
        found[tuple(waiting[s].pop(0) for s in strata)] += p
    return dict(found)


def given_totals(whole: Law, wanted: Sequence[int]) -> Law:
    kept = {arms: p for arms, p in whole.items() if [arms.count(k) for k in range(len(wanted))] == list(wanted)}
    total = sum(kept.values())
    return {arms: p / total for arms, p in kept.items()}


def totals_of_one_stratum(ratio: Sequence[int], sizes: Sequence[int], m: int) -> set[Arms]:
    """The totals that m patients of a stratum can have."""
    if m == 0:
        return {(0,) * len(ratio)}
    found: set[Arms] = set()
    for size in set(sizes):
        full = [content(ratio, size).count(k) for k in range(len(ratio))]
        if size <= m:
            heads, rest = [tuple(full)], totals_of_one_stratum(ratio, sizes, m - size)
        else:
            heads = [h for h in itertools.product(*(range(f + 1) for f in full)) if sum(h) == m]
            rest = {(0,) * len(ratio)}
        found |= {tuple(a + b for a, b in zip(h, r, strict=True)) for h in heads for r in rest}
    return found


def possible_totals(ratio: Sequence[int], sizes: Sequence[int], strata: Sequence[int]) -> set[Arms]:
    """The totals that all strata together can have."""
    found: set[Arms] = {(0,) * len(ratio)}
    for m in Counter(strata).values():
        one = totals_of_one_stratum(ratio, sizes, m)
        found = {tuple(a + b for a, b in zip(x, y, strict=True)) for x in found for y in one}
    return found


def could_be(ratio: Sequence[int], sizes: Sequence[int], arms: Sequence[int]) -> bool:
    """Whether a stratum's arms are complete blocks holding the ratio and the beginning of a last one."""
    if not arms:
        return True
    for size in set(sizes):
        full, head = Counter(content(ratio, size)), Counter(arms[:size])
        if len(arms) < size and all(head[k] <= full[k] for k in head):
            return True
        if len(arms) >= size and head == full and could_be(ratio, sizes, arms[size:]):
            return True
    return False
