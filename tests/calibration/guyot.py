"""How near a trial comes that is rebuilt from digitized curves: known data, drawn, clicked with noise, and rebuilt.

    python -m tests.calibration.guyot --runs 500      # the table of docs/reconstruction.md; minutes

Each run draws two arms (accrual over 18 months, cut-off at 36, some lost on the way), prints their Kaplan-Meier curves
with numbers at risk every 6 months, and has a person click along both curves at about equal distances on the paper (a
figure half as wide again as high), with noise of standard deviation 0.005 of the axis of survival. Compared are log
hazard ratio and medians of the rebuilt data with those of the data behind the curves, with the totals of events and
without.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import equipoise
from equipoise.data import TimeToEvent
from equipoise.errors import EquipoiseError
from equipoise.reconstruct import DigitizedArm, guyot, two_arms
from equipoise.survival import cox, kaplan_meier

SEED = 20261128
NOISE = 0.005
CUTOFF, ACCRUAL, EVERY, RATIO = 36.0, 18.0, 6.0, 1.5
WITH_TOTALS, WITHOUT = 0.03, 0.06  # bounds of the error of the log hazard ratio
SHAPES = {
    "exponential": "exponential, hazard ratio 0.7",
    "weibull": "Weibull of shape 0.8, hazard ratio 0.7",
    "crossing": "hazard ratio 1.3 for 4 months, then 0.5",
    "steeper": "Weibull of shape 0.7, hazard ratio 0.7",
    "visits": "exponential, median 6 months, seen at visits every 1.5 months",
}
Arm = tuple[NDArray[np.float64], NDArray[np.int64]]


def draw(shape: str, n: int, rng: np.random.Generator) -> tuple[Arm, Arm]:
    """Control and experimental arm: times in months, and 1 for an event."""
    arms = []
    for experimental in (False, True):
        u = rng.exponential(size=n)
        ratio = 0.7 if experimental else 1.0
        if shape == "exponential":
            time = 12 / math.log(2) * u / ratio
        elif shape == "visits":
            time = 1.5 * np.ceil(6 / math.log(2) * u / ratio / 1.5) + rng.uniform(-0.1, 0.1, n)
        elif shape in ("weibull", "steeper"):
            power = 0.8 if shape == "weibull" else 0.7
            time = 10 * (u / math.log(2) / ratio) ** (1 / power)
        else:
            rate, early = math.log(2) / 12, 1.3 * math.log(2) / 12 * 4
            late = np.where(u < early, u / (1.3 * rate), 4 + (u - early) / (0.5 * rate))
            time = late if experimental else u / rate
        left = np.minimum(CUTOFF - rng.uniform(0, ACCRUAL, n), rng.exponential(200.0, n))
        arms.append((np.minimum(time, left), (time <= left).astype(np.int64)))
    return arms[0], arms[1]


@dataclass(frozen=True)
class Printed:
    """A curve as it stands in a paper, once somebody has clicked along it."""

    time: NDArray[np.float64]
    survival: NDArray[np.float64]
    at_risk_times: NDArray[np.float64]
    at_risk: NDArray[np.int64]
    events: int

    def rebuilt(self, totals: bool) -> DigitizedArm:
        return guyot(
            self.time, self.survival, at_risk_times=self.at_risk_times, at_risk=self.at_risk,
            events=self.events if totals else None, unit="months",
        )  # fmt: skip


def clicked(arm: Arm, clicks: int, rng: np.random.Generator) -> Printed:
    """The arm's curve as clicked: ``clicks`` would cover a line from the top left of the figure to the bottom right."""
    time, event = arm
    at, deaths = np.unique(time[event == 1], return_counts=True)
    survival = np.cumprod(1 - deaths / (time[:, None] >= at).sum(axis=0))
    end = time.max()
    x = np.r_[0.0, np.repeat(at, 2), end]
    y = np.r_[1.0, np.repeat(np.r_[1.0, survival], 2)[1:-1], survival[-1:]]
    along = np.r_[0.0, np.cumsum(np.abs(np.diff(x)) / CUTOFF * RATIO + np.abs(np.diff(y)))]
    step = (RATIO + 1) / clicks
    places = np.arange(1, int(along[-1] / step) + 1) * step
    places = places + rng.uniform(-0.3, 0.3, len(places)) * step
    places = np.r_[0.0, places[places < along[-1]], along[-1]]
    noisy = np.interp(places, along, y) + rng.normal(0, NOISE, len(places))
    marks = np.arange(0.0, end, EVERY)
    return Printed(
        time=np.interp(places, along, x), survival=noisy, at_risk_times=marks,
        at_risk=(time[:, None] >= marks).sum(axis=0), events=int(event.sum()),
    )  # fmt: skip


def as_endpoint(control: Arm, experimental: Arm) -> TimeToEvent:
    return TimeToEvent(
        np.r_[control[0], experimental[0]], np.r_[control[1], experimental[1]],
        ["C"] * len(control[0]) + ["E"] * len(experimental[0]), control="C", experimental="E", unit="months",
    )  # fmt: skip


@dataclass
class Rates:
    """What was found in the runs of one setting: errors of the log hazard ratio, of medians as shares of the true ones
    and whether each lies within the larger of 2% and one step, with totals (True) and without."""

    ratio: dict[bool, list[float]]
    median: dict[bool, list[float]]
    near: dict[bool, list[bool]]
    refused: list[str]

    def within(self, totals: bool) -> float:
        bound = WITH_TOTALS if totals else WITHOUT
        return float(np.mean(np.abs(self.ratio[totals]) <= bound))


def rates(shape: str, n: int, clicks: int, runs: int, seed: int = SEED) -> Rates:
    """Runs of one setting; run r of it is the same whatever the number of runs."""
    found = Rates({True: [], False: []}, {True: [], False: []}, {True: [], False: []}, [])
    for run in range(runs):
        rng = np.random.default_rng([seed, list(SHAPES).index(shape), n, clicks, run])
        truth = as_endpoint(*draw(shape, n, rng))
        arms = {name: clicked(_arm(truth, name), clicks, rng) for name in ("C", "E")}
        true = math.log(cox(truth).hazard_ratio)
        for totals in (True, False):
            try:
                built = {name: arm.rebuilt(totals) for name, arm in arms.items()}
            except EquipoiseError as error:
                found.refused.append(str(error))
                continue
            tte = two_arms(built, experimental="E", control="C")
            found.ratio[totals].append(math.log(cox(tte).hazard_ratio) - true)
            for name in ("C", "E"):
                _compare(found, totals, kaplan_meier(truth)[name], kaplan_meier(tte)[name].median)
    return found


def _arm(tte: TimeToEvent, name: str) -> Arm:
    mine = tte.arm == tte.arms.index(name)
    return tte.time[mine] / equipoise.units.DAYS_PER_MONTH, tte.event[mine]


def _compare(found: Rates, totals: bool, curve, median: float) -> None:
    true = curve.median
    if math.isinf(true) or math.isinf(median):
        found.near[totals].append(true == median)
        return
    deaths = curve.time[curve.event > 0]
    k = int(np.searchsorted(deaths, true))
    steps = np.diff(deaths)[max(k - 1, 0) : k + 1]
    found.median[totals].append(median / true - 1)
    found.near[totals].append(abs(median - true) <= max(0.02 * true, steps.max(initial=0.0)))


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--runs", type=int, default=500)
    reader.add_argument("--shapes", nargs="*", default=list(SHAPES))
    reader.add_argument("--sizes", nargs="*", type=int, default=[100, 500])
    reader.add_argument("--clicks", nargs="*", type=int, default=[100, 200])
    asked = reader.parse_args()
    print(f"version {equipoise.__version__}, seed {SEED}, {asked.runs} runs a setting\n")
    print(
        "| data | an arm | clicks | totals | log HR: within | mean error | sd | median: within | mean error | sd | "
        "refused |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for shape in asked.shapes:
        for n in asked.sizes:
            for clicks in asked.clicks:
                found = rates(shape, n, clicks, asked.runs)
                for totals in (True, False):
                    error, off = np.array(found.ratio[totals]), np.array(found.median[totals])
                    bound = WITH_TOTALS if totals else WITHOUT
                    print(
                        f"| {SHAPES[shape]} | {n} | {clicks} | {'yes' if totals else 'no'} | "
                        f"{100 * found.within(totals):.1f}% of {len(error)} within {bound} | "
                        f"{error.mean():.4f} | {error.std():.4f} | {100 * np.mean(found.near[totals]):.1f}% | "
                        f"{100 * off.mean():.2f}% | {100 * off.std():.2f}% | {len(found.refused)} |", flush=True,
                    )  # fmt: skip
                for text in found.refused[:3]:
                    print(f"  refused: {text}")


if __name__ == "__main__":
    main()
