"""Models of bootstrap samples, which are numbers of copies: their kernels beside a plain twin that has a row a copy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.oracles import twins_copies as twin
from tests.oracles import twins_switching
from tests.properties.examples import plenty
from tests.properties.test_switching_against_twins import HOW, close, trials

from equipoise.analyze.switching.bootstrap import resampled
from equipoise.analyze.switching.counterfactual import unswitched
from equipoise.analyze.switching.ipe import ipe_draws, iterated
from equipoise.analyze.switching.ipe_steps import plain_step, steps_of
from equipoise.analyze.switching.redraw import sample_of
from equipoise.analyze.switching.switching_of_psi import SwitchingOfPsi
from equipoise.errors import EquipoiseError
from equipoise.kernels import accelerated_draws, ratio_draws, switching_tests
from equipoise.survival import cox


@st.composite
def visits(draw: Any) -> tuple[np.ndarray, ...]:
    """left, on, end, event and copies by subject; of, crossed, x by visit, the second column free."""
    k = draw(st.integers(2, 14))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    left = rng.integers(1, 9, k).astype(float) if draw(st.booleans()) else rng.exponential(5, k) + 0.01
    moved = rng.random(k) < 0.6
    on = np.where(moved, left * rng.random(k), 0.0)
    end = np.where(rng.random(k) < 0.7, left + rng.integers(0, 6, k), math.inf)
    event = rng.random(k) < 0.8
    copies = rng.integers(0, 4, k)
    of = np.repeat(np.arange(k), rng.integers(1, 5, k))
    last = np.append(np.diff(of) > 0, True)
    x = np.column_stack([np.ones(len(of)), np.zeros(len(of)), rng.integers(0, 3, len(of)), rng.normal(size=len(of))])
    return left, on, end, event, copies, of, last & moved[of], x[:, : draw(st.integers(2, 4))]


def rows_of(copies: np.ndarray, of: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A row a copy of each visit, and the copy of a subject that it is of."""
    rows, cluster, number = [], [], 0
    for i, times in enumerate(copies):
        for _ in range(times):
            mine = np.flatnonzero(of == i)
            rows += mine.tolist()
            cluster += [number] * len(mine)
            number += 1
    return np.array(rows, dtype=int), np.array(cluster, dtype=int)


@plenty(150)
@given(visits(), st.floats(-1.5, 1.5))
def test_z_of_switching(visit: Any, psi: float) -> None:
    left, on, end, event, copies, of, crossed, x = visit
    k = math.exp(psi)
    u = left + math.expm1(psi) * on
    last = np.where(np.isfinite(end), np.minimum(1.0, k) * np.where(np.isfinite(end), end, 0.0), math.inf)
    assume((np.abs(u - last) > 1e-9 * left).all())
    time, dead = np.minimum(u, last), event & (u <= last)
    whole = np.repeat(np.arange(len(left)), copies)
    residual = np.zeros(len(left))
    residual[whole] = twin.martingale(time[whole], dead[whole])
    rows, cluster = rows_of(copies, of)
    columns = x.copy()
    columns[:, 1] = residual[of]
    order = np.array([np.argsort(left)] * 2)
    a, delta = x.copy(), np.zeros((2, x.shape[1]))
    got = switching_tests(np.array([math.expm1(psi)]), left, on, end, event, copies, order, of, crossed, a, delta)[0]
    if not math.isnan(got):
        close(got, twin.robust_z(crossed[rows].astype(float), columns[rows], cluster), 1e-7, 1e-8)


@plenty(100)
@given(visits(), st.integers(0, 3))
def test_z_of_a_sample_is_that_of_its_rows(visit: Any, df: int) -> None:
    """The statistic of copies, by kernel or not, beside the pooled logistic model of a row a copy."""
    left, on, end, event, copies, of, crossed, x = visit
    day = np.arange(len(of)) - np.searchsorted(of, of) + 1.0
    columns = np.delete(x, 1, axis=1)
    data = SwitchingOfPsi.made(
        (left, on, end, event), np.ones(len(left), dtype=np.int64), of, (day, crossed, columns), df
    )
    psi = np.linspace(-1.513, 1.487, 5)
    if copies.any():
        sample = data.sample(copies)
        apart = sample.sample(sample.copies, apart=True)
        close(sample.at(psi), [apart.plain(float(p)) for p in psi], 1e-7, 1e-7)
    close(data.at(psi), [data.plain(float(p)) for p in psi], 1e-7, 1e-7)


def test_a_calm_model_of_switching_is_not_left_to_others() -> None:
    """The property above would hold of a kernel that is always in doubt."""
    rng, k = np.random.default_rng(4), 60
    left, of = rng.exponential(5, k) + 0.1, np.repeat(np.arange(60), 4)
    moved = np.arange(k) % 2 == 0
    crossed = np.append(np.diff(of) > 0, True) & moved[of]
    a = np.column_stack([np.ones(4 * k), np.zeros(4 * k), rng.normal(size=4 * k)])
    factors = np.expm1(np.linspace(-1, 1, 9))
    args = np.where(moved, left / 2, 0.0), np.full(k, math.inf), np.ones(k, dtype=bool), rng.integers(0, 3, k)
    z = switching_tests(factors, left, *args, np.array([np.argsort(left)] * 2), of, crossed, a, np.zeros((2, 3)))
    assert np.isfinite(z).all()


@plenty(100)
@given(st.integers(4, 25), st.booleans(), st.integers(0, 2), st.integers(0, 2**32))
def test_weibull_models(n: int, fixed: bool, more: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    time = rng.integers(1, 9, n) if seed % 2 else rng.weibull(1.5, n) * 3 + 0.01
    event, copies = rng.random(n) < 0.8, rng.integers(0, 3, (3, n))
    x = np.column_stack([np.ones(n), rng.integers(0, 2, n), *(rng.normal(size=(more, n)))])
    a = np.column_stack([-x, np.log(time)])
    start = np.zeros(a.shape[1])
    start[-1] = 1.0
    coef, rate = accelerated_draws(a.shape[1] - fixed, a, event, copies, start)
    for b, row in enumerate(copies):
        rows = np.repeat(np.arange(n), row)
        if not math.isnan(coef[b]):
            want = twin.weibull(time[rows].astype(float), event[rows], x[rows], fixed)
            close([coef[b] / rate[b], 1 / rate[b]], want[[1, -1]], 1e-7, 1e-8)


@plenty(80)
@given(trials(30), st.integers(0, 1000))
def test_ratios(trial: Any, seed: int) -> None:
    record, d, _, _ = trial
    copies = resampled(record.tte, 3, seed)
    stratum = record.tte.stratum
    starts = np.concatenate([[0], np.cumsum(np.bincount(stratum))]).astype(np.int64)
    order = np.lexsort((d["time"], stratum)).astype(np.int64)
    u, dead, orders = (np.array([column] * 3) for column in (d["time"], d["event"] > 0, order))
    got = ratio_draws(copies, u, dead, record.tte.arm.copy(), starts, orders)
    for ratio, row in zip(got, copies, strict=True):
        rows = np.repeat(np.arange(record.n), row)
        want = twins_switching.log_ratio(*(d[name][rows] for name in ("time", "event", "arm", "stratum")))
        close(ratio, want, 1e-7, 1e-7)


@plenty(60)
@given(trials(24), st.floats(-1.5, -0.1), st.booleans())
def test_steps_of_ipe(trial: Any, psi: float, fixed: bool) -> None:
    record, d, how, possible = trial
    steps = steps_of(record, None, False, HOW[how], "exponential" if fixed else "weibull")
    if steps is None:
        return
    got = steps.of(np.ones(record.n, dtype=np.int64), lambda: lambda _: math.nan)[0](psi)
    if not math.isnan(got):
        close(got, twin.ipe_step(d, psi, twins_switching.recensored(d, how, possible), fixed), 1e-7, 1e-8)


@plenty(60)
@given(trials(24), st.sampled_from(["weibull", "exponential"]), st.booleans(), st.integers(0, 1000))
def test_samples_of_ipe_are_those_of_the_plain_path(trial: Any, law: Any, covariate: bool, seed: int) -> None:
    """The same failures, and the same psi where the plain iterations find one."""
    record, _, how, _ = trial
    stratified = bool(record.tte.strata)
    chosen = {"x": np.arange(record.n) % 3} if covariate else None
    asked = (stratified, HOW[how], law)
    copies = resampled(record.tte, 3, seed)
    psi, ratio, settled = ipe_draws(steps_of(record, chosen, *asked), record, copies, chosen, asked)
    for b in np.flatnonzero(settled):
        rows = np.repeat(np.arange(record.n), copies[b])
        sample, own = sample_of(record, rows, ()), None if chosen is None else {"x": chosen["x"][rows]}
        want, _, reason = iterated(plain_step(sample, own, *asked))
        close(psi[b], want, 1e-7, 1e-7)
        if reason:
            assert math.isnan(ratio[b])
            continue
        try:
            fit = cox(unswitched(sample, psi[b], recensor=HOW[how]), own, stratified=stratified)
        except EquipoiseError:
            raise AssertionError("settled, but there is no model") from None
        close(ratio[b], math.nan if fit.reasons[0] else fit.coef[0], 1e-7, 1e-7)
