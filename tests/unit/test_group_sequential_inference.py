"""What inference and conditional power refuse of what was seen, and what they say where there is no number."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from equipoise.design import (
    GroupSequential,
    HaybittlePeto,
    HwangShihDeCani,
    LanDeMets,
    PampallonaTsiatis,
    UserSpending,
    WangTsiatis,
    assurance,
    conditional_power,
    events_information,
    group_sequential,
    obrien_fleming,
    pocock,
    predictive_power,
    repeated,
    stagewise,
)
from equipoise.errors import DesignError, EquipoiseError

OF = LanDeMets("obrien-fleming")


def asked(efficacy: Any = OF, **changed: Any) -> GroupSequential:
    usual: dict[str, Any] = {"alpha": 0.025, "sided": 1, "information_fractions": [0.5, 1], "power": 0.9}
    return group_sequential(**usual | {"efficacy": efficacy} | changed)


TEST, TWO = asked(), asked(alpha=0.05, sided=2)
BINDING = asked(futility=HwangShihDeCani(-2), binding=True)
EVENTS = "is not above zero (events). Give a number of events."


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda: stagewise(TEST, [], 10), "z = [] are not one number a look so far (z). A sequence of 1 to 2 numbers."),
        (lambda: stagewise(TEST, [1, 2, 3], 10), "are not one number a look"),
        (lambda: stagewise(TEST, ["a"], 10), "are not one number a look"),  # type: ignore[list-item]
        (lambda: stagewise(TEST, 1.0, 10), "are not one number a look"),  # type: ignore[arg-type]
        (lambda: stagewise(TEST, "1", 10), "are not one number a look"),  # type: ignore[arg-type]
        (lambda: stagewise(TEST, None, 10), "are not one number a look"),  # type: ignore[arg-type]
        (lambda: stagewise(TEST, np.array(1.0), 10), "are not one number a look"),  # type: ignore[arg-type]
        (lambda: stagewise(TEST, [math.nan], 10), "are not one number a look"),
        (lambda: stagewise(TEST, [0, -60], 10), "z = -60 at look 2 is beyond 37"),
        (lambda: stagewise(TEST, [3.5, 2], 10), "z = 3.5 at look 1 had reached its bound of 2.963"),
        (lambda: stagewise(TWO, [-3.5, 2], 10), "z = -3.5 at look 1 had reached its bound of -2.963"),
        (lambda: stagewise(BINDING, [-0.5, 2], 10), "z = -0.5 at look 1 had reached its binding bound for futility of"),
        (lambda: stagewise(TEST, [1], 0), "information = 0 is not above zero (information). See events_information."),
        (lambda: stagewise(TEST, [1], -3), "information = -3 is not above zero"),
        (lambda: stagewise(TEST, [1], "x"), "information = 'x' is no number"),  # type: ignore[arg-type]
        (lambda: stagewise(TEST, [1], math.inf), "information = inf is no number"),
        (lambda: stagewise(TEST, [1], 1e308), "information = 1e+308 is above 1e+100"),
        (lambda: stagewise(TEST, [1], 1e-9), "information of 1e-09 is too little for a hazard ratio"),
        (lambda: stagewise(TEST, [1], 10, level=2), "level = 2 is not between 0 and 1"),
        (lambda: repeated(TEST, [1, 2], [5]), "2 z and 1 numbers of information are given (information). One a look."),
        (lambda: repeated(TEST, [1], 5), "information = 5 are no numbers"),  # type: ignore[arg-type]
        (lambda: repeated(TEST, [1], [0]), "look 1 at 0 does not lie above 0 (information)"),
        (lambda: repeated(TEST, [1], [math.nan]), "are no numbers"),
        (lambda: repeated(TEST, [1, 2], [20, 10]), "look 2 at 10 does not lie above 20 (information). Let them rise"),
        (lambda: repeated(TEST, [45], [10]), "z = 45 at look 1 is beyond 37"),
        (lambda: events_information(-3), "events = -3 " + EVENTS),
        (lambda: events_information(0), "events = 0 " + EVENTS),
        (lambda: events_information("9"), "events = '9' is no number"),  # type: ignore[arg-type]
        (lambda: events_information(10, 0), "allocation = 0 is not above zero"),
        (lambda: conditional_power(TEST, math.nan, look=1), "z = nan is no number"),
        (lambda: conditional_power(TEST, 40, look=1), "z = 40 is above 37"),
        (lambda: conditional_power(TEST, 1, look=2), "look 2 has no look after it (look). A whole number from 1 to 1."),
        (lambda: conditional_power(TEST, 1, look=1.0), "look 1.0 has no look after it"),  # type: ignore[arg-type]
        (lambda: conditional_power(asked(information_fractions=[1]), 1, look=1), "the test has no interim look"),
        (lambda: conditional_power(TEST, 1, look=1, drift="x"), "drift = 'x' is no number"),  # type: ignore[arg-type]
        (lambda: conditional_power(TEST, 1, look=1, drift=math.inf), "drift = inf is no number"),
        (lambda: conditional_power(TEST, 1, look=1, fractions=[0.5, 0.4]), "look 2 at 0.4 does not lie above 0.5"),
        (lambda: conditional_power(TEST, 1, look=1, fractions=[0.5, 1.2]), "at 1.2 of the information, beyond 1"),
        (lambda: conditional_power(TEST, 1, look=1, fractions=[1]), "1 fractions are given for 2 looks"),
        (lambda: conditional_power(TEST, 1, look=1, fractions="ab"), "fractions = 'ab' are no numbers"),  # type: ignore[arg-type]
        (lambda: predictive_power(TEST, 1, look=0), "look 0 has no look after it"),
        (lambda: predictive_power(TEST, "1", look=1), "z = '1' is no number"),  # type: ignore[arg-type]
        (lambda: predictive_power(TEST, 1, look=1, prior=3), "prior = 3 is not two numbers"),  # type: ignore[arg-type]
        (lambda: predictive_power(TEST, 1, look=1, prior=("a", 1)), "a prior of mean nan"),  # type: ignore[arg-type]
        (lambda: assurance(TEST, (0, 0)), "a prior of mean 0 and standard deviation 0 is none"),
        (lambda: assurance(TEST, (0, math.inf)), "a prior of mean 0 and standard deviation inf is none"),
        (lambda: assurance(TEST, (0, 1, 2)), "is not two numbers"),  # type: ignore[arg-type]
        (lambda: TEST.crossing(math.nan), "drift = nan is no number"),
        (lambda: TEST.expected_information("x"), "drift = 'x' is no number"),  # type: ignore[arg-type]
    ],
)  # fmt: skip
def test_refused(ask: Any, sentence: str) -> None:
    with pytest.raises(EquipoiseError) as refused:
        ask()
    assert sentence in str(refused.value)
    assert isinstance(refused.value, DesignError) or "level" in sentence


def test_as_far_as_z_goes() -> None:
    """Limits and P are numbers up to the z that is the last to be taken; at one look they are those of one look."""
    for z in (-37.0, -10.0, 10.0, 37.0):
        first = stagewise(TEST, [z], 100.0)
        assert first.conf_int == pytest.approx([math.exp(-(z + 1.959963985) / 10), math.exp(-(z - 1.959963985) / 10)])
        for test in (TEST, TWO, asked(pocock(), information_fractions=[0.01, 1], alpha=0.49)):
            found = stagewise(test, [0.0, z], 100.0)
            assert 0 < found.conf_int[0] < found.hazard_ratio < found.conf_int[1] < math.inf
        assert 0 < repeated(TEST, [0.0, z], [50.0, 100.0]).p_one_sided[1] <= 0.5


def test_a_look_without_a_bound_has_the_largest_p() -> None:
    found = repeated(asked(UserSpending((0, 1))), [3.2, 2.5], [10.0, 20.0])
    assert found.lower.tolist()[0] == 0
    assert found.upper.tolist()[0] == math.inf
    assert found.p_one_sided.tolist() == pytest.approx([0.5, 0.006209665], rel=1e-6)
    assert not found.reason


def test_haybittle_peto_has_limits_and_no_p() -> None:
    test = asked(HaybittlePeto(3))
    found = repeated(test, [3.2, 2.5], [10.0, 20.0])
    np.testing.assert_allclose(found.upper, np.exp(-(found.z - test.efficacy_bounds) / np.sqrt([10, 20])))
    assert np.isnan(found.p_one_sided).all()
    assert np.isnan(found.sequential_p).all()
    assert "no family in alpha" in found.reason


def test_binding_futility_does_not_narrow_repeated_limits() -> None:
    """They shall hold under every effect, also where futility would not have stopped the trial."""
    binding, free = repeated(BINDING, [1, 2], [10, 20]), repeated(TEST, [1, 2], [10, 20])
    np.testing.assert_allclose(binding.upper, free.upper)
    np.testing.assert_allclose(binding.p_one_sided, free.p_one_sided)
    pt, plain = repeated(asked(PampallonaTsiatis(), binding=True), [1, 2], [10, 20]), asked(obrien_fleming())
    np.testing.assert_allclose(pt.upper, repeated(plain, [1, 2], [10, 20]).upper)
    np.testing.assert_allclose(pt.p_one_sided, repeated(plain, [1, 2], [10, 20]).p_one_sided)


def test_repeated_p_of_the_bound_is_alpha() -> None:
    for family in (pocock(), WangTsiatis(0.2), LanDeMets("pocock"), UserSpending((0.3, 1))):
        test = asked(family)
        for look in (0, 1):
            z = [0.0] * look + [float(test.efficacy_bounds[look])]
            assert repeated(test, z, [10.0, 20.0][: look + 1]).p_one_sided[look] == pytest.approx(0.025, rel=1e-9)
