"""What a group sequential test is asked to be, and what is refused of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import get_args

import numpy as np

from ..errors import DesignError
from .boundaries import Efficacy, PampallonaTsiatis
from .crossing import Vector
from .futility import FutilityBounds, Harm
from .given import real_number, whole_number
from .looks import LEAST_ALPHA
from .spending import Spending

Futility = Spending | FutilityBounds


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Asked:
    """A test without its bounds; arrays are (k,).

    ``side`` is alpha of one side. ``interim`` (k - 1,) are efficacy bounds at interim looks that are set already; the
    last takes what they leave.
    """

    fractions: Vector
    spending: Vector
    side: float
    two_sided: bool
    efficacy: Efficacy
    futility: Futility | None
    binding: bool
    harm: Harm | None
    interim: Vector | None = None


def check_asked(
    efficacy: object, futility: object, binding: object, harm: object, power: float | None, side: float, sided: int
) -> None:
    """Refuse what does not go together."""
    _check_families(efficacy, futility, binding)
    _check_power(power, side, futility, efficacy)
    if sided == 2 and futility is not None:
        raise DesignError(
            "futility by spending is for one-sided tests"
            if isinstance(futility, get_args(Spending))
            else "futility bounds are for one-sided tests",
            where="futility",
            remedy="Take sided=1 with half of alpha, or PampallonaTsiatis().",
        )
    if harm is None:
        return
    if not isinstance(harm, Harm):
        raise DesignError(f"{harm!r} is no Harm", where="harm", remedy='Give such as Harm(LanDeMets("pocock"), 0.1).')
    if sided == 2:
        raise DesignError(
            "bounds for harm are for one-sided tests: the lower bounds of a two-sided one claim it already",
            where="harm",
            remedy="Take sided=1 with half of alpha, or leave harm out.",
        )


def side_of(alpha: float, sided: int) -> float:
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


def _check_families(efficacy: object, futility: object, binding: object) -> None:
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
    elif not isinstance(futility, (FutilityBounds, *get_args(Spending))):
        raise DesignError(
            f"{futility!r} is no spending function, nor FutilityBounds",
            where="futility",
            remedy="Give such as HwangShihDeCani(-2) or FutilityBounds(z=[0]).",
        )
    elif isinstance(futility, get_args(Spending)) and binding and not isinstance(efficacy, get_args(Spending)):
        raise DesignError(
            f"binding futility by spending goes with an efficacy that is spent, not with {efficacy}",
            where="binding",
            remedy="Take binding=False, a spending function, or FutilityBounds.",
        )


def _check_power(power: float | None, side: float, futility: object, efficacy: object) -> None:
    if power is None:
        needs = isinstance(futility, get_args(Spending)) or getattr(futility, "under", "") == "design"
        if needs or isinstance(efficacy, PampallonaTsiatis):
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
