"""Is a printed set of numbers consistent? Every check of the published numbers of a protocol, without any search."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..errors import ProtocolError
from ..protocol import Protocol
from ..results import Row, long_table
from .check import Check, Numbers, twice_printed
from .count_checks import check_counts, check_order, check_sums
from .curve_checks import check_curves, check_medians
from .odds_checks import check_odds
from .p_checks import check_one, check_p, check_without_limits, check_words
from .ratio_checks import Ratio, check_events, check_limits, ratios

if TYPE_CHECKING:
    import polars as pl

CLOSING = "Inconsistent with the conventions listed is not evidence of error or misconduct"


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """Every check of a protocol's published numbers, with its verdict."""

    trial: Protocol
    checks: tuple[Check, ...]

    @property
    def impossible(self) -> tuple[Check, ...]:
        """What contradicts itself under every convention listed."""
        return tuple(c for c in self.checks if c.verdict == "impossible")

    @property
    def notable(self) -> tuple[Check, ...]:
        """What a reader should look at, though it may well be so."""
        return tuple(c for c in self.checks if c.verdict != "impossible" and c.notable)

    @property
    def assumed(self) -> tuple[str, ...]:
        """Every convention that some check took for granted."""
        return tuple(dict.fromkeys(text for check in self.checks for text in check.assumed))

    @property
    def warnings(self) -> tuple[str, ...]:
        """A sentence for each check that is impossible or notable."""
        return tuple(str(check) for check in (*self.impossible, *self.notable))

    def rows(self) -> list[Row]:
        """Verdicts and intervals as rows of the long table."""
        return [
            row if row.estimand in self.trial.estimands else replace(row, estimand="", endpoint=row.estimand)
            for check in self.checks for row in check.rows()
        ]  # fmt: skip

    def table(self) -> pl.DataFrame:
        """``rows()`` as a long table."""
        return long_table(self.rows())

    def __str__(self) -> str:
        verdicts = [check.verdict for check in self.checks]
        counts = ", ".join(f"{verdicts.count(v)} {v}" for v in ("consistent", "cannot say", "impossible"))
        return (
            f"{self.trial.name}: {len(verdicts)} checks of the published numbers: {counts}; "
            f"{len(self.notable)} notable. {CLOSING}"
        )


def audit(trial: Protocol) -> Audit:
    """Whether the published numbers of a protocol can all be true, given how such numbers are made and printed.

    Nothing is estimated and no data are needed. Each check lists the conventions that it runs over: "impossible" is
    impossible under all of them, "cannot say" is what they leave open; numbers of several sources are never impossible
    together. Numbers with the statistic "other" are not read.

    Raises ``ProtocolError`` where nothing is published.

    >>> from ..protocol import example
    >>> found = audit(example("tandem"))
    >>> len(found.impossible), len(found.notable)
    (0, 0)
    >>> print(next(c for c in found.checks if c.kind == "implied events").interval)
    at least 173 events
    """
    numbers = Numbers.of_trial(trial)
    if not numbers.cited:
        raise ProtocolError(
            "the protocol gives no published number that could be audited",
            where="published.numbers",
            remedy='Add numbers = [{ statistic = "...", printed = "...", source = "..." }].',
        )
    return Audit(trial=trial, checks=tuple(_across_sources(check) for check in _checks(numbers)))


def _across_sources(check: Check) -> Check:
    """Numbers of several sources may be of different data: what they cannot be together, they can be apart."""
    sources = dict.fromkeys(c.number.source for c in check.used)
    if check.verdict != "impossible" or len(sources) == 1:
        return check
    notable = f"impossible if {' and '.join(sources)} are of the same data"
    return replace(check, verdict="cannot say", notable=notable)


def _checks(numbers: Numbers) -> Iterator[Check]:
    yield from twice_printed(numbers)
    of_estimands = [r for r in ratios(numbers) if r.kind == "hazard ratio"]
    estimands = dict.fromkeys(c.number.estimand for c in numbers.cited if c.number.estimand)
    for estimand in estimands:
        own = [r for r in of_estimands if r.of == estimand]
        for ratio in own:
            yield from check_limits(ratio)
            yield from check_events(ratio, numbers)
            yield from check_medians(ratio, numbers)
            yield from _with_p(ratio, own, numbers, "estimand")
        yield from check_words(numbers, {"estimand": str(estimand)}, own[0] if own else None)
    of_outcomes = {r.of: r for r in reversed(ratios(numbers)) if r.kind == "odds ratio"}
    for outcome in dict.fromkeys(c.number.outcome for c in numbers.cited if c.number.outcome):
        ratio_of = of_outcomes.get(outcome)
        if ratio_of is not None:
            yield from check_limits(ratio_of)
            yield from _with_p(ratio_of, [ratio_of], numbers, "outcome")
        yield from check_odds(numbers, outcome, ratio_of)
        yield from check_words(numbers, {"outcome": outcome}, ratio_of)
    yield from _same_p(numbers)
    yield from check_curves(numbers)
    yield from check_counts(numbers)
    yield from check_order(numbers)
    yield from check_sums(numbers)


def _with_p(ratio: Ratio, own: list[Ratio], numbers: Numbers, field: str) -> Iterator[Check]:
    """P values beside a ratio: a stratified P beside the stratified ratio, if both are printed."""
    for p in numbers.where("P", **{field: ratio.of}):
        matching = [r for r in own if r.stratified == p.number.stratified]
        if matching and ratio not in matching:
            continue
        yield from check_p(ratio, p)
        yield from check_one(ratio, p)
        yield from check_without_limits(ratio, p, numbers)


def _same_p(numbers: Numbers) -> Iterator[Check]:
    """The same P, of three digits, for two estimands of one endpoint: an analysis that preserves ranks keeps it."""
    exact = [
        c for c in numbers.where("P")
        if c.number.estimand and not c.number.printed.word and not c.number.printed.bound
        and c.number.printed.decimals >= 3
    ]  # fmt: skip
    for i, first in enumerate(exact):
        for other in exact[i + 1 :]:
            of = [numbers.trial.estimands[str(c.number.estimand)].variable for c in (first, other)]
            if first.number.estimand == other.number.estimand or of[0] != of[1]:
                continue
            if first.number.printed.value == other.number.printed.value:
                yield Check(
                    kind="same P", of=str(other.number.estimand), used=(first, other), verdict="cannot say",
                    sentence=f"P {first.number.printed} is printed of {first.number.estimand} too",
                    notable="an analysis that preserves ranks (RPSFT) keeps the other's P; else it is a coincidence",
                )  # fmt: skip
