"""Counts of subjects who are alike, from files that memory does not hold: the numbers of all the rows, and refusals."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from equipoise.errors import DataError, EquipoiseError, UnsupportedError
from equipoise.survival import TimeToEvent, count_table, cox, kaplan_meier, logrank, rmst

NAMED: dict[str, Any] = {
    "time": "AVAL", "event": "EVNT", "arm": "TRTP", "control": "A", "experimental": "B", "unit": "days",
}  # fmt: skip


def rows(n: int = 3000, seed: int = 1, arms: int = 2) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    arm = rng.integers(0, arms, n)
    death, lost = rng.exponential(40 * (1 + 0.3 * arm)), rng.uniform(5, 90, n)
    return pl.DataFrame({
        "AVAL": np.ceil(np.minimum(death, lost)), "EVNT": (death <= lost).astype(np.int8),
        "TRTP": np.array([*"ABC"])[arm], "SEX": np.array(["f", "m"])[rng.integers(0, 2, n)],
        "SITE": rng.integers(1, 4, n), "CNSR": np.where(death <= lost, 0, rng.integers(1, 3, n)),
    })  # fmt: skip


def in_memory(frame: pl.DataFrame, **changed: Any) -> TimeToEvent:
    return TimeToEvent.from_frame(frame, **(NAMED | changed))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Several row groups."""
    path = tmp_path_factory.mktemp("parquet") / "trial-1.parquet"
    with pq.ParquetWriter(path, rows().to_arrow().schema) as writer:
        for first in range(0, 3000, 700):
            writer.write_table(rows().slice(first, 700).to_arrow())
    assert pq.ParquetFile(path).num_row_groups == 5
    return path


def equal(got: Any, want: Any, rel: float = 1e-12) -> None:
    np.testing.assert_allclose(got, want, rtol=rel, atol=0)


def assert_same(few: TimeToEvent, all_: TimeToEvent, **asked: Any) -> None:
    assert str(few) == str(all_)
    assert few.n < all_.n
    assert (few.subjects, few.events) == (all_.subjects, all_.events)
    for one, two in zip(kaplan_meier(few).values(), kaplan_meier(all_).values(), strict=True):
        for name in ("time", "at_risk", "event", "censored", "survival", "std_error", "lower", "upper"):
            equal(getattr(one, name), getattr(two, name))
        assert (one.subjects, one.events, one.median_ci) == (two.subjects, two.events, two.median_ci)
    one, two = logrank(few, **asked), logrank(all_, **asked)
    for name in ("subjects", "observed", "expected", "variance", "statistic", "p_value"):
        equal(getattr(one, name), getattr(two, name))
    one, two = rmst(few, tau="50 days"), rmst(all_, tau="50 days")
    for arm in few.arms:
        equal([one[arm].rmst, one[arm].std_error], [two[arm].rmst, two[arm].std_error])
    for ties in ("efron", "breslow"):
        one, two = cox(few, ties=ties, **asked), cox(all_, ties=ties, **asked)
        equal(one.coef, two.coef)
        equal(one.se, two.se)
        equal(one.loglik, two.loglik)
        equal(one.conf_int, two.conf_int)
        assert (one.subjects, one.events) == (two.subjects, two.events)
        for name in ("estimate", "std_error", "concordant", "discordant", "tied_risk", "tied_time", "tied_both"):
            equal(getattr(one.concordance, name), getattr(two.concordance, name))
        assert [r.text for r in one.rows()] == [r.text for r in two.rows()]


def test_the_same_numbers(file: Path) -> None:
    few = count_table(file, **NAMED)
    assert few.n < 400
    assert few.weight_type == "count"
    assert_same(few, in_memory(rows()))
    assert str(few).startswith("3000 subjects, ")


def test_strata(file: Path) -> None:
    few = count_table(str(file), **NAMED, strata=["SEX", "SITE"])
    all_ = in_memory(rows(), strata=["SEX", "SITE"])
    assert few.strata == all_.strata
    assert few.strata_names == ("SEX", "SITE")
    assert_same(few, all_)
    assert_same(few, all_, stratified=False)
    one = count_table(file, **NAMED, strata="SEX")
    assert one.strata == ("f", "m")


def test_more_arms_and_one() -> None:
    many = rows(arms=3)
    few = count_table(many.lazy(), **(NAMED | {"experimental": None}))
    assert_same(few, in_memory(many, experimental=None))
    alone = {name: NAMED[name] for name in ("time", "event", "unit")}
    few, all_ = count_table(many.lazy(), **alone), TimeToEvent.from_frame(many, **alone)
    equal(kaplan_meier(few)["all"].survival, kaplan_meier(all_)["all"].survival)


def test_profile_limits_and_other_units(file: Path) -> None:
    few, all_ = count_table(file, **(NAMED | {"unit": "weeks"})), in_memory(rows(), unit="weeks")
    equal(cox(few, conf_type="profile").conf_int, cox(all_, conf_type="profile").conf_int)
    equal(cox(few, null_hazard_ratio=1.2).p_value, cox(all_, null_hazard_ratio=1.2).p_value)
    assert kaplan_meier(few)["A"].median == kaplan_meier(all_)["A"].median


def test_several_files_and_marked_events(file: Path, tmp_path: Path) -> None:
    for i in range(2):
        rows(seed=i).write_parquet(tmp_path / f"part-{i}.parquet")
    both = pl.concat([rows(seed=0), rows(seed=1)])
    assert_same(count_table(tmp_path / "part-*.parquet", **NAMED), in_memory(both))
    marked = NAMED | {"event": ("CNSR", 0)}
    assert_same(count_table(file, **marked), in_memory(rows(), event=("CNSR", 0)))
    text = rows().with_columns(STATUS=pl.when(pl.col("EVNT") == 1).then(pl.lit("dead")).otherwise(pl.lit("alive")))
    assert_same(count_table(text.lazy(), **(NAMED | {"event": ("STATUS", ["dead"])})), in_memory(rows()))
    flags = rows().with_columns(pl.col("EVNT") == 1)
    assert_same(count_table(flags.lazy(), **NAMED), in_memory(rows()))
    causes = count_table(file, **(NAMED | {"event": "CNSR"}))
    assert causes.event.max() == 2
    assert logrank(causes.cause(1)).observed.sum() == (rows()["CNSR"] == 1).sum()


def test_continuous_and_near_tied_times() -> None:
    rng = np.random.default_rng(3)
    frame = rows().with_columns(AVAL=pl.Series(np.repeat(rng.exponential(30, 1500), 2)) * (1 + 2.0**-52))
    frame = frame.with_columns(AVAL=pl.when(pl.int_range(pl.len()) % 2 == 0).then(pl.col("AVAL") * (1 + 2.0**-51))
                               .otherwise(pl.col("AVAL")))  # fmt: skip
    few, all_ = count_table(frame.lazy(), **NAMED), in_memory(frame)
    assert few.near_ties == all_.near_ties > 1000
    equal(logrank(few).statistic, logrank(all_).statistic)
    equal(cox(few).coef, cox(all_).coef)


def test_the_order_of_rows_is_nothing(file: Path) -> None:
    one, two = count_table(file, **NAMED), count_table(rows().reverse().lazy(), **NAMED)
    for name in ("time", "event", "arm", "weight"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


# ------------------------------------------------------------------- what is refused
def changed(**columns: Any) -> pl.LazyFrame:
    return rows().with_columns(**columns).lazy()


FIRST = pl.int_range(pl.len()) < 7


def instead(column: str, value: Any) -> pl.Expr:
    return pl.when(FIRST).then(pl.lit(value)).otherwise(pl.col(column))


REFUSED: dict[str, tuple[Callable[[], pl.LazyFrame], dict[str, Any], str, str]] = {
    # name: (frame, changed arguments, what, column)
    "missing time": (lambda: changed(AVAL=instead("AVAL", None)), {}, "AVAL is missing for 7 of 3000", "AVAL"),
    "a time that is no number": (lambda: changed(AVAL=instead("AVAL", math.nan)), {}, "missing for 7 of", "AVAL"),
    "negative time": (lambda: changed(AVAL=instead("AVAL", -1.0)), {}, "AVAL is below zero for 7 of 3000", "AVAL"),
    "infinite time": (lambda: changed(AVAL=instead("AVAL", math.inf)), {}, "AVAL is not finite for 7", "AVAL"),
    "text as time": (lambda: changed(AVAL=pl.col("AVAL").cast(pl.String)), {}, "holds String, not numbers", "AVAL"),
    "dates as time": (lambda: changed(AVAL=pl.date(2020, 1, 1)), {}, "AVAL holds Date", "AVAL"),
    "missing event": (lambda: changed(EVNT=instead("EVNT", None)), {}, "EVNT is missing for 7 of 3000", "EVNT"),
    "negative event": (lambda: changed(EVNT=instead("EVNT", -1)), {}, "not a whole number from 0 up for 7", "EVNT"),
    "half an event": (lambda: changed(EVNT=instead("EVNT", 0.5)), {}, "not a whole number from 0 up for 7", "EVNT"),
    "text as event": (lambda: changed(EVNT=pl.lit("1")), {}, "EVNT holds String, not codes", "EVNT"),
    "text marks numbers": (changed, {"event": ("CNSR", "0")}, "CNSR holds", "CNSR"),
    "numbers mark text": (changed, {"event": ("SEX", 0)}, "SEX holds String", "SEX"),
    "missing mark": (
        lambda: changed(CNSR=instead("CNSR", None)), {"event": ("CNSR", 0)}, "CNSR is missing for 7", "CNSR",
    ),
    "missing arm": (lambda: changed(TRTP=instead("TRTP", None)), {}, "TRTP is missing for 7 of 3000", "TRTP"),
    "empty arm": (lambda: changed(TRTP=instead("TRTP", "")), {}, "TRTP is missing for 7 of 3000", "TRTP"),
    "missing stratum": (lambda: changed(SEX=instead("SEX", "")), {"strata": "SEX"}, "SEX is missing for 7", "SEX"),
    "other arm": (lambda: changed(TRTP=instead("TRTP", "C")), {}, "7 of 3000 subjects are in other arms (C)", "TRTP"),
    "unknown arm": (changed, {"experimental": "T"}, "are in other arms (B)", "TRTP"),
    "same arm twice": (changed, {"experimental": "A"}, "are in other arms (B)", "TRTP"),
    "nobody in an arm": (lambda: changed(TRTP=pl.lit("A")), {}, "nobody is in arm 'B'", "arm"),
    "no experimental": (changed, {"experimental": None}, "two arms (A, B), but not which", "arm"),
    "no column": (changed, {"time": "ADT"}, "there is no such column", "ADT"),
    "no rows": (lambda: rows().lazy().filter(pl.col("AVAL") < 0), {}, "nobody is in the population", ""),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    frame, settings, what, column = REFUSED[name]
    with pytest.raises(DataError) as caught:
        count_table(frame(), **(NAMED | settings))
    assert what in str(caught.value)
    assert caught.value.column == column
    assert caught.value.remedy


def test_files_that_are_not_there_or_no_parquet(tmp_path: Path) -> None:
    broken = tmp_path / "broken.parquet"
    broken.write_text("not this")
    for source in (tmp_path / "none.parquet", tmp_path / "none-*.parquet", broken):
        with pytest.raises(DataError, match="cannot be read") as caught:
            count_table(source, **NAMED)
        assert caught.value.file == str(source)
    for source in (rows(), pa.table({"a": [1]}), 5):
        with pytest.raises(DataError, match="neither a path nor a lazy frame"):
            count_table(source, **NAMED)  # type: ignore[arg-type]
    with pytest.raises(EquipoiseError, match="unknown time unit"):
        count_table(rows().lazy(), **(NAMED | {"unit": "hours"}))


def test_what_counts_do_not_do() -> None:
    few = count_table(rows().lazy(), **NAMED)
    for settings, what in (
        ({"robust": True}, "a robust variance is not there for counts"),
        ({"cluster": np.arange(few.n)}, "a robust variance is not there for counts"),
        ({"covariates": {"x": np.arange(few.n)}}, "a Cox model with covariates is not there for counts"),
    ):
        with pytest.raises(UnsupportedError, match=what) as caught:
            cox(few, **settings)
        assert "give a row by subject" in caught.value.remedy
    late = TimeToEvent([5, 8, 9], [1, 1, 0], ["A", "B", "A"], control="A", experimental="B", unit="days",
                       entry=[0, 1, 2], weight=[3, 2, 1], weight_type="count")  # fmt: skip
    with pytest.raises(UnsupportedError, match="late entry is not there for counts"):
        cox(late)
    for settings in ({"ties": "discrete"}, {"ties": "exact-marginal"}, {"penalty": "firth"}):
        with pytest.raises(UnsupportedError, match="neither weights nor"):
            cox(few, **settings)


def test_count_weights() -> None:
    given: dict[str, Any] = {"time": [5, 8, 9], "event": [1, 1, 0], "unit": "days", "weight_type": "count"}
    tte = TimeToEvent(**given, weight=[3, 2, 1])
    assert str(tte) == "6 subjects, 5 events"
    assert (tte.n, tte.subjects, tte.events, len(tte)) == (3, 6, 5, 3)
    assert TimeToEvent(**(given | {"weight_type": "case"}), weight=[3, 2, 1]).subjects == 3
    assert tte.select(np.array([True, False, True])).subjects == 4
    for weight, what in (([3, 2.5, 1], "a count is not a whole number"), ([3, 0, 1], "a weight is not above zero")):
        with pytest.raises(DataError, match=what) as caught:
            TimeToEvent(**given, weight=weight)
        assert caught.value.subjects == ("2",)
