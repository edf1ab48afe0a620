"""How often the interval of a forecast holds the date on which the n-th event came, in simulated trials (slow tier)."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

import numpy as np
import pytest

from equipoise.data import TimeToEvent
from equipoise.design import event_forecast
from equipoise.units import DAYS_PER_MONTH

pytestmark = pytest.mark.slow

SEED, TRIALS, LEVEL = 20261128, 2_000, 0.95
SAMPLING = math.sqrt(LEVEL * (1 - LEVEL) / TRIALS)  # half a point
TWO_POINTS = 0.02  # the normal law of a number, and of what is estimated, is no more than an approximation

# Months: accrual, cutoff; patients; medians of event time by piece; of time to drop-out; target.
PLANS: dict[str, dict[str, Any]] = {
    "all are in": {"n": 300, "accrual": 12, "cutoff": 18, "medians": [20], "left": 120, "events": 180},
    "half of the events": {"n": 300, "accrual": 12, "cutoff": 14, "medians": [20], "left": 120, "events": 130},
    "accrual goes on": {"n": 400, "accrual": 20, "cutoff": 14, "medians": [20], "left": 200, "events": 200},
    "two pieces": {"n": 400, "accrual": 20, "cutoff": 16, "medians": [9, 30], "left": 100, "events": 230,
                   "pieces": ["6 months"]},
    "few patients": {"n": 80, "accrual": 12, "cutoff": 16, "medians": [15], "left": 150, "events": 45},
    "nearly out of reach": {"n": 200, "accrual": 12, "cutoff": 24, "medians": [20], "left": 30, "events": 110},
    "two arms, hazard ratio 0.6": {
        "n": 400, "accrual": 18, "cutoff": 20, "medians": [15], "left": 150, "events": 280, "ratio": 0.6,
        "pieces": ["6 months", "12 months"],  # the hazard of a mixture falls
    },
}  # fmt: skip
CHANGE = 6 * DAYS_PER_MONTH  # of the hazard, where there are two pieces


def waited(rng: np.random.Generator, medians: list[float], ratio: np.ndarray) -> np.ndarray:
    """Days to an event under hazards that change after six months."""
    exponent = rng.exponential(size=len(ratio)) / ratio
    rates = [math.log(2) / (m * DAYS_PER_MONTH) for m in medians]
    first = exponent / rates[0]
    return (
        first
        if len(rates) == 1
        else np.where(first <= CHANGE, first, CHANGE + (exponent - rates[0] * CHANGE) / rates[1])
    )


def trial(rng: np.random.Generator, plan: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Days of entry, event and leaving on the trial's calendar, of those entered by the cutoff first; their number."""
    cutoff, end = plan["cutoff"] * DAYS_PER_MONTH, plan["accrual"] * DAYS_PER_MONTH
    early = int(plan["n"] * min(plan["cutoff"] / plan["accrual"], 1))
    entry = np.concatenate([
        rng.uniform(0, min(cutoff, end), early), rng.uniform(cutoff, max(end, cutoff), plan["n"] - early),
    ])  # fmt: skip
    ratio = np.where(np.arange(plan["n"]) % 2 == 0, 1.0, plan.get("ratio", 1.0))
    event = entry + waited(rng, plan["medians"], ratio)
    left = entry + waited(rng, [plan["left"]], np.ones(plan["n"]))
    return entry, event, left, early


def forecast(plan: dict[str, Any], entry: np.ndarray, event: np.ndarray, left: np.ndarray, early: int) -> Any:
    cutoff = plan["cutoff"] * DAYS_PER_MONTH
    entry, event, left = entry[:early], event[:early], left[:early]
    end = np.minimum(np.minimum(event, left), cutoff)
    rest = plan["n"] - early
    return event_forecast(
        TimeToEvent(end - entry, end == event, unit="days"),
        followed=end == cutoff,
        events=plan["events"],
        cutoff=date(2006, 3, 31),
        pieces=plan.get("pieces", []),
        accrual=[(f"{plan['accrual'] - plan['cutoff']} months", rest / (plan["accrual"] - plan["cutoff"]))]
        if rest
        else [],
        level=LEVEL,
    )


@pytest.mark.parametrize("name", PLANS)
def test_coverage(name: str) -> None:
    plan = PLANS[name]
    rng = np.random.Generator(np.random.Philox([SEED, list(PLANS).index(name)]))
    early = late = before = never = reached = 0
    for _ in range(TRIALS):
        entry, event, left, first = trial(rng, plan)
        dates = np.sort(event[event < left])
        cutoff = plan["cutoff"] * DAYS_PER_MONTH
        if (dates <= cutoff).sum() >= plan["events"]:
            reached += 1
            continue
        truth = float(dates[plan["events"] - 1]) - cutoff if len(dates) >= plan["events"] else math.inf
        found = forecast(plan, entry, event, left, first)
        early += truth < found.lower_days
        late += truth > found.upper_days
        before += truth <= found.days
        never += math.isinf(truth)
    kept = TRIALS - reached
    covered = 1 - (early + late) / kept
    print(
        f"{name}: covered {covered:.4f} (se {SAMPLING:.4f}), earlier {early / kept:.4f}, later {late / kept:.4f}, "
        f"by the forecast {before / kept:.3f}, never {never / kept:.3f}, reached before the cutoff {reached}"
    )
    assert abs(covered - LEVEL) <= TWO_POINTS + 2 * SAMPLING
    assert abs(before / kept - 0.5) <= 0.05
