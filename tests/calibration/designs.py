"""The power and size that survival designs really have, by simulated trials.

    python -m tests.calibration.designs --trials 40000      # the tables of docs/designs.md

A block of trials is addressed by (seed, number of its design, first trial). Patients enter as the plan says, on days
of their own; times to the event and to dropout have the plan's hazards; a look comes with its event, or on its day for
a test that counts information of its own. So nothing is approximated but what the design approximates: the law of the
test.
"""

from __future__ import annotations

import argparse
import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

import equipoise
from equipoise.design import (
    HwangShihDeCani,
    LanDeMets,
    MaxCombo,
    Milestone,
    Plan,
    RestrictedMean,
    accrual,
    formulas,
    group_sequential,
    hazard,
    in_whole_numbers,
    median,
    obrien_fleming,
    piecewise_hazard_ratio,
    survival,
)
from equipoise.design.hazards import Hazard
from equipoise.survival import TimeToEvent, logrank
from equipoise.survival.batch import batch
from equipoise.survival.weights import FlemingHarrington, ModestlyWeighted

SEED = 20261128
Floats = NDArray[np.float64]
_AT_ONCE = 2_000_000  # patients


def arrivals(plan: Plan, uniform: Floats) -> Floats:
    """Days of entry: the inverse of the share that has entered."""
    ends = np.cumsum([0.0, *plan.accrual.lengths])
    return np.interp(uniform, plan.accrual.entered(ends), ends)


def times(one: Hazard, uniform: Floats) -> Floats:
    """Times with a piecewise exponential hazard; infinite where the hazard ends."""
    assert one.shape == 1
    wanted = -np.log(uniform)
    starts, rates = np.array(one.starts), np.array(one.rates)
    found = np.full(uniform.shape, np.inf)
    at = one.cumulative(starts)
    for start, rate, before in zip(starts, rates, at, strict=True):
        if rate > 0:
            inside = wanted >= before
            found[inside] = start + (wanted[inside] - before) / rate
    return found


def trials(plan: Plan, number: int, count: int, *, effect: bool = True) -> Iterator[tuple[Floats, Any, Any, Any]]:
    """Blocks of (entry, time to the event, time to dropout, arm), each (trials, patients)."""
    n = round(plan.patients)
    one = round(n * plan.population.share)
    arm = np.repeat([1, 0], [one, n - one])
    control = plan.population.control[""]
    ratios = plan.hazard_ratio[""]
    hazards = (control, control.times(ratios) if effect else control)
    leaving = [plan.population.dropout[name] for name in (plan.population.control_arm, plan.population.experimental)]
    block = max(_AT_ONCE // n, 1)
    for first in range(0, count, block):
        size = min(block, count - first)
        rng = np.random.default_rng([SEED, number, int(effect), first])
        entry = arrivals(plan, rng.random((size, n)))
        event, gone = np.empty((size, n)), np.empty((size, n))
        for a in (0, 1):
            event[:, arm == a] = times(hazards[a], rng.random((size, int((arm == a).sum()))))
            gone[:, arm == a] = times(leaving[a], rng.random((size, int((arm == a).sum()))))
        yield entry, event, gone, np.broadcast_to(arm, (size, n))


def looked_at(plan: Plan, block: tuple[Any, ...], look: int) -> tuple[Floats, Any, Any, list[int]]:
    """The data of one look: times, events, arms of those who had entered, and patients by trial."""
    entry, event, gone, arm = block
    observed = np.minimum(event, gone)
    if plan.information_basis == "events":
        wanted = round(float(plan.look_events[look].sum()))
        dates = np.where(event <= gone, entry + event, np.inf)
        cut = np.partition(dates, wanted - 1, axis=1)[:, wanted - 1]
    else:
        cut = np.full(len(entry), plan.look_times[look])
    there = entry < cut[:, None]
    followed = cut[:, None] - entry
    time = np.minimum(observed, followed)
    has = (event <= gone) & (event <= followed * (1 + 1e-15))
    return time[there], has[there].astype(int), arm[there], there.sum(axis=1).tolist()


def statistics(plan: Plan, block: tuple[Any, ...], look: int) -> Floats:
    """Z of the plan's test in every trial of a block, above zero where the experimental arm does better."""
    time, event, arm, sizes = looked_at(plan, block, look)
    method = plan.method
    if isinstance(method, RestrictedMean):
        found = batch(time, event, arm, sizes=sizes, unit="days", tau=method.tau)
        return np.asarray(found.rmst_difference / found.rmst_difference_se)  # type: ignore[operator]
    if isinstance(method, Milestone):
        found = batch(time, event, arm, sizes=sizes, unit="days", at=method.at)
        assert found.survival is not None
        assert found.survival_se is not None
        return np.asarray(np.diff(found.survival, axis=1)[:, 0] / np.hypot(*found.survival_se.T))
    if isinstance(method, str):
        return np.asarray(batch(time, event, arm, sizes=sizes, unit="days").z)
    ends = np.cumsum([0, *sizes])
    z = []
    for a, b in itertools.pairwise(ends):
        tte = TimeToEvent(
            time[a:b], event[a:b], np.where(arm[a:b] == 1, "E", "C"), control="C", experimental="E", unit="days"
        )
        if isinstance(method, MaxCombo):
            alone = look + 1 < len(plan.look_times) and method.interim
            weights = [method.interim] if alone else list(method.weights)
            z.append(max(float(logrank(tte, weights=w).z or 0.0) for w in weights if w))
        else:
            z.append(float(logrank(tte, weights=method).z or 0.0))
    return np.array(z)


def claims(plan: Plan, number: int, count: int, *, effect: bool = True) -> Floats:
    """The share of trials that cross their bound for efficacy at each look, having crossed none before (k,)."""
    found = np.zeros(len(plan.look_times))
    for block in trials(plan, number, count, effect=effect):
        running = np.ones(len(block[0]), dtype=bool)
        for look in range(len(plan.look_times)):
            z = statistics(plan, block, look)
            crossed = running & (z >= plan.efficacy_bounds[look])
            found[look] += crossed.sum()
            running &= ~crossed
            if effect and plan.futility_bounds is not None:
                running &= z > plan.futility_bounds[look]
    return found / count


FIXED = group_sequential(alpha=0.025, sided=1, information_fractions=[1], efficacy=obrien_fleming())
OF = LanDeMets("obrien-fleming")
CROSSING = piecewise_hazard_ratio([1.6, 0.45], until=["4 months"])
LATE = piecewise_hazard_ratio([1, 0.55], until=["4 months"])


def asked(test: Any, ratio: Any = 0.68, allocation: tuple[int, int] = (1, 1), **more: Any) -> Plan:
    return survival(
        test, hazard_ratio=ratio, power=None if test.power else 0.9, control=median("9 months"), dropout=hazard(0.003),
        allocation={"E": allocation[0], "C": allocation[1]}, accrual=accrual("18 months"), follow_up="18 months",
        **more,
    )  # fmt: skip


def designs() -> dict[str, Plan]:
    """The plans of the second table, in whole numbers."""
    two = group_sequential(alpha=0.025, sided=1, information_fractions=[0.6, 1], efficacy=OF)
    futile = group_sequential(
        alpha=0.025, sided=1, information_fractions=[0.5, 0.75, 1], efficacy=OF, futility=HwangShihDeCani(-2), power=0.9
    )
    both = MaxCombo((FlemingHarrington(0, 0), FlemingHarrington(0, 1)), interim=FlemingHarrington(0, 0))
    plans = {
        "score, 3:1": asked(FIXED, method="score", allocation=(3, 1)),
        "exact score, 3:1": asked(FIXED, method="exact score", allocation=(3, 1)),
        "score, 3:1, hazard ratio 0.5": asked(FIXED, 0.5, method="score", allocation=(3, 1)),
        "exact score, 3:1, hazard ratio 0.5": asked(FIXED, 0.5, method="exact score", allocation=(3, 1)),
        "score, 1:3": asked(FIXED, method="score", allocation=(1, 3)),
        "exact score, 1:3": asked(FIXED, method="exact score", allocation=(1, 3)),
        "score, 1:3, hazard ratio 0.5": asked(FIXED, 0.5, method="score", allocation=(1, 3)),
        "exact score, 1:3, hazard ratio 0.5": asked(FIXED, 0.5, method="exact score", allocation=(1, 3)),
        "score, crossing hazards": asked(FIXED, CROSSING, method="score"),
        "exact score, crossing hazards": asked(FIXED, CROSSING, method="exact score"),
        "Schoenfeld, two looks": asked(two),
        "Schoenfeld, three looks, futility": asked(futile),
        "score, delayed effect, two looks": asked(two, LATE, method="score"),
        "average hazard ratio, delayed effect, two looks": asked(two, LATE, method="average hazard ratio"),
        "Fleming-Harrington (0, 1), delayed effect": asked(FIXED, LATE, method=FlemingHarrington(0, 1)),
        "Fleming-Harrington (0, 1), delayed effect, two looks": asked(two, LATE, method=FlemingHarrington(0, 1)),
        "modestly weighted, delayed effect": asked(FIXED, LATE, method=ModestlyWeighted(delay="6 months")),
        "restricted mean at 24 months": asked(FIXED, method=RestrictedMean("24 months")),
        "milestone at 12 months": asked(FIXED, method=Milestone("12 months")),
        "MaxCombo, delayed effect, two looks": asked(two, LATE, method=both),
    }
    return {name: in_whole_numbers(plan) for name, plan in plans.items()}


def by_formula() -> dict[str, Plan]:
    """One trial by every formula, 1:1 and 2:1, in whole numbers."""
    found = {}
    for pair in ((1, 1), (2, 1)):
        plans = formulas(
            FIXED, hazard_ratio=0.68, power=0.9, control=median("9 months"), dropout=hazard(0.003),
            allocation={"E": pair[0], "C": pair[1]}, accrual=accrual("18 months"), follow_up="18 months",
        ).plans  # fmt: skip
        found |= {f"{name}, {pair[0]}:{pair[1]}": plan for name, plan in plans.items()}
    return found


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--trials", type=int, default=40_000)
    count = reader.parse_args().trials
    print(f"version {equipoise.__version__}, seed {SEED}, {count:,} trials, error of a power of 0.9: "
          f"{math.sqrt(0.09 / count):.4f}, of a size of 0.025: {math.sqrt(0.025 * 0.975 / count):.4f}\n")  # fmt: skip
    print("| formula | events | events, whole | power planned | power simulated |\n|---|---|---|---|---|")
    for number, (name, plan) in enumerate(by_formula().items()):
        whole = in_whole_numbers(plan)
        power = claims(whole, number, count).sum()
        print(f"| {name} | {plan.events:.2f} | {whole.events:.0f} | {whole.power:.4f} | {power:.4f} |", flush=True)
    print(
        "\n| design | events | patients | power planned | power simulated | size simulated |\n|---|---|---|---|---|---|"
    )
    for number, (name, plan) in enumerate(designs().items()):
        few = count if isinstance(plan.method, str | RestrictedMean | Milestone) else count // 4
        power = claims(plan, 100 + number, few).sum()
        size = claims(plan, 100 + number, few, effect=False).sum()
        print(f"| {name} | {plan.events:.0f} | {plan.patients:.0f} | {plan.power:.4f} | {power:.4f} | {size:.4f} |",
              flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
