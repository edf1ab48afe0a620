"""Treatment switching: what is refused, what is a result with its reason, and what comes from a protocol's patients."""

from __future__ import annotations

import math
import pickle
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from equipoise import analyze, simulate
from equipoise.analyze.switching import (
    Switches,
    naive,
    naive_analyses,
    rpsftm,
    switches,
    unswitched,
    untreated,
    who_switched,
)
from equipoise.analyze.switching.bootstrap import in_threads, resampled
from equipoise.analyze.switching.psi_search import Settings
from equipoise.analyze.switching.rpsftm_draws import draw_estimates
from equipoise.errors import DataError, DesignError, EquipoiseError, ProtocolError, UnsupportedError
from equipoise.protocol import example
from equipoise.survival import TimeToEvent, cox, logrank

NEVER = math.inf
N = 60
ESTIMAND = "OS, treatment policy"


def endpoint(n: int = N, *, event: Any = 1, **more: Any) -> TimeToEvent:
    rng = np.random.default_rng(7)
    arm = np.arange(n) % 2
    time = np.ceil(rng.exponential(np.where(arm == 1, 420, 280))) + 4
    events = np.where(rng.random(n) < 0.8, 1, 0) * event(arm) if callable(event) else np.full(n, event)
    return TimeToEvent(
        time, events, np.where(arm == 1, "B", "A"), control="A", experimental="B", unit="days", **more
    )  # fmt: skip


def record(who: str = "some", **more: Any) -> Switches:
    tte = endpoint(**more)
    some = (tte.arm == 0) & (np.arange(tte.n) % (4 if who == "some" else 1) == 0)
    part = NEVER if who == "nobody" else 0.5
    switch = np.where(some, np.floor(tte.time * part), NEVER)
    return Switches(tte=tte, switch=switch, administrative=tte.time + 100.0)


# --------------------------------------------------------------------------------------------------------- refusals
def given(**columns: Any) -> Switches:
    tte = TimeToEvent(
        [5, 8, 8, 12], [1, 0, 1, 0], ["A", "B", "A", "B"], control="A", experimental="B", unit="days",
        subject=["s1", "s2", "s3", "s4"],
    )  # fmt: skip
    return Switches(tte=tte, **{"switch": [NEVER, NEVER, 3.0, NEVER], **columns})


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"switch": [0, NEVER, NEVER, NEVER]}, "lies at randomization .column switch, subject s1"),
        ({"switch": [-1, NEVER, NEVER, NEVER]}, "before randomization .column switch, subject s1.*or infinite"),
        ({"switch": [6, NEVER, NEVER, NEVER]}, "after the event .column switch, subject s1"),
        ({"switch": [NEVER, 9, NEVER, NEVER], "may_switch": ("A", "B")}, "after the last follow-up .*, subject s2"),
        ({"switch": [NEVER, 3, NEVER, 2]}, "may not switch .may switch: A. .column switch, subjects s2, s4"),
        ({"administrative": [4, 8, 8, 12]}, "lies before the observed time .column administrative, subject s1"),
        ({"administrative": [9, NEVER, 8, 12]}, "is not known .column administrative, subject s2"),
        ({"progression": [1, NEVER, 9, NEVER]}, "a progression lies after .*subject s3"),
        ({"progression": [1, NEVER, -9, NEVER]}, "below zero .column progression, subject s3"),
        ({"switch": [1.0, 2.0]}, "switch has shape .2,., the endpoint 4"),
        ({"covariates": {"age": [1, 2, None, 4]}}, "age is missing for 1 of 4"),
        ({"covariates": {"age": [1, 2]}}, "age"),
    ],
)  # fmt: skip
def test_bad_days_are_refused_by_subject(columns: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        given(**columns)


def test_what_is_no_two_arm_endpoint_is_refused() -> None:
    alone = TimeToEvent([1, 2], [1, 1], unit="days")
    with pytest.raises(EquipoiseError, match="between two arms"):
        Switches(tte=alone, switch=[NEVER, NEVER])
    weighted = endpoint(weight=np.ones(N), weight_type="case")
    with pytest.raises(UnsupportedError, match="weights"):
        Switches(tte=weighted, switch=np.full(N, NEVER))
    late = endpoint(entry=np.ones(N))
    with pytest.raises(UnsupportedError, match="late entry"):
        Switches(tte=late, switch=np.full(N, NEVER))
    competing = TimeToEvent([1, 2, 3], [1, 2, 0], ["A", "B", "A"], control="A", experimental="B", unit="days")
    with pytest.raises(UnsupportedError, match="competing"):
        Switches(tte=competing, switch=[NEVER] * 3)
    with pytest.raises(EquipoiseError, match="no arm 'C'"):
        given(may_switch=("C",))


def test_words_grids_and_draws_that_are_none_are_refused() -> None:
    found = record()
    for wrong in (
        {"test": "wilcoxon"}, {"search": "newton"}, {"recensor": "some"}, {"grid": [1, 0]}, {"grid": "x"},
        {"grid": [0]},
        {"draws": 1, "seed": 1}, {"draws": -5, "seed": 1}, {"draws": 100}, {"level": 1.5}, {"covariates": ["age"]},
        {"stratified": True},
    ):  # fmt: skip
        with pytest.raises(EquipoiseError):
            rpsftm(found, **wrong)  # type: ignore[arg-type]
    with pytest.raises(DesignError, match="seed"):
        rpsftm(found, draws=10, seed=-1)
    for psi in (math.nan, 1e9):
        with pytest.raises(EquipoiseError, match="time ratio"):
            untreated(found, psi)
    with pytest.raises(EquipoiseError, match="unknown analysis"):
        naive(found, "as treated")  # type: ignore[arg-type]


def test_recensoring_asks_for_the_day_of_administrative_censoring() -> None:
    tte = endpoint()
    found = Switches(tte=tte, switch=np.where(np.arange(N) == 0, 2, NEVER))
    with pytest.raises(DataError, match="administrative censoring is not known.*recensor=False"):
        rpsftm(found)
    assert math.isfinite(rpsftm(found, recensor=False).psi)
    nobody = Switches(tte=tte, switch=np.full(N, NEVER))
    assert math.isfinite(rpsftm(nobody).psi)  # there is no arm to recensor


# ------------------------------------------------------------------------------------------ results with their reason
def test_nobody_switches() -> None:
    found = rpsftm(record("nobody"))
    assert found.notes == ("nobody in A switched",)
    observed = cox(record("nobody").tte)
    assert found.hazard_ratio == pytest.approx(observed.hazard_ratio, rel=1e-12)
    assert [x.subjects for x in found.recensored] == [0, 0]
    for analysis in naive_analyses(record("nobody")):
        assert analysis.hazard_ratio == pytest.approx(observed.hazard_ratio, rel=1e-9)
        assert analysis.note == "nobody in A switched"


def test_everybody_switches() -> None:
    found = record("everybody")
    assert rpsftm(found).notes == ("everybody in A switched",)
    assert math.isfinite(rpsftm(found).hazard_ratio)
    left = naive(found, "switchers excluded")
    assert math.isnan(left.hazard_ratio)
    assert left.reason == "everybody in A switched, so that nobody is left"
    assert "not estimable" in str(left)
    assert any("0 events among those who did not switch" in w for w in who_switched(found).warnings)


def test_no_event_follows_a_switch() -> None:
    tte = endpoint(event=lambda arm: np.where(np.arange(N) % 4 == 0, 0, 1))
    found = Switches(tte=tte, switch=np.where(np.arange(N) % 4 == 0, 3, NEVER), administrative=tte.time + 5.0)
    assert rpsftm(found).notes == ("no event in A followed a switch",)


@pytest.mark.parametrize("test", ["log-rank", "cox", "weibull"])
@pytest.mark.parametrize("event", [0, lambda arm: arm, lambda arm: 1 - arm])
def test_too_few_events_are_a_reason(event: Any, test: Any) -> None:
    found = rpsftm(record(event=event), test=test, draws=10, seed=1)
    assert math.isnan(found.psi)
    assert found.reason
    assert "not estimable" in str(found)
    assert found.bootstrap is not None
    assert found.bootstrap.failed == 10
    for row in found.rows():
        assert row.value is not None or row.reason or "on switching" in row.statistic
    assert found.table().height == len(found.rows())


def test_a_grid_that_does_not_hold_the_root() -> None:
    found = rpsftm(record(), grid=[3.0, 4.0])
    assert found.reason == "Z does not pass 0 between psi = 3 and 4"
    assert found.curves is None
    narrow = rpsftm(record(), grid=np.linspace(-0.6, 0.1, 30))
    if not narrow.reason:
        assert all(bool(why) == math.isnan(x) for why, x in zip(narrow.limit_reasons, narrow.psi_conf_int, strict=True))


def test_all_roots_are_reported() -> None:
    """Z of a step function on few subjects passes 0 several times; the root nearest to 0 counts."""
    for seed in range(200):
        rng = np.random.default_rng(seed)
        arm = np.arange(14) % 2
        time = np.ceil(rng.exponential(300, 14)) + 4
        tte = TimeToEvent(time, [1] * 14, arm, control=0, experimental=1, unit="days")
        sample = Switches(tte=tte, switch=np.where(arm == 0, np.floor(time / 3), NEVER), administrative=time + 10)
        found = rpsftm(sample)
        if len(found.search.roots) > 1:
            assert abs(found.psi) == min(map(abs, found.search.roots))
            assert any("Z passes 0 at" in w for w in found.warnings)
            return
    pytest.fail("no such sample")


# ----------------------------------------------------------------------------------------------------- what must hold
def test_z_at_no_effect_is_that_of_the_data_as_observed() -> None:
    found = record()
    assert rpsftm(found, grid=[-1, 0, 1]).search.z[1] == pytest.approx(logrank(found.tte).z, rel=1e-12)


def test_the_p_value_and_z_are_those_of_the_data_as_observed() -> None:
    found = rpsftm(record())
    assert (found.p_value, found.z) == (logrank(record().tte).p_value, logrank(record().tte).z)
    assert found.unswitched is not None
    assert math.isfinite(found.curves.curves[0].median if found.curves else math.nan) or found.curves


def test_arms_exchanged_give_minus_psi() -> None:
    """Without recensoring, labels do not matter: U of one coding is e^psi times that of the other."""
    one = record()
    other = Switches(
        tte=one.tte.swap(), switch=one.switch, administrative=one.administrative, may_switch=("A",)
    )  # fmt: skip
    a, b = rpsftm(one, recensor=False), rpsftm(other, recensor=False)
    assert a.psi == pytest.approx(-b.psi, abs=2e-6)
    assert a.hazard_ratio == pytest.approx(1 / b.hazard_ratio, rel=1e-6)


def test_benefit_turns_the_sign_of_z_alone() -> None:
    harm, benefit = rpsftm(record()), rpsftm(record(event_is="benefit"))
    assert benefit.psi == pytest.approx(harm.psi, abs=1e-9)
    assert benefit.psi_conf_int == pytest.approx(harm.psi_conf_int, abs=1e-9, nan_ok=True)
    assert benefit.search.z.tolist() == pytest.approx((-harm.search.z).tolist(), nan_ok=True)
    assert benefit.warnings == harm.warnings


def test_results_are_frozen() -> None:
    found = rpsftm(record(), draws=5, seed=1)
    for array in (found.search.z, found.search.grid, record().switch):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    again = pickle.loads(pickle.dumps(rpsftm(record(), draws=5, seed=1).bootstrap))
    assert again.psi.tolist() == pytest.approx(found.bootstrap.psi.tolist() if found.bootstrap else [], nan_ok=True)


# ---------------------------------------------------------------------------------------------------------- bootstrap
def test_the_bootstrap_does_not_depend_on_threads_or_on_how_many_samples() -> None:
    found = record(strata=np.arange(N) % 3)
    settings = Settings(
        test="log-rank", covariates=None, stratified=True, recensor=True, grid=np.linspace(-2, 2, 101), search="root"
    )
    copies = resampled(found.tte, 400, seed=3)
    one, three = (draw_estimates(found, settings, copies, workers) for workers in (1, 3))
    for a, b in zip(one, three, strict=True):
        np.testing.assert_array_equal(a, b)
    few = draw_estimates(found, settings, resampled(found.tte, 7, seed=3))
    np.testing.assert_array_equal(few[0], one[0][:7])
    assert (resampled(found.tte, 7, seed=4) != copies[:7]).any()
    cells = found.tte.arm + 2 * found.tte.stratum
    for cell in range(6):
        assert (copies[:, cells == cell].sum(axis=1) == (cells == cell).sum()).all()


def test_chunks_are_put_together_in_order() -> None:
    copies = np.arange(1000).reshape(1000, 1)
    (found,) = in_threads(lambda part: (part[:, 0].astype(float),), copies, 4)
    assert found.tolist() == list(range(1000))


def test_samples_one_by_one_are_those_of_the_kernel() -> None:
    """A sample of whom each subject is held once is the data; a covariate without variation changes nothing."""
    found = record()
    settings = Settings(
        test="log-rank", covariates=None, stratified=False, recensor=True, grid=np.linspace(-2, 2, 101), search="root"
    )
    whole = rpsftm(found)
    psi, ratio = draw_estimates(found, settings, np.ones((1, N), dtype=np.int64))
    assert psi[0] == pytest.approx(whole.psi, abs=1e-12)
    assert ratio[0] == pytest.approx(math.log(whole.hazard_ratio), abs=1e-7)
    with_covariate = Switches(
        tte=found.tte, switch=found.switch, administrative=found.administrative,
        covariates={"x": np.arange(N) % 2 + 0.0, "y": np.arange(N) % 5},
    )  # fmt: skip
    a = rpsftm(with_covariate, covariates=["y"], draws=8, seed=2)
    b = rpsftm(found, draws=8, seed=2)
    assert a.bootstrap is not None
    assert b.bootstrap is not None
    np.testing.assert_allclose(a.bootstrap.psi, b.bootstrap.psi)
    assert "adjusted for y" in a.method
    c = rpsftm(with_covariate, test="cox", covariates=["y"], draws=4, seed=2)
    assert c.bootstrap is not None
    assert c.bootstrap.draws == 4


# -------------------------------------------------------------------------------------------------- frames, protocols
def test_from_a_frame() -> None:
    frame = pl.DataFrame({
        "ID": ["a", "b", "c"], "T": [5.0, 8.0, 9.0], "D": [1, 0, 1], "ARM": ["A", "B", "A"], "XO": [None, None, 2.0],
        "END": [10.0, 10.0, 10.0], "AGE": [50, 60, 70],
    })  # fmt: skip
    columns: dict[str, Any] = {
        "time": "T", "event": "D", "arm": "ARM", "subject": "ID", "control": "A", "experimental": "B", "unit": "weeks",
    }  # fmt: skip
    found = Switches.from_frame(frame, switch="XO", administrative="END", covariates=["AGE"], **columns)
    assert found.switch.tolist() == [NEVER, NEVER, 14]
    assert found.administrative is not None
    assert found.administrative.tolist() == [70] * 3
    assert found.covariates["AGE"].tolist() == [50, 60, 70]
    with pytest.raises(DataError, match="no such column"):
        Switches.from_frame(frame, switch="NO", **columns)
    gap = frame.with_columns(pl.Series("D", [1, None, 1]))
    with pytest.raises(DataError, match="nobody"):
        Switches.from_frame(gap, switch="XO", missing="drop", **columns)


@pytest.fixture(scope="module")
def tandem() -> Any:
    protocol = example("tandem")
    return protocol, simulate.trial(protocol, seed=1)


def test_from_a_protocol(tandem: Any) -> None:
    protocol, patients = tandem
    found = switches(protocol, patients, estimand=ESTIMAND)
    adsl = {r["USUBJID"]: r for r in patients.adsl.to_dicts()}
    for i, subject in enumerate(found.tte.subject.tolist()):
        row = adsl[subject]
        crossed = row["XODT"]
        want = NEVER if crossed is None else (crossed - row["RANDDT"]).days + 1  # AVAL counts from day 1
        assert found.switch[i] == want
        assert found.administrative is not None
        assert found.administrative[i] == (row["DCUTDT"] - row["RANDDT"]).days + 1
    assert found.progression is not None
    seen = np.isfinite(found.progression)
    assert (found.progression[seen] <= found.tte.time[seen]).all()
    np.testing.assert_array_equal(found.tte.time, analyze.endpoint(protocol, patients, estimand=ESTIMAND).time)
    assert found.tte.origin == "simulated"
    who = who_switched(found)
    assert who.arms[0].without_progression == 0
    assert who.table().height == len(who.rows())


def test_a_hypothetical_estimand_is_not_censored_at_the_switch(tandem: Any) -> None:
    protocol, patients = tandem
    from equipoise.protocol import IntercurrentEvent

    rule = IntercurrentEvent(strategy="hypothetical", date="XODT")
    chosen = protocol.estimands[ESTIMAND].model_copy(update={"intercurrent_events": {"crossover": rule}})
    other = protocol.model_copy(update={"estimands": {**protocol.estimands, ESTIMAND: chosen}})
    assert analyze.endpoint(other, patients, estimand=ESTIMAND).events < switches(
        other, patients, estimand=ESTIMAND
    ).tte.events  # fmt: skip
    np.testing.assert_array_equal(
        switches(other, patients, estimand=ESTIMAND).switch, switches(protocol, patients, estimand=ESTIMAND).switch
    )


def test_a_data_cut_moves_administrative_censoring(tandem: Any) -> None:
    protocol, patients = tandem
    first = patients.adsl["RANDDT"].min()
    day = first + timedelta(days=900)
    found = switches(protocol, patients.cut(day), estimand=ESTIMAND)
    assert found.administrative is not None
    assert found.administrative.max() == (day - first).days + 1
    assert (found.administrative >= found.tte.time).all()


def test_what_a_protocol_cannot_tell_is_refused(tandem: Any) -> None:
    from dataclasses import replace

    protocol, patients = tandem
    with pytest.raises(ProtocolError, match="no estimand"):
        switches(protocol, patients, estimand="nothing")
    with pytest.raises(ProtocolError, match="no intercurrent event that could"):
        switches(protocol, patients, estimand="PFS, treatment policy")
    with pytest.raises(ProtocolError, match="no intercurrent event 'death'"):
        switches(protocol, patients, estimand=ESTIMAND, event="death")
    without = switches(protocol, replace(patients, adsl=patients.adsl.drop("DCUTDT")), estimand=ESTIMAND)
    with pytest.raises(DataError, match="DCUTDT in ADSL"):
        rpsftm(without)
    with pytest.raises(DataError, match="not in the data"):
        switches(protocol, replace(patients, adsl=patients.adsl.drop("XODT")), estimand=ESTIMAND)
    early = patients.adsl.with_columns(
        pl.when(pl.col("XODT").is_not_null()).then(pl.lit(date(1990, 1, 1))).alias("XODT")
    )
    with pytest.raises(DataError, match="before randomization.*column switch"):
        switches(protocol, replace(patients, adsl=early), estimand=ESTIMAND)
    with pytest.raises(DataError, match="covariate is not in the data"):
        switches(protocol, patients, estimand=ESTIMAND, covariates=["NONE"])


def test_text_of_the_result() -> None:
    found = rpsftm(record(), draws=50, seed=1)
    text = str(found)
    assert text.startswith("Had nobody in A switched, the hazard ratio B v A would have been ")
    for words in (
        "by test inversion",
        "by bootstrap",
        "common treatment effect",
        "two-sided",
        "recensored in arms with",
    ):
        assert words in text
    statistics = {row.statistic for row in found.rows()}
    assert {"psi", "time ratio", "hazard ratio", "log-rank P", "root of Z", "subjects recensored"} <= statistics
    assert unswitched(record(), found.psi).events == (found.unswitched.events if found.unswitched else -1)


def test_the_whole_way_from_a_protocol(tandem: Any) -> None:
    """Origin travels with the numbers, covariates come by name, and the P is that of the data as observed."""
    protocol, patients = tandem
    found = switches(protocol, patients, estimand=ESTIMAND, covariates=["hrconffl"])
    model = rpsftm(found, covariates=["HRCONFFL"], draws=50, seed=1)
    assert model.p_value == logrank(found.tte).p_value
    assert {row.origin for row in model.rows()} == {"simulated"}
    assert "adjusted for HRCONFFL" in model.method
    assert model.curves is not None
    assert {row.origin for row in who_switched(found).rows()} == {"simulated"}
    assert [a.way for a in naive_analyses(found)] == [
        "as observed", "censored at switch", "switchers excluded", "treatment received",
    ]  # fmt: skip
