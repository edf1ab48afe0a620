"""Second program for simulated histories: one patient, one step after the other, from a scenario and uniforms.

Times are in days from randomization; a continuous time t > 0 falls on day ceil(t), at least 1. The uniforms of a
patient, all in (0, 1): u[0] entry, u[1] progression, u[2] death before progression, u[3] death after progression,
u[4] dropout from visits, u[5] loss to follow-up, u[6] seen between visits, u[7] crossover yes or no, u[8] delay of the
crossover, u[9 + k] visit k.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

INFINITE = math.inf
Ratios = Mapping[str, float]


@dataclass(frozen=True)
class Law:
    """Weibull, H(t) = (t / scale)**shape; or constant hazards a day in pieces, ``breaks`` their ends but the last."""

    shape: float = 1.0
    scale: float = math.nan
    breaks: tuple[float, ...] = ()
    hazards: tuple[float, ...] = ()

    def cumulative(self, t: float) -> float:
        if not self.hazards:
            return (t / self.scale) ** self.shape
        total, start = 0.0, 0.0
        for hazard, end in zip(self.hazards, (*self.breaks, INFINITE), strict=True):
            if t > start:
                total += hazard * (min(t, end) - start)
            start = end
        return total

    def time(self, h: float) -> float:
        """When the cumulative hazard reaches h: 0 for 0, infinite if it never does."""
        if h == 0:
            return 0.0
        if not self.hazards:
            return self.scale * h ** (1 / self.shape)
        reached, start = 0.0, 0.0
        for hazard, end in zip(self.hazards, (*self.breaks, INFINITE), strict=True):
            if hazard > 0 and reached + hazard * (end - start) >= h:
                return start + (h - reached) / hazard
            if hazard > 0:
                reached += hazard * (end - start)
            start = end
        return INFINITE


@dataclass(frozen=True)
class Scenario:
    """A law that is None never happens; a ratio is 1 for arms not named; ``every`` 0 means no visits."""

    accrual_days: float
    cutoff_days: int
    progression: Law
    death_after: Law
    death_before: Law | None = None
    dropout: Law | None = None
    loss: Law | None = None
    ratio_progression: Ratios = field(default_factory=dict)
    ratio_death_before: Ratios = field(default_factory=dict)
    ratio_death_after: Ratios = field(default_factory=dict)
    ratio_dropout: Ratios = field(default_factory=dict)
    ratio_loss: Ratios = field(default_factory=dict)
    every: int = 0
    later_from: float = INFINITE
    later_every: int = 0
    spread: float = 0.0
    missed: float = 0.0
    between_visits: float = 0.0
    lag: int = 0
    crossover_arm: str | None = None
    crossover_probability: float = 0.0
    crossover_delay: float = 0.0
    crossover_ratio: float = 1.0


def day_of(t: float) -> float:
    """The day on which a time falls; infinite for what never happens."""
    return t if t == INFINITE else max(1, math.ceil(t))


def planned_days(scenario: Scenario, count: int) -> list[int]:
    """The first ``count`` days of the grid."""
    days: list[int] = []
    while len(days) < count:
        early = scenario.every * (len(days) + 1)
        if scenario.later_every == 0 or early <= scenario.later_from:
            days.append(early)
        else:
            days.append((days[-1] if days else 0) + scenario.later_every)
    return [day + scenario.lag for day in days]


def attended_days(scenario: Scenario, u: Sequence[float]) -> list[int]:
    """The actual days of the visits that are not missed, as if the patient came forever."""
    visits = u[9:]
    if scenario.every == 0:
        return []
    planned = planned_days(scenario, len(visits) + 1)
    attended: list[int] = []
    for k, uniform in enumerate(visits):
        if uniform < scenario.missed:
            continue
        w = (uniform - scenario.missed) / (1 - scenario.missed)
        latest = planned[k + 1] - 1
        if scenario.spread == 0:
            day = planned[k]
        elif w == 0:
            day = latest
        else:
            day = planned[k] + math.floor(scenario.spread * (-math.log(w) - 1) + 0.5)
        previous = attended[-1] if attended else 0
        attended.append(min(max(day, previous + 1), latest))
    return attended


def first_seen(scenario: Scenario, u: Sequence[float], t: float, attended: Sequence[int]) -> float:
    """The day on which a progression at time t is seen, if the patient lives and comes for long enough."""
    if t == INFINITE:
        return INFINITE
    if scenario.every == 0 or u[6] < scenario.between_visits:
        return day_of(t)
    return next((day for day in attended if day >= t), INFINITE)


def waiting_time(law: Law | None, u: float, ratio: float) -> float:
    return INFINITE if law is None else law.time(-math.log(u) / ratio)


def survival_after(law: Law, h: float, switch: float, ratio: float) -> float:
    """Time since progression at which the hazard, multiplied by ``ratio`` from ``switch`` on, has added up to h."""
    before = law.time(h)
    if switch == INFINITE or before <= switch:
        return before
    at_switch = law.cumulative(switch)
    return law.time(at_switch + (h - at_switch) / ratio)


def history(
    scenario: Scenario, arm: str, u: Sequence[float], m_progression: float = 1.0, m_death: float = 1.0
) -> dict[str, Any]:
    """One patient's history: what happened, what is on record, and the three endpoints (days, events)."""
    entry = math.floor(u[0] * scenario.accrual_days)
    horizon = scenario.cutoff_days - entry
    if horizon < 1:
        return {"entered": False, "entry": entry, **dict.fromkeys(OUTCOMES)}

    def ratio(ratios: Ratios) -> float:
        return ratios.get(arm, 1.0)

    lost = day_of(waiting_time(scenario.loss, u[5], ratio(scenario.ratio_loss)))
    dropped = day_of(waiting_time(scenario.dropout, u[4], ratio(scenario.ratio_dropout)))
    followed = min(horizon, lost)
    assessed = min(followed, dropped)

    t = waiting_time(scenario.progression, u[1], ratio(scenario.ratio_progression) * m_progression)
    before = waiting_time(scenario.death_before, u[2], ratio(scenario.ratio_death_before) * m_death)
    attended = attended_days(scenario, u)
    seen = crossing = INFINITE
    if before <= t:
        death = day_of(before)
        progresses_at = INFINITE
    else:
        progresses_at = t
        threshold = -math.log(u[3]) / (ratio(scenario.ratio_death_after) * m_death)
        seen = first_seen(scenario, u, t, attended)
        untreated = day_of(t + scenario.death_after.time(threshold))
        # A crossing needs a progression on record, and comes after it: so the death that would come without any
        # crossing says whether the patient is alive then.
        on_record = seen <= assessed and seen <= untreated
        if on_record and arm == scenario.crossover_arm and u[7] < scenario.crossover_probability:
            crossing = seen + math.floor(-math.log(u[8]) * scenario.crossover_delay)
        if crossing > followed:
            crossing = INFINITE
        death = day_of(t + survival_after(scenario.death_after, threshold, crossing - t, scenario.crossover_ratio))
        if death < seen:
            seen = INFINITE
        if death < crossing:
            crossing = INFINITE
    if seen > assessed:
        seen = INFINITE
    found = {
        "entered": True,
        "entry": entry,
        "latent_progression": t,
        "progression": whole(seen),
        "death": whole(death) if death <= followed else None,
        "crossover": whole(crossing),
        "treatment_end": whole(max(1, min(seen, death, assessed))),
    }
    return {**found, **endpoints(scenario, attended, progresses_at, seen, death, followed, assessed)}


OUTCOMES = (
    "latent_progression", "progression", "death", "crossover", "pfs_day", "pfs_event", "os_day", "os_event", "ttp_day",
    "ttp_event", "treatment_end",
)  # fmt: skip


def endpoints(
    scenario: Scenario,
    attended: Sequence[int],
    progresses_at: float,
    seen: float,
    death: float,
    followed: float,
    assessed: float,
) -> dict[str, Any]:
    """Days and events of progression-free survival, overall survival and time to progression."""
    until = min(assessed, death)  # nobody is assessed after death
    free = [day for day in attended if day <= until and day < progresses_at]
    if scenario.every == 0:
        censored = whole(until)
    else:
        censored = free[-1] if free else 1
    progressed = seen != INFINITE
    dead = death <= assessed
    return {
        "pfs_day": whole(seen) if progressed else whole(death) if dead else censored,
        "pfs_event": progressed or dead,
        "os_day": whole(min(death, followed)),
        "os_event": death <= followed,
        "ttp_day": whole(seen) if progressed else censored,
        "ttp_event": progressed,
    }


def whole(day: float) -> int | None:
    return None if day == INFINITE else int(day)
