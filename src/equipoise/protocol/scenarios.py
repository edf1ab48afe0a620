"""``[scenario.*]``: a model of how nature behaves, from which patients can be drawn."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Literal

from pydantic import Field, model_validator

from ..units import days
from .section import Duration, Many, Section, Table, Text

Share = Annotated[float, Field(ge=0, le=1)]
Ratio = Annotated[float, Field(gt=0)]


class Piece(Section):
    """A constant hazard (events a month) until a time; the last piece has no end."""

    monthly_hazard: Annotated[float, Field(ge=0)]
    until: Duration | None = None


def check_pieces(pieces: Sequence[Piece]) -> None:
    """Refuse pieces that do not follow each other."""
    ends = [days(p.until) for p in pieces[:-1] if p.until is not None]
    if len(ends) < len(pieces) - 1 or (pieces and pieces[-1].until is not None):
        raise ValueError("every piece but the last has an `until`, the last has none")
    if any(b <= a for a, b in zip([0.0, *ends], ends, strict=False)):
        raise ValueError("the pieces' `until` must rise")


class Hazard(Section):
    """When something happens: Weibull by ``median`` and ``shape`` (1: exponential), or constant in ``pieces``.

    It holds for the arms whose ``hazard_ratio`` is 1 (every arm that is not named); in another the hazard is
    that many times as high.
    """

    median: Duration | None = None
    shape: Annotated[float, Field(gt=0)] = 1.0
    pieces: Many[Piece] = ()
    hazard_ratio: Table[Ratio] = Field(default_factory=dict, validate_default=True)

    @model_validator(mode="after")
    def _has_a_hazard(self) -> Hazard:
        if (self.median is None) == (not self.pieces):
            raise ValueError("the model gives no hazard: give either `median` (with `shape`) or `pieces`")
        if self.median is not None and days(self.median) <= 0:
            raise ValueError("the median must be above zero")
        check_pieces(self.pieces)
        if self.pieces and self.shape != 1.0:
            raise ValueError("a shape belongs to a median, not to pieces")
        return self


class Detection(Section):
    """How progression is seen: at the visits of ``visit``, each ``missed`` with this probability and off its day
    by a skewed error of standard deviation ``spread``; a share ``between_visits`` is seen when it happens."""

    visit: Text
    spread: Duration = "0 days"
    missed: Share = 0.0
    between_visits: Share = 0.0


class Crossover(Section):
    """Who of arm ``arm`` is given ``drug`` after progression, how long after, and what it does to survival.

    Everyone who progresses crosses with ``probability``, after a time with mean ``delay`` (exponential), if
    alive and followed; from then on the hazard of death is multiplied by ``death_hazard_ratio``.
    """

    arm: Text
    drug: Text
    probability: Share
    delay: Duration = "1 day"
    death_hazard_ratio: Ratio = 1.0


class Factor(Section):
    """A baseline column: its levels with their shares, and what they do to the hazards (default: nothing)."""

    label: Text | None = None
    levels: Table[Share]
    progression: Table[Ratio] = Field(default_factory=dict, validate_default=True)
    death: Table[Ratio] = Field(default_factory=dict, validate_default=True)

    @model_validator(mode="after")
    def _adds_up(self) -> Factor:
        if not self.levels or abs(sum(self.levels.values()) - 1) > 1e-9:
            raise ValueError("the shares of the levels must add up to 1")
        for ratios in (self.progression, self.death):
            for level in ratios:
                if level not in self.levels:
                    raise ValueError(f"there is no level {level!r}")
        return self


class Weight(Section):
    """Body weight in kilograms, normal within ``least`` and ``most``."""

    mean: Annotated[float, Field(ge=20, le=300)]
    sd: Annotated[float, Field(ge=0)]
    least: Annotated[float, Field(ge=20)] = 35.0
    most: Annotated[float, Field(le=300)] = 150.0

    @model_validator(mode="after")
    def _in_order(self) -> Weight:
        if not self.least <= self.mean <= self.most:
            raise ValueError("the mean weight lies outside `least` and `most`")
        return self


class AdverseEvent(Section):
    """A kind of adverse event and the share of each arm's treated patients who have at least one of it."""

    term: Text
    system: Text
    grade: Annotated[int, Field(ge=1, le=5)] | None = None
    serious: bool = False
    nyha: Annotated[int, Field(ge=1, le=4)] | None = None
    probability: Table[Share]


class AdverseEvents(Section):
    """Adverse events: who has ``any``, and of those who has which kind. Events fall evenly in the time on treatment."""

    any: Table[Share]
    kinds: Many[AdverseEvent] = ()

    @model_validator(mode="after")
    def _nested(self) -> AdverseEvents:
        for kind in self.kinds:
            for arm, share in kind.probability.items():
                if share > self.any.get(arm, 0.0):
                    raise ValueError(f"{kind.term}: {share:g} of {arm} is more than have any adverse event")
        return self


class Scenario(Section):
    """A model of the trial. ``based_on`` takes from another scenario every key that is not given here.

    Patients enter evenly over ``accrual`` from ``first_patient`` on; the data are cut ``cutoff`` after that day.
    ``survival`` counts from progression on (``after_progression``) or, before it, from randomization
    (``before_progression``).
    """

    label: Text
    based_on: Text | None = None
    first_patient: date
    accrual: Duration
    cutoff: Duration
    progression: Hazard
    death_before_progression: Hazard | None = None
    death_after_progression: Hazard
    detection: Detection | None = None
    crossover: Crossover | None = None
    dropout: Hazard | None = None
    loss_to_follow_up: Hazard | None = None
    factors: Table[Factor] = Field(default_factory=dict, validate_default=True)
    weight: Weight | None = None
    missed_doses: Share = 0.0
    adverse_events: AdverseEvents | None = None
    role: Literal["stated", "alternative"] = "stated"

    @model_validator(mode="after")
    def _in_time(self) -> Scenario:
        if days(self.cutoff) < days(self.accrual) + 1:
            raise ValueError("the cut-off lies before the last patient can have entered: shorten the accrual")
        return self
