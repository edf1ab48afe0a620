"""A trial of a batch, arm by arm: medians, restricted means and survival from its table of deaths."""

from __future__ import annotations

import numba
import numpy as np

# What can be wrong with a trial: bits of its status.
NO_CONTROL, NO_EXPERIMENTAL, NO_EVENTS, NO_INFORMATION, ALIASED, SEPARATED = 1, 2, 4, 8, 16, 32
TAU_BEYOND, AT_BEYOND = 64, 256  # control; experimental is twice as much
NEAR_TIES = 1024
ABSENT = 4096  # from a stratum: control; experimental is twice as much

# Columns of the results of a trial; those by arm take two places, control first.
SUBJECTS, OBSERVED, EXPECTED, VARIANCE, COEF, SE, MEDIAN = 0, 2, 4, 6, 7, 8, 9
RMST, RMST_VARIANCE, SURVIVAL, SURVIVAL_SE, COLUMNS = 11, 13, 15, 17, 19

# Rows of the table of deaths, times descending.
TIME, N0, N1, D0, D1 = 0, 1, 2, 3, 4

_SAME_HEIGHT = 2.0**-26  # a product of fractions this close to 1/2 is 1/2, as in survival/kaplan_meier.py


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _curves(table, k, heights):
    """Survival of each arm (2, k) after each time of death of the table."""
    s0 = s1 = 1.0
    for i in range(k - 1, -1, -1):
        n0, n1 = max(table[N0, i], 1.0), max(table[N1, i], 1.0)
        s0 *= (n0 - table[D0, i]) / n0
        s1 *= (n1 - table[D1, i]) / n1
        heights[0, i] = s0
        heights[1, i] = s1


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _median(heights, k):
    """Rows of the first time at which a curve is at 1/2 or below, and of the end of a flat stretch there, if it ends.

    The median is the middle of their times; rows are by descending time, and k means not reached.
    """
    i = k - 1
    while i >= 0 and heights[i] > 0.5 + _SAME_HEIGHT:
        i -= 1
    if i < 0:
        return k, k
    j = i
    while j >= 0 and heights[j] >= 0.5 - _SAME_HEIGHT:
        j -= 1
    return i, (i if j < 0 else j)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _restricted(time, at_risk, deaths, heights, first, k, tau):
    """Area under an arm's curve up to tau, its variance by Greenwood's formula; times from ``first`` on are inside."""
    area = variance = 0.0
    until = tau
    for i in range(first, k):
        area += heights[i] * (until - time[i])
        until = time[i]
        n = max(at_risk[i], 1.0)
        variance += area * area * deaths[i] / (n * max(n - deaths[i], 1.0))  # once nobody is left the area is 0
    return area + until, variance


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})
def _greenwood(at_risk, deaths, first, k):
    """Greenwood's sum of d / (n (n - d)) over the times from ``first`` on; survival is 0 where nobody is left."""
    total = 0.0
    for i in range(first, k):
        n = max(at_risk[i], 1.0)
        total += deaths[i] / (n * max(n - deaths[i], 1.0))
    return total


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _earliest(held, raw, first, last, low):
    """The earliest of the times behind a key, with the bits that the key has lost."""
    number = np.array([held])
    bits = number.view(np.uint64)
    own = bits[0] & ~low
    none = ~np.uint64(0)
    earliest = none
    for i in range(first, last):
        earliest = min(earliest, raw[i] if (raw[i] & ~low) == own else none)
    bits[0] = earliest
    return number[0]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _reaches(held, limit, raw, first, last, low):
    """-1, 0, 1 where the earliest time behind a key lies before, at or after a limit."""
    if held < limit * (1.0 - 1e-9):
        return -1
    if held <= limit:
        held = _earliest(held, raw, first, last, low)
    return -1 if held < limit else int(held > limit)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def medians(raw, code, first, last, low, table, k, heights, out):
    """Subjects and medians by arm, strata pooled; returns status."""
    _curves(table, k, heights)
    status = 0
    experimental = 0
    for i in range(first, last):
        experimental += (code[i] >> 1) & 1
    present = (last - first - experimental, experimental)
    for arm in range(2):
        out[SUBJECTS + arm] = present[arm]
        if present[arm] == 0:
            status |= NO_CONTROL << arm
            continue
        begin, end = _median(heights[arm], k)
        if begin < k:
            begins = ends = _earliest(table[TIME, begin], raw, first, last, low)
            if end != begin:
                ends = _earliest(table[TIME, end], raw, first, last, low)
            out[MEDIAN + arm] = 0.5 * (begins + ends)
        else:
            out[MEDIAN + arm] = np.inf
    return status


@numba.njit(cache=True, nogil=True, error_model="numpy")
def means(time, code, begin, end, raw, first, last, low, table, k, limits, heights, out):
    """Add a stratum's restricted means up to limits[0] and survival at limits[1], by arm; returns status.

    Rows begin .. end - 1 of time and code are the stratum's, times ascending, and table its deaths. Its values count by
    its share of the trial's subjects, taken as fixed, so that variances count by the square (SURVIVAL_SE holds the
    variance meanwhile). An arm that is absent, or not followed to the limit, makes the sum nan.
    """
    _curves(table, k, heights)
    status = 0
    share = (end - begin) / (last - first)
    for which in range(2):
        limit = limits[which]
        if np.isnan(limit):
            continue
        inside = 0  # times of death from here on are at the limit or before
        while inside < k:
            reached = _reaches(table[TIME, inside], limit, raw, first, last, low)
            if reached == 0:
                table[TIME, inside] = limit  # with the bits that its key has lost
            if reached <= 0:
                break
            inside += 1
        for arm in range(2):
            at_risk, deaths = table[N0 + arm], table[D0 + arm]
            row = end - 1
            while row >= begin and (code[row] >> 1) & 1 != arm:
                row -= 1
            value = spread = np.nan
            if row < begin:
                status |= ABSENT << arm
            elif (k == 0 or heights[arm, 0] > 0.0) and _reaches(time[row], limit, raw, first, last, low) < 0:
                status |= (TAU_BEYOND if which == 0 else AT_BEYOND) << arm
            elif which == 0:
                value, spread = _restricted(table[TIME], at_risk, deaths, heights[arm], inside, k, limit)
            else:
                value = heights[arm, inside] if inside < k else 1.0
                spread = value * value * _greenwood(at_risk, deaths, inside, k)
            out[(RMST if which == 0 else SURVIVAL) + arm] += share * value
            out[(RMST_VARIANCE if which == 0 else SURVIVAL_SE) + arm] += share * share * spread
    return status
