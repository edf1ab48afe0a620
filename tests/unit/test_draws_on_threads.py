"""Bootstrap samples of every adjustment: the same numbers on one thread and on several."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from equipoise.analyze.switching import bootstrap, ipcw, ipe, msm, rpsftm, two_stage, two_stage_g
from equipoise.simulate import Lives, Setting, Switched, ground, switched_trial

LIVES = Lives(
    progression=(1.0, 1.0, 300.0), death_before=(1.0, 1.0, 500.0), death_after=(1.0, 1.0, 500.0), patients=(60, 60),
    accrual=540.0, cutoff=1500.0,
)  # fmt: skip
DRAWN: dict[str, Any] = {"draws": 140, "seed": 4}
GRID = np.linspace(-2, 2, 21)


@pytest.fixture(scope="module")
def trial() -> Switched:
    setting = Setting(time_ratio=1.5, share=0.6, odds=2.0, timing="after progression")
    return switched_trial(ground(LIVES, setting, seed=9, patients=2_000), 0)


@pytest.mark.parametrize(
    "analysis",
    [
        lambda t: rpsftm(t.record, **DRAWN),
        lambda t: ipe(t.record, **DRAWN),
        lambda t: ipe(t.record, distribution="lognormal", draws=12, seed=4),
        lambda t: two_stage(t.record, t.at_progression(), since="switch", **DRAWN),
        lambda t: two_stage_g(t.record, t.visits(), grid=GRID, **DRAWN),
        lambda t: ipcw(t.record, t.visits(), draws=12, seed=4),
        lambda t: msm(t.record, t.visits(), draws=12, seed=4),
    ],
)
def test_threads_change_nothing(
    analysis: Callable[[Switched], Any], trial: Switched, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for cores in (1, 3):
        monkeypatch.setattr(bootstrap.os, "cpu_count", lambda cores=cores: cores)
        drawn = analysis(trial).bootstrap
        assert drawn is not None
        found.append((drawn.psi, drawn.log_hazard_ratio))
    assert np.array_equal(found[0], found[1], equal_nan=True)
    assert np.isfinite(found[0][1]).any()
