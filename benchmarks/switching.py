"""RPSFTM of a trial of 207 subjects beside the plain twin: a point estimate on a grid, and 1,000 bootstrap samples.

    PYTHONPATH=. .venv/bin/python benchmarks/switching.py

CPU seconds (user + system, all threads), median of five runs with their range, after compilation. The data are the
first 207 subjects of immdef (tests/reference/data). The twin (tests/oracles/twins_switching.py, plain NumPy) gets the
same samples, so few that a run ends, and its time is that of as many; its numbers must be those of the package.
trtswitch 0.2.7 (R) took 6 ms for the grid of 101 points and 0.384 s for 1,000 samples by root search on such a machine.
"""

from __future__ import annotations

import csv
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
from tests.oracles import twins_switching as twin

from equipoise.analyze.switching import Switches, rpsftm
from equipoise.analyze.switching.bootstrap import resampled
from equipoise.analyze.switching.psi_search import Search, Settings, search_psi, statistic_of
from equipoise.analyze.switching.rpsftm_draws import draw_estimates
from equipoise.survival import TimeToEvent

RUNS, SUBJECTS, SAMPLES, OF_TWIN, SEED = 5, 207, 1000, 3, 2026
DATA = Path(__file__).parents[1] / "tests" / "reference" / "data" / "immdef.csv"
GRID = np.linspace(-2, 2, 101)


def read() -> tuple[Switches, twin.Columns]:
    with DATA.open() as file:
        rows = list(csv.DictReader(file))[:SUBJECTS]
    d = {k: np.array([float(r[k]) for r in rows]) for k in ("time", "event", "arm", "censor_time", "sw", "sw_time")}
    tte = TimeToEvent(d["time"], d["event"], d["arm"], control=0.0, experimental=1.0, unit="days")
    switch = np.where(d["sw"] == 1, d["sw_time"], np.inf)
    columns = {
        "time": tte.time, "event": tte.event, "arm": tte.arm, "switch": switch, "end": d["censor_time"],
        "stratum": tte.stratum,
    }  # fmt: skip
    return Switches(tte=tte, switch=switch, administrative=d["censor_time"]), columns


def cpu(work: Callable[[], Any]) -> list[float]:
    """CPU seconds of each run, after one that is not counted."""
    work()
    found = []
    for _ in range(RUNS):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return sorted(found)


def line(name: str, seconds: list[float], factor: float = 1.0) -> None:
    """Median, least and most in milliseconds."""
    at = (statistics.median(seconds), seconds[0], seconds[-1])
    print(f"{name:52}" + "".join(f"{1000 * factor * x:{w}.2f}" for x, w in zip(at, (12, 10, 10), strict=True)))


def measure(search: Search) -> None:
    """Both programs under one way of looking for roots; refuses samples of which they say different things."""
    record, columns = read()
    rows, interpolate = twin.recensored(columns, "switching", {0}), search == "grid"
    settings = Settings(
        test="log-rank", covariates=None, stratified=False, recensor=True, grid=GRID, search=search
    )  # fmt: skip
    copies = resampled(record.tte, SAMPLES, SEED)[:OF_TWIN]
    plain: list[tuple[float, float]] = []

    def samples_of_twin() -> None:
        plain[:] = [twin.draw(columns, row, GRID, rows, interpolate) for row in copies]

    line(
        f"psi and limits, 101 points, {search}",
        cpu(lambda: search_psi(statistic_of(record, settings), GRID, 0.95, search)),
    )
    line(f"rpsftm(), {search}", cpu(lambda: rpsftm(record, search=search)))
    line(f"rpsftm(), {search}, {SAMPLES} samples", cpu(lambda: rpsftm(record, search=search, draws=SAMPLES, seed=SEED)))
    line(f"plain twin: psi, {search}", cpu(lambda: twin.crossings(columns, GRID, rows, 0.0, interpolate)))
    line(f"plain twin: {SAMPLES} samples ({OF_TWIN} run), {search}", cpu(samples_of_twin), SAMPLES / OF_TWIN)
    psi, ratio = draw_estimates(record, settings, copies)
    np.testing.assert_allclose([p for p, _ in plain], psi, atol=1e-9)
    np.testing.assert_allclose([r for _, r in plain], ratio, atol=1e-6)


def main() -> None:
    print(f"{read()[0]}; {SUBJECTS} subjects")
    print(f"{'':52}{'median ms':>12}{'from':>10}{'to':>10}")
    for search in get_args(Search):
        measure(search)
    print("the twin's samples have the same psi and hazard ratios")


if __name__ == "__main__":
    main()
