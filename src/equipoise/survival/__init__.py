"""Every estimator and test that takes a TimeToEvent."""

from ..data import TimeToEvent
from .concordance import Concordance
from .cox import Cox, cox
from .cumulative_incidence import (
    ArmIncidence,
    CumulativeIncidence,
    Incidence,
    IncidenceLandmark,
    cumulative_incidence,
)
from .fine_gray import FineGray, fine_gray
from .gray import Gray, gray
from .inference import Test
from .kaplan_meier import Curve, KaplanMeier, Landmark, Quantile, RiskTable, kaplan_meier
from .logrank import LogRank, logrank
from .rmst import Contrast, RestrictedMean, Rmst, rmst

__all__ = [
    "ArmIncidence",
    "Concordance",
    "Contrast",
    "Cox",
    "CumulativeIncidence",
    "Curve",
    "FineGray",
    "Gray",
    "Incidence",
    "IncidenceLandmark",
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
    "cumulative_incidence",
    "fine_gray",
    "gray",
    "kaplan_meier",
    "logrank",
    "rmst",
]
