"""Weights for switching that is possible from progression on, against what the same trials are without a crossover.

TAnDEM's stated model: 78% of the control arm switch soon after progression, which is their prognosis. The truth of each
trial is itself with nobody switching (the same random numbers), so that differences are of the method alone.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.unit import switching_trial
from tests.unit.switching_trial import NAME

from equipoise.analyze import switching
from equipoise.protocol import example
from equipoise.simulate import trial as simulated
from equipoise.survival import cox

TRIALS = 200


@pytest.mark.slow
def test_weights_take_away_what_censoring_at_the_switch_adds(tmp_path: Path) -> None:
    """Censored at the switch the log hazard ratio is off by more than 0.2; weighted by less than 0.1 and 4 errors."""
    asked = switching_trial.protocol(tmp_path, '\n[analyses."OS, adjusted".switching]\nmethod = "ipcw"\ndraws = 0\n')
    bundled = example("tandem")
    stated = bundled.scenario["stated"]
    assert stated.crossover is not None
    nobody = stated.model_copy(update={"crossover": stated.crossover.model_copy(update={"probability": 0.0})})
    apart: dict[str, list[float]] = {"weighted": [], "censored": []}
    for number in range(TRIALS):
        data, without = (simulated(bundled, s, seed=20261128, number=number) for s in (stated, nobody))
        truth = float(cox(switching.switches(asked, without, estimand="OS, had nobody switched").tte).coef[0])
        plan = switching.planned(asked, data, asked.analyses[NAME])
        apart["weighted"].append(float(np.log(plan.found("ipcw").hazard_ratio)) - truth)
        naive = switching.naive(plan.record, "censored at switch")
        apart["censored"].append(float(np.log(naive.hazard_ratio)) - truth)
    mean = {name: float(np.mean(values)) for name, values in apart.items()}
    error = {name: float(np.std(values, ddof=1)) / TRIALS**0.5 for name, values in apart.items()}
    print(mean, error)
    assert mean["censored"] > 0.2
    assert abs(mean["weighted"]) < min(0.1, 4 * error["weighted"])
