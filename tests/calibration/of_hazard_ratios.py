"""Size and coverage of the Cox model in all its forms, of what is built on it, and of other hazard ratios."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from tests.calibration.rates import Found, Limits, Method, chi_square_1, coverage, log_wald, power, size, two_sided
from tests.calibration.simulated import (
    AT,
    AT_BY_STRATUM,
    DELAYED,
    EFFECT,
    MARGIN,
    MODEL_EFFECT,
    MODEL_NO_EFFECT,
    NO_EFFECT,
    RATIO,
    SEED,
    SLOPES,
    STRATA_EFFECT,
    STRATA_NO_EFFECT,
    Scenario,
    Trial,
    average_of_weighted_cox,
    first_to_fail,
    grouped_ratio,
    limit_of_cox,
)
from tests.oracles import twins_adjusted, twins_cox_more, twins_means
from tests.oracles.twins_cox import cox_fit, cox_robust_variance

from equipoise.survival import (
    TimeToEvent,
    average_hazard_ratio,
    cox,
    likelihood_ratio,
    marginal_hazard_ratio,
    predicted_survival,
    weighted_cox,
    zph,
)

TWO, LIMITS = "two-sided", "coverage"
PROFILE = {"x": 0.5, "y": -0.5}  # of whom survival is predicted: experimental arm, stratum 0


def _limits(fit: Any) -> Limits:
    assert isinstance(fit.conf_int, tuple)
    return fit.conf_int


# ------------------------------------------------------------------------------------- the Cox model of the arm alone
def simple_cox(trial: Trial) -> Found:
    fit = cox(trial.tte)
    return {
        "Wald, two-sided": fit.p_value,
        "likelihood ratio": fit.likelihood_ratio.p_value,
        "score": fit.score.p_value,
        "Wald limits": _limits(fit),
    }


def _second_fit(trial: Trial) -> dict[str, Any]:
    return cox_fit(trial.time, trial.event, trial.arm_column, "efron", trial.stratum)


def simple_cox_second(trial: Trial) -> Found:
    fit = _second_fit(trial)
    coef, se = float(fit["coef"][0]), math.sqrt(fit["var"][0, 0])
    return {
        "Wald, two-sided": two_sided(coef / se),
        "likelihood ratio": chi_square_1(fit["lr"]),
        "score": chi_square_1(fit["score_test"]),
        "Wald limits": log_wald(coef, se),
    }


def robust_cox(trial: Trial) -> Found:
    fit = cox(trial.tte, robust=True)
    assert fit.robust_score is not None
    return {"Wald, two-sided": fit.p_value, "score": fit.robust_score.p_value, LIMITS: _limits(fit)}


def robust_cox_second(trial: Trial) -> Found:
    coef = _second_fit(trial)["coef"]
    found = cox_robust_variance(coef, trial.time, trial.event, trial.arm_column, "efron", strata=trial.stratum)
    se = math.sqrt(found["var"][0, 0])
    return {
        "Wald, two-sided": two_sided(coef[0] / se),
        "score": chi_square_1(found["robust_score"]),
        LIMITS: log_wald(coef[0], se),
    }


def _weights(trial: Trial) -> Any:
    """Probability weights that have nothing to do with the outcome, addressed like the trial."""
    address = np.random.SeedSequence(SEED, spawn_key=(trial.scenario.purpose, trial.n, trial.number, 1))
    return np.random.Generator(np.random.Philox(address)).uniform(0.3, 3.0, trial.n)


def weighted_subjects(trial: Trial) -> Found:
    tte = TimeToEvent(
        *trial.columns, control=0, experimental=1, unit="days", weight=_weights(trial), weight_type="probability"
    )
    return {LIMITS: _limits(cox(tte))}


def weighted_subjects_second(trial: Trial) -> Found:
    weight = _weights(trial)
    data = (trial.time, trial.event, trial.arm_column, "efron")
    coef = cox_fit(*data, weight=weight)["coef"]
    return {LIMITS: log_wald(coef[0], math.sqrt(cox_robust_variance(coef, *data, weight)["var"][0, 0]))}


def profile_cox(trial: Trial) -> Found:
    return {LIMITS: _limits(cox(trial.tte, conf_type="profile"))}


def profile_cox_second(trial: Trial) -> Found:
    low, high = twins_cox_more.profile_limits(
        trial.time, trial.event, trial.arm_column, "efron", trial.stratum
    )  # fmt: skip
    return {LIMITS: (math.exp(low[0]), math.exp(high[0]))}


def firth_cox(trial: Trial) -> Found:
    fit = cox(trial.tte, penalty="firth")
    return {"likelihood ratio": fit.p_value, LIMITS: _limits(fit)}


def firth_cox_second(trial: Trial) -> Found:
    fit = twins_cox_more.firth(trial.time, trial.event, trial.arm_column, "efron", trial.stratum)
    limits = (math.exp(fit["lower"][0]), math.exp(fit["upper"][0]))
    return {"likelihood ratio": float(fit["p"][0]), LIMITS: limits}


def non_inferiority(trial: Trial) -> Found:
    fit = cox(trial.tte, null_hazard_ratio=MARGIN.ratio)
    assert fit.p_one_sided is not None
    return {"one-sided, at the margin": fit.p_one_sided, "two-sided, at the margin": fit.p_value}


def non_inferiority_second(trial: Trial) -> Found:
    fit = _second_fit(trial)
    found = twins_cox_more.null_hazard_ratio(float(fit["coef"][0]), math.sqrt(fit["var"][0, 0]), MARGIN.ratio)
    return {"one-sided, at the margin": found["p_one_sided"], "two-sided, at the margin": found["p_value"]}


# ----------------------------------------------------------------------- the Cox model with strata and covariates
def full_cox(trial: Trial) -> Found:
    fit = cox(trial.tte, trial.x)
    tests = zph(fit).tests
    no_arm = TimeToEvent(trial.time, trial.event, unit="days", strata=trial.stratum)
    smaller, larger = (cox(no_arm, columns) for columns in (trial.x, trial.x | {"treatment": trial.arm}))
    low, high = np.exp(fit.log_limits[1])
    return {
        "Wald, two-sided": fit.p_value,
        "likelihood ratio of two models": likelihood_ratio(smaller, larger).p_value,
        "Wald limits": _limits(fit),
        "Wald limits, covariate": (float(low), float(high)),
        "proportional hazards, arm": tests["arm"].p_value,
        "proportional hazards, all terms": tests["global"].p_value,
    }


def full_cox_second(trial: Trial) -> Found:
    data = (trial.time, trial.event)
    fit = cox_fit(*data, trial.full, "efron", trial.stratum)
    smaller = cox_fit(*data, trial.covariates, "efron", trial.stratum)
    coef, se = fit["coef"], np.sqrt(np.diag(fit["var"]))
    tests = twins_cox_more.zph(coef, *data, trial.full, "efron", trial.stratum)
    return {
        "Wald, two-sided": two_sided(coef[0] / se[0]),
        "likelihood ratio of two models": chi_square_1(2 * (fit["loglik"][1] - smaller["loglik"][1])),
        "Wald limits": log_wald(coef[0], se[0]),
        "Wald limits, covariate": log_wald(coef[1], se[1]),
        "proportional hazards, arm": float(tests["p"][0]),
        "proportional hazards, all terms": float(tests["p"][-1]),
    }


def full_profile(trial: Trial) -> Found:
    return {LIMITS: _limits(cox(trial.tte, trial.x, conf_type="profile"))}


def full_profile_second(trial: Trial) -> Found:
    low, high = twins_cox_more.profile_limits(trial.time, trial.event, trial.full, "efron", trial.stratum)
    return {LIMITS: (math.exp(low[0]), math.exp(high[0]))}


def full_firth(trial: Trial) -> Found:
    """The test alone: the limits of all terms take a tenth of a second."""
    return {"likelihood ratio": cox(trial.tte, trial.x, penalty="firth", conf_type="wald").p_value}


def full_firth_second(trial: Trial) -> Found:
    fit = twins_cox_more.firth(trial.time, trial.event, trial.full, "efron", trial.stratum)
    return {"likelihood ratio": float(fit["p"][0])}


def predicted(trial: Trial) -> Found:
    fit = cox(trial.tte, trial.x)
    profile = {"arm": ["1"]} | {name: [value] for name, value in PROFILE.items()}
    found: dict[str, Limits] = {}
    for conf_type in ("log-log", "log"):
        curve = predicted_survival(fit, profile, conf_type=conf_type).curves[0]  # type: ignore[arg-type]
        mark = curve.at([f"{AT_BY_STRATUM} days"])[0]
        found[f"{conf_type} limits"] = (mark.lower, mark.upper)
    return found


def predicted_second(trial: Trial) -> Found:
    data = (trial.time, trial.event, trial.full, "efron", trial.stratum)
    coef = cox_fit(*data)["coef"]
    found: dict[str, Limits] = {}
    for conf_type in ("log-log", "log"):
        curve = twins_cox_more.predicted_survival([1.0, *PROFILE.values()], coef, *data, conf_type=conf_type)[0]
        known = curve["time"] <= AT_BY_STRATUM
        found[f"{conf_type} limits"] = (math.nan, math.nan)
        if known.any() and curve["time"][-1] >= AT_BY_STRATUM:
            found[f"{conf_type} limits"] = (float(curve["lower"][known][-1]), float(curve["upper"][known][-1]))
    return found


def _predicted_truth(trial: Trial) -> float:
    log_risk = sum(slope * value for slope, value in zip(SLOPES, PROFILE.values(), strict=True))
    return math.exp(-AT_BY_STRATUM * trial.scenario.rate(1, 0) * math.exp(log_risk))


# ----------------------------------------------------------------------------------------------- other hazard ratios
def marginal(trial: Trial) -> Found:
    fit = marginal_hazard_ratio(trial.tte, trial.x)
    return {TWO: fit.p_value, LIMITS: fit.conf_int}


def marginal_second(trial: Trial) -> Found:
    fit = twins_adjusted.marginal_hazard_ratio(*trial.columns, trial.covariates, trial.stratum)
    theta, se = fit["theta_adjusted"], fit["se_adjusted"]
    return {TWO: two_sided(theta / se), LIMITS: log_wald(theta, se)}


def average(trial: Trial) -> Found:
    fit = average_hazard_ratio(trial.tte, tau=f"{AT} days")
    return {TWO: fit.p_value, LIMITS: fit.conf_int}


def average_second(trial: Trial) -> Found:
    fit = twins_means.average_hazard_ratio(*trial.columns, AT)
    if fit["missing"]:
        return {TWO: math.nan, LIMITS: (math.nan, math.nan)}
    return {TWO: two_sided(math.log(fit["ratio"]) / fit["log_se"]), LIMITS: (fit["lower"], fit["upper"])}


def weighted(trial: Trial) -> Found:
    fit = weighted_cox(trial.tte)
    assert fit.p_value is not None
    return {TWO: fit.p_value, LIMITS: _limits(fit)}


def weighted_second(trial: Trial) -> Found:
    fit = twins_means.weighted_cox(trial.time, trial.event, trial.arm_column)
    coef, se = float(fit["coef"][0]), math.sqrt(fit["var"][0, 0])
    return {TWO: two_sided(coef / se), LIMITS: log_wald(coef, se)}


# ------------------------------------------------------------------------------------------------------ the register
def _method(scenario: Scenario, name: str, pair: Any, rates: dict[str, Any], compared: int = 300) -> Method:
    return Method(name=name, scenario=scenario, rates=rates, ours=pair[0], second=pair[1], compared=compared)


_SIMPLE, _ROBUST = (simple_cox, simple_cox_second), (robust_cox, robust_cox_second)
_SUBJECTS = (weighted_subjects, weighted_subjects_second)
_PROFILE, _FIRTH = (profile_cox, profile_cox_second), (firth_cox, firth_cox_second)
_FULL, _FULL_PROFILE = (full_cox, full_cox_second), (full_profile, full_profile_second)
_FULL_FIRTH, _PREDICTED = (full_firth, full_firth_second), (predicted, predicted_second)
_MARGINAL, _AVERAGE = (marginal, marginal_second), (average, average_second)
_WEIGHTED = (weighted, weighted_second)
_SIZES = {"Wald, two-sided": size(), "likelihood ratio": size(), "score": size()}
_ZPH = {"proportional hazards, arm": size(), "proportional hazards, all terms": size()}

METHODS = [
    _method(NO_EFFECT, "Cox", _SIMPLE, _SIZES),
    _method(NO_EFFECT, "Cox, robust", _ROBUST, {"Wald, two-sided": size(), "score": size()}),
    _method(NO_EFFECT, "Cox, Firth", _FIRTH, {"likelihood ratio": size()}, 60),
    _method(NO_EFFECT, "marginal hazard ratio", _MARGINAL, {TWO: size()}),
    _method(NO_EFFECT, "average hazard ratio", _AVERAGE, {TWO: size()}, 100),
    _method(NO_EFFECT, "weighted Cox", _WEIGHTED, {TWO: size(), LIMITS: coverage(1.0)}),
    _method(STRATA_NO_EFFECT, "Cox", _SIMPLE, _SIZES),
    _method(STRATA_NO_EFFECT, "marginal hazard ratio", _MARGINAL, {TWO: size()}),
    _method(EFFECT, "Cox", _SIMPLE, {"Wald, two-sided": power(), "Wald limits": coverage(RATIO)}),
    _method(EFFECT, "Cox, robust", _ROBUST, {LIMITS: coverage(RATIO)}),
    _method(EFFECT, "Cox under probability weights, robust", _SUBJECTS, {LIMITS: coverage(RATIO)}),
    _method(EFFECT, "Cox, profile likelihood limits", _PROFILE, {LIMITS: coverage(RATIO)}, 60),
    _method(EFFECT, "Cox, Firth", _FIRTH, {"likelihood ratio": power(), LIMITS: coverage(RATIO)}, 60),
    _method(EFFECT, "marginal hazard ratio", _MARGINAL, {TWO: power(), LIMITS: coverage(grouped_ratio(EFFECT))}),
    _method(EFFECT, "average hazard ratio", _AVERAGE, {TWO: power(), LIMITS: coverage(first_to_fail(EFFECT, AT))}, 100),
    _method(EFFECT, "weighted Cox", _WEIGHTED, {TWO: power(), LIMITS: coverage(average_of_weighted_cox(EFFECT))}),
    _method(STRATA_EFFECT, "Cox", _SIMPLE, {"Wald limits": coverage(RATIO)}),
    _method(STRATA_EFFECT, "marginal hazard ratio", _MARGINAL,
            {TWO: power(), LIMITS: coverage(grouped_ratio(STRATA_EFFECT))}),
    _method(MODEL_NO_EFFECT, "Cox, adjusted", _FULL,
            {"Wald, two-sided": size(), "likelihood ratio of two models": size(), **_ZPH}, 100),
    _method(MODEL_NO_EFFECT, "Cox, adjusted, Firth", _FULL_FIRTH, {"likelihood ratio": size()}, 5),
    _method(MODEL_EFFECT, "Cox, adjusted", _FULL,
            {"Wald limits": coverage(RATIO), "Wald limits, covariate": coverage(math.exp(SLOPES[0])), **_ZPH}, 100),
    _method(MODEL_EFFECT, "Cox, adjusted, profile likelihood limits", _FULL_PROFILE, {LIMITS: coverage(RATIO)}, 5),
    _method(MODEL_EFFECT, f"survival predicted at {AT_BY_STRATUM} days", _PREDICTED,
            {"log-log limits": coverage(_predicted_truth), "log limits": coverage(_predicted_truth)}, 100),
    _method(MARGIN, "Cox, non-inferiority", (non_inferiority, non_inferiority_second),
            {"one-sided, at the margin": size(0.025), "two-sided, at the margin": size()}),
    _method(DELAYED, "Cox, robust", _ROBUST, {LIMITS: coverage(limit_of_cox(DELAYED))}),
    _method(DELAYED, "average hazard ratio", _AVERAGE,
            {TWO: power(), LIMITS: coverage(first_to_fail(DELAYED, AT))}, 100),
    _method(DELAYED, "weighted Cox", _WEIGHTED, {TWO: power(), LIMITS: coverage(average_of_weighted_cox(DELAYED))}),
]  # fmt: skip
