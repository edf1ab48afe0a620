"""Every estimator and test that takes a TimeToEvent."""

from ..data import TimeToEvent
from .concordance import Concordance
from .cox import Cox, cox
from .inference import Test
from .kaplan_meier import Curve, KaplanMeier, Landmark, Quantile, RiskTable, kaplan_meier
from .logrank import LogRank, logrank
from .maxcombo import MaxCombo, maxcombo
from .multinormal import outside_probability, rectangle_probability
from .rmst import Contrast, RestrictedMean, Rmst, rmst
from .weights import FlemingHarrington, Gehan, ModestlyWeighted, TaroneWare

__all__ = [
    "Concordance",
    "Contrast",
    "Cox",
    "Curve",
    "FlemingHarrington",
    "Gehan",
    "KaplanMeier",
    "Landmark",
    "LogRank",
    "MaxCombo",
    "ModestlyWeighted",
    "Quantile",
    "RestrictedMean",
    "RiskTable",
    "Rmst",
    "TaroneWare",
    "Test",
    "TimeToEvent",
    "cox",
    "kaplan_meier",
    "logrank",
    "maxcombo",
    "outside_probability",
    "rectangle_probability",
    "rmst",
]
