"""Size and coverage of the pooled hazard ratio of completed data sets at delta = 1, where censoring is at random."""

from __future__ import annotations

import math

from tests.calibration.rates import Found, Method, coverage, size
from tests.calibration.simulated import EFFECT, LAST, NO_EFFECT, RATIO, SEED, Trial
from tests.oracles import twins_imputation

from equipoise.analyze import tipping_point
from equipoise.analyze.imputation import random_numbers

IMPUTATIONS = 10


def _seed(trial: Trial) -> int:
    return SEED * 1_000_000 + trial.number


def completed(trial: Trial) -> Found:
    found = tipping_point(
        trial.tte, deltas=[1.0], until=f"{LAST} days", seed=_seed(trial), imputations=IMPUTATIONS
    ).steps[0]  # fmt: skip
    return {"two-sided": found.p_value, "coverage": found.conf_int}


def completed_second(trial: Trial) -> Found:
    """Its own curves, times, models and rules; only the random numbers are the package's."""
    draws = [random_numbers(trial.tte, _seed(trial), number) for number in range(1, IMPUTATIONS + 1)]
    found, _ = twins_imputation.tipping_point(
        *trial.columns, [d.uniform for d in draws], [d.copies for d in draws], float(LAST), [1.0]
    )
    low, high = found[0]["lower"], found[0]["upper"]
    return {"two-sided": found[0]["p_value"], "coverage": (math.exp(low), math.exp(high))}


METHODS = [
    Method(
        name=f"imputation, {IMPUTATIONS} times",
        scenario=scenario,
        rates={"two-sided": size()} if scenario is NO_EFFECT else {"coverage": coverage(RATIO)},
        ours=completed,
        second=completed_second,
        compared=25,
    )
    for scenario in (NO_EFFECT, EFFECT)
]
