"""Strain: how far the printed numbers bent the model's random numbers, against trials that the model itself made.

Any model can be pushed to print any digits. What it costs shows in the random numbers: those behind the primary
endpoint are uniform under the model, and a model that is far from the printed trial reaches the digits only by making
them uneven. With u the model's probability of going longer without progression, each patient has -log(1 - u), of mean
and variance 1 under the model, as in Fisher's combination of probabilities. The statistic is the largest, over arms,
of the absolute standardized mean of these, averaged over several cohorts that print the same numbers. Its reference are
trials drawn from the model, printed as the published one is, and rebuilt in the same way.
"""

from __future__ import annotations

import hashlib
import json
import math
import tokenize
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import BaseModel

from ..errors import EquipoiseError
from ..protocol import Protocol, Scenario
from ..simulate.patients import endpoint_place
from .cohort import Found, search
from .ensemble import Task, search_all, task_of
from .reprint import reprinted

COHORTS = 8
REBUILDS = 200
LEVEL = 0.05
_PROGRESSION, _DEATH_BEFORE, _DEATH_AFTER = 1, 2, 3  # places of the uniforms behind the latent times
_SIMULATED = 1 << 20  # trial numbers of simulated trials and their rebuilds start here
_WITHOUT_INFLUENCE = ("label", "role", "based_on", "weight", "missed_doses", "adverse_events", "discontinuation")
_WORDS = ("label", "note", "source", "status", "method", "tier")  # of any section: they are printed, and nothing else
_STATEMENT_ENDS = (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
PASS = "a pass does not support the model"


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Strain of rebuilt trials that the model itself made, sorted; ``digest`` names the model and the targets.

    ``stored`` says that it was read from a file; ``power`` how often other models were flagged, where that was
    measured: (model, flagged, of).
    """

    digest: str
    reference: tuple[float, ...]
    seed: int
    version: str
    stored: bool = False
    power: tuple[tuple[str, int, int], ...] = ()

    def p_value(self, strain: float) -> float:
        """The share of the reference, the observed one included, with at least this strain."""
        return (1 + sum(r >= strain for r in self.reference)) / (1 + len(self.reference))

    def to_json(self) -> str:
        """As it is stored."""
        return json.dumps({
            "digest": self.digest, "seed": self.seed, "version": self.version,
            "reference": list(self.reference), "power": [list(row) for row in self.power],
        }, indent=1) + "\n"  # fmt: skip


def read_calibration(path: Path) -> Calibration | None:
    """A stored calibration; None where there is none or it cannot be read."""
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        return Calibration(
            digest=held["digest"], seed=held["seed"], version=held["version"], stored=True,
            reference=tuple(held["reference"]), power=tuple((str(a), int(b), int(c)) for a, b, c in held["power"]),
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError):
        return None


def beside(trial: Protocol) -> Path:
    """Where the calibration of a protocol is stored: beside its file, as that of a bundled one is."""
    return trial.source.with_suffix(".strain.json")


def digest(trial: Protocol, scenario: Scenario, tier: str) -> str:
    """SHA-256 of all that strain depends on: the model, what is aimed at, arms, visits, allocation, and the kernels."""
    unheard = (*_WITHOUT_INFLUENCE, *_WORDS)
    parts = {
        "scenario": {k: getattr(scenario, k) for k in Scenario.model_fields if k not in unheard},
        "numbers": [n for n in trial.published.numbers if n.tier <= tier and n.use == "target"],
        "estimands": trial.estimands,
        "endpoints": {name: (endpoint.events, endpoint.unit) for name, endpoint in trial.endpoints.items()},
        "populations": trial.populations,
        "primary endpoint": primary_place(trial),
        "visits": trial.visits,
        "randomization": trial.randomization,
        "arms": list(trial.arms),
        "testing": trial.testing,
        "kernels": _kernels(),
        "cohorts": COHORTS,
    }
    return hashlib.sha256(json.dumps(_plain(parts), sort_keys=True).encode()).hexdigest()


def _plain(value: object) -> object:
    """A value in the terms of JSON, the same under every Python; what is only printed is left out.

    What a protocol does not say is left out too, so that a key which a later version knows changes no digest.
    """
    if isinstance(value, BaseModel):
        value = {k: getattr(value, k) for k in type(value).model_fields if k not in _WORDS}
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items() if v is not None and v != {} and v != ()}
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def _kernels() -> str:
    """SHA-256 of the code of the kernels that a search consists of; their comments and docstrings do not count."""
    folder = Path(__file__).parents[1] / "kernels"
    held = hashlib.sha256()
    for name in ("history.py", "random.py", "search.py", "targets.py"):
        before = tokenize.NEWLINE
        with (folder / name).open("rb") as source:
            for token in tokenize.tokenize(source.readline):
                docstring = token.type == tokenize.STRING and before in _STATEMENT_ENDS
                if token.type not in (tokenize.COMMENT, tokenize.NL, tokenize.ENCODING):
                    before = token.type
                    held.update(b"" if docstring else token.string.strip().encode() + b" ")
    return held.hexdigest()


def strain(trial: Protocol, found: Sequence[Found]) -> float:
    """The largest, over arms, of |sum of (-log(1 - u) - 1)| / sqrt(n), averaged over cohorts printing the same numbers.

    u are the uniforms behind progression; where the primary endpoint is survival those behind death, after progression
    if the model has progression. The digits leave part of one cohort's noise free; the average over cohorts removes it.
    """
    place = _PROGRESSION
    if primary_place(trial) == 1:
        place = _DEATH_AFTER if _progresses(found[0].cohort.model.scenario) else _DEATH_BEFORE
    means = []
    for arm in range(len(found[0].cohort.model.arms)):
        scores = []
        for one in found:
            u = one.cohort.uniforms[one.cohort.baseline.arm == arm, place]
            scores.append(float((-np.log1p(-u) - 1.0).sum()) / math.sqrt(len(u)))
        means.append(abs(float(np.mean(scores))))
    return max(means)


def _progresses(scenario: Scenario) -> bool:
    """Whether the model has progression at all: a hazard of zero throughout is a trial of survival alone."""
    law = scenario.progression
    return law is not None and (law.median is not None or any(piece.monthly_hazard > 0 for piece in law.pieces))


def primary_place(trial: Protocol) -> int:
    """The kernel's place of the primary analysis's endpoint (of the first analysis, where none is primary)."""
    analyses = list(trial.analyses.values())
    first = next((a for a in analyses if a.role == "primary"), analyses[0])
    return endpoint_place(trial, trial.estimands[first.estimand].variable)


def calibrate(
    trial: Protocol,
    scenario: Scenario,
    tier: str,
    *,
    seed: int,
    rebuilds: int = REBUILDS,
    version: str = "",
    progress: Callable[[float], None] = lambda _: None,
) -> Calibration:
    """Strain of ``rebuilds`` trials drawn from the model, printed as the published one is, and rebuilt.

    A trial whose numbers cannot be aimed at (they contradict a margin, or no event gives a hazard ratio) or are not all
    reached is drawn again.
    """
    found: list[float] = []
    trial_number = 0
    while len(found) < rebuilds:
        value = rebuilt_strain(trial, scenario, tier, seed=seed, number=trial_number)
        trial_number += 1
        if value is not None:
            found.append(value)
            progress(len(found) / rebuilds)
        if trial_number > 20 + 4 * rebuilds:
            raise EquipoiseError(
                f"only {len(found)} of {trial_number} trials of the model could be rebuilt from their own numbers",
                where="scenario",
                remedy="Choose a model under which the published numbers can be estimated.",
            )
    return Calibration(digest=digest(trial, scenario, tier), reference=tuple(sorted(found)), seed=seed, version=version)


def rebuilt_strain(trial: Protocol, scenario: Scenario, tier: str, *, seed: int, number: int) -> float | None:
    """Draw one trial from the model, print it, rebuild it, and return the strain; None where it cannot be rebuilt."""
    task = task_of(trial, "", scenario, tier, 0)
    address = _SIMULATED + number * (COHORTS + 1)
    drawn = search(trial, task.model, task.targets, seed=seed, number=address, steps=0, attempts=1)
    again = reprinted(trial, task.targets, drawn.values)
    try:
        first = task_of(again, "", scenario, tier, 0)
    except EquipoiseError:
        return None
    todo = [Task(scenario="", model=first.model, targets=first.targets, number=address + 1 + j) for j in range(COHORTS)]
    found = [f for f in search_all(again, todo, seed=seed) if f.agrees]
    return strain(trial, found) if len(found) > COHORTS // 2 else None
