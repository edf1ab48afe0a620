"""Histories of single patients worked out with pencil and paper: of the kernel, and of its twin in tests/oracles."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.oracles import history_by_kernel, twin_history
from tests.oracles.twin_history import INFINITE, Law, Scenario, attended_days, planned_days

History = Callable[..., dict[str, Any]]

# Progression and all deaths exponential: H(t) = t / 100 (progression, death before it), t / 200 (death after it), so
# that u = exp(-h) gives the time 100 h or 200 h. Visits on days 56, 112, then every 84: 196, 280, ...
PLAIN = Scenario(
    accrual_days=365, cutoff_days=1000, progression=Law(scale=100), death_after=Law(scale=200), every=56,
    later_from=120, later_every=84, spread=10, missed=0.1, between_visits=0.2, crossover_arm="old",
    crossover_probability=0.5, crossover_delay=6, crossover_ratio=0.5,
)  # fmt: skip


@pytest.fixture(params=[twin_history.history, history_by_kernel.history], ids=["twin", "kernel"])
def history(request: pytest.FixtureRequest) -> History:
    found: History = request.param
    return found


def came(x: float) -> float:
    """The uniform of a visit that is not missed and comes floor(10 (x - 1) + 1/2) days after its plan."""
    return 0.1 + 0.9 * math.exp(-x)


MISSED = 0.05
# day 56 + floor(3.5) = 59; missed; day 196 + floor(-7.5) = 188; day 280 + floor(0.5) = 280
VISITS = [came(1.3), MISSED, came(0.2), came(1.0)]


def uniforms(visits: list[float] = VISITS, **hazards: float) -> list[float]:
    """The patient enters on day floor(182.5) = 182, so that C = 818; cumulative hazards, or ``u..`` as it stands."""
    order = ["entry", "progression", "before", "after", "dropout", "loss", "between", "cross", "delay"]
    u = dict.fromkeys(order, 0.5) | {"progression": math.exp(-1.055), "after": math.exp(-1.001)}
    for name, value in hazards.items():
        u[name.removeprefix("u_")] = value if name.startswith("u_") else math.exp(-value)
    return [u[name] for name in order] + visits


def expect(found: dict[str, Any], **wanted: Any) -> None:
    assert {k: found[k] for k in wanted} == wanted


def test_seen_at_a_visit_and_crossed_over(history: History) -> None:
    # T = 105.5; day 59 shows nothing, the next visit attended is day 188: P = 188.
    # X = 188 + floor(2.1 * 6) = 200, which is 94.5 days after T: 94.5 / 200 = .4725 of the threshold 1.001 is used;
    # .5285 at half the hazard takes .5285 * 2 * 200 = 211.4 days: T + s = 105.5 + 94.5 + 211.4 = 411.4, day 412.
    found = history(PLAIN, "old", uniforms(u_cross=0.2, delay=2.1))
    assert found["latent_progression"] == pytest.approx(105.5)
    expect(found, entered=True, entry=182, progression=188, crossover=200, death=412, treatment_end=188)
    expect(found, pfs_day=188, pfs_event=True, ttp_day=188, ttp_event=True, os_day=412, os_event=True)
    # in the other arm, or with u[7] = .5: no crossing, s = 200.2, T + s = 305.7
    expect(history(PLAIN, "new", uniforms(u_cross=0.2, delay=2.1)), crossover=None, death=306)
    expect(history(PLAIN, "old", uniforms(u_cross=0.5, delay=2.1)), crossover=None, death=306)
    # lost on day 199 (law t / 100, h = 1.985): the crossing would come a day later and is not on record
    lost = history(replace(PLAIN, loss=Law(scale=100)), "old", uniforms(u_cross=0.2, delay=2.1, loss=1.985))
    expect(lost, progression=188, crossover=None, death=None, os_day=199, os_event=False, pfs_day=188)


def test_no_visits_after_day_150(history: History) -> None:
    # B = ceil(149.5) = 150: the progression of day 188 is not on record, so there is no crossing: death on day 306, on
    # record because survival is followed to C = 818. It comes after G = 150: censored at day 59, the last visit by 150.
    found = history(replace(PLAIN, dropout=Law(scale=100)), "old", uniforms(u_cross=0.2, delay=2.1, dropout=1.495))
    expect(found, progression=None, crossover=None, death=306, treatment_end=150)
    expect(found, pfs_day=59, pfs_event=False, ttp_day=59, ttp_event=False, os_day=306, os_event=True)


def test_death_before_progression(history: History) -> None:
    # D0 = 80.2 <= 105.5: death on day 81, after the visit of day 59
    found = history(replace(PLAIN, death_before=Law(scale=100)), "old", uniforms(before=0.802))
    expect(found, progression=None, crossover=None, death=81, treatment_end=81)
    expect(found, pfs_day=81, pfs_event=True, ttp_day=59, ttp_event=False, os_day=81, os_event=True)
    # hazards multiplied by 2 (arm) and 2 (patient): D0 = 20.05, before any visit
    twice = replace(PLAIN, death_before=Law(scale=100), ratio_death_before={"old": 2.0})
    found = history(twice, "old", uniforms(before=0.802), m_death=2.0)
    expect(found, death=21, pfs_day=21, ttp_day=1, ttp_event=False)


def test_death_after_a_progression_nobody_saw(history: History) -> None:
    # T + s = 105.5 + 44.4 = 149.9, day 150, before the visit of day 188
    found = history(PLAIN, "old", uniforms(after=0.222, u_cross=0.2))
    expect(found, progression=None, crossover=None, death=150, treatment_end=150)
    expect(found, pfs_day=150, pfs_event=True, ttp_day=59, ttp_event=False, os_day=150, os_event=True)


def test_seen_between_visits_and_dead_the_same_day(history: History) -> None:
    # P = ceil(105.5) = 106; T + s = 105.5 + .4 = 105.9, day 106; the crossing of day 106 + floor(.3) changed nothing
    found = history(PLAIN, "old", uniforms(u_between=0.1, after=0.002, u_cross=0.2, delay=0.05))
    expect(found, progression=106, death=106, crossover=106, treatment_end=106)
    expect(found, pfs_day=106, pfs_event=True, ttp_day=106, ttp_event=True, os_day=106, os_event=True)
    # the crossing of day 106 + floor(1.2) would have come after the death
    expect(history(PLAIN, "old", uniforms(u_between=0.1, after=0.002, u_cross=0.2, delay=0.2)), crossover=None)


def test_alive_at_the_cut_off(history: History) -> None:
    # cut-off on day 300: C = 300 - 182 = 118; hazard of progression halved and halved: T = 105.5 * 4 = 422
    early = replace(PLAIN, cutoff_days=300, ratio_progression={"new": 0.5})
    found = history(early, "new", uniforms(), m_progression=0.5)
    assert found["latent_progression"] == pytest.approx(422)
    expect(found, progression=None, death=None, crossover=None, treatment_end=118)
    expect(found, pfs_day=59, pfs_event=False, ttp_day=59, ttp_event=False, os_day=118, os_event=False)
    # cut-off on day 182, C = 0: not in the trial
    expect(history(replace(PLAIN, cutoff_days=182), "new", uniforms()), entered=False, entry=182, os_day=None)
    expect(history(replace(PLAIN, cutoff_days=183), "new", uniforms()), entered=True, os_day=1, pfs_day=1)


def test_without_visits(history: History) -> None:
    # progression on the day it happens; T = 422 is after C = 118, so censored there
    bare = replace(PLAIN, every=0)
    expect(history(bare, "new", uniforms()), progression=106, pfs_day=106, pfs_event=True, death=306)
    expect(history(replace(bare, cutoff_days=300), "new", uniforms(progression=4.22)), pfs_day=118, ttp_event=False)
    # death before progression on day 81: time to progression is censored that day
    found = history(replace(bare, death_before=Law(scale=100)), "new", uniforms(before=0.802))
    expect(found, pfs_day=81, pfs_event=True, ttp_day=81, ttp_event=False)


def test_the_grid() -> None:
    assert planned_days(PLAIN, 5) == [56, 112, 196, 280, 364]
    assert planned_days(replace(PLAIN, later_every=0), 4) == [56, 112, 168, 224]
    assert planned_days(replace(PLAIN, later_from=112), 3) == [56, 112, 196]
    assert planned_days(replace(PLAIN, later_from=111), 3) == [56, 140, 224]
    # ten days behind the schedule, which changes its pace where it would have
    assert planned_days(replace(PLAIN, lag=10), 5) == [66, 122, 206, 290, 374]
    # 80 days late, but never on the day planned next; the next, 8 days early, but never before the day after
    assert attended_days(PLAIN, [0.5] * 9 + [came(9.0), came(0.2)]) == [111, 112]
    # every 7 days, 10 days early: day -3, but at least day 1; day 4; missed; day 28
    weekly = replace(PLAIN, every=7, later_every=0)
    assert attended_days(weekly, [0.5] * 9 + [came(0.01), came(0.01), MISSED, came(1.0)]) == [1, 4, 28]


def test_pieces() -> None:
    # .01 a day to day 50 (.5), nothing to day 100, then .02 a day
    law = Law(breaks=(50.0, 100.0), hazards=(0.01, 0.0, 0.02))
    assert [law.cumulative(t) for t in (0, 25, 50, 75, 110)] == pytest.approx([0, 0.25, 0.5, 0.5, 0.7])
    assert [law.time(h) for h in (0, 0.25, 0.5, 0.7)] == pytest.approx([0, 25, 50, 110])
    assert Law(breaks=(50.0,), hazards=(0.01, 0.0)).time(0.6) == INFINITE
    assert Law(shape=2, scale=10).time(9.0) == pytest.approx(30)  # (30 / 10)^2 = 9
    assert Law(shape=2, scale=10).cumulative(30) == pytest.approx(9)


def test_a_progression_that_never_comes(history: History) -> None:
    never = replace(PLAIN, progression=Law(hazards=(0.0,)))
    found = history(never, "old", uniforms())
    expect(found, latent_progression=INFINITE, progression=None, death=None, pfs_day=280, os_day=818, treatment_end=818)
