"""The arbiter of formulas: its sentence says what its numbers say, and its critical values keep alpha on its trials."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from equipoise.design import justification
from equipoise.design.from_protocol import whole
from equipoise.design.methods import FORMULAS
from equipoise.errors import DesignError, EquipoiseError, UnsupportedError
from equipoise.kernels.trials import MET, Z
from equipoise.protocol import Protocol, read
from equipoise.results import Row
from equipoise.simulate import Comparison, Cut, Looks, Trials, compare, looks_of, nature_of, operating
from equipoise.simulate.comparison import PLANNED, SIMULATED, T_TYPE, CriticalValues, Simulated
from equipoise.simulate.critical import claims, constant, t_bounds

TOML = Path(__file__).parent / "compared_trial.toml"
TRIALS = 4_000


def changed(folder: Path, *changes: tuple[str, str]) -> Protocol:
    text = TOML.read_text()
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    (folder / "trial.toml").write_text(text)
    return read(folder / "trial.toml")


@pytest.fixture(scope="module")
def protocol() -> Protocol:
    return read(TOML)


@pytest.fixture(scope="module")
def found(protocol: Protocol) -> Comparison:
    return compare(protocol, trials=TRIALS, seed=3)


def test_each_formula_is_its_plan_in_whole_numbers(protocol: Protocol, found: Comparison) -> None:
    plans = justification(protocol).side_by_side.plans
    by_name = {one.formula: one for one in found.formulas}
    assert set(by_name) == {FORMULAS[name] for name in plans}
    for name in ("freedman", "score"):
        one, plan = by_name[FORMULAS[name]], whole(protocol, plans[name])
        assert one.plan == plan
        run = operating(None, plan=plan, trials=TRIALS, seed=3, cox=False)
        assert (one.power, one.error) == (run.power, run.power_error)
    sizes = [(one.events, one.patients) for one in found.formulas]
    assert sizes == sorted(sizes)
    assert sizes[0][0] < sizes[-1][0]


def test_the_sentence_says_what_the_numbers_say(found: Comparison) -> None:
    """Every verdict again, from powers and errors alone."""
    assert found.asked == 0.8
    least = min(one.events for one in found.formulas if one.power >= 0.8)
    said = str(found)
    for one in found.formulas:
        name = one.formula.split(" (")[0]
        if one.power < 0.8 - 2 * one.error:
            tenths = math.floor(1000 * (0.8 - one.power) + 0.5) / 10
            assert found.verdict(one) == f"{tenths:.1f} points short"
            assert f"{name}: {tenths:.1f} points short" in said
        elif one.power < 0.8:
            assert found.verdict(one).endswith("points short, which is within two errors")
        elif one.events == least:
            assert f"with the fewest events by {name}: {least} events among {one.patients} patients" in said
        elif one.power > 0.8 + 2 * one.error:
            assert f"{one.events - least} event" in found.verdict(one)
            assert f"{name}: {found.verdict(one)}" in said
    assert found.verdict(found.formulas[0]).endswith("short")  # Freedman at 3:1
    assert found.verdict(found.formulas[-1]).endswith("events too many")  # Hsieh and Freedman


def z_of(protocol: Protocol, hazard_ratio: float | None) -> tuple[np.ndarray[Any, Any], Looks]:
    plan = justification(protocol).plan
    looks = looks_of(plan)
    task = Trials(nature=nature_of(plan, hazard_ratio=hazard_ratio), looks=looks, experimental="Drug",
                  control="Placebo", endpoint=1, seed=3, cox=False)  # fmt: skip
    all_ = task.found(0, TRIALS)
    return np.where(all_[:, :, MET] == 1, all_[:, :, Z], -9.0), looks


def test_critical_values_on_the_same_trials(protocol: Protocol, found: Comparison) -> None:
    none, looks = z_of(protocol, 1.0)
    effect, _ = z_of(protocol, None)
    planned, t, simulated = found.critical
    assert [one.label for one in found.critical] == [PLANNED, T_TYPE, SIMULATED]
    for one in found.critical:
        assert one.size == (none >= one.z).any(axis=1).mean()
        assert one.power == (effect >= one.z).any(axis=1).mean()
        assert one.size_error == pytest.approx(math.sqrt(one.size * (1 - one.size) / TRIALS))
    assert planned.z.tolist() == looks.efficacy.tolist()  # type: ignore[union-attr]
    assert planned.size > 0.025 + 2 * planned.size_error
    assert simulated.size == 0.025  # 100 of 4,000
    assert simulated.z == pytest.approx(simulated.constant * planned.z)
    assert 0 < simulated.constant_error < 0.05
    assert planned.size > t.size > simulated.size
    told = (
        f"type I error of {100 * planned.size:.2f}% (Monte Carlo error {100 * planned.size_error:.2f} points), not 2.5%"
    )
    assert told in str(found)


def powers(*found: tuple[int, float]) -> Comparison:
    """A comparison of plans of so many events with these powers, each with an error of .003."""
    formulas = tuple(
        Simulated(
            formula=f"formula {i}",
            plan=SimpleNamespace(events=float(n), patients=2.0 * n, power=0.9),  # type: ignore[arg-type]
            power=power,
            error=0.003,
        )
        for i, (n, power) in enumerate(found)
    )
    return Comparison(
        trials=10_000, seed=1, asked=0.9, formulas=formulas, alpha=0.025, binding=None, critical=(), reason="",
        context=Row(statistic=""),
    )  # fmt: skip


def test_a_small_plan_within_two_errors_is_not_named_for_its_luck() -> None:
    one = powers((332, 0.8945), (334, 0.8959), (340, 0.9001), (350, 0.907))
    assert "reached with the fewest events by formula 2: 340 events among 680 patients" in str(one)
    assert one.verdict(one.formulas[0]) == "0.6 points short, which is within two errors"
    assert one.verdict(one.formulas[3]) == "10 events too many"
    none = powers((332, 0.88), (340, 0.8996))
    assert "no formula reaches the power of 90% asked for; nearest, within two errors, is formula 1: 340" in str(none)
    assert "formula 0: 2.0 points short" in str(none)


def test_the_type_one_error_is_that_of_operating(protocol: Protocol, found: Comparison) -> None:
    run = operating(None, plan=justification(protocol).plan, trials=TRIALS, seed=3, hazard_ratio=1, cox=False)
    assert found.critical[0].size == run.power


def test_t_bounds_by_hand() -> None:
    """Tables: t(30) has its upper 2.5% point at 2.042, t(10) its upper 5% point at 1.812, t(1) its 25% point at 1."""
    got = t_bounds(ndtri(1 - np.array([0.025, 0.05, 0.25, 0.025])), np.array([32.0, 12.0, 3.0, 2.0]))
    assert got[:3] == pytest.approx([2.042, 1.812, 1.0], abs=5e-4)
    assert math.isinf(got[3])  # no degree of freedom is left
    assert t_bounds(np.array([np.inf]), np.array([40.0])).tolist() == [math.inf]  # no bound at that look
    assert t_bounds(np.array([2.0]), np.array([1e7])) == pytest.approx([2.0], abs=1e-5)


def test_t_bounds_of_the_comparison(found: Comparison) -> None:
    from scipy.stats import t as student

    planned, t, _ = found.critical
    plan = next(one.plan for one in found.formulas if one.formula == FORMULAS["score"])
    assert plan is not None
    events = [float(np.rint(x)) for x in plan.look_events.sum(axis=1)]
    assert student.sf(t.z, np.array(events) - 2) == pytest.approx(ndtr(-planned.z), rel=1e-9)


def looks(*bounds: float, futility: list[float] | None = None, sided: int = 1) -> Looks:
    cuts = tuple(Cut(events=10 * (k + 1)) for k in range(len(bounds)))
    return Looks(cuts=cuts, efficacy=list(bounds), futility=futility, sided=sided)  # type: ignore[arg-type]


def test_claims_and_the_constant_by_hand() -> None:
    z = np.array([[3.0, 0.0], [0.0, 3.0], [-1.0, 5.0], [np.nan, 2.0], [1.0, 1.0], [-4.0, 6.0], [0.0, 0.5], [0.0, 0.4]])
    assert claims(z, looks(3.0, 2.0)) == 5 / 8
    assert claims(z, looks(3.0, 2.0, futility=[-0.5, -math.inf])) == 3 / 8  # the third and the sixth had stopped
    assert claims(z, looks(3.0, 2.0, sided=2)) == 4 / 8  # the sixth had claimed for the control arm
    # Highest multiples of the bounds: 1, 1.5, 2.5, 1, 0.5, 3, 0.25, 0.2.
    assert constant(z, looks(3.0, 2.0), 3 / 8)[0] == 1.25
    assert constant(z, looks(3.0, 2.0), 0.26)[0] == 2.0  # two of eight, between 1.5 and 2.5
    assert constant(z, looks(3.0, 2.0), 0.5)[0] == 1.25  # two lie at 1: neither is let in, or both
    assert constant(z, looks(3.0, 2.0, futility=[-0.5, -math.inf]), 1 / 8)[0] == 1.25
    assert constant(z, looks(math.inf, 2.0), 2 / 8)[0] == 2.0
    for of in (looks(3.0, 2.0), looks(3.0, 2.0, futility=[-0.5, -math.inf]), looks(3.0, 2.0, sided=2)):
        for alpha in (0.1, 0.2, 0.3, 0.4, 0.6):
            c, _ = constant(z, of, alpha)
            assert claims(z, replace(of, efficacy=c * of.efficacy)) <= alpha  # type: ignore[operator]


def test_the_same_wherever_it_runs(protocol: Protocol) -> None:
    runs = [
        compare(protocol, trials=2_500, seed=7, executor=executor)
        for executor in (None, ThreadPoolExecutor(1), ThreadPoolExecutor(3))
    ]
    assert runs[0].table().equals(runs[1].table())
    assert runs[0].table().equals(runs[2].table())
    assert str(runs[0]) == str(runs[2])


def test_progress_goes_up_to_one(protocol: Protocol) -> None:
    shares: list[float] = []
    compare(protocol, trials=1_500, seed=1, progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)

    def stop(share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare(protocol, trials=3_000, seed=1, progress=stop)


def test_rows(found: Comparison) -> None:
    rows = found.rows()
    assert {(r.analysis, r.role, r.origin, r.estimand, r.population) for r in rows} == {
        ("comparison", "simulation", "simulated", "OS", "ITT")
    }
    assert all(r.method for r in rows)
    assert all(r.text for r in rows)
    assert all(r.value is not None or r.reason or r.statistic in ("sentence", "verdict") for r in rows)
    assert len({(r.group, r.statistic, r.at) for r in rows}) == len(rows)
    held = {(r.group, r.statistic): r for r in rows}
    assert held[SIMULATED, "type I error"].value == 0.025
    assert "4,000 simulated trials, seed 3" in held[SIMULATED, "constant"].method
    assert held["", "sentence"].text == str(found)


# What the sentence says in other cases


def made(found: Comparison, powers: dict[int, float], error: float, asked: float | None = 0.8) -> Comparison:
    """A comparison of the first plans, with powers that somebody wrote down."""
    formulas = tuple(replace(found.formulas[i], power=power, error=error) for i, power in powers.items())
    return replace(found, formulas=formulas, asked=asked, critical=())


def test_too_few_trials_to_tell(found: Comparison) -> None:
    few = made(found, {0: 0.77, 1: 0.79, 2: 0.82}, error=0.02)
    assert few.undecided
    said = str(few)
    assert said.startswith("The Monte Carlo error is too large to tell the formulas apart")
    assert f"of {few.formulas[0].events} to {few.formulas[2].events} events" in said
    # sqrt(43 / 36) (1.9600 + 0.8416) - 1.9600 = 1.1020: a power of .8648, and half of .0648 is four errors at 2,440
    assert [one.events for one in few.formulas][::2] == [36, 43]
    assert said.endswith("; about 3,000 trials would tell them apart")
    assert {few.verdict(one) for one in few.formulas} == {"not told apart"}
    assert not made(found, {0: 0.77, 1: 0.79, 2: 0.82}, error=0.01).undecided
    assert not made(found, {0: 0.79}, error=0.01).undecided


def test_nobody_keeps_it(found: Comparison) -> None:
    said = str(made(found, {0: 0.70, 1: 0.75}, error=0.001))
    assert "no formula keeps the power of 80% asked for within two errors; nearest is Bernstein and Lagakos" in said
    assert "Freedman: 10.0 points short" in said


def test_no_power_was_asked_for(found: Comparison, tmp_path: Path) -> None:
    given = changed(tmp_path, ('follow_up = "18 months"', "events = 43\npatients = 60"), ("power = 0.8", ""))
    other = compare(given, trials=2_000, seed=1)
    assert other.asked is None
    assert len({(one.events, one.patients, one.power) for one in other.formulas}) == 1
    said = str(other)
    assert said.startswith("No power was asked for; in 2,000 simulated trials")
    by_name = {one.formula: other.verdict(one) for one in other.formulas}
    assert by_name[FORMULAS["freedman"]].endswith("points less than planned")
    assert by_name[FORMULAS["hsieh-freedman"]].endswith("points more than planned")


def test_a_formula_without_a_plan(found: Comparison) -> None:
    none = Simulated(formula="Nobody (1999)", plan=None, reason="it has no plan")
    other = replace(found, formulas=(*found.formulas, none))
    assert "Nobody" not in str(other)
    row = next(r for r in other.rows() if r.group == "Nobody (1999)")
    assert (row.text, row.reason) == ("not estimable", "it has no plan")
    assert str(replace(found, formulas=(none,), critical=())) == "No formula's plan can be simulated"


def test_no_other_critical_values_where_alpha_is_kept(tmp_path: Path) -> None:
    equal = changed(tmp_path, ("Placebo = 1, Drug = 3", "Placebo = 1, Drug = 1"), ("ratio = 0.4", "ratio = 0.7"))
    other = compare(equal, trials=2_000, seed=1)
    (planned,) = other.critical
    assert isinstance(planned, CriticalValues)
    assert "type I error" not in str(other)
    verdict = next(r.text for r in other.rows() if r.group == PLANNED and r.statistic == "verdict")
    assert verdict == "within two errors of alpha 0.025"


def test_futility_that_is_not_binding_does_not_lower_the_type_one_error(tmp_path: Path) -> None:
    family = 'efficacy = { family = "Hwang-Shih-DeCani", gamma = -4 }'
    futile = f'{family}\nfutility = {{ family = "Hwang-Shih-DeCani", gamma = 2 }}\nbinding = '
    free = compare(changed(tmp_path, (family, f"{futile}false")), trials=2_000, seed=1)
    assert free.binding is False
    plan = justification(read(tmp_path / "trial.toml")).plan
    obeyed = operating(None, plan=plan, trials=2_000, seed=1, hazard_ratio=1, cox=False)
    assert obeyed.futility[0] > 0.5
    assert free.critical[0].size > obeyed.power
    assert "ignored, since they are not binding" in next(r.method for r in free.rows() if r.group == PLANNED)
    effect = operating(None, plan=plan, trials=2_000, seed=1, cox=False)
    assert free.critical[0].power == effect.power
    schoenfeld = ('method = "score"', 'method = "schoenfeld"')
    bound = compare(changed(tmp_path, (family, f"{futile}true"), schoenfeld), trials=2_000, seed=1)
    refused = next(one for one in bound.formulas if one.formula == FORMULAS["score"])
    assert "binding futility by spending goes with a formula" in refused.reason
    plan = justification(read(tmp_path / "trial.toml")).plan
    obeyed = operating(None, plan=plan, trials=2_000, seed=1, hazard_ratio=1, cox=False)
    assert bound.critical[0].size == obeyed.power


def test_a_design_of_another_test_stands_beside_the_formulas(tmp_path: Path) -> None:
    other = changed(
        tmp_path,
        ('summary = "hazard ratio"', 'summary = "difference in milestone survival"\nmilestone = "12 months"'),
        ('method = "score"\n', ""),
    )
    found = compare(other, trials=1_000, seed=1)
    assert found.critical == ()
    assert "difference of survival at 12 months" in found.reason
    row = next(r for r in found.rows() if r.statistic == "type I error")
    assert row.reason == found.reason
    assert not found.formulas[0].reason


def test_two_sides(tmp_path: Path) -> None:
    both = compare(changed(tmp_path, ("alpha = 0.025\nsided = 1", "alpha = 0.05\nsided = 2")), trials=2_000, seed=1)
    assert both.alpha == 0.025
    assert both.critical[-1].size <= 0.025


# What is refused


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ([("minimum_relevant_hazard_ratio = 0.4", "minimum_relevant_hazard_ratio = 0.8\nnull_hazard_ratio = 1.4")],
         "margin"),
        ([('label = "Overall survival"', 'label = "Recovery"\nevent_is = "benefit"'), ("ratio = 0.4", "ratio = 2.5")],
         "hoped for"),
        ([("alpha = 0.025\nsided = 1", "alpha = 0.05\nsided = 2"),
          ('{ family = "Hwang-Shih-DeCani", gamma = -4 }', '{ family = "Pampallona-Tsiatis" }')], "two-sided"),
    ],
)  # fmt: skip
def test_nothing_can_be_simulated(tmp_path: Path, changes: list[tuple[str, str]], words: str) -> None:
    with pytest.raises(UnsupportedError, match="nothing of this design can be simulated") as caught:
        compare(changed(tmp_path, *changes), trials=100, seed=1)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"trials": 0, "seed": 1}, "no number of trials"),
        ({"trials": 10, "seed": -1}, "no seed"),
        ({"trials": 10, "seed": 1, "executor": 3}, "no executor"),
    ],
)
def test_numbers_that_are_none(protocol: Protocol, more: dict[str, Any], words: str) -> None:
    with pytest.raises(DesignError, match=words):
        compare(protocol, **more)


def test_a_protocol_without_a_design(protocol: Protocol) -> None:
    with pytest.raises(EquipoiseError, match=r"no \[design\]"):
        compare(protocol.model_copy(update={"design": None}), trials=10, seed=1)
