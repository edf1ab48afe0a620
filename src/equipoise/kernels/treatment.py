"""What patients are given while on treatment, and which adverse events they have meanwhile."""

from __future__ import annotations

import math

import numba
import numpy as np


@numba.njit(cache=True, nogil=True, error_model="numpy")
def doses_given(treatment_end, arm, weight, regimens, missed, u):
    """Planned and given administrations and amounts of each regimen, up to each patient's last day on treatment.

    treatment_end (n,) int64 study days; arm (n,) int64; weight (n,) kilograms; regimens (r, 8) float64: arm, loading
    amount (0: none), its day, maintenance amount, its interval in days, its first day, whether the loading and
    whether the maintenance amount are per kilogram; missed: probability that a dose after the first is not given;
    u (n, r) uniforms, each through the inverse binomial distribution function.

    Returns planned, given (n, r) int64 and planned and given amounts (n, r); -1 where the regimen is another arm's.
    """
    n = treatment_end.shape[0]
    r = regimens.shape[0]
    planned = np.full((n, r), -1, dtype=np.int64)
    given = np.full((n, r), -1, dtype=np.int64)
    amount_planned = np.zeros((n, r))
    amount_given = np.zeros((n, r))
    for j in range(r):
        for i in range(n):
            if arm[i] != int(regimens[j, 0]):
                continue
            end = float(treatment_end[i])
            first = 1 if regimens[j, 1] > 0.0 and end >= regimens[j, 2] else 0
            later = 0
            if end >= regimens[j, 5]:
                later = int((end - regimens[j, 5]) // regimens[j, 4]) + 1
            may_miss = later if first else max(0, later - 1)
            lost = _missed(may_miss, missed, u[i, j])
            loading = regimens[j, 1] * (weight[i] if regimens[j, 6] > 0.0 else 1.0)
            each = regimens[j, 3] * (weight[i] if regimens[j, 7] > 0.0 else 1.0)
            planned[i, j] = first + later
            given[i, j] = first + later - lost
            amount_planned[i, j] = first * loading + later * each
            amount_given[i, j] = first * loading + (later - lost) * each
    return planned, given, amount_planned, amount_given


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _missed(doses, missed, u):
    """The least k with P(Binomial(doses, missed) <= k) >= u."""
    if doses == 0 or missed <= 0.0:
        return 0
    if missed >= 1.0:
        return doses
    total = 0.0
    for k in range(doses):
        log_p = math.lgamma(doses + 1.0) - math.lgamma(k + 1.0) - math.lgamma(doses - k + 1.0)
        log_p += k * math.log(missed) + (doses - k) * math.log(1.0 - missed)
        before = total
        total += math.exp(log_p)
        if total >= u or (total == before and k > doses * missed):  # rounding may keep the sum from reaching u
            return k
    return doses


@numba.njit(cache=True, nogil=True, error_model="numpy")
def adverse_event_days(treatment_end, arm, any_below, kind_below, u_any, u_kind, u_day):
    """The study day of each kind of adverse event in each patient, 0 where there is none.

    treatment_end (n,), arm (n,) int64; any_below (arms,): a patient has any adverse event if u_any (n,) is below;
    of those, kind k if u_kind (n, kinds) is below kind_below (arms, kinds). Events fall on a day drawn evenly from the
    days on treatment by u_day (n, kinds + 1); the last column is an event of no kind, for who has any but none of them.

    Returns days (n, kinds + 1) int64.
    """
    n, kinds = u_kind.shape
    days = np.zeros((n, kinds + 1), dtype=np.int64)
    for i in range(n):
        if not u_any[i] < any_below[arm[i]]:
            continue
        found = False
        for k in range(kinds):
            if u_kind[i, k] < kind_below[arm[i], k]:
                days[i, k] = 1 + int(u_day[i, k] * treatment_end[i])
                found = True
        if not found:
            days[i, kinds] = 1 + int(u_day[i, kinds] * treatment_end[i])
    return days
