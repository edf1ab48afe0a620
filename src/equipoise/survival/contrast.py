"""Values by arm, each with its variance, over strata by their shares; contrasted as difference and as ratio.

A value is anything that one arm's Kaplan-Meier curve gives at a time: the area under it, or its height.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from ..data import TimeToEvent
from ..errors import DataError
from ..kernels import kaplan_meier_steps
from ..units import days

Vector = NDArray[np.float64]
Limits = tuple[float, float]
NAN_LIMITS: Limits = (math.nan, math.nan)

_NO_ENTRY = np.empty((0, 2))
_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """Experimental against control, with limits and two-sided P; ``nan`` with a ``reason`` where it has none."""

    estimate: float
    conf_int: Limits
    p_value: float
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Steps:
    """One arm's Kaplan-Meier steps in one stratum at its k distinct times, arrays (k,); ``greenwood`` is of log S."""

    time: Vector
    at_risk: Vector
    deaths: Vector
    censored: Vector
    survival: Vector
    greenwood: Vector

    @property
    def reach(self) -> float:
        """The largest time at which the curve is known."""
        return math.inf if self.survival[-1] == 0 else float(self.time[-1])


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmValues:
    """A value and its standard error by arm; ``nan`` beside a ``reason`` where an arm has none.

    ``flat`` names the arms (and strata) whose variance is 0.
    """

    value: tuple[float, ...]
    std_error: tuple[float, ...]
    reason: str
    flat: tuple[str, ...]


def positive_time(name: str, duration: str) -> float:
    """Days in a duration, which must be above zero."""
    limit = days(duration)
    if limit <= 0:
        raise DataError(f"{name} = {duration!r} is not above zero", remedy="Choose a positive time.")
    return limit


def arm_steps(tte: TimeToEvent, stratified: bool) -> list[list[Steps | None]]:
    """Kaplan-Meier steps by stratum and arm; None where a stratum has nobody in an arm. Nobody enters late."""
    arms, strata = len(tte.arms), len(tte.strata) if stratified else 1
    order = tte.order if stratified or len(tte.strata) < 2 else np.argsort(tte.time)
    cell = tte.arm[order] + arms * tte.stratum[order] if stratified else tte.arm[order]
    order = order[np.argsort(cell, kind="stable")]
    time, event = tte.time[order], tte.event[order] > 0
    weight = np.ones(tte.n) if tte.weight is None else tte.weight[order]
    ends = np.cumsum(np.bincount(cell, minlength=arms * strata)).tolist()
    found: list[Steps | None] = []
    for first, last in zip([0, *ends[:-1]], ends, strict=True):
        if first == last:
            found.append(None)
            continue
        k, out = kaplan_meier_steps(time[first:last], event[first:last], weight[first:last], _NO_ENTRY)
        found.append(Steps(**dict(zip(Steps.__slots__, out[:, :k], strict=True))))
    return [found[i : i + arms] for i in range(0, len(found), arms)]


def values_by_arm(
    tte: TimeToEvent, stratified: bool, name: str, limit: float, measure: Callable[[Steps, float], tuple[float, float]]
) -> ArmValues:
    """``measure`` (value and variance of a curve at a time) by arm; over strata the mean by share of all subjects.

    The shares of the strata are taken as fixed, so variances add with their squares. An arm without somebody in each
    stratum, or whose curve ends before ``limit`` there, has no value; ``name`` is what the reason calls the limit.
    """
    cells = arm_steps(tte, stratified)
    share = np.bincount(tte.stratum, weights=tte.weight, minlength=len(tte.strata)) if stratified else np.ones(1)
    share = share / share.sum()
    value, variance = np.zeros(len(tte.arms)), np.zeros(len(tte.arms))
    absent: list[str] = []
    flat: list[str] = []
    reach: list[tuple[str, float]] = []
    for stratum, (part, row) in enumerate(zip(share.tolist(), cells, strict=True)):
        for arm, steps in enumerate(row if part > 0 else ()):  # a selection may leave nobody in a stratum
            where = f"{tte.arms[arm]} in stratum {tte.strata[stratum]}" if stratified else tte.arms[arm]
            mean = spread = math.nan
            if steps is None:
                absent.append(where)
            else:
                reach.append((where, steps.reach))
                if limit <= steps.reach:
                    mean, spread = measure(steps, limit)
                    flat += [where] * (spread == 0)
            value[arm] += part * mean
            variance[arm] += part**2 * spread
    every = "every arm supports in every stratum" if stratified else "every arm supports"
    reason = f"there is nobody of arm {listed(absent)}" if absent else beyond_follow_up(reach, limit, name, every)
    return ArmValues(
        value=tuple(value.tolist()), std_error=tuple(np.sqrt(variance).tolist()), reason=reason, flat=tuple(flat)
    )


def beyond_follow_up(
    reach: Sequence[tuple[str, float]], limit: float, name: str = "tau", every: str = "every arm supports"
) -> str:
    """Why some curve is not known at ``limit``, or nothing, from their names and the largest times they reach."""
    short = [where for where, furthest in reach if limit > furthest]
    if not short:
        return ""
    return (
        f"{name} = {limit:g} days lies beyond the follow-up of {listed(short)}; "
        f"the largest {name} that {every} is {min(furthest for _, furthest in reach):g} days"
    )


def listed(names: Sequence[str]) -> str:
    """The first three names, and how many more there are.

    >>> listed(["A", "B"]), listed(["A", "B", "C", "D"])
    ('A and B', 'A and B and C and 1 more')
    """
    more = len(names) - _SHOWN
    return " and ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def normal_quantile(level: float) -> float:
    """The normal quantile of two-sided limits."""
    return float(ndtri(0.5 + level / 2))


def wald(estimate: float, std_error: float, z: float) -> tuple[Limits, float]:
    """Limits of an estimate and the two-sided P of zero; ``nan`` where the standard error is zero or has none."""
    if not std_error > 0:
        return NAN_LIMITS, math.nan
    return (estimate - z * std_error, estimate + z * std_error), float(2 * ndtr(-abs(estimate / std_error)))


def log_wald(log: float, std_error: float, z: float, reason: str = "") -> Contrast:
    """A ratio from its logarithm, with limits and P on the log scale."""
    if math.isnan(log):
        return Contrast(estimate=math.nan, conf_int=NAN_LIMITS, p_value=math.nan, reason=reason)
    (low, high), p = wald(log, std_error, z)
    with np.errstate(over="ignore"):
        shown = [float(x) for x in np.exp([log, low, high])]
    return Contrast(estimate=shown[0], conf_int=(shown[1], shown[2]), p_value=p, reason=reason)


def ratio(b: float, se_b: float, a: float, se_a: float, z: float, reason: str, what: str = "a mean") -> Contrast:
    """b over a, of independent arms, by the delta method on the log scale."""
    if math.isnan(a + b):
        return log_wald(math.nan, math.nan, z, reason)
    if a <= 0 or b <= 0:
        return log_wald(math.nan, math.nan, z, f"{what} of zero has no ratio")
    se = math.hypot(se_b / b, se_a / a)
    if not math.isnan(se):
        reason = "" if se > 0 else "neither arm has a variance"
    found = log_wald(math.log(b / a), se, z, reason)
    return Contrast(estimate=b / a, conf_int=found.conf_int, p_value=found.p_value, reason=found.reason)


def p_of_benefit(z: float, event_is: Literal["harm", "benefit"]) -> float:
    """One-sided P of benefit from a statistic that is above zero where the event is rarer, or later, in the
    experimental arm."""
    return float(ndtr(-z if event_is == "harm" else z))
