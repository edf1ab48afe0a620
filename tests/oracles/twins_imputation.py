"""Second program for censoring sensitivity: one imputation from given random numbers, and Rubin's rules.

Nothing here shares code with the package.  Nothing is drawn here: the caller gives each subject's uniform number and
how often the bootstrap drew the subject.  The steps of a curve are fractions and the comparison with the uniform number
is made in 50 digits, so that rounding never decides which step is reached.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
from numpy.typing import ArrayLike

from .twins_cox import cox_fit

MaybeArray = ArrayLike | None


def steps(
    time: np.ndarray, event: np.ndarray, entry: np.ndarray, copies: np.ndarray, pick: np.ndarray
) -> tuple[list[float], list[Fraction], float]:
    """Kaplan and Meier (1958) of the drawn subjects: event times, the curve just after each, the last time."""
    drawn = pick & (copies > 0)
    times, curve, s = list[float](), list[Fraction](), Fraction(1)
    for u in sorted(set(time[drawn & event].tolist())):
        at_risk = int(copies[drawn & (entry < u) & (u <= time)].sum())
        dying = int(copies[drawn & event & (time == u)].sum())
        s *= 1 - Fraction(dying, at_risk)
        times.append(float(u))
        curve.append(s)
    return times, curve, float(time[drawn].max()) if drawn.any() else -math.inf


def impute_once(
    time: ArrayLike,
    event: ArrayLike,
    arm: ArrayLike,
    uniform: ArrayLike,
    copies: ArrayLike,
    until: ArrayLike,
    delta: float | Mapping[int, float] = 1.0,
    reference: int | None = None,
    censored: MaybeArray = None,
    strata: MaybeArray = None,
    entry: MaybeArray = None,
    end_of_curve: str = "curve",
) -> tuple[np.ndarray, np.ndarray]:
    """Times and events with the censored subjects' event times drawn given T > c.

    S is the Kaplan-Meier curve of the subject's arm and stratum among the drawn copies (of the arm `reference`, same
    stratum, if that is given: jump to reference, which changes nothing for the subjects of that arm).  The time is the
    first event time t > c with [S(t)/S(c)]^delta <= u: hazard after c times delta (Zhao, Herring, Zhou, Ali and Koch
    2014; Lipkovich, Ratitch and O'Kelly 2016; Atkinson et al. 2019 for the jump).  delta is one number, or one for
    each arm (an arm that is not named has 1); it is that of the subject's own arm.

    until: the administrative end, one time or one for each subject; a drawn time later than it stays censored at it,
    a time equal to it is an event.  No time drawn (the curve ends above, or delta is 0): event-free as far as the curve
    tells, so censored at the last time of the drawn copies or at `until`, whichever is first (end_of_curve "curve";
    "until": at `until`, which takes the hazard after the curve to be 0).  Nobody is censored earlier than before, and
    whoever was censored at or after `until` stays as he is.  S(c) = 0 (all drawn copies had their event by c): nothing
    is known of the time after c, censored at c as before.
    censored: which of the censored are imputed (all).  Observed events never change.
    """
    t, dead, a = np.asarray(time, dtype=float), np.asarray(event).astype(bool), np.asarray(arm, dtype=np.int64)
    n = len(t)
    u, m = np.asarray(uniform, dtype=float), np.asarray(copies, dtype=np.int64)
    end = np.broadcast_to(np.asarray(until, dtype=float), (n,))
    h = np.zeros(n, dtype=np.int64) if strata is None else np.asarray(strata, dtype=np.int64)
    start = np.full(n, -math.inf) if entry is None else np.asarray(entry, dtype=float)
    wanted = ~dead if censored is None else ~dead & np.asarray(censored).astype(bool)
    new_time, new_event = t.copy(), dead.copy()
    for i in range(n):
        if not wanted[i] or t[i] >= end[i]:
            continue
        source = int(a[i]) if reference is None else reference
        times, curve, last = steps(t, dead, start, m, (a == source) & (h == h[i]))
        before = [s for v, s in zip(times, curve, strict=True) if v <= t[i]]
        at_c = before[-1] if before else Fraction(1)
        power = delta.get(int(a[i]), 1.0) if isinstance(delta, Mapping) else delta
        if at_c == 0:
            continue
        drawn = math.inf
        for v, s in zip(times, curve, strict=True):
            if v > t[i] and survives(s / at_c, power) <= mpmath.mpf(float(u[i])):
                drawn = v
                break
        if drawn <= end[i]:
            new_time[i], new_event[i] = drawn, True
        elif drawn < math.inf or end_of_curve == "until":
            new_time[i] = end[i]
        else:
            new_time[i] = max(t[i], min(last, end[i]))
    return new_time, new_event


def survives(share: Fraction, power: float) -> mpmath.mpf:
    """share^power in 50 digits; 0^0 = 1 (hazard times 0: no event)."""
    with mpmath.workdps(50):
        if power == 0:
            return mpmath.mpf(1)
        return (mpmath.mpf(share.numerator) / share.denominator) ** mpmath.mpf(power)


def rubin(
    estimates: Sequence[float], variances: Sequence[float], complete_df: float = math.inf, level: float = 0.95
) -> dict[str, float]:
    """Rubin (1987) with the degrees of freedom of Barnard and Rubin (1999).

    total = within + (1 + 1/M) between; share = (1 + 1/M) between / total;
    old = (M - 1)/share^2; observed = (nu + 1)/(nu + 3) nu (1 - share), nu the degrees of freedom of complete data;
    df = 1/(1/old + 1/observed).  No difference between the imputations: df = observed.  t distribution.
    """
    m = len(estimates)
    estimate = math.fsum(estimates) / m
    within = math.fsum(variances) / m
    between = math.fsum((q - estimate) ** 2 for q in estimates) / (m - 1)
    total = within + (1 + 1 / m) * between
    share = (1 + 1 / m) * between / total
    old = (m - 1) / share**2 if share > 0 else math.inf
    observed = (
        math.inf if math.isinf(complete_df) else (complete_df + 1) / (complete_df + 3) * complete_df * (1 - share)
    )
    slack = 1 / old + 1 / observed
    df = 1 / slack if slack > 0 else math.inf
    se = math.sqrt(total)
    half = quantile_of_t((1 + level) / 2, df) * se
    return {
        "estimate": estimate,
        "within": within,
        "between": between,
        "total": total,
        "se": se,
        "df": df,
        "share": share,
        "lower": estimate - half,
        "upper": estimate + half,
        "p_value": 2 * tail_of_t(abs(estimate) / se, df),
    }


def tail_of_t(x: float, df: float) -> float:
    """P(T > x), x >= 0, from the incomplete beta function in 30 digits."""
    with mpmath.workdps(30):
        if math.isinf(df):
            return float(mpmath.erfc(x / mpmath.sqrt(2)) / 2)
        v = mpmath.mpf(df)
        return float(mpmath.betainc(v / 2, mpmath.mpf(1) / 2, 0, v / (v + mpmath.mpf(x) ** 2), regularized=True) / 2)


def quantile_of_t(level: float, df: float) -> float:
    low, high = 0.0, 1.0
    while tail_of_t(high, df) > 1 - level:
        high *= 2
    for _ in range(100):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if tail_of_t(middle, df) > 1 - level else (low, middle)
    return (low + high) / 2


def tipping_point(
    time: ArrayLike,
    event: ArrayLike,
    arm: ArrayLike,
    uniforms: ArrayLike,
    copies: ArrayLike,
    until: ArrayLike,
    deltas: Sequence[float | Mapping[int, float]],
    alpha: float = 0.05,
    complete_df: float = math.inf,
    strata: MaybeArray = None,
    entry: MaybeArray = None,
    **imputation: Any,
) -> tuple[list[dict[str, float]], int | None]:
    """For each delta the pooled log hazard ratio of arm 1 over arm 0 (Cox, Efron's ties, stratified by `strata`).

    uniforms, copies: one row for each imputation, the same for every delta.  -> the results of `rubin`, and the
    position of the first delta at which P >= alpha (None: at no delta of the grid).
    """
    found = []
    for delta in deltas:
        estimates, variances = [], []
        for u, m in zip(np.asarray(uniforms), np.asarray(copies), strict=True):
            t, dead = impute_once(time, event, arm, u, m, until, delta, strata=strata, entry=entry, **imputation)
            fit = cox_fit(t, dead, np.asarray(arm, dtype=float)[:, None], "efron", strata, entry)
            estimates.append(float(fit["coef"][0]))
            variances.append(float(fit["var"][0, 0]))
        found.append(rubin(estimates, variances, complete_df, 1 - alpha))
    tipped = [k for k, r in enumerate(found) if r["p_value"] >= alpha]
    return found, tipped[0] if tipped else None
