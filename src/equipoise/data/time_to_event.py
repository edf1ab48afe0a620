"""TimeToEvent: one endpoint in one population, as aligned read-only arrays. Checked once, here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import DataError
from ..results import Origin
from ..units import TimeUnit, days_per
from .columns import (
    WeightType,
    apart,
    arm_factor,
    as_array,
    checked_weights,
    event_codes,
    in_days,
    known_word,
    marked_events,
    merge_near_ties,
    numbers,
    refuse,
    require_unique,
    settle_missing,
    strata_columns,
)
from .factor import label, strata_factor

_MADE = ("order", "prepared")  # from the other fields


class TimeToEvent:
    """One endpoint in one population: who was followed how long, in which arm, and what ended it.

    Times are in days. All arrays have shape (n,) and are read-only.

    Parameters
    ----------
    time : follow-up time, zero or later, in ``unit``
    event : 0 censored, 1 the event, 2... competing causes (booleans are taken as 0 and 1)
    arm : arm label by subject, or None for a single group
    control, experimental : the labels of a two-arm contrast; required when there are two arms. With more
        than two, ``control`` alone may name the reference group
    unit : unit of ``time`` and ``entry``: days, weeks, months (30.4375 days) or years
    subject : identifiers, unique; row numbers from 1 if None
    strata : one array of labels, or a mapping name -> array of the stratification factors
    entry : start of observation (left truncation): at risk at t means entry < t <= time
    weight, weight_type : positive weights, "case" (replication), "count" (a row stands for so many subjects who are
        alike, as in a table of counts) or "probability" (robust variance)
    event_is : whether the event is a "harm" or a "benefit"; sets the sign of z
    missing : "refuse", or "drop" rows with a missing time, event, arm, stratum, entry or weight, counted
        and named in ``dropped``
    settle_near_ties : merge times that differ by rounding only; ``near_ties`` counts the distinct
        times that were merged into an earlier one

    Raises ``DataError`` naming the column and the first five subjects.

    >>> tte = TimeToEvent([5, 8, 8, 12], [1, 0, 1, 1], ["A", "B", "A", "B"], control="A",
    ...                   experimental="B", unit="days")
    >>> print(tte)
    4 subjects, 3 events (A: 2 subjects, 2 events; B: 2 subjects, 1 event)
    """

    __slots__ = (
        "arm",
        "arms",
        "control",
        "dropped",
        "entry",
        "event",
        "event_is",
        "experimental",
        "kept",
        "near_ties",
        "order",
        "origin",
        "prepared",
        "rows_given",
        "strata",
        "strata_names",
        "stratum",
        "subject",
        "time",
        "weight",
        "weight_type",
    )

    subject: NDArray[Any]
    time: NDArray[np.float64]
    event: NDArray[np.int64]
    arm: NDArray[np.int64]  # codes into ``arms``
    arms: tuple[str, ...]  # labels; with two arms (control, experimental)
    stratum: NDArray[np.int64]  # codes into ``strata``; all 0 without strata
    strata: tuple[str, ...]  # labels of the strata present; empty without strata
    strata_names: tuple[str, ...]
    entry: NDArray[np.float64] | None
    weight: NDArray[np.float64] | None
    weight_type: WeightType | None
    control: str | None
    experimental: str | None
    event_is: Literal["harm", "benefit"]
    origin: Origin
    near_ties: int
    dropped: tuple[str, ...]
    rows_given: int
    kept: NDArray[np.int64] | None  # input rows that remain after dropping and selecting; None: all
    order: NDArray[np.int64]  # rows sorted by stratum, then time
    prepared: dict[object, Any]  # what the analyses make of the rows and meet again: not copied, not pickled

    def __init__(  # noqa: PLR0913 - a record's constructor names every one of its columns
        self,
        time: ArrayLike,
        event: ArrayLike,
        arm: ArrayLike | None = None,
        *,
        control: object = None,
        experimental: object = None,
        unit: TimeUnit,
        subject: ArrayLike | None = None,
        strata: ArrayLike | Mapping[str, ArrayLike] | None = None,
        entry: ArrayLike | None = None,
        weight: ArrayLike | None = None,
        weight_type: WeightType | None = None,
        event_is: Literal["harm", "benefit"] = "harm",
        origin: Origin = "observed",
        missing: Literal["refuse", "drop"] = "refuse",
        settle_near_ties: bool = True,
    ) -> None:
        scale = days_per(unit)
        known_word("event_is", event_is, ("harm", "benefit"))
        known_word("origin", origin, get_args(Origin))
        n = np.shape(np.asarray(time))[0] if np.ndim(time) == 1 else -1
        if n < 0:
            raise DataError("times must be one-dimensional", column="time", remedy="Give one time by subject.")
        factors = strata_columns(strata)
        own = {"event": event, "arm": arm, "subject": subject, "entry": entry, "weight": weight}
        called = apart(factors, ("time", *own))
        columns = {**own, **{called[name]: column for name, column in factors.items()}}
        for name, column in columns.items():
            if column is not None and np.shape(as_array(column)) != (n,):
                raise DataError(
                    f"{name} has shape {np.shape(as_array(column))}, time has ({n},)", column=name, remedy="Align them."
                )
        ids = np.arange(1, n + 1) if subject is None else as_array(subject).copy()
        arrays = {
            name: as_array(column)
            for name, column in {"time": time, **columns}.items()
            if column is not None and name != "subject"
        }
        keep = settle_missing(arrays, ids, missing)
        dropped: tuple[str, ...] = ()
        if keep is not None:
            dropped = tuple(str(s) for s in ids[~keep])
            arrays = {name: column[keep] for name, column in arrays.items()}
            ids = ids[keep]
        if len(ids) == 0:
            raise DataError("nobody is in the population", remedy="Check the population's flag and the arm labels.")
        require_unique(ids, subject is not None)
        times = in_days(numbers(arrays["time"], "time", ids), scale, "time", ids)
        codes = event_codes(arrays["event"], ids)
        entries = None if entry is None else in_days(numbers(arrays["entry"], "entry", ids), scale, "entry", ids)
        merged, order = 0, None
        if settle_near_ties:
            times, entries, merged, order = merge_near_ties(times, entries)
        refuse(times < 0, "a time is below zero", "time", ids, "Times run from the start of observation.")
        if entries is not None:
            what = "the entry is not before the time, so the subject was never at risk"
            refuse(entries >= times, what, "entry", ids, "Remove the subject, or mend the dates.")
        weights = checked_weights(arrays.get("weight"), weight_type, ids)
        coded_arm = arm_factor(arrays.get("arm"), len(ids), control, experimental)
        strata_coded = strata_factor({name: arrays[called[name]] for name in factors}, len(ids))
        self._set(
            subject=ids,
            time=times,
            event=codes,
            arm=coded_arm.codes,
            arms=coded_arm.levels,
            stratum=strata_coded.codes,
            strata=strata_coded.levels if factors else (),
            strata_names=tuple(n for n in factors if n != "strata"),
            entry=entries,
            weight=weights,
            weight_type=weight_type,
            control=None if control is None else label(control),
            experimental=None if experimental is None else label(experimental),
            event_is=event_is,
            origin=origin,
            near_ties=merged,
            dropped=dropped,
            rows_given=n,
            kept=None if keep is None else np.flatnonzero(keep),
            order=order,
        )

    def _set(self, **fields: Any) -> None:
        single = len(fields["strata"]) < 2
        time, stratum = fields["time"], fields["stratum"]
        if fields.get("order") is None or not single:
            fields["order"] = np.argsort(time) if single else np.lexsort((time, stratum))
        for name, value in fields.items():
            if isinstance(value, np.ndarray):
                value = np.ascontiguousarray(value)
                value = value.view()
                value.flags.writeable = False
            object.__setattr__(self, name, value)
        object.__setattr__(self, "prepared", {})

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, ({name: getattr(self, name) for name in self.__slots__ if name not in _MADE},)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a TimeToEvent is read-only: {name} cannot be set")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a TimeToEvent is read-only: {name} cannot be deleted")

    @classmethod
    def from_frame(
        cls,
        frame: Any,
        *,
        time: str,
        event: str | tuple[str, object],
        arm: str | None = None,
        subject: str | None = None,
        strata: str | Sequence[str] | None = None,
        entry: str | None = None,
        weight: str | None = None,
        **settings: Any,
    ) -> Self:
        """From the named columns of any frame that narwhals supports (polars, pandas, arrow ...).

        ``event`` is a column of 0/1 codes, or ``(column, value)``, where the value or values mark the
        event and all others are censored: ``("CNSR", 0)`` in ADaM. ``settings`` are those of the class.
        """
        import narwhals as nw

        try:
            data = nw.from_native(frame, eager_only=True)
        except TypeError:
            raise DataError(
                f"{type(frame).__name__} is not a frame whose rows can be read",
                remedy="Pass a polars, pandas or arrow table; collect a lazy one first.",
            ) from None
        names = [strata] if isinstance(strata, str) else list(strata or ())
        event_column, event_codes = event if isinstance(event, tuple) else (event, None)
        wanted = [time, event_column, arm, subject, entry, weight, *names]
        for name in (w for w in wanted if w is not None):
            if name not in data.columns:
                raise DataError("there is no such column", column=name, remedy=f"Columns: {', '.join(data.columns)}.")

        def column(name: str | None) -> NDArray[Any] | None:
            return None if name is None else data[name].to_numpy()

        events = column(event_column)
        if event_codes is not None and events is not None:
            ids = column(subject)
            events = marked_events(
                events, event_codes, event_column, np.arange(1, len(data) + 1) if ids is None else ids
            )
        return cls(
            data[time].to_numpy(),
            events if events is not None else [],
            column(arm),
            subject=column(subject),
            strata={name: data[name].to_numpy() for name in names} or None,
            entry=column(entry),
            weight=column(weight),
            **settings,
        )

    def swap(self) -> TimeToEvent:
        """The same data with experimental and control exchanged."""
        if self.control is None or self.experimental is None:
            raise DataError("there is no two-arm contrast to swap", remedy="Name control and experimental.")
        return self._with(arm=1 - self.arm, arms=self.arms[::-1], control=self.experimental, experimental=self.control)

    def select(self, rows: ArrayLike) -> TimeToEvent:
        """The subjects marked by a boolean array of shape (n,), as a TimeToEvent of its own.

        Refuses a selection that leaves nobody, or nobody in one of the arms.
        """
        mask = np.asarray(rows)
        if mask.dtype != np.bool_ or mask.shape != (self.n,):
            raise DataError(
                f"select takes a boolean array of shape ({self.n},), not {mask.dtype} {mask.shape}",
                column="rows",
                remedy="Mark each subject True or False.",
            )
        if not mask.any():
            raise DataError("nobody is in the selection", column="rows", remedy="Check the condition.")
        present = np.bincount(self.arm[mask], minlength=len(self.arms))
        if (present == 0).any():
            raise DataError(
                f"the selection has nobody in arm {self.arms[int(np.argmin(present))]}",
                column="rows",
                remedy="Keep somebody in every arm.",
            )
        rows_in = np.arange(self.rows_given) if self.kept is None else self.kept
        fields: dict[str, Any] = {
            name: getattr(self, name)[mask] for name in ("subject", "time", "event", "arm", "stratum")
        }
        for name in ("entry", "weight"):
            column = getattr(self, name)
            fields[name] = None if column is None else column[mask]
        return self._with(**fields, kept=rows_in[mask])

    def cause(self, code: int) -> TimeToEvent:
        """One cause of failure as the event, subjects who failed from another censored then (code 1, 2 ...).

        Its hazard is the cause-specific hazard; ``1 - S`` of it is no probability when causes compete.
        """
        if isinstance(code, bool) or not isinstance(code, int | np.integer) or code < 1:
            raise DataError(
                f"{code!r} is no cause", column="event", remedy="Causes are the codes 1, 2, ...; 0 is censored."
            )
        return self._with(event=(self.event == code).astype(np.int64))

    def any_event(self) -> TimeToEvent:
        """Events of all causes as one event.

        >>> TimeToEvent([1, 2, 3], [1, 2, 0], unit="days").any_event().event.tolist()
        [1, 1, 0]
        """
        return self._with(event=(self.event > 0).astype(np.int64))

    def _with(self, **changed: Any) -> TimeToEvent:
        fields = {name: getattr(self, name) for name in self.__slots__ if name not in _MADE}
        return _restored({**fields, **changed})

    @property
    def n(self) -> int:
        """Number of rows: of subjects, or under count weights of different ones."""
        return len(self.time)

    @property
    def subjects(self) -> int:
        """Number of subjects: rows, or under count weights the sum of the counts."""
        return self.n if self.weight is None or self.weight_type != "count" else int(self.weight.sum())

    @property
    def events(self) -> int:
        """Number of subjects with an event of any kind."""
        return self._number(self.event > 0)

    def _number(self, rows: NDArray[np.bool_]) -> int:
        if self.weight is None or self.weight_type != "count":
            return int(np.count_nonzero(rows))
        return int(self.weight[rows].sum())

    def __len__(self) -> int:
        return len(self.time)

    def __str__(self) -> str:
        def count(k: int, noun: str) -> str:
            return f"{k} {noun}" if k == 1 else f"{k} {noun}s"

        happened = self.event > 0
        text = f"{count(self.subjects, 'subject')}, {count(self.events, 'event')}"
        if len(self.arms) > 1:
            by = (
                f"{a}: {count(self._number(self.arm == i), 'subject')}, "
                f"{count(self._number(happened & (self.arm == i)), 'event')}"
                for i, a in enumerate(self.arms)
            )
            text += f" ({'; '.join(by)})"
        if self.near_ties:
            text += f"; {count(self.near_ties, 'time')} merged into near-tied earlier ones"
        if self.dropped:
            text += f"; {count(len(self.dropped), 'subject')} with missing values dropped"
        return text

    def __repr__(self) -> str:
        return f"TimeToEvent({self})"


def _restored(fields: dict[str, Any]) -> TimeToEvent:
    """Unpickle: a copy is as read-only as the original."""
    twin = object.__new__(TimeToEvent)
    twin._set(**fields)
    return twin
