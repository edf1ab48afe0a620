"""RPSFTM: the rank preserving structural failure time model of Robins and Tsiatis (1991)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import get_args

from numpy.typing import ArrayLike
from scipy.special import ndtri

from ... import results
from ...data import TimeToEvent
from ...survival import cox, logrank
from ...survival.convention import ArgumentError, check_level, resolve_stratified, strata_words
from .bootstrap import Bootstrap, bootstrapped, checked_draws, resampled
from .counterfactual import Recensor, Recensored, losses, recensored_words, unswitched, untreated
from .psi_search import Psi, Search, Settings, Test, checked_grid, search_psi, statistic_of
from .record import Switches
from .rpsftm_draws import draw_estimates
from .rpsftm_result import RPSFTM

_LARGEST = 700  # of the logarithm of a number
OPPOSED = (
    "the hazard ratio without switching is on the other side of 1 than the log-rank test as observed, so that "
    "limits by its inversion mean little"
)
MANY_FAILED = 0.05  # share of bootstrap samples without an estimate above which a warning is given


def rpsftm(
    switches: Switches,
    *,
    test: Test = "log-rank",
    covariates: Sequence[str] = (),
    stratified: bool | None = None,
    recensor: Recensor = True,
    search: Search = "root",
    grid: ArrayLike | None = None,
    draws: int = 0,
    seed: int | None = None,
    level: float = 0.95,
) -> RPSFTM:
    """The hazard ratio had nobody switched, if the treatment multiplies time by the same factor whenever it is taken.

    A rank preserving structural failure time model: without treatment a subject's time is U(psi) = T_off + e^psi T_on.
    Randomization makes U alike in both arms, so psi is where a test of U is 0 (g-estimation), and its limits are where
    it is significant: the log-rank test, or Wald's test of the arm in a model with ``covariates``, of Cox ("cox") or
    Weibull's of accelerated failure time ("weibull"). Z above 0 favours the experimental arm. U is recensored at
    min(C, e^psi C) in the arms in which switching is possible and happened (``recensor`` True), in "all arms", or not
    (False: then censoring of U depends on prognosis). ``grid`` is -2 to 2 in 101 points; see ``search_psi`` for
    ``search``. Of several roots the one nearest to 0 counts; all are in the result.

    The hazard ratio is of a Cox model (Efron's ties, ``covariates``, strata) of the experimental arm as observed and
    the control arm as it would have been; each arm's own switchers are put back. Its limits are by inversion of the
    log-rank test as observed, whose P it keeps, and with ``draws`` by a bootstrap of the whole analysis as well.
    ``covariates`` are names in the record of switching.

    Raises ``DataError`` where recensoring needs the day of administrative censoring and it is not known, and
    ``ArgumentError`` for words, grids, covariates and draws that are none. Sources: Robins and Tsiatis 1991; White,
    Babiker, Walker and Darbyshire 1999.

    >>> import numpy as np
    >>> from equipoise.data import TimeToEvent
    >>> time, arm = [2, 4, 6, 8, 10, 12, 3, 6, 9, 12, 14, 16], ["A"] * 6 + ["B"] * 6
    >>> tte = TimeToEvent(time, [1] * 5 + [0] + [1] * 5 + [0], arm, control="A", experimental="B", unit="months")
    >>> record = Switches.from_arrays(tte, [None, None, 3, None, 5, 6] + [None] * 6, administrative=[18] * 12,
    ...                               unit="months")
    >>> found = rpsftm(record)
    >>> results.fixed(found.psi, 3), results.fixed(found.hazard_ratio, 2)
    ('-0.560', '0.39')
    """
    tte = switches.tte
    level = check_level(level)
    for name, value, known in (("test", test, get_args(Test)), ("search", search, get_args(Search))):
        if value not in known:
            raise ArgumentError(f"unknown {name} {value!r}", remedy=f"Use {' or '.join(map(repr, known))}.")
    points, samples = checked_grid(grid), checked_draws(draws, seed)
    by_stratum = resolve_stratified(stratified, tte.strata)
    chosen = switches.columns(covariates)
    settings = Settings(
        test=test, covariates=chosen, stratified=by_stratum, recensor=recensor, grid=points, search=search
    )
    found = search_psi(statistic_of(switches, settings), points, level, search)
    observed = logrank(tte, stratified=by_stratum)
    model, data, beta, why = None, None, math.nan, found.reason
    if not found.reason:
        data = unswitched(switches, found.psi, recensor=recensor)
        model = cox(data, chosen, stratified=by_stratum, level=level)
        beta, why = (math.nan, model.reasons[0]) if model.reasons[0] else (float(model.coef[0]), "")
    z = math.nan if observed.z is None else observed.z
    limits, inverted = inversion_limits(beta, z, level, why)
    drawn = None
    if samples and seed is not None:
        psi, ratios = draw_estimates(switches, settings, resampled(tte, samples, seed))
        drawn = bootstrapped(psi, ratios, beta, seed=seed, level=level)
    lost = () if found.reason else losses(switches, found.psi, recensor)
    low, high = found.conf_int
    return RPSFTM(
        psi=found.psi,
        psi_conf_int=found.conf_int,
        time_ratio=math.exp(-found.psi),
        time_ratio_conf_int=(math.exp(-high), math.exp(-low)),
        hazard_ratio=math.exp(beta),
        conf_int=limits,
        p_value=observed.p_value,
        z=z,
        reason=found.reason,
        limit_reasons=found.limit_reasons,
        hazard_ratio_reason=why or inverted,
        level=level,
        search=found,
        observed=observed,
        untreated=None if found.reason else untreated(switches, found.psi, recensor=recensor),
        unswitched=data,
        model=model,
        recensored=lost,
        bootstrap=drawn,
        groups=(tte.arms[0], tte.arms[1]),
        possible=" or ".join(switches.may_switch),
        notes=tuple(why for arm in switches.may_switch if (why := switches.one_sided(arm))),
        warnings=_warnings(found, lost, drawn, beta * (z if tte.event_is == "harm" else -z) > 0),
        method=_method(tte, settings, drawn),
        origin=tte.origin,
    )


def inversion_limits(beta: float, z: float, level: float, why: str) -> tuple[tuple[float, float], str]:
    """Limits of a hazard ratio with the P of another test: exp(b -+ q b / z); why there are none."""
    if why:
        return (math.nan, math.nan), why
    if math.isnan(z) or z == 0 or beta == 0:
        return (math.nan, math.nan), "the log-rank z as observed, or the log hazard ratio, is 0: nothing to invert"
    width = float(ndtri(0.5 + level / 2)) * abs(beta / z)
    if abs(beta) + width > _LARGEST:
        return (math.nan, math.nan), "the log-rank z as observed is so near 0 that its inversion has no limits"
    return (math.exp(beta - width), math.exp(beta + width)), ""


def _warnings(found: Psi, lost: tuple[Recensored, ...], drawn: Bootstrap | None, opposed: bool) -> tuple[str, ...]:
    """What speaks against believing the result; ``opposed``: it is on the other side of 1 than what was observed."""
    texts = []
    if opposed:
        texts.append(OPPOSED)
    if len(found.roots) > 1:
        shown = ", ".join(results.fixed(root, 3) for root in found.roots)
        texts.append(f"Z passes 0 at {len(found.roots)} psi ({shown}); the one nearest to 0 is used")
    texts += [str(arm) for arm in lost if arm.events_lost]
    ends = zip(("lower", "upper"), found.limit_reasons, strict=True)
    texts += [f"psi has no {which} limit: {why}" for which, why in ends if why]
    if drawn is not None and drawn.failed > MANY_FAILED * drawn.draws:
        narrow = "" if drawn.reason else ", so that the bootstrap limits are too narrow"
        texts.append(f"{drawn.failed} of {drawn.draws} bootstrap samples have no estimate{narrow}")
    return tuple(texts)


def _method(tte: TimeToEvent, settings: Settings, drawn: Bootstrap | None) -> str:
    strata = strata_words(settings.stratified, tte)
    adjusted = f", adjusted for {', '.join(settings.covariates)}" if settings.covariates else ""
    test = {
        "log-rank": "log-rank test",
        "cox": f"Wald test of a Cox model{adjusted}",
        "weibull": f"Wald test of a Weibull accelerated failure time model{adjusted}",
    }[settings.test]
    grid = settings.grid
    how = "halved" if settings.search == "root" else "interpolated"
    words = [
        f"RPSFTM, {test} ({strata}, two-sided) of times without treatment",
        recensored_words(settings.recensor),
        f"roots {how} on a grid of {len(grid)} psi from {grid[0]:g} to {grid[-1]:g}",
        f"hazard ratio by a Cox model, Efron ties, {strata}{adjusted}, limits by inversion of the log-rank test as "
        "observed",
    ]
    if drawn is not None:
        words.append(
            f"and by {drawn.draws} bootstrap samples within arms{' and strata' if tte.strata else ''} (seed "
            f"{drawn.seed}; percentiles)"
        )
    return "; ".join([*words, "assumes a common treatment effect, whenever the treatment is taken"])
