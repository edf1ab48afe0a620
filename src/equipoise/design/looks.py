"""What callers say of looks: the shares of information at which they lie, and what was seen there."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DesignError
from .given import real_number, whole_number

Vector = NDArray[np.float64]

LEAST_ALPHA = 1e-12
LEAST_DISTANCE = 1e-4  # of the final information; nearer to each other looks take minutes, and are one look
FURTHEST_Z = 37.0  # a normal tail beyond is no number
FURTHEST_DRIFT = 1e6
_LARGEST = 1e100  # of a number of information, events or time, which is squared and divided by others
_ALL = 1e-9  # information fractions written as decimals may miss 1 by rounding


def listed(values: object) -> list[object] | None:
    """The members of a sequence; None for text, a single number and what else is none."""
    if isinstance(values, str | bytes | dict | set) or not hasattr(values, "__iter__"):
        return None
    try:
        return list(values)
    except TypeError:  # an array without dimensions
        return None


def numbers(values: object, name: str, remedy: str) -> Vector:
    """A sequence of finite numbers as an array, or why it is none."""
    members = listed(values)
    found = np.array([real_number(v) for v in members or ()])
    if not len(found) or not (abs(found) <= _LARGEST).all():
        raise DesignError(f"{name} = {values!r} are no numbers", where=name, remedy=remedy)
    return found


def number(value: object, name: str, remedy: str, *, least: float = -math.inf, most: float = math.inf) -> float:
    """A finite number from least to most, or why it is none."""
    found = real_number(value)
    if not math.isfinite(found):
        raise DesignError(f"{name} = {value!r} is no number", where=name, remedy=remedy)
    if not least <= found <= most:
        side = f"is below {least:g}" if found < least else f"is above {most:g}"
        raise DesignError(f"{name} = {found:g} {side}", where=name, remedy=remedy)
    return found


def above_zero(value: object, name: str, remedy: str) -> float:
    """A finite number above zero, or why it is none."""
    found = number(value, name, remedy, most=_LARGEST)
    if found < 1 / _LARGEST:
        raise DesignError(f"{name} = {found:g} is not above zero", where=name, remedy=remedy)
    return found


def drift_given(drift: object) -> float:
    """The mean of Z at the last look."""
    remedy = "The mean of Z at the last look, such as 3.24."
    return number(drift, "drift", remedy, least=-FURTHEST_DRIFT, most=FURTHEST_DRIFT)


def z_given(z: object) -> float:
    """One Z."""
    return number(z, "z", "Give the statistic at the look.", least=-FURTHEST_Z, most=FURTHEST_Z)


def look_given(look: object, looks: int) -> int:
    """A look, from 1, that has one after it."""
    found = whole_number(look)
    if looks == 1:
        raise DesignError("the test has no interim look", where="look", remedy="Give a test of two looks or more.")
    if found is None or not 1 <= found < looks:
        raise DesignError(
            f"look {look!r} has no look after it", where="look", remedy=f"A whole number from 1 to {looks - 1}."
        )
    return found


def z_seen(z: object, looks: int) -> Vector:
    """The Z of the looks so far, (m,)."""
    seen = listed(z)
    found = np.array([real_number(v) for v in seen or ()])
    if not 1 <= len(found) <= looks or not np.isfinite(found).all():
        raise DesignError(
            f"z = {z} are not one number a look so far", where="z", remedy=f"A sequence of 1 to {looks} numbers."
        )
    if (abs(found) > FURTHEST_Z).any():
        look = int(np.argmax(abs(found) > FURTHEST_Z))
        raise DesignError(
            f"z = {found[look]:g} at look {look + 1} is beyond {FURTHEST_Z:g}, where a normal tail is no number",
            where="z",
            remedy="Is it a Z? A chi-square is its square.",
        )
    return found


def information_seen(information: object, looks: int) -> Vector:
    """The information at each of so many looks, above zero and rising."""
    found = numbers(information, "information", "Give a sequence, one number a look: see events_information.")
    if len(found) != looks:
        raise DesignError(
            f"{looks} z and {len(found)} numbers of information are given", where="information", remedy="One a look."
        )
    rising(found, "information")
    return found


def rising(found: Vector, name: str) -> None:
    """Refuse what does not rise from above zero, with the nearest that does."""
    steps = np.diff(found, prepend=0.0)
    if (steps <= 0).any():
        look = int(np.argmax(steps <= 0))
        former = found[look - 1] if look else 0.0
        sound = np.unique(found[found > 0])
        raise DesignError(
            f"look {look + 1} at {found[look]:g} does not lie above {former:g}",
            where=name,
            remedy=f"Let them rise: {', '.join(f'{x:g}' for x in sound)}." if len(sound) else "Let them rise from 0.",
        )


def shares(fractions: Any, name: str) -> Vector:
    """Fractions that rise from above 0 to 1."""
    members = listed(fractions)
    found = np.array([real_number(v) for v in members or ()])
    if not len(found) or not np.isfinite(found).all():
        raise DesignError(f"{name} = {fractions} are no numbers", where=name, remedy="Such as [0.5, 0.75, 1].")
    rising(found, name)
    if abs(found[-1] - 1) > _ALL:
        raise DesignError(
            f"the last look is at {found[-1]:g} of the information, not at 1",
            where=name,
            remedy=f"Give shares of the final information: {', '.join(f'{x:g}' for x in found / found[-1])}.",
        )
    found[-1] = 1.0
    return found


def apart(found: Vector, name: str) -> Vector:
    """Fractions of which none lies too near the one before, or nought, to be another look."""
    near = np.diff(found, prepend=0.0) < LEAST_DISTANCE * (1 - 1e-9)
    if near.any():
        look = int(np.argmax(near))
        former = f"look {look}" if look else "the start"
        raise DesignError(
            f"look {look + 1} at {found[look]:.10g} is less than {LEAST_DISTANCE:g} of the information from {former}",
            where=name,
            remedy=f"Leave it out, or take it at {(found[look - 1] if look else 0.0) + LEAST_DISTANCE:.6g} or later.",
        )
    return found
