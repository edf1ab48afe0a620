"""Profile likelihood, Firth's penalty, other null hypotheses and nested models, on likelihoods that fit on a line.

A stratum of one subject of each arm, followed to the first death, has the likelihood of a coin: r / (1 + r) if the
experimental subject dies first, 1 / (1 + r) if the control does. So k and m such pairs have r^k / (1 + r)^(k + m), with
its maximum at r = k / m and information (k + m) q (1 - q), q = r / (1 + r).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2, norm

from equipoise.survival import TimeToEvent, cox, likelihood_ratio
from equipoise.survival.inference import NO_EVENTS, NO_SCORE, SEPARATED
from equipoise.survival.nested import NO_MORE
from equipoise.survival.profile import UNBOUNDED

Q = chi2.ppf(0.95, 1)


def pairs(*first: str, **more: Any) -> TimeToEvent:
    """A stratum for each letter: that arm's subject dies at 1, the other arm's is censored at 2."""
    arm = [a for f in first for a in (f, "A" if f == "B" else "B")]
    stratum = [i for i in range(len(first)) for _ in range(2)]
    return TimeToEvent(
        [1, 2] * len(first),
        [1, 0] * len(first),
        arm,
        control="A",
        experimental="B",
        strata=stratum,
        unit="days",
        **more,
    )


# ------------------------------------------------------------------ profile likelihood
@pytest.mark.parametrize("ties", ["efron", "breslow", "discrete", "exact-marginal"])
def test_profile_limits_of_two_against_two(ties: str) -> None:
    # r^2 / (1 + r)^4 has its maximum 1/16 at 1. A drop by e^(-Q/2) is at r / (1 + r)^2 = e^(-Q/4) / 4 = g, a quadratic
    fit = cox(pairs(*"BBAA"), ties=ties, conf_type="profile")
    g = math.exp(-Q / 4) / 4
    root = math.sqrt(1 - 4 * g)
    assert fit.hazard_ratio == pytest.approx(1, abs=1e-14)
    assert fit.conf_int == pytest.approx(((1 - 2 * g - root) / (2 * g), (1 - 2 * g + root) / (2 * g)), rel=1e-12)
    assert fit.method.endswith("stratified, profile likelihood limits")
    assert "profile" not in cox(pairs(*"BBAA"), ties=ties).method


def test_profile_limits_of_three_against_one() -> None:
    # r^3 / (1 + r)^4 is 27/256 at r = 3
    fit = cox(pairs(*"BBBA"), conf_type="profile", level=0.9)
    assert fit.hazard_ratio == pytest.approx(3, rel=1e-14)
    drop = math.exp(-chi2.ppf(0.9, 1) / 2)
    for r in fit.conf_int:
        assert r**3 / (1 + r) ** 4 / (27 / 256) == pytest.approx(drop, rel=1e-12)
    assert fit.conf_int[0] < 3 < fit.conf_int[1]
    wald = cox(pairs(*"BBBA"), level=0.9)
    assert fit.p_value == wald.p_value  # the limits change, the test does not
    assert wald.conf_int[0] == pytest.approx(3 * math.exp(-norm.ppf(0.95) * math.sqrt(4 / 3)), rel=1e-13)


def test_profile_limits_under_separation() -> None:
    # (r / (1 + r))^4 rises to 1, and has dropped to e^(-Q/2) where r / (1 + r) = e^(-Q/8)
    fit = cox(pairs(*"BBBB"), conf_type="profile")
    c = math.exp(-Q / 8)
    assert fit.coef[0] == math.inf
    assert fit.conf_int == (pytest.approx(c / (1 - c), rel=1e-10), math.inf)
    assert (fit.reasons, fit.limit_reasons) == ((SEPARATED,), (UNBOUNDED,))
    assert math.isnan(fit.p_value)
    assert str(fit).startswith("Hazard ratio B v A not estimable (95% CI 1.62 to not reached): the likelihood has no")
    rows = {r.statistic: r for r in fit.rows()}
    assert (rows["hazard ratio"].value, rows["hazard ratio"].reason) == (None, SEPARATED)
    assert rows["hazard ratio lower limit"].value == fit.conf_int[0]
    assert rows["hazard ratio lower limit"].reason == ""
    assert (rows["hazard ratio upper limit"].value, rows["hazard ratio upper limit"].reason) == (None, UNBOUNDED)
    other = cox(pairs(*"AAAA"), conf_type="profile")
    assert other.conf_int == (0, pytest.approx((1 - c) / c, rel=1e-10))
    lower = {r.statistic: r for r in other.rows()}["hazard ratio lower limit"]
    assert (lower.value, lower.text, lower.reason) == (0, "0.00", UNBOUNDED)


def apart(arm: tuple[int, int], score: tuple[int, int]) -> tuple[TimeToEvent, dict[str, Any]]:
    """Pairs that differ in their arm only and pairs (both in arm B) that differ in a score only: (k, m) of each.

    The likelihood is the product of both coins'.
    """
    rows = [(a, 0, b, 0) for a, b, count in (("B", "A", arm[0]), ("A", "B", arm[1])) for _ in range(count)]
    rows += [("B", s, "B", 1 - s) for s, count in ((1, score[0]), (0, score[1])) for _ in range(count)]
    arms, scores = [x for r in rows for x in (r[0], r[2])], [x for r in rows for x in (r[1], r[3])]
    n = len(rows)
    tte = TimeToEvent([1, 2] * n, [1, 0] * n, arms, control="A", experimental="B",
                      strata=np.repeat(np.arange(n), 2), unit="days")  # fmt: skip
    return tte, {"score": np.array(scores, dtype=float)}


def test_profile_limits_of_two_terms() -> None:
    fit = cox(*apart((3, 1), (2, 2)), conf_type="profile")
    np.testing.assert_allclose(np.exp(fit.coef), [3, 1], rtol=1e-13)
    for r in fit.limits()[0]:
        assert r**3 / (1 + r) ** 4 / (27 / 256) == pytest.approx(math.exp(-Q / 2), rel=1e-12)
    for s in fit.limits()[1]:
        assert s**2 / (1 + s) ** 4 / (1 / 16) == pytest.approx(math.exp(-Q / 2), rel=1e-12)
    assert fit.conf_int == pytest.approx(tuple(fit.limits()[0]))


def test_profile_limits_beside_a_term_that_separates() -> None:
    fit = cox(*apart((3, 1), (2, 0)), conf_type="profile")
    for r in fit.limits()[0]:
        assert r**3 / (1 + r) ** 4 / (27 / 256) == pytest.approx(math.exp(-Q / 2), rel=1e-10)
    c = math.exp(-Q / 4)
    assert fit.limits()[1].tolist() == [pytest.approx(c / (1 - c), rel=1e-10), math.inf]
    assert fit.limit_reasons == ("", UNBOUNDED)


# ---------------------------------------------------------------------- Firth's penalty
@pytest.mark.parametrize(("k", "m"), [(4, 0), (0, 4), (3, 1), (2, 2), (1, 0)])
def test_firth_adds_half_a_pair_to_each_side(k: int, m: int) -> None:
    # k log q + m log(1 - q) + log((k + m) q (1 - q)) / 2: as if there were k + 1/2 and m + 1/2 pairs
    fit = cox(pairs(*"B" * k, *"A" * m), penalty="firth")
    n, q = k + m, (k + 0.5) / (k + m + 1)
    assert fit.hazard_ratio == pytest.approx((k + 0.5) / (m + 0.5), rel=1e-13)
    assert fit.se[0] == pytest.approx(1 / math.sqrt(n * q * (1 - q)), rel=1e-13)
    at_zero = -n * math.log(2) + math.log(n / 4) / 2
    highest = (k + 0.5) * math.log(q) + (m + 0.5) * math.log(1 - q) + math.log(n) / 2
    assert fit.loglik == pytest.approx((at_zero, highest), rel=1e-13)
    assert fit.likelihood_ratio.statistic == pytest.approx(2 * (highest - at_zero), rel=1e-12, abs=1e-14)
    z = math.copysign(math.sqrt(2 * (highest - at_zero)), k - m) if k != m else 0
    assert fit.z[0] == pytest.approx(z, rel=1e-12, abs=1e-7)  # at 0 the root of a rounded zero
    assert fit.p_value == pytest.approx(2 * norm.sf(abs(z)), rel=1e-12, abs=1e-7)
    assert fit.p_one_sided == pytest.approx(norm.cdf(z), rel=1e-12, abs=1e-7)
    drop = math.exp(-Q / 2)
    for r in fit.conf_int:
        s = r / (1 + r)
        assert (s / q) ** (k + 0.5) * ((1 - s) / (1 - q)) ** (m + 0.5) == pytest.approx(drop, rel=1e-11)
    assert (fit.reasons, fit.conf_type) == (("",), "profile")
    assert fit.method.endswith("Firth penalty, profile likelihood limits")
    assert (fit.score.reason, math.isnan(fit.score.statistic)) == (NO_SCORE, True)
    assert "penalized likelihood ratio P" in {r.statistic for r in fit.rows()}


def test_firth_with_wald_limits() -> None:
    # four against none: 9, with standard error 1 / sqrt(4 * 0.9 * 0.1) = 5/3
    fit = cox(pairs(*"BBBB"), penalty="firth", conf_type="wald")
    width = norm.ppf(0.975) * 5 / 3
    assert fit.conf_int == pytest.approx((9 * math.exp(-width), 9 * math.exp(width)), rel=1e-12)
    assert fit.method.endswith("Firth penalty, Wald limits")
    assert fit.wald.statistic == pytest.approx((math.log(9) / (5 / 3)) ** 2, rel=1e-12)


@pytest.mark.parametrize(("ties", "hazard_ratio"), [("efron", 1.0), ("breslow", 1.0)])
def test_firth_where_both_of_a_pair_die_at_once(ties: str, hazard_ratio: float) -> None:
    # Efron: r / ((1 + r) (1 + r) / 2); Breslow: r / (1 + r)^2. Two terms of information q (1 - q), so that the
    # penalized likelihood is q^(3/2) (1 - q)^(3/2) up to a constant
    tte = TimeToEvent([1, 1], [1, 1], ["A", "B"], control="A", experimental="B", unit="days")
    fit = cox(tte, penalty="firth", ties=ties)
    assert fit.hazard_ratio == pytest.approx(hazard_ratio, abs=1e-12)
    assert fit.se[0] == pytest.approx(1 / math.sqrt(2 / 4), rel=1e-12)
    constant = {"efron": math.log(2), "breslow": 0.0}[ties]
    assert fit.loglik[1] == pytest.approx(constant + 2 * math.log(0.5) + math.log(0.5) / 2, rel=1e-13)
    for r in fit.conf_int:
        assert (4 * r / (1 + r) ** 2) ** 1.5 == pytest.approx(math.exp(-Q / 2), rel=1e-11)


def test_firth_of_three_arms_of_one_risk_set() -> None:
    # One death among three of different arms: l = log p_B, det of the information = p_A p_B p_C. The penalized
    # likelihood p_B^(3/2) (p_A p_C)^(1/2) has its maximum at 3/5, 1/5, 1/5: hazard ratios 3 and 1
    tte = TimeToEvent([1, 2, 2], [1, 0, 0], ["B", "A", "C"], control="A", unit="days")
    fit = cox(tte, penalty="firth")
    np.testing.assert_allclose(fit.hazard_ratio, [3, 1], rtol=1e-12)
    information = np.array([[0.6 * 0.4, -0.6 * 0.2], [-0.6 * 0.2, 0.2 * 0.8]])
    np.testing.assert_allclose(fit.covariance, np.linalg.inv(information), rtol=1e-11)
    assert fit.loglik[1] == pytest.approx(1.5 * math.log(0.6) + math.log(0.2), rel=1e-13)
    assert fit.likelihood_ratio.df == 2
    # C against A given B: with hazard ratio c held and p_A = a, p_C = c a, p_B = 1 - (1 + c) a the likelihood is
    # (1 - (1 + c) a)^(3/2) a c^(1/2), at most where (1 + c) a = 2/5: proportional to c^(1/2) / (1 + c)
    for c in fit.limits()[1]:
        assert 2 * math.sqrt(c) / (1 + c) == pytest.approx(math.exp(-Q / 2), rel=1e-11)


def test_firth_without_events_or_information() -> None:
    none = TimeToEvent([1, 2], [0, 0], ["A", "B"], control="A", experimental="B", unit="days")
    fit = cox(none, penalty="firth")
    assert fit.reasons == (NO_EVENTS,)
    assert np.isnan([*fit.coef, *fit.conf_int, fit.p_value, fit.score.statistic]).all()
    assert (fit.score.reason, fit.likelihood_ratio.reason) == (NO_EVENTS, NO_EVENTS)
    twice = cox(pairs(*"BBB"), {"again": [1.0, 0] * 3}, penalty="firth")  # the same column, turned: aliased
    assert twice.hazard_ratio == pytest.approx(7, rel=1e-12)
    assert math.isnan(twice.coef[1])
    assert np.isnan([twice.p[1], *twice.limits()[1]]).all()


# ---------------------------------------------------------------------- another null hypothesis
def test_null_hazard_ratio() -> None:
    # log 3 with standard error sqrt(4/3) against log 3/2
    z = math.log(2) * math.sqrt(3 / 4)
    fit = cox(pairs(*"BBBA"), null_hazard_ratio=1.5)
    assert fit.z[0] == pytest.approx(z, rel=1e-13)
    assert fit.p_value == pytest.approx(2 * norm.sf(z), rel=1e-12)
    assert fit.p_one_sided == pytest.approx(norm.cdf(z), rel=1e-12)  # a harm: against HR >= 1.5
    benefit = cox(pairs(*"BBBA", event_is="benefit"), null_hazard_ratio=1.5)
    assert benefit.p_one_sided == pytest.approx(norm.sf(z), rel=1e-12)
    assert fit.method == "Cox model, Efron ties, stratified, Wald limits, null hazard ratio 1.5"
    plain = cox(pairs(*"BBBA"))
    assert (fit.hazard_ratio, fit.conf_int) == (plain.hazard_ratio, plain.conf_int)
    assert (fit.wald, fit.score, fit.likelihood_ratio) == (plain.wald, plain.score, plain.likelihood_ratio)
    rows = {r.statistic: r for r in fit.rows() if r.group == "B v A"}
    assert rows["Wald P one-sided"].value == fit.p_one_sided
    assert "Wald P one-sided" not in {r.statistic for r in plain.rows()}
    other = cox(*apart((3, 1), (3, 1)), null_hazard_ratio=1.5)
    assert other.z == pytest.approx([z, math.log(3) * math.sqrt(3 / 4)], rel=1e-12)  # of the arm's term only


def test_non_inferiority_where_the_arms_are_alike() -> None:
    # 8 against 8: HR 1, standard error 1/2; a margin of 1.3 is log(1.3) / (1/2) = 0.52 standard errors away
    fit = cox(pairs(*"B" * 8, *"A" * 8), null_hazard_ratio=1.3)
    assert fit.p_one_sided == pytest.approx(norm.cdf(-math.log(1.3) / 0.5), rel=1e-12)


def test_null_hazard_ratio_under_firth() -> None:
    # 9 against a null of 3: twice the log of (0.9 / 0.75)^(9/2) (0.1 / 0.25)^(1/2)
    fit = cox(pairs(*"BBBB"), penalty="firth", null_hazard_ratio=3)
    z = math.sqrt(2 * (4.5 * math.log(0.9 / 0.75) + 0.5 * math.log(0.1 / 0.25)))
    assert fit.z[0] == pytest.approx(z, rel=1e-12)
    assert fit.p_value == pytest.approx(2 * norm.sf(z), rel=1e-12)
    assert fit.p_one_sided == pytest.approx(norm.cdf(z), rel=1e-12)


# ---------------------------------------------------------------------- nested models
def test_likelihood_ratio_of_nested_models() -> None:
    # the score's coin: (2/3)^2 (1/3) = 4/27 at its maximum, 1/8 without it; 2 log(32/27)
    tte, covariates = apart((3, 1), (2, 1))
    small, large = cox(tte), cox(tte, covariates)
    test = likelihood_ratio(small, large)
    assert test.statistic == pytest.approx(2 * math.log(32 / 27), rel=1e-12)
    assert (test.df, test.reason) == (1, "")
    assert test.p_value == pytest.approx(chi2.sf(2 * math.log(32 / 27), 1), rel=1e-11)


def test_likelihood_ratio_where_a_term_separates() -> None:
    # 1 in the limit against (1/2)^2
    tte, covariates = apart((3, 1), (2, 0))
    test = likelihood_ratio(cox(tte), cox(tte, covariates))
    assert (test.statistic, test.df) == (pytest.approx(2 * math.log(4), rel=1e-10), 1)


def test_likelihood_ratio_of_no_more_information() -> None:
    tte, covariates = apart((3, 1), (2, 1))
    test = likelihood_ratio(cox(tte, covariates), cox(tte, {**covariates, "twice": 2 * covariates["score"]}))
    assert (test.df, test.reason, math.isnan(test.statistic)) == (0, NO_MORE, True)
