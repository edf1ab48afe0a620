"""What the plan says to do at a look, given what was observed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr

from ..errors import DesignError, UnsupportedError
from ..results import fixed, p_equals
from ..survival.cox_result import Cox
from ..survival.logrank import LogRank
from ..survival.weights import FlemingHarrington, ModestlyWeighted
from .course import Course, longest, time_of
from .crossing import Vector
from .futility import FutilityBounds
from .given import real_number, whole_number
from .group_sequential import GroupSequential
from .looks import listed
from .methods import MaxCombo, counts_events, earliest, effect_at, is_formula, name_of
from .spending import Spending
from .trial_power import looks_of, powered

if TYPE_CHECKING:
    from .plan import Plan

_SAME = 1e-9
Verdict = Literal["efficacy", "efficacy of the control arm", "futility", "harm", "go on", "no claim"]
_SAID: dict[str, str] = {
    "efficacy": "the bound for efficacy is reached",
    "efficacy of the control arm": "the bound in favour of the control arm is reached",
    "futility": "the bound for futility is reached",
    "harm": "the bound for harm is reached",
    "go on": "no bound is reached: the trial goes on",
    "no claim": "the bound for efficacy is not reached, and no look is left",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What one look of a trial says.

    ``z``, above zero in favour of the experimental arm, stands beside the bounds at the ``information`` that was
    observed (``information_fraction`` of that planned); None where there is no such bound. ``basis`` says what
    information is, ``binding`` whether a bound for futility must be obeyed.
    """

    look: int
    z: float
    p_one_sided: float
    information: float
    information_fraction: float
    efficacy_bound: float
    futility_bound: float | None
    harm_bound: float | None
    verdict: Verdict
    binding: bool
    basis: str
    method: str

    def __str__(self) -> str:
        bounds = [f"efficacy {_bound(self.efficacy_bound)}"]
        if self.futility_bound is not None:
            bounds.append(f"futility {_bound(self.futility_bound)} ({'' if self.binding else 'not '}binding)")
        if self.harm_bound is not None:
            bounds.append(f"harm {_bound(self.harm_bound)}")
        return (
            f"Look {self.look} at {fixed(100 * self.information_fraction, 1)}% of {self.basis}: "
            f"z = {fixed(self.z, 3)}, one-sided {p_equals(self.p_one_sided)}; bounds {', '.join(bounds)}; "
            f"{_SAID[self.verdict]} ({self.method})"
        )


def decide(
    plan: Plan,
    look: int,
    result: LogRank | Cox | float,
    *,
    favours: str | None = None,
    information: float | None = None,
    earlier: Sequence[float] = (),
    final: bool | None = None,
) -> Decision:
    """See ``Plan.decide``.

    Bounds are those at the information observed: spending functions take its share of what was planned, and the last
    look, by default the last that was planned, takes all that is left of alpha.

    Raises ``DesignError`` for a result of other arms or another test than the plan's, and for information that does not
    rise; ``UnsupportedError`` for a MaxCombo plan.
    """
    if isinstance(plan.method, MaxCombo):
        raise UnsupportedError(
            "the bounds of a MaxCombo test depend on correlations that a z does not carry",
            where="decide",
            remedy="Compare the largest statistic with plan.efficacy_bounds, where events came as planned.",
        )
    number, before = whole_number(look), listed(earlier)
    if number is None or number < 1 or before is None or len(before) != number - 1:
        raise DesignError(
            f"look {look!r} with the information of {'no' if before is None else len(before)} earlier looks",
            where="earlier",
            remedy="Looks count from 1; give the information at each look before.",
        )
    if final is not None and not isinstance(final, bool | np.bool_):
        raise DesignError(f"final = {final!r} is neither True nor False", where="final", remedy="Say which, or None.")
    z, seen = _read(plan, result, favours, information)
    test, last = _test_at(plan, [*(real_number(one) for one in before), seen], final)
    at = number - 1
    efficacy = float(test.efficacy_bounds[at])
    futility = _some(_futility_bounds(plan, test), at)
    harm = _some(test.harm_bounds, at)
    return Decision(
        look=number,
        z=z,
        p_one_sided=float(ndtr(-z)),
        information=seen,
        information_fraction=seen / float(plan.look_information[-1]),
        efficacy_bound=efficacy,
        futility_bound=futility,
        harm_bound=harm,
        verdict=_verdict(z, efficacy, futility, harm, test.sided, last),
        binding=test.binding,
        basis=_basis(plan),
        method=f"{test.efficacy}, {'one' if test.sided == 1 else 'two'}-sided alpha {test.alpha:g}",
    )


def _test_at(plan: Plan, seen: list[float], final: bool | None) -> tuple[GroupSequential, bool]:
    """The test at the information of the looks so far and of those
    planned for looks to come, and whether there are none.

    The second look is the second planned one, early or late; planned looks that lie behind it by now are left out.
    """
    done = len(seen)
    planned = (plan.test.information_fractions * plan.look_information[-1]).tolist()
    ahead = [] if final else [k for k in range(done, len(planned)) if planned[k] > seen[-1]]
    futility = plan.test.futility
    if isinstance(futility, FutilityBounds):
        held = [value for k, value in enumerate(futility.values) if k < done or k in ahead[:-1]]
        held = held[: done + len(ahead) - 1]
        change: dict[str, Any] = {futility.kind: held}
        futility = replace(futility, **change) if any(v is not None for v in held) else None
    test = plan.test.observed(
        [*seen, *(planned[k] for k in ahead)],
        planned=float(plan.look_information[-1]),
        final=True,
        futility=futility if isinstance(futility, FutilityBounds) else None,
    )
    return test, not ahead


def _futility_bounds(plan: Plan, test: GroupSequential) -> Vector | None:
    """Those of the test; where error is spent under an effect as it is at each look, found along it as the plan's."""
    if is_formula(plan.method) or not isinstance(test.futility, get_args(Spending)):
        return test.futility_bounds
    assert test.seen is not None
    course = plan.population.course(plan.hazard_ratio, plan.accrual)
    end, sign = _end(plan, course, test.seen.share), 1 if plan.event_is == "harm" else -1
    looks = looks_of(course, end, test, plan.method, plan.null_hazard_ratio, sign)
    return powered(test, course, looks, plan.patients, plan.method).lower


def _end(plan: Plan, course: Course, share: float) -> float:
    """When so much of the planned information is expected, or as late as anything comes."""
    planned = float(plan.look_times[-1])
    if abs(share - 1) < _SAME:
        return planned
    if counts_events(plan.method):
        return min(time_of(course, share * plan.events / plan.patients), longest(course))
    least, most = earliest(plan.method) or _SAME * planned, longest(course)

    def missing(at: float) -> float:
        try:
            seen = effect_at(course, at, plan.method, plan.null_hazard_ratio).null * plan.patients
        except DesignError:  # nothing to be seen yet
            seen = 0.0
        return seen - share * float(plan.look_information[-1])

    if missing(most) <= 0:
        return most
    return least if missing(least) >= 0 else float(brentq(missing, least, most, xtol=1e-6))


def _basis(plan: Plan) -> str:
    planned = float(plan.look_information[-1])
    return f"{fixed(planned, 1)} events" if counts_events(plan.method) else "the planned information of the test"


def _some(bounds: object, at: int) -> float | None:
    """A bound, None where there is none."""
    if bounds is None:
        return None
    value = float(bounds[at])  # type: ignore[index]
    return value if math.isfinite(value) else None


def _bound(z: float) -> str:
    return fixed(z, 3) if math.isfinite(z) else "none"


def _verdict(z: float, efficacy: float, futility: float | None, harm: float | None, sided: int, last: bool) -> Verdict:
    if z >= efficacy:
        return "efficacy"
    if sided == 2:
        if z <= -efficacy:
            return "efficacy of the control arm"
        if futility is not None and abs(z) < futility and not last:
            return "futility"
        return "no claim" if last else "go on"
    if harm is not None and z <= harm:
        return "harm"
    if futility is not None and z <= futility and not last:
        return "futility"
    return "no claim" if last else "go on"


def _read(plan: Plan, result: object, favours: str | None, information: object) -> tuple[float, float]:
    """Z, above zero in favour of the experimental arm, and information."""
    if isinstance(result, LogRank | Cox):
        if favours is not None or information is not None:
            raise DesignError(
                "the result knows which arm it favours, and its information",
                where="result",
                remedy="Give favours and information with a z alone.",
            )
        z, seen = _logrank(plan, result) if isinstance(result, LogRank) else _cox(plan, result)
    else:
        z, seen = _raw(plan, result, favours), real_number(information)
        if not 0 < seen < math.inf:
            raise DesignError(
                f"information = {information!r}",
                where="information",
                remedy=f"A z alone needs its information, here {plan.information_basis}.",
            )
    if not math.isfinite(z):
        raise DesignError("the result has no z", where="result", remedy="See its reason.")
    return z, seen


def _logrank(plan: Plan, result: LogRank) -> tuple[float, float]:
    people = plan.population
    if result.z is None or result.groups != (people.control_arm, people.experimental):
        raise DesignError(
            f"the test compares {' and '.join(result.groups)}, the plan {people.experimental} with "
            f"{people.control_arm}",
            where="result",
            remedy="Name control and experimental arm as the plan does.",
        )
    if plan.null_hazard_ratio != 1:
        raise DesignError(
            f"a log-rank test is of a hazard ratio of 1, the plan of {plan.null_hazard_ratio:g}",
            where="result",
            remedy="Give a Cox model.",
        )
    wanted = FlemingHarrington() if counts_events(plan.method) else plan.method
    if not isinstance(wanted, FlemingHarrington | ModestlyWeighted):
        raise DesignError(f"the plan is for {name_of(plan.method)}", where="result", remedy="Give its z with favours=.")
    if result.weights != wanted:
        raise DesignError(
            f"the test has weight {result.weights}, the plan {wanted}", where="result", remedy="Test as planned."
        )
    sign = 1 if plan.event_is == "harm" else -1
    if sign * result.z * (result.expected[1] - result.observed[1]) < 0:
        raise DesignError(
            f"the test does not take the event for a {plan.event_is}, as the plan does",
            where="event_is",
            remedy=f'Make the TimeToEvent with event_is="{plan.event_is}".',
        )
    seen = result.observed.sum() if counts_events(plan.method) else result.variance[0, 0]
    return float(result.z), float(seen)


def _cox(plan: Plan, result: Cox) -> tuple[float, float]:
    people = plan.population
    if not isinstance(result.hazard_ratio, float) or result.terms[0] != f"{people.experimental} v {people.control_arm}":
        raise DesignError(
            f"the model's first term is {result.terms[0]}, the plan compares {people.experimental} with "
            f"{people.control_arm}",
            where="result",
            remedy="Fit the two arms of the plan.",
        )
    if not counts_events(plan.method):
        raise DesignError(f"the plan is for {name_of(plan.method)}", where="result", remedy="Give its z with favours=.")
    sign = 1 if plan.event_is == "harm" else -1
    z = sign * (math.log(plan.null_hazard_ratio) - result.coef[0]) / result.se[0]
    return float(z), float(result.events)


def _raw(plan: Plan, result: object, favours: str | None) -> float:
    z = real_number(result)
    if not math.isfinite(z):
        raise DesignError(
            f"{result!r} is no result",
            where="result",
            remedy="Give a log-rank test, a Cox model, or a z with favours=.",
        )
    arms = (plan.population.experimental, plan.population.control_arm)
    if not isinstance(favours, str) or favours not in arms:
        raise DesignError(
            f"favours = {favours!r}: a z alone does not say which arm it favours where it is above zero",
            where="favours",
            remedy=f"Say {arms[0]!r} or {arms[1]!r}.",
        )
    return z if favours == arms[0] else -z
