"""Wilson's and Newcombe's limits against limits found by root-finding the score test."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.oracles import twins_proportions as twins

from equipoise.analyze.proportions import difference, wilson

LEVELS = st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.99, 0.999])
PLENTY = settings(max_examples=300, deadline=None, derandomize=True, database=None)


@st.composite
def shares(draw: st.DrawFn) -> tuple[int, int]:
    """Events of a total, none and all as often as anything else."""
    total = draw(st.sampled_from([1, 2, 3, 7, 103, 104, 5000]) | st.integers(1, 400))
    return draw(st.sampled_from([0, 1, total - 1, total]) | st.integers(0, total)), total


@PLENTY
@given(share=shares(), level=LEVELS)
def test_wilson(share: tuple[int, int], level: float) -> None:
    found = wilson(*share, level)
    assert found.conf_int == pytest.approx(twins.wilson_limits(*share, level), rel=1e-9, abs=1e-12)
    assert 0 <= found.conf_int[0] <= found.estimate <= found.conf_int[1] <= 1
    assert (found.conf_int[0] == 0) == (share[0] == 0)
    assert (found.conf_int[1] == 1) == (share[0] == share[1])


@PLENTY
@given(first=shares(), second=shares(), level=LEVELS)
def test_newcombe(first: tuple[int, int], second: tuple[int, int], level: float) -> None:
    found = difference(*first, *second, level)
    estimate, lower, upper = twins.newcombe_limits(*first, *second, level)
    assert found.estimate == pytest.approx(estimate, rel=1e-9, abs=1e-12)
    assert found.conf_int == pytest.approx((lower, upper), rel=1e-9, abs=1e-12)
    assert -1 <= found.conf_int[0] <= found.estimate <= found.conf_int[1] <= 1


@PLENTY
@given(first=shares(), second=shares(), level=LEVELS)
def test_turned_round_the_difference_changes_its_sign(
    first: tuple[int, int], second: tuple[int, int], level: float
) -> None:
    one, other = difference(*first, *second, level), difference(*second, *first, level)
    assert one.estimate == -other.estimate
    assert one.conf_int == (-other.conf_int[1], -other.conf_int[0])


@PLENTY
@given(first=shares(), second=shares(), level=LEVELS)
def test_counting_those_without_the_event_turns_it_round_too(
    first: tuple[int, int], second: tuple[int, int], level: float
) -> None:
    one = difference(*first, *second, level)
    without = difference(first[1] - first[0], first[1], second[1] - second[0], second[1], level)
    assert without.estimate == pytest.approx(-one.estimate, abs=1e-12)
    assert without.conf_int == pytest.approx((-one.conf_int[1], -one.conf_int[0]), abs=1e-12)
    assert not math.isnan(without.estimate)
