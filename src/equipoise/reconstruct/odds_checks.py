"""Responders of two arms against the odds ratio, its limits and P: which counts print them, and which way round."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import product

from scipy.special import chdtrc, ndtr

from ..analyze import fisher
from .check import Check, Cited, Numbers, Verdict, said
from .count_checks import possible_counts, total_of
from .implied import quantile
from .ratio_checks import Ratio, level_note
from .windows import ROUNDINGS, Rounding, Window, common, window

Cells = tuple[int, int, int, int]  # responders and all of the experimental arm, then of the control arm
TESTS = ("chi-square", "chi-square, Yates", "Mantel-Haenszel", "Fisher", "Wald")
_NAMED = (
    (r"fisher|exact", ("Fisher",)),
    (r"yates|correct", ("chi-square, Yates",)),
    (r"mantel|cmh", ("Mantel-Haenszel",)),
    (r"chi|pearson", ("chi-square", "chi-square, Yates")),
    (r"wald|logistic", ("Wald",)),
)
_MOST_TABLES = 4_000


def odds_ratio(cells: Cells) -> tuple[float, float]:
    """Odds ratio of the experimental arm over control, and the standard error of its logarithm (Woolf 1955).

    >>> odds_ratio((1, 3, 1, 2)), odds_ratio((0, 3, 1, 2))
    ((0.5, 1.8708286933869707), (0.0, inf))
    """
    k1, n1, k0, n0 = cells
    parts = (k1, n1 - k1, k0, n0 - k0)
    if 0 in parts:
        top, bottom = k1 * (n0 - k0), k0 * (n1 - k1)
        return (top / bottom if bottom else math.inf if top else math.nan), math.inf
    return k1 * (n0 - k0) / (k0 * (n1 - k1)), math.sqrt(sum(1 / x for x in parts))


def p_of_counts(cells: Cells, test: str) -> float:
    """Two-sided P of no association; nan where nobody or everybody responds.

    >>> [float(f"{p_of_counts((3, 3, 0, 3), test):.4f}") for test in ("Fisher", "chi-square")]
    [0.1, 0.0143]
    """
    k1, n1, k0, n0 = cells
    k, n = k1 + k0, n1 + n0
    if k in (0, n):
        return math.nan
    if test == "Fisher":
        return fisher(*cells).p_value
    if test == "Wald":
        ratio, s = odds_ratio(cells)
        return math.nan if math.isinf(s) else float(2 * ndtr(-abs(math.log(ratio)) / s))
    off: float = abs(k1 * (n0 - k0) - k0 * (n1 - k1))
    if test == "chi-square, Yates":
        off = max(0.0, off - n / 2)
    size = n - 1 if test == "Mantel-Haenszel" else n
    return float(chdtrc(1, size * off**2 / (n1 * n0 * k * (n - k))))


def check_odds(numbers: Numbers, outcome: str, ratio: Ratio | None) -> Iterator[Check]:
    """Whether counts that print the percentages also print the odds ratio, its limits, and the P of some test."""
    tables = _tables(numbers, outcome)
    if tables is None:
        return
    cells, used, beside = tables
    if ratio is not None and ratio.estimate:
        yield from _with_subjects(_ratio_of_counts(ratio, cells, used), beside)
    for p in numbers.where("P", outcome=outcome):
        if not p.number.printed.word:
            yield from _with_subjects(_p_of_tables(outcome, p, cells, used), beside)


def _with_subjects(checks: Iterable[Check], beside: tuple[Cited, ...]) -> Iterator[Check]:
    """What is impossible is so of those who were counted: it rests on their numbers too."""
    for check in checks:
        yield replace(check, used=(*check.used, *beside)) if check.verdict == "impossible" else check


def _tables(numbers: Numbers, outcome: str) -> tuple[list[Cells], tuple[Cited, ...], tuple[Cited, ...]] | None:
    """All tables whose counts print as the responders of the two arms do, the responders and the subjects that say so;
    None where that is not known."""
    here = numbers.where("responders", outcome=outcome)
    role = {name: arm.role for name, arm in numbers.trial.arms.items()}
    arms = sorted({str(c.number.arm) for c in here}, key=lambda arm: role[arm] == "control")
    if [role[arm] for arm in arms] != ["experimental", "control"]:
        return None
    allowed, totals = [], []
    used: list[Cited] = []
    beside: list[Cited] = []
    for arm in arms:
        own = [c for c in here if c.number.arm == arm]
        total = total_of(numbers, own[0])
        if total is None:
            return None
        beside += total.cited
        sets = [set(possible_counts(numbers, c) or []) for c in own]
        allowed.append(sorted(k for k in set.intersection(*sets) if k <= total.subjects))
        totals.append(total.subjects)
        used += own
    cells = [(k1, totals[0], k0, totals[1]) for k1, k0 in product(*allowed)]
    return (cells, tuple(used), tuple(beside)) if 0 < len(cells) <= _MOST_TABLES else None


def _ratio_of_counts(ratio: Ratio, tables: list[Cells], used: tuple[Cited, ...]) -> Iterator[Check]:
    plain = ratio.stratified is False
    assumed = ("not stratified" + ("" if plain else " (not stated)"), "Woolf's limits", level_note(ratio))
    fits = {
        (turned, limits): [
            cells for cells in tables if any(_prints(ratio, cells, turned, limits, rounding) for rounding in ROUNDINGS)
        ]
        for turned in (False, True) for limits in (True, False)
    }  # fmt: skip
    values = sorted(v for v in (odds_ratio(cells)[0] for cells in tables) if math.isfinite(v) and v > 0)
    if not values:
        return
    span = (values[0], values[-1])
    made = partial(
        Check, kind="odds ratio of counts", of=ratio.of, used=(*used, *ratio.used), assumed=assumed,
        interval=f"odds ratio {said(span, 2)}", least=span[0], most=span[1],
    )  # fmt: skip
    printed = ratio.estimate[0].number.printed
    for turned, limits in ((False, True), (True, True), (False, False), (True, False)):
        if fits[turned, limits]:
            k1, n1, k0, n0 = fits[turned, limits][0]
            side = "control over experimental" if turned else "experimental over control"
            whole = limits or not (ratio.lower and ratio.upper)
            yield made(
                verdict="consistent" if whole else "cannot say",
                sentence=f"{k1} of {n1} and {k0} of {n0} print the odds ratio {printed}, {side}"
                + (" with its limits" if whole and ratio.lower else ""),
                notable="" if whole else "its limits are not Woolf's of such counts: stratified, adjusted or others",
            )  # fmt: skip
            return
    known = plain and ratio.says_wald  # else it may be the conditional one, which goes with Fisher's test
    yield made(
        verdict="impossible" if known else "cannot say",
        sentence=f"no counts that print the percentages have the odds ratio {printed}: they have {said(span, 2)}, "
        f"the other way round {said((1 / span[1], 1 / span[0]), 2)}",
        notable="" if known else "a stratified, adjusted or conditional ratio may differ so",
    )  # fmt: skip


def _prints(ratio: Ratio, cells: Cells, turned: bool, limits: bool, rounding: Rounding) -> bool:
    value, s = odds_ratio(cells)
    if not 0 < value < math.inf:
        return False
    b = -math.log(value) if turned else math.log(value)
    q = quantile(ratio.stated_level or 0.95)
    asked = [(ratio.estimate, b), *(((ratio.lower, b - q * s), (ratio.upper, b + q * s)) if limits else ())]
    return all(_within(math.exp(x), common((c.number.printed for c in part), rounding)) for part, x in asked if part)


def _within(value: float, ends: Window) -> bool:
    return ends[0] - 1e-12 <= value <= ends[1] + 1e-12


def _p_of_tables(outcome: str, p: Cited, tables: list[Cells], used: tuple[Cited, ...]) -> Iterator[Check]:
    """P of each test over all tables against the printed one."""
    spans: dict[str, Window] = {}
    fitting = []
    named = next((tests for words, tests in _NAMED if re.search(words, p.number.method or "", re.IGNORECASE)), TESTS)
    for test in named:
        found = [x for x in (p_of_counts(cells, test) for cells in tables) if not math.isnan(x)]
        if not found:
            continue
        spans[test] = min(found), max(found)
        for sided in (p.number.sided,) if p.number.sided else (2, 1):
            if any(_within(x * sided / 2, window(p.number.printed, r)) for x in found for r in ROUNDINGS):
                fitting.append(f"{test} {'two' if sided == 2 else 'one'}-sided")
    if not spans:
        return
    span = min(low for low, _ in spans.values()), max(high for _, high in spans.values())
    known = p.number.stratified is False and named != TESTS
    verdict: Verdict = "consistent" if fitting else "impossible" if known else "cannot say"
    one = bool(fitting) and p.number.sided is None and all(f.endswith("one-sided") for f in fitting)
    doubt = "" if fitting or known else "a stratified or other test may differ so"
    yield Check(
        kind="P of counts", of=outcome, used=(*used, p),
        assumed=(" or ".join(named), "not stratified" + ("" if p.number.stratified is False else " (not stated)"),
                 "one- or two-sided" if p.number.sided is None else f"sided {p.number.sided}"),
        interval=f"P {said(span)} two-sided", least=span[0], most=span[1], verdict=verdict,
        sentence=f"P {p.number.printed}: "
        + (f"fits {', '.join(fitting)}" if fitting else "no such test of counts that print the percentages has it"),
        notable="fits only as a one-sided P" if one else doubt,
    )  # fmt: skip
