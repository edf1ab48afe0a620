"""A structural failure time model on five subjects, worked out on paper.

Control: a dies on day 2; b switches on day 2 and dies on day 6; c switches on day 4 and is censored on day 10.
Experimental: d dies on day 4, e on day 8. Everybody would have been followed until day 10.

With k = e^psi the times without treatment are a: 2, b: 2 + 4k, c: 4 + 6k, d: 4k, e: 8k; control is cut at min(10, 10k).
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import brentq

from equipoise.analyze.switching import Switches, naive, rpsftm, unswitched, untreated, who_switched
from equipoise.survival import TimeToEvent

INF = math.inf
TTE = TimeToEvent(
    [2, 6, 10, 4, 8], [1, 1, 0, 1, 1], ["C", "C", "C", "E", "E"], control="C", experimental="E", unit="days",
    subject=list("abcde"),
)  # fmt: skip
RECORD = Switches(tte=TTE, switch=[INF, 2, 4, INF, INF], progression=[1, 2, 1, 2, INF], administrative=[10.0] * 5)


@pytest.mark.parametrize(
    ("k", "times", "events"),
    [
        (3 / 4, [2, 5, 7.5, 3, 6], [1, 1, 0, 1, 1]),  # c: min(4 + 4.5, 7.5)
        (1 / 4, [2, 2.5, 2.5, 1, 2], [1, 0, 0, 1, 1]),  # b would have died on day 3, after the cut on day 2.5
        (1, [2, 6, 10, 4, 8], [1, 1, 0, 1, 1]),
        (2, [2, 10, 10, 8, 16], [1, 1, 0, 1, 1]),  # b on the very day of the cut: counts
    ],
)
def test_times_without_treatment(k: float, times: list[float], events: list[int]) -> None:
    found = untreated(RECORD, math.log(k))
    assert found.time.tolist() == pytest.approx(times, rel=1e-14)
    assert found.event.tolist() == events


def test_recensoring_in_all_arms_or_none() -> None:
    psi = math.log(1 / 4)
    everywhere = untreated(RECORD, psi, recensor="all arms")  # the experimental arm too, which changes nobody here
    assert everywhere.time.tolist() == pytest.approx([2, 2.5, 2.5, 1, 2], rel=1e-14)
    nowhere = untreated(RECORD, psi, recensor=False)
    assert nowhere.time.tolist() == pytest.approx([2, 3, 5.5, 1, 2], rel=1e-14)
    assert nowhere.event.tolist() == [1, 1, 0, 1, 1]


def test_with_nobody_switching_the_experimental_arm_stays_as_observed() -> None:
    found = unswitched(RECORD, math.log(3 / 4))
    assert found.time.tolist() == pytest.approx([2, 5, 7.5, 4, 8], rel=1e-14)


def test_z_on_both_sides_of_the_root() -> None:
    """k = 3/4: deaths in the order a, d, b, e. k = 3/2: the same, but c is censored (day 10) before e (day 12)."""
    low = (2 / 5 + 1 / 2 + 1 / 3 + 1 / 2 - 2) / math.sqrt(6 / 25 + 1 / 4 + 2 / 9 + 1 / 4)
    high = (2 / 5 + 1 / 2 + 1 / 3 + 1 - 2) / math.sqrt(6 / 25 + 1 / 4 + 2 / 9)
    found = rpsftm(RECORD, grid=[math.log(3 / 4), math.log(3 / 2)])
    assert found.search.z.tolist() == pytest.approx([low, high], rel=1e-13)
    # e passes day 10 where 8k = 10, and there Z jumps from -8 / sqrt(866) above 0.
    assert found.psi == pytest.approx(math.log(5 / 4), abs=1e-6)
    assert found.time_ratio == pytest.approx(4 / 5, abs=1e-6)
    assert low == pytest.approx(-8 / math.sqrt(866), rel=1e-14)


def test_interpolated_root() -> None:
    a, b = -8 / math.sqrt(866), 7 / 30 / math.sqrt(641 / 900)
    x, y = math.log(3 / 4), math.log(3 / 2)
    found = rpsftm(RECORD, grid=[x, y], search="grid")
    assert found.psi == pytest.approx(x - a * (y - x) / (b - a), rel=1e-12)


def test_hazard_ratio_and_its_limits() -> None:
    """At k = 5/4 control would have died on days 2 and 7 (c censored on day 10), experimental on days 4 and 8."""
    ratio = brentq(lambda r: 2 * r / (3 + 2 * r) + r / (1 + r) + r / (2 + r) + r / (1 + r) - 2, 0.01, 100, xtol=1e-14)
    found = rpsftm(RECORD, grid=[math.log(3 / 4), math.log(3 / 2)])
    assert found.hazard_ratio == pytest.approx(ratio, rel=1e-7)
    # As observed the deaths are in the same order as at k = 3/4, so z is -8 / sqrt(866): the standard error is b / z.
    z = -8 / math.sqrt(866)
    assert found.z == pytest.approx(z, rel=1e-13)
    width = 1.959963984540054 * abs(math.log(ratio) / z)
    assert found.conf_int == pytest.approx((ratio * math.exp(-width), ratio * math.exp(width)), rel=1e-6)
    assert found.p_value == pytest.approx(math.erfc(abs(z) / math.sqrt(2)), rel=1e-12)


def test_switching_in_both_arms() -> None:
    """d leaves the treatment on day 1: three days off, each of which would have been 1/k with it."""
    record = Switches(
        tte=TTE, switch=[INF, 2, 4, 1, INF], administrative=[10.0] * 5, may_switch=("C", "E")
    )  # fmt: skip
    assert record.on_experimental.tolist() == [0, 4, 6, 1, 8]
    k = 1 / 2
    assert untreated(record, math.log(k), recensor=False).time.tolist() == pytest.approx([2, 4, 7, 3.5, 4], rel=1e-14)
    assert unswitched(record, math.log(k), recensor=False).time.tolist() == pytest.approx([2, 4, 7, 7, 8], rel=1e-14)
    cut = untreated(record, math.log(k))  # both arms on day 5
    assert cut.time.tolist() == pytest.approx([2, 4, 5, 3.5, 4], rel=1e-14)


def test_naive_analyses() -> None:
    """Censored at switch: a dies on day 2 among five; b and c leave on days 2 and 4, after a and d."""
    found = naive(RECORD, "censored at switch")
    assert found.model is not None
    assert found.events == 3
    # Deaths: a (3 control, 2 experimental at risk), d (c and d, e at risk: c leaves on day 4, after), e alone.
    ratio = brentq(lambda r: 2 * r / (3 + 2 * r) + 2 * r / (1 + 2 * r) - 1, 0.01, 100, xtol=1e-14)
    assert found.hazard_ratio == pytest.approx(ratio, rel=1e-7)
    left = naive(RECORD, "switchers excluded")
    assert (left.subjects, left.events) == (3, 3)
    received = naive(RECORD, "treatment received")
    assert received.model is not None
    # Day 2: a to e at risk, d and e treated (b switches that day, and is treated after it); day 4: d dies among
    # b, c, d, e, of whom b, d, e are treated; day 6: b among b, c, e, all treated; day 8 the same.
    own = brentq(lambda r: 2 * r / (3 + 2 * r) + 3 * r / (1 + 3 * r) + 1 + 1 - 3, 0.01, 100, xtol=1e-14)
    assert received.hazard_ratio == pytest.approx(own, rel=1e-7)


def test_who_switched() -> None:
    found = who_switched(RECORD).arms[0]
    assert (found.subjects, found.switched, found.events_after, found.events_without) == (3, 2, 1, 1)
    assert found.to_switch.median == 3
    assert found.from_progression.median == 1.5  # b on the day of progression, c three days after
    assert found.without_progression == 0


def test_bootstrap_percentiles() -> None:
    """The limits are the samples' (m + 1) p-th smallest: of those with an estimate, the 0.025 (m + 1)-th."""
    found = rpsftm(RECORD, grid=np.linspace(-1, 1, 21), draws=400, seed=5)
    drawn = found.bootstrap
    assert drawn is not None
    known = np.sort(drawn.log_hazard_ratio[np.isfinite(drawn.log_hazard_ratio)])
    assert drawn.failed == 400 - len(known)
    place = 0.025 * (len(known) + 1)
    below = known[int(place) - 1]
    low = below + (place - int(place)) * (known[int(place)] - below)
    assert drawn.conf_int[0] == pytest.approx(math.exp(low), rel=1e-12)
    assert drawn.std_error == pytest.approx(known.std(ddof=1), rel=1e-12)
