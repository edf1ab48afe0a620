"""The search's moves leave the model as it is: without a target that can be met, patients stay draws from it (slow)."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest
from tests.properties.test_search_against_twin import Search

from equipoise.kernels import targets as kinds

pytestmark = pytest.mark.slow

# An energy of about 1,000 that a step changes by less than 1e-9: everything is accepted.
UNREACHABLE = [((kinds.EVENTS, 0, -1, 0, 0), (1e15, 1e15, 1e12))]
N, VISITS = 400, 8


def test_uniform_numbers_stay_uniform() -> None:
    """Kolmogorov-Smirnov on all 6,800 numbers after 2,000,000 moves, and on each of the 17 alone."""
    found = Search(N, seed=21, targets=UNREACHABLE, visits=VISITS)
    found.go(0, 2_000_000, 1.0)
    found.consistent()
    assert kstest(found.u.ravel(), "uniform").pvalue > 1e-4
    assert min(kstest(found.u[:, j], "uniform").pvalue for j in range(9 + VISITS)) > 1e-4


def test_numbers_that_were_not_uniform_become_so() -> None:
    """The moves reach everything: from one half throughout."""
    found = Search(N, seed=22, targets=UNREACHABLE, visits=VISITS, uniforms=np.full((N, 9 + VISITS), 0.5))
    found.go(0, 400_000, 1.0)
    assert kstest(found.u.ravel(), "uniform").pvalue > 1e-4


def test_times_under_the_search_are_those_of_the_model() -> None:
    """Pooled over 40 looks, 50,000 moves apart: progression-free survival as in patients drawn afresh."""
    found = Search(N, seed=23, targets=UNREACHABLE, visits=VISITS)
    fresh = Search(40 * N, seed=24, targets=UNREACHABLE, visits=VISITS, like=found)
    days = []
    for look in range(40):
        found.go(look * 50_000, (look + 1) * 50_000, 1.0)
        days.append(found.history[:, 5].copy())
    pooled, drawn = np.concatenate(days), fresh.history[:, 5]
    for t in (60, 120, 180, 300, 500):
        a, b = (pooled > t).mean(), (drawn > t).mean()
        error = np.sqrt((a * (1 - a) + b * (1 - b)) / (40 * N))
        print(f"beyond day {t}: {a:.4f} under the search, {b:.4f} drawn afresh, MC error {error:.4f}")
        assert abs(a - b) <= 4 * error
