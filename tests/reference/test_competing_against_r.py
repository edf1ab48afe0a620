"""Competing risks against R's cmprsk: mgus.json at 1e-9 relative, coefficients that R iterates to at 1e-7."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np

from equipoise.survival import TimeToEvent, cumulative_incidence, fine_gray, gray

FOLDER = Path(__file__).parent
MGUS = {c["id"]: c["outputs"] for c in json.loads((FOLDER / "mgus.json").read_text())}


def mgus() -> tuple[dict[str, np.ndarray], TimeToEvent]:
    with (FOLDER / "data" / "mgus.csv").open() as f:
        rows = list(csv.DictReader(f))
    d = {name: np.array([float(r[name]) for r in rows]) for name in rows[0]}
    return d, TimeToEvent(d["etime"], d["ev"], d["male"].astype(int), control=0, experimental=1, unit="days")


def close(got: Any, want: Any, rel: float = 1e-9, abs_: float = 1e-12) -> None:
    np.testing.assert_allclose(np.asarray(got, dtype=float), np.asarray(want, dtype=float), rtol=rel, atol=abs_)


def test_gray_of_mgus() -> None:
    _, tte = mgus()
    out = MGUS["gray.mgus"]
    for cause in (1, 2):
        test = gray(tte, cause=cause)
        close(test.statistic, out["tests"]["stat"][cause - 1])
        close(test.p_value, out["tests"]["pv"][cause - 1])
        assert test.df == out["tests"]["df"][cause - 1]


def test_incidence_of_mgus() -> None:
    _, tte = mgus()
    out = MGUS["gray.mgus"]
    ci = cumulative_incidence(tte)
    for name, estimate, variance in zip(out["curves"], out["est"], out["var"], strict=True):
        arm, cause = name.split()
        marks = ci[arm][int(cause)].at([f"{t} days" for t in out["times"]])
        close([m.estimate for m in marks], estimate)
        close([m.std_error**2 for m in marks], variance)


def test_fine_gray_of_mgus() -> None:
    d, _ = mgus()
    out = MGUS["fg.mgus"]
    fit = fine_gray(TimeToEvent(d["etime"], d["ev"], unit="days"), {"age": d["age"], "male": d["male"]})
    close(fit.coef, out["coef"], 1e-7)
    close(fit.covariance, out["var"], 1e-7)
    close(fit.se, out["se"], 1e-7)
    close(fit.loglik, [out["loglik_null"], out["loglik"]])
