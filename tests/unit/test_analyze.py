"""Estimands by hand, populations, strata, the order of testing, subgroups and the rows they become."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.stats import chi2, norm
from tests.unit import made_trial

from equipoise import analyze, simulate
from equipoise.analyze import Results, conventions, decide
from equipoise.analyze.curves import time_marks
from equipoise.data import Patients, TimeToEvent
from equipoise.errors import DataError, ProtocolError
from equipoise.protocol import FURTHER_PARTS, Protocol, example
from equipoise.results import COLUMNS, Row
from equipoise.survival import cox, kaplan_meier, logrank, rmst

START = date(2020, 1, 1)
SWITCH = 'intercurrent_events.switch = { strategy = "%s", date = "SWITCH" }\n'
RESTRICTED = made_trial.ESTIMAND.replace("hazard ratio", "%s").replace("estimands.effect", "estimands.%s")


def one(rows: Sequence[Row] | Results, statistic: str, group: str | None = None) -> Row:
    """The only row of a statistic."""
    inside = rows.rows if isinstance(rows, Results) else rows
    found = [r for r in inside if r.statistic == statistic and (group is None or r.group == group)]
    assert len(found) == 1, (statistic, len(found))
    return found[0]


def value(rows: Sequence[Row] | Results, statistic: str, group: str | None = None) -> float:
    number = one(rows, statistic, group).value
    assert number is not None
    return number


# Intercurrent events, worked by hand. Everybody starts on 1 January; AVAL = ADT - STARTDT + 1.
#   001 new  event    day 10, switched day  5
#   002 new  event    day 10, switched day 10 (the same day)
#   003 old  censored day 10, switched day 10 (the same day)
#   004 old  censored day 10, switched day 15 (after the end: not seen)
#   005 new  event    day 20, never switched
#   006 old  censored day 30, switched day  1 (the day of randomization)

DAYS, EVENTS, ARMS = [10, 10, 10, 10, 20, 30], [1, 1, 0, 0, 1, 0], "nnoono"
SWITCHED = [5, 10, 10, 15, None, 1]


def dated(offset: int = 1, **changed: Sequence[object]) -> pl.DataFrame:
    """The six patients; the file counts ADT - STARTDT + offset."""
    end = [START + timedelta(days=d - 1) for d in DAYS]
    switch = [None if d is None else START + timedelta(days=d - 1) for d in SWITCHED]
    time = [d - 1 + offset for d in DAYS]
    columns: dict[str, Sequence[object]] = {"STARTDT": [START] * 6, "ADT": end, "SWITCH": switch, **changed}
    return made_trial.adtte(time, EVENTS, ARMS, **columns)


def under(folder: Path, strategy: str, frame: pl.DataFrame | None = None) -> TimeToEvent:
    trial = made_trial.protocol(folder, estimand=made_trial.ESTIMAND + SWITCH % strategy)
    return analyze.endpoint(trial, made_trial.patients(trial, dated() if frame is None else frame), estimand="effect")


@pytest.mark.parametrize(
    ("strategy", "time", "event"),
    [
        ("treatment policy", [10, 10, 10, 10, 20, 30], [1, 1, 0, 0, 1, 0]),
        ("hypothetical", [5, 10, 10, 10, 20, 1], [0, 1, 0, 0, 1, 0]),
        ("while on treatment", [5, 10, 10, 10, 20, 1], [0, 1, 0, 0, 1, 0]),
        ("composite", [5, 10, 10, 10, 20, 1], [1, 1, 1, 0, 1, 1]),
    ],
)
def test_intercurrent_events_by_hand(tmp_path: Path, strategy: str, time: list[int], event: list[int]) -> None:
    tte = under(tmp_path, strategy)
    assert tte.time.tolist() == time
    assert tte.event.tolist() == event
    assert tte.subject.tolist() == ["001", "002", "003", "004", "005", "006"]
    assert [tte.arms[c] for c in tte.arm] == ["new", "new", "old", "old", "new", "old"]
    assert tte.arms == ("old", "new")


@pytest.mark.parametrize("strategy", ["hypothetical", "composite"])
def test_time_to_an_intercurrent_event_is_counted_as_the_file_counts(tmp_path: Path, strategy: str) -> None:
    assert under(tmp_path, strategy, dated(offset=0)).time.tolist() == [4, 9, 9, 9, 19, 0]


def test_time_in_months_is_counted_in_months(tmp_path: Path) -> None:
    frame = dated().with_columns((pl.col("AVAL") / 30.4375).alias("AVAL"))
    trial = made_trial.protocol(
        tmp_path, estimand=made_trial.ESTIMAND + SWITCH % "hypothetical", data='\n[data]\ntime_unit = "months"\n'
    )
    tte = analyze.endpoint(trial, made_trial.patients(trial, frame), estimand="effect")
    assert tte.time == pytest.approx([5, 10, 10, 10, 20, 1], rel=1e-12)


def test_the_earliest_of_two_intercurrent_events_counts(tmp_path: Path) -> None:
    death = [None, START + timedelta(days=3), None, None, START + timedelta(days=7), START]
    both = SWITCH % "hypothetical" + 'intercurrent_events.death = { strategy = "composite", date = "DTHDT" }\n'
    for rules in (both, "\n".join(reversed(both.splitlines())) + "\n"):
        trial = made_trial.protocol(tmp_path, estimand=made_trial.ESTIMAND + rules)
        tte = analyze.endpoint(trial, made_trial.patients(trial, dated(DTHDT=death)), estimand="effect")
        assert tte.time.tolist() == [5, 4, 10, 10, 8, 1]
        # 006 died on the day of the switch: censoring comes after events of the same time
        assert tte.event.tolist() == [0, 1, 0, 0, 1, 1]


def test_an_intercurrent_event_before_the_start_is_refused(tmp_path: Path) -> None:
    switch = [START - timedelta(days=1), *[None] * 5]
    with pytest.raises(DataError, match=r"before the start.*column SWITCH, subject 001"):
        under(tmp_path, "hypothetical", dated(SWITCH=switch))


def test_an_intercurrent_event_needs_its_column(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"date of the intercurrent event .*column SWITCH"):
        under(tmp_path, "hypothetical", dated().drop("SWITCH"))
    assert under(tmp_path, "treatment policy", dated().drop("SWITCH")).n == 6


def test_the_date_may_stand_in_adsl(tmp_path: Path) -> None:
    trial = made_trial.protocol(tmp_path, estimand=made_trial.ESTIMAND + SWITCH % "hypothetical")
    adsl = dated().select("USUBJID", "TRT01P", "SWITCH")
    tte = analyze.endpoint(
        trial, made_trial.patients(trial, dated().drop("SWITCH"), adsl=adsl.reverse()), estimand="effect"
    )
    assert tte.time.tolist() == [5, 10, 10, 10, 20, 1]


# Populations and arms

TIME, EVENT, ARM = [5, 8, 9, 4, 7, 6, 3, 12], [1, 1, 0, 1, 1, 0, 1, 1], "nonononn"
SEX = list("MFMFMFMF")
GROUP = [1, 1, 2, 2, 1, 2, 1, 1]


def eight(**columns: Sequence[object]) -> pl.DataFrame:
    return made_trial.adtte(TIME, EVENT, ARM, **{"SEX": SEX, "GRP": GROUP, **columns})


def population(line: str) -> dict[str, str]:
    return {"head": made_trial.HEAD + line + "\n"}


def subjects(folder: Path, frame: pl.DataFrame, **changed: str) -> list[str]:
    trial = made_trial.protocol(folder, **changed)
    return analyze.endpoint(trial, made_trial.patients(trial, frame), estimand="effect").subject.tolist()


def test_population_by_flag_and_by_values(tmp_path: Path) -> None:
    flagged = eight(FASFL=["Y", "N", "Y", "Y", None, "Y", "Y", "Y"])
    assert subjects(tmp_path, flagged) == [f"00{i}" for i in range(1, 9)]
    assert subjects(tmp_path, flagged, **population('flag = "FASFL"')) == ["001", "003", "004", "006", "007", "008"]
    assert subjects(tmp_path, flagged, **population('flag = "fasfl"')) == ["001", "003", "004", "006", "007", "008"]
    assert subjects(tmp_path, flagged, **population("where = { GRP = 1 }")) == ["001", "002", "005", "007", "008"]
    both = population('flag = "FASFL"\nwhere = { SEX = "F", GRP = 2 }')
    with pytest.raises(DataError, match="in arm 'new'"):  # 004 and 006 only, both old
        subjects(tmp_path, flagged, **both)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ('flag = "XFL"', r"population ITT is not in the data .*column XFL"),
        ('where = { SEX = "X" }', r"nobody is in the population ITT .*asks for SEX = X; check populations\.ITT"),
        ("where = { SEX = 1 }", r"asks for SEX = 1, which the column cannot hold"),
        ('where = { GRP = "1" }', r"asks for GRP = '1', which the column cannot hold .*Int64"),
        ('flag = "GRP"', r"asks for GRP = 'Y', which the column cannot hold"),
    ],
)
def test_populations_that_cannot_be_found_are_refused(tmp_path: Path, line: str, what: str) -> None:
    with pytest.raises(DataError, match=what):
        subjects(tmp_path, eight(), **population(line))


def test_an_unknown_flag_is_refused_with_its_reason(tmp_path: Path) -> None:
    with pytest.raises(ProtocolError, match=r"cannot be found in the data: not yet \(populations\.ITT\.flag\)"):
        subjects(tmp_path, eight(), **population('flag = { unknown = "not yet" }'))


def test_arms_are_refused_when_empty_and_mapped_when_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nobody in the population ITT is in arm 'old'.*Arms found: new"):
        subjects(tmp_path, eight().with_columns(TRT01P=pl.lit("new")))
    sponsor = eight().with_columns(pl.col("TRT01P").replace({"new": "DRUG 10 MG", "old": "PLACEBO"}))
    with pytest.raises(DataError, match=r"Arms found: DRUG 10 MG, PLACEBO; map them in \[data\.arms\]"):
        subjects(tmp_path, sponsor)
    mapped = '\n[data]\narms = { new = "DRUG 10 MG", old = "PLACEBO" }\n'
    trial = made_trial.protocol(tmp_path, data=mapped)
    tte = analyze.endpoint(trial, made_trial.patients(trial, sponsor), estimand="effect")
    assert tte.arms == ("old", "new")
    assert tte.arm.tolist() == [1, 0, 1, 0, 1, 0, 1, 1]


def test_a_third_arm_is_left_out_of_the_contrast(tmp_path: Path) -> None:
    third = eight().with_columns(TRT01P=pl.Series(["new", "old", "third", "old", "new", "third", "new", "old"]))
    assert subjects(tmp_path, third) == ["001", "002", "004", "005", "007", "008"]


def test_a_missing_arm_is_refused_unless_outside_the_population(tmp_path: Path) -> None:
    arms = ["new", "old", None, "old", "new", "old", "new", ""]
    frame = eight(ITTFL=["Y"] * 8).with_columns(TRT01P=pl.Series(arms))
    with pytest.raises(DataError, match=r"arm is missing for 2 of 8 subjects .*column TRT01P, subjects 003, 008"):
        subjects(tmp_path, frame)
    outside = frame.with_columns(ITTFL=pl.Series(["N" if not a else "Y" for a in arms]))
    assert subjects(tmp_path, outside, **population('flag = "ITTFL"')) == ["001", "002", "004", "005", "006", "007"]


def test_an_estimand_that_does_not_exist(tmp_path: Path) -> None:
    trial = made_trial.protocol(tmp_path)
    with pytest.raises(ProtocolError, match="no estimand 'none'"):
        analyze.endpoint(trial, made_trial.patients(trial, eight()), estimand="none")


def test_a_protocol_without_analyses_is_refused(tmp_path: Path) -> None:
    trial = made_trial.protocol(tmp_path, analyses="", testing="")
    with pytest.raises(ProtocolError, match="lists no analysis"):
        analyze.run(trial, made_trial.patients(trial, eight()))


# Strata

BIG = 60
RANDOM = np.random.Generator(np.random.Philox(2024))
BIG_TIME = np.round(RANDOM.exponential(100, BIG) + 1).tolist()
BIG_EVENT = RANDOM.integers(0, 4, BIG).clip(0, 1).tolist()
BIG_ARM = "no" * (BIG // 2)
BIG_REGION = ["north", "south", "west"] * (BIG // 3)
BIG_VERIFIED = [("south" if i % 7 == 0 else r) for i, r in enumerate(BIG_REGION)]
BIG_AGE = RANDOM.integers(30, 80, BIG).tolist()
BIG_SEX = ["M" if u < 0.5 else "F" for u in RANDOM.random(BIG)]
STRATA = '\n[data]\nstrata = { as_randomized = ["region"], as_verified = ["REGIONV"] }\n'


def sixty(**columns: Sequence[object]) -> pl.DataFrame:
    given = {"REGION": BIG_REGION, "REGIONV": BIG_VERIFIED, "AGE": BIG_AGE, "SEX": BIG_SEX, **columns}
    return made_trial.adtte(BIG_TIME, BIG_EVENT, BIG_ARM, **given)


def sixty_as(strata: Sequence[str] | None = None) -> TimeToEvent:
    """The sixty patients without any protocol."""
    return TimeToEvent(BIG_TIME, BIG_EVENT, list(BIG_ARM), control="o", experimental="n", unit="days", strata=strata)


def run(folder: Path, frame: pl.DataFrame, **changed: str) -> Results:
    trial = made_trial.protocol(folder, **changed)
    return analyze.run(trial, made_trial.patients(trial, frame))


@pytest.mark.parametrize(
    ("line", "strata"),
    [
        ("", BIG_REGION),
        ("stratified = true", BIG_REGION),
        ("stratified = false", None),
        ('strata = "as verified"', BIG_VERIFIED),
    ],
)
def test_strata_as_randomized_unless_told_otherwise(tmp_path: Path, line: str, strata: Sequence[str] | None) -> None:
    results = run(tmp_path, sixty(), analyses=made_trial.PRIMARY + line + "\n", data=STRATA)
    expected = sixty_as(strata)
    assert value(results, "log-rank chi-square") == logrank(expected).statistic
    assert value(results, "hazard ratio") == cox(expected).hazard_ratio
    assert one(results, "strata").text == ("none" if strata is None else "north; south; west")
    assert ("unstratified" in one(results, "hazard ratio").method) == (strata is None)


def test_strata_without_information_are_listed(tmp_path: Path) -> None:
    alone = ["lone" if i in (0, 2) else r for i, r in enumerate(BIG_REGION)]  # two patients, both of the new arm
    results = run(tmp_path, sixty(REGION=alone), data=STRATA)
    assert one(results, "strata without information").text == "lone"
    assert one(run(tmp_path, sixty(), data=STRATA), "strata without information").text == "none"


def test_strata_that_are_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"stratification factor is not in the data .*column REGION\b"):
        run(tmp_path, sixty().drop("REGION"), data=STRATA)
    with pytest.raises(ValueError, match="there are no strata"):
        run(tmp_path, sixty(), analyses=made_trial.PRIMARY + "stratified = true\n")


# The order of testing


def test_fixed_sequence_stops_at_the_first_failure() -> None:
    decisions = decide({"A": 0.01, "B": 0.05, "C": 0.0501, "D": 0.0001}, "fixed sequence", 0.05, 2)
    assert [d.significant for d in decisions.values()] == [True, True, False, None]
    assert [d.adjusted_p for d in decisions.values()] == [0.01, 0.05, 0.0501, 0.0501]
    assert decisions["B"].sentence == "significant at 2-sided 0.05 (step 2 of 4, fixed sequence)"
    assert decisions["D"].sentence == "not tested: C was not significant before it"


def test_holm_by_hand() -> None:
    # m = 4: 4 x 0.005, 3 x 0.01, 2 x 0.03, 1 x 0.04, each at least its forerunner (Holm 1979)
    decisions = decide({"A": 0.01, "B": 0.04, "C": 0.03, "D": 0.005}, "holm", 0.05, 2)
    assert list(decisions) == ["A", "B", "C", "D"]
    assert {n: d.adjusted_p for n, d in decisions.items()} == pytest.approx(
        {"A": 0.03, "B": 0.06, "C": 0.06, "D": 0.02}
    )
    assert [d.significant for d in decisions.values()] == [True, False, False, True]
    assert decisions["D"].sentence == "significant at 2-sided 0.05 (Holm, adjusted P 0.0200)"


def test_holm_equals_r_p_adjust() -> None:
    # R 4.2.2: p.adjust(c(0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240), "holm").
    # The P values are the first ten of Benjamini and Hochberg (1995).
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240]
    r = [0.001, 0.0036, 0.0152, 0.0665, 0.1206, 0.139, 0.139, 0.139, 0.139, 0.324]
    decisions = decide({str(i): x for i, x in enumerate(p)}, "holm", 0.05, 2)
    assert [d.adjusted_p for d in decisions.values()] == pytest.approx(r, rel=1e-12)
    assert sum(bool(d.significant) for d in decisions.values()) == 3


@pytest.mark.parametrize("procedure", ["fixed sequence", "holm", "hochberg", "hommel"])
def test_a_p_that_is_not_estimable_is_not_tested(procedure: str) -> None:
    decisions = decide({"A": math.nan, "B": 0.001}, procedure, 0.05, 2, None, {"A": "there are no events"})  # type: ignore[arg-type]
    assert decisions["A"].significant is None
    assert decisions["A"].adjusted_p == 1.0
    assert decisions["A"].sentence == "not tested: there are no events"
    assert decide({"A": math.nan}, procedure, 0.05, 2)["A"].sentence == "not tested: its P is not estimable"  # type: ignore[arg-type]
    assert decisions["B"].significant is (None if procedure == "fixed sequence" else True)
    if procedure == "fixed sequence":
        assert decisions["B"].sentence == "not tested: A was not tested before it"
    assert "nan" not in "".join(d.sentence for d in decisions.values())


def test_no_procedure_rejects_more_than_its_adjusted_p_says() -> None:
    random = np.random.Generator(np.random.Philox(7))
    for _ in range(200):
        p = {str(i): float(x) for i, x in enumerate(random.random(4) ** 3)}
        for procedure in ("fixed sequence", "holm"):
            for d in decide(p, procedure, 0.05, 2).values():  # type: ignore[arg-type]
                assert bool(d.significant) == (d.adjusted_p <= 0.05)


SECOND = '\n[analyses.second]\nestimand = "effect"\nrole = "sensitivity"\ntest = "cox"\n'


def test_a_p_outside_the_order_is_nominal(tmp_path: Path) -> None:
    results = run(tmp_path, sixty(), analyses=made_trial.PRIMARY + SECOND)
    first, second = results.of("primary"), results.of("second")
    assert one(first, "test decision").text.startswith(("significant at 2-sided", "not significant at 2-sided"))
    assert one(second, "test decision").text == "nominal: not in the testing order"
    assert "nominal P" in one(second, "sentence").text
    assert "nominal" not in one(first, "sentence").text
    assert [r.analysis for r in results.rows if r.statistic == "multiplicity-adjusted P"] == ["primary"]
    untested = run(tmp_path, sixty(), testing="")
    assert one(untested, "test decision").text == "nominal: not in the testing order"


@pytest.mark.parametrize("sided", [1, 2])
def test_sidedness_chooses_the_p(tmp_path: Path, sided: int) -> None:
    results = run(tmp_path, sixty(), testing=made_trial.TESTING.replace("sided = 2", f"sided = {sided}"))
    test = logrank(sixty_as())
    assert value(results, "test P") == (test.p_one_sided if sided == 1 else test.p_value)
    assert one(results, "test P").method.endswith(f"{sided}-sided")
    assert f"{sided}-sided" in one(results, "test decision").text
    trial = made_trial.protocol(tmp_path, testing=made_trial.TESTING.replace("sided = 2", f"sided = {sided}"))
    assert conventions(trial)[0] == f"tests are {sided}-sided"


def overwhelming(arm: str) -> pl.DataFrame:
    """A thousand patients, every one of the named arm outliving the other arm: the one-sided P underflows or is 1."""
    n = 1000
    time = [1 + i if a != arm else 10_000 + i for i, a in enumerate("no" * (n // 2))]
    return made_trial.adtte(time, [1] * n, "no" * (n // 2))


@pytest.mark.parametrize(("better", "text"), [("n", ""), ("o", ", in favour of the control arm")])
def test_significance_says_which_arm_it_favors(tmp_path: Path, better: str, text: str) -> None:
    results = run(tmp_path, overwhelming(better))
    decision = one(results, "test decision").text
    assert decision.startswith("significant at 2-sided 0.05")
    assert decision.endswith(f"fixed sequence){text}")


# What comes out


def test_rows_have_the_schema_and_say_where_they_belong(tmp_path: Path) -> None:
    results = run(tmp_path, sixty(), analyses=made_trial.PRIMARY + SECOND, data=STRATA)
    table = results.table()
    assert tuple(table.columns) == COLUMNS
    assert table.height == len(results.rows)
    assert results.analyses == ("primary", "second")
    for row in results.rows:
        assert row.text, row
        assert (row.estimand, row.population, row.endpoint) == ("effect", "ITT", "OS")
        assert row.role == {"primary": "primary", "second": "sensitivity"}[row.analysis]
        assert row.toml_path == f"analyses.{row.analysis}"
        assert row.origin == "observed"
        assert row.value is None or math.isfinite(row.value)
        if row.statistic.endswith("limit"):
            assert row.level == 0.95
    keys = [(r.analysis, r.group, r.statistic, r.at) for r in results.rows]
    assert len(keys) == len(set(keys))


def test_numbers_are_those_of_the_survival_functions(tmp_path: Path) -> None:
    line = 'confidence = 0.9\nconf_type = "plain"\nties = "breslow"\nrho = 1\nlandmarks = ["100 days"]\n'
    results = run(tmp_path, sixty(), analyses=made_trial.PRIMARY + line)
    tte = sixty_as()
    model = cox(tte, ties="breslow", level=0.9)
    test = logrank(tte, rho=1)
    curve = kaplan_meier(tte, conf_type="plain", level=0.9)["n"]
    assert isinstance(model.conf_int, tuple)
    for statistic, group, expected in (
        ("hazard ratio", None, model.hazard_ratio),
        ("hazard ratio lower limit", None, model.conf_int[0]),
        ("hazard ratio upper limit", None, model.conf_int[1]),
        ("log-rank chi-square", None, test.statistic),
        ("log-rank z", None, test.z),
        ("test P", None, test.p_value),
        ("median", "new", curve.median),
        ("median lower limit", "new", curve.median_ci[0]),
        ("survival", "new", curve.at(["100 days"])[0].survival),
        ("survival upper limit", "new", curve.at(["100 days"])[0].upper),
        ("subjects", "new", 30.0),
    ):
        assert value(results, statistic, group) == expected, statistic
    assert one(results, "hazard ratio lower limit").level == 0.9
    assert "90% CI" in one(results, "sentence").text
    assert "Fleming-Harrington (1, 0)" in one(results, "test P").method


def test_the_risk_table_is_of_rows_and_adds_up(tmp_path: Path) -> None:
    results = run(tmp_path, sixty())
    for arm in ("new", "old"):
        sums: dict[float | None, float] = {}
        for row in results.rows:
            if row.group == arm and row.statistic in ("at risk", "events before", "censored before"):
                sums[row.at] = sums.get(row.at, 0.0) + (row.value or 0.0)
        assert len(sums) > 3
        assert set(sums.values()) == {30.0}


def test_benefit_turns_directions_but_not_the_hazard_ratio(tmp_path: Path) -> None:
    one_sided = made_trial.TESTING.replace("sided = 2", "sided = 1")
    harm = run(tmp_path, sixty(), testing=one_sided)
    changed = made_trial.ENDPOINT + 'event_is = "benefit"\n'
    benefit = run(tmp_path, sixty(), testing=one_sided, endpoint=changed)
    for same in ("hazard ratio", "hazard ratio lower limit", "log-rank chi-square", "log-rank P"):
        assert value(harm, same) == value(benefit, same)
    assert value(harm, "log-rank z") == -value(benefit, "log-rank z")
    assert value(harm, "test P") == pytest.approx(1 - value(benefit, "test P"), rel=1e-12)
    better = run(tmp_path, overwhelming("n"), endpoint=changed)
    assert "in favour of the control arm" in one(better, "test decision").text


def test_dummy_origin_reaches_every_row(tmp_path: Path) -> None:
    lines = made_trial.PRIMARY + 'subgroups = [{ column = "SEX", label = "Sex" }]\n' + SECOND
    trial = made_trial.protocol(tmp_path, analyses=lines)
    results = analyze.run(trial, made_trial.patients(trial, sixty()).with_dummy_labels(3))
    assert results.origin == "dummy"
    assert {row.origin for row in results.rows} == {"dummy"}
    assert any("DUMMY" in note for note in results.notes)


def test_assumed_items_are_notes(tmp_path: Path) -> None:
    results = run(tmp_path, sixty(), testing=made_trial.TESTING.replace("0.05", '{ value = 0.05, assumed = "usual" }'))
    assert results.notes == ("assumed: testing.alpha: usual",)


# Covariates


def adjusted(names: str) -> dict[str, str]:
    return {"analyses": made_trial.PRIMARY + f'test = "cox"\ncovariates = {names}\n'}


def test_covariates_enter_the_model(tmp_path: Path) -> None:
    results = run(tmp_path, sixty(), **adjusted('["age", "SEX"]'))
    model = cox(sixty_as(), {"AGE": BIG_AGE, "SEX": BIG_SEX})
    ratios = [r for r in results.rows if r.statistic == "hazard ratio"]
    assert [r.group for r in ratios] == ["new v old", "AGE", "SEX: M v F"]
    assert [r.value for r in ratios] == pytest.approx(np.exp(model.coef).tolist(), rel=1e-12)
    assert value(results, "test P") == model.p_value
    assert "adjusted" in ratios[0].method


def test_covariates_that_are_missing_are_refused(tmp_path: Path) -> None:
    holes = [None if i in (3, 4) else a for i, a in enumerate(BIG_AGE)]
    with pytest.raises(DataError, match=r"analysis primary: AGE is missing for 2 of 60 subjects.*subjects 004, 005"):
        run(tmp_path, sixty(AGE=holes), **adjusted('["AGE"]'))
    with pytest.raises(DataError, match=r"the covariate is not in the data \(column WEIGHT\)") as caught:
        run(tmp_path, sixty(), **adjusted('["WEIGHT"]'))
    assert "__event__" not in str(caught.value)


# Restricted means


def restricted(summary: str, months: str = "100 days") -> dict[str, str]:
    changed = made_trial.ESTIMAND.replace("hazard ratio", summary) + f'restriction_time = "{months}"\n'
    return {"estimand": changed}


def test_difference_in_restricted_means(tmp_path: Path) -> None:
    results = run(tmp_path, sixty(), **restricted("difference in restricted mean survival time"))
    means = rmst(sixty_as(), tau="100 days")
    assert value(results, "restricted mean", "new") == means["n"].rmst
    assert value(results, "restricted mean difference") == means.difference
    assert value(results, "test P") == means.p_value
    assert one(results, "restricted mean", "new").at == 100.0
    assert "difference in restricted means up to 100 days (days)" in one(results, "sentence").text
    assert not [r for r in results.rows if r.statistic == "hazard ratio"]


@pytest.mark.parametrize(
    ("line", "stratified"), [("", False), ("stratified = false", False), ("stratified = true", True)]
)
def test_restricted_means_are_stratified_when_asked_for(tmp_path: Path, line: str, stratified: bool) -> None:
    summary = restricted("difference in restricted mean survival time", "40 days")
    results = run(tmp_path, sixty(), data=STRATA, analyses=f"{made_trial.PRIMARY}{line}\n", **summary)
    means = rmst(sixty_as(BIG_REGION), tau="40 days", stratified=stratified)
    assert means.reason == ""
    assert value(results, "restricted mean difference") == means.difference
    assert value(results, "test P") == means.p_value
    assert ("unstratified" in one(results, "restricted mean difference").method) != stratified


@pytest.mark.parametrize("sided", [1, 2])
def test_a_ratio_of_means_is_tested_as_a_ratio(tmp_path: Path, sided: int) -> None:
    changed = made_trial.TESTING.replace("sided = 2", f"sided = {sided}")
    results = run(tmp_path, sixty(), testing=changed, **restricted("ratio of restricted mean survival times"))
    means = rmst(sixty_as(), tau="100 days")
    assert means.ratio is not None
    assert means.ratio.p_value != means.p_value
    log = math.log(means.ratio.estimate)
    z = log / (math.log(means.ratio.conf_int[1] / means.ratio.conf_int[0]) / (2 * norm.ppf(0.975)))
    expected = 2 * norm.sf(abs(z)) if sided == 2 else norm.sf(z)
    assert value(results, "test P") == pytest.approx(expected, rel=1e-9)
    assert "ratio of restricted means up to 100 days" in one(results, "sentence").text


def test_a_restriction_beyond_follow_up_is_not_estimable_and_stops_nothing_else(tmp_path: Path) -> None:
    results = run(
        tmp_path,
        made_trial.adtte(TIME, [0] * 7 + [1], ARM),
        **restricted("difference in restricted mean survival time", "200 days"),
    )
    difference = one(results, "restricted mean difference")
    assert (difference.value, difference.text) == (None, "not estimable")
    assert "tau = 200 days lies beyond the follow-up of" in difference.reason
    assert "largest tau that every arm supports" in difference.reason
    assert [w for w in results.warnings if w.startswith("primary: tau = 200 days")]
    assert one(results, "test P").text == "not estimable"


# Subgroups


def by(column: str, more: str = "") -> dict[str, str]:
    line = f'subgroups = [{{ column = "{column}", label = "Group" }}]\n{more}'
    return {"analyses": made_trial.PRIMARY + line}


@pytest.mark.parametrize(("stratified", "ties"), [(False, "efron"), (True, "efron"), (False, "breslow")])
def test_interaction_is_the_likelihood_ratio_of_two_models(tmp_path: Path, stratified: bool, ties: str) -> None:
    more = f'ties = "{ties}"\n'
    column = "REGIONV"
    results = run(tmp_path, sixty(), data=STRATA if stratified else "", **by(column, more))
    tte = sixty_as(BIG_REGION if stratified else None)
    new = np.array([a == "n" for a in BIG_ARM], dtype=float)
    levels = {k: np.array([v == k for v in BIG_VERIFIED], dtype=float) for k in ("south", "west")}
    small = cox(tte, levels, ties=ties)  # type: ignore[arg-type]
    large = cox(tte, {**levels, **{f"new x {k}": new * v for k, v in levels.items()}}, ties=ties)  # type: ignore[arg-type]
    expected = chi2.sf(2 * (large.loglik[1] - small.loglik[1]), 2)
    assert value(results, "interaction P") == pytest.approx(expected, rel=1e-9)


def test_subgroups_have_no_p_of_their_own(tmp_path: Path) -> None:
    results = run(tmp_path, sixty(), **by("SEX"))
    own = [r for r in results.rows if r.group.startswith("Group: ")]
    assert {r.group for r in own} == {"Group: F", "Group: M"}
    assert not [r for r in own if "P" in r.statistic.split()]
    assert len([r for r in results.rows if r.statistic == "interaction P"]) == 1
    for sex in "FM":
        inside = np.array([s == sex for s in BIG_SEX])
        part = cox(sixty_as().select(inside))
        group = f"Group: {sex}"
        assert value(results, "subgroup hazard ratio", group) == part.hazard_ratio
        count = int(inside.sum())
        sums = [value(results, f"subgroup subjects, {side}", group) for side in ("experimental", "control")]
        assert sum(sums) == count


def test_a_level_with_nobody_in_an_arm_says_so(tmp_path: Path) -> None:
    alone = ["new only" if i in (0, 2) else "both" for i in range(BIG)]
    results = run(tmp_path, sixty(SITE=alone), **by("SITE"))
    row = one(results, "subgroup hazard ratio", "Group: new only")
    assert (row.value, row.text, row.reason) == (None, "not estimable", "nobody in arm old")
    assert one(results, "subgroup hazard ratio", "Group: both").value is not None


def test_a_subgroup_of_one_level_has_no_interaction(tmp_path: Path) -> None:
    row = one(run(tmp_path, sixty(SITE=["all"] * BIG), **by("SITE")), "interaction P")
    assert (row.value, row.text, row.reason) == (None, "not estimable", "the subgroup has one level")


def test_subjects_without_a_level_are_counted(tmp_path: Path) -> None:
    holes = [None if i < 3 else s for i, s in enumerate(BIG_SEX)]
    results = run(tmp_path, sixty(SEX=holes), **by("SEX"))
    assert value(results, "subgroup missing") == 3
    counted = sum(r.value or 0 for r in results.rows if r.statistic.startswith("subgroup subjects"))
    assert counted == BIG - 3


def test_subgroups_that_cannot_be_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"not in the data \(column NONE\)"):
        run(tmp_path, sixty(), **by("NONE"))
    with pytest.raises(DataError, match=r"has \d+ levels \(column AGE\)"):
        run(tmp_path, sixty(), **by("AGE"))


def test_axis_marks_are_round_and_few() -> None:
    for unit, lasts in (("days", (1, 7, 400, 1000, 5000)), ("months", (0.5, 33, 61, 500)), ("years", (0.3, 12, 40))):
        for last in lasts:
            marks = time_marks(float(last), unit)  # type: ignore[arg-type]
            assert marks[0] == 0
            assert marks[-1] <= last + 1e-9
            assert len(marks) <= 9


@pytest.fixture(scope="module")
def veteran() -> tuple[Protocol, Patients]:
    from equipoise.data import read_adam

    trial = example("veteran")
    return trial, read_adam(None, trial)


def test_swapping_the_arms_of_the_estimand_inverts_the_hazard_ratio(veteran: tuple[Protocol, Patients]) -> None:
    trial, data = veteran
    tte = analyze.endpoint(trial, data, estimand="OS, treatment policy")
    there, back = cox(tte).hazard_ratio, cox(tte.swap()).hazard_ratio
    assert isinstance(there, float)
    assert back == pytest.approx(1 / there, rel=1e-12)


# Subjects without a record


def of_twelve(folder: Path, **changed: str) -> tuple[Protocol, pl.DataFrame, pl.DataFrame]:
    """ADSL of twelve in two arms (and one in a third), ADTTE that lacks the last seven of them."""
    adsl = pl.DataFrame(
        {
            "USUBJID": [f"{i:03d}" for i in range(1, 14)],
            "TRT01P": [*["new", "old"] * 6, "third"],
            "ITTFL": [*"Y" * 11, "N", "Y"],
        }
    )
    return made_trial.protocol(folder, **changed), made_trial.adtte([5, 8, 9, 4, 7], [1, 1, 0, 1, 1], "nonon"), adsl


def test_subjects_without_a_record_are_a_warning(tmp_path: Path) -> None:
    trial, frame, adsl = of_twelve(tmp_path, **population('flag = "ITTFL"'))
    data = made_trial.patients(trial, frame, adsl=adsl)
    want = "6 subjects of ITT have no record of OS and are left out (ADTTE frame, column PARAMCD, OS): "
    want += "006, 007, 008, 009, 010 and 1 more"
    assert analyze.without_record(trial, data) == [want]
    assert want in analyze.run(trial, data).warnings
    assert analyze.without_record(trial, made_trial.patients(trial, frame, adsl=adsl[:5])) == []
    one = analyze.without_record(trial, made_trial.patients(trial, frame, adsl=adsl[:6]))
    assert one == ["1 subject of ITT has no record of OS and is left out (ADTTE frame, column PARAMCD, OS): 006"]


def test_without_adsl_another_endpoint_tells_who_is_missing(tmp_path: Path) -> None:
    trial, frame, _ = of_twelve(tmp_path)
    other = made_trial.adtte([3] * 6, [1] * 6, "nonono").with_columns(PARAMCD=pl.lit("PFS"))
    found = analyze.without_record(trial, made_trial.patients(trial, pl.concat([frame, other])))
    assert found == ["1 subject of ITT has no record of OS and is left out (ADTTE frame, column PARAMCD, OS): 006"]
    assert analyze.without_record(trial, made_trial.patients(trial, frame)) == []


# Covariates that are no measurement and no category


def with_column(folder: Path, values: Sequence[object], summary: str = "") -> Results:
    changed = adjusted('["X"]')
    if summary:
        changed["analyses"] = changed["analyses"].replace('test = "cox"\n', "")
        changed["estimand"] = made_trial.ESTIMAND.replace("hazard ratio", summary)
    return run(folder, sixty(X=values), **changed)


def test_numbers_with_some_text_are_refused_as_times_are(tmp_path: Path) -> None:
    values = [str(40 + i) for i in range(60)]
    values[3] = values[7] = "unknown"
    what = (
        r"2 of 60 records hold text where a number is needed, such as 'unknown' \(ADTTE frame, column X, subjects 004"
    )
    with pytest.raises(DataError, match=what):
        with_column(tmp_path, values)
    # What is text throughout, or has more text than numbers, is a category; so are codes with leading zeros.
    for codes in (["a", "b", "c"], ["1", "2", "x", "y"], ["01", "02", "x"]):
        found = with_column(tmp_path, [codes[i % len(codes)] for i in range(60)])
        assert {r.group for r in found.rows if r.group.startswith("X: ")} == {f"X: {c} v {codes[0]}" for c in codes[1:]}


def test_text_with_a_level_for_nearly_everybody_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"the covariate has 60 levels for 60 subjects \(ADTTE frame, column X\)"):
        with_column(tmp_path, [f"id {i}" for i in range(60)])
    with pytest.raises(DataError, match=r"the covariate has 21 levels"):
        with_column(tmp_path, [f"site {i % 21}" for i in range(60)])
    groups = {r.group for r in with_column(tmp_path, [f"site {i // 3:02d}" for i in range(60)]).rows}
    assert sum(g.startswith("X: site") for g in groups) == 19


@pytest.mark.parametrize("kind", [7, "seven"])
def test_a_constant_covariate_is_a_warning_whether_number_or_text(tmp_path: Path, kind: object) -> None:
    term = "X" if kind == 7 else "X: seven alone"
    found = with_column(tmp_path, [kind] * 60)
    assert found.warnings == (f"primary: {term}: it says nothing that the strata and the terms before it do not",)
    assert one(found, "hazard ratio", term).value is None
    assert value(found, "hazard ratio", "new v old") == pytest.approx(cox(sixty_as()).hazard_ratio, rel=1e-9)
    marginal = with_column(tmp_path, [kind] * 60, "marginal hazard ratio")
    reason = f"the covariates are collinear within an arm: {term}"
    assert marginal.warnings == (f"primary: {reason}",)
    assert one(marginal, "marginal hazard ratio").reason == reason


def test_a_covariate_whose_squares_are_no_numbers_is_refused(tmp_path: Path) -> None:
    values = [float(i) for i in range(60)]
    values[2] = 1e300
    with pytest.raises(
        DataError, match=r"X is of a size .* that leaves no room for its squares \(column X, subject 003"
    ):
        with_column(tmp_path, values)


def test_analyses_alone_are_those_of_the_whole_run() -> None:
    trial = example("tandem")
    data = simulate.trial(trial, seed=2)
    alone, whole = analyze.run(trial, data, in_full=False), analyze.run(trial, data)
    left = {r.statistic for r in whole.rows if r.role not in FURTHER_PARTS} - {r.statistic for r in alone.rows}
    drawn = {"curve survival", "curve lower limit", "curve upper limit", "curve censored"}
    assert left == drawn | {"at risk", "events before", "censored before"}
    kept = [r for r in whole.rows if r.role not in FURTHER_PARTS and r.statistic not in left]
    assert list(alone.rows) == kept
    assert (alone.notes, alone.warnings) == (whole.notes, whole.warnings)
