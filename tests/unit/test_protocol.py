"""The protocol: what the bundled files say, that nothing in them can change, and every refusal with its place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError
from tests.unit import made_trial

from equipoise.errors import EquipoiseError, ProtocolError, UnsupportedError
from equipoise.protocol import (
    Arm,
    Dose,
    Protocol,
    Regimen,
    calendars,
    describe,
    dose_calendar,
    example,
    examples,
    find,
    read,
    synopsis,
)
from equipoise.protocol.arms import Loading, Maintenance, plain
from equipoise.protocol.reader import dotted


def lines(protocol: Protocol) -> str:
    return "\n".join(line for _, section in synopsis(protocol) for line in section)


# The bundled protocols


def test_two_protocols_are_bundled() -> None:
    assert examples() == ("tandem", "veteran")
    for name in examples():
        assert example(name).source.name == f"{name}.toml"
        assert len(example(name).digest) == 64


def test_tandem_is_what_its_abstract_says() -> None:
    trial = example("tandem")
    assert [(n, a.role) for n, a in trial.arms.items()] == [("T+A", "experimental"), ("A", "control")]
    trastuzumab, anastrozole = trial.arms["T+A"].regimen or ()
    assert trastuzumab.loading is not None
    assert str(trastuzumab.loading.dose) == "4 mg/kg"
    assert str(trastuzumab.maintenance.dose) == "2 mg/kg"
    assert (trastuzumab.interval_days, trastuzumab.maintenance_from) == (7, 8)
    assert (str(anastrozole.maintenance.dose), anastrozole.interval_days) == ("1 mg", 1)
    assert trial.arms["A"].regimen == (anastrozole,)
    assert {r.until for r in (trastuzumab, anastrozole)} == {"progression"}
    assert trial.testing is not None
    assert trial.testing.order == ("PFS, ITT",)
    assert trial.assumed["testing.alpha"] == "the abstract states no level"
    assert trial.populations["confirmed"].flag == "HRCONFFL"
    assert "scenario.stated" in trial.assumed
    assert all(n.source == "abstract" for n in trial.published.numbers if n.tier == "A")
    assert {n.source for n in trial.published.numbers} == set(trial.published.sources)


def test_veteran_states_its_source_and_no_dose() -> None:
    trial = example("veteran")
    assert all(arm.regimen is None for arm in trial.arms.values())
    assert trial.unknown["arms.test.regimen"] == "not in the source read for this file"
    assert trial.arm_in_data("test") == "Test"
    assert trial.parameter("OS") == "OS"
    assert "Kalbfleisch" in trial.trial.sources[0]


def test_synopsis_says_what_a_physician_asks() -> None:
    text = lines(example("tandem"))
    for needed in (
        "Phase III",
        "trastuzumab 4 mg/kg on day 1, then 2 mg/kg weekly from day 8 (intravenous), until progression",
        "anastrozole 1 mg daily (oral), until progression",
        "A (control): Anastrozole alone",
        "eligible: postmenopausal women",
        "time from randomization to progression or death",
        "the hazard ratio of overall survival",
        "crossover to trastuzumab: treatment policy",
        "PFS, ITT (primary)",
        "log-rank test",
        "2-sided alpha 0.05",
        "other P values are nominal",
        "testing.alpha: the abstract states no level",
        "not eligible: prior chemotherapy for metastatic disease (registry)",
        "model stated: Weibull progression",
        "randomized by simple randomization, T+A:A 1:1",
        "22 of tier A, 6 of tier B, 21 of tier C",
        "J Clin Oncol 2009",
    ):
        assert needed in text, needed
    headings = "Trial Treatment Patients Visits Endpoints Estimands Analyses Design Models Simulations Published"
    assert [heading for heading, _ in synopsis(example("tandem"))] == [
        *headings.split(), "Assumed", "Unknown", "Sources"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "test of restricted means, unstratified"),
        ("stratified = true", "test of restricted means, stratified by REGION (as randomized)"),
        ('test = "logrank"\nstratified = true', "log-rank test, stratified by REGION"),
    ],
)
def test_restricted_means_are_stratified_only_when_asked_for(tmp_path: Path, line: str, words: str) -> None:
    data = '\n[data]\nstrata = { as_randomized = ["REGION"] }\n'
    assert words in lines(made_trial.protocol(tmp_path, data=data, **means(line)))


def test_synopsis_prints_alpha_and_names_as_they_are(tmp_path: Path) -> None:
    trial = made_trial.protocol(
        tmp_path,
        endpoint=made_trial.ENDPOINT.replace("Overall survival", "PFS by review"),
        testing=made_trial.TESTING.replace("0.05", "0.0125"),
    )
    assert "2-sided alpha 0.0125" in lines(trial)
    assert "the hazard ratio of PFS by review, New against Old, in all randomized" in describe(
        trial.estimands["effect"], trial
    )


def test_a_file_wins_over_an_example_but_a_folder_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "veteran").mkdir()  # equipoise run veteran --out veteran, a second time
    assert find("veteran").name == "veteran"
    (tmp_path / "tandem").write_text(made_trial.text())
    assert find("tandem").name == "made"


# Frozen all the way down


def parts(value: Any) -> list[Any]:
    """The value and everything inside it."""
    inside: list[Any] = []
    if isinstance(value, BaseModel):
        inside = [getattr(value, name) for name in type(value).model_fields]
    elif isinstance(value, Mapping):
        inside = list(value.values())
    elif isinstance(value, tuple):
        inside = list(value)
    return [value, *(part for item in inside for part in parts(item))]


@pytest.mark.parametrize("name", ["tandem", "veteran"])
def test_protocol_is_frozen_all_the_way_down(name: str) -> None:
    for part in parts(example(name)):
        assert not isinstance(part, list | dict | set | bytearray), part
        if isinstance(part, BaseModel):
            for field in type(part).model_fields:
                with pytest.raises(ValidationError):
                    setattr(part, field, None)
        elif isinstance(part, Mapping):
            with pytest.raises(TypeError):
                part["new"] = 1  # type: ignore[index]
        elif isinstance(part, Dose):
            with pytest.raises(AttributeError):
                part.amount = 2.0  # type: ignore[misc]


# What is refused, and where

REGIMEN = '[{ drug = "x", route = "oral", until = "progression", maintenance = { dose = %s, every = %s } }]'
UNKNOWN = 'regimen = { unknown = "made up" }'
POPULATION = 'label = "All randomized patients"'


def regimen(dose: str = '"4 mg"', every: str = '"1 day"') -> str:
    return made_trial.HEAD.replace(UNKNOWN, "regimen = " + REGIMEN % (dose, every), 1)


def head(old: str, new: str) -> dict[str, str]:
    assert old in made_trial.HEAD
    return {"head": made_trial.HEAD.replace(old, new, 1)}


def estimand(old: str, new: str) -> dict[str, str]:
    assert old in made_trial.ESTIMAND
    return {"estimand": made_trial.ESTIMAND.replace(old, new, 1)}


def event(rule: str) -> dict[str, str]:
    return {"estimand": made_trial.ESTIMAND + f'intercurrent_events."new therapy" = {{ {rule} }}\n'}


def analysis(line: str) -> dict[str, str]:
    return {"analyses": made_trial.PRIMARY + line + "\n"}


def means(line: str, summary: str = "difference in restricted mean survival time") -> dict[str, str]:
    changed = made_trial.ESTIMAND.replace("hazard ratio", summary) + 'restriction_time = "90 days"\n'
    return {"estimand": changed, **analysis(line)}


def by_procedure(procedure: str) -> dict[str, str]:
    return {"testing": made_trial.TESTING.replace('"fixed sequence"', procedure)}


def in_order(old: str, new: str) -> dict[str, str]:
    assert old in made_trial.TESTING
    return {"testing": made_trial.TESTING.replace(old, new, 1)}


DOSE = "arms.new.regimen[0].maintenance.dose"
ICE = 'estimands.effect.intercurrent_events."new therapy"'

REFUSED: list[tuple[dict[str, str], str, str]] = [
    # misspelt and misplaced keys
    (head("short_name", "shrot_name"), "trial.shrot_name", 'Did you mean "short_name"?'),
    (head(POPULATION, POPULATION + '\nflog = "ITTFL"'), "populations.ITT.flog", 'Did you mean "flag"?'),
    (head(POPULATION, POPULATION + "\nqqq = 1"), "populations.ITT.qqq", "Known here: flag, label, where."),
    (estimand("summary", "alpha = 1\nsummary"), "estimands.effect.alpha", "belongs to another table"),
    (estimand("summary", "zzz = 1\nsummary"), "estimands.effect.zzz", "Known here: intercurrent_events,"),
    (head("[trial]", 'digest = "x"\n[trial]'), "digest", "unknown key 'digest'"),
    (head('short_name = "made"', ""), "trial.short_name", "is missing"),
    ({"analyses": '[[analyses]]\nestimand = "effect"\n'}, "analyses", "should be a table"),
    # doses and durations
    ({"head": regimen('"4"')}, DOSE, "a dose without a unit"),
    ({"head": regimen("4")}, DOSE, "a dose without a unit"),
    ({"head": regimen("4.5")}, DOSE, "a dose without a unit"),
    ({"head": regimen('""')}, DOSE, "a dose without a unit"),
    ({"head": regimen('"four mg"')}, DOSE, "a dose without a unit"),
    ({"head": regimen('"4 mgs"')}, DOSE, "unknown dose unit 'mgs'"),
    ({"head": regimen('"4 mg/day"')}, DOSE, "unknown dose unit 'mg/day'"),
    ({"head": regimen('"0 mg"')}, DOSE, "above zero"),
    ({"head": regimen('"-4 mg"')}, DOSE, "a dose without a unit"),
    ({"head": regimen(every="7")}, "arms.new.regimen[0].maintenance.every", "7 is not a duration"),
    ({"head": regimen(every='"7"')}, "arms.new.regimen[0].maintenance.every", "is not a duration"),
    ({"head": regimen(every='"1 fortnight"')}, "arms.new.regimen[0].maintenance.every", "is not a duration"),
    ({"head": regimen(every='"1 month"')}, "arms.new.regimen[0]", "not a whole number of days"),
    ({"head": regimen(every='"0 days"')}, "arms.new.regimen[0]", "not a whole number of days"),
    (head(UNKNOWN, "regimen = []"), "arms.new.regimen", "at least 1 item"),
    (head(UNKNOWN, 'regimen = "oral"'), "arms.new.regimen", "should be an array"),
    # names that lead nowhere
    (estimand('"new"', '"now"'), "estimands.effect.treatment.experimental", "no arm 'now'"),
    (estimand('"old"', '"odl"'), "estimands.effect.treatment.control", 'Did you mean "old"?'),
    (estimand('"old"', '"new"'), "estimands.effect.treatment", "the same arm"),
    (estimand('"ITT"', '"IT"'), "estimands.effect.population", 'Did you mean "ITT"?'),
    (estimand('"OS"', '"PFS"'), "estimands.effect.variable", "there is no endpoint 'PFS'"),
    ({"analyses": made_trial.PRIMARY.replace('"effect"', '"efect"')}, "analyses.primary.estimand", '"effect"?'),
    (in_order('["primary"]', '["primray"]'), "testing.order[0]", 'Did you mean "primary"?'),
    (in_order('["primary"]', '["primary", "primary"]'), "testing.order[1]", "tested twice"),
    (in_order('["primary"]', "[]"), "testing.order", "at least 1 item"),
    ({"data": "\n[data]\narms = { other = 'x' }\n"}, "data.arms.other", "there is no arm 'other'"),
    # arms
    (head("[arms.old]", "[arms.new.old]"), "arms.new.old", "unknown key"),
    (head('role = "control"', 'role = "experimental"'), "arms", "no arm has the role control"),
    (head('role = "control"', 'role = "placebo"'), "arms.old.role", "'experimental' or 'control'"),
    # estimands
    (event('strategy = "hypothetical"'), ICE, "needs `date`"),
    (event('strategy = "while on treatment"'), ICE, "needs `date`"),
    (event('strategy = "composite"'), ICE, "needs `date`"),
    (event('strategy = "ignore"'), f"{ICE}.strategy", "'treatment policy'"),
    (event('date = "SWITCH"'), f"{ICE}.strategy", "is missing"),
    (
        estimand('"hazard ratio"', '"hazard ratio"\nrestriction_time = "12 months"'),
        "estimands.effect",
        "no use for a restriction_time",
    ),
    (
        estimand('"hazard ratio"', '"ratio of restricted mean survival times"'),
        "estimands.effect",
        "needs a restriction_time",
    ),
    (estimand('"hazard ratio"', '"odds ratio"'), "estimands.effect.summary", "'hazard ratio'"),
    # analyses: what would be left out without a word is refused
    (
        analysis('test = "restricted mean"'),
        "analyses.primary.test",
        'the test "restricted mean" does not go with the summary "hazard ratio"',
    ),
    (analysis('test = "cox"\nrho = 1'), "analyses.primary", "rho, gamma and weights weight the log-rank test"),
    (analysis('rho = 1\nweights = "gehan"'), "analyses.primary", "rho and gamma are weights already"),
    (analysis('weights = "modestly weighted"'), "analyses.primary", 'weights = "modestly weighted" need a `delay`'),
    (analysis('delay = "6 months"'), "analyses.primary", "alone have a `delay`"),
    (analysis('weights = "early"'), "analyses.primary.weights", "'gehan'"),
    (analysis('test = "maxcombo"\nnull_hazard_ratio = 1.3'), "analyses.primary.null_hazard_ratio", "would do nothing"),
    (analysis("null_hazard_ratio = 0"), "analyses.primary.null_hazard_ratio", "greater than 0"),
    (
        analysis('test = "adjusted logrank"'),
        "analyses.primary.covariates",
        "the adjusted log-rank test needs covariates",
    ),
    (analysis('diagnostics = ["follow-up", "follow-up"]'), "analyses.primary", "diagnostics name 'follow-up' twice"),
    (
        estimand('"hazard ratio"', '"difference in milestone survival"'),
        "estimands.effect",
        "needs a milestone",
    ),
    (
        estimand('"hazard ratio"', '"hazard ratio"\nmilestone = "1 year"'),
        "estimands.effect",
        "no use for a milestone",
    ),
    (
        estimand('"hazard ratio"', '"subdistribution hazard ratio"'),
        "endpoints.OS.competing_codes",
        "a subdistribution hazard ratio needs events that compete",
    ),
    (
        estimand('"hazard ratio"', '"marginal hazard ratio"'),
        "analyses.primary.covariates",
        "adjusted for covariates, and none is named",
    ),
    (
        analysis("rho = -1"),
        "analyses.primary.rho",
        "greater than or equal to 0 (analyses.primary.rho). Give 0 or more.",
    ),
    (analysis("confidence = 95"), "analyses.primary.confidence", "less than 1"),
    (
        analysis('confidence = "0.9"'),
        "analyses.primary.confidence",
        "'0.9': input should be a number (analyses.primary.confidence). Give a number, without quotes.",
    ),
    (analysis('stratified = "yes"'), "analyses.primary.stratified", "Write true or false, without quotes."),
    (analysis('landmarks = "12 months"'), "analyses.primary.landmarks", "Write it in brackets, even if it is one"),
    (
        analysis("subgroups = [3]"),
        "analyses.primary.subgroups[0]",
        "input should be a table (analyses.primary.subgroups[0]). Write a table, as in { key = ... }.",
    ),
    (analysis("landmarks = [12]"), "analyses.primary.landmarks[0]", "12 is not a duration"),
    (analysis('ties = "exact"'), "analyses.primary.ties", "'exact-marginal'"),
    (analysis('covariates = ["AGE", "age"]'), "analyses.primary", "covariates name 'AGE' twice"),
    (
        analysis('subgroups = [{ column = "A", label = "x" }, { column = "B", label = "x" }]'),
        "analyses.primary",
        "subgroups name 'x' twice",
    ),
    (means('covariates = ["AGE"]\nstratified = true'), "analyses.primary.stratified", "stratified, not both"),
    (means('limits = "profile"'), "analyses.primary.limits", "would do nothing"),
    (means('penalty = "firth"'), "analyses.primary.penalty", "would do nothing"),
    (means('ties = "breslow"'), "analyses.primary.ties", "would do nothing"),
    (by_procedure('"graph"'), "testing.weights", 'procedure = "graph", which needs weights'),
    (by_procedure('"holm"\nweights = { primary = 1 }'), "testing.weights", 'belong to procedure = "graph"'),
    (
        by_procedure('"graph"\nweights = { primary = 2 }'),
        "testing.weights.primary",
        "2 is no share of alpha for 'primary'",
    ),
    (
        by_procedure('"graph"\nweights = { primary = 1 }\ntransitions = { primary = { primary = 1 } }'),
        "testing.transitions.primary.primary",
        "a hypothesis cannot hand its share to itself",
    ),
    (
        by_procedure('"graph"\nweights = { primry = 1 }'),
        "testing.weights.primry",
        "there is no analysis 'primry' (testing.weights.primry). Did you mean \"primary\"?",
    ),
    (
        by_procedure('"graph"\nweights = { primary = 1 }\ntransitions = { primary = { other = 1 } }'),
        "testing.transitions.primary.other",
        "there is no analysis 'other'",
    ),
    (means('subgroups = [{ column = "SEX", label = "Sex" }]'), "analyses.primary.subgroups", "would do nothing"),
    (means("gamma = 1"), "analyses.primary.gamma", "would do nothing"),
    # testing and data
    (in_order("0.05", "0.7"), "testing.alpha", "less than 0.5"),
    (in_order("sided = 2", "sided = 3"), "testing.sided", "1 or 2"),
    (in_order('"fixed sequence"', '"bonferroni"'), "testing.procedure", "'holm'"),
    ({"data": "\n[data]\nevent_codes = []\n"}, "data.event_codes", "at least 1 item"),
    ({"data": '\n[data]\nevent_codes = ["0"]\n'}, "data.event_codes[0]", "a whole number"),
    ({"data": '\n[data]\ntime_unit = "hours"\n'}, "data.time_unit", "'days'"),
    (head(POPULATION, POPULATION + "\nwhere = { SEX = true }"), "populations.ITT.where.SEX", "should be text"),
    (head(POPULATION, POPULATION + '\nwhere = { SEX = ["M"] }'), "populations.ITT.where.SEX", "should be text"),
    # unknown and assumed
    (head('title = "A made trial"', 'title = { unknown = "lost" }'), "trial.title", "is unknown, but needed"),
    (in_order("alpha = 0.05", 'alpha = { unknown = "not said" }'), "testing.alpha", "is unknown, but needed"),
    (head(UNKNOWN, 'regimen = { unknown = "" }'), "arms.new.regimen", "carries its reason and nothing else"),
    (head(UNKNOWN, "regimen = { unknown = true }"), "arms.new.regimen", "carries its reason and nothing else"),
    (head(UNKNOWN, 'regimen = { unknown = "x", drug = "y" }'), "arms.new.regimen", "and nothing else"),
    (in_order("alpha = 0.05", 'alpha = { value = 0.05, assumed = " " }'), "testing.alpha", "carries its reason"),
    (in_order("alpha = 0.05", "alpha = { value = 0.05, assumed = 1 }"), "testing.alpha", "carries its reason"),
    (
        in_order("alpha = 0.05", 'alpha = { value = 0.05, assumed = "x", source = "y" }'),
        "testing.alpha",
        "nothing else",
    ),
    (in_order("alpha = 0.05", "alpha = { value = 0.05 }"), "testing.alpha", "a number"),
]


@pytest.mark.parametrize(("changed", "where", "what"), REFUSED, ids=[f"{w}: {t}"[:60] for _, w, t in REFUSED])
def test_mistakes_are_refused_with_their_toml_path(
    tmp_path: Path, changed: dict[str, str], where: str, what: str
) -> None:
    with pytest.raises(ProtocolError) as caught:
        made_trial.protocol(tmp_path, **changed)
    assert caught.value.where == where
    sentence = str(caught.value)
    assert f"({where})" in sentence
    assert what in sentence
    assert "\n" not in sentence
    assert "pydantic" not in sentence.lower()


def test_principal_stratum_is_unsupported(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="principal stratum strategy is not supported") as caught:
        made_trial.protocol(tmp_path, **event('strategy = "principal stratum", date = "SWITCH"'))
    assert caught.value.where == f"{ICE}.strategy"
    assert "choose another strategy" in str(caught.value)


def test_one_arm_is_no_randomized_trial(tmp_path: Path) -> None:
    start = made_trial.HEAD.index("[arms.old]")
    stop = made_trial.HEAD.index("[populations")
    one = made_trial.HEAD[:start] + made_trial.HEAD[stop:]
    with pytest.raises(ProtocolError, match="at least two arms") as caught:
        made_trial.protocol(tmp_path, head=one, estimand="", analyses="", testing="")
    assert caught.value.where == "arms"


def test_a_file_that_is_not_toml_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_text("[trial]\ntitle = \n")
    with pytest.raises(ProtocolError, match=r"broken\.toml is not a TOML file: .*line 2"):
        read(path)
    for other in ("utf-16", "latin-1"):
        path.write_text(made_trial.text().replace("A made trial", "Étude"), encoding=other)
        with pytest.raises(ProtocolError, match=r"broken\.toml is not UTF-8, as TOML files are\. Save it as UTF-8\."):
            read(path)


def test_a_byte_order_mark_is_read_over(tmp_path: Path) -> None:
    path = tmp_path / "marked.toml"
    path.write_text(made_trial.text(), encoding="utf-8-sig")
    assert read(path).trial.title == "A made trial"


def test_a_missing_file_is_refused_with_the_bundled_names(tmp_path: Path) -> None:
    with pytest.raises(ProtocolError, match=r"there is no protocol file .*tandem, veteran"):
        read(tmp_path / "nothing.toml")
    with pytest.raises(ProtocolError, match="cannot be read"):
        read(tmp_path)
    with pytest.raises(ProtocolError, match=r"no bundled example 'veterans'.*tandem, veteran"):
        example("veterans")


def test_a_whole_section_may_be_assumed(tmp_path: Path) -> None:
    trial = made_trial.protocol(tmp_path, testing=made_trial.TESTING + 'assumed = "from the design paper"\n')
    assert trial.assumed["testing"] == "from the design paper"
    assert trial.testing is not None
    assert trial.testing.alpha == 0.05


def test_paths_are_toml() -> None:
    assert dotted(("arms", "T+A", "regimen", 0, "drug")) == 'arms."T+A".regimen[0].drug'
    assert dotted(("arms", "é", "label")) == 'arms."é".label'  # bare keys are ASCII
    assert dotted(("arms", "", "label")) == 'arms."".label'


# Doses


def test_dose_calendar_of_tandem_at_70_kg() -> None:
    trial = example("tandem")
    given = [(e.drug, e.first_day, e.last_day, e.amount, e.unit) for e in dose_calendar(trial.arms["T+A"], 70)]
    assert given == [
        ("trastuzumab", 1, 1, 280.0, "mg"),
        ("anastrozole", 1, 28, 1.0, "mg"),
        ("trastuzumab", 8, 8, 140.0, "mg"),
        ("trastuzumab", 15, 15, 140.0, "mg"),
        ("trastuzumab", 22, 22, 140.0, "mg"),
    ]
    assert [(e.drug, e.first_day, e.last_day) for e in dose_calendar(trial.arms["A"], 70)] == [("anastrozole", 1, 28)]
    (heading, first), (_, second) = calendars(trial, 70)
    assert "patient of 70 kg" in heading
    assert "day 1: trastuzumab 280 mg, intravenous" in first
    assert "day 8: trastuzumab 140 mg, intravenous" in first
    assert second == ["days 1 to 28: anastrozole 1 mg each day, oral", "and so on until progression"]


def test_a_calendar_without_a_regimen_says_why() -> None:
    (_, text), _ = calendars(example("veteran"), 70)
    assert text == ["no dose calendar: not in the source read for this file"]


@pytest.mark.parametrize("weight", [0, 19.9, 301, -70, float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["tandem", "veteran"])
def test_a_weight_that_no_patient_has_is_refused(name: str, weight: float) -> None:
    with pytest.raises(EquipoiseError, match="is not plausible"):
        calendars(example(name), weight)


def arm(dose: str, **more: Any) -> Arm:
    return Arm(
        label="x",
        role="control",
        regimen=[
            Regimen(drug="d", route="oral", until="p", maintenance=Maintenance(dose=dose, every="1 week"), **more)
        ],
    )


def test_doses_by_surface_are_refused_in_the_calendar() -> None:
    with pytest.raises(UnsupportedError, match="75 mg/m2 needs the body surface area"):
        dose_calendar(arm("75 mg/m²"), 70)


def test_loading_and_maintenance_must_not_overlap() -> None:
    with pytest.raises(ValidationError, match="on or before the day of the loading dose"):
        Regimen(
            drug="d", route="oral", until="p", loading=Loading(dose="4 mg", day=8),
            maintenance=Maintenance(dose="2 mg", every="1 week", from_day=8),
        )  # fmt: skip


def test_loading_may_come_later_and_maintenance_may_wait() -> None:
    later = arm("2 mg", loading=Loading(dose="4 mg", day=3))
    assert [(e.first_day, e.amount) for e in dose_calendar(later, 70, last_day=17)] == [(3, 4.0), (10, 2.0), (17, 2.0)]
    waits = Regimen(
        drug="d", route="oral", until="p", maintenance=Maintenance(dose="2 mg", every="1 week", from_day=15)
    )
    assert [day for day, _ in waits.doses(28)] == [15, 22]


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0.0625, "0.0625"), (0.0005, "0.0005"), (280.0, "280"), (4 * 68.3, "273.2"), (1000000.0, "1000000")],
)
def test_a_dose_is_never_rounded(amount: float, text: str) -> None:
    assert plain(amount) == text
