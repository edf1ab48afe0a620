"""From an estimand and the patients to Switches: the intercurrent event that is a switch of treatment, and its day."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import numpy as np
import polars as pl

from ...data import Patients
from ...data.day_count import OFFSET, count_days
from ...errors import DataError, ProtocolError
from ...protocol import Protocol, endpoint_of_progression, quoted
from ...units import days_per
from ..estimand import endpoint_of_rows, population_rows
from .record import Switches, Vector

if TYPE_CHECKING:
    from ...protocol import Estimand

SWITCH_DATE, CUTOFF_DATE = "XODT", "DCUTDT"
_ROUNDING_DAYS = 0.25  # in months or weeks AVAL is often rounded to two decimals: it moves by less than this


def switches(
    trial: Protocol,
    data: Patients,
    *,
    estimand: str,
    event: str | None = None,
    may_switch: Sequence[str] = (),
    covariates: Sequence[str] = (),
    strata: Literal["as randomized", "as verified"] = "as randomized",
) -> Switches:
    """The endpoint of an estimand as observed, with the days of switching, progression and administrative censoring.

    The switch is the estimand's intercurrent event ``event`` (default: its only one, or its only one with a date),
    on the date that it names, else XODT; under whatever strategy it stands it is not applied, other intercurrent
    events are, and a switch after one that ends the follow-up is none. Progression is the event of the protocol's
    endpoint of progression alone, else of progression-free survival where it is not the death itself. Administrative
    censoring falls on the data cut (the cut that was made, or DCUTDT), and is not known without either. Days are
    counted as AVAL counts them. ``covariates`` are columns of baseline covariates, ``strata`` those of the endpoint.

    Raises ``ProtocolError`` for an estimand without such an event, ``DataError`` for dates that are not there and for
    whatever ``Switches`` refuses.

    >>> from equipoise.protocol import example
    >>> from equipoise.simulate import trial as simulated
    >>> protocol = example("tandem")
    >>> print(switches(protocol, simulated(protocol, seed=1), estimand="OS, treatment policy"))
    64 of 106 subjects in A switched; 32 events among those who switched, 34 among those who did not
    """
    if estimand not in trial.estimands:
        raise ProtocolError(
            f"there is no estimand {estimand!r}", where="estimands", remedy=f"Known: {', '.join(trial.estimands)}."
        )
    chosen = trial.estimands[estimand]
    name = _switching_event(chosen, estimand, event)
    rule = chosen.intercurrent_events[name]
    observed = chosen.model_copy(
        update={"intercurrent_events": MappingProxyType(
            {other: r for other, r in chosen.intercurrent_events.items() if other != name}
        )}
    )  # fmt: skip
    plain = trial.model_copy(update={"estimands": MappingProxyType({**trial.estimands, estimand: observed})})
    rows = population_rows(plain, data, estimand)
    tte = endpoint_of_rows(plain, data, rows, estimand=estimand, strata=strata)
    rows = count_days(rows, data.names)
    missing = [c for c in (c.upper() for c in covariates) if c not in rows.columns]
    if missing:
        raise DataError("the covariate is not in the data", column=missing[0])
    switch = _day(rows, data, (rule.date or SWITCH_DATE).upper(), tte.time, f"date of switching ({name})")
    # Where people switch at progression, somebody who switched on the day of death had progressed on it.
    died = (tte.event > 0) & (switch != tte.time)
    progression = _progression(trial, data, rows, tte.time, died)
    if any(r.strategy != "treatment policy" for r in observed.intercurrent_events.values()):
        # What another intercurrent event cut off was seen, and does not belong to the follow-up any more.
        cut = _followed(plain, data, estimand) > tte.time
        switch = np.where(cut & (switch > tte.time), np.inf, switch)
        if progression is not None:
            progression = np.where(cut & (progression > tte.time), np.inf, progression)
    return Switches(
        tte=tte,
        switch=switch,
        progression=progression,
        administrative=_administrative(rows, data, tte.time),
        may_switch=tuple(may_switch),
        covariates={c.upper(): rows[c.upper()].to_numpy() for c in covariates},
    )


def _followed(trial: Protocol, data: Patients, estimand: str) -> Vector:
    """The times in days before any intercurrent event is applied, (n,)."""
    bare = trial.estimands[estimand].model_copy(update={"intercurrent_events": MappingProxyType({})})
    bared = trial.model_copy(update={"estimands": MappingProxyType({estimand: bare})})
    time = population_rows(bared, data, estimand)[data.names.time].cast(pl.Float64)
    return (time * days_per(data.names.time_unit)).to_numpy()


def _switching_event(chosen: Estimand, estimand: str, event: str | None) -> str:
    events = chosen.intercurrent_events
    path = f"estimands.{quoted(estimand)}.intercurrent_events"
    if event is not None and event not in events:
        raise ProtocolError(
            f"there is no intercurrent event {event!r}", where=path, remedy=f"Known: {', '.join(events) or 'none'}."
        )
    dated = [name for name, rule in events.items() if rule.date is not None]
    found = [event] if event is not None else list(events) if len(events) == 1 else dated
    if len(found) != 1:
        what = "no intercurrent event" if not events else "several intercurrent events"
        raise ProtocolError(
            f"the estimand has {what} that could be the switch of treatment",
            where=path,
            remedy="Add it with its date, or say which it is by event=." if events else f"Add it: date = {SWITCH_DATE}",
        )
    return found[0]


def _day(rows: pl.DataFrame, data: Patients, column: str, time: Vector, what: str) -> Vector:
    """The days of a date, as the times of the endpoint are counted; empty for never."""
    names = data.names
    for needed in (column, names.start_date):
        if needed not in rows.columns or rows[needed].dtype != pl.Date:
            state = "not a date" if needed in rows.columns else "not in the data"
            raise DataError(
                f"the {what if needed == column else 'day of randomization'} is {state}",
                file=", ".join(sorted(set(data.files.values()))),
                column=needed,
                remedy="Add the column as dates, or name it in the protocol.",
            )
    elapsed = (rows[column] - rows[names.start_date]).dt.total_days() + rows[OFFSET]
    days = elapsed.cast(pl.Float64).fill_null(np.nan).to_numpy()
    days = np.where(np.isnan(days), np.inf, days)
    return _near(days, time, names.time_unit != "days")


def _near(days: Vector, time: Vector, rounded: bool) -> Vector:
    """Days that differ from the time by its rounding only are the time."""
    if not rounded:
        return days
    near = np.isfinite(days) & (np.abs(days - time) <= _ROUNDING_DAYS)
    return np.where(near, time, days)


def _administrative(rows: pl.DataFrame, data: Patients, time: Vector) -> Vector | None:
    """The day of the data cut by subject: the cut that was made, else DCUTDT; None without either."""
    if data.cutoff is not None:
        rows = rows.with_columns(pl.lit(data.cutoff).alias(CUTOFF_DATE))
    if CUTOFF_DATE not in rows.columns:
        return None
    return _day(rows, data, CUTOFF_DATE, time, "date of the data cut")


def _progression(trial: Protocol, data: Patients, rows: pl.DataFrame, time: Vector, died: np.ndarray) -> Vector | None:
    """The day of progression of each subject, who ``died`` before it if both are on one day; None where no endpoint
    tells."""
    names = data.names
    found = endpoint_of_progression(trial)
    if found is None or not (data.adtte[names.parameter] == trial.parameter(found)).any():
        return None
    records = count_days(data.endpoint_rows(trial.parameter(found)), names)
    progressed = records.filter(pl.col(names.censoring).is_in(list(names.event_codes)))
    days = progressed.select(names.subject, (pl.col(names.time) * days_per(names.time_unit)).alias("__day__"))
    joined = rows.select(names.subject).join(days, on=names.subject, how="left", maintain_order="left")
    day = joined["__day__"].cast(pl.Float64).fill_null(np.inf).to_numpy()
    day = _near(day, time, names.time_unit != "days")
    if "death" in (trial.endpoints[found].events or ("death",)):
        day = np.where((day >= time) & died, np.inf, day)  # the event was the death
    return day
