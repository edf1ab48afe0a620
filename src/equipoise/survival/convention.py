"""House, R or SAS: what a method does where the caller did not say."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any, Literal, get_args

import numpy as np

from ..data import TimeToEvent
from ..errors import EquipoiseError, UnsupportedError

Convention = Literal["house", "r", "sas"]
Ties = Literal["efron", "breslow", "discrete", "exact-marginal"]
ConfType = Literal["plain", "log", "log-log"]
Interval = Literal["wald", "profile"]
Penalty = Literal["firth"]

_TIES: dict[str, Ties] = {"house": "efron", "r": "efron", "sas": "breslow"}
_CONF_TYPE: dict[str, ConfType] = {"house": "log-log", "r": "log", "sas": "log-log"}
_INTERVAL: dict[str, Interval] = {"house": "wald", "r": "wald", "sas": "wald"}
_PENALIZED_INTERVAL: dict[str, Interval] = {"house": "profile", "r": "profile", "sas": "profile"}


class ArgumentError(EquipoiseError, ValueError):
    """An argument that means nothing here, or contradicts another."""


def check_convention(convention: str) -> None:
    """Refuse a convention that does not exist."""
    if convention not in get_args(Convention):
        raise ArgumentError(f"unknown convention {convention!r}", remedy='Use "house", "r" or "sas".')


def resolve_ties(ties: str | None, convention: Convention) -> Ties:
    """The ties method: as given, else the convention's; a given one must not contradict R's or SAS's."""
    if ties == "exact":
        raise ArgumentError(
            'ties = "exact" means two different things',
            remedy='Say "discrete" (what R calls exact) or "exact-marginal" (what SAS calls EXACT).',
        )
    return _resolve("ties", ties, _TIES, get_args(Ties), convention)


def resolve_conf_type(conf_type: str | None, convention: Convention) -> ConfType:
    """The transformation for limits of survival: as given, else the convention's."""
    return _resolve("conf_type", conf_type, _CONF_TYPE, get_args(ConfType), convention)


def resolve_interval(conf_type: str | None, penalty: str | None, convention: Convention) -> Interval:
    """The limits of hazard ratios: as given, else Wald's; those of a penalized likelihood by its profile."""
    if penalty not in (None, *get_args(Penalty)):
        raise ArgumentError(f"unknown penalty {penalty!r}", remedy='Use "firth", or leave it out.')
    defaults = _PENALIZED_INTERVAL if penalty else _INTERVAL
    return _resolve("conf_type", conf_type, defaults, get_args(Interval), convention)


def _resolve(name: str, given: str | None, defaults: Mapping[str, object], known: tuple[str, ...], convention: str):  # type: ignore[no-untyped-def]
    check_convention(convention)
    default = defaults[convention]
    if given is None:
        return default
    if given not in known:
        raise ArgumentError(f"unknown {name} {given!r}", remedy=f"Use one of {', '.join(known)}.")
    if convention != "house" and given != default:
        raise ArgumentError(
            f'{name} = "{given}" contradicts convention = "{convention}", which means "{default}"',
            remedy="Give one of the two.",
        )
    return given


_NEAR = 1e-10  # nearer to 0 or 1 the quantile of a level has lost its digits


def is_number(value: object) -> bool:
    """A real number, of Python or NumPy; True and False are none."""
    return isinstance(value, Real) and not isinstance(value, bool)


def check_level(level: Any) -> float:
    """A level of limits as a float; refuses what is none, and what is so near 0 or 1 that limits are not found.

    >>> check_level(0.95)
    0.95
    """
    if not (is_number(level) and 0 < level < 1):
        raise ArgumentError(f"level = {level!r} is not between 0 and 1", remedy="0.95 is the usual one.")
    if not _NEAR <= level <= 1 - _NEAR:
        raise ArgumentError(f"level = {level!r} is too near 0 or 1", remedy="0.95 is the usual one.")
    return float(level)


def check_flag(name: str, value: object) -> None:
    """True, False or None: the text "no" is true for Python."""
    if value is not None and not isinstance(value, bool | np.bool_):
        raise ArgumentError(f"{name} = {value!r} is neither True nor False", remedy="Leave it out for the default.")


def resolve_stratified(stratified: bool | None, strata: tuple[str, ...]) -> bool:
    """``None`` uses strata if there are any."""
    check_flag("stratified", stratified)
    if stratified and not strata:
        raise ArgumentError("stratified = True, but there are no strata", remedy="Give strata to the TimeToEvent.")
    return bool(strata) if stratified is None else stratified


def refuse_counts(weight_type: str | None, what: str) -> None:
    """A row of several subjects does for methods that ask how many subjects there are, not who."""
    if weight_type == "count":
        raise UnsupportedError(
            f"{what} is not there for counts of subjects",
            where='weight_type = "count"',
            remedy="Put a covariate into the strata when the counts are made, or give a row by subject.",
        )


def refuse_competing(causes: int) -> None:
    """Methods for one cause of failure."""
    if causes > 1:
        raise UnsupportedError(
            "the events have competing causes",
            where=f"event codes up to {causes}",
            remedy="Use cumulative_incidence() for probabilities, or tte.cause(k) for the hazard of one cause.",
        )


def refuse_weights_and_entry(tte: TimeToEvent, what: str) -> None:
    """Probability weights and late entry, where nothing is proved for them."""
    if tte.weight_type == "probability" or tte.entry is not None:
        raise UnsupportedError(
            f"{what} have no variance here under probability weights or late entry",
            remedy="Use kaplan_meier for the curves, or cox.",
        )


def strata_words(stratified: bool, tte: TimeToEvent) -> str:
    """What ``method`` says of the strata."""
    by = f" by {' and '.join(tte.strata_names)}" if tte.strata_names else ""
    return f"stratified{by}" if stratified else "unstratified"
