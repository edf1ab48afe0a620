"""Cox's partial likelihood from counts, where subjects differ by their group only."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True, nogil=True, error_model="numpy")
def grouped_likelihood(beta, z, at_risk, deaths, efron):
    """``partial_likelihood`` from counts, where all subjects of a group have the same covariates.

    beta (p,); z (g, p): covariates of each group; at_risk, deaths (k, g) from ``death_counts``; efron: bool.
    The same terms as there: the sums over the risk set are n_g e^(z_g beta) (1, z_g, z_g z_g'), so a step costs one
    multiply-add chain a death instead of an exponential a subject. Returns loglik, score (p,), information (p, p).
    """
    k, g = at_risk.shape
    p = beta.shape[0]
    eta = np.zeros(g)
    for h in range(g):
        for a in range(p):
            eta[h] += z[h, a] * beta[a]
    ratio = np.empty((g, g))  # e^(eta_h - eta_top): sums are relative to the highest risk still there
    for top in range(g):
        for h in range(g):
            ratio[top, h] = np.exp(eta[h] - eta[top])
    loglik = 0.0
    lost = 0.0
    score = np.zeros(p)
    information = np.zeros((p, p))
    share = np.zeros(g)
    mean = np.zeros(p)
    for row in range(k):
        top = -1
        count = 0.0
        gain = 0.0
        d0 = 0.0
        for h in range(g):
            if at_risk[row, h] > 0.0 and (top < 0 or eta[h] > eta[top]):
                top = h
            count += deaths[row, h]
            gain += deaths[row, h] * eta[h]
            for a in range(p):
                score[a] += deaths[row, h] * z[h, a]
        s0 = 0.0
        for h in range(g):
            if at_risk[row, h] > 0.0:
                s0 += at_risk[row, h] * ratio[top, h]
                d0 += deaths[row, h] * ratio[top, h]
        terms = int(count) if efron else 1
        for r in range(terms):
            part = r / count if efron else 0.0
            w = count / terms
            denominator = s0 - part * d0
            gain -= w * (np.log(denominator) + eta[top])
            inverse = 1.0 / denominator
            mean[:] = 0.0
            for h in range(g):
                share[h] = 0.0
                if at_risk[row, h] > 0.0:
                    share[h] = (at_risk[row, h] - part * deaths[row, h]) * ratio[top, h] * inverse
                for a in range(p):
                    mean[a] += share[h] * z[h, a]
            for a in range(p):
                score[a] -= w * mean[a]
                for h in range(g):
                    for b in range(a + 1):
                        information[a, b] += w * share[h] * (z[h, a] - mean[a]) * (z[h, b] - mean[b])
        addend = gain - lost
        total = loglik + addend
        lost = (total - loglik) - addend
        loglik = total
    for a in range(p):
        for b in range(a):
            information[b, a] = information[a, b]
    return loglik, score, information


@numba.njit(cache=True, nogil=True, error_model="numpy")
def two_group_likelihood(beta, z, at_risk, deaths, efron):
    """``grouped_likelihood`` of two groups and one coefficient: two arms, by far the most frequent model.

    beta (1,); z (2, 1); at_risk, deaths (k, 2). With q the share of one group in the sum over the risk set, a death
    gives 1 (if it is of that group) - q to the score and q (1 - q) to the information, times the distance of the
    groups and its square. The group meant is the one of higher risk.
    """
    low, high = (0, 1) if (z[1, 0] - z[0, 0]) * beta[0] > 0.0 else (1, 0)
    distance = z[high, 0] - z[low, 0]
    log_ratio = -distance * beta[0]
    ratio = np.exp(log_ratio)
    loglik = 0.0
    lost = 0.0
    product = 1.0  # of the terms that are not in loglik yet: a logarithm costs more than all the rest
    beside_high = 0.0
    excess = 0.0
    spread = 0.0
    for row in range(at_risk.shape[0]):
        count = deaths[row, 0] + deaths[row, 1]
        # Sums are relative to the higher risk still there: the lower may be too small for a number beside it.
        some = at_risk[row, high] > 0.0
        unit = ratio if some else 1.0
        if some:
            beside_high += deaths[row, low]
        power = 1.0 if efron else count
        for r in range(int(count) if efron else 1):
            of_low, of_high = at_risk[row, low], at_risk[row, high]
            if r > 0:
                of_low -= r * deaths[row, low] / count
                of_high -= r * deaths[row, high] / count
            of_low *= unit
            inverse = 1.0 / (of_low + of_high)
            excess -= power * of_high * inverse
            spread += power * (of_low * inverse) * (of_high * inverse)
            gain = 0.0
            if power == 1.0:
                product *= inverse
            else:
                gain = power * np.log(inverse)
            if gain != 0.0 or product < 1e-250 or product > 1e250:
                addend = gain + np.log(product) - lost
                following = loglik + addend
                lost = (following - loglik) - addend
                loglik = following
                product = 1.0
        excess += deaths[row, high]
    loglik += np.log(product) + beside_high * log_ratio
    score = np.empty(1)
    score[0] = distance * excess
    information = np.empty((1, 1))
    information[0, 0] = distance * distance * spread
    return loglik, score, information
