"""Accelerated failure time models against survreg of R's survival 3.5-3 (accelerated.R), at 1e-9 relative."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from equipoise.survival import Accelerated, TimeToEvent, accelerated

HERE = Path(__file__).parent
CASES = json.loads((HERE / "accelerated.json").read_text())


def fitted(case: Any) -> Accelerated:
    rows = pl.read_csv(HERE / "data" / f"{case['data']}.csv", null_values=["", "NA"])
    strata = case["strata"] and rows[case["strata"]].to_numpy()
    endpoint = TimeToEvent(rows[case["time"]].to_numpy(), rows[case["event"]].to_numpy(), unit="days", strata=strata)
    terms = [case["terms"]] if isinstance(case["terms"], str) else case["terms"]
    return accelerated(endpoint, {t: rows[t].to_numpy() for t in terms}, distribution=case["distribution"])


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c['data']} {c['distribution']}")
def test_survreg(case: Any) -> None:
    found = fitted(case)
    indicators = [i for i, t in enumerate(found.terms) if t.startswith("stratum ")]
    order = [i for i in range(len(found.terms)) if i not in indicators] + indicators  # R has them last
    np.testing.assert_allclose(found.coef[order], case["coef"], rtol=1e-9)
    se = np.append(found.se[order], [] if case["distribution"] == "exponential" else found.log_scale_se)
    np.testing.assert_allclose(se, case["se"], rtol=1e-9)
    np.testing.assert_allclose([found.scale, found.loglik], [case["scale"], case["loglik"]], rtol=1e-9)
