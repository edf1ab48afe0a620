"""Doses and adverse events of single patients, counted on paper."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.oracles import twin_treatment as twin

from equipoise.kernels import adverse_event_days, doses_given

# 8 mg/kg on day 1, then 6 mg/kg every 21 days from day 22, in arm 0; 1 mg every day in arm 1
TABLE = np.array([[0, 8, 1, 6, 21, 22, 1, 1], [1, 0, 0, 1, 1, 1, 0, 0]], dtype=float)


@pytest.mark.parametrize(
    ("last", "u", "planned", "given"),
    [
        (64, 0.5, 4, 4),  # days 1, 22, 43, 64
        (63, 0.5, 3, 3),
        (21, 0.9999, 1, 1),  # the first is never missed
        # of three, none is missed with probability .9^3 = .729, at most one with .972, at most two with .999
        (64, 0.728, 4, 4),
        (64, 0.730, 4, 3),
        (64, 0.973, 4, 2),
        (64, 0.9991, 4, 1),
    ],
)
def test_a_loading_dose_and_then_every_three_weeks(last: int, u: float, planned: int, given: int) -> None:
    found = doses_given(np.array([last]), np.array([0]), np.array([70.0]), TABLE, 0.1, np.array([[u, u]]))
    want = (planned, given, 560 + 420 * (planned - 1), 560 + 420 * (given - 1))
    assert tuple(float(x[0, 0]) for x in found) == want
    assert tuple(float(x[0, 1]) for x in found) == (-1, -1, 0, 0)  # the other arm's drug
    assert twin.doses_given(twin.Drug(8, 1, 6, 21, 22, True, True), last, 70, 0.1, u) == want


def test_a_tablet_a_day() -> None:
    # two days, the second missed with probability .1
    for u, given in ((0.89, 2), (0.91, 1)):
        found = doses_given(np.array([2]), np.array([1]), np.array([math.nan]), TABLE, 0.1, np.array([[u, u]]))
        assert tuple(float(x[0, 1]) for x in found) == (2, given, 2, given)
    one = doses_given(np.array([1]), np.array([1]), np.array([math.nan]), TABLE, 1.0, np.array([[0.5, 0.5]]))
    assert tuple(float(x[0, 1]) for x in one) == (1, 1, 1, 1)


def test_adverse_events() -> None:
    """Arm 0: 60% have any, of those half nausea and a tenth a rash. 10 days on treatment: u = .35 is day 4."""
    any_below, kind_below = np.array([0.6]), np.array([[0.5, 0.1]])

    def days(u_any: float, *u_kind: float) -> list[int]:
        u = np.array([u_any]), np.array([u_kind]), np.array([[0.35, 0.0999, 0.999]])
        found: list[int] = adverse_event_days(np.array([10]), np.array([0]), any_below, kind_below, *u)[0].tolist()
        assert found == twin.adverse_event_days(10, 0.6, [0.5, 0.1], u_any, u_kind, [0.35, 0.0999, 0.999])
        return found

    assert days(0.61, 0.1, 0.01) == [0, 0, 0]
    assert days(0.59, 0.1, 0.01) == [4, 1, 0]
    assert days(0.59, 0.1, 0.2) == [4, 0, 0]
    assert days(0.59, 0.5, 0.2) == [0, 0, 10]  # something else, on the last day
