"""A patient's history from a scenario and uniforms: the one generator of simulated and reconstructed patients."""

from __future__ import annotations

import numba
import numpy as np

# Laws, and places of the uniforms of a patient.
PROGRESSION, DEATH_BEFORE, DEATH_AFTER, DROPOUT, LOSS = 0, 1, 2, 3, 4
ENTRY, BETWEEN, CROSS, DELAY, VISITS = 0, 6, 7, 8, 9
# Fields of a history.
(ENTERED, ENTRY_DAY, PROGRESSED, DIED, CROSSED, PFS_DAY, PFS_EVENT, OS_DAY, OS_EVENT, TTP_DAY, TTP_EVENT,
 TREATMENT_END) = range(12)  # fmt: skip
FIELDS = 12
_NEVER = 9.0e15


@numba.njit(cache=True, nogil=True, error_model="numpy")
def time_at(law, hazard):
    """Time at which a law's cumulative hazard reaches ``hazard``; infinite where it never does.

    law (w,) float64: kind (0 none, 1 Weibull, 2 pieces), then shape and scale, or the number of pieces m and
    nothing; pieces: from place 3 on m ends (the last unused), from place 3 + (w - 3) / 2 on m hazards a day.
    """
    if law[0] == 0.0:
        return np.inf
    if hazard <= 0.0:
        return 0.0
    if law[0] == 1.0:
        # The power is left out where it is one: the same bits, in half the time.
        return law[2] * hazard if law[1] == 1.0 else law[2] * hazard ** (1.0 / law[1])
    pieces = int(law[1])
    hazards = 3 + (law.shape[0] - 3) // 2
    start = 0.0
    for i in range(pieces):
        rate = law[hazards + i]
        last = i == pieces - 1
        mass = np.inf if last else rate * (law[3 + i] - start)
        if rate > 0.0 and hazard <= mass:
            return start + hazard / rate
        if last:
            break
        hazard -= mass
        start = law[3 + i]
    return np.inf


@numba.njit(cache=True, nogil=True, error_model="numpy")
def hazard_by(law, time):
    """Cumulative hazard of a law by a time; layout as in ``time_at``."""
    if law[0] == 0.0 or time <= 0.0:
        return 0.0
    if law[0] == 1.0:
        return (time / law[2]) ** law[1]
    pieces = int(law[1])
    hazards = 3 + (law.shape[0] - 3) // 2
    total = 0.0
    start = 0.0
    for i in range(pieces):
        end = time if i == pieces - 1 else min(time, law[3 + i])
        if end > start:
            total += law[hazards + i] * (end - start)
        start = end
    return total


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _day(time):
    """The day on which a continuous time falls: 1 at the earliest; a time without end has no day."""
    if time > _NEVER:
        return _NEVER
    return max(1.0, np.ceil(time))


@numba.njit(cache=True, nogil=True, error_model="numpy")
def patient_history(u, arm, on_progression, on_death, laws, ratios, timing, crossing, out):
    """One patient's history on record, in whole days from randomization.

    u (9 + visits,) uniforms in (0, 1): entry, progression, death before it, death after it, dropout, loss to
    follow-up, seen between visits, crossing, its delay, then one for each visit. arm: index; on_progression,
    on_death: the patient's own hazard ratios. laws (5, w) as ``time_at`` takes them, in the order progression,
    death before, death after, dropout from visits, loss to follow-up; ratios (5, arms) their hazard ratios.
    timing (9,): accrual, cut-off (days), every, later_from, later_every, spread, missed, between visits, lag of every
    visit (every = 0: no visits, progression is seen when it happens); crossing (4,): arm (-1: none), probability, mean
    delay, hazard ratio of death.

    Fills out (12,) int64 with entered (0 if the cut-off comes first), entry day, progression seen, death and
    crossing on record (-1 none), day and event of progression-free survival, overall survival and time to
    progression, and the last day on treatment; returns the latent time of progression.

    A continuous time t falls on day ceil(t). Latent times are inverse cumulative hazards at -log(u): a Weibull or
    piecewise law times its ratio. Progression is seen at the first attended visit from then on (visit days have a
    skewed error, mean zero; u below ``missed`` is a missed visit), or when it happens. Without it, patients are
    censored at the last visit that showed none; for survival at the cut-off or loss.
    """
    out[:] = -1
    entry = np.floor(u[ENTRY] * timing[0])
    horizon = timing[1] - entry
    out[ENTERED] = 1 if horizon >= 1.0 else 0
    out[ENTRY_DAY] = int(entry)
    progression = time_at(laws[0], -np.log(u[1]) / (ratios[0, arm] * on_progression))
    lost = min(horizon, _day(time_at(laws[4], -np.log(u[5]) / ratios[4, arm])))
    assessed = min(lost, _day(time_at(laws[3], -np.log(u[4]) / ratios[3, arm])))
    death = time_at(laws[1], -np.log(u[2]) / (ratios[1, arm] * on_death))
    dies_first = death <= progression
    latent = progression
    stop = assessed
    if dies_first:
        latent = np.inf
        stop = min(assessed, _day(death))
    seen, negative = _visits(u, latent, stop, timing)
    crossed = _NEVER
    if not dies_first:
        if timing[2] == 0.0 or u[BETWEEN] < timing[7]:
            seen = _day(latent)
        base = ratios[2, arm] * on_death
        threshold = -np.log(u[3]) / base
        after = time_at(laws[2], threshold)
        if arm == crossing[0] and seen <= assessed and u[CROSS] < crossing[1]:
            crossed = seen + np.floor(-np.log(u[DELAY]) * crossing[2])
            until = hazard_by(laws[2], crossed - latent)
            if threshold > until:
                after = time_at(laws[2], until + (threshold - until) / crossing[3])
        death = latent + after
    death_day = _day(death)
    if death_day < seen:
        seen = _NEVER
        crossed = _NEVER
    progressed = seen <= assessed
    died = death_day <= lost
    if progressed:
        out[PROGRESSED] = int(seen)
        if crossed <= min(lost, death_day):
            out[CROSSED] = int(crossed)
    if died:
        out[DIED] = int(death_day)
    last_negative = max(1.0, stop if timing[2] == 0.0 else negative)
    out[OS_DAY] = int(max(1.0, death_day if died else lost))
    out[OS_EVENT] = 1 if died else 0
    dead_instead = not progressed and death_day <= assessed
    out[PFS_DAY] = int(seen if progressed else (death_day if dead_instead else last_negative))
    out[PFS_EVENT] = 1 if progressed or dead_instead else 0
    out[TTP_DAY] = int(seen if progressed else last_negative)
    out[TTP_EVENT] = 1 if progressed else 0
    out[TREATMENT_END] = int(max(1.0, min(min(seen, death_day), assessed)))
    return progression


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _visits(u, latent, stop, timing):
    """Day of the first attended visit from ``latent`` on, and of the last attended one before it, by ``stop``."""
    negative = 0.0
    if timing[2] == 0.0:
        return _NEVER, negative
    previous = 0.0
    planned = timing[2] + timing[8]
    for k in range(VISITS, u.shape[0]):
        later = timing[4] > 0.0 and planned - timing[8] + timing[2] > timing[3]
        step = timing[4] if later else timing[2]
        following = planned + step
        if u[k] >= timing[6]:
            actual = planned
            if timing[5] > 0.0:  # without a spread the error would be 0 * inf at u = missed
                w = (u[k] - timing[6]) / (1.0 - timing[6])
                actual += np.floor(timing[5] * (-np.log(w) - 1.0) + 0.5)
            actual = min(max(actual, previous + 1.0), following - 1.0)
            if actual >= latent:
                return actual, negative
            previous = actual
            if actual <= stop:
                negative = actual
        planned = following
    return _NEVER, negative


@numba.njit(cache=True, nogil=True, error_model="numpy")
def histories(u, arm, on_progression, on_death, laws, ratios, timing, crossing):
    """``patient_history`` of every patient: u (n, 9 + visits), arm (n,) int64, on_progression and on_death (n,).

    Returns the histories (n, 12) int64 and the latent times of progression (n,).
    """
    n = u.shape[0]
    out = np.empty((n, FIELDS), dtype=np.int64)
    latent = np.empty(n)
    for i in range(n):
        latent[i] = patient_history(
            u[i], arm[i], on_progression[i], on_death[i], laws, ratios, timing, crossing, out[i]
        )
    return out, latent
