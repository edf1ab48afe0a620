"""A planned test at the information that was actually seen."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DesignError
from .asked import Asked, Futility
from .boundaries import PampallonaTsiatis, WangTsiatis, scaled_bounds
from .crossing import Vector
from .futility import FutilityBounds
from .looks import LEAST_DISTANCE, above_zero, apart, numbers, rising

if TYPE_CHECKING:
    from .group_sequential import GroupSequential


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seen:
    """How a test came from a plan: ``looks`` of it are done, and its final information is ``share`` of that planned."""

    plan: GroupSequential
    looks: int
    share: float


def as_observed(
    plan: GroupSequential,
    information: object,
    planned: object,
    final: object,
    spending_fractions: object,
    futility: FutilityBounds | None,
) -> tuple[Asked, Seen]:
    """What the test is at the information observed; arguments as in ``GroupSequential.observed``."""
    done, whole = _information(plan, information, planned)
    if not isinstance(final, bool | np.bool_):
        raise DesignError(f"final = {final!r} is neither True nor False", where="final", remedy="Say which.")
    ahead = plan.information_fractions > done[-1] / whole + LEAST_DISTANCE * (1 - 1e-9)
    if final:
        ahead[:] = False
    everything = np.append(done, plan.information_fractions[ahead] * whole)
    early = done[:-1] >= whole
    if early.any():
        look = int(np.argmax(early))
        raise DesignError(
            f"look {look + 1} had {done[look]:g} of the information, all of the {whole:g} that are planned",
            where="information",
            remedy=f"It was the last: give the first {look + 1} only, or the planned information.",
        )
    fractions = apart(everything / everything[-1], "information")
    fractions[-1] = 1.0
    share = float(everything[-1] / whole)
    asked = Asked(
        fractions=fractions,
        spending=_spending(plan, done / whole, plan.spending_fractions[ahead], spending_fractions),
        side=plan.alpha / plan.sided,
        two_sided=plan.sided == 2,
        efficacy=plan.efficacy,
        futility=_futility(plan, futility, len(fractions), share),
        binding=plan.binding and len(fractions) > 1,
        harm=plan.harm,
        interim=interim_bounds(plan, float(plan.efficacy_bounds[-1]), fractions[:-1] * share),
    )
    return asked, Seen(plan=plan, looks=len(done), share=share)


def interim_bounds(plan: GroupSequential, constant: float, of_planned: Vector) -> Vector | None:
    """Bounds of a Wang-Tsiatis family at shares of the planned information; None for other families."""
    if not isinstance(plan.efficacy, WangTsiatis):
        return None
    return constant * np.asarray(of_planned) ** (plan.efficacy.delta - 0.5)


def constant_at(plan: GroupSequential, side: float) -> float:
    """The constant of the Wang-Tsiatis bounds that are planned, without futility, at an alpha (a side)."""
    assert isinstance(plan.efficacy, WangTsiatis)
    fractions = plan.information_fractions
    shape = fractions ** (plan.efficacy.delta - 0.5)
    return float(scaled_bounds(fractions, shape, side, plan.sided == 2).upper[-1])


def _information(plan: GroupSequential, information: object, planned: object) -> tuple[Vector, float]:
    if plan.seen is not None:
        raise DesignError(
            "the test is at observed information already",
            where="observed",
            remedy="Take the test as it was planned, with the information at all looks so far.",
        )
    if isinstance(plan.efficacy, PampallonaTsiatis):
        raise DesignError(
            "Pampallona-Tsiatis bounds hold for the looks that are planned",
            where="observed",
            remedy="Plan with a spending function, such as LanDeMets, and futility by spending.",
        )
    done = numbers(information, "information", "Give a sequence, one number a look: events, or information.")
    rising(done, "information")
    return done, above_zero(planned, "planned", "Give the planned final information, in the unit of the observed.")


def _spending(plan: GroupSequential, of_planned: Vector, ahead: Vector, given: object) -> Vector:
    """Shares at which errors are spent; the last look spends all."""
    if given is None:
        if not np.allclose(plan.spending_fractions, plan.information_fractions, rtol=0, atol=1e-9):
            raise DesignError(
                "the test spends its errors at other fractions than those of the information",
                where="spending_fractions",
                remedy="Give them for the looks done: see calendar_fractions and lesser_fractions.",
            )
        done = np.minimum(of_planned, 1.0)
    else:
        done = numbers(given, "spending_fractions", "Give one number a look that is done.")
        looks = len(of_planned)
        if len(done) not in (looks, looks + len(ahead)):
            raise DesignError(
                f"{len(done)} spending fractions are given for {looks} looks that are done and {len(ahead)} to come",
                where="spending_fractions",
                remedy="Give one a look, for those done or for all; the last spends all that is left.",
            )
        ahead = ahead[len(done) - looks :]
    found = np.append(done, ahead)
    found[-1] = 1.0
    rising(found, "spending_fractions")
    return found


def _futility(plan: GroupSequential, given: FutilityBounds | None, looks: int, share: float) -> Futility | None:
    if given is not None and not (isinstance(given, FutilityBounds) and isinstance(plan.futility, FutilityBounds)):
        raise DesignError(
            f"futility = {given!r}",
            where="futility",
            remedy="It takes the place of FutilityBounds that are planned; spending knows looks that were not planned.",
        )
    futility = plan.futility if given is None else given
    if not isinstance(futility, FutilityBounds):
        return futility
    if looks == 1:
        return None
    if len(futility.values) != looks - 1:
        raise DesignError(
            f"there are {looks - 1} interim looks, and futility bounds for {len(futility.values)}",
            where="futility",
            remedy="Give observed(..., futility=FutilityBounds(...)) with one an interim look, None for no bound.",
        )
    return futility if futility.information is None else replace(futility, information=share * futility.information)


def drift_seen(plan: GroupSequential, share: float) -> float:
    """The drift at the final information of the effect that is planned; ``nan`` without one."""
    return math.nan if plan.drift is None else plan.drift * math.sqrt(share)
