"""Bounds of group sequential tests: which family, and the numbers that keep alpha (and power) as promised."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtri

from ..errors import DesignError
from ..results import fixed
from .crossing import Bounds, GoingOn, Vector, crossing, far_enough
from .given import real_number
from .looks import FURTHEST_Z, number
from .spending import Spending

_EXACT = 1e-13
_WIDEST = 38.0  # a normal tail beyond is no number
_NOTHING = 1e-300  # a smaller probability is none


@dataclass(frozen=True, slots=True)
class WangTsiatis:
    """Bounds c t^(delta - 1/2) (Wang and Tsiatis 1987): 0 is O'Brien-Fleming's family, 1/2 Pocock's.

    >>> print(WangTsiatis(0.3))
    Wang-Tsiatis bounds (delta 0.3)
    """

    delta: float

    def __post_init__(self) -> None:
        if not -1 <= real_number(self.delta) <= 1:
            raise DesignError(
                f"delta = {self.delta} is not between -1 and 1",
                where="Wang-Tsiatis bounds",
                remedy="0 gives O'Brien-Fleming's bounds, 0.5 Pocock's.",
            )

    def __str__(self) -> str:
        named = {0.0: "O'Brien-Fleming bounds", 0.5: "Pocock bounds"}
        return named.get(float(self.delta), f"Wang-Tsiatis bounds (delta {self.delta:g})")


def obrien_fleming() -> WangTsiatis:
    """Bounds c / sqrt t (O'Brien and Fleming 1979): early looks stop only for what is overwhelming.

    >>> print(obrien_fleming())
    O'Brien-Fleming bounds
    """
    return WangTsiatis(0.0)


def pocock() -> WangTsiatis:
    """The same bound on Z at every look (Pocock 1977).

    >>> print(pocock())
    Pocock bounds
    """
    return WangTsiatis(0.5)


@dataclass(frozen=True, slots=True)
class HaybittlePeto:
    """One high bound at every interim look (Haybittle 1971; Peto et al. 1976); the last takes what is left of alpha.

    >>> print(HaybittlePeto())
    Haybittle-Peto bounds (z 3 at interim looks)
    """

    z: float = 3.0

    def __post_init__(self) -> None:
        if not real_number(self.z) > 0:
            raise DesignError(f"z = {self.z} is not above zero", where="Haybittle-Peto bounds", remedy="Such as 3.")
        number(self.z, "z", "Haybittle-Peto bounds are such as 3.", most=FURTHEST_Z)

    def __str__(self) -> str:
        return f"Haybittle-Peto bounds (z {self.z:g} at interim looks)"


@dataclass(frozen=True, slots=True)
class PampallonaTsiatis:
    """Bounds for efficacy and futility together (Pampallona and Tsiatis 1994): c1 t^(delta - 1/2) above,
    drift sqrt t - c2 t^(delta_futility - 1/2) below, meeting at the last look. They need ``power``.

    >>> print(PampallonaTsiatis())
    Pampallona-Tsiatis bounds (delta 0, futility 0)
    """

    delta: float = 0.0
    delta_futility: float = 0.0

    def __post_init__(self) -> None:
        for value in (self.delta, self.delta_futility):
            if not -1 <= real_number(value) <= 1:
                raise DesignError(
                    f"delta = {value} is not between -1 and 1",
                    where="Pampallona-Tsiatis bounds",
                    remedy="0 is like O'Brien-Fleming's bounds, 0.5 like Pocock's.",
                )

    def __str__(self) -> str:
        return f"Pampallona-Tsiatis bounds (delta {self.delta:g}, futility {self.delta_futility:g})"


Efficacy = Spending | WangTsiatis | HaybittlePeto | PampallonaTsiatis


def none_below(fractions: Vector, upper: Vector, two_sided: bool) -> Bounds:
    """Bounds for efficacy alone."""
    lower = -upper if two_sided else np.full(len(upper), -math.inf)
    return Bounds(fractions, upper, lower, np.zeros(len(upper)))


def bound_of(going: GoingOn, fraction: float, probability: float) -> float:
    """The bound above which, at the next look, lies a probability; infinite where that is nothing.

    Its logarithm is nearly a parabola of the bound, so that digits are kept however small the probability is.
    """
    if probability < _NOTHING:
        return math.inf

    def miss(bound: float) -> float:
        found = going.above(fraction, bound)
        return (math.log(found) if found > 0 else -800.0) - math.log(probability)

    center = going.mean_at(fraction)
    low, high = center - _WIDEST, center + _WIDEST
    if miss(low) <= 0:  # no more is left than what is wanted
        return -math.inf
    # Nobody having stopped, this is the answer; those who have stopped only lower it.
    guess = center - float(ndtri(probability)) if probability < 1 else low
    if low < guess < high and miss(guess) <= 0:
        high = guess
    return float(brentq(miss, low, high, xtol=_EXACT, rtol=_EXACT))


def _far(increments: Vector) -> float:
    """How far nodes must lie where the least that is spent shall have its digits."""
    spent = increments[increments > _NOTHING]
    return far_enough(-float(ndtri(min(spent.min(), 0.5)))) if len(spent) else far_enough(0.0)


# ------------------------------------------------------------------------------------------------------ efficacy alone
def spent_bounds(fractions: Vector, increments: Vector, lower: Vector | None, two_sided: bool) -> Bounds:
    """Upper bounds that spend ``increments`` (a side) of alpha look by look, under no drift.

    ``lower`` are futility bounds that are binding: what they stop cannot cross later.
    """
    k = len(fractions)
    upper = np.empty(k)
    going = GoingOn(0.0, far=_far(increments))
    for look, (t, spend) in enumerate(zip(fractions.tolist(), increments.tolist(), strict=True)):
        upper[look] = bound_of(going, t, spend)
        if look + 1 < k:
            low = -upper[look] if two_sided else -math.inf if lower is None else float(lower[look])
            going = going.on(t, ((low, float(upper[look])),), float(fractions[look + 1]))
    return _above(fractions, upper, lower, two_sided)


def scaled_bounds(
    fractions: Vector, shape: Vector, alpha: float, two_sided: bool, lower: Vector | None = None
) -> Bounds:
    """Upper bounds c shape with the c that gives alpha (a side) in all; ``lower`` as in ``spent_bounds``."""
    far = far_enough(-float(ndtri(alpha)))

    def excess(c: float) -> float:
        return float(crossing(_above(fractions, c * shape, lower, two_sided), 0.0, far).upper.sum()) - alpha

    least = -float(ndtri(alpha)) / float(shape.max()) * (1 - 1e-9)
    most = -float(ndtri(alpha / len(shape))) / float(shape.min()) * (1 + 1e-9)  # Bonferroni
    while lower is not None and excess(least) < 0:
        least /= 2
        if least < 1e-6:
            raise _no_bounds()
    c = brentq(excess, least, most, xtol=_EXACT, rtol=_EXACT)
    return _above(fractions, c * shape, lower, two_sided)


def left_over_bounds(
    fractions: Vector,
    interim: Vector,
    alpha: float,
    two_sided: bool,
    lower: Vector | None = None,
    where: str = "Haybittle-Peto bounds",
    may_be_none: bool = False,
) -> Bounds:
    """Upper bounds ``interim`` (k - 1,), and at the last look the one that gives alpha (a side) in all. Where nothing
    is left, that is refused, or no bound."""
    upper = np.append(interim, math.inf)
    far = far_enough(-float(ndtri(alpha)))
    found = crossing(_above(fractions, upper, lower, two_sided), 0.0, far).upper.cumsum()
    left = alpha - float(found[-1])
    if left <= 0 and not may_be_none:
        look = int(np.argmax(found >= alpha))
        raise DesignError(
            f"bounds of {', '.join(f'{z:.4g}' for z in interim[: look + 1])} at {look + 1} interim looks use up more "
            "than alpha",
            where=where,
            remedy=f"Take a z above {fixed(-float(ndtri(alpha)), 2)}, such as 3, or fewer looks.",
        )
    going = GoingOn(0.0, far=far)
    bounds = _above(fractions, upper, lower, two_sided)
    for look, t in enumerate(fractions[:-1].tolist()):
        going = going.on(t, bounds.regions(look), float(fractions[look + 1]))
    upper[-1] = bound_of(going, float(fractions[-1]), left)  # infinite where nothing is left
    return _above(fractions, upper, lower, two_sided)


def _above(fractions: Vector, upper: Vector, lower: Vector | None, two_sided: bool) -> Bounds:
    """Upper bounds over lower ones that are binding, or over none; at the last look they meet."""
    if lower is None:
        return none_below(fractions, upper, two_sided)
    return Bounds(fractions, upper, np.append(lower[:-1], upper[-1]), np.zeros(len(upper)))


def _no_bounds() -> DesignError:
    return DesignError(
        "under futility that binds so early, no bounds for efficacy use up alpha",
        where="futility",
        remedy="Lower the bounds for futility, or take binding=False.",
    )


def efficacy_bounds(
    fractions: Vector,
    spending: Vector,
    efficacy: Spending | WangTsiatis | HaybittlePeto,
    side: float,
    two_sided: bool,
    lower: Vector | None = None,
) -> Bounds:
    """Upper bounds that keep alpha (a side) over ``lower`` ones that are binding, or over none."""
    if isinstance(efficacy, WangTsiatis):
        return scaled_bounds(fractions, fractions ** (efficacy.delta - 0.5), side, two_sided, lower)
    if isinstance(efficacy, HaybittlePeto):
        return left_over_bounds(fractions, np.full(len(fractions) - 1, efficacy.z), side, two_sided, lower)
    return spent_bounds(fractions, np.diff(efficacy.spent(spending, side), prepend=0.0), lower, two_sided)


# --------------------------------------------------------------------------------------------- power, and futility too
def drift_for(power: Callable[[float], float], wanted: float, fixed: float) -> float:
    """The drift at which a test has the power that is wanted; ``fixed`` is what it takes without looks."""
    high = fixed
    while power(high) < wanted:
        high *= 1.5
        if high > 50 * max(fixed, 1.0):
            raise DesignError(
                f"no effect gives a power of {wanted:g} under these bounds",
                where="power",
                remedy="Take less power, or bounds for futility that are lower.",
            )
    low = fixed * (1 - 1e-9) if power(fixed * (1 - 1e-9)) < wanted else 0.0
    return float(brentq(lambda x: power(x) - wanted, low, high, xtol=_EXACT, rtol=_EXACT))


def efficacy_power(bounds: Bounds, drift: float) -> float:
    """The probability of crossing the upper bound at any look."""
    return float(crossing(bounds, drift).upper.sum())


def with_futility(efficacy: Bounds, increments: Vector, drift: float) -> Bounds:
    """Lower bounds under which ``increments`` (k,) of the error of the second kind are spent at a drift, with the upper
    bounds as they are; the last is the upper one, whatever is spent there."""
    k = len(efficacy.fractions)
    lower = np.empty(k)
    going = GoingOn(-drift, far=_far(increments))  # turned round, so that below is above
    for look, (t, spend) in enumerate(zip(efficacy.fractions.tolist(), increments.tolist(), strict=True)):
        upper = float(efficacy.upper[look])
        lower[look] = upper if look + 1 == k else min(-bound_of(going, t, spend), upper)
        if look + 1 < k:
            going = going.on(t, ((-upper, -float(lower[look])),), float(efficacy.fractions[look + 1]))
    return replace(efficacy, lower=lower)


def both_spent(fractions: Vector, alpha: Vector, beta: Vector, drift: float) -> Bounds:
    """Bounds of which the lower are binding: alpha spent under no drift and beta under ``drift``, look by look."""
    k = len(fractions)
    upper, lower = np.empty(k), np.empty(k)
    none, some = GoingOn(0.0, far=_far(alpha)), GoingOn(-drift, far=_far(beta))
    for look, t in enumerate(fractions.tolist()):
        upper[look] = bound_of(none, t, float(alpha[look]))
        lower[look] = upper[look] if look + 1 == k else min(-bound_of(some, t, float(beta[look])), upper[look])
        if look + 1 < k:
            low, high, ahead = float(lower[look]), float(upper[look]), float(fractions[look + 1])
            none, some = none.on(t, ((low, high),), ahead), some.on(t, ((-high, -low),), ahead)
    return Bounds(fractions, upper, lower, np.zeros(k))


def pampallona_tsiatis_bounds(
    fractions: Vector, family: PampallonaTsiatis, alpha: float, power: float, two_sided: bool, binding: bool
) -> tuple[Bounds, float]:
    """Bounds and drift: both constants, so that alpha (a side) and power are kept.

    At information 1 the bounds meet, so the drift is the sum of the constants. Two-sided, the trial stops for futility
    between -inner and inner bounds, where they are above zero.
    """
    up, down = fractions ** (family.delta - 0.5), fractions ** (family.delta_futility - 0.5)
    k = len(fractions)

    def bounds(c1: float, c2: float) -> Bounds:
        upper = c1 * up
        inside = np.minimum((c1 + c2) * np.sqrt(fractions) - c2 * down, upper)
        inside[-1] = upper[-1]
        if two_sided:
            return Bounds(fractions, upper, -upper, np.maximum(inside, 0.0))
        return Bounds(fractions, upper, inside, np.zeros(k))

    def second(c1: float) -> float:
        """The constant of futility that gives power."""

        def missing(c2: float) -> float:
            return efficacy_power(bounds(c1, c2), c1 + c2) - power

        return _root(missing, 1e-6, 3.0)

    if binding:

        def excess(c1: float) -> float:
            return alpha - efficacy_power(bounds(c1, second(c1)), 0.0)

        z = -float(ndtri(alpha))
        c1 = _root(excess, 0.5 * z, 1.2 * z * math.sqrt(k))
    else:
        c1 = float(scaled_bounds(fractions, up, alpha, two_sided).upper[-1])
    c2 = second(c1)
    return bounds(c1, c2), c1 + c2


def _root(rising: Callable[[float], float], low: float, high: float) -> float:
    """Where a constant of Pampallona-Tsiatis bounds does what it shall, looked for from low to high and beyond."""
    for _ in range(8):
        if rising(high) >= 0:
            break
        high *= 1.5
    if rising(low) > 0 or rising(high) < 0:
        raise DesignError(
            "no constants give that alpha and power",
            where="Pampallona-Tsiatis bounds",
            remedy="Take a delta nearer to 0, fewer early looks, or more power.",
        )
    return float(brentq(rising, low, high, xtol=_EXACT, rtol=_EXACT))
