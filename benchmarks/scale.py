"""Time and memory from a thousand to ten million rows in arrays, and of a hundred million in a Parquet file.

    python benchmarks/scale.py                     # both; docs/figures/scale.svg is drawn
    python benchmarks/scale.py --only file --rows 2e8 --limit 1024

Arrays: construction of the TimeToEvent, Kaplan-Meier, log-rank and Cox (two arms, Efron), CPU (user + system), median
of as many runs as fit into a few seconds, and peak memory of the process; continuous and whole-day times; R's formula
interface (survfit, survdiff, coxph) beside it up to a million rows, where Rscript is.

File: whole-day times, plain (not compressed), larger than the memory that the child may take for data (--limit, MiB,
RLIMIT_DATA; pages of the file itself are the system's). count_table, then the same analyses; CPU, wall, peak memory.
Each measurement is in a process of its own, compilation done before.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

STEPS = ("TimeToEvent", "Kaplan-Meier", "log-rank", "Cox")
SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
CHUNK = 1_000_000
FIGURE = Path(__file__).parents[1] / "docs" / "figures" / "scale.svg"

R_SCRIPT = """
suppressMessages(library(survival))
a <- commandArgs(TRUE); n <- as.integer(a[2]); runs <- as.integer(a[3])
f <- file(a[1], "rb"); m <- matrix(readBin(f, "double", 3 * n), ncol = 3, byrow = TRUE); close(f)
d <- data.frame(time = m[, 1], event = m[, 2], arm = m[, 3]); rm(m)
cpu <- sapply(seq_len(runs), function(i) {
  p <- proc.time()
  survfit(Surv(time, event) ~ arm, data = d)
  survdiff(Surv(time, event) ~ arm, data = d)
  coxph(Surv(time, event) ~ arm, data = d)
  sum((proc.time() - p)[1:2])
})
cat(median(cpu))
"""


def chunk(rng: np.random.Generator, n: int, whole_days: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    arm = rng.integers(0, 2, n)
    death, lost = rng.exponential(400 * np.where(arm == 1, 1.4, 1.0)), rng.uniform(100, 1200, n)
    observed = np.minimum(death, lost)
    return np.ceil(observed) if whole_days else observed, death <= lost, arm.astype(np.int8)


def columns(n: int, whole_days: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same subjects on each call, made in parts so that making them is not the peak of memory."""
    rng = np.random.default_rng(20261202)
    observed, event, arm = np.empty(n), np.empty(n, dtype=bool), np.empty(n, dtype=np.int8)
    for first in range(0, n, CHUNK):
        part = slice(first, min(first + CHUNK, n))
        observed[part], event[part], arm[part] = chunk(rng, part.stop - first, whole_days)
    return observed, event, arm


def peak() -> float:
    """MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def analyses(make) -> list[float]:  # type: ignore[no-untyped-def]
    """CPU seconds of each step."""
    from equipoise.survival import cox, kaplan_meier, logrank

    cpu = [time.process_time()]
    tte = make()
    for step in (kaplan_meier, logrank, cox):
        cpu.append(time.process_time())
        step(tte)
    cpu.append(time.process_time())
    return np.diff(cpu).tolist()


def in_memory(n: int, whole_days: bool) -> dict[str, object]:
    from equipoise.survival import TimeToEvent

    def make(subjects: int) -> object:
        observed, event, arm = columns(subjects, whole_days)
        return lambda: TimeToEvent(observed, event, arm, control=0, experimental=1, unit="days")

    analyses(make(1000))
    once = make(n)
    before, runs, end = peak(), [], time.monotonic() + 4
    while len(runs) < 5 or time.monotonic() < end:
        runs.append(analyses(once))
        if n >= 1_000_000 and time.monotonic() > end:
            break
    return {"cpu": np.median(runs, axis=0).tolist(), "peak": peak(), "before": before, "runs": len(runs)}


def from_file(path: str, limit: int) -> dict[str, object]:
    import polars  # noqa: F401

    from equipoise.survival import count_table

    named = {"time": "AVAL", "event": "EVNT", "arm": "TRTP", "control": "A", "experimental": "B", "unit": "days"}
    small = polars_frame(2000)
    analyses(lambda: count_table(small, **named))  # type: ignore[arg-type]
    if limit:
        resource.setrlimit(resource.RLIMIT_DATA, (limit << 20, limit << 20))
    wall, rows = time.monotonic(), []

    def make() -> object:
        tte = count_table(path, **named)  # type: ignore[arg-type]
        rows.append((tte.n, tte.subjects))
        return tte

    cpu = analyses(make)
    return {"cpu": cpu, "wall": time.monotonic() - wall, "peak": peak(), "rows": rows[0]}


def polars_frame(n: int):  # type: ignore[no-untyped-def]
    import polars as pl

    observed, event, arm = columns(n, True)
    return pl.LazyFrame({"AVAL": observed, "EVNT": event.astype(np.int8), "TRTP": np.array(["A", "B"])[arm]})


def write_parquet(path: Path, n: int) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng, labels = np.random.default_rng(20261203), pa.array(["A", "B"])
    schema = pa.schema([("AVAL", pa.float64()), ("EVNT", pa.int8()), ("TRTP", pa.string())])
    with pq.ParquetWriter(path, schema, compression="none", use_dictionary=False) as writer:
        for first in range(0, n, CHUNK):
            observed, event, arm = chunk(rng, min(CHUNK, n - first), True)
            parts = [pa.array(observed), pa.array(event.astype(np.int8)), labels.take(pa.array(arm))]
            writer.write_table(pa.table(parts, schema=schema))


def child(*arguments: object) -> dict[str, object]:
    done = subprocess.run([sys.executable, __file__, *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{arguments}: {done.stderr[-2000:]}")
    found: dict[str, object] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def by_r(n: int, whole_days: bool, folder: Path) -> float | None:
    """CPU seconds of R's three functions, or None without R."""
    np.column_stack(columns(n, whole_days)).tofile(folder / "rows")
    (folder / "peer.R").write_text(R_SCRIPT)
    command = ["Rscript", str(folder / "peer.R"), str(folder / "rows"), str(n), "1" if n >= 1_000_000 else "5"]
    try:
        return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    except FileNotFoundError:
        return None


def series(folder: Path) -> dict[tuple[str, int], tuple[list[float], float | None]]:
    print(
        f"{'rows':>11} {'times':12}{'runs':>5}" + "".join(f"{s:>14}" for s in (*STEPS, "all, ms", "R, ms", "peak MiB"))
    )
    found = {}
    for kind in ("continuous", "whole days"):
        for n in SIZES:
            ours = child("--measure", n, "--kind", kind)
            r = by_r(n, kind == "whole days", folder) if n <= 1_000_000 else None
            cpu = [1000 * float(c) for c in ours["cpu"]]  # type: ignore[attr-defined]
            shown = [f"{c:.3g}" for c in (*cpu, sum(cpu))] + [
                "" if r is None else f"{1000 * r:.3g}",
                f"{ours['peak']:.0f}",
            ]
            print(f"{n:>11} {kind:12}{ours['runs']:>5}" + "".join(f"{s:>14}" for s in shown), flush=True)
            found[kind, n] = (cpu, r)
    return found


def draw(found: dict[tuple[str, int], tuple[list[float], float | None]]) -> None:
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "scale"
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 4), sharey=True, layout="constrained")
    for axis, kind in zip(axes, ("continuous", "whole days"), strict=True):
        sizes = [n for k, n in found if k == kind]
        steps = np.array([found[kind, n][0] for n in sizes])
        for i, step in enumerate(STEPS):
            axis.loglog(sizes, steps[:, i], marker=".", linewidth=1, label=step)
        axis.loglog(sizes, steps.sum(axis=1), color="black", marker=".", linewidth=2, label="all of these")
        r = [(n, 1000 * cpu) for n in sizes if (cpu := found[kind, n][1]) is not None]
        if r:
            axis.loglog(*zip(*r, strict=True), color="grey", marker=".", linestyle="--", label="R's three, by formula")
        axis.set(title="continuous times" if kind == "continuous" else "times in whole days", xlabel="rows")
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("CPU, ms")
    axes[0].legend(fontsize=8)
    FIGURE.parent.mkdir(exist_ok=True)
    figure.savefig(FIGURE, metadata={"Date": None})
    print(f"drawn: {FIGURE}")


def file_of(rows: int, limit: int, folder: Path) -> None:
    path = folder / "rows.parquet"
    write_parquet(path, rows)
    found = child("--measure-file", path, "--limit", limit)
    cpu = [float(c) for c in found["cpu"]]  # type: ignore[attr-defined]
    distinct, subjects = found["rows"]  # type: ignore[misc]
    size = path.stat().st_size / 2**20
    print(f"{subjects} rows in a file of {size:.0f} MiB, {distinct} different; memory for data limited to {limit} MiB")
    print(
        f"CPU, s: count_table {cpu[0]:.2f}, "
        + ", ".join(f"{s} {c:.2f}" for s, c in zip(STEPS[1:], cpu[1:], strict=True))
    )
    print(f"all {sum(cpu):.2f} s CPU, {found['wall']:.1f} s wall, peak memory {found['peak']:.0f} MiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("arrays", "file"))
    parser.add_argument("--rows", type=float, default=1e8)
    parser.add_argument("--limit", type=int, default=1024, help="MiB of data the child may take; 0: no limit")
    for hidden in ("--measure", "--kind", "--measure-file"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(in_memory(int(options.measure), options.kind == "whole days")))
    elif options.measure_file:
        print(json.dumps(from_file(options.measure_file, options.limit)))
    else:
        with tempfile.TemporaryDirectory() as name:
            if options.only != "file":
                draw(series(Path(name)))
            if options.only != "arrays":
                file_of(int(options.rows), options.limit, Path(name))


if __name__ == "__main__":
    main()
