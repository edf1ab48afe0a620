"""Ten published trials and the bundled one: every verdict, what is notable, and that nothing is called impossible."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from equipoise.protocol import example, read
from equipoise.reconstruct import Audit, Check, audit

HERE = Path(__file__).parent / "audited"
# Checks that are consistent, and those that cannot say; none is impossible.
VERDICTS = {
    "bolero2": (16, 2), "cleopatra": (14, 0), "cou_aa_301": (20, 0), "emilia": (11, 0), "flaura": (41, 1),
    "gist": (5, 5), "h0648g": (7, 1), "keynote024": (21, 2), "paloma3": (23, 0), "record1": (22, 3),
}  # fmt: skip
# Kind and subject of everything notable, with words that the sentence has.
NOTABLE = {
    "bolero2": [
        ("P", "OS", "", "only as a one-sided P"),
        ("denominator", "OS, 12.5 months", "everolimus", "482 to 483"),
        ("denominator", "OS, 12.5 months", "placebo", "238"),
    ],
    "cleopatra": [], "cou_aa_301": [], "emilia": [], "h0648g": [],
    "flaura": [("significance", "OS, interim", "", "no contradiction: at an interim look")],
    "gist": [
        ("hazard ratio and limits", "OS, adjusted for crossover", "", "not symmetric"),
        ("printed twice", "", "placebo", "two sources differ"),
        ("printed twice", "", "sunitinib", "two sources differ"),
        ("same P", "OS, adjusted for crossover", "", "preserves ranks (RPSFT) keeps the other's P"),
    ],
    "keynote024": [
        ("P", "OS", "", "only as a one-sided P"),
        ("denominator", "adverse events", "chemotherapy", "counts of 150 subjects"),
    ],
    "paloma3": [("P", "PFS, Asian", "", "only as a one-sided P")],
    "record1": [
        ("P", "OS", "", "only as a one-sided P"),
        ("denominator", "adverse events", "everolimus", "counts of 265 to 269 subjects can print all of them"),
        ("printed twice", "", "everolimus", "272 and as 277"),
        ("printed twice", "", "placebo", "138 and as 139"),
    ],
}  # fmt: skip


def of(name: str) -> Audit:
    return audit(read(HERE / f"{name}.toml"))


def only(found: Audit, kind: str, of: str, arm: str = "") -> Check:
    (check,) = [c for c in found.checks if (c.kind, c.of, c.arm) == (kind, of, arm)]
    return check


def test_all_are_there() -> None:
    assert {file.stem for file in HERE.glob("*.toml")} == set(VERDICTS) == set(NOTABLE)


@pytest.mark.parametrize("name", VERDICTS)
def test_verdicts(name: str) -> None:
    found = of(name)
    counted = Counter(check.verdict for check in found.checks)
    assert found.impossible == ()
    assert (counted["consistent"], counted["cannot say"]) == VERDICTS[name]
    seen = sorted((c.kind, c.of, c.arm) for c in found.notable)
    assert seen == [expected[:3] for expected in NOTABLE[name]]
    for kind, subject, arm, words in NOTABLE[name]:
        assert words in str(only(found, kind, subject, arm))


def test_tandem_is_wholly_consistent() -> None:
    found = audit(example("tandem"))
    assert {check.verdict for check in found.checks} == {"consistent"}
    assert found.warnings == ()
    intervals = {check.interval for check in found.checks}
    assert {"standard error 0.1439 to 0.1524", "P 0.0013 to 0.0022 two-sided", "73 of 104"} <= intervals


def test_a_limit_that_prints_as_one_goes_with_a_small_p() -> None:
    found = of("flaura")
    assert [c.verdict for c in found.checks if c.kind in ("P", "limits and 1") and c.of == "OS"] == ["consistent"] * 4
    assert "two-sided" in only_p(found, "OS").sentence.partition("fits: ")[2]
    touching = next(c for c in found.checks if c.kind == "limits and 1" and c.of == "OS")
    assert "may lie on either side" in touching.sentence
    assert "P 0.007; by Wald" in only_p(found, "OS, interim").sentence
    assert "Wald two-sided" in only_p(found, "OS, interim").sentence


def only_p(found: Audit, of: str) -> Check:
    return next(c for c in found.checks if c.kind == "P" and c.of == of)


def test_odds_ratio_of_flaura_is_of_its_percentages() -> None:
    check = only(of("flaura"), "odds ratio of counts", "objective response")
    assert check.verdict == "consistent"
    assert "experimental over control with its limits" in check.sentence


def test_arms_of_cleopatra_follow_from_their_percentages() -> None:
    found = of("cleopatra")
    assert only(found, "denominator", "PFS", "pertuzumab").interval == "402"
    assert only(found, "denominator", "PFS", "placebo").interval == "406"


def test_deaths_of_bolero_2_are_what_its_limits_need() -> None:
    check = only(of("bolero2"), "implied events", "OS")
    assert check.verdict == "consistent"
    assert "410 are printed" in check.sentence


def test_every_text_ends_with_what_it_does_not_say() -> None:
    for name in VERDICTS:
        assert str(of(name)).endswith("Inconsistent with the conventions listed is not evidence of error or misconduct")
