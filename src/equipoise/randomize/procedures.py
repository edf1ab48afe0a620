"""Arms to patients by the procedure of ``[randomization]``: simple, or permuted blocks within strata.

Simple randomization gives each patient an arm independently, in the ratio of ``allocation``. Permuted blocks (Zelen
1974; Matts and Lachin 1988) fill each stratum from blocks, each of a size drawn from ``block_sizes`` (every entry
equally likely) and holding the arms in the ratio, all orders equally likely; the last block of a stratum stays open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import DesignError
from ..protocol import Randomization
from .totals import in_words, wanted_totals

Codes = NDArray[np.int64]

TRIES = 100_000
"""So many allocations are drawn before totals are given up as too improbable."""

_BATCH = 16  # a few suffice where totals are close to the ratio, which is what is asked for
_LARGEST_BATCH = 1024


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Places:
    """The places of permuted blocks, in order of queue, block and position; all numbers from 0, ``size`` the block's.

    A queue is a stratum (of one try). ``place`` counts the places within the queue, ``block`` its blocks.
    """

    queue: Codes
    block: Codes
    size: Codes
    position: Codes
    place: Codes
    arm: Codes


def allocate(
    randomization: Randomization,
    strata: ArrayLike,
    *,
    stream: np.random.Generator,
    counts: Mapping[str, int] | None = None,
) -> Codes:
    """The arm of each patient, as an index into ``tuple(randomization.allocation)``; shape (n,), in order of entry.

    ``strata`` (n,) holds the stratum of each patient as a whole number, in order of entry; all the same without
    strata. ``counts`` (arm -> number of patients) asks for these totals: the result then follows the law of the
    procedure given the totals. For simple randomization that is a uniformly random arrangement of the labels;
    permuted blocks are drawn until the totals match, at most ``TRIES`` times.

    Refuses with DesignError strata that are no such array or that the procedure does not have, and totals that are
    impossible (at once, with what is possible) or that none of the tries had. With three arms or more and several
    block sizes the check beforehand is of necessary conditions only.

    Source: Zelen (1974), Matts and Lachin (1988).

    >>> from equipoise.randomize import Purpose, generator
    >>> blocks = Randomization(procedure="permuted blocks", allocation={"A": 1, "B": 1}, block_sizes=(4,))
    >>> allocate(blocks, [0] * 8, stream=generator(1, purpose=Purpose.ALLOCATION)).tolist()
    [1, 1, 0, 0, 1, 1, 0, 0]
    >>> arms = allocate(blocks, [0] * 7, stream=generator(1, purpose=Purpose.ALLOCATION), counts={"A": 4, "B": 3})
    >>> [int((arms == k).sum()) for k in (0, 1)]
    [4, 3]
    """
    codes = _strata(randomization, strata)
    lengths = np.unique(codes, return_counts=True)[1].astype(np.int64)
    wanted = None if counts is None else wanted_totals(randomization, lengths, counts)
    if randomization.procedure == "simple":
        return _simple(randomization, len(codes), wanted, stream)
    drawn = (
        _draws(randomization, lengths, 1, stream)[0]
        if wanted is None
        else _matching(randomization, lengths, wanted, stream)
    )
    arm = np.empty(len(codes), dtype=np.int64)
    arm[np.argsort(codes, kind="stable")] = drawn  # drawn stratum by stratum, within one in order of entry
    return arm


def permuted_blocks(randomization: Randomization, lengths: Codes, stream: np.random.Generator) -> Places:
    """Complete blocks for queues of at least ``lengths`` (positive) places each, independently of one another.

    Source: Zelen (1974), Matts and Lachin (1988).

    >>> from equipoise.randomize import Purpose, generator
    >>> blocks = Randomization(procedure="permuted blocks", allocation={"A": 2, "B": 1}, block_sizes=(3,))
    >>> drawn = permuted_blocks(blocks, np.array([4]), generator(1, purpose=Purpose.ALLOCATION))
    >>> drawn.place.tolist(), drawn.block.tolist(), sorted(drawn.arm[:3].tolist())
    ([0, 1, 2, 3, 4, 5], [0, 0, 0, 1, 1, 1], [0, 0, 1])
    """
    ratio = np.array(list(randomization.allocation.values()), dtype=np.int64)
    sizes = np.array(randomization.block_sizes, dtype=np.int64)
    blocks = -(-lengths // sizes.min())  # enough whatever sizes are drawn; those that nobody reaches are dropped
    queue = np.repeat(np.arange(len(lengths)), blocks)
    opening = np.cumsum(blocks) - blocks
    block = np.arange(len(queue)) - opening[queue]
    size = sizes[stream.integers(len(sizes), size=len(queue))]
    before = np.cumsum(size) - size
    start = before - before[opening][queue]
    reached = start < lengths[queue]
    queue, block, size, start = queue[reached], block[reached], size[reached], start[reached]

    first = np.cumsum(size) - size
    arm = np.empty(int(size.sum()), dtype=np.int64)
    for b in np.unique(size):
        here = first[size == b]
        content = np.repeat(np.arange(len(ratio)), ratio * (b // ratio.sum()))
        arm[here[:, None] + np.arange(b)] = stream.permuted(np.tile(content, (len(here), 1)), axis=1)
    position = np.arange(len(arm)) - np.repeat(first, size)
    return Places(
        queue=np.repeat(queue, size),
        block=np.repeat(block, size),
        size=np.repeat(size, size),
        position=position,
        place=np.repeat(start, size) + position,
        arm=arm,
    )


def simple_draws(randomization: Randomization, n: int, stream: np.random.Generator) -> Codes:
    """Arms of n patients, each independently in the ratio of ``allocation``.

    >>> from equipoise.randomize import Purpose, generator
    >>> coin = Randomization(procedure="simple", allocation={"A": 1, "B": 1})
    >>> simple_draws(coin, 6, generator(1, purpose=Purpose.ALLOCATION)).tolist()
    [0, 0, 0, 1, 0, 1]
    """
    ratio = list(randomization.allocation.values())
    tickets = np.repeat(np.arange(len(ratio)), ratio)  # whole parts, so that no probability is rounded
    return tickets[stream.integers(len(tickets), size=n)]


def _simple(randomization: Randomization, n: int, wanted: Codes | None, stream: np.random.Generator) -> Codes:
    """Independent labels; given the totals every arrangement of them has the same probability."""
    if wanted is None:
        return simple_draws(randomization, n, stream)
    return stream.permutation(np.repeat(np.arange(len(wanted)), wanted))


def _draws(randomization: Randomization, lengths: Codes, tries: int, stream: np.random.Generator) -> Codes:
    """Independent allocations, (tries, n), the strata one after the other."""
    if not len(lengths):
        return np.empty((tries, 0), dtype=np.int64)
    queues = np.tile(lengths, tries)
    drawn = permuted_blocks(randomization, queues, stream)
    return drawn.arm[drawn.place < queues[drawn.queue]].reshape(tries, -1)


def _matching(randomization: Randomization, lengths: Codes, wanted: Codes, stream: np.random.Generator) -> Codes:
    """The first of independent allocations that has the totals: the law given the totals, by definition."""
    tried, batch = 0, _BATCH
    nearest, apart = wanted, np.inf
    while tried < TRIES:
        batch = min(batch, TRIES - tried)
        drawn = _draws(randomization, lengths, batch, stream)
        totals = (drawn[:, :, None] == np.arange(len(wanted))).sum(axis=1)
        away = np.abs(totals - wanted).sum(axis=1)
        best = int(away.argmin())
        if away[best] == 0:
            return drawn[best]
        if away[best] < apart:
            nearest, apart = totals[best], away[best]
        tried, batch = tried + batch, min(2 * batch, _LARGEST_BATCH)
    arms = tuple(randomization.allocation)
    raise DesignError(
        f"none of {TRIES:,} allocations drawn had the totals {in_words(arms, wanted)}",
        where="counts",
        remedy=f"They are too improbable under this procedure; the nearest drawn: {in_words(arms, nearest)}.",
    )


def _strata(randomization: Randomization, strata: ArrayLike) -> Codes:
    """Stratum codes as an array, refused where the procedure could not use them."""
    codes = np.asarray(strata)
    if codes.ndim != 1 or (codes.size and codes.dtype.kind not in "iu"):
        raise DesignError(
            f"strata are not one whole number a patient, but {codes.dtype} of shape {codes.shape}",
            where="strata",
            remedy="Number the strata; give 0 for every patient where there are none.",
        )
    if not randomization.strata and codes.size and (codes != codes[0]).any():
        raise DesignError(
            f"patients are in {len(np.unique(codes))} strata, but the randomization has none",
            where="randomization.strata",
            remedy="Name the columns of the strata there, or give the same number for every patient.",
        )
    return codes.astype(np.int64)
