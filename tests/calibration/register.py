"""All methods whose size, power and coverage are counted over simulated trials."""

from __future__ import annotations

from tests.calibration import of_causes, of_counts, of_curves, of_hazard_ratios, of_imputation, of_tests
from tests.calibration.rates import Method
from tests.calibration.simulated import Scenario

_FILES = (of_tests, of_hazard_ratios, of_curves, of_imputation, of_counts, of_causes)
METHODS: list[Method] = [method for file in _FILES for method in file.METHODS]


def by_scenario() -> dict[Scenario, list[Method]]:
    """The methods of each scenario; those of one scenario see the same trials."""
    found: dict[Scenario, list[Method]] = {}
    for method in METHODS:
        found.setdefault(method.scenario, []).append(method)
    return found
