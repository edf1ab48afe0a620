"""RPSFTM of a trial of 207 subjects beside the plain twin: a point estimate on a grid, and 1,000 bootstrap samples.
IPE, two-stage estimation and g-estimation of a simulated trial of 300 beside their plain path: 200 bootstrap samples.

    PYTHONPATH=. .venv/bin/python benchmarks/switching.py

CPU seconds (user + system, all threads), median of five runs with their range, after compilation. The data are the
first 207 subjects of immdef (tests/reference/data). The twin (tests/oracles/twins_switching.py, plain NumPy) gets the
same samples, so few that a run ends, and its time is that of as many; its numbers must be those of the package.
trtswitch 0.2.7 (R) took 6 ms for the grid of 101 points and 0.384 s for 1,000 samples by root search on such a machine.

The plain path of the others has a row a copy and fits every model by itself (``accelerated``, ``pooled_logistic``,
``cox``), at every point of the grid; it, too, gets few samples, and must find the same.
"""

from __future__ import annotations

import csv
import math
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
from tests.oracles import twins_switching as twin

from equipoise.analyze.switching import Switches, ipe, rpsftm, two_stage, two_stage_g, unswitched
from equipoise.analyze.switching.bootstrap import resampled
from equipoise.analyze.switching.counterfactual import cuts
from equipoise.analyze.switching.ipe import iterated
from equipoise.analyze.switching.ipe_steps import plain_step
from equipoise.analyze.switching.panel import panel
from equipoise.analyze.switching.psi_search import Search, Settings, search_psi, statistic_of
from equipoise.analyze.switching.redraw import paths_of, sample_of
from equipoise.analyze.switching.rpsftm_draws import draw_estimates
from equipoise.analyze.switching.switching_of_psi import SwitchingOfPsi, switching_of_psi
from equipoise.analyze.switching.two_stage import restored, secondary_baseline
from equipoise.analyze.switching.without_switching import SwitchEffect
from equipoise.survival import TimeToEvent, TimeVarying, cox

RUNS, SUBJECTS, SAMPLES, OF_TWIN, SEED = 5, 207, 1000, 3, 2026
DATA = Path(__file__).parents[1] / "tests" / "reference" / "data" / "immdef.csv"
GRID = np.linspace(-2, 2, 101)
TRIAL, REDRAWN, OF_PLAIN, COARSE = 300, 200, 10, np.linspace(-2, 2, 41)


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


def simulated() -> tuple[Switches, dict[str, TimeVarying], np.ndarray]:
    """A trial whose control arm switches at visits from progression on; its visits, and the marker at progression."""
    rng, n = np.random.default_rng(SEED), TRIAL
    arm, visits = np.arange(n) % 2, 30.0 * np.arange(24)
    progression = 30.0 * rng.integers(1, 6, n)
    time = progression + 150 * rng.weibull(1.5, n) + 1
    marker = (rng.random((n, 24)) < 1 / (1 + np.exp((time[:, None] - visits) / 50 - 2))).astype(int)
    may = (arm == 0)[:, None] & (visits >= progression[:, None]) & (visits < time[:, None])
    moves = may & (rng.random((n, 24)) < 1 / (1 + np.exp(2.5 - 1.5 * marker)))
    switch = np.where(moves.any(axis=1), visits[moves.argmax(axis=1)], np.inf)
    time = np.where(np.isfinite(switch), switch + (time - np.minimum(switch, time)) * math.exp(0.5), time)
    time, end = time * np.where(arm == 1, math.exp(0.3), 1.0), rng.uniform(400, 720, n)
    observed = np.minimum(time, end)
    tte = TimeToEvent(observed, (time <= end).astype(int), arm, control=0, experimental=1, unit="days")
    record = Switches(
        tte=tte, switch=np.where(switch < observed, switch, np.inf),
        progression=np.where(progression < observed, progression, np.inf), administrative=end,
    )  # fmt: skip
    path = TimeVarying(
        subject=np.repeat(np.arange(1, n + 1), 24), start=np.tile(visits, n), value=marker.ravel(), unit="days"
    )
    return record, {"marker": path}, marker[np.arange(n), (progression / 30).astype(int)]


class Plainly:
    """Z by the pooled logistic model at every psi."""

    def __init__(self, statistic: SwitchingOfPsi) -> None:
        self.at = lambda psi: np.array([statistic.plain(float(p)) for p in psi])


def redrawn() -> None:
    """200 samples of each method and of its plain path."""
    record, paths, then = simulated()
    print(f"{record}; {TRIAL} subjects")
    copies, path_of = resampled(record.tte, REDRAWN, SEED)[:OF_PLAIN], paths_of(record.tte, paths)

    def plain_ipe(rows: np.ndarray) -> tuple[float, float]:
        sample = sample_of(record, rows, ())
        psi = iterated(plain_step(sample, None, False, True, "weibull"))[0]
        return psi, float(cox(unswitched(sample, psi)).coef[0])

    def plain_two_stage(rows: np.ndarray) -> tuple[float, float]:
        found = two_stage(sample_of(record, rows, ()), {"marker": then[rows]})
        return found.psi, math.log(found.hazard_ratio)

    def plain_g(rows: np.ndarray) -> tuple[float, float]:
        sample = sample_of(record, rows, ())
        held, base = panel(sample, path_of(rows), (), visits=True), secondary_baseline(sample)
        statistic, _ = switching_of_psi(sample, held, 0, base, cuts(sample, True), (3, False))
        psi = search_psi(Plainly(statistic), COARSE, 0.95, "grid").psi  # type: ignore[arg-type]
        effect = SwitchEffect(arm="0", psi=psi, psi_conf_int=(math.nan, math.nan))
        return psi, float(cox(restored(sample, {0: effect}, sample.switch, True)[0]).coef[0])  # type: ignore[arg-type]

    methods: dict[str, tuple[Callable[..., Any], Callable[[np.ndarray], tuple[float, float]]]] = {
        "ipe()": (lambda **more: ipe(record, **more), plain_ipe),
        "two_stage()": (lambda **more: two_stage(record, {"marker": then}, **more), plain_two_stage),
        "two_stage_g(), 41 points": (lambda **more: two_stage_g(record, paths, grid=COARSE, **more), plain_g),
    }
    for name, (method, plain) in methods.items():
        found: list[tuple[float, float]] = []

        def one_by_one(plain: Any = plain, found: Any = found) -> None:
            found[:] = [plain(np.repeat(np.arange(TRIAL), row)) for row in copies]

        line(name, cpu(method))
        ours, slow = cpu(lambda method=method: method(draws=REDRAWN, seed=SEED)), cpu(one_by_one)
        line(f"{name}, {REDRAWN} samples", ours)
        line(f"plain path: {REDRAWN} samples ({OF_PLAIN} run)", slow, REDRAWN / OF_PLAIN)
        ratio = REDRAWN / OF_PLAIN * statistics.median(slow) / statistics.median(ours)
        print(f"{'  plain over ours':52}{ratio:12.1f}")
        drawn = method(draws=REDRAWN, seed=SEED).bootstrap
        got = np.column_stack([drawn.psi, drawn.log_hazard_ratio])[:OF_PLAIN]
        np.testing.assert_allclose(found, got, rtol=1e-7, atol=1e-7)


def main() -> None:
    print(f"{read()[0]}; {SUBJECTS} subjects")
    print(f"{'':52}{'median ms':>12}{'from':>10}{'to':>10}")
    for search in get_args(Search):
        measure(search)
    print("the twin's samples have the same psi and hazard ratios")
    redrawn()
    print("samples of the plain paths have the same psi and hazard ratios")


if __name__ == "__main__":
    main()
