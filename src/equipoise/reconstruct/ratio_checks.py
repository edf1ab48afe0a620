"""Ratios with their limits, and the P values beside them: what one estimate and one standard error can print."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from .check import Check, Cited, Numbers, Verdict, agreeing, said
from .count_checks import most_events
from .implied import Corners, by_allocation, corners, least_events, likelihood_limits_fit, standard_errors
from .windows import ROUNDING_NOTES, ROUNDINGS, Rounding, Window, common

LEVEL = 0.95
OTHER_LEVELS = (0.9, 0.99)  # that limits without a stated level may have
_NOT_WALD = re.compile(r"profile|likelihood|bootstrap|rpsft|rank.preserving|ipcw|two.stage|exact|bayes|robust|permut"
                       r"|stage.wise|repeated|median unbiased|jackknife|firth", re.IGNORECASE)  # fmt: skip

_WALD = re.compile(r"wald|woolf|logistic", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """A printed ratio with limits of one level, of an estimand or an outcome; each may be missing."""

    kind: str  # "hazard ratio" or "odds ratio"
    of: str
    estimate: tuple[Cited, ...]
    lower: tuple[Cited, ...]
    upper: tuple[Cited, ...]
    stratified: bool | None

    @property
    def used(self) -> tuple[Cited, ...]:
        return (*self.estimate, *self.lower, *self.upper)

    @property
    def method(self) -> str:
        return "; ".join(dict.fromkeys(c.number.method for c in self.used if c.number.method))

    @property
    def wald(self) -> bool:
        """Whether nothing says that its limits are made otherwise."""
        return _NOT_WALD.search(self.method) is None

    @property
    def bounded(self) -> bool:
        """Whether a part is printed as a bound ("<0.1"): then nothing but the order is checked."""
        return any(c.number.printed.bound for c in self.used)

    @property
    def says_wald(self) -> bool:
        """Whether the source says so: Wald, Woolf, a logistic model."""
        return _WALD.search(self.method) is not None

    @property
    def stated_level(self) -> float | None:
        return next((c.number.confidence for c in (*self.lower, *self.upper) if c.number.confidence), None)

    def shape(self, rounding: Rounding) -> Corners | None:
        """The log limits that print so, by their corners; None where a limit is not printed."""
        if not self.lower or not self.upper:
            return None
        ends = [common((c.number.printed for c in part), rounding) for part in (self.lower, self.upper)]
        estimate = common((c.number.printed for c in self.estimate), rounding) if self.estimate else None
        return corners(estimate, *ends)

    def shapes(self) -> dict[Rounding, Corners]:
        """The ways of rounding under which something prints so, each with its log limits."""
        found = {} if self.bounded else {rounding: self.shape(rounding) for rounding in ROUNDINGS}
        return {rounding: shape for rounding, shape in found.items() if shape is not None and len(shape)}


def ratios(numbers: Numbers) -> list[Ratio]:
    """Every printed ratio, by estimand or outcome, stratification and level of its limits."""
    found = []
    for kind, field in (("hazard ratio", "estimand"), ("odds ratio", "outcome")):
        names = (kind, f"{kind} lower limit", f"{kind} upper limit")
        here = numbers.where(*names)
        for of, stratified in dict.fromkeys((getattr(c.number, field), c.number.stratified) for c in here):
            every = [c for c in here if (getattr(c.number, field), c.number.stratified) == (of, stratified)]
            for own in _by_method(every, kind):
                parts = [[c for c in own if c.number.statistic == name] for name in names]
                levels = dict.fromkeys(c.number.confidence for c in (*parts[1], *parts[2])) or {None: None}
                for level in levels:
                    lower, upper = ([c for c in part if c.number.confidence == level] for part in parts[1:])
                    found.append(Ratio(
                        kind=kind, of=of, estimate=tuple(agreeing(parts[0])), lower=tuple(agreeing(lower)),
                        upper=tuple(agreeing(upper)), stratified=stratified,
                    ))  # fmt: skip
    return found


def _by_method(own: list[Cited], kind: str) -> list[list[Cited]]:
    """Estimates that differ and are said to be of different methods are different ratios, each with its own limits."""
    estimates = [c for c in own if c.number.statistic == kind]
    methods = dict.fromkeys(c.number.method for c in estimates)
    if len(methods) < 2 or len(agreeing(estimates)) == len(estimates):
        return [own]
    return [[c for c in own if c.number.method == method] for method in methods]


def levels_of(ratio: Ratio) -> tuple[float, ...]:
    """The level of the limits: as stated, else 95%, then others that are in use."""
    return (LEVEL, *OTHER_LEVELS) if ratio.stated_level is None else (ratio.stated_level,)


def level_note(ratio: Ratio) -> str:
    stated = ratio.stated_level
    return f"limits of level {100 * (stated or LEVEL):g}%" + ("" if stated else " (not stated)")


def notes_of(ratio: Ratio, rounding: Rounding, verdict: Verdict) -> tuple[str, ...]:
    """Level and rounding that were taken for granted: what fits first, or all that were tried where nothing does."""
    if verdict == "consistent":
        return level_note(ratio), ROUNDING_NOTES[rounding]
    others = "" if ratio.stated_level else "".join(f", or {100 * level:g}%" for level in OTHER_LEVELS)
    return level_note(ratio) + others, *ROUNDING_NOTES.values()


def check_limits(ratio: Ratio) -> Iterator[Check]:
    """Whether an estimate and a standard error exist that print a ratio with its limits."""
    if not ratio.lower or not ratio.upper or not ratio.estimate:
        return
    printed = f"{_texts(ratio.estimate)} ({_texts(ratio.lower)} to {_texts(ratio.upper)})"
    shapes = ratio.shapes()
    kind = f"{ratio.kind} and limits"
    if not _in_order(ratio):
        yield Check(
            kind=kind, of=ratio.of, used=ratio.used, assumed=tuple(ROUNDING_NOTES.values()), verdict="impossible",
            sentence=f"{printed} is not in order: an estimate lies within its limits",
        )  # fmt: skip
        return
    if ratio.bounded:
        return
    if not ratio.wald:
        yield Check(
            kind=kind, of=ratio.of, used=ratio.used, assumed=(f"limits as by {ratio.method}",), verdict="cannot say",
            sentence=f"{printed} is in order; limits made so need not be symmetric about the estimate",
            notable="" if shapes else "the limits are not symmetric on the log scale, as the method may have it",
        )  # fmt: skip
        return
    if shapes:
        rounding, shape = next(iter(shapes.items()))
        s = standard_errors(shape, levels_of(ratio)[0])
        yield Check(
            kind=kind, of=ratio.of, used=ratio.used,
            assumed=("Wald limits", level_note(ratio), ROUNDING_NOTES[rounding]),
            interval=f"standard error {said(s, 4)}", least=s[0], most=s[1], verdict="consistent",
            sentence=f"{printed}: standard error of the log ratio {said(s, 4)}",
        )  # fmt: skip
        return
    yield _asymmetric(ratio, kind, printed)


def _asymmetric(ratio: Ratio, kind: str, printed: str) -> Check:
    """Limits that are not Wald's: of a hazard ratio perhaps the likelihood's; of an odds ratio exact ones are usual."""
    made = partial(Check, kind=kind, of=ratio.of, used=ratio.used)
    what = f"no Wald limits print {printed}: they are not symmetric on the log scale"
    assumed = ("any level", *ROUNDING_NOTES.values())
    if ratio.kind == "odds ratio":
        wald = ratio.says_wald
        return made(
            assumed=("Wald limits" if wald else "Wald limits, or exact ones", *assumed), sentence=what,
            verdict="impossible" if wald else "cannot say", notable="" if wald else "exact limits can print so",
        )  # fmt: skip
    likely = any(_likelihood(ratio, rounding) for rounding in ROUNDINGS)
    return made(
        assumed=("Wald limits, or limits of the likelihood with the arm alone", *assumed),
        verdict="cannot say" if likely else "impossible",
        sentence=what + ("" if likely else ", nor are they limits of the likelihood"),
        notable="limits of the likelihood of a model with the arm alone can print so" if likely else "",
    )  # fmt: skip


def _texts(part: Iterable[Cited]) -> str:
    return ", ".join(str(c.number.printed) for c in part)


def _windows(ratio: Ratio, rounding: Rounding) -> tuple[Window, Window, Window]:
    """Of the lower limit, the estimate and the upper limit."""
    a, b, c = (
        common((x.number.printed for x in part), rounding) for part in (ratio.lower, ratio.estimate, ratio.upper)
    )
    return a, b, c


def _in_order(ratio: Ratio) -> bool:
    for rounding in ROUNDINGS:
        a, b, c = _windows(ratio, rounding)
        if a[0] <= b[1] and b[0] <= c[1] and a[0] <= c[1]:
            return True
    return False


def _likelihood(ratio: Ratio, rounding: Rounding) -> bool:
    a, b, c = _windows(ratio, rounding)
    return likelihood_limits_fit(b, a, c)


def check_events(ratio: Ratio, numbers: Numbers) -> Iterator[Check]:
    """Whether the events are as many as the limits of a hazard ratio need: 4 / s^2, whatever the model adjusts for."""
    shapes = ratio.shapes()
    if ratio.kind != "hazard ratio" or not ratio.wald or not shapes:
        return
    events, what, used = _events(numbers, ratio)
    tried = [(level, rounding) for level in levels_of(ratio) for rounding in shapes]
    fits = [
        (level, rounding) for level, rounding in tried
        if events is None or _whole(least_events(shapes[rounding], level)[0]) <= events
    ]  # fmt: skip
    stated = levels_of(ratio)[0]
    level, rounding = next((found for found in fits if found[0] == stated), tried[0])
    bound = least_events(shapes[rounding], level)
    needs = f"at least {_whole(bound[0])} events"
    verdict: Verdict = "cannot say" if events is None else "consistent" if (level, rounding) in fits else "impossible"
    notable = ""
    if verdict == "impossible" and fits:
        verdict, notable = "cannot say", f"fits only if the limits are of level {100 * fits[0][0]:g}%"
    yield Check(
        kind="implied events", of=ratio.of, used=(*ratio.used, *used),
        assumed=("a Cox model, adjusted or not, with its own standard error", *notes_of(ratio, rounding, verdict)),
        interval=needs, least=_whole(bound[0]), verdict=verdict,
        sentence=f"the limits need {needs}{_allocated(numbers, ratio, bound)}" + (f"; {what}" if what else ""),
        notable=notable,
    )  # fmt: skip


def _whole(events: float) -> int:
    """The least whole number that is not below it, but for the last digits."""
    return math.ceil(events - 1e-9)


def _events(numbers: Numbers, ratio: Ratio) -> tuple[int | None, str, tuple[Cited, ...]]:
    """The most events that are printed of an estimand, else its subjects; None where neither is."""
    found = most_events(numbers, ratio.of)
    if found is not None:
        return found[0], f"{found[0]} are printed", found[1]
    subjects = numbers.subjects(None, ratio.of, ratio.used[0].number.source)
    if subjects is None:
        return None, "", ()
    return subjects.subjects, f"there are {subjects.subjects} subjects", subjects.cited


def _allocated(numbers: Numbers, ratio: Ratio, bound: tuple[float, float]) -> str:
    """About how many events that is, as the arms were allocated."""
    treatment = numbers.trial.estimands[ratio.of].treatment
    arms, source = (treatment.experimental, treatment.control), ratio.used[0].number.source
    shares = [float(n.subjects) for n in (numbers.subjects(arm, ratio.of, source) for arm in arms) if n is not None]
    if len(shares) < 2 and numbers.trial.randomization:
        allocation = numbers.trial.randomization.allocation
        shares = [float(allocation.get(arm, 0)) for arm in arms]
    if len(shares) < 2 or not all(shares) or not math.isfinite(bound[1]):
        return ""
    low, high = (by_allocation(events, (shares[0], shares[1])) for events in bound)
    return f" (with arms of {shares[0]:g} to {shares[1]:g} about {said((low, high), 0)})"
