"""What bounds for futility and harm refuse, and say of themselves."""

from __future__ import annotations

import math
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from equipoise.design import (
    FutilityBounds,
    GroupSequential,
    Harm,
    LanDeMets,
    PampallonaTsiatis,
    events_information,
    group_sequential,
)
from equipoise.errors import DesignError

OF, P = LanDeMets("obrien-fleming"), LanDeMets("pocock")


def asked(**changed: Any) -> GroupSequential:
    usual: dict[str, Any] = {"alpha": 0.025, "sided": 1, "information_fractions": [0.3, 0.6, 1], "efficacy": OF}
    return group_sequential(**usual | changed)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: FutilityBounds(), "nothing is given (futility bounds). Give exactly one of z, p, conditional_power"),
        (lambda: FutilityBounds(z=[0], p=[0.5]), "z and p is given"),
        (lambda: FutilityBounds(z=[]), "z = [] (futility bounds). Give z from -37 to 37, one an interim look"),
        (lambda: FutilityBounds(z=0.5), "z = 0.5"),
        (lambda: FutilityBounds(z="ab"), "z = 'ab'"),
        (lambda: FutilityBounds(z=[math.nan]), "z = [nan]"),
        (lambda: FutilityBounds(z=["0"]), "z = ['0']"),
        (lambda: FutilityBounds(z=[None, None]), "z is None at every look (futility bounds). Leave futility out."),
        (lambda: FutilityBounds(p=[1.5]), "p = [1.5] (futility bounds). Give P values between 0 and 1"),
        (lambda: FutilityBounds(conditional_power=[10]), "Give probabilities between 0 and 1"),
        (lambda: FutilityBounds(hazard_ratio=[0]), "Give hazard ratios above 0"),
        (lambda: FutilityBounds(conditional_power=[0.1], under="none"), "under = 'none'"),
        (lambda: FutilityBounds(conditional_power=[0.1], under=np.ones(2)), "under = array([1., 1.])"),
        (lambda: FutilityBounds(z=[0], under="design"), "bounds by z are under no effect"),
        (
            lambda: FutilityBounds(z=[0], information=10),
            "information = 10 (futility bounds). It goes with",
        ),
        (lambda: FutilityBounds(hazard_ratio=[1], information=-1), "information = -1"),
        (lambda: FutilityBounds(hazard_ratio=[1], information="x"), "information = 'x'"),
        (lambda: Harm("pocock", 0.1), "'pocock' is no spending function (bounds for harm)"),
        (lambda: Harm(P, 0.5), "error = 0.5 is not between 0 and 0.5 (bounds for harm). Such as 0.1."),
        (lambda: Harm(P, "a"), "error = 'a'"),
    ],
)
def test_records_refuse(make: Any, sentence: str) -> None:
    with pytest.raises(DesignError) as refused:
        make()
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"futility": FutilityBounds(z=[4, 1])}, "the futility bound of 4.000 at look 1 lies at or above the efficacy "
         "bound of 3.929 (futility). Take one that is below, or None for no bound at that look."),
        ({"futility": FutilityBounds(z=[0, 3]), "binding": True}, "futility bound of 3.000 at look 2 lies at or above"),
        ({"futility": FutilityBounds(z=[0])}, "1 futility bounds are given for 2 interim looks"),
        ({"futility": FutilityBounds(hazard_ratio=[1, 1])}, "depend on the information at the last look (futility)"),
        ({"futility": FutilityBounds(conditional_power=[0.1, 0.1], under="design")}, "depend on the power"),
        ({"futility": FutilityBounds(z=[0, 0]), "sided": 2}, "futility bounds are for one-sided tests"),
        ({"futility": FutilityBounds(z=[0, 0]), "power": 0.9, "efficacy": PampallonaTsiatis()}, "their own futility"),
        ({"futility": [0, 0]}, "[0, 0] is no spending function, nor FutilityBounds (futility)"),
        ({"harm": Harm(P, 0.1), "sided": 2}, "bounds for harm are for one-sided tests"),
        ({"harm": 0.1}, "0.1 is no Harm (harm)"),
        ({"harm": Harm(P, 0.4), "futility": FutilityBounds(z=[-1, 0])}, "the bound for harm of -0.969 at look 1 does "
         "not lie below that for futility of -1.000 (harm). Take less error for harm, spend it later"),
    ],
)  # fmt: skip
def test_refused(changed: dict[str, Any], sentence: str) -> None:
    with pytest.raises(DesignError) as refused:
        asked(**changed)
    assert sentence in str(refused.value)


def test_the_four_terms_say_the_same() -> None:
    """A bound on z of 0 is a P of one half and a hazard ratio of 1."""
    on_z = asked(futility=FutilityBounds(z=[0, None]), power=0.9)
    for same in (FutilityBounds(p=[0.5, None]), FutilityBounds(hazard_ratio=[1, None], information=7.0)):
        test = asked(futility=same, power=0.9)
        assert test.futility_bounds is not None
        assert test.futility_bounds.tolist() == [0.0, -math.inf, test.efficacy_bounds[2]]
        assert test.drift == pytest.approx(on_z.drift)
    ratio = FutilityBounds(hazard_ratio=[1.1, 0.9])
    known = replace(ratio, information=events_information(200))
    want = [-math.log(1.1) * math.sqrt(50 * 0.3), -math.log(0.9) * math.sqrt(50 * 0.6)]
    assert asked(futility=known).futility_bounds[:2].tolist() == pytest.approx(want)  # type: ignore[index]


def test_efficacy_does_not_count_on_what_does_not_bind() -> None:
    alone, free = asked(), asked(futility=FutilityBounds(z=[0, 1]), harm=Harm(P, 0.1))
    np.testing.assert_array_equal(free.efficacy_bounds, alone.efficacy_bounds)
    bound = asked(futility=FutilityBounds(z=[0, 1]), binding=True)
    assert bound.efficacy_bounds[2] < alone.efficacy_bounds[2]
    assert bound.crossing(0.0).upper.sum() == pytest.approx(0.025, rel=1e-9)
    assert bound.alpha_spent[-1] == pytest.approx(0.025, rel=1e-9)


def test_harm_keeps_its_error() -> None:
    test = asked(harm=Harm(P, 0.1), futility=FutilityBounds(z=[0, None]))
    assert test.harm_bounds is not None
    mirror = asked(alpha=0.1, efficacy=P)
    np.testing.assert_allclose(test.harm_bounds, -mirror.efficacy_bounds)
    free = asked(harm=Harm(P, 0.1))
    # nobody who reached efficacy is told of harm
    assert 0.0995 < free.harm_crossing(0.0).sum() < 0.1
    assert test.harm_crossing(0.0).sum() < free.harm_crossing(0.0).sum()
    assert free.harm_crossing(-3.0).sum() > 0.9
    assert asked().harm_bounds is None
    with pytest.raises(DesignError, match="the test has no bounds for harm"):
        asked().harm_crossing(0.0)


def test_says_what_it_is() -> None:
    test = asked(futility=FutilityBounds(conditional_power=[0.1, None]), harm=Harm(P, 0.1), binding=True)
    assert test.method == (
        "group sequential test with Lan-DeMets spending of O'Brien-Fleming type, binding futility by conditional power "
        "under the trend (0.1, none), harm by Lan-DeMets spending of Pocock type, one-sided error 0.1"
    )
    again: GroupSequential = pickle.loads(pickle.dumps(test))
    assert again.futility == test.futility
