"""Tests of association in two-by-two tables: Cochran-Mantel-Haenszel over strata, and Fisher's exact test."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, ndtri
from scipy.stats import fisher_exact

from .. import results
from ..errors import DataError
from ..survival.convention import check_level
from .two_proportions import Counts, two_by_two

NO_INFORMATION = "no stratum holds both arms with events in some and not in all"
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

    Raises ``DataError`` for counts that cannot be, ``ArgumentError`` for a level outside 0 to 1.

    >>> found = cmh([8, 4], [20, 10], [3, 2], [20, 10])
    >>> round(found.statistic, 4), round(found.odds_ratio, 4)
    (3.8887, 3.3333)
    """
    check_level(level)
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
        limits, reason = (ratio * math.exp(-width), ratio * math.exp(width)), ""
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

    Raises ``DataError`` for counts that cannot be, and for strata.

    >>> print(fisher(3, 4, 1, 4))
    Fisher's exact test, two-sided: P = 0.4857
    """
    a, n1, c, n0 = two_by_two(events_1, total_1, events_0, total_0)
    if len(a) > 1:
        raise DataError("Fisher's exact test is of one table", remedy="Use cmh() for strata.")
    table = np.array([[a[0], n1[0] - a[0]], [c[0], n0[0] - c[0]]]).astype(np.int64)
    p = {side: float(fisher_exact(table, alternative=side)[1]) for side in ("two-sided", "greater", "less")}
    return Fisher(
        p_value=p["two-sided"], p_more=p["greater"], p_fewer=p["less"], method="Fisher's exact test, two-sided"
    )
