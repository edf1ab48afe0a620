"""Simulated two-arm trials for the calibration of the survival methods, and the true values of what they estimate.

A trial is addressed by (seed, purpose of its scenario, n, number): the seventh alone equals the
seventh of ten thousand.

Times are exponential with mean 150 days in the control arm, and whole days: the day in which the time ends. Censoring
is a whole day, each from 50 to 500 equally likely, and comes after the events of that day. So survival at a whole day
is the exponential's, ties abound, and 77% of the subjects have the event without an effect, 70% at hazard ratio 0.63.
Half of the subjects, drawn at random, are in each arm.

Two covariates foretell the time. In the ``marginal`` model the time given arm and stratum stays exponential: the
covariates and the time come from one multivariate normal distribution; so the marginal hazard ratio is constant, and
no Cox model that holds the covariates is. In the other model the hazard given the covariates is proportional.

With competing causes cause 1 strikes 60% of the control arm in the end, at exponential times, its subdistribution
hazards are proportional (Fine and Gray 1999), and cause 2 strikes the rest.

True values are sums over days, exact but for the solution of an equation by bisection; none is simulated.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr

from equipoise.survival import TimeToEvent

SEED = 20260401
MEAN, RATIO = 150.0, 0.63
FIRST, LAST = 50, 500  # days of censoring
STRATUM_RATIO = 1.6
EVER = 0.6  # whom cause 1 strikes of the control arm, in the end
SLOPES = (0.5, 0.4)  # of the two covariates: correlations with the latent time, or log hazard ratios
AT = 150  # days: the milestone, and tau
AT_BY_STRATUM = 100  # the same where every arm must be followed so long in every stratum

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """What nature does. ``ratio`` is the hazard ratio, from day ``delay`` on; the purpose is part of the address."""

    name: str
    purpose: int
    ratio: float = 1.0
    delay: int = 0
    strata: bool = False
    marginal: bool = True
    competing: bool = False

    def rate(self, arm: int, stratum: int = 0) -> float:
        """Hazard after the delay, of a subject whose covariates are 0 where they belong to the model."""
        return self.ratio**arm * STRATUM_RATIO**stratum / MEAN

    def survival(self, day: Any, arm: int, stratum: int = 0) -> Floats:
        """Probability of no event by the end of each day (exact), marginal over the covariates."""
        d = np.asarray(day, dtype=np.float64)
        before, after = np.minimum(d, self.delay), np.maximum(d - self.delay, 0.0)
        return np.exp(-before * self.rate(0, stratum) - after * self.rate(arm, stratum))

    def mean(self, tau: int, arm: int, stratum: int = 0) -> float:
        """Restricted mean of the days."""
        return float(self.survival(np.arange(tau), arm, stratum).sum())

    def incidence(self, day: float, arm: int) -> float:
        """Cumulative incidence of cause 1."""
        return 1 - (1 - EVER * (1 - math.exp(-day / MEAN))) ** (self.ratio**arm)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One simulated trial, as columns for the second program and as a TimeToEvent for ours."""

    scenario: Scenario
    n: int
    number: int
    time: Floats
    event: Ints
    arm: Ints
    stratum: Ints | None
    x: dict[str, Floats]
    tte: TimeToEvent

    @property
    def columns(self) -> tuple[Floats, Ints, Ints]:
        return self.time, self.event, self.arm

    @property
    def arm_column(self) -> Floats:
        """The arm as the only column of a model, (n, 1)."""
        return self.arm[:, None].astype(np.float64)

    @property
    def covariates(self) -> Floats:
        return np.column_stack(list(self.x.values()))

    @property
    def full(self) -> Floats:
        """Arm and covariates, (n, 3)."""
        return np.column_stack([self.arm, self.covariates])

    def rows(self, arm: int) -> tuple[Floats, Ints]:
        """Times and events of one arm."""
        return self.time[self.arm == arm], self.event[self.arm == arm]

    def standardized(self, measure: Any, day: int) -> tuple[float, float]:
        """A measure (``mean`` or ``survival``) of both arms over the strata of this trial by their shares."""
        stratum = np.zeros(self.n, dtype=np.int64) if self.stratum is None else self.stratum
        share = np.bincount(stratum) / self.n
        control, experimental = (
            float(sum(s * measure(day, arm, h) for h, s in enumerate(share.tolist()))) for arm in (0, 1)
        )
        return control, experimental


def trial(scenario: Scenario, n: int, number: int, seed: int = SEED) -> Trial:
    """The trial at an address."""
    address = np.random.SeedSequence(seed, spawn_key=(scenario.purpose, n, number))
    rng = np.random.Generator(np.random.Philox(address))
    arm = rng.permutation(np.arange(n) % 2)
    stratum = rng.integers(0, 2, n)
    x, y, rest = rng.normal(size=(3, n))
    censoring = rng.integers(FIRST, LAST + 1, n)
    factor = STRATUM_RATIO**stratum if scenario.strata else np.ones(n)
    if scenario.competing:
        day, cause = _competing(scenario, rng, arm, factor)
    else:
        day, cause = _day(scenario, arm, factor, x, y, rest), 1
    event = np.where(day <= censoring, cause, 0)
    time = np.minimum(day, censoring).astype(np.float64)
    return Trial(
        scenario=scenario,
        n=n,
        number=number,
        time=time,
        event=event,
        arm=arm,
        stratum=stratum if scenario.strata else None,
        x={"x": x, "y": y},
        tte=TimeToEvent(
            time,
            event,
            arm,
            control=0,
            experimental=1,
            unit="days",
            strata=stratum if scenario.strata else None,
        ),
    )


def trials(scenario: Scenario, n: int, numbers: range, seed: int = SEED) -> Iterator[Trial]:
    """The trials of a scenario with these numbers."""
    return (trial(scenario, n, number, seed) for number in numbers)


def _day(scenario: Scenario, arm: Ints, factor: Floats, x: Floats, y: Floats, rest: Floats) -> Floats:
    """The day in which the time ends: where the cumulative hazard passes an exponential number."""
    a, b = SLOPES
    if scenario.marginal:
        hazard = -np.log(ndtr(-(a * x + b * y + math.sqrt(1 - a * a - b * b) * rest)))
    else:
        hazard = -np.log(ndtr(-rest)) * np.exp(-a * x - b * y)
    late = hazard * MEAN / factor - scenario.delay
    return np.ceil(scenario.delay + np.where(late > 0, late / scenario.ratio**arm, late))


def _competing(scenario: Scenario, rng: np.random.Generator, arm: Ints, factor: Floats) -> tuple[Floats, Ints]:
    """Day and cause. Cause 1 by its incidence, inverted; cause 2 is exponential, and faster where cause 1 is."""
    n = len(arm)
    power = scenario.ratio**arm * factor
    ever = 1 - (1 - EVER) ** power
    first = rng.random(n) < ever
    struck = -MEAN * np.log(1 - (1 - (1 - rng.random(n) * ever) ** (1 / power)) / EVER)
    other = rng.exponential(MEAN / power)
    return np.ceil(np.where(first, struck, other)), np.where(first, 1, 2)


# ------------------------------------------------------------------------------------------------------- true values
_DAYS = np.arange(1, LAST + 1)


def grouped_ratio(scenario: Scenario, stratum: int = 0) -> float:
    """The ratio of the probabilities of an event on a day: what Breslow's ties estimate of whole days (0.6308)."""
    per_day = [1 - math.exp(-scenario.rate(arm, stratum)) for arm in (0, 1)]
    return per_day[1] / per_day[0]


def first_to_fail(scenario: Scenario, tau: int) -> float:
    """Kalbfleisch and Prentice's average hazard ratio of whole days up to tau, an equal day counting half to each."""
    before, after = ([scenario.survival(np.arange(tau) + s, arm) for arm in (0, 1)] for s in (0, 1))
    lost = [(before[a] - after[a]) @ (before[1 - a] + after[1 - a]) / 2 for a in (0, 1)]
    return float(lost[1] / lost[0])


def average_of_weighted_cox(scenario: Scenario) -> float:
    """Where weighted Cox regression goes: weights S(t-) / G(t-) undo the censoring, up to its last day."""
    before, dies = _by_day(scenario)
    return _root(before, dies, weight=(before[0] + before[1]) / 2)


def limit_of_cox(scenario: Scenario) -> float:
    """Where the Cox model goes when hazards are not proportional, which depends on the censoring. Efron's ties are
    taken as events spread over their day: a twentieth of it at a time."""
    parts = 20
    ends = np.arange(LAST * parts + 1) / parts
    survival = [scenario.survival(ends, arm) for arm in (0, 1)]
    uncensored = np.repeat(np.clip((LAST + 1 - _DAYS) / (LAST + 1 - FIRST), 0, 1), parts)
    before = [s[:-1] * uncensored for s in survival]
    dies = [(s[:-1] - s[1:]) * uncensored for s in survival]
    return _root(before, dies, np.ones(len(uncensored)))


def _by_day(scenario: Scenario) -> tuple[list[Floats], list[Floats]]:
    before = [scenario.survival(_DAYS - 1, arm) for arm in (0, 1)]
    after = [scenario.survival(_DAYS, arm) for arm in (0, 1)]
    return before, [b - a for b, a in zip(before, after, strict=True)]


def _root(at_risk: list[Floats], dies: list[Floats], weight: Floats) -> float:
    """The hazard ratio that solves the expected score equation, Breslow's ties."""

    def score(ratio: float) -> float:
        expected = (dies[0] + dies[1]) * ratio * at_risk[1] / (at_risk[0] + ratio * at_risk[1])
        return float(weight @ (dies[1] - expected))

    return float(brentq(score, 0.05, 20.0, xtol=1e-14))


def first_day_at(share: float, scenario: Scenario, arm: int) -> int:
    """The first day by whose end survival is at most the share."""
    return int(np.argmax(scenario.survival(np.arange(10_000), arm) <= share))


MEDIAN_FOLLOW_UP = (LAST + FIRST) // 2  # P(censored later) passes one half on this day


# ------------------------------------------------------------------------------------------------------ the scenarios
NO_EFFECT = Scenario(name="no effect", purpose=1)
EFFECT = Scenario(name="hazard ratio 0.63", purpose=2, ratio=RATIO)
STRATA_NO_EFFECT = Scenario(name="no effect, strata matter", purpose=3, strata=True)
STRATA_EFFECT = Scenario(name="hazard ratio 0.63, strata matter", purpose=4, ratio=RATIO, strata=True)
MODEL_NO_EFFECT = Scenario(name="no effect given strata and covariates", purpose=5, strata=True, marginal=False)
MODEL_EFFECT = Scenario(
    name="hazard ratio 0.63 given strata and covariates", purpose=6, ratio=RATIO, strata=True, marginal=False
)
DELAYED = Scenario(name="hazard ratio 0.5 from day 60 on", purpose=7, ratio=0.5, delay=60)
MARGIN = Scenario(name="hazard ratio 1.3", purpose=8, ratio=1.3)
CAUSES_NO_EFFECT = Scenario(name="two causes, no effect", purpose=9, competing=True)
CAUSES_EFFECT = Scenario(name="two causes, subdistribution hazard ratio 0.63", purpose=10, ratio=RATIO, competing=True)
CAUSES_STRATA = Scenario(name="two causes, no effect, strata matter", purpose=11, competing=True, strata=True)
