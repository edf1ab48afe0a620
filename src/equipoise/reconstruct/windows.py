"""What may stand behind a printed number: its windows under each way of rounding, and the counts of a percentage."""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction
from functools import cache
from typing import Literal

from ..protocol import Printed

Rounding = Literal["rounded", "truncated", "rounded twice"]
ROUNDINGS: tuple[Rounding, ...] = ("rounded", "truncated", "rounded twice")
ROUNDING_NOTES: dict[Rounding, str] = {
    "rounded": "numbers are rounded to the nearest (half away from zero or to even)",
    "truncated": "numbers are cut off after the last printed digit",
    "rounded twice": "numbers are rounded to one digit more, and then again",
}
# Below and above the printed number, in units of its last digit. Both ends belong to the window: a tie may be rounded
# either way. Rounded twice, 0.6345 becomes 0.635 and then 0.64.
_ENDS: dict[Rounding, tuple[Fraction, Fraction]] = {
    "rounded": (Fraction(-1, 2), Fraction(1, 2)),
    "truncated": (Fraction(0), Fraction(1)),
    "rounded twice": (Fraction(-11, 20), Fraction(11, 20)),
}
Window = tuple[float, float]


def window(printed: Printed, rounding: Rounding = "rounded") -> Window:
    """The least and the greatest value that may print so; of a bound one end is infinite, of a percentage the share.

    >>> window(Printed.read("0.63")), window(Printed.read("0.63"), "truncated"), window(Printed.read("<.001"))
    ((0.625, 0.635), (0.63, 0.64), (-inf, 0.001))
    """
    low, high = _exact(printed, rounding)
    return (-math.inf if low is None else float(low)), (math.inf if high is None else float(high))


@cache
def _exact(printed: Printed, rounding: Rounding) -> tuple[Fraction | None, Fraction | None]:
    scale = 100 if printed.percent else 1
    value = Fraction(repr(printed.value)) / scale
    if printed.bound:
        return (None, value) if printed.bound == "<" else (value, None)
    unit = Fraction(1, 10**printed.decimals) / scale
    low, high = _ENDS[rounding]
    return value + low * unit, value + high * unit


def common(printed: Iterable[Printed], rounding: Rounding) -> Window:
    """The values that print as all of these do; the first end is above the second where there is none."""
    all_of_them = [window(one, rounding) for one in printed]
    return max(low for low, _ in all_of_them), min(high for _, high in all_of_them)


def agree(first: Printed, second: Printed) -> bool:
    """Whether one value can print as both, each rounded in its own way."""
    pairs = [(window(first, a), window(second, b)) for a in ROUNDINGS for b in ROUNDINGS]
    return any(max(a[0], b[0]) <= min(a[1], b[1]) for a, b in pairs)


def counts(printed: Printed, total: int, rounding: Rounding = "rounded") -> range:
    """Counts of ``total`` that print so, in exact arithmetic: of a count the count itself.

    >>> counts(Printed.read("70%"), 104), counts(Printed.read("40%"), 272), len(counts(Printed.read("4.1%"), 71))
    (range(73, 74), range(108, 111), 0)
    """
    if not printed.percent:
        k = int(printed.value)
        return range(k, k + 1) if k == printed.value and 0 <= k <= total else range(0)
    low, high = _exact(printed, rounding)
    if low is None or high is None:
        return range(0)
    least = -(-low.numerator * total // low.denominator)
    most = high.numerator * total // high.denominator
    if rounding == "truncated" and most * high.denominator == high.numerator * total:
        most -= 1  # what is exactly the next number is printed as that
    return range(max(0, least), min(total, most) + 1)


def denominators(
    things: Iterable[tuple[Printed | None, Printed | None]], most: int, rounding: Rounding = "rounded"
) -> tuple[int, ...]:
    """Totals up to ``most`` of which every thing (its percentage, its count, None where not printed) can be a part.

    >>> read = Printed.read
    >>> denominators([(read("40%"), read("107")), (read("25%"), read("66")), (read("20%"), read("53"))], 272)
    (265, 266, 267, 268, 269)
    """
    things = tuple(things)
    least = max((int(count.value) for _, count in things if count is not None), default=1)
    return tuple(m for m in range(max(1, least), most + 1) if all(prints(*thing, m, rounding) for thing in things))


def prints(share: Printed | None, count: Printed | None, total: int, rounding: Rounding) -> bool:
    """Whether some count of ``total``, the printed one if there is one, prints as the percentage does.

    >>> prints(Printed.read("40%"), Printed.read("107"), 269, "rounded")
    True
    """
    if share is None:
        return count is None or count.value <= total
    allowed = counts(share, total, rounding)
    return len(allowed) > 0 if count is None else int(count.value) in allowed


def runs(numbers: Iterable[int]) -> str:
    """Whole numbers as text, consecutive ones as a range.

    >>> runs([265, 266, 267, 270])
    '265 to 267, 270'
    """
    parts: list[list[int]] = []
    for k in numbers:
        if parts and parts[-1][-1] == k - 1:
            parts[-1].append(k)
        else:
            parts.append([k])
    shown = [str(p[0]) if len(p) == 1 else f"{p[0]} to {p[-1]}" for p in parts]
    return ", ".join(shown) if len(shown) <= 6 else ", ".join([*shown[:2], "...", *shown[-3:]])
