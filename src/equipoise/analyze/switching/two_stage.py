"""Two-stage estimation: what switching did to survival after progression, and survival put back by that factor."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import results
from ...data import TimeToEvent
from ...data.columns import as_array, refuse
from ...design.given import real_number
from ...errors import DataError
from ...kernels import accelerated_draws
from ...survival import accelerated, logrank
from ...survival.accelerated import Distribution
from ...survival.convention import ArgumentError, check_level, resolve_stratified, strata_words
from ...survival.model_matrix import model_matrix
from .bootstrap import checked_draws
from .counterfactual import Recensor, lost_between, recensored_words, scaled
from .logistic import comparable
from .record import Switches, Vector
from .redraw import Rows, sample_of, with_bootstrap
from .restored_draws import Copies, restored_draws, with_all_switches
from .who_switched import FEW_EVENTS
from .without_switching import SwitchEffect, WithoutSwitching, by_arm, compared, what_speaks_against

Since = Literal["progression", "switch"]
MUCH_WAITING = 0.02  # of the time after progression of those who switched: 5% moved a log hazard ratio by 0.05

ASSUMPTION = (
    "no unmeasured confounding at progression: given the covariates, those who switch would have lived as long after "
    "it as those who do not; no confounding between progression and the switch, which comes soon; and a factor common "
    "to those who switch"
)


def two_stage(
    switches: Switches,
    at_progression: Mapping[str, ArrayLike] | None = None,
    *,
    distribution: Distribution = "weibull",
    covariates: Sequence[str] = (),
    since: Since = "progression",
    offset: float = 0.0,
    recensor: Recensor = True,
    stratified: bool | None = None,
    draws: int = 0,
    seed: int | None = None,
    level: float = 0.95,
) -> WithoutSwitching:
    """The hazard ratio had nobody switched, survival after progression being shortened by what switching added to it.

    Simple two-stage estimation (Latimer et al. 2014). By arm in which switching is possible and happened, an
    accelerated failure time model of the time from progression to death compares those who switched with those who
    did not, given the ``covariates`` (names of baseline covariates in the record), ``at_progression`` (name -> array by
    subject, read where there was a progression) and strata. The time of those who switched is divided by the factor
    exp(-psi) ``since`` their progression, which is the time the factor is of, or since their "switch" alone: the same
    where people switch at progression, as the method means them to. Who switched before a progression was seen counts
    as progressed on that day. ``offset`` days are added to the time after progression (1: the day itself counts).

    Restored times are recensored as in ``rpsftm``, at min(C, e^psi C) from randomization on: a cut that depended on the
    day of progression would tell of prognosis. This and the default of ``since`` are as the reference program
    (trtswitch) takes them. Times are then compared by a Cox model with ``covariates`` and strata, whose limits take the
    factor for known and are too narrow for that; those of ``draws`` bootstrap samples do not.

    Raises ``DataError`` where progression is not known, where no time is left after it, and where recensoring needs the
    day of administrative censoring; ``ArgumentError`` for words and covariates that are none.

    >>> from equipoise.data import TimeToEvent
    >>> time, arm = [6, 4, 9, 8, 10, 12, 7, 6, 9, 12, 14, 16], ["A"] * 6 + ["B"] * 6
    >>> tte = TimeToEvent(time, [1] * 5 + [0] + [1] * 5 + [0], arm, control="A", experimental="B", unit="days")
    >>> record = Switches(tte=tte, switch=[np.inf, np.inf, 3, np.inf, 5, 6] + [np.inf] * 6,
    ...                   progression=[2, 1, 3, 6, 5, 6] + [5] * 6, administrative=[18] * 12)
    >>> print(two_stage(record, distribution="exponential").effects[0])
    Acceleration factor of switching in A 2.83 (0.47 to 16.96), psi -1.041
    """
    tte = switches.tte
    level, samples = check_level(level), checked_draws(draws, seed)
    for name, value, known in (("distribution", distribution, Distribution), ("since", since, Since)):
        if value not in get_args(known):
            raise ArgumentError(f"unknown {name} {value!r}", remedy=f"Use one of {', '.join(get_args(known))}.")
    extra = real_number(offset)
    if not 0 <= extra < math.inf:
        raise ArgumentError(f"offset = {offset!r} is no number of days", remedy="Give 0, or 1 to count the day itself.")
    by_stratum = resolve_stratified(stratified, tte.strata)
    chosen = switches.columns(covariates)
    columns = {**(chosen or {}), **secondary_columns(switches, at_progression, chosen)}
    base = secondary_baseline(switches)
    effects = {
        arm: _effect(switches, arm, base, columns, (distribution, extra, by_stratum, level))
        for arm in arms_with_switches(switches)
    }
    start = switches.switch if since == "switch" else np.maximum(base - extra, 0.0)
    found = restored(switches, effects, start, recensor)
    result = compared(found[0], chosen, by_stratum, level, found[2])
    given = [*(chosen or {}), *([] if at_progression is None else at_progression)]
    method = (
        f"two-stage estimation, {distribution} accelerated failure time model of survival after progression"
        f"{', adjusted for ' + ', '.join(given) if given else ''}; time since {since} divided by its factor; "
        f"{recensored_words(recensor)}"
    )
    plain = two_stage_result(
        "two-stage", switches, result, tuple(effects.values()), found[1], (by_stratum, chosen, level),
        (method, ASSUMPTION),
    )  # fmt: skip
    whole = replace(plain, warnings=(*plain.warnings, *_waiting(switches, effects, base)))

    def again(rows: Rows) -> WithoutSwitching:
        then = None if at_progression is None else {n: as_array(c)[rows] for n, c in at_progression.items()}
        return two_stage(
            sample_of(switches, rows, covariates), then, distribution=distribution, covariates=covariates, since=since,
            offset=offset, recensor=recensor, stratified=by_stratum, level=level,
        )  # fmt: skip

    def drawn(copies: Copies) -> tuple[Vector, Vector, NDArray[np.bool_]]:
        return two_stage_draws(
            switches, copies, base, columns, start, (distribution, extra, by_stratum, recensor, chosen)
        )

    return with_bootstrap(whole, again, tte, samples, seed, level, drawn)


def _waiting(switches: Switches, arms: Iterable[int], base: Vector) -> tuple[str, ...]:
    """A warning by arm where people switched late after progression: they lived until then, whatever switching does."""
    texts = []
    for arm in arms:
        rows = switches.switched & (switches.tte.arm == arm)
        waited, lived = (float((last[rows] - base[rows]).sum()) for last in (switches.switch, switches.tte.time))
        if waited > MUCH_WAITING * lived:
            share = results.fixed(100 * waited / lived, 1)
            texts.append(
                f"{share}% of the time after progression of those in {switches.tte.arms[arm]} who switched came before "
                "the switch: who was to switch lived through it, which the factor takes for an effect of switching "
                "(immortal time)"
            )
    return tuple(texts)


def _few(switches: Switches, effects: Iterable[SwitchEffect]) -> tuple[str, ...]:
    """A warning by arm whose factor rests on few who switched, be its variance of the model or robust by subject."""
    texts = []
    for e in effects:
        n = int(switches.switched_in(e.arm).sum())
        if n < FEW_EVENTS and not e.reason:
            texts.append(
                f"the acceleration factor in {e.arm} rests on {n} subject{'s' * (n != 1)} who switched (fewer than "
                f"{FEW_EVENTS}): its limits, right for many, may be far too narrow"
            )
    return tuple(texts)


def arms_with_switches(switches: Switches) -> list[int]:
    """Arms in which switching is possible and happened."""
    arms = switches.tte.arms
    return [arms.index(arm) for arm in switches.may_switch if switches.switched_in(arm).any()]


def secondary_baseline(switches: Switches) -> Vector:
    """The day of progression, or of the switch where none was seen before it; inf without either, (n,)."""
    if switches.progression is None:
        raise DataError(
            "the day of progression is not known", column="progression",
            remedy="Two-stage estimation starts from it: give progression to the record of switching.",
        )  # fmt: skip
    return np.minimum(switches.progression, switches.switch)


def secondary_columns(
    switches: Switches, at_progression: Mapping[str, ArrayLike] | None, chosen: Mapping[str, Any] | None
) -> dict[str, NDArray[Any]]:
    """Covariates at progression as arrays (n,)."""
    if at_progression is None:
        return {}
    if not isinstance(at_progression, Mapping):
        raise ArgumentError("at_progression is no mapping from name to array", remedy='Such as {"ecog": values}.')
    columns = {str(name): as_array(column) for name, column in at_progression.items()}
    for name, column in columns.items():
        if column.shape != (switches.n,):
            raise DataError(
                f"{name} has shape {column.shape}, the endpoint {switches.n} subjects",
                column=name,
                remedy="Align them.",
            )
        if name in (chosen or {}):
            raise ArgumentError(f"{name} is given twice", where="at_progression", remedy="Rename one.")
    return columns


def _effect(
    switches: Switches,
    arm: int,
    base: Vector,
    columns: Mapping[str, NDArray[Any]],
    asked: tuple[Distribution, float, bool, float],
) -> SwitchEffect:
    """The factor of one arm: time after progression of those who switched over that of those who did not."""
    distribution, offset, by_stratum, level = asked
    name, switched = switches.tte.arms[arm], switches.switched[_progressed(switches, arm, base)]
    if switched.all():
        why = f"everybody in {name} who progressed switched, so that there is nobody to compare them with"
        return SwitchEffect(arm=name, psi=math.nan, psi_conf_int=(math.nan, math.nan), reason=why)
    after, given = after_progression(switches, arm, base, columns, (offset, by_stratum))
    fit = accelerated(after, given or None, distribution=distribution, stratified=by_stratum, level=level)
    reason = fit.reasons[1]
    psi = math.nan if reason else -float(fit.coef[1])
    low, high = fit.log_limits[1]
    return SwitchEffect(
        arm=name, psi=psi, psi_conf_int=(-float(high), -float(low)), reason=reason, limit_reasons=(reason, reason),
        model=fit,
    )  # fmt: skip


def _progressed(switches: Switches, arm: int, base: Vector) -> NDArray[np.bool_]:
    """Who of an arm progressed, (n,)."""
    return np.asarray((switches.tte.arm == arm) & np.isfinite(base))


def after_progression(
    switches: Switches, arm: int, base: Vector, columns: Mapping[str, NDArray[Any]], asked: tuple[float, bool]
) -> tuple[TimeToEvent, dict[str, NDArray[Any]]]:
    """Time from progression to death of those of an arm who progressed, by whether they switched; their covariates."""
    offset, by_stratum = asked
    tte, rows = switches.tte, _progressed(switches, arm, base)
    left = (tte.time - base)[rows] + offset
    refuse(
        left <= 0, "progression lies on the day of the event or the last follow-up: no time is left after it",
        "progression", tte.subject[rows], "offset=1 counts the day itself, as one day.",
    )  # fmt: skip
    after = TimeToEvent(
        left, (tte.event > 0)[rows], np.where(switches.switched[rows], "switched", "not switched"),
        control="not switched", experimental="switched", unit="days", subject=tte.subject[rows],
        strata=np.array(tte.strata)[tte.stratum[rows]] if by_stratum else None, settle_near_ties=False,
    )  # fmt: skip
    return after, {column: values[rows] for column, values in columns.items()}


def two_stage_draws(
    switches: Switches, copies: Copies, base: Vector, columns: Mapping[str, NDArray[Any]], start: Vector,
    asked: tuple[Distribution, float, bool, Recensor, dict[str, Any] | None],
) -> tuple[Vector, Vector, NDArray[np.bool_]]:  # fmt: skip
    """psi and log hazard ratio of samples given by their copies of each subject (draws, n), and which are settled.

    By a kernel, under a Weibull law or an exponential one; samples in which it is in doubt are left.
    """
    distribution, offset, by_stratum, recensor, chosen = asked
    settled, psi = with_all_switches(switches, copies), {}
    for arm in arms_with_switches(switches):
        rows = np.flatnonzero(_progressed(switches, arm, base))
        psi[arm] = np.full(len(copies), math.nan)
        if distribution in ("weibull", "exponential") and not switches.switched[rows].all():
            after, given = after_progression(switches, arm, base, columns, (offset, by_stratum))
            psi[arm][settled] = -effects_drawn(after, given, copies[settled][:, rows], distribution, by_stratum)
    if not psi:
        none = np.full(len(copies), math.nan)
        return none, none.copy(), np.zeros(len(copies), dtype=np.bool_)
    return restored_draws(switches, copies, psi, start, (recensor, by_stratum, chosen))


def effects_drawn(
    after: TimeToEvent, given: Mapping[str, NDArray[Any]], copies: Copies, law: Distribution, by_stratum: bool
) -> Vector:
    """Log time ratio of those who switched in each sample, copies (draws, k); nan where the kernel is in doubt."""
    matrix = model_matrix(after, given or None)
    strata = [after.stratum == s for s in range(1, len(after.strata))] if by_stratum else []
    columns = np.column_stack([after.arm == 1, *strata, *matrix.covariates]).astype(np.float64)
    logs = np.log(after.time)
    center, unit = float(logs.mean()), float(logs.std()) or 1.0
    a = np.column_stack([-np.ones(after.n), -comparable(columns)[0], (logs - center) / unit])
    free, p, event = law == "weibull", a.shape[1], after.event > 0
    start = np.zeros(p)
    start[-1] = 1.0 if free else unit
    coef, rate = accelerated_draws(p - (not free), a, event, copies, start)
    return np.asarray(unit * coef / rate, dtype=np.float64)


def restored(
    switches: Switches, effects: Mapping[int, SwitchEffect], start: Vector, recensor: Recensor
) -> tuple[TimeToEvent | None, tuple[Any, ...], str]:
    """Times of those who switched divided by their arm's factor since ``start``; what recensoring took; a reason."""
    reasons = [f"{e.arm}: {e.reason}" if len(effects) > 1 else e.reason for e in effects.values() if e.reason]
    if reasons:
        return None, (), "; ".join(reasons)
    share = np.where(switches.switched, switches.tte.time - np.where(switches.switched, start, 0.0), 0.0)
    factor = by_arm(switches, {arm: e.psi for arm, e in effects.items()})
    data = scaled(switches, share, factor, recensor)
    return data, lost_between(scaled(switches, share, factor, False), data), ""


def two_stage_result(
    name: str,
    switches: Switches,
    result: Any,
    effects: tuple[SwitchEffect, ...],
    lost: tuple[Any, ...],
    asked: tuple[bool, dict[str, Any] | None, float],
    words: tuple[str, str],
) -> WithoutSwitching:
    """The record of a two-stage analysis: its limits are those of the Cox model of restored times."""
    by_stratum, chosen, level = asked
    tte, model = switches.tte, result.model
    known = model is not None and not result.reason
    adjusted = f", adjusted for {', '.join(chosen)}" if chosen else ""
    return WithoutSwitching(
        name=name,
        effects=effects,
        hazard_ratio=math.exp(result.beta),
        conf_int=model.conf_int if known else (math.nan, math.nan),
        p_value=model.p_value if known else math.nan,
        reason=result.reason,
        limit_reason="",
        limits_by="the Cox model, for which the effect of switching is known",
        unswitched=result.unswitched,
        model=model,
        log_rank=result.log_rank,
        observed=logrank(tte, stratified=by_stratum),
        recensored=lost,
        groups=(tte.arms[0], tte.arms[1]),
        notes=tuple(why for arm in switches.may_switch if (why := switches.one_sided(arm))),
        warnings=(*what_speaks_against(switches, effects, lost), *_few(switches, effects)),
        assumption=words[1],
        level=level,
        method=f"{words[0]}; hazard ratio by a Cox model, Efron ties, {strata_words(by_stratum, tte)}{adjusted}, "
        "two-sided Wald P and limits with the factor taken for known; assumes no unmeasured confounding",
        origin=tte.origin,
    )
