"""Models of bootstrap samples given as numbers of copies: times that are restored, switching, and hazard ratios.

Each is a concave likelihood maximized by Newton's steps from where a sample before it ended. A model whose maximum is
not plainly inside (columns that say the same, coefficients that run away) gives nan: who asks fits it with care.
"""

from __future__ import annotations

import numba
import numpy as np

from .structural import _code, _ratio, _settle

_STEPS = 40
_SMALL = 1e-6  # a step of Newton's: what it leaves is of the order of its square
_LONGEST = 5.0
_LEAST = 1e-7  # of a pivot: a share of its column's information, and information per event
_NO_VARIANCE = 1e-11  # robust, of that of the information: what is left of scores that add up to 0
_NARROW = 1e4  # 1 over scale at which times are nearly explained


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _factor(matrix, size, unit):
    """Cholesky's factor in place of the lower half; False where a pivot is too near 0."""
    for j in range(size):
        pivot = whole = matrix[j, j]
        for k in range(j):
            pivot -= matrix[j, k] * matrix[j, k]
        if not pivot > max(_LEAST * whole, _LEAST * unit):
            return False
        root = np.sqrt(pivot)
        matrix[j, j] = root
        for i in range(j + 1, size):
            rest = matrix[i, j]
            for k in range(j):
                rest -= matrix[i, k] * matrix[j, k]
            matrix[i, j] = rest / root
    return True


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _solve(factor, size, vector, out):
    """The solution from Cholesky's factor, in out."""
    for j in range(size):
        rest = vector[j]
        for k in range(j):
            rest -= factor[j, k] * out[k]
        out[j] = rest / factor[j, j]
    for j in range(size - 1, -1, -1):
        rest = out[j]
        for k in range(j + 1, size):
            rest -= factor[k, j] * out[k]
        out[j] = rest / factor[j, j]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _sums(times, delta, size, a, happened, copies, score, information, excess):
    """Log-likelihood, score and information (its lower half) of eta = a delta, the first size of delta moving.

    ``times``: events less exp(eta), and delta's last, if it moves, is 1 over scale; else events less a logistic
    chance. excess (n,): what each row's event has beyond what is expected of it.
    """
    p = a.shape[1]
    loglik = events = 0.0
    score[:] = 0.0
    information[:] = 0.0
    for i in range(a.shape[0]):
        if copies[i] == 0:
            continue
        eta = 0.0
        for j in range(p):
            eta += a[i, j] * delta[j]
        copy = float(copies[i])
        event = 1.0 if happened[i] else 0.0
        events += copy * event
        if times:
            expected = np.exp(eta)
            curve = expected
            loglik += copy * (event * eta - expected)
        else:
            small = np.exp(-abs(eta))
            expected = 1.0 / (1.0 + small) if eta >= 0.0 else small / (1.0 + small)
            curve = small / ((1.0 + small) * (1.0 + small))
            loglik += copy * (event * eta - max(eta, 0.0) - np.log1p(small))
        excess[i] = event - expected
        for j in range(size):
            score[j] += copy * excess[i] * a[i, j]
            part = copy * curve * a[i, j]
            for k in range(j + 1):
                information[j, k] += part * a[i, k]
    if times and size == p:
        rate = delta[p - 1]
        if not 0.0 < rate < _NARROW:
            return -np.inf, events
        loglik += events * np.log(rate)
        score[p - 1] += events / rate
        information[p - 1, p - 1] += events / (rate * rate)
    return loglik, events


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _maximized(times, size, a, happened, copies, delta, trial, score, information, step, excess):
    """Newton's steps from delta, which they change; whether they came to rest at a maximum inside."""
    loglik, events = _sums(times, delta, size, a, happened, copies, score, information, excess)
    if not (loglik > -np.inf and events > 0.0):
        return False
    trial[:] = delta
    for _ in range(_STEPS):
        if not _factor(information, size, events):
            return False
        _solve(information, size, score, step)
        length = 0.0
        for j in range(size):
            length = max(length, abs(step[j]))
        if not length < np.inf:
            return False
        if length < _SMALL:
            for j in range(size):
                delta[j] += step[j]
            return True
        part = min(1.0, _LONGEST / length)
        while True:
            for j in range(size):
                trial[j] = delta[j] + part * step[j]
            following, _ = _sums(times, trial, size, a, happened, copies, score, information, excess)
            if following >= loglik - 1e-12 * (events + abs(loglik)):
                break
            part *= 0.5
            if part < 1e-6:
                return False
        loglik = following
        delta[:] = trial
    return False


@numba.njit(cache=True, nogil=True, error_model="numpy")
def accelerated_draws(size, a, event, copies, start):
    """The second coefficient over scale, and 1 over scale, of a Weibull model in each bootstrap sample: (B,), (B,).

    a (n, p + 1): columns with their sign changed, the constant first, and log times last; event (n,) bool; copies
    (B, n) int64; start (p + 1,): where the search begins; size p + 1, or p where 1 over scale stays as it is in start.
    nan where the maximum is in doubt.
    """
    draws, n = copies.shape
    p = a.shape[1]
    coef, rate = np.full(draws, np.nan), np.full(draws, np.nan)
    delta, trial, score, step = np.empty(p), np.empty(p), np.empty(p), np.empty(p)
    information, excess = np.empty((p, p)), np.empty(n)
    for b in range(draws):
        delta[:] = start
        if _maximized(True, size, a, event, copies[b], delta, trial, score, information, step, excess):
            coef[b], rate[b] = delta[1], delta[p - 1]
    return coef, rate


@numba.njit(cache=True, nogil=True, error_model="numpy")
def accelerated_again(factors, size, time, on, end, event, arm, copies, center, unit, a, delta):
    """The second coefficient of a Weibull model of the times as they would be without switching; nan in doubt.

    factors (2,): by which, less 1, time on treatment changes in control, and time off it in the experimental arm;
    time, on, end, event, arm as in ``structural_tests``, copies (n,) int64; a as in ``accelerated_draws``, whose last
    column becomes the log times less center, over unit; delta is where the search begins, and ends where it does.
    """
    n, p = a.shape
    dead = np.empty(n, dtype=np.bool_)
    for i in range(n):
        pace, share = (factors[0], on[i]) if arm[i] == 0 else (factors[1], time[i] - on[i])
        u = time[i] + pace * share
        dead[i] = event[i]
        if end[i] < np.inf:
            cut = end[i] + min(pace, 0.0) * end[i]
            if u > cut:
                u = cut
                dead[i] = False
        a[i, p - 1] = (np.log(u) - center) / unit
    trial, score, step = np.empty(p), np.empty(p), np.empty(p)
    information, excess = np.empty((p, p)), np.empty(n)
    before = delta.copy()
    if not _maximized(True, size, a, dead, copies, delta, trial, score, information, step, excess):
        delta[:] = before
        return np.nan
    return unit * delta[1] / delta[p - 1]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _martingale(order, u, dead, copies, out):
    """Events less the hazard met, Efron's ties, of subjects sorted by u."""
    n = order.shape[0]
    left = 0
    for i in range(n):
        left += copies[i]
    total = 0.0
    first = 0
    while first < n:
        last, deaths, there = first, 0, 0
        while last < n and u[order[last]] == u[order[first]]:
            i = order[last]
            there += copies[i]
            if dead[i]:
                deaths += copies[i]
            last += 1
        jump = own = 0.0
        for r in range(deaths):
            term = 1.0 / (left - r)
            jump += term
            own += (1.0 - r / deaths) * term
        for r in range(first, last):
            i = order[r]
            out[i] = 1.0 - total - own if dead[i] else -total - jump
        total += jump
        left -= there
        first = last


@numba.njit(cache=True, nogil=True, error_model="numpy")
def switching_tests(factors, left, on, end, event, copies, orders, of, crossed, a, lasts):
    """Z, robust by subject, of the time without a switch in a logistic model of who switches: (G,), nan in doubt.

    factors (G,): by which, less 1, time on treatment changes. By subject (k,): left, on, end and event as time, on,
    end, event of ``structural_tests`` and copies int64. By visit (m,): of int64, the subject's place, subjects' visits
    lying together; crossed bool; a (m, p), the constant first and second a column that is overwritten. lasts (2, p)
    and orders (2, k) int64 are where the search for a maximum begins and how times are sorted, roughly, for psi below 0
    and not below: who looks for a root looks on both sides in turn. They end where the last search on that side does.
    """
    k, (m, p) = left.shape[0], a.shape
    z = np.full(factors.shape[0], np.nan)
    u, dead, residual = np.empty(k), np.empty(k, dtype=np.bool_), np.empty(k)
    trial, score, step, before = np.empty(p), np.empty(p), np.empty(p), np.empty(p)
    information, excess = np.empty((p, p)), np.empty(m)
    row_copies = np.empty(m, dtype=np.int64)
    for r in range(m):
        row_copies[r] = copies[of[r]]
    for g in range(factors.shape[0]):
        side = 0 if factors[g] < 0.0 else 1
        order, delta = orders[side], lasts[side]
        for i in range(k):
            u[i] = left[i] + factors[g] * on[i]
            dead[i] = event[i]
            if end[i] < np.inf:
                cut = end[i] + min(factors[g], 0.0) * end[i]
                if u[i] > cut:
                    u[i] = cut
                    dead[i] = False
        _settle(order, u, 0, k)
        _martingale(order, u, dead, copies, residual)
        for r in range(m):
            a[r, 1] = residual[of[r]]
        before[:] = delta
        if not delta.any():
            delta[:] = lasts[1 - side]
        if not _maximized(False, p, a, crossed, row_copies, delta, trial, score, information, step, excess):
            delta[:] = before
            continue
        _, events = _sums(False, delta, p, a, crossed, row_copies, score, information, excess)
        if not _factor(information, p, events):
            continue
        score[:] = 0.0
        score[1] = 1.0
        _solve(information, p, score, step)  # the inverse information's row of the residual
        variance = own = 0.0
        for r in range(m):
            if row_copies[r] > 0:
                along = 0.0
                for j in range(p):
                    along += a[r, j] * step[j]
                own += along * excess[r]
            if r == m - 1 or of[r + 1] != of[r]:
                variance += copies[of[r]] * own * own
                own = 0.0
        if variance > _NO_VARIANCE * step[1]:
            z[g] = delta[1] / np.sqrt(variance)
    return z


@numba.njit(cache=True, nogil=True, error_model="numpy")
def ratio_draws(copies, u, dead, arm, starts, orders):
    """Log hazard ratio, Efron's ties, of each bootstrap sample, (B,); nan where it has none.

    copies (B, n) int64, and of each sample times u (B, n), events dead (B, n) bool and orders (B, n) int64, which sort
    subjects by stratum and time; arm (n,) int64; starts (s + 1,): where strata begin in the orders.
    """
    draws, n = copies.shape
    ratio = np.full(draws, np.nan)
    code, table = np.empty(n, dtype=np.int8), np.empty((5, n + 1))
    most = 1
    for b in range(draws):
        most = max(most, copies[b].sum())
    odds, weight = np.empty(most), np.empty(most)
    for b in range(draws):
        _code(orders[b], u[b], dead[b], arm, starts, code)
        ratio[b] = _ratio(orders[b], code, copies[b], starts, table, odds, weight)
    return ratio
