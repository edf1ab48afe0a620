"""The estimates of a structural model in bootstrap samples: by the kernel, or one by one where there are covariates."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ...errors import EquipoiseError
from ...kernels import structural_draws, structural_tests
from ...survival import cox
from .bootstrap import in_threads
from .counterfactual import unswitched
from .psi_search import Settings, by_distance, layout, nearest_root, statistic_of
from .record import Switches, Vector


def draw_estimates(
    switches: Switches, settings: Settings, copies: NDArray[np.int64], workers: int | None = None
) -> tuple[Vector, Vector]:
    """psi and log hazard ratio (draws,) of samples given by their copies of each subject, (draws, n).

    ``nan`` where a sample has no root on the grid, or no hazard ratio. The log-rank test without covariates goes
    through a kernel, on threads; a model with covariates is fitted sample by sample.
    """
    if settings.test != "log-rank":
        found = [_one(switches, settings, row, math.nan) for row in copies]
        return np.array([f[0] for f in found]), np.array([f[1] for f in found])
    subjects, grid = layout(switches, settings.recensor, settings.stratified), settings.grid
    _, orders, codes = structural_tests(grid, *subjects.columns, subjects.order(float(grid[0])))
    visit, refine = by_distance(grid), settings.search == "root"

    def one(part: NDArray[np.int64]) -> tuple[Vector, ...]:
        return structural_draws(grid, refine, visit, part, *subjects.columns, orders, codes)

    psi, ratio, _ = in_threads(one, copies, workers)
    if settings.covariates is None:
        return psi, ratio
    return psi, np.array([_one(switches, settings, row, p)[1] for row, p in zip(copies, psi, strict=True)])


def _one(switches: Switches, settings: Settings, copies: NDArray[np.int64], psi: float) -> tuple[float, float]:
    """psi, unless it is known, and the log hazard ratio of one sample, a row a copy."""
    rows = np.repeat(np.arange(switches.n), copies)
    sample = taken(switches, rows)
    chosen = settings.covariates and {name: column[rows] for name, column in settings.covariates.items()}
    if math.isnan(psi) and settings.test != "log-rank":
        own = replace(settings, covariates=chosen)
        psi = nearest_root(statistic_of(sample, own), settings.grid, settings.search)
    if math.isnan(psi):
        return math.nan, math.nan
    try:
        fit = cox(unswitched(sample, psi, recensor=settings.recensor), chosen, stratified=settings.stratified)
    except EquipoiseError:  # no maximum is found: a failed sample, counted as such
        return psi, math.nan
    return psi, math.nan if fit.reasons[0] else float(fit.coef[0])


def taken(switches: Switches, rows: NDArray[np.int64]) -> Switches:
    """The record of some of its subjects, a row as often as it is named: its checks are done already."""
    tte = switches.tte
    fields = {name: getattr(tte, name)[rows] for name in ("subject", "time", "event", "arm", "stratum")}
    return Switches(
        tte=tte._with(**fields, kept=None),
        switch=switches.switch[rows],
        progression=None if switches.progression is None else switches.progression[rows],
        administrative=None if switches.administrative is None else switches.administrative[rows],
        may_switch=switches.may_switch,
    )
