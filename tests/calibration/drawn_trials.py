"""Two-arm trials of many sizes, effects, allocations, ties and strata, with the tests and ratios of a paper.

Trial ``number`` of a seed is the same alone as among a thousand. What is drawn of each: 60 to 800 patients, 1:1, 2:1 or
3:1, a hazard ratio of 0.3 to 1.2, a control median of 3 to 30 months, an assessment grid (none, 4, 8 or 12 weeks:
progression is dated on it), how long the trial goes on, drop-out, and up to two binary factors with a hazard ratio of
up to 3 each, by whose cells a stratified analysis is stratified. Every trial has progression-free and overall survival.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from equipoise.survival import TimeToEvent, cox, logrank

SEED = 20261128
ALLOCATIONS = ((1, 1), (2, 1), (3, 1))
GRIDS = (0, 28, 56, 84)  # days between assessments; 0: progression is seen when it happens
LEAST_EVENTS = 15  # of which some in either arm: no hazard ratio is printed of fewer

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One endpoint of one trial: days, events, arms (1 experimental), cells of the factors, days between visits."""

    name: Literal["PFS", "OS"]
    time: Floats
    event: NDArray[np.int64]
    arm: NDArray[np.int64]
    cell: NDArray[np.int64]

    def data(self) -> TimeToEvent:
        return TimeToEvent(
            self.time, self.event, np.where(self.arm == 1, "E", "C"), strata=self.cell, control="C",
            experimental="E", unit="days",
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """One trial: how it was drawn, and its endpoints with enough events."""

    n: int
    allocation: tuple[int, int]
    ratio: float
    grid: int
    endpoints: tuple[Endpoint, ...]


@dataclass(frozen=True, kw_only=True)
class Estimated:
    """What one analysis gives, stratified or not: log hazard ratio, standard error, profile limits, z of three tests.

    Positive z speaks for the experimental arm.
    """

    coef: float
    se: float
    wald: float
    likelihood: float
    logrank: float


def drawn(number: int, seed: int = SEED) -> Drawn:
    rng = np.random.default_rng([seed, number])
    n = int(60 * (800 / 60) ** rng.uniform())
    allocation = ALLOCATIONS[rng.integers(3)]
    arm = (rng.permutation(n) < n * allocation[0] / sum(allocation)).astype(np.int64)
    ratio = float(rng.uniform(0.3, 1.2))
    factors = rng.random((int(rng.integers(0, 3)), n)) < rng.uniform(0.3, 0.7)
    slopes = rng.uniform(-math.log(3), math.log(3), len(factors))
    risk = np.exp(slopes @ factors) if len(factors) else np.ones(n)
    cell = (2 ** np.arange(len(factors)) @ factors).astype(np.int64) if len(factors) else np.zeros(n, dtype=np.int64)
    median = 30.4 * float(3 * 10 ** rng.uniform())
    shape = float(rng.uniform(0.6, 1.5))
    grid = GRIDS[rng.integers(4)]

    def waited(scale: float, hr: float) -> Floats:
        return scale * (rng.exponential(size=n) / (math.log(2) * risk * np.where(arm == 1, hr, 1))) ** (1 / shape)

    progression = waited(median, ratio)
    seen = np.where(grid > 0, np.ceil(progression / max(grid, 1)) * max(grid, 1), progression)
    death = progression + waited(median * float(rng.uniform(0.5, 3)), 1.0)
    accrual = median * float(rng.uniform(0.2, 3))
    follow_up = median * float(rng.uniform(0.3, 4))
    end = np.minimum(rng.uniform(0, accrual, n) + follow_up, rng.exponential(median * 15, n))
    made = []
    for name, when in (("PFS", np.minimum(seen, death)), ("OS", death)):
        event = (when <= end).astype(np.int64)
        by_arm = [int(event[arm == k].sum()) for k in (0, 1)]
        if sum(by_arm) >= LEAST_EVENTS and min(by_arm) >= 3:
            days = np.maximum(np.ceil(np.minimum(when, end)), 1.0)
            made.append(Endpoint(name=name, time=days, event=event, arm=arm, cell=cell))  # type: ignore[arg-type]
    return Drawn(n=n, allocation=allocation, ratio=ratio, grid=grid, endpoints=tuple(made))


def estimated(data: TimeToEvent, stratified: bool) -> Estimated:
    fit = cox(data, stratified=stratified)
    coef, se = float(fit.coef[0]), float(fit.se[0])
    root = math.copysign(math.sqrt(max(fit.likelihood_ratio.statistic, 0.0)), -coef)
    return Estimated(
        coef=coef, se=se, wald=-coef / se, likelihood=root, logrank=float(logrank(data, stratified=stratified).z or 0.0)
    )
