"""The log-likelihood of a Cox model as a function of its coefficients, for every treatment of ties."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .. import results
from ..kernels import (
    death_counts,
    discrete_likelihood,
    grouped_likelihood,
    marginal_likelihood,
    partial_likelihood,
    two_group_likelihood,
)
from .convention import Ties
from .maximize import Likelihood, Vector
from .model_matrix import ModelMatrix
from .risk_sets import RiskSets

ROUNDING = 1e-12  # share of a sum that is its rounding
_BLOCK = 4096  # rows laid out at a time: they stay in the cache


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Design:
    """Covariates centred and divided by their standard deviation, so that Newton's steps have a common scale.

    ``rows`` are those of each subject, (n, p) in the order of the risk sets, or the (g, p) different ones where
    ``group`` (n,) tells which is whose: a model of arms alone has as many as arms. ``scale`` and ``spread`` (p,):
    the standard deviations, and the ranges after division by them. A column whose information is below its ``noise``
    (p,) has none: what is constant in every risk set has 0, computed as the difference of two sums of events' x^2.
    ``unit`` is the mean weight of an event.
    """

    rows: Vector
    group: NDArray[np.int64] | None
    scale: Vector
    spread: Vector
    noise: Vector
    unit: float

    def __post_init__(self) -> None:
        results.read_only(self)

    @property
    def x(self) -> Vector:
        """The rows of each subject, (n, p)."""
        return self.rows if self.group is None else self.rows[self.group]


def design(matrix: ModelMatrix, sets: RiskSets) -> Design:
    """The covariates of the model in the order of the risk sets."""
    weight = None if matrix.tte.weight is None else sets.weight * sets.event
    events = float(np.count_nonzero(sets.event))
    counts = matrix.tte.weight_type == "count"
    unit = 1.0 if weight is None or events == 0 or counts else float(weight.sum()) / events
    if not matrix.covariates:
        return _of_arms(matrix.arm_terms, sets, weight, unit, sets.weight if counts else None)
    n, columns = matrix.tte.n, matrix.columns
    center, scale, spread = (np.array(v) for v in zip(*(_moments(column) for column in columns), strict=True))
    # Row by row, so that a row lies together; in blocks that stay in the cache.
    x = np.empty((n, len(columns)))
    for first in range(0, n, _BLOCK):
        rows = slice(first, first + _BLOCK)
        for j, column in enumerate(columns):
            x[rows, j] = (column[rows] - center[j]) / scale[j]
    x[:, spread == 0] = 0.0
    x = x.take(sets.order, axis=0)
    counted = sets.event.astype(np.float64) if weight is None else weight
    noise = np.zeros(len(columns))
    for first in range(0, n, _BLOCK):
        rows = slice(first, first + _BLOCK)
        noise += counted[rows] @ (x[rows] * x[rows])
    return Design(rows=x, group=None, scale=scale, spread=spread, noise=ROUNDING * noise, unit=unit)


def standardize(x: Vector) -> tuple[Vector, Vector]:
    """Columns of x (n, p) centred and divided by their standard deviations (p,); constant ones become 0."""
    if not x.shape[1]:
        return np.ascontiguousarray(x), np.ones(0)
    center, scale, spread = (np.array(v) for v in zip(*(_moments(column) for column in x.T), strict=True))
    out = (x - center) / scale
    out[:, spread == 0] = 0.0
    return np.ascontiguousarray(out), scale


def _moments(column: Vector) -> tuple[float, float, float]:
    """Mean, standard deviation, and range in standard deviations; a constant column has deviation 1 and range 0."""
    center = float(column.mean())
    away = column - center
    low, high = float(away.min()), float(away.max())
    peak = max(high, -low) or 1.0
    size = 1.0 if 1e-100 < peak < 1e100 else peak  # squares of others leave the range of numbers
    if size != 1:
        away /= size
    scale = size * math.sqrt(float(away @ away) / len(column))
    if scale <= 1e-13 * abs(center):  # only rounding is left of a constant after centring
        return center, 1.0, 0.0
    return center, scale, (high - low) / scale


def _of_arms(terms: int, sets: RiskSets, weight: Vector | None, unit: float, counts: Vector | None) -> Design:
    """Indicators of every arm but the first: mean and deviation come from the number of subjects in each."""
    share = np.bincount(sets.arm, counts, minlength=terms + 1)
    share = share / share.sum()
    deaths = np.bincount(sets.arm[sets.event], None if weight is None else weight[sets.event], minlength=terms + 1)
    share = share[1:]
    scale = np.sqrt(share * (1 - share))
    rows = (np.eye(terms + 1, terms, -1) - share) / scale
    noise = ROUNDING * (deaths @ (rows * rows))
    return Design(rows=rows, group=sets.arm, scale=scale, spread=1 / scale, noise=noise, unit=unit)


def likelihood(sets: RiskSets, covariates: Design, ties: Ties, weighted: bool) -> Likelihood:
    """The log-likelihood, its score and information as a function of the coefficients."""
    if ties == "efron" or ties == "breslow":
        efron = ties == "efron"
        if covariates.group is not None and not weighted and len(sets.entry) == 0:
            return _from_counts(sets, covariates.rows, covariates.group, efron)
        x = covariates.x
        return lambda beta: _partial(beta, x, sets, sets.event, efron)
    # A lone death has the same term in every model, at a cost that does not grow with the risk set.
    kernel = discrete_likelihood if ties == "discrete" else marginal_likelihood
    x = covariates.x
    tied = _tied_deaths(sets)
    lone = sets.event & ~tied
    if not tied.any():
        return lambda beta: _partial(beta, x, sets, lone, False)

    def both(beta: Vector) -> tuple[float, Vector, Vector]:
        single = _partial(beta, x, sets, lone, False)
        several = kernel(beta, x, sets.time, tied, sets.starts, sets.entry)
        return single[0] + several[0], single[1] + several[1], single[2] + several[2]

    return both


def _partial(
    beta: Vector, x: Vector, sets: RiskSets, event: NDArray[np.bool_], efron: bool
) -> tuple[float, Vector, Vector]:
    return partial_likelihood(beta, x, sets.time, event, sets.weight, sets.starts, sets.entry, sets.leaving, efron)


def _from_counts(sets: RiskSets, z: Vector, group: NDArray[np.int64], efron: bool) -> Likelihood:
    """The likelihood of a model of arms alone, from the counts at risk and dying in each arm."""
    k, at_risk, deaths = death_counts(sets.time, sets.event, group, sets.weight, sets.starts, len(z))
    at_risk, deaths = at_risk[:k], deaths[:k]
    kernel = two_group_likelihood if len(z) == 2 else grouped_likelihood
    return lambda beta: kernel(beta, z, at_risk, deaths, efron)


def _tied_deaths(sets: RiskSets) -> NDArray[np.bool_]:
    """Deaths that share their time, within the stratum, with another death."""
    rows = np.flatnonzero(sets.event)
    stratum = np.searchsorted(sets.starts, rows, side="right")
    same = (np.diff(sets.time[rows]) == 0) & (np.diff(stratum) == 0)
    tied = np.zeros(len(sets.event), dtype=bool)
    tied[rows[:-1][same]] = True
    tied[rows[1:][same]] = True
    return tied
