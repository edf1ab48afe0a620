"""What the search measures against a plain twin and against the public functions, and the state it keeps."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.stats import kstest
from tests.oracles import history_by_kernel
from tests.oracles import twin_search as twin
from tests.oracles.twin_history import Law, Scenario

from equipoise.kernels import anneal, histories, measure, search
from equipoise.kernels import targets as kinds
from equipoise.survival import Curve, TimeToEvent, cox, kaplan_meier, logrank

PLENTY = settings(
    max_examples=250, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)  # fmt: skip
DAY = {0: 5, 1: 7, 2: 9}
CROSSED = 4


def state(n: int, sets: int, targets: int) -> dict[str, np.ndarray]:
    """Everything that ``measure`` fills, full of numbers that it must not leave there."""
    return {
        "time": np.full((3, n), -7), "event": np.full((3, n), -7), "order": np.full((sets, n), 2**40),
        "size": np.full(sets, -7), "work": np.full((9, n), np.nan), "beta": np.full(sets, np.nan),
        "gaps": np.full(targets, np.nan), "values": np.full(targets, np.nan), "energies": np.full(sets + 1, np.nan),
    }  # fmt: skip


def measured(
    history: np.ndarray, sides: np.ndarray, endpoints: np.ndarray, targets: np.ndarray, windows: np.ndarray
) -> tuple[float, dict[str, np.ndarray]]:
    kept = state(len(history), len(sides), len(targets))
    energy = measure(history, sides, endpoints, targets, windows, *kept.values())
    return float(energy), kept


@st.composite
def record(draw: st.DrawFn, most: int) -> np.ndarray:
    """Histories (n, 12) with days and events of the three endpoints as they come: ties, nobody censored, no event."""
    n = draw(st.integers(1, most))
    history = np.full((n, 12), -1, dtype=np.int64)
    widest = draw(st.sampled_from([1, 3, 12, 60, 1000]))
    for e in range(3):
        events = draw(st.sampled_from([st.integers(0, 1), st.just(0), st.just(1), st.sampled_from([0, 1, 1, 1])]))
        history[:, DAY[e]] = draw(st.lists(st.integers(1, widest), min_size=n, max_size=n))
        history[:, DAY[e] + 1] = draw(st.lists(events, min_size=n, max_size=n))
    history[:, CROSSED] = draw(st.lists(st.sampled_from([-1, -1, 5]), min_size=n, max_size=n))
    return history


OF_STRATA = (kinds.LOG_HR, kinds.LOG_HR_LOW, kinds.LOG_HR_HIGH, kinds.Z, kinds.TAIL)


@st.composite
def aims(draw: st.DrawFn, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    sets = draw(st.integers(1, 3))
    side = st.sampled_from([st.sampled_from([0, 1]), st.sampled_from([-1, 0, 1]), st.just(1), st.just(0), st.just(-1)])
    sides = np.array([draw(st.lists(draw(side), min_size=n, max_size=n)) for _ in range(sets)], dtype=np.int16)
    stratified = [draw(st.integers(0, 3)) == 0 for _ in range(sets)]
    for s in range(sets):
        if stratified[s]:
            strata = np.array(draw(st.lists(st.integers(0, draw(st.integers(0, 40))), min_size=n, max_size=n)))
            sides[s] = np.where(sides[s] >= 0, sides[s] + 2 * strata, -1)
    endpoints = np.array([draw(st.integers(0, 2)) for _ in range(sets)])
    rows, windows = [], []
    for _ in range(draw(st.integers(1, 8))):
        kind = draw(st.integers(0, 11))
        both = kind in (kinds.KNOWN_FREE, kinds.EVENTS) and draw(st.booleans())
        arm = -1 if both else draw(st.integers(0, 1))
        number = -1 if kind == kinds.CROSSINGS else draw(st.integers(0, sets - 1))
        if number >= 0 and stratified[number] and kind not in OF_STRATA:
            kind = draw(st.sampled_from(OF_STRATA))
        rows.append((kind, number, arm, draw(st.integers(0, 2)), draw(st.integers(0, 70))))
        if kinds.MEDIAN <= kind <= kinds.MEDIAN_HIGH and draw(st.booleans()):
            low, high = math.inf, math.inf
        else:
            low = draw(st.sampled_from([-3.0, -0.2, 0.0, 0.3, 0.9, 1.0, 4.0, 30.0]))
            high = max(low + draw(st.sampled_from([0.0, 0.05, 1.0, 20.0])), 0.01)
            if kind in (kinds.Z, kinds.TAIL) and draw(st.booleans()):
                low, high = draw(st.sampled_from([(-math.inf, 1.0), (1.0, math.inf), (-1.96, 1.96)]))
        windows.append((low, high, draw(st.sampled_from([0.05, 0.15, 1.0, 7.0]))))
    return sides, endpoints, np.array(rows, dtype=np.int64), np.array(windows)


def columns(history: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(history[:, DAY[e]].astype(float), history[:, DAY[e] + 1].astype(float)) for e in range(3)]


def check(history: np.ndarray, asked: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]) -> None:
    sides, endpoints, rows, windows = asked
    energy, kept = measured(history, sides, endpoints, rows, windows)
    crossings = int((history[:, CROSSED] >= 0).sum())
    values, gaps, total = twin.measure(columns(history), crossings, sides, endpoints.tolist(), rows.tolist(), windows)
    np.testing.assert_allclose(kept["values"], values, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(kept["gaps"], gaps, rtol=1e-9, atol=1e-8)  # 1e-9 over a scale of .05
    assert energy == pytest.approx(total, rel=1e-9, abs=1e-7)
    assert energy == pytest.approx(kept["energies"].sum())
    for s, e in enumerate(endpoints):
        order = kept["order"][s, : kept["size"][s]]
        assert twin.in_order(order.tolist(), *columns(history)[e], sides[s])


@PLENTY
@given(data=st.data())
def test_measured_as_by_the_twin(data: st.DataObject) -> None:
    history = data.draw(record(most=12))
    check(history, data.draw(aims(len(history))))


@settings(PLENTY, max_examples=60)
@given(data=st.data(), seed=st.integers(0, 10_000))
def test_measured_as_by_the_twin_with_more_patients(data: st.DataObject, seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(20, 90))
    history = np.full((n, 12), -1, dtype=np.int64)
    for e in range(3):
        history[:, DAY[e]] = rng.integers(1, rng.choice([5, 40, 800]), n)
        history[:, DAY[e] + 1] = rng.random(n) < rng.choice([0.1, 0.6, 1.0])
    check(history, data.draw(aims(n)))


EVERY_KIND = [(kinds.LOG_HR, -1), (kinds.LOG_HR_LOW, -1), (kinds.LOG_HR_HIGH, -1), (kinds.Z, -1), (kinds.TAIL, -1)]
OF_AN_ARM = [kinds.MEDIAN, kinds.MEDIAN_LOW, kinds.MEDIAN_HIGH, kinds.RATE, kinds.KNOWN_FREE, kinds.EVENTS]


@settings(PLENTY, max_examples=150)
@given(seed=st.integers(0, 10_000))
def test_stratified_values_are_those_of_the_public_functions(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.choice([4, 9, 30, 150]))
    time = rng.integers(1, int(rng.choice([3, 12, 300])), n)
    event = rng.random(n) < rng.choice([0.3, 0.8, 1.0])
    side, stratum = rng.integers(0, 2, n), rng.integers(0, int(rng.choice([1, 2, 5])), n)
    side[:2], stratum[:2] = (0, 1), 0
    history = np.full((n, 12), -1, dtype=np.int64)
    history[:, DAY[0]], history[:, DAY[0] + 1] = time, event
    rows = np.array([(kind, 0, arm, 2, 1) for kind, arm in EVERY_KIND])
    windows = np.tile([0.0, 1.0, 1.0], (len(rows), 1))
    codes = (side + 2 * stratum).astype(np.int16)
    _, kept = measured(history, codes[None, :], np.array([0]), rows, windows)
    tte = TimeToEvent(time, event, side, control=0, experimental=1, unit="days", strata={"s": stratum})
    model, z = cox(tte, stratified=True), logrank(tte, stratified=True).z
    ratio = [math.nan] * 3
    if math.isfinite(model.coef[0]):
        ratio = [float(model.coef[0]), *(math.log(x) for x in model.conf_int)]
    shown = 0.0 if z is None or math.isnan(z) else z
    np.testing.assert_allclose(kept["values"], [*ratio, shown, shown], rtol=1e-9, atol=1e-9)


def of_public(tte: TimeToEvent, rows: list[tuple[int, ...]]) -> list[float]:
    """The same numbers by the functions that a user calls."""
    model, z = cox(tte), logrank(tte).z
    assert isinstance(model.conf_int, tuple)
    ratio = [math.nan] * 3
    if math.isfinite(model.coef[0]):
        ratio = [float(model.coef[0]), *(math.log(x) for x in model.conf_int)]
    curves = [kaplan_meier(tte, conf_type=c) for c in twin.CONF_TYPES]  # type: ignore[arg-type]
    values = []
    for row in rows:
        kind, _, arm, conf_type, _ = row
        if kind <= kinds.LOG_HR_HIGH:
            values.append(ratio[kind])
        elif kind in (kinds.Z, kinds.TAIL):
            values.append(0.0 if z is None or math.isnan(z) else z)
        else:
            values.append(of_curve(curves[conf_type][str(arm)], row))
    return values


def of_curve(curve: Curve, row: tuple[int, ...]) -> float:
    kind, _, _, _, day = row
    if kind == kinds.MEDIAN:
        half = np.abs(curve.survival - 0.5) <= twin.NEAR_HALF
        # On a flat stretch at one half the kernel takes its beginning (and adds a distance), the curve its middle.
        return float(curve.time[half][0]) if half.any() else curve.median
    if kind in (kinds.MEDIAN_LOW, kinds.MEDIAN_HIGH):
        return curve.median_ci[kind - kinds.MEDIAN_LOW]
    if kind == kinds.RATE:
        return curve.at([f"{day} days"])[0].survival
    if kind == kinds.KNOWN_FREE:
        return float(curve.risk_table([f"{day} days"]).at_risk[0])
    return curve.events


@settings(PLENTY, max_examples=150)
@given(data=st.data(), seed=st.integers(0, 10_000))
def test_values_are_those_of_the_public_functions(data: st.DataObject, seed: int) -> None:
    """Both arms have somebody: one cannot be analyzed without."""
    rng = np.random.default_rng(seed)
    n = data.draw(st.sampled_from([2, 3, 4, 7, 15, 60, 150]))
    widest = data.draw(st.sampled_from([2, 6, 40, 900]))
    time = rng.integers(1, widest + 1, n)
    event = rng.random(n) < data.draw(st.sampled_from([0.0, 0.2, 0.7, 1.0]))
    side = rng.integers(0, 2, n).astype(np.int8)
    side[:2] = 0, 1
    if data.draw(st.integers(0, 4)) == 0:
        event = event & (side == data.draw(st.integers(0, 1)))  # one arm without any event
    history = np.full((n, 12), -1, dtype=np.int64)
    history[:, DAY[1]], history[:, DAY[1] + 1] = time, event
    days = sorted({1, int(np.median(time)), int(time.max()), int(time.max()) + 1})
    rows = [(kind, 0, arm, 2, 1) for kind, arm in EVERY_KIND]
    rows += [(kind, 0, arm, c, day) for kind in OF_AN_ARM for arm in (0, 1) for c in range(3) for day in days]
    windows = np.tile([0.0, 1.0, 1.0], (len(rows), 1))
    _, kept = measured(history, side[None, :], np.array([1]), np.array(rows), windows)
    tte = TimeToEvent(time, event, side, control=0, experimental=1, unit="days")
    np.testing.assert_allclose(kept["values"], of_public(tte, rows), rtol=1e-9, atol=1e-11)


# ------------------------------------------------------------------ the state that the search keeps
SCENARIO = Scenario(
    accrual_days=300, cutoff_days=800, progression=Law(shape=1.2, scale=200), death_before=Law(scale=1500),
    death_after=Law(scale=250), dropout=Law(scale=2000), loss=Law(scale=4000), ratio_progression={"new": 0.6},
    every=56, spread=5, missed=0.1, between_visits=0.1, crossover_arm="old", crossover_probability=0.4,
    crossover_delay=10, crossover_ratio=0.7,
)  # fmt: skip
INF = math.inf
TARGETS = [
    ((kinds.LOG_HR, 0, -1, 2, 0), (-0.7, -0.69, 0.15)),
    ((kinds.LOG_HR_LOW, 0, -1, 2, 0), (-1.2, -1.19, 0.15)),
    ((kinds.LOG_HR_HIGH, 2, -1, 2, 0), (0.1, 0.11, 0.15)),
    ((kinds.Z, 0, -1, 2, 0), (2.5, 2.51, 1.0)),
    ((kinds.TAIL, 1, -1, 2, 0), (-1.96, 1.96, 1.0)),
    ((kinds.MEDIAN, 0, 1, 2, 0), (170.0, 170.5, 0.15)),
    ((kinds.MEDIAN_LOW, 0, 0, 0, 0), (90.0, 91.0, 0.15)),
    ((kinds.MEDIAN_HIGH, 1, 1, 1, 0), (INF, INF, 0.15)),
    ((kinds.RATE, 1, 0, 2, 365), (0.62, 0.63, 0.05)),
    ((kinds.KNOWN_FREE, 3, -1, 2, 200), (20.0, 20.0, 3.0)),
    ((kinds.EVENTS, 2, 0, 2, 0), (14.0, 14.0, 3.0)),
    ((kinds.CROSSINGS, -1, -1, 0, 0), (7.0, 7.0, 3.0)),
]


class Search:
    """A small trial under search: four sets, the third a subgroup, the last without anybody."""

    def __init__(
        self,
        n: int,
        seed: int,
        targets: Any = TARGETS,
        scenario: Scenario = SCENARIO,
        visits: int = 12,
        uniforms: np.ndarray | None = None,
        like: Search | None = None,
    ):
        """``like``: a smaller search, whose patients' arms and multipliers are repeated."""
        rng = np.random.default_rng(seed)
        self.arm, progression, death = rng.integers(0, 2, n), rng.choice([0.7, 1.4], n), rng.choice([0.7, 1.4], n)
        if like is not None:
            self.arm, progression, death = (np.tile(x, n // len(x)) for x in like.frozen[:3])
        self.frozen = (self.arm, progression, death, *history_by_kernel.arrays(scenario))
        self.u = rng.random((n, 9 + visits)) if uniforms is None else uniforms
        self.history, _ = histories(self.u, *self.frozen)
        side = (1 - self.arm).astype(np.int8)
        subgroup = np.where(rng.random(n) < 0.6, side, -1).astype(np.int8)
        sides = np.stack([side, side, subgroup, np.full(n, -1, dtype=np.int8)])
        rows, windows = np.array([t for t, _ in targets]), np.array([w for _, w in targets])
        self.aims = (sides, np.array([0, 1, 2, 0]), rows, windows)
        energy, self.kept = measured(self.history, *self.aims)
        self.least = np.array([energy, energy])
        self.best = self.u.copy()

    def go(self, first: int, last: int, hot: float, cooling: float = 0.0) -> int:
        k = self.kept
        return int(anneal(
            self.u, self.history, self.best, self.least, *self.frozen, *self.aims, k["time"], k["event"], k["order"],
            k["size"], k["beta"], k["gaps"], k["values"], k["energies"], np.array([11, 5], dtype=np.uint64), first,
            last, hot, cooling,
        ))  # fmt: skip

    def consistent(self) -> None:
        """Everything kept is what the uniforms give when all is computed afresh: exactly, not nearly."""
        history, _ = histories(self.u, *self.frozen)
        np.testing.assert_array_equal(self.history, history)
        energy, fresh = measured(history, *self.aims)
        assert self.least[0] == energy
        for name in ("time", "event", "size", "gaps", "values", "energies"):
            np.testing.assert_array_equal(self.kept[name], fresh[name], err_msg=name)
        for s, e in enumerate(self.aims[1]):
            order = self.kept["order"][s, : self.kept["size"][s]].tolist()
            assert twin.in_order(order, *columns(history)[e], self.aims[0][s])
        least, _ = measured(histories(self.best, *self.frozen)[0], *self.aims)
        assert self.least[1] == least <= energy


@pytest.mark.parametrize(("hot", "cooling"), [(1e9, 0.0), (0.4, 0.0), (0.4, 0.002), (1e-9, 0.0), (0.4, 10.0)])
@pytest.mark.parametrize("n", [1, 2, 9, 60])
def test_the_state_kept_is_the_state_measured(n: int, hot: float, cooling: float) -> None:
    """From all accepted to nearly all rejected, to a temperature that is zero in floating point."""
    found = Search(n, seed=n)
    found.consistent()
    done = 0
    for last in (1, 2, 3, 10, 50, 200, 1000, 3000):
        before = found.u.copy()
        assert found.go(done, last, hot, cooling) == last
        assert n < 60 or (found.u != before).any(axis=1).sum() <= last - done
        done = last
        found.consistent()


def test_a_search_in_pieces_is_the_search_in_one() -> None:
    whole, pieces = Search(40, seed=3), Search(40, seed=3)
    whole.go(0, 2000, 0.4, 0.001)
    for first in range(0, 2000, 125):
        pieces.go(first, first + 125, 0.4, 0.001)
    np.testing.assert_array_equal(whole.u, pieces.u)
    np.testing.assert_array_equal(whole.best, pieces.best)
    np.testing.assert_array_equal(whole.least, pieces.least)


def test_it_stops_where_every_target_is_met() -> None:
    wide = [(row, (-1e9, 1e9, 1.0)) for row, _ in TARGETS if row[0] in (kinds.Z, kinds.RATE, kinds.EVENTS)]
    found = Search(20, seed=1, targets=wide)
    before = found.u.copy()
    assert found.least[0] == 0
    assert found.go(5, 100, 0.4) == 5
    np.testing.assert_array_equal(found.u, before)
    events = int(Search(60, seed=2).history[:, DAY[0] + 1].sum())
    some = Search(60, seed=2, targets=[((kinds.EVENTS, 0, -1, 2, 0), (events - 3.0, events - 3.0, 3.0))])
    reached = some.go(0, 5000, 0.05)
    assert 0 < reached < 5000
    assert some.least[0] == some.least[1] == 0
    assert some.history[:, DAY[0] + 1].sum() == events - 3
    np.testing.assert_array_equal(some.best, some.u)
    some.consistent()


def test_a_downhill_search_only_goes_down() -> None:
    found = Search(40, seed=4)
    energies = [found.least[0]]
    for step in range(600):
        found.go(step, step + 1, 1e-12)
        energies.append(found.least[0])
    assert (np.diff(energies) <= 0).all()
    assert energies[-1] < energies[0]


def test_a_patient_who_would_enter_after_the_cut_off_is_no_move() -> None:
    late = Scenario(accrual_days=300, cutoff_days=200, progression=Law(scale=100), death_after=Law(scale=100))
    found = Search(30, seed=6, targets=TARGETS[:1], scenario=late, visits=0)
    inside = found.history[:, 0] == 1
    found.go(0, 3000, 1e9)
    found.consistent()
    assert (found.history[inside, 0] == 1).all()


@pytest.mark.parametrize("nudges", [1, 60])
def test_moves_leave_the_uniform_law_as_it_is(nudges: int) -> None:
    """The proposals alone, from uniform numbers: a Kolmogorov-Smirnov distance that happens once in 10,000 times."""
    rng = np.random.default_rng(12)
    u, key, block = rng.random((1500, 11)), np.array([3, 4], dtype=np.uint64), np.empty(4)
    trial = np.empty(11)
    for i in range(len(u)):
        for k in range(nudges):
            block[:] = rng.random(4)
            block[1] *= search._NUDGE  # never all drawn anew
            search._propose(u[i], trial, key, i * nudges + k, block)
            u[i] = trial
    assert ((u > 0) & (u < 1)).all()
    for sample in (u.ravel(), u[:, 0], u[:, 10]):
        assert kstest(sample, "uniform").pvalue > 1e-4
