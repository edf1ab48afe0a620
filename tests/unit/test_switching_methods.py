"""IPE, two-stage estimation and weights for switching: what is refused, and what is a result with its reason."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest

from equipoise import results
from equipoise.analyze.switching import Switches, ipcw, ipe, msm, two_stage, two_stage_g
from equipoise.analyze.switching.ipe import iterated
from equipoise.analyze.switching.redraw import paths_of, sample_of
from equipoise.errors import DataError, EquipoiseError, UnsupportedError
from equipoise.survival import TimeToEvent, TimeVarying, accelerated
from equipoise.survival.convention import ArgumentError

NEVER = math.inf
N = 80


def subjects(seed: int = 3) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    arm = np.arange(N) % 2
    time = np.ceil(rng.exponential(60, N)) + 6
    progression = np.minimum(np.ceil(time * rng.uniform(0.2, 0.6, N)), time - 2)
    some = (arm == 0) & (rng.random(N) < 0.6)
    switch = np.where(some, np.minimum(progression + rng.integers(0, 4, N), time - 1), NEVER)
    return {
        "time": time, "event": np.where(rng.random(N) < 0.85, 1, 0), "arm": np.where(arm == 1, "B", "A"),
        "switch": switch, "progression": progression, "administrative": time + 50,
    }  # fmt: skip


def record(covariates: Any = None, strata: Any = None, **changed: Any) -> Switches:
    d = {**subjects(), **changed}
    tte = TimeToEvent(d["time"], d["event"], d["arm"], control="A", experimental="B", unit="days", strata=strata)
    return Switches(
        tte=tte, switch=d["switch"], progression=d["progression"], administrative=d["administrative"],
        covariates=covariates or {"age": np.arange(N) % 7},
    )  # fmt: skip


def marker(**more: Any) -> dict[str, TimeVarying]:
    rng = np.random.default_rng(9)
    days = np.arange(0, 200, 10)
    one = {
        "subject": np.repeat(np.arange(1, N + 1), len(days)), "start": np.tile(days, N),
        "value": rng.integers(0, 2, N * len(days)), "unit": "days",
    }  # fmt: skip
    return {"marker": TimeVarying(**{**one, **more})}


METHODS: dict[str, Any] = {
    "ipe": lambda r, **more: ipe(r, **more),
    "two-stage": lambda r, **more: two_stage(r, **more),
    "g-estimation": lambda r, **more: two_stage_g(r, marker(), **more),
    "ipcw": lambda r, **more: ipcw(r, marker(), **more),
    "msm": lambda r, **more: msm(r, marker(), **more),
}


def refused(call: Any, *said: str, kind: type[Exception] = EquipoiseError) -> None:
    with pytest.raises(kind) as caught:
        call()
    for text in said:
        assert text in str(caught.value), str(caught.value)


@pytest.mark.parametrize("name", METHODS)
def test_results_say_what_they_rest_on(name: str) -> None:
    found = METHODS[name](record(), covariates=["age"])
    assert math.isfinite(found.hazard_ratio)
    assert "had nobody switched" in str(found)
    assert found.method in str(found)
    assert found.assumption
    assert found.hazard_ratio == pytest.approx(math.exp(float(found.model.coef[0])))
    table = found.table()
    assert table.filter(table["statistic"] == "hazard ratio")["value"][0] == found.hazard_ratio
    assert (table["method"] != "").all()
    said = table["statistic"].str.ends_with(" on switching")
    assert "assumption on switching" in table["statistic"].to_list()
    assert (table.filter(table["value"].is_null() & ~said)["reason"] != "").all()
    assert table.filter(table["statistic"] == "warning on switching")["text"].to_list() == list(found.warnings)
    assert pickle.loads(pickle.dumps(found)).hazard_ratio == found.hazard_ratio


@pytest.mark.parametrize("name", METHODS)
def test_common_arguments_are_checked(name: str) -> None:
    method = METHODS[name]
    refused(lambda: method(record(), covariates=["weight"]), "no covariate 'weight'", "age")
    refused(lambda: method(record(), level=1.5), "level")
    refused(lambda: method(record(), stratified=True), "no strata")


@pytest.mark.parametrize("name", ["ipe", "two-stage", "g-estimation"])
def test_recensoring_needs_the_end(name: str) -> None:
    method = METHODS[name]
    refused(lambda: method(record(administrative=None)), "administrative", kind=DataError)
    assert math.isfinite(method(record(administrative=None), recensor=False).hazard_ratio)
    refused(lambda: method(record(), recensor="some"), "recensor")


@pytest.mark.parametrize("name", ["ipcw", "msm"])
def test_weights_are_asked_for_in_words_that_mean_something(name: str) -> None:
    method = METHODS[name]
    for truncate in ((0.6, 0.9), (0.1,), "upper", (0.1, 0.4), (-0.1, 0.9), (0.1, True)):
        refused(lambda t=truncate: method(record(), truncate=t), "truncate", "0.99")
    for df in (-1, 1.5, "3"):
        refused(lambda d=df: method(record(), time_df=d), "time_df")
    refused(lambda: method(record(), ties="discrete"), "ties")
    refused(lambda: method(record(), stabilized="no"), "stabilized")


def test_words_that_are_unknown() -> None:
    refused(lambda: ipcw(record(), marker(), model="probit"), "probit", "logistic")  # type: ignore[arg-type]
    refused(lambda: ipe(record(), distribution="gamma"), "gamma", "lognormal")  # type: ignore[arg-type]
    refused(lambda: two_stage(record(), distribution="gamma"), "gamma", "lognormal")  # type: ignore[arg-type]
    refused(lambda: two_stage(record(), since="randomization"), "since", "switch")  # type: ignore[arg-type]
    refused(lambda: two_stage(record(), offset=-1), "offset")
    refused(lambda: two_stage_g(record(), marker(), search="newton"), "newton")  # type: ignore[arg-type]
    refused(lambda: two_stage_g(record(), marker(), grid=[1, 0]), "ascending")
    refused(lambda: accelerated(record().tte, distribution="gamma"), "gamma")  # type: ignore[arg-type]


def test_visits_are_needed() -> None:
    for method in (ipcw, msm, two_stage_g):
        refused(lambda m=method: m(record(), {}), "no visits", "TimeVarying")
        refused(lambda m=method: m(record(), {"age": np.zeros(N)}), "no TimeVarying")
        refused(lambda m=method: m(record(), {"age": marker()["marker"]}, covariates=["age"]), "given twice")
        late = marker(start=np.tile(np.arange(5, 205, 10), N))
        refused(lambda m=method, v=late: m(record(), v), "not known from the start", kind=DataError)
    assert math.isfinite(ipcw(record(), {}, model="cox", covariates=["age"]).hazard_ratio)


def test_progression_is_needed() -> None:
    refused(lambda: two_stage(record(progression=None)), "progression", kind=DataError)
    refused(lambda: two_stage_g(record(progression=None), marker()), "progression", kind=DataError)


def test_no_time_left_after_progression() -> None:
    d = subjects()
    first = int(np.flatnonzero((d["arm"] == "A") & (d["switch"] == NEVER))[0])
    d["progression"][first] = d["time"][first]
    r = record(progression=d["progression"])
    refused(lambda: two_stage(r), "no time is left", "offset=1", f"subject {first + 1}", kind=DataError)
    assert math.isfinite(two_stage(r, offset=1).hazard_ratio)


def test_covariates_at_progression_are_checked() -> None:
    refused(lambda: two_stage(record(), {"ecog": np.zeros(3)}), "ecog", "shape", kind=DataError)
    refused(lambda: two_stage(record(), [np.zeros(N)]), "mapping")  # type: ignore[arg-type]
    refused(lambda: two_stage(record(), {"age": np.zeros(N)}, covariates=["age"]), "given twice")
    missing = np.where(np.isfinite(subjects()["progression"]), np.nan, 0.0)
    refused(lambda: two_stage(record(), {"ecog": missing}), "ecog", kind=DataError)


def test_covariates_at_progression_are_read_where_there_was_one() -> None:
    d = subjects()
    without = (d["switch"] == NEVER) & (np.arange(N) % 3 == 0)
    r = record(progression=np.where(without, NEVER, d["progression"]))
    ecog = np.where(without | (d["arm"] == "B"), np.nan, np.arange(N) % 2)
    assert math.isfinite(two_stage(r, {"ecog": ecog}).hazard_ratio)


def test_a_switch_before_progression_counts_as_progression() -> None:
    d = subjects()
    never_seen = np.where(np.isfinite(d["switch"]), NEVER, d["progression"])
    seen_then = np.where(np.isfinite(d["switch"]), d["switch"], d["progression"])
    one, other = (two_stage(record(progression=p)) for p in (never_seen, seen_then))
    assert one.hazard_ratio == other.hazard_ratio


def test_time_lived_before_the_switch_is_told() -> None:
    """By hand: A's two who switched progressed on day 2, switched on 5 and 3, lived to 12 and 32: 4 of 40 days."""
    time, arm = [6, 4, 12, 8, 10, 32, 7, 6, 9, 12, 14, 16], ["A"] * 6 + ["B"] * 6
    tte = TimeToEvent(time, [1] * 12, arm, control="A", experimental="B", unit="days")
    progression = [2.0, 1, 2, 6, NEVER, 2] + [5.0] * 6

    def told(second: float) -> list[str]:
        switch = [NEVER, NEVER, second, NEVER, NEVER, 3] + [NEVER] * 6
        r = Switches(tte=tte, switch=switch, progression=progression, administrative=[40] * 12)
        return [text for text in two_stage(r, distribution="exponential").warnings if "immortal" in text]

    assert [text.partition(" of those")[0] for text in told(5)] == ["10.0% of the time after progression"]
    assert len(told(2)) == 1  # 1 of 40
    assert told(1) != told(2)
    assert told(1)[0].startswith("2.4% ")  # who switched before the progression was seen: from then on, 1 of 41


def test_time_zero() -> None:
    time = subjects()["time"]
    time[3] = 0.0
    progression = np.minimum(subjects()["progression"], time)
    refused(lambda: ipe(record(time=time, progression=progression)), "zero", "subject 4", kind=DataError)
    tte = TimeToEvent([0, 3, 4], [1, 1, 1], unit="days")
    refused(lambda: accelerated(tte), "zero", "subject 1", kind=DataError)


def test_what_accelerated_does_not_take() -> None:
    late = TimeToEvent([3, 4, 5], [1, 1, 1], unit="days", entry=[0, 1, 2])
    refused(lambda: accelerated(late), "late entry", kind=UnsupportedError)
    weighted = TimeToEvent([3, 4, 5], [1, 1, 1], unit="days", weight=[1, 2, 1], weight_type="case")
    refused(lambda: accelerated(weighted), "weights", kind=UnsupportedError)
    causes = TimeToEvent([3, 4, 5], [1, 2, 1], unit="days")
    refused(lambda: accelerated(causes), "competing", kind=UnsupportedError)


def everybody() -> Switches:
    d = subjects()
    return record(switch=np.where(d["arm"] == "A", 2.0, NEVER), progression=np.full(N, 1.0))


def test_everybody_switches() -> None:
    """Nobody is left to compare them with, and a note says why; IPE rests on its model alone."""
    r = everybody()
    for found in (two_stage(r), two_stage_g(r, marker()), msm(r, marker())):
        assert math.isnan(found.hazard_ratio)
        assert found.reason
        assert results.NOT_ESTIMABLE in str(found)
        assert found.notes == ("everybody in A switched",)
        found.table()
    assert "everybody in A who progressed switched" in two_stage(r).reason
    assert "cannot be told from that of switching" in msm(r, marker()).reason
    assert ipe(r).notes == ("everybody in A switched",)


def test_no_events() -> None:
    r = record(event=np.zeros(N, dtype=int))
    for method in METHODS.values():
        found = method(r)
        assert math.isnan(found.hazard_ratio)
        assert found.reason
        assert found.notes == ("no event in A followed a switch",)
        found.table()


def test_few_events_among_those_who_did_not_switch() -> None:
    d = subjects()
    event = np.where((d["arm"] == "A") & (d["switch"] == NEVER), np.cumsum(d["switch"] == NEVER) % 8 == 0, d["event"])
    for name, method in METHODS.items():
        if name != "msm":
            assert any("fewer than 10" in w for w in method(record(event=event.astype(int))).warnings), name


def test_a_heavy_row_is_named() -> None:
    """Of those with the marker all but one switch: that one stands for many."""
    d = subjects()
    rng = np.random.default_rng(1)
    high = rng.random(N) < 0.5
    keeps = int(np.flatnonzero((d["arm"] == "A") & high & (d["time"] > 40))[0])
    switch = np.where((d["arm"] == "A") & high & (d["time"] > 12), 10.0, NEVER)
    switch[keeps] = NEVER
    value = np.repeat(high.astype(int), 20)
    found = ipcw(record(switch=switch), marker(value=value), time_df=0, stabilized=False)
    heavy = [w for w in found.warnings if "positivity" in w]
    assert f"subject {keeps + 1} stands for" in heavy[0]


def test_a_separated_model_of_switching_is_named() -> None:
    d = subjects()
    high = np.isfinite(d["switch"]).astype(float)
    found = ipcw(record(covariates={"high": high}), marker(), covariates=["high"], time_df=0)
    assert any("separates" in w and "high" in w for w in found.warnings)
    model = next(m for m in found.models if m.part == "numerator")
    assert math.isinf(model.coef[list(model.terms).index("high")])


def test_a_name_taken_by_the_structural_model() -> None:
    refused(lambda: msm(record(covariates={"switched": np.arange(N) % 3}), marker(), covariates=["switched"]), "Rename")


@pytest.mark.parametrize("name", METHODS)
def test_strata(name: str) -> None:
    strata = {"region": np.where(np.arange(N) % 3 == 0, "south", "north")}
    method = METHODS[name]
    by_default, without = method(record(strata=strata)), method(record(strata=strata), stratified=False)
    assert "stratified by region" in by_default.method
    assert "unstratified" in without.method
    assert by_default.hazard_ratio != without.hazard_ratio


def test_a_benefit_turns_the_one_sided_test() -> None:
    r = record()
    good = Switches(
        tte=r.tte._with(event_is="benefit"), switch=r.switch, progression=r.progression,
        administrative=r.administrative, covariates=r.covariates,
    )  # fmt: skip
    harm, benefit = (ipcw(x, marker()) for x in (r, good))
    assert harm.hazard_ratio == benefit.hazard_ratio
    assert harm.p_one_sided == pytest.approx(1 - benefit.p_one_sided)
    assert harm.log_rank.z == -benefit.log_rank.z


def test_the_iterations_of_ipe() -> None:
    assert iterated(lambda psi: psi + 1)[2].startswith("the iterations run away")
    assert "no effect" in iterated(lambda psi: math.nan)[2]
    # To and fro over a step: the psi at the step.
    found, path, reason = iterated(lambda psi: 0.4 if psi < 0.25 else 0.1)
    assert reason == ""
    assert found == pytest.approx(0.25)
    assert len(path) > 1


@pytest.mark.parametrize("name", METHODS)
def test_bootstrap(name: str) -> None:
    """Seeded; sample by sample the whole analysis, so that a sample that holds everybody once gives the estimate."""
    method = METHODS[name]
    more = {"grid": np.linspace(-2, 2, 9)} if name == "g-estimation" else {}
    found = method(record(), covariates=["age"], draws=50, seed=4, **more)
    drawn = found.bootstrap
    assert drawn.draws == 50
    assert drawn.failed == int(np.isnan(drawn.log_hazard_ratio).sum())
    assert "50 bootstrap samples within arms (seed 4; percentiles)" in found.method
    assert "by bootstrap" in str(found)
    again = method(record(), covariates=["age"], draws=45, seed=4, **more).bootstrap
    np.testing.assert_array_equal(again.log_hazard_ratio, drawn.log_hazard_ratio[:45])
    low, high = drawn.conf_int
    assert low < found.hazard_ratio < high
    statistics = found.table()["statistic"].to_list()
    assert "bootstrap hazard ratio lower limit" in statistics
    refused(lambda: method(record(), draws=20, **more), "seed")
    refused(lambda: method(record(), draws=1, seed=1, **more), "draws")


def test_a_sample_of_everybody_once_is_the_trial() -> None:
    r, visits = record(), marker()
    rows = np.arange(N)
    sample, paths = sample_of(r, rows, ["age"]), paths_of(r.tte, visits)(rows)
    one, other = ipcw(r, visits, covariates=["age"]), ipcw(sample, paths, covariates=["age"])
    assert one.hazard_ratio == other.hazard_ratio
    np.testing.assert_array_equal(one.weighted.used, other.weighted.used)
    twice = ipcw(sample_of(r, np.repeat(rows, 2), ["age"]), paths_of(r.tte, visits)(np.repeat(rows, 2)))
    np.testing.assert_allclose(np.sort(twice.weighted.used)[::2], np.sort(ipcw(r, visits).weighted.used), rtol=1e-9)


def test_samples_that_fail_are_counted() -> None:
    """Two of control switched, so that samples without either have no factor to speak of, or no model of it."""
    d = subjects()
    two = np.flatnonzero(np.isfinite(d["switch"]))[:2]
    switch = np.full(N, NEVER)
    switch[two] = d["switch"][two]
    found = two_stage(
        record(switch=switch, event=np.where(np.isfinite(switch), np.arange(N) == two[0], 1)), draws=60, seed=1
    )
    assert found.bootstrap is not None
    assert found.bootstrap.failed > 3
    assert any("bootstrap samples have no estimate" in w for w in found.warnings)


def test_switching_from_progression_on_needs_progression() -> None:
    """A switch that does not come after progression would be censoring that no model knows of: it is refused."""
    tte = TimeToEvent([3, 4, 5, 6], [1, 1, 1, 1], list("AABB"), control="A", experimental="B", unit="days")
    visits = TimeVarying(subject=[1, 2, 3, 4], start=[0] * 4, value=[0, 1, 0, 1], unit="days")
    never = [np.inf] * 3
    for progression, column in ((None, "progression"), ([np.inf] * 4, "switch"), ([2, *never], "switch")):
        record = Switches(tte=tte, switch=[2, *never], progression=progression)  # type: ignore[arg-type]
        for method in (ipcw, msm):
            with pytest.raises(DataError) as found:
                method(record, {"marker": visits}, since="progression", time_df=0)
            assert found.value.column == column
    with pytest.raises(ArgumentError, match="since = 'birth' is unknown"):
        ipcw(Switches(tte=tte, switch=[2, *never]), {"marker": visits}, since="birth")  # type: ignore[arg-type]
    taken = {"progression seen": visits}
    with pytest.raises(ArgumentError, match="progression seen is given twice"):
        ipcw(Switches(tte=tte, switch=[2, *never], progression=[1, *never]), taken)
