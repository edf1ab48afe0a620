"""From printed numbers to patients on whom every analysis prints them."""

from .cohort import Found, search
from .ensemble import HEADING
from .guyot import DigitizedArm, guyot, two_arms
from .reconstruction import Reconstruction, reconstruct
from .strain import Calibration, calibrate, digest, read_calibration, rebuilt_strain, strain
from .targets import Target, Targets, targets

__all__ = [
    "HEADING",
    "Calibration",
    "DigitizedArm",
    "Found",
    "Reconstruction",
    "Target",
    "Targets",
    "calibrate",
    "digest",
    "guyot",
    "read_calibration",
    "rebuilt_strain",
    "reconstruct",
    "search",
    "strain",
    "targets",
    "two_arms",
]
