"""Why a trial has the size it has: the plan of a protocol in whole numbers, beside every formula, what is believed of
the effect, and the size that the published effect would have given."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .. import results
from ..errors import DesignError
from ..protocol import Design, Prior, Protocol
from ..results import ROUNDING_NOTE, Row, fixed
from ..units import MONTH_LENGTH_NOTE
from .conditional_power import assurance
from .from_protocol import arguments, in_toml, section, solved, whole
from .inference import events_information
from .methods import FORMULAS, MaxCombo, Milestone, RestrictedMean
from .plan import Plan
from .plan_text import at_most, solved_for, still_entering
from .side_by_side import SideBySide, formulas

if TYPE_CHECKING:
    import polars as pl

_Z = 1.959963984540054
_NO_PRIOR = "a prior of the log hazard ratio is none of what this test estimates"
_PARTS = ("design", "randomization.allocation", "randomization.block_sizes")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Assurance:
    """The probability of a claim, the effect being as a prior has it: of the plan, and of the trial of the published
    effect (None where there is none); ``nan`` where the prior is not one of what the test estimates."""

    prior: Prior
    plan: float
    published: float | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Justification:
    """The justification of a sample size. ``plan`` is in whole numbers, ``unrounded`` as it was solved; ``published``
    is the trial that would have been planned for the hazard ratio ``published_hazard_ratio`` that the protocol quotes
    for its estimand. ``notes`` are what is assumed and unknown, and what a reader must not overlook."""

    plan: Plan
    unrounded: Plan
    side_by_side: SideBySide
    assurances: tuple[Assurance, ...]
    published_hazard_ratio: float | None
    published: Plan | None
    published_path: str
    label: str
    notes: tuple[str, ...]
    protocol_digest: str
    context: Row

    def __str__(self) -> str:
        return str(self.plan)

    def rows(self) -> list[Row]:
        """The plan ("design"), the formulas, the assurances and the trial of the published effect, as rows of the long
        table; see ``Plan.rows`` for those of the plan."""
        parts = {
            "design": [*self.plan.rows(), *_unrounded(self.unrounded)],
            "formulas": list(_formulas(self.side_by_side)),
            "assurance": list(_assurances(self)),
            "published effect": list(_published(self)),
        }
        shared = {name: getattr(self.context, name) for name in ("role", "estimand", "population", "endpoint")}
        return [
            replace(row, analysis=analysis, origin="", toml_path=row.toml_path or "design", **shared)
            for analysis, rows in parts.items()
            for row in rows
        ]

    def table(self) -> pl.DataFrame:
        """The long table of all of it."""
        return results.long_table(self.rows())


def justification(trial: Protocol) -> Justification:
    """The plan of a protocol's [design] with all that stands beside it in a justification of its sample size.

    Assurance takes a prior of the log hazard ratio as one of the drift, with the information of the planned events
    (Schoenfeld 1981; O'Hagan, Stevens and Campbell 2005), futility bounds obeyed.

    Raises ``DesignError`` as ``of_protocol`` does.

    >>> from equipoise.protocol import example
    >>> found = justification(example("tandem"))
    >>> [fixed(found.plan.events, 0), fixed(found.published.events, 0)]
    ['335', '200']
    """
    design, given = section(trial), arguments(trial)
    unrounded = solved(given)
    plan = whole(trial, unrounded)
    path, ratio = _quoted(trial, design)
    other, refusal = _of_published(trial, given, unrounded, ratio)
    estimand = trial.estimands[design.estimand]
    believed = tuple(
        Assurance(prior=prior, plan=_assured(plan, prior), published=None if other is None else _assured(other, prior))
        for prior in design.priors
    )
    return Justification(
        plan=plan,
        unrounded=unrounded,
        side_by_side=_side_by_side(given, unrounded),
        assurances=believed,
        published_hazard_ratio=None if other is None else ratio,
        published=other,
        published_path=path,
        label=design.label or trial.name,
        notes=(
            *([_curse(plan, other, ratio, believed)] if other is not None and ratio is not None else []),
            *([refusal] if refusal else []),
            *(_another_power(design, plan)),
            *(_during_accrual(plan)),
            _rounded(unrounded),
            *(f"unknown: {where}: {why}" for where, why in trial.unknown.items() if where.startswith(_PARTS)),
            *(f"assumed: {where}: {why}" for where, why in trial.assumed.items() if where.startswith(_PARTS)),
            "looks come at numbers of events; the months at which they are expected hold if all else is as assumed",
            MONTH_LENGTH_NOTE,
            ROUNDING_NOTE,
        ),
        protocol_digest=trial.digest,
        context=Row(
            statistic="",
            role="design",
            estimand=design.estimand,
            population=estimand.population,
            endpoint=estimand.variable,
        ),
    )


def _side_by_side(given: dict[str, Any], plan: Plan) -> SideBySide:
    """All formulas; where the effect was solved for, what each makes of it."""
    asked = {name: value for name, value in given.items() if name != "method"}
    if asked["hazard_ratio"] is None:
        asked["hazard_ratio"] = dict(plan.hazard_ratio) if given["strata"] else next(iter(plan.hazard_ratio.values()))
        asked["events"], asked["patients"], asked["follow_up"] = plan.events, plan.patients, None
        asked["power"] = None  # the power that each formula gives
    with in_toml():
        return formulas(**asked)


def _quoted(trial: Protocol, design: Design) -> tuple[str, float | None]:
    """The published hazard ratio of the estimand, and where it stands."""
    for i, number in enumerate(trial.published.numbers):
        of_it = number.statistic == "hazard ratio" and number.estimand == design.estimand
        if of_it and not number.printed.word and not number.printed.bound:
            return f"published.numbers[{i}]", number.printed.value
    return "", None


def _of_published(trial: Protocol, given: dict[str, Any], plan: Plan, ratio: float | None) -> tuple[Plan | None, str]:
    """The trial that is planned for the published hazard ratio, where an effect says how many events are needed."""
    if ratio is None or "events" not in plan.solved or "ratios" in plan.solved:
        return None, ""
    try:
        return whole(trial, solved({**given, "hazard_ratio": ratio})), ""
    except DesignError as error:
        return None, f"no trial can be sized by the published hazard ratio of {ratio:g}: {error.what}"


def _assured(plan: Plan, prior: Prior) -> float:
    """The chance of a claim, were the log hazard ratio drawn from the prior."""
    if isinstance(plan.method, RestrictedMean | Milestone | MaxCombo):
        return math.nan
    experimental, control = plan.population.allocation
    root = math.sqrt(events_information(plan.events, experimental / control))
    sign = 1 if plan.event_is == "harm" else -1
    mean = sign * (math.log(plan.null_hazard_ratio) - prior.mean_log_hazard_ratio)
    return assurance(plan.test, (mean * root, prior.sd * root))


def _another_power(design: Design, plan: Plan) -> Iterator[str]:
    """Where bounds for futility are those of a power which the trial does not have."""
    if design.power is not None and "power" in plan.solved and abs(plan.power - design.power) > 0.01:
        yield (
            f"the trial has a power of {fixed(100 * plan.power, 1)}%, not the {100 * design.power:g}% of design.power, "
            "for which its bounds for futility spend beta: what else is given leaves no room for that power"
        )


def _during_accrual(plan: Plan) -> Iterator[str]:
    """Where the planned number of patients is not the number that the last look has."""
    if plan.during_accrual:
        yield f"{still_entering(plan)}; more enter if its events come later than expected"


def _rounded(plan: Plan) -> str:
    """What stood before whole numbers and blocks."""
    solved = " and ".join(solved_for(plan)) or "nothing"
    return (
        f"events and patients are rounded up to whole numbers and blocks; before that, solved for {solved}: "
        f"{fixed(plan.events, 2)} events among {at_most(plan)}{fixed(plan.patients, 2)} patients with a power of "
        f"{fixed(100 * plan.power, 1)}%"
    )


def _curse(plan: Plan, other: Plan, ratio: float, believed: tuple[Assurance, ...]) -> str:
    """What is wrong with a trial that is sized by a published estimate."""
    told = [
        f"{fixed(100 * one.published, 1)}% ({one.prior.label})"
        for one in believed
        if one.published is not None and math.isfinite(one.published)
    ]
    power = f"{fixed(100 * other.power, 1)}% that it has if the effect is {ratio:g}"
    chance = f"; the assurance of that trial is {' and '.join(told)}, not the {power}" if told else ""
    return (
        f"sized by the published hazard ratio of {ratio:g} the trial would have {fixed(other.events, 0)} events among "
        f"{fixed(other.patients, 0)} patients, not {fixed(plan.events, 0)} among {fixed(plan.patients, 0)}; but an "
        "estimate that was published because it passed a test of significance is on average too good (the winner's "
        f"curse){chance}; a prior about that estimate shares its optimism"
    )


def _row(statistic: str, value: float, text: str, **more: Any) -> Row:
    reason = more.pop("reason", "")
    return Row(statistic=statistic, **results.number(value, text, "" if math.isfinite(value) else reason), **more)  # type: ignore[arg-type]


def _unrounded(plan: Plan) -> Iterator[Row]:
    for name, value, digits in (("events", plan.events, 2), ("patients", plan.patients, 2), ("power", plan.power, 4)):
        yield _row(f"{name} before rounding", value, fixed(value, digits), method="as solved")


def _formulas(found: SideBySide) -> Iterator[Row]:
    for name, plan in found.plans.items():
        more = {"group": FORMULAS[name], "method": f"{plan.test.method}; {FORMULAS[name]}"}
        ratio = next(iter(plan.hazard_ratio.values())).values[0]
        yield _row("hazard ratio", ratio, fixed(ratio, 3), **more)
        yield _row("events", plan.events, fixed(plan.events, 1), **more)
        yield _row("patients", plan.patients, f"{at_most(plan)}{fixed(plan.patients, 1)}", **more)
        yield _row("power", plan.power, fixed(plan.power, 4), **more)
    for name, why in found.refused.items():
        yield Row(group=FORMULAS[name], statistic="events", text=results.NOT_ESTIMABLE, reason=why)


def _assurances(found: Justification) -> Iterator[Row]:
    method = "assurance (O'Hagan, Stevens and Campbell 2005), information of the planned events, futility obeyed"
    for i, one in enumerate(found.assurances):
        prior = one.prior
        more = {"group": prior.label, "toml_path": f"design.priors[{i}]"}
        low, high = (math.exp(prior.mean_log_hazard_ratio + side * _Z * prior.sd) for side in (-1, 1))
        middle = math.exp(prior.mean_log_hazard_ratio)
        yield _row("prior median hazard ratio", middle, fixed(middle, 3), **more)
        yield _row("prior hazard ratio lower limit", low, fixed(low, 3), level=0.95, **more)
        yield _row("prior hazard ratio upper limit", high, fixed(high, 3), level=0.95, **more)
        for statistic, chance in (("assurance", one.plan), ("assurance by the published effect", one.published)):
            if chance is not None:
                yield _row(statistic, chance, fixed(chance, 4), reason=_NO_PRIOR, method=method, **more)


def _published(found: Justification) -> Iterator[Row]:
    plan = found.published
    if plan is None or found.published_hazard_ratio is None:
        return
    more: dict[str, Any] = {
        "toml_path": found.published_path,
        "method": f"{plan.test.method}; sized by the published effect",
    }
    ratio = found.published_hazard_ratio
    yield _row("hazard ratio", ratio, f"{ratio:g}", **more)
    yield _row("events in all", plan.events, fixed(plan.events, 0), **more)
    yield _row("patients in all", plan.patients, fixed(plan.patients, 0), **more)
    yield _row("power", plan.power, fixed(plan.power, 4), **more)
    yield Row(statistic="sentence", text=str(plan).removesuffix("."), **more)
