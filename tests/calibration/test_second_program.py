"""The package and the second program come to the same decision in every trial, so their rates are equal (slow tier).

Trials of 50 patients, of the seed of docs/calibration.md; both decide from their own P values and limits.
"""

from __future__ import annotations

import pytest
from tests.calibration import enumerated, families
from tests.calibration.rates import Method
from tests.calibration.register import METHODS
from tests.calibration.simulated import trials

pytestmark = pytest.mark.slow

N = 50


def named(method: Method) -> str:
    return f"{method.scenario.name}: {method.name}"


@pytest.mark.parametrize("method", METHODS, ids=named)
def test_same_decisions(method: Method) -> None:
    assert method.second is not None
    for trial in trials(method.scenario, N, range(method.compared)):
        assert method.decisions(trial) == method.second_decisions(trial), trial.number


@pytest.mark.parametrize("method", enumerated.METHODS, ids=lambda m: m.name)
def test_same_decisions_in_every_table(method: enumerated.Enumerated) -> None:
    """At some true values; and the searched rate is the sum over the tables that the second program decides."""
    chosen = method.values if len(method.values) <= 7 else method.values[::12]
    for value in chosen:
        second = method.second_decisions(N, value)
        assert method.decisions(N, value) == second, value
        assert method.rate(N, value) == pytest.approx(enumerated.summed(method, N, value, second), abs=1e-12)


@pytest.mark.parametrize("procedure", families.PROCEDURES, ids=lambda p: p.name)
@pytest.mark.parametrize("false", families.FALSE_BY)
def test_same_families(procedure: families.Procedure, false: str) -> None:
    for row in families.p_values(false, 2000).tolist():
        p = dict(zip(families.NAMES, row, strict=True))
        assert procedure.ours(p) == procedure.second(p), row
