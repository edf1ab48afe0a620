"""Competing risks against R's cmprsk: every case of competing.json and the two of mgus in cox_more_cases.json.

Tolerance 1e-9 relative, also for what crr iterates to (it ran with gtol = 1e-12); mgus in cox_more_cases.json 1e-7.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from equipoise.survival import TimeToEvent, cumulative_incidence, fine_gray, gray
from equipoise.survival.convention import ArgumentError

FOLDER = Path(__file__).parent
CASES = {c["id"]: c for c in json.loads((FOLDER / "competing.json").read_text())}
SHARED = {c["id"]: c["outputs"] for c in json.loads((FOLDER / "cox_more_cases.json").read_text())}


def close(got: Any, want: Any, rel: float = 1e-9, abs_: float = 1e-12) -> None:
    """nan only where R has NA, which is null."""
    np.testing.assert_allclose(np.asarray(got, dtype=float), np.asarray(want, dtype=float), rtol=rel, atol=abs_)


def endpoint(d: dict[str, Any], arm: bool = True) -> TimeToEvent:
    groups = sorted(set(d["group"]))
    named = {"control": groups[0], "experimental": groups[1]} if len(groups) == 2 else {"control": groups[0]}
    strata = d.get("strata")
    if not arm:
        return TimeToEvent(d["time"], d["event"], unit="days")
    return TimeToEvent(d["time"], d["event"], d["group"], strata=strata, unit="days", **named)


@pytest.mark.parametrize("name", CASES)
def test_cumulative_incidence(name: str) -> None:
    case = CASES[name]
    ci = cumulative_incidence(endpoint(case["data"]))
    for label, want in case["outputs"]["curves"].items():
        arm, cause = label.split()
        curve = ci[arm][int(cause)]
        # R's steps are pairs, so a time stands twice: its last value counts.
        time = np.array(want["time"])
        last = np.array([np.flatnonzero(time == t)[-1] for t in np.unique(time)])
        at = np.searchsorted(curve.time, time[last], side="right")

        def steps(values: np.ndarray, first: float, at: np.ndarray = at) -> np.ndarray:
            return np.concatenate([[first], values])[at]

        def theirs(part: str, want: Any = want, last: np.ndarray = last) -> np.ndarray:
            return np.array(want[part], dtype=float)[last]

        close(steps(curve.estimate, 0), theirs("est"))
        close(steps(curve.std_error**2, 0), theirs("var"))
        inside = steps(curve.estimate, 0) < 1 - 1e-12  # a 1 that R missed by its last bit
        for part, values in (("lower", curve.lower), ("upper", curve.upper)):
            close(steps(values, np.nan)[inside], theirs(part)[inside])


@pytest.mark.parametrize("name", CASES)
def test_gray(name: str) -> None:
    case = CASES[name]
    tte = endpoint(case["data"])
    for want in case["outputs"]["gray"]:
        if want["rho"] < 0:
            with pytest.raises(ArgumentError, match="zero or above"):
                gray(tte, rho=want["rho"])
            continue
        if "error" in want:  # a broken power of one less a pooled incidence above 1
            assert "reaches 1" in gray(tte, rho=want["rho"]).reason
            continue
        for cause, stat, p, df in zip(want["cause"], want["stat"], want["pv"], want["df"], strict=True):
            test = gray(tte, cause=int(cause), rho=want["rho"], stratified=bool(want["stratified"]))
            if (name, cause) == ("incidence_beyond_one", 1):  # R counts on with that number below zero
                assert test.reason == "the pooled incidence of the cause reaches 1 while groups are still compared"
                assert np.isnan([test.statistic, test.p_value, test.z]).all()
                continue
            if stat == -1:  # R's mark of a singular variance: here the groups that tell something are compared
                assert test.df < df
                assert bool(test.reason) == (test.df == 0)
                continue
            assert test.df == df
            close([test.statistic, test.p_value], [stat, p])


@pytest.mark.parametrize("name", [i for i in CASES if "crr" in CASES[i]["outputs"]])
def test_fine_gray(name: str) -> None:
    case = CASES[name]
    x = np.array(case["data"]["x"], dtype=float)
    columns = {f"x{j}": x[:, j] for j in range(x.shape[1])}
    for want in case["outputs"]["crr"]:
        fit = fine_gray(endpoint(case["data"], arm=False), columns, cause=int(want["cause"]))
        assert want["converged"]
        infinite = np.abs(want["coef"]) > 15  # R stops somewhere and calls it converged
        if infinite.any():
            assert (fit.coef[infinite] == np.copysign(np.inf, np.array(want["coef"])[infinite])).all()
            assert all(r for r, out in zip(fit.reasons, infinite, strict=True) if out)
            close(fit.loglik, want["loglik"], 1e-7)
            continue
        close(fit.loglik, want["loglik"])
        close(fit.coef, want["coef"])
        close(fit.covariance, want["var"])


def test_fine_gray_of_an_arm_is_that_of_its_column() -> None:
    """crr has no arm: the arm's term is the column of the group."""
    case = CASES["rare_cause"]
    want = case["outputs"]["crr"][1]
    fit = fine_gray(endpoint(case["data"]), cause=2)
    close(fit.hazard_ratio, np.exp(want["coef"][0]))
    close(fit.covariance, want["var"])


def mgus() -> tuple[dict[str, np.ndarray], TimeToEvent]:
    with (FOLDER / "data" / "mgus.csv").open() as f:
        rows = list(csv.DictReader(f))
    d = {name: np.array([float(r[name]) for r in rows]) for name in rows[0]}
    return d, TimeToEvent(d["etime"], d["ev"], d["male"].astype(int), control=0, experimental=1, unit="days")


def test_gray_of_mgus() -> None:
    _, tte = mgus()
    out = SHARED["gray.mgus"]
    for cause in (1, 2):
        test = gray(tte, cause=cause)
        close(test.statistic, out["tests"]["stat"][cause - 1])
        close(test.p_value, out["tests"]["pv"][cause - 1])
        assert test.df == out["tests"]["df"][cause - 1]


def test_incidence_of_mgus() -> None:
    _, tte = mgus()
    out = SHARED["gray.mgus"]
    ci = cumulative_incidence(tte)
    for name, estimate, variance in zip(out["curves"], out["est"], out["var"], strict=True):
        arm, cause = name.split()
        marks = ci[arm][int(cause)].at([f"{t} days" for t in out["times"]])
        close([m.estimate for m in marks], estimate)
        close([m.std_error**2 for m in marks], variance)


def test_fine_gray_of_mgus() -> None:
    d, _ = mgus()
    out = SHARED["fg.mgus"]
    fit = fine_gray(TimeToEvent(d["etime"], d["ev"], unit="days"), {"age": d["age"], "male": d["male"]})
    close(fit.coef, out["coef"], 1e-7)
    close(fit.covariance, out["var"], 1e-7)
    close(fit.se, out["se"], 1e-7)
    close(fit.loglik, [out["loglik_null"], out["loglik"]])
