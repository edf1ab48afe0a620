"""Log-rank tests of the times without treatment, over a grid of psi and over bootstrap samples.

U(psi) = T_off + e^psi T_on, cut at D*(psi) = min(C, e^psi C) where a subject is recensored (Robins and Tsiatis 1991).
The order of U changes little from one psi to the next, and not at all from one bootstrap sample to the next: samples
are numbers of copies, and a grid is sorted once for all of them.
"""

from __future__ import annotations

import numba
import numpy as np

from .batch import _maximum, _terms
from .batch_arms import D0, D1, N0, N1

FOUND, NO_ROOT, NO_RATIO = 0, 1, 2  # of a bootstrap sample: psi and ratio, no psi, psi without a ratio
_DEAD, _EXPERIMENTAL, _FIRST = 1, 2, 4  # code of a place in the order: event, arm, first of those at its time
_TOLERANCE = 1e-6  # of psi
SAME_Z = 1e-10  # sums of fractions that are 0 differ from it by rounding
_UNKNOWN, _NO_SIGN = 3, 2


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _scaled(factor, time, share, end, event, u, dead):
    """Times whose part ``share`` passes 1 + factor times as fast, cut at min(end, (1 + factor) end)."""
    for i in range(time.shape[0]):
        u[i] = time[i] + factor * share[i]
        dead[i] = event[i]
        if end[i] < np.inf:
            cut = end[i] + min(factor, 0.0) * end[i]
            if u[i] > cut:
                u[i] = cut
                dead[i] = False


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _settle(order, u, first, last):
    """Sort places first to last of an order that is nearly sorted."""
    for r in range(first + 1, last):
        i = order[r]
        x = u[i]
        k = r
        while k > first and u[order[k - 1]] > x:
            order[k] = order[k - 1]
            k -= 1
        order[k] = i


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _code(order, u, dead, arm, starts, code):
    """What the tests need of each place in the order."""
    for s in range(starts.shape[0] - 1):
        for r in range(starts[s], starts[s + 1]):
            i = order[r]
            code[r] = dead[i] * _DEAD + arm[i] * _EXPERIMENTAL
            if r == starts[s] or u[order[r - 1]] != u[i]:
                code[r] += _FIRST


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _logrank(order, code, copies):
    """Of one stratum: expected less observed deaths of the experimental arm, and their variance; copies (n,)."""
    n0 = n1 = d0 = d1 = 0
    score = variance = 0.0
    for r in range(order.shape[0] - 1, -1, -1):
        copy = copies[order[r]]
        kind = code[r]
        if kind & _EXPERIMENTAL:
            n1 += copy
            if kind & _DEAD:
                d1 += copy
        else:
            n0 += copy
            if kind & _DEAD:
                d0 += copy
        if kind & _FIRST:
            d = d0 + d1
            if d > 0:
                n = float(n0 + n1)
                share = n1 / n
                score += d * share - d1
                if n > 1.0:
                    variance += d * share * (n0 / n) * (n - d) / (n - 1.0)
                d0 = d1 = 0
    return score, variance


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _stratified(order, code, copies, starts):
    """``_logrank`` summed over strata."""
    score = variance = 0.0
    for s in range(starts.shape[0] - 1):
        a, b = _logrank(order[starts[s] : starts[s + 1]], code[starts[s] : starts[s + 1]], copies)
        score += a
        variance += b
    return score, variance


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _at(psi, time, on, end, event, arm, starts, u, dead, order, code):
    """Bring order and code to the times at psi."""
    _scaled(np.expm1(psi), time, on, end, event, u, dead)
    for s in range(starts.shape[0] - 1):
        _settle(order, u, starts[s], starts[s + 1])
    _code(order, u, dead, arm, starts, code)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def structural_tests(grid, time, on, end, event, arm, starts, order):
    """Log-rank sums of the times without treatment at each psi of an ascending grid.

    time, on (n,): follow-up, and its part on the experimental treatment; end (n,): administrative censoring, inf for
    those who are not recensored; event (n,) bool; arm (n,) int64, 1 experimental; starts (s + 1,): where strata begin
    in order (n,) int64, which sorts subjects by stratum and, not strictly, by their time at the first psi.

    Returns sums (2, G), expected less observed deaths of the experimental arm and the hypergeometric variance, and the
    sorted subjects of each psi: orders (G, n) int64, codes (G, n) int8 for ``structural_draws``.
    """
    count, n = grid.shape[0], time.shape[0]
    sums = np.empty((2, count))
    orders, codes = np.empty((count, n), dtype=np.int64), np.empty((count, n), dtype=np.int8)
    u, dead = np.empty(n), np.empty(n, dtype=np.bool_)
    once = np.ones(n, dtype=np.int64)
    order = order.copy()
    for g in range(count):
        _at(grid[g], time, on, end, event, arm, starts, u, dead, order, codes[g])
        orders[g] = order
        sums[0, g], sums[1, g] = _stratified(order, codes[g], once, starts)
    return sums, orders, codes


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _sign(score, variance, target):
    """Of Z less its target, 0 within rounding; none where there is no variance."""
    if not variance > 0.0:
        return _NO_SIGN
    excess = score / np.sqrt(variance) - target
    return 1 if excess > SAME_Z else -1 if excess < -SAME_Z else 0


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _halved(low, high, sign_low, target, copies, time, on, end, event, arm, starts, u, dead, order, code):
    """Where Z passes its target between two psi on whose sides it lies; order is that of any psi near by."""
    while high - low > _TOLERANCE:
        middle = 0.5 * (low + high)
        _at(middle, time, on, end, event, arm, starts, u, dead, order, code)
        score, variance = _stratified(order, code, copies, starts)
        sign = _sign(score, variance, target)
        if sign == _NO_SIGN:
            return np.nan
        if sign == 0:
            return middle
        if sign == sign_low:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def structural_crossing(low, high, target, time, on, end, event, arm, starts, order):
    """The psi between low and high where Z passes target, to 1e-6; nan where its sides are the same, or none.

    Arguments as those of ``structural_tests``; order sorts the times at low.
    """
    n = time.shape[0]
    u, dead, code = np.empty(n), np.empty(n, dtype=np.bool_), np.empty(n, dtype=np.int8)
    once = np.ones(n, dtype=np.int64)
    order = order.copy()
    _at(high, time, on, end, event, arm, starts, u, dead, order, code)
    score, variance = _stratified(order, code, once, starts)
    above = _sign(score, variance, target)
    _at(low, time, on, end, event, arm, starts, u, dead, order, code)
    score, variance = _stratified(order, code, once, starts)
    below = _sign(score, variance, target)
    if below * above != -1:
        return np.nan
    return _halved(low, high, below, target, once, time, on, end, event, arm, starts, u, dead, order, code)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _merged(order, arm, first, last, v, apart, merged):
    """One stratum's subjects by the times v, each arm of which is nearly in order already."""
    k = first
    for r in range(first, last):
        if arm[order[r]] == 0:
            apart[k] = order[r]
            k += 1
    middle = k
    for r in range(first, last):
        if arm[order[r]] == 1:
            apart[k] = order[r]
            k += 1
    _settle(apart, v, first, middle)
    _settle(apart, v, middle, last)
    i, j = first, middle
    for r in range(first, last):
        if j >= last or (i < middle and v[apart[i]] <= v[apart[j]]):
            merged[r] = apart[i]
            i += 1
        else:
            merged[r] = apart[j]
            j += 1


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _deaths(order, code, copies, starts, table):
    """Numbers at risk and dying by arm at each time of a death, by stratum, as ``batch`` has them."""
    k = 0
    for s in range(starts.shape[0] - 1):
        n0 = n1 = d0 = d1 = 0
        for r in range(starts[s + 1] - 1, starts[s] - 1, -1):
            copy = copies[order[r]]
            kind = code[r]
            if kind & _EXPERIMENTAL:
                n1 += copy
                d1 += copy if kind & _DEAD else 0
            else:
                n0 += copy
                d0 += copy if kind & _DEAD else 0
            if kind & _FIRST and d0 + d1 > 0:
                table[N0, k], table[N1, k], table[D0, k], table[D1, k] = n0, n1, d0, d1
                k += 1
                d0 = d1 = 0
    return k


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _ratio(order, code, copies, starts, table, odds, weight):
    """Log hazard ratio of a Cox model, Efron's ties; nan where it has no maximum."""
    k = _deaths(order, code, copies, starts, table)
    m, c0, c1 = _terms(table, k, True, odds, weight)
    if m == 0 or c0 == 0.0 or c1 == 0.0:
        return np.nan
    score, variance = _stratified(order, code, copies, starts)
    start = -score / variance if variance > 0.0 else 0.0
    return _maximum(start, c1, odds, weight, m)[0]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def structural_draws(grid, refine, visit, copies, time, on, end, event, arm, starts, orders, codes):
    """psi and log hazard ratio of each bootstrap sample: the root nearest to 0 of those that the grid brackets.

    copies (B, n) int64: how often a sample holds each subject; grid, time, on, end, event, arm, starts as in
    ``structural_tests``, orders and codes what it returned; refine: halve the bracket to 1e-6, else interpolate Z
    linearly; visit (G - 1,) int64: the grid's cells by the distance of their nearer end from 0.

    The ratio is of a Cox model, Efron's ties, of the times as nobody would have switched: the control arm's without
    treatment, the experimental arm's with it throughout. Returns psi (B,), log ratio (B,), status (B,) int64.
    """
    draws, n = copies.shape
    points = grid.shape[0]
    psi, ratio, status = np.full(draws, np.nan), np.full(draws, np.nan), np.zeros(draws, dtype=np.int64)
    u, dead, code = np.empty(n), np.empty(n, dtype=np.bool_), np.empty(n, dtype=np.int8)
    order, apart = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    sign, z = np.empty(points, dtype=np.int64), np.empty(points)
    table = np.empty((5, n + 1))
    most = 1
    for b in range(draws):
        total = 0
        for i in range(n):
            total += copies[b, i]
        most = max(most, total)
    odds, weight = np.empty(most), np.empty(most)
    for b in range(draws):
        sign[:] = _UNKNOWN
        best = np.inf
        for j in visit:
            low, high = grid[j], grid[j + 1]
            if best < np.inf and not (low <= 0.0 <= high) and min(abs(low), abs(high)) >= abs(best):
                break
            for g in (j, j + 1):
                if sign[g] == _UNKNOWN:
                    score, variance = _stratified(orders[g], codes[g], copies[b], starts)
                    sign[g] = _sign(score, variance, 0.0)
                    z[g] = score / np.sqrt(variance) if variance > 0.0 else np.nan
                if sign[g] == 0 and abs(grid[g]) < abs(best):
                    best = grid[g]
            if sign[j] * sign[j + 1] == -1:
                if refine:
                    order[:] = orders[j]
                    root = _halved(
                        low, high, sign[j], 0.0, copies[b], time, on, end, event, arm, starts, u, dead, order, code
                    )
                else:
                    root = low - z[j] * (high - low) / (z[j + 1] - z[j])
                if abs(root) < abs(best):
                    best = root
        if best == np.inf:
            status[b] = NO_ROOT
            continue
        psi[b] = best
        nearest = min(max(np.searchsorted(grid, best), 0), points - 1)
        factor, inverse = np.expm1(best), np.expm1(-best)
        for i in range(n):
            share, pace = (on[i], factor) if arm[i] == 0 else (time[i] - on[i], inverse)
            u[i] = time[i] + pace * share
            dead[i] = event[i]
            if end[i] < np.inf:
                cut = end[i] + min(pace, 0.0) * end[i]
                if u[i] > cut:
                    u[i] = cut
                    dead[i] = False
        for s in range(starts.shape[0] - 1):
            _merged(orders[nearest], arm, starts[s], starts[s + 1], u, apart, order)
        _code(order, u, dead, arm, starts, code)
        ratio[b] = _ratio(order, code, copies[b], starts, table, odds, weight)
        if np.isnan(ratio[b]):
            status[b] = NO_RATIO
    return psi, ratio, status
