"""Weighted log-rank tests, MaxCombo and the normal integral against R.

multinormal.json: mvtnorm 1.1-3 in R 4.2.2, made by multinormal.R; tolerances stand in each case.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from equipoise.survival import (
    FlemingHarrington,
    ModestlyWeighted,
    TimeToEvent,
    kaplan_meier,
    logrank,
    maxcombo,
    outside_probability,
    rectangle_probability,
)

FOLDER = Path(__file__).parent
NORMAL = {c["id"]: c for c in json.loads((FOLDER / "multinormal.json").read_text())}


def gbsg() -> TimeToEvent:
    with (FOLDER / "data" / "gbsg.csv").open() as f:
        rows = list(csv.DictReader(f))
    columns = ([float(r["rfstime"]) for r in rows], [int(r["status"]) for r in rows], [r["hormon"] for r in rows])
    return TimeToEvent(*columns, control="0", experimental="1", unit="days")


@pytest.mark.parametrize("name", NORMAL)
def test_rectangle_probability(name: str) -> None:
    case = NORMAL[name]
    low, high = (np.array(case[k], dtype=float) for k in ("lower", "upper"))
    assert rectangle_probability(low, high, case["correlation"]) == pytest.approx(case["p"], abs=case["abs_tol"])
    assert outside_probability(low, high, case["correlation"]) == pytest.approx(1 - case["p"], abs=case["abs_tol"])


def test_maxcombo_of_gbsg() -> None:
    """nph 2.1: logrank.maxtest(rfstime, status, hormon, rho=c(0,0,1,1), gamma=c(0,1,0,1)), GenzBretz, maxpts 5e6."""
    fit = maxcombo(gbsg())
    z = [2.9265646846668254, 2.260676957700276, 2.951913183295083, 2.4251411806887733]
    np.testing.assert_allclose(fit.z, z, rtol=1e-9)
    assert fit.best_weight == FlemingHarrington(1, 0)
    # nph integrates with random points and is off by 1.8e-7; cut into slices the same solid gives 0.0063657
    assert fit.p_value == pytest.approx(0.0063655389918678695, abs=1e-6)
    for weights, p in zip(fit.weights, [0.003427282264745757, 0.023779268352569716], strict=False):
        assert logrank(gbsg(), weights=weights).p_value == pytest.approx(p, rel=1e-9)


def test_modest_weights_of_gbsg() -> None:
    """nphRCT 0.1.1: wlrt(Surv(rfstime, status) ~ hormon, method = "mw", t_star = 730).

    An event falls on day 730 itself. S(t*) counts it (Magirr and Burman 2019), and nphRCT's floor does not: it is
    S(729).
    """
    before = logrank(gbsg(), weights=ModestlyWeighted(delay="729 days"))
    assert before.observed[1] - before.expected[1] == pytest.approx(-29.925376605390866, rel=1e-9)
    assert before.variance[1, 1] == pytest.approx(109.45650394885357, rel=1e-9)
    assert before.z == pytest.approx(2.8603477640891266, rel=1e-9)
    at = logrank(gbsg(), weights=ModestlyWeighted(delay="730 days"))
    (day,) = kaplan_meier(TimeToEvent(gbsg().time, gbsg().event, unit="days"))["all"].at(["730 days"])
    assert at.z == pytest.approx(logrank(gbsg(), weights=ModestlyWeighted(survival=day.survival)).z, rel=1e-12)
    assert at.z == pytest.approx(2.8607522919870383, rel=1e-9)  # by the formula, in a plain loop
