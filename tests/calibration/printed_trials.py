"""Drawn trials printed under varied conventions: a protocol with published numbers, and what was really done.

What a paper leaves unsaid (sides, test, strata, level) is left out of the numbers as often as not; ``stated`` is the
same set of numbers with all of it said.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri
from tests.calibration.drawn_trials import SEED, Endpoint, drawn, estimated

from equipoise.protocol import Protocol, PublishedNumber, read
from equipoise.protocol.published import Published
from equipoise.reconstruct.odds_checks import odds_ratio, p_of_counts
from equipoise.survival import cox

BASE = Path(__file__).with_name("printed_trial.toml")
TESTS = {"Wald": "wald", "likelihood ratio": "likelihood", "log-rank": "logrank"}
PER_MONTH = 30.4375
Numbers = list[dict[str, Any]]
Pairs = list[tuple[dict[str, Any], dict[str, Any]]]  # as printed, and with everything said


@dataclass(frozen=True, kw_only=True)
class Paper:
    """The numbers as a paper prints them, and with everything said that a source can say."""

    printed: tuple[dict[str, Any], ...]
    stated: tuple[dict[str, Any], ...]

    def protocol(self, *, stated: bool = False) -> Protocol:
        return with_numbers(self.stated if stated else self.printed)

    def changed(self, index: int, text: str) -> Paper:
        """The same with one number printed otherwise."""
        both = ([dict(n) for n in numbers] for numbers in (self.printed, self.stated))
        printed, stated = both
        printed[index]["printed"] = stated[index]["printed"] = text
        return replace(self, printed=tuple(printed), stated=tuple(stated))


_READ: dict[str, Protocol] = {}


def with_numbers(numbers: tuple[dict[str, Any], ...]) -> Protocol:
    base = _READ.setdefault("base", read(BASE))
    published = Published(sources={"paper": "drawn"}, numbers=tuple(PublishedNumber.model_validate(n) for n in numbers))
    return base.model_copy(update={"published": published})


def text(value: float, decimals: int, truncated: bool) -> str:
    rounding = ROUND_DOWN if truncated else ROUND_HALF_UP
    return format(Decimal(repr(float(value))).quantize(Decimal(1).scaleb(-decimals), rounding=rounding), "f")


def share(count: int, total: int, decimals: int, truncated: bool) -> str:
    """A percentage, exactly."""
    rounding = ROUND_DOWN if truncated else ROUND_HALF_UP
    quotient = (Decimal(100 * count) / Decimal(total)).quantize(Decimal(1).scaleb(-decimals), rounding=rounding)
    return format(quotient, "f") + "%"


def p_text(p: float, truncated: bool, digits: int) -> str:
    """To so many significant digits, of four decimals at most; below a bound as one."""
    if p < 0.001:
        return "<0.001" if digits < 3 else "<0.0001" if p < 0.0001 else text(p, 4, truncated)
    decimals = min(4, digits - 1 - math.floor(math.log10(p)))
    return text(p, decimals, truncated)


def printed(number: int, seed: int = SEED) -> Paper | None:
    """Trial ``number`` in print; None where none of its endpoints has enough events."""
    trial = drawn(number, seed)
    rng = np.random.default_rng([seed, number, 1])
    if not trial.endpoints:
        return None
    truncated = bool(rng.random() < 0.2)
    arm = trial.endpoints[0].arm
    subjects = {"E": int((arm == 1).sum()), "C": int((arm == 0).sum())}
    said: Numbers = [{"statistic": "subjects", "arm": a, "printed": str(n)} for a, n in subjects.items()]
    whole: Numbers = [dict(n) for n in said]
    for endpoint in trial.endpoints:
        for mine, full in (*_ratio(rng, endpoint, truncated), *_curve(rng, endpoint, truncated)):
            said.append(mine)
            whole.append(full)
    for mine, full in _counts(rng, subjects, truncated):
        said.append(mine)
        whole.append(full)
    return Paper(printed=tuple(_complete(said)), stated=tuple(_complete(whole)))


def _complete(numbers: Numbers) -> Numbers:
    return [{"source": "paper", "use": "shown", **n} for n in numbers]


def _ratio(rng: np.random.Generator, endpoint: Endpoint, truncated: bool) -> Pairs:
    """Hazard ratio, limits and P; ratio and test stratified or not, each for itself."""
    data = endpoint.data()
    of_ratio, of_test = (bool(x) for x in rng.random(2) < 0.5)
    test = str(rng.choice(list(TESTS)))
    sided = int(rng.integers(1, 3))
    level = float(rng.choice([0.95, 0.95, 0.95, 0.95, 0.9, 0.99]))
    fit, tested = estimated(data, of_ratio), estimated(data, of_test)
    if not math.isfinite(fit.se) or abs(fit.coef) > 3:
        return []
    decimals = int(rng.choice([1, 2, 2, 2, 3]))
    q = float(ndtri(0.5 + level / 2))
    limits = [math.exp(fit.coef - q * fit.se), math.exp(fit.coef + q * fit.se)]
    profile = rng.random() < 0.1
    if profile:
        limits = [float(x) for x in cox(data, stratified=of_ratio, level=level, conf_type="profile").conf_int]
    z = getattr(tested, TESTS[test])
    p = float(2 * ndtr(-abs(z)) if sided == 2 else ndtr(-z))
    unsaid = {key: rng.random() < 0.6 for key in ("strata of ratio", "strata of test", "test", "sides")}
    same = {"estimand": endpoint.name}
    strata = {"stratified": of_ratio}
    found = []
    for name, value in zip(("", " lower limit", " upper limit"), (math.exp(fit.coef), *limits), strict=True):
        full = {"statistic": f"hazard ratio{name}", **same, **strata, "printed": text(value, decimals, truncated)}
        if name:
            full["confidence"] = level
        if profile:
            full["method"] = "profile likelihood"
        drop = {"stratified"} if unsaid["strata of ratio"] else set()
        drop |= {"method"} | ({"confidence"} if level == 0.95 else set())
        found.append(({k: v for k, v in full.items() if k not in drop}, full))
    full = {"statistic": "P", **same, "stratified": of_test, "sided": sided, "method": test,
            "printed": p_text(p, truncated, int(rng.integers(1, 4)))}  # fmt: skip
    drop = {
        key for key, name in (("stratified", "strata of test"), ("method", "test"), ("sided", "sides")) if unsaid[name]
    }
    found.append(({k: v for k, v in full.items() if k not in drop}, full))
    return found


def survival(endpoint: Endpoint, arm: int) -> tuple[np.ndarray, np.ndarray]:
    """Distinct event times of an arm, and Kaplan and Meier's estimate at them."""
    mine = endpoint.arm == arm
    time, event = endpoint.time[mine], endpoint.event[mine]
    times = np.unique(time[event == 1])
    steps = [1 - ((time == t) & (event == 1)).sum() / (time >= t).sum() for t in times]
    return times, np.cumprod(steps)


def _curve(rng: np.random.Generator, endpoint: Endpoint, truncated: bool) -> Pairs:
    """Medians, rates at two times with those known to be event-free there, and events with their percentage."""
    found: Numbers = []
    marks = sorted({int(m) for m in np.quantile(endpoint.time, (0.3, 0.6)) / PER_MONTH if m >= 1})
    for name, arm in (("E", 1), ("C", 0)):
        times, curve = survival(endpoint, arm)
        mine = endpoint.arm == arm
        same = {"estimand": endpoint.name, "arm": name}
        if len(curve) and curve[-1] <= 0.5:
            median = float(times[np.argmax(curve <= 0.5)]) / PER_MONTH
            if median > 0.2:
                found.append({"statistic": "median", **same, "printed": text(median, 1, truncated)})
        for month in marks:
            day = month * PER_MONTH
            at = {"at": f"{month} month{'s' * (month > 1)}"}
            before = curve[times <= day]
            rate = float(before[-1]) if len(before) else 1.0
            digits = int(rng.integers(0, 2))
            found.append(
                {"statistic": "event-free rate", **same, **at, "printed": text(100 * rate, digits, truncated) + "%"}
            )
            free = int((endpoint.time[mine] > day).sum())
            found.append({"statistic": "known event-free", **same, **at, "printed": str(free)})
        events, total = int(endpoint.event[mine].sum()), int(mine.sum())
        found.append({"statistic": "events", **same, "printed": str(events)})
        if rng.random() < 0.7:
            found.append({"statistic": "events", **same, "printed": share(events, total, 1, truncated)})
    return [(n, n) for n in found]


def _counts(rng: np.random.Generator, subjects: dict[str, int], truncated: bool) -> Pairs:
    """Responders with odds ratio and P of a test of counts; adverse events of a safety set that may be smaller."""
    found = []
    decimals = int(rng.integers(0, 2))
    responders = {}
    for arm, chance in (("E", 0.5), ("C", 0.35)):
        responders[arm] = int(rng.binomial(subjects[arm], chance))
        n = {"statistic": "responders", "outcome": "response", "arm": arm,
             "printed": share(responders[arm], subjects[arm], decimals, truncated)}  # fmt: skip
        found.append((n, {**n, "of": subjects[arm]}))
    cells = (responders["E"], subjects["E"], responders["C"], subjects["C"])
    ratio, s = odds_ratio(cells)
    if math.isfinite(s):
        if rng.random() < 0.3:
            ratio = 1 / ratio
        for name, k in (("", 0.0), (" lower limit", -1.959963984540054), (" upper limit", 1.959963984540054)):
            n = {
                "statistic": f"odds ratio{name}",
                "outcome": "response",
                "printed": text(ratio * math.exp(k * s), 2, truncated),
            }
            found.append((n, {**n, "stratified": False, **({"confidence": 0.95} if name else {})}))
        test = str(rng.choice(["chi-square", "chi-square, Yates", "Fisher", "Wald"]))
        n = {"statistic": "P", "outcome": "response", "printed": p_text(p_of_counts(cells, test), truncated, 2)}
        found.append((n, {**n, "stratified": False, "sided": 2}))
    for arm, all_of_them in subjects.items():
        treated = all_of_them - int(rng.integers(0, 4)) * int(rng.random() < 0.5)
        for term in ("rash", "nausea", "fatigue"):
            count = int(rng.binomial(treated, rng.uniform(0.05, 0.6)))
            n = {"statistic": "adverse event", "arm": arm, "term": term, "printed": share(count, treated, 1, truncated)}
            found.append((n, {**n, "of": treated}))
            if rng.random() < 0.5:
                n = {**n, "printed": str(count)}
                found.append((n, {**n, "of": treated}))
    return found
