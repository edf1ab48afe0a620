"""What a TimeToEvent and the survival functions refuse, and how they say it; conventions, missing values, units."""

from __future__ import annotations

import copy
import math
import pickle
import re
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import equipoise as eq
from equipoise.errors import DataError, EquipoiseError, UnsupportedError
from equipoise.survival import TimeToEvent, cox, kaplan_meier, logrank, rmst

TIME = [5.0, 8, 8, 12, 3, 9]
EVENT = [1, 1, 1, 1, 0, 1]
ARM = ["A", "B", "A", "B", "A", "B"]
SUBJECT = ["P1", "P2", "P3", "P4", "P5", "P6"]


def trial(**changed: Any) -> TimeToEvent:
    given: dict[str, Any] = {
        "time": TIME, "event": EVENT, "arm": ARM, "control": "A", "experimental": "B", "unit": "days",
        "subject": SUBJECT,
    }  # fmt: skip
    return TimeToEvent(**(given | changed))


def refusal(error: type[EquipoiseError], call: Any) -> EquipoiseError:
    """The error of a call: one sentence of what, and one of remedy."""
    with pytest.raises(error) as caught:
        call()
    assert caught.value.remedy, "no remedy"
    assert "\n" not in str(caught.value)
    assert str(caught.value)[-1] in ".?"
    return caught.value


def with_value(column: list[Any], row: int, value: Any) -> list[Any]:
    return [value if i == row else v for i, v in enumerate(column)]


# ------------------------------------------------------------------- what is refused
REFUSED = {
    # name: (changed arguments, what, column, subjects)
    "missing time": ({"time": with_value(TIME, 2, math.nan)}, "time is missing for 1 of 6", "time", ["P3"]),
    "missing event": ({"event": with_value(EVENT, 0, None)}, "event is missing for 1 of 6", "event", ["P1"]),
    "missing arm": ({"arm": with_value(ARM, 4, None)}, "arm is missing for 1 of 6", "arm", ["P5"]),
    "empty arm": ({"arm": with_value(ARM, 4, "")}, "arm is missing", "arm", ["P5"]),
    "missing stratum": (
        {"strata": {"sex": ["f", "m", "f", "", "f", "m"]}},
        "sex is missing for 1 of 6",
        "sex",
        ["P4"],
    ),
    "missing entry": ({"entry": [0, 0, math.nan, 0, 0, 0]}, "entry is missing", "entry", ["P3"]),
    "missing weight": (
        {"weight": [1, 1, 1, math.nan, 1, 1], "weight_type": "case"},
        "weight is missing",
        "weight",
        ["P4"],
    ),
    "negative time": ({"time": with_value(TIME, 1, -0.5)}, "a time is below zero", "time", ["P2"]),
    "infinite time": ({"time": with_value(TIME, 1, math.inf)}, "time is not finite", "time", ["P2"]),
    "text as time": ({"time": np.array(with_value(TIME, 1, "8"), dtype=object)}, "not a number", "time", ["P2"]),
    "dates as times": ({"time": np.array(["2020-01-01"] * 6, "datetime64[ns]")}, "dates or time spans", "time", []),
    "spans as times": ({"time": np.array([1, 2, 3, 4, 5, 6], "timedelta64[D]")}, "dates or time spans", "time", []),
    "event of a half": ({"event": with_value(EVENT, 3, 0.5)}, "not a whole number from 0 up", "event", ["P4"]),
    "event below zero": ({"event": with_value(EVENT, 3, -1)}, "not a whole number from 0 up", "event", ["P4"]),
    "text as event": ({"event": np.array(with_value(EVENT, 3, "yes"), dtype=object)}, "not a number", "event", ["P4"]),
    "entry at time": ({"entry": [0, 8, 0, 0, 3, 0]}, "the entry is not before the time", "entry", ["P2", "P5"]),
    "weight of zero": (
        {"weight": [1, 0, 1, 1, -1, 1], "weight_type": "probability"},
        "a weight is not above zero",
        "weight",
        ["P2", "P5"],
    ),
    "weight without type": ({"weight": [1] * 6}, "weight_type is None", "weight", []),
    "unknown weight type": ({"weight": [1] * 6, "weight_type": "frequency"}, "'frequency'", "weight", []),
    "type without weight": ({"weight_type": "case"}, "without weights", "weight", []),
    "subject twice": (
        {"subject": ["P1", "P2", "P1", "P2", "P5", "P6"]},
        "more than one row",
        "subject",
        ["P1", "P2"],
    ),
    "short event": ({"event": EVENT[:5]}, "event has shape (5,), time has (6,)", "event", []),
    "short stratum": ({"strata": {"sex": ["f"]}}, "sex has shape (1,)", "sex", []),
    "two dimensions": ({"time": [TIME]}, "one-dimensional", "time", []),
    "a number": ({"time": 5}, "one-dimensional", "time", []),
    "unknown control": ({"control": "C"}, "nobody is in arm 'C'", "arm", []),
    "unknown experimental": ({"experimental": "T"}, "nobody is in arm 'T'", "arm", []),
    "same arm twice": ({"experimental": "A"}, "the same arm 'A'", "arm", []),
    "no control": ({"control": None}, "experimental is named without control", "arm", []),
    "no experimental": ({"experimental": None}, "two arms (A, B), but not which", "arm", []),
    "neither": ({"control": None, "experimental": None}, "two arms (A, B), but not which", "arm", []),
    "three arms": ({"arm": ["A", "B", "C", "A", "B", "C"]}, "3 arms (A, B, C) in a two-arm contrast", "arm", []),
    "two experimental arms": ({"experimental": ("B", "C")}, "control and experimental are one arm each", "arm", []),
    "one arm only": ({"arm": ["A"] * 6}, "nobody is in arm 'B'", "arm", []),
    "control without arms": ({"arm": None}, "there is no arm", "arm", []),
    "unknown missing": ({"missing": "ignore"}, "missing = 'ignore' is unknown", "", []),
    "unknown event_is": ({"event_is": "harmful"}, "event_is = 'harmful' is unknown", "", []),
    "unknown origin": ({"origin": "made up"}, "origin = 'made up' is unknown", "", []),
    "nobody": ({"time": [], "event": [], "arm": [], "subject": []}, "nobody is in the population", "", []),
    "everybody dropped": ({"time": [math.nan] * 6, "missing": "drop"}, "nobody is in the population", "", []),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    changed, what, column, subjects = REFUSED[name]
    error = refusal(DataError, lambda: trial(**changed))
    assert what in error.what
    assert error.column == column
    assert list(error.subjects) == subjects
    for subject in subjects:
        assert subject in str(error)
    if column:
        assert f"column {column}" in str(error)


def test_unknown_unit_is_refused() -> None:
    error = refusal(EquipoiseError, lambda: trial(unit="fortnights"))
    assert str(error) == "unknown time unit 'fortnights'. Use one of: days, weeks, months, years."
    with pytest.raises(TypeError, match="unit"):
        TimeToEvent(TIME, EVENT)


def test_five_subjects_are_named_and_the_others_counted() -> None:
    error = refusal(DataError, lambda: trial(time=[math.nan] * 6))
    assert "subjects P1, P2, P3, P4, P5 and 1 more" in str(error)
    error = refusal(DataError, lambda: trial(time=with_value(TIME, 1, math.nan), subject=None))
    assert "subject 2" in str(error)  # rows count from 1


# ------------------------------------------------------------------ missing="drop"
def test_drop_counts_and_names() -> None:
    tte = trial(time=with_value(TIME, 2, math.nan), arm=with_value(ARM, 5, ""), missing="drop")
    assert tte.dropped == ("P3", "P6")
    assert (tte.n, tte.rows_given, len(tte)) == (4, 6, 4)
    assert tte.kept.tolist() == [0, 1, 3, 4]
    assert tte.subject.tolist() == ["P1", "P2", "P4", "P5"]
    assert str(tte).endswith("; 2 subjects with missing values dropped")
    # covariates may come for the rows given, or for those kept
    age = np.array([50.0, 60, 70, 55, 65, 75])
    whole, kept = cox(tte, {"age": age}), cox(tte, {"age": age[tte.kept]})
    np.testing.assert_array_equal(whole.coef, kept.coef)
    assert trial(missing="drop").kept is None


def test_missing_covariates() -> None:
    age = [50.0, None, 70, 55, 65, 75]
    error = refusal(DataError, lambda: cox(trial(), {"age": np.array(age, dtype=float)}))
    assert "age is missing for 1 of 6 subjects (column age, subject P2)" in str(error)
    fit = cox(trial(), pl.DataFrame({"age": age}), missing="drop")
    assert fit.dropped == ("P2",)
    assert fit.subjects == 5


# ----------------------------------------------------------------------- frames
FRAMES = {"polars": pl.DataFrame, "pandas": pd.DataFrame, "pyarrow": pa.table}
COLUMNS = {"USUBJID": SUBJECT, "AVAL": TIME, "CNSR": [1 - e for e in EVENT], "TRT01P": ARM, "SEX": [*"fmfmfm"]}
NAMED: dict[str, Any] = {
    "time": "AVAL", "event": ("CNSR", 0), "arm": "TRT01P", "subject": "USUBJID", "control": "A", "experimental": "B",
    "unit": "days",
}  # fmt: skip


@pytest.mark.parametrize("kind", FRAMES)
def test_from_frame(kind: str) -> None:
    tte = TimeToEvent.from_frame(FRAMES[kind](COLUMNS), **NAMED, strata=["SEX"])
    direct = trial(strata={"SEX": COLUMNS["SEX"]})
    for name in ("time", "event", "arm", "subject", "stratum"):
        np.testing.assert_array_equal(getattr(tte, name), getattr(direct, name))
    assert tte.strata_names == ("SEX",)
    assert tte.strata == ("f", "m")


@pytest.mark.parametrize("kind", FRAMES)
def test_from_frame_refuses(kind: str) -> None:
    def read(columns: dict[str, Any], **named: Any) -> DataError:
        error = refusal(DataError, lambda: TimeToEvent.from_frame(FRAMES[kind](columns), **(NAMED | named)))
        assert isinstance(error, DataError)
        return error

    error = read(COLUMNS, time="ADT")
    assert "no such column (column ADT). Columns: USUBJID, AVAL, CNSR, TRT01P, SEX." in str(error)
    error = read(COLUMNS | {"AVAL": [*TIME[:5], None]})
    assert "time is missing for 1 of 6 subjects (column time, subject P6)" in str(error)
    error = read(COLUMNS | {"CNSR": [None, 0, 1, 1, 0, 1]})
    assert "event is missing for 1 of 6 subjects (column event, subject P1)" in str(error)
    error = read(COLUMNS | {"TRT01P": with_value(ARM, 3, None)})
    assert "arm is missing for 1 of 6 subjects (column arm, subject P4)" in str(error)
    error = read(COLUMNS | {"CNSR": ["0", "1", "0", "0", "1", "0"]})
    assert "CNSR holds something that is not a number" in str(error)
    error = read(COLUMNS | {"AVAL": [str(t) for t in TIME]})
    assert "time holds something that is not a number" in str(error)


@pytest.mark.parametrize("kind", FRAMES)
def test_events_may_be_marked_by_text_or_by_several_codes(kind: str) -> None:
    status = ["dead" if e else "alive" for e in EVENT]
    frame = FRAMES[kind](COLUMNS | {"STATUS": status, "CODE": [7 if e else 2 for e in EVENT]})
    for event in (("STATUS", "dead"), ("STATUS", ["dead", "lost"]), ("CODE", 7), ("CODE", [7, 8])):
        assert TimeToEvent.from_frame(frame, **(NAMED | {"event": event})).event.tolist() == EVENT
    error = refusal(DataError, lambda: TimeToEvent.from_frame(frame, **(NAMED | {"event": ("CODE", "dead")})))
    assert "CODE holds something that is not text" in str(error)


def test_frames_of_other_kinds() -> None:
    categorical = pd.DataFrame(COLUMNS | {"TRT01P": pd.Categorical(ARM)})
    assert TimeToEvent.from_frame(categorical, **NAMED).arms == ("A", "B")
    nullable = pd.DataFrame(COLUMNS | {"TRT01P": pd.array(with_value(ARM, 2, pd.NA), dtype="string")})
    error = refusal(DataError, lambda: TimeToEvent.from_frame(nullable, **NAMED))
    assert "arm is missing for 1 of 6 subjects (column arm, subject P3)" in str(error)
    lazy = pl.DataFrame(COLUMNS).lazy()
    assert "collect a lazy one first" in str(refusal(DataError, lambda: TimeToEvent.from_frame(lazy, **NAMED)))
    assert "dict is not a frame" in str(refusal(DataError, lambda: TimeToEvent.from_frame(COLUMNS, **NAMED)))


# --------------------------------------------------------------- arms and directions
def test_labels_of_any_type() -> None:
    for control, experimental in ((0, 1), (0.0, 1.0), (False, True), ("0", "1")):
        arm = np.array([control, experimental] * 3)
        tte = trial(arm=arm, control=control, experimental=experimental)
        assert tte.arm.tolist() == [0, 1] * 3
    assert trial(arm=np.array([0.0, 1.0] * 3), control="0", experimental="1").arms == ("0", "1")


def test_many_arms() -> None:
    arm = ["C", "B", "C", "A", "B", "A"]
    assert trial(arm=arm, control=None, experimental=None).arms == ("A", "B", "C")
    tte = trial(arm=arm, control="C", experimental=None)
    assert tte.arms == ("C", "A", "B")
    assert [tte.arms[i] for i in tte.arm] == arm
    fit = cox(tte)
    assert fit.terms == ("A v C", "B v C")
    assert fit.hazard_ratio.shape == (2,)
    assert fit.p_one_sided is None
    assert logrank(tte).z is None
    assert rmst(tte, tau="5 days").difference is None
    error = refusal(DataError, tte.swap)
    assert "no two-arm contrast" in str(error)


def test_swap() -> None:
    other = trial().swap()
    assert (other.control, other.experimental, other.arms) == ("B", "A", ("B", "A"))
    assert other.arm.tolist() == [1, 0, 1, 0, 1, 0]
    assert cox(other).hazard_ratio == pytest.approx(1 / cox(trial()).hazard_ratio, rel=1e-9)
    assert rmst(other, tau="5 days").difference == -rmst(trial(), tau="5 days").difference


# ------------------------------------------------------------------------- select
def test_select() -> None:
    tte = trial(strata={"sex": [*"fmfmff"]}, entry=[0, 0, 0, 1, 0, 1], weight=[1, 2, 1, 2, 1, 2], weight_type="case")
    part = tte.select(np.array([True, True, False, True, True, False]))
    assert part.subject.tolist() == ["P1", "P2", "P4", "P5"]
    assert part.entry.tolist() == [0, 0, 1, 0]
    assert part.weight.tolist() == [1, 2, 2, 1]
    assert part.kept.tolist() == [0, 1, 3, 4]
    assert part.select(np.array([True, True, True, False])).kept.tolist() == [0, 1, 3]
    age = np.array([50.0, 60, 70, 55, 65, 75])
    for whole, kept in zip(cox(part, {"age": age}).loglik, cox(part, {"age": age[part.kept]}).loglik, strict=True):
        assert whole == kept
    for rows, what in (
        (np.zeros(6, dtype=bool), "nobody is in the selection"),
        (np.array([True, False] * 3), "nobody in arm B"),
        (np.arange(6), "takes a boolean array of shape (6,)"),
        (np.ones(5, dtype=bool), "takes a boolean array of shape (6,)"),
    ):
        assert what in str(refusal(DataError, lambda rows=rows: tte.select(rows)))


def test_a_stratum_left_empty_by_a_selection_says_nothing() -> None:
    tte = trial(strata={"sex": [*"ffffmm"]}).select(np.array([True] * 4 + [False] * 2))
    assert logrank(tte).uninformative_strata == ("m",)
    assert cox(tte).loglik == pytest.approx(cox(tte, stratified=False).loglik)


# ----------------------------------------------------------------------- read-only
def test_arrays_are_read_only_and_copies_too() -> None:
    tte = trial(entry=[0.0] * 6, weight=[1.0] * 6, weight_type="case", strata=[*"xxyyxx"])
    for each in (tte, copy.deepcopy(tte), pickle.loads(pickle.dumps(tte)), tte.swap()):
        for name in ("time", "event", "arm", "stratum", "subject", "entry", "weight", "order"):
            with pytest.raises(ValueError, match="read-only"):
                getattr(each, name)[0] = 0
        with pytest.raises(AttributeError, match="read-only"):
            each.time = TIME
    again = pickle.loads(pickle.dumps(tte))
    assert str(again) == str(tte)
    assert logrank(again).statistic == logrank(tte).statistic
    curve = kaplan_meier(tte)["A"]
    with pytest.raises(ValueError, match="read-only"):
        curve.survival[0] = 1


def test_the_callers_arrays_stay_the_callers() -> None:
    time, arm = np.array(TIME), np.array([0, 1] * 3)
    tte = trial(time=time, arm=arm, control=0, experimental=1)
    time[0] = 99
    arm[:] = 1
    assert tte.time[0] == 5
    assert tte.arm.tolist() == [0, 1] * 3


# ----------------------------------------------------------------------- near ties
def test_near_ties_are_merged_and_counted() -> None:
    time = [0.3, 0.1 + 0.2, 3.3, 1.1 * 3, 4.0, 4.0]
    tte = trial(time=time)
    assert tte.near_ties == 2  # two times that were not their own
    assert tte.time.tolist() == [0.3, 0.3, 3.3, 3.3, 4.0, 4.0]
    assert "2 times merged into near-tied earlier ones" in str(tte)
    apart = trial(time=time, settle_near_ties=False)
    assert apart.near_ties == 0
    assert apart.time.tolist() == time
    assert logrank(tte).statistic != logrank(apart).statistic


def test_near_is_relative_to_the_mean_time() -> None:
    small = np.array([1.0, 2, 3, 4, 5, 6])
    assert trial(time=small * 1e-9).near_ties == 0  # R merges these: its rule has an absolute part
    assert trial(time=1e9 + small).near_ties == 5
    assert trial(time=1e9 + 100 * small).near_ties == 0
    # gaps of 1e-8 of a mean of 1 in a chain are one time; an entry is settled with the times
    chain = trial(time=1 + 1e-8 * small)
    assert chain.near_ties == 5
    assert set(chain.time.tolist()) == {1 + 1e-8}
    entry = [0.1 + 0.2, 0, 0, 0, 0, 0]
    assert trial(time=[5, 0.3, 1, 2, 3, 4], entry=entry).entry[0] == 0.3


# --------------------------------------------------------------------------- units
@pytest.mark.parametrize(("unit", "days"), [("days", 1), ("weeks", 7), ("months", 30.4375), ("years", 365.25)])
def test_units(unit: str, days: float) -> None:
    tte = trial(unit=unit, entry=[1, 0, 0, 0, 0, 0])
    assert tte.time.tolist() == [t * days for t in TIME]
    assert tte.entry[0] == days
    curve = kaplan_meier(tte)["A"]
    assert curve.at([f"8 {unit}"])[0].events == 2
    assert curve.at([f"7.9 {unit}"])[0].events == 1


# --------------------------------------------------- arguments of the survival functions
def test_conventions() -> None:
    tte = trial()
    assert {c: kaplan_meier(tte, convention=c)["A"].conf_type for c in ("house", "r", "sas")} == {
        "house": "log-log", "r": "log", "sas": "log-log",
    }  # fmt: skip
    assert {c: cox(tte, convention=c).ties for c in ("house", "r", "sas")} == {
        "house": "efron", "r": "efron", "sas": "breslow",
    }  # fmt: skip
    assert "quantiles by SAS's rule" in kaplan_meier(tte, convention="sas").method
    assert cox(tte, ties="efron", convention="r").ties == "efron"  # the same twice is no conflict
    assert cox(tte, ties="discrete").ties == "discrete"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda t: cox(t, ties="exact"), ["means two different", '"discrete" (what R', '"exact-marginal" (what SAS']),
        (lambda t: cox(t, ties="exact", convention="r"), ["discrete", "exact-marginal"]),
        (lambda t: cox(t, ties="Efron"), ["unknown ties 'Efron'", "efron, breslow, discrete, exact-marginal"]),
        (lambda t: cox(t, ties="breslow", convention="r"), ['"breslow" contradicts convention = "r"', '"efron"']),
        (lambda t: cox(t, ties="efron", convention="sas"), ['"efron" contradicts convention = "sas"']),
        (lambda t: kaplan_meier(t, conf_type="plain", convention="r"), ['"plain" contradicts', '"log"']),
        (lambda t: kaplan_meier(t, conf_type="arcsin"), ["unknown conf_type", "plain, log, log-log"]),
        (lambda t: kaplan_meier(t, convention="stata"), ["unknown convention 'stata'", '"house", "r" or "sas"']),
        (lambda t: kaplan_meier(t, level=95), ["level = 95 is not between 0 and 1"]),
        (lambda t: cox(t, level=0), ["level = 0"]),
        (lambda t: cox(t, level=math.nan), ["level = nan"]),
        (lambda t: rmst(t, tau="5 days", level=1), ["level = 1"]),
        (lambda t: logrank(t, rho=-1), ["rho = -1", "zero or above"]),
        (lambda t: logrank(t, gamma=math.inf), ["gamma = inf"]),
        (lambda t: logrank(t, stratified=True), ["there are no strata", "Give strata"]),
        (lambda t: cox(t, stratified=True), ["there are no strata"]),
        (lambda t: rmst(t, tau=5), ["5 is not a duration", '"12 months"']),
        (lambda t: rmst(t, tau="5"), ["not a duration"]),
        (lambda t: rmst(t, tau="0 days"), ["is not above zero"]),
        (lambda t: kaplan_meier(t)["C"], ["no arm 'C'", "Arms: A, B."]),
        (lambda t: rmst(t, tau="5 days")["C"], ["no arm 'C'", "Arms: A, B."]),
        (lambda t: kaplan_meier(t)["A"].quantile(50), ["p = 50 is not between 0 and 1"]),
        (lambda t: kaplan_meier(t)["A"].at("6 months"), ["times must be a list", '["6 months"]']),
        (lambda t: kaplan_meier(t)["A"].at([6]), ["6 is not a duration"]),
        (lambda t: kaplan_meier(t)["A"].risk_table("6 months"), ["times must be a list"]),
        (lambda t: cox(t, {"age": [50, 60]}), ["age has shape (2,), the endpoint has 6 subjects"]),
        (lambda t: cox(t, [1, 2, 3, 4, 5, 6]), ["neither a frame nor a mapping"]),
        (lambda t: cox(t, {"age": [1, 2, 3, 4, 5, math.inf]}), ["age is not finite", "P6"]),
        (lambda t: cox(t, cluster=[1, 2]), ["cluster has shape (2,)"]),
        (lambda t: cox(t, cluster=[1, 1, 2, 2, math.nan, 3]), ["cluster is missing for 1 of 6", "P5"]),
        (lambda t: cox(t, cluster=[1] * 6, robust=False), ["no model-based variance"]),
        (lambda t: cox(t, ties="discrete", robust=True), ["discrete ties have neither weights nor a robust variance"]),
    ],
)  # fmt: skip
def test_arguments(call: Any, words: list[str]) -> None:
    # the last in each arm is a death or a censoring: arm A ends at 8
    tte = trial(event=[1, 0, 0, 1, 0, 1])
    error = refusal(EquipoiseError, lambda: call(tte))
    for word in words:
        assert word in str(error)


def test_a_restriction_beyond_follow_up_is_a_value_with_a_reason() -> None:
    fit = rmst(trial(event=[1, 0, 0, 1, 0, 1]), tau="1 year")  # arm A ends with a censoring at 8, B with a death at 12
    assert math.isnan(fit["A"].rmst)
    assert fit["B"].rmst > 0
    assert math.isnan(fit.difference)
    assert "tau = 365.25 days lies beyond the follow-up of A" in fit.reason
    assert fit.reason.endswith("8 days")
    assert math.isnan(fit.ratio.estimate)
    assert fit.ratio.reason == fit.reason


def test_what_has_no_method_yet_is_refused() -> None:
    competing = trial(event=[1, 0, 2, 1, 0, 1])
    for call in (kaplan_meier, logrank, cox, lambda t: rmst(t, tau="5 days")):
        error = refusal(UnsupportedError, lambda call=call: call(competing))
        assert "competing causes (event codes up to 2)" in str(error)
    weighted = trial(weight=[1.5] * 6, weight_type="probability")
    assert "robust score test" in str(refusal(UnsupportedError, lambda: logrank(weighted)))
    assert "probability weights" in str(refusal(UnsupportedError, lambda: rmst(weighted, tau="5 days")))
    refusal(EquipoiseError, lambda: cox(weighted, robust=False))
    halves = trial(weight=[1.5] * 6, weight_type="case")
    assert "not whole numbers" in str(refusal(UnsupportedError, lambda: logrank(halves)))
    for ties in ("discrete", "exact-marginal"):
        assert "neither weights" in str(refusal(UnsupportedError, lambda ties=ties: cox(halves, ties=ties)))
    late = trial(entry=[0, 1, 0, 0, 0, 0])
    assert "late entry" in str(refusal(UnsupportedError, lambda: rmst(late, tau="3 days")))


def test_one_group() -> None:
    alone = TimeToEvent(TIME, EVENT, unit="days")
    assert alone.arms == ("all",)
    assert "there is only one" in str(refusal(EquipoiseError, lambda: logrank(alone)))
    assert "the model has no term" in str(refusal(EquipoiseError, lambda: cox(alone)))
    fit = cox(alone, {"age": [50, 60, 70, 55, 65, 75]})
    assert fit.p_one_sided is None
    assert fit.hazard_ratio.shape == (1,)
    assert rmst(alone, tau="5 days").difference is None


def test_text_becomes_indicators_and_strata_say_so() -> None:
    cell = ["small", "large", "small", "adeno", "large", "adeno"]
    fit = cox(trial(), {"cell": cell}, ties="breslow")
    assert fit.terms == ("B v A", "cell: large v adeno", "cell: small v adeno")
    by = trial(strata={"sex": [*"fmfmfm"], "site": [1, 1, 1, 2, 2, 2]})
    assert by.strata == ("f, 1", "f, 2", "m, 1", "m, 2")
    assert logrank(by).method == "log-rank test, stratified by sex and site"
    assert logrank(by, stratified=False).method == "log-rank test, unstratified"
    assert (logrank(by).stratified, cox(by, stratified=False).stratified) == (True, False)


def test_zero_times_are_times() -> None:
    # a death at zero counts: everybody is at risk there
    tte = trial(time=[0, 0, 1, 2, 3, 4], event=[1, 0, 1, 1, 1, 1])
    curve = kaplan_meier(tte)["A"]
    assert curve.time.tolist() == [0, 1, 3]
    assert curve.survival[0] == pytest.approx(2 / 3)
    assert curve.at(["0 days"])[0].events == 1
    assert curve.risk_table(["0 days"]).events.tolist() == [0]  # events before 0


def test_printing() -> None:
    assert str(trial()) == "6 subjects, 5 events (A: 3 subjects, 2 events; B: 3 subjects, 3 events)"
    assert repr(trial()) == f"TimeToEvent({trial()})"
    assert re.fullmatch(
        r"log-rank test, unstratified: chi-square [0-9.]+ on 1 degree of freedom, two-sided P = 0\.\d{4}, "
        r"z = -?\d\.\d{3} for B",
        str(logrank(trial())),
    )


def test_weights_and_clusters_make_the_variance_robust() -> None:
    assert not cox(trial()).robust
    assert not cox(trial(weight=[2.0] * 6, weight_type="case")).robust
    assert cox(trial(weight=[2.0] * 6, weight_type="probability")).robust
    assert cox(trial(), cluster=[1, 2, 3, 1, 2, 3]).robust
    assert "robust variance" in cox(trial(), robust=True).method
    doubled = cox(trial(weight=[2.0] * 6, weight_type="case"), ties="breslow")
    assert doubled.se[0] == pytest.approx(cox(trial(), ties="breslow").se[0] / math.sqrt(2))
    same = cox(trial(weight=[2.0] * 6, weight_type="probability"), ties="breslow")
    assert same.se[0] == pytest.approx(cox(trial(), ties="breslow", robust=True).se[0])


def test_import_is_light() -> None:
    assert eq.survival.TimeToEvent is TimeToEvent


def test_cause_counts_one_cause_and_censors_the_others() -> None:
    tte = eq.survival.TimeToEvent([1, 2, 3, 4], [1, 2, 0, 2], unit="days")
    assert tte.cause(2).event.tolist() == [0, 1, 0, 1]
    assert tte.cause(1).event.tolist() == [1, 0, 0, 0]
    assert not tte.cause(3).event.any()
    for wrong in (0, True, "death"):
        assert "is no cause" in str(refusal(DataError, lambda wrong=wrong: tte.cause(wrong)))  # type: ignore[arg-type]
