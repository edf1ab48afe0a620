"""What adjustments for switching do in trials whose truth is known: where their assumptions hold, and elsewhere.

    python -m tests.calibration.switching --trials 5000 --draws 200    # docs/switching_calibration.md; an hour or two
    python -m tests.calibration.switching --ground --trials 500        # docs/proving_ground.md; half an hour
    python -m tests.calibration.switching --waiting --trials 500       # what immortal time takes; a minute

The first table holds 95% limits of each method in settings that meet its assumptions, and in settings that do not. All
trials have 200 patients an arm, exponential lives of mean 500 days whatever progression does (so that the marginal
structural model holds too), progression after 300 on average, 18 months of accrual and a cut 49 months after the first
patient; treatment multiplies time by 1.5. The second has every method over shares, arms and settings.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace

import numpy as np

import equipoise
from equipoise.analyze.switching import two_stage
from equipoise.results import fixed
from equipoise.simulate import METHODS, Ground, Lives, Proven, Setting, ground, on_cores, prove
from equipoise.simulate.ground import switched_trial

SEED = 20261128
LIVES = Lives(
    progression=(1.0, 1.0, 300.0), death_before=(1.0, 1.0, 500.0), death_after=(1.0, 1.0, 500.0), patients=(200, 200),
    accrual=540.0, cutoff=1500.0,
)  # fmt: skip
AT_ONCE = Setting(time_ratio=1.5, share=0.6, odds=3.0, prognosis=2.0, every=2.0)
LATER = Setting(time_ratio=1.5, share=0.6, odds=3.0, timing="after progression")
FEWER = 5  # times fewer trials where nothing new holds
STRUCTURAL, BY_VISITS = ("RPSFTM", "IPE"), ("IPCW", "MSM")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A setting, the methods that are tried in it, and those of them whose assumptions hold there."""

    name: str
    setting: Setting
    methods: tuple[str, ...]
    hold: tuple[str, ...]


CASES = (
    Case(name="at progression, by what is known then", setting=AT_ONCE, methods=(*STRUCTURAL, "two-stage"),
         hold=(*STRUCTURAL, "two-stage")),
    Case(name="after progression, by what changes with time", setting=LATER,
         methods=(*STRUCTURAL, "two-stage", "two-stage with g-estimation", *BY_VISITS),
         hold=(*STRUCTURAL, "two-stage with g-estimation", *BY_VISITS)),
    Case(name="the same, not measured", setting=replace(LATER, odds=9.0, measured=False),
         methods=(*STRUCTURAL, "two-stage with g-estimation", *BY_VISITS), hold=STRUCTURAL),
    Case(name="the effect is gone after the switch", setting=replace(LATER, kept=0.0),
         methods=(*STRUCTURAL, "two-stage with g-estimation", *BY_VISITS),
         hold=("two-stage with g-estimation", *BY_VISITS)),
)  # fmt: skip
NAIVE = tuple(METHODS)[:4]


def shown(found: Proven, case: Case) -> list[str]:
    """A line of the table for every method: bias, coverage of each kind with its Monte Carlo error, estimates."""
    lines = []
    for method in found.methods:
        cells = [case.name, method, "yes" if method in case.hold else "no"]
        cells += [f"{fixed(found.bias(method), 3)} ({fixed(found.bias_error(method), 3)})"]
        cells += [fixed(found.spread(method), 3)]
        for of in ("psi", "bootstrap psi", "model", "bootstrap"):
            share, n = found.coverage(method, of)
            error = math.sqrt(share * (1 - share) / n) if n else math.nan
            cells.append(f"{fixed(100 * share, 1)} ({fixed(100 * error, 1)})" if n else "")
        cells.append(f"{fixed(100 * found.converged(method), 1)}")
        lines.append(f"| {' | '.join(cells)} |")
    return lines


HEAD = (
    "| setting | method | holds | bias, log hazard ratio | SD | psi, own limits | psi, bootstrap | hazard ratio, own "
    f"limits | hazard ratio, bootstrap | estimate |\n|{'---|' * 10}"
)


def calibrate(trials: int, draws: int, executor: Executor | None) -> None:
    """The table of coverage."""
    said = (
        f"equipoise {equipoise.__version__}, seed {SEED}, {trials:,} trials of the first two settings and "
        f"{trials // FEWER:,} of the others, which are there for what fails; {draws} bootstrap samples a trial, of the "
        "methods that take some. Made by `python -m tests.calibration.switching "
        f"--trials {trials} --draws {draws}`, where it is said what trials are. Percent of 95% limits that hold the "
        'truth, Monte Carlo errors in brackets. "Holds": the setting meets what the method assumes. Own limits: by '
        "inversion of the test as observed (RPSFTM, IPE), of a Cox model that takes the effect of switching for known "
        "(two-stage: too narrow for that), robust (weights). The psi of two-stage methods is that of switching."
    )
    print(f"# Coverage of adjustments for switching\n\n{said}\n\n{HEAD}", flush=True)
    truths = []
    for i, case in enumerate(CASES):
        here = ground(LIVES, case.setting, seed=SEED)
        wanted = trials if i < 2 else trials // FEWER
        found = prove(here, trials=wanted, draws=draws, methods=case.methods, executor=executor)
        naive = prove(here, trials=wanted, methods=NAIVE, executor=executor)
        for line in [*shown(found, case), *shown(naive, case)]:
            print(line, flush=True)
        truths.append(f"{case.name}: {case.setting}; true hazard ratio {fixed(here.hazard_ratio, 4)}")
    print("\n" + "\n".join(f"- {text}" for text in truths))


def places() -> list[tuple[str, Ground]]:
    """The grounds of the second table: shares, arms, confounding, and whether the effect lasts."""
    found = []
    soon = replace(AT_ONCE, every=7.0)
    for name, setting in (
        ("at progression, whoever", replace(soon, odds=1.0)),
        ("at progression, the well", soon),
        ("later, whoever", replace(LATER, odds=1.0)),
        ("later, the well", LATER),
        ("later, the well, wanes", replace(LATER, kept=0.5)),
        ("later, the well, not measured", replace(LATER, odds=9.0, measured=False)),
    ):
        # Nobody switches in the truth, so that one of two million patients is that of every share.
        truth = ground(LIVES, setting, seed=SEED).hazard_ratio
        asked = [(f"{100 * share:g}%", replace(setting, share=share)) for share in (0.3, 0.5, 0.7, 0.9)]
        for said, one in [*asked, ("50% of both arms", replace(setting, share=0.5, both=True))]:
            here = ground(LIVES, one, seed=SEED, patients=20_000)
            found.append((f"{name}, {said}", replace(here, hazard_ratio=truth)))
    return found


def who_switch(here: Ground) -> float:
    """The mean share of the control arm that switches, over fifty trials."""
    shares = []
    for number in range(50):
        record = switched_trial(here, number).record
        control = record.tte.arm == 0
        shares.append(float((record.switched & control).sum() / control.sum()))
    return float(np.mean(shares))


def prove_all(trials: int, executor: Executor | None) -> None:
    """The table of every method on every ground: bias (root mean square error), coverage and estimates in percent."""
    said = (
        f"equipoise {equipoise.__version__}, seed {SEED}, {trials:,} trials a setting. Made by `python -m "
        f"tests.calibration.switching --ground --trials {trials}`. Of each method the bias of the log hazard ratio "
        "(root mean square error), the coverage of its own 95% limits in percent, and in how many percent of the "
        "trials it has an estimate if not in all. A setting's share is of those in whom progression is seen, which "
        "death comes before in many: the second column has the share of the whole control arm that switches (50 "
        "trials)."
    )
    columns = ("setting", "of control", "true", *METHODS)
    print(f"# The proving ground\n\n{said}\n\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for name, here in places():
        found = prove(here, trials=trials, executor=executor)
        cells = []
        for method in found.methods:
            text = f"{fixed(found.bias(method), 2)} ({fixed(found.rmse(method), 2)}), "
            text += fixed(100 * found.coverage(method)[0], 0)
            missing = 1 - found.converged(method)
            cells.append(text + (f"; {fixed(100 * (1 - missing), 1)}%" if missing else ""))
        share = fixed(100 * who_switch(here), 0)
        print(f"| {name} | {share}% | {fixed(here.hazard_ratio, 3)} | {' | '.join(cells)} |", flush=True)


def wait_all(trials: int) -> None:
    """By the days between visits, the share of the time after progression of those who switched that came before the
    switch, and the mean log hazard ratio by simple two-stage estimation, in the same patients."""
    for every in (2.0, 7.0, 30.0):
        here = ground(LIVES, replace(AT_ONCE, every=every), seed=SEED, patients=20_000)
        shares, logs = [], []
        for number in range(trials):
            record = switched_trial(here, number).record
            assert record.progression is not None
            switched = record.switched
            base = np.minimum(record.progression, record.switch)[switched]
            shares.append((record.switch[switched] - base).sum() / (record.tte.time[switched] - base).sum())
            logs.append(math.log(two_stage(record, offset=1.0).hazard_ratio))
        print(f"every {every:g} days: {fixed(100 * float(np.mean(shares)), 1)}%, {fixed(float(np.mean(logs)), 3)}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Print one of the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=500)
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--ground", action="store_true")
    parser.add_argument("--waiting", action="store_true")
    asked = parser.parse_args(arguments)
    begun = time.perf_counter()
    if asked.waiting:
        wait_all(asked.trials)
        return
    with on_cores() as executor:
        if asked.ground:
            prove_all(asked.trials, executor)
        else:
            calibrate(asked.trials, asked.draws, executor)
    print(f"{fixed((time.perf_counter() - begun) / 60, 1)} minutes", file=sys.stderr)


if __name__ == "__main__":
    main()
