"""Means, milestones, average effects and follow-up, worked out on paper; the comments derive the numbers."""

from __future__ import annotations

import math
from fractions import Fraction as F
from typing import Any

import numpy as np
import pytest

from equipoise.survival import (
    TimeToEvent,
    adjusted_logrank,
    average_hazard_ratio,
    follow_up,
    logrank,
    marginal_hazard_ratio,
    milestone,
    rmst,
    weighted_cox,
)

Z = 1.959963984540054  # the 97.5th percentile of the normal distribution


def two_arms(time: list[float], event: list[int], arm: list[str], **more: Any) -> TimeToEvent:
    return TimeToEvent(time, event, arm, control="A", experimental="B", unit="days", **more)


def two_sided(z: float) -> float:
    return math.erfc(abs(z) / math.sqrt(2))


# ------------------------------------------------------------- strata by their shares
# Stratum s, 4 patients: A dies at 2 and is censored at 6; B dies at 4 and is censored at 6.
# Stratum t, 6 patients: A dies at 1 and 3 and is censored at 6; B dies at 2 and 5 and is censored at 6.
STRATA = two_arms(
    [2, 6, 4, 6, 1, 3, 6, 2, 5, 6], [1, 0, 1, 0, 1, 1, 0, 1, 1, 0], [*"AABBAAABBB"], strata={"part": [*"sssstttttt"]}
)


def test_stratified_restricted_means() -> None:
    # Areas up to 6 days: A in s 2 + 4/2 = 4, in t 1 + 2 * 2/3 + 3 * 1/3 = 10/3; B 4 + 2/2 = 5 and
    # 2 + 3 * 2/3 + 1/3 = 13/3.
    # Variances, sum of (area to come)^2 d / (n (n - d)): A in s 2^2 / 2 = 2, in t (7/3)^2 / 6 + 1^2 / 2 = 38/27;
    # B in s 1 / 2, in t (7/3)^2 / 6 + (1/3)^2 / 2 = 26/27. Shares 4/10 and 6/10.
    a = F(4, 10) * 4 + F(6, 10) * F(10, 3)
    b = F(4, 10) * 5 + F(6, 10) * F(13, 3)
    var_a = F(16, 100) * 2 + F(36, 100) * F(38, 27)
    var_b = F(16, 100) * F(1, 2) + F(36, 100) * F(26, 27)
    assert (a, b, var_a, var_b) == (F(18, 5), F(23, 5), F(62, 75), F(32, 75))
    fit = rmst(STRATA, tau="6 days")
    assert fit.stratified
    assert "stratified by part" in fit.method
    assert fit["A"].rmst == pytest.approx(3.6, rel=1e-15)
    assert fit["B"].rmst == pytest.approx(4.6, rel=1e-15)
    assert fit["A"].std_error == pytest.approx(math.sqrt(62 / 75), rel=1e-14)
    se = math.sqrt(94 / 75)
    assert fit.difference == pytest.approx(1, rel=1e-14)
    assert fit.conf_int == pytest.approx((1 - Z * se, 1 + Z * se), rel=1e-13)
    assert fit.p_value == pytest.approx(two_sided(1 / se), rel=1e-13)
    assert fit.p_one_sided == pytest.approx(two_sided(1 / se) / 2, rel=1e-13)
    log_se = math.sqrt(var_a / a**2 + var_b / b**2)
    assert fit.ratio.estimate == pytest.approx(23 / 18, rel=1e-14)
    assert fit.ratio.conf_int[1] == pytest.approx(23 / 18 * math.exp(Z * log_se), rel=1e-13)
    # times lost: 12/5 and 7/5, with the same variances
    lost_se = math.sqrt(var_a / F(12, 5) ** 2 + var_b / F(7, 5) ** 2)
    assert fit.rmtl_ratio.estimate == pytest.approx(7 / 12, rel=1e-14)
    assert fit.rmtl_ratio.conf_int[0] == pytest.approx(7 / 12 * math.exp(-Z * lost_se), rel=1e-13)


def test_stratified_milestone() -> None:
    # Survival at 4 days, the death at 4 included: A 1/2 and 1/3, B 1/2 and 2/3. S^2 times Greenwood's sum:
    # 1/4 * 1/2 in s; in t 1/9 * (1/6 + 1/2) for A and 4/9 * 1/6 for B, both 2/27.
    a, b = F(4, 10) / 2 + F(6, 10) / 3, F(4, 10) / 2 + F(6, 10) * F(2, 3)
    variance = F(16, 100) / 8 + F(36, 100) * F(2, 27)
    assert (a, b, variance) == (F(2, 5), F(3, 5), F(7, 150))
    fit = milestone(STRATA, at="4 days")
    assert fit["A"].survival == pytest.approx(0.4, rel=1e-15)
    assert fit["B"].survival == pytest.approx(0.6, rel=1e-15)
    assert fit["B"].std_error == pytest.approx(math.sqrt(7 / 150), rel=1e-14)
    assert fit["B"].conf_int[0] == pytest.approx(0.6 - Z * math.sqrt(7 / 150), rel=1e-13)
    se = math.sqrt(7 / 75)
    assert fit.difference == pytest.approx(0.2, rel=1e-14)
    assert fit.conf_int == pytest.approx((0.2 - Z * se, 0.2 + Z * se), rel=1e-13)
    assert fit.p_value == pytest.approx(two_sided(0.2 / se), rel=1e-13)
    assert fit.p_one_sided == pytest.approx(two_sided(0.2 / se) / 2, rel=1e-13)
    # logarithm of the ratio: 7/150 / (4/25) + 7/150 / (9/25) = 7/24 + 7/54 = 91/216
    log_se = math.sqrt(91 / 216)
    assert fit.ratio.estimate == pytest.approx(1.5, rel=1e-14)
    assert fit.ratio.conf_int == pytest.approx((1.5 * math.exp(-Z * log_se), 1.5 * math.exp(Z * log_se)), rel=1e-13)
    assert fit.ratio.p_value == pytest.approx(two_sided(math.log(1.5) / log_se), rel=1e-13)


def test_an_event_at_the_milestone_counts_and_a_censoring_does_not() -> None:
    # A: dies at 4 of 2; B: censored at 4, then one of one left dies at 5
    tte = two_arms([4, 6, 4, 5], [1, 1, 0, 1], [*"AABB"])
    assert milestone(tte, at="4 days")["A"].survival == 0.5
    assert milestone(tte, at="3.9 days")["A"].survival == 1
    assert milestone(tte, at="4 days")["B"].survival == 1
    assert milestone(tte, at="5 days")["B"].survival == 0


# ------------------------------------------------------- restricted means given covariates
def test_adjusted_restricted_mean_with_a_censored_patient() -> None:
    # A: death at 1, censored at 2, death at 3, still there at 5; tau = 4. At 2 three are at risk of being censored,
    # so G = 2/3 after it, and the restricted times 1, 3, 4 weigh 1, 3/2, 3/2, together 4. Their mean is
    # (1 + 9/2 + 6) / 4 = 23/8, the area under the Kaplan-Meier curve 1 + 2 * 3/4 + 3/8.
    # B: death at 2, still there at 5: mean 3.
    tte = two_arms([1, 2, 3, 5, 2, 5], [1, 0, 1, 0, 1, 0], [*"AAAABB"])
    fit, unadjusted = rmst(tte, tau="4 days", covariates={}), rmst(tte, tau="4 days")
    assert fit.difference == pytest.approx(1 / 8, rel=1e-13)
    assert unadjusted.difference == pytest.approx(1 / 8, rel=1e-13)
    assert fit.ratio.estimate == pytest.approx(24 / 23, rel=1e-13)
    assert fit.rmtl_ratio.estimate == pytest.approx(8 / 9, rel=1e-13)
    # Weighted residuals of A: -15/8, 0, 3/2 * 1/8, 3/2 * 9/8. Those above 2 sum to 15/8, a share of 5/8 of the three at
    # risk. The censored patient gets 5/8 less a third of it, the two others at risk lose a third of it.
    terms = [F(-15, 8), F(5, 8) * F(2, 3), F(3, 16) - F(5, 24), F(27, 16) - F(5, 24)]
    assert sum(terms) == 0
    assert sum(t**2 for t in terms) == F(13542, 2304)
    # An arm's variance is the sum of squares over n^2; B's residuals are -1 and 1.
    se = math.sqrt(F(13542, 2304) / 16 + F(2, 4))
    assert fit.conf_int == pytest.approx((1 / 8 - Z * se, 1 / 8 + Z * se), rel=1e-12)
    # Greenwood's formula differs by the terms of order 1/n that the sandwich leaves out:
    # A (15/8)^2 / 12 + (3/8)^2 / 2, B 1^2 * 2^2 / ... = (2 * 1/2)^2 * 1/2
    greenwood = math.sqrt((15 / 8) ** 2 / 12 + (3 / 8) ** 2 / 2 + 1 / 2)
    assert unadjusted.conf_int == pytest.approx((1 / 8 - Z * greenwood, 1 / 8 + Z * greenwood), rel=1e-12)


def test_adjusted_restricted_means_in_a_balanced_design() -> None:
    # Nobody is censored before tau = 10, so least squares. Two of each arm and sex; restricted times:
    # A, f: 1, 3; A, m: 4, 8; B, f: 3, 9; B, m: 6, 10 (the last, dead at 12, is cut at 10). Balanced: the arm's effect
    # is the difference of its means, 7 - 4 = 3, the sex's is (28 - 16) / 4 = 3; fitted values 2.5, 5.5, 5.5, 8.5.
    # The arm's effect is the sum of residuals times 1/4 (B) and -1/4 (A), so its variance is a sixteenth of
    # the sum of squared residuals: 1.5^2 + .5^2 + 1.5^2 + 2.5^2 + 2.5^2 + 3.5^2 + 2.5^2 + 1.5^2 = 38.
    time, sex = [1, 3, 4, 8, 3, 9, 6, 12], [*"ffmmffmm"]
    tte = two_arms(time, [1] * 8, [*"AAAABBBB"])
    fit = rmst(tte, tau="10 days", covariates={"sex": sex})
    assert fit.covariates == ("sex: m v f",)
    assert fit.difference == pytest.approx(3, rel=1e-13)
    se = math.sqrt(38 / 16)
    assert fit.conf_int == pytest.approx((3 - Z * se, 3 + Z * se), rel=1e-13)
    # log link: the score equations equate observed and fitted sums by arm and by sex, so the fit is that of
    # independence: arm times sex over the total, with sums 16, 28 by arm and by sex alike
    assert fit.ratio.estimate == pytest.approx(28 / 16, rel=1e-12)
    # times lost have sums 24 and 12 by arm
    assert fit.rmtl_ratio.estimate == pytest.approx(1 / 2, rel=1e-12)


# ------------------------------------------------------------------- average hazard ratio
def test_average_hazard_ratio_counts_pairs() -> None:
    # Nobody censored: of the 16 pairs A is first and dead by 7 in 4 + 3 + 2 + 1, B in 3 + 2 + 1.
    tte = two_arms([2, 4, 6, 8, 1, 3, 5, 7], [1] * 8, [*"BBBBAAAA"])
    fit = average_hazard_ratio(tte, tau="7 days")
    assert fit.control_first == pytest.approx(10 / 16, rel=1e-14)
    assert fit.experimental_first == pytest.approx(6 / 16, rel=1e-14)
    assert fit.hazard_ratio == pytest.approx(0.6, rel=1e-14)
    assert fit.z < 0  # sign of the logarithm


def test_average_hazard_ratio_with_a_tie() -> None:
    # A dies at 2 and 4, B at 2 and 6. Up to 4 days: (A2, B2) half to each, (A2, B6) and (A4, B6) to A, (A4, B2) to B:
    # 5/8 and 3/8. A patient's mean share of the pairs it wins for B and for A, over 3/8 and 5/8, differ by
    # B2: 3/4 / (3/8) - 1/4 / (5/8) = 8/5, B6: 0 - 1 / (5/8) = -8/5,
    # A2: 1/4 / (3/8) - 3/4 / (5/8) = -8/15, A4: 1/2 / (3/8) - 1/2 / (5/8) = 8/15;
    # half of that (two patients an arm) is its influence on the logarithm.
    influence = [F(4, 5), F(-4, 5), F(-4, 15), F(4, 15)]
    variance = sum(i**2 for i in influence)
    assert variance == F(64, 45)
    fit = average_hazard_ratio(two_arms([2, 4, 2, 6], [1] * 4, [*"AABB"]), tau="4 days")
    assert fit.hazard_ratio == pytest.approx(3 / 5, rel=1e-14)
    assert fit.std_error == pytest.approx(math.sqrt(64 / 45), rel=1e-13)
    z = math.log(0.6) / math.sqrt(64 / 45)
    assert fit.z == pytest.approx(z, rel=1e-13)
    assert fit.p_value == pytest.approx(two_sided(z), rel=1e-13)
    assert fit.p_one_sided == pytest.approx(two_sided(z) / 2, rel=1e-13)
    assert fit.conf_int[1] == pytest.approx(0.6 * math.exp(Z * math.sqrt(64 / 45)), rel=1e-13)


def test_average_hazard_ratio_with_a_censoring() -> None:
    # A: death at 1, censored at 2, death at 3; B: death at 2, alive at 4. Curves: A 2/3 from 1, 0 from 3; B 1/2 from 2.
    # Up to 3 days: A first 1/3 (at 1) * 1 + 2/3 (at 3) * 1/2 = 2/3; B first 1/2 (at 2) * 2/3 = 1/3.
    fit = average_hazard_ratio(two_arms([1, 2, 3, 2, 4], [1, 0, 1, 1, 0], [*"AAABB"]), tau="3 days")
    assert fit.control_first == pytest.approx(2 / 3, rel=1e-14)
    assert fit.hazard_ratio == pytest.approx(1 / 2, rel=1e-14)
    # derivative of the logarithm in S_A(1): -1 / 3 + ... A first = (1 - S1) + (S1 - S3) / 2, B first = S1 / 2:
    # d/dS1 = (1/2) / (1/3) - (-1/2) / (2/3) = 9/4; Greenwood at 1: S1^2 * 1/6 = 2/27 (that at 3 multiplies S = 0).
    # In S_B(2): A first has S1 S_B + (1 - S1), B first (1 - S_B) S1: d = -2/3 / (1/3) - 2/3 / (2/3) = -3; 1/4 * 1/2.
    assert fit.std_error**2 == pytest.approx(F(81, 16) * F(2, 27) + 9 * F(1, 8), rel=1e-13)


def test_weighted_cox_of_four_patients() -> None:
    # A dies at 1, B dies at 2, A is censored at 3, B dies at 4. S(t-): 1, 3/4, 1/2; G halves at 3, where two are left.
    # So the weights are as 1 : 3/4 : 1, with mean 1: 12/11, 9/11, 12/11. With r = e^b the score is
    # 12/11 (0 - r / (1 + r)) + 9/11 (1 - 2r / (1 + 2r)) + 12/11 (1 - 1) = 0, which is 8 r^2 + r - 3 = 0.
    r = (math.sqrt(97) - 1) / 16
    tte = two_arms([1, 2, 3, 4], [1, 1, 0, 1], [*"ABAB"])
    fit = weighted_cox(tte)
    assert fit.time.tolist() == [1, 2, 4]
    assert fit.weight.tolist() == pytest.approx([12 / 11, 9 / 11, 12 / 11], rel=1e-14)
    assert fit.hazard_ratio == pytest.approx(r, rel=1e-10)
    # means of x in the risk sets and increments of the hazard; at 4 the mean is 1, and its patient's x too
    m1, m2 = r / (1 + r), 2 * r / (1 + 2 * r)
    h1, h2 = 12 / 11 / (2 + 2 * r), 9 / 11 / (1 + 2 * r)
    scores = [
        12 / 11 * (0 - m1) - h1 * (0 - m1),
        9 / 11 * (1 - m2) - r * (h1 * (1 - m1) + h2 * (1 - m2)),
        -h1 * (0 - m1) - h2 * (0 - m2),
        -r * (h1 * (1 - m1) + h2 * (1 - m2)),
    ]
    assert sum(scores) == pytest.approx(0, abs=1e-14)
    information = 12 / 11 * m1 * (1 - m1) + 9 / 11 * m2 * (1 - m2)
    assert fit.se[0] == pytest.approx(math.sqrt(sum(s**2 for s in scores)) / information, rel=1e-9)
    z = math.log(r) / fit.se[0]
    assert fit.p_value == pytest.approx(two_sided(z), rel=1e-9)
    assert fit.p_one_sided == pytest.approx(two_sided(z) / 2, rel=1e-9)  # r is below 1


# ------------------------------------------------------------------------- follow-up
def test_follow_up_by_reversed_kaplan_meier() -> None:
    # Deaths at 1, 2, 3, 4, 5, 6; censored at 2 (two), 4, 6, 7. At 2 ten are at risk, one dies first, 2 of 9 are
    # censored: 7/9; at 4 six are at risk, 1 of 5: 4/5; at 6 three, 1 of 2: 1/2; at 7 the last.
    tte = TimeToEvent([1, 2, 2, 2, 3, 4, 4, 5, 6, 6, 7], [1, 1, 0, 0, 1, 0, 1, 1, 0, 1, 0], unit="days")
    curve = follow_up(tte, conf_type="plain")["all"]
    assert curve.time.tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert curve.event.tolist() == [0, 2, 0, 1, 0, 1, 1]
    assert curve.survival == pytest.approx([1, 7 / 9, 7 / 9, 28 / 45, 28 / 45, 14 / 45, 0], rel=1e-14)
    assert curve.median == 6
    # Greenwood: 2 / (9 * 7) + 1 / (5 * 4) + 1 / (2 * 1)
    assert curve.std_error[5] == pytest.approx(14 / 45 * math.sqrt(2 / 63 + 1 / 20 + 1 / 2), rel=1e-14)
    assert curve.events == 5
    # R reverses the indicator only: deaths leave after the censorings, 8/10, 5/6, 2/3
    reversed_only = follow_up(tte, convention="r")["all"]
    assert reversed_only.survival == pytest.approx([1, 4 / 5, 4 / 5, 2 / 3, 2 / 3, 4 / 9, 0], rel=1e-14)


# ------------------------------------------------------------------ covariate-adjusted log-rank
# A dies at 1, 3, 5 and B at 2, 4, 6. At risk (A, B) at 1, ..., 6: 3 3, 2 3, 2 2, 1 2, 1 1, 0 1.
# Other arm's share for B, A's: 1/2, 2/5, 1/2, 1/3, 1/2, 0; for A, B's: 1/2, 3/5, 1/2, 2/3, 1/2, 1. One dies each time,
# so the hazard is 1/6, 1/5, 1/4, 1/3, 1/2, 1. A's covariate is 1, 0, -1 in order of time, B's is 2, 2, -1.
SIX = two_arms([1, 2, 3, 4, 5, 6], [1] * 6, [*"ABABAB"])
X = {"x": [1, 2, 0, 2, -1, -1]}
OTHER = {
    "A": [F(1, 2), F(3, 5), F(1, 2), F(2, 3), F(1, 2), F(1)],
    "B": [F(1, 2), F(2, 5), F(1, 2), F(1, 3), F(1, 2), F(0)],
}
HAZARD = [F(1, 6), F(1, 5), F(1, 4), F(1, 3), F(1, 2), F(1)]


def outcome(arm: str, time: int) -> F:
    return OTHER[arm][time - 1] - sum(OTHER[arm][t] * HAZARD[t] for t in range(time))


def test_adjusted_logrank_of_six_patients() -> None:
    a, b = [outcome("A", t) for t in (1, 3, 5)], [outcome("B", t) for t in (2, 4, 6)]
    assert a == [F(5, 12), F(103, 600), F(-541, 1800)]
    assert b == [F(71, 300), F(-119, 1800), F(-1169, 1800)]
    # expected deaths of B: 1/2 + 3/5 + 1/2 + 2/3 + 1/2 + 1 = 113/30; variance 1/4 + 6/25 + 1/4 + 2/9 + 1/4
    u, v = 3 - F(113, 30), F(1, 4) + F(6, 25) + F(1, 4) + F(2, 9) + F(1, 4)
    assert sum(b) - sum(a) == u
    # Slopes on the covariate centred within arms (A's mean 0, B's 1): A's 1, 0, -1; B's 1, 1, -2.
    slope_a = (a[0] - a[2]) / 2
    slope_b = (b[0] + b[1] - 2 * b[2]) / 6
    # The mean of all is 1/2: B's deviations sum to 3/2, A's to -3/2; their squares to 27/4 + 11/4 = 19/2, over 5.
    adjustment = F(3, 2) * slope_b + F(3, 2) * slope_a
    explained = 6 * F(1, 4) * (slope_a + slope_b) ** 2 * F(19, 10)
    fit, plain = adjusted_logrank(SIX, X), logrank(SIX)
    assert fit.score == pytest.approx(float(u - adjustment), rel=1e-13)
    assert fit.variance == pytest.approx(float(v - explained), rel=1e-13)
    z = -float(u - adjustment) / math.sqrt(v - explained)  # fewer deaths than expected favour B
    assert fit.z == pytest.approx(z, rel=1e-13)
    assert fit.p_value == pytest.approx(two_sided(z), rel=1e-13)
    assert fit.p_one_sided == pytest.approx(two_sided(z) / 2, rel=1e-13)
    assert fit.unadjusted_z == pytest.approx(-float(u) / math.sqrt(v), rel=1e-13)
    assert fit.unadjusted_z == pytest.approx(plain.z, rel=1e-13)


def test_a_stratified_adjusted_test_adds_scores_and_pools_slopes() -> None:
    # Twice the six: the scores and variances add up, the slopes stay what they are, and covariates are centred within
    # strata, so that a shift of one stratum's covariate changes nothing.
    double = two_arms([1, 2, 3, 4, 5, 6] * 2, [1] * 12, [*"ABABAB"] * 2, strata={"part": [*"ssssss", *"tttttt"]})
    shifted = {"x": [*X["x"], *(x + 100 for x in X["x"])]}
    one, two = adjusted_logrank(SIX, X), adjusted_logrank(double, shifted)
    assert two.stratified
    assert two.score == pytest.approx(2 * one.score, rel=1e-12)
    assert two.variance == pytest.approx(2 * one.variance, rel=1e-12)


def test_marginal_hazard_ratio_of_four_patients_without_covariates() -> None:
    # A dies at 1 (2 and 2 at risk), B at 2 (1 and 2 at risk), the others are censored at 3. The score of r = e^b is
    # -r / (1 + r) + 1 - 2r / (1 + 2r), which is zero where 1 + r = r (1 + 2r): r = 1 / sqrt(2).
    tte = two_arms([1, 3, 2, 3], [1, 0, 1, 0], [*"AABB"])
    fit = marginal_hazard_ratio(tte, None)
    r = math.sqrt(0.5)
    assert fit.hazard_ratio == pytest.approx(r, rel=1e-13)
    assert fit.unadjusted == pytest.approx(r, rel=1e-13)
    information = r / (1 + r) ** 2 + 2 * r / (1 + 2 * r) ** 2
    assert fit.std_error == pytest.approx(1 / math.sqrt(information), rel=1e-13)
    assert fit.z == pytest.approx(math.log(r) * math.sqrt(information), rel=1e-13)


def test_marginal_hazard_ratio_of_six_patients() -> None:
    # Covariate of A 0, 1, 0 and of B 1, 0, 1, with means 1/3, 2/3 and 1/2 of all: slopes are half of (-a + 2 a' - a'')
    # and (b - 2 b' + b''); the deviations from 1/2 sum to -1/2 and 1/2, their squares to 3/2, over 5.
    at_risk = [(3, 3), (2, 3), (2, 2), (1, 2), (1, 1), (0, 1)]

    def score(r: float) -> float:
        return 3 - sum(b * r / (a + b * r) for a, b in at_risk)

    def outcomes(r: float, arm: int, times: tuple[int, ...]) -> list[float]:
        found = []
        for t in times:
            share = [(a if arm else b * r) / (a + b * r) for a, b in at_risk[:t]]
            hazard = [(r if arm else 1) / (a + b * r) for a, b in at_risk[:t]]
            found.append(share[-1] - float(np.dot(share, hazard)))
        return found

    fit = marginal_hazard_ratio(SIX, {"x": [0, 1, 1, 0, 0, 1]})
    start = fit.unadjusted
    assert score(start) == pytest.approx(0, abs=1e-12)
    a, b = outcomes(start, 0, (1, 3, 5)), outcomes(start, 1, (2, 4, 6))
    assert sum(b) - sum(a) == pytest.approx(0, abs=1e-12)
    slope_a, slope_b = (-a[0] + 2 * a[1] - a[2]) / 2, (b[0] - 2 * b[1] + b[2]) / 2
    r = fit.hazard_ratio
    assert score(r) == pytest.approx((slope_b + slope_a) / 2, rel=1e-10)
    information = sum(a * b * r / (a + b * r) ** 2 for a, b in at_risk)
    explained = 6 / 4 * (slope_a + slope_b) ** 2 * 0.3
    assert fit.std_error == pytest.approx(math.sqrt(information - explained) / information, rel=1e-10)
    assert fit.conf_int[0] == pytest.approx(r * math.exp(-Z * fit.std_error), rel=1e-10)
