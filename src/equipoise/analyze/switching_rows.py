"""Treatment switching as rows of the long table: who switched when, every method side by side, and the curves."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from .. import results
from ..data import Patients
from ..protocol import Protocol, quoted
from ..results import Row
from ..survival import Curve, kaplan_meier
from .adjusted import Adjusted, Estimate, Factor, estimate_or_reason
from .curves import figure_rows
from .switching.naive import Naive, naive_analyses
from .switching.planned import Planned
from .switching.weighted_result import Weighted
from .switching.who_switched import who_switched

HAD_NOT = "had nobody switched"
COMMON = "by how much the experimental arm's treatment multiplies the time on it"


def switching_rows(trial: Protocol, data: Patients, name: str, found: Adjusted) -> list[Row]:
    """Everything beside an analysis adjusted for switching that helps to believe it, or not.

    Who switched and when; by group, which is the name of a method, its hazard ratio, limits of its own and of the
    bootstrap, P and acceleration factor, as rows of the role "switching", with what it assumes, what in the data
    speaks against it, and what is said of it; the naive analyses likewise, as observed first. A method that cannot be
    computed has its reason. Then the curves of both arms as observed and of the arms as they would have been.
    """
    analysis, plan = found.plan.analysis, found.plan
    estimand = trial.estimands[analysis.estimand]
    unit = trial.endpoints[estimand.variable].unit
    who = who_switched(plan.record)
    rows = [Row(statistic="who switched", text=str(who), method=who.method)]
    rows += [row for row in who.rows(unit) if row.group in ("", *plan.record.may_switch)]
    rows.append(_text(found.estimate.name, "method of the analysis", found.estimate.name, found.estimate.words))
    for naive in naive_analyses(
        plan.record, covariates=plan.covariates, stratified=analysis.stratified, level=analysis.confidence
    ):
        rows += _naive_rows(naive)
    others = [estimate_or_reason(plan, method) for method in plan.switching.others]
    every = [found.estimate, *others]
    contrast = " v ".join(reversed(plan.record.tte.arms))
    for one in every:
        against = _against_common_effect(one, every, plan.record.tte.arms[1])
        rows += _method_rows(one, contrast, analysis.confidence, against)
    rows += _curves(plan, found, unit)
    context: dict[str, Any] = {
        "analysis": "switching", "role": "switching", "estimand": analysis.estimand, "population": estimand.population,
        "endpoint": estimand.variable, "toml_path": f"analyses.{quoted(name)}.switching", "origin": data.origin,
    }  # fmt: skip
    return [replace(row, **context) for row in rows]


def _text(group: str, statistic: str, text: str, method: str) -> Row:
    return Row(group=group, statistic=statistic, text=text, method=method)


def _number(
    group: str, statistic: str, value: float, text: str, method: str, reason: str, level: float | None = None
) -> Row:
    shown = results.number(value, text, reason)
    return Row(group=group, statistic=statistic, level=level, method=method, **shown)  # type: ignore[arg-type]


def _limits(
    group: str, name: str, limits: tuple[float, float], method: str, whys: tuple[str, str], level: float
) -> Iterator[Row]:
    for side, x, why in zip(("lower", "upper"), limits, whys, strict=True):
        yield _number(group, f"{name} {side} limit", x, results.fixed(x, 2), method, why, level)


def _naive_rows(found: Naive) -> Iterator[Row]:
    group, method = found.way, "Cox model" if found.model is None else found.model.method
    yield _number(group, "hazard ratio", found.hazard_ratio, results.fixed(found.hazard_ratio, 2), method, found.reason)
    yield from _limits(group, "hazard ratio", found.conf_int, method, (found.reason,) * 2, found.level)
    test = "Wald" if found.test is None else "log-rank"
    why = found.reason or (found.test.reason if found.test is not None else "")
    yield _number(group, "P", found.p_value, results.p_value(found.p_value), f"{test}, two-sided", why)
    yield _text(group, "assumption on switching", found.assumption, method)
    if found.note:
        yield _text(group, "note on switching", found.note, method)


def _method_rows(one: Estimate, contrast: str, level: float, against: Sequence[tuple[str, str]]) -> Iterator[Row]:
    """Numbers of a method, under its name; ``against`` are (statistic, text) of what other methods say of it."""
    group, words = one.name, one.words
    yield _number(group, "hazard ratio", one.hazard_ratio, results.fixed(one.hazard_ratio, 2), words, one.reason)
    own = f"{contrast}, limits by {one.limits_by}" if one.limits_by else words
    yield from _limits(group, "hazard ratio", one.conf_int, own, (one.limit_reason,) * 2, level)
    drawn = one.bootstrap
    if drawn is not None:
        why = drawn.reason or one.reason
        method = f"{drawn.draws} bootstrap samples (seed {drawn.seed}; percentiles)"
        yield from _limits(group, "bootstrap hazard ratio", drawn.conf_int, method, (why, why), level)
        yield _number(group, "bootstrap samples", float(drawn.draws), str(drawn.draws), method, "")
        failed = "bootstrap samples without an estimate"
        yield _number(group, failed, float(drawn.failed), str(drawn.failed), method, "")
    test = "Wald, two-sided" if one.kept is None else f"{one.kept.method}, two-sided, as observed"
    why = one.reason if one.kept is None else one.kept.reason
    yield _number(group, "P", one.p_value, results.p_value(one.p_value), test, why)
    for factor in one.factors:
        yield from _factor_rows(one, factor, level)
    said = [("assumption on switching", one.assumption)] if one.assumption else []
    said += [("warning on switching", text) for text in one.warnings]
    said += [*against, *(("note on switching", text) for text in one.notes)]
    yield from (_text(group, statistic, text, words) for statistic, text in said)
    if one.found is not None and not isinstance(one.found, Weighted):
        losses = [str(lost) for lost in one.found.recensored if lost.subjects and str(lost) not in one.warnings]
        yield from (_text(group, "note on switching", lost, words) for lost in losses)


def _factor_rows(one: Estimate, factor: Factor, level: float) -> Iterator[Row]:
    several = len(one.factors) > 1
    name = f"acceleration factor in {factor.arm}" if several else "acceleration factor"
    method = "by how much the other arm's treatment multiplies the time that follows" if factor.arm else COMMON
    yield _number(one.name, name, factor.value, results.fixed(factor.value, 2), method, factor.reason)
    yield from _limits(one.name, name, factor.conf_int, f"{method}, limits of its model or test", factor.limit_reasons,
                       level)  # fmt: skip
    if one.bootstrap is not None and not several:
        low, high = one.bootstrap.psi_conf_int
        why = one.bootstrap.reason or factor.reason
        ends = (math.exp(-high), math.exp(-low))
        yield from _limits(one.name, f"bootstrap {name}", ends, f"{method}, bootstrap", (why, why), level)


def _against_common_effect(one: Estimate, every: Sequence[Estimate], experimental: str) -> list[tuple[str, str]]:
    """What the factor after progression, of two-stage estimation, says of a factor that is taken to be common.

    Who switches in the ``experimental`` arm takes control from then on: a common factor says 1 over it there.
    """
    if one.method not in ("rpsftm", "ipe") or one.reason or not one.factors:
        return []
    found = []
    for other in every:
        if not other.method.startswith("two-stage") or other.reason:
            continue
        for factor in other.factors:
            common = one.factors[0]
            if factor.arm == experimental:
                low, high = (math.inf if x == 0 else 1.0 / x for x in common.conf_int)
                why_low, why_high = common.limit_reasons
                common = replace(
                    common, value=1.0 / common.value, conf_int=(high, low), limit_reasons=(why_high, why_low)
                )
            there = f"{other.name} finds a factor of {_shown(factor)} after progression in {factor.arm}"
            there += f", a common effect would make it {_shown(common)}"
            untold = _without_limits({other.name: factor, one.name: common})
            if untold:
                found.append(("note on switching", f"{there}: whether they differ cannot be told, for {untold}"))
            elif not _apart(factor, common):
                found.append(("note on switching", f"{there}: no sign against a common effect"))
            else:
                why = "the effect is not common to all times of treatment, or one of the methods is confounded"
                found.append(("warning on switching", f"{there}: {why}"))
    return found


def _shown(factor: Factor) -> str:
    value, low, high = (results.fixed(x, 2) for x in (factor.value, *factor.conf_int))
    return f"{value} ({low} to {high})"


def _without_limits(factors: Mapping[str, Factor]) -> str:
    """Which of the factors, by method, lack a limit, and why; empty where none does."""
    return "; ".join(
        f"{name}'s has no {side} limit{f' ({why})' if why else ''}"
        for name, factor in factors.items()
        for side, x, why in zip(("lower", "upper"), factor.conf_int, factor.limit_reasons, strict=True)
        if not 0 < x < math.inf
    )


def _apart(one: Factor, other: Factor) -> bool:
    """Whether the logarithms of two factors differ by more than the error of both, as if one did not know the other;
    a factor without limits says nothing."""
    limits = np.array([one.conf_int, other.conf_int])
    if not (np.isfinite(limits) & (limits > 0)).all():
        return False
    width = np.log(limits[:, 1] / limits[:, 0])
    return abs(math.log(one.value / other.value)) > math.hypot(*width.tolist()) / 2


def _curves(plan: Planned, found: Adjusted, unit: Any) -> list[Row]:
    """Both arms as observed, and those that may switch as they would have been, where there are such curves."""
    analysis, record = plan.analysis, plan.record
    observed = kaplan_meier(
        record.tte, level=analysis.confidence, conf_type=analysis.conf_type, convention=analysis.convention
    )
    experimental, control = record.tte.arms[1], record.tte.arms[0]
    curves: dict[str, Curve] = {arm: observed[arm] for arm in (experimental, control)}
    if found.curves is not None:
        curves |= {f"{arm}, {HAD_NOT}": found.curves[arm] for arm in record.may_switch}
        said = f"curves {HAD_NOT} are of times put back by {found.estimate.name}, whose factor is not certain"
        if isinstance(found.estimate.found, Weighted):
            said = (
                f"curves {HAD_NOT} are of the rows before a switch, weighted by {found.estimate.name}; numbers at "
                "risk, events and censorings are counted, not weighted"
            )
    else:
        said = f"no curve {HAD_NOT}: {found.estimate.no_curve}"
    return [Row(statistic="note on the curves", text=said), *figure_rows(curves, unit)]
