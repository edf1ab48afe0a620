"""What is no test and no plan, and a path where nothing can be written, are refused in one sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from equipoise import design
from equipoise.errors import DesignError

TEST = design.group_sequential(
    alpha=0.025, sided=1, information_fractions=[0.5, 1], efficacy=design.LanDeMets("obrien-fleming")
)
PLAN = design.survival(
    TEST,
    hazard_ratio=0.7,
    power=0.9,
    control=design.median("6 months"),
    allocation={"B": 1, "A": 1},
    accrual=design.accrual("24 months"),
    follow_up="12 months",
)
OF_A_TEST: dict[str, Callable[..., object]] = {
    "conditional power": lambda test: design.conditional_power(test, 1.5, look=1),
    "predictive power": lambda test: design.predictive_power(test, 1.5, look=1),
    "assurance": lambda test: design.assurance(test, (3.0, 1.0)),
    "assurance of all looks": lambda test: design.assurance(test, (3.0, 1.0), obey_futility=False),
    "stage-wise": lambda test: design.stagewise(test, [1.5], 40),
    "repeated": lambda test: design.repeated(test, [1.5], [40]),
}


@pytest.mark.parametrize("name", OF_A_TEST)
def test_a_plan_is_no_test(name: str) -> None:
    OF_A_TEST[name](PLAN.test)
    with pytest.raises(DesignError, match=r"a plan is no group sequential test \(test\). Give its test: plan.test."):
        OF_A_TEST[name](PLAN)
    with pytest.raises(DesignError, match=r"None is no group sequential test \(test\). Give what group_sequential"):
        OF_A_TEST[name](None)


def test_what_is_no_plan_is_neither_saved_nor_made_whole(tmp_path: Path) -> None:
    for use in (design.in_whole_numbers, lambda plan: design.save_plan(plan, tmp_path / "plan.json")):
        with pytest.raises(DesignError, match=r"None is no plan .*Give what survival"):
            use(None)  # type: ignore[arg-type, no-untyped-call]
    assert not list(tmp_path.iterdir())


def test_blocks_that_come_after_the_last_event_say_so() -> None:
    at_a_rate = design.survival(
        TEST,
        hazard_ratio=0.7,
        power=0.9,
        control=design.median("6 months"),
        allocation={"B": 1, "A": 1},
        accrual=design.accrual([(None, 15)]),
        follow_up="12 months",
    )
    with pytest.raises(DesignError, match=r"in whole blocks of 600, 332 events are .* \(block_size\). Follow the last"):
        design.in_whole_numbers(at_a_rate, block_size=600)


def test_the_null_hypothesis_of_a_margin_is_not_called_no_effect() -> None:
    assert "months under none." in str(PLAN)
    margin = design.survival(
        TEST,
        hazard_ratio=1,
        null_hazard_ratio=1.3,
        power=0.9,
        control=design.median("6 months"),
        allocation={"B": 1, "A": 1},
        accrual=design.accrual("24 months"),
        follow_up="12 months",
    )
    assert "months under a hazard ratio of 1.3." in str(margin)


def test_a_plan_is_saved_where_files_can_be_written(tmp_path: Path) -> None:
    with pytest.raises(DesignError, match="cannot be written"):
        design.save_plan(PLAN, tmp_path / "nowhere" / "plan.json")


def test_accrual_with_an_open_end_has_no_infinite_length() -> None:
    assert str(design.accrual([(None, 20)])) == "20 a month for as long as is needed"
    ramp = design.accrual([("3 months", 5), ("2 months", 8), (None, 20)])
    assert str(ramp) == "5 a month for 3, then 8 a month for 2 months, then 20 a month for as long as is needed"
