"""What a batch refuses and how it says it, what it says of trials without an answer, and its tables."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from equipoise.errors import DataError, EquipoiseError, UnsupportedError
from equipoise.survival import Batch, TrialStatus, batch

TIME = [5.0, 8, 8, 12, 3, 9, 4, 7]
EVENT = [1, 0, 1, 1, 0, 1, 1, 1]
ARM = [0, 1, 0, 1, 0, 1, 0, 1]


def run(**changed: Any) -> Batch:
    given: dict[str, Any] = {"time": TIME, "event": EVENT, "arm": ARM, "sizes": 4, "unit": "days"}
    return batch(**(given | changed))


def put(column: list[Any], row: int, value: Any) -> list[Any]:
    return [value if i == row else v for i, v in enumerate(column)]


REFUSED = {
    # name: (changed arguments, what, column, subjects)
    "missing time": ({"time": put(TIME, 5, math.nan)}, "time is missing in 1 of 8 rows", "time", ["2 of trial 1"]),
    "negative time": ({"time": put(TIME, 3, -1)}, "below zero in 1 of 8", "time", ["4 of trial 0"]),
    "infinite time": ({"time": put(TIME, 0, math.inf)}, "not finite", "time", ["1 of trial 0"]),
    "too large in days": ({"time": put(TIME, 0, 1e308), "unit": "years"}, "not finite", "time", ["1 of trial 0"]),
    "text as time": ({"time": ["1"] * 8}, "array of <U1", "time", []),
    "a table of times": ({"time": [TIME, TIME]}, "shape (2, 8)", "time", []),
    "no rows": ({"time": [], "event": [], "arm": []}, "no rows", "time", []),
    "event of two": ({"event": put(EVENT, 7, 2)}, "event is neither 0 nor 1", "event", ["4 of trial 1"]),
    "event of a half": ({"event": put(EVENT, 7, 0.5)}, "event is neither 0 nor 1", "event", ["4 of trial 1"]),
    "missing event": ({"event": put(EVENT, 4, math.nan)}, "event is missing", "event", ["1 of trial 1"]),
    "text as event": ({"event": ["1"] * 8}, "array of <U1", "event", []),
    "arm below zero": ({"arm": put(ARM, 2, -1)}, "arm is neither 0 nor 1", "arm", ["3 of trial 0"]),
    "an arm more": ({"arm": put(ARM, 2, 256)}, "arm is neither 0 nor 1", "arm", ["3 of trial 0"]),
    "short arm": ({"arm": ARM[:7]}, "arm has shape (7,), time has (8,)", "arm", []),
    "not a multiple": ({"sizes": 3}, "8 rows are not a multiple of 3", "sizes", []),
    "other sum": ({"sizes": [4, 3]}, "sizes add up to 7, time has 8 rows", "sizes", []),
    "size below zero": ({"sizes": [9, -1]}, "a size is -1", "sizes", []),
    "size of zero": ({"sizes": 0}, "a size is 0", "sizes", []),
    "fractions as sizes": ({"sizes": [4.0, 4.0]}, "sizes are float64", "sizes", []),
    "stratum below zero": ({"strata": put([0] * 8, 6, -1)}, "a stratum is below zero", "strata", ["3 of trial 1"]),
    "labels as strata": ({"strata": ["a"] * 8}, "strata are <U1", "strata", []),
    "short strata": ({"strata": [0] * 7}, "shape (7,)", "strata", []),
    "tau of zero": ({"tau": "0 days"}, "is not above zero", "", []),
    "unknown event_is": ({"event_is": "good"}, "event_is = 'good'", "", []),
    "unknown origin": ({"origin": "made up"}, "origin = 'made up'", "", []),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    changed, what, column, subjects = REFUSED[name]
    with pytest.raises(DataError) as caught:
        run(**changed)
    error = caught.value
    assert what in error.what
    assert error.column == column
    assert list(error.subjects) == subjects
    assert error.remedy


def test_other_refusals() -> None:
    for changed, what in (
        ({"ties": "discrete"}, "unknown ties 'discrete'"),
        ({"unit": "fortnights"}, "unknown time unit"),
        ({"tau": 12}, "12 is not a duration"),
        ({"at": "soon"}, "'soon' is not a duration"),
    ):
        with pytest.raises(EquipoiseError, match=what):
            run(**changed)
    with pytest.raises(EquipoiseError, match="not between 0 and 1"):
        run().limits(95)
    with pytest.raises(UnsupportedError, match="8 rows in 5001 strata does not fit"):
        run(sizes=8, strata=put([0] * 8, 0, 5000))


def test_no_answer_has_its_reason() -> None:
    b = batch(
        [1, 2, 3, 4, 5, 6, 1, 2, 3, 3, 9, 1],
        [1, 1, 0, 0, 1, 1, 0, 1, 1, 1, 1, 0],
        [0, 0, 0, 1, 0, 1, 1, 0, 1, 0, 0, 1],
        sizes=[2, 0, 2, 2, 2, 2, 2], unit="days", tau="3.5 days", at="7 days",
    )  # fmt: skip
    one_arm, nobody, no_event, separated, gone, all_at_once, alone = (TrialStatus(int(s)) for s in b.status)
    assert (
        one_arm
        == TrialStatus.NO_EXPERIMENTAL | TrialStatus.LOGRANK_WITHOUT_INFORMATION | TrialStatus.COX_WITHOUT_INFORMATION
    )
    assert nobody == TrialStatus.NO_CONTROL | TrialStatus.NO_EXPERIMENTAL | TrialStatus.NO_EVENTS
    assert TrialStatus.NO_EVENTS in no_event
    assert TrialStatus.TAU_BEYOND_CONTROL in no_event  # control is followed for 3 days, experimental for 4
    assert TrialStatus.TAU_BEYOND_EXPERIMENTAL not in no_event
    assert TrialStatus.AT_BEYOND_EXPERIMENTAL in no_event
    assert separated == TrialStatus.SEPARATED
    assert TrialStatus.COX_WITHOUT_INFORMATION in gone  # experimental had left when control died
    assert all_at_once == TrialStatus.LOGRANK_WITHOUT_INFORMATION  # both die at 3: no variance, yet a Cox model
    assert b.coef[5] == pytest.approx(0, abs=1e-15)
    assert TrialStatus.COX_WITHOUT_INFORMATION in alone
    for i in range(7):
        assert len(b.reasons(i)) == int(b.status[i]).bit_count() > 0
    assert np.isnan(b.z[[0, 1, 2, 4, 5, 6]]).all()
    assert np.isnan(b.median[1]).all()
    assert b.median[0].tolist()[0] == 1.5
    assert math.isnan(b.median[0, 1])
    assert b.median[2].tolist() == [math.inf, math.inf]
    np.testing.assert_array_equal(b.subjects[:3], [[2, 0], [0, 0], [1, 1]])
    assert b.coef[3] == -math.inf
    np.testing.assert_array_equal(b.limits()[3], [math.nan, math.nan])


def test_the_record() -> None:
    b = run(tau="6 days", at="6 days", strata=[0, 0, 1, 1] * 2, origin="simulated")
    assert len(b) == 2
    assert str(b).startswith("2 trials of 8 subjects, 6 events; ")
    assert b.method == (
        "log-rank test and Cox model, Efron ties, stratified, restricted means up to 6 days, survival at 6 days"
    )
    with pytest.raises(ValueError, match="read-only"):
        b.z[0] = 0
    table = b.table()
    assert table.height == 2
    assert table["hazard_ratio"].to_list() == b.hazard_ratio.tolist()
    assert table["median_experimental"].to_list() == b.median[:, 1].tolist()
    assert table["origin"].to_list() == ["simulated"] * 2
    assert table["reason"].to_list() == ["; ".join(b.reasons(i)) for i in range(2)]
    bare = run(ties="breslow")
    assert bare.rmst is None
    assert bare.survival is None
    assert "rmst_control" not in bare.table().columns
    assert "Breslow ties, unstratified" in bare.method


def test_columns_of_every_kind() -> None:
    want = run(time=np.array(TIME))
    for kind in (np.float32, np.int16, np.int64):
        np.testing.assert_array_equal(run(time=np.array(TIME, dtype=kind)).z, want.z)
    for kind in (bool, np.uint8, np.int64, np.float64):
        got = run(event=np.array(EVENT, dtype=kind), arm=np.array(ARM, dtype=kind))
        np.testing.assert_array_equal(got.coef, want.coef)
    apart = np.repeat(np.array(TIME), 2)[::2]
    np.testing.assert_array_equal(run(time=apart).z, want.z)
    np.testing.assert_array_equal(run(sizes=np.array([4, 4], dtype=np.uint8)).z, want.z)
    minus_zero = run(time=put(TIME, 0, -0.0))
    np.testing.assert_array_equal(minus_zero.median, run(time=put(TIME, 0, 0.0)).median)


def test_the_callers_arrays_stay_as_they_are() -> None:
    time = np.array(TIME)
    run(time=time)
    assert time.tolist() == TIME
    assert time.flags.writeable
