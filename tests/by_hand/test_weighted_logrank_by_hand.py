"""Weighted log-rank tests and MaxCombo worked by hand, with the fractions written out."""

from __future__ import annotations

import math
from fractions import Fraction as F

import numpy as np
import pytest

from equipoise.survival import (
    FlemingHarrington,
    Gehan,
    ModestlyWeighted,
    TaroneWare,
    TimeToEvent,
    logrank,
    maxcombo,
)

# A: 1, 3, 5+; B: 3, 4, 6. Event times:
#   t   at risk  of B  d  of B   S(t-)   O - E of B        d (Y - d)/(Y - 1) Y_A Y_B/Y^2
#   1      6      3    1    0     1      0 - 3/6 = -1/2    1 * 5/5 * 9/36 = 1/4
#   3      5      3    2    1     5/6    1 - 6/5 = -1/5    2 * 3/4 * 6/25 = 9/25
#   4      3      2    1    1     1/2    1 - 2/3 =  1/3    1 * 2/2 * 2/9  = 2/9
#   6      1      1    1    1     1/3    1 - 1   =  0      0
TIME, EVENT, ARM = [1, 3, 5, 3, 4, 6], [1, 1, 0, 1, 1, 1], [*"AAABBB"]
EXCESS = (F(-1, 2), F(-1, 5), F(1, 3))
SPREAD = (F(1, 4), F(9, 25), F(2, 9))


def data(**more: object) -> TimeToEvent:
    return TimeToEvent(TIME, EVENT, ARM, **({"control": "A", "experimental": "B", "unit": "days"} | more))


# weights at 1, 3 and 4; the last event adds to observed and expected alike
BY_HAND = [
    (FlemingHarrington(), (1, 1, 1), F(-11, 30), F(749, 900)),
    (FlemingHarrington(0, 1), (0, F(1, 6), F(1, 2)), F(2, 15), F(59, 900)),
    (FlemingHarrington(1, 0), (1, F(5, 6), F(1, 2)), F(-1, 2), F(5, 9)),
    (FlemingHarrington(1, 1), (0, F(5, 36), F(1, 4)), F(1, 18), F(1, 144) + F(1, 72)),
    (Gehan(), (6, 5, 3), F(-3), F(20)),
    # S(3) = 5/6 * 3/5 = 1/2: the events at the delay count
    (ModestlyWeighted(delay="3 days"), (1, F(6, 5), 2), F(-11, 150), F(1, 4) + F(324, 625) + F(8, 9)),
    (ModestlyWeighted(delay="2 days"), (1, F(6, 5), F(6, 5)), F(-17, 50), F(1, 4) + F(36, 25) * F(131, 225)),
    (ModestlyWeighted(survival=0.6), (1, F(6, 5), F(5, 3)), F(-83, 450), F(1, 4) + F(324, 625) + F(50, 81)),
    (ModestlyWeighted(survival=1), (1, 1, 1), F(-11, 30), F(749, 900)),
    (ModestlyWeighted(delay="1 year"), (1, F(6, 5), 2), F(-11, 150), F(1, 4) + F(324, 625) + F(8, 9)),
]


@pytest.mark.parametrize(("weights", "at", "excess", "variance"), BY_HAND, ids=str)
def test_weights_by_hand(weights: object, at: tuple[F, ...], excess: F, variance: F) -> None:
    assert sum(w * x for w, x in zip(at, EXCESS, strict=True)) == excess
    assert sum(w * w * v for w, v in zip(at, SPREAD, strict=True)) == variance
    fit = logrank(data(), weights=weights)
    assert fit.observed[1] - fit.expected[1] == pytest.approx(float(excess), rel=1e-14)
    assert fit.variance[1, 1] == pytest.approx(float(variance), rel=1e-14)
    assert fit.variance[0, 1] == pytest.approx(-float(variance), rel=1e-14)
    # fewer events than expected favour B
    z = -float(excess) / math.sqrt(variance)
    assert fit.z == pytest.approx(z, rel=1e-14)
    assert fit.statistic == pytest.approx(float(excess**2 / variance), rel=1e-13)
    assert fit.p_value == pytest.approx(math.erfc(abs(z) / math.sqrt(2)), rel=1e-13)
    assert fit.p_one_sided == pytest.approx(math.erfc(z / math.sqrt(2)) / 2, rel=1e-13)


def test_observed_and_expected_of_both_arms() -> None:
    fit = logrank(data(), weights=Gehan())
    # A: 6 + 5 observed, 6/2 + 10 * 2/5 + 3 * 1/3 expected; B: 5 + 3 + 1, 3 + 10 * 3/5 + 3 * 2/3 + 1
    assert fit.observed.tolist() == [11, 9]
    np.testing.assert_allclose(fit.expected, [8, 12], rtol=1e-15)


def test_tarone_ware_by_hand() -> None:
    fit = logrank(data(), weights=TaroneWare())
    excess = -math.sqrt(6) / 2 - math.sqrt(5) / 5 + math.sqrt(3) / 3
    assert fit.variance[1, 1] == pytest.approx(6 / 4 + 5 * 9 / 25 + 3 * 2 / 9, rel=1e-14)
    assert fit.z == pytest.approx(-excess / math.sqrt(119 / 30), rel=1e-14)


def test_late_entry_by_hand() -> None:
    # A: 1, 4; B: 3 (seen from 2 on), 5+. At 1: A A B, at 3: A B B, at 4: A B; S(t-) = 1, 2/3, 4/9
    tte = TimeToEvent(
        [1, 4, 3, 5], [1, 1, 1, 0], [*"AABB"], entry=[0, 0, 2, 0], control="A", experimental="B", unit="days"
    )  # fmt: skip
    # O - E of B: -1/3, 1/3, -1/2; variances 2/9, 2/9, 1/4
    for weights, excess, variance in [
        (Gehan(), F(-1), F(5)),  # weights 3, 3, 2
        (FlemingHarrington(0, 1), F(1, 9) - F(5, 18), F(2, 81) + F(25, 324)),  # 0, 1/3, 5/9
        (ModestlyWeighted(delay="3 days"), F(-23, 24), F(2, 9) + F(1, 2) + F(81, 64)),  # 1, 3/2, 9/4
        (ModestlyWeighted(survival=0.5), F(-1, 3) + F(1, 2) - 1, F(2, 9) + F(1, 2) + 1),  # 1, 3/2, 2
    ]:
        fit = logrank(tte, weights=weights)
        assert fit.observed[1] - fit.expected[1] == pytest.approx(float(excess), rel=1e-14)
        assert fit.variance[1, 1] == pytest.approx(float(variance), rel=1e-14)
    fit = logrank(tte, weights=TaroneWare())
    assert fit.variance[1, 1] == pytest.approx(2 / 3 + 2 / 3 + 2 / 4, rel=1e-14)


def test_each_stratum_weighs_by_its_own_curve_and_its_own_number_at_risk() -> None:
    # the second stratum is the first with the arms exchanged and everybody twice; its times interleave
    strata = ["x"] * 6 + ["y"] * 6
    tte = TimeToEvent(
        TIME + [t + 0.5 for t in TIME], EVENT * 2, ARM + [{"A": "B", "B": "A"}[a] for a in ARM],
        strata=strata, weight=[1] * 6 + [2] * 6, weight_type="case", control="A", experimental="B", unit="days",
    )  # fmt: skip
    # in y, of B:   0.5 + 1: Y 12, d 2 of B 2: 2 - 1 = 1;  variance 2 * 10/11 * 1/4 = 5/11
    #               0.5 + 3: Y 10, d 4 of B 2: 2 - 4 * 2/5 = 2/5; 4 * 6/9 * 6/25 = 16/25
    #               0.5 + 4: Y 6, d 2 of B 0: 0 - 2/3;      2 * 4/5 * 2/9 = 16/45
    fit = logrank(tte, weights=Gehan())
    excess = F(-3) + 12 * F(1) + 10 * F(2, 5) - 6 * F(2, 3)
    assert fit.observed[1] - fit.expected[1] == pytest.approx(float(excess), rel=1e-14)
    variance = F(20) + 144 * F(5, 11) + 100 * F(16, 25) + 36 * F(16, 45) + 4 * 0
    assert fit.variance[1, 1] == pytest.approx(float(variance), rel=1e-14)
    # the curve of y is at 1/2 from 3.5 on, that of x from 3 on: S* is 5/6 in y at a delay of 3 days
    modest = logrank(tte, weights=ModestlyWeighted(delay="3 days"))
    excess = F(-11, 150) + 1 + F(6, 5) * F(2, 5) - F(6, 5) * F(2, 3)
    assert modest.observed[1] - modest.expected[1] == pytest.approx(float(excess), rel=1e-14)


# ------------------------------------------------------------------------ MaxCombo
def test_maxcombo_by_hand() -> None:
    fit = maxcombo(data(), (FlemingHarrington(), FlemingHarrington(0, 1)))
    np.testing.assert_allclose(fit.z, [11 / math.sqrt(749), -4 / math.sqrt(59)], rtol=1e-14)
    # covariance 1/6 * 9/25 + 1/2 * 2/9 = 77/450
    assert F(1, 6) * F(9, 25) + F(1, 2) * F(2, 9) == F(77, 450)
    r = 154 / math.sqrt(749 * 59)
    np.testing.assert_allclose(fit.correlation, [[1, r], [r, 1]], rtol=1e-14)
    assert fit.statistic == pytest.approx(4 / math.sqrt(59), rel=1e-14)
    assert fit.best_weight == FlemingHarrington(0, 1)

    # P(both below c) by Simpson's rule over the first: phi(x) Phi((c - r x) / sqrt(1 - r^2))
    def below(c: float, low: float) -> float:
        def share(x: float) -> float:
            s = math.sqrt(2 * (1 - r * r))
            upper, lower = math.erfc(-(c - r * x) / s) / 2, math.erfc(-(low - r * x) / s) / 2
            return math.exp(-x * x / 2) / math.sqrt(2 * math.pi) * (upper - lower)

        a, n = max(low, -9.0), 2000
        h = (c - a) / n
        inner = sum((4 if i % 2 else 2) * share(a + i * h) for i in range(1, n))
        return h / 3 * (share(a) + share(c) + inner)

    one, two = 11 / math.sqrt(749), 4 / math.sqrt(59)
    assert fit.p_one_sided == pytest.approx(1 - below(one, -40.0), abs=1e-11)
    assert fit.p_value == pytest.approx(1 - below(two, -two), abs=1e-11)


def test_one_event_time_makes_all_statistics_one() -> None:
    # A: 1, 2+; B: 1, 4+, 5+. One informative time: O - E of B = 1 - 2 * 3/5 = -1/5, variance 2 * 3/4 * 6/25 = 9/25
    tte = TimeToEvent([1, 2, 1, 4, 5], [1, 0, 1, 0, 0], [*"AABBB"], control="A", experimental="B", unit="days")
    every = (FlemingHarrington(), FlemingHarrington(1, 0), Gehan(), TaroneWare(), ModestlyWeighted(delay="1 day"))
    fit = maxcombo(tte, every)
    np.testing.assert_allclose(fit.z, np.full(5, 1 / 3), rtol=1e-14)
    np.testing.assert_allclose(fit.correlation, np.ones((5, 5)), rtol=1e-14)
    assert fit.p_value == pytest.approx(math.erfc(1 / 3 / math.sqrt(2)), rel=1e-13)
    assert fit.p_one_sided == pytest.approx(math.erfc(1 / 3 / math.sqrt(2)) / 2, rel=1e-13)
    # S(t-) = 1 at the only time: weights with gamma above 0 have no statistic, and are named
    usual = maxcombo(tte)
    assert usual.weights == (FlemingHarrington(0, 0), FlemingHarrington(1, 0))
    assert usual.left_out == (FlemingHarrington(0, 1), FlemingHarrington(1, 1))
    assert usual.method.endswith(
        "unstratified; left out, having no variance: Fleming-Harrington (0, 1) and Fleming-Harrington (1, 1)"
    )
    assert usual.p_value == pytest.approx(fit.p_value, rel=1e-13)


def test_statistics_that_share_no_event_are_independent() -> None:
    # two strata with one informative time each, and weights that see one of them only
    # x: at 1, A B, one dies of A: O - E of B = -1/2, variance 1/4; S(t-) = 1, so that gamma = 1 does not see it.
    # y: at 1 one of A alone dies of A A B B (-1/2, 1/4), at 2 one of B of A B B: 1/3, 2/9; S(t-) = 3/4
    tte = TimeToEvent(
        [1, 3, 1, 3, 2, 3], [1, 0, 1, 0, 1, 0], [*"ABAABB"], strata=[*"xxyyyy"],
        control="A", experimental="B", unit="days",
    )  # fmt: skip
    fit = maxcombo(tte, (FlemingHarrington(0, 0), FlemingHarrington(0, 1)))
    variance = F(1, 4) + F(1, 4) + F(2, 9)
    np.testing.assert_allclose(fit.z, [float(F(2, 3)) / math.sqrt(variance), -(1 / 3) / math.sqrt(2 / 9)], rtol=1e-14)
    # gamma = 1 sees 2 in y only, with weight 1/4: covariance 1/4 * 2/9, variance 1/16 * 2/9
    r = float(F(2, 36)) / math.sqrt(variance * F(2, 144))
    assert fit.correlation[0, 1] == pytest.approx(r, rel=1e-14)
    assert r == pytest.approx(math.sqrt(F(2, 9) / variance), rel=1e-14)
