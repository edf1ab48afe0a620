"""What may hold in pieces of time, and hazards by median or in pieces, by arm and by level of a factor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationError, model_validator

from ..units import days
from .section import Duration, Many, Section, Table, Text, zero_or_more_than_a_speck

# Limits that no trial meets, within which no time and no rate drawn from a model is too large or small for a number.
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Ratio = Annotated[float, Field(ge=0.001, le=1000, allow_inf_nan=False)]
Shape = Annotated[float, Field(ge=0.1, le=100, allow_inf_nan=False)]
MonthlyHazard = Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False), AfterValidator(zero_or_more_than_a_speck)]
RelativePace = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False), AfterValidator(zero_or_more_than_a_speck)]


class Piece(Section):
    """A constant hazard (events a month) until a time; the last piece has no end."""

    monthly_hazard: MonthlyHazard
    until: Duration | None = None


class RatioPiece(Section):
    """A hazard ratio until a time; the last piece has no end."""

    hazard_ratio: Ratio
    until: Duration | None = None


class Pace(Section):
    """A relative pace of accrual until a time; the last has no end but that of accrual."""

    pace: RelativePace
    until: Duration | None = None


def check_pieces(pieces: Sequence[Piece | RatioPiece | Pace]) -> None:
    """Refuse pieces that do not follow each other."""
    ends = [days(p.until) for p in pieces[:-1] if p.until is not None]
    if len(ends) < len(pieces) - 1 or (pieces and pieces[-1].until is not None):
        raise ValueError("every piece but the last has an `until`, the last has none")
    if any(b <= a for a, b in zip([0.0, *ends], ends, strict=False)):
        raise ValueError("the pieces' `until` must rise")


_NO_RATIOS: Mapping[str, Any] = {"hazard_ratio": {}, "changing_hazard_ratio": {}}


def first_reason(error: ValidationError) -> str:
    """The first reason of a refusal, as a part of a sentence."""
    return str(error.errors(include_url=False)[0]["msg"]).removeprefix("Value error, ").rstrip(".")


class HazardOfLevel(Section):
    """The hazard of the patients of one level of a factor: of its own, by ``median`` and ``shape`` or in ``pieces``,
    with hazard ratios of its own, or both; what it does not give is that of all."""

    median: Duration | None = None
    shape: Shape | None = None
    pieces: Many[Piece] = ()
    hazard_ratio: Table[Ratio] = Field(default_factory=dict, validate_default=True)
    changing_hazard_ratio: Table[Many[RatioPiece]] = Field(default_factory=dict, validate_default=True)

    @model_validator(mode="after")
    def _says_something(self) -> HazardOfLevel:
        if self.shape is not None and self.median is None:
            raise ValueError("a shape belongs to a median of the same level: give its `median`, or leave `shape` out")
        if self.median is None and not (self.pieces or self.hazard_ratio or self.changing_hazard_ratio):
            raise ValueError("nothing is said of this level: give `median`, `pieces` or hazard ratios, or leave it out")
        return self


class Hazard(Section):
    """When something happens: Weibull by ``median`` and ``shape`` (1: exponential), or constant in ``pieces``.

    It holds for the arms whose ``hazard_ratio`` is 1 (every arm that is not named); in another the hazard is
    that many times as high, or, by ``changing_hazard_ratio``, as many times as its piece says (effects that come late,
    wane or cross). A share ``cured`` of an arm never has it (mixture cure model); the hazard is that of the others.
    ``by`` names a factor of whose ``levels`` some have a hazard or hazard ratios of their own.
    """

    median: Duration | None = None
    shape: Shape = 1.0
    pieces: Many[Piece] = ()
    hazard_ratio: Table[Ratio] = Field(default_factory=dict, validate_default=True)
    changing_hazard_ratio: Table[Many[RatioPiece]] = Field(default_factory=dict, validate_default=True)
    cured: Table[Share] = Field(default_factory=dict, validate_default=True)
    by: Text | None = None
    levels: Table[HazardOfLevel] = Field(default_factory=dict, validate_default=True)

    @model_validator(mode="after")
    def _by_levels(self) -> Hazard:
        if (self.by is None) != (not self.levels):
            raise ValueError("`by` and `levels` go together: a factor, and the hazards of its levels")
        for level in self.levels:
            try:
                self.of_level(level)
            except ValidationError as error:
                raise ValueError(f"the level {level!r}: {first_reason(error)}") from None
        return self

    def of_level(self, level: str) -> Hazard:
        """The hazard of the patients of a level of factor ``by``."""
        own = self.levels.get(level)
        given = {**dict(self), "by": None, "levels": {}}
        if own is not None and (own.median is not None or own.pieces):
            given |= {"median": own.median, "shape": own.shape or 1.0, "pieces": own.pieces}
        if own is not None and (own.hazard_ratio or own.changing_hazard_ratio):
            given |= {"hazard_ratio": own.hazard_ratio, "changing_hazard_ratio": own.changing_hazard_ratio}
        return Hazard(**given)

    @property
    def arms_with_ratio(self) -> tuple[str, ...]:
        """The arms that have a hazard ratio, in whatever level."""
        every: tuple[Hazard | HazardOfLevel, ...] = (self, *self.levels.values())
        return tuple(dict.fromkeys(arm for one in every for arm in (*one.hazard_ratio, *one.changing_hazard_ratio)))

    def cured_alike(self, arms: Sequence[str] = ()) -> bool:
        """Whether as many are cured in each of some arms, of which one that is not named has none; without ``arms`` in
        all that there may be, so that a share of one arm alone is a difference."""
        shares = {self.cured.get(arm, 0.0) for arm in arms} if arms else set(self.cured.values())
        if not arms and len(self.cured) == 1:  # a trial has another arm
            shares.add(0.0)
        return len(shares) < 2

    def with_ratios(self, ratios: Mapping[str, Any]) -> Hazard:
        """The same with these ``hazard_ratio`` or ``changing_hazard_ratio`` in all levels, and no others.

        Raises pydantic's ``ValidationError`` for ratios that change beside a shape.
        """
        levels = {}
        for level, one in self.levels.items():
            if one.median is not None or one.pieces:
                levels[level] = {**dict(one), **_NO_RATIOS}
        by = self.by if levels else None
        return Hazard(**{**dict(self), **_NO_RATIOS, **ratios, "by": by, "levels": levels})

    @model_validator(mode="after")
    def _has_a_hazard(self) -> Hazard:
        if (self.median is None) == (not self.pieces):
            how = "no hazard" if self.median is None else "the hazard twice"
            raise ValueError(f"the model gives {how}: give either `median` (with `shape`) or `pieces`")
        if self.median is not None and days(self.median) <= 0:
            raise ValueError("the median must be above zero")
        check_pieces(self.pieces)
        if self.pieces and self.shape != 1.0:
            raise ValueError("a shape belongs to a median, not to pieces: leave `shape` out")
        for arm, pieces in self.changing_hazard_ratio.items():
            if arm in self.hazard_ratio:
                raise ValueError(f"the hazard ratio of {arm!r} is given twice, constant and changing")
            if not pieces:
                raise ValueError(f"the changing hazard ratio of {arm!r} has no piece")
            check_pieces(pieces)
            if self.shape != 1.0:
                raise ValueError(
                    "a hazard ratio that changes goes with a constant hazard or one in pieces, not a shape"
                )
        return self
