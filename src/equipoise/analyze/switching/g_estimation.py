"""Two-stage estimation with g-estimation: the psi at which switching no longer depends on the time that it spares."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import EquipoiseError
from ...survival import TimeVarying
from ...survival.convention import ArgumentError, check_level, resolve_stratified
from .bootstrap import checked_draws
from .counterfactual import Recensor, cut_times, cuts, recensored_words
from .ipcw import checked_df
from .logistic import pooled_logistic
from .natural_spline import knots_of
from .panel import Panel, panel
from .psi_search import Psi, Search, checked_grid, halved, search_psi
from .record import Switches, Vector
from .redraw import Rows, paths_of, sample_of, with_bootstrap
from .switching_model import spline_columns
from .two_stage import arms_with_switches, restored, secondary_baseline, two_stage_result
from .without_switching import SwitchEffect, WithoutSwitching, compared

ASSUMPTION = (
    "no unmeasured confounding after progression: given what was measured up to a visit, whether somebody switches at "
    "it does not depend on how long they would live without; and a factor common to those who switch"
)


def two_stage_g(
    switches: Switches,
    varying: Mapping[str, TimeVarying],
    *,
    covariates: Sequence[str] = (),
    time_df: int = 3,
    search: Search = "grid",
    grid: ArrayLike | None = None,
    recensor: Recensor = True,
    stratified: bool | None = None,
    draws: int = 0,
    seed: int | None = None,
    level: float = 0.95,
) -> WithoutSwitching:
    """The hazard ratio had nobody switched, where confounders of switching change between progression and the switch.

    Two-stage estimation with g-estimation (Latimer, White, Tilling and Siebert 2020). By arm in which switching is
    possible and happened: a pooled logistic model of switching at the visits from progression on, given the
    ``covariates`` (names in the record), what ``varying`` says at the visit, a natural spline of time with ``time_df``
    columns, strata, and the survival after progression that would have followed without a switch,
    U = T_off + e^psi T_on. Without unmeasured confounding switching does not depend on U at the true psi: Z, of its
    coefficient with a variance robust by subject, is 0. U is censored, so that its martingale residual stands for it,
    of a model of the arm's recensored U alone (Efron ties). ``grid`` (-2 to 2 in 401 points) and ``search`` as for
    ``rpsftm``; of several roots the one nearest to 0 counts (as in the reference program, trtswitch), all are in the
    result.

    The time since the switch is then divided by exp(-psi), recensored, and compared by a Cox model with ``covariates``
    and strata, whose limits take the factor for known and are too narrow for that; those of ``draws`` bootstrap samples
    do not.

    Raises the errors of ``two_stage`` and ``ipcw``.

    >>> from equipoise.data import TimeToEvent
    >>> draw, n = np.random.default_rng(7), 80
    >>> progression = draw.integers(5, 20, n)
    >>> time, arm = progression + draw.integers(5, 60, n), ["A"] * 40 + ["B"] * 40
    >>> tte = TimeToEvent(time, [1] * n, arm, control="A", experimental="B", unit="days")
    >>> switch = np.where((draw.random(n) < 0.5) & (np.arange(n) < 40), progression + draw.integers(0, 5, n), np.inf)
    >>> record = Switches(tte=tte, switch=switch, progression=progression, administrative=[90] * n)
    >>> visits = np.repeat(range(1, n + 1), 5), np.tile([0, 7, 14, 21, 28], n)
    >>> marker = TimeVarying(subject=visits[0], start=visits[1], value=draw.integers(0, 2, 5 * n), unit="days")
    >>> found = two_stage_g(record, {"marker": marker}, time_df=2, grid=np.linspace(-2, 2, 21))
    >>> found.effects[0].search.z.round(2).tolist()[::5]
    [4.44, 2.74, -1.36, -3.92, -4.32]
    """
    level, samples = check_level(level), checked_draws(draws, seed)
    if search not in get_args(Search):
        raise ArgumentError(f"unknown search {search!r}", remedy="Use 'root' or 'grid'.")
    points = checked_grid(np.linspace(-2.0, 2.0, 401) if grid is None else grid)
    by_stratum = resolve_stratified(stratified, switches.tte.strata)
    chosen = switches.columns(covariates)
    df = checked_df(time_df)
    base = secondary_baseline(switches)
    rows = panel(switches, varying, covariates, visits=True)
    ends = cuts(switches, recensor)
    effects: dict[int, SwitchEffect] = {}
    for arm in arms_with_switches(switches):
        name = switches.tte.arms[arm]
        statistic = _statistic(switches, rows, arm, base, ends, (df, by_stratum))
        found = search_psi(statistic, points, level, search)
        effects[arm] = SwitchEffect(
            arm=name, psi=found.psi, psi_conf_int=found.conf_int, reason=_why(found), limit_reasons=found.limit_reasons,
            search=found,
        )  # fmt: skip
    data, lost, reason = restored(switches, effects, switches.switch, recensor)
    result = compared(data, chosen, by_stratum, level, reason)
    given = [*rows.baseline_terms, *rows.varying_terms]
    method = (
        "two-stage estimation with g-estimation, pooled logistic regression of switching at visits from progression on"
        f"{', adjusted for ' + ', '.join(given) if given else ''}, robust by subject; roots "
        f"{'halved' if search == 'root' else 'interpolated'} on a grid of {len(points)} psi from {points[0]:g} to "
        f"{points[-1]:g}; time since switch divided by its factor; {recensored_words(recensor)}"
    )
    whole = two_stage_result(
        "two-stage with g-estimation", switches, result, tuple(effects.values()), lost, (by_stratum, chosen, level),
        (method, ASSUMPTION),
    )  # fmt: skip
    paths = paths_of(switches.tte, varying)

    def again(rows: Rows) -> WithoutSwitching:
        return two_stage_g(
            sample_of(switches, rows, covariates), paths(rows), covariates=covariates, time_df=df, search=search,
            grid=points, recensor=recensor, stratified=by_stratum, level=level,
        )  # fmt: skip

    return with_bootstrap(whole, again, switches.tte, samples, seed, level)


def _why(found: Psi) -> str:
    if found.reason and not np.isfinite(found.z).any():
        return "Z has no variance at any psi of the grid: the visits do not tell who switches from who does not"
    return found.reason


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SwitchingOfPsi:
    """Z of the time without a switch in a model of who switches, as a function of psi.

    By subject who progressed (k,): ``left`` since progression, ``on`` of it since the switch, ``end`` to administrative
    censoring (inf: no recensoring) and ``event``; by visit (m,) the subject's place ``of``, whether it ``crossed``, and
    the other columns ``x``, the constant first.
    """

    left: Vector
    on: Vector
    end: Vector
    event: NDArray[np.bool_]
    of: NDArray[np.int64]
    crossed: NDArray[np.bool_]
    x: Vector

    def residuals(self, psi: float) -> Vector:
        """Martingale residuals of the time without a switch, (k,)."""
        time, event = cut_times(self.left, self.on, np.full(len(self.left), math.expm1(psi)), self.end, self.event)
        return martingale(time, event)

    def z(self, psi: float) -> float:
        """Z at one psi; nan where the model has no finite coefficient."""
        x = np.column_stack([self.x[:, :1], self.residuals(psi)[self.of], self.x[:, 1:]])
        try:
            fit = pooled_logistic(self.crossed, x, self.of)
        except EquipoiseError:  # no maximum is found: no statistic at this psi
            return math.nan
        se = float(fit.robust_se[1])
        return float(fit.coef[1]) / se if not fit.reasons[1] and se > 0 else math.nan

    def at(self, psi: Vector) -> Vector:
        """Z at each psi of a grid."""
        return np.array([self.z(float(p)) for p in psi])

    def crossing(self, low: float, high: float, target: float) -> float:
        """Where Z passes a target between two psi; nan if it cannot be told."""
        return halved(self.z, low, high, target)


def _statistic(
    switches: Switches, rows: Panel, arm: int, base: Vector, ends: Vector, asked: tuple[int, bool]
) -> SwitchingOfPsi:
    """The visits of an arm from progression on: those that end at it or later, up to the switch.

    As in the models of ``ipcw`` the row in which follow-up of somebody who never switched ends is left out.
    """
    df, by_stratum = asked
    tte = switches.tte
    who = np.flatnonzero((tte.arm == arm) & np.isfinite(base))
    place = np.full(tte.n, -1)
    place[who] = np.arange(len(who))
    picked = np.flatnonzero(
        (place[rows.owner] >= 0) & (rows.tte.time >= base[rows.owner]) & ~rows.after & (rows.crossed | ~rows.last)
    )
    times, crossed = rows.tte.time[picked], rows.crossed[picked]
    shape, _ = spline_columns(times, knots_of(times[crossed], df))
    strata = rows.stratum_indicators()[picked] if by_stratum else np.empty((len(picked), 0))
    return SwitchingOfPsi(
        left=tte.time[who] - base[who],
        on=(tte.time - np.minimum(switches.switch, tte.time))[who],
        end=ends[who] - base[who],
        event=(tte.event > 0)[who],
        of=place[rows.owner[picked]],
        crossed=crossed,
        x=np.column_stack([np.ones(len(picked)), rows.baseline[picked], rows.varying[picked], strata, shape]),
    )


def martingale(time: Vector, event: NDArray[np.bool_]) -> Vector:
    """Events less the hazard met by each subject, (n,), of one group without covariates, with Efron's ties.

    With d of n dying together the hazard jumps by 1/n + 1/(n-1) + ... + 1/(n-d+1); each of the d meets the r-th of
    these terms with a share 1 - r/d, r from 0 on.

    >>> martingale(np.array([1.0, 2.0, 2.0]), np.array([True, True, False])).round(6).tolist()  # 2/3, 1/6, -5/6
    [0.666667, 0.166667, -0.833333]
    """
    times, deaths = np.unique(time[event], return_counts=True)
    if not len(times):
        return np.zeros(len(time))
    ordered = np.sort(time)
    at_risk = len(time) - np.searchsorted(ordered, times, side="left")
    sums = np.concatenate([[0.0], np.cumsum(1.0 / np.arange(1, len(time) + 1))])
    jump = sums[at_risk] - sums[at_risk - deaths]
    own = 1.0 - (at_risk - deaths) / deaths * jump
    total = np.concatenate([[0.0], np.cumsum(jump)])
    met = total[np.searchsorted(times, time, side="right")]
    step = np.searchsorted(times, time[event])
    met[event] = total[step] + own[step]
    return np.asarray(event - met, dtype=np.float64)
