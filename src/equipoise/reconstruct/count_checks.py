"""Counts and percentages: which counts print a percentage, of how many subjects, and whether they add up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..protocol import Printed, describe_number
from .check import WHOLE, Check, Cited, Numbers, Total
from .windows import ROUNDING_NOTES, ROUNDINGS, counts, denominators, prints, runs, window

_NEAR = 0.1  # of the arm: other numbers of subjects are named that differ by no more
COUNTED = WHOLE[1:]


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """One count of one group of subjects, as it is printed: as a count, as a percentage, or both."""

    count: Cited | None
    share: Cited | None

    @property
    def used(self) -> tuple[Cited, ...]:
        return tuple(c for c in (self.count, self.share) if c is not None)

    @property
    def first(self) -> Cited:
        return self.used[0]

    @property
    def pair(self) -> tuple[Printed | None, Printed | None]:
        """Percentage and count, as ``windows.denominators`` takes them."""
        return (
            None if self.share is None else self.share.number.printed,
            None if self.count is None else self.count.number.printed,
        )

    def __str__(self) -> str:
        both = [str(c.number.printed) for c in self.used]
        return both[0] if len(both) == 1 else f"{both[0]} ({both[1]})"


def total_of(numbers: Numbers, one: Cited) -> Total | None:
    """Of how many subjects a number is a count, and what that takes for granted; None where nothing says it."""
    number = one.number
    if number.of is not None:
        return Total(number.of, "", ())
    safety = numbers.trial.safety
    if number.statistic == "adverse event" and safety is not None:
        own = numbers.where("subjects", arm=number.arm, population=safety.population)
        if own:
            return Total(int(own[0].number.printed.value), "", (own[0],))
    found = numbers.subjects(number.arm, number.estimand, number.source)
    if found is None:
        return None
    whole = f"of all {found.subjects} subjects" + (f" of {number.arm}" if number.arm else "")
    return found._replace(assumed=whole + (f" ({found.assumed})" if found.assumed else ""))


def possible_counts(numbers: Numbers, one: Cited) -> list[int] | None:
    """Every count that prints so under some way of rounding; None where nothing says of how many."""
    printed = one.number.printed
    if not printed.percent:
        return [int(printed.value)]
    total = total_of(numbers, one)
    if total is None:
        return None
    return sorted({k for rounding in ROUNDINGS for k in counts(printed, total[0], rounding)})


def most_events(numbers: Numbers, estimand: str) -> tuple[int, tuple[Cited, ...]] | None:
    """The most events of an estimand that its printed numbers of events allow, in all or arm by arm."""
    treatment = numbers.trial.estimands[estimand].treatment
    whole = numbers.where("events", estimand=estimand, arm=None)
    parts = [whole] if whole else [
        numbers.where("events", estimand=estimand, arm=arm) for arm in (treatment.experimental, treatment.control)
    ]  # fmt: skip
    most = 0
    for part in parts:
        allowed = [found[-1] for found in (possible_counts(numbers, one) for one in part) if found]
        if not allowed:
            return None
        most += min(allowed)
    return most, tuple(one for part in parts for one in part)


def families(numbers: Numbers) -> Iterator[list[Thing]]:
    """Counted things that have their subjects in common (adverse events, events of an endpoint), by source and arm."""
    found: dict[tuple[object, ...], dict[tuple[object, ...], dict[bool, Cited]]] = {}
    for one in numbers.where(*COUNTED):
        n = one.number
        if n.printed.word:
            continue
        family = (n.statistic, n.estimand, n.outcome, n.arm, n.of, n.source)
        thing = (n.at, n.grade, n.serious, n.nyha, n.term, None if n.grade or n.term else n.label)
        found.setdefault(family, {}).setdefault(thing, {}).setdefault(n.printed.percent, one)
    for things in found.values():
        yield [Thing(count=both.get(False), share=both.get(True)) for both in things.values()]


def check_counts(numbers: Numbers) -> Iterator[Check]:
    """Percentages to counts, counts against subjects, and where they do not fit: of how many they could be."""
    for things in families(numbers):
        first = things[0].first
        total = total_of(numbers, first)
        printed = [t for t in things if t.share is not None]
        if total is None:
            if printed and any(t.count is not None for t in printed):
                yield _of_whom(numbers, printed)
            continue
        misfits = [t for t in things if t.share is not None and not _fits(t, total.subjects)]
        for thing in things:
            if thing not in misfits:
                yield from _counted(thing, total)
        if misfits:
            yield _smaller(numbers, printed, misfits, total)


def _fits(thing: Thing, total: int) -> bool:
    return any(prints(*thing.pair, total, rounding) for rounding in ROUNDINGS)


def _counted(thing: Thing, counted: Total) -> Iterator[Check]:
    """A thing that fits: its counts. A count alone says something only where it is above its subjects."""
    what, of, arm = _name(thing)
    total, assumed, cited = counted
    if thing.share is None:
        if thing.count is not None and thing.count.number.printed.value > total:
            yield Check(
                kind="counts", of=of, arm=arm, used=(*thing.used, *cited), assumed=(assumed,) if assumed else (),
                verdict="impossible", sentence=f"{what}: {thing} is more than the {total} subjects",
            )  # fmt: skip
        return
    rounding = next(r for r in ROUNDINGS if prints(*thing.pair, total, r))
    allowed = counts(thing.share.number.printed, total, rounding)
    if thing.count is not None:
        allowed = range(int(thing.count.number.printed.value), int(thing.count.number.printed.value) + 1)
    shown = f"{runs(allowed)} of {total}"
    if thing.count is not None:
        sentence = f"{what}: {thing} of {total} is printed so"
    elif len(allowed) == 1:
        sentence = f"{what}: of {total}, {allowed[0]} alone prints {thing}"
    else:
        sentence = f"{what}: of {total}, {runs(allowed)} print {thing}"
    yield Check(
        kind="counts", of=of, arm=arm, used=thing.used,
        assumed=(*((assumed,) if assumed else ()), ROUNDING_NOTES[rounding]), interval=shown,
        least=allowed[0], most=allowed[-1], verdict="consistent", sentence=sentence,
    )  # fmt: skip


def _of_whom(numbers: Numbers, things: Sequence[Thing]) -> Check:
    """Counts with percentages, and nothing says of how many: the totals that print them."""
    _, of, arm = _name(things[0])
    most, everybody = _everybody(numbers)
    shown = ", ".join(str(t) for t in things)
    for rounding in ROUNDINGS:
        found = denominators([t.pair for t in things], most, rounding)
        if found:
            return Check(
                kind="denominator", of=of, arm=arm, used=tuple(c for t in things for c in t.used),
                assumed=(ROUNDING_NOTES[rounding],), interval=runs(found), least=found[0], most=found[-1],
                verdict="consistent", sentence=f"{shown}: printed so of {runs(found)} subjects",
            )  # fmt: skip
    return Check(
        kind="denominator", of=of, arm=arm, used=(*(c for t in things for c in t.used), *everybody),
        assumed=tuple(ROUNDING_NOTES.values()), verdict="impossible",
        sentence=f"{shown}: no number of subjects up to {most} prints "
        + ("it" if len(things) == 1 else "all of them"),
    )  # fmt: skip


def _everybody(numbers: Numbers) -> tuple[int, tuple[Cited, ...]]:
    total = numbers.subjects(None)
    return (total.subjects, total.cited) if total is not None else (10_000, ())


def _smaller(numbers: Numbers, things: Sequence[Thing], misfits: Sequence[Thing], counted: Total) -> Check:
    """What no count of the subjects prints, and of how many it could be: of a part of the arm, such as those treated.

    Adverse events may be counted in more than the arm, by the drug that was taken.
    """
    what, of, arm = _name(misfits[0])
    total = counted.subjects
    adverse = misfits[0].first.number.statistic == "adverse event"
    most = max(total, _everybody(numbers)[0]) if adverse and misfits[0].first.number.of is None else total
    shown = ", ".join(str(t) for t in misfits)
    used = tuple(c for t in things for c in t.used)
    cannot = (
        f"{what}: no count of {total} prints {shown}" if len(misfits) == 1 else f"no counts of {total} print {shown}"
    )
    if misfits[0].first.number.of is not None:
        return Check(
            kind="denominator", of=of, arm=arm, used=used, assumed=tuple(ROUNDING_NOTES.values()), verdict="impossible",
            sentence=f"{cannot}, the subjects that are said to be counted",
        )  # fmt: skip
    for group, all_of_them in ((things, True), (misfits, False)):
        for rounding in ROUNDINGS:
            found = denominators([t.pair for t in group], most, rounding)
            if found:
                near = [m for m in found if abs(m - total) <= _NEAR * total] or [
                    min(found, key=lambda m: abs(m - total))
                ]
                whole = " it" if len(group) == 1 else " all of them" if all_of_them else " those"
                more = "" if len(near) == len(found) else ", and others further away"
                return Check(
                    kind="denominator", of=of, arm=arm, used=used,
                    assumed=(ROUNDING_NOTES[rounding], "counted may be another group than all randomized"),
                    interval=f"of {runs(near)}", least=near[0], most=near[-1], verdict="cannot say", sentence=cannot,
                    notable=f"counts of {runs(near)} subjects can print{whole}{more}",
                )  # fmt: skip
    alone = [t for t in misfits if not any(denominators([t.pair], most, rounding) for rounding in ROUNDINGS)]
    return Check(
        kind="denominator", of=of, arm=arm, used=(*used, *counted.cited, *(_everybody(numbers)[1] if adverse else ())),
        assumed=(*ROUNDING_NOTES.values(), f"of at most {most} subjects"),
        verdict="impossible" if alone else "cannot say",
        sentence=f"{cannot}, nor any smaller number of subjects" if alone else cannot,
        notable="" if alone else "no one number of subjects prints all of them",
    )  # fmt: skip


def _name(thing: Thing) -> tuple[str, str, str]:
    """What is counted, the estimand or outcome, the arm."""
    n = thing.first.number
    of = n.estimand or n.outcome or ("adverse events" if n.statistic == "adverse event" else "")
    what = n.label or describe_number(n.model_copy(update={"arm": None, "estimand": None, "outcome": None}))
    return what, of, n.arm or ""


def check_sums(numbers: Numbers) -> Iterator[Check]:
    """Events and subjects by arm against those in all, and events against subjects."""
    for statistic, field in (("events", "estimand"), ("subjects", "population")):
        every = numbers.where(statistic)
        for of in dict.fromkeys(getattr(c.number, field) for c in every):
            own = [c for c in every if getattr(c.number, field) == of]
            arms = dict.fromkeys(c.number.arm for c in own if c.number.arm)
            whole = [c for c in own if c.number.arm is None]
            needed = numbers.trial.arms if statistic == "subjects" else _arms_of(numbers, str(of))
            if not whole or set(arms) != set(needed):
                continue
            used = (*(next(c for c in own if c.number.arm == arm) for arm in arms), whole[0])
            ranges = [possible_counts(numbers, c) for c in used]
            if any(not r for r in ranges):
                continue
            low, high = (sum(r[end] for r in ranges[:-1] if r) for end in (0, -1))
            total = ranges[-1] or [0]
            meets = low <= total[-1] and total[0] <= high
            texts = " and ".join(str(c.number.printed) for c in used[:-1])
            yield Check(
                kind="sum", of=str(of or ""), used=used, interval=runs(range(low, high + 1)), least=low, most=high,
                verdict="consistent" if meets else "impossible",
                sentence=f"{statistic}: {texts} {'add' if meets else 'do not add'} up to {whole[0].number.printed}",
            )  # fmt: skip
    for estimand in dict.fromkeys(c.number.estimand for c in numbers.where("events")):
        found, subjects = most_events(numbers, str(estimand)), numbers.subjects(None, str(estimand))
        if found is None or subjects is None:
            continue
        least = sum((possible_counts(numbers, one) or [0])[0] for one in found[1])
        if least > subjects.subjects and not any(c.number.printed.percent for c in found[1]):
            yield Check(
                kind="sum", of=str(estimand), used=(*found[1], *subjects.cited), verdict="impossible",
                sentence=f"{least} events are more than the {subjects.subjects} subjects",
            )  # fmt: skip


def _arms_of(numbers: Numbers, estimand: str) -> tuple[str, str]:
    treatment = numbers.trial.estimands[estimand].treatment
    return treatment.experimental, treatment.control


def check_order(numbers: Numbers) -> Iterator[Check]:
    """Adverse events that are said to be more frequent in an arm, beside the counts of both arms."""
    keys = ("grade", "serious", "nyha", "term")
    for said_so in (c for c in numbers.where("adverse event") if c.number.printed.word):
        n = said_so.number
        same = numbers.where("adverse event", **{key: getattr(n, key) for key in keys})
        for arm in numbers.trial.arms:
            pair = [_shares(numbers, [c for c in same if c.number.arm == a]) for a in (n.arm, arm)]
            if arm == n.arm or pair[0] is None or pair[1] is None:
                continue
            own, other = pair[0], pair[1]
            fits, of_others = own.most > other.least, own.most_of_some > other.least_of_some
            yield Check(
                kind="order", of="adverse events", arm=n.arm or "",
                used=(said_so, own.printed, other.printed, *(() if fits else (*own.total.cited, *other.total.cited))),
                assumed=("shares of all subjects of the arm",),
                verdict="consistent" if fits else "cannot say" if of_others else "impossible",
                sentence=f"{describe_number(n)} is said to be more frequent than in {arm}; printed are "
                f"{own.printed.number.printed} and {other.printed.number.printed}",
                notable="so it is only where other subjects were counted" if of_others and not fits else "",
            )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shares:
    """The least and the greatest share of an arm that its printed count or percentage allows: of all its subjects, and
    of somewhat fewer where nothing says who was counted."""

    printed: Cited
    total: Total
    least: float
    most: float
    least_of_some: float
    most_of_some: float


def _shares(numbers: Numbers, here: Sequence[Cited]) -> _Shares | None:
    """None where there is no count, or nothing says of how many."""
    for one in (c for c in here if not c.number.printed.word):
        total, allowed = total_of(numbers, one), possible_counts(numbers, one)
        if total is None or not allowed:
            continue
        least, most = (allowed[end] / total.subjects for end in (0, -1))
        low, high = least, most
        if total.assumed and one.number.printed.percent:
            windows = [window(one.number.printed, rounding) for rounding in ROUNDINGS]
            low, high = min(w[0] for w in windows), max(w[1] for w in windows)
        elif total.assumed:
            high = most / (1 - _NEAR)
        return _Shares(printed=one, total=total, least=least, most=most, least_of_some=low, most_of_some=high)
    return None
