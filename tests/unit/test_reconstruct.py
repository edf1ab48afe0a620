"""The reconstruction: targets with their margins, the search, the ensemble, the strain and its reference."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest
from tests.unit import published_trial as made

from equipoise.analyze import endpoint, tie_out
from equipoise.errors import EquipoiseError
from equipoise.protocol import Hazard, Printed, Protocol, PublishedNumber, example
from equipoise.reconstruct import (
    Calibration,
    Found,
    Targets,
    calibrate,
    digest,
    read_calibration,
    reconstruct,
    reconstruction,
    search,
    strain,
    targets,
)
from equipoise.reconstruct.ensemble import Quantity, as_patients, most_central, spread_rows, task_of
from equipoise.reconstruct.reprint import reprinted
from equipoise.results import Row
from equipoise.simulate import without_effect
from equipoise.survival import kaplan_meier


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Protocol:
    return made.protocol(tmp_path_factory.mktemp("trial"))


def aims(trial: Protocol, tier: Any = "A") -> Targets:
    return targets(trial, trial.scenario["stated"], tier)


def one(trial: Protocol, seed: int = 1, **how: Any) -> Found:
    task = task_of(trial, "stated", trial.scenario["stated"], "A", 0)
    return search(trial, task.model, task.targets, seed=seed, **how)


def with_numbers(trial: Protocol, *more: dict[str, Any]) -> Protocol:
    """The trial with further numbers."""
    numbers = (*trial.published.numbers, *(PublishedNumber.model_validate({"source": "paper", **n}) for n in more))
    return trial.model_copy(update={"published": trial.published.model_copy(update={"numbers": numbers})})


def last(trial: Protocol, **number: Any) -> tuple[float, float, float]:
    """The window of one more number."""
    return aims(with_numbers(trial, number)).searched[-1].window


# Targets


def test_windows_keep_a_margin_from_the_last_digit(trial: Protocol) -> None:
    searched = {t.number.statistic + (t.number.arm or ""): t for t in aims(trial).searched}
    low, high, _ = searched["hazard ratio"].window
    whole = math.log(0.595), math.log(0.605)
    width = whole[1] - whole[0]
    assert (low, high) == pytest.approx((whole[0] + 0.02 * width, whole[1] - 0.02 * width))
    low, high, _ = searched["medianold"].window
    assert (low, high) == pytest.approx(((4.05 + 0.002) * 30.4375, (4.15 - 0.002) * 30.4375))
    low, high, _ = searched["P"].window
    assert (low, high) == pytest.approx((-1.96 * 0.96, 1.96 * 0.96), abs=1e-4)
    assert searched["crossed overold"].window[:2] == (34.0, 34.0)


def test_a_p_value_is_a_window_of_z_on_its_side(trial: Protocol) -> None:
    low, high, _ = last(trial, statistic="P", estimand="PFS", printed="0.05")
    assert (low, high) == pytest.approx((1.9189 + 0.02 * 0.0858, 2.0047 - 0.02 * 0.0858), abs=1e-3)  # favours new
    ratio = {"statistic": "hazard ratio", "estimand": "OS", "printed": "1.30"}
    one_word = [n for n in trial.published.numbers if n.printed.word != "not significant"]
    other = trial.model_copy(update={"published": trial.published.model_copy(update={"numbers": tuple(one_word)})})
    against = aims(with_numbers(other, ratio, {"statistic": "P", "estimand": "OS", "printed": "0.05"})).searched[-1]
    assert against.window[1] == pytest.approx(-low)
    bound = last(trial, statistic="P", estimand="PFS", printed="<0.001")
    assert bound[:2] == (pytest.approx(3.2905 + 0.01, abs=1e-4), math.inf)


def test_bounds_keep_a_margin_of_their_own_size(trial: Protocol) -> None:
    """A rate below 1% is one that cohorts can have: the margin is small beside a standard error of it."""
    low, high, _ = last(trial, statistic="event-free rate", estimand="OS", arm="old", at="12 months", printed="<1%")
    assert low == -math.inf
    assert 0.009 < high < 0.01


def test_counts_lose_no_margin(trial: Protocol) -> None:
    """Two counts that print so are both allowed: of 122, 85 and 86 print 70%."""
    window = last(trial, statistic="events", estimand="PFS", printed="70%")
    assert window[:2] == (85.0, 86.0)
    found = one(with_numbers(trial, {"statistic": "events", "estimand": "OS", "printed": "70%"}), steps=200_000)
    (event,) = (j for j, t in enumerate(found.targets.searched) if t.number.statistic == "events")
    assert found.gaps[event] == 0
    assert found.values[event] in (85.0, 86.0)


def test_days_of_a_rate_and_of_those_known_to_be_free(trial: Protocol) -> None:
    at = {"estimand": "OS", "arm": "old", "at": "24 months"}  # 730.5 days
    rate = with_numbers(trial, {"statistic": "event-free rate", "printed": "50%", **at})
    free = with_numbers(trial, {"statistic": "known event-free", "printed": "20", **at})
    assert aims(rate).rows[-1, 4] == 730
    assert aims(free).rows[-1, 4] == 731  # who had the event on day 730 was not free of it after 730.5 days


def test_the_search_and_the_tie_out_count_alike(trial: Protocol) -> None:
    more = [
        {"statistic": "known event-free", "estimand": "OS", "arm": a, "at": at, "printed": "20"}
        for a in ("new", "old") for at in ("6 months", "12 months", "100 days")
    ]  # fmt: skip
    more += [
        {"statistic": "event-free rate", "estimand": e, "arm": "old", "at": at, "printed": "50%"}
        for e in ("OS", "PFS", "marked") for at in ("6 months", "14 months", "84 days")
    ]  # fmt: skip
    more += [{"statistic": "events", "estimand": e, "printed": "50"} for e in ("OS", "PFS", "marked")]
    wide = with_numbers(trial, *more)
    found = one(wide, seed=4, steps=0, attempts=1)
    ties = {t.index: t for t in tie_out(wide, as_patients(wide, found))}
    for target, value in zip(found.targets.searched, found.values, strict=True):
        computed = ties[target.index].value
        if target.number.statistic in ("known event-free", "events", "event-free rate", "crossed over"):
            assert value == pytest.approx(computed), target.name
        elif target.number.statistic == "hazard ratio":
            assert math.exp(value) == pytest.approx(computed, rel=1e-6)
        elif target.number.statistic == "median":  # before the search a curve may stand at one half: R takes the middle
            assert value / 30.4375 <= computed + 1e-9


@pytest.mark.parametrize("conf_type", ["plain", "log", "log-log", None])
def test_limits_of_a_median_are_those_of_the_analysis(trial: Protocol, conf_type: Any) -> None:
    more = [
        {"statistic": f"median {side} limit", "estimand": "PFS", "arm": arm, "printed": text, "conf_type": conf_type}
        for side, text in (("lower", "1.0"), ("upper", "20.0")) for arm in ("new", "old")
    ]  # fmt: skip
    found = one(with_numbers(trial, *more), seed=2, steps=0, attempts=1)
    curves = kaplan_meier(endpoint(trial, as_patients(trial, found), estimand="PFS"), conf_type=conf_type)
    limits = [curves[arm].median_ci[side] for side in (0, 1) for arm in ("new", "old")]
    assert found.values[-4:] == pytest.approx(limits)


def test_a_population_by_a_value_of_a_factor(tmp_path: Path) -> None:
    """Where a population is those with a value of a column, the search takes the same patients as the tie-out."""
    head = made.HEAD.replace('flag = "MARKFL"', 'where = { REGION = "East" }')
    scenario = made.SCENARIO.replace("factors = { MARKFL = {", "factors = { REGION = {").replace(
        "levels = { Y = 0.6, N = 0.4 }, progression = { Y = 0.9, N = 1.2 }", "levels = { East = 0.6, West = 0.4 }"
    )
    numbers = made.NUMBERS.replace(
        '{ statistic = "subjects", population = "marked", printed = "74", source = "paper" },',
        '{ statistic = "median", estimand = "marked", arm = "old", printed = "4.6", source = "paper" },',
    )
    trial = made.protocol(tmp_path, numbers, head=head, scenario=scenario)
    found = one(trial)
    assert found.agrees
    assert [t.name for t in tie_out(trial, as_patients(trial, found)) if not t.agrees] == []


def test_counts_that_several_printings_allow(trial: Protocol) -> None:
    """12% of 60 is 7; 7 of them, and 11.7%, are the same: the count is in what all allow, whatever their order."""
    events = {"statistic": "adverse event", "arm": "new"}
    wide = with_numbers(trial, {**events, "printed": "82%"}, {**events, "printed": "49"})
    assert aims(wide).event_counts["new", -1] == 49
    assert aims(trial).event_counts == {("new", 1): 7}


# The search


def test_the_same_seed_gives_the_same_patients(trial: Protocol) -> None:
    first, again, other = (as_patients(trial, one(trial, seed)) for seed in (5, 5, 6))
    for name, frame in first.frames().items():
        assert frame.equals(again.frames()[name]), name
    assert not first.adtte.equals(other.adtte)


def test_every_number_is_met_and_printed(trial: Protocol) -> None:
    found = one(trial, seed=7)
    assert found.agrees
    assert found.distance == 0
    assert [t.name for t in tie_out(trial, as_patients(trial, found)) if not t.agrees] == []


def test_responders_are_counted_in_their_flag(tmp_path: Path) -> None:
    more = "".join(
        f'{{ statistic = "responders", outcome = "objective response", column = "RESPFL", arm = "{arm}", '
        f'printed = "{text}", source = "paper" }},\n'
        for arm, text in (("new", "45%"), ("new", "27"), ("old", "12.9%"))
    )
    trial = made.protocol(tmp_path, more=more)
    found = one(trial)
    ties = [t for t in tie_out(trial, as_patients(trial, found)) if t.number.statistic == "responders"]
    assert [(t.computed, t.agrees) for t in ties] == [("45% (27 of 60)", True), ("27 of 60", True),
                                                      ("12.9% (8 of 62)", True)]  # fmt: skip
    adsl = as_patients(trial, found).adsl
    assert adsl is not None
    days = found.cohort.column("pfs_day")
    responds = (adsl["RESPFL"] == "Y").to_numpy()
    assert np.median(days[responds]) > np.median(days)
    assert as_patients(trial, one(trial)).adsl.equals(adsl)  # type: ignore[union-attr]


def test_numbers_of_a_stratified_analysis_are_met_and_printed(tmp_path: Path) -> None:
    """Ratio, limits and test by strata, an unstratified test beside them, medians of whole arms."""
    numbers = made.NUMBERS.replace('printed = "0.60"', 'printed = "0.57", stratified = true')
    wanted = (
        ("hazard ratio lower limit", '"0.39"', "true"), ("hazard ratio upper limit", '"0.85"', "true"),
        ("P", '"0.005"', "true"), ("P", '"0.02"', "false"),
    )  # fmt: skip
    more = "".join(
        f'{{ statistic = "{what}", estimand = "PFS", printed = {text}, stratified = {yes}, source = "paper" }},\n'
        for what, text, yes in wanted
    )
    two = "REGION = { levels = { East = 0.3, West = 0.7 }, progression = { East = 2.5 } }, "
    strata = '[data]\nstrata = { as_randomized = ["REGION", "MARKFL"] }\n'
    scenario = made.SCENARIO.replace("factors = { ", "factors = { " + two)
    trial = made.protocol(tmp_path, numbers, more, scenario=scenario, analyses=made.ANALYSES + strata)
    found = one(trial)
    assert found.agrees
    assert {s.strata for s in found.targets.sets} == {("REGION", "MARKFL"), ()}
    ties = tie_out(trial, as_patients(trial, found))
    assert [(t.name, t.computed) for t in ties if not t.agrees] == []
    of_pfs = [t for t in ties if t.number.estimand == "PFS" and t.number.statistic != "median"]
    assert len(of_pfs) == 5
    assert ["stratified by REGION and MARKFL" in t.method for t in of_pfs] == [True, True, True, True, False]


def test_an_ensemble_does_not_depend_on_threads(trial: Protocol, no_strain: None) -> None:
    rebuilt = reconstruct(trial, cohorts=2, seed=8)
    assert rebuilt.agrees
    number = rebuilt.found[0].cohort.number
    alone = one(trial, seed=8, number=number)
    assert as_patients(trial, alone).adtte.equals(rebuilt.patients.adtte)


@pytest.fixture
def no_strain(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reference that is at hand: its 200 rebuilt trials are no part of what is tested."""
    known = Calibration(digest="", reference=(0.5, 1.0), seed=1, version="")
    monkeypatch.setattr(reconstruction, "_calibration", lambda *_: known)
    monkeypatch.setattr(reconstruction, "COHORTS", 2)


def test_one_cohort_and_a_median_that_nobody_reaches(
    tmp_path: Path, no_strain: None, recwarn: pytest.WarningsRecorder
) -> None:
    """What is missing in every cohort, or has no spread, says nothing about which cohort is the most central."""
    slow = made.SCENARIO.replace('death_before_progression = { median = "60 months" }', "").replace(
        'death_after_progression = { median = "8 months" }', 'death_after_progression = { median = "500 months" }'
    )
    rebuilt = reconstruct(made.protocol(tmp_path, scenario=slow), cohorts=1)
    assert rebuilt.agrees
    assert [str(w.message) for w in recwarn if issubclass(w.category, RuntimeWarning)] == []


def test_the_closest_cohort_says_what_it_misses(trial: Protocol) -> None:
    fight = with_numbers(trial, {"statistic": "hazard ratio upper limit", "estimand": "PFS", "printed": "0.61"})
    rebuilt = reconstruct(fight, cohorts=2)
    assert not rebuilt.agrees
    assert rebuilt.rows == ()
    assert rebuilt.calibration is None
    (told,) = rebuilt.patients.notes
    assert "moved towards" in told
    assert f"of which {(rebuilt.found[0].gaps > 0).sum()} are NOT met" in told
    (first, *others) = rebuilt.warnings
    assert first.startswith("no cohort meets every published number; the closest misses: PFS: ")
    assert any(o.endswith("the others are all met") for o in others)
    missed = {t.name for t, gap in zip(rebuilt.found[0].targets.searched, rebuilt.found[0].gaps, strict=True) if gap}
    assert all(name in first for name in missed)
    wrong = {f"PFS: {t.number.statistic}" for t in tie_out(fight, rebuilt.patients) if not t.agrees}
    assert {name.rpartition(" ")[0] for name in missed} == wrong


def test_a_strain_without_a_reference_costs_no_patients(trial: Protocol, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: Any) -> Calibration:
        raise EquipoiseError("only 3 of 820 trials of the model could be rebuilt from their own numbers")

    monkeypatch.setattr(reconstruction, "_calibration", none)
    monkeypatch.setattr(reconstruction, "COHORTS", 2)
    rebuilt = reconstruct(trial, cohorts=2)
    assert rebuilt.agrees
    assert any(w.startswith("the strain of the model has no reference: only 3 of 820") for w in rebuilt.warnings)
    texts = {r.statistic: r.text for r in rebuilt.rows if r.group == "stated model"}
    assert "strain" in texts
    assert "strain P" not in texts


# The ensemble


def quantity(*values: float, statistic: str = "hazard ratio") -> Quantity:
    return Quantity(row=Row(analysis="PFS", statistic=statistic, text="", unit=""), values=values)


def test_spread_rows_are_smallest_middle_largest() -> None:
    rows = list(
        spread_rows([quantity(0.5, 0.9, 0.6), quantity(10.0, math.nan, 12.04, statistic="median")], "simulated")
    )
    assert [(r.statistic, r.text) for r in rows] == [
        ("PFS: hazard ratio, smallest", "0.50"), ("PFS: hazard ratio, middle", "0.60"),
        ("PFS: hazard ratio, largest", "0.90"), ("PFS: median, smallest", "10.0"), ("PFS: median, middle", "11.0"),
        ("PFS: median, largest", "12.0"),
    ]  # fmt: skip
    assert {r.reason for r in rows if "median" in r.statistic} == {"not estimable in 1 cohorts"}
    assert {r.origin for r in rows} == {"simulated"}
    assert rows[0].method == "3 cohorts, conditional on these models; not a confidence interval"
    assert list(spread_rows([quantity(math.nan, math.nan)], "simulated")) == []


def test_a_median_that_some_cohorts_do_not_reach_is_no_finite_largest() -> None:
    rows = list(spread_rows([quantity(12.0, math.inf, 10.0, math.inf, 11.0, statistic="median")], "simulated"))
    assert [r.text for r in rows] == ["10.0", "12.0", "not reached"]
    assert rows[-1].value is None


def test_strain_of_too_few_cohorts_is_not_estimable(trial: Protocol) -> None:
    one = toy([0.5, 0.5], [0, 1], 1, trial)
    known = Calibration(digest="", reference=(0.5, 1.0), seed=1, version="")
    met = [SimpleNamespace(agrees=j < reconstruction.COHORTS // 2, cohort=one.cohort) for j in range(8)]
    rows = {r.statistic: r for r in reconstruction._strain_of(trial, "model", met, known)}  # type: ignore[arg-type]
    assert rows["strain"].text == "not estimable"
    assert rows["strain"].reason == "only 4 of 8 cohorts meet every number"
    assert "strain P" not in rows


def test_the_most_central_cohort_by_hand() -> None:
    far = [quantity(0.0, 1.0, 2.0, 3.0, 10.0), quantity(5.0, 4.0, 0.0, 3.0, 2.0)]
    # Middles 2 and 3; quartiles 1 and 3, 2 and 4: cohort 3 is half a spread away, cohort 1 likewise half and half.
    assert most_central(far, [0, 1, 2, 3, 4]) == 3
    assert most_central(far, [0, 1]) == 1
    assert most_central([quantity(1.0, math.nan, 3.0)], [1, 2]) == 1
    assert most_central([quantity(1.0, 1.0)], [1]) == 1
    assert most_central([], [0]) == 0


# The strain


def toy(uniforms: list[float], arm: list[int], place: int, trial: Protocol) -> Any:
    u = np.full((len(uniforms), 9), 0.99)
    u[:, place] = uniforms
    task = task_of(trial, "stated", trial.scenario["stated"], "A", 0)
    return SimpleNamespace(cohort=SimpleNamespace(
        uniforms=u, baseline=SimpleNamespace(arm=np.array(arm)), model=task.model))  # fmt: skip


def test_the_strain_by_hand(trial: Protocol) -> None:
    """-log(1 - u) of 1 - 1/e is 1, of 1 - 1/e**2 is 2, of 0 is 0."""
    one, two, none = 1 - math.exp(-1), 1 - math.exp(-2), 0.0
    first = toy([two, two, one, none], [0, 0, 1, 1], 1, trial)  # new: 2 / sqrt 2; old: -1 / sqrt 2
    assert strain(trial, [first]) == pytest.approx(math.sqrt(2))
    second = toy([none, none, none, none], [0, 0, 1, 1], 1, trial)  # new: -2 / sqrt 2; old: -2 / sqrt 2
    assert strain(trial, [first, second]) == pytest.approx(1.5 / math.sqrt(2))  # new: 0; old: -3 / 2 / sqrt 2
    assert strain(trial, [second]) == pytest.approx(math.sqrt(2))


def test_the_strain_of_survival_is_that_of_the_law_of_death(tmp_path: Path, trial: Protocol) -> None:
    none = made.ANALYSES.replace('[analyses.PFS]\nestimand = "PFS"', '[analyses.PFS]\nestimand = "OS"')
    survival = made.protocol(tmp_path, analyses=none)
    two = 1 - math.exp(-2)
    assert strain(survival, [toy([two, two], [0, 1], 3, survival)]) == pytest.approx(
        max(1.0, abs(-math.log(0.01) - 1) * 0 + 1.0)
    )
    alone = survival.scenario["stated"].model_copy(update={
        "progression": Hazard.model_validate({"pieces": [{"monthly_hazard": 0.0}]})
    })  # fmt: skip
    only = survival.model_copy(update={"scenario": {"stated": alone}})
    assert strain(only, [toy([two, two], [0, 1], 2, only)]) == pytest.approx(1.0)


def test_p_values_of_a_reference() -> None:
    known = Calibration(digest="x", reference=(0.1, 0.2, 0.3, 0.4), seed=1, version="0")
    assert [known.p_value(x) for x in (0.0, 0.2, 0.35, 0.4, 9.0)] == [1.0, 0.8, 0.4, 0.4, 0.2]


def test_a_reference_is_stored_and_read(tmp_path: Path) -> None:
    known = Calibration(digest="x", reference=(0.1, 0.25), seed=3, version="0.1", power=(("none", 1, 2),))
    path = tmp_path / "strain.json"
    path.write_text(known.to_json())
    assert read_calibration(path) == replace(known, stored=True)
    assert read_calibration(tmp_path / "none.json") is None
    for broken in ("", "{", "[]", '{"digest": "x"}', json.dumps({**json.loads(known.to_json()), "power": 5})):
        path.write_text(broken)
        assert read_calibration(path) is None


def test_the_stored_reference_is_that_of_the_bundled_trial() -> None:
    trial = example("tandem")
    held = read_calibration(trial.source.with_suffix(".strain.json"))
    assert held is not None
    assert held.digest == digest(trial, trial.scenario["stated"], "A")


def test_the_stored_reference_is_whole() -> None:
    trial = example("tandem")
    held = read_calibration(trial.source.with_suffix(".strain.json"))
    assert held is not None
    assert len(held.reference) == 200
    assert all(of == 100 for _, _, of in held.power)


def test_a_reference_is_made_again_from_the_same_numbers(trial: Protocol) -> None:
    scenario = trial.scenario["stated"]
    told: list[float] = []
    known = calibrate(trial, scenario, "A", seed=1, rebuilds=2, progress=told.append)
    assert told == [0.5, 1.0]
    assert known.digest == digest(trial, scenario, "A")
    assert known.reference == tuple(sorted(known.reference))
    assert all(0 <= r < 4 for r in known.reference)


def test_what_a_simulated_trial_prints(trial: Protocol) -> None:
    wide = with_numbers(
        trial,
        {"statistic": "P", "estimand": "PFS", "printed": "<0.001"},
        {"statistic": "events", "estimand": "PFS", "printed": "70%"},
        {"statistic": "event-free rate", "estimand": "OS", "arm": "old", "at": "12 months", "printed": "50%"},
    )
    found = one(wide, seed=2, steps=0, attempts=1)
    values = found.values.copy()
    place = {t.number.statistic: j for j, t in enumerate(found.targets.searched)}
    values[place["P"]] = 4.2
    values[place["events"]] = 61.0
    values[place["event-free rate"]] = 0.5049
    values[place["hazard ratio"]] = math.log(0.625)
    said = {n.statistic: str(n.printed) for n in reprinted(wide, found.targets, values).published.numbers}
    assert said["P"] == "<0.001"  # a published bound stays one
    assert said["events"] == "50%"  # of both arms
    assert said["event-free rate"] == "50%"
    assert said["hazard ratio"] == "0.63"
    values[place["P"]] = 2.0
    said = {n.statistic: str(n.printed) for n in reprinted(wide, found.targets, values).published.numbers}
    assert said["P"] == "0.05"


def changed_number(trial: Protocol, place: int, **update: Any) -> Protocol:
    numbers = list(trial.published.numbers)
    numbers[place] = numbers[place].model_copy(update=update)
    return trial.model_copy(update={"published": trial.published.model_copy(update={"numbers": tuple(numbers)})})


def test_the_digest_names_the_model_and_the_targets(trial: Protocol, tmp_path: Path) -> None:
    stated = trial.scenario["stated"]
    known = digest(trial, stated, "A")
    factor = stated.factors["MARKFL"]
    same = {
        "label of the model": (trial, stated.model_copy(update={"label": "Otherwise"})),
        "label of a factor": (
            trial,
            stated.model_copy(update={"factors": {"MARKFL": factor.model_copy(update={"label": "Other"})}}),
        ),
        "label of a number": (changed_number(trial, 3, label="HR"), stated),
        "source of a number": (changed_number(trial, 3, source="other"), stated),
        "label of a visit": (
            made.protocol(tmp_path, visits=made.VISITS.replace("Tumor assessment", "Imaging")), stated),
        "weights": (trial, stated.model_copy(update={"weight": None, "missed_doses": 0.5})),
    }  # fmt: skip
    for what, (changed, scenario) in same.items():
        assert digest(changed, scenario, "A") == known, what
    slower = stated.progression.model_copy(update={"median": "4.1 months"})
    other = {
        "hazard": (trial, stated.model_copy(update={"progression": slower})),
        "ratio": (trial, without_effect(stated)),
        "factor": (trial, stated.model_copy(update={"factors": {}})),
        "cut-off": (trial, stated.model_copy(update={"cutoff": "31 months"})),
        "target": (changed_number(trial, 3, printed=Printed.read("0.61")), stated),
        "one target more": (with_numbers(trial, {"statistic": "events", "estimand": "OS", "printed": "50"}), stated),
        "visits": (made.protocol(tmp_path, visits=made.VISITS.replace("6 weeks", "7 weeks")), stated),
        "population": (made.protocol(tmp_path, head=made.HEAD.replace("MARKFL", "OTHERFL")), stated),
        "primary endpoint": (
            made.protocol(tmp_path, analyses=made.ANALYSES.replace('estimand = "PFS"', 'estimand = "OS"')), stated),
        "level": (made.protocol(tmp_path, analyses=made.ANALYSES.replace("alpha = 0.05", "alpha = 0.04")), stated),
    }  # fmt: skip
    for what, (changed, scenario) in other.items():
        assert digest(changed, scenario, "A") != known, what


def test_no_effect_of_progression_and_of_survival() -> None:
    stated = example("tandem").scenario["stated"]
    progression = without_effect(stated)
    assert dict(progression.progression.hazard_ratio) == {"T+A": 1.0}
    assert progression.death_after_progression == stated.death_after_progression
    survival = without_effect(stated, of="survival")
    assert dict(survival.death_after_progression.hazard_ratio) == {"A": 1.0}
    assert dict(without_effect(stated, 0.4).progression.hazard_ratio) == {"T+A": 0.4}


def test_patients_say_how_they_were_made(trial: Protocol) -> None:
    found = one(trial, seed=7)
    data = as_patients(trial, found)
    assert data.origin == "reconstructed"
    assert f"seed 7, trial number 0, {found.steps} steps" in data.notes[0]
    assert "5 printed numbers of tier A" in data.notes[0]
    assert data.adtte.filter(pl.col("PARAMCD") == "PFS").height == 122
