"""``[arms.*]``: what is given to whom: drug, dose, unit, route, loading and maintenance, until what."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from ..errors import EquipoiseError, UnsupportedError
from ..units import days
from .section import Duration, Many, Section, Text

_DOSE = re.compile(r"^\s*([0-9]*\.?[0-9]+)\s*([A-Za-zµμ][A-Za-zµμ0-9/²]*)\s*$")
_AMOUNTS = ("g", "mg", "mcg", "ug", "µg", "mL", "IU", "U", "MBq", "Gy")
DOSE_UNITS = (*_AMOUNTS, *(f"{a}/kg" for a in _AMOUNTS), *(f"{a}/m2" for a in _AMOUNTS))


@dataclass(frozen=True, slots=True)
class Dose:
    """An amount with its unit, fixed ("1 mg") or by body size ("4 mg/kg", "75 mg/m2")."""

    amount: float
    unit: str

    @property
    def per(self) -> str:
        """``"kg"``, ``"m2"`` or, for a fixed dose, an empty string."""
        return self.unit.partition("/")[2]

    def for_weight(self, weight_kg: float) -> tuple[float, str]:
        """Amount and unit for a patient of this weight.

        >>> Dose(4.0, "mg/kg").for_weight(70)
        (280.0, 'mg')
        """
        if self.per == "m2":
            raise UnsupportedError(
                f"a dose of {self} needs the body surface area",
                remedy="The dose calendar knows the weight only; work this drug out by hand.",
            )
        return (self.amount * weight_kg, self.unit.partition("/")[0]) if self.per else (self.amount, self.unit)

    def __str__(self) -> str:
        return f"{plain(self.amount)} {self.unit}"


def plain(amount: float) -> str:
    """An amount as it was written: no trailing zeros, no rounding but that of its last binary digits.

    >>> plain(280.0), plain(0.0625), plain(3 * 0.1)
    ('280', '0.0625', '0.3')
    """
    return format(Decimal(f"{amount:.12g}"), "f")


def _read_dose(value: Any) -> Any:
    if isinstance(value, Dose):
        return value
    match = _DOSE.match(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f'{value!r} is a dose without a unit; write amount and unit, as in "4 mg/kg"')
    amount, unit = float(match.group(1)), match.group(2).replace("²", "2").replace("μ", "µ")
    if unit not in DOSE_UNITS:
        raise ValueError(f"{value!r} has an unknown dose unit {unit!r}; use one of {', '.join(DOSE_UNITS)}")
    if amount <= 0:
        raise ValueError(f"{value!r} is no dose: the amount must be above zero")
    return Dose(amount, unit)


DoseText = Annotated[Dose, BeforeValidator(_read_dose)]


class Loading(Section):
    """The first dose, where it differs from the ones that follow."""

    dose: DoseText
    day: Annotated[int, Field(ge=1)] = 1


class Maintenance(Section):
    """The repeated dose: every so often from a study day on (day 1 is the first treatment day)."""

    dose: DoseText
    every: Duration
    from_day: Annotated[int, Field(ge=1)] | None = None


class Regimen(Section):
    """One drug of an arm: what, how much, how, how often, until what."""

    drug: Text
    route: Text
    loading: Loading | None = None
    maintenance: Maintenance
    until: Text

    @model_validator(mode="after")
    def _whole_days(self) -> Regimen:
        every = days(self.maintenance.every)
        if every < 1 or every != int(every):
            raise ValueError(f'every = "{self.maintenance.every}" is not a whole number of days')
        if self.loading and self.maintenance.from_day and self.maintenance.from_day <= self.loading.day:
            raise ValueError("maintenance starts on or before the day of the loading dose")
        return self

    @property
    def interval_days(self) -> int:
        return int(days(self.maintenance.every))

    @property
    def maintenance_from(self) -> int:
        """First study day of the maintenance dose: one interval after loading, unless stated."""
        if self.maintenance.from_day is not None:
            return self.maintenance.from_day
        return self.loading.day + self.interval_days if self.loading else 1

    def doses(self, last_day: int) -> Iterator[tuple[int, Dose]]:
        """(study day, dose) up to a study day, while treatment goes on."""
        if self.loading and self.loading.day <= last_day:
            yield self.loading.day, self.loading.dose
        for day in range(self.maintenance_from, last_day + 1, self.interval_days):
            yield day, self.maintenance.dose

    def __str__(self) -> str:
        every = {1: "daily", 7: "weekly"}.get(self.interval_days, f"every {self.maintenance.every}")
        keep = f"{self.maintenance.dose} {every}"
        if not self.loading:
            start = "" if self.maintenance_from == 1 else f" from day {self.maintenance_from}"
            return f"{self.drug} {keep} ({self.route}){start}, until {self.until}"
        return (
            f"{self.drug} {self.loading.dose} on day {self.loading.day}, then {keep} "
            f"from day {self.maintenance_from} ({self.route}), until {self.until}"
        )


class Arm(Section):
    """A treatment arm. ``regimen`` is None where no source gives it."""

    label: Text
    role: Literal["experimental", "control"]
    regimen: Annotated[Many[Regimen], Field(min_length=1)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarEntry:
    """One line of a patient's dose calendar: a dose on one study day or on each of a run of days."""

    drug: str
    route: str
    first_day: int
    last_day: int
    amount: float
    unit: str


def dose_calendar(arm: Arm, weight_kg: float, last_day: int = 28) -> tuple[CalendarEntry, ...]:
    """What a patient of this weight in this arm is given on which study day, while treated.

    Equal doses on consecutive days are one entry. Raises ``UnsupportedError`` for doses by body
    surface, ``EquipoiseError`` for a weight that no adult patient has.

    >>> anastrozole = Regimen(drug="anastrozole", route="oral", until="progression",
    ...                       maintenance=Maintenance(dose="1 mg", every="1 day"))
    >>> dose_calendar(Arm(label="A", role="control", regimen=[anastrozole]), 70)[0].last_day
    28
    """
    if not 20 <= weight_kg <= 300:
        raise EquipoiseError(
            f"a patient weight of {plain(weight_kg)} kg is not plausible",
            where="--patient-weight",
            remedy="Give kilograms between 20 and 300.",
        )
    entries: list[CalendarEntry] = []
    for regimen in arm.regimen or ():
        run: CalendarEntry | None = None
        for day, dose in regimen.doses(last_day):
            amount, unit = dose.for_weight(weight_kg)
            if run and day == run.last_day + 1 and (amount, unit) == (run.amount, run.unit):
                entries.pop()
                first = run.first_day
            else:
                first = day
            run = CalendarEntry(
                drug=regimen.drug,
                route=regimen.route,
                first_day=first,
                last_day=day,
                amount=amount,
                unit=unit,
            )
            entries.append(run)
    return tuple(sorted(entries, key=lambda e: e.first_day))
