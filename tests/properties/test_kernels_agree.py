"""The likelihood from counts by arm equals the one from subjects, whatever the ties, strata and coefficients."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equipoise.kernels import death_counts, grouped_likelihood, partial_likelihood, two_group_likelihood


@pytest.mark.parametrize("efron", [True, False])
@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    st.integers(1, 60), st.integers(1, 4), st.integers(1, 3), st.integers(1, 12), st.integers(0, 2**32),
    st.floats(-40, 40),
)  # fmt: skip
def test_counts_and_subjects(efron: bool, n: int, groups: int, strata: int, days: int, seed: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    stratum = np.sort(rng.integers(0, strata, n))
    time = rng.integers(0, days, n).astype(float)
    order = np.lexsort((time, stratum))
    time, group, event = time[order], rng.integers(0, groups, n), rng.random(n) < 0.6
    starts = np.searchsorted(stratum, np.arange(strata + 1)).astype(np.int64)
    z = rng.normal(size=(groups, max(groups - 1, 1)))
    beta = size * rng.normal(size=z.shape[1])
    none, rows = np.empty(0), np.empty(0, dtype=np.int64)
    want = partial_likelihood(beta, np.ascontiguousarray(z[group]), time, event, np.ones(n), starts, none, rows, efron)
    k, at_risk, deaths = death_counts(time, event, group, np.ones(n), starts, groups)
    scale = 1 + np.abs(beta).max()  # the log-likelihood is a difference of terms of this size
    for kernel in (grouped_likelihood, two_group_likelihood) if groups == 2 else (grouped_likelihood,):
        got = kernel(beta, z, at_risk[:k], deaths[:k], efron)
        np.testing.assert_allclose(got[0], want[0], rtol=1e-10, atol=1e-10 * scale)
        np.testing.assert_allclose(got[1], want[1], rtol=1e-9, atol=1e-10 * n)
        np.testing.assert_allclose(got[2], want[2], rtol=1e-9, atol=1e-10 * n)


@pytest.mark.parametrize("beta", [0.2, -3.0])
def test_a_product_of_many_terms_is_a_sum_of_logarithms(beta: float) -> None:
    rng = np.random.default_rng(5)
    at_risk = rng.integers(1, 40_000, (20_000, 2)).astype(float)
    deaths = np.zeros((20_000, 2))
    deaths[np.arange(20_000), rng.integers(0, 2, 20_000)] = 1
    z = np.array([[-0.7], [1.3]])
    want = grouped_likelihood(np.array([beta]), z, at_risk, deaths, True)
    for efron in (True, False):
        got = two_group_likelihood(np.array([beta]), z, at_risk, deaths, efron)
        for a, b in zip(got, want, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)
