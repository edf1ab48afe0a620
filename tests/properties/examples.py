"""How many examples a property is tried on: the same in every run, and as many times more as EQUIPOISE_FUZZ says."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, settings

TIMES = int(os.environ.get("EQUIPOISE_FUZZ", "1"))
CALM = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]


def plenty(examples: int) -> Any:
    """So many examples, without a deadline (the first call compiles)."""
    return settings(
        max_examples=examples * TIMES, deadline=None, derandomize=True, database=None, suppress_health_check=CALM
    )
