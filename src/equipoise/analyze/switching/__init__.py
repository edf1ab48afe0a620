"""Treatment switching: what the effect would have been if nobody had taken the other arm's treatment."""

from .from_protocol import switches
from .ipcw import ipcw
from .msm import msm
from .record import Switches
from .switching_model import SwitchingModel
from .weighted_logrank import WeightedLogRank
from .weighted_result import Weighted, WeightedRows
from .weights import WeightSummary

__all__ = [
    "SwitchingModel",
    "Switches",
    "WeightSummary",
    "Weighted",
    "WeightedLogRank",
    "WeightedRows",
    "ipcw",
    "msm",
    "switches",
]
