"""A seeded fraction of the table of coverage (docs/switching_calibration.md): limits of each adjustment where its
assumptions hold, and that they fail visibly where they do not."""

from __future__ import annotations

import math

import pytest
from tests.calibration.rates import coverage, misses
from tests.calibration.switching import CASES, LIVES, SEED, Case

from equipoise.simulate import Proven, ground, on_cores, prove

pytestmark = pytest.mark.slow
TRIALS, DRAWS = 300, 200
ROBUST = ("IPCW", "MSM")  # their limits take the weights for known, and may cover up to 98%


@pytest.fixture(scope="module")
def proven() -> dict[str, tuple[Case, Proven]]:
    found = {}
    with on_cores() as executor:
        for case in CASES:
            here = ground(LIVES, case.setting, seed=SEED)
            methods = (*case.methods, "as observed")
            found[case.name] = case, prove(here, trials=TRIALS, draws=DRAWS, methods=methods, executor=executor)
    return found


@pytest.mark.parametrize(("name", "method"), [(case.name, method) for case in CASES for method in case.hold])
def test_where_the_assumptions_hold(proven: dict[str, tuple[Case, Proven]], name: str, method: str) -> None:
    found = proven[name][1]
    share, n = found.coverage(method, "model" if method in ROBUST else "bootstrap")
    rate = coverage(0.0, allowed=(0.94, 0.98), reason="weights taken for known") if method in ROBUST else coverage(0.0)
    assert n >= 0.99 * TRIALS
    assert not misses(rate, math.floor(share * n + 0.5), n), share
    assert abs(found.bias(method)) < 4.5 * found.bias_error(method) + 0.01, found.bias(method)


@pytest.mark.parametrize(
    ("name", "method", "bias"),
    [
        ("after progression, by what changes with time", "as observed", 0.1),
        ("after progression, by what changes with time", "two-stage", -0.1),
        ("the same, not measured", "IPCW", -0.1),
        ("the same, not measured", "MSM", -0.1),
        ("the same, not measured", "two-stage with g-estimation", -0.1),
        ("the effect is gone after the switch", "RPSFTM", -0.1),
        ("the effect is gone after the switch", "IPE", -0.1),
    ],
)
def test_where_they_do_not(proven: dict[str, tuple[Case, Proven]], name: str, method: str, bias: float) -> None:
    """The bias is beyond 0.1 on the log hazard ratio, towards no effect (as observed) or too good."""
    found = proven[name][1].bias(method)
    assert found > bias if bias > 0 else found < bias, found
