"""A second program for simulated trials of survival alone: day by day and patient by patient, in plain Python."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Patient:
    """Day of entry, days until death and until loss to follow-up (both counted from 1), stratum, and whether the arm is
    the experimental one."""

    entry: int
    death: float
    lost: float
    stratum: int
    experimental: bool


def patient(
    u: tuple[float, float, float],
    accrual: list[tuple[float, float]],
    death: tuple[float, float],
    lost: float,
    stratum: int,
    *,
    experimental: bool,
) -> Patient:
    """From uniforms of entry, death and loss. accrual: [(end of a period in days, share entered by then), ...] from
    (0, 0) on; death: shape and scale of a Weibull law; lost: hazard a day, or 0."""
    for (a, low), (b, high) in pairwise(accrual):
        if u[0] <= high:
            entry = a + (u[0] - low) / (high - low) * (b - a)
            break
    dies = death[1] * (-math.log(u[1])) ** (1 / death[0])
    leaves = -math.log(u[2]) / lost if lost else math.inf
    return Patient(
        int(entry), math.ceil(dies), math.ceil(leaves) if leaves < math.inf else math.inf, stratum, experimental
    )


def looks(people: list[Patient], cuts: list[tuple[str, int, int]], end: int) -> list[tuple[bool, int, float]]:
    """For each cut ("events", "day", "later" or "earlier", events, day): whether it is met by the end, its day (never
    before the one before), and the stratified log-rank z, above zero where the experimental arm does better."""
    found = []
    before = 0
    for kind, wanted, fixed in cuts:
        reached = next((day for day in range(end + 1) if deaths_by(people, day, end) >= wanted), None)
        if kind == "events":
            met, day = reached is not None, end if reached is None else reached
        elif kind == "day":
            met, day = fixed <= end, min(fixed, end)
        elif kind == "later":
            met = reached is not None and fixed <= end
            day = min(max(end if reached is None else reached, fixed), end)
        else:
            met = reached is not None or fixed <= end
            day = min(end if reached is None else reached, fixed, end)
        before = max(before, day)
        found.append((met, before, z_at(people, before)))
    return found


def deaths_by(people: list[Patient], day: int, end: int) -> int:
    """Deaths on record by a day of the calendar, of those who entered before the trial's last day."""
    return sum(1 for p in people if p.death <= p.lost and p.entry + p.death <= day and p.entry < end)


def z_at(people: list[Patient], day: int) -> float:
    """The log-rank z of the data as they stood on a day."""
    there = [p for p in people if p.entry < day]
    rows = []
    for p in there:
        followed = min(day - p.entry, p.lost)
        rows.append((min(p.death, followed), p.death <= followed, p.experimental, p.stratum))
    score = variance = 0.0
    for s in {row[3] for row in rows}:
        own = [row for row in rows if row[3] == s]
        for t in sorted({time for time, died, _, _ in own if died}):
            risk = [row for row in own if row[0] >= t]
            n, n1 = len(risk), sum(row[2] for row in risk)
            dying = [row for row in risk if row[0] == t and row[1]]
            d, d1 = len(dying), sum(row[2] for row in dying)
            score += d * n1 / n - d1
            if n > 1:
                variance += d * n1 / n * (n - n1) / n * (n - d) / (n - 1)
    return score / math.sqrt(variance) if variance > 0 else math.nan
