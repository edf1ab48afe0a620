"""Survival designs have the power and the size they say, by simulated trials (slow tier; designs.py says how).

Four and a half Monte Carlo errors, and what the normal law of a test is off by in some 300 events: 0.012 of power,
0.004 of size.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.calibration.designs import claims, designs

pytestmark = pytest.mark.slow

PLANS = designs()


@pytest.mark.parametrize("name", PLANS)
def test_power_and_size(name: str) -> None:
    plan = PLANS[name]
    number = 100 + list(PLANS).index(name)
    count = 8_000 if "weighted" in name or "Fleming" in name or "MaxCombo" in name else 30_000
    found = claims(plan, number, count)
    for ours, share in zip(np.cumsum(plan.stop_for_efficacy), np.cumsum(found), strict=True):
        assert abs(ours - share) < 4.5 * math.sqrt(ours * (1 - ours) / count) + 0.012
    size = claims(plan, number, count, effect=False).sum()
    assert size < 0.025 + 4.5 * math.sqrt(0.025 * 0.975 / count) + 0.004
