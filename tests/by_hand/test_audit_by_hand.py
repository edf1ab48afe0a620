"""What printed numbers imply, with the fractions written out; the first case is TAnDEM's abstract."""

from __future__ import annotations

import math
from statistics import NormalDist

import pytest

from equipoise.protocol import Printed
from equipoise.reconstruct import implied
from equipoise.reconstruct.odds_checks import odds_ratio, p_of_counts
from equipoise.reconstruct.windows import agree, counts, denominators, window

Q = NormalDist().inv_cdf(0.975)
read = Printed.read
TANDEM = tuple(window(read(text)) for text in ("0.63", "0.47", "0.84"))


def test_windows() -> None:
    assert window(read("0.63")) == (0.625, 0.635)
    assert window(read("0.63"), "truncated") == (0.63, 0.64)
    assert window(read("0.63"), "rounded twice") == (0.6245, 0.6355)
    assert window(read("40%")) == (0.395, 0.405)
    assert window(read("<.001")) == (-math.inf, 0.001)
    assert agree(read("0.80"), read("0.799"))
    assert not agree(read("0.80"), read("0.813"))


def test_the_polygon_of_tandem() -> None:
    """Limits l and u print as .47 and .84; their product is the square of the ratio, 0.625^2 = 25/64 to 0.635^2.

    0.465 * 0.835 = 0.388275 is below 25/64 = 0.390625 and is cut off: at l = 0.465 by u = 0.390625 / 0.465, at
    u = 0.835 by l = 0.390625 / 0.835. 0.475 * 0.845 = 0.401375 is below 0.635^2 = 0.403225: nothing is cut off there.
    """
    found = {(round(math.exp(a), 9), round(math.exp(c), 9)) for a, c in implied.corners(*TANDEM)}
    cut = {(0.465, round(0.390625 / 0.465, 9)), (round(0.390625 / 0.835, 9), 0.835)}
    assert found == {(0.475, 0.835), (0.475, 0.845), (0.465, 0.845)} | cut


def test_the_standard_error_of_tandem() -> None:
    # u / l from 0.835 / 0.475 = 167/95 to 0.845 / 0.465 = 169/93
    low, high = implied.standard_errors(implied.corners(*TANDEM), 0.95)
    assert low == pytest.approx(math.log(167 / 95) / (2 * Q), rel=1e-12)
    assert high == pytest.approx(math.log(169 / 93) / (2 * Q), rel=1e-12)
    assert (f"{low:.4f}", f"{high:.4f}") == ("0.1439", "0.1524")


def test_the_events_of_tandem() -> None:
    low, high = implied.least_events(implied.corners(*TANDEM), 0.95)
    assert low == pytest.approx(16 * Q**2 / math.log(169 / 93) ** 2, rel=1e-12)
    assert high == pytest.approx(16 * Q**2 / math.log(167 / 95) ** 2, rel=1e-12)
    assert (f"{low:.0f}", f"{high:.0f}") == ("172", "193")
    assert implied.by_allocation(low, (1, 1)) == low
    assert implied.by_allocation(8.0, (2, 1)) == 9.0


def test_the_wald_p_of_tandem() -> None:
    """Z = -Q ln(l u) / ln(u / l): greatest at the narrowest limits, 0.475 and 0.835; least at u = 0.845."""
    low, high = implied.wald_z(implied.corners(*TANDEM), 0.95)
    assert high == pytest.approx(-Q * math.log(0.475 * 0.835) / math.log(167 / 95), rel=1e-12)
    least = [-Q * math.log(l * u) / math.log(u / l) for l, u in ((0.475, 0.845), (0.465, 0.845))]
    assert low == pytest.approx(min(least), rel=1e-12)
    assert [f"{p:.4f}" for p in implied.p_values((low, high), 2)] == ["0.0022", "0.0013"]
    halves = [2 * p for p in implied.p_values((low, high), 1)]
    assert halves == pytest.approx(implied.p_values((low, high), 2), rel=1e-12)


def test_how_far_other_tests_can_be_from_walds() -> None:
    # b = 2 ln 2: 2 (1 - e^-ln2) = 1 and 2 (e^ln2 - 1) = 2 over b = 2 ln 2
    assert implied.stretch("log-rank", (-2 * math.log(2), 0.0)) == pytest.approx(
        (1 / (2 * math.log(2)), 1 / math.log(2)), rel=1e-12
    )
    # B = ln 2: LR s^2 from 2 (1/2 - 1 + ln 2) to 2 (2 - 1 - ln 2), Wald's is ln(2)^2
    low, high = implied.stretch("likelihood ratio", (math.log(2), math.log(2)))
    assert low == pytest.approx(math.sqrt(2 * math.log(2) - 1) / math.log(2), rel=1e-12)
    assert high == pytest.approx(math.sqrt(2 - 2 * math.log(2)) / math.log(2), rel=1e-12)
    assert implied.stretch("Wald", (-3.0, 3.0)) == (1.0, 1.0)


def test_one_event_in_a_pair_of_subjects_lies_within() -> None:
    """Twice the subject of arm 1 fails first of two, once the other: l(b) = 2 b - 3 ln(1 + e^b), b = ln 2, I = 3 * 2/9.

    At 0: U = 2 - 3/2 = 1/2, I = 3/4, Z^2 = 1/3; LR = 2 (2 ln 2 - 3 ln 3 + 3 ln 2) = 10 ln 2 - 6 ln 3.
    """
    root = math.sqrt(2 / 3)
    z, lr = math.sqrt(1 / 3), math.sqrt(10 * math.log(2) - 6 * math.log(3))
    for test, value in (("log-rank", z), ("likelihood ratio", lr)):
        low, high = implied.stretch(test, (math.log(2), math.log(2)))
        assert low < value / (math.log(2) * root) < high


def test_limits_of_the_likelihood() -> None:
    """Steps v = 2 ln 2 and u = ln 2: e^-v - 1 + v = 2 ln 2 - 3/4 = 0.636 is above e^u - 1 - u = 1 - ln 2 = 0.307."""
    point = (1.0, 1.0)
    assert not implied.likelihood_limits_fit(point, (0.5, 0.5), (4.0, 4.0))
    # v = ln 2 = 0.693 against u = ln(5/3) = 0.511: 0.193 and 2/3 - 0.511 = 0.156; u = ln(9/5): 0.193 and 0.212
    assert not implied.likelihood_limits_fit(point, (3 / 5, 3 / 5), (2.0, 2.0))
    assert implied.likelihood_limits_fit(point, (5 / 9, 5 / 9), (2.0, 2.0))
    assert not implied.likelihood_limits_fit((0.4, 0.4), (0.5, 0.5), (0.9, 0.9))  # below its own limits


def test_implied_level() -> None:
    # limits 1/2 and 2/3 of 95% around sqrt(1/3): Z = Q ln(3) / ln(4/3); with the P of half that Z, Q is halved
    point = implied.corners(None, (0.5, 0.5), (2 / 3, 2 / 3))
    z = Q * math.log(3) / math.log(4 / 3)
    assert implied.wald_z(point, 0.95) == pytest.approx((z, z), rel=1e-12)
    p = 2 * NormalDist().cdf(-z / 4)
    half = 2 * NormalDist().cdf(Q / 4) - 1
    assert implied.implied_levels(point, (p, p), 2) == pytest.approx((half, half), rel=1e-9)


def test_seventy_percent_of_104_is_73_alone() -> None:
    # 72/104 = 69.23%, 73/104 = 70.19%, 74/104 = 71.15%
    assert list(counts(read("70%"), 104)) == [73]
    assert list(counts(read("70%"), 104, "truncated")) == [73]
    # 1/8 = 12.5% is a tie: 12% or 13%
    assert list(counts(read("12%"), 8)) == [1]
    assert list(counts(read("13%"), 8)) == [1]
    assert list(counts(read("13%"), 8, "truncated")) == []


def test_the_safety_set_of_record_1() -> None:
    """107/m in 39.5% to 40.5% is 264.2 to 270.9; 66/m in 24.5% to 25.5% is 258.8 to 269.4; 53/m: 258.5 to 271.8."""
    things = [(read(share), read(count)) for share, count in (("40%", "107"), ("25%", "66"), ("20%", "53"))]
    assert denominators(things, 272) == (265, 266, 267, 268, 269)
    assert denominators([(read("47.5%"), read("191"))], 808) == (402,)  # CLEOPATRA: 191/402 = 47.51%, 191/403 = 47.39%
    assert denominators([(read("59.6%"), read("242"))], 808) == (406,)


def test_two_by_two() -> None:
    # 1 of 3 against 1 of 2: odds 1/2 and 1; 1/1 + 1/2 + 1/1 + 1/1 = 7/2
    assert odds_ratio((1, 3, 1, 2)) == pytest.approx((0.5, math.sqrt(3.5)), rel=1e-12)
    # 3 of 3 against none of 3: (9 - 0)^2 * 6 / (3 * 3 * 3 * 3) = 6; with Yates (9 - 3)^2 * 6 / 81 = 8/3; times 5/6
    for test, chi in (("chi-square", 6.0), ("chi-square, Yates", 8 / 3), ("Mantel-Haenszel", 5.0)):
        assert p_of_counts((3, 3, 0, 3), test) == pytest.approx(2 * NormalDist().cdf(-math.sqrt(chi)), rel=1e-9)
    assert p_of_counts((3, 3, 0, 3), "Fisher") == pytest.approx(2 / 20, rel=1e-12)  # two of the C(6, 3) = 20 ways
    assert p_of_counts((1, 3, 1, 2), "Wald") == pytest.approx(
        2 * NormalDist().cdf(-math.log(2) / math.sqrt(3.5)), rel=1e-9
    )
    assert math.isnan(p_of_counts((0, 3, 0, 3), "Fisher"))
