"""The size of a planned trial whose last look comes while patients still enter, by a million trials (slow tier).

pytest -m slow -s -n 0 tests/calibration/test_rates_of_looks_during_accrual.py    # prints what docs/designs.md says
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from equipoise.design import of_protocol
from equipoise.protocol import read
from equipoise.simulate import Trials, looks_of, nature_of, run_trials

pytestmark = pytest.mark.slow

SEED = 20261128
TRIALS = 1_000_000
TOML = Path(__file__).parents[1] / "end_to_end" / "early_looks.toml"
OF_QUARTERS = (2.862639, 2.337335, 2.024192)  # O'Brien-Fleming at fractions .5, .75 and 1, not 113/150


@pytest.mark.parametrize("bounds", [None, OF_QUARTERS], ids=["bounds of the plan", "bounds of .5, .75 and 1"])
def test_size(bounds: tuple[float, ...] | None) -> None:
    """Limits set after the size had been seen for patients who enter evenly (.02668, docs/simulation.md)."""
    plan = of_protocol(read(TOML))
    assert (plan.during_accrual, plan.patients) == (True, 207)
    looks = looks_of(plan)
    task = Trials(
        nature=nature_of(plan, hazard_ratio=1.0), looks=replace(looks, efficacy=bounds or looks.efficacy),
        experimental="Drug", control="Placebo", endpoint=1, seed=SEED, cox=False,
    )  # fmt: skip
    found = run_trials(task, TRIALS)[0]
    size = float(found.by_look["efficacy"].sum()) / TRIALS
    error = math.sqrt(size * (1 - size) / TRIALS)
    entered, day = (float(found.by_look[name][-1]) / TRIALS for name in ("patients", "day"))
    print(f"bounds {task.looks.efficacy.tolist()}: size {size:.5f} (error {error:.5f}); at the last look "
          f"{entered:.1f} patients, day {day:.1f}")  # fmt: skip
    assert found.by_look["unmet"].sum() == 0
    assert abs(size - 0.0267) < 4 * error
