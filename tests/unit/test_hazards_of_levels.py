"""Levels of a factor that have hazards of their own: of another shape, in other pieces, with other hazard ratios."""

from __future__ import annotations

import math
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import equipoise as eq
from equipoise.design import accrual, group_sequential, hazard, obrien_fleming, survival
from equipoise.errors import ProtocolError, UnsupportedError
from equipoise.protocol import Protocol, Scenario, read
from equipoise.protocol.varied import check_effect, delayed
from equipoise.simulate import Cut, Looks, Trials, model, nature, nature_of, operating, trial, without_effect
from equipoise.simulate.operating import analyzed_by, of_plan
from equipoise.simulate.trial import analysis_of
from equipoise.units import DAYS_PER_MONTH

TOML = Path(__file__).parent / "simulated_trial.toml"
LAW = {
    "pieces": [{"monthly_hazard": 0.05, "until": "6 months"}, {"monthly_hazard": 0.1}],
    "hazard_ratio": {"Drug": 0.5},
    "by": "STRATUM",
    "levels": {
        "high": {"pieces": [{"monthly_hazard": 0.3, "until": "2 months"}, {"monthly_hazard": 0.02}]},
        "odd": {
            "median": "4 months",
            "shape": 2.0,
            "hazard_ratio": {"Drug": 0.8},
        },
        "late": {
            "changing_hazard_ratio": {"Drug": [{"hazard_ratio": 1.0, "until": "3 months"}, {"hazard_ratio": 0.4}]}
        },
    },
}
LEVELS = {"low": 0.3, "high": 0.3, "odd": 0.2, "late": 0.2}


@pytest.fixture(scope="module")
def protocol() -> Protocol:
    return read(TOML)


def given(law: dict[str, Any] = LAW, **more: Any) -> dict[str, Any]:
    return {
        "label": "hazards of levels", "first_patient": date(2020, 1, 1), "accrual": "12 months", "cutoff": "30 months",
        "patients": 150, "death_before_progression": law,
        "factors": {"STRATUM": {"levels": LEVELS}, "REGION": {"levels": {"East": 1.0}}}, **more,
    }  # fmt: skip


def by_level(law: dict[str, Any] = LAW, **more: Any) -> Scenario:
    return Scenario.model_validate(given(law, **more))


def law_of(level: str, arm: str) -> tuple[list[float], list[float]]:
    """Ends in months and monthly hazards of the levels in pieces, written out by hand."""
    drug = arm == "Drug"
    return {
        "low": ([6, math.inf], [0.025, 0.05] if drug else [0.05, 0.1]),
        "high": ([2, math.inf], [0.15, 0.01] if drug else [0.3, 0.02]),
        "late": ([3, 6, math.inf], [0.05, 0.02, 0.04] if drug else [0.05, 0.05, 0.1]),
    }[level]


def survives(level: str, arm: str, months: float) -> float:
    if level == "odd":
        ratio = 0.8 if arm == "Drug" else 1.0
        return math.exp(-math.log(2) * ratio * (months / 4) ** 2)
    ends, rates = law_of(level, arm)
    gone, start = 0.0, 0.0
    for end, rate in zip(ends, rates, strict=True):
        gone += rate * max(0.0, min(months, end) - start)
        start = end
    return math.exp(-gone)


def test_laws_by_hand(protocol: Protocol) -> None:
    """In days and with its hazard ratio, each level's law stands where the kernel looks for it; ratios are then 1."""
    made = model(protocol, by_level())
    assert made.laws_by == "STRATUM"
    assert (made.ratios[1] == 1).all()
    assert not made.steady
    for s, level in enumerate(LEVELS):
        for a, arm in enumerate(made.arms):
            law = made.laws_by_arm[s, a, 1]
            if level == "odd":
                scale = 4 * DAYS_PER_MONTH / math.log(2) ** 0.5 * (0.8 if arm == "Drug" else 1.0) ** -0.5
                assert law[:3].tolist() == pytest.approx([1.0, 2.0, scale], rel=1e-14)
                continue
            ends, rates = law_of(level, arm)
            while len(ends) > 2 and rates[0] == rates[1]:  # the control arm has no ratio that changes
                ends, rates = ends[1:], rates[1:]
            m, at = len(ends), 3 + (len(law) - 3) // 2
            assert law[:2].tolist() == [2.0, m]
            assert law[3 : 2 + m].tolist() == pytest.approx([end * DAYS_PER_MONTH for end in ends[:-1]], rel=1e-14)
            assert law[at : at + m].tolist() == pytest.approx([rate / DAYS_PER_MONTH for rate in rates], rel=1e-14)


def test_shares_alive_are_those_of_each_law(protocol: Protocol) -> None:
    """60,000 patients: who is alive at four times, by level and arm, within four Monte Carlo errors of the closed form
    (48 comparisons; a share of them would be beyond by chance in one run of 300)."""
    chosen = by_level(patients=60_000, accrual="1 month", cutoff="200 months")
    rows = trial(protocol, chosen, seed=5).endpoint_rows("OS")
    for level in LEVELS:
        for arm, named in (("Drug", "Drug"), ("Placebo", "Placebo")):
            days = rows.filter((pl.col("STRATUM") == level) & (pl.col("TRT01P") == arm))["AVAL"].to_numpy()
            for months in (1.0, 2.5, 4.0, 9.0):
                day = math.floor(months * DAYS_PER_MONTH)  # an event at t falls on day ceil(t)
                share = survives(level, named, day / DAYS_PER_MONTH)
                error = math.sqrt(share * (1 - share) / len(days))
                assert abs((days > day).mean() - share) < 4 * error, (level, arm, months)


def test_illness_and_death_by_level_are_those_of_an_integral(protocol: Protocol) -> None:
    """60,000 patients whose progression, death before and death after it have pieces of their own by level and arm: who
    is free of both and who is alive, at four times, within four Monte Carlo errors of a numerical integral (48
    comparisons)."""
    laws = {
        "progression": LAW,
        "death_before_progression": {
            "pieces": [{"monthly_hazard": 0.02}], "by": "STRATUM",
            "levels": {"high": {"pieces": [{"monthly_hazard": 0.0, "until": "1 month"}, {"monthly_hazard": 0.08}]}},
        },
        "death_after_progression": {
            "pieces": [{"monthly_hazard": 0.1, "until": "3 months"}, {"monthly_hazard": 0.05}], "by": "STRATUM",
            "levels": {"low": {"hazard_ratio": {"Drug": 2.0}}},
        },
    }  # fmt: skip
    law: dict[str, Any] = laws["death_before_progression"]
    chosen = by_level(law, **{k: v for k, v in laws.items() if k != "death_before_progression"},
                      patients=60_000, accrual="1 month", cutoff="200 months")  # fmt: skip
    data = trial(protocol, chosen, seed=6)
    grid = np.linspace(0, 9, 9_001)
    for level in LEVELS:
        for arm in ("Drug", "Placebo"):
            free = np.array([survives(level, arm, m) for m in grid])
            before = np.exp(-(0.08 * np.maximum(grid - 1, 0) if level == "high" else 0.02 * grid))
            ratio = 2.0 if (level, arm) == ("low", "Drug") else 1.0
            after = np.exp(-ratio * (0.1 * np.minimum(grid, 3) + 0.05 * np.maximum(grid - 3, 0)))
            progressing = -np.diff(free) * (before[1:] + before[:-1]) / 2
            rows = {name: data.endpoint_rows(name) for name in ("PFS", "OS")}
            days = {
                name: one.filter((pl.col("STRATUM") == level) & (pl.col("TRT01P") == arm))["AVAL"].to_numpy()
                for name, one in rows.items()
            }
            for months in (1.0, 2.5, 4.0, 9.0):
                day = math.floor(months * DAYS_PER_MONTH)
                at = int(np.searchsorted(grid, day / DAYS_PER_MONTH))
                alone = free[at] * before[at]
                left = (after[at::-1][:at] + after[at::-1][1:]) / 2  # time since progression, for each step of the grid
                for name, share in (("PFS", alone), ("OS", alone + float(progressing[:at] @ left))):
                    error = math.sqrt(share * (1 - share) / len(days[name]))
                    left_by_the_grid = 2e-4  # its steps are a thousandth of a month
                    assert abs((days[name] > day).mean() - share) < 4 * error + left_by_the_grid, (
                        name,
                        level,
                        arm,
                        months,
                    )


@pytest.mark.parametrize("measured", [{}, {"low": {"low": 0.7, "high": 0.3}}], ids=["as it is", "mismeasured"])
def test_many_trials_are_single_ones(protocol: Protocol, measured: dict[str, Any]) -> None:
    """Hazards are those of the true level, at visits and without, also where data have another."""
    everything = protocol.scenario["everything"]
    factors = {"STRATUM": {"levels": LEVELS, "measured": measured}}
    old = {name: dict(one) for name, one in everything.factors.items()}
    after = {**LAW, "levels": {"high": {"median": "3 months"}}}
    changed = {"progression": LAW, "death_after_progression": after, "factors": old | factors}
    chosen = Scenario.model_validate({**dict(everything), **changed})
    of = analyzed_by(protocol, chosen, analysis_of(protocol, "PFS"))
    looks = Looks(cuts=(Cut(events=30), Cut(time="20 months")), efficacy=[2.0, 2.0], sided=1)
    found = Trials(nature=nature(protocol, chosen, 120), looks=looks, seed=3, **of).found(0, 6)
    for i in range(6):
        for k, cut in enumerate(looks.cuts):
            data = trial(protocol, chosen, seed=3, number=i, subjects=120, cut=cut, estimand="PFS")
            tte = eq.analyze.endpoint(protocol, data, estimand="PFS")
            assert found[i, k, 4:6].sum() == tte.event.sum()
            assert found[i, k, 6] == pytest.approx(eq.survival.logrank(tte, stratified=True).z, rel=1e-10)


def test_the_strata_of_a_plan_are_levels_of_a_scenario(protocol: Protocol) -> None:
    """A design with hazards by stratum and a scenario that says the same draw the same trials, to the bit."""
    test = group_sequential(alpha=0.025, sided=1, information_fractions=[0.5, 1], efficacy=obrien_fleming())
    plan = survival(
        test, hazard_ratio=0.6, power=0.9, allocation={"Drug": 1, "Placebo": 1}, accrual=accrual("365 days"),
        follow_up="365 days", strata={"low": 0.4, "high": 0.6},
        control={"low": hazard([0.05]), "high": hazard([0.3, 0.02], until=["2 months"])},
    )  # fmt: skip
    drawn = nature_of(plan)
    law = {
        "pieces": [{"monthly_hazard": 0.05}], "hazard_ratio": {"Drug": 0.6}, "by": "stratum",
        "levels": {"high": {"pieces": [{"monthly_hazard": 0.3, "until": "2 months"}, {"monthly_hazard": 0.02}]}},
    }  # fmt: skip
    chosen = by_level(
        law, accrual="365 days", cutoff=f"{int(drawn.timings[0, 1])} days",
        factors={"stratum": {"levels": {"low": 0.4, "high": 0.6}}},
    )  # fmt: skip
    blocks = protocol.model_copy(update={
        "randomization": eq.protocol.Randomization(
            procedure="permuted blocks", allocation={"Drug": 1, "Placebo": 1}, block_sizes=(2,), strata=("stratum",)
        )
    })  # fmt: skip
    same = nature(blocks, chosen, drawn.patients)
    looks = Looks(cuts=(Cut(events=60), Cut(events=120)), efficacy=[2.8, 2.0], sided=1)
    one, other = (
        Trials(nature=of, looks=looks, seed=9, **of_plan(plan)).found(0, 50) for of in (drawn, same)
    )  # fmt: skip
    assert np.array_equal(one, other, equal_nan=True)


def test_no_effect_and_a_delayed_one_are_of_all_levels() -> None:
    chosen = by_level()
    none = without_effect(chosen, of="survival").death_before_progression
    assert none is not None
    assert none.hazard_ratio == {"Drug": 1.0}
    assert set(none.levels) == {"high", "odd"}  # "late" differed in its effect alone
    assert not any(one.hazard_ratio or one.changing_hazard_ratio for one in none.levels.values())
    only = by_level({**LAW, "levels": {"late": LAW["levels"]["late"]}})  # type: ignore[index]
    assert without_effect(only, of="survival").hazards_by is None
    late = delayed(only, 0.6, "3 months", of_survival=True, path="x").death_before_progression
    assert late is not None
    assert not late.hazard_ratio
    assert [one.hazard_ratio for one in late.changing_hazard_ratio["Drug"]] == [1.0, 0.6]
    with pytest.raises(ProtocolError, match="'odd': a hazard ratio that changes goes with"):
        delayed(chosen, 0.6, "3 months", of_survival=True, path="x")


def test_an_effect_in_one_level_alone_is_one(protocol: Protocol) -> None:
    """Its hazard ratio can be varied; the other arm's in one level is refused."""
    law = {"median": "9 months", "by": "STRATUM", "levels": {"high": {"hazard_ratio": {"Drug": 0.5}}}}
    check_effect(by_level(law), "Drug", "Placebo", of_survival=True, path="x")
    law["levels"] = {"high": {"hazard_ratio": {"Placebo": 0.5}}}
    with pytest.raises(ProtocolError, match="'Placebo', not of 'Drug' alone"):
        check_effect(by_level(law), "Drug", "Placebo", of_survival=True, path="x")
    looks = Looks(cuts=(Cut(time="30 months"),), efficacy=[1.96], sided=1)
    found = operating(
        protocol, looks=looks, scenario=without_effect(by_level(), of="survival"), estimand="OS", trials=2_000, seed=1
    )
    assert found.power == pytest.approx(0.025, abs=4 * math.sqrt(0.025 * 0.975 / 2_000))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"by": None}, "go together"),
        ({"levels": {}}, "go together"),
        ({"by": "SEX"}, "by 'SEX', which is none of the factors"),
        ({"levels": {"lowest": {"median": "3 months"}}}, "no level 'lowest'"),
        ({"levels": {"low": {}}}, "nothing is said of this level"),
        ({"levels": {"low": {"shape": 2.0}}}, "belongs to a median"),
        ({"levels": {"low": {"median": "3 months", "pieces": [{"monthly_hazard": 0.1}]}}}, "'low': .*hazard twice"),
        ({"levels": {"low": {"median": "0 months"}}}, "'low': the median must be above zero"),
        ({"levels": {"low": {"pieces": [{"monthly_hazard": -0.1}]}}}, "greater than or equal to 0"),
        ({"levels": {"low": {"pieces": [{"monthly_hazard": 0.1, "until": "3 months"}]}}}, "'low': every piece but"),
        (
            {"levels": {"low": {"hazard_ratio": {"Drug": 0.5},
                                "changing_hazard_ratio": {"Drug": [{"hazard_ratio": 0.5}]}}}},
            "'low': the hazard ratio of 'Drug' is given twice",
        ),
    ],
)  # fmt: skip
def test_hazards_that_are_none(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        by_level({**LAW, **changed})


def test_hazards_by_two_factors_and_discontinuation_by_one_are_refused() -> None:
    two = {"STRATUM": {"levels": LEVELS}, "SEX": {"levels": {"F": 0.5, "M": 0.5}}}
    other = {"median": "9 months", "by": "SEX", "levels": {"F": {"median": "3 months"}}}
    with pytest.raises(ValueError, match="make one factor of both"):
        by_level(factors=two, dropout=other)
    with pytest.raises(ValueError, match="`discontinuation` has one hazard"):
        by_level(factors=two, discontinuation=other)


def test_an_arm_of_a_level_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "trial.toml"
    text = TOML.read_text()
    law = 'death_before_progression = { median = "9 months", by = "X", levels.a.hazard_ratio.Durg = 0.5 }'
    text += (
        '\n[scenario.levels]\nlabel = "x"\nfirst_patient = 2020-01-01\naccrual = "12 months"\ncutoff = "24 months"\n'
        f"factors = {{ X = {{ levels = {{ a = 0.5, b = 0.5 }} }} }}\n{law}\n"
    )
    file.write_text(text)
    with pytest.raises(ProtocolError, match="there is no arm 'Durg'") as caught:
        read(file)
    assert caught.value.where == "scenario.levels.death_before_progression.levels.a.hazard_ratio.Durg"


def test_where_such_a_model_has_no_place() -> None:
    tandem = eq.protocol.example("tandem")
    stated = tandem.scenario["stated"]
    law = {**dict(stated.progression), "by": "HRCONFFL", "levels": {"N": {"median": "2 months"}}}  # type: ignore[arg-type]
    chosen = Scenario.model_validate({**dict(stated), "progression": law})
    with pytest.raises(UnsupportedError, match="one shape for all levels"):
        eq.reconstruct.ensemble.task_of(tandem, "stated", chosen, "A", 0)
    with pytest.raises(UnsupportedError, match="proving ground"):
        eq.simulate.lives_of(tandem, chosen)
