"""A group sequential test: its looks, its bounds on Z, and what they cost and promise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import ndtr, ndtri

from .. import results
from ..errors import DesignError
from .asked import Asked, Futility, check_asked, side_of
from .boundaries import Efficacy, PampallonaTsiatis, efficacy_power, none_below, pampallona_tsiatis_bounds
from .crossing import Bounds, Crossing, GoingOn, Vector, crossing, far_enough
from .futility import FutilityBounds, Harm
from .looks import FURTHEST_Z, apart, drift_given, shares
from .observed import Seen, as_observed, drift_seen
from .solved import bounds_under, check_order, harm_bounds, solved

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
    looks; None where no power was asked for. ``harm_bounds`` (None without harm) lie below those for futility: at or
    below them the experimental arm is claimed to be worse. A futility bound of ``-inf`` is none.
    ``seen`` tells of the plan, where the test is one at observed information.
    """

    alpha: float
    sided: Sided
    information_fractions: Vector
    spending_fractions: Vector
    efficacy: Efficacy
    futility: Futility | None
    binding: bool
    harm: Harm | None
    power: float | None
    efficacy_bounds: Vector
    futility_bounds: Vector | None
    harm_bounds: Vector | None
    nominal_p: Vector
    alpha_spent: Vector
    beta_spent: Vector | None
    drift: float | None
    inflation: float | None
    bounds: Bounds
    method: str
    seen: Seen | None = None

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

    def observed(
        self,
        information: Sequence[float],
        *,
        planned: float,
        final: bool = False,
        spending_fractions: Sequence[float] | None = None,
        futility: FutilityBounds | None = None,
    ) -> GroupSequential:
        """This test at the information, or events, seen at the looks done so far (m,): added, skipped, early or late.

        ``planned`` is the final information of the plan. The planned looks beyond the last one seen follow, unless that
        is the ``final`` one or had all the planned information; fractions are of what there is in the end. A spending
        function spends at the share of the planned information, 1 at most, or at ``spending_fractions`` of the looks
        done (m,) or of all, such as ``calendar_fractions`` or ``lesser_fractions``; the last look spends all that is
        left, and bounds before it stay what they were (Lan and DeMets 1983; Wassmer and Brannath 2016). Alpha is kept
        where looks are not timed by what was seen of the effect.
        Wang-Tsiatis and Haybittle-Peto bounds keep their constants at interim looks, and the last takes what these
        leave of alpha. Futility and harm are spent in the same way, at the effect that is planned, of which ``power``
        becomes what these looks have; ``FutilityBounds`` hold look by look, or are given anew as ``futility``.

        Always called on the plan, with all looks so far. Raises ``DesignError`` for information that does not rise,
        Pampallona-Tsiatis bounds, and looks that leave nothing of alpha.

        >>> from equipoise.design import LanDeMets
        >>> test = group_sequential(alpha=0.025, sided=1, information_fractions=[0.5, 1],
        ...                         efficacy=LanDeMets("obrien-fleming"))
        >>> test.observed([105], planned=200).efficacy_bounds.round(4).tolist()
        [2.8816, 1.9711]
        >>> test.observed([105, 190], planned=200, final=True).efficacy_bounds.round(4).tolist()
        [2.8816, 1.9699]
        """
        asked, seen = as_observed(self, information, planned, final, spending_fractions, futility)
        drift = drift_seen(self, seen.share)
        bounds = bounds_under(asked, None if self.power is None else 1 - self.power)(drift)
        check_order(asked, bounds)
        if self.power is None:
            return assembled(asked, bounds, None, None, seen)
        return assembled(asked, bounds, efficacy_power(bounds, drift), drift, seen)

    def harm_crossing(self, drift: float) -> Vector:
        """The probability of a claim of harm at each look (k,), the trial stopping at the first bound of any kind
        that it reaches. Raises ``DesignError`` where the test has no bounds for harm."""
        if self.harm_bounds is None:
            raise DesignError("the test has no bounds for harm", where="harm", remedy="Give it Harm(spending, error).")
        going, found = GoingOn(drift_given(drift)), []
        times = self.information_fractions.tolist()
        for look, t in enumerate(times):
            found.append(going.below(t, float(self.harm_bounds[look])))
            if look + 1 < len(times):
                low = max(float(self.bounds.lower[look]), float(self.harm_bounds[look]))
                going = going.on(t, ((low, float(self.efficacy_bounds[look])),), times[look + 1])
        return np.array(found)

    def __str__(self) -> str:
        looks = ", ".join(
            f"{results.fixed(z, 3)} at {t:g}" if math.isfinite(z) else f"{t:g} (no bound)"
            for t, z in zip(self.information_fractions.tolist(), self.efficacy_bounds.tolist(), strict=True)
        ).replace(" at ", " at information fraction ", 1)
        sides = "one" if self.sided == 1 else "two"
        return f"{self.method}, {sides}-sided alpha {self.alpha:g}: efficacy z {looks}"


def check_test(test: object) -> None:
    """Refuses what is no group sequential test, such as the plan that has one."""
    if not isinstance(test, GroupSequential):
        plan = hasattr(test, "test")
        raise DesignError(
            f"{'a plan' if plan else repr(test)} is no group sequential test",
            where="test",
            remedy="Give its test: plan.test." if plan else "Give what group_sequential() returns.",
        )


def group_sequential(
    *,
    alpha: float,
    sided: Sided,
    information_fractions: Sequence[float],
    efficacy: Efficacy,
    futility: Futility | None = None,
    binding: bool = False,
    harm: Harm | None = None,
    power: float | None = None,
    spending_fractions: Sequence[float] | None = None,
) -> GroupSequential:
    """The bounds at which a trial with interim looks may stop, so that the chance of a false claim stays at alpha.

    ``alpha`` is that of the whole test, so a two-sided test of 0.05 has 0.025 on each side. ``information_fractions``
    rise to 1. ``efficacy`` is a family of bounds (``WangTsiatis``, ``obrien_fleming``, ``pocock``, ``HaybittlePeto``,
    ``PampallonaTsiatis``) or a spending function (``LanDeMets``, ``KimDeMets``, ``HwangShihDeCani``, ``UserSpending``).
    ``futility`` spends the error of the second kind, 1 - power, at the drift at which the test has ``power``; its
    bounds are not binding unless said so. ``FutilityBounds`` sets them on other scales, and needs no power unless they
    are under the effect of the design; binding, they lower the efficacy bounds as far as alpha allows. ``harm`` adds
    bounds for a claim of harm, on which neither alpha nor power counts. ``spending_fractions`` are the shares at which
    errors are spent, where these are not those of the information (calendar time, or the lesser of both).

    Z at the looks has the law of Brownian motion at the fractions; probabilities by recursive integration (Armitage,
    McPherson and Rowe 1969; Jennison and Turnbull 2000), bounds to about 1e-12.

    Raises ``DesignError`` for what is no test, and for power that is not above alpha.

    >>> from equipoise.design import obrien_fleming
    >>> test = group_sequential(alpha=0.025, sided=1, information_fractions=[1/3, 2/3, 1], efficacy=obrien_fleming())
    >>> test.efficacy_bounds.round(4).tolist()
    [3.4711, 2.4544, 2.004]
    """
    fractions = apart(shares(information_fractions, "information_fractions"), "information_fractions")
    side = side_of(alpha, sided)
    check_asked(efficacy, futility, binding, harm, power, side, sided)
    spending = fractions if spending_fractions is None else shares(spending_fractions, "spending_fractions")
    if len(spending) != len(fractions):
        raise DesignError(
            f"{len(spending)} spending fractions are given for {len(fractions)} looks",
            where="spending_fractions",
            remedy="Give one a look.",
        )
    two_sided = sided == 2
    asked = Asked(
        fractions=fractions,
        spending=spending,
        side=side,
        two_sided=two_sided,
        efficacy=efficacy,
        futility=futility,
        binding=bool(binding),
        harm=harm,
    )
    if isinstance(efficacy, PampallonaTsiatis):
        assert power is not None
        bounds, drift = pampallona_tsiatis_bounds(fractions, efficacy, side, power, two_sided, asked.binding)
    else:
        bounds, drift = solved(asked, power)
    return assembled(asked, bounds, power, None if power is None else drift)


def assembled(
    asked: Asked, bounds: Bounds, power: float | None, drift: float | None, seen: Seen | None = None
) -> GroupSequential:
    """The record of a test whose bounds are known; ``seen`` are the looks done so far of a test that was planned."""
    futile = asked.futility is not None or isinstance(asked.efficacy, PampallonaTsiatis)
    if (bounds.upper == -math.inf).any():
        look = int(np.argmax(bounds.upper == -math.inf)) + 1
        raise DesignError(
            f"so few trials go on to look {look} that the alpha to be spent there is more than they are",
            where="binding",
            remedy="Take binding=False, lower bounds for futility, or leave a look out that lies close to another.",
        )
    binding, upper, sides = asked.binding and futile, bounds.upper, 2 if asked.two_sided else 1
    far = far_enough(float(upper[upper < FURTHEST_Z].max(initial=0.0)))  # so that an early 1e-20 has its digits
    alone = crossing(bounds if binding else none_below(asked.fractions, upper, asked.two_sided), 0.0, far)
    obeyed = None if drift is None else crossing(bounds, drift)
    return GroupSequential(
        alpha=sides * asked.side,
        sided=2 if asked.two_sided else 1,
        information_fractions=asked.fractions,
        spending_fractions=asked.spending,
        efficacy=asked.efficacy,
        futility=asked.futility,
        binding=binding,
        harm=asked.harm,
        power=power,
        efficacy_bounds=upper,
        futility_bounds=(bounds.inner if asked.two_sided else bounds.lower) if futile else None,
        harm_bounds=harm_bounds(asked, bounds, futile),
        nominal_p=sides * ndtr(-upper),
        alpha_spent=sides * np.cumsum(alone.upper),
        beta_spent=_beta_spent(obeyed, upper, asked.two_sided) if futile and obeyed else None,
        drift=drift,
        inflation=_inflation(asked.side, power, drift),
        bounds=bounds,
        method=_method(asked) + (", at the information observed" if seen else ""),
        seen=seen,
    )


def _inflation(side: float, power: float | None, drift: float | None) -> float | None:
    """The information over that of a test without looks; None without power above alpha."""
    if power is None or drift is None or power <= side:
        return None
    return float(drift / (float(ndtri(power)) - float(ndtri(side)))) ** 2


def _beta_spent(obeyed: Crossing, upper: Vector, two_sided: bool) -> Vector:
    spent = np.cumsum(obeyed.within if two_sided else obeyed.lower)
    spent[-1] = 1 - obeyed.upper.sum()
    return np.asarray(spent)


def _method(asked: Asked) -> str:
    text = f"group sequential test with {asked.efficacy}"
    if asked.futility is not None:
        text += f", {'' if asked.binding else 'non-'}binding futility by {asked.futility}"
    elif isinstance(asked.efficacy, PampallonaTsiatis):
        text += f", futility {'' if asked.binding else 'not '}binding"
    return text + (f", harm by {asked.harm}" if asked.harm is not None else "")
