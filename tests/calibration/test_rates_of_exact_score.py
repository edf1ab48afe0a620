"""The variance of simulated log-rank Z under effects beside that which "exact score" takes (slow tier)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from tests.calibration.designs import CROSSING, FIXED, LATE, statistics, trials

from equipoise.design import accrual, hazard, median, survival
from equipoise.design.course import at_risk
from equipoise.design.exact_score import variance_of_z
from equipoise.simulate import operating

pytestmark = pytest.mark.slow

TRIALS, PATIENTS = 8_000, 1_200  # many patients: the variance is that of first order

CASES: dict[str, tuple[Any, tuple[int, int]]] = {
    "1:1": (0.5, (1, 1)),
    "2:1": (0.68, (2, 1)),
    "3:1": (0.5, (3, 1)),
    "1:3": (0.5, (1, 3)),
    "delayed": (LATE, (2, 1)),
    "crossing": (CROSSING, (1, 1)),
    "crossing, 1:3": (CROSSING, (1, 3)),
}


def test_strata_with_effects_of_their_own() -> None:
    """Their numbers are chance, and the test is stratified: simulated by the package's own patients."""
    plan = survival(
        FIXED, hazard_ratio={"a": 0.8, "b": 0.3}, patients=PATIENTS, strata={"a": 0.7, "b": 0.3},
        control={"a": median("20 months"), "b": median("3 months")}, allocation={"E": 1, "C": 1},
        accrual=accrual("18 months"), follow_up="12 months", method="exact score",
    )  # fmt: skip
    course = plan.population.course(plan.hazard_ratio, plan.accrual)
    (day,) = plan.look_times
    expected = variance_of_z(course, at_risk(course, day), day, 1.0)
    found = operating(None, plan=plan, trials=TRIALS, seed=20261128, cox=False).z_sd[0] ** 2
    error = expected * math.sqrt(2 / TRIALS)
    print(f"strata: variance of Z {found:.4f} (se {error:.4f}), expected {expected:.4f}")
    assert found == pytest.approx(expected, abs=4 * error)


@pytest.mark.parametrize("name", CASES)
def test_variance_of_z(name: str) -> None:
    ratio, allocation = CASES[name]
    plan = survival(
        FIXED, hazard_ratio=ratio, patients=PATIENTS, control=median("9 months"), dropout=hazard(0.003),
        allocation={"E": allocation[0], "C": allocation[1]}, accrual=accrual("18 months"), follow_up="12 months",
        method="exact score",
    )  # fmt: skip
    course = plan.population.course(plan.hazard_ratio, plan.accrual)
    (day,) = plan.look_times
    expected = variance_of_z(course, at_risk(course, day), day, 1.0)
    z = np.concatenate([statistics(plan, block, 0) for block in trials(plan, list(CASES).index(name), TRIALS)])
    error = expected * math.sqrt(2 / TRIALS)
    print(f"{name}: variance of Z {z.var():.4f} (se {error:.4f}), expected {expected:.4f}")
    assert z.var() == pytest.approx(expected, abs=4 * error)
