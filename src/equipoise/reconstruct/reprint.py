"""A simulated trial's own summary, printed as the published one is: what a rebuild aims at."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from ..protocol import Protocol, PublishedNumber
from ..results import fixed, percent
from ..units import days_per
from .targets import Targets, number_total

_FINEST_P = 4  # decimals: a smaller P is printed as a bound


def reprinted(trial: Protocol, targets: Targets, values: NDArray[np.float64]) -> Protocol:
    """The protocol with every searched number replaced by what a cohort with these values (as ``Found.values``) prints.

    Decimals are those of the published number, of P the significant digits, down to "<.0001" or to a published bound. A
    number that the cohort does not have (limits of a median that is not reached) is left out; so are adverse events,
    which are counted, not searched.
    """
    kept = [n for n in trial.published.numbers if n.statistic == "subjects" and n.tier <= targets.tier]
    for target, value in zip(targets.searched, values, strict=True):
        text = _text(trial, targets, target.number, float(value))
        if text:
            kept.append(PublishedNumber.model_validate(
                target.number.model_dump(exclude={"printed"}) | {"printed": text}
            ))  # fmt: skip
    return trial.model_copy(update={"published": trial.published.model_copy(update={"numbers": tuple(kept)})})


def _text(trial: Protocol, targets: Targets, number: PublishedNumber, value: float) -> str:
    """The number as the cohort prints it; empty where it has none."""
    printed, statistic = number.printed, number.statistic
    if math.isnan(value):
        return ""
    if statistic == "P":
        return _p_text(trial, number, value)
    if statistic.startswith("median"):
        if math.isinf(value):
            return "not reached" if statistic == "median" else ""
        unit = trial.endpoints[trial.estimands[str(number.estimand)].variable].unit
        return fixed(value / days_per(unit), printed.decimals)
    if statistic.startswith("hazard ratio"):
        return fixed(math.exp(value), printed.decimals)
    if statistic == "event-free rate":
        return fixed(100 * value, printed.decimals) + "%" if printed.percent else fixed(value, printed.decimals)
    if not printed.percent:
        return str(int(value))
    total = number_total(trial, targets.subjects, number)
    return fixed(float(percent(int(value), total, printed.decimals)), printed.decimals) + "%"


def _p_text(trial: Protocol, number: PublishedNumber, z: float) -> str:
    sided = number.sided or (trial.testing.sided if trial.testing else 2)
    alpha = trial.testing.alpha if trial.testing else 0.05
    p = float(2 * ndtr(-abs(z)) if sided == 2 else ndtr(-z))
    if number.printed.word:
        return "significant" if p <= alpha else "not significant"
    if number.printed.bound == "<" and p < number.printed.value:
        return number.printed.text  # what is printed as a bound stays one
    if p < 0.5 * 10.0**-_FINEST_P:
        return "<" + fixed(10.0**-_FINEST_P, _FINEST_P)
    digits = len(number.printed.text.lstrip("<>0. ").replace(".", "")) or 1
    decimals = min(_FINEST_P, digits - 1 - math.floor(math.log10(p)))
    text = fixed(p, max(1, decimals))
    return text if float(text) > 0 else "<" + fixed(10.0**-_FINEST_P, _FINEST_P)
