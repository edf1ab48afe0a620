"""What rests on the death times of a Cox fit, against R: residuals, zph, baseline hazard, predicted survival, rows
(start, stop] (cox_more.json). Equality is at 1e-9 relative: R ran until its coefficients stood still to some 1e-12."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from equipoise.survival import (
    Cox,
    TimeToEvent,
    baseline_hazard,
    counting_process,
    cox,
    predicted_survival,
    residuals,
    schoenfeld,
    zph,
)

CASES = {c["id"]: c for c in json.loads((Path(__file__).parent / "cox_more.json").read_text())}
KINDS = ("martingale", "deviance", "score", "dfbeta", "dfbetas")


def with_output(name: str) -> list[Any]:
    return [(i, ties) for i, c in CASES.items() for ties, out in c["outputs"].items() if name in out]


def number(value: Any) -> np.ndarray:
    """R's NA is null; "NaN" and "Inf" are strings."""
    if isinstance(value, np.ndarray):
        return value
    if isinstance(value, list):
        return np.array([number(v) for v in value], dtype=float)
    return np.array(math.nan if value is None else float(value))


def close(got: Any, want: Any, rel: float = 1e-9, abs_: float = 1e-10) -> None:
    got, want = np.asarray(got, dtype=float), number(want)
    if want.ndim == 1 and got.ndim == 2:  # R drops the dimension of a single column
        want = want[:, None]
    np.testing.assert_allclose(got, want, rtol=rel, atol=abs_)


def covariates(case: dict[str, Any]) -> dict[str, np.ndarray]:
    """The columns of each term: several columns are a factor, whose first level has none of them."""
    x = np.array(case["data"]["x"], dtype=float)
    found: dict[str, np.ndarray] = {}
    for term, columns in case["terms"].items():
        if len(columns) == 1:
            found[term] = x[:, columns[0]]
        else:
            found[term] = np.array([f"level {1 + int(np.argmax(r)) if r.any() else 0}" for r in x[:, columns]])
    return found


def fitted(name: str, ties: str, **more: Any) -> Cox:
    """Rows on their own, without an arm: all columns are covariates."""
    case = CASES[name]
    d = case["data"]
    given = {k: d[k] for k in ("strata", "entry") if k in d}
    if "weight" in d:
        given |= {"weight": d["weight"], "weight_type": "case"}
    tte = TimeToEvent(d["time"], d["event"], unit="days", **given)
    return cox(tte, covariates(case), ties=ties, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "ties"), with_output("residuals"))
def test_residuals(name: str, ties: str) -> None:
    fit, out = fitted(name, ties), CASES[name]["outputs"][ties]["residuals"]
    for kind in KINDS:
        want = out["weighted"][kind] if "weighted" in out and kind.startswith("dfbeta") else out[kind]
        close(residuals(fit, kind), want)  # type: ignore[arg-type]
    for kind, scaled in (("schoenfeld", False), ("scaled_schoenfeld", True)):
        found = schoenfeld(fit, scaled=scaled)
        want = number(out[kind]["value"] if isinstance(out[kind], dict) else out[kind])
        want = want[:, None] if want.ndim == 1 else want
        # Tied deaths stand in any order: compare them sorted within stratum and time.
        order = [np.lexsort((*v.T[::-1].round(9), found.time, found.stratum)) for v in (found.value, want)]
        close(found.value[order[0]], want[order[1]])


@pytest.mark.parametrize(("name", "ties"), with_output("zph"))
def test_proportional_hazards(name: str, ties: str) -> None:
    fit = fitted(name, ties)
    for transform, want in CASES[name]["outputs"][ties]["zph"].items():
        found = zph(fit, transform=transform).tests
        assert list(found) == [*want["rows"][:-1], "global"]
        for test, chisq, df, p in zip(found.values(), want["chisq"], want["df"], want["p"], strict=True):
            if chisq is None or (isinstance(chisq, str) and not math.isfinite(float(chisq))):
                assert test.reason, transform
                continue
            # A chi-square of rounding noise (both programs find nothing) is compared absolutely.
            close(test.statistic, chisq, 1e-8, 1e-9)
            assert test.df == df
            close(test.p_value, p, 1e-7, 1e-8)


@pytest.mark.parametrize(("name", "ties"), with_output("base"))
def test_baseline_hazard(name: str, ties: str) -> None:
    fit, want = fitted(name, ties), CASES[name]["outputs"][ties]["base"]
    stratum, time, hazard = (number(want[k]) for k in ("stratum", "time", "hazard"))
    for s, base in enumerate(baseline_hazard(fit), start=1):
        own = stratum == s
        steps = np.concatenate([[0.0], base.cumulative_hazard])
        close(steps[np.searchsorted(base.time, time[own], side="right")], hazard[own].tolist())


@pytest.mark.parametrize(("name", "ties"), with_output("predicted"))
def test_predicted_survival(name: str, ties: str) -> None:
    case = CASES[name]
    fit = fitted(name, ties)
    for row, want in zip(case["profiles"], case["outputs"][ties]["predicted"], strict=True):
        profile: dict[str, Any] = {}
        for term, columns in case["terms"].items():
            values = [row[j] for j in columns]
            factor = f"level {1 + int(np.argmax(values)) if any(values) else 0}"
            profile[term] = [values[0] if len(columns) == 1 else factor]
        stratum, time = number(want["stratum"]), number(want["time"])
        for conf_type in ("plain", "log", "log-log"):
            found = predicted_survival(fit, profile, conf_type=conf_type, level=case["level"])  # type: ignore[arg-type]
            for s, curve in enumerate(found.curves, start=1):
                own = stratum == s
                at = np.searchsorted(curve.time, time[own], side="right")
                bare = math.nan if conf_type == "log-log" else 1.0
                survival = np.concatenate([[1.0], curve.survival])[at]
                close(survival, number(want["surv"])[own].tolist())
                log_se = np.concatenate([[0.0], curve.std_error / curve.survival])[at]
                close(log_se, number(want["std_err_logS"])[own].tolist())
                for side, limit in (("lower", curve.lower), ("upper", curve.upper)):
                    got = np.concatenate([[bare], limit])[at]
                    close(got, number(want["limits"][conf_type][side])[own].tolist())


def as_frame(name: str) -> tuple[pl.DataFrame, dict[str, Any]]:
    case = CASES[name]
    d = case["data"]
    x = np.array(d["x"], dtype=float)
    rows = {"subject": d["subject"], "event": d["event"]}
    rows |= {"start": np.array(d["entry"], dtype=float), "stop": np.array(d["time"], dtype=float)}
    rows |= {column: x[:, j] for j, column in enumerate(case["columns"])}
    if "strata" in d:
        rows["strata"] = d["strata"]
    return pl.DataFrame(rows), {"strata": "strata"} if "strata" in d else {}


@pytest.mark.parametrize(("name", "ties"), with_output("robust"))
def test_rows_of_a_subject(name: str, ties: str) -> None:
    """The same rows as a counting process: one subject, whose residuals are added up and whose rows are one cluster."""
    frame, more = as_frame(name)
    out = CASES[name]["outputs"][ties]
    tte, paths = counting_process(
        frame, subject="subject", start="start", stop="stop", event="event", unit="days",
        covariates=CASES[name]["columns"], **more,
    )  # fmt: skip
    fit = cox(tte, paths, ties=ties)  # type: ignore[arg-type]
    assert fit.subjects == frame["subject"].n_unique()
    close(fit.coef, out["coef"])
    close(fit.covariance, out["var"])
    robust = cox(tte, paths, ties=ties, robust=True)  # type: ignore[arg-type]
    close(robust.covariance, out["robust"]["var"])
    # Residuals by subject come in the order of the endpoint, R's in that of the first rows.
    first = list(dict.fromkeys(frame["subject"].to_list()))
    order = [tte.subject.tolist().index(s) for s in first]
    for kind in KINDS:
        want = out["residuals"]["by_subject"].get(kind)
        if want is not None:
            close(residuals(fit, kind)[order], want)  # type: ignore[arg-type]
