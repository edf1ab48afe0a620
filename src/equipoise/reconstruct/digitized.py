"""A trial from its printed Kaplan-Meier curves: patients of one endpoint, and what of the printed numbers they show."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import polars as pl

from ..analyze import Tie, tie_out, tie_out_rows
from ..data import Patients, TimeToEvent
from ..data.adam import names_in_upper_case
from ..errors import DataError, ProtocolError
from ..protocol import Estimand, Protocol, PublishedCurve
from ..protocol.published import Tier
from ..results import Row, duration, fixed, long_table, number, p_value
from ..simulate import marked_subjects
from ..survival import cox, kaplan_meier, logrank
from ..units import days, days_per
from .check import Numbers
from .digitized_files import Clicks, read_digitized
from .guyot import DigitizedArm, guyot, two_arms

if TYPE_CHECKING:
    from ..protocol import Analysis

_OF_THE_CURVES = (
    "hazard ratio", "hazard ratio lower limit", "hazard ratio upper limit", "P", "median", "median lower limit",
    "median upper limit", "event-free rate", "known event-free", "events",
)  # fmt: skip
_LACKS = ("adjusted logrank", "marginal hazard ratio", "gray", "fine-gray")  # tests that need more than a curve tells
ASSUMED = (
    "within an interval of the risk table people are censored evenly over the time at risk, whatever befalls them",
    "events lie where the clicks fall; several between two clicks are spread evenly",
    "nothing is known of a person but arm, time and whether the event was seen: no stratum, no baseline, no second "
    "endpoint, no dates",
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DigitizedTrial:
    """Both arms of an estimand, rebuilt from their printed curves.

    ``trial`` is the protocol as far as curves can answer it (one endpoint, no strata, covariates or subgroups), for
    ``analyze.run`` of ``patients``; ``tte`` the endpoint; ``ties`` the printed numbers of the estimand beside those of
    the rebuilt patients.
    """

    trial: Protocol
    estimand: str
    arms: Mapping[str, DigitizedArm]
    tte: TimeToEvent
    patients: Patients
    ties: tuple[Tie, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]

    def __str__(self) -> str:
        arms = "; ".join(f"{name}: {arm}" for name, arm in self.arms.items())
        agreeing = sum(t.agrees for t in self.ties)
        printed = f". {agreeing} of {len(self.ties)} printed numbers are met" if self.ties else ""
        return f"{self.estimand}, rebuilt from digitized curves. {arms}{printed}"

    def rows(self) -> list[Row]:
        """The tie-out, what the rebuilt patients say of arms and contrast, numbers at risk, points of the curves."""
        chosen = self.trial.estimands[self.estimand]
        places = {
            curve.arm: k for k, curve in enumerate(self.trial.published.curves) if curve.estimand == self.estimand
        }
        common: dict[str, Any] = {
            "estimand": self.estimand, "population": chosen.population, "endpoint": chosen.variable,
        }  # fmt: skip
        rows = list(tie_out_rows(self.trial, self.patients, self.ties))
        rows += [replace(row, **common) for row in _effects(self.trial, self.estimand, self.tte)]
        for name, arm in self.arms.items():
            path = f"published.curves[{places[name]}]"
            rows += [replace(row, toml_path=path, **common) for row in arm.rows(name)]
        return rows

    def table(self) -> pl.DataFrame:
        """The rows as a long table."""
        return long_table(self.rows())


def digitized(trial: Protocol, *, estimand: str | None = None, tier: Tier = "A") -> DigitizedTrial:
    """Patients of the two arms of an estimand from the curves under ``published.curves``, as ``guyot`` rebuilds each.

    ``estimand`` may be left out where all curves are of one. ``tier`` says which printed numbers are tied out.
    Raises ``ProtocolError`` where there is no curve, or one of an arm is missing, ``DataError`` for what
    ``read_digitized`` and ``guyot`` refuse, with the place in the protocol.

    >>> from equipoise.protocol import example
    >>> digitized(example("veteran"))
    Traceback (most recent call last):
    equipoise.errors.ProtocolError: the protocol of veteran has no digitized curve (published.curves). Add a
    [[published.curves]] for each arm.
    """
    name = _which(trial, estimand)
    chosen = trial.estimands[name]
    arms = {}
    for arm in (chosen.treatment.experimental, chosen.treatment.control):
        place = next((k for k, c in enumerate(trial.published.curves) if (c.estimand, c.arm) == (name, arm)), None)
        if place is None:
            raise ProtocolError(
                f"there is no curve of {arm} for {name}", where="published.curves", remedy="Digitize it too."
            )
        arms[arm] = _arm(trial, trial.published.curves[place], f"published.curves[{place}]")
    lean = _as_curves_answer(trial, name)
    tte = two_arms(
        arms, experimental=chosen.treatment.experimental, control=chosen.treatment.control,
        event_is=trial.endpoints[chosen.variable].event_is,
    )  # fmt: skip
    notes = tuple(dict.fromkeys((*ASSUMED, *(f"{arm}: {note}" for arm, one in arms.items() for note in one.notes))))
    made = _patients(lean, name, arms, notes)
    ties = tie_out(lean.model_copy(update={"testing": trial.testing}), made, tier)
    numbers = Numbers.of_trial(trial)
    others = [
        f"{arm}: {one.subjects} subjects are at risk at time zero, {counted.subjects} are published"
        for arm, one in arms.items() if (counted := numbers.subjects(arm, name)) and counted.subjects != one.subjects
    ]  # fmt: skip
    apart = [f"{t.name}: published {t.number.printed}, computed {t.computed}" for t in ties if not t.agrees]
    return DigitizedTrial(
        trial=lean, estimand=name, arms=MappingProxyType(arms), tte=tte, patients=made, ties=ties, notes=notes,
        warnings=(*others, *(f"does not agree with the published number: {text}" for text in apart)),
    )  # fmt: skip


def _which(trial: Protocol, estimand: str | None) -> str:
    known = list(dict.fromkeys(curve.estimand for curve in trial.published.curves))
    if not known:
        raise ProtocolError(
            f"the protocol of {trial.name} has no digitized curve",
            where="published.curves",
            remedy="Add a [[published.curves]] for each arm.",
        )
    if estimand is None and len(known) > 1:
        raise ProtocolError(
            f"there are curves of {len(known)} estimands, whose patients cannot be joined: {', '.join(known)}",
            where="published.curves",
            remedy="Name one of them as the estimand.",
        )
    if estimand is not None and estimand not in known:
        raise ProtocolError(
            f"there is no curve of {estimand!r}", where="published.curves", remedy=f"Curves: {', '.join(known)}."
        )
    return estimand or known[0]


def _arm(trial: Protocol, curve: PublishedCurve, path: str) -> DigitizedArm:
    """One curve of the protocol, rebuilt; an error names its place."""
    file = trial.source.parent / curve.file
    beside = [c for c in trial.published.curves if c.file == curve.file and c.arm != curve.arm]
    others = {other.dataset or other.arm for other in beside}
    if curve.dataset in others and any(c.dataset == curve.dataset and c.estimand == curve.estimand for c in beside):
        raise DataError(
            f"the curve {curve.dataset!r} is that of two arms", file=f"{path}, {file.name} dataset",
            remedy="Name the curve of each.",
        )  # fmt: skip
    try:
        clicks = _clicks(read_digitized(file, percent=curve.percent), curve, others)
        per = days_per(curve.unit)
        return guyot(
            clicks.time, clicks.survival, at_risk_times=[days(time) / per for time in curve.at_risk],
            at_risk=list(curve.at_risk.values()), events=curve.events, unit=curve.unit,
        )  # fmt: skip
    except DataError as error:
        column = f" {error.column}" if error.column else ""
        raise DataError(
            error.what, file=f"{path}, {file.name}{column}", remedy=error.remedy.replace("at_risk_times", "at_risk")
        ) from None


def _clicks(curves: Mapping[str, Clicks], curve: PublishedCurve, others: Collection[str]) -> Clicks:
    """The curve that is named; a file's only one need not be, where it is not said to be that of another arm."""
    name = curve.dataset or curve.arm
    if name in curves:
        return curves[name]
    if len(curves) == 1 and curve.dataset is None and not others:
        return next(iter(curves.values()))
    raise DataError(
        f"the file has no curve {name!r}",
        column="dataset",
        remedy=f"Name one of its curves as dataset: {', '.join(repr(known) for known in curves)}.",
    )


def _as_curves_answer(trial: Protocol, estimand: str) -> Protocol:
    """The protocol reduced to what two curves can answer: one endpoint as it was printed, unstratified, and no more."""
    chosen = trial.estimands[estimand]
    if trial.endpoints[chosen.variable].competing_codes and chosen.summary == "subdistribution hazard ratio":
        raise ProtocolError(
            "a Kaplan-Meier curve does not tell which events compete",
            where="published.curves",
            remedy="Digitize the curves of an estimand that is a hazard ratio.",
        )
    analyses = {
        name: _lean(a) for name, a in trial.analyses.items()
        if a.estimand == estimand and not a.covariates and a.switching is None and a.test not in _LACKS
    }  # fmt: skip
    testing = trial.testing
    if testing is not None and any(name not in analyses for name in testing.order):
        kept = testing.order[: next(k for k, name in enumerate(testing.order) if name not in analyses)]
        ordered = testing.procedure == "fixed sequence" and kept
        testing = testing.model_copy(update={"order": kept}) if ordered else None
    numbers = tuple(
        n.model_copy(update={"stratified": None})
        if n.estimand == estimand and n.statistic in _OF_THE_CURVES
        else n.model_copy(update={"use": "shown"})
        for n in trial.published.numbers
    )
    return trial.model_copy(update={
        "endpoints": MappingProxyType({chosen.variable: trial.endpoints[chosen.variable]}),
        # What happened in between is in the curve already, whichever way it was handled.
        "estimands": MappingProxyType({estimand: _without_events(chosen)}),
        "analyses": MappingProxyType(analyses),
        "testing": testing,
        "safety": None,
        "published": trial.published.model_copy(update={"numbers": numbers}),
        "data": trial.data.model_copy(update={"strata": type(trial.data.strata)(), "path": None}),
    })  # fmt: skip


def _lean(analysis: Analysis) -> Analysis:
    return analysis.model_copy(update={"subgroups": (), "stratified": False})


def _without_events(chosen: Estimand) -> Estimand:
    return chosen.model_copy(update={"intercurrent_events": MappingProxyType({})})


def _patients(trial: Protocol, estimand: str, arms: Mapping[str, DigitizedArm], notes: tuple[str, ...]) -> Patients:
    """ADSL and ADTTE of the one endpoint, marked in every row."""
    chosen, names = trial.estimands[estimand], names_in_upper_case(trial.data)
    label = [arm for arm, one in arms.items() for _ in range(one.subjects)]
    subjects = marked_subjects(trial, label, "reconstructed")
    population = trial.populations[chosen.population]
    columns = {column.upper(): value for column, value in population.where.items()}
    flags = {"ITTFL": "Y"} | ({population.flag.upper(): "Y"} if population.flag else {})
    adsl = subjects.with_columns(
        pl.Series("SUBJID", [u[-4:] for u in subjects["USUBJID"]]),
        pl.Series(f"{names.arm}N", [list(arms).index(arm) + 1 for arm in label]),
        pl.Series("TRT01A", subjects[names.arm]),
        *(pl.lit(value).alias(column) for column, value in {**flags, **columns}.items()),
    )
    event = [bool(e) for one in arms.values() for e in one.event]
    per = days_per(trial.data.time_unit)
    happened, other = trial.data.event_codes[0], next(c for c in range(1, 100) if c not in trial.data.event_codes)
    adtte = subjects.with_columns(
        pl.lit(trial.parameter(chosen.variable)).alias(names.parameter),
        pl.lit(trial.endpoints[chosen.variable].label).alias("PARAM"),
        pl.Series(names.time, [float(t) / per for one in arms.values() for t in one.time], dtype=pl.Float64),
        pl.Series(names.censoring, [happened if e else other for e in event]),
        pl.Series("EVNTDESC", ["Event of the printed curve" if e else None for e in event], dtype=pl.String),
        pl.Series("CNSDTDSC", [None if e else "Censored, time from the risk table" for e in event], dtype=pl.String),
    )
    files = [trial.source.parent / c.file for c in trial.published.curves if c.estimand == estimand]
    read = hashlib.sha256(b"".join(f.read_bytes() for f in files)).hexdigest()
    about = f"<reconstructed from digitized curves ({', '.join(dict.fromkeys(f.name for f in files))}, SHA-256 {read})>"
    return Patients(
        adsl=adsl, adtte=adtte, files={"adsl": about, "adtte": about}, digests={}, origin="reconstructed",
        notes=(f"every patient is synthetic: times and events of {estimand} rebuilt from digitized curves, and nothing "
               "else of anybody", *notes), names=names,
    )  # fmt: skip


def _effects(trial: Protocol, estimand: str, tte: TimeToEvent) -> Iterator[Row]:
    """Medians, hazard ratio and log-rank P of the rebuilt patients, printed or not."""
    unit = trial.endpoints[trial.estimands[estimand].variable].unit
    curves = kaplan_meier(tte)

    def row(statistic: str, value: float, text: str, method: str, reason: str = "", **more: Any) -> Row:
        found: dict[str, Any] = number(value, text, reason)
        return Row(
            analysis="digitized", role="digitized", origin="reconstructed", statistic=statistic, method=method,
            **found, **more,
        )  # fmt: skip

    for arm, curve in curves.items():
        text = duration(curve.median, unit)
        median = curve.median / days_per(unit)
        yield row("median", median, text, curves.method, "the curve stays above 0.5", group=arm, unit=unit)
    if not tte.events:
        return
    fit, test = cox(tte), logrank(tte)
    assert isinstance(fit.hazard_ratio, float)
    for statistic, value in (("hazard ratio", fit.hazard_ratio), ("hazard ratio lower limit", float(fit.conf_int[0])),
                             ("hazard ratio upper limit", float(fit.conf_int[1]))):  # fmt: skip
        yield row(statistic, value, fixed(value, 2), fit.method, "; ".join(fit.reasons), level=fit.level)
    p = math.nan if test.p_value is None else float(test.p_value)
    yield row("test P", p, p_value(p), test.method, test.reason)
