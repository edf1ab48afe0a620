"""Those whom a model cures, and arms that differ in them: no hazard has them, and no hazard ratio takes that away."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from equipoise.errors import ProtocolError, UnsupportedError
from equipoise.protocol import Hazard, Protocol, Scenario, read
from equipoise.simulate import Cut, Looks, operating, trial, without_effect

TOML = Path(__file__).parent / "simulated_trial.toml"
CURED = {"Drug": 0.5, "Placebo": 0.2}


@pytest.fixture(scope="module")
def protocol() -> Protocol:
    return read(TOML)


def dying(cutoff: str, **law: Any) -> Scenario:
    given = {"median": "6 months", **law}
    return Scenario.model_validate({
        "label": "x", "first_patient": date(2020, 1, 1), "accrual": "1 month", "cutoff": cutoff, "patients": 3000,
        "entry": "even", "death_before_progression": given, "factors": {"REGION": {"levels": {"all": 1.0}}},
    })  # fmt: skip


@pytest.mark.parametrize("shape", [0.5, 1.0, 3.0, 8.0, 50.0])
def test_the_cured_never_have_it_whatever_the_shape(protocol: Protocol, shape: float) -> None:
    """Shares of the arms after 99 years, by which all others have died, within 4 errors. Before, a cured patient had
    the event at 5.6 times the median if the shape was 4."""
    scenario = dying("1190 months", shape=shape, cured=CURED)
    found = trial(protocol, scenario, seed=3).adtte
    own = found.filter(found["PARAMCD"] == "OS")
    for arm, share in CURED.items():
        of_arm = own.filter(own["TRT01P"] == arm)
        alive = float((of_arm["CNSR"] == 1).mean())  # type: ignore[arg-type]
        assert abs(alive - share) < 4 * (share * (1 - share) / of_arm.height) ** 0.5
    many = operating(
        protocol, looks=Looks(cuts=(Cut(time="1189 months"),), efficacy=[1.96], sided=1), scenario=scenario,
        estimand="OS", trials=1, seed=3, cox=False, executor=None,
    )  # fmt: skip
    assert many.events[0] == (own["CNSR"] == 0).sum()


def test_the_cured_in_pieces_and_by_level_never_have_it(protocol: Protocol) -> None:
    law = {"median": None, "pieces": [{"monthly_hazard": 0.2, "until": "3 months"}, {"monthly_hazard": 0.4}]}
    scenario = dying("1190 months", **law, cured={"Drug": 1.0})
    found = trial(protocol, scenario, seed=3).adtte
    own = found.filter(found["PARAMCD"] == "OS")
    assert (own.filter(own["TRT01P"] == "Drug")["CNSR"] == 1).all()
    assert (own.filter(own["TRT01P"] == "Placebo")["CNSR"] == 0).all()


def test_progression_that_never_comes_leaves_death() -> None:
    """Everybody cured of progression: death before it is all that happens."""
    protocol = read(TOML)
    scenario = dying("600 months").model_copy(
        update={
            "progression": Hazard(median="2 months", shape=6, cured={"Drug": 1.0, "Placebo": 1.0}),
            "death_after_progression": Hazard(median="1 month"),
        }
    )
    found = trial(protocol, scenario, seed=1).adtte
    assert found.filter(found["PARAMCD"] == "PFS")["EVNTDESC"].drop_nulls().unique().to_list() == ["Death"]
    alone = trial(protocol, dying("600 months"), seed=1).adtte
    for endpoint in ("PFS", "OS"):
        days = [one.filter(one["PARAMCD"] == endpoint)["AVAL"].to_list() for one in (found, alone)]
        assert days[0] == days[1]


def test_no_hazard_ratio_takes_away_that_one_arm_is_cured(protocol: Protocol) -> None:
    for cured in ({"Drug": 0.25}, {"Drug": 0.25, "Placebo": 0.0}, CURED):
        with pytest.raises(UnsupportedError, match="differ in the shares that are cured"):
            without_effect(dying("60 months", cured=cured), of="survival")
    alike = dying("60 months", cured={"Drug": 0.25, "Placebo": 0.25}, hazard_ratio={"Drug": 0.5})
    assert without_effect(alike, of="survival").death_before_progression.hazard_ratio == {"Drug": 1.0}  # type: ignore[union-attr]
    assert without_effect(dying("60 months", cured={"Drug": 0.0}), of="survival").label == "x"


def test_an_effect_that_is_not_there_is_not_taken_away(protocol: Protocol) -> None:
    alone = dying("60 months", hazard_ratio={"Drug": 0.5})
    with pytest.raises(UnsupportedError, match='no progression.*Say of="survival"'):
        without_effect(alone)
    turned = alone.model_copy(
        update={
            "progression": Hazard(median="3 months", hazard_ratio={"Drug": 0.6}),
            "death_after_progression": Hazard(median="9 months", hazard_ratio={"Placebo": 1.3}),
        }
    )
    assert without_effect(turned, of="survival").death_after_progression.hazard_ratio == {"Placebo": 1.0}  # type: ignore[union-attr]
    assert without_effect(turned, 0.8).progression.hazard_ratio == {"Drug": 0.8}  # type: ignore[union-attr]
    with pytest.raises(UnsupportedError, match="ratios of different arms, of which 0.5 would be several effects"):
        without_effect(turned, 0.5, of="survival")


GRID = """
[simulation.x]
label = "x"
estimand = "{estimand}"
scenario = "{scenario}"
alpha = 0.025
sided = 1
events = [80]
"""


@pytest.mark.parametrize(
    ("scenario", "estimand", "change", "keys", "where", "words"),
    [
        ("survival alone", "OS", ("{ Drug = 0.7 }", "{ Drug = 0.7 }, cured = { Drug = 0.2 }"),
         "hazard_ratio = [1.0]", "hazard_ratio", "differ in the shares that are cured"),
        ("survival alone", "OS", ("levels = { East = 0.3, West = 0.7 } }",
         "levels = { East = 0.3, West = 0.7 }, death_by_arm = { Placebo = { East = 6 } } }"),
         "hazard_ratio = [1.0]", "hazard_ratio", "'REGION' changes the hazards of 'Placebo' by death_by_arm"),
        ("everything", "PFS", ("", ""), "crossover = [0.0, 1.0]\nafter_crossing = { a = 1 }", "crossover",
         "depends on SEX, and one for all is to be varied"),
    ],
    ids=["cured in one arm", "a factor of the control arm", "crossing by level"],
)  # fmt: skip
def test_a_grid_that_would_not_vary_what_it_says_is_refused(
    tmp_path: Path, scenario: str, estimand: str, change: tuple[str, str], keys: str, where: str, words: str
) -> None:
    text = TOML.read_text()
    assert change[0] in text
    file = tmp_path / "trial.toml"
    file.write_text(
        (text.replace(*change) if change[0] else text) + GRID.format(scenario=scenario, estimand=estimand) + keys + "\n"
    )
    with pytest.raises(ProtocolError, match=words) as refused:
        read(file)
    assert refused.value.where == f"simulation.x.{where}"


def test_an_effect_on_progression_alone_is_no_hazard_ratio_of_death(tmp_path: Path) -> None:
    model = (
        '\n[scenario.ill]\nlabel = "Ill"\nfirst_patient = 2020-01-01\naccrual = "12 months"\ncutoff = "60 months"\n'
        'patients = 200\nprogression = { median = "6 months", hazard_ratio = { Drug = 0.7 } }\n'
        'death_before_progression = { median = "40 months" }\n'
        'death_after_progression = { median = "10 months" }\n'
        "factors = { REGION = { levels = { all = 1.0 } } }\n"
    )
    file = tmp_path / "trial.toml"
    grid = GRID.format(scenario="ill", estimand="OS") + "hazard_ratio = [0.5, 1.0]\n"
    file.write_text(TOML.read_text() + model + grid)
    with pytest.raises(ProtocolError, match="on progression alone: none of death could be varied"):
        read(file)
    mortal = model.replace('death_after_progression = { median = "10 months" }\n', "")
    file.write_text(TOML.read_text() + mortal)
    looks = Looks(cuts=(Cut(events=80),), efficacy=[1.96], sided=1)
    with pytest.raises(ProtocolError, match="nobody dies after progression in this scenario"):
        operating(read(file), looks=looks, scenario="ill", estimand="OS", trials=10, seed=1)
    assert operating(read(file), looks=looks, scenario="ill", estimand="PFS", trials=10, seed=1).unmet[0] == 0.0
