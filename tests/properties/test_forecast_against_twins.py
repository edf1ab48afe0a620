"""Forecasts of events against the second program, over small awkward trials: ties, late entry, borders of pieces."""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.special import ndtri
from tests.oracles import twins_forecast as twin
from tests.properties.examples import plenty

from equipoise.data import TimeToEvent
from equipoise.design import event_forecast
from equipoise.errors import DesignError
from equipoise.units import DAYS_PER_MONTH

CUTOFF = date(2006, 3, 31)
FATE = {"event": 1, "left": 0, "followed": 0}


@st.composite
def trials(draw: st.DrawFn) -> dict[str, Any]:
    n = draw(st.integers(2, 9))
    rows = []
    for _ in range(n):
        time = draw(st.sampled_from([5.0, 50.0, 90.0, 100.0, 200.0]) | st.floats(1, 400))
        entry = draw(st.sampled_from([0.0, 0.0, time / 2]))
        rows.append((entry, time, draw(st.sampled_from(["event", "event", "left", "followed", "followed"]))))
    starts = [0.0, *sorted(draw(st.sets(st.sampled_from([50, 90, 150, 200]), max_size=2)))]
    accrual = draw(st.lists(st.tuples(st.integers(1, 300), st.sampled_from([0.0, 3.0, 11.0])), max_size=2))
    return {"rows": rows, "starts": starts, "accrual": accrual}


def ours(trial: dict[str, Any], **more: Any) -> Any:
    rows = trial["rows"]
    tte = TimeToEvent(
        [t for _, t, _ in rows],
        [FATE[f] for _, _, f in rows],
        [i % 2 for i in range(len(rows))],
        control=0,
        experimental=1,
        entry=[e for e, _, _ in rows],
        unit="days",
        settle_near_ties=False,
    )
    return event_forecast(
        tte,
        followed=np.array([f == "followed" for _, _, f in rows]),
        cutoff=CUTOFF,
        pieces=[f"{s} days" for s in trial["starts"][1:]],
        accrual=[(f"{d} days", r) for d, r in trial["accrual"]],
        **more,
    )


def plain(trial: dict[str, Any], after: float) -> tuple[float, float]:
    accrual = [(float(d), r / DAYS_PER_MONTH) for d, r in trial["accrual"]]
    return twin.law(trial["rows"], trial["starts"], accrual, after)


@given(st.data())
@plenty(150)
def test_the_law_of_the_number_of_events(data: st.DataObject) -> None:
    trial = data.draw(trials())
    assume(sum(f == "event" for _, _, f in trial["rows"]))
    events, _, days = twin.counted(trial["rows"], trial["starts"])
    so_far, after = sum(events), data.draw(st.integers(1, 900))
    asked = {"events": so_far + data.draw(st.integers(1, 8)), "at": [CUTOFF + timedelta(days=after)]}
    if not all(events) or not all(days):
        with pytest.raises(DesignError, match="in the piece from day|nobody was at risk"):
            ours(trial, **asked)
        return
    found = ours(trial, **asked)
    mean, sd = plain(trial, float(after))
    assert found.expected[0] == pytest.approx(mean, rel=1e-9)
    assert found.expected_sd[0] == pytest.approx(sd, rel=1e-7, abs=1e-9)  # slopes by differences


@given(st.data())
@plenty(60)
def test_the_days_solve_their_equations(data: st.DataObject) -> None:
    """At the forecast the mean, and at its limits mean and standard deviations, are where they shall be, and were below
    before; what is not reached is short of it long after."""
    trial = data.draw(trials())
    events, _, days = twin.counted(trial["rows"], trial["starts"])
    assume(all(events) and all(days))
    target = sum(events) + data.draw(st.integers(1, 4))
    found = ours(trial, events=target, level=0.9)
    z = float(ndtri(0.95))
    late = 700 + 40 / float((found.event_hazard + found.dropout_hazard)[-1])  # nobody is left
    for when, times in ((found.days, 0.0), (found.lower_days, z), (found.upper_days, -z)):
        tried = [when * share for share in (0.3, 0.8)] if math.isfinite(when) else [late / 2, late]
        if math.isfinite(when):
            mean, sd = plain(trial, when)
            assert mean + times * sd == pytest.approx(target - 0.5, abs=1e-6)
        for t in tried:
            mean, sd = plain(trial, t)
            assert mean + times * sd < target - 0.5 + 1e-6
    assert found.lower_days <= found.days <= found.upper_days
    assert found.most == pytest.approx(plain(trial, late)[0], rel=1e-9)


@given(st.data())
@plenty(60)
def test_arms_are_not_looked_at(data: st.DataObject) -> None:
    trial = data.draw(trials())
    events, _, days = twin.counted(trial["rows"], trial["starts"])
    assume(all(events) and all(days))
    rows = trial["rows"]
    pooled = TimeToEvent(
        [t for _, t, _ in rows], [FATE[f] for _, _, f in rows], entry=[e for e, _, _ in rows], unit="days",
        settle_near_ties=False,
    )  # fmt: skip
    once = ours(trial, events=sum(events) + 1)
    alone = event_forecast(
        pooled,
        followed=[f == "followed" for _, _, f in rows],
        cutoff="2006-03-31",
        pieces=[f"{s} days" for s in trial["starts"][1:]],
        accrual=[(f"{d} days", r) for d, r in trial["accrual"]],
        events=sum(events) + 1,
    )
    assert str(once) == str(alone)
    assert (once.days, once.lower_days, once.upper_days) == (alone.days, alone.lower_days, alone.upper_days)
