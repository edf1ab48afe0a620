"""Whole trials, one after the other: patients enter, have histories, and are tested at looks."""

from __future__ import annotations

import numba
import numpy as np

from .batch import _compare, _logrank
from .batch_arms import (
    COEF,
    COLUMNS,
    D0,
    D1,
    EXPECTED,
    N0,
    N1,
    OBSERVED,
    SE,
    TIME,
    VARIANCE,
    _curves,
    _greenwood,
    _restricted,
)
from .entering import draw_trial, needed_uniforms, turn
from .history import (
    _NEVER,
    DEATH_BEFORE,
    DROPOUT,
    ENTERED,
    ENTRY_DAY,
    FIELDS,
    LOSS,
    OS_DAY,
    OS_EVENT,
    PFS_DAY,
    PFS_EVENT,
    PROGRESSION,
    TTP_DAY,
    TTP_EVENT,
    VISITS,
    _day,
    _visits,
    patient_history,
    time_at,
)

# What was found at a look: whether the rule of its cut was met, days from the first patient to it, patients who had
# entered and events, by arm (control first), log-rank z (above zero in favour of the experimental arm), the variance of
# its score, log hazard ratio and its standard error; difference of restricted means and of survival at a milestone,
# each with its standard error.
MET, DAY, ENTERED_BY, EVENTS, Z, SCORE_VARIANCE, LOG_RATIO, RATIO_SE = 0, 1, 2, 4, 6, 7, 8, 9
MEANS, MEANS_SE, SHARES, SHARES_SE, FOUND = 10, 11, 12, 13, 14
# Parts of a cut: none, on a day, at a number of events; and columns of a part.
NO_PART, ON_DAY, AT_EVENTS = 0, 1, 2
PART, AMOUNT, WHOSE, EARLIER = 0, 1, 2, 3


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _visits_by(timings):
    """How many visits there can have been by each day of follow-up, by arm, (a, days + 1): none comes sooner before its
    planned day than by the spread, and a patient has no more uniforms than ``simulate.model`` gives."""
    by = np.zeros((timings.shape[0], int(timings[0, 1]) + 1), dtype=np.int64)
    for a in range(timings.shape[0]):
        timing = timings[a]
        if timing[2] == 0.0:
            continue
        least = min(timing[2], timing[4]) if timing[4] > 0.0 else timing[2]
        planned = timing[2] + timing[8]
        for _ in range(int(np.ceil(timing[1] / least)) + 1):
            earliest = max(planned - np.ceil(timing[5]), 0.0)
            if earliest > timing[1]:
                break
            by[a, int(earliest) :] += 1
            later = timing[4] > 0.0 and planned - timing[8] + timing[2] > timing[3]
            planned += timing[4] if later else timing[2]
    return by


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _histories(each, u, stratum, arm, risks, laws, ratios, timings, crossing, visits, out, latent):
    """Histories (n, 12) at the end of the trial, nobody being followed for longer than ``each`` days; latent (n,): the
    time of progression behind each; stratum (n,): whose laws a patient has. visits: as ``_visits_by`` gives it."""
    now = timings.copy()
    timing = timings[0]
    if laws[:, :, PROGRESSION, 0].max() == 0.0 and timings[:, 2].max() == 0.0:
        _deaths_alone(timing[1], each, u, stratum, arm, risks, laws, ratios, timing, out)
        return
    for i in range(u.shape[1]):
        entry = np.floor(u[0, i] * timing[0])
        own_timing = now[arm[i]]
        own_timing[1] = min(timing[1], entry + each)
        s = stratum[i] if laws.shape[0] > 1 else 0
        own = u[: VISITS + visits[arm[i], max(int(own_timing[1] - entry), 0)], i]
        latent[i] = patient_history(
            own, arm[i], risks[0, i], risks[1, i], laws[s, arm[i]], ratios, own_timing, crossing, out[i]
        )


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _known_by(cut, each, u, stratum, arm, laws, ratios, timings, visits, history, latent, out):
    """What a test on a day reads of histories (n, 12), where progression is seen at visits: days and events of out.

    Who had an event by then had it then. Of the others all that is to be found is the last visit that showed no
    progression; one after the latent time of progression is no such visit, nor one after a death, which comes later
    still. Days of events after the cut stay, and are seen to be after it.
    """
    timing = timings[0]
    for i in range(u.shape[1]):
        for field in range(PFS_DAY, TTP_EVENT + 1):
            out[i, field] = history[i, field]
        entry = int(np.floor(u[0, i] * timing[0]))
        followed = int(min(cut, entry + each)) - entry
        if followed < 1 or (history[i, PFS_EVENT] == 1 and history[i, PFS_DAY] <= followed):
            continue
        a = arm[i]
        s = stratum[i] if laws.shape[0] > 1 else 0
        lost = min(float(followed), _day_at(laws, s, a, LOSS, u[5, i], ratios[4, a]))
        assessed = min(lost, _day_at(laws, s, a, DROPOUT, u[4, i], ratios[3, a]))
        negative = assessed
        if timings[a, 2] > 0.0:
            _, negative = _visits(u[: VISITS + visits[a, followed], i], latent[i], assessed, timings[a])
        out[i, PFS_DAY] = out[i, TTP_DAY] = int(max(1.0, negative))
        out[i, PFS_EVENT] = out[i, TTP_EVENT] = 0


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _deaths_alone(cut, each, u, stratum, arm, risks, laws, ratios, timing, out):
    """``patient_history`` of a model without progression, in the fields that a test reads: what it gives, sooner."""
    for i in range(u.shape[1]):
        a = arm[i]
        s = stratum[i] if laws.shape[0] > 1 else 0
        entry = np.floor(u[0, i] * timing[0])
        horizon = min(cut, entry + each) - entry
        death = _day_at(laws, s, a, DEATH_BEFORE, u[2, i], ratios[1, a] * risks[1, i])
        lost = min(horizon, _day_at(laws, s, a, LOSS, u[5, i], ratios[4, a]))
        assessed = min(lost, _day_at(laws, s, a, DROPOUT, u[4, i], ratios[3, a]))
        died = death <= lost
        out[i, ENTERED] = 1 if horizon >= 1.0 else 0
        out[i, ENTRY_DAY] = int(entry)
        out[i, OS_DAY] = int(max(1.0, death if died else lost))
        out[i, OS_EVENT] = 1 if died else 0
        dead = death <= assessed
        out[i, PFS_DAY] = int(death if dead else max(1.0, min(assessed, death)))
        out[i, PFS_EVENT] = 1 if dead else 0
        out[i, TTP_DAY] = int(max(1.0, min(assessed, death)))
        out[i, TTP_EVENT] = 0


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _day_at(laws, s, a, k, u, ratio):
    """The day of a law's time at a uniform, as ``patient_history`` has it; huge where it never comes."""
    if laws[s, a, k, 0] == 0.0:
        return _NEVER
    return _day(time_at(laws[s, a, k], -np.log(u) / ratio))


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _events_by_day(history, field, wanted, counts):
    """How many events of an endpoint (a field of a history) come on each day after the first patient, (days + 1,)."""
    counts[:] = 0
    for i in range(history.shape[0]):
        if history[i, ENTERED] == 1 and history[i, field + 1] == 1 and wanted[i]:
            counts[history[i, ENTRY_DAY] + history[i, field]] += 1


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _day_of_cut(rule, counts):
    """The day of a cut, and whether its rule is met by the end: rule (parts, 4): kind, events or day, whose events, 1
    for the earlier of the parts; counts (endpoints, days + 1)."""
    last = counts.shape[1] - 1
    earlier = rule[0, EARLIER] == 1.0
    day, met = (float(last), False) if earlier else (0.0, True)
    for j in range(rule.shape[0]):
        if rule[j, PART] == NO_PART:
            continue
        if rule[j, PART] == ON_DAY:
            at, reached = min(rule[j, AMOUNT], float(last)), rule[j, AMOUNT] <= last
        else:
            own = counts[int(rule[j, WHOSE])]
            when = 0
            total = own[0]
            while when < last and total < rule[j, AMOUNT]:
                when += 1
                total += own[when]
            at, reached = float(when), total >= rule[j, AMOUNT]
        if not earlier:
            day, met = max(day, at), met and reached
        elif reached:
            day, met = min(day, at), True
    return day, met


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _deaths_by_day(time, event, side, stratum, which, days, left, table, k):
    """Append a stratum's times of death, the latest first, to a table of deaths; returns the new k.

    time (n,) int64 days, 0 for who is not there; event (n,); side (n,): 0 control, 1 experimental; days: the longest
    time; left (4, >= days + 1) int64 is workspace: who leaves, and who dies, on a day, by arm.
    """
    left[:, : days + 1] = 0
    for i in range(time.shape[0]):
        if time[i] > 0 and stratum[i] == which:
            left[side[i], time[i]] += 1
            left[2 + side[i], time[i]] += event[i]
    n0 = n1 = 0
    for day in range(days, 0, -1):
        n0 += left[0, day]
        n1 += left[1, day]
        if left[2, day] + left[3, day] > 0:
            table[TIME, k] = day
            table[N0, k] = n0
            table[N1, k] = n1
            table[D0, k] = left[2, day]
            table[D1, k] = left[3, day]
            k += 1
    return k


@numba.njit(cache=True, nogil=True, error_model="numpy")
def simulate_trials(
    seed, first, factors, effects, places, ratio, sizes, totals, accrual, evenly, laws, laws_by, ratios, timings, each,
    crossing, cured, crosses, crosses_by, measured, cuts, counted, fields, pair, by, cox, limits, n, results, data,
):  # fmt: skip
    """Many trials, each tested at its looks.

    seed uint64; first int64: number of the first trial. factors ... evenly: as ``draw_trial`` takes them. laws (s, a,
    5, w), ratios (5, a), timings (a, 9), crossing (4,): as ``patient_history`` takes them, laws by true level of factor
    number laws_by (s is 1 where one law is for all) and arm; timings[:, 1] is the day on which every trial ends, each
    the longest follow-up of a patient (days). cured, crosses, crosses_by: as ``turn`` takes them; measured: as
    ``draw_trial``. cuts (k, parts, 4): as ``_day_of_cut`` takes each look's, in order; counted (c,) int64: fields of a
    history whose events cuts count; fields (e,) int64: those tested (PFS_DAY, OS_DAY, TTP_DAY). pair (2,) int64:
    control and experimental arm; others are followed but not tested. by (f,) int64: 1 where a test is stratified by a
    factor. cox: whether the hazard ratio is wanted; limits (2,): days of a restricted mean and of a milestone, nan
    where not wanted; n: patients of a trial. results (m, k, e, 14) is filled, nan where nothing can be tested; data (m,
    k, e, 4 + f, n) int64 with what is tested, if it is not (0, ...): time (0 for who is not), event, 1 for the
    experimental arm, stratum, measured levels.

    At risk at t: time >= t, in whole days. Log-rank test with the hypergeometric variance, Cox model with Efron's ties
    (Mantel 1966, Cox 1972, Efron 1977), summed over strata.
    """
    visits = _visits_by(timings)
    timing = timings[0]
    seen_at_visits = timings[:, 2].max() > 0.0
    u = np.full((VISITS + visits[:, -1].max(), n), 0.5)
    codes = np.zeros((max(factors.shape[0], 1), n), dtype=np.int64)
    truly = np.zeros((max(factors.shape[0], 1), n), dtype=np.int64)
    arm = np.empty(n, dtype=np.int64)
    risks = np.empty((2, n))
    needed = needed_uniforms(laws, timings, crossing)
    history = np.empty((n, FIELDS), dtype=np.int64)
    then = np.empty((n, FIELDS), dtype=np.int64)
    latent = np.empty(n)
    end = int(timing[1])
    counts = np.empty((counted.shape[0], end + 1), dtype=np.int64)
    left = np.empty((4, end + 2), dtype=np.int64)
    wanted, side = np.empty(n, dtype=np.bool_), np.empty(n, dtype=np.int64)
    stratum, time, event = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    heights = np.empty((2, n + 1))
    table, term, weight, out = np.empty((5, n + 1)), np.empty(n + 1), np.empty(n + 1), np.empty(COLUMNS)
    for trial in range(results.shape[0]):
        draw_trial(seed, first + trial, factors, effects, measured, places, ratio, sizes, totals, accrual, evenly,
                   needed, u, codes, truly, arm, risks)  # fmt: skip
        turn(u, arm, truly, cured, crosses, crosses_by)
        _histories(each, u, truly[laws_by], arm, risks, laws, ratios, timings, crossing, visits, history, latent)
        strata = 1
        stratum[:] = 0
        for f in range(factors.shape[0]):
            if by[f] == 1:
                levels = codes[f].max() + 1
                for i in range(n):
                    stratum[i] = stratum[i] * levels + codes[f, i]
                strata *= levels
        for i in range(n):
            wanted[i] = arm[i] == pair[0] or arm[i] == pair[1]
            side[i] = 1 if arm[i] == pair[1] else 0
        for c in range(counted.shape[0]):
            _events_by_day(history, counted[c], wanted, counts[c])
        day = 0.0
        for look in range(cuts.shape[0]):
            found, met = _day_of_cut(cuts[look], counts)
            day = max(found, day)  # no look comes before the one before it
            past = history
            if seen_at_visits and day < timing[1]:  # what is known of visits depends on the day
                past = then
                _known_by(day, each, u, truly[laws_by], arm, laws, ratios, timings, visits, history, latent, then)
            for e in range(fields.shape[0]):
                here = results[trial, look, e]
                here[:] = np.nan
                here[MET] = 1.0 if met else 0.0
                here[DAY] = day
                here[ENTERED_BY : EVENTS + 2] = 0.0
                for which in range(2):
                    if not np.isnan(limits[which]):
                        here[MEANS + 2 * which : MEANS + 2 * which + 2] = 0.0
                longest = 0
                field = fields[e]
                for i in range(n):
                    followed = int(day) - history[i, ENTRY_DAY]
                    time[i] = 0
                    if wanted[i] and followed >= 1 and history[i, ENTERED] == 1:
                        time[i] = min(past[i, field], followed)
                        event[i] = 1 if past[i, field + 1] == 1 and past[i, field] <= followed else 0
                        here[ENTERED_BY + side[i]] += 1.0
                        here[EVENTS + side[i]] += event[i]
                        longest = max(longest, time[i])
                if data.shape[0] > 0:
                    mine = data[trial, look, e]
                    for i in range(n):
                        mine[0, i], mine[1, i], mine[2, i], mine[3, i] = time[i], event[i], side[i], stratum[i]
                        for f in range(mine.shape[0] - 4):
                            mine[4 + f, i] = codes[f, i]
                k = 0
                for s in range(strata):
                    before = k
                    k = _deaths_by_day(time, event, side, stratum, s, longest, left, table, k)
                    if not (np.isnan(limits[0]) and np.isnan(limits[1])):
                        _means(table[:, before:k], time, side, stratum, s, limits, heights, here)
                here[MEANS_SE] = np.sqrt(here[MEANS_SE])
                here[SHARES_SE] = np.sqrt(here[SHARES_SE])
                _test(table, k, cox, term, weight, out, here)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _means(table, time, side, stratum, which, limits, heights, here):
    """Add a stratum's differences of restricted means and of survival, and their variances, by its share of patients.

    table (5, k): its times of death, the latest first. An arm that is absent, or not followed to a limit, makes the sum
    nan. Kaplan and Meier (1958), Greenwood (1926).
    """
    k = table.shape[1]
    _curves(table, k, heights)
    longest = np.zeros(2, dtype=np.int64)
    own = whole = 0
    for i in range(time.shape[0]):
        if time[i] > 0:
            whole += 1
            if stratum[i] == which:
                own += 1
                longest[side[i]] = max(longest[side[i]], time[i])
    share = own / whole if whole > 0 else 0.0
    for kind in range(2):
        limit = limits[kind]
        if np.isnan(limit) or own == 0:
            continue
        inside = 0  # times of death from here on are at the limit or before
        while inside < k and table[TIME, inside] > limit:
            inside += 1
        for arm in range(2):
            at_risk, deaths = table[N0 + arm], table[D0 + arm]
            value = spread = np.nan
            ended = k > 0 and heights[arm, 0] == 0.0
            if longest[arm] > 0 and (ended or longest[arm] >= limit):
                if kind == 0:
                    value, spread = _restricted(table[TIME], at_risk, deaths, heights[arm], inside, k, limit)
                else:
                    value = heights[arm, inside] if inside < k else 1.0
                    spread = value * value * _greenwood(at_risk, deaths, inside, k)
            here[MEANS + 2 * kind] += share * (value if arm == 1 else -value)
            here[MEANS_SE + 2 * kind] += share * share * spread


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _test(table, k, cox, term, weight, out, here):
    """Log-rank test, and the Cox model if it is wanted, from a table of deaths."""
    out[:] = np.nan
    if cox:
        _compare(table, k, True, term, weight, out)
    else:
        out[OBSERVED + 1] = table[D1, :k].sum()
        _, out[EXPECTED + 1], out[VARIANCE] = _logrank(table, k)
    here[SCORE_VARIANCE] = out[VARIANCE]
    if out[VARIANCE] > 0.0:
        here[Z] = (out[EXPECTED + 1] - out[OBSERVED + 1]) / np.sqrt(out[VARIANCE])
    here[LOG_RATIO] = out[COEF]
    here[RATIO_SE] = out[SE]
