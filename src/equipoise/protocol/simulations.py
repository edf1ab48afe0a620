"""``[simulation.*]``: which trials are to be simulated, over a grid of what may be true."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, model_validator

from ..units import days
from .hazards import Ratio, Share
from .section import Duration, Many, Section, Table, Text


class Simulation(Section):
    """Power of one test of ``estimand``, without interim looks, where something of ``scenario`` is varied (by default
    of the first that is stated).

    Either ``hazard_ratio``: those of the treatment on what ends the endpoint (on progression where it counts, else on
    death), each as often as there is a ``delay`` before which the treatment has no effect, or a duration of ``accrual``
    with which the cut-off moves, so that the last patient is followed as long as in the scenario; or ``crossover``:
    shares of those who progress in the scenario's crossover arm and cross over, each under the hazard ratios of death
    from then on that ``after_crossing`` names. The test, ``sided`` at ``alpha``, comes at each number of ``events``, or
    at the scenario's cut-off if that is earlier. ``subjects`` as of ``simulate.trial``.
    Beside the hazard ratio stand the differences of restricted means to ``restricted_mean`` and of survival at the
    ``milestone``; ``truth`` adds what a million patients would estimate of each, and the trials' bias and coverage.
    """

    label: Text
    estimand: Text
    scenario: Text | None = None
    alpha: Annotated[float, Field(gt=0, lt=0.5)]
    sided: Literal[1, 2]
    events: Many[Annotated[int, Field(ge=1)]] = ()
    subjects: Annotated[int, Field(ge=2)] | None = None
    hazard_ratio: Many[Ratio] = ()
    delay: Many[Duration] = ()
    accrual: Many[Duration] = ()
    restricted_mean: Duration | None = None
    milestone: Duration | None = None
    truth: bool = False
    crossover: Many[Share] = ()
    after_crossing: Table[Ratio] = Field(default_factory=dict, validate_default=True)

    @model_validator(mode="after")
    def _varies_one_thing(self) -> Simulation:
        if bool(self.hazard_ratio) == bool(self.crossover):
            raise ValueError("give what is varied: either `hazard_ratio` or `crossover`")
        if bool(self.crossover) != bool(self.after_crossing):
            raise ValueError("`crossover` and `after_crossing` go together: who crosses, and what it does to them")
        if self.delay and self.accrual:
            raise ValueError("either `delay` or `accrual` is varied, not both in one grid")
        if (self.delay or self.accrual) and not self.hazard_ratio:
            raise ValueError("`delay` and `accrual` go with `hazard_ratio`")
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
