"""The verdicts on ten published trials as a Markdown table: `python -m tests.end_to_end.audited`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from equipoise.protocol import read
from equipoise.reconstruct import CLOSING, Audit, audit

FILES = sorted(Path(__file__).parent.glob("*.toml"))


def table(audits: list[Audit]) -> str:
    """A line a trial: how many checks, and each one that is not simply consistent, with its reason."""
    lines = [
        "| trial | checks | consistent | cannot say | impossible | what is worth a look |",
        "|---|---|---|---|---|---|",
    ]
    for found in audits:
        verdicts = Counter(check.verdict for check in found.checks)
        counts = " | ".join(str(verdicts[v]) for v in ("consistent", "cannot say", "impossible"))
        looks = "<br>".join(str(check) for check in (*found.impossible, *found.notable)) or "nothing"
        lines.append(f"| {found.trial.name} | {len(found.checks)} | {counts} | {looks} |")
    return "\n".join([*lines, "", f"{CLOSING}."])


if __name__ == "__main__":
    print(table([audit(read(file)) for file in FILES]))
