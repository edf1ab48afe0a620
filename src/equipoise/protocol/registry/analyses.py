"""Analyses of an outcome measure: ratios with their limits, and P values, of two arms.

A record does not say which arm is above in a ratio, and groups stand in any order. So a ratio is kept as experimental
over control only where the values of the arms say the same; where they say the opposite it is left out, and where they
are silent it is kept as assumed if the experimental arm is listed first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from .arms import Arms
from .numbers import Numbers, confidence_of, decimal, number, p_value, reached
from .outcomes import Cell, Kind, Outcome, comments_of, ratio_of
from .record import Node, shortened, tables, text, texts

_SIDED = re.compile(r"\b(one|two|1|2)[\s-]*(?:sided|tailed)\b(?!\s*(?:[0-9.]+\s*%|CI\b|confidence))", re.IGNORECASE)
_UNSTRATIFIED = re.compile(r"\b(?:un|non[- ]?|not )stratified", re.IGNORECASE)
_LOG_RANK = re.compile(
    r"(?:(?:un|non-?)?stratified |two-sided |one-sided |2-sided |1-sided )*log[\s-]?rank(?: test)?"
    r"(?:,? (?:(?:un|non-?)?stratified|two-sided|one-sided|2-sided|1-sided))*",
    re.IGNORECASE,
)
_WEIGHTED = re.compile(r"weight|fleming|wilcoxon|peto|tarone|gehan", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """An analysis of two arms. ``name`` says which in what is left out."""

    node: Node
    name: str
    experimental: str
    control: str
    listed_first: str


def comparisons(outcome: Outcome, arms: Arms, numbers: Numbers) -> list[Comparison]:
    """The analyses that compare two arms; the others are left out with the reason."""
    found = []
    for i, node in enumerate(tables(outcome.node, "analyses"), start=1):
        said = text(node, "groupDescription")
        name = f"{outcome.title}, analysis {i}{f' ({shortened(said, 80)})' if said else ''}"
        groups = list(dict.fromkeys(texts(node, "groupIds")))
        titles = {text(g, "id"): text(g, "title") for g in tables(outcome.node, "groups")}
        pair: tuple[str, str] | str
        strangers = [titles.get(g) or g for g in groups if g not in outcome.arms]
        if len(groups) != 2:
            listed = "; ".join(titles.get(g) or g for g in groups) or "none"
            pair = f"it is of {len(groups)} group{'s' * (len(groups) != 1)} ({listed}), not of two arms"
        elif strangers:
            pair = f"its group {strangers[0]} is none of the arms"
        else:
            pair = arms.pair(*(outcome.arms[g] for g in groups))
        if isinstance(pair, str):
            numbers.leave_out(f"{name}{_digits(node)}", pair)
            continue
        found.append(
            Comparison(
                node=node, name=name, experimental=pair[0], control=pair[1], listed_first=outcome.arms[groups[0]]
            )
        )
    return found


def add_ratio(comparison: Comparison, outcome: Outcome, kind: Kind, numbers: Numbers, keys: dict[str, Any]) -> None:
    """The hazard or odds ratio of a comparison with its limits; ``keys`` name the estimand or the outcome."""
    node, ratio = comparison.node, ratio_of(comparison.node)
    value = decimal(text(node, "paramValue"))
    if not ratio:
        if text(node, "paramValue"):
            what = text(node, "paramType") or "a parameter without a name"
            numbers.leave_out(f"{comparison.name}{_digits(node)}", f"{what} is nothing that a protocol publishes")
        return
    statistic = "hazard ratio" if ratio == "cox" else ratio
    if ("estimand" in keys) != (statistic == "hazard ratio"):
        numbers.leave_out(f"{comparison.name}{_digits(node)}", f"a {statistic} does not belong to this outcome")
        return
    if value is None:
        numbers.leave_out(f"{comparison.name}{_digits(node)}", f"the {statistic} is no number")
        return
    verdict, why = _direction(comparison, outcome, kind, value, statistic)
    if verdict == "opposed" or (ratio == "cox" and verdict != "agrees"):
        why = why if verdict == "opposed" else f'the record calls it "{text(node, "paramType")}", and {why}'
        numbers.leave_out(f"{comparison.name}{_digits(node)}", why)
        return
    reason = ""
    if verdict == "silent":
        reason = f"taken as {comparison.experimental} over {comparison.control}: {why}"
        numbers.choose(f"the direction of the {statistic} {text(node, 'paramValue')} of {comparison.name}: {reason}")
    stratified = _stratified(node, "paramType", "estimateComment")
    stratified = stratified if stratified is not None else _stratified(node, "statisticalMethod", "statisticalComment")
    keys = {**keys, "stratified": stratified}
    adjusted = re.search(r"\badjust", comments_of(node, "paramType", "estimateComment"), re.IGNORECASE)
    if adjusted or numbers.of(statistic=statistic, **{k: v for k, v in keys.items() if k != "stratified"}):
        keys |= {"use": "shown", "label": comparison.name + (", adjusted" if adjusted else "")}
    elif statistic == "odds ratio":
        keys |= {"use": "shown"}
    if numbers.add(comparison.name, text(node, "paramValue"), reason=reason, statistic=statistic, **keys):
        _add_limits(comparison, statistic, numbers, reason, keys)


def _add_limits(comparison: Comparison, statistic: str, numbers: Numbers, reason: str, keys: dict[str, Any]) -> None:
    node = comparison.node
    given = {end: text(node, f"ci{end.capitalize()}Limit") for end in ("lower", "upper")}
    level, label = confidence_of(text(node, "ciPctValue")), keys.get("label")
    if text(node, "ciNumSides").upper().replace("-", "_") in ("ONE_SIDED", "1_SIDED"):
        if all(given.values()):
            why = "the record calls the interval one-sided and gives it two limits, so that their level is not known"
            numbers.leave_out(f"{comparison.name}, limits {given['lower']} and {given['upper']}", why)
            return
        # A one-sided limit at 97.5% is that of the two-sided interval at 95%, which is what a protocol's levels mean.
        level = level and float(2 * Decimal(repr(level)) - 1)
        level = level if level and level > 0.5 else None
    for end, printed in given.items():
        what = f"{comparison.name}, {end} limit of the {statistic}"
        if printed and not number(printed):
            said = text(node, f"ci{end.capitalize()}LimitComment")
            numbers.leave_out(f"{what} {printed}", said or "it is no number")
        elif printed:
            own = {**keys, "confidence": level} | ({"label": f"{label}, {end} limit"} if label else {})
            numbers.add(what, printed, reason=reason, statistic=f"{statistic} {end} limit", **own)


def add_p(comparison: Comparison, kind: Kind, numbers: Numbers, keys: dict[str, Any]) -> None:
    """The P value of a comparison, with its method, sides and strata as far as the record says them.

    Of an outcome that is a rate at a time, or a count, it is the P value of the time to the event only if the analysis
    says so: by its test, or by the hazard ratio beside it.
    """
    node = comparison.node
    written = text(node, "pValue")
    if not written:
        return
    printed = p_value(written)
    if not printed:
        numbers.leave_out(f"{comparison.name}, P {written}", "it is no P value that a protocol can hold")
        return
    said = text(node, "nonInferiorityType").upper().replace("-", "_")
    if "NON_INFERIORITY" in said or "EQUIVALENCE" in said:  # another null hypothesis than that of no difference
        what = "non-inferiority" if "NON_INFERIORITY" in said else "equivalence"
        numbers.add(comparison.name, printed, statistic="other", use="shown", label=f"{comparison.name}, P of {what}")
        return
    method = text(node, "statisticalMethod")
    about = comments_of(node, "statisticalComment", "otherAnalysisDescription")
    log_rank = bool(_LOG_RANK.fullmatch(method)) and not _WEIGHTED.search(about)
    of_time = kind in ("median", "ratio only") or log_rank or ratio_of(node) in ("hazard ratio", "cox")
    if "estimand" in keys and not of_time:
        why = "the outcome is a share or a count, and the analysis does not say that it compares times"
        numbers.leave_out(f"{comparison.name}, P {written}", why)
        return
    keys = {
        **keys, "sided": _sided(node),
        "stratified": _stratified(node, "statisticalMethod", "statisticalComment", "pValueComment"),
        "method": "log-rank" if log_rank else shortened(f"{method}; {about}" if _WEIGHTED.search(about) else method),
    }  # fmt: skip
    keys["method"] = keys["method"] or None
    again = numbers.of(statistic="P", **{k: keys[k] for k in ("estimand", "outcome") if k in keys})
    if again or "outcome" in keys or (method and not log_rank):
        keys["use"] = "shown"
    if again:
        keys["label"] = f"{comparison.name}, P"
    numbers.add(comparison.name + ", P", printed, statistic="P", **keys)


def test_of(node: Node) -> str | None:
    """The protocol's name of the test that an analysis says it made; None if it names none that a protocol has."""
    method = text(node, "statisticalMethod")
    if _WEIGHTED.search(comments_of(node, "statisticalMethod", "statisticalComment")):
        return None
    if _LOG_RANK.fullmatch(method):
        return "logrank"
    return "cox" if re.search(r"\bcox\b", method, re.IGNORECASE) else None


def stratified_of(node: Node) -> bool | None:
    """Whether an analysis says that it was stratified, or that it was not; None where it is silent or says both."""
    return _stratified(node, "statisticalMethod", "statisticalComment", "paramType", "estimateComment")


def _stratified(node: Node, *keys: str) -> bool | None:
    said = comments_of(node, *keys)
    without = _UNSTRATIFIED.sub("", said)
    found = {False} if without != said else set()
    found |= {True} if re.search(r"\bstratified\b", without, re.IGNORECASE) else set()
    return found.pop() if len(found) == 1 else None


def _sided(node: Node) -> int | None:
    """Sides of the test, as its method or the comment on its P say; those of the interval say nothing of the test."""
    said = comments_of(node, "pValueComment", "statisticalMethod")
    found = {1 if word.casefold() in ("one", "1") else 2 for word in _SIDED.findall(said)}
    return found.pop() if len(found) == 1 else None


def _direction(comparison: Comparison, outcome: Outcome, kind: Kind, value: Decimal, statistic: str) -> tuple[str, str]:
    """Whether the arms' values agree with a ratio of experimental over control, are opposed to it, or silent."""
    experimental, control = comparison.experimental, comparison.control
    here, there = outcome.of_arm(experimental), outcome.of_arm(control)
    more = _more(here, kind), _more(there, kind)
    first = comparison.listed_first == experimental
    if None in more or more[0] == more[1] or value == 1 or kind == "ratio only" or len(outcome.headings) != 1:
        if first:
            said = shortened(comments_of(comparison.node, "groupDescription", "estimateComment"))
            comment = f"; its comment is: {said}" if said else ""
            return "silent", f"the values of the arms do not tell, and the record lists it first{comment}"
        return "opposed", f"the record lists {control} first, and the values of the arms do not tell which arm is above"
    above = more[0] > more[1]  # type: ignore[operator]
    if kind in ("count", "percent") and statistic == "hazard ratio":
        words = outcome.title
        if re.search(r"[- ]free\b|\balive\b|surviv|\bwithout\b|\bno\b|\bnot\b", words, re.IGNORECASE):
            return ("silent", "the title does not tell whether it counts events") if first else (
                "opposed", f"the record lists {control} first, and the title does not tell whether it counts events"
            )  # fmt: skip
        expected_above_one = above
    else:
        expected_above_one = above if statistic == "odds ratio" else not above
    if (value > 1) == expected_above_one:
        return "agrees", ""
    values = f"{here.value if here else '?'} in {experimental} and {there.value if there else '?'} in {control}"
    return "opposed", f"as {experimental} over {control} it contradicts the values of the arms ({values}); " + (
        f"it may be {control} over {experimental}, which the record does not say"
    )


def _more(cell: Cell | None, kind: Kind) -> Decimal | None:
    """What is compared: how long, or how large a share."""
    if cell is None or cell.of == 0:
        return None
    if kind == "median":
        shown = reached(cell.value, cell.comment)
        return Decimal("Infinity") if shown == "not reached" else decimal(shown)
    plain = decimal(cell.value.removesuffix("%").rstrip())
    if kind == "count":
        return plain / cell.of if plain is not None and cell.of else None
    return plain


def _digits(node: Node) -> str:
    """What an analysis prints, for the list of what was left out."""
    limits = [text(node, key) for key in ("ciLowerLimit", "ciUpperLimit")]
    parts = [f"{text(node, 'paramType')} {text(node, 'paramValue')}".strip()]
    parts += [f"limits {' to '.join(p or '?' for p in limits)}"] if any(limits) else []
    parts += [f"P {text(node, 'pValue')}"] if text(node, "pValue") else []
    shown = ", ".join(part for part in parts if part)
    return f" [{shortened(shown, 100)}]" if shown else ""
