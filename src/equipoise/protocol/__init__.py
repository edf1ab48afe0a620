"""What the trial is: one TOML file, read into a frozen, typed Protocol."""

from .analyses import Analysis, Subgroup, Testing
from .arms import Arm, CalendarEntry, Dose, Regimen, dose_calendar
from .choices import effect_uses_strata, margin_aim, null_hypothesis, test_of
from .design import Bounds, ControlHazard, Design, Dropout, Prior, method_of
from .endpoints import Eligibility, Endpoint, Population, Visit
from .estimands import Contrast, Estimand, IntercurrentEvent
from .hazards import Hazard, HazardOfLevel, Pace, Piece, RatioPiece
from .names import DataNames, Strata
from .published import Printed, Published, PublishedCurve, PublishedNumber, describe_number
from .randomization import Randomization
from .reader import example, examples, find, read
from .registry import Draft, draft, drafted
from .safety import Safety
from .scenarios import (
    AdverseEvent,
    AdverseEvents,
    Crossover,
    Detection,
    Factor,
    Scenario,
    Site,
    Weight,
)
from .section import quoted
from .simulations import SimulatedDesign, Simulation
from .switching import (
    Switching,
    endpoint_of_progression,
    switching_event,
    switching_from,
)
from .synopsis import calendars, describe, synopsis
from .trial import FURTHER_PARTS, About, Protocol

__all__ = [
    "FURTHER_PARTS",
    "About",
    "AdverseEvent",
    "AdverseEvents",
    "Analysis",
    "Arm",
    "Bounds",
    "CalendarEntry",
    "Contrast",
    "ControlHazard",
    "Crossover",
    "DataNames",
    "Design",
    "Detection",
    "Dose",
    "Draft",
    "Dropout",
    "Eligibility",
    "Endpoint",
    "Estimand",
    "Factor",
    "Hazard",
    "HazardOfLevel",
    "IntercurrentEvent",
    "Pace",
    "Piece",
    "Population",
    "Printed",
    "Prior",
    "Protocol",
    "Published",
    "PublishedCurve",
    "PublishedNumber",
    "Randomization",
    "RatioPiece",
    "Regimen",
    "Safety",
    "Scenario",
    "SimulatedDesign",
    "Simulation",
    "Site",
    "Strata",
    "Subgroup",
    "Switching",
    "Testing",
    "Visit",
    "Weight",
    "calendars",
    "describe",
    "describe_number",
    "dose_calendar",
    "draft",
    "drafted",
    "effect_uses_strata",
    "endpoint_of_progression",
    "example",
    "examples",
    "find",
    "margin_aim",
    "method_of",
    "null_hypothesis",
    "quoted",
    "read",
    "switching_event",
    "switching_from",
    "synopsis",
    "test_of",
]
