"""Size and coverage of methods for counts in the simulated trials.

By arm and stratum: who had the event by day 50, which is known of everybody. Without strata: events over days at risk.

What one table of counts gives is enumerated exactly in ``enumerated``; this is what needs strata or exposure.
"""

from __future__ import annotations

import math

from tests.calibration.rates import Found, Method, coverage, size
from tests.calibration.simulated import EFFECT, FIRST, NO_EFFECT, STRATA_EFFECT, STRATA_NO_EFFECT, Trial, grouped_ratio
from tests.oracles import twins_counts

from equipoise.analyze import cmh, exposure_adjusted_rate, rate_difference, rate_ratio, risk_difference, risk_ratio

DAYS = 100.0  # of exposure that a rate is for
Counts = tuple[list[int], list[int], list[int], list[int]]


def by_stratum(trial: Trial) -> Counts:
    """Events of and totals of arm 1, then arm 0, by stratum."""
    assert trial.stratum is not None
    had = (trial.event > 0) & (trial.time <= FIRST)
    cells = [[(trial.arm == arm) & (trial.stratum == h) for h in (0, 1)] for arm in (0, 1)]
    events = [[int((had & cell).sum()) for cell in row] for row in cells]
    totals = [[int(cell.sum()) for cell in row] for row in cells]
    return events[1], totals[1], events[0], totals[0]


def tables(trial: Trial) -> Found:
    counts = by_stratum(trial)
    association = cmh(*counts)
    difference, ratio = risk_difference(*counts), risk_ratio(*counts)
    return {
        "CMH": association.p_value,
        "CMH, continuity-corrected": cmh(*counts, correction=True).p_value,
        "Mantel-Haenszel odds ratio": association.conf_int,
        "score difference, two-sided": difference.p_value,
        "score difference": difference.conf_int,
        "score ratio": ratio.conf_int,
    }


def tables_second(trial: Trial) -> Found:
    counts = by_stratum(trial)
    association = twins_counts.cmh(*counts)
    difference, ratio = twins_counts.risk_difference(*counts), twins_counts.risk_ratio(*counts)
    return {
        "CMH": association["p_value"],
        "CMH, continuity-corrected": twins_counts.cmh(*counts, correction=True)["p_value"],
        "Mantel-Haenszel odds ratio": (association["lower"], association["upper"]),
        "score difference, two-sided": difference["p_value"],
        "score difference": (difference["lower"], difference["upper"]),
        "score ratio": (ratio["lower"], ratio["upper"]),
    }


def _shares(trial: Trial) -> list[tuple[float, float, float]]:
    """By stratum: true shares of arm 1 and arm 0, and the weight n1 n0 / (n1 + n0)."""
    _, n1, _, n0 = by_stratum(trial)
    p = [[float(1 - trial.scenario.survival(FIRST, arm, h)) for h in (0, 1)] for arm in (0, 1)]
    return [(p[1][h], p[0][h], n1[h] * n0[h] / (n1[h] + n0[h])) for h in (0, 1)]


def _difference(trial: Trial) -> float:
    """The strata's differences with the weights of the estimate."""
    shares = _shares(trial)
    return sum(w * (p1 - p0) for p1, p0, w in shares) / sum(w for _, _, w in shares)


def _ratio(trial: Trial) -> float:
    shares = _shares(trial)
    return sum(w * p1 for p1, _, w in shares) / sum(w * p0 for _, p0, w in shares)


def _odds_ratio(trial: Trial) -> float:
    """Mantel and Haenszel's weighted odds of the true shares: 0.59 and 0.57 in the two strata."""
    shares = _shares(trial)
    return sum(w * p1 * (1 - p0) for p1, p0, w in shares) / sum(w * p0 * (1 - p1) for p1, p0, w in shares)


# ------------------------------------------------------------------------------------------------ events over exposure
def _exposed(trial: Trial) -> tuple[int, float, int, float]:
    """Events and days at risk of arm 1, then of arm 0."""
    (t1, e1), (t0, e0) = trial.rows(1), trial.rows(0)
    return int(e1.sum()), float(t1.sum()), int(e0.sum()), float(t0.sum())


def rates(trial: Trial) -> Found:
    counts = _exposed(trial)
    per = f"{DAYS:g} days"
    difference = rate_difference(*counts, unit="days", per=per)
    ratio = rate_ratio(*counts, unit="days")
    return {
        "two-sided": ratio.p_value,
        "exact limits of the control arm": exposure_adjusted_rate(counts[2], counts[3], unit="days", per=per).conf_int,
        "score difference": difference.conf_int,
        "score ratio": ratio.conf_int,
    }


def rates_second(trial: Trial) -> Found:
    x1, t1, x0, t0 = _exposed(trial)
    counts = (x1, t1 / DAYS, x0, t0 / DAYS)
    difference, ratio = twins_counts.rate_difference(*counts), twins_counts.rate_ratio(*counts)
    return {
        "two-sided": ratio["p_value"],
        "exact limits of the control arm": twins_counts.exact_poisson_limits(x0, t0 / DAYS, 0.95),
        "score difference": (difference["lower"], difference["upper"]),
        "score ratio": (ratio["lower"], ratio["upper"]),
    }


_PER_DAY = [1 - math.exp(-EFFECT.rate(arm)) for arm in (0, 1)]  # what events over whole days estimate
_CORRECTED = "half a patient is taken off the deviation: conservative by design"

METHODS = [
    Method(
        name=f"event by day {FIRST}, by strata",
        scenario=STRATA_NO_EFFECT,
        rates={
            "CMH": size(),
            "CMH, continuity-corrected": size(allowed=(0.02, 0.05), reason=_CORRECTED),
            "score difference, two-sided": size(),
        },
        ours=tables,
        second=tables_second,
        compared=100,
    ),
    Method(
        name=f"event by day {FIRST}, by strata",
        scenario=STRATA_EFFECT,
        rates={
            "score difference": coverage(_difference),
            "score ratio": coverage(_ratio),
            "Mantel-Haenszel odds ratio": coverage(_odds_ratio),
        },
        ours=tables,
        second=tables_second,
        compared=100,
    ),
    Method(
        name="events over exposure",
        scenario=NO_EFFECT,
        rates={"two-sided": size()},
        ours=rates,
        second=rates_second,
        compared=100,
    ),
    Method(
        name="events over exposure",
        scenario=EFFECT,
        rates={
            "exact limits of the control arm": coverage(DAYS * _PER_DAY[0]),
            "score difference": coverage(DAYS * (_PER_DAY[1] - _PER_DAY[0])),
            "score ratio": coverage(grouped_ratio(EFFECT)),
        },
        ours=rates,
        second=rates_second,
        compared=100,
    ),
]
