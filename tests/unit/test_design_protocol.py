"""[design]: every key reaches the plan, and whatever is no design is refused under its TOML path, in TOML's words."""

from __future__ import annotations

import math
from pathlib import Path
from typing import get_args

import pytest

from equipoise import design
from equipoise.design import Justification, Plan, justification, of_protocol
from equipoise.design.methods import Named
from equipoise.errors import DesignError, EquipoiseError, ProtocolError, UnsupportedError
from equipoise.protocol import Protocol, example, read, synopsis

TRIAL = """
trial = { title = "B against A", short_name = "AB" }
arms = { B = { label = "B", role = "experimental" }, A = { label = "A", role = "control" } }
populations = { ITT = { label = "All" } }
endpoints = { OS = { label = "Overall survival" } }

[estimands.main]
treatment = { experimental = "B", control = "A" }
population = "ITT"
variable = "OS"
summary = "hazard ratio"

[randomization]
procedure = "permuted blocks"
allocation = { A = 1, B = 1 }
block_sizes = [4]

[design]
"""
DESIGN = {
    "estimand": '"main"',
    "alpha": "0.025",
    "sided": "1",
    "power": "0.9",
    "information_fractions": "[0.6, 1]",
    "efficacy": '{ family = "Lan-DeMets", kind = "obrien-fleming" }',
    "minimum_relevant_hazard_ratio": "0.7",
    "control": '{ median = "8 months" }',
    "accrual": '"18 months"',
    "follow_up": '"12 months"',
}
LAN_DEMETS = design.LanDeMets("obrien-fleming")


def given(folder: Path, text: str = TRIAL, **changes: str | None) -> Protocol:
    """The protocol with keys of its [design] changed, or left out where None."""
    keys = {key: value for key, value in {**DESIGN, **changes}.items() if value is not None}
    path = folder / "protocol.toml"
    path.write_text(text + "\n".join(f"{key} = {value}" for key, value in keys.items()), encoding="utf-8")
    return read(path)


def planned(folder: Path, text: str = TRIAL, **changes: str | None) -> Plan:
    return of_protocol(given(folder, text, **changes))


def refused(folder: Path, text: str = TRIAL, **changes: str | None) -> EquipoiseError:
    """What reading or designing says."""
    with pytest.raises((ProtocolError, DesignError, UnsupportedError)) as error:
        justification(given(folder, text, **changes))
    return error.value


# What the keys mean


def test_a_section_is_the_call_that_it_stands_for(tmp_path: Path) -> None:
    test = design.group_sequential(alpha=0.025, sided=1, information_fractions=[0.6, 1], efficacy=LAN_DEMETS, power=0.9)
    by_hand = design.survival(
        test,
        control=design.median("8 months"),
        allocation={"B": 1, "A": 1},
        accrual=design.accrual("18 months"),
        hazard_ratio=0.7,
        power=0.9,
        follow_up="12 months",
    )
    assert planned(tmp_path) == by_hand


def test_a_power_that_bounds_for_futility_rest_on_is_told_from_that_of_the_trial(tmp_path: Path) -> None:
    futility = '{ family = "Hwang-Shih-DeCani", gamma = -2 }'
    found = justification(given(tmp_path, futility=futility, events="100"))
    assert found.plan.power < 0.45
    (note,) = (one for one in found.notes if "design.power" in one and not one.startswith("assumed"))
    assert "not the 90% of design.power" in note
    assert not any("not the 90%" in one for one in justification(given(tmp_path, futility=futility)).notes)


FAMILIES = {
    '{ family = "O\'Brien-Fleming" }': design.obrien_fleming(),
    '{ family = "Pocock" }': design.pocock(),
    '{ family = "Wang-Tsiatis", delta = 0.25 }': design.WangTsiatis(0.25),
    '{ family = "Haybittle-Peto" }': design.HaybittlePeto(),
    '{ family = "Haybittle-Peto", z = 3.3 }': design.HaybittlePeto(3.3),
    '{ family = "Pampallona-Tsiatis" }': design.PampallonaTsiatis(),
    '{ family = "Pampallona-Tsiatis", delta = 0.1, delta_futility = 0.2 }': design.PampallonaTsiatis(0.1, 0.2),
    '{ family = "Lan-DeMets", kind = "pocock" }': design.LanDeMets("pocock"),
    '{ family = "Kim-DeMets", rho = 3 }': design.KimDeMets(3),
    '{ family = "Hwang-Shih-DeCani", gamma = -4 }': design.HwangShihDeCani(-4),
    '{ family = "user", shares = [0.2, 1] }': design.UserSpending((0.2, 1)),
}


@pytest.mark.parametrize("written", FAMILIES)
def test_every_family_of_efficacy_bounds(written: str, tmp_path: Path) -> None:
    assert planned(tmp_path, efficacy=written).test.efficacy == FAMILIES[written]


@pytest.mark.parametrize("written", [one for one, kind in FAMILIES.items() if hasattr(kind, "spent")])
def test_every_spending_of_futility(written: str, tmp_path: Path) -> None:
    free, bound = (planned(tmp_path, futility=written, binding=binding) for binding in ("false", "true"))
    assert free.test.futility == bound.test.futility == FAMILIES[written]
    assert (free.test.binding, bound.test.binding) == (False, True)
    assert free.futility_bounds is not None


CONTROLS = {
    '{ median = "8 months", shape = 0.8 }': design.median("8 months", shape=0.8),
    '{ pieces = [{ monthly_hazard = 0.12, until = "6 months" }, { monthly_hazard = 0.06 }] }': design.hazard(
        [0.12, 0.06], until=["6 months"]
    ),
    '{ survival = { "12 months" = 0.4, "24 months" = 0.2 } }': design.survival_at({"12 months": 0.4, "24 months": 0.2}),
}


@pytest.mark.parametrize("written", CONTROLS)
def test_every_way_to_give_the_control_arm(written: str, tmp_path: Path) -> None:
    assert planned(tmp_path, control=written).population.control[""] == CONTROLS[written]


def test_strata_have_a_hazard_of_their_own_or_that_of_all(tmp_path: Path) -> None:
    strata = '{ x = { share = 0.3, control = { median = "4 months" } }, y = { share = 0.7 } }'
    people = planned(tmp_path, strata=strata).population
    assert dict(people.strata) == {"x": 0.3, "y": 0.7}
    assert dict(people.control) == {"x": design.median("4 months"), "y": design.median("8 months")}


def test_who_leaves_and_who_is_given_what(tmp_path: Path) -> None:
    both = planned(tmp_path, dropout='{ share = 0.05, by = "12 months" }').population.dropout
    assert set(both.values()) == {design.dropout(0.05, by="12 months")}
    by_arm = planned(tmp_path, dropout='{ by = "12 months", shares = { A = 0.1, B = 0.05 } }').population
    assert by_arm.dropout["A"] == design.dropout(0.1, by="12 months")
    assert by_arm.dropout["B"] == design.dropout(0.05, by="12 months")
    assert by_arm.allocation == (1, 1)
    assert planned(tmp_path, allocation="{ B = 2, A = 1 }").population.allocation == (2, 1)


def test_how_patients_come_and_how_long_they_are_followed(tmp_path: Path) -> None:
    periods = '[{ monthly = 5, length = "3 months" }, { monthly = 20 }]'
    ramp = planned(tmp_path, accrual=None, accrual_periods=periods)
    assert ramp.accrual.rates == pytest.approx((5 / 30.4375, 20 / 30.4375))
    assert ramp.patients == pytest.approx(ramp.accrual.patients)
    assert planned(tmp_path, follow_up_each='"24 months"').population.follow_up_each == 24 * 30.4375
    longer = planned(tmp_path, follow_up=None, patients="400")
    assert longer.patients == 400
    assert longer.solved == ("events", "follow_up")
    weaker = planned(tmp_path, power=None, events="200")
    assert weaker.solved == ("power", "patients")
    detectable = planned(tmp_path, minimum_relevant_hazard_ratio=None, events="200")
    assert "ratios" in detectable.solved


def test_methods_follow_the_summary_unless_one_is_named(tmp_path: Path) -> None:
    assert planned(tmp_path).method == "schoenfeld"
    for name in get_args(Named):
        assert planned(tmp_path, method=f'"{name}"').method == name
    means = TRIAL.replace(
        '"hazard ratio"', '"difference in restricted mean survival time"\nrestriction_time = "9 months"'
    )
    assert planned(tmp_path, means).method == design.RestrictedMean("9 months")
    assert planned(tmp_path, means, method='"score"').method == "score"  # a log-rank test may stand beside a mean
    at = TRIAL.replace('"hazard ratio"', '"difference in milestone survival"\nmilestone = "12 months"')
    assert planned(tmp_path, at).method == design.Milestone("12 months")


def test_margins_and_events_that_are_hoped_for(tmp_path: Path) -> None:
    margin = planned(tmp_path, null_hazard_ratio="1.3", minimum_relevant_hazard_ratio="1.0")
    assert margin.null_hazard_ratio == 1.3
    hoped = TRIAL.replace('label = "Overall survival"', 'label = "Response", event_is = "benefit"')
    plan = planned(tmp_path, hoped, minimum_relevant_hazard_ratio="1.5")
    assert plan.event_is == "benefit"
    assert plan.efficacy_effects is not None
    assert (plan.efficacy_effects > 1).all()
    believed = '[{ label = "one", mean_log_hazard_ratio = 0.4, sd = 0.1 }]'
    found = justification(given(tmp_path, hoped, minimum_relevant_hazard_ratio="1.5", priors=believed))
    assert found.assurances[0].plan > 0.8


def test_whole_blocks_are_those_of_the_randomization_unless_given(tmp_path: Path) -> None:
    assert justification(given(tmp_path)).plan.patients % 4 == 0
    assert justification(given(tmp_path, block_size="50")).plan.patients % 50 == 0
    loose = TRIAL.replace("[4]", "[4, 6]")
    assert justification(given(tmp_path, loose)).plan.patients % 2 == 0


# What stands beside the plan


def test_assurance_is_of_the_log_hazard_ratio(tmp_path: Path) -> None:
    sure = f'[{{ label = "sure", mean_log_hazard_ratio = {math.log(0.7)}, sd = 1e-6 }}]'
    found = justification(given(tmp_path, priors=sure, allocation="{ B = 2, A = 1 }"))
    assert found.assurances[0].plan == pytest.approx(found.plan.power, abs=1e-6)
    assert found.assurances[0].published is None
    one_look = justification(
        given(tmp_path, priors='[{ label = "p", mean_log_hazard_ratio = -0.3, sd = 0.2 }]', information_fractions="[1]")
    )
    information = one_look.plan.events / 4
    z = -float(design.group_sequential(
        alpha=0.025, sided=1, information_fractions=[1], efficacy=LAN_DEMETS
    ).efficacy_bounds[0])  # fmt: skip
    by_hand = 0.5 * math.erfc(-(0.3 * math.sqrt(information) + z) / math.sqrt(1 + 0.04 * information) / math.sqrt(2))
    assert one_look.assurances[0].plan == pytest.approx(by_hand, rel=1e-9)


def test_priors_of_other_effects_have_a_reason(tmp_path: Path) -> None:
    means = TRIAL.replace(
        '"hazard ratio"', '"difference in restricted mean survival time"\nrestriction_time = "9 months"'
    )
    prior = '[{ label = "p", mean_log_hazard_ratio = -0.3, sd = 0.2 }]'
    rows = justification(given(tmp_path, means, priors=prior)).rows()
    (row,) = (row for row in rows if row.statistic == "assurance")
    assert row.value is None
    assert row.reason == "a prior of the log hazard ratio is none of what this test estimates"


@pytest.fixture(scope="module")
def tandem() -> Justification:
    return justification(example("tandem"))


def test_tandem_is_sized_for_what_matters_and_warns_of_what_was_published(tandem: Justification) -> None:
    assert tandem.published is not None
    assert (tandem.published_hazard_ratio, tandem.published_path) == (0.63, "published.numbers[2]")
    assert tandem.published.hazard_ratio[""].values == (0.63,)
    assert tandem.published.events < tandem.plan.events
    shown, sceptical = tandem.assurances
    assert shown.published is not None
    assert sceptical.published is not None
    assert sceptical.published < shown.published < 0.9 < tandem.published.power
    assert sceptical.prior.sd == pytest.approx(-math.log(0.63) / 1.6448536269514722, abs=5e-5)
    curse = tandem.notes[0]
    assert "winner's curse" in curse
    assert "81.4% (what TAnDEM showed)" in curse
    assert "not the 90.1%" in curse
    assert any(note.startswith("unknown: design.looks_of_this_trial: ") for note in tandem.notes)
    assert sum(note.startswith("assumed: design.") for note in tandem.notes) == 10


def test_rows_of_a_justification_say_where_they_come_from(tandem: Justification) -> None:
    rows = tandem.rows()
    assert [r.analysis for r in rows] == sorted((r.analysis for r in rows), key=[
        "design", "formulas", "assurance", "published effect"
    ].index)  # fmt: skip
    assert {(r.role, r.estimand, r.endpoint) for r in rows} == {("design", "PFS, treatment policy", "PFS")}
    assert {r.toml_path for r in rows} == {"design", "design.priors[0]", "design.priors[1]", "published.numbers[2]"}
    assert all(r.reason for r in rows if r.value is None and r.statistic != "sentence")
    assert str(tandem) == str(tandem.plan)
    assert tandem.table().height == len(rows)
    formulas = [r.value for r in rows if r.analysis == "formulas" and r.statistic == "events"]
    assert formulas == [plan.events for plan in tandem.side_by_side.plans.values()]


def test_the_synopsis_tells_of_the_design(tmp_path: Path) -> None:
    lines = dict(synopsis(example("tandem")))["Design"]
    assert lines[0] == "A trial that would follow TAnDEM, of the same treatments"
    assert "minimum relevant hazard ratio: 0.7" in lines
    trial = given(
        tmp_path,
        looks_of_this_trial='"two"',
        futility='{ family = "Hwang-Shih-DeCani", gamma = -2 }',
        strata='{ x = { share = 0.3, control = { survival = { "12 months" = 0.4 } } }, y = { share = 0.7 } }',
        dropout='{ by = "1 year", shares = { A = 0.1, B = 0.05 } }',
        accrual=None,
        accrual_periods='[{ monthly = 5, length = "3 months" }, { monthly = 20 }]',
        follow_up_each='"2 years"',
        allocation="{ B = 2, A = 1 }",
        block_size="6",
        null_hazard_ratio="1.1",
    )
    assert dict(synopsis(trial))["Design"] == [
        "looks of this trial: two",
        "estimand: main; 1-sided test of a hazard ratio of 1.1 at alpha 0.025, power 0.9, by schoenfeld",
        "looks at 0.6, 1 of the events; efficacy by Lan-DeMets (kind obrien-fleming); "
        "futility by Hwang-Shih-DeCani (gamma -2), not binding",
        "minimum relevant hazard ratio: 0.7",
        "control arm: median 8 months",
        "stratum x: 30%, without an event 0.4 at 12 months",
        "stratum y: 70%",
        "dropout: A 0.1, B 0.05 by 1 year",
        "accrual: 5 a month for 3 months, then 20 a month",
        "follow-up of the last patient: 12 months",
        "follow-up of each patient: 2 years",
        "allocation: B 2, A 1",
        "block size: 6",
    ]


# What is refused, and where: keys that are changed, the TOML path, words of the sentence.

KIM = '{ family = "Kim-DeMets", rho = 2 }'
REFUSED: dict[str, tuple[dict[str, str | None], str, str]] = {
    "a key that nobody defined": ({"powr": "0.9"}, "design.powr", 'Did you mean "power"'),
    "a key of no family": ({"efficacy": '{ family = "Pocock", rh = 1 }'}, "design.efficacy.rh", "unknown key"),
    "no estimand": ({"estimand": None}, "design.estimand", "missing"),
    "another estimand": ({"estimand": '"mian"'}, "design.estimand", 'Did you mean "main"'),
    "no alpha": ({"alpha": None}, "design.alpha", "missing"),
    "alpha of a half": ({"alpha": "0.5"}, "design.alpha", "less than 0.5"),
    "three sides": ({"sided": "3"}, "design.sided", "1 or 2"),
    "power of one": ({"power": "1.0"}, "design.power", "less than 1"),
    "power below alpha": ({"power": "0.02"}, "design.power", "above the 0.025"),
    "no look": ({"information_fractions": "[]"}, "design.information_fractions", "at least 1"),
    "a look before the start": ({"information_fractions": "[0, 1]"}, "design.information_fractions[0]", "greater"),
    "looks that do not rise": ({"information_fractions": "[0.6, 0.5, 1]"}, "design.information_fractions[1]", "rise"),
    "a last look too early": ({"information_fractions": "[0.5, 0.8]"}, "design.information_fractions", "0.8"),
    "looks on one event": ({"information_fractions": "[0.5, 0.5001, 1]"}, "design.information_fractions", "one after"),
    "no efficacy": ({"efficacy": None}, "design.efficacy", "missing"),
    "a family nobody knows": ({"efficacy": '{ family = "Pokock" }'}, "design.efficacy.family", "Pocock"),
    "a family without its key": ({"efficacy": '{ family = "Kim-DeMets" }'}, "design.efficacy", "`rho`"),
    "a key of another family": ({"efficacy": '{ family = "Pocock", rho = 1 }'}, "design.efficacy", "no `rho`"),
    "spending that falls": ({"efficacy": '{ family = "Kim-DeMets", rho = -1 }'}, "design.efficacy", "above zero"),
    "shares for other looks": ({"efficacy": '{ family = "user", shares = [1] }'}, "design.efficacy.shares", "2 looks"),
    "shares that fall": ({"efficacy": '{ family = "user", shares = [0.5, 0.2] }'}, "design.efficacy", "do not rise"),
    "a delta too far": ({"efficacy": '{ family = "Wang-Tsiatis", delta = 2 }'}, "design.efficacy", "between -1 and 1"),
    "futility that spends nothing": ({"futility": '{ family = "Pocock" }'}, "design.futility.family", "spends no"),
    "futility with two sides": ({"futility": KIM, "sided": "2"}, "design.futility", "sided = 1"),
    "futility without power": ({"futility": KIM, "power": None}, "design.power", "futility"),
    "futility twice": (
        {"futility": KIM, "efficacy": '{ family = "Pampallona-Tsiatis" }'}, "design.futility", "their own",
    ),
    "nothing that binds": ({"binding": "true"}, "design.binding", "Give futility"),
    "binding beside a family": (
        {"futility": KIM, "binding": "true", "efficacy": '{ family = "Pocock" }'}, "design.binding", "not with Pocock",
    ),
    "binding beside the score": (
        {"futility": KIM, "binding": "true", "method": '"score"'}, "design.binding", "binding = false",
    ),
    "no effect": ({"minimum_relevant_hazard_ratio": "1"}, "design.minimum_relevant_hazard_ratio", "null hazard ratio"),
    "an effect of the wrong side": (
        {"minimum_relevant_hazard_ratio": "1.2"}, "design.minimum_relevant_hazard_ratio", "favours the control arm",
    ),
    "an effect of zero": ({"minimum_relevant_hazard_ratio": "0"}, "design.minimum_relevant_hazard_ratio", "greater"),
    "a margin of zero": ({"null_hazard_ratio": "0"}, "design.null_hazard_ratio", "greater"),
    "a margin by Freedman": (
        {"null_hazard_ratio": "1.1", "method": '"freedman"'}, "design.null_hazard_ratio", 'method = "schoenfeld"',
    ),
    "no control arm": ({"control": None}, "design.control", "hazard of the control arm"),
    "a control arm twice": (
        {"control": '{ median = "8 months", survival = { "1 year" = 0.5 } }'}, "design.control", "one of",
    ),
    "a control arm by nothing": ({"control": "{}"}, "design.control", "one of"),
    "a median of zero": ({"control": '{ median = "0 days" }'}, "design.control", "above zero"),
    "a median without unit": ({"control": "{ median = 8 }"}, "design.control.median", "not a duration"),
    "a shape alone": ({"control": '{ survival = { "1 year" = 0.5 }, shape = 2 }'}, "design.control", "shape"),
    "a shape too large": ({"control": '{ median = "1 year", shape = 20 }'}, "design.control.shape", "equal to 10"),
    "shares that rise": (
        {"control": '{ survival = { "1 year" = 0.5, "2 years" = 0.6 } }'}, "design.control", "must fall",
    ),
    "a share of nobody": ({"control": '{ survival = { "1 year" = 0 } }'}, "design.control", "above zero"),
    "pieces without end": (
        {"control": "{ pieces = [{ monthly_hazard = 1 }, { monthly_hazard = 2 }] }"}, "design.control", "until",
    ),
    "nobody has an event": ({"control": "{ pieces = [{ monthly_hazard = 0 }] }"}, "design.control", "ever has"),
    "strata of too few": ({"strata": "{ x = { share = 0.3 } }"}, "design.strata", "0.3"),
    "strata without hazard": (
        {"strata": "{ x = { share = 1 } }", "control": None}, "design.strata.x.control", "not given",
    ),
    "a hazard of nobody": (
        {"strata": '{ x = { share = 1, control = { median = "1 year" } } }'}, "design.control", "Leave it out",
    ),
    "dropout of no arm": (
        {"dropout": '{ by = "1 year", shares = { C = 0.1 } }'}, "design.dropout.shares.C", "arm of the estimand",
    ),
    "dropout of one arm": ({"dropout": '{ by = "1 year", shares = { A = 0.1 } }'}, "design.dropout.shares", "'B'"),
    "dropout of all": ({"dropout": '{ by = "1 year", share = 1 }'}, "design.dropout.share", "less than 1"),
    "dropout by no time": ({"dropout": '{ by = "0 days", share = 0.1 }'}, "design.dropout", "above zero"),
    "dropout twice": (
        {"dropout": '{ by = "1 year", share = 0.1, shares = { A = 0.1, B = 0.1 } }'}, "design.dropout", "either",
    ),
    "allocation to another arm": ({"allocation": "{ B = 1, C = 1 }"}, "design.allocation.C", "arm of the estimand"),
    "allocation to one arm": ({"allocation": "{ B = 1 }"}, "design.allocation", "'A'"),
    "no accrual": ({"accrual": None}, "design.accrual", "how fast"),
    "accrual of no time": ({"accrual": '"0 days"'}, "design.accrual", "no time"),
    "accrual twice": ({"accrual_periods": "[{ monthly = 5 }]"}, "design.accrual_periods", "twice"),
    "a period without end": (
        {"accrual": None, "accrual_periods": '[{ monthly = 5 }, { monthly = 6, length = "1 year" }]'},
        "design.accrual_periods[0]",
        "length",
    ),
    "nobody enters": ({"accrual": None, "accrual_periods": "[{ monthly = 0 }]"}, "design.accrual_periods[0]", "nobody"),
    "patients beside rates": (
        {"accrual": None, "accrual_periods": '[{ monthly = 5, length = "1 year" }]', "patients": "300",
         "follow_up": None},
        "design.patients",
        "a last period without a length",
    ),
    "follow-up without unit": ({"follow_up": "12"}, "design.follow_up", "not a duration"),
    "follow-up longer than of each": ({"follow_up_each": '"6 months"'}, "design.follow_up", "each for 6 months"),
    "followed for no time": ({"follow_up_each": '"0 days"'}, "design.follow_up_each", "no time"),
    "too little": ({"follow_up": None}, "design", "three must be, no fewer"),
    "too much": ({"patients": "300", "events": "200"}, "design", "no more"),
    "power beside events": ({"events": "200"}, "design", "no more"),
    "power beside rates with an end": (
        {"accrual": None, "accrual_periods": '[{ monthly = 5, length = "1 year" }]'}, "design", "no more",
    ),
    "too few patients": ({"patients": "50", "follow_up": None}, "design.patients", "never give a power"),
    "more events than patients": (
        {"power": None, "events": "300", "patients": "200", "follow_up": None}, "design.events", "never have",
    ),
    "patients of nobody": ({"patients": "0"}, "design.patients", "greater than 0"),
    "a method nobody knows": ({"method": '"schonfeld"'}, "design.method", "schoenfeld"),
    "a mean without a time": ({"method": '"restricted mean"'}, "design.method", "at which time"),
    "a milestone without a time": ({"method": '"milestone"'}, "design.method", "at which time"),
    "a block that holds no ratio": ({"block_size": "3"}, "design.block_size", "multiple of 2"),
    "a prior that is sure": (
        {"priors": '[{ label = "p", mean_log_hazard_ratio = 0.0, sd = 0 }]'}, "design.priors[0].sd", "greater than 0",
    ),
    "a prior without a name": (
        {"priors": "[{ mean_log_hazard_ratio = 0.0, sd = 1 }]"}, "design.priors[0].label", "missing",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_design_is_refused_with_its_path(name: str, tmp_path: Path) -> None:
    changes, path, words = REFUSED[name]
    error = refused(tmp_path, **changes)
    assert error.where == path
    assert words in str(error), str(error)
    for python in ("hazard_ratio =", "eq.design", "sided=", "None", "()", "group_sequential"):
        assert python not in str(error).replace("minimum_relevant_hazard_ratio =", "").replace(
            "null_hazard_ratio =", ""
        )


def test_what_the_rest_of_the_protocol_lacks(tmp_path: Path) -> None:
    section = TRIAL.index("[randomization]")
    error = refused(tmp_path, TRIAL[:section] + "\n[design]\n")
    assert error.where == "design.allocation"
    competing = TRIAL.replace('"hazard ratio"', '"subdistribution hazard ratio"')
    competing = competing.replace('label = "Overall survival"', 'label = "Relapse", competing_codes = [2]')
    error = refused(tmp_path, competing)
    assert isinstance(error, UnsupportedError)
    assert error.where == "design.estimand"
    hoped = TRIAL.replace('label = "Overall survival"', 'label = "Response", event_is = "benefit"')
    assert "favours the control arm" in str(refused(tmp_path, hoped))
    with pytest.raises(DesignError, match=r"the protocol has no \[design\] \(design\)\. Add the section") as found:
        of_protocol(example("veteran"))
    assert found.value.where == "design"


def test_what_is_unknown_is_refused_only_where_it_is_needed(tmp_path: Path) -> None:
    trial = given(tmp_path, control='{ unknown = "the trial never said" }')
    assert trial.unknown["design.control"] == "the trial never said"
    with pytest.raises(DesignError, match="hazard of the control arm is not given: the trial never said"):
        of_protocol(trial)
    with pytest.raises(ProtocolError, match="unknown, but needed"):
        given(tmp_path, alpha='{ unknown = "the trial never said" }')


def test_a_published_effect_that_is_none_is_told(tmp_path: Path) -> None:
    numbers = (
        '\n[published]\nsources = { a = "x" }\n'
        'numbers = [{ statistic = "hazard ratio", estimand = "main", printed = "1.02", source = "a" }]\n'
    )
    head, tail = TRIAL.split("[design]\n")
    found = justification(given(tmp_path, head + numbers + "\n[design]\n" + tail))
    assert found.published is None
    assert found.notes[0].startswith("no trial can be sized by the published hazard ratio of 1.02: ")


@pytest.mark.parametrize("key", ["adaptive", "enrichment", "arms"])
def test_designs_that_nothing_here_proves_are_unsupported(key: str, tmp_path: Path) -> None:
    with pytest.raises(ProtocolError, match=f"`{key}` is unsupported") as caught:
        given(tmp_path, **{key: "true"})
    assert "design" in str(caught.value)
