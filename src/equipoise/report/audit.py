"""The page of an audit of published numbers: verdicts, what is notable, and what every check took for granted."""

from __future__ import annotations

import hashlib
import platform
from importlib.metadata import version  # noqa: TID251 - reads version numbers, imports nothing
from pathlib import Path

from ..reconstruct import CLOSING, Audit, Check
from .document import environment, write_files
from .tables import INDENT, Table, results_table

_MARK = "PUBLISHED NUMBERS: nothing is estimated here; what is printed is compared with itself"


def write_audit(found: Audit, out: str | Path) -> tuple[Path, ...]:
    """Write audit.html and audit.csv (the long table) into a folder; returns the files."""
    return write_files(Path(out), {"audit.csv": found.table().write_csv(), "audit.html": audit_html(found)})


def audit_html(found: Audit) -> str:
    """An audit as one HTML page without any reference to the outside."""
    return environment().get_template("audit.html").render(
        trial=found.trial,
        mark=_MARK,
        sentence=str(found),
        closing=CLOSING,
        warnings=found.warnings,
        table=audit_table(found),
        sentences=[_in_full(check) for check in found.checks],
        notes=taken_for_granted(found),
        sources=[f"{name}: {text}" for name, text in found.trial.published.sources.items()],
        all_results=results_table(found.rows(), at="At"),
        provenance=_provenance(found),
    )  # fmt: skip


def audit_table(found: Audit) -> Table:
    """Each check: what it is of, the numbers it used as printed, what follows, and its verdict."""
    lines: list[tuple[str, tuple[str, ...]]] = []
    for of, arm in dict.fromkeys((c.of, c.arm) for c in found.checks):
        lines.append((", ".join(part for part in (of, arm) if part) or "All subjects", ()))
        for check in (c for c in found.checks if (c.of, c.arm) == (of, arm)):
            verdict = f"{check.verdict} (notable)" if check.notable else check.verdict
            lines.append((f"{INDENT}{check.kind}", (check.printed, check.interval, verdict, _numbered(found, check))))
    return Table(
        title=f"{found.trial.name}: are the published numbers consistent?",
        head=("", "Printed", "What follows", "Verdict", "Given"),
        lines=tuple(lines),
    )


def taken_for_granted(found: Audit) -> list[str]:
    """The conventions, numbered as the table's last column names them."""
    return [f"taken for granted ({i}): {text}" for i, text in enumerate(found.assumed, start=1)]


def _numbered(found: Audit, check: Check) -> str:
    return ", ".join(str(found.assumed.index(text) + 1) for text in check.assumed)


def _in_full(check: Check) -> str:
    """A check with what it takes for granted, and where its numbers stand."""
    given = f". Taken for granted: {'; '.join(check.assumed)}" if check.assumed else ""
    return f"{check}{given}. From {check.paths}."


def _provenance(found: Audit) -> list[str]:
    software = ", ".join(f"{p} {version(p)}" for p in ("equipoise", "numpy", "scipy", "polars"))
    return [
        f"Software: {software}, Python {platform.python_version()}.",
        f"Protocol SHA-256: {found.trial.digest}",
        f"Results table SHA-256: {hashlib.sha256(found.table().write_csv().encode()).hexdigest()}",
    ]
