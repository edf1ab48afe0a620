"""Counts, multiplicity and imputation under bad and extreme input: a right answer or a sentence, never a crash."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import pytest
from tests.oracles import twins_counts

from equipoise.analyze import (
    clopper_pearson,
    cmh,
    difference,
    exposure_adjusted_rate,
    fisher,
    rate_difference,
    rate_ratio,
    risk_difference,
    risk_ratio,
    wilson,
)
from equipoise.errors import DataError, EquipoiseError

OF_ONE = (wilson, clopper_pearson, lambda x, n: difference(x, n, 1, 2), lambda x, n: difference(1, 2, x, n))
OF_TWO = (risk_difference, risk_ratio, cmh, fisher)


def refused(call: Callable[[], object], said: str, kind: type[EquipoiseError] = EquipoiseError) -> None:
    with pytest.raises(kind) as found:
        call()
    assert said in str(found.value), str(found.value)


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int16, np.int32, np.uint64, np.float32, float])
def test_numpy_counts_are_whole_numbers(kind: Any) -> None:
    for f in (wilson, clopper_pearson):
        assert f(kind(100), kind(120)) == f(100, 120)
    assert difference(kind(100), kind(120), kind(3), kind(7)) == difference(100, 120, 3, 7)
    assert exposure_adjusted_rate(kind(100), 7, unit="years") == exposure_adjusted_rate(100, 7, unit="years")


def test_numpy_counts_do_not_overflow() -> None:
    assert wilson(np.int32(46341), np.int32(92682)) == wilson(46341, 92682)
    assert wilson(np.uint8(200), np.uint8(255)) == wilson(200, 255)


NO_COUNT = [math.nan, math.inf, None, "1", True, [], [[1]], [[1], [1, 2]], 10**400, 10**5000, 0.5, -1, 10**16, 1j, {}]


@pytest.mark.parametrize("value", NO_COUNT, ids=lambda v: type(v).__name__)
def test_what_is_no_count_is_refused(value: Any) -> None:
    for one in OF_ONE:
        refused(partial(one, value, 3), "no count", DataError)
        refused(partial(one, 0, value), "no count", DataError)
    for two in OF_TWO:
        refused(partial(two, 1, 2, value, 3), "no count", DataError)
    refused(lambda: exposure_adjusted_rate(value, 3, unit="years"), "no count", DataError)


def test_single_counts_are_no_lists() -> None:
    for call in (
        lambda: wilson([1], 3),
        lambda: difference(1, 3, [1, 2], 3),
        lambda: exposure_adjusted_rate([12, 5], 300, unit="years"),
        lambda: rate_difference(12, 300, [5], 300, unit="years"),
        lambda: rate_ratio([12, 5], 300, 5, 300, unit="years"),
    ):
        refused(call, "is no single count", DataError)  # type: ignore[arg-type]


LARGE = 10**15
PAIRS = [
    (20000, 20000, 1, 20000),
    (1, LARGE, 10**14, LARGE),
    (10**14, LARGE, 1, LARGE),
    (10**14, LARGE, 10**14, LARGE),
    (1, 10**9, 0, 10**9),
    (10**9 - 1, 10**9, 10**9, 10**9),
    (LARGE, LARGE, 0, 1),
    (LARGE, LARGE, LARGE, LARGE),
    (10**6, 10**6, 3, 10**12),
    (3, 10, 4, 10**12),
    (1, 1, 0, LARGE),
]
RATES = [
    (50, 1, 1, 500),
    (20000, 10, 1, 10),
    (50, 0.001, 1, 500),
    (0, 71990, 46, 1),
    (46, 1, 0, 71990),
    (2, 1, 40, 1e5),
    (LARGE, 1, 1, 1e6),
    (LARGE, 1, LARGE, 1),
    (3, 1e-6, 2, 1e12),
]


def agrees(found: Any, want: Any) -> None:
    close = 1e-9 * abs(want["upper"] - want["lower"]) if math.isfinite(want["upper"]) else 0.0
    got = (found.estimate, *found.conf_int, found.z)
    for a, b in zip(got, (want["estimate"], want["lower"], want["upper"], want["z"]), strict=True):
        assert a == b or a == pytest.approx(b, rel=1e-9, abs=min(close, 1e-12)), (found, want)


@pytest.mark.parametrize("counts", PAIRS)
def test_shares_far_apart_or_of_very_many(counts: Any) -> None:
    agrees(risk_difference(*counts), twins_counts.risk_difference(*counts))
    agrees(risk_ratio(*counts), twins_counts.risk_ratio(*counts))


@pytest.mark.parametrize("counts", RATES)
def test_rates_far_apart(counts: Any) -> None:
    agrees(rate_ratio(*counts, unit="years"), twins_counts.rate_ratio(*counts))
    found = rate_difference(*counts, unit="years", per="1 year")
    agrees(found, twins_counts.rate_difference(*counts))


def test_one_more_failure_than_none_gives_a_chi_square_of_one() -> None:
    # n - 1 of n against n of n: deviation 1/2, hypergeometric variance 1/4, for every n.
    for n in (2, 10**9, LARGE):
        for f in (risk_difference, risk_ratio):
            assert f(n - 1, n, n, n).z == pytest.approx(-1, abs=1e-14)


def test_limits_of_the_rate_ratio_are_roots_of_a_quadratic() -> None:
    # 4 against 1 event in equal exposure: (4 - r)^2 = q^2 5 r.
    low, high = rate_ratio(4, 7, 1, 7, unit="days").conf_int
    assert low * high == pytest.approx(16, rel=1e-14)
    q2 = 1.959963984540054**2
    assert low + high == pytest.approx(8 + 5 * q2, rel=1e-14)


@pytest.mark.parametrize("per", ["0 years", "0 days", "0.0000000001 days", "9" * 400 + " years"])
def test_a_rate_per_no_time_is_refused(per: str) -> None:
    refused(lambda: exposure_adjusted_rate(3, 10, unit="years", per=per), "is no time to count events per")
    refused(lambda: rate_difference(3, 10, 2, 10, unit="years", per=per), "is no time to count events per")


@pytest.mark.parametrize("exposure", [1e308, 1e-310, 1e-20, 10**400, True, None, "10", [10], -1, 0])
def test_what_is_no_exposure_is_refused(exposure: Any) -> None:
    refused(lambda: exposure_adjusted_rate(3, exposure, unit="days"), "no exposure (column exposure)", DataError)
    refused(lambda: rate_ratio(3, exposure, 2, 5, unit="days"), "no exposure (column exposure_1)", DataError)


@pytest.mark.parametrize("exposure", [np.float32(100), np.int64(100), np.uint8(100), Fraction(100), 100])
def test_exposure_is_any_real_number(exposure: Any) -> None:
    assert exposure_adjusted_rate(3, exposure, unit="days") == exposure_adjusted_rate(3, 100.0, unit="days")


def test_exact_limits_of_too_many_are_refused() -> None:
    refused(lambda: clopper_pearson(10**14, LARGE), "Use wilson()", DataError)
    # A few of very many: no event has the limit -log(alpha / 2) / n, for (1 - p)^n is exp(-n p).
    assert clopper_pearson(0, LARGE).conf_int[1] == pytest.approx(-math.log(0.025) / LARGE, rel=1e-12)
    assert clopper_pearson(1, LARGE).conf_int[0] == pytest.approx(-math.log(0.975) / LARGE, rel=1e-12)


@pytest.mark.parametrize("flag", ["no", 1, 0, None, np.array([True])])
def test_a_correction_is_true_or_false(flag: Any) -> None:
    refused(lambda: cmh([1, 2], [5, 5], [2, 3], [5, 5], correction=flag), "correction takes True or False")


FISHER = [(1, 10**4, 1, 2), (3, 5000, 40, 5000), (0, 7, 7, 7), (700, 3000, 1, 3000), (5, 5, 0, 10**4), (0, 0, 3, 5)]


@pytest.mark.parametrize("counts", FISHER)
def test_fisher_of_long_supports(counts: Any) -> None:
    found, want = fisher(*counts), twins_counts.fisher(*counts)
    assert found.p_value == pytest.approx(want["two_sided"], rel=1e-11, abs=1e-300)
    assert found.p_more == pytest.approx(want["greater"], rel=1e-11, abs=1e-300)
    assert found.p_fewer == pytest.approx(want["less"], rel=1e-11, abs=1e-300)


def test_fisher_of_very_many() -> None:
    # 2 events among n + 2 subjects: both in the arm of n with (n choose 2) of ((n + 2) choose 2) ways.
    for n in (10**9, 10**12, LARGE):
        found = fisher(1, n, 1, 2)
        everything = Fraction((n + 2) * (n + 1), 2)
        assert found.p_fewer == pytest.approx(float((1 + 2 * n) / everything), rel=1e-12)
        assert found.p_value == pytest.approx(found.p_fewer, rel=1e-12)
        assert found.p_more == pytest.approx(float(1 - 1 / everything), rel=1e-12)
    assert fisher(LARGE, LARGE, 0, 5).p_value == pytest.approx(0, abs=1e-60)
    # So far out that no float holds the probability.
    far = fisher(10**6, 10**6, 0, 10**6)
    assert (far.p_value, far.p_more, far.p_fewer) == (0, 0, 1)


def test_fisher_beyond_its_size_is_refused() -> None:
    refused(lambda: fisher(LARGE // 2, LARGE, LARGE // 2, LARGE), "Use cmh()", DataError)
