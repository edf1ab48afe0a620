"""Every estimator and test that takes a TimeToEvent."""

from ..data import TimeToEvent
from .batch import Batch, TrialStatus, batch
from .concordance import Concordance
from .count_table import count_table
from .cox import cox
from .cox_result import Cox
from .inference import Test
from .kaplan_meier import Curve, KaplanMeier, Landmark, Quantile, RiskTable, kaplan_meier
from .logrank import LogRank, logrank
from .rmst import Contrast, RestrictedMean, Rmst, rmst

__all__ = [
    "Batch",
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
    "TrialStatus",
    "batch",
    "count_table",
    "cox",
    "kaplan_meier",
    "logrank",
    "rmst",
]
