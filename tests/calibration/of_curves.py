"""Size and coverage of what is read off survival curves: landmarks, medians, means, milestones, follow-up."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from tests.calibration.rates import Found, Limits, Method, coverage, log_wald, power, size, two_sided, wald
from tests.calibration.simulated import (
    AT,
    AT_BY_STRATUM,
    DELAYED,
    EFFECT,
    MEDIAN_FOLLOW_UP,
    NO_EFFECT,
    STRATA_EFFECT,
    STRATA_NO_EFFECT,
    Scenario,
    Trial,
    first_day_at,
)
from tests.oracles import twins, twins_means

from equipoise.survival import Contrast, follow_up, kaplan_meier, milestone, rmst

CONF_TYPES = ("log-log", "log", "plain")
NONE: Limits = (math.nan, math.nan)


def _day(trial: Trial) -> int:
    return AT_BY_STRATUM if trial.stratum is not None else AT


# ------------------------------------------------------------------------------------ the curve of the control arm
def curve(trial: Trial) -> Found:
    found: dict[str, float | Limits] = {}
    for conf_type in CONF_TYPES:
        control = kaplan_meier(trial.tte, conf_type=conf_type)["0"]  # type: ignore[arg-type]
        mark = control.at([f"{AT} days"])[0]
        found[f"survival at {AT} days, {conf_type} limits"] = (mark.lower, mark.upper)
        found[f"median, {conf_type} limits"] = control.median_ci
    return found


def curve_second(trial: Trial) -> Found:
    found: dict[str, float | Limits] = {}
    time, event = trial.rows(0)
    km = twins_means.kaplan_meier(time, event)
    for conf_type in CONF_TYPES:
        limits = twins.km_limits(km["survival"], km["greenwood_se"], conf_type=conf_type)
        last = int(np.flatnonzero(km["time"] <= AT)[-1])
        known = twins_means.followed_to(time, event, AT)
        mark = (float(limits[0][last]), float(limits[1][last])) if known else NONE
        found[f"survival at {AT} days, {conf_type} limits"] = mark
        found[f"median, {conf_type} limits"] = _median_limits(km, limits)
    return found


def _median_limits(km: dict[str, Any], limits: tuple[Any, Any]) -> Limits:
    """Brookmeyer and Crowley's, infinite where a limit does not come down to one half."""
    low, high = (twins.quantile(km["time"], side, 0.5) for side in limits)
    return math.inf if math.isnan(low) else low, math.inf if math.isnan(high) else high


def followed(trial: Trial) -> Found:
    return {"median, log-log limits": follow_up(trial.tte)["0"].median_ci}


def followed_second(trial: Trial) -> Found:
    km = twins_means.follow_up(*trial.rows(0))
    limits = twins.km_limits(km["survival"], km["greenwood_se"], conf_type="log-log")
    return {"median, log-log limits": _median_limits(km, limits)}


# -------------------------------------------------------------------------------------------- means and milestones
def _of_contrasts(fit: Any, **ratios: Contrast) -> Found:
    found: dict[str, float | Limits] = {"difference, two-sided": fit.p_value, "difference, limits": fit.conf_int}
    for name, contrast in ratios.items():
        found |= {f"{name}, two-sided": contrast.p_value, f"{name}, limits": contrast.conf_int}
    return {name.replace("_", " "): value for name, value in found.items()}


def mean(trial: Trial) -> Found:
    fit = rmst(trial.tte, tau=f"{_day(trial)} days")
    return _of_contrasts(fit, ratio=fit.ratio, ratio_of_time_lost=fit.rmtl_ratio)


def _second_contrasts(missing: list[int], **contrasts: dict[str, Any]) -> Found:
    """From the twin's contrasts; ``difference`` is in the first of them."""
    found: dict[str, float | Limits] = {}
    first = next(iter(contrasts.values()))
    se = first["se"]
    some = not missing and se > 0
    found["difference, two-sided"] = two_sided(first["difference"] / se) if some else math.nan
    found["difference, limits"] = (first["lower"], first["upper"]) if some else NONE
    for name, c in contrasts.items():
        some = not missing and c["log_se"] > 0
        name = name.replace("_", " ")
        found[f"{name}, two-sided"] = two_sided(math.log(c["ratio"]) / c["log_se"]) if some else math.nan
        found[f"{name}, limits"] = (c["ratio_lower"], c["ratio_upper"]) if some else NONE
    return found


def mean_second(trial: Trial) -> Found:
    fit = twins_means.rmst(*trial.columns, _day(trial), trial.stratum)
    return _second_contrasts(fit["missing"], ratio=fit, ratio_of_time_lost=fit["lost"])


def adjusted_mean(trial: Trial) -> Found:
    fit = rmst(trial.tte, tau=f"{AT} days", covariates=trial.x)
    assert fit.ratio is not None
    assert fit.rmtl_ratio is not None
    return _of_contrasts(fit, ratio=fit.ratio, ratio_of_time_lost=fit.rmtl_ratio)


def adjusted_mean_second(trial: Trial) -> Found:
    found: dict[str, float | Limits] = {}
    known = all(twins_means.followed_to(*trial.rows(arm), AT) for arm in (0, 1))
    for name, link in (("difference", "difference"), ("ratio", "ratio"), ("ratio of time lost", "lost ratio")):
        found[f"{name}, two-sided"], found[f"{name}, limits"] = math.nan, NONE
        if known:
            fit = twins_means.adjusted_rmst(*trial.columns, trial.covariates, AT, link, True)
            coef, se = float(fit["coef"][1]), math.sqrt(fit["var"][1, 1])
            found[f"{name}, two-sided"] = two_sided(coef / se)
            found[f"{name}, limits"] = wald(coef, se) if link == "difference" else log_wald(coef, se)
    return found


def share(trial: Trial) -> Found:
    fit = milestone(trial.tte, at=f"{_day(trial)} days")
    assert fit.ratio is not None
    return _of_contrasts(fit, ratio=fit.ratio)


def share_second(trial: Trial) -> Found:
    """Like the package, nothing where the variance of an arm is 0."""
    fit = twins_means.milestone(*trial.columns, _day(trial), trial.stratum)
    none = [-1] if min(fit["variance"]) == 0 else []
    return _second_contrasts([*fit["missing"], *none], ratio=fit)


def _truth(measure: str, contrast: str) -> Callable[[Trial], float]:
    """Of both arms over the strata of the trial, as the estimate is."""

    def of(trial: Trial) -> float:
        control, experimental = trial.standardized(getattr(trial.scenario, measure), _day(trial))
        if contrast == "difference":
            return experimental - control
        if contrast == "ratio":
            return experimental / control
        return (_day(trial) - experimental) / (_day(trial) - control)

    return of


# ------------------------------------------------------------------------------------------------------ the register
_MEAN = ("difference", "ratio", "ratio of time lost")
_SHARE = ("difference", "ratio")


# Survival is .5034 by day 103 and .4999 by day 104, the median: an upper limit from 104 on asks for less than one at .5
# would. With a standard error of .024 in 500 patients that is .14 errors, and a coverage of .957.
_WHOLE_DAYS = "limits of a median are whole days"


def _control_truths() -> dict[str, Any]:
    median = float(first_day_at(0.5, EFFECT, 0))
    survival = float(EFFECT.survival(AT, 0))
    found = {f"survival at {AT} days, {c} limits": coverage(survival) for c in CONF_TYPES}
    return found | {
        f"median, {c} limits": coverage(median, allowed=(0.94, 0.965), reason=_WHOLE_DAYS) for c in CONF_TYPES
    }


def _methods(scenario: Scenario) -> list[Method]:
    found = []
    for name, measure, pair, contrasts in (
        (f"restricted mean, {AT} days", "mean", (mean, mean_second), _MEAN),
        (f"restricted mean, {AT} days, adjusted", "mean", (adjusted_mean, adjusted_mean_second), _MEAN),
        (f"milestone, {AT} days", "survival", (share, share_second), _SHARE),
    ):
        if scenario.strata:
            if "adjusted" in name:  # covariates do not go with strata
                continue
            name = name.replace(str(AT), str(AT_BY_STRATUM))
        if scenario.ratio == 1:
            rates = {f"{c}, two-sided": size() for c in contrasts}
        else:
            rates = {"difference, two-sided": power()} | {
                f"{c}, limits": coverage(_truth(measure, c)) for c in contrasts
            }
        found.append(Method(name=name, scenario=scenario, rates=rates, ours=pair[0], second=pair[1]))
    return found


METHODS = [
    *(m for s in (NO_EFFECT, STRATA_NO_EFFECT, EFFECT, STRATA_EFFECT, DELAYED) for m in _methods(s)),
    Method(name="Kaplan-Meier", scenario=EFFECT, rates=_control_truths(), ours=curve, second=curve_second),
    Method(
        name="follow-up",
        scenario=EFFECT,
        rates={"median, log-log limits": coverage(float(MEDIAN_FOLLOW_UP))},
        ours=followed,
        second=followed_second,
    ),
]
