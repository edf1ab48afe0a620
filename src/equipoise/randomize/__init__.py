"""Arms to patients: by the procedure that the protocol names, from streams that every draw can be addressed in."""

from .allocation_list import AllocationList, allocation_list
from .procedures import allocate
from .streams import Purpose, generator

__all__ = ["AllocationList", "Purpose", "allocate", "allocation_list", "generator"]
