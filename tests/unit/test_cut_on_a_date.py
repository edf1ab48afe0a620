"""A simulated trial cut on a date has what the cut of its whole data on that date has: all of that day."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from equipoise.errors import DesignError
from equipoise.protocol import Protocol, read
from equipoise.simulate import Cut, trial

TOML = Path(__file__).parent / "simulated_trial.toml"
FIRST = date(2020, 1, 1)


@pytest.fixture(scope="module")
def protocol() -> Protocol:
    return read(TOML)


@pytest.mark.parametrize("day", [date(2020, 3, 1), date(2020, 7, 15), date(2020, 12, 31), date(2021, 6, 30)])
def test_a_cut_on_a_date_is_the_cut_of_the_data(protocol: Protocol, day: date) -> None:
    """Deaths without visits, nobody lost: a patient at risk on the date is censored on it in both."""
    scenario = protocol.scenario["survival alone"].model_copy(update={"dropout": None})
    drawn = trial(protocol, scenario, seed=4, cut=Cut(date=day))
    later = trial(protocol, scenario, seed=4).cut(day)
    seen = [one.adtte.filter(one.adtte["PARAMCD"] == "OS").sort("USUBJID") for one in (drawn, later)]
    for column in ("USUBJID", "AVAL", "ADT"):
        assert seen[0][column].to_list() == seen[1][column].to_list()
    events = [(one["CNSR"] == 0).to_list() for one in seen]
    assert events[0] == events[1]
    assert drawn.adsl is not None
    assert drawn.adsl["DCUTDT"].unique().to_list() == [day]
    assert seen[0]["ADT"].max() == day
    assert drawn.adsl["RANDDT"].max() <= day  # type: ignore[operator]


def test_a_cut_at_events_is_on_the_day_of_the_last_of_them(protocol: Protocol) -> None:
    drawn = trial(protocol, "survival alone", seed=4, cut=Cut(events=60), estimand="OS")
    own = drawn.adtte.filter((drawn.adtte["PARAMCD"] == "OS") & (drawn.adtte["CNSR"] == 0))
    assert own.height >= 60
    assert drawn.adsl is not None
    assert drawn.adsl["DCUTDT"].unique().to_list() == [own["ADT"].sort()[59]]


def test_a_date_before_the_first_patient_is_refused(protocol: Protocol) -> None:
    assert trial(protocol, "survival alone", seed=4, cut=Cut(date=FIRST + timedelta(days=9))).adsl is not None
    with pytest.raises(DesignError, match="the first patient enters on 2020-01-01"):
        trial(protocol, "survival alone", seed=4, cut=Cut(date=FIRST - timedelta(days=1)))
