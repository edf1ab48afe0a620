"""The twins for counts, multiplicity and imputation against R (counts.json), published examples and other programs
(counts_cases.json), and against what must hold of them by definition."""

from __future__ import annotations

import itertools
import json
import math
from fractions import Fraction
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest

from . import twins
from . import twins_counts as counts
from . import twins_imputation as imputation
from . import twins_multiplicity as multiplicity

FOLDER = Path(__file__).parent.parent / "reference"
R = json.loads((FOLDER / "counts.json").read_text())
CASES = json.loads((FOLDER / "counts_cases.json").read_text())
SCORE = {
    "risk_difference": {"ratio": False, "rates": False},
    "risk_ratio": {"ratio": True, "rates": False},
    "rate_difference": {"ratio": False, "rates": True},
    "rate_ratio": {"ratio": True, "rates": True},
}


def ids(case: Any) -> str:
    return case["id"] if "id" in case else "-".join(f"{float(v):g}" for v in next(iter(case.values())))


def near(got: float, want: Any, rel: float = 1e-9, abs_: float = 1e-12) -> None:
    """R leaves NaN where a value is not defined: there the twin must give nan."""
    assert got == pytest.approx(float(want), rel=rel, abs=abs_, nan_ok=True)


def whole(values: list[float]) -> list[int]:
    return [int(v) for v in values]


def exact(value: Any) -> Any:
    """ "1/3" -> the fraction; 0.25 -> the decimal number that it is written as."""
    return [exact(v) for v in value] if isinstance(value, list) else Fraction(str(value))


# ------------------------------------------------------------------------------------------------------------------- R
def test_everything_is_there() -> None:
    assert {k: len(v) for k, v in R.items()} == {
        "binomial": 60, "poisson": 33, "fisher": 24, "cmh": 37, "p_adjust": 25, "rubin": 20,
    }  # fmt: skip
    assert len(CASES) == 127
    assert len({c["id"] for c in CASES}) == 127


@pytest.mark.parametrize("case", R["binomial"], ids=ids)
def test_clopper_pearson(case: Any) -> None:
    found = counts.clopper_pearson(*whole(case["counts"]), case["level"][0])
    for got, want in zip(found, case["limits"], strict=True):
        near(got, want, abs_=0)


@pytest.mark.parametrize("case", R["poisson"], ids=ids)
def test_garwood(case: Any) -> None:
    found = counts.exact_poisson_limits(int(case["events"][0]), case["exposure"][0], case["level"][0])
    for got, want in zip(found, case["limits"], strict=True):
        near(got, want, abs_=0)


@pytest.mark.parametrize("case", R["fisher"], ids=ids)
def test_fisher(case: Any) -> None:
    found = counts.fisher(*whole(case["counts"]))
    for name in ("two_sided", "greater", "less"):
        near(found[name], case[name][0], abs_=0)


@pytest.mark.parametrize("case", R["cmh"], ids=ids)
def test_mantelhaen(case: Any) -> None:
    table = [whole(case[k]) for k in ("events_1", "total_1", "events_0", "total_0")]
    plain, corrected = counts.cmh(*table), counts.cmh(*table, correction=True)
    near(plain["chi_square"], case["chi_square"][0], abs_=1e-25)  # R's sums leave 1e-30 where 0 is meant
    near(plain["p_value"], case["p_value"][0])
    near(corrected["chi_square"], case["chi_square_corrected"][0], abs_=1e-25)
    near(corrected["p_value"], case["p_value_corrected"][0])
    near(plain["odds_ratio"], case["odds_ratio"][0])
    wide = counts.cmh(*table, level=0.8)
    for found, limits in ((plain, case["limits"]), (wide, case["limits_80"])):
        near(found["lower"], limits[0])
        near(found["upper"], limits[1])


@pytest.mark.parametrize("case", R["cmh"], ids=ids)
def test_score_test_of_no_difference_is_cmh(case: Any) -> None:
    """With both kinds of weights, for the difference and for the ratio; where R has NaN the score is 0."""
    table = [whole(case[k]) for k in ("events_1", "total_1", "events_0", "total_0")]
    for weights in ("cmh", "miettinen-nurminen"):
        found = counts.risk_difference(*table, weights=weights)
        if case["chi_square"][0] == "NaN":
            assert (found["z"], found["p_value"]) == (0, 1)
            continue
        near(found["z"] ** 2, case["chi_square"][0], abs_=1e-25)
        near(found["p_value"], case["p_value"][0], abs_=1e-15)
        near(counts.risk_ratio(*table, weights=weights)["z"] ** 2, case["chi_square"][0], abs_=1e-25)


@pytest.mark.parametrize("case", R["p_adjust"], ids=ids)
def test_p_adjust(case: Any) -> None:
    for name in ("holm", "hochberg", "hommel"):
        for got, want in zip(getattr(multiplicity, name)(case["p"]), case[name], strict=True):
            near(got, want, abs_=0)


@pytest.mark.parametrize("case", R["p_adjust"], ids=ids)
def test_holm_is_a_graph(case: Any) -> None:
    p, m = [Fraction(v) for v in case["p"]], len(case["p"])
    if m > 7:
        return  # 2^m graphs in fractions
    g = [[Fraction(0) if i == j else Fraction(1, m - 1) for j in range(m)] for i in range(m)]
    for got, want in zip(multiplicity.alpha_graph([Fraction(1, m)] * m, g, p), case["holm"], strict=True):
        near(float(got), want, abs_=0)


@pytest.mark.parametrize("case", R["rubin"], ids=ids)
def test_pool_scalar(case: Any) -> None:
    found = imputation.rubin(case["estimates"], case["variances"], float(case["complete_df"][0]))
    for name in ("estimate", "within", "between", "total", "df", "share", "p_value"):
        near(found[name], case[name][0])
    near(found["lower"], case["limits"][0])
    near(found["upper"], case["limits"][1])


def test_equal_imputations_keep_the_degrees_of_freedom_of_complete_data() -> None:
    """mice puts 1e-4 in the place of a smaller share, which the papers do not: no R value here."""
    found = imputation.rubin([0.2, 0.2], [0.04, 0.04], 20)
    near(found["df"], 21 / 23 * 20)
    assert math.isinf(imputation.rubin([0.2, 0.2], [0.04, 0.04])["df"])


# ---------------------------------------------------------------------------------------- published and other programs
@pytest.mark.parametrize("case", [c for c in CASES if c["kind"] in SCORE], ids=ids)
def test_score_limits(case: Any) -> None:
    given, weights = case["inputs"], case["inputs"].get("weights", "cmh")
    columns = [given[k] for k in ("events_1", "total_1", "events_0", "total_0")]
    found = dict(getattr(counts, case["kind"])(*columns, given["level"], weights))
    found["chi_square"] = found["z"] ** 2
    for name, want in case["outputs"].items():
        room = case["abs_tol"][name] if isinstance(case["abs_tol"], dict) else case["abs_tol"]
        if name == "below_at":
            z = counts.z_of(counts.tables(*columns), want[0], SCORE[case["kind"]], weights)
            near(NormalDist().cdf(z), want[1], case["rel_tol"], room * 1.01)
        else:
            near(found[name], want, case["rel_tol"], room * 1.01)


def test_clopper_pearson_case() -> None:
    case = next(c for c in CASES if c["kind"] == "clopper_pearson")
    found = counts.clopper_pearson(**case["inputs"])
    near(found[0], case["outputs"]["lower"])
    near(found[1], case["outputs"]["upper"])


@pytest.mark.parametrize("case", [c for c in CASES if c["kind"] == "alpha_graph"], ids=ids)
def test_alpha_graphs(case: Any) -> None:
    """Closed test and steps, in fractions: the same rejections, the published numbers."""
    w, g, p, alpha = (exact(case["inputs"][k]) for k in ("weights", "transitions", "p_values", "alpha"))
    adjusted = multiplicity.alpha_graph(w, g, p)
    order, graphs = multiplicity.alpha_graph_in_steps(w, g, p, alpha)
    rejected = [int(a <= alpha) for a in adjusted]
    assert rejected == [int(k in order) for k in range(len(p))]
    assert rejected == case["outputs"].get("rejected", rejected)
    assert order == case["outputs"].get("order", order)
    for got, want in zip(adjusted, case["outputs"].get("adjusted", adjusted), strict=True):
        near(float(got), want, case["rel_tol"], case["abs_tol"])
    assert [float(v) for v in graphs[-1][0]] == case["outputs"].get("final_weights", [float(v) for v in graphs[-1][0]])


# ------------------------------------------------------------------------------------------------ what must be so
def test_own_weights_are_those_of_cmh_when_all_strata_are_allocated_alike() -> None:
    """n1/n0 the same everywhere: both weights are proportional to the size of the stratum."""
    table = ([3, 9, 0, 8], [10, 20, 4, 8], [4, 20, 3, 11], [15, 30, 6, 12])
    for function in (counts.risk_difference, counts.risk_ratio):
        one, other = function(*table, weights="cmh"), function(*table, weights="miettinen-nurminen")
        for name in ("estimate", "lower", "upper", "z"):
            near(one[name], other[name], abs_=1e-11)


def test_limits_at_the_ends() -> None:
    assert counts.risk_difference(10, 10, 0, 20)["upper"] == 1
    assert counts.risk_difference(0, 10, 10, 10)["lower"] == -1
    nobody = counts.risk_ratio(0, 10, 0, 20)
    assert all(math.isnan(v) for v in nobody.values())
    none_1, none_0 = counts.risk_ratio(0, 10, 4, 20), counts.risk_ratio(4, 20, 0, 10)
    assert (none_1["estimate"], none_1["lower"]) == (0, 0)
    assert (none_0["estimate"], none_0["upper"]) == (math.inf, math.inf)
    near(none_1["upper"], 1 / none_0["lower"])
    everyone = counts.risk_ratio(10, 10, 20, 20)
    assert everyone["estimate"] == 1
    assert everyone["lower"] < 1 < everyone["upper"]


def test_strata_without_information() -> None:
    """An empty arm never counts; nobody with the event counts for a difference (it says "small"), not for a ratio."""
    table = ([3, 2], [10, 12], [6, 7], [11, 13])
    empty, nobody = ([*table[0], 2], [*table[1], 5], [*table[2], 0], [*table[3], 0]), tuple(
        [*column, extra] for column, extra in zip(table, (0, 9, 0, 9), strict=True)
    )  # fmt: skip
    for function in (counts.risk_difference, counts.risk_ratio):
        assert function(*table) == function(*empty)
    assert counts.risk_ratio(*table) == counts.risk_ratio(*nobody)
    assert counts.risk_difference(*table)["lower"] < counts.risk_difference(*nobody)["lower"]


def test_turned_round() -> None:
    table, turned = ([3, 9], [10, 20], [4, 20], [15, 31]), ([4, 20], [15, 31], [3, 9], [10, 20])
    for weights in ("cmh", "miettinen-nurminen"):
        one, other = counts.risk_difference(*table, weights=weights), counts.risk_difference(*turned, weights=weights)
        near(one["lower"], -other["upper"])
        one, other = counts.risk_ratio(*table, weights=weights), counts.risk_ratio(*turned, weights=weights)
        near(one["lower"], 1 / other["upper"])
        near(one["estimate"], 1 / other["estimate"])


def test_the_order_of_removal_makes_no_difference() -> None:
    generator = np.random.default_rng(7)
    for _ in range(20):
        m = 5
        w = [Fraction(int(v), 50) for v in generator.integers(0, 10, m)]
        g = [
            [Fraction(int(generator.integers(0, 6)), 20) if i != j else Fraction(0) for j in range(m)] for i in range(m)
        ]
        for gone in itertools.permutations((0, 2, 4)):
            graph = (w, g)
            for j in gone:
                graph = multiplicity.without(graph, j)
            assert [graph[0][k] for k in (1, 3)] == multiplicity.weights_of((w, g), (1, 3))


def test_steps_and_closed_test_of_random_graphs() -> None:
    generator = np.random.default_rng(11)
    for _ in range(40):
        m = 4
        w = [Fraction(int(v), 36) for v in generator.integers(0, 10, m)]
        g = [
            [Fraction(int(generator.integers(0, 8)), 21) if i != j else Fraction(0) for j in range(m)] for i in range(m)
        ]
        p = [Fraction(int(v), 1000) for v in generator.integers(1, 60, m)]
        adjusted = multiplicity.alpha_graph(w, g, p)
        for alpha in (Fraction(1, 40), Fraction(1, 20), Fraction(1, 5)):
            order, _ = multiplicity.alpha_graph_in_steps(w, g, p, alpha)
            assert sorted(order) == [k for k in range(m) if adjusted[k] <= alpha]


# ----------------------------------------------------------------------------------------------------------- imputation
TIME, EVENT = [2, 4, 4, 7, 9, 9, 12, 15], [1, 0, 1, 0, 1, 0, 1, 0]


def test_an_imputation_by_hand() -> None:
    """Everyone drawn once: S is 7/8 after 2, 3/4 after 4, 9/16 after 9, 9/32 after 12; the last time is 15.

    Censored at 4: S(9)/S(4) = 3/4, S(12)/S(4) = 3/8; at 7 the same; at 9: S(12)/S(9) = 1/2.
    """
    once, arm = np.ones(8, dtype=int), np.zeros(8, dtype=int)

    def run(u: float, until: float = 30, **options: Any) -> tuple[list[float], list[bool]]:
        t, d = imputation.impute_once(TIME, EVENT, arm, np.full(8, u), once, until, **options)
        return [t[k] for k in (1, 3, 5, 7)], [bool(d[k]) for k in (1, 3, 5, 7)]

    assert run(0.8) == ([9, 9, 12, 15], [True, True, True, False])  # nobody dies after 12: known to 15
    assert run(0.8, end_of_curve="until") == ([9, 9, 12, 30], [True, True, True, False])
    assert run(0.75) == ([9, 9, 12, 15], [True, True, True, False])  # 3/4 <= u is an event at 9
    assert run(0.7) == ([12, 12, 12, 15], [True, True, True, False])
    assert run(0.4) == ([12, 12, 15, 15], [True, True, False, False])
    assert run(0.3) == ([15, 15, 15, 15], [False] * 4)
    assert run(0.3, delta=2.0) == ([12, 12, 12, 15], [True, True, True, False])  # (3/8)^2 = 9/64, (1/2)^2 = 1/4
    assert run(0.3, delta={1: 2.0}) == run(0.3)  # the other arm's delta
    assert run(0.01, delta=0.0) == ([15, 15, 15, 15], [False] * 4)
    assert run(0.4, until=12) == ([12, 12, 12, 15], [True, True, False, False])  # drawn at the end itself: an event
    assert run(0.4, until=11) == ([11, 11, 11, 15], [False] * 4)
    assert run(0.4, until=8) == ([8, 8, 9, 15], [False] * 4)
    assert run(0.6, censored=[False] * 4 + [True] * 4) == ([4, 7, 12, 15], [False, False, True, False])


def test_drawn_copies_and_nobody_left() -> None:
    """Only 2, 4 and twice 4+ are drawn: S is 3/4 after 2, 1/2 after 4; nothing is known of the time after 4."""
    copies = [1, 2, 1, 0, 0, 0, 0, 0]
    t, d = imputation.impute_once(TIME, EVENT, [0] * 8, [0.01] * 8, copies, 30)
    assert (list(t), list(d)) == (TIME, [bool(e) for e in EVENT])
    t, d = imputation.impute_once(TIME, EVENT, [0] * 8, [0.01] * 8, [1, 0, 3, 0, 0, 0, 0, 0], 30)  # S(4) = 0
    assert (list(t), list(d)) == (TIME, [bool(e) for e in EVENT])


def test_jump_to_reference() -> None:
    """Arm 1 takes arm 0's curve after c, arm 0 its own: that of the other arm's subjects does not matter."""
    time, event, arm = [3, 5, 8, 3, 6, 8], [1, 1, 0, 0, 1, 0], [0, 0, 0, 1, 1, 1]
    t, d = imputation.impute_once(time, event, arm, [0.6] * 6, [1] * 6, 10, reference=0)
    assert (t[3], d[3]) == (5, True)  # S0(5)/S0(3) = (1/3)/(2/3) = 1/2
    t, d = imputation.impute_once(time, event, arm, [0.6] * 6, [1] * 6, 10)
    assert (t[3], d[3]) == (6, True)  # own arm: S1(6) = 1/2
    strata = [0, 0, 0, 0, 1, 1]
    t, d = imputation.impute_once(time, event, arm, [0.6] * 6, [1] * 6, 10, strata=strata)
    assert (t[3], d[3]) == (3, False)  # alone in his arm and stratum: the curve ends where he was censored
    assert (t[5], d[5]) == (8, False)


def test_curves_are_those_of_the_other_twin() -> None:
    generator = np.random.default_rng(3)
    for _ in range(20):
        n = 25
        time, event = generator.integers(1, 12, n).astype(float), generator.random(n) < 0.6
        entry = np.where(generator.random(n) < 0.3, time - generator.integers(1, 5, n), -math.inf)
        copies = np.bincount(generator.integers(0, n, n), minlength=n)
        times, curve, last = imputation.steps(time, event, entry, copies, np.full(n, True))
        rows = np.repeat(np.arange(n), copies)
        fit = twins.km(time[rows], event[rows], entry[rows])
        assert last == fit["time"][-1]
        for u, s in zip(times, curve, strict=True):
            near(float(s), fit["survival"][list(fit["time"]).index(u)])


def test_many_imputations_give_the_curve_back() -> None:
    """Taylor, Murray and Hsu (2002): without a bootstrap the average imputed curve is the Kaplan-Meier curve."""
    n, grid = len(TIME), 400
    fit = twins.km(TIME, EVENT)
    alive = np.zeros(len(fit["time"]))
    for k in range(grid):
        t, d = imputation.impute_once(TIME, EVENT, [0] * n, [(k + 0.5) / grid] * n, [1] * n, 30)
        alive += [(t > u).sum() + ((t == u) & ~d).sum() for u in fit["time"]]
    np.testing.assert_allclose(alive / grid / n, fit["survival"], atol=1 / grid)


def test_tipping_point() -> None:
    generator = np.random.default_rng(5)
    n, imputations = 60, 6
    arm = np.arange(n) % 2
    time = np.ceil(generator.exponential(np.where(arm == 1, 25, 8), n))
    event = generator.random(n) < np.where(arm == 1, 0.5, 0.9)
    copies = []
    for _ in range(imputations):
        drawn = [generator.choice(np.flatnonzero(arm == a), np.sum(arm == a)) for a in (0, 1)]
        copies.append(np.bincount(np.concatenate(drawn), minlength=n))
    uniforms = generator.random((imputations, n))
    deltas = [{1: d} for d in (1.0, 3.0, 10.0, 50.0)]
    found, first = imputation.tipping_point(time, event, arm, uniforms, copies, 40, deltas)
    estimates = [r["estimate"] for r in found]
    assert estimates == sorted(estimates), "the same random numbers: more hazard after censoring never helps"
    assert first == next((k for k, r in enumerate(found) if r["p_value"] >= 0.05), None)
    again, _ = imputation.tipping_point(time, event, arm, uniforms, copies, 40, deltas[:1])
    assert again[0] == found[0]
