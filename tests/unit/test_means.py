"""Means, milestones, average effects, follow-up and the adjusted log-rank test: what holds whatever the data, what is
not estimable and why, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import polars as pl
import pytest

from equipoise.errors import DataError, EquipoiseError, UnsupportedError
from equipoise.results import COLUMNS
from equipoise.survival import (
    TimeToEvent,
    adjusted_logrank,
    average_hazard_ratio,
    cox,
    follow_up,
    kaplan_meier,
    logrank,
    marginal_hazard_ratio,
    milestone,
    rmst,
    weighted_cox,
)

N = 120
RNG = np.random.default_rng(20260104)
ARM = np.array(["A", "B"])[RNG.permutation(N) % 2]
PART = RNG.integers(0, 3, N)
AGE = RNG.normal(60, 9, N)
SEX = np.array(["f", "m"])[RNG.integers(0, 2, N)]
TIME = np.ceil(RNG.exponential(120 * np.exp((60 - AGE) / 20) * np.where(ARM == "B", 1.4, 1.0)))
CENSORED = np.ceil(RNG.uniform(60, 400, N))
COVARIATES = {"age": AGE, "sex": SEX}
TAU = "60 days"

METHODS: dict[str, Any] = {
    "rmst": lambda t: rmst(t, tau=TAU),
    "milestone": lambda t: milestone(t, at=TAU),
    "average hazard ratio": lambda t: average_hazard_ratio(t, tau=TAU),
    "weighted cox": weighted_cox,
    "adjusted log-rank": lambda t: adjusted_logrank(t, None),
    "marginal hazard ratio": lambda t: marginal_hazard_ratio(t, None),
    "follow-up": follow_up,
}


def trial(rows: Any = None, **more: Any) -> TimeToEvent:
    given: dict[str, Any] = {"arm": ARM, "control": "A", "experimental": "B", "unit": "days", **more}
    tte = TimeToEvent(np.minimum(TIME, CENSORED), TIME <= CENSORED, **given)
    return tte if rows is None else tte.select(rows)


def refused(error: type[EquipoiseError], call: Any, *words: str) -> None:
    with pytest.raises(error) as caught:
        call()
    assert caught.value.remedy, "no remedy"
    for word in words:
        assert word in str(caught.value)


def numbers(fit: Any) -> list[float]:
    """The contrast of a result: estimate, limits, P two- and one-sided."""
    estimate = fit.difference if hasattr(fit, "difference") else fit.hazard_ratio
    return [estimate, *fit.conf_int, fit.p_value, fit.p_one_sided]


# ------------------------------------------------------------------------------ facts
def test_one_stratum_is_no_stratum() -> None:
    plain, one = trial(), trial(strata={"site": ["x"] * N})
    for call in (lambda t: rmst(t, tau=TAU), lambda t: milestone(t, at=TAU)):
        assert call(one).stratified
        assert numbers(call(one)) == numbers(call(plain))
        assert "stratified by site" in call(one).method
        assert "unstratified" in call(plain).method
    assert adjusted_logrank(one, COVARIATES).z == pytest.approx(adjusted_logrank(plain, COVARIATES).z, rel=1e-12)
    a, b = marginal_hazard_ratio(one, COVARIATES), marginal_hazard_ratio(plain, COVARIATES)
    assert numbers(a) == pytest.approx(numbers(b), rel=1e-12)


def test_strata_are_used_if_there_are_any_and_not_when_told_so() -> None:
    tte = trial(strata={"part": PART})
    for call in (
        lambda **s: rmst(tte, tau=TAU, **s),
        lambda **s: milestone(tte, at=TAU, **s),
        lambda **s: marginal_hazard_ratio(tte, COVARIATES, **s),
    ):
        assert numbers(call()) == numbers(call(stratified=True)) != numbers(call(stratified=False))
    assert numbers(rmst(tte, tau=TAU, stratified=False)) == numbers(rmst(trial(), tau=TAU))
    assert average_hazard_ratio(tte, tau=TAU) == average_hazard_ratio(trial(), tau=TAU)
    assert "unstratified" in average_hazard_ratio(tte, tau=TAU).method
    assert "unstratified" in weighted_cox(tte).method


def test_stratified_values_are_averages_by_share() -> None:
    tte = trial(strata={"part": PART})
    fit, at = rmst(tte, tau=TAU), milestone(tte, at=TAU)
    means, heights, variance = [], [], []
    for part in range(3):
        own = trial(part == PART)
        means.append(rmst(own, tau=TAU)["B"].rmst)
        curve = kaplan_meier(own)["B"]
        heights.append(curve.at([TAU])[0].survival)
        variance.append(curve.std_error[np.searchsorted(curve.time, 60, side="right") - 1] ** 2)
    share = np.bincount(PART) / N
    assert fit["B"].rmst == pytest.approx(share @ means, rel=1e-13)
    assert at["B"].survival == pytest.approx(share @ heights, rel=1e-13)
    assert at["B"].std_error == pytest.approx(math.sqrt(share**2 @ variance), rel=1e-13)


def test_a_milestone_is_a_landmark() -> None:
    fit, km = milestone(trial(), at=TAU), kaplan_meier(trial(), conf_type="plain")
    for arm in "AB":
        mark = km[arm].at([TAU])[0]
        assert fit[arm].survival == mark.survival
        assert fit[arm].conf_int == pytest.approx((mark.lower, mark.upper), rel=1e-12)


def test_without_covariates_the_adjusted_means_are_the_unadjusted_ones() -> None:
    plain, adjusted = rmst(trial(), tau=TAU), rmst(trial(), tau=TAU, covariates={})
    assert adjusted.difference == pytest.approx(plain.difference, rel=1e-11)
    assert adjusted.ratio.estimate == pytest.approx(plain.ratio.estimate, rel=1e-11)
    assert adjusted.rmtl_ratio.estimate == pytest.approx(plain.rmtl_ratio.estimate, rel=1e-11)
    # the sandwich takes the number at risk of censoring where Greenwood's formula takes it less the censored
    widths = [fit.conf_int[1] - fit.conf_int[0] for fit in (plain, adjusted)]
    assert widths[1] == pytest.approx(widths[0], rel=0.02)
    assert widths[1] != widths[0]


def test_without_censoring_the_adjusted_difference_is_least_squares() -> None:
    everybody = TimeToEvent(TIME, np.ones(N), ARM, control="A", experimental="B", unit="days")
    design = np.column_stack([np.ones(N), ARM == "B", AGE, SEX == "m"]).astype(float)
    y = np.minimum(TIME, 60)
    b = np.linalg.lstsq(design, y, rcond=None)[0]
    bread = np.linalg.inv(design.T @ design)
    parts = (design * (y - design @ b)[:, None]) @ bread
    fit = rmst(everybody, tau=TAU, covariates=COVARIATES)
    assert fit.difference == pytest.approx(b[1], rel=1e-10)
    se = math.sqrt((parts[:, 1] ** 2).sum())
    assert fit.conf_int[1] - fit.difference == pytest.approx(1.959963984540054 * se, rel=1e-10)
    assert fit.covariates == ("age", "sex: m v f")
    assert "the arms' means are not adjusted" in fit.method
    assert fit["A"] == rmst(everybody, tau=TAU)["A"]


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_adjustment_does_not_depend_on_the_covariates_scale(scale: float) -> None:
    moved = {"age": AGE * scale + 3 * scale, "sex": SEX}
    for call in (
        lambda x: rmst(trial(), tau=TAU, covariates=x),
        lambda x: marginal_hazard_ratio(trial(), x),
    ):
        assert numbers(call(moved)) == pytest.approx(numbers(call(COVARIATES)), rel=1e-9)
    z = adjusted_logrank(trial(), moved).z
    assert z == pytest.approx(adjusted_logrank(trial(), COVARIATES).z, rel=1e-10)


def test_without_covariates_the_adjusted_log_rank_is_the_log_rank() -> None:
    for tte in (trial(), trial(strata={"part": PART})):
        fit, plain = adjusted_logrank(tte, None), logrank(tte)
        assert fit.z == pytest.approx(plain.z, rel=1e-12)
        assert fit.unadjusted_z == pytest.approx(plain.z, rel=1e-12)
        assert fit.score == pytest.approx(plain.observed[1] - plain.expected[1], rel=1e-12)
        assert fit.variance == pytest.approx(plain.variance[1, 1], rel=1e-12)
        ratio, model = marginal_hazard_ratio(tte, {}), cox(tte, ties="breslow")
        assert ratio.hazard_ratio == pytest.approx(model.hazard_ratio, rel=1e-10)
        assert ratio.std_error == pytest.approx(model.se[0], rel=1e-9)
        assert ratio.unadjusted == pytest.approx(model.hazard_ratio, rel=1e-10)


def test_adjusting_for_a_prognostic_covariate_gains_precision() -> None:
    fit = marginal_hazard_ratio(trial(), COVARIATES)
    assert fit.std_error < fit.unadjusted_std_error
    assert fit.covariates == ("age", "sex: m v f")
    test = adjusted_logrank(trial(), COVARIATES)
    assert test.variance < adjusted_logrank(trial(), None).variance


def test_strata_are_no_covariates_unless_they_are_given() -> None:
    tte = trial(strata={"part": PART})
    assert adjusted_logrank(tte, {"age": AGE}).covariates == ("age",)
    labels = np.array(["p", "q", "r"])[PART]
    assert adjusted_logrank(tte, {"age": AGE, "part": labels}, stratified=False).covariates == (
        "age", "part: q v p", "part: r v p",
    )  # fmt: skip


def test_swapped_arms() -> None:
    tte = trial(strata={"part": PART})
    back = tte.swap()
    for call in (
        lambda t: average_hazard_ratio(t, tau=TAU),
        weighted_cox,
        lambda t: marginal_hazard_ratio(t, COVARIATES),
    ):
        one, other = call(tte), call(back)
        assert one.hazard_ratio == pytest.approx(1 / other.hazard_ratio, rel=1e-9)
        assert one.p_value == pytest.approx(other.p_value, rel=1e-8)
        assert one.p_one_sided == pytest.approx(1 - other.p_one_sided, rel=1e-8)
    a, b = (average_hazard_ratio(t, tau=TAU) for t in (tte, back))
    assert a.experimental_first == pytest.approx(b.control_first, rel=1e-12)
    assert a.std_error == pytest.approx(b.std_error, rel=1e-12)
    for call in (lambda t: rmst(t, tau=TAU), lambda t: milestone(t, at=TAU)):
        assert call(tte).difference == -call(back).difference
        assert call(tte).ratio.estimate == pytest.approx(1 / call(back).ratio.estimate, rel=1e-12)
    adjusted = [rmst(t, tau=TAU, covariates=COVARIATES, stratified=False) for t in (tte, back)]
    assert adjusted[0].difference == pytest.approx(-adjusted[1].difference, rel=1e-10)
    assert adjusted[0].ratio.estimate == pytest.approx(1 / adjusted[1].ratio.estimate, rel=1e-9)
    assert adjusted_logrank(tte, COVARIATES).z == pytest.approx(-adjusted_logrank(back, COVARIATES).z, rel=1e-10)


def test_a_benefit_turns_the_sides() -> None:
    harm, benefit = trial(), trial(event_is="benefit")
    for call in (
        lambda t: rmst(t, tau=TAU),
        lambda t: rmst(t, tau=TAU, covariates=COVARIATES),
        lambda t: milestone(t, at=TAU),
        lambda t: average_hazard_ratio(t, tau=TAU),
        weighted_cox,
        lambda t: marginal_hazard_ratio(t, COVARIATES),
    ):
        assert call(harm).p_value == call(benefit).p_value
        assert call(harm).p_one_sided + call(benefit).p_one_sided == pytest.approx(1, rel=1e-12)
    one, other = adjusted_logrank(harm, COVARIATES), adjusted_logrank(benefit, COVARIATES)
    assert (one.z, one.unadjusted_z) == (-other.z, -other.unadjusted_z)
    assert one.p_one_sided + other.p_one_sided == pytest.approx(1, rel=1e-12)
    assert one.p_one_sided == pytest.approx(math.erfc(one.z / math.sqrt(2)) / 2, rel=1e-12)


def test_case_weights_are_copies() -> None:
    weight = RNG.integers(1, 4, N)
    rows = np.repeat(np.arange(N), weight)
    once = {"control": "A", "experimental": "B", "unit": "days"}
    time, event = np.minimum(TIME, CENSORED), TIME <= CENSORED
    weighted = TimeToEvent(time, event, ARM, strata={"part": PART}, weight=weight, weight_type="case", **once)
    copied = TimeToEvent(time[rows], event[rows], ARM[rows], strata={"part": PART[rows]}, **once)
    x, copied_x = COVARIATES, {k: v[rows] for k, v in COVARIATES.items()}
    for call in (
        lambda t, x: rmst(t, tau=TAU),
        lambda t, x: rmst(t, tau=TAU, covariates=x, stratified=False),
        lambda t, x: milestone(t, at=TAU),
        lambda t, x: average_hazard_ratio(t, tau=TAU),
        lambda t, x: weighted_cox(t, x),
        lambda t, x: marginal_hazard_ratio(t, x),
    ):
        assert numbers(call(weighted, x)) == pytest.approx(numbers(call(copied, copied_x)), rel=1e-9)
    assert adjusted_logrank(weighted, x).z == pytest.approx(adjusted_logrank(copied, copied_x).z, rel=1e-11)
    a, b = follow_up(weighted)["B"], follow_up(copied)["B"]
    np.testing.assert_allclose(a.survival, b.survival, rtol=1e-12)
    np.testing.assert_allclose(a.lower, b.lower, rtol=1e-12)


def test_the_jackknife_of_the_average_hazard_ratio() -> None:
    """The variance is the sum of squared derivatives of the log ratio in the subjects' weights."""

    def log_ratio(weight: np.ndarray) -> float:
        return math.log(average_hazard_ratio(trial(weight=weight, weight_type="case"), tau=TAU).hazard_ratio)

    step, total = 1e-4, 0.0
    for i in range(N):
        up, down = np.ones(N), np.ones(N)
        up[i], down[i] = 1 + step, 1 - step
        total += ((log_ratio(up) - log_ratio(down)) / (2 * step)) ** 2
    assert total == pytest.approx(average_hazard_ratio(trial(), tau=TAU).std_error ** 2, rel=1e-6)


def test_the_pairs_of_the_average_hazard_ratio_add_up() -> None:
    fit, km = average_hazard_ratio(trial(), tau=TAU), kaplan_meier(trial())
    neither = math.prod(km[a].at([TAU])[0].survival for a in "AB")
    assert fit.experimental_first + fit.control_first == pytest.approx(1 - neither, rel=1e-12)


def test_weights_of_weighted_cox_average_to_one_over_the_events() -> None:
    fit = weighted_cox(trial())
    deaths = np.array([((t == TIME) & (TIME <= CENSORED)).sum() for t in fit.time])
    assert deaths.sum() == fit.events
    assert fit.weight @ deaths == pytest.approx(fit.events, rel=1e-12)
    everybody = weighted_cox(TimeToEvent(TIME, np.ones(N), ARM, control="A", experimental="B", unit="days"))
    before = np.array([(t <= TIME).mean() for t in everybody.time])  # S(t-) where nobody is censored
    np.testing.assert_allclose(everybody.weight / everybody.weight[0], before, rtol=1e-10)


def test_follow_up_ignores_who_dies_of_what() -> None:
    nobody_dies = TimeToEvent(CENSORED, np.zeros(N), ARM, control="A", experimental="B", unit="days")
    fit = follow_up(nobody_dies)["A"]
    own = np.sort(CENSORED[ARM == "A"])
    assert fit.median == pytest.approx(np.median(own), abs=np.diff(own).max())
    assert (fit.censored == 0).all()
    assert fit.survival[-1] == 0


# -------------------------------------------------------------------------- not estimable
def small(time: list[float], event: list[int], arm: str, **more: Any) -> TimeToEvent:
    return TimeToEvent(time, event, [*arm], **{"control": "A", "experimental": "B", "unit": "days", **more})


def test_beyond_follow_up_names_arm_stratum_and_the_largest_time() -> None:
    tte = small([5, 9, 4, 8, 5, 7, 4, 6], [1, 0, 1, 0, 1, 0, 1, 1], "AABBAABB", strata={"part": [*"ssssrrrr"]})
    fit = rmst(tte, tau="8 days")
    assert fit.reason == (
        "tau = 8 days lies beyond the follow-up of A in stratum r; "
        "the largest tau that every arm supports in every stratum is 7 days"
    )
    assert math.isnan(fit["A"].rmst)
    assert fit["B"].rmst > 0
    for value in (fit.difference, *fit.conf_int, fit.p_value, fit.p_one_sided, fit.ratio.estimate):
        assert math.isnan(value)
    assert fit.rmtl_ratio.reason == fit.reason
    assert milestone(tte, at="8.5 days").reason == (
        "milestone = 8.5 days lies beyond the follow-up of A in stratum r and B in stratum s; "
        "the largest milestone that every arm supports in every stratum is 7 days"
    )
    pooled = average_hazard_ratio(tte, tau="1 year")
    assert pooled.reason == (
        "tau = 365.25 days lies beyond the follow-up of A and B; the largest tau that every arm supports is 8 days"
    )
    assert math.isnan(pooled.hazard_ratio)
    adjusted = rmst(tte, tau="9 days", covariates={"x": range(8)}, stratified=False)
    assert "lies beyond the follow-up of B; the largest tau that every arm supports is 8 days" in adjusted.reason
    assert math.isnan(adjusted.difference)
    assert adjusted.ratio.reason == adjusted.reason


def test_a_stratum_without_an_arm_is_named() -> None:
    tte = small([5, 9, 4, 8, 5, 7, 6], [1] * 7, "AABBAAB", strata={"part": [*"sssstts"]})
    for fit in (rmst(tte, tau="3 days"), milestone(tte, at="5 days")):
        assert fit.reason == "there is nobody of arm B in stratum t"
        assert math.isnan(fit.difference)
        assert math.isnan(fit.ratio.estimate)
    x, x_kept = {"x": [0, 1, 1, 0, 1, 0, 1]}, {"x": [0, 1, 1, 0, 1]}
    test, ratio = adjusted_logrank(tte, x), marginal_hazard_ratio(tte, x)
    assert test.left_out == ratio.left_out == ("t",)
    assert test.subjects == 5
    kept = tte.select(tte.stratum == 0)  # the label of the other stratum stays, with nobody behind it
    assert rmst(kept, tau="3 days").difference == rmst(kept, tau="3 days", stratified=False).difference
    assert adjusted_logrank(kept, None).left_out == ()
    assert test.z == pytest.approx(adjusted_logrank(kept, x_kept).z, rel=1e-12)
    assert ratio.hazard_ratio == pytest.approx(marginal_hazard_ratio(kept, x_kept).hazard_ratio)
    nowhere = small([1, 2, 3, 4], [1] * 4, "AABB", strata={"part": [*"sstt"]})
    assert adjusted_logrank(nowhere, None).reason == "no stratum has both arms"
    assert math.isnan(marginal_hazard_ratio(nowhere, {"x": [1, 2, 3, 4]}).hazard_ratio)


def test_no_events() -> None:
    tte = small([5, 9, 4, 8], [0] * 4, "AABB")
    fit = rmst(tte, tau="3 days")
    assert fit.reason == "neither arm has a variance: no event before tau leaves anybody"
    assert fit.note.startswith("the variance is 0 in A and B")
    assert rmst(tte, tau="3 days", covariates={"x": [1, 0, 1, 1]}).reason
    at = milestone(tte, at="3 days")
    assert at.difference == 0
    assert at.reason == "the variance is 0 in A, where survival is 1 and B, where survival is 1"
    assert "no pair" in average_hazard_ratio(tte, tau="3 days").reason
    for test in (adjusted_logrank(tte, {"x": [1, 2, 3, 5]}), marginal_hazard_ratio(tte, None)):
        assert test.reason == "there are no events"
    weighted = weighted_cox(tte)
    assert weighted.reasons == ("there are no events",)
    assert len(weighted.time) == 0
    assert follow_up(tte)["A"].survival.tolist() == [0.5, 0]


def test_certain_survival_at_a_milestone_has_no_limits() -> None:
    tte = small([9, 9, 9, 2, 4, 9], [0, 0, 0, 1, 1, 0], "AAABBB")
    fit = milestone(tte, at="5 days")
    assert fit.difference == pytest.approx(1 / 3 - 1)
    assert fit.reason == "the variance is 0 in A, where survival is 1"
    assert math.isnan(fit.p_value)
    assert all(math.isnan(x) for x in (*fit.conf_int, *fit["A"].conf_int, *fit.ratio.conf_int))
    assert fit.ratio.estimate == pytest.approx(1 / 3)
    assert fit.ratio.reason == fit.reason
    assert fit["B"].conf_int[0] < 1 / 3
    assert "limits not estimable: the variance is 0 in A" in str(fit)
    none = milestone(small([1, 2, 3, 2, 4, 9], [1] * 6, "AAABBB"), at="5 days")
    assert none.reason == "the variance is 0 in A, where survival is 0"
    assert none.ratio.reason == "survival of zero has no ratio"


def test_a_stratum_without_a_variance_is_noted() -> None:
    tte = small(
        [9, 9, 2, 9, 2, 9, 4, 9], [0, 0, 1, 0, 1, 0, 1, 0], "AABBAABB", strata={"part": [*"sssstttt"]}
    )  # fmt: skip
    fit, mean = milestone(tte, at="5 days"), rmst(tte, tau="5 days")
    assert fit.reason == mean.reason == ""
    assert fit.note == "the variance is 0 in A in stratum s, where survival is 0 or 1"
    assert mean.note == "the variance is 0 in A in stratum s: no event up to tau leaves anybody"
    assert math.isfinite(fit.p_value)
    assert {r.reason for r in fit.rows()} == {fit.note}


def test_collinear_covariates_are_not_estimable() -> None:
    twice = {"age": AGE, "again": 2 * AGE + 1}
    fit = rmst(trial(), tau=TAU, covariates=twice)
    assert fit.reason.startswith("the covariates are collinear: again")
    assert math.isnan(fit.difference)
    assert math.isfinite(fit["A"].rmst)
    assert rmst(trial(), tau=TAU, covariates={"one": np.ones(N)}).reason.startswith("the covariates are collinear: one")
    assert rmst(trial(), tau=TAU, covariates={"arm": ARM == "B"}).reason.startswith("the covariates are collinear: arm")
    for call in (adjusted_logrank, marginal_hazard_ratio):
        assert call(trial(), twice).reason == "the covariates are collinear within an arm: again"
        only_a = np.where(ARM == "A", AGE, 0.0)
        assert call(trial(), {"age of A": only_a}).reason == "the covariates are collinear within an arm: age of A"
        tte = trial(strata={"part": PART})
        assert call(tte, {"part": PART}).reason == "the covariates are collinear within an arm: part"
    assert math.isfinite(adjusted_logrank(trial(), twice).unadjusted_z)
    model = weighted_cox(trial(), twice)
    assert model.reasons[2].startswith("it says nothing")
    assert math.isfinite(model.coef[0])


def test_too_many_covariates() -> None:
    rows = np.arange(N) < 9
    few = trial(rows)
    many = {f"x{i}": RNG.normal(size=N)[rows] for i in range(6)}
    for call in (adjusted_logrank, marginal_hazard_ratio):
        assert "collinear" in call(few, many).reason
    fit = rmst(few, tau="10 days", covariates=many)
    assert fit.reason or fit.conf_int[0] < fit.conf_int[1]


def test_separated_arms_have_no_hazard_ratio() -> None:
    tte = small([1, 2, 5, 6, 7, 8], [1, 1, 0, 0, 0, 0], "AAABBB")
    fit = marginal_hazard_ratio(tte, {"x": [1, 5, 3, 2, 8, 4]})
    assert fit.reason == "no finite hazard ratio solves the score equation: the arm separates the events"
    assert math.isnan(fit.hazard_ratio)
    assert fit.reason in str(fit)
    assert math.isfinite(adjusted_logrank(tte, {"x": [1, 5, 3, 2, 8, 4]}).z)
    assert "no finite maximum" in weighted_cox(tte).reasons[0]
    assert "no pair of subjects does that of arm B" in average_hazard_ratio(tte, tau="5 days").reason


def test_no_event_at_which_the_arms_compete() -> None:
    fit = adjusted_logrank(small([1, 1], [1, 1], "AB"), None)
    assert fit.reason.startswith("at no event time were both arms at risk")
    assert math.isnan(fit.p_value)
    assert math.isnan(fit.unadjusted_z)


def test_no_time_lost_has_no_ratio_of_times_lost() -> None:
    tte = small([9, 9, 9, 2, 4, 9], [0, 0, 0, 1, 1, 0], "AAABBB")
    fit = rmst(tte, tau="5 days", covariates={"x": [1, 2, 4, 3, 1, 2]})
    assert fit.rmtl_ratio.reason == (
        "a log-linear model has no finite solution: an arm or a covariate has a mean of zero"
    )
    assert math.isnan(fit.rmtl_ratio.estimate)
    assert math.isfinite(fit.difference)
    assert fit.reason == ""


def test_wild_covariates_do_not_overflow() -> None:
    wild = {"dose": np.where(np.arange(N) == 7, 1e12, AGE)}
    fit = rmst(trial(), tau=TAU, covariates=wild)
    assert math.isfinite(fit.difference) or fit.reason
    adjusted_logrank(trial(), wild)
    marginal_hazard_ratio(trial(), wild)


def test_a_hazard_ratio_per_unit_may_be_too_large_to_be_a_number() -> None:
    fit = weighted_cox(trial(), {"dose": AGE * 1e-6})
    rows = {(r.group, r.statistic): r for r in fit.rows()}
    assert rows["dose", "average hazard ratio"].reason.endswith("rescale the covariate")
    assert rows["dose", "average hazard ratio P"].value == pytest.approx(weighted_cox(trial(), {"dose": AGE}).p[1])


def test_a_log_linear_model_that_reaches_too_far_for_the_censored() -> None:
    tte = small([1, 2, 3, 4, 1, 2, 4, 9, 0.5], [1, 1, 1, 1, 1, 1, 1, 1, 0], "AAAABBBBB")
    fit = rmst(tte, tau="4 days", covariates={"x": [1, 2, 3, 4, 1.1, 2, 3, 5, 1000]})
    assert fit.ratio.reason == "a log-linear model has no sensible mean for somebody who is censored"
    assert math.isnan(fit.ratio.estimate)
    assert math.isfinite(fit.difference)


# ------------------------------------------------------------------------------- refused
@pytest.mark.parametrize("name", METHODS)
def test_what_is_refused_by_all(name: str) -> None:
    call = METHODS[name]
    refused(UnsupportedError, lambda: call(trial(weight=AGE, weight_type="probability")), "probability weights")
    refused(UnsupportedError, lambda: call(small([1, 2, 3, 4], [1, 2, 1, 1], "AABB")), "competing causes")
    late = small([3, 4, 5, 6], [1, 1, 1, 0], "AABB", entry=[0, 1, 0, 1])
    if name == "follow-up":
        assert call(late)["A"].at_risk.tolist() == [1, 0]
    else:
        refused(UnsupportedError, lambda: call(late), "late entry")


@pytest.mark.parametrize("name", [n for n in METHODS if n not in ("rmst", "milestone", "follow-up")])
def test_an_arm_is_needed(name: str) -> None:
    alone = TimeToEvent([1, 2, 3], [1, 1, 0], unit="days")
    refused(EquipoiseError, lambda: METHODS[name](alone))


def test_more_than_two_arms() -> None:
    three = TimeToEvent([3, 4, 9, 5, 6, 9], [1, 1, 0, 1, 1, 0], [*"AABBCC"], control="A", unit="days")
    for fit in (rmst(three, tau="2 days"), milestone(three, at="3 days")):
        assert [*fit.arms] == ["A", "B", "C"]
        assert (fit.difference, fit.conf_int, fit.p_value, fit.ratio) == (None, None, None, None)
    assert weighted_cox(three).hazard_ratio.shape == (2,)
    assert weighted_cox(three).p_value is None
    for call in (lambda: rmst(three, tau="2 days", covariates={}), lambda: average_hazard_ratio(three, tau="2 days"),
                 lambda: adjusted_logrank(three, None), lambda: marginal_hazard_ratio(three, None)):  # fmt: skip
        refused(EquipoiseError, call, "two arms")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda t: milestone(t, at="0 days"), ["milestone = '0 days' is not above zero"]),
        (lambda t: milestone(t, at=5), ["5 is not a duration"]),
        (lambda t: milestone(t, at="5 days")["C"], ["no arm 'C'", "Arms: A, B."]),
        (lambda t: milestone(t, at="5 days", level=2), ["level = 2"]),
        (lambda t: milestone(t, at="5 days", stratified=True), ["there are no strata"]),
        (lambda t: rmst(t, tau="5 days", stratified=True), ["there are no strata"]),
        (lambda t: rmst(t, tau="5 days", covariates={"age": [1, 2]}), ["age has shape (2,)"]),
        (lambda t: rmst(t, tau="5 days", covariates={"age": [*AGE[:-1], math.nan]}), ["age is missing for 1 of 120"]),
        (lambda t: average_hazard_ratio(t, tau="0 days"), ["is not above zero"]),
        (lambda t: average_hazard_ratio(t, tau="5 days", level=0), ["level = 0"]),
        (lambda t: weighted_cox(t, level=1), ["level = 1"]),
        (lambda t: weighted_cox(t, {"age": [math.inf, *AGE[1:]]}), ["age is not finite"]),
        (lambda t: adjusted_logrank(t, [1, 2]), ["neither a frame nor a mapping"]),
        (lambda t: adjusted_logrank(t, {"age": AGE}, stratified=True), ["there are no strata"]),
        (lambda t: marginal_hazard_ratio(t, {"age": AGE}, level=95), ["level = 95"]),
        (lambda t: follow_up(t, conf_type="plain", convention="r"), ["contradicts"]),
        (lambda t: follow_up(t, convention="stata"), ["unknown convention"]),
    ],
)  # fmt: skip
def test_arguments(call: Any, words: list[str]) -> None:
    refused(EquipoiseError, lambda: call(trial()), *words)


def test_strata_and_covariates_of_means_exclude_each_other() -> None:
    tte = trial(strata={"part": PART})
    refused(
        UnsupportedError,
        lambda: rmst(tte, tau=TAU, covariates={"age": AGE}, stratified=True),
        "not both stratified and adjusted", "among the covariates",
    )  # fmt: skip
    fit = rmst(tte, tau=TAU, covariates={"age": AGE})
    assert not fit.stratified
    assert "unstratified" in fit.method
    assert fit.difference == rmst(trial(), tau=TAU, covariates={"age": AGE}).difference


def test_halves_are_no_copies() -> None:
    halves = trial(weight=np.full(N, 1.5), weight_type="case")
    for call in (
        lambda: rmst(halves, tau=TAU, covariates={"age": AGE}),
        lambda: weighted_cox(halves),
        lambda: adjusted_logrank(halves, None),
        lambda: marginal_hazard_ratio(halves, None),
    ):
        refused(UnsupportedError, call, "not whole numbers")


def test_columns_are_refused_before_anything_is_estimated() -> None:
    with pytest.raises(DataError):
        rmst(small([1, 2, 3, 4], [0] * 4, "AABB"), tau="1 year", covariates={"x": [1.0]})


# --------------------------------------------------------------------------- as rows and text
def test_rows_and_sentences() -> None:
    tte = trial(strata={"part": PART}, origin="simulated")
    for fit in (
        rmst(tte, tau=TAU), rmst(tte, tau=TAU, covariates=COVARIATES), milestone(tte, at=TAU),
        average_hazard_ratio(tte, tau=TAU), weighted_cox(tte, COVARIATES), adjusted_logrank(tte, COVARIATES),
        marginal_hazard_ratio(tte, COVARIATES), follow_up(tte),
    ):  # fmt: skip
        table = fit.table()
        assert table.columns == list(COLUMNS)
        assert set(table["origin"]) == {"simulated"}
        assert set(table["method"]) == {fit.method}
        assert table.filter(pl.col("value").is_null() & (pl.col("reason") == "")).is_empty()
        assert not table.filter(pl.col("text") == "").height
        assert "\n" not in str(fit)
    sentence = str(milestone(tte, at=TAU))
    assert sentence.startswith("Survival at 60 days: A 0.")
    assert "difference" in sentence
    assert "adjusted difference" in str(rmst(tte, tau=TAU, covariates=COVARIATES))
    names = [r.statistic for r in average_hazard_ratio(tte, tau=TAU).rows()]
    assert names[0] == "average hazard ratio"
    assert names[-2:] == ["experimental arm fails first", "control arm fails first"]


def test_what_is_not_estimable_reads_so() -> None:
    tte = small([5, 9, 4, 8], [0] * 4, "AABB")
    for fit in (
        milestone(tte, at="1 year"), average_hazard_ratio(tte, tau="1 year"), adjusted_logrank(tte, None),
        marginal_hazard_ratio(tte, None), weighted_cox(tte), rmst(tte, tau="1 year"),
    ):  # fmt: skip
        assert "not estimable" in str(fit)
        table = fit.table()
        assert table.filter(pl.col("value").is_null() & (pl.col("reason") == "")).is_empty()


def test_arrays_of_results_are_read_only() -> None:
    fit = weighted_cox(trial())
    for array in (fit.coef, fit.weight, follow_up(trial())["A"].survival):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
