"""Every formula prints the events that other programs print, in their digits."""

from __future__ import annotations

import pytest
from tests.reference.event_table import PRINTED, main, trial

from equipoise.results import fixed


@pytest.mark.parametrize("experimental", [1, 2])
def test_events_of_every_formula(experimental: int) -> None:
    plans = trial(experimental).plans
    assert set(plans) == {*PRINTED, "exact score"}  # which no other program has
    for name in PRINTED:
        assert fixed(plans[name].events, 2) == fixed(PRINTED[name][experimental - 1], 2)


def test_the_table_prints(capsys: pytest.CaptureFixture[str]) -> None:
    main()
    assert "hsieh-freedman           289.61   289.61    325.81   325.81  rpact" in capsys.readouterr().out
