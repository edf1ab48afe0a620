"""What a calibration run counts, in pieces that can be made in any order, kept, and added up.

A task is one piece: some trials of a scenario, one enumeration, some families. It gives numbers by key; a key says
method, rate and patients, and the numbers of two tasks with the same key are added.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.calibration import enumerated, families, standard_errors
from tests.calibration.rates import Decision, Method
from tests.calibration.register import METHODS, by_scenario
from tests.calibration.simulated import trials

SIZES = (50, 200, 1000)
BLOCK = 250  # trials of a task
SECOND = 4  # times as many trials as the slow tier compares with the second program

Key = tuple[str | int, ...]
Numbers = tuple[float, ...]

_HERE = Path(__file__).parent
_SOURCE = _HERE.parents[1] / "src" / "equipoise"


@dataclass(frozen=True)
class Task:
    """``kind`` of work on the trials ``first`` to ``last`` (not included); ``names`` of what is worked on."""

    kind: str  # "trials", "second program", "standard errors", "enumeration", "families"
    names: tuple[str, ...]
    scenario: int = 0  # its purpose
    n: int = 0
    first: int = 0
    last: int = 0

    @property
    def numbers(self) -> range:
        return range(self.first, self.last)

    def addresses(self) -> list[Key]:
        """One a name: what is kept of a task is kept by name, so that a new method asks only for its own."""
        return [(self.kind, name, self.scenario, self.n, self.first, self.last) for name in self.names]


def methods_of(task: Task) -> list[Method]:
    return [m for m in METHODS if m.scenario.purpose == task.scenario and m.name in task.names]


# ------------------------------------------------------------------------------------------------------- the numbers
def tally(decisions: Iterable[dict[str, Decision]]) -> dict[str, Numbers]:
    """By rate: hits, and trials that gave a value."""
    found: dict[str, list[int]] = {}
    for of_trial in decisions:
        for name, decision in of_trial.items():
            hits_and_values = found.setdefault(name, [0, 0])
            hits_and_values[0] += decision is True
            hits_and_values[1] += decision is not None
    return {name: tuple(counts) for name, counts in found.items()}


def perform(task: Task) -> dict[Key, dict[str, Numbers]]:
    """The numbers of a task, by key and rate."""
    if task.kind == "trials":
        return _trials(task)
    (key,) = task.addresses()
    (name,) = task.names
    if task.kind == "second program":
        (method,) = methods_of(task)
        same = [
            method.decisions(trial) == method.second_decisions(trial)
            for trial in trials(method.scenario, task.n, task.numbers)
        ]
        return {key: {"same": (sum(same), len(same))}}
    if task.kind == "standard errors":
        (estimate,) = [e for e in standard_errors.ESTIMATES if e.name == name]
        return {key: {"sums": estimate.sums(trials(estimate.scenario, task.n, task.numbers))}}
    if task.kind == "enumeration":
        (of_counts,) = [m for m in enumerated.METHODS if m.name == name]
        return {key: {"rates": tuple(of_counts.rate(task.n, value) for value in of_counts.values)}}
    (procedure,) = [p for p in families.PROCEDURES if p.name == name]
    return {key: {false: procedure.errors(false, task.last) for false in families.FALSE_BY}}


def _trials(task: Task) -> dict[Key, dict[str, Numbers]]:
    """All methods of a scenario see the same trials, which are made once."""
    methods = methods_of(task)
    decisions: dict[str, list[dict[str, Decision]]] = {m.name: [] for m in methods}
    for trial in trials(methods[0].scenario, task.n, task.numbers):
        for method in methods:
            decisions[method.name].append(method.decisions(trial))
    return {key: tally(decisions[name]) for key, name in zip(task.addresses(), task.names, strict=True)}


# --------------------------------------------------------------------------------------------------------- the tasks
def tasks(count: int) -> Iterator[Task]:
    """All of a run with ``count`` trials of each size, the short ones first."""
    for procedure in families.PROCEDURES:
        yield Task("families", (procedure.name,), last=10 * count)
    for n in SIZES:
        for of_counts in enumerated.METHODS:
            yield Task("enumeration", (of_counts.name,), n=n)
        for first in range(0, count, BLOCK):
            last = min(first + BLOCK, count)
            for scenario, methods in by_scenario().items():
                yield Task("trials", tuple(m.name for m in methods), scenario.purpose, n, first, last)
            for estimate in standard_errors.ESTIMATES:
                yield Task("standard errors", (estimate.name,), estimate.scenario.purpose, n, first, last)
    for method in METHODS:
        if method.second:
            compared = min(SECOND * method.compared, count)
            yield Task("second program", (method.name,), method.scenario.purpose, SIZES[0], 0, compared)


def without(task: Task, done: set[Key]) -> Task | None:
    """What is left of a task."""
    left = tuple(name for name, key in zip(task.names, task.addresses(), strict=True) if key not in done)
    if not left:
        return None
    return Task(task.kind, left, task.scenario, task.n, task.first, task.last)


def digests() -> dict[str, str]:
    """By file of this folder a digest of it and of all that its numbers rest on."""
    shared = [p for folder in ("data", "kernels", "survival", "analyze", "design", "randomize") for p in
              sorted((_SOURCE / folder).glob("*.py"))]  # fmt: skip
    shared += [_HERE / "simulated.py", _HERE / "rates.py"]
    base = hashlib.sha256()
    for path in shared:
        base.update(path.read_bytes())
    found = {}
    for path in sorted(_HERE.glob("*.py")):
        whole = base.copy()
        whole.update(path.read_bytes())
        found[path.stem] = whole.hexdigest()[:16]
    return found


def file_of(key: Key) -> str:
    """The file in which a key's method stands."""
    kind, name, scenario = key[:3]
    if kind in ("trials", "second program"):
        (method,) = [m for m in METHODS if m.name == name and m.scenario.purpose == scenario]
        return method.module.rsplit(".", 1)[-1]
    return {"standard errors": "standard_errors", "enumeration": "enumerated", "families": "families"}[str(kind)]
