"""What an analysis would refuse or leave out is refused on reading; the synopsis says what is computed."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from tests.unit import made_trial
from tests.unit.test_analyses_of_every_kind import STRATA, frame, trial_of

import equipoise as eq
from equipoise.errors import EquipoiseError, ProtocolError
from equipoise.protocol import Protocol, read, synopsis
from equipoise.survival.convention import resolve_conf_type, resolve_interval, resolve_ties

COMPETING = made_trial.ENDPOINT + "competing_codes = [2]\n"
SUBDISTRIBUTION = '"subdistribution hazard ratio"'
AVERAGE = '"average hazard ratio"\nrestriction_time = "300 days"'
MARGINAL = '"marginal hazard ratio"'
MEANS = '"difference in restricted mean survival time"\nrestriction_time = "300 days"'
MILESTONE = '"difference in milestone survival"\nmilestone = "180 days"'
PH = 'diagnostics = ["proportional hazards"]'

# Summary, lines of the analysis, TOML key of the refusal, words of it.
REFUSED = [
    *((s, f"{more}{PH}", "diagnostics", 'the diagnostic "proportional hazards" would do nothing in this analysis')
      for s, more in [(SUBDISTRIBUTION, ""), (AVERAGE, ""), (MARGINAL, 'covariates = ["AGE"]\n'), (MEANS, ""),
                      (MILESTONE, "")]),
    (SUBDISTRIBUTION, "stratified = true", "stratified", "a Fine-Gray model is not stratified here"),
    (SUBDISTRIBUTION, 'test = "fine-gray"\nstratified = true', "stratified", "Leave it out"),
    (AVERAGE, "stratified = true", "stratified", "would do nothing"),
    ("", 'strata = "as verified"', "strata", "data.strata.as_verified"),
    ("", 'strata = "as verified"\nstratified = false', "strata", "data.strata.as_verified"),
    ("", 'penalty = "firth"\nties = "discrete"', "ties", "Firth's penalty is not there for discrete ties"),
    ("", 'penalty = "firth"\nties = "exact-marginal"', "ties", "not there for exact-marginal ties"),
    ("", 'convention = "r"\nties = "breslow"', "ties", 'contradicts convention = "r", which means "efron"'),
    ("", 'convention = "sas"\nties = "efron"', "ties", 'contradicts convention = "sas", which means "breslow"'),
    ("", 'convention = "r"\nconf_type = "log-log"', "conf_type", 'which means "log"'),
    ("", 'convention = "r"\nlimits = "profile"', "limits", 'which means "wald"'),
    ("", 'convention = "sas"\nlimits = "wald"\npenalty = "firth"', "limits", 'which means "profile"'),
    ("", "null_hazard_ratio = inf", "null_hazard_ratio", "finite"),
    ("", "null_hazard_ratio = nan", "null_hazard_ratio", "finite"),
    ("", "gamma = inf", "gamma", "finite"),
]  # fmt: skip


@pytest.mark.parametrize(("summary", "lines", "key", "words"), REFUSED)
def test_refused_with_its_path(summary: str, lines: str, key: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(ProtocolError) as refused:
        trial_of(tmp_path, summary, lines, endpoint=COMPETING)
    assert refused.value.where == f"analyses.primary.{key}"
    assert words in str(refused.value)


def test_strata_that_nobody_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ProtocolError, match=r"data\.strata\.as_randomized is missing \(analyses\.primary\.stratified\)"
    ):
        made_trial.protocol(tmp_path, analyses=f"{made_trial.PRIMARY}stratified = true\n")


@pytest.mark.parametrize("convention", ["r", "sas"])
def test_what_a_convention_means_is_what_the_analysis_takes_it_for(convention: str, tmp_path: Path) -> None:
    """The protocol's own list of what contradicts a convention against the functions that would refuse later."""
    resolve = {
        "ties": (("efron", "breslow", "discrete", "exact-marginal"), resolve_ties),
        "conf_type": (("plain", "log", "log-log"), resolve_conf_type),
        "limits": (("wald", "profile"), lambda given, c: resolve_interval(given, None, c)),
    }
    for key, (values, function) in resolve.items():
        for given in values:
            outcomes = []
            for ask in (
                lambda f=function, g=given: f(g, convention),
                lambda k=key, g=given: trial_of(tmp_path, "", f'convention = "{convention}"\n{k} = "{g}"'),
            ):
                try:
                    ask()
                    outcomes.append(True)
                except EquipoiseError:
                    outcomes.append(False)
            assert outcomes[0] == outcomes[1], (key, given)


def computed(trial: Protocol) -> str:
    return next(line for _, lines in synopsis(trial) for line in lines if line.startswith("primary (primary)"))


BY = "stratified by SEX (as randomized)"
# Summary, lines of the analysis, what the synopsis says of it.
SAID = [
    ("", "", f"log-rank test, {BY}; house"),
    ("", "stratified = false", "log-rank test, unstratified; house"),
    ("", 'test = "maxcombo"', f"MaxCombo test, {BY}; house"),
    ("", 'penalty = "firth"', f"penalized likelihood ratio test in a Cox model, Firth penalty, {BY}; house"),
    ("", 'penalty = "firth"\ntest = "logrank"', f"log-rank test, {BY}; hazard ratio with Firth penalty; house"),
    ("", 'covariates = ["AGE"]\ntest = "logrank"', f"log-rank test, {BY}; hazard ratio adjusted for AGE; house"),
    ("", 'covariates = ["AGE"]\ntest = "adjusted logrank"', f"log-rank test, {BY}, adjusted for AGE; house"),
    ("", "null_hazard_ratio = 1.3", f"Wald test in a Cox model of hazard ratio 1.3 (non-inferiority), {BY}; house"),
    (SUBDISTRIBUTION, "", f"Gray's test, {BY}; Fine-Gray model unstratified; house"),
    (SUBDISTRIBUTION, "stratified = false", "Gray's test, unstratified; house"),
    (SUBDISTRIBUTION, 'test = "fine-gray"', "Wald test in a Fine-Gray model, unstratified; house"),
    (AVERAGE, "", "test of the average hazard ratio, unstratified; house"),
    (AVERAGE, 'test = "logrank"', f"log-rank test, {BY}; average hazard ratio unstratified; house"),
    (MARGINAL, 'covariates = ["AGE"]', f"log-rank test, {BY}, adjusted for AGE; house"),
    (MEANS, "", "test of restricted means, unstratified; house"),
    (MEANS, "stratified = true", f"test of restricted means, {BY}; house"),
    (
        MEANS,
        'test = "logrank"',
        f"log-rank test, {BY}; difference in restricted mean survival time unstratified; house",
    ),
    (MEANS, 'test = "logrank"\nstratified = true', f"log-rank test, {BY}; house"),
    (MILESTONE, 'test = "maxcombo"', f"MaxCombo test, {BY}; difference in milestone survival unstratified; house"),
]


@pytest.mark.parametrize(("summary", "lines", "words"), SAID)
def test_the_synopsis_says_what_is_computed(summary: str, lines: str, words: str, tmp_path: Path) -> None:
    competing = summary == SUBDISTRIBUTION
    trial = trial_of(tmp_path, summary, lines, **({"endpoint": COMPETING} if competing else {}))
    said = computed(trial)
    assert words in said
    found = eq.analyze.run(trial, eq.data.read_adam({"adtte": frame(competing)}, trial))
    rows = {r.statistic: r for r in found.rows}
    test, _, effect = said.partition(";")[2].partition(";")
    assert ("unstratified" in rows["test P"].method) == ("unstratified" in test)
    # The estimate: as the test, unless the synopsis says otherwise behind a semicolon.
    method = rows["sentence"].method.partition(";")[0]
    assert ("unstratified" in method or "stratified" not in method) == ("unstratified" in (effect + test))
    sentence = rows["sentence"].text
    assert ("against old: unstratified" in sentence) == ("unstratified" in effect)
    assert (", stratified " in sentence) == ("unstratified" in effect)


@pytest.mark.parametrize(("sided", "benefit", "null"), [*product((1, 2), (False, True), (0.7, 1.3))])
def test_the_margin_in_words(sided: int, benefit: bool, null: float, tmp_path: Path) -> None:
    from equipoise.protocol import null_hypothesis

    trial = trial_of(
        tmp_path, "", f"null_hazard_ratio = {null}",
        endpoint=made_trial.ENDPOINT + ('event_is = "benefit"\n' if benefit else ""),
        testing=made_trial.TESTING.replace("sided = 2", f"sided = {sided}"),
    )  # fmt: skip
    worse = {2: "", 1: " or less" if benefit else " or more"}[sided]
    aim = "non-inferiority" if (null > 1) != benefit else "superiority by a margin"
    assert null_hypothesis(trial, trial.analyses["primary"]) == f"hazard ratio {null}{worse} ({aim})"


def test_a_control_arm_is_not_compared_as_experimental(tmp_path: Path) -> None:
    path = tmp_path / "made.toml"
    path.write_text(made_trial.text().replace('role = "experimental"', 'role = "control"'), encoding="utf-8")
    with pytest.raises(
        ProtocolError, match=r"'new' has the role control \(estimands\.effect\.treatment\.experimental\)"
    ):
        read(path)


def test_shares_are_shares_and_of_tested_analyses(tmp_path: Path) -> None:
    second = f'{made_trial.PRIMARY}\n[analyses.second]\nestimand = "effect"\nrole = "key secondary"\n'
    graph = made_trial.TESTING.replace('"fixed sequence"', '"graph"')
    for lines, where, words in (
        ("weights = { primary = 0.5, second = 0.5 }", "testing.weights.second", "'second' is not tested"),
        ("weights = { primary = nan }", "testing.weights.primary", "no share of alpha"),
        ("weights = { primary = 1 }\ntransitions = { prim = {} }", "testing.transitions.prim", 'mean "primary"'),
    ):
        with pytest.raises(ProtocolError) as refused:
            made_trial.protocol(tmp_path, analyses=second, testing=f"{graph}{lines}\n", data=STRATA)
        assert refused.value.where == where
        assert words in str(refused.value)


ASKED = {
    "test": ["logrank", "maxcombo", "cox", "restricted mean", "milestone", "average hazard ratio", "adjusted logrank",
             "marginal hazard ratio", "gray", "fine-gray"],
    "weights": ["gehan", 'modestly weighted"\ndelay = "50 days'],
    "ties": ["efron", "breslow", "discrete", "exact-marginal"],
    "limits": ["wald", "profile"],
    "penalty": ["firth"],
    "conf_type": ["plain", "log", "log-log"],
    "convention": ["r", "sas"],
}  # fmt: skip
FURTHER = [
    "gamma = 1", "stratified = true", "stratified = false", 'covariates = ["AGE"]', "null_hazard_ratio = 1.3",
    'landmarks = ["9 years"]',
    'diagnostics = ["proportional hazards"]', 'subgroups = [{ column = "SEX", label = "S" }]',
]  # fmt: skip


@pytest.mark.parametrize("summary", ["", SUBDISTRIBUTION, AVERAGE, MARGINAL, MEANS, MILESTONE])
def test_what_is_read_is_run(summary: str, tmp_path: Path) -> None:
    """Settings by chance: whatever the reader lets through, no method refuses afterwards."""
    chance = np.random.default_rng(len(summary))
    every = FURTHER + [f'{key} = "{value}"' for key, values in ASKED.items() for value in values]
    rows = frame(summary == SUBDISTRIBUTION)
    ran = 0
    for _ in range(150):
        lines = {line.split(" ")[0]: line for line in chance.choice(every, chance.integers(1, 4), replace=False)}
        if summary == MARGINAL:
            lines["covariates"] = 'covariates = ["AGE"]'
        try:
            trial = trial_of(tmp_path, summary, "\n".join(lines.values()), endpoint=COMPETING)
        except ProtocolError:
            continue
        assert len(eq.analyze.run(trial, eq.data.read_adam({"adtte": rows}, trial)).rows) > 0
        ran += 1
    assert ran > 10
