"""What is fixed before the first patient: looks and their bounds, and the graph in which hypotheses hand on alpha."""

from .alpha_graph import AlphaGraph, GraphTest
from .boundaries import HaybittlePeto, PampallonaTsiatis, WangTsiatis, obrien_fleming, pocock
from .crossing import Bounds, Crossing
from .group_sequential import GroupSequential, group_sequential
from .spending import HwangShihDeCani, KimDeMets, LanDeMets, UserSpending

__all__ = [
    "AlphaGraph",
    "Bounds",
    "Crossing",
    "GraphTest",
    "GroupSequential",
    "HaybittlePeto",
    "HwangShihDeCani",
    "KimDeMets",
    "LanDeMets",
    "PampallonaTsiatis",
    "UserSpending",
    "WangTsiatis",
    "group_sequential",
    "obrien_fleming",
    "pocock",
]
