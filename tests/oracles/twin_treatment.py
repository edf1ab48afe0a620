"""Second program for doses and adverse events: one patient, day by day."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.stats import binom


@dataclass(frozen=True)
class Drug:
    """A loading dose on its day (amount 0: none), then the maintenance dose from a day on, every so many days."""

    loading: float
    loading_day: int
    maintenance: float
    every: int
    from_day: int
    loading_per_kg: bool = False
    maintenance_per_kg: bool = False


def doses_given(drug: Drug, last_day: int, weight: float, missed: float, u: float) -> tuple[int, int, float, float]:
    """Planned, given, amount planned, amount given by the end of ``last_day``. The first dose is always given; of the
    others, as many are missed as the quantile u of the binomial distribution says, and they are maintenance doses."""
    amounts = []
    for day in range(1, last_day + 1):
        if drug.loading > 0 and day == drug.loading_day:
            amounts.append(drug.loading * (weight if drug.loading_per_kg else 1))
        if day >= drug.from_day and (day - drug.from_day) % drug.every == 0:
            amounts.append(drug.maintenance * (weight if drug.maintenance_per_kg else 1))
    lost = int(binom.ppf(u, len(amounts) - 1, missed)) if len(amounts) > 1 else 0
    return len(amounts), len(amounts) - lost, math.fsum(amounts), math.fsum(amounts[: len(amounts) - lost])


def undecided(doses: int, missed: float, u: float) -> bool:
    """Whether u is a value of the distribution function to rounding: either count beside it is then right."""
    return any(abs(float(binom.cdf(k, doses, missed)) - u) < 1e-11 for k in range(doses + 1))


def adverse_event_days(
    last_day: int, any_below: float, kind_below: Sequence[float], u_any: float, u_kind: Sequence[float],
    u_day: Sequence[float],
) -> list[int]:  # fmt: skip
    """The day of each kind of event, then of one of no kind; 0 for none. Day k is drawn by u in [(k - 1), k) / last."""
    nothing = [0] * (len(kind_below) + 1)
    if u_any >= any_below:
        return nothing
    drawn = [next(k for k in range(1, last_day + 1) if u * last_day < k) for u in u_day]
    kinds = [day if u < below else 0 for day, u, below in zip(drawn, u_kind, kind_below, strict=False)]
    return [*kinds, 0] if any(kinds) else [*nothing[:-1], drawn[-1]]
