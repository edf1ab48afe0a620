"""What a paper prints of one endpoint in two arms, and how far it is from what was printed."""

from __future__ import annotations

import numba
import numpy as np

# Kinds of target; a set is an endpoint in a population with its two arms.
(LOG_HR, LOG_HR_LOW, LOG_HR_HIGH, Z, MEDIAN, MEDIAN_LOW, MEDIAN_HIGH, RATE, KNOWN_FREE, EVENTS, CROSSINGS,
 TAIL) = range(12)  # fmt: skip
PLAIN, LOG, LOG_LOG = 0, 1, 2
_HALF = 1.5e-8  # as close to one half as R's rule for a curve at the median
_PLATEAU = 0.1
_Z975 = 1.959963984540054


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _steps(order, size, time, event, side, work):
    """Distinct event times of a set, stratum by stratum, into work (9, n): time, at risk, deaths (control,
    experimental), then survival and Greenwood's sum (control, experimental); returns their number and the log-rank's
    O - E and variance, summed over strata. A side is the arm (0, 1) plus twice the stratum."""
    strata = 1
    for i in range(size):
        strata = max(strata, (side[order[i]] >> 1) + 1)
    excess = 0.0
    variance = 0.0
    k = 0
    for stratum in range(strata):
        k, more, wider = _stratum_steps(order, size, time, event, side, stratum, k, work)
        excess += more
        variance += wider
    return k, excess, variance


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _stratum_steps(order, size, time, event, side, stratum, k, work):
    """``_steps`` of one stratum, from place ``k`` of work on; returns the next place, O - E and the variance."""
    at_risk_0 = 0.0
    at_risk_1 = 0.0
    for i in range(size):
        if side[order[i]] >> 1 != stratum:
            continue
        if side[order[i]] & 1:
            at_risk_1 += 1.0
        else:
            at_risk_0 += 1.0
    s0 = 1.0
    s1 = 1.0
    g0 = 0.0
    g1 = 0.0
    excess = 0.0
    variance = 0.0
    i = 0
    while i < size:
        t = time[order[i]]
        d0 = 0.0
        d1 = 0.0
        left_0 = 0.0
        left_1 = 0.0
        while i < size and time[order[i]] == t:
            subject = order[i]
            i += 1
            if side[subject] >> 1 != stratum:
                continue
            if side[subject] & 1:
                left_1 += 1.0
                d1 += event[subject]
            else:
                left_0 += 1.0
                d0 += event[subject]
        d = d0 + d1
        if d > 0.0:
            n = at_risk_0 + at_risk_1
            excess += d1 - d * at_risk_1 / n
            if n > 1.0:
                variance += d * (at_risk_1 / n) * (at_risk_0 / n) * (n - d) / (n - 1.0)
            if d0 > 0.0:
                s0 *= (at_risk_0 - d0) / at_risk_0
                g0 += d0 / (at_risk_0 * (at_risk_0 - d0)) if d0 < at_risk_0 else np.inf
            if d1 > 0.0:
                s1 *= (at_risk_1 - d1) / at_risk_1
                g1 += d1 / (at_risk_1 * (at_risk_1 - d1)) if d1 < at_risk_1 else np.inf
            work[0, k] = t
            work[1, k] = at_risk_0
            work[2, k] = at_risk_1
            work[3, k] = d0
            work[4, k] = d1
            work[5, k] = s0
            work[6, k] = s1
            work[7, k] = g0
            work[8, k] = g1
            k += 1
        at_risk_0 -= left_0
        at_risk_1 -= left_1
    return k, excess, variance


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _cox(work, k, start):
    """Log hazard ratio (Efron ties) and its standard error by Newton's method; (nan, nan) where there is none."""
    beta = start
    for _ in range(25):
        score = 0.0
        information = 0.0
        slope = 0.0  # of the information
        risk = np.exp(beta)
        for j in range(k):
            r1 = work[2, j] * risk
            r0 = work[1, j]
            e1 = work[4, j] * risk
            e0 = work[3, j]
            d = work[3, j] + work[4, j]
            score += work[4, j]
            for m in range(int(d)):
                share = m / d
                a1 = r1 - share * e1
                p = a1 / (a1 + r0 - share * e0)
                score -= p
                information += p * (1.0 - p)
                slope += p * (1.0 - p) * (1.0 - 2.0 * p)
        if not information > 1e-12:
            return np.nan, np.nan
        change = score / information
        if abs(change) > 1.0:
            change = np.sign(change)
        beta += change
        if abs(beta) > 15.0:
            return np.nan, np.nan
        if abs(change) < 1e-7:
            return beta, 1.0 / np.sqrt(information + slope * change)
    return np.nan, np.nan


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _limit(s, greenwood, side, conf_type):
    """A 95% limit of survival: side -1 lower, +1 upper; nan where it is not defined."""
    if s <= 0.0 or (conf_type == LOG_LOG and s >= 1.0):
        return np.nan
    if conf_type == PLAIN:
        return min(1.0, s + side * _Z975 * s * np.sqrt(greenwood))
    if conf_type == LOG:
        return min(1.0, s * np.exp(side * _Z975 * np.sqrt(greenwood)))
    return s ** np.exp(side * _Z975 * np.sqrt(greenwood) / np.log(s))


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _first_below(work, k, arm, kind, conf_type):
    """First event time at which an arm's curve (or its limit) is at most one half, and its height there."""
    for j in range(k):
        if work[3 + arm, j] == 0.0:
            continue
        height = work[5 + arm, j]
        if kind == MEDIAN_LOW:
            height = _limit(height, work[7 + arm, j], -1.0, conf_type)
        elif kind == MEDIAN_HIGH:
            height = _limit(height, work[7 + arm, j], 1.0, conf_type)
        if height <= 0.5 + _HALF:
            return work[0, j], height
    last = work[5 + arm, k - 1] if k > 0 else 1.0
    return np.inf, last


@numba.njit(cache=True, nogil=True, error_model="numpy")
def outside(value, low, high):
    """How far a value lies outside a window."""
    return max(low - value, value - high, 0.0)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _median_gap(kind, time, height, window, last_time):
    """Distance of a median, or of its limit, on the log scale; one that is not reached is at least the last time."""
    if np.isinf(time):
        if np.isinf(window[1]):
            return 0.0
        return 0.2 + max(0.0, height - 0.5) + abs(np.log(max(last_time, 1.0) / window[1]))
    gap = 0.0
    if time < window[0]:
        gap = np.log(window[0] / time) if not np.isinf(window[0]) else 0.2 + max(0.0, 0.5 - height)
    elif time > window[1]:
        gap = np.log(time / window[1])
    if kind == MEDIAN and abs(height - 0.5) <= _HALF:
        gap += _PLATEAU  # a curve at one half: programs differ in the median they print
    return gap


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _rate(work, k, arm, day):
    s = 1.0
    for i in range(k):
        if work[0, i] > day:
            break
        s = work[5 + arm, i]
    return s


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _followed(order, size, time, side, arm):
    """The last time of an arm; 0 without patients."""
    for i in range(size - 1, -1, -1):
        if side[order[i]] == arm:
            return float(time[order[i]])
    return 0.0


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _count(order, size, time, event, side, target):
    """Subjects known to be free of the event by a day, or subjects with the event, in one arm or both."""
    count = 0.0
    for i in range(size):
        subject = order[i]
        if target[2] >= 0 and side[subject] != target[2]:
            continue
        if target[0] == KNOWN_FREE:
            count += 1.0 if time[subject] >= target[4] else 0.0
        else:
            count += event[subject]
    return count


@numba.njit(cache=True, nogil=True, error_model="numpy")
def set_gaps(number, order, size, time, event, side, targets, windows, work, beta, gaps, values):
    """Distances of one set's targets from their windows, in units of about a standard error; returns their sum.

    ``beta`` (sets,) takes the log hazard ratio where a target asks for it; gaps and values (targets,) are filled for
    the set's targets: log hazard ratios (Efron ties, 95% Wald limits; nan, and a distance of 10, where there is none),
    z of the log-rank test (above zero where the experimental arm has fewer events than expected; 0 without variance),
    medians and their Brookmeyer-Crowley limits in days (inf: not reached), rates, counts. A median is the first time
    at which the curve is at most one half; a curve at one half is a distance of its own. A rate is nan on days after
    an arm's last time, unless all have had the event, and that, too, is a distance. A side (n,) is the arm (0, 1) plus
    twice the stratum; curves of a set with strata mean nothing: what is asked of it are ratios and z. Nothing depends
    on what was measured before, so that a state reached by moves equals the same state measured afresh.
    """
    k, excess, variance = _steps(order, size, time, event, side, work)
    total = 0.0
    se = np.nan
    fitted = False
    last = float(time[order[size - 1]]) if size > 0 else 0.0
    for j in range(targets.shape[0]):
        kind = targets[j, 0]
        if targets[j, 1] != number or kind == CROSSINGS:
            continue
        low = windows[j, 0]
        high = windows[j, 1]
        if kind <= LOG_HR_HIGH:
            if not fitted:
                fitted = True
                # One step from zero, a start that only the data decide.
                beta[number], se = _cox(work, k, excess / variance if variance > 0.0 else 0.0)
            value = beta[number] + (0.0 if kind == LOG_HR else (-_Z975 if kind == LOG_HR_LOW else _Z975)) * se
            gap = 10.0 if np.isnan(value) else outside(value, low, high)
        elif kind in (Z, TAIL):
            value = -excess / np.sqrt(variance) if variance > 0.0 else 0.0
            gap = outside(value, low, high)
            if kind == TAIL:  # outside the window: significant in either direction
                gap = max(0.0, min(value - low, high - value))
        elif kind <= MEDIAN_HIGH:
            value, height = _first_below(work, k, targets[j, 2], kind, targets[j, 3])
            gap = _median_gap(kind, value, height, windows[j], last)
        else:
            beyond = 0.0
            if kind == RATE:
                value = _rate(work, k, targets[j, 2], targets[j, 4])
                followed = _followed(order, size, time, side, targets[j, 2])
                if targets[j, 4] > followed and value > 0.0:
                    beyond = 0.2 + np.log(targets[j, 4] / max(followed, 1.0))
            else:
                value = _count(order, size, time, event, side, targets[j])
            gap = outside(value, low, high) + beyond
            if beyond > 0.0:
                value = np.nan
        values[j] = value
        gaps[j] = gap / windows[j, 2]
        total += gaps[j]
    return total
