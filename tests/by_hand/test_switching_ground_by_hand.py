"""The proving ground: what a switch does to a life, who may switch when, and what is counted, worked out by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from equipoise.analyze.switching import two_stage, untreated
from equipoise.simulate import Ground, Lives, Proven, Setting, ground, switched_trial

STEADY = Lives(
    progression=(1.0, 1.0, 300.0), death_before=(1.0, 1.0, 500.0), death_after=(1.0, 1.0, 500.0), patients=(300, 300),
    accrual=540.0, cutoff=1500.0,
)  # fmt: skip
LATER = Setting(time_ratio=1.5, share=0.6, odds=3.0, timing="after progression")


def made(setting: Setting, patients: int = 2_000) -> Ground:
    return ground(STEADY, setting, seed=7, patients=patients)


def test_the_truth_of_steady_lives() -> None:
    """Whatever progression does, death comes at a rate of 1/500, and of 1/750 under treatment: the ratio is 2/3."""
    found = made(replace(LATER, odds=1.0), 1_000_000)
    assert math.isclose(found.hazard_ratio, 2 / 3, rel_tol=0.01)  # 4 errors of 790,000 deaths
    assert math.isclose(found.psi, -math.log(1.5))


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("kept", [1.0, 0.5, 0.0])
def test_a_switch_stretches_what_is_left(kept: float, both: bool) -> None:
    """Control: day of death = switch + (own day - switch) * 1.5^kept; the experimental arm's is divided likewise."""
    here = made(replace(LATER, kept=kept, both=both))
    trial = switched_trial(here, 3)
    record, tte = trial.record, trial.record.tte
    moved = np.flatnonzero(record.switched)
    assert set(tte.arm[moved].tolist()) == ({0, 1} if both else {0})
    for i in moved.tolist():
        factor = 1.5**kept if tte.arm[i] == 0 else 1.5**-kept
        death = math.ceil(record.switch[i] + (trial.drawn.death[i] - record.switch[i]) * factor)
        assert tte.time[i] == min(death, trial.drawn.end[i])
        assert bool(tte.event[i]) == (death <= trial.drawn.end[i])
    stay = ~record.switched
    assert (tte.time[stay] == np.minimum(trial.drawn.death, trial.drawn.end)[stay]).all()


def test_structural_times_come_back() -> None:
    """Under a common effect times without treatment, at the true psi, are those of the life without it, to the day."""
    here = made(LATER)
    trial = switched_trial(here, 5)
    found = untreated(trial.record, here.psi, recensor=False)
    died = trial.record.tte.event > 0
    own = np.where(trial.record.tte.arm == 1, trial.drawn.death / 1.5, trial.drawn.death)
    assert np.abs(found.time - own)[died].max() <= 1.0  # days were rounded up before and after the switch


def test_switches_follow_decisions() -> None:
    """A switch comes a visit after one of the six from progression on, and rows say which visits these are."""
    trial = switched_trial(made(LATER), 11)
    record, paths = trial.record, trial.visits()
    visit, well = paths["visit"], paths["well"]
    assert record.progression is not None
    for i in range(record.n):
        mine = visit.subject == record.tte.subject[i]
        starts, may, was = visit.start[mine], visit.value[mine], well.value[mine]
        assert (np.diff(starts) == 28).all()
        assert starts[0] == 0
        assert starts[-1] < record.tte.time[i] <= starts[-1] + 28
        first = trial.drawn.progression[i]
        expected = (starts >= first) & (starts < first + 6 * 28)
        assert (may == expected).all()
        assert not was[starts < first].any()
        if record.switched[i]:
            decided = starts == record.switch[i] - 28
            assert may[decided].all()
            assert decided.sum() == 1


def test_the_share_and_the_odds_are_those_asked_for() -> None:
    """Of decisions at progression: the share who switch among those who live to do so, and the ratio of their odds."""
    setting = Setting(time_ratio=1.5, share=0.6, odds=3.0, prognosis=1.0)
    here = made(setting)
    table = np.zeros((2, 2))
    progressed = 0
    for number in range(40):
        trial = switched_trial(here, number)
        drawn, record = trial.drawn, trial.record
        last = np.minimum(drawn.death, drawn.end)
        control = record.tte.arm == 0
        progressed += int((control & (drawn.progression < last)).sum())
        lived = control & (drawn.progression + setting.every < last)
        for i in np.flatnonzero(lived):
            table[drawn.well[i, 0], int(record.switched[i])] += 1
    share = table[:, 1].sum() / progressed
    assert abs(share - 0.6) < 4 * math.sqrt(0.24 / progressed) + 4 * math.sqrt(0.24 / 12_000)  # it was solved on 12,000
    log_odds = math.log(table[1, 1] * table[0, 0] / (table[1, 0] * table[0, 1]))
    assert abs(log_odds - math.log(3)) < 4 * math.sqrt((1 / table).sum())


def test_trials_are_the_same_alone() -> None:
    one, again = switched_trial(made(LATER), 7), switched_trial(made(LATER), 7)
    assert (one.record.tte.time == again.record.tte.time).all()
    assert (one.record.switch == again.record.switch).all()
    assert not np.array_equal(one.record.tte.time, switched_trial(made(LATER), 8).record.tte.time)


def test_what_is_not_measured_is_not_told() -> None:
    trial = switched_trial(made(replace(LATER, measured=False)), 0)
    assert set(trial.visits()) == {"visit"}
    assert trial.at_progression() == {}
    assert math.isfinite(two_stage(trial.record, trial.at_progression(), since="switch").hazard_ratio)


def test_counts_by_hand() -> None:
    """Two methods in four trials of a truth of 1/2: log ratios off by -0.1, 0.1, 0.2 and none; limits that hold it in
    two of three, one of them without an upper end; psi in none."""
    truth = math.log(0.5)
    found = np.full((4, 1, 10), math.nan)
    for i, (off, low, high) in enumerate([(-0.1, -0.3, 0.1), (0.1, -0.2, math.inf), (0.2, 0.05, 0.4)]):
        found[i, 0, :3] = truth + off, truth + low, truth + high
    here = Ground(lives=STEADY, setting=LATER, seed=1, intercept=0.0, middle=1.0, hazard_ratio=0.5)
    one = Proven(ground=here, label="by hand", methods=("IPCW",), draws=0, found=found, failures=((("no root", 1),),))
    assert math.isclose(one.bias("IPCW"), 0.2 / 3)
    assert math.isclose(one.rmse("IPCW"), math.sqrt((0.01 + 0.01 + 0.04) / 3))
    assert math.isclose(one.spread("IPCW") ** 2, (0.06 - 3 * (0.2 / 3) ** 2) / 2)
    squares = np.array([0.01, 0.01, 0.04])
    error = squares.std(ddof=1) / math.sqrt(3) / (2 * math.sqrt(0.02))
    assert math.isclose(one.rmse_error("IPCW"), error)
    assert one.converged("IPCW") == 0.75
    assert one.coverage("IPCW") == (2 / 3, 3)
    assert one.coverage("IPCW", "bootstrap")[1] == one.coverage("IPCW", "psi")[1] == 0
    texts = {(row.group, row.statistic): row.text for row in one.rows()}
    assert texts["IPCW", "bias of the log hazard ratio"] == "0.067"
    assert texts["IPCW", "coverage"] == "0.6667"
    assert texts["IPCW", "trials without an estimate"] == "1"
    assert "no root" in next(row.method for row in one.rows() if row.statistic == "trials without an estimate")
