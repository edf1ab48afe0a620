"""The Protocol: every section together, with the references between them checked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

from pydantic import AfterValidator, Field

from ..errors import ProtocolError, UnsupportedError
from .analyses import Analysis, Testing
from .arms import Arm
from .choices import check_analysis
from .design import Design, check_design
from .endpoints import Eligibility, Endpoint, Population, Visit
from .estimands import Estimand
from .names import DataNames
from .published import Published, PublishedCurve, PublishedNumber
from .randomization import Randomization
from .safety import Safety
from .scenarios import OWN_COLUMNS, Scenario
from .section import Many, Section, Table, Text, known, quoted
from .simulations import Simulation
from .varied import check_effect, check_varied

# What stands in the results beside the analyses, under these names of an analysis.
FURTHER_PARTS = (
    "demonstration",
    "digitized",
    "disposition",
    "exposure",
    "safety",
    "spread",
    "strain",
    "switching",
    "tie-out",
)

Reasons = Annotated[Mapping[str, str], AfterValidator(lambda m: MappingProxyType(dict(m)))]


class About(Section):
    """``[trial]``: what the trial is, for the synopsis and the title page."""

    title: Text
    short_name: Text
    phase: Text | None = None
    indication: Text | None = None
    design: Text | None = None
    stratification: Text | None = None
    interim_analyses: Text | None = None
    sponsor: Text | None = None
    registry: Text | None = None
    sources: Many[Text] = ()


class Protocol(Section):
    """One trial, as its protocol file says it. Frozen; ``digest`` is the SHA-256 of the file.

    ``unknown`` and ``assumed`` map a TOML path to the reason the file gives; a command that needs such
    an item prints it.
    """

    trial: About
    arms: Table[Arm]
    eligibility: Eligibility | None = None
    populations: Table[Population] = Field(default_factory=dict, validate_default=True)
    visits: Table[Visit] = Field(default_factory=dict, validate_default=True)
    endpoints: Table[Endpoint] = Field(default_factory=dict, validate_default=True)
    estimands: Table[Estimand] = Field(default_factory=dict, validate_default=True)
    analyses: Table[Analysis] = Field(default_factory=dict, validate_default=True)
    testing: Testing | None = None
    safety: Safety | None = None
    design: Design | None = None
    randomization: Randomization | None = None
    scenario: Table[Scenario] = Field(default_factory=dict, validate_default=True)
    simulation: Table[Simulation] = Field(default_factory=dict, validate_default=True)
    published: Published = Field(default_factory=Published)
    data: DataNames = Field(default_factory=DataNames)

    unknown: Reasons = Field(default_factory=dict, validate_default=True)
    assumed: Reasons = Field(default_factory=dict, validate_default=True)
    source: Path
    digest: str

    @property
    def name(self) -> str:
        return self.trial.short_name

    def arm_in_data(self, arm: str) -> str:
        """The label that the files use for an arm of the protocol."""
        return self.data.arms.get(arm, arm)

    def parameter(self, endpoint: str) -> str:
        """The PARAMCD of an endpoint."""
        return self.endpoints[endpoint].parameter or endpoint

    def __str__(self) -> str:
        arms = " v ".join(self.arms)
        return f"{self.name}: {self.trial.title} ({arms}; {len(self.analyses)} analyses)"


def check_references(protocol: Protocol) -> None:
    """Every name that one section takes from another exists there; refuses with the TOML path."""
    if len(protocol.arms) < 2:
        raise ProtocolError(
            "a randomized trial has at least two arms",
            where="arms",
            remedy="Add the missing [arms.NAME] table.",
        )
    if not any(a.role == "control" for a in protocol.arms.values()):
        raise ProtocolError("no arm has the role control", where="arms", remedy='Set role = "control" for one.')
    for name, estimand in protocol.estimands.items():
        path = f"estimands.{quoted(name)}"
        for side in ("experimental", "control"):
            arm = getattr(estimand.treatment, side)
            known(arm, protocol.arms, "arm", f"{path}.treatment.{side}")
        _experimental(protocol, estimand.treatment.experimental, path)
        known(estimand.population, protocol.populations, "population", f"{path}.population")
        known(estimand.variable, protocol.endpoints, "endpoint", f"{path}.variable")
        for event, rule in estimand.intercurrent_events.items():
            if rule.strategy == "principal stratum":
                raise UnsupportedError(
                    "the principal stratum strategy is not supported",
                    where=f"{path}.intercurrent_events.{quoted(event)}.strategy",
                    remedy="Its estimators need assumptions that no method here makes; choose another strategy.",
                )
    for name, analysis in protocol.analyses.items():
        known(analysis.estimand, protocol.estimands, "estimand", f"analyses.{quoted(name)}.estimand")
        check_analysis(protocol, analysis, f"analyses.{quoted(name)}")
    for i, name in enumerate(protocol.testing.order if protocol.testing else ()):
        known(name, protocol.analyses, "analysis", f"testing.order[{i}]")
        if name in protocol.testing.order[:i]:  # type: ignore[union-attr]
            raise ProtocolError(f"the analysis {name!r} is tested twice", where=f"testing.order[{i}]")
    if protocol.testing:
        _check_graph(protocol, protocol.testing)
    for arm in protocol.data.arms:
        known(arm, protocol.arms, "arm", f"data.arms.{quoted(arm)}")
    _check_sections(protocol)


def _experimental(protocol: Protocol, arm: str, path: str) -> None:
    """What is compared with the control is not itself one: every sign and every word of benefit would be turned."""
    if protocol.arms[arm].role == "control":
        raise ProtocolError(
            f"the experimental arm {arm!r} has the role control",
            where=f"{path}.treatment.experimental",
            remedy=f"Name an experimental arm, or set arms.{quoted(arm)}.role.",
        )


def _check_graph(protocol: Protocol, testing: Testing) -> None:
    """A graph, and nothing else, has weights; its hypotheses are the analyses of the order, its shares are shares."""
    graph = testing.procedure == "graph"
    if graph != bool(testing.weights) or (testing.transitions and not graph):
        raise ProtocolError(
            'weights and transitions belong to procedure = "graph", which needs weights',
            where="testing.weights" if graph or testing.weights else "testing.transitions",
            remedy='Give each analysis of the order its share of alpha, or leave them out without a "graph".',
        )
    rows = {"weights": testing.weights}
    for name, row in testing.transitions.items():
        _hypothesis(protocol, testing, name, f"testing.transitions.{quoted(name)}")
        rows[f"transitions.{quoted(name)}"] = row
    for path, row in rows.items():
        for name, share in row.items():
            where = f"testing.{path}.{quoted(name)}"
            _hypothesis(protocol, testing, name, where)
            if not 0 <= share <= 1:
                remedy = "Write a number from 0 to 1."
                raise ProtocolError(f"{share:g} is no share of alpha for {name!r}", where=where, remedy=remedy)
            if share and path == f"transitions.{quoted(name)}":
                remedy = "Leave it out."
                raise ProtocolError("a hypothesis cannot hand its share to itself", where=where, remedy=remedy)
        if sum(row.values()) > 1 + 1e-9:
            raise ProtocolError(
                f"the shares sum to {sum(row.values()):g}, which is more than 1",
                where=f"testing.{path}",
                remedy="Make them smaller.",
            )
    for name in testing.order if graph else ():
        if name not in testing.weights:
            raise ProtocolError(
                f"the hypothesis {name!r} has no weight in the graph",
                where="testing.weights",
                remedy="Give it its share of alpha, 0 if it has none at first.",
            )


def _hypothesis(protocol: Protocol, testing: Testing, name: str, path: str) -> None:
    """A name in the graph is an analysis that is tested."""
    known(name, testing.order if name not in protocol.analyses else protocol.analyses, "analysis", path)
    if name not in testing.order:
        raise ProtocolError(
            f"the analysis {name!r} is not tested", where=path, remedy="Add it to testing.order, or leave it out."
        )


def _check_sections(protocol: Protocol) -> None:
    """Names in further sections; and names that the results need themselves."""
    for name in FURTHER_PARTS:
        if name in protocol.analyses:
            raise ProtocolError(
                f'the name "{name}" is taken by another part of the results',
                where=f"analyses.{name}",
                remedy="Name the analysis otherwise.",
            )
    if protocol.design:
        check_design(protocol, protocol.design)
    if protocol.safety:
        known(protocol.safety.population, protocol.populations, "population", "safety.population")
        for side in ("experimental", "control"):
            known(getattr(protocol.safety.treatment, side), protocol.arms, "arm", f"safety.treatment.{side}")
        _experimental(protocol, protocol.safety.treatment.experimental, "safety")
    for arm in protocol.randomization.allocation if protocol.randomization else ():
        known(arm, protocol.arms, "arm", f"randomization.allocation.{quoted(arm)}")
    for name, scenario in protocol.scenario.items():
        _check_scenario(protocol, scenario, f"scenario.{quoted(name)}")
    for name, simulation in protocol.simulation.items():
        _check_simulation(protocol, simulation, f"simulation.{quoted(name)}")
    for i, number in enumerate(protocol.published.numbers):
        _check_number(protocol, number, f"published.numbers[{i}]")
    for i, curve in enumerate(protocol.published.curves):
        _check_curve(protocol, curve, f"published.curves[{i}]")


def _check_simulation(protocol: Protocol, simulation: Simulation, path: str) -> None:
    known(simulation.estimand, protocol.estimands, "estimand", f"{path}.estimand")
    if not protocol.scenario:
        raise ProtocolError(
            "there is no scenario that could be simulated", where=f"{path}.scenario", remedy="Add [scenario.NAME]."
        )
    if isinstance(simulation.subjects, Mapping):
        _check_totals(protocol, simulation.subjects, f"{path}.subjects")
    for i, name in enumerate(simulation.scenarios):
        known(name, protocol.scenario, "scenario", f"{path}.scenarios[{i}]")
    if simulation.scenario is not None:
        known(simulation.scenario, protocol.scenario, "scenario", f"{path}.scenario")
    if {f"{path}.scenario", f"{path}.scenarios"} & protocol.unknown.keys():
        return  # nothing says of which scenario; whoever simulates refuses that
    stated = [one for one in protocol.scenario.values() if one.role == "stated"] or list(protocol.scenario.values())
    named = simulation.scenarios or (() if simulation.scenario is None else (simulation.scenario,))
    for scenario in [protocol.scenario[name] for name in named] or stated[:1]:
        _check_simulated(protocol, simulation, scenario, path)


def _check_totals(protocol: Protocol, subjects: Mapping[str, int], path: str) -> None:
    """Numbers of patients are of every arm, and of a procedure under which they may be given."""
    chosen = protocol.randomization
    arms = protocol.arms if chosen is None else chosen.allocation
    for arm in subjects:
        known(arm, arms, "arm of the randomization", f"{path}.{quoted(arm)}")
    if missing := [arm for arm in arms if arm not in subjects]:
        raise ProtocolError(f"nothing is given for the arm {missing[0]!r}", where=path, remedy="Add it.")
    if chosen is not None and chosen.procedure != "simple":
        raise ProtocolError(
            "numbers of patients by arm go with simple randomization: blocks keep the ratio by themselves",
            where=path,
            remedy="Give the number of patients in all.",
        )


def _check_simulated(protocol: Protocol, simulation: Simulation, scenario: Scenario, path: str) -> None:
    """What is varied is something that the scenario has."""
    if simulation.crossover and scenario.crossover is None:
        raise ProtocolError(
            "the scenario has no crossover that could be varied",
            where=f"{path}.crossover",
            remedy="Add [scenario.NAME.crossover].",
        )
    if simulation.crossover and scenario.crossover is not None and scenario.crossover.by is not None:
        raise ProtocolError(
            f"the share who cross over depends on {scenario.crossover.by}, and one for all is to be varied",
            where=f"{path}.crossover",
            remedy="Vary it in a scenario whose crossover has a probability alone, without `by` and `shares`.",
        )
    events = protocol.endpoints[protocol.estimands[simulation.estimand].variable].events
    if events is not None:  # of an endpoint that does not say it, nothing is simulated
        of_survival = scenario.progression is None or set(events) == {"death"}
        check_varied(simulation, scenario, of_survival=of_survival, path=path)
        if simulation.hazard_ratio:
            compared = protocol.estimands[simulation.estimand].treatment
            check_effect(scenario, compared.experimental, compared.control, of_survival=of_survival, path=path)


def _check_factors(protocol: Protocol, scenario: Scenario, path: str) -> None:
    arm = protocol.data.arm.upper()
    taken = dict.fromkeys((*OWN_COLUMNS, arm, f"{arm}N"), "a column that simulated data have of their own")
    for name, factor in scenario.factors.items():
        if name.upper() in taken:
            raise ProtocolError(
                f"the name of the factor {name!r} is that of {taken[name.upper()]}: columns are told apart in upper "
                "case",
                where=f"{path}.factors.{quoted(name)}",
                remedy="Name the factor otherwise.",
            )
        taken[name.upper()] = f"the factor {name!r}"
        for table in ("progression_by_arm", "death_by_arm"):
            for arm in getattr(factor, table):
                known(arm, protocol.arms, "arm", f"{path}.factors.{quoted(name)}.{table}.{quoted(arm)}")


def _check_scenario(protocol: Protocol, scenario: Scenario, path: str) -> None:
    for key, law in scenario.hazards.items():
        own = ((f"{key}.levels.{quoted(level)}", one) for level, one in law.levels.items())
        for at, one in ((key, law), *own):
            for table in ("hazard_ratio", "changing_hazard_ratio", "cured"):
                for arm in getattr(one, table, ()):
                    known(arm, protocol.arms, "arm", f"{path}.{at}.{table}.{quoted(arm)}")
    _check_factors(protocol, scenario, path)
    if scenario.crossover:
        known(scenario.crossover.arm, protocol.arms, "arm", f"{path}.crossover.arm")
    if scenario.detection:
        seen = {"visit": scenario.detection.visit}
        for arm, visit in scenario.detection.by_arm.items():
            known(arm, protocol.arms, "arm", f"{path}.detection.by_arm.{quoted(arm)}")
            seen[f"by_arm.{quoted(arm)}"] = visit
        for arm in scenario.detection.lag:
            known(arm, protocol.arms, "arm", f"{path}.detection.lag.{quoted(arm)}")
        for key, visit in seen.items():
            known(visit, protocol.visits, "visit", f"{path}.detection.{key}")
            if protocol.visits[visit].every is None:
                raise ProtocolError(
                    f"progression is to be seen at the visit {visit!r}, which has no interval",
                    where=f"visits.{quoted(visit)}.every",
                    remedy='Give one, assumed if need be: every = { value = "8 weeks", assumed = "why" }.',
                )
    events = scenario.adverse_events
    if events:
        for arm in events.any:
            known(arm, protocol.arms, "arm", f"{path}.adverse_events.any.{quoted(arm)}")
    for i, kind in enumerate(events.kinds if events else ()):
        for arm in kind.probability:
            known(arm, protocol.arms, "arm", f"{path}.adverse_events.kinds[{i}].probability.{quoted(arm)}")


def _check_number(protocol: Protocol, number: PublishedNumber, path: str) -> None:
    if number.estimand is not None:
        known(number.estimand, protocol.estimands, "estimand", f"{path}.estimand")
    if number.population is not None:
        known(number.population, protocol.populations, "population", f"{path}.population")
    if number.arm is not None:
        known(number.arm, protocol.arms, "arm", f"{path}.arm")
        if number.estimand is not None:
            t = protocol.estimands[number.estimand].treatment
            known(number.arm, (t.experimental, t.control), "arm of the estimand", f"{path}.arm")
    known(number.source, protocol.published.sources, "source", f"{path}.source")


def _check_curve(protocol: Protocol, curve: PublishedCurve, path: str) -> None:
    known(curve.estimand, protocol.estimands, "estimand", f"{path}.estimand")
    t = protocol.estimands[curve.estimand].treatment
    known(curve.arm, (t.experimental, t.control), "arm of the estimand", f"{path}.arm")
    known(curve.source, protocol.published.sources, "source", f"{path}.source")
    same = [c for c in protocol.published.curves if (c.estimand, c.arm) == (curve.estimand, curve.arm)]
    if len(same) > 1:
        raise ProtocolError(
            f"there are {len(same)} curves of {curve.arm} for {curve.estimand}", where=path, remedy="Keep one."
        )
