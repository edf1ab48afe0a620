"""Hazard ratios without crossover on cohorts that print every digit of TAnDEM's abstract, by the assumed effect.

    .venv/bin/python benchmarks/crossover_range.py                  # 40 cohorts an effect, seed 1: about a minute
    .venv/bin/python benchmarks/crossover_range.py --cohorts 200

For every hazard ratio of death after crossing over that the protocol's simulation table assumes, and the stated model's
own, cohorts are rebuilt and analyzed; the table has the median and the range (smallest to largest) of each method. The
first ten cohorts of seed 1 are those of `equipoise run tandem`. Exits with 1 where a cohort meets not every number.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np

from equipoise.protocol import example
from equipoise.reconstruct.demonstration import (
    PARTS,
    PATIENTS,
    REPLAYED,
    WAYS,
    asked,
    assumed,
    assumed_effects,
    ratio_in_model,
    summary,
    with_effect,
)
from equipoise.results import fixed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cohorts", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    trial = example("tandem")
    (name,) = asked(trial)
    estimand = trial.simulation[name].estimand
    start, effects = assumed_effects(trial, name)
    begun = time.perf_counter()
    found = [
        assumed(trial, estimand, with_effect(start, ratio), label, seed=given.seed, cohorts=given.cohorts)
        for label, ratio in effects
    ]
    model = fixed(ratio_in_model(trial, estimand, start, seed=given.seed)[0], 2)
    print(f"{estimand}, seed {given.seed}, tier A; median (smallest to largest)\n")
    print("| | " + " | ".join(f"{one.label} ({one.death_hazard_ratio:g})" for one in found) + " |")
    print("|---" * (len(found) + 1) + "|")
    print("| cohorts that meet every number | " + " | ".join(f"{one.met} of {one.searched}" for one in found) + " |")
    for k, way in enumerate((*WAYS, REPLAYED)):
        print(f"| {way} | " + " | ".join(cell(one.ratios[:, k]) for one in found) + " |")
    print(f"| the model, nobody crossing ({PARTS * PATIENTS:,} patients) | " + " | ".join([model] * len(found)) + " |")
    low, high = summary(np.concatenate([one.ratios[:, list(WAYS).index("RPSFTM")] for one in found]))[1:]
    print(f"\nRPSFTM over all: {fixed(low, 2)} to {fixed(high, 2)}; {fixed(time.perf_counter() - begun, 0)} s")
    return int(any(one.met < one.searched for one in found))


def cell(values: np.ndarray) -> str:
    middle, low, high = (fixed(x, 2) for x in summary(values))
    missing = int(np.isnan(values).sum())
    return f"{middle} ({low} to {high})" + (f"; {missing} without" if missing else "")


if __name__ == "__main__":
    sys.exit(main())
