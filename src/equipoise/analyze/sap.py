"""Run every analysis that the protocol lists, in its order of testing, into one long table of results."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from .. import results
from ..data import Patients, TimeToEvent, require_clean
from ..errors import DataError, EquipoiseError, ProtocolError
from ..protocol import FURTHER_PARTS, Analysis, Estimand, Protocol, Subgroup, quoted, test_of
from ..results import Row
from ..survival import Cox, KaplanMeier, LogRank, Rmst, cox, kaplan_meier, logrank, rmst
from ..units import MONTH_LENGTH_NOTE, TimeUnit, days
from .curves import figure_rows
from .disposition import disposition_rows
from .estimand import endpoint, population_rows, unnamed_arms
from .exposure import exposure_rows
from .multiplicity import Decision, decide
from .safety import safety_rows
from .subgroups import check_levels, subgroup_rows

if TYPE_CHECKING:
    import polars as pl

_PARTS = (disposition_rows, exposure_rows, safety_rows)
_RATIO = "ratio of restricted mean survival times"


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

    tte: TimeToEvent
    curves: KaplanMeier
    test: LogRank | Cox | Rmst
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
    warnings += unnamed_arms(trial, data)
    for name, analysis in trial.analyses.items():
        context = _context(trial, analysis, name, data)
        own = list(_rows(trial, data, analysis, fitted[name], decisions.get(name)))
        rows += [replace(row, **context) for row in own]
        warnings += [f"{name}: {text}" for text in _warnings(fitted[name])]
    rows += [row for part in _PARTS for row in part(trial, data)]
    prefixes = ("testing", "analyses", "estimands", "endpoints", "populations", "data")
    notes = [f"assumed: {path}: {why}" for path, why in trial.assumed.items() if path.startswith(prefixes)]
    return Results(
        rows=tuple(rows),
        notes=(*notes, *_absent_parts(trial, data), *data.notes),
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
    if estimand.restriction_time is None:
        effect = cox(
            tte,
            _covariates(trial, data, analysis),
            stratified=analysis.stratified,
            ties=analysis.ties,
            level=analysis.confidence,
            convention=convention,
        )
    else:
        # Not by the strata of the test: a stratified mean weighs strata by their shares, which must be asked for.
        by_stratum = analysis.stratified is True
        effect = rmst(tte, tau=estimand.restriction_time, stratified=by_stratum, level=analysis.confidence)
    test: LogRank | Cox | Rmst = effect
    if test_of(trial, analysis) == "logrank":
        test = logrank(tte, rho=analysis.rho, gamma=analysis.gamma, stratified=analysis.stratified)
    two_sided, one_sided = _p_values(test, estimand)
    p = one_sided if trial.testing is not None and trial.testing.sided == 1 else two_sided
    return _Fitted(
        tte=tte,
        curves=curves,
        test=test,
        effect=effect,
        p=math.nan if p is None else p,
        favours_experimental=one_sided is not None and one_sided < 0.5,
    )


def _p_values(test: LogRank | Cox | Rmst, estimand: Estimand) -> tuple[float | None, float | None]:
    """Two-sided P, and one-sided P of benefit; for a ratio of means those of the ratio, which has its own variance."""
    if isinstance(test, Rmst) and estimand.summary == _RATIO and test.ratio is not None:
        half, better = test.ratio.p_value / 2, test.p_one_sided is not None and test.p_one_sided < 0.5
        return test.ratio.p_value, half if better else 1 - half
    return test.p_value, test.p_one_sided


def _covariates(trial: Protocol, data: Patients, analysis: Analysis) -> pl.DataFrame | None:
    if not analysis.covariates:
        return None
    rows = population_rows(trial, data, analysis.estimand)
    columns = [c.upper() for c in analysis.covariates]
    for column in columns:
        if column not in rows.columns:
            raise DataError(
                "the covariate is not in the data",
                column=column,
                remedy=f"Columns: {', '.join(c for c in rows.columns if c != '__event__')}.",
            )
    return rows.select(columns)


def _subgroup_column(trial: Protocol, data: Patients, analysis: Analysis, subgroup: Subgroup) -> NDArray[Any]:
    rows = population_rows(trial, data, analysis.estimand)
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
    unit = trial.endpoints[trial.estimands[analysis.estimand].variable].unit
    tte = fitted.tte
    yield _sentence(trial, analysis, fitted, decision)
    yield from fitted.curves.rows([f"{days(mark)} days" for mark in analysis.landmarks], unit)
    if isinstance(fitted.test, LogRank):
        yield from fitted.test.rows()
        yield _text("strata", "; ".join(tte.strata) if fitted.test.stratified else "none")
        if fitted.test.stratified:
            yield _text("strata without information", "; ".join(fitted.test.uninformative_strata) or "none")
    yield from fitted.effect.rows(unit) if isinstance(fitted.effect, Rmst) else fitted.effect.rows()
    yield from _verdict(trial, fitted, decision)
    yield _text("near-tied times merged", str(tte.near_ties), float(tte.near_ties))
    yield from figure_rows(fitted.curves, unit)
    if analysis.subgroups:
        for subgroup in analysis.subgroups:
            yield from subgroup_rows(tte, _subgroup_column(trial, data, analysis, subgroup), subgroup, analysis)


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


def _sentence(trial: Protocol, analysis: Analysis, fitted: _Fitted, decision: Decision | None) -> Row:
    """The result as it would stand in a paper's abstract."""
    estimand = trial.estimands[analysis.estimand]
    end = trial.endpoints[estimand.variable]
    a, b = estimand.treatment.experimental, estimand.treatment.control
    both = [results.duration(fitted.curves[arm].median, end.unit) for arm in (a, b)]
    name, estimate, low, high = _estimate(estimand, fitted.effect, end.unit)
    kind = _test_name(fitted.test)
    sided = "one-sided " if trial.testing is not None and trial.testing.sided == 1 else ""
    limits = results.NOT_ESTIMABLE if low == high == results.NOT_ESTIMABLE else f"{low} to {high}"
    interval = "" if estimate == results.NOT_ESTIMABLE else f" ({100 * analysis.confidence:g}% CI {limits})"
    p = f"{kind}{'' if decision else 'nominal '}{sided}{results.p_equals(fitted.p)}"
    middle = (
        f"medians {results.NOT_REACHED}"
        if set(both) == {results.NOT_REACHED}
        else (f"median {' v '.join(both)} {end.unit}")
    )
    # The P stands beside what it tests; a restricted mean is not a statement about medians.
    order = (p, middle) if isinstance(fitted.test, Rmst) else (middle, p)
    text = f"{end.label}, {a} against {b}: {name} {estimate}{interval}, {', '.join(order)}"
    return Row(statistic="sentence", text=text, method=f"{fitted.effect.method}; {fitted.curves.method}")


def _test_name(test: LogRank | Cox | Rmst) -> str:
    if isinstance(test, LogRank):
        return f"{test.weights} " if test.rho or test.gamma else "log-rank "
    return "Wald " if isinstance(test, Cox) else ""


def _estimate(estimand: Estimand, effect: Cox | Rmst, unit: TimeUnit) -> tuple[str, str, str, str]:
    """Name, estimate and limits of the effect as text."""
    if isinstance(effect, Cox):
        name = "adjusted hazard ratio" if len(effect.terms) > 1 else "hazard ratio"
        if effect.reasons[0]:
            return (name, *(results.NOT_ESTIMABLE,) * 3)
        assert isinstance(effect.hazard_ratio, float)
        low, high = effect.conf_int
        return name, *(results.fixed(float(x), 2) for x in (effect.hazard_ratio, low, high))  # type: ignore[return-value]
    upto = f"up to {estimand.restriction_time}"
    if estimand.summary == _RATIO:
        assert effect.ratio is not None
        shown = (effect.ratio.estimate, *effect.ratio.conf_int)
        return f"ratio of restricted means {upto}", *(results.fixed(x, 2) for x in shown)  # type: ignore[return-value]
    assert effect.difference is not None
    assert effect.conf_int is not None
    shown = (effect.difference, *effect.conf_int)
    return f"difference in restricted means {upto} ({unit})", *(results.duration(x, unit) for x in shown)  # type: ignore[return-value]


def _warnings(fitted: _Fitted) -> Iterator[str]:
    parts = (fitted.effect,) if fitted.effect is fitted.test else (fitted.effect, fitted.test)
    if not (fitted.tte.event > 0).any():
        yield "there are no events"
        return
    for part in parts:
        if isinstance(part, Cox):
            yield from part.warnings
        elif part.reason:
            yield part.reason


def refusals(trial: Protocol, data: Patients) -> tuple[str, ...]:
    """What would stop an analysis of the protocol on these patients: columns, populations, arms. Fits nothing."""
    found: list[str] = []
    for name, analysis in trial.analyses.items():
        try:
            endpoint(trial, data, estimand=analysis.estimand, strata=analysis.strata)
            _covariates(trial, data, analysis)
            for subgroup in analysis.subgroups:
                _subgroup_column(trial, data, analysis, subgroup)
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
