"""Group sequential bounds and inference beside rpact, in one run.

    python benchmarks/group_sequential.py          # needs Rscript with rpact; without it ours alone

CPU (user + system) of a call, ms, median of five runs with their range; compilation is done before the clock starts.
Tasks: O'Brien-Fleming bounds at three looks; Lan-DeMets bounds at five looks with beta spent too, futility not binding;
events, patients and dates of a trial with three O'Brien-Fleming looks, bounds included; final P,
median unbiased estimate and limits, repeated limits and P at both looks, of a trial that ends at its second.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import time
from collections.abc import Callable

from equipoise.design import (
    LanDeMets,
    accrual,
    events_information,
    group_sequential,
    median,
    obrien_fleming,
    repeated,
    stagewise,
    survival,
)

RUNS = 5
OF = LanDeMets("obrien-fleming")

R_SCRIPT = """
suppressPackageStartupMessages(library(rpact))
two <- getDesignGroupSequential(kMax = 2, alpha = 0.025, typeOfDesign = "asOF", informationRates = c(0.65, 1))
data <- getDataset(overallEvents = c(110, 170), overallLogRanks = c(-1.7, -2.4), overallAllocationRatios = c(1, 1))
tasks <- list(
  function() getDesignGroupSequential(kMax = 3, alpha = 0.025, typeOfDesign = "OF"),
  function() getDesignGroupSequential(kMax = 5, alpha = 0.025, beta = 0.1, typeOfDesign = "asOF",
                                      typeBetaSpending = "bsOF", bindingFutility = FALSE),
  function() getSampleSizeSurvival(
    getDesignGroupSequential(kMax = 3, alpha = 0.025, beta = 0.1, typeOfDesign = "OF",
                             informationRates = c(0.4, 0.7, 1)),
    median2 = 6, hazardRatio = 0.65, accrualTime = c(0, 24), followUpTime = 12),
  function() getAnalysisResults(design = two, dataInput = data, directionUpper = FALSE))
for (task in tasks) {
  invisible(task())
  times <- sapply(1:5, function(i) {
    n <- 0; p <- proc.time()
    while (n < 1 || sum((proc.time() - p)[1:2]) < 0.5) { invisible(task()); n <- n + 1 }
    1000 * sum((proc.time() - p)[1:2]) / n
  })
  cat("\\ntimes", median(times), min(times), max(times), "\\n")
}
"""


def bounds_three() -> object:
    return group_sequential(alpha=0.025, sided=1, information_fractions=[1 / 3, 2 / 3, 1], efficacy=obrien_fleming())


def bounds_five() -> object:
    looks = [0.2, 0.4, 0.6, 0.8, 1]
    return group_sequential(alpha=0.025, sided=1, information_fractions=looks, efficacy=OF, futility=OF, power=0.9)


def survival_three() -> object:
    test = group_sequential(alpha=0.025, sided=1, information_fractions=[0.4, 0.7, 1], efficacy=obrien_fleming())
    return survival(
        test,
        hazard_ratio=0.65,
        power=0.9,
        control=median("6 months"),
        allocation={"E": 1, "C": 1},
        accrual=accrual("24 months"),
        follow_up="12 months",
    )


TWO = group_sequential(alpha=0.025, sided=1, information_fractions=[0.65, 1], efficacy=OF)


def inference() -> object:
    information = [events_information(110), events_information(170)]
    return stagewise(TWO, [1.7, 2.4], information[1]), repeated(TWO, [1.7, 2.4], information)


TASKS: dict[str, Callable[[], object]] = {
    "bounds, 3 looks": bounds_three,
    "bounds, 5 looks, beta spent": bounds_five,
    "survival size, 3 looks": survival_three,
    "inference after look 2": inference,
}


def ours(task: Callable[[], object]) -> tuple[float, float, float]:
    task()
    times = []
    for _ in range(RUNS):
        n, start = 0, time.process_time()
        while n < 1 or time.process_time() - start < 0.3:
            task()
            n += 1
        times.append(1000 * (time.process_time() - start) / n)
    return statistics.median(times), min(times), max(times)


def main() -> None:
    peers: list[str] = [""] * len(TASKS)
    if shutil.which("Rscript"):
        done = subprocess.run(["Rscript", "-e", R_SCRIPT], capture_output=True, text=True, check=True)
        peers = [line[6:] for line in done.stdout.splitlines() if line.startswith("times ")]
    print(f"{'task':32}{'equipoise, ms':>24}{'rpact, ms':>26}{'ratio':>8}")
    for (name, task), peer in zip(TASKS.items(), peers, strict=True):
        middle, low, high = ours(task)
        mine = f"{middle:.3g} ({low:.3g}-{high:.3g})"
        if not peer:
            print(f"{name:32}{mine:>24}")
            continue
        m, lo, hi = (float(x) for x in peer.split())
        print(f"{name:32}{mine:>24}{f'{m:.4g} ({lo:.4g}-{hi:.4g})':>26}{m / middle:>7.0f}x")


if __name__ == "__main__":
    main()
