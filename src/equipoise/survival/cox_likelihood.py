"""The log-likelihood of a Cox model as a function of its coefficients, for every treatment of ties."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..kernels import (
    death_counts,
    discrete_likelihood,
    grouped_likelihood,
    marginal_likelihood,
    partial_likelihood,
)
from .convention import Ties
from .maximize import Likelihood, Vector
from .risk_sets import RiskSets


def standardize(x: Vector) -> tuple[Vector, Vector]:
    """Columns centred and divided by their standard deviation, so that Newton's steps have a common scale."""
    center = x.mean(axis=0)
    x = x - center
    peak = np.abs(x).max(axis=0, initial=0.0)
    peak[peak == 0] = 1.0
    scale = peak * np.sqrt(((x / peak) ** 2).mean(axis=0))
    # A constant column is only rounding noise after centring: make it exactly 0, and so aliased.
    constant = scale <= 1e-13 * np.abs(center)
    x[:, constant] = 0.0
    scale[constant | (scale == 0)] = 1.0
    return np.ascontiguousarray(x / scale), scale


def likelihood(sets: RiskSets, x: Vector, ties: Ties, groups: NDArray[np.int64] | None) -> Likelihood:
    """The log-likelihood, its score and information as a function of the coefficients."""

    def partial(beta: Vector, event: NDArray[np.bool_], efron: bool) -> tuple[float, Vector, Vector]:
        return partial_likelihood(beta, x, sets.time, event, sets.weight, sets.starts, sets.entry, sets.leaving, efron)

    if ties == "efron" or ties == "breslow":
        if groups is not None and len(sets.entry) == 0 and (sets.weight == 1).all():
            return _from_counts(sets, x, groups, ties == "efron")
        return lambda beta: partial(beta, sets.event, ties == "efron")
    # A lone death has the same term in every model, at a cost that does not grow with the risk set.
    kernel = discrete_likelihood if ties == "discrete" else marginal_likelihood
    tied = _tied_deaths(sets)
    lone = sets.event & ~tied
    if not tied.any():
        return lambda beta: partial(beta, lone, False)

    def both(beta: Vector) -> tuple[float, Vector, Vector]:
        single = partial(beta, lone, False)
        several = kernel(beta, x, sets.time, tied, sets.starts, sets.entry)
        return single[0] + several[0], single[1] + several[1], single[2] + several[2]

    return both


def _from_counts(sets: RiskSets, x: Vector, groups: NDArray[np.int64], efron: bool) -> Likelihood:
    """The likelihood of a model of arms alone, from the counts at risk and dying in each arm."""
    count = int(groups.max()) + 1
    z = np.stack([x[int(np.argmax(groups == g))] for g in range(count)])
    k, at_risk, deaths = death_counts(sets.time, sets.event, groups, sets.starts, count)
    at_risk, deaths = at_risk[:k], deaths[:k]
    return lambda beta: grouped_likelihood(beta, z, at_risk, deaths, efron)


def _tied_deaths(sets: RiskSets) -> NDArray[np.bool_]:
    """Deaths that share their time, within the stratum, with another death."""
    rows = np.flatnonzero(sets.event)
    stratum = np.searchsorted(sets.starts, rows, side="right")
    same = (np.diff(sets.time[rows]) == 0) & (np.diff(stratum) == 0)
    tied = np.zeros(len(sets.event), dtype=bool)
    tied[rows[:-1][same]] = True
    tied[rows[1:][same]] = True
    return tied
