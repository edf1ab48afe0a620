"""How long a reconstruction of TAnDEM takes: 60 seeds of the search, and the whole job from a cold start.

    .venv/bin/python benchmarks/reconstruction.py

Seconds of one process's CPU for the search (kernels compiled), seconds on the clock for `equipoise run tandem` with an
empty kernel cache. No peer does this job; the figures stand in docs/reconstruction.md.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

from equipoise import protocol
from equipoise.reconstruct import search, targets
from equipoise.reconstruct.ensemble import stated_scenario
from equipoise.simulate import model


def seeds(tier: str, count: int) -> None:
    """Search under the stated model from consecutive seeds."""
    trial = protocol.example("tandem")
    scenario = trial.scenario[stated_scenario(trial)]
    aims, made = targets(trial, scenario, tier), model(trial, scenario)  # type: ignore[arg-type]
    search(trial, made, aims, seed=0)  # compiles
    seconds, steps, met, retried = [], [], 0, 0
    for seed in range(1, count + 1):
        began = time.process_time()
        found = search(trial, made, aims, seed=seed)
        seconds.append(time.process_time() - began)
        steps.append(found.steps)
        met += found.agrees
        retried += found.attempts > 1
    print(
        f"tier {tier}: {met} of {count} seeds meet all {len(aims.searched)} searched numbers, {retried} after a retry; "
        f"CPU seconds: median {statistics.median(seconds):.2f}, most {max(seconds):.2f}; "
        f"steps: median {statistics.median(steps):.0f}"
    )


def cold() -> None:
    """The whole job with nothing compiled."""
    with tempfile.TemporaryDirectory() as empty:
        environment = {**os.environ, "NUMBA_CACHE_DIR": empty, "MPLCONFIGDIR": empty}
        for state in ("cold, empty kernel cache", "warm"):
            began = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "equipoise.cli", "run", "tandem", "--out", f"{empty}/out"],
                check=True, env=environment, capture_output=True,
            )  # fmt: skip
            print(f"equipoise run tandem, {state}: {time.perf_counter() - began:.1f} s on {os.cpu_count()} cores")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seeds", type=int, default=60)
    asked = arguments.parse_args()
    for tier, count in (("A", asked.seeds), ("B", asked.seeds // 3), ("C", asked.seeds // 6)):
        seeds(tier, count)
    cold()


if __name__ == "__main__":
    main()
