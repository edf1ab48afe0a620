"""From printed numbers to patients on whom every analysis prints them, and from printed curves to times and events."""

from .audit import CLOSING, Audit, audit
from .check import Check
from .cohort import Found, search
from .demonstration import Assumed, Demonstration, asked, demonstrate
from .digitized import DigitizedTrial, digitized
from .digitized_files import Clicks, read_digitized
from .ensemble import HEADING
from .guyot import DigitizedArm, guyot, two_arms
from .reconstruction import Reconstruction, reconstruct
from .strain import Calibration, calibrate, digest, read_calibration, rebuilt_strain, strain
from .targets import Target, Targets, targets

__all__ = [
    "CLOSING",
    "HEADING",
    "Assumed",
    "Audit",
    "Calibration",
    "Check",
    "Clicks",
    "Demonstration",
    "DigitizedArm",
    "DigitizedTrial",
    "Found",
    "Reconstruction",
    "Target",
    "Targets",
    "asked",
    "audit",
    "calibrate",
    "demonstrate",
    "digest",
    "digitized",
    "guyot",
    "read_calibration",
    "read_digitized",
    "rebuilt_strain",
    "reconstruct",
    "search",
    "strain",
    "targets",
    "two_arms",
]
