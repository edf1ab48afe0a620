"""Cox's partial likelihood with Breslow's or Efron's treatment of ties."""

from __future__ import annotations

import numba
import numpy as np

# Late entry takes rows out of running sums. Once that has taken a sum down to this share of its height,
# what is left is mostly the rounding of what went, and the sum is done again from the rows still there.
_SUM_AGAIN = 0.1


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _sums_at(t, begin, end, first, top, eta, x, weight, entry, s1, s2):
    """Sum of risks over rows begin .. end - 1 that entered before t; s1 and s2 (size 0: none) are set in place."""
    s0 = 0.0
    s1[:] = 0.0
    s2[:, :] = 0.0
    for row in range(begin, end):
        if entry[row] < t:
            risk = weight[row] * np.exp(eta[row - first] - top)
            s0 += risk
            for a in range(s1.shape[0]):
                s1[a] += risk * x[row, a]
                for b in range(s2.shape[0]):
                    s2[a, b] += risk * x[row, a] * x[row, b]
    return s0


@numba.njit(cache=True, nogil=True, error_model="numpy")
def partial_likelihood(beta, x, time, event, weight, starts, entry, leaving, efron):
    """Log partial likelihood, score and information at beta.

    beta (p,); x (n, p) C-contiguous, time, event, weight (n,): sorted by stratum, then time; starts
    (s + 1,); entry (n,) in the same order and leaving (n,) int64 = rows of each stratum by descending
    entry, both of length 0 when nobody enters late; efron: bool.

    At a time with deaths D (weights w, their mean w'), with sums over the risk set R of w e^(x beta)
    (1, x, xx') and the same over D, Efron (1977) takes away r/|D| of D's sums for r = 0 .. |D| - 1 and
    gives each term the weight w' (Therneau and Grambsch 2000); Breslow (1974) takes away
    nothing. Returns loglik, score (p,), information (p, p).
    """
    p = beta.shape[0]
    late = entry.shape[0] > 0
    loglik = 0.0
    lost = 0.0
    score = np.zeros(p)
    information = np.zeros((p, p))
    s1 = np.zeros(p)
    s2 = np.zeros((p, p))
    d0 = 0.0
    d1 = np.zeros(p)
    d2 = np.zeros((p, p))
    mean = np.zeros(p)
    for s in range(starts.shape[0] - 1):
        first = starts[s]
        eta = np.empty(starts[s + 1] - first)
        for i in range(first, starts[s + 1]):
            value = 0.0
            for a in range(p):
                value += x[i, a] * beta[a]
            eta[i - first] = value
        # Sums are of e^(eta - top), top the largest eta met so far, so that they neither over- nor underflow.
        top = -np.inf
        s0 = 0.0
        s1[:] = 0.0
        s2[:, :] = 0.0
        height = 0.0
        i = starts[s + 1] - 1
        j = first
        while i >= first:
            t = time[i]
            if late:
                while j < starts[s + 1] and entry[leaving[j]] >= t:
                    row = leaving[j]
                    risk = weight[row] * np.exp(eta[row - first] - top)
                    s0 -= risk
                    for a in range(p):
                        s1[a] -= risk * x[row, a]
                        for b in range(p):
                            s2[a, b] -= risk * x[row, a] * x[row, b]
                    j += 1
                if s0 < _SUM_AGAIN * height:
                    top = -np.inf
                    for row in range(i + 1, starts[s + 1]):
                        if entry[row] < t:
                            top = max(top, eta[row - first])
                    s0 = _sums_at(t, i + 1, starts[s + 1], first, top, eta, x, weight, entry, s1, s2)
                    height = s0
            count = 0
            gain = 0.0
            death_weight = 0.0
            end = i + 1
            while i >= first and time[i] == t:
                if eta[i - first] > top:
                    shrink = np.exp(top - eta[i - first])
                    top = eta[i - first]
                    height *= shrink
                    s0 *= shrink
                    for a in range(p):
                        s1[a] *= shrink
                        for b in range(p):
                            s2[a, b] *= shrink
                risk = weight[i] * np.exp(eta[i - first] - top)
                s0 += risk
                # Whole rows of s2, though half of it would do: the length of the inner loop stays predictable.
                for a in range(p):
                    part = risk * x[i, a]
                    s1[a] += part
                    for b in range(p):
                        s2[a, b] += part * x[i, b]
                if event[i]:
                    count += 1
                    death_weight += weight[i]
                    gain += weight[i] * eta[i - first]
                    for a in range(p):
                        score[a] += weight[i] * x[i, a]
                i -= 1
            height = max(height, s0)
            if count == 0:
                continue
            terms = 1
            if efron and count > 1:
                terms = count
                d0 = 0.0
                d1[:] = 0.0
                d2[:, :] = 0.0
                for row in range(i + 1, end):
                    if event[row]:
                        risk = weight[row] * np.exp(eta[row - first] - top)
                        d0 += risk
                        for a in range(p):
                            d1[a] += risk * x[row, a]
                            for b in range(p):
                                d2[a, b] += risk * x[row, a] * x[row, b]
            w = death_weight / terms
            for r in range(terms):
                share = r / terms
                denominator = s0 - share * d0
                gain -= w * (np.log(denominator) + top)
                each = w / denominator
                for a in range(p):
                    mean[a] = (s1[a] - share * d1[a]) / denominator
                    score[a] -= w * mean[a]
                for a in range(p):
                    part = w * mean[a]
                    if r == 0:
                        for b in range(p):
                            information[a, b] += each * s2[a, b] - part * mean[b]
                    else:
                        for b in range(p):
                            information[a, b] += each * (s2[a, b] - share * d2[a, b]) - part * mean[b]
            # Compensated (Kahan 1965): over a million deaths plain sums are off by 1e-4, more than a last step gains.
            addend = gain - lost
            total = loglik + addend
            lost = (total - loglik) - addend
            loglik = total
    for a in range(p):
        for b in range(a):
            information[b, a] = information[a, b]
    return loglik, score, information
