"""Scenarios in which the effect begins late, or accrual takes another time, as ``[simulation.*]`` varies them."""

from __future__ import annotations

import math
from typing import Any

from pydantic import ValidationError

from ..errors import ProtocolError
from ..units import days
from .hazards import Hazard, RatioPiece, first_reason
from .scenarios import Scenario
from .simulations import Simulation

_SURVIVAL = ("progression", "death_before_progression", "death_after_progression")


def delayed(scenario: Scenario, hazard_ratio: float, delay: str, *, of_survival: bool, path: str) -> Scenario:
    """The scenario with no effect until ``delay`` after randomization, and from then on this hazard ratio in every arm
    that has one: on progression, or, ``of_survival``, on death (and on progression before it).

    Raises ``ProtocolError``, naming ``path``, for a hazard with a Weibull shape and for death after progression, whose
    time counts from progression.

    >>> from datetime import date
    >>> late = delayed(Scenario.model_validate({"label": "x", "first_patient": date(2020, 1, 1), "accrual": "1 year",
    ...     "cutoff": "2 years", "death_before_progression": {"median": "9 months", "hazard_ratio": {"A": 0.7}}}),
    ...     0.6, "3 months", of_survival=True, path="simulation.power.delay")
    >>> [(piece.hazard_ratio, piece.until) for piece in late.death_before_progression.changing_hazard_ratio["A"]]
    [(1.0, '3 months'), (0.6, None)]
    """
    changed: dict[str, Hazard] = {}
    for name in _SURVIVAL if of_survival else _SURVIVAL[:1]:
        law: Hazard | None = getattr(scenario, name)
        arms = () if law is None else law.arms_with_ratio
        if law is None or not arms:
            continue
        if name == "death_after_progression":
            raise ProtocolError(
                "an effect on death after progression cannot be delayed: its time counts from progression",
                where=path,
                remedy="Take a scenario without progression, or one in which the arms die alike after it.",
            )
        if days(delay) > 0:
            late = (RatioPiece(hazard_ratio=1.0, until=delay), RatioPiece(hazard_ratio=hazard_ratio))
            ratios: dict[str, Any] = {"changing_hazard_ratio": dict.fromkeys(arms, late)}
        else:
            ratios = {"hazard_ratio": dict.fromkeys(arms, hazard_ratio)}
        try:
            changed[name] = law.with_ratios(ratios)
        except ValidationError as error:
            raise ProtocolError(
                first_reason(error), where=path, remedy=f"Give the scenario's {name} in pieces, or leave out the delay."
            ) from None
    return scenario.model_copy(update=changed)


def check_effect(scenario: Scenario, experimental: str, control: str, *, of_survival: bool, path: str) -> None:
    """Refuses to vary the hazard ratio of a model in which the experimental arm has none, or another arm has one: a
    grid would then be of no effect, or of an effect turned round."""
    named: dict[str, set[str]] = {}
    cured = [getattr(scenario, name) for name in (_SURVIVAL if of_survival else _SURVIVAL[:1])]
    if any(law is not None and not law.cured_alike((experimental, control)) for law in cured):
        raise ProtocolError(
            "arms of the model differ in the shares that are cured, an effect which no hazard ratio says",
            where=f"{path}.hazard_ratio",
            remedy="Vary it in a scenario where they are the same.",
        )
    for name in _SURVIVAL if of_survival else _SURVIVAL[:1]:
        law: Hazard | None = getattr(scenario, name)
        if law is not None and (arms := set(law.arms_with_ratio)):
            named[name] = arms
    if not named:
        raise ProtocolError(
            f"the model has no hazard ratio of {experimental!r} that could be varied",
            where=f"{path}.hazard_ratio",
            remedy=f"Give {_SURVIVAL[1] if of_survival else _SURVIVAL[0]} of the scenario one, such as hazard_ratio = "
            f'{{ "{experimental}" = 0.7 }}.',
        )
    if of_survival and named.keys() == {"progression"}:
        raise ProtocolError(
            f"the model has a hazard ratio of {experimental!r} on progression alone: none of death could be varied",
            where=f"{path}.hazard_ratio",
            remedy="Give death_before_progression of the scenario one, such as hazard_ratio = "
            f'{{ "{experimental}" = 0.7 }}, or vary it for an endpoint that counts progression.',
        )
    for name, factor in scenario.factors.items():
        for table in ("progression_by_arm", "death_by_arm") if of_survival else ("progression_by_arm",):
            if others := [arm for arm in getattr(factor, table) if arm != experimental]:
                raise ProtocolError(
                    f"the factor {name!r} changes the hazards of {others[0]!r} by {table}, which a grid of one hazard "
                    "ratio would take away",
                    where=f"{path}.hazard_ratio",
                    remedy="Vary it in a scenario where factors do that to the experimental arm alone.",
                )
    for name, arms in named.items():
        if arms != {experimental}:
            raise ProtocolError(
                f"{name} has hazard ratios of {', '.join(map(repr, sorted(arms)))}, not of {experimental!r} alone, "
                "whose effect is varied",
                where=f"{path}.hazard_ratio",
                remedy="Vary it in a scenario where the other arms have the hazard itself.",
            )


def accrued(scenario: Scenario, accrual: str, *, path: str) -> Scenario:
    """The scenario whose patients enter over another time; the cut-off comes as long after its end as it did.

    Raises ``ProtocolError``, naming ``path``, where the scenario's own pace of accrual goes on for longer.
    """
    enters = math.floor(days(accrual) + 0.5)
    cutoff = enters + follow_up(scenario)
    try:
        return Scenario(**{**dict(scenario), "accrual": f"{enters} days", "cutoff": f"{cutoff} days"})
    except ValidationError as error:
        raise ProtocolError(
            f"{first_reason(error)} ({accrual})",
            where=path,
            remedy="Give longer durations, or a scenario with one pace.",
        ) from None


def follow_up(scenario: Scenario) -> int:
    """Whole days from the end of accrual to the cut-off."""
    accrual, cutoff = (math.floor(days(one) + 0.5) for one in (scenario.accrual, scenario.cutoff))
    return cutoff - accrual


def check_varied(simulation: Simulation, scenario: Scenario, *, of_survival: bool, path: str) -> None:
    """Refuse a grid with a setting that is no scenario."""
    for delay in simulation.delay:
        delayed(scenario, simulation.hazard_ratio[0], delay, of_survival=of_survival, path=f"{path}.delay")
    for accrual in simulation.accrual:
        accrued(scenario, accrual, path=f"{path}.accrual")
