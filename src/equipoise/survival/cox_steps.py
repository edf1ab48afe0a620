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
    for term, reason in zip(fit.terms, fit.reasons, strict=True):
        if not np.isfinite(fit.coef[fit.terms.index(term)]):
            raise UnsupportedError(
                f"the term {term} has no finite coefficient: {reason}",
                where="Cox model",
                remedy="Leave the term out, or fit the model with a penalty.",
            )
    f = fit.fitted
    sets = f.sets
    p = len(f.beta)
    out, met, information = hazard_steps(
        f.beta, f.x, sets.time, sets.event, sets.weight, sets.starts, sets.entry, sets.leaving, fit.ties == "efron", g
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


def stratum_of_rows(fit: Cox) -> NDArray[np.int64]:
    """Stratum of each row, in the order of the sets."""
    starts = fit.fitted.sets.starts
    return np.repeat(np.arange(len(starts) - 1), np.diff(starts))


def step_before(fit: Cox, steps: Steps, at: Vector, *, after: bool) -> NDArray[np.int64]:
    """How many steps of all lie before or at (``after``) a row's time ``at`` (n,), counted within its stratum."""
    starts = fit.fitted.sets.starts
    found = np.empty(len(at), dtype=np.int64)
    for s in range(len(starts) - 1):
        rows = slice(starts[s], starts[s + 1])
        own = steps.time[steps.bounds[s] : steps.bounds[s + 1]]
        found[rows] = steps.bounds[s] + np.searchsorted(own, at[rows], side="right" if after else "left")
    return found
