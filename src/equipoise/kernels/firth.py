"""The gradient of the log determinant of a partial likelihood's information: what Firth's penalty adds to the score."""

from __future__ import annotations

import numba
import numpy as np

_SUM_AGAIN = 0.1  # see partial_likelihood


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _add(sums, row, times, x, inverse):
    """Add to sums, times over: 1, x, q = x' inverse x, q x and x x' of a row. sums (2 + 2 p + p p,)."""
    p = x.shape[1]
    q = 0.0
    for a in range(p):
        for b in range(p):
            q += x[row, a] * inverse[a, b] * x[row, b]
    sums[0] += times
    sums[1] += times * q
    for a in range(p):
        sums[2 + a] += times * x[row, a]
        sums[2 + p + a] += times * q * x[row, a]
        for b in range(p):
            sums[2 + 2 * p + a * p + b] += times * x[row, a] * x[row, b]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def log_det_gradient(beta, x, time, event, starts, entry, leaving, efron, inverse):
    """The derivatives of log det(information) in each coefficient, unweighted.

    Inputs as in ``partial_likelihood``, inverse (p, p) that of the information at beta. The information is a sum of
    covariances of x within risk sets, so its derivative in coefficient c is the sum of their third central moments
    with x_c, and that of the log determinant the trace of the inverse times it: the sum over the same terms of
    E (x - m)' inverse (x - m) (x_c - m_c) = cov(q, x_c) - 2 [cov(x) inverse m]_c, where q = x' inverse x and m = E x.
    Returns (p,).
    """
    p = beta.shape[0]
    late = entry.shape[0] > 0
    gradient = np.zeros(p)
    size = 2 + 2 * p + p * p
    sums = np.zeros(size)
    dying = np.zeros(size)
    mean = np.zeros(p)
    along = np.zeros(p)
    for s in range(starts.shape[0] - 1):
        first, last = starts[s], starts[s + 1]
        eta = np.zeros(last - first)
        for i in range(first, last):
            for a in range(p):
                eta[i - first] += x[i, a] * beta[a]
        # Sums are of e^(eta - top), top the largest eta met so far; begun anew where late entry has emptied them.
        top = -np.inf
        sums[:] = 0.0
        height = 0.0
        i = last - 1
        j = first
        while i >= first:
            t = time[i]
            end = i + 1
            while i >= first and time[i] == t:
                i -= 1
            before = top
            gone = False
            if late:
                while j < last and entry[leaving[j]] >= t:
                    _add(sums, leaving[j], -np.exp(eta[leaving[j] - first] - top), x, inverse)
                    j += 1
                gone = sums[0] < _SUM_AGAIN * height
            begin = i + 1
            until = last if gone else end
            top = -np.inf if gone else top
            for row in range(begin, until):
                if not late or entry[row] < t:
                    top = max(top, eta[row - first])
            shrink = 0.0 if gone else np.exp(before - top)
            sums *= shrink
            height *= shrink
            for row in range(begin, until):
                if not late or entry[row] < t:
                    _add(sums, row, np.exp(eta[row - first] - top), x, inverse)
            height = max(height, sums[0])
            count = 0
            dying[:] = 0.0
            for row in range(begin, end):
                if event[row]:
                    count += 1
                    _add(dying, row, np.exp(eta[row - first] - top), x, inverse)
            terms = count if efron else min(count, 1)
            for r in range(terms):
                share = r / count if efron else 0.0
                total = sums[0] - share * dying[0]
                q = (sums[1] - share * dying[1]) / total
                for a in range(p):
                    mean[a] = (sums[2 + a] - share * dying[2 + a]) / total
                for a in range(p):
                    along[a] = 0.0
                    for b in range(p):
                        along[a] += inverse[a, b] * mean[b]
                for a in range(p):
                    third = (sums[2 + p + a] - share * dying[2 + p + a]) / total - q * mean[a]
                    for b in range(p):
                        at = 2 + 2 * p + a * p + b
                        second = (sums[at] - share * dying[at]) / total - mean[a] * mean[b]
                        third -= 2.0 * second * along[b]
                    gradient[a] += (count / terms) * third
    return gradient
