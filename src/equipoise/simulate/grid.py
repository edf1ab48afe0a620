"""Power of one test over a grid of what may be true, as [simulation.NAME] asks for it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import ndtri

from .. import results
from ..protocol import Protocol, Scenario, Simulation, quoted
from ..protocol.varied import accrued, delayed, follow_up
from ..results import ROUNDING_NOTE, Row, fixed
from ..units import MONTH_LENGTH_NOTE
from .characteristics import NO_TRIAL, Operating, no_spread, over_root
from .looks import Cut, Looks
from .many import RATIO
from .model import without_effect
from .operating import operating
from .patients import endpoint_place
from .trial import number_of, scenario_of, subjects_of

_LONG = 100_000  # trials of a setting: a shorter one is done before one asks
_SHORT = 0.05  # events of the mean: fewer are not told
_UNIT_OF = {"hazard ratio": "hazard ratio", "crossover": "share who cross over"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cell:
    """One setting of a grid: ``x`` of what is varied, the ``group`` it belongs to, and its trials; the test that counts
    is that at ``look``."""

    x: float
    group: str
    run: Operating
    look: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grid:
    """Power over a grid of what may be true: ``varied`` is "hazard ratio" or "crossover"; ``dated`` where the days of
    the looks are what differs between the groups."""

    name: str
    label: str
    varied: str
    cells: tuple[Cell, ...]
    notes: tuple[str, ...]
    context: Row
    dated: bool = False

    def rows(self) -> Iterator[Row]:
        """Rows of the long table, ``at`` being what is varied."""
        for cell in self.cells:
            run, k = cell.run, cell.look
            power = float(run.crossed[k])
            ratios = run.estimates[RATIO]
            mean, spread, count = (float(held[k]) for held in (ratios.mean, ratios.sd, ratios.trials))
            root = math.sqrt(run.trials)
            method = (
                f"{self.label}; {run.trials:,} simulated trials, seed {run.seed}; {run.test}; times in whole days; "
                f"{ROUNDING_NOTE}; {MONTH_LENGTH_NOTE}"
            )
            found = [
                ("power", power, 4, ""),
                ("power Monte Carlo error", run.error(power), 4, ""),
                ("geometric mean of hazard ratios", math.exp(mean), 3, ""),
                ("geometric mean of hazard ratios Monte Carlo error", math.exp(mean) * over_root(spread, count), 4, ""),
                ("standard deviation of log hazard ratios", spread, 4, ""),
                ("trials with fewer events", float(run.short[k]) * run.trials, 0, "trials"),
                ("events", float(run.events[k]), 1, "events"),
                ("events Monte Carlo error", float(run.events_sd[k]) / root, 2, "events"),
                ("patients", float(run.patients[k]), 1, "patients"),
                ("patients Monte Carlo error", float(run.patients_sd[k]) / root, 2, "patients"),
                ("look day", float(run.day[k]), 1, "days"),
                ("look day Monte Carlo error", float(run.day_sd[k]) / root, 2, "days"),
            ]
            spread_of = ("geometric mean of hazard ratios Monte Carlo error", "standard deviation of log hazard ratios")
            why = dict.fromkeys(spread_of, no_spread(mean, NO_TRIAL))
            told = [(*one, why.get(one[0], NO_TRIAL)) for one in found]
            for name, one in run.estimates.items():
                if name != RATIO or one.truth is not None:
                    told += _with_errors(run.told_of(name, k))
            for statistic, value, digits, unit, reason in told:
                held = results.number(value, fixed(value, digits) if math.isfinite(value) else results.NOT_ESTIMABLE,
                                      "" if math.isfinite(value) else reason)  # fmt: skip
                yield replace(
                    self.context, statistic=statistic, group=cell.group, at=cell.x, unit=unit, method=method,
                    **held,  # type: ignore[arg-type]
                )  # fmt: skip


def _with_errors(told: Iterator[tuple[str, float, float | None, str]]) -> Iterator[tuple[str, float, int, str, str]]:
    """What is told of an estimate, each value followed by its error: statistic, value, digits, unit, reason."""
    for statistic, value, error, why in told:
        count = statistic.startswith("trials")
        yield statistic, value, 0 if count else 4, "trials" if count else "", why
        if error is not None:
            yield f"{statistic} Monte Carlo error", error, 4, "", no_spread(value, why)


def tenths(progress: Callable[[str], None], how: Mapping[str, Any]) -> Callable[[float], None]:
    """Tells how much of a long setting is done, whenever another tenth is."""
    told = 0

    def done(share: float) -> None:
        nonlocal told
        if how["trials"] >= _LONG and int(10 * share) > told:
            told = int(10 * share)
            progress(f"{10 * told}% of this setting done")

    return done


def grid_of(
    protocol: Protocol, name: str, asked: Simulation, how: Mapping[str, Any], progress: Callable[[str], None]
) -> tuple[Grid, bool]:
    """The grid of a section, ``how`` as of ``operating``; and whether it was stopped from the keyboard, so that it
    holds the settings that were done (where none was, ``KeyboardInterrupt`` goes on)."""
    scenario = scenario_of(protocol, asked.scenario)
    estimand = protocol.estimands[asked.estimand]
    progressing = scenario.progression is not None and endpoint_place(protocol, estimand.variable) != 1
    bound = float(-ndtri(asked.alpha / asked.sided))
    cells: list[Cell] = []
    interrupted = False
    path = f"simulation.{quoted(name)}"
    try:
        for x, group, changed in _settings(asked, scenario, path, progressing=progressing):
            cuts = tuple(Cut(events=n, time=changed.cutoff, which="earlier") for n in asked.events)
            cuts = cuts or (Cut(time=changed.cutoff),)
            looks = Looks(cuts=cuts, efficacy=np.full(len(cuts), bound), sided=asked.sided)
            progress(f"simulating {asked.label}: {_UNIT_OF[_varied(asked)]} {x:g}{f', {group}' if group else ''}")
            run = operating(
                protocol, looks=looks, scenario=changed, estimand=asked.estimand, subjects=asked.subjects,
                tau=asked.restricted_mean, at=asked.milestone, truth=asked.truth, progress=tenths(progress, how), **how,
            )  # fmt: skip
            groups = [f"{n} events" for n in asked.events] or ["" if group else "at the cut-off"]
            for k, at in enumerate(groups):
                cells.append(Cell(x=x, group=", ".join(part for part in (group, at) if part), run=run, look=k))
            if run.interrupted:
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        if not cells:
            raise
        interrupted = True
    ordered = sorted(cells, key=lambda cell: (list(dict.fromkeys(c.group for c in cells)).index(cell.group), cell.x))
    n = told_subjects(protocol, scenario, asked)
    context = Row(
        statistic="", analysis=name, role="simulation", estimand=asked.estimand, population=estimand.population,
        endpoint=estimand.variable, toml_path=path, origin="simulated",
    )  # fmt: skip
    return Grid(
        name=name, label=asked.label, varied=_varied(asked), cells=tuple(ordered),
        notes=(*_notes(protocol, asked, scenario, n, progressing=progressing), *_cut_short(asked, cells)),
        context=context,
        dated=bool(asked.accrual),
    ), interrupted  # fmt: skip


def told_subjects(protocol: Protocol, scenario: Scenario, asked: Simulation) -> str:
    """How many patients, and how many in each arm if that is fixed."""
    subjects = subjects_of(protocol, scenario, asked.subjects)
    each = ", ".join(f"{n} {arm}" for arm, n in subjects.items()) if isinstance(subjects, Mapping) else ""
    return f"{number_of(subjects)} patients{f' ({each})' if each else ''}"


def _cut_short(asked: Simulation, cells: list[Cell]) -> Iterator[str]:
    """Where the scenario's cut-off comes before the number of events that a column is named after."""
    for k, events in enumerate(asked.events):
        fewest = min((c for c in cells if c.look == k), key=lambda c: float(c.run.events[k]), default=None)
        if fewest is None or float(fewest.run.events[k]) >= events - _SHORT:
            continue
        run = fewest.run
        mean, short = fixed(float(run.events[k]), 1), fixed(float(run.short[k]) * run.trials, 0)
        yield (
            f"{asked.label}: {events} events do not come in every trial before the cut-off, at which the others are "
            f"tested: at a {_UNIT_OF[_varied(asked)]} of {fewest.x:g} they do not in {short} of {run.trials:,} trials, "
            f"and there are {mean} on average"
        )


def _varied(asked: Simulation) -> str:
    return "hazard ratio" if asked.hazard_ratio else "crossover"


def _settings(
    asked: Simulation, scenario: Scenario, path: str, *, progressing: bool
) -> Iterator[tuple[float, str, Scenario]]:
    """What is varied, the group it belongs to, and the scenario that it makes."""
    for ratio in asked.hazard_ratio:
        changed = without_effect(scenario, ratio, of="progression" if progressing else "survival")
        for delay in asked.delay:
            late = delayed(changed, ratio, delay, of_survival=not progressing, path=f"{path}.delay")
            yield ratio, f"delay of {delay}", late
        for accrual in asked.accrual:
            yield ratio, f"accrual over {accrual}", accrued(changed, accrual, path=f"{path}.accrual")
        if not asked.delay and not asked.accrual:
            yield ratio, "", changed
    for label, ratio in asked.after_crossing.items():
        for share in asked.crossover:
            assert scenario.crossover is not None
            crossing = scenario.crossover.model_copy(update={"probability": share, "death_hazard_ratio": ratio})
            yield share, label, scenario.model_copy(update={"crossover": crossing})


def _kept(protocol: Protocol, asked: Simulation, scenario: Scenario) -> str:
    """In what the arms differ whatever the hazard ratio of progression."""
    compared = protocol.estimands[asked.estimand].treatment
    arms = (compared.experimental, compared.control)
    told = []
    for name in ("death_before_progression", "death_after_progression"):
        law = getattr(scenario, name)
        if law is None:
            continue
        if not law.cured_alike(arms):
            shares = ", ".join(f"{arm} {law.cured.get(arm, 0.0):g}" for arm in arms)
            told.append(f"shares without {name.replace('_', ' ')}: {shares}")
        if law.by is not None and law.arms_with_ratio:
            told.append(f"hazard ratios of {name.replace('_', ' ')} by levels of {law.by}")
            continue
        ratios = [law.changing_hazard_ratio.get(arm, law.hazard_ratio.get(arm, 1.0)) for arm in arms]
        if ratios[0] != ratios[1]:
            shown = [f"{arm} {r:g}" if isinstance(r, float) else f"{arm} changing"
                     for arm, r in zip(arms, ratios, strict=True) if r != 1]  # fmt: skip
            told.append(f"hazard ratio of {name.replace('_', ' ')}: {', '.join(shown)}")
    if scenario.crossover is not None and scenario.crossover.death_hazard_ratio != 1:
        told.append("crossing over")
    return "; ".join(told)


def varied_laws(scenario: Scenario) -> str:
    """Of what the hazard ratio is where progression is no event."""
    named = ("progression", "death_before_progression", "death_after_progression")
    own = [name.replace("_", " ") for name in named if (law := getattr(scenario, name)) and law.arms_with_ratio]
    return "death" if scenario.progression is None else " and ".join(own)


def _notes(
    protocol: Protocol, asked: Simulation, scenario: Scenario, subjects: str, *, progressing: bool
) -> Iterator[str]:
    """What a reader must know of a grid."""
    times = f"accrual over {scenario.accrual}, cut off at {scenario.cutoff}"
    if asked.accrual:
        times = f"accrual over {' or '.join(asked.accrual)}, cut off {follow_up(scenario)} days after it has ended"
    yield (
        f"{asked.label}: {subjects} of the model {scenario.label!r}, {times}; "
        f"{asked.sided}-sided test at {asked.alpha:g}, without interim looks; power is the share of trials "
        "with a claim for the experimental arm"
    )
    if asked.hazard_ratio:
        what = "progression" if progressing else varied_laws(scenario)
        yield f"{asked.label}: the hazard ratio is the model's, of {what}; a Cox model estimates its average over time"
        dies = "death" in (protocol.endpoints[protocol.estimands[asked.estimand].variable].events or ())
        if progressing and dies and (kept := _kept(protocol, asked, scenario)):
            yield (
                f"{asked.label}: what happens otherwise stays as in the model ({kept}), and a death whose progression "
                "no visit saw is an event: at a hazard ratio of 1 the arms still differ, and the power there is no "
                "type I error"
            )
    if asked.delay:
        yield f"{asked.label}: until the delay after randomization there is no effect, from then on the hazard ratio"
    for label, ratio in asked.after_crossing.items():
        yield f"{asked.label}: {label}: after crossing over the hazard of death is multiplied by {ratio:g}"
    names = [name for name, one in protocol.scenario.items() if one is scenario]
    parts = (*(f"scenario.{name}" for name in names), "simulation")
    for path, why in protocol.assumed.items():
        if path.startswith(parts):
            yield f"assumed: {path}: {why}"
