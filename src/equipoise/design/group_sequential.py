"""A group sequential test: its looks, its bounds on Z, and what they cost and promise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from scipy.special import ndtr, ndtri

from .. import results
from ..errors import DesignError
from .boundaries import (
    Efficacy,
    HaybittlePeto,
    PampallonaTsiatis,
    WangTsiatis,
    both_spent,
    drift_for,
    efficacy_bounds,
    efficacy_power,
    none_below,
    pampallona_tsiatis_bounds,
    with_futility,
)
from .crossing import Bounds, Crossing, Vector, crossing, far_enough
from .given import real_number, whole_number
from .looks import FURTHEST_Z, LEAST_ALPHA, apart, drift_given, shares
from .spending import Spending

Sided = Literal[1, 2]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GroupSequential:
    """A group sequential test of k looks; arrays are (k,).

    ``efficacy_bounds`` are on Z, above zero in favour of the experimental arm; a two-sided test has them on both sides.
    ``futility_bounds`` (None without futility) lie below them, and meet them at the last look; two-sided, they are
    bounds on the absolute Z, and zero where there is none. Where they are not ``binding``, alpha is kept whether they
    are obeyed or not. ``nominal_p`` is the P value (one- or two-sided, as the test is) at the efficacy bounds;
    ``alpha_spent`` and ``beta_spent`` are cumulative. ``drift`` is the mean of Z at the last look at which the test has
    ``power`` for the experimental arm, and ``inflation`` the information that it needs over that of a test without
    looks; None where no power was asked for.
    """

    alpha: float
    sided: Sided
    information_fractions: Vector
    spending_fractions: Vector
    efficacy: Efficacy
    futility: Spending | None
    binding: bool
    power: float | None
    efficacy_bounds: Vector
    futility_bounds: Vector | None
    nominal_p: Vector
    alpha_spent: Vector
    beta_spent: Vector | None
    drift: float | None
    inflation: float | None
    bounds: Bounds
    method: str

    def __post_init__(self) -> None:
        results.read_only(self)

    def crossing(self, drift: float) -> Crossing:
        """Probabilities of stopping at each look where the mean of Z is drift sqrt(information fraction), with futility
        bounds obeyed.

        >>> from equipoise.design import LanDeMets
        >>> test = group_sequential(alpha=0.025, sided=1, information_fractions=[0.5, 1], efficacy=LanDeMets("pocock"))
        >>> test.crossing(0.0).upper.cumsum().round(6).tolist()
        [0.015503, 0.025]
        """
        return crossing(self.bounds, drift_given(drift))

    def expected_information(self, drift: float) -> float:
        """The mean share of the planned information at which the trial stops, futility bounds obeyed."""
        return float(self.crossing(drift).stopping @ self.information_fractions)

    def __str__(self) -> str:
        looks = ", ".join(
            f"{results.fixed(z, 3)} at {t:g}" if math.isfinite(z) else f"{t:g} (no bound)"
            for t, z in zip(self.information_fractions.tolist(), self.efficacy_bounds.tolist(), strict=True)
        ).replace(" at ", " at information fraction ", 1)
        sides = "one" if self.sided == 1 else "two"
        return f"{self.method}, {sides}-sided alpha {self.alpha:g}: efficacy z {looks}"


def group_sequential(
    *,
    alpha: float,
    sided: Sided,
    information_fractions: Sequence[float],
    efficacy: Efficacy,
    futility: Spending | None = None,
    binding: bool = False,
    power: float | None = None,
    spending_fractions: Sequence[float] | None = None,
) -> GroupSequential:
    """The bounds at which a trial with interim looks may stop, so that the chance of a false claim stays at alpha.

    ``alpha`` is that of the whole test, so a two-sided test of 0.05 has 0.025 on each side. ``information_fractions``
    rise to 1. ``efficacy`` is a family of bounds (``WangTsiatis``, ``obrien_fleming``, ``pocock``, ``HaybittlePeto``,
    ``PampallonaTsiatis``) or a spending function (``LanDeMets``, ``KimDeMets``, ``HwangShihDeCani``, ``UserSpending``).
    ``futility`` spends the error of the second kind, 1 - power, at the drift at which the test has ``power``; its
    bounds are not binding unless said so. ``spending_fractions`` are the shares at which errors are spent, where these
    are not those of the information (calendar time, or the lesser of both).

    Z at the looks has the law of Brownian motion at the fractions; probabilities by recursive integration (Armitage,
    McPherson and Rowe 1969; Jennison and Turnbull 2000), bounds to about 1e-12.

    Raises ``DesignError`` for what is no test, and for power that is not above alpha.

    >>> from equipoise.design import obrien_fleming
    >>> test = group_sequential(alpha=0.025, sided=1, information_fractions=[1/3, 2/3, 1], efficacy=obrien_fleming())
    >>> test.efficacy_bounds.round(4).tolist()
    [3.4711, 2.4544, 2.004]
    """
    fractions = apart(shares(information_fractions, "information_fractions"), "information_fractions")
    side = _side(alpha, sided)
    _check_families(efficacy, futility, binding)
    spending = fractions if spending_fractions is None else shares(spending_fractions, "spending_fractions")
    if len(spending) != len(fractions):
        raise DesignError(
            f"{len(spending)} spending fractions are given for {len(fractions)} looks",
            where="spending_fractions",
            remedy="Give one a look.",
        )
    two_sided = sided == 2
    _check_power(power, side, futility, efficacy)
    fixed = math.nan if power is None else -float(ndtri(side)) + float(ndtri(power))
    if isinstance(efficacy, PampallonaTsiatis):
        assert power is not None
        bounds, drift = pampallona_tsiatis_bounds(fractions, efficacy, side, power, two_sided, binding)
    else:
        bounds = efficacy_bounds(fractions, spending, efficacy, side, two_sided)
        drift = math.nan
        if power is not None:
            bounds, drift = _powered(bounds, spending, efficacy, side, futility, binding, power, fixed, two_sided)
    futile = futility is not None or isinstance(efficacy, PampallonaTsiatis)
    upper = bounds.upper
    far = far_enough(float(upper[upper < FURTHEST_Z].max(initial=0.0)))  # so that an early 1e-20 has its digits
    alone = crossing(bounds if binding and futile else none_below(fractions, upper, two_sided), 0.0, far)
    obeyed = crossing(bounds, drift) if power is not None else None
    return GroupSequential(
        alpha=alpha,
        sided=sided,
        information_fractions=fractions,
        spending_fractions=spending,
        efficacy=efficacy,
        futility=futility,
        binding=binding and futile,
        power=power,
        efficacy_bounds=upper,
        futility_bounds=(bounds.inner if two_sided else bounds.lower) if futile else None,
        nominal_p=sided * ndtr(-upper),
        alpha_spent=sided * np.cumsum(alone.upper),
        beta_spent=_beta_spent(obeyed, upper, two_sided) if futile and obeyed else None,
        drift=None if power is None else drift,
        inflation=None if power is None else (drift / fixed) ** 2,
        bounds=bounds,
        method=_method(efficacy, futility, binding),
    )


def _beta_spent(obeyed: Crossing, upper: Vector, two_sided: bool) -> Vector:
    spent = np.cumsum(obeyed.within if two_sided else obeyed.lower)
    spent[-1] = 1 - obeyed.upper.sum()
    return np.asarray(spent)


def _powered(
    bounds: Bounds,
    spending: Vector,
    efficacy: Efficacy,
    side: float,
    futility: Spending | None,
    binding: bool,
    power: float,
    fixed: float,
    two_sided: bool,
) -> tuple[Bounds, float]:
    """Bounds with futility, if that is asked for, and the drift at which they have power."""
    if futility is None:
        return bounds, drift_for(lambda drift: efficacy_power(bounds, drift), power, fixed)
    if two_sided:
        raise DesignError(
            "futility by spending is for one-sided tests",
            where="futility",
            remedy="Take sided=1 with half of alpha, or PampallonaTsiatis().",
        )
    beta = np.diff(futility.spent(spending, 1 - power), prepend=0.0)
    fractions = bounds.fractions
    if not binding:
        drift = drift_for(lambda x: efficacy_power(with_futility(bounds, beta, x), x), power, fixed)
        return with_futility(bounds, beta, drift), drift
    if isinstance(efficacy, WangTsiatis | HaybittlePeto | PampallonaTsiatis):
        raise DesignError(
            f"binding futility goes with an efficacy that is spent, not with {efficacy}",
            where="binding",
            remedy="Take binding=False, or a spending function.",
        )
    alpha = np.diff(efficacy.spent(spending, side), prepend=0.0)
    drift = drift_for(lambda x: efficacy_power(both_spent(fractions, alpha, beta, x), x), power, fixed)
    return both_spent(fractions, alpha, beta, drift), drift


def _side(alpha: float, sided: int) -> float:
    """Alpha of one side."""
    if whole_number(sided) not in (1, 2):
        raise DesignError(
            f"sided = {sided!r} is neither 1 nor 2", where="sided", remedy="Say which; there is no default."
        )
    _check_number("alpha", alpha)
    if not 0 < alpha < 0.5:
        nearest = "0.025" if sided == 1 else "0.05"
        raise DesignError(f"alpha = {alpha} is not between 0 and 0.5", where="alpha", remedy=f"Such as {nearest}.")
    if alpha < LEAST_ALPHA:
        raise DesignError(
            f"alpha = {alpha:g} is below {LEAST_ALPHA:g}", where="alpha", remedy=f"Take {LEAST_ALPHA:g}, or more."
        )
    return alpha / sided


def _check_number(name: str, value: object) -> None:
    if math.isnan(real_number(value)) and not isinstance(value, float):
        raise DesignError(
            f"{name} = {value!r} is no number", where=name, remedy="Such as 0.025 of alpha, 0.9 of power."
        )


def _check_families(efficacy: object, futility: object, binding: bool) -> None:
    if not isinstance(binding, bool | np.bool_):
        raise DesignError(f"binding = {binding!r} is neither True nor False", where="binding", remedy="Say which.")
    if not isinstance(efficacy, get_args(Efficacy)):
        raise DesignError(
            f"{efficacy!r} is no family of efficacy bounds",
            where="efficacy",
            remedy='Give such as obrien_fleming() or LanDeMets("obrien-fleming").',
        )
    if futility is None:
        if binding and not isinstance(efficacy, PampallonaTsiatis):
            raise DesignError("there is no futility that could be binding", where="binding", remedy="Give futility.")
    elif isinstance(efficacy, PampallonaTsiatis):
        raise DesignError(
            "Pampallona-Tsiatis bounds bring their own futility", where="futility", remedy="Leave futility out."
        )
    elif not isinstance(futility, get_args(Spending)):
        raise DesignError(
            f"{futility!r} is no spending function", where="futility", remedy="Give such as HwangShihDeCani(-2)."
        )


def _check_power(power: float | None, side: float, futility: Spending | None, efficacy: Efficacy) -> None:
    if power is None:
        if futility is not None or isinstance(efficacy, PampallonaTsiatis):
            raise DesignError(
                "bounds for futility depend on the power that the test shall have",
                where="power",
                remedy="Give it, such as power=0.9.",
            )
        return
    _check_number("power", power)
    if not side < power < 1:
        raise DesignError(
            f"power = {power} is not above the {side:g} that a test without any effect has, and below 1",
            where="power",
            remedy=f"Take more than {side:g}, such as 0.9.",
        )


def _method(efficacy: Efficacy, futility: Spending | None, binding: bool) -> str:
    text = f"group sequential test with {efficacy}"
    if futility is not None:
        text += f", {'' if binding else 'non-'}binding futility by {futility}"
    elif isinstance(efficacy, PampallonaTsiatis):
        text += f", futility {'' if binding else 'not '}binding"
    return text
