"""Kernels of bootstrap samples beside the definitions of their models, on samples in which no maximum is far away."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.oracles import copies_by_definition as definition

from equipoise.kernels import accelerated_again, accelerated_draws, ratio_draws, switching_tests

SEEDS = range(6)
CLOSE = 2e-5  # what a search by differences alone can tell


def sample(seed: int, n: int = 30) -> tuple[np.random.Generator, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Times with ties, whether they end in an event, arms, and copies of each subject, some of them none."""
    rng = np.random.default_rng(seed)
    time = np.ceil(rng.weibull(1.4, n) * 12)
    return rng, time, rng.random(n) < 0.75, rng.integers(0, 2, n), rng.integers(0, 3, n)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("scale", [None, 1.0])
def test_an_accelerated_model_is_the_largest_likelihood(seed: int, scale: float | None) -> None:
    rng, time, event, arm, copies = sample(seed)
    x = np.column_stack([np.ones(len(time)), arm, rng.normal(size=len(time))])
    a = np.column_stack([-x, np.log(time)])
    start = np.array([0.0, 0.0, 0.0, 1.0])
    coef, rate = accelerated_draws(a.shape[1] - (scale is not None), a, event, copies[None], start)
    rows = np.repeat(np.arange(len(time)), copies)
    want = definition.weibull(time[rows], event[rows], x[rows], scale)
    np.testing.assert_allclose([coef[0] / rate[0], 1 / rate[0]], want, rtol=CLOSE, atol=CLOSE)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("psi", [-0.45, 0.35])
def test_an_accelerated_model_of_times_put_back(seed: int, psi: float) -> None:
    """Control's time on treatment times e^psi, the experimental arm's time off it over e^psi, cut where they shrink."""
    rng, time, event, arm, copies = sample(seed)
    moved = rng.random(len(time)) < 0.5
    on = np.where(arm == 0, np.where(moved, 0.5 * time, 0.0), np.where(moved, 0.25 * time, time))
    end = np.where(rng.random(len(time)) < 0.8, time + rng.uniform(0.5, 9, len(time)), np.inf)
    factors = np.array([math.exp(psi) - 1, math.exp(-psi) - 1])
    a = np.column_stack([-np.ones(len(time)), -1.0 * arm, np.zeros(len(time))])
    center, unit = 2.0, 0.8
    got = accelerated_again(factors, 3, time, on, end, event, arm, copies, center, unit, a, np.array([0.0, 0.0, 1.0]))
    pace = np.where(arm == 0, math.exp(psi), math.exp(-psi))
    share = np.where(arm == 0, on, time - on)
    u, cut = time - share + pace * share, np.minimum(1.0, pace) * end
    dead, u = event & (u <= cut), np.minimum(u, cut)
    rows = np.repeat(np.arange(len(time)), copies)
    want = definition.weibull(u[rows], dead[rows], np.column_stack([np.ones(len(rows)), arm[rows]]), None)[0]
    assert got == pytest.approx(want, rel=CLOSE, abs=CLOSE)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("psi", [-0.6, 0.0, 0.5])
def test_z_of_switching_is_that_of_residuals_with_ties_broken_in_every_order(seed: int, psi: float) -> None:
    rng = np.random.default_rng(100 + seed)
    k = 14
    left, event, copies = rng.integers(3, 15, k).astype(float), rng.random(k) < 0.8, rng.integers(0, 3, k)
    moved = rng.random(k) < 0.5
    on = np.where(moved, 0.5 * left, 0.0)
    end = left + rng.uniform(1, 8, k)
    of = np.repeat(np.arange(k), 3)
    crossed = np.append(np.diff(of) > 0, True) & moved[of]
    x = np.column_stack([np.ones(3 * k), np.zeros(3 * k), rng.normal(size=3 * k)])
    got = switching_tests(
        np.array([math.expm1(psi)]), left, on, end, event, copies, np.array([np.argsort(left)] * 2), of, crossed,
        x.copy(), np.zeros((2, 3)),
    )[0]  # fmt: skip
    u, cut = left + math.expm1(psi) * on, min(1.0, math.exp(psi)) * end
    dead, u = event & (u <= cut), np.minimum(u, cut)
    whole = np.repeat(np.arange(k), copies)
    x[:, 1] = 0.0
    own = np.zeros(k)
    own[whole] = definition.residuals(u[whole], dead[whole])
    rows = np.concatenate([np.flatnonzero(of == i) for i in whole])
    x[:, 1] = own[of]
    want = definition.robust_z(crossed[rows], x[rows], np.repeat(np.arange(len(whole)), 3))
    assert got == pytest.approx(want, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_ratio_is_where_the_score_is_0(seed: int) -> None:
    rng, time, event, arm, copies = sample(seed)
    stratum = np.sort(rng.integers(0, 2, len(time)))
    order = np.lexsort((time, stratum)).astype(np.int64)
    starts = np.array([0, int((stratum == 0).sum()), len(time)])
    got = ratio_draws(copies[None], time[None], event[None], arm, starts, order[None])[0]
    rows = np.repeat(np.arange(len(time)), copies)
    want = definition.log_ratio(time[rows], event[rows], arm[rows], stratum[rows])
    assert got == pytest.approx(want, rel=1e-7, abs=1e-7)
