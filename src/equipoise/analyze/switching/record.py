"""Switches: an endpoint of two arms, and when each subject switched to the other treatment. Checked once, here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import results
from ...data import TimeToEvent
from ...data.columns import NEAR_TIE, as_array, numbers_or_missing, refuse
from ...errors import DataError, UnsupportedError
from ...survival.convention import ArgumentError, refuse_competing
from ...survival.model_matrix import model_matrix
from ...units import TimeUnit, days_per

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Switches:
    """An endpoint of two arms with the days on which subjects switched treatment; all arrays (n,), in days.

    Parameters
    ----------
    tte : the endpoint, as observed whatever treatment was taken: no weights, no late entry, one kind of event
    switch : the day of switching to the other arm's treatment; ``inf`` for those who never did. The day of the event
        or of the last follow-up itself is allowed: such a subject switched, and was never followed on the treatment
    progression : the day of progression, ``inf`` where none was seen; None where it is not known of anybody
    administrative : the day on which administrative censoring falls, or would have fallen without the event: known of
        everybody, and needed for recensoring; None where it is not known
    may_switch : arms in which switching is possible; the control arm unless said otherwise
    covariates : baseline covariates by name

    Raises ``DataError`` naming column and subjects for a switch before randomization (day 0 or earlier), after the
    event or the last follow-up, or in an arm that may not switch; for administrative censoring before the observed
    time; for days below zero. That nobody switches, or everybody, is no error: ``one_sided`` says so.

    >>> tte = TimeToEvent([5, 8, 8, 12], [1, 0, 1, 1], ["A", "B", "A", "B"], control="A", experimental="B", unit="days")
    >>> print(Switches(tte=tte, switch=[np.inf, np.inf, 3, np.inf]))
    1 of 2 subjects in A switched; 1 event among those who switched, 1 among those who did not
    """

    tte: TimeToEvent
    switch: Vector
    progression: Vector | None = None
    administrative: Vector | None = None
    may_switch: tuple[str, ...] = ()
    covariates: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        tte = self.tte
        _refuse_endpoint(tte)
        arms = tuple(self.may_switch) or (tte.arms[0],)
        for arm in arms:
            if arm not in tte.arms:
                raise ArgumentError(
                    f"there is no arm {arm!r}", where="may_switch", remedy=f"Arms: {', '.join(tte.arms)}."
                )
        switch = _days(self.switch, "switch", tte)
        progression = None if self.progression is None else _days(self.progression, "progression", tte)
        end = None if self.administrative is None else _days(self.administrative, "administrative", tte)
        switch = _settled(switch, tte.time, "below")
        _check_switch(tte, switch, arms)
        if progression is not None:
            progression = _settled(progression, tte.time, "below")
            late = np.isfinite(progression) & (progression > tte.time)
            refuse(late, "a progression lies after the last follow-up", "progression", tte.subject, "Mend the days.")
        if end is not None:
            refuse(
                np.isinf(end), "the day of administrative censoring is not known", "administrative", tte.subject,
                "It is needed of everybody, also of those with an event: the data cut less the day of randomization.",
            )  # fmt: skip
            end = _settled(end, tte.time, "above")
            refuse(
                end < tte.time, "administrative censoring lies before the observed time", "administrative",
                tte.subject, "Mend the days, or cut the follow-up at the data cut.",
            )  # fmt: skip
        kept = {str(name): as_array(column).copy() for name, column in dict(self.covariates).items()}
        model_matrix(tte, kept or None)  # refuses what is misaligned, missing or no covariate
        for column in kept.values():
            column.setflags(write=False)
        found = {"switch": switch, "progression": progression, "administrative": end, "may_switch": arms}
        for name, value in (found | {"covariates": MappingProxyType(kept)}).items():
            object.__setattr__(self, name, value)
        results.read_only(self)

    @classmethod
    def from_arrays(
        cls,
        tte: TimeToEvent,
        switch: ArrayLike,
        *,
        unit: TimeUnit,
        progression: ArrayLike | None = None,
        administrative: ArrayLike | None = None,
        may_switch: Sequence[str] = (),
        covariates: Mapping[str, ArrayLike] | None = None,
    ) -> Self:
        """From arrays in the order of the endpoint's rows, in ``unit``; an empty (nan) or infinite day is never.

        >>> tte = TimeToEvent([5, 8], [1, 0], ["A", "B"], control="A", experimental="B", unit="weeks")
        >>> Switches.from_arrays(tte, [3, np.nan], unit="weeks").switch.tolist()
        [21.0, inf]
        """
        scale = days_per(unit)

        def scaled(column: ArrayLike | None, name: str) -> Any:
            return None if column is None else numbers_or_missing(as_array(column), name, tte.subject) * scale

        return cls(
            tte=tte,
            switch=scaled(switch, "switch"),
            progression=scaled(progression, "progression"),
            administrative=scaled(administrative, "administrative"),
            may_switch=tuple([may_switch] if isinstance(may_switch, str) else may_switch),
            covariates={} if covariates is None else {n: as_array(c) for n, c in covariates.items()},
        )

    @classmethod
    def from_frame(
        cls,
        frame: Any,
        *,
        switch: str,
        unit: TimeUnit,
        progression: str | None = None,
        administrative: str | None = None,
        may_switch: Sequence[str] = (),
        covariates: Sequence[str] = (),
        **endpoint: Any,
    ) -> Self:
        """From the named columns of any frame that narwhals supports, days in ``unit`` and empty for never.

        ``endpoint`` are the columns and settings of ``TimeToEvent.from_frame``: time, event, arm, control,
        experimental, subject, strata ...

        >>> import polars as pl
        >>> frame = pl.DataFrame({"T": [5, 8], "D": [1, 0], "ARM": ["A", "B"], "XO": [3, None]})
        >>> Switches.from_frame(frame, time="T", event="D", arm="ARM", control="A", experimental="B", switch="XO",
        ...                     unit="days").switched.tolist()
        [True, False]
        """
        import narwhals as nw

        tte = TimeToEvent.from_frame(frame, unit=unit, **endpoint)
        data = nw.from_native(frame, eager_only=True)
        rows = slice(None) if tte.kept is None else tte.kept

        def column(name: str) -> NDArray[Any]:
            if name not in data.columns:
                raise DataError("there is no such column", column=name, remedy=f"Columns: {', '.join(data.columns)}.")
            return np.asarray(data[name].to_numpy())[rows]

        return cls.from_arrays(
            tte,
            column(switch),
            unit=unit,
            progression=None if progression is None else column(progression),
            administrative=None if administrative is None else column(administrative),
            may_switch=may_switch,
            covariates={name: column(name) for name in covariates},
        )

    @property
    def n(self) -> int:
        """Number of subjects."""
        return self.tte.n

    @property
    def switched(self) -> NDArray[np.bool_]:
        """Who switched, (n,)."""
        return np.isfinite(self.switch)

    @property
    def possible(self) -> NDArray[np.bool_]:
        """Who is in an arm in which switching is possible, (n,)."""
        return np.isin(self.tte.arm, [self.tte.arms.index(arm) for arm in self.may_switch])

    @property
    def on_experimental(self) -> Vector:
        """Days spent on the experimental treatment, (n,): from the switch in control, until it in experimental."""
        before = np.minimum(self.switch, self.tte.time)
        return np.where(self.tte.arm == 1, before, self.tte.time - before)

    def switched_in(self, arm: str) -> NDArray[np.bool_]:
        """Who of an arm switched, as a mask of all subjects, (n,)."""
        return self.switched & (self.tte.arm == self.tte.arms.index(arm))

    def one_sided(self, arm: str) -> str:
        """Why an arm cannot tell those who switch from those who do not; empty where it can."""
        mine = self.tte.arm == self.tte.arms.index(arm)
        switched = self.switched & mine
        if not switched.any():
            return f"nobody in {arm} switched"
        if switched.sum() == mine.sum():
            return f"everybody in {arm} switched"
        if not self.tte.event[switched].any():
            return f"no event in {arm} followed a switch"
        return ""

    def end(self) -> Vector:
        """The day of administrative censoring, (n,); refuses where it is not known."""
        if self.administrative is None:
            raise DataError(
                "the day of administrative censoring is not known, on which recensoring rests",
                column="administrative",
                remedy="It is needed of everybody, also of those with an event: the data cut less the day of "
                "randomization (DCUTDT in ADSL, or data.cut(date)). Or ask for no recensoring: recensor=False.",
            )
        return self.administrative

    def columns(self, names: Sequence[str]) -> dict[str, Any] | None:
        """The covariates of these names; None without any."""
        wanted = [names] if isinstance(names, str) else list(names)
        for name in wanted:
            if name not in self.covariates:
                known = ", ".join(self.covariates) or "none"
                raise ArgumentError(
                    f"the record of switching has no covariate {name!r}",
                    where="covariates",
                    remedy=f"It holds: {known}.",
                )
        return {name: self.covariates[name] for name in wanted} or None

    def __str__(self) -> str:
        def of(arm: str) -> str:
            n = int((self.tte.arm == self.tte.arms.index(arm)).sum())
            return f"{int(self.switched_in(arm).sum())} of {n} subjects in {arm} switched"

        mine = self.possible & (self.tte.event > 0)
        after, without = int((mine & self.switched).sum()), int((mine & ~self.switched).sum())
        events = f"{after} event{'s' * (after != 1)} among those who switched, {without} among those who did not"
        return f"{', '.join(of(arm) for arm in self.may_switch)}; {events}"


def _refuse_endpoint(tte: TimeToEvent) -> None:
    if tte.experimental is None or len(tte.arms) != 2:
        raise ArgumentError("treatment switching is between two arms", remedy="Name control and experimental.")
    refuse_competing(int(tte.event.max()))
    if tte.entry is not None or tte.weight is not None:
        raise UnsupportedError(
            "treatment switching is not analyzed under late entry or weights",
            remedy="Use subjects who are followed from randomization, each once.",
        )


def _days(given: Any, name: str, tte: TimeToEvent) -> Vector:
    """A column of days; what is missing never happened."""
    column = as_array(given)
    if column.shape != (tte.n,):
        raise DataError(
            f"{name} has shape {column.shape}, the endpoint {tte.n} subjects", column=name, remedy="Align them."
        )
    found = numbers_or_missing(column, name, tte.subject).copy()
    found[np.isnan(found)] = math.inf
    if name == "switch":
        refuse(
            found < 0, "a switch lies before randomization", name, tte.subject,
            "Days run from randomization; leave it empty (or infinite) for who never switched.",
        )  # fmt: skip
    words = "administrative censoring" if name == "administrative" else name
    refuse(found < 0, f"a day of {words} is below zero", name, tte.subject, "Days run from randomization.")
    return found


def _settled(days: Vector, time: Vector, side: str) -> Vector:
    """Days that lie on the wrong side of the time by rounding only are the time itself."""
    near = np.isfinite(days) & (np.abs(days - time) <= NEAR_TIE * np.maximum(time, 1.0))
    wrong = days > time if side == "below" else days < time
    return np.where(near & wrong, time, days)


def _check_switch(tte: TimeToEvent, switch: Vector, arms: tuple[str, ...]) -> None:
    switched = np.isfinite(switch)
    at_once = switched & (switch <= 0)
    refuse(
        at_once, "a switch lies at randomization", "switch", tte.subject,
        "A switch comes after day 0; leave it empty (or infinite) for who never switched.",
    )  # fmt: skip
    late = switched & (switch > tte.time)
    refuse(late & (tte.event > 0), "a switch lies after the event", "switch", tte.subject, "Mend the days.")
    refuse(late, "a switch lies after the last follow-up", "switch", tte.subject, "Mend the days.")
    elsewhere = switched & ~np.isin(tte.arm, [tte.arms.index(arm) for arm in arms])
    refuse(
        elsewhere, f"a subject switched in an arm that may not switch (may switch: {', '.join(arms)})", "switch",
        tte.subject, "Mend the days, or name both arms in may_switch.",
    )  # fmt: skip
