"""Weighted log-rank tests and MaxCombo: what must hold, what they say, and what they refuse."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import ndtr
from scipy.stats import mannwhitneyu

from equipoise.errors import EquipoiseError, UnsupportedError
from equipoise.survival import (
    FlemingHarrington,
    Gehan,
    ModestlyWeighted,
    TaroneWare,
    TimeToEvent,
    kaplan_meier,
    logrank,
    maxcombo,
)
from equipoise.units import DurationError

RNG = np.random.default_rng(20)
N = 60
TIME = np.ceil(RNG.exponential(40, N))
EVENT = (RNG.random(N) < 0.7).astype(int)
ARM = RNG.integers(0, 2, N)
STRATA = RNG.integers(0, 3, N)
EVERY = (
    FlemingHarrington(),
    FlemingHarrington(0.5, 2),
    ModestlyWeighted(delay="1 month"),
    ModestlyWeighted(survival=0.4),
    Gehan(),
    TaroneWare(),
)


def data(event: object = EVENT, **more: object) -> TimeToEvent:
    return TimeToEvent(TIME, event, ARM, **({"control": 0, "experimental": 1, "unit": "days"} | more))


# ------------------------------------------------------------------ what must hold
def test_gehan_without_censoring_is_wilcoxon() -> None:
    """The sum is that of pairs: those in which B dies first less those in which A does, ties in neither."""
    fit = logrank(data(np.ones(N)), weights=Gehan())
    a, b = TIME[ARM == 0], TIME[ARM == 1]
    earlier, later = (b[:, None] < a).sum(), (b[:, None] > a).sum()
    assert fit.observed[1] - fit.expected[1] == pytest.approx(earlier - later, rel=1e-12)
    u = mannwhitneyu(b, a).statistic
    assert fit.observed[1] - fit.expected[1] == pytest.approx(len(a) * len(b) - 2 * u, rel=1e-12)


def test_gehan_without_censoring_is_fleming_harrington_1_0() -> None:
    """Nobody is lost, so that the number at risk is n times the curve, and MaxCombo sees one statistic."""
    tte = data(np.ones(N))
    gehan, fh = logrank(tte, weights=Gehan()), logrank(tte, rho=1)
    assert gehan.z == pytest.approx(fh.z, rel=1e-12)
    np.testing.assert_allclose(gehan.variance, N * N * fh.variance, rtol=1e-12)
    combined = maxcombo(tte, (Gehan(), FlemingHarrington(1, 0)))
    assert combined.p_value == pytest.approx(gehan.p_value, rel=1e-12)


def test_powers_and_records_are_one() -> None:
    for rho, gamma in ((0, 0), (1, 0), (0.5, 2)):
        by_powers, by_record = (
            logrank(data(), rho=rho, gamma=gamma),
            logrank(data(), weights=FlemingHarrington(rho, gamma)),
        )
        assert by_powers.z == by_record.z
        assert by_powers.method == by_record.method
        assert by_powers.weights == FlemingHarrington(rho, gamma)
        assert (by_record.rho, by_record.gamma) == (rho, gamma)
    assert logrank(data(), weights=Gehan()).rho is None
    assert logrank(data(), weights=Gehan()).gamma is None


def test_a_modest_weight_without_room_is_none() -> None:
    plain = logrank(data())
    for weights in (ModestlyWeighted(survival=1), ModestlyWeighted(delay="0 days")):
        assert logrank(data(), weights=weights).z == plain.z


def test_a_delay_is_the_survival_there() -> None:
    for days in (10, 25, 40):
        (there,) = kaplan_meier(TimeToEvent(TIME, EVENT, unit="days"))["all"].at([f"{days} days"])
        by_delay = logrank(data(), weights=ModestlyWeighted(delay=f"{days} days"))
        by_survival = logrank(data(), weights=ModestlyWeighted(survival=there.survival))
        assert by_delay.z == pytest.approx(by_survival.z, rel=1e-13)


def test_a_delay_in_another_unit_is_the_same_day() -> None:
    """8.2 weeks are 57.4 days up to the last bit; an event there is at the delay."""
    time = [10, 57.4, 60, 70, 80, 90]
    tte = TimeToEvent(time, [1] * 6, [*"ABABAB"], control="A", experimental="B", unit="days")
    in_weeks, in_days = (logrank(tte, weights=ModestlyWeighted(delay=d)) for d in ("8.2 weeks", "57.4 days"))
    assert 8.2 * 7 != 57.4
    assert in_weeks.z == in_days.z


@pytest.mark.parametrize("weights", EVERY, ids=str)
@pytest.mark.parametrize("stratified", [False, True])
def test_arms_exchanged_and_copies(weights: object, stratified: bool) -> None:
    tte = data(strata=STRATA)
    fit = logrank(tte, weights=weights, stratified=stratified)
    assert logrank(tte.swap(), weights=weights, stratified=stratified).z == pytest.approx(-fit.z, rel=1e-12)
    good = logrank(data(strata=STRATA, event_is="benefit"), weights=weights, stratified=stratified)
    assert (good.z, good.p_value) == (-fit.z, fit.p_value)
    copies = 1 + np.arange(N) % 3
    weighted = logrank(
        data(strata=STRATA, weight=copies, weight_type="case"), weights=weights, stratified=stratified
    )  # fmt: skip
    repeated = TimeToEvent(
        *(np.repeat(x, copies) for x in (TIME, EVENT, ARM)), strata=np.repeat(STRATA, copies),
        control=0, experimental=1, unit="days",
    )  # fmt: skip
    assert weighted.z == pytest.approx(logrank(repeated, weights=weights, stratified=stratified).z, rel=1e-12)


def test_three_groups() -> None:
    tte = TimeToEvent(TIME, EVENT, STRATA, control=0, unit="days")
    for weights in EVERY:
        fit = logrank(tte, weights=weights)
        assert fit.df == 2
        assert fit.z is None
        assert fit.observed.sum() == pytest.approx(fit.expected.sum(), rel=1e-12)


def test_a_weight_without_a_bound_is_not_estimable() -> None:
    # the first of A is alone when he dies: the pooled curve is at 0 from then on
    tte = TimeToEvent(
        [1, 5, 6, 7, 8], [1, 1, 1, 1, 0], [*"ABABA"], entry=[0, 2, 2, 2, 2], control="A", experimental="B", unit="days"
    )  # fmt: skip
    weights = ModestlyWeighted(delay="6 days")
    fit = logrank(tte, weights=weights)
    assert math.isnan(fit.statistic)
    assert math.isnan(fit.z)
    assert np.isnan(fit.observed).all()
    assert fit.reason == (
        "the weights have no bound: before an event the pooled curve is at 0 already (modestly weighted (delay 6 days))"
    )
    assert str(fit).endswith(f"not estimable, {fit.reason}")
    assert all(r.value is None for r in fit.rows() if "degrees" not in r.statistic)
    combined = maxcombo(tte, (FlemingHarrington(), weights))
    assert math.isnan(combined.p_value)
    assert combined.reason == fit.reason
    assert combined.weights == ()
    # with a number for a floor it has a bound
    assert math.isfinite(logrank(tte, weights=ModestlyWeighted(survival=0.2)).z)
    three = TimeToEvent(
        [1, 5, 6, 7, 8], [1, 1, 1, 1, 0], [*"ABCBA"], entry=[0, 2, 2, 2, 2], control="A", unit="days"
    )  # fmt: skip
    assert math.isnan(logrank(three, weights=weights).statistic)


# ----------------------------------------------------------------------- MaxCombo
def test_one_weight_is_its_logrank_test() -> None:
    for weights in EVERY:
        alone, fit = logrank(data(), weights=weights), maxcombo(data(), (weights,))
        assert fit.z.tolist() == pytest.approx([alone.z], rel=1e-13)
        assert fit.p_value == pytest.approx(alone.p_value, rel=1e-12)
        assert fit.p_one_sided == pytest.approx(alone.p_one_sided, rel=1e-12)
        assert maxcombo(data(), (weights, weights)).p_value == pytest.approx(alone.p_value, rel=1e-12)


@pytest.mark.parametrize("stratified", [False, True])
def test_maxcombo_holds_its_parts(stratified: bool) -> None:
    tte = data(strata=STRATA)
    fit = maxcombo(tte, EVERY, stratified=stratified)
    parts = [logrank(tte, weights=w, stratified=stratified) for w in EVERY]
    np.testing.assert_allclose(fit.z, [p.z for p in parts], rtol=1e-12)
    assert fit.statistic == pytest.approx(max(abs(p.z) for p in parts), rel=1e-12)
    assert fit.best_weight == EVERY[int(np.argmax(abs(fit.z)))]
    np.testing.assert_array_equal(np.diag(fit.correlation), 1)
    np.testing.assert_allclose(fit.correlation, fit.correlation.T, rtol=1e-13)
    assert np.linalg.eigvalsh(fit.correlation)[0] > -1e-12
    # between the smallest P and Bonferroni's
    smallest = min(p.p_value for p in parts)
    assert smallest < fit.p_value < len(EVERY) * smallest
    assert min(p.p_one_sided for p in parts) < fit.p_one_sided < fit.p_value or fit.z.max() < fit.statistic


def test_maxcombo_against_drawn_statistics() -> None:
    fit = maxcombo(data())
    values, vectors = np.linalg.eigh(fit.correlation)
    drawn = np.random.default_rng(1).normal(size=(200_000, 4)) * np.sqrt(np.clip(values, 0, None)) @ vectors.T
    for p, share in (
        (fit.p_value, np.mean(abs(drawn).max(axis=1) >= fit.statistic)),
        (fit.p_one_sided, np.mean(drawn.max(axis=1) >= fit.z.max())),
    ):
        assert abs(share - p) < 4 * math.sqrt(p * (1 - p) / 200_000)


def test_the_usual_weights_have_rank_three() -> None:
    """1 = S + (1 - S): the first statistic is a sum of two others, and the correlation matrix singular."""
    fit = maxcombo(data())
    assert [str(w)[-6:] for w in fit.weights] == ["(0, 0)", "(0, 1)", "(1, 0)", "(1, 1)"]
    values = np.linalg.eigvalsh(fit.correlation)
    assert abs(values[0]) < 1e-14
    assert values[1] > 1e-4


def test_a_benefit_turns_maxcombo_round() -> None:
    harm, benefit = maxcombo(data()), maxcombo(data(event_is="benefit"))
    np.testing.assert_array_equal(harm.z, -benefit.z)
    assert harm.p_value == benefit.p_value
    swapped = maxcombo(data().swap())
    np.testing.assert_allclose(swapped.z, -harm.z, rtol=1e-12)
    assert swapped.p_value == pytest.approx(harm.p_value, rel=1e-9)


def test_a_p_value_far_out_is_above_zero() -> None:
    n = 400
    time = np.concatenate([np.arange(1, n + 1), 5 * n + np.arange(n)]).astype(float)
    tte = TimeToEvent(time, np.ones(2 * n), ["A"] * n + ["B"] * n, control="A", experimental="B", unit="days")
    fit = maxcombo(tte)
    assert fit.statistic > 20
    single = float(ndtr(-fit.statistic))
    assert single <= fit.p_one_sided <= 4 * single
    assert fit.p_one_sided < fit.p_value <= 8 * single
    assert str(fit).endswith("two-sided P < 0.0001")


def test_without_events_there_is_no_maxcombo() -> None:
    fit = maxcombo(data(np.zeros(N)))
    assert fit.z.shape == (0,)
    assert fit.correlation.shape == (0, 0)
    assert fit.best_weight is None
    assert fit.reason == "there are no events"
    assert len(fit.left_out) == 4
    assert str(fit).endswith("unstratified: not estimable, there are no events")
    assert {r.reason for r in fit.rows()} == {"there are no events"}
    one = TimeToEvent([1, 2], [1, 0], [*"AB"], entry=[0, 1.5], control="A", experimental="B", unit="days")
    assert maxcombo(one).reason.startswith("at no event time")


# -------------------------------------------------------------------- what they say
def test_texts() -> None:
    assert [str(w) for w in EVERY] == [
        "Fleming-Harrington (0, 0)",
        "Fleming-Harrington (0.5, 2)",
        "modestly weighted (delay 1 month)",
        "modestly weighted (survival 0.4)",
        "Gehan",
        "Tarone-Ware",
    ]
    methods = [logrank(data(strata=STRATA), weights=w).method for w in EVERY]
    assert methods[0] == "log-rank test, stratified"
    assert methods[1] == "Fleming-Harrington (0.5, 2) log-rank test, stratified"
    assert methods[2] == "modestly weighted (delay 1 month) log-rank test, stratified"
    assert methods[4] == "Gehan log-rank test, stratified"
    fit = maxcombo(data(), (Gehan(), TaroneWare(), FlemingHarrington(0, 1)), stratified=False)
    assert fit.method == "MaxCombo test of Gehan, Tarone-Ware and Fleming-Harrington (0, 1), unstratified"


def test_rows() -> None:
    rows = logrank(data(), weights=Gehan()).rows()
    assert [r.statistic for r in rows] == [
        *["weighted observed events", "weighted expected events"] * 2,
        *(f"log-rank {name}" for name in ("chi-square", "degrees of freedom", "P", "z", "P one-sided")),
    ]
    assert logrank(data(), weights=FlemingHarrington()).rows()[0].statistic == "observed events"
    fit = maxcombo(data(), (Gehan(), FlemingHarrington(0, 1)))
    table = fit.table()
    assert table["statistic"].to_list() == [
        "Gehan log-rank z", "Fleming-Harrington (0, 1) log-rank z", "MaxCombo statistic", "MaxCombo P",
        "MaxCombo P one-sided",
    ]  # fmt: skip
    assert table["value"].to_list() == [*fit.z.tolist(), fit.statistic, fit.p_value, fit.p_one_sided]
    assert set(table["method"]) == {fit.method}
    with pytest.raises(ValueError, match="read-only"):
        fit.correlation[0, 0] = 2


# ---------------------------------------------------------------------- refusals
def test_refused_weights() -> None:
    for make, says in [
        (lambda: FlemingHarrington(-1, 0), "must be zero or above"),
        (lambda: FlemingHarrington(0, math.inf), "must be zero or above"),
        (lambda: FlemingHarrington(math.nan), "must be zero or above"),
        (lambda: ModestlyWeighted(), "exactly one"),
        (lambda: ModestlyWeighted(delay="6 months", survival=0.5), "exactly one"),
        (lambda: ModestlyWeighted(survival=0), "above 0 and at most 1"),
        (lambda: ModestlyWeighted(survival=1.5), "above 0 and at most 1"),
        (lambda: ModestlyWeighted(survival=math.nan), "above 0 and at most 1"),
    ]:
        with pytest.raises(EquipoiseError, match=says):
            make()
    with pytest.raises(DurationError, match="6 is not a duration"):
        ModestlyWeighted(delay=6)


def test_refused_tests() -> None:
    with pytest.raises(EquipoiseError, match=r"weights are given \(Gehan\), and rho = 1"):
        logrank(data(), weights=Gehan(), rho=1)
    with pytest.raises(EquipoiseError, match="must be zero or above"):
        logrank(data(), rho=-1)
    for call in (lambda: logrank(data(), weights="gehan"), lambda: maxcombo(data(), [Gehan(), (0, 1)])):
        with pytest.raises(EquipoiseError, match="is no weight of a log-rank test"):
            call()
    with pytest.raises(EquipoiseError, match="there are no weights"):
        maxcombo(data(), ())
    for tte in (TimeToEvent(TIME, EVENT, unit="days"), TimeToEvent(TIME, EVENT, STRATA, control=0, unit="days")):
        with pytest.raises(EquipoiseError, match="compares two arms"):
            maxcombo(tte)
    with pytest.raises(EquipoiseError, match="there are no strata"):
        maxcombo(data(), stratified=True)
    with pytest.raises(UnsupportedError, match="no variance under probability weights"):
        maxcombo(data(weight=np.full(N, 0.5), weight_type="probability"))
    with pytest.raises(UnsupportedError, match="not whole numbers"):
        maxcombo(data(weight=np.full(N, 1.5), weight_type="case"))
    with pytest.raises(UnsupportedError, match="competing causes"):
        maxcombo(data(EVENT * 2))
    with pytest.raises(UnsupportedError, match="9 coordinates that differ"):
        maxcombo(data(), [FlemingHarrington(rho / 3, 0.1) for rho in range(9)])
