"""``[scenario.*]``: a model of how nature behaves, from which patients can be drawn."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal

from pydantic import Field, model_validator

from ..units import days
from .hazards import Hazard, Pace, Ratio, Share, check_pieces
from .section import Many, Section, Span, Table, Text

MOST_PATIENTS = 10_000_000  # of a simulated trial
# Columns that simulated subjects have whatever the factors are, beside those of [data] and the flags of populations.
OWN_COLUMNS = (
    "STUDYID", "USUBJID", "SUBJID", "SITEID", "SYNTHFL", "SYNTYPE", "TRT01A", "RANDDT", "TRTSDT", "TRTEDT", "DTHDT",
    "LSTALVDT", "DCUTDT", "XOFL", "XODT", "WEIGHTBL",
)  # fmt: skip


class Site(Section):
    """A site that enters patients at a relative ``pace`` from when it ``opens`` until it ``closes``, if it does before
    the end of accrual (both from the first patient on)."""

    pace: Annotated[float, Field(ge=1e-9, le=1e9, allow_inf_nan=False)]
    opens: Span = "0 days"
    closes: Span | None = None

    @model_validator(mode="after")
    def _opens_first(self) -> Site:
        if self.closes is not None and days(self.closes) <= days(self.opens):
            raise ValueError("a site closes after it has opened")
        return self


class Detection(Section):
    """How progression is seen: at the visits of ``visit``, each ``missed`` with this probability and off its day
    by a skewed error of standard deviation ``spread``; a share ``between_visits`` is seen when it happens. ``by_arm``
    names the visits of arms that are seen at others, and every visit of an arm comes its ``lag`` after the day of the
    schedule (both are a bias of evaluation in themselves)."""

    visit: Text
    spread: Span = "0 days"
    missed: Share = 0.0
    between_visits: Share = 0.0
    by_arm: Table[Text] = Field(default_factory=dict, validate_default=True)
    lag: Table[Span] = Field(default_factory=dict, validate_default=True)


class Crossover(Section):
    """Who of arm ``arm`` is given ``drug`` after progression, how long after, and what it does to survival.

    Everyone who progresses crosses with ``probability``, after a time with mean ``delay`` (exponential), if
    alive and followed; from then on the hazard of death is multiplied by ``death_hazard_ratio``. ``by`` names a factor
    whose levels have probabilities of their own (``shares``; ``probability`` for the others): confounding by
    prognosis, where the factor also acts on the hazards.
    """

    arm: Text
    drug: Text
    probability: Share
    delay: Span = "1 day"
    death_hazard_ratio: Ratio = 1.0
    by: Text | None = None
    shares: Table[Share] = Field(default_factory=dict, validate_default=True)

    @model_validator(mode="after")
    def _by_levels(self) -> Crossover:
        if (self.by is None) != (not self.shares):
            raise ValueError("`by` and `shares` go together: a factor, and the probabilities of its levels")
        return self


class Factor(Section):
    """A baseline column: its levels with their shares, and what they do to the hazards (default: nothing), in
    every arm and, ``_by_arm``, in an arm beside that (a factor that predicts the effect of treatment). ``measured``
    says for a true level with which shares it is taken for which: the data, strata and allocation have the measured
    level, nature the true one."""

    label: Text | None = None
    levels: Table[Share]
    progression: Table[Ratio] = Field(default_factory=dict, validate_default=True)
    death: Table[Ratio] = Field(default_factory=dict, validate_default=True)
    progression_by_arm: Table[Table[Ratio]] = Field(default_factory=dict, validate_default=True)
    death_by_arm: Table[Table[Ratio]] = Field(default_factory=dict, validate_default=True)
    measured: Table[Table[Share]] = Field(default_factory=dict, validate_default=True)

    @model_validator(mode="after")
    def _adds_up(self) -> Factor:
        if not self.levels or abs(sum(self.levels.values()) - 1) > 1e-9:
            raise ValueError("the shares of the levels must add up to 1")
        for ratios in (self.progression, self.death, *self.progression_by_arm.values(), *self.death_by_arm.values()):
            for level in ratios:
                if level not in self.levels:
                    raise ValueError(f"there is no level {level!r}")
        for level, taken in self.measured.items():
            if unknown := [one for one in (level, *taken) if one not in self.levels]:
                raise ValueError(f"there is no level {unknown[0]!r}")
            if abs(sum(taken.values()) - 1) > 1e-9:
                raise ValueError(f"the shares for which {level!r} is taken must add up to 1")
        return self

    def ratios(self, arm: str) -> tuple[list[float], list[float]]:
        """Hazard ratios of progression and of death by level, in an arm."""
        both = ((self.progression, self.progression_by_arm), (self.death, self.death_by_arm))
        progression, death = (
            [ratios.get(level, 1.0) * by_arm.get(arm, {}).get(level, 1.0) for level in self.levels]
            for ratios, by_arm in both
        )
        return progression, death


class Weight(Section):
    """Body weight in kilograms, normal within ``least`` and ``most``."""

    mean: Annotated[float, Field(ge=20, le=300)]
    sd: Annotated[float, Field(ge=0, le=300, allow_inf_nan=False)]
    least: Annotated[float, Field(ge=20, le=300)] = 35.0
    most: Annotated[float, Field(ge=20, le=300)] = 150.0

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

    Patients enter on random days of ``accrual`` from ``first_patient`` on ("random", a Poisson process given their
    number, which is the default of ``entry``) or one after the other ("even"), at the ``accrual_pace``, or at those of
    the ``sites`` that are open, of which the data then have the names (SITEID); the data are cut ``cutoff`` after that
    day. Death counts from progression on (``death_after_progression``) or, before it, from randomization
    (``death_before_progression``); a model without progression has the latter alone. Treatment ends with progression,
    death, the last visit or, for other reasons, by ``discontinuation``, which changes what is given and when adverse
    events come, not the hazards. ``patients`` is how many a
    simulated trial has.
    """

    label: Text
    based_on: Text | None = None
    first_patient: date
    accrual: Span
    cutoff: Span
    patients: Annotated[int, Field(ge=2, le=MOST_PATIENTS)] | None = None
    entry: Literal["random", "even"] | None = None
    accrual_pace: Many[Pace] = ()
    sites: Table[Site] = Field(default_factory=dict, validate_default=True)
    progression: Hazard | None = None
    death_before_progression: Hazard | None = None
    death_after_progression: Hazard | None = None
    detection: Detection | None = None
    crossover: Crossover | None = None
    dropout: Hazard | None = None
    loss_to_follow_up: Hazard | None = None
    discontinuation: Hazard | None = None
    factors: Table[Factor] = Field(default_factory=dict, validate_default=True)
    weight: Weight | None = None
    missed_doses: Share = 0.0
    adverse_events: AdverseEvents | None = None
    role: Literal["stated", "alternative"] = "stated"

    @model_validator(mode="after")
    def _in_time(self) -> Scenario:
        if days(self.accrual) < 0.5:
            raise ValueError("the accrual takes less than a day: give it one day at least")
        if days(self.cutoff) < days(self.accrual) + 1:
            raise ValueError("the cut-off lies before the last patient can have entered: shorten the accrual")
        if days(self.cutoff) + 1 > (date.max - self.first_patient).days:
            raise ValueError("the cut-off lies after the year 9999: give an earlier first_patient")
        check_pieces(self.accrual_pace)
        ends = [days(one.until) for one in self.accrual_pace if one.until is not None]
        if ends and ends[-1] >= days(self.accrual):
            raise ValueError("the accrual_pace changes after the accrual has ended")
        if self.accrual_pace and not any(one.pace for one in self.accrual_pace):
            raise ValueError("at an accrual_pace of zero nobody enters")
        if self.sites and self.accrual_pace:
            raise ValueError("the pace is given twice: of accrual, and of sites")
        if self.sites and min(days(one.opens) for one in self.sites.values()) >= days(self.accrual):
            raise ValueError("no site opens before the accrual has ended")
        return self

    @model_validator(mode="after")
    def _crosses_by_a_factor(self) -> Scenario:
        if self.crossover is None or self.crossover.by is None:
            return self
        factor = self.factors.get(self.crossover.by)
        if factor is None:
            raise ValueError(f"the crossover is by {self.crossover.by!r}, which is none of the factors")
        for level in self.crossover.shares:
            if level not in factor.levels:
                raise ValueError(f"{self.crossover.by!r} has no level {level!r}")
        return self

    @property
    def hazards(self) -> Mapping[str, Hazard]:
        """The hazards that the model has, by their keys."""
        every = ((name, getattr(self, name)) for name in type(self).model_fields)
        return {name: one for name, one in every if isinstance(one, Hazard)}

    @property
    def hazards_by(self) -> str | None:
        """The factor whose levels have hazards of their own; None where there is none."""
        return next((one.by for one in self.hazards.values() if one.by is not None), None)

    @model_validator(mode="after")
    def _hazards_by_one_factor(self) -> Scenario:
        for name, one in self.hazards.items():
            if one.by is None:
                continue
            if name == "discontinuation":
                raise ValueError("`discontinuation` has one hazard for all levels of a factor: leave out its `by`")
            if one.by not in self.factors:
                raise ValueError(f"the hazard of {name} is by {one.by!r}, which is none of the factors")
            if one.by != self.hazards_by:
                raise ValueError(
                    f"hazards are by {self.hazards_by!r} and by {one.by!r}: make one factor of both, with a level for "
                    "each combination"
                )
            for level in one.levels:
                if level not in self.factors[one.by].levels:
                    raise ValueError(f"{one.by!r} has no level {level!r}")
        return self

    @model_validator(mode="after")
    def _something_happens(self) -> Scenario:
        if self.progression is not None:
            return self
        if self.death_before_progression is None:
            raise ValueError("nothing happens: give `progression`, or `death_before_progression`, or both")
        for name in ("death_after_progression", "detection", "crossover"):
            if getattr(self, name) is not None:
                raise ValueError(f"`{name}` needs a `progression`, which the model does not have")
        return self
