"""Whole trials: the kernel of many equals one trial through the public functions, wherever it runs."""

from __future__ import annotations

import math
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import equipoise as eq
from equipoise.design import (
    LanDeMets,
    Milestone,
    PampallonaTsiatis,
    Plan,
    accrual,
    group_sequential,
    hazard,
    median,
    obrien_fleming,
    survival,
)
from equipoise.errors import DesignError, EquipoiseError, ProtocolError, UnsupportedError
from equipoise.kernels.trials import (
    DAY,
    ENTERED_BY,
    EVENTS,
    LOG_RATIO,
    MEANS,
    MEANS_SE,
    MET,
    RATIO_SE,
    SHARES,
    SHARES_SE,
    Z,
)
from equipoise.protocol import Protocol, Scenario, read
from equipoise.simulate import (
    Cut,
    Looks,
    Operating,
    Trials,
    nature,
    nature_of,
    operating,
    run_trials,
    trial,
    without_effect,
)  # fmt: skip
from equipoise.simulate.operating import analyzed_by
from equipoise.simulate.trial import analysis_of
from equipoise.survival import TimeToEvent

LIMIT = 1.959963984540054
TOML = Path(__file__).parent / "simulated_trial.toml"
CUTS = (Cut(events=40), Cut(time="20 months"), Cut(events=60, time="26 months", which="later"),
        Cut(events=500, time="30 months", which="earlier"),
        Cut(which="later", of=(Cut(events=60), Cut(events=25, endpoint="OS"), Cut(time="14 months"))),
        Cut(which="earlier", of=(Cut(events=400, endpoint="OS"), Cut(date=date(2021, 11, 3)))))  # fmt: skip


@pytest.fixture(scope="module")
def protocol() -> Protocol:
    return read(TOML)


def many(protocol: Protocol, scenario: str, estimand: str, *cuts: Cut, seed: int = 11, **more: Any) -> Trials:
    chosen = protocol.scenario[scenario]
    looks = Looks(cuts=cuts, efficacy=[2.0] * len(cuts), sided=1)
    of = analyzed_by(protocol, chosen, analysis_of(protocol, estimand))
    return Trials(nature=nature(protocol, chosen, chosen.patients or 0), looks=looks, seed=seed, **of, **more)


@pytest.mark.parametrize("cut", CUTS, ids=str)
@pytest.mark.parametrize(
    ("scenario", "estimand"), [("everything", "PFS"), ("everything", "OS"), ("survival alone", "OS")]
)
def test_many_trials_are_single_ones(protocol: Protocol, scenario: str, estimand: str, cut: Cut) -> None:
    task = many(protocol, scenario, estimand, cut, tau="5 months", at="4 months")
    found = task.found(7, 3)
    for i in range(3):
        data = trial(protocol, scenario, seed=11, number=7 + i, cut=cut, estimand=estimand)
        tte = eq.analyze.endpoint(protocol, data, estimand=estimand)
        stratified = estimand == "PFS"
        test = eq.survival.logrank(tte, stratified=stratified)
        model = eq.survival.cox(tte, stratified=stratified)
        one = found[i, 0]
        assert one[ENTERED_BY : ENTERED_BY + 2].sum() == len(tte.time)
        assert one[EVENTS : EVENTS + 2].sum() == tte.event.sum()
        assert one[Z] == pytest.approx(test.z, rel=1e-10)
        assert one[LOG_RATIO] == pytest.approx(math.log(float(model.hazard_ratio)), rel=1e-10, abs=1e-10)
        means = eq.survival.rmst(tte, tau="5 months", stratified=stratified)
        shares = eq.survival.milestone(tte, at="4 months", stratified=stratified)
        assert one[MEANS] == pytest.approx(float(means.difference), rel=1e-10, nan_ok=True)
        assert one[MEANS_SE] == pytest.approx(np.diff(means.conf_int)[0] / (2 * LIMIT), rel=1e-10, nan_ok=True)
        assert one[SHARES] == pytest.approx(float(shares.difference), rel=1e-10, nan_ok=True)
        assert one[SHARES_SE] == pytest.approx(np.diff(shares.conf_int)[0] / (2 * LIMIT), rel=1e-10, nan_ok=True)
        assert one[RATIO_SE] == pytest.approx(float(model.se[0]), rel=1e-10)
        day = (data.adsl["DCUTDT"][0] - protocol.scenario[scenario].first_patient).days  # type: ignore[index]
        assert one[DAY] == day + 1  # the day of the cut is in


@pytest.mark.parametrize("lag", [{}, {"Drug": "17 days"}], ids=["on schedule", "one arm behind it"])
@pytest.mark.parametrize("cut", CUTS, ids=str)
def test_visits_far_off_their_days(protocol: Protocol, cut: Cut, lag: dict[str, str]) -> None:
    """Visits off their days by more than lies between them, many missed, many patients gone: what the kernel leaves out
    as out of reach, or takes over from a later look, is what a single trial finds."""
    everything = protocol.scenario["everything"]
    chosen = everything.model_copy(
        update={
            "detection": eq.protocol.Detection(visit="scan", spread="60 days", missed=0.3, between_visits=0.3, lag=lag),
            "dropout": eq.protocol.Hazard(median="12 months"),
            "loss_to_follow_up": eq.protocol.Hazard(median="18 months"),
        }
    )
    looks = Looks(cuts=(Cut(events=15), cut), efficacy=[2.0, 2.0], sided=1)
    of = analyzed_by(protocol, chosen, analysis_of(protocol, "PFS"))
    found = Trials(nature=nature(protocol, chosen, 120), looks=looks, seed=3, **of).found(0, 8)
    for i in range(8):
        for k, one in enumerate(looks.cuts):
            data = trial(protocol, chosen, seed=3, number=i, subjects=120, cut=one, estimand="PFS")
            tte = eq.analyze.endpoint(protocol, data, estimand="PFS")
            assert found[i, k, ENTERED_BY : ENTERED_BY + 2].sum() == len(tte.time)
            assert found[i, k, EVENTS : EVENTS + 2].sum() == tte.event.sum()
            assert found[i, k, Z] == pytest.approx(eq.survival.logrank(tte, stratified=True).z, rel=1e-10)


def test_a_model_without_progression_takes_the_same_way_as_one_with_it(protocol: Protocol) -> None:
    """A hazard of progression far too small to be seen goes through the history of a patient in full."""
    alone = protocol.scenario["survival alone"]
    never = alone.model_copy(
        update={
            "progression": eq.protocol.Hazard(pieces=({"monthly_hazard": 1e-9},)),  # type: ignore[arg-type]
            "death_after_progression": eq.protocol.Hazard(median="1 month"),
        }
    )
    task = many(protocol, "survival alone", "OS", *CUTS[:2])
    of = analyzed_by(protocol, never, analysis_of(protocol, "OS"))
    slow = Trials(nature=nature(protocol, never, 150), looks=task.looks, seed=11, **of)
    np.testing.assert_array_equal(slow.found(0, 20), task.found(0, 20))


def test_the_later_of_events_of_two_endpoints(protocol: Protocol) -> None:
    """Counted in patients who were not cut: the day of the 60th PFS event or of the 25th death, whichever is later."""
    cut = Cut(which="later", of=(Cut(events=60), Cut(events=25, endpoint="OS")))
    task = many(
        protocol, "survival alone", "OS", Cut(which="later", of=(Cut(events=40), Cut(events=25, endpoint="OS")))
    )
    assert (
        task.found(0, 5)[:, 0, DAY].tolist()
        == many(protocol, "survival alone", "OS", Cut(events=40)).found(0, 5)[:, 0, DAY].tolist()
    )
    found = many(protocol, "everything", "PFS", cut).found(0, 6)
    deaths = many(protocol, "everything", "OS", Cut(events=25)).found(0, 6)
    progressed = many(protocol, "everything", "PFS", Cut(events=60)).found(0, 6)
    np.testing.assert_array_equal(found[:, 0, DAY], np.maximum(deaths[:, 0, DAY], progressed[:, 0, DAY]))
    assert (deaths[:, 0, DAY] > progressed[:, 0, DAY]).any()
    assert (deaths[:, 0, DAY] < progressed[:, 0, DAY]).any()


def predictive(protocol: Protocol, **more: Any) -> Scenario:
    """The scenario "everything" in which the drug does more where the first factor has its first level."""
    everything = protocol.scenario["everything"]
    name, factor = next(iter(everything.factors.items()))
    first = next(iter(factor.levels))
    by_arm = {"progression_by_arm": {"Drug": {first: 0.4}}, "death_by_arm": {"Drug": {first: 0.7}}, **more}
    return everything.model_copy(update={"factors": {**everything.factors, name: factor.model_copy(update=by_arm)}})


def test_a_factor_that_predicts_the_effect(protocol: Protocol) -> None:
    """Many trials are single ones; in 20,000 patients the ratio of the arms differs by level as it was given."""
    chosen = predictive(protocol)
    of = analyzed_by(protocol, chosen, analysis_of(protocol, "PFS"))
    looks = Looks(cuts=CUTS[:2], efficacy=[2.0, 2.0], sided=1)
    found = Trials(nature=nature(protocol, chosen, 120), looks=looks, seed=3, **of).found(0, 5)
    for i in range(5):
        for k, cut in enumerate(looks.cuts):
            data = trial(protocol, chosen, seed=3, number=i, subjects=120, cut=cut, estimand="PFS")
            tte = eq.analyze.endpoint(protocol, data, estimand="PFS")
            assert found[i, k, Z] == pytest.approx(eq.survival.logrank(tte, stratified=True).z, rel=1e-10)
    name, factor = next(iter(chosen.factors.items()))
    alone = chosen.model_copy(update={
        "detection": None, "crossover": None, "dropout": None, "loss_to_follow_up": None,
        "death_before_progression": eq.protocol.Hazard(median="100000 months"),
    })  # fmt: skip
    ratios = {}
    for label, by_arm in (("by arm", factor.progression_by_arm), ("alike", {})):
        known = factor.model_copy(update={"measured": {}, "progression_by_arm": by_arm})  # the level is the true one
        scenario = alone.model_copy(update={"factors": {**alone.factors, name: known}})
        data = trial(protocol, scenario, seed=5, subjects=20_000)
        rows = data.endpoint_rows("PFS").filter(pl.col(name.upper()) == next(iter(factor.levels)))
        tte = TimeToEvent.from_frame(rows, time="AVAL", event=("CNSR", 0), arm="TRT01P", control="Placebo",
                                     experimental="Drug", unit="days")  # fmt: skip
        ratios[label] = float(eq.survival.cox(tte).coef[0])
    assert ratios["by arm"] - ratios["alike"] == pytest.approx(math.log(0.4), abs=0.1)
    laws = {n: getattr(chosen, n) for n in ("progression", "death_before_progression", "death_after_progression")}
    uncured = {n: law.model_copy(update={"cured": {}}) for n, law in laws.items() if law is not None}
    steady = chosen.model_copy(update=uncured)
    none, neither = without_effect(steady), without_effect(steady, of="survival")
    assert not any(one.progression_by_arm for one in none.factors.values())
    assert any(one.death_by_arm for one in none.factors.values())
    assert not any(one.death_by_arm or one.progression_by_arm for one in neither.factors.values())


def test_trial_seven_alone_is_trial_seven_of_many(protocol: Protocol) -> None:
    task = many(protocol, "everything", "PFS", *CUTS[:2])
    np.testing.assert_array_equal(task.found(7, 1)[0], task.found(0, 10)[7])


def test_the_log_rank_test_as_an_analysis_of_ones_own_changes_nothing(protocol: Protocol) -> None:
    looks = Looks(cuts=(Cut(events=60), Cut(events=120)), efficacy=[2.5, 2.0], sided=1)
    own = operating(
        protocol, looks=looks, scenario="everything", trials=40, seed=1,
        analysis=lambda tte: float(eq.survival.logrank(tte).z or 0.0),
    )  # fmt: skip
    ours = operating(protocol, looks=looks, scenario="everything", trials=40, seed=1)
    assert own.power == ours.power
    assert own.z == pytest.approx(ours.z, rel=1e-12)
    late = operating(
        protocol, looks=looks, scenario="everything", trials=40, seed=1,
        analysis=lambda tte: float(eq.survival.logrank(tte, gamma=1).z or 0.0),
    )  # fmt: skip
    assert late.z[1] > ours.z[1]  # the effect of this model comes late


@pytest.mark.parametrize(("wrong", "trials"), [(5, 20), (1234, 1300)])
def test_an_analysis_that_raises_in_one_trial_loses_that_trial_alone(wrong: int, trials: int) -> None:
    calls = count()

    def analysis(tte: TimeToEvent) -> float:
        if next(calls) == 2 * wrong + 1:
            raise ZeroDivisionError("no\nweight")
        return 9.0

    found = operating(None, plan=plan(), trials=trials, seed=1, analysis=analysis, executor=ThreadPoolExecutor(1))
    assert found.wrong == (f"trial {wrong}, look 2: ZeroDivisionError: no weight",)
    assert found.power == 1.0  # that trial had stopped at its first look
    row = next(r for r in found.rows() if r.statistic == "looks without a result")
    assert (row.value, row.reason) == (1.0, found.wrong[0])
    assert str(found).endswith(f"; 1 looks are without a result, the first at {found.wrong[0]}")


class Backwards(Executor):
    """Runs what was submitted last first, when the first result is asked for."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Future[Any], Any, Any]] = []

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        executor = self

        class Late(Future[Any]):
            def result(self, timeout: float | None = None) -> Any:
                while executor.waiting:
                    future, call, given = executor.waiting.pop()
                    if not future.cancelled():
                        future.set_result(call(*given))
                return super().result(timeout)

        future = Late()
        self.waiting.append((future, fn, args))
        return future


def executors() -> Iterator[Executor | None]:
    yield None
    yield ThreadPoolExecutor(1)
    yield ThreadPoolExecutor(3)
    yield Backwards()
    yield ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn"))


def same(a: Operating, b: Operating) -> bool:
    return [(r.statistic, r.at, r.value, r.text) for r in a.rows()] == [
        (r.statistic, r.at, r.value, r.text) for r in b.rows()
    ]


def plan(ratio: float = 0.65, **more: Any) -> Plan:
    test = group_sequential(alpha=0.025, sided=1, information_fractions=[0.6, 1], efficacy=LanDeMets("obrien-fleming"))
    return survival(
        test, hazard_ratio=ratio, power=0.8, control=median("6 months"), allocation={"E": 1, "C": 1},
        accrual=accrual("12 months"), follow_up="9 months", **more,
    )  # fmt: skip


def test_results_do_not_depend_on_where_they_come_from() -> None:
    planned = plan()
    runs = [operating(None, plan=planned, trials=3_500, seed=5, executor=executor) for executor in executors()]
    assert all(same(runs[0], other) for other in runs[1:])
    assert runs[0].trials == 3_500
    first = operating(None, plan=planned, trials=3_500, seed=5, precision=0.01, executor=ThreadPoolExecutor(2))
    again = operating(None, plan=planned, trials=100_000, seed=5, precision=0.01)
    assert first.trials == again.trials == 2_000
    assert same(first, again)


def test_a_function_that_cannot_be_sent_is_refused() -> None:
    pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
    with pytest.raises(UnsupportedError, match="cannot be sent to another process"):
        operating(None, plan=plan(), trials=10, seed=1, analysis=lambda tte: 0.0, executor=pool)
    pool.shutdown()


def test_a_pool_of_forked_processes_is_refused() -> None:
    pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork"))
    with pytest.raises(UnsupportedError, match="forked"):
        operating(None, plan=plan(), trials=10, seed=1, executor=pool)


def test_interrupted_it_gives_what_is_done() -> None:
    def stop(share: float) -> None:
        if share >= 0.4:
            raise KeyboardInterrupt

    found = operating(None, plan=plan(), trials=5_000, seed=5, progress=stop)
    assert found.interrupted
    assert found.trials == 2_000
    assert same(found, operating(None, plan=plan(), trials=2_000, seed=5))


def test_power_and_size_of_a_plan() -> None:
    planned = plan(dropout=hazard(0.01))
    found = operating(None, plan=planned, trials=10_000, seed=3)
    assert abs(found.power - planned.power) < 4 * found.power_error + 0.005
    assert found.events[-1] == pytest.approx(round(planned.events), abs=0.3)  # all of the last day
    assert found.day == pytest.approx(planned.look_times, rel=0.02)
    assert found.expected["events"][0] == pytest.approx(planned.under_effect.events, rel=0.01)
    assert found.efficacy.sum() == found.power
    none = operating(None, plan=planned, trials=10_000, seed=3, hazard_ratio=1, cox=False)
    assert abs(none.power - 0.025) < 4 * none.error(0.025) + 0.002
    assert not none.estimates


def test_futility_and_two_sides() -> None:
    cuts = (Cut(events=60), Cut(events=120))
    both = Looks(cuts=cuts, efficacy=[2.5, 2.0], sided=2)
    one = Looks(cuts=cuts, efficacy=[2.5, 2.0], futility=[0.3, -math.inf], sided=1)
    planned = plan()
    task = {"nature": eq.simulate.nature_of(planned, hazard_ratio=1.4), "experimental": "E", "control": "C"}
    worse, _ = run_trials(Trials(**task, looks=both, endpoint=1, seed=1), 2_000)  # type: ignore[arg-type]
    assert worse.by_look["control"].sum() > 500
    stopped, _ = run_trials(Trials(**task, looks=one, endpoint=1, seed=1), 2_000)  # type: ignore[arg-type]
    z = Trials(**task, looks=one, endpoint=1, seed=1).found(0, 2_000)[:, :, Z]  # type: ignore[arg-type]
    assert stopped.by_look["futility"][0] == (z[:, 0] <= 0.3).sum()
    assert stopped.by_look["efficacy"][1] == ((z[:, 0] > 0.3) & (z[:, 0] < 2.5) & (z[:, 1] >= 2)).sum()


def test_a_cut_that_never_comes_is_counted_and_claims_nothing(protocol: Protocol) -> None:
    task = many(protocol, "survival alone", "OS", Cut(events=145))
    found = task.found(0, 200)
    never = found[:, 0, MET] == 0
    assert never.sum() > 0
    assert (found[never, 0, DAY] == task.nature.timings[0, 1]).all()
    looks = Looks(cuts=(Cut(events=140),), efficacy=[-9.0], sided=1)
    run = operating(protocol, looks=looks, scenario="survival alone", estimand="OS", trials=500, seed=1)
    assert run.power == pytest.approx(1 - run.unmet[0])
    assert run.unmet[0] > 0
    assert ("of the trials end before look 1, and claim nothing there" in str(run)) == (run.unmet[0] >= 0.01)


def test_without_effect_a_changing_ratio_is_gone(protocol: Protocol) -> None:
    everything = protocol.scenario["everything"]
    with pytest.raises(UnsupportedError, match="cured"):
        without_effect(everything)
    assert everything.progression is not None
    alike = everything.model_copy(update={"progression": everything.progression.model_copy(update={"cured": {}})})
    scenario = without_effect(alike, of="survival")
    assert scenario.progression is not None
    assert scenario.progression.hazard_ratio == {"Drug": 1.0}
    assert not scenario.progression.changing_hazard_ratio
    looks = Looks(cuts=(Cut(events=120),), efficacy=[1.96], sided=1)
    none = operating(protocol, looks=looks, scenario=scenario, trials=4_000, seed=2)
    some = operating(protocol, looks=looks, scenario="everything", trials=4_000, seed=2)
    assert none.power < 0.04
    assert some.power > 0.2


def test_the_cured_those_who_cross_and_the_mismeasured(protocol: Protocol) -> None:
    """Shares as the scenario has them, in one trial of 40,000: 4 errors of each."""
    everything = protocol.scenario["everything"]
    quiet = everything.model_copy(
        update={
            "progression": everything.progression.model_copy(  # type: ignore[union-attr]
                update={"pieces": (eq.protocol.Piece(monthly_hazard=1.0),), "changing_hazard_ratio": {}}
            ),
            "death_before_progression": None,
            "dropout": None,
            "loss_to_follow_up": None,
            "detection": None,
            "cutoff": "120 months",
        }
    )
    data = trial(protocol, quiet, seed=1, subjects=40_000)
    assert data.adsl is not None
    pfs = data.adtte.filter(data.adtte["PARAMCD"] == "PFS")
    for arm, share in (("Drug", 0.1), ("Placebo", 0.04)):
        own = pfs.filter(pfs["TRT01P"] == arm)
        assert own["CNSR"].mean() == pytest.approx(share, abs=4 * math.sqrt(share * (1 - share) / own.height))
    placebo = data.adsl.filter(data.adsl["TRT01P"] == "Placebo")
    for sex, share in (("F", 0.96 * 0.8), ("M", 0.96 * 0.5)):
        own = placebo.filter(placebo["SEX"] == sex)
        crossed = (own["XOFL"] == "Y").mean()
        assert share - 0.06 < crossed < share + 0.02  # some die before they cross
    for region, share in (("East", 0.3 * 0.9 + 0.2 * 0.1), ("West", 0.5 + 0.03 + 0.02), ("South", 0.16)):
        found = (data.adsl["REGION"] == region).mean()
        assert found == pytest.approx(share, abs=4 * math.sqrt(share * (1 - share) / 40_000))


def test_sites_open_one_after_the_other(protocol: Protocol) -> None:
    """Paces 1 from the start and 3 from day 100 of 300 on: 100 + 200 of the first, 600 of the second."""
    sites = {"Here": eq.protocol.Site(pace=1), "There": eq.protocol.Site(pace=3, opens="100 days"),
             "Late": eq.protocol.Site(pace=9, opens="2 years")}  # fmt: skip
    changed = {"accrual": "300 days", "accrual_pace": (), "sites": sites}
    model = protocol.scenario["everything"].model_copy(update=changed)
    data = trial(protocol, model, seed=1, subjects=20_000)
    assert data.adsl is not None
    counts = dict(data.adsl["SITEID"].value_counts().iter_rows())
    assert set(counts) == {"Here", "There"}
    assert counts["Here"] / 20_000 == pytest.approx(300 / 900, abs=4 * math.sqrt(2 / 9 / 20_000))
    day = (data.adsl["RANDDT"] - model.first_patient).dt.total_days().to_numpy()
    assert day[(data.adsl["SITEID"] == "There").to_numpy()].min() >= 100
    assert (day < 100).mean() == pytest.approx(100 / 900, abs=4 * math.sqrt(0.1 / 20_000))


def test_an_arm_that_is_seen_later_looks_as_if_it_did_better(protocol: Protocol) -> None:
    """Without any effect: visits every 12 weeks see progression later than those every 6."""
    law = eq.protocol.Hazard(median="4 months")
    detection = eq.protocol.Detection(visit="scan", by_arm={"Drug": "late scan"})
    region = protocol.scenario["everything"].factors["REGION"]
    alike_everywhere = region.model_copy(update={"progression": {}, "death": {}})
    changed = {
        "progression": law, "death_before_progression": None, "crossover": None, "detection": detection,
        "dropout": None, "loss_to_follow_up": None, "factors": {"REGION": alike_everywhere},
    }  # fmt: skip
    model = protocol.scenario["everything"].model_copy(update=changed)
    looks = Looks(cuts=(Cut(time="48 months"),), efficacy=[1.96], sided=1)
    biased = operating(protocol, looks=looks, scenario=model, trials=2_000, seed=1)
    alike = model.model_copy(update={"detection": eq.protocol.Detection(visit="scan")})
    fair = operating(protocol, looks=looks, scenario=alike, trials=2_000, seed=1)
    assert fair.log_hazard_ratio[0] == pytest.approx(0, abs=0.02)
    assert biased.log_hazard_ratio[0] < -0.03
    assert biased.power > fair.power


def scenario(**changed: Any) -> dict[str, Any]:
    given = {
        "label": "x", "first_patient": date(2020, 1, 1), "accrual": "12 months", "cutoff": "24 months",
        "death_before_progression": {"median": "9 months"},
    }  # fmt: skip
    return {name: value for name, value in {**given, **changed}.items() if value is not None}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"death_before_progression": None}, "nothing happens"),
        ({"crossover": {"arm": "A", "drug": "B", "probability": 0.5}}, "needs a `progression`"),
        ({"accrual_pace": [{"pace": 1, "until": "13 months"}, {"pace": 2}]}, "after the accrual has ended"),
        ({"accrual_pace": [{"pace": 0}]}, "nobody enters"),
        ({"accrual_pace": [{"pace": 1, "until": "3 months"}]}, "every piece but the last"),
        ({"patients": 1}, "greater than or equal to 2"),
        ({"sites": {"X": {"pace": 1}}, "accrual_pace": [{"pace": 1}]}, "given twice"),
        ({"sites": {"X": {"pace": 1, "opens": "12 months"}}}, "no site opens"),
        ({"sites": {"X": {"pace": 1, "opens": "3 months", "closes": "2 months"}}}, "after it has opened"),
        ({"factors": {"SEX": {"levels": {"F": 0.5, "M": 0.5}, "measured": {"X": {"F": 1.0}}}}}, "no level 'X'"),
        ({"factors": {"SEX": {"levels": {"F": 0.5, "M": 0.5}, "measured": {"F": {"F": 0.9}}}}}, "add up to 1"),
        (
            {"progression": {"median": "3 months"},
             "crossover": {"arm": "A", "drug": "B", "probability": 0.5, "by": "SEX"}},
            "go together",
        ),
        (
            {"progression": {"median": "3 months"},
             "crossover": {"arm": "A", "drug": "B", "probability": 0.5, "by": "SEX", "shares": {"F": 1.0}}},
            "none of the factors",
        ),
        (
            {"progression": {"median": "3 months"}, "factors": {"SEX": {"levels": {"F": 0.5, "M": 0.5}}},
             "crossover": {"arm": "A", "drug": "B", "probability": 0.5, "by": "SEX", "shares": {"X": 1.0}}},
            "no level 'X'",
        ),
        (
            {"death_before_progression": {"median": "9 months", "hazard_ratio": {"A": 1.0},
                                          "changing_hazard_ratio": {"A": [{"hazard_ratio": 1.0}]}}},
            "given twice",
        ),
        (
            {"death_before_progression": {"median": "9 months", "shape": 2.0,
                                          "changing_hazard_ratio": {"A": [{"hazard_ratio": 1.0}]}}},
            "not a shape",
        ),
        ({"death_before_progression": {"median": "9 months", "changing_hazard_ratio": {"A": []}}}, "no piece"),
        ({"death_before_progression": {"pieces": [{"monthly_hazard": -1.0}]}}, "greater than or equal to 0"),
    ],
)  # fmt: skip
def test_scenarios_that_are_none(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Scenario.model_validate(scenario(**changed))


def test_an_arm_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    text = TOML.read_text().replace("changing_hazard_ratio = { Drug", "changing_hazard_ratio = { Durg")
    file = tmp_path / "trial.toml"
    file.write_text(text)
    with pytest.raises(ProtocolError, match="Durg"):
        read(file)


LOOKS = Looks(cuts=(Cut(events=120),), efficacy=[1.96], sided=1)
TEST = group_sequential(alpha=0.025, sided=1, information_fractions=[1], efficacy=obrien_fleming())


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda p: operating(p, trials=10, seed=1), "give a plan, or looks"),
        (lambda p: operating(p, plan=plan(), looks=LOOKS, trials=10, seed=1), "give a plan, or looks"),
        (lambda p: operating(p, looks=LOOKS, trials=10, seed=1), "no patients"),
        (lambda p: operating(p, plan="x", trials=10, seed=1), "no plan"),
        (lambda p: operating(p, plan=plan(), trials=0, seed=1), "no number of trials"),
        (lambda p: operating(p, plan=plan(), trials=1.5, seed=1), "no number of trials"),
        (lambda p: operating(p, plan=plan(), trials=10, seed=-1), "no seed"),
        (lambda p: operating(p, plan=plan(), trials=10, seed=1, precision=0), "precision"),
        (lambda p: operating(p, plan=plan(), trials=10, seed=1, precision="x"), "precision"),
        (lambda p: Cut(events=3.5), "3.5 events is none"),
        (lambda p: Cut(events="5"), "'5' events is none"),
        (lambda p: operating(p, plan=plan(), trials=10, seed=1, hazard_ratio=0), "hazard_ratio"),
        (lambda p: operating(p, plan=plan(), trials=10, seed=1, subjects=10), "how many patients"),
        (lambda p: operating(p, plan=plan(), trials=10, seed=1, executor=3), "no executor"),
        (lambda p: operating(None, looks=LOOKS, scenario="everything", trials=10, seed=1), "belongs to a protocol"),
        (lambda p: operating(p, looks=LOOKS, scenario="evrything", trials=10, seed=1), "Known: 'everything'"),
        (lambda p: operating(p, looks=LOOKS, scenario="everything", trials=10, seed=1, hazard_ratio=1), "without_eff"),
        (lambda p: operating(p, looks=LOOKS, scenario="everything", estimand="ORR", trials=10, seed=1), "'OS', 'PFS'"),
        (lambda p: operating(p, looks=LOOKS, scenario="everything", subjects=1, trials=10, seed=1), "2 or more"),
        (lambda p: operating(p, plan=plan(), trials=10, seed=1, analysis=3), "is no function"),
        (lambda p: operating(p, plan=plan(), trials=10, seed=1, analysis=abs, keep="x"), "not kept"),
        (lambda p: Cut(), "a cut comes at"),
        (lambda p: Cut(events=3, time="1 month"), "later or the earlier"),
        (lambda p: Cut(events=3, which="later"), "no rule"),
        (lambda p: Cut(events=0), "1 or more"),
        (lambda p: Cut(events=3, time="1 month", which="first"), "'first' of several"),
        (lambda p: Cut(which="later", of=(Cut(events=3),)), "each of one thing"),
        (lambda p: Cut(of=(Cut(events=3), Cut(events=4))), "each of one thing"),
        (lambda p: Cut(events=2, which="later", of=(Cut(events=3), Cut(events=4))), "nothing beside them"),
        (lambda p: Cut(time="1 month", endpoint="OS"), "whose events"),
        (lambda p: Cut(date="2021-01-01"), "is no date"),
        (lambda p: many(p, "everything", "PFS", Cut(date=date(2019, 1, 1))).found(0, 1), "enters on 2020-01-01"),
        (lambda p: many(p, "everything", "PFS", Cut(events=3, endpoint="TTX")).found(0, 1), "Known: 'PFS', 'OS'"),
        (lambda p: trial(p, "everything", seed=1, cut=Cut(events=3, endpoint="TTX")), "not simulated here"),
        (
            lambda p: Trials(  # patients of a plan have no calendar
                nature=nature_of(plan()), looks=Looks(cuts=(Cut(date=date(2021, 1, 1)),), efficacy=[2.0], sided=1),
                experimental="B", control="A", endpoint=1, seed=1).found(0, 1),
            "no date of the first patient",
        ),
        (lambda p: Cut(time="0 days"), "a day or more"),
        (lambda p: Looks(cuts=(), efficacy=[], sided=1), "no looks"),
        (lambda p: Looks(cuts=(Cut(events=3),), efficacy=[1, 2], sided=1), "as many bounds"),
        (lambda p: Looks(cuts=(Cut(events=3),), efficacy=[math.nan], sided=1), "in a 1-sided test are numbers"),
        (lambda p: Looks(cuts=(Cut(events=3),), efficacy=[1], futility=[2], sided=1), "above efficacy"),
        (lambda p: Looks(cuts=(Cut(events=3),), efficacy=[1], sided=3), "neither 1 nor 2"),
        (lambda p: operating(p, plan=plan(method=Milestone("9 months")), trials=10, seed=1), "not simulated by a plan"),
        (
            lambda p: operating(p, plan=survival(
                TEST, hazard_ratio=1, null_hazard_ratio=1.3, power=0.8, control=median("6 months"),
                allocation={"E": 1, "C": 1}, accrual=accrual("12 months"), follow_up="9 months",
            ), trials=10, seed=1), "margin",
        ),
    ],
)  # fmt: skip
def test_what_is_refused(protocol: Protocol, call: Any, words: str) -> None:
    with pytest.raises(EquipoiseError) as caught:
        call(protocol)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('as_randomized = ["REGION"]', 'as_randomized = ["REGION", "AGEGR"]', "no factor 'AGEGR'"),
        ('label = "All randomized patients"', 'label = "Women"\nflag = "SEX"', "a part of those who are randomized"),
        ('label = "All randomized patients"', 'label = "Women"\nwhere = { SEX = "F" }', "a part of those"),
        ('label = "Progression-free survival"', 'label = "Response"\nevent_is = "benefit"', "hoped for"),
        ('variable = "PFS"', 'variable = "PFS"\nintercurrent_events = { "new drug" = { strategy = "hypothetical", '
         'date = "XODT" } }', "'PFS' are not simulated: new drug is not left to treatment policy"),
    ],
)  # fmt: skip
def test_an_analysis_that_is_not_simulated_is_refused_not_replaced(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    text = TOML.read_text()
    assert old in text
    file = tmp_path / "trial.toml"
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(UnsupportedError, match=words):
        operating(read(file), looks=LOOKS, scenario="everything", trials=10, seed=1)


def test_a_test_of_the_users_own_stands_in_for_the_protocols(tmp_path: Path) -> None:
    file = tmp_path / "trial.toml"
    file.write_text(TOML.read_text().replace('role = "primary"', 'role = "primary"\nweights = "gehan"', 1))
    found = operating(read(file), looks=LOOKS, scenario="everything", trials=5, seed=1, analysis=lambda tte: 9.0)
    assert found.power == 1


def test_arms_of_given_numbers(protocol: Protocol) -> None:
    """Arms of 70 and 50 in every trial, in an order of chance that is that of the trial alone; blocks are refused."""
    simple = protocol.model_copy(update={
        "randomization": eq.protocol.Randomization(procedure="simple", allocation={"Placebo": 1, "Drug": 2})
    })  # fmt: skip
    sizes = {"Drug": 70, "Placebo": 50}
    chosen = simple.scenario["everything"]
    of = analyzed_by(simple, chosen, analysis_of(simple, "PFS"))
    looks = Looks(cuts=CUTS[:2], efficacy=[2.0, 2.0], sided=1)
    found = Trials(nature=nature(simple, chosen, sizes), looks=looks, seed=3, **of).found(0, 6)
    for i in range(6):
        for k, cut in enumerate(looks.cuts):
            data = trial(simple, chosen, seed=3, number=i, subjects=sizes, cut=cut, estimand="PFS")
            tte = eq.analyze.endpoint(simple, data, estimand="PFS")
            assert found[i, k, Z] == pytest.approx(eq.survival.logrank(tte, stratified=True).z, rel=1e-10)
    whole = operating(
        simple, looks=Looks(cuts=(Cut(time="30 months"),), efficacy=[2.0], sided=1), scenario=chosen, subjects=sizes,
        trials=50, seed=1,
    )  # fmt: skip
    assert whole.patients.tolist() == [120.0]
    last = Trials(nature=nature(simple, chosen, sizes), seed=1, looks=whole.looks, **of).found(0, 50)
    assert (last[:, 0, ENTERED_BY : ENTERED_BY + 2] == [50, 70]).all()
    with pytest.raises(UnsupportedError, match="simple randomization alone"):
        nature(protocol, chosen, sizes)
    for wrong, words in (({"Drug": 70}, "totals are given for Drug"), ({"Drug": 0, "Placebo": 2}, "no number"),
                         ({"Drug": True, "Placebo": 2}, "no number")):  # fmt: skip
        with pytest.raises(DesignError, match=words):
            operating(simple, looks=whole.looks, scenario=chosen, subjects=wrong, trials=2, seed=1)


def test_the_truth_of_unequal_arms_is_of_unequal_arms(protocol: Protocol) -> None:
    """Under an effect that turns round, what a Cox model estimates depends on how many patients each arm has. The mean
    of 1,000 trials is the truth of such arms within four errors; limits, which are not exact where hazards are not
    proportional, cover in .9 or more (.28 and .21 when the truth was of equal arms)."""
    law = eq.protocol.Hazard(
        median="12 months",
        changing_hazard_ratio={"Drug": [{"hazard_ratio": 2.0, "until": "3 months"}, {"hazard_ratio": 0.15}]},
    )
    simple = protocol.model_copy(update={
        "randomization": eq.protocol.Randomization(procedure="simple", allocation={"Placebo": 1, "Drug": 1})
    })  # fmt: skip
    chosen = protocol.scenario["survival alone"].model_copy(update={"death_before_progression": law})
    looks = Looks(cuts=(Cut(time="30 months"),), efficacy=[1.96], sided=1)
    truths = []
    for sizes in ({"Drug": 500, "Placebo": 4_500}, {"Drug": 4_500, "Placebo": 500}):
        found = operating(
            simple, looks=looks, scenario=chosen, estimand="OS", subjects=sizes, trials=1_000, seed=1, truth=True
        )
        ratio = found.estimates["log hazard ratio"]
        assert ratio.covered is not None
        assert ratio.truth is not None
        assert ratio.truth_error is not None
        error = math.hypot(float(ratio.sd[0]) / math.sqrt(1_000), float(ratio.truth_error[0]))
        assert abs(ratio.mean[0] - ratio.truth[0]) < 4 * error
        assert ratio.covered[0] > 0.9
        truths.append(float(ratio.truth[0]))
    assert abs(truths[0] - truths[1]) > 0.1


def test_futility_between_two_bounds_is_refused_not_dropped() -> None:
    test = group_sequential(
        alpha=0.05, sided=2, information_fractions=[0.5, 1], efficacy=PampallonaTsiatis(), power=0.9, binding=True
    )  # fmt: skip
    planned = survival(
        test, hazard_ratio=0.65, control=median("6 months"), allocation={"E": 1, "C": 1},
        accrual=accrual("12 months"), follow_up="9 months",
    )  # fmt: skip
    with pytest.raises(UnsupportedError, match="two-sided test are not simulated"):
        operating(None, plan=planned, trials=10, seed=1)


def test_a_cut_before_anybody_has_entered_is_refused(protocol: Protocol) -> None:
    with pytest.raises(DesignError, match="nobody has entered by the cut at 1 day"):
        trial(protocol, "everything", seed=1, cut=Cut(time="1 day"), subjects=2)
    with pytest.raises(DesignError, match="150 is no cut"):
        trial(protocol, "everything", seed=1, cut=150)  # type: ignore[arg-type]
    with pytest.raises(DesignError, match="3 are no looks"):
        operating(protocol, looks=3, scenario="everything", trials=2, seed=1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("subjects", "where", "words"),
    [
        ("{ Drug = 70, Placbo = 50 }", "simulation.x.subjects.Placbo", 'Did you mean "Placebo"'),
        ("{ Drug = 70 }", "simulation.x.subjects", "nothing is given for the arm 'Placebo'"),
        ("{ Drug = 70, Placebo = 50 }", "simulation.x.subjects", "blocks keep the ratio"),
        ("{ Drug = 0, Placebo = 50 }", "simulation.x", "of an arm are 1 or more"),
        ("1", "simulation.x.subjects", "greater than or equal to 2"),
        ('"many"', "simulation.x.subjects", "whole number"),
    ],
)
def test_numbers_of_patients_that_are_none(tmp_path: Path, subjects: str, where: str, words: str) -> None:
    file = tmp_path / "trial.toml"
    file.write_text(
        f'{TOML.read_text()}\n[simulation.x]\nlabel = "x"\nestimand = "OS"\nscenario = "survival alone"\n'
        f"alpha = 0.025\nsided = 1\nhazard_ratio = [0.7]\nsubjects = {subjects}\n"
    )
    with pytest.raises(ProtocolError, match=words) as caught:
        read(file)
    assert caught.value.where == where


def test_who_says_how_many(protocol: Protocol) -> None:
    assert trial(protocol, "everything", seed=1, subjects=50, cut=Cut(time="47 months")).adsl.height == 50  # type: ignore[union-attr]
    bare = protocol.scenario["everything"].model_copy(update={"patients": None})
    with pytest.raises(DesignError, match="how many patients"):
        trial(protocol, bare, seed=1)
    tandem = eq.protocol.example("tandem")
    assert trial(tandem, seed=1).adsl.height == 207  # type: ignore[union-attr]


def test_a_reconstruction_needs_a_steady_model() -> None:
    tandem = eq.protocol.example("tandem")
    even = tandem.scenario["stated"].model_copy(update={"entry": "even"})
    with pytest.raises(UnsupportedError, match="one pace"):
        eq.reconstruct.ensemble.task_of(tandem, "stated", even, "A", 0)


def test_treatment_that_stops_for_other_reasons(protocol: Protocol) -> None:
    """Endpoints are as without; the day of stopping, where nothing else comes first, follows the law of its arm."""
    plain = protocol.scenario["everything"].model_copy(update={"patients": 20_000})
    stops = eq.protocol.Hazard(median="3 months", hazard_ratio={"Drug": 0.5}, cured={"Placebo": 0.2})
    model = plain.model_copy(update={"discontinuation": stops})
    before, after = (trial(protocol, one, seed=4) for one in (plain, model))
    assert before.adsl is not None
    assert after.adsl is not None
    assert after.adtte.equals(before.adtte)
    assert after.adsl.drop("TRTEDT").equals(before.adsl.drop("TRTEDT"))
    assert (after.adsl["TRTEDT"] <= before.adsl["TRTEDT"]).all()
    begun = (after.adsl["TRTEDT"] - after.adsl["TRTSDT"]).dt.total_days().to_numpy() + 1
    could = (before.adsl["TRTEDT"] - before.adsl["TRTSDT"]).dt.total_days().to_numpy() + 1
    drug = (after.adsl["TRT01P"] == "Drug").to_numpy()
    for here, ratio, never in ((drug, 0.5, 0.0), (~drug, 1.0, 0.2)):
        kept = here & (could > 60)
        share = (begun[kept] <= 60).mean()
        expected = (1 - never) * (1 - 0.5 ** (ratio * 60 / (3 * 30.4375)))
        assert share == pytest.approx(expected, abs=4 * math.sqrt(0.25 / kept.sum()))
    twice = trial(protocol, model, seed=4)
    assert twice.adsl is not None
    assert twice.adsl.equals(after.adsl)


def test_an_analysis_that_gives_nan_is_named(protocol: Protocol) -> None:
    looks = Looks(cuts=(Cut(events=60),), efficacy=[1.96], sided=1)
    found = operating(
        protocol, looks=looks, scenario="survival alone", estimand="OS", trials=5, seed=1, analysis=lambda _: math.nan
    )
    assert len(found.wrong) == 5
    assert found.wrong[0] == "trial 0, look 1: the analysis gives nan, which is no Z"
