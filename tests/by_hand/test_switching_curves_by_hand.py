"""A Kaplan-Meier curve weighted for switching, worked out on paper.

Control has eight subjects and visits on days 0 and 4, where a marker was high in a, b, c, d and h, low in e, f, g. h
dies on day 3. At the visit of day 4 a and b (of four with a high marker) and g (of three with a low one) switch. So
not to have switched had the chance 1/2 or 2/3, and 4/7 in all: from then on c and d weigh (4/7)/(1/2) = 8/7, e and f
(4/7)/(2/3) = 6/7. c dies on day 6, e on day 8; d and f are followed until day 10. What a, b and g lived to see after
their switch does not count.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from equipoise.analyze.switching import Switches, Weighted, ipcw, msm
from equipoise.survival import TimeToEvent, TimeVarying, kaplan_meier

INF = math.inf
NAMES = [*"abcdefgh", "i", "j"]
TTE = TimeToEvent(
    [9, 7, 6, 10, 8, 10, 10, 3, 5, 10], [1, 1, 1, 0, 1, 0, 0, 1, 1, 0], ["C"] * 8 + ["E"] * 2, control="C",
    experimental="E", unit="days", subject=NAMES,
)  # fmt: skip
SWITCH = [4, 4, INF, INF, INF, INF, 4, INF, INF, INF]
HIGH = [1, 1, 1, 1, 0, 0, 0, 1, 0, 1]
MARKER = {"marker": TimeVarying(subject=NAMES * 2, start=[0] * 10 + [4] * 10, value=HIGH * 2, unit="days")}
SURVIVAL = [7 / 8, 7 / 8, 7 / 8 * (1 - (8 / 7) / 4), 7 / 8 * 5 / 7 * (1 - (6 / 7) / (20 / 7)), 7 / 16]
# d log S / d log(weights of a subject), by day 3 and by day 6; on day 6 weights of 4 are at risk and 20/7 are left
DAY_3 = {**dict.fromkeys("abcdefg", 1 / 56), "h": 1 / 56 - 1 / 7}
DAY_6 = {
    **dict.fromkeys("abg", 0), "c": 8 / 7 * (1 / 10 - 7 / 20), "d": 8 / 7 / 10, "e": 6 / 7 / 10, "f": 6 / 7 / 10, "h": 0
}  # fmt: skip


def weighted(stabilized: bool = True) -> Weighted:
    return ipcw(Switches(tte=TTE, switch=SWITCH), MARKER, time_df=0, stabilized=stabilized)


@pytest.mark.parametrize("stabilized", [True, False])
def test_curve_of_control(stabilized: bool) -> None:
    """Weights of 2 and 3/2 do the same: the numerator is one number by visit."""
    found = weighted(stabilized)
    assert found.curves is not None
    curve = found.curves["C"]
    assert curve.time.tolist() == [3, 4, 6, 8, 10]
    assert curve.survival.tolist() == pytest.approx(SURVIVAL, rel=1e-9)
    assert SURVIVAL[-1] == pytest.approx(7 / 16, rel=1e-15)
    assert (curve.subjects, curve.events) == (8, 3)
    assert curve.event.tolist() == [1, 0, 1, 1, 0]
    assert curve.censored.tolist() == [0, 3, 0, 0, 2]
    assert curve.at_risk.tolist() == [8, 7, 4, 3, 2]
    assert curve.risk_table(["4 days", "5 days"]).at_risk.tolist() == [7, 4]
    assert curve.median == 8


def test_what_the_outcome_is_adjusted_for_is_weighed_for_in_the_curve() -> None:
    """The marker as a baseline covariate: stabilized weights are 1, right in a model adjusted for it. The curve is of
    everybody, and those with a high marker are still too few after day 4."""
    found = ipcw(Switches(tte=TTE, switch=SWITCH, covariates={"high": np.array(HIGH)}), MARKER, covariates=["high"],
                 time_df=0)  # fmt: skip
    assert found.weighted.used == pytest.approx(1, rel=1e-9)
    assert found.curves is not None
    assert found.curves["C"].survival.tolist() == pytest.approx(SURVIVAL, rel=1e-9)


def test_its_limits_add_what_a_subject_did_before_and_after() -> None:
    curve = (weighted().curves or {})["C"]
    first = 1 / (8 * 7)  # Greenwood's: all weigh 1 until day 4
    assert sum(x**2 for x in DAY_3.values()) == pytest.approx(first, rel=1e-15)
    second = sum((DAY_3[name] + DAY_6[name]) ** 2 for name in "abcdefgh")
    found = (curve.std_error / curve.survival)[[0, 1, 2]] ** 2
    assert found.tolist() == pytest.approx([first, first, second], rel=1e-8)
    spread = math.exp(1.959963984540054 * math.sqrt(second) / math.log(8 / 5))
    assert curve.lower[2] == pytest.approx((5 / 8) ** spread, rel=1e-8)
    assert curve.upper[2] == pytest.approx((5 / 8) ** (1 / spread), rel=1e-8)


def test_the_other_arm_and_the_structural_model() -> None:
    """Nobody of the experimental arm may switch: as observed. The rows and weights of the other model are the same."""
    found = weighted()
    other = msm(Switches(tte=TTE, switch=SWITCH), MARKER, time_df=0)
    assert found.curves is not None
    assert other.curves is not None
    observed = kaplan_meier(TTE)["E"]
    for name in ("time", "survival", "std_error", "at_risk", "lower", "upper"):
        assert getattr(found.curves["E"], name) == pytest.approx(getattr(observed, name), rel=1e-13, nan_ok=True)
        assert getattr(other.curves["C"], name) == pytest.approx(getattr(found.curves["C"], name), nan_ok=True)


def test_weights_of_one_are_censoring_at_the_switch() -> None:
    found = weighted()
    ones = replace(found, weighted=replace(found.weighted, of_curve=np.ones(len(found.weighted.used))))
    censored = TTE._with(time=np.minimum(TTE.time, SWITCH), event=TTE.event * np.isinf(SWITCH))
    by_arm = ones.kaplan_meier(level=0.9, conf_type="log")
    assert by_arm is not None
    for arm, curve in kaplan_meier(censored, level=0.9, conf_type="log").items():
        for name in ("time", "survival", "std_error", "at_risk", "event", "censored", "lower", "upper"):
            assert getattr(by_arm[arm], name) == pytest.approx(getattr(curve, name), rel=1e-13, nan_ok=True), name
        assert (by_arm[arm].subjects, by_arm[arm].events) == (curve.subjects, curve.events)
