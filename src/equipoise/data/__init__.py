"""Patients: the files of a trial, checked, and one endpoint of them as a TimeToEvent."""

from .time_to_event import TimeToEvent

__all__ = ["TimeToEvent"]
