"""Counter-based random numbers: Philox4x64-10 (Salmon, Moraes, Dror and Shaw 2011), as numpy.random.Philox."""

from __future__ import annotations

import numba
import numpy as np

_M0 = np.uint64(0xD2E7470EE14C6C93)
_M1 = np.uint64(0xCA5A826395121157)
_W0 = np.uint64(0x9E3779B97F4A7C15)
_W1 = np.uint64(0xBB67AE8584CAA73B)
_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)
_12 = np.uint64(12)


@numba.njit(cache=True, nogil=True, inline="always")
def _high(a, b):
    """Upper 64 bits of the 128-bit product of two uint64."""
    a0 = a & _LOW
    a1 = a >> _32
    b0 = b & _LOW
    b1 = b >> _32
    middle = a1 * b0 + ((a0 * b0) >> _32)
    other = a0 * b1 + (middle & _LOW)
    return a1 * b1 + (middle >> _32) + (other >> _32)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def philox(key, first, second, out):
    """Four uniforms in (0, 1) of the block with counter (first, second, 0, 0).

    key (2,) uint64; first, second int64 >= 0; out (4,) float64 is filled with (floor(r / 2^12) + 1/2) / 2^52 of the
    four words r that ``numpy.random.Philox(key=key, counter=...)`` gives for this counter. Two counters never
    share a block, so that every draw has an address.
    """
    c0 = np.uint64(first)
    c1 = np.uint64(second)
    c2 = np.uint64(0)
    c3 = np.uint64(0)
    k0 = key[0]
    k1 = key[1]
    for _ in range(10):
        h0 = _high(_M0, c0)
        l0 = _M0 * c0
        h1 = _high(_M1, c2)
        l1 = _M1 * c2
        c0, c1, c2, c3 = h1 ^ c1 ^ k0, l1, h0 ^ c3 ^ k1, l0
        k0 = k0 + _W0
        k1 = k1 + _W1
    scale = 1.0 / 4503599627370496.0
    out[0] = (np.float64(c0 >> _12) + 0.5) * scale
    out[1] = (np.float64(c1 >> _12) + 0.5) * scale
    out[2] = (np.float64(c2 >> _12) + 0.5) * scale
    out[3] = (np.float64(c3 >> _12) + 0.5) * scale
