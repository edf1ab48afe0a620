"""The survival core beside R survival and lifelines, in one run: median CPU of five, and peak memory.

    python benchmarks/survival_core.py            # needs Rscript with survival, and the extra [bench]

Whole public calls on two arms: construction of the TimeToEvent, Kaplan-Meier, log-rank and Cox (Efron); in R the
formula interface (survfit, survdiff, coxph, without their
summaries). Each tool runs in a process of its own, on the same files; compilation
is done before the clock starts. CPU seconds (user + system) are the figure: the ratio binds, the absolute
figure depends on the machine.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

RUNS = 5
CASES = {  # name: (subjects, whole days, repetitions inside one run)
    "200, continuous": (200, False, 100),
    "200, whole days": (200, True, 100),
    "1,000,000, continuous": (1_000_000, False, 1),
    "1,000,000, whole days": (1_000_000, True, 1),
}
LIFELINES_LIMIT = 10_000  # beyond that the run would be long

R_SCRIPT = """
suppressMessages(library(survival))
a <- commandArgs(TRUE); reps <- as.integer(a[2])
d <- read.csv(a[1])
once <- function() {
  f <- survfit(Surv(time, event) ~ arm, data = d)
  l <- survdiff(Surv(time, event) ~ arm, data = d)
  c <- coxph(Surv(time, event) ~ arm, data = d)
  c(l$chisq, exp(c$coefficients))
}
r <- once()
cpu <- sapply(1:5, function(i) { p <- proc.time(); for (k in 1:reps) once(); sum((proc.time() - p)[1:2]) / reps })
status <- readLines("/proc/self/status")
peak <- as.numeric(gsub("[^0-9]", "", status[grepl("VmHWM", status)])) / 1024
cat(sprintf('{"cpu": [%s], "peak": %.1f, "answer": [%s]}', paste(format(cpu, digits = 15), collapse = ","), peak,
            paste(format(unname(r), digits = 15), collapse = ",")))
"""


def write_data(path: Path, n: int, whole_days: bool) -> None:
    rng = np.random.default_rng(20260101)
    arm = rng.integers(0, 2, n)
    time_ = rng.exponential(400 * np.where(arm == 1, 1.4, 1.0), n)
    lost = rng.uniform(100, 1200, n)
    observed = np.minimum(time_, lost)
    if whole_days:
        observed = np.ceil(observed)
    labels = np.where(arm == 1, "B", "A")
    lines = (f"{t!r},{int(e)},{a}" for t, e, a in zip(observed.tolist(), time_ <= lost, labels, strict=True))
    path.write_text("time,event,arm\n" + "\n".join(lines) + "\n")


def timed(once, reps: int) -> dict[str, object]:  # type: ignore[no-untyped-def]
    answer = once()
    cpu = []
    for _ in range(RUNS):
        start = time.process_time()
        for _ in range(reps):
            once()
        cpu.append((time.process_time() - start) / reps)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"cpu": cpu, "peak": peak, "answer": answer}


def columns(path: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    import polars as pl

    frame = pl.read_csv(path)
    return frame["time"].to_numpy(), frame["event"].to_numpy(), np.asarray(frame["arm"].to_list())


def equipoise(path: str, reps: int) -> dict[str, object]:
    import equipoise as eq

    time_, event, arm = columns(path)
    s = eq.survival

    def once() -> list[float]:
        tte = s.TimeToEvent(time_, event, arm, control="A", experimental="B", unit="days")
        km, lr, fit = s.kaplan_meier(tte), s.logrank(tte), s.cox(tte)
        return [lr.statistic, fit.hazard_ratio, *(km[arm].survival[-1] for arm in "AB")]

    return timed(once, reps)


def lifelines(path: str, reps: int) -> dict[str, object]:
    import pandas as pd
    from lifelines import CoxPHFitter, KaplanMeierFitter
    from lifelines.statistics import logrank_test

    time_, event, arm = columns(path)
    frame = pd.DataFrame({"time": time_, "event": event, "b": (arm == "B").astype(int)})

    def once() -> list[float]:
        a, b = frame[frame.b == 0], frame[frame.b == 1]
        for x in (a, b):
            KaplanMeierFitter().fit(x.time, x.event)
        test = logrank_test(a.time, b.time, a.event, b.event)
        fit = CoxPHFitter().fit(frame, "time", "event")
        return [float(test.test_statistic), float(np.exp(fit.params_["b"]))]

    return timed(once, reps)


def run(tool: str, path: Path, reps: int, folder: Path) -> dict[str, object]:
    if tool == "R survival":
        script = folder / "peer.R"
        script.write_text(R_SCRIPT)
        command = ["Rscript", str(script), str(path), str(reps)]
    else:
        command = [sys.executable, __file__, "--tool", tool, "--path", str(path), "--reps", str(reps)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tool")
    parser.add_argument("--path")
    parser.add_argument("--reps", type=int, default=1)
    options = parser.parse_args()
    if options.tool:
        print(json.dumps({"equipoise": equipoise, "lifelines": lifelines}[options.tool](options.path, options.reps)))
        return
    print(f"{'subjects':24}{'tool':12}{'CPU, ms (min-max)':>26}{'against R':>11}{'peak MiB':>10}  chi-square, HR")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for case, (n, whole_days, reps) in CASES.items():
            path = folder / "data.csv"
            write_data(path, n, whole_days)
            tools = ["R survival", "equipoise"] + (["lifelines"] if n <= LIFELINES_LIMIT else [])
            base = None
            for tool in tools:
                found = run(tool, path, reps if tool != "lifelines" else max(1, reps // 10), folder)
                cpu = [1000 * c for c in found["cpu"]]
                median = statistics.median(cpu)
                base = base or median
                spread = f"{median:.3g} ({min(cpu):.3g}-{max(cpu):.3g})"
                chi, hr = found["answer"][:2]
                ratio = f"{base / median:.1f}x"
                print(
                    f"{case:24}{tool:12}{spread:>26}{ratio:>11}{found['peak']:>10.0f}  {chi:.9g}, {hr:.9g}", flush=True
                )


if __name__ == "__main__":
    main()
