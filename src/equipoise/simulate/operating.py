"""Operating characteristics: what a trial with its looks and bounds does, over many simulated trials."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..design import Plan
from ..errors import DesignError, ProtocolError, UnsupportedError
from ..protocol import Analysis, Protocol, Scenario, quoted
from ..units import days
from .characteristics import Operating, summary
from .looks import Cut, Looks, looks_of
from .many import CHUNK, Trials, estimates_of, run_trials
from .nature import nature, nature_of
from .own_analysis import OwnAnalysis, check_analysis
from .patients import endpoint_place
from .protocol_analysis import ProtocolAnalysis, protocol_analysis
from .trial import Subjects, analysis_of, scenario_of, subjects_of

_PATIENTS, _LARGE, _ELSEWHERE = 10_000, 100, 1 << 40  # of a large trial; such trials; where their numbers begin


def operating(  # noqa: PLR0913 - the house plan's public name
    protocol: Protocol | None,
    *,
    trials: int,
    seed: int,
    plan: Plan | None = None,
    looks: Looks | None = None,
    scenario: str | Scenario | None = None,
    estimand: str | None = None,
    subjects: Subjects | None = None,
    hazard_ratio: float | None = None,
    cox: bool = True,
    analysis: OwnAnalysis | None = None,
    tau: str | None = None,
    at: str | None = None,
    truth: bool = False,
    precision: float | None = None,
    executor: Executor | None = None,
    keep: str | Path | None = None,
    progress: Callable[[float], None] = lambda _: None,
) -> Operating:
    """What a trial does over many simulated ones: power, looks, numbers, each with its Monte Carlo error.

    Bounds and cuts are those of ``plan``, or of ``looks``. Patients are those of ``scenario`` (a name of the protocol,
    or a ``Scenario``), tested by the analysis of ``estimand`` (by default the primary one): a log-rank test, stratified
    if that is, or, trial by trial and more slowly, whatever else the protocol asks for (``ProtocolAnalysis``). Without
    a scenario they are those that the plan assumes, with its hazard ratio or, for the type I error, ``hazard_ratio`` =
    1; the protocol is then not looked at. ``tau`` and ``at``: times (durations) of a restricted mean and of a
    milestone, whose differences stand beside the hazard ratio. ``truth``: find what a trial of a million patients would
    estimate on the mean day of each look, and the bias and coverage of the trials' estimates of it. ``analysis``: a
    function of a ``TimeToEvent`` that gives the Z of another test, above zero in favour of the experimental arm, such
    as ``lambda tte: logrank(tte, rho=0, gamma=1).z``, or an ``AnalysisResult`` with an estimate, whose bias and
    coverage are then told; one that takes two arguments is also given a frame of the factors' levels, a row for each
    patient. A trial in which it raises claims nothing there, and is named in ``wrong``. ``precision``, ``executor``,
    ``keep``: see ``run_trials``.

    Raises ``DesignError``, ``ProtocolError`` or ``UnsupportedError`` for what cannot be simulated.

    >>> from equipoise.design import accrual, group_sequential, median, obrien_fleming, survival
    >>> test = group_sequential(alpha=0.025, sided=1, information_fractions=[0.5, 1], efficacy=obrien_fleming())
    >>> plan = survival(test, hazard_ratio=0.65, power=0.9, control=median("6 months"), allocation={"B": 1, "A": 1},
    ...                 accrual=accrual("24 months"), follow_up="12 months")
    >>> found = operating(None, plan=plan, trials=2000, seed=1)
    >>> abs(found.power - 0.9) < 4 * found.power_error + 0.01
    True
    """
    if (plan is None) == (looks is None):
        raise DesignError("give a plan, or looks", where="plan", remedy="Of plan and looks, one.")
    if looks is not None and not isinstance(looks, Looks):
        raise DesignError(
            f"{looks!r} are no looks", where="looks", remedy="Such as Looks(cuts=(Cut(events=150),), ...)."
        )
    asked = looks if looks is not None else looks_of(plan)  # type: ignore[arg-type]
    task: dict[str, Any] = {"looks": asked, "seed": seed_of(seed), "cox": cox}
    if scenario is None:
        if plan is None:
            raise DesignError("looks without a scenario have no patients", where="scenario", remedy="Name a scenario.")
        if subjects is not None:
            raise DesignError(
                "the plan says how many patients there are",
                where="subjects",
                remedy="Leave it out, or name a scenario.",
            )
        drawn = nature_of(plan, hazard_ratio=_ratio(hazard_ratio))
        task |= of_plan(plan)
    else:
        if protocol is None:
            raise DesignError("a scenario belongs to a protocol", where="protocol", remedy="Give the protocol.")
        if hazard_ratio is not None:
            raise DesignError(
                "the scenario says what the hazard ratios are",
                where="hazard_ratio",
                remedy='Change it with simulate.without_effect(scenario, hazard_ratio), of="survival" if there is no '
                "progression.",
            )
        chosen = scenario_of(protocol, scenario)
        n = (
            math.floor(plan.patients + 0.5)
            if plan is not None and subjects is None
            else subjects_of(protocol, chosen, subjects)
        )
        drawn = nature(protocol, chosen, n)
        planned = analysis_of(protocol, estimand)
        task |= analyzed_by(protocol, chosen, planned)
        if analysis is None:
            analysis = protocol_analysis(protocol, chosen, planned)
    if analysis is not None:
        check_analysis(analysis)
    if keep is not None and analysis is not None and not isinstance(analysis, ProtocolAnalysis):
        raise DesignError(
            "trials are not kept that a function of one's own analyzes: it cannot be told from another one",
            where="keep",
            remedy="Leave keep out, or analyze as the protocol does.",
        )
    for name, time in (("tau", tau), ("at", at)):
        if time is not None and not days(time) > 0:
            raise DesignError(f"{name} = {time} is no time", where=name, remedy='Such as "24 months".')
    many = Trials(nature=drawn, analysis=analysis, tau=tau, at=at, **task)
    untold: tuple[str, ...] = ()
    if truth:
        if not (cox or tau or at or analysis):
            raise DesignError("nothing is estimated whose truth could be found", where="truth", remedy="Ask for cox.")
        truths, untold = _truth(many)
        if analysis is not None and not (cox or tau or at) and np.isnan(list(truths.values())).all() and not untold:
            raise DesignError(
                "the analysis gives Z alone, so that there is no estimate whose truth could be found",
                where="truth", remedy="Give an AnalysisResult, or ask for cox.",
            )  # fmt: skip
        many = replace(many, truth=truths)
    found, interrupted = run_trials(many, trials, precision=precision, executor=executor, keep=keep, progress=progress)
    done = summary(many, found, interrupted)
    return replace(done, wrong=(*untold, *done.wrong)) if untold else done


def _truth(many: Trials) -> tuple[dict[str, tuple[tuple[float, ...], tuple[float, ...]]], tuple[str, ...]]:
    """What a million patients give on the mean days of the looks: the means of a hundred trials of 10,000, which are as
    good as one of a million, and take less memory; and their Monte Carlo errors. Then what went wrong with a user's own
    analysis."""
    pilot, _ = run_trials(replace(many, analysis=None), CHUNK)
    middle = np.floor(pilot.by_look["day"] / pilot.trials + 0.5)
    cuts = tuple(Cut(time=f"{day:g} days") for day in middle)
    large = replace(
        many,
        nature=replace(many.nature, patients=_PATIENTS, totals=_enlarged(many.nature.totals)),
        looks=Looks(cuts=cuts, efficacy=np.full(len(cuts), np.inf), sided=1),
    )
    found, wrong = large.tested(_ELSEWHERE, _LARGE)
    told = ("in the million patients of the truth: " + wrong[0].partition(": ")[2],) if wrong else ()
    return {
        name: (
            tuple(found[:, :, column].mean(axis=0).tolist()),
            tuple((found[:, :, column].std(axis=0) / math.sqrt(_LARGE)).tolist()),
        )
        for name, column in estimates_of(many).items()
    }, told


def _enlarged(totals: NDArray[np.int64]) -> NDArray[np.int64]:
    """Arms of a large trial in the proportion of given ones."""
    if not len(totals):
        return totals
    ends = np.floor(np.cumsum(totals) * (_PATIENTS / totals.sum()) + 0.5).astype(np.int64)
    return np.diff(ends, prepend=0)


def of_plan(plan: Plan) -> dict[str, Any]:
    """Arms, endpoint and strata of the log-rank test of the patients that a plan assumes."""
    who = plan.population
    by = ("stratum",) if len(who.strata) > 1 else ()
    return {"experimental": who.experimental, "control": who.control_arm, "endpoint": 1, "by": by}


def analyzed_by(protocol: Protocol, scenario: Scenario, analysis: Analysis) -> dict[str, Any]:
    """Arms, endpoint and strata of an analysis of all who are randomized, as treatment policy has them.

    Raises ``UnsupportedError`` for every analysis whose patients the kernel of many trials does not have.
    """
    about = protocol.estimands[analysis.estimand]
    path = f"estimands.{quoted(analysis.estimand)}"
    people, factors = protocol.populations[about.population], {name.upper(): name for name in scenario.factors}
    handled = [name for name, one in about.intercurrent_events.items() if one.strategy != "treatment policy"]
    refused = (
        (people.where or (people.flag or "").upper() in factors, "population",
         f"the population {about.population!r} is a part of those who are randomized"),
        (handled, "intercurrent_events", f"{', '.join(handled)} is not left to treatment policy"),
        (protocol.endpoints[about.variable].event_is != "harm", "variable", "events are hoped for"),
    )  # fmt: skip
    for is_so, key, why in refused:
        if is_so:
            raise UnsupportedError(
                f"many trials of {analysis.estimand!r} are not simulated: {why}",
                where=f"{path}.{key}",
                remedy="Draw patients with simulate.trial and analyze them.",
            )
    place = endpoint_place(protocol, about.variable)
    if place == 1 and scenario.progression is not None and scenario.death_after_progression is None:
        raise ProtocolError(
            "nobody dies after progression in this scenario, and the endpoint is death",
            where="scenario.NAME.death_after_progression",
            remedy="Give it, or leave progression out.",
        )
    strata = protocol.data.strata
    columns = strata.as_randomized if analysis.strata == "as randomized" else strata.as_verified
    used = [] if analysis.stratified is False else [column.upper() for column in columns]
    if missing := [column for column in used if column not in factors]:
        raise UnsupportedError(
            f"the scenario has no factor {missing[0]!r}, by which the analysis is stratified",
            where="data.strata",
            remedy=f"Add [scenario.NAME.factors.{missing[0]}], or stratified = false.",
        )
    return {
        "experimental": about.treatment.experimental,
        "control": about.treatment.control,
        "endpoint": place,
        "by": tuple(factors[column] for column in used),
        "counted": {
            name: endpoint_place(protocol, name) for name, one in protocol.endpoints.items() if one.events is not None
        },
        "first_day": scenario.first_patient,
    }


def seed_of(seed: object) -> int:
    """A seed, or a refusal of what is none."""
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**64:
        raise DesignError(f"{seed!r} is no seed", where="seed", remedy="Give a whole number from 0 to 2**64 - 1.")
    return int(seed)


def _ratio(given: float | None) -> float | None:
    if given is not None and not (isinstance(given, float | int) and 0 < given < np.inf):
        raise DesignError(f"hazard_ratio = {given!r} is none", where="hazard_ratio", remedy="Such as 1.")
    return given
