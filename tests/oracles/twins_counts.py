"""Second program for counts: exact limits from exact tails, score limits from a restricted likelihood climbed by hand.

Nothing here shares code with the package.  Counts come as whole numbers, one table or a list of them (strata):
events_1 of total_1 in the experimental arm, events_0 of total_0 in the control arm.  Every limit is the place where
a test stops rejecting, found by bisection; no closed form of a limit or of a restricted maximum is used.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from statistics import NormalDist
from typing import TypedDict

import mpmath

Counts = int | Sequence[int]
Amounts = float | Sequence[float]
Weights = str | Sequence[float]
Stratum = tuple[float, float, float, float]  # events 1, total (or exposure) 1, events 0, total (or exposure) 0
Share = tuple[float, float]  # a share and its complement (a rate and 1), each free of the rounding of 1 - p


class Score(TypedDict):
    estimate: float
    lower: float
    upper: float
    z: float
    p_value: float


def quantile_of_normal(level: float) -> float:
    return NormalDist().inv_cdf((1 + level) / 2)


def two_sided(z: float) -> float:
    return math.erfc(abs(z) / math.sqrt(2))


# ------------------------------------------------------------- one share, one rate: exact limits
def clopper_pearson(events: int, total: int, level: float) -> tuple[float, float]:
    """Clopper and Pearson (1934): lower p with P(X >= events) = (1 - level)/2, upper p with P(X <= events) = that.

    Lower 0 at no events, upper 1 at all.  The tails are sums of binomial probabilities in 40 digits.
    """
    with mpmath.workdps(40):
        half = (1 - mpmath.mpf(level)) / 2

        def at_most_short(p: mpmath.mpf, k: int) -> mpmath.mpf:  # each probability from the one before it
            term = (1 - p) ** total
            found = term
            for i in range(k):
                term *= p / (1 - p) * (total - i) / (i + 1)
                found += term
            return found

        def at_most(p: mpmath.mpf, k: int) -> mpmath.mpf:  # the shorter side is summed
            return at_most_short(p, k) if 2 * k < total else 1 - at_most_short(1 - p, total - k - 1)

        def solve(tail: Callable[[mpmath.mpf], mpmath.mpf], rises: bool) -> float:
            low, high = mpmath.mpf(0), mpmath.mpf(1)
            for _ in range(80):
                middle = (low + high) / 2
                low, high = (middle, high) if (tail(middle) < half) == rises else (low, middle)
            return float((low + high) / 2)

        lower = 0.0 if events == 0 else solve(lambda p: 1 - at_most(p, events - 1), rises=True)
        upper = 1.0 if events == total else solve(lambda p: at_most(p, events), rises=False)
    return lower, upper


def exact_poisson_limits(events: int, exposure: float, level: float) -> tuple[float, float]:
    """Garwood (1936): the means at which P(X >= events), P(X <= events) are (1 - level)/2, over the exposure."""
    with mpmath.workdps(40):
        half = (1 - mpmath.mpf(level)) / 2

        def at_most(mean: mpmath.mpf, k: int) -> mpmath.mpf:
            term = found = mpmath.exp(-mean)
            for i in range(k):
                term *= mean / (i + 1)
                found += term
            return found

        def solve(tail: Callable[[mpmath.mpf], mpmath.mpf], rises: bool) -> float:
            low, high = mpmath.mpf(0), mpmath.mpf(1)
            while (tail(high) < half) == rises:
                high *= 2
            for _ in range(90):
                middle = (low + high) / 2
                low, high = (middle, high) if (tail(middle) < half) == rises else (low, middle)
            return float((low + high) / 2 / mpmath.mpf(exposure))

        lower = 0.0 if events == 0 else solve(lambda m: 1 - at_most(m, events - 1), rises=True)
        upper = solve(lambda m: at_most(m, events), rises=False)
    return lower, upper


# ----------------------------------------------------------------- two arms: the restricted maximum of the likelihood
def top_of(slope: Callable[[float], float], end: float) -> float:
    """Where a concave log-likelihood on (0, end) is highest: its slope falls, so halve until two floats touch."""
    low, high = 0.0, end
    for _ in range(300):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if slope(middle) > 0 else (low, middle)
    return (low + high) / 2


def both_ways(slope: Callable[[float, float], float], end: float) -> tuple[float, float]:
    """The top as s and as t = end - s: halved in the smaller of the two, so that neither has lost its digits."""
    if slope(end / 2, end / 2) > 0:
        t = top_of(lambda t: -slope(end - t, t), end / 2)
        return end - t, t
    s = top_of(lambda s: slope(s, end - s), end / 2)
    return s, end - s


def part(count: float, value: float) -> float:
    """count / value, and 0 where nothing was counted (a term that is not in the likelihood)."""
    return count / value if count else 0.0


def shares_at_difference(stratum: Stratum, delta: float) -> tuple[Share, Share]:
    """Shares p1 = p0 + delta of highest binomial likelihood, each with its complement: (p1, q1), (p0, q0).

    Searched in the smaller share s; the larger is s + |delta|, its complement (1 - |delta|) - s.
    """
    x1, n1, x0, n0 = stratum
    gap = abs(delta)
    x_small, n_small, x_large, n_large = (x0, n0, x1, n1) if delta >= 0 else (x1, n1, x0, n0)

    def slope(s: float, t: float) -> float:  # t = (1 - |delta|) - s is the complement of the larger share
        inside = part(x_small, s) - part(n_small - x_small, t + gap)
        return inside + part(x_large, s + gap) - part(n_large - x_large, t)

    s, t = both_ways(slope, 1 - gap)
    small, large = (s, t + gap), (s + gap, t)
    return (large, small) if delta >= 0 else (small, large)


def shares_at_ratio(stratum: Stratum, theta: float) -> tuple[Share, Share]:
    """Shares p1 = theta p0 of highest binomial likelihood, each with its complement."""
    x1, n1, x0, n0 = stratum
    end = min(1.0, 1 / theta)
    if x1 + x0 == 0:
        return (0.0, 1.0), (0.0, 1.0)

    def quartet(p0: float, t: float) -> tuple[float, float, float, float]:  # p1, q1, p0, q0 with t = end - p0
        if theta >= 1:
            return theta * p0, theta * t, p0, (1 - end) + t
        return theta * p0, (1 - theta) + theta * t, p0, t

    def slope(p0: float, t: float) -> float:  # times p0, which does not move its zero
        p1, q1, p0, q0 = quartet(p0, t)
        return x1 + x0 - part((n1 - x1) * p1, q1) - part((n0 - x0) * p0, q0)

    p1, q1, p0, q0 = quartet(*both_ways(slope, end))
    return (p1, q1), (p0, q0)


def rates_at_difference(stratum: Stratum, delta: float) -> tuple[Share, Share]:
    """Rates r1 = r0 + delta of highest Poisson likelihood, searched in the smaller of the two."""
    x1, t1, x0, t0 = stratum
    gap = abs(delta)
    x_small, x_large = (x0, x1) if delta >= 0 else (x1, x0)
    s = top_of(lambda s: part(x_small, s) + part(x_large, s + gap) - t1 - t0, (x1 + x0 + 1) / (t1 + t0))
    return ((s + gap, 1.0), (s, 1.0)) if delta >= 0 else ((s, 1.0), (s + gap, 1.0))


def rates_at_ratio(stratum: Stratum, theta: float) -> tuple[Share, Share]:
    """Rates r1 = theta r0 of highest Poisson likelihood: (x1 + x0)/r0 = theta t1 + t0."""
    x1, t1, x0, t0 = stratum
    r0 = (x1 + x0) / (theta * t1 + t0)
    return (theta * r0, 1.0), (r0, 1.0)


# --------------------------------------------------------------------------------------------- the score, and its zeros
class Problem(TypedDict):
    """One contrast of one kind of count: what differs between the four methods of this file."""

    ratio: bool
    rates: bool


def restricted(stratum: Stratum, effect: float, problem: Problem) -> tuple[Share, Share]:
    if problem["rates"]:
        return (rates_at_ratio if problem["ratio"] else rates_at_difference)(stratum, effect)
    return (shares_at_ratio if problem["ratio"] else shares_at_difference)(stratum, effect)


def moments(stratum: Stratum, effect: float, problem: Problem) -> tuple[float, float, Share, Share]:
    """Statistic, its variance at the restricted maximum, and the restricted shares (or rates) of the two arms.

    Miettinen and Nurminen (1985): difference p1 - p0 - delta, ratio p1 - theta p0; binomial variances are
    multiplied by N/(N - 1), N the stratum's two totals; Poisson variances (rates) are not.
    """
    x1, n1, x0, n0 = stratum
    (p1, q1), (p0, q0) = restricted(stratum, effect, problem)
    factor = effect if problem["ratio"] else 1.0
    rates = Fraction(x1) / Fraction(n1), Fraction(x0) / Fraction(n0)  # exact: next to 1, floats would cancel
    off = Fraction(0) if problem["ratio"] else Fraction(effect)
    statistic = float(rates[0] - Fraction(factor) * rates[1] - off)
    variance = p1 * q1 / n1 + factor**2 * p0 * q0 / n0
    inflation = 1.0 if problem["rates"] else (n1 + n0) / (n1 + n0 - 1)
    return statistic, inflation * variance, (p1, q1), (p0, q0)


def own_weights(
    strata: list[Stratum], common: list[tuple[Share, Share]], effect: float, problem: Problem
) -> list[float]:
    """The weights of Miettinen and Nurminen (1985), by repetition until they stand still.

    R1, R0 are the averages of the restricted shares with these same weights, which start at n1 n0/(n1 + n0).  A
    weight is the inverse of the variance that a stratum would have with shares R1, R0, up to a constant:
    difference 1/(R1(1-R1)/n1 + R0(1-R0)/n0), ratio 1/((1-R1)/n1 + theta(1-R0)/n0); rates without the (1 - R).
    Usually written [R1(1-R1)/(R0(1-R0))/n1 + 1/n0]^-1 and [(1-R1)/(1-R0)/n1 + theta/n0]^-1: the same up to a
    factor, but not defined at R0 = 0 and 1.  Both parts 0 (all or nobody has the event): the start.
    """
    start = [n1 * n0 / (n1 + n0) for _, n1, _, n0 in strata]
    weights, change = start, math.inf
    for _ in range(2000):
        total = math.fsum(weights)

        def average(values: list[float], weights: list[float] = weights, total: float = total) -> float:
            return math.fsum(w * v for w, v in zip(weights, values, strict=True)) / total

        r1, q1 = average([one[0] for one, _ in common]), average([one[1] for one, _ in common])
        r0, q0 = average([zero[0] for _, zero in common]), average([zero[1] for _, zero in common])
        a, b = (q1, effect * q0) if problem["ratio"] else (r1 * q1, r0 * q0)
        if a <= 0 and b <= 0:
            return start
        new = [1 / (a / n1 + b / n0) for _, n1, _, n0 in strata]
        scale = math.fsum(new)
        new = [w / scale for w in new]
        before, change = change, max(abs(u - v / total) for u, v in zip(new, weights, strict=True))
        weights = new
        if change <= 1e-15 or (change <= 1e-12 and change >= before):  # what is left is rounding
            return weights
    raise ArithmeticError("the weights of Miettinen and Nurminen do not settle")


def z_of(strata: list[Stratum], effect: float, problem: Problem, weights: Weights) -> float:
    """Sum of w (statistic) over the square root of the sum of w^2 (variance); 0 where both are 0."""
    found = [moments(s, effect, problem) for s in strata]
    if weights == "cmh":
        w = [n1 * n0 / (n1 + n0) for _, n1, _, n0 in strata]
    elif weights == "miettinen-nurminen":
        w = own_weights(strata, [(f[2], f[3]) for f in found], effect, problem)
    else:
        w = [float(v) for v in weights]
    above = math.fsum(v * f[0] for v, f in zip(w, found, strict=True))
    below = math.fsum(v * v * f[1] for v, f in zip(w, found, strict=True))
    if above == 0:
        return 0.0
    return above / math.sqrt(below) if below > 0 else math.copysign(math.inf, above)


def tables(events_1: Counts, total_1: Amounts, events_0: Counts, total_0: Amounts) -> list[Stratum]:
    columns = [[v] if isinstance(v, int | float) else list(v) for v in (events_1, total_1, events_0, total_0)]
    return list(zip(*columns, strict=True))


def halve(inside: float, outside: float, rejected: Callable[[float], bool], *, by_ratio: bool) -> float:
    """The border between a value that is not rejected and one that is."""
    for _ in range(300):
        middle = math.sqrt(inside) * math.sqrt(outside) if by_ratio else (inside + outside) / 2
        if middle in (inside, outside):
            break
        inside, outside = (inside, middle) if rejected(middle) else (middle, outside)
    return inside


def zero_of(z: Callable[[float], float], low: float, high: float, *, by_ratio: bool) -> float:
    """Where a falling z crosses 0 between low (z > 0) and high (z < 0)."""
    for _ in range(300):
        middle = math.sqrt(low) * math.sqrt(high) if by_ratio else (low + high) / 2
        value = z(middle)
        if value == 0 or middle in (low, high):
            return middle
        low, high = (middle, high) if value > 0 else (low, middle)
    return (low + high) / 2


def score_difference(strata: list[Stratum], level: float, weights: Weights, *, rates: bool) -> Score:
    """Common difference: estimate, limits, test of no difference.  A stratum with an empty arm does not count."""
    problem: Problem = {"ratio": False, "rates": rates}
    strata = [s for s in strata if s[1] > 0 and s[3] > 0]
    if not strata:
        return {"estimate": math.nan, "lower": math.nan, "upper": math.nan, "z": math.nan, "p_value": math.nan}
    border = quantile_of_normal(level)
    differences = [float(Fraction(x1) / Fraction(n1) - Fraction(x0) / Fraction(n0)) for x1, n1, x0, n0 in strata]
    reach = 1.0
    if rates:  # no bound: go out until the lower side is rejected as too low and the upper as too high
        while not (z_of(strata, -reach, problem, weights) > border and z_of(strata, reach, problem, weights) < -border):
            reach *= 2
    if min(differences) == max(differences):
        estimate = differences[0]
    elif weights == "miettinen-nurminen":
        estimate = zero_of(
            lambda d: z_of(strata, d, problem, weights), min(differences), max(differences), by_ratio=False
        )
    else:
        w = [s[1] * s[3] / (s[1] + s[3]) for s in strata] if weights == "cmh" else [float(v) for v in weights]
        estimate = math.fsum(v * d for v, d in zip(w, differences, strict=True)) / math.fsum(w)

    def rejected(delta: float) -> bool:
        return abs(z_of(strata, delta, problem, weights)) > border

    lower = -1.0 if estimate == -1 and not rates else halve(estimate, -reach, rejected, by_ratio=False)
    upper = 1.0 if estimate == 1 and not rates else halve(estimate, reach, rejected, by_ratio=False)
    z = z_of(strata, 0.0, problem, weights)
    return {"estimate": estimate, "lower": lower, "upper": upper, "z": z, "p_value": two_sided(z)}


def score_ratio(strata: list[Stratum], level: float, weights: Weights, *, rates: bool) -> Score:
    """Common ratio: estimate, limits, test of ratio 1.  A stratum with an empty arm or without events does not count.

    No events in arm 1: estimate and lower limit 0; none in arm 0: estimate and upper limit infinite.
    """
    problem: Problem = {"ratio": True, "rates": rates}
    strata = [s for s in strata if s[1] > 0 and s[3] > 0 and s[0] + s[2] > 0]
    if not strata:
        return {"estimate": math.nan, "lower": math.nan, "upper": math.nan, "z": math.nan, "p_value": math.nan}
    border = quantile_of_normal(level)

    def z_at(theta: float) -> float:
        return z_of(strata, theta, problem, weights)

    def rejected(theta: float) -> bool:
        return abs(z_at(theta)) > border

    none_1, none_0 = all(s[0] == 0 for s in strata), all(s[2] == 0 for s in strata)
    low = high = 1.0
    while not none_1 and not z_at(low) > border:
        low /= 4
    while not none_0 and not z_at(high) < -border:
        high *= 4
    if none_1:
        estimate, inside = 0.0, 1.0
        while rejected(inside):
            inside /= 4
    elif none_0:
        estimate, inside = math.inf, 1.0
        while rejected(inside):
            inside *= 4
    elif weights == "miettinen-nurminen":
        inside = estimate = zero_of(z_at, low, high, by_ratio=True)
    else:
        w = [s[1] * s[3] / (s[1] + s[3]) for s in strata] if weights == "cmh" else [float(v) for v in weights]
        above = math.fsum(v * s[0] / s[1] for v, s in zip(w, strata, strict=True))
        inside = estimate = above / math.fsum(v * s[2] / s[3] for v, s in zip(w, strata, strict=True))
    lower = 0.0 if none_1 else halve(inside, low, rejected, by_ratio=True)
    upper = math.inf if none_0 else halve(inside, high, rejected, by_ratio=True)
    z = z_at(1.0)
    return {"estimate": estimate, "lower": lower, "upper": upper, "z": z, "p_value": two_sided(z)}


def risk_difference(
    events_1: Counts, total_1: Counts, events_0: Counts, total_0: Counts, level: float = 0.95, weights: Weights = "cmh"
) -> Score:
    """Miettinen and Nurminen (1985): all delta with (sum w (d - delta))^2 <= z^2 sum w^2 V(delta).

    One table needs no weights.  weights "cmh": n1 n0/(n1 + n0), fixed; "miettinen-nurminen": see `own_weights`, anew at
    every delta, and the estimate is where the score is 0; or one number for each stratum.
    z is the score at no difference: z > 0 means more events in arm 1, and its square is the CMH chi-square without
    correction (the two kinds of weights are equal there).  Nobody, or everybody, has the event: z = 0 and P = 1, the
    limit of the score as delta goes to 0.
    """
    return score_difference(tables(events_1, total_1, events_0, total_0), level, weights, rates=False)


def risk_ratio(
    events_1: Counts, total_1: Counts, events_0: Counts, total_0: Counts, level: float = 0.95, weights: Weights = "cmh"
) -> Score:
    """Miettinen and Nurminen (1985): all theta with (sum w (p1 - theta p0))^2 <= z^2 sum w^2 V(theta).

    With fixed weights the estimate is sum w p1 / sum w p0 ("cmh": that of Mantel and Haenszel); with their own
    weights it is where the score is 0.
    """
    return score_ratio(tables(events_1, total_1, events_0, total_0), level, weights, rates=False)


def rate_difference(
    events_1: Counts,
    exposure_1: Amounts,
    events_0: Counts,
    exposure_0: Amounts,
    level: float = 0.95,
    weights: Weights = "cmh",
) -> Score:
    """Difference of event rates (events per exposure) with Miettinen and Nurminen's (1985) score limits for rates."""
    return score_difference(tables(events_1, exposure_1, events_0, exposure_0), level, weights, rates=True)


def rate_ratio(
    events_1: Counts,
    exposure_1: Amounts,
    events_0: Counts,
    exposure_0: Amounts,
    level: float = 0.95,
    weights: Weights = "cmh",
) -> Score:
    """Ratio of event rates with Miettinen and Nurminen's (1985) score limits for rates."""
    return score_ratio(tables(events_1, exposure_1, events_0, exposure_0), level, weights, rates=True)


# ------------------------------------------------------------------------------------------------------- exact and CMH
def cmh(
    events_1: Counts, total_1: Counts, events_0: Counts, total_0: Counts, correction: bool = False, level: float = 0.95
) -> dict[str, float]:
    """Cochran (1954), Mantel and Haenszel (1959); common odds ratio; Robins, Breslow and Greenland (1986) limits.

    chi-square = (|sum (a - E)| - 1/2)^2 / sum V with E = m n1/N and V = m (N - m) n1 n0 / (N^2 (N - 1)), m all events.
    The half is taken off only where |sum (a - E)| >= 1/2 (R's rule; an uncorrected chi-square otherwise).
    A stratum of fewer than two people adds nothing.  All sums are fractions.  chi-square nan: no variance anywhere.
    """
    a_minus_e, variance = Fraction(0), Fraction(0)
    r, s, pr, ps_qr, qs = (Fraction(0) for _ in range(5))
    for x1, n1, x0, n0 in tables(events_1, total_1, events_0, total_0):
        n = int(n1 + n0)
        if n < 2:
            continue
        a, b, c, d = int(x1), int(n1 - x1), int(x0), int(n0 - x0)
        a_minus_e += a - Fraction((a + c) * (a + b), n)
        variance += Fraction((a + c) * (b + d) * (a + b) * (c + d), n * n * (n - 1))
        p, q = Fraction(a + d, n), Fraction(b + c, n)
        r_h, s_h = Fraction(a * d, n), Fraction(b * c, n)
        r, s = r + r_h, s + s_h
        pr, ps_qr, qs = pr + p * r_h, ps_qr + p * s_h + q * r_h, qs + q * s_h
    half = Fraction(1, 2) if correction and abs(a_minus_e) >= Fraction(1, 2) else Fraction(0)
    chi_square = float((abs(a_minus_e) - half) ** 2 / variance) if variance else math.nan
    p_value = math.erfc(math.sqrt(chi_square / 2)) if variance else math.nan
    odds_ratio = float(r / s) if s else (math.inf if r else math.nan)
    lower = upper = math.nan
    if r and s:
        sd = math.sqrt(float(pr / (2 * r * r) + ps_qr / (2 * r * s) + qs / (2 * s * s)))
        z = quantile_of_normal(level)
        lower, upper = odds_ratio * math.exp(-z * sd), odds_ratio * math.exp(z * sd)
    return {"chi_square": chi_square, "p_value": p_value, "odds_ratio": odds_ratio, "lower": lower, "upper": upper}


def fisher(events_1: int, total_1: int, events_0: int, total_0: int) -> dict[str, float]:
    """Fisher (1935): all tables with these margins, as whole numbers.

    two-sided: the tables that are not more probable than the observed one; as in R, one that is more probable by less
    than 1e-7 of it counts as equally probable.  greater: as many or more events in arm 1; less: as many or fewer.
    """
    events = events_1 + events_0
    ways = {
        k: math.comb(total_1, k) * math.comb(total_0, events - k)
        for k in range(max(0, events - total_0), min(events, total_1) + 1)
    }
    everything, seen = sum(ways.values()), ways[events_1]
    as_rare = sum(w for w in ways.values() if w * 10**7 <= seen * (10**7 + 1))
    return {
        "two_sided": float(Fraction(as_rare, everything)),
        "greater": float(Fraction(sum(w for k, w in ways.items() if k >= events_1), everything)),
        "less": float(Fraction(sum(w for k, w in ways.items() if k <= events_1), everything)),
    }
