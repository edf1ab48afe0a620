"""Small cases worked out with pencil and paper; every number below is derived in the comment above it."""

from __future__ import annotations

import csv
import math
from fractions import Fraction as F
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from equipoise.survival import TimeToEvent, cox, kaplan_meier, logrank, rmst

Z = 1.959963984540054  # the 97.5th percentile of the normal distribution


def two_arms(time: list[float], event: list[int], arm: list[str], **more: Any) -> TimeToEvent:
    return TimeToEvent(time, event, arm, control="A", experimental="B", unit="days", **more)


def one_group(time: list[float], event: list[int], **more: Any) -> TimeToEvent:
    return TimeToEvent(time, event, unit="days", **more)


# ------------------------------------------------------------------ Kaplan-Meier
# Five patients: death at 2, censored at 3, deaths at 3 and 5, censored at 7.
# The censoring at 3 counts after the death at 3.
#   t = 2: 5 at risk, 1 dies: S = 4/5
#   t = 3: 4 at risk, 1 dies: S = 4/5 * 3/4 = 3/5
#   t = 5: 2 at risk, 1 dies: S = 3/10
# Greenwood's sum of d / (n (n - d)): 1/20, 1/20 + 1/12 = 2/15, 2/15 + 1/2 = 19/30.
FIVE = one_group([2, 3, 3, 5, 7], [1, 0, 1, 1, 0])


def test_five_patients() -> None:
    km = kaplan_meier(FIVE, conf_type="plain")["all"]
    assert km.time.tolist() == [2, 3, 5, 7]
    assert km.at_risk.tolist() == [5, 4, 2, 1]
    assert km.event.tolist() == [1, 1, 1, 0]
    assert km.censored.tolist() == [0, 1, 0, 1]
    np.testing.assert_allclose(km.survival, [4 / 5, 3 / 5, 3 / 10, 3 / 10], rtol=1e-15)
    se = [4 / 5 * math.sqrt(1 / 20), 3 / 5 * math.sqrt(2 / 15), *[3 / 10 * math.sqrt(19 / 30)] * 2]
    np.testing.assert_allclose(km.std_error, se, rtol=1e-15)
    # plain: 0.8 + 1.96 * 0.179 = 1.15, cut at 1; 0.3 - 1.96 * 0.239 = -0.17, cut at 0
    np.testing.assert_allclose(km.lower, [0.8 - Z * se[0], 0.6 - Z * se[1], 0, 0], rtol=1e-14)
    np.testing.assert_allclose(km.upper, [1, 1, 0.3 + Z * se[2], 0.3 + Z * se[2]], rtol=1e-14)
    assert km.median == 5  # the first time with S <= 1/2


def test_five_patients_on_the_other_scales() -> None:
    # log: S exp(+-1.96 sqrt(v)); log-log: S^exp(+-1.96 sqrt(v) / log S), v Greenwood's sum
    v = np.array([1 / 20, 2 / 15, 19 / 30, 19 / 30])
    s = np.array([4 / 5, 3 / 5, 3 / 10, 3 / 10])
    log = kaplan_meier(FIVE, conf_type="log")["all"]
    np.testing.assert_allclose(log.lower, s * np.exp(-Z * np.sqrt(v)), rtol=1e-14)
    np.testing.assert_allclose(log.upper, np.minimum(s * np.exp(Z * np.sqrt(v)), 1), rtol=1e-14)
    loglog = kaplan_meier(FIVE)["all"]
    assert loglog.conf_type == "log-log"
    np.testing.assert_allclose(loglog.lower, s ** np.exp(Z * np.sqrt(v) / -np.log(s)), rtol=1e-14)
    np.testing.assert_allclose(loglog.upper, s ** np.exp(-Z * np.sqrt(v) / -np.log(s)), rtol=1e-14)


def test_five_patients_at_landmarks() -> None:
    km = kaplan_meier(FIVE)["all"]
    early, on, late, beyond = km.at(["1 day", "3 days", "1 week", "8 days"])
    assert (early.survival, early.at_risk, early.events) == (1, 5, 0)
    assert (on.survival, on.at_risk, on.events) == (pytest.approx(3 / 5), 4, 2)
    assert (late.survival, late.at_risk, late.events) == (pytest.approx(3 / 10), 1, 3)
    assert math.isnan(beyond.survival)
    assert beyond.reason == "nobody is followed for 8 days; follow-up ends at 7 days"
    table = km.risk_table(["0 days", "3 days", "5 days", "7 days"])
    # before each time: 0 and 0; the death at 2; deaths at 2 and 3 and the censoring at 3; and the death at 5
    assert table.at_risk.tolist() == [5, 4, 2, 1]
    assert table.events.tolist() == [0, 1, 2, 3]
    assert table.censored.tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("time", "event", "median", "sas"),
    [
        # S = 3/4, 1/2 from 2 to 5, then 1/4: the middle of the stretch
        ([1, 2, 5, 8], [1, 1, 1, 1], 3.5, 3.5),
        # S = 1/2 from 2 on, nobody dies later: R's printed median is 2, SAS says not reached
        ([1, 2, 5, 8], [1, 1, 0, 0], 2, math.inf),
        # a censoring inside the stretch does not end it: 4 at risk at 1 (3/4), 3 at 2 (1/2), 1 at 8 (0)
        ([1, 2, 4, 8], [1, 1, 0, 1], 5, 5),
        # S = 4/5, 3/5, 2/5: the first time below
        ([1, 2, 3, 4, 5], [1, 1, 1, 1, 1], 3, 3),
        # S = 2/3 and stays: not reached
        ([1, 2, 3], [1, 0, 0], math.inf, math.inf),
    ],
)
def test_median(time: list[float], event: list[int], median: float, sas: float) -> None:
    assert kaplan_meier(one_group(time, event))["all"].median == median
    assert kaplan_meier(one_group(time, event), convention="r")["all"].median == median
    assert kaplan_meier(one_group(time, event), convention="sas")["all"].median == sas


def test_a_risk_set_that_is_empty_for_a_while() -> None:
    # Late entry. Before 4: two patients, death at 2 and censoring at 4; nobody between 4 and 6; then two who
    # entered at 6, deaths at 8 and 9.
    #   t = 2: 2 at risk: S = 1/2;  t = 4: 1 at risk, censored;  t = 8: 2 at risk: 1/4;  t = 9: 1 at risk: 0
    tte = one_group([2, 4, 8, 9], [1, 0, 1, 1], entry=[0, 0, 6, 6])
    km = kaplan_meier(tte)["all"]
    assert km.at_risk.tolist() == [2, 1, 2, 1]
    assert km.survival.tolist() == [0.5, 0.5, 0.25, 0.0]
    assert km.risk_table(["2 days", "5 days", "6 days", "7 days"]).at_risk.tolist() == [2, 0, 0, 2]
    # Greenwood: 1/(2*1), then + 1/(2*1); at S = 0 there is none
    np.testing.assert_allclose(km.std_error, [0.5 * math.sqrt(0.5), 0.5 * math.sqrt(0.5), 0.25, 0], rtol=1e-15)


def test_the_curve_stays_at_zero_once_everybody_at_risk_has_died() -> None:
    # The first two die before the others enter: S = 1/2, 0, and a product does not come back from 0.
    tte = one_group([1, 2, 5, 6], [1, 1, 1, 0], entry=[0, 0, 3, 3])
    km = kaplan_meier(tte)["all"]
    assert km.survival.tolist() == [0.5, 0, 0, 0]
    assert np.isnan(km.lower[1:]).all()


def test_entering_at_a_death_is_not_being_at_risk_for_it() -> None:
    # entry < t: who enters at 3 misses the death at 3, so one is at risk there, and S = 0
    tte = one_group([3, 7], [1, 1], entry=[0, 3])
    assert kaplan_meier(tte)["all"].at_risk.tolist() == [1, 1]


# ---------------------------------------------------------------------- log-rank
# A: 1+, 3, 5;  B: 2, 3, 6+   (+ censored)
#   t = 2: at risk A 2, B 3; one death (B).  E_B = 3/5.          V = 1 * 2/5 * 3/5 * 4/4 = 6/25
#   t = 3: at risk A 2, B 2; two deaths.     E_B = 2 * 2/4 = 1.  V = 2 * 1/2 * 1/2 * 2/3 = 1/3
#   t = 5: at risk A 1, B 1; one death (A).  E_B = 1/2.          V = 1/4
# O_B = 2, E_B = 21/10, V = 6/25 + 1/3 + 1/4 = 247/300; z = (E_B - O_B) / sqrt(V) = 0.1 sqrt(300/247)
SIX = two_arms([1, 3, 5, 2, 3, 6], [0, 1, 1, 1, 1, 0], ["A", "A", "A", "B", "B", "B"])


def test_logrank_in_fractions() -> None:
    test = logrank(SIX)
    np.testing.assert_allclose(test.observed, [2, 2])
    np.testing.assert_allclose(test.expected, [19 / 10, 21 / 10], rtol=1e-15)
    v = float(F(6, 25) + F(1, 3) + F(1, 4))
    np.testing.assert_allclose(test.variance, [[v, -v], [-v, v]], rtol=1e-15)
    assert test.z == pytest.approx(0.1 / math.sqrt(v), rel=1e-13)
    assert test.statistic == pytest.approx(0.01 / v, rel=1e-13)
    assert test.p_one_sided == pytest.approx(0.5 * math.erfc(test.z / math.sqrt(2)), rel=1e-13)
    assert test.p_value == pytest.approx(2 * test.p_one_sided, rel=1e-13)
    assert test.df == 1


def test_a_benefit_as_the_event_turns_z_round() -> None:
    # An event that is good (healing): more of them than expected in B favors B
    tte = two_arms([1, 3, 5, 2, 3, 6], [0, 1, 1, 1, 1, 0], ["A", "A", "A", "B", "B", "B"], event_is="benefit")
    assert logrank(tte).z == -logrank(SIX).z
    assert cox(tte).p_one_sided == pytest.approx(1 - cox(SIX).p_one_sided)
    assert cox(tte).hazard_ratio == cox(SIX).hazard_ratio


def test_fleming_harrington_in_fractions() -> None:
    # Pooled S(t-) at 2, 3, 5: 1, 4/5, 4/5 * 1/2 = 2/5.
    # rho = 1: weights 1, 4/5, 2/5. O_B - E_B = 1 * (1 - 3/5) + 4/5 * (1 - 1) + 2/5 * (0 - 1/2) = 1/5
    #   V = 6/25 + 16/25 * 1/3 + 4/25 * 1/4 = 6/25 + 16/75 + 1/25 = 37/75
    test = logrank(SIX, rho=1)
    assert test.observed[1] - test.expected[1] == pytest.approx(1 / 5, rel=1e-14)
    assert test.variance[1, 1] == pytest.approx(37 / 75, rel=1e-14)
    # gamma = 1: weights 0, 1/5, 3/5. O_B - E_B = -3/10; V = 1/25 * 1/3 + 9/25 * 1/4 = 31/300
    test = logrank(SIX, gamma=1)
    assert test.observed[1] - test.expected[1] == pytest.approx(-3 / 10, rel=1e-14)
    assert test.variance[1, 1] == pytest.approx(31 / 300, rel=1e-13)
    assert test.z == pytest.approx(0.3 / math.sqrt(31 / 300), rel=1e-13)


def test_strata_add_up_and_one_arm_alone_says_nothing() -> None:
    # SIX as stratum s; stratum t is the first two deaths of two A patients: E = O, V = 0
    tte = two_arms(
        [1, 3, 5, 2, 3, 6, 1, 2], [0, 1, 1, 1, 1, 0, 1, 1], [*"AAABBB", *"AA"], strata={"site": [*"ssssss", *"tt"]}
    )
    test = logrank(tte)
    assert test.uninformative_strata == ("t",)
    assert test.z == pytest.approx(logrank(SIX).z, rel=1e-14)
    np.testing.assert_allclose(test.observed, [4, 2])
    np.testing.assert_allclose(test.expected, [19 / 10 + 2, 21 / 10])
    assert test.method == "log-rank test, stratified by site"


# --------------------------------------------------------------- Cox: no ties
def test_cox_of_three_patients() -> None:
    # B dies at 1, A at 2, B is censored at 3. With r = e^beta for B:
    #   L = r / (2 r + 1) * 1 / (1 + r)
    # dlogL/dbeta = 1 - 2 r / (2 r + 1) - r / (1 + r) = 0  =>  2 r^2 = 1  =>  r = 1 / sqrt(2).
    tte = two_arms([1, 2, 3], [1, 1, 0], ["B", "A", "B"])
    r = 1 / math.sqrt(2)
    information = 2 * r / (2 * r + 1) ** 2 + r / (1 + r) ** 2
    for ties in ("efron", "breslow", "discrete", "exact-marginal"):
        fit = cox(tte, ties=ties)
        assert fit.hazard_ratio == pytest.approx(r, rel=1e-12)
        assert fit.coef[0] == pytest.approx(-math.log(2) / 2, rel=1e-12)
        assert fit.se[0] == pytest.approx(information**-0.5, rel=1e-12)
        assert fit.loglik == pytest.approx((math.log(1 / 6), math.log(r / (2 * r + 1) / (1 + r))), rel=1e-13)
        # score at 0: 1 - 2/3 - 1/2 = -1/6; information at 0: 2/9 + 1/4 = 17/36; score test 1/36 * 36/17 = 1/17
        assert fit.score.statistic == pytest.approx(1 / 17, rel=1e-12)
        low, high = (math.exp(fit.coef[0] + s * Z * information**-0.5) for s in (-1, 1))
        assert fit.conf_int == pytest.approx((low, high), rel=1e-12)


def test_cox_of_two_patients_has_no_maximum() -> None:
    # B dies first: L = r / (1 + r) rises to 1. LR = 2 (0 - log(1/2)) = 2 log 2; score (1/2)^2 / (1/4) = 1.
    fit = cox(two_arms([1, 2], [1, 1], ["B", "A"]))
    assert fit.hazard_ratio == math.inf
    assert fit.likelihood_ratio.statistic == pytest.approx(2 * math.log(2), rel=1e-10)
    assert fit.score.statistic == pytest.approx(1, rel=1e-14)


# ------------------------------------------------------------------ Cox: one tie
# A and B die together at 1; then B is censored at 2 and A at 3. So at 1 the risk set is A, A, B, B.
#   Breslow:        L = r / (2 + 2 r)^2                       maximum r = 1 (by symmetry), L = 1/16
# To be less symmetric: A and B die at 1, two more B are censored later: risk set A, B, B, B, r = e^beta.
#   Breslow:        L = r / (1 + 3 r)^2
#     dlogL = 1 - 6 r / (1 + 3 r) = 0         =>  r = 1/3
#   Efron:          L = r / ((1 + 3 r) (1 + 3 r - (1 + r) / 2)) = r / ((1 + 3 r) (1 + 5 r) / 2)
#     1 = 3 r / (1 + 3 r) + 5 r / (1 + 5 r)   =>  15 r^2 = 1, r = 1 / sqrt(15)
#   discrete:       L = r / (3 r + 3 r^2) : the pairs are A with each of three B, and three pairs of B
#     = 1 / (3 + 3 r): falls in r, so r = 0
#   exact-marginal: A first then B, or B first then A, before both others (survivors' sum 2 r):
#     L = 1/(1 + 3 r) * r/(3 r) + r/(1 + 3 r) * 1/(1 + 2 r) = (1/3 + r/(1 + 2 r)) / (1 + 3 r)
#       = (1 + 5 r) / (3 (1 + 2 r) (1 + 3 r)): 1/3 at r = 0, where dlogL/dr = 5 - 2 - 3 = 0; then it falls: r = 0
TIE = two_arms([1, 1, 2, 3], [1, 1, 0, 0], ["A", "B", "B", "B"])


def test_one_tie_breslow() -> None:
    fit = cox(TIE, ties="breslow")
    assert fit.hazard_ratio == pytest.approx(1 / 3, rel=1e-12)
    assert fit.loglik[1] == pytest.approx(math.log(1 / 12), rel=1e-13)
    # information: twice p (1 - p) with p = 3 r / (1 + 3 r) = 1/2
    assert fit.se[0] == pytest.approx(math.sqrt(2), rel=1e-12)


def test_one_tie_efron() -> None:
    r = 1 / math.sqrt(15)
    fit = cox(TIE)
    assert fit.ties == "efron"
    assert fit.hazard_ratio == pytest.approx(r, rel=1e-12)
    assert fit.loglik[1] == pytest.approx(math.log(2 * r / ((1 + 3 * r) * (1 + 5 * r))), rel=1e-13)
    information = 3 * r / (1 + 3 * r) ** 2 + 5 * r / (1 + 5 * r) ** 2
    assert fit.se[0] == pytest.approx(information**-0.5, rel=1e-12)


def test_one_tie_discrete() -> None:
    fit = cox(TIE, ties="discrete")
    assert fit.hazard_ratio == 0  # coefficient minus infinity
    assert fit.loglik == pytest.approx((math.log(1 / 6), math.log(1 / 3)), rel=1e-10)


def test_one_tie_exact_marginal() -> None:
    # near r = 0 the likelihood falls as r^2, not as r: each step gains half as much
    fit = cox(TIE, ties="exact-marginal")
    assert fit.hazard_ratio == 0
    assert fit.loglik == pytest.approx((math.log(6 / 36), math.log(1 / 3)), rel=1e-10)


# A second case with a finite maximum for both exact methods: A, B die at 1; A, B are alive later, and A dies at 4
# when A and B are at risk. Let r = e^beta for B. At 1 the risk set is A, A, B, B; at 4 it is A, B.
#   discrete: pairs of {1, 1, r, r}: 1 + 4 r + r^2.  L = r / (1 + 4 r + r^2) * 1 / (1 + r)
#     dlogL/dbeta = 1 - (4 r + 2 r^2) / (1 + 4 r + r^2) - r / (1 + r) = 0
#     (1 - r^2) / (1 + 4 r + r^2) = r / (1 + r)  =>  (1 - r^2)(1 + r) = r + 4 r^2 + r^3
#     =>  1 + r - r^2 - r^3 = r + 4 r^2 + r^3    =>  2 r^3 + 5 r^2 - 1 = 0
#     => (2 r + 1) (r^2 + 2 r - 1) = 0           =>  r = sqrt(2) - 1
#   exact-marginal at 1: A then B, or B then A, before the other A and B:
#     1/(2 + 2r) * r/(1 + 2r) + r/(2 + 2r) * 1/(2 + r) = r (3 + 3r) / ((2 + 2r)(1 + 2r)(2 + r))
#       = 3 r / (2 (1 + 2r) (2 + r))
#     times 1/(1 + r). dlogL/dbeta = 1 - 2r/(1 + 2r) - r/(2 + r) - r/(1 + r)
#       = 1/(1 + 2r) - r/(2 + r) - r/(1 + r) = 0
#     => (2 + r)(1 + r) = r (1 + 2r) (1 + r + 2 + r) = r (1 + 2r) (3 + 2r)
#     => 2 + 3r + r^2 = 3 r + 8 r^2 + 4 r^3  =>  4 r^3 + 7 r^2 - 2 = 0, solved by bisection
FOUR_TIED = two_arms([1, 1, 4, 5], [1, 1, 1, 0], ["A", "B", "A", "B"])


def test_discrete_maximum() -> None:
    r = math.sqrt(2) - 1
    fit = cox(FOUR_TIED, ties="discrete")
    assert fit.hazard_ratio == pytest.approx(r, rel=1e-12)
    assert fit.loglik[0] == pytest.approx(math.log(1 / 12), rel=1e-14)
    assert fit.loglik[1] == pytest.approx(math.log(r / (1 + 4 * r + r**2) / (1 + r)), rel=1e-13)
    # score at 0: 1 - 6/6 - 1/2 = -1/2; variance of the number of B among 2 of {A, A, B, B}: 1/3, and 1/4: 7/12
    assert fit.score.statistic == pytest.approx((1 / 4) / (7 / 12), rel=1e-12)
    assert logrank(FOUR_TIED).statistic == pytest.approx(3 / 7, rel=1e-13)  # the same, as it must be


def test_exact_marginal_maximum() -> None:
    low, high = 0.0, 1.0
    for _ in range(60):
        r = (low + high) / 2
        low, high = (r, high) if 4 * r**3 + 7 * r**2 - 2 < 0 else (low, r)
    fit = cox(FOUR_TIED, ties="exact-marginal")
    assert fit.hazard_ratio == pytest.approx(r, rel=1e-12)
    assert fit.loglik[0] == pytest.approx(math.log(3 / 18 / 2), rel=1e-13)
    assert fit.loglik[1] == pytest.approx(math.log(3 * r / (2 * (1 + 2 * r) * (2 + r)) / (1 + r)), rel=1e-13)
    # minus the second derivative in beta: 2r/(1+2r)^2 + 2r/(2+r)^2 + r/(1+r)^2
    information = 2 * r / (1 + 2 * r) ** 2 + 2 * r / (2 + r) ** 2 + r / (1 + r) ** 2
    assert fit.se[0] == pytest.approx(information**-0.5, rel=1e-11)


def test_breslow_and_efron_of_the_same() -> None:
    # Breslow: L = r / (2 + 2r)^2 / (1 + r) ~ r / (1 + r)^3: 1 = 3 r / (1 + r), r = 1/2
    assert cox(FOUR_TIED, ties="breslow").hazard_ratio == pytest.approx(1 / 2, rel=1e-12)
    # Efron: the second factor loses half of A and half of B: 2 + 2r - (1 + r)/2 = 3 (1 + r)/2, so the same r
    assert cox(FOUR_TIED).hazard_ratio == pytest.approx(1 / 2, rel=1e-12)
    assert cox(FOUR_TIED).loglik[1] == pytest.approx(math.log(0.5 / 3 / (1.5 * 1.5) / 1.5), rel=1e-13)


def test_efron_with_weights() -> None:
    # A of weight 1 and B of weight 3 die at 1; B of weight 1 is censored later. Deaths' mean weight: 2.
    # log L = 3 b - 2 log(1 + 4 r) - 2 log(1 + 4 r - (1 + 3 r)/2) = 3 b - 2 log(1 + 4 r) - 2 log((1 + 5 r)/2)
    #   3 = 8 r / (1 + 4 r) + 10 r / (1 + 5 r)  =>  3 (1 + 9 r + 20 r^2) = 18 r + 80 r^2  =>  20 r^2 - 9 r - 3 = 0
    r = (9 + math.sqrt(81 + 240)) / 40
    tte = two_arms([1, 1, 2], [1, 1, 0], ["A", "B", "B"], weight=[1, 3, 1], weight_type="case")
    fit = cox(tte)
    assert fit.hazard_ratio == pytest.approx(r, rel=1e-12)
    assert not fit.robust
    # Breslow: 3 = 4 * 4 r / (1 + 4 r)  =>  r = 3/4
    assert cox(tte, ties="breslow").hazard_ratio == pytest.approx(3 / 4, rel=1e-12)


def test_cox_with_late_entry() -> None:
    # As the three patients above, but B of time 3 enters at 1: not at risk at 1.
    #   L = r / (r + 1) * 1 / (1 + r)  =>  r = 1
    tte = two_arms([1, 2, 3], [1, 1, 0], ["B", "A", "B"], entry=[0, 0, 1])
    fit = cox(tte)
    assert fit.coef[0] == pytest.approx(0, abs=1e-12)
    assert fit.se[0] == pytest.approx(math.sqrt(2), rel=1e-12)


def test_robust_variance_of_three_patients() -> None:
    # One B dies at 1, A dies at 2, B censored at 3; r = 1/sqrt(2) as above. Score residuals x_i - mean, less hazards:
    # means of x: m1 = 2r/(2r+1), m2 = r/(1+r); hazards h1 = 1/(2r+1), h2 = 1/(1+r)
    #   B at 1: (1 - m1) (1 - r h1);  A at 2: -m2 (1 - h2) + m1 h1;  B at 3: -r ((1 - m1) h1 + (1 - m2) h2)
    r = 1 / math.sqrt(2)
    m1, m2, h1, h2 = 2 * r / (2 * r + 1), r / (1 + r), 1 / (2 * r + 1), 1 / (1 + r)
    u = [(1 - m1) * (1 - r * h1), -m2 * (1 - h2) + m1 * h1, -r * ((1 - m1) * h1 + (1 - m2) * h2)]
    assert sum(u) == pytest.approx(0, abs=1e-15)
    information = m1 * (1 - m1) + m2 * (1 - m2)
    tte = two_arms([1, 2, 3], [1, 1, 0], ["B", "A", "B"])
    fit = cox(tte, robust=True)
    assert fit.se[0] == pytest.approx(math.sqrt(sum(v * v for v in u)) / information, rel=1e-11)
    # patients 1 and 2 in one cluster: (u1 + u2)^2 + u3^2
    fit = cox(tte, cluster=["x", "x", "y"])
    assert fit.se[0] == pytest.approx(math.sqrt((u[0] + u[1]) ** 2 + u[2] ** 2) / information, rel=1e-11)


# ------------------------------------------------------------------- concordance
def test_concordance_by_counting() -> None:
    # Risk rises with x. Times 1, 2, 3+, 4 with x = 3, 1, 2, 1.
    #   death at 1 (x = 3) against 2, 3+, 4: all lower: 3 concordant
    #   death at 2 (x = 1) against 3+ (2): discordant; against 4 (1): tied
    #   death at 4: nobody is left. So C = (3 + 1/2) / 5 = 0.7
    tte = one_group([1, 2, 3, 4], [1, 1, 0, 1])
    fit = cox(tte, {"x": [3, 1, 2, 1]})
    assert fit.coef[0] > 0
    c = fit.concordance
    assert (c.concordant, c.discordant, c.tied_risk, c.tied_time, c.tied_both) == (3, 1, 1, 0, 0)
    assert c.estimate == pytest.approx(0.7, rel=1e-15)
    # each patient's share: (own score - C * own pairs) / 5, own score 3, 1.5, 1, 1.5 of own pairs 3, 3, 2, 2
    parts = [(3 - 2.1) / 5, (1.5 - 2.1) / 5, (1 - 1.4) / 5, (1.5 - 1.4) / 5]
    assert c.std_error == pytest.approx(math.sqrt(sum(p * p for p in parts)), rel=1e-14)


# -------------------------------------------------------------------------- RMST
def test_rmst_as_rectangles() -> None:
    # A is the five patients above; S is 1, 4/5, 3/5, 3/10 from 0, 2, 3, 5. Up to 6 days:
    #   area = 2 * 1 + 1 * 4/5 + 2 * 3/5 + 1 * 3/10 = 4.3
    #   areas from each death to 6: 2.3, 1.5, 0.3; times d / (n (n - d)) = 1/20, 1/12, 1/2:
    #   variance = 5.29/20 + 2.25/12 + 0.09/2 = 0.2645 + 0.1875 + 0.045 = 0.497
    # B: deaths at 4 of 2, censored at 6: area = 4 + 2 * 1/2 = 5; variance = 1^2 * 1/2 = 0.5
    tte = two_arms([2, 3, 3, 5, 7, 4, 6], [1, 0, 1, 1, 0, 1, 0], [*"AAAAABB"])
    fit = rmst(tte, tau="6 days")
    assert fit["A"].rmst == pytest.approx(4.3, rel=1e-15)
    assert fit["A"].rmtl == pytest.approx(1.7, rel=1e-14)
    assert fit["A"].std_error == pytest.approx(math.sqrt(0.497), rel=1e-14)
    assert fit["B"].rmst == 5
    assert fit.difference == pytest.approx(0.7, rel=1e-14)
    se = math.sqrt(0.997)
    assert fit.conf_int == pytest.approx((0.7 - Z * se, 0.7 + Z * se), rel=1e-13)
    assert fit.p_value == pytest.approx(math.erfc(0.7 / se / math.sqrt(2)), rel=1e-12)
    # ratio on the log scale: variance 0.497 / 4.3^2 + 0.5 / 25
    log_se = math.sqrt(0.497 / 4.3**2 + 0.02)
    assert fit.ratio.estimate == pytest.approx(5 / 4.3, rel=1e-14)
    assert fit.ratio.conf_int[0] == pytest.approx(5 / 4.3 * math.exp(-Z * log_se), rel=1e-13)
    # B is followed to 6 days and no further
    beyond = rmst(tte, tau="1 week")
    # A, whose last patient is censored at 7 days, has one: 4.3 + 3/10
    assert beyond["A"].rmst == pytest.approx(4.6, rel=1e-14)
    assert math.isnan(beyond["B"].rmst)
    assert math.isnan(beyond.difference)
    assert beyond.reason == (
        "tau = 7 days lies beyond the follow-up of B; the largest tau that every arm supports is 6 days"
    )


# ------------------------------------------------------------- Freireich's leukemia trial
def test_freireich_as_published() -> None:
    """The 6-MP trial, remission in weeks: what textbooks print of it, to their digits."""
    with (Path(__file__).parent.parent / "reference" / "data" / "leukemia_6mp.csv").open() as f:
        rows = list(csv.DictReader(f))
    tte = TimeToEvent(
        [float(r["time"]) for r in rows],
        [int(r["status"]) for r in rows],
        ["6-MP" if r["mp6"] == "1" else "placebo" for r in rows],
        control="placebo",
        experimental="6-MP",
        unit="weeks",
    )
    km = kaplan_meier(tte)
    assert (km["6-MP"].median / 7, km["placebo"].median / 7) == (23, 8)
    assert logrank(tte).observed.tolist() == [21, 9]
    assert round(logrank(tte).statistic, 2) == 16.79
    assert round(-cox(tte, ties="breslow").coef[0], 2) == 1.51
    assert round(-cox(tte, ties="efron").coef[0], 2) == 1.57
    assert round(-cox(tte, ties="discrete").coef[0], 2) == 1.63
    assert round(-cox(tte, ties="exact-marginal").coef[0], 2) == 1.60


def test_equal_risks_are_tied_whatever_rounding_makes_of_them() -> None:
    # Three arms with the same curve: both coefficients are 0 but for rounding, and every pair is tied in risk
    tte = TimeToEvent([1, 2, 3] * 3, [1, 1, 0] * 3, [*"AAABBBCCC"], control="A", unit="days")
    fit = cox(tte)
    np.testing.assert_allclose(fit.coef, [0, 0], atol=1e-12)
    c = fit.concordance
    # at 1, 3 deaths against 6 survivors; at 2, 3 against 3
    assert (c.concordant, c.discordant, c.tied_risk, c.estimate) == (0, 0, 27, 0.5)
