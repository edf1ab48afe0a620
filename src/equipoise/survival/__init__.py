"""Every estimator and test that takes a TimeToEvent."""

from ..data import TimeToEvent
from .concordance import Concordance
from .contrast import Contrast
from .cox import Cox, cox
from .inference import Test
from .kaplan_meier import Curve, KaplanMeier, Landmark, Quantile, RiskTable, kaplan_meier
from .logrank import LogRank, logrank
from .milestone import Milestone, MilestoneSurvival, milestone
from .rmst import RestrictedMean, Rmst, rmst

__all__ = [
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
    "cox",
    "kaplan_meier",
    "logrank",
    "milestone",
    "rmst",
]
