"""The audit's arithmetic against scans of the windows, counts printed one by one, and partial likelihoods."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.oracles import twins_audit as twins

from equipoise.protocol import Printed
from equipoise.reconstruct import implied
from equipoise.reconstruct.windows import ROUNDINGS, counts, denominators, window

PLENTY = settings(max_examples=300, deadline=None, derandomize=True, database=None)
LEVELS = st.sampled_from([0.9, 0.95, 0.99])


@st.composite
def printed_ratios(draw: st.DrawFn) -> tuple[Printed, Printed, Printed]:
    """A ratio with limits to 0 to 3 decimals, often right, often with one number off."""
    b, s = draw(st.floats(-2, 2)), draw(st.floats(0.02, 1))
    decimals = draw(st.integers(0, 3))
    values = [math.exp(b), math.exp(b - 1.96 * s), math.exp(b + 1.96 * s)]
    off = draw(st.sampled_from([1.0, 1.0, 1.0, 0.7, 0.97, 1.03, 1.5]))
    values[draw(st.integers(0, 2))] *= off
    texts = [f"{v:.{decimals}f}" for v in values]
    assume(all(float(t) > 0 for t in texts))
    estimate, lower, upper = (Printed.read(t) for t in texts)
    return estimate, lower, upper


@PLENTY
@given(ratio=printed_ratios(), level=LEVELS, rounding=st.sampled_from(ROUNDINGS))
def test_standard_errors_and_z(ratio: tuple[Printed, ...], level: float, rounding: str) -> None:
    windows = [window(one, rounding) for one in ratio]  # type: ignore[arg-type]
    found, scanned = implied.corners(*windows), twins.scan(*windows, level)
    assume(windows[0][0] > 0 and windows[1][0] > 0)
    if scanned is None:
        # what fits lies between two steps of the scan
        b0, b1 = (math.log(x) for x in windows[0])
        assert len(found) == 0 or np.ptp(found.sum(axis=1)) <= 4 * (b1 - b0) / 2000
        return
    assert len(found) > 0
    step = math.log(windows[0][1] / windows[0][0]) / 2000
    low, high = implied.standard_errors(found, level)
    assert low <= scanned[0] + 1e-9
    assert high >= scanned[1] - 1e-9
    assert scanned[0] - low <= 2 * step
    assert high - scanned[1] <= 2 * step
    z = implied.wald_z(found, level)
    assert z[0] <= scanned[2] + 1e-9 * abs(scanned[2]) or math.isinf(scanned[2])
    assert z[1] >= scanned[3] - 1e-9 * abs(scanned[3]) or math.isinf(scanned[3])
    if low > 20 * step:
        near = 3 * step / low * (1 + max(abs(x) for x in z))
        assert z[0] == pytest.approx(scanned[2], abs=near)
        assert z[1] == pytest.approx(scanned[3], abs=near)


@PLENTY
@given(
    b=st.floats(-2, 2), s=st.floats(0.03, 1), level=LEVELS, decimals=st.integers(1, 4), sided=st.sampled_from([1, 2])
)
def test_what_is_right_always_fits(b: float, s: float, level: float, decimals: int, sided: int) -> None:
    q = implied.quantile(level)
    texts = [f"{math.exp(x):.{decimals}f}" for x in (b, b - q * s, b + q * s)]
    found = implied.corners(*(window(Printed.read(t)) for t in texts))
    assert len(found) > 0
    low, high = implied.standard_errors(found, level)
    assert low - 1e-9 <= s <= high + 1e-9
    z = implied.wald_z(found, level)
    assert z[0] - 1e-9 <= -b / s <= z[1] + 1e-9
    p = f"{twins.wald_p(b, s, sided):.4f}"
    assert implied.apart(z, implied.z_of_p(window(Printed.read(p)), sided), sided) <= 1e-9


@PLENTY
@given(data=st.data(), level=LEVELS)
def test_implied_levels(data: st.DataObject, level: float) -> None:
    a, width = data.draw(st.floats(-2, 1)), data.draw(st.floats(0.05, 2))
    p = data.draw(st.floats(1e-5, 0.9))
    assume(abs(2 * a + width) > 1e-3)
    point = implied.corners(None, (math.exp(a),) * 2, (math.exp(a + width),) * 2)
    found = implied.implied_levels(point, (p, p), 2)
    expected = twins.level_of(a, a + width, p)
    assert found == pytest.approx((expected, expected), rel=1e-7)


@PLENTY
@given(total=st.integers(1, 500), value=st.integers(0, 1000), decimals=st.integers(0, 1), truncated=st.booleans())
def test_counts(total: int, value: int, decimals: int, truncated: bool) -> None:
    text = f"{min(value, 100 * 10**decimals) / 10**decimals:.{decimals}f}"
    printed = Printed.read(text + "%")
    rounding = "truncated" if truncated else "rounded"
    found = list(counts(printed, total, rounding))
    expected = twins.printing(text, total, truncated)
    assert found == expected
    assert (total in denominators([(printed, None)], total, rounding)) == bool(found)


@st.composite
def events(draw: st.DrawFn) -> list[tuple[int, float, float]]:
    """Arms of those who have the event, and numbers at risk, which may grow (late entry) or be of many strata."""
    weight = st.integers(1, 200)
    return draw(st.lists(st.tuples(st.integers(0, 1), weight, weight), min_size=2, max_size=40))


@PLENTY
@given(happened=events())
def test_the_theorem_of_other_tests(happened: list[tuple[int, float, float]]) -> None:
    made = twins.partial_likelihood(happened)
    assume(made is not None)
    b, information, z2, lr = made  # type: ignore[misc]
    assume(abs(b) > 1e-3)
    wald = abs(b) * math.sqrt(information)
    for test, value in (("log-rank", math.sqrt(z2)), ("likelihood ratio", math.sqrt(max(lr, 0.0)))):
        low, high = implied.stretch(test, (b, b))
        assert low * (1 - 1e-6) <= value / wald <= high * (1 + 1e-6)
    assert len(happened) >= 4 * information - 1e-9  # each event adds at most 1/4


@PLENTY
@given(happened=events(), drop=st.floats(0.05, 4))
def test_the_theorem_of_likelihood_limits(happened: list[tuple[int, float, float]], drop: float) -> None:
    made = twins.partial_likelihood(happened)
    assume(made is not None)
    b = made[0]  # type: ignore[index]

    def loglik(at: float) -> float:
        return sum(arm * at - math.log(one * math.exp(at) + other) for arm, one, other in happened)

    limits = []
    for far in (-60.0, 60.0):
        inside, outside = b, b + far
        for _ in range(100):
            middle = (inside + outside) / 2
            inside, outside = (inside, middle) if loglik(b) - loglik(middle) > drop else (middle, outside)
        limits.append(inside)
    assume(all(abs(x) < 15 for x in (b, *limits)))
    ends = [(math.exp(x) * (1 - 1e-7), math.exp(x) * (1 + 1e-7)) for x in (b, *limits)]
    assert implied.likelihood_limits_fit(*ends)
