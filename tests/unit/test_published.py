"""Printed numbers: the values that print so, the counts that print so, and what is no printed number."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Decimal
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equipoise.protocol import Printed, PublishedNumber, describe_number
from equipoise.results import fixed, percent


@given(value=st.integers(-(10**6), 10**6), decimals=st.integers(0, 5))
def test_the_window_holds_what_rounds_half_away_from_zero(value: int, decimals: int) -> None:
    number = Decimal(value).scaleb(-decimals)
    printed = Printed.read(f"{number:.{decimals}f}")
    low, high = printed.window
    half = Decimal(1).scaleb(-decimals) / 2
    assert (low, high) == (float(number - half), float(number + half))
    inside = (low + high) / 2
    assert fixed(inside, decimals) == fixed(float(number), decimals)
    assert float(fixed(math.nextafter(high, -math.inf), decimals)) == pytest.approx(float(number), abs=1e-12)
    if value > 0:  # from the lower end, which rounds up, to below the upper end
        assert fixed(low, decimals) == fixed(float(number), decimals)
        assert fixed(high, decimals) != fixed(float(number), decimals)


@pytest.mark.parametrize("decimals", [0, 1, 2])
@pytest.mark.parametrize("total", [1, 2, 3, 7, 8, 16, 40, 80, 103, 104, 125, 200, 797])
def test_counts_of_a_percentage_against_every_count(total: int, decimals: int) -> None:
    quantum = Decimal(1).scaleb(-decimals)
    by_text: dict[str, list[int]] = {}
    for count in range(total + 1):
        exact = Decimal(100 * count) / Decimal(total)
        by_text.setdefault(f"{exact.quantize(quantum, rounding=ROUND_HALF_UP)}%", []).append(count)
    for text, counts in by_text.items():
        assert list(Printed.read(text).counts(total)) == counts, text
    for tenths in range(0, 1001, 7):
        text = f"{(Decimal(tenths) / 10).quantize(quantum, rounding=ROUND_HALF_UP)}%"
        assert list(Printed.read(text).counts(total)) == by_text.get(text, [])


def test_the_percentages_of_tandem() -> None:
    assert Printed.read("70%").counts(104) == (73,)
    assert Printed.read("71.0%").counts(104) == ()
    assert Printed.read("12.5%").counts(8) == (1,)
    assert Printed.read("13%").counts(8) == (1,)  # 12.5 is rounded away from zero, so that no count prints 12%
    assert Printed.read("12%").counts(8) == ()
    assert [percent(k, 104, 0) for k in (72, 73, 74)] == ["69", "70", "71"]


def test_bounds_and_other_ways_to_print() -> None:
    assert Printed.read("<.0001").window == (-math.inf, 0.0001)
    assert Printed.read("> 0.9").window == (0.9, math.inf)
    assert Printed.read("<5%").window == (-math.inf, 0.05)
    assert Printed.read("0\N{MIDDLE DOT}74").value == 0.74
    assert Printed.read("\N{MINUS SIGN}1.5").value == -1.5
    assert Printed.read("15 %").percent
    assert Printed.read("80.2%").window == (0.8015, 0.8025)
    assert Printed.read("104").counts(103) == ()
    assert Printed.read("0").counts(103) == (0,)
    assert str(Printed.read(".0016")) == ".0016"
    with pytest.raises(ValueError, match="has no rounding window"):
        _ = Printed.read("not reached").window
    for text in ("<5", "not significant"):
        with pytest.raises(ValueError, match="is not a count"):
            Printed.read(text).counts(10)


@pytest.mark.parametrize("text", ["0,63", "0.63 to 0.84", "", "about 5", "1e-3", "<", "5 months", "%", 0.63, 63, None])
def test_what_is_no_printed_number(text: object) -> None:
    with pytest.raises(ValueError, match="is not a printed number"):
        Printed.read(text)


def make(statistic: str, printed: str, **more: object) -> PublishedNumber:
    return PublishedNumber.model_validate({"statistic": statistic, "printed": printed, "source": "paper", **more})


@pytest.mark.parametrize(
    ("statistic", "printed", "more", "says"),
    [
        ("median", "4.8", {"estimand": "PFS"}, "needs `arm`"),
        ("hazard ratio", "0.6", {"arm": "A", "estimand": "PFS"}, "no use for `arm`"),
        ("hazard ratio", "0.6", {}, "needs `estimand`"),
        ("event-free rate", "15%", {"arm": "A", "estimand": "PFS"}, "needs `at`"),
        ("median", "4.8", {"arm": "A", "estimand": "PFS", "conf_type": "log"}, "no use for `conf_type`"),
        ("P", "0.1", {"estimand": "PFS", "grade": 3}, "no use for `grade`"),
        ("events", "50", {"estimand": "PFS", "population": "ITT"}, "no use for `population`"),
        ("hazard ratio", "60%", {"estimand": "PFS"}, "is not a percentage"),
        ("event-free rate", "1.5", {"arm": "A", "estimand": "PFS", "at": "1 year"}, "is no rate"),
        ("median", "not significant", {"arm": "A", "estimand": "PFS"}, "can print"),
        ("other", "5", {"label": "Response"}, 'needs a label and use = "shown"'),
        ("events", "50.5", {"estimand": "PFS"}, "is no count"),
        ("events", "<50", {"estimand": "PFS"}, "is no count"),
        ("subjects", "0", {"arm": "A"}, "is no number of subjects"),
        ("subjects", "50%", {"arm": "A"}, "is no number of subjects"),
        ("hazard ratio", "<0", {"estimand": "PFS"}, "is no hazard ratio"),
        ("responders", "23%", {"arm": "A"}, "needs `outcome`"),
        ("responders", "23%", {"arm": "A", "outcome": "response"}, "are aimed at in a `column` of ADSL"),
        ("odds ratio", "1.2", {"outcome": "response"}, "with `outcome` cannot be aimed at"),
        ("odds ratio", "1.2", {"outcome": "response", "column": "RESPFL", "use": "shown"}, "no use for `column`"),
        ("adverse event", "23%", {"arm": "A", "of": 74}, "with `of` cannot be aimed at"),
        ("adverse event", "75", {"arm": "A", "of": 74, "use": "shown"}, "more than the 74 subjects"),
        ("odds ratio", "0.0", {"outcome": "response", "use": "shown", "arm": "A"}, "no use for `arm`"),
        ("odds ratio", "<0", {"outcome": "response", "use": "shown"}, "is no odds ratio"),
        ("P", "0.1", {}, "needs `estimand`"),
        ("P", "0.1", {"estimand": "PFS", "outcome": "response"}, "no use for `estimand`"),
        ("median", "4.8", {"arm": "A", "estimand": "PFS", "sided": 1}, "no use for `sided`"),
        ("hazard ratio", "0.6", {"estimand": "PFS", "confidence": 0.9}, "no use for `confidence`"),
        ("events", "50", {"estimand": "PFS", "stratified": True}, "no use for `stratified`"),
    ],
)
def test_a_number_that_means_nothing(statistic: str, printed: str, more: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make(statistic, printed, **more)


def test_a_hazard_ratio_that_rounds_to_zero_is_one() -> None:
    assert make("hazard ratio", "0.00", estimand="PFS").printed.window[1] == 0.005


def test_numbers_in_words() -> None:
    event = make("adverse event", "1", arm="A", nyha=4, serious=True)
    assert describe_number(event) == "serious NYHA class IV cardiac event, A"
    for nyha, roman in product((1, 2, 3), ("I", "II", "III")):
        said = describe_number(make("adverse event", "1", arm="A", nyha=nyha))
        assert (said == f"NYHA class {roman} cardiac event, A") == (len(roman) == nyha)
    rate = make("event-free rate", "15%", arm="A", estimand="PFS", at="24 months")
    assert describe_number(rate) == "PFS: event-free rate at 24 months, A"
    assert describe_number(rate, "PFS, ITT") == "PFS, ITT: event-free rate at 24 months, A"
    assert describe_number(make("P", ".02", outcome="response", use="shown")) == "response: P"
    shown = make("other", "20%", arm="A", label="Response", use="shown")
    assert describe_number(shown) == "Response, A"


def test_a_p_value_of_another_test_is_shown_and_never_taken_for_a_log_rank_p() -> None:
    of = {"statistic": "P", "estimand": "PFS", "printed": ".0016", "source": "paper"}
    assert PublishedNumber(**of, method="log-rank").method == "log-rank"
    assert PublishedNumber(**of, method="Wald", use="shown").use == "shown"
    with pytest.raises(ValueError, match=r'a P value of the method "Wald" cannot be aimed at; set use = "shown"'):
        PublishedNumber(**of, method="Wald")
