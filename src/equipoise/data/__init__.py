"""Patients: the files of a trial, checked, and one endpoint of them as a TimeToEvent."""

from .adam import read_adam
from .patients import Patients
from .rules import RULES, Finding, check, require_clean
from .time_to_event import TimeToEvent

__all__ = ["RULES", "Finding", "Patients", "TimeToEvent", "check", "read_adam", "require_clean"]
