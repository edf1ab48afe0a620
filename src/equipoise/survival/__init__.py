"""Every estimator and test that takes a TimeToEvent."""

from ..data import TimeToEvent
from .average_hazard_ratio import AverageHazardRatio, average_hazard_ratio
from .concordance import Concordance
from .contrast import Contrast
from .cox import Cox, cox
from .inference import Test
from .kaplan_meier import Curve, KaplanMeier, Landmark, Quantile, RiskTable, kaplan_meier
from .logrank import LogRank, logrank
from .milestone import Milestone, MilestoneSurvival, milestone
from .rmst import RestrictedMean, Rmst, rmst
from .weighted_cox import WeightedCox, weighted_cox

__all__ = [
    "AverageHazardRatio",
    "Concordance",
    "Contrast",
    "Cox",
    "Curve",
    "KaplanMeier",
    "Landmark",
    "LogRank",
    "Milestone",
    "MilestoneSurvival",
    "Quantile",
    "RestrictedMean",
    "RiskTable",
    "Rmst",
    "Test",
    "TimeToEvent",
    "WeightedCox",
    "average_hazard_ratio",
    "cox",
    "kaplan_meier",
    "logrank",
    "milestone",
    "rmst",
    "weighted_cox",
]
