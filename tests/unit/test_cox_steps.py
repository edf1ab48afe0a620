"""Residuals, prediction and time-varying covariates: what they refuse, and facts that hold whatever the data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from equipoise.errors import DataError, EquipoiseError, UnsupportedError
from equipoise.survival import (
    Cox,
    TimeToEvent,
    TimeVarying,
    baseline_hazard,
    counting_process,
    cox,
    predicted_survival,
    residuals,
    schoenfeld,
    zph,
)

N = 80


def trial(seed: int = 3, **more: Any) -> tuple[TimeToEvent, dict[str, Any]]:
    rng = np.random.default_rng(seed)
    arm = np.arange(N) % 2
    time = np.ceil(rng.exponential(100 / (1 + arm), N))
    event = rng.random(N) < 0.8
    covariates = {"age": rng.normal(60, 8, N), "site": rng.choice(["north", "south", "west"], N)}
    tte = TimeToEvent(time, event, arm, control=0, experimental=1, unit="days", **more)
    return tte, covariates


@pytest.fixture(scope="module")
def fit() -> Cox:
    return cox(*trial())


def separated() -> Cox:
    return cox(TimeToEvent([1, 2, 3, 4], [1, 1, 0, 0], [*"BBAA"], control="A", experimental="B", unit="days"))


TTE = TimeToEvent([5, 8, 9], [1, 1, 0], unit="days", subject=[*"abc"])


def path(subject: Any = (*"abc",), start: Any = (0, 0, 0), value: Any = (1, 0, 1)) -> dict[str, TimeVarying]:
    return {"x": TimeVarying(subject=list(subject), start=list(start), value=list(value), unit="days")}


ROWS = {"id": [1, 1, 2], "from": [0, 4, 0], "to": [4, 9, 5], "died": [0, 1, 0], "arm": ["A", "A", "B"]}


def process(**changed: Any) -> object:
    rows = pl.DataFrame({**ROWS, **changed})
    return counting_process(
        rows, subject="id", start="from", stop="to", event="died", arm="arm", unit="days", control="A", experimental="B"
    )


REFUSED: dict[str, tuple[Callable[[], object], type[EquipoiseError], str]] = {
    "kind": (lambda: residuals(cox(*trial()), "pearson"), EquipoiseError, "there are no 'pearson' residuals"),
    "exact ties": (
        lambda: residuals(cox(*trial(), ties="discrete"), "score"),
        UnsupportedError,
        "under discrete ties. Fit the model with Efron's or Breslow's ties",
    ),
    "separated": (
        lambda: schoenfeld(separated()),
        UnsupportedError,
        "the term B v A has no finite coefficient: the likelihood has no finite maximum",
    ),
    "transform": (lambda: zph(cox(*trial()), transform="square"), EquipoiseError, "there is no transform 'square'"),
    "log of zero": (
        lambda: zph(cox(TimeToEvent([0, 1, 2], [1, 1, 1], unit="days"), {"x": [1.0, 0.0, 1.0]}), transform="log"),
        EquipoiseError,
        "a death at time 0 has no logarithm",
    ),
    "profile without arm": (
        lambda: predicted_survival(cox(*trial()), {"age": [60], "site": ["north"]}),
        DataError,
        "the profiles lack a column of the model (column arm). Give arm, age, site",
    ),
    "profile with more": (
        lambda: predicted_survival(cox(*trial()), {"arm": [0], "age": [60], "site": ["north"], "sex": ["f"]}),
        DataError,
        "the model has no such covariate (column sex)",
    ),
    "profile, level": (
        lambda: predicted_survival(cox(*trial()), {"arm": [0], "age": [60], "site": ["east"]}),
        DataError,
        "'east' is no level that the model knows (column site). Levels: north, south, west",
    ),
    "profile, arm": (
        lambda: predicted_survival(cox(*trial()), {"arm": ["C"], "age": [60], "site": ["north"]}),
        DataError,
        "'C' is no level that the model knows (column arm)",
    ),
    "profile, no number": (
        lambda: predicted_survival(cox(*trial()), {"arm": [0], "age": [np.nan], "site": ["north"]}),
        DataError,
        "a profile has no number here (column age)",
    ),
    "profiles of unequal length": (
        lambda: predicted_survival(cox(*trial()), {"arm": [0, 1], "age": [60], "site": ["north"]}),
        DataError,
        "no row, or columns of different lengths",
    ),
    "profiles of nothing": (lambda: predicted_survival(cox(*trial()), 3), DataError, "neither a frame nor a mapping"),
    "shapes": (
        lambda: TimeVarying(subject=[1, 2], start=[0], value=[1, 2], unit="days"),
        DataError,
        "subject, start and value have shapes (2,), (1,), (2,)",
    ),
    "start": (
        lambda: TimeVarying(subject=["a"], start=[np.inf], value=[1], unit="days"),
        DataError,
        "a start is no time (column start, subject a)",
    ),
    "start in words": (
        lambda: TimeVarying(subject=["a"], start=["day 1"], value=[1], unit="days"),
        DataError,
        "a start is no time (column start)",
    ),
    "no value": (
        lambda: TimeVarying(subject=["a", "b"], start=[0, 0], value=[1, None], unit="days"),
        DataError,
        "1 rows of a time-varying covariate hold no value (column value, subject b)",
    ),
    "unknown at the start": (
        lambda: cox(TTE, path(start=(0, 3, 0))),
        DataError,
        "x is not known from the start for 1 of 3 subjects (column x, subject b)",
    ),
    "nobody's": (
        lambda: cox(TTE, path(subject=("a", "b", "z"))),
        DataError,
        "x is not known from the start for 1 of 3 subjects (column x, subject c)",
    ),
    "two of one start": (
        lambda: cox(TTE, path(subject=(*"abcc",), start=(0, 0, 0, 0), value=(1, 0, 1, 0))),
        DataError,
        "x has two rows of one subject and start (column x, subject c)",
    ),
    "overlap": (
        lambda: process(**{"from": [0, 3, 0]}),
        DataError,
        "rows of one subject overlap (column from, subject 1)",
    ),
    "gap": (
        lambda: process(**{"from": [0, 5, 0]}),
        DataError,
        "there is a gap between rows of one subject (column from",
    ),
    "no length": (
        lambda: process(to=[4, 9, 0]),
        DataError,
        "a row stops at or before its start (column to, subject 2)",
    ),
    "event before the end": (
        lambda: process(died=[1, 1, 0]),
        DataError,
        "a subject is followed after its event (column died, subject 1)",
    ),
    "arm changes": (
        lambda: process(arm=["A", "B", "B"]),
        DataError,
        "arm changes within a subject (column arm, subject 1)",
    ),
    "missing time": (lambda: process(to=[4, None, 5]), DataError, "a time is missing or no number (column to)"),
    "no column": (
        lambda: counting_process(pl.DataFrame(ROWS), subject="id", start="begin", stop="to", event="died", unit="days"),
        DataError,
        "there is no such column (column begin)",
    ),
    "no frame": (
        lambda: counting_process(3, subject="id", start="from", stop="to", event="died", unit="days"),
        DataError,
        "int is not a frame",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    call, kind, said = REFUSED[name]
    with pytest.raises(kind) as found:
        call()
    assert said in str(found.value), str(found.value)


def test_sums(fit: Cox) -> None:
    """Martingale, score and Schoenfeld residuals sum to zero at the maximum; events less martingales are hazards."""
    assert residuals(fit, "martingale").sum() == pytest.approx(0, abs=1e-10)
    assert residuals(fit, "score").sum(axis=0) == pytest.approx(np.zeros(4), abs=1e-9)
    assert schoenfeld(fit).value.sum(axis=0) == pytest.approx(np.zeros(4), abs=1e-9)
    assert (residuals(fit, "martingale") <= 1).all()


def test_the_robust_variance_is_that_of_dfbeta() -> None:
    tte, covariates = trial()
    fit = cox(tte, covariates, robust=True)
    change = residuals(fit, "dfbeta")
    np.testing.assert_allclose(change.T @ change, fit.covariance, rtol=1e-9)


def test_residuals_come_in_the_order_of_the_endpoint() -> None:
    tte, covariates = trial()
    turned = np.random.default_rng(1).permutation(N)
    other = TimeToEvent(
        tte.time[turned], tte.event[turned], tte.arm[turned], control=0, experimental=1, unit="days",
        subject=tte.subject[turned],
    )  # fmt: skip
    one = residuals(cox(tte, covariates), "score")
    two = residuals(cox(other, {k: v[turned] for k, v in covariates.items()}), "score")
    np.testing.assert_allclose(one[turned], two, rtol=1e-9, atol=1e-10)


def test_a_factor_is_tested_as_one(fit: Cox) -> None:
    tests = zph(fit).tests
    assert [(name, test.df) for name, test in tests.items()] == [("arm", 1), ("age", 1), ("site", 2), ("global", 4)]
    assert "Kaplan-Meier transform" in str(zph(fit))
    assert zph(fit).table().height == 8


def test_one_death_time_says_nothing_of_time() -> None:
    tte = TimeToEvent([3, 3, 5, 6], [1, 1, 0, 0], unit="days")
    found = zph(cox(tte, {"x": [1.0, 2.0, 1.5, 0.7]}))
    assert found.tests["global"].reason == "the function of time is the same at all deaths"
    assert "not estimable" in str(found)
    assert found.rows()[0].text == "not estimable"


@pytest.mark.parametrize("transform", ["km", "rank", "identity", "log"])
def test_without_events_nothing_can_be_tested(transform: Any) -> None:
    arms = TimeToEvent([3, 5, 7, 9], [0, 0, 0, 0], ["A", "B", "A", "B"], control="A", experimental="B", unit="days")
    found = zph(cox(arms, {"age": [61, 50, 43, 67]}), transform=transform)
    assert set(found.tests) == {"arm", "age", "global"}
    assert {t.reason for t in found.tests.values()} == {"there are no events"}
    assert {(r.value, r.text, r.reason) for r in found.rows()} == {(None, "not estimable", "there are no events")}
    assert str(found).endswith("not estimable: there are no events")


@pytest.mark.parametrize("kind", ["martingale", "deviance", "score", "dfbeta", "dfbetas"])
def test_cutting_follow_up_changes_nothing(kind: str) -> None:
    """A covariate given as a path that does not change, or changes to itself, is the covariate."""
    tte, covariates = trial()
    whole = cox(tte, covariates)
    start = np.concatenate([np.zeros(N), np.full(N, 20.0), np.full(N, 50.0)])
    twice = TimeVarying(subject=np.tile(tte.subject, 3), start=start, value=np.tile(covariates["age"], 3), unit="days")
    cut = cox(tte, {"age": twice, "site": covariates["site"]})
    np.testing.assert_allclose(cut.coef, whole.coef, rtol=1e-9)
    np.testing.assert_allclose(cut.covariance, whole.covariance, rtol=1e-9)
    assert cut.subjects == N
    np.testing.assert_allclose(residuals(cut, kind), residuals(whole, kind), rtol=1e-7, atol=1e-9)
    assert cut.concordance.estimate == pytest.approx(whole.concordance.estimate, rel=1e-12)
    robust = [cox(tte, c, robust=True).covariance for c in ({"age": twice, "site": covariates["site"]}, covariates)]
    np.testing.assert_allclose(*robust, rtol=1e-8)


def test_paths_take_strata_late_entry_and_text() -> None:
    tte, covariates = trial(entry=np.full(N, 0.5), strata=np.arange(N) % 3)
    changing = TimeVarying(
        subject=np.concatenate([tte.subject, tte.subject]), start=np.repeat([0.0, 30.0], N),
        value=np.concatenate([covariates["site"], np.full(N, "north")]), unit="days",
    )  # fmt: skip
    fit = cox(tte, {"site": changing, "age": covariates["age"]})
    assert fit.terms == ("1 v 0", "site: south v north", "site: west v north", "age")
    assert fit.stratified
    assert np.isfinite(fit.coef).all()


def test_rows_as_r_has_them() -> None:
    made, covariates = process(), None
    tte, covariates = made  # type: ignore[misc]
    assert covariates == {}
    assert tte.time.tolist() == [9, 5]
    assert tte.arms == ("A", "B")


def test_prediction_by_stratum_and_profile() -> None:
    tte, covariates = trial(strata=np.arange(N) // 2 % 2)
    fit = cox(tte, covariates)
    found = predicted_survival(fit, pl.DataFrame({"arm": [0, 1], "age": [60.0, 60.0], "site": ["west", "west"]}))
    assert [(c.profile["arm"], c.stratum) for c in found.curves] == [(0, "0"), (0, "1"), (1, "0"), (1, "1")]
    assert len(found.rows(["30 days", "60 days"])) == 4 * 2 * 3
    assert "4 curves" in str(found)
    assert found.table(["30 days"]).height == 12
    assert [b.stratum for b in baseline_hazard(fit)] == ["0", "1"]
    for curve in found.curves:
        assert (np.diff(curve.survival) < 0).all()
        assert ((curve.lower < curve.survival) & (curve.survival < curve.upper)).all()
