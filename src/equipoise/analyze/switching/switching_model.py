"""Who switches when: the chance of a subject's history of switching, by pooled logistic regression or a Cox model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ... import results
from ...data import TimeToEvent
from ...survival import Cox, cox
from ...survival.convention import Ties
from ...survival.cox_steps import steps_at
from ...survival.risk_sets import risk_sets
from .logistic import Logistic, pooled_logistic
from .natural_spline import Knots, knots_of, natural_spline
from .panel import Panel
from .record import Vector

Part = Literal["denominator", "numerator"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SwitchingModel:
    """A model of switching in one arm: of the ``denominator`` of the weights, or the ``numerator`` that steadies them.

    ``coef`` and ``se`` (p,) by term, log odds or log hazards of switching; ``rows`` and ``switches`` it was fitted to;
    ``loglik`` without covariates and at the maximum. Terms without an estimate have a text in ``reasons``.
    """

    arm: str
    part: Part
    terms: tuple[str, ...]
    coef: Vector
    se: Vector
    reasons: tuple[str, ...]
    loglik: tuple[float, float]
    rows: int
    switches: int

    def __post_init__(self) -> None:
        results.read_only(self)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pieces:
    """Rows of a panel cut at times: the row each piece is of, its start and stop, and whether it ends its row."""

    row: NDArray[np.int64]
    start: Vector
    stop: Vector
    ends: NDArray[np.bool_]


def logistic_models(
    panel: Panel, arm: int, df: int, by_stratum: bool
) -> tuple[dict[Part, SwitchingModel], dict[Part, Vector]]:
    """Pooled logistic models of an arm, and the log chance of what each row's end was, (m,): 0 outside the model.

    Rows from the switch on say nothing of switching, nor does the row in which follow-up of a subject who never
    switched ends: had it gone on to the visit, there might have been a switch (as the reference program,
    trtswitch, takes it). The intercept is a natural spline of
    the rows' ends with knots at quantiles of the days of switching. Rows in which nobody can switch are in the
    numerator alone: what it says must not depend on when they end, or the weights would bring that back in.
    """
    told = np.flatnonzero((panel.tte.arm == arm) & ~panel.after & (panel.crossed | ~panel.last))
    strata_terms = panel.tte.strata[1:] if by_stratum else ()
    models: dict[Part, SwitchingModel] = {}
    chances: dict[Part, Vector] = {}
    for part in ("denominator", "numerator"):
        rows = told[panel.open[told]] if part == "denominator" else told
        times = panel.tte.time[rows]
        shape, named = spline_columns(times, knots_of(times[panel.crossed[rows]], df))
        strata = panel.stratum_indicators()[rows] if by_stratum else np.empty((len(rows), 0))
        columns, terms = _of_part(panel, part)
        x = np.column_stack([np.ones(len(rows)), strata, columns[rows], shape])
        fit = pooled_logistic(panel.crossed[rows], x, panel.owner[rows])
        models[part] = _model(panel, arm, part, ("intercept", *strata_terms, *terms, *named), fit)
        chances[part] = np.zeros(panel.tte.n)
        chances[part][rows] = np.where(panel.crossed[rows], fit.log_left, fit.log_kept)
    return models, chances


def spline_columns(times: Vector, knots: Knots | None) -> tuple[Vector, tuple[str, ...]]:
    """The columns of a spline of time with their terms; none without knots."""
    if knots is None:
        return np.empty((len(times), 0)), ()
    return natural_spline(times, knots), tuple(f"time, spline {j}" for j in range(1, knots.df + 1))


def cox_models(
    panel: Panel, arm: int, pieces: Pieces, ties: Ties, by_stratum: bool
) -> tuple[dict[Part, SwitchingModel], dict[Part, Vector]]:
    """Cox models of an arm, and the log chance of not switching within each piece of a row, (k,): 0 outside the arm.

    ``pieces`` are rows cut at every death time, for weights as they are then. Rows in which nobody can switch are in
    the numerator alone.
    """
    models: dict[Part, SwitchingModel] = {}
    chances: dict[Part, Vector] = {}
    for part in ("denominator", "numerator"):
        there = panel.tte.arm[pieces.row] == arm
        mine = np.flatnonzero(there & panel.open[pieces.row] if part == "denominator" else there)
        row = pieces.row[mine]
        labels = np.array(panel.tte.strata)[panel.tte.stratum[row]] if by_stratum else None
        tte = TimeToEvent(
            pieces.stop[mine], pieces.ends[mine] & panel.crossed[row], unit="days", entry=pieces.start[mine],
            strata=labels, settle_near_ties=False,
        )  # fmt: skip
        columns, terms = _of_part(panel, part)
        fit = None
        if terms:
            fit = cox(tte, dict(zip(terms, columns[row].T, strict=True)), ties=ties, stratified=by_stratum)
            found = fit.terms, fit.coef, fit.se, fit.reasons, fit.loglik
            models[part] = SwitchingModel(
                arm=panel.tte.arms[arm], part=part, terms=found[0], coef=np.array(found[1]), se=np.array(found[2]),
                reasons=found[3], loglik=found[4], rows=len(mine), switches=tte.events,
            )  # fmt: skip
        chances[part] = np.zeros(len(pieces.row))
        chances[part][mine] = -_met(tte, fit, ties, by_stratum)
    return models, chances


def _met(tte: TimeToEvent, fit: Cox | None, ties: Ties, by_stratum: bool) -> Vector:
    """The hazard of switching met in each row, (n,): sum of the jumps with start < t <= stop, times the risk."""
    if fit is None:
        sets, x, beta = risk_sets(tte, by_stratum), np.zeros((tte.n, 1)), np.zeros(1)
    else:
        sets, x, beta = fit.fitted.sets, fit.fitted.x, fit.fitted.beta
    steps = steps_at(beta, x, sets, ties == "efron")
    top = np.full(len(sets.starts) - 1, np.inf)
    top[steps.stratum] = steps.top
    met = np.zeros(tte.n)
    for s in range(len(sets.starts) - 1):
        rows, own = slice(sets.starts[s], sets.starts[s + 1]), slice(steps.bounds[s], steps.bounds[s + 1])
        total = np.concatenate([[0.0], np.cumsum(steps.hazard[own])])
        ends = (np.searchsorted(steps.time[own], at[rows], side="right") for at in (sets.time, sets.entry))
        until, before = ends
        met[rows] = np.exp(x[rows] @ beta - top[s]) * (total[until] - total[before])
    out = np.empty(tte.n)
    out[sets.order] = met
    return out


def _of_part(panel: Panel, part: Part) -> tuple[Vector, tuple[str, ...]]:
    """Covariates of a model: those at baseline, and in the denominator those that vary."""
    if part == "numerator":
        return panel.baseline, panel.baseline_terms
    return np.column_stack([panel.baseline, panel.varying]), (*panel.baseline_terms, *panel.varying_terms)


def _model(panel: Panel, arm: int, part: Part, terms: tuple[str, ...], fit: Logistic) -> SwitchingModel:
    return SwitchingModel(
        arm=panel.tte.arms[arm], part=part, terms=terms, coef=np.array(fit.coef), se=np.array(fit.se),
        reasons=fit.reasons, loglik=fit.loglik, rows=fit.rows, switches=fit.events,
    )  # fmt: skip
