"""MaxCombo tests at the looks of a trial: bounds on the largest of several weighted log-rank statistics, and power."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from ..errors import UnsupportedError
from ..survival.multinormal import rectangle_probability
from .course import Course
from .crossing import Crossing
from .group_sequential import GroupSequential
from .methods import MaxCombo, Weight, at_risk_for, no_information, per, weight_at

Vector = NDArray[np.float64]
_MOST = 6  # statistics over all looks: five take a second, six some ten, eight hours


def combo_bounds(test: GroupSequential, course: Course, calendar: Vector, method: MaxCombo) -> Vector:
    """Bounds (k,) on the largest statistic that spend alpha look by look as the test does, whatever the correlation of
    the statistics, which is that expected under the effect."""
    _check(test, method)
    _, correlation, look = _law(course, calendar, method)
    spent = test.alpha_spent
    upper = np.full(len(calendar), math.inf)
    for k in range(len(calendar)):
        if spent[k] - (spent[k - 1] if k else 0.0) <= 0:
            continue
        inside = look <= k

        def missing(bound: float, k: int = k, inside: NDArray[np.bool_] = inside) -> float:
            limits = np.where(look == k, bound, upper[np.minimum(look, k)])[inside]
            return 1 - _below(limits, correlation[np.ix_(inside, inside)]) - float(spent[k])

        if missing(9.0) < 0:  # else so little is spent that there is no bound
            upper[k] = brentq(missing, -9.0, 9.0, xtol=1e-10, rtol=1e-12)
    return upper


def combo_power(course: Course, calendar: Vector, method: MaxCombo, upper: Vector, root: float) -> Crossing:
    """The probabilities of first crossing at each look; ``root`` is the square root of the patients, below zero where
    events are benefit, zero under no effect."""
    means, correlation, look = _law(course, calendar, method)
    below = [1.0]
    for k in range(len(calendar)):
        inside = look <= k
        limits = upper[look[inside]] - means[inside] * root
        below.append(_below(limits, correlation[np.ix_(inside, inside)]))
    none = np.zeros(len(calendar))
    return Crossing(-np.diff(below), none, none)


def _below(limits: Vector, correlation: Vector) -> float:
    kept = np.isfinite(limits)
    if not kept.any():
        return 1.0
    return rectangle_probability(np.full(int(kept.sum()), -math.inf), limits[kept], correlation[np.ix_(kept, kept)])


def _law(course: Course, calendar: Vector, method: MaxCombo) -> tuple[Vector, Vector, NDArray[np.int64]]:
    """Means per root of a patient, correlations, and looks of the statistics: of all weights at the last look, and of
    them or the interim one at the others.

    Scores of two weights have at one look the covariance integral of w v y0 y1 / (y0 + y1)^2 (y0 h0 + y1 h1), and at
    two looks that of the earlier.
    """
    last = len(calendar) - 1
    alone = (method.interim,) if method.interim else method.weights
    members = [(k, weight) for k in range(last + 1) for weight in (method.weights if k == last else alone)]
    look = np.array([k for k, _ in members])
    matrices = [_scores(course, float(at), method.weights) for at in calendar]
    which = [method.weights.index(weight) for _, weight in members]
    n = len(members)
    covariance = np.array(
        [[matrices[min(look[a], look[b])][1][which[a], which[b]] for b in range(n)] for a in range(n)]
    )
    error = np.sqrt(np.diag(covariance))
    if not error.all():
        raise no_information(float(calendar[0]))
    means = np.array([matrices[k][0][w] for k, w in zip(look, which, strict=True)]) / error
    return means, covariance / np.outer(error, error), look


def _scores(course: Course, calendar: float, weights: tuple[Weight, ...]) -> tuple[Vector, Vector]:
    """Means (j,) and covariances (j, j) of the scores, per patient, on one grid."""
    found = at_risk_for(course, calendar, weights)
    (y0, y1), (h0, h1) = np.moveaxis(found.at_risk, 1, 0), np.moveaxis(found.hazard, 1, 0)
    values = np.array([weight_at(found, weight) for weight in weights])
    both = per(y0 * y1, y0 + y1)
    drift, spread = both * (h0 - h1), both * per(y0 * h0 + y1 * h1, y0 + y1)
    means = (values * drift * found.weight).sum(axis=(1, 2))
    return means, np.einsum("asm,bsm,sm,m->ab", values, values, spread, found.weight)


def _check(test: GroupSequential, method: MaxCombo) -> None:
    interim, last = 1 if method.interim else len(method.weights), len(method.weights)
    statistics = interim * (len(test.information_fractions) - 1) + last
    if statistics > _MOST:
        raise UnsupportedError(
            f"the looks have {statistics} statistics in all, which would take hours",
            where="method",
            remedy=f"Take up to {_MOST}: fewer weights or looks, or one of the weights as interim.",
        )
    if test.sided != 1 or test.futility is not None:
        raise UnsupportedError(
            "a MaxCombo design is one-sided and without futility bounds",
            where="method",
            remedy="Take sided=1 with half of alpha, and futility=None.",
        )
