"""P values against a ratio with its limits, under each convention; what is called significant; a ratio and P alone."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal

from ..results import fixed, p_value
from .check import Check, Cited, Numbers, Verdict, said
from .implied import Corners, apart, estimates, implied_levels, p_values, stretch, stretched, wald_z, z_of_p
from .ratio_checks import LEVEL, Ratio, level_note, levels_of, notes_of
from .windows import ROUNDING_NOTES, ROUNDINGS, Window, common, window

Test = Literal["Wald", "log-rank", "likelihood ratio"]
Grade = Literal["fits", "near", "no"]
TESTS: tuple[Test, ...] = ("Wald", "log-rank", "likelihood ratio")
_NAMED: tuple[tuple[str, tuple[Test, ...]], ...] = (
    (r"gehan|wilcoxon|fleming|weighted|maxcombo|renyi|restricted|permut|rpsft|bootstrap|bayes|fisher|chi", ()),
    (r"log.?rank|mantel|score", ("log-rank",)),
    (r"likelihood", ("likelihood ratio",)),
    (r"wald", ("Wald",)),
)
# Calibrated on drawn trials (tests/calibration/audited_trials.py prints them). Z of another test over Wald's, as it is
# in nine of ten trials, the two being of one model:
TYPICAL: dict[Test, Window] = {"Wald": (1.0, 1.0), "log-rank": (0.98, 1.055), "likelihood ratio": (0.95, 1.035)}
_TYPICAL_STEP = 0.03  # of Z beside it, where Z is small
# Beyond the theorem of ``implied``, which has the score test of the same likelihood: what tied times add, since the
# log-rank test's variance is hypergeometric. Allowed, in Z and per unit of Z; the first seen in 6,000 trials: 0.28.
TIED = (0.5, 0.1)
# One of the two stratified, the other not, or with covariates: no theorem. Allowed alike; the first seen: 2.0.
DIFFERENTLY = (3.0, 0.5)
_ALIKE = "test and ratio of one model"
_DIFFERENT = "test and ratio stratified (or adjusted) differently"
_OF_COUNTS = "a test of another kind than the ratio's limits"


@dataclass(frozen=True, slots=True, kw_only=True)
class Convention:
    """How a P may have been made, and whether a ratio with its limits then prints it."""

    test: Test
    sided: int
    alike: bool
    level: float
    grade: Grade

    @property
    def name(self) -> str:
        side = "two-sided" if self.sided == 2 else "one-sided"
        return f"{self.test} {side}" + ("" if self.alike else ", of another model")


def tests_named(method: str | None) -> tuple[Test, ...]:
    """Which tests a method's name can mean; all where none is named, none where it is of another kind.

    >>> tests_named("stratified log-rank"), tests_named("Gehan-Wilcoxon"), len(tests_named(None))
    (('log-rank',), (), 3)
    """
    if method is None:
        return TESTS
    return next((tests for words, tests in _NAMED if re.search(words, method, re.IGNORECASE)), TESTS)


def grade(shape: Corners, p: Window, level: float, test: Test, sided: int, alike: bool) -> Grade:
    """Whether limits that print so go with a window of P: as tests usually do, at all, or not.

    >>> from .implied import corners
    >>> shape = corners((0.595, 0.605), (0.405, 0.415), (0.885, 0.895))
    >>> [grade(shape, (0.0045, 0.0055), 0.95, "Wald", sided, True) for sided in (1, 2)]
    ['fits', 'no']
    """
    z, printed = wald_z(shape, level), z_of_p(p, sided)
    if not alike:
        return "near" if apart(z, printed, sided) <= _allowed(z, DIFFERENTLY) else "no"
    step = 0.0 if test == "Wald" else _TYPICAL_STEP
    if apart(stretched(z, TYPICAL[test]), printed, sided) <= step + 1e-9:
        return "fits"
    if test == "Wald":
        return "no"
    at_all = stretched(z, stretch(test, estimates(shape)))
    return "near" if apart(at_all, printed, sided) <= _allowed(z, TIED) else "no"


def _allowed(z: Window, allowance: tuple[float, float]) -> float:
    return allowance[0] + allowance[1] * max(abs(z[0]), abs(z[1]))


def conventions(ratio: Ratio, p: Cited) -> list[Convention]:
    """Every way in which the P may have been made that its source does not exclude, each with its grade."""
    number = p.number
    sides = (number.sided,) if number.sided else (2, 1)
    stated = None not in (number.stratified, ratio.stratified)
    same = number.stratified == ratio.stratified
    models = (True,) if stated and same else (False,) if stated else (True, False)
    tests = tests_named(number.method)
    if ratio.kind == "odds ratio":  # nothing is known here but Wald's test; those of counts are compared with counts
        models, tests = (True, False), ("Wald",)
    order = {"fits": 0, "near": 1, "no": 2}
    shapes = ratio.shapes()
    windows = {rounding: window(number.printed, rounding) for rounding in ROUNDINGS}
    tried = []
    for level in levels_of(ratio):
        for alike in models:
            for sided in sides:
                for test in tests:
                    grades = [
                        _mixed(rounded != rounding, grade(shape, p_window, level, test, sided, alike))
                        for rounded, shape in shapes.items() for rounding, p_window in windows.items()
                    ]  # fmt: skip
                    best = min(grades, key=order.__getitem__)
                    tried.append(Convention(test=test, sided=sided, alike=alike, level=level, grade=best))
    return tried


def _mixed(mixed: bool, found: Grade) -> Grade:
    """What fits only if the P was rounded in another way than the ratio is possible, no more."""
    return "near" if mixed and found == "fits" else found


def check_p(ratio: Ratio, p: Cited) -> Iterator[Check]:
    """Whether some test with the ratio's estimate and limits prints the P."""
    shapes = ratio.shapes()
    if p.number.printed.word or not shapes:
        return
    made_of = partial(Check, kind="P", of=ratio.of, used=(*ratio.used, p))
    if not ratio.wald or not tests_named(p.number.method):
        made = ratio.method if not ratio.wald else str(p.number.method)
        yield made_of(
            assumed=(f"by {made}",), verdict="cannot say",
            sentence=f"P {p.number.printed}: nothing follows for it from limits or a test made so",
        )  # fmt: skip
        return
    tried = conventions(ratio, p)
    level = levels_of(ratio)[0]
    first = [c for c in tried if c.level == level]
    rounding, shape = next(iter(shapes.items()))
    shown = (p.number.sided,) if p.number.sided else (2, 1)
    ranges = {sided: _p_range(shape, level, sided) for sided in shown}
    texts = [f"{_p_text(r)} {'two' if s == 2 else 'one'}-sided" for s, r in ranges.items()]
    fitting = [c for c in first if c.grade == "fits"]
    near = [c for c in first if c.grade == "near"]
    verdict, notable = _judged(ratio, p, tried, fitting, near, ranges)
    sentence = f"P {p.number.printed}; by Wald {', '.join(texts)}"
    if fitting:
        sentence += f"; fits: {', '.join(c.name for c in fitting)}"
    elif near:
        sentence += f"; possible: {', '.join(c.name for c in near)}"
    if not fitting and not p.number.printed.bound and ratio.stated_level is None:
        low, high = implied_levels(shape, window(p.number.printed), shown[0])
        sentence += f"; with it, the limits are of level {fixed(100 * low, 1)}% to {fixed(100 * high, 1)}%"
    yield made_of(
        assumed=_assumed(ratio, p, first, notes_of(ratio, rounding, verdict)), interval=f"P {texts[0]}",
        least=ranges[shown[0]][0], most=ranges[shown[0]][1], verdict=verdict, sentence=sentence, notable=notable,
    )  # fmt: skip


def _judged(
    ratio: Ratio, p: Cited, tried: list[Convention], fitting: list[Convention], near: list[Convention],
    ranges: dict[int, Window],
) -> tuple[Verdict, str]:  # fmt: skip
    """The verdict on a P, and what is notable about it."""
    if fitting:
        only = p.number.sided is None and all(c.sided == 1 for c in fitting)
        two = _p_text(ranges[2]) if only else ""
        return "consistent", f"fits only as a one-sided P (two-sided it would be about {two})" if only else ""
    if near:
        unstated = None in (p.number.stratified, ratio.stratified)
        odd = unstated and not any(c.alike for c in near)
        odd_text = "only test and ratio of different models (strata, covariates) go together so"
        return "cannot say", odd_text if odd else ""
    other = [c for c in tried if c.grade == "fits"]
    if other:
        return "cannot say", f"fits only if the limits are of level {100 * other[0].level:g}% ({other[0].name})"
    return "impossible", ""


def _assumed(ratio: Ratio, p: Cited, tried: list[Convention], notes: tuple[str, ...]) -> tuple[str, ...]:
    tests = dict.fromkeys(c.test for c in tried)
    sides = dict.fromkeys("two-sided" if c.sided == 2 else "one-sided" for c in tried)
    other = _OF_COUNTS if ratio.kind == "odds ratio" else _DIFFERENT
    models = dict.fromkeys(_ALIKE if c.alike else other for c in tried)
    return (
        f"P {' or '.join(tests)}", " or ".join(sides) + ("" if p.number.sided else " (not stated)"),
        " or ".join(models), *notes,
    )  # fmt: skip


def _p_range(shape: Corners, level: float, sided: int) -> Window:
    """Wald P from least to greatest; one-sided of the side that the estimate is on."""
    z = wald_z(shape, level)
    if sided == 1 and z[1] < 0:
        z = (-z[1], -z[0])
    high, low = p_values(z, sided)
    return low, high


def _p_text(p: Window) -> str:
    low, high = (p_value(x) for x in p)
    return low if low == high else f"{low} to {high}"


def check_one(ratio: Ratio, p: Cited) -> Iterator[Check]:
    """Whether the limits hold 1, beside whether P is below what they leave."""
    if p.number.printed.word or not ratio.lower or not ratio.upper:
        return
    level = ratio.stated_level or LEVEL
    low, high = (common((c.number.printed for c in part), "rounded") for part in (ratio.lower, ratio.upper))
    ends = window(p.number.printed)
    holds = None if low[0] <= 1 <= low[1] or high[0] <= 1 <= high[1] else low[1] < 1 < high[0]
    sided = p.number.sided or 2
    edge = (1 - level) / (1 if sided == 2 else 2)
    bound = p.number.printed.bound  # "<0.05" is below 0.05, ">0.05" above: the end itself is no such P
    small = True if ends[1] < edge - 1e-9 else False if ends[0] > edge + 1e-9 else None
    if bound and abs(p.number.printed.value - edge) <= 1e-9:
        small = bound == "<"
    texts = f"limits {', '.join(str(c.number.printed) for c in (*ratio.lower, *ratio.upper))} and P {p.number.printed}"
    assumed = (
        level_note(ratio),
        f"P {'two' if sided == 2 else 'one'}-sided" + ("" if p.number.sided else " (not stated)"),
    )
    if holds is None:
        sentence, clash = f"{texts}: a limit that prints as 1 may lie on either side of it", False
    elif small is None or holds != small:
        sentence, clash = f"{texts} agree on whether the ratio differs from 1", False
    else:
        sentence, clash = f"{texts}: the limits {'hold' if holds else 'exclude'} 1, the P does not say so", True
    yield Check(
        kind="limits and 1", of=ratio.of, used=(*ratio.lower, *ratio.upper, p), assumed=assumed,
        verdict="cannot say" if clash else "consistent", sentence=sentence,
        notable="the test is not Wald's, has one side, or limits and test have different levels" if clash else "",
    )  # fmt: skip


def check_words(numbers: Numbers, of: dict[str, str], ratio: Ratio | None) -> Iterator[Check]:
    """What is called significant or not, beside the P that is printed of it and its limits."""
    every = numbers.where("P", **of)
    printed = [c for c in every if not c.number.printed.word]
    testing = numbers.trial.testing
    stated = testing is not None and not any(path.startswith("testing") for path in numbers.trial.assumed)
    alpha = (testing.alpha * (1 if testing.sided == 2 else 2)) if testing is not None else 1 - LEVEL
    name = next(iter(of.values()))
    for word in (c for c in every if c.number.printed.word):
        for p in printed:
            low, high = window(p.number.printed)
            claimed = word.number.printed.word == "significant"
            clash = low > alpha if claimed else high < alpha
            sentence = f"P {p.number.printed} is called {word.number.printed}"
            notable, verdict = "", "consistent"
            if clash and claimed:
                verdict = "impossible" if stated else "cannot say"
                notable = "" if stated else "the level at which it was tested is not known"
            elif clash:
                verdict = "cannot say"
                notable = (
                    "no contradiction: at an interim look, or with several tests, the level can be below the P; it is "
                    "not known here"
                )
            yield Check(
                kind="significance", of=name, used=(p, word),
                assumed=(f"two-sided level {alpha:g}" + ("" if stated else " (not stated)"),),
                verdict=verdict, sentence=sentence, notable=notable,  # type: ignore[arg-type]
            )  # fmt: skip
        if not printed and ratio is not None and ratio.shapes():
            yield from _word_and_limits(ratio, word)


def _word_and_limits(ratio: Ratio, word: Cited) -> Iterator[Check]:
    low, high = (common((c.number.printed for c in part), "rounded") for part in (ratio.lower, ratio.upper))
    excluded, held = high[1] < 1 or low[0] > 1, low[1] < 1 < high[0]
    clash = held if word.number.printed.word == "significant" else excluded
    yield Check(
        kind="significance", of=ratio.of, used=(*ratio.lower, *ratio.upper, word), assumed=(level_note(ratio),),
        verdict="cannot say" if clash else "consistent",
        sentence=f"the limits {'exclude' if excluded else 'hold' if held else 'touch'} 1, the test is called "
        f"{word.number.printed}",
        notable="the level of the test is not that of the limits, or the test is not Wald's" if clash else "",
    )  # fmt: skip


def check_without_limits(ratio: Ratio, p: Cited, numbers: Numbers) -> Iterator[Check]:
    """A hazard ratio and a P without limits: the standard error that they imply, and its events."""
    if ratio.kind != "hazard ratio" or ratio.bounded or not ratio.estimate or (ratio.lower and ratio.upper):
        return
    if p.number.printed.word or p.number.printed.bound or not tests_named(p.number.method) or not ratio.wald:
        return
    low, high = (math.log(max(x, 1e-9)) for x in common((c.number.printed for c in ratio.estimate), "rounded"))
    b = (0.0 if low <= 0 <= high else min(abs(low), abs(high)), max(abs(low), abs(high)))
    z = z_of_p(window(p.number.printed), p.number.sided or 2)
    if z[0] <= 0 or not math.isfinite(z[1]):
        return
    s = (b[0] / z[1], b[1] / z[0])
    needed = 4 / s[1] ** 2
    subjects = numbers.subjects(None, ratio.of, p.number.source)
    enough = subjects is None or needed <= subjects[0]
    sides = "two" if (p.number.sided or 2) == 2 else "one"
    yield Check(
        kind="ratio and P", of=ratio.of, used=(*ratio.estimate, p),
        assumed=(f"a Wald P, {sides}-sided" + ("" if p.number.sided else " (not stated)"), ROUNDING_NOTES["rounded"]),
        interval=f"standard error {said(s, 4)}", least=s[0], most=s[1], verdict="cannot say",
        sentence=f"without limits, the ratio and P {p.number.printed} have a standard error of {said(s, 4)}, which "
        f"at least {math.ceil(needed)} events have",
        notable="" if enough else f"there are only {subjects[0] if subjects else 0} subjects",
    )  # fmt: skip
