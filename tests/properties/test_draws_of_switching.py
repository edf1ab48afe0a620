"""Bootstrap samples that a kernel takes at once, beside the public function on the rows of each sample."""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.properties.examples import plenty

from equipoise.analyze.switching import Switches, g_estimation, ipe, ipe_steps, switching_of_psi, two_stage, two_stage_g
from equipoise.analyze.switching.bootstrap import resampled
from equipoise.analyze.switching.redraw import paths_of, sample_of
from equipoise.errors import EquipoiseError
from equipoise.survival import TimeToEvent, TimeVarying

DRAWS = 4
ipe_module = sys.modules["equipoise.analyze.switching.ipe"]  # whose name in the package is the function
two_stage_module = sys.modules["equipoise.analyze.switching.two_stage"]
NEVER = math.inf


@st.composite
def trials(draw: Any) -> tuple[Switches, dict[str, TimeVarying], dict[str, Any]]:
    """A record with progression, its visits and what to ask: some tie, some have few events, or few who switch."""
    n, seed = draw(st.integers(16, 48)), draw(st.integers(0, 2**32))
    rng = np.random.default_rng(seed)
    whole, both, strata = draw(st.booleans()), draw(st.booleans()), draw(st.sampled_from([1, 1, 2, 3]))
    arm = np.arange(n) % 2
    time = rng.weibull(draw(st.sampled_from([0.7, 1.0, 2.0])), n) * 60 + 8
    progression = np.minimum(time * rng.uniform(0.1, 0.7, n), time - 3)
    if whole:
        time, progression = np.ceil(time), np.ceil(progression)
    progressed = rng.random(n) < 0.9
    moved = progressed & (rng.random(n) < draw(st.sampled_from([0.15, 0.5, 0.5, 0.85]))) & (both | (arm == 0))
    switch = np.where(moved, np.minimum(progression + rng.integers(0, 3, n), time - 1), NEVER)
    event = rng.random(n) < draw(st.sampled_from([0.25, 0.8, 1.0]))
    tte = TimeToEvent(
        time, event.astype(int), arm, control=0, experimental=1, unit="days",
        strata=None if strata == 1 else rng.integers(0, strata, n),
    )  # fmt: skip
    site = np.array(["a", "b", "c"])[rng.integers(0, 3, n)]
    record = Switches(
        tte=tte, switch=switch, progression=np.where(progressed, progression, NEVER),
        administrative=time + rng.integers(0, 40, n), may_switch=("0", "1") if both else ("0",),
        covariates={"age": rng.normal(60, 9, n), "site": site},
    )  # fmt: skip
    days = np.arange(0, 100, 9)
    visits = TimeVarying(
        subject=np.repeat(np.arange(1, n + 1), len(days)), start=np.tile(days, n),
        value=rng.integers(0, 2, n * len(days)), unit="days",
    )  # fmt: skip
    more = {
        "recensor": draw(st.sampled_from([True, True, False, "all arms"])),
        "covariates": draw(st.sampled_from([[], [], ["age"], ["age", "site"]])),
    }
    return record, {"marker": visits}, more


def ways(kind: str, paths: dict[str, TimeVarying], more: dict[str, Any]) -> Any:
    """The method as a function of a record, the rows of a sample (None: the data), and draws."""

    def one(record: Switches, rows: Any, **draws: Any) -> Any:
        if kind in ("weibull", "exponential"):
            return ipe(record, distribution=kind, **more, **draws)
        if kind.startswith("two-stage"):
            law = kind.split()[1]
            return two_stage(record, distribution=law, **more, **draws)  # type: ignore[arg-type]
        visits = paths if rows is None else paths_of_data(rows)
        grid = np.linspace(-2.003, 1.987, 13)
        return two_stage_g(record, visits, grid=grid, time_df=2, search=kind.split()[1], **more, **draws)  # type: ignore[arg-type]

    paths_of_data: Any = None

    def bound(record: Switches) -> Any:
        nonlocal paths_of_data
        paths_of_data = paths_of(record.tte, paths)
        return one

    return bound


@pytest.mark.parametrize(
    "kind", ["weibull", "exponential", "two-stage weibull", "two-stage exponential", "g grid", "g root"]
)
@plenty(16)
@given(trials())
def test_samples_are_those_of_the_public_function(kind: str, trial: Any) -> None:
    """psi and log hazard ratio to 1e-7, and the same failures."""
    record, paths, more = trial
    method = ways(kind, paths, more)(record)
    try:
        found = method(record, None, draws=DRAWS, seed=7).bootstrap
    except EquipoiseError:
        return
    for b, copies in enumerate(resampled(record.tte, DRAWS, 7)):
        rows = np.repeat(np.arange(record.n), copies)
        psi = ratio = math.nan
        try:
            one = method(sample_of(record, rows, more["covariates"]), rows)
            psi, ratio = one.psi, math.log(one.hazard_ratio)
        except EquipoiseError:
            pass
        np.testing.assert_allclose(found.log_hazard_ratio[b], ratio, rtol=1e-7, atol=1e-7)
        np.testing.assert_allclose(found.psi[b], psi, rtol=1e-7, atol=1e-7)


def calm(n: int = 120) -> tuple[Switches, dict[str, TimeVarying]]:
    """A trial as they are: a third of control switches soon after progression."""
    rng = np.random.default_rng(5)
    arm, time = np.arange(n) % 2, rng.weibull(1.3, n) * 200 + 5
    progression, end = time * rng.uniform(0.1, 0.6, n), rng.uniform(150, 500, n)
    switch = np.where((arm == 0) & (rng.random(n) < 0.6), progression + rng.integers(0, 3, n) * 10 + 1, NEVER)
    observed = np.minimum(time, end)
    tte = TimeToEvent(observed, (time <= end).astype(int), arm, control=0, experimental=1, unit="days")
    record = Switches(
        tte=tte, switch=np.where(switch < observed, switch, NEVER),
        progression=np.where(progression < observed, progression, NEVER), administrative=end,
    )  # fmt: skip
    days = np.arange(0, 300, 10)
    visits = TimeVarying(
        subject=np.repeat(np.arange(1, n + 1), len(days)), start=np.tile(days, n),
        value=rng.integers(0, 2, n * len(days)), unit="days",
    )  # fmt: skip
    return record, {"marker": visits}


@pytest.mark.parametrize("kind", ["weibull", "exponential", "two-stage weibull", "g grid"])
def test_samples_of_a_calm_trial_are_not_analyzed_one_by_one(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The property above would hold of kernels that are always in doubt."""

    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("a model was fitted to a row a copy")

    record, paths = calm()
    method = ways(kind, paths, {})(record)
    method(record, None)
    for module, name in ((ipe_steps, "fitted"), (switching_of_psi, "pooled_logistic")):
        monkeypatch.setattr(module, name, never)
    for module in (ipe_module, two_stage_module, g_estimation):
        monkeypatch.setattr(module, "sample_of", never)
    drawn = method(record, None, draws=40, seed=1).bootstrap
    assert drawn.failed == 0
    assert np.isfinite(drawn.psi).all()
