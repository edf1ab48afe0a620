"""What is fixed before the first patient: looks and their bounds, and the graph in which hypotheses hand on alpha."""

from .alpha_graph import AlphaGraph, GraphTest
from .boundaries import HaybittlePeto, PampallonaTsiatis, WangTsiatis, obrien_fleming, pocock
from .conditional_power import assurance, conditional_power, predictive_power
from .crossing import Bounds, Crossing
from .futility import FutilityBounds, Harm
from .group_sequential import GroupSequential, group_sequential
from .inference import Repeated, StageWise, events_information, repeated, stagewise
from .spending import HwangShihDeCani, KimDeMets, LanDeMets, UserSpending, calendar_fractions, lesser_fractions

__all__ = [
    "AlphaGraph",
    "Bounds",
    "Crossing",
    "FutilityBounds",
    "GraphTest",
    "GroupSequential",
    "Harm",
    "HaybittlePeto",
    "HwangShihDeCani",
    "KimDeMets",
    "LanDeMets",
    "PampallonaTsiatis",
    "Repeated",
    "StageWise",
    "UserSpending",
    "WangTsiatis",
    "assurance",
    "calendar_fractions",
    "conditional_power",
    "events_information",
    "group_sequential",
    "lesser_fractions",
    "obrien_fleming",
    "pocock",
    "predictive_power",
    "repeated",
    "stagewise",
]
