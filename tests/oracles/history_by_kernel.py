"""The twin's scenario as the arrays of the history kernel, and the kernel's history in the twin's words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from tests.oracles.twin_history import INFINITE, OUTCOMES, Law, Scenario

from equipoise.kernels import histories

ARMS = ("new", "old", "third")
COLUMNS = ("entered", "entry", "progression", "death", "crossover", "pfs_day", "pfs_event", "os_day", "os_event",
           "ttp_day", "ttp_event", "treatment_end")  # fmt: skip
EVENTS = ("entered", "pfs_event", "os_event", "ttp_event")


def law_row(law: Law | None, pieces: int) -> np.ndarray:
    row = np.zeros(3 + 2 * pieces)
    if law is None:
        return row
    if not law.hazards:
        row[:3] = 1, law.shape, law.scale
        return row
    row[:2] = 2, len(law.hazards)
    row[3 : 3 + len(law.hazards)] = *law.breaks, INFINITE
    row[3 + pieces : 3 + pieces + len(law.hazards)] = law.hazards
    return row


def arrays(scenario: Scenario) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """laws, ratios, timing and crossing."""
    s = scenario
    laws = (s.progression, s.death_before, s.death_after, s.dropout, s.loss)
    pieces = max([len(law.hazards) for law in laws if law is not None] + [1])
    ratios = (s.ratio_progression, s.ratio_death_before, s.ratio_death_after, s.ratio_dropout, s.ratio_loss)
    later = (s.later_from, s.later_every) if s.later_every else (0, 0)
    timing = [s.accrual_days, s.cutoff_days, s.every, *later, s.spread, s.missed, s.between_visits, s.lag]
    crossing = [-1.0, 0.0, 1.0, 1.0]
    if s.crossover_arm is not None:
        arm = ARMS.index(s.crossover_arm)
        crossing = [arm, s.crossover_probability, s.crossover_delay, s.crossover_ratio]
    return (
        np.stack([law_row(law, pieces) for law in laws]),
        np.array([[r.get(arm, 1.0) for arm in ARMS] for r in ratios]),
        np.array(timing, dtype=float),
        np.array(crossing, dtype=float),
    )


def in_words(row: Sequence[int], latent: float) -> dict[str, Any]:
    """A row of the kernel as the twin says it: None for what is not on record."""
    found: dict[str, Any] = dict(zip(COLUMNS, (int(x) for x in row), strict=True))
    for name in EVENTS:
        found[name] = bool(found[name])
    for name in ("progression", "death", "crossover"):
        found[name] = None if found[name] == -1 else found[name]
    if not found["entered"]:
        return {"entered": False, "entry": found["entry"], **dict.fromkeys(OUTCOMES)}
    return {**found, "latent_progression": latent}


def history(
    scenario: Scenario, arm: str, u: Sequence[float], m_progression: float = 1.0, m_death: float = 1.0
) -> dict[str, Any]:
    """The twin's ``history``, by the kernel."""
    rows, latent = histories(
        np.array([u], dtype=float), np.array([ARMS.index(arm)]), np.array([m_progression]), np.array([m_death]),
        *arrays(scenario),
    )  # fmt: skip
    return in_words(rows[0], float(latent[0]))
