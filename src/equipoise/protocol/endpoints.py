"""``[endpoints.*]``, ``[populations.*]``, ``[visits.*]``, ``[eligibility]``: what is observed, in whom, when."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ..units import TimeUnit, days
from .section import Duration, Many, Section, Table, Text


class Endpoint(Section):
    """A time-to-event endpoint. ``parameter`` is its PARAMCD in ADTTE (default: its name here); ``unit``
    is the one in which times are printed; ``events`` says what ends it, for patients drawn from a scenario.
    ``competing_codes`` are the censoring codes of events that compete with it: a hazard ratio censors there (it is
    then cause-specific), a subdistribution hazard ratio does not."""

    label: Text
    definition: Text | None = None
    event_is: Literal["harm", "benefit"] = "harm"
    parameter: Text | None = None
    unit: TimeUnit = "months"
    competing_codes: Many[int] = ()
    events: Annotated[Many[Literal["progression", "death"]], Field(min_length=1)] | None = None


class Population(Section):
    """Who counts. ``flag`` names a Y/N column; ``where`` fixes values of further columns; none: everybody."""

    label: Text
    flag: Text | None = None
    where: Table[str | int | float] = Field(default_factory=dict, validate_default=True)


class Visit(Section):
    """A scheduled assessment, ``every`` so often; from ``later_from`` on every ``later_every``."""

    label: Text
    at: Text | None = None
    every: Duration | None = None
    later_from: Duration | None = None
    later_every: Duration | None = None
    until: Text | None = None

    @model_validator(mode="after")
    def _a_grid(self) -> Visit:
        for key in ("every", "later_every"):
            value = getattr(self, key)
            if value is not None and days(value) < 1:
                raise ValueError(f'{key} = "{value}" is no visit grid: visits are at least a day apart')
        if (self.later_from is None) != (self.later_every is None):
            raise ValueError("later_from and later_every go together")
        if self.later_from is not None and (self.every is None or days(self.later_from) < days(self.every)):
            raise ValueError("later_from needs `every` for the visits before it")
        return self


class Eligibility(Section):
    """Who may enter, in the words of the protocol."""

    include: Annotated[Many[Text], Field(min_length=1)] | None = None
    exclude: Many[Text] | None = None
