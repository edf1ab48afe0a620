"""What profile likelihood, Firth's penalty, a null hazard ratio and nested models refuse, and what they leave alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from equipoise.errors import EquipoiseError, UnsupportedError
from equipoise.survival import TimeToEvent, cox, kaplan_meier, likelihood_ratio, logrank
from equipoise.survival.profile import NOT_FOUND

rng = np.random.default_rng(3)
N = 40
TIME, EVENT, ARM = np.ceil(rng.exponential(size=N) * 9), rng.integers(0, 2, N), rng.integers(0, 2, N)
X, Y = rng.normal(size=N), rng.normal(size=N)
HALVES = np.arange(N) % 2


def arms(**more: Any) -> TimeToEvent:
    return TimeToEvent(TIME, EVENT, ARM, **{"control": 0, "experimental": 1, "unit": "days", **more})


WEIGHTED = {"weight": np.full(N, 0.5), "weight_type": "probability"}
COPIES = {"weight": np.full(N, 2.0), "weight_type": "case"}


@pytest.mark.parametrize(
    ("endpoint", "arguments", "said"),
    [
        ({}, {"conf_type": "log-log"}, 'unknown conf_type .*"?wald, profile'),
        ({}, {"conf_type": "profile", "convention": "r"}, 'contradicts convention = "r", which means "wald"'),
        ({}, {"conf_type": "profile", "convention": "sas"}, 'contradicts convention = "sas"'),
        ({}, {"penalty": "ridge"}, 'unknown penalty .*Use "firth"'),
        ({}, {"conf_type": "wald", "penalty": "firth", "convention": "sas"}, 'which means "profile"'),
        ({}, {"null_hazard_ratio": 0}, "null_hazard_ratio = 0 is no hazard ratio"),
        ({}, {"null_hazard_ratio": -1.3}, "is no hazard ratio"),
        ({}, {"null_hazard_ratio": float("inf")}, "is no hazard ratio"),
        ({}, {"null_hazard_ratio": float("nan")}, "is no hazard ratio"),
    ],
)
def test_arguments_that_mean_nothing(endpoint: dict[str, Any], arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(EquipoiseError, match=said):
        cox(arms(**endpoint), **arguments)


@pytest.mark.parametrize(
    ("endpoint", "arguments", "said"),
    [
        (WEIGHTED, {"conf_type": "profile"}, "do not go with a robust variance"),
        ({}, {"conf_type": "profile", "robust": True}, "do not go with a robust variance"),
        ({}, {"conf_type": "profile", "cluster": HALVES}, "do not go with a robust variance"),
        (WEIGHTED, {"penalty": "firth"}, "neither weights nor a robust variance"),
        (COPIES, {"penalty": "firth"}, "neither weights nor a robust variance"),
        ({}, {"penalty": "firth", "robust": True}, "neither weights nor a robust variance"),
        ({}, {"penalty": "firth", "cluster": HALVES}, "neither weights nor a robust variance"),
        ({}, {"penalty": "firth", "ties": "discrete"}, "not there for discrete ties"),
        ({}, {"penalty": "firth", "ties": "exact-marginal"}, "not there for exact-marginal ties"),
    ],
)
def test_combinations_without_a_method(endpoint: dict[str, Any], arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(UnsupportedError, match=said):
        cox(arms(**endpoint), **arguments)


def test_a_null_hazard_ratio_is_of_two_arms() -> None:
    for tte in (TimeToEvent(TIME, EVENT, unit="days"), TimeToEvent(TIME, EVENT, np.arange(N) % 3, unit="days")):
        with pytest.raises(EquipoiseError, match="a contrast of two arms, which this model does not have"):
            cox(tte, {"x": X}, null_hazard_ratio=1.3)


def test_case_weights_have_profile_limits() -> None:
    twice = np.repeat(np.arange(N), 2)
    copies = TimeToEvent(TIME[twice], EVENT[twice], ARM[twice], control=0, experimental=1, unit="days")
    one = cox(arms(**COPIES), ties="breslow", conf_type="profile")
    assert one.conf_int == pytest.approx(cox(copies, ties="breslow", conf_type="profile").conf_int, rel=1e-10)


def test_the_conventions_have_wald_limits() -> None:
    for convention in ("r", "sas"):
        assert cox(arms(), convention=convention).conf_type == "wald"
        assert cox(arms(), convention=convention, conf_type="wald").conf_type == "wald"
        assert cox(arms(), convention=convention, penalty="firth").conf_type == "profile"


def test_profile_limits_follow_the_level() -> None:
    narrow, wide = (cox(arms(), {"x": X}, conf_type="profile", level=level).limits() for level in (0.5, 0.99))
    assert (wide[:, 0] < narrow[:, 0]).all()
    assert (wide[:, 1] > narrow[:, 1]).all()
    rows = cox(arms(), {"x": X}, conf_type="profile", level=0.5).rows()
    assert {r.level for r in rows if "limit" in r.statistic} == {0.5}
    assert {r.method for r in rows} == {
        "Cox model, Efron ties, unstratified, adjusted for x, profile likelihood limits"
    }


def test_profile_limits_with_large_risks() -> None:
    """From Wald's limits, far beyond the others, the steps come back."""
    x = np.round(X, 1) * 40
    fit = cox(TimeToEvent(TIME, EVENT, unit="days"), {"x": x}, conf_type="profile")
    again = cox(TimeToEvent(TIME, EVENT, unit="days"), {"x": x / 40}, conf_type="profile")
    np.testing.assert_allclose(fit.log_limits * 40, again.log_limits, rtol=1e-10)


# ---------------------------------------------------------------------- nested models
SMALL = {"x": X}
LARGE = {"x": X, "y": Y}


@pytest.mark.parametrize(
    ("one", "two", "said"),
    [
        (({}, SMALL, {}), ({}, LARGE, {"ties": "breslow"}), "the smaller model has efron ties, the larger breslow"),
        (({}, SMALL, {}), ({}, LARGE, {"robust": True}), "robust variance"),
        (({}, SMALL, {"penalty": "firth"}), ({}, LARGE, {"penalty": "firth"}), "different penalties"),
        (({}, LARGE, {}), ({}, SMALL, {}), "y is in the smaller one only .*Give the smaller model first"),
        (({}, {"z": X}, {}), ({}, LARGE, {}), "z is in the smaller one only .*terms of the larger: 1 v 0, x, y"),
        (({}, {"x": X + 1}, {}), ({}, LARGE, {}), "the models are not nested: x"),
        (({"strata": HALVES}, SMALL, {}), ({}, LARGE, {}), "not of the same data: stratum differ"),
        (({"strata": HALVES}, SMALL, {}), ({"strata": HALVES}, LARGE, {"stratified": False}), "stratum differ"),
        (({"entry": TIME - 0.5}, SMALL, {}), ({}, LARGE, {}), "entry differ"),
        (({"time": TIME + 1, "event": EVENT[::-1]}, SMALL, {}), ({}, LARGE, {}), "time and event differ"),
        (({"subject": [f"s{i}" for i in range(N)]}, SMALL, {}), ({}, LARGE, {}), "subject differ"),
        ((COPIES, SMALL, {}), ({}, LARGE, {}), "weight differ"),
    ],
)
def test_models_that_are_not_nested(one: Any, two: Any, said: str) -> None:
    fits = []
    for endpoint, covariates, arguments in (one, two):
        columns = {
            "time": TIME,
            "event": EVENT,
            "arm": ARM,
            "control": 0,
            "experimental": 1,
            "unit": "days",
            **endpoint,
        }
        fits.append(cox(TimeToEvent(**columns), covariates, **arguments))
    with pytest.raises(EquipoiseError, match=said):
        likelihood_ratio(*fits)


def test_models_of_different_subjects() -> None:
    some = np.where(np.arange(N) < 3, np.nan, Y)
    small, large = cox(arms(), SMALL), cox(arms(), {**SMALL, "y": some}, missing="drop")
    with pytest.raises(EquipoiseError, match="is of 40 subjects, the larger of 37"):
        likelihood_ratio(small, large)
    kept = cox(arms().select(~np.isnan(some)), {"x": X[3:]})
    assert likelihood_ratio(kept, large).df == 1


def test_a_factor_is_tested_as_a_whole() -> None:
    sites = np.array([*"abcd"])[np.arange(N) % 4]
    test = likelihood_ratio(cox(arms(), SMALL), cox(arms(), {"site": sites, "x": X}))
    assert test.df == 3
    assert 0 < test.p_value < 1


# ---------------------------------------------------------------------- what the analyses share
def test_sorted_rows_are_shared_and_closed() -> None:
    tte = arms(strata=HALVES)
    fits = [cox(tte), cox(tte, stratified=False), cox(tte)]
    logrank(tte)
    kaplan_meier(tte)
    assert fits[0].fitted.sets is fits[2].fitted.sets
    assert len(fits[1].fitted.sets.starts) == 2
    assert len(tte.prepared) == 2
    for name in ("order", "time", "event", "arm", "weight", "starts"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(fits[0].fitted.sets, name)[0] = 1
    assert not tte.swap().prepared
    assert fits[0].coef[0] == pytest.approx(-cox(tte.swap()).coef[0], rel=1e-12)


def test_the_design_of_arms_alone_is_that_of_their_indicators() -> None:
    tte = arms()
    alone, beside = cox(tte).fitted, cox(tte, SMALL).fitted
    np.testing.assert_allclose(alone.x[:, 0], beside.x[:, 0], rtol=1e-13)
    assert alone.scale[0] == pytest.approx(beside.scale[0], rel=1e-13)
    np.testing.assert_array_equal(alone.matrix.x[:, 0], ARM)
    three = cox(TimeToEvent(TIME, EVENT, np.arange(N) % 3, unit="days")).fitted
    x = three.matrix.x[three.sets.order]
    np.testing.assert_allclose(three.x * three.scale, x - x.mean(axis=0), atol=1e-14)


def test_a_limit_that_is_not_found_says_so() -> None:
    """Five subjects, four terms, all of which separate: some profiles are level as far as numbers go."""
    tte = TimeToEvent([1.0, 7, 1, 3.3, 5], [1, 1, 1, 1, 0], [0, 1, 2, 1, 1], control=0, unit="days",
                      weight=[1.0, 1, 4, 1, 4], weight_type="case")  # fmt: skip
    fit = cox(tte, {"x": [-2.0, 2, 1, -2, 0], "y": [2.0, 1, 2, 0, -1]}, conf_type="profile")
    lost = np.isnan(fit.log_limits).any(axis=1)
    assert lost.any()
    assert [r == NOT_FOUND for r in fit.limit_reasons] == lost.tolist()
    assert all(r.value is not None or r.reason for r in fit.rows())
