"""``[simulation.*]``: which trials are to be simulated, over a grid of what may be true."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated

from pydantic import Field, model_validator

from ..errors import ProtocolError
from ..units import days
from .design import Bounds, Probability
from .hazards import Ratio, Share
from .scenarios import MOST_PATIENTS
from .section import Many, Section, Sided, Span, Table, Text


def refuse_unknown(unknown: Mapping[str, str], path: str) -> None:
    """Refuse to simulate what the protocol says is unknown below a path: left out, it would be taken for something
    else."""
    for where, why in unknown.items():
        if where.startswith(f"{path}."):
            raise ProtocolError(
                f"what is to be simulated is unknown: {why}",
                where=where,
                remedy="Give it a value, assumed if need be, or leave the key out for what it is by default.",
            )


class SimulatedDesign(Section):
    """Looks at numbers of ``events``, with bounds of the family ``efficacy`` (one look needs none: that of alpha) and,
    where ``power`` says at which effect errors of the second kind are spent, for ``futility``, ``binding`` or not."""

    events: Annotated[Many[Annotated[int, Field(ge=1, le=MOST_PATIENTS)]], Field(min_length=1)]
    efficacy: Bounds | None = None
    futility: Bounds | None = None
    binding: bool = False
    power: Probability | None = None

    @model_validator(mode="after")
    def _has_bounds(self) -> SimulatedDesign:
        if any(b <= a for a, b in pairwise(self.events)):
            raise ValueError("`events` must rise")
        if len(self.events) > 1 and self.efficacy is None:
            raise ValueError("several looks need bounds: give `efficacy`")
        if self.power is not None and self.futility is None and self.efficacy is None:
            raise ValueError("`power` goes with bounds for futility: the power here is what is simulated")
        return self


class Simulation(Section):
    """Power of one test of ``estimand``, without interim looks, where something of ``scenario`` is varied (by default
    of the first that is stated).

    Either ``hazard_ratio``: those of the treatment on what ends the endpoint (on progression where it counts, else on
    death), each as often as there is a ``delay`` before which the treatment has no effect, or a duration of ``accrual``
    with which the cut-off moves, so that the last patient is followed as long as in the scenario; or ``crossover``:
    shares of those who progress in the scenario's crossover arm and cross over, each under the hazard ratios of death
    from then on that ``after_crossing`` names. Or ``designs``, sets of looks by name which the same patients meet,
    in one scenario or in several (``scenarios``), and at every ``hazard_ratio`` if these are given; the first is what
    others are compared with. The test, ``sided`` at ``alpha``, comes at each number of ``events``, or at the scenario's
    cut-off if that is earlier, as the last look of a design does. ``subjects`` are how many
    patients there are, or how many in each arm.
    Beside the hazard ratio stand the differences of restricted means to ``restricted_mean`` and of survival at the
    ``milestone``; ``truth`` adds what a million patients would estimate of each, and the trials' bias and coverage.
    """

    label: Text
    estimand: Text
    scenario: Text | None = None
    scenarios: Many[Text] = ()
    designs: Table[SimulatedDesign] = Field(default_factory=dict, validate_default=True)
    alpha: Annotated[float, Field(gt=0, lt=0.5, allow_inf_nan=False)]
    sided: Sided
    events: Many[Annotated[int, Field(ge=1, le=MOST_PATIENTS)]] = ()
    subjects: Annotated[int, Field(ge=2, le=MOST_PATIENTS)] | Table[int] | None = None
    hazard_ratio: Many[Ratio] = ()
    delay: Many[Span] = ()
    accrual: Many[Span] = ()
    restricted_mean: Span | None = None
    milestone: Span | None = None
    truth: bool = False
    crossover: Many[Share] = ()
    after_crossing: Table[Ratio] = Field(default_factory=dict, validate_default=True)

    @model_validator(mode="after")
    def _varies_one_thing(self) -> Simulation:
        if self.designs:
            self._check_designs()
        elif bool(self.hazard_ratio) == bool(self.crossover):
            raise ValueError("give what is varied: either `hazard_ratio` or `crossover`, or `designs`")
        elif self.scenarios:
            raise ValueError("`scenarios` go with `designs`: write a simulation for each, or name one `scenario`")
        if bool(self.crossover) != bool(self.after_crossing):
            raise ValueError("`crossover` and `after_crossing` go together: who crosses, and what it does to them")
        if self.delay and self.accrual:
            raise ValueError("either `delay` or `accrual` is varied, not both in one grid")
        if (self.delay or self.accrual) and not self.hazard_ratio:
            raise ValueError("`delay` and `accrual` go with `hazard_ratio`")
        if isinstance(self.subjects, Mapping) and any(n < 1 for n in self.subjects.values()):
            raise ValueError("`subjects` of an arm are 1 or more")
        if isinstance(self.subjects, Mapping) and sum(self.subjects.values()) > MOST_PATIENTS:
            raise ValueError(f"`subjects` are {sum(self.subjects.values()):,} in all: give {MOST_PATIENTS:,} or less")
        for name in ("restricted_mean", "milestone"):
            time = getattr(self, name)
            if time is not None and days(time) < 1:
                raise ValueError(f"`{name}` is a time of a day or more")
        if any(days(one) < 1 for one in self.accrual):
            raise ValueError("an `accrual` lasts a day or more")
        for name in ("events", "hazard_ratio", "crossover", "delay", "accrual"):
            given = getattr(self, name)
            values = [days(one) for one in given] if name in ("delay", "accrual") else given
            if any(b <= a for a, b in pairwise(values)):
                raise ValueError(f"`{name}` must rise")
        return self

    def _check_designs(self) -> None:
        for name in ("events", "crossover", "delay", "accrual"):
            if getattr(self, name):
                raise ValueError(f"`{name}` does not go with `designs`, which have events of their own")
        if any(not name.strip() for name in self.designs):
            raise ValueError("a design has a name")
        if self.scenario is not None and self.scenarios:
            raise ValueError("give either `scenario` or `scenarios`")
        if len(set(self.scenarios)) < len(self.scenarios):
            raise ValueError("a scenario is named twice")
        if len(self.designs) == 1 and len(self.scenarios) < 2 and not self.hazard_ratio:
            raise ValueError(
                "one design in one scenario is no grid: give other `designs`, `scenarios` or `hazard_ratio`"
            )
