"""A grid of designs: sets of looks that the same simulated patients meet, in scenarios and at hazard ratios."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from types import MappingProxyType
from typing import Any

import numpy as np
from scipy.special import ndtri

from .. import results
from ..design import group_sequential
from ..design.from_protocol import family
from ..errors import DesignError, UnsupportedError
from ..protocol import Protocol, Scenario, SimulatedDesign, Simulation, quoted
from ..protocol.arms import plain
from ..results import Row, fixed
from .characteristics import Operating
from .grid import tenths, told_subjects, varied_laws
from .looks import Cut, Looks, looks_at
from .model import without_effect
from .operating import operating
from .paired import Paired, compare_designs
from .patients import endpoint_place
from .trial import scenario_of


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DesignCell:
    """The trials of one ``design`` in one ``setting``."""

    setting: str
    design: str
    run: Operating


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DesignGrid:
    """Designs by setting: what each does (``cells``), and in each setting how they differ from the first in the same
    trials (``paired``, by setting; empty where there is one design)."""

    name: str
    label: str
    cells: tuple[DesignCell, ...]
    paired: Mapping[str, Paired]
    notes: tuple[str, ...]
    context: Row

    def __post_init__(self) -> None:
        results.read_only(self)

    @property
    def designs(self) -> tuple[str, ...]:
        """The designs by name, the first being what others are compared with."""
        return tuple(dict.fromkeys(cell.design for cell in self.cells))

    @property
    def settings(self) -> tuple[str, ...]:
        """The settings by name."""
        return tuple(dict.fromkeys(cell.setting for cell in self.cells))

    def rows(self) -> Iterator[Row]:
        """Rows of the long table: of each setting and design what ``Operating`` tells, ``at`` being the look; then the
        paired differences from the first design."""
        told: dict[str, Any] = {
            name: getattr(self.context, name)
            for name in ("analysis", "estimand", "population", "endpoint", "toml_path")
        }
        for cell in self.cells:
            for row in cell.run.rows():
                if row.statistic != "sentence":
                    yield replace(row, **{**told, "group": f"{cell.setting}: {cell.design}"})
        for setting, one in self.paired.items():
            for row in one.rows():
                if row.statistic == "sentence" or row.statistic.startswith("difference"):
                    yield replace(row, **{**told, "group": f"{setting}: {row.group}" if row.group else setting})


def design_grid(
    protocol: Protocol, name: str, asked: Simulation, how: Mapping[str, Any], progress: Callable[[str], None]
) -> tuple[DesignGrid, bool]:
    """The grid of designs that a section [simulation.NAME] asks for, ``how`` as of ``operating``; and whether it was
    stopped from the keyboard, so that it holds what was done (where nothing was, ``KeyboardInterrupt`` goes on).

    Every design is made before any trial is drawn. Raises ``DesignError`` with the TOML path of one that is none,
    ``UnsupportedError`` for futility between the bounds of a two-sided test.
    """
    path = f"simulation.{quoted(name)}"
    settings = list(_settings(protocol, asked))
    designs = {label: _bounds(asked, one, f"{path}.designs.{quoted(label)}") for label, one in asked.designs.items()}
    cells: list[DesignCell] = []
    paired: dict[str, Paired] = {}
    stopped = False
    for setting, scenario in settings:
        own = dict(how)
        made = {label: _looks(asked.designs[label], test, scenario) for label, test in designs.items()}
        try:
            for label, looks in made.items():
                progress(f"simulating {asked.label}: {setting}, {label}")
                run = operating(
                    protocol, looks=looks, scenario=scenario, estimand=asked.estimand, subjects=asked.subjects,
                    tau=asked.restricted_mean, at=asked.milestone, truth=asked.truth,
                    progress=tenths(progress, how), **own,
                )  # fmt: skip
                cells.append(DesignCell(setting=setting, design=label, run=run))
                if run.interrupted:
                    raise KeyboardInterrupt
                # A wanted precision is that of the first design: the others are of the same trials.
                own |= {"trials": run.trials, "precision": None}
            if len(made) > 1:
                progress(f"simulating {asked.label}: {setting}, designs beside each other")
                paired[setting] = compare_designs(
                    protocol, made, scenario=scenario, estimand=asked.estimand, subjects=asked.subjects,
                    trials=own["trials"], seed=how["seed"], executor=how.get("executor"),
                )  # fmt: skip
        except KeyboardInterrupt:
            if not cells:
                raise
            stopped = True
            break
    estimand = protocol.estimands[asked.estimand]
    context = Row(
        statistic="", analysis=name, role="simulation", estimand=asked.estimand, population=estimand.population,
        endpoint=estimand.variable, toml_path=path, origin="simulated",
    )  # fmt: skip
    notes = tuple(dict.fromkeys(chain(_notes(protocol, asked, settings, designs), _short(asked, cells))))
    return DesignGrid(
        name=name, label=asked.label, cells=tuple(cells), paired=MappingProxyType(paired), notes=notes, context=context
    ), stopped  # fmt: skip


def scenarios_of(protocol: Protocol, asked: Simulation) -> tuple[Scenario, ...]:
    """The scenarios of a section [simulation.NAME]."""
    return tuple(scenario_of(protocol, one) for one in asked.scenarios) or (scenario_of(protocol, asked.scenario),)


def _settings(protocol: Protocol, asked: Simulation) -> Iterator[tuple[str, Scenario]]:
    """Every scenario by its label, and by its name where another has the same label; at every hazard ratio where these
    are given."""
    place = endpoint_place(protocol, protocol.estimands[asked.estimand].variable)
    every = scenarios_of(protocol, asked)
    labels = [scenario.label for scenario in every]
    for i, scenario in enumerate(every):
        label = scenario.label if labels.count(scenario.label) == 1 else f"{scenario.label} ({asked.scenarios[i]})"
        progressing = scenario.progression is not None and place != 1
        for ratio in asked.hazard_ratio:
            changed = without_effect(scenario, ratio, of="progression" if progressing else "survival")
            yield f"{label}, hazard ratio {plain(ratio)}", changed
        if not asked.hazard_ratio:
            yield label, scenario


def _bounds(asked: Simulation, design: SimulatedDesign, path: str) -> Looks:
    """The bounds of a design, at looks whose cuts are numbers of events alone."""
    cuts = tuple(Cut(events=n) for n in design.events)
    if design.efficacy is None:
        bound = float(-ndtri(asked.alpha / asked.sided))
        return Looks(cuts=cuts, efficacy=np.array([bound]), sided=asked.sided)
    try:
        test = group_sequential(
            alpha=asked.alpha, sided=asked.sided, efficacy=family(design.efficacy),
            information_fractions=[n / design.events[-1] for n in design.events],
            futility=None if design.futility is None else family(design.futility),  # type: ignore[arg-type]
            binding=design.binding, power=design.power,
        )  # fmt: skip
        return looks_at(test, cuts)
    except (DesignError, UnsupportedError) as error:
        raise type(error)(error.what, where=path, remedy=error.remedy) from None


def _looks(design: SimulatedDesign, bounds: Looks, scenario: Scenario) -> Looks:
    """The looks in a scenario: the last one comes at the cut-off, if that is earlier than its events."""
    last = Cut(events=design.events[-1], time=scenario.cutoff, which="earlier")
    return replace(bounds, cuts=(*bounds.cuts[:-1], last))


def _notes(
    protocol: Protocol, asked: Simulation, settings: list[tuple[str, Scenario]], designs: Mapping[str, Looks]
) -> Iterator[str]:
    """What a reader must know of the designs, and of the scenarios."""
    for scenario in scenarios_of(protocol, asked):
        n = told_subjects(protocol, scenario, asked)
        yield (
            f"{asked.label}: {n} of the model {scenario.label!r}, accrual over {scenario.accrual}, cut off at "
            f"{scenario.cutoff}; {asked.sided}-sided test at {asked.alpha:g}; power is the share of trials with a "
            "claim for the experimental arm"
        )
    for label, looks in designs.items():
        bounds = ", ".join("none" if math.isinf(z) else fixed(z, 4) for z in looks.efficacy.tolist())
        futile = [fixed(z, 4) for z in looks.futility.tolist() if math.isfinite(z)]  # type: ignore[union-attr]
        events = ", ".join(map(str, asked.designs[label].events))
        yield (
            f"{asked.label}: {label}: looks at {events} events, bounds on Z {bounds}"
            + (f", for futility {', '.join(futile)}, which trials obey" if futile else "")
            + "; the last look comes at the cut-off if that is earlier"
        )
    if asked.hazard_ratio:
        place = endpoint_place(protocol, protocol.estimands[asked.estimand].variable)
        chosen = settings[0][1]
        what = "progression" if chosen.progression is not None and place != 1 else varied_laws(chosen)
        yield f"{asked.label}: the hazard ratio is the model's, of {what}; a Cox model estimates its average over time"
    parts = (*(f"scenario.{name}" for name, one in protocol.scenario.items()
               if one in scenarios_of(protocol, asked)), "simulation")  # fmt: skip
    for path, why in protocol.assumed.items():
        if path.startswith(parts):
            yield f"assumed: {path}: {why}"


def _short(asked: Simulation, cells: list[DesignCell]) -> Iterator[str]:
    """Where looks do not have their events in every trial."""
    for cell in cells:
        for k, events in enumerate(asked.designs[cell.design].events):
            missed = float(cell.run.short[k]) * cell.run.trials
            if missed:
                yield (
                    f"{asked.label}: {cell.setting}, {cell.design}: {events} events do not come before the cut-off in "
                    f"{fixed(missed, 0)} of {cell.run.trials:,} trials"
                )
