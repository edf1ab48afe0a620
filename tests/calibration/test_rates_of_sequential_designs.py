"""A part of the table of tests.calibration.sequential (slow tier): sizes of .024 to .028, power within .01."""

from __future__ import annotations

import math

import pytest
from tests.calibration.sequential import designs, power, size

from equipoise.design import Plan

pytestmark = pytest.mark.slow

TRIALS = 40_000


@pytest.fixture(scope="module")
def plans() -> list[tuple[str, Plan]]:
    return list(designs().items())


@pytest.mark.parametrize("number", range(10))
def test_size_and_power(plans: list[tuple[str, Plan]], number: int) -> None:
    assert len(plans) == 10
    name, plan = plans[number]
    alpha, found = size(plan, TRIALS), power(plan, TRIALS)
    error = math.sqrt(0.025 * 0.975 / TRIALS)
    print(
        f"{name}: {plan.events:.0f} events, size {alpha:.4f} (se {error:.4f}), power {found:.4f} for {plan.power:.4f}"
    )
    assert 0.024 - 3 * error <= alpha <= 0.028 + 3 * error
    assert found == pytest.approx(plan.power, abs=0.01 + 3 * math.sqrt(0.09 / TRIALS))
