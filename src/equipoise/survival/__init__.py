"""Every estimator and test that takes a TimeToEvent."""

from ..data import TimeToEvent
from .accelerated import Accelerated, accelerated
from .adjusted_logrank import AdjustedLogRank, MarginalHazardRatio, adjusted_logrank, marginal_hazard_ratio
from .average_hazard_ratio import AverageHazardRatio, average_hazard_ratio
from .batch import Batch, TrialStatus, batch
from .concordance import Concordance
from .contrast import Contrast
from .count_table import count_table
from .cox import cox
from .cox_result import Cox
from .cumulative_incidence import ArmIncidence, CumulativeIncidence, Incidence, IncidenceLandmark, cumulative_incidence
from .fine_gray import FineGray, fine_gray
from .follow_up import follow_up
from .gray import Gray, gray
from .inference import Test
from .kaplan_meier import Curve, KaplanMeier, Landmark, Quantile, RiskTable, kaplan_meier
from .logrank import LogRank, logrank
from .maxcombo import MaxCombo, maxcombo
from .milestone import Milestone, MilestoneSurvival, milestone
from .multinormal import outside_probability, rectangle_probability
from .nested import likelihood_ratio
from .predicted_survival import (
    BaselineHazard,
    PredictedCurve,
    PredictedSurvival,
    Prediction,
    baseline_hazard,
    predicted_survival,
)
from .proportional_hazards import ProportionalHazards, zph
from .residuals import Schoenfeld, residuals, schoenfeld
from .rmst import RestrictedMean, Rmst, rmst
from .time_varying import TimeVarying, counting_process
from .weighted_cox import WeightedCox, weighted_cox
from .weights import FlemingHarrington, Gehan, ModestlyWeighted, TaroneWare

__all__ = [
    "Accelerated",
    "AdjustedLogRank",
    "ArmIncidence",
    "AverageHazardRatio",
    "BaselineHazard",
    "Batch",
    "Concordance",
    "Contrast",
    "Cox",
    "CumulativeIncidence",
    "Curve",
    "FineGray",
    "FlemingHarrington",
    "Gehan",
    "Gray",
    "Incidence",
    "IncidenceLandmark",
    "KaplanMeier",
    "Landmark",
    "LogRank",
    "MarginalHazardRatio",
    "MaxCombo",
    "Milestone",
    "MilestoneSurvival",
    "ModestlyWeighted",
    "PredictedCurve",
    "PredictedSurvival",
    "Prediction",
    "ProportionalHazards",
    "Quantile",
    "RestrictedMean",
    "RiskTable",
    "Rmst",
    "Schoenfeld",
    "TaroneWare",
    "Test",
    "TimeToEvent",
    "TimeVarying",
    "TrialStatus",
    "WeightedCox",
    "accelerated",
    "adjusted_logrank",
    "average_hazard_ratio",
    "baseline_hazard",
    "batch",
    "count_table",
    "counting_process",
    "cox",
    "cumulative_incidence",
    "fine_gray",
    "follow_up",
    "gray",
    "kaplan_meier",
    "likelihood_ratio",
    "logrank",
    "marginal_hazard_ratio",
    "maxcombo",
    "milestone",
    "outside_probability",
    "predicted_survival",
    "rectangle_probability",
    "residuals",
    "rmst",
    "schoenfeld",
    "weighted_cox",
    "zph",
]
