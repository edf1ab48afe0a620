"""The numbers that ``numpy.random.Generator(numpy.random.Philox(key=...))`` draws, in kernels: doubles, and blocks put
into random order."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from .random import _M0, _M1, _W0, _W1

_11 = np.uint64(11)
_32 = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)
_SCALE = 1.0 / 9007199254740992.0
_LEAST, _MOST = 1e-15, 1.0 - 1e-15
# Places of the state of a stream: next block, words used of this one, whether half a word waits, that half, four words.
_BLOCK, _USED, _WAITS, _HALF, _WORDS, STATE = 0, 1, 2, 3, 4, 8


def _upper_half(typing, a, b):
    """Upper 64 bits of the 128-bit product of two uint64: one instruction, not four products."""

    def generate(context, builder, signature, arguments):
        wide = ir.IntType(128)
        product = builder.mul(*(builder.zext(one, wide) for one in arguments))
        return builder.trunc(builder.lshr(product, ir.Constant(wide, 64)), ir.IntType(64))

    return types.uint64(types.uint64, types.uint64), generate


_high: Any = intrinsic(_upper_half)


@numba.njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _words(seed, address, block):
    """The four words (uint64) of a block; numpy counts blocks from 1. The rounds are those of ``random.philox``, whose
    code stays as it is: a digest of it stands in what strain is compared with."""
    c0 = np.uint64(block)
    c1 = np.uint64(0)
    c2 = np.uint64(0)
    c3 = np.uint64(0)
    k0 = seed
    k1 = address
    for _ in range(10):
        h0 = _high(_M0, c0)
        l0 = _M0 * c0
        h1 = _high(_M1, c2)
        l1 = _M1 * c2
        c0, c1, c2, c3 = h1 ^ c1 ^ k0, l1, h0 ^ c3 ^ k1, l0
        k0 = k0 + _W0
        k1 = k1 + _W1
    return c0, c1, c2, c3


@numba.njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _uniform(word):
    """The double of a word, kept off 0 and 1."""
    return min(max(np.float64(word >> _11) * _SCALE, _LEAST), _MOST)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def fill_uniforms(seed, address, first, out):
    """Fill out (n,) float64 with the doubles number first .. first + n - 1 of ``Generator.random``, kept off 0 and 1.

    seed, address: uint64, the words of the key; first: int64 from 0.
    """
    n = out.shape[0]
    block = first // 4
    at = 4 * block - first  # place of the block's first double in out: before it where out begins within a block
    while at < n:
        words = _words(seed, address, block + 1)
        if at >= 0 and at + 4 <= n:
            out[at] = _uniform(words[0])
            out[at + 1] = _uniform(words[1])
            out[at + 2] = _uniform(words[2])
            out[at + 3] = _uniform(words[3])
        else:
            for j in range(max(0, -at), min(4, n - at)):
                out[at + j] = _uniform(words[j])
        at += 4
        block += 1


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _half_word(seed, address, state):
    """The next 32 bits of a stream; state (8,) uint64, zero at the start."""
    if state[_WAITS] != 0:
        state[_WAITS] = 0
        return state[_HALF]
    if state[_BLOCK] == 0 or state[_USED] == 4:
        state[_BLOCK] += np.uint64(1)
        state[_USED] = 0
        words = _words(seed, address, state[_BLOCK])
        for j in range(4):
            state[_WORDS + j] = words[j]
    word = state[_WORDS + np.int64(state[_USED])]
    state[_USED] += np.uint64(1)
    state[_WAITS] = 1
    state[_HALF] = word >> _32
    return word & _LOW


@numba.njit(cache=True, nogil=True, error_model="numpy")
def below(seed, address, state, limit):
    """A whole number below ``limit``, as ``Generator.integers(limit)`` draws it one by one (Lemire 2019)."""
    bound = np.uint64(limit)
    if limit == 1:
        return 0
    product = _half_word(seed, address, state) * bound
    if (product & _LOW) < bound:
        threshold = (_LOW - (bound - np.uint64(1))) % bound
        while (product & _LOW) < threshold:
            product = _half_word(seed, address, state) * bound
    return np.int64(product >> _32)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def shuffle(seed, address, state, values):
    """Put values (n,) into random order in place, as ``Generator.permuted`` does with a row."""
    for i in range(values.shape[0] - 1, 0, -1):
        mask = np.uint64(i)
        for shift in (1, 2, 4, 8, 16):
            mask |= mask >> np.uint64(shift)
        j = _half_word(seed, address, state) & mask
        while j > np.uint64(i):
            j = _half_word(seed, address, state) & mask
        k = np.int64(j)
        values[i], values[k] = values[k], values[i]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def allocate_in_blocks(seed, address, lengths, ratio, sizes, queue, arm):
    """Arms by permuted blocks, as ``randomize.allocate`` draws them from the stream with this key.

    lengths (s,) int64 patients of each stratum in this trial; ratio (a,) and sizes (b,) int64; queue (n,) int64 the
    stratum of each patient in order of entry; arm (n,) int64 is filled. One size of block is a permutation after the
    other; of several, the sizes are drawn first and blocks then by size, the smallest first.
    """
    state = np.zeros(STATE, dtype=np.uint64)
    parts = ratio.sum()
    least = sizes.min()
    total = 0
    for length in lengths:
        total += -(-length // least)
    size = np.empty(total, dtype=np.int64)
    start = np.empty(total, dtype=np.int64)
    home = np.empty(total, dtype=np.int64)
    b = places = 0
    for s in range(lengths.shape[0]):
        before = 0
        for _ in range(-(-lengths[s] // least)):
            size[b] = sizes[below(seed, address, state, sizes.shape[0])]
            start[b] = places if before < lengths[s] else -1
            home[b] = s
            places += size[b] if before < lengths[s] else 0
            before += size[b]
            b += 1
    arms = np.empty(places, dtype=np.int64)
    first = np.full(lengths.shape[0], -1, dtype=np.int64)
    for wanted in range(least, sizes.max() + 1):
        copies = wanted // parts
        for i in range(total):
            if size[i] == wanted and start[i] >= 0:
                block = arms[start[i] : start[i] + wanted]
                at = 0
                for a in range(ratio.shape[0]):
                    for _ in range(ratio[a] * copies):
                        block[at] = a
                        at += 1
                shuffle(seed, address, state, block)
    for i in range(total):
        if first[home[i]] < 0 and start[i] >= 0:
            first[home[i]] = start[i]
    for i in range(queue.shape[0]):
        arm[i] = arms[first[queue[i]]]
        first[queue[i]] += 1


@numba.njit(cache=True, nogil=True, error_model="numpy")
def allocate_simply(seed, address, ratio, arm):
    """Arms (n,) int64 to be filled, each independently in the ratio (a,), as ``randomize.allocate`` draws them."""
    state = np.zeros(STATE, dtype=np.uint64)
    parts = ratio.sum()
    for i in range(arm.shape[0]):
        ticket = below(seed, address, state, parts)
        a = 0
        while ticket >= ratio[a]:
            ticket -= ratio[a]
            a += 1
        arm[i] = a


@numba.njit(cache=True, nogil=True, error_model="numpy")
def allocate_given(seed, address, totals, arm):
    """Arms (n,) int64 to be filled, totals (a,) of each in an order of chance, as ``randomize.allocate`` draws them."""
    state = np.zeros(STATE, dtype=np.uint64)
    i = 0
    for a in range(totals.shape[0]):
        for _ in range(totals[a]):
            arm[i] = a
            i += 1
    shuffle(seed, address, state, arm)
