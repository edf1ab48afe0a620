"""Structural failure time models and their bootstrap kernel against the plain twin, on data made to be awkward."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tests.oracles import twins_switching as twin
from tests.properties.examples import plenty

from equipoise.analyze.switching import Switches, unswitched, untreated
from equipoise.analyze.switching.bootstrap import resampled
from equipoise.analyze.switching.psi_search import Settings, search_psi, statistic_of
from equipoise.analyze.switching.rpsftm_draws import draw_estimates
from equipoise.survival import TimeToEvent

Z = 1.959963984540054
HOW: dict[str, Any] = {"switching": True, "all": "all arms", "none": False}


@st.composite
def trials(draw: Any, most: int = 24) -> tuple[Switches, twin.Columns, str, set[int]]:
    """A record of switching and the same columns for the twin; some tie, some have no event, some one switcher."""
    n = draw(st.one_of(st.integers(4, most), st.integers(most // 2, most)))
    whole = draw(st.booleans())
    step = st.integers(1, 8).map(float) if whole else st.integers(1, 5000).map(lambda k: k / 100)
    time = np.array(draw(st.lists(step, min_size=n, max_size=n)))
    arm = np.array([0, 1, *draw(st.lists(st.integers(0, 1), min_size=n - 2, max_size=n - 2))])
    event = np.array(draw(st.lists(st.sampled_from([0, 1, 1, 1]), min_size=n, max_size=n)))
    part = st.one_of(st.just(math.inf), st.sampled_from([0.25, 0.5, 1.0]), st.integers(1, 99).map(lambda k: k / 100))
    switch = time * np.array(draw(st.lists(part, min_size=n, max_size=n)))
    both = draw(st.booleans())
    if not both:
        switch[arm == 1] = math.inf
    end = time + np.array(draw(st.lists(st.sampled_from([0.0, 1.0, 2.5, 40.0]), min_size=n, max_size=n)))
    strata = draw(st.booleans())
    stratum = np.array(draw(st.lists(st.integers(0, 2), min_size=n, max_size=n))) if strata else np.zeros(n, dtype=int)
    tte = TimeToEvent(
        time, event, arm, control=0, experimental=1, unit="days", strata=stratum if strata else None,
        settle_near_ties=False,
    )  # fmt: skip
    record = Switches(tte=tte, switch=switch, administrative=end, may_switch=("0", "1") if both else ("0",))
    columns = {"time": time, "event": event, "arm": arm, "switch": switch, "end": end, "stratum": stratum}
    return record, columns, draw(st.sampled_from(sorted(HOW))), {0, 1} if both else {0}


def settings_of(record: Switches, how: str, grid: np.ndarray, search: Any) -> Settings:
    return Settings(
        test="log-rank", covariates=None, stratified=bool(record.tte.strata), recensor=HOW[how], grid=grid,
        search=search,
    )  # fmt: skip


def close(got: Any, want: Any, rel: float = 1e-9, abs_: float = 1e-9) -> None:
    np.testing.assert_allclose(np.asarray(got, dtype=float), np.asarray(want, dtype=float), rtol=rel, atol=abs_)


@plenty(150)
@given(trials(), st.integers(-2000, 2000).map(lambda k: k / 1000))  # nearer to 0 rounding decides what U <= D is
def test_counterfactual_times(trial: Any, psi: float) -> None:
    record, columns, how, possible = trial
    rows = twin.recensored(columns, how, possible)
    for ours, plain in ((untreated, twin.untreated), (unswitched, twin.unswitched)):
        found = ours(record, psi, recensor=HOW[how])
        time, event = plain(columns, psi, rows)
        close(found.time, time)
        assert found.event.tolist() == event.tolist()


@plenty(100)
@given(trials(), st.sampled_from(["root", "grid"]), st.floats(-1.5, -0.3), st.floats(0.3, 1.5))
def test_psi_its_roots_and_limits(trial: Any, search: Any, low: float, high: float) -> None:
    record, columns, how, possible = trial
    grid = np.linspace(
        low - 0.0123, high, 12
    )  # whose halves do not meet 0, where an event on the day C hangs on rounding
    rows = twin.recensored(columns, how, possible)
    found = search_psi(statistic_of(record, settings_of(record, how, grid, search)), grid, 0.95, search)
    close(found.z, [twin.z_of(columns, psi, rows) for psi in grid])
    roots = twin.crossings(columns, grid, rows, 0.0, search == "grid")
    close(found.roots, roots)
    close(found.psi, twin.nearest(roots))
    close(found.conf_int, twin.limits(columns, grid, rows, Z, search == "grid"))
    assert math.isnan(found.psi) == bool(found.reason)
    assert [math.isnan(x) for x in found.conf_int] == [bool(x) for x in found.limit_reasons]


@plenty(60)
@given(trials(30), st.sampled_from(["root", "grid"]), st.integers(0, 1000))
def test_bootstrap_samples(trial: Any, search: Any, seed: int) -> None:
    record, columns, how, possible = trial
    grid = np.linspace(-2.13, 2.07, 9)
    rows = twin.recensored(columns, how, possible)
    copies = resampled(record.tte, 4, seed)
    psi, ratio = draw_estimates(record, settings_of(record, how, grid, search), copies)
    for i, row in enumerate(copies):
        want, log_ratio = twin.draw(columns, row, grid, rows, search == "grid")
        close(abs(psi[i]), abs(want))  # of two roots as near to 0, either
        if psi[i] == want or abs(psi[i] - want) < 1e-9:
            close(ratio[i], log_ratio, 1e-6, 1e-6)
