"""The Protocol: every section together, with the references between them checked."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

from pydantic import AfterValidator, Field

from ..errors import ProtocolError, UnsupportedError
from .analyses import Analysis, Testing
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


def test_of(protocol: Protocol, analysis: Analysis) -> str:
    """The test of an analysis: as stated, else the one that goes with its estimand's summary and its covariates."""
    if analysis.test is not None:
        return analysis.test
    if protocol.estimands[analysis.estimand].restriction_time is not None:
        return "restricted mean"
    return "cox" if analysis.covariates else "logrank"


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
    for arm in protocol.data.arms:
        _known(arm, protocol.arms, "arm", f"data.arms.{quoted(arm)}")
    _check_sections(protocol)


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
    restricted = protocol.estimands[analysis.estimand].restriction_time is not None
    test = test_of(protocol, analysis)
    if test == "restricted mean" and not restricted:
        raise ProtocolError(
            "a test of restricted means needs an estimand with a restriction_time",
            where=f"{path}.test",
            remedy="Choose another test, or another estimand.",
        )
    if analysis.subgroups and analysis.covariates:
        raise ProtocolError(
            "subgroups are estimated without covariates, so that they would not add up to the adjusted hazard ratio",
            where=f"{path}.subgroups",
            remedy="Name the subgroups in an analysis without covariates.",
        )
    idle = {
        "test": test == "cox" and restricted,
        "covariates": bool(analysis.covariates) and restricted,
        "subgroups": bool(analysis.subgroups) and restricted,
        "rho": analysis.rho > 0 and test == "restricted mean",
        "gamma": analysis.gamma > 0 and test == "restricted mean",
    }
    for key in (k for k, is_idle in idle.items() if is_idle):
        raise ProtocolError(
            f"{key} would do nothing to the restricted means of this analysis",
            where=f"{path}.{key}",
            remedy="Remove it, or choose an estimand whose summary is the hazard ratio.",
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
