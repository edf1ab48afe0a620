"""What happens at each death time of a Cox model: the hazard, the mean covariates of those at risk, information."""

from __future__ import annotations

import numba
import numpy as np

from .partial_likelihood import _SUM_AGAIN, _sums_at


@numba.njit(cache=True, nogil=True, error_model="numpy")
def hazard_steps(beta, x, time, event, weight, starts, entry, leaving, efron, g):
    """Steps of the baseline hazard at each distinct death time, in the order of stratum and time.

    Inputs as in ``partial_likelihood``; g (n,) float64: a function of time, by row, or of length 0.
    With tied deaths D of weights w, their mean w', and terms r = 0 .. |D| - 1 of Efron (1977) (one term, of all deaths,
    for Breslow), R_r the sum of risks w e^(x beta - top) at that term and mean_r the mean of x under them, the rows of
    ``steps`` (8 + 2 p, k) are: stratum, time, weight of the deaths, number of the deaths, hazard (sum of w' / R_r),
    the hazard that a death of that time meets (sum of (1 - r/|D|) w' / R_r), variance (sum of w' / R_r^2), top; then p
    rows of the sum of w' mean_r / R_r and p rows of the mean of mean_r over the terms. Hazards are those of somebody
    whose x beta is ``top``, the largest of the stratum. The hazard that a death meets has a mean of its own, ``met``
    (p, k): sum of (1 - r/|D|) w' mean_r / R_r. ``information`` (3, p, p): sums over deaths of the information,
    of g times it and of g^2 times it; zero where g has length 0.
    Returns steps, met and information.
    """
    p = x.shape[1]
    late = entry.shape[0] > 0
    wants = g.shape[0] > 0
    m = 0
    for s in range(starts.shape[0] - 1):
        last_time = np.nan
        for i in range(starts[s], starts[s + 1]):
            if event[i] and time[i] != last_time:
                last_time = time[i]
                m += 1
    steps = np.zeros((8 + 2 * p, m))
    met = np.zeros((p, m))
    information = np.zeros((3, p, p))
    s1 = np.zeros(p)
    s2 = np.zeros((p, p)) if wants else np.zeros((0, 0))
    d1 = np.zeros(p)
    d2 = np.zeros((p, p))
    mean = np.zeros(p)
    k = m
    for s in range(starts.shape[0] - 2, -1, -1):
        first, last = starts[s], starts[s + 1]
        eta = np.empty(last - first)
        top = -np.inf
        for i in range(first, last):
            value = 0.0
            for a in range(p):
                value += x[i, a] * beta[a]
            eta[i - first] = value
            top = max(top, value)
        s0 = 0.0
        s1[:] = 0.0
        s2[:, :] = 0.0
        height = 0.0
        i = last - 1
        j = first
        while i >= first:
            t = time[i]
            if late:
                while j < last and entry[leaving[j]] >= t:
                    row = leaving[j]
                    risk = weight[row] * np.exp(eta[row - first] - top)
                    s0 -= risk
                    for a in range(p):
                        s1[a] -= risk * x[row, a]
                        if wants:
                            for b in range(a + 1):
                                s2[a, b] -= risk * x[row, a] * x[row, b]
                    j += 1
                if s0 < _SUM_AGAIN * height:
                    s0 = _sums_at(t, i + 1, last, first, top, eta, x, weight, entry, s1, s2)
                    height = s0
            count = 0
            death_weight = 0.0
            d0 = 0.0
            d1[:] = 0.0
            d2[:, :] = 0.0
            at = 0.0
            while i >= first and time[i] == t:
                risk = weight[i] * np.exp(eta[i - first] - top)
                s0 += risk
                for a in range(p):
                    s1[a] += risk * x[i, a]
                    if wants:
                        for b in range(a + 1):
                            s2[a, b] += risk * x[i, a] * x[i, b]
                if event[i]:
                    count += 1
                    death_weight += weight[i]
                    d0 += risk
                    if wants:
                        at = g[i]
                    for a in range(p):
                        d1[a] += risk * x[i, a]
                        if wants:
                            for b in range(a + 1):
                                d2[a, b] += risk * x[i, a] * x[i, b]
                i -= 1
            height = max(height, s0)
            if count == 0:
                continue
            k -= 1
            steps[0, k] = s
            steps[1, k] = t
            steps[2, k] = death_weight
            steps[3, k] = count
            steps[7, k] = top
            terms = count if efron else 1
            for r in range(terms):
                share = r / count if efron else 0.0
                w = death_weight / terms
                denominator = s0 - share * d0
                hazard = w / denominator
                steps[4, k] += hazard
                steps[5, k] += hazard * (1.0 - share)
                steps[6, k] += hazard / denominator
                for a in range(p):
                    mean[a] = (s1[a] - share * d1[a]) / denominator
                    steps[8 + a, k] += hazard * mean[a]
                    steps[8 + p + a, k] += mean[a] / terms
                    met[a, k] += hazard * (1.0 - share) * mean[a]
                    if wants:
                        for b in range(a + 1):
                            second = (s2[a, b] - share * d2[a, b]) / denominator
                            part = w * (second - mean[a] * mean[b])
                            information[0, a, b] += part
                            information[1, a, b] += at * part
                            information[2, a, b] += at * at * part
    for a in range(p):
        for b in range(a):
            for power in range(3):
                information[power, b, a] = information[power, a, b]
    return steps, met, information
