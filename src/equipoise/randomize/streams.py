"""Streams of random numbers, each with an address: seed, trial number and purpose.

A stream is Philox4x64-10 (Salmon, Moraes, Dror and Shaw 2011), a bijection of a counter under a key: two keys are two
streams, without any jumping ahead. The key has two words of 64 bits::

    word 0   the seed
    word 1   the trial number in the upper 56 bits, the purpose in the lower 8

So the seventh trial alone is the seventh of ten thousand, and drawing more for one purpose moves no other. The key is
set as it stands: nothing is hashed, and different addresses are different keys.
"""

from __future__ import annotations

import operator
from enum import IntEnum

import numpy as np

from ..errors import DesignError

_SEEDS = 2**64
_TRIALS = 2**56


class Purpose(IntEnum):
    """What a stream is for. The numbers are part of every stream's address and never change."""

    ALLOCATION = 1
    BASELINE = 2
    NOISE = 3
    SEARCH = 4
    ADVERSE_EVENTS = 5
    DOSES = 6
    IMPUTATION = 7
    MEASUREMENT = 8
    SITES = 9
    DISCONTINUATION = 10
    BOOTSTRAP = 11
    RESPONSE = 12
    PROVING = 13


def generator(seed: int, *, trial: int = 0, purpose: Purpose) -> np.random.Generator:
    """The stream at an address: ``seed`` below 2**64, ``trial`` number below 2**56, ``purpose``.

    Refuses with DesignError what is no such number. Source: Salmon, Moraes, Dror and Shaw (2011).

    >>> generator(2026, trial=7, purpose=Purpose.ALLOCATION).integers(100, size=4).tolist()
    [89, 12, 65, 15]
    >>> generator(2026, trial=7, purpose=Purpose.BASELINE).integers(100, size=4).tolist()
    [5, 33, 49, 72]
    """
    try:
        number = Purpose(purpose)
    except ValueError:
        known = ", ".join(f"{p.name} ({p.value})" for p in Purpose)
        raise DesignError(
            f"no stream has the purpose {purpose!r}", where="purpose", remedy=f"Known: {known}."
        ) from None
    word = _within(trial, _TRIALS, "trial number", "trial") << 8 | number.value
    key = np.array([_within(seed, _SEEDS, "seed", "seed"), word], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key))


def _within(value: int, limit: int, noun: str, where: str) -> int:
    """A whole number from 0 up to, not including, the limit."""
    try:
        number = operator.index(value)
    except TypeError:
        number = -1
    if isinstance(value, bool) or not 0 <= number < limit:
        power = limit.bit_length() - 1
        remedy = f"Give a whole number from 0 to 2**{power} - 1."
        raise DesignError(f"{value!r} is no {noun}", where=where, remedy=remedy)
    return number
