"""Plain twins of the audit's arithmetic: scanning windows step by step, and printing every count there is."""

from __future__ import annotations

import math
from decimal import ROUND_DOWN, ROUND_HALF_DOWN, ROUND_HALF_UP, Decimal
from statistics import NormalDist

NORMAL = NormalDist()
Window = tuple[float, float]


def scan(estimate: Window, lower: Window, upper: Window, level: float, steps: int = 2000):
    """Least and greatest standard error and Wald Z, over a grid of log estimates; None where nothing fits.

    Given the estimate b, each limit allows an interval of standard errors.
    """
    q = NORMAL.inv_cdf(0.5 + level / 2)
    b0, b1 = (math.log(max(x, 1e-9)) for x in estimate)
    errors, zs = [], []
    for i in range(steps + 1):
        b = b0 + (b1 - b0) * i / steps
        low = max((b - math.log(max(lower[1], 1e-9))) / q, (math.log(max(upper[0], 1e-9)) - b) / q, 0.0)
        high = min((b - math.log(max(lower[0], 1e-9))) / q, (math.log(max(upper[1], 1e-9)) - b) / q)
        if low <= high and high > 0:
            errors += [low, high]
            zs += [-b / s if s > 0 else math.copysign(math.inf, -b) for s in (low, high)]
    return (min(errors), max(errors), min(zs), max(zs)) if errors else None


def text(count: int, total: int, decimals: int, rounding: str) -> str:
    share = Decimal(100 * count) / Decimal(total)
    return format(share.quantize(Decimal(1).scaleb(-decimals), rounding=rounding), "f")


def printing(printed: str, total: int, truncated: bool) -> list[int]:
    """Counts of a total that print as the percentage, a tie rounded either way."""
    decimals = len(printed.partition(".")[2])
    ways = (ROUND_DOWN,) if truncated else (ROUND_HALF_UP, ROUND_HALF_DOWN)
    return [k for k in range(total + 1) if any(text(k, total, decimals, way) == printed for way in ways)]


def partial_likelihood(events: list[tuple[int, float, float]]):
    """Of events (arm, weight at risk of arm 1, of arm 0): log ratio, its information, U(0)^2 / I(0), likelihood ratio.

    None where one arm has all of them.
    """
    if len({arm for arm, _, _ in events}) < 2:
        return None

    def share(b: float, one: float, other: float) -> float:
        return one * math.exp(b) / (one * math.exp(b) + other)

    def score(b: float) -> float:
        return sum(arm - share(b, one, other) for arm, one, other in events)

    def information(b: float) -> float:
        return sum(share(b, one, other) * (1 - share(b, one, other)) for _, one, other in events)

    def loglik(b: float) -> float:
        return sum(arm * b - math.log(one * math.exp(b) + other) for arm, one, other in events)

    low, high = -40.0, 40.0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if score(middle) > 0 else (low, middle)
    b = (low + high) / 2
    return b, information(b), score(0.0) ** 2 / information(0.0), 2 * (loglik(b) - loglik(0.0))


def wald_p(b: float, s: float, sided: int) -> float:
    return 2 * NORMAL.cdf(-abs(b) / s) if sided == 2 else NORMAL.cdf(b / s)


def level_of(a: float, c: float, p: float) -> float:
    """The level of limits e^a and e^c about the middle, if the two-sided P of the middle is p."""
    s = abs((a + c) / 2) / -NORMAL.inv_cdf(p / 2)
    return 2 * NORMAL.cdf((c - a) / 2 / s) - 1
