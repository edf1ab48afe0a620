"""Tests of association in two-by-two tables: Cochran-Mantel-Haenszel over strata, and Fisher's exact test."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, ndtri

from .. import results
from ..errors import DataError
from ..survival.convention import ArgumentError, check_level
from .counts import Counts, two_by_two

NO_INFORMATION = "no stratum holds both arms with events in some and not in all"
TOO_WIDE = "the limits of the odds ratio are so far apart that no float holds them"
_WIDEST = 300.0  # of the logarithm
MOST_SPREAD = 1e9  # variance of the hypergeometric distribution that is still summed: some two million tables
_VANISHED = -760.0  # of the logarithm of a chance: below, no float holds it
_TIE = math.log1p(1e-7)  # tables likelier by less than this are equally likely, as in R
_CHUNK = 2**14
ZERO_CELLS = "the odds ratio is zero or infinite, and its logarithm has no variance"


@dataclass(frozen=True, slots=True, kw_only=True)
class CochranMantelHaenszel:
    """Chi-square test of no association within strata, and the common odds ratio with its limits.

    Not estimable is ``nan`` beside a ``reason``; an odds ratio may be 0 or ``inf``, then without limits.
    """

    statistic: float
    p_value: float
    odds_ratio: float
    conf_int: tuple[float, float]
    level: float
    reason: str
    method: str

    def __str__(self) -> str:
        if math.isnan(self.statistic):
            return f"{self.method} {results.NOT_ESTIMABLE}: {self.reason}"
        shown = "infinite" if math.isinf(self.odds_ratio) else results.fixed(self.odds_ratio, 4)
        low, high = (results.fixed(x, 4) for x in self.conf_int)
        limits = f" ({100 * self.level:g}% CI {low} to {high})" if math.isfinite(self.conf_int[0]) else ""
        chi = f"chi-square {results.significant(self.statistic)} on 1 degree of freedom"
        return f"{self.method}: {chi}, {results.p_equals(self.p_value)}; common odds ratio {shown}{limits}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fisher:
    """Exact P of no association given the margins: two-sided, and one-sided of more events in either arm."""

    p_value: float
    p_more: float
    p_fewer: float
    method: str

    def __str__(self) -> str:
        return f"{self.method}: {results.p_equals(self.p_value)}"


def cmh(
    events_1: Counts,
    total_1: Counts,
    events_0: Counts,
    total_0: Counts,
    *,
    correction: bool = False,
    level: float = 0.95,
) -> CochranMantelHaenszel:
    """Whether the event is associated with the arm (1 experimental, 0 control) within strata.

    Hypergeometric variance (Cochran 1954; Mantel and Haenszel 1959), with half a patient taken off the deviation if
    ``correction`` (R's mantelhaen.test does so by default, SAS does not). The common odds ratio is Mantel and
    Haenszel's (1959), its limits on the log scale by Robins, Breslow and Greenland (1986).

    Raises ``DataError`` for counts that cannot be, ``ArgumentError`` for a level outside 0 to 1 or a flag that is none.

    >>> found = cmh([8, 4], [20, 10], [3, 2], [20, 10])
    >>> round(found.statistic, 4), round(found.odds_ratio, 4)
    (3.8887, 3.3333)
    """
    level = check_level(level)
    if not isinstance(correction, bool | np.bool_):
        raise ArgumentError(f"correction takes True or False, not {correction!r}", remedy="Half a patient, or none.")
    a, n1, c, n0 = two_by_two(events_1, total_1, events_0, total_0)
    size, events = n1 + n0, a + c
    used = size > 1
    a, n1, c, n0, size, events = (v[used] for v in (a, n1, c, n0, size, events))
    deviation = abs(float((a - events * n1 / size).sum()))
    variance = float((n1 * n0 * events * (size - events) / (size**2 * (size - 1))).sum())
    method = f"Cochran-Mantel-Haenszel test{', continuity-corrected' if correction else ''}"
    nan = math.nan
    if variance <= 0:
        return CochranMantelHaenszel(
            statistic=nan, p_value=nan, odds_ratio=nan, conf_int=(nan, nan), level=level, reason=NO_INFORMATION,
            method=method,
        )  # fmt: skip
    off = 0.5 if correction and deviation >= 0.5 else 0.0
    statistic = (deviation - off) ** 2 / variance
    b, d = n1 - a, n0 - c
    concordant, discordant = a * d / size, b * c / size
    r, s = float(concordant.sum()), float(discordant.sum())
    ratio = r / s if s > 0 else math.inf
    limits, reason = (nan, nan), ZERO_CELLS
    if r > 0 and s > 0:
        p, q = (a + d) / size, (b + c) / size
        spread = float((p * concordant).sum()) / (2 * r**2) + float((q * discordant).sum()) / (2 * s**2)
        spread += float((p * discordant + q * concordant).sum()) / (2 * r * s)
        width = float(ndtri(0.5 + level / 2)) * math.sqrt(spread)
        if width < _WIDEST:
            limits, reason = (ratio * math.exp(-width), ratio * math.exp(width)), ""
        else:
            reason = TOO_WIDE
    return CochranMantelHaenszel(
        statistic=statistic,
        p_value=float(chdtrc(1, statistic)),
        odds_ratio=ratio,
        conf_int=limits,
        level=level,
        reason=reason,
        method=method,
    )


def fisher(events_1: int, total_1: int, events_0: int, total_0: int) -> Fisher:
    """Whether the event is associated with the arm (1 experimental, 0 control), given both margins.

    Two-sided P: the probability of all tables that are no likelier than the one seen (Fisher 1935; as R and SAS).
    ``p_more`` and ``p_fewer`` are one-sided, of at least and at most so many events in the experimental arm.

    Raises ``DataError`` for counts that cannot be, for strata, and where millions of tables would have to be summed.

    >>> print(fisher(3, 4, 1, 4))
    Fisher's exact test, two-sided: P = 0.4857
    """
    a, n1, c, n0 = two_by_two(events_1, total_1, events_0, total_0)
    if len(a) > 1:
        raise DataError("Fisher's exact test is of one table", remedy="Use cmh() for strata.")
    seen, n1_, events, size = (int(v) for v in (a[0], n1[0], a[0] + c[0], n1[0] + n0[0]))
    spread = n1_ * (size - n1_) * events * (size - events) / max(size**2 * (size - 1), 1)
    if spread > MOST_SPREAD:
        raise DataError(
            f"Fisher's exact test of {size} subjects sums millions of tables",
            remedy="Use cmh(): with so many its chi-square says the same.",
        )
    first, heights = _hypergeometric(n1_, size - n1_, events)
    chances = np.exp(heights)
    everything, at = float(chances.sum()), seen - first
    p_more, p_fewer = (0.0, 1.0) if at > 0 else (1.0, 0.0)  # the table seen is so far out that no float holds it
    p_value = 0.0
    if 0 <= at < len(heights):
        p_more, p_fewer = float(chances[at:].sum()) / everything, float(chances[: at + 1].sum()) / everything
        p_value = float(chances[heights <= heights[at] + _TIE].sum()) / everything
    p_value, p_more, p_fewer = (min(p, 1.0) for p in (p_value, p_more, p_fewer))
    return Fisher(p_value=p_value, p_more=p_more, p_fewer=p_fewer, method="Fisher's exact test, two-sided")


def _hypergeometric(n1: int, n0: int, events: int) -> tuple[int, NDArray[np.float64]]:
    """Log chances, over that of the likeliest, of so many events in the first arm; from which number on.

    Each follows from its neighbour, outward from the likeliest until no float holds the chance: nothing of the size of
    the support is made, and no factorial, which would lose digits.
    """
    top = (n1 + 1) * (events + 1) // (n1 + n0 + 2)

    def outward(step: int, last: int) -> NDArray[np.float64]:
        found, at, height = [np.empty(0)], top, 0.0
        while at != last and height > _VANISHED:
            k = np.arange(at, at + step * min(_CHUNK, abs(last - at)), step, dtype=np.float64)
            if step > 0:
                ratios = (n1 - k) / (k + 1) * ((events - k) / (n0 - events + k + 1))
            else:
                ratios = k / (n1 - k + 1) * ((n0 - events + k) / (events - k + 1))
            heights = height + np.cumsum(np.log(ratios))
            found.append(heights)
            at, height = at + step * len(k), float(heights[-1])
        return np.concatenate(found)

    up, down = outward(1, min(events, n1)), outward(-1, max(0, events - n0))
    return top - len(down), np.concatenate([down[::-1], [0.0], up])
