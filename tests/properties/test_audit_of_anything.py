"""Whatever is printed, an audit says something of it: no error, no number that is none, a sentence a verdict."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.calibration.printed_trials import with_numbers

from equipoise.protocol import PublishedNumber
from equipoise.reconstruct import audit

TEXTS = [
    "0", "0.0", "0.00", "0.01", "0.5", "0.63", "1", "1.0", "1.00", "1.000", "1.4", "3", "9.99", "12", "57", "99", "100",
    "250", "99999", "0%", "0.0%", "4.1%", "33%", "33.3%", "50%", "99.9%", "100%", "<0.001", ">0.05", "<1", ">100",
    "0.0001", ".046", "significant", "not significant", "not reached", "more frequent",
]  # fmt: skip
STATISTICS = [
    "subjects", "hazard ratio", "hazard ratio lower limit", "hazard ratio upper limit", "P", "median",
    "median lower limit", "median upper limit", "event-free rate", "known event-free", "events", "crossed over",
    "adverse event", "responders", "odds ratio", "odds ratio lower limit", "odds ratio upper limit",
]  # fmt: skip
MODEL = ["stratified", "confidence", "method"]
WANTED = {
    "subjects": ["arm", "population"], "P": ["estimand", "outcome", "sided", "stratified", "method"],
    "responders": ["arm", "outcome", "of"], "crossed over": ["arm", "of"], "adverse event": ["arm", "of", "term"],
    "events": ["estimand", "arm", "of"], "event-free rate": ["estimand", "arm", "at"],
    "known event-free": ["estimand", "arm", "at", "of"],
    **{kind: ["estimand", "arm"] for kind in STATISTICS if "median" in kind},
    **{kind: ["estimand", *MODEL] for kind in STATISTICS if "hazard" in kind},
    **{kind: ["outcome", *MODEL] for kind in STATISTICS if "odds" in kind},
}  # fmt: skip
PLACES: dict[str, list[Any]] = {
    "estimand": ["PFS", "PFS", "OS", None], "arm": ["E", "C", None], "at": ["6 months", "1 year", "52 weeks"],
    "outcome": ["response", None], "of": [None, None, 7, 100], "sided": [None, None, 1, 2],
    "stratified": [None, None, None, True, False], "confidence": [None, None, None, 0.9, 0.95],
    "method": [None, None, None, None, "log-rank", "Wald", "Fisher", "bootstrap"], "term": ["rash", "nausea", None],
    "population": [None, None, "ITT"],
}  # fmt: skip


def drawn(draw: st.DrawFn, kind: str) -> dict[str, Any] | None:
    """A number of a kind; None for one that the reader refuses."""
    texts = [t for t in TEXTS if "." in t and "%" not in t] if "ratio" in kind or kind == "P" else TEXTS
    n: dict[str, Any] = {"statistic": kind, "printed": draw(st.sampled_from(texts)), "source": "paper", "use": "shown"}
    n |= {key: value for key in WANTED[kind] if (value := draw(st.sampled_from(PLACES[key]))) is not None}
    if kind == "P" and "estimand" in n:
        n.pop("outcome", None)
    if not (kind.endswith("limit") or "ratio" not in kind):
        n.pop("confidence", None)
    try:
        PublishedNumber.model_validate(n)
    except ValueError:
        return None
    return n


@st.composite
def numbers(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Numbers that the reader lets pass; ratios come with their limits."""
    found: list[dict[str, Any] | None] = []
    for _ in range(draw(st.integers(1, 12))):
        kind = draw(st.sampled_from(STATISTICS))
        base = kind.replace(" lower limit", "").replace(" upper limit", "")
        whole = base in ("hazard ratio", "odds ratio", "median")
        found += [drawn(draw, k) for k in ((base, f"{base} lower limit", f"{base} upper limit") if whole else (kind,))]
        if whole and base != "median":
            found.append(drawn(draw, "P"))
    return [n for n in found if n is not None]


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(given_numbers=numbers())
def test_an_audit_of_anything(given_numbers: list[dict[str, Any]]) -> None:
    if not given_numbers:
        return
    found = audit(with_numbers(tuple(given_numbers)))
    for check in found.checks:
        assert check.verdict in ("consistent", "cannot say", "impossible")
        assert check.sentence
        assert check.used
        assert "nan" not in str(check).split()
        assert math.isnan(check.least) or math.isnan(check.most) or check.least <= check.most + 1e-9
    for row in found.rows():
        assert row.text
        assert row.value is None or math.isfinite(row.value)
    assert found.table().height == len(found.rows())
