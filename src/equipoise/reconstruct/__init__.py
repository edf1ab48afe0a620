"""From printed numbers to patients on whom every analysis prints them."""

from .audit import CLOSING, Audit, audit
from .check import Check
from .cohort import Found, search
from .ensemble import HEADING
from .reconstruction import Reconstruction, reconstruct
from .strain import Calibration, calibrate, digest, read_calibration, rebuilt_strain, strain
from .targets import Target, Targets, targets

__all__ = [
    "CLOSING",
    "HEADING",
    "Audit",
    "Calibration",
    "Check",
    "Found",
    "Reconstruction",
    "Target",
    "Targets",
    "audit",
    "calibrate",
    "digest",
    "read_calibration",
    "rebuilt_strain",
    "reconstruct",
    "search",
    "strain",
    "targets",
]
