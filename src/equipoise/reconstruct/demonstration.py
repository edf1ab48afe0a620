"""What adjusting for crossover gives on cohorts that print the same digits: whatever was assumed of crossing over.

The printed numbers say little of survival, and nothing of what crossing over did to it. So cohorts are rebuilt once for
every assumed effect of crossing, and each is analyzed as if it had been observed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .. import results
from ..analyze import endpoint, switching
from ..analyze.switching import RPSFTM, Naive, Switches, WithoutSwitching
from ..data import Patients, TimeToEvent
from ..errors import EquipoiseError, ProtocolError
from ..kernels import histories
from ..protocol import Protocol, Scenario, quoted
from ..protocol.simulations import refuse_unknown
from ..results import Row, fixed, number
from ..simulate import patients
from ..simulate import trial as simulated
from ..survival import cox
from .cohort import Found
from .ensemble import as_patients, search_all, stated_scenario, task_of

if TYPE_CHECKING:
    import polars as pl

COHORTS = 10  # under each assumed effect
DRAWS = 1_000  # bootstrap samples, of the cohort shown alone
PARTS, PATIENTS = 20, 10_000  # of the draw in which nobody crosses over
_FIRST = 1 << 18  # trial numbers of these cohorts start here
_ELSEWHERE = 1 << 41  # and those of the parts of the draw here
_OFFSET = 1.0  # days: who progresses on the last day of follow-up was followed on that day

OBSERVED, REPLAYED = "as observed", "the same patients, none crossing"
_REPLAYED = "each patient's random numbers once more, with nobody crossing over; Cox model, Efron ties"
WAYS: Mapping[str, Callable[[Switches], Naive | RPSFTM | WithoutSwitching]] = {
    OBSERVED: lambda record: switching.naive(record, "as observed"),
    "RPSFTM": lambda record: switching.rpsftm(record),
    "IPE": lambda record: switching.ipe(record),
    "two-stage": lambda record: switching.two_stage(record, offset=_OFFSET),
    "censored at switch": lambda record: switching.naive(record, "censored at switch"),
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Assumed:
    """Cohorts rebuilt under one assumed effect of crossing over.

    ``searched`` of them were searched for, ``met`` reach every printed number. ``ratios`` (met, ways) are hazard ratios
    of each, by the ways of ``Demonstration.ways``; nan where a way has none.
    """

    label: str
    death_hazard_ratio: float
    searched: int
    met: int
    ratios: NDArray[np.float64]

    def __post_init__(self) -> None:
        results.read_only(self)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Demonstration:
    """Hazard ratios of survival without crossover on cohorts that print the same digits, by the assumed effect.

    ``ways`` are the methods by name, with what they do. ``in_model`` is the hazard ratio of the model itself with
    nobody crossing over, in ``patients`` drawn patients, and its Monte Carlo standard error; it is the same for
    every assumed effect. ``shown`` is the
    RPSFTM of the cohort that the reconstruction shows, with bootstrap limits. ``context`` says of which simulation
    table, estimand and endpoint all of this is, ``meaning`` what it means.
    """

    label: str
    ways: Mapping[str, str]
    assumed: tuple[Assumed, ...]
    in_model: tuple[float, float]
    patients: int
    seed: int
    tier: str
    shown: RPSFTM
    context: Row
    meaning: str

    def __str__(self) -> str:
        """As it would stand in a report: the range over all cohorts, and what it means."""
        at = list(self.ways).index("RPSFTM")
        low, high = (fixed(x, 2) for x in summary(np.concatenate([one.ratios[:, at] for one in self.assumed]))[1:])
        met = sum(one.met for one in self.assumed)
        every = f"every published number{'' if self.tier == 'C' else f' of tier {self.tier}'}"
        if low == high == results.NOT_ESTIMABLE:
            return (
                f"On {met} cohorts that print {every}, over {len(self.assumed)} assumed effects of crossing over, "
                f"there is no hazard ratio of {self.context.endpoint} by RPSFTM to be shown: {self.meaning}"
            )
        return (
            f"On {met} cohorts that print {every}, over {len(self.assumed)} assumed effects of crossing over, hazard "
            f"ratios of {self.context.endpoint} by RPSFTM go from {low} to {high}: {self.meaning}"
        )

    def rows(self) -> list[Row]:
        """By assumed effect what was reached, the model's own ratio and each way's; then the cohort shown, and what it
        all means."""
        return [
            *(row for one in self.assumed for row in self._of(one)),
            *self._shown(),
            replace(self.context, statistic="meaning", text=self.meaning),
        ]

    def table(self) -> pl.DataFrame:
        """The long table of all of it."""
        return results.long_table(self.rows())

    def _of(self, one: Assumed) -> Iterator[Row]:
        group = replace(self.context, group=f"{one.label} ({one.death_hazard_ratio:g})")
        reached = f"{one.met} of {one.searched}"
        yield replace(
            group, statistic="cohorts that meet every number", text=reached, value=float(one.met),
            method=f"tier {self.tier}, seed {self.seed}; after crossing over the hazard of death is multiplied by "
            f"{one.death_hazard_ratio:g}",
        )  # fmt: skip
        yield replace(
            group, statistic="hazard ratio in the model, nobody crossing",
            **number(self.in_model[0], fixed(self.in_model[0], 2), "the draw has none"),  # type: ignore[arg-type]
            method=f"Cox model, Efron ties, {self.patients:,} patients drawn from the model, seed {self.seed} "
            f"(Monte Carlo standard error {fixed(self.in_model[1], 3)}); the same whatever is assumed of crossing over",
        )  # fmt: skip
        for (way, how), values in zip(self.ways.items(), one.ratios.T, strict=True):
            missing = int(np.isnan(values).sum())
            why = f"no cohort of {one.searched} meets every number" if not one.met else ""
            why = why or (f"not estimable in {missing} of {one.met} cohorts" if missing else "")
            for name, value in zip(("median", "smallest", "largest"), summary(values), strict=True):
                yield replace(
                    group, statistic=f"{way}: hazard ratio, {name}",
                    method=f"{how}; over the {reached} cohorts that meet every number",
                    **number(value, fixed(value, 2), why),  # type: ignore[arg-type]
                )  # fmt: skip

    def _shown(self) -> Iterator[Row]:
        """RPSFTM of the cohort that is shown, by its own rows."""
        wanted = ("hazard ratio", "hazard ratio lower limit", "hazard ratio upper limit",
                  "bootstrap hazard ratio lower limit", "bootstrap hazard ratio upper limit", "bootstrap samples",
                  "bootstrap samples without an estimate", "warning on switching")  # fmt: skip
        for row in self.shown.rows():
            if row.statistic in wanted:
                own = {name: getattr(row, name) for name in ("level", "value", "text", "method", "reason")}
                yield replace(self.context, group="the cohort shown", statistic=f"RPSFTM: {row.statistic}", **own)


def asked(trial: Protocol) -> tuple[str, ...]:
    """Names of the simulation tables that vary crossover, where the protocol has published numbers to reach.

    >>> from equipoise.protocol import example
    >>> asked(example("tandem"))
    ('overall survival by crossover',)
    """
    if not trial.published.numbers:
        return ()
    return tuple(name for name, table in trial.simulation.items() if table.crossover)


def demonstrate(
    trial: Protocol,
    name: str,
    shown: Patients,
    *,
    tier: str = "A",
    seed: int = 1,
    cohorts: int = COHORTS,
    progress: Callable[[str], None] = lambda _: None,
) -> Demonstration:
    """Hazard ratios without crossover on cohorts that reach every printed number, by what is assumed of crossing over.

    It estimates nothing: it shows that the printed numbers leave the hypothetical hazard ratio open. The simulation
    table ``name`` says which effects are assumed (``after_crossing``), its scenario's own is added; under each
    ``cohorts`` are searched for (cohort j of a seed and an effect is the same whatever else is asked, and whoever
    searches). Each is analyzed as observed, by RPSFTM, IPE, simple two-stage estimation and censored at the switch; the
    same patients are also followed once more with nobody crossing over. ``shown`` is the cohort that the
    reconstruction shows; RPSFTM has limits by bootstrap there, and nowhere else.

    Raises ``ProtocolError`` for a table that does not vary crossover, and what ``analyze.switching.switches`` raises
    for an estimand without the intercurrent event.

    >>> from equipoise.protocol import example
    >>> trial = example("tandem")
    >>> found = demonstrate(trial, "overall survival by crossover", simulated(trial, seed=1), cohorts=1)
    >>> [(one.label, one.met) for one in found.assumed]
    [('no effect', 1), ('half effect', 1), ('full effect', 1), ("the model's own", 1)]
    """
    refuse_unknown(trial.unknown, f"simulation.{quoted(name)}")
    table = trial.simulation.get(name)
    if table is None or not table.crossover:
        raise ProtocolError(
            f"the simulation {name!r} varies no crossover",
            where=f"simulation.{quoted(name)}",
            remedy="Add it with `crossover` and `after_crossing`.",
        )
    if cohorts < 1:
        raise ProtocolError(f"{cohorts} cohorts show nothing", where="cohorts", remedy="Ask for 1 or more.")
    start, ratios = assumed_effects(trial, name)
    record = _record(trial, shown, table.estimand, start)
    found = switching.rpsftm(record, draws=DRAWS, seed=seed)
    cases = []
    for label, ratio in ratios:
        progress(f"searching {cohorts} cohorts under an assumed effect of crossing over: {label}")
        cases.append(assumed(
            trial, table.estimand, with_effect(start, ratio), label, tier=tier, seed=seed, cohorts=cohorts
        ))  # fmt: skip
    about = trial.estimands[table.estimand]
    return Demonstration(
        label=table.label,
        ways=MappingProxyType({**_methods(record), REPLAYED: _REPLAYED}),
        assumed=tuple(cases),
        in_model=ratio_in_model(trial, table.estimand, start, seed=seed),
        patients=PARTS * PATIENTS,
        seed=seed,
        tier=tier,
        shown=found,
        context=Row(
            statistic="", analysis="demonstration", role="demonstration", estimand=table.estimand,
            population=about.population, endpoint=about.variable, toml_path=f"simulation.{quoted(name)}",
            origin="reconstructed",
        ),
        meaning=meaning(trial, about.variable, tier),
    )  # fmt: skip


def meaning(trial: Protocol, variable: str, tier: str = "A") -> str:
    """What a demonstration means, in the name of the source whose numbers of a tier are aimed at.

    >>> from equipoise.protocol import example
    >>> meaning(example("tandem"), "OS").partition(";")[0]
    'the abstract cannot tell what overall survival would have been without crossover'
    """
    aimed = {n.source for _, n in trial.published.of_tier(tier) if n.use == "target"}  # type: ignore[arg-type]
    told = f"the {aimed.pop()}" if len(aimed) == 1 else "what is printed"
    label = trial.endpoints[variable].label
    what = label[:1].lower() + label[1:] if label[1:2].islower() else label
    return (
        f"{told} cannot tell what {what} would have been without crossover; every value here is an assumption returned"
    )


def assumed_effects(trial: Protocol, name: str) -> tuple[Scenario, tuple[tuple[str, float], ...]]:
    """The scenario of a simulation table, and hazard ratios of death after crossing over with their labels, the
    scenario's own last unless it is among them.

    >>> from equipoise.protocol import example
    >>> assumed_effects(example("tandem"), "overall survival by crossover")[1]
    (('no effect', 1.0), ('half effect', 0.735), ('full effect', 0.54), ("the model's own", 0.45))
    """
    table = trial.simulation[name]
    scenario = trial.scenario[table.scenario or stated_scenario(trial)]
    found = tuple(table.after_crossing.items())
    assert scenario.crossover is not None  # the protocol was refused otherwise
    own = scenario.crossover.death_hazard_ratio
    return scenario, found if own in table.after_crossing.values() else (*found, ("the model's own", own))


def with_effect(scenario: Scenario, ratio: float) -> Scenario:
    """The scenario with another hazard ratio of death from the crossing on."""
    assert scenario.crossover is not None
    crossing = scenario.crossover.model_copy(update={"death_hazard_ratio": ratio})
    return scenario.model_copy(update={"crossover": crossing})


def assumed(
    trial: Protocol,
    estimand: str,
    scenario: Scenario,
    label: str,
    *,
    tier: str = "A",
    seed: int = 1,
    cohorts: int = COHORTS,
) -> Assumed:
    """Cohorts 0, 1, ... of a seed under one scenario that reach every printed number, and their hazard ratios."""
    assert scenario.crossover is not None
    task = task_of(trial, "", scenario, tier, 0)
    todo = [replace(task, number=_FIRST + j) for j in range(cohorts)]
    met = [one for one in search_all(trial, todo, seed=seed) if one.agrees]
    ratios = [_ratios(trial, estimand, scenario, one) for one in met]
    return Assumed(
        label=label, death_hazard_ratio=scenario.crossover.death_hazard_ratio, searched=cohorts, met=len(met),
        ratios=np.array(ratios, dtype=np.float64).reshape(len(met), len(WAYS) + 1),
    )  # fmt: skip


def _ratios(trial: Protocol, estimand: str, scenario: Scenario, found: Found) -> list[float]:
    """The hazard ratios of one cohort: by every way, then of its patients with nobody crossing over."""
    record = _record(trial, as_patients(trial, found), estimand, scenario)
    none = endpoint(trial, none_crossing(trial, found), estimand=estimand)
    return [*(_or_nan(way, record) for way in WAYS.values()), _or_nan(cox, none)]


def _methods(record: Switches) -> dict[str, str]:
    """What each way does, by its name; a record without the one way has it under its name alone."""
    found = {}
    for name, way in WAYS.items():
        try:
            found[name] = way(record).method
        except EquipoiseError:
            found[name] = name
    return found


def _record(trial: Protocol, data: Patients, estimand: str, scenario: Scenario) -> Switches:
    assert scenario.crossover is not None
    return switching.switches(trial, data, estimand=estimand, may_switch=(scenario.crossover.arm,))


def none_crossing(trial: Protocol, found: Found) -> Patients:
    """The patients of a cohort, each with the same random numbers, had nobody crossed over."""
    drawn = found.cohort
    who, made = drawn.baseline, drawn.model
    crossing = made.crossing.copy()
    crossing[1] = 0.0  # the probability
    history, _ = histories(
        drawn.uniforms, who.arm, who.on_progression, who.on_death, made.laws, made.ratios, made.timing, crossing
    )
    return patients(trial, replace(drawn, history=history), origin="reconstructed")


def ratio_in_model(trial: Protocol, estimand: str, scenario: Scenario, *, seed: int) -> tuple[float, float]:
    """The hazard ratio of an estimand in a large draw from a scenario in which nobody crosses over, and its standard
    error."""
    assert scenario.crossover is not None
    crossing = scenario.crossover.model_copy(update={"probability": 0.0, "by": None, "shares": {}})
    plain = scenario.model_copy(update={"crossover": crossing, "adverse_events": None})
    parts = [
        endpoint(trial, simulated(trial, plain, seed=seed, number=_ELSEWHERE + j, subjects=PATIENTS), estimand=estimand)
        for j in range(PARTS)
    ]
    whole = cox(_together(parts))
    ratio = math.exp(float(whole.coef[0]))
    return ratio, ratio * float(whole.se[0])


def _together(parts: Sequence[TimeToEvent]) -> TimeToEvent:
    """The patients of several draws as those of one, with their strata."""
    first = parts[0]
    strata = np.concatenate([np.array(one.strata)[one.stratum] for one in parts]) if first.strata else None
    return TimeToEvent(
        np.concatenate([one.time for one in parts]),
        np.concatenate([one.event for one in parts]),
        np.concatenate([np.array(one.arms)[one.arm] for one in parts]),
        control=first.control, experimental=first.experimental, unit="days", strata=strata, event_is=first.event_is,
        origin="simulated",
    )  # fmt: skip


def _or_nan(way: Callable[[Any], Any], data: Any) -> float:
    """A hazard ratio; nan where the data have none, which is then counted."""
    try:
        value = float(way(data).hazard_ratio)
    except EquipoiseError:
        return math.nan
    return value if 0 < value < math.inf else math.nan


def summary(values: NDArray[np.float64]) -> tuple[float, float, float]:
    """Median, smallest and largest of the values that are there; nan without any.

    >>> summary(np.array([0.5, np.nan, 2.0]))
    (1.25, 0.5, 2.0)
    >>> summary(np.array([np.nan]))
    (nan, nan, nan)
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return math.nan, math.nan, math.nan
    return float(np.median(known)), float(known.min()), float(known.max())
