"""Two trials worked on paper, analyzed side by side."""

from __future__ import annotations

import math
from fractions import Fraction as F

import pytest

from equipoise.survival import Batch, batch

# Trial 0: everybody dies, in turns: control at 1 and 3, experimental at 2 and 4.
# Trial 1: control dies at 5 and 8, experimental is censored at 8 and dies at 12.
TIME = [4, 1, 2, 3, 5, 8, 8, 12]
EVENT = [1, 1, 1, 1, 1, 0, 1, 1]
ARM = [1, 0, 1, 0, 0, 1, 0, 1]


def both(**more: object) -> Batch:
    return batch(TIME, EVENT, ARM, sizes=4, unit="days", tau="3 days", at="2 days", **more)  # type: ignore[arg-type]


def test_logrank() -> None:
    b = both()
    # trial 0 at 1, 2, 3, 4: at risk (2, 2), (1, 2), (1, 1), (0, 1), one death each
    expected = F(1, 2) + F(2, 3) + F(1, 2) + 1
    variance = F(1, 4) + F(2, 9) + F(1, 4)
    assert b.observed[0].tolist() == [2, 2]
    assert b.expected[0, 1] == pytest.approx(float(expected), rel=1e-14)
    assert b.variance[0] == pytest.approx(float(variance), rel=1e-14)
    assert b.z[0] == pytest.approx(float(expected - 2) / math.sqrt(variance), rel=1e-14)
    # trial 1 at 5, 8, 12: at risk (2, 2), (1, 2), (0, 1)
    assert b.z[1] == pytest.approx(float(F(1, 2) + F(2, 3)) / math.sqrt(F(1, 4) + F(2, 9)), rel=1e-14)
    assert b.subjects.tolist() == [[2, 2], [2, 2]]
    turned = both(event_is="benefit")
    assert turned.z.tolist() == (-b.z).tolist()
    assert turned.hazard_ratio[0] == b.hazard_ratio[0]


def test_cox() -> None:
    b = both()
    # trial 0: score 1 - r/(1 + r) - 2r/(1 + 2r) - r/(1 + r) vanishes where 4 r^2 + r = 1
    r = (math.sqrt(17) - 1) / 8
    assert b.hazard_ratio[0] == pytest.approx(r, rel=1e-13)
    assert b.se[0] == pytest.approx((2 * r / (1 + r) ** 2 + 2 * r / (1 + 2 * r) ** 2) ** -0.5, rel=1e-11)
    # trial 1: only control dies while both are at risk
    assert b.coef[1] == -math.inf
    assert b.hazard_ratio[1] == 0
    assert math.isnan(b.se[1])
    assert b.reasons(0) == ()
    assert "separates" in b.reasons(1)[0]


def test_efron_and_breslow() -> None:
    # one time at which a control and an experimental die of (2, 2); who is left dies later, one arm alone
    given = {"time": [1, 1, 2, 3], "event": [1, 1, 0, 0], "arm": [0, 1, 0, 1], "sizes": 4, "unit": "days"}
    # both by symmetry at 1; information: Efron 2 * 1/4, Breslow 2 * 1/4
    for ties in ("efron", "breslow"):
        b = batch(ties=ties, **given)  # type: ignore[arg-type]
        assert b.coef[0] == pytest.approx(0, abs=1e-15)
        assert b.se[0] == pytest.approx(math.sqrt(2), rel=1e-14)
    # (1, 2) at risk, one of each dies: Efron's second term has (1/2, 3/2) left
    given = {"time": [1, 1, 2], "event": [1, 1, 0], "arm": [0, 1, 1], "sizes": 3, "unit": "days"}
    # Breslow: 1 = 2 * 2r/(1 + 2r), r = 1/2. Efron: 1 = 2r/(1 + 2r) + 3r/(1 + 3r), so 6 r^2 = 1
    assert batch(ties="breslow", **given).hazard_ratio[0] == pytest.approx(0.5, rel=1e-13)  # type: ignore[arg-type]
    assert batch(ties="efron", **given).hazard_ratio[0] == pytest.approx(6**-0.5, rel=1e-13)  # type: ignore[arg-type]


def test_curves() -> None:
    b = both()
    # flat at 1/2 from 1 to 3, and from 2 to 4
    assert b.median.tolist() == [[2.0, 3.0], [6.5, 12.0]]
    assert b.rmst[0].tolist() == [1 + 2 * 0.5, 2 + 1 * 0.5]
    # at 1 an area of 1 lies ahead, one of two dies: 1^2 * 1 / (2 * 1); at 2 an area of 1/2
    assert b.rmst_variance[0].tolist() == [0.5, 0.125]
    assert b.rmst_difference[0] == 0.5
    assert b.rmst_difference_se[0] == math.sqrt(0.625)
    assert b.survival.tolist() == [[0.5, 0.5], [1, 1]]
    assert b.survival_se[0].tolist() == pytest.approx([0.5 * math.sqrt(0.5)] * 2, rel=1e-15)
    assert b.survival_se[1].tolist() == [0, 0]


def test_strata() -> None:
    # each stratum one control and one experimental; the sum of two tests with one informative time each
    b = batch([1, 2, 3, 4], [1, 1, 1, 1], [0, 1, 1, 0], sizes=4, unit="days", strata=[0, 0, 1, 1])
    assert b.expected[0].tolist() == [0.5 + 0.5 + 1, 0.5 + 1 + 0.5]
    assert b.variance[0] == 0.5
    assert b.z[0] == 0
    assert b.hazard_ratio[0] == pytest.approx(1, rel=1e-14)
    assert b.se[0] == pytest.approx(math.sqrt(2), rel=1e-14)
    assert b.median.tolist() == [[2.5, 2.5]]  # strata pooled
