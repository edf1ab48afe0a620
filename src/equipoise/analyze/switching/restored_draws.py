"""Bootstrap samples of subjects whose times are put back: which of them a kernel takes, and their hazard ratios."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import EquipoiseError
from ...kernels import ratio_draws
from ...survival import cox
from .counterfactual import Recensor, cut_times, cuts
from .record import Switches, Vector

Copies = NDArray[np.int64]
# psi and log hazard ratio of samples given by their copies of each subject (draws, n), and which are settled by that:
# the others are to be analyzed one by one.
Draws = Callable[[Copies], tuple[Vector, Vector, NDArray[np.bool_]]]
_NUMBERS = 2_000_000  # of a table of samples by subjects


def with_all_switches(switches: Switches, copies: Copies) -> NDArray[np.bool_]:
    """Which samples have somebody who switched in every arm in which somebody did: else what is recensored changes."""
    found = np.ones(len(copies), dtype=np.bool_)
    for arm in switches.may_switch:
        who = switches.switched_in(arm)
        if who.any():
            found &= copies[:, who].any(axis=1)
    return found


def restored_draws(
    switches: Switches, copies: Copies, psi: Mapping[int, Vector], start: Vector,
    asked: tuple[Recensor, bool, dict[str, Any] | None],
) -> tuple[Vector, Vector, NDArray[np.bool_]]:  # fmt: skip
    """psi of the first arm and log hazard ratio of samples, the time of who switched put back since ``start`` (n,).

    ``psi``: of each arm in which somebody switched, (draws,). What is settled are samples whose hazard ratio is known
    to be there, or not.
    """
    tte = switches.tte
    known = np.isfinite(np.array(list(psi.values()))).all(axis=0)
    factor = np.zeros((int(known.sum()), tte.n))
    for arm, values in psi.items():
        own = [math.expm1(p) for p in values[known].tolist()]
        factor[:, tte.arm == arm] = np.array(own)[:, None]
    share = np.where(switches.switched, tte.time - np.where(switches.switched, start, 0.0), 0.0)
    ratio = np.full(len(copies), math.nan)
    ratio[known] = restored_ratios(switches, copies[known], share, factor, asked)
    return next(iter(psi.values())), ratio, known & (ratio != -math.inf)


def restored_ratios(
    switches: Switches, copies: Copies, share: Vector, factor: Vector,
    asked: tuple[Recensor, bool, dict[str, Any] | None],
) -> Vector:  # fmt: skip
    """Log hazard ratio of each sample, (draws,), its times having their ``share`` (n,) changed by ``factor`` less 1.

    ``factor`` (draws, n) is finite. -inf where the model cannot be fitted, nan where it has no hazard ratio. Without
    covariates all samples go through a kernel; with them there is a model a sample.
    """
    tte = switches.tte
    recensor, by_stratum, chosen = asked
    stratum = tte.stratum if by_stratum else np.zeros(tte.n, dtype=np.int64)
    starts = np.concatenate([[0], np.cumsum(np.bincount(stratum))]).astype(np.int64)
    end, event, arm = cuts(switches, recensor), tte.event > 0, tte.arm.copy()
    found = np.empty(len(copies))
    chunk = max(_NUMBERS // tte.n, 1)
    for first in range(0, len(copies), chunk):
        rows = slice(first, first + chunk)
        u, dead = cut_times(tte.time, share, factor[rows], end, event)
        if chosen is not None:
            found[rows] = [
                _adjusted(switches, *one, chosen, by_stratum) for one in zip(copies[rows], u, dead, strict=True)
            ]
            continue
        orders = np.lexsort((u, np.broadcast_to(stratum, u.shape)), axis=-1)
        found[rows] = ratio_draws(copies[rows], u, dead, arm, starts, orders)
    return found


def _adjusted(
    switches: Switches, copies: Copies, time: Vector, dead: NDArray[np.bool_], chosen: dict[str, Any], by_stratum: bool
) -> float:  # fmt: skip
    """The log hazard ratio of one sample given covariates."""
    tte, rows = switches.tte, np.repeat(np.arange(switches.n), copies)
    sample = tte._with(
        time=time[rows], event=dead[rows].astype(np.int64), arm=tte.arm[rows], stratum=tte.stratum[rows],
        subject=np.arange(len(rows)), rows_given=len(rows), kept=None,
    )  # fmt: skip
    try:
        model = cox(sample, {name: column[rows] for name, column in chosen.items()}, stratified=by_stratum)
    except EquipoiseError:
        return -math.inf
    return math.nan if model.reasons[0] else float(model.coef[0])
