"""Bounds for futility in other terms than spending, and bounds for a claim of harm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from scipy.special import ndtri

from ..errors import DesignError
from .crossing import Vector
from .given import real_number
from .looks import FURTHEST_Z, listed
from .spending import Spending

Values = Sequence[float | None]
Under = Literal["trend", "design"]
_WORDS = {
    "z": "z",
    "p": "one-sided P",
    "conditional_power": "conditional power",
    "hazard_ratio": "hazard ratio",
}
_RANGES = {
    "z": (-FURTHEST_Z, FURTHEST_Z, f"z from {-FURTHEST_Z:g} to {FURTHEST_Z:g}"),
    "p": (0.0, 1.0, "P values between 0 and 1"),
    "conditional_power": (0.0, 1.0, "probabilities between 0 and 1"),
    "hazard_ratio": (0.0, math.inf, "hazard ratios above 0"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FutilityBounds:
    """Where a trial may stop for futility, in exactly one of four terms; one value an interim look, None for no bound.

    ``z``: at or below it; ``p``: at or above that one-sided P; ``hazard_ratio``: at or above it, the information of the
    log hazard ratio at the last look being ``information``, z = -log(ratio) sqrt(information t). ``conditional_power``:
    at or below the probability of crossing the last efficacy bound c, looks between left out, ``under`` the trend,
    z = sqrt t (c + sqrt(1 - t) q), or under the effect at which the design has its power, of drift d,
    z = (c - d (1 - t) + sqrt(1 - t) q) / sqrt t, where q is the normal quantile of the conditional power (B-values, Lan
    and Wittes 1988).

    Raises ``DesignError`` for none or two of them, and for values that are none.

    >>> print(FutilityBounds(conditional_power=[0.1, None]))
    conditional power under the trend (0.1, none)
    """

    z: Values | None = None
    p: Values | None = None
    conditional_power: Values | None = None
    hazard_ratio: Values | None = None
    under: Under = "trend"
    information: float | None = None
    kind: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        given = [name for name in _WORDS if getattr(self, name) is not None]
        if len(given) != 1:
            raise DesignError(
                f"{' and '.join(given) or 'nothing'} is given",
                where="futility bounds",
                remedy=f"Give exactly one of {', '.join(_WORDS)}.",
            )
        object.__setattr__(self, "kind", given[0])
        object.__setattr__(self, given[0], _values(given[0], getattr(self, given[0])))
        if not isinstance(self.under, str) or self.under not in get_args(Under):
            raise DesignError(f"under = {self.under!r}", where="futility bounds", remedy='Say "trend" or "design".')
        if self.under == "design" and self.kind != "conditional_power":
            raise DesignError(
                f"bounds by {_WORDS[self.kind]} are under no effect",
                where='under = "design"',
                remedy="Leave it out, or give conditional_power.",
            )
        if self.information is not None and not (
            self.kind == "hazard_ratio" and 0 < real_number(self.information) < math.inf
        ):
            raise DesignError(
                f"information = {self.information!r}",
                where="futility bounds",
                remedy="It goes with hazard_ratio, and is a number above zero: see events_information.",
            )

    @property
    def values(self) -> tuple[float | None, ...]:
        """The bounds, as they are given."""
        found: tuple[float | None, ...] = getattr(self, self.kind)
        return found

    def on_z(self, fractions: Vector, last: float, drift: float) -> Vector:
        """The bounds on Z at all looks (k,), ``-inf`` where there is none, as at the last.

        ``last`` is the last efficacy bound, which only conditional power asks for; ``drift`` that of the design.

        >>> FutilityBounds(conditional_power=[0.1]).on_z(np.array([0.5, 1]), 1.96, math.nan).round(4).tolist()
        [0.7452, -inf]
        """
        looks = len(fractions)
        if len(self.values) != looks - 1:
            raise DesignError(
                f"{len(self.values)} futility bounds are given for {looks - 1} interim looks",
                where="futility",
                remedy="Give one an interim look, None for no bound; at the last look it is that for efficacy.",
            )
        if self.kind == "hazard_ratio" and self.information is None:
            raise DesignError(
                "bounds by hazard ratio depend on the information at the last look",
                where="futility",
                remedy="Give information, such as events_information(300).",
            )
        found = np.full(looks, -math.inf)
        for look, value in enumerate(self.values):
            if value is not None:
                found[look] = self._z(value, float(fractions[look]), last, drift)
        return found

    def _z(self, value: float, t: float, last: float, drift: float) -> float:
        if self.kind == "z":
            return value
        if self.kind == "p":
            return -float(ndtri(value)) + 0.0  # not -0.0
        if self.kind == "hazard_ratio":
            assert self.information is not None
            return -math.log(value) * math.sqrt(self.information * t)
        away = math.sqrt(1 - t) * float(ndtri(value))
        if self.under == "trend":
            return math.sqrt(t) * (last + away)
        return (last - drift * (1 - t) + away) / math.sqrt(t)

    def __str__(self) -> str:
        more = f" under the {self.under}" if self.kind == "conditional_power" else ""
        return f"{_WORDS[self.kind]}{more} ({', '.join('none' if v is None else f'{v:g}' for v in self.values)})"


def _values(name: str, given: object) -> tuple[float | None, ...]:
    """Numbers in their range, and None."""
    low, high, what = _RANGES[name]
    members = listed(given)
    found = None if members is None else [None if v is None else real_number(v) for v in members]
    if not found or not all(v is None or low < v < high for v in found):
        raise DesignError(
            f"{name} = {given!r}", where="futility bounds", remedy=f"Give {what}, one an interim look, None for none."
        )
    if all(v is None for v in found):
        raise DesignError(f"{name} is None at every look", where="futility bounds", remedy="Leave futility out.")
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Harm:
    """Lower bounds for the claim that the experimental arm is worse: a spending function and its one-sided error.

    They are those of a test in the other direction, alone: the chance of the claim under no effect is at most
    ``error``, whether the trial obeys its bounds for efficacy and futility or not.

    >>> from equipoise.design import LanDeMets
    >>> print(Harm(LanDeMets("pocock"), 0.1))
    Lan-DeMets spending of Pocock type, one-sided error 0.1
    """

    spending: Spending
    error: float

    def __post_init__(self) -> None:
        if not isinstance(self.spending, get_args(Spending)):
            raise DesignError(
                f"{self.spending!r} is no spending function",
                where="bounds for harm",
                remedy='Give such as LanDeMets("pocock").',
            )
        if not 0 < real_number(self.error) < 0.5:
            raise DesignError(
                f"error = {self.error!r} is not between 0 and 0.5", where="bounds for harm", remedy="Such as 0.1."
            )

    def __str__(self) -> str:
        return f"{self.spending}, one-sided error {self.error:g}"
