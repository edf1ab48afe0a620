"""Censored times filled in and Rubin's rules, worked on paper."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import t as student

from equipoise.analyze import pool
from equipoise.analyze.imputation import Draws, bootstrap_curve, completed, times_after
from equipoise.survival import TimeToEvent

AT, SURVIVAL = np.array([2.0, 4, 6, 8]), np.array([0.8, 0.6, 0.3, 0.0])


def test_the_curve_of_a_bootstrap_sample() -> None:
    """Subject times 1, 2, 3+, 4 taken 2, 0, 1, 2 times: 2 of 5 die at 1, none at 3, both left at 4."""
    at, survival = bootstrap_curve(
        np.array([4.0, 1, 2, 3]), np.array([True, True, True, False]), np.array([2, 2, 0, 1])
    )
    assert at.tolist() == [1, 3, 4]
    assert survival == pytest.approx([3 / 5, 3 / 5, 0], rel=1e-15)


@pytest.mark.parametrize(
    ("since", "uniform", "delta", "time"),
    [
        (0.0, 0.9, 1.0, 2.0),  # S(2) = .8 is the first at most .9
        (0.0, 0.8, 1.0, 2.0),  # at most, so equality counts
        (0.0, 0.79, 1.0, 4.0),
        (2.0, 0.7, 1.0, 6.0),  # .3/.8 is the first at most .7; .6/.8 is not
        (3.0, 0.76, 1.0, 4.0),  # .6/.8 = .75
        (3.0, 0.75**3 + 1e-9, 3.0, 4.0),  # (.6/.8)^3
        (3.0, 0.75**3 - 1e-9, 3.0, 6.0),
        (6.0, 0.001, 1.0, 8.0),  # the curve comes to zero: whatever the number
        (8.0, 0.5, 1.0, math.nan),  # and says nothing after
    ],
)
def test_the_time_drawn(since: float, uniform: float, delta: float, time: float) -> None:
    found = times_after(AT, SURVIVAL, np.array([since]), np.array([uniform]), delta)
    np.testing.assert_equal(found, [time])


def test_a_curve_that_does_not_come_down_so_far() -> None:
    assert times_after(AT[:3], SURVIVAL[:3], np.array([2.0]), np.array([0.2]), 1.0).tolist() == [math.inf]


def trial() -> TimeToEvent:
    """A: 2, 4+, 6; B: 3+, 5, 9."""
    return TimeToEvent([2, 4, 6, 3, 5, 9], [1, 0, 1, 0, 1, 1], [*"AAABBB"], control="A", experimental="B", unit="days")


def filled(uniform: float, **changed: object) -> TimeToEvent:
    tte = trial()
    settings = {
        "delta": np.ones(2), "reference": None, "censored": tte.event == 0, "until": np.full(6, 8.0),
        "stratified": False, **changed,
    }  # fmt: skip
    return completed(tte, Draws(copies=np.ones(6, dtype=np.int64), uniform=np.full(6, uniform)), **settings)  # type: ignore[arg-type]


def test_a_completed_endpoint() -> None:
    """A's curve: 2/3 at 2, 0 at 6, so its subject censored at 4 dies at 6. B's: from 3 on 1/2 at 5, 0 at 9: with .4
    the one censored at 3 dies at 9, which is after 8: censored at 8; with .5 at 5."""
    low, high = filled(0.4), filled(0.5)
    assert low.time.tolist() == [2, 6, 6, 8, 5, 9]
    assert low.event.tolist() == [1, 1, 1, 0, 1, 1]
    assert high.time.tolist() == [2, 6, 6, 5, 5, 9]
    assert high.event.tolist() == [1, 1, 1, 1, 1, 1]


def test_delta_acts_in_its_arm() -> None:
    """B's hazard twice as high: (1/2)^2 is at most .4 at 5 already. A's is as it was."""
    found = filled(0.4, delta=np.array([1.0, 2.0]))
    assert found.time.tolist() == [2, 6, 6, 5, 5, 9]


def test_jump_to_reference() -> None:
    """B's censored subject follows A's curve after 3: from 2/3 to 0 at 6."""
    found = filled(0.4, reference="A")
    assert found.time.tolist() == [2, 6, 6, 6, 5, 9]
    assert found.event.tolist() == [1, 1, 1, 1, 1, 1]


def test_only_the_marked_and_only_before_the_end() -> None:
    marked = np.array([False, False, False, True, False, False])
    assert filled(0.5, censored=marked).time.tolist() == [2, 4, 6, 5, 5, 9]
    assert filled(0.5, until=np.array([8.0, 4, 8, 8, 8, 8])).time.tolist() == [2, 4, 6, 5, 5, 9]


def test_the_end_of_a_curve_above_the_number() -> None:
    """B: 3+, 5, 9+: the curve ends at 1/2 on day 9. With .4 the subject censored at 3 is censored again at 9."""
    tte = TimeToEvent([3, 5, 9], [0, 1, 0], unit="days")
    draws = Draws(copies=np.ones(3, dtype=np.int64), uniform=np.full(3, 0.4))
    found = completed(
        tte, draws, delta=np.ones(1), reference=None, censored=tte.event == 0, until=np.full(3, 20.0), stratified=False
    )
    assert found.time.tolist() == [9, 5, 9]
    assert found.event.tolist() == [0, 1, 0]


def test_rubins_rules() -> None:
    """Estimates 1, 2, 3, variances 1, 2, 3: within 2, between 1, total 2 + 4/3; df 2 (1 + 2/(4/3))^2 = 12.5."""
    found = pool([1, 2, 3], [1, 2, 3])
    assert (found.estimate, found.within, found.between) == (2, 2, 1)
    assert found.std_error == pytest.approx(math.sqrt(10 / 3), rel=1e-15)
    assert found.df == pytest.approx(12.5, rel=1e-14)
    assert found.p_value == pytest.approx(2 * student.sf(2 / math.sqrt(10 / 3), 12.5), rel=1e-12)
    width = student.ppf(0.975, 12.5) * math.sqrt(10 / 3)
    assert found.limits(0.95) == pytest.approx((2 - width, 2 + width), rel=1e-12)
    alike = pool([1, 1], [4, 4])
    assert math.isinf(alike.df)
    assert alike.limits(0.95)[1] == pytest.approx(1 + 2 * 1.959963984540054, rel=1e-14)
