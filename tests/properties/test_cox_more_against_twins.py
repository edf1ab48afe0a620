"""What is built on a Cox fit against the plain twins, on data made to be awkward.

Equality is at 1e-9 relative unless a reason stands beside another number.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import chi2
from tests.oracles import twins, twins_cox_more
from tests.properties.examples import plenty
from tests.properties.test_survival_against_twins import (
    Awkward,
    awkward,
    close,
    covariates,
    matrix,
    recession,
    with_covariates,
)

from equipoise.survival import TimeToEvent, cox, kaplan_meier, likelihood_ratio, logrank
from equipoise.survival.inference import SEPARATED, UNDETERMINED
from equipoise.survival.profile import UNBOUNDED

LEVELS = st.sampled_from([0.8, 0.95, 0.99])
TWO_TIES = st.sampled_from(["efron", "breslow"])
Case = tuple[Awkward, dict[str, np.ndarray]]


def without_aliased(case: Case) -> np.ndarray:
    """The columns of the model, all of which say something."""
    data, columns = case
    fit = cox(data.tte(), columns)
    assume(all(r in ("", SEPARATED, UNDETERMINED) for r in fit.reasons))
    return matrix(data, columns)


def spread_out(x: np.ndarray) -> np.ndarray:
    """A column around 1e6 keeps ten digits fewer: the tests of its own are elsewhere."""
    assume(np.abs(x).max() < 1e3)
    return x


# ------------------------------------------------------------------ profile likelihood
@plenty(50)
@given(with_covariates(least=3, most=14, arms=(1, 3), most_columns=1, weights=(None, "case")), TWO_TIES, LEVELS)
def test_profile_limits(case: Case, ties: str, level: float) -> None:
    data, columns = case
    x = spread_out(without_aliased(case))
    time, _ = data.settled()
    fit = cox(data.tte(), columns, ties=ties, conf_type="profile", level=level)  # type: ignore[arg-type]
    reach = recession(data, x, ties)
    # a limit is infinite exactly where the coefficient can run that way without a term of the likelihood falling
    np.testing.assert_array_equal(np.isinf(fit.log_limits), reach != 0)
    np.testing.assert_array_equal([bool(r) for r in fit.limit_reasons], (reach != 0).any(axis=1))
    assert set(fit.limit_reasons) <= {"", UNBOUNDED, UNDETERMINED}
    if not reach.any() and np.abs(fit.log_limits * x.std(axis=0)[:, None]).max() < 30:
        want = twins_cox_more.profile_limits(time, data.event, x, ties, **data.twin(), level=level)
        close(fit.log_limits, np.column_stack(want), 1e-9, 1e-9)
        return
    # The twin's search takes minutes under separation and ends at 40 spreads: the value of its profile at the limits
    top = twins.cox_fit(time, data.event, x, ties, **data.twin())["loglik"][1]
    scale = x.std(axis=0)
    standard = (x - x.mean(axis=0)) / scale

    def objective(b: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        derivatives = twins.cox_derivatives(b, time, data.event, standard, ties, **data.twin())
        return (twins.cox_loglik(b, time, data.event, standard, ties, **data.twin()), *derivatives)

    for j, side in zip(*np.nonzero(reach == 0), strict=True):
        start = np.zeros(len(scale))
        start[j] = fit.log_limits[j, side] * scale[j]
        reached = twins_cox_more.held(objective, start, [k for k in range(len(scale)) if k != j])[1]
        close(2 * (max(top, fit.loglik[1]) - reached), chi2.ppf(level, 1), abs_=1e-9)


@pytest.mark.parametrize("marker", [[-2.25, 1.8125, 0.0, 0.0, 1.5, 1.5625], [-2.0, 1.625, 0.0, 0.0, 0.5625, 1.4375]])
def test_profile_limits_far_out(marker: list[float]) -> None:
    """Six subjects, three arms: limits near -27 spreads, where the twin's search once ended below its top."""
    time, event, arm = np.array([0.02, 0.01, 0.35, 0.0, 0.35, 10.66]), [1, 1, 0, 0, 1, 0], np.array([2, 1, 2, 0, 0, 1])
    fit = cox(TimeToEvent(time, event, arm, unit="days"), {"x0": marker}, conf_type="profile", level=0.99)
    x = np.column_stack([arm == 1, arm == 2, marker]).astype(float)
    want = twins_cox_more.profile_limits(time, event, x, "efron", level=0.99)
    close(fit.log_limits, np.column_stack(want), 1e-9, 1e-9)


@plenty(15)
@given(awkward(least=3, most=9, arms=(2, 2), weights=(None,)), st.sampled_from(["discrete", "exact-marginal"]), LEVELS)
def test_profile_limits_of_the_exact_methods(data: Awkward, ties: str, level: float) -> None:
    """One coefficient: the twin's log-likelihood at the limits."""
    assume(len(set(data.arm.tolist())) == 2)
    x, (time, entry) = matrix(data, {}), data.settled()
    fit = cox(data.tte(), ties=ties, conf_type="profile", level=level)  # type: ignore[arg-type]
    assume(fit.reasons[0] in ("", SEPARATED))
    np.testing.assert_array_equal(np.isinf(fit.log_limits), recession(data, x, ties) != 0)
    for limit in fit.log_limits[0][np.isfinite(fit.log_limits[0])]:
        there = twins.cox_loglik([limit], time, data.event, x, ties, data.strata, entry)
        close(2 * (fit.loglik[1] - there), chi2.ppf(level, 1), abs_=1e-9)


# ---------------------------------------------------------------------- Firth's penalty
@plenty(75)
@given(with_covariates(least=3, most=16, arms=(1, 3), most_columns=1, weights=(None,)), TWO_TIES)
def test_firth_estimates(case: Case, ties: str) -> None:
    """However few the events: the twin's maximum, and the value of its penalized likelihood there and at zero."""
    data, columns = case
    x = spread_out(without_aliased(case))
    time, entry = data.settled()
    fit = cox(data.tte(), columns, ties=ties, penalty="firth", conf_type="wald")  # type: ignore[arg-type]
    assert not any(fit.reasons)
    scale = x.std(axis=0)
    standard = (x - x.mean(axis=0)) / scale

    def objective(b: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        return twins_cox_more.firth_objective(b, time, data.event, standard, ties, data.strata, entry)

    best, top = twins_cox_more.held(objective, np.zeros(len(scale)), range(len(scale)))
    close(fit.coef * scale, best, abs_=1e-9)
    unit = np.log(scale).sum()
    close(fit.loglik, [objective(np.zeros(len(scale)))[0] + unit, top + unit])
    _, information = twins.cox_derivatives(best, time, data.event, standard, ties, data.strata, entry)
    # an inverse: its small entries are as exact as its large ones
    want = np.linalg.inv(information) / np.outer(scale, scale)
    close(fit.covariance, want, 1e-8, 1e-9 * np.abs(want).max())
    assert fit.likelihood_ratio.statistic == pytest.approx(2 * (fit.loglik[1] - fit.loglik[0]), abs=1e-12)


@plenty(12)
@given(with_covariates(least=6, most=16, arms=(1, 3), most_columns=1, weights=(None,)), TWO_TIES, LEVELS)
def test_firth_tests_and_limits(case: Case, ties: str, level: float) -> None:
    """Where there are events enough: with hardly more than coefficients the twin's search loses its way, and the
    penalized likelihood can have several maxima once a coefficient is held."""
    data, columns = case
    x = spread_out(without_aliased(case))
    assume(data.event.sum() > 2 * x.shape[1] and not recession(data, x, ties).any())
    time, entry = data.settled()
    fit = cox(data.tte(), columns, ties=ties, penalty="firth", level=level)  # type: ignore[arg-type]
    want = twins_cox_more.firth(time, data.event, x, ties, data.strata, entry, level=level)
    close(fit.coef, want["coef"], abs_=1e-9)
    close(fit.z**2, want["chisq"], abs_=1e-9)
    close(fit.log_limits, np.column_stack([want["lower"], want["upper"]]), 1e-8, 1e-8)


@plenty(80)
@given(awkward(least=2, most=16, arms=(2, 2), weights=(None,)), TWO_TIES, LEVELS)
def test_firth_limits_of_one_coefficient(data: Awkward, ties: str, level: float) -> None:
    """Separated or not, however few the events: the twin's penalized likelihood at the limits."""
    assume(len(set(data.arm.tolist())) == 2)
    x, (time, entry) = matrix(data, {}), data.settled()
    fit = cox(data.tte(), ties=ties, penalty="firth", level=level)  # type: ignore[arg-type]
    assume(not fit.reasons[0])

    def value(b: float) -> float:
        return twins_cox_more.firth_objective(np.array([b]), time, data.event, x, ties, data.strata, entry)[0]

    top = value(float(fit.coef[0]))
    close(fit.loglik, [value(0.0), top], abs_=1e-10)
    close(fit.z[0] ** 2, 2 * (top - value(0.0)), abs_=1e-9)
    low, high = fit.log_limits[0]
    assert low < fit.coef[0] < high
    close([2 * (top - value(b)) for b in (low, high)], [chi2.ppf(level, 1)] * 2, abs_=1e-9)


# ---------------------------------------------------------------------- other hypotheses
@plenty(60)
@given(awkward(least=3, arms=(2, 2)), TWO_TIES, st.sampled_from([0.5, 1.25, 2.0]), st.sampled_from(["harm", "benefit"]))
def test_null_hazard_ratio(data: Awkward, ties: str, null: float, event_is: str) -> None:
    assume(len(set(data.arm.tolist())) == 2)
    plain, fit = (
        cox(data.tte(event_is=event_is), ties=ties, null_hazard_ratio=n)  # type: ignore[arg-type]
        for n in (1.0, null)
    )
    assume(not plain.reasons[0])
    want = twins_cox_more.null_hazard_ratio(float(plain.coef[0]), float(plain.se[0]), null, event_is)
    close([abs(fit.z[0]), fit.p_value, fit.p_one_sided], [abs(want["z"]), want["p_value"], want["p_one_sided"]])
    close(
        [*fit.conf_int, *fit.loglik, fit.score.statistic], [*plain.conf_int, *plain.loglik, plain.score.statistic], 0, 0
    )


@plenty(80)
@given(awkward(least=4, weights=(None, "case")), TWO_TIES, st.data())
def test_nested_models(data: Awkward, ties: str, more: st.DataObject) -> None:
    columns = covariates(more.draw, data.n)
    arms = len(set(data.arm.tolist()))
    assume(len(columns) + (arms > 1) > 1)
    last = [*columns][-1]
    kept = {k: v for k, v in columns.items() if k != last}
    smaller, larger = (cox(data.tte(), c, ties=ties) for c in (kept, columns))  # type: ignore[arg-type]
    test = likelihood_ratio(smaller, larger)
    time, _ = data.settled()
    one, two = (twins.cox_fit(time, data.event, matrix(data, c), ties, **data.twin()) for c in (kept, columns))
    added = int(np.isfinite(two["coef"]).sum() - np.isfinite(one["coef"]).sum())
    assert test.df == added
    if not added:
        assert math.isnan(test.statistic)
        assert test.reason
        return
    separated = any(r in (SEPARATED, UNDETERMINED) for r in (*smaller.reasons, *larger.reasons))
    want = twins_cox_more.likelihood_ratio(one["loglik"][1], two["loglik"][1], added)
    # a separated twin can stop well short of the supremum: see assert_cox
    close(test.statistic, want[0], abs_=1e-2 if separated else 1e-9)
    if not separated:  # near 1 P falls as the root of the statistic, whose rounding is some 1e-15
        close(test.p_value, want[2], 1e-8, 1e-9 if want[0] > 1e-9 else 1e-6)


# ------------------------------------------------------------ laws, whatever the twins say
@plenty(60)
@given(awkward(least=3, arms=(2, 2), weights=(None,)), TWO_TIES, st.sampled_from([None, "firth"]))
def test_swapped_arms_have_swapped_limits(data: Awkward, ties: str, penalty: str | None) -> None:
    assume(len(set(data.arm.tolist())) == 2 and data.event.any())
    tte = data.tte()
    one, two = (cox(t, ties=ties, conf_type="profile", penalty=penalty) for t in (tte, tte.swap()))  # type: ignore[arg-type]
    np.testing.assert_allclose(one.log_limits, -two.log_limits[:, ::-1], rtol=1e-8, atol=1e-9)
    if penalty and not one.reasons[0]:
        close(one.p_value, two.p_value, abs_=1e-7)  # at 1 it is the root of a rounded zero
        assert one.p_one_sided == pytest.approx(1 - two.p_one_sided, abs=1e-7)


@plenty(60)
@given(with_covariates(least=4, weights=(None, "case")))
def test_what_an_analysis_leaves_for_the_next_changes_nothing(case: Case) -> None:
    """The sorted rows are shared: every analysis says the same before and after all others."""
    data, columns = case
    tte = data.tte()

    def numbers() -> list[float]:
        found = []
        for stratified in (False, True) if data.strata is not None else (False,):
            found += cox(tte, columns, stratified=stratified).coef.tolist()
            if len(tte.arms) > 1:
                found += [*logrank(tte, stratified=stratified).expected, *cox(tte, stratified=stratified).coef]
        return [*found, *(float(c.survival.sum()) for c in kaplan_meier(tte).values())]

    first = numbers()
    np.testing.assert_array_equal(first, numbers())
    np.testing.assert_array_equal(first[-1], sum(c.survival.sum() for c in [[*kaplan_meier(data.tte()).values()][-1]]))
