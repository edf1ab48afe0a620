"""Printed numbers that cannot stand together, found without any search."""

from __future__ import annotations

from itertools import pairwise

from ..errors import ProtocolError, UnsupportedError
from ..protocol import Protocol, PublishedNumber, quoted

_TRIPLES = (
    ("hazard ratio", "hazard ratio lower limit", "hazard ratio upper limit"),
    ("median", "median lower limit", "median upper limit"),
)


def check_agreement(trial: Protocol, numbers: list[tuple[int, PublishedNumber]]) -> None:
    """Refuses an estimate outside its own interval, the same number printed in two ways, and a stratified analysis."""
    by_name: dict[tuple[object, ...], tuple[int, PublishedNumber]] = {}
    for index, number in numbers:
        own = number.model_dump(exclude={"printed", "source", "tier", "status", "use", "label"})
        key = tuple(own.values())
        if number.printed.word:
            continue
        if key in by_name and not _overlap(by_name[key][1], number):
            other, before = by_name[key]
            raise ProtocolError(
                f'the same number is printed as "{before.printed}" and as "{number.printed}"',
                where=f"published.numbers[{other}] and [{index}]",
                remedy='Keep one as a target, and give the other use = "shown".',
            )
        by_name[key] = index, number
    for estimand, arm in dict.fromkeys((n.estimand, n.arm) for _, n in numbers):
        here: dict[str, tuple[int, PublishedNumber]] = {
            n.statistic: (i, n) for i, n in numbers if (n.estimand, n.arm) == (estimand, arm)
        }
        for estimate, lower, upper in _TRIPLES:
            _inside(here, estimate, lower, upper)
    _unstratified(trial, numbers)


def _overlap(first: PublishedNumber, second: PublishedNumber) -> bool:
    """Whether some value prints as both, as 0.799 does as 0.80 and as 0.799."""
    if first.printed.percent != second.printed.percent:
        return True
    (a, b), (c, d) = first.printed.window, second.printed.window
    return max(a, c) < min(b, d)


def _inside(here: dict[str, tuple[int, PublishedNumber]], estimate: str, lower: str, upper: str) -> None:
    """Limits and estimate may be equal in print, but not in the wrong order."""
    order = [here[name] for name in (lower, estimate, upper) if name in here and not here[name][1].printed.word]
    for (_, first), (place, second) in pairwise(order):
        if first.printed.window[0] >= second.printed.window[1]:
            what = f"{first.statistic} {first.printed} lies above {second.statistic} {second.printed}"
            if estimate in (first.statistic, second.statistic):
                shown = " to ".join(str(here[n][1].printed) if n in here else "?" for n in (lower, upper))
                what = f"the {estimate} {here[estimate][1].printed} lies outside its printed interval {shown}"
            raise ProtocolError(
                what,
                where=f"published.numbers[{place}].printed",
                remedy="Check the numbers against their source; no data can print both.",
            )


def _unstratified(trial: Protocol, numbers: list[tuple[int, PublishedNumber]]) -> None:
    aimed = {n.estimand for _, n in numbers}
    for name, analysis in trial.analyses.items():
        if analysis.estimand in aimed and analysis.stratified is not False and trial.data.strata.as_randomized:
            raise UnsupportedError(
                "numbers of a stratified analysis cannot be aimed at yet",
                where=f"analyses.{quoted(name)}.stratified",
                remedy="Set stratified = false if the published analysis was not stratified.",
            )
