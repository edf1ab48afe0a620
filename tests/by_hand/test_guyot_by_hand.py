"""An arm of ten subjects rebuilt from its curve on paper; the comments derive the numbers."""

from __future__ import annotations

from fractions import Fraction as F
from typing import Any

import numpy as np
import pytest
from tests.oracles import twin_guyot as twin

from equipoise.reconstruct import guyot
from equipoise.reconstruct.counting import PrintedAtRisk, count
from equipoise.survival import TimeToEvent, kaplan_meier

# The curve falls at 2 to 9/10, at 4 to 8/10 and at 8 to 64/100, and ends at 10; both corners of each step were clicked.
# Ten are at risk at the beginning, seven at 5.
X = [0.0, 2.0, 2.0, 4.0, 4.0, 8.0, 8.0, 10.0]
S = [1.0, 1.0, 0.9, 0.9, 0.8, 0.8, 0.64, 0.64]
MARKS, AT_RISK = [0.0, 5.0], [10, 7]

# Before 5: 10 * 8/10 = 8 would be left without censoring, 7 are: one is censored, in the middle of the time at risk,
# which is 2 * 1 + 2 * 9/10 + 1 * 8/10 = 23/5: half of it, 23/10, is over at 2 + (3/10) / (9/10) = 7/3.
# At 2 one of 10 dies (9/10 is met); at 4 one of 8, which leads to 9/10 * 7/8 = 63/80, nearest to 8/10.
# So 7 are left, as printed. The rate of censoring was 1 in (10 + 7) / 2 * 5 = 85/2.
# After 5 the time at risk is 7 * (3 * 8/10 + 2 * 64/100) / (8/10) = 161/5; times 2/85 that is 322/425: one is censored,
# in the middle: the area is 92/25, and half of it is over at 5 + (46/25) / (8/10) = 5 + 23/10.
# At 8 one of 6 dies: 63/80 * 5/6 = 21/32 is nearer to 64/100 than 63/80 and 63/80 * 4/6. The five left reach 10.
FIRST, SECOND = F(7, 3), 5 + F(23, 10)
TIMES = [2.0, float(FIRST), 4.0, float(SECOND), 8.0, *[10.0] * 5]
EVENTS = [1, 0, 1, 0, 1, 0, 0, 0, 0, 0]


def test_the_areas() -> None:
    assert 2 * F(1) + 2 * F(9, 10) + F(8, 10) == F(23, 5)
    assert 2 + (F(23, 10) - 2) / F(9, 10) == FIRST
    area = 3 * F(8, 10) + 2 * F(64, 100)
    assert area / 2 / F(8, 10) == F(23, 10)
    assert F(2, 85) * 7 * area / F(8, 10) == F(322, 425)


def test_counts() -> None:
    found = count(np.array(X), np.array(S), PrintedAtRisk(time=np.array(MARKS), number=np.array(AT_RISK)), None)
    order = np.argsort(found.time, kind="stable")
    assert found.time[order] == pytest.approx(TIMES, rel=1e-14)
    assert found.event[order].tolist() == EVENTS
    assert found.censored == (1, 6)


def test_the_second_program_counts_the_same() -> None:
    assert sorted(twin.count(X, S, MARKS, AT_RISK, None)) == [
        (pytest.approx(t, rel=1e-14), e) for t, e in zip(TIMES, EVENTS, strict=True)
    ]


@pytest.mark.parametrize("total", [None, 3])
def test_the_arm(total: int | None) -> None:
    arm = guyot(X, S, at_risk_times=MARKS, at_risk=AT_RISK, events=total, unit="days")
    order = np.argsort(arm.time, kind="stable")
    assert arm.noise == 0.0002  # the clicks are exact: the curve is left as it is, but for this
    assert arm.time[order] == pytest.approx(TIMES, rel=1e-4)
    assert arm.event[order].tolist() == EVENTS
    assert arm.reached.tolist() == arm.printed.tolist() == AT_RISK
    assert arm.curve_survival == pytest.approx([9 / 10, 63 / 80, 21 / 32], rel=1e-14)
    # The clicks (8, 64/100) and (10, 64/100) lie below 21/32; (8, 8/10) is 1/80 above its line.
    assert arm.distance == pytest.approx(float(F(21, 32) - F(64, 100)), rel=1e-12)
    curve = kaplan_meier(TimeToEvent(arm.time, arm.event, unit="days"))["all"]
    assert curve.survival[curve.event > 0] == pytest.approx(arm.curve_survival, rel=1e-14)


def hand(**more: Any) -> Any:
    return guyot([0, 4, 4, 10], [1, 1, 0.8, 0.8], at_risk_times=[0], at_risk=[10], unit="days", **more)


def test_without_a_risk_table() -> None:
    # Two of ten make the step to 8/10; nobody is censored before the end.
    arm = hand()
    assert sorted(zip(arm.time.tolist(), arm.event.tolist(), strict=True)) == [(4.0, 1)] * 2 + [(10.0, 0)] * 8
    assert "there is no risk table" in arm.notes[0]


def test_a_total_without_a_risk_table() -> None:
    # One event, but the step to 8/10 is of two of ten. With c censored they leave at shares (j - 1/2) / c of the area
    # 4 + 6 * 8/10 = 44/5, and 5/11 of it is before 4. From none on one more is tried each time: of 2 or 3 one leaves
    # before 4, of 4 or 5 two, of 6 three. One of the 7 left is nearer to 8/10 than two (2/35
    # against 3/35); one of 8 is not.
    assert abs(F(6, 7) - F(8, 10)) == F(2, 35)
    assert abs(F(5, 7) - F(8, 10)) == F(3, 35)
    assert abs(F(7, 8) - F(8, 10)) > abs(F(6, 8) - F(8, 10))
    assert [sum(F(2 * j + 1, 2 * c) < F(5, 11) for j in range(c)) for c in range(7)] == [0, 0, 1, 1, 2, 2, 3]
    arm = hand(events=1)
    assert arm.events == 1
    assert arm.curve_survival[0] == pytest.approx(6 / 7)


def test_a_step_at_a_printed_time() -> None:
    # Half of ten die at 5, where all ten are printed as at risk: they die at 5 and not before, and nobody is censored.
    arm = guyot([0, 5, 5, 9], [1, 1, 0.5, 0.5], at_risk_times=[0, 5], at_risk=[10, 10], unit="days")
    assert sorted(zip(arm.time.tolist(), arm.event.tolist(), strict=True)) == [(5.0, 1)] * 5 + [(9.0, 0)] * 5
    assert arm.reached.tolist() == [10, 10]
