"""Coverage of Newcombe's limits, exactly: every pair of counts weighed by its probability (slow tier)."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from equipoise.analyze.proportions import difference

pytestmark = pytest.mark.slow

N_1, N_2 = 103, 104
SHARES = (0.02, 0.05, 0.1, 0.25, 0.5, 0.75, 0.95)


def test_coverage_of_the_difference() -> None:
    limits = np.array([[difference(x, N_1, y, N_2).conf_int for y in range(N_2 + 1)] for x in range(N_1 + 1)])
    found = []
    for p_1 in SHARES:
        for p_2 in SHARES:
            weight = np.outer(binom.pmf(np.arange(N_1 + 1), N_1, p_1), binom.pmf(np.arange(N_2 + 1), N_2, p_2))
            inside = (limits[..., 0] <= p_1 - p_2) & (p_1 - p_2 <= limits[..., 1])
            found.append(float(weight[inside].sum()))
    print(f"| coverage, difference of shares of {N_1} and {N_2}: mean; least; most of {len(found)} pairs | "
          f"{np.mean(found):.4f}; {min(found):.4f}; {max(found):.4f} | .95 | exact | |")  # fmt: skip
    assert 0.945 < np.mean(found) < 0.965
    assert min(found) > 0.93
