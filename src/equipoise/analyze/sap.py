"""Run every analysis that the protocol lists, in its order of testing, into one long table of results."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import results
from ..data import Patients, TimeToEvent, require_clean
from ..errors import DataError, EquipoiseError, ProtocolError
from ..protocol import Analysis, Estimand, Protocol, quoted
from ..results import Row
from ..survival import Cox, KaplanMeier, LogRank, Rmst, cox, kaplan_meier, logrank, rmst
from ..units import MONTH_LENGTH_NOTE, days, days_per
from .estimand import endpoint, population_rows
from .multiplicity import Decision, decide
from .subgroups import subgroup_rows

if TYPE_CHECKING:
    import polars as pl

_TICKS = 8
_DIGITS = {"days": 0, "weeks": 1, "months": 1, "years": 2}


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
        """Names of the analyses, in the order of the protocol."""
        return tuple(dict.fromkeys(r.analysis for r in self.rows))

    def __str__(self) -> str:
        return "\n".join(r.text for r in self.rows if r.statistic == "sentence")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Fitted:
    """What one analysis computed."""

    tte: TimeToEvent
    curves: KaplanMeier
    test: LogRank | Cox
    effect: Cox | Rmst
    p: float
    favours_experimental: bool


def run(trial: Protocol, data: Patients) -> Results:
    """Every analysis of the protocol on these patients, with the testing order applied.

    A P value outside the testing order is nominal; a subgroup has an interaction test and no P of its own.
    Raises ``ProtocolError`` where the protocol lists no analysis, ``DataError`` for data that break a rule.
    """
    if not trial.analyses:
        raise ProtocolError("the protocol lists no analysis", where="analyses", remedy="Add an [analyses.NAME] table.")
    found = require_clean(data, trial)
    fitted = {name: _fit(trial, data, analysis, name) for name, analysis in trial.analyses.items()}
    decisions = _decisions(trial, fitted)
    rows: list[Row] = []
    warnings = [str(f) for f in found if f.severity == "warning"]
    for name, analysis in trial.analyses.items():
        context = _context(trial, analysis, name, data)
        own = list(_rows(trial, data, analysis, fitted[name], decisions.get(name)))
        rows += [replace(row, **context) for row in own]
        warnings += [f"{name}: {text}" for text in _warnings(fitted[name])]
    prefixes = ("testing", "analyses", "estimands", "endpoints", "populations", "data")
    notes = [f"assumed: {path}: {why}" for path, why in trial.assumed.items() if path.startswith(prefixes)]
    return Results(
        rows=tuple(rows),
        notes=(*notes, *data.notes),
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
    tte = endpoint(trial, data, estimand=analysis.estimand, strata=analysis.strata)
    convention = analysis.convention
    curves = kaplan_meier(tte, level=analysis.confidence, conf_type=analysis.conf_type, convention=convention)
    effect: Cox | Rmst
    model = cox(
        tte,
        _covariates(trial, data, analysis),
        stratified=analysis.stratified,
        ties=analysis.ties,
        level=analysis.confidence,
        convention=convention,
    )
    if estimand.restriction_time is None:
        effect = model
    else:
        effect = rmst(tte, tau=estimand.restriction_time, level=analysis.confidence)
    test: LogRank | Cox = model
    if analysis.test == "logrank":
        test = logrank(tte, rho=analysis.rho, gamma=analysis.gamma, stratified=analysis.stratified)
    one_sided = trial.testing is not None and trial.testing.sided == 1
    p = test.p_one_sided if one_sided else test.p_value
    return _Fitted(
        tte=tte,
        curves=curves,
        test=test,
        effect=effect,
        p=math.nan if p is None else p,
        favours_experimental=(test.p_one_sided or 1.0) < 0.5,
    )


def _covariates(trial: Protocol, data: Patients, analysis: Analysis) -> pl.DataFrame | None:
    if not analysis.covariates:
        return None
    rows = population_rows(trial, data, analysis.estimand)
    columns = [c.upper() for c in analysis.covariates]
    for column in columns:
        if column not in rows.columns:
            raise DataError(
                "the covariate is not in the data", column=column, remedy=f"Columns: {', '.join(rows.columns)}."
            )
    return rows.select(columns)


def _decisions(trial: Protocol, fitted: dict[str, _Fitted]) -> dict[str, Decision]:
    if trial.testing is None:
        return {}
    t = trial.testing
    return decide({name: fitted[name].p for name in t.order}, t.procedure, t.alpha, t.sided)


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


def _rows(
    trial: Protocol, data: Patients, analysis: Analysis, fitted: _Fitted, decision: Decision | None
) -> Iterator[Row]:
    estimand = trial.estimands[analysis.estimand]
    unit = trial.endpoints[estimand.variable].unit
    tte, curves, effect = fitted.tte, fitted.curves, fitted.effect
    labels = {trial.arm_in_data(a): a for a in (estimand.treatment.control, estimand.treatment.experimental)}
    yield _sentence(trial, estimand, analysis, fitted, decision)
    in_days = [f"{days(mark)} days" for mark in analysis.landmarks]
    yield from _named(curves.rows(in_days, unit, _DIGITS[unit]), labels)
    if isinstance(fitted.test, LogRank):
        yield from _named(fitted.test.rows(), labels)
        yield _text("strata", ", ".join(tte.strata) if fitted.test.stratified else "none")
        if fitted.test.stratified:
            yield _text("strata without information", "; ".join(fitted.test.uninformative_strata) or "none")
    yield from effect.rows(unit, _DIGITS[unit]) if isinstance(effect, Rmst) else effect.rows()
    yield from _verdict(trial, fitted, decision)
    yield _text("near-tied times merged", str(tte.near_ties), float(tte.near_ties))
    yield from _named(_figure_rows(curves, unit), labels)
    if analysis.subgroups:
        everything = population_rows(trial, data, analysis.estimand)
        for subgroup in analysis.subgroups:
            column = subgroup.column.upper()
            if column not in everything.columns:
                raise DataError("the subgroup's column is not in the data", column=column)
            yield from subgroup_rows(tte, everything[column].to_numpy(), subgroup, analysis)


def _named(rows: list[Row], labels: dict[str, str]) -> Iterator[Row]:
    """Arms by their name in the protocol instead of their label in the data."""
    for row in rows:
        yield replace(row, group=labels.get(row.group, row.group))


def _text(statistic: str, text: str, value: float | None = None) -> Row:
    return Row(statistic=statistic, text=text, value=value)


def _verdict(trial: Protocol, fitted: _Fitted, decision: Decision | None) -> Iterator[Row]:
    sided = 1 if trial.testing is not None and trial.testing.sided == 1 else 2
    method = f"{fitted.test.method}{', Wald' if isinstance(fitted.test, Cox) else ''}, {sided}-sided"
    yield Row(statistic="test P", method=method, **results.number(fitted.p, results.p_value(fitted.p)))  # type: ignore[arg-type]
    if decision is None:
        yield _text("test decision", "nominal: not in the testing order")
        return
    against = decision.significant and not fitted.favours_experimental
    yield _text("test decision", decision.sentence + (", in favour of the control arm" if against else ""))
    yield Row(statistic="multiplicity-adjusted P", value=decision.adjusted_p, text=results.p_value(decision.adjusted_p))


def _sentence(
    trial: Protocol, estimand: Estimand, analysis: Analysis, fitted: _Fitted, decision: Decision | None
) -> Row:
    """The result as it would stand in a paper's abstract."""
    end = trial.endpoints[estimand.variable]
    per, digits = days_per(end.unit), _DIGITS[end.unit]
    a, b = estimand.treatment.experimental, estimand.treatment.control
    parts = []
    for arm in (a, b):
        curve = fitted.curves[trial.arm_in_data(arm)]
        parts.append(results.fixed(curve.median / per, digits))
    medians = f"median {parts[0]} v {parts[1]} {end.unit}"
    effect = fitted.effect
    if isinstance(effect, Cox):
        name, digits = "hazard ratio", 2
        estimate, limits = effect.hazard_ratio, effect.conf_int
        if effect.reasons[0]:
            estimate, limits = math.nan, (math.nan, math.nan)
    elif estimand.summary == "ratio of restricted mean survival times":
        assert effect.ratio is not None
        name, digits, estimate, limits = (
            f"ratio of means up to {estimand.restriction_time}",
            2,
            effect.ratio.estimate,
            (effect.ratio.conf_int),
        )
    else:
        assert effect.difference is not None
        assert effect.conf_int is not None
        name = f"difference in means up to {estimand.restriction_time} ({end.unit})"
        estimate, limits = effect.difference / per, tuple(x / per for x in effect.conf_int)
    low, high = (results.fixed(float(x), digits) for x in limits)
    kind = "log-rank" if isinstance(fitted.test, LogRank) else "Wald"
    status = "" if decision is not None else "nominal "
    percent = results.significant(100 * analysis.confidence, 3).rstrip("0").rstrip(".")
    text = (
        f"{end.label}, {a} against {b}: {name} {results.fixed(float(estimate), digits)} "
        f"({percent}% CI {low} to {high}), {medians}, "
        f"{kind} {status}{results.p_equals(fitted.p)}"
    )
    return Row(statistic="sentence", text=text, method=f"{fitted.effect.method}; {fitted.curves.method}")


def _figure_rows(curves: KaplanMeier, unit: Any) -> list[Row]:
    """Curves with their limits, censorings and the risk table, as rows."""
    rows: list[Row] = []
    last = max(float(c.time[-1]) for c in curves.values())
    ticks = _ticks(last / days_per(unit)) * days_per(unit)
    for arm, curve in curves.items():
        series = (
            ("curve survival", curve.survival, None),
            ("curve lower limit", curve.lower, curve.level),
            ("curve upper limit", curve.upper, curve.level),
        )
        for name, values, level in series:
            for t, v in zip(curve.time, values, strict=True):
                shown = results.number(
                    float(v), results.fixed(float(v), 4), "not defined here" if math.isnan(v) else ""
                )
                rows.append(Row(group=arm, statistic=name, at=float(t), level=level, **shown))  # type: ignore[arg-type]
        for t, count in zip(curve.time, curve.censored, strict=True):
            if count > 0:
                rows.append(
                    Row(group=arm, statistic="curve censored", at=float(t), value=float(count), text=f"{count:g}")
                )
        table = curve.risk_table_at(ticks)
        for name, counts in (("at risk", table.at_risk), ("events before", table.events),
                             ("censored before", table.censored)):  # fmt: skip
            for t, count in zip(ticks, counts, strict=True):
                rows.append(
                    Row(group=arm, statistic=name, at=float(t), value=float(count), text=f"{count:g}", unit="subjects")
                )
    return rows


def _ticks(last: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Round marks of the time axis from 0 to the last follow-up, at most eight steps."""
    raw = last / _TICKS
    power = 10.0 ** math.floor(math.log10(raw)) if raw > 0 else 1.0
    steps = (1, 2, 3, 5, 6, 10) if power == 1 else (1, 2, 2.5, 5, 10)
    step = next(s * power for s in steps if s * power >= raw)
    return np.arange(0, last + 1e-9, step)


def _warnings(fitted: _Fitted) -> Iterator[str]:
    for part in (fitted.effect, fitted.test):
        if isinstance(part, Cox):
            yield from part.warnings
        elif part.reason:
            yield part.reason


def conventions(trial: Protocol) -> tuple[str, ...]:
    """What holds for every number of the study, for footnotes."""
    sided = trial.testing.sided if trial.testing else 2
    return (f"tests are {sided}-sided", MONTH_LENGTH_NOTE, results.ROUNDING_NOTE)
