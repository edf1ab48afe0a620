"""What counts, multiplicity and imputation refuse, and what they say where a number is not estimable."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from equipoise.analyze import (
    adjusted_p,
    clopper_pearson,
    closed_test,
    cmh,
    decide,
    exposure_adjusted_rate,
    fisher,
    impute,
    pool,
    rate_difference,
    rate_ratio,
    risk_difference,
    risk_ratio,
    tipping_point,
)
from equipoise.design import AlphaGraph
from equipoise.errors import DataError, DesignError, EquipoiseError, UnsupportedError
from equipoise.survival import TimeToEvent

ARROW = AlphaGraph(weights={"A": 1, "B": 0}, transitions={"A": {"B": 1}})


def trial(n: int = 60, **more: Any) -> TimeToEvent:
    rng = np.random.default_rng(5)
    arm = np.arange(n) % 2
    time, lost = rng.exponential(300 / (1 + arm), n), rng.uniform(50, 500, n)
    return TimeToEvent(np.minimum(time, lost), time <= lost, arm, control=1, experimental=0, unit="days", **more)


REFUSED: dict[str, tuple[Callable[[], object], type[EquipoiseError], str]] = {
    "more events than subjects": (
        lambda: risk_difference(5, 4, 1, 4),
        DataError,
        "5 of 4 is no share of subjects (column events_1)",
    ),
    "in a stratum": (lambda: risk_ratio([1, 5], [4, 4], [1, 1], [4, 4]), DataError, "(column events_1, stratum 2)"),
    "half a patient": (
        lambda: risk_difference(0.5, 4, 1, 4),
        DataError,
        "0.5 is no count of subjects (column events_1)",
    ),
    "below zero": (lambda: cmh(-1, 4, 1, 4), DataError, "-1 is no count of subjects (column events_1)"),
    "not a number": (lambda: cmh(1, math.nan, 1, 4), DataError, "nan is no count of subjects (column total_1)"),
    "words": (lambda: fisher("one", 4, 1, 4), DataError, "'one' is no count of subjects"),
    "true": (lambda: fisher(True, 4, 1, 4), DataError, "True is no count of subjects"),
    "unequal strata": (
        lambda: cmh([1, 2], [4, 4], [1], [4]),
        DataError,
        "different numbers of strata: events_1 2, total_1 2, events_0 1",
    ),
    "no stratum": (lambda: cmh([], [], [], []), DataError, "[] is no count of subjects (column events_1)"),
    "Fisher of strata": (lambda: fisher([1, 2], [4, 4], [1, 1], [4, 4]), DataError, "Use cmh() for strata"),
    "level": (lambda: risk_difference(1, 4, 1, 4, level=95), EquipoiseError, "level = 95 is not between 0 and 1"),
    "weights": (
        lambda: risk_difference(1, 4, 1, 4, weights="mh"),
        EquipoiseError,
        "unknown weights 'mh'. Use one of cmh, sample size",
    ),
    "no share": (lambda: clopper_pearson(3, 2), DataError, "3 of 2 is no share of subjects"),
    "no exposure": (
        lambda: exposure_adjusted_rate(3, 0, unit="years"),
        DataError,
        "0 is no exposure (column exposure)",
    ),
    "exposure of nan": (
        lambda: rate_ratio(3, 1.0, 2, math.nan, unit="years"),
        DataError,
        "nan is no exposure (column exposure_0)",
    ),
    "unit": (lambda: exposure_adjusted_rate(3, 5, unit="fortnights"), EquipoiseError, "unknown time unit 'fortnights'"),
    "per without unit": (
        lambda: rate_difference(3, 5, 2, 4, unit="years", per="100"),
        EquipoiseError,
        "'100' is not a duration",
    ),
    "P above one": (lambda: adjusted_p({"A": 1.2}, "holm"), DataError, "1.2 is no P value (column A)"),
    "P above one, in order": (
        lambda: decide({"A": -0.1}, "fixed sequence", 0.05, 2),
        DataError,
        "-0.1 is no P value (column A)",
    ),
    "graph missing": (
        lambda: decide({"A": 0.1}, "graph", 0.05, 2),
        DataError,
        "the procedure 'graph' and the graph do not belong together",
    ),
    "graph idle": (lambda: decide({"A": 0.1}, "holm", 0.05, 2, ARROW), DataError, "Give a graph with procedure"),
    "graph of others": (
        lambda: ARROW.test({"A": 0.1}, 0.05),
        DesignError,
        "P values are given for A (p_values). Give one for each of A, B",
    ),
    "graph, alpha": (lambda: ARROW.test({"A": 0.1, "B": 0.1}, 5), DesignError, "alpha = 5 is not between 0 and 1"),
    "graph, P": (lambda: ARROW.test({"A": 0.1, "B": 3}, 0.05), DesignError, "3 is no P value (p_values, B)"),
    "shares above one": (
        lambda: AlphaGraph(weights={"A": 0.7, "B": 0.7}, transitions={}),
        DesignError,
        "the shares sum to 1.4",
    ),
    "share below zero": (
        lambda: AlphaGraph(weights={"A": -0.1}, transitions={}),
        DesignError,
        "-0.1 is no share (weights, A)",
    ),
    "arrow to itself": (
        lambda: AlphaGraph(weights={"A": 1}, transitions={"A": {"A": 0.5}}),
        DesignError,
        "hands its share to itself",
    ),
    "arrow to nobody": (
        lambda: AlphaGraph(weights={"A": 1}, transitions={"A": {"Z": 1}}),
        DesignError,
        "'Z' is no hypothesis of the graph (transitions, A)",
    ),
    "arrows above one": (
        lambda: AlphaGraph(weights={"A": 1, "B": 0, "C": 0}, transitions={"A": {"B": 0.6, "C": 0.6}}),
        DesignError,
        "(transitions, A)",
    ),
    "intersection of others": (lambda: ARROW.weights_of(["Z"]), DesignError, "there is no hypothesis 'Z'"),
    "closed test of 13": (
        lambda: closed_test({str(i): 0.1 for i in range(13)}, "simes"),
        DataError,
        "of 13 hypotheses",
    ),
    "closed test, weights": (
        lambda: closed_test({"A": 0.1}, "simes", weights={"A": 1}),
        DataError,
        "weights belong to the Bonferroni test",
    ),
    "closed test, other weights": (
        lambda: closed_test({"A": 0.1}, "bonferroni", weights={"B": 1}),
        DataError,
        "do not fit the hypotheses",
    ),
    "closed test, local": (lambda: closed_test({"A": 0.1}, "fisher"), DataError, "there is no local test 'fisher'"),
    "closed test, local P": (
        lambda: closed_test({"A": 0.1}, lambda p: 2.0),
        DataError,
        "the local test gives 2.0 for A",
    ),
    "one data set": (lambda: pool([1.0], [1.0]), DataError, "need two data sets or more"),
    "no estimate": (
        lambda: pool([1.0, math.nan], [1.0, 1.0]),
        DataError,
        "1 of 2 completed data sets have no estimate",
    ),
    "delta": (
        lambda: impute(trial(), seed=1, number=1, until="1 year", delta=0),
        EquipoiseError,
        "delta = 0 is no factor on a hazard",
    ),
    "delta of nobody": (
        lambda: impute(trial(), seed=1, number=1, until="1 year", delta={"Z": 2.0}),
        DataError,
        "there is no arm 'Z' (delta)",
    ),
    "reference": (
        lambda: impute(trial(), seed=1, number=1, until="1 year", reference="Z"),
        DataError,
        "there is no arm 'Z' (reference)",
    ),
    "marks": (
        lambda: impute(trial(), seed=1, number=1, until="1 year", censored=[1, 2]),
        DataError,
        "boolean array of shape (60,)",
    ),
    "marked events": (
        lambda: impute(trial(), seed=1, number=1, until="1 year", censored=np.ones(60, dtype=bool)),
        DataError,
        "subjects with an event are marked as censored",
    ),
    "until": (lambda: impute(trial(), seed=1, number=1, until=[1.0, 2.0]), DataError, "a duration or 60 times in days"),
    "until in words": (
        lambda: impute(trial(), seed=1, number=1, until="soon"),
        EquipoiseError,
        "'soon' is not a duration",
    ),
    "weights in imputation": (
        lambda: impute(trial(weight=np.full(60, 2.0), weight_type="case"), seed=1, number=1, until="1 year"),
        UnsupportedError,
        "under late entry or weights",
    ),
    "no deltas": (lambda: tipping_point(trial(), deltas=[], until="1 year", seed=1), EquipoiseError, "0 deltas"),
    "one imputation": (
        lambda: tipping_point(trial(), deltas=[1], until="1 year", seed=1, imputations=1),
        EquipoiseError,
        "1 imputations",
    ),
    "one arm": (
        lambda: tipping_point(TimeToEvent([1, 2], [1, 0], unit="days"), deltas=[1], until="1 year", seed=1),
        EquipoiseError,
        "compares two arms",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    call, kind, said = REFUSED[name]
    with pytest.raises(kind) as found:
        call()
    assert said in str(found.value), str(found.value)


def test_strata_that_say_nothing_are_named() -> None:
    with_silent = risk_difference([3, 1, 0], [10, 2, 0], [1, 0, 2], [10, 0, 5])
    assert with_silent.silent_strata == (2, 3)
    assert with_silent.conf_int == risk_difference(3, 10, 1, 10).conf_int
    nobody = risk_difference([1, 0], [2, 0], [0, 2], [0, 5])
    assert math.isnan(nobody.estimate)
    assert nobody.reason == "no stratum holds subjects of both arms"
    assert "not estimable" in str(nobody)


def test_what_is_not_estimable_has_a_reason() -> None:
    assert risk_ratio(0, 5, 0, 5).reason == "nobody has the event in either arm"
    assert risk_difference(5, 5, 5, 5).p_value == risk_difference(0, 5, 0, 5).p_value == 1
    assert rate_ratio(0, 5, 0, 5, unit="years").reason == "nobody has the event in either arm"
    assert rate_difference(0, 5, 0, 5, unit="years").p_value == 1
    assert cmh(0, 5, 0, 5).reason == "no stratum holds both arms with events in some and not in all"
    assert "not estimable" in str(cmh(0, 5, 0, 5))
    one_sided = cmh(3, 5, 0, 5)
    assert math.isinf(one_sided.odds_ratio)
    assert math.isnan(one_sided.conf_int[0])
    assert one_sided.reason
    assert "infinite" in str(one_sided)
    assert clopper_pearson(0, 0).reason == "there is no subject"


def test_limits_turn_with_the_arms() -> None:
    counts = ([3, 8], [9, 20], [1, 4], [11, 18])
    turned = (counts[2], counts[3], counts[0], counts[1])
    for weights in ("cmh", "sample size"):
        one, other = (risk_difference(*c, weights=weights) for c in (counts, turned))
        assert one.conf_int == pytest.approx([-x for x in reversed(other.conf_int)], rel=1e-9)
        one, other = (risk_ratio(*c, weights=weights) for c in (counts, turned))
        assert one.conf_int == pytest.approx([1 / x for x in reversed(other.conf_int)], rel=1e-9)


def test_a_p_that_is_not_estimable_is_not_tested() -> None:
    for procedure in ("holm", "hochberg", "hommel"):
        found = decide({"A": math.nan, "B": 0.001}, procedure, 0.05, 2)
        assert (found["A"].significant, found["B"].significant) == (None, True)
    assert ARROW.test({"A": math.nan, "B": 0.001}, 0.05).rejected == ()
    assert dict(closed_test({"A": math.nan, "B": 0.01}, "bonferroni").adjusted_p) == {"A": 1.0, "B": 0.02}


def test_imputation_repeats_and_differs() -> None:
    tte = trial()
    one, again, other = (impute(tte, seed=7, number=k, until="2 years") for k in (1, 1, 2))
    np.testing.assert_array_equal(one.time, again.time)
    assert (one.time != other.time).any()
    happened = tte.event > 0
    np.testing.assert_array_equal(one.time[happened], tte.time[happened])
    assert (one.time >= tte.time).all()
    # The same random numbers: a higher hazard brings every drawn event forward.
    worse = impute(tte, seed=7, number=1, until="2 years", delta=3.0)
    assert (worse.time <= one.time).all()
    assert (worse.event >= one.event).all()


def test_the_tipping_point_is_in_the_grid() -> None:
    tte = trial(200)
    found = tipping_point(tte, deltas=[1, 2, 4, 8, 16, 32], until="400 days", seed=3, imputations=20)
    ratios = [step.hazard_ratio for step in found.steps]
    assert ratios == sorted(ratios)
    assert found.delta in (2, 4, 8, 16, 32)
    assert f"{found.delta:g} times as high" in str(found)
    assert {r.statistic for r in found.rows()} >= {"tipping point", "hazard ratio", "pooled P"}
    never = tipping_point(tte, deltas=[1], until="400 days", seed=3, imputations=20)
    assert never.reason == "the result stays significant over the whole grid"
    lost = tipping_point(tte, deltas=[32], until="400 days", seed=3, imputations=20)
    assert lost.reason == "the result is not significant at the first delta already"
    assert found.table().height == len(found.rows())
