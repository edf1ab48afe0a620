"""One check of printed numbers: what it used, what it took for granted, what follows, and its verdict."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple

from ..protocol import Protocol, PublishedNumber, describe_number
from ..results import Row, fixed
from .windows import Window, agree

WHOLE = ("subjects", "known event-free", "events", "crossed over", "adverse event", "responders")
Verdict = Literal["consistent", "cannot say", "impossible"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cited:
    """A published number and its place in the file."""

    index: int
    number: PublishedNumber

    @property
    def path(self) -> str:
        return f"published.numbers[{self.index}]"

    def __str__(self) -> str:
        return f"{self.number.statistic} {self.number.printed}"


class Total(NamedTuple):
    """How many are counted, what that takes for granted, and the printed numbers that say so."""

    subjects: int
    assumed: str
    cited: tuple[Cited, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """``kind`` of what (``of``: estimand, outcome or adverse events, ``arm``); the numbers used; conventions assumed.

    ``interval`` is what follows, in words, with its ends ``least`` and ``most`` (nan where there are none).
    "impossible" holds under every convention of ``assumed``; ``notable`` says what a reader should look at.
    """

    kind: str
    of: str = ""
    arm: str = ""
    used: tuple[Cited, ...]
    assumed: tuple[str, ...] = ()
    interval: str = ""
    least: float = math.nan
    most: float = math.nan
    verdict: Verdict
    sentence: str
    notable: str = ""

    @property
    def printed(self) -> str:
        """The numbers used, as they are printed."""
        return ", ".join(dict.fromkeys(str(c.number.printed) for c in self.used))

    @property
    def paths(self) -> str:
        return ", ".join(c.path for c in self.used)

    def rows(self) -> Iterator[Row]:
        """The verdict, and the ends of the interval where it has any, as rows of the long table."""
        same = {
            "analysis": "audit", "role": "audit", "estimand": self.of, "group": self.arm,
            "method": "; ".join(self.assumed), "toml_path": self.paths,
        }  # fmt: skip
        said = f"{self.sentence}; {self.notable}" if self.notable else self.sentence
        yield Row(**same, statistic=f"{self.kind}: verdict", text=self.verdict, reason=said)  # type: ignore[arg-type]
        for name, value in (("least", self.least), ("most", self.most)):
            if math.isfinite(value):
                yield Row(**same, statistic=f"{self.kind}: {name}", value=value, text=plain(value))  # type: ignore[arg-type]

    def __str__(self) -> str:
        head = ", ".join(part for part in (self.of, self.arm) if part)
        said = f"{self.verdict}: {self.sentence}" + (f"; {self.notable}" if self.notable else "")
        return f"{head}: {self.kind}: {said}" if head else f"{self.kind}: {said}"


def plain(value: float) -> str:
    """A number to four significant digits or all its digits before the point."""
    if value == int(value):
        return str(int(value))
    return fixed(value, max(0, min(6, 3 - math.floor(math.log10(abs(value))))))


def said(window: Window, digits: int | None = None) -> str:
    """A range in words."""
    ends = [plain(x) if digits is None else fixed(x, digits) for x in window]
    return ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """All published numbers of a protocol, and who is counted."""

    trial: Protocol
    cited: tuple[Cited, ...]

    @classmethod
    def of_trial(cls, trial: Protocol) -> Numbers:
        cited = (Cited(index=i, number=n) for i, n in enumerate(trial.published.numbers) if n.statistic != "other")
        return cls(trial=trial, cited=tuple(cited))

    def where(self, *statistics: str, **values: object) -> list[Cited]:
        """Those of a statistic (of any, if none is named) whose fields are so."""
        return [
            c for c in self.cited
            if (not statistics or c.number.statistic in statistics)
            and all(getattr(c.number, key) == value for key, value in values.items())
        ]  # fmt: skip

    def subjects(self, arm: str | None, estimand: str | None = None, source: str = "") -> Total | None:
        """How many are counted in an arm (None: in all), and what that takes for granted; None where nothing says it.

        Of a population whose size is printed that size, else all who were randomized; of two prints the one of the
        same source, else the first.
        """
        population, arms = None, tuple(self.trial.arms)
        if estimand:
            chosen = self.trial.estimands[estimand]
            population, arms = chosen.population, (chosen.treatment.experimental, chosen.treatment.control)
        asked = (arm,) if arm is not None else arms
        for name in dict.fromkeys((population, None)):
            by_arm = [self._printed_subjects(a, name, source) for a in asked]
            whole = self._printed_subjects(None, name, source)
            parts = [whole] if arm is None and None in by_arm else by_arm
            cited = tuple(c for c in parts if c is not None)
            if len(cited) == len(parts):
                found = sum(int(c.number.printed.value) for c in cited)
                return Total(found, "" if name or not population else f"{population} is everybody randomized", cited)
            if name and whole is not None:
                return None  # a part of all, whose arms are not printed
        return None

    def _printed_subjects(self, arm: str | None, population: str | None, source: str) -> Cited | None:
        here = self.where("subjects", arm=arm, population=population)
        here.sort(key=lambda c: c.number.source != source)
        return here[0] if here else None


def agreeing(cited: Iterable[Cited]) -> list[Cited]:
    """The first number and those after it that agree with all before; the others are reported by ``twice_printed``."""
    kept: list[Cited] = []
    for one in cited:
        if not one.number.printed.word and all(agree(one.number.printed, k.number.printed) for k in kept):
            kept.append(one)
    return kept


def _same(first: PublishedNumber, other: PublishedNumber) -> bool:
    """Whether one value prints as both; a count is printed whole."""
    a, b = first.printed, other.printed
    exact = first.statistic in WHOLE and not a.percent
    return a.value == b.value if exact else agree(a, b)


def twice_printed(numbers: Numbers) -> Iterator[Check]:
    """Numbers of the same thing that no one value prints."""
    same: dict[tuple[object, ...], list[Cited]] = {}
    beside = {"printed", "source", "tier", "status", "use", "label", "method", "sided"}
    for one in numbers.cited:
        p = one.number.printed
        # A count and a percentage are compared where counts are; P values of two methods may differ.
        key = (*one.number.model_dump(exclude=beside).values(), p.percent)
        if one.number.statistic == "P":
            key = (*key, one.number.method, one.number.sided)
        if not p.word:
            same.setdefault(key, []).append(one)
    for group in same.values():
        if len(group) < 2:
            continue
        first, off = group[0], [c for c in group[1:] if not _same(group[0].number, c.number)]
        what, n = describe_number(first.number), first.number
        made = partial(Check, kind="printed twice", of=n.estimand or n.outcome or "", arm=n.arm or "")
        for other in off:
            doubt = (
                "two sources differ: perhaps they are of different data" if other.number.source != n.source
                else "they are said to be of different methods" if other.number.method != n.method else ""
            )  # fmt: skip
            yield made(
                used=(first, other), verdict="cannot say" if doubt else "impossible",
                sentence=f"{what} is printed as {n.printed} and as {other.number.printed}", notable=doubt,
            )  # fmt: skip
        if not off:
            texts = ", ".join(str(c.number.printed) for c in group)
            yield made(used=tuple(group), verdict="consistent", sentence=f"{what}: one value prints as {texts}")
