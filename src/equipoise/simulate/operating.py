"""Operating characteristics: what a trial with its looks and bounds does, over many simulated trials."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .. import results
from ..data import TimeToEvent
from ..design import Plan
from ..errors import DesignError, UnsupportedError
from ..kernels.trials import LOG_RATIO
from ..protocol import Analysis, Protocol, Scenario, quoted
from ..results import NOT_ESTIMABLE, ROUNDING_NOTE, Row, fixed
from ..units import DAYS_PER_MONTH, MONTH_LENGTH_NOTE
from .looks import Cut, Looks, looks_of
from .many import CHUNK, Sums, Trials, run_trials
from .nature import nature, nature_of
from .patients import endpoint_place
from .trial import analysis_of, scenario_of, subjects_of

if TYPE_CHECKING:
    import polars as pl

Vector = NDArray[np.float64]
_PATIENTS, _LARGE, _ELSEWHERE = 10_000, 100, 1 << 40  # of a large trial; such trials; where their numbers begin
_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Operating:
    """What ``trials`` simulated trials did; arrays (k,) are by look, and every one has its Monte Carlo error.

    ``crossed``: shares that are at the bound for efficacy or above it at a look, whether or not they had stopped.
    ``efficacy``, ``futility``, ``control``: shares of trials that stopped at a look with a claim, for futility, or with
    a claim for the control arm (two-sided tests); ``unmet``: shares that ended before the look's number of events, and
    claim nothing there. ``day``, ``patients``, ``events``, ``z``, ``log_hazard_ratio``: means over all trials as if
    none had stopped, with standard deviations between trials (``_sd``); ``standard_error``: mean of the Cox model's.
    ``power`` with ``power_error``: the share with a claim. ``expected`` days, patients and events at which trials end,
    with their Monte Carlo errors. ``true_log_hazard_ratio`` is what a million patients would estimate on the mean day
    of a look, ``covered`` the share of trials whose 95% Wald interval holds it (nan unless asked for).
    ``interrupted``: the run was stopped, and these are the trials that it had done. ``wrong``: looks at which a user's
    analysis gave nothing, each with its trial and reason.
    """

    label: str
    test: str
    trials: int
    seed: int
    looks: Looks
    power: float
    power_error: float
    efficacy: Vector
    futility: Vector
    control: Vector
    crossed: Vector
    unmet: Vector
    day: Vector
    day_sd: Vector
    patients: Vector
    events: Vector
    events_control: Vector
    z: Vector
    z_sd: Vector
    log_hazard_ratio: Vector
    log_hazard_ratio_sd: Vector
    standard_error: Vector
    true_log_hazard_ratio: Vector
    covered: Vector
    expected: dict[str, tuple[float, float]]
    interrupted: bool
    wrong: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        results.read_only(self)

    def error(self, share: float) -> float:
        """The Monte Carlo error of a share of the trials."""
        return math.sqrt(max(share * (1 - share), 0.0) / self.trials)

    def __str__(self) -> str:
        days, months = self.expected["day"][0], DAYS_PER_MONTH
        return (
            f"{self.label}: power {fixed(self.power, 4)} (Monte Carlo error {fixed(self.power_error, 4)}) over "
            f"{self.trials:,} trials, seed {self.seed}; on average {fixed(self.expected['events'][0], 1)} events, "
            f"{fixed(self.expected['patients'][0], 1)} patients and {fixed(days / months, 1)} months"
        )

    def rows(self) -> list[Row]:
        """Rows of the long table: power and averages, then each look's."""
        method = (
            f"{self.trials:,} simulated trials, seed {self.seed}; {self.test}, times in whole days; "
            f"Monte Carlo error beside each; {ROUNDING_NOTE}; {MONTH_LENGTH_NOTE}"
        )
        shared: dict[str, Any] = {
            "analysis": "simulation", "role": "simulation", "group": self.label, "method": method,
            "origin": "simulated",
        }  # fmt: skip
        found = [Row(statistic="sentence", text=str(self), **shared)]

        def row(statistic: str, value: float, digits: int, at: float | None = None, unit: str = "") -> None:
            text = fixed(value, digits) if math.isfinite(value) else NOT_ESTIMABLE
            reason = "" if math.isfinite(value) else "no trial gave it"
            held: dict[str, Any] = dict(results.number(value, text, reason))
            found.append(Row(statistic=statistic, at=at, unit=unit, **held, **shared))

        if self.wrong:
            few = "; ".join(self.wrong[:_NAMED]) + ("; ..." if len(self.wrong) > _NAMED else "")
            count: dict[str, Any] = {"value": float(len(self.wrong)), "text": str(len(self.wrong)), "reason": few}
            found.append(Row(statistic="looks without a result", **count, **shared))
        row("power", self.power, 4)
        row("power Monte Carlo error", self.power_error, 4)
        for name, unit in (("events", "events"), ("patients", "patients"), ("day", "days")):
            row(f"expected {name}", self.expected[name][0], 1, unit=unit)
            row(f"expected {name} Monte Carlo error", self.expected[name][1], 2, unit=unit)
        for k in range(len(self.looks.cuts)):
            at = float(k + 1)
            for name in ("efficacy", "futility", "control", "unmet"):
                share = float(getattr(self, name)[k])
                row(f"probability of {name}", share, 4, at)
                row(f"probability of {name} Monte Carlo error", self.error(share), 4, at)
            row("look day", float(self.day[k]), 1, at, "days")
            row("look day standard deviation", float(self.day_sd[k]), 1, at, "days")
            row("patients", float(self.patients[k]), 1, at, "patients")
            row("events", float(self.events[k]), 1, at, "events")
            row("events in the control arm", float(self.events_control[k]), 1, at, "events")
            row("mean z", float(self.z[k]), 4, at)
            row("standard deviation of z", float(self.z_sd[k]), 4, at)
            row("mean log hazard ratio", float(self.log_hazard_ratio[k]), 4, at)
            row("standard deviation of log hazard ratio", float(self.log_hazard_ratio_sd[k]), 4, at)
            row("mean standard error of log hazard ratio", float(self.standard_error[k]), 4, at)
            true = float(self.true_log_hazard_ratio[k])
            if math.isfinite(true):
                row("true log hazard ratio", true, 4, at)
                row("bias of log hazard ratio", float(self.log_hazard_ratio[k]) - true, 4, at)
                row("coverage of 95% limits", float(self.covered[k]), 4, at)
                row("coverage of 95% limits Monte Carlo error", self.error(float(self.covered[k])), 4, at)
        return found

    def table(self) -> pl.DataFrame:
        """The long table of all of it."""
        return results.long_table(self.rows())


def operating(  # noqa: PLR0913 - the house plan's public name
    protocol: Protocol | None,
    *,
    trials: int,
    seed: int,
    plan: Plan | None = None,
    looks: Looks | None = None,
    scenario: str | Scenario | None = None,
    estimand: str | None = None,
    subjects: int | None = None,
    hazard_ratio: float | None = None,
    cox: bool = True,
    analysis: Callable[[TimeToEvent], float] | None = None,
    truth: bool = False,
    precision: float | None = None,
    executor: Executor | None = None,
    keep: str | Path | None = None,
    progress: Callable[[float], None] = lambda _: None,
) -> Operating:
    """What a trial does over many simulated ones: power, looks, numbers, each with its Monte Carlo error.

    Bounds and cuts are those of ``plan``, or of ``looks``. Patients are those of ``scenario`` (a name of the protocol,
    or a ``Scenario``), tested by the analysis of ``estimand`` (by default the primary one): a log-rank test, stratified
    if that is. Without a scenario they are those that the plan assumes, with its hazard ratio or, for the type I error,
    ``hazard_ratio`` = 1; the protocol is then not looked at. ``truth``: find the hazard ratio that a trial of a million
    patients would estimate on the mean day of each look, and the bias and coverage of the trials' estimates of it.
    ``analysis``: a function of a ``TimeToEvent`` that gives the Z of another test, above zero in favour of the
    experimental arm, such as ``lambda tte: logrank(tte, rho=0, gamma=1).z``; a trial in which it raises claims nothing
    there, and is named in ``wrong``. ``precision``, ``executor``, ``keep``: see ``run_trials``.

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
        task |= {"experimental": plan.population.experimental, "control": plan.population.control_arm, "endpoint": 1}
        task["by"] = ("stratum",) if len(plan.population.strata) > 1 else ()
    else:
        if protocol is None:
            raise DesignError("a scenario belongs to a protocol", where="protocol", remedy="Give the protocol.")
        if hazard_ratio is not None:
            raise DesignError(
                "the scenario says what the hazard ratios are",
                where="hazard_ratio",
                remedy="Change it with simulate.without_effect(scenario, hazard_ratio).",
            )
        chosen = scenario_of(protocol, scenario)
        n = (
            math.floor(plan.patients + 0.5)
            if plan is not None and subjects is None
            else subjects_of(protocol, chosen, subjects)
        )
        drawn = nature(protocol, chosen, n)
        task |= by_logrank(protocol, chosen, analysis_of(protocol, estimand))
    if analysis is not None and (not callable(analysis) or keep is not None):
        raise DesignError(
            "an analysis is a function, and its trials are not kept", where="analysis", remedy="Leave keep out."
        )
    many = Trials(nature=drawn, analysis=analysis, **task)
    if truth:
        if not cox:
            raise DesignError("truth is of the hazard ratio", where="truth", remedy="Leave cox as it is.")
        many = replace(many, truth=_truth(replace(many, analysis=None)))
    found, interrupted = run_trials(many, trials, precision=precision, executor=executor, keep=keep, progress=progress)
    return summary(many, found, interrupted)


def _truth(many: Trials) -> tuple[float, ...]:
    """The log hazard ratios that a million patients give on the mean days of the looks: the means of a hundred trials
    of 10,000, which are as good as one of a million, and take less memory."""
    pilot, _ = run_trials(many, CHUNK)
    days = np.floor(pilot.by_look["day"] / pilot.trials + 0.5)
    cuts = tuple(Cut(time=f"{day:g} days") for day in days)
    large = replace(
        many,
        nature=replace(many.nature, patients=_PATIENTS),
        looks=Looks(cuts=cuts, efficacy=np.full(len(cuts), np.inf), sided=1),
    )
    found = large.found(_ELSEWHERE, _LARGE)
    return tuple(found[:, :, LOG_RATIO].mean(axis=0).tolist())


def name_of_test(task: Trials) -> str:
    """The test that meets the bounds, and the model beside it."""
    strata = f"stratified by {', '.join(task.by)}" if task.by else "unstratified"
    test = f"log-rank test, {strata}" if task.analysis is None else "an analysis of the user's own"
    return f"{test}; Cox model with Efron's ties, {strata}" if task.cox else test


def by_logrank(protocol: Protocol, scenario: Scenario, analysis: Analysis) -> dict[str, Any]:
    """Arms, endpoint and strata of an analysis by a log-rank test, of all who are randomized."""
    about = protocol.estimands[analysis.estimand]
    path = f"estimands.{quoted(analysis.estimand)}"
    flag = protocol.populations[about.population].flag
    if flag is not None and flag.upper() in {name.upper() for name in scenario.factors}:
        raise UnsupportedError(
            f"the population {about.population!r} is a part of those who are randomized",
            where=f"{path}.population",
            remedy="Draw patients with simulate.trial and analyze them.",
        )
    if (
        about.summary != "hazard ratio"
        or analysis.test not in (None, "logrank", "cox")
        or analysis.rho
        or analysis.gamma
    ):
        raise UnsupportedError(
            "many trials are tested by a log-rank test without weights",
            where=path,
            remedy="Draw patients with simulate.trial and analyze them.",
        )
    names = {name.upper(): name for name in scenario.factors}
    columns = [column.upper() for column in protocol.data.strata.as_randomized]
    by = () if analysis.stratified is False else tuple(names[c] for c in columns if c in names)
    return {
        "experimental": about.treatment.experimental,
        "control": about.treatment.control,
        "endpoint": endpoint_place(protocol, about.variable),
        "by": by,
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


def summary(task: Trials, total: Sums, interrupted: bool) -> Operating:
    """Shares, means and their errors from sums over trials."""
    n, sums = total.trials, total.by_look

    def mean(name: str, of: Vector | float) -> Vector:
        return np.asarray(np.divide(sums[name], of, out=np.full(sums[name].shape, np.nan), where=np.asarray(of) > 0))

    def sd(name: str, of: Vector | float) -> Vector:
        return np.asarray(np.sqrt(np.maximum(mean(f"{name} squared", of) - mean(name, of) ** 2, 0.0)))

    power = float(sums["efficacy"].sum()) / n
    expected = {}
    for name in ("events", "patients", "day"):
        middle = total.whole[name] / n
        spread = max(total.whole[f"{name} squared"] / n - middle**2, 0.0)
        expected[name] = (middle, math.sqrt(spread / n))
    z, ratio = sums["with z"], sums["with hazard ratio"]
    return Operating(
        label=task.nature.label,
        test=name_of_test(task),
        trials=n,
        seed=task.seed,
        looks=task.looks,
        power=power,
        power_error=math.sqrt(power * (1 - power) / n),
        efficacy=sums["efficacy"] / n,
        futility=sums["futility"] / n,
        control=sums["control"] / n,
        crossed=sums["crossed"] / n,
        unmet=sums["unmet"] / n,
        day=mean("day", n),
        day_sd=sd("day", n),
        patients=mean("patients", n),
        events=mean("events", n),
        events_control=mean("events control", n),
        z=mean("z", z),
        z_sd=sd("z", z),
        log_hazard_ratio=mean("log hazard ratio", ratio),
        log_hazard_ratio_sd=sd("log hazard ratio", ratio),
        standard_error=mean("standard error", ratio),
        true_log_hazard_ratio=np.array(task.truth) if task.truth else np.full(len(z), np.nan),
        covered=mean("covered", ratio) if task.truth else np.full(len(z), np.nan),
        expected=expected,
        interrupted=interrupted,
        wrong=tuple(total.wrong),
    )
