"""What is fixed before the first patient: size, looks and bounds of a trial, and the graph in which hypotheses hand on
alpha."""

from .accrual import Accrual, accrual
from .alpha_graph import AlphaGraph, GraphTest
from .boundaries import HaybittlePeto, PampallonaTsiatis, WangTsiatis, obrien_fleming, pocock
from .conditional_power import assurance, conditional_power, predictive_power
from .crossing import Bounds, Crossing
from .decision import Decision
from .forecast import EventForecast, event_forecast
from .from_protocol import of_protocol
from .futility import FutilityBounds, Harm
from .group_sequential import GroupSequential, group_sequential
from .hazards import Hazard, HazardRatio, dropout, hazard, median, piecewise_hazard_ratio, survival_at
from .inference import Repeated, StageWise, events_information, repeated, stagewise
from .justification import Assurance, Justification, justification
from .methods import MaxCombo, Milestone, RestrictedMean
from .plan import Expected, Plan
from .plan_file import read_plan, save_plan
from .population import Population
from .sequential_graph import SequentialGraphTest, Standing, sequential_graph
from .side_by_side import SideBySide, event_fractions, formulas
from .spending import HwangShihDeCani, KimDeMets, LanDeMets, UserSpending, calendar_fractions, lesser_fractions
from .survival_design import survival
from .whole_numbers import in_whole_numbers

__all__ = [
    "Accrual",
    "AlphaGraph",
    "Assurance",
    "Bounds",
    "Crossing",
    "Decision",
    "EventForecast",
    "Expected",
    "FutilityBounds",
    "GraphTest",
    "GroupSequential",
    "Harm",
    "HaybittlePeto",
    "Hazard",
    "HazardRatio",
    "HwangShihDeCani",
    "Justification",
    "KimDeMets",
    "LanDeMets",
    "MaxCombo",
    "Milestone",
    "PampallonaTsiatis",
    "Plan",
    "Population",
    "Repeated",
    "RestrictedMean",
    "SequentialGraphTest",
    "SideBySide",
    "StageWise",
    "Standing",
    "UserSpending",
    "WangTsiatis",
    "accrual",
    "assurance",
    "calendar_fractions",
    "conditional_power",
    "dropout",
    "event_forecast",
    "event_fractions",
    "events_information",
    "formulas",
    "group_sequential",
    "hazard",
    "in_whole_numbers",
    "justification",
    "lesser_fractions",
    "median",
    "obrien_fleming",
    "of_protocol",
    "piecewise_hazard_ratio",
    "pocock",
    "predictive_power",
    "read_plan",
    "repeated",
    "save_plan",
    "sequential_graph",
    "stagewise",
    "survival",
    "survival_at",
]
