"""Each check of an audit: what is consistent, what cannot be said, what is impossible, and what it says."""

from __future__ import annotations

import math
from pathlib import Path

import polars as pl
import pytest
from tests.unit.audited_trial import PEOPLE, Given, audited, check_of, p, ratio

from equipoise.errors import ProtocolError
from equipoise.reconstruct import CLOSING
from equipoise.reconstruct.windows import runs
from equipoise.results import COLUMNS

TANDEM = ratio("0.63", "0.47", "0.84")
OF_E = {"estimand": "PFS", "arm": "E"}
ALIKE = {"stratified": False}
STATED = ratio("0.63", "0.47", "0.84", stratified=False, confidence=0.95)
UNSTRATIFIED = ratio("0.63", "0.47", "0.84", stratified=False)


def median(arm: str, printed: str, **more: object) -> Given:
    return "median", printed, {"estimand": "PFS", "arm": arm, **more}


def rate(arm: str, printed: str, at: str) -> Given:
    return "event-free rate", printed, {"estimand": "PFS", "arm": arm, "at": at}


def event(arm: str, printed: str, **more: object) -> Given:
    return "events", printed, {"estimand": "PFS", "arm": arm, **more}


def adverse(arm: str, printed: str, term: str = "rash", **more: object) -> Given:
    return "adverse event", printed, {"arm": arm, "term": term, **more}


def test_nothing_published_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProtocolError, match=r"no published number that could be audited \(published.numbers\)"):
        audited(tmp_path)
    with pytest.raises(ProtocolError, match="no published number"):
        audited(tmp_path, ("other", "5", {"label": "Something"}))


@pytest.mark.parametrize(
    ("given", "verdict", "says"),
    [
        (TANDEM, "consistent", "standard error of the log ratio 0.1439 to 0.1524"),
        (ratio("0.95", "0.47", "0.84"), "impossible", "is not in order"),
        (ratio("0.63", "0.84", "0.47"), "impossible", "is not in order"),
        (ratio("0.73", "0.47", "0.84"), "impossible", "nor are they limits of the likelihood"),
        (ratio("0.64", "0.47", "0.84"), "cannot say", "limits of the likelihood of a model with the arm alone"),
        (
            ratio("0.73", "0.47", "0.84", method="RPSFT, bootstrap"),
            "cannot say",
            "limits made so need not be symmetric",
        ),
        (ratio("0.63", "0.47", "0.84", method="RPSFT"), "cannot say", "limits made so need not be symmetric"),
        (ratio("0.6", "0.6", "0.6"), "consistent", "standard error"),
        (ratio("0.00", "0.00", "0.01"), "consistent", "standard error"),
    ],
)
def test_limits(tmp_path: Path, given: list[Given], verdict: str, says: str) -> None:
    check = check_of(audited(tmp_path, *given), "hazard ratio and limits")
    assert check.verdict == verdict
    assert says in str(check)


def test_truncated_limits_are_consistent_and_said_to_be_truncated(tmp_path: Path) -> None:
    # 0.6079 (0.5099 to 0.7249): cut off 0.60 (0.50 to 0.72), whose rounding windows do not meet
    check = check_of(audited(tmp_path, *ratio("0.607", "0.509", "0.724")), "hazard ratio and limits")
    assert check.verdict == "consistent"
    assert check.used[0].path == "published.numbers[0]"


def test_the_same_number_twice(tmp_path: Path) -> None:
    found = audited(tmp_path, *TANDEM, ("hazard ratio", "0.628", {"estimand": "PFS"}))
    assert check_of(found, "printed twice").verdict == "consistent"
    found = audited(tmp_path, *TANDEM, ("hazard ratio", "0.72", {"estimand": "PFS"}))
    assert check_of(found, "printed twice").verdict == "impossible"
    found = audited(tmp_path, *TANDEM, ("hazard ratio", "0.72", {"estimand": "PFS", "source": "other"}))
    assert check_of(found, "printed twice").verdict == "cannot say"
    assert check_of(found, "hazard ratio and limits").verdict == "consistent"  # of the first source
    found = audited(tmp_path, *PEOPLE, ("subjects", "101", {"arm": "E"}))
    assert [c.verdict for c in found.checks if c.kind == "printed twice"] == ["impossible"]


def test_ratios_of_two_methods_are_two_ratios(tmp_path: Path) -> None:
    unadjusted = ("hazard ratio", "0.63", {"estimand": "PFS"})
    found = audited(tmp_path, unadjusted, *ratio("0.50", "0.30", "0.60", method="RPSFT"))
    assert not found.impossible
    assert check_of(found, "printed twice").notable == "they are said to be of different methods"
    assert [c.number.printed.value for c in check_of(found, "hazard ratio and limits").used] == [0.5, 0.3, 0.6]


@pytest.mark.parametrize(
    ("given", "verdict", "says"),
    [
        (
            [*PEOPLE],
            "consistent",
            "(with arms of 100 to 100 about 172 to 193); there are 200 subjects",
        ),
        ([], "cannot say", "at least 173 events"),
        ([("events", "180", {"estimand": "PFS"})], "consistent", "180 are printed"),
        # 4 / s^2 with the quantile of 90% is 121: such limits would do
        ([("events", "160", {"estimand": "PFS"})], "cannot say", "fits only if the limits are of level 90%"),
        ([("events", "60", {"estimand": "PFS"})], "impossible", "60 are printed"),
        ([*PEOPLE, event("E", "80%"), event("C", "85")], "cannot say", "165 are printed"),
        ([*PEOPLE, event("E", "90%"), event("C", "85")], "consistent", "175 are printed"),
    ],
)
def test_implied_events(tmp_path: Path, given: list[Given], verdict: str, says: str) -> None:
    check = check_of(audited(tmp_path, *TANDEM, *given), "implied events")
    assert check.verdict == verdict
    assert says in str(check)


def test_a_stated_level_leaves_no_other(tmp_path: Path) -> None:
    given = [*ratio("0.63", "0.47", "0.84", confidence=0.95), ("events", "160", {"estimand": "PFS"})]
    assert check_of(audited(tmp_path, *given), "implied events").verdict == "impossible"


@pytest.mark.parametrize(
    ("given", "verdict", "says"),
    [
        ([*TANDEM, p(".0016")], "consistent", "Wald two-sided"),
        ([*TANDEM, p("<.01")], "consistent", "fits"),
        ([*ratio("0.60", "0.41", "0.89"), p("0.005")], "consistent", "(two-sided it would be about 0.0096"),
        ([*TANDEM, p(".0008", sided=1)], "consistent", "fits: Wald one-sided"),
        ([*TANDEM, p(".16")], "cannot say", "only test and ratio of different models"),
        ([*STATED, p(".16", **ALIKE)], "impossible", "P .16"),
        ([*UNSTRATIFIED, p(".16", **ALIKE)], "impossible", "the limits are of level"),
        ([*STATED, p(".0016", **ALIKE, method="Wald")], "consistent", "Wald"),
        ([*STATED, p(".0061", **ALIKE, method="Wald")], "impossible", "P .0061"),
        ([*UNSTRATIFIED, p(".0080", **ALIKE, method="Wald", sided=2)], "cannot say", "level 90%"),
        ([*STATED, p(".0040", **ALIKE, method="log-rank")], "cannot say", "possible"),
        ([*TANDEM, p(".0016", method="Gehan-Wilcoxon")], "cannot say", "nothing follows"),
        ([*ratio("0.63", "0.47", "0.84", method="RPSFT"), p(".3")], "cannot say", "nothing follows"),
        ([*ratio("1.59", "1.19", "2.13"), p(".9992", sided=1)], "consistent", "one-sided"),
        ([*ratio("1.00", "0.80", "1.25"), p("1.0")], "consistent", "fits"),
    ],
)  # fmt: skip
def test_p(tmp_path: Path, given: list[Given], verdict: str, says: str) -> None:
    check = check_of(audited(tmp_path, *given), "P")
    assert check.verdict == verdict
    assert says in str(check)


def test_a_stratified_p_goes_with_the_stratified_ratio(tmp_path: Path) -> None:
    found = audited(
        tmp_path, *ratio("0.63", "0.47", "0.84", stratified=False), *ratio("0.80", "0.60", "1.07", stratified=True),
        p(".13", stratified=True),
    )  # fmt: skip
    assert check_of(found, "P").verdict == "consistent"


@pytest.mark.parametrize(
    ("given", "verdict", "says"),
    [
        ([*TANDEM, p(".0016")], "consistent", "agree on whether"),
        ([*ratio("0.80", "0.64", "1.00"), p(".046")], "consistent", "may lie on either side"),
        ([*ratio("0.80", "0.60", "1.07"), p(".03")], "cannot say", "the limits hold 1, the P does not say so"),
        ([*TANDEM, p(".20")], "cannot say", "the limits exclude 1"),
        ([*TANDEM, p(">0.05")], "cannot say", "the limits exclude 1"),
        ([*TANDEM, p("<0.05")], "consistent", "agree on whether"),
        ([*TANDEM, p("0.05")], "consistent", "agree on whether"),
        ([*ratio("0.80", "0.60", "1.07", confidence=0.9), p("<0.1")], "cannot say", "the limits hold 1"),
    ],
)
def test_limits_and_one(tmp_path: Path, given: list[Given], verdict: str, says: str) -> None:
    check = check_of(audited(tmp_path, *given), "limits and 1")
    assert check.verdict == verdict
    assert says in str(check)


TESTING = """[analyses.main]
estimand = "PFS"
role = "primary"
[testing]
procedure = "holm"
alpha = {}
sided = 2
order = ["main"]"""
ASSUMED = TESTING.format("{ value = 0.05, assumed = 'usual' }")


@pytest.mark.parametrize(
    ("given", "testing", "verdict", "says"),
    [
        ([p(".007"), p("not significant")], "", "cannot say", "no contradiction"),
        ([p(".07"), p("not significant")], "", "consistent", "is called not significant"),
        ([p(".07"), p("significant")], "", "cannot say", "is not known"),
        ([p(".07"), p("significant")], TESTING.format("0.05"), "impossible", "is called significant"),
        (
            [p(".07"), p("significant")],
            ASSUMED,
            "cannot say",
            "is not known",
        ),
        ([*TANDEM, p("not significant")], "", "cannot say", "the limits exclude 1"),
        ([*TANDEM, p("significant")], "", "consistent", "the limits exclude 1"),
        ([*ratio("0.80", "0.64", "1.00"), p("significant")], "", "consistent", "the limits touch 1"),
        ([*ratio("0.80", "0.60", "1.07"), p("significant")], "", "cannot say", "the limits hold 1"),
    ],
)
def test_words(tmp_path: Path, given: list[Given], testing: str, verdict: str, says: str) -> None:
    check = check_of(audited(tmp_path, *given, testing=testing), "significance")
    assert check.verdict == verdict
    assert says in str(check)


def test_a_ratio_with_p_alone(tmp_path: Path) -> None:
    found = audited(tmp_path, *PEOPLE, ("hazard ratio", "0.80", {"estimand": "PFS"}), p("0.046"))
    check = check_of(found, "ratio and P")
    assert check.verdict == "cannot say"
    assert "at least 302 events" in check.sentence
    assert check.notable == "there are only 200 subjects"
    # ln(0.80) / 1.995
    assert check.least < math.log(1.25) / 1.995 < check.most


@pytest.mark.parametrize(
    ("given", "verdict", "says"),
    [
        ([median("E", "4.8"), median("C", "2.4")], "consistent", "a Weibull law of shape 0.63 to 0.71"),
        ([median("E", "2.4"), median("C", "4.8")], "cannot say", "contradict proportional hazards in the population"),
        ([median("E", "2.4"), median("C", "2.4")], "consistent", "within rounding nothing follows"),
    ],
)
def test_medians(tmp_path: Path, given: list[Given], verdict: str, says: str) -> None:
    check = check_of(audited(tmp_path, *TANDEM, *given), "medians and ratio")
    assert check.verdict == verdict
    assert says in str(check)


@pytest.mark.parametrize(
    ("kind", "given", "verdict"),
    [
        ("rates in time", [rate("E", "40%", "6 months"), rate("E", "30%", "12 months")], "consistent"),
        ("rates in time", [rate("E", "30%", "12 months"), rate("E", "25%", "6 months")], "impossible"),
        ("rate and median", [rate("E", "52%", "6 months"), median("E", "6.0")], "consistent"),
        ("rate and median", [rate("E", "52%", "6 months"), median("E", "5.8")], "impossible"),
        ("rate and median", [rate("E", "48%", "6 months"), median("E", "6.2")], "impossible"),
        ("rate and median", [rate("E", "52%", "26 weeks"), median("E", "5.8")], "consistent"),
        ("rate and median", [rate("E", "52%", "2 years"), median("E", "15.0")], "impossible"),
        ("median and limits", [median("E", "6.0"), ("median lower limit", "4.0", OF_E)], "consistent"),
        ("median and limits", [median("E", "6.0"), ("median upper limit", "4.0", OF_E)], "impossible"),
    ],
)  # fmt: skip
def test_curves(tmp_path: Path, kind: str, given: list[Given], verdict: str) -> None:
    assert check_of(audited(tmp_path, *given), kind).verdict == verdict


@pytest.mark.parametrize(("free", "verdict"), [("54", "consistent"), ("59", "impossible"), ("59%", "impossible")])
def test_a_rate_is_not_below_the_crude_share(tmp_path: Path, free: str, verdict: str) -> None:
    known = ("known event-free", free, {"estimand": "PFS", "arm": "E", "at": "1 year"})
    found = audited(tmp_path, *PEOPLE, rate("E", "57%", "12 months"), known)
    assert check_of(found, "rate and crude").verdict == verdict


@pytest.mark.parametrize(
    ("given", "kind", "verdict", "says"),
    [
        ([adverse("E", "23%")], "counts", "consistent", "of 100, 23 alone prints 23%"),
        ([adverse("E", "23%"), adverse("E", "23")], "counts", "consistent", "23 (23%) of 100 is printed so"),
        ([event("E", "23%"), event("E", "27")], "denominator", "impossible", "nor any smaller number of subjects"),
        ([adverse("E", "23.2%")], "denominator", "cannot say", "counts of"),
        ([adverse("E", "23.2%", of=100)], "denominator", "impossible", "the subjects that are said to be counted"),
        ([adverse("E", "101")], "counts", "impossible", "is more than the 100 subjects"),
        ([event("E", "33.3%"), event("E", "33")], "denominator", "cannot say", "counts of 99 subjects can print it"),
    ],
)
def test_counts(tmp_path: Path, given: list[Given], kind: str, verdict: str, says: str) -> None:
    check = check_of(audited(tmp_path, *PEOPLE, *given), kind)
    assert check.verdict == verdict
    assert says in str(check)


def test_percentages_that_no_one_group_prints(tmp_path: Path) -> None:
    """51 (50.5%) is of 101 alone, 33 (33.3%) of 99 alone: adverse events may be of more than the arm."""
    things = [adverse("E", "50.5%", "a"), adverse("E", "51", "a"), adverse("E", "33.3%", "b"), adverse("E", "33", "b")]
    check = check_of(audited(tmp_path, *PEOPLE, *things), "denominator")
    assert check.verdict == "cannot say"
    assert check.notable == "no one number of subjects prints all of them"


@pytest.mark.parametrize(("whole", "verdict"), [("150", "consistent"), ("151", "impossible")])
def test_sums(tmp_path: Path, whole: str, verdict: str) -> None:
    given = [event("E", "70"), event("C", "80"), ("events", whole, {"estimand": "PFS"})]
    assert check_of(audited(tmp_path, *PEOPLE, *given), "sum").verdict == verdict
    people = [*PEOPLE, ("subjects", "200", {})]
    assert check_of(audited(tmp_path, *people), "sum").verdict == "consistent"


def test_more_events_than_subjects(tmp_path: Path) -> None:
    found = audited(tmp_path, *PEOPLE, ("events", "201", {"estimand": "PFS"}))
    assert {c.verdict for c in found.checks} == {"impossible"}


ODDS = [("odds ratio lower limit", "1.25"), ("odds ratio upper limit", "3.96")]


def odds(estimate: str, *limits: tuple[str, str], **more: object) -> list[Given]:
    """Of 50% against 31%: (50 * 69) / (50 * 31) = 2.2258, and s^2 = 1/50 + 1/50 + 1/31 + 1/69."""
    of = {"outcome": "response"}
    shares = [("responders", share, {**of, "arm": arm}) for arm, share in (("E", "50%"), ("C", "31%"))]
    return [*PEOPLE, *shares, *((name, text, {**of, **more}) for name, text in (("odds ratio", estimate), *limits))]


@pytest.mark.parametrize(
    ("given", "verdict", "says"),
    [
        (odds("2.23"), "consistent", "50 of 100 and 31 of 100 print the odds ratio 2.23, experimental over control"),
        (odds("2.23", *ODDS), "consistent", "with its limits"),
        (odds("0.45"), "consistent", "control over experimental"),
        (odds("2.23", ODDS[0], ("odds ratio upper limit", "4.90")), "cannot say", "not Woolf's"),
        (odds("2.73"), "cannot say", "a stratified, adjusted or conditional ratio may differ so"),
        (odds("2.73", stratified=False), "cannot say", "a stratified, adjusted or conditional ratio may differ so"),
        (odds("2.73", stratified=False, method="logistic"), "impossible", "they have 2.23, the other way round 0.45"),
    ],
)
def test_odds_ratio(tmp_path: Path, given: list[Given], verdict: str, says: str) -> None:
    check = check_of(audited(tmp_path, *given), "odds ratio of counts")
    assert check.verdict == verdict
    assert says in str(check)


@pytest.mark.parametrize(
    ("printed", "more", "verdict", "says"),
    [
        (".006", {}, "consistent", "fits chi-square two-sided"),  # chi-square 7.49
        (".003", {}, "consistent", "fits only as a one-sided P"),
        (".3", {}, "cannot say", "a stratified or other test"),
        (".3", {"stratified": False}, "cannot say", "a stratified or other test"),
        (".3", {"stratified": False, "method": "chi-square"}, "impossible", "no such test"),
        (".0093", {"method": "Fisher exact"}, "consistent", "fits Fisher"),
    ],
)
def test_p_of_counts(tmp_path: Path, printed: str, more: dict[str, object], verdict: str, says: str) -> None:
    found = audited(tmp_path, *odds("2.23"), ("P", printed, {"outcome": "response", **more}))
    check = check_of(found, "P of counts")
    assert check.verdict == verdict
    assert says in str(check)


def test_rows_are_of_the_long_table(tmp_path: Path) -> None:
    found = audited(tmp_path, *PEOPLE, *TANDEM, p(".0016"), adverse("E", "23%"))
    table = found.table()
    assert tuple(table.columns) == COLUMNS
    assert set(table["analysis"]) == {"audit"}
    least = table.filter(pl.col("statistic") == "hazard ratio and limits: least")
    assert least["value"].to_list() == pytest.approx([0.14391], abs=1e-5)
    assert least["toml_path"].to_list() == ["published.numbers[2], published.numbers[3], published.numbers[4]"]
    assert table.filter(pl.col("statistic") == "P: verdict")["text"].to_list() == ["consistent"]
    assert table.filter(pl.col("estimand") == "")["endpoint"].unique().to_list() == ["adverse events"]
    assert str(found).endswith(CLOSING)


def test_runs() -> None:
    assert runs([1, 3, 5, 7, 9, 11, 12, 14]) == "1, 3, ..., 9, 11 to 12, 14"
    assert runs([]) == ""


@pytest.mark.parametrize(
    ("method", "verdict"),
    [({}, "cannot say"), ({"method": "logistic"}, "impossible"), ({"method": "exact"}, "cannot say")],
)
def test_odds_ratio_with_limits_that_are_not_walds(tmp_path: Path, method: dict[str, object], verdict: str) -> None:
    limits = (("odds ratio lower limit", "1.25"), ("odds ratio upper limit", "9.96"))
    check = check_of(audited(tmp_path, *odds("2.23", *limits, **method)), "odds ratio and limits")
    assert check.verdict == verdict


def test_a_bound_is_no_window(tmp_path: Path) -> None:
    found = audited(tmp_path, *ratio("0.63", "0.47", ">0.84"), p(".0016"))
    assert {c.kind for c in found.checks} == {"limits and 1"}
    assert (
        check_of(audited(tmp_path, *ratio("0.63", ">0.84", "0.90")), "hazard ratio and limits").verdict == "impossible"
    )


def test_a_part_whose_arms_are_not_printed_is_not_taken_for_the_arms(tmp_path: Path) -> None:
    whole = ("subjects", "150", {"population": "ITT"})
    found = audited(tmp_path, *PEOPLE, whole, event("E", "33.3%"), event("E", "33"))
    assert check_of(found, "denominator").interval == "99"
    assert "there are 150 subjects" in check_of(audited(tmp_path, *PEOPLE, whole, *TANDEM), "implied events").sentence


@pytest.mark.parametrize(
    ("of_c", "verdict"), [("21", "consistent"), ("22", "cannot say"), ("25", "impossible"), ("30%", "impossible")]
)
def test_more_frequent(tmp_path: Path, of_c: str, verdict: str) -> None:
    found = audited(tmp_path, *PEOPLE, adverse("E", "more frequent"), adverse("E", "22"), adverse("C", of_c))
    assert check_of(found, "order").verdict == verdict


@pytest.mark.parametrize(
    ("of_e", "of_c", "more", "verdict"),
    [
        ("5%", "5%", {}, "cannot say"),  # 5 of 94 and 5 of 97 of those treated
        ("5%", "6%", {}, "cannot say"),  # the same, cut off and rounded
        ("5%", "7%", {}, "impossible"),
        ("20", "21", {}, "cannot say"),
        ("5%", "5%", {"of": 100}, "impossible"),
    ],
)
def test_more_frequent_among_whom(tmp_path: Path, of_e: str, of_c: str, more: dict[str, object], verdict: str) -> None:
    given = adverse("E", "more frequent"), adverse("E", of_e, **more), adverse("C", of_c, **more)
    assert check_of(audited(tmp_path, *PEOPLE, *given), "order").verdict == verdict


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (ratio("0.63", "0.47", "0.84", source="other"), "implied events"),
        ([("events", "150", {"estimand": "PFS", "source": "other"})], "sum"),
        ([event("E", "60", source="other")], "counts"),
        ([adverse("E", "70", source="other"), adverse("E", "50%", source="other")], "denominator"),
        ([rate("E", "40%", "6 months"), ("known event-free", "20", {**OF_E, "at": "6 months"})], "rate and crude"),
    ],
)
def test_more_than_the_subjects_of_another_source(tmp_path: Path, given: list[Given], kind: str) -> None:
    given = [(statistic, printed, {**more, "source": "other"}) for statistic, printed, more in given]
    few: list[Given] = [("subjects", "40", {"arm": arm}) for arm in "EC"]
    check = check_of(audited(tmp_path, *few, *given), kind)
    assert check.verdict == "cannot say"
    assert "are of the same data" in check.notable
    same = [(statistic, printed, {**more, "source": "paper"}) for statistic, printed, more in given]
    assert check_of(audited(tmp_path, *few, *same), kind).verdict == "impossible"


def test_numbers_of_several_sources_are_never_impossible_together(tmp_path: Path) -> None:
    late = {"estimand": "PFS", "arm": "E", "at": "12 months", "source": "other"}
    check = check_of(audited(tmp_path, rate("E", "25%", "6 months"), ("event-free rate", "30%", late)), "rates in time")
    assert check.verdict == "cannot say"
    assert check.notable == "impossible if paper and other are of the same data"
