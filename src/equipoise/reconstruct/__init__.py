"""From printed numbers to patients on whom every analysis prints them."""

from .cohort import Found, search
from .targets import Target, Targets, targets

__all__ = ["Found", "Target", "Targets", "search", "targets"]
