"""Recursive integration: where the statistic of a group sequential trial stands, from look to look."""

from __future__ import annotations

import math

import numba
import numpy as np

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)
_WIDEST = 38.0  # a normal density beyond is no number
_ROOT_TWO = math.sqrt(2.0)
_ROOT_TWO_PI = math.sqrt(2.0 * math.pi)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def quadrature(low, high, width):
    """Gauss-Legendre nodes and weights, each (16 m,), of m equal panels of at most ``width`` from low to high.

    None where high is not above low. A panel as wide as 2.5 standard deviations of the narrowest normal density in the
    integrand leaves an error near rounding, where the Simpson grids of Jennison and Turnbull (2000) of the same size
    leave 1e-5.
    """
    if not high > low:
        return np.empty(0), np.empty(0)
    m = max(math.ceil((high - low) / width), 1)
    half = 0.5 * (high - low) / m
    z = np.empty(16 * m)
    w = np.empty(16 * m)
    for i in range(m):
        middle = low + (2 * i + 1) * half
        for j in range(16):
            z[16 * i + j] = middle + half * _NODES[j]
            w[16 * i + j] = half * _WEIGHTS[j]
    return z, w


@numba.njit(cache=True, nogil=True, error_model="numpy")
def carry(z, mass, before, after, drift, nodes, weights):
    """What the trials that went on from one look weigh at the nodes of the next, (n,).

    z (m,) and mass (m,): statistic and probability of the trials that went on, at information ``before``; score
    increments are independent normals of mean drift (after - before) and variance after - before, so that at the next
    look g(y) = sum of mass sqrt(after / d) phi((y sqrt(after) - z sqrt(before) - drift d) / sqrt d), d = after - before
    (Armitage, McPherson and Rowe 1969). The first look starts from z = 0 of mass 1 at information 0.
    """
    d = after - before
    scale = math.sqrt(after / d)
    shift = drift * math.sqrt(d)
    pull = math.sqrt(before / d)
    found = np.empty(nodes.shape[0])
    for j in range(nodes.shape[0]):
        y = scale * nodes[j] - shift
        total = 0.0
        for i in range(z.shape[0]):
            x = y - pull * z[i]
            if -_WIDEST < x < _WIDEST:  # between looks that are close, most are not
                total += mass[i] * math.exp(-0.5 * x * x)
        found[j] = total * weights[j] * scale / _ROOT_TWO_PI
    return found


@numba.njit(cache=True, nogil=True, error_model="numpy")
def tail(z, mass, before, after, drift, bound):
    """The probability of going on from one look and lying above ``bound`` at the next; arguments as in ``carry``."""
    d = after - before
    root = math.sqrt(d)
    total = 0.0
    for i in range(z.shape[0]):
        x = (bound * math.sqrt(after) - z[i] * math.sqrt(before)) / root - drift * root
        total += mass[i] * 0.5 * math.erfc(x / _ROOT_TWO)
    return total
