"""Who enters a simulated trial: levels of factors, arms, and the uniforms of what will happen to each patient."""

from __future__ import annotations

import numba
import numpy as np

from .history import BETWEEN, CROSS, DEATH_AFTER, DEATH_BEFORE, DROPOUT, LOSS, PROGRESSION, VISITS
from .streams import allocate_given, allocate_in_blocks, allocate_simply, fill_uniforms

# Purposes of streams, the lowest 8 bits of an address (randomize.streams).
_ALLOCATION, _BASELINE, _NOISE, _MEASUREMENT = 1, 2, 3, 8
NEVER = 0.0  # a uniform at which the time of every law is infinite; no uniform drawn is 0


@numba.njit(cache=True, nogil=True, error_model="numpy")
def needed_uniforms(laws, timings, crossing):
    """Which uniforms of a patient any law looks at; the others need not be drawn."""
    needed = np.zeros(VISITS, dtype=np.bool_)
    needed[0] = True
    for law in (PROGRESSION, DEATH_BEFORE, DEATH_AFTER, DROPOUT, LOSS):
        for s in range(laws.shape[0]):
            for a in range(laws.shape[1]):
                needed[law + 1] |= laws[s, a, law, 0] != 0.0
    for a in range(timings.shape[0]):
        needed[BETWEEN] |= timings[a, 2] > 0.0 and timings[a, 7] > 0.0
    needed[CROSS] = crossing[0] >= 0.0
    needed[CROSS + 1] = crossing[0] >= 0.0
    return needed


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _sort(u):
    """Sort uniforms: they fall about one into each n-th of (0, 1), and then hardly anything is out of place."""
    n = u.shape[0]
    ends = np.zeros(n + 1, dtype=np.int64)
    drawn = u.copy()
    for x in drawn:
        ends[min(int(x * n), n - 1) + 1] += 1
    for i in range(n):
        ends[i + 1] += ends[i]
    for x in drawn:
        i = min(int(x * n), n - 1)
        u[ends[i]] = x
        ends[i] += 1
    for i in range(1, n):
        x = u[i]
        while i > 0 and u[i - 1] > x:
            u[i] = u[i - 1]
            i -= 1
        u[i] = x


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _enter(u, accrual, evenly):
    """Sort uniforms and turn them into shares of the accrual period: entry times are its pieces' inverse, over its end.

    accrual (2, p + 1): ends of the pieces in days, from zero on, and the share that has entered by then.
    """
    n = u.shape[0]
    if evenly:
        for i in range(n):
            u[i] = (i + 0.5) / n
    else:
        _sort(u)
    p = 0
    last = accrual.shape[1] - 1
    for i in range(n):
        while p < last - 1 and u[i] > accrual[1, p + 1]:
            p += 1
        part = (u[i] - accrual[1, p]) / (accrual[1, p + 1] - accrual[1, p])
        u[i] = (accrual[0, p] + part * (accrual[0, p + 1] - accrual[0, p])) / accrual[0, last]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def draw_trial(
    seed, number, factors, effects, measured, places, ratio, sizes, totals, accrual, evenly, needed, u, codes, truly,
    arm, risks,
):  # fmt: skip
    """The patients of one trial in order of entry, before anything happens to them.

    seed uint64, number int64: the address. factors (f, l): cumulative shares of the levels of each factor, 2 where
    there are no more; effects (a, 2, f, l): what a level does in an arm to the hazards of progression and death;
    measured (f, l, l): cumulative shares of the levels for which a true one is taken, -1 where all are as they are;
    places (f,) int64: 1 where the randomization is stratified by a factor. ratio (a,) int64; sizes (b,) int64 of
    blocks, (0,) for simple randomization; totals (a,) int64 of its arms, (0,) where these are left to chance. accrual,
    evenly: as ``_enter`` takes them; needed (9,) bool. Filled:
    u (9 + visits, n) uniforms where needed, the first the share of the accrual period; codes and truly (f, n) int64,
    levels as measured and as they are; arm (n,) int64 as a place in ratio; risks (2, n), a patient's own hazard ratios.
    """
    n = u.shape[1]
    stem = np.uint64(number) << np.uint64(8)
    noise = stem | np.uint64(_NOISE)
    for j in range(u.shape[0]):
        if j >= VISITS or needed[j]:
            fill_uniforms(seed, noise, j * n, u[j])
    _enter(u[0], accrual, evenly)
    risks[:] = 1.0
    queue = np.zeros(n, dtype=np.int64)
    strata = 1
    taken = 0
    drawn = np.empty(n)
    for f in range(factors.shape[0]):
        if factors[f, 0] < 1.0:
            fill_uniforms(seed, stem | np.uint64(_BASELINE), f * n, drawn)
        else:
            drawn[:] = 0.5  # of one level
        levels = 0
        for i in range(n):
            code = 0
            while drawn[i] >= factors[f, code]:
                code += 1
            truly[f, i] = code
            codes[f, i] = code
        if measured[f, 0, 0] >= 0.0:
            fill_uniforms(seed, stem | np.uint64(_MEASUREMENT), taken * n, drawn)
            taken += 1
            for i in range(n):
                code = 0
                while drawn[i] >= measured[f, truly[f, i], code]:
                    code += 1
                codes[f, i] = code
        for i in range(n):
            levels = max(levels, codes[f, i] + 1)
        if places[f] == 1:
            for i in range(n):
                queue[i] = queue[i] * levels + codes[f, i]
            strata *= levels
    if sizes.shape[0] == 0:
        if totals.shape[0] == 0:
            allocate_simply(seed, stem | np.uint64(_ALLOCATION), ratio, arm)
        else:
            allocate_given(seed, stem | np.uint64(_ALLOCATION), totals, arm)
    else:
        lengths = np.zeros(strata, dtype=np.int64)
        for i in range(n):
            lengths[queue[i]] += 1
        allocate_in_blocks(seed, stem | np.uint64(_ALLOCATION), lengths, ratio, sizes, queue, arm)
    for f in range(factors.shape[0]):
        for i in range(n):
            risks[0, i] *= effects[arm[i], 0, f, truly[f, i]]
            risks[1, i] *= effects[arm[i], 1, f, truly[f, i]]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def turn(u, arm, truly, cured, crosses, crosses_by):
    """Uniforms turned so that one law of an arm serves where some are cured, and one probability of crossing for all.

    cured (5, a): shares of arms that never have an event of a law; crosses (l,): probabilities of crossing over by the
    true level of factor number crosses_by, (0,) where there is one for all.
    """
    for law in range(5):
        if cured[law].max() > 0.0:
            for i in range(u.shape[1]):
                share = cured[law, arm[i]]
                u[law + 1, i] = NEVER if u[law + 1, i] < share else (u[law + 1, i] - share) / (1.0 - share)
    if crosses.shape[0] > 0:
        for i in range(u.shape[1]):
            chance = crosses[truly[crosses_by, i]]
            u[CROSS, i] = u[CROSS, i] / chance if u[CROSS, i] < chance else 2.0
