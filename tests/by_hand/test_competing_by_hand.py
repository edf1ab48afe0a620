"""Competing risks worked out with pencil and paper; every number below is derived in the comment above it."""

from __future__ import annotations

import math
from fractions import Fraction as F

import numpy as np
import pytest

from equipoise.survival import TimeToEvent, cumulative_incidence, fine_gray, gray

Z = 1.959963984540054  # the 97.5th percentile of the normal distribution


# ---------------------------------------------------------- cumulative incidence
# Six patients: cause 1 at 1, twice at 2 and at 6; censored at 3; cause 2 at 4.
#   t = 1: 6 at risk, one of cause 1:  F1 = 1/6,                      S = 5/6
#   t = 2: 5 at risk, two of cause 1:  F1 = 1/6 + 5/6 * 2/5 = 1/2,    S = 5/6 * 3/5 = 1/2
#   t = 3: 3 at risk, one censored
#   t = 4: 2 at risk, one of cause 2:  F2 = 1/2 * 1/2 = 1/4,          S = 1/4
#   t = 6: 1 at risk, one of cause 1:  F1 = 1/2 + 1/4 = 3/4,          S = 0
SIX = TimeToEvent([1, 2, 2, 3, 4, 6], [1, 1, 1, 0, 2, 1], unit="days")
# An event of the own cause at u moves F(t) by S(u-)/Y (1 - x), another by -S(u-)/Y x, with x = (F(t) - F(u)) / S(u).
# (S(u-)/Y)^2 is 1/36 at 1, (5/6 / 5)^2 = 1/36 at 2, (1/2 / 2)^2 = 1/16 at 4, (1/4)^2 = 1/16 at 6; the two deaths at 2
# have 2 (5 - 2)/(5 - 1) = 3/2 times that: 1/24.
#   F1 at 1: 1/36
#   F1 at 2: x = 2/5 for the death at 1: (3/5)^2/36 = 1/100; those at 2: 1/24
#   F1 at 6: x = 7/10: (3/10)^2/36 = 1/400; x = 1/2: 1/4/24 = 1/96; cause 2 at 4, x = 1: 1/16; itself: 1/16
#   F2 at 4: x = 3/10: 9/100/36 = 1/400; x = 1/2: 1/96; itself: 1/16
V1 = [F(1, 36), F(1, 100) + F(1, 24), F(1, 100) + F(1, 24), F(1, 100) + F(1, 24), F(1, 400) + F(1, 96) + F(1, 8)]
V2 = [F(0), F(0), F(0), F(1, 400) + F(1, 96) + F(1, 16)]


def test_six_patients() -> None:
    curves = cumulative_incidence(SIX)["all"]
    one, two = curves[1], curves[2]
    assert one.time.tolist() == [1, 2, 3, 4, 6]
    assert one.at_risk.tolist() == [6, 5, 3, 2, 1]
    assert one.event.tolist() == two.competing.tolist() == [1, 2, 0, 0, 1]
    assert two.event.tolist() == one.competing.tolist() == [0, 0, 0, 1, 0]
    assert one.censored.tolist() == [0, 0, 1, 0, 0]
    np.testing.assert_allclose(one.estimate, [1 / 6, 1 / 2, 1 / 2, 1 / 2, 3 / 4], rtol=1e-15)
    np.testing.assert_allclose(two.estimate, [0, 0, 0, 1 / 4, 1 / 4], rtol=1e-15)
    np.testing.assert_allclose(one.event_free, [5 / 6, 1 / 2, 1 / 2, 1 / 4, 0], rtol=1e-15)
    np.testing.assert_allclose(one.std_error, np.sqrt(np.array(V1, dtype=float)), rtol=1e-14)
    np.testing.assert_allclose(two.std_error[:4], np.sqrt(np.array(V2, dtype=float)), rtol=1e-14)
    # Nothing but the death of cause 1 happens after 4, and F2 stands still: at 6, x is what it was.
    assert two.std_error[4] == pytest.approx(math.sqrt(V2[3]), rel=1e-14)


def test_limits_of_six_patients() -> None:
    # log-log: F^exp(-+1.96 se / (F log F)), the lower one with the power above 1; plain: F -+ 1.96 se, cut at 0 and 1
    f, se = 0.5, math.sqrt(V1[1])
    curve = cumulative_incidence(SIX)["all"][1]
    power = math.exp(-Z * se / (f * math.log(f)))
    assert power > 1
    assert (curve.lower[1], curve.upper[1]) == (pytest.approx(f**power), pytest.approx(f ** (1 / power)))
    plain = cumulative_incidence(SIX, conf_type="plain")["all"][1]
    np.testing.assert_allclose([plain.lower[1], plain.upper[1]], [f - Z * se, f + Z * se], rtol=1e-14)
    assert plain.lower[0] == 0  # 1/6 - 1.96/6 is below zero
    assert plain.upper[4] == 1


def test_landmarks_of_six_patients() -> None:
    before, on, late, beyond = cumulative_incidence(SIX)["all"][2].at(["1 day", "4 days", "5 days", "9 days"])
    assert (before.estimate, before.at_risk, before.events, before.competing) == (0, 6, 0, 1)
    assert before.reason == "log-log limits are not defined where the cumulative incidence is 0"
    assert (on.estimate, on.at_risk, on.events, on.competing) == (pytest.approx(1 / 4), 2, 1, 3)
    assert (late.estimate, late.at_risk) == (pytest.approx(1 / 4), 1)
    assert late.std_error == pytest.approx(math.sqrt(V2[3]))
    # All six are accounted for by 6: the curves stay where they are.
    assert (beyond.estimate, beyond.at_risk, beyond.reason) == (pytest.approx(1 / 4), 0, "")


# ------------------------------------------------------------------- two small arms
# A: cause 2 at 1, censored at 3, cause 1 at 5, censored at 7;  B: cause 1 at 2, censored at 4 and 6
SEVEN = TimeToEvent(
    [1, 3, 5, 7, 2, 4, 6], [2, 0, 1, 0, 1, 0, 0], ["A"] * 4 + ["B"] * 3, control="A", experimental="B", unit="days"
)


def test_gray_in_fractions() -> None:
    # At 2 (an event of B): A has 3 at risk, S_A(2-) = 3/4, F_A = 0; B has 3, S = 1, F = 0.
    #   h = Y/S: 4 and 3, R = h (1 - F): 4 and 3. Expected in B: 3/7.
    # At 5 (an event of A): A has 2 at risk, S_A = 3/4: h = R = 8/3. B has 1, S_B = 2/3, F_B = 1/3: h = 3/2, R = 1.
    #   Expected in B: 1 / (8/3 + 1) = 3/11.
    observed, expected = F(1), F(3, 7) + F(3, 11)
    # The pooled incidence goes up by 1/7 at 2 and by 1/(8/3 + 3/2) = 6/25 at 5; its hazards are 1/7 and
    # (6/25)/(6/7) = 7/25.
    # What an event moves B's score by at once: h_B (1 - h_B/h) = 12/7 at 2 and 24/25 at 5 if it is B's, the same with
    # the other sign if it is A's; what is still to come of it: 24/25 * 7/25 at 2, and 12/7 * 1/7 more at 1.
    now = {2: F(12, 7), 5: F(24, 25)}
    to_come = {2: F(24, 25) * F(7, 25), 1: F(24, 25) * F(7, 25) + F(12, 7) * F(1, 7)}
    # At 2: (1 - F0)/S is (6/7)/(3/4) = 8/7 for A, (6/7)/(2/3) = 9/7 for B.
    own_a = -now[2] - (1 - F(8, 7)) * to_come[2]
    own_b = now[2] + (1 - F(9, 7)) * to_come[2]
    variance = F(1, 7) * (own_a**2 / 4 + own_b**2 / 3)
    variance += F(6, 25) * now[5] ** 2 * (F(3, 8) + F(2, 3))  # at 5, with nothing to come
    # The death of cause 2 in A at 1: (1 - F0)/S_A = 4/3, and its hazard's variance is (S/Y)^2 = 1/16.
    variance += (F(4, 3) * to_come[1]) ** 2 / 16
    test = gray(SEVEN)
    np.testing.assert_allclose(test.observed, [1, 1], rtol=1e-15)
    np.testing.assert_allclose(test.expected, [float(2 - expected), float(expected)], rtol=1e-14)
    v = float(variance)
    np.testing.assert_allclose(test.variance, [[v, -v], [-v, v]], rtol=1e-13)
    assert test.z == pytest.approx(float(expected - observed) / math.sqrt(v), rel=1e-13)
    assert test.statistic == pytest.approx(float((expected - observed) ** 2 / variance), rel=1e-13)
    assert test.p_one_sided == pytest.approx(0.5 * math.erfc(test.z / math.sqrt(2)), rel=1e-13)
    assert (test.df, test.reason) == (1, "")


def test_tied_events_in_gray() -> None:
    # A: cause 1 at 1, censored at 2;  B: cause 1 at 1, cause 2 at 1, censored at 2
    # At 1: h = Y = 2 and 3, two events of 5: expected in B 6/5. The pooled incidence goes up by 2/5, h_B (1 - h_B/h) =
    # 6/5, nothing is to come; two tied events of 5 (S = 1) have (5 - 2)/(5 - 1) = 3/4 of their variance:
    # (6/5)^2 * 2/5 * (1/2 + 1/3) * 3/4 = 9/25
    tte = TimeToEvent([1, 2, 1, 1, 2], [1, 0, 1, 2, 0], list("AABBB"), control="A", experimental="B", unit="days")
    test = gray(tte)
    np.testing.assert_allclose(test.expected, [4 / 5, 6 / 5], rtol=1e-15)
    assert test.variance[1, 1] == pytest.approx(9 / 25, rel=1e-14)
    assert test.z == pytest.approx(1 / 3, rel=1e-14)  # (6/5 - 1) / (3/5)


def test_strata_add_up() -> None:
    twice = TimeToEvent(
        [*SEVEN.time, *SEVEN.time], [*SEVEN.event, *SEVEN.event], ["A"] * 4 + ["B"] * 3 + ["A"] * 4 + ["B"] * 3,
        control="A", experimental="B", unit="days", strata=[1] * 7 + [2] * 7,
    )  # fmt: skip
    one, two = gray(SEVEN), gray(twice)
    np.testing.assert_allclose(two.variance, 2 * one.variance, rtol=1e-14)
    np.testing.assert_allclose(two.expected, 2 * one.expected, rtol=1e-14)
    assert two.statistic == pytest.approx(2 * one.statistic, rel=1e-13)


def test_fine_gray_in_fractions() -> None:
    # The Kaplan-Meier estimate of being uncensored: 4/5 from 3 (5 at risk), 3/5 from 4 (4 at risk).
    # At 2 (B): at risk in B 3, in A 3 and the one whom cause 2 struck at 1, whole: 4.
    # At 5 (A): at risk in B 1, in A 2 and that one for 3/5: 13/5.
    # Score: 1 - 3 t/(3 t + 4) - t/(t + 13/5) = 0 at t^2 = 4 * 13/5 / 3 = 52/15, the hazard ratio.
    t = math.sqrt(52 / 15)
    fit = fine_gray(SEVEN)
    assert fit.hazard_ratio == pytest.approx(t, rel=1e-12)
    assert fit.loglik[0] == pytest.approx(-math.log(7) - math.log(18 / 5), rel=1e-14)
    assert fit.loglik[1] == pytest.approx(math.log(t) - math.log(3 * t + 4) - math.log(t + 13 / 5), rel=1e-14)
    # The share of B among those at risk is p at 2 and q = 1 - p at 5; the baseline hazards are k and l.
    k, l = 1 / (3 * t + 4), 1 / (t + 13 / 5)
    p, q = 3 * t * k, t * l
    assert p + q == pytest.approx(1)
    # eta: what a subject adds to the score: (own event's residual) less the integral of (x - share) over its hazard
    eta = np.array([
        p * k + 3 / 5 * q * l,  # cause 2 at 1: at both times, for 3/5 at 5
        p * k,
        -q + p * k + q * l,
        p * k + q * l,
        (1 - p) * (1 - t * k),
        -(1 - p) * t * k,
        -(1 - p) * t * k - (1 - q) * t * l,
    ])  # fmt: skip
    # psi: censorings at 3 (of 5 at risk) and 4 (of 4) changed the 3/5, with which c = -(3/5) q l was weighted.
    c = -3 / 5 * q * l
    psi = np.array(
        [0, c / 5 - c / 25, -c / 25 - c / 16, -c / 25 - c / 16, 0, -c / 25 + c / 4 - c / 16, -c / 25 - c / 16]
    )
    assert sum(eta) == pytest.approx(0, abs=1e-15)
    assert sum(psi) == pytest.approx(0, abs=1e-15)
    information = p * (1 - p) + q * (1 - q)
    variance = sum((eta + psi) ** 2) / information**2
    assert fit.covariance[0, 0] == pytest.approx(variance, rel=1e-12)
    assert fit.conf_int == (
        pytest.approx(t * math.exp(-Z * math.sqrt(variance)), rel=1e-12),
        pytest.approx(t * math.exp(Z * math.sqrt(variance)), rel=1e-12),
    )
    z = math.log(t) / math.sqrt(variance)
    assert fit.p_value == pytest.approx(math.erfc(z / math.sqrt(2)), rel=1e-12)
    assert fit.p_one_sided == pytest.approx(
        0.5 * math.erfc(-z / math.sqrt(2)), rel=1e-12
    )  # a ratio above 1 is no benefit
