"""Published numbers and models that are refused with the reason, before any search and before anything is written."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
from tests.unit import published_trial as made

from equipoise import cli
from equipoise.errors import EquipoiseError
from equipoise.protocol import read
from equipoise.reconstruct import reconstruct, reconstruction


def number(statistic: str, printed: str, more: str = "") -> str:
    return f'{{ statistic = "{statistic}", printed = {printed}, source = "paper"{more} }},\n'


def of(kind: str) -> str:
    return f', estimand = "{kind}"'


def arm(name: str = "old") -> str:
    return f', arm = "{name}"'


def numbers(old: str, new: str) -> str:
    assert old in made.NUMBERS
    return made.text(made.NUMBERS.replace(old, new))


def part(name: str, old: str, new: str) -> str:
    assert old in made.PARTS[name], (name, old)
    return made.text(**{name: made.PARTS[name].replace(old, new)})


def further(*args: str) -> str:
    return made.text(more="".join(args))


HR_LIMITS = (
    number("hazard ratio lower limit", '"0.65"', of("PFS")),
    number("hazard ratio upper limit", '"0.84"', of("PFS")),
)

# What is wrong, the protocol, what the sentence says.
BAD: dict[str, tuple[str, str]] = {
    "an estimate below its interval": (further(*HR_LIMITS), "0.60 lies outside its printed interval 0.65 to 0.84"),
    "an estimate above its interval": (
        further(number("hazard ratio upper limit", '"0.58"', of("PFS"))), "0.60 lies outside its printed interval ?"),
    "limits in the wrong order": (
        further(number("median lower limit", '"9.0"', of("OS") + arm()),
                number("median upper limit", '"8.0"', of("OS") + arm())), "9.0 lies above median upper limit 8.0"),
    "an unknown population": (numbers('"marked"', '"market"'), "Did you mean \"marked\"?"),
    "an unknown estimand": (numbers('estimand = "OS"', 'estimand = "OSS"'), "there is no estimand 'OSS'"),
    "an unknown arm": (numbers('"new", printed = "60"', '"news", printed = "60"'), "there is no arm 'news'"),
    "an unknown source": (further(number("P", '"0.2"', of("PFS")).replace("paper", "papers")),
                          "there is no source 'papers'"),
    "a percentage that no count prints": (numbers('printed = "34"', 'printed = "54.5%"'),
                                          'no count prints "54.5%" of 62'),
    "a model without hazards": (part("scenario", '{ median = "4 months", hazard_ratio = { new = 0.6 } }',
                                     "{ hazard_ratio = { new = 0.6 } }"), "the model gives no hazard"),
    "no progression": (part("scenario", "progression = { median = \"4 months\", hazard_ratio = { new = 0.6 } }", ""),
                       "needs a `progression`"),
    "a visit grid of zero": (part("visits", "6 weeks", "0 weeks"), "is no visit grid"),
    "no model": (made.text(scenario=""), "the protocol has no model of how nature behaves"),
    "an arm without a number of subjects": (
        numbers('{ statistic = "subjects", arm = "old", printed = "62", source = "paper" },', ""),
        "no published number says how many subjects arm old had"),
    "shares of levels": (part("scenario", "N = 0.4", "N = 0.5"), "must add up to 1"),
    "an arm in which a factor does more": (
        part("scenario", "progression = { Y = 0.9, N = 1.2 }", "progression_by_arm = { news = { Y = 0.9 } }"),
        "no arm 'news'"),
    "a level that does more in an arm": (
        part("scenario", "progression = { Y = 0.9, N = 1.2 }", "death_by_arm = { new = { Z = 0.9 } }"),
        "no level 'Z'"),
    "a share above one": (part("scenario", "Y = 0.6, N = 0.4", "Y = 1.6, N = -0.6"), "less than or equal to 1"),
    "a percentage above 100": (numbers('"12%"', '"120%"'), '"120%" is no percentage'),
    "P above one": (numbers('"not significant"', '"1.4"'), '"1.4" is no P value'),
    "P below zero": (numbers('"not significant"', '"-0.1"'), '"-0.1" is no P value'),
    "a hazard ratio below zero": (numbers('"0.60"', '"-0.60"'), '"-0.60" is below zero'),
    "a decimal comma": (numbers('"0.60"', '"0,60"'), "'0,60' is not a printed number"),
    "a number instead of text": (numbers('"0.60"', "0.60"), 'quote it as printed, as in "0.63"'),
    "a count with decimals": (numbers('printed = "34"', 'printed = "34.5"'), '"34.5" is no count'),
    "a count as a bound": (numbers('printed = "34"', 'printed = "<34"'), '"<34" is no count'),
    "subjects as a percentage": (numbers('printed = "60"', 'printed = "60%"'), '"60%" is no number of subjects'),
    "an empty arm": (numbers('printed = "60"', 'printed = "0"'), '"0" is no number of subjects'),
    "no hazard ratio at all": (numbers('"0.60"', '"<0"'), '"<0" is no hazard ratio'),
    "an arm outside the estimand": (
        made.text(head=made.HEAD + '[arms.third]\nlabel = "Third"\nrole = "experimental"\n'
                  'regimen = { unknown = "no" }\n',
                  more=number("median", '"6.0"', of("PFS") + arm("third"))), "there is no arm of the estimand 'third'"),
    "an endpoint without events": (part("endpoints", 'events = ["death"]\n', ""),
                                   "the protocol does not say what ends OS"),
    "an empty list of events": (part("endpoints", 'events = ["death"]\n', "events = []\n"), "endpoints.OS.events"),
    "grade 6": (numbers("grade = 3", "grade = 6"), "less than or equal to 5"),
    "a kind that the model does not have": (numbers("grade = 3", "grade = 4"),
                                            "the model has no kind of adverse event"),
    "two kinds at once": (part("scenario", 'disorders", probability', 'disorders", grade = 3, probability'),
                          "the model has 2 kinds"),
    "a population above the total": (numbers('printed = "74"', 'printed = "123"'), "has 123 of 122 subjects"),
    "a population that the model does not know": (
        part("scenario", "factors = { MARKFL", "factors = { OTHERFL"), "does not say who is in the population marked"),
    "a population by another level": (
        part("scenario", "levels = { Y = 0.6, N = 0.4 }, progression = { Y = 0.9, N = 1.2 }",
             "levels = { yes = 0.6, no = 0.4 }"), "does not say who is in the population marked"),
    "a population by a column that is no factor": (
        made.text(head=made.HEAD.replace('flag = "MARKFL"', 'where = { REGION = "East" }'),
                  numbers=made.NUMBERS.replace(', population = "marked"', ', arm = "old"').replace('"74"', '"62"'),
                  more=number("median", '"4.0"', of("marked") + arm())), "no factor REGION has the level East"),
    "a cut-off before the end of accrual": (part("scenario", 'cutoff = "30 months"', 'cutoff = "11 months"'),
                                            "before the last patient can have entered"),
    "an accrual of no time": (part("scenario", 'accrual = "12 months"', 'accrual = "0 months"'),
                              "the accrual takes less than a day: give it one day at least"),
    "based on nothing": (made.text(scenario=made.SCENARIO + '[scenario.other]\nbased_on = "none"\n'),
                         "a scenario can be based on one that stands by itself"),
    "based on itself": (made.text(scenario=made.SCENARIO + '[scenario.other]\nbased_on = "other"\n'),
                        "which 'other' does not"),
    "two printings": (further(number("hazard ratio", '"0.70"', of("PFS"))), 'printed as "0.60" and as "0.70"'),
    "the first of three printings": (
        further(number("hazard ratio", '"0.6"', of("PFS")), number("hazard ratio", '"0.64"', of("PFS"))),
        'printed as "0.60" and as "0.64"'),
    "a count and a percentage": (further(number("crossed over", '"60%"', arm())), 'printed as "34" and as "60%"'),
    "a word and a P value": (further(number("P", '"0.01"', of("OS"))), 'as "not significant" and as "0.01"'),
    "a word and a median": (further(number("median", '"not reached"', of("PFS") + arm())), 'as "not reached"'),
    "not nested": (further(number("adverse event", '"5"', arm("new"))),
                   "7 subjects of new are to have the adverse event 'Neutropenia', but only 5 any"),
    "more frequent, by the counts rarer": (
        further(number("adverse event", '"20"', arm("new")), number("adverse event", '"30"', arm())),
        "more frequent in new, but the counts make it no more frequent there than in old"),
    "more frequent, by the model rarer": (
        part("scenario", "any = { new = 0.8, old = 0.6 }", "any = { new = 0.4, old = 0.6 }"),
        "more frequent in new, but the model makes it rarer there than in old"),
    "adverse events of nobody": (
        part("analyses", '[safety]\npopulation = "ITT"\ntreatment = { experimental = "new", control = "old" }', ""),
        "the protocol does not say of whom"),
    "no randomization": (
        part("analyses", '[randomization]\nprocedure = "simple"\nallocation = { new = 1, old = 1 }', ""),
        "the protocol does not say how"),
    "a crossover that the model does not know": (
        part("scenario", "crossover = { arm = \"old\", drug = \"newmab\", probability = 0.6, delay = \"2 weeks\", "
             "death_hazard_ratio = 0.7 }", ""), "which the model does not know"),
    "a column that a transport file cannot hold": (
        part("scenario", "factors = { MARKFL", 'factors = { "receptor status" = { levels = { Y = 1.0 } }, MARKFL'),
        "ADSL, column RECEPTOR STATUS"),
    "a covariate that the patients do not have": (
        part("analyses", 'role = "primary"', 'role = "primary"\ncovariates = ["AGE"]'), "column AGE"),
    "limits of another level": (
        further(number("hazard ratio lower limit", '"0.50"', of("PFS") + ", confidence = 0.9505")),
        "limits of another level than 95% cannot be aimed at"),
    "a stratified number": (further(number("P", '".02"', of("PFS") + ", stratified = true")),
                            "nothing says of which strata"),
    "strata that the model does not know": (
        made.text(analyses=made.ANALYSES + '[data]\nstrata = { as_randomized = ["REGION"] }\n'),
        "the model does not say who is in which stratum: it has no factor REGION"),
    "responders in a column of something else": (
        further(number("responders", '"20%"', arm() + ', outcome = "response", column = "MARKFL"')),
        "MARKFL is no flag of responders"),
    "responders in no flag": (
        further(number("responders", '"20%"', arm() + ', outcome = "response", column = "RESPONSE"')),
        "flags end in FL"),
    "a share of responders that no count prints": (
        further(number("responders", '"20.1%"', arm() + ', outcome = "response", column = "RESPFL"')),
        "no count prints"),
    "another strategy": (
        part("endpoints", 'variable = "OS"\nsummary = "hazard ratio"',
             'variable = "OS"\nsummary = "hazard ratio"\n'
             'intercurrent_events.crossover = { strategy = "hypothetical", date = "XODT" }'), "cannot be aimed at"),
}  # fmt: skip


def no_search(*_: Any, **__: Any) -> Any:
    raise AssertionError("a search was begun")


@pytest.mark.parametrize("name", BAD)
def test_it_is_refused_before_any_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    content, says = BAD[name]
    monkeypatch.setattr(reconstruction, "search_all", no_search)
    path = made.write(tmp_path, content)
    with pytest.raises(EquipoiseError) as refused:
        reconstruct(read(path), cohorts=1)
    assert says in str(refused.value)


def test_the_trial_itself_is_not_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconstruction, "search_all", no_search)
    with pytest.raises(AssertionError, match="a search was begun"):
        reconstruct(made.protocol(tmp_path), cohorts=1)


@pytest.mark.parametrize("command", ["run", "reconstruct"])
@pytest.mark.parametrize("name", BAD)
def test_the_command_line_says_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, command: str
) -> None:
    content, says = BAD[name]
    monkeypatch.setattr(reconstruction, "search_all", no_search)
    path = made.write(tmp_path, content)
    with pytest.raises(SystemExit) as left:
        cli.main([command, str(path), "--out", str(tmp_path / "out"), "--cohorts", "1"])
    said = capsys.readouterr()
    errors = [line for line in said.err.splitlines() if not line.endswith(" ...")]
    assert left.value.code == 2
    assert said.out == ""
    assert len(errors) == 1
    assert errors[0].startswith("equipoise: ")
    assert says in errors[0]
    assert "Traceback" not in said.err
    assert os.listdir(tmp_path) == ["printed.toml"]


def test_no_published_number(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = made.write(tmp_path, made.text(""))
    with pytest.raises(EquipoiseError, match="gives no published number of tier A to aim at"):
        reconstruct(read(path))
    for command, says in (("reconstruct", "gives no published number"), ("run", "no data are given")):
        with pytest.raises(SystemExit) as left:
            cli.main([command, str(path), "--out", str(tmp_path / "out")])
        assert left.value.code == 2
        assert says in capsys.readouterr().err
    assert os.listdir(tmp_path) == ["printed.toml"]


def test_numbers_that_fight_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing contradicts them on paper, but so narrow an interval would need thousands of events."""
    path = made.write(tmp_path, further(number("hazard ratio upper limit", '"0.61"', of("PFS"))))
    with pytest.raises(SystemExit) as left:
        cli.main(["run", str(path), "--out", str(tmp_path / "out"), "--cohorts", "1"])
    said = capsys.readouterr()
    words = " ".join(said.out.split())
    assert left.value.code == 1
    assert "no cohort meets every published number; the closest misses: PFS: " in words
    assert "does not agree with the published number: PFS, ITT: " in words
    assert re.search(r"without PFS: hazard ratio (0.60|upper limit 0.61) the others are all met", words)
    assert (tmp_path / "out" / "report.html").is_file()
    assert (tmp_path / "out" / "adam" / "csv" / "adsl.csv").is_file()
