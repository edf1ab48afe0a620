"""Group sequential bounds against the second program, over random looks, errors and families."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.oracles import twins_design as twin
from tests.properties.examples import plenty

from equipoise.design import (
    FutilityBounds,
    Harm,
    HwangShihDeCani,
    KimDeMets,
    LanDeMets,
    PampallonaTsiatis,
    UserSpending,
    WangTsiatis,
    group_sequential,
)
from equipoise.errors import DesignError

ON_Z = 1e-7  # what the issue asks for; the twin's Simpson grids are good to about 1e-9


@st.composite
def looks(draw: st.DrawFn) -> list[float]:
    k = draw(st.integers(1, 5))
    steps = draw(st.lists(st.floats(0.25, 1), min_size=k, max_size=k))
    return [*(np.cumsum(steps) / sum(steps))[:-1].tolist(), 1.0]


@st.composite
def spending(draw: st.DrawFn, k: int) -> tuple[object, object]:
    """A spending function and the twin's, (fractions, error) -> cumulative."""
    kind = draw(st.sampled_from(["obrien-fleming", "pocock", "kim", "hwang", "user"]))
    if kind == "kim":
        rho = draw(st.floats(0.5, 4))
        return KimDeMets(rho), lambda t, a: [a * x**rho for x in t]
    if kind == "hwang":
        g = draw(st.floats(-5, 3).filter(lambda x: abs(x) > 0.01))
        return HwangShihDeCani(g), lambda t, a: [a * (1 - math.exp(-g * x)) / (1 - math.exp(-g)) for x in t]
    if kind == "user":
        shares = [*sorted(draw(st.lists(st.floats(0.05, 0.95), min_size=k - 1, max_size=k - 1, unique=True))), 1.0]
        return UserSpending(tuple(shares)), lambda t, a: [a * s for s in shares]
    return LanDeMets(kind), lambda t, a: twin.lan_demets(kind, t, a)  # type: ignore[arg-type]


@given(st.data())
@plenty(60)
def test_spent(data: st.DataObject) -> None:
    t = data.draw(looks())
    ours, plain = data.draw(spending(len(t)))
    sided = data.draw(st.sampled_from([1, 2]))
    alpha = data.draw(st.floats(0.001, 0.2))
    test = group_sequential(alpha=alpha, sided=sided, information_fractions=t, efficacy=ours)  # type: ignore[arg-type]
    spent = plain(t, alpha / sided)  # type: ignore[operator]
    upper = twin.spent_upper(t, spent, sided == 2)
    tiny = np.diff(spent, prepend=0.0) < 1e-12  # the twin does not know tails beyond
    np.testing.assert_allclose(test.efficacy_bounds[~tiny], np.array(upper)[~tiny], atol=ON_Z)
    np.testing.assert_allclose(test.alpha_spent, sided * np.array(spent), rtol=1e-9, atol=1e-12)


@given(st.data())
@plenty(40)
def test_families(data: st.DataObject) -> None:
    """The bounds have their shape, and the twin finds alpha under them and their power."""
    t = data.draw(looks())
    sided = data.draw(st.sampled_from([1, 2]))
    alpha, power = data.draw(st.floats(0.005, 0.2)), data.draw(st.floats(0.6, 0.97))
    delta = data.draw(st.floats(-0.2, 0.6))
    test = group_sequential(
        alpha=alpha, sided=sided, information_fractions=t, efficacy=WangTsiatis(delta), power=power  # type: ignore[arg-type]
    )  # fmt: skip
    upper = test.efficacy_bounds
    np.testing.assert_allclose(upper / np.array(t) ** (delta - 0.5), upper[-1], rtol=1e-12)
    lower = -upper if sided == 2 else np.full(len(t), -np.inf)
    none = twin.stops(t, upper.tolist(), lower.tolist(), [0.0] * len(t), 0.0)
    assert sided * none[0].sum() == pytest.approx(alpha, abs=1e-8)
    assert test.drift is not None
    some = twin.stops(t, upper.tolist(), lower.tolist(), [0.0] * len(t), test.drift)
    assert some[0].sum() == pytest.approx(power, abs=1e-8)
    np.testing.assert_allclose(test.crossing(test.drift).upper, some[0], atol=1e-8)
    np.testing.assert_allclose(test.crossing(test.drift).lower, some[1], atol=1e-8)


@given(st.data())
@plenty(40)
def test_futility(data: st.DataObject) -> None:
    """Lower bounds spend beta at the drift that has power; alpha is kept with them (binding) or without."""
    t = data.draw(looks())
    up, plain_up = data.draw(spending(len(t)))
    down, plain_down = data.draw(spending(len(t)))
    alpha, power = data.draw(st.floats(0.005, 0.1)), data.draw(st.floats(0.6, 0.97))
    binding = data.draw(st.booleans())
    test = group_sequential(
        alpha=alpha, sided=1, information_fractions=t, efficacy=up, futility=down, power=power, binding=binding  # type: ignore[arg-type]
    )  # fmt: skip
    assert test.drift is not None
    assert test.futility_bounds is not None
    upper, lower = test.efficacy_bounds.tolist(), test.futility_bounds.tolist()
    none, some = (twin.stops(t, upper, lower, [0.0] * len(t), x) for x in (0.0, test.drift))
    free = twin.stops(t, upper, [-math.inf] * len(t), [0.0] * len(t), 0.0)
    spent = (none if binding else free)[0].cumsum()
    np.testing.assert_allclose(spent, plain_up(t, alpha), atol=1e-8)  # type: ignore[operator]
    assert some[0].sum() == pytest.approx(power, abs=1e-8)
    met = np.array(lower) < np.array(upper) - 1e-9
    np.testing.assert_allclose(some[1].cumsum()[met], np.array(plain_down(t, 1 - power))[met], atol=1e-8)  # type: ignore[operator]


@given(st.data())
@plenty(20)
def test_pampallona_tsiatis(data: st.DataObject) -> None:
    t = data.draw(looks())
    sided, binding = data.draw(st.sampled_from([1, 2])), data.draw(st.booleans())
    alpha, power = data.draw(st.floats(0.01, 0.1)), data.draw(st.floats(0.7, 0.95))
    family = PampallonaTsiatis(data.draw(st.floats(-0.1, 0.5)), data.draw(st.floats(-0.1, 0.5)))
    try:
        test = group_sequential(
            alpha=alpha, sided=sided, information_fractions=t, efficacy=family, power=power, binding=binding  # type: ignore[arg-type]
        )  # fmt: skip
    except DesignError:  # extreme shapes may have no solution
        return
    assert test.drift is not None
    assert test.futility_bounds is not None
    upper, inside = test.efficacy_bounds, test.futility_bounds
    lower, inner = (inside, np.zeros(len(t))) if sided == 1 else (-upper, inside)
    asked = [upper.tolist(), lower.tolist(), inner.tolist()]
    none, some = twin.stops(t, *asked, 0.0), twin.stops(t, *asked, test.drift)
    if not binding:
        low = [-math.inf] * len(t) if sided == 1 else (-upper).tolist()
        none = twin.stops(t, upper.tolist(), low, [0.0] * len(t), 0.0)
    assert sided * none[0].sum() == pytest.approx(alpha, abs=1e-8)
    assert some[0].sum() == pytest.approx(power, abs=1e-8)


@given(st.data())
@plenty(40)
def test_futility_that_is_given(data: st.DataObject) -> None:
    """The twin finds alpha and power, and the conditional power at the bounds; harm keeps its error alone."""
    t = data.draw(looks().filter(lambda x: len(x) > 1))
    efficacy, _ = data.draw(st.one_of(spending(len(t)), st.floats(-0.1, 0.5).map(lambda d: (WangTsiatis(d), None))))
    kind = data.draw(st.sampled_from(["z", "p", "conditional_power", "hazard_ratio"]))
    ranges = {"z": (-1, 0.4), "p": (0.35, 0.9), "conditional_power": (0.01, 0.3), "hazard_ratio": (0.95, 1.3)}
    value = st.one_of(st.none(), st.floats(*ranges[kind]))
    values = data.draw(st.lists(value, min_size=len(t) - 1, max_size=len(t) - 1).filter(lambda v: v != [None] * len(v)))
    under = data.draw(st.sampled_from(["trend", "design"])) if kind == "conditional_power" else "trend"
    more: dict[str, Any] = {"information": 40.0} if kind == "hazard_ratio" else {}
    power, binding = data.draw(st.floats(0.6, 0.97)), data.draw(st.booleans())
    test = group_sequential(
        alpha=data.draw(st.floats(0.005, 0.1)), sided=1, information_fractions=t, efficacy=efficacy,  # type: ignore[arg-type]
        futility=FutilityBounds(**{kind: values}, under=under, **more), power=power, binding=binding,  # type: ignore[arg-type]
    )  # fmt: skip
    assert test.drift is not None
    assert test.futility_bounds is not None
    upper, lower = test.efficacy_bounds.tolist(), test.futility_bounds.tolist()
    none, some = (twin.stops(t, upper, lower, [0.0] * len(t), x) for x in (0.0, test.drift))
    free = twin.stops(t, upper, [-math.inf] * len(t), [0.0] * len(t), 0.0)
    assert (none if binding else free)[0].sum() == pytest.approx(test.alpha, abs=1e-8)
    assert some[0].sum() == pytest.approx(power, abs=1e-8)
    for look, (value_, z) in enumerate(zip(values, lower, strict=False)):
        assert twin.futility_value(kind, z, t[look], upper[-1], test.drift if under == "design" else None, 40.0) == (
            pytest.approx(value_, rel=1e-7) if value_ is not None else None
        )


@given(st.data())
@plenty(20)
def test_harm(data: st.DataObject) -> None:
    t = data.draw(looks())
    ours, plain = data.draw(spending(len(t)))
    error = data.draw(st.floats(0.01, 0.2))
    try:
        test = group_sequential(
            alpha=0.025, sided=1, information_fractions=t, efficacy=LanDeMets("pocock"), harm=Harm(ours, error)  # type: ignore[arg-type]
        )  # fmt: skip
    except DesignError:  # an error that is spent early may meet efficacy
        return
    assert test.harm_bounds is not None
    spent = plain(t, error)  # type: ignore[operator]
    tiny = np.diff(spent, prepend=0.0) < 1e-12
    np.testing.assert_allclose(-test.harm_bounds[~tiny], np.array(twin.spent_upper(t, spent, False))[~tiny], atol=ON_Z)
    below = twin.stops(t, test.efficacy_bounds.tolist(), test.harm_bounds.tolist(), [0.0] * len(t), -1.0)[1]
    np.testing.assert_allclose(test.harm_crossing(-1.0), below, atol=1e-8)


@given(st.data())
@plenty(40)
def test_observed(data: st.DataObject) -> None:
    """At looks that were not planned the twin spends what the function says, at the last the rest; the same effect."""
    t = data.draw(looks())
    up, plain_up = data.draw(spending(5).filter(lambda s: not isinstance(s[0], UserSpending)))
    down, plain_down = data.draw(spending(5).filter(lambda s: not isinstance(s[0], UserSpending)))
    futile, binding = data.draw(st.booleans()), data.draw(st.booleans())
    power, planned = data.draw(st.floats(0.6, 0.97)), data.draw(st.floats(50, 1000))
    plan = group_sequential(
        alpha=0.025, sided=1, information_fractions=t, efficacy=up, futility=down if futile else None, power=power,  # type: ignore[arg-type]
        binding=binding and futile,
    )  # fmt: skip
    steps = data.draw(st.lists(st.floats(0.1, 0.4), min_size=1, max_size=4))
    over = next((i for i, x in enumerate(np.cumsum(steps)) if x >= 1), len(steps) - 1)
    seen, final = (planned * np.cumsum(steps)[: over + 1]).tolist(), data.draw(st.booleans())
    try:
        test = plan.observed(seen, planned=planned, final=final)
    except DesignError:  # futility that is binding may leave less than what is to be spent
        if binding:
            return
        raise
    everything = seen if final else seen + [planned * x for x in t if planned * x > seen[-1] * (1 + 1e-9)]
    fractions = [x / everything[-1] for x in everything]
    np.testing.assert_allclose(test.information_fractions, fractions, rtol=1e-12)
    shares = [*(x / planned for x in everything[:-1]), 1.0]
    assert plan.drift is not None
    assert test.drift == pytest.approx(plan.drift * math.sqrt(everything[-1] / planned))
    k = len(fractions)
    upper = test.efficacy_bounds.tolist()
    lower = [-math.inf] * k if test.futility_bounds is None else test.futility_bounds.tolist()
    none, some = (twin.stops(fractions, upper, lower, [0.0] * k, x) for x in (0.0, test.drift))
    free = twin.stops(fractions, upper, [-math.inf] * k, [0.0] * k, 0.0)
    spent = (none if test.binding else free)[0].cumsum()
    np.testing.assert_allclose(spent, plain_up(shares, 0.025), atol=1e-8)  # type: ignore[operator]
    assert some[0].sum() == pytest.approx(test.power, abs=1e-8)
    if futile:
        met = (np.array(lower) < np.array(upper) - 1e-9)[:-1]
        want = np.array(plain_down(shares, 1 - power))[:-1]  # type: ignore[operator]
        np.testing.assert_allclose(some[1].cumsum()[:-1][met], want[met], atol=1e-8)
    earlier = plan.observed(seen[:1], planned=planned)  # what comes later does not change a bound
    if seen[0] < planned and len(seen) > 1:
        assert earlier.efficacy_bounds[0] == pytest.approx(upper[0], abs=1e-9)
