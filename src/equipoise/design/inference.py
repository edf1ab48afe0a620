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
from .boundaries import none_below
from .crossing import Bounds, GoingOn, Vector
from .group_sequential import GroupSequential, group_sequential

Limits = tuple[float, float]
_FURTHEST = 40.0  # standard errors from the estimate of one look


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

    ``lower`` and ``upper`` are limits of the hazard ratio that cover it at all looks together; ``p_one_sided`` the
    smallest alpha (one side) whose bounds the z of that look would have reached; ``sequential_p`` the smallest of them
    so far, the alpha at which the trial would have stopped by now.
    """

    z: Vector
    hazard_ratio: Vector
    lower: Vector
    upper: Vector
    p_one_sided: Vector
    sequential_p: Vector
    level: float
    method: str

    def __post_init__(self) -> None:
        results.read_only(self)


def events_information(events: float, allocation: float = 1.0) -> float:
    """Information of a log hazard ratio in so many events, r / (1 + r)^2 a piece at an allocation of r to 1 (Schoenfeld
    1981).

    >>> events_information(100)
    25.0
    """
    return events * allocation / (1 + allocation) ** 2


def stagewise(test: GroupSequential, z: Sequence[float], information: float, *, level: float = 0.95) -> StageWise:
    """The hazard ratio, free of the bias that stopping brings, with limits and P, at the last look of which z is given.

    ``z`` (m,) is above zero in favour of the experimental arm; ``information`` is that of the log hazard ratio at the
    last of them (``events_information``). Stage-wise ordering (Tsiatis, Rosner and Mehta 1984): of two results the one
    that stopped for efficacy at an earlier look is the more extreme, at one look the larger z. Limits and the median
    unbiased estimate are the effects under which that probability is (1 - level) / 2, 1 - that, and one half. Futility
    bounds count where they are binding.

    Raises ``DesignError`` where an earlier z had reached its bound already.

    >>> from equipoise.design import WangTsiatis
    >>> looks = [0.2, 0.4, 0.6, 1]
    >>> test = group_sequential(alpha=0.025, sided=1, information_fractions=looks, efficacy=WangTsiatis(0.45))
    >>> print(stagewise(test, [1.52, 1.38, 2.9], events_information(22)))
    Stop at look 3: hazard ratio 0.33 (95% CI 0.14 to 0.87), one-sided P = 0.0134 (stage-wise ordering)
    """
    seen = _seen(test, z)
    last = len(seen) - 1
    for look, (value, bound) in enumerate(zip(seen[:-1], test.efficacy_bounds, strict=False)):
        if value >= bound:
            raise DesignError(
                f"z = {value:g} at look {look + 1} had reached its bound of {results.fixed(float(bound), 3)}",
                where="z",
                remedy=f"The trial stopped there: give the first {look + 1} only.",
            )
    scale = math.sqrt(information / float(test.information_fractions[last]))  # drift of a log hazard ratio of 1
    bounds = _for_inference(test)

    def more_extreme(log: float) -> float:
        return stagewise_p(bounds, last, float(seen[-1]), log * scale)

    center = float(seen[-1]) / math.sqrt(information)
    reach = _FURTHEST / math.sqrt(information)
    tail = (1 - level) / 2
    low, median, high = (_solve(lambda x, q=q: more_extreme(x) - q, center, reach) for q in (tail, 0.5, 1 - tail))  # type: ignore[misc]
    return StageWise(
        look=last + 1,
        z=float(seen[-1]),
        p_one_sided=more_extreme(0.0),
        hazard_ratio=math.exp(-median),
        conf_int=(math.exp(-high), math.exp(-low)),
        observed_hazard_ratio=math.exp(-center),
        level=level,
        method="stage-wise ordering" + (", futility binding" if test.binding else ""),
    )


def stagewise_p(bounds: Bounds, look: int, z: float, drift: float) -> float:
    """The probability under a drift of stopping for efficacy before a look (from 0), or of lying above z at it."""
    going, total = GoingOn(drift), 0.0
    times = bounds.fractions.tolist()
    for k in range(look):
        total += going.above(times[k], float(bounds.upper[k]))
        going = going.on(times[k], bounds.regions(k), times[k + 1])
    return total + going.above(times[look], z)


def repeated(test: GroupSequential, z: Sequence[float], information: Sequence[float]) -> Repeated:
    """Limits of the hazard ratio and P values that may be read at every look, and acted upon or not.

    ``z`` and ``information`` are (m,), as in ``stagewise``. Limits are z +- bound over the root of the information
    (Jennison and Turnbull 1989), at level 1 - alpha two-sided or 1 - 2 alpha one-sided; P values by turning the bounds
    round; the sequential P is the least so far (Liu and Anderson 2008). Futility bounds do not enter.

    >>> from equipoise.design import LanDeMets
    >>> test = group_sequential(alpha=0.025, sided=1, information_fractions=[0.65, 1],
    ...                         efficacy=LanDeMets("obrien-fleming"))
    >>> found = repeated(test, [1.7, 2.4], [events_information(110), events_information(170)])
    >>> found.lower.round(3).tolist(), found.upper.round(3).tolist(), found.p_one_sided.round(4).tolist()
    ([0.445, 0.51], [1.175, 0.939], [0.1053, 0.0086])
    """
    seen, roots = _seen(test, z), np.sqrt(np.array(information, dtype=float, ndmin=1))
    if len(seen) != len(roots):
        raise DesignError(
            f"{len(seen)} z and {len(roots)} numbers of information are given",
            where="information",
            remedy="One a look.",
        )
    bounds = test.efficacy_bounds[: len(seen)]
    p = np.array([_repeated_p(test, look, value) for look, value in enumerate(seen.tolist())])
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
        )


def _repeated_p(test: GroupSequential, look: int, z: float) -> float:
    """The alpha of one side whose bound at a look is z."""

    def bound(side: float) -> float:
        return float(
            group_sequential(
                alpha=side * test.sided,
                sided=test.sided,
                information_fractions=test.information_fractions.tolist(),
                efficacy=test.efficacy,
                spending_fractions=test.spending_fractions.tolist(),
            ).efficacy_bounds[look]
        )

    most = 0.5 / test.sided * (1 - 1e-9)
    if z <= bound(most):
        return most if test.sided == 2 else 0.5
    least = float(ndtr(-z)) * 1e-3
    return float(math.exp(brentq(lambda x: bound(math.exp(x)) - z, math.log(least), math.log(most), xtol=1e-12)))


def _for_inference(test: GroupSequential) -> Bounds:
    if test.binding:
        return test.bounds
    return none_below(test.information_fractions, test.efficacy_bounds, test.sided == 2)


def _seen(test: GroupSequential, z: Sequence[float]) -> Vector:
    """The z so far, or why they are none."""
    seen = np.array(z, dtype=float, ndmin=1)
    if not 1 <= len(seen) <= len(test.information_fractions) or not np.isfinite(seen).all():
        raise DesignError(
            f"z = {z} are not one number a look so far", where="z", remedy=f"1 to {len(test.information_fractions)}."
        )
    return seen


def _solve(rising: Callable[[float], float], center: float, reach: float) -> float:
    return float(brentq(rising, center - reach, center + reach, xtol=1e-13, rtol=1e-12))
