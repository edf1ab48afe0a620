"""The audit on drawn trials in print (slow tier): nothing that is right is called impossible; what typos are found.

`python -m tests.calibration.audited_trials` prints 500 trials, and more with --trials.
"""

from __future__ import annotations

import pytest
from tests.calibration.audited_trials import Found, allowances, right_trials, typed_trials
from tests.calibration.drawn_trials import SEED

from equipoise.reconstruct.p_checks import DIFFERENTLY, TIED, TYPICAL

pytestmark = pytest.mark.slow

TRIALS = 60


@pytest.fixture(scope="module")
def found() -> Found:
    made = Found()
    right_trials(TRIALS, made, SEED + 1)
    typed_trials(TRIALS, made, SEED + 1)
    return made


def test_nothing_right_is_called_impossible(found: Found) -> None:
    assert found.false == []
    assert found.checks > 30 * TRIALS


def test_typos_in_ratios_are_mostly_found(found: Found) -> None:
    assert found.called["hazard ratio"] >= 0.8 * found.typos["hazard ratio"]
    assert found.called["limit"] >= 0.5 * found.typos["limit"]


def test_what_stated_conventions_find_of_a_ratio_is_found_without_them(found: Found) -> None:
    for kind in ("hazard ratio", "limit"):
        assert found.both[kind] >= 0.9 * found.in_principle[kind]


def test_allowances_are_well_above_what_is_seen() -> None:
    seen = allowances(400, SEED + 1)
    assert 1.5 * seen["tied"][-1] <= TIED[0]
    assert 1.2 * seen["differently"][-1] <= DIFFERENTLY[0]
    for test in ("log-rank", "likelihood ratio"):
        low, high = TYPICAL[test]  # type: ignore[index]
        assert seen[test][1] == pytest.approx(low, abs=0.01)
        assert seen[test][3] == pytest.approx(high, abs=0.01)
