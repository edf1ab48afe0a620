"""Simulated trials in files that a later run goes on with; truth, bias and coverage."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.unit.test_simulate_trials import plan, same

from equipoise.design import accrual, group_sequential, median, obrien_fleming, piecewise_hazard_ratio, survival
from equipoise.errors import DataError, DesignError
from equipoise.protocol import example
from equipoise.simulate import Cut, Looks, nature_of, operating
from equipoise.simulate.kept import COLUMNS, OF_ANALYSIS, Kept
from equipoise.simulate.many import RATIO


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.parquet"))


def test_a_run_that_was_stopped_goes_on(tmp_path: Path) -> None:
    def stop(share: float) -> None:
        if share >= 0.5:
            raise KeyboardInterrupt

    planned = plan()
    part = operating(None, plan=planned, trials=4_000, seed=5, keep=tmp_path, progress=stop)
    assert part.interrupted
    assert part.trials == 2_000
    kept = files(tmp_path)
    assert len(kept) >= 2
    before = [path.stat().st_mtime_ns for path in kept]
    whole = operating(None, plan=planned, trials=4_000, seed=5, keep=tmp_path)
    assert same(whole, operating(None, plan=planned, trials=4_000, seed=5))
    assert [path.stat().st_mtime_ns for path in kept] == before
    assert same(operating(None, plan=planned, trials=4_000, seed=5, keep=tmp_path), whole)


def test_what_is_kept(tmp_path: Path) -> None:
    planned = plan()
    operating(None, plan=planned, trials=1_500, seed=5, keep=tmp_path)
    first, second = (pl.read_parquet(path) for path in files(tmp_path))
    assert first["trial"].to_list()[:4] == [0, 0, 1, 1]
    assert second["trial"].to_list()[-1] == 1_499
    assert first["look"].to_list()[:4] == [1, 2, 1, 2]
    assert first["events_control"].dtype == pl.Float64
    operating(None, plan=planned, trials=1_000, seed=6, keep=tmp_path)  # another seed
    operating(None, plan=planned, trials=1_000, seed=5, keep=tmp_path, hazard_ratio=1)  # another model
    operating(None, plan=planned, trials=1_000, seed=5, keep=tmp_path, cox=False)
    assert len({path.parent for path in files(tmp_path)}) == 4


def test_a_file_that_was_tampered_with_is_refused(tmp_path: Path) -> None:
    planned = plan()
    operating(None, plan=planned, trials=1_000, seed=5, keep=tmp_path)
    (path,) = files(tmp_path)
    pl.read_parquet(path).head(10).write_parquet(path)
    with pytest.raises(DataError, match="does not hold the trials"):
        operating(None, plan=planned, trials=1_000, seed=5, keep=tmp_path)
    path.write_text("nothing")
    with pytest.raises(DataError, match="Delete it"):
        operating(None, plan=planned, trials=1_000, seed=5, keep=tmp_path)


@pytest.mark.parametrize("own", [False, True])
def test_what_is_not_what_was_written_is_refused(own: bool, tmp_path: Path) -> None:
    """Nulls, other types, other looks, columns that are missing or too many; a file as it was is read."""
    kept = Kept(tmp_path, (*COLUMNS, *OF_ANALYSIS) if own else COLUMNS)
    found = np.arange(5 * 2 * len(kept.columns), dtype=float).reshape(5, 2, -1)
    found[1, 1, 6] = math.nan  # an estimate that there is none of
    kept.write(1_000, found, ["trial 1003, look 2: no event"] if own else [])
    path = kept.chunk(1_000, 5)
    right = pl.read_parquet(path)
    other = {
        "a null": right.with_columns(z=pl.when(pl.col("trial") == 1_002).then(None).otherwise(pl.col("z"))),
        "a null trial": right.with_columns(trial=pl.when(pl.col("look") == 1).then(None).otherwise(pl.col("trial"))),
        "nothing but nulls": right.with_columns(z=pl.lit(None)),
        "text": right.with_columns(pl.col("z").cast(pl.String)),
        "whole numbers": right.with_columns(pl.col("met").cast(pl.Int64)),
        "small numbers": right.with_columns(pl.col("z").cast(pl.Float32)),
        "lists": right.with_columns(z=pl.concat_list("z", "z")),
        "trials as text": right.with_columns(pl.col("trial").cast(pl.String)),
        "trials with a point": right.with_columns(pl.col("trial").cast(pl.Float64)),
        "other trials": right.with_columns(pl.col("trial") + 1),
        "other looks": right.with_columns(pl.col("look") + 1),
        "looks turned round": right.with_columns(pl.col("look").reverse()),
        "no looks": right.drop("look"),
        "no Z": right.drop("z"),
        "another column": right.with_columns(more=pl.lit(1.0)),
        "fewer rows": right.head(8),
        "no rows": right.head(0),
        "reasons that are numbers": right.with_columns(wrong=pl.lit(1)),
    }
    if own:
        other["no reasons"] = right.drop("wrong")
    for name, frame in other.items():
        frame.write_parquet(path)
        with pytest.raises(DataError, match="does not hold the trials") as refused:
            kept.read(1_000, 5, 2)
        assert "Delete it" in str(refused.value), name
    right.write_parquet(path)
    again = kept.read(1_000, 5, 2)
    assert again is not None
    assert np.array_equal(again[0], found, equal_nan=True)
    assert again[1] == (["trial 1003, look 2: no event"] if own else [])


def test_half_a_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Kept(tmp_path)
    kept.write(0, np.random.default_rng(1).random((20, 2, len(COLUMNS))), [])
    path = kept.chunk(0, 20)
    whole = path.read_bytes()
    for length in (0, 3, 12, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match="Delete it"):
            kept.read(0, 20, 2)

    def panic(_: Path) -> pl.DataFrame:
        raise pl.exceptions.PanicException("Thrift out of range")

    # What polars does at some damaged bytes, and what is no Exception.
    monkeypatch.setattr(pl, "read_parquet", panic)
    with pytest.raises(DataError, match="Delete it"):
        kept.read(0, 20, 2)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be kept"):
        operating(None, plan=plan(), trials=10, seed=5, keep=tmp_path / "file")


def test_truth_under_proportional_hazards_is_the_hazard_ratio() -> None:
    """Bias of a log hazard ratio in trials of 180 patients, without stopping, is some hundredths; coverage nominal."""
    found = operating(None, plan=plan(0.65), trials=6_000, seed=2, truth=True)
    ratio = found.estimates[RATIO]
    assert ratio.truth == pytest.approx(math.log(0.65), abs=0.012)
    assert ratio.mean == pytest.approx(ratio.truth, abs=0.03)
    assert ratio.covered is not None
    assert (np.abs(ratio.covered - 0.95) < 4 * found.error(0.95) + 0.005).all()
    rows = {r.statistic: r.value for r in found.rows() if r.at == 2}
    bias = rows["mean log hazard ratio"] - rows["true log hazard ratio"]  # type: ignore[operator]
    assert rows["bias of log hazard ratio"] == pytest.approx(bias)


def test_truth_of_a_delayed_effect_depends_on_the_look() -> None:
    """No effect before 4 months: the earlier the look, the nearer to 1 is what can be estimated."""
    test = group_sequential(alpha=0.025, sided=1, information_fractions=[0.4, 1], efficacy=obrien_fleming())
    planned = survival(
        test, hazard_ratio=piecewise_hazard_ratio([1, 0.5], until=["4 months"]), events=200, patients=300,
        control=median("6 months"), allocation={"E": 1, "C": 1}, accrual=accrual("12 months"), method="score",
    )  # fmt: skip
    found = operating(None, plan=planned, trials=2_000, seed=2, truth=True)
    ratio = found.estimates[RATIO]
    assert ratio.truth is not None
    assert ratio.covered is not None
    first, last = ratio.truth
    assert 0 > first > last > math.log(0.5)
    assert (np.abs(ratio.covered - 0.95) < 4 * found.error(0.95) + 0.01).all()


def test_means_and_milestones_beside_the_hazard_ratio() -> None:
    """Exponential arms, medians 6 and 6 / 0.65 months: differences of area and height at 12 months in closed form."""
    found = operating(None, plan=plan(0.65), trials=4_000, seed=2, tau="12 months", at="12 months", truth=True)
    control, experimental = math.log(2) / 6, 0.65 * math.log(2) / 6
    area = [(1 - math.exp(-12 * rate)) / rate for rate in (control, experimental)]
    height = [math.exp(-12 * rate) for rate in (control, experimental)]
    last = {name: one for name, one in found.estimates.items() if name != RATIO}
    for one, true, near in zip(last.values(), ((area[1] - area[0]) * 30.4375, height[1] - height[0]), (4, 0.01),
                               strict=True):  # fmt: skip
        assert one.truth is not None
        assert one.covered is not None
        assert one.truth[-1] == pytest.approx(true, abs=near)
        assert one.mean[-1] == pytest.approx(true, abs=near)
        assert one.sd[-1] == pytest.approx(one.standard_error[-1], rel=0.05)
        assert abs(one.covered[-1] - 0.95) < 4 * found.error(0.95) + 0.01
        assert 0.4 < one.crossed[-1] < found.estimates[RATIO].crossed[-1] + 0.05


def test_errors_are_of_the_trials_that_give_an_estimate() -> None:
    """At 100 events hardly anybody was followed for 80 months: few trials have both restricted means, none of 10,000
    patients cut on the mean day has; what is not estimable is not covered either."""
    protocol = example("tandem")
    looks = Looks(cuts=(Cut(events=100),), efficacy=[1.96], sided=2)
    found = operating(protocol, looks=looks, scenario="stated", trials=50, seed=1, tau="80 months", truth=True)
    one = found.estimates["difference of restricted means"]
    count = float(one.trials[0])
    assert 1 < count < 25
    rows = {r.statistic: r for r in found.rows() if r.at == 1}
    error = rows["mean difference of restricted means Monte Carlo error"].value
    assert error == pytest.approx(float(one.sd[0]) / math.sqrt(count), rel=1e-12)
    assert rows["trials with a difference of restricted means"].text == f"{count:g}"
    for statistic in ("true", "bias of", "coverage of"):
        row = rows[f"{statistic} difference of restricted means"]
        assert (row.value, row.reason) == (None, "a million patients do not give it on the mean day of the look")
    ratio = found.estimates[RATIO]
    bias = rows["bias of log hazard ratio Monte Carlo error"].value
    assert ratio.truth_error is not None
    assert bias == pytest.approx(math.hypot(float(ratio.sd[0]) / math.sqrt(50), float(ratio.truth_error[0])), rel=1e-12)


def test_what_never_happened_has_an_error() -> None:
    """No claim in 20 trials does not show that there never is one: the error is that of 1 in 22."""
    found = operating(None, plan=plan(0.65), hazard_ratio=2.0, trials=20, seed=3)
    assert found.power == 0
    assert found.power_error == pytest.approx(math.sqrt(1 / 22 * 21 / 22 / 20), rel=1e-12)
    rows = {(r.statistic, r.at): r.value for r in found.rows()}
    assert rows["probability of control Monte Carlo error", 1] == 0  # a one-sided test makes no claim for control
    assert rows["probability of efficacy Monte Carlo error", 1] == found.power_error


def test_truth_needs_a_hazard_ratio() -> None:
    with pytest.raises(DesignError, match="nothing is estimated"):
        operating(None, plan=plan(), trials=10, seed=1, truth=True, cox=False)


def test_the_label_is_no_part_of_what_is_kept(tmp_path: Path) -> None:
    planned = plan(0.65)
    operating(None, plan=planned, trials=500, seed=5, keep=tmp_path)
    operating(None, plan=planned, trials=500, seed=5, keep=tmp_path, hazard_ratio=0.65)
    assert nature_of(planned).label != nature_of(planned, hazard_ratio=0.65).label
    assert len(files(tmp_path)) == 1
