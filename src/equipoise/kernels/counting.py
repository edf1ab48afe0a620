"""Who is at risk, who dies: one pass over sorted times for Kaplan-Meier and for the log-rank family."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True, nogil=True, error_model="numpy")
def kaplan_meier_steps(time, event, weight, entry):
    """Kaplan-Meier steps of one group at each distinct exit time.

    time (n,) float64 ascending; event (n,) bool and weight (n,) float64 in the same order; entry (m, 2)
    float64: columns entry and weight, by ascending entry, with m = n, or m = 0 when nobody enters late.

    At risk at t: entry < t <= time; at a tied time events come before censorings.
    Returns (k, out) with out (6, n), of which the first k columns hold: time, at risk, events,
    censored, survival S(t) = prod (n - d)/n, and Greenwood's sum of d / (n (n - d)) (Greenwood 1926),
    inf once S is 0.
    """
    n = time.shape[0]
    m = entry.shape[0]
    out = np.empty((6, n))
    at_risk = 0.0
    if m == 0:
        for i in range(n):
            at_risk += weight[i]
    inside = 0  # subjects under observation, counted exactly: an empty risk set has no rounding residue
    if m == 0:
        inside = n
    k = 0
    j = 0
    i = 0
    survival = 1.0
    greenwood = 0.0
    while i < n:
        t = time[i]
        while j < m and entry[j, 0] < t:
            if inside == 0:
                at_risk = 0.0
            at_risk += entry[j, 1]
            inside += 1
            j += 1
        deaths = 0.0
        lost = 0.0
        left = 0
        while i < n and time[i] == t:
            if event[i]:
                deaths += weight[i]
            else:
                lost += weight[i]
            left += 1
            i += 1
        if left == inside and lost == 0.0:
            at_risk = deaths  # everybody dies: S is exactly 0
        if deaths > 0.0:
            if deaths >= at_risk:
                survival = 0.0
                greenwood = np.inf
            else:
                survival *= (at_risk - deaths) / at_risk
                greenwood += deaths / (at_risk * (at_risk - deaths))
        out[0, k] = t
        out[1, k] = at_risk
        out[2, k] = deaths
        out[3, k] = lost
        out[4, k] = survival
        out[5, k] = greenwood
        k += 1
        at_risk -= deaths + lost
        inside -= left
    return k, out


# Weights of the log-rank family: the first column of what ``logrank_sums`` takes, with two parameters.
FLEMING_HARRINGTON = 0  # S(t-)^rho (1 - S(t-))^gamma: rho, gamma
MODEST_FROM_DELAY = 1  # 1 / max(S(t-), S(delay)): delay
MODEST_FROM_SURVIVAL = 2  # 1 / max(S(t-), survival): survival
GEHAN = 3  # at risk
TARONE_WARE = 4  # square root of at risk


@numba.njit(cache=True, nogil=True, error_model="numpy")
def logrank_sums(time, event, group, weight, starts, entry, entry_group, entry_weight, groups, weights):
    """Log-rank sums under K weights in one pass, by stratum.

    time, event, group, weight (n,): sorted by stratum, then time; starts (s + 1,) int64: where strata
    begin; entry, entry_group, entry_weight (n,) sorted by stratum, then entry, or of length 0;
    groups: number of groups g; weights (K, 3) float64: kind as above and its parameters, with the pooled
    Kaplan-Meier S and the number at risk of the stratum.

    Returns observed (s, K, g), expected (s, K, g) and variance (s, K, K, g, g): sums over event times of
    w_k d_j, w_k d n_j / n and w_k w_m d (n_j / n) (1{j = l} - n_l / n) (n - d) / (n - 1), the last 0 where n = 1.
    A modest weight without a bound (S(t-) and S(delay) both 0) is inf, and so are its sums.
    """
    strata = starts.shape[0] - 1
    kinds = weights.shape[0]
    late = entry.shape[0] > 0
    observed = np.zeros((strata, kinds, groups))
    expected = np.zeros((strata, kinds, groups))
    variance = np.zeros((strata, kinds, kinds, groups, groups))
    at_risk = np.zeros(groups)
    deaths = np.zeros(groups)
    lost = np.zeros(groups)
    w = np.ones(kinds)
    floor = np.ones(kinds)  # S(t-) until the delay, S(delay) from then on
    for s in range(strata):
        at_risk[:] = 0.0
        floor[:] = 1.0
        if not late:
            for i in range(starts[s], starts[s + 1]):
                at_risk[group[i]] += weight[i]
        survival = 1.0
        i = starts[s]
        j = starts[s]
        while i < starts[s + 1]:
            t = time[i]
            if late:
                while j < starts[s + 1] and entry[j] < t:
                    at_risk[entry_group[j]] += entry_weight[j]
                    j += 1
            deaths[:] = 0.0
            lost[:] = 0.0
            while i < starts[s + 1] and time[i] == t:
                if event[i]:
                    deaths[group[i]] += weight[i]
                else:
                    lost[group[i]] += weight[i]
                i += 1
            d = 0.0
            n = 0.0
            for g in range(groups):
                d += deaths[g]
                n += at_risk[g]
            if d > 0.0:
                after = survival * ((n - d) / n)
                for k in range(kinds):
                    kind = weights[k, 0]
                    w[k] = 1.0
                    if kind == FLEMING_HARRINGTON:
                        if weights[k, 1] != 0.0:
                            w[k] *= survival ** weights[k, 1]
                        if weights[k, 2] != 0.0:
                            w[k] *= (1.0 - survival) ** weights[k, 2]
                    elif kind == MODEST_FROM_DELAY:
                        w[k] /= floor[k]
                        if t <= weights[k, 1]:
                            floor[k] = after
                    elif kind == MODEST_FROM_SURVIVAL:
                        w[k] /= max(survival, weights[k, 1])
                    elif kind == GEHAN:
                        w[k] = n
                    else:
                        w[k] = np.sqrt(n)
                spread = 0.0
                if n > 1.0:
                    spread = d * (n - d) / (n - 1.0)
                for k in range(kinds):
                    for g in range(groups):
                        share = at_risk[g] / n
                        observed[s, k, g] += w[k] * deaths[g]
                        expected[s, k, g] += w[k] * d * share
                        for m in range(kinds):
                            both = w[k] * w[m] * spread
                            for h in range(groups):
                                other = at_risk[h] / n
                                variance[s, k, m, g, h] += both * share * ((1.0 if g == h else 0.0) - other)
                survival = after
            for g in range(groups):
                at_risk[g] -= deaths[g] + lost[g]
    return observed, expected, variance


@numba.njit(cache=True, nogil=True, error_model="numpy")
def death_counts(time, event, group, weight, starts, groups):
    """At risk and dying by group at each distinct death time, when nobody enters late.

    time, event, group, weight (n,): sorted by stratum, then time, weights being counts of subjects; starts (s + 1,);
    groups: number of groups g.
    Returns k, at_risk and deaths (m, g) float64, of which the first k rows are filled, times descending
    within a stratum.
    """
    m = 0
    for i in range(event.shape[0]):
        if event[i]:
            m += 1
    at_risk = np.zeros((m, groups))
    deaths = np.zeros((m, groups))
    present = np.zeros(groups)
    k = 0
    for s in range(starts.shape[0] - 1):
        present[:] = 0.0
        i = starts[s + 1] - 1
        while i >= starts[s]:
            t = time[i]
            died = False
            while i >= starts[s] and time[i] == t:
                present[group[i]] += weight[i]
                if event[i]:
                    died = True
                    deaths[k, group[i]] += weight[i]
                i -= 1
            if died:
                at_risk[k, :] = present
                k += 1
    return k, at_risk, deaths
