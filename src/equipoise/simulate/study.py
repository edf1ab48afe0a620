"""What the protocol wants simulated: its grids, and the looks of its own design."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtri

from .. import results
from ..design import Plan, justification
from ..errors import EquipoiseError, ProtocolError
from ..protocol import Protocol, Scenario, Simulation
from ..protocol.simulations import refuse_unknown
from ..results import Row
from .characteristics import Operating
from .curves import Curves, curves
from .design_grid import DesignGrid, design_grid, scenarios_of
from .grid import Grid, grid_of, tenths
from .looks import Looks, looks_of
from .many import check_trials
from .operating import operating
from .paired import Paired, compare_designs

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Study:
    """All that a protocol wants simulated: grids of what may be true, and of designs; the operating characteristics of
    the plan of its [design] under what it assumes and under no effect, and beside one look at its last number of events
    in the same trials; and Kaplan-Meier curves of each scenario and estimand that the grids have."""

    grids: tuple[Grid, ...]
    designs: tuple[DesignGrid, ...]
    of_plan: tuple[Operating, ...]
    paired: Paired | None
    curves: tuple[Curves, ...]
    plan_label: str
    notes: tuple[str, ...]
    interrupted: bool

    def rows(self) -> list[Row]:
        """Rows of the long table: each grid under its name, the plan's trials under "simulation", the curves of a
        scenario under "curves" and its name."""
        found = [row for grid in self.grids for row in grid.rows()]
        found += [row for grid in self.designs for row in grid.rows()]
        for run in self.of_plan:
            found += [replace(row, toml_path="design") for row in run.rows()]
        if self.paired is not None:
            found += [replace(row, toml_path="design") for row in self.paired.rows()]
        return found + [row for one in self.curves for row in one.rows()]

    def table(self) -> pl.DataFrame:
        """The long table of all of it."""
        return results.long_table(self.rows())


def study(
    protocol: Protocol,
    *,
    trials: int = 10_000,
    seed: int = 1,
    executor: Executor | None = None,
    keep: str | Path | None = None,
    precision: float | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Study:
    """Simulate what the protocol's [simulation] lists, and the plan of its [design]. All cells of a grid are of the
    same seed, so that their differences are of what is varied. ``executor``, ``keep``, ``precision``: see
    ``run_trials``; each setting stops by itself.

    Raises ``ProtocolError`` where there is neither, and what ``operating`` raises.

    >>> from equipoise.protocol import example
    >>> found = study(example("tandem"), trials=50)
    >>> [grid.varied for grid in found.grids]
    ['hazard ratio', 'crossover']
    """
    if not protocol.simulation and protocol.design is None:
        raise ProtocolError(
            "the protocol has nothing to simulate",
            where="simulation",
            remedy="Add [simulation.NAME] with label, estimand, alpha, sided and hazard_ratio, or a [design].",
        )
    check_trials(trials)
    refuse_unknown(protocol.unknown, "simulation")
    grids: list[Grid] = []
    designs: list[DesignGrid] = []
    of_plan: list[Operating] = []
    done: list[Operating] = []
    paired: Paired | None = None
    drawn: tuple[Curves, ...] = ()
    label, interrupted = "", False
    left_out: list[str] = []
    found = None if protocol.design is None else justification(protocol)
    if found is not None:
        looks_of(found.plan)  # what cannot be simulated is refused before anything is
    how: dict[str, Any] = {"trials": trials, "seed": seed, "executor": executor, "keep": keep, "precision": precision}
    try:
        for name, asked in protocol.simulation.items():
            made, interrupted = (design_grid if asked.designs else grid_of)(protocol, name, asked, how, progress)
            (designs if isinstance(made, DesignGrid) else grids).append(made)  # type: ignore[arg-type]
            done += [cell.run for cell in made.cells]
            if interrupted:
                raise KeyboardInterrupt
        if found is not None:
            label = found.label
            for ratio in (None, 1.0):
                progress(f"simulating {label}{'' if ratio is None else ', no effect'}")
                run = operating(None, plan=found.plan, hazard_ratio=ratio, progress=tenths(progress, how), **how)
                of_plan.append(run)
                done.append(run)
                if run.interrupted:
                    raise KeyboardInterrupt
            paired = _beside_one_look(found.plan, of_plan[0].trials, seed, executor, progress)
        drawn = tuple(_curves(protocol, seed, progress, left_out))
    except KeyboardInterrupt:
        if not done:
            raise
        interrupted = True
    notes = [note for grid in grids for note in grid.notes]
    notes += [note for one in designs for note in one.notes]
    if found is not None and found.plan.futility_bounds is not None:
        notes.append(f"{label}: trials obey the bounds for futility, binding or not")
    stopped = [_stopped(done[-1], trials)] if interrupted else []
    fewer = ", or fewer to the precision asked for" if precision else ""
    shared = f"{trials:,} simulated trials of each setting{fewer}"
    return Study(
        grids=tuple(grids),
        designs=tuple(designs),
        of_plan=tuple(of_plan),
        paired=paired,
        curves=drawn,
        plan_label=label,
        notes=(*stopped, f"{shared}; seed {seed}", *dict.fromkeys([*notes, *left_out])),
        interrupted=interrupted,
    )


def _stopped(last: Operating, trials: int) -> str:
    """That a run was stopped, and how far it came."""
    if not last.interrupted:
        return "the run was stopped from the keyboard: what was to follow the last setting here is missing"
    return (
        "the run was stopped from the keyboard: these are the trials that were done, "
        f"{last.trials:,} of {trials:,} in the last setting"
    )


def _beside_one_look(
    plan: Plan, trials: int, seed: int, executor: Executor | None, progress: Callable[[str], None]
) -> Paired | None:
    """What looking earlier costs and saves; None where there is one look, or a last one that claims nothing."""
    looks = looks_of(plan)
    if len(looks.cuts) == 1 or not np.isfinite(looks.efficacy[-1]):
        return None
    progress("simulating one look beside those of the design")
    bound = float(-ndtri(plan.test.alpha / plan.test.sided))
    once = Looks(cuts=looks.cuts[-1:], efficacy=np.array([bound]), sided=looks.sided)
    return compare_designs(
        None,
        {"one look": once, "the group sequential design": looks},
        plan=plan,
        trials=trials,
        seed=seed,
        executor=executor,
    )


def _curves(protocol: Protocol, seed: int, progress: Callable[[str], None], left_out: list[str]) -> Iterator[Curves]:
    """The curves of each pair of a scenario and an estimand that the grids have, of the first grid's patients; those
    that cannot be drawn are told in ``left_out``."""
    pairs: dict[tuple[int, str], tuple[Scenario, Simulation]] = {}
    for asked in protocol.simulation.values():
        for scenario in scenarios_of(protocol, asked):
            pairs.setdefault((id(scenario), asked.estimand), (scenario, asked))
    for scenario, asked in pairs.values():
        progress(f"simulating curves of {asked.estimand}: {scenario.label}")
        try:
            yield curves(protocol, scenario, estimand=asked.estimand, subjects=asked.subjects, seed=seed)
        except EquipoiseError as error:
            left_out.append(f"no curves of {asked.estimand}, {scenario.label}: {error.what}")
