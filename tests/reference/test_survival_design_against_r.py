"""Survival designs against the stored cases of rpact, gsDesign, gsDesign2, lrstat and simtrial, at the tolerance each
asks for (survival_design_cases.json holds the calls).

Where another program misses its own promise, the test shows it and says what the tolerance is instead.
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import ndtr

from equipoise.design import (
    AlphaGraph,
    Bounds,
    HwangShihDeCani,
    LanDeMets,
    Plan,
    accrual,
    dropout,
    event_fractions,
    group_sequential,
    hazard,
    median,
    obrien_fleming,
    piecewise_hazard_ratio,
    survival,
)
from equipoise.design.course import Course, Stratum, at_risk
from equipoise.design.crossing import crossing_along
from equipoise.design.hazards import HazardRatio
from equipoise.design.methods import average_hazard_ratio
from equipoise.survival import TimeToEvent, logrank, maxcombo
from equipoise.survival.weights import FlemingHarrington
from equipoise.units import DAYS_PER_MONTH as MONTH

CASES = {c["id"]: c for c in json.loads((Path(__file__).parent / "survival_design_cases.json").read_text())}
ONE = {"E": 1, "C": 1}
OF = LanDeMets("obrien-fleming")


def close(ours: Any, want: Any, rel: float) -> None:
    assert np.asarray(ours, dtype=float) == pytest.approx(np.asarray(want, dtype=float), rel=rel, abs=0)


def fixed(alpha: float = 0.025, sided: Any = 1) -> Any:
    return group_sequential(alpha=alpha, sided=sided, information_fractions=[1], efficacy=obrien_fleming())


FIXED = {
    "A01": lambda: survival(
        fixed(), hazard_ratio=0.7, power=0.9, control=hazard(math.log(2) / 6), allocation=ONE,
        accrual=accrual("24 months"), follow_up="12 months",
    ),
    "A02": lambda: survival(
        fixed(), hazard_ratio=0.65, power=0.8, control=median("8 months"), allocation=ONE,
        accrual=accrual("12 months"), follow_up="10 months", method="freedman",
    ),
    "A03": lambda: survival(
        fixed(), hazard_ratio=0.6, power=0.9, control=hazard(0.05), allocation={"E": 1.5, "C": 1},
        accrual=accrual("18 months"), follow_up="6 months",
    ),
    "A04": lambda: survival(
        fixed(), hazard_ratio=0.75, power=0.9, control=hazard([0.03, 0.06, 0.04], until=["5 months", "12 months"]),
        allocation=ONE, accrual=accrual([("6 months", 0.4), ("12 months", 0.6)], relative=True),
        follow_up="10 months", dropout=dropout(0.05, by="12 months"),
    ),
    "A05": lambda: survival(
        fixed(0.05, 2), hazard_ratio=0.7, power=0.8, control=hazard(0.045), allocation=ONE,
        accrual=accrual("18 months"), patients=360,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FIXED)
def test_fixed_designs_of_rpact(name: str) -> None:
    plan, want, rel = FIXED[name](), CASES[name]["outputs"], CASES[name]["rel_tol"]
    close(plan.events, want["eventsFixed"], rel)
    close(plan.patients, want["nFixed"], rel)
    close(plan.duration / MONTH, want["analysisTime"], rel)
    close(plan.follow_up / MONTH, want["followUpTime"], rel)
    close(np.array(plan.accrual.rates) * MONTH, np.atleast_1d(want["accrualIntensity"]), rel)
    assert plan.efficacy_effects is not None
    effect = want.get("criticalValuesEffectScale", want.get("criticalValuesEffectScaleLower"))
    close(plan.efficacy_effects[0], effect, rel)
    hazards = plan.population.control[""], plan.population.control[""].times(plan.hazard_ratio[""])
    for one, at in zip(hazards, ("lambda2", "lambda1"), strict=True):
        close(np.array(one.rates) * MONTH, np.atleast_1d(want[at]), 1e-12)


def grouped(name: str) -> tuple[Plan, dict[str, Any], float]:
    case = CASES[name]
    if name == "S01":
        test = group_sequential(alpha=0.025, sided=1, information_fractions=[0.4, 0.7, 1], efficacy=obrien_fleming())
        plan = survival(
            test, hazard_ratio=0.65, power=0.9, control=median("6 months"), allocation=ONE,
            accrual=accrual("24 months"), follow_up="12 months",
        )  # fmt: skip
    else:
        test = group_sequential(alpha=0.025, sided=1, information_fractions=[0.65, 1], efficacy=OF)
        plan = survival(
            test, hazard_ratio=0.7, power=0.8, control=hazard(0.06), allocation=ONE,
            accrual=accrual([("5 months", 9), ("15 months", 21)]), dropout=dropout(0.05, by="12 months"),
        )  # fmt: skip
    return plan, case["outputs"], case["rel_tol"]


@pytest.mark.parametrize("name", ["S01", "S02"])
def test_group_sequential_designs_of_rpact(name: str) -> None:
    plan, want, rel = grouped(name)
    close(plan.events, want["maxNumberOfEvents"], rel)
    close(plan.look_events.sum(axis=1), want["eventsPerStage"], rel)
    close(plan.patients, want["maxNumberOfSubjects"], rel)
    close(plan.look_patients, want["numberOfSubjects"], rel)
    close(plan.look_times / MONTH, want["analysisTime"], rel)
    close(plan.under_effect.duration / MONTH, want["studyDuration"], rel)
    close(plan.under_effect.events, want["expectedEventsH1"], rel)
    close(plan.under_none.events, want["expectedEventsH0"], rel)
    close(plan.under_effect.patients, want["expectedNumberOfSubjectsH1"], rel)
    close(plan.efficacy_effects, want["criticalValuesEffectScale"], rel)
    close(ndtr(-plan.efficacy_bounds), want["criticalValuesPValueScale"], rel)
    close(plan.stop_for_efficacy, want["rejectPerStage"], rel)
    drift = -math.log(plan.hazard_ratio[""].values[0]) * math.sqrt(plan.events / 4)
    close(plan.test.expected_information(drift / 2) * plan.events, want["expectedEventsH01"], rel)


@pytest.mark.parametrize("at", [0, 1])
def test_power_of_rpact(at: int) -> None:
    want, rel = CASES["S03"]["outputs"], CASES["S03"]["rel_tol"]
    test = group_sequential(alpha=0.025, sided=1, information_fractions=[0.5, 0.75, 1], efficacy=OF)
    plan = survival(
        test, hazard_ratio=want["hazardRatio"][at], events=200, patients=300, control=median("8 months"),
        allocation=ONE, accrual=accrual("18 months"),
    )  # fmt: skip
    close(plan.power, want["overallReject"][at], rel)
    close(plan.stop_for_efficacy, [row[at] for row in want["rejectPerStage"]], rel)
    close(plan.look_times / MONTH, [row[at] for row in want["analysisTime"]], rel)
    close(plan.look_patients, [row[at] for row in want["numberOfSubjects"]], rel)
    close(plan.follow_up / MONTH, want["followUpTime"][at], rel)
    close(plan.under_effect.events, want["expectedNumberOfEvents"][at], rel)
    close(plan.under_effect.patients, want["expectedNumberOfSubjects"][at], rel)
    close(plan.under_effect.duration / MONTH, want["studyDuration"][at], rel)
    close(plan.efficacy_effects, want["criticalValuesEffectScale"], rel)


def course(control: Any, ratio: Any, entering: Any, leaving: Any) -> Course:
    ratio = ratio if isinstance(ratio, HazardRatio) else HazardRatio((0.0,), (ratio,))
    return Course((Stratum(1.0, control, ratio),), entering, (leaving, leaving), 0.5)


def test_event_probabilities_of_rpact() -> None:
    want, rel = CASES["E01"]["outputs"], CASES["E01"]["rel_tol"]
    trial = course(hazard(0.05), 0.75, accrual([("12 months", 25)]), dropout(0.05, by="12 months"))
    for k, time in enumerate(want["time"]):
        control, experimental = at_risk(trial, time * MONTH).events[0] * 2  # of an arm's own patients
        close([experimental, control], [want["eventProbabilities1"][k], want["eventProbabilities2"][k]], rel)
        close((control + experimental) / 2, want["overallEventProbabilities"][k], rel)


@pytest.mark.parametrize(("name", "method"), [("N01", "lachin-foulkes"), ("N02", "freedman")])
def test_fixed_designs_of_gsdesign(name: str, method: Any) -> None:
    want, rel = CASES[name]["outputs"], CASES[name]["rel_tol"]
    plan = survival(
        fixed(), hazard_ratio=0.7, power=0.9, control=median("8 months"), allocation=ONE, dropout=hazard(0.003),
        accrual=accrual([("4 months", 4), ("14 months", 10)], relative=True), follow_up="12 months", method=method,
    )  # fmt: skip
    close(plan.patients, want["n"], rel)
    close(plan.events, want["d"], rel)
    close(plan.look_events[0], [want["eDC"], want["eDE"]], rel)
    close(np.array(plan.accrual.rates) * MONTH, want["gamma"], rel)


def test_group_sequential_design_of_gsdesign() -> None:
    """Its futility bounds spend .0260658 at the second look where its own spending says .0260592, and its last efficacy
    bound spends more than alpha by 1e-6 and more, so what rests on them is off by 3e-5; the rest is met at 1e-6."""
    want, rel = CASES["N03"]["outputs"], CASES["N03"]["rel_tol"]
    spent, planned = want["lower_prob_by_theta"][1][1], want["lower_spend"][1]
    assert abs(spent / planned - 1) > 2e-4  # its miss
    test = group_sequential(
        alpha=0.025, sided=1, information_fractions=[0.6, 0.8, 1], efficacy=OF, futility=HwangShihDeCani(-3), power=0.9
    )
    plan = survival(
        test, hazard_ratio=0.65, control=median("6 months"), allocation=ONE, dropout=hazard(0.005),
        accrual=accrual([("4 months", 4), ("16 months", 8)], relative=True), follow_up="12 months",
        method="lachin-foulkes",
    )  # fmt: skip
    close(plan.efficacy_bounds[:2], want["upper_bound"][:2], rel)
    close(plan.efficacy_bounds[2], want["upper_bound"][2], 5e-5)
    theirs = Bounds(test.information_fractions, np.array(want["upper_bound"]), np.full(3, -np.inf), np.zeros(3))
    assert 1e-6 < crossing_along(theirs, np.zeros(3)).upper.sum() - 0.025 < 1e-5  # its miss
    close(np.diff(test.alpha_spent, prepend=0), want["upper_spend"], rel)
    assert test.beta_spent is not None
    close(np.diff(test.beta_spent, prepend=0), want["lower_spend"], rel)
    close(plan.look_times / MONTH, want["T"], rel)
    off = 5e-5
    close(plan.futility_bounds, want["lower_bound"], 1e-4)
    close(plan.look_events.sum(axis=1), want["n.I"], off)
    close(plan.look_events, np.column_stack([want["eDC"], want["eDE"]]), off)
    close(plan.look_patients, np.array(want["eNC"]) + want["eNE"], off)
    close(plan.stop_for_efficacy, [row[1] for row in want["upper_prob_by_theta"]], 1e-4)
    close([plan.under_none.events, plan.under_effect.events], want["expected_n"], 1e-4)


DELAYED = piecewise_hazard_ratio([1, 0.55], until=["5 months"])
CHANGING = hazard([0.08, 0.06], until=["5 months"])


def test_average_hazard_ratio_of_gsdesign2() -> None:
    want, rel = CASES["X01"]["outputs"], CASES["X01"]["rel_tol"]
    entering = accrual([("3 months", 5), ("15 months", 14)])
    trial = course(CHANGING, DELAYED, entering, hazard(0.003))
    for k, time in enumerate(want["time"]):
        found = at_risk(trial, time * MONTH)
        effect = average_hazard_ratio(trial, found, 1.0)
        n = entering.patients
        close(found.events.sum() * n, want["event"][k], rel)
        close(math.exp(-effect.size), want["ahr"][k], rel)
        close([effect.real * n, effect.null * n], [want["info"][k], want["info0"][k]], rel)


def delayed(fractions: Any, rates: tuple[float, float], **more: Any) -> Plan:
    test = group_sequential(alpha=0.025, sided=1, information_fractions=fractions, efficacy=OF)
    return survival(
        test, hazard_ratio=DELAYED, control=CHANGING, allocation=ONE, dropout=hazard(0.003),
        accrual=accrual([("3 months", rates[0]), ("15 months", rates[1])]), method="average hazard ratio", **more,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["X02", "X03"])
def test_delayed_effects_of_gsdesign2(name: str) -> None:
    """At the second look it takes the bound as it is, at the first the bound over the error under the effect, so that
    the power it prints belongs to no one test: the test adds up its three terms from ours. With the second reading
    throughout, as Z is standardized by its error under none, power differs by less than half a point."""
    want, rel = CASES[name]["outputs"], CASES[name]["rel_tol"]
    looks, bound = want["analysis"], want["bound"]
    rates = want["enroll_rate"]["rate"]
    if name == "X02":
        fractions = event_fractions(
            ["22 months", "34 months"], hazard_ratio=DELAYED, control=CHANGING, allocation=ONE, dropout=hazard(0.003),
            accrual=accrual([("3 months", rates[0]), ("15 months", rates[1])]),
        )  # fmt: skip
        plan = delayed(fractions, rates, follow_up="16 months")
    else:
        plan = delayed([2 / 3, 1], rates, events=180)
    close(plan.look_times / MONTH, looks["time"], rel)
    close(plan.look_events.sum(axis=1), looks["event"], rel)
    close(plan.look_patients, looks["n"], rel)
    close(plan.efficacy_bounds, bound["z"], rel)
    null, real, size = (np.array(looks[key]) for key in ("info0", "info", "theta"))
    close(np.exp(-plan.efficacy_bounds / np.sqrt(null)), bound["~hr at bound"], rel)

    seen = Bounds(real / real[-1], plan.efficacy_bounds, np.full(2, -np.inf), np.zeros(2))
    means = size * np.sqrt(real)
    as_it_is = crossing_along(seen, means).upper
    scaled = plan.efficacy_bounds * np.sqrt(real / null)
    first = float(ndtr(means[0] - scaled[0]))
    close([first, first + as_it_is[1]], bound["probability"], rel)

    throughout = crossing_along(Bounds(seen.fractions, scaled, seen.lower, seen.inner), means).upper
    close(plan.stop_for_efficacy, throughout, rel)
    assert 0.001 < abs(bound["probability"][1] - plan.power) < 0.006


def plan_course(plan: Plan) -> Course:
    return plan.population.course(plan.hazard_ratio, plan.accrual)


def test_score_of_lrstat() -> None:
    want, rel = CASES["L01"]["outputs"], CASES["L01"]["rel_tol"]
    test = group_sequential(alpha=0.025, sided=1, information_fractions=[0.6, 1], efficacy=OF)
    plan = survival(
        test, hazard_ratio=piecewise_hazard_ratio([1, 0.6], until=["5 months"]), method="score", allocation=ONE,
        control=hazard([0.07, 0.05], until=["5 months"]), dropout=hazard(0.004), accrual=accrual([("18 months", 18)]),
        follow_up="15 months",
    )  # fmt: skip
    stages, overall = want["byStage"], want["overall"]
    close(plan.efficacy_bounds, stages["efficacyBounds"], rel)
    close(np.cumsum(plan.stop_for_efficacy), stages["cumulativeRejection"], rel)
    close(plan.look_events.sum(axis=1), stages["numberOfEvents"], rel)
    close(plan.look_dropouts, stages["numberOfDropouts"], rel)
    close(plan.look_patients, stages["numberOfSubjects"], rel)
    close(plan.look_times / MONTH, stages["analysisTime"], rel)
    assert plan.efficacy_effects is not None
    for k, time in enumerate(plan.look_times):
        # Its ratios at the bounds are of an estimate whose information is that under the effect, ours under none.
        found = at_risk(plan_course(plan), float(time))
        y0, y1 = found.at_risk[0] * plan.patients
        h0, h1 = found.hazard[0]

        def information(q: float, y0=y0, y1=y1, deaths=(y0 * h0 + y1 * h1) * found.weight) -> float:  # type: ignore[no-untyped-def]
            return float((q * y0 * y1 / (y0 + q * y1) ** 2) @ deaths)

        cox = brentq(
            lambda b, y0=y0, y1=y1, h0=h0, h1=h1, w=found.weight: (
                ((y0 * y1 * (math.exp(b) * h0 - h1)) / (y0 + math.exp(b) * y1)) @ w
            ),
            -2,
            1,
        )  # type: ignore[misc]
        close(math.exp(cox), stages["HR"][k], rel)
        z = plan.efficacy_bounds[k]
        close(math.exp(-z / math.sqrt(information(math.exp(cox)))), stages["efficacyHR"][k], 1e-4)
        close(math.exp(-z / math.sqrt(information(1.0))), plan.efficacy_effects[k], 1e-9)
    close(plan.under_effect.events, overall["expectedNumberOfEvents"], rel)
    close(plan.under_effect.duration / MONTH, overall["expectedStudyDuration"], rel)


def test_graph_of_lrstat() -> None:
    """fadjpbon fills G by columns: H1 hands half to each of H2, H3... as printed, H2's arrow goes to H1 and H3."""
    graph = AlphaGraph(
        weights={"H1": 1, "H2": 0, "H3": 0},
        transitions={"H1": {"H2": 1}, "H2": {"H1": 0.5, "H3": 0.5}, "H3": {"H2": 1}},
    )
    found = graph.test({"H1": 0.012, "H2": 0.02, "H3": 0.03}, alpha=0.025).adjusted_p
    close([found[h] for h in ("H1", "H2", "H3")], CASES["L03"]["outputs"]["adj_p"], CASES["L03"]["rel_tol"])


def stored(call: str) -> TimeToEvent:
    def column(name: str) -> list[str]:
        inside = re.search(rf"\b{name} = c\(([^)]*)\)", call)
        assert inside
        return [one.strip().strip('"') for one in inside.group(1).split(",")]

    return TimeToEvent(
        [float(t) for t in column("tte")], [int(e) for e in column("event")], column("treatment"), control="control",
        experimental="experimental", unit="months", strata=column("stratum"),
    )  # fmt: skip


def test_weighted_logrank_of_simtrial() -> None:
    want, rel = CASES["T01"]["outputs"], CASES["T01"]["rel_tol"]
    found = logrank(stored(CASES["T01"]["call"]), gamma=1)
    close(found.z, want["z"], rel)
    close(math.sqrt(found.variance[0, 0]), want["se"], rel)


def test_maxcombo_of_simtrial() -> None:
    want, rel = CASES["T02"]["outputs"], CASES["T02"]["rel_tol"]
    found = maxcombo(stored(CASES["T02"]["call"]), [FlemingHarrington(0, 0), FlemingHarrington(0, 1)])
    close(found.p_one_sided, want["p_value"], rel)
    close(-np.array(found.z), want["z"], rel)
