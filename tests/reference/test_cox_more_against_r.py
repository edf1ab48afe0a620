"""What is built on a Cox fit against R: profile likelihood limits, Firth's penalty, nested models (cox_more.json).

R has none of the first two: cox_more.R solves for them with coxph's own engine. Equality is at 1e-9 relative.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from equipoise.survival import Cox, TimeToEvent, cox, likelihood_ratio

CASES = {c["id"]: c for c in json.loads((Path(__file__).parent / "cox_more.json").read_text())}


def with_output(name: str) -> list[Any]:
    return [(i, ties) for i, c in CASES.items() for ties, out in c["outputs"].items() if name in out]


def number(value: Any) -> Any:
    if isinstance(value, list):
        return np.array([number(v) for v in value], dtype=float)
    return float(value) if isinstance(value, str) else math.nan if value is None else value


def close(got: Any, want: Any, rel: float = 1e-9, abs_: float = 1e-11) -> None:
    np.testing.assert_allclose(np.asarray(got, dtype=float), number(want), rtol=rel, atol=abs_)


def rows(name: str) -> TimeToEvent:
    """Each row on its own, without an arm: all columns are covariates."""
    d = CASES[name]["data"]
    more = {k: d[k] for k in ("strata", "entry") if k in d}
    if "weight" in d:
        more |= {"weight": d["weight"], "weight_type": "case"}
    return TimeToEvent(d["time"], d["event"], unit="days", **more)


def columns(name: str, terms: list[str] | None = None) -> dict[str, np.ndarray]:
    case = CASES[name]
    x = np.array(case["data"]["x"], dtype=float)
    picked = range(x.shape[1]) if terms is None else [j for t in terms for j in case["terms"][t]]
    return {case["columns"][j]: x[:, j] for j in picked}


def fitted(name: str, ties: str, **more: Any) -> Cox:
    return cox(rows(name), columns(name), ties=ties, level=CASES[name]["level"], **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "ties"), with_output("profile"))
def test_profile_limits(name: str, ties: str) -> None:
    want = CASES[name]["outputs"][ties]["profile"]
    fit = fitted(name, ties, conf_type="profile")
    close(fit.log_limits[:, 0], want["lower"])
    close(fit.log_limits[:, 1], want["upper"])
    # without an arm, and so a contrast of two, the public limits are those of all terms
    close(fit.conf_int, np.exp(fit.log_limits), 0, 0)
    assert all(
        bool(r) == math.isinf(log.max() - log.min()) for r, log in zip(fit.limit_reasons, fit.log_limits, strict=True)
    )


@pytest.mark.parametrize(("name", "ties"), with_output("firth"))
def test_firth(name: str, ties: str) -> None:
    want = CASES[name]["outputs"][ties]["firth"]
    fit = fitted(name, ties, penalty="firth")
    close(fit.coef, want["coef"])
    close(fit.covariance, want["var"])
    close(fit.loglik, want["loglik"])
    close(fit.log_limits[:, 0], want["lower"])
    close(fit.log_limits[:, 1], want["upper"])
    close(fit.z**2, want["chisq"], abs_=1e-10)  # twice a difference of log-likelihoods of some 100
    close(fit.p, want["p"])
    assert not any(fit.reasons)


@pytest.mark.parametrize(("name", "ties"), with_output("nested"))
def test_nested(name: str, ties: str) -> None:
    want = CASES[name]["outputs"][ties]["nested"]
    larger = fitted(name, ties)
    smaller = cox(rows(name), columns(name, want["smaller"]), ties=ties)  # type: ignore[arg-type]
    test = likelihood_ratio(smaller, larger)
    close([smaller.loglik[1], larger.loglik[1]], want["loglik"])
    close(test.statistic, want["chisq"], abs_=1e-10)  # twice a difference of log-likelihoods of some 100
    close(test.p_value, want["p"])
    assert (test.df, test.reason) == (want["df"], "")


def test_the_arm_as_an_arm() -> None:
    """The same numbers where the column is an arm, and the model fitted to counts."""
    for name in ("leukemia_6mp", "no_event_in_arm1", "one_event"):
        d = CASES[name]["data"]
        arm = np.array(d["x"])[:, 0].astype(int)
        tte = TimeToEvent(d["time"], d["event"], arm, control=0, experimental=1, unit="days")
        for ties, out in CASES[name]["outputs"].items():
            firth = cox(tte, ties=ties, penalty="firth")  # type: ignore[arg-type]
            close([firth.hazard_ratio, firth.p_value], [math.exp(out["firth"]["coef"][0]), out["firth"]["p"][0]])
            close(np.log(firth.conf_int), [out["firth"]["lower"][0], out["firth"]["upper"][0]])
            if "profile" in out:
                profile = cox(tte, ties=ties, conf_type="profile")  # type: ignore[arg-type]
                lower, upper = number(out["profile"]["lower"])[0], number(out["profile"]["upper"])[0]
                close(profile.conf_int, np.exp([lower, upper]))
