"""Shares, tables and rates worked on paper: each closed form stands beside the number."""

from __future__ import annotations

import math

import pytest
from scipy.special import ndtri

from equipoise.analyze import (
    clopper_pearson,
    cmh,
    exposure_adjusted_rate,
    fisher,
    rate_difference,
    rate_ratio,
    risk_difference,
    risk_ratio,
)

Q = float(ndtri(0.975))
SAME = {"rel": 1e-12, "abs": 1e-14}


def test_clopper_pearson_where_the_tails_are_powers() -> None:
    assert clopper_pearson(0, 7).conf_int == pytest.approx((0, 1 - 0.025 ** (1 / 7)), **SAME)
    assert clopper_pearson(7, 7).conf_int == pytest.approx((0.025 ** (1 / 7), 1), **SAME)
    # One of two: 1 - (1 - p)^2 = .025 below, 1 - p^2 = .025 above.
    assert clopper_pearson(1, 2).conf_int == pytest.approx((1 - math.sqrt(0.975), math.sqrt(0.975)), **SAME)
    assert clopper_pearson(1, 2, 0.8).conf_int == pytest.approx((1 - math.sqrt(0.9), math.sqrt(0.9)), **SAME)


def test_risk_difference_of_one_against_none_of_one() -> None:
    """Likelihood (p0 + d)(1 - p0): p0 = (1 - d)/2, p1 = (1 + d)/2, variance (1 - d^2)/2 times 2/1.

    So z = sqrt((1 - d)/(1 + d)), which is q at d = (1 - q^2)/(1 + q^2) and never -q."""
    found = risk_difference(1, 1, 0, 1)
    assert found.estimate == 1
    assert found.conf_int == pytest.approx(((1 - Q**2) / (1 + Q**2), 1), **SAME)
    assert found.z == pytest.approx(1, **SAME)


@pytest.mark.parametrize("n", [2, 10, 250])
def test_risk_difference_of_halves(n: int) -> None:
    """n/2 of n in both: p = (1 -+ d)/2, variance (1 - d^2)/(2n - 1): limits +-q / sqrt(2n - 1 + q^2)."""
    found = risk_difference(n // 2, n, n // 2, n)
    limit = Q / math.sqrt(2 * n - 1 + Q**2)
    assert found.conf_int == pytest.approx((-limit, limit), **SAME)
    assert found.p_value == 1


def test_risk_ratio_where_all_have_the_event() -> None:
    """One of one in both: p0 = 1, p1 = r below 1: z = sqrt((1 - r)/(2r)): r = 1/(1 + 2 q^2); above the mirror."""
    found = risk_ratio(1, 1, 1, 1)
    assert found.conf_int == pytest.approx((1 / (1 + 2 * Q**2), 1 + 2 * Q**2), **SAME)


def test_risk_ratio_of_none_against_all() -> None:
    """0 of n against n of n: p0 = 1 below r = 1/2: r^2 (2n - 1) = 2 q^2 r (1 - r)."""
    found = risk_ratio(0, 10, 10, 10)
    assert found.estimate == 0
    assert found.conf_int == pytest.approx((0, 2 * Q**2 / (19 + 2 * Q**2)), **SAME)
    mirror = risk_ratio(10, 10, 0, 10)
    assert math.isinf(mirror.estimate)
    assert math.isinf(mirror.conf_int[1])
    assert "no upper limit" in mirror.reason


def test_two_strata_of_halves() -> None:
    """Strata alike: differences weighted alike, variance halved: d^2 = q^2 (1 - d^2) / (2 (2n - 1))."""
    n = 10
    found = risk_difference([5, 5], [n, n], [5, 5], [n, n])
    limit = Q / math.sqrt(2 * (2 * n - 1) + Q**2)
    assert found.conf_int == pytest.approx((-limit, limit), **SAME)
    by_size = risk_difference([5, 5], [n, n], [5, 5], [n, n], weights="sample size")
    assert by_size.conf_int == pytest.approx(found.conf_int, **SAME)


def test_weights_of_strata() -> None:
    """Differences 1/2 (10 against 10) and 0 (10 against 30): weights 5 and 7.5, or 20 and 40."""
    counts = ([5, 5], [10, 10], [0, 15], [10, 30])
    assert risk_difference(*counts).estimate == pytest.approx(0.5 * 5 / 12.5, **SAME)
    assert risk_difference(*counts, weights="sample size").estimate == pytest.approx(0.5 * 20 / 60, **SAME)
    # Ratio of weighted shares: (5 * 1/2 + 7.5 * 1/2) / (7.5 * 1/2)
    assert risk_ratio(*counts).estimate == pytest.approx(6.25 / 3.75, **SAME)


def test_cmh_of_one_table() -> None:
    """3 of 4 against 1 of 4: expected 2, variance 4^4 / (8^2 * 7) = 4/7; odds ratio 9, its log variance 8/3."""
    found = cmh(3, 4, 1, 4)
    assert found.statistic == pytest.approx(7 / 4, **SAME)
    assert found.odds_ratio == pytest.approx(9, **SAME)
    width = Q * math.sqrt(8 / 3)
    assert found.conf_int == pytest.approx((9 * math.exp(-width), 9 * math.exp(width)), **SAME)
    assert cmh(3, 4, 1, 4, correction=True).statistic == pytest.approx(7 / 16, **SAME)
    # A deviation below one half is not corrected beyond itself: 1 of 2 against 1 of 3, expected .8, variance .36.
    assert cmh(1, 2, 1, 3).statistic == pytest.approx(0.2**2 / 0.36, **SAME)
    assert cmh(1, 2, 1, 3, correction=True).statistic == pytest.approx(0.2**2 / 0.36, **SAME)


def test_cmh_of_two_tables() -> None:
    """The table above twice: deviations and variances add, the odds ratio stays, its log variance is halved."""
    found = cmh([3, 3], [4, 4], [1, 1], [4, 4])
    assert found.statistic == pytest.approx(4 / (8 / 7), **SAME)
    assert found.odds_ratio == pytest.approx(9, **SAME)
    width = Q * math.sqrt(4 / 3)
    assert found.conf_int == pytest.approx((9 * math.exp(-width), 9 * math.exp(width)), **SAME)


def test_the_score_test_with_cmh_weights_is_cmh() -> None:
    counts = ([3, 8, 2], [9, 20, 2], [1, 4, 3], [11, 18, 5])
    assert risk_difference(*counts).z ** 2 == pytest.approx(cmh(*counts).statistic, **SAME)


def test_fisher_of_four_against_four() -> None:
    """Margins 4, 4, 4: probabilities 1, 16, 36, 16, 1 of 70."""
    found = fisher(3, 4, 1, 4)
    assert found.p_value == pytest.approx(34 / 70, **SAME)
    assert found.p_more == pytest.approx(17 / 70, **SAME)
    assert found.p_fewer == pytest.approx(69 / 70, **SAME)


def test_exact_limits_of_a_rate() -> None:
    """No event: e^-m = .025. One: 1 - e^-m = .025 below; (1 + m) e^-m = .025 above, checked by putting it in."""
    none = exposure_adjusted_rate(0, 50, unit="years", per="100 years")
    assert none.estimate == 0
    assert none.conf_int == pytest.approx((0, -2 * math.log(0.025)), **SAME)
    one = exposure_adjusted_rate(1, 100, unit="years", per="100 years")
    assert one.conf_int[0] == pytest.approx(-math.log(0.975), **SAME)
    m = one.conf_int[1]
    assert (1 + m) * math.exp(-m) == pytest.approx(0.025, **SAME)
    assert exposure_adjusted_rate(1, 36525, unit="days", per="1 year").estimate == pytest.approx(0.01, **SAME)


def test_rate_ratio_under_equal_exposure() -> None:
    """One against one: (1 - r)^2 = 2 q^2 r: r = 1 + q^2 -+ sqrt((1 + q^2)^2 - 1)."""
    root = math.sqrt((1 + Q**2) ** 2 - 1)
    found = rate_ratio(1, 10, 1, 10, unit="years")
    assert found.estimate == 1
    assert found.conf_int == pytest.approx((1 + Q**2 - root, 1 + Q**2 + root), **SAME)


def test_rate_difference_of_one_against_none() -> None:
    """One against none in a year each: below d = 1/2 the rates are 1/2 and 1/2 - d, so z = sqrt(1 - d) and the lower
    limit is 1 - q^2; above, d and 0, so z = (1 - d)/sqrt(d) and the upper limit is ((q + sqrt(q^2 + 4))/2)^2."""
    found = rate_difference(1, 1, 0, 1, unit="years", per="1 year")
    assert found.estimate == 1
    assert found.conf_int == pytest.approx((1 - Q**2, ((Q + math.sqrt(Q**2 + 4)) / 2) ** 2), **SAME)
    assert found.z == pytest.approx(1, **SAME)
