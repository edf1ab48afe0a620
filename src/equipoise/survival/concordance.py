"""Harrell's concordance of a risk score with the times of events, with its standard error."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..kernels import concordance_pairs
from .risk_sets import RiskSets

# Risk scores this close, or this share of their range, are tied: two coefficients that are equal but for rounding,
# or sums of the same terms in another order.
_SAME_RISK = 1e-10


@dataclass(frozen=True, slots=True, kw_only=True)
class Concordance:
    """Share of comparable pairs in which the higher risk failed first, ties in risk counted half.

    ``std_error`` by the infinitesimal jackknife. Without a comparable pair both are ``nan`` with a ``reason``.
    """

    estimate: float
    std_error: float
    concordant: float
    discordant: float
    tied_risk: float
    tied_time: float
    tied_both: float
    reason: str = ""


def concordance(
    sets: RiskSets,
    rank: NDArray[np.int64],
    ranks: int,
    cluster: NDArray[np.int64] | None = None,
    counts: bool = False,
) -> Concordance:
    """Concordance within strata of a risk given by its rank (n,), in the order of the risk sets.

    The derivative of C = (concordant + tied/2) / pairs in a subject's weight is that subject's own share;
    the sum of their squares (by cluster) is the variance. Where weights are ``counts`` a row is so many subjects, each
    with a share of his own, and those who fail do so at the same time and risk.
    """
    totals, shares = concordance_pairs(
        sets.time, sets.event, rank, sets.weight, sets.starts, sets.entry, sets.leaving, sets.entering, ranks
    )
    concordant, discordant, tied = (float(t) for t in totals[:3])
    pairs = concordant + discordant + tied
    among_themselves = float((sets.weight * (sets.weight - 1) / 2)[sets.event].sum()) if counts else 0.0
    c = std_error = math.nan
    if pairs > 0:
        c = (concordant + tied / 2) / pairs
        part = sets.weight * (shares[:, 0] + shares[:, 2] / 2 - c * shares.sum(axis=1)) / pairs
        if counts:
            part /= np.sqrt(sets.weight)
        if cluster is not None:
            part = np.bincount(cluster, weights=part)
        std_error = math.sqrt(float((part**2).sum()))
    return Concordance(
        estimate=c,
        std_error=std_error,
        concordant=concordant,
        discordant=discordant,
        tied_risk=tied,
        tied_time=float(totals[3]),
        tied_both=float(totals[4]) + among_themselves,
        reason="" if pairs > 0 else "no two subjects are comparable",
    )


def risk_ranks(eta: NDArray[np.float64]) -> tuple[NDArray[np.int64], int]:
    """Rank of each risk score (n,) from 0, equal ones sharing theirs, and the number of ranks."""
    order = np.argsort(eta)
    steps = np.diff(eta[order])
    above = np.concatenate([[0], np.cumsum(steps > _SAME_RISK * max(1.0, float(steps.sum())))])
    rank = np.empty(len(eta), dtype=np.int64)
    rank[order] = above
    return rank, int(above[-1]) + 1
