"""Error spending functions: how much of an error rate may be used up by a share of the information."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from ..errors import DesignError
from .given import real_number
from .looks import above_zero, listed, numbers, rising

Vector = NDArray[np.float64]
_LIKE = {"obrien-fleming": "O'Brien-Fleming", "pocock": "Pocock"}


@dataclass(frozen=True, slots=True)
class LanDeMets:
    """Lan and DeMets (1983): spending that comes near to O'Brien-Fleming's or Pocock's bounds, whatever the looks.

    ``"obrien-fleming"``: 2 - 2 Phi(z(1 - a/2) / sqrt t), ``"pocock"``: a log(1 + (e - 1) t), a the error of a side.

    >>> LanDeMets("obrien-fleming").spent([0.5, 1], 0.025).round(6).tolist()
    [0.001525, 0.025]
    """

    kind: Literal["obrien-fleming", "pocock"]

    def __post_init__(self) -> None:
        if not isinstance(self.kind, str) or self.kind not in _LIKE:
            raise DesignError(
                f"{self.kind!r} is no kind of Lan-DeMets spending", remedy='Known: "obrien-fleming" and "pocock".'
            )

    def __str__(self) -> str:
        return f"Lan-DeMets spending of {_LIKE[self.kind]} type"

    def spent(self, fractions: object, error: float) -> Vector:
        """Cumulative error spent at information fractions (k,)."""
        t, error = _fractions(fractions), _error(error)
        if self.kind == "pocock":
            return np.asarray(error * np.log1p((math.e - 1) * t))
        with np.errstate(divide="ignore"):
            return np.asarray(2 * ndtr(ndtri(error / 2) / np.sqrt(t)))


@dataclass(frozen=True, slots=True)
class KimDeMets:
    """Kim and DeMets (1987): a t^rho; 3 lies near O'Brien-Fleming, 1 near Pocock.

    >>> print(KimDeMets(2))
    Kim-DeMets spending (rho 2)
    """

    rho: float

    def __post_init__(self) -> None:
        if not 0 < real_number(self.rho) < math.inf:
            raise DesignError(f"rho = {self.rho} is not above zero", where="Kim-DeMets spending", remedy="Such as 2.")

    def __str__(self) -> str:
        return f"Kim-DeMets spending (rho {self.rho:g})"

    def spent(self, fractions: object, error: float) -> Vector:
        """Cumulative error spent at information fractions (k,)."""
        return np.asarray(_error(error) * _fractions(fractions) ** self.rho)


@dataclass(frozen=True, slots=True)
class HwangShihDeCani:
    """Hwang, Shih and DeCani (1990): a (1 - e^(-gamma t)) / (1 - e^(-gamma)); a t for gamma 0; -4 lies near
    O'Brien-Fleming, 1 near Pocock.

    >>> HwangShihDeCani(-2.5).spent([0.2, 1], 0.025).round(6).tolist()
    [0.00145, 0.025]
    """

    gamma: float

    def __post_init__(self) -> None:
        if not abs(real_number(self.gamma)) <= 40:
            raise DesignError(
                f"gamma = {self.gamma} is not between -40 and 40",
                where="Hwang-Shih-DeCani spending",
                remedy="Such as -4.",
            )

    def __str__(self) -> str:
        return f"Hwang-Shih-DeCani spending (gamma {self.gamma:g})"

    def spent(self, fractions: object, error: float) -> Vector:
        """Cumulative error spent at information fractions (k,)."""
        t, error = _fractions(fractions), _error(error)
        if self.gamma == 0:
            return error * t
        return np.asarray(error * np.expm1(-self.gamma * t) / math.expm1(-self.gamma))


@dataclass(frozen=True, slots=True)
class UserSpending:
    """Cumulative shares of the error, one a look, 1 at the last: an error of 0.025 under (0.2, 1) spends 0.005 first.

    >>> print(UserSpending((0.2, 1)))
    spending given by the user (0.2, 1 of the error)
    """

    shares: tuple[float, ...]

    def __post_init__(self) -> None:
        shares = tuple(real_number(s) for s in listed(self.shares) or ())
        falls = any(later < former for former, later in pairwise(shares))
        if not shares or falls or shares[0] < 0 or shares[-1] != 1 or any(math.isnan(s) for s in shares):
            raise DesignError(
                f"shares of the error {self.shares} do not rise from 0 or more to 1",
                where="spending given by the user",
                remedy="Give cumulative shares, such as (0.2, 0.5, 1).",
            )
        object.__setattr__(self, "shares", shares)

    def __str__(self) -> str:
        return f"spending given by the user ({', '.join(f'{s:g}' for s in self.shares)} of the error)"

    def spent(self, fractions: object, error: float) -> Vector:
        """Cumulative error spent at each look."""
        looks = len(_fractions(fractions))
        if looks != len(self.shares):
            raise DesignError(
                f"{len(self.shares)} shares of the error are given for {looks} looks",
                where="spending given by the user",
                remedy="Give one a look, or a spending function, which knows looks that were not planned.",
            )
        return _error(error) * np.array(self.shares)


def calendar_fractions(times: Sequence[float], planned: float) -> Vector:
    """Shares of the planned duration at which looks take place, 1 at most: errors may be spent at them.

    ``times`` rise, in the unit of ``planned``, both since the start (Lan and DeMets 1989). Raises ``DesignError`` for
    what is no time.

    >>> calendar_fractions([12, 24, 40], planned=36).round(4).tolist()
    [0.3333, 0.6667, 1.0]
    """
    found = numbers(times, "times", "Give the times of the looks since the start.")
    rising(found, "times")
    return np.minimum(found / above_zero(planned, "planned", "Give the planned duration, in the unit of the times."), 1)


def lesser_fractions(information: Sequence[float], calendar: Sequence[float]) -> Vector:
    """The lesser of two shares at each look, so that errors are spent neither before information nor before time.

    >>> lesser_fractions([0.5, 0.7, 1], [0.4, 0.8, 1]).tolist()
    [0.4, 0.7, 1.0]
    """
    one, other = _fractions(information), _fractions(calendar)
    if len(one) != len(other):
        raise DesignError(
            f"{len(one)} and {len(other)} fractions are given", where="lesser_fractions", remedy="Give one a look."
        )
    return np.minimum(one, other)


Spending = LanDeMets | KimDeMets | HwangShihDeCani | UserSpending


def _fractions(fractions: object) -> Vector:
    """Fractions above 1 have spent all."""
    t = np.array([real_number(x) for x in listed(fractions) or ()])
    if not len(t) or not (t >= 0).all():
        raise DesignError(
            f"fractions = {fractions} are not numbers from 0", where="fractions", remedy="Such as [0.5, 0.75, 1]."
        )
    return np.minimum(t, 1.0)


def _error(error: float) -> float:
    if not 0 < real_number(error) < 1:
        raise DesignError(f"error = {error!r} is not between 0 and 1", where="error", remedy="Such as 0.025.")
    return float(error)
