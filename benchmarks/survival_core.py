"""The survival core beside R survival, lifelines, scikit-survival, greenwood and statsmodels, in one run.

    python benchmarks/survival_core.py --peers /path/to/python     # an interpreter that has the Python packages

Four tasks on two arms: Kaplan-Meier curves by arm, log-rank test, Cox model of the arm, Cox model of ten covariates
(Efron's ties), on continuous and on whole-day times. CPU (user + system) per call, median of five runs with their
range, and the peak memory of the process; the ratio binds, the absolute figure depends on the machine. Each tool runs
in a process of its own on the same columns; compilation is done before the clock starts. "R" is the formula interface
(survfit, survdiff, coxph), "R fit" the C routines under it (survdiff.fit, coxph.fit), given what they need.

Ours is timed twice: "equipoise" from columns, with construction of the TimeToEvent; "equipoise, ready" from a
TimeToEvent. A tool that would need more than about a minute a call is left out (``LIMIT``). Without --peers the
packages are looked for in this interpreter; those that are not there are left out, and so is R.
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
from collections.abc import Callable
from pathlib import Path

import numpy as np

RUNS = 5
TASKS = ("km", "logrank", "cox1", "cox10")
SIZES = {"200": 200, "10,000": 10_000, "1,000,000": 1_000_000}
PEERS = ("lifelines", "scikit-survival", "greenwood", "statsmodels")
OURS = ("equipoise", "equipoise, ready")
# The most rows of a task that a peer is given: beyond them a call takes minutes.
LIMIT = {
    "lifelines": {"cox1": 10_000, "cox10": 10_000},
    "scikit-survival": {"cox1": 10_000, "cox10": 10_000},
    "greenwood": {"cox1": 10_000, "cox10": 10_000},
    "statsmodels": {"cox1": 10_000, "cox10": 10_000},
}
Columns = dict[str, np.ndarray]

R_SCRIPT = """
suppressMessages(library(survival))
a <- commandArgs(TRUE); n <- as.integer(a[3]); runs <- as.integer(a[4]); budget <- as.numeric(a[5])
column <- function(name, what) { f <- file(paste0(a[1], ".", name), "rb"); x <- readBin(f, what, 10 * n); close(f); x }
d <- data.frame(time = column("time", "double"), event = column("event", "integer"), arm = column("arm", "integer"))
x <- matrix(column("x", "double"), nrow = n); y <- Surv(d$time, d$event); control <- coxph.control()
difference <- survival:::survdiff.fit
cox <- function(z) {
  f <- coxph.fit(z, y, NULL, NULL, NULL, control, NULL, "efron", NULL, resid = FALSE)
  c(f$coefficients[1], sqrt(f$var[1, 1]))
}
wide <- as.data.frame(x); names(wide) <- paste0("x", 1:10); wide$time <- d$time; wide$event <- d$event
tasks <- if (a[2] == "R") list(
  km = function() min(survfit(Surv(time, event) ~ arm, data = d)$surv),
  logrank = function() survdiff(Surv(time, event) ~ arm, data = d)$chisq,
  cox1 = function() { f <- coxph(Surv(time, event) ~ arm, data = d); c(f$coefficients, sqrt(f$var)) },
  cox10 = function() { f <- coxph(Surv(time, event) ~ ., data = wide); c(f$coefficients[1], sqrt(f$var[1, 1])) }
) else list(
  logrank = function() { l <- difference(y, d$arm); (l$observed - l$expected)[1]^2 / l$var[1, 1] },
  cox1 = function() cox(matrix(as.double(d$arm), ncol = 1)),
  cox10 = function() cox(x)
)
peak <- function() {
  s <- readLines("/proc/self/status"); as.numeric(gsub("[^0-9]", "", s[grepl("VmHWM", s)])) / 1024
}
out <- lapply(tasks, function(f) {
  answer <- f(); once <- system.time(f())[1:2]; reps <- max(1, min(1000, floor(budget / max(sum(once), 1e-5))))
  cpu <- sapply(seq_len(runs), function(i) {
    p <- proc.time(); for (k in 1:reps) f(); sum((proc.time() - p)[1:2]) / reps
  })
  sprintf('{"cpu": [%s], "answer": [%s]}', paste(format(cpu, digits = 15), collapse = ","),
          paste(format(unname(answer), digits = 15), collapse = ","))
})
cat(sprintf('{"peak": %.1f, "tasks": {%s}}', peak(), paste(sprintf('"%s": %s', names(out), out), collapse = ",")))
"""


def make(folder: Path, n: int, whole_days: bool) -> Path:
    """Columns of one trial, for NumPy and for R."""
    rng = np.random.default_rng(20260101)
    arm = rng.integers(0, 2, n)
    x = rng.normal(size=(n, 10))
    rate = np.exp(-0.3 * arm + 0.1 * x[:, 1]) / 400
    failed, lost = rng.exponential(1 / rate), rng.uniform(100, 1200, n)
    observed = np.minimum(failed, lost)
    observed = np.ceil(observed) if whole_days else observed
    x[:, 0] = arm
    path = folder / "trial"
    np.savez(f"{path}.npz", time=observed, event=(failed <= lost).astype(np.int64), arm=arm, x=x)
    observed.tofile(f"{path}.time")
    (failed <= lost).astype(np.int32).tofile(f"{path}.event")
    arm.astype(np.int32).tofile(f"{path}.arm")
    x.T.copy().tofile(f"{path}.x")
    return path


def equipoise(d: Columns, ready: bool) -> dict[str, Callable[[], list[float]]]:
    import equipoise as eq

    s = eq.survival

    def construct() -> eq.survival.TimeToEvent:
        return s.TimeToEvent(d["time"], d["event"], d["arm"], control=0, experimental=1, unit="days")

    given = construct()
    one_arm = s.TimeToEvent(d["time"], d["event"], unit="days")
    columns = {f"x{j}": np.ascontiguousarray(d["x"][:, j]) for j in range(10)}

    def tte() -> eq.survival.TimeToEvent:
        return given if ready else construct()

    def km() -> list[float]:
        return [min(float(curve.survival[-1]) for curve in s.kaplan_meier(tte()).values())]

    def cox10() -> list[float]:
        fit = s.cox(one_arm if ready else s.TimeToEvent(d["time"], d["event"], unit="days"), columns)
        return [float(fit.coef[0]), float(fit.se[0])]

    def cox1() -> list[float]:
        fit = s.cox(tte())
        return [float(fit.coef[0]), float(fit.se[0])]

    return {"km": km, "logrank": lambda: [s.logrank(tte()).statistic], "cox1": cox1, "cox10": cox10}


def lifelines(d: Columns) -> dict[str, Callable[[], list[float]]]:
    import pandas as pd
    from lifelines import CoxPHFitter, KaplanMeierFitter
    from lifelines.statistics import logrank_test

    t, e, a = d["time"], d["event"], d["arm"]
    one = pd.DataFrame({"time": t, "event": e, "arm": a})
    ten = pd.DataFrame(d["x"], columns=[f"x{j}" for j in range(10)]).assign(time=t, event=e)

    def km() -> list[float]:
        fits = [KaplanMeierFitter().fit(t[a == g], e[a == g]) for g in (0, 1)]
        return [min(float(f.survival_function_.iloc[-1, 0]) for f in fits)]

    def logrank() -> list[float]:
        return [float(logrank_test(t[a == 0], t[a == 1], e[a == 0], e[a == 1]).test_statistic)]

    def cox(frame: pd.DataFrame, name: str) -> list[float]:
        fit = CoxPHFitter().fit(frame, "time", "event")
        return [float(fit.params_[name]), float(fit.standard_errors_[name])]

    return {"km": km, "logrank": logrank, "cox1": lambda: cox(one, "arm"), "cox10": lambda: cox(ten, "x0")}


def scikit_survival(d: Columns) -> dict[str, Callable[[], list[float]]]:
    from sksurv.compare import compare_survival
    from sksurv.linear_model import CoxPHSurvivalAnalysis
    from sksurv.nonparametric import kaplan_meier_estimator
    from sksurv.util import Surv

    t, e, a = d["time"], d["event"].astype(bool), d["arm"]
    y = Surv.from_arrays(e, t)

    def km() -> list[float]:
        curves = [kaplan_meier_estimator(e[a == g], t[a == g], conf_type="log-log") for g in (0, 1)]
        return [min(float(c[1][-1]) for c in curves)]

    def cox(x: np.ndarray) -> list[float]:
        return [float(CoxPHSurvivalAnalysis(ties="efron").fit(x, y).coef_[0])]

    return {
        "km": km, "logrank": lambda: [float(compare_survival(y, a)[0])],
        "cox1": lambda: cox(a[:, None].astype(float)), "cox10": lambda: cox(d["x"]),
    }  # fmt: skip


def greenwood(d: Columns) -> dict[str, Callable[[], list[float]]]:
    import greenwood as gw

    t, e, a = d["time"], d["event"], d["arm"]
    y = gw.Surv(time=t, event=e)

    def km() -> list[float]:
        fits = [gw.KaplanMeier().fit(gw.Surv(time=t[a == g], event=e[a == g])) for g in (0, 1)]
        return [min(float(np.asarray(f.survival_)[-1]) for f in fits)]

    def cox(x: np.ndarray) -> list[float]:
        fit = gw.CoxPH().fit(y, x)
        return [float(fit.coef_[0]), float(fit.std_error_[0])]

    return {
        "km": km, "logrank": lambda: [float(gw.logrank_test(y, a).statistic)],
        "cox1": lambda: cox(a[:, None].astype(float)), "cox10": lambda: cox(d["x"]),
    }  # fmt: skip


def statsmodels(d: Columns) -> dict[str, Callable[[], list[float]]]:
    from statsmodels.duration.hazard_regression import PHReg
    from statsmodels.duration.survfunc import SurvfuncRight, survdiff

    t, e, a = d["time"], d["event"], d["arm"]

    def km() -> list[float]:
        return [min(float(SurvfuncRight(t[a == g], e[a == g]).surv_prob[-1]) for g in (0, 1))]

    def cox(x: np.ndarray) -> list[float]:
        fit = PHReg(t, x, status=e, ties="efron").fit()
        return [float(fit.params[0]), float(fit.bse[0])]

    return {
        "km": km, "logrank": lambda: [float(survdiff(t, e, a)[0])],
        "cox1": lambda: cox(a[:, None].astype(float)), "cox10": lambda: cox(d["x"]),
    }  # fmt: skip


def measure(tool: str, path: str, budget: float) -> dict[str, object]:
    """CPU seconds per call of each run and the answer, by task; peak memory of the process in MiB."""
    with np.load(f"{path}.npz") as stored:
        data = {name: stored[name] for name in stored.files}
    n = len(data["time"])
    made = {
        "lifelines": lifelines,
        "scikit-survival": scikit_survival,
        "greenwood": greenwood,
        "statsmodels": statsmodels,
    }
    tasks = equipoise(data, tool.endswith("ready")) if tool in OURS else made[tool](data)
    found = {}
    for name, task in tasks.items():
        if n > LIMIT.get(tool, {}).get(name, n):
            continue
        answer = task()
        start = time.process_time()
        task()
        reps = max(1, min(1000, int(budget / max(time.process_time() - start, 1e-5))))
        cpu = []
        for _ in range(RUNS):
            start = time.process_time()
            for _ in range(reps):
                task()
            cpu.append((time.process_time() - start) / reps)
        found[name] = {"cpu": cpu, "answer": answer}
    return {"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "tasks": found}


def run(tool: str, path: Path, n: int, peers: str, budget: float) -> dict[str, object] | None:
    """None where the tool is not there."""
    if tool in ("R", "R fit"):
        script = path.with_name("peer.R")
        script.write_text(R_SCRIPT)
        command = ["Rscript", str(script), str(path), tool, str(n), str(RUNS), str(budget)]
    else:
        python = peers if tool in PEERS else sys.executable
        command = [python, "-W", "ignore", __file__, "--tool", tool, "--path", str(path), "--budget", str(budget)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    if done.returncode:
        if "ModuleNotFoundError" in done.stderr:
            return None
        raise SystemExit(f"{tool}: {done.stderr}")
    found: dict[str, object] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def report(task: str, size: str, kind: str, found: dict[str, dict[str, object]]) -> None:
    """One table: a line a tool, CPU, ratio to R's formula interface, and how far the answer is from ours."""
    ours = found["equipoise"]["tasks"][task]  # type: ignore[index]
    base = found.get("R", {}).get("tasks", {}).get(task)  # type: ignore[union-attr]
    for tool, result in found.items():
        row = result["tasks"].get(task)  # type: ignore[union-attr]
        if row is None:
            continue
        cpu = [1000 * c for c in row["cpu"]]
        middle = statistics.median(cpu)
        ratio = f"{1000 * statistics.median(base['cpu']) / middle:.1f}x" if base else ""
        pairs = zip(row["answer"], ours["answer"], strict=False)
        off = max(abs(x - y) / max(abs(y), 1e-300) for x, y in pairs)
        shown = f"{middle:.3g} ({min(cpu):.3g}-{max(cpu):.3g})"
        print(
            f"{task:9}{size:>10} {kind:11}{tool:18}{shown:>28}{ratio:>9}{result['peak']:>9.0f}{off:>10.0e}", flush=True
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tool")
    parser.add_argument("--path")
    parser.add_argument("--peers", default=sys.executable)
    parser.add_argument("--budget", type=float, default=0.5, help="CPU seconds in one run of a fast call")
    parser.add_argument("--sizes", default=",".join(str(n) for n in SIZES.values()))
    options = parser.parse_args()
    if options.tool:
        print(json.dumps(measure(options.tool, options.path, options.budget)))
        return
    wanted = {int(n) for n in options.sizes.split(",")}
    print(
        f"{'task':9}{'rows':>10} {'times':11}{'tool':18}{'CPU, ms (min-max)':>28}{'R over':>9}{'MiB':>9}{'off by':>10}"
    )
    for size, n in SIZES.items():
        for kind in ("continuous", "whole days") if n in wanted else ():
            with tempfile.TemporaryDirectory() as name:
                path = make(Path(name), n, kind == "whole days")
                tools = ("R", "R fit", *OURS, *PEERS)
                found = {tool: run(tool, path, n, options.peers, options.budget) for tool in tools}
                there = {tool: result for tool, result in found.items() if result is not None}
                for task in TASKS:
                    report(task, size, kind, there)


if __name__ == "__main__":
    main()
