"""Size and power that ten group sequential designs really have, by simulated trials.

    python -m tests.calibration.sequential --trials 1000000      # the table of docs/simulation.md; minutes

Sizes are one-sided, nominal .025, futility bounds obeyed where they are binding; power is of a tenth as many trials.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Mapping
from typing import Any

import equipoise
from equipoise.design import (
    FutilityBounds,
    HaybittlePeto,
    HwangShihDeCani,
    KimDeMets,
    LanDeMets,
    Plan,
    WangTsiatis,
    accrual,
    group_sequential,
    hazard,
    in_whole_numbers,
    median,
    obrien_fleming,
    pocock,
    survival,
)
from equipoise.simulate import Looks, Trials, looks_of, nature_of, operating, run_trials

SEED = 20261128
OF = LanDeMets("obrien-fleming")


def planned(
    efficacy: Any, looks: list[float], ratio: float = 0.68, allocation: tuple[int, int] = (1, 1), **more: Any
) -> Plan:
    power = 0.9 if more.get("futility") is not None else None
    test = group_sequential(
        alpha=0.025, sided=1, information_fractions=looks, efficacy=efficacy, power=power, **more
    )  # fmt: skip
    plan = survival(
        test, hazard_ratio=ratio, power=None if power else 0.9, control=median("9 months"), dropout=hazard(0.003),
        allocation={"E": allocation[0], "C": allocation[1]}, accrual=accrual("18 months"), follow_up="18 months",
        method="schoenfeld" if allocation == (1, 1) or power else "exact score",
    )  # fmt: skip
    return in_whole_numbers(plan)


def designs() -> Mapping[str, Plan]:
    """Ten designs of 150 final events or more."""
    half, thirds = [0.5, 1.0], [1 / 3, 2 / 3, 1.0]
    return {
        "O'Brien-Fleming, 1/3 2/3 1": planned(obrien_fleming(), thirds),
        "Pocock, 1/3 2/3 1": planned(pocock(), thirds),
        "Wang-Tsiatis 0.25, 1/2 1": planned(WangTsiatis(0.25), half),
        "Haybittle-Peto 3, 1/3 2/3 1": planned(HaybittlePeto(3.0), thirds),
        "Lan-DeMets of O'Brien-Fleming type, .6 .8 1": planned(OF, [0.6, 0.8, 1.0]),
        "Kim-DeMets 2, .4 .7 1, hazard ratio 0.6": planned(KimDeMets(2), [0.4, 0.7, 1.0], 0.6),
        "Hwang-Shih-DeCani -4, .25 .5 .75 1": planned(HwangShihDeCani(-4), [0.25, 0.5, 0.75, 1.0]),
        "Lan-DeMets, futility HSD -2 not binding, .5 .75 1": planned(
            OF, [0.5, 0.75, 1.0], futility=HwangShihDeCani(-2)
        ),
        "Lan-DeMets, futility z 0 binding, 1/2 1": planned(OF, half, futility=FutilityBounds(z=[0.0]), binding=True),
        "Lan-DeMets, 2:1, .6 1": planned(OF, [0.6, 1.0], allocation=(2, 1)),
    }


def size(plan: Plan, trials: int) -> float:
    """The share of claims under no effect; futility that is not binding is not obeyed."""
    looks = looks_of(plan)
    obeyed = looks if plan.test.binding else Looks(cuts=looks.cuts, efficacy=looks.efficacy, sided=1)
    task = Trials(
        nature=nature_of(plan, hazard_ratio=1.0), looks=obeyed, experimental="E", control="C", endpoint=1, seed=SEED,
        cox=False,
    )  # fmt: skip
    return float(run_trials(task, trials)[0].by_look["efficacy"].sum()) / trials


def power(plan: Plan, trials: int) -> float:
    """The share of claims under the plan's effect."""
    return operating(None, plan=plan, trials=trials, seed=SEED, cox=False).power


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--trials", type=int, default=1_000_000)
    count = reader.parse_args().trials
    fewer = max(count // 10, 1_000)
    print(f"version {equipoise.__version__}, seed {SEED}, {count:,} trials for a size, {fewer:,} for a power\n")
    print("| design | events | size | error | power planned | power | error |\n|---|---|---|---|---|---|---|")
    outside = []
    for name, plan in designs().items():
        alpha, found = size(plan, count), power(plan, fewer)
        errors = (math.sqrt(p * (1 - p) / n) for p, n in ((alpha, count), (found, fewer)))
        print(
            f"| {name} | {plan.events:.0f} | {alpha:.5f} | {next(errors):.5f} | {plan.power:.4f} | {found:.4f} | "
            f"{next(errors):.4f} |", flush=True,
        )  # fmt: skip
        if not 0.024 <= alpha <= 0.028 or abs(found - plan.power) > 0.01:
            outside.append(name)
    print(f"\noutside of .024 to .028, or of the planned power by more than .01: {', '.join(outside) or 'none'}")
    sys.exit(1 if outside else 0)


if __name__ == "__main__":
    main()
