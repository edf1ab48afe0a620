"""Every trial of a batch has the numbers of the single-trial functions and of the plain twin, whatever is around it."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.oracles import twins_batch
from tests.properties.examples import plenty
from tests.properties.test_survival_against_twins import TIMES

import equipoise as eq
from equipoise.survival import Batch, TrialStatus, batch

PER_UNIT = {"days": 1.0, "weeks": 7.0, "months": 30.4375, "years": 365.25}
# Times of full precision that come twice, or a bit apart, beside those of the other property tests.
KINDS = TIMES | {
    "thirds": st.integers(0, 60).map(lambda k: k / 3),
    "a bit apart": st.tuples(st.integers(1, 9), st.integers(-6, 6)).map(lambda p: p[0] / 3 * (1 + p[1] * 2.0**-52)),
    "near": st.tuples(st.integers(1, 9), st.integers(-3, 3)).map(lambda p: p[0] + p[1] * 2e-8),
    "far apart": st.integers(-30, 30).map(lambda k: 10.0**k),
}


def close(got: Any, want: Any, size: float = 0.0, rel: float = 1e-10) -> None:
    """Equal to 1e-10; of a difference, to 1e-13 of the size of what is subtracted."""
    np.testing.assert_allclose(got, want, rtol=rel, atol=1e-13 * size, equal_nan=True)


@dataclass(frozen=True)
class Trial:
    time: np.ndarray
    event: np.ndarray
    arm: np.ndarray
    strata: np.ndarray | None


@st.composite
def trials(draw: st.DrawFn, most: int = 4, subjects: int = 24) -> tuple[list[Trial], str, str | None, str | None]:
    """Some trials, their unit, and limits that often are one of the times."""
    stratified, unit = draw(st.booleans()), draw(st.sampled_from(sorted(PER_UNIT)))
    same = draw(st.booleans())
    n = draw(st.integers(1, subjects))
    found = []
    for _ in range(draw(st.integers(1, most))):
        n = n if same else draw(st.integers(1, subjects))

        def column(values: st.SearchStrategy[Any], n: int = n) -> np.ndarray:
            return np.array(draw(st.lists(values, min_size=n, max_size=n)))

        time = column(KINDS[draw(st.sampled_from(sorted(KINDS)))]).astype(float)
        event = column(draw(st.sampled_from([st.sampled_from([0, 1, 1]), st.just(1), st.sampled_from([0, 0, 0, 1])])))
        arm = column(draw(st.sampled_from([st.integers(0, 1)] * 9 + [st.just(0), st.just(1)])))
        strata = column(st.integers(0, draw(st.sampled_from([0, 2, 40])))) if stratified else None
        if draw(st.integers(0, 9)) == 0:
            arm = (time > np.median(time)).astype(int)  # separated, or nearly
        found.append(Trial(time, event, arm, strata))
    written = [f"{t:.17f}".rstrip("0").rstrip(".") for trial in found for t in trial.time.tolist() if 1e-6 < t < 1e7]
    limits = [*written, "0.5", "3", "1000000000"]
    tau, at = (draw(st.one_of(st.none(), st.sampled_from(limits))) for _ in range(2))
    return found, unit, f"{tau} {unit}" if tau else None, f"{at} {unit}" if at else None


def analyzed(found: list[Trial], unit: str, **more: Any) -> Batch:
    columns = [np.concatenate([getattr(t, name) for t in found]) for name in ("time", "event", "arm")]
    strata = None if found[0].strata is None else np.concatenate([t.strata for t in found])
    return batch(*columns, sizes=[len(t.time) for t in found], unit=unit, strata=strata, **more)


ABSENT = (TrialStatus.STRATUM_WITHOUT_CONTROL, TrialStatus.STRATUM_WITHOUT_EXPERIMENTAL)


@plenty(400)
@given(trials(), st.sampled_from([None, "efron", "breslow"]))
def test_every_trial_is_that_of_the_single_functions(case: Any, ties: Any) -> None:
    found, unit, tau, at = case
    many = analyzed(found, unit, tau=tau, at=at, ties=ties)
    for i, trial in enumerate(found):
        both = len(set(trial.arm.tolist())) == 2
        named = {"arm": trial.arm, "control": 0, "experimental": 1} if both else {}
        tte = eq.survival.TimeToEvent(trial.time, trial.event, unit=unit, strata=trial.strata, **named)
        status = TrialStatus(int(many.status[i]))
        assert (status != 0) == bool(many.reasons(i))
        assert (TrialStatus.NO_EVENTS in status) == (not trial.event.any())
        if both:
            assert_comparison(many, i, tte, ties)
        else:
            assert math.isnan(many.z[i])
            assert math.isnan(many.coef[i])
            assert status & (TrialStatus.NO_CONTROL | TrialStatus.NO_EXPERIMENTAL)
        km = eq.survival.kaplan_meier(tte)
        means = None if tau is None else eq.survival.rmst(tte, tau=tau)
        marks = None if at is None or many.at == 0 else eq.survival.milestone(tte, at=at)
        for curve in km.values():
            arm = int(curve.group) if both else int(trial.arm[0])
            assert_arm(many, i, arm, curve, means, marks)
        if both and means is not None:
            size = np.nanmax(np.abs(many.rmst[i]), initial=0.0)
            close(many.rmst_difference[i], means.difference, size)


def assert_comparison(many: Batch, i: int, tte: Any, ties: Any) -> None:
    status = TrialStatus(int(many.status[i]))
    test, fit = eq.survival.logrank(tte), eq.survival.cox(tte, ties=ties)
    events = float(test.observed.sum())
    assert many.subjects[i].tolist() == test.subjects.tolist()
    assert many.observed[i].tolist() == test.observed.tolist()
    close(many.expected[i], test.expected, events)
    close(many.variance[i], test.variance[1, 1], events)
    assert math.isnan(many.z[i]) == bool(test.reason)
    assert bool(status & (TrialStatus.NO_EVENTS | TrialStatus.LOGRANK_WITHOUT_INFORMATION)) == bool(test.reason)
    if not test.reason:
        close(many.z[i], test.z, events / math.sqrt(test.variance[1, 1]))
        close(many.p_value[i], test.p_value, 1)
        close(many.p_one_sided[i], test.p_one_sided, 1)
    assert (TrialStatus.SEPARATED in status) == math.isinf(fit.coef[0])
    assert bool(status & (TrialStatus.NO_EVENTS | TrialStatus.COX_WITHOUT_INFORMATION)) == math.isnan(fit.coef[0])
    close(many.coef[i], fit.coef[0], 10)
    close(many.se[i], fit.se[0])
    close(many.hazard_ratio[i], fit.hazard_ratio, 10 * fit.hazard_ratio if np.isfinite(fit.hazard_ratio) else 0)
    close(many.limits()[i], fit.limits()[0], 10 * np.nan_to_num(fit.limits()[0].max(), posinf=0))


def assert_arm(many: Batch, i: int, arm: int, curve: Any, means: Any, marks: Any) -> None:
    status = TrialStatus(int(many.status[i]))
    close(many.median[i, arm], curve.median)
    if means is not None:
        close(many.rmst[i, arm], means[curve.group].rmst)
        close(np.sqrt(many.rmst_variance[i, arm]), means[curve.group].std_error, many.tau)  # parts are tau less a time
        beyond = (TrialStatus.TAU_BEYOND_CONTROL, TrialStatus.TAU_BEYOND_EXPERIMENTAL)[arm]
        assert bool(status & (beyond | ABSENT[arm])) == math.isnan(means[curve.group].rmst)
    if marks is not None:
        close(many.survival[i, arm], marks[curve.group].survival)
        close(many.survival_se[i, arm], marks[curve.group].std_error)
        beyond = (TrialStatus.AT_BEYOND_CONTROL, TrialStatus.AT_BEYOND_EXPERIMENTAL)[arm]
        assert bool(status & (beyond | ABSENT[arm])) == math.isnan(marks[curve.group].survival)


@plenty(150)
@given(trials(most=2, subjects=16), st.sampled_from(["efron", "breslow"]))
def test_every_trial_is_that_of_the_twin(case: Any, ties: Any) -> None:
    found, unit, tau, at = case
    many = analyzed(found, unit, tau=tau, at=at, ties=ties)
    for i, trial in enumerate(found):
        scaled = (trial.time * PER_UNIT[unit]).tolist()
        strata = None if trial.strata is None else trial.strata.tolist()
        want = twins_batch.batch_trial(
            scaled, trial.event.tolist(), trial.arm.tolist(), strata, many.tau, many.at, ties
        )
        events = int(trial.event.sum())
        for name, value in want.items():
            got = getattr(many, name)
            if got is None:
                assert np.isnan(value).all()
                continue
            if name == "rmst_variance":
                got, value = np.sqrt(got), np.sqrt(value)
            size = {
                "rmst_variance": many.tau,
                "z": 10 * events,
                "expected": events,
                "variance": events,
                "coef": 100,
            }.get(name, 0.0)
            close(got[i], value, size, rel=1e-9 if name == "se" else 1e-10)


@plenty(80)
@given(trials(most=6))
def test_neither_neighbours_nor_the_split_change_a_digit(case: Any) -> None:
    found, unit, tau, at = case
    many = analyzed(found, unit, tau=tau, at=at)
    alone = [analyzed([t], unit, tau=tau, at=at) for t in found]
    for name in ("observed", "expected", "variance", "z", "coef", "se", "median", "rmst", "survival_se", "status"):
        if getattr(many, name) is not None:
            np.testing.assert_array_equal(getattr(many, name), np.concatenate([getattr(b, name) for b in alone]))


def test_an_executor_changes_no_digit() -> None:
    rng = np.random.default_rng(4)
    sizes = rng.integers(0, 400, 1000)
    n = int(sizes.sum())
    time, event, arm, strata = (
        rng.exponential(300, n),
        rng.random(n) < 0.7,
        rng.integers(0, 2, n),
        rng.integers(0, 5, n),
    )
    given_ = {"sizes": sizes, "unit": "days", "strata": strata, "tau": "12 months", "at": "6 months"}
    one = batch(time, event, arm, **given_)
    with ThreadPoolExecutor(2) as pool:
        two = batch(time, event, arm, executor=pool, **given_)
    for name in ("z", "coef", "se", "median", "rmst", "rmst_variance", "survival", "survival_se", "status"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


@pytest.mark.parametrize("n", [100_000, 1_000_000])
def test_a_large_trial(n: int) -> None:
    """Equal at a size where near ties are everywhere and the row sums are long."""
    rng = np.random.default_rng(n)
    arm = rng.integers(0, 2, n)
    time, event = rng.exponential(300 + 40 * arm), rng.random(n) < 0.7
    many = batch(time, event, arm, sizes=n, unit="days", tau="12 months", at="6 months")
    tte = eq.survival.TimeToEvent(time, event, arm, control=0, experimental=1, unit="days")
    fit, means = eq.survival.cox(tte), eq.survival.rmst(tte, tau="12 months")
    close(many.z[0], eq.survival.logrank(tte).z, rel=1e-9)
    close(many.coef[0], fit.coef[0])
    close(many.se[0], fit.se[0])
    for a, curve in enumerate(eq.survival.kaplan_meier(tte).values()):
        close(many.median[0, a], curve.median)
        close(many.rmst[0, a], means[str(a)].rmst)
        close(np.sqrt(many.rmst_variance[0, a]), means[str(a)].std_error)
        close(many.survival[0, a], curve.at(["6 months"])[0].survival)
