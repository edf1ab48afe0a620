"""The twins of what is built on a Cox fit, and of competing risks, against R and published numbers.

R's fits ran with eps = 1e-13, so that equality is at 1e-9 relative; a reason stands beside any other tolerance.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from . import twins, twins_competing, twins_cox_more
from .test_twins_against_r import columns, same

FOLDER = Path(__file__).parent.parent / "reference"


def load(name: str) -> dict[str, dict[str, Any]]:
    return {c["id"]: c for c in json.loads((FOLDER / name).read_text())}


CASES, PUBLISHED, SHARED = load("cox_more.json"), load("cox_published.json"), load("cox_more_cases.json")
COMPETING = load("competing.json")
FITS = [(i, ties) for i in CASES for ties in CASES[i]["outputs"]]


def numbers(value: Any) -> np.ndarray:
    """ "Inf" and "-Inf" are strings, null is R's NA."""
    if isinstance(value, list):
        return np.array([numbers(v) for v in value], dtype=float)
    return np.array(math.nan if value is None else float(value))


def fits_with(part: str, most: int = 10**9) -> list[tuple[str, str]]:
    return [(i, t) for i, t in FITS if part in CASES[i]["outputs"][t] and len(CASES[i]["data"]["time"]) <= most]


def data_of(name: str, ties: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """(time, event, X, ties), and strata, entry, weight."""
    d = CASES[name]["data"]
    return (d["time"], d["event"], np.array(d["x"], float), ties), {k: d.get(k) for k in ("strata", "entry", "weight")}


def coef_of(name: str, ties: str) -> np.ndarray:
    data, more = data_of(name, ties)
    return twins.cox_fit(*data, **more)["coef"]


def flat(curves: dict[int, dict[str, np.ndarray]], what: str) -> np.ndarray:
    return np.concatenate([curves[h][what] for h in curves])


SEPARATED = ("no_event_in_arm1", "separated_with_covariate", "one_event")


@pytest.mark.parametrize(("name", "ties"), [f for f in FITS if f[0] not in SEPARATED])
def test_fit(name: str, ties: str) -> None:
    data, more = data_of(name, ties)
    want, fit = CASES[name]["outputs"][ties], twins.cox_fit(*data, **more)
    same(fit["coef"], want["coef"])
    same(fit["var"], want["var"])
    same(fit["loglik"], want["loglik"])
    same([fit["score_test"], fit["wald"]], [want["score"], want["wald"]])


@pytest.mark.parametrize(("name", "ties"), fits_with("robust"))
def test_robust_by_subject(name: str, ties: str) -> None:
    data, more = data_of(name, ties)
    case, b = CASES[name], coef_of(name, ties)
    want = case["outputs"][ties]["robust"]
    robust = twins.cox_robust_variance(
        b, *data, strata=more["strata"], entry=more["entry"], cluster=case["data"]["subject"]
    )
    same(robust["var"], want["var"])
    same(robust["robust_score"], want["rscore"])
    same(b @ np.linalg.solve(robust["var"], b), want["wald"])
    for profile, curve in zip(case["profiles"], want.get("predicted", []), strict=True):
        got = twins_cox_more.predicted_survival(profile, b, *data, **more, covariance=robust["var"])
        same(flat(got, "std_error"), curve["std_err_logS"])  # R takes the robust covariance for the coefficients


@pytest.mark.parametrize(("name", "ties"), fits_with("residuals"))
def test_residuals(name: str, ties: str) -> None:
    data, more = data_of(name, ties)
    d, b = CASES[name]["data"], coef_of(name, ties)
    want = CASES[name]["outputs"][ties]["residuals"]
    martingale = twins_cox_more.martingale(b, *data, **more)
    rows = {
        "score": twins.cox_score_residuals(b, *data, **more),
        "dfbeta": twins_cox_more.dfbeta(b, *data, **more),
        "dfbetas": twins_cox_more.dfbetas(b, *data, **more),
    }
    same(martingale, want["martingale"])
    same(twins_cox_more.deviance(martingale, d["event"]), want["deviance"])
    for kind, value in rows.items():
        same(value, want[kind])
    if "weighted" in want:
        w = np.array(d["weight"])
        same(w * martingale, want["weighted"]["martingale"])
        for kind, value in rows.items():
            same(w[:, None] * value, want["weighted"][kind])
    if "by_subject" in want:
        by = want["by_subject"]
        sums = twins_cox_more.by_subject(martingale, d["subject"])
        events = twins_cox_more.by_subject(np.array(d["event"], float), d["subject"])
        same(sums, by["martingale"])
        same(twins_cox_more.deviance(sums, events), by["deviance"])
        for kind, value in rows.items():
            same(twins_cox_more.by_subject(value, d["subject"]), by[kind])
    schoenfeld = twins_cox_more.schoenfeld(b, *data, **more)
    same(schoenfeld["time"], want["schoenfeld"]["time"], 0, 0)
    same(schoenfeld["value"], want["schoenfeld"]["value"])
    if "stratum_counts" in want["schoenfeld"]:
        counts = [schoenfeld["stratum"].count(s) for s in dict.fromkeys(schoenfeld["stratum"])]
        assert counts == [c for c in want["schoenfeld"]["stratum_counts"] if c]
    same(twins_cox_more.scaled_schoenfeld(b, *data, **more), want["scaled_schoenfeld"])


@pytest.mark.parametrize(("name", "ties"), fits_with("zph"))
def test_zph(name: str, ties: str) -> None:
    data, more = data_of(name, ties)
    groups, b = list(CASES[name]["terms"].values()), coef_of(name, ties)
    for transform, want in CASES[name]["outputs"][ties]["zph"].items():
        g = twins_cox_more.transformed_times(data[0], data[1], more["entry"], transform)
        same([g[t] for t in want["time"]], want["g"])
        got = twins_cox_more.zph(b, *data, **more, transform=transform, groups=groups)
        for part in ("chisq", "df", "p"):
            same(got[part], want[part])


@pytest.mark.parametrize("name", ["zph.veteran.km", "zph.veteran.identity"])
def test_shared_zph(name: str) -> None:
    want = SHARED[name]["outputs"]
    t, dead, *x = columns(SHARED[name]["dataset"], "time", "status", *want["rows"][:-1])
    data = (t, dead, np.column_stack(x), "efron")
    got = twins_cox_more.zph(twins.cox_fit(*data)["coef"], *data, transform=want["transform"])
    for part in ("chisq", "df", "p"):
        same(got[part], want[part])


@pytest.mark.parametrize(("name", "ties"), fits_with("base"))
def test_baseline_hazard(name: str, ties: str) -> None:
    data, more = data_of(name, ties)
    want = CASES[name]["outputs"][ties]["base"]
    got = twins_cox_more.baseline_hazard(coef_of(name, ties), *data, **more)
    if more["strata"] is not None:
        same(np.repeat(list(got), [len(c["time"]) for c in got.values()]), want["stratum"], 0, 0)
    same(flat(got, "time"), want["time"], 0, 0)
    same(flat(got, "hazard"), want["hazard"])


@pytest.mark.parametrize(("name", "ties"), fits_with("predicted"))
def test_predicted_survival(name: str, ties: str) -> None:
    data, more = data_of(name, ties)
    b = coef_of(name, ties)
    for profile, want in zip(CASES[name]["profiles"], CASES[name]["outputs"][ties]["predicted"], strict=True):
        for conf_type, limits in want["limits"].items():
            got = twins_cox_more.predicted_survival(profile, b, *data, **more, conf_type=conf_type)
            same(flat(got, "lower"), limits["lower"])
            same(flat(got, "upper"), limits["upper"])
        if more["strata"] is not None:
            same(np.repeat(list(got), [len(c["time"]) for c in got.values()]), want["stratum"], 0, 0)
        same(flat(got, "time"), want["time"], 0, 0)
        same(flat(got, "survival"), want["surv"])
        same(flat(got, "cumulative_hazard"), want["cumhaz"])
        same(flat(got, "std_error"), want["std_err_logS"])


@pytest.mark.parametrize(("name", "ties"), fits_with("nested"))
def test_nested(name: str, ties: str) -> None:
    data, more = data_of(name, ties)
    want, first = CASES[name]["outputs"][ties]["nested"], next(iter(CASES[name]["terms"].values()))
    small = twins.cox_fit(data[0], data[1], data[2][:, first], ties, **more)["loglik"][1]
    large = twins.cox_fit(*data, **more)["loglik"][1]
    same([small, large], want["loglik"])
    got = twins_cox_more.likelihood_ratio(small, large, data[2].shape[1] - len(first))
    same(got, [want["chisq"], want["df"], want["p"]])


@pytest.mark.parametrize(("name", "ties"), fits_with("profile", most=100))
def test_profile_limits(name: str, ties: str) -> None:
    data, more = data_of(name, ties)
    want = CASES[name]["outputs"][ties]["profile"]
    lower, upper = twins_cox_more.profile_limits(*data, **more, level=CASES[name]["level"])
    same(lower, numbers(want["lower"]))
    same(upper, numbers(want["upper"]))


@pytest.mark.slow  # the twin takes seconds a fit; our own fits stand beside R's in tests/reference
@pytest.mark.parametrize(("name", "ties"), fits_with("firth", most=100))
def test_firth(name: str, ties: str) -> None:
    data, more = data_of(name, ties)
    want = CASES[name]["outputs"][ties]["firth"]
    got = twins_cox_more.firth(*data, more["strata"], more["entry"], level=CASES[name]["level"])
    for part in ("coef", "var", "loglik", "chisq", "p", "lower", "upper"):
        same(got[part], want[part])


@pytest.mark.slow
@pytest.mark.parametrize("name", [i for i in PUBLISHED if PUBLISHED[i]["what"] == "firth"])
def test_published_firth(name: str) -> None:
    case = PUBLISHED[name]
    d, want, rel = case["data"], case["outputs"], case["rel_tol"]
    got = twins_cox_more.firth(d["time"], d["event"], d["x"], case["ties"])
    same(got["coef"], want["coef"], rel)
    if "se" in want:
        same(np.sqrt(np.diag(got["var"])), want["se"], rel)
        same(2 * (got["loglik"][1] - got["loglik"][0]), want["likelihood_ratio"], rel)
        for part in ("p", "lower", "upper"):
            same(got[part], want[part], rel)


def test_published_iterations() -> None:
    """The likelihood, score and information at 0, and the supremum where one coefficient is infinite."""
    case = PUBLISHED["myeloma.sas"]
    d, want = case["data"], case["outputs"]
    data = (d["time"], d["event"], np.array(d["x"], float), case["ties"])
    same(twins.cox_loglik(np.zeros(3), *data), want["loglik_null"], 1e-12)
    score, information = twins.cox_derivatives(np.zeros(3), *data)
    step, first = np.linalg.solve(information, score), want["first_step"]
    same(step[:2], [first["LogBUN"], first["HGB"]], 0, 5.1e-10)  # printed to nine and ten decimals
    same(twins.cox_loglik(step, *data), first["loglik"], 1e-12)
    same(twins.cox_fit(*data)["loglik"][1], want["loglik_limit"], 0, 0.005)  # printed to two decimals


# --------------------------------------------------------------- competing risks
def competing_data(name: str) -> dict[str, np.ndarray]:
    return {k: np.array(v, float) for k, v in COMPETING[name]["data"].items()}


@pytest.mark.parametrize("name", COMPETING)
def test_cumulative_incidence(name: str) -> None:
    d = competing_data(name)
    for label, want in COMPETING[name]["outputs"]["curves"].items():
        group, cause = label.split()
        pick = d["group"] == float(group)
        got = twins_competing.cumulative_incidence(d["time"][pick], d["event"][pick], int(cause))
        lower, upper = twins_competing.incidence_limits(got["incidence"], got["variance"])
        own = np.array([got["incidence"], got["variance"], lower, upper])
        steps = zip(*(want[part] for part in ("est", "var", "lower", "upper")), strict=True)
        for t, step in dict(zip(want["time"], steps, strict=True)).items():  # the last value at a time counts
            k = np.flatnonzero(got["time"] <= t)
            parts = 2 if step[0] > 1 - 1e-12 else 4  # at F = 1 limits hang on whether rounding leaves 1
            same((own[:, k[-1]] if len(k) else [0, 0, math.nan, math.nan])[:parts], list(step[:parts]))


@pytest.mark.parametrize("name", COMPETING)
def test_gray(name: str) -> None:
    d = competing_data(name)
    for want in COMPETING[name]["outputs"]["gray"]:
        strata = d["strata"] if want["stratified"] else None
        if "error" in want:  # 1 - F_0 is negative and has no root
            assert math.isnan(twins_competing.gray(d["time"], d["event"], d["group"], 1, want["rho"], strata)["chisq"])
            continue
        for cause, stat, pv, df in zip(want["cause"], want["stat"], want["pv"], want["df"], strict=True):
            got = twins_competing.gray(d["time"], d["event"], d["group"], int(cause), want["rho"], strata)
            assert got["df"] == df
            if stat == -1:  # R's mark of a singular variance
                assert math.isnan(got["chisq"])
            else:
                same([got["chisq"], got["p"]], [stat, pv])


@pytest.mark.parametrize("name", [i for i in COMPETING if "crr" in COMPETING[i]["outputs"]])
def test_fine_gray(name: str) -> None:
    d = competing_data(name)
    for want in COMPETING[name]["outputs"]["crr"]:
        got = twins_competing.fine_gray(d["time"], d["event"], d["x"], int(want["cause"]))
        assert want["converged"]
        same(got["loglik"], want["loglik"])
        if np.max(np.abs(want["coef"])) > 15:  # infinite: R stops somewhere and calls it converged
            assert not got["converged"]
            continue
        assert got["converged"]
        for part in ("coef", "var", "inverse_information"):
            same(got[part], want[part])


def test_shared_competing() -> None:
    case = SHARED["gray.mgus"]
    t, code, male, age = columns(case["dataset"], "etime", "ev", "male", "age")
    want = case["outputs"]
    for k, cause in enumerate((1, 2)):
        got = twins_competing.gray(t, code, male, cause)
        same([got["chisq"], got["p"], got["df"]], [want["tests"][part][k] for part in ("stat", "pv", "df")])
    for label, estimate, variance in zip(want["curves"], want["est"], want["var"], strict=True):
        group, cause = map(int, label.split())
        curve = twins_competing.cumulative_incidence(t[male == group], code[male == group], cause)
        at = [int(np.flatnonzero(curve["time"] <= u)[-1]) for u in want["times"]]
        same(curve["incidence"][at], estimate)
        same(curve["variance"][at], variance)
    fit, want = twins_competing.fine_gray(t, code, np.column_stack([age, male])), SHARED["fg.mgus"]["outputs"]
    rel = SHARED["fg.mgus"]["rel_tol"]  # crr ran with gtol = 1e-10
    same(fit["coef"], want["coef"], rel)
    same(fit["var"], want["var"], rel)
    same(fit["loglik"], [want["loglik_null"], want["loglik"]], rel)


# ------------------------------------------------- the twins against one another
def test_firth_gradient_is_that_of_the_penalized_likelihood() -> None:
    data, more = data_of("entry_ties_strata", "efron")
    b, h = np.array([0.4, -0.3]), 1e-5
    for ties in ("efron", "breslow"):
        args = (*data[:3], ties, more["strata"], more["entry"])
        gradient = twins_cox_more.firth_objective(b, *args)[1]
        for j in range(2):
            up, down = (twins_cox_more.firth_objective(b + s * h * np.eye(2)[j], *args)[0] for s in (1, -1))
            assert (up - down) / (2 * h) == pytest.approx(gradient[j], abs=1e-8)


@pytest.mark.parametrize(("name", "ties"), [f for f in FITS if f[0] in ("heart", "dose")])
def test_rows_of_a_subject_are_a_covariate_that_changes(name: str, ties: str) -> None:
    """One line a subject and the covariate in long form give R's fit to its (start, stop] rows."""
    data, more = data_of(name, ties)
    d, x, changing = CASES[name]["data"], data[2], {"heart": 0, "dose": 1}[name]
    ids = list(dict.fromkeys(d["subject"]))
    rows = [[k for k, s in enumerate(d["subject"]) if s == i] for i in ids]
    first, last = [r[0] for r in rows], [r[-1] for r in rows]
    long = (np.array([ids.index(s) for s in d["subject"]]), np.array(d["entry"]), x[:, changing])
    fixed = np.delete(x, changing, axis=1)[first]
    split = twins_cox_more.split_rows(
        np.array(d["time"])[last],
        np.array(d["event"])[last],
        fixed,
        [long],
        None if more["strata"] is None else np.array(more["strata"])[first],
        np.array(d["entry"])[first],
    )
    args = (split["time"], split["event"], split["X"], ties, split["strata"], split["entry"])
    want, fit = CASES[name]["outputs"][ties], twins.cox_fit(*args)
    order = [*[j for j in range(x.shape[1]) if j != changing], changing]
    same(fit["coef"], np.array(want["coef"])[order])
    same(fit["loglik"], want["loglik"])
    by = want["residuals"]["by_subject"]
    martingale = twins_cox_more.martingale(fit["coef"], *args)
    same(twins_cox_more.by_subject(martingale, split["subject"]), by["martingale"])
    score = twins.cox_score_residuals(fit["coef"], *args[:4], strata=args[4], entry=args[5])
    same(twins_cox_more.by_subject(score, split["subject"]), np.array(by["score"])[:, order])
    for transform in ("km", "identity", "log"):  # rank counts rows, and there are more of them now
        got = twins_cox_more.zph(fit["coef"], *args, transform=transform)
        same(got["chisq"][[*np.argsort(order), -1]], want["zph"][transform]["chisq"])


def test_value_at_is_that_of_the_last_row_before() -> None:
    long = ([0, 0, 0, 1], [0, 3, 5, 2], [1.0, 2.0, 3.0, 9.0])
    assert [twins_cox_more.value_at(long, 0, t) for t in (1, 3, 3.5, 5, 6)] == [1, 1, 2, 2, 3]
    assert math.isnan(twins_cox_more.value_at(long, 1, 2))


@pytest.mark.parametrize(("name", "ties"), [f for f in fits_with("residuals") if "weight" not in CASES[f[0]]["data"]])
def test_residuals_add_up_to_nothing(name: str, ties: str) -> None:
    data, more = data_of(name, ties)
    b = coef_of(name, ties)
    martingale = twins_cox_more.martingale(b, *data, **more)
    for s in np.unique(more["strata"]) if more["strata"] is not None else [None]:
        inside = np.ones(len(martingale), bool) if s is None else np.array(more["strata"]) == s
        assert abs(martingale[inside].sum()) < 1e-10
    assert np.max(np.abs(twins_cox_more.schoenfeld(b, *data, **more)["value"].sum(axis=0))) < 1e-9


def test_zph_without_information_is_nan() -> None:
    data, more = data_of("all_tied", "efron")
    assert np.all(np.isnan(twins_cox_more.zph(coef_of("all_tied", "efron"), *data, **more)["chisq"]))


def test_null_hazard_ratio() -> None:
    got = twins_cox_more.null_hazard_ratio(math.log(0.9), 0.1, 1.3)
    assert got["z"] == pytest.approx(math.log(1.3 / 0.9) / 0.1)
    same([got["p_value"], got["p_one_sided"]], [2 * norm.sf(got["z"]), norm.sf(got["z"])])
    other = twins_cox_more.null_hazard_ratio(math.log(0.9), 0.1, 1.3, "benefit")
    same([other["z"], other["p_one_sided"]], [-got["z"], 1 - got["p_one_sided"]])
    plain = twins_cox_more.null_hazard_ratio(0.3, 0.2)
    same([plain["z"], plain["p_one_sided"]], [-1.5, norm.cdf(1.5)])


def test_one_cause_is_ordinary_survival() -> None:
    d = competing_data("one_cause")
    t, dead, g = d["time"], d["event"], d["group"].astype(int)
    curve, km = twins_competing.cumulative_incidence(t, dead), twins.km(t, dead)
    same(curve["incidence"], 1 - km["survival"])
    test, logrank = twins_competing.gray(t, dead, g), twins.logrank(t, dead, g, 2)
    same(test["score"], logrank["observed"] - logrank["expected"])
    fit, cox = twins_competing.fine_gray(t, dead, d["x"]), twins.cox_fit(t, dead, d["x"], "breslow")
    same(fit["coef"], cox["coef"])
    same(fit["loglik"], list(cox["loglik"]))
    robust = twins.cox_robust_variance(cox["coef"], t, dead, d["x"], "breslow")
    same(fit["var"], robust["var"])


def test_incidences_and_survival_add_up_to_one() -> None:
    d = competing_data("three_causes")
    curves = [twins_competing.cumulative_incidence(d["time"], d["event"], cause) for cause in (1, 2, 3)]
    same(sum(c["incidence"] for c in curves), 1 - twins.km(d["time"], d["event"] > 0)["survival"])


def test_incidence_limits() -> None:
    f, v, z = 0.3, 0.004, norm.ppf(0.975)
    lower, upper = twins_competing.incidence_limits([0.0, f], [0.0, v])
    assert math.isnan(lower[0])
    bound = [f ** math.exp(s * z * math.sqrt(v) / (f * math.log(f))) for s in (-1, 1)]
    same([lower[1], upper[1]], sorted(bound))
