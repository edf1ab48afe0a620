"""Size and coverage of methods for one table of counts, exactly: every table weighed by its probability.

A rate is taken at many true values; its mean, its least and its most are what is told of a method. Tables that give no
value (a ratio without an event) are left out, and the rate is that of the others.

Limits of a comparison rise with the events of arm 1, so that for each count of arm 0 the tables whose limits hold the
true value lie side by side, and two searches find their ends (``covered``); ``weighed`` looks at every table.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, poisson
from tests.calibration.rates import Decision, Limits
from tests.oracles import twins_counts, twins_proportions

from equipoise.analyze import (
    clopper_pearson,
    cmh,
    difference,
    exposure_adjusted_rate,
    fisher,
    rate_difference,
    rate_ratio,
    risk_difference,
    risk_ratio,
    wilson,
)

SHARES = (0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 0.9)
RATES = (0.1, 0.2, 0.5, 1.0, 2.0)  # events a patient-year; every patient is followed for one
FAR = 1e-6  # what lies beyond the counts that are looked at, on either side

Floats = NDArray[np.float64]
Table = Callable[[int, int, int], Limits]  # (events of arm 1, of arm 0, patients of each arm) -> limits
Test = Callable[[int, int, int], float]  # the same -> P value
One = Callable[[int, int], Limits]  # (events, patients) -> limits


@dataclass(frozen=True)
class Law:
    """Counts of an arm of n and their probabilities, but for what is FAR."""

    first: int
    last: int
    probability: Floats

    @property
    def counts(self) -> range:
        return range(self.first, self.last + 1)


def law(n: int, value: float, counts: str) -> Law:
    distribution = binom(n, value) if counts == "shares" else poisson(n * value)
    first, last = int(distribution.ppf(FAR)), int(distribution.isf(FAR))
    return Law(first, last, distribution.pmf(np.arange(first, last + 1)))


# ------------------------------------------------------------------------------------------------------------ one arm
def coverage_of_one(limits: One, n: int, value: float, counts: str) -> float:
    found = law(n, value, counts)
    inside = [low <= value <= high for low, high in (limits(x, n) for x in found.counts)]
    return float(found.probability[np.array(inside)].sum() / found.probability.sum())


# ----------------------------------------------------------------------------------------------------------- two arms
def weighed(decide: Callable[[int, int], Decision], one: Law, zero: Law) -> float:
    """How often a decision is True, of the tables in which there is one."""
    hits = values = 0.0
    for x1, p1 in zip(one.counts, one.probability.tolist(), strict=True):
        for x0, p0 in zip(zero.counts, zero.probability.tolist(), strict=True):
            decision = decide(x1, x0)
            if decision is not None:
                values += p1 * p0
                hits += p1 * p0 * decision
    return hits / values


def covered(limits: Callable[[int, int], Limits], truth: float, one: Law, zero: Law) -> float:
    """The same for limits, by the ends of the covered tables."""
    hits = values = 0.0
    below = np.concatenate([[0.0], np.cumsum(one.probability)])  # P(X1 < first + i)
    for x0, p0 in zip(zero.counts, zero.probability.tolist(), strict=True):
        start, stop = one.first, one.last + 1
        while start < stop and math.isnan(limits(start, x0)[0]):
            start += 1
        while start < stop and math.isnan(limits(stop - 1, x0)[0]):
            stop -= 1
        values += p0 * float(below[stop - one.first] - below[start - one.first])
        from_ = _first(start, stop, lambda x1, x0=x0: limits(x1, x0)[1] >= truth)
        until = _first(start, stop, lambda x1, x0=x0: limits(x1, x0)[0] > truth)
        hits += p0 * max(float(below[until - one.first] - below[from_ - one.first]), 0.0)
    return hits / values


def _first(start: int, stop: int, holds: Callable[[int], bool]) -> int:
    """The first x at which something holds that holds from there on; stop if nowhere."""
    while start < stop:
        middle = (start + stop) // 2
        start, stop = (start, middle) if holds(middle) else (middle + 1, stop)
    return start


# -------------------------------------------------------------------------------------------------------- the methods
@dataclass(frozen=True, kw_only=True)
class Enumerated:
    """A method for counts: what it does at each of the true values, and how often."""

    name: str
    counts: str  # "shares" of patients or "rates" of events a year
    kind: str  # "one", "difference", "ratio", "odds ratio", "size"
    ours: One | Table | Test
    second: Callable[..., Decision]  # by the second program: whether limits hold the truth, or a test rejects
    alpha: float = 0.05
    exact: bool = False  # never on the wrong side of nominal

    @property
    def nominal(self) -> float:
        return self.alpha if self.kind == "size" else 0.95

    @property
    def values(self) -> list[tuple[float, ...]]:
        """True values: of one arm, of both when they are equal, or of both in all pairs."""
        grid = SHARES if self.counts == "shares" else RATES
        if self.kind in ("one", "size"):
            return [(v,) for v in grid]
        return list(product(grid, repeat=2))

    def truth(self, p1: float, p0: float) -> float:
        if self.kind == "difference":
            return p1 - p0
        return p1 / p0 if self.kind == "ratio" else p1 * (1 - p0) / (p0 * (1 - p1))

    def rate(self, n: int, value: tuple[float, ...]) -> float:
        """Coverage or size at a true value."""
        if self.kind == "one":
            return coverage_of_one(self.ours, n, value[0], self.counts)  # type: ignore[arg-type]
        p1, p0 = (value[0], value[-1])
        one, zero = law(n, p1, self.counts), law(n, p0, self.counts)
        if self.kind == "size":
            return weighed(lambda x1, x0: _rejects(self.ours(x1, x0, n), self.alpha), one, zero)  # type: ignore[call-arg, arg-type]
        memory: dict[tuple[int, int], Limits] = {}

        def limits(x1: int, x0: int) -> Limits:
            if (x1, x0) not in memory:
                memory[x1, x0] = self.ours(x1, x0, n)  # type: ignore[call-arg, assignment]
            return memory[x1, x0]

        return covered(limits, self.truth(p1, p0), one, zero)

    def decisions(self, n: int, value: tuple[float, ...]) -> dict[tuple[int, ...], Decision]:
        """By table, without the search: what `second_decisions` is compared with."""
        if self.kind == "one":
            return {(x,): _holds(self.ours(x, n), value[0]) for x in law(n, value[0], self.counts).counts}  # type: ignore[call-arg, arg-type]
        one, zero = (law(n, v, self.counts) for v in (value[0], value[-1]))
        tables = product(one.counts, zero.counts)
        if self.kind == "size":
            return {t: _rejects(self.ours(*t, n), self.alpha) for t in tables}  # type: ignore[call-arg, arg-type]
        return {t: _holds(self.ours(*t, n), self.truth(*value)) for t in tables}  # type: ignore[call-arg, arg-type]

    def second_decisions(self, n: int, value: tuple[float, ...]) -> dict[tuple[int, ...], Decision]:
        if self.kind == "one":
            return {(x,): self.second(x, n, value[0]) for x in law(n, value[0], self.counts).counts}
        one, zero = (law(n, v, self.counts) for v in (value[0], value[-1]))
        about = self.alpha if self.kind == "size" else self.truth(*value)
        return {t: self.second(*t, n, about) for t in product(one.counts, zero.counts)}


def summed(method: Enumerated, n: int, value: tuple[float, ...], decisions: dict[tuple[int, ...], Decision]) -> float:
    """The rate that decisions by table make."""
    laws = [law(n, v, method.counts) for v in ((value[0],) if method.kind == "one" else (value[0], value[-1]))]
    hits = values = 0.0
    for table, decision in decisions.items():
        if decision is not None:
            weight = math.prod(float(one.probability[x - one.first]) for x, one in zip(table, laws, strict=True))
            values += weight
            hits += weight * decision
    return hits / values


def _rejects(p: float, alpha: float) -> Decision:
    return None if math.isnan(p) else p <= alpha


def _holds(limits: Limits, truth: float) -> Decision:
    return None if math.isnan(limits[0]) else limits[0] <= truth <= limits[1]


def _score(ratio: bool, rates: bool) -> Callable[[int, int, int, float], Decision]:
    """The second program's limits are where its score test stops rejecting: the test is asked at the truth itself."""

    def holds(x1: int, x0: int, n: int, truth: float) -> Decision:
        if ratio and x1 + x0 == 0:
            return None
        problem: twins_counts.Problem = {"ratio": ratio, "rates": rates}
        strata = [(float(x1), float(n), float(x0), float(n))]
        return abs(twins_counts.z_of(strata, truth, problem, "cmh")) <= twins_counts.quantile_of_normal(0.95)

    return holds


def _test_of_rates(x1: int, x0: int, n: int, alpha: float) -> Decision:
    """The score at a ratio of 1; no test without an event."""
    if x1 + x0 == 0:
        return None
    problem: twins_counts.Problem = {"ratio": True, "rates": True}
    strata = [(float(x1), float(n), float(x0), float(n))]
    return twins_counts.two_sided(twins_counts.z_of(strata, 1.0, problem, "cmh")) <= alpha


def _odds(x1: int, x0: int, n: int, truth: float) -> Decision:
    found = twins_counts.cmh(x1, n, x0, n)
    return _holds((found["lower"], found["upper"]), truth)


def _years(x1: int, x0: int, n: int) -> tuple[int, float, int, float]:
    return x1, float(n), x0, float(n)


METHODS = [
    Enumerated(
        name="one share, Clopper-Pearson", counts="shares", kind="one", exact=True,
        ours=lambda x, n: clopper_pearson(x, n).conf_int,
        second=lambda x, n, p: _holds(twins_counts.clopper_pearson(x, n, 0.95), p),
    ),
    Enumerated(
        name="one share, Wilson", counts="shares", kind="one",
        ours=lambda x, n: wilson(x, n).conf_int,
        second=lambda x, n, p: _holds(twins_proportions.wilson_limits(x, n, 0.95), p),
    ),
    Enumerated(
        name="difference of shares, Newcombe", counts="shares", kind="difference",
        ours=lambda x1, x0, n: difference(x1, n, x0, n).conf_int,
        second=lambda x1, x0, n, d: _holds(twins_proportions.newcombe_limits(x1, n, x0, n, 0.95)[1:], d),
    ),
    Enumerated(
        name="difference of shares, Miettinen-Nurminen", counts="shares", kind="difference",
        ours=lambda x1, x0, n: risk_difference(x1, n, x0, n).conf_int,
        second=_score(ratio=False, rates=False),
    ),
    Enumerated(
        name="ratio of shares, Miettinen-Nurminen", counts="shares", kind="ratio",
        ours=lambda x1, x0, n: risk_ratio(x1, n, x0, n).conf_int,
        second=_score(ratio=True, rates=False),
    ),
    Enumerated(
        name="odds ratio, Mantel-Haenszel with Robins-Breslow-Greenland limits", counts="shares", kind="odds ratio",
        ours=lambda x1, x0, n: cmh(x1, n, x0, n).conf_int,
        second=_odds,
    ),
    Enumerated(
        name="CMH test (score test of the difference)", counts="shares", kind="size",
        ours=lambda x1, x0, n: cmh(x1, n, x0, n).p_value,
        second=lambda x1, x0, n, alpha: _rejects(twins_counts.cmh(x1, n, x0, n)["p_value"], alpha),
    ),
    Enumerated(
        name="CMH test, continuity-corrected", counts="shares", kind="size",
        ours=lambda x1, x0, n: cmh(x1, n, x0, n, correction=True).p_value,
        second=lambda x1, x0, n, alpha: _rejects(twins_counts.cmh(x1, n, x0, n, correction=True)["p_value"], alpha),
    ),
    Enumerated(
        name="Fisher's exact test, two-sided", counts="shares", kind="size", exact=True,
        ours=lambda x1, x0, n: fisher(x1, n, x0, n).p_value,
        second=lambda x1, x0, n, alpha: _rejects(twins_counts.fisher(x1, n, x0, n)["two_sided"], alpha),
    ),
    Enumerated(
        name="Fisher's exact test, one-sided", counts="shares", kind="size", alpha=0.025, exact=True,
        ours=lambda x1, x0, n: fisher(x1, n, x0, n).p_fewer,
        second=lambda x1, x0, n, alpha: _rejects(twins_counts.fisher(x1, n, x0, n)["less"], alpha),
    ),
    Enumerated(
        name="one rate, Garwood", counts="rates", kind="one", exact=True,
        ours=lambda x, n: exposure_adjusted_rate(x, float(n), unit="years", per="1 year").conf_int,
        second=lambda x, n, r: _holds(twins_counts.exact_poisson_limits(x, float(n), 0.95), r),
    ),
    Enumerated(
        name="difference of rates, Miettinen-Nurminen", counts="rates", kind="difference",
        ours=lambda x1, x0, n: rate_difference(*_years(x1, x0, n), unit="years", per="1 year").conf_int,
        second=_score(ratio=False, rates=True),
    ),
    Enumerated(
        name="ratio of rates, Miettinen-Nurminen", counts="rates", kind="ratio",
        ours=lambda x1, x0, n: rate_ratio(*_years(x1, x0, n), unit="years").conf_int,
        second=_score(ratio=True, rates=True),
    ),
    Enumerated(
        name="test of two rates", counts="rates", kind="size",
        ours=lambda x1, x0, n: rate_ratio(*_years(x1, x0, n), unit="years").p_value,
        second=_test_of_rates,
    ),
]  # fmt: skip
