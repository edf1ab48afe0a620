"""What no trial can be is refused where a scenario and a simulation are read, with its path and what to give."""

from __future__ import annotations

from pathlib import Path

import pytest

from equipoise.errors import DesignError, ProtocolError
from equipoise.protocol import Protocol, read
from equipoise.protocol.scenarios import OWN_COLUMNS
from equipoise.reconstruct import demonstrate
from equipoise.simulate import Cut, Looks, operating, study, trial

MADE = (Path(__file__).parent / "simulated_trial.toml").read_text(encoding="utf-8")
GRID = """
[simulation.grid]
label = "PFS by effect"
estimand = "PFS"
scenario = "other"
alpha = 0.025
sided = 1
events = [40]
hazard_ratio = [0.7, 1.0]
"""
OTHER = """
[scenario.other]
label = "Other"
first_patient = 2020-01-01
accrual = "12 months"
cutoff = "36 months"
patients = 100
"""
MEDIAN = 'progression = { median = "6 months", hazard_ratio = { Drug = 0.7 } }\n'
CHANGING = 'progression = { median = "6 months", changing_hazard_ratio = { Drug = [{ hazard_ratio = %s }] } }\n'
CROSSING = (
    f'{MEDIAN}death_before_progression = {{ median = "9 months" }}\ncrossover = {{ arm = "Placebo", drug = "Drug", '
)


def made(
    folder: Path, scenario: str = MEDIAN, simulation: str = GRID, *, trial_: str = MADE, head: str = OTHER
) -> Protocol:
    """The made-up trial with one more scenario, named other, and a simulation of it."""
    path = folder / "made.toml"
    path.write_text(f"{trial_}{head}{scenario}{simulation}", encoding="utf-8")
    return read(path)


def refused(folder: Path, where: str, *words: str, **parts: str) -> None:
    with pytest.raises(ProtocolError) as found:
        made(folder, **parts)
    assert found.value.where == where
    for word in words:
        assert word in str(found.value)


def test_the_trial_itself_is_read(tmp_path: Path) -> None:
    assert made(tmp_path).simulation["grid"].hazard_ratio == (0.7, 1.0)


EVERYWHERE = ["inf", "nan", "1e300", "-1", f"1{'0' * 400}"]
REGION = "[scenario.other.factors.REGION]\nlevels = { East = 0.5, West = 0.5 }\n"
FACTOR = "[scenario.other.factors.SEX]\nlevels = { F = 0.5, M = 0.5 }\n"
FARTHEST = f"{FACTOR}death = {{ F = 1000 }}\nprogression = {{ M = 0.001 }}\n{REGION}"
# Lines of the scenario with a place for a number, the path of that number.
NUMBERS = [
    (f"{MEDIAN}accrual_pace = [{{ pace = %s }}]\n", "accrual_pace[0].pace"),
    (f"{MEDIAN}sites = {{ A = {{ pace = %s }} }}\n", "sites.A.pace"),
    ('progression = { median = "6 months", hazard_ratio = { Drug = %s } }\n', "progression.hazard_ratio.Drug"),
    (CHANGING, "progression.changing_hazard_ratio.Drug[0].hazard_ratio"),
    ('progression = { median = "6 months", shape = %s }\n', "progression.shape"),
    ("progression = { pieces = [{ monthly_hazard = %s }] }\n", "progression.pieces[0].monthly_hazard"),
    (f'{MEDIAN}dropout = {{ median = "9 years", cured = {{ Drug = %s }} }}\n', "dropout.cured.Drug"),
    (f"{MEDIAN}{FACTOR}death = {{ F = %s }}\n", "factors.SEX.death.F"),
    (f"{MEDIAN}{FACTOR}progression = {{ F = %s }}\n", "factors.SEX.progression.F"),
    (f"{MEDIAN}{FACTOR}death_by_arm = {{ Drug = {{ F = %s }} }}\n", "factors.SEX.death_by_arm.Drug.F"),
    (f"{MEDIAN}{FACTOR}progression_by_arm = {{ Drug = {{ F = %s }} }}\n", "factors.SEX.progression_by_arm.Drug.F"),
    (f"{CROSSING}probability = 0.5, death_hazard_ratio = %s }}\n", "crossover.death_hazard_ratio"),
    (f"{CROSSING}probability = %s }}\n", "crossover.probability"),
    (f"{MEDIAN}weight = {{ mean = 70, sd = %s }}\n", "weight.sd"),
    (f"{MEDIAN}weight = {{ mean = 70, sd = 9, most = %s }}\n", "weight.most"),
    (f"{MEDIAN}missed_doses = %s\n", "missed_doses"),
]


@pytest.mark.parametrize(("lines", "where"), NUMBERS)
def test_numbers_of_a_scenario(lines: str, where: str, tmp_path: Path) -> None:
    for number in EVERYWHERE:
        refused(tmp_path, f"scenario.other.{where}", "Give ", scenario=lines % number)


TOO_FAR = {
    "shape": ("1e-9", "0", "101"),
    "monthly_hazard": ("1e-300", "1001"),
    "pace": ("5e-324", "2e9"),
    "hazard_ratio": ("0", "0.0001", "1001"),
    "death_hazard_ratio": ("0", "1001"),
    "F": ("0", "1e-9", "2000"),
}


@pytest.mark.parametrize(
    ("lines", "where", "number"),
    [(lines, where, number) for lines, where in NUMBERS for number in TOO_FAR.get(where.rpartition(".")[2], ())],
)
def test_numbers_that_no_trial_has(lines: str, where: str, number: str, tmp_path: Path) -> None:
    refused(tmp_path, f"scenario.other.{where}", "ive ", scenario=lines % number)


def test_numbers_of_a_simulation(tmp_path: Path) -> None:
    crossing = GRID.replace("hazard_ratio = [0.7, 1.0]", "crossover = [0.5]\nafter_crossing = { half = %s }")
    scenario = f"{CROSSING}probability = 0.5 }}\n"
    for number in EVERYWHERE:
        grid = GRID.replace("0.7, 1.0", number)
        refused(tmp_path, "simulation.grid.hazard_ratio[0]", "Give ", simulation=grid)
        grid = GRID.replace("0.025", number)
        refused(tmp_path, "simulation.grid.alpha", "Give ", simulation=grid)
        refused(
            tmp_path, "simulation.grid.after_crossing.half", "Give ", scenario=scenario, simulation=crossing % number
        )
    for number in ("0", f"1{'0' * 400}"):
        refused(tmp_path, "simulation.grid.events[0]", "Give ", simulation=GRID.replace("[40]", f"[{number}]"))


def test_a_limit_is_told_as_one_reads_it(tmp_path: Path) -> None:
    pace = f"{MEDIAN}accrual_pace = [{{ pace = 2e9 }}]\n"
    refused(tmp_path, "scenario.other.accrual_pace[0].pace", "Give 1,000,000,000 or less.", scenario=pace)
    refused(
        tmp_path, "scenario.other.progression.shape", "Give 0.1 or more.",
        scenario='progression = { median = "6 months", shape = 1e-9 }\n',
    )  # fmt: skip


@pytest.mark.parametrize(
    "scenario",
    [
        f'{law}dropout = {{ median = "1 day", shape = 100 }}\n{FARTHEST}'
        for law in (
            'progression = { median = "6 months", shape = 0.1, hazard_ratio = { Drug = 0.001 } }\n',
            'progression = { median = "6 months", shape = 100, hazard_ratio = { Drug = 1000 } }\n',
            "progression = { pieces = [{ monthly_hazard = 1000 }], hazard_ratio = { Drug = 1000 } }\n",
            "progression = { pieces = [{ monthly_hazard = 1e-9 }], hazard_ratio = { Drug = 0.001 } }\n"
            'accrual_pace = [{ pace = 1e9, until = "3 months" }, { pace = 1e-9 }]\n',
        )
    ],
)
@pytest.mark.filterwarnings("error")
def test_what_is_let_through_is_drawn(scenario: str, tmp_path: Path) -> None:
    protocol = made(tmp_path, scenario, simulation="")
    adsl = trial(protocol, "other", seed=1).adsl
    assert adsl is not None
    assert adsl.height == 100


def test_sides_are_a_number(tmp_path: Path) -> None:
    for given in ("true", "false", "1.0", "3"):
        grid = GRID.replace("sided = 1", f"sided = {given}")
        refused(tmp_path, "simulation.grid.sided", "1 or 2", simulation=grid)
    for given in (1, 2):
        read_so = made(tmp_path, simulation=GRID.replace("sided = 1", f"sided = {given}"))
        assert read_so.simulation["grid"].sided == given


@pytest.mark.parametrize(
    ("key", "simulation"),
    [
        ("scenario", GRID.replace('"other"', "UNKNOWN")),
        ("subjects", f"{GRID}subjects = UNKNOWN\n"),
        ("events", GRID.replace("[40]", "UNKNOWN")),
        ("delay", f"{GRID}delay = UNKNOWN\n"),
        ("milestone", f"{GRID}milestone = UNKNOWN\n"),
        ("truth", f"{GRID}truth = UNKNOWN\n"),
        ("designs.two.efficacy", f"{GRID}designs.two = {{ events = [30], efficacy = UNKNOWN }}\n"),
    ],
)
def test_what_is_unknown_of_a_simulation_stops_it(key: str, simulation: str, tmp_path: Path) -> None:
    """Whether on reading, where there is no default, or before anything is simulated."""
    told: list[str] = []
    simulation = simulation.replace("UNKNOWN", '{ unknown = "not yet agreed" }')
    if key.startswith("designs"):
        simulation = simulation.replace("events = [40]\n", "")
    with pytest.raises(ProtocolError) as found:
        study(made(tmp_path, simulation=simulation), trials=10, progress=told.append)
    assert found.value.where == f"simulation.grid.{key}"
    assert "unknown" in str(found.value)
    assert not told


LEVELS = "{ levels = { F = 0.5, M = 0.5 } }"


def test_factors_are_columns_of_their_own(tmp_path: Path) -> None:
    for name in (*OWN_COLUMNS, "TRT01P", "TRT01PN", "siteid", "Xofl"):
        lines = f"{MEDIAN}factors = {{ {name} = {LEVELS} }}\n"
        refused(tmp_path, f"scenario.other.factors.{name}", "Name the factor otherwise", scenario=lines)
    lines = f"{MEDIAN}factors = {{ Sex = {LEVELS}, SEX = {LEVELS} }}\n"
    refused(tmp_path, "scenario.other.factors.SEX", "'Sex'", scenario=lines)
    with_data = MADE.replace("[data]\n", '[data]\narm = "Group"\n')
    for name in ("GROUP", "GroupN"):
        lines = f"{MEDIAN}factors = {{ {name} = {LEVELS} }}\n"
        refused(tmp_path, f"scenario.other.factors.{name}", "of their own", scenario=lines, trial_=with_data)


def test_the_columns_that_simulated_data_have_of_their_own(tmp_path: Path) -> None:
    """The list by which factors are refused is that of the columns which there are."""
    lines = (
        f"{CROSSING}probability = 0.5 }}\nsites = {{ A = {{ pace = 1 }} }}\nweight = {{ mean = 70, sd = 9 }}\n"
        f"{FACTOR}{REGION}"
    )
    adsl = trial(made(tmp_path, lines), "other", seed=1).adsl
    assert adsl is not None
    assert {*adsl.columns} == {*OWN_COLUMNS, "TRT01P", "TRT01PN", "ITTFL", "SAFFL", "SEX", "REGION"}


ABSURD = ["99999999999 years", "101 years", "36526 days"]


@pytest.mark.parametrize("duration", ABSURD)
def test_durations_that_no_trial_has(duration: str, tmp_path: Path) -> None:
    lines = {
        "sites.A.opens": f'{MEDIAN}sites = {{ A = {{ pace = 1, opens = "{duration}" }} }}\n',
        "sites.A.closes": f'{MEDIAN}sites = {{ A = {{ pace = 1, closes = "{duration}" }} }}\n',
        "detection.spread": f'{MEDIAN}detection = {{ visit = "scan", spread = "{duration}" }}\n',
        "detection.lag.Drug": f'{MEDIAN}detection = {{ visit = "scan", lag = {{ Drug = "{duration}" }} }}\n',
        "crossover.delay": f'{CROSSING}probability = 0.5, delay = "{duration}" }}\n',
    }
    for where, scenario in lines.items():
        refused(tmp_path, f"scenario.other.{where}", "give 100 years or less", scenario=scenario)
    for key, own in (("accrual", "12 months"), ("cutoff", "36 months")):
        other = OTHER.replace(f'{key} = "{own}"', f'{key} = "{duration}"')
        refused(tmp_path, f"scenario.other.{key}", "give 100 years or less", trial_=MADE + other, head="")
    for key in ("delay", "accrual"):
        grid = f'{GRID}{key} = ["{duration}"]\n'
        refused(tmp_path, f"simulation.grid.{key}[0]", "give 100 years or less", simulation=grid)
    for key in ("restricted_mean", "milestone"):
        grid = f'{GRID}{key} = "{duration}"\n'
        refused(tmp_path, f"simulation.grid.{key}", "give 100 years or less", simulation=grid)


def test_dates_have_four_digits_of_a_year(tmp_path: Path) -> None:
    other = OTHER.replace("2020-01-01", "9997-06-01")
    refused(tmp_path, "scenario.other", "earlier first_patient", head=other)
    late = made(tmp_path, MEDIAN + REGION, head=OTHER.replace("2020-01-01", "9996-12-01"))
    adsl = trial(late, "other", seed=1).adsl
    assert adsl is not None
    assert str(adsl["DCUTDT"][0]) == "9999-12-01"
    refused(tmp_path, "simulation.grid.accrual", "earlier first_patient", simulation=f'{GRID}accrual = ["2 years"]\n',
            head=OTHER.replace("2020-01-01", "9996-12-01"))  # fmt: skip


def test_numbers_of_patients_have_a_limit(tmp_path: Path) -> None:
    most = "10,000,000 or less"
    simple = MADE.replace('procedure = "permuted blocks"', 'procedure = "simple"')
    simple = simple.replace('block_sizes = [3, 6]\nstrata = ["REGION"]\n', "")
    for given, where in (
        ("10_000_001", ".subjects"), (f"1{'0' * 400}", ".subjects"), ("{ Drug = 9_999_999, Placebo = 2 }", ""),
        (f"{{ Drug = 1{'0' * 400}, Placebo = 2 }}", ""),
    ):  # fmt: skip
        grid = f"{GRID}subjects = {given}\n"
        refused(tmp_path, f"simulation.grid{where}", most, simulation=grid, trial_=simple)
    protocol = made(tmp_path, MEDIAN, trial_=simple)
    looks = Looks(cuts=(Cut(events=50),), efficacy=[1.96], sided=1)
    for subjects in (10_000_001, 10**400, {"Drug": 9_999_999, "Placebo": 2}):
        with pytest.raises(DesignError, match=most) as found:
            trial(protocol, "other", seed=1, subjects=subjects)
        assert found.value.where == "subjects"
        with pytest.raises(DesignError, match=most):
            operating(protocol, looks=looks, scenario="other", trials=1, seed=1, subjects=subjects)


def test_numbers_of_trials_have_a_limit(tmp_path: Path) -> None:
    protocol = made(tmp_path)
    looks = Looks(cuts=(Cut(events=50),), efficacy=[1.96], sided=1)
    for trials in (10**10 + 1, 10**20, 10**400):
        with pytest.raises(DesignError, match=r"Give at most 10,000,000,000\."):
            operating(protocol, looks=looks, scenario="survival alone", estimand="OS", trials=trials, seed=1)
        with pytest.raises(DesignError, match="Give at most"):
            study(protocol, trials=trials)


def test_as_many_trials_as_may_be_begin_at_once(tmp_path: Path) -> None:
    """What is still to be done takes no memory and no time: the first thousand are there, then it is stopped."""

    def stop(_: float) -> None:
        raise KeyboardInterrupt

    looks = Looks(cuts=(Cut(events=50),), efficacy=[1.96], sided=1)
    found = operating(
        made(tmp_path), looks=looks, scenario="survival alone", estimand="OS", trials=10**10, seed=1, progress=stop
    )
    assert found.interrupted
    assert found.trials == 1_000


def test_what_is_unknown_of_a_simulation_is_not_demonstrated(tmp_path: Path) -> None:
    """The scenario that a table does not know may be any: the first, which may have no crossover, is not taken."""
    grid = GRID.replace("hazard_ratio = [0.7, 1.0]", "crossover = [0.5]\nafter_crossing = { half = 0.5 }")
    protocol = made(tmp_path, simulation=grid.replace('"other"', '{ unknown = "not agreed" }'))
    with pytest.raises(ProtocolError, match="unknown: not agreed") as found:
        demonstrate(protocol, "grid", trial(protocol, "everything", seed=1), cohorts=1)
    assert found.value.where == "simulation.grid.scenario"


def test_a_number_of_thousands_of_digits_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProtocolError, match="too many digits"):
        made(tmp_path, simulation=GRID.replace("[40]", f"[1{'0' * 5000}]"))
