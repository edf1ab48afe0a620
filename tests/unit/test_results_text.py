"""The one place where numbers become text: rounding, bounds, what is not reached, the long table."""

from __future__ import annotations

import math
import pickle
from copy import copy
from dataclasses import FrozenInstanceError, replace
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from equipoise import results
from equipoise.errors import DataError
from equipoise.results import COLUMNS, NOT_ESTIMABLE, NOT_REACHED, Entry, Row


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (2.5, 0, "3"),
        (3.5, 0, "4"),
        (-2.5, 0, "-3"),
        (0.125, 2, "0.13"),
        (-0.125, 2, "-0.13"),
        (1.005, 2, "1.01"),  # the double is below 1.005; its shortest name is not
        (2.675, 2, "2.68"),
        (0.5, 0, "1"),
        (0.49999999999999994, 0, "0"),
        (-0.0, 1, "0.0"),
        (-0.04, 1, "0.0"),
        (1e-300, 3, "0.000"),
        (123456789.125, 2, "123456789.13"),
        (math.nan, 2, NOT_ESTIMABLE),
        (math.inf, 2, NOT_REACHED),
    ],
)
def test_rounding_is_half_away_from_zero(value: float, digits: int, text: str) -> None:
    assert results.fixed(value, digits) == text


@given(st.integers(-(10**9), 10**9), st.integers(0, 4))
def test_every_exact_half_goes_away_from_zero(whole: int, digits: int) -> None:
    half = Decimal(2 * whole + 1).scaleb(-digits) / 2
    shown = Decimal(results.fixed(float(half), digits))
    assert shown == half.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)
    assert abs(shown) > abs(half)


@given(st.floats(-1e15, 1e15), st.integers(0, 6))
def test_text_is_symmetric_and_within_half_a_unit(value: float, digits: int) -> None:
    up, down = results.fixed(value, digits), results.fixed(-value, digits)
    assert up.removeprefix("-") == down.removeprefix("-")
    assert abs(Decimal(up) - Decimal(repr(value))) <= Decimal(1).scaleb(-digits) / 2
    assert "e" not in up.lower()


@given(st.floats(-1e300, 1e300) | st.floats(-1, 1) | st.floats(-1e4, 1e4), st.integers(0, 6))
def test_text_is_that_of_the_shortest_decimal(value: float, digits: int) -> None:
    """Whichever way it is found: by exact decimal arithmetic, of the float and of a decimal near one of its halves."""
    for x in (value, float(f"{value:.{digits + 1}f}"), float(f"{value:.{digits}f}"), math.nextafter(value, 0)):
        wide = Context(prec=400, rounding=ROUND_HALF_UP)
        want = Decimal(repr(x)).quantize(Decimal(1).scaleb(-digits), context=wide)
        assert results.fixed(x, digits) == format(want if want else abs(want), "f")


@given(st.lists(st.floats() | st.floats(-1, 1) | st.integers(-99, 99).map(lambda k: k / 8)), st.integers(-1, 9))
def test_texts_of_an_array_are_those_of_its_numbers(values: list[float], digits: int) -> None:
    assert results.fixed_each(np.array(values, dtype=float), digits) == [results.fixed(x, digits) for x in values]


def test_a_hazard_ratio_by_a_tiny_unit_still_prints() -> None:
    assert results.fixed(1e30, 2).startswith("1000000000")


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (0.0, "<0.0001"),
        (1e-300, "<0.0001"),
        (0.00009999, "<0.0001"),
        (0.0001, "0.0001"),
        (0.00014999, "0.0001"),
        (0.00015, "0.0002"),
        (0.04995, "0.0500"),
        (0.05, "0.0500"),
        (0.9999, "0.9999"),
        (0.99990001, ">0.9999"),
        (1.0, "1.0000"),
        (math.nan, NOT_ESTIMABLE),
    ],
)
def test_p_values_are_bounded_at_both_ends(p: float, text: str) -> None:
    assert results.p_value(p) == text


def test_p_in_a_sentence() -> None:
    assert results.p_equals(0.0) == "P < 0.0001"
    assert results.p_equals(0.99999) == "P > 0.9999"
    assert results.p_equals(0.25) == "P = 0.2500"
    assert results.p_equals(math.nan) == "P not estimable"


def test_limits_that_are_not_reached_say_so() -> None:
    assert results.interval((0.468, 0.84), 2) == "(0.47, 0.84)"
    assert results.interval((3.7, math.inf), 1) == "(3.7, not reached)"
    assert results.interval((math.nan, math.nan), 1) == NOT_ESTIMABLE
    assert results.duration_interval((146.1, math.inf), "months") == "(4.8, not reached)"
    assert results.duration_interval((math.inf, math.inf), "months") == "(not reached, not reached)"
    assert results.duration_interval((math.nan, math.nan), "days") == NOT_ESTIMABLE


def test_durations_in_the_unit_of_the_endpoint() -> None:
    assert results.duration(365.25, "months") == "12.0"
    assert results.duration(365.25, "years") == "1.00"
    assert results.duration(56, "weeks") == "8.0"
    assert results.duration(24.5, "days") == "24.5"
    assert results.duration(24.0, "days") == "24"
    assert results.duration(math.inf, "days") == NOT_REACHED


@pytest.mark.parametrize(
    ("count", "total", "digits", "text"),
    [
        (1, 8, 0, "13"),
        (1, 8, 1, "12.5"),
        (24, 103, 1, "23.3"),
        (1, 3, 1, "33.3"),
        (2, 3, 1, "66.7"),
        (1, 80, 1, "1.3"),  # 1.25 exactly: binary arithmetic must not decide
        (3, 80, 1, "3.8"),
        (0, 5, 1, "0"),
        (5, 5, 1, "100"),
        (0, 0, 1, NOT_ESTIMABLE),
    ],
)
def test_percent_from_counts_is_exact(count: int, total: int, digits: int, text: str) -> None:
    assert results.percent(count, total, digits) == text


@given(st.integers(1, 100_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_percent_agrees_with_whole_numbers(counts: tuple[int, int]) -> None:
    count, total = counts
    tenths = (2000 * count + total) // (2 * total)  # half up, in integers
    assert Decimal(results.percent(count, total)) * 10 == tenths


def test_counts_with_percent() -> None:
    assert results.count_percent(24, 103) == "24 (23.3)"
    assert results.count_percent(103, 103) == "103 (100)"
    assert results.count_percent(0, 103) == "0"


def test_significant_digits_never_use_an_exponent() -> None:
    assert results.significant(25.4444356) == "25.44"
    assert results.significant(-0.00822734320235077) == "-0.008227"
    assert results.significant(1.2e-12) == "0.000000000001200"
    assert results.significant(0.0) == "0"
    assert results.significant(math.nan) == NOT_ESTIMABLE


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (2.5, {"value": 2.5, "text": "2.5", "reason": ""}),
        (math.inf, {"value": None, "text": NOT_REACHED, "reason": "why"}),
        (math.nan, {"value": None, "text": NOT_ESTIMABLE, "reason": "why"}),
    ],
)
def test_what_is_not_finite_is_an_empty_value_with_a_reason(value: float, shown: dict[str, object]) -> None:
    assert results.number(value, "2.5", "" if math.isfinite(value) else "why") == shown


def test_a_missing_reason_is_never_empty() -> None:
    assert results.number(math.inf, "")["reason"] == NOT_REACHED
    assert results.number(math.nan, "")["reason"] == NOT_ESTIMABLE


def test_long_table_has_its_fixed_schema_even_when_empty() -> None:
    for rows in ([], [Row(statistic="median", value=3.5, text="3.5")]):
        table = results.long_table(rows)
        assert tuple(table.columns) == COLUMNS
        assert table.height == len(rows)
        for name, dtype in table.schema.items():
            assert dtype == (pl.Float64 if name in ("at", "level", "value") else pl.String), name


def test_columns_are_those_of_the_plan() -> None:
    plan = "analysis role estimand population endpoint group statistic at level value text unit method reason"
    assert (*plan.split(), "toml_path", "origin") == COLUMNS


def test_rows_of_columns_are_those_made_one_by_one() -> None:
    same: dict[str, Any] = {name: name for name in COLUMNS if name not in ("at", "level", "value", "text")}
    made = results.rows_of(**same, level=0.95, at=[1.0, 2.0], value=[None, 3.0], text=["a", "b"])
    assert made == [
        Row(**same, level=0.95, at=1.0, value=None, text="a"), Row(**same, level=0.95, at=2.0, value=3.0, text="b"),
    ]  # fmt: skip
    assert results.rows_of(statistic=["a", "b"]) == [Row(statistic="a"), Row(statistic="b")]
    assert results.rows_of(statistic="a", value=[]) == []


def test_rows_made_together_are_closed_as_those_made_one_by_one() -> None:
    one = Row(statistic="a", group="x", role="safety")
    entries = results.rows_from([Entry("a", group="x")], role="safety")
    for row in (*results.rows_of(statistic="a", group=["x"], role="safety"), *entries, *results.placed([one], at=None)):
        assert type(row) is Row
        assert (row, hash(row), repr(row)) == (one, hash(one), repr(one))
        assert pickle.loads(pickle.dumps(row)) == copy(row) == replace(row, text="") == one
        for name in COLUMNS:
            with pytest.raises(FrozenInstanceError):
                setattr(row, name, "c")
    assert results.rows_from([], role="safety") == []


@pytest.mark.parametrize(
    "columns",
    [{"value": [1.0]}, {"statistic": "a"}, {"statistic": "a", "worth": [1.0]}, {"statistic": ["a"], "at": [1.0, 2.0]}],
)
def test_rows_of_columns_refuses(columns: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="statistic among them"):
        results.rows_of(**columns)
