"""How a log-rank test weighs the event times."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from ..kernels import counting as kinds
from ..units import days
from .convention import ArgumentError, is_number

_AT_THE_DELAY = 1 + 1e-9  # "8.2 weeks" and 57.4 days are one time, whatever rounding makes of them


@dataclass(frozen=True, slots=True)
class FlemingHarrington:
    """Weight S(t-)^rho (1 - S(t-))^gamma (Fleming and Harrington 1991), S the pooled Kaplan-Meier of the stratum.

    (0, 0) is the log-rank test itself, (1, 0) stresses early differences, (0, 1) late ones.

    >>> print(FlemingHarrington(0, 1))
    Fleming-Harrington (0, 1)
    """

    rho: float = 0.0
    gamma: float = 0.0

    def __post_init__(self) -> None:
        if not all(is_number(power) and 0 <= power < math.inf for power in (self.rho, self.gamma)):
            raise ArgumentError(
                f"rho = {self.rho!r} and gamma = {self.gamma!r} must be zero or above",
                where="Fleming-Harrington weights",
                remedy="Both are powers.",
            )

    def __str__(self) -> str:
        return f"Fleming-Harrington ({self.rho:g}, {self.gamma:g})"


@dataclass(frozen=True, slots=True)
class ModestlyWeighted:
    """Weight 1 / max(S(t-), S*): late events count more, and no event has less weight than an earlier one.

    S is the pooled Kaplan-Meier estimate of the stratum, S* its value at ``delay`` (a duration; events at the
    delay included), or a ``survival`` above 0 and at most 1 (Magirr and Burman 2019; Magirr and Jimenez 2022).

    >>> print(ModestlyWeighted(delay="6 months"))
    modestly weighted (delay 6 months)
    >>> print(ModestlyWeighted(survival=0.5))
    modestly weighted (survival 0.5)
    """

    delay: str | None = None
    survival: float | None = None

    def __post_init__(self) -> None:
        if (self.delay is None) == (self.survival is None):
            raise ArgumentError(
                "a modest weight is bounded from a delay on, or at a survival",
                where=f"delay = {self.delay!r}, survival = {self.survival!r}",
                remedy='Give exactly one, as in ModestlyWeighted(delay="6 months").',
            )
        if self.delay is not None:
            days(self.delay)
        elif self.survival is not None and not (is_number(self.survival) and 0 < self.survival <= 1):
            raise ArgumentError(
                f"survival = {self.survival} is not above 0 and at most 1",
                where="modest weights",
                remedy="0.5 lets weights rise from 1 to 2.",
            )

    def __str__(self) -> str:
        return f"modestly weighted ({f'delay {self.delay}' if self.delay else f'survival {self.survival:g}'})"


@dataclass(frozen=True, slots=True)
class Gehan:
    """Weight Y(t), the number at risk in the stratum (Gehan 1965); without censoring, Wilcoxon's test."""

    def __str__(self) -> str:
        return "Gehan"


@dataclass(frozen=True, slots=True)
class TaroneWare:
    """Weight sqrt(Y(t)), the root of the number at risk in the stratum (Tarone and Ware 1977)."""

    def __str__(self) -> str:
        return "Tarone-Ware"


Weights = FlemingHarrington | ModestlyWeighted | Gehan | TaroneWare


def kernel_weights(weights: tuple[Weights, ...]) -> NDArray[np.float64]:
    """The weights as ``kernels.logrank_sums`` takes them: (K, 3), a kind and two parameters each."""
    return np.array([_row(w) for w in weights], dtype=float)


def _row(weights: Weights) -> tuple[float, float, float]:
    if isinstance(weights, FlemingHarrington):
        return kinds.FLEMING_HARRINGTON, weights.rho, weights.gamma
    if isinstance(weights, ModestlyWeighted):
        if weights.delay is not None:
            return kinds.MODEST_FROM_DELAY, days(weights.delay) * _AT_THE_DELAY, 0.0
        assert weights.survival is not None
        return kinds.MODEST_FROM_SURVIVAL, weights.survival, 0.0
    return (kinds.GEHAN if isinstance(weights, Gehan) else kinds.TARONE_WARE), 0.0, 0.0


def check_weights(weights: object) -> Weights:
    """Refuse what is no weight of the log-rank family."""
    if not isinstance(weights, get_args(Weights)):
        raise ArgumentError(
            f"{weights!r} is no weight of a log-rank test",
            where="weights",
            remedy="Use FlemingHarrington(rho, gamma), ModestlyWeighted(delay=...), Gehan() or TaroneWare().",
        )
    return weights
