"""The variance that a log-rank Z has under an effect, to first order without assuming that the effect is small."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .course import AtRisk, Course

Vector = NDArray[np.float64]


def variance_of_z(course: Course, found: AtRisk, calendar: float, null_ratio: float) -> float:
    """The asymptotic variance of the log-rank Z at an analysis that comes with its number of events; 1 under no effect.

    Z = U / sqrt(V), and V is an estimate that rises and falls with U. By the delta method Z is a sum over patients of
    psi = [psi_U - U / (2 V) psi_V] / sqrt(V), with psi_U and psi_V the influence of a patient on each: of one of arm z
    (0, 1) who is followed for X and has an event if d = 1, with null hazard ratio q, R = y0 + q y1, p = q y1 / R,

        psi_U = -d g(X) + integral to X of g q^z dN / R,                                 g = z - p,
        psi_V = d p(X) (1 - p(X)) + integral to X of (1 - 2 p) g q^z dN / R,             dN = (y0 h0 + y1 h1) ds.

    Where the analysis waits for its events, each patient with one brings it forward: d c is taken off psi, c being the
    gain of Z in time by the gain of events; it goes where no more events come. The variance is that of psi among the
    patients of each arm and stratum, and of its means between strata, whose numbers are chance while the arms within
    one have fixed shares. (Influence functions: van der Vaart 1998, chapter 20; derived here, and held against the
    variance of simulated Z in tests/calibration.) ``calendar`` is the day that ``found`` is of.
    """
    (y0, y1), (h0, h1) = np.moveaxis(found.at_risk, 1, 0), np.moveaxis(found.hazard, 1, 0)
    at_risk = y0 + null_ratio * y1
    p = np.divide(null_ratio * y1, at_risk, out=np.zeros_like(at_risk), where=at_risk > 0)
    dying = y0 * h0 + y1 * h1
    pooled = np.divide(dying, at_risk, out=np.zeros_like(at_risk), where=at_risk > 0)
    u = float(((p * y0 * h0 - (1 - p) * y1 * h1) @ found.weight).sum())
    v = float(((p * (1 - p) * dying) @ found.weight).sum())
    if not v > 0:
        return 1.0
    half = u / (2 * v)
    # what an event adds to a patient's influence, and a day at risk, by arm: (s, 2, m)
    g = np.stack((-p, 1 - p), axis=1)
    passing = g * np.array([1.0, null_ratio])[:, None] * pooled[:, None]
    jump = -g - half * (p * (1 - p))[:, None]
    daily = passing * (1 - half * (1 - 2 * p))[:, None]
    y, h = found.at_risk, found.hazard
    gain = y * (h * jump + daily)
    entered = course.accrual.entered(calendar - found.time)
    entering = course.accrual.rate(calendar - found.time)
    newly = np.divide(entering, entered, out=np.zeros_like(entered), where=entered > 0) * found.weight
    coming = float(((y * h) @ newly).sum())
    if coming > 0:
        c = float((gain @ newly).sum()) / coming
        jump = jump - c
        gain = gain - c * y * h
    before = found.upto(daily)
    squares = (y * (h * jump * (jump + 2 * before) + 2 * before * daily)) @ found.weight
    share = np.array([one.share for one in course.strata])[:, None]
    sizes = share * np.array([1 - course.experimental_share, course.experimental_share])
    mean = gain @ found.weight
    within = (squares - mean**2 / sizes).sum()
    between = (mean.sum(axis=1) ** 2 / share[:, 0]).sum() - mean.sum() ** 2
    return float(within + between) / v
