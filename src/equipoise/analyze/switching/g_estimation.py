"""Two-stage estimation with g-estimation: the psi at which switching no longer depends on the time that it spares."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...survival import TimeVarying
from ...survival.convention import ArgumentError, check_level, resolve_stratified
from .bootstrap import checked_draws
from .counterfactual import Recensor, cuts, recensored_words
from .ipcw import checked_df
from .panel import panel
from .psi_search import Psi, Search, checked_grid, nearest_root, search_psi
from .record import Switches, Vector
from .redraw import Rows, paths_of, sample_of, with_bootstrap
from .restored_draws import Copies, restored_draws, with_all_switches
from .switching_of_psi import SwitchingOfPsi, switching_of_psi
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
    statistics: dict[int, tuple[SwitchingOfPsi, NDArray[np.int64]]] = {}
    for arm in arms_with_switches(switches):
        name = switches.tte.arms[arm]
        statistics[arm] = switching_of_psi(switches, rows, arm, base, ends, (df, by_stratum))
        found = search_psi(statistics[arm][0], points, level, search)
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

    def drawn(copies: Copies) -> tuple[Vector, Vector, NDArray[np.bool_]]:
        return g_draws(switches, copies, statistics, (points, search), (recensor, by_stratum, chosen))

    return with_bootstrap(whole, again, switches.tte, samples, seed, level, drawn)


def _why(found: Psi) -> str:
    if found.reason and not np.isfinite(found.z).any():
        return "Z has no variance at any psi of the grid: the visits do not tell who switches from who does not"
    return found.reason


def g_draws(
    switches: Switches, copies: Copies, statistics: Mapping[int, tuple[SwitchingOfPsi, NDArray[np.int64]]],
    where: tuple[Vector, Search], asked: tuple[Recensor, bool, dict[str, Any] | None],
) -> tuple[Vector, Vector, NDArray[np.bool_]]:  # fmt: skip
    """psi and log hazard ratio of samples given by their copies of each subject (draws, n), and which are settled.

    ``statistics``: Z by arm in the data, and which subjects it is of; ``where``: grid and search. Z is looked at no
    farther from 0 than the nearest root.
    """
    settled = with_all_switches(switches, copies)
    psi = {arm: np.full(len(copies), math.nan) for arm in statistics}
    if not psi:
        none = np.full(len(copies), math.nan)
        return none, none.copy(), np.zeros(len(copies), dtype=np.bool_)
    for b in np.flatnonzero(settled):
        for arm, (statistic, who) in statistics.items():
            psi[arm][b] = nearest_root(statistic.sample(copies[b][who]), *where)
    first, ratio, _ = restored_draws(switches, copies, psi, switches.switch, asked)
    return first, ratio, settled & (ratio != -math.inf)
