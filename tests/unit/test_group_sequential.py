"""What a group sequential test refuses, and says of itself."""

from __future__ import annotations

import dataclasses
import math
import pickle
from typing import Any

import numpy as np
import pytest

from equipoise.design import (
    GroupSequential,
    HaybittlePeto,
    HwangShihDeCani,
    KimDeMets,
    LanDeMets,
    PampallonaTsiatis,
    UserSpending,
    WangTsiatis,
    group_sequential,
    obrien_fleming,
)
from equipoise.errors import DesignError

OF = LanDeMets("obrien-fleming")
USUAL: dict[str, Any] = {"alpha": 0.025, "sided": 1, "information_fractions": [0.5, 1], "efficacy": OF}


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"alpha": 0.6}, "alpha = 0.6 is not between 0 and 0.5 (alpha). Such as 0.025."),
        ({"alpha": 0}, "alpha = 0 is not between 0 and 0.5 (alpha). Such as 0.025."),
        ({"alpha": math.nan}, "alpha = nan is not between 0 and 0.5"),
        ({"alpha": "0.025"}, "alpha = '0.025' is no number"),
        ({"sided": 3}, "sided = 3 is neither 1 nor 2 (sided). Say which; there is no default."),
        ({"sided": True}, "sided = True is neither 1 nor 2"),
        ({"alpha": 1e-13}, "alpha = 1e-13 is below 1e-12 (alpha). Take 1e-12, or more."),
        ({"sided": [1]}, "sided = [1] is neither 1 nor 2"),
        ({"binding": "yes"}, "binding = 'yes' is neither True nor False"),
        ({"information_fractions": "1"}, "information_fractions = 1 are no numbers"),
        ({"information_fractions": ["0.5", 1]}, "are no numbers"),
        ({"information_fractions": 1.0}, "information_fractions = 1.0 are no numbers"),
        ({"information_fractions": None}, "are no numbers"),
        (
            {"information_fractions": [0.5, 0.500001, 1]},
            "look 2 at 0.500001 is less than 0.0001 of the information from look 1 (information_fractions). Leave it "
            "out, or take it at 0.5001 or later.",
        ),
        ({"information_fractions": [1e-9, 1]}, "less than 0.0001 of the information from the start"),
        ({"power": 0.02}, "power = 0.02 is not above the 0.025 that a test without any effect has"),
        ({"power": 1}, "and below 1"),
        ({"power": math.nan}, "power = nan"),
        ({"information_fractions": []}, "information_fractions = [] are no numbers"),
        ({"information_fractions": ["a"]}, "information_fractions = ['a'] are no numbers"),
        ({"information_fractions": [0.5, math.nan, 1]}, "are no numbers"),
        (
            {"information_fractions": [0.5, 0.4, 1]},
            "look 2 at 0.4 does not lie above 0.5 (information_fractions). Let them rise: 0.4, 0.5, 1.",
        ),
        ({"information_fractions": [0, 1]}, "look 1 at 0 does not lie above 0"),
        (
            {"information_fractions": [50, 100]},
            "the last look is at 100 of the information, not at 1 (information_fractions). "
            "Give shares of the final information: 0.5, 1.",
        ),
        ({"spending_fractions": [0.3, 0.6, 1]}, "3 spending fractions are given for 2 looks"),
        ({"efficacy": "asOF"}, "'asOF' is no family of efficacy bounds"),
        ({"efficacy": LanDeMets}, "is no family of efficacy bounds"),
        ({"efficacy": UserSpending((0.1, 0.2, 1))}, "3 shares of the error are given for 2 looks"),
        ({"efficacy": PampallonaTsiatis()}, "depend on the power that the test shall have (power). Give it"),
        ({"futility": OF}, "depend on the power that the test shall have (power). Give it"),
        ({"futility": obrien_fleming(), "power": 0.9}, "is no spending function"),
        ({"futility": OF, "power": 0.9, "efficacy": PampallonaTsiatis()}, "bring their own futility"),
        ({"futility": OF, "power": 0.9, "sided": 2}, "futility by spending is for one-sided tests"),
        ({"futility": OF, "power": 0.9, "binding": True, "efficacy": HaybittlePeto()}, "goes with an efficacy that is"),
        ({"efficacy": HaybittlePeto(1.9)}, "use up more than alpha (Haybittle-Peto bounds). Take a z above 1.96"),
        ({"binding": True}, "there is no futility that could be binding"),
    ],
)
def test_refused(changed: dict[str, Any], sentence: str) -> None:
    with pytest.raises(DesignError) as refused:
        group_sequential(**USUAL | changed)
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: LanDeMets("asOF"), "'asOF' is no kind of Lan-DeMets spending"),  # type: ignore[arg-type]
        (lambda: LanDeMets(["pocock"]), "is no kind"),  # type: ignore[arg-type]
        (lambda: LanDeMets("pocock").spent([-1, 0.5], 0.025), "fractions = [-1, 0.5] are not numbers from 0"),
        (lambda: KimDeMets(2).spent(["a"], 0.025), "are not numbers from 0"),
        (lambda: KimDeMets(2).spent(0.5, 0.025), "are not numbers from 0"),
        (lambda: HwangShihDeCani(2).spent([0.5], 1.0), "error = 1.0 is not between 0 and 1"),
        (lambda: UserSpending((1,)).spent([1], "0.1"), "error = '0.1' is not between 0 and 1"),  # type: ignore[arg-type]
        (lambda: KimDeMets("2"), "rho = 2 is not above zero"),  # type: ignore[arg-type]
        (lambda: HwangShihDeCani(None), "gamma = None"),  # type: ignore[arg-type]
        (lambda: UserSpending("1"), "do not rise"),  # type: ignore[arg-type]
        (lambda: UserSpending(("a", 1)), "do not rise"),  # type: ignore[arg-type]
        (lambda: WangTsiatis("0"), "delta = 0 is not between"),  # type: ignore[arg-type]
        (lambda: HaybittlePeto(None), "z = None is not above zero"),  # type: ignore[arg-type]
        (lambda: HaybittlePeto(40), "z = 40 is above 37"),
        (lambda: PampallonaTsiatis("0"), "delta = 0 is not between"),  # type: ignore[arg-type]
        (lambda: KimDeMets(0), "rho = 0 is not above zero"),
        (lambda: KimDeMets(math.nan), "rho = nan is not above zero"),
        (lambda: HwangShihDeCani(99), "gamma = 99 is not between -40 and 40"),
        (lambda: UserSpending((0.5, 0.4, 1)), "do not rise from 0 or more to 1"),
        (lambda: UserSpending((0.005, 0.025)), "Give cumulative shares"),
        (lambda: UserSpending(()), "do not rise"),
        (lambda: WangTsiatis(2), "delta = 2 is not between -1 and 1"),
        (lambda: HaybittlePeto(-1), "z = -1 is not above zero"),
        (lambda: PampallonaTsiatis(0, 3), "delta = 3 is not between -1 and 1"),
    ],
)
def test_families_refuse(make: Any, sentence: str) -> None:
    with pytest.raises(DesignError) as refused:
        make()
    assert sentence in str(refused.value)


def test_a_look_that_spends_nothing_has_no_bound() -> None:
    test = group_sequential(**USUAL | {"efficacy": UserSpending((0, 1))})
    assert test.efficacy_bounds[0] == math.inf
    assert test.efficacy_bounds[1] == pytest.approx(1.959963985)
    assert "0.5 (no bound)" in str(test)


def test_the_earliest_look_of_obrien_fleming() -> None:
    """2e-41 is spent there: a bound, not an infinity, and digits are kept."""
    test = group_sequential(**USUAL | {"information_fractions": [0.03, 1]})
    assert test.efficacy_bounds[0] == pytest.approx(13.0, abs=0.5)
    assert test.crossing(0.0).upper[0] == pytest.approx(OF.spent([0.03], 0.025)[0], rel=1e-9)


def test_calendar_spending() -> None:
    """Errors spent at other shares than those of the information."""
    late = group_sequential(**USUAL | {"spending_fractions": [0.7, 1]})
    assert late.alpha_spent[0] == pytest.approx(OF.spent([0.7], 0.025)[0], rel=1e-9)
    assert late.efficacy_bounds[0] < group_sequential(**USUAL).efficacy_bounds[0]


def test_futility_that_is_not_binding_keeps_alpha() -> None:
    free = group_sequential(**USUAL | {"futility": HwangShihDeCani(-2), "power": 0.8})
    bound = group_sequential(**USUAL | {"futility": HwangShihDeCani(-2), "power": 0.8, "binding": True})
    assert free.efficacy_bounds[1] > bound.efficacy_bounds[1]
    assert free.alpha_spent[-1] == pytest.approx(0.025)
    assert free.crossing(0.0).upper.sum() < 0.025
    assert bound.crossing(0.0).upper.sum() == pytest.approx(0.025)
    assert free.inflation > bound.inflation > 1  # type: ignore[operator]


def test_stopping_is_certain() -> None:
    test = group_sequential(**USUAL | {"futility": OF, "power": 0.8})
    for drift in (-2.0, 0.0, 3.0):
        assert test.crossing(drift).stopping.sum() == pytest.approx(1)
        assert 0.5 < test.expected_information(drift) < 1


def test_says_what_it_is() -> None:
    test = group_sequential(**USUAL | {"futility": KimDeMets(3), "power": 0.9})
    assert str(test) == (
        "group sequential test with Lan-DeMets spending of O'Brien-Fleming type, non-binding futility by Kim-DeMets "
        "spending (rho 3), one-sided alpha 0.025: efficacy z 2.963 at information fraction 0.5, 1.969 at 1"
    )


def test_frozen() -> None:
    test = group_sequential(**USUAL)
    with pytest.raises(dataclasses.FrozenInstanceError):
        test.alpha = 0.05  # type: ignore[misc]
    with pytest.raises(ValueError, match="read-only"):
        test.efficacy_bounds[0] = 0
    again: GroupSequential = pickle.loads(pickle.dumps(test))
    np.testing.assert_array_equal(again.efficacy_bounds, test.efficacy_bounds)
