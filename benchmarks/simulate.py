"""Whole trials simulated, beside rpact, in one run.

    python benchmarks/simulate.py                  # needs Rscript with rpact; without it ours alone

CPU (user + system, of all threads) of a trial, microseconds, median of five runs with their range, in one thread;
compilation is done before the clock starts. Tasks:

A  207 patients over 24 months, control median 6 months, hazard ratio 0.63, three O'Brien-Fleming looks at 75, 113 and
   150 events, log-rank test. rpact the same.
B  400 patients, entering slowly for 6 months and then fast, no effect for 3 months and then a hazard ratio of 0.6, one
   look at 300 events, log-rank test and Cox model. rpact the same without a Cox model, which it does not fit.
C  400 patients with progression and death of the illness-death scenario below, three looks at 150, 225 and 300 events
   of PFS; both endpoints tested at each, without and with Cox models. rpact has one endpoint.
D  400 patients of the scenario "everything" of tests/unit/simulated_trial.toml (visits with spread and misses,
   switching, dropout, loss, factors; 2:1 in stratified blocks), looks at 200 and 260 events of PFS, PFS and OS tested
   with strata, log-rank tests and Cox models.

Then: two threads against one, peak memory against the number of trials, and one trial of the bundled TAnDEM protocol:
drawn and analyzed, beside what R's survival takes for the models of its four analyses (below) on the same patients,
which it is given and of which it makes no table.
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

import equipoise as eq
from equipoise.design import accrual, group_sequential, median, obrien_fleming, piecewise_hazard_ratio, survival
from equipoise.protocol import Scenario, example, read
from equipoise.simulate import Cut, Looks, Trials, nature, nature_of, run_trials

RUNS = 5
IN_A_ROW = 20  # trials of TAnDEM
TOML = Path(__file__).parents[1] / "tests" / "unit" / "simulated_trial.toml"
BOUNDS = [2.862639, 2.337335, 2.024192]
FIXED = group_sequential(alpha=0.025, sided=1, information_fractions=[1], efficacy=obrien_fleming())

R_SCRIPT = """
suppressPackageStartupMessages(library(rpact))
fixed <- getDesignGroupSequential(kMax = 1, alpha = 0.025)
three <- getDesignGroupSequential(kMax = 3, alpha = 0.025, typeOfDesign = "OF",
                                  informationRates = c(75, 113, 150) / 150)
l <- log(2) / 6
tasks <- list(
  function(n) getSimulationSurvival(three, directionUpper = FALSE, lambda2 = l, hazardRatio = 0.63,
    plannedEvents = c(75, 113, 150), maxNumberOfSubjects = 207, accrualTime = c(0, 24), maxNumberOfIterations = n),
  function(n) getSimulationSurvival(fixed, directionUpper = FALSE, piecewiseSurvivalTime = c(0, 3), lambda2 = c(l, l),
    lambda1 = c(l, 0.6 * l), plannedEvents = 300, accrualTime = c(0, 6, 18), accrualIntensity = c(100 / 9, 250 / 9),
    maxNumberOfIterations = n))
for (task in tasks) {
  invisible(task(1000))
  times <- sapply(1:5, function(i) {
    p <- proc.time(); invisible(task(5000)); 1e6 * sum((proc.time() - p)[1:2]) / 5000
  })
  cat("\\ntimes", median(times), min(times), max(times), "\\n")
}
"""

# A trial's models: curves with limits, medians, a log-rank test and a Cox model of each analysis; of PFS a Cox model of
# each level of the subgroup's column and one with its interaction. The last line has the hazard ratios.
R_TANDEM = """
suppressPackageStartupMessages(library(survival))
trials <- split(read.csv(commandArgs(TRUE)[1]), ~ trial)
one <- function(d) {
  ratios <- c()
  for (e in c("PFS", "OS")) for (only in c(FALSE, TRUE)) {
    x <- d[d$PARAMCD == e & (!only | d$HRCONFFL == "Y"), ]
    f <- Surv(AVAL, 1 - CNSR) ~ arm
    k <- survfit(f, data = x, conf.type = "log-log"); q <- quantile(k, 0.5)
    l <- survdiff(f, data = x)
    m <- coxph(f, data = x); i <- confint(m)
    ratios <- c(ratios, exp(coef(m)))
    if (e == "PFS" && !only) {
      for (level in c("N", "Y")) coxph(f, data = x[x$HRCONFFL == level, ])
      coxph(Surv(AVAL, 1 - CNSR) ~ arm * HRCONFFL, data = x)
    }
  }
  ratios
}
all_trials <- function() unlist(lapply(trials, one))
ratios <- all_trials()
times <- sapply(1:5, function(i) {
  p <- proc.time(); all_trials(); 1000 * sum((proc.time() - p)[1:2]) / length(trials)
})
cat("\\ntimes", median(times), min(times), max(times), "\\nratios", format(ratios, digits = 15), "\\n")
"""


def of_a_plan(plan: object, cuts: list[int], bounds: list[float], *, cox: bool) -> Trials:
    looks = Looks(cuts=tuple(Cut(events=n) for n in cuts), efficacy=bounds, sided=1)
    drawn = nature_of(plan)  # type: ignore[arg-type]
    return Trials(nature=drawn, looks=looks, experimental="E", control="C", endpoint=1, seed=1, cox=cox)


def task_a() -> Trials:
    plan = survival(
        FIXED, hazard_ratio=0.63, patients=207, control=median("6 months"), allocation={"E": 1, "C": 1},
        accrual=accrual("24 months"), follow_up="12 months",
    )  # fmt: skip
    return of_a_plan(plan, [75, 113, 150], BOUNDS, cox=False)


def task_b(*, cox: bool) -> Trials:
    plan = survival(
        FIXED, hazard_ratio=piecewise_hazard_ratio([1, 0.6], until=["3 months"]), patients=400,
        control=median("6 months"), allocation={"E": 1, "C": 1},
        accrual=accrual([("6 months", 1), ("12 months", 2.5)], relative=True), follow_up="12 months",
        method="score",
    )  # fmt: skip
    return of_a_plan(plan, [300], [1.96], cox=cox)


ILLNESS_DEATH = Scenario.model_validate(
    {
        "label": "progression and death", "first_patient": date(2020, 1, 1), "accrual": "18 months",
        "cutoff": "60 months", "patients": 400, "progression": {"median": "7 months", "hazard_ratio": {"Drug": 0.65}},
        "death_before_progression": {"median": "40 months", "hazard_ratio": {"Drug": 0.8}},
        "death_after_progression": {"median": "10 months"},
        "factors": {"REGION": {"levels": {"everywhere": 1.0}}},  # what the protocol stratifies by
    }
)  # fmt: skip


def task_c(*, cox: bool) -> Trials:
    trial = read(TOML)
    looks = Looks(cuts=tuple(Cut(events=n) for n in (150, 225, 300)), efficacy=BOUNDS, sided=1)
    drawn = replace(
        nature(trial, ILLNESS_DEATH, 400), ratio=np.array([1, 1]), sizes=np.array([4])
    )  # the protocol's own is 2:1
    return Trials(nature=drawn, looks=looks, experimental="Drug", control="Placebo", endpoint=0, seed=1, cox=cox)


def task_d() -> Trials:
    trial = read(TOML)
    looks = Looks(cuts=tuple(Cut(events=n) for n in (200, 260)), efficacy=BOUNDS[1:], sided=1)
    drawn = nature(trial, trial.scenario["everything"], 400)
    return Trials(
        nature=drawn, looks=looks, experimental="Drug", control="Placebo", endpoint=0, seed=1, by=("REGION",)
    )  # fmt: skip


def both_endpoints(task: Trials, trials: int) -> np.ndarray:
    """As ``Trials.found``, PFS and OS at every look, (trials, k, 2, 14)."""
    return task.found_of(0, trials, (0, 1))


def of_a_run(task: Trials) -> Callable[[int], object]:
    """Whole runs: chunks, sums, a pool of one thread."""

    def run(trials: int) -> object:
        with ThreadPoolExecutor(1) as pool:
            return run_trials(task, trials, executor=pool)

    return run


def of_two(task: Trials) -> Callable[[int], object]:
    return lambda trials: both_endpoints(task, trials)


TASKS: dict[str, tuple[Callable[[], Callable[[int], object]], int]] = {
    "A": (lambda: of_a_run(task_a()), 10_000),
    "B": (lambda: of_a_run(task_b(cox=True)), 5_000),
    "B, log-rank alone": (lambda: of_a_run(task_b(cox=False)), 5_000),
    "C, log-rank alone": (lambda: of_two(task_c(cox=False)), 3_000),
    "C, with Cox": (lambda: of_two(task_c(cox=True)), 3_000),
    "D": (lambda: of_two(task_d()), 2_000),
}
PEERS = {"A": 0, "B": 1, "B, log-rank alone": 1}


def middle(task: Callable[[], object], per: int, scale: float) -> str:
    """CPU of a call over ``per``: the median of five and their range."""
    task()
    times = []
    for _ in range(RUNS):
        start = time.process_time()
        task()
        times.append(scale * (time.process_time() - start) / per)
    return f"{statistics.median(times):.3g} ({min(times):.3g}-{max(times):.3g})"


def peers() -> list[str]:
    if not shutil.which("Rscript"):
        return ["", ""]
    done = subprocess.run(["Rscript", "-e", R_SCRIPT], capture_output=True, text=True, check=True)
    rows = [[float(x) for x in line[6:].split()] for line in done.stdout.splitlines() if line.startswith("times ")]
    return [f"{m:.3g} ({low:.3g}-{high:.3g})" for m, low, high in rows]


def two_threads() -> str:
    """Time by the clock of one thread over that of two, task A: the median of five pairs."""
    task, ratios = task_a(), []
    for _ in range(RUNS):
        took = []
        for threads in (1, 2):
            with ThreadPoolExecutor(threads) as pool:
                start = time.perf_counter()
                run_trials(task, 40_000, executor=pool)
                took.append(time.perf_counter() - start)
        ratios.append(took[0] / took[1])
    return f"{statistics.median(ratios):.3g} ({min(ratios):.3g}-{max(ratios):.3g})"


def peak(trials: int) -> float:
    """Peak memory (MiB) of a process that simulates so many trials of task A."""
    command = [sys.executable, __file__, "--memory", str(trials)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=dict(os.environ))
    return float(done.stdout)


def main() -> None:
    beside = peers()
    print(f"{'task':22}{'equipoise, us a trial':>26}{'rpact, us a trial':>24}{'ratio':>8}")
    for name, (made, trials) in TASKS.items():
        run = made()
        mine = middle(lambda run=run, trials=trials: run(trials), trials, 1e6)  # type: ignore[misc]
        peer = beside[PEERS[name]] if name in PEERS else ""
        ratio = f"{float(peer.split()[0]) / float(mine.split()[0]):.1f}x" if peer else ""
        print(f"{name:22}{mine:>26}{peer:>24}{ratio:>8}", flush=True)
    print(f"\nA: time by the clock, one thread over two: {two_threads()}", flush=True)
    started = time.perf_counter()
    with ThreadPoolExecutor(2) as both:
        run_trials(task_a(), 1_000_000, executor=both)
    print(f"A: 1,000,000 trials on two threads: {time.perf_counter() - started:.1f} s by the clock", flush=True)
    for trials in (100_000, 1_000_000):
        print(f"A: peak memory of {trials:,} trials: {peak(trials):.0f} MiB", flush=True)
    print(f"TAnDEM, simulate.trial, ms a trial: {middle(lambda: of_tandem(None), IN_A_ROW, 1000)}")
    for in_full, what in ((False, "its analyses alone"), (True, "in full")):
        milliseconds = middle(lambda full=in_full: of_tandem(full), IN_A_ROW, 1000)
        print(f"TAnDEM, simulate.trial and analyze.run, {what}, ms a trial: {milliseconds}")
    if shutil.which("Rscript"):
        print(f"TAnDEM, models of the four analyses in R's survival, ms a trial: {models_in_r()}")


def of_tandem(in_full: bool | None) -> None:
    """Trials of the bundled protocol one after the other, analyzed unless ``in_full`` is None."""
    tandem = example("tandem")
    for number in range(IN_A_ROW):
        patients = eq.simulate.trial(tandem, seed=1, number=number)
        if in_full is not None:
            eq.analyze.run(tandem, patients, in_full=in_full)


def models_in_r() -> str:
    """CPU of R's models of the same trials, once their hazard ratios are found to be those of ``analyze.run``."""
    tandem, drawn, ours = example("tandem"), [], []
    for number in range(IN_A_ROW):
        patients = eq.simulate.trial(tandem, seed=1, number=number)
        ours += [r.value for r in eq.analyze.run(tandem, patients).rows if r.statistic == "hazard ratio"]
        confirmed = patients.adsl.select("USUBJID", "HRCONFFL")  # type: ignore[union-attr]
        about = patients.adtte.join(confirmed, on="USUBJID").select(
            "PARAMCD", "AVAL", "CNSR", "HRCONFFL", pl.col("TRT01P")
        )
        drawn.append(about.with_columns(trial=pl.lit(number), arm=(pl.col("TRT01P") == "T+A").cast(pl.Int64)))
    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
        pl.concat(drawn).write_csv(file.name)
        done = subprocess.run(["Rscript", "-e", R_TANDEM, file.name], capture_output=True, text=True, check=True)
    times, ratios = done.stdout.split("times ")[1].split("ratios ")
    took, low, high = map(float, times.split())
    if not np.allclose(np.array(ours, dtype=float), np.array(ratios.split(), dtype=float), rtol=1e-6, atol=0):
        raise SystemExit("hazard ratios differ from those of R")
    return f"{took:.3g} ({low:.3g}-{high:.3g})"


if __name__ == "__main__":
    if sys.argv[1:2] == ["--memory"]:
        with ThreadPoolExecutor(1) as one_thread:
            run_trials(task_a(), int(sys.argv[2]), executor=one_thread)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    else:
        main()
