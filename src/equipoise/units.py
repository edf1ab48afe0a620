"""Time inside equipoise is in days. Months exist in protocols and on axes only: 30.4375 days each.

A bare number is no duration: ``"12 months"`` is, ``12`` is refused, because nobody can see later what
unit was meant.
"""

from __future__ import annotations

import re
from typing import Literal, get_args

from .errors import EquipoiseError

TimeUnit = Literal["days", "weeks", "months", "years"]

DAYS_PER_MONTH = 30.4375
DAYS_PER: dict[str, float] = {"days": 1.0, "weeks": 7.0, "months": DAYS_PER_MONTH, "years": 365.25}
MONTH_LENGTH_NOTE = "a month is 30.4375 days"

_DURATION = re.compile(r"^\s*([0-9]*\.?[0-9]+)\s*(day|week|month|year)s?\s*$")


class DurationError(EquipoiseError, ValueError):
    """A duration that cannot be read."""


def days_per(unit: str) -> float:
    """Days in one unit of time.

    >>> days_per("weeks")
    7.0
    """
    if unit not in DAYS_PER:
        raise DurationError(f"unknown time unit {unit!r}", remedy=f"Use one of: {', '.join(get_args(TimeUnit))}.")
    return DAYS_PER[unit]


def days(duration: object) -> float:
    """Days in a duration written with its unit.

    >>> days("12 months")
    365.25
    >>> days("8 weeks")
    56.0
    >>> days(12)
    Traceback (most recent call last):
    equipoise.units.DurationError: 12 is not a duration. Write it with its unit, as in "12 months" or "90 days".
    """
    match = _DURATION.match(duration) if isinstance(duration, str) else None
    if match is None:
        raise DurationError(
            f"{duration!r} is not a duration",
            remedy='Write it with its unit, as in "12 months" or "90 days".',
        )
    found = float(match.group(1)) * DAYS_PER[match.group(2) + "s"]
    if found == float("inf"):
        raise DurationError("a duration is too long for a number", remedy="Such as 24 months.")
    return found
