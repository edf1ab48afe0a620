"""What a test sees of an effect: the size of it and the information on it, by calendar time and per patient."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ..errors import DesignError
from ..survival.weights import FlemingHarrington, ModestlyWeighted
from ..units import days
from .course import AtRisk, Course, at_risk
from .exact_score import variance_of_z
from .looks import listed

Vector = NDArray[np.float64]
_HALVINGS = 40
Formula = Literal["schoenfeld", "freedman", "hsieh-freedman", "lachin-foulkes", "bernstein-lagakos"]
Named = Literal[
    "schoenfeld",
    "freedman",
    "hsieh-freedman",
    "lachin-foulkes",
    "bernstein-lagakos",
    "score",
    "exact score",
    "average hazard ratio",
]
FORMULAS: Mapping[str, str] = {
    "schoenfeld": "Schoenfeld (1981)",
    "freedman": "Freedman (1982)",
    "hsieh-freedman": "Hsieh and Freedman (Hsieh 1992)",
    "lachin-foulkes": "Lachin and Foulkes (1986)",
    "bernstein-lagakos": "Bernstein and Lagakos (1978)",
    "score": "mean and variance of the log-rank score (Lu 2021; Yung and Liu 2020)",
    "exact score": "log-rank score, variance of Z under the effect (influence functions)",
    "average hazard ratio": "average hazard ratio (Schemper 1992; Mukhopadhyay et al. 2020)",
}


@dataclass(frozen=True, slots=True)
class RestrictedMean:
    """The difference of restricted mean survival times at ``tau`` (a duration), by Kaplan-Meier curves.

    >>> print(RestrictedMean("24 months"))
    difference of restricted means at 24 months
    """

    tau: str

    def __post_init__(self) -> None:
        _some_time(self.tau, "tau")

    def __str__(self) -> str:
        return f"difference of restricted means at {self.tau}"


@dataclass(frozen=True, slots=True)
class Milestone:
    """The difference of the shares without an event at a milestone (a duration), by Kaplan-Meier curves.

    >>> print(Milestone("12 months"))
    difference of survival at 12 months
    """

    at: str

    def __post_init__(self) -> None:
        _some_time(self.at, "at")

    def __str__(self) -> str:
        return f"difference of survival at {self.at}"


@dataclass(frozen=True, slots=True)
class MaxCombo:
    """The largest of several weighted log-rank tests; at interim looks ``interim`` alone, if one is given.

    Over all looks there may be six statistics at the most, which take some ten seconds; five take one.

    >>> print(MaxCombo((FlemingHarrington(0, 0), FlemingHarrington(0, 1))))
    MaxCombo of Fleming-Harrington (0, 0), Fleming-Harrington (0, 1)
    """

    weights: tuple[FlemingHarrington | ModestlyWeighted, ...]
    interim: FlemingHarrington | ModestlyWeighted | None = None

    def __post_init__(self) -> None:
        kinds = (FlemingHarrington, ModestlyWeighted)
        object.__setattr__(self, "weights", tuple(listed(self.weights) or ()))
        known = all(isinstance(w, kinds) for w in self.weights)
        if not known or not len(set(self.weights)) == len(self.weights) > 1:
            raise DesignError(
                "a MaxCombo test needs two weights or more that differ",
                where="method",
                remedy="Such as MaxCombo((FlemingHarrington(0, 0), FlemingHarrington(0, 1))).",
            )
        if self.interim is not None and not (isinstance(self.interim, kinds) and self.interim in self.weights):
            raise DesignError(
                f"{self.interim} is none of the weights", where="interim", remedy="Take one of them, or None."
            )

    def __str__(self) -> str:
        alone = f", at interim looks {self.interim} alone" if self.interim else ""
        return f"MaxCombo of {', '.join(map(str, self.weights))}{alone}"


Weight = FlemingHarrington | ModestlyWeighted
Method = Named | FlemingHarrington | ModestlyWeighted | RestrictedMean | Milestone | MaxCombo


@dataclass(frozen=True, slots=True)
class Effect:
    """What a test sees, per patient randomized: the ``size`` of the effect, above zero where it favours the
    experimental arm, and the information on it under no effect (``null``) and under the effect (``real``). With n
    patients the estimate has variance 1 / (n real), and Z is it times the root of n null."""

    size: float
    null: float
    real: float


def name_of(method: Method) -> str:
    """The name under which a result quotes a method."""
    if isinstance(method, FlemingHarrington | ModestlyWeighted):
        return f"log-rank test weighted {method}, by mean and variance of the score"
    return FORMULAS[method] if isinstance(method, str) else str(method)


def check_method(method: object) -> None:
    """Refuses what is no method."""
    known = (FlemingHarrington, ModestlyWeighted, RestrictedMean, Milestone, MaxCombo)
    if not (isinstance(method, str) and method in get_args(Named)) and not isinstance(method, known):
        names = ", ".join(f'"{name}"' for name in get_args(Named))
        raise DesignError(
            f"{method!r} is no method",
            where="method",
            remedy=f"Known: {names}, FlemingHarrington, ModestlyWeighted, RestrictedMean, Milestone and MaxCombo.",
        )


def is_formula(method: Method) -> bool:
    """Whether it gives events from a constant hazard ratio, whatever the course of the trial in between."""
    return isinstance(method, str) and method in get_args(Formula)


def counts_events(method: Method) -> bool:
    """Whether information is counted in events; a weighted test, a mean and a milestone have their own."""
    return isinstance(method, str | MaxCombo)


def earliest(method: Method) -> float:
    """Days from the first patient before which a test sees nothing."""
    end = method.tau if isinstance(method, RestrictedMean) else method.at if isinstance(method, Milestone) else None
    return 0.0 if end is None else days(end) * (1 + 1e-9)


def effect_at(course: Course, calendar: float, method: Method, null_ratio: float) -> Effect:
    """What a test sees at a calendar time (days); see the functions below for each."""
    found = _effect_at(course, calendar, method, null_ratio)
    if not min(found.null, found.real) > 0:
        raise no_information(calendar)
    return found


def no_information(calendar: float) -> DesignError:
    """Why a look so early, or at a curve without events, is none."""
    return DesignError(
        f"by day {calendar:g} nobody is expected to have an event that the test could see",
        where="method",
        remedy="Look later, follow longer, or have another look at the hazards.",
    )


def _effect_at(course: Course, calendar: float, method: Method, null_ratio: float) -> Effect:
    if isinstance(method, RestrictedMean):
        return restricted_mean(course, calendar, days(method.tau))
    if isinstance(method, Milestone):
        return milestone(course, calendar, days(method.at))
    if isinstance(method, FlemingHarrington | ModestlyWeighted):
        found = at_risk_for(course, calendar, [method])
        return score(found, weight_at(found, method), null_ratio)
    assert isinstance(method, str)
    found = at_risk(course, calendar)
    if method in ("score", "exact score"):
        plain = score(found, np.ones(found.hazard[:, 0].shape), null_ratio)
        exact = method == "exact score"
        return replace(plain, real=plain.null / variance_of_z(course, found, calendar, null_ratio)) if exact else plain
    if method == "average hazard ratio":
        return average_hazard_ratio(course, found, null_ratio)
    ratio = course.strata[0].hazard_ratio.values[0]
    if method in ("lachin-foulkes", "bernstein-lagakos"):
        return exponential_rates(course, calendar, ratio, null_ratio, method)
    return by_events(float(found.events.sum()), ratio, null_ratio, course.experimental_share, method)


def by_events(events: float, ratio: float, null_ratio: float, share: float, method: str) -> Effect:
    """Schoenfeld (1981): log hazard ratios, of variance 1 / (events share (1 - share)). Freedman (1982): (1 - ratio) /
    (1 + r ratio), squared with r to be multiplied by events, r the allocation; Hsieh (1992) takes (1 - ratio) / (1 +
    ratio) and the correction for unequal arms 4 r / (1 + r)^2."""
    both = share * (1 - share)
    if method == "schoenfeld":
        return Effect(math.log(null_ratio / ratio), events * both, events * both)
    r = share / (1 - share)
    size = (1 - ratio) * math.sqrt(r) / (1 + r * ratio)
    if method == "hsieh-freedman":
        size = 2 * (1 - ratio) * math.sqrt(both) / (1 + ratio)
    return Effect(size, events, events)


def exponential_rates(course: Course, calendar: float, ratio: float, null_ratio: float, method: str) -> Effect:
    """The log ratio of event rates, of variance 1 / (sum over strata of 1 / (1 / events + 1 / events)), under the
    effect and under none; under none both arms have the pooled hazard (Lachin and Foulkes 1986) or the control's
    (Bernstein and Lagakos 1978)."""
    r = course.experimental_share / (1 - course.experimental_share)
    pooled = (1 + r * ratio) / (1 + r * null_ratio) if method == "lachin-foulkes" else 1.0
    nothing = course.under(null_ratio, control=pooled)
    null, real = (harmonic(at_risk(one, calendar).events) for one in (nothing, course))
    return Effect(math.log(null_ratio / ratio), null, real)


def harmonic(events: Vector) -> float:
    """1 / (1 / control + 1 / experimental), summed over strata; events (s, 2)."""
    return float(per(events[:, 0] * events[:, 1], events.sum(axis=1)).sum())


def per(part: Vector, of: Vector) -> Vector:
    """A quotient, zero where nobody is left."""
    return np.divide(part, of, out=np.zeros(np.broadcast_shapes(part.shape, of.shape)), where=of > 0)


def score(found: AtRisk, weight: Vector, null_ratio: float) -> Effect:
    """The weighted log-rank score: its mean U over its variance V, and V, both under the effect (Lu 2021; Yung and Liu
    2020), summed over strata; weight (s, m).

    At a null hazard ratio q: U = integral of w y0 y1 (q h0 - h1) / (y0 + q y1), V = integral of w^2 q y0 y1 /
    (y0 + q y1)^2 (y0 h0 + y1 h1), with y and h the numbers at risk and the hazards of both arms.

    V also stands for the variance of U under the effect, as if Z then had variance 1, which it has near no effect. For
    the variance that Z has, see ``variance_of_z``.
    """
    (y0, y1), (h0, h1) = np.moveaxis(found.at_risk, 1, 0), np.moveaxis(found.hazard, 1, 0)
    total = y0 + null_ratio * y1
    both = per(y0 * y1, total)
    mean = weight * both * (null_ratio * h0 - h1)
    variance = weight**2 * null_ratio * both * per(y0 * h0 + y1 * h1, total)
    u, v = float((mean @ found.weight).sum()), float((variance @ found.weight).sum())
    return Effect(u / v if v else 0.0, v, v)


def at_risk_for(course: Course, calendar: float, weights: Sequence[Weight]) -> AtRisk:
    """Patients at risk, in panels that end where one of the weights has a kink."""
    knots = [days(w.delay) for w in weights if isinstance(w, ModestlyWeighted) and w.delay is not None]
    if any(isinstance(w, FlemingHarrington) and w.gamma % 1 for w in weights):
        # (1 - S)^gamma is no polynomial at zero, nor where a hazard rises while few have had an event
        starts = [x for one in course.strata for arm in course.hazards(one) for x in arm.starts]
        knots.extend(np.add.outer(np.unique(starts), calendar * 0.5 ** np.arange(1, _HALVINGS)).ravel().tolist())
    found = at_risk(course, calendar, knots=knots)
    least = [w.survival for w in weights if isinstance(w, ModestlyWeighted) and w.survival is not None]
    passed = [
        float(np.interp(-value, -one, found.time))
        for one in pooled_survival(found)
        for value in least
        if one[-1] < value
    ]
    return at_risk(course, calendar, knots=[*knots, *passed]) if passed else found


def weight_at(found: AtRisk, weight: Weight) -> Vector:
    """The weights (s, m) of a log-rank test: functions of the pooled Kaplan-Meier curve, as it is expected."""
    left = pooled_survival(found)
    if isinstance(weight, FlemingHarrington):
        return np.asarray(left**weight.rho * (1 - left) ** weight.gamma)
    if weight.delay is None:
        assert weight.survival is not None
        return np.asarray(1 / np.maximum(left, weight.survival))
    until = found.weight * (found.time < days(weight.delay))
    return np.asarray(1 / np.maximum(left, np.exp(-_pooled_hazard(found) @ until)[:, None]))


def _pooled_hazard(found: AtRisk) -> Vector:
    return per((found.at_risk * found.hazard).sum(axis=1), found.at_risk.sum(axis=1))


def pooled_survival(found: AtRisk) -> Vector:
    """The Kaplan-Meier curve of both arms together that is expected, (s, m)."""
    return np.asarray(np.exp(-found.upto(_pooled_hazard(found))))


def average_hazard_ratio(course: Course, found: AtRisk, null_ratio: float) -> Effect:
    """The log of the average hazard ratio, weighted by the events expected in each period of one hazard ratio.

    Information under none: events share (1 - share); under the effect: the harmonic sum of events over strata and
    periods (as published for average hazard ratios by Mukhopadhyay et al. 2020).
    """
    deaths = found.at_risk * found.hazard * found.weight
    logs, events, real = 0.0, 0.0, 0.0
    for s, stratum in enumerate(course.strata):
        starts = stratum.hazard_ratio.starts
        period = np.searchsorted(starts, found.time, side="right") - 1
        for at, value in enumerate(stratum.hazard_ratio.values):
            by_arm = deaths[s][:, period == at].sum(axis=1)
            if by_arm.min(initial=math.inf) > 0:
                logs += math.log(value) * float(by_arm.sum())
                events += float(by_arm.sum())
                real += harmonic(by_arm[None])
    share = course.experimental_share
    return Effect(math.log(null_ratio) - logs / events if events else 0.0, events * share * (1 - share), real)


def restricted_mean(course: Course, calendar: float, tau: float) -> Effect:
    """The difference of areas under both curves up to tau, averaged over strata; the variance of an area is the
    integral of (area from s to tau)^2 h / y (as Kaplan-Meier curves have it)."""
    found = _followed_to(course, calendar, tau, "tau")
    area = (found.survival @ found.weight)[..., None]
    left = area - found.upto(found.survival)
    return _by_curves(course, found, area[..., 0], left)


def milestone(course: Course, calendar: float, at: float) -> Effect:
    """The difference of both curves at a time, averaged over strata, with Greenwood's variance."""
    found = _followed_to(course, calendar, at, "milestone")
    ends = np.array([[one.survival(at) for one in course.hazards(stratum)] for stratum in course.strata])
    return _by_curves(course, found, ends, ends[..., None] * np.ones(len(found.time)))


def _by_curves(course: Course, found: AtRisk, value: Vector, influence: Vector) -> Effect:
    """Differences of what the curves give (s, 2), with variance integral of influence^2 h / y, (s, 2, m)."""
    shares = np.array([stratum.share for stratum in course.strata])
    variance = float(shares**2 @ (per(influence**2 * found.hazard, found.at_risk) @ found.weight).sum(axis=1))
    size = float(shares @ (value[:, 1] - value[:, 0]))
    information = 1 / variance if variance else 0.0
    return Effect(size, information, information)


def _followed_to(course: Course, calendar: float, end: float, name: str) -> AtRisk:
    if not end < min(calendar, course.follow_up_each * (1 + 1e-12)):
        raise DesignError(
            f"nobody is followed for {end:g} days by day {calendar:g}",
            where=name,
            remedy="Look later, follow longer, or take an earlier time.",
        )
    # Variances go with 1 / at risk, which has a pole just beyond a period of accrual before which few had entered.
    ends = calendar - np.cumsum([0.0, *course.accrual.lengths])
    knots = np.subtract.outer(ends, calendar * 0.5 ** np.arange(1, _HALVINGS // 2)).ravel()
    return at_risk(course, calendar, end=end, knots=knots.tolist())


def _some_time(duration: str, name: str) -> None:
    if not days(duration) > 0:
        raise DesignError(f"{name} = {duration} is no time", where=name, remedy="Give a time above zero.")
