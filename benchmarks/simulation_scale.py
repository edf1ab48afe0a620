"""What simulated trials cost by the number of patients and of trials, with the fitted exponents, and on a Dask cluster.

    python benchmarks/simulation_scale.py            # prints the tables of docs/scale.md, writes docs/scale.svg

CPU of one thread, median of five runs. Trials of three looks at 36, 55 and 72% of the patients having had an event, a
log-rank test alone; compilation is done before the clock starts.
"""

from __future__ import annotations

import argparse
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from equipoise.design import accrual, group_sequential, median, obrien_fleming, survival
from equipoise.simulate import Cut, Looks, Trials, nature_of, run_trials

RUNS = 5
PATIENTS = (50, 100, 200, 400, 800, 1_600, 3_200, 6_400)
TRIALS = (1_000, 3_000, 10_000, 30_000, 100_000)


def task(patients: int) -> Trials:
    test = group_sequential(alpha=0.025, sided=1, information_fractions=[1], efficacy=obrien_fleming())
    plan = survival(
        test, hazard_ratio=0.63, events=0.72 * patients, patients=patients, control=median("6 months"),
        allocation={"E": 1, "C": 1}, accrual=accrual("24 months"),
    )  # fmt: skip
    cuts = tuple(Cut(events=int(share * patients)) for share in (0.36, 0.55, 0.72))
    looks = Looks(cuts=cuts, efficacy=np.array([2.86, 2.34, 2.02]), sided=1)
    return Trials(
        nature=nature_of(plan), looks=looks, experimental="E", control="C", endpoint=1, seed=1, cox=False
    )  # fmt: skip


def cpu(one: Trials, trials: int) -> float:
    """CPU seconds, median of the runs."""
    times = []
    for _ in range(RUNS):
        with ThreadPoolExecutor(1) as pool:
            start = time.process_time()
            run_trials(one, trials, executor=pool)
            times.append(time.process_time() - start)
    return statistics.median(times)


def slope(x: list[float], y: list[float]) -> float:
    """The exponent of a power law, by least squares on logarithms."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def on_dask(workers: int, trials: int) -> float:
    """Wall seconds on a local Dask cluster, kernels compiled before."""
    from distributed import Client, LocalCluster

    one = task(207)
    with (
        LocalCluster(n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        run_trials(one, 5_000, executor=client.get_executor())
        start = time.perf_counter()
        run_trials(one, trials, executor=client.get_executor())
        return time.perf_counter() - start


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "docs" / "scale.svg")
    out = reader.parse_args().out
    task(100).found(0, 5)
    by_patients = [1e6 * cpu(task(n), 2_000) / 2_000 for n in PATIENTS]
    by_trials = [cpu(task(207), m) for m in TRIALS]
    print("| patients | microseconds a trial |\n|---|---|")
    for n, value in zip(PATIENTS, by_patients, strict=True):
        print(f"| {n:,} | {value:.1f} |")
    large = slope([float(n) for n in PATIENTS[2:]], by_patients[2:])
    print(f"\nexponent from {PATIENTS[2]} patients on: {large:.2f}\n\n| trials of 207 patients | seconds |\n|---|---|")
    for m, value in zip(TRIALS, by_trials, strict=True):
        print(f"| {m:,} | {value:.3f} |")
    print(f"\nexponent: {slope([float(m) for m in TRIALS], by_trials):.2f}\n")
    for workers in (1, 2):
        seconds = on_dask(workers, 200_000)
        print(f"Dask, {workers} workers of a thread: 200,000 trials in {seconds:.2f} s, "
              f"{1e6 * seconds * workers / 200_000:.1f} microseconds of a worker a trial")  # fmt: skip
    figure = Figure(figsize=(7.2, 3.2))
    for axes, x, y, label in zip(
        figure.subplots(1, 2), (PATIENTS, TRIALS), (by_patients, by_trials), ("Patients", "Trials of 207"), strict=True
    ):
        axes.loglog(x, y, "o-", color="#0072B2", markersize=4)
        axes.set_xlabel(label)
        axes.set_ylabel("microseconds a trial" if label == "Patients" else "seconds")
        since = 2 if label == "Patients" else 0
        fitted = slope([float(v) for v in x[since:]], y[since:])
        axes.set_title(f"exponent {fitted:.2f} from {x[since]:,} on", loc="left", fontsize=9)
        axes.grid(linewidth=0.3, which="both", alpha=0.5)
    figure.tight_layout()
    figure.savefig(out, metadata={"Date": None})


if __name__ == "__main__":
    main()
