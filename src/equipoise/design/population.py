"""Who will be in the trial: arms and strata, how fast they come, how fast they have events and drop out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import DesignError, UnsupportedError
from ..units import days
from .accrual import Accrual
from .course import Course, Stratum
from .given import FrozenMapping, named, real_number
from .hazards import Hazard, HazardRatio

_NOBODY = Hazard((0.0,), (0.0,))
_SUM = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """The assumptions of a design that are not solved for.

    ``control`` is the hazard of the control arm by stratum, ``strata`` are the shares of the patients (one stratum
    without a name where there are none), ``allocation`` goes to the experimental and the control arm, ``dropout`` is by
    arm.
    """

    experimental: str
    control_arm: str
    allocation: tuple[float, float]
    strata: Mapping[str, float]
    control: Mapping[str, Hazard]
    dropout: Mapping[str, Hazard]
    follow_up_each: float

    @property
    def share(self) -> float:
        """The experimental arm's share of the patients."""
        return self.allocation[0] / sum(self.allocation)

    def course(self, ratios: Mapping[str, HazardRatio], accrual: Accrual) -> Course:
        """What the trial is expected to do under hazard ratios by stratum."""
        strata = tuple(Stratum(share, self.control[name], ratios[name]) for name, share in self.strata.items())
        leaving = (self.dropout[self.control_arm], self.dropout[self.experimental])
        return Course(strata, accrual, leaving, self.share, self.follow_up_each)


def population(
    control: Hazard | Mapping[str, Hazard],
    allocation: Mapping[str, float],
    dropout: Hazard | Mapping[str, Hazard] | None,
    strata: Mapping[str, float] | None,
    follow_up_each: str | None,
) -> Population:
    """Assumptions as callers give them, or why they are none."""
    experimental, control_arm, pair = _arms(allocation)
    shares = _strata(strata)
    hazards = by_name(control, list(shares), "control", "stratum", 'eq.design.median("2.4 months")')
    leaving = by_name(
        _NOBODY if dropout is None else dropout, [experimental, control_arm], "dropout", "arm", "dropout(...)"
    )
    for name, one in hazards.items():
        if not any(one.rates):
            raise DesignError(
                "nobody of the control arm ever has an event", where=f"control {name}".strip(), remedy="Give a hazard."
            )
    each = math.inf if follow_up_each is None else days(follow_up_each)
    if not each > 0:
        raise DesignError("nobody is followed", where="follow_up_each", remedy='Such as "24 months", or None.')
    return Population(
        experimental=experimental,
        control_arm=control_arm,
        allocation=pair,
        strata=FrozenMapping(shares),
        control=FrozenMapping(hazards),
        dropout=FrozenMapping(leaving),
        follow_up_each=each,
    )


def ratios_of(given: object, strata: Mapping[str, float]) -> dict[str, HazardRatio]:
    """Hazard ratios by stratum, from a number, a piecewise ratio, or either by stratum."""
    if not isinstance(given, Mapping):
        given = dict.fromkeys(strata, given)
    if set(given) != set(strata):
        raise DesignError(
            f"hazard ratios are given for {', '.join(map(str, given))}, strata are {', '.join(strata) or 'none'}",
            where="hazard_ratio",
            remedy="Give one a stratum.",
        )
    return {name: _ratio(given[name]) for name in strata}


def _ratio(given: object) -> HazardRatio:
    if isinstance(given, HazardRatio):
        return given
    value = real_number(given)
    if not 0 < value < math.inf:
        raise DesignError(
            f"a hazard ratio of {given!r} is none",
            where="hazard_ratio",
            remedy="Give a number above zero, such as 0.7.",
        )
    return HazardRatio((0.0,), (value,))


def by_name(
    given: Hazard | Mapping[str, Hazard], names: list[str], where: str, what: str, such: str
) -> dict[str, Hazard]:
    """One for all names, or one for each."""
    if isinstance(given, Hazard):
        return dict.fromkeys(names, given)
    if not isinstance(given, Mapping) or not all(isinstance(one, Hazard) for one in given.values()):
        raise DesignError(f"{given!r} is none", where=where, remedy=f"Such as {such}, or one by {what}.")
    if set(given) != set(names):
        raise DesignError(
            f"given for {', '.join(map(str, given))}, not for {', '.join(names) or 'a trial without strata'}",
            where=where,
            remedy=f"Give one for each {what}.",
        )
    return {name: given[name] for name in names}


def _arms(allocation: object) -> tuple[str, str, tuple[float, float]]:
    if not named(allocation) or len(allocation) < 2:  # type: ignore[arg-type]
        raise DesignError(
            f"{allocation!r} is no allocation to two arms",
            where="allocation",
            remedy='Give the experimental arm first: {"T+A": 1, "A": 1}.',
        )
    assert isinstance(allocation, Mapping)
    if len(allocation) > 2:
        raise UnsupportedError(
            f"a trial of {len(allocation)} arms has no design here",
            where="allocation",
            remedy="Two arms can be designed.",
        )
    pair = [real_number(share) for share in allocation.values()]
    if not all(0 < share < math.inf for share in pair) or max(pair) / min(pair) > 100:
        raise DesignError(
            f"an allocation of {dict(allocation)} is none", where="allocation", remedy='Such as {"T+A": 2, "A": 1}.'
        )
    experimental, control = allocation
    return experimental, control, (pair[0], pair[1])


def _strata(strata: object) -> dict[str, float]:
    if strata is None:
        return {"": 1.0}
    if not named(strata) or not strata:
        raise DesignError(
            f"{strata!r} gives no shares by stratum", where="strata", remedy='Such as {"liver": 0.4, "other": 0.6}.'
        )
    assert isinstance(strata, Mapping)
    shares = {name: real_number(share) for name, share in strata.items()}
    if not all(0 < share <= 1 for share in shares.values()) or abs(sum(shares.values()) - 1) > _SUM:
        raise DesignError(
            f"the shares of the strata {dict(strata)} do not add up to 1", where="strata", remedy="Give shares above 0."
        )
    return shares
