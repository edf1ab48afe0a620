"""Means, milestones, average effects, follow-up and the adjusted log-rank test against the plain twins, on data made to
be awkward. Equality is at 1e-9 relative unless a reason stands beside another number.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.oracles import twins_adjusted, twins_means
from tests.properties.examples import plenty
from tests.properties.test_survival_against_twins import Awkward, awkward, close, covariates

from equipoise.survival import (
    adjusted_logrank,
    average_hazard_ratio,
    follow_up,
    logrank,
    marginal_hazard_ratio,
    milestone,
    rmst,
    weighted_cox,
)

Z = 1.959963984540054
KINDS = ("few", "whole", "cents", "one")  # times below 60, of which tau may be one


def two_arms(**more: Any) -> st.SearchStrategy[Awkward]:
    given_: dict[str, Any] = {"least": 2, "arms": (2, 2), "weights": (None, "case"), "late": False, "kinds": KINDS}
    return awkward(**(given_ | more)).filter(lambda data: len(set(data.arm.tolist())) == 2)


@st.composite
def two_arms_with_covariates(draw: st.DrawFn, **more: Any) -> tuple[Awkward, dict[str, np.ndarray]]:
    data = draw(two_arms(**({"least": 6, "weights": (None,)} | more)))
    return data, covariates(draw, data.n)


def centred(columns: dict[str, np.ndarray], n: int) -> np.ndarray:
    """For a twin that does not centre: columns around 1e6 cost it six digits."""
    return np.column_stack([np.empty((n, 0)), *(c - c.mean() for c in columns.values())])


def limits(fit: Any, estimate: float, se: float) -> None:
    """Wald limits, where there is a standard error."""
    if se > 0:
        close(fit.conf_int, [estimate - Z * se, estimate + Z * se])


# ------------------------------------------------------------------ means and milestones
@plenty(200)
@given(two_arms(), st.integers(1, 60), st.booleans())
def test_rmst_by_strata(data: Awkward, tau: int, stratified: bool) -> None:
    by = data.strata if stratified else None
    want = twins_means.rmst(data.time, data.event, data.arm, tau, by, weight=data.weight)
    fit = rmst(data.tte(), tau=f"{tau} days", stratified=stratified and data.strata is not None)
    if want["missing"]:
        assert fit.reason
        assert math.isnan(fit.difference)
        return
    close([fit[a].rmst for a in fit.arms], want["value"])
    close([fit[a].std_error ** 2 for a in fit.arms], want["variance"])
    close(fit.difference, want["difference"])
    limits(fit, fit.difference, want["se"])
    for contrast, twin in ((fit.ratio, want), (fit.rmtl_ratio, want["lost"])):
        if math.isnan(twin["log_se"]):
            assert contrast.reason == "a mean of zero has no ratio"
        else:
            close(contrast.estimate, twin["ratio"])
            if twin["log_se"] > 0:
                close(contrast.conf_int, [twin["ratio_lower"], twin["ratio_upper"]])


@plenty(300)
@given(two_arms(least=8), st.integers(1, 30), st.booleans())
def test_milestone_by_strata(data: Awkward, at: int, stratified: bool) -> None:
    by = data.strata if stratified else None
    want = twins_means.milestone(data.time, data.event, data.arm, at, by, weight=data.weight)
    fit = milestone(data.tte(), at=f"{at} days", stratified=stratified and data.strata is not None)
    if want["missing"]:
        assert fit.reason
        assert math.isnan(fit.difference)
        return
    close([fit[a].survival for a in fit.arms], want["value"])
    close([fit[a].std_error ** 2 for a in fit.arms], want["variance"])
    close(fit.difference, want["difference"])
    if min(want["variance"]) == 0:
        assert fit.reason.startswith("the variance is 0 in")
        assert math.isnan(fit.p_value)
    else:
        assert fit.reason == ""
        limits(fit, fit.difference, want["se"])
        close(fit.ratio.conf_int, [want["ratio_lower"], want["ratio_upper"]])


# ---------------------------------------------------------------- means given covariates
@plenty(200)
@given(two_arms_with_covariates(), st.integers(1, 40))
def test_adjusted_rmst(case: tuple[Awkward, dict[str, np.ndarray]], tau: int) -> None:
    data, columns = case
    fit = rmst(data.tte(), tau=f"{tau} days", stratified=False, covariates=columns)
    if "follow-up" in fit.reason:
        return
    x = centred(columns, data.n)
    if fit.reason.startswith("the covariates are collinear"):
        known = (data.event == 1) | (data.time >= tau)
        design = np.column_stack([np.ones(data.n), data.arm, x])[known]
        size = np.abs(design).max(axis=0, initial=0)
        assert np.linalg.matrix_rank(design / np.where(size > 0, size, 1), tol=1e-6) < design.shape[1]
        return
    want = twins_means.adjusted_rmst(data.time, data.event, data.arm, x, tau, "difference", True)
    close(fit.difference, want["coef"][1], 1e-8, 1e-9 * tau)  # a design that is nearly singular costs digits
    if fit.reason == "":
        limits_of = math.sqrt(want["var"][1, 1])
        assume(limits_of > 1e-9 * tau)
        close(fit.conf_int, fit.difference + Z * limits_of * np.array([-1, 1]), 1e-7, 1e-8 * tau)
    for contrast, link in ((fit.ratio, "ratio"), (fit.rmtl_ratio, "lost ratio")):
        if contrast.reason:
            assert math.isnan(contrast.estimate) or contrast.reason == "the model leaves no variance"
            continue
        try:
            with np.errstate(all="ignore"):
                want = twins_means.adjusted_rmst(data.time, data.event, data.arm, x, tau, link, True)
        except np.linalg.LinAlgError:  # its steps are not held back
            continue
        if np.isfinite(want["coef"]).all() and np.abs(want["coef"]).max() < 20:
            close(math.log(contrast.estimate), want["coef"][1], 1e-7, 1e-8)
            close(np.diff(np.log(contrast.conf_int)), 2 * Z * math.sqrt(want["var"][1, 1]), 1e-6, 1e-7)


@plenty(100)
@given(two_arms(least=4), st.integers(1, 40))
def test_without_covariates_the_weights_give_the_area(data: Awkward, tau: int) -> None:
    plain = rmst(data.tte(), tau=f"{tau} days", stratified=False)
    fit = rmst(data.tte(), tau=f"{tau} days", stratified=False, covariates={})
    if "follow-up" in plain.reason:
        assert fit.reason == plain.reason
    else:
        close(fit.difference, plain.difference, 1e-10, 1e-11 * tau)
        if not fit.ratio.reason:
            close(fit.ratio.estimate, plain.ratio.estimate, 1e-9)
        if not fit.rmtl_ratio.reason:
            close(fit.rmtl_ratio.estimate, plain.rmtl_ratio.estimate, 1e-9)


# --------------------------------------------------------------------- average effects
@plenty(150)
@given(two_arms(most=18), st.integers(1, 60))
def test_average_hazard_ratio(data: Awkward, tau: int) -> None:
    want = twins_means.average_hazard_ratio(data.time, data.event, data.arm, tau, weight=data.weight)
    fit = average_hazard_ratio(data.tte(), tau=f"{tau} days")
    if want["missing"]:
        assert "follow-up" in fit.reason
        return
    close([fit.control_first, fit.experimental_first], [want["p0"], want["p1"]])
    if min(want["p0"], want["p1"]) <= 0:
        assert fit.reason.startswith("in no pair of subjects")
        assert math.isnan(fit.hazard_ratio)
        return
    close(fit.hazard_ratio, want["ratio"])
    close(fit.std_error, want["log_se"], abs_=1e-9)
    if want["log_se"] > 1e-8:
        close(fit.conf_int, [want["lower"], want["upper"]])


@plenty(120)
@given(two_arms_with_covariates(most=18))
def test_weighted_cox(case: tuple[Awkward, dict[str, np.ndarray]]) -> None:
    data, columns = case
    fit = weighted_cox(data.tte(), columns)
    if not data.event.any():
        assert set(fit.reasons) == {"there are no events"}
        return
    if any(fit.reasons):
        return
    x = np.column_stack([data.arm, centred(columns, data.n)])
    want = twins_means.weighted_cox(data.time, data.event, x)
    close(fit.time, want["time"], 0, 0)
    close(fit.weight, want["weight"])
    close(fit.coef, want["coef"], 1e-7, 1e-8)  # what the last Newton step leaves, on either side
    close(fit.covariance, want["var"], 1e-6, 1e-8)


# ------------------------------------------------------------------------- follow-up
@plenty(200)
@given(awkward(weights=(None, "case")), st.booleans())
def test_follow_up(data: Awkward, house: bool) -> None:
    fit = follow_up(data.tte(), convention="house" if house else "r")
    time, entry = data.settled()
    for code, curve in enumerate(fit.values()):
        pick = data.arm == code
        want = twins_means.follow_up(
            time[pick], data.event[pick], house, None if entry is None else entry[pick],
            None if data.weight is None else data.weight[pick],
        )  # fmt: skip
        close(curve.time, want["time"], 0, 0)
        close(curve.at_risk, want["n_risk"])
        close(curve.event, want["n_event"])
        close(curve.survival, want["survival"])
        above = curve.survival > 0
        close(curve.std_error[above], want["greenwood_se"][above])
        close(np.where(np.isinf(curve.median), np.nan, curve.median), want["median"])


# ------------------------------------------------------------- covariate-adjusted log-rank
def informative(data: Awkward, stratified: bool) -> np.ndarray:
    """The rows of strata with both arms: the others are left out, where the formulas would let them take part in the
    share of the arms and in the slopes, to which they give an outcome of zero."""
    if not stratified or data.strata is None:
        return np.ones(data.n, dtype=bool)
    both = [s for s in np.unique(data.strata) if len(set(data.arm[data.strata == s].tolist())) == 2]
    return np.isin(data.strata, both)


@plenty(250)
@given(two_arms_with_covariates(kinds=("few", "whole", "cents", "one", "1e9 wide")), st.booleans())
def test_adjusted_logrank(case: tuple[Awkward, dict[str, np.ndarray]], stratified: bool) -> None:
    data, columns = case
    by = stratified and data.strata is not None
    tte = data.tte()
    fit = adjusted_logrank(tte, columns, stratified=by)
    rows = informative(data, by)
    if not rows.any():
        assert fit.reason == "no stratum has both arms"
        return
    strata = data.strata[rows] if by and data.strata is not None else None
    arguments = (data.settled()[0][rows], data.event[rows], data.arm[rows])
    x = centred(columns, data.n)[rows]
    want = twins_adjusted.adjusted_logrank(*arguments, x, strata)
    close(fit.unadjusted_z, logrank(tte, stratified=by).z)
    close(fit.unadjusted_z, want["z"])
    assert fit.subjects == rows.sum()
    if "collinear" in fit.reason:
        assert columns
        return
    if fit.reason:
        assert want["sigma2"] <= 0 or want["sigma2_adjusted"] <= 1e-9 * want["sigma2"]
        return
    n = rows.sum()
    close(fit.score / n, want["u_adjusted"], 1e-8, 1e-9)
    close(fit.variance / n, want["sigma2_adjusted"], 1e-8, 1e-9)
    if want["sigma2_adjusted"] > 1e-4 * want["sigma2"]:
        close(fit.z, want["z_adjusted"], 1e-6)


@plenty(250)
@given(two_arms_with_covariates(kinds=("few", "whole", "cents", "one", "1e9 wide")), st.booleans())
def test_marginal_hazard_ratio(case: tuple[Awkward, dict[str, np.ndarray]], stratified: bool) -> None:
    data, columns = case
    by = stratified and data.strata is not None
    fit = marginal_hazard_ratio(data.tte(), columns, stratified=by)
    rows = informative(data, by)
    if not rows.any():
        assert fit.reason == "no stratum has both arms"
        return
    strata = data.strata[rows] if by and data.strata is not None else None
    x = centred(columns, data.n)[rows]
    want = twins_adjusted.marginal_hazard_ratio(
        data.settled()[0][rows], data.event[rows], data.arm[rows], x, strata
    )  # fmt: skip
    if not math.isfinite(want["theta"]):
        assert fit.reason in (
            "there are no events",
            "no finite hazard ratio solves the score equation: the arm separates the events",
        )
        return
    close(math.log(fit.unadjusted), want["theta"], 1e-8, 1e-9)
    close(fit.unadjusted_std_error, want["se"], 1e-8)
    if "collinear" in fit.reason:
        assert columns
    elif fit.reason.startswith("no finite hazard ratio"):
        assert not math.isfinite(want["theta_adjusted"])
    elif fit.reason:
        assert math.isnan(want["se_adjusted"]) or want["se_adjusted"] < 1e-4
    else:
        assume(abs(want["theta_adjusted"]) < 15)
        close(math.log(fit.hazard_ratio), want["theta_adjusted"], 1e-7, 1e-7)
        if want["se_adjusted"] > 1e-2:
            close(fit.std_error, want["se_adjusted"], 1e-5)


def test_collinear_within_an_arm_is_told_from_what_is_not() -> None:
    """The twin takes the shortest slopes where the method has a reason; elsewhere the two have the same ones."""
    rng = np.random.default_rng(3)
    arm, x = np.arange(40) % 2, rng.normal(size=40)
    data = Awkward(rng.integers(1, 30, 40).astype(float), rng.integers(0, 2, 40), arm)
    nearly = {"x": x, "y": x + 1e-3 * rng.normal(size=40)}
    fit = adjusted_logrank(data.tte(), nearly)
    want = twins_adjusted.adjusted_logrank(data.time, data.event, arm, np.column_stack([*nearly.values()]))
    assert fit.z == pytest.approx(want["z_adjusted"], rel=1e-8)
    assert "collinear" in adjusted_logrank(data.tte(), {"x": x, "y": np.where(arm == 1, x, rng.normal(size=40))}).reason
