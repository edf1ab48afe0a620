"""Patients: the files of a trial, read, checked and written, and one endpoint of them as a TimeToEvent."""

from .adam import read_adam
from .adam_writer import write_adam
from .patients import Patients
from .rules import RULES, Finding, check, require_clean
from .time_to_event import TimeToEvent

__all__ = ["RULES", "Finding", "Patients", "TimeToEvent", "check", "read_adam", "require_clean", "write_adam"]
