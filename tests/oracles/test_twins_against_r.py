"""The twins against R: the shared cases (analysis.json) and the awkward ones (nasty.json)."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest

from . import twins

FOLDER = Path(__file__).parent.parent / "reference"


def _load(name: str) -> dict[str, dict[str, Any]]:
    return {c["id"]: c for c in json.loads((FOLDER / name).read_text())}


SHARED, NASTY = _load("analysis.json"), _load("nasty.json")


def number(v: Any) -> float:
    return math.nan if v is None else float(v)


def array(v: Any) -> np.ndarray:
    if isinstance(v, np.ndarray):
        return v
    v = v if isinstance(v, list) else [v]
    return np.array([array(x) if isinstance(x, list) else number(x) for x in v])


def same(got: Any, want: Any, rel: float = 1e-9, abs_: float = 1e-12) -> None:
    """R leaves NA or NaN where a value is not defined: there the twin must give nan."""
    want = array(want)
    got = np.atleast_1d(got)
    if got.size == want.size == 1:  # a 1 x 1 matrix is stored as a number or a list of one
        got, want = got.ravel(), want.ravel()
    np.testing.assert_allclose(got, want, rtol=rel, atol=abs_)


def call_of_quantile(time: np.ndarray, curve: np.ndarray, p: float) -> float:
    """R's quantile(survfit): it reads the curve in the order of its values, not of time.

    That differs from the definition where a limit rises again (the log upper limit late in
    a trial, any limit under left truncation).  The printed table keeps to the definition.
    """
    keep = ~np.isnan(curve)
    order = np.flatnonzero(keep)[np.argsort(-curve[keep], kind="stable")]
    return twins.quantile(time[order], curve[order], p, flat_end="last")


def case_id(v: Any) -> str:
    return str(v)


# ------------------------------------------------------------------ shared cases
def columns(dataset: str, *names: str) -> list[np.ndarray]:
    """Numeric columns of a CSV, rows with a missing value in any of them dropped."""
    with (FOLDER / dataset).open() as f:
        rows = [r for r in csv.DictReader(f) if all(r[n] not in ("", "NA") for n in names)]
    return [np.array([float(r[n]) for r in rows]) for n in names]


def text_codes(dataset: str, *names: str) -> np.ndarray:
    with (FOLDER / dataset).open() as f:
        rows = [tuple(r[n] for n in names) for r in csv.DictReader(f)]
    levels = sorted(set(rows))
    return np.array([levels.index(r) for r in rows])


KM_SHARED = {
    "km.veteran.log": ("time", "status", "test"),
    "km.veteran.loglog": ("time", "status", "test"),
    "km.veteran.plain": ("time", "status", "test"),
    "km.lung.landmarks": ("time", "status", "sex"),
    "km.gbsg.landmarks": ("rfstime", "status", "hormon"),
    "km.6mp.loglog": ("time", "status", "mp6"),
    "km.ties_small.weights": ("time", "status", "arm", "w"),
    "km.entry_small": ("time", "status", "entry"),
}


@pytest.mark.parametrize("name", KM_SHARED)
def test_shared_km(name: str) -> None:
    case = SHARED[name]
    cols = columns(case["dataset"], *KM_SHARED[name])
    t, dead = cols[0], cols[1]
    group = np.zeros(len(t)) if name == "km.entry_small" else cols[2]
    entry = cols[2] if name == "km.entry_small" else None
    weight = cols[3] if name.endswith("weights") else None
    out, conf = case["outputs"], case["outputs"]["conf_type"]
    for g in np.unique(group):
        pick = group == g
        fit = twins.km(
            t[pick], dead[pick], None if entry is None else entry[pick], None if weight is None else weight[pick]
        )
        key = "all" if entry is not None else f"{KM_SHARED[name][2]}={int(g)}"
        lower, upper = twins.km_limits(fit["survival"], fit["greenwood_se"], 0.95, conf)
        if "strata" in out:
            want = out["strata"][key]
            if "landmarks" in name:
                at = [int(np.flatnonzero(fit["time"] <= u)[-1]) for u in want["time"]]
                since = [0.0, *want["time"]]
                for k in range(len(at)):
                    inside = (fit["time"] > since[k]) & (fit["time"] <= since[k + 1])
                    same(fit["n_event"][inside].sum(), want["n_event"][k])
                same(fit["greenwood_se"][at], want["std_err"])
            else:
                at = list(range(len(fit["time"])))
                same(fit["time"], want["time"])
                same(fit["n_risk"], want["n_risk"])
                same(fit["n_event"], want["n_event"])
                same(fit["n_censor"], want["n_censor"])
                finite = fit["survival"] > 0
                same(
                    (fit["greenwood_se"] / np.where(finite, fit["survival"], 1))[finite],
                    array(want["std_err_logS"])[finite],
                )
            same(fit["survival"][at], want["surv"])
            same(lower[at], want["lower"])
            same(upper[at], want["upper"])
        quantiles = out["quantiles_25_50_75"]
        for part, curve in (("quantile", fit["survival"]), ("lower", lower), ("upper", upper)):
            want = quantiles[part] if isinstance(quantiles[part], list) else quantiles[part][key]
            same([call_of_quantile(fit["time"], curve, p) for p in (0.25, 0.5, 0.75)], want)
        table = out["table"] if entry is not None else out["table"][key]
        curves = {"median": fit["survival"], "0.95LCL": lower, "0.95UCL": upper}
        same([twins.quantile(fit["time"], curve, 0.5) for curve in curves.values()], [table[k] for k in curves])


LR_SHARED = {
    "lr.veteran": ("time", "status", "test"),
    "lr.veteran.celltype": ("time", "status"),
    "lr.gbsg.strat": ("rfstime", "status", "hormon"),
    "lr.lung.peto": ("time", "status", "sex"),
    "lr.6mp": ("time", "status", "mp6"),
    "fh.gbsg.0_1": ("rfstime", "status", "hormon"),
    "fh.gbsg.1_1": ("rfstime", "status", "hormon"),
}


@pytest.mark.parametrize("name", LR_SHARED)
def test_shared_logrank(name: str) -> None:
    case = SHARED[name]
    t, dead, *rest = columns(case["dataset"], *LR_SHARED[name])
    group = text_codes(case["dataset"], "celltype") if not rest else rest[0]
    codes = np.unique(group, return_inverse=True)[1]
    strata = text_codes(case["dataset"], "meno", "grade") if "strat" in name else None
    rho, gamma = {"lr.lung.peto": (1, 0), "fh.gbsg.0_1": (0, 1), "fh.gbsg.1_1": (1, 1)}.get(name, (0, 0))
    fit = twins.logrank(t, dead, codes, int(codes.max()) + 1, strata=strata, rho=rho, gamma=gamma)
    out = case["outputs"]
    chisq, df = twins.logrank_chisq(fit)
    if "test" in out:
        z = (fit["observed"] - fit["expected"])[1] / math.sqrt(fit["variance"][1, 1])
        same([abs(z), chisq, df], [abs(out["test"]["z"]), out["test"]["Chisq"], out["test"]["df"]])
        same(fit["variance"][1, 1], out["var"])
        return
    same(fit["observed"], out["obs"])
    same(fit["expected"], out["exp"])
    same(fit["variance"], out["var"])
    same([chisq, df], [out["chisq"], out["df"]])


COX_SHARED = {
    "cox.ties_small.efron": ("time", "status", "arm"),
    "cox.6mp.efron": ("time", "status", "mp6"),
    "cox.ties_small.breslow": ("time", "status", "arm"),
    "cox.6mp.breslow": ("time", "status", "mp6"),
    "cox.ties_small.exact": ("time", "status", "arm"),
    "cox.6mp.exact": ("time", "status", "mp6"),
    "cox.exact_marginal.6mp": ("time", "status", "mp6"),
    "cox.veteran": ("time", "status", "test", "karno", "age", "prior", "diagtime"),
    "cox.gbsg.strat": ("rfstime", "status", "hormon", "age"),
    "cox.lung.missing": ("time", "status", "sex", "age", "ph.ecog", "wt.loss"),
    "cox.entry_small": ("time", "status", "arm"),
    "cox.ties_small.weights": ("time", "status", "arm"),
}


@pytest.mark.parametrize("name", COX_SHARED)
def test_shared_cox(name: str) -> None:
    case = SHARED[name]
    t, dead, *cov = columns(case["dataset"], *COX_SHARED[name])
    x, out = np.column_stack(cov), case["outputs"]
    more: dict[str, Any] = {}
    if name == "cox.gbsg.strat":
        more["strata"] = text_codes(case["dataset"], "grade")
    if name == "cox.entry_small":
        more["entry"] = columns(case["dataset"], "entry")[0]
    if name.endswith("weights"):
        more["weight"] = columns(case["dataset"], "w")[0]
    ties = "exact-marginal" if "marginal" in name else {"exact": "discrete"}.get(out["ties"], out["ties"])
    fit = twins.cox_fit(t, dead, x, ties, **more)

    def close(got: Any, key: str, want: Any = None) -> None:
        rel, abs_ = case["rel_tol"], case["abs_tol"]
        rel = rel.get(key, rel["default"])
        abs_ = abs_.get(key, abs_["default"]) if isinstance(abs_, dict) else abs_
        same(got, out[key] if want is None else want, rel, abs_)

    assert fit["converged"]
    close(fit["coef"], "coef")
    close(fit["loglik"], "loglik")
    if "marginal" in name:
        close(np.sqrt(np.diag(fit["var"])), "se")
        return
    close(fit["score_test"], "score")
    close(fit["lr"], "lrt")
    if "weight" in more:
        robust = twins.cox_robust_variance(fit["coef"], t, dead, x, ties, **more)
        close(robust["var"], "var")
        close(robust["naive_var"], "naive_var")
        close(robust["robust_score"], "robust_score")
        close(fit["coef"] @ np.linalg.solve(robust["var"], fit["coef"]), "wald")
    else:
        close(fit["var"], "var")
        close(fit["wald"], "wald")
    c = twins.concordance(t, dead, x @ fit["coef"], **more)
    close([c["C"], c["se"]], "concordance")


@pytest.mark.parametrize(
    ("name", "cols"), [("rmst.gbsg.1826", ("rfstime", "status", "hormon")), ("rmst.6mp.20", ("time", "status", "mp6"))]
)
def test_shared_rmst(name: str, cols: tuple[str, ...]) -> None:
    case = SHARED[name]
    t, dead, arm = columns(case["dataset"], *cols)
    for g in (0, 1):
        area, variance = twins.rmst(t[arm == g], dead[arm == g], case["outputs"]["tau"])
        same([area, math.sqrt(variance)], case["outputs"][f"rmst{g}"][:2])


# ------------------------------------------------------------------- nasty cases
def nasty_data(case: dict[str, Any], timefix: bool) -> dict[str, Any]:
    d = {k: array(v) for k, v in case["data"].items()}
    if timefix:
        if "entry" in d:
            d["time"], d["entry"] = twins.tie_times(d["time"], d["entry"])
        else:
            (d["time"],) = twins.tie_times(d["time"])
    return d


def key(timefix: bool, what: str) -> str:
    return what if timefix else what + "_timefix_off"


BOTH = [(i, True) for i in NASTY] + [(i, False) for i in NASTY if "km_timefix_off" in NASTY[i]["outputs"]]


@pytest.mark.parametrize(("name", "timefix"), BOTH, ids=case_id)
def test_nasty_km(name: str, timefix: bool) -> None:
    case = NASTY[name]
    raw = {k: array(v) for k, v in case["data"].items()}
    for arm, want in case["outputs"][key(timefix, "km")].items():
        pick = raw["arm"] == int(arm[3:])
        d = nasty_data({"data": {k: list(v[pick]) for k, v in raw.items()}}, timefix)
        fit = twins.km(d["time"], d["event"], d.get("entry"), d.get("weight"))
        same(fit["time"], want["time"], 0, 0)
        same(fit["n_risk"], want["n_risk"])
        same(fit["n_event"], want["n_event"])
        same(fit["n_censor"], want["n_censor"])
        same(fit["survival"], want["surv"])
        same(fit["greenwood_se"], want["std_err"])
        same(fit["robust_se"], want["robust"]["std_err"])
        for conf in ("plain", "log", "log-log"):
            lower, upper = twins.km_limits(fit["survival"], fit["greenwood_se"], 0.95, conf)
            same(lower, want["limits"][conf]["lower"])
            same(upper, want["limits"][conf]["upper"])
            r_lower, r_upper = twins.km_limits(fit["survival"], fit["robust_se"], 0.95, conf)
            same(r_lower, want["robust"]["limits"][conf]["lower"])
            same(r_upper, want["robust"]["limits"][conf]["upper"])
            for curve, part in ((lower, "lower"), (upper, "upper")):
                got = [call_of_quantile(fit["time"], curve, p) for p in want["quantiles"]["p"]]
                same(got, want["quantiles"][conf][part])
                same(twins.quantile(fit["time"], curve, 0.5), want["table"][conf][part])
            same(twins.quantile(fit["time"], fit["survival"], 0.5), want["table"][conf]["median"])
        got = [call_of_quantile(fit["time"], fit["survival"], p) for p in want["quantiles"]["p"]]
        same(got, want["quantiles"]["quantile"])


@pytest.mark.parametrize("what", ["logrank", "logrank_rho1"])
@pytest.mark.parametrize("name", NASTY)
def test_nasty_logrank(name: str, what: str) -> None:
    case = NASTY[name]
    d, want = nasty_data(case, True), case["outputs"][what]
    codes = np.unique(d["arm"], return_inverse=True)[1]
    k = int(codes.max()) + 1
    weight = d.get("weight")
    fit = twins.logrank(
        d["time"], d["event"], codes, k, d.get("strata"), d.get("entry"), 1.0 if "rho1" in what else 0.0, 0.0, weight
    )
    if "error" in want:
        singular = "singular" in want["error"]
        assert not singular or np.allclose(fit["variance"], 0)
        return
    same(fit["observed"], want["obs"])
    same(fit["expected"], want["exp"])
    same(fit["variance"], want["var"])
    chisq, df = twins.logrank_chisq(fit)
    same(chisq, want["chisq"])
    same(df, want["df"])


@pytest.mark.parametrize("ties", ["efron", "breslow", "exact"])
@pytest.mark.parametrize(("name", "timefix"), BOTH, ids=case_id)
def test_nasty_cox(name: str, timefix: bool, ties: str) -> None:
    case = NASTY[name]
    want = case["outputs"][key(timefix, "cox")][ties]
    d = nasty_data(case, timefix)
    x = np.column_stack([d[c] for c in case["terms"]])
    more = {k: d[k] for k in ("strata", "entry", "weight") if k in d}
    if ties == "exact" and "weight" in more:
        assert "error" in want
        return
    fit = twins.cox_fit(d["time"], d["event"], x, {"exact": "discrete"}.get(ties, ties), **more)
    if "error" in want:
        return
    same(fit["loglik"][0], want["loglik"][0])
    same(fit["score_test"], want["score"])
    if not np.any(fit["var"]) and np.all(np.isnan(fit["coef"])):
        # no information at all: R answers NA (no event) or 0 (events without a contrast)
        assert all(v in (None, 0) for v in want["coef"])
        assert not np.any(array(want["var"]))
        same(fit["loglik"][1], want["loglik"][1])
    elif fit["converged"]:
        same(fit["loglik"][1], want["loglik"][1])
        same(fit["coef"], want["coef"], 1e-8, 1e-9)
        same(fit["var"], want["var"], 1e-8, 1e-9)
        same(fit["wald"], want["wald"], 1e-8, 1e-9)
        same(fit["lr"], want["lrt"], 1e-8, 1e-9)
    else:
        # an infinite estimate: R stops at 20 steps or a relative change of 1e-9, the twin goes on
        # to the supremum; each step shrinks the rest by e, so R may be short by some 1e-7
        same(fit["loglik"][1], want["loglik"][1], 1e-8, 2e-7)
    coef = np.nan_to_num(array(want["coef"]))
    c, r = twins.concordance(d["time"], d["event"], x @ coef, **more), want["concordance"]
    same(
        [c[k] for k in ("concordant", "discordant", "tied_x", "tied_y", "tied_xy", "C", "se")],
        [r[k] for k in ("concordant", "discordant", "tied.x", "tied.y", "tied.xy", "concordance", "std")],
    )


ROBUST = [(i, block) for i in NASTY for block in ("cox_robust", "cox_cluster") if block in NASTY[i]["outputs"]]


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize(("name", "block"), ROBUST)
def test_nasty_robust(name: str, block: str, ties: str) -> None:
    case = NASTY[name]
    want, d = case["outputs"][block][ties], nasty_data(case, True)
    x = np.column_stack([d[c] for c in case["terms"]])
    more = {k: d[k] for k in ("strata", "entry", "weight") if k in d}
    cluster = d["cluster"] if block == "cox_cluster" else None
    fit = twins.cox_fit(d["time"], d["event"], x, ties, **more)
    robust = twins.cox_robust_variance(fit["coef"], d["time"], d["event"], x, ties, cluster=cluster, **more)
    same(fit["coef"], want["coef"], 1e-8, 1e-9)
    same(robust["var"], want["var"], 1e-8, 1e-10)
    same(robust["naive_var"], want["naive_var"], 1e-8, 1e-10)
    same(robust["robust_score"], want["rscore"], 1e-8)
    same(fit["coef"] @ np.linalg.solve(robust["var"], fit["coef"]), want["wald"], 1e-7, 1e-9)
    c = twins.concordance(d["time"], d["event"], x @ fit["coef"], cluster=cluster, **more)
    same([c["C"], c["se"]], [want["concordance"]["concordance"], want["concordance"]["std"]])


# ------------------------------------------------- the twins against one another
def test_exact_terms_agree_with_their_definitions() -> None:
    rng = np.random.default_rng(7)
    with mpmath.workdps(40):
        for d, m in ((1, 3), (2, 4), (3, 5), (4, 3), (5, 1), (3, 0)):
            dying = [mpmath.mpf(float(v)) for v in rng.exponential(size=d)]
            others = [mpmath.mpf(float(v)) for v in rng.exponential(size=m)]
            a, b = twins.discrete_term(dying, others), twins.discrete_term_by_subsets(dying, others)
            assert abs(a / b - 1) < 1e-30
            a, b = twins.marginal_term(dying, others), twins.marginal_term_by_orders(dying, others)
            assert abs(a / b - 1) < 1e-25


def test_without_ties_all_methods_are_one() -> None:
    rng = np.random.default_rng(8)
    t, dead, x = rng.permutation(9) + 1.0, rng.integers(0, 2, 9), rng.normal(size=(9, 2))
    values = [twins.cox_loglik([0.3, -0.2], t, dead, x, m) for m in ("efron", "breslow", "discrete", "exact-marginal")]
    np.testing.assert_allclose(values, values[0], rtol=1e-14)


def test_derivatives_are_those_of_the_likelihood() -> None:
    d = nasty_data(NASTY["entry_ties_strata_weights"], True)
    x = np.column_stack([d["arm"], d["x1"]])
    more = {k: d[k] for k in ("strata", "entry", "weight")}
    b, h = np.array([0.4, -0.3]), 1e-5
    for ties in ("efron", "breslow"):
        score, info = twins.cox_derivatives(b, d["time"], d["event"], x, ties, **more)
        for j in range(2):
            e = h * np.eye(2)[j]
            up, down = (twins.cox_loglik(b + s * e, d["time"], d["event"], x, ties, **more) for s in (1, -1))
            assert (up - down) / (2 * h) == pytest.approx(score[j], abs=1e-8)
            u1, u0 = (twins.cox_derivatives(b + s * e, d["time"], d["event"], x, ties, **more)[0] for s in (1, -1))
            np.testing.assert_allclose((u0 - u1) / (2 * h), info[j], rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_score_residual_is_the_derivative_by_the_weight(ties: str) -> None:
    d = nasty_data(NASTY["entry_ties_strata_weights"], True)
    x = np.column_stack([d["arm"], d["x1"]])
    more = {k: d[k] for k in ("strata", "entry")}
    b, h = np.array([0.4, -0.3]), 1e-5
    residual = twins.cox_score_residuals(b, d["time"], d["event"], x, ties, d["weight"], **more)
    for i in range(len(x)):
        e = h * np.eye(len(x))[i]
        up, down = (
            twins.cox_derivatives(b, d["time"], d["event"], x, ties, weight=d["weight"] + s * e, **more)[0]
            for s in (1, -1)
        )
        np.testing.assert_allclose((up - down) / (2 * h), residual[i], rtol=1e-7, atol=1e-8)


def test_km_influence_is_the_derivative_by_the_weight() -> None:
    d = nasty_data(NASTY["weights_ties"], True)
    w, h = d["weight"], 1e-6
    total = 0.0
    for i in range(len(w)):
        e = h * np.eye(len(w))[i]
        up, down = (twins.km(d["time"], d["event"], weight=w + s * e)["survival"] for s in (1, -1))
        total = total + (w[i] * (up - down) / (2 * h)) ** 2
    np.testing.assert_allclose(
        np.sqrt(total), twins.km(d["time"], d["event"], weight=w)["robust_se"], rtol=1e-7, atol=1e-9
    )


def test_logrank_is_the_score_test_of_the_discrete_likelihood() -> None:
    for name in ("entry_ties_strata", "entry_at_death", "heavy_ties_3_arms", "strata_rho"):
        case = NASTY[name]
        d = nasty_data(case, True)
        fit = twins.logrank(d["time"], d["event"], d["arm"], int(d["arm"].max()) + 1, d.get("strata"), d.get("entry"))
        same(twins.logrank_chisq(fit)[0], case["outputs"]["cox"]["exact"]["score"])
