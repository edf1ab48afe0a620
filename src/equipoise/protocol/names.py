"""``[data]``: how this sponsor names things in the files of the trial."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ..units import TimeUnit
from .section import Many, Section, Table, Text

_OWN = ("adsl", "adtte", "adae", "adex")


class Strata(Section):
    """Columns of the stratification factors, as randomized and as verified later."""

    as_randomized: Many[Text] = ()
    as_verified: Many[Text] = ()


class DataNames(Section):
    """Names of columns and codes; the defaults are CDISC ADaM's.

    ``arms`` maps an arm of the protocol to its label in the data (default: the same). ``path`` is
    relative to the protocol file; ``origin`` says where these data come from. ``event_codes`` are the CNSR
    values that count as the event. ``measurements`` is the data set, such as "adqs", of what was measured on visits
    (BDS: PARAMCD, AVAL, ADT); without it none is read.
    """

    path: Text | None = None
    origin: Literal["observed", "simulated", "reconstructed"] = "observed"
    subject: Text = "USUBJID"
    arm: Text = "TRT01P"
    parameter: Text = "PARAMCD"
    time: Text = "AVAL"
    time_unit: TimeUnit = "days"
    censoring: Text = "CNSR"
    event_codes: Annotated[Many[int], Field(min_length=1)] = (0,)
    start_date: Text = "STARTDT"
    end_date: Text = "ADT"
    arms: Table[Text] = Field(default_factory=dict, validate_default=True)
    strata: Strata = Field(default_factory=Strata)
    measurements: Text | None = None

    @model_validator(mode="after")
    def _measurements_of_their_own(self) -> DataNames:
        if self.measurements is not None and (self.measurements in _OWN or not self.measurements.islower()):
            raise ValueError(f'measurements = "{self.measurements}": write a data set in lower case, such as "adqs"')
        return self
