"""Treatment switching: what the effect would have been if nobody had taken the other arm's treatment."""

from .from_protocol import switches
from .record import Switches

__all__ = ["Switches", "switches"]
