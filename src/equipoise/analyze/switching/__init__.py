"""Treatment switching: what the effect would have been if nobody had taken the other arm's treatment."""

from .bootstrap import Bootstrap
from .counterfactual import Recensored, unswitched, untreated
from .from_protocol import switches
from .psi_search import Psi
from .record import Switches
from .rpsftm import rpsftm
from .rpsftm_result import RPSFTM

__all__ = ["RPSFTM", "Bootstrap", "Psi", "Recensored", "Switches", "rpsftm", "switches", "unswitched", "untreated"]
