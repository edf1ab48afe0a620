"""What an analysis estimates and what it tests: the method that goes with its summary, in one form for all."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from .. import results
from ..data import TimeToEvent
from ..protocol import Analysis, Estimand, effect_uses_strata
from ..results import Row
from ..survival import (
    FlemingHarrington,
    Gehan,
    ModestlyWeighted,
    TaroneWare,
    adjusted_logrank,
    average_hazard_ratio,
    cox,
    fine_gray,
    gray,
    logrank,
    marginal_hazard_ratio,
    maxcombo,
    milestone,
    rmst,
)
from ..survival import weights as weighting
from ..units import TimeUnit, days


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Effect:
    """An estimated effect: its name, estimate and limits as a sentence has them, and its own P values.

    ``of_medians``: whether medians say the same in another way; ``p_label`` names the P in a sentence ("Wald ");
    ``reason``: why a P is not estimable, if it is not. ``had`` follows the arms in a sentence ("had nobody switched"),
    ``by`` the limits ("by bootstrap").
    """

    name: str
    shown: tuple[str, str, str]
    p_value: float | None
    p_one_sided: float | None
    p_label: str
    of_medians: bool
    rows: tuple[Row, ...]
    method: str
    warnings: tuple[str, ...]
    reason: str
    fit: Any
    had: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tested:
    """A test: its P values or why it has none, the words before a P in a sentence ("log-rank "), what strata it used.

    ``strata`` is None where the effect's own test is meant, whose rows stand with the effect; ``suffix`` follows the P
    in a sentence ("as observed").
    """

    p_value: float | None
    p_one_sided: float | None
    p_label: str
    rows: tuple[Row, ...]
    method: str
    warnings: tuple[str, ...]
    reason: str
    strata: tuple[bool, tuple[str, ...]] | None
    suffix: str = ""


def effect_of(analysis: Analysis, estimand: Estimand, tte: TimeToEvent, covariates: Any, unit: TimeUnit) -> Effect:
    """The effect that the estimand's summary names, with the analysis' settings."""
    summary = estimand.summary
    if summary == "hazard ratio":
        return _hazard_ratio(analysis, tte, covariates)
    if summary in ("difference in restricted mean survival time", "ratio of restricted mean survival times"):
        return _restricted_means(analysis, estimand, tte, covariates, unit)
    if summary in ("difference in milestone survival", "ratio of milestone survival"):
        return _milestone(analysis, estimand, tte)
    if summary == "average hazard ratio":
        assert estimand.restriction_time is not None
        found = average_hazard_ratio(tte, tau=estimand.restriction_time, level=analysis.confidence)
        name = f"average hazard ratio up to {estimand.restriction_time}"
        return _ratio(name, found, found.conf_int, "")
    if summary == "marginal hazard ratio":
        marginal = marginal_hazard_ratio(tte, covariates, stratified=analysis.stratified, level=analysis.confidence)
        return _ratio(summary, marginal, marginal.conf_int, "Wald ")
    model = fine_gray(tte, covariates, level=analysis.confidence)
    return _ratio(summary, model, model.conf_int, "Wald ")


def test_of_effect(kind: str, analysis: Analysis, tte: TimeToEvent, covariates: Any, effect: Effect) -> Tested:
    """The test that the analysis names: one of its own, or that of the effect."""
    by = analysis.stratified
    if kind == "logrank":
        found: Any = logrank(tte, weights=weights_of(analysis), stratified=by)
        label = "log-rank " if found.weights == FlemingHarrington() else f"{found.weights} log-rank "
    elif kind == "maxcombo":
        found, label = maxcombo(tte, stratified=by), "MaxCombo "
    elif kind == "adjusted logrank":
        found, label = adjusted_logrank(tte, covariates, stratified=by), "adjusted log-rank "
    elif kind == "gray":
        found, label = gray(tte, stratified=by), "Gray "
    else:
        return Tested(
            p_value=effect.p_value, p_one_sided=effect.p_one_sided, p_label=effect.p_label, rows=(),
            method=effect.method, warnings=(), reason=effect.reason, strata=None,
        )  # fmt: skip
    return Tested(
        p_value=found.p_value,
        p_one_sided=found.p_one_sided,
        p_label=label,
        rows=tuple(found.rows()),
        method=found.method,
        warnings=(found.reason,) if found.reason else (),
        reason=found.reason,
        strata=(found.stratified, getattr(found, "uninformative_strata", ())),
    )


def weights_of(analysis: Analysis) -> weighting.Weights:
    """The weights of an analysis' log-rank test."""
    if analysis.weights == "modestly weighted":
        return ModestlyWeighted(delay=analysis.delay)
    if analysis.weights == "gehan":
        return Gehan()
    return TaroneWare() if analysis.weights == "tarone-ware" else FlemingHarrington(analysis.rho, analysis.gamma)


def _hazard_ratio(analysis: Analysis, tte: TimeToEvent, covariates: Any) -> Effect:
    fit = cox(
        tte,
        covariates,
        stratified=analysis.stratified,
        ties=analysis.ties,
        conf_type=analysis.limits,
        penalty=analysis.penalty,
        null_hazard_ratio=analysis.null_hazard_ratio,
        level=analysis.confidence,
        convention=analysis.convention,
    )
    name = "adjusted hazard ratio" if len(fit.terms) > 1 else "hazard ratio"
    label = "penalized likelihood ratio " if analysis.penalty else "Wald "
    return _ratio(name, fit, fit.conf_int, label)


def _ratio(name: str, fit: Any, limits: Any, label: str) -> Effect:
    """A ratio of hazards of some kind: estimate and limits to two decimals."""
    reasons = getattr(fit, "reasons", None)
    reason = reasons[0] if reasons is not None else fit.reason
    estimate = low = high = results.NOT_ESTIMABLE
    if not reason:
        estimate, low, high = (results.fixed(float(x), 2) for x in (fit.hazard_ratio, *limits))
    warnings = tuple(fit.warnings) if reasons is not None else ((reason,) if reason else ())
    return Effect(
        name=name,
        shown=(estimate, low, high),
        p_value=fit.p_value,
        p_one_sided=fit.p_one_sided,
        p_label=label,
        of_medians=True,
        rows=tuple(fit.rows()),
        method=fit.method,
        warnings=warnings,
        reason=reason,
        fit=fit,
    )


def _restricted_means(
    analysis: Analysis, estimand: Estimand, tte: TimeToEvent, covariates: Any, unit: TimeUnit
) -> Effect:
    assert estimand.restriction_time is not None
    # Not by the strata of the test: a stratified mean weighs strata by their shares, which must be asked for.
    found = rmst(
        tte,
        tau=estimand.restriction_time,
        stratified=_asked(analysis, estimand),
        covariates=covariates,
        level=analysis.confidence,
    )
    adjusted = "adjusted " if covariates is not None else ""
    upto = f"up to {estimand.restriction_time}"
    if estimand.summary.startswith("ratio"):
        name, write = f"{adjusted}ratio of restricted means {upto}", partial(results.fixed, digits=2)
    else:
        name = f"{adjusted}difference in restricted means {upto} ({unit})"
        write = partial(results.duration, unit=unit)
    return _contrasted(name, found, estimand.summary, write, tuple(found.rows(unit)))


def _milestone(analysis: Analysis, estimand: Estimand, tte: TimeToEvent) -> Effect:
    assert estimand.milestone is not None
    found = milestone(tte, at=estimand.milestone, stratified=_asked(analysis, estimand), level=analysis.confidence)
    ratio = estimand.summary.startswith("ratio")
    name = f"{'ratio of' if ratio else 'difference in'} survival at {estimand.milestone}"
    return _contrasted(
        name, found, estimand.summary, partial(results.fixed, digits=2 if ratio else 3), tuple(found.rows())
    )


def _contrasted(name: str, found: Any, summary: str, write: Callable[[float], str], rows: tuple[Row, ...]) -> Effect:
    """A difference, or a ratio with the P of its own, between two arms' values."""
    estimate, limits, p, one_sided = found.difference, found.conf_int, found.p_value, found.p_one_sided
    reason = found.reason
    if summary.startswith("ratio"):
        # The ratio has its own variance; which arm is better is seen on either.
        estimate, limits, p = found.ratio.estimate, found.ratio.conf_int, found.ratio.p_value
        reason = found.ratio.reason or reason
        better = one_sided is not None and one_sided < 0.5
        one_sided = p / 2 if better else 1 - p / 2
    low, high = (_text(x, write) for x in limits)
    return Effect(
        name=name,
        shown=(_text(estimate, write), low, high),
        p_value=p,
        p_one_sided=one_sided,
        p_label="",
        of_medians=False,
        rows=rows,
        method=found.method,
        warnings=(found.reason,) if found.reason else (),
        reason=reason,
        fit=found,
    )


def _text(value: float, write: Callable[[float], str]) -> str:
    return results.NOT_ESTIMABLE if math.isnan(value) else write(value)


def _asked(analysis: Analysis, estimand: Estimand) -> bool:
    return effect_uses_strata(estimand.summary, analysis.stratified)


def landmark_marks(analysis: Analysis) -> list[str]:
    """The analysis' landmarks as durations in days."""
    return [f"{days(mark)} days" for mark in analysis.landmarks]
