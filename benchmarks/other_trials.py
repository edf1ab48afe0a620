"""Published trials rebuilt from a protocol alone: how many of consecutive seeds reach every digit, and in what time.

    .venv/bin/python benchmarks/other_trials.py --seeds 20

The trials are those of tests/end_to_end; kernels are compiled before the clock runs, one thread.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

from equipoise.protocol import read
from equipoise.reconstruct import search
from equipoise.reconstruct.ensemble import task_of

FOLDER = Path(__file__).parents[1] / "tests" / "end_to_end"
TRIALS = ("gist", "keynote024", "cou_aa_301", "record1", "flaura", "cleopatra", "bolero2", "paloma3", "emilia")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seeds", type=int, default=20)
    arguments.add_argument("--trials", nargs="*", default=TRIALS)
    asked = arguments.parse_args()
    print(f"{'trial':14}{'patients':>9}{'numbers':>9}{'seeds met':>12}{'after retry':>13}{'CPU s, median (most)':>24}")
    for name in asked.trials:
        trial = read(FOLDER / f"{name}.toml")
        task = task_of(trial, "stated", trial.scenario["stated"], "A", 0)
        search(trial, task.model, task.targets, seed=0, attempts=1, steps=10)
        met = retried = 0
        seconds = []
        for seed in range(1, asked.seeds + 1):
            begun = time.process_time()
            found = search(trial, task.model, task.targets, seed=seed)
            seconds.append(time.process_time() - begun)
            met += found.agrees
            retried += found.agrees and found.attempts > 1
        numbers = len(task.targets.searched) + len(task.targets.event_counts) + len(task.targets.responders)
        print(
            f"{name:14}{sum(task.targets.subjects.values()):9}{numbers:9}{met:6} of {asked.seeds:2}{retried:13}"
            f"{statistics.median(seconds):15.2f} ({max(seconds):.1f})",
            flush=True,
        )


if __name__ == "__main__":
    main()
