"""The bounds of a test that is asked for, and the drift at which it has its power."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import get_args

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtri

from .. import results
from ..errors import DesignError
from .asked import Asked
from .boundaries import (
    PampallonaTsiatis,
    both_spent,
    drift_for,
    efficacy_bounds,
    efficacy_power,
    left_over_bounds,
    spent_bounds,
    with_futility,
)
from .crossing import Bounds, Vector
from .futility import FutilityBounds
from .spending import Spending

_LOWEST = -40.0  # a last bound that is not there, for the search


def solved(asked: Asked, power: float | None) -> tuple[Bounds, float]:
    """Bounds, and the drift (``nan`` without power) at which they have power with futility obeyed."""
    under = bounds_under(asked, None if power is None else 1 - power)
    if power is None:
        bounds, drift = under(math.nan), math.nan
    else:
        least = -float(ndtri(asked.side)) + float(ndtri(power))
        drift = drift_for(lambda x: efficacy_power(under(x), x), power, least)
        bounds = under(drift)
    check_order(asked, bounds)
    return bounds, drift


def bounds_under(asked: Asked, beta: float | None) -> Callable[[float], Bounds]:
    """Bounds as a function of the drift; ``beta`` is the error of the second kind that futility may spend."""
    futility = asked.futility
    if isinstance(futility, FutilityBounds):
        return _given_below(asked, futility)
    if futility is None:
        plain = _efficacy(asked)
        return lambda drift: plain
    assert beta is not None
    spent = np.diff(futility.spent(asked.spending, beta), prepend=0.0)
    if asked.binding:
        assert isinstance(asked.efficacy, get_args(Spending))
        alpha = np.diff(asked.efficacy.spent(asked.spending, asked.side), prepend=0.0)
        return lambda drift: both_spent(asked.fractions, alpha, spent, drift)
    plain = _efficacy(asked)
    return lambda drift: with_futility(plain, spent, drift)


def _given_below(asked: Asked, futility: FutilityBounds) -> Callable[[float], Bounds]:
    """Bounds over lower ones that are given, not spent."""
    plain = _efficacy(asked)

    def at(drift: float) -> Bounds:
        if asked.binding:
            return _over_binding(asked, futility, plain, drift)
        return replace(plain, lower=_joined(futility.on_z(asked.fractions, float(plain.upper[-1]), drift), plain.upper))

    if futility.under == "design":
        return at
    same = at(math.nan)
    return lambda drift: same


def _over_binding(asked: Asked, futility: FutilityBounds, plain: Bounds, drift: float) -> Bounds:
    """Efficacy bounds that use what binding futility saves. Where its bounds rest on the last efficacy bound, each of
    the two is found with the other: a higher last bound lifts futility, which lowers the bound that alpha leaves."""

    def over(last: float) -> Bounds:
        return _efficacy(asked, futility.on_z(asked.fractions, last, drift))

    high = float(plain.upper[-1])
    if futility.kind != "conditional_power":
        return over(high)

    def short(last: float) -> float:
        return max(float(over(last).upper[-1]), _LOWEST) - last

    if short(high) >= 0:  # bounds so low that nothing is saved
        return over(high)
    low = high - 1
    while short(low) < 0:
        low -= 2 * (high - low)
    return over(float(brentq(short, low, high, xtol=1e-13, rtol=1e-13)))


def _efficacy(asked: Asked, lower: Vector | None = None) -> Bounds:
    assert not isinstance(asked.efficacy, PampallonaTsiatis)
    if asked.interim is not None:
        where = f"{asked.efficacy} at the looks seen"
        return left_over_bounds(asked.fractions, asked.interim, asked.side, asked.two_sided, lower, where)
    return efficacy_bounds(asked.fractions, asked.spending, asked.efficacy, asked.side, asked.two_sided, lower)


def _joined(lower: Vector, upper: Vector) -> Vector:
    return np.append(lower[:-1], upper[-1])


def check_order(asked: Asked, bounds: Bounds) -> None:
    """Refuse futility that is given at or above efficacy."""
    if not isinstance(asked.futility, FutilityBounds):
        return
    crossed = bounds.lower[:-1] >= bounds.upper[:-1]
    if crossed.any():
        look = int(np.argmax(crossed))
        raise DesignError(
            f"the futility bound of {results.fixed(float(bounds.lower[look]), 3)} at look {look + 1} lies at or above "
            f"the efficacy bound of {results.fixed(max(float(bounds.upper[look]), _LOWEST), 3)}",
            where="futility",
            remedy="Take one that is below, or None for no bound at that look.",
        )


def harm_bounds(asked: Asked, bounds: Bounds, futile: bool) -> Vector | None:
    """Lower bounds for a claim of harm, those of a test turned round, and below those for futility."""
    if asked.harm is None:
        return None
    spent = np.diff(asked.harm.spending.spent(asked.spending, float(asked.harm.error)), prepend=0.0)
    found = -spent_bounds(asked.fractions, spent, None, False).upper
    above = np.where(np.isfinite(bounds.lower), bounds.lower, bounds.upper) if futile else bounds.upper
    meets = found >= above
    if meets.any():
        look = int(np.argmax(meets))
        name = "futility" if futile and math.isfinite(bounds.lower[look]) and look + 1 < len(found) else "efficacy"
        raise DesignError(
            f"the bound for harm of {results.fixed(float(found[look]), 3)} at look {look + 1} does not lie below that "
            f"for {name} of {results.fixed(float(above[look]), 3)}",
            where="harm",
            remedy="Take less error for harm, spend it later, or raise the other bounds.",
        )
    return np.asarray(found)
