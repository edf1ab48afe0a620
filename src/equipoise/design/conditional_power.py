"""The chance that a running trial ends with a claim, given what it has shown, and before it has shown anything."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from ..errors import DesignError
from ..kernels import quadrature
from .crossing import GoingOn, Vector
from .given import real_number
from .group_sequential import GroupSequential, check_test
from .looks import FURTHEST_DRIFT, apart, drift_given, listed, look_given, numbers, rising, z_given

_FAR = 8.5  # standard deviations of a prior
_PANEL = 2.5
_NARROWEST, _WIDEST = 1e-6, 100.0  # a prior that is wider takes minutes, and says no more


def conditional_power(
    test: GroupSequential,
    z: float,
    *,
    look: int,
    drift: float | None = None,
    obey_futility: bool = True,
    fractions: Sequence[float] | None = None,
) -> Vector:
    """The probability of having reached efficacy by each look to come, (k - look,), given z at ``look`` (from 1).

    ``drift`` is the mean of Z at the last look: 0 is no effect, ``test.drift`` that of the design, if the test was made
    with a power, and else None; without a drift, or with None, the trend goes on, z / sqrt(fraction). With
    ``obey_futility`` the trial also stops at its futility bounds. At no drift this is the conditional rejection
    probability. ``fractions`` are those of all looks as they will be, if not as planned, up to 1.

    Raises ``DesignError`` for a look that has none after it, z beyond 37, and fractions that do not rise.

    >>> from equipoise.design import LanDeMets, group_sequential
    >>> test = group_sequential(alpha=0.025, sided=1, information_fractions=[0.6, 1], power=0.9,
    ...                         efficacy=LanDeMets("obrien-fleming"))
    >>> [round(float(conditional_power(test, 1.5, look=1, drift=d)[-1]), 6) for d in (None, 0.0, test.drift)]
    [0.47197, 0.097649, 0.777301]
    """
    check_test(test)
    times = test.information_fractions.tolist() if fractions is None else _as_they_will_be(test, fractions)
    look, z = look_given(look, len(times)), z_given(z)
    drift = None if drift is None else drift_given(drift)
    now = times[look - 1]
    going = GoingOn(
        z / math.sqrt(now) if drift is None else drift, now, np.array([float(z)]), np.ones(1), mean=float(z)
    )
    found = []
    for k in range(look, len(times)):
        found.append(going.above(times[k], float(test.efficacy_bounds[k])))
        if k + 1 < len(times):
            low = -float(test.efficacy_bounds[k]) if test.sided == 2 else -math.inf
            regions = test.bounds.regions(k) if obey_futility else ((low, float(test.efficacy_bounds[k])),)
            going = going.on(times[k], regions, times[k + 1])
    return np.cumsum(found)


def predictive_power(
    test: GroupSequential,
    z: float,
    *,
    look: int,
    prior: tuple[float, float] | None = None,
    obey_futility: bool = True,
) -> float:
    """Conditional power at the last look, averaged over what is believed of the drift once z is known.

    ``prior`` is the normal mean and standard deviation of the drift before the trial; without it every drift was as
    likely as any other, so that the trend is believed with the error of z (Spiegelhalter, Freedman and Blackburn 1986).

    Raises ``DesignError`` as ``conditional_power``, and for a prior that is not two numbers.
    """
    check_test(test)
    look, z = look_given(look, len(test.information_fractions)), z_given(z)
    now = float(test.information_fractions[look - 1])
    weight, mean = now, z / math.sqrt(now)
    if prior is not None:
        believed, spread = _believed(prior)
        known = 1 / spread**2
        weight, mean = now + known, (now * mean + known * believed) / (now + known)

    def power(drift: float) -> float:
        return float(conditional_power(test, z, look=look, drift=drift, obey_futility=obey_futility)[-1])

    return _averaged(power, mean, 1 / math.sqrt(weight))


def assurance(test: GroupSequential, prior: tuple[float, float], *, obey_futility: bool = True) -> float:
    """The probability that the trial ends with a claim for the experimental arm, its drift being normal with mean and
    standard deviation ``prior`` (O'Hagan, Stevens and Campbell 2005).

    A normal prior of a log hazard ratio b is one of the drift: times -sqrt(information at the last look).

    >>> from equipoise.design import group_sequential, obrien_fleming
    >>> test = group_sequential(alpha=0.025, sided=1, information_fractions=[1], efficacy=obrien_fleming())
    >>> round(assurance(test, (3.2415, 1.0)), 6)  # Phi((3.2415 - 1.95996) / sqrt(1 + 1))
    0.81758
    """
    check_test(test)
    low = -math.inf

    def power(drift: float) -> float:
        if obey_futility:
            return float(test.crossing(drift).upper.sum())
        going, total = GoingOn(drift), 0.0
        times = test.information_fractions.tolist()
        for k, t in enumerate(times):
            bound = float(test.efficacy_bounds[k])
            total += going.above(t, bound)
            if k + 1 < len(times):
                going = going.on(t, ((-bound if test.sided == 2 else low, bound),), times[k + 1])
        return total

    return _averaged(power, *_believed(prior))


def _believed(prior: object) -> tuple[float, float]:
    """Mean and standard deviation of a prior of the drift."""
    remedy = (
        f"Give two numbers, mean and standard deviation of the drift, the second from {_NARROWEST:g} to {_WIDEST:g}."
    )
    members = listed(prior)
    if members is None or len(members) != 2:
        raise DesignError(f"prior = {prior!r} is not two numbers", where="prior", remedy=remedy)
    mean, spread = (real_number(x) for x in members)
    if not (abs(mean) <= FURTHEST_DRIFT and _NARROWEST <= spread <= _WIDEST):
        raise DesignError(
            f"a prior of mean {mean:g} and standard deviation {spread:g} is none", where="prior", remedy=remedy
        )
    return mean, spread


def _as_they_will_be(test: GroupSequential, fractions: object) -> list[float]:
    """Information fractions of all looks that are not those planned."""
    looks = len(test.information_fractions)
    found = numbers(fractions, "fractions", "Such as [0.5, 0.75, 1].")
    if len(found) != looks:
        raise DesignError(
            f"{len(found)} fractions are given for {looks} looks", where="fractions", remedy="Give one a look."
        )
    rising(found, "fractions")
    if found[-1] > 1 + 1e-9:
        raise DesignError(
            f"the last look is at {found[-1]:g} of the information, beyond 1",
            where="fractions",
            remedy="Bounds for more than the planned information: GroupSequential.observed.",
        )
    return [float(x) for x in apart(found, "fractions")]


def _averaged(power: Callable[[float], float], mean: float, spread: float) -> float:
    """The mean of a power, which rises over a drift of about 1, over a normal drift."""
    x, weights = quadrature(-_FAR, _FAR, _PANEL / max(spread, 1.0))
    density = np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    return float(sum(w * power(mean + spread * at) for w, at in zip(weights * density, x, strict=True)))
