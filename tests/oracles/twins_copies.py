"""Plain second program for models of bootstrap samples: every copy is a row of its own."""

from __future__ import annotations

import math

import numpy as np
from tests.oracles import twins_switching as switching


def climbed(gain, beta: np.ndarray) -> np.ndarray:
    """The maximum of a concave function, (value, slope, curvature), by Newton's steps that climb; nan where none."""
    value, slope, curve = gain(beta)
    for _ in range(200):
        if np.linalg.cond(curve) > 1e13:
            return np.full(len(beta), math.nan)
        step = np.linalg.solve(curve, slope)
        while True:
            following = gain(beta + step)
            if following[0] >= value - 1e-11 * (1 + abs(value)):
                break
            step = step / 2
            if np.abs(step).max() < 1e-14:
                return beta
        beta = beta + step
        value, slope, curve = following
        if np.abs(step).max() < 1e-11:
            return beta
    return np.full(len(beta), math.nan)


def weibull(time: np.ndarray, event: np.ndarray, x: np.ndarray, fixed: bool) -> np.ndarray:
    """Coefficients of log time on x (n, p) and the scale (1 if fixed), row by row; nan where there is no maximum."""
    y, p = np.log(time), x.shape[1]

    def gain(delta):
        rate = 1.0 if fixed else delta[p]
        if rate <= 0:
            return -math.inf, None, None
        value, slope, curve = 0.0, np.zeros(len(delta)), np.zeros((len(delta), len(delta)))
        for i in range(len(y)):
            row = -x[i] if fixed else np.append(-x[i], y[i])
            z = rate * y[i] - float(x[i] @ delta[:p])
            if z > 700:
                return -math.inf, None, None
            value += event[i] * (z + math.log(rate)) - math.exp(z)
            slope += (event[i] - math.exp(z)) * row
            curve += math.exp(z) * np.multiply.outer(row, row)
            if not fixed:
                slope[p] += event[i] / rate
                curve[p, p] += event[i] / rate**2
        return value, slope, curve

    start = np.zeros(p + (not fixed))
    start[0] = math.log(time.sum() / max(event.sum(), 1))
    if not fixed:
        start[p] = 1.0
    found = climbed(gain, start)
    rate = 1.0 if fixed else found[p]
    return np.append(found[:p] / rate, 1 / rate)


def martingale(time: np.ndarray, event: np.ndarray) -> np.ndarray:
    """Events less the hazard met, Efron's ties, subject by subject."""
    out = event.astype(float)
    for i in range(len(time)):
        for t in np.unique(time[event > 0]):
            if t > time[i]:
                break
            n, d = int((time >= t).sum()), int(((time == t) & (event > 0)).sum())
            for r in range(d):
                share = 1 - r / d if time[i] == t and event[i] else 1.0
                out[i] -= share / (n - r)
    return out


def robust_z(y: np.ndarray, x: np.ndarray, cluster: np.ndarray) -> float:
    """Z of the second column of a logistic model, its variance summed by cluster; nan where there is no maximum."""

    def gain(beta):
        eta = x @ beta
        p = 1 / (1 + np.exp(-eta))
        value = float((y * eta - np.logaddexp(0.0, eta)).sum())
        return value, x.T @ (y - p), (x.T * (p * (1 - p))) @ x

    beta = climbed(gain, np.zeros(x.shape[1]))
    if not np.isfinite(beta).all():
        return math.nan
    bread = np.linalg.inv(gain(beta)[2])
    p = 1 / (1 + np.exp(-(x @ beta)))
    meat = np.zeros_like(bread)
    for c in np.unique(cluster):
        score = ((y - p)[:, None] * x)[cluster == c].sum(axis=0)
        meat += np.multiply.outer(score, score)
    variance = (bread @ meat @ bread)[1, 1]
    return float(beta[1]) / math.sqrt(variance) if variance > 1e-14 else math.nan


def ipe_step(d: switching.Columns, psi: float, rows: np.ndarray, fixed: bool) -> float:
    """From psi to that of the model of the times that it restores."""
    time, event = switching.unswitched(d, psi, rows)
    x = np.column_stack([np.ones(len(time)), d["arm"] == 1]).astype(float)
    return -float(weibull(time, event, x, fixed)[1])
