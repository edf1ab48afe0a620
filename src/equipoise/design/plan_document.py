"""Records of a design as they are saved: plain numbers, text, lists and mappings that JSON knows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass

import numpy as np

from ..errors import DesignError
from ..survival.weights import FlemingHarrington, ModestlyWeighted
from .accrual import Accrual
from .boundaries import HaybittlePeto, PampallonaTsiatis, WangTsiatis
from .futility import FutilityBounds, Harm
from .given import real_number
from .group_sequential import GroupSequential, group_sequential
from .hazards import Hazard, HazardRatio
from .methods import MaxCombo, Milestone, RestrictedMean
from .spending import HwangShihDeCani, KimDeMets, LanDeMets, UserSpending

_RECORDS: dict[str, Callable[..., object]] = {
    kind.__name__: kind
    for kind in (
        Accrual,
        FlemingHarrington,
        FutilityBounds,
        Harm,
        HaybittlePeto,
        Hazard,
        HazardRatio,
        HwangShihDeCani,
        KimDeMets,
        LanDeMets,
        MaxCombo,
        Milestone,
        ModestlyWeighted,
        PampallonaTsiatis,
        RestrictedMean,
        UserSpending,
        WangTsiatis,
    )
}
TEST = (
    "alpha",
    "sided",
    "information_fractions",
    "efficacy",
    "futility",
    "binding",
    "power",
    "spending_fractions",
    "harm",
)
_KIND = "record"


def encoded(value: object) -> object:
    """A value as it is saved; records by their kind and fields, a test by what it was made from.

    >>> encoded(LanDeMets("pocock")), encoded((1.0, math.inf))
    ({'record': 'LanDeMets', 'kind': 'pocock'}, [1.0, {'record': 'number', 'text': 'inf'}])
    """
    if isinstance(value, GroupSequential):
        given = {name: encoded(getattr(value, name)) for name in TEST}
        return {_KIND: "GroupSequential", **given}
    if is_dataclass(value) and not isinstance(value, type):
        held = {f.name: encoded(getattr(value, f.name)) for f in fields(value) if f.init}
        return {_KIND: type(value).__name__, **held}
    if isinstance(value, Mapping):
        if not isinstance(value.get(_KIND, ""), str):  # an arm of that name
            return {_KIND: "mapping", "names": list(value), "values": [encoded(one) for one in value.values()]}
        return {str(name): encoded(one) for name, one in value.items()}
    if isinstance(value, np.ndarray):
        return encoded(value.tolist())
    if isinstance(value, list | tuple):
        return [encoded(one) for one in value]
    if value is None or isinstance(value, str | bool | int):
        return value
    number = real_number(value)
    return number if math.isfinite(number) else {_KIND: "number", "text": str(number)}


def decoded(saved: object) -> object:
    """The value that was saved."""
    if isinstance(saved, dict):
        held = {name: decoded(one) for name, one in saved.items() if name != _KIND}
        kind = saved.get(_KIND)
        if kind is None:
            return held
        if kind == "number":
            return float(str(held["text"]))
        if kind == "mapping":
            return dict(zip(saved["names"], held["values"], strict=True))  # type: ignore[call-overload]
        if kind == "GroupSequential":
            return group_sequential(**held)  # type: ignore[arg-type]
        if kind not in _RECORDS:
            raise DesignError(f"{kind!r} is no record of a plan", where="plan", remedy="Was it saved by equipoise?")
        return _RECORDS[str(kind)](**held)
    if isinstance(saved, list):
        return tuple(decoded(one) for one in saved)
    return saved
