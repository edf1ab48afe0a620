"""IPE and two-stage estimation against trtswitch: every output of its cases, and Z at fixed psi."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy.special import ndtr
from tests.reference.switching_cases import CASES, compare, data, from_panel, from_subjects

from equipoise.analyze.switching import SwitchEffect, WithoutSwitching, ipe, two_stage, two_stage_g, unswitched
from equipoise.analyze.switching.without_switching import compared
from equipoise.survival import accelerated

METHODS = (".ipe.", ".tsesimp.", ".tsegest.")
IDS = [c for c in CASES if any(m in c for m in METHODS)]
ADJUSTED: dict[str, tuple[str, ...]] = {
    "sw.ipe.immdef": (),
    "sw.ipe.loglogistic.cov": ("age", "bprog"),
    "sw.tsesimp.switch_dev": ("age", "ecog"),
    "sw.tsesimp.lognormal.cov": ("age", "bprog"),
    "sw.tsegest.grid": ("bprog",),
}


@cache
def record(case: str) -> Any:
    return from_subjects(case, ADJUSTED[case], ("region",) if case == "sw.ipe.loglogistic.cov" else ())


@cache
def fitted(case: str) -> WithoutSwitching:
    covariates = ADJUSTED[case]
    if ".tsegest." in case:
        panel, marker = from_panel(case)
        return two_stage_g(panel, marker, covariates=covariates)
    if ".ipe." in case:
        law = "loglogistic" if "loglogistic" in case else "weibull"
        return ipe(record(case), distribution=law, covariates=covariates)
    if "lognormal" in case:
        marker_then = {"L_pd": data(case)["L_pd"].to_numpy()}
        return two_stage(record(case), marker_then, distribution="lognormal", covariates=covariates, offset=1)
    return two_stage(record(case), covariates=covariates)


def effect(case: str) -> SwitchEffect:
    return fitted(case).effects[0]


def test_every_case_is_here() -> None:
    assert set(ADJUSTED) == set(IDS)


@pytest.mark.parametrize("case", IDS)
def test_estimates(case: str) -> None:
    found = fitted(case)
    for name, value in (
        ("psi", found.psi), ("psi_CI", found.psi_conf_int), ("hr", found.hazard_ratio), ("hr_CI", found.conf_int),
        ("pvalue", found.p_value),
    ):  # fmt: skip
        compare(case, (name,), value)


@pytest.mark.parametrize("case", IDS)
def test_outcome_model(case: str) -> None:
    model = fitted(case).model
    assert model is not None
    assert model.terms == ("1 v 0", *ADJUSTED[case])
    for name, values in (
        ("beta", model.coef), ("sebeta", model.se), ("z", model.z), ("p", model.p), ("expbeta", np.exp(model.coef)),
        ("lower", model.log_limits[:, 0]), ("upper", model.log_limits[:, 1]),
    ):  # fmt: skip
        compare(case, ("fit_outcome", name), values)


@pytest.mark.parametrize("case", IDS)
def test_log_rank(case: str) -> None:
    """Its z is above 0 where control does better; ours where the experimental arm does."""
    test = fitted(case).log_rank
    assert test is not None
    assert test.z is not None
    compare(case, ("lr_outcome", "uscore"), float(test.observed[1] - test.expected[1]))
    compare(case, ("lr_outcome", "vscore"), float(test.variance[1, 1]))
    compare(case, ("lr_outcome", "logRankZ"), -test.z)
    compare(case, ("lr_outcome", "logRankPValue"), test.p_value)


@pytest.mark.parametrize("case", [c for c in IDS if ".ipe." in c])
def test_at_the_stored_psi(case: str) -> None:
    """Where psi is put in, what is computed at it agrees to 1e-6 (tol_note)."""
    out = CASES[case]["outputs"]
    strata = bool(record(case).tte.strata)
    restored = unswitched(record(case), out["psi"])
    columns = {name: record(case).covariates[name] for name in ADJUSTED[case]}
    model = compared(restored, columns or None, strata, 0.95, "").model
    assert model is not None
    np.testing.assert_allclose(model.coef, np.atleast_1d(out["fit_outcome"]["beta"]), rtol=1e-6)
    fit = accelerated(restored, columns, distribution="loglogistic" if "loglogistic" in case else "weibull")
    want = out["fit_aft"]
    # It has the last stratum as the reference, ours the first.
    turn = np.eye(len(want["param"]))
    if strata:
        assert fit.terms[2:4] == ("stratum 2 v 1", "stratum 3 v 1")
        turn[0, 3] = 1.0  # the intercept is that of stratum 3
        turn[2, 2], turn[2, 3] = 0.0, -1.0  # 1 v 3
        turn[3, 2], turn[3, 3] = 1.0, -1.0  # 2 v 3
    mine = turn @ np.append(fit.coef, np.log(fit.scale))
    errors = np.sqrt(np.diagonal(turn @ fit.covariance @ turn.T))
    for name, got in (("beta", mine), ("sebeta", errors), ("z", mine / errors), ("expbeta", np.exp(mine))):
        np.testing.assert_allclose(got, want[name], rtol=3e-6, err_msg=name)


def test_acceleration_model() -> None:
    case = "sw.tsesimp.lognormal.cov"
    fit = effect(case).model
    assert fit is not None
    assert fit.terms == ("intercept", "switched v not switched", "age", "bprog", "L_pd")
    beta = np.append(fit.coef, np.log(fit.scale))
    se = np.append(fit.se, fit.log_scale_se)
    for name, values in (
        ("beta", beta), ("sebeta", se), ("z", beta / se), ("expbeta", np.exp(beta)),
        ("lower", beta - 1.959963984540054 * se), ("upper", beta + 1.959963984540054 * se),
        ("p", 2 * ndtr(-np.abs(beta / se))),
    ):  # fmt: skip
        compare(case, ("fit_aft", "arm0", name), values)


def test_z_at_fixed_psi_and_roots() -> None:
    case = "sw.tsegest.grid"
    search = effect(case).search
    assert search is not None
    out = CASES[case]["outputs"]
    compare(case, ("psi_roots",), search.roots)
    at = [int(np.argmin(np.abs(search.grid - psi))) for psi in out["eval_z"]["psi"]]
    np.testing.assert_allclose(search.grid[at], out["eval_z"]["psi"], atol=1e-12)
    compare(case, ("eval_z", "Z"), search.z[at])


def test_roots_halved_for() -> None:
    """A root search of the other program gives psi -.4506 and limits (-1.369, 1.052), since Z is not monotone."""
    panel, marker = from_panel("sw.tsegest.grid")
    found = two_stage_g(panel, marker, covariates=("bprog",), search="root", grid=np.linspace(-2, 2, 81)).effects[0]
    assert found.search is not None
    assert any(abs(root - -0.4506) < 1e-3 for root in found.search.roots)
    for limit in (-1.369, 1.052):
        assert any(abs(x - limit) < 2e-3 for x in found.search.crossings), (limit, found.search.crossings)
