"""A two-arm trial as a table of deaths: log-rank, Cox model, Kaplan-Meier and restricted means of many trials.

The bits of a time that is not negative are, read as a whole number, in the order of the times. So a row is one key:
the bits of its time with the lowest ones replaced by stratum, arm and event. One sort of keys brings a trial into
order, and nothing has to be gathered. All that follows needs, at each time of death, n and d by arm.
"""

from __future__ import annotations

import numba
import numpy as np

from .batch_arms import (
    ABSENT,
    ALIASED,
    COEF,
    D0,
    D1,
    EXPECTED,
    N0,
    N1,
    NEAR_TIES,
    NO_CONTROL,
    NO_EVENTS,
    NO_EXPERIMENTAL,
    NO_INFORMATION,
    OBSERVED,
    RMST,
    SE,
    SEPARATED,
    SURVIVAL,
    SURVIVAL_SE,
    TIME,
    VARIANCE,
    means,
    medians,
)

_NEAR = 1.001 * 2.0**-26  # R's relative rule for near-tied times, and room for the bits that keys lose


@numba.njit(cache=True, nogil=True, error_model="numpy")
def pack_keys(time, event, arm, stratum, starts):
    """Keys (n,) uint64, and how many of their lowest bits are stratum, arm and event in each trial (m,) int64.

    time (n,) uint64: the bits of the times; event and arm (n,) uint8; stratum (n,) int64, or (0,) without strata;
    starts (m + 1,). The event takes the lowest bit, the arm the next, the stratum as many as the trial's largest needs.
    """
    trials = starts.shape[0] - 1
    keys = np.empty(time.shape[0], dtype=np.uint64)
    taken = np.full(trials, 2, dtype=np.int64)
    for trial in range(trials):
        first, last = starts[trial], starts[trial + 1]
        if stratum.shape[0] > 0:
            for i in range(first, last):
                while stratum[i] >> (taken[trial] - 2) > 0:
                    taken[trial] += 1
        high = ~np.uint64((1 << taken[trial]) - 1)
        for i in range(first, last):
            keys[i] = (time[i] & high) | np.uint64((arm[i] << 1) | event[i])
        if stratum.shape[0] > 0:
            for i in range(first, last):
                keys[i] |= np.uint64(stratum[i] << 2)
    return keys, taken


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _deaths(time, code, first, last, table, k):
    """Append the times of death among rows first .. last - 1 (times ascending), the latest first; returns the new k."""
    n0 = n1 = d0 = d1 = 0.0
    for i in range(last - 1, first - 1, -1):
        arm = float((code[i] >> 1) & 1)
        dies = float(code[i] & 1)
        n1 += arm
        n0 += 1.0 - arm
        d1 += arm * dies
        d0 += (1.0 - arm) * dies
        table[TIME, k] = time[i]
        table[N0, k] = n0
        table[N1, k] = n1
        table[D0, k] = d0
        table[D1, k] = d1
        if i == first or time[i - 1] != time[i]:
            k += d0 + d1 > 0.0
            d0 = d1 = 0.0
    return k


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _by_stratum(time, code, first, last, ends, grouped_time, grouped_code):
    """Copy rows first .. last - 1 to the workspace by stratum, times ascending within; ends (strata,)."""
    ends[:] = 0
    for i in range(first, last):
        ends[code[i] >> 2] += 1
    total = 0
    for s in range(ends.shape[0]):
        total += ends[s]
        ends[s] = total - ends[s]
    for i in range(first, last):
        s = code[i] >> 2
        grouped_time[ends[s]] = time[i]
        grouped_code[ends[s]] = code[i]
        ends[s] += 1


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})
def _logrank(table, k):
    """Expected deaths by arm and the hypergeometric variance."""
    e0 = e1 = variance = 0.0
    for i in range(k):
        n0, n1 = table[N0, i], table[N1, i]
        d = table[D0, i] + table[D1, i]
        n = n0 + n1
        expected = d / n
        e0 += expected * n0
        e1 += expected * n1
        variance += expected * n0 * n1 / n * (n - d) / max(n - 1.0, 1.0)
    return e0, e1, variance


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _terms(table, k, efron, ratio, weight):
    """The terms of the partial likelihood: w log of control over experimental at risk, where both are.

    At a time with d deaths Efron's r-th term has lost the share r / d of each arm's deaths; Breslow has one term of
    weight d. Returns their number and the deaths at these times by arm.
    """
    m = 0
    c0 = c1 = 0.0
    for i in range(k):
        n0, n1, d0, d1 = table[N0, i], table[N1, i], table[D0, i], table[D1, i]
        if n0 == 0.0 or n1 == 0.0:
            continue
        d = d0 + d1
        c0 += d0
        c1 += d1
        if efron:
            ratio[m] = n0 / n1
            weight[m] = 1.0
            m += 1
            for r in range(1, int(d)):
                part = r / d
                ratio[m] = (n0 - part * d0) / (n1 - part * d1)
                weight[m] = 1.0
                m += 1
        else:
            ratio[m] = n0 / n1
            weight[m] = d
            m += 1
    return m, c0, c1


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})
def _sums(beta, ratio, weight, m):
    """Expected deaths under experimental at a log hazard ratio, their derivative, and its derivative."""
    expected = information = slope = 0.0
    inverse = np.exp(-beta)
    for i in range(m):
        odds = ratio[i] * inverse  # that a death at this time is under control
        p = 1.0 / (1.0 + odds)
        q = odds * p
        wpq = weight[i] * p * q
        expected += weight[i] * p
        information += wpq
        slope += wpq * (q - p)
    return expected, information, slope


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _maximum(start, deaths, ratio, weight, m):
    """Log hazard ratio at which as many die as expected, and the information there: Halley's steps in a bracket."""
    beta = min(max(start, -3.0), 3.0)
    low, high = -np.inf, np.inf
    information = np.nan
    for _ in range(200):
        expected, information, slope = _sums(beta, ratio, weight, m)
        score = deaths - expected
        if score > 0.0:
            low = beta
        else:
            high = beta
        step = score / information
        bend = 1.0 + 0.5 * step * slope / information
        step = step / bend if bend > 0.25 else step
        if abs(step) < 1e-6:  # a step of third order: what it leaves is its cube
            return beta + step, information + step * slope
        following = beta + min(max(step, -3.0), 3.0)
        beta = following if low < following < high else 0.5 * (low + high)
    return beta, information


@numba.njit(cache=True, nogil=True, error_model="numpy")
def analyze_trials(keys, held, taken, raw, starts, strata, efron, settled, limits, results):
    """All results of each trial; returns status (m,) int64.

    keys (n,) uint64 and taken (m,) from ``pack_keys``, keys sorted within trials, and held (n,) float64, the same
    memory read as numbers: keys are stripped to their times here. raw (n,) uint64: the bits of the times as given, in
    any order within a trial; starts (m + 1,); strata: their largest number in a trial, 1 without; efron: ties, else
    Breslow's; settled: near ties are settled already (if not, a trial that has some gets the status NEAR_TIES and no
    results); limits (2,): tau and the milestone, nan where not asked for; results (m, COLUMNS) to be filled.

    Log-rank and Cox model are summed over strata, means and survival averaged by their shares, medians pool them. At
    risk at t: time >= t; events come before censorings. Mantel (1966), Cox (1972), Efron (1977), Breslow (1974), Kaplan
    and Meier (1958), Greenwood (1926).
    """
    trials = starts.shape[0] - 1
    status = np.zeros(trials, dtype=np.int64)
    most = 1
    for trial in range(trials):
        most = max(most, starts[trial + 1] - starts[trial])
    code = np.empty(keys.shape[0], dtype=np.int32)
    pooled, within = np.empty((5, most + 1)), np.empty((5, most + 1))
    ratio, weight, heights, grouped_time = np.empty(most), np.empty(most), np.empty((2, most)), np.empty(most)
    grouped_code, ends = np.empty(most, dtype=np.int32), np.empty(strata, dtype=np.int64)
    for trial in range(trials):
        first, last = starts[trial], starts[trial + 1]
        out = results[trial]
        out[:] = np.nan
        low = np.uint64((1 << taken[trial]) - 1)
        for i in range(first, last):
            code[i] = np.int32(keys[i] & low)
            keys[i] &= ~low
        if last > first and not settled:
            near, widest = 0, _NEAR * held[last - 1]
            for i in range(first + 1, last):
                gap = held[i] - held[i - 1]
                near += (gap > 0.0) & (gap <= widest)
            if near > 0:
                status[trial] = NEAR_TIES
                continue
        for which in range(2):
            if not np.isnan(limits[which]):
                out[(RMST if which == 0 else SURVIVAL) :][:4] = 0.0
        k = _deaths(held, code, first, last, pooled, 0)
        found = medians(raw, code, first, last, low, pooled, k, heights, out)
        if strata > 1:
            _by_stratum(held, code, first, last, ends, grouped_time, grouped_code)
            deaths = begin = 0
            for end in ends:
                before = deaths
                deaths = _deaths(grouped_time, grouped_code, begin, end, within, before)
                if end > begin:
                    own = within[:, before:]
                    found |= means(
                        grouped_time, grouped_code, begin, end, raw, first, last, low, own, deaths - before, limits,
                        heights, out,
                    )  # fmt: skip
                begin = end
            found |= _compare(within, deaths, efron, ratio, weight, out)
        else:
            found |= _compare(pooled, k, efron, ratio, weight, out)
            found |= means(held, code, first, last, raw, first, last, low, pooled, k, limits, heights, out)
        if found & (NO_CONTROL | NO_EXPERIMENTAL):
            found &= ~(ABSENT | ABSENT << 1)
        out[SURVIVAL_SE] = np.sqrt(out[SURVIVAL_SE])
        out[SURVIVAL_SE + 1] = np.sqrt(out[SURVIVAL_SE + 1])
        status[trial] = found
    return status


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _compare(table, k, efron, ratio, weight, out):
    """Log-rank test and Cox model from a table of deaths."""
    status = 0
    o0 = o1 = 0.0
    for i in range(k):
        o0 += table[D0, i]
        o1 += table[D1, i]
    e0, e1, variance = _logrank(table, k)
    out[OBSERVED], out[OBSERVED + 1], out[EXPECTED], out[EXPECTED + 1], out[VARIANCE] = o0, o1, e0, e1, variance
    if k == 0:
        status |= NO_EVENTS
    elif not variance > 0.0:
        status |= NO_INFORMATION
    m, c0, c1 = _terms(table, k, efron, ratio, weight)
    if m == 0:
        return status | (ALIASED if k > 0 else 0)
    if c0 == 0.0 or c1 == 0.0:  # whenever both arms are at risk it is the same one that dies
        out[COEF] = np.inf if c0 == 0.0 else -np.inf
        return status | SEPARATED
    beta, information = _maximum((o1 - e1) / variance if variance > 0.0 else 0.0, c1, ratio, weight, m)
    out[COEF], out[SE] = beta, 1.0 / np.sqrt(information)
    return status
