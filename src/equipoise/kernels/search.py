"""Metropolis moves on patients' random numbers until every printed number of a trial is met."""

from __future__ import annotations

import numba
import numpy as np

from .history import CROSSED, ENTERED, OS_DAY, PFS_DAY, TTP_DAY, patient_history
from .random import philox
from .targets import CROSSINGS, outside, set_gaps

_NUDGE, _SMALL, _CORE = 0.75, 0.6, 0.7


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _place(order, size, time, event, subject):
    """Where a subject stands in an order by time, events first: before the first that comes later."""
    t = time[subject]
    e = event[subject]
    low = 0
    high = size
    while low < high:
        middle = (low + high) // 2
        other = order[middle]
        if time[other] < t or (time[other] == t and event[other] >= e):
            low = middle + 1
        else:
            high = middle
    return low


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _insert(order, size, time, event, subject):
    place = _place(order, size, time, event, subject)
    for i in range(size, place, -1):
        order[i] = order[i - 1]
    order[place] = subject


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _remove(order, size, subject):
    i = 0
    while order[i] != subject:
        i += 1
    for j in range(i, size - 1):
        order[j] = order[j + 1]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _crossing_gaps(crossings, targets, windows, gaps, values):
    total = 0.0
    for j in range(targets.shape[0]):
        if targets[j, 0] == CROSSINGS:
            values[j] = crossings
            gaps[j] = outside(float(crossings), windows[j, 0], windows[j, 1]) / windows[j, 2]
            total += gaps[j]
    return total


@numba.njit(cache=True, nogil=True, error_model="numpy")
def measure(history, sides, endpoints, targets, windows, time, event, order, size, work, beta, gaps, values, energies):
    """Fill the state of a search from histories (n, 12) and return its energy, the sum of all distances.

    sides (sets, n) int16: 1 experimental, 0 control, each plus twice the stratum; -1 not in the set; endpoints (sets,):
    0 progression-free survival, 1 overall survival, 2 time to progression; targets (t, 5) int64: kind, set (-1 for
    crossings), arm (-1 both, for counts only), type of limits, day; windows (t, 3): low, high, scale (above 0). Filled:
    time, event (3, n), order (sets, n), size, beta (sets,), energies (sets + 1,), gaps and values (t,) as ``set_gaps``
    says.
    """
    n = history.shape[0]
    crossings = 0
    for i in range(n):
        _take(history[i], time, event, i)
        crossings += 1 if history[i, CROSSED] >= 0 else 0
    total = 0.0
    for s in range(sides.shape[0]):
        e = endpoints[s]
        size[s] = 0
        for i in range(n):
            if sides[s, i] >= 0:
                _insert(order[s], size[s], time[e], event[e], i)
                size[s] += 1
        energies[s] = set_gaps(
            s, order[s], size[s], time[e], event[e], sides[s], targets, windows, work, beta, gaps, values
        )
        total += energies[s]
    energies[sides.shape[0]] = _crossing_gaps(crossings, targets, windows, gaps, values)
    return total + energies[sides.shape[0]]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _take(history, time, event, i):
    time[0, i] = history[PFS_DAY]
    event[0, i] = history[PFS_DAY + 1]
    time[1, i] = history[OS_DAY]
    event[1, i] = history[OS_DAY + 1]
    time[2, i] = history[TTP_DAY]
    event[2, i] = history[TTP_DAY + 1]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _propose(u, trial, key, step, block):
    """A patient's uniforms moved: one of them by a reflected step, or all of them drawn anew."""
    fields = u.shape[0]
    if block[1] >= _NUDGE:
        for first in range(0, fields, 4):
            philox(key, step, 1 + first // 4, block)
            for j in range(first, min(first + 4, fields)):
                trial[j] = block[j - first]
        return
    trial[:] = u
    core = block[1] < _NUDGE * _CORE
    place = int(block[2] * (9 if core else fields))
    philox(key, step, 1, block)
    width = 0.02 if block[0] < _SMALL else 0.3
    moved = trial[place] + width * (2.0 * block[1] - 1.0)
    if moved <= 0.0:
        moved = 1e-12 - moved
    if moved >= 1.0:
        moved = 2.0 - 1e-12 - moved
    trial[place] = moved


@numba.njit(cache=True, nogil=True, error_model="numpy")
def anneal(
    u, history, best, state, arm, on_progression, on_death, laws, ratios, timing, crossing, sides, endpoints,
    targets, windows, time, event, order, size, beta, gaps, values, energies, key, first, last, hot, cooling,
):  # fmt: skip
    """Metropolis steps first .. last - 1 on the patients' uniforms, at temperature hot * exp(-cooling * step).

    u (n, 9 + visits) is moved in place, one patient a step: its history is made anew and the move accepted with
    probability min(1, exp((energy before - energy after) / temperature)). The moves leave the uniform law of u
    as it is, so that without targets u would stay a draw from the model (Metropolis et al. 1953; Kirkpatrick
    et al. 1983 for the cooling); a move to an entry after the cut-off is refused. State as ``measure`` fills it, and
    after any step equal to what ``measure`` finds afresh, up to the order of ties; state (2,) is the energy and the
    least energy so far, best (n, 9 + visits) the u that had it. key (2,) uint64 addresses the random numbers with the
    step.

    Returns the step after the one that met every target, or ``last``. Each array is as in ``measure`` and
    ``patient_history``.
    """
    n = u.shape[0]
    sets = sides.shape[0]
    trial = np.empty(u.shape[1])
    proposal = np.empty(history.shape[1], dtype=np.int64)
    block = np.empty(4)
    work = np.empty((9, n))
    kept_order = np.empty_like(order)
    kept_energies = np.empty_like(energies)
    kept_gaps = np.empty_like(gaps)
    kept_values = np.empty_like(values)
    kept_beta = np.empty_like(beta)
    crossings = 0
    for i in range(n):
        crossings += 1 if history[i, CROSSED] >= 0 else 0
    for step in range(first, last):
        if state[0] == 0.0:
            return step
        philox(key, step, 0, block)
        i = int(block[0] * n)
        accept = block[3]
        _propose(u[i], trial, key, step, block)
        patient_history(trial, arm[i], on_progression[i], on_death[i], laws, ratios, timing, crossing, proposal)
        if proposal[ENTERED] == 0:
            continue
        same = True
        for f in range(proposal.shape[0]):
            same = same and proposal[f] == history[i, f]
        if same:
            u[i, :] = trial
            continue
        kept_energies[:] = energies
        kept_gaps[:] = gaps
        kept_values[:] = values
        kept_beta[:] = beta
        moved = crossings + (proposal[CROSSED] >= 0) - (history[i, CROSSED] >= 0)
        energies[sets] = _crossing_gaps(moved, targets, windows, gaps, values)
        for s in range(sets):
            e = endpoints[s]
            day = PFS_DAY + 2 * e
            touched = sides[s, i] >= 0 and (
                proposal[day] != history[i, day] or proposal[day + 1] != history[i, day + 1]
            )
            if touched:
                kept_order[s, :] = order[s]
                _remove(order[s], size[s], i)
        _take(proposal, time, event, i)
        total = 0.0
        for s in range(sets):
            e = endpoints[s]
            day = PFS_DAY + 2 * e
            touched = sides[s, i] >= 0 and (
                proposal[day] != history[i, day] or proposal[day + 1] != history[i, day + 1]
            )
            if touched:
                _insert(order[s], size[s] - 1, time[e], event[e], i)
                energies[s] = set_gaps(
                    s, order[s], size[s], time[e], event[e], sides[s], targets, windows, work, beta, gaps, values
                )
            total += energies[s]
        total += energies[sets]
        temperature = hot * np.exp(-cooling * step)
        if total <= state[0] or accept < np.exp((state[0] - total) / temperature):
            u[i, :] = trial
            history[i, :] = proposal
            crossings = moved
            state[0] = total
            if total < state[1]:
                state[1] = total
                best[:, :] = u
            continue
        for s in range(sets):
            e = endpoints[s]
            day = PFS_DAY + 2 * e
            if sides[s, i] >= 0 and (proposal[day] != history[i, day] or proposal[day + 1] != history[i, day + 1]):
                order[s, :] = kept_order[s]
        _take(history[i], time, event, i)
        energies[:] = kept_energies
        gaps[:] = kept_gaps
        values[:] = kept_values
        beta[:] = kept_beta
    return last
