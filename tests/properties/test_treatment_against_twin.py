"""Doses and adverse events of the kernel against a twin that walks day by day, and against the protocol's calendar."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom
from tests.oracles import twin_treatment as twin

from equipoise.kernels import adverse_event_days, doses_given
from equipoise.protocol import Regimen, example, examples
from equipoise.simulate.cohort import regimen_table

PLENTY = settings(max_examples=300, deadline=None, derandomize=True, database=None)
UNIFORM = st.one_of(st.floats(1e-15, 1 - 1e-15), st.sampled_from([1e-15, 0.5, 1 - 1e-12, 1 - 1e-15, 1 - 2**-53]))


@st.composite
def drugs(draw: st.DrawFn) -> twin.Drug:
    loading_day = draw(st.integers(1, 30))
    loaded = draw(st.booleans())
    return twin.Drug(
        loading=draw(st.sampled_from([2.0, 8.0, 600.0])) if loaded else 0.0,
        loading_day=loading_day if loaded else 0,
        maintenance=draw(st.sampled_from([0.5, 6.0, 420.0])),
        every=draw(st.sampled_from([1, 7, 21, 28])),
        from_day=loading_day + draw(st.integers(1, 40)) if loaded else draw(st.integers(1, 40)),
        loading_per_kg=draw(st.booleans()),
        maintenance_per_kg=draw(st.booleans()),
    )


def row(drug: twin.Drug, arm: int) -> list[float]:
    return [arm, drug.loading, drug.loading_day, drug.maintenance, drug.every, drug.from_day, drug.loading_per_kg,
            drug.maintenance_per_kg]  # fmt: skip


@PLENTY
@given(data=st.data())
def test_doses(data: st.DataObject) -> None:
    n, r = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3))
    used = [data.draw(drugs()) for _ in range(r)]
    arms = [data.draw(st.integers(0, 2)) for _ in range(r)]
    last = np.array([data.draw(st.one_of(st.integers(1, 60), st.integers(1, 900))) for _ in range(n)])
    arm = np.array([data.draw(st.integers(0, 2)) for _ in range(n)])
    weight = np.array([data.draw(st.floats(35, 150)) for _ in range(n)])
    missed = data.draw(st.sampled_from([0.0, 0.01, 0.1, 0.5, 0.95, 1.0]))
    u = np.array([[data.draw(UNIFORM) for _ in range(r)] for _ in range(n)])
    planned, given_, amount_planned, amount_given = doses_given(
        last, arm, weight, np.array([row(d, a) for d, a in zip(used, arms, strict=True)], dtype=float), missed, u
    )
    for i in range(n):
        for j, drug in enumerate(used):
            found = planned[i, j], given_[i, j], amount_planned[i, j], amount_given[i, j]
            if arm[i] != arms[j]:
                assert found == (-1, -1, 0, 0)
                continue
            want = twin.doses_given(drug, int(last[i]), float(weight[i]), missed, float(u[i, j]))
            assert found[::2] == (want[0], pytest.approx(want[2], rel=1e-12))
            if 0 < missed < 1 and want[0] > 1 and twin.undecided(want[0] - 1, missed, float(u[i, j])):
                assert abs(found[1] - want[1]) <= _beyond(want[0] - 1, missed, float(u[i, j]))
                continue
            assert found[1::2] == (want[1], pytest.approx(want[3], rel=1e-12))


def _beyond(doses: int, missed: float, u: float) -> int:
    """How many counts lie within rounding of u: in the last 1e-11 of the distribution there may be several."""
    return sum(abs(float(binom.cdf(k, doses, missed)) - u) < 1e-11 for k in range(doses + 1))


@pytest.mark.parametrize("name", examples())
def test_planned_doses_are_those_of_the_protocol(name: str) -> None:
    """Every regimen of the bundled trials: the kernel counts the days that ``Regimen.doses`` names."""
    trial = example(name)
    table = regimen_table(trial)
    regimens: list[tuple[int, Regimen]] = [
        (i, regimen) for i, arm in enumerate(trial.arms.values()) for regimen in arm.regimen or ()
    ]
    last = np.array([1, 2, 7, 8, 21, 22, 28, 29, 180, 731])
    for j, (arm, regimen) in enumerate(regimens):
        planned, given_, amount, same = doses_given(
            last, np.full(len(last), arm), np.full(len(last), 70.0), table, 0.0, np.full((len(last), len(table)), 0.5)
        )
        for i, day in enumerate(last.tolist()):
            doses = list(regimen.doses(day))
            assert planned[i, j] == given_[i, j] == len(doses)
            amounts = [d.amount * (70.0 if d.per == "kg" else 1.0) for _, d in doses]
            assert amount[i, j] == same[i, j] == pytest.approx(sum(amounts))


@PLENTY
@given(data=st.data())
def test_adverse_events(data: st.DataObject) -> None:
    n, kinds, arms = data.draw(st.integers(1, 4)), data.draw(st.integers(0, 3)), 2
    share = st.sampled_from([0.0, 0.3, 0.9, 1.0, 2.0])
    any_below = np.array([data.draw(share) for _ in range(arms)])
    kind_below = np.array([[data.draw(share) for _ in range(kinds)] for _ in range(arms)]).reshape(arms, kinds)
    arm = np.array([data.draw(st.integers(0, 1)) for _ in range(n)])
    last = np.array([data.draw(st.integers(1, 700)) for _ in range(n)])
    u_any = np.array([data.draw(UNIFORM) for _ in range(n)])
    u_kind = np.array([[data.draw(UNIFORM) for _ in range(kinds)] for _ in range(n)]).reshape(n, kinds)
    u_day = np.array([[data.draw(UNIFORM) for _ in range(kinds + 1)] for _ in range(n)])
    found = adverse_event_days(last, arm, any_below, kind_below, u_any, u_kind, u_day)
    assert found.shape == (n, kinds + 1)
    for i in range(n):
        want = twin.adverse_event_days(
            int(last[i]),
            any_below[arm[i]],
            kind_below[arm[i]].tolist(),
            u_any[i],
            u_kind[i].tolist(),
            u_day[i].tolist(),
        )
        assert found[i].tolist() == want
        assert (found[i] <= last[i]).all()


def test_missed_doses_at_the_very_end_of_their_distribution() -> None:
    """700 doses of which 5% are missed: at u = 1 - 1e-15 about 89 are, not all of them."""
    drug = twin.Drug(loading=0.0, loading_day=0, maintenance=1.0, every=1, from_day=1)
    _, found, _, _ = doses_given(
        np.array([701]), np.array([0]), np.array([70.0]), np.array([row(drug, 0)], dtype=float), 0.05,
        np.array([[1 - 1e-15]]),
    )  # fmt: skip
    assert abs((701 - found[0, 0]) - binom.ppf(1 - 1e-15, 700, 0.05)) <= 5
