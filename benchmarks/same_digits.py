"""The published numbers of TAnDEM recomputed from the written patients by R's survival and by lifelines.

    .venv/bin/python benchmarks/same_digits.py                 # runs `equipoise run tandem` in a temporary folder
    .venv/bin/python benchmarks/same_digits.py out             # reads what `equipoise run tandem --out out` wrote
    .venv/bin/python benchmarks/same_digits.py --seeds 20      # one cohort a seed, tier A

R reads the SAS transport files (foreign::read.xport), lifelines the CSV files; neither calls equipoise. Needs Rscript
with survival, and the extra `bench`. Exits with 1 where any digit differs from the published one.
"""

from __future__ import annotations

import argparse
import importlib.util  # noqa: TID251 - asks whether lifelines is there
import math
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from equipoise import protocol
from equipoise.analyze import tie_out
from equipoise.data import read_adam, write_adam
from equipoise.protocol import Printed, Protocol, PublishedNumber, describe_number
from equipoise.reconstruct import search
from equipoise.reconstruct.ensemble import as_patients, stated_scenario, task_of
from equipoise.results import fixed, percent

MONTH = 30.4375
ARMS = {"T": "T+A", "A": "A"}

R_SCRIPT = r"""
suppressPackageStartupMessages({library(survival); library(foreign)})
folder <- commandArgs(TRUE)[1]
read <- function(name) {
  d <- read.xport(file.path(folder, paste0(name, ".xpt")))
  d[] <- lapply(d, function(x) if (is.factor(x)) as.character(x) else x)
  d
}
adsl <- read("adsl"); adtte <- read("adtte"); adae <- read("adae")
say <- function(key, value) cat(key, sprintf("%.17g", value), "\n")
for (arm in c("T+A", "A")) {
  short <- if (arm == "A") "A" else "T"
  ids <- adsl$USUBJID[adsl$TRT01P == arm]
  has <- function(rows) length(unique(adae$USUBJID[which(rows & adae$USUBJID %in% ids)]))
  say(paste0("n.", short), length(ids))
  say(paste0("crossed.", short), sum(adsl$XOFL[adsl$TRT01P == arm] == "Y"))
  say(paste0("any.", short), has(rep(TRUE, nrow(adae))))
  say(paste0("serious.", short), has(adae$AESER == "Y"))
  for (grade in 3:4) say(paste0("grade", grade, ".", short), has(adae$AETOXGR == as.character(grade)))
  say(paste0("nyha2.", short), has(adae$NYHACLS == "II"))
}
say("n.confirmed", sum(adsl$HRCONFFL == "Y"))
d <- merge(adtte, adsl[, c("USUBJID", "HRCONFFL")], by = "USUBJID")
d$event <- as.integer(d$CNSR == 0)
d$arm <- factor(d$TRT01P, levels = c("A", "T+A"))
for (endpoint in c("PFS", "OS")) for (who in c("ITT", "confirmed")) {
  x <- d[d$PARAMCD == endpoint & (who == "ITT" | d$HRCONFFL == "Y"), ]
  name <- paste(endpoint, who, sep = ".")
  chisq <- survdiff(Surv(AVAL, event) ~ arm, data = x)$chisq
  say(paste0(name, ".p"), pchisq(chisq, 1, lower.tail = FALSE))
  fit <- summary(coxph(Surv(AVAL, event) ~ arm, data = x, ties = "efron"))$conf.int
  say(paste0(name, ".hr"), fit[1, 1]); say(paste0(name, ".low"), fit[1, 3]); say(paste0(name, ".high"), fit[1, 4])
  middle <- quantile(survfit(Surv(AVAL, event) ~ arm, data = x), 0.5)$quantile[, 1]
  say(paste0(name, ".median.A"), middle[1]); say(paste0(name, ".median.T"), middle[2])
}
"""


def by_r(adam: Path) -> dict[str, float]:
    """Every number from the transport files, by R."""
    done = subprocess.run(["Rscript", "-e", R_SCRIPT, str(adam / "xpt")], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"R stopped: {done.stderr.strip()}")
    return {key: float(value) for key, value in (line.split() for line in done.stdout.splitlines())}


def by_lifelines(adam: Path) -> dict[str, float]:
    """Every number from the CSV files, by pandas and lifelines."""
    from lifelines import CoxPHFitter, KaplanMeierFitter
    from lifelines.statistics import logrank_test

    adsl, adtte, adae = (pd.read_csv(adam / "csv" / f"{name}.csv") for name in ("adsl", "adtte", "adae"))
    found: dict[str, float] = {"n.confirmed": (adsl.HRCONFFL == "Y").sum()}
    for short, arm in ARMS.items():
        here = adsl[arm == adsl.TRT01P]
        events = adae[adae.USUBJID.isin(here.USUBJID)]
        found[f"n.{short}"] = len(here)
        found[f"crossed.{short}"] = (here.XOFL == "Y").sum()
        for name, rows in (
            ("any", events), ("serious", events[events.AESER == "Y"]), ("grade3", events[events.AETOXGR == 3]),
            ("grade4", events[events.AETOXGR == 4]), ("nyha2", events[events.NYHACLS == "II"]),
        ):  # fmt: skip
            found[f"{name}.{short}"] = rows.USUBJID.nunique()
    joined = adtte.merge(adsl[["USUBJID", "HRCONFFL"]], on="USUBJID")
    for endpoint in ("PFS", "OS"):
        for who in ("ITT", "confirmed"):
            x = joined[(endpoint == joined.PARAMCD) & ((who == "ITT") | (joined.HRCONFFL == "Y"))]
            x = pd.DataFrame({"time": x.AVAL, "event": (x.CNSR == 0) * 1, "arm": (x.TRT01P == "T+A") * 1})
            new, old = x[x.arm == 1], x[x.arm == 0]
            name = f"{endpoint}.{who}"
            found[f"{name}.p"] = logrank_test(new.time, old.time, new.event, old.event).p_value
            fit = CoxPHFitter().fit(x, "time", "event").summary.loc["arm"]
            found[f"{name}.hr"] = fit["exp(coef)"]
            found[f"{name}.low"], found[f"{name}.high"] = fit["exp(coef) lower 95%"], fit["exp(coef) upper 95%"]
            for short, part in (("T", new), ("A", old)):
                found[f"{name}.median.{short}"] = KaplanMeierFitter().fit(part.time, part.event).median_survival_time_
    return {key: float(value) for key, value in found.items()}


def key_of(trial: Protocol, number: PublishedNumber) -> str:
    """The name under which the other programs compute a published number."""
    arm = {arm: short for short, arm in ARMS.items()}.get(number.arm or "", "")
    if number.statistic == "subjects":
        return "n.confirmed" if number.population else f"n.{arm}"
    if number.statistic == "crossed over":
        return f"crossed.{arm}"
    if number.statistic == "adverse event":
        kind = "serious" if number.serious else f"grade{number.grade}" if number.grade else "any"
        return f"{'nyha2' if number.nyha else kind}.{arm}"
    estimand = trial.estimands[str(number.estimand)]
    what = {"hazard ratio": "hr", "hazard ratio lower limit": "low", "hazard ratio upper limit": "high", "P": "p"}
    name = what.get(number.statistic, f"median.{arm}")
    return f"{estimand.variable}.{estimand.population}.{name}"


def printed(number: PublishedNumber, values: Mapping[str, float], key: str) -> tuple[str, bool]:
    """A number as another program gives it, with the digits of the published one, and whether it is the same."""
    value, text = values[key], number.printed
    kind, _, arm = key.rpartition(".")
    if text.word == "not significant":
        return f"P = {fixed(value, 4)}", value > 0.05
    if text.word == "more frequent":
        here, there = ((values[f"{kind}.{a}"], values[f"n.{a}"]) for a in (arm, "A" if arm == "T" else "T"))
        return f"{here[0]:.0f} of {here[1]:.0f} v {there[0]:.0f}", here[0] / here[1] > there[0] / there[1]
    if number.statistic == "median":
        value /= MONTH
    if text.percent:
        shown = percent(int(value), int(values[f"n.{arm}"]), text.decimals)
        return f"{shown}% ({value:.0f})", same(shown, text)
    shown = fixed(value, text.decimals)
    return shown, same(shown, text)


def same(shown: str, text: Printed) -> bool:
    """Whether the digits are those of the published number."""
    return math.isfinite(float(shown)) and fixed(float(shown), text.decimals) == fixed(text.value, text.decimals)


def compare(trial: Protocol, adam: Path) -> list[tuple[str, str, str, str, str, bool]]:
    """A line for each published number: its name, then published, equipoise, R, lifelines, and whether all agree."""
    ties = tie_out(trial, read_adam(adam / "csv", trial), "A")
    others = by_r(adam), by_lifelines(adam)
    lines = []
    for tie in ties:
        key = key_of(trial, tie.number)
        (r, r_same), (life, life_same) = (printed(tie.number, values, key) for values in others)
        agree = tie.agrees and r_same and life_same
        lines.append((describe_number(tie.number), tie.number.printed.text, tie.computed, r, life, agree))
    return lines


def show(lines: list[tuple[str, str, str, str, str, bool]]) -> None:
    head = ("", "published", "equipoise", "R", "lifelines", "same digits")
    rows = [head, *((*line[:5], "yes" if line[5] else "NO") for line in lines)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def of_seeds(trial: Protocol, seeds: int) -> bool:
    """One cohort of the stated model a seed: how many give every digit in every program."""
    name = stated_scenario(trial)
    task = task_of(trial, name, trial.scenario[name], "A", 0)
    good = 0
    for seed in range(1, seeds + 1):
        found = search(trial, task.model, task.targets, seed=seed)
        with tempfile.TemporaryDirectory() as folder:
            write_adam(as_patients(trial, found), folder)
            lines = compare(trial, Path(folder))
        apart = [line for line in lines if not line[5]]
        good += not apart
        print(f"seed {seed}: {len(lines) - len(apart)} of {len(lines)} numbers with the same digits", flush=True)
        if apart:
            show(apart)
    print(f"{good} of {seeds} seeds: every number has the same digits in all programs")
    return good == seeds


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", nargs="?", type=Path, help="what `equipoise run tandem --out FOLDER` wrote")
    arguments.add_argument("--seeds", type=int, help="cohorts of seeds 1 to so many instead")
    asked = arguments.parse_args()
    missing = [] if shutil.which("Rscript") else ["Rscript (with the package survival)"]
    missing += [] if importlib.util.find_spec("lifelines") else ["lifelines (the extra bench)"]
    if missing:
        sys.exit(f"missing: {' and '.join(missing)}; nothing was compared")
    trial = protocol.example("tandem")
    if asked.seeds:
        sys.exit(0 if of_seeds(trial, asked.seeds) else 1)
    with tempfile.TemporaryDirectory() as made:
        folder = asked.folder or Path(made)
        if asked.folder is None:
            command = [sys.executable, "-m", "equipoise.cli", "run", "tandem", "--out", made]
            subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        if not (folder / "adam").is_dir():
            sys.exit(f"{folder} holds no folder adam: give what `equipoise run tandem --out FOLDER` wrote")
        lines = compare(trial, folder / "adam")
    show(lines)
    sys.exit(0 if all(line[5] for line in lines) else 1)


if __name__ == "__main__":
    main()
