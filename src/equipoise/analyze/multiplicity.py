"""The order in which hypotheses are tested, so that the chance of any false claim stays at alpha."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ..results import fixed, p_value


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What became of one hypothesis: ``significant`` is None where it was not tested.

    ``adjusted_p`` is the smallest level at which the procedure would reject it.
    """

    significant: bool | None
    adjusted_p: float
    sentence: str


def decide(
    p_values: Mapping[str, float], procedure: Literal["fixed sequence", "holm"], alpha: float, sided: int
) -> dict[str, Decision]:
    """Test the hypotheses in the order given. Family-wise error at most alpha, strongly.

    Fixed sequence (Maurer, Hothorn and Lehmacher 1995): each at full alpha until the first fails. Holm
    (1979): the smallest P at alpha/m, the next at alpha/(m - 1) ..., until one fails. A P that is not
    estimable is not significant.

    >>> decide({"PFS": 0.04, "OS": 0.20, "QoL": 0.01}, "fixed sequence", 0.05, 2)["QoL"].sentence
    'not tested: OS was not significant before it'
    """
    if procedure == "fixed sequence":
        return _fixed_sequence(p_values, alpha, sided)
    return _holm(p_values, alpha, sided)


def _fixed_sequence(p_values: Mapping[str, float], alpha: float, sided: int) -> dict[str, Decision]:
    decisions: dict[str, Decision] = {}
    stopped_by, largest = "", 0.0
    for i, (name, p) in enumerate(p_values.items(), start=1):
        largest = 1.0 if math.isnan(p) else max(largest, p)
        if stopped_by:
            sentence = f"not tested: {stopped_by} was not significant before it"
            decisions[name] = Decision(significant=None, adjusted_p=largest, sentence=sentence)
            continue
        significant = p <= alpha
        sentence = _sentence(significant, alpha, sided, f"step {i} of {len(p_values)}, fixed sequence")
        decisions[name] = Decision(significant=significant, adjusted_p=largest, sentence=sentence)
        if not significant:
            stopped_by = name
    return decisions


def _holm(p_values: Mapping[str, float], alpha: float, sided: int) -> dict[str, Decision]:
    ordered = sorted(p_values.items(), key=lambda item: math.inf if math.isnan(item[1]) else item[1])
    decisions: dict[str, Decision] = {}
    adjusted = 0.0
    for i, (name, p) in enumerate(ordered):
        adjusted = 1.0 if math.isnan(p) else max(adjusted, min(1.0, (len(ordered) - i) * p))
        significant = adjusted <= alpha
        how = f"Holm, adjusted P {p_value(adjusted)}"
        decisions[name] = Decision(
            significant=significant, adjusted_p=adjusted, sentence=_sentence(significant, alpha, sided, how)
        )
    return {name: decisions[name] for name in p_values}


def _sentence(significant: bool, alpha: float, sided: int, how: str) -> str:
    level = fixed(alpha, 4).rstrip("0")
    return f"{'significant' if significant else 'not significant'} at {sided}-sided {level} ({how})"
