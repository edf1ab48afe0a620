"""Weighted log-rank tests, MaxCombo and the normal integral against the plain twins, on data made to be awkward."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.oracles import twins_weighted
from tests.properties.examples import plenty
from tests.properties.test_survival_against_twins import Awkward, awkward, close

import equipoise as eq
from equipoise.survival import FlemingHarrington, Gehan, ModestlyWeighted, TaroneWare

FAMILY = st.one_of(
    st.tuples(st.just("fleming-harrington"), st.sampled_from([0.0, 0.5, 1.0, 2.0]), st.sampled_from([0.0, 0.5, 1.0])),
    st.tuples(st.just("modest delay"), st.sampled_from([0.0, 1.0, 2.0, 3.0, 20.0, 1e9 + 500])),
    st.tuples(st.just("modest survival"), st.sampled_from([0.1, 0.5, 0.75, 1.0])),
    st.just(("gehan",)),
    st.just(("tarone-ware",)),
)


def record(weight: tuple[Any, ...]) -> Any:
    """The record of a twin's weight."""
    kind, *values = weight
    if kind == "fleming-harrington":
        return FlemingHarrington(*values)
    if kind == "modest delay":
        return ModestlyWeighted(delay=f"{values[0]:.0f} days")
    if kind == "modest survival":
        return ModestlyWeighted(survival=values[0])
    return Gehan() if kind == "gehan" else TaroneWare()


def columns(data: Awkward, stratified: bool) -> dict[str, Any]:
    given_ = data.twin()
    return {
        "strata": given_["strata"] if stratified else None,
        "entry": given_["entry"],
        "case_weight": given_["weight"],
    }


def unbounded(data: Awkward, weight: tuple[Any, ...], stratified: bool) -> bool:
    records = twins_weighted.event_times(
        data.settled()[0], data.event, data.arm, int(data.arm.max()) + 1, **columns(data, stratified)
    )
    return math.inf in twins_weighted.weights_at_event_times(weight, records)


@plenty(250)
@given(awkward(least=2, arms=(2, 4), weights=(None, "case")), FAMILY)
def test_weighted_logrank(data: Awkward, weight: tuple[Any, ...]) -> None:
    arms = int(data.arm.max()) + 1
    assume(arms > 1)
    for stratified in (False, True) if data.strata is not None else (False,):
        fit = eq.survival.logrank(data.tte(), weights=record(weight), stratified=stratified)
        if unbounded(data, weight, stratified):
            assert math.isnan(fit.statistic)
            assert "no bound" in fit.reason
            continue
        want = twins_weighted.weighted_logrank(
            data.settled()[0], data.event, data.arm, arms, weight, **columns(data, stratified)
        )
        close(fit.observed, want["observed"])
        close(fit.expected, want["expected"])
        close(fit.variance, want["variance"])
        if not want["variance"].any():
            assert math.isnan(fit.statistic)
            assert fit.reason
            continue
        difference = want["observed"] - want["expected"]
        inverse = np.linalg.pinv(want["variance"], rcond=1e-10, hermitian=True)
        close(fit.statistic, difference @ inverse @ difference, abs_=1e-9)
        if arms == 2:
            close(fit.z, -difference[1] / math.sqrt(want["variance"][1, 1]), abs_=1e-9)


@plenty(150)
@given(
    awkward(least=2, arms=(2, 2), weights=(None, "case")),
    st.one_of(st.just(twins_weighted.DEFAULT), st.lists(FAMILY, min_size=1, max_size=4).map(tuple)),
)
def test_maxcombo(data: Awkward, weights: tuple[tuple[Any, ...], ...]) -> None:
    assume(int(data.arm.max()) == 1)
    for stratified in (False, True) if data.strata is not None else (False,):
        fit = eq.survival.maxcombo(data.tte(), [record(w) for w in weights], stratified=stratified)
        if any(unbounded(data, w, stratified) for w in weights):
            assert math.isnan(fit.p_value)
            assert "no bound" in fit.reason
            continue
        want = twins_weighted.maxcombo(
            data.settled()[0], data.event, data.arm, weights, **columns(data, stratified)
        )  # fmt: skip
        used = want["used"]
        assert fit.weights == tuple(record(weights[k]) for k in used)
        assert fit.left_out == tuple(record(w) for k, w in enumerate(weights) if k not in used)
        if not used:
            assert math.isnan(fit.p_value)
            assert fit.reason
            continue
        assert fit.reason == ""
        close(fit.z, want["z"][used], abs_=1e-9)
        close(fit.correlation, want["correlation"][np.ix_(used, used)], abs_=1e-12)
        close(fit.statistic, np.abs(want["z"][used]).max(), abs_=1e-9)
        # 1e-7 is what is promised; a correlation that is 1 but for its last digits moves the probability by 1e-8
        close(fit.p_one_sided, want["p_one_sided"], 0, 1e-7)
        close(fit.p_value, want["p_value"], 0, 1e-7)
        assert 0 <= fit.p_one_sided <= 1
        assert 0 <= fit.p_value <= 1


@st.composite
def rectangles(draw: st.DrawFn, most: int, rank: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Limits, some infinite, and a correlation matrix of at most this rank; directions may repeat or oppose."""
    n = draw(st.integers(1, most))
    whole = st.integers(-3, 3)
    rows = np.array(draw(st.lists(st.tuples(*[whole] * rank).filter(any), min_size=n, max_size=n)), dtype=float)
    rows /= np.linalg.norm(rows, axis=1)[:, None]
    r = np.clip(rows @ rows.T, -1, 1)
    np.fill_diagonal(r, 1)
    limit = st.integers(-12, 12).map(lambda k: k / 4)
    ends = np.sort(np.array(draw(st.lists(st.tuples(limit, limit), min_size=n, max_size=n))), axis=1)
    low, high = ends[:, 0], ends[:, 1]
    open_ = np.array(draw(st.lists(st.sampled_from(["low", "high", "both", "neither"]), min_size=n, max_size=n)))
    low = np.where((open_ == "low") | (open_ == "both"), -math.inf, low)
    return low, np.where((open_ == "high") | (open_ == "both"), math.inf, high), r


@plenty(150)
@given(rectangles(4, 4))
def test_rectangle_probability(case: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    low, high, r = case
    inside = eq.survival.rectangle_probability(low, high, r)
    close(inside, twins_weighted.rectangle_probability(low, high, r), 0, 3e-8)
    close(eq.survival.outside_probability(low, high, r), 1 - inside, 0, 1e-14)


@plenty(150)
@given(rectangles(5, 2))
def test_rectangle_probability_in_the_plane(case: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    """By slices of a polygon; limits on a grid, so that sides meet in one corner again and again."""
    low, high, r = case
    close(
        eq.survival.rectangle_probability(low, high, r), twins_weighted.rectangle_of_low_rank(low, high, r), 0, 3e-8
    )  # fmt: skip
