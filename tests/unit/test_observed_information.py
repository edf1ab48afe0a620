"""A planned test at the information observed: what it keeps, and what it refuses."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest

from equipoise.design import (
    FutilityBounds,
    GroupSequential,
    Harm,
    HaybittlePeto,
    HwangShihDeCani,
    KimDeMets,
    LanDeMets,
    PampallonaTsiatis,
    UserSpending,
    WangTsiatis,
    calendar_fractions,
    conditional_power,
    events_information,
    group_sequential,
    lesser_fractions,
    pocock,
    repeated,
    stagewise,
)
from equipoise.errors import DesignError

OF, P = LanDeMets("obrien-fleming"), LanDeMets("pocock")
LOOKS = [0.5, 0.75, 1]


def asked(efficacy: Any = OF, **changed: Any) -> GroupSequential:
    usual: dict[str, Any] = {"alpha": 0.025, "sided": 1, "information_fractions": LOOKS, "efficacy": efficacy}
    return group_sequential(**usual | changed)


CALENDAR = {"spending_fractions": [0.4, 0.8, 1]}
CP = FutilityBounds(conditional_power=[0.1, 0.1])


@pytest.mark.parametrize(
    ("changed", "information", "more", "sentence"),
    [
        ({}, [], {}, "information = [] are no numbers (information)"),
        ({}, 100, {}, "information = 100 are no numbers"),
        ({}, ["a"], {}, "are no numbers"),
        ({}, [100, 90], {}, "look 2 at 90 does not lie above 100 (information). Let them rise: 90, 100."),
        ({}, [-5], {}, "look 1 at -5 does not lie above 0"),
        ({}, [100, 100.001], {}, "look 2 at 0.500005 is less than 0.0001 of the information from look 1 (information)"),
        ({}, [100], {"planned": 0}, "planned = 0 is not above zero (planned). Give the planned final information"),
        ({}, [100], {"planned": 1e-308}, "planned = 1e-308 is not above zero"),
        ({}, [1e308], {}, "information = [1e+308] are no numbers"),
        ({}, [100], {"planned": "200"}, "planned = '200' is no number"),
        ({}, [100], {"final": "no"}, "final = 'no' is neither True nor False"),
        ({}, [100, 200, 220], {}, "look 2 had 200 of the information, all of the 200 that are planned (information). "
         "It was the last: give the first 2 only, or the planned information."),
        ({}, [100], {"spending_fractions": [0.4, 0.5]}, "given for 1 looks that are done and 2 to come"),
        ({}, [100], {"spending_fractions": "a"}, "spending_fractions = 'a' are no numbers"),
        ({}, [100], {"spending_fractions": [0.8]}, "look 2 at 0.75 does not lie above 0.8 (spending_fractions)"),
        ({}, [100], {"spending_fractions": [1.2]}, "does not lie above 1.2 (spending_fractions)"),
        (CALENDAR, [100], {}, "the test spends its errors at other fractions than those of the information"),
        ({"efficacy": PampallonaTsiatis(), "power": 0.9}, [100], {}, "Pampallona-Tsiatis bounds hold for the looks"),
        ({"efficacy": UserSpending((0.2, 0.5, 1))}, [100, 120], {}, "3 shares of the error are given for 4 looks"),
        ({"efficacy": HaybittlePeto(2.2)}, [40, 80, 100, 120], {}, "use up more than alpha (Haybittle-Peto bounds"),
        ({"efficacy": pocock()}, [20, 40, 60, 80, 100, 120, 140], {}, "use up more than alpha (Pocock bounds at the"),
        ({"futility": CP}, [100, 120], {}, "there are 3 interim looks, and futility bounds for 2 (futility)"),
        ({"futility": CP}, [100], {"futility": OF}, "It takes the place of FutilityBounds that are planned"),
        ({}, [100], {"futility": CP}, "It takes the place of FutilityBounds that are planned"),
        ({"futility": FutilityBounds(z=[0.5, 1.5])}, [100, 120, 140], {"futility": FutilityBounds(z=[1, 4, 1, 1])},
         "the futility bound of 4.000 at look 2 lies at or above"),
    ],
)  # fmt: skip
def test_refused(changed: dict[str, Any], information: Any, more: dict[str, Any], sentence: str) -> None:
    with pytest.raises(DesignError) as refused:
        asked(**changed).observed(information, **{"planned": 200} | more)
    assert sentence in str(refused.value)


def test_only_a_plan_is_observed() -> None:
    with pytest.raises(DesignError, match="Take the test as it was planned, with the information at all looks so far"):
        asked().observed([100], planned=200).observed([100, 150], planned=200)


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"sided": 2, "alpha": 0.05},
        {"efficacy": WangTsiatis(0.3)},
        {"efficacy": pocock(), "sided": 2, "alpha": 0.05},
        {"efficacy": HaybittlePeto()},
        {"efficacy": UserSpending((0.1, 0.5, 1))},
        {"futility": KimDeMets(2)},
        {"futility": KimDeMets(2), "binding": True},
        {"futility": CP, "binding": True, "efficacy": pocock()},
        {"futility": CP, "harm": Harm(P, 0.05)},
        {"futility": FutilityBounds(hazard_ratio=[1, 0.9], information=50.0)},
        {"futility": FutilityBounds(conditional_power=[0.1, 0.2], under="design"), "binding": True},
    ],
)
def test_a_trial_that_goes_as_planned_keeps_its_bounds(changed: dict[str, Any]) -> None:
    plan = asked(**{"power": 0.9} | changed)
    for seen, final in (([100], False), ([100, 150], False), ([100, 150, 200], False), ([100, 150, 200], True)):
        test = plan.observed(seen, planned=200, final=final)
        np.testing.assert_allclose(test.bounds.upper, plan.bounds.upper, atol=1e-10)
        np.testing.assert_allclose(test.bounds.lower, plan.bounds.lower, atol=1e-9)
        np.testing.assert_allclose(test.alpha_spent, plan.alpha_spent, atol=1e-12)
        if plan.harm_bounds is not None:
            np.testing.assert_allclose(test.harm_bounds, plan.harm_bounds, atol=1e-12)  # type: ignore[arg-type]
        assert test.power == pytest.approx(0.9, abs=1e-10)
        assert test.drift == pytest.approx(plan.drift)
        assert test.seen is not None
        assert test.seen.looks == len(seen)
        assert test.method.endswith(", at the information observed")


def test_one_look_that_was_the_last() -> None:
    """All of alpha is left; futility that is given at interim looks has none to be given at."""
    for efficacy in (OF, pocock(), HaybittlePeto()):
        test = asked(efficacy, futility=CP).observed([120], planned=200, final=True)
        assert test.efficacy_bounds.tolist() == pytest.approx([1.959963984540054], abs=1e-10)
        assert test.futility_bounds is None


def test_less_information_has_less_power() -> None:
    plan = asked(power=0.9, futility=HwangShihDeCani(-2))
    powers = [plan.observed([100, last], planned=200, final=True).power for last in (120, 160, 200, 260)]
    assert powers == sorted(powers)  # type: ignore[type-var]
    assert powers[0] < 0.8 < 0.9 < powers[-1]  # type: ignore[operator]
    tiny = plan.observed([0.1], planned=200, final=True)
    assert tiny.power is not None
    assert tiny.power < 0.05


def test_too_late_for_the_planned_look() -> None:
    """A planned look that lies at or before the last one seen does not come again."""
    plan = asked()
    assert plan.observed([100], planned=200).information_fractions.tolist() == [0.5, 0.75, 1]
    assert plan.observed([149.99], planned=200).information_fractions.tolist() == pytest.approx([0.74995, 1])
    assert plan.observed([160], planned=200).information_fractions.tolist() == pytest.approx([0.8, 1])
    assert plan.observed([199.99], planned=200).information_fractions.tolist() == [1]
    assert plan.observed([240], planned=200).efficacy_bounds.tolist() == pytest.approx([1.959963984540054])


def test_calendar_time() -> None:
    plan = asked(spending_fractions=calendar_fractions([12, 24, 36], planned=36).tolist())
    at = calendar_fractions([15, 26], planned=36)
    with pytest.raises(DesignError, match=r"look 3 at 0.666667 does not lie above 0.722222 \(spending_fractions\)"):
        plan.observed([90, 140], planned=200, spending_fractions=at.tolist())  # the next look was planned for month 24
    later = [*at.tolist(), 30 / 36, 1]
    test = plan.observed([90, 140], planned=200, spending_fractions=later)
    np.testing.assert_allclose(test.alpha_spent, OF.spent(later, 0.025), rtol=1e-9)
    lesser = lesser_fractions([0.45, 0.7], at.tolist())
    assert lesser.tolist() == pytest.approx([15 / 36, 0.7])
    done = plan.observed([90, 140], planned=200, final=True, spending_fractions=lesser.tolist())
    np.testing.assert_allclose(done.alpha_spent, OF.spent([15 / 36, 1], 0.025), rtol=1e-9)


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda: calendar_fractions([12, 6], 36), "look 2 at 6 does not lie above 12 (times). Let them rise: 6, 12."),
        (lambda: calendar_fractions("a", 36), "times = 'a' are no numbers"),  # type: ignore[arg-type]
        (lambda: calendar_fractions([12], -1), "planned = -1 is not above zero"),
        (lambda: lesser_fractions([0.5], [0.5, 1]), "1 and 2 fractions are given"),
        (lambda: lesser_fractions([-0.5], [0.5]), "fractions = [-0.5] are not numbers from 0"),
    ],
)
def test_fractions_refuse(ask: Any, sentence: str) -> None:
    with pytest.raises(DesignError) as refused:
        ask()
    assert sentence in str(refused.value)


@pytest.mark.parametrize("efficacy", [OF, WangTsiatis(0.25), pocock()])
def test_inference_at_the_information_observed(efficacy: Any) -> None:
    """P values turn the bounds round: at the bound, stage-wise P is what was spent, repeated P is alpha."""
    plan = asked(efficacy, power=0.9, futility=HwangShihDeCani(-2))
    test = plan.observed([80, 130, 230], planned=200, final=True)
    information = [events_information(d) for d in (80, 130, 230)]
    for look in range(3):
        z = [0.5] * look + [float(test.efficacy_bounds[look])]
        found = stagewise(test, z, information[look])
        assert found.p_one_sided == pytest.approx(test.alpha_spent[look], rel=1e-9)
        assert found.conf_int[1] == pytest.approx(1) or look < 2
        assert repeated(test, z, information[: look + 1]).p_one_sided[look] == pytest.approx(0.025, rel=1e-8)
    each = repeated(test, [0.5, 1, 1.5], information)
    assert (each.sequential_p <= 0.5).all()
    assert conditional_power(test, 1.5, look=1).shape == (2,)
    again: GroupSequential = pickle.loads(pickle.dumps(test))
    assert again.seen is not None
    assert math.isclose(again.seen.share, 1.15)


def test_binding_futility_that_leaves_too_few() -> None:
    """At 0.984 of the information beta is all but spent: fewer go on than the alpha that the last look should spend."""
    plan = asked(information_fractions=[2 / 7, 4 / 7, 6 / 7, 1], futility=OF, power=0.75, binding=True)
    seen = [200 * x for x in (0.328125, 0.625, 0.984375)]
    with pytest.raises(DesignError) as refused:
        plan.observed(seen, planned=200)
    assert "so few trials go on to look 4 that the alpha to be spent there is more than they are" in str(refused.value)
    assert plan.observed(seen, planned=200, final=True).alpha_spent[-1] == pytest.approx(0.025)
