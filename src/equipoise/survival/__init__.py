"""Every estimator and test that takes a TimeToEvent."""

from ..data import TimeToEvent
from .kaplan_meier import Curve, KaplanMeier, Landmark, Quantile, RiskTable, kaplan_meier
from .logrank import LogRank, logrank

__all__ = ["Curve", "KaplanMeier", "Landmark", "LogRank", "Quantile", "RiskTable", "TimeToEvent", "kaplan_meier", "logrank"]
