"""What is fixed before the first patient: size, looks and bounds of a trial, and the graph in which hypotheses hand on
alpha."""

from .accrual import Accrual, accrual
from .alpha_graph import AlphaGraph, GraphTest
from .boundaries import HaybittlePeto, PampallonaTsiatis, WangTsiatis, obrien_fleming, pocock
from .conditional_power import assurance, conditional_power, predictive_power
from .crossing import Bounds, Crossing
from .from_protocol import of_protocol
from .group_sequential import GroupSequential, group_sequential
from .hazards import Hazard, HazardRatio, dropout, hazard, median, piecewise_hazard_ratio, survival_at
from .inference import Repeated, StageWise, events_information, repeated, stagewise
from .justification import Assurance, Justification, justification
from .methods import MaxCombo, Milestone, RestrictedMean
from .plan import Expected, Plan
from .plan_file import read_plan, save_plan
from .population import Population
from .side_by_side import SideBySide, event_fractions, formulas
from .spending import HwangShihDeCani, KimDeMets, LanDeMets, UserSpending
from .survival_design import survival
from .whole_numbers import in_whole_numbers

__all__ = [
    "Accrual",
    "AlphaGraph",
    "Assurance",
    "Bounds",
    "Crossing",
    "Expected",
    "GraphTest",
    "GroupSequential",
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
    "SideBySide",
    "StageWise",
    "UserSpending",
    "WangTsiatis",
    "accrual",
    "assurance",
    "conditional_power",
    "dropout",
    "event_fractions",
    "events_information",
    "formulas",
    "group_sequential",
    "hazard",
    "in_whole_numbers",
    "justification",
    "median",
    "obrien_fleming",
    "of_protocol",
    "piecewise_hazard_ratio",
    "pocock",
    "predictive_power",
    "read_plan",
    "repeated",
    "save_plan",
    "stagewise",
    "survival",
    "survival_at",
]
