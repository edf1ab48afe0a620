"""Counts, multiplicity and imputation under bad and extreme input: a right answer or a sentence, never a crash."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import pytest
from tests.oracles import twins_counts

from equipoise.analyze import (
    adjusted_p,
    clopper_pearson,
    closed_test,
    cmh,
    decide,
    difference,
    exposure_adjusted_rate,
    fisher,
    impute,
    pool,
    rate_difference,
    rate_ratio,
    risk_difference,
    risk_ratio,
    tipping_point,
    wilson,
)
from equipoise.design import AlphaGraph
from equipoise.errors import DataError, DesignError, EquipoiseError
from equipoise.survival import TimeToEvent

OF_ONE = (wilson, clopper_pearson, lambda x, n: difference(x, n, 1, 2), lambda x, n: difference(1, 2, x, n))
OF_TWO = (risk_difference, risk_ratio, cmh, fisher)


def refused(call: Callable[[], object], said: str, kind: type[EquipoiseError] = EquipoiseError) -> None:
    with pytest.raises(kind) as found:
        call()
    assert said in str(found.value), str(found.value)


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int16, np.int32, np.uint64, np.float32, float])
def test_numpy_counts_are_whole_numbers(kind: Any) -> None:
    for f in (wilson, clopper_pearson):
        assert f(kind(100), kind(120)) == f(100, 120)
    assert difference(kind(100), kind(120), kind(3), kind(7)) == difference(100, 120, 3, 7)
    assert exposure_adjusted_rate(kind(100), 7, unit="years") == exposure_adjusted_rate(100, 7, unit="years")


def test_numpy_counts_do_not_overflow() -> None:
    assert wilson(np.int32(46341), np.int32(92682)) == wilson(46341, 92682)
    assert wilson(np.uint8(200), np.uint8(255)) == wilson(200, 255)


NO_COUNT = [math.nan, math.inf, None, "1", True, [], [[1]], [[1], [1, 2]], 10**400, 10**5000, 0.5, -1, 10**16, 1j, {}]


@pytest.mark.parametrize("value", NO_COUNT, ids=lambda v: type(v).__name__)
def test_what_is_no_count_is_refused(value: Any) -> None:
    for one in OF_ONE:
        refused(partial(one, value, 3), "no count", DataError)
        refused(partial(one, 0, value), "no count", DataError)
    for two in OF_TWO:
        refused(partial(two, 1, 2, value, 3), "no count", DataError)
    refused(lambda: exposure_adjusted_rate(value, 3, unit="years"), "no count", DataError)


def test_single_counts_are_no_lists() -> None:
    for call in (
        lambda: wilson([1], 3),
        lambda: difference(1, 3, [1, 2], 3),
        lambda: exposure_adjusted_rate([12, 5], 300, unit="years"),
        lambda: rate_difference(12, 300, [5], 300, unit="years"),
        lambda: rate_ratio([12, 5], 300, 5, 300, unit="years"),
    ):
        refused(call, "is no single count", DataError)  # type: ignore[arg-type]


LARGE = 10**15
PAIRS = [
    (20000, 20000, 1, 20000),
    (1, LARGE, 10**14, LARGE),
    (10**14, LARGE, 1, LARGE),
    (10**14, LARGE, 10**14, LARGE),
    (1, 10**9, 0, 10**9),
    (10**9 - 1, 10**9, 10**9, 10**9),
    (LARGE, LARGE, 0, 1),
    (LARGE, LARGE, LARGE, LARGE),
    (10**6, 10**6, 3, 10**12),
    (3, 10, 4, 10**12),
    (1, 1, 0, LARGE),
]
RATES = [
    (50, 1, 1, 500),
    (20000, 10, 1, 10),
    (50, 0.001, 1, 500),
    (0, 71990, 46, 1),
    (46, 1, 0, 71990),
    (2, 1, 40, 1e5),
    (LARGE, 1, 1, 1e6),
    (LARGE, 1, LARGE, 1),
    (3, 1e-6, 2, 1e12),
]


def agrees(found: Any, want: Any) -> None:
    close = 1e-9 * abs(want["upper"] - want["lower"]) if math.isfinite(want["upper"]) else 0.0
    got = (found.estimate, *found.conf_int, found.z)
    for a, b in zip(got, (want["estimate"], want["lower"], want["upper"], want["z"]), strict=True):
        assert a == b or a == pytest.approx(b, rel=1e-9, abs=min(close, 1e-12)), (found, want)


@pytest.mark.parametrize("counts", PAIRS)
def test_shares_far_apart_or_of_very_many(counts: Any) -> None:
    agrees(risk_difference(*counts), twins_counts.risk_difference(*counts))
    agrees(risk_ratio(*counts), twins_counts.risk_ratio(*counts))


@pytest.mark.parametrize("counts", RATES)
def test_rates_far_apart(counts: Any) -> None:
    agrees(rate_ratio(*counts, unit="years"), twins_counts.rate_ratio(*counts))
    found = rate_difference(*counts, unit="years", per="1 year")
    agrees(found, twins_counts.rate_difference(*counts))


def test_one_more_failure_than_none_gives_a_chi_square_of_one() -> None:
    # n - 1 of n against n of n: deviation 1/2, hypergeometric variance 1/4, for every n.
    for n in (2, 10**9, LARGE):
        for f in (risk_difference, risk_ratio):
            assert f(n - 1, n, n, n).z == pytest.approx(-1, abs=1e-14)


def test_limits_of_the_rate_ratio_are_roots_of_a_quadratic() -> None:
    # 4 against 1 event in equal exposure: (4 - r)^2 = q^2 5 r.
    low, high = rate_ratio(4, 7, 1, 7, unit="days").conf_int
    assert low * high == pytest.approx(16, rel=1e-14)
    q2 = 1.959963984540054**2
    assert low + high == pytest.approx(8 + 5 * q2, rel=1e-14)


@pytest.mark.parametrize("per", ["0 years", "0 days", "0.0000000001 days"])
def test_a_rate_per_no_time_is_refused(per: str) -> None:
    refused(lambda: exposure_adjusted_rate(3, 10, unit="years", per=per), "is no time to count events per")
    refused(lambda: rate_difference(3, 10, 2, 10, unit="years", per=per), "is no time to count events per")


@pytest.mark.parametrize("exposure", [1e308, 1e-310, 1e-20, 10**400, True, None, "10", [10], -1, 0])
def test_what_is_no_exposure_is_refused(exposure: Any) -> None:
    refused(lambda: exposure_adjusted_rate(3, exposure, unit="days"), "no exposure (column exposure)", DataError)
    refused(lambda: rate_ratio(3, exposure, 2, 5, unit="days"), "no exposure (column exposure_1)", DataError)


@pytest.mark.parametrize("exposure", [np.float32(100), np.int64(100), np.uint8(100), Fraction(100), 100])
def test_exposure_is_any_real_number(exposure: Any) -> None:
    assert exposure_adjusted_rate(3, exposure, unit="days") == exposure_adjusted_rate(3, 100.0, unit="days")


def test_exact_limits_of_too_many_are_refused() -> None:
    refused(lambda: clopper_pearson(10**14, LARGE), "Use wilson()", DataError)
    # A few of very many: no event has the limit -log(alpha / 2) / n, for (1 - p)^n is exp(-n p).
    assert clopper_pearson(0, LARGE).conf_int[1] == pytest.approx(-math.log(0.025) / LARGE, rel=1e-12)
    assert clopper_pearson(1, LARGE).conf_int[0] == pytest.approx(-math.log(0.975) / LARGE, rel=1e-12)


@pytest.mark.parametrize("flag", ["no", 1, 0, None, np.array([True])])
def test_a_correction_is_true_or_false(flag: Any) -> None:
    refused(lambda: cmh([1, 2], [5, 5], [2, 3], [5, 5], correction=flag), "correction takes True or False")


FISHER = [(1, 10**4, 1, 2), (3, 5000, 40, 5000), (0, 7, 7, 7), (700, 3000, 1, 3000), (5, 5, 0, 10**4), (0, 0, 3, 5)]


@pytest.mark.parametrize("counts", FISHER)
def test_fisher_of_long_supports(counts: Any) -> None:
    found, want = fisher(*counts), twins_counts.fisher(*counts)
    assert found.p_value == pytest.approx(want["two_sided"], rel=1e-11, abs=1e-300)
    assert found.p_more == pytest.approx(want["greater"], rel=1e-11, abs=1e-300)
    assert found.p_fewer == pytest.approx(want["less"], rel=1e-11, abs=1e-300)


def test_fisher_of_very_many() -> None:
    # 2 events among n + 2 subjects: both in the arm of n with (n choose 2) of ((n + 2) choose 2) ways.
    for n in (10**9, 10**12, LARGE):
        found = fisher(1, n, 1, 2)
        everything = Fraction((n + 2) * (n + 1), 2)
        assert found.p_fewer == pytest.approx(float((1 + 2 * n) / everything), rel=1e-12)
        assert found.p_value == pytest.approx(found.p_fewer, rel=1e-12)
        assert found.p_more == pytest.approx(float(1 - 1 / everything), rel=1e-12)
    assert fisher(LARGE, LARGE, 0, 5).p_value == pytest.approx(0, abs=1e-60)
    # So far out that no float holds the probability.
    far = fisher(10**6, 10**6, 0, 10**6)
    assert (far.p_value, far.p_more, far.p_fewer) == (0, 0, 1)


def test_fisher_beyond_its_size_is_refused() -> None:
    refused(lambda: fisher(LARGE // 2, LARGE, LARGE // 2, LARGE), "Use cmh()", DataError)


P = {"A": 0.01, "B": 0.2}


@pytest.mark.parametrize("procedure", ["bonferroni", "Holm", "", None, ["holm"], 1])
def test_unknown_procedures_are_refused(procedure: Any) -> None:
    refused(lambda: decide(P, procedure, 0.05, 2), "Use one of fixed sequence, holm, hochberg, hommel, graph")
    refused(lambda: adjusted_p(P, procedure), "Use one of holm, hochberg, hommel, graph")


def test_a_fixed_sequence_has_no_adjusted_p_without_its_order_said() -> None:
    refused(lambda: adjusted_p(P, "fixed sequence"), "unknown procedure 'fixed sequence'")  # type: ignore[arg-type]


@pytest.mark.parametrize("procedure", ["fixed sequence", "holm", "hochberg", "hommel"])
def test_alpha_and_sides_are_checked(procedure: Any) -> None:
    for alpha in (5, math.nan, 0, 1, -0.05, "0.05", None, True, 10**400, [0.05]):
        refused(partial(decide, P, procedure, alpha, 2), "is not between 0 and 1 (alpha)")
    for sided in (0, 3, "two", None, True, 1.5, [2]):
        refused(partial(decide, P, procedure, 0.05, sided), "-sided (sided). Give 1 or 2")
    assert decide(P, procedure, np.float32(0.05), np.int64(2))["A"].significant is True  # type: ignore[arg-type]
    assert decide({"A": np.float64(0.01)}, procedure, 0.05, 1)["A"].significant is True


@pytest.mark.parametrize("p", ["x", None, True, [0.1], -0.1, 1.1, math.inf, 10**400])
def test_what_is_no_p_value_is_refused(p: Any) -> None:
    given, graph = {"A": 0.1, "B": p}, AlphaGraph(weights={"A": 1, "B": 0}, transitions={})
    for procedure in ("fixed sequence", "holm", "hochberg", "hommel"):
        refused(partial(decide, given, procedure, 0.05, 2), "is no P value (column B)", DataError)  # type: ignore[arg-type]
    refused(lambda: closed_test(given, "simes"), "is no P value (column B)", DataError)
    refused(lambda: graph.test(given, 0.05), "is no P value (p_values, B)", DesignError)
    if p != -0.1:
        refused(lambda: closed_test({"A": 0.1, "B": 0.1}, lambda held: p), "the local test gives")


@pytest.mark.parametrize("given", [[0.01, 0.02], None, 0.01, "PFS", {1: 0.1}])
def test_p_values_come_by_hypothesis(given: Any) -> None:
    refused(lambda: decide(given, "holm", 0.05, 2), "no P values by hypothesis", DataError)
    refused(lambda: adjusted_p(given, "hommel"), "no P values by hypothesis", DataError)
    refused(lambda: closed_test(given, "simes"), "no P values by hypothesis", DataError)
    refused(
        lambda: AlphaGraph(weights={"A": 1}, transitions={}).test(given, 0.05), "P values are given for", DesignError
    )


def test_graphs_and_weights_of_the_wrong_kind_are_refused() -> None:
    for share in ("1", None, True, math.nan, [1], 10**400):
        refused(partial(AlphaGraph, weights={"A": share}, transitions={}), "is no share (weights, A)", DesignError)
        wrong = partial(AlphaGraph, weights={"A": 1, "B": 0}, transitions={"A": {"B": share}})
        refused(wrong, "is no share (transitions, A, B)", DesignError)
        fit = "do not fit the hypotheses"
        refused(partial(closed_test, P, "bonferroni", {"A": 1, "B": share}), fit, DataError)
    for weights in ([1, 2], None, "AB", {1: 1}):
        refused(partial(AlphaGraph, weights=weights, transitions={}), "no shares by hypothesis", DesignError)  # type: ignore[arg-type]
    for transitions in ([1], None, {"A": 1}, {"A": ["B"]}):
        wrong = partial(AlphaGraph, weights={"A": 1, "B": 0}, transitions=transitions)  # type: ignore[arg-type]
        refused(wrong, "are no transitions", DesignError)
    for weights in ([1, 2], "AB", {"A": 1e308, "B": 1e308}, {"A": 0, "B": 1}):
        refused(partial(closed_test, P, "bonferroni", weights), "do not fit the hypotheses", DataError)  # type: ignore[arg-type]
    graph = AlphaGraph(weights={"A": 1, "B": 0}, transitions={})
    for alpha in ("x", None, True, 0, math.nan):
        refused(partial(graph.test, P, alpha), "is not between 0 and 1", DesignError)  # type: ignore[arg-type]
    refused(lambda: graph.weights_of("A"), "is no list of hypotheses", DesignError)
    refused(lambda: graph.weights_of(3), "is no list of hypotheses", DesignError)  # type: ignore[arg-type]
    refused(lambda: decide(P, "graph", 0.05, 2, "graph"), "is no alpha graph")  # type: ignore[arg-type]
    for local in (None, 3, ["simes"]):
        refused(partial(closed_test, P, local), "there is no local test", DataError)  # type: ignore[arg-type]


def test_results_by_hypothesis_are_copied_and_sent() -> None:
    graph = AlphaGraph(weights={"A": 0.5, "B": 0.5}, transitions={"A": {"B": 1}})
    tested, closed = graph.test(P, 0.05), closed_test(P, "simes")
    for again in (pickle.loads(pickle.dumps(graph)), copy.deepcopy(graph), copy.copy(graph)):
        assert again == graph
        assert hash(again) == hash(graph)
    for found in (pickle.loads(pickle.dumps(tested)), copy.deepcopy(tested)):
        assert (found.adjusted_p, found.graphs, str(found)) == (tested.adjusted_p, tested.graphs, str(tested))
    for copied in (pickle.loads(pickle.dumps(closed)), copy.deepcopy(closed)):
        assert copied.intersections == closed.intersections
        assert dict(copied.adjusted_p) == dict(closed.adjusted_p) == closed.adjusted_p
    with pytest.raises(TypeError):
        graph.weights["A"] = 1.0  # type: ignore[index]
    with pytest.raises(AttributeError):
        graph.weights._held = {}  # type: ignore[attr-defined]
    assert hash(graph) != hash(AlphaGraph(weights={"A": 1, "B": 0}, transitions={}))


def test_only_lists_of_numbers_are_pooled() -> None:
    two = [[0.1, 0.2], [0.1, 0.3]]
    for given in (two, 0.1, None, ["a", "b"], [True, False], [[1], [1, 2]], {"A": 1}, [0.1, None]):
        refused(partial(pool, given, [0.1, 0.1]), "one number a completed data set (column estimates)", DataError)  # type: ignore[arg-type]
        refused(partial(pool, [0.1, 0.1], given), "one number a completed data set (column variances)", DataError)  # type: ignore[arg-type]
    refused(lambda: pool(two, two), "one number a completed data set", DataError)
    for estimates, variances in (([1e200, -1e200], [1, 1]), ([1, 2], [1e200, 1]), ([1, 2], [1e-200, 1])):
        refused(partial(pool, estimates, variances), "too far from 1", DataError)
    assert math.isfinite(pool([1e59, -1e59], [1e-59, 1e-59]).df)


def limits_of_all() -> list[Callable[[Any], Any]]:
    rates = {"unit": "years"}
    return [
        lambda level: pool([0.1, 0.3], [0.04, 0.04]).limits(level),
        lambda level: tipping_point(trial(), deltas=[1], until="8 days", seed=1, imputations=5, level=level),
        lambda level: wilson(3, 7, level),
        lambda level: clopper_pearson(3, 7, level),
        lambda level: difference(3, 7, 2, 9, level),
        lambda level: risk_difference(3, 7, 2, 9, level=level),
        lambda level: risk_ratio(3, 7, 2, 9, level=level),
        lambda level: cmh(3, 7, 2, 9, level=level),
        lambda level: exposure_adjusted_rate(3, 7, level=level, **rates),  # type: ignore[arg-type]
        lambda level: rate_difference(3, 7, 2, 9, level=level, **rates),  # type: ignore[arg-type]
        lambda level: rate_ratio(3, 7, 2, 9, level=level, **rates),  # type: ignore[arg-type]
    ]


@pytest.mark.parametrize("level", [95, True, False, 0, 1, -0.5, math.nan, "0.95", None, [0.95], 1e-300, 1 - 1e-16])
def test_a_level_lies_between_0_and_1(level: Any) -> None:
    said = "too near 0 or 1" if level in (1e-300, 1 - 1e-16) else "is not between 0 and 1"
    for limits in limits_of_all():
        refused(partial(limits, level), said)


@pytest.mark.parametrize("level", [1e-10, 0.5, np.float64(0.95), 1 - 1e-10])
def test_limits_hold_the_estimate_at_every_level(level: Any) -> None:
    for limits in limits_of_all()[2:]:
        found = limits(level)
        low, high = found.conf_int
        estimate = getattr(found, "estimate", None) or found.odds_ratio
        assert low <= estimate * (1 + 1e-9)
        assert estimate * (1 - 1e-9) <= high


def trial() -> TimeToEvent:
    time, event = [3, 5, 7, 2, 4, 9, 2, 4, 6, 3, 5, 1], [1, 0, 1, 0, 1, 0, 1, 1, 1, 0, 1, 1]
    return TimeToEvent(time, event, ["B"] * 6 + ["A"] * 6, control="A", experimental="B", unit="days")


@pytest.mark.parametrize("delta", [np.int64(2), np.float32(2), np.uint8(2), Fraction(2)])
def test_delta_is_any_real_number(delta: Any) -> None:
    found = impute(trial(), seed=1, number=np.int64(1), until="8 days", delta=delta)  # type: ignore[arg-type]
    np.testing.assert_array_equal(found.time, impute(trial(), seed=1, number=1, until="8 days", delta=2.0).time)


def test_deltas_come_as_any_list() -> None:
    wanted = tipping_point(trial(), deltas=[1, 2], until="8 days", seed=1, imputations=5)
    for deltas in (np.array([1, 2]), np.array([1, 2], dtype=np.float32), (1, 2), [np.int64(1), Fraction(2)]):
        found = tipping_point(trial(), deltas=deltas, until="8 days", seed=1, imputations=5)  # type: ignore[arg-type]
        assert found.steps == wanted.steps


def test_imputation_refuses_what_fills_in_nothing() -> None:
    def until(times: Any) -> Any:
        return partial(impute, trial(), seed=1, number=1, until=times)

    refused(until(np.full(12, -5.0)), "until is no time after the start (column until, subjects 1, 2", DataError)
    refused(until(np.zeros(12)), "until is no time after the start", DataError)
    refused(until([[1], [1, 2]]), "until takes a duration or 12 times", DataError)
    for number in (0, -1, 1.0, True, None, "1"):
        refused(partial(impute, trial(), seed=1, number=number, until="8 days"), "there is no imputation number")  # type: ignore[arg-type]
    for delta in ("2", None, True, [2], 10**400, math.nan, np.bool_(True)):
        refused(partial(impute, trial(), seed=1, number=1, until="8 days", delta=delta), "is no factor on a hazard")  # type: ignore[arg-type]


def test_the_tipping_point_refuses_what_is_no_grid() -> None:
    def grid(**given: Any) -> Any:
        return partial(tipping_point, trial(), **{"deltas": [1, 2], "until": "8 days", "seed": 1, **given})

    for deltas in (2, None, "12", [[1, 2]], np.float64(2), {1: 2}):
        refused(grid(deltas=deltas), "is no list of deltas")
    for imputations in (2.5, 1, "x", None, True):
        refused(grid(imputations=imputations), "Give two imputations or more")
    for alpha in ("x", None, True, 0, 1, math.nan):
        refused(grid(alpha=alpha), "alpha between 0 and 1")
    refused(grid(deltas=[1, "2"], imputations=2), "is no factor on a hazard")


def test_weights_of_strata_are_a_word() -> None:
    refused(lambda: risk_difference(1, 5, 2, 5, weights=["cmh"]), "unknown weights ['cmh']")  # type: ignore[arg-type]


def test_an_odds_ratio_without_bounds_has_a_reason() -> None:
    found = cmh([66, 1002, 0], [66, 1002, 1], [441052980593029, 0, 7253909001], [LARGE, 1, LARGE])
    assert math.isfinite(found.odds_ratio)
    assert math.isnan(found.conf_int[0])
    assert found.reason == "the limits of the odds ratio are so far apart that no float holds them"
    assert "common odds ratio" in str(found)
