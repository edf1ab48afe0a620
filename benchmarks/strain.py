"""The strain diagnostic of a bundled protocol: its reference (200 rebuilt trials) and how often it flags which model.

    .venv/bin/python benchmarks/strain.py                 # in full, writes tandem.strain.json and prints the table
    .venv/bin/python benchmarks/strain.py --seeds 10 --rebuilds 40 --dry

The table is committed in docs/reconstruction.md and, with the reference, beside the protocol; both hold for the digest
of the model, the targets and the kernels that stands in the file.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

import equipoise
from equipoise import protocol
from equipoise.protocol import Hazard, Protocol, Scenario
from equipoise.reconstruct import calibrate, rebuilt_strain, strain
from equipoise.reconstruct.ensemble import search_all, stated_scenario, task_of
from equipoise.reconstruct.strain import COHORTS, LEVEL, REBUILDS, Calibration, beside
from equipoise.simulate import without_effect

FRESH = 10_000  # trials of the model that the reference has not used start here


def models(stated: Scenario) -> Iterator[tuple[str, Scenario]]:
    """The stated model and others, by name."""
    effect = dict(stated.progression.hazard_ratio)
    yield "stated model", stated
    yield "no treatment effect", without_effect(stated)
    yield "hazard ratio 0.40", without_effect(stated, 0.40)
    yield "hazard ratio 0.80", without_effect(stated, 0.80)
    for median in ("2", "2.5", "3", "4"):
        law = Hazard(median=f"{median} months", hazard_ratio=effect)
        yield (
            f"exponential, latent median {median} months in the control arm",
            stated.model_copy(update={"progression": law}),
        )


def flagged(trial: Protocol, scenario: Scenario, known: Calibration, seeds: int) -> tuple[int, int, int]:
    """Seeds flagged, seeds with a strain, cohorts that met every number."""
    task = task_of(trial, "", scenario, "A", 0)
    count = done = met = 0
    for seed in range(1, seeds + 1):
        todo = [replace(task, number=(1 << 22) + j) for j in range(COHORTS)]
        found = [f for f in search_all(trial, todo, seed=seed) if f.agrees]
        met += len(found)
        if found:
            done += 1
            count += known.p_value(strain(trial, found)) <= LEVEL
    return count, done, met


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--protocol", default="tandem")
    arguments.add_argument("--seeds", type=int, default=100)
    arguments.add_argument("--rebuilds", type=int, default=REBUILDS)
    arguments.add_argument("--dry", action="store_true", help="write nothing")
    asked = arguments.parse_args()
    trial = protocol.example(asked.protocol)
    stated = trial.scenario[stated_scenario(trial)]
    started = time.perf_counter()

    def tell(share: float) -> None:
        print(
            f"\r{share:.0%} of {asked.rebuilds} rebuilds, {time.perf_counter() - started:.0f} s",
            end="",
            file=sys.stderr,
        )

    known = calibrate(trial, stated, "A", seed=1, rebuilds=asked.rebuilds, version=equipoise.__version__, progress=tell)
    print(f"\ncritical strain {known.reference[int(0.95 * len(known.reference))]:.3f}", flush=True)
    power: list[tuple[str, int, int]] = []
    count = done = number = 0
    while done < asked.seeds:
        value = rebuilt_strain(trial, stated, "A", seed=1, number=FRESH + number)
        number += 1
        if value is not None:
            done += 1
            count += known.p_value(value) <= LEVEL
    power.append(("trials drawn from the stated model, rebuilt", count, done))
    print(*power[-1], flush=True)
    for name, scenario in models(stated):
        count, done, met = flagged(trial, scenario, known, asked.seeds)
        power.append((f"{name}, at the published numbers", count, done))
        print(name, count, done, f"({met} of {asked.seeds * COHORTS} cohorts met every number)", flush=True)
    if not asked.dry:
        path = beside(trial)
        path.write_text(replace(known, power=tuple(power)).to_json(), encoding="utf-8")
        print(f"wrote {path.name}; {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
