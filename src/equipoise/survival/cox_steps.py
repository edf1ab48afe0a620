"""A fitted Cox model, death time by death time: what residuals, tests of its assumption and predictions rest on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import UnsupportedError
from ..kernels import hazard_steps
from .convention import refuse_counts
from .maximize import Vector

if TYPE_CHECKING:
    from .cox_result import Cox
    from .risk_sets import RiskSets

_NONE = np.empty(0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Steps:
    """The k distinct death times of a model, by stratum and time; covariates centred and scaled as in ``Fitted``.

    ``stratum``, ``time``, ``deaths`` (weights) and ``count`` (k,); ``top`` (k,), the largest x beta of the stratum,
    to which ``hazard``, ``hazard_met`` (by a death of that time) and ``variance`` (k,) belong; ``drift`` and
    ``drift_met`` (k, p): hazard times mean covariates; ``mean`` (k, p): mean covariates of those at risk;
    ``bounds`` (s + 1,): where strata begin. ``information`` (3, p, p): of the model, and weighted by g and g^2.
    """

    stratum: NDArray[np.int64]
    time: Vector
    deaths: Vector
    count: Vector
    top: Vector
    hazard: Vector
    hazard_met: Vector
    variance: Vector
    drift: Vector
    drift_met: Vector
    mean: Vector
    bounds: NDArray[np.int64]
    information: Vector


def steps_at(beta: Vector, x: Vector, sets: RiskSets, efron: bool, g: Vector = _NONE) -> Steps:
    """The steps at coefficients (p,) of covariates x (n, p) in the order of the sets; ``g`` (n,) as in ``steps_of``."""
    p = len(beta)
    out, met, information = hazard_steps(
        beta, x, sets.time, sets.event, sets.weight, sets.starts, sets.entry, sets.leaving, efron, g
    )
    stratum = out[0].astype(np.int64)
    return Steps(
        stratum=stratum,
        time=out[1],
        deaths=out[2],
        count=out[3],
        top=out[7],
        hazard=out[4],
        hazard_met=out[5],
        variance=out[6],
        drift=np.ascontiguousarray(out[8 : 8 + p].T),
        drift_met=np.ascontiguousarray(met.T),
        mean=np.ascontiguousarray(out[8 + p :].T),
        bounds=np.searchsorted(stratum, np.arange(len(sets.starts))),
        information=information,
    )


def steps_of(fit: Cox, g: Vector = _NONE) -> Steps:
    """The steps of a model at its maximum; ``g`` (n,) is a function of time by row, in the order of the sets.

    Raises ``UnsupportedError`` for exact ties, and where a term has no finite coefficient.
    """
    if fit.ties not in ("efron", "breslow"):
        raise UnsupportedError(
            f"residuals, baseline hazard and tests of proportional hazards are not defined here under {fit.ties} ties",
            remedy="Fit the model with Efron's or Breslow's ties.",
        )
    refuse_counts(fit.fitted.matrix.tte.weight_type, "what rests on the death times of a Cox model")
    for term, coef, reason in zip(fit.terms, fit.coef, fit.reasons, strict=True):
        if not np.isfinite(coef):
            raise UnsupportedError(
                f"the term {term} has no finite coefficient: {reason}",
                where="Cox model",
                remedy="Leave the term out, or fit the model with a penalty.",
            )
    return steps_at(fit.fitted.beta, fit.fitted.x, fit.fitted.sets, fit.ties == "efron", g)


def death_steps(sets: RiskSets, steps: Steps) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows with a death, in the order of the sets, and the step at which each dies."""
    rows = np.flatnonzero(sets.event)
    stratum = np.searchsorted(sets.starts, rows, side="right") - 1
    new = (np.diff(stratum) > 0) | (np.diff(sets.time[rows]) > 0)
    return rows, np.concatenate([np.zeros(min(len(rows), 1), dtype=np.int64), np.cumsum(new)])


def martingale_rows(beta: Vector, x: Vector, sets: RiskSets, steps: Steps) -> Vector:
    """Event less cumulative hazard met by each row, (n,) in the order of the sets."""
    hazard = _met(sets, steps, steps.hazard[:, None], steps.hazard_met[:, None])[:, 0]
    return np.asarray(sets.event - _risk(beta, x, sets, steps) * hazard)


def score_rows(beta: Vector, x: Vector, sets: RiskSets, steps: Steps) -> Vector:
    """Each row's share of the score, (n, p): the sum over rows of weight times this is the score.

    Row i gets the integral of (x_i - mean(t)) dM_i(t). Under Efron's ties a death meets the hazard of the tied term r
    with weight 1 - r/d, and its mean is the average over the terms (Therneau and Grambsch 2000).
    """
    hazard = _met(sets, steps, steps.hazard[:, None], steps.hazard_met[:, None])
    drift = _met(sets, steps, steps.drift, steps.drift_met)
    out = -_risk(beta, x, sets, steps)[:, None] * (x * hazard - drift)
    rows, step = death_steps(sets, steps)
    out[rows] += x[rows] - steps.mean[step]
    return out


def _risk(beta: Vector, x: Vector, sets: RiskSets, steps: Steps) -> Vector:
    """e^(x beta - top) of each row: 0 in a stratum without deaths, where nothing is met."""
    top = np.full(len(sets.starts) - 1, np.inf)
    top[steps.stratum] = steps.top
    return np.asarray(np.exp(x @ beta - np.repeat(top, np.diff(sets.starts))))


def _met(sets: RiskSets, steps: Steps, jump: Vector, jump_met: Vector) -> Vector:
    """Sum of the jumps (k, q) between each row's entry and its time; at its own death what a death meets. (n, q)."""
    met = np.empty((len(sets.time), jump.shape[1]))
    for s in range(len(sets.starts) - 1):
        rows, own = slice(sets.starts[s], sets.starts[s + 1]), slice(steps.bounds[s], steps.bounds[s + 1])
        at = steps.time[own]
        total = np.concatenate([np.zeros((1, jump.shape[1])), np.cumsum(jump[own], axis=0)])
        before = np.searchsorted(at, sets.time[rows], side="left")
        upto = np.where(sets.event[rows], before, np.searchsorted(at, sets.time[rows], side="right"))
        met[rows] = total[upto]
        if len(sets.entry):
            met[rows] -= total[np.searchsorted(at, sets.entry[rows], side="right")]
    dead, step = death_steps(sets, steps)
    met[dead] += jump_met[step]
    return met
