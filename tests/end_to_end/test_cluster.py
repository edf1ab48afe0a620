"""A real Dask cluster: the same results to the bit, whatever happens to its workers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
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
    killed = []

    def kill() -> None:
        for _ in range(2):
            time.sleep(1.0)
            pid = next(worker.process.pid for worker in cluster.workers.values() if worker.process is not None)
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)

    with on_cluster(cluster.scheduler_address) as executor:
        operating(None, plan=planned, trials=2_000, seed=5, executor=executor)  # compiles
        killer = threading.Thread(target=kill)
        killer.start()
        there = operating(None, plan=planned, trials=60_500, seed=5, executor=executor)
        again = operating(None, plan=planned, trials=60_500, seed=5, executor=executor)
        killer.join()
        last = operating(None, plan=planned, trials=60_500, seed=5, executor=executor)
    assert len(killed) == 2
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
