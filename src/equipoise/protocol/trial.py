"""The Protocol: every section together, with the references between them checked."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

from pydantic import AfterValidator, Field

from ..errors import ProtocolError, UnsupportedError
from .analyses import Analysis, Test, Testing
from .arms import Arm
from .endpoints import Eligibility, Endpoint, Population, Visit
from .estimands import Estimand
from .names import DataNames
from .published import Published, PublishedNumber
from .randomization import Randomization
from .safety import Safety
from .scenarios import Hazard, Scenario
from .section import Many, Section, Table, Text

# What stands in the results beside the analyses, under these names of an analysis.
FURTHER_PARTS = ("disposition", "exposure", "safety", "spread", "strain", "tie-out")

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
    randomization: Randomization | None = None
    scenario: Table[Scenario] = Field(default_factory=dict, validate_default=True)
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


_TESTS: dict[str, tuple[Test, ...]] = {
    "hazard ratio": ("logrank", "maxcombo", "cox", "adjusted logrank"),
    "difference in restricted mean survival time": ("restricted mean", "logrank", "maxcombo"),
    "ratio of restricted mean survival times": ("restricted mean", "logrank", "maxcombo"),
    "difference in milestone survival": ("milestone", "logrank", "maxcombo"),
    "ratio of milestone survival": ("milestone", "logrank", "maxcombo"),
    "average hazard ratio": ("average hazard ratio", "logrank", "maxcombo"),
    "marginal hazard ratio": ("adjusted logrank", "marginal hazard ratio"),
    "subdistribution hazard ratio": ("gray", "fine-gray"),
}
"""The tests that may stand beside an estimate of each summary; the first is the one taken where none is named."""


def test_of(protocol: Protocol, analysis: Analysis) -> Test:
    """The test of an analysis: as stated, else the one that goes with its estimand's summary."""
    if analysis.test is not None:
        return analysis.test
    summary = protocol.estimands[analysis.estimand].summary
    model = analysis.covariates or analysis.penalty or analysis.null_hazard_ratio != 1
    return "cox" if summary == "hazard ratio" and model else _TESTS[summary][0]


def stratified_by_default(summary: str) -> bool:
    """Whether strata are used where the analysis does not say: not for means, which weigh strata by their shares."""
    return summary in ("hazard ratio", "marginal hazard ratio", "subdistribution hazard ratio")


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
            _known(arm, protocol.arms, "arm", f"{path}.treatment.{side}")
        _known(estimand.population, protocol.populations, "population", f"{path}.population")
        _known(estimand.variable, protocol.endpoints, "endpoint", f"{path}.variable")
        for event, rule in estimand.intercurrent_events.items():
            if rule.strategy == "principal stratum":
                raise UnsupportedError(
                    "the principal stratum strategy is not supported",
                    where=f"{path}.intercurrent_events.{quoted(event)}.strategy",
                    remedy="Its estimators need assumptions that no method here makes; choose another strategy.",
                )
    for name, analysis in protocol.analyses.items():
        _known(analysis.estimand, protocol.estimands, "estimand", f"analyses.{quoted(name)}.estimand")
        _serves(protocol, analysis, f"analyses.{quoted(name)}")
    for i, name in enumerate(protocol.testing.order if protocol.testing else ()):
        _known(name, protocol.analyses, "analysis", f"testing.order[{i}]")
        if name in protocol.testing.order[:i]:  # type: ignore[union-attr]
            raise ProtocolError(f"the analysis {name!r} is tested twice", where=f"testing.order[{i}]")
    if protocol.testing and protocol.testing.procedure == "graph":
        _check_graph(protocol.testing)
    for arm in protocol.data.arms:
        _known(arm, protocol.arms, "arm", f"data.arms.{quoted(arm)}")
    _check_sections(protocol)


def _check_graph(testing: Testing) -> None:
    """Every hypothesis of the graph is an analysis of the order, and each of these has a weight."""
    for name in testing.order:
        if name not in testing.weights:
            raise ProtocolError(
                f"the hypothesis {name!r} has no weight in the graph",
                where="testing.weights",
                remedy="Give it its share of alpha, 0 if it has none at first.",
            )
    for path, names in [("weights", testing.weights), ("transitions", testing.transitions)]:
        for name in names:
            _known(name, testing.order, "hypothesis in testing.order", f"testing.{path}.{quoted(name)}")
    for name, row in testing.transitions.items():
        for to in row:
            path = f"testing.transitions.{quoted(name)}.{quoted(to)}"
            _known(to, testing.order, "hypothesis in testing.order", path)


def _check_sections(protocol: Protocol) -> None:
    """Names in [safety], [randomization], [scenario] and [published]; and names that the results need themselves."""
    for name in FURTHER_PARTS:
        if name in protocol.analyses:
            raise ProtocolError(
                f'the name "{name}" is taken by another part of the results',
                where=f"analyses.{name}",
                remedy="Name the analysis otherwise.",
            )
    if protocol.safety:
        _known(protocol.safety.population, protocol.populations, "population", "safety.population")
        for side in ("experimental", "control"):
            _known(getattr(protocol.safety.treatment, side), protocol.arms, "arm", f"safety.treatment.{side}")
    for arm in protocol.randomization.allocation if protocol.randomization else ():
        _known(arm, protocol.arms, "arm", f"randomization.allocation.{quoted(arm)}")
    for name, scenario in protocol.scenario.items():
        _check_scenario(protocol, scenario, f"scenario.{quoted(name)}")
    for i, number in enumerate(protocol.published.numbers):
        _check_number(protocol, number, f"published.numbers[{i}]")


def _check_scenario(protocol: Protocol, scenario: Scenario, path: str) -> None:
    for key in type(scenario).model_fields:
        law = getattr(scenario, key)
        for arm in law.hazard_ratio if isinstance(law, Hazard) else ():
            _known(arm, protocol.arms, "arm", f"{path}.{key}.hazard_ratio.{quoted(arm)}")
    if scenario.crossover:
        _known(scenario.crossover.arm, protocol.arms, "arm", f"{path}.crossover.arm")
    if scenario.detection:
        visit = scenario.detection.visit
        _known(visit, protocol.visits, "visit", f"{path}.detection.visit")
        if protocol.visits[visit].every is None:
            raise ProtocolError(
                f"progression is to be seen at the visit {visit!r}, which has no interval",
                where=f"visits.{quoted(visit)}.every",
                remedy='Give one, assumed if need be: every = { value = "8 weeks", assumed = "why" }.',
            )
    events = scenario.adverse_events
    if events:
        for arm in events.any:
            _known(arm, protocol.arms, "arm", f"{path}.adverse_events.any.{quoted(arm)}")
    for i, kind in enumerate(events.kinds if events else ()):
        for arm in kind.probability:
            _known(arm, protocol.arms, "arm", f"{path}.adverse_events.kinds[{i}].probability.{quoted(arm)}")


def _check_number(protocol: Protocol, number: PublishedNumber, path: str) -> None:
    if number.estimand is not None:
        _known(number.estimand, protocol.estimands, "estimand", f"{path}.estimand")
    if number.population is not None:
        _known(number.population, protocol.populations, "population", f"{path}.population")
    if number.arm is not None:
        _known(number.arm, protocol.arms, "arm", f"{path}.arm")
        if number.estimand is not None:
            t = protocol.estimands[number.estimand].treatment
            _known(number.arm, (t.experimental, t.control), "arm of the estimand", f"{path}.arm")
    _known(number.source, protocol.published.sources, "source", f"{path}.source")


def _serves(protocol: Protocol, analysis: Analysis, path: str) -> None:
    """Nothing is asked of an analysis that its estimand or its test would silently leave out."""
    estimand = protocol.estimands[analysis.estimand]
    summary, test = estimand.summary, test_of(protocol, analysis)
    if test not in _TESTS[summary]:
        raise ProtocolError(
            f'the test "{test}" does not go with the summary "{summary}"',
            where=f"{path}.test",
            remedy=f"Choose one of {', '.join(_TESTS[summary])}, or another estimand.",
        )
    if analysis.subgroups and analysis.covariates:
        raise ProtocolError(
            "subgroups are estimated without covariates, so that they would not add up to the adjusted hazard ratio",
            where=f"{path}.subgroups",
            remedy="Name the subgroups in an analysis without covariates.",
        )
    if summary == "marginal hazard ratio" and not analysis.covariates:
        raise ProtocolError(
            "a marginal hazard ratio is adjusted for covariates, and none is named",
            where=f"{path}.covariates",
            remedy="Name them, or choose the hazard ratio.",
        )
    if test == "adjusted logrank" and not analysis.covariates:
        raise ProtocolError(
            "the adjusted log-rank test needs covariates", where=f"{path}.covariates", remedy="Name them."
        )
    if summary == "subdistribution hazard ratio" and not protocol.endpoints[estimand.variable].competing_codes:
        raise ProtocolError(
            "a subdistribution hazard ratio needs events that compete",
            where=f"endpoints.{quoted(estimand.variable)}.competing_codes",
            remedy="Name their censoring codes.",
        )
    hazard = summary == "hazard ratio"
    means = summary.startswith(("difference in restricted", "ratio of restricted"))
    adjustable = hazard or means or summary in ("marginal hazard ratio", "subdistribution hazard ratio")
    idle = {
        "covariates": bool(analysis.covariates) and not adjustable,
        "subgroups": bool(analysis.subgroups) and not hazard,
        "stratified": analysis.stratified is True and summary == "average hazard ratio" and test == summary,
        "rho": analysis.rho > 0 and test != "logrank",
        "gamma": analysis.gamma > 0 and test != "logrank",
        "weights": analysis.weights is not None and test != "logrank",
        "limits": analysis.limits is not None and not hazard,
        "penalty": analysis.penalty is not None and not hazard,
        "ties": analysis.ties is not None and not hazard,
        "null_hazard_ratio": analysis.null_hazard_ratio != 1 and test != "cox",
    }
    for key in (k for k, is_idle in idle.items() if is_idle):
        raise ProtocolError(
            f'{key} would do nothing in this analysis: its summary is "{summary}", its test "{test}"',
            where=f"{path}.{key}",
            remedy="Remove it, or choose another summary or test.",
        )
    if means and analysis.covariates and analysis.stratified:
        raise ProtocolError(
            "restricted means are adjusted for covariates or stratified, not both",
            where=f"{path}.stratified",
            remedy="Name the stratification factors among the covariates.",
        )


def _known(name: str, among: Collection[str], kind: str, path: str) -> None:
    if name in among:
        return
    close = get_close_matches(name, list(among), n=1)
    hint = f'Did you mean "{close[0]}"?' if close else f"Known: {', '.join(among) or 'none'}."
    raise ProtocolError(f"there is no {kind} {name!r}", where=path, remedy=hint)


def quoted(key: str) -> str:
    """A TOML key as it stands in a path: quoted unless it is bare.

    >>> quoted("primary"), quoted("PFS, ITT")
    ('primary', '"PFS, ITT"')
    """
    bare = key != "" and key.isascii() and all(c.isalnum() or c in "-_" for c in key)
    return key if bare else f'"{key}"'
