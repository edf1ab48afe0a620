"""Treatment switching: what the effect would have been if nobody had taken the other arm's treatment."""

from .bootstrap import Bootstrap
from .counterfactual import Recensored, unswitched, untreated
from .from_protocol import switches
from .g_estimation import two_stage_g
from .ipcw import ipcw
from .ipe import ipe
from .msm import msm
from .naive import Naive, naive, naive_analyses
from .planned import Planned, planned
from .psi_search import Psi
from .record import Switches
from .rpsftm import rpsftm
from .rpsftm_result import RPSFTM
from .switching_model import SwitchingModel
from .two_stage import two_stage
from .weighted_logrank import WeightedLogRank
from .weighted_result import Weighted, WeightedRows
from .weights import WeightSummary
from .who_switched import ArmSwitches, WhoSwitched, who_switched
from .without_switching import SwitchEffect, WithoutSwitching

__all__ = [
    "RPSFTM",
    "ArmSwitches",
    "Bootstrap",
    "Naive",
    "Planned",
    "Psi",
    "Recensored",
    "SwitchEffect",
    "Switches",
    "SwitchingModel",
    "WeightSummary",
    "Weighted",
    "WeightedLogRank",
    "WeightedRows",
    "WhoSwitched",
    "WithoutSwitching",
    "ipcw",
    "ipe",
    "msm",
    "naive",
    "naive_analyses",
    "planned",
    "rpsftm",
    "switches",
    "two_stage",
    "two_stage_g",
    "unswitched",
    "untreated",
    "who_switched",
]
