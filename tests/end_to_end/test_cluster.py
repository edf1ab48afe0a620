"""A real Dask cluster: the same results to the bit, whatever happens to its workers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from distributed import LocalCluster
from tests.unit.test_simulate_trials import plan, same

from equipoise.errors import EquipoiseError
from equipoise.simulate import on_cluster, operating


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    ) as made:  # fmt: skip
        yield made


def test_the_same_results_though_workers_are_killed(cluster: Any) -> None:
    planned = plan()
    alone = operating(None, plan=planned, trials=60_500, seed=5)
    killed: list[tuple[int, int]] = []

    def kill(share: float) -> None:
        """Kill a worker once a twentieth of a run is there, and see that others of its trials were waiting."""
        if share >= 0.05 and len(killed) == runs:
            waiting = sum(len(state.processing) for state in cluster.scheduler.workers.values())
            pid = next(worker.process.pid for worker in cluster.workers.values() if worker.process is not None)
            os.kill(pid, signal.SIGKILL)
            killed.append((pid, waiting))

    with on_cluster(cluster.scheduler_address) as executor:
        operating(None, plan=planned, trials=2_000, seed=5, executor=executor)  # compiles
        runs = 0
        there = operating(None, plan=planned, trials=60_500, seed=5, executor=executor, progress=kill)
        runs = 1
        again = operating(None, plan=planned, trials=60_500, seed=5, executor=executor, progress=kill)
        last = operating(None, plan=planned, trials=60_500, seed=5, executor=executor)
    assert len({pid for pid, _ in killed}) == 2
    assert all(waiting > 0 for _, waiting in killed)
    assert same(alone, there)
    assert same(alone, again)
    assert same(alone, last)


def test_from_the_command_line(cluster: Any, tmp_path: Path) -> None:
    file = tmp_path / "trial.toml"
    toml = Path(__file__).parents[1] / "unit" / "simulated_trial.toml"
    file.write_text(
        toml.read_text()
        + """
[simulation.power]
label = "Power"
estimand = "OS"
scenario = "survival alone"
alpha = 0.025
sided = 1
hazard_ratio = [0.5]
"""
    )

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "equipoise.cli", "simulate", str(file), "--trials", "3000", *more]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    there = run("--cluster", cluster.scheduler_address)
    assert there.returncode == 0, there.stderr
    assert there.stdout == run("--keep", str(tmp_path / "kept")).stdout
    assert len(list((tmp_path / "kept").rglob("*.parquet"))) == 3


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nowhere"])
def test_nobody_answers(address: str) -> None:
    with pytest.raises(EquipoiseError, match="no Dask scheduler"), on_cluster(address, timeout="1 second"):
        pass
