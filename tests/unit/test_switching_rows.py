"""What stands beside an analysis adjusted for switching, from records whose truth is known."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from tests.unit import switching_trial

from equipoise.analyze.adjusted import Factor, estimate_of
from equipoise.analyze.switching.panel import panel
from equipoise.analyze.switching.planned import Planned, planned
from equipoise.analyze.switching_rows import _against_common_effect, _apart
from equipoise.results import fixed
from equipoise.simulate import ground, switched_trial
from equipoise.simulate.ground import Lives, Setting


def both_arms(folder: Path, time_ratio: float) -> Planned:
    """A large trial under a common effect, in which people of both arms switch at progression, whoever."""
    table = '\n[analyses."OS, adjusted".switching]\nmethod = "rpsftm"\nmay_switch = ["A", "T+A"]\ndraws = 0\n'
    analysis = switching_trial.protocol(folder, table).analyses[switching_trial.NAME]
    lives = Lives(progression=(1, 1, 200), death_before=(0, 0, 0), death_after=(1, 1, 400), patients=(500, 500),
                  accrual=300, cutoff=3000)  # fmt: skip
    there = ground(lives, Setting(time_ratio=time_ratio, share=0.5, both=True, every=1.0), seed=3, patients=2_000)
    assert analysis.switching is not None
    return Planned(
        analysis=analysis, switching=analysis.switching, record=switched_trial(there, 0).record, covariates=(),
        at_progression=None, measured={}, visits=np.zeros(1), since="progression",
    )  # fmt: skip


def test_a_common_effect_is_no_contradiction_in_the_experimental_arm(tmp_path: Path) -> None:
    """Who leaves the experimental treatment lives shorter by the factor by which the others live longer."""
    plan = both_arms(tmp_path, 2.0)
    every = [estimate_of(plan, "rpsftm"), estimate_of(plan, "two-stage")]
    control, experimental = every[1].factors
    assert control.conf_int[0] < 2.0 < control.conf_int[1]
    assert experimental.conf_int[0] < 0.5 < experimental.conf_int[1]
    said = _against_common_effect(every[0], every, "experimental")
    assert [kind for kind, _ in said] == ["note on switching"] * 2, said
    low, high = every[0].factors[0].conf_int
    value = every[0].factors[0].value
    shown = ", ".join(fixed(x, 2) for x in (1 / value, 1 / high, 1 / low))
    assert (
        "in experimental, a common effect would make it {} ({} to {}): no sign".format(*shown.split(", ")) in said[1][1]
    )


@pytest.mark.parametrize(
    ("limits", "apart"),
    [
        # logs of the factors differ by log 2 = 0.693, half widths are 0.4 and 0.5, together 0.640; 0.6 makes it 0.721
        ((0.4, 0.5), True),
        ((0.4, 0.6), False),
        ((0.0, math.inf), False),
    ],
)
def test_factors_contradict_each_other_beyond_the_error_of_both(limits: tuple[float, float], apart: bool) -> None:
    def of(value: float, half: float) -> Factor:
        ends = (value * math.exp(-half), value * math.exp(half))
        return Factor(arm="", value=value, conf_int=ends, reason="", limit_reasons=("", ""))

    assert _apart(of(2.0, limits[0]), of(1.0, limits[1])) == apart
    assert _apart(of(1.0, limits[1]), of(2.0, limits[0])) == apart


def test_who_switches_on_the_day_of_progression_had_progressed(tmp_path: Path) -> None:
    """From randomization on as from progression on: the row that the switch ends begins with what it may depend on."""
    table = '\n[analyses."OS, adjusted".switching]\nmethod = "ipcw"\nsince = "randomization"\nbeside = []\n'
    trial = switching_trial.protocol(tmp_path, table)
    plan = planned(trial, switching_trial.patients(), trial.analyses[switching_trial.NAME])
    record = plan.record
    assert record.progression is not None
    same = np.isfinite(record.switch) & (record.switch == record.progression)
    assert same.any()
    rows = panel(record, plan._progressed(), (), visits=True)
    assert (rows.varying[rows.crossed & same[rows.owner], 0] == 1).all()
    assert (rows.varying[rows.tte.time < record.progression[rows.owner] - 0.5, 0] == 0).all()
