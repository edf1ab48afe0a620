"""Newton's method for a concave log-likelihood, with aliased columns left out and infinite estimates found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import ConvergenceError

Vector = NDArray[np.float64]
Likelihood = Callable[[Vector], tuple[float, Vector, Vector]]

_ALIASED = 1e-10  # share of a column's information left once the columns before it are known
_RUNNING_AWAY = 1e-2  # a step this long, in standard deviations of x, while nothing is left to gain
_STEPS = 100


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Maximum:
    """``beta`` (p,) at the maximum with log-likelihood, score and information there and at zero.

    ``used`` marks the columns that are estimable; ``infinite`` those whose coefficient has no finite
    maximum (their beta is the last iterate).
    """

    beta: Vector
    loglik: float
    information: Vector
    loglik_null: float
    score_null: Vector
    information_null: Vector
    used: NDArray[np.bool_]
    infinite: NDArray[np.bool_]
    steps: int


def maximize(likelihood: Likelihood, noise: Vector) -> Maximum:
    """Start at zero; halve a step that does not climb; stop when the Newton decrement is rounding noise.

    ``noise`` (p,): a column's information below this is rounding. With a monotone likelihood the
    log-likelihood converges while a coefficient moves on by about the same step for ever: those are
    reported as infinite. Raises ``ConvergenceError``.
    """
    p = len(noise)
    beta = np.zeros(p)
    loglik, score, information = likelihood(beta)
    null = (loglik, score, information)
    used = estimable(information, noise)
    infinite = np.zeros(p, dtype=bool)
    steps = 0
    if not used.any():
        return _result(beta, loglik, information, null, used, infinite, steps)
    while steps < _STEPS:
        step = np.zeros(p)
        step[used] = solve(information[np.ix_(used, used)], score[used])
        decrement = float(score @ step)
        runs = np.abs(step) > _RUNNING_AWAY
        if decrement < 1e-11 and runs.any():
            infinite = runs
            break
        if decrement < 1e-26 * (1 + abs(loglik)):
            break
        steps += 1
        factor = 1.0
        while True:
            trial = beta + factor * step
            following = likelihood(trial)
            if following[0] >= loglik - 1e-12 * (1 + abs(loglik)):  # a nan or -inf fails this too
                break
            factor /= 2
            if factor < 1e-10:
                raise ConvergenceError("the partial likelihood does not climb", last=beta, remedy="Rescale covariates.")
        gained = following[0] - loglik
        beta, (loglik, score, information) = trial, following
        if decrement < 1e-9 and gained <= 0 and not runs.any():  # rounding is all that is left
            break
    else:
        raise ConvergenceError(
            f"the partial likelihood did not converge in {_STEPS} steps",
            last=beta,
            remedy="Look for a covariate that separates events from censorings.",
        )
    return _result(beta, loglik, information, null, used, infinite, steps)


def _result(
    beta: Vector,
    loglik: float,
    information: Vector,
    null: tuple[float, Vector, Vector],
    used: NDArray[np.bool_],
    infinite: NDArray[np.bool_],
    steps: int,
) -> Maximum:
    return Maximum(
        beta=beta, loglik=loglik, information=information, loglik_null=null[0], score_null=null[1],
        information_null=null[2], used=used, infinite=infinite, steps=steps,
    )  # fmt: skip


def estimable(information: Vector, noise: Vector) -> NDArray[np.bool_]:
    """Columns that carry information beyond the columns before them (Cholesky pivots, in order)."""
    p = len(information)
    rest = information.copy()
    used = np.zeros(p, dtype=bool)
    for j in range(p):
        if rest[j, j] > max(_ALIASED * information[j, j], noise[j]):
            used[j] = True
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
