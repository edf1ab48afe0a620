"""The history kernel against the plain twin, one patient at a time, and whole distributions against closed forms."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st
from tests.oracles import history_by_kernel as kernel
from tests.oracles.twin_history import INFINITE, Law, Scenario, history

from equipoise.kernels import histories

TINY = 1e-15
COMMON = settings(
    max_examples=200, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)  # fmt: skip


@st.composite
def laws(draw: st.DrawFn, never: bool = True) -> Law | None:
    kinds = ["weibull", "pieces", *(["none"] if never else [])]
    kind = draw(st.sampled_from(kinds))
    if kind == "none":
        return None
    if kind == "weibull":
        return Law(shape=draw(st.sampled_from([0.3, 0.7, 1.0, 1.5, 4.0])), scale=draw(st.floats(0.5, 3000)))
    ends = draw(st.lists(st.integers(1, 900), max_size=4, unique=True).map(sorted))
    hazard = st.sampled_from([0.0, 1e-4, 2e-3, 0.011, 0.4])
    hazards = draw(st.lists(hazard, min_size=len(ends) + 1, max_size=len(ends) + 1))
    return Law(breaks=tuple(float(e) for e in ends), hazards=tuple(hazards))


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    ratios = st.dictionaries(st.sampled_from(kernel.ARMS), st.floats(0.1, 8.0), max_size=3)
    grid: dict[str, Any] = {}
    if draw(st.booleans()):
        every = draw(st.sampled_from([1, 2, 7, 28, 56, 90]))
        grid = {
            "every": every,
            "spread": draw(st.sampled_from([0.0, 0.0, 0.4, 5.0, 80.0])),
            "missed": draw(st.sampled_from([0.0, 0.1, 0.5, 0.97, 1.0])),
            "between_visits": draw(st.sampled_from([0.0, 0.3, 1.0])),
            "lag": draw(st.sampled_from([0, 0, 1, 9, 100])),
        }
        if draw(st.booleans()):  # the protocol refuses a later grid that begins before the first visit
            grid["later_from"] = draw(st.floats(every, 6 * every))
            grid["later_every"] = draw(st.sampled_from([1, 5, 56, 84]))
    crossing: dict[str, Any] = {}
    if draw(st.booleans()):
        crossing = {
            "crossover_arm": draw(st.sampled_from(kernel.ARMS)),
            "crossover_probability": draw(st.sampled_from([0.0, 0.5, 1.0])),
            "crossover_delay": draw(st.sampled_from([0.0, 1.0, 30.0, 400.0])),
            "crossover_ratio": draw(st.sampled_from([0.2, 0.6, 1.0, 3.0])),
        }
    return Scenario(
        accrual_days=draw(st.sampled_from([0.0, 1.0, 365.0, 700.0])),
        cutoff_days=draw(st.sampled_from([1, 50, 366, 1000, 2500])),
        progression=draw(laws(never=False)),
        death_after=draw(laws(never=False)),
        death_before=draw(laws()),
        dropout=draw(laws()),
        loss=draw(laws()),
        ratio_progression=draw(ratios),
        ratio_death_before=draw(ratios),
        ratio_death_after=draw(ratios),
        ratio_dropout=draw(ratios),
        ratio_loss=draw(ratios),
        **grid,
        **crossing,
    )


@st.composite
def uniforms(draw: st.DrawFn, scenario: Scenario) -> list[float]:
    inside = st.floats(TINY, 1 - TINY)
    extreme = [TINY, 1 - TINY, 1 - 2**-53, 0.5, 1e-300]
    edges = [x for x in (scenario.missed, scenario.between_visits, scenario.crossover_probability) if 0 < x < 1]
    visit = st.one_of(inside, inside, inside, st.sampled_from([*extreme, *edges]))
    core = draw(
        st.lists(st.one_of(inside, inside, inside, st.sampled_from([*extreme, *edges])), min_size=9, max_size=9)
    )
    return core + draw(st.lists(visit, max_size=25))


def moved(scenario: Scenario, u: Sequence[float]) -> Iterator[list[float]]:
    """The same patient with one cumulative hazard, or one visit's error, another in the twelfth digit."""
    for place in (1, 2, 3, 4, 5, 8, *range(9, len(u))):
        low = scenario.missed if place >= 9 else 0.0
        if u[place] <= low:
            continue
        for factor in (1 - 1e-12, 1 + 1e-12):
            near = list(u)
            w = math.exp(math.log((u[place] - low) / (1 - low)) * factor)
            near[place] = low + (1 - low) * w
            yield near


def decided_by_rounding(scenario: Scenario, arm: str, u: Sequence[float], m: tuple[float, float]) -> bool:
    """Whether the twin itself says something else in the twelfth digit: a time falls on midnight, say. Two programs
    that are both right may differ there, because they do not add up a hazard in the same order."""
    whole = {k: v for k, v in history(scenario, arm, u, *m).items() if k != "latent_progression"}
    return any(
        {k: v for k, v in history(scenario, arm, near, *m).items() if k != "latent_progression"} != whole
        for near in moved(scenario, u)
    )


def compare(scenario: Scenario, arm: str, u: Sequence[float], m: tuple[float, float]) -> None:
    want, got = history(scenario, arm, u, *m), kernel.history(scenario, arm, u, *m)
    t, latent = want.pop("latent_progression"), got.pop("latent_progression")
    if t is not None:
        assert latent == pytest.approx(t, rel=1e-11)
    if got != want:
        event("left out: decided by rounding")
        assume(not decided_by_rounding(scenario, arm, u, m))
    assert got == want


@COMMON
@given(data=st.data())
def test_one_patient(data: st.DataObject) -> None:
    scenario = data.draw(scenarios())
    multiplier = st.sampled_from([0.2, 1.0, 1.0, 5.0])
    for _ in range(4):
        arm = data.draw(st.sampled_from(kernel.ARMS))
        compare(scenario, arm, data.draw(uniforms(scenario)), (data.draw(multiplier), data.draw(multiplier)))


BUSY = Scenario(
    accrual_days=400, cutoff_days=1100, progression=Law(breaks=(60.0, 200.0), hazards=(0.001, 0.006, 0.003)),
    death_after=Law(shape=0.8, scale=300), death_before=Law(shape=1.4, scale=1500), dropout=Law(scale=2500),
    loss=Law(shape=1.2, scale=3000), ratio_progression={"new": 0.6}, ratio_death_after={"new": 0.9},
    ratio_dropout={"old": 1.5}, ratio_loss={"third": 2.0}, every=56, later_from=250, later_every=84, spread=6,
    missed=0.1, between_visits=0.15, crossover_arm="old", crossover_probability=0.6, crossover_delay=12,
    crossover_ratio=0.5,
)  # fmt: skip


@pytest.mark.parametrize(
    "scenario",
    [BUSY, replace(BUSY, every=0), replace(BUSY, spread=0.0, later_every=0), replace(BUSY, missed=0.0)],
    ids=["busy", "no visits", "on the day", "none missed"],
)
def test_many_ordinary_patients(scenario: Scenario) -> None:
    """Drawn patients, all in one call; at most 1 in 1,000 may be decided by rounding."""
    rng = np.random.default_rng(20260101)
    n = 4000
    u = rng.random((n, 9 + 20))
    arm = rng.integers(0, 3, n)
    m = rng.choice([0.5, 1.0, 2.0], (2, n))
    rows, latent = histories(u, arm, m[0], m[1], *kernel.arrays(scenario))
    left_out = 0
    for i in range(n):
        name, own = kernel.ARMS[arm[i]], (float(m[0, i]), float(m[1, i]))
        want, got = history(scenario, name, u[i].tolist(), *own), kernel.in_words(rows[i], float(latent[i]))
        t = want.pop("latent_progression")
        assert got.pop("latent_progression") == (t if t == INFINITE else pytest.approx(t, rel=1e-11))
        if got != want:
            assert decided_by_rounding(scenario, name, u[i].tolist(), own), (i, got, want)
            left_out += 1
    assert left_out <= n // 1000


def test_a_uniform_exactly_at_missed_comes_on_the_last_day_it_can() -> None:
    """w = 0: the error is infinite, but with a spread of 0 there is no error at all."""
    late = replace(BUSY, progression=Law(scale=1e-3), missed=0.25, between_visits=0.0, later_every=0, accrual_days=0)
    u = [0.5] * 9 + [0.25, 0.25]
    for spread, seen in ((6.0, 111), (0.0, 56)):
        found = kernel.history(replace(late, spread=spread, death_after=Law(scale=1e9)), "new", u)
        assert found["pfs_day"] == seen
        assert found == history(replace(late, spread=spread, death_after=Law(scale=1e9)), "new", u)


def test_survival_of_a_drawn_population_is_the_closed_form() -> None:
    """Exponential illness and death without visits: hazards a day of progression p, of death before it b, after it d.

    PFS: exp(-(p + b) t). OS: exp(-(p + b) t) + p / (p + b - d) (exp(-d t) - exp(-(p + b) t)), by conditioning on the
    time of progression. Days are rounded up, so at whole days the curves are exact; nobody is censored before day 600.
    """
    p, b, d, n = 1 / 200, 1 / 900, 1 / 150, 20_000
    scenario = Scenario(
        accrual_days=0, cutoff_days=600, progression=Law(scale=1 / p), death_before=Law(shape=1, scale=1 / b),
        death_after=Law(hazards=(d,)),
    )  # fmt: skip
    u = np.random.default_rng(7).random((n, 9))
    rows, _ = histories(u, np.zeros(n, dtype=np.int64), np.ones(n), np.ones(n), *kernel.arrays(scenario))
    day, dead = rows[:, kernel.COLUMNS.index("os_day")], rows[:, kernel.COLUMNS.index("os_event")]
    free, ended = rows[:, kernel.COLUMNS.index("pfs_day")], rows[:, kernel.COLUMNS.index("pfs_event")]
    for t in (1, 30, 100, 200, 365, 599):
        pfs = math.exp(-(p + b) * t)
        os = pfs + p / (p + b - d) * (math.exp(-d * t) - pfs)
        for got, want in (((free > t) | (ended == 0), pfs), ((day > t) | (dead == 0), os)):
            assert abs(got.mean() - want) <= 4 * math.sqrt(want * (1 - want) / n), (t, got.mean(), want)


def test_hazard_ratios_and_multipliers_multiply() -> None:
    """Time to progression with nobody dying first: exp(-(t / scale)^shape ratio multiplier)."""
    n, shape, scale, ratio, own = 20_000, 1.3, 300.0, 0.6, 1.7
    scenario = Scenario(
        accrual_days=100, cutoff_days=5000, progression=Law(shape=shape, scale=scale), death_after=Law(scale=1e9),
        ratio_progression={"old": ratio},
    )  # fmt: skip
    u = np.random.default_rng(8).random((n, 9))
    rows, latent = histories(u, np.ones(n, dtype=np.int64), np.full(n, own), np.ones(n), *kernel.arrays(scenario))
    for t in (50, 150, 300, 600):
        want = math.exp(-((t / scale) ** shape) * ratio * own)
        error = 4 * math.sqrt(want * (1 - want) / n)
        assert abs((latent > t).mean() - want) <= error
        assert abs((rows[:, kernel.COLUMNS.index("ttp_day")] > t).mean() - want) <= error


def test_visits_come_as_often_and_as_late_as_said() -> None:
    """A share ``missed`` is not attended; the error of the others has mean 0 and standard deviation ``spread``."""
    n, spread = 20_000, 5.0
    scenario = Scenario(
        accrual_days=0, cutoff_days=5000, progression=Law(hazards=(1.0,)), death_after=Law(hazards=(0.0,)), every=100,
        spread=spread, missed=0.2,
    )  # fmt: skip
    u = np.random.default_rng(9).random((n, 9 + 40))
    rows, _ = histories(u, np.zeros(n, dtype=np.int64), np.ones(n), np.full(n, 1.0), *kernel.arrays(scenario))
    seen = rows[:, kernel.COLUMNS.index("progression")]
    first = seen < 200 - 5  # an error of more than -5 days cannot be: exponential less its mean
    assert abs(first.mean() - 0.8) <= 4 * math.sqrt(0.16 / n)
    error = seen[first] - 100
    # rounded to whole days: the variance grows by at most 1/12, and the clamp at day 199 cuts exp(-20.9)
    assert abs(error.mean()) <= 4 * spread / math.sqrt(len(error)) + 0.05
    assert error.std() == pytest.approx(spread, rel=0.05)
