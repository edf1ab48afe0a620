"""The cases of treatment switching by another program (trtswitch 0.2.7, GPL; its numbers are facts), and their data.

trtswitch.json holds call, outputs and tolerances of each case. A value passes when
|x - ref| <= max(abs_tol, rel_tol |ref|); of tolerances by name the innermost counts, and None compares nothing.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import polars as pl

from equipoise.analyze.switching import Switches
from equipoise.survival import TimeToEvent, TimeVarying

HERE = Path(__file__).parent
CASES = {c["id"]: c for c in json.loads((HERE / "trtswitch.json").read_text())}


def tolerance(given: Any, path: tuple[str, ...]) -> float | None:
    """The tolerance of the innermost name on the path."""
    if not isinstance(given, dict):
        return given
    for name in reversed(path):
        if name in given:
            return given[name]
    return given["default"]


def compare(case: str, path: tuple[str, ...], got: Any, want: Any = None) -> None:
    """A value, or a list of them, against the case's output at the path."""
    if want is None:
        want = CASES[case]["outputs"]
        for name in path:
            want = want[name]
    want = [want] if isinstance(want, int | float | str) else want
    got = [got] if isinstance(got, int | float) else list(got)
    assert len(got) == len(want), (case, path, len(got), len(want))
    relative, absolute = (tolerance(CASES[case][kind], path) for kind in ("rel_tol", "abs_tol"))
    if relative is None or absolute is None:
        return
    for x, y in zip(got, want, strict=True):
        y = float(y) if isinstance(y, str) else y
        if y is None or math.isnan(y):
            assert math.isnan(x), (case, path, x)
            continue
        assert abs(x - y) <= max(absolute, relative * abs(y)), (case, path, float(x), y, abs(x - y))


def data(case: str) -> pl.DataFrame:
    return pl.read_csv(HERE / CASES[case]["dataset"], null_values=[""])


def from_panel(case: str) -> tuple[Switches, dict[str, TimeVarying]]:
    """The record and the marker L of a file with a row a visit."""
    rows = data(case)
    last = rows.group_by("id", maintain_order=True).last()
    endpoint = TimeToEvent(
        last["timeOS"].to_numpy(), last["died"].to_numpy(), last["trtrand"].to_numpy(), control=0, experimental=1,
        unit="days", subject=last["id"].to_numpy(),
    )  # fmt: skip
    record = Switches.from_arrays(
        endpoint,
        last["xotime"].cast(pl.Float64).to_numpy(),
        progression=last["timePD"].cast(pl.Float64).to_numpy(),
        administrative=last["censor_time"].to_numpy(),
        may_switch=("0", "1") if last.filter(pl.col("trtrand") == 1)["xo"].sum() else ("0",),
        covariates={"bprog": last["bprog"].to_numpy()},
        unit="days",
    )
    marker = TimeVarying(
        subject=rows["id"].to_numpy(), start=rows["tstart"].to_numpy(), value=rows["L"].to_numpy(), unit="days"
    )
    return record, {"L": marker}


def from_subjects(case: str, covariates: tuple[str, ...] = (), strata: tuple[str, ...] = ()) -> Switches:
    """The record of a file with a row a subject; a time of 0 or none where it did not happen."""
    rows = data(case)
    endpoint = TimeToEvent(
        rows["time"].to_numpy(), rows["event"].to_numpy(), rows["arm"].to_numpy(), control=0, experimental=1,
        unit="days", subject=rows["id"].to_numpy(), strata={name: rows[name].to_numpy() for name in strata} or None,
    )  # fmt: skip

    def day(flag: str, time: str) -> Any:
        return rows.select(pl.when(pl.col(flag) == 1).then(pl.col(time))).to_series().cast(pl.Float64).to_numpy()

    return Switches.from_arrays(
        endpoint,
        day("sw", "sw_time"),
        progression=day("pd", "pd_time") if "pd" in rows.columns else None,
        administrative=rows["censor_time"].to_numpy(),
        covariates={name: rows[name].to_numpy() for name in covariates},
        unit="days",
    )
