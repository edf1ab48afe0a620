"""The average hazard ratio: who fails first, of two subjects from the two arms, up to a time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .. import results
from ..data import TimeToEvent
from ..results import Origin, Row
from .contrast import (
    NAN_LIMITS,
    Limits,
    Steps,
    Vector,
    arm_steps,
    beyond_follow_up,
    log_wald,
    normal_quantile,
    p_of_benefit,
    positive_time,
)
from .convention import ArgumentError, check_level, refuse_competing, refuse_weights_and_entry

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True, kw_only=True)
class AverageHazardRatio:
    """An average hazard ratio up to ``tau`` (days), experimental over control.

    ``experimental_first`` and ``control_first`` are the probabilities that of a pair, one of each arm, that subject
    fails first and by tau, ties counting half to each; ``hazard_ratio`` is their ratio. ``std_error`` and ``z`` are
    of its logarithm; ``p_value`` two-sided, ``p_one_sided`` of benefit. ``nan`` with a ``reason`` where it has none.
    """

    tau: float
    hazard_ratio: float
    std_error: float
    conf_int: Limits
    z: float
    p_value: float
    p_one_sided: float
    experimental_first: float
    control_first: float
    level: float
    reason: str
    method: str
    origin: Origin

    def __str__(self) -> str:
        name = f"Average hazard ratio up to {self.tau:g} days"
        if self.reason:
            return f"{name} {results.NOT_ESTIMABLE}: {self.reason}"
        low, high = (results.fixed(x, 2) for x in self.conf_int)
        return (
            f"{name} {results.fixed(self.hazard_ratio, 2)} ({100 * self.level:g}% CI {low} to {high}), "
            f"{results.p_equals(self.p_value)}"
        )

    def rows(self) -> list[Row]:
        """The ratio with limits and P, and the two probabilities, as rows of the long table."""
        found = [
            ("average hazard ratio", self.hazard_ratio, results.fixed(self.hazard_ratio, 2), ""),
            ("average hazard ratio lower limit", self.conf_int[0], results.fixed(self.conf_int[0], 2), ""),
            ("average hazard ratio upper limit", self.conf_int[1], results.fixed(self.conf_int[1], 2), ""),
            ("average hazard ratio P", self.p_value, results.p_value(self.p_value), ""),
            ("average hazard ratio P one-sided", self.p_one_sided, results.p_value(self.p_one_sided), ""),
        ]
        for name, p in (("experimental", self.experimental_first), ("control", self.control_first)):
            found.append((f"{name} arm fails first", p, results.fixed(p, 3), "probability"))
        return [
            Row(statistic=name, at=self.tau, level=self.level if "limit" in name else None, unit=unit,
                method=self.method, origin=self.origin, **results.number(value, text, self.reason))  # type: ignore[arg-type]
            for name, value, text, unit in found
        ]  # fmt: skip

    def table(self) -> pl.DataFrame:
        """The long table of the average hazard ratio."""
        return results.long_table(self.rows())


def average_hazard_ratio(tte: TimeToEvent, *, tau: str, level: float = 0.95) -> AverageHazardRatio:
    """Among pairs of subjects of the two arms, of whom one fails by ``tau``: how often the experimental one is the
    first, over how often the control one is; unstratified.

    Under proportional hazards that is the hazard ratio; otherwise an average of it with weight S0 S1 (Kalbfleisch and
    Prentice 1981) that does not depend on censoring. With the Kaplan-Meier curves S1 and S0 it is -int S0 dS1 over
    -int S1 dS0 up to tau, the other arm's curve taken in the middle of its step at a tied time. Standard error of
    the logarithm by the infinitesimal jackknife through both curves. Case weights count as copies.

    Not estimable, with a reason: where tau lies beyond an arm's follow-up, where an arm has no event before tau. Raises
    ``DataError`` for tau of zero, ``ArgumentError`` without two arms, ``UnsupportedError`` under probability weights,
    late entry and competing causes.

    >>> tte = TimeToEvent([2, 4, 6, 8, 1, 3, 5, 7], [1, 1, 1, 1, 1, 1, 1, 1], [*"BBBBAAAA"], control="A",
    ...                   experimental="B", unit="days")
    >>> print(average_hazard_ratio(tte, tau="7 days"))
    Average hazard ratio up to 7 days 0.60 (95% CI 0.11 to 3.13), P = 0.5447
    """
    check_level(level)
    limit = positive_time("tau", tau)
    if tte.experimental is None:
        raise ArgumentError("an average hazard ratio compares two arms", remedy="Name control and experimental.")
    refuse_weights_and_entry(tte, "average hazard ratios")
    refuse_competing(int(tte.event.max()))
    control, experimental = arm_steps(tte, False)[0]
    assert control is not None
    assert experimental is not None
    reason = beyond_follow_up([(a, s.reach) for a, s in zip(tte.arms, (control, experimental), strict=True)], limit)
    first, se = (math.nan, math.nan), math.nan
    if not reason:
        first, variance = first_to_fail(control, experimental, limit)
        none = [arm for arm, p in zip(tte.arms, first, strict=True) if p <= 0]
        if none:
            reason = f"in no pair of subjects does that of arm {' or of arm '.join(none)} fail first by tau"
        else:
            se = math.sqrt(variance)
            reason = "" if se > 0 else "neither arm has a variance: no event before tau leaves anybody"
    log = math.log(first[1] / first[0]) if not math.isnan(se) else math.nan
    found = log_wald(log, se, normal_quantile(level), reason)
    z = log / se if se > 0 else math.nan
    return AverageHazardRatio(
        tau=limit,
        hazard_ratio=found.estimate,
        std_error=se,
        conf_int=found.conf_int if se > 0 else NAN_LIMITS,
        z=z,
        p_value=found.p_value,
        p_one_sided=p_of_benefit(-z, tte.event_is),
        experimental_first=first[1],
        control_first=first[0],
        level=level,
        reason=reason,
        method=f"average hazard ratio up to {limit:g} days (weight S0 S1), unstratified, "
        "infinitesimal jackknife variance, limits on the log scale",
        origin=tte.origin,
    )


def first_to_fail(control: Steps, experimental: Steps, tau: float) -> tuple[tuple[float, float], float]:
    """Probabilities that (control, experimental) fails first and by tau, and the variance of the log of their ratio.

    At the K times of events of either arm up to tau both probabilities are linear in each curve's heights, so the
    log ratio has a derivative c_k in S(t_k). A subject's influence on log S grows by h = d / (n (n - d)) at each event
    time that it survives and by -1 / n at its own event; influences at different times are uncorrelated, and the sum
    over subjects of (sum over k of c_k S(t_k) influence)^2 is the sum over event times of B^2 h, with B the sum of
    c S from that time on.
    """
    time = np.unique(np.concatenate([s.time[(s.deaths > 0) & (s.time <= tau)] for s in (control, experimental)]))
    if len(time) == 0:
        return (0.0, 0.0), math.nan
    height = np.stack([_height_at(s, time) for s in (control, experimental)])
    drop = -np.diff(height, axis=1, prepend=1.0)
    middle = height + drop / 2
    first = (drop * middle[::-1]).sum(axis=1)
    if (first <= 0).any():
        return (float(first[0]), float(first[1])), math.nan
    variance = 0.0
    for arm, steps in enumerate((control, experimental)):
        other = 1 - arm
        # d first[arm] / d S_arm(t_k): the other's middle at the next time less that at this one (at the last, 0 less).
        of_own = np.diff(middle[other], append=0.0)
        # d first[other] / d S_arm(t_k): half of the other's drops at this and the next time.
        of_other = (drop[other] + np.append(drop[other][1:], 0.0)) / 2
        derivative = of_own / first[arm] - of_other / first[other]
        from_here_on = np.cumsum((derivative * height[arm])[::-1])[::-1]
        own = drop[arm] > 0
        at = np.searchsorted(steps.time, time[own])
        at_risk, deaths = steps.at_risk[at], steps.deaths[at]
        left = at_risk - deaths
        h = np.divide(deaths, at_risk * left, out=np.zeros(len(at)), where=left > 0)
        variance += float(from_here_on[own] ** 2 @ h)
    return (float(first[0]), float(first[1])), variance


def _height_at(steps: Steps, time: Vector) -> Vector:
    """Survival at times, events then included."""
    return np.asarray(np.concatenate([[1.0], steps.survival])[np.searchsorted(steps.time, time, side="right")])
