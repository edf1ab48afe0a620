"""Counts, multiplicity and imputation against the plain twins, on tables and graphs made to be awkward."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.oracles import twins_counts, twins_imputation, twins_multiplicity
from tests.properties.examples import plenty

from equipoise.analyze import (
    adjusted_p,
    clopper_pearson,
    closed_test,
    cmh,
    exposure_adjusted_rate,
    fisher,
    pool,
    rate_difference,
    rate_ratio,
    risk_difference,
    risk_ratio,
)
from equipoise.analyze.imputation import Draws, completed
from equipoise.design import AlphaGraph
from equipoise.survival import TimeToEvent


def near(got: float, want: float, rel: float = 1e-8, abs_: float = 1e-10) -> None:
    """The twin climbs the restricted likelihood and halves its way to a limit, to about ten digits."""
    assert got == pytest.approx(want, rel=rel, abs=abs_, nan_ok=True)


@st.composite
def share(draw: st.DrawFn, most: int = 60, least: int = 0) -> tuple[int, int]:
    total = draw(st.integers(least, most))
    events = draw(st.one_of(st.integers(0, total), st.sampled_from([0, total])))
    return events, total


@st.composite
def strata(draw: st.DrawFn, most: int = 4) -> tuple[list[int], list[int], list[int], list[int]]:
    tables = draw(st.lists(st.tuples(share(), share()), min_size=1, max_size=most))
    assume(any(a[1] > 0 and b[1] > 0 for a, b in tables))
    return (
        [a[0] for a, _ in tables], [a[1] for a, _ in tables], [b[0] for _, b in tables], [b[1] for _, b in tables],
    )  # fmt: skip


LEVELS = st.sampled_from([0.8, 0.9, 0.95, 0.99])


@plenty(150)
@given(share(most=200, least=1), LEVELS)
def test_clopper_pearson(counts: tuple[int, int], level: float) -> None:
    found, want = clopper_pearson(*counts, level).conf_int, twins_counts.clopper_pearson(*counts, level)
    near(found[0], want[0], 1e-10, 0)
    near(found[1], want[1], 1e-10, 0)


def told(counts: Any, with_events: bool = False) -> Any:
    """The strata that tell something: both arms are there (and for a ratio somebody has the event)."""
    kept = [t for t in zip(*counts, strict=True) if t[1] and t[3] and (t[0] + t[2] or not with_events)]
    return tuple(list(column) for column in zip(*kept, strict=True)) if kept else ([0], [0], [0], [0])


def sizes(counts: Any) -> list[int]:
    return [a + b for a, b in zip(counts[1], counts[3], strict=True)]


def compare(found: Any, want: dict[str, float]) -> None:
    near(found.estimate, want["estimate"])
    near(found.conf_int[0], want["lower"])
    near(found.conf_int[1], want["upper"])
    near(found.z, want["z"])
    near(found.p_value, want["p_value"])


@plenty(100)
@given(strata(), LEVELS, st.booleans())
def test_risk_difference(counts: Any, level: float, by_size: bool) -> None:
    want = twins_counts.risk_difference(*told(counts), level=level, weights=sizes(told(counts)) if by_size else "cmh")
    compare(risk_difference(*counts, level=level, weights="sample size" if by_size else "cmh"), want)


@plenty(100)
@given(strata(), LEVELS, st.booleans())
def test_risk_ratio(counts: Any, level: float, by_size: bool) -> None:
    told_counts = told(counts, with_events=True)
    want = twins_counts.risk_ratio(*told_counts, level=level, weights=sizes(told_counts) if by_size else "cmh")
    compare(risk_ratio(*counts, level=level, weights="sample size" if by_size else "cmh"), want)


@plenty(60)
@given(st.integers(0, 60), st.integers(0, 60), st.floats(0.1, 500), st.floats(0.1, 500), LEVELS)
def test_rates(x1: int, x0: int, t1: float, t0: float, level: float) -> None:
    limits = exposure_adjusted_rate(x1, t1, unit="years", per="1 year", level=level).conf_int
    want = twins_counts.exact_poisson_limits(x1, t1, level)
    near(limits[0], want[0], 1e-10, 0)
    near(limits[1], want[1], 1e-10, 0)
    found = rate_difference(x1, t1, x0, t0, unit="years", per="1 year", level=level)
    compare(found, twins_counts.rate_difference(x1, t1, x0, t0, level=level))
    compare(rate_ratio(x1, t1, x0, t0, unit="years", level=level), twins_counts.rate_ratio(x1, t1, x0, t0, level=level))


LARGE = st.integers(0, 15).flatmap(lambda digits: st.integers(0, 10**digits))


@st.composite
def large_share(draw: st.DrawFn) -> tuple[int, int]:
    total = max(1, draw(LARGE))
    some = min(total, draw(LARGE))
    return draw(st.sampled_from([some, total - some, 0, total])), total


def compare_large(found: Any, want: dict[str, float]) -> None:
    """As ``compare``, a limit next to 0 by the width of the interval: both programs add it to the estimate."""
    low, high = found.conf_int
    slack = 1e-12 * (high - low) if math.isfinite(high - low) else 0.0
    near(found.estimate, want["estimate"], 1e-8, 0)
    near(low, want["lower"], 1e-8, slack)
    near(high, want["upper"], 1e-8, slack)
    near(found.z, want["z"], 1e-8, 1e-11)


@plenty(60)
@given(large_share(), large_share())
def test_shares_of_very_many(one: tuple[int, int], other: tuple[int, int]) -> None:
    compare_large(risk_difference(*one, *other), twins_counts.risk_difference(*one, *other))
    if one[0] + other[0]:
        compare_large(risk_ratio(*one, *other), twins_counts.risk_ratio(*one, *other))


@plenty(60)
@given(LARGE, st.integers(-3, 9), LARGE, st.integers(-3, 9))
def test_rates_far_apart(x1: int, t1: int, x0: int, t0: int) -> None:
    counts = (x1, 3.0 * 10.0**t1, x0, 7.0 * 10.0**t0)
    found = rate_difference(*counts, unit="years", per="1 year")
    compare_large(found, twins_counts.rate_difference(*counts))
    if x1 + x0:
        compare_large(rate_ratio(*counts, unit="years"), twins_counts.rate_ratio(*counts))


@plenty(100)
@given(share(most=3000), share(most=3000))
def test_fisher_of_long_supports(one: tuple[int, int], other: tuple[int, int]) -> None:
    found, want = fisher(*one, *other), twins_counts.fisher(*one, *other)
    near(found.p_value, want["two_sided"], 1e-10, 1e-300)
    near(found.p_more, want["greater"], 1e-10, 1e-300)
    near(found.p_fewer, want["less"], 1e-10, 1e-300)


@plenty(300)
@given(strata(), LEVELS, st.booleans())
def test_cmh(counts: Any, level: float, correction: bool) -> None:
    found = cmh(*counts, correction=correction, level=level)
    want = twins_counts.cmh(*counts, correction=correction, level=level)
    near(found.statistic, want["chi_square"], 1e-9)
    near(found.p_value, want["p_value"], 1e-9)
    if not math.isnan(found.statistic):
        near(found.odds_ratio, want["odds_ratio"], 1e-9)
        near(found.conf_int[0], want["lower"], 1e-9)
        near(found.conf_int[1], want["upper"], 1e-9)


@plenty(300)
@given(share(most=40), share(most=40))
def test_fisher(one: tuple[int, int], other: tuple[int, int]) -> None:
    found, want = fisher(*one, *other), twins_counts.fisher(*one, *other)
    near(found.p_value, want["two_sided"], 1e-10, 0)
    near(found.p_more, want["greater"], 1e-10, 0)
    near(found.p_fewer, want["less"], 1e-10, 0)


P = st.one_of(st.integers(0, 100).map(lambda k: Fraction(k, 1000)), st.integers(0, 20).map(lambda k: Fraction(k, 20)))


@plenty(150)
@given(st.lists(P, min_size=1, max_size=6))
def test_step_up_and_down(p: list[Fraction]) -> None:
    given_p = {str(i): float(x) for i, x in enumerate(p)}
    for procedure in ("holm", "hochberg", "hommel"):
        want = [float(x) for x in getattr(twins_multiplicity, procedure)(p)]
        found = adjusted_p(given_p, procedure)  # type: ignore[arg-type]
        assert list(found.values()) == pytest.approx(want, rel=1e-12, abs=1e-15)
    closed = closed_test(given_p, "simes").adjusted_p
    want = [float(x) for x in twins_multiplicity.closed_test(p, twins_multiplicity.simes)]
    assert list(closed.values()) == pytest.approx(want, rel=1e-12, abs=1e-15)
    closed = closed_test(given_p, "bonferroni").adjusted_p
    want = [float(x) for x in twins_multiplicity.closed_test(p, twins_multiplicity.bonferroni)]
    assert list(closed.values()) == pytest.approx(want, rel=1e-12, abs=1e-15)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[Fraction], list[list[Fraction]], list[Fraction]]:
    m = draw(st.integers(1, 5))

    def shares(n: int) -> list[Fraction]:
        parts = draw(st.lists(st.integers(0, 4), min_size=n, max_size=n))
        total = sum(parts) + draw(st.sampled_from([0, 0, 1]))
        return [Fraction(x, total) if total else Fraction(0) for x in parts]

    rows = []
    for i in range(m):
        row = shares(m - 1)
        rows.append([*row[:i], Fraction(0), *row[i:]])
    return shares(m), rows, draw(st.lists(P, min_size=m, max_size=m))


@plenty(400)
@given(graphs())
def test_alpha_graphs_are_closed_tests(case: Any) -> None:
    weights, transitions, p = case
    names = [str(i) for i in range(len(weights))]
    graph = AlphaGraph(
        weights=dict(zip(names, map(float, weights), strict=True)),
        transitions={
            a: {b: float(g) for b, g in zip(names, row, strict=True)} for a, row in zip(names, transitions, strict=True)
        },
    )
    found = graph.test(dict(zip(names, map(float, p), strict=True)), 0.025)
    want = [float(x) for x in twins_multiplicity.alpha_graph(weights, transitions, p)]
    assert list(found.adjusted_p.values()) == pytest.approx(want, rel=1e-9, abs=1e-12)
    sure = [abs(x - 0.025) > 1e-9 for x in want]
    assert [n in found.rejected for n, s in zip(names, sure, strict=True) if s] == [
        x <= 0.025 for x, s in zip(want, sure, strict=True) if s
    ]


@plenty(100)
@given(
    st.lists(st.tuples(st.integers(-50, 50), st.integers(1, 50)), min_size=2, max_size=12), st.sampled_from([0.9, 0.95])
)
def test_rubin(parts: list[tuple[int, int]], level: float) -> None:
    estimates, variances = [a / 16 for a, _ in parts], [b / 16 for _, b in parts]
    found = pool(estimates, variances)
    want = twins_imputation.rubin(estimates, variances, level=level)
    near(found.estimate, want["estimate"], 1e-10, 1e-12)
    if math.isinf(found.df):
        return
    near(found.df, want["df"], 1e-9)
    near(found.p_value, want["p_value"], 1e-9, 1e-13)
    for got, limit in zip(found.limits(level), (want["lower"], want["upper"]), strict=True):
        near(got, limit, 1e-9)


@plenty(200)
@given(st.data())
def test_imputed_times(data: st.DataObject) -> None:
    n = data.draw(st.integers(4, 24))
    whole = data.draw(st.booleans())
    seed = data.draw(st.integers(0, 2**31))
    rng = np.random.default_rng(seed)
    time = rng.integers(1, 12, n).astype(float) if whole else rng.uniform(0.5, 30, n)
    event = rng.integers(0, 2, n)
    arm = np.where(np.arange(n) % 2 == 0, "A", "B")
    strata = rng.integers(0, 2, n) if data.draw(st.booleans()) else None
    uniform = rng.uniform(0.001, 0.999, n)
    # Every stratum has both arms, and the bootstrap takes somebody of each.
    if strata is not None:
        strata[:4] = [0, 0, 1, 1]
    copies = rng.multinomial(n, np.full(n, 1 / n))
    copies[:4] = np.maximum(copies[:4], 1)
    delta = {"A": float(rng.choice([0.5, 1.0, 2.0])), "B": float(rng.choice([0.5, 1.0, 3.0]))}
    reference = data.draw(st.sampled_from([None, "A"]))
    until = rng.uniform(2, 40, n)
    censored = (event == 0) & (rng.random(n) < 0.8)
    tte = TimeToEvent(time, event, arm, control="A", experimental="B", unit="days", strata=strata)
    found = completed(
        tte, Draws(copies=copies, uniform=uniform), delta=np.array([delta["A"], delta["B"]]), reference=reference,
        censored=censored, until=until, stratified=strata is not None,
    )  # fmt: skip
    want_time, want_event = twins_imputation.impute_once(
        tte.time, event, tte.arm, uniform, copies, until, delta={0: delta["A"], 1: delta["B"]},
        reference=None if reference is None else 0, censored=censored, strata=strata,
    )  # fmt: skip
    np.testing.assert_allclose(found.time, np.asarray(want_time, dtype=float), rtol=1e-12)
    np.testing.assert_array_equal(found.event, np.asarray(want_event, dtype=int))
