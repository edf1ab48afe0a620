"""Rebuilt curves against the second program, over small awkward arms: vertical lines, flat curves, curves that reach
zero, risk tables that the curve contradicts, few clicks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.oracles import twin_guyot as twin
from tests.properties.examples import plenty

from equipoise.reconstruct.clicks import curve_under, isotonic
from equipoise.reconstruct.counting import PrintedAtRisk, count


@st.composite
def arms(draw: st.DrawFn) -> dict[str, Any]:
    """A curve that never rises at times of its own, with a risk table and a total that need not go with it."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    clicks, n = draw(st.integers(2, 14)), draw(st.integers(1, 40))
    x = np.r_[0.0, np.sort(rng.uniform(0, 30, clicks))]
    if draw(st.booleans()):  # vertical lines
        x[2::2] = x[1:-1:2] if len(x) % 2 else np.r_[x[1:-1:2]]
    s = np.r_[1.0, np.sort(rng.uniform(draw(st.sampled_from([0.0, 0.2, 0.9])), 1, clicks))[::-1]]
    if draw(st.booleans()):
        s[-1] = 0.0
    if draw(st.booleans()):
        s[len(s) // 2 :] = s[len(s) // 2]
    marks = np.r_[0.0, np.sort(rng.uniform(0.5, x[-1], draw(st.integers(0, 3))))] if x[-1] > 0.5 else np.zeros(1)
    if len(marks) > 1 and draw(st.booleans()) and x[1] < marks[-1]:  # a click, or a vertical line, at a printed time
        marks[1] = x[1]
        marks = np.unique(marks)
    number = np.r_[n, np.sort(rng.integers(0, n + 1, len(marks) - 1))[::-1]]
    return {"x": x, "s": s, "times": marks, "numbers": number, "total": draw(st.none() | st.integers(0, n)),
            "pull": draw(st.sampled_from([1.0, 0.5, 2.3]))}  # fmt: skip


def in_order(people: Iterable[tuple[float, int]]) -> list[tuple[float, int]]:
    """By time, deaths first at one time; what differs by rounding is one time."""
    return sorted(people, key=lambda person: (round(person[0], 7), -person[1]))


@given(arms())
@plenty(150)
def test_counts(arm: dict[str, Any]) -> None:
    table = PrintedAtRisk(time=arm["times"], number=arm["numbers"])
    found = count(arm["x"], arm["s"], table, arm["total"], arm["pull"])
    lists = [arm[key].tolist() for key in ("x", "s", "times", "numbers")]
    expected = in_order(twin.count(*lists, arm["total"], arm["pull"]))
    mine = in_order(zip(found.time.tolist(), found.event.tolist(), strict=True))
    assert len(mine) == len(expected) == arm["numbers"][0]
    assert [e for _, e in mine] == [e for _, e in expected]
    assert [t for t, _ in mine] == pytest.approx([t for t, _ in expected], rel=1e-9, abs=1e-12)
    assert sum(found.censored) == sum(e == 0 for _, e in expected)
    # What must hold of any answer: the printed numbers are met, whatever the curve.
    for at, printed in zip(arm["times"], arm["numbers"], strict=True):
        assert (found.time >= at).sum() == printed


@given(arms(), st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.002, 0.01]))
@plenty(100)
def test_curves_under_noise(arm: dict[str, Any], seed: int, sd: float) -> None:
    x, y = arm["x"], np.clip(arm["s"] + np.random.default_rng(seed).normal(0, sd, len(arm["s"])), 0, 1)
    y[0] = 1.0
    at_risk = np.maximum(arm["numbers"][0] * arm["s"], 0.0)
    found, noise = curve_under(x, y, at_risk)
    expected, sure = twin.curve_under(x.tolist(), y.tolist(), at_risk.tolist())
    assert noise == sure
    assert found == pytest.approx(expected, abs=1e-7)
    assert (np.diff(found) <= 0).all()


@given(st.lists(st.floats(-1, 2), min_size=1, max_size=12))
@plenty(100)
def test_curves_that_never_rise(values: list[float]) -> None:
    assert isotonic(values) == pytest.approx(twin.never_rising(values), abs=1e-12)
