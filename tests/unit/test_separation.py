"""Where the likelihood has no finite maximum, or a term no information: said, not printed as a number."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from tests.oracles import twins

from equipoise.survival import Cox, TimeToEvent, cox, logrank
from equipoise.survival.inference import ALIASED, FEW_CLUSTERS, NO_EVENTS, NO_SPREAD, SEPARATED, UNDETERMINED

TIES = ("efron", "breslow", "discrete", "exact-marginal")


def group(time: Any, event: Any, **more: Any) -> TimeToEvent:
    return TimeToEvent(time, event, unit="days", **more)


def arms(time: Any, event: Any, arm: Any, **more: Any) -> TimeToEvent:
    return TimeToEvent(time, event, arm, control=0, experimental=1, unit="days", **more)


def assert_infinite(fit: Cox, at: int, sign: float) -> None:
    """Infinite, warned of by name, with the reason in place of Wald's numbers."""
    assert fit.coef[at] == sign * math.inf
    assert np.exp(fit.coef[at]) == (math.inf if sign > 0 else 0)
    assert np.isnan([fit.se[at], fit.z[at], fit.p[at], *fit.limits()[at]]).all()
    assert fit.reasons[at] == SEPARATED
    assert f"{fit.terms[at]}: {SEPARATED}" in fit.warnings
    assert math.isnan(fit.wald.statistic)
    assert fit.wald.reason == SEPARATED
    assert math.isfinite(fit.score.statistic + fit.score.p_value)
    assert math.isfinite(fit.likelihood_ratio.statistic + fit.likelihood_ratio.p_value)
    row = next(r for r in fit.rows() if r.group == fit.terms[at] and r.statistic == "hazard ratio")
    assert (row.value, row.reason) == (None, SEPARATED)


def assert_like_twin(fit: Cox, time: Any, event: Any, x: np.ndarray, ties: str, **more: Any) -> None:
    want = twins.cox_fit(time, event, x, ties, **more)
    # the twin goes on to a curvature of 1e-13 of the largest; here some 1e-11 of gain is left
    assert fit.loglik == pytest.approx(want["loglik"], rel=1e-9, abs=1e-9)
    assert fit.score.statistic == pytest.approx(want["score_test"], rel=1e-9)
    assert fit.likelihood_ratio.statistic == pytest.approx(want["lr"], rel=1e-8)


@pytest.mark.parametrize("ties", TIES)
def test_complete(ties: str) -> None:
    time, event, arm = np.arange(1.0, 9), [1, 1, 1, 1, 0, 0, 0, 0], np.array([0, 0, 0, 0, 1, 1, 1, 1])
    fit = cox(arms(time, event, arm), ties=ties)
    assert_infinite(fit, 0, -1)
    assert_like_twin(fit, time, event, arm[:, None].astype(float), ties)
    # the same direction for swapped arms
    assert_infinite(cox(arms(time, event, arm).swap(), ties=ties), 0, 1)
    assert str(fit).startswith("Hazard ratio 1 v 0 not estimable: the likelihood has no finite maximum")
    assert fit.hazard_ratio == 0
    assert np.isnan(fit.conf_int).all()
    assert math.isnan(fit.p_value)
    assert logrank(arms(time, event, arm)).statistic == pytest.approx(
        fit.score.statistic
    )  # no ties: the log-rank test is the score test


QUASI_TIME = np.array([1.0, 2, 3, 4, 5, 6, 2, 4, 6, 7, 8, 9])
QUASI_EVENT = np.array([1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0])
QUASI_ARM = np.repeat([0, 1], 6)
QUASI_X = np.array([0.3, -1, 0.5, 2, -0.2, 1.1, 0.4, -0.7, 0.9, -1.5, 0.1, 0.6])


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("ties", TIES)
def test_quasi_complete_leaves_the_other_coefficient_right(ties: str, late: bool) -> None:
    # At infinity the arm without events drops out of every risk set: what is left is the model of the other arm
    entry = QUASI_TIME - np.resize([1.5, 2.5, 9], 12) if late else None
    fit = cox(arms(QUASI_TIME, QUASI_EVENT, QUASI_ARM, entry=entry), {"x": QUASI_X}, ties=ties)
    assert_infinite(fit, 0, -1)
    rows = QUASI_ARM == 0
    rest = cox(group(QUASI_TIME[rows], QUASI_EVENT[rows], entry=None if entry is None else entry[rows]),
               {"x": QUASI_X[rows]}, ties=ties)  # fmt: skip
    assert fit.coef[1] == pytest.approx(rest.coef[0], rel=1e-9)
    assert fit.se[1] == pytest.approx(rest.se[0], rel=1e-9)
    assert fit.loglik[1] == pytest.approx(rest.loglik[1], abs=1e-9)
    assert fit.reasons[1] == ""
    assert np.isfinite(fit.limits()[1]).all()
    assert_like_twin(fit, QUASI_TIME, QUASI_EVENT, np.column_stack([QUASI_ARM, QUASI_X]).astype(float), ties,
                     entry=entry)  # fmt: skip


def test_quasi_complete_with_a_robust_variance() -> None:
    fit = cox(arms(QUASI_TIME, QUASI_EVENT, QUASI_ARM), {"x": QUASI_X}, robust=True)
    rest = cox(group(QUASI_TIME[:6], QUASI_EVENT[:6]), {"x": QUASI_X[:6]}, robust=True)
    assert_infinite(fit, 0, -1)
    assert fit.se[1] == pytest.approx(rest.se[0], rel=1e-7)  # residuals at a coefficient of some -25, not at infinity
    assert fit.robust_score.df == 2
    assert math.isfinite(fit.robust_score.statistic)


@pytest.mark.parametrize("ties", TIES)
def test_the_order_of_x_is_the_order_of_deaths(ties: str) -> None:
    time, event, x = np.arange(1.0, 8), np.ones(7, dtype=int), np.array([9, 7, 6, 4, 3, 2, 0.0])
    fit = cox(group(time, event), {"x": x}, ties=ties)
    assert_infinite(fit, 0, 1)
    assert fit.loglik[1] == pytest.approx(0, abs=1e-10)
    assert fit.likelihood_ratio.statistic == pytest.approx(2 * math.log(math.factorial(7)), rel=1e-10)
    assert fit.concordance.estimate == 1


@pytest.mark.parametrize("n", [5, 100, 10_000])
def test_one_rare_value_separates(n: int) -> None:
    # The only patient with x = 1 dies first: L = r / (n - 1 + r) rises to 1. A full Newton step from 0 would leap
    # by n at once, to where the likelihood is as flat as at a maximum.
    x = np.zeros(n)
    x[0] = 1
    event = np.zeros(n, dtype=int)
    event[0] = 1
    fit = cox(group(np.arange(1.0, n + 1), event), {"x": x})
    assert_infinite(fit, 0, 1)
    assert fit.loglik == pytest.approx((-math.log(n), 0), abs=1e-9)


def test_two_covariates_may_run_away_together() -> None:
    # every death has the largest x + y of its risk set; neither x nor y alone separates
    rng = np.random.default_rng(5)
    x = rng.normal(size=30)
    y = np.sort(rng.normal(size=30))[::-1] - x
    fit = cox(group(np.arange(1.0, 31), np.ones(30, dtype=int)), {"x": x, "y": y})
    assert_infinite(fit, 0, 1)
    assert_infinite(fit, 1, 1)


def test_a_small_part_in_the_direction_is_a_part() -> None:
    # The deaths are in the order of x + y / 1000, and not of x alone: both coefficients run away
    y = np.array([3.0, -1, 4, 1, -5, 9, -2, 6])
    x = np.arange(8.0, 0, -1) - y / 1000
    x[3] = x[2]  # tied in x: only y tells them apart
    y[3], y[2] = 1, 4
    fit = cox(group(np.arange(1.0, 9), np.ones(8, dtype=int)), {"x": x, "y": y})
    assert_infinite(fit, 0, 1)
    assert not math.isfinite(fit.coef[1])
    assert fit.reasons[1] in (SEPARATED, UNDETERMINED)


def test_what_another_separation_leaves_undetermined_is_no_number() -> None:
    # Once x runs away nothing is left to say how large z is: any value gives the same supremum
    x = np.array([8.0, 7, 6, 5, 4, 3, 2, 1])
    z = np.array([0.3, -1, 0.5, 2, -0.2, 1.1, 0.4, -0.7])
    fit = cox(group(np.arange(1.0, 9), np.ones(8, dtype=int)), {"x": x, "z": z})
    assert fit.coef[0] == math.inf
    assert not math.isfinite(fit.coef[1])
    assert fit.reasons[1]
    assert np.isnan(fit.se).all()


def test_weights_of_any_size_do_not_hide_it() -> None:
    rng = np.random.default_rng(3)
    time, arm = np.ceil(rng.exponential(size=200) * 20), rng.integers(0, 2, 200)
    event, w = rng.integers(0, 2, 200) * (arm == 0), rng.random(200) + 0.1
    sizes = (1e-9, 1.0, 1e6)
    fits = [cox(arms(time, event, arm, weight=w * s, weight_type="probability"), ties="breslow") for s in sizes]
    for fit, size in zip(fits, sizes, strict=True):
        assert_infinite(fit, 0, -1)
        assert fit.score.statistic == pytest.approx(fits[1].score.statistic * size, rel=1e-10)
        assert fit.robust_score.statistic == pytest.approx(fits[1].robust_score.statistic, rel=1e-10)
    finite = [cox(arms(time, time % 2, arm, weight=w * s, weight_type="probability")) for s in sizes]
    for fit in finite:
        assert fit.coef[0] == pytest.approx(finite[1].coef[0], rel=1e-10)
        assert fit.se[0] == pytest.approx(finite[1].se[0], rel=1e-10)


# --------------------------------------------------------------- terms without information
rng = np.random.default_rng(11)
N = 60
TIME, EVENT, ARM = np.ceil(rng.exponential(size=N) * 12), rng.integers(0, 2, N), rng.integers(0, 2, N)
X = np.round(rng.normal(size=N), 3)


@pytest.mark.parametrize("ties", ["efron", "breslow", "discrete"])
@pytest.mark.parametrize(
    "y",
    [2 * X - 1, np.full(N, 0.1), np.full(N, 1e6 + 0.1), ARM * 3.0, X + 5 * ARM],
    ids=["x", "1", "1e6", "arm", "sum"],
)
def test_collinear_and_constant_columns(ties: str, y: np.ndarray) -> None:
    fit = cox(arms(TIME, EVENT, ARM), {"x": X, "y": y}, ties=ties)
    rest = cox(arms(TIME, EVENT, ARM), {"x": X}, ties=ties)
    np.testing.assert_allclose(fit.coef[:2], rest.coef, rtol=1e-10)
    np.testing.assert_allclose(fit.covariance[:2, :2], rest.covariance, rtol=1e-10)
    assert math.isnan(fit.coef[2])
    assert fit.reasons == ("", "", ALIASED)
    assert (fit.score.df, fit.wald.df, fit.likelihood_ratio.df) == (2, 2, 2)
    assert fit.wald.statistic == pytest.approx(rest.wald.statistic)
    assert fit.concordance.estimate == rest.concordance.estimate


@pytest.mark.parametrize("ties", TIES)
@pytest.mark.parametrize("late", [False, True])
def test_a_function_of_the_stratum_says_nothing(ties: str, late: bool) -> None:
    """Its information is 0, computed as a difference of rounded sums: what rounding leaves is no information."""
    stratum = np.arange(N) % 3
    y = np.array([0.1, 0.7, 1.3])[stratum]
    entry = TIME - rng.integers(1, 9, N) if late else None
    tte = arms(TIME, EVENT, ARM, strata=stratum, entry=entry)
    fit, rest = cox(tte, {"y": y}, ties=ties), cox(tte, ties=ties)
    assert fit.reasons == ("", ALIASED)
    assert fit.coef[0] == pytest.approx(rest.coef[0], rel=1e-12)
    assert fit.loglik == pytest.approx(rest.loglik, rel=1e-13)
    assert fit.warnings == (f"y: {ALIASED}",)


def test_an_arm_never_at_risk_says_nothing() -> None:
    time, event = np.array([1, 1.5, 2, 3, 5, 7, 9, 4, 5, 8, 9]), np.array([0, 0, 0, 1, 1, 0, 1, 1, 1, 1, 0])
    tte = TimeToEvent(time, event, np.array([2, 2, 2, 0, 0, 0, 0, 1, 1, 1, 1]), control=0, unit="days")
    for ties in TIES:
        fit = cox(tte, ties=ties)
        assert fit.reasons == ("", ALIASED)
        assert math.isnan(fit.coef[1])
    test = logrank(tte)
    assert (test.df, test.expected[2]) == (1, 0)


@pytest.mark.parametrize("shift", [1e6, -1e8])
def test_a_covariate_far_from_zero(shift: float) -> None:
    at_zero = cox(arms(TIME, EVENT, ARM), {"x": X})
    far = cox(arms(TIME, EVENT, ARM), {"x": X + shift})
    # x + shift keeps 16 digits less those of the shift
    np.testing.assert_allclose(far.coef, at_zero.coef, rtol=1e-15 * abs(shift))
    np.testing.assert_allclose(far.se, at_zero.se, rtol=1e-15 * abs(shift))


@pytest.mark.parametrize("scale", [1e-8, 1e8])
def test_the_scale_of_a_covariate_is_only_a_scale(scale: float) -> None:
    one, other = cox(arms(TIME, EVENT, ARM), {"x": X}), cox(arms(TIME, EVENT, ARM), {"x": X * scale})
    assert other.coef[1] * scale == pytest.approx(one.coef[1], rel=1e-10)
    assert other.wald.statistic == pytest.approx(one.wald.statistic, rel=1e-9)
    assert other.concordance.estimate == one.concordance.estimate


# --------------------------------------------------------------------- hardly any data
def test_no_events() -> None:
    tte = arms([1, 2, 3, 4], [0, 0, 0, 0], [0, 1, 0, 1])
    for ties in TIES:
        fit = cox(tte, {"x": [1, 2, 3, 5]}, ties=ties)
        assert fit.reasons == (NO_EVENTS, NO_EVENTS)
        assert np.isnan([*fit.coef, fit.hazard_ratio, *fit.conf_int, fit.p_value]).all()
        assert fit.loglik == (0, 0)
        for test in (fit.score, fit.wald, fit.likelihood_ratio):
            assert (test.df, test.reason) == (0, NO_EVENTS)
            assert math.isnan(test.statistic)
        assert fit.concordance.reason == "no two subjects are comparable"
    test = logrank(tte)
    assert (test.df, test.reason) == (0, NO_EVENTS)
    assert math.isnan(test.statistic + test.p_value + test.z + test.p_one_sided)
    assert "not estimable, there are no events" in str(test)


@pytest.mark.parametrize("event", [0, 1])
def test_one_patient(event: int) -> None:
    fit = cox(group([3], [event]), {"x": [1.5]})
    assert math.isnan(fit.coef[0])
    assert fit.reasons == (ALIASED if event else NO_EVENTS,)
    assert math.isnan(fit.likelihood_ratio.statistic)


def test_all_dead_at_once() -> None:
    tte = arms([2, 2, 2, 2], [1, 1, 1, 1], [0, 1, 0, 1])
    test = logrank(tte)
    assert (test.df, math.isnan(test.statistic)) == (0, True)
    assert "two arms at risk with somebody outliving it" in test.reason
    for ties in ("discrete", "exact-marginal"):  # one order, or all orders: the likelihood is 1
        assert cox(tte, ties=ties).reasons == (ALIASED,)
    for ties in ("efron", "breslow"):  # R says 0, and so do their formulas
        fit = cox(tte, ties=ties)
        assert fit.coef[0] == 0
        assert fit.reasons == ("",)


def test_singleton_strata() -> None:
    tte = arms([1, 2, 3, 4], [1, 1, 0, 1], [0, 1, 0, 1], strata=[1, 2, 3, 4])
    test = logrank(tte)
    assert test.uninformative_strata == ("1", "2", "3", "4")
    assert test.df == 0
    assert cox(tte).reasons == (ALIASED,)
    assert logrank(tte, stratified=False).df == 1


def test_a_stratum_of_one_arm_is_listed() -> None:
    tte = arms([1, 2, 3, 4, 5, 6], [1, 1, 1, 1, 1, 0], [0, 1, 0, 0, 1, 1], strata=[*"aabbcc"])
    test = logrank(tte)
    assert test.uninformative_strata == ("b", "c")
    assert cox(tte, ties="discrete").score.statistic == pytest.approx(test.statistic)


# ------------------------------------------------------------ a robust variance of nothing
def test_one_cluster_has_no_variance() -> None:
    fit = cox(arms(TIME, EVENT, ARM), cluster=np.ones(N))
    assert math.isfinite(fit.coef[0])
    assert math.isnan(fit.se[0])
    assert fit.reasons == (NO_SPREAD,)
    assert fit.wald.reason == NO_SPREAD


def test_fewer_clusters_than_coefficients_have_no_joint_test() -> None:
    covariates = {"x": X, "x2": X**2}
    fit = cox(arms(TIME, EVENT, ARM), covariates, cluster=np.arange(N) % 3)
    assert np.isfinite(fit.se).all()
    assert math.isnan(fit.wald.statistic)
    assert fit.wald.reason == FEW_CLUSTERS
    assert fit.robust_score.df <= 3
    assert math.isfinite(cox(arms(TIME, EVENT, ARM), covariates, cluster=np.arange(N) % 4).wald.statistic)


def test_residuals_of_zero_have_no_variance() -> None:
    # everybody dies at once: under Efron's ties the residuals at 0 are all 0
    tte = arms([4.0] * 6, [1] * 6, [0, 1, 0, 1, 1, 0])
    fit = cox(tte, robust=True)
    assert fit.coef[0] == pytest.approx(0, abs=1e-12)
    assert math.isnan(fit.se[0])
    assert fit.reasons == (NO_SPREAD,)
    assert fit.robust_score.reason == NO_SPREAD


def test_the_discrete_model_with_risks_beyond_the_range_of_numbers() -> None:
    # the separating direction is narrow: the risks differ by e^800 before the likelihood is flat
    time, event = [0.3, 1, 2, 1, 1, 5, 0.3, 3.3], [0, 1, 0, 1, 0, 1, 0, 0]
    arm, x = [0, 1, 0, 1, 0, 1, 0, 0], [25.0, 2, 34, -37, -33, -40, -3, 21]
    fit = cox(arms(time, event, arm), {"x": x}, ties="discrete")
    assert_infinite(fit, 0, 1)
    assert_infinite(fit, 1, 1)
    assert fit.loglik[1] == pytest.approx(0, abs=1e-10)


def test_a_separation_among_late_entries_leaves_no_number_behind() -> None:
    """Both who were at risk when one died lie close together, others far off: the infinite coefficient puts the risk of
    those beyond floating point, and a robust variance beside it is a value with a reason."""
    n = 16
    time, entry, event, x = np.zeros(n) + 0.5, np.full(n, -0.5), np.zeros(n, dtype=int), np.zeros(n)
    time[9], entry[9], x[9] = 1.01, 0.51, -1.375
    time[10:12], entry[10:12], x[10:12] = 0.51, 0.01, (0.375, 0.4375)
    event[10] = 1
    entry[:9] = entry[12:] = 0.0
    other = np.where(np.arange(n) % 2, 0.5, -0.25)
    tte = TimeToEvent(time, event, ["A"] * n, unit="days", entry=entry)
    for columns in ({"x": x}, {"x": x, "other": other}):
        fit = cox(tte, columns, robust=True)
        assert fit.reasons[0]
        assert all(reason or np.isfinite(se) for reason, se in zip(fit.reasons, fit.se, strict=True))
        assert str(fit)
