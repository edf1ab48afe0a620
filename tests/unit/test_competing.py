"""Competing risks: facts that hold for every data set, what is not estimable, and what is refused."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest

from equipoise.errors import DataError, EquipoiseError, UnsupportedError
from equipoise.survival import (
    TimeToEvent,
    TimeVarying,
    cox,
    cumulative_incidence,
    fine_gray,
    gray,
    kaplan_meier,
    logrank,
)
from equipoise.survival.convention import ArgumentError

RNG = np.random.default_rng(7)
N = 90
TIME = np.ceil(RNG.exponential(20, N))
CODE = RNG.choice(4, N, p=[0.3, 0.4, 0.2, 0.1])
CODE[TIME > 40] = 0
ARM = np.where(RNG.random(N) < 0.5, "A", "B")
SITE = RNG.integers(1, 4, N)
AGE = np.round(RNG.normal(60, 9, N), 1)


def trial(event: Any = CODE, time: Any = TIME, arm: Any = ARM, **more: Any) -> TimeToEvent:
    named = {"control": "A", "experimental": "B", "unit": "days", **more}
    return TimeToEvent(time, event, arm, **named)


# ------------------------------------------------------------------------- facts
def test_with_one_cause_the_incidence_is_one_less_survival() -> None:
    one = trial(np.minimum(CODE, 1))
    for arm, km in kaplan_meier(one).items():
        curve = cumulative_incidence(one)[arm][1]
        np.testing.assert_allclose(curve.estimate, 1 - km.survival, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(curve.event_free, km.survival, rtol=1e-12)
        assert curve.time.tolist() == km.time.tolist()
        # Greenwood's sum with Y - 1 in place of Y, up to the time when nobody is left
        left = km.at_risk - km.event
        some = left > 0
        terms = km.event[some] / (np.maximum(km.at_risk[some] - 1, 1) * left[some])
        se = km.survival[some] * np.sqrt(np.cumsum(terms))
        np.testing.assert_allclose(curve.std_error[some], se, rtol=1e-10, atol=1e-14)


def test_causes_sum_to_those_who_had_any() -> None:
    tte = trial()
    ci = cumulative_incidence(tte)
    assert list(ci) == ["A", "B"]
    assert list(ci["A"]) == [1, 2, 3]
    for arm, km in kaplan_meier(trial(CODE > 0)).items():
        total = sum(curve.estimate for curve in ci[arm].values())
        np.testing.assert_allclose(total, 1 - km.survival, rtol=1e-12, atol=1e-14)


def test_one_arm_and_strata_change_nothing_in_a_curve() -> None:
    alone = TimeToEvent(TIME[ARM == "A"], CODE[ARM == "A"], unit="days")
    within = cumulative_incidence(trial(strata=SITE))["A"]
    for cause, curve in cumulative_incidence(alone)["all"].items():
        np.testing.assert_array_equal(curve.estimate, within[cause].estimate)
        np.testing.assert_array_equal(curve.std_error, within[cause].std_error)


def test_gray_without_competing_events_counts_as_logrank_does() -> None:
    one = trial(np.minimum(CODE, 1), strata=SITE)
    for stratified in (True, False):
        test, log_rank = gray(one, stratified=stratified), logrank(one, stratified=stratified)
        np.testing.assert_allclose(test.observed, log_rank.observed)
        np.testing.assert_allclose(test.expected, log_rank.expected, rtol=1e-12)
        # The variances estimate the same number; his adds what is known of survival after each event.
        assert test.variance[1, 1] == pytest.approx(log_rank.variance[1, 1], rel=0.1)


@pytest.mark.parametrize("rho", [0.0, 1.0])
@pytest.mark.parametrize("cause", [1, 2, 3])
def test_the_sign_of_gray(cause: int, rho: float) -> None:
    tte = trial()
    test, turned = gray(tte, cause=cause, rho=rho), gray(tte.swap(), cause=cause, rho=rho)
    assert test.z is not None
    assert test.p_one_sided is not None
    assert test.statistic == pytest.approx(test.z**2, rel=1e-12)
    assert (test.z > 0) == (test.observed[1] < test.expected[1])
    assert turned.z == pytest.approx(-test.z, rel=1e-9)
    assert min(test.p_one_sided, 1 - test.p_one_sided) == pytest.approx(test.p_value / 2, rel=1e-9)
    good = gray(trial(event_is="benefit"), cause=cause, rho=rho)
    assert good.z == pytest.approx(-test.z)
    assert good.p_one_sided == pytest.approx(1 - test.p_one_sided)


def test_fine_gray_without_competing_events_is_cox_with_a_robust_variance() -> None:
    one = trial(np.minimum(CODE, 1))
    fit, model = fine_gray(one, {"age": AGE}), cox(one, {"age": AGE}, ties="breslow", robust=True)
    np.testing.assert_allclose(fit.coef, model.coef, rtol=1e-10)
    np.testing.assert_allclose(fit.covariance, model.covariance, rtol=1e-8)
    assert fit.loglik == pytest.approx(model.loglik, rel=1e-12)
    assert fit.wald.statistic == pytest.approx(model.wald.statistic, rel=1e-8)


def test_fine_gray_without_censoring_is_cox_with_the_others_followed_for_ever() -> None:
    code = np.where(CODE == 0, 1, CODE)
    fit = fine_gray(trial(code), {"age": AGE}, cause=1)
    never = trial(code == 1, np.where(code == 1, TIME, TIME.max() + 1))
    model = cox(never, {"age": AGE}, ties="breslow", robust=True)
    np.testing.assert_allclose(fit.coef, model.coef, rtol=1e-10)
    np.testing.assert_allclose(fit.covariance, model.covariance, rtol=1e-8)
    assert (fit.events, fit.competing, fit.subjects) == ((code == 1).sum(), (code > 1).sum(), N)


def test_the_direction_of_fine_gray() -> None:
    tte = trial()
    fit, turned = fine_gray(tte), fine_gray(tte.swap())
    assert isinstance(fit.hazard_ratio, float)
    assert fit.p_one_sided is not None
    assert turned.hazard_ratio == pytest.approx(1 / fit.hazard_ratio, rel=1e-9)
    assert (fit.p_one_sided < 0.5) == (fit.hazard_ratio < 1)
    assert fine_gray(trial(event_is="benefit")).p_one_sided == pytest.approx(1 - fit.p_one_sided)
    assert fit.conf_int[0] < fit.hazard_ratio < fit.conf_int[1]
    wider = fine_gray(tte, level=0.99)
    assert wider.conf_int[0] < fit.conf_int[0]
    assert wider.level == 0.99


def test_case_weights_are_copies() -> None:
    weight = RNG.integers(1, 4, N)
    weighted = trial(weight=weight, weight_type="case", strata=SITE)
    copied = trial(*(np.repeat(a, weight) for a in (CODE, TIME, ARM)), strata=np.repeat(SITE, weight))
    for cause, curve in cumulative_incidence(weighted)["B"].items():
        other = cumulative_incidence(copied)["B"][cause]
        np.testing.assert_allclose(curve.estimate, other.estimate, rtol=1e-12)
        np.testing.assert_allclose(curve.std_error, other.std_error, rtol=1e-12)
        assert curve.subjects == other.subjects
    assert gray(weighted).statistic == pytest.approx(gray(copied).statistic, rel=1e-12)
    fit, other_fit = fine_gray(weighted, {"age": AGE}), fine_gray(copied, {"age": np.repeat(AGE, weight)})
    np.testing.assert_allclose(fit.coef, other_fit.coef, rtol=1e-10)
    np.testing.assert_allclose(fit.covariance, other_fit.covariance, rtol=1e-9)


def test_counts_are_copies() -> None:
    weight = RNG.integers(1, 4, N)
    counted = trial(weight=weight, weight_type="count")
    copied = trial(*(np.repeat(a, weight) for a in (CODE, TIME, ARM)))
    assert gray(counted).statistic == pytest.approx(gray(copied).statistic, rel=1e-12)
    fit, other = fine_gray(counted), fine_gray(copied)
    np.testing.assert_allclose(fit.covariance, other.covariance, rtol=1e-9)
    assert (fit.subjects, fit.events, fit.competing) == (other.subjects, other.events, other.competing)
    curve, same = (cumulative_incidence(t)["A"][2] for t in (counted, copied))
    np.testing.assert_allclose(curve.std_error, same.std_error, rtol=1e-12)
    assert (curve.subjects, curve.events) == (same.subjects, same.events)


def test_covariates_as_in_cox() -> None:
    columns = {"age": AGE, "site": np.array(["x", "y", "z"])[SITE - 1]}
    fit = fine_gray(trial(), columns)
    assert fit.terms == ("B v A", "age", "site: y v x", "site: z v x")
    scaled = fine_gray(trial(), {**columns, "age": 1000 * AGE - 7})
    np.testing.assert_allclose(scaled.coef * [1, 1000, 1, 1], fit.coef, rtol=1e-9)
    age = AGE.copy()
    age[3] = np.nan
    with pytest.raises(DataError, match="age is missing for 1 of 90 subjects"):
        fine_gray(trial(), {"age": age})
    dropped = fine_gray(trial(), {"age": age}, missing="drop")
    assert dropped.dropped == ("4",)
    assert dropped.subjects == N - 1


def test_more_than_two_arms() -> None:
    arm = np.array(["A", "B", "C"])[RNG.integers(0, 3, N)]
    tte = TimeToEvent(TIME, CODE, arm, control="A", unit="days")
    test, fit = gray(tte), fine_gray(tte)
    assert (test.z, test.p_one_sided, test.df) == (None, None, 2)
    assert fit.terms == ("B v A", "C v A")
    assert np.shape(fit.hazard_ratio) == (2,)
    assert np.shape(fit.conf_int) == (2, 2)
    assert fit.p_value == fit.wald.p_value
    assert fit.p_one_sided is None
    assert str(fit).startswith(
        "Fine-Gray model of cause 1, Breslow ties, unstratified, pooled censoring weights, Wald limits with the "
        "variance of Fine and Gray: 2 terms"
    )


def test_separation_that_spans_more_powers_than_a_number_has() -> None:
    """A covariate that sorts the events by time, and the others last: the linear predictor runs over thousands."""
    time = np.arange(1.0, 61)
    code = np.where(np.arange(60) % 5 == 4, 2, 1)
    x = np.where(code == 2, -100, -time)
    fit = fine_gray(TimeToEvent(time, code, unit="days"), {"x": x, "y": np.cos(9 * time)})
    assert fit.coef[0] == math.inf
    assert "no finite maximum" in fit.reasons[0]
    assert math.isnan(fit.p[0])


# --------------------------------------------------------------- not estimable
def test_no_event_of_the_cause() -> None:
    for tte, cause in ((trial(), 9), (trial(np.where(CODE == 1, 0, CODE)), 1), (trial(0 * CODE), 1)):
        test, fit = gray(tte, cause=cause), fine_gray(tte, {"age": AGE}, cause=cause)
        assert math.isnan(test.statistic)
        assert math.isnan(test.p_value)
        assert math.isnan(test.z or 0)
        assert test.reason == f"no event of cause {cause} occurred"
        assert fit.reasons == (test.reason,) * 2
        assert np.isnan(fit.coef).all()
        assert fit.wald.reason == test.reason
        assert test.reason in str(fit)
        assert test.reason in str(test)
        assert {r.reason for r in test.rows() if r.value is None} == {test.reason}
        assert {r.reason for r in fit.rows()} == {test.reason}
    curve = cumulative_incidence(trial(0 * CODE))["A"][1]
    assert not curve.estimate.any()
    assert not curve.std_error.any()
    assert np.isnan(curve.lower).all()
    assert cumulative_incidence(trial(0 * CODE), conf_type="plain")["A"][1].upper.max() == 0


def test_nobody_of_an_arm_has_the_cause() -> None:
    code = np.where((ARM == "B") & (CODE == 1), 0, CODE)
    fit, test = fine_gray(trial(code)), gray(trial(code))
    assert fit.hazard_ratio == 0
    assert fit.coef[0] == -math.inf
    assert math.isnan(fit.p_value)
    assert fit.reasons[0].endswith("(Gray's test stays valid)")
    assert fit.warnings == (f"B v A: {fit.reasons[0]}",)
    assert "not estimable" in str(fit)
    assert test.z is not None
    assert test.z > 3
    assert all(r.value is None and r.reason for r in fit.rows()[:4])


def test_everybody_of_an_arm_is_censored() -> None:
    gone = np.where(ARM == "B", 0.5, TIME)  # before anything happens
    tte = trial(np.where(ARM == "B", 0, CODE), gone)
    assert gray(tte).reason == "at no event of cause 1 were two arms at risk with somebody left over"
    fit = fine_gray(tte)
    assert math.isnan(fit.hazard_ratio)  # type: ignore[arg-type]
    assert "nothing" in fit.reasons[0]
    assert cumulative_incidence(tte)["B"][1].estimate.tolist() == [0]
    # In one stratum only: the others still tell.
    mixed = np.where((ARM == "B") & (SITE == 2), 0.5, TIME)
    test = gray(trial(np.where((ARM == "B") & (SITE == 2), 0, CODE), mixed, strata=SITE))
    assert test.uninformative_strata == ("2",)
    assert math.isfinite(test.statistic)


def test_all_tied() -> None:
    time = np.full(N, 4.0)
    everybody = trial(np.ones(N, dtype=int), time)
    assert "somebody left over" in gray(everybody).reason
    curve = cumulative_incidence(everybody)["A"][1]
    assert curve.estimate.tolist() == [1]
    assert curve.std_error.tolist() == [0]
    mark = curve.at(["4 days"])[0]
    assert mark.reason == "log-log limits are not defined where the cumulative incidence is 1"
    # With censored and competing subjects at the one time the test is that of a two by two table with n - 1.
    tied = trial(CODE, time)
    test = gray(tied)
    n, d, n_b = N, (CODE == 1).sum(), (ARM == "B").sum()
    p = d / n
    assert test.variance[1, 1] == pytest.approx(n_b * (n - n_b) / (n - 1) * p * (1 - p), rel=1e-12)
    assert fine_gray(tied).reasons == ("",)


def test_the_pooled_incidence_may_reach_one() -> None:
    # A dies out at 1 (of 3 + 3 + 3), two each of B and C at 2: F0 = 1/3 + 4/6 = 1 before the last two events
    tte = TimeToEvent([1, 1, 1, 2, 2, 3, 2, 2, 3], [1] * 9, list("AAABBBCCC"), control="A", unit="days")
    test = gray(tte)
    assert test.reason == "the pooled incidence of the cause reaches 1 while groups are still compared"
    assert math.isnan(test.statistic)


def test_a_variance_that_ties_make_negative() -> None:
    # At 3 one of B is left with S = 1/2, and three events are tied of h S = 1 + 2 * 1/2 = 2 (R's cmprsk: below zero)
    tte = trial([1, 1, 1, 1], [1, 3, 3, 3], ["B", "A", "A", "B"])
    test = gray(tte)
    assert (
        test.reason == "the variance is not positive: more events of the cause are tied than a group at risk could bear"
    )
    assert math.isnan(test.p_value)


# --------------------------------------------------------------------- refusals
def test_refused_data() -> None:
    late = trial(entry=TIME - 1)
    weighted = trial(weight=np.full(N, 0.5), weight_type="probability")
    half = trial(weight=np.full(N, 0.5), weight_type="case")
    for method in (cumulative_incidence, gray, fine_gray):
        with pytest.raises(UnsupportedError, match="late entry"):
            method(late)
        with pytest.raises(UnsupportedError, match="probability weights"):
            method(weighted)
        with pytest.raises(UnsupportedError, match="not whole numbers"):
            method(half)


def test_covariates_that_vary_are_refused() -> None:
    path = TimeVarying(subject=np.arange(1, N + 1), start=np.zeros(N), value=AGE, unit="days")
    with pytest.raises(UnsupportedError, match="vary with time"):
        fine_gray(trial(), {"dose": path})


@pytest.mark.parametrize("cause", [0, -1, True, 1.0, "1", None])
def test_refused_causes(cause: Any) -> None:
    for method in (gray, fine_gray):
        with pytest.raises(ArgumentError, match="is no cause"):
            method(trial(), cause=cause)


def test_refused_arguments() -> None:
    tte = trial()
    single = TimeToEvent(TIME, CODE, unit="days")
    for rho in (-1, math.nan, math.inf):
        with pytest.raises(ArgumentError, match="rho"):
            gray(tte, rho=rho)
    with pytest.raises(ArgumentError, match="only one"):
        gray(single)
    with pytest.raises(ArgumentError, match="no strata"):
        gray(tte, stratified=True)
    with pytest.raises(ArgumentError, match="no term"):
        fine_gray(single)
    with pytest.raises(ArgumentError, match="level"):
        fine_gray(tte, level=95)
    with pytest.raises(ArgumentError, match="level"):
        cumulative_incidence(tte, level=1)
    with pytest.raises(ArgumentError, match="plain or log-log"):
        cumulative_incidence(tte, conf_type="log")  # type: ignore[arg-type]
    ci = cumulative_incidence(tte)
    with pytest.raises(ArgumentError, match="list"):
        ci["A"][1].at("12 months")
    with pytest.raises(EquipoiseError, match="not a duration"):
        ci["A"][1].at([12])  # type: ignore[list-item]
    with pytest.raises(DataError, match="Arms: A, B"):
        ci["C"]
    with pytest.raises(DataError, match="Causes: 1, 2, 3"):
        ci["A"][4]


def test_methods_for_one_cause_point_here() -> None:
    for method in (kaplan_meier, logrank, cox):
        with pytest.raises(UnsupportedError, match=r"cumulative_incidence\(\).*tte.cause\(k\)"):
            method(trial())


# ------------------------------------------------------------- records and rows
def test_rows_and_sentences() -> None:
    tte = trial(origin="simulated")
    ci = cumulative_incidence(tte)
    table = ci.table(["10 days", "20 days", "900 days"])
    assert set(table["origin"]) == {"simulated"}
    assert set(table["method"]) == {
        "cumulative incidence (Aalen-Johansen), Aalen variance, log-log limits on log(-log F)"
    }
    assert len(table) == 2 * (1 + 3 + 3 * 3 * 3)
    beyond = [r for r in ci.rows(["900 days"]) if r.at == 900]
    assert all(r.value is None and "nobody is followed for 900 days" in r.reason for r in beyond)
    assert [r.level for r in beyond[:3]] == [None, 0.95, 0.95]
    mark = ci["A"][1].at(["10 days"])[0]
    assert mark.lower < mark.estimate < mark.upper
    shown = next(r for r in ci.rows(["10 days"]) if r.statistic == "cumulative incidence of cause 1" and r.group == "A")
    assert shown.value == mark.estimate
    assert str(ci["A"][1]).startswith(f"A: {int(ci['A'][1].events)} events of cause 1 in {(ARM == 'A').sum()} subjects")
    test = gray(tte, cause=2, rho=1)
    assert test.method == "Gray's test of cause 2 with rho 1, unstratified"
    assert [r.statistic for r in test.rows()][-5:] == [
        "Gray chi-square", "Gray degrees of freedom", "Gray P", "Gray z", "Gray P one-sided",
    ]  # fmt: skip
    assert "chi-square" in str(test)
    assert gray(trial(strata={"site": SITE})).method == "Gray's test of cause 1, stratified by site"
    fit = fine_gray(tte, {"age": AGE})
    assert "unstratified, pooled censoring weights, adjusted for age, Wald limits" in fit.method
    assert [r.statistic for r in fit.rows()[:4]] == [
        "subdistribution hazard ratio", "subdistribution hazard ratio lower limit",
        "subdistribution hazard ratio upper limit", "Wald P",
    ]  # fmt: skip
    assert fit.rows()[0].value == fit.hazard_ratio
    assert str(fit).startswith("Subdistribution hazard ratio B v A ")
    for record in (test, fit):
        assert len(record.table()) == len(record.rows())
        assert record.origin == "simulated"


def test_results_are_read_only_and_travel() -> None:
    ci, test, fit = cumulative_incidence(trial()), gray(trial()), fine_gray(trial(), {"age": AGE})
    for array in (ci["A"][1].estimate, ci["A"][1].lower, test.variance, fit.coef, fit.covariance):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
    again = pickle.loads(pickle.dumps(ci))
    assert again["B"][2].estimate.tolist() == ci["B"][2].estimate.tolist()


def test_a_hazard_ratio_too_large_to_be_a_number() -> None:
    fit = fine_gray(trial(), {"age": AGE / 1e6})
    rows = [r for r in fit.rows() if r.group == "age"]
    assert all("rescale" in r.reason for r in rows[:3])
    assert rows[3].value is not None
