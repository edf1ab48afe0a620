"""What the results of a group sequential trial say of the effect, given that it could have stopped before."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr

from .. import results
from ..errors import DesignError
from ..survival.convention import check_level
from .boundaries import HaybittlePeto, PampallonaTsiatis, WangTsiatis, efficacy_bounds, left_over_bounds, none_below
from .crossing import Bounds, GoingOn, Vector, far_enough
from .group_sequential import GroupSequential, check_test
from .looks import FURTHEST_Z, above_zero, information_seen, z_seen
from .observed import constant_at, interim_bounds

Limits = tuple[float, float]
_FURTHEST = 40.0  # standard errors from the estimate of one look
_LARGEST_LOG = 700.0  # of a ratio that is a number


@dataclass(frozen=True, slots=True, kw_only=True)
class StageWise:
    """Inference at the stop of a trial, by the stage-wise ordering of its results.

    ``p_one_sided`` is the probability under no effect of stopping for efficacy at an earlier look, or of a z as large
    at this one. ``hazard_ratio`` is median unbiased, ``conf_int`` has exact coverage; ``observed_hazard_ratio`` is what
    z alone says, which is too good where a trial stops early.
    """

    look: int
    z: float
    p_one_sided: float
    hazard_ratio: float
    conf_int: Limits
    observed_hazard_ratio: float
    level: float
    method: str

    def __str__(self) -> str:
        low, high = (results.fixed(x, 2) for x in self.conf_int)
        ratio, p = results.fixed(self.hazard_ratio, 2), results.p_equals(self.p_one_sided)
        return (
            f"Stop at look {self.look}: hazard ratio {ratio} ({100 * self.level:g}% CI {low} to {high}), "
            f"one-sided {p} ({self.method})"
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Repeated:
    """Inference that holds at every look so far, whether the trial stops or not; arrays are (m,).

    ``lower`` and ``upper`` are limits of the hazard ratio that cover it at all looks together, 0 and ``inf`` at a look
    that has no bound; ``p_one_sided`` the smallest alpha (one side) whose bounds the z of that look would have reached,
    up to the largest that there is: 0.5, or 0.25 a side of a two-sided test; ``sequential_p`` the smallest of them so
    far, the alpha at which the trial would have stopped by now. Where P values are not defined they are ``nan``, beside
    a ``reason``.
    """

    z: Vector
    hazard_ratio: Vector
    lower: Vector
    upper: Vector
    p_one_sided: Vector
    sequential_p: Vector
    level: float
    method: str
    reason: str = ""

    def __post_init__(self) -> None:
        results.read_only(self)


def events_information(events: float, allocation: float = 1.0) -> float:
    """Information of a log hazard ratio in so many events, r / (1 + r)^2 a piece at an allocation of r to 1 (Schoenfeld
    1981).

    Raises ``DesignError`` for what is not above zero.

    >>> events_information(100)
    25.0
    """
    found = above_zero(events, "events", "Give a number of events.")
    r = above_zero(allocation, "allocation", "Subjects in the experimental arm to one of the control, such as 1.")
    return found * (r / (1 + r)) / (1 + r)


def stagewise(test: GroupSequential, z: Sequence[float], information: float, *, level: float = 0.95) -> StageWise:
    """The hazard ratio, free of the bias that stopping brings, with limits and P, at the last look of which z is given.

    ``z`` (m,) is above zero in favour of the experimental arm; ``information`` is that of the log hazard ratio at the
    last of them (``events_information``). Stage-wise ordering (Tsiatis, Rosner and Mehta 1984): of two results the one
    that stopped for efficacy at an earlier look is the more extreme, at one look the larger z. Limits and the median
    unbiased estimate are the effects under which that probability is (1 - level) / 2, 1 - that, and one half. Futility
    bounds count where they are binding.

    Raises ``DesignError`` where an earlier z had reached its bound already, and for z beyond 37, information that is
    none, or so little that a ratio is no number.

    >>> from equipoise.design import WangTsiatis, group_sequential
    >>> looks = [0.2, 0.4, 0.6, 1]
    >>> test = group_sequential(alpha=0.025, sided=1, information_fractions=looks, efficacy=WangTsiatis(0.45))
    >>> print(stagewise(test, [1.52, 1.38, 2.9], events_information(22)))
    Stop at look 3: hazard ratio 0.33 (95% CI 0.14 to 0.87), one-sided P = 0.0134 (stage-wise ordering)
    """
    check_test(test)
    seen, level = z_seen(z, len(test.information_fractions)), check_level(level)
    information = above_zero(information, "information", "See events_information.")
    last = len(seen) - 1
    _check_went_on(test, seen[:-1])
    scale = math.sqrt(information / float(test.information_fractions[last]))  # drift of a log hazard ratio of 1
    bounds = _for_inference(test)

    def more_extreme(log: float) -> float:
        return stagewise_p(bounds, last, float(seen[-1]), log * scale, far_enough(0.0))

    center = float(seen[-1]) / math.sqrt(information)
    reach = _FURTHEST / math.sqrt(information)
    tail = (1 - level) / 2
    low, median, high = (_solve(lambda x, q=q: more_extreme(x) - q, center, reach) for q in (tail, 0.5, 1 - tail))  # type: ignore[misc]
    if max(abs(low), abs(high), abs(center)) > _LARGEST_LOG:
        raise DesignError(
            f"information of {information:g} is too little for a hazard ratio",
            where="information",
            remedy="It is that of the log hazard ratio, about a quarter of the events: see events_information.",
        )
    return StageWise(
        look=last + 1,
        z=float(seen[-1]),
        p_one_sided=stagewise_p(bounds, last, float(seen[-1]), 0.0, far_enough(float(seen[-1]))),
        hazard_ratio=math.exp(-median),
        conf_int=(math.exp(-high), math.exp(-low)),
        observed_hazard_ratio=math.exp(-center),
        level=level,
        method="stage-wise ordering" + (", futility binding" if test.binding else ""),
    )


def stagewise_p(bounds: Bounds, look: int, z: float, drift: float, far: float) -> float:
    """The probability under a drift of stopping for efficacy before a look (from 0), or of lying above z at it; ``far``
    as in ``GoingOn``."""
    times = bounds.fractions.tolist()
    going, total = GoingOn(drift, far=far), 0.0
    for k in range(look):
        total += going.above(times[k], float(bounds.upper[k]))
        going = going.on(times[k], bounds.regions(k), times[k + 1])
    return total + going.above(times[look], z)


def repeated(test: GroupSequential, z: Sequence[float], information: Sequence[float]) -> Repeated:
    """Limits of the hazard ratio and P values that may be read at every look, and acted upon or not.

    ``z`` and ``information`` are (m,), as in ``stagewise``. Limits are z +- bound over the root of the information
    (Jennison and Turnbull 1989), at level 1 - alpha two-sided or 1 - 2 alpha one-sided; P values by turning the bounds
    round; the sequential P is the least so far (Liu and Anderson 2008). Futility bounds do not enter: where they are
    binding, limits and P are of the bounds as they would be without, since limits must hold under every effect. Bounds
    of Haybittle and Peto are no family in alpha, their P values are not defined. A look that spends nothing has a P of
    the largest alpha, and limits of 0 and ``inf``.

    Raises ``DesignError`` for z beyond 37 and for information that is none or does not rise.

    >>> from equipoise.design import LanDeMets, group_sequential
    >>> test = group_sequential(alpha=0.025, sided=1, information_fractions=[0.65, 1],
    ...                         efficacy=LanDeMets("obrien-fleming"))
    >>> found = repeated(test, [1.7, 2.4], [events_information(110), events_information(170)])
    >>> found.lower.round(3).tolist(), found.upper.round(3).tolist(), found.p_one_sided.round(4).tolist()
    ([0.445, 0.51], [1.175, 0.939], [0.1053, 0.0086])
    """
    check_test(test)
    seen = z_seen(z, len(test.information_fractions))
    roots = np.sqrt(information_seen(information, len(seen)))
    bounds = bounds_at(test, test.alpha / test.sided)[: len(seen)]
    defined = not isinstance(test.efficacy, HaybittlePeto)
    p = np.array([_repeated_p(test, k, value) if defined else math.nan for k, value in enumerate(seen.tolist())])
    with np.errstate(over="ignore"):
        return Repeated(
            z=seen,
            hazard_ratio=np.exp(-seen / roots),
            lower=np.exp(-(seen + bounds) / roots),
            upper=np.exp(-(seen - bounds) / roots),
            p_one_sided=p,
            sequential_p=np.minimum.accumulate(p),
            level=1 - 2 * test.alpha / test.sided,
            method=f"repeated confidence intervals, {test.method}",
            reason="" if defined else "repeated P values are not defined: Haybittle-Peto bounds are no family in alpha",
        )


def bounds_at(test: GroupSequential, side: float) -> Vector:
    """Efficacy bounds of a test without its futility, at another alpha (a side)."""
    if test.seen is not None and isinstance(test.efficacy, WangTsiatis):
        constant = constant_at(test.seen.plan, side)
        interim = interim_bounds(test.seen.plan, constant, test.information_fractions[:-1] * test.seen.share)
        assert interim is not None
        return left_over_bounds(test.information_fractions, interim, side, test.sided == 2, may_be_none=True).upper
    family = WangTsiatis(test.efficacy.delta) if isinstance(test.efficacy, PampallonaTsiatis) else test.efficacy
    return efficacy_bounds(test.information_fractions, test.spending_fractions, family, side, test.sided == 2).upper


def _repeated_p(test: GroupSequential, look: int, z: float) -> float:
    """The alpha of one side whose bound at a look is z."""

    def bound(side: float) -> float:
        return min(float(bounds_at(test, side)[look]), FURTHEST_Z + 1)

    largest = 0.5 / test.sided
    most = largest * (1 - 1e-9)
    if z <= bound(most):
        return largest
    least = 0.5 * float(ndtr(-z))
    return float(math.exp(brentq(lambda x: bound(math.exp(x)) - z, math.log(least), math.log(most), xtol=1e-12)))


def _check_went_on(test: GroupSequential, earlier: Vector) -> None:
    """Refuse a z after which there was no other look."""
    for look, value in enumerate(earlier.tolist()):
        bound = float(test.efficacy_bounds[look])
        if value >= bound:
            where, bound = "its bound", bound
        elif test.sided == 2 and value <= -bound:
            where, bound = "its bound", -bound
        elif test.binding and not any(low < value for low, high in test.bounds.regions(look) if value <= high):
            where, bound = "its binding bound for futility", float(test.futility_bounds[look])  # type: ignore[index]
        else:
            continue
        raise DesignError(
            f"z = {value:g} at look {look + 1} had reached {where} of {results.fixed(bound, 3)}",
            where="z",
            remedy=f"The trial stopped there: give the first {look + 1} only.",
        )


def _for_inference(test: GroupSequential) -> Bounds:
    if test.binding:
        return test.bounds
    return none_below(test.information_fractions, test.efficacy_bounds, test.sided == 2)


def _solve(rising: Callable[[float], float], center: float, reach: float) -> float:
    """Where a rising function is zero; beyond the reach where an early look decides."""
    low, high = center - reach, center + reach
    for _ in range(20):
        below, above = rising(low) < 0, rising(high) > 0
        if below and above:
            return float(brentq(rising, low, high, xtol=1e-13 * reach, rtol=1e-12))
        step = 2 * (high - low)
        low, high = (low if below else low - step), (high if above else high + step)
    raise DesignError("no effect makes these z likely", where="z", remedy="Compare them with the bounds of the test.")
