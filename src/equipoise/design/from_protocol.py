"""The section [design] of a protocol, turned into the plan that it asks for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ..errors import DesignError, UnsupportedError
from ..protocol import Bounds, ControlHazard, Design, Protocol, method_of, quoted
from .accrual import Accrual, accrual
from .boundaries import Efficacy, HaybittlePeto, PampallonaTsiatis, WangTsiatis, obrien_fleming, pocock
from .group_sequential import group_sequential
from .hazards import Hazard, dropout, hazard, median, survival_at
from .methods import Method, Milestone, RestrictedMean
from .plan import Plan
from .spending import HwangShihDeCani, KimDeMets, LanDeMets, UserSpending
from .survival_design import survival
from .whole_numbers import in_whole_numbers

# Where an argument stands in a protocol, if not under its own name.
_KEYS = {"hazard_ratio": "minimum_relevant_hazard_ratio", "tau": "method", "milestone": "method"}
_OWN = ("estimand", *Design.model_fields)
# A refusal of a function names its arguments; of a protocol, its keys.
_WORDS = (
    (re.compile(r"\bhazard_ratio\b"), "minimum_relevant_hazard_ratio"),
    (re.compile(r"\bbinding=False\b"), "binding = false"),
    (re.compile(r'\bmethod="'), 'method = "'),
    (re.compile(r"a last length of None lets"), "a last period without a length lets"),
    (re.compile(r'; or event_is="benefit"'), '; or set event_is = "benefit" of the endpoint'),
)


def of_protocol(trial: Protocol) -> Plan:
    """The plan that the protocol's [design] asks for, numbers as they are solved.

    Raises ``DesignError`` with the TOML path where there is no [design], where it lacks something, or where no such
    trial exists.

    >>> from equipoise.protocol import example
    >>> plan = of_protocol(example("tandem"))
    >>> f"{plan.events:.2f} {plan.patients:.2f}"
    '334.26 347.45'
    """
    return solved(arguments(trial))


def solved(given: Mapping[str, Any]) -> Plan:
    """``survival``, its refusals in the words of a protocol."""
    with in_toml():
        return survival(**given)


def whole(trial: Protocol, plan: Plan) -> Plan:
    """The plan in whole numbers, in the blocks of the protocol."""
    with in_toml():
        return in_whole_numbers(plan, block_size=_block_size(trial))


def section(trial: Protocol) -> Design:
    """The section, or a refusal where the protocol has none."""
    if trial.design is None:
        raise DesignError(
            "the protocol has no [design]",
            where="design",
            remedy="Add the section: estimand, alpha, sided, efficacy, control, accrual, and three of "
            "minimum_relevant_hazard_ratio, power, events, patients and follow_up.",
        )
    return trial.design


def arguments(trial: Protocol) -> dict[str, Any]:
    """What ``survival`` is to be given."""
    design = section(trial)
    estimand = trial.estimands[design.estimand]
    if estimand.summary == "subdistribution hazard ratio":
        raise UnsupportedError(
            "a subdistribution hazard ratio has no design here",
            where="design.estimand",
            remedy="Design for the cause-specific hazard ratio.",
        )
    method: Method
    named = method_of(trial, design)
    if named == "restricted mean":
        assert estimand.restriction_time is not None
        method = RestrictedMean(estimand.restriction_time)
    elif named == "milestone":
        assert estimand.milestone is not None
        method = Milestone(estimand.milestone)
    else:
        method = named
    with in_toml("efficacy"):
        efficacy = family(design.efficacy)
    with in_toml("futility"):
        futility = None if design.futility is None else family(design.futility)
    with in_toml():
        test = group_sequential(
            alpha=design.alpha,
            sided=design.sided,
            information_fractions=design.information_fractions,
            efficacy=efficacy,
            futility=futility,  # type: ignore[arg-type]
            binding=design.binding,
            power=design.power,
        )
    return {
        "test": test,
        "control": _control(trial, design),
        "allocation": _allocation(trial, design),
        "accrual": _accrual(trial, design),
        "hazard_ratio": design.minimum_relevant_hazard_ratio,
        "null_hazard_ratio": design.null_hazard_ratio,
        "power": None if _spends_beta(design) else design.power,
        "events": design.events,
        "patients": design.patients,
        "follow_up": design.follow_up,
        "dropout": _dropout(design),
        "strata": {name: stratum.share for name, stratum in design.strata.items()} or None,
        "follow_up_each": design.follow_up_each,
        "method": method,
        "event_is": trial.endpoints[estimand.variable].event_is,
    }


def _spends_beta(design: Design) -> bool:
    """Whether bounds need a power: beside three others it is then that of the bounds, and else one too many."""
    return design.futility is not None or design.efficacy.family == "Pampallona-Tsiatis"


@contextmanager
def in_toml(key: str = "") -> Iterator[None]:
    """Refusals name the key of [design]: the one given, or the one of the argument that is refused."""
    try:
        yield
    except (DesignError, UnsupportedError) as error:
        name = key or _KEYS.get(error.where, error.where.split(" ")[0])
        where = f"design.{name}" if name in _OWN else "design"
        what, remedy = error.what, error.remedy
        for python, toml in _WORDS:
            what, remedy = python.sub(toml, what), python.sub(toml, remedy)
        raise type(error)(what, where=where, remedy=remedy) from None


def family(bounds: Bounds) -> Efficacy:
    """The family of bounds, or the spending function; the protocol has seen that its keys are there."""
    given = {key: getattr(bounds, key) for key in type(bounds).model_fields if key != "family"}
    held: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    families: dict[str, Any] = {
        "O'Brien-Fleming": obrien_fleming,
        "Pocock": pocock,
        "Wang-Tsiatis": WangTsiatis,
        "Haybittle-Peto": HaybittlePeto,
        "Pampallona-Tsiatis": PampallonaTsiatis,
        "Lan-DeMets": LanDeMets,
        "Kim-DeMets": KimDeMets,
        "Hwang-Shih-DeCani": HwangShihDeCani,
        "user": UserSpending,
    }
    found: Efficacy = families[bounds.family](**held)
    return found


def _control(trial: Protocol, design: Design) -> Hazard | dict[str, Hazard]:
    if not design.strata:
        return _hazard(trial, design.control, "control")
    return {
        name: _hazard(trial, stratum.control or design.control, f"strata.{quoted(name)}.control")
        for name, stratum in design.strata.items()
    }


def _hazard(trial: Protocol, control: ControlHazard | None, key: str) -> Hazard:
    if control is None:
        raise _missing(
            trial, key, "the hazard of the control arm is not given", 'Such as control = { median = "2.4 months" }.'
        )
    if control.median is not None:
        return median(control.median, shape=control.shape)
    if control.survival:
        return survival_at(control.survival)
    ends = [piece.until for piece in control.pieces if piece.until is not None]
    return hazard([piece.monthly_hazard for piece in control.pieces], until=ends)


def _missing(trial: Protocol, key: str, what: str, remedy: str) -> DesignError:
    """What a design needs, with the reason why the protocol does not know it, if it says so."""
    why = trial.unknown.get(f"design.{key}", "")
    return DesignError(what + (f": {why}" if why else ""), where=f"design.{key}", remedy=remedy)


def _dropout(design: Design) -> Hazard | dict[str, Hazard] | None:
    given = design.dropout
    if given is None:
        return None
    if given.share is not None:
        return dropout(given.share, by=given.by)
    return {arm: dropout(share, by=given.by) for arm, share in given.shares.items()}


def _accrual(trial: Protocol, design: Design) -> Accrual:
    if design.accrual is not None:
        return accrual(design.accrual)
    if not design.accrual_periods:
        raise _missing(trial, "accrual", "nothing says how fast patients enter", 'Such as accrual = "24 months".')
    with in_toml("accrual_periods"):
        return accrual([(period.length, period.monthly) for period in design.accrual_periods])


def _allocation(trial: Protocol, design: Design) -> dict[str, float]:
    """The ratio of both arms, the experimental one first."""
    treatment = trial.estimands[design.estimand].treatment
    given: Mapping[str, float] = design.allocation or (trial.randomization.allocation if trial.randomization else {})
    arms = (treatment.experimental, treatment.control)
    for arm in arms:
        if arm not in given:
            raise _missing(
                trial,
                "allocation",
                f"nothing says how many patients the arm {arm!r} is given",
                "Give it, or [randomization] with this arm.",
            )
    return {arm: float(given[arm]) for arm in arms}


def _block_size(trial: Protocol) -> int | None:
    """That of the design, else of the randomization where it has one size and these two arms alone."""
    design, randomization = section(trial), trial.randomization
    if design.block_size is not None or randomization is None or design.allocation is not None:
        return design.block_size
    if len(randomization.block_sizes) != 1 or len(randomization.allocation) != 2:
        return None
    return randomization.block_sizes[0]
