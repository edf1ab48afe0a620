"""What the plan says to do at a look, given what was observed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from scipy.special import ndtr

from ..errors import DesignError, UnsupportedError
from ..results import fixed, p_equals
from ..survival.cox_result import Cox
from ..survival.logrank import LogRank
from ..survival.weights import FlemingHarrington, ModestlyWeighted
from .futility import FutilityBounds
from .given import real_number, whole_number
from .group_sequential import GroupSequential
from .methods import MaxCombo, is_formula, name_of

if TYPE_CHECKING:
    from .plan import Plan

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

    ``z``, above zero in favour of the experimental arm, stands beside the bounds at the events that were observed
    (``information_fraction`` of those planned); None where there is no such bound. ``basis`` names what information is
    measured by, ``binding`` whether a bound for futility must be obeyed.
    """

    look: int
    z: float
    p_one_sided: float
    events: float
    planned_events: float
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
            f"Look {self.look}, {self.events:g} of {fixed(self.planned_events, 1)} events "
            f"({fixed(100 * self.information_fraction, 1)}%, {self.basis}): z = {fixed(self.z, 3)}, one-sided "
            f"{p_equals(self.p_one_sided)}; bounds {', '.join(bounds)}; {_SAID[self.verdict]} ({self.method})"
        )


def decide(
    plan: Plan,
    look: int,
    result: LogRank | Cox | float,
    *,
    favours: str | None = None,
    events: float | None = None,
    earlier: Sequence[float] = (),
    final: bool | None = None,
) -> Decision:
    """The verdict at a look (from 1), by the bounds at the events observed.

    ``result`` is a log-rank test or a Cox model of the arms of the plan, which know their direction and their events; a
    z alone needs ``favours``, the arm that it favours where it is above zero, and ``events``. ``earlier`` are the
    events at the looks before, one each, which may have come early or late; spending functions take the share of the
    planned events that was seen, and the last look, by default the last that was planned, all that is left of alpha.

    Raises ``DesignError`` for a result of other arms or another test than the plan's, and for events that do not rise;
    ``UnsupportedError`` for a MaxCombo plan.
    """
    if isinstance(plan.method, MaxCombo):
        raise UnsupportedError(
            "the bounds of a MaxCombo test depend on correlations that a z does not carry",
            where="decide",
            remedy="Compare the largest statistic with plan.efficacy_bounds, where events came as planned.",
        )
    number = whole_number(look)
    if number is None or number < 1 or len(earlier) != number - 1:
        raise DesignError(
            f"look {look!r} with events of {len(earlier)} earlier looks",
            where="earlier",
            remedy="Looks count from 1; give the events at each look before.",
        )
    z, seen = _read(plan, result, favours, events)
    planned = plan.events
    test, last = _test_at(plan, [*(real_number(one) for one in earlier), seen], final)
    at = number - 1
    efficacy = float(test.efficacy_bounds[at])
    futility = _some(test.futility_bounds, at)
    harm = _some(test.harm_bounds, at)
    return Decision(
        look=number,
        z=z,
        p_one_sided=float(ndtr(-z)),
        events=seen,
        planned_events=planned,
        information_fraction=seen / planned,
        efficacy_bound=efficacy,
        futility_bound=futility,
        harm_bound=harm,
        verdict=_verdict(z, efficacy, futility, harm, test.sided, last),
        binding=test.binding,
        basis=f"information by {plan.information_basis}",
        method=f"{test.efficacy}, {'one' if test.sided == 1 else 'two'}-sided alpha {test.alpha:g}",
    )


def _test_at(plan: Plan, events: list[float], final: bool | None) -> tuple[GroupSequential, bool]:
    """The test at the events of the looks so far and those planned for the looks to come, and whether there are none.

    The second look is the second planned one, early or late; planned looks that lie behind it by now are left out.
    """
    done = len(events)
    planned = (plan.test.information_fractions * plan.events).tolist()
    ahead = [] if final else [k for k in range(done, len(planned)) if planned[k] > events[-1]]
    futility = plan.test.futility
    if isinstance(futility, FutilityBounds):
        held = [value for k, value in enumerate(futility.values) if k < done or k in ahead[:-1]]
        held = held[: done + len(ahead) - 1]
        change: dict[str, Any] = {futility.kind: held}
        futility = replace(futility, **change) if any(v is not None for v in held) else None
    test = plan.test.observed(
        [*events, *(planned[k] for k in ahead)],
        planned=plan.events,
        final=True,
        futility=futility if isinstance(futility, FutilityBounds) else None,
    )
    return test, not ahead


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


def _read(plan: Plan, result: object, favours: str | None, events: object) -> tuple[float, float]:
    """Z, above zero in favour of the experimental arm, and events."""
    if isinstance(result, LogRank):
        z, seen = _logrank(plan, result, events)
    elif isinstance(result, Cox):
        z, seen = _cox(plan, result), float(result.events)
    else:
        z, seen = _raw(plan, result, favours), real_number(events)
        favours = None
        if not 0 < seen < math.inf:
            raise DesignError(f"events = {events!r}", where="events", remedy="A z alone needs its number of events.")
    if favours is not None:
        raise DesignError(
            "the result knows which arm it favours", where="favours", remedy="Give favours with a z alone."
        )
    if not math.isfinite(z):
        raise DesignError("the result has no z", where="result", remedy="See its reason.")
    return z, seen


def _logrank(plan: Plan, result: LogRank, events: object) -> tuple[float, float]:
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
    weighted = isinstance(plan.method, FlemingHarrington | ModestlyWeighted)
    wanted = plan.method if weighted else FlemingHarrington()
    if not (weighted or is_formula(plan.method) or plan.method in ("score", "average hazard ratio")):
        raise DesignError(f"the plan is for {name_of(plan.method)}", where="result", remedy="Give its z with favours=.")
    if result.weights != wanted:
        raise DesignError(
            f"the test has weight {result.weights}, the plan {wanted}", where="result", remedy="As planned."
        )
    if events is None:
        if weighted and wanted != FlemingHarrington():
            raise DesignError(
                "a weighted test does not say how many events it saw", where="events", remedy="Give them."
            )
        return float(result.z), float(result.observed.sum())
    return float(result.z), real_number(events)


def _cox(plan: Plan, result: Cox) -> float:
    people = plan.population
    if not isinstance(result.hazard_ratio, float) or people.experimental not in result.terms[0]:
        raise DesignError(
            f"the model's first term is {result.terms[0]}, the plan compares {people.experimental} with "
            f"{people.control_arm}",
            where="result",
            remedy="Fit the two arms of the plan.",
        )
    if not (is_formula(plan.method) or plan.method in ("score", "average hazard ratio")):
        raise DesignError(f"the plan is for {name_of(plan.method)}", where="result", remedy="Give its z with favours=.")
    sign = 1 if plan.event_is == "harm" else -1
    return float(sign * (math.log(plan.null_hazard_ratio) - result.coef[0]) / result.se[0])


def _raw(plan: Plan, result: object, favours: str | None) -> float:
    z = real_number(result)
    if not math.isfinite(z):
        raise DesignError(
            f"{result!r} is no result",
            where="result",
            remedy="Give a log-rank test, a Cox model, or a z with favours=.",
        )
    arms = (plan.population.experimental, plan.population.control_arm)
    if favours not in arms:
        raise DesignError(
            f"favours = {favours!r}: a z alone does not say which arm it favours where it is above zero",
            where="favours",
            remedy=f"Say {arms[0]!r} or {arms[1]!r}.",
        )
    return z if favours == arms[0] else -z
