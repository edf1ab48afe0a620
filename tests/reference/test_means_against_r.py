"""Means, milestones, average effects, follow-up and the adjusted log-rank test against R (weighted.json) and against
what other programs' documents print (weighted_cases.json).

Equality is at 1e-9 relative unless a reason stands beside another number; published values to the digits printed.
"""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from equipoise.errors import UnsupportedError
from equipoise.survival import (
    TimeToEvent,
    adjusted_logrank,
    average_hazard_ratio,
    follow_up,
    marginal_hazard_ratio,
    milestone,
    rmst,
    weighted_cox,
)

FOLDER = Path(__file__).parent
R = json.loads((FOLDER / "weighted.json").read_text())
PUBLISHED = {c["id"]: c for c in json.loads((FOLDER / "weighted_cases.json").read_text())}
Z = 1.959963984540054


def array(v: Any) -> np.ndarray:
    return np.array(v, dtype=float)  # None becomes nan, "Inf" and "NaN" what they say


def close(got: Any, want: Any, rel: float = 1e-9, abs_: float = 1e-12) -> None:
    np.testing.assert_allclose(np.squeeze(array(got)), np.squeeze(array(want)), rtol=rel, atol=abs_)


def kind(name: str, **arguments: Any) -> list[Any]:
    """The cases of a kind (with these arguments)."""
    found = [c for c in R["cases"] if c["kind"] == name]
    return [pytest.param(c, id=c["id"]) for c in found if all(c["arguments"].get(k) == v for k, v in arguments.items())]


def columns(case: dict[str, Any]) -> dict[str, np.ndarray]:
    """The data of a case, complete in the columns that it uses."""
    d = {k: array(v) for k, v in R["data"][case["data"]].items()}
    a = case["arguments"]
    used = ["time", "event", a["arm"] if isinstance(a.get("arm"), str) else "arm", *a.get("covariates", [])]
    keep = np.all([~np.isnan(d[name]) for name in (*used, *a.get("strata", []))], axis=0)
    return {k: v[keep] for k, v in d.items()}


def endpoint(d: dict[str, np.ndarray], arm: str = "arm", strata: Any = None, **more: Any) -> TimeToEvent:
    if strata:
        more["strata"] = {name: d[name].astype(int) for name in strata}
    if "weight" in d:
        more |= {"weight": d["weight"], "weight_type": "case"}
    return TimeToEvent(
        d["time"], d["event"], d[arm].astype(int), control=0, experimental=1, unit="days", **more
    )  # fmt: skip


# ------------------------------------------------------------------ means and milestones
@pytest.mark.parametrize("case", kind("arms"))
def test_means_and_milestones(case: dict[str, Any]) -> None:
    """The pieces of survfit by stratum and arm, put together by the strata's shares."""
    d, rows = columns(case), case["outputs"]["rows"]
    if "entry" in d:
        for call in (lambda t: rmst(t, tau="7 days"), lambda t: milestone(t, at="7 days")):
            with pytest.raises(UnsupportedError, match="late entry"):
                call(endpoint(d, entry=d["entry"]))
        return
    total = sum(r["n"] for r in rows)
    mean, mean_variance, height, height_variance = np.zeros((4, 2))
    for row in rows:
        arm, share = int(row["arm"]), row["stratum_n"] / total
        mean[arm] += share * row["mean"]
        mean_variance[arm] += share**2 * row["mean_se"] ** 2
        height[arm] += share * row["survival"]
        height_variance[arm] += 0.0 if row["survival"] == 0 else share**2 * row["survival_se"] ** 2
    at, tte = f"{case['arguments']['at']} days", endpoint(d, strata=case["arguments"]["strata"])
    fit, mark = rmst(tte, tau=at), milestone(tte, at=at)
    beyond = any(r["last"] < case["arguments"]["at"] and r["survival"] > 0 for r in rows)
    assert ("lies beyond the follow-up" in fit.reason) == ("lies beyond the follow-up" in mark.reason) == beyond
    if beyond:
        return
    close([fit[a].rmst for a in "01"], mean)
    close([fit[a].std_error for a in "01"], np.sqrt(mean_variance))
    close(fit.difference, mean[1] - mean[0])
    se = math.sqrt(mean_variance.sum())
    close(fit.conf_int, [fit.difference - Z * se, fit.difference + Z * se])
    close(fit.ratio.estimate, mean[1] / mean[0])
    log_se = math.hypot(*(np.sqrt(mean_variance) / mean))
    close(np.log(fit.ratio.conf_int), math.log(mean[1] / mean[0]) + Z * log_se * np.array([-1, 1]))
    lost = fit.tau - mean
    close(fit.rmtl_ratio.estimate, lost[1] / lost[0])
    log_se = math.hypot(*(np.sqrt(mean_variance) / lost))
    close(np.log(fit.rmtl_ratio.conf_int), math.log(lost[1] / lost[0]) + Z * log_se * np.array([-1, 1]))
    close([mark[a].survival for a in "01"], height)
    close([mark[a].std_error for a in "01"], np.sqrt(height_variance))
    close(mark.difference, height[1] - height[0])
    certain = bool((height_variance == 0).any())
    assert ("the variance is 0" in mark.reason) == certain
    if not certain:
        se = math.sqrt(height_variance.sum())
        close(mark.conf_int, [mark.difference - Z * se, mark.difference + Z * se])
        log_se = math.hypot(*(np.sqrt(height_variance) / height))
        close(np.log(mark.ratio.conf_int), math.log(height[1] / height[0]) + Z * log_se * np.array([-1, 1]))


@pytest.mark.parametrize("case", kind("adjusted_mean", ties="events first"))
def test_adjusted_means(case: dict[str, Any]) -> None:
    """Coefficients of lm and glm under the weights of inverse probability."""
    a, d = case["arguments"], columns(case)
    x = {name: d[name] for name in a["covariates"]}
    fit = rmst(endpoint(d, a["arm"]), tau=f"{a['tau']} days", covariates=x)
    close(fit.difference, case["outputs"]["difference"][1])
    close(math.log(fit.ratio.estimate), case["outputs"]["ratio"][1], abs_=1e-11)
    close(math.log(fit.rmtl_ratio.estimate), case["outputs"]["lost_ratio"][1], abs_=1e-11)


# --------------------------------------------------------------------- average effects
@pytest.mark.parametrize("case", kind("average"))
def test_average_hazard_ratio(case: dict[str, Any]) -> None:
    """Integrals of survfit's curves, standard error from survfit's influences."""
    out = case["outputs"]
    fit = average_hazard_ratio(endpoint(columns(case)), tau=f"{case['arguments']['tau']} days")
    close([fit.control_first, fit.experimental_first, fit.hazard_ratio], [out["p0"], out["p1"], out["ratio"]])
    close(fit.std_error, out["log_se"])
    if "wilcoxon_share" in out:  # nobody censored: the share of pairs in which arm 1 fails first
        close(fit.experimental_first, out["wilcoxon_share"])


@pytest.mark.parametrize("case", kind("weighted_cox", ties="events first"))
def test_weighted_cox(case: dict[str, Any]) -> None:
    """coxph on rows split at the event times; it stops at a relative change of 1e-12 of the log-likelihood."""
    a, d, out = case["arguments"], columns(case), case["outputs"]
    fit = weighted_cox(endpoint(d, a["arm"]), {name: d[name] for name in a["covariates"]} or None)
    close(fit.time, out["time"], 0, 0)
    close(fit.weight, out["weight"])
    close(fit.coef, out["coef"], 1e-8, 1e-9)
    close(fit.covariance, out["var"], 1e-8, 1e-10)


# ------------------------------------------------------------------------- follow-up
@pytest.mark.parametrize("case", kind("follow_up"))
def test_follow_up(case: dict[str, Any]) -> None:
    """survfit of the reversed indicator (convention "r") and prodlim(reverse = TRUE) (house)."""
    d = columns(case)
    pick = d["arm"] == case["arguments"]["arm"]
    more = {"entry": d["entry"][pick]} if "entry" in d else {}
    tte = TimeToEvent(d["time"][pick], d["event"][pick], unit="days", **more)
    curve, want = follow_up(tte, convention="sas")["all"], case["outputs"]["reversed"]  # R's with log-log limits
    close(curve.time, want["time"], 0, 0)
    close(curve.at_risk, want["n_risk"])
    close(curve.event, want["n_event"])
    close(curve.survival, want["survival"])
    above = curve.survival > 0
    close(curve.std_error[above], array(want["std_err"])[above])
    close(curve.lower, want["lower"])
    close(curve.upper, want["upper"])
    r = follow_up(tte, convention="r")["all"]
    close(r.survival, want["survival"])
    close(np.where(np.isinf(r.median), np.nan, r.median), want["median"])
    if "events_first" in case["outputs"]:
        curve, want = follow_up(tte)["all"], case["outputs"]["events_first"]
        close(curve.time, want["time"], 0, 0)
        close(curve.survival, want["survival"])
        above = curve.survival > 0
        close(curve.std_error[above], array(want["std_err"])[above])


# ------------------------------------------------------------- covariate-adjusted log-rank
def share_of_all(arm: np.ndarray, code: np.ndarray) -> float:
    """part (1 - part) among all subjects over that among the strata with both arms, part the share of arm 1.

    The formulas take all; here subjects of strata without both arms do not count. Only this factor of the explained
    variance differs.
    """
    both = [s for s in np.unique(code) if len(np.unique(arm[code == s])) == 2]
    inside = arm[np.isin(code, both)].mean()
    return float(arm.mean() * (1 - arm.mean()) / (inside * (1 - inside)))


@pytest.mark.parametrize("case", kind("adjusted"))
def test_adjusted_logrank(case: dict[str, Any]) -> None:
    """Score residuals of coxph, regressed by lm; survdiff's variance; the roots by uniroot (to some 1e-12)."""
    a, d, out = case["arguments"], columns(case), case["outputs"]
    x, tte = {name: d[name] for name in a["covariates"]}, endpoint(d, a["arm"], a["strata"])
    factor = share_of_all(d[a["arm"]], tte.stratum)
    fit, n = adjusted_logrank(tte, x), out["n"]
    close(fit.score / n, out["u_adjusted"])
    explained = out["sigma2"] - fit.variance / n
    close(out["sigma2"] - factor * explained, out["sigma2_adjusted"])
    close(fit.unadjusted_z, -math.sqrt(n) * out["u"] / math.sqrt(out["sigma2"]))
    if not fit.left_out:
        close(fit.z, -math.sqrt(n) * out["u_adjusted"] / math.sqrt(out["sigma2_adjusted"]))
    ratio = marginal_hazard_ratio(tte, x)
    close(math.log(ratio.unadjusted), out["theta"], abs_=1e-10)
    close(ratio.unadjusted_std_error, out["se_theta"])
    close(math.log(ratio.hazard_ratio), out["theta_adjusted"], abs_=1e-10)
    if ratio.left_out:
        assert ratio.std_error == pytest.approx(out["se_adjusted"], rel=1e-4)  # the factor of the explained part
    else:
        close(ratio.std_error, out["se_adjusted"])


# --------------------------------------------------------- what other programs print
def digits(value: float, printed: float, case: dict[str, Any], name: str = "default") -> None:
    assert value == pytest.approx(printed, rel=0, abs=case["abs_tol"].get(name, case["abs_tol"]["default"]))


def veteran(strata: bool = False) -> TimeToEvent:
    with (FOLDER / "data" / "veteran.csv").open() as f:
        rows = list(csv.DictReader(f))
    time, event = array([r["time"] for r in rows]), array([r["status"] for r in rows])
    cell = {"celltype": [r["celltype"] for r in rows]} if strata else None
    return TimeToEvent(time, event, [int(r["test"]) for r in rows], control=0, experimental=1, unit="days", strata=cell)


def test_restricted_means_of_sas() -> None:
    case = PUBLISHED["rmdiff.veteran.90"]
    out, fit = case["outputs"], rmst(veteran(), tau="90 days")
    for arm in "01":
        digits(fit[arm].rmst, out[f"mean{arm}"], case, f"mean{arm}")
        digits(fit[arm].std_error, out[f"se{arm}"], case)
    se = math.hypot(fit["0"].std_error, fit["1"].std_error)
    digits((fit.difference / se) ** 2, out["chisq"], case)
    digits(fit.p_value, out["p"], case)


def test_stratified_restricted_means_of_sas() -> None:
    """SAS's means and standard errors by cell type, combined by the strata's shares as trtswitch does."""
    out = PUBLISHED["rmdiff.veteran.90.celltype"]["outputs"]
    share = np.add(out["n0"], out["n1"]) / 137
    fit = rmst(veteran(strata=True), tau="90 days")
    difference = share @ np.subtract(out["mean1"], out["mean0"])
    assert fit.difference == pytest.approx(difference, abs=1e-5)  # sums of numbers printed to five decimals
    se = math.sqrt(share**2 @ (np.square(out["se0"]) + np.square(out["se1"])))
    assert (fit.conf_int[1] - fit.difference) / Z == pytest.approx(se, abs=5e-5)  # and to four


def test_adjusted_restricted_means_of_survrm2() -> None:
    """A death and a censoring at the same 3445 days of the control arm make the difference in the third digit of P:
    survRM2 counts the death as at risk of being censored then, and weighs it as if it came after the censoring."""
    d = {k: array(v) for k, v in R["data"]["pbc"].items()}
    tte = TimeToEvent(d["time"], d["event"], d["arm"].astype(int), control=0, experimental=1, unit="years")
    fit = rmst(tte, tau="10 years", covariates={name: d[name] for name in ("age", "bili", "albumin")})
    out = PUBLISHED["rmst2.pbc.adjusted"]["outputs"]
    year = 365.25
    shown = {
        "difference": (fit.difference / year, *(x / year for x in fit.conf_int), fit.p_value),
        "ratio": (math.log(fit.ratio.estimate), *fit.ratio.conf_int, fit.ratio.p_value),
        "lost ratio": (math.log(fit.rmtl_ratio.estimate), *fit.rmtl_ratio.conf_int, fit.rmtl_ratio.p_value),
    }
    for name, (estimate, low, high, p) in shown.items():
        for value, key in ((estimate, "coef"), (low, "lower"), (high, "upper")):
            assert value == pytest.approx(out[name][key][1], abs=5.01e-4)
        assert p == pytest.approx(out[name]["p"][1], abs=2.5e-3)


def test_weighted_cox_of_coxphw() -> None:
    """It scales the weights to mean 1 over the distinct event times, which changes neither estimate nor variance."""
    case = PUBLISHED["coxphw.gastric"]
    out, d = case["outputs"], {k: array(v) for k, v in R["data"]["gastric"].items()}
    fit = weighted_cox(endpoint(d))
    digits(fit.coef[0], out["coef"], case)
    digits(fit.covariance[0, 0], out["var"], case)
    digits(fit.z[0] ** 2, out["wald"], case, "wald")
    digits(fit.p_value, out["p"], case)
    digits(fit.conf_int[0], out["lower"], case)
    digits(fit.conf_int[1], out["upper"], case, "upper")
    close(fit.weight[:10] / fit.weight[0], array(out["weight"]) / out["weight"][0], 0, 6e-8)


def lung(arm: str, strata: str | None = None, complete: bool = False) -> tuple[TimeToEvent, dict[str, np.ndarray]]:
    d = {k: array(v) for k, v in R["data"]["lung"].items()}
    used = np.ones(len(d["time"]), dtype=bool)
    if complete:
        used[155] = False  # its institution is missing, a column that lung.csv does not have
    for name in d if complete else ([arm, strata] if strata else [arm]):
        used &= ~np.isnan(d[name])
    d = {k: v[used] for k, v in d.items()}
    return endpoint(d, arm, [strata] if strata else None), {"age": d["age"]}


def test_adjusted_logrank_of_robincar2() -> None:
    """Values stored with 15 digits. A hazard ratio is the root of a score, found there to a tolerance of 1e-4."""
    score, test = PUBLISHED["robincar2.lung.score"], PUBLISHED["robincar2.lung.test"]
    tte, x = lung("male")
    fit, out = adjusted_logrank(tte, x), score["outputs"]["adjusted"]
    close([fit.score / 228, fit.variance / 228], [out["u"], out["sigma2"]])
    out = test["outputs"]["adjusted"]  # women against men
    close([-fit.score / 228, fit.variance / 228, fit.z, fit.p_value], [out[k] for k in ("u", "sigma2", "z", "p")])
    ratio = marginal_hazard_ratio(tte, x)
    digits(-math.log(ratio.hazard_ratio), out["theta"], {"abs_tol": test["abs_tol"]}, "theta")
    digits(ratio.std_error, out["se"], {"abs_tol": test["abs_tol"]}, "se")
    plain, out = adjusted_logrank(tte, None), score["outputs"]["plain"]
    close([plain.score / 228, plain.variance / 228], [out["u"], out["sigma2"]])
    tte, x = lung("ecog", "sex")
    fit, out = adjusted_logrank(tte, x), test["outputs"]["stratified_adjusted"]
    close([fit.score / 227, fit.variance / 227, -fit.z, fit.p_value], [out[k] for k in ("u", "sigma2", "z", "p")])


def test_stratified_adjusted_logrank_of_robincar2() -> None:
    """ECOG grade 3 is one man, who is left out here. RobinCar2 keeps him in the share of men and, as his covariance
    does not exist, averages the others' covariances as if he were one of them, which is a factor of 227/226."""
    out = PUBLISHED["robincar2.lung.score"]["outputs"]
    tte, x = lung("male", "ph.ecog")
    fit, plain = adjusted_logrank(tte, x), adjusted_logrank(tte, None)
    assert fit.left_out == ("3",)
    close([plain.score / 227, plain.variance / 227], [out["stratified"]["u"], out["stratified"]["sigma2"]])
    close(fit.score / 227, out["stratified_adjusted"]["u"])
    explained = (plain.variance - fit.variance) * 227 / 226 * share_of_all(tte.arm, tte.stratum)
    close((plain.variance - explained) / 227, out["stratified_adjusted"]["sigma2"])


@pytest.mark.parametrize("which", ["plain", "stratified", "adjusted", "stratified_adjusted"])
def test_adjusted_logrank_of_robincar(which: str) -> None:
    """It was told that the share of arm 1 is 113/227 (of all rows), and takes the information of the standard error at
    the unadjusted estimate; its roots are good to 1e-3."""
    case = PUBLISHED["robincar.lung"]
    out, rel = case["outputs"][which], case["rel_tol"]
    tte, x = lung("ecog", "sex", complete=True)
    assert tte.n == 167
    stratified, covariates = "stratified" in which, x if "adjusted" in which else None
    fit = adjusted_logrank(tte, covariates, stratified=stratified)
    plain = adjusted_logrank(tte, None, stratified=stratified)
    share = tte.arm.mean()
    told = 113 / 227 * (1 - 113 / 227) / (share * (1 - share))
    variance = plain.variance - told * (plain.variance - fit.variance)
    close(fit.score / math.sqrt(variance), out["z"], rel["default"])
    close(variance / 167, out["sigma2"], rel["sigma2"])
    ratio = marginal_hazard_ratio(tte, covariates, stratified=stratified)
    close(math.log(ratio.hazard_ratio), out["theta"], rel["theta"])
    close(ratio.std_error, out["se"], rel["se"])
