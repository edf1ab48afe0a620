"""What many trials did, as a record: decisions, dates, numbers and estimates, each with its Monte Carlo error."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .. import results
from ..results import NOT_ESTIMABLE, ROUNDING_NOTE, Row, fixed
from ..units import DAYS_PER_MONTH, MONTH_LENGTH_NOTE
from .critical import error_of
from .looks import Looks
from .many import RATIO, Sums, Trials, estimates_of
from .own_analysis import estimate_of
from .protocol_analysis import ProtocolAnalysis

if TYPE_CHECKING:
    import polars as pl

Vector = NDArray[np.float64]
NO_TRIAL = "no trial gave it"
NO_TRUTH = "a million patients do not give it on the mean day of the look"
_NAMED = 5
_RARE = 0.01  # of trials: fewer are told in the rows alone


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Estimated:
    """What trials estimate of one thing at each look (k,): ``mean`` and ``sd`` over the ``trials`` (k,) that give it,
    mean ``standard_error``.

    ``crossed`` is the share of trials whose Wald test by it is at the bound for efficacy or above it, None for an
    estimate of the user's own, whose Z meets the bound itself; ``truth`` what a
    million patients would estimate on the mean day of the look, with its Monte Carlo error ``truth_error``, and
    ``covered`` the share of the trials with an estimate whose 95% Wald interval holds it, all None unless asked for.
    """

    trials: Vector
    mean: Vector
    sd: Vector
    standard_error: Vector
    crossed: Vector | None
    truth: Vector | None
    truth_error: Vector | None
    covered: Vector | None

    def __post_init__(self) -> None:
        results.read_only(self)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Operating:
    """What ``trials`` simulated trials did; arrays (k,) are by look.

    ``crossed``: shares that are at the bound for efficacy or above it at a look, whether or not they had stopped.
    ``efficacy``, ``futility``, ``control``: shares of trials that stopped at a look with a claim, for futility, or with
    a claim for the control arm (two-sided tests); ``unmet``: shares that ended before the look's number of events, and
    claim nothing there; ``short``: shares with fewer events than the look's number when it came, by its day or unmet.
    ``day``, ``patients``, ``events``: means over all trials as if none had stopped, with
    standard deviations between trials (``_sd``), which over the root of ``trials`` are Monte Carlo errors; ``z``: the
    same over the ``z_trials`` (k,) that have one. ``power``
    with ``power_error``: the share with a claim. ``expected`` days, patients and events at which trials end, with their
    Monte Carlo errors. ``estimates``: what trials estimate, by name ("log hazard ratio", "difference of restricted
    means", "difference of survival", "estimate of the user's own").
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
    short: Vector
    day: Vector
    day_sd: Vector
    patients: Vector
    patients_sd: Vector
    events: Vector
    events_sd: Vector
    events_control: Vector
    events_control_sd: Vector
    z_trials: Vector
    z: Vector
    z_sd: Vector
    estimates: Mapping[str, Estimated]
    expected: dict[str, tuple[float, float]]
    interrupted: bool
    wrong: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        results.read_only(self)

    @property
    def log_hazard_ratio(self) -> Vector:
        """The mean of the estimated log hazard ratios at each look (k,)."""
        return self.estimates[RATIO].mean

    def error(self, share: float) -> float:
        """The Monte Carlo error of a share of the trials."""
        return error_of(share, self.trials)

    @property
    def either(self) -> float:
        """The share of trials with a claim for either arm: under no effect the type I error of a two-sided test."""
        return self.power + float(self.control.sum())

    def _possible(self, name: str, look: int) -> bool:
        """Whether a trial can end so at a look: what the rules exclude is 0 without error."""
        looks = self.looks
        bound = float(looks.efficacy[look])
        return {
            "efficacy": bound < math.inf,
            "control": looks.sided == 2 and bound < math.inf,
            "futility": float(looks.futility[look]) > -math.inf,  # type: ignore[index]
            "unmet": any(part.events is not None for part in looks.cuts[look].parts),
        }[name]

    def __str__(self) -> str:
        days, months = self.expected["day"][0], DAYS_PER_MONTH
        return (
            f"{self.label}: power {fixed(self.power, 4)} (Monte Carlo error {fixed(self.power_error, 4)}) over "
            f"{self.trials:,} trials, seed {self.seed}{self._of_either()}; on average "
            f"{fixed(self.expected['events'][0], 1)} events, {fixed(self.expected['patients'][0], 1)} patients "
            f"and {fixed(days / months, 1)} months{self._told()}"
        )

    def _of_either(self) -> str:
        """Of a two-sided test: what its alpha is of."""
        if self.looks.sided == 1:
            return ""
        error = fixed(self.error(self.either), 4)
        return f", of a claim for either arm {fixed(self.either, 4)} (Monte Carlo error {error})"

    def _told(self) -> str:
        """What must be known beside the power: a look that is never met, or an analysis that failed, claims nothing."""
        told = [
            f"; {fixed(100 * share, 1)}% of the trials end before look {look}, and claim nothing there"
            for look, share in enumerate(self.unmet.tolist(), start=1) if share >= _RARE
        ]  # fmt: skip
        if self.wrong:
            told.append(f"; {len(self.wrong)} looks are without a result, the first at {self.wrong[0]}")
        return "".join(told)

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

        def row(
            statistic: str,
            value: float,
            digits: int,
            at: float | None = None,
            unit: str = "",
            why: str = NO_TRIAL,
        ) -> None:
            text = fixed(value, digits) if math.isfinite(value) else NOT_ESTIMABLE
            reason = "" if math.isfinite(value) else why
            held: dict[str, Any] = dict(results.number(value, text, reason))
            found.append(Row(statistic=statistic, at=at, unit=unit, **held, **shared))

        if self.wrong:
            few = "; ".join(self.wrong[:_NAMED]) + ("; ..." if len(self.wrong) > _NAMED else "")
            count: dict[str, Any] = {"value": float(len(self.wrong)), "text": str(len(self.wrong)), "reason": few}
            found.append(Row(statistic="looks without a result", **count, **shared))
        row("power", self.power, 4)
        row("power Monte Carlo error", self.power_error, 4)
        if self.looks.sided == 2:
            row("claim for either arm", self.either, 4)
            row("claim for either arm Monte Carlo error", self.error(self.either), 4)
        for name, unit in (("events", "events"), ("patients", "patients"), ("day", "days")):
            row(f"expected {name}", self.expected[name][0], 1, unit=unit)
            row(f"expected {name} Monte Carlo error", self.expected[name][1], 2, unit=unit)
        root = math.sqrt(self.trials)
        for k in range(len(self.looks.cuts)):
            at = float(k + 1)
            for name in ("efficacy", "futility", "control", "unmet"):
                share = float(getattr(self, name)[k])
                row(f"probability of {name}", share, 4, at)
                row(f"probability of {name} Monte Carlo error", self.error(share) * self._possible(name, k), 4, at)
            for statistic, name, unit in (("look day", "day", "days"), ("patients", "patients", "patients"),
                                          ("events", "events", "events")):  # fmt: skip
                row(statistic, float(getattr(self, name)[k]), 1, at, unit)
                row(f"{statistic} Monte Carlo error", float(getattr(self, f"{name}_sd")[k]) / root, 2, at, unit)
            row("look day standard deviation", float(self.day_sd[k]), 1, at, "days")
            row("events in the control arm", float(self.events_control[k]), 1, at, "events")
            row("events in the control arm Monte Carlo error", float(self.events_control_sd[k]) / root, 2, at, "events")
            row("trials with z", float(self.z_trials[k]), 0, at, "trials")
            row("mean z", float(self.z[k]), 4, at)
            why = no_spread(float(self.z[k]), NO_TRIAL)
            row("mean z Monte Carlo error", over_root(self.z_sd[k], self.z_trials[k]), 4, at, "", why)
            row("standard deviation of z", float(self.z_sd[k]), 4, at, "", why)
            for name in self.estimates:
                for statistic, value, error, why in self.told_of(name, k):
                    digits = 0 if statistic.startswith("trials") else 4
                    row(statistic, value, digits, at, "trials" if digits == 0 else "", why)
                    if error is not None:
                        row(f"{statistic} Monte Carlo error", error, 4, at, "", no_spread(value, why))
        return found

    def told_of(self, name: str, k: int) -> Iterator[tuple[str, float, float | None, str]]:
        """What is told of an estimate at a look: statistic, value, Monte Carlo error, and why there may be none."""
        one, why = self.estimates[name], NO_TRIAL
        count, middle = float(one.trials[k]), float(one.mean[k])
        error = over_root(one.sd[k], count)
        yield f"trials with {'an' if name[0] in 'aeiou' else 'a'} {name}", count, None, why
        yield f"mean {name}", middle, error, why
        yield f"standard deviation of {name}", float(one.sd[k]), None, no_spread(middle, why)
        yield f"mean standard error of {name}", float(one.standard_error[k]), None, why
        if one.crossed is not None:
            share = float(one.crossed[k])
            yield f"probability of a bound crossed by {name}", share, self.error(share), why
        if one.truth is not None and one.truth_error is not None and one.covered is not None:
            true, of_truth, covered = float(one.truth[k]), float(one.truth_error[k]), float(one.covered[k])
            why = NO_TRUTH if math.isnan(true) else why
            yield f"true {name}", true, of_truth, why
            yield f"bias of {name}", middle - true, math.hypot(error, of_truth), why
            yield f"coverage of {name}", covered, error_of(covered, count), why

    def table(self) -> pl.DataFrame:
        """The long table of all of it."""
        return results.long_table(self.rows())


def over_root(sd: float, count: float) -> float:
    """The Monte Carlo error of a mean of so many; nan of fewer than 2, which do not show how far they lie apart.

    >>> over_root(0.5, 100), over_root(0.0, 1)
    (0.05, nan)
    """
    return float(sd) / math.sqrt(count) if count >= 2 else math.nan


def no_spread(mean: float, why: str) -> str:
    """Why there is no standard deviation or error of a mean: why there is no mean, or that it is of one trial."""
    return "one trial gave it, which has no spread" if math.isfinite(mean) else why


def name_of_test(task: Trials) -> str:
    """The test that meets the bounds, and the estimates beside it."""
    strata = f"stratified by {', '.join(task.by)}" if task.by else "unstratified"
    test = f"log-rank test, {strata}"
    if task.analysis is not None:
        own = isinstance(task.analysis, ProtocolAnalysis)
        test = f"{task.analysis}, {strata}" if own else "an analysis of the user's own"
    test += f"; Cox model with Efron's ties, {strata}" if task.cox else ""
    test += f"; restricted means to {task.tau}, in days, {strata}" if task.tau else ""
    test += f"; survival at {task.at}, {strata}" if task.at else ""
    if task.truth:
        test += "; coverage of 95% Wald limits; the truth is what a million patients give on the look's mean day"
    return test


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
    z = sums["with z"]
    own = None if task.analysis is None else estimate_of(task.analysis)
    estimates = {}
    for name in estimates_of(task):
        count = sums[f"with {name}"]
        if name == own and not count.any():  # the function gives Z alone
            continue
        true = task.truth.get(name)
        estimates[name] = Estimated(
            trials=count,
            mean=mean(name, count),
            sd=np.where(count >= 2, sd(name, count), np.nan),
            standard_error=mean(f"{name} error", count),
            crossed=None if name == own else sums[f"crossed by {name}"] / n,
            truth=None if true is None else np.array(true[0]),
            truth_error=None if true is None else np.array(true[1]),
            covered=None if true is None else np.where(np.isnan(true[0]), np.nan, mean(f"covered {name}", count)),
        )
    return Operating(
        label=task.nature.label,
        test=name_of_test(task),
        trials=n,
        seed=task.seed,
        looks=task.looks,
        power=power,
        power_error=error_of(power, n),
        efficacy=sums["efficacy"] / n,
        futility=sums["futility"] / n,
        control=sums["control"] / n,
        crossed=sums["crossed"] / n,
        unmet=sums["unmet"] / n,
        short=sums["short"] / n,
        day=mean("day", n),
        day_sd=sd("day", n),
        patients=mean("patients", n),
        patients_sd=sd("patients", n),
        events=mean("events", n),
        events_sd=sd("events", n),
        events_control=mean("events control", n),
        events_control_sd=sd("events control", n),
        z_trials=z,
        z=mean("z", z),
        z_sd=np.where(z >= 2, sd("z", z), np.nan),
        estimates=MappingProxyType(estimates),
        expected=expected,
        interrupted=interrupted,
        wrong=tuple(total.wrong),
    )
