"""From an estimand and the patients to a TimeToEvent: who counts, what is the event, what is censored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..data import Patients, TimeToEvent
from ..data.day_count import OFFSET, count_days
from ..data.patients import rows_where
from ..errors import DataError, EquipoiseError, ProtocolError, name_subjects
from ..protocol import Protocol, quoted
from ..units import days_per

if TYPE_CHECKING:
    from ..protocol import Estimand, IntercurrentEvent


def endpoint(
    trial: Protocol,
    data: Patients,
    *,
    estimand: str,
    strata: Literal["as randomized", "as verified"] = "as randomized",
) -> TimeToEvent:
    """The variable of an estimand in its population and two arms, with every intercurrent event handled.

    Treatment policy leaves the record as it is. Hypothetical and while on treatment censor at the date of
    the intercurrent event (which takes that censoring to be independent); composite counts it as the event. An
    event on the very day of the intercurrent event counts.

    Raises ``ProtocolError`` for an estimand that does not exist or needs an unknown item, ``DataError``
    for columns that are missing and for a population or arm without patients.
    """
    return endpoint_of_rows(trial, data, population_rows(trial, data, estimand), estimand=estimand, strata=strata)


def endpoint_of_rows(
    trial: Protocol,
    data: Patients,
    rows: pl.DataFrame,
    *,
    estimand: str,
    strata: Literal["as randomized", "as verified"] = "as randomized",
) -> TimeToEvent:
    """``endpoint`` where the estimand's ``population_rows`` are at hand."""
    chosen = trial.estimands[estimand]
    names = data.names
    columns = _upper(getattr(names.strata, "as_randomized" if strata == "as randomized" else "as_verified"))
    _require(rows, columns, data, "stratification factor")
    return TimeToEvent(
        rows[names.time].to_numpy(),
        rows["__event__"].to_numpy(),
        rows[names.arm].to_numpy(),
        subject=rows[names.subject].to_numpy(),
        strata={column: rows[column].to_numpy() for column in columns} or None,
        control=chosen.treatment.control,
        experimental=chosen.treatment.experimental,
        unit=names.time_unit,
        event_is=trial.endpoints[chosen.variable].event_is,
        origin=data.origin,
    )


def population_rows(trial: Protocol, data: Patients, estimand: str) -> pl.DataFrame:
    """The endpoint's rows of the estimand's population and arms, with the column ``__event__`` of 0 and 1.

    For a subdistribution hazard ratio 2 is an event that competes; for others it is censored, as the data have it.
    """
    if estimand not in trial.estimands:
        raise ProtocolError(
            f"there is no estimand {estimand!r}", where="estimands", remedy=f"Known: {', '.join(trial.estimands)}."
        )
    chosen = trial.estimands[estimand]
    names = data.names
    rows = data.endpoint_rows(trial.parameter(chosen.variable))
    _require(rows, [names.subject, names.arm, names.time, names.censoring], data, "column that every analysis needs")
    rows = in_population(trial, data, chosen.population, rows)
    rows = in_arms(trial, data, rows, (chosen.treatment.control, chosen.treatment.experimental), chosen.population)
    rows = rows.hstack([_event_codes(trial, data, chosen, rows[names.censoring])])
    for name, rule in chosen.intercurrent_events.items():
        if rule.strategy != "treatment policy":
            rows = _handle(data, rows, rule, f"{chosen.variable}, {name}")
    return rows


def _event_codes(trial: Protocol, data: Patients, chosen: Estimand, codes: pl.Series) -> pl.Series:
    names, competing = data.names, trial.endpoints[chosen.variable].competing_codes
    both = set(competing) & set(names.event_codes)
    if both:
        raise ProtocolError(
            f"the censoring code {min(both)} is both the event and one that competes with it",
            where=f"endpoints.{quoted(chosen.variable)}.competing_codes",
            remedy="Name each code once.",
        )
    held = codes.cast(pl.Float64).to_numpy()
    event = (held[:, None] == np.array(names.event_codes)).any(axis=1).astype(np.int64)
    if chosen.summary == "subdistribution hazard ratio":
        event += 2 * np.isin(held, list(competing))
    if codes.null_count():  # who has no code has no event either: what takes the rows says so
        return pl.Series("__event__", np.where(np.isnan(held), np.nan, event))
    return pl.Series("__event__", event)


def subjects(trial: Protocol, data: Patients, population: str, arms: Sequence[str]) -> pl.DataFrame:
    """ADSL's subjects of a population in these arms, one row each, the arm by its name in the protocol.

    Raises ``DataError`` where ADSL cannot say who they are, and for a population or arm without subjects.

    >>> from equipoise.data import read_adam
    >>> from equipoise.protocol import example
    >>> trial = example("veteran")
    >>> subjects(trial, read_adam(None, trial), "ITT", ["test", "standard"]).height
    137
    """
    rows = in_population(trial, data, population, subject_level(data))
    return in_arms(trial, data, rows, arms, population, "adsl")


def subject_level(data: Patients) -> pl.DataFrame:
    """ADSL as it stands, once it is sure that it has the arm and one record a subject.

    Raises ``DataError`` where there is no ADSL, no arm in it, or a subject twice.

    >>> from equipoise.data import read_adam
    >>> from equipoise.protocol import example
    >>> subject_level(read_adam(None, example("veteran"))).height
    137
    """
    names = data.names
    if data.adsl is None:
        raise DataError("there is no ADSL to say who is in which arm", remedy="Add it to the data.")
    _require(data.adsl, [names.subject, names.arm], data, "column that says who is in which arm")
    if data.adsl[names.subject].n_unique() < data.adsl.height:
        twice = data.adsl.filter(data.adsl[names.subject].is_duplicated())
        raise DataError(
            "ADSL holds more than one record of a subject",
            file=data.files.get("adsl", ""),
            column=names.subject,
            subjects=twice[names.subject].unique(maintain_order=True).to_list(),
            remedy="Keep one record a subject.",
        )
    return data.adsl


def in_arms(
    trial: Protocol,
    data: Patients,
    rows: pl.DataFrame,
    arms: Sequence[str],
    population: str,
    dataset: str = "adtte",
) -> pl.DataFrame:
    """The rows of these arms, which carry the protocol's names from here on, whatever the sponsor's labels are.

    ``rows`` are those of a population. Raises ``DataError`` where an arm is missing in a row, or has no subject.

    >>> from equipoise.data import read_adam
    >>> from equipoise.protocol import example
    >>> trial = example("veteran")
    >>> data = read_adam(None, trial)
    >>> in_arms(trial, data, data.adsl, ["test"], "ITT", "adsl")["TRT01P"].unique().to_list()
    ['test']
    """
    names = data.names
    labels = {trial.arm_in_data(a): a for a in arms}
    if rows[names.arm].null_count():
        armless = rows.filter(pl.col(names.arm).is_null())
        raise DataError(
            f"the arm is missing for {armless.height} of {rows.height} subjects of the population {population}",
            file=data.files.get(dataset, ""),
            column=names.arm,
            subjects=armless[names.subject].to_list(),
            remedy="Complete it, or take them out of the population by its flag.",
        )
    held = rows[names.arm]
    found = {str(label) for label in dict.fromkeys(held.to_list())}
    for label in labels:
        if label not in found:
            raise DataError(
                f"nobody in the population {population} is in arm {label!r}",
                file=data.files.get(dataset, ""),
                column=names.arm,
                remedy=f"Arms found: {', '.join(sorted(found)) or 'none'}; map them in [data.arms].",
            )
    if held.dtype == pl.String and found == set(labels) == set(arms):
        return rows
    arm = pl.col(names.arm).cast(pl.String)
    named = arm.replace_strict(labels, return_dtype=pl.String)
    return rows.lazy().filter(arm.is_in(list(labels))).with_columns(named).collect()


def unnamed_arms(trial: Protocol, data: Patients) -> list[str]:
    """A warning for patients whose arm the protocol does not name: a third arm, or a label misspelt."""
    arm, subject = data.names.arm, data.names.subject
    frame = data.adtte if arm in data.adtte.columns else data.adsl
    if frame is None or arm not in frame.columns:
        return []
    named = [trial.arm_in_data(a) for a in trial.arms]
    if {str(label) for label in dict.fromkeys(frame[arm].to_list()) if label is not None} <= set(named):
        return []
    others = frame.filter(~pl.col(arm).cast(pl.String).is_in(named))
    labels = ", ".join(repr(a) for a in sorted(others[arm].drop_nulls().cast(pl.String).unique()))
    count = others[subject].n_unique()
    verb = "patient is" if count == 1 else "patients are"
    return [f"{count} {verb} in no arm of the protocol and left out: {labels} (column {arm})"]


def without_record(trial: Protocol, data: Patients) -> list[str]:
    """A warning for subjects in the population and arms of an estimand that ADTTE has no record of its endpoint for.

    ADSL says who is in the population; without it those of whom ADTTE has a record of another endpoint are found.
    """
    names, found = data.names, []
    everybody = data.adtte if data.adsl is None else data.adsl
    subjects_known = set(everybody[names.subject].to_list())
    by_code: dict[object, set[object]] = {}
    for code, subject in zip(data.adtte[names.parameter].to_list(), data.adtte[names.subject].to_list(), strict=True):
        by_code.setdefault(code, set()).add(subject)
    for chosen in dict.fromkeys(analysis.estimand for analysis in trial.analyses.values()):
        estimand = trial.estimands[chosen]
        code = trial.parameter(estimand.variable)
        recorded = by_code.get(code, set())
        if not recorded:
            continue  # the analysis says that there is no record of it at all
        if recorded.issuperset(subjects_known):
            continue  # whoever is in the population has a record
        try:
            rows = in_population(trial, data, estimand.population, everybody)
        except EquipoiseError:
            continue  # the analysis says what is wrong with the population, or takes its columns from ADTTE
        lost = [i for i, subject in enumerate(rows[names.subject].to_list()) if subject not in recorded]
        if lost and names.arm in rows.columns:
            compared = [trial.arm_in_data(a) for a in (estimand.treatment.control, estimand.treatment.experimental)]
            arms = rows[names.arm].cast(pl.String).to_list()
            lost = [i for i in lost if arms[i] is None or arms[i] in compared]
        subjects = list(dict.fromkeys(rows[names.subject][i] for i in lost))
        if subjects:
            one = len(subjects) == 1
            found.append(
                f"{len(subjects)} {'subject' if one else 'subjects'} of {estimand.population} "
                f"{'has' if one else 'have'} no record of {estimand.variable} and {'is' if one else 'are'} left out "
                f"({data.file_of('adtte')}, column {names.parameter}, {code}): "
                f"{name_subjects(subjects).partition(' ')[2]}"
            )
    return list(dict.fromkeys(found))


def left_out(trial: Protocol, data: Patients) -> list[str]:
    """Warnings for subjects of whom no analysis, or not each, says anything: arms without a name, records missing."""
    return unnamed_arms(trial, data) + without_record(trial, data)


def competing_events(trial: Protocol, data: Patients) -> tuple[list[str], list[str]]:
    """Notes on estimands that take events which compete as censored; warnings for codes that no record holds."""
    notes, warnings = [], []
    for name in dict.fromkeys(a.estimand for a in trial.analyses.values()):
        chosen = trial.estimands[name]
        codes = trial.endpoints[chosen.variable].competing_codes
        if not codes:
            continue
        held = population_rows(trial, data, name)[data.names.censoring]
        struck = int(held.is_in(list(codes)).sum())
        column = f"{data.names.censoring} = {' or '.join(map(str, codes))}"
        if not struck:
            warnings.append(f"{name}: no record of {chosen.variable} holds an event that competes ({column})")
        elif chosen.summary != "subdistribution hazard ratio":
            notes.append(
                f"{name}: {struck} events that compete with {chosen.variable} ({column}) count as censored, so this is "
                "an effect on the cause-specific hazard, and a survival curve no probability"
            )
    return notes, warnings


def in_population(trial: Protocol, data: Patients, name: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Those of the rows that are in a population of the protocol, by its flag and conditions.

    Raises ``ProtocolError`` for a population whose flag is unknown, ``DataError`` for columns that are missing or
    hold something else, and for a population without rows.

    >>> from equipoise.data import read_adam
    >>> from equipoise.protocol import example
    >>> trial = example("veteran")
    >>> data = read_adam(None, trial)
    >>> in_population(trial, data, "ITT", data.adsl).height
    137
    """
    inside = members(trial, data, name, rows)
    return rows if inside.all() else rows_where(rows, pl.Series(inside))


def members(trial: Protocol, data: Patients, name: str, rows: pl.DataFrame) -> NDArray[np.bool_]:
    """Which of the rows ``in_population`` keeps, (n,); it raises what that does."""
    population = trial.populations[name]
    path = f"populations.{quoted(name)}"
    if f"{path}.flag" in trial.unknown:
        raise ProtocolError(
            f"the population {name} cannot be found in the data: {trial.unknown[f'{path}.flag']}",
            where=f"{path}.flag",
            remedy="Name its Y/N column.",
        )
    conditions: dict[str, object] = {column.upper(): value for column, value in population.where.items()}
    if population.flag:
        conditions[population.flag.upper()] = "Y"
    _require(rows, list(conditions), data, f"population {name}")
    inside = np.ones(rows.height, dtype=bool)
    for column, value in conditions.items():
        held = rows[column]
        if held.dtype.is_numeric() == isinstance(value, str) or held.dtype.is_temporal():
            left = held.filter(pl.Series(inside)).drop_nulls().first()
            raise DataError(
                f"the population {name} asks for {column} = {value!r}, which the column cannot hold",
                file=data.files.get("adsl", data.files.get("adtte", "")),
                column=column,
                remedy=f"It holds {held.dtype}, such as {left!r}; check {path}.",
            )
        within = held == value
        inside &= (within.fill_null(False) if within.null_count() else within).to_numpy()
    if not inside.any():
        shown = ", ".join(f"{c} = {v}" for c, v in conditions.items())
        raise DataError(
            f"nobody is in the population {name}",
            file=data.files.get("adsl", data.files.get("adtte", "")),
            column=", ".join(conditions),
            remedy=f"It asks for {shown}; check {path}.",
        )
    return inside


def _upper(columns: Iterable[str]) -> list[str]:
    """Column names as the data carry them."""
    return [c.upper() for c in columns]


def _require(rows: pl.DataFrame, columns: list[str] | tuple[str, ...], data: Patients, what: str) -> None:
    held = rows.columns
    for column in columns:
        if column not in held:
            raise DataError(
                f"the {what} is not in the data",
                file=", ".join(sorted(set(data.files.values()))),
                column=column,
                remedy=f"Columns: {', '.join(c for c in held if c != '__event__')}.",
            )


def _handle(data: Patients, rows: pl.DataFrame, rule: IntercurrentEvent, what: str) -> pl.DataFrame:
    """Censor at the date of an intercurrent event, or count it as the event, where it comes first."""
    names, column = data.names, (rule.date or "").upper()
    _require(rows, [column, names.start_date, names.end_date], data, f"date of the intercurrent event ({what})")
    if rows[column].dtype != pl.Date:
        raise DataError(f"the date of the intercurrent event is not a date ({what})", column=column)
    rows = count_days(rows, names)
    comes_first = pl.col(column) < pl.col(names.end_date)
    if rule.strategy == "composite":
        comes_first = comes_first | ((pl.col(column) == pl.col(names.end_date)) & (pl.col("__event__") == 0))
    comes_first = comes_first.fill_null(False)
    time = ((pl.col(column) - pl.col(names.start_date)).dt.total_days() + pl.col(OFFSET)) / days_per(names.time_unit)
    early = rows.filter(comes_first & (pl.col(column) < pl.col(names.start_date)))
    if not early.is_empty():
        raise DataError(
            f"an intercurrent event lies before the start ({what})",
            column=column,
            subjects=early[names.subject].to_list(),
            remedy="Mend the dates.",
        )
    happened = 1 if rule.strategy == "composite" else 0
    return rows.with_columns(
        pl.when(comes_first).then(time).otherwise(pl.col(names.time)).alias(names.time),
        pl.when(comes_first).then(pl.lit(happened)).otherwise(pl.col("__event__")).alias("__event__"),
        pl.when(comes_first).then(pl.col(column)).otherwise(pl.col(names.end_date)).alias(names.end_date),
    )
