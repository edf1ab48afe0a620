"""Size and power of the log-rank family, its MaxCombo and the covariate-adjusted log-rank test."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tests.calibration.rates import Found, Method, one_sided, power, size, two_sided
from tests.calibration.simulated import DELAYED, EFFECT, NO_EFFECT, STRATA_EFFECT, STRATA_NO_EFFECT, Scenario, Trial
from tests.oracles import twins, twins_adjusted, twins_weighted

from equipoise.survival import (
    FlemingHarrington,
    Gehan,
    ModestlyWeighted,
    TaroneWare,
    adjusted_logrank,
    logrank,
    maxcombo,
)

# name: the package's record, the second program's tuple
WEIGHTS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "Fleming-Harrington (0, 1)": (FlemingHarrington(0, 1), ("fleming-harrington", 0.0, 1.0)),
    "Fleming-Harrington (1, 0)": (FlemingHarrington(1, 0), ("fleming-harrington", 1.0, 0.0)),
    "modestly weighted, 60 days": (ModestlyWeighted(delay="60 days"), ("modest delay", 60.0)),
    "Gehan": (Gehan(), ("gehan",)),
    "Tarone-Ware": (TaroneWare(), ("tarone-ware",)),
}
TWO, ONE, HARM = "two-sided", "one-sided, benefit", "one-sided, harm"


def _sides(z: float) -> Found:
    """The second program's P values from its z."""
    return {TWO: two_sided(z), ONE: one_sided(z), HARM: one_sided(-z)}


# -------------------------------------------------------------------------------------------------------- log-rank
def log_rank(trial: Trial) -> Found:
    test = logrank(trial.tte)
    assert test.p_one_sided is not None
    return {TWO: test.p_value, ONE: test.p_one_sided, HARM: 1 - test.p_one_sided}


def log_rank_second(trial: Trial) -> Found:
    sums = twins.logrank(*trial.columns, 2, trial.stratum)
    return _sides((sums["expected"][1] - sums["observed"][1]) / math.sqrt(sums["variance"][1, 1]))


def weighted(name: str) -> tuple[Callable[[Trial], Found], Callable[[Trial], Found]]:
    record, weight = WEIGHTS[name]

    def ours(trial: Trial) -> Found:
        return {TWO: logrank(trial.tte, weights=record).p_value}

    def second(trial: Trial) -> Found:
        sums = twins_weighted.weighted_logrank(*trial.columns, 2, weight, trial.stratum)
        z = (sums["expected"][1] - sums["observed"][1]) / math.sqrt(sums["variance"][1, 1])
        return {TWO: two_sided(z)}

    return ours, second


# -------------------------------------------------------------------------------------------------------- MaxCombo
def max_combo(trial: Trial) -> Found:
    test = maxcombo(trial.tte)
    return {TWO: test.p_value, ONE: test.p_one_sided}


def max_combo_second(trial: Trial) -> Found:
    found = twins_weighted.maxcombo(*trial.columns, strata=trial.stratum)
    return {TWO: found["p_value"], ONE: found["p_one_sided"]}


# -------------------------------------------------------------------------------------------------------- adjusted
def adjusted(trial: Trial) -> Found:
    test = adjusted_logrank(trial.tte, trial.x)
    return {TWO: test.p_value, ONE: test.p_one_sided}


def adjusted_second(trial: Trial) -> Found:
    z = twins_adjusted.adjusted_logrank(*trial.columns, trial.covariates, trial.stratum)["z_adjusted"]
    return {TWO: two_sided(z), ONE: one_sided(z)}


def _methods(scenario: Scenario) -> list[Method]:
    null = scenario.ratio == 1
    rate = size if null else power
    one = {ONE: rate(0.025)}
    found = [
        Method(
            name="log-rank",
            scenario=scenario,
            rates={TWO: rate()} | ({**one, HARM: rate(0.025)} if null else one),
            ours=log_rank,
            second=log_rank_second,
        )
    ]
    for name in WEIGHTS:
        ours, second = weighted(name)
        found.append(Method(name=name, scenario=scenario, rates={TWO: rate()}, ours=ours, second=second))
    for name, pair, compared in (
        ("MaxCombo", (max_combo, max_combo_second), 150),
        ("covariate-adjusted log-rank", (adjusted, adjusted_second), 300),
    ):
        rates = {TWO: rate(), **one}
        found.append(Method(name=name, scenario=scenario, rates=rates, ours=pair[0], second=pair[1], compared=compared))
    return found


METHODS = [m for s in (NO_EFFECT, STRATA_NO_EFFECT, EFFECT, STRATA_EFFECT, DELAYED) for m in _methods(s)]
