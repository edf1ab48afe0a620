"""The calibration of the survival core in full: size, power and coverage of every method, written into the docs.

    .venv/bin/python -m tests.calibration.table                     # 10,000 trials each; docs/calibration.md
    .venv/bin/python -m tests.calibration.table --trials 500 --out /tmp/calibration.md

Run from the root of the checkout. What is done is kept (``--state``) and not done again, unless the code that it rests
on has changed; the run may be stopped at any time.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from multiprocessing import Pool
from pathlib import Path

from tests.calibration import enumerated, families, standard_errors
from tests.calibration.counted import (
    SIZES,
    Key,
    Numbers,
    digests,
    file_of,
    perform,
    tasks,
    without,
)
from tests.calibration.rates import FAMILY_WISE, Method, Rate, monte_carlo_error
from tests.calibration.register import by_scenario
from tests.calibration.simulated import SEED

import equipoise

ROOT = Path(__file__).parents[2]
BEGIN, END = "<!-- survival core: begin -->", "<!-- survival core: end -->"
Kept = dict[Key, dict[str, Numbers]]


# ------------------------------------------------------------------------------------------------------------ the run
def read(state: Path) -> Kept:
    """What an earlier run left, as far as it is of the code as it stands."""
    now, kept = digests(), Kept()
    for line in state.read_text().splitlines() if state.exists() else ():
        try:
            record = json.loads(line)
            key = tuple(record["key"])
            current = now[file_of(key)]
        except ValueError:  # a line cut short, a method that is no more
            continue
        if record["digest"] == current:
            kept[key] = {rate: tuple(numbers) for rate, numbers in record["found"].items()}
    return kept


def run(count: int, state: Path, processes: int) -> Kept:
    kept = read(state)
    planned = list(tasks(count))
    wanted = {key for task in planned for key in task.addresses()}
    todo = [left for task in planned if (left := without(task, set(kept)))]
    state.parent.mkdir(parents=True, exist_ok=True)
    now, started = digests(), time.monotonic()
    with state.open("a") as file, Pool(processes) as pool:
        for i, found in enumerate(pool.imap_unordered(perform, todo), 1):
            for key, numbers in found.items():
                kept[key] = numbers
                file.write(json.dumps({"key": key, "digest": now[file_of(key)], "found": numbers}) + "\n")
            file.flush()
            if i % 10 == 0 or i == len(todo):
                minutes = (time.monotonic() - started) / 60
                print(f"{i} of {len(todo)} tasks, {minutes:.1f} minutes", file=sys.stderr, flush=True)
    return {key: numbers for key, numbers in kept.items() if key in wanted}


# ---------------------------------------------------------------------------------------------------------- the table
def share(value: float) -> str:
    return f"{value:.4f}".removeprefix("0")


def ruled(*head: str) -> list[str]:
    """The first two lines of a table."""
    return [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]


_BY_SIZE = [f"n = {n:,}" for n in SIZES]


def cell(rate: Rate, hits: float, values: float, count: int) -> str:
    """The observed rate; marked where chance does not explain its distance from nominal."""
    if not values:
        return ""
    text, nominal = share(hits / values), rate.nominal
    if nominal is not None and abs(hits / values - nominal) > FAMILY_WISE * monte_carlo_error(nominal, int(values)):
        text += "\\*"
    return text if values == count else f"{text} ({values:,.0f})"


def of(kept: Kept, *start: str | int) -> Iterator[tuple[Key, dict[str, Numbers]]]:
    """What was kept under keys that begin so."""
    return ((key, found) for key, found in kept.items() if key[: len(start)] == start)


def rows_of(method: Method, kept: Kept, count: int) -> list[str]:
    """A row a rate."""
    sums: dict[tuple[str, int], list[float]] = defaultdict(lambda: [0.0, 0.0])
    for key, found in of(kept, "trials", method.name, method.scenario.purpose):
        for rate, (hits, values) in found.items():
            sums[rate, int(key[3])][0] += hits
            sums[rate, int(key[3])][1] += values
    same = [found["same"] for _, found in of(kept, "second program", method.name, method.scenario.purpose)]
    second = "; ".join(f"{n:,}" if hits == n else f"{hits:,} of {n:,}" for hits, n in same)
    rows = []
    for name, rate in method.rates.items():
        cells = [cell(rate, *sums[name, n], count) for n in SIZES]
        nominal = "power" if rate.nominal is None else share(rate.nominal).rstrip("0")
        error = share(monte_carlo_error(rate.nominal or 0.5, count))
        rows.append(f"| {method.name}: {name} | {nominal} | {' | '.join(cells)} | {error} | {second} |")
    return rows


def simulated_tables(kept: Kept, count: int) -> list[str]:
    lines = []
    for scenario, methods in by_scenario().items():
        lines += ["", f"**{scenario.name[0].upper()}{scenario.name[1:]}**", ""]
        lines += ruled("rate", "nominal", *_BY_SIZE, "error", "second program")
        for method in methods:
            lines += rows_of(method, kept, count)
    return lines


def enumerated_table(kept: Kept) -> list[str]:
    lines = ruled("method", "nominal", *_BY_SIZE, "true values")
    for method in enumerated.METHODS:
        cells = []
        for n in SIZES:
            ((_, found),) = of(kept, "enumeration", method.name, 0, n)
            rates = found["rates"]
            cells.append(f"{share(sum(rates) / len(rates))}; {share(min(rates))}; {share(max(rates))}")
        nominal = share(method.nominal).rstrip("0")
        sense = f"at {'most' if method.kind == 'size' else 'least'} {nominal}" if method.exact else nominal
        lines.append(f"| {method.name} | {sense} | {' | '.join(cells)} | {len(method.values)} |")
    return lines


def families_table(kept: Kept) -> list[str]:
    lines = ruled("procedure", *(f"false: {f}" for f in families.FALSE_BY))
    for procedure in families.PROCEDURES:
        ((_, found),) = of(kept, "families", procedure.name)
        lines.append(f"| {procedure.name} | {' | '.join(share(e / n) for e, n in found.values())} |")
    return lines


def errors_table(kept: Kept) -> list[str]:
    lines = ruled("mean standard error over spread", *_BY_SIZE)
    for estimate in standard_errors.ESTIMATES:
        cells = []
        for n in SIZES:
            blocks = of(kept, "standard errors", estimate.name, estimate.scenario.purpose, n)
            count, values, squares, errors = map(sum, zip(*(found["sums"] for _, found in blocks), strict=True))
            cells.append(f"{standard_errors.over_spread((count, values, squares, errors)):.3f}")
        lines.append(f"| {estimate.name} | {' | '.join(cells)} |")
    return lines


def section(kept: Kept, count: int) -> str:
    pairs = [found["same"] for _, found in of(kept, "second program")]
    compared, same = sum(n for _, n in pairs), sum(hits for hits, _ in pairs)
    lines = [
        BEGIN,
        f"`.venv/bin/python -m tests.calibration.table --trials {count}` makes this section: version",
        f"{equipoise.__version__}, seed {SEED}, {count:,} trials for each n, the number of patients of both arms.",
        "[simulated.py](../tests/calibration/simulated.py) says what a trial is and how true values are found. Tests",
        "are at two-sided 5% or one-sided 2.5%, limits are 95% limits, and a rate of limits is their coverage.",
        "",
        'Column "error": the Monte Carlo error of a nominal rate, or of a power of one half. A star: the rate lies',
        f"more than {FAMILY_WISE} such errors from nominal, so the approximation is off there. In brackets: how many",
        "trials gave a value, where not all did (an arm not followed so long, nobody left at risk). Column",
        '"second program": in so many of the trials of 50 patients the plain twin of the method decided too, from its',
        f"own P values and limits: {compared:,} comparisons, {compared - same:,} differences. So on them the rates of",
        "the two programs are equal. The slow tier repeats a fraction and asserts that and, at n = 1,000, one point",
        "from nominal.",
        *simulated_tables(kept, count),
        "",
        "**Standard errors and the spread of the estimates**",
        "",
        *errors_table(kept),
        "",
        "**Counts, exactly**",
        "",
        "Every table weighed by its probability, over a grid of true values, with n patients (or patient-years) in",
        "each arm: mean; least; most.",
        "",
        *enumerated_table(kept),
        "",
        "**Family-wise error**",
        "",
        f"Three hypotheses whose z have correlation 0.5, two-sided 5%, {10 * count:,} families each: at most .05,",
        f"Monte Carlo error {share(monte_carlo_error(0.05, 10 * count))}.",
        "",
        *families_table(kept),
        END,
    ]
    return "\n".join(lines)


def write(out: Path, text: str) -> None:
    """The section between its markers; the rest of the page stays. A page without markers is made anew."""
    page = out.read_text(encoding="utf-8") if out.exists() else f"{BEGIN}\n{END}\n"
    before, rest = page.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    out.write_text(before + text + after, encoding="utf-8")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--trials", type=int, default=10_000)
    arguments.add_argument("--out", type=Path, default=ROOT / "docs" / "calibration.md")
    arguments.add_argument("--state", type=Path, default=ROOT / "build" / "calibration.jsonl")
    arguments.add_argument("--processes", type=int, default=2)
    given = arguments.parse_args()
    write(given.out, section(run(given.trials, given.state, given.processes), given.trials))


if __name__ == "__main__":
    main()
