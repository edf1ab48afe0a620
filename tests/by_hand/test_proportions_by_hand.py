"""Shares and their difference with pencil and paper, and the printed example of the paper."""

from __future__ import annotations

import math
from statistics import NormalDist

import pytest

from equipoise.analyze.proportions import NOBODY, difference, wilson
from equipoise.errors import DataError
from equipoise.survival.convention import ArgumentError

LEVEL = 2 * NormalDist().cdf(2) - 1  # z = 2, so that z^2 = 4
ROOT = math.sqrt(7)


def test_one_of_four() -> None:
    # (n + z^2) p^2 - (2 x + z^2) p + x^2 / n = 8 p^2 - 6 p + 1/4 = 0: p = (6 -+ sqrt 28) / 16 = (3 -+ sqrt 7) / 8
    found = wilson(1, 4, LEVEL)
    assert found.estimate == 0.25
    assert found.conf_int == pytest.approx(((3 - ROOT) / 8, (3 + ROOT) / 8), rel=1e-9)


def test_none_and_all_of_four() -> None:
    # x = 0: 8 p^2 - 4 p = 0, p = 0 or 1/2; x = 4 is its mirror image
    assert wilson(0, 4, LEVEL).conf_int == pytest.approx((0, 0.5), rel=1e-9)
    assert wilson(4, 4, LEVEL).conf_int == pytest.approx((0.5, 1), rel=1e-9)
    assert wilson(0, 4, LEVEL).conf_int[0] == 0
    assert wilson(4, 4, LEVEL).conf_int[1] == 1


def test_one_of_four_against_none_of_four() -> None:
    # distances of the limits: 1/4 - (3 - sqrt 7)/8 = (sqrt 7 - 1)/8 below the first, 1/2 above the second, which has
    # none below; (3 + sqrt 7)/8 - 1/4 = (sqrt 7 + 1)/8 above the first
    found = difference(1, 4, 0, 4, LEVEL)
    assert found.estimate == 0.25
    lower = 0.25 - math.sqrt(((ROOT - 1) / 8) ** 2 + 0.25)
    assert found.conf_int == pytest.approx((lower, 0.25 + (ROOT + 1) / 8), rel=1e-9)


# Newcombe 1998, table II, contrasts (a) and (b), as two other programs' tests quote them (the paper was not at hand).
@pytest.mark.parametrize(
    ("counts", "printed"),
    [((56, 70, 48, 80), (0.0524, 0.3339)), ((9, 10, 3, 10), (0.1705, 0.8090))],
)
def test_printed_example(counts: tuple[int, int, int, int], printed: tuple[float, float]) -> None:
    assert difference(*counts).conf_int == pytest.approx(printed, abs=5e-5)


def test_none_against_none_and_all_against_none() -> None:
    same = difference(0, 10, 0, 10)
    assert same.estimate == 0
    assert same.conf_int[0] == -same.conf_int[1] == -wilson(0, 10).conf_int[1]
    assert difference(10, 10, 0, 10).conf_int[1] == 1


@pytest.mark.parametrize("counts", [(0, 0, 1, 2), (1, 2, 0, 0), (0, 0, 0, 0)])
def test_nobody_has_no_share(counts: tuple[int, int, int, int]) -> None:
    found = difference(*counts)
    assert math.isnan(found.estimate)
    assert all(math.isnan(x) for x in found.conf_int)
    assert found.reason == NOBODY
    assert str(found) == "Difference of proportions not estimable: there is no subject"


@pytest.mark.parametrize("counts", [(3, 2), (-1, 2), (0.5, 2), (1, 2.5)])
def test_counts_that_cannot_be(counts: tuple[int, int]) -> None:
    with pytest.raises(DataError, match="is no (share|count) of subjects"):
        wilson(*counts)


@pytest.mark.parametrize("level", [0, 1, 95])
def test_levels_that_cannot_be(level: float) -> None:
    with pytest.raises(ArgumentError, match="level"):
        wilson(1, 2, level)
