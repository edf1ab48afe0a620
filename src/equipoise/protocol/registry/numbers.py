"""Printed numbers of a record on their way into ``[published]``, and the list of what had to be left out."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from ..published import PublishedNumber
from . import toml
from .record import shortened

SOURCE = "registry"

_NUMBER = re.compile(r"-?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)")
_P_VALUE = re.compile(r"(?:p(?:[ -]?value)?)?\s*=?\s*([<>]?\s*(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+))", re.IGNORECASE)
_NOT_REACHED = re.compile(
    r"\b(?:not|never)\s+(?:yet\s+)?(?:been\s+)?(?:reached|attained|achieved)\b|\bNR\b|"
    r"\b(?:insufficient|too few|low|small|limited)\s+(?:number\s+of\s+)?(?:\w+\s+){0,4}events?\b",
    re.IGNORECASE,
)
_NOT_ESTIMABLE = re.compile(
    r"\b(?:not|n't|never|cannot|could\s?not)\s+(?:be\s+|yet\s+)*(?:estim|evalua|calcul|determin)\w*|\bNE\b",
    re.IGNORECASE,
)
_SAME = ("statistic", "estimand", "population", "arm", "at", "serious", "term", "outcome")


@dataclass(slots=True)
class Numbers:
    """The numbers that a protocol can hold, in order; the others, each with its reason; and what the user must decide.

    Whether a number can stand is decided by ``PublishedNumber`` itself, so that what it refuses is left out in its
    words and a draft is always read.
    """

    kept: list[dict[str, Any]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    choices: list[str] = field(default_factory=list)
    _alike: dict[tuple[Any, ...], list[dict[str, Any]]] = field(default_factory=dict)

    def leave_out(self, what: str, why: str) -> None:
        """One thing of the record that the draft does not have."""
        line = f"{shortened(what, 240)}: {why}"
        if line not in self.left_out:
            self.left_out.append(line)

    def choose(self, what: str) -> None:
        """One thing that the draft assumed and the user must decide."""
        if what not in self.choices:
            self.choices.append(what)

    def add(self, what: str, printed: str, *, reason: str = "", tier: str = "A", **keys: Any) -> bool:
        """Keep a number if a protocol accepts it; ``reason`` marks it as assumed, ``what`` names it if it is left out.

        A second number of the same thing is shown beside the first, which a reconstruction aims at.
        """
        keys = {key: value for key, value in keys.items() if value is not None}
        if keys["statistic"] != "other":
            same = self._alike.get(_identity(keys), [])
            if any({**k, "printed": printed} == {**keys, "printed": printed} and _printed(k) == printed for k in same):
                return True
            if same:
                keys |= {"use": "shown", "label": keys.get("label") or f"{shortened(what)} (another one)"}
        keys |= {"source": SOURCE, **({} if tier == "A" else {"tier": tier})}
        try:
            PublishedNumber.model_validate({**keys, "printed": printed})
        except ValidationError as error:
            self.leave_out(f"{what} {printed}", error.errors()[0]["msg"].removeprefix("Value error, "))
            return False
        order = ("statistic", "estimand", "outcome", "population", "arm", "at", "serious", "term")
        text = toml.assumed(printed, reason) if reason else printed
        first = {key: keys.pop(key) for key in order if key in keys}
        self.kept.append({**first, "printed": text, **keys})
        self._alike.setdefault(_identity(self.kept[-1]), []).append(self.kept[-1])
        return True

    def of(self, **keys: object) -> bool:
        """Whether a number with these keys is kept already."""
        return any(all(k.get(key) == value for key, value in keys.items()) for k in self.kept)


def _identity(keys: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(keys.get(key) for key in _SAME)


def _printed(kept: dict[str, Any]) -> object:
    return kept["printed"]["value"] if isinstance(kept["printed"], dict) else kept["printed"]


def number(text: str) -> str:
    """The text if it is a plain number, else nothing.

    >>> number("10.30"), number("NA"), number("1,234")
    ('10.30', '', '')
    """
    return text if _NUMBER.fullmatch(text) else ""


def decimal(text: str) -> Decimal | None:
    """The value of a plain number, or None."""
    return Decimal(text) if number(text) else None


def p_value(text: str) -> str:
    """A P value as printed, without the letter before it; nothing where the text is none.

    >>> p_value("<0.001"), p_value("p = 0.04"), p_value("NS"), p_value("1.2E-5")
    ('<0.001', '0.04', 'not significant', '')
    """
    if text.casefold().strip(". ") in ("ns", "n.s", "not significant", "nonsignificant", "non-significant"):
        return "not significant"
    found = _P_VALUE.fullmatch(text)
    return found.group(1) if found else ""


def reached(text: str, comment: str, *, lower: bool = False) -> str:
    """A median or its limit: the number, "not reached" where the record says so, nothing where it says neither.

    That a median or an upper limit cannot be estimated means that the curve, or its limit, does not come down to one
    half. Of a lower limit it may mean something else.

    >>> reached("NA", "Not reached"), reached("NA", "Not estimable", lower=True), reached("NA", ""), reached("7.0", "")
    ('not reached', '', '', '7.0')
    """
    if number(text):
        return text
    said = f"{text}. {comment}"
    if _NOT_REACHED.search(said) or (not lower and _NOT_ESTIMABLE.search(said)):
        return "not reached"
    return ""


def share(printed: str, unit_is_percent: bool) -> str:
    """A number of a percentage with its sign; other numbers as they are.

    >>> share("43.7", True), share("43.7%", True), share("0.44", False)
    ('43.7%', '43.7%', '0.44')
    """
    plain = number(printed.removesuffix("%").rstrip())
    if not plain:
        return ""
    return f"{plain}%" if unit_is_percent or printed.endswith("%") else plain


def confidence_of(said: str) -> float | None:
    """A level from "95", "97.5%" or "95% Confidence Interval"; None where none is said or a protocol has no such level.

    >>> confidence_of("97.5%"), confidence_of("Full Range"), confidence_of("40")
    (0.975, None, None)
    """
    found = re.match(r"([0-9]{1,2}(?:\.[0-9]+)?)\s*%?(?:\s|$)", said)
    level = float(Decimal(found.group(1)) / 100) if found else 0.0
    return level if 0.5 < level < 1 else None
