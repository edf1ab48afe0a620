"""What is counted over simulated trials: how often a test rejects, how often limits hold the true value.

A method gives for each trial its numbers by the name of the rate they belong to: a P value, or two limits. The
package gives them once, the second program (tests/oracles) once more from numbers of its own; the decisions follow from
both in the same way, so they must be the same, trial by trial.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.calibration.simulated import Scenario, Trial

Limits = tuple[float, float]
Found = Mapping[str, float | Limits]
Decision = bool | None  # None: the trial gives no value

FAMILY_WISE = 4.5  # standard errors by which a rate may miss by chance, so that none of hundreds does
ONE_POINT = 0.01


@dataclass(frozen=True, kw_only=True)
class Rate:
    """One rate. ``nominal`` None is a power, which has none.

    ``truth`` gives the value that limits should hold; without one the number is a P value and rejects at ``alpha``.
    At n = 1000 the rate must lie within one point of nominal, or, where ``allowed`` says so, between these bounds,
    because of the ``reason``.
    """

    nominal: float | None = 0.05
    alpha: float = 0.05
    truth: Callable[[Trial], float] | float | None = None
    allowed: Limits | None = None
    reason: str = ""

    def decide(self, found: float | Limits, trial: Trial) -> Decision:
        if self.truth is None:
            assert isinstance(found, float)
            return None if math.isnan(found) else found <= self.alpha
        assert isinstance(found, tuple)
        low, high = found
        value = self.truth(trial) if callable(self.truth) else self.truth
        return None if math.isnan(low) or math.isnan(high) else low <= value <= high

    @property
    def bounds(self) -> Limits:
        """Where the rate must lie at n = 1000."""
        assert self.nominal is not None
        return self.allowed or (self.nominal - ONE_POINT, self.nominal + ONE_POINT)


def size(alpha: float = 0.05, **more: Any) -> Rate:
    """The share of trials without an effect in which a test rejects."""
    return Rate(nominal=alpha, alpha=alpha, **more)


def power(alpha: float = 0.05) -> Rate:
    """The share of trials with an effect in which a test rejects."""
    return Rate(nominal=None, alpha=alpha)


def coverage(truth: Callable[[Trial], float] | float, **more: Any) -> Rate:
    """The share of trials in which 95% limits hold the true value."""
    return Rate(nominal=0.95, truth=truth, **more)


@dataclass(frozen=True, kw_only=True)
class Method:
    """One method in one scenario: its rates, its numbers, and those of the second program where there is one.

    ``compared`` is the number of trials of 50 patients that the slow tier compares: what the second program bears.
    """

    name: str
    scenario: Scenario
    rates: Mapping[str, Rate]
    ours: Callable[[Trial], Found]
    second: Callable[[Trial], Found] | None
    compared: int = 300
    module: str = field(default="")

    def __post_init__(self) -> None:
        object.__setattr__(self, "module", self.ours.__module__)

    def decisions(self, trial: Trial) -> dict[str, Decision]:
        return self._decide(self.ours(trial), trial)

    def second_decisions(self, trial: Trial) -> dict[str, Decision]:
        assert self.second is not None
        return self._decide(self.second(trial), trial)

    def _decide(self, found: Found, trial: Trial) -> dict[str, Decision]:
        missing = self.rates.keys() - found.keys()
        assert not missing, f"{self.name}: {missing}"
        return {name: rate.decide(found[name], trial) for name, rate in self.rates.items()}


def monte_carlo_error(share: float, trials: int) -> float:
    """Standard error of a share of simulated trials."""
    return math.sqrt(share * (1 - share) / trials) if trials else math.nan


def misses(rate: Rate, hits: int, trials: int, slack: float = ONE_POINT) -> bool:
    """Whether a rate lies farther from nominal (or outside its allowed bounds) than chance explains."""
    assert rate.nominal is not None
    low, high = rate.allowed or (rate.nominal - slack, rate.nominal + slack)
    chance = FAMILY_WISE * monte_carlo_error(rate.nominal, trials)
    return not low - chance <= hits / trials <= high + chance


# ------------------------------------------------------------- P values and limits from a second program's own numbers
Z = 1.959963984540054


def two_sided(z: float) -> float:
    return math.erfc(abs(z) / math.sqrt(2))


def one_sided(z: float) -> float:
    """P of a z that is above zero where the experimental arm does better."""
    return math.erfc(z / math.sqrt(2)) / 2


def chi_square_1(statistic: float) -> float:
    return math.erfc(math.sqrt(max(statistic, 0.0) / 2))


def wald(estimate: float, se: float) -> Limits:
    return estimate - Z * se, estimate + Z * se


def log_wald(log_ratio: float, se: float) -> Limits:
    return math.exp(log_ratio - Z * se), math.exp(log_ratio + Z * se)
