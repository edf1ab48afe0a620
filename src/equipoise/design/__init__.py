"""What is fixed before the first patient: looks and their bounds, and the graph in which hypotheses hand on alpha."""

from .alpha_graph import AlphaGraph, GraphTest
from .boundaries import HaybittlePeto, PampallonaTsiatis, WangTsiatis, obrien_fleming, pocock
from .conditional_power import assurance, conditional_power, predictive_power
from .crossing import Bounds, Crossing
from .forecast import EventForecast, event_forecast
from .group_sequential import GroupSequential, group_sequential
from .inference import Repeated, StageWise, events_information, repeated, stagewise
from .sequential_graph import SequentialGraphTest, Standing, sequential_graph
from .spending import HwangShihDeCani, KimDeMets, LanDeMets, UserSpending

__all__ = [
    "AlphaGraph",
    "Bounds",
    "Crossing",
    "EventForecast",
    "GraphTest",
    "GroupSequential",
    "HaybittlePeto",
    "HwangShihDeCani",
    "KimDeMets",
    "LanDeMets",
    "PampallonaTsiatis",
    "Repeated",
    "SequentialGraphTest",
    "StageWise",
    "Standing",
    "UserSpending",
    "WangTsiatis",
    "assurance",
    "conditional_power",
    "event_forecast",
    "events_information",
    "group_sequential",
    "obrien_fleming",
    "pocock",
    "predictive_power",
    "repeated",
    "sequential_graph",
    "stagewise",
]
