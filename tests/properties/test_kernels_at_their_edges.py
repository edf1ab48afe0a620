"""One patient, no visits, sets without patients, arms without patients, no targets: nothing is read out of bounds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.properties import kernels_at_their_edges

ROOT = Path(__file__).parents[2]


def test_compiled() -> None:
    kernels_at_their_edges.main()


def test_with_every_index_checked() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.properties.kernels_at_their_edges"],
        cwd=ROOT,
        env={**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "inside\n"
