"""``[published]``: numbers as a paper prints them, so that the values which print so are known."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from ..errors import EquipoiseError
from ..units import TimeUnit, days
from .section import Duration, Many, Section, Sided, Table, Text

Word = Literal["", "not significant", "significant", "more frequent", "not reached"]
_WORDS: tuple[Word, ...] = ("not significant", "significant", "more frequent", "not reached")
_PRINTED = re.compile(r"^([<>]?)\s*(-?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+))\s*(%?)$")


@dataclass(frozen=True, slots=True)
class Printed:
    """A number as printed: ``value`` rounded to ``decimals``, a bound ("<.0001"), a percentage, or words.

    >>> Printed.read(".0016").window
    (0.00155, 0.00165)
    >>> Printed.read("23%").counts(103)
    (24,)
    """

    text: str
    value: float = 0.0
    decimals: int = 0
    bound: Literal["", "<", ">"] = ""
    percent: bool = False
    word: Word = ""

    @classmethod
    def read(cls, text: object) -> Printed:
        """From the printed text; raises ``ValueError`` for what is neither a number, a bound nor a known phrase."""
        written = str(text).strip().replace("\N{MIDDLE DOT}", ".").replace("\N{MINUS SIGN}", "-")
        if written in _WORDS:
            return cls(text=written, word=written)
        match = _PRINTED.match(written)
        if not isinstance(text, str) or match is None:
            known = ", ".join(f'"{w}"' for w in _WORDS)
            raise ValueError(
                f'{text!r} is not a printed number; quote it as printed, as in "0.63", "23%" or "<.0001", or {known}'
            )
        bound, digits, percent = match.groups()
        value = Decimal(digits)
        return cls(
            text=written, value=float(value), decimals=max(0, -int(value.as_tuple().exponent)),
            bound=bound, percent=bool(percent),  # type: ignore[arg-type]
        )  # fmt: skip

    @property
    def window(self) -> tuple[float, float]:
        """Values that print so, rounded half away from zero: from the first to below the second.

        A bound is a window with an open end; of a percentage the window is of the proportion.
        """
        if self.word:
            raise ValueError(f'"{self.text}" has no rounding window')
        center, half = Decimal(repr(self.value)), Decimal(1).scaleb(-self.decimals) / 2
        scale = Decimal(100) if self.percent else Decimal(1)
        if self.bound:
            limit = float(center / scale)
            return (float("-inf"), limit) if self.bound == "<" else (limit, float("inf"))
        return float((center - half) / scale), float((center + half) / scale)

    def counts(self, total: int) -> tuple[int, ...]:
        """Counts of ``total`` that print so: of a percentage those that round to it, of a number the number."""
        if self.word or self.bound:
            raise ValueError(f'"{self.text}" is not a count')
        if not self.percent:
            return (int(self.value),) if self.value == int(self.value) and 0 <= self.value <= total else ()
        half = Decimal(1).scaleb(-self.decimals) / 2
        low, high = (total * (Decimal(repr(self.value)) + side) / 100 for side in (-half, half))
        return tuple(k for k in range(total + 1) if low <= k < high)

    def __str__(self) -> str:
        return self.text


PrintedText = Annotated[Printed, BeforeValidator(lambda v: v if isinstance(v, Printed) else Printed.read(v))]

Statistic = Literal[
    "subjects",
    "hazard ratio",
    "hazard ratio lower limit",
    "hazard ratio upper limit",
    "P",
    "median",
    "median lower limit",
    "median upper limit",
    "event-free rate",
    "known event-free",
    "events",
    "crossed over",
    "adverse event",
    "responders",
    "odds ratio",
    "odds ratio lower limit",
    "odds ratio upper limit",
    "other",
]
Tier = Literal["A", "B", "C"]
_HAZARD_RATIO = ("hazard ratio", "hazard ratio lower limit", "hazard ratio upper limit")
_ODDS_RATIO = ("odds ratio", "odds ratio lower limit", "odds ratio upper limit")
_OF_AN_ARM = ("median", "median lower limit", "median upper limit", "event-free rate", "known event-free",
              "adverse event", "crossed over", "responders")  # fmt: skip
_OF_AN_ESTIMAND = (*_HAZARD_RATIO, "median", "median lower limit", "median upper limit", "event-free rate",
                   "known event-free", "events")  # fmt: skip
_OF_AN_OUTCOME = ("responders", *_ODDS_RATIO)
_COUNTED = ("subjects", "known event-free", "events", "crossed over", "adverse event", "responders")


class PublishedNumber(Section):
    """One printed number: what it is a number of, as it is printed, where, and how sure we are of it.

    ``tier`` A is the trial's main source, B and C further ones; a reconstruction asks for a tier and all
    above it. ``status`` "read" was seen in the source, "derived" follows from printed numbers by arithmetic.
    ``use = "shown"`` lists a number that no reconstruction can aim at. A percentage is a percentage of the arm, or of
    the ``of`` subjects that are counted instead.

    ``outcome`` names what is had or not (objective response) where the number is no estimand's: responders, odds ratios
    and their P; ``column`` is that of ADSL which flags responders with Y, so that their number can be aimed at. Of P
    ``sided`` and ``method``, of a P or hazard ratio whether it is ``stratified``, of limits the ``confidence`` are what
    the source says; where it is silent they are left out, and nothing is taken for granted.
    """

    statistic: Statistic
    printed: PrintedText
    estimand: Text | None = None
    population: Text | None = None
    arm: Text | None = None
    at: Duration | None = None
    grade: Annotated[int, Field(ge=1, le=5)] | None = None
    serious: Literal[True] | None = None
    nyha: Annotated[int, Field(ge=1, le=4)] | None = None
    term: Text | None = None
    outcome: Text | None = None
    column: Text | None = None
    of: Annotated[int, Field(ge=1)] | None = None
    sided: Sided | None = None
    stratified: bool | None = None
    confidence: Annotated[float, Field(gt=0.5, lt=1)] | None = None
    conf_type: Literal["plain", "log", "log-log"] | None = None
    method: Text | None = None
    label: Text | None = None
    source: Text
    tier: Tier = "A"
    status: Literal["read", "derived"] = "read"
    use: Literal["target", "shown"] = "target"

    @model_validator(mode="after")
    def _complete(self) -> PublishedNumber:
        kind = self.statistic
        if kind == "other":
            if self.use == "target" or self.label is None:
                raise ValueError('the statistic "other" needs a label and use = "shown"')
            return self
        for key, needed, idle in (
            ("arm", kind in _OF_AN_ARM, kind in ("P", *_HAZARD_RATIO, *_ODDS_RATIO)),
            (
                "estimand",
                kind in _OF_AN_ESTIMAND or (kind == "P" and self.outcome is None),
                kind not in _OF_AN_ESTIMAND,
            ),
            ("outcome", kind in _OF_AN_OUTCOME, kind not in _OF_AN_OUTCOME and (kind != "P" or bool(self.estimand))),
            ("of", False, kind not in _COUNTED or kind == "subjects"),
            ("column", False, kind != "responders"),
            ("sided", False, kind != "P"),
            ("stratified", False, kind not in ("P", *_HAZARD_RATIO, *_ODDS_RATIO)),
            ("confidence", False, not kind.endswith("limit")),
            ("at", kind in ("event-free rate", "known event-free"), True),
            ("conf_type", False, not kind.startswith("median l") and not kind.startswith("median u")),
            ("population", False, kind != "subjects"),
            *((k, False, kind != "adverse event") for k in ("grade", "serious", "nyha", "term")),
        ):
            given = getattr(self, key) is not None
            if needed and not given:
                raise ValueError(f'the statistic "{kind}" needs `{key}`')
            if given and idle and not needed:
                raise ValueError(f'the statistic "{kind}" has no use for `{key}`')
        beyond = "of" if self.of else "outcome" if self.outcome and kind != "responders" else ""
        if beyond and self.use == "target":
            raise ValueError(f'a number with `{beyond}` cannot be aimed at; set use = "shown"')
        if kind == "responders" and self.use == "target" and self.column is None:
            raise ValueError('responders are aimed at in a `column` of ADSL: name it, or set use = "shown"')
        if kind == "P" and self.use == "target" and self.method not in (None, "log-rank"):
            raise ValueError(f'a P value of the method "{self.method}" cannot be aimed at; set use = "shown"')
        self._means_something()
        return self

    def _means_something(self) -> None:
        kind, printed = self.statistic, self.printed
        allowed: dict[Word, bool] = {
            "": True,
            "not significant": kind == "P",
            "significant": kind == "P",
            "more frequent": kind == "adverse event",
            "not reached": kind.startswith("median"),
        }
        if not allowed[printed.word]:
            raise ValueError(f'"{printed.text}" is nothing that the statistic "{kind}" can print')
        if printed.word:
            return
        if printed.percent and kind not in (*_COUNTED, "event-free rate"):
            raise ValueError(f'the statistic "{kind}" is not a percentage, but "{printed.text}" is printed')
        top = 100.0 if printed.percent else 1.0
        if (kind == "P" or kind == "event-free rate") and not 0 <= printed.value <= top:
            raise ValueError(f'"{printed.text}" is no {"P value" if kind == "P" else "rate"}: it lies outside 0 to 1')
        if printed.percent and not 0 <= printed.value <= 100:
            raise ValueError(f'"{printed.text}" is no percentage')
        if kind not in ("P", "event-free rate") and printed.value < 0:
            raise ValueError(f'"{printed.text}" is below zero')
        no_count = printed.bound or (not printed.percent and printed.value != int(printed.value))
        if kind in _COUNTED and no_count:
            raise ValueError(f'"{printed.text}" is no count')
        if kind == "subjects" and (printed.percent or printed.value < 1):
            raise ValueError(f'"{printed.text}" is no number of subjects')
        if kind in (*_HAZARD_RATIO, *_ODDS_RATIO) and printed.window[1] <= 0:
            what = " ".join(kind.split()[:2])
            raise ValueError(f'"{printed.text}" is no {what}: nothing that prints so is above zero')
        if self.of is not None and not printed.percent and printed.value > self.of:
            raise ValueError(f'"{printed.text}" is more than the {self.of} subjects that it is of')


class PublishedCurve(Section):
    """A digitized Kaplan-Meier curve of one arm, and what is printed beside it.

    ``file`` is relative to the protocol file; ``dataset`` names the curve where the file holds several. ``unit`` is
    that of the time axis, ``percent`` says that survival went from 0 to 100. ``at_risk`` are the printed numbers at
    risk, time zero first (it alone where there is no risk table); ``events`` the arm's total, if it is printed.
    """

    estimand: Text
    arm: Text
    file: Text
    dataset: Text | None = None
    unit: TimeUnit
    percent: bool = False
    at_risk: Annotated[Table[Annotated[int, Field(ge=0)]], Field(min_length=1)]
    events: Annotated[int, Field(ge=0)] | None = None
    source: Text

    @model_validator(mode="after")
    def _times(self) -> PublishedCurve:
        for time in self.at_risk:
            try:
                days(time)
            except EquipoiseError as error:
                raise ValueError(f"at_risk: {error}") from None
        return self


class Published(Section):
    """The printed results of the trial. ``sources`` names every source that a number or a curve refers to."""

    sources: Table[Text] = Field(default_factory=dict, validate_default=True)
    numbers: Many[PublishedNumber] = ()
    curves: Many[PublishedCurve] = ()

    def of_tier(self, tier: Tier) -> tuple[tuple[int, PublishedNumber], ...]:
        """The numbers of a tier and of those above it, each with its place in the file."""
        return tuple((i, n) for i, n in enumerate(self.numbers) if n.tier <= tier)


def describe_number(number: PublishedNumber, of: str = "") -> str:
    """What a number is a number of, in words; ``of`` stands for the estimand or population where it is shorter.

    >>> describe_number(PublishedNumber(statistic="median", estimand="PFS", arm="A", printed="2.4", source="paper"))
    'PFS: median, A'
    """
    if number.label:
        return number.label + (f", {number.arm}" if number.arm else "")
    what: str = number.statistic
    if number.statistic == "adverse event":
        heart = f"NYHA class {'I' * number.nyha if number.nyha < 4 else 'IV'}" if number.nyha else ""
        grade = f"grade {number.grade}" if number.grade else ""
        kind = number.term or ("cardiac event" if number.nyha else "adverse event")
        what = " ".join(part for part in ("serious" if number.serious else "", grade, heart, kind) if part)
    what += f" at {number.at}" if number.at else ""
    head = of or number.estimand or number.population or number.outcome
    return (f"{head}: " if head else "") + what + (f", {number.arm}" if number.arm else "")
