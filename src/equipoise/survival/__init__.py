"""Every estimator and test that takes a TimeToEvent."""

from ..data import TimeToEvent
from .adjusted_logrank import AdjustedLogRank, MarginalHazardRatio, adjusted_logrank, marginal_hazard_ratio
from .average_hazard_ratio import AverageHazardRatio, average_hazard_ratio
from .concordance import Concordance
from .contrast import Contrast
from .cox import Cox, cox
from .follow_up import follow_up
from .inference import Test
from .kaplan_meier import Curve, KaplanMeier, Landmark, Quantile, RiskTable, kaplan_meier
from .logrank import LogRank, logrank
from .milestone import Milestone, MilestoneSurvival, milestone
from .rmst import RestrictedMean, Rmst, rmst
from .weighted_cox import WeightedCox, weighted_cox

__all__ = [
    "AdjustedLogRank",
    "AverageHazardRatio",
    "Concordance",
    "Contrast",
    "Cox",
    "Curve",
    "KaplanMeier",
    "Landmark",
    "LogRank",
    "MarginalHazardRatio",
    "Milestone",
    "MilestoneSurvival",
    "Quantile",
    "RestrictedMean",
    "RiskTable",
    "Rmst",
    "Test",
    "TimeToEvent",
    "WeightedCox",
    "adjusted_logrank",
    "average_hazard_ratio",
    "cox",
    "follow_up",
    "kaplan_meier",
    "logrank",
    "marginal_hazard_ratio",
    "milestone",
    "rmst",
    "weighted_cox",
]
