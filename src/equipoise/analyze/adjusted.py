"""An analysis adjusted for switching, in the form that every analysis has: effect, test and curves."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from .. import results
from ..data import Patients, TimeToEvent
from ..errors import DataError, EquipoiseError, name_subjects
from ..protocol import Analysis, Protocol
from ..protocol.switching import NAMES, SwitchingMethod
from ..results import Row
from ..survival import KaplanMeier, LogRank, kaplan_meier
from .effect import Effect, Tested, landmark_marks
from .switching.bootstrap import Bootstrap
from .switching.naive import naive
from .switching.planned import Found, Planned, planned
from .switching.rpsftm_result import RPSFTM
from .switching.weighted_result import Weighted

COMMON_EFFECT = (
    "a common treatment effect: the treatment multiplies the time left by the same factor whenever it is taken"
)
NO_CURVE = "a weight is beyond floating point, so that there is no weighted Kaplan-Meier curve had nobody switched"
NARROW = (
    "limits by inversion are narrower than those as observed, and adjusting takes information away: so near a hazard "
    "ratio of 1 they mean little (a bootstrap gives others)"
)
KNOWN = " with the factor of switching taken for known"
TOO_SMALL = (
    "the P takes the factor of switching for known, and is too small for that: without any effect it is below 0.05 in "
    "more than 5% of trials"
)
NOTHING_DONE = "there is nothing to adjust for"
_MUCH = 0.8  # so much narrower are told: the two tests differ a little even where nobody switched


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """By how much switching multiplied the time left, in an arm (empty: in any), with limits and why there are none."""

    arm: str
    value: float
    conf_int: tuple[float, float]
    reason: str
    limit_reasons: tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Estimate:
    """What a method says of the effect had nobody switched, the same of every method.

    ``conf_int`` are its own limits (``limits_by``), ``bootstrap`` those of samples; ``kept`` is the log-rank test as
    observed, if it is this P that the method keeps, else ``p_name`` names its own. ``found`` is the whole result; None
    where the method refused, for the ``reason``.
    """

    method: SwitchingMethod
    hazard_ratio: float
    conf_int: tuple[float, float]
    limits_by: str
    p_value: float
    p_one_sided: float | None
    kept: LogRank | None
    factors: tuple[Factor, ...]
    reason: str
    limit_reason: str
    assumption: str
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    words: str
    found: Found | None

    @property
    def name(self) -> str:
        """What the method is called."""
        return NAMES[self.method]

    @property
    def bootstrap(self) -> Bootstrap | None:
        """The samples, if any were drawn."""
        return None if self.found is None else self.found.bootstrap

    @property
    def shown(self) -> tuple[tuple[float, float], str, str]:
        """The limits that stand first (the bootstrap's, if samples were drawn), what gave them, and why there are
        none."""
        drawn = self.bootstrap
        if drawn is None:
            return self.conf_int, self.limits_by, self.limit_reason or self.reason
        return drawn.conf_int, "bootstrap", drawn.reason or self.reason

    @property
    def unswitched(self) -> TimeToEvent | None:
        """Both arms' times had nobody switched, where the method gives them; weights give curves alone."""
        return None if self.found is None or isinstance(self.found, Weighted) else self.found.unswitched

    @property
    def no_curve(self) -> str:
        """Why there are no curves had nobody switched."""
        return NO_CURVE if isinstance(self.found, Weighted) else self.reason


def estimate_of(plan: Planned, method: SwitchingMethod, draws: int | None = None) -> Estimate:
    """One method's result; raises what the method refuses."""
    found = plan.found(method, draws)
    warnings, words = (*found.warnings, *plan.warnings_of(method)), f"{found.method}{plan.words_of(method)}"
    if isinstance(found, RPSFTM):
        low, high = found.limit_reasons
        factor = Factor(
            arm="", value=found.time_ratio, conf_int=found.time_ratio_conf_int, reason=found.reason,
            limit_reasons=(found.reason or high, found.reason or low),
        )  # fmt: skip
        no_ratio = math.isnan(found.hazard_ratio)
        return Estimate(
            method=method, hazard_ratio=found.hazard_ratio, conf_int=found.conf_int,
            limits_by="inversion of the log-rank test as observed", p_value=found.p_value,
            p_one_sided=found.observed.p_one_sided, kept=found.observed, factors=(factor,),
            reason=found.hazard_ratio_reason if no_ratio else "", limit_reason=found.hazard_ratio_reason,
            assumption=COMMON_EFFECT, warnings=(*warnings, *_narrow(plan, found.conf_int)), notes=found.notes,
            words=words, found=found,
        )  # fmt: skip
    if isinstance(found, Weighted):
        return Estimate(
            method=method, hazard_ratio=found.hazard_ratio, conf_int=found.conf_int,
            limits_by="robust variance, the weights taken for known", p_value=found.p_value,
            p_one_sided=found.p_one_sided, kept=None, factors=(), reason=found.reason, limit_reason=found.reason,
            assumption=found.assumption, warnings=warnings,
            notes=(*found.notes, *(str(s) for s in found.summaries if s.arm in plan.record.may_switch)),
            words=words, found=found,
        )  # fmt: skip
    kept = found.observed if found.limits_by.startswith("inversion") else None
    taken = (TOO_SMALL,) if found.effects and not found.reason else ()
    warnings = (*warnings, *(taken if kept is None else _narrow(plan, found.conf_int)))
    own = found.model.p_one_sided if found.model is not None and not found.reason else None
    return Estimate(
        method=method, hazard_ratio=found.hazard_ratio, conf_int=found.conf_int, limits_by=found.limits_by,
        p_value=found.p_value, p_one_sided=own if kept is None else kept.p_one_sided, kept=kept,
        factors=tuple(
            Factor(arm=e.arm, value=e.time_ratio, conf_int=e.time_ratio_conf_int, reason=e.reason,
                   limit_reasons=(e.reason or e.limit_reasons[1], e.reason or e.limit_reasons[0]))
            for e in found.effects
        ),
        reason=found.reason, limit_reason=found.limit_reason or found.reason, assumption=found.assumption,
        warnings=warnings, notes=found.notes, words=words, found=found,
    )  # fmt: skip


def _narrow(plan: Planned, limits: tuple[float, float]) -> tuple[str, ...]:
    """A warning where limits by inversion are narrower than those of the hazard ratio as observed."""
    observed = naive(
        plan.record, "as observed", covariates=plan.covariates, stratified=plan.analysis.stratified,
        level=plan.analysis.confidence,
    ).conf_int  # fmt: skip
    if not all(math.isfinite(x) and x > 0 for x in (*limits, *observed)):
        return ()
    own, theirs = (math.log(high / low) for low, high in (limits, observed))
    return (NARROW,) if own < _MUCH * theirs else ()


def refused(plan: Planned, method: SwitchingMethod, why: str) -> Estimate:
    """A method that cannot be computed, with its reason."""
    nan = math.nan
    return Estimate(
        method=method, hazard_ratio=nan, conf_int=(nan, nan), limits_by="", p_value=nan, p_one_sided=None, kept=None,
        factors=(), reason=why, limit_reason=why, assumption="", warnings=(), notes=(), words=NAMES[method],
        found=None,
    )  # fmt: skip


def estimate_or_reason(plan: Planned, method: SwitchingMethod) -> Estimate:
    """One method's result, or why there is none."""
    try:
        return estimate_of(plan, method)
    except EquipoiseError as error:
        who = name_subjects(error.subjects) if isinstance(error, DataError) else ""
        return refused(plan, method, f"{error.what} ({who})" if who else error.what)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Adjusted:
    """An analysis adjusted for switching: its plan, what its own method found, and this as an effect and a test."""

    plan: Planned
    estimate: Estimate
    effect: Effect
    test: Tested
    curves: KaplanMeier | None


def adjusted(trial: Protocol, data: Patients, analysis: Analysis, rows: pl.DataFrame | None = None) -> Adjusted:
    """The analysis by its own method; ``rows`` are its estimand's ``population_rows``.

    Raises what ``planned`` and the method refuse.
    """
    assert analysis.switching is not None
    plan = planned(trial, data, analysis, rows)
    estimate = estimate_of(plan, analysis.switching.method)
    effect = _effect(plan, estimate)
    return Adjusted(
        plan=plan, estimate=estimate, effect=effect, test=_test(estimate, effect), curves=_curves(estimate, analysis)
    )


def _curves(estimate: Estimate, analysis: Analysis) -> KaplanMeier | None:
    """Both arms had nobody switched: of the times put back, or of the rows before a switch with their weights."""
    asked: dict[str, Any] = {
        "level": analysis.confidence, "conf_type": analysis.conf_type, "convention": analysis.convention
    }  # fmt: skip
    if isinstance(estimate.found, Weighted):
        return estimate.found.kaplan_meier(**asked)
    if estimate.unswitched is None:
        return None
    curves = kaplan_meier(estimate.unswitched, **asked)
    said = f"times had nobody switched, by {estimate.name}, whose effect of switching the limits take for known"
    return replace(curves, method=f"{curves.method}; {said}")


def _effect(plan: Planned, estimate: Estimate) -> Effect:
    (low, high), by, why = estimate.shown
    level, arms = plan.analysis.confidence, plan.record.tte.arms
    method = f"{estimate.words}; limits by {by}"
    shown = tuple(results.fixed(x, 2) for x in (estimate.hazard_ratio, low, high))
    rows = [
        Row(
            group=f"{arms[1]} v {arms[0]}", statistic=f"hazard ratio{side}", level=level if side else None,
            method=method, **results.number(x, text, reason),  # type: ignore[arg-type]
        )
        for side, x, text, reason in zip(
            ("", " lower limit", " upper limit"), (estimate.hazard_ratio, low, high), shown,
            (estimate.reason, why, why), strict=True,
        )
    ]  # fmt: skip
    one_sided = [why for arm in plan.record.may_switch if (why := plan.record.one_sided(arm))]
    told = tuple(f"{why}: {NOTHING_DONE}" if why.startswith("nobody") else why for why in one_sided)
    return Effect(
        name="adjusted hazard ratio" if plan.covariates else "hazard ratio",
        shown=(shown[0], shown[1], shown[2]),
        p_value=estimate.p_value,
        p_one_sided=estimate.p_one_sided,
        p_label="Wald ",
        of_medians=True,
        rows=tuple(rows),
        method=method,
        warnings=(*estimate.warnings, *told),
        reason=estimate.reason,
        fit=estimate.found,
        had=" had nobody switched",
        by=" by bootstrap" if estimate.bootstrap is not None else "",
    )


def _test(estimate: Estimate, effect: Effect) -> Tested:
    kept = estimate.kept
    if kept is None:
        return Tested(
            p_value=effect.p_value, p_one_sided=effect.p_one_sided, p_label=effect.p_label, rows=(),
            method=estimate.name, warnings=(), reason=effect.reason, strata=None,
            suffix=KNOWN if estimate.factors and not effect.reason else "",
        )  # fmt: skip
    said = f"{estimate.name} keeps the P of the test as observed"
    return Tested(
        p_value=kept.p_value,
        p_one_sided=kept.p_one_sided,
        p_label="log-rank ",
        rows=tuple(replace(row, method=f"{row.method}; {said}") for row in kept.rows()),
        method=f"{kept.method}; {said}",
        warnings=(kept.reason,) if kept.reason else (),
        reason=kept.reason,
        strata=(kept.stratified, kept.uninformative_strata),
        suffix=" as observed",
    )


def without_curves(found: Adjusted) -> Iterator[Row]:
    """Subjects and events by arm where there is no curve had nobody switched, and why."""
    tte = found.plan.record.tte
    why = found.estimate.no_curve
    for code, arm in enumerate(tte.arms):
        mine = tte.arm == code
        events = int((tte.event[mine] > 0).sum())
        yield Row(group=arm, statistic="subjects", value=float(mine.sum()), text=str(int(mine.sum())), unit="subjects")
        yield Row(
            group=arm, statistic="events", value=float(events), text=str(events), unit="events", method="as observed"
        )
        for statistic in ("lower quartile", "median", "upper quartile"):
            yield Row(group=arm, statistic=statistic, **results.number(math.nan, "", why))  # type: ignore[arg-type]
        for mark in landmark_marks(found.plan.analysis):
            at = float(mark.removesuffix(" days"))
            yield Row(group=arm, statistic="survival", at=at, **results.number(math.nan, "", why))  # type: ignore[arg-type]
