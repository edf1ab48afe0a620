"""Models of bootstrap samples from their definitions, a row a copy: densities of scipy, ties broken in every order.

Written from the papers' definitions by somebody who wrote neither the kernels nor their twin.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations, product

import numpy as np
from scipy import optimize, stats

Array = np.ndarray


def weibull(time: Array, event: Array, x: Array, scale: float | None) -> tuple[float, float]:
    """The second coefficient of log time on x (n, p), and the scale: the largest likelihood of densities and survivors.

    ``scale`` None: of a Weibull law whose own is free; else that of the law.
    """

    def loss(p: Array) -> float:
        sigma = np.exp(p[-1]) if scale is None else scale
        law = {"c": 1 / sigma, "scale": np.exp(x @ p[: x.shape[1]])}
        dead, alive = stats.weibull_min.logpdf(time, **law), stats.weibull_min.logsf(time, **law)
        return -float(np.where(event, dead, alive).sum())

    start = np.zeros(x.shape[1] + (scale is None))
    start[0] = np.log(time).mean()
    p = _lowest(loss, start)
    return float(p[1]), float(np.exp(p[-1])) if scale is None else float(scale)


def residuals(time: Array, event: Array) -> Array:
    """Martingale residuals of one group, tied deaths taken one after the other: their mean over every order."""
    whole = [
        [] if not np.any(event & (time == t)) else list(np.flatnonzero(event & (time == t))) for t in np.unique(time)
    ]
    orders = [list(permutations(tied)) for tied in whole if tied]
    total, number = np.zeros(len(time)), 0
    for chosen in product(*orders):
        met, at_risk = np.zeros(len(time)), np.ones(len(time), dtype=bool)
        for tied in chosen:
            at_risk = time >= time[tied[0]]
            for who in tied:
                met[at_risk] += 1 / at_risk.sum()
                at_risk[who] = False
        total, number = total + event - met, number + 1
    return total / number


def robust_z(y: Array, x: Array, cluster: Array) -> float:
    """Z of the second coefficient of a logistic model, by the sandwich of scores summed by cluster."""

    def loss(beta: Array) -> float:
        return -float(stats.bernoulli.logpmf(y, 1 / (1 + np.exp(-(x @ beta)))).sum())

    beta = _lowest(loss, np.zeros(x.shape[1]))
    chance = 1 / (1 + np.exp(-(x @ beta)))
    bread = np.linalg.inv(sum(c * (1 - c) * np.multiply.outer(row, row) for c, row in zip(chance, x, strict=True)))
    scores = np.array([((y - chance)[:, None] * x)[cluster == c].sum(axis=0) for c in np.unique(cluster)])
    return float(beta[1] / np.sqrt((bread @ scores.T @ scores @ bread)[1, 1]))


def log_ratio(time: Array, event: Array, arm: Array, stratum: Array) -> float:
    """Where Efron's partial likelihood of the arm is largest: its score is 0."""

    def score(beta: float) -> float:
        found = 0.0
        for s in np.unique(stratum):
            for t in np.unique(time[event & (stratum == s)]):
                dying = event & (time == t) & (stratum == s)
                there = (time >= t) & (stratum == s)
                d = int(dying.sum())
                for r in range(d):
                    weight = np.exp(beta * arm) * (there - r / d * dying)
                    found += float(arm[dying].mean() - (weight * arm).sum() / weight.sum())
        return found

    return float(optimize.brentq(score, -30, 30, xtol=1e-12))


def _lowest(loss: Callable[[Array], float], start: Array) -> Array:
    """A minimum without any derivative but differences of the loss."""
    rough = optimize.minimize(
        loss, start, method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-12, "maxiter": 9000}
    )
    return np.asarray(optimize.minimize(loss, rough.x, method="BFGS", options={"gtol": 1e-7}).x)
