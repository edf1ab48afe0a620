"""Newton's method for a concave log-likelihood, with aliased columns left out and infinite estimates found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import ConvergenceError

Vector = NDArray[np.float64]
Evaluated = tuple[float, Vector, Vector]  # log-likelihood, score (p,) and information (p, p)
Likelihood = Callable[[Vector], Evaluated]
Restricted = Callable[[NDArray[np.bool_]], Likelihood]  # the likelihood, given which coefficients (p,) move

_ALIASED = 1e-10  # share of a column's information left once the columns before it are known
_RUNNING_AWAY = 1e-2  # a step that moves the linear predictor this far while nothing is left to gain
_FLAT = 1e-7  # information, per unit of the linear predictor, along a direction that runs away
_PART = 1e-4  # share of a coefficient in such a direction
_STRIDE = 5.0  # the first step moves the linear predictor no further: one that leaps to infinity looks like a maximum
_STEEP = 1e-6  # slope, per event and unit of the linear predictor, that is no rounding
_STEPS = 100


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Maximum:
    """``beta`` (p,) at the maximum with log-likelihood, score and information there and at the start (zero).

    ``used`` marks the columns that are estimable. ``direction`` is 0 where the maximum is finite, -1 or 1
    where it is at infinity, nan where, others being at infinity, any value is as likely; there beta is the last
    iterate.
    """

    beta: Vector
    loglik: float
    score: Vector
    information: Vector
    loglik_null: float
    score_null: Vector
    information_null: Vector
    used: NDArray[np.bool_]
    direction: Vector
    steps: int


def maximize(
    likelihood: Likelihood,
    noise: Vector,
    spread: Vector,
    unit: float,
    start: Vector | None = None,
    moving: NDArray[np.bool_] | None = None,
) -> Maximum:
    """Start at zero; halve a step that does not climb; stop when the Newton decrement is rounding noise.

    ``noise`` (p,): a column's information below this is rounding; ``spread`` (p,): its range;
    ``unit``: the mean weight of an event; ``moving`` (p,): the coefficients to find, the others staying at ``start``
    (None: those that are estimable, from zero). With a monotone likelihood the log-likelihood converges while some
    coefficients move on by about the same step for ever: see ``direction``. Raises ``ConvergenceError``.
    """
    p = len(noise)
    beta = np.zeros(p) if start is None else start
    null = loglik, score, information = likelihood(beta)
    used = estimable(information, noise) if moving is None else moving
    direction = np.zeros(p)
    steps = 0
    if not used.any():
        return _result(beta, (loglik, score, information), null, used, direction, steps)
    everything = bool(used.all())
    floor = 1e-3 * noise[used]
    step, stride = np.zeros(p), _STRIDE
    while steps < _STEPS:
        before = step
        step = _step(information, score, used, everything)
        length = _length(step, spread)
        if (steps or start is not None) and (length > _RUNNING_AWAY or (information.diagonal()[used] < floor).any()):
            step = np.zeros(p)
            step[used] = _onward(block(information, used), score[used], before[used], spread[used], noise[used], unit)
            length = _length(step, spread)
        decrement = float(score @ step)
        runs = length > _RUNNING_AWAY
        if runs and decrement < max(1e-11 * unit, 1e-15 * abs(loglik)):
            direction[used] = _directions(block(information, used), step[used], before[used], spread[used], unit)
            beta, (loglik, score, information) = _settle(likelihood, beta, used & (direction == 0))
            break
        if decrement < 1e-26 * (unit + abs(loglik)):
            break
        steps += 1
        factor = min(1.0, stride / length) if length > 0 else 1.0
        stride *= 2 if factor < 1 else 1
        while True:
            trial = beta + factor * step
            following = likelihood(trial)
            if following[0] >= loglik - 1e-12 * (unit + abs(loglik)):  # a nan or -inf fails this too
                break
            factor /= 2
            if factor < 1e-10:
                raise ConvergenceError("the partial likelihood does not climb", last=beta, remedy="Rescale covariates.")
        gained = following[0] - loglik
        beta, (loglik, score, information) = trial, following
        if decrement < 1e-9 * unit and gained <= 0 and not runs:  # rounding is all that is left
            break
    else:
        raise ConvergenceError(
            f"the partial likelihood did not converge in {_STEPS} steps",
            last=beta,
            remedy="Look for a covariate that separates events from censorings.",
        )
    return _result(beta, (loglik, score, information), null, used, direction, steps)


def _length(step: Vector, spread: Vector) -> float:
    """How far a step moves the linear predictor."""
    return float(np.maximum.reduce(np.abs(step) * spread))


def _step(information: Vector, score: Vector, used: NDArray[np.bool_], everything: bool) -> Vector:
    """Newton's step, zero where a column is not used."""
    if everything:
        return solve(information, score)
    step = np.zeros(len(score))
    step[used] = solve(block(information, used), score[used])
    return step


def _principal(matrix: Vector) -> tuple[Vector, Vector]:
    """Eigenvalues and -vectors; those of one number are itself and one."""
    if matrix.shape == (1, 1):
        return matrix[0], np.ones((1, 1))
    values, vectors = np.linalg.eigh(matrix)
    return values, vectors


def _onward(information: Vector, score: Vector, before: Vector, spread: Vector, noise: Vector, unit: float) -> Vector:
    """Newton's step; along directions whose curvature is down to rounding, the step before once more.

    From a start far from the maximum such a direction may be steep: there, steps uphill, each twice the one before.
    """
    values, vectors = _principal(information / np.outer(spread, spread))
    curved = values > max(1e-14 * values[-1], 1e-3 * float((noise / spread**2).max()))
    slope, again = vectors.T @ (score / spread), vectors.T @ (before * spread)
    uphill = np.sign(slope) * np.maximum(_STRIDE, 2 * np.abs(again))
    again = np.where(np.abs(slope) > _STEEP * unit, uphill, again)
    along = np.where(curved, slope / np.where(curved, values, 1.0), again)
    return np.asarray(vectors @ along / spread, dtype=np.float64)


def _directions(information: Vector, step: Vector, before: Vector, spread: Vector, unit: float) -> Vector:
    """Which coefficients have a part in the directions along which the likelihood has become flat.

    Those that run away go on by the step before; where any value is as likely the steps are haphazard.
    """
    values, vectors = _principal(information / np.outer(spread, spread))
    part = np.sqrt((vectors[:, values <= max(_FLAT * unit, values[0])] ** 2).sum(axis=1)) > _PART
    moves = (np.abs(step) * spread > _PART) & (np.abs(step - before) < np.abs(before) / 2)
    return np.where(part, np.where(moves, np.sign(step), np.nan), 0.0)


def _settle(likelihood: Likelihood, beta: Vector, finite: NDArray[np.bool_]) -> tuple[Vector, Evaluated]:
    """The finite coefficients at their maximum, the others held as far out as they are."""
    at = likelihood(beta)
    for _ in range(4 if finite.any() else 0):
        beta = beta.copy()
        beta[finite] += solve(block(at[2], finite), at[1][finite])
        at = likelihood(beta)
    return beta, at


def _result(
    beta: Vector, at: Evaluated, null: Evaluated, used: NDArray[np.bool_], direction: Vector, steps: int
) -> Maximum:
    return Maximum(
        beta=beta, loglik=at[0], score=at[1], information=at[2], loglik_null=null[0], score_null=null[1],
        information_null=null[2], used=used, direction=direction, steps=steps,
    )  # fmt: skip


def block(matrix: Vector, rows: NDArray[np.bool_]) -> Vector:
    """The rows and columns marked."""
    return matrix if rows.all() else matrix[np.ix_(rows, rows)]


def estimable(information: Vector, noise: Vector) -> NDArray[np.bool_]:
    """Columns that carry information beyond the columns before them (Cholesky pivots, in order)."""
    p = len(information)
    rest = information.copy()
    used = np.zeros(p, dtype=bool)
    for j in range(p):
        if rest[j, j] > max(_ALIASED * information[j, j], noise[j]):
            used[j] = True
            if j + 1 < p:
                rest = rest - np.outer(rest[:, j], rest[j]) / rest[j, j]
    return used


def solve(matrix: Vector, vector: Vector) -> Vector:
    """matrix^-1 vector, by the pseudo-inverse where rounding has made the matrix singular."""
    if matrix.shape == (1, 1):
        return vector / matrix[0] if matrix[0, 0] > 0 else np.zeros_like(vector)
    try:
        return np.asarray(np.linalg.solve(matrix, vector), dtype=np.float64)
    except np.linalg.LinAlgError:
        return np.asarray(np.linalg.pinv(matrix, hermitian=True) @ vector, dtype=np.float64)
