"""What the trial is: one TOML file, read into a frozen, typed Protocol."""

from .analyses import Analysis, Subgroup, Testing
from .arms import Arm, CalendarEntry, Dose, Regimen, dose_calendar
from .endpoints import Eligibility, Endpoint, Population, Visit
from .estimands import Contrast, Estimand, IntercurrentEvent
from .names import DataNames, Strata
from .reader import example, examples, find, read
from .synopsis import calendars, describe, synopsis
from .trial import About, Protocol, quoted, test_of

__all__ = [
    "About",
    "Analysis",
    "Arm",
    "CalendarEntry",
    "Contrast",
    "DataNames",
    "Dose",
    "Eligibility",
    "Endpoint",
    "Estimand",
    "IntercurrentEvent",
    "Population",
    "Protocol",
    "Regimen",
    "Strata",
    "Subgroup",
    "Testing",
    "Visit",
    "calendars",
    "describe",
    "dose_calendar",
    "example",
    "examples",
    "find",
    "quoted",
    "read",
    "synopsis",
    "test_of",
]
