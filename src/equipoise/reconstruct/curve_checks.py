"""Rates and medians of a Kaplan-Meier curve against counts, each other, and the hazard ratio."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from itertools import pairwise

from ..units import days, days_per
from .check import Check, Cited, Numbers, Total, agreeing, said
from .ratio_checks import Ratio
from .windows import ROUNDING_NOTES, ROUNDINGS, Rounding, Window, common, window

_SHORTEST, _LONGEST = 28.0, 31.0  # days that a printed month may have
_ALL = tuple(ROUNDING_NOTES.values())


def check_curves(numbers: Numbers) -> Iterator[Check]:
    """By estimand and arm: rates against counts, rates in time, rates and medians, medians in their limits."""
    kinds = ("event-free rate", "known event-free", "median", "median lower limit", "median upper limit")
    for of, arm in dict.fromkeys((c.number.estimand, c.number.arm) for c in numbers.where(*kinds)):
        here = {kind: numbers.where(kind, estimand=of, arm=arm) for kind in kinds}
        rates = sorted(here["event-free rate"], key=lambda c: days(str(c.number.at)))
        yield from _against_crude(numbers, rates, here["known event-free"])
        yield from _falling(rates)
        medians = agreeing(here["median"])
        yield from _median_and_rates(numbers, medians, rates)
        yield from _median_in_limits(medians, agreeing(here[kinds[3]]), agreeing(here[kinds[4]]))


def _against_crude(numbers: Numbers, rates: list[Cited], known: list[Cited]) -> Iterator[Check]:
    """Kaplan and Meier's estimate lets those censored survive some more: it is never below the crude share."""
    for rate in rates:
        for free in known:
            if days(str(rate.number.at)) != days(str(free.number.at)):
                continue
            n = free.number
            total = Total(n.of, "", ()) if n.of else numbers.subjects(n.arm, n.estimand, n.source)
            p = n.printed
            if p.percent:
                least = min(window(p, r)[0] for r in ROUNDINGS)
                shown = str(p)
            elif total is None:
                continue
            else:
                least, shown = p.value / total.subjects, f"{p} of {total.subjects}"
            highest = max(window(rate.number.printed, r)[1] for r in ROUNDINGS)
            fits = highest >= least
            yield Check(
                kind="rate and crude", of=str(n.estimand), arm=str(n.arm),
                used=(rate, free, *(total.cited if total and not fits and not p.percent else ())),
                assumed=tuple(x for x in (total.assumed if total else "", "a Kaplan-Meier rate", *_ALL) if x),
                interval=f"at least {100 * least:.4g}%", least=least, verdict="consistent" if fits else "impossible",
                sentence=f"at {n.at}, {shown} are known to be event-free, and the Kaplan-Meier rate "
                f"{rate.number.printed} is {'not ' if fits else ''}below that",
            )  # fmt: skip


def _falling(rates: list[Cited]) -> Iterator[Check]:
    for first, later in pairwise(rates):
        if days(str(first.number.at)) == days(str(later.number.at)):
            continue
        rises = all(window(first.number.printed, r)[1] < window(later.number.printed, r)[0] for r in ROUNDINGS)
        n = first.number
        yield Check(
            kind="rates in time", of=str(n.estimand), arm=str(n.arm), used=(first, later), assumed=_ALL,
            verdict="impossible" if rises else "consistent",
            sentence=f"{n.printed} at {n.at} and {later.number.printed} at {later.number.at}: a survival curve "
            + ("does not rise" if rises else "falls so"),
        )  # fmt: skip


def _median_and_rates(numbers: Numbers, medians: list[Cited], rates: list[Cited]) -> Iterator[Check]:
    """Before the median the curve is at or above one half, after it at or below."""
    if not medians:
        return
    n = medians[0].number
    unit = numbers.trial.endpoints[numbers.trial.estimands[str(n.estimand)].variable].unit
    for rate in rates:
        at = days(str(rate.number.at))
        clash = all(_clash(at, _in_days(common((c.number.printed for c in medians), r), str(rate.number.at), unit),
                           window(rate.number.printed, r)) for r in ROUNDINGS)  # fmt: skip
        yield Check(
            kind="rate and median", of=str(n.estimand), arm=str(n.arm), used=(*medians, rate),
            assumed=(*_ALL, *(() if str(rate.number.at).rstrip("s").endswith(unit.rstrip("s")) else
                              (f"a month has {_SHORTEST:g} to {_LONGEST:g} days",))),
            verdict="impossible" if clash else "consistent",
            sentence=f"{rate.number.printed} at {rate.number.at}, median {n.printed} {unit}: the curve "
            + ("cannot be there" if clash else "passes one half so"),
        )  # fmt: skip


def _in_days(median: Window, at: str, unit: str) -> Window:
    """A median in days; a month as long as any may be, unless the rate is at a time of the same unit."""
    low, high = (x * days_per(unit) for x in median)
    if at.rstrip("s").endswith(unit.rstrip("s")):
        return low, high
    return low * _SHORTEST / _LONGEST, high * _LONGEST / _SHORTEST


def _clash(at: float, median: Window, rate: Window) -> bool:
    return (at < median[0] and rate[1] < 0.5) or (at > median[1] and rate[0] > 0.5)


def _median_in_limits(medians: list[Cited], lower: list[Cited], upper: list[Cited]) -> Iterator[Check]:
    parts = [part for part in (lower, medians, upper) if part]
    if not medians or len(parts) < 2:
        return
    n = medians[0].number
    used = tuple(c for part in parts for c in part)
    ordered = any(_ordered(parts, rounding) for rounding in ROUNDINGS)
    yield Check(
        kind="median and limits", of=str(n.estimand), arm=str(n.arm), used=used, assumed=_ALL,
        verdict="consistent" if ordered else "impossible",
        sentence=f"median {n.printed} and limits {' to '.join(str(c.number.printed) for c in (*lower, *upper))} are "
        + ("in order" if ordered else "not in order"),
    )  # fmt: skip


def _ordered(parts: list[list[Cited]], rounding: Rounding) -> bool:
    ends = [common((c.number.printed for c in part), rounding) for part in parts]
    return all(first[0] <= second[1] for i, first in enumerate(ends) for second in ends[i + 1 :])


def check_medians(ratio: Ratio, numbers: Numbers) -> Iterator[Check]:
    """Medians against the hazard ratio. In order with it, some baseline always fits, and the Weibull shape that does
    is printed; against it they contradict proportional hazards in the population, never in a sample."""
    if ratio.kind != "hazard ratio" or not ratio.estimate or ratio.bounded:
        return
    treatment = numbers.trial.estimands[ratio.of].treatment
    new_arm, old_arm = (
        agreeing(numbers.where("median", estimand=ratio.of, arm=a)) for a in (treatment.experimental, treatment.control)
    )
    if not new_arm or not old_arm:
        return
    hr = common((c.number.printed for c in ratio.estimate), "rounded")
    new, old = (common((c.number.printed for c in arm), "rounded") for arm in (new_arm, old_arm))
    if min(new[0], old[0]) <= 0 or hr[0] <= 0 or math.isinf(max(new[1], old[1])):
        return
    first, second, printed = (part[0].number.printed for part in (new_arm, old_arm, ratio.estimate))
    texts = f"medians {first} and {second}, hazard ratio {printed}"
    made = partial(Check, kind="medians and ratio", of=ratio.of, used=(*ratio.estimate, *new_arm, *old_arm))
    longer = (math.log(new[0] / old[1]), math.log(new[1] / old[0]))
    better = (-math.log(hr[1]), -math.log(hr[0]))
    assumed = ("proportional hazards in the population", "Weibull for the shape", ROUNDING_NOTES["rounded"])
    if longer[0] <= 0 <= longer[1] or better[0] <= 0 <= better[1]:
        yield made(assumed=assumed, verdict="consistent", sentence=f"{texts}: within rounding nothing follows")
        return
    if (longer[0] > 0) != (better[0] > 0):
        yield made(
            assumed=assumed, verdict="cannot say", sentence=f"{texts} are ordered against each other",
            notable="they contradict proportional hazards in the population, or the ratio is the other way round; "
            "medians of samples vary",
        )  # fmt: skip
        return
    a, b = sorted(abs(x) for x in better), sorted(abs(x) for x in longer)
    shape = (a[0] / b[1], a[1] / b[0])
    yield made(
        assumed=assumed, interval=f"Weibull shape {said(shape, 2)}", least=shape[0], most=shape[1],
        verdict="consistent", sentence=f"{texts}: ordered alike; a Weibull law of shape {said(shape, 2)} has both",
    )  # fmt: skip
