"""Whether standard errors are as large as the spread of the estimates over trials, where limits do not tell."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tests.calibration.simulated import AT, CAUSES_EFFECT, EFFECT, Scenario, Trial

from equipoise.survival import cox, cumulative_incidence, fine_gray

Sums = tuple[float, float, float, float]  # of 1, estimate, its square, standard error


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """An estimate with its standard error, by trial, and what it estimates (None: not known exactly)."""

    name: str
    scenario: Scenario
    found: Callable[[Trial], tuple[float, float]]
    truth: float | None = None

    def sums(self, trials: Iterable[Trial]) -> Sums:
        values = [self.found(trial) for trial in trials]
        return (
            float(len(values)),
            math.fsum(v for v, _ in values),
            math.fsum(v * v for v, _ in values),
            math.fsum(se for _, se in values),
        )


def over_spread(sums: Sums) -> float:
    """Mean standard error over the standard deviation of the estimates."""
    count, _, _, errors = sums
    return errors / count / spread(sums)


def spread(sums: Sums) -> float:
    """Standard deviation of the estimates."""
    count, values, squares, _ = sums
    return math.sqrt((squares - values**2 / count) / (count - 1))


def _concordance(trial: Trial) -> tuple[float, float]:
    found = cox(trial.tte).concordance
    return found.estimate, found.std_error


def _fine_gray(trial: Trial) -> tuple[float, float]:
    fit = fine_gray(trial.tte)
    return float(fit.coef[0]), float(fit.se[0])


def _incidence(trial: Trial) -> tuple[float, float]:
    mark = cumulative_incidence(trial.tte)["1"][1].at([f"{AT} days"])[0]
    return mark.estimate, mark.std_error


ESTIMATES = [
    Estimate(name="concordance of a Cox model", scenario=EFFECT, found=_concordance),
    Estimate(
        name="log subdistribution hazard ratio (Fine-Gray)",
        scenario=CAUSES_EFFECT,
        found=_fine_gray,
        truth=math.log(CAUSES_EFFECT.ratio),
    ),
    Estimate(
        name=f"cumulative incidence at {AT} days",
        scenario=CAUSES_EFFECT,
        found=_incidence,
        truth=CAUSES_EFFECT.incidence(AT, 1),
    ),
]
