"""Columns, flags and covariates that would make wrong numbers without a word: refused, or taken as what they are."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pytest

from equipoise.errors import EquipoiseError
from equipoise.survival import (
    ModestlyWeighted,
    TimeToEvent,
    TimeVarying,
    adjusted_logrank,
    count_table,
    cox,
    fine_gray,
    gray,
    kaplan_meier,
    logrank,
    marginal_hazard_ratio,
    maxcombo,
    rmst,
    weighted_cox,
)

N = 40
RNG = np.random.default_rng(5)
ARMS = np.array(["A", "B"])[np.arange(N) % 2]
AGE = np.round(RNG.normal(60, 8, N))
TIME = np.ceil(RNG.exponential(20, N)) + 1


def trial(**more: Any) -> TimeToEvent:
    return TimeToEvent(TIME, np.arange(N) % 3 > 0, ARMS, control="A", experimental="B", unit="days", **more)


TTE = trial()
MIXED = np.array([1, "1", 2], dtype=object)
COMMAS = {"x": ["a, b", "a"], "y": ["c", "b, c"]}
HUGE = np.full(N, 1e14)
CUT = TimeVarying(
    subject=np.r_[TTE.subject, TTE.subject],
    start=np.r_[np.zeros(N), np.full(N, 3.0)],
    value=np.r_[AGE, AGE],
    unit="days",
)


@pytest.mark.parametrize(
    "method",
    [
        adjusted_logrank,
        marginal_hazard_ratio,
        weighted_cox,
        fine_gray,
        lambda tte, covariates: rmst(tte, tau="10 days", covariates=covariates),
    ],
)
def test_covariates_that_vary_with_time_are_for_cox(method: Callable[..., object]) -> None:
    """A method that takes a row for a subject would count each period as one."""
    with pytest.raises(EquipoiseError, match="baseline covariates, none that vary with time"):
        method(TTE, {"age": CUT})
    assert cox(TTE, {"age": CUT}).coef == pytest.approx(cox(TTE, {"age": AGE}).coef, rel=1e-9)


@pytest.mark.parametrize("name", ["time", "event", "arm", "weight", "entry", "subject"])
def test_a_factor_may_be_called_like_a_column(name: str) -> None:
    site = np.arange(N) % 4
    named, plain = trial(strata={name: site}), trial(strata={"site": site})
    assert named.strata_names == (name,)
    for field in ("time", "event", "arm", "stratum"):
        np.testing.assert_array_equal(getattr(named, field), getattr(plain, field))
    with pytest.raises(EquipoiseError, match=f"strata {name} is missing for 1 of 40 subjects"):
        trial(strata={name: np.where(np.arange(N) == 3, np.nan, site)})


def test_a_factor_of_a_file_may_be_called_like_a_column() -> None:
    rows = pl.LazyFrame({"t": [5, 8, 8, 12], "e": [1, 0, 1, 1], "a": list("ABAB"), "event": [1, 1, 0, 0]})
    asked: dict[str, Any] = {"arm": "a", "control": "A", "experimental": "B", "strata": "event"}
    found = count_table(rows, time="t", event="e", unit="days", **asked)
    assert found.events == 3
    assert found.strata == ("0", "1")


@pytest.mark.parametrize(
    "age",
    [
        pl.DataFrame({"age": AGE}).with_columns(pl.col("age").cast(pl.Decimal(10, 0))),
        {"age": np.array([Decimal(int(a)) for a in AGE], dtype=object)},
        {"age": np.array([np.int64(a) for a in AGE], dtype=object)},
        {"age": np.array([np.float32(a) for a in AGE], dtype=object)},
    ],
)
def test_numbers_of_any_type_are_numbers(age: Any) -> None:
    fit = cox(TTE, age)
    assert fit.terms == ("B v A", "age")
    np.testing.assert_allclose(fit.coef, cox(TTE, {"age": AGE}).coef)


def test_a_name_that_is_no_text() -> None:
    assert cox(TTE, {1: AGE}).table()["group"].is_in(["1"]).any()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (lambda: cox(TTE, {"d": np.full(N, "2020-01-01", dtype="M8[D]")}), "holds dates, time spans or complex"),
        (lambda: cox(TTE, {"z": AGE + 1j}), "holds dates, time spans or complex"),
        (lambda: cox(TTE, {"x": AGE * 1e-300}), "leaves no room for its squares"),
        (lambda: cox(TTE, {"x": AGE * 1e200}), "leaves no room for its squares"),
        (lambda: logrank(TTE, stratified="no"), "stratified = 'no' is neither True nor False"),  # type: ignore[arg-type]
        (lambda: cox(TTE, robust="no"), "robust = 'no' is neither True nor False"),  # type: ignore[arg-type]
        (lambda: logrank(TTE, rho="1"), "rho = '1' and gamma = 0.0 must be zero or above"),  # type: ignore[arg-type]
        (lambda: ModestlyWeighted(survival="0.5"), "survival = 0.5 is not above 0"),  # type: ignore[arg-type]
        (lambda: gray(TTE, rho="1"), "rho = '1' must be zero or above"),  # type: ignore[arg-type]
        (lambda: maxcombo(TTE, "fh"), "weights"),  # type: ignore[arg-type]
        (lambda: cox(TTE, level="0.95"), "level = '0.95' is not between 0 and 1"),  # type: ignore[arg-type]
        (lambda: cox(TTE, level=1 - 1e-16), "is too near 0 or 1"),
        (lambda: cox(TTE, null_hazard_ratio="1.3"), "null_hazard_ratio = '1.3' is no hazard ratio"),  # type: ignore[arg-type]
        (lambda: TimeToEvent([1e308, 5], [1, 1], unit="years"), "time is too large for a number of days"),
        (lambda: TimeToEvent([5, 6], [1, 1], unit="years", entry=[1, -1e307]), "entry is too large"),
        (lambda: TimeToEvent([1, 2, 3], [1] * 3, MIXED, control=1, unit="days"), "print alike: '1'"),
        (lambda: TimeToEvent([1, 2], [1, 1], strata=COMMAS, unit="days"), "print alike"),
        (lambda: TimeToEvent(np.ma.masked_array([1, 2], [0, 1]), [1, 1], unit="days"), "1 masked values"),
        (lambda: TimeToEvent([1, 2], [1, 1e300], unit="days"), "an event code is not a whole number from 0 up"),
        (lambda: adjusted_logrank(trial(weight=HUGE, weight_type="case"), {"a": AGE}), "need a row a subject"),
        (lambda: rmst(TTE, tau=f"{'9' * 400} days"), "too long for a number"),
    ],
)  # fmt: skip
def test_refused(given: Callable[[], object], sentence: str) -> None:
    with pytest.raises(EquipoiseError) as refused:
        given()
    assert sentence in str(refused.value)


def test_an_endpoint_is_closed() -> None:
    names = np.array(["a", "b", "c"])
    tte = TimeToEvent([1, 2, 3], [1, 1, 0], unit="days", subject=names)
    names[0] = "z"
    assert tte.subject.tolist() == ["a", "b", "c"]
    with pytest.raises(AttributeError, match="cannot be deleted"):
        del tte.time
    assert kaplan_meier(tte)["all"].median == 2
