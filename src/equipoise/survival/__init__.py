"""Every estimator and test that takes a TimeToEvent."""

from ..data import TimeToEvent
from .concordance import Concordance
from .cox import cox
from .cox_result import Cox
from .inference import Test
from .kaplan_meier import Curve, KaplanMeier, Landmark, Quantile, RiskTable, kaplan_meier
from .logrank import LogRank, logrank
from .nested import likelihood_ratio
from .rmst import Contrast, RestrictedMean, Rmst, rmst

__all__ = [
    "Concordance",
    "Contrast",
    "Cox",
    "Curve",
    "KaplanMeier",
    "Landmark",
    "LogRank",
    "Quantile",
    "RestrictedMean",
    "RiskTable",
    "Rmst",
    "Test",
    "TimeToEvent",
    "cox",
    "kaplan_meier",
    "likelihood_ratio",
    "logrank",
    "rmst",
]
