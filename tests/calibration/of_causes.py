"""Size and coverage of cumulative incidence, Gray's test and the model of Fine and Gray."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from tests.calibration.rates import Found, Limits, Method, coverage, log_wald, one_sided, power, size, two_sided
from tests.calibration.simulated import AT, CAUSES_EFFECT, CAUSES_NO_EFFECT, CAUSES_STRATA, RATIO, Trial
from tests.oracles import twins_competing

from equipoise.survival import cumulative_incidence, fine_gray, gray

CONF_TYPES = ("log-log", "plain")
TWO, ONE, HARM = "two-sided", "one-sided, benefit", "one-sided, harm"


def gray_test(trial: Trial) -> Found:
    test = gray(trial.tte)
    assert test.p_one_sided is not None
    found: dict[str, float | Limits] = {TWO: test.p_value, ONE: test.p_one_sided, HARM: 1 - test.p_one_sided}
    if trial.stratum is None:
        found |= {
            "rho = 1, two-sided": gray(trial.tte, rho=1).p_value,
            "cause 2, two-sided": gray(trial.tte, cause=2).p_value,
        }
    return found


def gray_test_second(trial: Trial) -> Found:
    """z is the root of the chi-square with the sign of the score: more events in arm 1 are worse."""
    test = twins_competing.gray(*trial.columns, strata=trial.stratum)
    z = -math.copysign(math.sqrt(test["chisq"]), test["score"][1])
    found: dict[str, float | Limits] = {TWO: two_sided(z), ONE: one_sided(z), HARM: one_sided(-z)}
    if trial.stratum is None:
        found["rho = 1, two-sided"] = twins_competing.gray(*trial.columns, rho=1.0)["p"]
        found["cause 2, two-sided"] = twins_competing.gray(*trial.columns, cause=2)["p"]
    return found


def fine_gray_model(trial: Trial) -> Found:
    fit = fine_gray(trial.tte)
    assert isinstance(fit.conf_int, tuple)
    return {"Wald, two-sided": fit.p_value, "coverage": fit.conf_int}


def fine_gray_model_second(trial: Trial) -> Found:
    fit = twins_competing.fine_gray(trial.time, trial.event, trial.arm_column)
    coef, se = float(fit["coef"][0]), math.sqrt(fit["var"][0, 0])
    return {"Wald, two-sided": two_sided(coef / se), "coverage": log_wald(coef, se)}


def incidence(trial: Trial) -> Found:
    found: dict[str, Limits] = {}
    for conf_type in CONF_TYPES:
        fit = cumulative_incidence(trial.tte, conf_type=conf_type)  # type: ignore[arg-type]
        for arm in (0, 1):
            mark = fit[str(arm)][1].at([f"{AT} days"])[0]
            found[f"arm {arm}, {conf_type} limits"] = (mark.lower, mark.upper)
    return found


def incidence_second(trial: Trial) -> Found:
    found: dict[str, Limits] = {}
    for arm in (0, 1):
        fit = twins_competing.cumulative_incidence(*trial.rows(arm))
        known = fit["time"][-1] >= AT or fit["survival"][-1] == 0
        last = int(np.flatnonzero(fit["time"] <= AT)[-1])
        for conf_type in CONF_TYPES:
            low, high = twins_competing.incidence_limits(fit["incidence"], fit["variance"], conf_type=conf_type)
            found[f"arm {arm}, {conf_type} limits"] = (
                (float(low[last]), float(high[last])) if known else (math.nan, math.nan)
            )
    return found


_SIZES: dict[str, Any] = {TWO: size(), ONE: size(0.025), HARM: size(0.025)}
_TRUTHS = {f"arm {arm}, {c} limits": coverage(CAUSES_EFFECT.incidence(AT, arm)) for arm in (0, 1) for c in CONF_TYPES}

METHODS = [
    Method(
        name="Gray",
        scenario=CAUSES_NO_EFFECT,
        rates=_SIZES | {"rho = 1, two-sided": size(), "cause 2, two-sided": size()},
        ours=gray_test,
        second=gray_test_second,
    ),
    Method(name="Gray", scenario=CAUSES_STRATA, rates=_SIZES, ours=gray_test, second=gray_test_second),
    Method(
        name="Gray", scenario=CAUSES_EFFECT, rates={TWO: power()}, ours=gray_test, second=gray_test_second, compared=200
    ),
    Method(
        name="Fine-Gray",
        scenario=CAUSES_NO_EFFECT,
        rates={"Wald, two-sided": size()},
        ours=fine_gray_model,
        second=fine_gray_model_second,
        compared=200,
    ),
    Method(
        name="Fine-Gray",
        scenario=CAUSES_EFFECT,
        rates={"Wald, two-sided": power(), "coverage": coverage(RATIO)},
        ours=fine_gray_model,
        second=fine_gray_model_second,
        compared=200,
    ),
    Method(
        name=f"cumulative incidence at {AT} days",
        scenario=CAUSES_EFFECT,
        rates=_TRUTHS,
        ours=incidence,
        second=incidence_second,
    ),
]
