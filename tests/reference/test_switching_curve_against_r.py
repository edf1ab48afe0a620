"""Weighted Kaplan-Meier curves with a variance robust by subject against R's survfit (switching_curve.R)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from equipoise.analyze.switching import weighted_curves

CASE = json.loads(Path(__file__).with_name("switching_curve.json").read_text())


@pytest.mark.parametrize("conf_type", ["plain", "log", "log-log"])
@pytest.mark.parametrize("cells", [2_000_000, 40])
def test_curve(conf_type: Any, cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some subjects at once give what all of them give."""
    monkeypatch.setattr(weighted_curves, "_CELLS", cells)
    rows = {name: np.array(column) for name, column in CASE["rows"].items()}
    columns = rows["start"].astype(float), rows["stop"].astype(float), rows["event"] > 0
    found = weighted_curves.weighted_curve(
        "all", rows["id"] - 1, columns, rows["weight"], level=0.95, conf_type=conf_type, convention="house"
    )
    theirs = {name: np.array(column, dtype=float) for name, column in CASE[conf_type].items()}
    there = np.searchsorted(theirs["time"], found.time)  # R gives the days on which rows end too
    assert (theirs["time"][there] == found.time).all()
    for name in ("survival", "std_error", "lower", "upper"):
        assert getattr(found, name) == pytest.approx(theirs[name][there], rel=1e-9, abs=1e-15, nan_ok=True), name
