"""What a forecast of events refuses, and says of itself."""

from __future__ import annotations

import dataclasses
import math
import pickle
from typing import Any

import numpy as np
import pytest

from equipoise.data import TimeToEvent
from equipoise.design import event_forecast
from equipoise.errors import EquipoiseError

TIMES = [100, 200, 250, 300, 300, 300, 300, 250]
CODES = [1, 1, 1, 0, 0, 0, 0, 0]
FLAGS = [False] * 3 + [True] * 4 + [False]


def data(**changed: Any) -> TimeToEvent:
    return TimeToEvent(**{"time": TIMES, "event": CODES, "unit": "days"} | changed)


USUAL: dict[str, Any] = {"tte": data(), "followed": FLAGS, "events": 5, "cutoff": "2006-03-31"}


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"tte": [1, 2, 3]}, "list is no TimeToEvent. Make one of time and event."),
        (
            {"tte": data(weight=[1] * 8, weight_type="case")},
            "rows are weighted (column weight). Give one row a subject",
        ),
        ({"tte": data(weight=[2] * 8, weight_type="count")}, "rows are weighted"),
        ({"tte": data(event=[1, 2, 1, 0, 0, 0, 0, 0])}, "there are events of several causes (column event, subject 2)"),
        ({"followed": FLAGS[:-1]}, "followed has shape (7,), time has (8,) (column followed). Give one a subject."),
        ({"followed": True}, "followed has shape (), time has (8,)"),
        ({"followed": [1, 0] * 4}, "followed is int64, not boolean (column followed). Mark True or False."),
        ({"followed": ["yes"] * 8}, "not boolean"),
        ({"events": -3}, "events = -3 is no number of events (events). Such as 300."),
        ({"events": 0}, "events = 0 is no number of events"),
        ({"events": 5.5}, "events = 5.5 is no number of events"),
        ({"events": "five"}, "events = 'five' is no number of events"),
        ({"events": True}, "events = True is no number of events"),
        ({"events": math.nan}, "events = nan is no number of events"),
        ({"events": 3}, "the 3rd event has happened: there are 3 (events). Give more than 3."),
        ({"events": 2}, "the 2nd event has happened: there are 3"),
        ({"cutoff": "2006-03"}, "'2006-03' is not a date"),
        ({"cutoff": 20060331}, "20060331 is not a date"),
        ({"accrual": "3 months"}, "accrual of '3 months' is none (accrual). Such as"),
        ({"accrual": 20}, "accrual of 20 is none"),
        ({"accrual": ["3 months"]}, "'3 months' is no period of accrual"),
        ({"accrual": [("3 months",)]}, "('3 months',) is no period of accrual"),
        ({"accrual": [("3 months", -1)]}, "('3 months', -1) is no period of accrual"),
        ({"accrual": [("3 months", "12")]}, "('3 months', '12') is no period of accrual"),
        ({"accrual": [("3 months", math.inf)]}, "is no period of accrual"),
        ({"accrual": [("0 months", 12)]}, "is no period of accrual"),
        ({"accrual": [(3, 12)]}, "3 is not a duration"),
        ({"pieces": "6 months"}, "'6 months' are no times (pieces)"),
        ({"pieces": [200]}, "200 is not a duration"),
        ({"pieces": ["200 days", "150 days"]}, "['200 days', '150 days'] do not rise from above zero"),
        ({"pieces": ["0 days"]}, "do not rise from above zero"),
        (
            {"pieces": ["250 days"]},
            "no event has happened in the piece from day 250 since randomization (pieces). Take fewer or earlier",
        ),
        ({"pieces": ["50 days", "150 days", "400 days"]}, "no event has happened in the piece from day 0"),
        ({"pieces": ["150 days", "400 days"]}, "nobody was at risk in the piece from day 400"),
        ({"tte": data(event=[0] * 8)}, "no event has happened (event). A forecast needs events under follow-up"),
        ({"tte": data(time=[0, 0, 0, 0, 0, 0, 0, 0])}, "nobody was at risk (event)"),
        ({"at": ["2006-03-30"]}, "2006-03-30 is before the cutoff 2006-03-31 (at). Give dates after it."),
        ({"at": ["soon"]}, "'soon' is not a date"),
        ({"level": 1}, "level = 1 is not between 0 and 1"),
        ({"level": "0.95"}, "level = '0.95' is not between 0 and 1"),
    ],
)
def test_refused(changed: dict[str, Any], sentence: str) -> None:
    with pytest.raises(EquipoiseError) as refused:
        event_forecast(**USUAL | changed)
    assert sentence in str(refused.value)


def test_what_it_says() -> None:
    assert str(event_forecast(**USUAL | {"accrual": [("2 months", 30)], "pieces": ["150 days"]})) == (
        "The 5th event is expected on 2006-05-21 (95% interval 2006-04-20 to 2007-03-11); 3 events by 2006-03-31, "
        "blinded, arms pooled, constant hazards of event and drop-out in each of 2 pieces"
    )
    assert str(event_forecast(**USUAL | {"events": 11})) == (
        "The 11th event is not expected (95% interval not reached to not reached); 3 events by 2006-03-31, blinded, "
        "arms pooled, constant hazards of event and drop-out; no more than 6.0 events can be expected in the end"
    )


@pytest.mark.parametrize(("number", "name"), [(21, "21st"), (22, "22nd"), (113, "113th"), (103, "103rd"), (12, "12th")])
def test_ordinals(number: int, name: str) -> None:
    assert str(event_forecast(**USUAL | {"events": number, "accrual": [("9 months", 90)]})).startswith(f"The {name} ")


def test_rows() -> None:
    found = event_forecast(**USUAL | {"at": ["2006-03-31", "2007-03-31"], "level": 0.8})
    rows = {(r.statistic, r.at): r for r in found.rows()}
    assert rows["5th event", None].text == found.date == "2007-03-13"
    assert rows["5th event", None].value == found.days
    assert (rows["5th event lower limit", None].text, rows["5th event lower limit", None].level) == ("2006-07-10", 0.8)
    upper = rows["5th event upper limit", None]
    assert (upper.value, upper.text) == (None, "not reached")
    assert upper.reason == found.reason == "no more than 6.0 events can be expected in the end"
    assert rows["events in the end", None].text == "6.0"
    assert rows["events expected by 2006-03-31", 0].value == 3
    assert rows["events expected by 2007-03-31", 365].text == "4.6"
    assert rows["events expected by 2006-03-31 standard deviation", 0].value == 0
    assert found.table().height == 8


def test_whoever_has_had_the_event_may_be_followed_or_not() -> None:
    assert str(event_forecast(**USUAL | {"followed": [True] * 7 + [False]})) == str(event_forecast(**USUAL))


def test_nobody_is_left_to_have_it() -> None:
    found = event_forecast(**USUAL | {"followed": [False] * 8, "events": 4})
    assert (found.days, found.date, found.most) == (math.inf, None, 3)
    assert found.reason == "no more than 3.0 events can be expected in the end"


def test_a_date_beyond_the_calendar() -> None:
    slow = data(time=[1e7, *[1e7] * 7], event=[1] + [0] * 7)
    found = event_forecast(**USUAL | {"tte": slow, "followed": [False] + [True] * 7, "events": 6})
    assert math.isfinite(found.days)
    assert found.date is None
    assert found.reason == "dates after the year 9999 are not given"
    assert found.rows()[0].text == str(math.floor(found.days + 0.5))


def test_origin_and_frozen() -> None:
    found = event_forecast(**USUAL | {"tte": data(origin="simulated"), "at": ["2007-01-01"]})
    assert found.origin == "simulated"
    assert {r.origin for r in found.rows()} == {"simulated"}
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.days = 1.0  # type: ignore[misc]
    for array in (found.expected, found.expected_sd, found.starts, found.event_hazard):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    assert str(pickle.loads(pickle.dumps(found))) == str(found)


def test_more_of_everything_brings_the_date_nearer() -> None:
    base = event_forecast(**USUAL)
    assert event_forecast(**USUAL | {"accrual": [("3 months", 5)]}).days < base.days
    assert event_forecast(**USUAL | {"events": 4}).days < base.days
    narrow, wide = (event_forecast(**USUAL | {"level": x}) for x in (0.5, 0.8))
    assert wide.lower_days < narrow.lower_days < base.days < narrow.upper_days < wide.upper_days
    assert np.isinf(wide.upper_days)


def test_accrual_that_waits() -> None:
    """A period at rate zero puts the newcomers off."""
    now, later = (
        event_forecast(**USUAL | {"followed": [False] * 8, "events": 5, "accrual": periods})
        for periods in ([("2 months", 30)], [("1 years", 0), ("2 months", 30)])
    )
    assert later.days == pytest.approx(now.days + 365.25, abs=1e-6)
    assert later.newcomers == now.newcomers == pytest.approx(60)
