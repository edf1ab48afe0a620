"""The two exact treatments of ties: discrete (conditional logistic) and exact-marginal."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _tilt(log_odds, d):
    """The log of the factor c with sum c o / (1 + c o) = d, by Newton steps: 0 < d < len(log_odds)."""
    log_c = 0.0
    for i in range(log_odds.shape[0]):
        log_c -= log_odds[i] / log_odds.shape[0]
    n = log_odds.shape[0]
    log_c += np.log(d / (n - d))
    # At these ends each term is below 1/n, or above 1 - 1/n.
    low, high = -log_odds.max() - np.log(n) - 1.0, -log_odds.min() + np.log(n) + 1.0
    for _ in range(200):
        total = 0.0
        slope = 0.0
        for i in range(log_odds.shape[0]):
            q = 1.0 / (1.0 + np.exp(-(log_c + log_odds[i])))
            total += q
            slope += q * (1.0 - q)
        if total < d:
            low = log_c
        else:
            high = log_c
        if abs(total - d) < 1e-10 * d:
            break
        step = (d - total) / slope if slope > 1e-300 else np.inf
        following = log_c + step
        if not (low < following < high):
            following = 0.5 * (low + high)
        if following == log_c:
            break
        log_c = following
    return log_c


@numba.njit(cache=True, nogil=True, error_model="numpy")
def discrete_likelihood(beta, x, time, event, starts, entry):
    """Log-likelihood, score and information of Cox's discrete model (Cox 1972).

    Inputs as in ``partial_likelihood``, unweighted. At a time with d deaths out of a risk set R the
    term is exp(sum over deaths of x beta) over the sum of the same over every subset of R of size d.
    That sum is the probability that independent coins with odds c e^(x beta) show d heads, times
    known factors; with c chosen so that d heads are expected, nothing over- or underflows whatever
    the size. The derivatives are moments of the sum of x over the heads, given d heads.
    """
    p = beta.shape[0]
    late = entry.shape[0] > 0
    loglik = 0.0
    score = np.zeros(p)
    information = np.zeros((p, p))
    for s in range(starts.shape[0] - 1):
        first, last = starts[s], starts[s + 1]
        eta = np.empty(last - first)
        for i in range(first, last):
            value = 0.0
            for a in range(p):
                value += x[i, a] * beta[a]
            eta[i - first] = value
        i = first
        while i < last:
            t = time[i]
            d = 0
            end = i
            while end < last and time[end] == t:
                if event[end]:
                    d += 1
                end += 1
            if d == 0:
                i = end
                continue
            members = np.empty(last - i, dtype=np.int64)
            n = 0
            top = -np.inf
            for row in range(i, last):
                if not late or entry[row] < t:
                    members[n] = row
                    n += 1
                    top = max(top, eta[row - first])
            if d == n:  # everybody at risk dies: one subset only, its probability is 1
                i = end
                continue
            log_odds = np.empty(n)
            for m in range(n):
                log_odds[m] = eta[members[m] - first] - top
            log_c = _tilt(log_odds, d)
            prob = np.zeros(d + 1)
            first_moment = np.zeros((d + 1, p))
            second_moment = np.zeros((d + 1, p, p))
            prob[0] = 1.0
            scale = -d * log_c
            for m in range(n):
                row = members[m]
                tilted = log_c + log_odds[m]
                q = 1.0 / (1.0 + np.exp(-tilted))
                scale += max(tilted, 0.0) + np.log1p(np.exp(-abs(tilted)))
                for k in range(min(d, m + 1), 0, -1):
                    for a in range(p):
                        for b in range(a + 1):
                            second_moment[k, a, b] = (1.0 - q) * second_moment[k, a, b] + q * (
                                second_moment[k - 1, a, b]
                                + x[row, a] * first_moment[k - 1, b]
                                + first_moment[k - 1, a] * x[row, b]
                                + x[row, a] * x[row, b] * prob[k - 1]
                            )
                    for a in range(p):
                        first_moment[k, a] = (1.0 - q) * first_moment[k, a] + q * (
                            first_moment[k - 1, a] + x[row, a] * prob[k - 1]
                        )
                    prob[k] = (1.0 - q) * prob[k] + q * prob[k - 1]
                prob[0] *= 1.0 - q
            loglik -= np.log(prob[d]) + scale
            for row in range(i, end):
                if event[row]:
                    loglik += eta[row - first] - top
                    for a in range(p):
                        score[a] += x[row, a]
            for a in range(p):
                mean_a = first_moment[d, a] / prob[d]
                score[a] -= mean_a
                for b in range(a + 1):
                    mean_b = first_moment[d, b] / prob[d]
                    information[a, b] += second_moment[d, a, b] / prob[d] - mean_a * mean_b
            i = end
    for a in range(p):
        for b in range(a):
            information[b, a] = information[a, b]
    return loglik, score, information


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _log_one_minus_exp(u):
    """log(1 - exp(-u)) for u > 0."""
    return np.log(-np.expm1(-u)) if u < 0.6931471805599453 else np.log1p(-np.exp(-u))


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _failing(u):
    """(psi, psi'): first and second derivative of log(1 - exp(-u)) in log u."""
    if u > 700.0:
        return 0.0, 0.0
    if u < 1e-5:
        return 1.0 - 0.5 * u, -0.5 * u
    psi = u / np.expm1(u)
    return psi, psi * (1.0 - u / -np.expm1(-u))


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _peak(a):
    """Mode of h(s) = s - e^s + sum log(1 - exp(-a_j e^s)), which is concave, and -h'' there."""
    s = 0.0
    curvature = 1.0
    for _ in range(200):
        e = np.exp(s)
        slope = 1.0 - e
        curvature = e
        for j in range(a.shape[0]):
            psi, change = _failing(a[j] * e)
            slope += psi
            curvature -= change
        step = slope / curvature
        s += max(-2.0, min(2.0, step))
        if abs(step) < 1e-9:
            break
    return s, curvature


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _all_fail_first(ratio, z, spread):
    """Log probability that all who die do so before any survivor, its gradient and minus its Hessian (lower half).

    ratio (d,): risks of the dying over the sum of the survivors'; z (d, p): their covariates less the survivors'
    mean; spread (p, p): the survivors' covariance. The integral over s = log t by the trapezoidal rule.
    """
    d, p = z.shape
    mode, width = _peak(ratio)
    step = min(0.2, 0.25 / np.sqrt(width))
    reference = 0.0
    total = 0.0
    slope = np.zeros(p)  # sums over nodes of weight times gradient, gradient squared, Hessian
    square = np.zeros((p, p))
    bend = np.zeros((p, p))
    gradient = np.zeros(p)
    for direction in range(2):
        node = direction
        while True:
            at = mode + (1 - 2 * direction) * node * step
            e = np.exp(at)
            height = at - e
            for k in range(d):
                height += _log_one_minus_exp(ratio[k] * e)
            if node == 0:
                reference = height
            if height < reference - 45.0:
                break
            w = np.exp(height - reference)
            total += w
            gradient[:] = 0.0
            sum_psi = 0.0
            for k in range(d):
                psi, change = _failing(ratio[k] * e)
                sum_psi += psi
                for a in range(p):
                    gradient[a] += psi * z[k, a]
                    for b in range(a + 1):
                        bend[a, b] += w * change * z[k, a] * z[k, b]
            for a in range(p):
                slope[a] += w * gradient[a]
                for b in range(a + 1):
                    square[a, b] += w * gradient[a] * gradient[b]
                    bend[a, b] -= w * sum_psi * spread[a, b]
            node += 1
    for a in range(p):
        for b in range(a + 1):
            square[a, b] = slope[a] * slope[b] / (total * total) - (bend[a, b] + square[a, b]) / total
    return reference + np.log(total * step), slope / total, square


@numba.njit(cache=True, nogil=True, error_model="numpy")
def marginal_likelihood(beta, x, time, event, starts, entry):
    """Log-likelihood, score and information of the exact marginal likelihood (SAS TIES=EXACT).

    Inputs as in ``discrete_likelihood``. At a time with deaths D and survivors R (at risk, not dying
    then), with r_j = e^(x_j beta), the term is the probability that all of D fail before any of R,
    the integral over t > 0 of prod over D of (1 - exp(-t r_j / r_R)) e^(-t), r_R the sum of r over R
    (Kalbfleisch and Prentice 1973; DeLong, Guirguis and So 1994); it is 1 where R is empty. In
    s = log t the integrand is log-concave and analytic in a strip of half-width pi/2, so the
    trapezoidal rule converges exponentially: steps of a quarter of its width, at most 0.2, leave less than
    1e-15. Derivatives are taken under the integral.
    """
    p = beta.shape[0]
    late = entry.shape[0] > 0
    loglik = 0.0
    score = np.zeros(p)
    information = np.zeros((p, p))
    for s in range(starts.shape[0] - 1):
        first, last = starts[s], starts[s + 1]
        i = first
        while i < last:
            t = time[i]
            d = 0
            end = i
            while end < last and time[end] == t:
                if event[end]:
                    d += 1
                end += 1
            if d == 0:
                i = end
                continue
            # Survivors of t: their sum, mean and covariance of x under weights e^(x beta).
            top = -np.inf
            for row in range(i, last):
                if not late or entry[row] < t:
                    value = 0.0
                    for a in range(p):
                        value += x[row, a] * beta[a]
                    top = max(top, value)
            rest = 0.0
            mean = np.zeros(p)
            spread = np.zeros((p, p))
            log_risk = np.empty(d)
            dying = np.empty(d, dtype=np.int64)
            k = 0
            for row in range(i, last):
                if late and entry[row] >= t:
                    continue
                value = 0.0
                for a in range(p):
                    value += x[row, a] * beta[a]
                if row < end and event[row]:
                    log_risk[k] = value - top
                    dying[k] = row
                    k += 1
                else:
                    risk = np.exp(value - top)
                    rest += risk
                    for a in range(p):
                        mean[a] += risk * x[row, a]
                        for b in range(a + 1):
                            spread[a, b] += risk * x[row, a] * x[row, b]
            i = end
            if rest == 0.0:
                continue
            z = np.empty((d, p))
            for a in range(p):
                mean[a] /= rest
            for a in range(p):
                for b in range(a + 1):
                    spread[a, b] = spread[a, b] / rest - mean[a] * mean[b]
                for k in range(d):
                    z[k, a] = x[dying[k], a] - mean[a]
            ratio = np.exp(log_risk - np.log(rest))
            term, gradient, curvature = _all_fail_first(ratio, z, spread)
            loglik += term
            for a in range(p):
                score[a] += gradient[a]
                for b in range(a + 1):
                    information[a, b] += curvature[a, b]
    for a in range(p):
        for b in range(a):
            information[b, a] = information[a, b]
    return loglik, score, information
