"""``[estimands.*]``: ICH E9(R1)'s five attributes: treatment, population, variable, intercurrent
events with their strategies, and the population-level summary."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from .section import Duration, Section, Table, Text

Strategy = Literal["treatment policy", "hypothetical", "composite", "while on treatment", "principal stratum"]
Summary = Literal[
    "hazard ratio",
    "difference in restricted mean survival time",
    "ratio of restricted mean survival times",
    "difference in milestone survival",
    "ratio of milestone survival",
    "average hazard ratio",
    "marginal hazard ratio",
    "subdistribution hazard ratio",
]
RESTRICTED = (
    "difference in restricted mean survival time",
    "ratio of restricted mean survival times",
    "average hazard ratio",
)
MILESTONES = ("difference in milestone survival", "ratio of milestone survival")


class Contrast(Section):
    """The two arms that are compared; every effect is experimental against control."""

    experimental: Text
    control: Text

    @model_validator(mode="after")
    def _two_arms(self) -> Contrast:
        if self.experimental == self.control:
            raise ValueError("experimental and control are the same arm")
        return self


class IntercurrentEvent(Section):
    """Something after randomization that changes what the variable means, and what is done about it.

    ``date`` names the column (ADSL, else ADTTE) with its date; every strategy but treatment policy
    needs it. Under "hypothetical" and "while on treatment" the patient is censored at that date: an
    estimator that assumes censoring there to be independent of what would have followed, and the only one unless the
    analysis names another (``[analyses.NAME.switching]``). Under
    "composite" the intercurrent event counts as the event.
    """

    strategy: Strategy
    date: Text | None = None
    note: Text | None = None

    @model_validator(mode="after")
    def _has_date(self) -> IntercurrentEvent:
        if self.strategy in ("hypothetical", "composite", "while on treatment") and self.date is None:
            raise ValueError(f'the strategy "{self.strategy}" needs `date`, the column with the date of the event')
        return self


class Estimand(Section):
    """What is to be estimated. ``restriction_time`` belongs to the restricted means and the average hazard ratio,
    ``milestone`` to survival at a time; neither has a default."""

    treatment: Contrast
    population: Text
    variable: Text
    summary: Summary
    restriction_time: Duration | None = None
    milestone: Duration | None = None
    intercurrent_events: Table[IntercurrentEvent] = Field(default_factory=dict, validate_default=True)

    @model_validator(mode="after")
    def _restricted(self) -> Estimand:
        for key, summaries in (("restriction_time", RESTRICTED), ("milestone", MILESTONES)):
            given = getattr(self, key) is not None
            if given != (self.summary in summaries):
                raise ValueError(f'the summary "{self.summary}" {"has no use for" if given else "needs"} a {key}')
        return self
