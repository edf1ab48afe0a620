"""Every survival method on more than twenty thousand random data sets (slow tier): ties, truncation, strata, weights,
separation, empty risk sets. Equal to the twins, without a crash, a warning, or a NaN that has no reason.

The property tests are run again with three times as many examples; ``EQUIPOISE_FUZZ=30 pytest tests/properties`` tries
ten times as many as this does.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

TIMES, LEAST = 3, 20_000
ROOT = Path(__file__).parents[2]
FILES = [
    ROOT / "tests" / "properties" / f"test_{name}.py"
    for name in (
        "survival_against_twins", "weighted_against_twins", "means_against_twins", "cox_more_against_twins",
        "cox_steps_against_twins", "competing_against_twins", "batch_trial_by_trial", "counts_are_copies",
    )
]  # fmt: skip


def examples(path: Path) -> int:
    """The examples that the file's properties ask for."""
    found = 0
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "plenty":
            (count,) = node.args
            assert isinstance(count, ast.Constant)
            found += count.value
    return found


@pytest.mark.parametrize("path", FILES, ids=[p.stem for p in FILES])
def test_many_examples(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", str(path)],
        env={**os.environ, "EQUIPOISE_FUZZ": str(TIMES)}, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]


def test_they_are_enough() -> None:
    total = TIMES * sum(examples(path) for path in FILES)
    print(f"{total} data sets")
    assert total >= LEAST
