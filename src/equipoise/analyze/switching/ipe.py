"""IPE: iterative parameter estimation, the effect of treatment on time found together with the times it restores."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from ...data import TimeToEvent
from ...data.columns import refuse
from ...errors import ConvergenceError, EquipoiseError
from ...survival import Accelerated, accelerated, logrank
from ...survival.accelerated import Distribution
from ...survival.convention import ArgumentError, check_level, resolve_stratified, strata_words
from .bootstrap import checked_draws
from .counterfactual import Recensor, losses, recensored_words, unswitched, unswitched_shares
from .ipe_steps import Asked, Steps, plain_step, steps_of
from .record import Switches, Vector
from .redraw import Rows, sample_of, with_bootstrap
from .restored_draws import Copies, restored_ratios, with_all_switches
from .rpsftm import OPPOSED, inversion_limits
from .without_switching import SwitchEffect, WithoutSwitching, compared, what_speaks_against

ASSUMPTION = (
    "a common treatment effect: the treatment multiplies the time left by the same factor whenever it is taken; and "
    "times that follow the accelerated failure time model"
)
ON_THE_LAW_ALONE = (
    "everybody in {} switched: nobody of the arm is left to compare them with, so that the factor rests on the law of "
    "times and on when they switched"
)
NO_EFFECT = "the accelerated failure time model of an iteration has no effect of treatment"
AWAY = "the iterations run away: the effect of treatment is not finite"
_SETTLED = 1e-8
_MOST = 30  # iterations, after which the sign of their step is followed
_FARTHEST = 10.0  # a psi beyond it is no effect of a treatment


def ipe(
    switches: Switches,
    *,
    distribution: Distribution = "weibull",
    covariates: Sequence[str] = (),
    stratified: bool | None = None,
    recensor: Recensor = True,
    draws: int = 0,
    seed: int | None = None,
    level: float = 0.95,
) -> WithoutSwitching:
    """The hazard ratio had nobody switched, if the treatment multiplies time by the same factor whenever it is taken.

    Iterative parameter estimation (Branson and Whitehead 2002). An accelerated failure time model of the arms gives a
    factor exp(-psi); the time that switchers spent on the other treatment is divided by it, which gives new times,
    and so on until psi stays. Times are as in ``rpsftm``, recensored likewise. Where the iterations are slow, or
    go to and fro since recensoring makes steps, the psi is found at which the step changes its sign. ``covariates`` are
    names in the record; with the strata (as indicators) they are in the model of time, and in the Cox model of the
    restored times, which gives the hazard ratio. Limits of it and of psi keep the P of the log-rank test as observed:
    estimate -+ q estimate / z; ``draws`` bootstrap samples give limits of their own.

    Raises ``DataError`` for a time of zero, and where recensoring needs the day of administrative censoring;
    ``ArgumentError`` for words and covariates that are none.

    >>> from equipoise.data import TimeToEvent
    >>> time, arm = [2, 4, 6, 8, 10, 12, 3, 6, 9, 12, 14, 16], ["A"] * 6 + ["B"] * 6
    >>> tte = TimeToEvent(time, [1] * 5 + [0] + [1] * 5 + [0], arm, control="A", experimental="B", unit="months")
    >>> record = Switches.from_arrays(tte, [None, None, 3, None, 5, 6] + [None] * 6, administrative=[18] * 12,
    ...                               unit="months")
    >>> found = ipe(record)
    >>> print(found.effects[0])
    Acceleration factor of switching 1.65 (0.53 to 5.17), psi -0.502
    """
    tte = switches.tte
    level, samples = check_level(level), checked_draws(draws, seed)
    if distribution not in get_args(Distribution):
        known = ", ".join(get_args(Distribution))
        raise ArgumentError(f"unknown distribution {distribution!r}", remedy=f"Use one of {known}.")
    by_stratum = resolve_stratified(stratified, tte.strata)
    chosen = switches.columns(covariates)
    refuse(
        tte.time <= 0, "a time is zero, and has no logarithm", "time", tte.subject, "Count the day itself: add 1 day."
    )
    asked = (by_stratum, recensor, distribution)
    steps = steps_of(switches, chosen, *asked)
    psi, path, reason = iterated(_step(steps, switches, None, chosen, asked))
    observed = logrank(tte, stratified=by_stratum)
    data = None if reason else unswitched(switches, psi, recensor=recensor)
    found = compared(data, chosen, by_stratum, level, reason)
    z = math.nan if observed.z is None else observed.z
    opposed = (OPPOSED,) if found.beta * (z if tte.event_is == "harm" else -z) > 0 else ()
    limits, inverted = inversion_limits(found.beta, z, level, found.reason)
    psi_ends, psi_reason = inversion_limits(psi, z, level, reason)
    effects = (
        SwitchEffect(
            arm="",
            psi=psi,
            psi_conf_int=(math.log(psi_ends[0]), math.log(psi_ends[1])),
            reason=reason,
            limit_reasons=(psi_reason, psi_reason),
            model=_model(data, chosen, distribution, by_stratum, level),
            path=path,
        ),
    )
    lost = () if reason else losses(switches, psi, recensor)
    strata, adjusted = strata_words(by_stratum, tte), f", adjusted for {', '.join(chosen)}" if chosen else ""
    found_all = WithoutSwitching(
        name="IPE",
        effects=effects,
        hazard_ratio=math.exp(found.beta),
        conf_int=limits,
        p_value=observed.p_value,
        reason=found.reason,
        limit_reason=inverted,
        limits_by="inversion of the log-rank test as observed",
        unswitched=found.unswitched,
        model=found.model,
        log_rank=found.log_rank,
        observed=observed,
        recensored=lost,
        groups=(tte.arms[0], tte.arms[1]),
        notes=tuple(why for arm in switches.may_switch if (why := switches.one_sided(arm))),
        warnings=(*opposed, *_everybody(switches), *what_speaks_against(switches, effects, lost)),
        assumption=ASSUMPTION,
        level=level,
        method=f"IPE, {distribution} accelerated failure time model{adjusted}; {recensored_words(recensor)}; hazard "
        f"ratio by a Cox model, Efron ties, {strata}{adjusted}, limits by inversion of the two-sided log-rank test as "
        "observed; assumes a common treatment effect, whenever the treatment is taken",
        origin=tte.origin,
    )

    def again(rows: Rows) -> WithoutSwitching:
        return ipe(
            sample_of(switches, rows, covariates), distribution=distribution, covariates=covariates,
            stratified=by_stratum, recensor=recensor, level=level,
        )  # fmt: skip

    def drawn(copies: Copies) -> tuple[Vector, Vector, NDArray[np.bool_]]:
        return ipe_draws(steps, switches, copies, chosen, asked)

    return with_bootstrap(found_all, again, tte, samples, seed, level, drawn)


def _everybody(switches: Switches) -> tuple[str, ...]:
    """A warning by arm of which everybody switched."""
    mine = {arm: switches.tte.arm == switches.tte.arms.index(arm) for arm in switches.may_switch}
    return tuple(ON_THE_LAW_ALONE.format(arm) for arm, rows in mine.items() if switches.switched[rows].all())


def _model(
    data: TimeToEvent | None, chosen: dict[str, Any] | None, law: Distribution, by_stratum: bool, level: float
) -> Accelerated | None:
    """The model of the restored times, whose effect of treatment is psi; its limits take these times for known."""
    if data is None:
        return None
    try:
        return accelerated(data, chosen, distribution=law, stratified=by_stratum, level=level)
    except EquipoiseError:  # psi is there all the same
        return None


def iterated(next_psi: Callable[[float], float]) -> tuple[float, tuple[float, ...], str]:
    """The psi that stays where it is, the path to it from 0, and why there is none.

    >>> iterated(lambda psi: 0.5 * psi + 0.25)[0].__round__(6)
    0.5
    """
    psi, path = 0.0, [0.0]
    for _ in range(_MOST):
        psi, before = next_psi(psi), psi
        path.append(psi)
        if not abs(psi) <= _FARTHEST:
            return math.nan, tuple(path), (NO_EFFECT if math.isnan(psi) else AWAY)
        if abs(psi - before) < _SETTLED:
            return psi, tuple(path), ""

    def step(at: float) -> float:
        """Above 0 before the psi that stays, and below 0 after it."""
        found = next_psi(at) - at
        if math.isnan(found):
            raise ConvergenceError(NO_EFFECT)
        return found

    width = max(path[-10:]) - min(path[-10:])
    try:
        while step(psi - width) <= 0 or step(psi + width) >= 0:
            width *= 2
            if not width <= _FARTHEST:
                return math.nan, tuple(path), f"psi does not settle in {_MOST} iterations"
        psi = float(brentq(step, psi - width, psi + width, xtol=_SETTLED))
    except ConvergenceError as e:
        return math.nan, tuple(path), e.what
    return psi, (*path, psi), ""


def _step(
    steps: Steps | None, switches: Switches, copies: Copies | None, chosen: dict[str, Any] | None, asked: Asked
) -> Callable[[float], float]:
    """The step of the data, or of a sample given by its copies of each subject (n,)."""

    def plain() -> Callable[[float], float]:
        if copies is None:
            return plain_step(switches, chosen, *asked)
        rows = np.repeat(np.arange(switches.n), copies)
        own = chosen and {name: column[rows] for name, column in chosen.items()}
        return plain_step(sample_of(switches, rows, ()), own, *asked)

    if steps is None:
        return plain()
    return steps.of(np.ones(switches.n, dtype=np.int64) if copies is None else copies, plain)[0]


def ipe_draws(
    steps: Steps | None, switches: Switches, copies: Copies, chosen: dict[str, Any] | None, asked: Asked
) -> tuple[Vector, Vector, NDArray[np.bool_]]:
    """psi and log hazard ratio of samples given by their copies of each subject (draws, n), and which are settled.

    Each sample goes through the iterations of ``ipe``, so that of several psi that stay it finds the same one. Samples
    in which nobody of an arm switched, whose Cox model cannot be fitted or whose law has no kernel are left.
    """
    by_stratum, recensor, _ = asked
    psi, ratio = np.full(len(copies), math.nan), np.full(len(copies), math.nan)
    if steps is None:
        return psi, ratio, np.zeros(len(copies), dtype=np.bool_)
    settled = with_all_switches(switches, copies)
    step, end = steps.of(np.ones(switches.n, dtype=np.int64), lambda: lambda _: math.nan)
    if not math.isnan(step(0.0)):
        steps = replace(steps, start=end)
    for b in np.flatnonzero(settled):
        try:
            psi[b] = iterated(_step(steps, switches, copies[b], chosen, asked))[0]
        except EquipoiseError:
            settled[b] = False
    known = np.flatnonzero(np.isfinite(psi))
    factors = np.array([[math.expm1(p), math.expm1(-p)] for p in psi[known]]).reshape(-1, 2)
    share, _ = unswitched_shares(switches, 0.0)
    ratio[known] = restored_ratios(
        switches, copies[known], share, factors[:, switches.tte.arm], (recensor, by_stratum, chosen)
    )
    settled &= ratio != -math.inf
    return psi, ratio, settled
