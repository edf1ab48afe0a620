"""Ten thousand trials of 207 subjects, beside R survival, lifelines, scikit-survival, greenwood and statsmodels.

    python benchmarks/batch.py --peers /path/to/python     # an interpreter that has the Python packages

Log-rank test and Cox model (Efron, with its standard error) of every trial, from columns of numbers; microseconds of
CPU (user + system) a trial, median of five runs with their range. Of the slow tools a run is of fewer trials, named in
the table. "R fit" are the C routines under the formula interface (survdiff.fit, coxph.fit), given what they need; "one
by one" is a TimeToEvent, logrank and cox a trial. Each tool runs in a process of its own; compilation is done before
the clock starts. Chi-squares, hazard ratios and standard errors of the first trials are compared with equipoise's.
Without --peers the peers are looked for in this interpreter; those that are not there are left out, and so is R.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

RUNS, TRIALS, SUBJECTS, COMPARED = 5, 10_000, 207, 10
PER_RUN = {  # trials in one run
    "equipoise": TRIALS, "equipoise, whole days": TRIALS, "equipoise, strata": TRIALS, "equipoise, everything": TRIALS,
    "equipoise, one by one": 200, "R fit": 1000, "R formula": 200, "greenwood": 20, "lifelines": 20,
    "scikit-survival": 50, "statsmodels": 20,
}  # fmt: skip
PEERS = ("greenwood", "lifelines", "scikit-survival", "statsmodels")
R_TOOLS = ("R fit", "R formula")

R_SCRIPT = """
suppressMessages(library(survival))
a <- commandArgs(TRUE); per <- as.integer(a[3]); n <- as.integer(a[4]); k <- per * n
f <- file(a[1], "rb"); t <- readBin(f, "double", k); close(f)
f <- file(paste0(a[1], ".codes"), "rb"); c <- readBin(f, "integer", 2 * k); close(f)
trials <- lapply(seq_len(per), function(i) {
  r <- ((i - 1) * n + 1):(i * n)
  d <- data.frame(time = t[r], event = c[2 * r - 1], arm = c[2 * r])
  list(d = d, y = Surv(d$time, d$event), x = matrix(as.double(d$arm), ncol = 1))
})
control <- coxph.control(); difference <- survival:::survdiff.fit
one <- if (a[2] == "R fit") function(p) {
  l <- difference(p$y, p$d$arm)
  m <- coxph.fit(p$x, p$y, NULL, NULL, NULL, control, NULL, "efron", NULL, resid = FALSE)
  c((l$observed - l$expected)[1]^2 / l$var[1, 1], exp(m$coefficients), sqrt(m$var))
} else function(p) {
  l <- survdiff(Surv(time, event) ~ arm, data = p$d)
  m <- coxph(Surv(time, event) ~ arm, data = p$d)
  c(l$chisq, exp(m$coefficients), sqrt(m$var))
}
r <- sapply(trials[seq_len(as.integer(a[5]))], one)
cpu <- sapply(seq_len(as.integer(a[6])), function(i) {
  p <- proc.time(); for (x in trials) one(x); sum((proc.time() - p)[1:2]) / per
})
cat(sprintf('{"cpu": [%s], "answer": [%s]}', paste(format(cpu, digits = 15), collapse = ","),
            paste(format(as.vector(r), digits = 15), collapse = ",")))
"""


def make(folder: Path) -> Path:
    """The trials, for Python as arrays and for R as raw numbers."""
    rng = np.random.default_rng(20261201)
    arm = rng.integers(0, 2, (TRIALS, SUBJECTS))
    death = rng.exponential(400 * np.where(arm == 1, 1.4, 1.0))
    lost = rng.uniform(100, 1200, arm.shape)
    observed, event = np.minimum(death, lost), (death <= lost).astype(np.int64)
    path = folder / "trials"
    np.savez(folder / "trials.npz", time=observed, event=event, arm=arm, stratum=rng.integers(0, 4, arm.shape))
    observed.tofile(path)
    np.stack([event, arm], axis=-1).astype(np.int32).tofile(f"{path}.codes")
    return path


Columns = dict[str, np.ndarray]
Answer = list[float]


def our_batch(data: Columns, **asked: object) -> Callable[[], Answer]:
    from equipoise.survival import batch

    flat = {name: column.ravel() for name, column in data.items()}
    strata = flat["stratum"] if "strata" in asked else None

    def once() -> Answer:
        found = batch(
            flat["time"], flat["event"], flat["arm"], sizes=SUBJECTS, unit="days", **asked | {"strata": strata}
        )  # type: ignore[arg-type]
        numbers = np.column_stack([found.z**2, found.hazard_ratio, found.se])
        return numbers[:COMPARED].ravel().tolist()

    return once


def ours_one_by_one(t: np.ndarray, e: np.ndarray, a: np.ndarray) -> Answer:
    from equipoise.survival import TimeToEvent, cox, logrank

    tte = TimeToEvent(t, e, a, control=0, experimental=1, unit="days")
    fit = cox(tte)
    return [logrank(tte).statistic, float(fit.hazard_ratio), float(fit.se[0])]


def lifelines(t: np.ndarray, e: np.ndarray, a: np.ndarray) -> Answer:
    import pandas as pd
    from lifelines import CoxPHFitter
    from lifelines.statistics import logrank_test

    c, x = a == 0, a == 1
    test = logrank_test(t[c], t[x], e[c], e[x])
    fit = CoxPHFitter().fit(pd.DataFrame({"t": t, "e": e, "a": a}), "t", "e")
    return [float(test.test_statistic), float(np.exp(fit.params_["a"])), float(fit.standard_errors_["a"])]


def scikit_survival(t: np.ndarray, e: np.ndarray, a: np.ndarray) -> Answer:
    """It has no standard error."""
    from sksurv.compare import compare_survival
    from sksurv.linear_model import CoxPHSurvivalAnalysis
    from sksurv.util import Surv

    y = Surv.from_arrays(e.astype(bool), t)
    chi, _ = compare_survival(y, a)
    fit = CoxPHSurvivalAnalysis(ties="efron").fit(a[:, None].astype(float), y)
    return [float(chi), float(np.exp(fit.coef_[0])), float("nan")]


def greenwood(t: np.ndarray, e: np.ndarray, a: np.ndarray) -> Answer:
    import greenwood as gw

    y = gw.Surv(time=t, event=e)
    test = gw.logrank_test(y, a)
    fit = gw.CoxPH().fit(y, a[:, None].astype(float))
    return [float(test.statistic), float(np.exp(fit.coef_[0])), float(fit.std_error_[0])]


def statsmodels(t: np.ndarray, e: np.ndarray, a: np.ndarray) -> Answer:
    from statsmodels.duration.hazard_regression import PHReg
    from statsmodels.duration.survfunc import survdiff

    chi, _ = survdiff(t, e, a)
    fit = PHReg(t, a[:, None].astype(float), status=e, ties="efron").fit()
    return [float(chi), float(np.exp(fit.params[0])), float(fit.bse[0])]


BY_TRIAL = {
    "equipoise, one by one": ours_one_by_one, "lifelines": lifelines, "scikit-survival": scikit_survival,
    "greenwood": greenwood, "statsmodels": statsmodels,
}  # fmt: skip


def measure(tool: str, path: Path) -> dict[str, object]:
    """CPU seconds a trial of each run, and chi-square, hazard ratio and standard error of the first trials."""
    with np.load(path) as stored:
        data = {name: stored[name] for name in stored.files}
    per = PER_RUN[tool]
    if tool in BY_TRIAL:
        one = BY_TRIAL[tool]
        rows = [(data["time"][i], data["event"][i], data["arm"][i]) for i in range(per)]

        def once() -> Answer:
            return [number for row in rows for number in one(*row)][: 3 * COMPARED]
    else:
        asked: dict[str, object] = {}
        if "whole" in tool:
            data["time"] = np.ceil(data["time"])
        if "strata" in tool or "everything" in tool:
            asked["strata"] = True
        if "everything" in tool:
            asked |= {"tau": "12 months", "at": "12 months"}
        once = our_batch(data, **asked)
    answer = once()
    cpu = []
    for _ in range(RUNS):
        start = time.process_time()
        once()
        cpu.append((time.process_time() - start) / per)
    return {"cpu": cpu, "answer": answer}


def run(tool: str, folder: Path, peers: str) -> dict[str, object] | None:
    """None where the tool is not there."""
    if tool in R_TOOLS:
        script = folder / "peer.R"
        script.write_text(R_SCRIPT)
        numbers = [PER_RUN[tool], SUBJECTS, COMPARED, RUNS]
        command = ["Rscript", str(script), str(folder / "trials"), tool, *map(str, numbers)]
    else:
        python = peers if tool in PEERS else sys.executable
        command = [python, "-W", "ignore", __file__, "--tool", tool, "--path", str(folder / "trials.npz")]
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tool")
    parser.add_argument("--path", type=Path)
    parser.add_argument("--peers", default=sys.executable)
    options = parser.parse_args()
    if options.tool:
        print(json.dumps(measure(options.tool, options.path)))
        return
    print(
        f"{'tool':24}{'trials a run':>13}{'CPU, us a trial (min-max)':>30}{'against equipoise':>19}  largest difference"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder)
        base, ours = 0.0, np.empty(0)
        for tool, per in PER_RUN.items():
            found = run(tool, folder, options.peers)
            if found is None:
                print(f"{tool:24} is not installed")
                continue
            cpu = [1e6 * c for c in found["cpu"]]  # type: ignore[attr-defined]
            answer = np.array(found["answer"], dtype=float)
            median = statistics.median(cpu)
            if tool == "equipoise":
                base, ours = median, answer
            spread = f"{median:.3g} ({min(cpu):.3g}-{max(cpu):.3g})"
            same = "" if "," in tool and "one" not in tool else f"{np.nanmax(np.abs(answer / ours - 1)):.1e}"
            print(f"{tool:24}{per:>13}{spread:>30}{f'{median / base:.1f}x':>19}  {same}", flush=True)


if __name__ == "__main__":
    main()
