"""Run every analysis that the protocol lists, in its order of testing, into one long table of results."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from .. import results
from ..data import Patients, TimeToEvent, require_clean
from ..design import AlphaGraph
from ..errors import DataError, EquipoiseError, ProtocolError
from ..protocol import (
    FURTHER_PARTS,
    Analysis,
    Estimand,
    Protocol,
    Subgroup,
    effect_uses_strata,
    margin_aim,
    null_hypothesis,
    quoted,
    test_of,
)
from ..protocol.arms import plain
from ..results import Row
from ..survival import CumulativeIncidence, KaplanMeier, cumulative_incidence, follow_up, kaplan_meier, zph
from ..units import MONTH_LENGTH_NOTE, TimeUnit, days_per
from .adjusted import Adjusted, adjusted, estimate_of, without_curves
from .covariates import covariates_of
from .curves import figure_rows, incidence_rows
from .disposition import disposition_rows
from .effect import Effect, Tested, effect_of, landmark_marks, test_of_effect
from .estimand import competing_events, endpoint_of_rows, left_out, population_rows
from .exposure import exposure_rows
from .multiplicity import Decision, decide
from .safety import safety_rows
from .subgroups import check_levels, subgroup_rows
from .switching.planned import planned
from .switching_rows import switching_rows

if TYPE_CHECKING:
    import polars as pl

_PARTS = (disposition_rows, exposure_rows, safety_rows)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Results:
    """Everything that the protocol lists, computed: ``rows`` are the long table, the rest its provenance.

    ``notes`` are items that the protocol assumes; ``warnings`` what a statistician must look at.
    """

    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    origin: results.Origin
    protocol_digest: str
    data_digests: dict[str, str]
    data_files: dict[str, str]
    cutoff: str

    def table(self) -> pl.DataFrame:
        """The long table (one row a number); its columns are ``results.COLUMNS``."""
        return results.long_table(self.rows)

    def of(self, analysis: str) -> tuple[Row, ...]:
        """The rows of one analysis."""
        return tuple(r for r in self.rows if r.analysis == analysis)

    @property
    def analyses(self) -> tuple[str, ...]:
        """Names of the protocol's analyses, in its order; safety, tie-out and the like analyze no estimand."""
        return tuple(dict.fromkeys(r.analysis for r in self.rows if r.role not in FURTHER_PARTS))

    def __str__(self) -> str:
        return "\n".join(r.text for r in self.rows if r.statistic == "sentence")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Fitted:
    """What one analysis computed."""

    rows: pl.DataFrame
    tte: TimeToEvent
    curves: KaplanMeier | CumulativeIncidence | None
    test: Tested
    effect: Effect
    p: float
    favours_experimental: bool
    adjusted: Adjusted | None = None


def run(trial: Protocol, data: Patients, *, in_full: bool = True) -> Results:
    """Every analysis of the protocol on these patients, with the testing order applied.

    ``in_full`` False is for many trials: it leaves out what a report shows beside the analyses (disposition, exposure,
    safety, the points of figures). A P value outside the testing order is nominal; a subgroup has an interaction test
    and no P of its own.
    Raises ``ProtocolError`` where the protocol lists no analysis, ``DataError`` for data that break a rule.
    """
    if not trial.analyses:
        raise ProtocolError("the protocol lists no analysis", where="analyses", remedy="Add an [analyses.NAME] table.")
    found = require_clean(data, trial)
    fitted = {name: _fit(trial, data, analysis, name) for name, analysis in trial.analyses.items()}
    decisions = _decisions(trial, fitted)
    rows: list[Row] = []
    warnings = [str(f) for f in found if f.severity == "warning"]
    warnings += left_out(trial, data)
    of_causes, idle_codes = competing_events(trial, data)
    warnings += idle_codes
    for name, analysis in trial.analyses.items():
        context = _context(trial, analysis, name, data)
        rows += results.placed(_rows(trial, analysis, fitted[name], decisions.get(name)), **context)
        rows += _figures(trial, analysis, fitted[name], context) if in_full else []
        rows += results.placed(_subgroups(analysis, fitted[name]), **context)
        warnings += [f"{name}: {text}" for text in _warnings(fitted[name])]
    if in_full:
        rows += [row for part in _PARTS for row in part(trial, data)]
        for name, one in fitted.items():
            rows += [] if one.adjusted is None else switching_rows(trial, data, name, one.adjusted)
    prefixes = ("testing", "analyses", "estimands", "endpoints", "populations", "data")
    notes = [f"assumed: {path}: {why}" for path, why in trial.assumed.items() if path.startswith(prefixes)]
    return Results(
        rows=tuple(rows),
        notes=(*notes, *of_causes, *_absent_parts(trial, data), *data.notes),
        warnings=tuple(dict.fromkeys(warnings)),
        origin=data.origin,
        protocol_digest=trial.digest,
        data_digests=dict(data.digests),
        data_files=dict(data.files),
        cutoff="" if data.cutoff is None else data.cutoff.isoformat(),
    )


def _fit(trial: Protocol, data: Patients, analysis: Analysis, name: str) -> _Fitted:
    estimand = trial.estimands[analysis.estimand]
    try:
        return _fit_one(trial, data, analysis, estimand)
    except EquipoiseError as error:
        error.args = (f"analysis {name}: {error}",)
        raise


def _fit_one(trial: Protocol, data: Patients, analysis: Analysis, estimand: Estimand) -> _Fitted:
    rows = population_rows(trial, data, analysis.estimand)
    if analysis.switching is not None:
        found = adjusted(trial, data, analysis, rows)
        return _fitted(trial, rows, found.plan.record.tte, found.curves, found.test, found.effect, found)
    tte = endpoint_of_rows(trial, data, rows, estimand=analysis.estimand, strata=analysis.strata)
    covariates = covariates_of(trial, data, analysis, rows)
    unit = trial.endpoints[estimand.variable].unit
    effect = effect_of(analysis, estimand, tte, covariates, unit)
    test = test_of_effect(test_of(trial, analysis), analysis, tte, covariates, effect)
    return _fitted(trial, rows, tte, _curves(analysis, tte), test, effect)


def _fitted(
    trial: Protocol,
    rows: pl.DataFrame,
    tte: TimeToEvent,
    curves: KaplanMeier | CumulativeIncidence | None,
    test: Tested,
    effect: Effect,
    found: Adjusted | None = None,
) -> _Fitted:
    p = test.p_one_sided if trial.testing is not None and trial.testing.sided == 1 else test.p_value
    return _Fitted(
        rows=rows,
        tte=tte,
        curves=curves,
        test=test,
        effect=effect,
        p=math.nan if p is None else p,
        favours_experimental=test.p_one_sided is not None and test.p_one_sided < 0.5,
        adjusted=found,
    )


def _curves(analysis: Analysis, tte: TimeToEvent) -> KaplanMeier | CumulativeIncidence:
    """Survival by arm; where causes compete the cumulative incidence, since 1 - S is no probability then."""
    if (tte.event > 1).any():
        limits = analysis.conf_type if analysis.conf_type in ("plain", "log-log") else None
        return cumulative_incidence(tte, level=analysis.confidence, conf_type=limits)
    return kaplan_meier(tte, level=analysis.confidence, conf_type=analysis.conf_type, convention=analysis.convention)


def _subgroup_column(rows: pl.DataFrame, subgroup: Subgroup) -> NDArray[Any]:
    column = subgroup.column.upper()
    if column not in rows.columns:
        raise DataError(
            "the subgroup's column is not in the data",
            column=column,
            remedy=f"Columns: {', '.join(c for c in rows.columns if c != '__event__')}.",
        )
    check_levels(rows[column].to_numpy(), subgroup)
    return rows[column].to_numpy()


def _decisions(trial: Protocol, fitted: dict[str, _Fitted]) -> dict[str, Decision]:
    if trial.testing is None:
        return {}
    t = trial.testing
    graph = AlphaGraph(weights=t.weights, transitions=t.transitions) if t.procedure == "graph" else None
    reasons = {name: fitted[name].test.reason for name in t.order}
    return decide({name: fitted[name].p for name in t.order}, t.procedure, t.alpha, t.sided, graph, reasons)


def _context(trial: Protocol, analysis: Analysis, name: str, data: Patients) -> dict[str, Any]:
    estimand = trial.estimands[analysis.estimand]
    return {
        "analysis": name,
        "role": analysis.role,
        "estimand": analysis.estimand,
        "population": estimand.population,
        "endpoint": estimand.variable,
        "toml_path": f"analyses.{quoted(name)}",
        "origin": data.origin,
    }


def _rows(trial: Protocol, analysis: Analysis, fitted: _Fitted, decision: Decision | None) -> Iterator[Row]:
    unit = trial.endpoints[trial.estimands[analysis.estimand].variable].unit
    tte = fitted.tte
    yield _sentence(trial, analysis, fitted, decision)
    marks, curves = landmark_marks(analysis), fitted.curves
    if curves is None:
        assert fitted.adjusted is not None
        yield from without_curves(fitted.adjusted)
    else:
        yield from curves.rows(marks, unit) if isinstance(curves, KaplanMeier) else curves.rows(marks)
    yield from fitted.test.rows
    if fitted.test.strata is not None:
        stratified, uninformative = fitted.test.strata
        yield _text("strata", "; ".join(tte.strata) if stratified else "none")
        if stratified:
            yield _text("strata without information", "; ".join(uninformative) or "none")
    yield from fitted.effect.rows
    yield from _diagnostics(analysis, fitted, unit)
    yield from _verdict(trial, analysis, fitted, decision)
    yield _text("near-tied times merged", str(tte.near_ties), float(tte.near_ties))


def _figures(trial: Protocol, analysis: Analysis, fitted: _Fitted, context: dict[str, Any]) -> list[Row]:
    curves, unit = fitted.curves, trial.endpoints[trial.estimands[analysis.estimand].variable].unit
    if isinstance(curves, KaplanMeier):
        return figure_rows(curves, unit, **context)
    return [] if curves is None else incidence_rows(curves, unit, **context)


def _subgroups(analysis: Analysis, fitted: _Fitted) -> Iterator[Row]:
    for subgroup in analysis.subgroups:
        yield from subgroup_rows(fitted.tte, _subgroup_column(fitted.rows, subgroup), subgroup, analysis)


def _text(statistic: str, text: str, value: float | None = None) -> Row:
    return Row(statistic=statistic, text=text, value=value)


def _diagnostics(analysis: Analysis, fitted: _Fitted, unit: TimeUnit) -> Iterator[Row]:
    """What the analysis asks for beside its estimate: whether hazards are proportional, how long follow-up was."""
    if "proportional hazards" in analysis.diagnostics:
        try:
            yield from zph(fitted.effect.fit).rows()
        except EquipoiseError as error:
            yield Row(statistic="proportional hazards P", **results.number(math.nan, "", error.what))  # type: ignore[arg-type]
    if "follow-up" in analysis.diagnostics:
        anything = fitted.tte.any_event()
        median = follow_up(anything, level=analysis.confidence, convention=analysis.convention)
        for curve in median.values():
            q = curve.quantile(0.5)
            for suffix, time in (("", q.time), (" lower limit", q.lower), (" upper limit", q.upper)):
                level = analysis.confidence if suffix else None
                reason = "the curve of the censoring times stays above one half" if math.isinf(time) else ""
                shown = results.number(
                    time / days_per(unit) if math.isfinite(time) else time, results.duration(time, unit), reason
                )
                yield Row(
                    group=curve.group, statistic=f"median follow-up{suffix}", level=level, unit=unit,
                    method=median.method, origin=fitted.tte.origin, **shown,  # type: ignore[arg-type]
                )  # fmt: skip


def _verdict(trial: Protocol, analysis: Analysis, fitted: _Fitted, decision: Decision | None) -> Iterator[Row]:
    sided = 1 if trial.testing is not None and trial.testing.sided == 1 else 2
    own = fitted.test.strata is None and fitted.test.p_label
    method = f"{fitted.test.method}{f', {fitted.test.p_label.strip()}' if own else ''}, {sided}-sided"
    reason = fitted.test.reason if math.isnan(fitted.p) else ""
    yield Row(statistic="test P", method=method, **results.number(fitted.p, results.p_value(fitted.p), reason))  # type: ignore[arg-type]
    if decision is None:
        yield _text("test decision", "nominal: not in the testing order")
        return
    yield _text("test decision", decision.sentence + _direction(trial, analysis, fitted, decision))
    yield Row(statistic="multiplicity-adjusted P", value=decision.adjusted_p, text=results.p_value(decision.adjusted_p))


def _direction(trial: Protocol, analysis: Analysis, fitted: _Fitted, decision: Decision) -> str:
    """What a decision says of the arms; of another hazard ratio than 1 on which side of it the data lie."""
    if decision.significant is None:
        return ""
    aim = margin_aim(trial, analysis)
    if not aim:
        return ", in favour of the control arm" if decision.significant and not fitted.favours_experimental else ""
    null = plain(analysis.null_hazard_ratio)
    if not decision.significant:
        return f", hazard ratio {null}: {aim} is not shown"
    below = fitted.favours_experimental == (fitted.tte.event_is == "harm")
    shown = aim if fitted.favours_experimental else f"no {aim}"
    return f", hazard ratio {'below' if below else 'above'} {null}: {shown}"


def _sentence(trial: Protocol, analysis: Analysis, fitted: _Fitted, decision: Decision | None) -> Row:
    """The result as it would stand in a paper's abstract."""
    estimand = trial.estimands[analysis.estimand]
    end = trial.endpoints[estimand.variable]
    a, b = estimand.treatment.experimental, estimand.treatment.control
    effect = fitted.effect
    estimate, low, high = effect.shown
    sided = "one-sided " if trial.testing is not None and trial.testing.sided == 1 else ""
    limits = results.NOT_ESTIMABLE if low == high == results.NOT_ESTIMABLE else f"{low} to {high}{effect.by}"
    interval = "" if estimate == results.NOT_ESTIMABLE else f" ({100 * analysis.confidence:g}% CI {limits})"
    name, label = effect.name, fitted.test.p_label
    if fitted.test.strata and fitted.test.strata[0] and not effect_uses_strata(estimand.summary, analysis.stratified):
        name, label = f"unstratified {name}", f"stratified {label}"
    p = f"{label}{'' if decision else 'nominal '}{sided}{results.p_equals(fitted.p)}{fitted.test.suffix}"
    null = null_hypothesis(trial, analysis)
    p += f" of {null}" if null and not math.isnan(fitted.p) else ""
    parts = [p]
    if isinstance(fitted.curves, KaplanMeier):
        middle = _medians([results.duration(fitted.curves[arm].median, end.unit) for arm in (a, b)], end.unit)
        # The P stands beside what it tests; a restricted mean is not a statement about medians.
        parts = [middle, p] if effect.of_medians or fitted.test.strata is not None else [p, middle]
    text = f"{end.label}, {a} against {b}{effect.had}: {name} {estimate}{interval}, {', '.join(parts)}"
    method = effect.method if fitted.curves is None else f"{effect.method}; {fitted.curves.method}"
    return Row(statistic="sentence", text=text, method=method)


def _medians(both: list[str], unit: TimeUnit) -> str:
    if set(both) == {results.NOT_REACHED}:
        return f"medians {results.NOT_REACHED}"
    return f"median {' v '.join(both)} {unit}"


def _warnings(fitted: _Fitted) -> Iterator[str]:
    if not (fitted.tte.event > 0).any():
        yield "there are no events"
        return
    yield from fitted.effect.warnings
    yield from fitted.test.warnings


def refusals(trial: Protocol, data: Patients) -> tuple[str, ...]:
    """What would stop an analysis of the protocol on these patients: columns, populations, arms. Fits nothing, but for
    an analysis adjusted for switching its own method."""
    found: list[str] = []
    for name, analysis in trial.analyses.items():
        try:
            rows = population_rows(trial, data, analysis.estimand)
            endpoint_of_rows(trial, data, rows, estimand=analysis.estimand, strata=analysis.strata)
            covariates_of(trial, data, analysis, rows)
            if analysis.switching is not None:
                estimate_of(planned(trial, data, analysis, rows), analysis.switching.method, draws=0)
            for subgroup in analysis.subgroups:
                _subgroup_column(rows, subgroup)
        except EquipoiseError as error:
            found.append(f"analysis {name}: {error}")
    for part in _PARTS:
        try:
            part(trial, data)
        except EquipoiseError as error:
            found.append(str(error))
    return tuple(dict.fromkeys(found))


def _absent_parts(trial: Protocol, data: Patients) -> list[str]:
    """What [safety] asks for and the data cannot tell: an empty place in a report must not read as nobody."""
    if trial.safety is None:
        return []
    missing = [name for name in ("adsl", "adae", "adex") if getattr(data, name) is None]
    told = {"adsl": "disposition, exposure and safety", "adae": "safety", "adex": "exposure"}
    shown = missing[:1] if "adsl" in missing else missing
    return [f"{told[name]} cannot be told: there is no {name.upper()}" for name in shown]


def conventions(trial: Protocol) -> tuple[str, ...]:
    """What holds for every number of the study, for footnotes."""
    sided = trial.testing.sided if trial.testing else 2
    return (f"tests are {sided}-sided", MONTH_LENGTH_NOTE, results.ROUNDING_NOTE)
