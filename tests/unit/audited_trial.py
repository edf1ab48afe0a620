"""A trial of two arms with the published numbers that a test gives it: what audits are tested on."""

from __future__ import annotations

from pathlib import Path

from equipoise.protocol import read
from equipoise.reconstruct import Audit, Check, audit

HEAD = (Path(__file__).parents[1] / "calibration" / "printed_trial.toml").read_text(encoding="utf-8")
PEOPLE = [("subjects", "100", {"arm": "E"}), ("subjects", "100", {"arm": "C"})]

Given = tuple[str, str, dict[str, object]]


def numbers_of(*given: Given) -> str:
    lines = []
    for statistic, printed, more in given:
        pairs = {"statistic": statistic, "printed": printed, "source": "paper", "use": "shown", **more}
        shown = [f"{k} = {str(v).lower() if isinstance(v, bool) else v if isinstance(v, int | float) else repr(v)}"
                 for k, v in pairs.items()]  # fmt: skip
        lines.append(f"  {{ {', '.join(shown)} }},".replace("'", '"'))
    return "\n".join(lines)


def protocol_text(*given: Given, testing: str = "") -> str:
    return f'{HEAD}\n{testing}\n[published]\nsources.paper = "A paper"\nsources.other = "Another"\nnumbers = [\n' + (
        numbers_of(*given) + "\n]\n"
    )


def audited(folder: Path, *given: Given, testing: str = "") -> Audit:
    file = folder / "trial.toml"
    file.write_text(protocol_text(*given, testing=testing), encoding="utf-8")
    return audit(read(file))


def check_of(found: Audit, kind: str) -> Check:
    """The one check of a kind."""
    (check,) = [c for c in found.checks if c.kind == kind]
    return check


def ratio(estimate: str, lower: str, upper: str, **more: object) -> list[Given]:
    own = {"estimand": "PFS", **more}
    level = {k: own.pop(k) for k in ("confidence",) if k in own}
    return [
        ("hazard ratio", estimate, own),
        ("hazard ratio lower limit", lower, {**own, **level}),
        ("hazard ratio upper limit", upper, {**own, **level}),
    ]  # fmt: skip


def p(printed: str, **more: object) -> Given:
    return "P", printed, {"estimand": "PFS", **more}
