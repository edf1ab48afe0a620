"""``[endpoints.*]``, ``[populations.*]``, ``[visits.*]``, ``[eligibility]``: what is observed, in whom, when."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ..units import TimeUnit
from .section import Duration, Many, Section, Table, Text


class Endpoint(Section):
    """A time-to-event endpoint. ``parameter`` is its PARAMCD in ADTTE (default: its name here); ``unit``
    is the one in which times are printed."""

    label: Text
    definition: Text | None = None
    event_is: Literal["harm", "benefit"] = "harm"
    parameter: Text | None = None
    unit: TimeUnit = "months"


class Population(Section):
    """Who counts. ``flag`` names a Y/N column; ``where`` fixes values of further columns; none: everybody."""

    label: Text
    flag: Text | None = None
    where: Table[str | int | float] = Field(default_factory=dict, validate_default=True)


class Visit(Section):
    """A scheduled assessment."""

    label: Text
    at: Text | None = None
    every: Duration | None = None
    until: Text | None = None


class Eligibility(Section):
    """Who may enter, in the words of the protocol."""

    include: Annotated[Many[Text], Field(min_length=1)] | None = None
    exclude: Many[Text] | None = None
