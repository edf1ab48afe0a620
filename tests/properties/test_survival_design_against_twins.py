"""Expected events, scores and restricted means against a second program, on trials of every shape."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.oracles import twins_survival_design as twin
from tests.properties.examples import plenty

from equipoise.design.accrual import Accrual
from equipoise.design.course import Course, Stratum, at_risk, dropouts_share, events_share, longest, time_of
from equipoise.design.exact_score import variance_of_z
from equipoise.design.hazards import Hazard, HazardRatio
from equipoise.design.methods import at_risk_for, milestone, pooled_survival, restricted_mean, score, weight_at
from equipoise.survival.weights import FlemingHarrington

RATE = st.floats(1e-4, 0.02)


@st.composite
def trials(draw: st.DrawFn, shape: float = 1.0) -> dict[str, Any]:
    pieces = draw(st.integers(1, 3))
    starts = tuple([0.0, 90.0, 300.0][:pieces])
    rates = tuple(draw(RATE) for _ in range(pieces))
    ratio = HazardRatio((0.0, 150.0), (draw(st.floats(0.3, 1.5)), draw(st.floats(0.3, 1.5))))
    lost = draw(st.sampled_from([0.0, 1e-4, 2e-3]))
    entry = [(draw(st.floats(20, 400)), draw(st.floats(0.1, 3.0))) for _ in range(draw(st.integers(1, 3)))]
    share = draw(st.sampled_from([0.5, 2 / 3, 0.25]))
    time = draw(st.floats(60, 1500))
    longest_each = draw(st.sampled_from([math.inf, 200.0]))
    control = Hazard(starts, rates, shape)
    dropout = Hazard((0.0,), (lost,))
    course = Course(
        (Stratum(1.0, control, ratio),),
        Accrual(tuple(length for length, _ in entry), tuple(rate for _, rate in entry), False),
        (dropout, dropout),
        share,
        longest_each,
    )
    experimental = control.times(ratio)
    arms = [
        twin.Arm(list(zip(one.starts, one.rates, strict=True)), [(0.0, lost)], shape) for one in (control, experimental)
    ]
    return {"course": course, "arms": arms, "entry": entry, "share": share, "time": time, "each": longest_each}


@plenty(40)
@given(trials())
def test_expected_events(trial: dict[str, Any]) -> None:
    found = at_risk(trial["course"], trial["time"]).events[0]
    for arm, share, ours in zip(trial["arms"], (1 - trial["share"], trial["share"]), found, strict=True):
        theirs = share * twin.event_share(arm, trial["entry"], trial["time"], trial["each"])
        assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-14)


@plenty(12)
@given(trials(shape=0.6) | trials(shape=1.7))
def test_expected_events_of_weibull_hazards(trial: dict[str, Any]) -> None:
    """At 1e-7: the second program's quadrature meets an infinite hazard at zero."""
    found = at_risk(trial["course"], trial["time"]).events[0]
    for arm, share, ours in zip(trial["arms"], (1 - trial["share"], trial["share"]), found, strict=True):
        theirs = share * twin.event_share(arm, trial["entry"], trial["time"], trial["each"])
        assert ours == pytest.approx(theirs, rel=1e-7)


@plenty(40)
@given(trials(), st.sampled_from([1.0, 1.3]), st.sampled_from([(0, 0), (0, 1), (1, 0), (0.5, 0.5)]))
def test_scores(trial: dict[str, Any], null: float, powers: tuple[float, float]) -> None:
    control, experimental = trial["arms"]
    course = Course(trial["course"].strata, trial["course"].accrual, trial["course"].dropout, trial["share"])

    def weight(s: float) -> float:
        left = twin.mixture(control, experimental, trial["share"], s)
        return float(left ** powers[0] * (1 - left) ** powers[1])

    u, v = twin.score(control, experimental, trial["entry"], trial["time"], trial["share"], null, weight)
    test = FlemingHarrington(*powers)
    found = at_risk_for(course, trial["time"], [test])
    ours = score(found, weight_at(found, test), null)
    assert ours.real == pytest.approx(v, rel=2e-8)  # a power of 1/2 of what is zero at zero costs quadrature its digits
    assert ours.size * ours.real == pytest.approx(u, rel=2e-8, abs=1e-12)
    inside = pooled_survival(found)[0]
    theirs = [twin.mixture(control, experimental, trial["share"], float(s)) for s in found.time]
    assert inside == pytest.approx(np.array(theirs), rel=1e-11)


@plenty(12)
@given(trials(), st.sampled_from([1.0, 1.3]))
def test_variances_of_z(trial: dict[str, Any], null: float) -> None:
    """At 3e-4: bins and a difference in time of the second program, which sees none when nearly all have had events."""
    control, experimental = trial["arms"]
    assume(max(control.gone(trial["time"]), experimental.gone(trial["time"])) < 6)
    course = Course(trial["course"].strata, trial["course"].accrual, trial["course"].dropout, trial["share"])
    ours = variance_of_z(course, at_risk(course, trial["time"]), trial["time"], null)
    theirs = twin.variance_of_z(control, experimental, trial["entry"], trial["time"], trial["share"], null)
    assert ours == pytest.approx(theirs, rel=3e-4)


@plenty(25)
@given(trials())
def test_means_and_milestones(trial: dict[str, Any]) -> None:
    course = Course(trial["course"].strata, trial["course"].accrual, trial["course"].dropout, trial["share"])
    tau = 0.7 * trial["time"]
    shares = (1 - trial["share"], trial["share"])
    (a, va), (b, vb) = (twin.restricted_mean(arm, trial["entry"], trial["time"], tau) for arm in trial["arms"])
    ours = restricted_mean(course, trial["time"], tau)
    assert ours.size == pytest.approx(b - a, rel=1e-9, abs=1e-9)
    assert 1 / ours.real == pytest.approx(va / shares[0] + vb / shares[1], rel=1e-8)

    variance, ends = 0.0, []
    for arm, share in zip(trial["arms"], shares, strict=True):
        end = math.exp(-arm.gone(tau))
        ends.append(end)
        breaks = [*twin.breaks_of(arm), *(trial["time"] - x for x in np.cumsum([n for n, _ in trial["entry"]]))]
        variance += end**2 / share * twin.integral(
            lambda s, arm=arm: arm.rate(s) / (arm.kept(s) * twin.entered(trial["entry"], trial["time"] - s)),
            0.0, tau, breaks,
        )  # fmt: skip
    at = milestone(course, trial["time"], tau)
    assert at.size == pytest.approx(ends[1] - ends[0], abs=1e-12)
    assert 1 / at.real == pytest.approx(variance, rel=1e-8)


@plenty(40)
@given(trials())
def test_times_of_events_undo_events(trial: dict[str, Any]) -> None:
    course = trial["course"]
    events = events_share(course, trial["time"])
    assert events <= events_share(course, longest(course)) + 1e-12
    if trial["time"] < longest(course) and events < 0.999 * events_share(course, longest(course)):
        assert time_of(course, events) == pytest.approx(trial["time"], rel=1e-8)
    assert math.isinf(time_of(course, 1.01))
    assert 0 <= dropouts_share(course, at_risk(course, trial["time"])) <= 1 - events + 1e-12
