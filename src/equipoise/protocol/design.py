"""``[design]``: what a trial is sized for: its test and looks, what is assumed of patients, and what is believed of the
effect. It may be that of the trial itself, or of one that would follow it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from ..errors import ProtocolError
from ..units import days
from .arms import plain
from .hazards import Piece, Ratio, Share, check_pieces
from .section import Duration, Many, Section, Sided, Table, Text, known, quoted

if TYPE_CHECKING:
    from .trial import Protocol

Family = Literal[
    "O'Brien-Fleming",
    "Pocock",
    "Wang-Tsiatis",
    "Haybittle-Peto",
    "Pampallona-Tsiatis",
    "Lan-DeMets",
    "Kim-DeMets",
    "Hwang-Shih-DeCani",
    "user",
]
# What each family takes: keys that it needs, then keys that it may have.
_KEYS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "O'Brien-Fleming": ((), ()),
    "Pocock": ((), ()),
    "Wang-Tsiatis": (("delta",), ()),
    "Haybittle-Peto": ((), ("z",)),
    "Pampallona-Tsiatis": ((), ("delta", "delta_futility")),
    "Lan-DeMets": (("kind",), ()),
    "Kim-DeMets": (("rho",), ()),
    "Hwang-Shih-DeCani": (("gamma",), ()),
    "user": (("shares",), ()),
}
SPENDING = ("Lan-DeMets", "Kim-DeMets", "Hwang-Shih-DeCani", "user")
Number = Annotated[float, Field(allow_inf_nan=False)]
Fraction = Annotated[float, Field(gt=0, le=1)]
Probability = Annotated[float, Field(gt=0, lt=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Method = Literal[
    "schoenfeld",
    "freedman",
    "hsieh-freedman",
    "lachin-foulkes",
    "bernstein-lagakos",
    "score",
    "exact score",
    "average hazard ratio",
    "restricted mean",
    "milestone",
]
_DEFAULTS: dict[str, Method] = {
    "difference in restricted mean survival time": "restricted mean",
    "ratio of restricted mean survival times": "restricted mean",
    "difference in milestone survival": "milestone",
    "ratio of milestone survival": "milestone",
    "average hazard ratio": "average hazard ratio",
}


_UNSUPPORTED = ("adaptation", "adaptive", "enrichment", "arms", "multi_arm")  # keys that users of other programs try


class Bounds(Section):
    """A family of bounds on Z, or a function that spends an error. ``kind`` belongs to Lan-DeMets, ``rho`` to
    Kim-DeMets, ``gamma`` to Hwang-Shih-DeCani, ``delta`` to Wang-Tsiatis and Pampallona-Tsiatis, ``delta_futility`` to
    the latter, ``z`` to Haybittle-Peto, ``shares`` (cumulative, one a look) to a spending of one's own ("user")."""

    family: Family
    kind: Literal["obrien-fleming", "pocock"] | None = None
    rho: Number | None = None
    gamma: Number | None = None
    delta: Number | None = None
    delta_futility: Number | None = None
    z: Positive | None = None
    shares: Many[Share] | None = None

    @model_validator(mode="after")
    def _has_what_it_takes(self) -> Bounds:
        needed, allowed = _KEYS[self.family]
        for key in type(self).model_fields:
            given = key != "family" and getattr(self, key) is not None
            if key in needed and not given:
                raise ValueError(f"{self.family} needs `{key}`")
            if given and key not in (*needed, *allowed):
                raise ValueError(f"{self.family} has no `{key}`")
        return self

    def __str__(self) -> str:
        given = [(key, getattr(self, key)) for key in type(self).model_fields if key != "family"]
        told = [
            f"{key} {v if isinstance(v, str) else ', '.join(map(plain, v)) if isinstance(v, tuple) else plain(v)}"
            for key, v in given
            if v is not None
        ]
        name = "own spending" if self.family == "user" else self.family
        return name + (f" ({', '.join(told)})" if told else "")


class ControlHazard(Section):
    """When events come in the control arm: Weibull by ``median`` and ``shape`` (1: exponential), constant in
    ``pieces``, or through the shares without an event at some times (``survival``), as a paper prints them."""

    median: Duration | None = None
    shape: Annotated[float, Field(ge=0.2, le=10)] = 1.0
    pieces: Many[Piece] = ()
    survival: Table[Share] = Field(default_factory=dict, validate_default=True)

    @model_validator(mode="after")
    def _has_a_hazard(self) -> ControlHazard:
        if (self.median is not None) + bool(self.pieces) + bool(self.survival) != 1:
            raise ValueError("give one of `median` (with `shape`), `pieces` and `survival`")
        if self.median is not None and days(self.median) <= 0:
            raise ValueError("the median must be above zero")
        if self.median is None and self.shape != 1.0:
            raise ValueError("a shape belongs to a median: give `median`, or leave `shape` out")
        check_pieces(self.pieces)
        times, shares = [0.0, *(days(at) for at in self.survival)], [1.0, *self.survival.values()]
        if any(b <= a for a, b in pairwise(times)) or any(b >= a for a, b in pairwise(shares)):
            raise ValueError("the shares of `survival` must fall from 1 over times that rise")
        if shares[-1] == 0:
            raise ValueError("a share of nobody says nothing of the hazard before: give it above zero")
        return self

    def __str__(self) -> str:
        if self.median is not None:
            return f"median {self.median}" + (f" (Weibull, shape {plain(self.shape)})" if self.shape != 1 else "")
        if self.survival:
            return "without an event " + ", ".join(f"{plain(s)} at {at}" for at, s in self.survival.items())
        return ", ".join(
            f"{plain(p.monthly_hazard)} a month" + (f" until {p.until}" if p.until else "") for p in self.pieces
        )


class Dropout(Section):
    """The share that would have left ``by`` a time if nobody had an event: of both arms, or by arm (``shares``)."""

    by: Duration
    share: Annotated[float, Field(ge=0, lt=1)] | None = None
    shares: Table[Annotated[float, Field(ge=0, lt=1)]] = Field(default_factory=dict, validate_default=True)

    @model_validator(mode="after")
    def _one_of_them(self) -> Dropout:
        if (self.share is None) == (not self.shares):
            raise ValueError("give either `share`, of both arms, or `shares` by arm")
        if days(self.by) <= 0:
            raise ValueError("`by` must be a time above zero")
        return self

    def __str__(self) -> str:
        told = [plain(self.share)] if self.share is not None else [f"{a} {plain(s)}" for a, s in self.shares.items()]
        return f"{', '.join(told)} by {self.by}"


class AccrualPeriod(Section):
    """Patients a month over a ``length``; the last period may have none and then goes on as long as is needed."""

    monthly: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    length: Duration | None = None


class DesignStratum(Section):
    """A stratum of the patients: its share, and when events come in its control arm, if not as in all."""

    share: Annotated[float, Field(gt=0, le=1)]
    control: ControlHazard | None = None


class Prior(Section):
    """What is believed of the effect before the trial: a normal log hazard ratio, experimental over control."""

    label: Text
    mean_log_hazard_ratio: Number
    sd: Positive


class Design(Section):
    """A trial that is to be sized for one estimand. Of ``minimum_relevant_hazard_ratio`` (the effect it is sized for),
    ``power``, ``events``, ``patients`` and ``follow_up`` (of the last patient) three are given, the others solved for.

    ``information_fractions`` of the events are those of the looks, the last is 1. Patients enter evenly over
    ``accrual``, or at the rates of ``accrual_periods``. ``allocation`` and ``block_size`` are by default those of
    ``[randomization]``, ``method`` that of the estimand's summary: a log-rank test by Schoenfeld's formula for a hazard
    ratio. ``looks_of_this_trial`` tells of the looks which the trial of this protocol had, where ``label`` names
    another.
    """

    label: Text | None = None
    looks_of_this_trial: Text | None = None
    estimand: Text
    alpha: Annotated[float, Field(gt=0, lt=0.5)]
    sided: Sided
    power: Probability | None = None
    information_fractions: Annotated[Many[Fraction], Field(min_length=1)] = (1.0,)
    efficacy: Bounds
    futility: Bounds | None = None
    binding: bool = False
    minimum_relevant_hazard_ratio: Ratio | None = None
    null_hazard_ratio: Ratio = 1.0
    control: ControlHazard | None = None
    strata: Table[DesignStratum] = Field(default_factory=dict, validate_default=True)
    dropout: Dropout | None = None
    allocation: Table[Annotated[float, Field(gt=0)]] | None = None
    accrual: Duration | None = None
    accrual_periods: Many[AccrualPeriod] = ()
    follow_up: Duration | None = None
    follow_up_each: Duration | None = None
    patients: Positive | None = None
    events: Positive | None = None
    method: Method | None = None
    block_size: Annotated[int, Field(ge=1)] | None = None
    priors: Many[Prior] = ()

    @model_validator(mode="before")
    @classmethod
    def _is_supported(cls, given: Any) -> Any:
        for key in (key for key in _UNSUPPORTED if isinstance(given, dict) and key in given):
            raise ValueError(f"`{key}` is unsupported: only group sequential trials of two arms are designed here")
        return given


def method_of(protocol: Protocol, design: Design) -> Method:
    """How effect and power are tied: as stated, else as goes with the estimand's summary."""
    return design.method or _DEFAULTS.get(protocol.estimands[design.estimand].summary, "schoenfeld")


def check_design(protocol: Protocol, design: Design) -> None:
    """Names lead somewhere, and the parts of a design go together; refuses with the TOML path."""
    known(design.estimand, protocol.estimands, "estimand", "design.estimand")
    estimand = protocol.estimands[design.estimand]
    arms = (estimand.treatment.experimental, estimand.treatment.control)
    for name in (*(design.allocation or ()), *(design.dropout.shares if design.dropout else ())):
        path = "allocation" if design.allocation and name in design.allocation else "dropout.shares"
        known(name, arms, "arm of the estimand", f"design.{path}.{quoted(name)}")
    for path, given in (
        ("allocation", design.allocation),
        ("dropout.shares", design.dropout and design.dropout.shares),
    ):
        missing = [arm for arm in arms if given and arm not in given]
        if missing:
            raise ProtocolError(
                f"nothing is given for the arm {missing[0]!r}", where=f"design.{path}", remedy="Add it."
            )
    method = method_of(protocol, design)
    for needed, at in (("restricted mean", estimand.restriction_time), ("milestone", estimand.milestone)):
        if method == needed and at is None:
            raise ProtocolError(
                f'"{method}" is for an estimand that says at which time',
                where="design.method",
                remedy=f"The summary of {design.estimand} is the {estimand.summary}.",
            )
    _check_looks(design)
    _check_futility(design)
    _check_people(design)


def _check_looks(design: Design) -> None:
    fractions = design.information_fractions
    for i, (former, later) in enumerate(zip((0.0, *fractions), fractions, strict=False)):
        if later <= former:
            raise ProtocolError(
                f"a look at {later:g} does not come after {former:g}",
                where=f"design.information_fractions[{i}]",
                remedy="Give fractions that rise to 1.",
            )
    if abs(fractions[-1] - 1) > 1e-9:
        raise ProtocolError(
            f"the last look is at {fractions[-1]:g} of the information, not at 1",
            where="design.information_fractions",
            remedy="Give shares of the final information.",
        )
    for name in ("efficacy", "futility"):
        bounds = getattr(design, name)
        if bounds is not None and bounds.shares is not None and len(bounds.shares) != len(fractions):
            raise ProtocolError(
                f"{len(bounds.shares)} shares of the error are given for {len(fractions)} looks",
                where=f"design.{name}.shares",
                remedy="Give one a look, cumulative; the last is 1.",
            )


def _check_futility(design: Design) -> None:
    """Futility is a spending function beside a one-sided test of known power, or comes with Pampallona-Tsiatis."""
    both = design.efficacy.family == "Pampallona-Tsiatis"
    if (design.futility or both) and design.power is None:
        raise ProtocolError(
            "bounds for futility rest on the power that the test shall have",
            where="design.power",
            remedy="Give it, such as power = 0.9.",
        )
    if design.binding and not (design.futility or both):
        raise ProtocolError(
            "there is no futility that could be binding", where="design.binding", remedy="Give futility."
        )
    if design.futility is None:
        return
    if both:
        raise ProtocolError(
            "Pampallona-Tsiatis bounds bring their own futility", where="design.futility", remedy="Leave it out."
        )
    if design.futility.family not in SPENDING:
        raise ProtocolError(
            f"{design.futility.family} spends no error",
            where="design.futility.family",
            remedy=f"Known: {', '.join(SPENDING)}.",
        )
    if design.sided == 2:
        raise ProtocolError(
            "futility by spending is for one-sided tests",
            where="design.futility",
            remedy='Take sided = 1 with half of alpha, or efficacy = { family = "Pampallona-Tsiatis" }.',
        )
    if design.binding and design.efficacy.family not in SPENDING:
        raise ProtocolError(
            f"binding futility goes with an efficacy that is spent, not with {design.efficacy}",
            where="design.binding",
            remedy=f"Leave it out, or take one of {', '.join(SPENDING)}.",
        )


def _check_people(design: Design) -> None:
    """Accrual once, periods that have a length, strata that add up."""
    if design.accrual is not None and design.accrual_periods:
        raise ProtocolError(
            "accrual is given twice", where="design.accrual_periods", remedy="Give it or design.accrual."
        )
    for path in ("accrual", "follow_up_each"):
        value = getattr(design, path)
        if value is not None and days(value) <= 0:
            raise ProtocolError(f"{value} is no time", where=f"design.{path}", remedy='Such as "24 months".')
    for i, period in enumerate(design.accrual_periods):
        last = i + 1 == len(design.accrual_periods)
        path = f"design.accrual_periods[{i}]"
        if (period.length is None and not last) or (period.length is not None and days(period.length) <= 0):
            raise ProtocolError("every period but the last has a length above zero", where=path, remedy="Give it.")
        if last and period.monthly == 0:
            raise ProtocolError("nobody enters in the last period", where=path, remedy="Leave it out.")
    shares = [stratum.share for stratum in design.strata.values()]
    if shares and abs(sum(shares) - 1) > 1e-9:
        raise ProtocolError(f"the shares add up to {sum(shares):g}", where="design.strata", remedy="Make them 1.")
    if design.strata and all(stratum.control for stratum in design.strata.values()) and design.control:
        raise ProtocolError(
            "every stratum has a hazard of its own", where="design.control", remedy="Leave it out: nobody has this one."
        )


def design_lines(protocol: Protocol) -> Iterator[str]:
    """The design in words, for the synopsis."""
    d = protocol.design
    if d is None:
        return
    if d.label:
        yield d.label
    if d.looks_of_this_trial:
        yield f"looks of this trial: {d.looks_of_this_trial}"
    margin = "" if d.null_hazard_ratio == 1 else f" of a hazard ratio of {plain(d.null_hazard_ratio)}"
    power = "" if d.power is None else f", power {plain(d.power)}"
    test = f"{d.sided}-sided test{margin} at alpha {plain(d.alpha)}{power}, by {method_of(protocol, d)}"
    yield f"estimand: {d.estimand}; {test}"
    futility = f"futility by {d.futility}, {'' if d.binding else 'not '}binding" if d.futility else "no futility bound"
    futility = "with futility" if d.efficacy.family == "Pampallona-Tsiatis" else futility
    looks = ", ".join(plain(t) for t in d.information_fractions)
    yield f"looks at {looks} of the events; efficacy by {d.efficacy}; {futility}"
    if d.minimum_relevant_hazard_ratio is not None:
        yield f"minimum relevant hazard ratio: {plain(d.minimum_relevant_hazard_ratio)}"
    if d.control:
        yield f"control arm: {d.control}"
    for name, stratum in d.strata.items():
        yield f"stratum {name}: {plain(100 * stratum.share)}%" + (f", {stratum.control}" if stratum.control else "")
    if d.dropout:
        yield f"dropout: {d.dropout}"
    yield from (f"{what}: {text}" for what, text in _course(d) if text)
    yield from (
        f"prior, {p.label}: log hazard ratio normal, mean {plain(p.mean_log_hazard_ratio)}, "
        f"standard deviation {plain(p.sd)}"
        for p in d.priors
    )


def _course(d: Design) -> Iterator[tuple[str, str]]:
    """What is said of how the trial runs; empty where nothing is."""
    periods = [f"{plain(p.monthly)} a month" + (f" for {p.length}" if p.length else "") for p in d.accrual_periods]
    yield "accrual", d.accrual or ", then ".join(periods)
    yield "follow-up of the last patient", d.follow_up or ""
    yield "follow-up of each patient", d.follow_up_each or ""
    yield "allocation", ", ".join(f"{arm} {plain(share)}" for arm, share in (d.allocation or {}).items())
    for what, number in (("patients", d.patients), ("events", d.events), ("block size", d.block_size)):
        yield what, "" if number is None else plain(number)
