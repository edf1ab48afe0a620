"""Second program for shares: the limits found by asking the score test, share by share, where it stops rejecting."""

from __future__ import annotations

import math
from statistics import NormalDist


def wilson_limits(events: int, total: int, level: float) -> tuple[float, float]:
    """All shares p with (x/n - p)^2 <= z^2 p (1 - p) / n: the two ends by bisection."""
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = events / total

    def rejected(p: float) -> bool:
        return (share - p) ** 2 > z * z * p * (1 - p) / total

    def end(inside: float, outside: float) -> float:
        if not rejected(outside):
            return outside
        for _ in range(200):
            middle = (inside + outside) / 2
            if rejected(middle):
                outside = middle
            else:
                inside = middle
        return (inside + outside) / 2

    return end(share, 0.0), end(share, 1.0)


def newcombe_limits(
    events_1: int, total_1: int, events_2: int, total_2: int, level: float
) -> tuple[float, float, float]:
    """The difference and its limits: the distances of the two single limits, added as squares."""
    p1, p2 = events_1 / total_1, events_2 / total_2
    low1, high1 = wilson_limits(events_1, total_1, level)
    low2, high2 = wilson_limits(events_2, total_2, level)
    below = math.sqrt((p1 - low1) ** 2 + (high2 - p2) ** 2)
    above = math.sqrt((high1 - p1) ** 2 + (p2 - low2) ** 2)
    return p1 - p2, p1 - p2 - below, p1 - p2 + above
