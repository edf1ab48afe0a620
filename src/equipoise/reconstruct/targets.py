"""From printed numbers to what a cohort must meet: rounding windows for a search, and counts that are fixed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from ..errors import ProtocolError, UnsupportedError
from ..kernels import targets as kinds
from ..protocol import Protocol, PublishedNumber, Scenario, describe_number
from ..protocol.published import Tier
from ..simulate.patients import endpoint_place
from ..units import days, days_per
from .refusals import (
    check_adverse_events,
    check_agreement,
    check_population,
    check_responders,
    population_columns,
    printed_count,
    strata_of,
)

_MARGIN = 0.02  # of a window's width, on either side: a digit is never met by a hair
_OPEN_MARGIN = 0.01  # of about a standard error, inside a bound
_KIND = {
    "hazard ratio": kinds.LOG_HR,
    "hazard ratio lower limit": kinds.LOG_HR_LOW,
    "hazard ratio upper limit": kinds.LOG_HR_HIGH,
    "median": kinds.MEDIAN,
    "median lower limit": kinds.MEDIAN_LOW,
    "median upper limit": kinds.MEDIAN_HIGH,
    "event-free rate": kinds.RATE,
    "known event-free": kinds.KNOWN_FREE,
    "events": kinds.EVENTS,
}
_CONF_TYPE = {"plain": kinds.PLAIN, "log": kinds.LOG, "log-log": kinds.LOG_LOG, None: kinds.LOG_LOG}


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisSet:
    """An endpoint in a population with its two arms: what a group of targets is computed from. ``strata`` are the
    columns over which ratios and tests are stratified."""

    place: int
    population: str
    experimental: str
    control: str
    strata: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One number to be met: ``row`` (5,) and ``window`` (3,) as ``kernels.measure`` takes them."""

    index: int
    number: PublishedNumber
    row: tuple[int, int, int, int, int]
    window: tuple[float, float, float]

    @property
    def name(self) -> str:
        return f"{describe_number(self.number)} {self.number.printed}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Targets:
    """Everything of a tier that a cohort must meet.

    ``searched`` are found by search; ``subjects`` in each arm, ``levels`` of factors, ``event_counts`` (arm and place
    among the scenario's kinds of adverse event, -1 for any) and ``responders`` (arm and column) are fixed when patients
    are drawn; ``more_frequent`` are the keys of events, where an arm must have a larger share of subjects than every
    other.
    """

    tier: Tier
    searched: tuple[Target, ...]
    sets: tuple[AnalysisSet, ...]
    subjects: Mapping[str, int]
    levels: Mapping[str, Mapping[str, int]]
    event_counts: Mapping[tuple[str, int], int]
    more_frequent: tuple[tuple[str, int], ...]
    responders: Mapping[tuple[str, str], int]

    @property
    def rows(self) -> NDArray[np.int64]:
        """Kinds, sets, arms, types of limits and days of the searched targets, (t, 5)."""
        return np.array([t.row for t in self.searched], dtype=np.int64).reshape(-1, 5)

    @property
    def windows(self) -> NDArray[np.float64]:
        """Lower and upper ends and scales of the searched targets, (t, 3)."""
        return np.array([t.window for t in self.searched], dtype=float).reshape(-1, 3)


def targets(trial: Protocol, scenario: Scenario, tier: Tier = "A") -> Targets:
    """The targets of a tier, with every contradiction that needs no search refused.

    Raises ``ProtocolError`` where no cohort can print the numbers: a hazard ratio outside its interval, a percentage
    that no count prints, arms without a number of subjects.
    """
    numbers = [(i, n) for i, n in trial.published.of_tier(tier) if n.use == "target"]
    if not numbers:
        raise ProtocolError(
            f"the protocol gives no published number of tier {tier} to aim at",
            where="published.numbers",
            remedy='Add numbers = [{ statistic = "...", printed = "...", source = "..." }].',
        )
    subjects = _subjects(trial, numbers)
    levels = _levels(trial, scenario, numbers, sum(subjects.values()))
    check_agreement(trial, scenario, numbers, subjects)
    for endpoint in trial.endpoints:
        endpoint_place(trial, endpoint)  # every endpoint becomes records of ADTTE
    builder = _Builder(trial=trial, scenario=scenario, numbers=numbers, subjects=subjects, levels=levels)
    fixed = builder.event_counts()
    searched = tuple(builder.searched())
    return Targets(
        tier=tier,
        searched=searched,
        sets=tuple(builder.sets),
        subjects=subjects,
        levels=levels,
        event_counts=fixed,
        more_frequent=builder.more_frequent(),
        responders=builder.responders(),
    )


def number_total(trial: Protocol, subjects: Mapping[str, int], number: PublishedNumber) -> int:
    """Subjects that a count is a count of: those of its arm, or of both arms of its estimand."""
    if number.arm is not None:
        return subjects[number.arm]
    treatment = trial.estimands[str(number.estimand)].treatment
    return subjects[treatment.experimental] + subjects[treatment.control]


def _subjects(trial: Protocol, numbers: list[tuple[int, PublishedNumber]]) -> dict[str, int]:
    found = {
        n.arm: int(n.printed.value)
        for _, n in numbers
        if n.statistic == "subjects" and n.arm is not None and n.population is None
    }
    for arm in trial.arms:
        if arm not in found:
            raise ProtocolError(
                f"no published number says how many subjects arm {arm} had",
                where="published.numbers",
                remedy=f'Add {{ statistic = "subjects", arm = "{arm}", printed = "...", source = "..." }}.',
            )
    return {arm: found[arm] for arm in trial.arms}


def _levels(
    trial: Protocol, scenario: Scenario, numbers: list[tuple[int, PublishedNumber]], total: int
) -> dict[str, dict[str, int]]:
    """How many patients have the flag of a population whose size is printed."""
    levels: dict[str, dict[str, int]] = {}
    for index, number in numbers:
        if number.statistic != "subjects" or number.population is None:
            continue
        path = f"published.numbers[{index}]"
        if number.arm is not None:
            raise UnsupportedError(
                "the size of a population by arm cannot be aimed at", where=path, remedy='Set use = "shown".'
            )
        flag = trial.populations[number.population].flag
        count = int(number.printed.value)
        if count > total:
            raise ProtocolError(
                f"the population {number.population} has {count} of {total} subjects", where=f"{path}.printed"
            )
        factor = scenario.factors.get(flag or "")
        if factor is None or "Y" not in factor.levels:
            if count == total:
                continue
            raise ProtocolError(
                f"the model does not say who is in the population {number.population}",
                where=path,
                remedy=f"Add [scenario.NAME.factors.{flag or 'COLUMN'}] with levels Y and N, and name the column as "
                f"flag of the population.",
            )
        levels[str(flag)] = {"Y": count}
    return levels


@dataclass(slots=True, kw_only=True)
class _Builder:
    """The numbers of a tier on their way to targets; ``sets`` grows as targets need them."""

    trial: Protocol
    scenario: Scenario
    numbers: list[tuple[int, PublishedNumber]]
    subjects: dict[str, int]
    levels: dict[str, dict[str, int]]

    def __post_init__(self) -> None:
        self.sets = []

    sets: list[AnalysisSet] = None  # type: ignore[assignment]

    def searched(self) -> Iterator[Target]:
        for index, number in self.numbers:
            if number.statistic in ("subjects", "adverse event", "responders"):
                continue
            if number.statistic == "crossed over":
                yield self._crossings(index, number)
                continue
            kind, window, scale = self._window(index, number)
            row = (kind, self._set(number, index), self._side(number), _CONF_TYPE[number.conf_type], self._day(number))
            met = window if kind in (kinds.KNOWN_FREE, kinds.EVENTS) else _shrunk(window, scale)
            yield Target(index=index, number=number, row=row, window=(*met, scale))

    def _crossings(self, index: int, number: PublishedNumber) -> Target:
        crossover = self.scenario.crossover
        if crossover is None or crossover.arm != number.arm:
            raise ProtocolError(
                f"patients of {number.arm} are to cross over, which the model does not know",
                where=f"published.numbers[{index}]",
                remedy="Add [scenario.NAME.crossover] for this arm.",
            )
        counts = printed_count(number, self.subjects[str(number.arm)], index)
        window = (float(counts[0]), float(counts[-1]), 0.5 * math.sqrt(self.subjects[str(number.arm)]))
        return Target(index=index, number=number, row=(kinds.CROSSINGS, -1, -1, 0, 0), window=window)

    def _set(self, number: PublishedNumber, index: int) -> int:
        estimand = self.trial.estimands[str(number.estimand)]
        for event, rule in estimand.intercurrent_events.items():
            if rule.strategy != "treatment policy":
                raise UnsupportedError(
                    f"a number whose estimand handles {event} by the strategy {rule.strategy} cannot be aimed at",
                    where=f"published.numbers[{index}].estimand",
                    remedy='Set use = "shown".',
                )
        check_population(self.trial, self.scenario, estimand.population)
        here = AnalysisSet(
            place=endpoint_place(self.trial, estimand.variable),
            population=estimand.population,
            experimental=estimand.treatment.experimental,
            control=estimand.treatment.control,
            strata=strata_of(self.trial, number),
        )
        if here not in self.sets:
            self.sets.append(here)
        return self.sets.index(here)

    def _side(self, number: PublishedNumber) -> int:
        if number.arm is None:
            return -1
        return int(number.arm == self.trial.estimands[str(number.estimand)].treatment.experimental)

    def _day(self, number: PublishedNumber) -> int:
        """The last whole day by which a rate is read; the first on which a subject is known to be event-free."""
        if number.at is None:
            return 0
        return (math.ceil if number.statistic == "known event-free" else math.floor)(days(number.at))

    def _window(self, index: int, number: PublishedNumber) -> tuple[int, tuple[float, float], float]:
        """Kind, window in the kernel's terms, and about a standard error of the statistic."""
        if number.statistic == "P":
            return self._p_window(number)
        kind = _KIND[number.statistic]
        if number.printed.word == "not reached":
            return kind, (math.inf, math.inf), 0.15
        if kind <= kinds.LOG_HR_HIGH:
            low, high = number.printed.window
            return kind, (math.log(max(low, 1e-9)), math.log(high)), self._log_se(number)
        if kind <= kinds.MEDIAN_HIGH:
            low, high = number.printed.window
            per = days_per(self.trial.endpoints[self.trial.estimands[str(number.estimand)].variable].unit)
            return kind, (low * per, high * per), 0.15
        if kind == kinds.RATE:
            return kind, number.printed.window, 0.05
        total = self._total(number)
        counts = printed_count(number, total, index)
        return kind, (float(counts[0]), float(counts[-1])), max(1.0, 0.5 * math.sqrt(total))

    def _total(self, number: PublishedNumber) -> int:
        estimand = self.trial.estimands[str(number.estimand)]
        population = self.trial.populations[estimand.population]
        if any(column in self.scenario.factors for column in population_columns(population)):
            if number.printed.percent:
                raise UnsupportedError(
                    "a percentage of a subgroup's arm, whose size is not fixed, cannot be aimed at",
                    remedy='Print the count, or set use = "shown".',
                )
            return sum(self.subjects.values())
        return number_total(self.trial, self.subjects, number)

    def _log_se(self, number: PublishedNumber) -> float:
        same = {n.statistic: n.printed.value for _, n in self.numbers if n.estimand == number.estimand}
        low, high = same.get("hazard ratio lower limit"), same.get("hazard ratio upper limit")
        return (math.log(high) - math.log(low)) / (2 * 1.96) if low and high else 0.2

    def _p_window(self, number: PublishedNumber) -> tuple[int, tuple[float, float], float]:
        """A P value as a window of z (above zero where fewer events in the experimental arm speak for it)."""
        sided = number.sided or (self.trial.testing.sided if self.trial.testing else 2)
        word = number.printed.word
        if word:
            alpha = self.trial.testing.alpha if self.trial.testing else 0.05
            edge = float(-ndtri(alpha / sided))
            if word == "not significant":
                return kinds.Z, (-edge if sided == 2 else -math.inf, edge), 1.0
            return (kinds.TAIL, (-edge, edge), 1.0) if sided == 2 else (kinds.Z, (edge, math.inf), 1.0)
        low, high = (min(max(p, 0.0), 1.0) / sided for p in number.printed.window)
        z = (float(-ndtri(high)), math.inf if low == 0 else float(-ndtri(low)))
        if sided == 2:
            z = (max(z[0], 0.0), z[1])
            if self._favours(number) < 0:
                z = (-z[1], -z[0])
        return kinds.Z, z, 1.0

    def _favours(self, number: PublishedNumber) -> int:
        """Which arm a two-sided P speaks for: by the printed hazard ratio, else medians, else the model."""
        estimand = self.trial.estimands[str(number.estimand)]
        same = [n for _, n in self.numbers if n.estimand == number.estimand and not n.printed.word]
        ratios = [n.printed.value for n in same if n.statistic == "hazard ratio"]
        if ratios and ratios[0] != 1:
            return 1 if ratios[0] < 1 else -1
        medians = {n.arm: n.printed.value for n in same if n.statistic == "median"}
        t = estimand.treatment
        if t.experimental in medians and t.control in medians and medians[t.experimental] != medians[t.control]:
            longer = medians[t.experimental] > medians[t.control]
        else:
            law = self.scenario.progression
            ratio = {} if law is None else law.hazard_ratio
            longer = ratio.get(t.experimental, 1.0) <= ratio.get(t.control, 1.0)
        return 1 if longer else -1

    def event_counts(self) -> dict[tuple[str, int], int]:
        """The count of each kind that every printing of it allows, the least of them."""
        allowed: dict[tuple[str, int], tuple[int, ...]] = {}
        for index, number in self.numbers:
            if number.statistic == "adverse event" and not number.printed.word:
                arm = str(number.arm)
                key = arm, self._kind_of_event(number, index)
                counts = printed_count(number, self.subjects[arm], index)
                allowed[key] = tuple(k for k in allowed.get(key, counts) if k in counts)
        check_adverse_events(self.trial, self.scenario, self.numbers, allowed, self.more_frequent(), self.subjects)
        return {key: counts[0] for key, counts in allowed.items()}

    def responders(self) -> dict[tuple[str, str], int]:
        """The count of each arm and column that every printing of it allows, the least of them."""
        allowed: dict[tuple[str, str], tuple[int, ...]] = {}
        for index, number in self.numbers:
            if number.statistic == "responders":
                check_responders(self.trial, self.scenario, number, index)
                key = str(number.arm), str(number.column)
                counts = printed_count(number, self.subjects[key[0]], index)
                allowed[key] = tuple(k for k in allowed.get(key, counts) if k in counts)
        return {key: counts[0] for key, counts in allowed.items()}

    def more_frequent(self) -> tuple[tuple[str, int], ...]:
        return tuple(
            (str(n.arm), self._kind_of_event(n, i))
            for i, n in self.numbers
            if n.statistic == "adverse event" and n.printed.word == "more frequent"
        )

    def _kind_of_event(self, number: PublishedNumber, index: int) -> int:
        """The place of the one kind of adverse event in the model that a number counts; -1 for any."""
        asked = {k: getattr(number, k) for k in ("grade", "serious", "nyha", "term") if getattr(number, k) is not None}
        events = self.scenario.adverse_events
        if events is not None and not asked:
            return -1
        matching = [
            k
            for k, kind in enumerate(events.kinds if events else ())
            if all(getattr(kind, key) == value for key, value in asked.items())
        ]
        if len(matching) != 1:
            found = "no kind" if not matching else f"{len(matching)} kinds"
            raise ProtocolError(
                f"{describe_number(number)}: the model has {found} of adverse event to count",
                where=f"published.numbers[{index}]",
                remedy="Give [scenario.NAME.adverse_events] exactly one kind with it.",
            )
        return matching[0]


def _shrunk(window: tuple[float, float], scale: float) -> tuple[float, float]:
    low, high = window
    margin = _MARGIN * (high - low) if math.isfinite(high - low) else _OPEN_MARGIN * scale
    return (low + margin if math.isfinite(low) else low, high - margin if math.isfinite(high) else high)
