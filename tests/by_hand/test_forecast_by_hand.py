"""Forecasts of a date worked on paper: constant hazards, where everything is an exponential."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import ndtri

from equipoise.data import TimeToEvent
from equipoise.design import event_forecast

Z = float(ndtri(0.975))


def of(events: list[float], left: list[float], followed: list[float]) -> dict[str, object]:
    times = [*events, *left, *followed]
    codes = [1] * len(events) + [0] * (len(left) + len(followed))
    return {
        "tte": TimeToEvent(times, codes, unit="days"),
        "followed": np.arange(len(times)) >= len(events) + len(left),
        "cutoff": "2006-01-31",
    }


# Four events in 10 + 20 + 30 + 40 + 6 x 50 = 400 days: hazard 1/100, variance 4 / 400^2. Six are followed.
ALONE = of([10, 20, 30, 40], [], [50] * 6)
# Four events and two who left in 4 x 25 + 2 x 25 + 5 x 50 = 400 days: hazards 1/100 and 1/200. Five are followed.
LEAVING = of([25] * 4, [25] * 2, [50] * 5)


def test_nobody_leaves() -> None:
    """6 (1 - e^(-t/100)) = 2.5 gives e^(-t/100) = 7/12; the seventh event has then, in the middle, happened."""
    found = event_forecast(**ALONE, events=7)  # type: ignore[arg-type]
    assert (found.events_so_far, found.followed, found.newcomers) == (4, 6, 0)
    assert found.event_hazard.tolist() == [pytest.approx(1 / 100, rel=1e-15)]
    assert found.dropout_hazard.tolist() == [0]
    assert found.days == pytest.approx(-100 * math.log(7 / 12), abs=1e-9)  # 53.9
    assert found.date == "2006-03-26"  # the 54th day after the 31st of January
    assert found.most == pytest.approx(10, abs=1e-12)

    def law(t: float) -> tuple[float, float]:
        p = 1 - math.exp(-t / 100)
        slope = 6 * t * math.exp(-t / 100)
        return 4 + 6 * p, math.sqrt(6 * p * (1 - p) + slope**2 * 4 / 400**2)

    for t, times in ((found.lower_days, Z), (found.upper_days, -Z)):
        mean, sd = law(t)
        assert mean + times * sd == pytest.approx(6.5, abs=1e-9)
    at = event_forecast(**ALONE, events=7, at=["2006-01-31", "2006-02-10", "2006-05-11"])  # type: ignore[arg-type]
    assert at.expected.tolist() == pytest.approx([4, law(10)[0], law(100)[0]], rel=1e-13)
    assert at.expected_sd.tolist() == pytest.approx([0, law(10)[1], law(100)[1]], rel=1e-12)


def test_some_leave() -> None:
    """Two thirds of those followed have the event in the end: 5 x 2/3 (1 - e^(-3t/200)) = 1.5 gives e^(-3t/200) = .55.
    An eighth event, at 3.5 of 10/3, is not to be expected."""
    found = event_forecast(**LEAVING, events=6)  # type: ignore[arg-type]
    assert found.days == pytest.approx(-200 / 3 * math.log(0.55), abs=1e-9)
    assert found.most == pytest.approx(4 + 10 / 3, rel=1e-14)
    never = event_forecast(**LEAVING, events=8)  # type: ignore[arg-type]
    assert (never.days, never.upper_days, never.date, never.upper) == (math.inf, math.inf, None, None)
    assert never.reason == "no more than 7.3 events can be expected in the end"
    # In the end the variance is 5 x 2/9, and of p = a / (a + b), which moves by (b da - a db) / (a + b)^2, where
    # da^2 is 4 / 400^2 and db^2 is 2 / 400^2.
    a, b = 1 / 100, 1 / 200
    sd = math.sqrt(5 * 2 / 9 + 25 * (b**2 * 4 + a**2 * 2) / 400**2 / (a + b) ** 4)
    late = event_forecast(**LEAVING, events=8, at=["2105-01-01"])  # type: ignore[arg-type]
    assert late.expected_sd.tolist() == pytest.approx([sd], rel=1e-12)


def test_some_are_to_come() -> None:
    """One a day for 60 days, nobody leaves: by t > 60, the integral of 1 - e^(-s/100) over s from t - 60 to t,
    60 - 100 (e^(-(t - 60)/100) - e^(-t/100)). By t = 30, 30 - 100 (1 - e^(-.3)). Their number is binomial of 60."""
    accrual = [("60 days", 30.4375)]
    found = event_forecast(**ALONE, events=40, accrual=accrual, at=["2006-03-02", "2006-05-11"])  # type: ignore[arg-type]
    assert found.newcomers == pytest.approx(60, rel=1e-14)

    def law(t: float) -> tuple[float, float]:
        begun = min(t, 60.0)
        e = [math.exp(-(t - begun) / 100), math.exp(-t / 100)]
        own = begun - 100 * (e[0] - e[1])
        own_slope = 100**2 * (e[0] - e[1]) + 100 * ((t - begun) * e[0] - t * e[1])
        p = 1 - e[1]
        slope = own_slope + 6 * t * e[1]
        variance = 6 * p * (1 - p) + 60 * (own / 60) * (1 - own / 60) + slope**2 * 4 / 400**2
        return 4 + 6 * p + own, math.sqrt(variance)

    assert found.expected.tolist() == pytest.approx([law(30)[0], law(100)[0]], rel=1e-13)
    assert found.expected_sd.tolist() == pytest.approx([law(30)[1], law(100)[1]], rel=1e-12)
    for t, times in ((found.days, 0), (found.lower_days, Z), (found.upper_days, -Z)):
        mean, sd = law(t)
        assert mean + times * sd == pytest.approx(39.5, abs=1e-9)


def test_two_pieces() -> None:
    """Days 0 to 20: one event in 5 x 20 = 100 days, 1/100. From day 20: one in 10 + 3 x 20 = 70 days, 1/70. The event
    at day 20 is of the first piece. Of those followed, at day 40, a newcomer of day 0 has both pieces before him."""
    given = of([20, 30], [], [40, 40, 40])
    found = event_forecast(**given, events=3, pieces=["20 days"], at=["2006-03-02"], accrual=[("1 days", 30.4375)])  # type: ignore[arg-type]
    assert found.starts.tolist() == [0, 20]
    assert found.event_hazard.tolist() == pytest.approx([1 / 100, 1 / 70], rel=1e-15)
    # Thirty days on, a newcomer followed s (29 to 30) days: 1 - e^(-.2 - (s - 20)/70), of which the integral over s.
    newcomer = 1 - 70 * math.exp(-0.2) * (math.exp(-9 / 70) - math.exp(-10 / 70))
    assert found.expected.tolist() == pytest.approx([2 + 3 * (1 - math.exp(-30 / 70)) + newcomer], rel=1e-13)
